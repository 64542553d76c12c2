/* base/json_stream.c - turns the parts that json_scan tells into a dialogue with the owner of the stream.
 *
 * scan.tell is the number of containers that were entered, which is the depth of the values that are told;
 * what lies deeper passes through the scan without a stop. */
#include "base/json_stream.h"

#include <string.h>

_Static_assert(sizeof((struct json_stream *)0)->piece <= UINT8_MAX, "piece_n is too small");
#define CHAR_BYTES 4 /* an escape becomes at most */

void json_stream_init(struct json_stream *s, const struct json_stream_events *events, void *arg, char *keep,
                      size_t keep_cap) {
    *s = (struct json_stream){.events = events, .arg = arg, .keep = keep, .keep_cap = keep_cap};
    json_scan_init(&s->scan, 0);
}

/* ---- what an event says ---- */

static unsigned depth_of(const struct json_stream *s) {
    return (unsigned)s->scan.tell;
}

/* The key of the value that is told; NULL when it has none. */
static const char *key_of(const struct json_stream *s) {
    unsigned depth = depth_of(s);
    return depth && json_scan_is_object(&s->scan, depth - 1) ? s->key : NULL;
}

static enum err tell_left(struct json_stream *s, enum json_kind kind, struct error *e) {
    return s->events->left ? s->events->left(s->arg, depth_of(s), kind, e) : E_OK;
}

static enum err tell_passed(struct json_stream *s, const char *bytes, size_t n, struct error *e) {
    return s->events->passed && n ? s->events->passed(s->arg, bytes, n, e) : E_OK;
}

static enum err tell_piece(struct json_stream *s, struct error *e) {
    size_t n = s->piece_n;
    s->piece_n = 0;
    return tell_passed(s, s->piece, n, e);
}

/* ---- texts ---- */

static void take_key(struct json_stream *s, enum json_part part) {
    const char *bytes;
    size_t n;
    if (json_scan_text(&s->scan, part, &bytes, &n) != E_OK || n >= sizeof s->key - s->key_n)
        s->key_bad = true;
    s->key_half = s->scan.high != 0;
    if (s->key_bad)
        return;
    memcpy(s->key + s->key_n, bytes, n);
    s->key_n = (uint8_t)(s->key_n + n);
}

static enum err bad_text(struct json_stream *s, struct error *e) {
    return error_set(e, E_VALUE, 0, "JSON, byte %llu: a character that no string holds",
                     (unsigned long long)s->at);
}

static enum err take_passed(struct json_stream *s, enum json_part part, struct error *e) {
    const char *bytes;
    size_t n;
    if (json_scan_text(&s->scan, part, &bytes, &n) != E_OK)
        return bad_text(s, e);
    if (n > sizeof s->piece - s->piece_n) { /* a run: an escape always fits */
        if (s->piece_n == 0)
            return tell_passed(s, bytes, n, e);
        s->scan.at -= n; /* it comes once more, when the piece is empty */
        return tell_piece(s, e);
    }
    memcpy(s->piece + s->piece_n, bytes, n);
    s->piece_n = (uint8_t)(s->piece_n + n);
    return s->piece_n > sizeof s->piece - CHAR_BYTES ? tell_piece(s, e) : E_OK;
}

/* The last bytes and the end are two events: there may be a pause between them. */
static enum err end_passed(struct json_stream *s, struct error *e) {
    s->ending = true;
    enum err err = s->scan.high ? bad_text(s, e) : tell_piece(s, e);
    if (err != E_OK)
        return err;
    s->ending = false;
    s->want = JSON_SKIP;
    return tell_left(s, JSON_STRING, e);
}

/* ---- values that are kept ---- */

/* Keeps what lies from value up to what is taken. */
static enum err keep(struct json_stream *s, const char *value, struct error *e) {
    size_t n = (size_t)(s->scan.at - value);
    if (n < s->keep_cap - s->keep_n) { /* one byte stays for the NUL */
        memcpy(s->keep + s->keep_n, value, n);
        s->keep_n += n;
        return E_OK;
    }
    s->want = JSON_SKIP;
    if (s->events->too_long)
        return s->events->too_long(s->arg, depth_of(s), key_of(s), e);
    return error_set(e, E_LIMIT, 0, "JSON, byte %llu: a value of more than %zu bytes",
                     (unsigned long long)s->at, s->keep_cap ? s->keep_cap - 1 : 0);
}

