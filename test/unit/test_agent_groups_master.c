/* test_agent_groups_master.c - agent groups on the master, with workers and a store that are played by hand:
 * the rounds, who is sent what when somebody is slow, the full list and who gets it how often, and every
 * failure. Messages are those of the transcript of 4.14.7 and of the reference, sections 4.2 and 6. */
#include "task/agent_groups_master.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"
#include "test/harness/pools.h"

#include <stdio.h>
#include <stdlib.h>

#define HASH "dfea66cd024da20f644b2d15043a0653f17d8990"
#define HEAD                                                                                                 \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": "
#define NO_ROWS HEAD "[\"[{\\\"data\\\":[],\\\"hash\\\":\\\"" HASH "\\\"}]\"]}"
#define ROWS                                                                                                 \
    HEAD "[\"[{\\\"data\\\":[{\\\"id\\\":4,\\\"name\\\":\\\"agent4\\\",\\\"groups\\\":[\\\"linux\\\"]}],"    \
         "\\\"hash\\\":\\\"" HASH "\\\"}]\"]}"
#define ALL                                                                                                  \
    HEAD "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"a\\\",\\\"groups\\\":[\\\"default\\\"]}]}]\"]}"
#define GOOD "{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0.000865891999978885}"
#define OK "ok ---------"
#define LONG (XFER_CHUNK_BYTES * 2u)

static struct rig *rig;
static struct intervals intervals;
static struct agents_env env;
static struct fake_store store;
static struct agent_groups_master master;

/* A worker's link to the master. */
struct line {
    struct peer *p;
    struct agent_groups_peer g;
    char tag[16];
    uint32_t counter;
    unsigned kicks;
    bool open;
};

static void request(void *owner, struct session *s, const struct message *m) {
    struct line *l = owner;
    CHECK(s == &l->p->s);
    agent_groups_peer_request(&l->g, m);
}

static void kick(void *arg) {
    ((struct line *)arg)->kicks++;
}

static void open_line(struct line *l, const char *name) {
    static const struct peer_opts one_sender = {.senders = 1};
    *l = (struct line){.p = peer_open(&rig->clock, TO_MASTER, &one_sender), .counter = 5000, .open = true};
    snprintf(l->tag, sizeof l->tag, "Worker %s", name);
    l->p->events.request = request;
    l->p->events.alive = NULL;
    l->p->s.owner = l;
    agent_groups_peer_init(&l->g, &master, l->tag, &l->p->s, kick, l);
}

static void close_line(struct line *l) {
    if (!l->open)
        return;
    l->open = false;
    agent_groups_peer_fini(&l->g);
    peer_close(l->p);
}

static void begin_version(const char *version) {
    rig = rig_new(1, 1);
    fake_store_init(&store);
    intervals = rig->intervals;
    intervals.sync_agent_groups_ms = 10000;
    intervals.agent_group_start_delay_ms = 30000;
    env = (struct agents_env){.sys = &rig->faults.sys,
                              .loop = &rig->loop,
                              .log = &rig->log,
                              .store = &store.store,
                              .intervals = &intervals,
                              .dialect = dialect_find(version),
                              .windows = test_pool("strings", BODY_WINDOW_BYTES, 1),
                              .spill = &rig->spill.spill,
                              .string_bytes = 16u << 20,
                              .tag = "Master"};
    agent_groups_master_init(&master, &env);
    agent_groups_master_start(&master);
}

static void begin(void) {
    begin_version("4.14.7");
}

static void end(void) {
    agent_groups_master_fini(&master);
    for (size_t i = 0; i < GROUPS_ROUNDS; i++) {
        CHECK_INT(master.strings[i].readers, 0);
        CHECK_INT(master.strings[i].blob.size, 0);
    }
    CHECK(!master.peers);
    CHECK_INT(rig->loop.timer_count, 0);
}

/* ---- speaking ---- */

static void say(struct line *l, const char *command, const char *text) {
    CHECK_INT(peer_say_text(l->p, ++l->counter, command, text), E_OK);
    rig_settle(rig, l->p);
}

#define SAY(l, command, text, answer) (say(l, command, text), EXPECT((l)->p, (l)->counter, OK, answer))

