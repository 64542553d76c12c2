/* bench_crypto.c - how fast the digests, the cipher and base64url are on this machine: one line each, in 10^6
 * bytes of input a second, best of five runs of 50 ms over 64 KiB. */
#include "crypto/aes_cbc.h"
#include "crypto/base64url.h"
#include "crypto/blake2b.h"
#include "crypto/sha256.h"
#include "src/crypto/sha256_blocks.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>

#define SIZE (64u << 10)
#define RUNS 5
#define RUN_NS 50000000u

static uint8_t data[SIZE];
static char encoded[SIZE / 3 * 4 + 8]; /* written by base64url_encode */
static uint8_t decoded[SIZE];
static struct aes_key key;
static uint8_t iv[16];
static uint32_t state[8];

static void run_sha256(void) {
    struct sha256 h;
    uint8_t out[SHA256_BYTES];
    sha256_init(&h);
    sha256_push(&h, data, SIZE);
    sha256_out(&h, out);
    data[0] ^= out[0];
}
static void run_sha256_portable(void) {
    sha256_blocks_portable(state, data, SIZE / 64);
}
static void run_blake2b(void) {
    struct blake2b b;
    uint8_t out[BLAKE2B_BYTES];
    blake2b_init(&b, sizeof out);
    blake2b_push(&b, data, SIZE);
    blake2b_finish(&b, out);
    data[0] ^= out[0];
}
static void run_encrypt(void) {
    aes_cbc_encrypt(&key, iv, data, SIZE);
}
static void run_decrypt(void) {
    aes_cbc_decrypt(&key, iv, data, SIZE);
}
static void run_base64_encode(void) {
    base64url_encode(encoded, data, SIZE / 3 * 3);
    data[0] ^= (uint8_t)encoded[0];
}
static void run_base64_decode(void) {
    struct base64url_dec d;
    base64url_dec_init(&d);
    base64url_dec_push(&d, decoded, encoded, SIZE);
    data[0] ^= decoded[0];
}

static void measure(struct sys *s, const char *name, const char *how, void (*run)(void)) {
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        uint64_t start = s->mono_ns(s), now, rounds = 0;
        do {
            run();
            rounds++;
            now = s->mono_ns(s);
        } while (now - start < RUN_NS);
        double rate = (double)rounds * SIZE * 1000 / (double)(now - start);
        best = rate > best ? rate : best;
    }
    printf("%-18s %-14s %8.0f MB/s\n", name, how, best);
}

int main(void) {
    struct sys s;
    sys_linux_init(&s);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 167);
    aes_key_init(&key, data);
    measure(&s, "sha256", sha256_implementation(), run_sha256);
    measure(&s, "sha256", "portable", run_sha256_portable);
    measure(&s, "blake2b", "portable", run_blake2b);
    measure(&s, "aes-128-cbc enc", aes_implementation(), run_encrypt);
    measure(&s, "aes-128-cbc dec", aes_implementation(), run_decrypt);
    measure(&s, "base64url encode", "tables", run_base64_encode);
    measure(&s, "base64url decode", "tables", run_base64_decode);
    return 0;
}
