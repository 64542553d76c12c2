/* test_stranger.c - connections that have not said a good hello: their share, their time, what they hear, and
 * what becomes of them. Sockets are the simulator's. */
#include "role/stranger.h"
#include "test/harness/harness.h"
#include "test/harness/pools.h"
#include "test/sim/sim_guest.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define SLOTS 24u
#define HELLO "worker1 wazuh worker 4.14.7"

static struct sim_net net;
static struct sys sys;
static struct loop loop;
static struct role_env *env;
static struct fernet_key key;
static struct strangers all;
static struct pool *pool;
static int door;
static struct sim_guest guests[64];
static unsigned guest_count;
static struct sim_heard h;

/* What the owner does with a hello, and what it heard. */
static enum { ACCEPT, REFUSE, HOLD } answer;
static struct hello last;
static unsigned hellos, gones;
static struct stranger *held;
static int accepted;

static void on_hello(void *arg, struct stranger *s, const struct hello *said) {
    struct wazuh_error w;
    CHECK(arg == &all);
    hellos++;
    last = *said;
    switch (answer) {
    case ACCEPT:
        accepted = stranger_accept(s);
        break;
    case REFUSE:
        wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3031, NULL);
        stranger_refuse(s, &w);
        break;
    default:
        held = s;
        stranger_hold(s);
        break;
    }
}

static void on_gone(void *arg, struct stranger *s) {
    CHECK(arg == &all);
    CHECK(s == held);
    held = NULL;
    gones++;
}

static void end(void *arg) {
    (void)arg;
    strangers_close(&all);
    CHECK_INT(pool->used, 0);
    CHECK(!all.oldest && !held);
    CHECK_INT(loop.timer_count, 0);
    CHECK_INT(loop.io_count, 0);
    for (unsigned i = 0; i < guest_count; i++)
        guest_fini(&guests[i]);
    if (accepted >= 0)
        sys.close(&sys, accepted);
    sys.close(&sys, door);
    sim_net_fini(&net);
}

static void begin(void) {
    struct sys_addr a;
    sim_net_init(&net, 1795170700000000000);
    sim_host_add(&net, "10.0.0.1", 1, &sys);
    loop_init(&loop, &sys);
    env = test_keep(calloc(1, sizeof *env));
    env->sys = &sys;
    env->loop = &loop;
    env->dialect = dialect_find("4.14.7");
    env->shared = (struct session_shared){
        .sys = &sys, .dialect = env->dialect, .scratch = test_keep(malloc(SESSION_SCRATCH_BYTES))};
    fernet_key_init(&key, KEY);
    pool = test_pool("strangers", sizeof(struct stranger), SLOTS);
    strangers_init(&all, env, pool, &key);
    all.hello = on_hello;
    all.gone = on_gone;
    all.arg = &all;
    CHECK(sys_addr_parse(&a, "10.0.0.1", 1516));
    door = sys.listen(&sys, &a, 64);
    CHECK(door >= 0);
    accepted = -1;
    test_at_end(end, NULL);
}

/* ---- time ---- */

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
            loop_turn(&loop, 0); /* its clock */
            return;
        }
        net.now_ns = next;
    }
}

/* ---- who comes ---- */

/* A connection from an address, accepted. */
static struct sim_guest *come(const char *address) {
    struct sys_addr from;
    CHECK(guest_count < 64);
    struct sim_guest *g = &guests[guest_count];
    guest_init(g, &net, address, KEY, 100 + guest_count++);
    guest_connect(g, "10.0.0.1", 1516);
    run(5);
    int fd = sys.accept(&sys, door, &from);
    CHECK(fd >= 0);
    strangers_add(&all, fd, &from);
    run(5);
    return g;
}

static bool is_closed(struct sim_guest *g) {
    run(5);
    while (guest_hear(g, &h)) {
    }
    return g->closed;
}

static void say(struct sim_guest *g, const char *command, const char *text) {
    guest_ask_text(g, command, text);
    run(10);
}

static void hears(struct sim_guest *g, const char *command, const void *payload, size_t n) {
    CHECK(guest_hear(g, &h));
    CHECK(h.genuine);
    CHECK_STR(h.command, command);
    CHECK_INT(h.counter, g->counter - 1);
    CHECK_INT(h.n, n);
    CHECK_MEM(h.bytes, payload, n);
}

#define HEARS(g, command, text) hears(g, command, text, strlen(text))

static void hears_nothing(struct sim_guest *g) {
    CHECK(!guest_hear(g, &h));
    CHECK_INT(g->in_n, 0);
}

/* ---- room ---- */

