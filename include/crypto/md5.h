/* crypto/md5.h - MD5 (RFC 1321) as a stream, for the checksums of groups' files that Wazuh's API tells
 * (mergedSum, configSum). Names a version of a file, and protects nothing. */
#ifndef PICKET_CRYPTO_MD5_H
#define PICKET_CRYPTO_MD5_H

#include <stddef.h>
#include <stdint.h>

#define MD5_BYTES 16

struct md5 {
    _Alignas(8) unsigned char context[128]; /* BearSSL's */
};

void md5_init(struct md5 *h);
void md5_push(struct md5 *h, const void *bytes, size_t n);
/* The digest of what was pushed so far; h can go on being pushed to. */
void md5_out(const struct md5 *h, uint8_t out[MD5_BYTES]);

#endif
