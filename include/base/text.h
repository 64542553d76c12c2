/* base/text.h - building text in a buffer of fixed size. */
#ifndef PICKET_BASE_TEXT_H
#define PICKET_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text under construction. Always NUL-terminated; cut sticks once something did not fit. */
struct text {
    char *buf;
    size_t cap; /* bytes of buf, the NUL included; > 0 */
    size_t len; /* bytes used, without the NUL */
    bool cut;
};

void text_init(struct text *t, char *buf, size_t cap);
void text_add(struct text *t, const char *bytes, size_t n);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vformat(struct text *t, const char *format, va_list args);

/* Replaces control characters (below 0x20, and 0x7f) by '?', so that the bytes can be logged as one line. */
void text_show(char *bytes, size_t n);

/* A bounded copy of n bytes as a C string: false (and an empty string) when it does not fit in cap
 * or holds a NUL. */
bool text_copy(char *out, size_t cap, const char *bytes, size_t n);

/* For strspn: what names and keys are made of. */
#define TEXT_WORD_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* Do n bytes hold part, which is not empty? */
bool text_has(const char *bytes, size_t n, const char *part);

/* A list is one literal, "first\0second\0": its items need no table of pointers, each of which would cost 32
 * bytes more in a program that can be loaded anywhere. No item is empty. */
const char *text_item(const char *list, size_t i);       /* item i, which must be there */
ptrdiff_t text_find(const char *list, const char *want); /* which item says want; -1: none */

/* A decimal number without sign, leading blanks or rest; false when it is not one or exceeds max. */
bool text_number(const char *bytes, size_t n, uint64_t max, uint64_t *out);

#endif