TEST(one_address_has_its_share) {
    struct sim_guest *g[STRANGERS_PER_ADDRESS + 3], *other, *later;
    begin();
    g[0] = come("10.0.0.7");
    other = come("10.0.0.8");
    for (unsigned i = 1; i < STRANGERS_PER_ADDRESS; i++)
        g[i] = come("10.0.0.7");
    for (unsigned i = 0; i < STRANGERS_PER_ADDRESS; i++)
        CHECK(!is_closed(g[i]));
    for (unsigned i = 0; i < 3; i++) { /* each further one takes the place of the oldest of its own */
        g[STRANGERS_PER_ADDRESS + i] = come("10.0.0.7");
        for (unsigned k = 0; k < STRANGERS_PER_ADDRESS + i + 1; k++)
            CHECK_INT(is_closed(g[k]), k <= i);
    }
    CHECK(!is_closed(other));
    later = come("10.0.0.9");
    CHECK(!is_closed(later));
    CHECK_INT(pool->used, STRANGERS_PER_ADDRESS + 2);
    CHECK_INT(all.seen, STRANGERS_PER_ADDRESS + 5);
    CHECK_INT(all.refused, 3);
    say(g[5], "echo", "x"); /* those that stay are served */
    HEARS(g[5], "ok", "x");
}

/* Many workers behind one address come back in the same moment, while the loop was busy: who has said its
 * hello when it is accepted is heard, however many come behind it. */
TEST(a_crowd_of_one_address_that_speaks_at_once) {
    struct sim_guest *g[2 * STRANGERS_PER_ADDRESS];
    struct sys_addr from;
    begin();
    answer = REFUSE;
    for (unsigned i = 0; i < 2 * STRANGERS_PER_ADDRESS; i++) {
        g[i] = &guests[guest_count];
        guest_init(g[i], &net, "10.0.0.7", KEY, 100 + guest_count++);
        guest_connect(g[i], "10.0.0.1", 1516);
        run(5);
        guest_ask_text(g[i], "hello", HELLO);
    }
    run(5);
    for (unsigned i = 0; i < 2 * STRANGERS_PER_ADDRESS; i++) {
        int fd = sys.accept(&sys, door, &from);
        CHECK(fd >= 0);
        strangers_add(&all, fd, &from);
    }
    run(5);
    CHECK_INT(hellos, 2 * STRANGERS_PER_ADDRESS);
    for (unsigned i = 0; i < 2 * STRANGERS_PER_ADDRESS; i++) {
        CHECK(guest_hear(g[i], &h));
        CHECK_STR(h.command, "err");
    }
}

TEST(all_slots_are_taken) {
    struct sim_guest *g[SLOTS + 4];
    char address[16];
    begin();
    for (unsigned i = 0; i < SLOTS; i++) {
        snprintf(address, sizeof address, "10.1.%u.1", i / 2);
        g[i] = come(address);
    }
    CHECK_INT(pool->used, SLOTS);
    for (unsigned i = 0; i < 4; i++) { /* the oldest of all goes */
        snprintf(address, sizeof address, "10.2.%u.1", i);
        g[SLOTS + i] = come(address);
        for (unsigned k = 0; k <= SLOTS + i; k++)
            CHECK_INT(is_closed(g[k]), k <= i);
    }
    CHECK_INT(pool->used, SLOTS);
}

/* Who has its share already takes from itself, even when nothing else is free. */
TEST(a_full_address_in_a_full_house) {
    struct sim_guest *first, *mine = NULL;
    char address[16];
    begin();
    first = come("10.1.0.1");
    for (unsigned i = 0; i < STRANGERS_PER_ADDRESS; i++) {
        struct sim_guest *one = come("10.0.0.7");
        mine = mine ? mine : one;
    }
    for (unsigned i = 0; pool->used < SLOTS; i++) {
        snprintf(address, sizeof address, "10.2.%u.1", i);
        come(address);
    }
    come("10.0.0.7");
    CHECK(!is_closed(first));
    CHECK(is_closed(mine));
    CHECK_INT(pool->used, SLOTS);
}

TEST(the_loop_is_full) {
    static struct loop_io io[LOOP_IO_MAX];
    int fd;
    begin();
    for (fd = 0; loop.io_count < LOOP_IO_MAX; fd++) {
        loop_io_init(&io[fd], NULL, NULL);
        CHECK(loop_io_add(&loop, &io[fd], door, 0));
    }
    struct sim_guest *g = come("10.0.0.7");
    CHECK(is_closed(g));
    CHECK_INT(pool->used, 0);
    while (fd > 0)
        loop_io_remove(&loop, &io[--fd]);
    CHECK(!is_closed(come("10.0.0.7")));
}

