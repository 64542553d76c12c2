/* test_utf8.c - what Python's bytes.decode('utf-8', 'ignore').encode() leaves of the same bytes. */
#include "base/utf8.h"
#include "test/harness/harness.h"

static struct {
    struct utf8_clean u;
    char out[256];
    size_t n;
    const char *want;
} c;

static void reset(void *ctx) {
    (void)ctx;
    memset(&c.u, 0, sizeof c.u);
    c.n = 0;
}

static void push(void *ctx, const uint8_t *bytes, size_t n) {
    (void)ctx;
    c.n += utf8_clean(&c.u, (const char *)bytes, n, c.out + c.n);
}

static void check(void *ctx) {
    (void)ctx;
    CHECK_INT(c.n, strlen(c.want));
    CHECK_MEM(c.out, c.want, c.n);
}

TEST(what_is_good_stays) {
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"a\xe4o\xff.", "ao."},                         /* Latin-1 */
        {"a\xc0\xaf\xc1\xbfz", "az"},                   /* overlong */
        {"\xe0\x9f\xbf!\xe0\xa0\x80", "!\xe0\xa0\x80"}, /* overlong, shortest of three bytes */
        {"\xed\xa0\x80x\xed\x9f\xbf", "x\xed\x9f\xbf"}, /* a surrogate, the last before them */
        {"\xf0\x8f\xbf\xbfx\xf0\x90\x80\x80", "x\xf0\x90\x80\x80"},
        {"\xf4\x90\x80\x80x\xf4\x8f\xbf\xbf", "x\xf4\x8f\xbf\xbf"},
        {"\xf5\x80\x80\x80x", "x"},
        {"\x80\xbfx", "x"},                                       /* nothing that they go on */
        {"\xe2\x82x\xe2\x82", "x"},                               /* cut short */
        {"\xe2\xe2\x82\xac\xc3\xc3\xa4", "\xe2\x82\xac\xc3\xa4"}, /* a beginning within another */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char same[64];
        struct utf8_clean u = {0};
        c.want = cases[i][1];
        test_cuts(cases[i][0], strlen(cases[i][0]), 1, NULL, reset, push, check);
        memcpy(same, cases[i][0], strlen(cases[i][0]) + 1);
        CHECK_INT(utf8_clean(&u, same, strlen(same), same), strlen(c.want));
        CHECK_MEM(same, c.want, strlen(c.want));
    }
}
