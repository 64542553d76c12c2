/* test_integrity_master.c - the master's task with one worker, which is played by hand: every message and
 * every silence in every state, who gets permission and when, the queue for a deflater, and the adaptive
 * limit. Answers are those of the transcripts and of the reference, sections 4.2 and 5.3 to 5.5. */
#include "task/integrity_master.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH "queue/cluster/w1/w1-1795170639.138526-462670c956ca46fb8ec7f5e5380ca491.zip"
#define TASK "d499c5d4-8754-470d-90eb-0f41e130deac" /* the worker's */
#define NO_TASK "5bf2125c-929f-424c-8ea5-77fcbfbabd9d"
#define FAILED(code, extra)                                                                                  \
    "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "           \
    "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": " code ", \"extra_message\": " extra     \
    ", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}"

static struct rig *rig;

/* A worker's link to the master. */
struct line {
    struct peer *p;
    struct integrity_master m;
    char name[8];
    uint32_t counter;
    unsigned kicks;
    bool was_ours; /* the last cancel_task */
    char id[OWN_TASK_ID_BYTES];
    uint8_t *package;
    size_t package_n;
};

static void request(void *owner, struct session *s, const struct message *m) {
    struct line *l = owner;
    CHECK(s == &l->p->s);
    integrity_master_request(&l->m, m);
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    (void)s;
    return integrity_master_file_begin(&((struct line *)owner)->m, path, sink, e);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)s;
    integrity_master_file_end(&((struct line *)owner)->m, path, good);
}

static void cancelled(void *owner, struct session *s, const char *id, const struct wazuh_error *why) {
    struct line *l = owner;
    (void)s;
    l->was_ours = integrity_master_cancelled(&l->m, id, why);
}

static void kick(void *arg) {
    ((struct line *)arg)->kicks++;
}

static void open_line(struct line *l, const char *name) {
    *l = (struct line){.p = peer_open(&rig->clock, TO_MASTER, NULL), .counter = 5000};
    snprintf(l->name, sizeof l->name, "%s", name);
    l->p->events.request = request;
    l->p->events.file_begin = file_begin;
    l->p->events.file_end = file_end;
    l->p->events.cancelled = cancelled;
    l->p->events.alive = NULL;
    l->p->s.owner = l;
    integrity_master_init(&l->m, &rig->env, &l->p->s, l->name, kick, l);
}

/* As role/link and role/peer do it. */
static void close_line(struct line *l) {
    peer_close(l->p);
    integrity_master_fini(&l->m);
}

static void check_all_free(void) {
    CHECK_INT(rig->env.checkers->used, 0);
    CHECK_INT(rig->env.senders->used, 0);
    CHECK_INT(rig->env.windows->used, 0);
    CHECK_INT(rig->loop.timer_count, 0);
    CHECK(!rig->env.waiting);
}

/* A master with three files, scanned once. */
static void begin(uint32_t checkers, uint32_t senders) {
    rig = rig_new(checkers, senders);
    rig_write("etc/rules/a.xml", "alpha\n", 1690000000000000000);
    rig_write("etc/lists/b", "beta\n", 1690000000000000000);
    rig_write("etc/client.keys", "", 1690000000000000000);
    rig_scan(rig);
}

/* ---- speaking ---- */

static void say(struct line *l, const char *command, const char *text) {
    CHECK_INT(peer_say_text(l->p, ++l->counter, command, text), E_OK);
    rig_settle(rig, l->p);
}

#define ANSWER(l, field, text) EXPECT((l)->p, (l)->counter, field, text)
#define ASK(l, command, text, field, answer) (say(l, command, text), ANSWER(l, field, answer))

/* The next request of the master's; its payload. */
static struct peer_seen asked(struct line *l, const char *field) {
    struct peer_seen seen;
    rig_settle(rig, l->p);
    CHECK(peer_next(l->p, &seen));
    CHECK_STR(seen.field, field);
    CHECK(seen.clear);
    char *text = test_keep(malloc(seen.n + 1));
    memcpy(text, seen.clear, seen.n);
    text[seen.n] = '\0';
    seen.clear = (uint8_t *)text;
    return seen;
}

static void reply(struct line *l, const struct peer_seen *to, const char *command, const char *text) {
    CHECK_INT(peer_say_text(l->p, to->counter, command, text), E_OK);
    rig_settle(rig, l->p);
}

static void ask_permission(struct line *l, const char *answer) {
    ASK(l, "syn_i_w_m_p", "", "ok ---------", answer);
}

/* syn_i_w_m; the id goes to l->id. */
static void start(struct line *l) {
    struct peer_seen seen;
    say(l, "syn_i_w_m", "");
    CHECK(peer_next(l->p, &seen));
    CHECK_STR(seen.field, "ok ---------");
    CHECK_INT(seen.counter, l->counter);
    CHECK_INT(seen.n, 36);
    memcpy(l->id, seen.clear, 36);
    l->id[36] = '\0';
    CHECK(l->id[8] == '-' && l->id[13] == '-' && l->id[14] == '4' && l->id[18] == '-' && l->id[23] == '-');
}