/* ---- time ---- */

TEST(a_life_has_its_length) {
    begin();
    struct sim_guest *a = come("10.0.0.7");
    uint64_t start = loop.now_ms;
    run(2000);
    struct sim_guest *b = come("10.0.0.8");
    while (net.now_ns / 1000000u + 400 < start + STRANGER_LIFE_MS) {
        say(a, "echo", "still here"); /* which prolongs nothing */
        HEARS(a, "ok", "still here");
        run(300);
    }
    CHECK(!is_closed(a));
    run(STRANGER_LIFE_MS);
    CHECK(is_closed(a));
    CHECK(is_closed(b));
    CHECK_INT(all.refused, 2);
    CHECK_INT(loop.timer_count, 0);
}

TEST(each_goes_at_its_own_time) {
    struct sim_guest *g[4];
    begin();
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        g[i] = come("10.0.0.7");
        first = first ? first : all.oldest->until_ms;
        run(990);
    }
    for (int i = 0; i < 4; i++) { /* a second apart */
        run(first + 1000u * (unsigned)i - 5 - net.now_ns / 1000000u);
        CHECK_INT(pool->used, 4 - i);
        run(10);
        CHECK_INT(pool->used, 3 - i);
        CHECK(is_closed(g[i]));
    }
}

/* ---- what they hear ---- */

TEST(echo) {
    static char longest[STRANGER_BODY_BYTES + 1];
    begin();
    struct sim_guest *g = come("10.0.0.7");
    memset(longest, 'e', sizeof longest - 1);
    say(g, "echo", "hello there");
    HEARS(g, "ok", "hello there");
    say(g, "echo", "");
    HEARS(g, "ok", "");
    say(g, "echo", longest);
    HEARS(g, "ok", longest);
    guest_ask_text(g, "echo", "one"); /* two at once */
    guest_ask_text(g, "echo", "two");
    run(10);
    g->counter--;
    HEARS(g, "ok", "one");
    g->counter++;
    HEARS(g, "ok", "two");
    answer = REFUSE;
    say(g, "hello", HELLO);
    CHECK_INT(hellos, 1);
    CHECK_INT(all.refused, 1);
}

TEST(a_good_hello) {
    uint8_t more[200], got[200];
    begin();
    struct sim_guest *g = come("10.0.0.7");
    /* What follows the hello at once belongs to whoever takes the connection over. */
    guest_ask_text(g, "hello", HELLO);
    size_t n = guest_frame(more, &key, 7, "syn_i_w_m_p", false, "", 0);
    CHECK(guest_send(g, more, n));
    run(10);
    CHECK_INT(hellos, 1);
    CHECK_STR(last.name, "worker1");
    CHECK_STR(last.cluster, "wazuh");
    CHECK_STR(last.type, "worker");
    CHECK_STR(last.version, "4.14.7");
    CHECK(accepted >= 0);
    CHECK_INT(pool->used, 0);
    CHECK_INT(all.refused, 0);
    CHECK_INT(sys.recv(&sys, accepted, got, sizeof got), n);
    CHECK_MEM(got, more, n);
    run(2 * STRANGER_LIFE_MS);
    CHECK(!is_closed(g)); /* its time does not count any more */
}

TEST(a_hello_byte_by_byte) {
    uint8_t frame[300];
    begin();
    struct sim_guest *g = come("10.0.0.7");
    size_t n = guest_frame(frame, &key, 77, "hello", false, HELLO, strlen(HELLO));
    for (size_t i = 0; i < n; i++) {
        CHECK_INT(hellos, 0);
        CHECK(guest_send(g, frame + i, 1));
        run(10);
    }
    CHECK_INT(hellos, 1);
    CHECK_STR(last.version, "4.14.7");
    CHECK(accepted >= 0);
}

/* Byte by byte, and the last ones come too late. */
TEST(a_hello_that_is_too_slow) {
    uint8_t frame[300];
    begin();
    struct sim_guest *g = come("10.0.0.7");
    size_t n = guest_frame(frame, &key, 77, "hello", false, HELLO, strlen(HELLO));
    for (size_t i = 0; i < n; i++) {
        guest_send(g, frame + i, 1);
        run(50);
    }
    CHECK_INT(hellos, 0);
    CHECK(is_closed(g));
    CHECK_INT(pool->used, 0);
}

#define REFUSED(class, title, code, extra)                                                                   \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {\"type\": \"about:blank\", "  \
                                                         "\"title\": \"" title "\", \"code\": " code         \
                                                         ", \"extra_message\": " extra                       \
                                                         ", \"extra_remediation\": null, \"cmd_error\": "    \
                                                         "false, \"dapi_errors\": {}}}}"

