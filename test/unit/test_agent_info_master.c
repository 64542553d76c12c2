/* test_agent_info_master.c - agent information on the master, with a worker and a store that are played by
 * hand: permission, strings of every length, every verdict and every silence. Messages are those of the
 * transcript of 4.14.7 and of the reference, sections 4.2 and 6. */
#include "task/agent_info_master.h"
#include "task/agent_texts.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define STRING "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": {}}"
#define OK "ok ---------"
#define ERR "err --------"
#define GOOD "syn_m_a_e --"
#define BAD "syn_m_a_err "

static struct rig *rig;
static struct intervals intervals;
static struct agents_env env;
static struct fake_store store;

/* A worker's link to the master. */
static struct agent_info_master m;
static struct peer *p;
static uint32_t counter;
static unsigned kicks;

static void request(void *owner, struct session *s, const struct message *message) {
    (void)owner, (void)s;
    agent_info_master_request(&m, message);
}

static void kick(void *arg) {
    CHECK(arg == &m);
    kicks++;
}

static void begin(void) {
    rig = rig_new(1, 1);
    fake_store_init(&store);
    intervals = rig->intervals;
    intervals.timeout_agent_info_ms = 40000;
    env = (struct agents_env){.sys = &rig->faults.sys,
                              .loop = &rig->loop,
                              .log = &rig->log,
                              .store = &store.store,
                              .intervals = &intervals,
                              .dialect = dialect_find("4.14.7"),
                              .string_bytes = 16u << 20,
                              .tag = "Master"};
    p = peer_open(&rig->clock, TO_MASTER, NULL);
    p->events.request = request;
    p->events.alive = NULL;
    env.windows = p->shared.windows;
    env.spill = p->shared.spill;
    counter = 5000;
    agent_info_master_init(&m, &env, "Worker w1", &p->s, kick, &m);
}

/* As role/link and role/peer do it. */
static void end(void) {
    if (p->open)
        peer_close(p);
    agent_info_master_fini(&m);
    CHECK_INT(m.blob.size, 0);
    CHECK_INT(rig->loop.timer_count, 0);
}

/* ---- speaking ---- */

static void say(const char *command, const char *text) {
    CHECK_INT(peer_say_text(p, ++counter, command, text), E_OK);
    rig_settle(rig, p);
}

#define ANSWER(field, text) EXPECT(p, counter, field, text)
#define PERMISSION(answer) (say("syn_a_w_m_p", ""), ANSWER(OK, answer))

/* The next request of the master's, as text. */
static struct peer_seen asked(const char *field) {
    struct peer_seen seen;
    rig_settle(rig, p);
    if (!peer_next(p, &seen))
        test_fail(__FILE__, __LINE__, "no frame, want %s", field);
    CHECK_STR(seen.field, field);
    CHECK(seen.clear);
    char *text = test_keep(malloc(seen.n + 1));
    memcpy(text, seen.clear, seen.n);
    text[seen.n] = '\0';
    seen.clear = (uint8_t *)text;
    return seen;
}

static void reply(const struct peer_seen *to, const char *command, const char *text) {
    CHECK_INT(peer_say_text(p, to->counter, command, text), E_OK);
    rig_settle(rig, p);
}

/* new_str and str_upd for sent of n bytes; the id. */
static const char *send_part(const char *text, size_t n, size_t sent) {
    char total[24], *id = test_keep(malloc(24));
    struct peer_seen seen;
    snprintf(total, sizeof total, "%zu", n);
    say("new_str", total);
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, OK);
    CHECK(text_copy(id, 24, (char *)seen.clear, seen.n));
    char *piece = malloc(seen.n + 1 + sent);
    CHECK(piece);
    memcpy(piece, seen.clear, seen.n);
    piece[seen.n] = ' ';
    memcpy(piece + seen.n + 1, text, sent);
    CHECK_INT(peer_say(p, ++counter, "str_upd", piece, seen.n + 1 + sent), E_OK);
    free(piece);
    ANSWER(OK, "String updated");
    return id;
}

/* A string and its name; the reply is its id. */
static void send(const char *text, size_t n) {
    const char *id = send_part(text, n, n);
    say("syn_a_w_m", id);
    ANSWER(OK, id);
}

#define SEND(text) send(text, strlen(text))

/* A verdict: {"updated_chunks": 3, "error_messages": [], "time_spent": 0.034} */
static struct peer_seen verdict(const char *want) {
    struct peer_seen seen = asked(GOOD);
    CHECK_STR((char *)seen.clear, want);
    return seen;
}

