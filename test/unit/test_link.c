/* test_link.c - the pump between a socket and a session: how much per turn, when it waits for what,
 * deadlines, and the one way a link ends. Sockets are the simulator's; the other side is played by hand. */
#include "role/link.h"

#include "base/bytes.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"
#include "test/sim/sim_guest.h"
#include "wire/xfer.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY "0123456789abcdef0123456789abcdef"

static struct sim_net net;
static struct sys sys;
static struct loop loop;
static struct fernet_key key;
static struct session_shared shared;
static struct memory_spill spill;
static int door;
static struct sim_guest g;
static struct sim_heard h;
static struct link *k; /* freed when it ended: whoever touches it later is caught */

static unsigned ends, requests;
static struct error why;
static char heard[64];
static enum { SERVE, DOOM, CLOSE, LATER } manner;

/* ---- the calls of the link's side, counted and bent ---- */

static uint64_t received, sent;
static int recv_fails, send_fails;
static size_t send_most = SIZE_MAX;
static int (*real_poll)(struct sys *, struct sys_poll *, size_t, int);
static ptrdiff_t (*real_recv)(struct sys *, int, void *, size_t);
static ptrdiff_t (*real_send)(struct sys *, int, const void *, size_t);
static short asked; /* events the link polls for */

static ptrdiff_t counting_recv(struct sys *s, int fd, void *buf, size_t n) {
    if (recv_fails)
        return -recv_fails;
    ptrdiff_t got = real_recv(s, fd, buf, n);
    received += got > 0 ? (uint64_t)got : 0;
    return got;
}

static ptrdiff_t counting_send(struct sys *s, int fd, const void *buf, size_t n) {
    if (send_fails)
        return -send_fails;
    if (send_most == 0)
        return -EAGAIN;
    ptrdiff_t got = real_send(s, fd, buf, n < send_most ? n : send_most);
    sent += got > 0 ? (uint64_t)got : 0;
    return got;
}

static int looking_poll(struct sys *s, struct sys_poll *fds, size_t n, int timeout_ms) {
    asked = n ? fds[0].events : 0;
    return real_poll(s, fds, n, timeout_ms);
}

/* ---- the owner ---- */

static void on_request(void *owner, struct session *s, const struct message *m) {
    CHECK(owner == &k);
    requests++;
    struct error e;
    switch (manner) {
    case SERVE:
        session_reply_text(s, m->counter, "ok", "served");
        break;
    case DOOM:
        error_set(&e, E_VALUE, 0, "the owner's reason");
        link_doom(k, &e);
        break;
    case CLOSE:
        session_reply_text(s, m->counter, "ok", "the last words");
        link_close_after_write(k);
        break;
    default:
        break;
    }
}

static void on_end(void *owner, const struct error *reason) {
    CHECK(owner == &k);
    ends++;
    why = *reason;
    CHECK_INT(loop.timer_count, 0);
    CHECK_INT(loop.io_count, 0);
    free(k);
    k = NULL;
}

static void on_reply(void *arg, struct session *s, const struct reply *r) {
    (void)arg, (void)s;
    CHECK_INT(ends, 0); /* it hears of everything before the end */
    static const char *const words[] = {"ok", "err", "timeout", "lost"};
    strcat(heard, words[r->kind]);
    strcat(heard, " ");
}

static void on_done(void *arg, const struct xfer_result *r) {
    (void)arg;
    static const char *const words[] = {"sent", "refused", "failed", "cancelled", "lost"};
    strcat(heard, words[r->end]);
    strcat(heard, " ");
}

static const struct session_events events = {.request = on_request};

static void end(void *arg) {
    (void)arg;
    struct error none = {.code = E_OK};
    if (k)
        link_doom(k, &none);
    if (k)
        loop_turn(&loop, 0);
    CHECK(!k);
    CHECK(!loop.work);
    CHECK_INT(spill.open, 0);
    guest_fini(&g);
    sys.close(&sys, door);
    CHECK_INT(net.host[0].sock_count, 0); /* every descriptor was closed */
    sim_net_fini(&net);
}

static struct pool *pool(const char *name, size_t size, uint32_t count) {
    return test_pool(name, size, count);
}

