/* crypto/base64url.c - base64url by tables. A Fernet token is text of a secret's ciphertext, not a secret, so
 * look-ups by its bytes give nothing away. */
#include "crypto/base64url.h"

#include <string.h>

static const char digits[64] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M',
                                'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
                                'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
                                'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
                                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '_'};

#define BAD 0x80 /* bit of what is no digit */

/* The value of each character; written as rows of a formula so that no table can be mistyped. */
#define VALUE(c)                                                                                             \
    ((uint8_t)((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'                                                        \
               : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26                                                   \
               : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52                                                   \
               : (c) == '-'               ? 62                                                               \
               : (c) == '_'               ? 63                                                               \
                                          : BAD))
#define ROW4(c) VALUE(c), VALUE((c) + 1), VALUE((c) + 2), VALUE((c) + 3)
#define ROW16(c) ROW4(c), ROW4((c) + 4), ROW4((c) + 8), ROW4((c) + 12)
#define ROW64(c) ROW16(c), ROW16((c) + 16), ROW16((c) + 32), ROW16((c) + 48)
static const uint8_t values[256] = {ROW64(0), ROW64(64), ROW64(128), ROW64(192)};

void base64url_encode(char *out, const uint8_t *in, size_t n) {
    for (; n >= 3; n -= 3, in += 3, out += 4) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = digits[v >> 18];
        out[1] = digits[v >> 12 & 63];
        out[2] = digits[v >> 6 & 63];
        out[3] = digits[v & 63];
    }
}

size_t base64url_encode_last(char *out, const uint8_t *in, size_t n) {
    if (n == 0)
        return 0;
    uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0);
    out[0] = digits[v >> 18];
    out[1] = digits[v >> 12 & 63];
    out[2] = n > 1 ? digits[v >> 6 & 63] : '=';
    out[3] = '=';
    return 4;
}

void base64url_dec_init(struct base64url_dec *d) {
    *d = (struct base64url_dec){0};
}

/* One character outside the fast path; returns the bytes written. */
static size_t push_char(struct base64url_dec *d, uint8_t *out, char c) {
    uint8_t v = values[(uint8_t)c];
    if (c == '=') {
        /* A group ends as "xx==" or "xxx=". */
        if (d->padded == 0 ? d->have < 2 : d->have != 3) {
            d->bad = true;
            return 0;
        }
        v = 0;
        d->padded++;
    } else if (v == BAD || d->padded) {
        d->bad = true;
        return 0;
    }
    d->bits = d->bits << 6 | v;
    if (++d->have < 4)
        return 0;
    uint32_t bits = d->bits;
    size_t n = 3u - d->padded;
    /* Two texts for the same bytes would be two tokens for one message: bits that carry nothing must be 0. */
    if ((n == 2 && (bits & 0xff)) || (n == 1 && (bits & 0xffff)))
        d->bad = true;
    uint8_t bytes[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    memcpy(out, bytes, n);
    d->bits = 0;
    d->have = 0;
    return n;
}

size_t base64url_dec_push(struct base64url_dec *d, uint8_t *out, const char *in, size_t n) {
    uint8_t *at = out;
    const char *end = in + n;
    while (in < end && d->have && !d->bad)
        at += push_char(d, at, *in++);
    if (!d->padded && !d->bad) {
        for (; end - in >= 4; in += 4, at += 3) {
            uint32_t a = values[(uint8_t)in[0]], b = values[(uint8_t)in[1]];
            uint32_t c = values[(uint8_t)in[2]], e = values[(uint8_t)in[3]];
            if ((a | b | c | e) & BAD)
                break; /* padding, or a foreign character: push_char knows */
            uint32_t v = a << 18 | b << 12 | c << 6 | e;
            at[0] = (uint8_t)(v >> 16);
            at[1] = (uint8_t)(v >> 8);
            at[2] = (uint8_t)v;
        }
    }
    while (in < end && !d->bad)
        at += push_char(d, at, *in++);
    return (size_t)(at - out);
}

bool base64url_dec_finish(const struct base64url_dec *d) {
    return !d->bad && d->have == 0;
}
