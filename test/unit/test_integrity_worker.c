/* test_integrity_worker.c - the worker's task with its master, which is played by hand: every message and
 * every silence in every state, and what becomes of the files. Answers are those of the transcripts and of
 * the reference, sections 4.2, 5.3 and 5.5. */
#include "task/integrity_worker.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH "queue/cluster/w1/w1-1795170639.14559-dcfef33dcf9548e194052d315f42c788.zip"
#define TASK "5bf2125c-929f-424c-8ea5-77fcbfbabd9d" /* the master's */
#define NO_TASK "d499c5d4-8754-470d-90eb-0f41e130deac"
#define FAILED(code, extra)                                                                                  \
    "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "           \
    "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": " code ", \"extra_message\": " extra     \
    ", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}"
/* What a master's get_files_status says; blake2b(b"beta\n"). */
#define BETA                                                                                                 \
    "\"etc/lists/b\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": \"etc/lists/\", \"merged\": "       \
    "false, \"hash\": \"651ba45e7581f1d9fac80b50a9357919667d60bff4a514b11135848923d8ba1e"                    \
    "0ed9c6a8afc4626ce6c297699bddba1b7d4102d3d129939aa39767b3d661b32e\"}"
#define GIVE_B "{\"missing\": {" BETA "}, \"extra\": {}, \"shared\": {}}"

static struct rig *rig;
static struct stage stage;
static struct integrity_worker w;
static struct peer *p;
static uint32_t counter;
static unsigned kicks;
static bool was_ours;

static void request(void *owner, struct session *s, const struct message *m) {
    (void)owner, (void)s;
    integrity_worker_request(&w, m);
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    (void)owner, (void)s;
    return integrity_worker_file_begin(&w, path, sink, e);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner, (void)s;
    integrity_worker_file_end(&w, path, good);
}

static void cancelled(void *owner, struct session *s, const char *id, const struct wazuh_error *why) {
    (void)owner, (void)s;
    was_ours = integrity_worker_cancelled(&w, id, why);
}

static void kick(void *arg) {
    CHECK(arg == &w);
    kicks++;
}

static void link_up(void) {
    p = peer_open(&rig->clock, TO_WORKER, NULL);
    p->events.request = request;
    p->events.file_begin = file_begin;
    p->events.file_end = file_end;
    p->events.cancelled = cancelled;
    p->events.alive = NULL;
    integrity_worker_link_up(&w, &p->s, kick, &w);
}

/* As role/link and role/worker do it. */
static void link_down(void) {
    peer_close(p);
    integrity_worker_link_down(&w);
}

static void begin(void) {
    rig = rig_new(1, 1);
    rig_write("etc/rules/a.xml", "alpha\n", 1690000000000000000);
    rig_write("queue/cluster/w1/x", "", 1690000000000000000);
    stage_init(&stage, &rig->faults.sys, rig->root, &rig->items, UINT32_MAX, UINT32_MAX, 1u << 20, 7);
    integrity_worker_init(&w, &rig->env, &stage);
    CHECK_INT(w.state, IW_OFF);
    kicks = 0;
}

static bool is_there(const char *path) {
    return test_read_file(path, NULL) != NULL;
}

static void check_all_free(void) {
    CHECK_INT(rig->env.checkers->used, 0);
    CHECK_INT(rig->env.senders->used, 0);
    CHECK_INT(rig->env.windows->used, 0);
    CHECK_INT(rig->spill.open, 0);
    CHECK_INT(stage.folder, -1);
    CHECK(!w.work.queued);
}

static void end(void) {
    if (p->open)
        link_down();
    integrity_worker_fini(&w);
    scanner_stop(&rig->scanner); /* of the round that follows a set */
    check_all_free();
    CHECK_INT(rig->loop.timer_count, 0);
}

/* ---- speaking ---- */

/* Without a turn of the loop: what is READ or APPLY stays so. */
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

static struct peer_seen asked(const char *field) {
    struct peer_seen seen;
    move();
    CHECK(peer_next(p, &seen));
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
    move();
}

static uint8_t *package;
static size_t package_n;

/* Each goes on from the one before. */
static struct peer_seen to_ask(void) {
    loop_turn(&rig->loop, 0);
    if (w.state == IW_IDLE)
        rig_pass(rig, 9000);
    CHECK_INT(w.state, IW_ASK);
    CHECK(kicks > 0);
    struct peer_seen seen = asked("syn_i_w_m_p ");
    CHECK_INT(seen.n, 0);
    return seen;
}