/* A connection from the guest; its descriptor. */
static int begin(void) {
    struct sys_addr a;
    sim_net_init(&net, 1795170700000000000);
    sim_host_add(&net, "10.0.0.1", 1, &sys);
    loop_init(&loop, &sys);
    fernet_key_init(&key, KEY);
    memory_spill_init(&spill, 64u << 20);
    shared = (struct session_shared){.sys = &sys,
                                     .key = &key,
                                     .dialect = dialect_find("4.14.7"),
                                     .messages = pool("messages", sizeof(struct message), 4),
                                     .windows = pool("windows", BODY_WINDOW_BYTES, 2),
                                     .senders = pool("senders", sizeof(struct xfer_tx), 2),
                                     .receivers = pool("receivers", sizeof(struct xfer_rx), 2),
                                     .strings = pool("strings", sizeof(struct xfer_string), 2),
                                     .spill = &spill.spill,
                                     .message_bytes = 32u << 20,
                                     .request_ms = 20000,
                                     .scratch = test_keep(malloc(SESSION_SCRATCH_BYTES)),
                                     .rx = test_keep(malloc(SESSION_SCRATCH_BYTES))};
    CHECK(sys_addr_parse(&a, "10.0.0.1", 1516));
    door = sys.listen(&sys, &a, 8);
    guest_init(&g, &net, "10.0.0.7", KEY, 7);
    g.host->line.room = 16u << 20;
    net.host[0].line.room = 16u << 20;
    test_at_end(end, NULL);
    guest_connect(&g, "10.0.0.1", 1516);
    net.now_ns += 5000000;
    sim_net_deliver(&net);
    int fd = sys.accept(&sys, door, &a);
    CHECK(fd >= 0);
    real_recv = sys.recv, real_send = sys.send, real_poll = sys.poll;
    sys.recv = counting_recv, sys.send = counting_send, sys.poll = looking_poll;
    return fd;
}

static void open_link(void) {
    struct sys_addr a;
    int fd = begin();
    CHECK(sys_addr_parse(&a, "10.0.0.7", 999));
    k = malloc(sizeof *k);
    CHECK(k);
    CHECK(link_open(k, &loop, &shared, &events, &k, TO_MASTER, false, fd, &a, on_end));
}

static bool is_busy(void) {
    if (loop.work || (loop.timer_count && loop.heap[0]->due_ms <= net.now_ns / 1000000u))
        return true;
    for (uint32_t i = 0; i < loop.io_count; i++)
        if (sim_net_events(&net, loop.io[i]->fd, loop.io[i]->events))
            return true;
    return false;
}

static void run(uint64_t ms) {
    uint64_t until = net.now_ns + ms * 1000000u;
    unsigned turns = 0;
    for (;;) {
        sim_net_deliver(&net);
        if (is_busy()) {
            CHECK(++turns < 100000);
            loop_turn(&loop, 0);
            continue;
        }
        uint64_t next = sim_net_next(&net);
        if (loop.timer_count && loop.heap[0]->due_ms * 1000000u < next)
            next = loop.heap[0]->due_ms * 1000000u;
        if (next > until) {
            net.now_ns = until;
            loop_turn(&loop, 0);
            return;
        }
        net.now_ns = next;
    }
}

static void ask(void) {
    struct error e;
    CHECK_INT(session_request(&k->session, "echo-m", "keepalive", 9, on_reply, NULL, &e), E_OK);
    link_kick(k);
}

/* ---- coming and going ---- */

TEST(a_question_and_its_answer) {
    open_link();
    guest_ask_text(&g, "get_nodes", "null");
    run(10);
    CHECK(guest_hear(&g, &h));
    CHECK(h.genuine && h.counter == 1000);
    CHECK_STR((char *)h.bytes, "served");
    ask(); /* and the other way round */
    run(10);
    CHECK(guest_hear(&g, &h));
    CHECK_STR(h.command, "echo-m");
    guest_say(&g, h.counter, "ok-c", "keepalive", 9);
    run(10);
    CHECK_STR(heard, "ok ");
    CHECK_INT(ends, 0);
    CHECK_INT(asked, SYS_POLLIN);
}

TEST(the_peer_closes_in_good_order) {
    open_link();
    ask();
    run(10);
    CHECK(guest_hear(&g, &h)); /* with something unread it would be a reset */
    guest_close(&g);
    run(10);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_OK);
    CHECK_STR(heard, "lost ");
}

TEST(the_connection_breaks) {
    open_link();
    run(10);
    sim_net_cut(&net, g.host, SIM_CUT_BOTH);
    run(10);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_CLOSED);
}

TEST(reading_fails) {
    open_link();
    recv_fails = ETIMEDOUT;
    guest_ask_text(&g, "get_nodes", "null");
    run(10);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_CLOSED);
    CHECK_INT(why.os, ETIMEDOUT);
    CHECK_INT(requests, 0);
}

TEST(writing_fails) {
    open_link();
    send_fails = EPIPE;
    guest_ask_text(&g, "get_nodes", "null");
    run(10);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_CLOSED);
    CHECK(strstr(why.what, "writing to the peer failed"));
}

