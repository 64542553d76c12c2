/* test_md5.c - the suite of RFC 1321 (A.5), and every way of cutting. */
#include "base/bytes.h"
#include "crypto/md5.h"
#include "test/harness/harness.h"

static const char *hex(const struct md5 *h) {
    static char text[2 * MD5_BYTES + 1];
    uint8_t out[MD5_BYTES];
    md5_out(h, out);
    hex_encode(text, out, MD5_BYTES);
    return text;
}

static const struct {
    const char *text, *digest;
} suite[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a22be3c955ac49da2e2107b67a"},
};

static struct md5 cut;
static const char *cut_digest;
static void reset(void *ctx) {
    (void)ctx;
    md5_init(&cut);
}
static void push(void *ctx, const uint8_t *bytes, size_t n) {
    (void)ctx;
    md5_push(&cut, bytes, n);
    hex(&cut); /* a look in between changes nothing */
}
static void check(void *ctx) {
    (void)ctx;
    CHECK_STR(hex(&cut), cut_digest);
}

TEST(md5_rfc_1321) {
    for (size_t i = 0; i < sizeof suite / sizeof *suite; i++) {
        cut_digest = suite[i].digest;
        test_cuts(suite[i].text, strlen(suite[i].text), 1, NULL, reset, push, check);
    }
}