/* The connection stays until the other side has read the reason and closes; nothing more is heard on it. */
TEST(a_refused_hello) {
    begin();
    answer = REFUSE;
    struct sim_guest *g = come("10.0.0.7");
    say(g, "hello", HELLO);
    HEARS(g, "err", REFUSED("WazuhClusterError", "Wazuh Cluster Error", "3031", "null"));
    CHECK_INT(all.refused, 1);
    say(g, "hello", HELLO);
    say(g, "echo", "x");
    hears_nothing(g);
    CHECK_INT(hellos, 1);
    CHECK(!g->closed);
    CHECK_INT(pool->used, 1);
    guest_close(g);
    run(10);
    CHECK_INT(pool->used, 0);
    CHECK_INT(all.refused, 1); /* counted once */
}

TEST(a_malformed_hello) {
    static const char *const hellos_[] = {
        "worker1 wazuh worker",
        "worker1 wazuh worker 4.14.7 more",
        "worker1  worker 4.14.7",
        " worker1 wazuh worker 4.14.7",
        "worker1 wazuh worker 4.14.7 ",
        "x",
        "",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn w worker 4.14.7"};
    begin();
    for (size_t i = 0; i < sizeof hellos_ / sizeof *hellos_; i++) {
        struct sim_guest *g = come("10.0.0.7");
        say(g, "hello", hellos_[i]);
        CHECK(guest_hear(g, &h));
        CHECK_STR(h.command, "err");
        CHECK_INT(h.counter, 1000);
        CHECK_STR((char *)h.bytes, REFUSED("WazuhInternalError", "Wazuh Internal Error", "1000",
                                           "\"hello wants: name cluster type version\""));
        guest_close(g);
        run(10);
    }
    CHECK_INT(hellos, 0);
    CHECK_INT(pool->used, 0);
    CHECK_INT(all.refused, sizeof hellos_ / sizeof *hellos_);
}

/* Whoever has no key hears not a byte. */
TEST(no_cluster_node) {
    static char long_text[STRANGER_BODY_BYTES + 200];
    uint8_t frame[2000];
    size_t n = 0;
    struct fernet_key wrong;
    begin();
    fernet_key_init(&wrong, "fedcba9876543210fedcba9876543210");
    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < 9; i++) {
        struct sim_guest *g = come("10.0.0.7");
        switch (i) {
        case 0:
            n = guest_frame(frame, &wrong, 1, "hello", false, HELLO, strlen(HELLO));
            break;
        case 1:
            n = guest_frame(frame, &wrong, 1, "echo", false, "x", 1);
            break;
        case 2:
            n = guest_frame(frame, &key, 1, "get_nodes", false, "null", 4);
            break;
        case 3:
            n = guest_frame(frame, &key, 1, "hello", true, HELLO, strlen(HELLO)); /* divided */
            break;
        case 4:
            n = guest_frame(frame, &key, 1, "echo", false, long_text, strlen(long_text));
            break;
        case 5:
            n = guest_frame(frame, NULL, 1, "hello", false, HELLO, strlen(HELLO)); /* clear */
            break;
        case 6:
            n = guest_frame(frame, NULL, 1, "hello", false, "", 0);
            break;
        case 7:
            n = guest_frame(frame, &key, 1, "hello", false, HELLO, strlen(HELLO));
            frame[n - 20] ^= 1; /* of the tag */
            break;
        default:
            n = (size_t)snprintf((char *)frame, sizeof frame, "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n");
            break;
        }
        CHECK(guest_send(g, frame, n));
        run(10);
        hears_nothing(g);
        if (!g->closed)
            test_fail(__FILE__, __LINE__, "case %d is not closed", i);
        CHECK_INT(pool->used, 0);
        CHECK_INT(all.refused, i + 1);
    }
    CHECK_INT(hellos, 0);
}

TEST(closed_by_itself) {
    begin();
    struct sim_guest *g = come("10.0.0.7");
    guest_close(g);
    run(10);
    CHECK_INT(pool->used, 0);
    g = come("10.0.0.7");
    CHECK(guest_send(g, "half a head", 11));
    sim_net_cut(&net, g->host, SIM_CUT_BOTH);
    run(10);
    CHECK_INT(pool->used, 0);
    CHECK_INT(loop.timer_count, 0);
}

/* ---- held ---- */

static struct sim_guest *come_and_be_held(void) {
    answer = HOLD;
    struct sim_guest *g = come("10.0.0.7");
    say(g, "hello", HELLO);
    CHECK(held);
    hears_nothing(g);
    return g;
}

