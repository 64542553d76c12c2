/* base/text.c - text in buffers of fixed size: appending, bounded copies, strict numbers.
 *
 * What does not fit is cut, never written past the end; after the first cut nothing more is appended, so
 * that what is there is always the beginning of what was meant. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

void text_init(struct text *t, char *buf, size_t cap) {
    t->buf = buf;
    t->cap = cap;
    t->len = 0;
    t->cut = false;
    buf[0] = '\0';
}

void text_add(struct text *t, const char *bytes, size_t n) {
    if (t->cut)
        return;
    size_t room = t->cap - 1 - t->len;
    if (n > room) {
        n = room;
        t->cut = true;
    }
    if (n)
        memcpy(t->buf + t->len, bytes, n);
    t->len += n;
    t->buf[t->len] = '\0';
}

void text_str(struct text *t, const char *s) {
    text_add(t, s, strlen(s));
}

void text_char(struct text *t, char c) {
    text_add(t, &c, 1);
}

void text_vformat(struct text *t, const char *format, va_list args) {
    if (t->cut)
        return;
    size_t room = t->cap - t->len;
    int n = vsnprintf(t->buf + t->len, room, format, args);
    if (n < 0) { /* only for a broken format */
        t->buf[t->len] = '\0';
        t->cut = true;
    } else if ((size_t)n >= room) {
        t->len = t->cap - 1;
        t->cut = true;
    } else {
        t->len += (size_t)n;
    }
}

void text_format(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vformat(t, format, args);
    va_end(args);
}

void text_show(char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
            bytes[i] = '?';
}

bool text_copy(char *out, size_t cap, const char *bytes, size_t n) {
    out[0] = '\0';
    if (n >= cap || (n && memchr(bytes, '\0', n)))
        return false;
    if (n)
        memcpy(out, bytes, n);
    out[n] = '\0';
    return true;
}

bool text_has(const char *bytes, size_t n, const char *part) {
    size_t len = strlen(part);
    for (; n >= len; bytes++, n--)
        if (*bytes == *part && memcmp(bytes, part, len) == 0)
            return true;
    return false;
}

const char *text_item(const char *list, size_t i) {
    while (i--)
        list += strlen(list) + 1;
    return list;
}

ptrdiff_t text_find(const char *list, const char *want) {
    for (ptrdiff_t i = 0; *list; i++, list += strlen(list) + 1)
        if (!strcmp(list, want))
            return i;
    return -1;
}

bool text_number(const char *bytes, size_t n, uint64_t max, uint64_t *out) {
    if (n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(bytes[i] - '0');
        if (digit > max || v > (max - digit) / 10) /* v * 10 + digit would pass max */
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}
