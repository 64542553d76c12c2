/* base/utf8.c - see base/utf8.h: a filter of one character at a time, over texts that come in pieces. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the character that begins with b; 0: none does. C0, C1 and F5 on could only begin overlong forms
 * or numbers beyond U+10FFFF. */
static uint8_t length_of(uint8_t b) {
    if (b < 0x80)
        return 1;
    if (b < 0xc2 || b > 0xf4)
        return 0;
    return b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
}

/* RFC 3629, section 4: the second byte after E0, ED, F0 and F4 has a smaller range. */
static bool goes_on(const struct utf8_clean *u, uint8_t b) {
    if ((b & 0xc0) != 0x80)
        return false;
    if (u->n != 1)
        return true;
    switch (u->held[0]) {
    case 0xe0:
        return b >= 0xa0;
    case 0xed:
        return b <= 0x9f;
    case 0xf0:
        return b >= 0x90;
    case 0xf4:
        return b <= 0x8f;
    default:
        return true;
    }
}

size_t utf8_clean(struct utf8_clean *u, const char *in, size_t n, char *out) {
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t b = (uint8_t)in[i];
        if (u->n && !goes_on(u, b))
            u->n = 0; /* what was held is dropped, and b looked at as a beginning */
        if (!u->n && !(u->want = length_of(b)))
            continue;
        u->held[u->n++] = b;
        if (u->n < u->want)
            continue;
        memcpy(out + written, u->held, u->n);
        written += u->n;
        u->n = 0;
    }
    return written;
}