static void to_scan(void) {
    struct peer_seen seen = to_ask();
    reply(&seen, "ok", "True");
    CHECK_INT(w.state, IW_SCAN);
}

static struct peer_seen to_start(void) {
    to_scan();
    rig_work(rig);
    CHECK_INT(w.state, IW_START);
    struct peer_seen seen = asked("syn_i_w_m --");
    CHECK_INT(seen.n, 0);
    return seen;
}

static void to_send(void) {
    struct peer_seen seen = to_start();
    reply(&seen, "ok", TASK);
    CHECK_INT(w.state, IW_SEND);
}

static struct peer_seen to_end(void) {
    char path[XFER_PATH_BYTES], want[400];
    to_send();
    package = rig_receive_file(rig, p, path, &package_n);
    CHECK(strncmp(path, "/queue/cluster/this-node/this-node-17951", 40) == 0);
    CHECK_INT(w.state, IW_END);
    struct peer_seen seen = asked("syn_i_w_m_e ");
    snprintf(want, sizeof want, TASK " %s", path + 1);
    CHECK_STR((char *)seen.clear, want);
    return seen;
}

static void to_verdict(void) {
    struct peer_seen seen = to_end();
    reply(&seen, "ok", "File correctly received");
    CHECK_INT(w.state, IW_VERDICT);
}

static void to_receive(void) {
    struct peer_seen seen;
    to_verdict();
    say("syn_m_c", "");
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "ok ---------");
    CHECK_INT(seen.n, 36);
    CHECK_MEM(seen.clear, w.task_id, 36);
    CHECK_INT(w.state, IW_RECEIVE);
}

static void say_end(const char *id, const char *path) {
    char text[300];
    snprintf(text, sizeof text, "%s %s", id, path);
    say("syn_m_c_e", text);
}

static void to_whole(const char *const *members) {
    size_t n;
    to_receive();
    uint8_t *bytes = rig_package(&n, members);
    rig_send_file(rig, p, "/" PATH, bytes, n, true);
}

static void to_read_with(const char *const *members) {
    to_whole(members);
    say_end(w.task_id, PATH);
    ANSWER("ok ---------", "File correctly received");
}

static const char *const give_b[] = {"etc/lists/b", "beta\n", "files_metadata.json", GIVE_B, NULL};

/* ---- the good ways ---- */

TEST(in_sync) {
    begin();
    link_up();
    CHECK_INT(w.state, IW_IDLE);
    loop_turn(&rig->loop, 0); /* the first check is made at once */
    CHECK_INT(w.state, IW_ASK);
    to_end();
    /* The package is the manifest and nothing else; blake2b(b"alpha\n"). */
    CHECK_STR(rig_member(package, package_n, "files_metadata.json", NULL),
              "{\"etc/rules/a.xml\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": \"etc/rules/\", "
              "\"merged\": false, \"hash\": "
              "\"ab0f6802d80e573960c1d4172acc7941a7425000730082d86bdaafa71c0ad53a"
              "0f2a9627b13581dc9e6538b3a4e1ec911869083ee184ab04f856e7b7dded4711\"}}");
    CHECK_INT(rig->env.senders->used, 0); /* others may have it while we wait */
    say("syn_m_c_ok", "");                /* it may come before the answer to syn_i_w_m_e */
    ANSWER("ok ---------", "Thanks");
    CHECK_INT(w.state, IW_IDLE);
    CHECK(w.checked && w.in_sync);
    CHECK_INT(w.check_ms, rig->loop.now_ms);
    check_all_free();
    CHECK(
        rig_log_has(rig, "INFO [Worker this-node] [Integrity check] Finished in 0.000s. Sync not required."));
    rig_pass(rig, 8999); /* sync_integrity: 9 s */
    CHECK_INT(w.state, IW_IDLE);
    rig_pass(rig, 1);
    CHECK_INT(w.state, IW_ASK);
    rig_log_clear(rig);
    to_verdict();
    say("syn_m_c_ok", "");
    ANSWER("ok ---------", "Thanks");
    CHECK(rig_log_has(rig, "CYCLE [Worker this-node] [Integrity check] Finished in")); /* no news */
    end();
}

