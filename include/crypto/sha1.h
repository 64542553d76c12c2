/* crypto/sha1.h - SHA-1 as a stream, for the checksum over all agents' groups that Wazuh's nodes compare
 * (reference, section 14.3). Not a means of security: both sides hold the key. */
#ifndef PICKET_CRYPTO_SHA1_H
#define PICKET_CRYPTO_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

struct sha1 {
    _Alignas(8) unsigned char context[128]; /* BearSSL's */
};

void sha1_init(struct sha1 *h);
void sha1_push(struct sha1 *h, const void *bytes, size_t n);
/* The digest of what was pushed so far; h can go on being pushed to. */
void sha1_out(const struct sha1 *h, uint8_t out[SHA1_BYTES]);

#endif
