/* test_random.c - what is made of random bytes, with a generator that is none. */
#include "crypto/random.h"
#include "test/harness/harness.h"

static int counting(struct sys *s, void *buf, size_t n) {
    (void)s;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)(0xf0 + i);
    return 0;
}
static int failing(struct sys *s, void *buf, size_t n) {
    (void)s, (void)buf, (void)n;
    return -ENOSYS;
}

/* RFC 4122, section 4.4: the version's and the variant's bits are fixed, the others are as they came. */
TEST(random_uuid_is_version_4) {
    struct sys s = {.random = counting};
    struct error e;
    char text[UUID_TEXT_BYTES];
    CHECK_INT(random_uuid(&s, text, &e), E_OK);
    CHECK_STR(text, "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff");
}

TEST(random_failure_is_told) {
    struct sys s = {.random = failing};
    struct error e;
    uint32_t v = 5;
    CHECK_INT(random_u32(&s, &v, &e), E_SYS);
    CHECK_INT(e.os, ENOSYS);
    CHECK_STR(e.what, "random numbers: Function not implemented");
    char text[UUID_TEXT_BYTES];
    CHECK_INT(random_uuid(&s, text, &e), E_SYS);
}

TEST(random_numbers_differ) {
    struct sys s;
    uint8_t a[64], b[64];
    sys_linux_init(&s);
    CHECK_INT(random_bytes(&s, a, sizeof a, NULL), E_OK);
    CHECK_INT(random_bytes(&s, b, sizeof b, NULL), E_OK);
    CHECK(memcmp(a, b, sizeof a) != 0);
}
