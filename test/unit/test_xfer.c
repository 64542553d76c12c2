/* test_xfer.c - files and strings being sent, against a peer played by hand: exact bytes, order, refusals,
 * cancelling, chunks that adapt. */
#include "base/bytes.h"
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"

#include <stdlib.h>

#define PATH "/queue/cluster/w1/w1-1690000000.0-0123456789abcdef0123456789abcdef.zip"

static struct peer_clock clock_;

/* A source of total bytes, byte i being i % 251, that can be slow and can fail. */
struct lender {
    struct source source;
    size_t total, at;
    size_t most;    /* bytes per read at the most; 0: any */
    unsigned again; /* every so many reads it has nothing now; 0: never */
    unsigned reads;
    size_t fail_at; /* fails from there on; 0: never */
};

static enum err lend(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct lender *l = (struct lender *)s;
    *n = 0;
    l->reads++;
    if (l->again && l->reads % l->again == 0)
        return E_AGAIN;
    if (l->fail_at && l->at >= l->fail_at)
        return error_set(e, E_SYS, 0, "lender: broken");
    *n = min_size(min_size(cap, l->most ? l->most : cap), l->total - l->at);
    for (size_t i = 0; i < *n; i++)
        buf[i] = (uint8_t)((l->at + i) % 251);
    l->at += *n;
    return E_OK;
}

static struct lender lender(size_t total) {
    return (struct lender){.source = {lend}, .total = total};
}

static struct peer *open_peer(const struct peer_opts *opts) {
    peer_clock_init(&clock_);
    return peer_open(&clock_, TO_WORKER, opts);
}

static struct xfer_tx *send_file(struct peer *p, struct lender *l) {
    struct xfer_tx *x = NULL;
    CHECK_INT(xfer_send_file(&p->s, PATH, &l->source, peer_done, p, &x, NULL), E_OK);
    return x;
}

static struct xfer_tx *send_string(struct peer *p, struct lender *l, uint64_t total) {
    struct xfer_tx *x = NULL;
    CHECK_INT(xfer_send_string(&p->s, &l->source, total, peer_done, p, &x, NULL), E_OK);
    return x;
}

/* Steps and drains until nothing moves: the peer has answered all it was asked so far. */
static void settle(struct peer *p) {
    enum step step;
    do {
        step = session_step(&p->s);
        CHECK(step != STEP_FAILED);
    } while (step == STEP_AGAIN || peer_drain(p, SIZE_MAX));
}

/* What the peer got of a transfer. */
struct got {
    uint32_t begins, chunks, ends, others;
    uint32_t last_counter;
    uint8_t *bytes;
    size_t n;
    size_t chunk_n; /* data of the last chunk */
    uint8_t digest[32];
};

/* Looks at one frame; prefix: "<path> " or "<id> ". */
static bool look(struct peer *p, struct got *g, const char *prefix) {
    struct peer_seen seen;
    size_t k = strlen(prefix);
    if (!peer_next(p, &seen))
        return false;
    CHECK(seen.clear != NULL);
    g->last_counter = seen.counter;
    if (strncmp(seen.field, "new_", 4) == 0) {
        g->begins++;
    } else if (strcmp(seen.field, "file_upd ---") == 0 || strcmp(seen.field, "str_upd ----") == 0) {
        CHECK(seen.n >= k && memcmp(seen.clear, prefix, k) == 0);
        g->bytes = realloc(g->bytes, g->n + seen.n);
        memcpy(g->bytes + g->n, seen.clear + k, seen.n - k);
        g->chunk_n = seen.n - k;
        g->n += seen.n - k;
        g->chunks++;
    } else if (strcmp(seen.field, "file_end ---") == 0) {
        CHECK_INT(seen.n, k + 32);
        CHECK_MEM(seen.clear, prefix, k);
        memcpy(g->digest, seen.clear + k, 32);
        g->ends++;
    } else {
        g->others++;
    }
    return true;
}

