/* base/bytes.c - hexadecimal, comparison in constant time, wiping. */
#include "base/bytes.h"

#include <string.h>

void hex_encode(char *out, const uint8_t *in, size_t n) {
    static const char digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * n] = '\0';
}

/* 0..15, or a value above. */
static inline unsigned hex_value(char c) {
    unsigned digit = (unsigned char)c - '0', letter = ((unsigned char)c | 0x20u) - 'a';
    return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

bool hex_decode(uint8_t *out, const char *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned high = hex_value(in[2 * i]);
        unsigned low =
            high > 15 ? 16 : hex_value(in[2 * i + 1]); /* a text that ends early is not read past its NUL */
        if (low > 15)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool bytes_equal_secret(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    uint8_t differ = 0;
    for (size_t i = 0; i < n; i++)
        differ |= x[i] ^ y[i];
    /* The compiler may not see that only zero or not matters and stop early. */
    __asm__("" : "+r"(differ));
    return differ == 0;
}

void bytes_wipe(void *p, size_t n) {
    if (n)
        memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory"); /* the memory counts as read: the memset must stay */
}
