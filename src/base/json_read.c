/* base/json_read.c - one JSON value in memory: tokens, look-up, unescaping.
 *
 * jsmn finds the tokens but leaves much of the grammar open ("{1:2,,}" passes), so json_scan comes first and
 * lets only JSON through; what jsmn then sees it cannot misread. */
#include "base/json_read.h"

#include "base/text.h"
#include "src/base/json_scan.h"

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
    size_t parts, at;
    const char *wrong = json_scan(text, len, &parts, &at);
    if (wrong)
        return error_set(e, E_SYNTAX, 0, "JSON, byte %zu: %s", at, wrong);
    if (parts > cap)
        return error_set(e, E_SPACE, 0, "JSON of %zu parts, room for %zu", parts, cap);
    jsmn_parser parser;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text, len, (jsmntok_t *)(void *)tokens, (unsigned)cap);
    if (count < 0 || (size_t)count != parts)
        return error_set(e, E_SYNTAX, 0, "JSON: not understood (%d)", count);
    turn_tokens(text, tokens, parts);
    d->len = len;
    d->count = parts;
    return E_OK;
}

/* ---- strings ---- */

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The four digits of \uXXXX at in, or -1. */
static int32_t escape_unit(const char *in, const char *end) {
    int32_t v = 0;
    if (end - in < 6 || in[0] != '\\' || in[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        if (!is_hex(in[i]))
            return -1;
        v = v << 4 | (in[i] <= '9' ? in[i] - '0' : (in[i] | 0x20) - 'a' + 10);
    }
    return v;
}

static size_t put_utf8(uint32_t v, char out[4]) {
    if (v < 0x80) {
        out[0] = (char)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (char)(0xc0 | v >> 6);
        out[1] = (char)(0x80 | (v & 0x3f));
        return 2;
    }
    if (v < 0x10000) {
        out[0] = (char)(0xe0 | v >> 12);
        out[1] = (char)(0x80 | (v >> 6 & 0x3f));
        out[2] = (char)(0x80 | (v & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | v >> 18);
    out[1] = (char)(0x80 | (v >> 12 & 0x3f));
    out[2] = (char)(0x80 | (v >> 6 & 0x3f));
    out[3] = (char)(0x80 | (v & 0x3f));
    return 4;
}

/* A \u escape at *in, which moves on; the bytes of the character go to out. */
static enum err unescape_unicode(const char **in, const char *end, char out[4], size_t *n) {
    int32_t v = escape_unit(*in, end), low;
    if (v < 0)
        return E_SYNTAX;
    *in += 6;
    if (v >= 0xd800 && v < 0xdc00 && (low = escape_unit(*in, end)) >= 0xdc00 && low < 0xe000) {
        *in += 6;
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
    } else if (v >= 0xdc80 && v <= 0xdcff) { /* Python's surrogateescape: a byte that was not UTF-8 */
        out[0] = (char)(v - 0xdc00);
        *n = 1;
        return E_OK;
    } else if (v == 0 || (v >= 0xd800 && v < 0xe000)) {
        return E_VALUE;
    }
    *n = put_utf8((uint32_t)v, out);
    return E_OK;
}

/* One character or byte at *in, which moves on: its bytes to out. */
static enum err unescape_next(const char **in, const char *end, char out[4], size_t *n) {
    static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* pairs: the letter, its byte */
    const char *at = *in;
    *n = 1;
    if (*at != '\\') {
        if ((unsigned char)*at < 0x20 || *at == '"')
            return E_SYNTAX;
        out[0] = *at;
        *in = at + 1;
        return E_OK;
    }
    if (end - at < 2)
        return E_SYNTAX;
    if (at[1] == 'u')
        return unescape_unicode(in, end, out, n);
    for (const char *p = letters; *p; p += 2)
        if (at[1] == *p) {
            out[0] = p[1];
            *in = at + 2;
            return E_OK;
        }
    return E_SYNTAX;
}

/* Length of the run at in that stands for itself: nearly all of a string, copied as a whole. */
static size_t plain_run(const char *in, const char *end) {
    const char *at = in;
    while (at < end && *at != '\\' && *at != '"' && (unsigned char)*at >= 0x20)
        at++;
    return (size_t)(at - in);
}

enum err json_unescape(const char *in, size_t n, char *out, size_t cap, size_t *len) {
    const char *end = in + n;
    size_t used = 0;
    enum err r = cap ? E_OK : E_LIMIT;
    while (r == E_OK && in < end) {
        char bytes[4];
        size_t more = plain_run(in, end);
        if (more > 0 && more < cap - used) {
            memcpy(out + used, in, more);
            in += more;
            used += more;
            continue;
        }
        r = unescape_next(&in, end, bytes, &more);
        if (r == E_OK && more >= cap - used) /* one byte stays for the NUL */
            r = E_LIMIT;
        if (r != E_OK)
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
    const char *in = d->text + t->start, *end = d->text + t->end;
    size_t left = strlen(key);
    while (in < end) {
        char bytes[4];
        size_t n = 0;
        if (unescape_next(&in, end, bytes, &n) != E_OK || n > left || memcmp(bytes, key, n) != 0)
            return false;
        key += n;
        left -= n;
    }
    return left == 0;
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
