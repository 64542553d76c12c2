/* test_fernet.c - tokens made by python3-cryptography, both ways, at every cut; and every way to be no
 * token. */
#include "base/bytes.h"
#include "test/harness/harness.h"
#include "wire/fernet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define WORDS "not a genuine Fernet token for this key"

/* The token of the reference, section 1. */
static const char hello_token[] =
    "gAAAAABrACGRuRM1a7qz6UaZ1knExhTt8H5xxMizrEIxcYBJ4mZrCw2Xeqxz7NdSiPUKwc6pxIeqPhZ9nU6fFovUU1T5IEsWwq3R7cJp"
    "WJ_B3QMWQD4Pj2E=";
static const char hello_clear[] = "worker1 wazuh worker 4.14.7";

struct reading {
    struct fernet_key key;
    struct fernet_dec dec;
    uint8_t *clear;
    size_t n, cap;
    const uint8_t *want;
    size_t want_n;
};

static void reading_init(struct reading *r, size_t cap) {
    fernet_key_init(&r->key, KEY);
    fernet_dec_init(&r->dec, &r->key);
    r->cap = cap;
    r->n = 0;
    r->clear = test_keep(malloc(cap + 1));
}

static void reading_reset(void *ctx) {
    struct reading *r = ctx;
    r->n = 0;
    fernet_dec_init(&r->dec, &r->key);
}

/* The work buffer is exactly as large as the contract asks for; the sanitizer sees a byte more. */
static void reading_push(void *ctx, const uint8_t *chars, size_t n) {
    struct reading *r = ctx;
    struct unverified u;
    uint8_t *room = malloc(FERNET_DEC_ROOM(n));
    CHECK(room != NULL);
    fernet_dec_push(&r->dec, (const char *)chars, n, room, &u);
    CHECK(u.n <= r->cap - r->n);
    memcpy(r->clear + r->n, u.bytes, u.n);
    r->n += u.n;
    free(room);
}

static enum err reading_finish(struct reading *r, struct error *e) {
    uint8_t last[16];
    size_t n;
    enum err err = fernet_dec_finish(&r->dec, last, &n, e);
    CHECK(n <= 15 && n <= r->cap - r->n);
    CHECK(err == E_OK || n == 0);
    memcpy(r->clear + r->n, last, n);
    r->n += n;
    return err;
}

static void reading_check(void *ctx) {
    struct reading *r = ctx;
    struct error e;
    CHECK_INT(reading_finish(r, &e), E_OK);
    CHECK_INT(r->n, r->want_n);
    CHECK_MEM(r->clear, r->want, r->n);
}

/* E_OK or not, in one piece. */
static enum err judge(struct reading *r, const char *chars, size_t n, struct error *e) {
    reading_reset(r);
    reading_push(r, (const uint8_t *)chars, n);
    return reading_finish(r, e);
}

static void check_refused(struct reading *r, const char *chars, size_t n) {
    struct error e;
    CHECK_INT(judge(r, chars, n, &e), E_TOKEN);
    CHECK_STR(e.what, WORDS);
    reading_reset(r);
    for (size_t i = 0; i < n; i++)
        reading_push(r, (const uint8_t *)chars + i, 1);
    CHECK_INT(reading_finish(r, &e), E_TOKEN);
    CHECK_STR(e.what, WORDS);
}

/* Writes the token of clear in pieces of at most piece bytes to out (fernet_length bytes long). */
static size_t write_token(const uint8_t *clear, size_t n, size_t piece, uint64_t wall_s, const uint8_t iv[16],
                          char *out) {
    struct fernet_key key;
    struct fernet_enc f;
    fernet_key_init(&key, KEY);
    char head[FERNET_ENC_HEAD_ROOM], last[FERNET_ENC_LAST_ROOM];
    size_t at = fernet_enc_start(&f, &key, wall_s, iv, head);
    memcpy(out, head, at);
    for (size_t i = 0; i < n; i += piece) {
        size_t take = n - i < piece ? n - i : piece;
        char *room = malloc(FERNET_ENC_ROOM(take));
        CHECK(room != NULL);
        size_t made = fernet_enc_push(&f, clear + i, take, room);
        memcpy(out + at, room, made);
        free(room);
        at += made;
    }
    size_t made = fernet_enc_finish(&f, last);
    memcpy(out + at, last, made);
    return at + made;
}

struct vector {
    size_t n;
    uint64_t wall_s;
    uint8_t iv[16];
    uint8_t *clear;
    char *token; /* or the SHA-256 of it */
};

/* The next line of fernet.txt (see make_fernet.py); false at its end. */
static bool vector_next(char **text, struct vector *v) {
    char iv[33];
    int used = 0;
    if (sscanf(*text, "%zu %" SCNu64 " %32s %n", &v->n, &v->wall_s, iv, &used) != 3)
        return false;
    CHECK(hex_decode(v->iv, iv, 16));
    v->token = *text + used;
    char *end = strchr(v->token, '\n');
    CHECK(end != NULL);
    *end = '\0';
    *text = end + 1;
    v->clear = test_keep(malloc(v->n + 1));
    for (size_t i = 0; i < v->n; i++)
        v->clear[i] = (uint8_t)(7 * i + v->n);
    return true;
}

