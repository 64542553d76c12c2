/* crypto/sha256_blocks.h - the three ways to compress SHA-256 blocks; private to src/crypto and its tests. */
#ifndef PICKET_CRYPTO_SHA256_BLOCKS_H
#define PICKET_CRYPTO_SHA256_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* Takes `blocks` blocks of 64 bytes into state. */
typedef void sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks);

sha256_blocks sha256_blocks_portable;

/* The processor's instructions, when the compiler can speak them; to be called only if cpu_has_sha256(). */
#if defined(__x86_64__) || defined(__i386__)
#define SHA256_CPU_NAME "sha-ni"
sha256_blocks sha256_blocks_cpu;
#elif defined(__aarch64__) && (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_SHA2))
/* clang before 16 shows these intrinsics only when the whole program may use them */
#define SHA256_CPU_NAME "armv8"
sha256_blocks sha256_blocks_cpu;
#endif

/* The round constants of FIPS 180-4, section 4.2.2. */
extern const uint32_t sha256_constants[64];

#endif
