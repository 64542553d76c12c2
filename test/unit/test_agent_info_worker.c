/* test_agent_info_worker.c - the worker's agent information with a master and a store that are played by
 * hand: every message and every silence in every state, and what becomes of the rows. Messages are those of
 * the transcript of 4.14.7 and of the reference, sections 4.2 and 6. */
#include "task/agent_info_worker.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define STRING "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": {}}"
#define TOTAL "79" /* of it */
#define ID "1538915041"
#define GOOD "{\"updated_chunks\": 3, \"error_messages\": [], \"time_spent\": 0.0348216270000421}"
#define BAD "{\"updated_chunks\": 2, \"error_messages\": [\"err Invalid JSON\"], \"time_spent\": 0.1}"
#define NONE "{\"updated_chunks\": 0, \"error_messages\": [], \"time_spent\": 0.1}"

static struct rig *rig;
static struct intervals intervals;
static struct agents_env env;
static struct fake_store store;
static struct agent_info_worker w;
static struct peer *p;
static uint32_t counter;
static unsigned kicks;

static void request(void *owner, struct session *s, const struct message *m) {
    (void)owner, (void)s;
    agent_info_worker_request(&w, m);
}

static void kick(void *arg) {
    CHECK(arg == &w);
    kicks++;
}

static void link_up(void) {
    p = peer_open(&rig->clock, TO_WORKER, NULL);
    p->events.request = request;
    p->events.alive = NULL;
    agent_info_worker_link_up(&w, &p->s, kick, &w);
}

static void link_down(void) {
    agent_info_worker_link_down(&w);
    peer_close(p);
}

static void begin(const char *version, bool marks) {
    if (!rig) {
        rig = rig_new(1, 1);
        fake_store_init(&store);
    }
    fake_store_log_clear(&store);
    rig_log_clear(rig);
    store.cancelled = 0;
    store.store.marks_on_reading = marks;
    intervals = rig->intervals;
    intervals.sync_agent_info_ms = 10000;
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
    agent_info_worker_init(&w, &env);
    CHECK_INT(w.state, AI_OFF);
    kicks = 0;
    link_up();
}

static void end(void) {
    if (p->open)
        link_down();
    agent_info_worker_fini(&w);
    CHECK_INT(env.windows->used, 0);
    CHECK_INT(rig->loop.timer_count, 0);
}

/* ---- the master's part ---- */

static void say(const char *command, const char *text) {
    CHECK_INT(peer_say_text(p, ++counter, command, text), E_OK);
}
#define ANSWER(field, text) EXPECT(p, counter, field, text)

static void move(void) {
    enum step step;
    do {
        step = session_step(&p->s);
        CHECK(step != STEP_FAILED);
    } while (step == STEP_AGAIN || peer_drain(p, SIZE_MAX));
}

/* The next request of the worker; its payload is text. */
static uint32_t asked(const char *field, const char *text) {
    struct peer_seen seen;
    move();
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, field);
    CHECK_INT(seen.n, strlen(text));
    CHECK_MEM(seen.clear, text, seen.n);
    return seen.counter;
}

static void reply(uint32_t to, const char *command, const char *text) {
    CHECK_INT(peer_say_text(p, to, command, text), E_OK);
    move();
}

static void nothing_asked(void) {
    move();
    EXPECT_NOTHING(p);
}

/* Each goes on from the one before, and ends with what the next begins with. */
static uint32_t to_ask(void) {
    loop_turn(&rig->loop, 0);
    CHECK_INT(w.state, AI_ASK);
    CHECK(kicks > 0);
    kicks = 0;
    return asked("syn_a_w_m_p ", "");
}

static void to_read(void) {
    reply(to_ask(), "ok", "True");
    CHECK_INT(w.state, AI_READ);
    fake_store_need(&store, STORE_INFO_READ);
    nothing_asked();
}

static uint32_t to_send(void) {
    to_read();
    fake_store_answer(&store, STORE_INFO_READ, FAKE(.append = STRING, .parts = 3, .rows = 20));
    CHECK_INT(w.state, AI_SEND);
    CHECK(kicks > 0);
    kicks = 0;
    return asked("new_str ----", TOTAL);
}

static uint32_t name_it(uint32_t new_str) {
    reply(new_str, "ok", ID);
    reply(asked("str_upd ----", ID " " STRING), "ok", "String updated");
    CHECK_INT(w.state, AI_NAME);
    return asked("syn_a_w_m --", ID);
}