TEST(out_of_sync) {
    begin();
    link_up();
    rig_write("etc/rules/old.xml", "old", 1690000000000000000);
    to_read_with((const char *const[]){
        "etc/lists/b", "beta\n", "files_metadata.json",
        "{\"missing\": {" BETA "}, \"extra\": {\"etc/rules/old.xml\": {\"mod_time\": 1.0, "
        "\"cluster_item_key\": \"etc/rules/\", \"merged\": false}}, \"shared\": {}}",
        NULL});
    CHECK_INT(w.state, IW_READ);
    CHECK(!is_there("etc/lists/b"));
    CHECK(is_there("etc/rules/old.xml"));
    CHECK(integrity_worker_is_busy(&w));
    rig_log_clear(rig);
    rig_work(rig);
    CHECK_INT(w.state, IW_IDLE);
    CHECK(!integrity_worker_is_busy(&w));
    CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    CHECK(!is_there("etc/rules/old.xml"));
    CHECK_INT(w.last.created, 1);
    CHECK_INT(w.last.deleted, 1);
    CHECK_INT(w.last.refused, 0);
    CHECK(w.checked && !w.in_sync); /* until the next check says so */
    CHECK_INT(w.sync_ms, rig->loop.now_ms);
    CHECK(rig_log_has(rig, "Files to create: 1 | Files to update: 0 | Files to delete: 1"));
    CHECK_INT(rig->manifest.hashed, 2); /* scanned anew, so that the status tells the new tree */
    check_all_free();
    EXPECT_NOTHING(p); /* a real worker says nothing when it is done, either */
    end();
}

/* ---- every message in every state ---- */

enum state { IDLE, ASK, SCAN, START, SEND, END, VERDICT, RECEIVE, HALF, WHOLE, BAD, READ, APPLY, STATES };
static const char *const state_words[] = {"idle",    "ask",  "scan",  "start", "send", "end",  "verdict",
                                          "receive", "half", "whole", "bad",   "read", "apply"};
static const enum integrity_worker_state is[] = {IW_IDLE,    IW_ASK,     IW_SCAN,    IW_START,   IW_SEND,
                                                 IW_END,     IW_VERDICT, IW_RECEIVE, IW_RECEIVE, IW_RECEIVE,
                                                 IW_RECEIVE, IW_READ,    IW_APPLY};

static void bring(enum state to) {
    link_up();
    switch (to) {
    case IDLE:
        break;
    case ASK:
        to_ask();
        break;
    case SCAN:
        to_scan();
        break;
    case START:
        to_start();
        break;
    case SEND:
        to_send();
        break;
    case END:
        to_end();
        break;
    case VERDICT:
        to_verdict();
        break;
    case RECEIVE:
        to_receive();
        break;
    case HALF:
        to_receive();
        say("new_file", "/" PATH);
        ANSWER("ok  --------", "Ready to receive new file");
        say("file_upd", "/" PATH " etc/lists/b|//@@//|");
        ANSWER("ok ---------", "File updated");
        break;
    case BAD: {
        size_t n;
        to_receive();
        uint8_t *bytes = rig_package(&n, give_b);
        rig_send_file(rig, p, "/" PATH, bytes, n, false);
        break;
    }
    case WHOLE:
        to_whole(give_b);
        break;
    default:
        to_read_with(give_b);
        while (to == APPLY && w.state == IW_READ)
            loop_turn(&rig->loop, 0);
        break;
    }
}

struct outcome {
    const char *field, *text; /* NULL: nothing is said */
    enum integrity_worker_state then;
};
#define STAYS (enum integrity_worker_state)99

static struct outcome all_is_well(enum state s) {
    say("syn_m_c_ok", "");
    return (struct outcome){"ok ---------", "Thanks", s == END || s == VERDICT ? IW_IDLE : STAYS};
}

static struct outcome files_come(enum state s) {
    say("syn_m_c", "");
    if (s == END || s == VERDICT)
        return (struct outcome){"ok ---------", w.task_id, IW_RECEIVE};
    return (struct outcome){"err --------", FAILED("3000", "\"no integrity check is waiting for files\""),
                            STAYS};
}

static const char *own_id(void) {
    return w.task_id[0] ? w.task_id : NO_TASK;
}

static struct outcome files_are_there(enum state s) {
    static char unknown[600];
    say_end(own_id(), PATH);
    if (s == WHOLE)
        return (struct outcome){"ok ---------", "File correctly received", IW_READ};
    if (s == HALF || s == BAD) {
        ANSWER("ok ---------", "File correctly received");
        return (struct outcome){"syn_i_w_m_r ",
                                "None " FAILED("1000", "\"the master's package was not received whole\""),
                                IW_IDLE};
    }
    snprintf(unknown, sizeof unknown, FAILED("3027", "\"%s\""), own_id());
    return (struct outcome){"err --------", unknown, STAYS};
}

