/* test_wdb_wire.c - wazuh-db's frames and the HTTP it speaks, cut at every byte; what a message may not be is
 * taken from RFC 9112 (section numbers stand at the cases). */
#include "store/wdb_wire.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- frames ---- */

static struct {
    struct wdb_frame frame;
    char text[8][64];
    size_t n[8];
    unsigned count;
} got;

static void frames_reset(void *ctx) {
    (void)ctx;
    memset(&got, 0, sizeof got);
    wdb_frame_init(&got.frame, 60);
}

static void frames_push(void *ctx, const uint8_t *bytes, size_t n) {
    struct error e;
    (void)ctx;
    while (n) {
        const uint8_t *text;
        size_t used, text_n, want = wdb_frame_want(&got.frame);
        bool whole;
        CHECK(want > 0);
        CHECK_INT(wdb_frame_push(&got.frame, bytes, n, &used, &text, &text_n, &whole, &e), E_OK);
        CHECK(used > 0 && used <= n && text_n <= used);
        memcpy(got.text[got.count] + got.n[got.count], text, text_n);
        got.n[got.count] += text_n;
        if (whole) {
            got.count++;
            wdb_frame_init(&got.frame, 60);
        }
        bytes += used;
        n -= used;
    }
}

static void frames_check(void *ctx) {
    (void)ctx;
    CHECK_INT(got.count, 4);
    CHECK_STR(got.text[0], "global select-groups");
    CHECK_STR(got.text[1], "");
    CHECK_INT(got.n[1], 0);
    CHECK_STR(got.text[2], "ok");
    CHECK_INT(got.n[3], 60);
}

TEST(frames) {
    uint8_t raw[256];
    size_t n = 0;
    static const char *const texts[] = {"global select-groups", "", "ok",
                                        "123456789012345678901234567890123456789012345678901234567890"};
    for (unsigned i = 0; i < 4; i++) {
        wdb_frame_head(raw + n, (uint32_t)strlen(texts[i]));
        memcpy(raw + n + 4, texts[i], strlen(texts[i]));
        n += 4 + strlen(texts[i]);
    }
    CHECK_MEM(raw, "\x14\0\0\0global", 10);
    test_cuts(raw, n, 1, NULL, frames_reset, frames_push, frames_check);
}

TEST(a_frame_that_is_too_long) {
    struct error e;
    const uint8_t *text;
    size_t used, text_n;
    bool whole;
    uint8_t head[4];
    static const uint8_t most[4] = {0, 0, 1, 0}, more[4] = {1, 0, 1, 0};
    wdb_frame_head(head, 65536);
    CHECK_MEM(head, most, 4);
    wdb_frame_init(&got.frame, 65536);
    CHECK_INT(wdb_frame_push(&got.frame, most, 4, &used, &text, &text_n, &whole, &e), E_OK);
    CHECK_INT(wdb_frame_want(&got.frame), 65536);
    wdb_frame_init(&got.frame, 65536);
    CHECK_INT(wdb_frame_push(&got.frame, more, 4, &used, &text, &text_n, &whole, &e), E_LIMIT);
    wdb_frame_init(&got.frame, 65536);
    CHECK_INT(
        wdb_frame_push(&got.frame, (const uint8_t *)"GET / HTTP/1.1", 14, &used, &text, &text_n, &whole, &e),
        E_LIMIT);
}

/* ---- HTTP ---- */

struct seen {
    bool is_request;
    const char *expect; /* "method path|body;status|body;..." */
    struct http h;
    char told[6000];
    size_t told_n;
    bool in_body;
    enum err err;
    unsigned whole;
};

static struct seen s;

static void http_reset(void *ctx) {
    (void)ctx;
    s.told_n = s.whole = 0;
    s.in_body = false;
    s.err = E_OK;
    http_init(&s.h, s.is_request, 4096);
}

static void tell(const char *bytes, size_t n) {
    CHECK(s.told_n + n < sizeof s.told);
    memcpy(s.told + s.told_n, bytes, n);
    s.told[s.told_n += n] = '\0';
}

static void push(void *ctx, const uint8_t *bytes, size_t n) {
    struct error e;
    (void)ctx;
    while (n && !s.err) {
        const uint8_t *body;
        size_t used, body_n;
        bool head_done, whole;
        uint64_t want = http_want(&s.h);
        s.err = http_push(&s.h, bytes, n, &used, &body, &body_n, &head_done, &whole, &e);
        if (s.err)
            return;
        CHECK(used > 0 && used <= n);
        CHECK(!want || body_n == (want < n ? want : n));
        CHECK(!body_n || (body == bytes && body_n == used));
        if (head_done) {
            char line[1100];
            CHECK(!s.in_body);
            s.in_body = true;
            tell(line, (size_t)(s.is_request ? snprintf(line, sizeof line, "%s %s|", s.h.method, s.h.path)
                                             : snprintf(line, sizeof line, "%u|", s.h.status)));
        }
        CHECK(s.in_body || !body_n);
        tell((const char *)body, body_n);
        if (whole) {
            CHECK(s.in_body);
            tell(";", 1);
            s.whole++;
            s.in_body = false;
            http_init(&s.h, s.is_request, 4096);
        }
        bytes += used;
        n -= used;
    }
}

