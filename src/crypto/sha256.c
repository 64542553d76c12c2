/* crypto/sha256.c - SHA-256 (FIPS 180-4) and HMAC (RFC 2104) as streams over one of the block functions. */
#include "crypto/sha256.h"

#include "base/bytes.h"
#include "src/crypto/sha256_blocks.h"
#include "sys/cpu.h"

#include <bearssl_hash.h>
#include <stdatomic.h>
#include <string.h>

#define BLOCK 64

/* Which block function this processor runs, found out at the first use. Not a node's state: every writer
 * stores the same value, so the order of stores does not matter. */
static _Atomic(sha256_blocks *) chosen;

static sha256_blocks *choose(void) {
    sha256_blocks *f = sha256_blocks_portable;
#ifdef SHA256_CPU_NAME
    if (cpu_has_sha256())
        f = sha256_blocks_cpu;
#endif
    atomic_store_explicit(&chosen, f, memory_order_relaxed);
    return f;
}

static inline sha256_blocks *blocks_function(void) {
    sha256_blocks *f = atomic_load_explicit(&chosen, memory_order_relaxed);
    return f ? f : choose();
}

const char *sha256_implementation(void) {
#ifdef SHA256_CPU_NAME
    if (blocks_function() == sha256_blocks_cpu)
        return SHA256_CPU_NAME;
#endif
    return "portable";
}

void sha256_blocks_portable(uint32_t state[8], const uint8_t *bytes, size_t blocks) {
    br_sha256_context c;
    uint8_t words[SHA256_BYTES];
    for (int i = 0; i < 8; i++)
        be32_store(words + 4 * i, state[i]);
    br_sha256_init(&c);
    br_sha256_set_state(&c, words, 0);
    br_sha256_update(&c, bytes, blocks * BLOCK);
    br_sha256_state(&c, words);
    for (int i = 0; i < 8; i++)
        state[i] = be32_load(words + 4 * i);
}

void sha256_init(struct sha256 *h) {
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, initial, sizeof initial);
    h->count = 0;
}

void sha256_push(struct sha256 *h, const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    size_t fill = h->count % BLOCK;
    h->count += n;
    if (fill) {
        size_t take = min_size(n, BLOCK - fill);
        if (take)
            memcpy(h->block + fill, at, take);
        if (fill + take < BLOCK)
            return;
        blocks_function()(h->state, h->block, 1);
        at += take;
        n -= take;
    }
    if (n >= BLOCK) {
        blocks_function()(h->state, at, n / BLOCK);
        at += n / BLOCK * BLOCK;
    }
    if (n % BLOCK)
        memcpy(h->block, at, n % BLOCK);
}

void sha256_out(const struct sha256 *h, uint8_t out[SHA256_BYTES]) {
    uint32_t state[8];
    uint8_t tail[2 * BLOCK] = {0};
    size_t fill = h->count % BLOCK, blocks = fill < BLOCK - 8 ? 1 : 2;
    memcpy(state, h->state, sizeof state);
    memcpy(tail, h->block, fill);
    tail[fill] = 0x80;
    be64_store(tail + blocks * BLOCK - 8, h->count * 8);
    blocks_function()(state, tail, blocks);
    for (int i = 0; i < 8; i++)
        be32_store(out + 4 * i, state[i]);
}

/* A stream that has taken the key XORed with one byte: ipad or opad of RFC 2104. */
static void start_padded(struct sha256 *h, const uint8_t key[BLOCK], uint8_t pad) {
    uint8_t block[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        block[i] = key[i] ^ pad;
    sha256_init(h);
    sha256_push(h, block, BLOCK);
    bytes_wipe(block, sizeof block);
}

void hmac_key_init(struct hmac_key *k, const void *key, size_t n) {
    uint8_t block[BLOCK] = {0};
    if (n > BLOCK) {
        struct sha256 h;
        sha256_init(&h);
        sha256_push(&h, key, n);
        sha256_out(&h, block);
        bytes_wipe(&h, sizeof h);
    } else if (n) {
        memcpy(block, key, n);
    }
    memset(k, 0, sizeof *k);
    start_padded(&k->inner, block, 0x36);
    start_padded(&k->outer, block, 0x5c);
    bytes_wipe(block, sizeof block);
}

void hmac_init(struct hmac *m, const struct hmac_key *k) {
    m->inner = k->inner;
    m->key = k;
}

void hmac_push(struct hmac *m, const void *bytes, size_t n) {
    sha256_push(&m->inner, bytes, n);
}

void hmac_out(const struct hmac *m, uint8_t out[SHA256_BYTES]) {
    struct sha256 outer = m->key->outer;
    uint8_t inner[SHA256_BYTES];
    sha256_out(&m->inner, inner);
    sha256_push(&outer, inner, sizeof inner);
    sha256_out(&outer, out);
    bytes_wipe(&outer, sizeof outer);
}