static struct outcome end_of_another_task(enum state s) {
    (void)s;
    say_end(NO_TASK, PATH);
    return (struct outcome){"err --------", FAILED("3027", "\"" NO_TASK "\""), STAYS};
}

static struct outcome end_of_another_file(enum state s) {
    static char unknown[600];
    (void)s;
    say_end(own_id(), "queue/cluster/w1/other.zip");
    snprintf(unknown, sizeof unknown, FAILED("3027", "\"%s\""), own_id());
    return (struct outcome){"err --------", unknown, STAYS};
}

static struct outcome end_without_path(enum state s) {
    (void)s;
    say("syn_m_c_e", NO_TASK);
    return (struct outcome){"err --------", FAILED("3027", "null"), STAYS};
}

static struct outcome error_said(enum state s) {
    char text[600];
    snprintf(text, sizeof text, "%s %s", own_id(), FAILED("1000", "\"disk\""));
    say("syn_m_c_r", text);
    bool ends = s == RECEIVE || s == HALF || s == WHOLE || s == BAD;
    return (struct outcome){"ok ---------", "Error received", ends ? IW_IDLE : STAYS};
}

static struct outcome error_without_text(enum state s) {
    (void)s;
    say("syn_m_c_r", "None");
    return (struct outcome){"ok ---------", "Error received", STAYS};
}

static struct outcome cancel(const char *id, bool ours) {
    char text[600];
    snprintf(text, sizeof text, "%s %s", id, FAILED("3039", "null"));
    was_ours = !ours;
    say("cancel_task", text);
    CHECK_INT(was_ours, ours);
    return (struct outcome){"ok ---------", "Request received correctly", STAYS};
}

static struct outcome cancelled_ours(enum state s) {
    return cancel(TASK, s == SEND);
}

static struct outcome cancelled_other(enum state s) {
    (void)s;
    return cancel(own_id(), false);
}

static struct outcome a_file(enum state s) {
    say("new_file", s == RECEIVE ? "/" PATH : "/queue/cluster/w1/other.zip");
    if (s == RECEIVE)
        return (struct outcome){"ok  --------", "Ready to receive new file", STAYS};
    struct peer_seen seen;
    do {
        CHECK(peer_next(p, &seen));
    } while (seen.counter != counter);
    CHECK_STR(seen.field, "err --------");
    return (struct outcome){NULL, NULL, STAYS};
}

static struct outcome nine_seconds(enum state s) {
    if (s == READ || s == APPLY || s == SCAN) /* these do not wait */
        return (struct outcome){NULL, NULL, STAYS};
    loop_turn(&rig->loop, 0);
    if (s == IDLE) { /* the first one comes at once */
        asked("syn_i_w_m_p ");
        return (struct outcome){NULL, NULL, IW_ASK};
    }
    rig_pass(rig, 9000);
    if (s == VERDICT) /* a master that is still at it will say no */
        return (struct outcome){"syn_i_w_m_p ", "", STAYS};
    return (struct outcome){NULL, NULL, STAYS};
}

/* timeout_receiving_file: 120 s. */
static struct outcome two_minutes(enum state s) {
    static char text[600];
    if (s == READ || s == APPLY || s == SCAN || s == IDLE ||
        s == VERDICT) /* the last asks again: no_verdict */
        return (struct outcome){NULL, NULL, STAYS};
    rig_pass(rig, 119999);
    CHECK_INT(w.state, is[s]);
    rig_pass(rig, 1);
    if (s != RECEIVE && s != HALF && s != WHOLE && s != BAD)
        return (struct outcome){NULL, NULL, STAYS};
    snprintf(text, sizeof text, "%s %s", w.task_id, FAILED("3039", "null"));
    return (struct outcome){"cancel_task ", text, IW_IDLE};
}

static struct outcome lost(enum state s) {
    link_down();
    if (s == READ || s == APPLY) { /* it is whole and verified: it is applied */
        CHECK_INT(w.state, is[s]);
        rig_work(rig);
        CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    }
    CHECK_INT(rig->loop.timer_count, 0);
    return (struct outcome){NULL, NULL, IW_OFF};
}

/* The link is lost and comes back: the next check is made. */
static struct outcome lost_and_back(enum state s) {
    link_down();
    kicks = 0;
    link_up();
    if (s == READ || s == APPLY) {
        CHECK_INT(w.state, is[s]);
        rig_work(rig);
        CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    }
    rig_work(rig);
    to_ask();
    return (struct outcome){NULL, NULL, IW_ASK};
}

