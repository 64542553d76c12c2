/* test_agent_groups_worker.c - agent groups on the worker with a master and a store that are played by hand.
 * Messages are those of the transcript of 4.14.7 and of the reference, sections 4.2, 6 and 14. */
#include "task/agent_groups_worker.h"
#include "task/agent_texts.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define STRING                                                                                               \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": "                                                             \
    "[\"[{\\\"data\\\":[],\\\"hash\\\":\\\"dfea66cd024da20f644b2d15043a0653f17d8990\\\"}]\"]}"
#define HASH "dfea66cd024da20f644b2d15043a0653f17d8990"
#define OTHER "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262"
#define GOOD "{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0.000000}"
#define TAG "[Worker w1] [Agent-groups recv] "
#define FULL_TAG "[Worker w1] [Agent-groups recv full] "

static struct rig *rig;
static struct intervals intervals;
static struct agents_env env;
static struct fake_store store;
static struct agent_groups_worker w;
static struct peer *p;
static struct pool *windows; /* p's own */
static uint32_t counter;
static unsigned kicks;

static void request(void *owner, struct session *s, const struct message *m) {
    (void)owner, (void)s;
    agent_groups_worker_request(&w, m);
}

static void kick(void *arg) {
    CHECK(arg == &w);
    kicks++;
}

/* Strings change hands, so the session's pools are the node's. */
static void link_up(void) {
    p = peer_open(&rig->clock, TO_WORKER, NULL);
    p->events.request = request;
    p->events.alive = NULL;
    windows = p->shared.windows;
    p->shared.windows = env.windows;
    p->shared.spill = env.spill;
    agent_groups_worker_link_up(&w, &p->s, kick, &w);
}

static void link_down(void) {
    agent_groups_worker_link_down(&w);
    p->shared.windows = windows;
    peer_close(p);
}

static void begin(const char *version) {
    if (!rig) {
        rig = rig_new(1, 1);
        fake_store_init(&store);
    }
    fake_store_log_clear(&store);
    rig_log_clear(rig);
    store.cancelled = 0;
    intervals = rig->intervals;
    intervals.sync_agent_groups_ms = 10000;
    intervals.agent_groups_mismatch_limit = 5;
    env = (struct agents_env){.sys = &rig->faults.sys,
                              .loop = &rig->loop,
                              .log = &rig->log,
                              .store = &store.store,
                              .intervals = &intervals,
                              .dialect = dialect_find(version),
                              .windows = rig->env.windows,
                              .spill = &rig->spill.spill,
                              .string_bytes = 16u << 20,
                              .tag = "Worker w1"};
    agent_groups_worker_init(&w, &env);
    kicks = 0;
    link_up();
}

static void check_all_free(void) {
    CHECK_INT(env.windows->used, 0);
    CHECK_INT(rig->spill.open, 0);
    CHECK_INT(store.count, 0);
    CHECK_INT(rig->loop.timer_count, 0);
}

static void end(void) {
    if (p->open)
        link_down();
    agent_groups_worker_fini(&w);
    check_all_free();
}

/* ---- the master's part ---- */

static void say(const char *command, const void *payload, size_t n) {
    CHECK_INT(peer_say(p, ++counter, command, payload, n), E_OK);
    while (session_step(&p->s) == STEP_AGAIN)
        ;
}
#define ANSWER(field, text) EXPECT(p, counter, field, text)

/* Sends a string; its id. */
static const char *give_bytes(const char *bytes, size_t n) {
    static char id[24];
    struct peer_seen seen;
    char *piece = malloc(n + sizeof id);
    CHECK(piece);
    int len = snprintf(piece, sizeof id, "%zu", n);
    say("new_str", piece, (size_t)len);
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "ok ---------");
    CHECK(text_copy(id, sizeof id, (const char *)seen.clear, seen.n));
    if (n) {
        len = snprintf(piece, sizeof id, "%s ", id);
        memcpy(piece + len, bytes, n);
        say("str_upd", piece, (size_t)len + n);
        ANSWER("ok ---------", "String updated");
    }
    free(piece);
    return id;
}

static void name(const char *command, const char *id) {
    say(command, id, strlen(id));
    ANSWER("ok ---------", id);
}

static void give(const char *command, const char *text) {
    name(command, give_bytes(text, strlen(text)));
    if (store.count == 0 && !strcmp(command, "syn_g_m_w_c")) { /* is not applied in the same breath */
        rig_pass(rig, 99);
        CHECK_INT(store.count, 0);
        rig_pass(rig, 1);
    }
}

