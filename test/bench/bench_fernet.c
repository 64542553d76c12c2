/* bench_fernet.c - how fast tokens are made and read, in 10^6 clear bytes per second.
 *
 * A message of 5 MiB is fed in the pieces a session uses; the best of several runs counts, the rest is what
 * else the machine was doing. */
#include "wire/fernet.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLEAR_BYTES 5242880u
#define PIECE_BYTES 16384u
#define RUNS 15

static uint8_t clear[CLEAR_BYTES];
static char token[FERNET_ENC_ROOM(CLEAR_BYTES) + FERNET_ENC_HEAD_ROOM + FERNET_ENC_LAST_ROOM];
static uint8_t room[FERNET_DEC_ROOM(PIECE_BYTES)];

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t write_token(const struct fernet_key *key) {
    static const uint8_t iv[16] = {1, 2, 3};
    struct fernet_enc f;
    size_t n = fernet_enc_start(&f, key, 1700000000, iv, token);
    for (size_t at = 0; at < CLEAR_BYTES; at += PIECE_BYTES)
        n += fernet_enc_push(&f, clear + at, PIECE_BYTES, token + n);
    return n + fernet_enc_finish(&f, token + n);
}

static int read_token(const struct fernet_key *key, size_t n) {
    struct fernet_dec d;
    struct unverified u;
    uint8_t last[16];
    size_t last_n;
    fernet_dec_init(&d, key);
    for (size_t at = 0; at < n; at += PIECE_BYTES)
        fernet_dec_push(&d, token + at, n - at < PIECE_BYTES ? n - at : PIECE_BYTES, room, &u);
    return fernet_dec_finish(&d, last, &last_n, NULL);
}

int main(void) {
    struct fernet_key key;
    double best_write = 1e9, best_read = 1e9;
    fernet_key_init(&key, "0123456789abcdef0123456789abcdef");
    memset(clear, 0x5a, sizeof clear);
    for (int run = 0; run < RUNS; run++) {
        double start = now_s();
        size_t n = write_token(&key);
        double middle = now_s();
        if (read_token(&key, n)) {
            printf("the token does not verify\n");
            return 1;
        }
        double end = now_s();
        best_write = middle - start < best_write ? middle - start : best_write;
        best_read = end - middle < best_read ? end - middle : best_read;
    }
    printf("fernet (%s, %s): write %.0f MB/s, read %.0f MB/s\n", aes_implementation(),
           sha256_implementation(), CLEAR_BYTES / best_write / 1e6, CLEAR_BYTES / best_read / 1e6);
    return 0;
}