/* The node ends. What was not committed is not there, and nothing is left of it. */
static struct outcome finished(enum state s) {
    peer_close(p);
    integrity_worker_fini(&w);
    CHECK(!is_there("etc/lists/b") || s == APPLY);
    return (struct outcome){NULL, NULL, IW_OFF};
}

static void in_every_state(struct outcome (*happens)(enum state s)) {
    begin();
    for (enum state s = IDLE; s < STATES; s++) {
        struct peer_seen seen;
        w.task_id[0] = '\0';
        bring(s);
        if (w.state != is[s])
            test_fail(__FILE__, __LINE__, "state %s is not reached", state_words[s]);
        move();
        p->out_at = p->out_n; /* what was said before */
        struct outcome want = happens(s);
        if (want.field) {
            bool heard = false;
            move();
            while (!heard && peer_next(p, &seen)) /* chunks may come before it */
                heard = strcmp(seen.field, want.field) == 0 && seen.n == strlen(want.text) &&
                        memcmp(seen.clear, want.text, seen.n) == 0;
            if (!heard)
                test_fail(__FILE__, __LINE__, "in state %s: '%s %s' is not said", state_words[s], want.field,
                          want.text);
        } else if (p->open && s != SEND && peer_next(p, &seen)) {
            test_fail(__FILE__, __LINE__, "in state %s: '%s' is said", state_words[s], seen.field);
        }
        enum integrity_worker_state then = want.then == STAYS ? is[s] : want.then;
        if (w.state != then)
            test_fail(__FILE__, __LINE__, "state %s is followed by %d, want %d", state_words[s], w.state,
                      then);
        if (w.state <= IW_IDLE)
            check_all_free();
        end();
        if (is_there("etc/lists/b"))
            rig_remove("etc/lists/b");
        rig_scan(rig);
    }
}

TEST(all_is_well_in_every_state) {
    in_every_state(all_is_well);
}
TEST(files_come_in_every_state) {
    in_every_state(files_come);
}
TEST(files_are_there_in_every_state) {
    in_every_state(files_are_there);
}
TEST(end_of_another_task_in_every_state) {
    in_every_state(end_of_another_task);
}
TEST(end_of_another_file_in_every_state) {
    in_every_state(end_of_another_file);
}
TEST(end_without_path_in_every_state) {
    in_every_state(end_without_path);
}
TEST(error_in_every_state) {
    in_every_state(error_said);
}
TEST(error_without_text_in_every_state) {
    in_every_state(error_without_text);
}
TEST(cancelled_in_every_state) {
    in_every_state(cancelled_ours);
}
TEST(another_cancelled_in_every_state) {
    in_every_state(cancelled_other);
}
TEST(a_file_in_every_state) {
    in_every_state(a_file);
}
TEST(nine_seconds_in_every_state) {
    in_every_state(nine_seconds);
}
TEST(two_minutes_in_every_state) {
    in_every_state(two_minutes);
}
TEST(lost_in_every_state) {
    in_every_state(lost);
}
TEST(lost_and_back_in_every_state) {
    in_every_state(lost_and_back);
}
TEST(finished_in_every_state) {
    in_every_state(finished);
}

/* ---- every answer of the master ---- */

/* An answer that ends the check: the master is told why (text; NULL: it is not), and the next check comes
 * after its pause. */
static void check_ends(const char *text) {
    if (text) {
        struct peer_seen seen = asked("syn_i_w_m_r ");
        CHECK_STR((char *)seen.clear, text);
        reply(&seen, "ok", "Error received");
    }
    EXPECT_NOTHING(p);
    CHECK_INT(w.state, IW_IDLE);
    check_all_free();
    rig_pass(rig, 8999);
    CHECK_INT(w.state, IW_IDLE);
    rig_pass(rig, 1);
    CHECK_INT(w.state, IW_ASK);
    to_verdict(); /* and everything works */
    end();
}

TEST(permission_is_refused) {
    static const char *const words[] = {"False", "", "true", "Truee", "Tru", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        begin();
        link_up();
        struct peer_seen seen = to_ask();
        reply(&seen, "ok", words[i]);
        check_ends(NULL);
    }
}

static struct peer_seen to_named(void) {
    return to_start();
}

static void answered(struct peer_seen (*where)(void), const char *command, const char *answer,
                     const char *told) {
    begin();
    link_up();
    struct peer_seen seen = where();
    reply(&seen, command, answer);
    check_ends(told);
}