static void http_check(void *ctx) {
    (void)ctx;
    CHECK_INT(s.err, E_OK);
    CHECK_STR(s.told, s.expect);
}

static void reads(bool is_request, const char *raw, const char *expect) {
    s.is_request = is_request;
    s.expect = expect;
    test_cuts(raw, strlen(raw), 1, NULL, http_reset, push, http_check);
}

/* As httpx 0.26 sends them for the framework, and curl 7.88 (--unix-socket). */
TEST(requests_as_clients_send_them) {
    reads(
        true,
        "GET /v1/agents/sync HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: python-httpx/0.26.0\r\n\r\n"
        "POST /v1/agents/summary HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: python-httpx/0.26.0\r\n"
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n[1, 2, 3]"
        "GET /v1/agents/ids/groups/my%20group%2D1?a=%zz HTTP/1.1\r\nHost: localhost\r\n"
        "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
        "GET /v1/agents/sync|;POST /v1/agents/summary|[1, 2, 3];GET /v1/agents/ids/groups/my group-1|;");
    CHECK_INT(s.h.state, 0);
}

TEST(requests_in_chunks) {
    reads(true,
          "POST /v1/agents/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: "
          "100-continue\r\n\r\n"
          "3\r\nabc\r\n00A;name=\"value\"\r\n0123456789\r\n1 ;x\r\n!\r\n0\r\nTrailer: 1\r\nMore: 2\r\n\r\n"
          "POST /b HTTP/1.1\r\ntransfer-encoding:CHUNKED\r\n\r\n0\r\n\r\n"
          "\r\n\r\nGET http://localhost/c HTTP/1.0\r\n\r\n",
          "POST /v1/agents/sync|abc0123456789!;POST /b|;GET /c|;");
}

static void one(bool is_request, const char *raw) {
    s.is_request = is_request;
    http_reset(NULL);
    push(NULL, (const uint8_t *)raw, strlen(raw));
}

TEST(what_a_head_says) {
    struct error e;
    bool whole;
    const uint8_t *body;
    size_t used, n;
    static const char raw[] = "POST /a HTTP/1.1\r\nContent-Length: 10\r\nExpect: 100-Continue\r\n\r\n";
    bool head_done;
    http_init(&s.h, true, 10);
    CHECK(http_is_fresh(&s.h));
    CHECK_INT(http_push(&s.h, (const uint8_t *)raw, 5, &used, &body, &n, &head_done, &whole, &e), E_OK);
    CHECK(!http_is_fresh(&s.h) && !head_done);
    CHECK_INT(
        http_push(&s.h, (const uint8_t *)raw + 5, sizeof raw - 6, &used, &body, &n, &head_done, &whole, &e),
        E_OK);
    CHECK(head_done && !whole && s.h.expect_continue && s.h.has_length && s.h.keep_alive && !s.h.chunked);
    CHECK_INT(s.h.length, 10);
    CHECK_INT(http_want(&s.h), 10);
    CHECK_INT(http_eof(&s.h, &whole, &e), E_TRUNCATED);
}

static bool keeps(const char *raw) {
    struct error e;
    const uint8_t *body;
    size_t used, n;
    bool head_done, whole;
    http_init(&s.h, true, 10);
    CHECK_INT(http_push(&s.h, (const uint8_t *)raw, strlen(raw), &used, &body, &n, &head_done, &whole, &e),
              E_OK);
    CHECK(head_done && whole);
    return s.h.keep_alive;
}

