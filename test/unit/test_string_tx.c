/* test_string_tx.c - one string out of a shared blob: short ones by hand, byte for byte, with every answer
 * and every way to end; long ones to a second session; and that nothing is touched once the owner has
 * forgotten it. */
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"
#include "wire/string_tx.h"

#include <stdio.h>
#include <stdlib.h>

#define SHORT_MOST (4096 - 24) /* SMALL_MAX_BYTES less the longest id and its space */
#define NEW "new_str ----"
#define UPD "str_upd ----"
#define ERR "err_str ----"

static struct peer_clock clock_;

/* What one case has: a peer that is sent to, and the blob, which notices whoever reads it too late. */
struct rig {
    struct peer *p;
    struct string_tx t;
    struct blob body;
    uint8_t *bytes;
};

static struct rig open_rig(size_t n, const struct peer_opts *opts) {
    struct rig r = {.bytes = test_keep(malloc(n))};
    peer_clock_init(&clock_);
    r.p = peer_open(&clock_, TO_MASTER, opts);
    for (size_t i = 0; i < n; i++)
        r.bytes[i] = (uint8_t)('a' + i % 23);
    blob_init(&r.body, r.bytes, n, NULL, NULL, n);
    r.body.size = n;
    return r;
}

static enum err start(struct rig *r) {
    return string_tx_start(&r->t, &r->p->s, &r->body, peer_done, r->p, NULL);
}

static struct peer_seen next(struct rig *r, const char *field) {
    struct peer_seen seen;
    if (!peer_next(r->p, &seen))
        test_fail(__FILE__, __LINE__, "no frame, want %s", field);
    CHECK_STR(seen.field, field);
    CHECK(seen.clear);
    return seen;
}

/* Reads new_str and checks its number. */
static uint32_t begun(struct rig *r) {
    char want[24];
    struct peer_seen seen = next(r, NEW);
    int n = snprintf(want, sizeof want, "%zu", (size_t)r->body.size);
    CHECK_INT(seen.n, n);
    CHECK_MEM(seen.clear, want, (size_t)n);
    return seen.counter;
}

static void answer(struct rig *r, uint32_t counter, const char *command, const char *text) {
    CHECK_INT(peer_say_text(r->p, counter, command, text), E_OK);
}

/* Reads str_upd and checks that it is id, a space and the bytes. */
static uint32_t pieces(struct rig *r, const char *id) {
    struct peer_seen seen = next(r, UPD);
    size_t id_n = strlen(id);
    CHECK_INT(seen.n, id_n + 1 + r->body.size);
    CHECK_MEM(seen.clear, id, id_n);
    CHECK_INT(seen.clear[id_n], ' ');
    CHECK_MEM(seen.clear + id_n + 1, r->bytes, (size_t)r->body.size);
    return seen.counter;
}

TEST(a_short_one_is_two_requests_and_takes_no_sender) {
    struct rig r = open_rig(378, &(struct peer_opts){.senders = 1});
    void *only = pool_take(r.p->shared.senders);
    CHECK_INT(start(&r), E_OK);
    CHECK(string_tx_is_sending(&r.t));
    uint32_t counter = begun(&r);
    EXPECT_NOTHING(r.p);
    answer(&r, counter, "ok", "3835711264");
    counter = pieces(&r, "3835711264");
    EXPECT_NOTHING(r.p);
    CHECK(string_tx_is_sending(&r.t));
    clock_.now_ms += 70;
    answer(&r, counter, "ok", "String updated");
    CHECK(!string_tx_is_sending(&r.t));
    CHECK_STR(r.t.result.string_id, "3835711264");
    PEER_LOG(r.p, "done sent 378\n");
    pool_give(r.p->shared.senders, only);
}

static struct xfer_result last;

static void keep(void *arg, const struct xfer_result *r) {
    last = *r;
    CHECK(!string_tx_is_sending(arg)); /* it may be used again at once */
}

TEST(the_result_says_id_bytes_and_time) {
    struct rig r = open_rig(10, NULL);
    CHECK_INT(string_tx_start(&r.t, &r.p->s, &r.body, keep, &r.t, NULL), E_OK);
    answer(&r, begun(&r), "ok", "7");
    clock_.now_ms += 70;
    answer(&r, pieces(&r, "7"), "ok", "String updated");
    CHECK_INT(last.end, XFER_SENT);
    CHECK_STR(last.string_id, "7");
    CHECK_INT(last.bytes, 10);
    CHECK_INT(last.took_ms, 70);
}

/* The longest id a peer may give, and as many bytes as are short: exactly a small request. */
TEST(the_longest_short_one_fits) {
    struct rig r = open_rig(SHORT_MOST, &(struct peer_opts){.senders = 1});
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "ok", "12345678901234567890123");
    CHECK_INT(next(&r, UPD).n, 4096);
    session_forget(&r.p->s, &r.t);
}

