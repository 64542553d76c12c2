/* base/decimal.c - numbers as bytes in their order: sign, size, digits.
 *
 * The key of a positive number is 3, the power of ten of its first digit that counts (two bytes), its digits
 * without zeros at the end, and 0. That of a negative one is 1 and the same bytes turned round, and then 0.
 * Zero is 2 and 0. */
#include "base/decimal.h"

#include <stdint.h>
#include <string.h>

#define POWER_MOST 15000 /* larger and smaller ones count as this */

struct number {
    bool minus, is_fraction; /* written with a point or an exponent */
    int32_t power;           /* 0.digits * 10 ^ power */
    size_t count;
    char digits[DECIMAL_KEY_BYTES - 6];
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits and, between two of them, '_'. Zeros in front do not count; behind the point they lower the power.
 */
static const char *read_digits(struct number *r, const char *at, const char *end, bool behind_point) {
    const char *from = at;
    for (; at < end; at++) {
        if (*at == '_' && at > from && is_digit(at[-1]) && at + 1 < end && is_digit(at[1]))
            continue;
        if (!is_digit(*at))
            break;
        bool leads = r->count == 0 && *at == '0';
        if (!leads && r->count < sizeof r->digits)
            r->digits[r->count++] = *at;
        if (leads ? behind_point : !behind_point)
            r->power += behind_point ? -1 : 1;
    }
    return at;
}

static const char *read_exponent(struct number *r, const char *at, const char *end) {
    int32_t v = 0;
    bool minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return NULL;
    for (; at < end && is_digit(*at); at++)
        v = v > POWER_MOST ? v : v * 10 + (*at - '0');
    r->power += minus ? -v : v;
    return at;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool read_number(struct number *r, const char *at, const char *end) {
    *r = (struct number){.power = 0};
    while (at < end && is_blank(*at))
        at++;
    while (at < end && is_blank(end[-1]))
        end--;
    r->minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *from = at;
    at = read_digits(r, at, end, false);
    bool any = at > from;
    if (at < end && *at == '.') {
        r->is_fraction = true;
        from = ++at;
        at = read_digits(r, at, end, true);
        any |= at > from;
    }
    if (any && at < end && (*at == 'e' || *at == 'E')) {
        r->is_fraction = true;
        at = read_exponent(r, at + 1, end);
    }
    return any && at == end;
}

bool decimal_key(const char *text, size_t n, enum decimal_form form, char key[DECIMAL_KEY_BYTES],
                 size_t *len) {
    struct number r;
    if (n > INT32_MAX / 4 || !read_number(&r, text, text + n) || (form == DECIMAL_WHOLE && r.is_fraction))
        return false;
    if (form == DECIMAL_TRUNCATED && r.power < (int32_t)r.count)
        r.count = r.power > 0 ? (size_t)r.power : 0;
    while (r.count && r.digits[r.count - 1] == '0')
        r.count--;
    int32_t power = r.power > POWER_MOST ? POWER_MOST : r.power < -POWER_MOST ? -POWER_MOST : r.power;
    uint32_t size = (uint32_t)(power + POWER_MOST);
    *len = 0;
    key[(*len)++] = r.count == 0 ? 2 : r.minus ? 1 : 3;
    if (r.count) {
        key[(*len)++] = (char)(size / 200 + 1);
        key[(*len)++] = (char)(size % 200 + 1);
        memcpy(key + *len, r.digits, r.count);
        *len += r.count;
        for (size_t i = 1; r.minus && i < *len; i++)
            key[i] = (char)(255 - (unsigned char)key[i]);
        if (r.minus)
            key[(*len)++] = (char)255; /* fewer digits: nearer to zero, so greater */
    }
    key[(*len)++] = '\0';
    return true;
}

int decimal_compare(const char *a, size_t a_n, const char *b, size_t b_n) {
    int r = memcmp(a, b, a_n < b_n ? a_n : b_n);
    return r ? r : (a_n > b_n) - (a_n < b_n);
}
