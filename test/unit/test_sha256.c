/* test_sha256.c - FIPS 180-4 and RFC 4231, every way of cutting, and the processor's code against the
 * portable. */
#include "base/bytes.h"
#include "crypto/sha256.h"
#include "src/crypto/sha256_blocks.h"
#include "sys/cpu.h"
#include "test/harness/harness.h"

#include <stdio.h>

static const char *hex(const uint8_t *digest) {
    static char text[2 * SHA256_BYTES + 1];
    hex_encode(text, digest, SHA256_BYTES);
    return text;
}

static const char *digest_of(const void *bytes, size_t n) {
    struct sha256 h;
    uint8_t out[SHA256_BYTES];
    sha256_init(&h);
    sha256_push(&h, bytes, n);
    sha256_out(&h, out);
    return hex(out);
}

TEST(sha256_fips_180_4) {
    CHECK_STR(digest_of("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_STR(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char million[1000000];
    memset(million, 'a', sizeof million);
    CHECK_STR(digest_of(million, sizeof million),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Of the bytes 0, 1, 2 ... (mod 256), by Python's hashlib. */
static const struct {
    size_t n;
    const char *digest;
} known[] = {
    {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {3, "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc"},
    {55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"},
    {56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"},
    {63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"},
    {64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"},
    {65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"},
    {119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"},
    {120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"},
    {127, "92ca0fa6651ee2f97b884b7246a562fa71250fedefe5ebf270d31c546bfea976"},
    {128, "471fb943aa23c511f6f72f8d1652d9c880cfa392ad80503120547703e56a2be5"},
    {129, "5099c6a56203f9687f7d33f4bfdf576d31dc91f6b695ecea38b2770c87631135"},
    {255, "3f8591112c6bbe5c963965954e293108b7208ed2af893e500d859368c654eabe"},
    {256, "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880"},
    {257, "54acfbfedc4d8da40f76f275e1a98f10af8ef1fb9fb39e5a67a00aabcbe6597c"},
    {300, "7728ae2f2c36e2aaafbe79ca14c87ae2f89e7c88c4390ecbbf82dce88706958d"},
};
#define KNOWN (sizeof known / sizeof *known)

struct run {
    struct sha256 h;
    const char *want;
};
static void run_reset(void *ctx) {
    sha256_init(&((struct run *)ctx)->h);
}
static void run_push(void *ctx, const uint8_t *bytes, size_t n) {
    sha256_push(&((struct run *)ctx)->h, bytes, n);
}
static void run_check(void *ctx) {
    const struct run *r = ctx;
    uint8_t out[SHA256_BYTES];
    sha256_out(&r->h, out);
    CHECK_STR(hex(out), r->want);
    sha256_out(&r->h, out); /* asking changes nothing */
    CHECK_STR(hex(out), r->want);
}

TEST(sha256_in_pieces) {
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < KNOWN; i++) {
        struct run r = {.want = known[i].digest};
        test_cuts(bytes, known[i].n, 1, &r, run_reset, run_push, run_check);
    }
}

/* The digest of the digests of 1,025 messages, by Python's hashlib. */
TEST(sha256_every_length) {
    struct sha256 all;
    uint8_t bytes[1024], out[SHA256_BYTES];
    sha256_init(&all);
    for (size_t n = 0; n <= 1024; n++) {
        struct sha256 one;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(i * 7 + n);
        sha256_init(&one);
        sha256_push(&one, bytes, n);
        sha256_out(&one, out);
        sha256_push(&all, out, sizeof out);
    }
    sha256_out(&all, out);
    CHECK_STR(hex(out), "7325524f668b5b9a6c9348e532dedaca953d95a07ba6808296efe870fd7b6b33");
}

#ifdef SHA256_CPU_NAME
TEST(sha256_processor_and_portable_agree) {
    if (!cpu_has_sha256()) {
        CHECK_STR(sha256_implementation(), "portable");
        return;
    }
    CHECK_STR(sha256_implementation(), SHA256_CPU_NAME);
    static uint8_t bytes[64 * 40 + 16];
    uint64_t seed = 1;
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)test_random(&seed);
        uint32_t a[8], b[8];
        for (int i = 0; i < 8; i++)
            a[i] = b[i] = (uint32_t)test_random(&seed);
        size_t blocks = test_random(&seed) % 41, offset = test_random(&seed) % 16; /* unaligned as well */
        sha256_blocks_cpu(a, bytes + offset, blocks);
        sha256_blocks_portable(b, bytes + offset, blocks);
        CHECK_MEM(a, b, sizeof a);
    }
}
#endif

/* RFC 4231, test cases 1 to 4, 6 and 7; case 5 is 2 with a cut digest. */
static void check_hmac(const void *key, size_t key_n, const void *data, size_t n, const char *want) {
    struct hmac_key k;
    struct hmac m;
    uint8_t out[SHA256_BYTES];
    hmac_key_init(&k, key, key_n);
    for (size_t cut = 0; cut <= n; cut++) {
        hmac_init(&m, &k);
        hmac_push(&m, data, cut);
        hmac_push(&m, (const char *)data + cut, n - cut);
        hmac_out(&m, out);
        CHECK_STR(hex(out), want);
    }
}

TEST(hmac_rfc_4231) {
    uint8_t key[131], data[50];
    memset(key, 0x0b, 20);
    check_hmac(key, 20, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac("Jefe", 4, "what do ya want for nothing?", 28,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, 50);
    check_hmac(key, 20, data, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (int i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, 50);
    check_hmac(key, 25, data, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0xaa, sizeof key);
    check_hmac(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(key, 131,
               "This is a test using a larger than block-size key and a larger than block-size data. "
               "The key needs to be hashed before being used by the HMAC algorithm.",
               152, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* Keys of 63, 64 and 65 bytes lie around the block; by Python's hmac. */
TEST(hmac_keys_around_the_block) {
    uint8_t key[65];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    check_hmac(key, 0, "picket", 6, "841b42b39ddac857aab5571934332443489ba1a84b7a4cd5dac4372c9dc20f43");
    check_hmac(key, 63, "picket", 6, "406e8997f9ba38a4bbf8af990ef75d7aba1a232ee9e544ea7875cc11527dae2e");
    check_hmac(key, 64, "picket", 6, "5df295349dbde340f1573d06b843ebad2c8a5bc8b5ca050f802814d2c4895e3d");
    check_hmac(key, 65, "picket", 6, "0c035cf84c5bff441aaca644b5a32fe7de0ace48e6766a6ff962561957b8d6c8");
}