/* The next request of the worker, which the master answers as a real one does. */
static void told(const char *field, const char *text) {
    struct peer_seen seen;
    CHECK(kicks > 0);
    kicks = 0;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, field);
    CHECK_INT(seen.n, strlen(text));
    CHECK_MEM(seen.clear, text, seen.n);
    CHECK_INT(peer_say_text(p, seen.counter, "ok", "Thanks"), E_OK);
}

static void nothing_told(void) {
    CHECK_INT(kicks, 0);
    EXPECT_NOTHING(p);
}

/* A whole round, 10 s after the one before; the string names the master's hash, the store has own (NULL:
 * null). */
static void round_of(const char *masters, const char *own) {
    rig_pass(rig, 10000);
    give("syn_g_m_w", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = masters));
    told("syn_w_g_e --", GOOD);
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = own));
    fake_store_log_clear(&store);
}

static void full_list(void) {
    give("syn_g_m_w_c", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .rows = 3));
    told("syn_wgc_e --", GOOD);
    if (env.dialect->groups_recalculated)
        fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
}

/* ---- cases ---- */

TEST(a_round_is_the_transcripts) {
    char write[100];
    begin("4.14.7");
    rig_pass(rig, 1000);
    give("syn_g_m_w", STRING);
    nothing_told();
    CHECK(rig_log_has(rig, "CYCLE " TAG "Starting."));
    rig_pass(rig, 1);
    fake_store_answer(&store, STORE_GROUPS_WRITE,
                      FAKE(.parts = 1, .parts_in_all = 1, .rows = 1, .hash = HASH));
    told("syn_w_g_e --", "{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0.001000}");
    CHECK_INT(env.windows->used, 0);
    CHECK(rig_log_has(rig, "DEBUG " TAG "1/1 chunks updated in wazuh-db in 0.001s."));
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = HASH));
    nothing_told();
    CHECK(rig_log_has(rig, "DEBUG " TAG "The checksum of both databases match. \n"));
    CHECK(rig_log_has(rig, "INFO " TAG "Finished in 0.001s. Updated 1 chunks."));
    snprintf(write, sizeof write, "GROUPS_WRITE %.16s...%zu\nGROUPS_HASH\n", STRING, strlen(STRING));
    FAKE_STORE_LOG(&store, write);
    CHECK(w.compared && w.equal);
    CHECK_STR(w.hash, HASH);
    CHECK_STR(w.master_hash, HASH);
    CHECK_INT(w.compare_ms, 2001);
    CHECK_INT(w.sync_ms, 2001);
    CHECK_INT(w.rows, 1);
    CHECK_INT(w.failures, 0);
    CHECK_STR(w.why, "");
    rig_log_clear(rig);
    round_of(HASH, HASH);
    CHECK(rig_log_has(rig, "CYCLE " TAG "Finished in 0.000s. Updated 1 chunks."));
    end();
}

TEST(strings_of_any_length) {
    static const size_t lengths[] = {0, 1, BODY_SMALL_BYTES, BODY_SMALL_BYTES + 1, 100000, 400000};
    char *bytes = test_keep(malloc(400000));
    for (size_t i = 0; i < 400000; i++)
        bytes[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n;
        begin("4.14.7");
        name("syn_g_m_w", give_bytes(bytes, lengths[i]));
        const char *got = fake_store_blob(fake_store_need(&store, STORE_GROUPS_WRITE)->blob, &n);
        CHECK_INT(n, lengths[i]);
        CHECK_MEM(got, bytes, n);
        CHECK(!p->s.strings);
        CHECK_INT(env.windows->used, lengths[i] > BODY_SMALL_BYTES && lengths[i] <= BODY_WINDOW_BYTES);
        CHECK_INT(rig->spill.open, lengths[i] > BODY_WINDOW_BYTES);
        fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_SYNTAX, .why = "no"));
        told("syn_w_g_err ", "error while trying to load JSON: no");
        check_all_free();
        end();
    }
}

