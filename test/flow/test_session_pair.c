/* test_session_pair.c - two sessions back to back in one process, on a virtual clock, with the byte stream
 * cut everywhere: what one sends the other gets, and nothing else happens. */
#include "base/bytes.h"
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"

#include <stdlib.h>

#define PATH "/queue/cluster/w1/a.zip"

static struct peer_clock clock_;
static struct peer *m, *w; /* master and worker */

static void open_pair(bool plain) {
    const struct peer_opts opts = {.plain = plain};
    peer_clock_init(&clock_);
    m = peer_open(&clock_, TO_MASTER, &opts);
    w = peer_open(&clock_, TO_WORKER, &opts);
    w->s.next_counter = 0x80000000u;
}

static void close_pair(void) {
    CHECK_INT(m->shared.messages->used + w->shared.messages->used, 0);
    CHECK_INT(m->shared.windows->used + w->shared.windows->used, 0);
    CHECK_INT(m->shared.senders->used + w->shared.senders->used, 0);
    CHECK_INT(m->s.owed + w->s.owed, 0);
    peer_close(m);
    peer_close(w);
}

static const long cuts[] = {0, 1, 2, 7, 19, 20, 21, 100, 1448, -50, -5000, -60000};
#define CUTS (sizeof cuts / sizeof *cuts)

TEST(small_requests_both_ways) {
    for (size_t i = 0; i < CUTS; i++)
        for (int plain = 0; plain < 2; plain++) {
            open_pair(plain);
            session_request(&w->s, "syn_i_w_m_p", "", 0, peer_reply, w, NULL);
            session_request(&w->s, "echo-c", "keepalive", 9, peer_reply, w, NULL);
            session_request(&m->s, "syn_m_c_ok", "", 0, peer_reply, m, NULL);
            session_request(&m->s, "echo-m", "hello", 5, peer_reply, m, NULL);
            session_request(&m->s, "syn_i_w_m", "", 0, peer_reply, m, NULL);
            CHECK(peers_run(m, w, cuts[i]));
            PEER_LOG(w, "request syn_m_c_ok \"\"\nreply ok \"served\"\nreply ok-m \"keepalive\"\n");
            CHECK_INT(m->replies, 3);
            CHECK(strstr(m->log_buf, "request syn_i_w_m_p \"\"\n") != NULL);
            CHECK(strstr(m->log_buf, "reply ok-c \"hello\"\n") != NULL);
            CHECK(strstr(m->log_buf, "error 3000 unknown command 'b'syn_i_w_m''\n") != NULL);
            close_pair();
        }
}

/* Bytes that are a function of their place. */
struct lender {
    struct source source;
    size_t total, at;
};
static enum err lend(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct lender *l = (struct lender *)s;
    (void)e;
    *n = min_size(cap, l->total - l->at);
    for (size_t i = 0; i < *n; i++)
        buf[i] = (uint8_t)((l->at + i) * 7 >> 3);
    l->at += *n;
    return E_OK;
}
static void check_bytes(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != (uint8_t)(i * 7 >> 3))
            CHECK_INT(bytes[i], (uint8_t)(i * 7 >> 3));
}

static void one_file(size_t n, bool plain, long cut) {
    struct lender l = {{lend}, n, 0};
    struct xfer_tx *x;
    char want[64];
    struct text t;
    open_pair(plain);
    CHECK_INT(xfer_send_file(&w->s, PATH, &l.source, peer_done, w, &x, NULL), E_OK);
    CHECK(peers_run(m, w, cut));
    PEER_LOG(m, "file_begin " PATH "\nfile_end " PATH " good\n");
    text_init(&t, want, sizeof want);
    text_format(&t, "done sent %zu\n", n);
    PEER_LOG(w, want);
    CHECK_INT(m->files[0].n, n);
    check_bytes(m->files[0].bytes, n);
    close_pair();
}

TEST(file_crosses_in_any_cut) {
    for (size_t i = 0; i < CUTS; i++)
        for (int plain = 0; plain < 2; plain++)
            one_file(cuts[i] && labs(cuts[i]) < 10 ? 5000 : 300001, plain, cuts[i]);
}