/* The worker's manifest, as it would come: one with nothing in it, or the master's own. */
static void manifest(struct line *l, bool empty) {
    const char *text = "{}";
    if (!empty) {
        struct manifest_source s;
        char *out = test_keep(malloc(10000));
        size_t n = 0, got = 1;
        struct error e;
        manifest_source_init(&s, &rig->manifest, &rig->items);
        for (; got; n += got)
            CHECK_INT(s.source.read(&s.source, (uint8_t *)out + n, 9999 - n, &got, &e), E_OK);
        out[n] = '\0';
        text = out;
    }
    l->package = rig_package(&l->package_n, (const char *const[]){"files_metadata.json", text, NULL});
}

static void send_package(struct line *l, bool good) {
    rig_send_file(rig, l->p, "/" PATH, l->package, l->package_n, good);
}

static void say_end(struct line *l, const char *id, const char *path) {
    char text[200];
    snprintf(text, sizeof text, "%s %s", id, path);
    say(l, "syn_i_w_m_e", text);
}

/* From idle to the request syn_m_c. */
static struct peer_seen to_ask(struct line *l) {
    ask_permission(l, "True");
    start(l);
    manifest(l, true);
    send_package(l, true);
    say_end(l, l->id, PATH);
    ANSWER(l, "ok ---------", "File correctly received");
    CHECK_INT(l->m.state, IM_ASK);
    struct peer_seen seen = asked(l, "syn_m_c ----");
    CHECK_INT(seen.n, 0);
    return seen;
}

static void to_send(struct line *l) {
    struct peer_seen seen = to_ask(l);
    reply(l, &seen, "ok", TASK);
    CHECK_INT(l->m.state, IM_SEND);
}

static struct peer_seen to_end(struct line *l) {
    char path[XFER_PATH_BYTES], want[400];
    to_send(l);
    l->package = rig_receive_file(rig, l->p, path, &l->package_n);
    CHECK_INT(l->m.state, IM_END);
    struct peer_seen seen = asked(l, "syn_m_c_e --");
    snprintf(want, sizeof want, TASK " %s", path + 1);
    CHECK_STR((char *)seen.clear, want);
    return seen;
}

/* ---- the good ways ---- */

TEST(in_sync) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    ask_permission(&l, "True");
    start(&l);
    manifest(&l, false);
    send_package(&l, true);
    say_end(&l, l.id, PATH);
    ANSWER(&l, "ok ---------", "File correctly received");
    struct peer_seen seen = asked(&l, "syn_m_c_ok -");
    CHECK_INT(seen.n, 0);
    CHECK_INT(l.m.state, IM_IDLE);
    CHECK(l.m.checked && l.m.in_sync);
    CHECK_INT(l.m.missing + l.m.shared + l.m.extra, 0);
    check_all_free(); /* before the worker has answered */
    reply(&l, &seen, "ok", "Thanks");
    CHECK(rig_log_has(rig,
                      "INFO [Worker w1] [Integrity check] Finished in 0.000s. Received metadata of 3 files. "
                      "Sync not required."));
    close_line(&l);
}

TEST(out_of_sync) {
    static struct line l;
    char path[XFER_PATH_BYTES];
    begin(1, 1);
    open_line(&l, "w1");
    to_send(&l);
    CHECK(l.m.checked && !l.m.in_sync);
    CHECK_INT(l.m.missing, 3);
    l.package = rig_receive_file(rig, l.p, path, &l.package_n);
    CHECK(strncmp(path, "/queue/cluster/w1/this-node-17951707", 36) == 0);
    CHECK_STR(rig_member(l.package, l.package_n, "etc/rules/a.xml", NULL), "alpha\n");
    CHECK_STR(rig_member(l.package, l.package_n, "etc/client.keys", NULL), "");
    char *metadata = rig_member(l.package, l.package_n, "files_metadata.json", NULL);
    CHECK(strncmp(metadata, "{\"missing\": {\"etc/", 18) == 0);
    CHECK(strstr(metadata, "}}, \"extra\": {}, \"shared\": {}}"));
    struct peer_seen seen = asked(&l, "syn_m_c_e --");
    reply(&l, &seen, "ok", "File correctly received");
    CHECK_INT(l.m.state, IM_IDLE);
    check_all_free();
    CHECK(rig_log_has(rig,
                      "INFO [Worker w1] [Integrity sync] Files to create in worker: 3 | Files to update in "
                      "worker: 0 | Files to delete in worker: 0"));
    CHECK(rig_log_has(rig, "INFO [Worker w1] [Integrity sync] Finished in 0.000s."));
    close_line(&l);
}

/* Extra files: the package has none of them, only their names. */
TEST(extra_files_only) {
    static struct line l;
    char path[XFER_PATH_BYTES];
    begin(1, 1);
    manifest_init(&rig->manifest, 1); /* the master has nothing */
    open_line(&l, "w1");
    ask_permission(&l, "True");
    start(&l);
    l.package =
        rig_package(&l.package_n, (const char *const[]){"files_metadata.json",
                                                        "{\"etc/rules/own\": {\"mod_time\": 1.0}}", NULL});
    send_package(&l, true);
    say_end(&l, l.id, "/" PATH); /* with the slash, as 3.x has it: no harm */
    ANSWER(&l, "ok ---------", "File correctly received");
    struct peer_seen seen = asked(&l, "syn_m_c ----");
    reply(&l, &seen, "ok", TASK);
    l.package = rig_receive_file(rig, l.p, path, &l.package_n);
    CHECK_STR(rig_member(l.package, l.package_n, "files_metadata.json", NULL),
              "{\"missing\": {}, \"extra\": {\"etc/rules/own\": {\"mod_time\": 1.0}}, \"shared\": {}}");
    seen = asked(&l, "syn_m_c_e --");
    reply(&l, &seen, "ok", "File correctly received");
    CHECK_INT(l.m.sent_extra, 1);
    close_line(&l);
    check_all_free();
}

