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

/* 0..15, or -1. */
static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(uint8_t *out, const char *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(in[2 * i]);
        int low =
            high < 0 ? -1 : hex_value(in[2 * i + 1]); /* a text that ends early is not read past its NUL */
        if (low < 0)
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