TEST(a_string_that_is_not_there) {
    begin("4.14.7");
    name("syn_g_m_w", "4711");
    told("syn_w_g_err ", "error while trying to access string under task_id b'4711'.");
    CHECK(rig_log_has(rig, "ERROR " TAG "Error while processing agent-groups chunks: error while trying to "
                           "access string"));
    name("syn_g_m_w_c", "what");
    told("syn_wgc_err ", "error while trying to access string under task_id b'what'.");
    CHECK(rig_log_has(rig, "ERROR " FULL_TAG));
    say("new_str", "10", 2); /* and one that is not complete */
    struct peer_seen seen;
    char id[24], want[100];
    CHECK(peer_next(p, &seen));
    CHECK(text_copy(id, sizeof id, (const char *)seen.clear, seen.n));
    name("syn_g_m_w", id);
    snprintf(want, sizeof want, "error while trying to access string under task_id b'%s'.", id);
    told("syn_w_g_err ", want);
    CHECK_INT(w.failures, 3);
    FAKE_STORE_LOG(&store, "");
    round_of(HASH, HASH);
    end();
}

/* A master may name what is not there as often as it likes: each is answered, few are news. */
TEST(strings_by_the_thousand_leave_the_log) {
    begin("4.14.7");
    unsigned lines = 0;
    for (unsigned i = 0; i < 30; i++) {
        rig_log_clear(rig);
        name(i % 2 ? "syn_g_m_w" : "syn_g_m_w_c", "4711");
        told(i % 2 ? "syn_w_g_err " : "syn_wgc_err ",
             "error while trying to access string under task_id b'4711'.");
        lines += rig_log_has(rig, "ERROR");
        rig_pass(rig, 50);
    }
    CHECK_INT(lines, 6); /* three of each command in 1.5 s */
    CHECK_INT(w.failures, 30);
    end();
}

TEST(what_cannot_be_applied) {
    begin("4.14.7");
    give("syn_g_m_w", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_CLOSED, .why = "wazuh-db does not answer"));
    told("syn_w_g_err ", "error processing agent-groups chunks: wazuh-db does not answer");
    CHECK(rig_log_has(rig, "ERROR " TAG "Error while processing agent-groups chunks: wazuh-db does not"));
    give("syn_g_m_w_c", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_CLOSED, .why = "wazuh-db does not answer"));
    told("syn_wgc_err ", "error processing agent-groups chunks: wazuh-db does not answer");
    CHECK_INT(store.count, 0); /* neither compared nor recalculated */
    CHECK_INT(w.failures, 2);
    CHECK_INT(w.sync_ms, 0);
    rig_pass(rig, AGENT_LINES_MS);
    give("syn_g_m_w", STRING); /* a part of it */
    fake_store_answer(
        &store, STORE_GROUPS_WRITE,
        FAKE(.parts = 2, .parts_in_all = 3, .rows = 9, .hash = HASH, .errors = "[\"no\"]", .error_count = 1));
    told("syn_w_g_e --", "{\"updated_chunks\": 2, \"error_messages\": [\"no\"], \"time_spent\": 0.000000}");
    CHECK(rig_log_has(rig, "ERROR " TAG "Wazuh-db response for 1/3 chunks was not \"ok\": [\"no\"]"));
    CHECK_INT(w.failures, 3);
    CHECK_INT(w.rows, 9);
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = OTHER));
    CHECK_INT(w.mismatches, 1);
    end();
}

TEST(a_full_list) {
    static const char *const versions[] = {"4.7.5", "4.8.0", "4.14.7"};
    for (int i = 0; i < 3; i++) {
        begin(versions[i]);
        give("syn_g_m_w_c", STRING);
        CHECK(rig_log_has(rig, "INFO " FULL_TAG "Starting."));
        fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .rows = 3));
        told("syn_wgc_e --", GOOD);
        CHECK(rig_log_has(rig, "INFO " FULL_TAG "Finished in 0.000s. Updated 1 chunks."));
        CHECK(!w.compared);
        if (i > 0)
            fake_store_answer(&store, STORE_GROUPS_RECALCULATE,
                              FAKE(.err = i == 2 ? E_CLOSED : E_OK, .why = "gone"));
        CHECK_INT(rig_log_has(rig, "WARNING " FULL_TAG
                                   "Error executing recalculate agent-group hash command: gone"),
                  i == 2);
        CHECK_INT(store.count, 0);
        round_of(HASH, HASH);
        end();
    }
}

/* No real master sends one. */
TEST(a_full_list_that_names_a_hash) {
    begin("4.14.7");
    give("syn_g_m_w_c", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
    told("syn_wgc_e --", GOOD);
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = HASH));
    CHECK(w.equal);
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
    end();
}