static enum err end_kept(struct json_stream *s, struct error *e) {
    s->want = JSON_SKIP;
    s->keep[s->keep_n] = '\0';
    return s->events->kept(s->arg, depth_of(s), key_of(s), s->keep, s->keep_n, e);
}

/* ---- parts ---- */

static void begin_value(struct json_stream *s, const char **value) {
    enum json_kind kind = s->scan.kind;
    enum json_want want = JSON_SKIP;
    s->key[s->key_bad || s->key_half ? 0 : s->key_n] = '\0';
    if (s->events->value)
        want = s->events->value(s->arg, depth_of(s), kind, key_of(s));
    s->want = JSON_SKIP;
    if (want == JSON_ENTER && (kind == JSON_OBJECT || kind == JSON_ARRAY)) {
        s->scan.tell++;
    } else if (want == JSON_PASS && kind == JSON_STRING) {
        s->want = JSON_PASS;
        s->scan.tell_text = true;
    } else if (want == JSON_KEEP) {
        s->want = JSON_KEEP;
        s->keep_n = 0;
        *value = s->scan.at - 1;
    }
}

static enum err end_value(struct json_stream *s, const char *value, struct error *e) {
    if (depth_of(s) > s->scan.depth) { /* it was entered */
        s->scan.tell--;
        return tell_left(s, s->scan.kind, e);
    }
    if (s->want == JSON_PASS)
        return end_passed(s, e);
    enum err err = s->want == JSON_KEEP ? keep(s, value, e) : E_OK;
    return err == E_OK && s->want == JSON_KEEP ? end_kept(s, e) : err;
}

/* value: where in this piece the value that is kept begins. */
static enum err take_part(struct json_stream *s, enum json_part part, const char **value, struct error *e) {
    switch (part) {
    case JSON_PART_KEY:
        s->key_n = 0;
        s->key_bad = s->key_half = false;
        return E_OK;
    case JSON_PART_BEGIN:
        begin_value(s, value);
        return E_OK;
    case JSON_PART_RUN:
    case JSON_PART_UNIT:
        if (s->want == JSON_PASS)
            return take_passed(s, part, e);
        take_key(s, part);
        return E_OK;
    case JSON_PART_END:
        return end_value(s, *value, e);
    case JSON_PART_NONE:
        return s->want == JSON_KEEP ? keep(s, *value, e) : E_OK;
    default:
        return error_set(e, E_SYNTAX, 0, "JSON, byte %llu: %s", (unsigned long long)s->at, s->scan.wrong);
    }
}

static enum err after_error(struct error *e) {
    return error_set(e, E_SYNTAX, 0, "JSON: more after an error");
}

enum err json_stream_push(struct json_stream *s, const char *bytes, size_t n, struct error *e) {
    if (s->failed)
        return after_error(e);
    uint64_t before = s->at;
    const char *value = bytes;
    enum json_part part = JSON_PART_BEGIN;
    enum err err = s->ending ? end_passed(s, e) : E_OK;
    json_scan_piece(&s->scan, bytes, n);
    while (err == E_OK && part != JSON_PART_NONE) {
        part = json_scan_next(&s->scan);
        s->at = before + (size_t)(s->scan.at - bytes);
        err = take_part(s, part, &value, e);
    }
    s->at = before + (size_t)(s->scan.at - bytes);
    s->failed = err != E_OK && err != E_AGAIN;
    return err;
}

enum err json_stream_finish(struct json_stream *s, struct error *e) {
    if (s->failed)
        return after_error(e);
    enum err err = s->ending ? end_passed(s, e) : E_OK;
    if (err == E_OK && json_scan_finish(&s->scan))
        err = error_set(e, E_TRUNCATED, 0, "JSON, byte %llu: %s", (unsigned long long)s->at, s->scan.wrong);
    if (err == E_OK && s->want == JSON_KEEP)
        err = end_kept(s, e);
    s->failed = err != E_OK && err != E_AGAIN;
    return err;
}