TEST(permission_is_answered_with_an_error) {
    answered(to_ask, "err", FAILED("1000", "\"x\""), "None " FAILED("1000", "\"x\""));
}
TEST(syn_i_w_m_is_answered_with_an_error) {
    answered(to_named, "err", FAILED("3000", "\"x\""), "None " FAILED("3000", "\"x\""));
}
TEST(syn_i_w_m_is_answered_with_nothing) {
    answered(to_named, "ok", "", "None " FAILED("1000", "\"the master's task id is not one\""));
}
TEST(syn_i_w_m_is_answered_with_two_words) {
    answered(to_named, "ok", "two words", "None " FAILED("1000", "\"the master's task id is not one\""));
}
TEST(syn_i_w_m_is_answered_with_too_much) {
    answered(to_named, "ok", "0123456789012345678901234567890123456789012345678901234567890123456789",
             "None " FAILED("1000", "\"the master's task id is not one\""));
}
TEST(syn_i_w_m_e_is_answered_with_an_error) {
    answered(to_end, "err", FAILED("3027", "\"" TASK "\""), "None " FAILED("3027", "\"" TASK "\""));
}

/* 20 s without an answer: 3020. */
static void not_answered(struct peer_seen (*where)(void)) {
    begin();
    link_up();
    where();
    rig->clock.now_ms += 19999;
    CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    EXPECT_NOTHING(p);
    rig->clock.now_ms += 1;
    CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    struct peer_seen seen = asked("syn_i_w_m_r ");
    CHECK(strncmp((char *)seen.clear, "None {\"__wazuh_exception__\"", 27) == 0);
    CHECK(strstr((char *)seen.clear, "\"code\": 3020"));
    reply(&seen, "ok", "Error received");
    check_ends(NULL);
}

TEST(permission_is_not_answered) {
    not_answered(to_ask);
}
TEST(syn_i_w_m_is_not_answered) {
    not_answered(to_named);
}
TEST(syn_i_w_m_e_is_not_answered) {
    not_answered(to_end);
}

static void refused_at(const char *field, const char *text, const char *told) {
    struct peer_seen seen;
    begin();
    link_up();
    to_send();
    for (;;) {
        rig_settle(rig, p);
        CHECK(peer_next(p, &seen));
        bool here = strcmp(seen.field, field) == 0;
        reply(&seen, here ? "err" : "ok", here ? text : "fine");
        if (here)
            break;
    }
    check_ends(told);
}

TEST(the_file_is_refused) {
    refused_at("new_file ---", "Write path not allowed",
               "None " FAILED("3000", "\"Write path not allowed\""));
}
TEST(the_end_of_the_file_is_refused) {
    refused_at("file_end ---", "File wasn't correctly received. Checksums aren't equal.",
               "None " FAILED("3000", "\"File wasn't correctly received. Checksums aren't equal.\""));
}

/* cancel_task: the file is still ended, and so is the task (reference, section 5.5). */
TEST(the_check_is_cancelled) {
    struct peer_seen seen;
    begin();
    link_up();
    to_send();
    seen = asked("new_file ---");
    say("cancel_task", TASK " " FAILED("3039", "null"));
    ANSWER("ok ---------", "Request received correctly");
    reply(&seen, "ok ", "Ready to receive new file");
    seen = asked("file_end ---");
    reply(&seen, "ok", "File received correctly");
    seen = asked("syn_i_w_m_e ");
    CHECK(rig_log_has(rig, "The task was canceled due to the following error: Error 3039 - "));
    reply(&seen, "ok", "File correctly received");
    CHECK_INT(w.state, IW_VERDICT);
    end();
}

/* A verdict that overtakes the answer to syn_i_w_m_e, which then never comes, or is an error: what the
 * verdict began goes on. */
static void late_answer(const char *verdict, bool is_error) {
    begin();
    link_up();
    struct peer_seen seen = to_end(), said;
    say(verdict, "");
    CHECK(peer_next(p, &said));
    enum integrity_worker_state then = w.state;
    CHECK(then == IW_RECEIVE || then == IW_IDLE);
    if (is_error) {
        reply(&seen, "err", FAILED("3027", "null"));
    } else {
        rig->clock.now_ms += 20000;
        CHECK_INT(session_tick(&p->s, rig->clock.now_ms), E_OK);
    }
    CHECK_INT(w.state, then);
    EXPECT_NOTHING(p);
    if (then == IW_RECEIVE) {
        size_t n;
        uint8_t *bytes = rig_package(&n, give_b);
        rig_send_file(rig, p, "/" PATH, bytes, n, true);
        say_end(w.task_id, PATH);
        ANSWER("ok ---------", "File correctly received");
        rig_work(rig);
        CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    }
    end();
}