static struct peer_seen asked_at(struct line *l, const char *field, int at) {
    struct peer_seen seen;
    rig_settle(rig, l->p);
    if (!peer_next(l->p, &seen))
        test_fail(__FILE__, at, "no frame, want %s", field);
    if (strcmp(seen.field, field) != 0)
        test_fail(__FILE__, at, "%s, want %s", seen.field, field);
    CHECK(seen.clear);
    return seen;
}
#define ASKED(l, field) asked_at(l, field, __LINE__)

static void answer(struct line *l, const struct peer_seen *to, const char *command, const char *text) {
    CHECK_INT(peer_say_text(l->p, to->counter, command, text), E_OK);
    rig_settle(rig, l->p);
}

/* Takes a short string and the command that names it; the command is not answered. */
static struct peer_seen takes_at(struct line *l, const char *text, const char *command, int at) {
    char total[24];
    size_t n = strlen(text);
    struct peer_seen seen = asked_at(l, "new_str ----", at);
    snprintf(total, sizeof total, "%zu", n);
    CHECK_INT(seen.n, strlen(total));
    CHECK_MEM(seen.clear, total, seen.n);
    answer(l, &seen, "ok", "39186581");
    seen = asked_at(l, "str_upd ----", at);
    if (seen.n != 9 + n || memcmp(seen.clear, "39186581 ", 9) != 0 || memcmp(seen.clear + 9, text, n) != 0)
        test_fail(__FILE__, at, "another string: %.*s", (int)seen.n, (char *)seen.clear);
    answer(l, &seen, "ok", "String updated");
    seen = asked_at(l, command, at);
    CHECK_INT(seen.n, 8);
    CHECK_MEM(seen.clear, "39186581", 8);
    return seen;
}
static void takes_all_at(struct line *l, const char *text, const char *command, int at) {
    struct peer_seen seen = takes_at(l, text, command, at);
    answer(l, &seen, "ok", "39186581");
}
#define TAKES(l, text) takes_all_at(l, text, "syn_g_m_w --", __LINE__)
#define TAKES_FULL(l, text) takes_all_at(l, text, "syn_g_m_w_c ", __LINE__)

/* Everything of a string of LONG bytes, in chunks. */
static void takes_long(struct line *l) {
    struct peer_seen seen = ASKED(l, "new_str ----");
    answer(l, &seen, "ok", "7");
    for (;;) {
        rig_settle(rig, l->p);
        CHECK(peer_next(l->p, &seen));
        if (strcmp(seen.field, "str_upd ----") != 0)
            break;
        answer(l, &seen, "ok", "String updated");
    }
    CHECK_STR(seen.field, "syn_g_m_w --");
    answer(l, &seen, "ok", "7");
}

static const char *long_text(void) {
    char *text = test_keep(malloc(LONG + 1));
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    return text;
}

/* A round comes due and is read. */
static void round_of(const char *text, uint32_t rows) {
    fake_store_answer(&store, STORE_GROUPS_READ,
                      FAKE(.append = text, .parts = rows, .rows = rows, .hash = HASH));
    if (rows)
        fake_store_answer(&store, STORE_GROUPS_TOLD, FAKE_OK);
    CHECK_INT(store.count, 0);
}

static void full_of(const char *text, uint32_t rows) {
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
    fake_store_answer(&store, STORE_GROUPS_READ_ALL, FAKE(.append = text, .parts = rows));
}

/* ---- rounds ---- */

TEST(nothing_is_read_while_nobody_is_there) {
    begin();
    CHECK(rig_log_has(rig, "INFO [Master] [Local agent-groups] Sleeping 30s before starting the agent-groups "
                           "task, waiting for the workers connection.\n"));
    rig_pass(rig, 29999);
    CHECK(!rig_log_has(rig, "Skipping"));
    rig_pass(rig, 1);
    CHECK(rig_log_has(rig, "INFO [Master] [Local agent-groups] No clients connected. Skipping.\n"));
    rig_log_clear(rig);
    rig_pass(rig, 10000);
    CHECK(rig_log_has(rig, "CYCLE [Master] [Local agent-groups] No clients connected. Skipping.\n"));
    FAKE_STORE_LOG(&store, "");
    struct line a;
    open_line(&a, "w1");
    FAKE_STORE_LOG(&store, ""); /* who joins waits for the next round */
    rig_pass(rig, 10000);
    round_of(NO_ROWS, 0);
    TAKES(&a, NO_ROWS);
    close_line(&a);
    rig_log_clear(rig);
    rig_pass(rig, 10000);
    CHECK(rig_log_has(rig, "INFO [Master] [Local agent-groups] No clients connected. Skipping.\n"));
    end();
}