static void check_bytes(struct got *g, size_t n) {
    CHECK_INT(g->n, n);
    for (size_t i = 0; i < n; i++)
        if (g->bytes[i] != (uint8_t)(i % 251))
            CHECK_INT(g->bytes[i], (uint8_t)(i % 251));
    free(g->bytes);
    g->bytes = NULL;
}

static void check_digest(const struct got *g, size_t n) {
    struct sha256 h;
    uint8_t want[32];
    sha256_init(&h);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(i % 251);
        sha256_push(&h, &byte, 1);
    }
    sha256_out(&h, want);
    CHECK_MEM(g->digest, want, 32);
}

/* Plays an honest peer until the sender says nothing more. */
static struct got play(struct peer *p, const char *prefix, const char *begin_reply) {
    struct got g = {0};
    settle(p);
    while (look(p, &g, prefix)) {
        bool begin = g.begins == 1 && g.chunks == 0 && g.ends == 0 && g.others == 0;
        CHECK_INT(peer_say_text(p, g.last_counter, "ok", begin ? begin_reply : "done"), E_OK);
        settle(p);
    }
    return g;
}

static struct got play_file(struct peer *p) {
    return play(p, PATH " ", "Ready to receive new file");
}

static const size_t sizes[] = {0, 1, 4096, 131072, 131073, 500000, 1000003};

TEST(file_of_any_size) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(sizes[i]);
        send_file(p, &l);
        struct got g = play_file(p);
        CHECK_INT(g.begins, 1);
        CHECK_INT(g.ends, 1);
        CHECK_INT(g.others, 0);
        CHECK_INT(g.chunks,
                  (sizes[i] + XFER_CHUNK_BYTES - 1) / XFER_CHUNK_BYTES); /* none for an empty file */
        check_bytes(&g, sizes[i]);
        check_digest(&g, sizes[i]);
        CHECK_INT(p->shared.senders->used, 0);
        char want[64];
        struct text t;
        text_init(&t, want, sizeof want);
        text_format(&t, "done sent %zu\n", sizes[i]);
        PEER_LOG(p, want);
        peer_close(p);
    }
}

TEST(file_has_exactly_these_bytes) {
    struct peer *p = open_peer(&(struct peer_opts){.plain = true});
    struct lender l = lender(3);
    send_file(p, &l);
    session_step(&p->s);
    EXPECT(p, 1000, "new_file ---", PATH);
    session_step(&p->s);
    EXPECT_NOTHING(p); /* not before the peer is ready */
    peer_say_text(p, 1000, "ok ", "Ready to receive new file");
    settle(p);
    peer_expect(p, __FILE__, __LINE__, 1001, "file_upd ---", PATH " \x00\x01\x02", strlen(PATH) + 4);
    peer_expect(p, __FILE__, __LINE__, 1002, "file_end ---",
                PATH
                " \xae\x4b\x32\x80\xe5\x6e\x2f\xaf\x83\xf4\x14\xa6\xe3\xda\xbe\x9d\x5f\xbe\x18\x97\x65\x44"
                "\xc0\x5f\xed\x12\x1a\xcc\xb8\x5b\x53\xfc",
                strlen(PATH) + 33);
    peer_say_text(p, 1001, "ok", "File updated");
    PEER_LOG(p, "");
    peer_say_text(p, 1002, "ok", "File received correctly");
    PEER_LOG(p, "done sent 3\n");
}

TEST(sources_may_be_slow_and_short) {
    static const struct {
        size_t most;
        unsigned again;
    } kinds[] = {{1000, 0}, {0, 2}, {100000, 3}, {7777, 2}, {131071, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(300000);
        l.most = kinds[i].most;
        l.again = kinds[i].again;
        send_file(p, &l);
        struct got g = play_file(p);
        CHECK_INT(g.chunks, 3);
        check_bytes(&g, 300000);
        check_digest(&g, 300000);
        PEER_LOG(p, "done sent 300000\n");
        peer_close(p);
    }
}

TEST(string_of_any_size) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(sizes[i]);
        send_string(p, &l, sizes[i]);
        struct got g = play(p, "4294967295 ", "4294967295");
        CHECK_INT(g.begins, 1);
        CHECK_INT(g.ends + g.others, 0);
        check_bytes(&g, sizes[i]);
        CHECK(strncmp(p->log_buf, "done sent ", 10) == 0);
        peer_close(p);
    }
}

