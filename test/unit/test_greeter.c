/* test_greeter.c - strangers: a good hello at every cut, and all that makes the door close. */
#include "test/harness/harness.h"
#include "wire/greeter.h"

#include <stdio.h>

#define KEY "0123456789abcdef0123456789abcdef"

static struct fernet_key key;

/* A frame with its token in out; its length. */
static size_t frame(uint8_t *out, uint32_t counter, const char *command, const void *clear, size_t n) {
    static const uint8_t iv[16] = {7};
    struct fernet_enc f;
    char *at = (char *)out + FRAME_HEADER_BYTES;
    size_t len = fernet_enc_start(&f, &key, 1700000000, iv, at);
    len += fernet_enc_push(&f, clear, n, at + len);
    len += fernet_enc_finish(&f, at + len);
    frame_header_write(out, counter, (uint32_t)len, command, false);
    return FRAME_HEADER_BYTES + len;
}

/* Feeds bytes as a caller does: never more than greeter_want says. Returns the event and what was left. */
static enum greeter_event feed(struct greeter *g, const uint8_t *bytes, size_t n, size_t *left) {
    enum greeter_event event = GREETER_MORE;
    while (n && event == GREETER_MORE) {
        size_t take = greeter_want(g) < n ? greeter_want(g) : n;
        CHECK(take > 0);
        event = greeter_push(g, &key, bytes, take);
        bytes += take;
        n -= take;
    }
    *left = n;
    return event;
}

static enum greeter_event judge(struct greeter *g, const uint8_t *bytes, size_t n) {
    size_t left;
    greeter_init(g);
    enum greeter_event event = feed(g, bytes, n, &left);
    CHECK_INT(event == GREETER_BAD, g->why != NULL);
    if (event != GREETER_MORE)
        CHECK_INT(greeter_want(g), 0);
    return event;
}

struct cutting {
    struct greeter g;
    enum greeter_event event;
};
static void cut_reset(void *ctx) {
    struct cutting *c = ctx;
    greeter_init(&c->g);
    c->event = GREETER_MORE;
}
static void cut_push(void *ctx, const uint8_t *bytes, size_t n) {
    struct cutting *c = ctx;
    size_t left;
    CHECK_INT(c->event, GREETER_MORE);
    c->event = feed(&c->g, bytes, n, &left);
    CHECK_INT(left, 0);
}
static void cut_check(void *ctx) {
    struct cutting *c = ctx;
    struct hello h;
    CHECK_INT(c->event, GREETER_HELLO);
    CHECK_INT(greeter_counter(&c->g), 0x12345678);
    CHECK(greeter_hello(&c->g, &h));
    CHECK_STR(h.name, "worker1");
    CHECK_STR(h.cluster, "wazuh");
    CHECK_STR(h.type, "worker");
    CHECK_STR(h.version, "4.14.7");
}

static const char good[] = "worker1 wazuh worker 4.14.7";

TEST(greeter_good_hello_at_every_cut) {
    struct cutting c;
    uint8_t bytes[400];
    fernet_key_init(&key, KEY);
    size_t n = frame(bytes, 0x12345678, "hello", good, strlen(good));
    test_cuts(bytes, n, 1, &c, cut_reset, cut_push, cut_check);
}

TEST(greeter_leaves_what_follows_a_hello) {
    struct greeter g;
    uint8_t bytes[800];
    size_t left;
    fernet_key_init(&key, KEY);
    size_t n = frame(bytes, 1, "hello", good, strlen(good));
    size_t more = frame(bytes + n, 2, "echo-c", "keepalive", 9);
    greeter_init(&g);
    CHECK_INT(feed(&g, bytes, n + more, &left), GREETER_HELLO);
    CHECK_INT(left, more);
}

TEST(greeter_echoes_then_greets) {
    struct greeter g;
    uint8_t bytes[2000];
    size_t left;
    fernet_key_init(&key, KEY);
    char text[STRANGER_BODY_BYTES];
    memset(text, 'e', sizeof text);
    size_t n = frame(bytes, 5, "echo", text, sizeof text);
    n += frame(bytes + n, 6, "echo", "", 0);
    n += frame(bytes + n, 7, "hello", good, strlen(good));
    greeter_init(&g);
    CHECK_INT(feed(&g, bytes, n, &left), GREETER_ECHO);
    CHECK_INT(g.body_len, sizeof text);
    CHECK_MEM(g.body, text, sizeof text);
    CHECK_INT(greeter_counter(&g), 5);
    greeter_next(&g);
    CHECK_INT(feed(&g, bytes + n - left, left, &left), GREETER_ECHO);
    CHECK_INT(g.body_len, 0);
    CHECK_INT(greeter_counter(&g), 6);
    greeter_next(&g);
    CHECK_INT(feed(&g, bytes + n - left, left, &left), GREETER_HELLO);
    CHECK_INT(left, 0);
    CHECK_INT(greeter_counter(&g), 7);
}