TEST(one_read_for_all) {
    struct line a, b;
    begin();
    open_line(&a, "w1");
    open_line(&b, "w2");
    rig_pass(rig, 30000);
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.append = ROWS, .parts = 1, .rows = 1, .hash = HASH));
    FAKE_STORE_LOG(&store, "GROUPS_TOLD\n"); /* at once, whatever the workers do */
    CHECK(a.kicks && b.kicks);
    fake_store_answer(&store, STORE_GROUPS_TOLD, FAKE_OK);
    CHECK_STR(master.hash, HASH);
    CHECK_INT(env.windows->used, 0);
    TAKES(&b, ROWS);
    TAKES(&a, ROWS);
    CHECK_INT(a.p->shared.senders->used, 0);
    rig_pass(rig, 9999);
    FAKE_STORE_LOG(&store, "");
    rig_pass(rig, 1);
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    round_of(NO_ROWS, 0);
    FAKE_STORE_LOG(&store, ""); /* no rows, nothing to tell */
    TAKES(&a, NO_ROWS);
    TAKES(&b, NO_ROWS);
    close_line(&a);
    close_line(&b);
    end();
}

static void another_round(struct line *l) {
    rig_pass(rig, 10000);
    round_of(NO_ROWS, 0);
    TAKES(l, NO_ROWS);
}

TEST(the_workers_result) {
    struct line a;
    begin();
    open_line(&a, "w1");
    CHECK_INT(a.g.start_ns, 0);
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    TAKES(&a, ROWS);
    CHECK_INT(a.g.start_ns, RIG_WALL_NS + 31000000000);
    CHECK_INT(a.g.end_ns, 0);
    rig_pass(rig, 35);
    SAY(&a, "syn_w_g_e", GOOD, "Thanks");
    CHECK_INT(a.g.end_ns, RIG_WALL_NS + 31035000000);
    CHECK_INT(a.g.chunks, 1);
    CHECK_INT(a.g.full_start_ns, 0);
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-groups send] Starting.\n"));
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-groups send] Finished in 0.035s. Updated 1 chunks.\n"));
    rig_log_clear(rig);
    rig_pass(rig, 10000);
    round_of(NO_ROWS, 0);
    TAKES(&a, NO_ROWS);
    SAY(&a, "syn_w_g_e", GOOD, "Thanks");
    CHECK(!rig_log_has(rig, "INFO"));
    CHECK(rig_log_has(rig, "CYCLE [Worker w1] [Agent-groups send] Finished in 0.000s. Updated 1 chunks.\n"));
    another_round(&a);
    SAY(&a, "syn_w_g_e", "{\"updated_chunks\": 0, \"error_messages\": [\"err x\"], \"time_spent\": 1}",
        "Thanks");
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-groups send] Finished in 0.000s. Updated 0 chunks. There "
                      "were 1 chunks with errors: ['err x']\n"));
    another_round(&a);
    SAY(&a, "syn_w_g_err", "it went wrong", "Thanks");
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-groups send] There was an error while processing "
                           "agent-groups on the peer: it went wrong\n"));
    CHECK_INT(a.g.failures, 2);
    another_round(&a);
    say(&a, "syn_w_g_e", "no result");
    struct peer_seen seen = ASKED(&a, "err --------");
    CHECK(text_has((char *)seen.clear, seen.n, "\"code\": 1000"));
    close_line(&a);
    end();
}