/* What get_health tells: start and end belong together, and stay until the next one is complete. The counts
 * are those of the latest that began (4.14.7, master.py, integrity_sync). */
TEST(dates_belong_together) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    ask_permission(&l, "True");
    start(&l);
    int64_t start_wall = RIG_WALL_NS + (int64_t)rig->faults.now_ns;
    CHECK_INT(l.m.check_start_wall, 0);
    manifest(&l, true);
    rig_pass(rig, 1000);
    send_package(&l, true);
    say_end(&l, l.id, PATH);
    ANSWER(&l, "ok ---------", "File correctly received");
    CHECK_INT(l.m.check_start_wall, start_wall);
    CHECK_INT(l.m.check_end_wall, start_wall + 1000000000);
    CHECK_INT(l.m.sent_missing, 3);
    CHECK_INT(l.m.sync_start_wall, 0);
    struct peer_seen seen = asked(&l, "syn_m_c ----");
    rig_pass(rig, 2000);
    reply(&l, &seen, "ok", TASK);
    char path[XFER_PATH_BYTES];
    rig_receive_file(rig, l.p, path, &l.package_n);
    seen = asked(&l, "syn_m_c_e --");
    CHECK_INT(l.m.sync_start_wall, 0);
    reply(&l, &seen, "ok", "File correctly received");
    CHECK_INT(l.m.sync_start_wall, start_wall + 1000000000);
    CHECK_INT(l.m.sync_end_wall, start_wall + 3000000000);
    CHECK_INT(l.m.sync_ms, rig->loop.now_ms);
    /* the next one, in its middle */
    rig_pass(rig, 5000);
    rig_scan(rig);
    to_send(&l);
    CHECK_INT(l.m.check_start_wall, start_wall + 8000000000);
    CHECK_INT(l.m.sync_start_wall, start_wall + 1000000000);
    CHECK_INT(l.m.sync_end_wall, start_wall + 3000000000);
    close_line(&l);
    check_all_free();
}

/* ---- every message in every state ---- */

enum state { IDLE, SPENT, GRANTED, CHECK_, HALF, WHOLE, BAD, QUEUED, ASKED, SENDING, ENDING, STATES };
static const char *const state_words[] = {"idle", "spent",  "granted", "check",   "half",  "whole",
                                          "bad",  "queued", "asked",   "sending", "ending"};
static const enum integrity_master_state is[] = {
    IM_IDLE, IM_IDLE, IM_GRANTED, IM_CHECK, IM_CHECK, IM_CHECK, IM_CHECK, IM_QUEUED, IM_ASK, IM_SEND, IM_END};

static struct line other; /* who has the deflater while another one is queued */

static void bring(struct line *l, enum state to) {
    rig->scanner.rounds++;
    if (to == QUEUED)
        to_ask(&other);
    open_line(l, "w1");
    if (to == IDLE)
        return;
    if (to == ASKED || to == SENDING || to == ENDING) {
        if (to == ASKED)
            to_ask(l);
        else if (to == SENDING)
            to_send(l);
        else
            to_end(l);
        return;
    }
    ask_permission(l, "True");
    if (to == SPENT) { /* permission was given in this round already */
        ASK(l, "syn_i_w_m_r", "None {}", "ok ---------", "Error received");
        return;
    }
    if (to == GRANTED)
        return;
    start(l);
    manifest(l, true);
    if (to == HALF) {
        CHECK_INT(peer_say_text(l->p, ++l->counter, "new_file", "/" PATH), E_OK);
        ANSWER(l, "ok  --------", "Ready to receive new file");
        CHECK_INT(peer_say_text(l->p, ++l->counter, "file_upd", "/" PATH " files_metad"), E_OK);
        ANSWER(l, "ok ---------", "File updated");
    }
    if (to == WHOLE || to == BAD || to == QUEUED)
        send_package(l, to != BAD);
    if (to == QUEUED) {
        say_end(l, l->id, PATH);
        ANSWER(l, "ok ---------", "File correctly received");
    }
}

/* What happens: the answer (NULL: none) and the state after it. */
struct outcome {
    const char *field, *text;
    enum integrity_master_state then;
};
#define STAYS (enum integrity_master_state)99

static struct outcome permission_asked(struct line *l, enum state s) {
    say(l, "syn_i_w_m_p", "");
    return s == IDLE ? (struct outcome){"ok ---------", "True", IM_GRANTED}
                     : (struct outcome){"ok ---------", "False", STAYS};
}

static struct outcome start_asked(struct line *l, enum state s) {
    if (s == GRANTED) {
        start(l);
        return (struct outcome){NULL, NULL, IM_CHECK};
    }
    say(l, "syn_i_w_m", "");
    return (struct outcome){"err --------", FAILED("3000", "\"no permission to check integrity was given\""),
                            STAYS};
}

static struct outcome end_said(struct line *l, enum state s) {
    static char unknown[600];
    const char *id = l->id[0] ? l->id : NO_TASK;
    say_end(l, id, PATH);
    if (s == WHOLE) {
        ANSWER(l, "ok ---------", "File correctly received");
        return (struct outcome){"syn_m_c ----", "", IM_ASK};
    }
    if (s == HALF || s == BAD) /* said too early, or in spite of the digest */
        return (struct outcome){"ok ---------", "File correctly received", IM_IDLE};
    snprintf(unknown, sizeof unknown, FAILED("3027", "\"%s\""), id);
    return (struct outcome){"err --------", unknown, STAYS};
}