static struct peer_seen error_verdict(const char *want) {
    struct peer_seen seen = asked(BAD);
    CHECK_STR((char *)seen.clear, want);
    return seen;
}

/* A whole string that goes well. */
static void one_round(void) {
    SEND(STRING);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3, .rows = 5));
    struct peer_seen seen =
        verdict("{\"updated_chunks\": 3, \"error_messages\": [], \"time_spent\": 0.000000}");
    reply(&seen, "ok", "Thanks");
}

/* ---- permission ---- */

TEST(permission_takes_nothing) {
    begin();
    PERMISSION("True");
    rig_pass(rig, 1000000); /* a worker that never sends is not locked out */
    PERMISSION("True");
    PERMISSION("True");
    CHECK(!m.busy);
    end();
}

/* A real worker marks its rows when it reads them: it must not read what cannot be applied. */
TEST(no_permission_while_the_store_is_down) {
    begin();
    store.store.down = true;
    PERMISSION("False");
    store.store.down = false;
    PERMISSION("True");
    end();
}

/* ---- a string ---- */

TEST(a_string_is_applied_and_the_worker_told) {
    begin();
    PERMISSION("True");
    SEND(STRING);
    CHECK_INT(p->shared.strings->used, 0); /* taken out of the session */
    FAKE_STORE_LOG(&store, "INFO_WRITE {\"set_data_comma...79\n");
    CHECK_STR(fake_store_blob(fake_store_need(&store, STORE_INFO_WRITE)->blob, NULL), STRING);
    CHECK(m.busy);
    PERMISSION("False");
    EXPECT_NOTHING(p);
    rig_pass(rig, 35);
    CHECK_INT(kicks, 0);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3, .rows = 5));
    CHECK_INT(kicks, 1);
    struct peer_seen seen =
        verdict("{\"updated_chunks\": 3, \"error_messages\": [], \"time_spent\": 0.035000}");
    PERMISSION("False"); /* as a real node: until the worker has replied */
    CHECK_INT(m.end_ns, 0);
    rig_pass(rig, 5);
    reply(&seen, "ok", "Thanks");
    CHECK(!m.busy);
    PERMISSION("True");
    CHECK(rig_log_has(rig, "CYCLE [Worker w1] [Agent-info sync] Starting.\n"));
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-info sync] Finished in 0.040s. Updated 3 chunks.\n"));
    CHECK_INT(m.start_ns, RIG_WALL_NS + 1000000000);
    CHECK_INT(m.end_ns, RIG_WALL_NS + 1040000000);
    CHECK_INT(m.synced_chunks, 3);
    CHECK_INT(m.rows, 5);
    CHECK_INT(m.failures, 0);
    end();
}

TEST(what_goes_well_again_is_no_news) {
    begin();
    one_round();
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-info sync] Finished in"));
    rig_log_clear(rig);
    rig_pass(rig, AGENT_LINES_MS);
    one_round();
    CHECK(!rig_log_has(rig, "INFO"));
    CHECK(rig_log_has(rig, "CYCLE [Worker w1] [Agent-info sync] Finished in 0.000s. Updated 3 chunks.\n"));
    end();
}

/* In the slot of the string, in a window, in the spool. */
TEST(strings_of_every_length) {
    static const size_t sizes[] = {1, 1024, 1025, 100000, BODY_WINDOW_BYTES, BODY_WINDOW_BYTES + 1u, 700000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin();
        char *text = malloc(sizes[i] + 1);
        CHECK(text);
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = (char)('a' + k % 23);
        send(text, sizes[i]);
        CHECK_INT(env.windows->used, sizes[i] > 1024 && sizes[i] <= BODY_WINDOW_BYTES);
        CHECK_INT(p->spill.open, sizes[i] > BODY_WINDOW_BYTES);
        size_t n;
        const char *got = fake_store_blob(fake_store_need(&store, STORE_INFO_WRITE)->blob, &n);
        CHECK_INT(n, sizes[i]);
        CHECK_MEM(got, text, n);
        free(text);
        fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 1, .parts_in_all = 1));
        CHECK_INT(env.windows->used, 0);
        CHECK_INT(p->spill.open, 0);
        asked(GOOD);
        end();
    }
}

/* ---- what goes wrong ---- */