/* One to each string that was named; the rest is heard, and neither believed nor logged. */
TEST(verdicts_nobody_asked_for) {
    static const char *const commands[] = {"syn_w_g_e", "syn_w_g_err", "syn_wgc_e", "syn_wgc_err"};
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    TAKES(&a, ROWS);
    SAY(&a, "syn_w_g_e", GOOD, "Thanks");
    rig_log_clear(rig);
    int64_t end_ns = a.g.end_ns;
    rig_pass(rig, 35);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        SAY(&a, commands[i], GOOD, "Thanks");
    CHECK(!rig_log_has(rig, "Worker w1"));
    CHECK_INT(a.g.end_ns, end_ns);
    CHECK_INT(a.g.full_end_ns, 0);
    CHECK_INT(a.g.failures, 0);
    close_line(&a);
    end();
}

/* ---- who is slow ---- */

TEST(a_slow_worker_delays_nobody) {
    struct line slow, quick;
    const char *text = long_text();
    begin();
    open_line(&slow, "slow");
    open_line(&quick, "quick");
    rig_pass(rig, 30000);
    round_of(text, 2000);
    CHECK_INT(env.windows->used + (uint32_t)rig->spill.open, 1); /* once, for both */
    takes_long(&quick);
    struct peer_seen seen = ASKED(&slow, "new_str ----");
    for (unsigned i = 0; i < 4; i++) {
        rig_pass(rig, 10000);
        round_of(NO_ROWS, 0);
        TAKES(&quick, NO_ROWS);
        EXPECT_NOTHING(slow.p);
    }
    /* Rounds without rows that it missed do no harm: it gets the last one. */
    answer(&slow, &seen, "ok", "7");
    do {
        seen = ASKED(&slow, "str_upd ----");
        answer(&slow, &seen, "ok", "String updated");
    } while (slow.g.string);
    seen = ASKED(&slow, "syn_g_m_w --");
    answer(&slow, &seen, "ok", "7");
    CHECK_INT(env.windows->used + (uint32_t)rig->spill.open, 0);
    TAKES(&slow, NO_ROWS);
    CHECK(!slow.g.full_wanted);
    FAKE_STORE_LOG(&store, "GROUPS_READ\nGROUPS_TOLD\nGROUPS_READ\nGROUPS_READ\nGROUPS_READ\nGROUPS_READ\n");
    close_line(&slow);
    close_line(&quick);
    end();
}

TEST(rows_in_a_round_that_was_missed_come_with_the_full_list) {
    struct line slow;
    begin();
    open_line(&slow, "w1");
    rig_pass(rig, 30000);
    round_of(NO_ROWS, 0);
    struct peer_seen seen = ASKED(&slow, "new_str ----");
    rig_pass(rig, 10000);
    round_of(ROWS, 1);
    CHECK(!slow.g.full_wanted); /* it is owed those */
    rig_pass(rig, 10000);
    round_of(NO_ROWS, 0);
    CHECK(slow.g.full_wanted); /* and has missed them */
    answer(&slow, &seen, "ok", "9");
    seen = ASKED(&slow, "str_upd ----");
    answer(&slow, &seen, "ok", "String updated");
    seen = ASKED(&slow, "syn_g_m_w --");
    answer(&slow, &seen, "ok", "9");
    TAKES(&slow, NO_ROWS);
    full_of(ALL, 1);
    TAKES_FULL(&slow, ALL);
    EXPECT_NOTHING(slow.p);
    CHECK(!slow.g.full_wanted);
    close_line(&slow);
    end();
}

/* A worker that is owed the round with rows, and is done in time, gets just that. */
TEST(a_round_that_it_is_owed_is_sent_when_it_is_done) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(NO_ROWS, 0);
    struct peer_seen seen = takes_at(&a, NO_ROWS, "syn_g_m_w --", __LINE__);
    rig_pass(rig, 10000);
    round_of(ROWS, 1);
    EXPECT_NOTHING(a.p);
    answer(&a, &seen, "ok", "39186581");
    TAKES(&a, ROWS);
    EXPECT_NOTHING(a.p);
    FAKE_STORE_LOG(&store, "GROUPS_READ\nGROUPS_READ\nGROUPS_TOLD\n");
    close_line(&a);
    end();
}

/* All strings are out with slow workers: the round is not read, so no row is lost; after
 * timeout_receiving_file they lose their string. */