static struct outcome end_of_another_task(struct line *l, enum state s) {
    (void)s;
    say_end(l, NO_TASK, PATH);
    return (struct outcome){"err --------", FAILED("3027", "\"" NO_TASK "\""), STAYS};
}

static struct outcome end_of_another_file(struct line *l, enum state s) {
    static char unknown[600];
    const char *id = l->id[0] ? l->id : NO_TASK;
    (void)s;
    say_end(l, id, "queue/cluster/w1/other.zip");
    snprintf(unknown, sizeof unknown, FAILED("3027", "\"%s\""), id);
    return (struct outcome){"err --------", unknown, STAYS};
}

static struct outcome end_without_path(struct line *l, enum state s) {
    (void)s;
    say(l, "syn_i_w_m_e", NO_TASK);
    return (struct outcome){"err --------", FAILED("3027", "null"), STAYS};
}

static struct outcome error_said(struct line *l, enum state s) {
    say(l, "syn_i_w_m_r", "None " FAILED("3039", "null"));
    bool ends = s == GRANTED || s == CHECK_ || s == HALF || s == WHOLE || s == BAD;
    return (struct outcome){"ok ---------", "Error received", ends ? IM_IDLE : STAYS};
}

static struct outcome error_without_text(struct line *l, enum state s) {
    (void)s;
    say(l, "syn_i_w_m_r", "None");
    return (struct outcome){"err --------", FAILED("1000", "\"not enough values to unpack\""), STAYS};
}

static struct outcome cancel(struct line *l, const char *id, bool ours) {
    char text[600];
    snprintf(text, sizeof text, "%s %s", id, FAILED("3039", "null"));
    l->was_ours = !ours;
    say(l, "cancel_task", text);
    CHECK_INT(l->was_ours, ours);
    return (struct outcome){"ok ---------", "Request received correctly", STAYS};
}

static struct outcome cancelled_ours(struct line *l, enum state s) {
    return cancel(l, TASK, s == SENDING);
}

static struct outcome cancelled_none(struct line *l, enum state s) {
    (void)s;
    return cancel(l, "None", false);
}

static struct outcome cancelled_by_our_id(struct line *l, enum state s) {
    (void)s;
    return cancel(l, l->id[0] ? l->id : NO_TASK, false);
}

/* timeout_receiving_file: 120 s. */
static struct outcome time_passes(struct line *l, enum state s) {
    static char text[600];
    rig_pass(rig, 119999);
    CHECK_INT(l->m.state, is[s]);
    rig_pass(rig, 1);
    rig_settle(rig, l->p);
    if (s == GRANTED) /* the worker knows of no task yet */
        return (struct outcome){NULL, NULL, IM_IDLE};
    if (s != CHECK_ && s != HALF && s != WHOLE && s != BAD)
        return (struct outcome){NULL, NULL, STAYS};
    CHECK(l->kicks > 0); /* there is something to be sent */
    snprintf(text, sizeof text, "%s %s", l->id, FAILED("3039", "null"));
    return (struct outcome){"cancel_task ", text, IM_IDLE};
}

/* A second file, or one when none is waited for, is refused; its end does nothing. */
static struct outcome another_file(struct line *l, enum state s) {
    if (s == CHECK_) {
        say(l, "new_file", "/" PATH);
        return (struct outcome){"ok  --------", "Ready to receive new file", STAYS};
    }
    say(l, "new_file", "/queue/cluster/w1/other.zip");
    struct peer_seen seen;
    CHECK(peer_next(l->p, &seen));
    CHECK_STR(seen.field, "err --------");
    return (struct outcome){NULL, NULL, STAYS};
}

static struct outcome lost(struct line *l, enum state s) {
    (void)s;
    close_line(l);
    return (struct outcome){NULL, NULL, IM_IDLE};
}

static void in_every_state(struct outcome (*happens)(struct line *l, enum state s)) {
    begin(2, 1);
    for (enum state s = IDLE; s < STATES; s++) {
        struct line *l = test_keep(calloc(1, sizeof *l));
        open_line(&other, "other");
        bring(l, s);
        if (l->m.state != is[s])
            test_fail(__FILE__, __LINE__, "state %s is not reached", state_words[s]);
        struct peer_seen seen;
        if (s != SENDING && s != ENDING)
            CHECK(!peer_next(l->p, &seen));
        else
            while (peer_next(l->p, &seen)) { /* chunks under way */
            }
        l->p->out_at = l->p->out_n;
        struct outcome want = happens(l, s);
        if (want.field) {
            bool heard = false;
            while (!heard && peer_next(l->p, &seen)) /* chunks may come before it */
                heard = strcmp(seen.field, want.field) == 0 && seen.n == strlen(want.text) &&
                        memcmp(seen.clear, want.text, seen.n) == 0;
            if (!heard)
                test_fail(__FILE__, __LINE__, "in state %s: '%s %s' is not said", state_words[s], want.field,
                          want.text);
        } else if (l->p->open && s != SENDING) {
            CHECK(!peer_next(l->p, &seen));
        }
        enum integrity_master_state then = want.then == STAYS ? is[s] : want.then;
        if (l->m.state != then)
            test_fail(__FILE__, __LINE__, "state %s is followed by %d, want %d", state_words[s], l->m.state,
                      then);
        if (l->m.state == IM_IDLE && s != QUEUED)
            check_all_free();
        if (l->p->open)
            close_line(l);
        close_line(&other);
        check_all_free();
        rig->unsynced.count = 0;
    }
}

