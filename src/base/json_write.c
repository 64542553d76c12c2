/* base/json_write.c - JSON as Python's json.dumps spells it, into a struct text. */
#include "base/json_write.h"

#include <string.h>

/* Bytes of the well-formed UTF-8 character at s (n > 0 bytes there), 0 if it is none: Unicode 15, table 3-7.
 */
static size_t utf8_char(const unsigned char *s, size_t n, uint32_t *out) {
    unsigned char c = s[0];
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    uint32_t v = len == 1 ? c : c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    /* no longer form than needed, no surrogates, nothing past U+10FFFF */
    if ((len == 3 && (v < 0x800 || (v >= 0xd800 && v < 0xe000))) ||
        (len == 4 && (v < 0x10000 || v > 0x10ffff)))
        return 0;
    *out = v;
    return len;
}

static void escape_unit(struct text *out, uint32_t unit) {
    text_format(out, "\\u%04x", (unsigned)unit);
}

/* One character that cannot stand for itself; returns the bytes of it. */
static size_t escape_char(struct text *out, const unsigned char *s, size_t n) {
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the byte, its letter */
    uint32_t v = 0;
    size_t len = utf8_char(s, n, &v);
    if (len == 0) {
        escape_unit(out, 0xdc00u + s[0]);
        return 1;
    }
    for (const char *p = letters; *p; p += 2)
        if (v == (unsigned char)*p) {
            text_char(out, '\\');
            text_char(out, p[1]);
            return 1;
        }
    if (v >= 0x10000) {
        escape_unit(out, 0xd800 + ((v - 0x10000) >> 10));
        escape_unit(out, 0xdc00 + ((v - 0x10000) & 0x3ff));
    } else {
        escape_unit(out, v);
    }
    return len;
}

void json_escape(struct text *out, const char *s, size_t n) {
    const unsigned char *at = (const unsigned char *)s;
    text_char(out, '"');
    while (n && !out->cut) {
        size_t plain = 0;
        while (plain < n && at[plain] >= ' ' && at[plain] <= '~' && at[plain] != '"' && at[plain] != '\\')
            plain++;
        text_add(out, (const char *)at, plain);
        at += plain;
        n -= plain;
        if (n) {
            size_t len = escape_char(out, at, n);
            at += len;
            n -= len;
        }
    }
    text_char(out, '"');
}

void json_write_init(struct json_write *w, struct text *out) {
    *w = (struct json_write){.out = out};
}

/* What stands between the value or key to come and what was before it. */
static void separate(struct json_write *w) {
    if (w->after_key)
        w->after_key = false;
    else if (w->more >> w->depth & 1)
        text_add(w->out, ", ", 2);
    w->more |= 1u << w->depth;
}

void json_open(struct json_write *w, char bracket) {
    separate(w);
    if (w->depth == JSON_DEPTH_MAX) {
        w->out->cut = true;
        return;
    }
    text_char(w->out, bracket);
    w->depth++;
    w->more &= ~(1u << w->depth);
}

void json_close(struct json_write *w, char bracket) {
    if (w->depth)
        w->depth--;
    text_char(w->out, bracket);
}

void json_key_n(struct json_write *w, const char *key, size_t n) {
    separate(w);
    json_escape(w->out, key, n);
    text_add(w->out, ": ", 2);
    w->after_key = true;
}

void json_key(struct json_write *w, const char *key) {
    json_key_n(w, key, strlen(key));
}

void json_str_n(struct json_write *w, const char *s, size_t n) {
    separate(w);
    json_escape(w->out, s, n);
}

void json_str(struct json_write *w, const char *s) {
    if (s)
        json_str_n(w, s, strlen(s));
    else
        json_null(w);
}

void json_int(struct json_write *w, int64_t v) {
    separate(w);
    text_format(w->out, "%lld", (long long)v);
}

void json_uint(struct json_write *w, uint64_t v) {
    separate(w);
    text_format(w->out, "%llu", (unsigned long long)v);
}

void json_bool(struct json_write *w, bool v) {
    separate(w);
    text_str(w->out, v ? "true" : "false");
}

void json_null(struct json_write *w) {
    separate(w);
    text_str(w->out, "null");
}

void json_raw(struct json_write *w, const char *json, size_t n) {
    separate(w);
    text_add(w->out, json, n);
}

void json_key_str(struct json_write *w, const char *key, const char *s) {
    json_key(w, key);
    json_str(w, s);
}

void json_key_uint(struct json_write *w, const char *key, uint64_t v) {
    json_key(w, key);
    json_uint(w, v);
}

void json_key_bool(struct json_write *w, const char *key, bool v) {
    json_key(w, key);
    json_bool(w, v);
}

void json_key_open(struct json_write *w, const char *key, char bracket) {
    json_key(w, key);
    json_open(w, bracket);
}

void json_key_list(struct json_write *w, const char *key, const char *words) {
    json_key_open(w, key, '[');
    for (const char *s = words; *s;) {
        size_t n = strcspn(s, ",");
        if (n)
            json_str_n(w, s, n);
        s += n + (s[n] == ',');
    }
    json_close(w, ']');
}