static char *vectors(void) {
    size_t n;
    return (char *)test_vector("fernet.txt", &n);
}

TEST(fernet_reads_the_token_of_the_reference) {
    struct reading r;
    reading_init(&r, 200);
    r.want = (const uint8_t *)hello_clear;
    r.want_n = strlen(hello_clear);
    test_cuts(hello_token, strlen(hello_token), 1, &r, reading_reset, reading_push, reading_check);
}

TEST(fernet_reads_what_python_writes) {
    char *text = vectors();
    struct vector v;
    size_t lengths = 0;
    while (vector_next(&text, &v) && v.n <= 9000) {
        struct reading r;
        size_t n = strlen(v.token);
        reading_init(&r, v.n + 64);
        r.want = v.clear;
        r.want_n = v.n;
        test_cuts(v.token, n, n < 300 ? 1 : 97, &r, reading_reset, reading_push, reading_check);
        CHECK_INT(fernet_length(v.n), n);
        CHECK(fernet_clear_max(n) >= v.n && fernet_clear_max(n) < v.n + 16);
        lengths++;
    }
    CHECK_INT(lengths, 105);
}

TEST(fernet_writes_what_python_writes) {
    char *text = vectors();
    struct vector v;
    char out[16384];
    while (vector_next(&text, &v) && v.n <= 9000)
        for (size_t piece = 1; piece < 80; piece += piece < 50 ? 1 : 7) {
            size_t n = write_token(v.clear, v.n, piece == 79 ? 100000 : piece, v.wall_s, v.iv, out);
            CHECK_INT(n, strlen(v.token));
            CHECK_MEM(out, v.token, n);
        }
}

TEST(fernet_long_token_both_ways) {
    char *text = vectors();
    struct vector v;
    do
        CHECK(vector_next(&text, &v));
    while (v.n < 1000000);
    static const size_t pieces[] = {4031, 4032, 65536, 2000000};
    size_t n = (size_t)fernet_length(v.n);
    char *out = test_keep(malloc(n));
    struct reading r;
    struct error e;
    reading_init(&r, v.n + 64);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CHECK_INT(write_token(v.clear, v.n, pieces[i], v.wall_s, v.iv, out), n);
        struct sha256 hash;
        uint8_t digest[32];
        char hex[65];
        sha256_init(&hash);
        sha256_push(&hash, out, n);
        sha256_out(&hash, digest);
        hex_encode(hex, digest, 32);
        CHECK_STR(hex, v.token);
        reading_reset(&r);
        for (size_t at = 0; at < n; at += pieces[i])
            reading_push(&r, (uint8_t *)out + at, n - at < pieces[i] ? n - at : pieces[i]);
        CHECK_INT(reading_finish(&r, &e), E_OK);
        CHECK_INT(r.n, v.n);
        CHECK_MEM(r.clear, v.clear, v.n);
    }
}

TEST(fernet_lengths) {
    CHECK_INT(fernet_length(0), 100); /* reference, section 1 */
    CHECK_INT(fernet_length(15), 100);
    CHECK_INT(fernet_length(16), 120);
    CHECK_INT(fernet_length(5242880), 6990604);
    CHECK_INT(fernet_clear_max(0), 0);
    CHECK_INT(fernet_clear_max(96), 0);
    CHECK_INT(fernet_clear_max(99), 0);
    CHECK_INT(fernet_clear_max(100), 15);
    CHECK_INT(fernet_clear_max(119), 15);
    CHECK_INT(fernet_clear_max(120), 31);
    for (uint64_t n = 0; n < 1000; n++) /* the announced length never understates what can come */
        CHECK(fernet_clear_max(fernet_length(n)) == n / 16 * 16 + 15);
}

TEST(fernet_every_other_character_is_refused) {
    struct reading r;
    struct error e;
    char token[sizeof hello_token];
    reading_init(&r, 200);
    for (size_t at = 0; at < sizeof token - 1; at++)
        for (int c = 0; c < 256; c++) {
            memcpy(token, hello_token, sizeof token);
            token[at] = (char)c;
            enum err want = token[at] == hello_token[at] ? E_OK : E_TOKEN;
            CHECK_INT(judge(&r, token, sizeof token - 1, &e), want);
        }
}

static void check_cut_and_extended(struct reading *r, const char *token) {
    char longer[512];
    size_t n = strlen(token);
    for (size_t cut = 0; cut < n; cut++)
        check_refused(r, token, cut);
    for (size_t from = 1; from < n; from++)
        check_refused(r, token + from, n - from);
    static const char *const tails[] = {"=", "==", "\n", " ", "A", "AA", "AAA", "AAAA", "AAAAAAAA"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        int len = snprintf(longer, sizeof longer, "%s%s", token, tails[i]);
        check_refused(r, longer, (size_t)len);
    }
}