TEST(permission_in_every_state) {
    in_every_state(permission_asked);
}
TEST(start_in_every_state) {
    in_every_state(start_asked);
}
TEST(end_in_every_state) {
    in_every_state(end_said);
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
TEST(cancelled_none_in_every_state) {
    in_every_state(cancelled_none);
}
TEST(cancelled_by_our_id_in_every_state) {
    in_every_state(cancelled_by_our_id);
}
TEST(time_passes_in_every_state) {
    in_every_state(time_passes);
}
TEST(a_file_in_every_state) {
    in_every_state(another_file);
}
TEST(lost_in_every_state) {
    in_every_state(lost);
}

/* ---- every answer of the worker ---- */

/* The worker answers syn_m_c with something else than the name of a task. */
static void bad_name(const char *command, const char *text, const char *logged) {
    static struct line l;
    struct peer_seen more;
    begin(1, 1);
    open_line(&l, "w1");
    struct peer_seen seen = to_ask(&l);
    reply(&l, &seen, command, text);
    CHECK_INT(l.m.state, IM_IDLE);
    CHECK(!peer_next(l.p, &more)); /* there is no task that an error could be reported to */
    CHECK(rig_log_has(rig, logged));
    check_all_free();
    rig_scan(rig); /* and it goes on in the next cycle */
    to_send(&l);
    close_line(&l);
}

TEST(syn_m_c_is_refused) {
    bad_name("err", FAILED("3000", "\"busy\""), "Error sending zip file: Error 3000 - Cluster: busy");
}
TEST(syn_m_c_is_answered_with_nothing) {
    bad_name("ok", "", "the worker's task id is not one");
}
TEST(syn_m_c_is_answered_with_two_words) {
    bad_name("ok", "two words", "the worker's task id is not one");
}
TEST(syn_m_c_is_answered_with_too_much) {
    bad_name("ok", "0123456789012345678901234567890123456789012345678901234567890123456789",
             "the worker's task id is not one");
}

static void tick(struct line *l, uint64_t ms) {
    rig_pass(rig, ms);
    CHECK_INT(session_tick(&l->p->s, rig->clock.now_ms), E_OK);
    rig_settle(rig, l->p);
}

TEST(syn_m_c_is_not_answered) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    to_ask(&l);
    tick(&l, 19999);
    CHECK_INT(l.m.state, IM_ASK);
    tick(&l, 1);
    CHECK_INT(l.m.state, IM_IDLE);
    EXPECT_NOTHING(l.p);
    check_all_free();
    close_line(&l);
}

/* The file is refused at its beginning, in its middle or at its end: the error goes back to the worker's
 * task. */
static void refused_at(const char *field, const char *text, const char *reported) {
    static struct line l;
    struct peer_seen seen;
    begin(1, 1);
    open_line(&l, "w1");
    to_send(&l);
    for (;;) {
        rig_settle(rig, l.p);
        CHECK(peer_next(l.p, &seen));
        bool here = strcmp(seen.field, field) == 0;
        reply(&l, &seen, here ? "err" : "ok", here ? text : "fine");
        if (here)
            break;
    }
    if (strcmp(field, "file_upd ---") == 0) {
        seen = asked(&l, "file_end ---"); /* with a digest that cannot be right */
        reply(&l, &seen, "err", "File wasn't correctly received. Checksums aren't equal.");
    }
    seen = asked(&l, "syn_m_c_r --");
    CHECK_STR((char *)seen.clear, reported);
    CHECK_INT(l.m.state, IM_IDLE);
    check_all_free();
    reply(&l, &seen, "ok", "Error received");
    CHECK_INT(l.m.sync_end_wall, 0);
    close_line(&l);
}

TEST(the_file_is_refused) {
    refused_at("new_file ---", "Write path not allowed",
               TASK " " FAILED("3000", "\"Write path not allowed\""));
}
TEST(a_chunk_is_refused) {
    refused_at("file_upd ---", FAILED("1000", "\"no space\""), TASK " " FAILED("1000", "\"no space\""));
}
TEST(the_end_of_the_file_is_refused) {
    refused_at("file_end ---", "File wasn't correctly received. Checksums aren't equal.",
               TASK " " FAILED("3000", "\"File wasn't correctly received. Checksums aren't equal.\""));
}

TEST(syn_m_c_e_is_refused) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    struct peer_seen seen = to_end(&l);
    reply(&l, &seen, "err", FAILED("3027", "\"" TASK "\""));
    seen = asked(&l, "syn_m_c_r --");
    CHECK_STR((char *)seen.clear, TASK " " FAILED("3027", "\"" TASK "\""));
    CHECK_INT(l.m.state, IM_IDLE);
    CHECK_INT(l.m.sync_end_wall, 0);
    check_all_free();
    close_line(&l);
}

TEST(syn_m_c_e_is_not_answered) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    to_end(&l);
    tick(&l, 20000);
    struct peer_seen seen = asked(&l, "syn_m_c_r --");
    CHECK(strncmp((char *)seen.clear, TASK " {\"__wazuh_exception__\"", 60) == 0 ||
          strstr((char *)seen.clear, "\"code\": 3020"));
    CHECK_INT(l.m.state, IM_IDLE);
    check_all_free();
    close_line(&l);
}