TEST(one_byte_more_takes_a_sender) {
    struct rig r = open_rig(SHORT_MOST + 1, &(struct peer_opts){.senders = 1});
    void *only = pool_take(r.p->shared.senders);
    CHECK_INT(start(&r), E_POOL);
    CHECK(!string_tx_is_sending(&r.t));
    EXPECT_NOTHING(r.p);
    pool_give(r.p->shared.senders, only);
    CHECK_INT(start(&r), E_OK);
    CHECK_INT(r.p->shared.senders->used, 1);
    CHECK(string_tx_is_sending(&r.t));
    session_step(&r.p->s);
    answer(&r, begun(&r), "ok", "42");
    answer(&r, pieces(&r, "42"), "ok", "String updated");
    CHECK(!string_tx_is_sending(&r.t));
    CHECK_INT(r.p->shared.senders->used, 0);
    PEER_LOG(r.p, "done sent 4073\n");
}

/* ---- the peer says no ---- */

TEST(new_str_refused) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "err", "no room");
    PEER_LOG(r.p, "done refused 0 3000 no room\n");
    EXPECT_NOTHING(r.p);
    CHECK(!string_tx_is_sending(&r.t));
}

/* What 4.14.5 says to what is too long, and answers that are no id. */
TEST(an_answer_that_is_no_id) {
    static const char *const words[] = {"", "two words", "1\n", "123456789012345678901234"};
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "error", "Requested size exceeds maximum allowed limit");
    PEER_LOG(r.p, "done refused 0 3000 error: Requested size exceeds maximum allowed limit\n");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        CHECK_INT(start(&r), E_OK);
        answer(&r, begun(&r), "ok", words[i]);
        CHECK(strncmp(r.p->log_buf, "done refused 0 3000 ok: ", 24) == 0);
        peer_log_clear(r.p);
        EXPECT_NOTHING(r.p);
    }
}

TEST(str_upd_refused) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "ok", "9");
    answer(&r, pieces(&r, "9"), "err", "no");
    PEER_LOG(r.p, "done refused 50 3000 no\n");
    CHECK(!string_tx_is_sending(&r.t));
}

/* ---- silence ---- */

static void pass(struct rig *r, uint64_t ms) {
    clock_.now_ms += ms;
    CHECK_INT(session_tick(&r->p->s, clock_.now_ms), E_OK);
}

/* It may have its place although the reply is late: the peer is told that nothing comes. */
TEST(no_reply_to_new_str) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    begun(&r);
    pass(&r, 20000);
    PEER_LOG(r.p, "done refused 0 3020 new_str\n");
    CHECK_INT(next(&r, ERR).n, 2);
    EXPECT_NOTHING(r.p);
}

/* Not fatal, as in a real node: the command that names the string will tell. */
TEST(no_reply_to_str_upd) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "ok", "9");
    pieces(&r, "9");
    pass(&r, 20000);
    PEER_LOG(r.p, "done sent 50\n");
    EXPECT_NOTHING(r.p);
}

/* ---- room ---- */

TEST(a_box_that_is_full_means_later) {
    struct rig r = open_rig(50, NULL);
    for (unsigned i = 0; i < REQUESTS_PER_SESSION; i++) {
        CHECK_INT(session_request(&r.p->s, "echo-m", "", 0, NULL, NULL, NULL), E_OK);
        next(&r, "echo-m -----");
    }
    CHECK_INT(start(&r), E_SPACE);
    CHECK(!string_tx_is_sending(&r.t));
    EXPECT_NOTHING(r.p);
}

/* Fills what waits for the socket until no small request has room. */
static void fill(struct rig *r) {
    static const uint8_t much[4096];
    while (session_can_request(&r->p->s))
        CHECK_INT(session_request(&r->p->s, "echo-m", much, sizeof much, NULL, NULL, NULL), E_OK);
}

TEST(a_socket_that_takes_nothing_means_later) {
    struct rig r = open_rig(50, NULL);
    fill(&r);
    CHECK_INT(start(&r), E_SPACE);
    CHECK(!string_tx_is_sending(&r.t));
}

/* It takes new_str and then nothing more: the string fails, and no counter or slot stays behind. */
TEST(a_socket_that_takes_nothing_midway) {
    struct rig r = open_rig(4000, NULL);
    CHECK_INT(start(&r), E_OK);
    uint32_t counter = begun(&r);
    fill(&r);
    uint8_t frame[300];
    CHECK_INT(session_rx(&r.p->s, frame, peer_frame(r.p, frame, counter, "ok", "9", 1)), E_OK);
    CHECK(!string_tx_is_sending(&r.t));
    CHECK(strncmp(r.p->log_buf, "done failed 4000", 16) == 0);
}

TEST(a_session_that_ends_takes_nothing) {
    struct rig r = open_rig(50, NULL);
    struct error why;
    error_set(&why, E_PEER, 0, "enough");
    session_break(&r.p->s, &why);
    CHECK_INT(start(&r), E_CLOSED);
    CHECK(!string_tx_is_sending(&r.t));
}

