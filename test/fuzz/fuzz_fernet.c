/* fuzz_fernet.c - the input as a token, and as clear bytes that must come back; both in pieces whose sizes
 * the input chooses. Any input that verifies must be the one spelling of what it says. */
#include "base/bytes.h"
#include "wire/fernet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 4096u

static void need(bool cond) {
    if (!cond)
        abort();
}

static size_t piece(uint32_t *step, size_t left) {
    *step = *step * 1664525u + 1013904223u;
    size_t n = *step >> 28 ? 1 + (*step >> 16 & 127) : left;
    return n < left ? n : left;
}

/* Each piece gets memory of exactly the size the contract names. */
static bool read_token(const struct fernet_key *key, const char *token, size_t n, uint32_t step,
                       uint8_t *clear, size_t *clear_n) {
    struct fernet_dec d;
    uint8_t last[16];
    size_t last_n, length = n;
    *clear_n = 0;
    fernet_dec_init(&d, key);
    while (n) {
        struct unverified u;
        size_t take = piece(&step, n);
        uint8_t *room = malloc(FERNET_DEC_ROOM(take));
        need(room != NULL);
        fernet_dec_push(&d, token, take, room, &u);
        need(*clear_n + u.n <= MOST + 64);
        memcpy(clear + *clear_n, u.bytes, u.n);
        *clear_n += u.n;
        free(room);
        token += take;
        n -= take;
    }
    bool good = fernet_dec_finish(&d, last, &last_n, NULL) == E_OK;
    need(good ? last_n < 16 : last_n == 0);
    memcpy(clear + *clear_n, last, last_n);
    *clear_n += last_n;
    need(*clear_n <= fernet_clear_max(length));
    return good;
}

static size_t write_token(const struct fernet_key *key, const uint8_t *clear, size_t n, uint64_t wall_s,
                          const uint8_t iv[16], uint32_t step, char *token) {
    struct fernet_enc f;
    size_t at = fernet_enc_start(&f, key, wall_s, iv, token);
    while (n) {
        size_t take = piece(&step, n);
        char *room = malloc(FERNET_ENC_ROOM(take));
        need(room != NULL);
        size_t made = fernet_enc_push(&f, clear, take, room);
        memcpy(token + at, room, made);
        free(room);
        at += made;
        clear += take;
        n -= take;
    }
    return at + fernet_enc_finish(&f, token + at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t clear[MOST + 128];
    static char token[2 * MOST];
    struct fernet_key key;
    uint8_t head[FERNET_HEAD_BYTES + 3];
    size_t n;
    if (size > MOST)
        return 0;
    uint32_t step = (uint32_t)size * 2654435761u + (size ? data[0] : 0);
    fernet_key_init(&key, "0123456789abcdef0123456789abcdef");
    if (read_token(&key, (const char *)data, size, step, clear, &n)) {
        struct base64url_dec d;
        base64url_dec_init(&d);
        base64url_dec_push(&d, head, (const char *)data, 36);
        size_t made = write_token(&key, clear, n, be64_load(head + 1), head + 9, ~step, token);
        need(made == size && memcmp(token, data, size) == 0);
    }
    n = write_token(&key, data, size, step, (const uint8_t *)"an initial value", step, token);
    need(n == fernet_length(size));
    need(read_token(&key, token, n, ~step, clear, &n) && n == size && memcmp(clear, data, size) == 0);
    return 0;
}
