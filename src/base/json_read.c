/* base/json_read.c - one JSON value in memory: tokens, look-up, unescaping.
 *
 * jsmn finds the tokens but leaves much of the grammar open ("{1:2,,}" passes), so json_scan comes first and
 * lets only JSON through; what jsmn then sees it cannot misread. */
#include "base/json_read.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>

/* Parent links make jsmn's work linear; without them a thousand brackets cost a million steps. Its strict
 * mode would add checks that the scan has made already, and refuse a number that stands alone. */
#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

/* jsmn writes its tokens into the caller's array, where they are turned into ours one by one. */
_Static_assert(sizeof(jsmntok_t) == sizeof(struct json_token) &&
                   _Alignof(jsmntok_t) <= _Alignof(struct json_token),
               "jsmn's token does not fit a struct json_token");

/* ---- tokens ---- */

static uint8_t kind_of(const jsmntok_t *t, char first) {
    switch (t->type) {
    case JSMN_OBJECT:
        return JSON_OBJECT;
    case JSMN_ARRAY:
        return JSON_ARRAY;
    case JSMN_STRING:
        return JSON_STRING;
    default:
        return first == 't' || first == 'f' ? JSON_BOOL : first == 'n' ? JSON_NULL : JSON_NUMBER;
    }
}

/* From the last to the first, so that what a token contains is ready before it. */
static void turn_tokens(const char *text, struct json_token *tokens, size_t count) {
    for (size_t i = count; i-- > 0;) {
        jsmntok_t theirs;
        memcpy(&theirs, &tokens[i], sizeof theirs);
        struct json_token ours = {.kind = kind_of(&theirs, text[theirs.start]),
                                  .start = (uint32_t)theirs.start,
                                  .end = (uint32_t)theirs.end};
        size_t inside = (size_t)theirs.size, next = i + 1;
        for (size_t k = 0; k < inside; k++) /* a key counts its value as its one child */
            next = tokens[next].next;
        ours.size = ours.kind == JSON_STRING ? 0 : (uint32_t)inside;
        ours.next = (uint32_t)next;
        tokens[i] = ours;
    }
}

enum err json_parse(struct json_doc *d, const char *text, size_t len, struct json_token *tokens, size_t cap,
                    struct error *e) {
    *d = (struct json_doc){.text = text, .tokens = tokens};
    if (len > INT_MAX || cap > UINT_MAX)
        return error_set(e, E_LIMIT, 0, "JSON of %zu bytes", len);
    struct json_scan scan;
    json_scan_init(&scan, -1);
    json_scan_piece(&scan, text, len);
    json_scan_next(&scan);
    if (json_scan_finish(&scan))
        return error_set(e, E_SYNTAX, 0, "JSON, byte %zu: %s", (size_t)(scan.at - text), scan.wrong);
    if (scan.parts > cap)
        return error_set(e, E_SPACE, 0, "JSON of %zu parts, room for %zu", scan.parts, cap);
    jsmn_parser parser;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text, len, (jsmntok_t *)(void *)tokens, (unsigned)cap);
    if (count < 0 || (size_t)count != scan.parts)
        return error_set(e, E_SYNTAX, 0, "JSON: not understood (%d)", count);
    turn_tokens(text, tokens, scan.parts);
    d->len = len;
    d->count = scan.parts;
    return E_OK;
}

/* ---- strings ---- */

/* The next bytes of what stands inside the quotes of a string, unescaped: none at its end. */
static enum err next_bytes(struct json_scan *s, const char **bytes, size_t *n) {
    enum err err = E_OK;
    *n = 0;
    while (err == E_OK && *n == 0) {
        enum json_part part = json_scan_next(s);
        if (part == JSON_PART_NONE) /* the end, if not within an escape */
            return !json_scan_in_text(s) ? E_SYNTAX : s->high ? E_VALUE : E_OK;
        err = part == JSON_PART_RUN || part == JSON_PART_UNIT ? json_scan_text(s, part, bytes, n) : E_SYNTAX;
    }
    return err;
}