TEST(chunks_that_are_refused) {
    begin();
    one_round();
    rig_log_clear(rig);
    rig_pass(rig, AGENT_LINES_MS);
    SEND(STRING);
    fake_store_answer(
        &store, STORE_INFO_WRITE,
        FAKE(.parts = 2, .parts_in_all = 4, .errors = "[\"err \\u00e9\", \"err two\"]", .error_count = 2));
    struct peer_seen seen =
        verdict("{\"updated_chunks\": 2, \"error_messages\": [\"err \\u00e9\", \"err two\"], "
                "\"time_spent\": 0.000000}");
    reply(&seen, "ok", "Thanks");
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] Wazuh-db response for 2/4 chunks was not "
                           "\"ok\": [\"err \\u00e9\", \"err two\"]\n"));
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-info sync] Finished in 0.000s. Updated 2 chunks.\n"));
    CHECK_INT(m.failures, 1);
    CHECK_INT(m.synced_chunks, 2);
    rig_log_clear(rig);
    rig_pass(rig, AGENT_LINES_MS);
    one_round();
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-info sync] Finished in 0.000s. Updated 3 chunks.\n"));
    end();
}

/* ... by the thousand: each has its verdict, but not its lines. */
TEST(strings_by_the_thousand_leave_the_log) {
    begin();
    unsigned lines = 0;
    for (unsigned i = 0; i < 30; i++) {
        rig_log_clear(rig);
        SEND("{]");
        fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.err = E_SYNTAX, .why = "byte 1"));
        struct peer_seen seen = error_verdict("error while trying to load JSON: byte 1");
        reply(&seen, "ok", "Thanks");
        lines += rig_log_has(rig, "ERROR");
        rig_pass(rig, 100);
    }
    CHECK_INT(lines, 6);
    CHECK_INT(m.failures, 30);
    end();
}

/* The most errors that a job can have fit the verdict. */
TEST(the_longest_verdict) {
    begin();
    SEND(STRING);
    char errors[768], want[900];
    memset(errors, 'x', sizeof errors);
    memcpy(errors, "[\"", 2);
    memcpy(errors + sizeof errors - 3, "\"]", 3);
    fake_store_answer(&store, STORE_INFO_WRITE,
                      FAKE(.parts = UINT32_MAX, .errors = errors, .error_count = UINT32_MAX));
    snprintf(want, sizeof want,
             "{\"updated_chunks\": 4294967295, \"error_messages\": %s, \"time_spent\": 0.000000}", errors);
    verdict(want);
    end();
}

TEST(a_string_that_is_no_json) {
    begin();
    SEND("{]");
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.err = E_SYNTAX, .why = "byte 1"));
    struct peer_seen seen = error_verdict("error while trying to load JSON: byte 1");
    PERMISSION("False");
    reply(&seen, "ok", "Thanks");
    PERMISSION("True");
    CHECK(rig_log_has(
        rig, "ERROR [Worker w1] [Agent-info sync] Error while processing agent-info chunks: byte 1\n"));
    CHECK(!rig_log_has(rig, "Finished"));
    CHECK_INT(m.failures, 1);
    CHECK_INT(m.end_ns, 0);
    end();
}

TEST(a_store_that_fails) {
    begin();
    SEND(STRING);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.err = E_SYS, .why = "disk I/O error"));
    error_verdict("error processing agent-info chunks: disk I/O error");
    end();
}

TEST(a_string_that_is_not_there) {
    begin();
    say("syn_a_w_m", "1538915041");
    ANSWER(OK, "1538915041");
    struct peer_seen seen = error_verdict("error while trying to access string under task_id b'1538915041'.");
    reply(&seen, "ok", "Thanks");
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] error while trying to access string under "
                           "task_id b'1538915041'.\n"));
    FAKE_STORE_LOG(&store, "");
    CHECK_INT(m.failures, 1);
    PERMISSION("True");
    end();
}

/* A real node would find zeros behind what came. It stays, in case the rest comes, until its time is over. */
TEST(a_string_that_is_not_complete) {
    begin();
    const char *id = send_part(STRING, strlen(STRING), 20);
    say("syn_a_w_m", id);
    ANSWER(OK, id);
    char want[100];
    snprintf(want, sizeof want, "error while trying to access string under task_id b'%s'.", id);
    error_verdict(want);
    FAKE_STORE_LOG(&store, "");
    end();
}