TEST(files_of_many_sizes_cross) {
    static const size_t sizes[] = {0, 1, 131071, 131072, 131073, 262144, 1 << 20, 10 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        one_file(sizes[i], false, 0);
}

TEST(string_crosses_and_is_named) {
    for (size_t i = 0; i < CUTS; i++) {
        size_t n = cuts[i] && labs(cuts[i]) < 10 ? 5000 : 400000;
        struct lender l = {{lend}, n, 0};
        struct xfer_tx *x;
        open_pair(false);
        CHECK_INT(xfer_send_string(&m->s, &l.source, n, peer_done, m, &x, NULL), E_OK);
        CHECK(peers_run(m, w, cuts[i]));
        CHECK(strncmp(m->log_buf, "done sent ", 10) == 0);
        struct xfer_string *got = w->s.strings;
        CHECK(got != NULL && got->body.size == n);
        char id[16];
        struct text t;
        text_init(&t, id, sizeof id);
        text_format(&t, "%u", got->id);
        CHECK(xfer_string_find(&w->s, id, t.len) == got);
        uint8_t *bytes = test_keep(malloc(n));
        size_t read;
        CHECK_INT(blob_read(&got->body, 0, bytes, n, &read, NULL), E_OK);
        check_bytes(bytes, n);
        xfer_string_drop(&w->s, got);
        close_pair();
    }
}

static void noted(void *arg) {
    ++*(int *)arg;
}

struct echo {
    const uint8_t *bytes;
    size_t n;
    int replies, sent;
};

static void echo_reply(void *arg, struct session *s, const struct reply *r) {
    struct echo *e = arg;
    (void)s;
    CHECK_INT(r->kind, REPLY_OK);
    CHECK_INT(r->message->body.size, e->n);
    uint8_t *copy = malloc(e->n + 1);
    size_t n;
    CHECK_INT(blob_read(&r->message->body, 0, copy, e->n + 1, &n, NULL), E_OK);
    CHECK_INT(n, e->n);
    CHECK(memcmp(copy, e->bytes, n) == 0);
    free(copy);
    e->replies++;
}

TEST(echo_of_six_million_bytes_is_divided_twice) {
    static const size_t sizes[] = {6000000, 5242880, 5242881, 11000000};
    for (size_t i = 0; i < 4; i++) {
        struct echo e = {.n = sizes[i]};
        uint8_t *bytes = test_keep(malloc(e.n));
        uint64_t seed = i;
        for (size_t k = 0; k + 8 <= e.n; k += 8) {
            uint64_t r = test_random(&seed);
            memcpy(bytes + k, &r, 8);
        }
        e.bytes = bytes;
        open_pair(false);
        CHECK_INT(session_request_long(&w->s, "echo", bytes, 100, bytes + 100, e.n - 100, NULL, echo_reply,
                                       &e, NULL),
                  E_OK);
        CHECK(peers_run(m, w, i ? 0 : -60000));
        CHECK_INT(e.replies, 1);
        close_pair();
    }
}

/* Everything at once, on a line that takes and gives what it likes. */
TEST(all_at_once) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct lender a = {{lend}, 700000 + (size_t)seed * 1000, 0}, b = {{lend}, 500000, 0},
                      c = {{lend}, 300000, 0};
        struct xfer_tx *x;
        struct echo e = {.n = 5300000};
        uint8_t *bytes = test_keep(calloc(1, e.n));
        e.bytes = bytes;
        open_pair(seed % 4 == 0);
        clock_.seed = seed;
        CHECK_INT(xfer_send_file(&w->s, PATH, &a.source, peer_done, w, &x, NULL), E_OK);
        CHECK_INT(xfer_send_file(&m->s, PATH, &b.source, peer_done, m, &x, NULL), E_OK);
        CHECK_INT(xfer_send_string(&m->s, &c.source, c.total, peer_done, m, &x, NULL), E_OK);
        CHECK_INT(session_request_long(&m->s, "echo", NULL, 0, bytes, e.n, noted, echo_reply, &e, NULL),
                  E_OK);
        m->s.queue[0].arg = &e.sent;
        for (int i = 0; i < 8; i++) {
            session_request(&w->s, "echo-c", "keepalive", 9, peer_reply, w, NULL);
            session_request(&m->s, "echo-m", "keepalive", 9, peer_reply, m, NULL);
        }
        CHECK(peers_run(m, w, -40000));
        CHECK_INT(e.replies, 1);
        CHECK_INT(e.sent, 1);
        CHECK_INT(w->replies, 8);
        CHECK_INT(m->replies, 8);
        CHECK_INT(m->files[0].n, a.total);
        CHECK_INT(w->files[0].n, b.total);
        check_bytes(m->files[0].bytes, a.total);
        check_bytes(w->files[0].bytes, b.total);
        CHECK_INT(w->s.strings->body.size, c.total);
        xfer_string_drop(&w->s, w->s.strings);
        close_pair();
    }
}

/* A line of so many bytes per virtual second; the worker sends a big file, and a keepalive all the time.
 * Bytes in flight count as the line's, as with a small send buffer. */