static void wait_for(uint32_t new_str) {
    reply(name_it(new_str), "ok", ID);
    CHECK_INT(w.state, AI_WAIT);
}

static void to_wait(void) {
    wait_for(to_send());
}

static void verdict(const char *text) {
    say("syn_m_a_e", text);
    ANSWER("ok ---------", "Thanks");
    nothing_asked();
}

/* The kept string goes out again, with nothing read. */
static void again(void) {
    fake_store_log_clear(&store);
    reply(to_ask(), "ok", "True");
    wait_for(asked("new_str ----", TOTAL));
    FAKE_STORE_LOG(&store, "");
}

static void idle_for(uint64_t ms) {
    CHECK_INT(w.state, AI_IDLE);
    rig_pass(rig, ms - 1);
    CHECK_INT(w.state, AI_IDLE);
    nothing_asked();
    rig->clock.now_ms++;
    rig->faults.now_ns += 1000000u;
}

/* ---- cases ---- */

TEST(a_round_is_the_transcripts) {
    begin("4.14.7", false);
    to_wait();
    rig_pass(rig, 35);
    verdict(GOOD);
    CHECK_INT(w.state, AI_CONFIRM);
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Agent-info sync] Finished in 0.035s. Updated 3 chunks."));
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    char read_and_confirmed[300];
    snprintf(read_and_confirmed, sizeof read_and_confirmed, "INFO_READ\nINFO_CONFIRM %.16s...%zu\n", STRING,
             strlen(STRING));
    FAKE_STORE_LOG(&store, read_and_confirmed);
    CHECK_INT(w.rounds, 1);
    CHECK_INT(w.sent_rows, 20);
    CHECK_INT(w.failures, 0);
    CHECK_INT(w.sync_ms, 1035);
    CHECK_INT(w.blob.size, 0);
    idle_for(10000);
    to_read(); /* and so on; the second is no news */
    fake_store_answer(&store, STORE_INFO_READ, FAKE(.append = STRING, .parts = 3, .rows = 2));
    reply(asked("new_str ----", TOTAL), "ok", "7");
    reply(asked("str_upd ----", "7 " STRING), "ok", "String updated");
    reply(asked("syn_a_w_m --", "7"), "ok", "7");
    rig_log_clear(rig);
    verdict(GOOD);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    CHECK_INT(w.sent_rows, 22);
    CHECK(rig_log_has(rig, "CYCLE [Worker w1] [Agent-info sync] Finished in"));
    end();
}

TEST(nothing_to_send) {
    static const char *const versions[] = {"4.9.2", "4.14.7"};
    static const char *const lines[] = {"CYCLE [Worker w1] [Agent-info sync] Finished in 0.000s. Updated 0",
                                        "CYCLE [Worker w1] [Agent-info sync] No synchronization required, "
                                        "skipping."};
    for (int i = 0; i < 2; i++) {
        begin(versions[i], i == 1);
        to_read();
        fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
        CHECK(rig_log_has(rig, lines[i]));
        nothing_asked();
        CHECK_INT(w.rounds, 1);
        idle_for(10000);
        FAKE_STORE_LOG(&store, "INFO_READ\n");
        to_read();
        fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
        end();
    }
}

TEST(no_permission) {
    begin("4.14.7", false);
    reply(to_ask(), "ok", "False");
    CHECK(rig_log_has(rig,
                      "DEBUG [Worker w1] [Agent-info sync] Master didn't grant permission to start a new "
                      "synchronization: False"));
    idle_for(10000);
    reply(to_ask(), "ok", "Truer");
    idle_for(10000);
    reply(to_ask(), "err",
          "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", "
          "\"__object__\": {\"code\": 3023, \"extra_message\": null}}}");
    CHECK(rig_log_has(rig, "synchronization: Error 3023"));
    idle_for(10000);
    to_ask();
    rig_pass(rig, 20000);
    CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] Error asking for permission: Error 3020"));
    idle_for(10000);
    FAKE_STORE_LOG(&store, "");
    CHECK_INT(w.failures, 0);
    end();
}

/* One line while the store is away, and rounds go on. */
TEST(the_store_gives_nothing) {
    begin("4.14.7", true);
    for (int i = 0; i < 3; i++) {
        rig_log_clear(rig);
        to_read();
        fake_store_answer(&store, STORE_INFO_READ,
                          FAKE(.err = E_CLOSED, .why = "wazuh-db does not answer", .append = "half"));
        CHECK(rig_log_has(rig, "ERROR") == (i == 0));
        CHECK_INT(w.blob.size, 0);
        CHECK_INT(w.failures, i + 1);
        idle_for(10000);
    }
    to_read();
    fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
    idle_for(10000);
    rig_log_clear(rig);
    to_read();
    fake_store_answer(&store, STORE_INFO_READ, FAKE(.err = E_SPACE));
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-info sync] Error synchronizing agent info: the store: no"));
    end();
}

