/* crypto/blake2b.c - BLAKE2b after RFC 7693, without key. The rounds are written out so that the compiler
 * keeps the sixteen words of the state in registers and knows which message word each step takes. */
#include "crypto/blake2b.h"

#include "base/bytes.h"

#include <string.h>

#define BLOCK 128

/* RFC 7693, section 2.6. */
static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

static inline uint64_t rotate(uint64_t x, int n) {
    return x >> n | x << (64 - n);
}

static inline uint64_t load(const uint8_t *p) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return le64_load(p);
#endif
}

/* The mixing function G of section 3.1. */
#define MIX(a, b, c, d, x, y)                                                                                \
    a += b + (x);                                                                                            \
    d = rotate(d ^ a, 32);                                                                                   \
    c += d;                                                                                                  \
    b = rotate(b ^ c, 24);                                                                                   \
    a += b + (y);                                                                                            \
    d = rotate(d ^ a, 16);                                                                                   \
    c += d;                                                                                                  \
    b = rotate(b ^ c, 63)

/* One round; the arguments are a row of the table SIGMA of section 2.7. */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                          \
    MIX(v0, v4, v8, v12, m[s0], m[s1]);                                                                      \
    MIX(v1, v5, v9, v13, m[s2], m[s3]);                                                                      \
    MIX(v2, v6, v10, v14, m[s4], m[s5]);                                                                     \
    MIX(v3, v7, v11, v15, m[s6], m[s7]);                                                                     \
    MIX(v0, v5, v10, v15, m[s8], m[s9]);                                                                     \
    MIX(v1, v6, v11, v12, m[s10], m[s11]);                                                                   \
    MIX(v2, v7, v8, v13, m[s12], m[s13]);                                                                    \
    MIX(v3, v4, v9, v14, m[s14], m[s15])

/* The compression function F of section 3.2; t was advanced already. last: all ones for the final block, else
 * 0. */
static void compress(struct blake2b *b, const uint8_t *block, uint64_t last) {
    uint64_t m[16];
    for (int i = 0; i < 16; i++)
        m[i] = load(block + 8 * i);
    uint64_t v0 = b->h[0], v1 = b->h[1], v2 = b->h[2], v3 = b->h[3];
    uint64_t v4 = b->h[4], v5 = b->h[5], v6 = b->h[6], v7 = b->h[7];
    uint64_t v8 = iv[0], v9 = iv[1], v10 = iv[2], v11 = iv[3];
    uint64_t v12 = iv[4] ^ b->t[0], v13 = iv[5] ^ b->t[1], v14 = iv[6] ^ last, v15 = iv[7];

    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);

    b->h[0] ^= v0 ^ v8;
    b->h[1] ^= v1 ^ v9;
    b->h[2] ^= v2 ^ v10;
    b->h[3] ^= v3 ^ v11;
    b->h[4] ^= v4 ^ v12;
    b->h[5] ^= v5 ^ v13;
    b->h[6] ^= v6 ^ v14;
    b->h[7] ^= v7 ^ v15;
}

static void advance(struct blake2b *b, uint32_t n) {
    b->t[0] += n;
    b->t[1] += b->t[0] < n;
}

void blake2b_init(struct blake2b *b, size_t out_size) {
    memset(b, 0, sizeof *b);
    memcpy(b->h, iv, sizeof iv);
    b->h[0] ^= 0x01010000u ^ out_size; /* section 2.5: fanout 1, depth 1, no key, digest length */
    b->out_size = (uint32_t)out_size;
}

/* A full block waits until more comes: the last one is compressed differently. */
void blake2b_push(struct blake2b *b, const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    if (n == 0)
        return;
    size_t room = BLOCK - b->fill;
    if (n > room) {
        if (b->fill) {
            memcpy(b->block + b->fill, at, room);
            at += room;
            n -= room;
            advance(b, BLOCK);
            compress(b, b->block, 0);
            b->fill = 0;
        }
        for (; n > BLOCK; at += BLOCK, n -= BLOCK) {
            advance(b, BLOCK);
            compress(b, at, 0);
        }
    }
    memcpy(b->block + b->fill, at, n);
    b->fill += (uint32_t)n;
}

void blake2b_finish(struct blake2b *b, uint8_t *out) {
    uint8_t digest[BLAKE2B_BYTES];
    memset(b->block + b->fill, 0, BLOCK - b->fill);
    advance(b, b->fill);
    compress(b, b->block, ~(uint64_t)0);
    for (int i = 0; i < 8; i++)
        le64_store(digest + 8 * i, b->h[i]);
    memcpy(out, digest, b->out_size);
}
