/* crypto/base64url.h - base64 with the alphabet of URLs and padding (RFC 4648, section 5), in pieces:
 * the coder keeps what does not fill a group. Used for Fernet tokens only. */
#ifndef PICKET_CRYPTO_BASE64URL_H
#define PICKET_CRYPTO_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the text for n bytes, padding included. */
static inline uint64_t base64url_length(uint64_t n) {
    return (n + 2) / 3 * 4;
}

/* Encodes n bytes, n a multiple of 3, to n / 3 * 4 characters. */
void base64url_encode(char *out, const uint8_t *in, size_t n);
/* Encodes the last 0..2 bytes with padding; returns 0 or 4 characters. */
size_t base64url_encode_last(char *out, const uint8_t *in, size_t n);

struct base64url_dec {
    uint32_t bits;
    uint8_t have;   /* characters of the current group, 0..3 */
    uint8_t padded; /* '=' seen so far */
    bool bad;       /* sticks: a foreign character, data after padding, or bits that must be zero */
};

void base64url_dec_init(struct base64url_dec *d);
/* Decodes n characters to out, which has room for n / 4 * 3 + 3 bytes; returns the bytes written. After
 * d->bad the output means nothing. */
size_t base64url_dec_push(struct base64url_dec *d, uint8_t *out, const char *in, size_t n);
/* True when the text was well-formed and complete. */
bool base64url_dec_finish(const struct base64url_dec *d);

#endif
