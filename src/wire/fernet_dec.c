/* wire/fernet_dec.c - reads Fernet tokens that arrive in pieces.
 *
 * Characters come in, clear bytes nobody has vouched for go out, the verdict comes last. The caller's out
 * buffer is the only work space: a piece is decoded behind the bytes held back, goes through HMAC as
 * ciphertext and is decrypted where it lies. Pieces are small enough to stay in the first-level cache.
 *
 * Held back are 48 to 63 bytes: the tag, the block that may be padding, and what does not fill a block yet.
 * Nothing is told before the tag was compared, and then only one thing, so that there is no padding oracle.
 */
#include "base/bytes.h"
#include "wire/fernet.h"

#include <string.h>

#define HEAD_IV 9
#define TAG_BYTES SHA256_BYTES
#define HOLD_BYTES (AES_BLOCK_BYTES + TAG_BYTES)
#define PIECE_CHARS 12288u

uint64_t fernet_clear_max(uint64_t length) {
    uint64_t bytes = length / 4 * 3;
    if (bytes < FERNET_HEAD_BYTES + HOLD_BYTES)
        return 0;
    return (bytes - FERNET_HEAD_BYTES - TAG_BYTES) / AES_BLOCK_BYTES * AES_BLOCK_BYTES - 1;
}

void fernet_dec_init(struct fernet_dec *d, const struct fernet_key *key) {
    memset(d, 0, sizeof *d);
    d->key = key;
    hmac_init(&d->hmac, &key->hmac);
    base64url_dec_init(&d->base64);
}

/* A genuine token goes on for 48 bytes and more, so the head is never part of its tag. */
static void head_read(struct fernet_dec *d, const uint8_t *head) {
    if (head[0] != FERNET_VERSION)
        d->bad = true;
    memcpy(d->iv, head + HEAD_IV, sizeof d->iv);
    hmac_push(&d->hmac, head, FERNET_HEAD_BYTES);
    d->head = true;
    d->fill = 0;
}

/* p holds n bytes after the head, the first fill of them known from before. Returns how many, from p on, have
 * become clear; they count as dealt with. */
static size_t body_step(struct fernet_dec *d, uint8_t *p, size_t n) {
    size_t signed_before = d->fill > TAG_BYTES ? d->fill - (size_t)TAG_BYTES : 0;
    size_t signed_now = n > TAG_BYTES ? n - TAG_BYTES : 0;
    hmac_push(&d->hmac, p + signed_before, signed_now - signed_before);
    size_t clear = n > HOLD_BYTES ? (n - HOLD_BYTES) / AES_BLOCK_BYTES * AES_BLOCK_BYTES : 0;
    aes_cbc_decrypt(&d->key->aes, d->iv, p, clear);
    d->fill = (uint8_t)(n - clear);
    return clear;
}

void fernet_dec_push(struct fernet_dec *d, const char *chars, size_t n, uint8_t *out, struct unverified *u) {
    *u = (struct unverified){out, 0};
    if (d->bad)
        return;
    memcpy(out, d->held, d->fill);
    uint8_t *p = out; /* the first byte that is not clear yet */
    while (n) {
        size_t take = min_size(n, PIECE_CHARS);
        size_t have = d->fill + base64url_dec_push(&d->base64, p + d->fill, chars, take);
        chars += take;
        n -= take;
        if (d->base64.bad) {
            d->bad = true;
            break;
        }
        if (!d->head) {
            if (have < FERNET_HEAD_BYTES) {
                d->fill = (uint8_t)have;
                continue;
            }
            head_read(d, p);
            p += FERNET_HEAD_BYTES;
            have -= FERNET_HEAD_BYTES;
            u->bytes = p;
        }
        p += body_step(d, p, have);
    }
    memcpy(d->held, p, d->fill);
    u->n = d->bad ? 0 : (size_t)(p - u->bytes);
}

/* PKCS7: the last byte says how many bytes of the block, 1..16, are padding and all say it. Every byte is
 * looked at whatever the answer, although only holders of the key come as far as this. */
static bool padding_read(const uint8_t block[AES_BLOCK_BYTES], size_t *clear) {
    unsigned pad = block[AES_BLOCK_BYTES - 1];
    unsigned wrong = pad - 1u > 15u;
    for (unsigned i = 0; i < AES_BLOCK_BYTES; i++)
        wrong |= (unsigned)(i + pad >= AES_BLOCK_BYTES) & (unsigned)(block[i] != pad);
    *clear = wrong ? 0 : AES_BLOCK_BYTES - pad;
    return !wrong;
}

enum err fernet_dec_finish(struct fernet_dec *d, uint8_t last[16], size_t *n, struct error *e) {
    uint8_t tag[TAG_BYTES];
    hmac_out(&d->hmac, tag);
    *n = 0;
    bool good = !d->bad && d->head && d->fill == HOLD_BYTES && base64url_dec_finish(&d->base64) &&
                bytes_equal_secret(tag, d->held + AES_BLOCK_BYTES, TAG_BYTES);
    if (good) {
        memcpy(last, d->held, AES_BLOCK_BYTES);
        aes_cbc_decrypt(&d->key->aes, d->iv, last, AES_BLOCK_BYTES);
        good = padding_read(last, n);
    }
    bytes_wipe(tag, sizeof tag); /* the tag of a forgery would be worth knowing */
    d->bad = true;               /* one token, one verdict */
    return good ? E_OK : error_set(e, E_TOKEN, 0, "not a genuine Fernet token for this key");
}
