/* test_base64url.c - RFC 4648: its vectors, every cut, and everything that must be refused. */
#include "crypto/base64url.h"
#include "test/harness/harness.h"

/* RFC 4648, section 10, and values that take the two characters of the URL alphabet. */
static const struct {
    const char *bytes;
    size_t n;
    const char *text;
} known[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\xfb\xff\xbf", 3, "-_-_"},
    {"\xff\xff", 2, "__8="},
    {"\xf8", 1, "-A=="},
};
#define KNOWN (sizeof known / sizeof *known)

TEST(base64url_encodes) {
    for (size_t i = 0; i < KNOWN; i++) {
        char text[64] = {0};
        size_t whole = known[i].n / 3 * 3;
        const uint8_t *in = (const uint8_t *)known[i].bytes;
        base64url_encode(text, in, whole);
        size_t last = base64url_encode_last(text + whole / 3 * 4, in + whole, known[i].n - whole);
        CHECK_STR(text, known[i].text);
        CHECK_INT(whole / 3 * 4 + last, base64url_length(known[i].n));
    }
}

struct run {
    struct base64url_dec d;
    uint8_t out[512];
    size_t n;
    const uint8_t *want;
    size_t want_n;
    bool want_ok;
};
static void run_reset(void *ctx) {
    struct run *r = ctx;
    base64url_dec_init(&r->d);
    r->n = 0;
}
static void run_push(void *ctx, const uint8_t *bytes, size_t n) {
    struct run *r = ctx;
    size_t room = n / 4 * 3 + 3; /* the contract, with a fence behind it */
    uint8_t *out = r->out + r->n;
    out[room] = 0x5a;
    size_t got = base64url_dec_push(&r->d, out, (const char *)bytes, n);
    CHECK(got <= room);
    CHECK_INT(out[room], 0x5a);
    r->n += got;
}
static void run_check(void *ctx) {
    struct run *r = ctx;
    CHECK_INT(base64url_dec_finish(&r->d), r->want_ok);
    if (r->want_ok) {
        CHECK_INT(r->n, r->want_n);
        CHECK_MEM(r->out, r->want, r->want_n);
    }
}

TEST(base64url_decodes) {
    for (size_t i = 0; i < KNOWN; i++) {
        struct run r = {.want = (const uint8_t *)known[i].bytes, .want_n = known[i].n, .want_ok = true};
        test_cuts(known[i].text, strlen(known[i].text), 1, &r, run_reset, run_push, run_check);
    }
}

TEST(base64url_refuses) {
    static const char *const wrong[] = {
        "Z",        "Zg",       "Zg=",      "Zm8",    "=",      "==",          "====",      "Z===",
        "Zg===",    "Zg==Zm9v", "Zm8=Zg==", "Zg=A",   "Zm8==",  "Zh==",        "Zm9=",      "Zm9v=",
        "Zm9v+m9v", "Zm9v/m9v", "Zm 9",     "Zm9v\n", "\nZm9v", "Zm9vZm9\x80", "\xffm9v",   "Zm9vZg==\n",
        "Zg==Zg==", "Zm9vZg=Z", "A=AA",     "A===",   "AA=A",   "Zm.v",        "Zm9vZm9v~",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run r = {.want_ok = false};
        test_cuts(wrong[i], strlen(wrong[i]), 1, &r, run_reset, run_push, run_check);
    }
}

/* A character is either one of the 64 with the value that encoding gives it, or refused, at each place. */
TEST(base64url_every_character_everywhere) {
    for (int c = 0; c < 256; c++)
        for (int at = 0; at < 8; at++) {
            char text[9] = "AAAAAAAA", again[9] = {0};
            uint8_t out[9];
            struct base64url_dec d;
            text[at] = (char)c;
            base64url_dec_init(&d);
            size_t n = base64url_dec_push(&d, out, text, 8);
            bool digit = c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c);
            CHECK_INT(base64url_dec_finish(&d), digit || (c == '=' && at == 7));
            if (digit) {
                CHECK_INT(n, 6);
                base64url_encode(again, out, 6);
                CHECK_STR(again, text);
            }
        }
}

TEST(base64url_there_and_back) {
    uint64_t seed = 3;
    for (size_t n = 0; n < 300; n++) {
        uint8_t bytes[300];
        char text[404];
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)test_random(&seed);
        base64url_encode(text, bytes, n / 3 * 3);
        base64url_encode_last(text + n / 3 * 4, bytes + n / 3 * 3, n % 3);
        struct run r = {.want = bytes, .want_n = n, .want_ok = true};
        test_cuts(text, (size_t)base64url_length(n), 1, &r, run_reset, run_push, run_check);
    }
}