TEST(connections_are_kept_or_not) { /* section 9.3 */
    CHECK(keeps("GET / HTTP/1.1\r\n\r\n"));
    CHECK(!keeps("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
    CHECK(!keeps("GET / HTTP/1.1\r\nConnection: TE ,\tClose\r\n\r\n"));
    CHECK(!keeps("GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"));
    CHECK(keeps("GET / HTTP/1.1\r\nConnection: closed, keep-alive\r\n\r\n"));
    CHECK(!keeps("GET / HTTP/1.0\r\n\r\n"));
    CHECK(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

/* As cpp-httplib 0.25 sends them. */
TEST(replies_as_the_daemon_sends_them) {
    reads(false,
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
          "Keep-Alive: timeout=5, max=100\r\n\r\n{}"
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5, max=99\r\n\r\n"
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n"
          "Content-Length: 0\r\n\r\n"
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n1\r\n]\r\n0\r\n\r\n"
          "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304\r\nContent-Length: 5\r\n\r\n"
          "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx",
          "200|{};200|;500|;200|[1,2];204|;304|;200|x;");
}

TEST(a_reply_that_ends_with_the_connection) {
    struct error e;
    bool whole;
    one(false, "HTTP/1.1 200 OK\r\n\r\n[1,2");
    CHECK_INT(s.err, E_OK);
    CHECK_INT(s.whole, 0);
    CHECK(!s.h.keep_alive);
    push(NULL, (const uint8_t *)"]", 1);
    CHECK_STR(s.told, "200|[1,2]");
    CHECK_INT(http_eof(&s.h, &whole, &e), E_OK);
    CHECK(whole);
    one(false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1,2");
    CHECK_INT(http_eof(&s.h, &whole, &e), E_TRUNCATED);
    one(false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    CHECK_INT(http_eof(&s.h, &whole, &e), E_TRUNCATED);
    one(false, "HTTP/1.1 200 OK\r\n");
    CHECK_INT(http_eof(&s.h, &whole, &e), E_TRUNCATED);
}

#define GET "GET / HTTP/1.1\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#define REPLY "HTTP/1.1 200 OK\r\n"

/* Each is refused by itself, whole and byte by byte, and so is whatever follows it. */
TEST(what_is_refused) {
    static const char *const cases[] = {
        /* two lengths, or none that can be trusted: section 6.3, 11.2 */
        GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345",
        GET "Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        GET "Content-Length: 5, 5\r\n\r\n12345",
        GET "Content-Length: +5\r\n\r\n12345",
        GET "Content-Length: -1\r\n\r\n",
        GET "Content-Length: 0x5\r\n\r\n12345",
        GET "Content-Length: 5 \x0b\r\n\r\n12345",
        GET "Content-Length:\r\n\r\n",
        GET "Content-Length: 18446744073709551616\r\n\r\n",
        GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        GET "Transfer-Encoding: gzip, chunked\r\n\r\n",
        GET "Transfer-Encoding: identity\r\n\r\n",
        GET "Transfer-Encoding: xchunked\r\n\r\n",
        GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET "Transfer-Encoding:\x0b"
            "chunked\r\n\r\n0\r\n\r\n",
        /* names: section 5.1 */
        GET "Content-Length : 5\r\n\r\n12345",
        GET " Content-Length: 5\r\n\r\n12345",
        GET "X: 1\r\n folded: 2\r\n\r\n",
        GET "X: 1\r\n\tfolded\r\n\r\n",
        GET ": 1\r\n\r\n",
        GET "no colon\r\n\r\n",
        GET "na\xffme: 1\r\n\r\n",
        GET "name(: 1\r\n\r\n",
        /* line ends: section 2.2 */
        "GET / HTTP/1.1\n\r\n\r\n",
        GET "X: 1\nY: 2\r\n\r\n",
        GET "X: 1\rContent-Length: 5\r\n\r\n12345",
        GET "X: 1\r\n\n",
        GET "X: 1\r\r\n\r\n",
        "\n" GET "\r\n",
        GET "X: \x01\r\n\r\n",
        GET "X: \x7f\r\n\r\n",
        /* the first line: section 3 */
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET\t/ HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET /a\xc3\xa9 HTTP/1.1\r\n\r\n",
        "GET /%00 HTTP/1.1\r\n\r\n",
        "GET /%4 HTTP/1.1\r\n\r\n",
        "GET /%4g HTTP/1.1\r\n\r\n",
        "GET /% HTTP/1.1\r\n\r\n",
        "GET a HTTP/1.1\r\n\r\n",
        "GET http://localhost HTTP/1.1\r\n\r\n",
        "GET https://localhost/a HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "G\"T / HTTP/1.1\r\n\r\n",
        /* chunks: section 7.1 */
        CHUNKED "\r\n",
        CHUNKED "g\r\n",
        CHUNKED "0x3\r\nabc\r\n0\r\n\r\n",
        CHUNKED "-3\r\nabc\r\n0\r\n\r\n",
        CHUNKED " 3\r\nabc\r\n0\r\n\r\n",
        CHUNKED "3 \r\nabc\r\n0\r\n\r\n",
        CHUNKED "3 4\r\nabc\r\n0\r\n\r\n",
        CHUNKED "3\nabc\r\n0\r\n\r\n",
        CHUNKED "3;\x01\r\nabc\r\n0\r\n\r\n",
        CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n",
        CHUNKED "3\r\nabcd\r\n0\r\n\r\n",
        CHUNKED "3\r\nabc\n0\r\n\r\n",
        CHUNKED "3\r\nabc0\r\n\r\n",
        CHUNKED "10000000000000000\r\n",
        CHUNKED "00000000000000000000000000000000000000000000000000000000000000003\r\nabc\r\n",
        CHUNKED "0\r\n\n",
        CHUNKED "0\r\nTrailer: 1\n\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one(true, cases[i]);
        if (s.err != E_SYNTAX)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, cases[i]);
        http_reset(NULL);
        for (const char *p = cases[i]; *p && !s.err; p++)
            push(NULL, (const uint8_t *)p, 1);
        if (s.err != E_SYNTAX)
            test_fail(__FILE__, __LINE__, "case %zu, byte by byte: %s", i, cases[i]);
    }
}

TEST(replies_that_are_refused) {
    static const char *const cases[] = {
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 600 X\r\n\r\n",
        "HTTP/1.1  200 X\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "ok []",
        "\x02\r\n",
        REPLY "Content-Length: a\r\n\r\n",
        REPLY "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one(false, cases[i]);
        if (s.err != E_SYNTAX && i != 7) /* that one may still become a head */
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, cases[i]);
    }
}

TEST(a_nul_in_a_head) {
    static const char raw[] = "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", path[] = "GET /\0 HTTP/1.1\r\n\r\n";
    s.is_request = true;
    http_reset(NULL);
    push(NULL, (const uint8_t *)raw, sizeof raw - 1);
    CHECK_INT(s.err, E_SYNTAX);
    http_reset(NULL);
    push(NULL, (const uint8_t *)path, sizeof path - 1);
    CHECK_INT(s.err, E_SYNTAX);
}

TEST(limits) {
    char raw[4000];
    size_t n = (size_t)snprintf(raw, sizeof raw, "%s", GET "X: ");
    memset(raw + n, 'x', HTTP_HEAD_BYTES - n - 4);
    memcpy(raw + HTTP_HEAD_BYTES - 4, "\r\n\r\n", 5);
    one(true, raw);
    CHECK_INT(s.err, E_OK);
    CHECK_INT(s.whole, 1);
    memcpy(raw + HTTP_HEAD_BYTES - 4, "x\r\n\r\n", 6);
    one(true, raw);
    CHECK_INT(s.err, E_LIMIT);
    /* a path */
    memset(raw, 'a', sizeof raw);
    memcpy(raw, "GET /", 5);
    memcpy(raw + 4 + 1023, " HTTP/1.1\r\n\r\n", 14);
    one(true, raw);
    CHECK_INT(s.err, E_OK);
    memcpy(raw + 4 + 1023, "a HTTP/1.1\r\n\r\n", 15);
    one(true, raw);
    CHECK_INT(s.err, E_LIMIT);
    /* bodies: 4096 is the most here, however it is told */
    one(true, GET "Content-Length: 4096\r\n\r\n");
    CHECK_INT(s.err, E_OK);
    one(true, GET "Content-Length: 4097\r\n\r\n");
    CHECK_INT(s.err, E_LIMIT);
    one(true, CHUNKED "1000\r\n");
    CHECK_INT(s.err, E_OK);
    one(true, CHUNKED "1001\r\n");
    CHECK_INT(s.err, E_LIMIT);
    one(true, CHUNKED "1\r\nx\r\n1000\r\n");
    CHECK_INT(s.err, E_LIMIT);
    one(true, CHUNKED "ffffffffffffffff\r\n");
    CHECK_INT(s.err, E_LIMIT);
    one(false, REPLY "\r\n");
    for (unsigned i = 0; i < 4096; i++)
        push(NULL, (const uint8_t *)"x", 1);
    CHECK_INT(s.err, E_OK);
    push(NULL, (const uint8_t *)"x", 1);
    CHECK_INT(s.err, E_LIMIT);
    /* a trailer */
    one(true, CHUNKED "0\r\nX: ");
    for (unsigned i = 0; i < HTTP_HEAD_BYTES; i++)
        push(NULL, (const uint8_t *)"x", 1);
    CHECK_INT(s.err, E_LIMIT);
}

TEST(a_method_longer_than_any) {
    one(true, "BASELINE-CONTROL /x HTTP/1.1\r\n\r\n");
    CHECK_INT(s.err, E_OK);
    CHECK_STR(s.told, "? /x|;");
}

TEST(reply_heads) {
    char buf[256];
    struct text t;
    text_init(&t, buf, sizeof buf);
    http_reply_head(&t, 200, "application/json", 12, true);
    CHECK_STR(buf, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Type: application/json\r\n\r\n");
    text_init(&t, buf, sizeof buf);
    http_reply_head(&t, 404, NULL, 0, false);
    CHECK_STR(buf, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    text_init(&t, buf, sizeof buf);
    http_reply_head(&t, 500, "text/plain", 3, true);
    text_str(&t, "why");
    reads(false, buf, "500|why;");
}
