/* test_blake2b.c - RFC 7693, every way of cutting, every length of message and digest. */
#include "base/bytes.h"
#include "crypto/blake2b.h"
#include "test/harness/harness.h"

static const char *hex(const uint8_t *digest, size_t n) {
    static char text[2 * BLAKE2B_BYTES + 1];
    hex_encode(text, digest, n);
    return text;
}

TEST(blake2b_rfc_7693_appendix_a) {
    struct blake2b b;
    uint8_t out[BLAKE2B_BYTES];
    blake2b_init(&b, 64);
    blake2b_push(&b, "abc", 3);
    blake2b_finish(&b, out);
    CHECK_STR(hex(out, 64), "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

/* Of the bytes 0, 1, 2 ... (mod 256), by Python's hashlib. */
static const struct {
    size_t n;
    const char *digest;
} known[] = {
    {0, "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419d25e1031afee585313896444934eb04b903a"
        "685b1448b755d56f701afe9be2ce"},
    {1, "2fa3f686df876995167e7c2e5d74c4c7b6e48f8068fe0e44208344d480f7904c36963e44115fe3eb2a3ac8694c28bcb4f5a0"
        "f3276f2e79487d8219057a506e4b"},
    {3, "40a374727302d9a4769c17b5f409ff32f58aa24ff122d7603e4fda1509e919d4107a52c57570a6d94e50967aea573b11f86f"
        "473f537565c66f7039830a85d186"},
    {55, "659858f0b5c9edab5b94fd732f6e6b17c51cc096104f09beb3afc3aa467c2ecf885c4c6541effa9023d3b5738ae5a14d867"
         "e15db06fe1f9d1127b77e1aabb516"},
    {56, "26cca0126f5d1a813c62e5c71001c046f9c92095704550be5873a495a999ad010a4f79491f24f286500adce1a137bc2084e"
         "4949f5b7294cefe51ecaff8e95cba"},
    {63, "d10bf9a15b1c9fc8d41f89bb140bf0be08d2f3666176d13baac4d381358ad074c9d4748c300520eb026daeaea7c5b158892"
         "fde4e8ec17dc998dcd507df26eb63"},
    {64, "2fc6e69fa26a89a5ed269092cb9b2a449a4409a7a44011eecad13d7c4b0456602d402fa5844f1a7a758136ce3d5d8d0e8b8"
         "6921ffff4f692dd95bdc8e5ff0052"},
    {65, "fcbe8be7dcb49a32dbdf239459e26308b84dff1ea480df8d104eeff34b46fae98627b450c2267d48c0946a697c5b5953145"
         "2ac0484f1c84e3a33d0c339bb2e28"},
    {119, "dcc2c4beb9c1f2607b786c20c631972347034c1cc02fcc7d02ff01099cfe1c6989840ac213923629113aa8bad713ccf0fe"
          "4ce13264fb32b8b0fe372da382544a"},
    {120, "3d55176acea4a7e3a65ffa9fb10a7a1767199cf077cee9f71532d67cd7c73c9f93cfc37ccdcc1fdef50aad46a504a650d2"
          "98d597a3a9fa95c6c40cb71fa5e725"},
    {127, "b6292669ccd38d5f01caae96ba272c76a879a45743afa0725d83b9ebb26665b731f1848c52f11972b6644f554c064fa907"
          "80dbbbf3a89d4fc31f67df3e5857ef"},
    {128, "2319e3789c47e2daa5fe807f61bec2a1a6537fa03f19ff32e87eecbfd64b7e0e8ccff439ac333b040f19b0c4ddd11a61e2"
          "4ac1fe0f10a039806c5dcc0da3d115"},
    {129, "f59711d44a031d5f97a9413c065d1e614c417ede998590325f49bad2fd444d3e4418be19aec4e11449ac1a57207898bc57"
          "d76a1bcf3566292c20c683a5c4648f"},
    {255, "5b21c5fd8868367612474fa2e70e9cfa2201ffeee8fafab5797ad58fefa17c9b5b107da4a3db6320baaf2c8617d5a51df9"
          "14ae88da3867c2d41f0cc14fa67928"},
    {256, "1ecc896f34d3f9cac484c73f75f6a5fb58ee6784be41b35f46067b9c65c63a6794d3d744112c653f73dd7deb6666204c5a"
          "9bfa5b46081fc10fdbe7884fa5cbf8"},
    {257, "d8bfe068de0b4f9fa876a3f8024eb9f7b0029fd5dcf251199e065cee89e1a282c8dbf0442f2ade7294ac1c6be19b388dc9"
          "90c34d8cb79f5f10c54fa813834fda"},
    {300, "d9cf5983dc6b34c0fa1f0226926855ad3eccd2bcdcd8f8053b9a80664d33b5afcc32fd21c70ea14f4ef50ca97c3203c4d1"
          "803159f0e01bb6cb1d1c83db52b63c"},
};
#define KNOWN (sizeof known / sizeof *known)

struct run {
    struct blake2b b;
    const char *want;
};
static void run_reset(void *ctx) {
    blake2b_init(&((struct run *)ctx)->b, 64);
}
static void run_push(void *ctx, const uint8_t *bytes, size_t n) {
    blake2b_push(&((struct run *)ctx)->b, bytes, n);
}
static void run_check(void *ctx) {
    uint8_t out[BLAKE2B_BYTES];
    blake2b_finish(&((struct run *)ctx)->b, out);
    CHECK_STR(hex(out, 64), ((struct run *)ctx)->want);
}

TEST(blake2b_in_pieces) {
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < KNOWN; i++) {
        struct run r = {.want = known[i].digest};
        test_cuts(bytes, known[i].n, 1, &r, run_reset, run_push, run_check);
    }
}

/* The digest of the digests (1 to 64 bytes long) of 1,025 messages, by Python's hashlib. */
TEST(blake2b_every_length) {
    struct blake2b all, one;
    uint8_t bytes[1024], out[BLAKE2B_BYTES];
    blake2b_init(&all, 64);
    for (size_t n = 0; n <= 1024; n++) {
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(i * 7 + n);
        blake2b_init(&one, n % 64 + 1);
        blake2b_push(&one, bytes, n);
        memset(out, 0x5a, sizeof out);
        blake2b_finish(&one, out);
        if (n % 64 + 1 < 64)
            CHECK_INT(out[n % 64 + 1], 0x5a); /* not a byte more than asked for */
        blake2b_push(&all, out, n % 64 + 1);
    }
    blake2b_finish(&all, out);
    CHECK_STR(hex(out, 64), "10b8b549835870933d17df04b0f10cb9a9996e109bd6a628ff3e306769d685d62c50627bca866bdd"
                            "ff81cf7d3c3b0369a6394376f5bd8715ab76c9e3eaf595b3");
}

/* The low counter word wraps into the high one, which no message in a test is long enough for. */
TEST(blake2b_counter_carries) {
    struct blake2b b;
    blake2b_init(&b, 64);
    b.t[0] = ~(uint64_t)0 - 127;
    uint8_t block[129] = {0};
    blake2b_push(&b, block, sizeof block);
    CHECK_INT(b.t[0], 0);
    CHECK_INT(b.t[1], 1);
}