/* The list of extra files cannot be read back: there is no package, and the worker is told. */
TEST(the_package_cannot_be_made) {
    static struct line l;
    static char many[400000];
    begin(1, 1);
    open_line(&l, "w1");
    size_t n = (size_t)sprintf(many, "{");
    for (unsigned i = 0; i < 6000; i++)
        n += (size_t)sprintf(many + n, "%s\"etc/lists/%05u\": {\"mod_time\": 1.0}", i ? ", " : "", i);
    strcpy(many + n, "}");
    ask_permission(&l, "True");
    start(&l);
    l.package = rig_package(&l.package_n, (const char *const[]){"files_metadata.json", many, NULL});
    send_package(&l, true);
    say_end(&l, l.id, PATH);
    ANSWER(&l, "ok ---------", "File correctly received");
    CHECK_INT(l.m.extra, 6000);
    struct peer_seen seen = asked(&l, "syn_m_c ----");
    rig->spill.fail_with = E_SYS;
    reply(&l, &seen, "ok", TASK);
    seen = asked(&l, "new_file ---");
    reply(&l, &seen, "ok ", "Ready to receive new file");
    do {
        CHECK(peer_next(l.p, &seen));
        reply(&l, &seen, "ok", "fine");
    } while (strcmp(seen.field, "file_end ---") != 0);
    seen = asked(&l, "syn_m_c_r --");
    CHECK_STR((char *)seen.clear,
              TASK " " FAILED("1000", "\"the list of extra files could not be read back\""));
    rig->spill.fail_with = E_OK;
    CHECK_INT(l.m.state, IM_IDLE);
    close_line(&l);
    check_all_free();
}

/* A file that vanished before it was sent: the rest goes, and the status will name it. */
TEST(a_file_is_left_out) {
    static struct line l;
    char path[XFER_PATH_BYTES];
    begin(1, 1);
    open_line(&l, "w1");
    struct peer_seen seen = to_ask(&l);
    rig_remove("etc/lists/b");
    reply(&l, &seen, "ok", TASK);
    l.package = rig_receive_file(rig, l.p, path, &l.package_n);
    char *metadata = rig_member(l.package, l.package_n, "files_metadata.json", NULL);
    CHECK(strstr(metadata, "etc/rules/a.xml") && !strstr(metadata, "etc/lists/b"));
    CHECK_INT(rig->unsynced.count, 1);
    CHECK_STR(rig->unsynced.file[0].path, "etc/lists/b");
    CHECK(rig_log_has(rig, "WARNING [Worker w1] [Integrity sync] etc/lists/b: not synchronised: "));
    seen = asked(&l, "syn_m_c_e --");
    reply(&l, &seen, "ok", "File correctly received");
    close_line(&l);
}

/* ---- permission (reference, section 5.4) ---- */

TEST(no_permission_before_the_first_scan) {
    static struct line l;
    rig = rig_new(1, 1);
    rig_write("etc/rules/a.xml", "alpha\n", 1690000000000000000);
    open_line(&l, "w1");
    ask_permission(&l, "False"); /* its files would all look superfluous */
    scanner_start(&rig->scanner);
    CHECK_INT(peer_say_text(l.p, ++l.counter, "syn_i_w_m_p", ""), E_OK);
    ANSWER(&l, "ok ---------", "False"); /* nor while it runs */
    rig_work(rig);
    ask_permission(&l, "True");
    close_line(&l);
}

TEST(once_per_scan_and_worker) {
    static struct line l, k;
    begin(2, 1);
    open_line(&l, "w1"), open_line(&k, "w2");
    for (int i = 0; i < 3; i++) {
        ask_permission(&l, "True");
        ask_permission(&l, "False");
        start(&l);
        manifest(&l, false);
        send_package(&l, true);
        say_end(&l, l.id, PATH);
        ANSWER(&l, "ok ---------", "File correctly received");
        struct peer_seen seen = asked(&l, "syn_m_c_ok -");
        reply(&l, &seen, "ok", "Thanks");
        ask_permission(&l, "False");
        if (i == 1)
            ask_permission(&k, "True"); /* another one's round is not used up */
        rig_scan(rig);
    }
    ask_permission(&k, "False"); /* its lease still runs */
    close_line(&l), close_line(&k);
    check_all_free();
}

/* A connection anew is a new life: what the old one had does not count. */
TEST(a_worker_that_comes_back) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    ask_permission(&l, "True");
    close_line(&l);
    check_all_free();
    open_line(&l, "w1");
    ask_permission(&l, "True");
    close_line(&l);
}

TEST(no_slot_no_permission) {
    static struct line l, k;
    begin(1, 1);
    open_line(&l, "w1"), open_line(&k, "w2");
    ask_permission(&l, "True");
    ask_permission(&k, "False");
    ASK(&l, "syn_i_w_m_r", "None {}", "ok ---------", "Error received");
    ask_permission(&k, "True"); /* in the same round: being refused does not use it up */
    close_line(&l), close_line(&k);
    check_all_free();
}

/* A lease begins anew with syn_i_w_m, and ends 120 s after that. */
TEST(the_lease_and_the_check_have_their_times) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    ask_permission(&l, "True");
    rig_pass(rig, 119000);
    start(&l);
    rig_pass(rig, 119999);
    CHECK_INT(l.m.state, IM_CHECK);
    rig_pass(rig, 1);
    CHECK_INT(l.m.state, IM_IDLE);
    asked(&l, "cancel_task ");
    close_line(&l);
    check_all_free();
}