TEST(string_shorter_or_longer_than_it_said_fails) {
    for (int d = -1; d <= 1; d += 2) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(200000);
        send_string(p, &l, (uint64_t)(200000 + d));
        settle(p);
        EXPECT(p, 1000, "new_str ----", d < 0 ? "199999" : "200001");
        peer_say_text(p, 1000, "ok", "77");
        struct got g = {0};
        settle(p);
        while (look(p, &g, "77 ")) {
            peer_say_text(p, g.last_counter, "ok", "String updated");
            settle(p);
        }
        CHECK_INT(g.others, 1); /* err_str */
        PEER_LOG(p, d < 0 ? "done failed 131072 a string longer than it was\n"
                          : "done failed 131072 a string that ends 1 bytes early\n");
        free(g.bytes);
        peer_close(p);
    }
}

TEST(string_too_big_for_the_peer) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(10);
    send_string(p, &l, 300000000);
    settle(p);
    EXPECT(p, 1000, "new_str ----", "300000000");
    peer_say_text(p, 1000, "error", "Requested size exceeds maximum allowed limit");
    EXPECT_NOTHING(p);
    PEER_LOG(p, "done refused 0 3000 error: Requested size exceeds maximum allowed limit\n");
    CHECK_INT(l.reads, 0);
}

TEST(string_ids_that_are_none) {
    static const char *const ids[] = {"", "1 2", "1\n", "0123456789012345678901234567890"};
    for (size_t i = 0; i < 4; i++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(10);
        send_string(p, &l, 10);
        settle(p);
        peer_say_text(p, 1000, "ok", ids[i]);
        CHECK(strncmp(p->log_buf, "done refused 0 3000 ok: ", 24) == 0);
        peer_close(p);
    }
}

TEST(path_refused) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(10);
    send_file(p, &l);
    settle(p);
    peer_say_text(p, 1000, "err", "Write path not allowed");
    PEER_LOG(p, "done refused 0 3000 Write path not allowed\n");
    EXPECT(p, 1000, "new_file ---", PATH);
    EXPECT_NOTHING(p);
    struct xfer_tx *x;
    struct error e;
    char path[XFER_PATH_BYTES + 1];
    memset(path, '/', sizeof path);
    path[XFER_PATH_BYTES] = '\0';
    CHECK_INT(xfer_send_file(&p->s, "no/slash", &l.source, peer_done, p, &x, &e), E_PATH);
    CHECK_INT(xfer_send_file(&p->s, "/a b", &l.source, peer_done, p, &x, &e), E_PATH);
    CHECK_INT(xfer_send_file(&p->s, path, &l.source, peer_done, p, &x, &e), E_PATH);
    CHECK_INT(p->shared.senders->used, 0);
}

/* Brings a file of 1 MB to where the peer has n chunks unanswered. Returns the last counter. */
static uint32_t to_chunks(struct peer *p, struct got *g) {
    settle(p);
    CHECK(look(p, g, PATH " "));
    peer_say_text(p, 1000, "ok ", "Ready to receive new file");
    settle(p);
    while (look(p, g, PATH " "))
        settle(p);
    return g->last_counter;
}

/* Answers the oldest chunk (1001 is the first one), ms after the answer before. */
static void answer_chunk(struct peer *p, struct got *g, uint32_t *oldest, uint64_t ms) {
    clock_.now_ms += ms;
    peer_say_text(p, (*oldest)++, "ok", "File updated");
    settle(p);
    while (look(p, g, PATH " "))
        settle(p);
}

