/* wire/fernet.h - Fernet tokens as streams, both ways (reference, section 1).
 *
 *   base64url( 0x80 | time uint64 BE | IV 16 | AES-128-CBC(PKCS7) | HMAC-SHA256 over all before )
 *
 * Reading is stricter than Python's: its decoder passes over characters outside the alphabet, we refuse them,
 * and padding that is missing, and bits behind the last byte that are not zero. Every token has one spelling.
 *
 * Whether a token is genuine is known only at its end. What the decoder gives out before is a struct
 * unverified: it may be put away where nobody acts on it, and must be forgotten when fernet_dec_finish says
 * no. The decoder holds back the last 48 bytes seen (one block that may be padding, and the tag). */
#ifndef PICKET_WIRE_FERNET_H
#define PICKET_WIRE_FERNET_H

#include "base/err.h"
#include "crypto/aes_cbc.h"
#include "crypto/base64url.h"
#include "crypto/sha256.h"

#define FERNET_VERSION 0x80
#define FERNET_HEAD_BYTES 25 /* version, time, IV */

/* One cluster key, prepared once: HMAC key = characters 0..15, AES key = 16..31. Wipe it with bytes_wipe. */
struct fernet_key {
    struct hmac_key hmac;
    struct aes_key aes;
};
void fernet_key_init(struct fernet_key *k, const char key[32]);

/* Characters of the token for n clear bytes. */
uint64_t fernet_length(uint64_t n);
/* Most clear bytes a token of this many characters can hold. */
uint64_t fernet_clear_max(uint64_t length);

/* Bytes that nobody has vouched for. */
struct unverified {
    const uint8_t *bytes;
    size_t n;
};

struct fernet_dec {
    const struct fernet_key *key;
    struct hmac hmac;
    struct base64url_dec base64;
    uint8_t iv[16];
    uint8_t held[64]; /* delay line and partial block; before that, what there is of the head */
    uint8_t fill;
    bool head; /* version, time and IV (25 bytes) are through */
    bool bad;  /* nothing can come of it: the rest is passed over */
};

/* Room that fernet_dec_push needs in out for n characters: up to 63 bytes held and what n make of them. */
#define FERNET_DEC_ROOM(n) ((n) / 4u * 3u + 80u)

/* key must outlive d. */
void fernet_dec_init(struct fernet_dec *d, const struct fernet_key *key);
/* Takes n characters of the token; out has room for FERNET_DEC_ROOM(n) bytes and is where *u points to. */
void fernet_dec_push(struct fernet_dec *d, const char *chars, size_t n, uint8_t *out, struct unverified *u);
/* The verdict. E_OK: everything given out is genuine, and so are the *n (0..15) last bytes in last. E_TOKEN:
 * nothing is; the reason is not told apart from outside (same words for tag, padding and form). */
enum err fernet_dec_finish(struct fernet_dec *d, uint8_t last[16], size_t *n, struct error *e);

struct fernet_enc {
    const struct fernet_key *key;
    struct hmac hmac;
    uint8_t iv[16];
    uint8_t block[16]; /* clear bytes that do not fill a block yet */
    uint8_t fill;
    uint8_t carry[3]; /* token bytes that do not fill a base64 group yet */
    uint8_t carried;
};

/* Room that fernet_enc_push needs in out for n clear bytes. */
#define FERNET_ENC_ROOM(n) (((n) + 32u) / 3u * 4u + 8u)
#define FERNET_ENC_HEAD_ROOM 40u /* for fernet_enc_start */
#define FERNET_ENC_LAST_ROOM 80u /* for fernet_enc_finish */

/* Begins a token: wall_s is the time put into it, iv random. Returns the characters written to out. */
size_t fernet_enc_start(struct fernet_enc *f, const struct fernet_key *key, uint64_t wall_s,
                        const uint8_t iv[16], char *out);
size_t fernet_enc_push(struct fernet_enc *f, const uint8_t *clear, size_t n, char *out);
size_t fernet_enc_finish(struct fernet_enc *f, char *out);

#endif