static uint64_t slowest_keepalive_ms(uint32_t bytes_per_s, size_t file) {
    struct lender l = {{lend}, file, 0};
    struct xfer_tx *x;
    uint64_t worst = 0, asked = 0;
    bool out = false;
    open_pair(false);
    CHECK_INT(xfer_send_file(&w->s, PATH, &l.source, peer_done, w, &x, NULL), E_OK);
    for (;;) {
        const uint8_t *bytes;
        if (!out && w->shared.senders->used) {
            w->replies = 0;
            CHECK_INT(session_request(&w->s, "echo-c", "keepalive", 9, peer_reply, w, NULL), E_OK);
            asked = clock_.now_ms;
            out = true;
        }
        size_t n =
            min_size(min_size(session_tx_buf(&w->s, &bytes), session_rx_want(&m->s)), bytes_per_s / 100);
        if (n) {
            CHECK_INT(session_rx(&m->s, bytes, n), E_OK);
            session_tx_ack(&w->s, n);
        }
        session_step(&m->s);
        while ((n = min_size(session_tx_buf(&m->s, &bytes), session_rx_want(&w->s))) != 0) {
            CHECK_INT(session_rx(&w->s, bytes, n), E_OK);
            session_tx_ack(&m->s, n);
        }
        session_step(&w->s);
        clock_.now_ms += 10;
        CHECK_INT(session_tick(&w->s, clock_.now_ms), E_OK);
        CHECK_INT(session_tick(&m->s, clock_.now_ms), E_OK);
        if (out && w->replies) {
            worst = clock_.now_ms - asked > worst ? clock_.now_ms - asked : worst;
            out = false;
            peer_log_clear(w);
        }
        if (!w->shared.senders->used && !out)
            break;
    }
    CHECK_INT(m->files[0].n, file);
    close_pair();
    return worst;
}

TEST(keepalive_stays_in_time_behind_a_file) {
    /* One chunk of 131,072 bytes is 174,800 on the wire, and 32 KiB are encoded ahead: 1.7 s at 1 Mbit/s. */
    CHECK(slowest_keepalive_ms(125000, 3 << 20) < 2000);
    /* On a line of 64 kbit/s the chunks shrink after the first few. */
    CHECK(slowest_keepalive_ms(8000, 400000) < 30000);
}

/* The stream breaks after so many bytes: both ends tell their owners, and nothing is left. */
TEST(line_breaks_anywhere) {
    for (size_t at = 0; at < 500000; at += 7001) {
        struct lender l = {{lend}, 300000, 0};
        struct xfer_tx *x;
        open_pair(false);
        CHECK_INT(xfer_send_file(&w->s, PATH, &l.source, peer_done, w, &x, NULL), E_OK);
        session_request(&m->s, "syn_m_c_ok", "", 0, peer_reply, m, NULL);
        size_t moved = 0;
        while (moved < at) {
            const uint8_t *bytes;
            size_t before = moved;
            size_t n = min_size(session_tx_buf(&w->s, &bytes), session_rx_want(&m->s));
            n = min_size(n, at - moved);
            session_rx(&m->s, bytes, n);
            session_tx_ack(&w->s, n);
            moved += n;
            n = min_size(session_tx_buf(&m->s, &bytes), session_rx_want(&w->s));
            n = min_size(n, at - moved);
            session_rx(&w->s, bytes, n);
            session_tx_ack(&m->s, n);
            moved += n;
            bool more = (session_step(&m->s) == STEP_AGAIN) | (session_step(&w->s) == STEP_AGAIN);
            if (moved == before && !more)
                break;
        }
        bool over = w->shared.senders->used == 0;
        peer_close(m); /* checks the pools */
        peer_close(w);
        CHECK(strstr(w->log_buf, over ? "done sent 300000\n" : "done lost") != NULL);
        CHECK(m->replies == 1);
    }
}

/* Replies that come after their time, and time that passes in between. */
TEST(late_replies_are_swallowed_on_both_sides) {
    open_pair(false);
    session_request(&w->s, "syn_i_w_m", "", 0, peer_reply, w, NULL);
    m->silent = true;
    CHECK(peers_run(m, w, 0));
    PEER_LOG(m, "request syn_i_w_m \"\"\n");
    clock_.now_ms += 20000;
    CHECK(peers_run(m, w, 0));
    PEER_LOG(w, "timeout\n");
    session_reply_text(&m->s, 0x80000000u, "ok", "at last");
    CHECK(peers_run(m, w, 0));
    session_request(&w->s, "echo", "x", 1, peer_reply, w, NULL);
    CHECK(peers_run(m, w, 0));
    PEER_LOG(w, "reply ok \"x\"\n");
    PEER_LOG(m, "");
    close_pair();
}