/* One, and one more with each quick answer; one again after a slow one. */
TEST(sender_goes_a_few_chunks_ahead_and_waits) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(10 << 20);
    struct got g = {0};
    uint32_t oldest = 1001;
    send_file(p, &l);
    to_chunks(p, &g);
    CHECK_INT(g.chunks, 1);
    CHECK_INT(session_step(&p->s), STEP_WAIT);
    for (uint32_t window = 2; window < XFER_CHUNKS_AHEAD + 3; window++) {
        answer_chunk(p, &g, &oldest, 10);
        uint32_t most = window < XFER_CHUNKS_AHEAD ? window : XFER_CHUNKS_AHEAD;
        CHECK_INT(g.chunks - (oldest - 1001), most);
    }
    uint32_t chunks = g.chunks;
    for (uint32_t left = XFER_CHUNKS_AHEAD; left > 1; left--) {
        answer_chunk(p, &g, &oldest, left == XFER_CHUNKS_AHEAD ? 1001 : 0);
        CHECK_INT(g.chunks, chunks); /* those that are under way come in, none goes out */
    }
    answer_chunk(p, &g, &oldest, 0);
    CHECK_INT(g.chunks - (oldest - 1001), 1);
    CHECK(g.chunk_n < XFER_CHUNK_BYTES);
    peer_close(p);
    free(g.bytes);
}

TEST(chunk_refused_ends_the_file_with_a_wrong_digest) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(1 << 20);
    struct got g = {0};
    static const uint8_t zeros[32];
    send_file(p, &l);
    to_chunks(p, &g);
    peer_say_text(p, 1001, "ok", "File updated");
    peer_say_text(p, 1002, "err", "no space");
    settle(p);
    while (look(p, &g, PATH " "))
        settle(p);
    CHECK_INT(g.ends, 1);
    CHECK_MEM(g.digest, zeros, 32);
    PEER_LOG(p, "");
    for (uint32_t c = 1003; c <= g.last_counter; c++)
        peer_say_text(p, c, "err", "something else");
    PEER_LOG(p, "done refused 262144 3000 no space\n");
    free(g.bytes);
}

TEST(source_that_fails_ends_the_file_with_a_wrong_digest) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(1 << 20);
    static const uint8_t zeros[32];
    l.fail_at = 200000;
    send_file(p, &l);
    struct got g = play_file(p);
    CHECK_INT(g.chunks, 2);
    CHECK_INT(g.ends, 1);
    CHECK_MEM(g.digest, zeros, 32);
    PEER_LOG(p, "done failed 262144 lender: broken\n");
    free(g.bytes);
}

TEST(end_refused_and_late) {
    for (int late = 0; late < 2; late++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(3);
        send_file(p, &l);
        settle(p);
        peer_say_text(p, 1000, "ok ", "Ready to receive new file");
        settle(p);
        peer_say_text(p, 1001, "ok", "File updated");
        if (late) {
            clock_.now_ms += 20000;
            session_tick(&p->s, clock_.now_ms);
            session_step(&p->s);
            PEER_LOG(p, "done refused 3 3020 file_end\n");
        } else {
            peer_say_text(p, 1002, "err", "File wasn't correctly received. Checksums aren't equal.");
            PEER_LOG(p, "done refused 3 3000 File wasn't correctly received. Checksums aren't equal.\n");
        }
        peer_close(p);
    }
}

TEST(chunk_without_reply_is_not_fatal) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(3);
    send_file(p, &l);
    settle(p);
    peer_say_text(p, 1000, "ok ", "Ready to receive new file");
    settle(p);
    clock_.now_ms += 19000;
    peer_say_text(p, 1002, "ok", "File received correctly");
    PEER_LOG(p, "");
    clock_.now_ms += 1000;
    session_tick(&p->s, clock_.now_ms);
    session_step(&p->s);
    PEER_LOG(p, "done sent 3\n");
}