TEST(files_come_before_an_answer_that_never_does) {
    late_answer("syn_m_c", false);
}
TEST(files_come_before_an_answer_that_is_an_error) {
    late_answer("syn_m_c", true);
}
TEST(all_is_well_before_an_answer_that_never_comes) {
    late_answer("syn_m_c_ok", false);
}
TEST(all_is_well_before_an_answer_that_is_an_error) {
    late_answer("syn_m_c_ok", true);
}

/* No verdict: permission is asked for again an interval later, as a real worker does. A no leaves the verdict
 * waited for; a yes begins the check anew. */
TEST(no_verdict) {
    begin();
    link_up();
    to_verdict();
    rig_pass(rig, 8999);
    EXPECT_NOTHING(p);
    rig_pass(rig, 1);
    struct peer_seen seen = asked("syn_i_w_m_p ");
    reply(&seen, "ok", "False");
    CHECK_INT(w.state, IW_VERDICT);
    rig_pass(rig, 9000);
    seen = asked("syn_i_w_m_p ");
    reply(&seen, "ok", "True");
    CHECK_INT(w.state, IW_SCAN);
    end();
}

/* The verdict comes while permission is asked for: it counts. */
TEST(verdict_while_asking_again) {
    begin();
    link_up();
    to_verdict();
    rig_pass(rig, 9000);
    struct peer_seen seen = asked("syn_i_w_m_p "), said;
    say("syn_m_c", "");
    CHECK(peer_next(p, &said));
    CHECK_INT(w.state, IW_RECEIVE);
    reply(&seen, "ok", "False");
    CHECK_INT(w.state, IW_RECEIVE);
    end();
}

/* ---- at the end of memory ---- */

TEST(no_deflater) {
    begin();
    link_up();
    void *slot = pool_take(rig->env.senders);
    struct peer_seen seen = to_start();
    reply(&seen, "ok", TASK);
    pool_give(rig->env.senders, slot);
    check_ends("None " FAILED("1000", "\"no deflater is free\""));
}

TEST(no_inflater) {
    begin();
    link_up();
    void *slot = pool_take(rig->env.checkers);
    to_verdict();
    say("syn_m_c", "");
    ANSWER("err --------", FAILED("3000", "\"no inflater is free\""));
    pool_give(rig->env.checkers, slot);
    check_ends(NULL);
}

/* ---- packages that are none ---- */

static void bad_package(const char *const *members, const char *why) {
    char told[700];
    begin();
    link_up();
    to_read_with(members);
    rig_work(rig);
    CHECK(!is_there("etc/lists/b"));
    snprintf(told, sizeof told, "None " FAILED("1000", "\"%s\""), why);
    check_ends(told);
}

TEST(a_package_without_metadata) {
    bad_package((const char *const[]){"etc/lists/b", "beta\n", NULL},
                "the package has no files_metadata.json");
}

TEST(metadata_that_ends_early) {
    struct peer_seen seen;
    static const char *const texts[] = {"", "{", "{\"missing\": {" BETA "}",
                                        "{\"missing\": {" BETA "}, \"ext"};
    for (size_t i = 0; i < 4; i++) {
        begin();
        link_up();
        to_read_with((const char *const[]){"etc/lists/b", "beta\n", "files_metadata.json", texts[i], NULL});
        rig_work(rig);
        CHECK(!is_there("etc/lists/b"));
        seen = asked("syn_i_w_m_r ");
        CHECK(strstr((char *)seen.clear, "\"code\": 1000"));
        check_ends(NULL);
    }
}

/* Refused while it comes: the end of the file says so, and the task ends with it. */
TEST(metadata_twice) {
    begin();
    link_up();
    to_receive();
    size_t n;
    uint8_t *bytes = rig_package(
        &n, (const char *const[]){"files_metadata.json", GIVE_B, "files_metadata.json", GIVE_B, NULL});
    char *text = test_keep(malloc(n + 200));
    size_t at = (size_t)sprintf(text, "/" PATH " ");
    say("new_file", "/" PATH);
    ANSWER("ok  --------", "Ready to receive new file");
    memcpy(text + at, bytes, n);
    CHECK_INT(peer_say(p, ++counter, "file_upd", text, at + n), E_OK);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    memset(text + at, 0, 32);
    CHECK_INT(peer_say(p, ++counter, "file_end", text, at + 32), E_OK);
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "err --------");
    say_end(w.task_id, PATH);
    ANSWER("ok ---------", "File correctly received");
    check_ends("None " FAILED("1000", "\"the master's package was not received whole\""));
}

