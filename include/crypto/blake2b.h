/* crypto/blake2b.h - BLAKE2b (RFC 7693) without key, as a stream: the integrity hash of Wazuh >= 4.4
 * (reference, section 5.1). */
#ifndef PICKET_CRYPTO_BLAKE2B_H
#define PICKET_CRYPTO_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_BYTES 64

struct blake2b {
    uint64_t h[8];
    uint64_t t[2];
    uint8_t block[128];
    uint32_t fill;     /* bytes in block */
    uint32_t out_size; /* digest length, 1..64 */
};

void blake2b_init(struct blake2b *b, size_t out_size); /* 1 .. 64 bytes */
void blake2b_push(struct blake2b *b, const void *bytes, size_t n);
/* Writes out_size bytes; ends the stream. */
void blake2b_finish(struct blake2b *b, uint8_t *out);

#endif
