/* crypto/aes_cbc.h - AES-128-CBC over whole blocks, by BearSSL: AES instructions when the processor has
 * them, constant-time code otherwise. Padding is the caller's affair. */
#ifndef PICKET_CRYPTO_AES_CBC_H
#define PICKET_CRYPTO_AES_CBC_H

#include <stddef.h>
#include <stdint.h>

#define AES_BLOCK_BYTES 16

/* Both key schedules, prepared once and shared by every message. Opaque; wipe with bytes_wipe. */
struct aes_key {
    _Alignas(16) unsigned char enc[512];
    _Alignas(16) unsigned char dec[512];
};

void aes_key_init(struct aes_key *k, const uint8_t key[16]);
/* In place; n is a multiple of 16; iv is updated so that the next call goes on. */
void aes_cbc_encrypt(const struct aes_key *k, uint8_t iv[16], uint8_t *data, size_t n);
void aes_cbc_decrypt(const struct aes_key *k, uint8_t iv[16], uint8_t *data, size_t n);
/* "aes-ni", "pwr8" or "constant-time". */
const char *aes_implementation(void);

#endif