/* What a check may inflate and keep: not what a whole synchronisation may, which is a gigabyte. */
TEST(a_manifest_has_its_measure) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    ask_permission(&l, "True");
    CHECK_INT(l.m.checker->compare.diff.extra.limit, (uint64_t)FILES_MAX * JSON_MEMBER_BYTES);
    close_line(&l);
    rig->intervals.max_zip_size = 100;
    open_line(&l, "w1");
    ask_permission(&l, "True");
    CHECK_INT(l.m.checker->compare.diff.extra.limit, 100);
    start(&l);
    say(&l, "new_file", "/" PATH);
    ANSWER(&l, "ok  --------", "Ready to receive new file");
    manifest(&l, false);
    struct error e;
    struct sink *sink = &l.m.checker->compare.sink;
    CHECK_INT(sink->write(sink, l.package, l.package_n, &e), E_LIMIT);
    close_line(&l);
    check_all_free();
}

/* It says that it lives, and takes a few bytes now and then: without an end to it, as many of its kind as
 * there are deflaters would stop the synchronisation of all others for ever. */
TEST(a_worker_that_takes_its_files_for_ever) {
    static struct line slow, next;
    begin(2, 1);
    open_line(&slow, "slow");
    open_line(&next, "next");
    to_send(&slow);
    ask_permission(&next, "True");
    start(&next);
    manifest(&next, true);
    send_package(&next, true);
    say_end(&next, next.id, PATH);
    ANSWER(&next, "ok ---------", "File correctly received");
    CHECK_INT(next.m.state, IM_QUEUED);
    rig_pass(rig, 2 * 120000 - 1);
    CHECK_INT(slow.m.state, IM_SEND);
    CHECK_INT(slow.kicks, 0);
    rig_pass(rig, 1);
    CHECK_INT(slow.kicks, 1);
    CHECK_INT(session_step(&slow.p->s), STEP_FAILED);
    CHECK_INT(slow.p->s.error.code, E_TIME);
    close_line(&slow);
    CHECK_INT(next.m.state, IM_ASK);
    rig_pass(rig, 2 * 120000 - 1); /* whoever waits does not pay for it */
    CHECK_INT(session_step(&next.p->s), STEP_WAIT);
    close_line(&next);
    check_all_free();
}

/* ---- the queue for a deflater ---- */

TEST(workers_wait_their_turn) {
    static struct line l[4];
    static const char *const names[] = {"w1", "w2", "w3", "w4"};
    begin(4, 1);
    for (int i = 0; i < 4; i++)
        open_line(&l[i], names[i]);
    struct peer_seen seen = to_ask(&l[0]);
    for (int i = 1; i < 4; i++) {
        ask_permission(&l[i], "True");
        start(&l[i]);
        manifest(&l[i], true);
        send_package(&l[i], true);
        say_end(&l[i], l[i].id, PATH);
        ANSWER(&l[i], "ok ---------", "File correctly received");
        CHECK_INT(l[i].m.state, IM_QUEUED);
        EXPECT_NOTHING(l[i].p);
    }
    close_line(&l[2]); /* one gives up in the middle of the queue */
    reply(&l[0], &seen, "err", FAILED("3000", "\"no\""));
    CHECK_INT(l[0].m.state, IM_IDLE);
    CHECK_INT(l[1].m.state, IM_ASK); /* the next one has it, and its link is told */
    CHECK_INT(l[1].kicks, 1);
    CHECK_INT(l[3].m.state, IM_QUEUED);
    seen = asked(&l[1], "syn_m_c ----");
    close_line(&l[1]); /* the one that has it goes */
    CHECK_INT(l[3].m.state, IM_ASK);
    CHECK_INT(l[3].kicks, 1);
    seen = asked(&l[3], "syn_m_c ----");
    reply(&l[3], &seen, "ok", TASK);
    char path[XFER_PATH_BYTES];
    rig_receive_file(rig, l[3].p, path, &l[3].package_n);
    seen = asked(&l[3], "syn_m_c_e --");
    reply(&l[3], &seen, "ok", "File correctly received");
    CHECK_INT(l[3].m.state, IM_IDLE);
    close_line(&l[0]), close_line(&l[3]);
    check_all_free();
}