/* What follows a verdict in the round after next, by dialect. */
static const struct {
    const char *version, *command, *text;
    bool confirmed, refused;
} verdicts[] = {
    {"4.14.7", "syn_m_a_e", GOOD, true, false},
    {"4.14.7", "syn_m_a_e", "{\"updated_chunks\": 1, \"error_messages\": [], \"time_spent\": 0}", true,
     false},
    {"4.14.7", "syn_m_a_e", NONE, false, false}, /* its wazuh-db is down: 4.14.7 says no more than this */
    {"4.14.7", "syn_m_a_e", BAD, false, true},
    {"4.9.2", "syn_m_a_e", GOOD, true, false},
    {"4.9.2", "syn_m_a_e", "{\"updated_chunks\": 2, \"error_messages\": []}", false, true},
    {"4.9.2", "syn_m_a_e", NONE, false, false},
    {"4.9.2", "syn_m_a_e", BAD, false, true},
    {"4.9.2", "syn_m_a_e", "{\"updated_chunks\": 0, \"error_messages\": [\"a\", \"b\", \"c\"]}", false, true},
    {"4.9.2", "syn_m_a_e", "", false, true},
    {"4.9.2", "syn_m_a_e", "{\"error_messages\": []}", false, true},
    {"4.9.2", "syn_m_a_e", "[3]", false, true},
    {"4.9.2", "syn_m_a_err", "error processing agent-info chunks in process pool: x", false, false},
    {"4.9.2", "syn_m_a_err", "error while trying to access string under task_id b'1'.", false, false},
    {"4.9.2", "syn_m_a_err", "error while trying to load JSON: Expecting value", false, true},
    {"4.9.2", "syn_m_a_err", "", false, false},
};

TEST(verdicts) {
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        for (int marks = 0; marks < 2; marks++) {
            begin(verdicts[i].version, marks);
            to_wait();
            rig_log_clear(rig);
            say(verdicts[i].command, verdicts[i].text);
            ANSWER("ok ---------", "Thanks");
            nothing_asked();
            CHECK_INT(rig_log_has(rig, "ERROR"),
                      !verdicts[i].confirmed && strcmp(verdicts[i].text, NONE) &&
                          !strstr(verdicts[i].text, ": 2, \"error_messages\": []"));
            CHECK_INT(w.refusals, verdicts[i].refused);
            CHECK_INT(w.failed, !verdicts[i].confirmed && !verdicts[i].refused);
            CHECK_INT(w.failures, !verdicts[i].confirmed);
            if (verdicts[i].confirmed)
                fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
            else if (!marks)
                fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
            else
                CHECK_INT(w.blob.size, strlen(STRING));
            CHECK_INT(store.count, 0);
            idle_for(10000);
            if (!verdicts[i].confirmed && marks) {
                again();
                verdict(GOOD);
                fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
                idle_for(10000);
            }
            CHECK(!w.kept);
            end();
        }
}

TEST(three_refusals_are_for_good) {
    for (int marks = 0; marks < 2; marks++) {
        begin("4.9.2", marks);
        for (int i = 1; i <= 3; i++) {
            if (i > 1 && marks)
                again();
            else
                to_wait();
            rig_log_clear(rig);
            verdict(BAD);
            CHECK(
                rig_log_has(rig, "Updated 2 chunks. There were 1 chunks with errors: ['err Invalid JSON']"));
            CHECK_INT(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] The master did not take the "
                                       "information of 20 agents 3 times in a row"),
                      i == 3);
            if (i == 3)
                fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
            else if (!marks)
                fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
            idle_for(10000);
        }
        CHECK_INT(w.rounds, 0);
        CHECK_INT(w.sent_rows, 0);
        CHECK_INT(w.failures, 3);
        CHECK_INT(w.refusals, 0);
        CHECK(!w.kept);
        to_read();
        fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
        end();
    }
}