TEST(greeter_bounds_the_body) {
    struct greeter g;
    uint8_t bytes[2000];
    char text[1200];
    fernet_key_init(&key, KEY);
    memset(text, 'e', sizeof text);
    for (size_t n = STRANGER_BODY_BYTES - 40; n < sizeof text; n++) {
        size_t len = frame(bytes, 5, "echo", text, n);
        CHECK_INT(judge(&g, bytes, len), n <= STRANGER_BODY_BYTES ? GREETER_ECHO : GREETER_BAD);
        if (fernet_length(n) > fernet_length(STRANGER_BODY_BYTES)) /* known at the header already */
            CHECK_INT(judge(&g, bytes, FRAME_HEADER_BYTES), GREETER_BAD);
    }
}

static enum greeter_event judge_header(uint32_t length, const char *command, bool divided) {
    struct greeter g;
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_header_write(bytes, 1, length, command, divided);
    return judge(&g, bytes, sizeof bytes);
}

TEST(greeter_closes_at_a_bad_header) {
    struct greeter g;
    fernet_key_init(&key, KEY);
    CHECK_INT(judge_header(100, "hello", false), GREETER_MORE);
    CHECK_INT(judge_header(0, "hello", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "hello", true), GREETER_BAD);
    CHECK_INT(judge_header(0xffffffff, "hello", false), GREETER_BAD);
    CHECK_INT(judge_header((uint32_t)fernet_length(STRANGER_BODY_BYTES), "hello", false), GREETER_MORE);
    CHECK_INT(judge_header((uint32_t)fernet_length(STRANGER_BODY_BYTES) + 1, "hello", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "new_file", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "syn_i_w_m_p", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "get_nodes", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "ok", false), GREETER_BAD);
    CHECK_INT(judge_header(100, "hell", false), GREETER_BAD);
    static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    CHECK_INT(judge(&g, http, sizeof http - 1), GREETER_BAD);
    CHECK_INT(greeter_push(&g, &key, http, 1), GREETER_BAD); /* for good */
}

TEST(greeter_closes_at_a_bad_token) {
    struct greeter g;
    uint8_t bytes[400];
    fernet_key_init(&key, KEY);
    size_t n = frame(bytes, 1, "hello", good, strlen(good));
    for (size_t i = FRAME_HEADER_BYTES; i < n; i++) {
        bytes[i] ^= 1;
        CHECK_INT(judge(&g, bytes, n), GREETER_BAD);
        bytes[i] ^= 1;
    }
    CHECK_INT(judge(&g, bytes, n), GREETER_HELLO);
    fernet_key_init(&key, "1123456789abcdef0123456789abcdef");
    CHECK_INT(judge(&g, bytes, n), GREETER_BAD);
}

static bool four_words(const char *text, size_t n) {
    struct greeter g;
    struct hello h;
    uint8_t bytes[1000];
    CHECK_INT(judge(&g, bytes, frame(bytes, 1, "hello", text, n)), GREETER_HELLO);
    return greeter_hello(&g, &h);
}
#define FOUR(text) four_words(text, sizeof text - 1)

TEST(greeter_hello_is_four_words) {
    fernet_key_init(&key, KEY);
    CHECK(FOUR("a b c d"));
    CHECK(FOUR("w.9\xc3\xa9 c/d e\tf 4"));
    CHECK(!FOUR(""));
    CHECK(!FOUR(" "));
    CHECK(!FOUR("a"));
    CHECK(!FOUR("a b c"));
    CHECK(!FOUR("a b c "));
    CHECK(!FOUR("a b c d "));
    CHECK(!FOUR("a b c d e"));
    CHECK(!FOUR(" a b c d"));
    CHECK(!FOUR("a  c d"));
    CHECK(!FOUR("a b  d"));
    CHECK(!FOUR("a  b c d"));
    CHECK(!FOUR("a\0x b c d"));
    char text[200];
    for (int n = 60; n < 70; n++) {
        int len = snprintf(text, sizeof text, "%0*d %0*d worker 4.14.7", n, 1, n, 2);
        CHECK_INT(four_words(text, (size_t)len), n <= 64);
    }
    CHECK(FOUR("a b 123456789012345 12345678901234567890123"));
    CHECK(!FOUR("a b 1234567890123456 1"));
    CHECK(!FOUR("a b c 123456789012345678901234"));
}