TEST(a_second_string_is_refused_and_forgotten) {
    begin();
    SEND(STRING);
    const char *id = send_part(STRING, 10, 10);
    CHECK_INT(p->shared.strings->used, 1);
    say("syn_a_w_m", id);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, ERR);
    CHECK_INT(seen.counter, counter);
    CHECK(text_has((char *)seen.clear, seen.n, "\"code\": 3037"));
    CHECK_INT(p->shared.strings->used, 0);
    FAKE_STORE_LOG(&store, "INFO_WRITE {\"set_data_comma...79\n");
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 1, .parts_in_all = 1));
    verdict("{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0.000000}");
    end();
}

/* ---- time ---- */

#define LATE "Timeout while processing agent-info chunks."

/* The worker is told, the job goes on, and nothing new begins before it has ended. */
TEST(a_store_that_takes_too_long) {
    begin();
    SEND(STRING);
    rig_pass(rig, 39999);
    EXPECT_NOTHING(p);
    rig_pass(rig, 1);
    CHECK_INT(kicks, 1);
    struct peer_seen seen = error_verdict(LATE);
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] " LATE "\n"));
    reply(&seen, "ok", "Thanks");
    PERMISSION("False");
    rig_pass(rig, 100000);
    PERMISSION("False");
    EXPECT_NOTHING(p);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3, .rows = 5));
    rig_settle(rig, p);
    EXPECT_NOTHING(p); /* one verdict per string */
    PERMISSION("True");
    CHECK_INT(m.rows, 5);
    CHECK_INT(m.failures, 1);
    CHECK_INT(m.end_ns, 0);
    one_round();
    end();
}

TEST(it_ends_before_the_worker_has_replied_that_it_was_late) {
    begin();
    SEND(STRING);
    rig_pass(rig, 40000);
    struct peer_seen seen = error_verdict(LATE);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3));
    EXPECT_NOTHING(p);
    PERMISSION("False");
    reply(&seen, "ok", "Thanks");
    PERMISSION("True");
    CHECK_INT(m.end_ns, 0);
    end();
}

TEST(a_worker_that_does_not_reply) {
    begin();
    SEND(STRING);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3));
    asked(GOOD);
    rig_pass(rig, 20000);
    CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    PERMISSION("True");
    CHECK(rig_log_has(rig, "Finished in 20.000s. Updated 3 chunks.\n")); /* as a real node has it */
    end();
}

/* The socket takes nothing: the verdict waits until it does, and is told once. */
TEST(no_room_for_the_verdict) {
    static const uint8_t much[4096];
    begin();
    SEND(STRING);
    unsigned n = 0;
    for (size_t size = sizeof much; size; size /= 2)
        while (session_request(&p->s, "echo-m", much, size, NULL, NULL, NULL) == E_OK)
            n++;
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3));
    rig_pass(rig, 600);
    CHECK(m.busy && m.telling);
    for (unsigned i = 0; i < n; i++)
        asked("echo-m -----");
    EXPECT_NOTHING(p);
    rig_pass(rig, 500);
    struct peer_seen seen =
        verdict("{\"updated_chunks\": 3, \"error_messages\": [], \"time_spent\": 0.000000}");
    rig_pass(rig, 5000);
    EXPECT_NOTHING(p);
    reply(&seen, "ok", "Thanks");
    PERMISSION("True");
    end();
}

/* ---- the link goes ---- */

TEST(the_link_goes_while_the_store_works) {
    for (int early = 0; early < 2; early++) {
        begin();
        SEND(STRING);
        if (early) /* before session_fini */
            agent_info_master_fini(&m);
        end();
        CHECK_INT(store.cancelled, 1);
        CHECK(!m.busy);
    }
}

TEST(the_link_goes_before_the_worker_has_replied) {
    for (int early = 0; early < 2; early++) {
        begin();
        SEND(STRING);
        fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3));
        asked(GOOD);
        if (early) { /* from then on it is not touched */
            agent_info_master_fini(&m);
            memset(&m, 0xa5, sizeof m);
            struct agent_info_master as_it_was = m;
            peer_close(p);
            CHECK_MEM(&m, &as_it_was, sizeof m);
            agent_info_master_init(&m, &env, "Worker w1", &p->s, kick, &m);
        }
        end();
        CHECK(!rig_log_has(rig, "Finished"));
        CHECK_INT(m.end_ns, 0);
    }
}

/* Between the end of the session and that of its owner the store may be done. */
TEST(the_store_is_done_when_the_session_has_ended) {
    begin();
    SEND(STRING);
    peer_close(p);
    fake_store_answer(&store, STORE_INFO_WRITE, FAKE(.parts = 3, .parts_in_all = 3));
    rig_pass(rig, AGENT_LINES_MS);
    end();
}