TEST(no_string_is_free) {
    struct line l[3];
    const char *names[] = {"w1", "w2", "w3"};
    begin();
    for (unsigned i = 0; i < 3; i++) { /* each is busy with a round of its own */
        open_line(&l[i], names[i]);
        rig_pass(rig, i ? 10000 : 30000);
        round_of(ROWS, 1);
        ASKED(&l[i], "new_str ----");
        CHECK_INT(session_tick(&l[i].p->s, rig->clock.now_ms), E_OK);
    }
    fake_store_log_clear(&store);
    for (unsigned i = 0; i < 9; i++) {
        rig_pass(rig, 10000);
        FAKE_STORE_LOG(&store, "");
        CHECK_INT(master.skipped, i + 1u);
    }
    CHECK(rig_log_has(rig, "WARNING [Master] [Local agent-groups] Workers are still being sent the last 3 "
                           "strings. Skipping.\n"));
    rig_pass(rig, 10000); /* 120 s since the first one began */
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-groups send] Error sending agent-groups information: the "
                      "worker did not take it in time\n"));
    CHECK(l[0].g.full_wanted);
    CHECK_INT(l[0].g.failures, 1);
    round_of(ROWS, 1);
    ASKED(&l[0], "err_str ----"); /* the old one is taken back */
    TAKES(&l[0], ROWS);
    for (unsigned i = 0; i < 3; i++)
        close_line(&l[i]);
    store_cancel(&store.store, &master.job);
    master.phase = 0;
    end();
}

/* Two slow workers with a string each leave one for the rounds. */
TEST(two_slow_workers_leave_a_string_for_the_rounds) {
    struct line a, b, c;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    open_line(&b, "w2");
    rig_pass(rig, 10000);
    round_of(ROWS, 1);
    ASKED(&a, "new_str ----");
    ASKED(&b, "new_str ----");
    open_line(&c, "w3");
    for (unsigned i = 0; i < 5; i++) {
        rig_pass(rig, 10000);
        round_of(ROWS, 1);
        TAKES(&c, ROWS);
    }
    CHECK_INT(master.skipped, 0);
    close_line(&a);
    close_line(&b);
    close_line(&c);
    end();
}

/* ---- the full list ---- */

TEST(the_full_list_for_who_asks) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\n");
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
    FAKE_STORE_LOG(&store, "GROUPS_READ_ALL\n");
    fake_store_answer(&store, STORE_GROUPS_READ_ALL, FAKE(.append = ALL, .parts = 1));
    CHECK(a.kicks);
    TAKES_FULL(&a, ALL);
    rig_pass(rig, 20);
    SAY(&a, "syn_wgc_e", GOOD, "Thanks");
    CHECK_INT(a.g.full_start_ns, RIG_WALL_NS + 1000000000);
    CHECK_INT(a.g.full_end_ns, RIG_WALL_NS + 1020000000);
    CHECK_INT(a.g.full_chunks, 1);
    CHECK_INT(a.g.start_ns, 0);
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-groups send full] Starting.\n"));
    CHECK(rig_log_has(rig,
                      "INFO [Worker w1] [Agent-groups send full] Finished in 0.020s. Updated 1 chunks.\n"));
    close_line(&a);
    end();
}

TEST(the_full_list_goes_wrong) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
    fake_store_answer(&store, STORE_GROUPS_READ_ALL, FAKE(.append = ALL, .parts = 1));
    TAKES_FULL(&a, ALL);
    SAY(&a, "syn_wgc_err", "it too", "Thanks");
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-groups send full] There was an error while processing "
                           "agent-groups on the peer: it too\n"));
    CHECK_INT(a.g.failures, 1);
    close_line(&a);
    end();
}

/* Before 4.8 nothing is counted anew. */
TEST(the_full_list_of_4_4) {
    struct line a;
    begin_version("4.4.0");
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    FAKE_STORE_LOG(&store, "GROUPS_READ_ALL\n");
    fake_store_answer(&store, STORE_GROUPS_READ_ALL, FAKE(.append = ALL, .parts = 1));
    TAKES_FULL(&a, ALL);
    close_line(&a);
    end();
}

