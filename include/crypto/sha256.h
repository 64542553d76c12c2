/* crypto/sha256.h - SHA-256 and HMAC-SHA256 as streams.
 *
 * The processor's SHA instructions are used when it has them (found out at the first use);
 * otherwise BearSSL's portable code. Contexts are plain memory of the caller: copy and wipe at will. */
#ifndef PICKET_CRYPTO_SHA256_H
#define PICKET_CRYPTO_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
    uint32_t state[8];
    uint64_t count; /* bytes so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *h);
void sha256_push(struct sha256 *h, const void *bytes, size_t n);
/* The digest of what was pushed so far; h can go on being pushed to. */
void sha256_out(const struct sha256 *h, uint8_t out[SHA256_BYTES]);

/* A key prepared once and shared by every message; wipe it with bytes_wipe. */
struct hmac_key {
    struct sha256 inner, outer;
};
struct hmac {
    struct sha256 inner;
    const struct hmac_key *key;
};
void hmac_key_init(struct hmac_key *k, const void *key, size_t n);
void hmac_init(struct hmac *m, const struct hmac_key *k); /* k must outlive m */
void hmac_push(struct hmac *m, const void *bytes, size_t n);
void hmac_out(const struct hmac *m, uint8_t out[SHA256_BYTES]);

/* "sha-ni", "armv8" or "portable": which code runs, for the status and the benchmarks. */
const char *sha256_implementation(void);

#endif