/* A good round between them begins the count anew. */
TEST(refusals_are_counted_in_a_row) {
    begin("4.9.2", false);
    for (int i = 0; i < 6; i++) {
        to_wait();
        verdict(i % 3 < 2 ? BAD : GOOD);
        fake_store_answer(&store, i % 3 < 2 ? STORE_INFO_RELEASE : STORE_INFO_CONFIRM, FAKE_OK);
        idle_for(10000);
    }
    CHECK_INT(w.sent_rows, 40);
    end();
}

/* 10, 20, 40, 60, 60 ... seconds. An embedded store's rows are read anew each time and never given up; a kept
 * string is, after 60 times. */
TEST(a_master_that_takes_nothing) {
    for (int marks = 0; marks < 2; marks++) {
        begin("4.14.7", marks);
        uint64_t pause = 10000;
        for (int i = 1; i <= 62; i++) {
            if (marks && i > 1 && i != 61)
                again();
            else
                to_wait();
            verdict(NONE);
            if (marks && i == 60) {
                CHECK(rig_log_has(rig, "agents 60 times in a row"));
                fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
                pause = 10000;
            } else if (!marks) {
                fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
            }
            idle_for(pause);
            if (!(marks && i == 60))
                pause = pause < 40000 ? pause * 2 : 60000;
            fake_store_log_clear(&store);
            rig_log_clear(rig);
        }
        end();
    }
}

/* The period is the least. */
TEST(a_long_period_is_the_pause) {
    begin("4.14.7", false);
    intervals.sync_agent_info_ms = 90000;
    for (int i = 0; i < 3; i++) {
        to_wait();
        verdict(NONE);
        fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
        idle_for(90000);
    }
    end();
}

TEST(a_verdict_is_waited_for_while_the_master_is_at_it) {
    begin("4.14.7", false);
    to_wait();
    for (int i = 0; i < 20; i++) {
        rig_pass(rig, 9999);
        CHECK_INT(w.state, AI_WAIT);
        nothing_asked();
        rig_pass(rig, 1);
        reply(to_ask(), "ok", "False");
        CHECK_INT(w.state, AI_WAIT);
    }
    CHECK_INT(w.failures, 0);
    verdict(GOOD);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    CHECK_INT(w.rounds, 1);
    end();
}

TEST(a_master_that_is_done_without_a_verdict) {
    for (int marks = 0; marks < 2; marks++) {
        begin("4.14.7", marks);
        to_wait();
        rig_pass(rig, 10000);
        reply(to_ask(), "ok", "True");
        nothing_asked();
        CHECK(rig_log_has(rig, "the master is done with the last string and said nothing about it"));
        if (!marks)
            fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
        CHECK_INT(w.failures, 1);
        idle_for(10000);
        /* Its verdict, should it come after all, is about nothing. */
        say("syn_m_a_e", GOOD);
        ANSWER("ok ---------", "Thanks");
        CHECK_INT(store.count, 0);
        end();
    }
}

/* The master answers and acts in one breath; and permission may be asked for in the same moment. */
TEST(a_verdict_overtakes_replies) {
    begin("4.14.7", false);
    uint32_t naming = name_it(to_send());
    verdict(GOOD);
    CHECK_INT(w.state, AI_CONFIRM);
    reply(naming, "ok", ID);
    CHECK_INT(w.state, AI_CONFIRM);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    idle_for(10000);
    to_wait();
    rig_pass(rig, 10000);
    uint32_t asking = to_ask();
    verdict(GOOD);
    reply(asking, "ok", "True");
    CHECK_INT(w.state, AI_CONFIRM);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    idle_for(10000);
    CHECK_INT(w.rounds, 2);
    end();
}

TEST(verdicts_nobody_waits_for) {
    begin("4.14.7", false);
    say("syn_m_a_e", GOOD);
    ANSWER("ok ---------", "Thanks");
    to_read();
    say("syn_m_a_e", BAD);
    ANSWER("ok ---------", "Thanks");
    CHECK_INT(w.state, AI_READ);
    fake_store_answer(&store, STORE_INFO_READ, FAKE(.append = STRING, .parts = 3, .rows = 20));
    uint32_t new_str = asked("new_str ----", TOTAL);
    say("syn_m_a_err", "too late");
    ANSWER("ok ---------", "Thanks");
    CHECK_INT(w.state, AI_SEND);
    CHECK(!rig_log_has(rig, "ERROR"));
    wait_for(new_str);
    verdict(GOOD);
    say("syn_m_a_e", GOOD);
    ANSWER("ok ---------", "Thanks");
    CHECK_INT(w.state, AI_CONFIRM);
    CHECK_INT(store.count, 1);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    CHECK_INT(w.failures, 0);
    CHECK_INT(w.rounds, 1);
    end();
}