TEST(hashes_that_are_null) {
    begin("4.14.7");
    round_of(NULL, NULL);
    CHECK(w.equal);
    CHECK_STR(w.hash, "-");
    CHECK_STR(w.master_hash, "-");
    round_of(NULL, HASH);
    CHECK(!w.equal);
    CHECK(rig_log_has(rig, "The checksum of master (None) and worker (" HASH ") are different."));
    round_of(HASH, NULL);
    CHECK(rig_log_has(rig, "The checksum of master (" HASH ") and worker (None) are different."));
    CHECK_INT(w.mismatches, 2);
    CHECK_STR(w.why, "agent groups differ from the master's: 2 of 5 comparisons until the full list is asked "
                     "for");
    round_of(HASH, HASH);
    CHECK_INT(w.mismatches, 0);
    CHECK_STR(w.why, "");
    CHECK(rig_log_has(rig, "The checksum of both databases match. Counter reset."));
    end();
}

TEST(a_hash_that_cannot_be_read) {
    begin("4.14.7");
    for (int i = 0; i < 7; i++) {
        rig_log_clear(rig);
        rig_pass(rig, AGENT_LINES_MS);
        give("syn_g_m_w", STRING);
        fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
        told("syn_w_g_e --", GOOD);
        fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.err = E_CLOSED, .why = "gone"));
        CHECK_INT(rig_log_has(rig, "ERROR " TAG "Could not obtain data from wazuh-db: gone"), i == 0);
        CHECK(rig_log_has(rig, "Finished in"));
        nothing_told();
    }
    CHECK_INT(w.mismatches, 0);
    CHECK(!w.compared);
    round_of(HASH, HASH);
    rig_log_clear(rig);
    rig_pass(rig, AGENT_LINES_MS);
    give("syn_g_m_w", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
    told("syn_w_g_e --", GOOD);
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.err = E_CLOSED, .why = "gone"));
    CHECK(rig_log_has(rig, "ERROR " TAG "Could not obtain data"));
    end();
}

static void mismatches(unsigned n) {
    while (n--)
        round_of(HASH, OTHER);
}

TEST(the_full_list_helps) {
    begin("4.14.7");
    rig_pass(rig, 1000); /* 10:31:42 */
    mismatches(4);
    nothing_told();
    CHECK(rig_log_has(rig, "DEBUG " TAG "Checksum comparison failed (4/5)."));
    mismatches(1);
    told("syn_w_g_c --", "");
    CHECK(
        rig_log_has(rig, "INFO " TAG "Sent request to obtain all agent-groups information from the master"));
    CHECK_STR(w.why, "agent groups differ from the master's: the full list was asked for at 10:32 UTC");
    CHECK_INT(w.mismatches, 0);
    mismatches(3); /* it is long */
    full_list();
    CHECK_INT(w.mismatches, 0);
    round_of(HASH, HASH);
    CHECK_STR(w.why, "");
    CHECK_INT(w.full_helped_not, 0);
    mismatches(5); /* again, and at once */
    told("syn_w_g_c --", "");
    CHECK(!rig_log_has(rig, "WARNING"));
    end();
}

/* Seconds between the comparison that showed that the list did not help and the next question. */
static uint64_t until_asked(void) {
    struct peer_seen seen;
    uint64_t from = rig->clock.now_ms;
    for (;;) {
        CHECK(rig->clock.now_ms - from < 5000000);
        round_of(HASH, OTHER);
        if (!kicks)
            continue;
        kicks = 0;
        CHECK(peer_next(p, &seen));
        CHECK_STR(seen.field, "syn_w_g_c --");
        CHECK_INT(peer_say_text(p, seen.counter, "ok", "<a task>"), E_OK);
        return (rig->clock.now_ms - from) / 1000;
    }
}