enum err json_unescape(const char *in, size_t n, char *out, size_t cap, size_t *len) {
    struct json_scan scan;
    const char *bytes;
    size_t used = 0, more = 1;
    enum err r = cap ? E_OK : E_LIMIT;
    json_scan_init_text(&scan);
    json_scan_piece(&scan, in, n);
    while (r == E_OK && more) {
        r = next_bytes(&scan, &bytes, &more);
        if (r == E_OK && more >= cap - used) /* one byte stays for the NUL */
            r = E_LIMIT;
        if (r != E_OK || more == 0)
            break;
        memcpy(out + used, bytes, more);
        used += more;
    }
    if (r != E_OK)
        used = 0;
    if (cap)
        out[used] = '\0';
    if (len)
        *len = used;
    return r;
}

enum err json_copy_str(const struct json_doc *d, size_t i, char *out, size_t cap, size_t *len) {
    if (i < d->count && d->tokens[i].kind == JSON_STRING)
        return json_unescape(d->text + d->tokens[i].start, d->tokens[i].end - d->tokens[i].start, out, cap,
                             len);
    if (cap)
        out[0] = '\0';
    if (len)
        *len = 0;
    return E_VALUE;
}

/* ---- looking up ---- */

static bool key_is(const struct json_doc *d, const struct json_token *t, const char *key) {
    const char *bytes = d->text + t->start;
    size_t n = t->end - t->start, left = strlen(key);
    if (!memchr(bytes, '\\', n))
        return n == left && memcmp(bytes, key, n) == 0;
    struct json_scan scan;
    json_scan_init_text(&scan);
    json_scan_piece(&scan, bytes, n);
    while (next_bytes(&scan, &bytes, &n) == E_OK) {
        if (n == 0)
            return left == 0;
        if (n > left || memcmp(bytes, key, n) != 0)
            return false;
        key += n;
        left -= n;
    }
    return false;
}

size_t json_first(const struct json_doc *d, size_t container) {
    if (container >= d->count || d->tokens[container].kind > JSON_ARRAY || d->tokens[container].size == 0)
        return 0;
    return container + 1;
}

size_t json_find(const struct json_doc *d, size_t obj, const char *key) {
    if (obj >= d->count || d->tokens[obj].kind != JSON_OBJECT)
        return 0;
    size_t found = 0;
    for (size_t i = obj + 1; i < d->tokens[obj].next; i = d->tokens[i].next)
        if (key_is(d, &d->tokens[i], key))
            found = i + 1;
    return found;
}

/* ---- plain values ---- */

bool json_is_true(const struct json_doc *d, size_t i) {
    return i < d->count && d->tokens[i].kind == JSON_BOOL && d->text[d->tokens[i].start] == 't';
}

bool json_get_uint(const struct json_doc *d, size_t i, uint64_t max, uint64_t *out) {
    if (i >= d->count || d->tokens[i].kind != JSON_NUMBER)
        return false;
    const struct json_token *t = &d->tokens[i];
    return text_number(d->text + t->start, t->end - t->start, max, out);
}

bool json_get_milli(const struct json_doc *d, size_t i, uint64_t *out) {
    if (i >= d->count || d->tokens[i].kind != JSON_NUMBER)
        return false;
    const char *s = d->text + d->tokens[i].start;
    size_t n = d->tokens[i].end - d->tokens[i].start;
    const char *point = memchr(s, '.', n);
    size_t whole = point ? (size_t)(point - s) : n, at = whole + 1;
    uint64_t v, milli = 0;
    if (!text_number(s, whole, UINT64_MAX / 1000 - 1, &v))
        return false;
    for (uint64_t unit = 100; at < n; at++, unit /= 10) { /* digits past the third are cut off */
        if (s[at] < '0' || s[at] > '9')
            return false; /* an exponent */
        milli += unit * (uint64_t)(s[at] - '0');
    }
    *out = v * 1000 + milli;
    return true;
}