TEST(confirmed_but_not_marked) {
    begin("4.14.7", false);
    to_wait();
    verdict(GOOD);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE(.err = E_SPACE, .why = "no room"));
    CHECK(rig_log_has(rig,
                      "ERROR [Worker w1] [Agent-info sync] What the master confirmed could not be marked, "
                      "so it is sent again: no room"));
    CHECK_INT(w.failures, 1);
    CHECK_INT(w.rounds, 0);
    CHECK_INT(w.blob.size, 0);
    idle_for(10000);
    to_read();
    fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
    end();
}

/* The string is refused at each of its steps, or nobody answers. */
TEST(sending_fails) {
    for (int marks = 0; marks < 2; marks++)
        for (int at = 0; at < 4; at++) {
            begin("4.14.7", marks);
            uint32_t to = to_send();
            if (at == 1) {
                reply(to, "ok", ID);
                to = asked("str_upd ----", ID " " STRING);
            } else if (at == 2) {
                to = name_it(to);
            }
            if (at == 3)
                reply(to, "ok", "no number");
            else
                reply(to, "err", "no");
            move();
            CHECK(rig_log_has(rig,
                              "ERROR [Worker w1] [Agent-info sync] Error synchronizing agent info: Error "));
            CHECK_INT(w.failures, 1);
            if (!marks)
                fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
            idle_for(10000);
            peer_drain(p, SIZE_MAX);
            end();
        }
}

/* No reply to syn_a_w_m in time: the master may have the string all the same. */
TEST(naming_has_no_answer) {
    begin("4.14.7", false);
    name_it(to_send());
    rig_pass(rig, 20000);
    CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    CHECK_INT(w.state, AI_WAIT);
    verdict(GOOD);
    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
    idle_for(10000);
    end();
}

static void long_string(size_t n) {
    char *bytes = test_keep(malloc(n));
    memset(bytes, 'x', n);
    fake_store_answer(&store, STORE_INFO_READ, FAKE(.append = bytes, .append_n = n, .parts = 1, .rows = 1));
}

/* A second apart, five times in all. */
TEST(no_sender_is_free) {
    for (int free_at = 2; free_at <= 6; free_at++) {
        begin("4.14.7", false);
        void *all[64];
        unsigned n = 0;
        while (n < 64 && (all[n] = pool_take(p->shared.senders)) != NULL)
            n++;
        to_read();
        long_string(9000);
        for (int i = 2; i <= free_at && i <= 5; i++) {
            CHECK_INT(w.state, AI_SEND);
            nothing_asked();
            if (i == free_at)
                while (n)
                    pool_give(p->shared.senders, all[--n]);
            rig_pass(rig, 1000);
        }
        if (free_at <= 5) {
            asked("new_str ----", "9000");
            link_down();
        } else { /* and as often in the next round */
            CHECK(rig_log_has(rig, "ERROR [Worker w1] [Agent-info sync] Error synchronizing agent info: "));
            fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
            idle_for(10000);
            to_read();
            long_string(9000);
            rig_pass(rig, 1000);
            CHECK_INT(w.state, AI_SEND);
            while (n)
                pool_give(p->shared.senders, all[--n]);
            link_down();
        }
        fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
        CHECK_INT(w.failures, free_at <= 5 ? 1 : 2);
        end();
    }
}

/* The own spool does not give the string back. */
TEST(the_spool_fails) {
    begin("4.14.7", true);
    to_read();
    long_string(300000);
    CHECK_INT(rig->spill.open, 1);
    uint32_t new_str = asked("new_str ----", "300000");
    rig->spill.fail_with = E_SYS;
    reply(new_str, "ok", ID);
    CHECK(rig_log_has(rig, "Error synchronizing agent info: "));
    CHECK_INT(w.state, AI_IDLE);
    CHECK(w.kept);
    rig->spill.fail_with = E_OK;
    peer_drain(p, SIZE_MAX);
    end();
    CHECK_INT(rig->spill.open, 0);
    CHECK(rig_log_has(rig,
                      "WARNING [Worker w1] [Agent-info sync] The information of 1 agents was read and not "
                      "confirmed by the master"));
}

/* ---- the link ---- */

static void go_to(int state) {
    if (state == AI_ASK)
        to_ask();
    if (state == AI_READ)
        to_read();
    if (state == AI_SEND)
        to_send();
    if (state == AI_NAME)
        name_it(to_send());
    if (state >= AI_WAIT)
        to_wait();
    if (state == AI_CONFIRM)
        verdict(GOOD);
    if (state == AI_RELEASE)
        verdict(NONE);
}