/* One bad file is left out and told; the others are applied. */
TEST(one_of_the_files_is_refused) {
    begin();
    link_up();
    to_read_with((const char *const[]){
        "etc/ossec.conf", "evil", "etc/lists/b", "beta\n", "etc/rules/c", "not what was hashed",
        "files_metadata.json",
        "{\"missing\": {" BETA ", \"etc/ossec.conf\": {\"cluster_item_key\": \"etc/\", \"hash\": "
        "\"651ba45e7581f1d9fac80b50a9357919667d60bff4a514b11135848923d8ba1e"
        "0ed9c6a8afc4626ce6c297699bddba1b7d4102d3d129939aa39767b3d661b32e\"}, "
        "\"etc/rules/c\": {\"cluster_item_key\": \"etc/rules/\", \"hash\": "
        "\"651ba45e7581f1d9fac80b50a9357919667d60bff4a514b11135848923d8ba1e"
        "0ed9c6a8afc4626ce6c297699bddba1b7d4102d3d129939aa39767b3d661b32e\"}}, "
        "\"extra\": {\"etc/../../x\": {\"cluster_item_key\": \"etc/\"}}}",
        NULL});
    rig_work(rig);
    CHECK_INT(w.state, IW_IDLE);
    CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    CHECK(!is_there("etc/ossec.conf") && !is_there("etc/rules/c"));
    CHECK_INT(w.last.created, 1);
    CHECK_INT(w.last.refused, 3);
    CHECK(rig->unsynced.count >= 3);
    CHECK(rig_log_has(rig, "3 of 4 files could not be applied"));
    end();
}

/* A file that nobody asked for, of no item: it is not kept, and the status names it. */
TEST(a_file_outside_of_all_items) {
    begin();
    link_up();
    to_read_with((const char *const[]){"etc/own/file", "evil", "etc/lists/b", "beta\n", "files_metadata.json",
                                       GIVE_B, NULL});
    rig_work(rig);
    CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    CHECK(!is_there("etc/own/file"));
    CHECK_INT(rig->unsynced.count, 1);
    CHECK_STR(rig->unsynced.file[0].path, "etc/own/file");
    end();
}

/* Metadata of many windows is read in steps: the loop turns meanwhile. */
TEST(much_metadata) {
    enum { FILES = 4000 };
    char *text = test_keep(malloc(FILES * 130u + 100));
    size_t n = (size_t)sprintf(text, "{\"missing\": {" BETA "}, \"shared\": {}, \"extra\": {");
    for (unsigned i = 0; i < FILES; i++)
        n += (size_t)sprintf(text + n,
                             "%s\"etc/rules/none-%05u\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": "
                             "\"etc/rules/\", \"merged\": false}",
                             i ? ", " : "", i);
    strcpy(text + n, "}}");
    begin();
    link_up();
    to_read_with((const char *const[]){"etc/lists/b", "beta\n", "files_metadata.json", text, NULL});
    CHECK_INT(rig->spill.open, 1);
    unsigned turns = 0;
    for (; w.state == IW_READ; turns++)
        loop_turn(&rig->loop, 0);
    CHECK(turns > 2);
    rig_work(rig);
    CHECK_INT(w.last.created, 1);
    CHECK_INT(w.last.unchanged, FILES); /* extra files that are not there */
    CHECK_STR(test_read_file("etc/lists/b", NULL), "beta\n");
    end();
}

/* The spill fails while the metadata is read: nothing of the set is applied. */
TEST(the_metadata_cannot_be_read_back) {
    char *text = test_keep(malloc(500500));
    size_t n = (size_t)sprintf(text, "{\"missing\": {" BETA "}");
    memset(text + n, ' ', 500000);
    strcpy(text + n + 500000, "}");
    begin();
    link_up();
    to_read_with((const char *const[]){"etc/lists/b", "beta\n", "files_metadata.json", text, NULL});
    rig->spill.fail_with = E_SYS;
    rig_work(rig);
    rig->spill.fail_with = E_OK;
    CHECK(!is_there("etc/lists/b"));
    struct peer_seen seen = asked("syn_i_w_m_r ");
    CHECK(strstr((char *)seen.clear, "\"code\": 1000"));
    check_ends(NULL);
}