TEST(the_session_fails) {
    open_link();
    CHECK(guest_send(&g, "GET / HTTP/1.1\r\nHost: me\r\n\r\n", 28));
    run(10);
    CHECK_INT(ends, 1);
    CHECK(why.code == E_FRAME || why.code == E_LIMIT || why.code == E_COMMAND);
    CHECK(why.what[0]);
    CHECK_INT(sent, 0); /* without a word */
}

/* The owner ends it in the midst of a request: what follows in the same bytes is not served, nothing is sent,
 * and the end comes in the next turn. */
TEST(doomed_by_its_owner) {
    open_link();
    manner = DOOM;
    guest_ask_text(&g, "get_nodes", "null");
    guest_ask_text(&g, "get_nodes", "null");
    net.now_ns += 10000000;
    sim_net_deliver(&net);
    loop_turn(&loop, 0); /* the work of the same turn reaps it */
    CHECK_INT(requests, 1);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_VALUE);
    CHECK_STR(why.what, "the owner's reason");
    CHECK_INT(sent, 0);
}

/* The first reason stays, and between doom and end the session is still there. */
TEST(doomed_twice) {
    struct error e;
    open_link();
    ask();
    error_set(&e, E_TIME, 0, "first");
    link_doom(k, &e);
    error_set(&e, E_VALUE, 0, "second");
    link_doom(k, &e);
    link_kick(k); /* nothing comes of it */
    link_close_after_write(k);
    CHECK_INT(k->fd, -1);
    CHECK_INT(ends, 0);
    CHECK_INT(session_request(&k->session, "echo-m", "x", 1, on_reply, NULL, &e), E_OK);
    loop_turn(&loop, 0);
    CHECK_INT(ends, 1);
    CHECK_STR(why.what, "first");
    CHECK_STR(heard, "lost lost ");
    CHECK_INT(sent, 0);
}

TEST(closed_after_the_last_words) {
    open_link();
    manner = CLOSE;
    guest_ask_text(&g, "get_nodes", "null");
    send_most = 7; /* in many portions */
    run(10);
    CHECK(guest_hear(&g, &h));
    CHECK_STR((char *)h.bytes, "the last words");
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_OK);
}

TEST(closed_after_the_last_words_that_cannot_go_yet) {
    open_link();
    manner = CLOSE;
    guest_ask_text(&g, "get_nodes", "null");
    g.host->line.room = 1;
    run(1000);
    CHECK_INT(ends, 0);
    CHECK(asked & SYS_POLLOUT);
    g.host->line.room = 16u << 20;
    run(10);
    CHECK(guest_hear(&g, &h));
    CHECK_STR((char *)h.bytes, "the last words");
    CHECK_INT(ends, 1);
}

static int failing_random(struct sys *s, void *buf, size_t n) {
    (void)s, (void)buf, (void)n;
    return -EIO;
}

TEST(it_cannot_be_opened) {
    static struct loop_io io[LOOP_IO_MAX];
    static struct link unused;
    struct sys_addr a;
    int fd = begin();
    CHECK(sys_addr_parse(&a, "10.0.0.7", 999));
    for (uint32_t i = 0; i < LOOP_IO_MAX; i++) {
        loop_io_init(&io[i], NULL, NULL);
        CHECK(loop_io_add(&loop, &io[i], door, 0));
    }
    CHECK(!link_open(&unused, &loop, &shared, &events, &k, TO_MASTER, false, fd, &a, on_end));
    while (loop.io_count)
        loop_io_remove(&loop, loop.io[0]);
    CHECK_INT(net.host[0].sock_count, 1); /* the listening one: fd was closed */
    guest_connect(&g, "10.0.0.1", 1516);
    net.now_ns += 5000000;
    sim_net_deliver(&net);
    fd = sys.accept(&sys, door, &a);
    CHECK(fd >= 0);
    sys.random = failing_random;
    CHECK(!link_open(&unused, &loop, &shared, &events, &k, TO_MASTER, false, fd, &a, on_end));
    CHECK_INT(net.host[0].sock_count, 1);
    CHECK_INT(loop.io_count, 0);
    CHECK_INT(ends, 0);
}

/* ---- how much at once ---- */

/* A turn reads about TURN_BYTES, however much there is: other links have their turn, too. */
TEST(a_turn_has_its_measure) {
    static uint8_t many[3 * TURN_BYTES];
    open_link();
    for (int i = 0; i < 10; i++)
        guest_ask(&g, "echo", many, 100000); /* 133,000 characters each */
    net.now_ns += 10000000;
    sim_net_deliver(&net);
    uint64_t before = 0;
    unsigned turns = 0;
    while (is_busy()) {
        loop_turn(&loop, 0);
        CHECK(received - before <= TURN_BYTES);
        before = received;
        CHECK(++turns < 10000);
    }
    CHECK(turns > 4);
    net.now_ns += 10000000;
    sim_net_deliver(&net);
    for (int i = 0; i < 10; i++) {
        CHECK(guest_hear(&g, &h));
        CHECK_STR(h.command, "ok");
    }
}