TEST(held_and_accepted) {
    begin();
    struct sim_guest *g = come_and_be_held();
    struct stranger *s = held;
    held = NULL;
    accepted = stranger_accept(s);
    CHECK(accepted >= 0);
    CHECK_INT(gones, 0);
    CHECK_INT(pool->used, 0);
    run(2 * STRANGER_LIFE_MS);
    CHECK(!is_closed(g));
}

/* The answer goes out late, and that the other side closes then is noticed at once. */
TEST(held_and_refused) {
    struct wazuh_error w;
    begin();
    struct sim_guest *g = come_and_be_held();
    run(1000);
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3028, "worker1");
    stranger_refuse(held, &w);
    held = NULL;
    run(10);
    HEARS(g, "err", REFUSED("WazuhClusterError", "Wazuh Cluster Error", "3028", "\"worker1\""));
    CHECK_INT(all.refused, 1);
    guest_close(g);
    run(10);
    CHECK_INT(pool->used, 0);
    CHECK_INT(gones, 0);
}

TEST(held_and_closed_by_itself) {
    begin();
    struct sim_guest *g = come_and_be_held();
    guest_close(g);
    run(10);
    CHECK_INT(gones, 1);
    CHECK_INT(pool->used, 0);
}

TEST(held_and_cut) {
    begin();
    struct sim_guest *g = come_and_be_held();
    sim_net_cut(&net, g->host, SIM_CUT_BOTH);
    run(10);
    CHECK_INT(gones, 1);
    CHECK_INT(pool->used, 0);
}

TEST(held_until_its_time_is_over) {
    begin();
    struct sim_guest *g = come_and_be_held();
    run(STRANGER_LIFE_MS);
    CHECK_INT(gones, 1);
    CHECK(is_closed(g));
}

/* A held one is the oldest of its address when many others come: it goes like any other, and its owner hears.
 */
TEST(held_and_pushed_out) {
    begin();
    struct sim_guest *g = come_and_be_held();
    for (unsigned i = 0; i < STRANGERS_PER_ADDRESS; i++)
        come("10.0.0.7");
    CHECK_INT(gones, 1);
    CHECK(is_closed(g));
    CHECK_INT(pool->used, STRANGERS_PER_ADDRESS);
}

TEST(held_when_all_is_closed) {
    begin();
    come_and_be_held();
    come("10.0.0.8");
    strangers_close(&all);
    CHECK_INT(gones, 1);
    CHECK_INT(pool->used, 0);
}

/* ---- when calls fail ---- */

static int fail_with;
static ptrdiff_t failing_send(struct sys *s, int fd, const void *bytes, size_t n) {
    (void)s, (void)fd, (void)bytes;
    return fail_with == 0 ? (ptrdiff_t)n / 2 : -fail_with; /* or it takes a half */
}

static int failing_random(struct sys *s, void *buf, size_t n) {
    (void)s, (void)buf, (void)n;
    return -EIO;
}

/* An answer goes out whole or the connection ends: half an answer would be taken for another message. */
TEST(an_answer_that_cannot_be_sent) {
    static const int errors[] = {0, EAGAIN, EPIPE, ECONNRESET};
    begin();
    ptrdiff_t (*good)(struct sys *, int, const void *, size_t) = sys.send;
    for (int i = 0; i < 4; i++)
        for (int what = 0; what < 3; what++) {
            struct sim_guest *g = come("10.0.0.7");
            uint64_t before = all.refused;
            fail_with = errors[i];
            answer = REFUSE;
            sys.send = failing_send;
            say(g, what == 0 ? "echo" : "hello", what == 2 ? "malformed" : HELLO);
            sys.send = good;
            CHECK(is_closed(g));
            CHECK_INT(pool->used, 0);
            CHECK_INT(all.refused, before + 1);
        }
    /* also when it was held meanwhile; whoever refuses it knows, so it is not told */
    struct wazuh_error w;
    struct sim_guest *g = come_and_be_held();
    sys.send = failing_send;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3028, "worker1");
    stranger_refuse(held, &w);
    sys.send = good;
    CHECK(is_closed(g));
    CHECK_INT(gones, 0);
    held = NULL;
}

TEST(no_random_numbers) {
    begin();
    struct sim_guest *g = come("10.0.0.7");
    int (*good)(struct sys *, void *, size_t) = sys.random;
    sys.random = failing_random; /* no token without one */
    say(g, "echo", "x");
    sys.random = good;
    CHECK(is_closed(g));
    CHECK_INT(pool->used, 0);
}