TEST(cancelled_at_any_point) {
    /* after how many frames the peer has seen */
    for (uint32_t frames = 0; frames < 8; frames++) {
        struct peer *p = open_peer(NULL);
        struct lender l = lender(2 << 20);
        struct got g = {0};
        struct xfer_tx *x = send_file(p, &l);
        for (uint32_t i = 0; i < frames; i++) {
            settle(p);
            CHECK(look(p, &g, PATH " "));
            if (i + 1 < frames)
                peer_say_text(p, g.last_counter, "ok", "x");
        }
        xfer_tx_cancel(x);
        PEER_LOG(p, ""); /* never from inside */
        for (;;) {
            if (frames || g.last_counter)
                peer_say_text(p, g.last_counter, "ok", "x");
            settle(p);
            if (!look(p, &g, PATH " "))
                break;
        }
        CHECK_INT(g.ends, frames > 0);
        if (frames)
            check_digest(&g, g.n); /* as a real node: the digest of what was sent */
        CHECK(g.n < 2 << 20);
        char want[64];
        struct text t;
        text_init(&t, want, sizeof want);
        text_format(&t, "done cancelled %zu\n", g.n);
        PEER_LOG(p, want);
        CHECK_INT(p->shared.senders->used, 0);
        free(g.bytes);
        peer_close(p);
    }
}

TEST(string_cancelled) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(1 << 20);
    struct got g = {0};
    struct xfer_tx *x = send_string(p, &l, 1 << 20);
    settle(p);
    peer_say_text(p, 1000, "ok", "5");
    settle(p);
    xfer_tx_cancel(x);
    settle(p);
    while (look(p, &g, "5 ")) {
        peer_say_text(p, g.last_counter, "ok", "x");
        settle(p);
    }
    CHECK_INT(g.others, 1); /* err_str */
    CHECK(strncmp(p->log_buf, "done cancelled ", 15) == 0);
    free(g.bytes);
}

TEST(session_ends_at_any_point_of_a_transfer) {
    for (int string = 0; string < 2; string++)
        for (uint32_t frames = 0; frames < 12; frames++)
            for (size_t part = 0; part < 60000; part += 29999) {
                struct peer *p = open_peer(NULL);
                struct lender l = lender(600000);
                struct got g = {0};
                if (string)
                    send_string(p, &l, 600000);
                else
                    send_file(p, &l);
                uint32_t i = 0;
                for (; i < frames; i++) {
                    settle(p);
                    if (!look(p, &g, string ? "9 " : PATH " "))
                        break;
                    peer_say_text(p, g.last_counter, "ok", i ? "x" : "9");
                }
                session_step(&p->s);
                peer_drain(p, part);
                bool over = p->shared.senders->used == 0;
                peer_close(p); /* checks the pools */
                CHECK(strncmp(p->log_buf, over ? "done sent" : "done lost", 9) == 0);
                CHECK(strchr(p->log_buf, '\n') == strrchr(p->log_buf, '\n'));
                free(g.bytes);
            }
}

TEST(senders_run_out) {
    struct peer *p = open_peer(&(struct peer_opts){.senders = 2});
    struct lender l[3] = {lender(10), lender(10), lender(10)};
    struct xfer_tx *x;
    send_file(p, &l[0]);
    send_file(p, &l[1]);
    CHECK_INT(xfer_send_file(&p->s, PATH, &l[2].source, peer_done, p, &x, NULL), E_POOL);
    peer_close(p);
    PEER_LOG(p, "done lost 0\ndone lost 0\n");
    CHECK_INT(xfer_send_file(&p->s, PATH, &l[2].source, peer_done, p, &x, NULL), E_CLOSED);
}

/* done() begins the next one, in the slot that just became free. */
static struct lender second;
static void begin_next(void *arg, const struct xfer_result *r) {
    struct peer *p = arg;
    struct xfer_tx *x;
    peer_done(arg, r);
    enum err err = xfer_send_file(&p->s, PATH, &second.source, peer_done, p, &x, NULL);
    CHECK_INT(err, r->end == XFER_LOST ? E_CLOSED : E_OK);
}

TEST(one_transfer_begins_the_next) {
    struct peer *p = open_peer(&(struct peer_opts){.senders = 1});
    struct lender l = lender(200000);
    struct xfer_tx *x;
    second = lender(5);
    xfer_send_file(&p->s, PATH, &l.source, begin_next, p, &x, NULL);
    struct got g = play_file(p);
    CHECK_INT(g.begins, 2);
    CHECK_INT(g.ends, 2);
    CHECK_INT(g.n, 200005);
    PEER_LOG(p, "done sent 200000\ndone sent 5\n");
    free(g.bytes);
    xfer_send_file(&p->s, PATH, &l.source, begin_next, p, &x, NULL);
    peer_close(p);
    PEER_LOG(p, "done lost 0\n");
}

