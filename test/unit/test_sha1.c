/* test_sha1.c - FIPS 180-4 and RFC 3174, every way of cutting, and the vector of the reference for the
 * checksum over all groups. */
#include "base/bytes.h"
#include "crypto/sha1.h"
#include "test/harness/harness.h"

static const char *hex(const struct sha1 *h) {
    static char text[2 * SHA1_BYTES + 1];
    uint8_t out[SHA1_BYTES];
    sha1_out(h, out);
    hex_encode(text, out, SHA1_BYTES);
    return text;
}

static const char *digest_of(const void *bytes, size_t n) {
    struct sha1 h;
    sha1_init(&h);
    sha1_push(&h, bytes, n);
    return hex(&h);
}

TEST(sha1_rfc_3174) {
    CHECK_STR(digest_of("abc", 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK_STR(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    static char many[1000000];
    memset(many, 'a', sizeof many);
    CHECK_STR(digest_of(many, sizeof many), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    for (size_t i = 0; i < 640; i++)
        many[i] = (char)('0' + i % 8);
    CHECK_STR(digest_of(many, 640), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

/* Reference, section 14.3: the group hashes of "default" and "default,web". */
TEST(sha1_of_all_groups) {
    CHECK_STR(digest_of("37a8eec15288d400", 16), "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262");
}

/* Of the bytes 0, 1, 2 ... (mod 256), by Python's hashlib. */
static const struct {
    size_t n;
    const char *digest;
} known[] = {
    {0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},   {1, "5ba93c9db0cff93f52b521d7420e43f6eda2784f"},
    {55, "8ae2d46729cfe68ff927af5eec9c7d1b66d65ac2"},  {56, "636e2ec698dac903498e648bd2f3af641d3c88cb"},
    {63, "6d942da0c4392b123528f2905c713a3ce28364bd"},  {64, "c6138d514ffa2135bfce0ed0b8fac65669917ec7"},
    {65, "69bd728ad6e13cd76ff19751fde427b00e395746"},  {119, "41c89d06001bab4ab78736b44efe7ce18ce6ae08"},
    {120, "d3dbd653bd8597b7475321b60a36891278e6a04a"}, {128, "e6434bc401f98603d7eda504790c98c67385d535"},
    {300, "bf77ecf143ceb21f1676c34b8d89c8bb3c43cc4e"},
};

static struct sha1 cut;
static const char *cut_digest;
static void reset(void *ctx) {
    (void)ctx;
    sha1_init(&cut);
}
static void push(void *ctx, const uint8_t *bytes, size_t n) {
    (void)ctx;
    sha1_push(&cut, bytes, n);
    hex(&cut); /* a look in between changes nothing */
}
static void check(void *ctx) {
    (void)ctx;
    CHECK_STR(hex(&cut), cut_digest);
}

TEST(sha1_in_pieces) {
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        cut_digest = known[i].digest;
        test_cuts(bytes, known[i].n, 1, NULL, reset, push, check);
    }
}