/* ---- the end, and forgetting ---- */

TEST(the_session_ends) {
    for (int phase = 0; phase < 2; phase++) {
        struct rig r = open_rig(50, NULL);
        CHECK_INT(start(&r), E_OK);
        uint32_t counter = begun(&r);
        if (phase)
            answer(&r, counter, "ok", "9");
        peer_close(r.p);
        CHECK_STR(r.p->log_buf, phase ? "done lost 50\n" : "done lost 0\n");
        CHECK(!string_tx_is_sending(&r.t));
    }
    struct rig r = open_rig(100000, NULL);
    CHECK_INT(start(&r), E_OK);
    peer_close(r.p);
    CHECK_STR(r.p->log_buf, "done lost 0\n");
    CHECK(!string_tx_is_sending(&r.t));
    string_tx_forget(&r.t);
}

TEST(forgotten_before_its_place_is_known) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    uint32_t counter = begun(&r);
    string_tx_forget(&r.t);
    CHECK(!string_tx_is_sending(&r.t));
    CHECK_INT(next(&r, ERR).n, 2); /* the peer may free the place */
    answer(&r, counter, "ok", "9");
    EXPECT_NOTHING(r.p);
    PEER_LOG(r.p, "");
}

TEST(forgotten_when_all_is_sent) {
    struct rig r = open_rig(50, NULL);
    CHECK_INT(start(&r), E_OK);
    answer(&r, begun(&r), "ok", "9");
    uint32_t counter = pieces(&r, "9");
    string_tx_forget(&r.t);
    string_tx_forget(&r.t);
    answer(&r, counter, "ok", "String updated");
    EXPECT_NOTHING(r.p);
    PEER_LOG(r.p, "");
}

/* The blob and the string_tx are gone while the sender still goes on to its end: neither is looked at. */
TEST(forgotten_in_the_middle_of_a_long_one) {
    size_t n = XFER_CHUNK_BYTES * 3u;
    struct rig r = open_rig(n, NULL);
    struct string_tx *t = malloc(sizeof *t);
    CHECK(t);
    CHECK_INT(string_tx_start(t, &r.p->s, &r.body, peer_done, r.p, NULL), E_OK);
    session_step(&r.p->s);
    answer(&r, begun(&r), "ok", "42");
    CHECK_INT(session_step(&r.p->s), STEP_WAIT);
    uint32_t counter = next(&r, UPD).counter;
    string_tx_forget(t);
    free(t);
    r.body = (struct blob){.size = n, .limit = n, .handle = -1}; /* reading it would crash */
    answer(&r, counter, "ok", "String updated");
    CHECK_INT(next(&r, ERR).n, 6);
    EXPECT_NOTHING(r.p);
    CHECK_INT(r.p->shared.senders->used, 0);
    PEER_LOG(r.p, "");
}

TEST(never_started) {
    struct string_tx t = {0};
    string_tx_forget(&t);
    CHECK(!string_tx_is_sending(&t));
}

/* ---- many, out of one blob ---- */

/* The same blob to two other sessions at once, long and short: each receives its bytes. */
TEST(two_readers_of_one_blob) {
    static const size_t sizes[] = {1, 1024, SHORT_MOST, SHORT_MOST + 1, XFER_CHUNK_BYTES + 5u, 700001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rig a = open_rig(sizes[i], NULL);
        struct peer *b = peer_open(&clock_, TO_MASTER, NULL);
        struct peer *to_a = peer_open(&clock_, TO_WORKER, NULL), *to_b = peer_open(&clock_, TO_WORKER, NULL);
        struct string_tx tb;
        session_fini(&to_a->s), session_fini(&to_b->s); /* other counters than those of the senders */
        session_init(&to_a->s, &to_a->shared, &to_a->events, to_a, TO_WORKER, false, 900000);
        session_init(&to_b->s, &to_b->shared, &to_b->events, to_b, TO_WORKER, false, 900000);
        CHECK_INT(start(&a), E_OK);
        CHECK_INT(string_tx_start(&tb, &b->s, &a.body, peer_done, b, NULL), E_OK);
        CHECK(peers_run(a.p, to_a, -5000));
        CHECK(peers_run(b, to_b, 0));
        struct session *got[] = {&to_a->s, &to_b->s};
        for (size_t k = 0; k < 2; k++) {
            const char *id = k ? tb.result.string_id : a.t.result.string_id;
            struct xfer_string *x = xfer_string_find(got[k], id, strlen(id));
            uint8_t piece[4096];
            size_t n;
            CHECK(x);
            CHECK_INT(x->body.size, sizes[i]);
            for (uint64_t at = 0; at < sizes[i]; at += n) {
                CHECK_INT(blob_read(&x->body, at, piece, sizeof piece, &n, NULL), E_OK);
                CHECK_MEM(piece, a.bytes + at, n);
            }
        }
        peer_close(a.p), peer_close(b), peer_close(to_a), peer_close(to_b);
    }
}