TEST(the_full_list_does_not_help) {
    static const uint64_t pauses[] = {20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};
    begin("4.14.7");
    mismatches(5); /* 10:32:31 */
    told("syn_w_g_c --", "");
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        full_list();
        mismatches(1);
        CHECK(strstr(w.why, "UTC has not helped yet"));
        mismatches(3);
        CHECK(!rig_log_has(rig, "WARNING"));
        mismatches(1);
        CHECK_INT(w.full_helped_not, i + 1);
        CHECK(rig_log_has(rig, "WARNING " TAG "agent groups differ from the master's: the full list of "));
        if (i == 0)
            CHECK_STR(w.why,
                      "agent groups differ from the master's: the full list of 10:32 UTC did not help; "
                      "next one in 20 seconds");
        if (i == 4)
            CHECK(strstr(w.why, "next one in 6 minutes"));
        nothing_told();
        CHECK_INT(until_asked(), pauses[i]);
        rig_log_clear(rig);
    }
    full_list();
    rig_log_clear(rig);
    round_of(HASH, HASH);
    CHECK(rig_log_has(rig, "INFO " TAG "Agent groups are the master's again."));
    mismatches(5);
    told("syn_w_g_c --", ""); /* the pause is forgotten */
    full_list();
    mismatches(5);
    CHECK_INT(until_asked(), 20);
    for (int i = 0; i < 2; i++) {
        full_list();
        mismatches(5);
        CHECK_INT(until_asked(), 40u << i);
    }
    full_list();
    mismatches(5);        /* 160 s from here */
    round_of(HASH, HASH); /* in the middle of a pause, which is forgotten as well */
    mismatches(5);
    told("syn_w_g_c --", "");
    mismatches(5);
    CHECK(strstr(w.why, "did not come; next one in 20 seconds"));
    end();
}

TEST(the_full_list_does_not_come) {
    begin("4.14.7");
    mismatches(5);
    told("syn_w_g_c --", "");
    mismatches(5);
    CHECK_STR(w.why, "agent groups differ from the master's: the full list asked for at 10:32 UTC did not "
                     "come; next one in 20 seconds");
    CHECK_INT(until_asked(), 20);
    end();
}

/* A new link counts anew, but what was tried in vain is not forgotten. */
TEST(mismatches_and_links) {
    begin("4.14.7");
    mismatches(4);
    link_down();
    link_up();
    mismatches(4);
    nothing_told();
    mismatches(1);
    told("syn_w_g_c --", "");
    link_down(); /* before it came */
    link_up();
    mismatches(5);
    told("syn_w_g_c --", "");
    CHECK_INT(w.full_helped_not, 0);
    full_list();
    mismatches(2);
    link_down(); /* it came */
    link_up();
    mismatches(5);
    CHECK_INT(w.full_helped_not, 1);
    CHECK_INT(until_asked(), 20);
    end();
}

/* ---- one after the other ---- */

static char *long_text(char c) {
    char *text = test_keep(malloc(2001));
    memset(text, c, 2000);
    text[2000] = '\0';
    return text;
}

TEST(one_may_wait) {
    begin("4.14.7");
    give("syn_g_m_w", "first");
    give("syn_g_m_w_c", "second");
    FAKE_STORE_LOG(&store, "GROUPS_WRITE first\n");
    rig_pass(rig, AGENT_LINES_MS);
    const char *id = give_bytes("third", 5);
    say("syn_g_m_w", id, strlen(id));
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "err --------");
    CHECK(text_has((const char *)seen.clear, seen.n, "3037"));
    CHECK(!p->s.strings); /* nothing piles up */
    CHECK(rig_log_has(rig, "WARNING " TAG "Refused: agent groups that came before are still being applied"));
    CHECK_INT(w.failures, 1);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
    told("syn_w_g_e --", "{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0.500000}");
    FAKE_STORE_LOG(&store, "GROUPS_HASH\n");
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = HASH));
    FAKE_STORE_LOG(&store, "");
    rig_pass(rig, 100);
    FAKE_STORE_LOG(&store, "GROUPS_WRITE second\n");
    give("syn_g_m_w", "fourth");
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1));
    told("syn_wgc_e --", GOOD);
    fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
    FAKE_STORE_LOG(&store, "GROUPS_RECALCULATE\nGROUPS_WRITE fourth\n");
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_SYS));
    told("syn_w_g_err ", "error processing agent-groups chunks: the store: no");
    CHECK_INT(store.count, 0);
    end();
}

/* One whose string is not there does not take the place. */
TEST(nothing_waits_for_nothing) {
    begin("4.14.7");
    give("syn_g_m_w", "first");
    name("syn_g_m_w_c", "4711");
    told("syn_wgc_err ", "error while trying to access string under task_id b'4711'.");
    give("syn_g_m_w", "second");
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_SYS));
    told("syn_w_g_err ", "error processing agent-groups chunks: the store: no");
    fake_store_need(&store, STORE_GROUPS_WRITE);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_SYS));
    told("syn_w_g_err ", "error processing agent-groups chunks: the store: no");
    end();
}

