/* wire/fernet_enc.c - makes Fernet tokens from clear bytes that come in pieces, and prepares keys.
 *
 * Characters go out as soon as they are certain. Clear bytes are copied once, to a piece that stays in the
 * first-level cache while it is encrypted, signed and spelled. */
#include "base/bytes.h"
#include "wire/fernet.h"

#include <string.h>

#define TAG_BYTES SHA256_BYTES
#define PIECE_BYTES 4032u /* a multiple of the block and of the base64 group */

void fernet_key_init(struct fernet_key *k, const char key[32]) {
    hmac_key_init(&k->hmac, key, 16);
    aes_key_init(&k->aes, (const uint8_t *)key + 16);
}

uint64_t fernet_length(uint64_t n) {
    return base64url_length(FERNET_HEAD_BYTES + (n / AES_BLOCK_BYTES + 1) * AES_BLOCK_BYTES + TAG_BYTES);
}

/* Spells piece, which begins with the carried bytes and has n in all, up to its last whole group. */
static size_t spell(struct fernet_enc *f, const uint8_t *piece, size_t n, char *out) {
    size_t whole = n / 3 * 3;
    base64url_encode(out, piece, whole);
    f->carried = (uint8_t)(n - whole);
    memcpy(f->carry, piece + whole, f->carried);
    return whole / 3 * 4;
}

size_t fernet_enc_start(struct fernet_enc *f, const struct fernet_key *key, uint64_t wall_s,
                        const uint8_t iv[16], char *out) {
    uint8_t head[FERNET_HEAD_BYTES];
    memset(f, 0, sizeof *f);
    f->key = key;
    memcpy(f->iv, iv, sizeof f->iv);
    head[0] = FERNET_VERSION;
    be64_store(head + 1, wall_s);
    memcpy(head + 9, iv, 16);
    hmac_init(&f->hmac, &key->hmac);
    hmac_push(&f->hmac, head, sizeof head);
    return spell(f, head, sizeof head, out);
}

size_t fernet_enc_push(struct fernet_enc *f, const uint8_t *clear, size_t n, char *out) {
    uint8_t piece[PIECE_BYTES + 2 + AES_BLOCK_BYTES]; /* carried bytes, then the open block, then clear */
    size_t written = 0;
    while (n) {
        uint8_t *p = piece + f->carried;
        size_t take = min_size(n, PIECE_BYTES);
        memcpy(piece, f->carry, f->carried);
        memcpy(p, f->block, f->fill);
        memcpy(p + f->fill, clear, take);
        size_t have = f->fill + take;
        size_t whole = have / AES_BLOCK_BYTES * AES_BLOCK_BYTES;
        f->fill = (uint8_t)(have - whole);
        memcpy(f->block, p + whole, f->fill);
        aes_cbc_encrypt(&f->key->aes, f->iv, p, whole);
        hmac_push(&f->hmac, p, whole);
        written += spell(f, piece, f->carried + whole, out + written);
        clear += take;
        n -= take;
    }
    return written;
}

size_t fernet_enc_finish(struct fernet_enc *f, char *out) {
    uint8_t pad[AES_BLOCK_BYTES];
    uint8_t rest[2 + TAG_BYTES];
    size_t n = AES_BLOCK_BYTES - (size_t)f->fill;
    memset(pad, (int)n, n); /* PKCS7: 1..16 bytes that each say how many */
    size_t written = fernet_enc_push(f, pad, n, out);
    n = f->carried;
    memcpy(rest, f->carry, n);
    hmac_out(&f->hmac, rest + n);
    written += spell(f, rest, n + TAG_BYTES, out + written);
    return written + base64url_encode_last(out + written, f->carry, f->carried);
}
