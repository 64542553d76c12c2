/* crypto/aes_cbc.c - AES-128-CBC through BearSSL's vtables, the implementation chosen at run time. */
#include "crypto/aes_cbc.h"

#include <bearssl_block.h>
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(br_aes_gen_cbcenc_keys) <= sizeof((struct aes_key *)0)->enc &&
                   sizeof(br_aes_gen_cbcdec_keys) <= sizeof((struct aes_key *)0)->dec,
               "BearSSL's key schedules have outgrown struct aes_key");

struct choice {
    const br_block_cbcenc_class *enc;
    const br_block_cbcdec_class *dec;
    const char *name;
};

/* BearSSL asks the processor in get_vtable and answers NULL when it lacks the instructions. Asked once a key,
 * so nothing needs to be remembered. */
static struct choice choose(void) {
    struct choice c = {br_aes_x86ni_cbcenc_get_vtable(), br_aes_x86ni_cbcdec_get_vtable(), "aes-ni"};
    if (c.enc && c.dec)
        return c;
    c = (struct choice){br_aes_pwr8_cbcenc_get_vtable(), br_aes_pwr8_cbcdec_get_vtable(), "pwr8"};
    if (c.enc && c.dec)
        return c;
    if (sizeof(void *) < 8)
        return (struct choice){&br_aes_ct_cbcenc_vtable, &br_aes_ct_cbcdec_vtable, "constant-time"};
    return (struct choice){&br_aes_ct64_cbcenc_vtable, &br_aes_ct64_cbcdec_vtable, "constant-time"};
}

const char *aes_implementation(void) {
    return choose().name;
}

void aes_key_init(struct aes_key *k, const uint8_t key[16]) {
    struct choice c = choose();
    memset(k, 0, sizeof *k);
    c.enc->init((const br_block_cbcenc_class **)(void *)k->enc, key, 16);
    c.dec->init((const br_block_cbcdec_class **)(void *)k->dec, key, 16);
}

/* Each context of BearSSL begins with the pointer to its vtable. */
void aes_cbc_encrypt(const struct aes_key *k, uint8_t iv[16], uint8_t *data, size_t n) {
    const br_block_cbcenc_class *const *c = (const br_block_cbcenc_class *const *)(const void *)k->enc;
    (*c)->run(c, iv, data, n);
}

void aes_cbc_decrypt(const struct aes_key *k, uint8_t iv[16], uint8_t *data, size_t n) {
    const br_block_cbcdec_class *const *c = (const br_block_cbcdec_class *const *)(const void *)k->dec;
    (*c)->run(c, iv, data, n);
}
