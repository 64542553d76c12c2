/* base/bytes.h - byte order, hexadecimal, and comparisons that do not leak. */
#ifndef PICKET_BASE_BYTES_H
#define PICKET_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t be32_load(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void be32_store(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline uint32_t le32_load(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void le32_store(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline uint64_t be64_load(const uint8_t *p) {
    return (uint64_t)be32_load(p) << 32 | be32_load(p + 4);
}

static inline void be64_store(uint8_t *p, uint64_t v) {
    be32_store(p, (uint32_t)(v >> 32));
    be32_store(p + 4, (uint32_t)v);
}

static inline uint64_t le64_load(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static inline void le64_store(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

static inline size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Writes 2 * n lowercase hexadecimal digits and a NUL to out (2 * n + 1 bytes). */
void hex_encode(char *out, const uint8_t *in, size_t n);

/* Reads exactly n bytes from 2 * n hexadecimal digits of either case; false if any is not one. */
bool hex_decode(uint8_t *out, const char *in, size_t n);

/* Equality in time that depends on n only: for tags and keys. */
bool bytes_equal_secret(const void *a, const void *b, size_t n);

/* Overwrites n bytes in a way the compiler may not leave out: for keys. */
void bytes_wipe(void *p, size_t n);

#endif