TEST(one_read_for_all_who_ask) {
    struct line a, b, c;
    begin();
    open_line(&a, "w1");
    open_line(&b, "w2");
    open_line(&c, "w3");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    SAY(&b, "syn_w_g_c", "", "Sending the full list");
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    TAKES_FULL(&b, ALL);
    rig_pass(rig, 5000);
    SAY(&c, "syn_w_g_c", "", "Sending the full list"); /* it is still the one */
    TAKES_FULL(&c, ALL);
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\nGROUPS_READ_ALL\n");
    rig_pass(rig, 25000);
    round_of(ROWS, 1);
    TAKES(&a, ROWS);
    SAY(&a, "syn_w_g_c", "", "Sending the full list"); /* a round later it is not */
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    TAKES(&b, ROWS);
    TAKES(&c, ROWS);
    close_line(&a);
    close_line(&b);
    close_line(&c);
    end();
}

/* What is on its way answers that too. */
TEST(asking_while_it_is_sent) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    full_of(ALL, 1);
    struct peer_seen seen = takes_at(&a, ALL, "syn_g_m_w_c ", __LINE__);
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    answer(&a, &seen, "ok", "39186581");
    CHECK(!a.g.full_wanted);
    close_line(&a);
    end();
}

TEST(a_worker_gets_one_full_list_per_interval) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    fake_store_log_clear(&store);
    for (unsigned i = 0; i < 50; i++) {
        SAY(&a, "syn_w_g_c", "", "Sending the full list");
        rig_pass(rig, 100);
    }
    EXPECT_NOTHING(a.p);
    FAKE_STORE_LOG(&store, "");
    rig_pass(rig, 25000); /* the first round: its time has come */
    round_of(NO_ROWS, 0);
    TAKES(&a, NO_ROWS);
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    EXPECT_NOTHING(a.p);
    close_line(&a);
    end();
}

/* A round comes due while the full list is read: it waits for that, and is not forgotten. */
TEST(a_round_during_the_full_list) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 29990);
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    rig_pass(rig, 100);
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\n");
    full_of(ALL, 1);
    FAKE_STORE_LOG(&store, "GROUPS_READ_ALL\nGROUPS_READ\n");
    round_of(ROWS, 1);
    TAKES_FULL(&a, ALL);
    TAKES(&a, ROWS);
    close_line(&a);
    end();
}

TEST(nobody_is_in_the_full_list) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    full_of(HEAD "[]}", 0);
    EXPECT_NOTHING(a.p);
    CHECK(rig_log_has(rig,
                      "INFO [Worker w1] [Agent-groups send full] Finished in 0.000s. Updated 0 chunks.\n"));
    CHECK_INT(a.g.full_end_ns, RIG_WALL_NS + 1000000000);
    CHECK_INT(a.g.full_chunks, 0);
    CHECK(!a.g.full_wanted);
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\nGROUPS_READ_ALL\n");
    close_line(&a);
    end();
}

/* ---- the store fails ---- */

TEST(the_store_is_down) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    fake_store_answer(&store, STORE_GROUPS_READ,
                      FAKE(.err = E_CLOSED, .why = "no wazuh-db", .append = "half"));
    CHECK(rig_log_has(
        rig, "ERROR [Master] [Local agent-groups] Could not obtain data from wazuh-db: no wazuh-db\n"));
    rig_log_clear(rig);
    rig_pass(rig, 10000);
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.err = E_CLOSED));
    CHECK(!rig_log_has(rig, "ERROR"));
    CHECK_INT(master.failures, 2);
    EXPECT_NOTHING(a.p);
    rig_pass(rig, 10000);
    round_of(ROWS, 1); /* nothing is left of "half" */
    TAKES(&a, ROWS);
    rig_pass(rig, 10000);
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.err = E_CLOSED, .why = "again"));
    CHECK(
        rig_log_has(rig, "ERROR [Master] [Local agent-groups] Could not obtain data from wazuh-db: again\n"));
    close_line(&a);
    end();
}

TEST(rows_that_could_not_be_marked_come_again) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.append = ROWS, .parts = 1));
    fake_store_answer(&store, STORE_GROUPS_TOLD, FAKE(.err = E_SYS, .why = "disk I/O error"));
    CHECK(rig_log_has(rig,
                      "ERROR [Master] [Local agent-groups] Could not mark agent-groups as sent: disk I/O"));
    TAKES(&a, ROWS);
    rig_pass(rig, 10000);
    round_of(ROWS, 1);
    TAKES(&a, ROWS);
    close_line(&a);
    end();
}

