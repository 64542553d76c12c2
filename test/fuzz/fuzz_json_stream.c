/* fuzz_json_stream.c - any bytes into a json_stream, whole and in pieces with pauses: the events must be the
 * same, and the verdict must be that of json_parse. The first byte decides what the owner wants. */
#include "base/json_read.h"
#include "base/json_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS 4096

static void must(int holds) {
    if (!holds)
        abort();
}

struct owner {
    struct json_stream stream;
    char keep[32];
    const char *text;
    uint32_t wants;  /* decides on each value, and moves on */
    uint32_t pauses; /* decides which events pause; 0: none */
    uint64_t told;   /* a digest of all events */
    unsigned open;   /* containers entered */
};

static void digest(struct owner *o, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        o->told = (o->told ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}
static void note(struct owner *o, char what, unsigned depth, const char *key) {
    char head[2] = {what, (char)depth};
    digest(o, head, sizeof head);
    digest(o, key ? key : "\xff", key ? strlen(key) + 1 : 1);
}
static uint32_t turn(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}
static enum err answer(struct owner *o) {
    return o->pauses && turn(&o->pauses) % 2 ? E_AGAIN : E_OK;
}

static enum json_want on_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct owner *o = arg;
    must(depth == o->open && depth <= JSON_STREAM_DEPTH && (depth || !key));
    note(o, (char)('0' + kind), depth, key);
    uint32_t r = turn(&o->wants) % 8;
    enum json_want want = r < 4 ? JSON_ENTER : r == 4 ? JSON_SKIP : r == 5 ? JSON_PASS : JSON_KEEP;
    o->open += want == JSON_ENTER && kind <= JSON_ARRAY;
    return want;
}
static enum err on_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                        struct error *e) {
    struct owner *o = arg;
    struct json_token tokens[32];
    struct json_doc d;
    must(depth == o->open && n < sizeof o->keep && json[n] == '\0');
    must(memcmp(o->text + o->stream.at - n, json, n) == 0);
    must(json_parse(&d, json, n, tokens, 32, e) == E_OK);
    note(o, 'k', depth, key);
    digest(o, json, n);
    return answer(o);
}
static enum err on_passed(void *arg, const char *bytes, size_t n, struct error *e) {
    struct owner *o = arg;
    (void)e;
    must(n > 0);
    digest(o, bytes, n);
    return answer(o);
}
static enum err on_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct owner *o = arg;
    (void)e;
    o->open -= kind != JSON_STRING;
    must(depth == o->open);
    note(o, 'l', depth, NULL);
    return answer(o);
}
static enum err on_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    (void)e, (void)depth, (void)key;
    return answer(arg); /* not in the digest: it comes when the buffer is full, wherever the text was cut */
}
static const struct json_stream_events events = {on_value, on_kept, on_passed, on_left, on_too_long};

/* cuts, pauses: seeds; 0: in one piece, without a pause. */
static enum err read_all(struct owner *o, uint32_t wants, uint32_t cuts, uint32_t pauses, const char *text,
                         size_t n) {
    struct error e;
    enum err err = E_OK;
    size_t end = cuts ? 0 : n;
    *o = (struct owner){.text = text, .wants = wants, .pauses = pauses, .told = 14695981039346656037u};
    json_stream_init(&o->stream, &events, o, o->keep, sizeof o->keep);
    for (;;) {
        size_t at = (size_t)o->stream.at;
        /* each piece in memory of its own size */
        char *piece = malloc(end - at + 1);
        must(piece != NULL);
        memcpy(piece, text + at, end - at);
        err = json_stream_push(&o->stream, piece, end - at, &e);
        free(piece);
        must(o->stream.at <= end);
        if (err == E_AGAIN)
            continue;
        if (err != E_OK)
            return err;
        must(o->stream.at == end);
        if (end == n)
            break;
        size_t more = 1 + turn(&cuts) % 16;
        end = n - end < more ? n : end + more;
    }
    do
        err = json_stream_finish(&o->stream, &e);
    while (err == E_AGAIN);
    return err == E_TRUNCATED ? E_SYNTAX : err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct json_token tokens[TOKENS];
    static struct owner one, two;
    struct json_doc d;
    if (size == 0 || size > 65536)
        return 0;
    const char *text = (const char *)data + 1;
    uint32_t wants = data[0];
    size--;
    enum err err = read_all(&one, wants, 0, 0, text, size);
    for (uint32_t cuts = 1; cuts < 4; cuts++) {
        must(read_all(&two, wants, cuts, cuts % 2 ? cuts * 77 : 0, text, size) == err);
        must(err != E_OK || (one.told == two.told && one.open == 0));
    }
    enum err want = json_parse(&d, text, size, tokens, TOKENS, NULL);
    must(err == E_OK || err == E_SYNTAX || err == E_VALUE);
    if (want == E_SYNTAX)
        must(err != E_OK);
    else
        must(err != E_SYNTAX); /* E_VALUE: a string that was passed holds what no string can */
    return 0;
}
