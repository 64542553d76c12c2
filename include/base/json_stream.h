/* base/json_stream.h - reading one JSON text of any length that comes in pieces of any size, in fixed memory.
 *
 * A push machine: bytes in, events out. The owner says of each value, when it begins, what is to become of
 * it. Objects are entered member by member; only what is kept whole needs room, and its size is bounded by
 * the owner's buffer. For one bounded value that lies in memory see base/json_read.h. Strictness is
 * json_read's: anything that is not JSON is E_SYNTAX with the byte offset in words. */
#ifndef PICKET_BASE_JSON_STREAM_H
#define PICKET_BASE_JSON_STREAM_H

#include "base/json_scan.h"

#define JSON_STREAM_DEPTH JSON_SCAN_DEPTH /* deeper nesting is E_SYNTAX */
/* With NUL. A longer key, and one that no C string holds, is told as "", which no owner wants. */
#define JSON_STREAM_KEY_BYTES 64

enum json_want {
    JSON_SKIP,  /* checked, not told */
    JSON_ENTER, /* containers: their values are told one by one, then left() */
    JSON_KEEP,  /* collected whole as raw JSON text, then kept() */
    JSON_PASS   /* strings: their unescaped bytes through passed() in pieces, then left() */
};

struct json_stream_events {
    /* A value begins at depth (0: the root). key: its unescaped name in an object, NULL in an array and for
     * the root. Only containers may be entered, only strings passed: for anything else that answer means
     * SKIP. NULL: everything is skipped. */
    enum json_want (*value)(void *arg, unsigned depth, enum json_kind kind, const char *key);
    /* What was to be kept: n bytes of JSON text with a NUL after them, valid during the call. key as above.
     */
    enum err (*kept)(void *arg, unsigned depth, const char *key, const char *json, size_t n, struct error *e);
    /* Bytes of a string that is passed (a lone surrogate \udc80-\udcff is its raw byte; others, and U+0000,
     * are E_VALUE). */
    enum err (*passed)(void *arg, const char *bytes, size_t n, struct error *e);
    /* A container that was entered, or a string that was passed, has ended. */
    enum err (*left)(void *arg, unsigned depth, enum json_kind kind, struct error *e);
    /* What was to be kept does not fit; what this returns goes for the whole reading, E_OK: the value is
     * skipped instead. NULL: E_LIMIT. */
    enum err (*too_long)(void *arg, unsigned depth, const char *key, struct error *e);
};

struct json_stream {
    const struct json_stream_events *events; /* members that are never needed may be NULL */
    void *arg;
    char *keep; /* the owner's, for JSON_KEEP */
    size_t keep_cap, keep_n;
    uint64_t at; /* bytes taken so far; in an event: behind the first byte of a value that begins, or behind
                  * the last one of a value that ends */
    bool failed; /* an error was returned: everything after it is E_SYNTAX */
    /* its own */
    struct json_scan scan;
    uint8_t want;           /* enum json_want of the value that is told and not entered */
    bool ending;            /* a string that was passed is over, and left() is due */
    bool key_bad, key_half; /* no C string holds the key; half a surrogate pair is at its end */
    uint8_t key_n;
    uint8_t piece_n; /* bytes of piece */
    char key[JSON_STREAM_KEY_BYTES];
    char piece[248]; /* unescaped bytes not told yet */
};

/* keep may be NULL with keep_cap 0; a value of more than keep_cap - 1 bytes that is to be kept is E_LIMIT. */
void json_stream_init(struct json_stream *s, const struct json_stream_events *events, void *arg, char *keep,
                      size_t keep_cap);
/* The error of an event is returned as it is, and ends the reading. But E_AGAIN of kept(), passed(), left()
 * and too_long() is a pause: the push, or the finish, ends with E_AGAIN behind that event; s->at tells how
 * many bytes were taken; what was told stays valid until the next push, which must go on with the byte after
 * them (or until the next finish). */
enum err json_stream_push(struct json_stream *s, const char *bytes, size_t n, struct error *e);
/* The text is over: E_TRUNCATED when it is not whole. A number that stands alone and is to be kept is told
 * now. */
enum err json_stream_finish(struct json_stream *s, struct error *e);

#endif