TEST(two_at_once_share_the_line) {
    struct peer *p = open_peer(NULL);
    struct lender a = lender(700000), b = lender(700000);
    struct xfer_tx *x;
    send_file(p, &a);
    xfer_send_string(&p->s, &b.source, 700000, peer_done, p, &x, NULL);
    settle(p);
    struct peer_seen seen;
    uint32_t files = 0, strings = 0;
    while (peer_next(p, &seen)) {
        files += strcmp(seen.field, "file_upd ---") == 0;
        strings += strcmp(seen.field, "str_upd ----") == 0;
        CHECK(files <= strings + XFER_CHUNKS_AHEAD + 1 && strings <= files + XFER_CHUNKS_AHEAD + 1);
        peer_say_text(p, seen.counter, "ok", "12");
        settle(p);
    }
    CHECK_INT(files, 6);
    CHECK_INT(strings, 6);
    CHECK(strstr(p->log_buf, "done sent 700000\ndone sent 700000\n") != NULL);
}

TEST(chunks_adapt_to_the_peer) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(100 << 20);
    struct got g = {0};
    uint32_t oldest = 1001;
    send_file(p, &l);
    to_chunks(p, &g);
    CHECK_INT(g.chunk_n, XFER_CHUNK_BYTES);
    /* One answer each 300 ms: 300, 300, 600, 600 ms from first byte to reply, so far so good; with four under
     * way it is 1,200. */
    for (int i = 0; i < 4; i++)
        answer_chunk(p, &g, &oldest, 300);
    CHECK_INT(g.chunk_n, XFER_CHUNK_BYTES);
    for (int i = 0; i < 8; i++)
        answer_chunk(p, &g, &oldest, 300);
    CHECK(g.chunk_n < XFER_CHUNK_BYTES);
    for (int i = 0; i < 120; i++)
        answer_chunk(p, &g, &oldest, 300);
    CHECK_INT(g.chunk_n, 4096);
    for (int i = 0; i < 20; i++) /* 600 ms with four under way: it grows until then, and stays so */
        answer_chunk(p, &g, &oldest, 150);
    size_t then = g.chunk_n;
    CHECK(then >= 4096 && then < XFER_CHUNK_BYTES);
    for (int i = 0; i < 40; i++)
        answer_chunk(p, &g, &oldest, 150);
    CHECK_INT(g.chunk_n, then);
    for (int i = 0; i < 60; i++)
        answer_chunk(p, &g, &oldest, 1);
    CHECK_INT(g.chunk_n, XFER_CHUNK_BYTES);
    peer_close(p);
    free(g.bytes);
}

/* A peer that answers before it was asked, as only a hostile one can. */
TEST(replies_before_their_chunk_is_out) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(300000);
    send_file(p, &l);
    session_step(&p->s);
    for (uint32_t c = 1000; c < 1010; c++) {
        peer_say_text(p, c, "ok", "x");
        session_step(&p->s);
    }
    CHECK_INT(p->shared.senders->used, 1); /* its memory is still being encoded */
    settle(p);
    for (uint32_t c = 1000; c < 1010; c++) {
        peer_say_text(p, c, "ok", "x");
        settle(p);
    }
    PEER_LOG(p, "done sent 300000\n");
    CHECK_INT(p->shared.senders->used, 0);
}

TEST(reply_to_the_end_before_it_is_out) {
    struct peer *p = open_peer(NULL);
    struct lender l = lender(3);
    send_file(p, &l);
    settle(p);
    peer_say_text(p, 1000, "ok ", "Ready to receive new file");
    peer_drain(p, SIZE_MAX); /* the chunk */
    session_step(&p->s);     /* file_end waits for the socket */
    peer_say_text(p, 1001, "ok", "File updated");
    peer_say_text(p, 1002, "ok", "File received correctly");
    CHECK_INT(p->shared.senders->used, 1);
    PEER_LOG(p, "");
    settle(p);
    PEER_LOG(p, "done sent 3\n");
}
