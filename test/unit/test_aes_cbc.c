/* test_aes_cbc.c - AES-128-CBC with the vectors of NIST SP 800-38A, F.2.1 and F.2.2. */
#include "base/bytes.h"
#include "crypto/aes_cbc.h"
#include "test/harness/harness.h"

#include <bearssl_block.h>

static const char key_hex[] = "2b7e151628aed2a6abf7158809cf4f3c";
static const char iv_hex[] = "000102030405060708090a0b0c0d0e0f";
static const char plain_hex[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const char cipher_hex[] = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
                                 "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7";

static uint8_t key[16], iv[16], plain[64], cipher[64];

static void load(void) {
    CHECK(hex_decode(key, key_hex, 16) && hex_decode(iv, iv_hex, 16));
    CHECK(hex_decode(plain, plain_hex, 64) && hex_decode(cipher, cipher_hex, 64));
}

TEST(aes_cbc_sp_800_38a) {
    load();
    struct aes_key k;
    aes_key_init(&k, key);
    for (size_t cut = 0; cut <= 64; cut += 16) { /* the vector goes on from call to call */
        uint8_t data[64], v[16];
        memcpy(data, plain, 64);
        memcpy(v, iv, 16);
        aes_cbc_encrypt(&k, v, data, cut);
        aes_cbc_encrypt(&k, v, data + cut, 64 - cut);
        CHECK_MEM(data, cipher, 64);
        CHECK_MEM(v, cipher + 48, 16);
        memcpy(v, iv, 16);
        aes_cbc_decrypt(&k, v, data, cut);
        aes_cbc_decrypt(&k, v, data + cut, 64 - cut);
        CHECK_MEM(data, plain, 64);
        CHECK_MEM(v, cipher + 48, 16);
    }
}

TEST(aes_key_can_be_copied) {
    load();
    struct aes_key k, copy;
    aes_key_init(&k, key);
    copy = k;
    bytes_wipe(&k, sizeof k);
    uint8_t v[16];
    memcpy(v, iv, 16);
    aes_cbc_encrypt(&copy, v, plain, 64);
    CHECK_MEM(plain, cipher, 64);
}

/* What runs here against BearSSL's plainest code, on random keys and lengths. */
TEST(aes_cbc_implementations_agree) {
    CHECK(aes_implementation()[0] != '\0');
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        uint8_t data[2][40 * 16], v[2][16], was[40 * 16];
        size_t n = (size_t)(test_random(&seed) % 41) * 16;
        for (size_t i = 0; i < 16; i++) {
            key[i] = (uint8_t)test_random(&seed);
            v[0][i] = v[1][i] = (uint8_t)test_random(&seed);
        }
        for (size_t i = 0; i < n; i++)
            was[i] = data[0][i] = data[1][i] = (uint8_t)test_random(&seed);
        struct aes_key k;
        aes_key_init(&k, key);
        memcpy(iv, v[0], 16);
        aes_cbc_encrypt(&k, v[0], data[0], n);
        br_aes_big_cbcenc_keys plainest;
        br_aes_big_cbcenc_init(&plainest, key, 16);
        br_aes_big_cbcenc_run(&plainest, v[1], data[1], n);
        CHECK_MEM(data[0], data[1], n);
        CHECK_MEM(v[0], v[1], 16);
        aes_cbc_decrypt(&k, iv, data[0], n);
        CHECK_MEM(data[0], was, n);
    }
}