/* What is whole is applied to its end, in every phase; nobody is told. */
TEST(link_lost) {
    for (int phase = 0; phase < 3; phase++)
        for (int soon = 0; soon < 2; soon++) {
            begin("4.14.7");
            give(phase == 2 ? "syn_g_m_w_c" : "syn_g_m_w", long_text('a'));
            give("syn_g_m_w", long_text('b'));
            if (phase > 0) {
                fake_store_answer(
                    &store, STORE_GROUPS_WRITE,
                    FAKE(.parts = 1, .parts_in_all = 1, .rows = 1, .hash = phase == 1 ? HASH : NULL));
                told(phase == 2 ? "syn_wgc_e --" : "syn_w_g_e --", GOOD);
            }
            link_down();
            if (soon)
                link_up();
            if (phase == 0)
                fake_store_answer(&store, STORE_GROUPS_WRITE,
                                  FAKE(.parts = 1, .parts_in_all = 1, .rows = 1, .hash = HASH));
            if (phase == 1)
                fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = OTHER));
            if (phase == 2)
                fake_store_answer(&store, STORE_GROUPS_RECALCULATE, FAKE_OK);
            if (soon)
                give("syn_g_m_w", "new");
            CHECK_INT(w.rows, 1);
            fake_store_answer(&store, STORE_GROUPS_WRITE,
                              FAKE(.parts = 1, .parts_in_all = 1, .rows = 2, .hash = HASH));
            CHECK_INT(w.rows, 3);
            CHECK_INT(kicks, 0);
            CHECK_INT(w.mismatches, 0);
            if (soon) {
                nothing_told();
                fake_store_answer(&store, STORE_GROUPS_WRITE,
                                  FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
                told("syn_w_g_e --", GOOD);
                fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = HASH));
            }
            CHECK_INT(store.count, 0);
            end();
        }
}

TEST(the_node_ends) {
    for (int phase = 0; phase < 4; phase++) {
        begin("4.14.7");
        if (phase > 0) {
            give(phase == 3 ? "syn_g_m_w_c" : "syn_g_m_w", long_text('a'));
            give("syn_g_m_w", long_text('b'));
        }
        if (phase > 1) {
            fake_store_answer(&store, STORE_GROUPS_WRITE,
                              FAKE(.parts = 1, .parts_in_all = 1, .hash = phase == 2 ? HASH : NULL));
            told(phase == 3 ? "syn_wgc_e --" : "syn_w_g_e --", GOOD);
        }
        link_down();
        agent_groups_worker_fini(&w);
        CHECK_INT(store.cancelled, phase > 0);
        check_all_free();
    }
}

/* The session's box is full: the result is told to nobody, the rest goes on. */
TEST(no_request_is_free) {
    struct peer_seen seen;
    begin("4.14.7");
    mismatches(4);
    while (session_can_request(&p->s)) {
        CHECK_INT(session_request(&p->s, "echo", "x", 1, NULL, NULL, NULL), E_OK);
        peer_drain(p, SIZE_MAX);
    }
    while (peer_next(p, &seen))
        ;
    rig_pass(rig, AGENT_LINES_MS);
    give("syn_g_m_w", STRING);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.parts = 1, .parts_in_all = 1, .hash = HASH));
    CHECK(rig_log_has(rig, "WARNING " TAG "The master is not told the result: "));
    fake_store_answer(&store, STORE_GROUPS_HASH, FAKE(.hash = OTHER));
    CHECK(rig_log_has(rig, "WARNING " TAG "All agent-groups information could not be requested: "));
    CHECK_STR(w.why, "agent groups differ from the master's: the full list could not be asked for");
    EXPECT_NOTHING(p);
    link_down();
    kicks = 0;
    link_up();
    mismatches(5);
    told("syn_w_g_c --", "");
    end();
}

/* No room for the string: it is refused in words, and forgotten. */
TEST(no_room_for_a_string) {
    begin("4.14.7");
    const char *id = give_bytes(long_text('a'), 2000);
    w.now.blob.limit = 10; /* a move knows no limit */
    name("syn_g_m_w", id);
    fake_store_answer(&store, STORE_GROUPS_WRITE, FAKE(.err = E_SYS));
    told("syn_w_g_err ", "error processing agent-groups chunks: the store: no");
    id = give_bytes("0123456789ab", 12); /* a copy does */
    name("syn_g_m_w", id);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "syn_w_g_err ");
    CHECK(text_has((const char *)seen.clear, seen.n, "error processing agent-groups chunks: "));
    CHECK(!p->s.strings);
    CHECK_INT(store.count, 0);
    end();
}