TEST(fernet_cut_and_extended_tokens_are_refused) {
    char *text = vectors();
    struct vector v;
    struct reading r;
    unsigned paddings = 0; /* tokens that end in none, one and two '=' must have been there */
    reading_init(&r, 400);
    check_cut_and_extended(&r, hello_token);
    while (vector_next(&text, &v) && v.n <= 100)
        if (v.n % 16 == 0) {
            size_t n = strlen(v.token);
            paddings |= 1u << ((v.token[n - 1] == '=') + (v.token[n - 2] == '='));
            check_cut_and_extended(&r, v.token);
        }
    CHECK_INT(paddings, 7);
}

/* Lengths of all remainders, so that the tag moves through the last base64 groups. */
TEST(fernet_every_flipped_bit_of_a_long_token_is_refused) {
    char *text = vectors();
    struct vector v;
    struct reading r;
    struct error e;
    reading_init(&r, 9100);
    while (vector_next(&text, &v) && v.n <= 100) {
        size_t n = strlen(v.token);
        for (size_t at = 0; at < n; at++) {
            char was = v.token[at];
            for (int bit = 0; bit < 8; bit++) {
                v.token[at] = (char)(was ^ 1 << bit);
                CHECK_INT(judge(&r, v.token, n, &e), E_TOKEN);
            }
            v.token[at] = was;
        }
        CHECK_INT(judge(&r, v.token, n, &e), E_OK);
    }
}

TEST(fernet_another_key_is_refused) {
    struct reading r;
    struct error e;
    reading_init(&r, 200);
    fernet_key_init(&r.key, "0123456789abcdeF0123456789abcdef"); /* the HMAC half */
    CHECK_INT(judge(&r, hello_token, sizeof hello_token - 1, &e), E_TOKEN);
    CHECK_STR(e.what, WORDS);
    fernet_key_init(&r.key, KEY);
    CHECK_INT(judge(&r, hello_token, sizeof hello_token - 1, &e), E_OK);
    CHECK_INT(fernet_dec_finish(&r.dec, (uint8_t[16]){0}, &(size_t){0}, &e), E_TOKEN); /* once */
}

/* A token whose tag is right over bytes that are not: what a broken writer with the key could send. */
static size_t sign(uint8_t version, const uint8_t *blocks, size_t n, char *out) {
    struct fernet_key key;
    struct hmac hmac;
    uint8_t raw[256] = {version, 0, 0, 0, 0, 1};
    uint8_t iv[16] = {0};
    fernet_key_init(&key, KEY);
    memcpy(raw + FERNET_HEAD_BYTES, blocks, n);
    aes_cbc_encrypt(&key.aes, iv, raw + FERNET_HEAD_BYTES, n / 16 * 16);
    n += FERNET_HEAD_BYTES;
    hmac_init(&hmac, &key.hmac);
    hmac_push(&hmac, raw, n);
    hmac_out(&hmac, raw + n);
    n += SHA256_BYTES;
    base64url_encode(out, raw, n / 3 * 3);
    return n / 3 * 4 + base64url_encode_last(out + n / 3 * 4, raw + n / 3 * 3, n % 3);
}

TEST(fernet_signed_but_malformed_tokens_are_refused) {
    struct reading r;
    struct error e;
    char token[400];
    uint8_t blocks[64];
    reading_init(&r, 200);
    for (size_t n = 0; n <= 48; n++) { /* only whole blocks, at least one */
        memset(blocks, 16, sizeof blocks);
        size_t len = sign(FERNET_VERSION, blocks, n, token);
        if (n % 16 == 0 && n) {
            CHECK_INT(judge(&r, token, len, &e), E_OK);
            CHECK_INT(r.n, n - 16);
        } else {
            check_refused(&r, token, len);
        }
    }
    check_refused(&r, token, sign(0x81, blocks, 16, token));
    check_refused(&r, token, sign(0, blocks, 16, token));
    for (unsigned pad = 0; pad < 256; pad++) { /* the last byte counts 1..16 bytes that all say the same */
        memset(blocks, (int)pad, 16);
        size_t len = sign(FERNET_VERSION, blocks, 16, token);
        if (pad >= 1 && pad <= 16) {
            CHECK_INT(judge(&r, token, len, &e), E_OK);
            CHECK_INT(r.n, 16 - pad);
        } else {
            check_refused(&r, token, len);
        }
        for (unsigned i = 0; i < 15 && pad >= 1 && pad <= 16; i++) {
            blocks[i] ^= 0x20;
            enum err want = i + pad >= 16 ? E_TOKEN : E_OK;
            CHECK_INT(judge(&r, token, sign(FERNET_VERSION, blocks, 16, token), &e), want);
            blocks[i] ^= 0x20;
        }
    }
}

/* Before the verdict nothing of the last block is out, however the token comes. */
TEST(fernet_holds_back_the_last_block) {
    char *text = vectors();
    struct vector v;
    struct reading r;
    reading_init(&r, 9100);
    while (vector_next(&text, &v) && v.n <= 100) {
        reading_reset(&r);
        reading_push(&r, (uint8_t *)v.token, strlen(v.token));
        CHECK_INT(r.n, v.n / 16 * 16);
    }
}