/* More than the answers to it find room for, while the socket takes one byte. */
#define MUCH 30
static void ask_much(void) {
    static uint8_t text[4000];
    for (int i = 0; i < MUCH; i++)
        guest_ask(&g, "echo", text, sizeof text);
    g.host->line.room = 1;
}

/* What the socket does not take waits for POLLOUT; reading goes on meanwhile, as far as answers find room. */
TEST(the_socket_takes_nothing) {
    open_link();
    guest_ask_text(&g, "get_nodes", "null");
    ask_much();
    run(10);
    CHECK_INT(requests, 1);
    CHECK_INT(asked, SYS_POLLOUT); /* no room for the answer to another one */
    g.host->line.room = 16u << 20;
    send_most = 1000;
    run(10);
    for (int i = 0; i < 1 + MUCH; i++)
        CHECK(guest_hear(&g, &h));
    CHECK(!guest_hear(&g, &h));
    CHECK_INT(asked, SYS_POLLIN);
}

/* The peer hangs up while we do not read: poll would tell that for ever. */
TEST(the_peer_hangs_up_while_reading_pauses) {
    open_link();
    ask_much();
    run(10);
    CHECK_INT(asked, SYS_POLLOUT);
    sim_net_cut(&net, g.host, SIM_CUT_BOTH);
    run(10);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_CLOSED);
}

/* ---- transfers ---- */

struct lender {
    struct source source;
    size_t left;
};

static enum err lend(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct lender *l = (struct lender *)s;
    (void)e;
    *n = min_size(cap, l->left);
    memset(buf, 'x', *n);
    l->left -= *n;
    return E_OK;
}

static struct lender lender = {{lend}, 1u << 20};

static void send_file(void) {
    struct xfer_tx *x;
    struct error e;
    CHECK_INT(xfer_send_file(&k->session, "/queue/cluster/w/p.zip", &lender.source, on_done, NULL, &x, &e),
              E_OK);
    link_kick(k);
    run(10);
    CHECK(guest_hear(&g, &h));
    CHECK_STR(h.command, "new_file");
}

/* Chunks go out ahead of their answers, so that a long line is full: nothing has to happen between them. */
TEST(chunks_do_not_wait_for_answers) {
    open_link();
    send_file();
    guest_say(&g, h.counter, "ok ", "Ready to receive new file", 25);
    run(50);
    uint32_t answered = h.counter, last = h.counter;
    for (unsigned window = 1; window < XFER_CHUNKS_AHEAD + 2; window++) {
        while (guest_hear(&g, &h)) {
            CHECK_STR(h.command, "file_upd");
            last = h.counter;
        }
        CHECK_INT(last - answered, window < XFER_CHUNKS_AHEAD ? window : XFER_CHUNKS_AHEAD);
        guest_say(&g, ++answered, "ok", "File updated", 12);
        run(50);
    }
}

/* Nothing else happens on the link, only time passes: the transfer ends all the same. */
TEST(a_transfer_that_is_not_answered_ends) {
    open_link();
    send_file();
    run(19900);
    CHECK_STR(heard, "");
    run(200);
    CHECK_STR(heard, "refused ");
    CHECK_INT(shared.senders->used, 0);
    CHECK_INT(ends, 0);
}

/* Begun by somebody else (another link's event): a kick is all it takes. */
TEST(a_kick_from_outside) {
    open_link();
    run(100000);
    ask();
    run(10);
    CHECK(guest_hear(&g, &h));
    run(20010);
    CHECK_STR(heard, "timeout ");
}

TEST(lost_in_the_middle_of_a_file) {
    open_link();
    send_file();
    guest_say(&g, h.counter, "ok ", "Ready to receive new file", 25);
    run(50);
    guest_close(&g);
    run(10);
    CHECK_STR(heard, "lost ");
    CHECK_INT(ends, 1);
}

/* ---- time ---- */

/* Half a frame for 30 s: whoever sends it holds a slot for nothing. */
TEST(a_frame_that_does_not_end) {
    uint8_t frame[400];
    open_link();
    size_t n = guest_frame(frame, &key, 1, "get_nodes", false, "null", 4);
    CHECK(guest_send(&g, frame, n - 1));
    run(FRAME_TIME_MS - 100);
    CHECK_INT(ends, 0);
    run(200);
    CHECK_INT(ends, 1);
    CHECK_INT(why.code, E_TIME);
    CHECK_INT(requests, 0);
}

TEST(nothing_to_wait_for) {
    open_link();
    run(1000000);
    CHECK_INT(ends, 0);
    CHECK_INT(loop.timer_count, 0);
}
