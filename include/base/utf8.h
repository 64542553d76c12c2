/* base/utf8.h - text of other programs that must go on as UTF-8. */
#ifndef PICKET_BASE_UTF8_H
#define PICKET_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Leaves out every byte that does not belong to a well-formed character (RFC 3629: shortest form, no
 * surrogates, at most U+10FFFF), as Python's decode(errors="ignore") does. Zeroed: at the beginning of a
 * text. */
struct utf8_clean {
    uint8_t held[4]; /* the beginning of a character that the last piece ended in */
    uint8_t n, want; /* bytes held, and bytes the whole character has */
};

/* The next n bytes of the text; what is good of them goes to out, which has room for n + 3 bytes; their
 * number. out may be in itself when the text is whole and u zeroed: nothing is ever written behind what was
 * read. What is held at the end of a text does not belong to it. */
size_t utf8_clean(struct utf8_clean *u, const char *in, size_t n, char *out);

#endif