/* The next in the queue has a session that failed and is about to be reaped: the one behind it goes on. */
TEST(a_broken_one_in_the_queue_is_passed_over) {
    static struct line l[3];
    static const char *const names[] = {"w1", "w2", "w3"};
    begin(3, 1);
    for (int i = 0; i < 3; i++)
        open_line(&l[i], names[i]);
    struct peer_seen seen = to_ask(&l[0]);
    for (int i = 1; i < 3; i++) {
        ask_permission(&l[i], "True");
        start(&l[i]);
        manifest(&l[i], true);
        send_package(&l[i], true);
        say_end(&l[i], l[i].id, PATH);
        ANSWER(&l[i], "ok ---------", "File correctly received");
    }
    CHECK(peer_push(l[1].p, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xffjunk junk junk", 22) != E_OK);
    reply(&l[0], &seen, "err", FAILED("3000", "\"no\""));
    CHECK_INT(l[1].m.state, IM_IDLE);
    CHECK_INT(l[2].m.state, IM_ASK);
    for (int i = 0; i < 3; i++)
        close_line(&l[i]);
    check_all_free();
}

/* ---- the adaptive limit (reference, section 5.5) ---- */

/* A synchronisation that takes so long; cancelled by the worker when it says so. Returns the bytes sent. */
static uint64_t sync_taking(struct line *l, uint64_t ms, bool cancel_it, bool refuse_it) {
    struct peer_seen seen;
    uint64_t bytes = 0;
    rig->scanner.rounds++;
    to_send(l);
    seen = asked(l, "new_file ---");
    size_t path_n = seen.n;
    rig_pass(rig, ms);
    if (cancel_it) {
        l->counter++;
        CHECK_INT(peer_say_text(l->p, l->counter, "cancel_task", TASK " " FAILED("3039", "null")), E_OK);
        ANSWER(l, "ok ---------", "Request received correctly");
    }
    reply(l, &seen, "ok ", "Ready to receive new file");
    for (;;) {
        CHECK(peer_next(l->p, &seen));
        bool end = strcmp(seen.field, "file_end ---") == 0;
        if (!end)
            bytes += seen.n - path_n - 1;
        reply(l, &seen, end && refuse_it ? "err" : "ok", end && refuse_it ? "no" : "fine");
        if (end)
            break;
    }
    seen = asked(l, refuse_it ? "syn_m_c_r --" : "syn_m_c_e --"); /* also after a cancellation */
    reply(l, &seen, "ok", "fine");
    CHECK_INT(l->m.state, IM_IDLE);
    return bytes;
}

TEST(the_limit_grows_after_quick_transfers) {
    static struct line l;
    begin(1, 1);
    open_line(&l, "w1");
    CHECK_INT(l.m.zip_limit, 1073741824);
    sync_taking(&l, 0, false, false);
    CHECK_INT(l.m.zip_limit, 1073741824); /* it is the most */
    /* int(limit * (1 / (1 - 0.2))), again and again */
    static const uint64_t steps[] = {31457280, 39321600, 49152000, 61440000, 76800000};
    l.m.zip_limit = steps[0];
    for (int i = 1; i < 5; i++) {
        sync_taking(&l, 0, false, false);
        CHECK_INT(l.m.zip_limit, steps[i]);
    }
    l.m.zip_limit = 1000000000; /* not beyond the most */
    sync_taking(&l, 0, false, false);
    CHECK_INT(l.m.zip_limit, 1073741824);
    static const struct {
        uint64_t ms;
        bool grows;
    } times[] = {{95999, true}, {96000, false}, {200000, false}}; /* 120 s * 0.8 */
    for (int i = 0; i < 3; i++) {
        l.m.zip_limit = 40000000;
        sync_taking(&l, times[i].ms, false, false);
        CHECK_INT(l.m.zip_limit, times[i].grows ? 50000000 : 40000000);
    }
    l.m.zip_limit = 40000000; /* a transfer that failed says nothing about the line */
    sync_taking(&l, 0, false, true);
    CHECK_INT(l.m.zip_limit, 40000000);
    rig->intervals.zip_limit_tolerance_milli = 500;
    sync_taking(&l, 59999, false, false);
    CHECK_INT(l.m.zip_limit, 80000000);
    close_line(&l);
}

TEST(the_limit_shrinks_after_a_cancelled_one) {
    static struct line l;
    begin(1, 1);
    rig->intervals.min_zip_size = 100;
    static uint8_t noise[300000];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&seed);
    rig_write_bytes("etc/lists/noise", noise, sizeof noise, 1690000000000000000);
    rig_scan(rig);
    open_line(&l, "w1");
    /* Cancelled before the first chunk: nothing was sent, so the least it is. */
    CHECK_INT(sync_taking(&l, 0, true, false), 0);
    CHECK_INT(l.m.zip_limit, 100);
    /* ... and not the large file, then. */
    l.m.zip_limit = 1000;
    CHECK(sync_taking(&l, 0, false, false) < 1500);
    CHECK_INT(l.m.zip_limit, 1250);
    /* Cancelled in the middle: 0.8 times what was sent. */
    l.m.zip_limit = 1000000;
    rig->scanner.rounds++;
    to_send(&l);
    struct peer_seen seen = asked(&l, "new_file ---");
    size_t path_n = seen.n;
    uint64_t bytes = 0;
    reply(&l, &seen, "ok ", "Ready to receive new file");
    while (peer_next(l.p, &seen) && strcmp(seen.field, "file_upd ---") == 0) {
        bytes += seen.n - path_n - 1;
        if (bytes == seen.n - path_n - 1) { /* at the first one */
            CHECK_INT(peer_say_text(l.p, ++l.counter, "cancel_task", TASK " " FAILED("3039", "null")), E_OK);
        }
        reply(&l, &seen, "ok", "File updated");
    }
    CHECK(bytes > 100000);
    while (strcmp(seen.field, "syn_m_c_e --") != 0) {
        if (strcmp(seen.field, "file_end ---") == 0)
            reply(&l, &seen, "ok", "File received correctly");
        else if (strcmp(seen.field, "file_upd ---") == 0) {
            bytes += seen.n - path_n - 1;
            reply(&l, &seen, "ok", "File updated");
        }
        CHECK(peer_next(l.p, &seen));
    }
    CHECK_INT(l.m.zip_limit, bytes * 8 / 10);
    close_line(&l);
    check_all_free();
}