/* The link goes in every state, and comes back before or after the store has answered. */
TEST(link_lost) {
    for (int marks = 0; marks < 2; marks++)
        for (int state = AI_IDLE; state <= AI_RELEASE; state++)
            for (int soon = 0; soon < 2; soon++) {
                if (state == AI_RELEASE && marks)
                    continue; /* never */
                begin("4.14.7", marks);
                go_to(state);
                CHECK_INT(w.state, state);
                rig_log_clear(rig);
                link_down();
                if (soon)
                    link_up();
                if (state == AI_READ)
                    fake_store_answer(&store, STORE_INFO_READ,
                                      FAKE(.append = STRING, .parts = 3, .rows = 20));
                if (state == AI_CONFIRM)
                    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
                else if (!marks && state >= AI_READ)
                    fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
                CHECK_INT(store.count, 0);
                CHECK_INT(w.kept, marks && state >= AI_READ && state != AI_CONFIRM);
                CHECK_INT(w.rounds, state == AI_CONFIRM);
                CHECK_INT(w.failures, (state >= AI_SEND && state <= AI_WAIT) || state == AI_RELEASE);
                CHECK_INT(w.state, soon ? AI_IDLE : AI_OFF);
                CHECK(!rig_log_has(rig, "WARNING"));
                if (!soon) {
                    rig_pass(rig, 100000);
                    link_up();
                }
                if (w.kept) {
                    again(); /* at once */
                    verdict(GOOD);
                    fake_store_answer(&store, STORE_INFO_CONFIRM, FAKE_OK);
                    CHECK_INT(w.sent_rows, 20);
                } else {
                    to_read();
                    fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
                }
                idle_for(10000);
                end();
            }
}

/* As it is when session_fini comes first: its callbacks say that all is lost. */
TEST(link_lost_the_other_way_round) {
    for (int state = AI_IDLE; state <= AI_WAIT; state++) {
        begin("4.14.7", true);
        go_to(state);
        peer_close(p);
        CHECK_INT(w.state, state);
        agent_info_worker_link_down(&w);
        if (state == AI_READ)
            fake_store_answer(&store, STORE_INFO_READ, FAKE_OK);
        CHECK_INT(w.state, AI_OFF);
        end();
    }
}

/* Between link_down and session_fini the session may still move: nothing of it is the task's any more. */
TEST(the_session_lives_longer) {
    begin("4.14.7", false);
    uint32_t asking = to_ask();
    agent_info_worker_link_down(&w);
    reply(asking, "ok", "True");
    CHECK_INT(w.state, AI_OFF);
    peer_close(p);
    link_up();
    to_read();
    long_string(300000);
    uint32_t new_str = asked("new_str ----", "300000");
    agent_info_worker_link_down(&w);
    fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
    reply(new_str, "ok", ID);
    CHECK_INT(w.state, AI_OFF);
    CHECK_INT(w.failures, 1);
    CHECK(!rig_log_has(rig, "ERROR"));
    peer_close(p);
    link_up();
    uint32_t naming = name_it(to_send());
    agent_info_worker_link_down(&w);
    reply(naming, "ok", ID);
    CHECK_INT(w.state, AI_RELEASE);
    fake_store_answer(&store, STORE_INFO_RELEASE, FAKE_OK);
    peer_close(p);
    end();
}

TEST(the_node_ends) {
    for (int marks = 0; marks < 2; marks++)
        for (int state = AI_IDLE; state <= AI_RELEASE; state++) {
            if (state == AI_RELEASE && marks)
                continue;
            begin("4.14.7", marks);
            go_to(state);
            bool job = state == AI_READ || state == AI_CONFIRM || state == AI_RELEASE;
            rig_log_clear(rig);
            agent_info_worker_fini(&w);
            CHECK_INT(store.cancelled, job);
            CHECK_INT(store.count, 0);
            CHECK_INT(w.state, AI_OFF);
            CHECK_INT(env.windows->used, 0);
            CHECK_INT(rig->loop.timer_count, 0);
            bool lost = marks && state >= AI_READ && state != AI_CONFIRM;
            CHECK_INT(rig_log_has(rig, "WARNING"), lost);
            CHECK_INT(rig_log_has(rig, "The information of 20 agents was read"), lost && state != AI_READ);
            peer_close(p);
        }
}
