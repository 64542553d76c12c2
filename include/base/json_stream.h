/* base/json_stream.h - reading one JSON text of any length that comes in pieces of any size, in fixed memory.
 *
 * A push machine: bytes in, events out. The owner says of each value, when it begins, what is to become of
 * it. Objects are entered member by member; only what is kept whole needs room, and its size is bounded by
 * the owner's buffer. For one bounded value that lies in memory see base/json_read.h. Strictness is
 * json_read's: anything that is not JSON is E_SYNTAX with the byte offset in words. */
#ifndef PICKET_BASE_JSON_STREAM_H
#define PICKET_BASE_JSON_STREAM_H

#include "base/json_read.h"

#define JSON_STREAM_DEPTH 32     /* deeper nesting is E_SYNTAX */
#define JSON_STREAM_KEY_BYTES 64 /* a longer key is told as "", which no owner wants */

enum json_want {
    JSON_SKIP,  /* checked, not told */
    JSON_ENTER, /* containers: their values are told one by one, then left() */
    JSON_KEEP,  /* collected whole as raw JSON text, then kept() */
    JSON_PASS   /* strings: their unescaped bytes through passed() in pieces, then left() */
};

struct json_stream_events {
    /* A value begins at depth (0: the root). key: its unescaped name in an object, NULL in an array and for
     * the root. Only containers may be entered, only strings passed: for anything else that answer means
     * SKIP. */
    enum json_want (*value)(void *arg, unsigned depth, enum json_kind kind, const char *key);
    /* What was to be kept: n bytes of JSON text with a NUL after them, valid during the call. key as above.
     */
    enum err (*kept)(void *arg, unsigned depth, const char *key, const char *json, size_t n, struct error *e);
    /* Bytes of a string that is passed (a lone surrogate \udc80-\udcff is its raw byte; others E_VALUE). */
    enum err (*passed)(void *arg, const char *bytes, size_t n, struct error *e);
    /* A container that was entered, or a string that was passed, has ended. */
    enum err (*left)(void *arg, unsigned depth, enum json_kind kind, struct error *e);
};

struct json_stream {
    const struct json_stream_events *events; /* members that are never needed may be NULL */
    void *arg;
    char *keep; /* the owner's, for JSON_KEEP */
    size_t keep_cap, keep_n;
    uint64_t at; /* bytes taken so far */
    bool failed; /* an error was returned: everything after it is E_SYNTAX */
    unsigned depth;
    uint8_t kind[JSON_STREAM_DEPTH];
    uint8_t want[JSON_STREAM_DEPTH];
    char key[JSON_STREAM_KEY_BYTES];
    size_t key_n;
    uint8_t state, literal_at; /* enum in json_stream.c */
    uint32_t surrogate, code;
    uint8_t code_n, number;
    unsigned wanted_depth; /* depth of the value that is skipped, kept or passed */
    uint8_t mode;
    char piece[256]; /* unescaped bytes not told yet */
    size_t piece_n;
};

/* keep may be NULL with keep_cap 0; a value of more than keep_cap - 1 bytes that is to be kept is E_LIMIT. */
void json_stream_init(struct json_stream *s, const struct json_stream_events *events, void *arg, char *keep,
                      size_t keep_cap);
/* The error of an event is returned as it is, and ends the reading. */
enum err json_stream_push(struct json_stream *s, const char *bytes, size_t n, struct error *e);
/* The text is over: E_TRUNCATED when it is not whole. */
enum err json_stream_finish(struct json_stream *s, struct error *e);

#endif