TEST(the_full_list_cannot_be_read) {
    struct line a;
    begin();
    open_line(&a, "w1");
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE(.err = E_SYS, .why = "no"));
    CHECK(rig_log_has(rig,
                      "WARNING [Master] [Agent-groups send full] Error executing recalculate agent-group "
                      "hash command: no\n"));
    fake_store_answer(&store, STORE_GROUPS_READ_ALL, FAKE(.err = E_SPACE, .append = "half"));
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\nGROUPS_READ_ALL\n"); /* not at once again */
    CHECK(a.g.full_wanted);
    rig_pass(rig, 30000);
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    round_of(NO_ROWS, 0);
    TAKES(&a, NO_ROWS);
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    close_line(&a);
    end();
}

/* The last worker leaves while the round is read: its rows are not told, and come again. */
TEST(nobody_is_left_when_the_round_is_read) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    close_line(&a);
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.append = ROWS, .parts = 1));
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    end();
}

/* ---- the worker fails ---- */

TEST(a_string_that_is_refused) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(NO_ROWS, 0);
    struct peer_seen seen = ASKED(&a, "new_str ----");
    answer(&a, &seen, "err", "no room");
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-groups send] Error sending agent-groups information: Error "
                      "3000"));
    CHECK(!a.g.full_wanted); /* the next round brings the hash anew */
    EXPECT_NOTHING(a.p);
    rig_pass(rig, 10000);
    round_of(ROWS, 1);
    seen = ASKED(&a, "new_str ----");
    answer(&a, &seen, "err", "no room");
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    CHECK_INT(a.g.failures, 2);
    close_line(&a);
    end();
}

TEST(a_command_that_is_refused) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    struct peer_seen seen = takes_at(&a, ROWS, "syn_g_m_w --", __LINE__);
    answer(&a, &seen, "err", "busy");
    full_of(ALL, 1);
    seen = takes_at(&a, ALL, "syn_g_m_w_c ", __LINE__);
    answer(&a, &seen, "err", "busy");
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-groups send full] Error sending agent-groups information: "
                      "Error 3000"));
    EXPECT_NOTHING(a.p); /* one per interval */
    CHECK(a.g.full_wanted);
    FAKE_STORE_LOG(&store, "GROUPS_READ\nGROUPS_TOLD\nGROUPS_RECALCULATE\nGROUPS_READ_ALL\n");
    close_line(&a);
    end();
}

TEST(no_reply_to_the_command) {
    struct line a;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    takes_at(&a, ROWS, "syn_g_m_w --", __LINE__);
    rig_pass(rig, 10000);
    round_of(NO_ROWS, 0);
    rig_pass(rig, 9999);
    CHECK_INT(session_tick(&a.p->s, rig->clock.now_ms), E_OK);
    EXPECT_NOTHING(a.p);
    rig_pass(rig, 1);
    CHECK_INT(session_tick(&a.p->s, rig->clock.now_ms), E_OK);
    CHECK(a.g.full_wanted);
    round_of(NO_ROWS, 0);
    TAKES(&a, NO_ROWS); /* the one it was owed, the one of now, and all */
    TAKES(&a, NO_ROWS);
    full_of(ALL, 1);
    TAKES_FULL(&a, ALL);
    close_line(&a);
    end();
}

TEST(no_sender_is_free) {
    struct line a;
    begin();
    open_line(&a, "w1");
    void *only = pool_take(a.p->shared.senders);
    rig_pass(rig, 30000);
    round_of(long_text(), 2000);
    rig_pass(rig, 500);
    rig_pass(rig, 500);
    EXPECT_NOTHING(a.p);
    pool_give(a.p->shared.senders, only);
    rig_pass(rig, 500);
    takes_long(&a);
    CHECK_INT(a.g.failures, 0);
    close_line(&a);
    end();
}

/* The full list is there, and waits for a sender: it is not read once more meanwhile. */
TEST(no_sender_is_free_for_the_full_list) {
    struct line a;
    begin();
    open_line(&a, "w1");
    void *only = pool_take(a.p->shared.senders);
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    full_of(long_text(), 2000);
    rig_pass(rig, 500);
    SAY(&a, "syn_w_g_c", "", "Sending the full list");
    rig_pass(rig, 500);
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\nGROUPS_READ_ALL\n");
    pool_give(a.p->shared.senders, only);
    close_line(&a); /* its timer goes with it */
    end();
}

/* The socket takes nothing when the string is there: the command that names it comes later. */
TEST(no_room_for_the_command) {
    static const uint8_t much[4096];
    struct line a;
    unsigned n = 0;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    round_of(ROWS, 1);
    struct peer_seen seen = ASKED(&a, "new_str ----");
    answer(&a, &seen, "ok", "9");
    seen = ASKED(&a, "str_upd ----");
    for (size_t size = sizeof much; size; size /= 2)
        while (session_request(&a.p->s, "echo-m", much, size, NULL, NULL, NULL) == E_OK)
            n++;
    uint8_t frame[300];
    CHECK_INT(session_rx(&a.p->s, frame, peer_frame(a.p, frame, seen.counter, "ok", "String updated", 14)),
              E_OK);
    CHECK(!a.g.string);
    for (unsigned i = 0; i < n; i++)
        ASKED(&a, "echo-m -----");
    EXPECT_NOTHING(a.p);
    rig_pass(rig, 500);
    seen = ASKED(&a, "syn_g_m_w --");
    answer(&a, &seen, "ok", "9");
    EXPECT_NOTHING(a.p);
    close_line(&a);
    end();
}

/* ---- the link goes ---- */

/* In the given state, its owner before its session or after it: no string stays behind. */
static void link_goes(unsigned state, bool early) {
    struct line a, b;
    begin();
    open_line(&a, "w1");
    open_line(&b, "w2");
    rig_pass(rig, 30000);
    round_of(state == 3 ? long_text() : ROWS, 1);
    struct peer_seen seen = ASKED(&a, "new_str ----");
    if (state)
        answer(&a, &seen, "ok", "9");
    if (state > 1) {
        seen = ASKED(&a, "str_upd ----");
        if (state != 3)
            answer(&a, &seen, "ok", "String updated");
    }
    if (state > 3) {
        seen = ASKED(&a, "syn_g_m_w --");
        answer(&a, &seen, "ok", "9");
    }
    a.open = false;
    if (early) { /* from then on it is not touched */
        agent_groups_peer_fini(&a.g);
        memset(&a.g, 0xa5, sizeof a.g);
        struct agent_groups_peer as_it_was = a.g;
        peer_close(a.p);
        CHECK_MEM(&a.g, &as_it_was, sizeof a.g);
    } else {
        peer_close(a.p);
        agent_groups_peer_fini(&a.g);
    }
    close_line(&b);
    end();
}

TEST(the_link_goes_before_the_string_has_its_place) {
    link_goes(0, false);
    link_goes(0, true);
}

TEST(the_link_goes_before_the_string_is_there) {
    link_goes(1, false);
    link_goes(1, true);
}

TEST(the_link_goes_when_the_string_is_named) {
    link_goes(2, false);
    link_goes(2, true);
}

TEST(the_link_goes_in_the_middle_of_a_long_string) {
    link_goes(3, false);
    link_goes(3, true);
}

TEST(the_link_goes_between_two_rounds) {
    link_goes(4, false);
    link_goes(4, true);
}

/* The node ends in the middle of a job. */
TEST(the_node_ends) {
    struct line a, b;
    begin();
    open_line(&a, "w1");
    rig_pass(rig, 30000);
    FAKE_STORE_LOG(&store, "GROUPS_READ\n");
    close_line(&a);
    end();
    CHECK_INT(store.cancelled, 1);
    begin();
    open_line(&a, "w1");
    open_line(&b, "w2");
    rig_pass(rig, 30000);
    fake_store_answer(&store, STORE_GROUPS_READ, FAKE(.append = ROWS, .parts = 1));
    agent_groups_master_fini(&master); /* the master before its workers */
    FAKE_STORE_LOG(&store, "GROUPS_READ\nGROUPS_TOLD\n");
    close_line(&a);
    TAKES(&b, ROWS);
    SAY(&b, "syn_w_g_c", "", "Sending the full list");
    FAKE_STORE_LOG(&store, "");
    close_line(&b);
    end();
}
