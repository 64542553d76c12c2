/* test_embedded.c - the jobs of a store on the embedded database: a worker's batch on its way to a master and
 * back, agent groups the other way, strings from peers, and what slices leave to others. Strings and counts
 * are those of the reference, section 6; the global hash is its test vector (section 14.3). */
#include "src/store/agents_parts.h"
#include "test/harness/harness.h"
#include "test/harness/store_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define INFO_HEAD "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
#define GROUPS_HEAD                                                                                          \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": "
#define HASH "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262"
#define OS_NAMES "select id, os_name, sync_status from agent where id > 0 order by id"
#define GROUPS "select id, name, `group`, group_hash, group_sync_status from agent where id > 0 order by id"

static struct store_rig w, m; /* a worker's and a master's */
static struct memory_spill spill;
static struct blob blob;
static struct store_job j;

static void blob_end(void *arg) {
    (void)arg;
    blob_reset(&blob);
    CHECK_INT(spill.open, 0);
}

static void begin(bool newer) {
    store_rig_library();
    store_rig_open(&w, "w", true, newer);
    store_rig_open(&m, "m", false, newer);
    memory_spill_init(&spill, 64u << 20);
    blob_init(&blob, NULL, 0, NULL, &spill.spill, 64u << 20);
    test_at_end(blob_end, NULL);
    CHECK_STR(w.b.store.kind, "embedded");
    CHECK(!w.b.store.marks_on_reading);
}

static void run(struct store_rig *r, enum store_work work) {
    store_rig_run(r, &j, work, &blob);
    if (j.err != E_OK)
        test_fail(__FILE__, __LINE__, "job %d: %s", work, j.why.what);
    CHECK_INT(j.why.code, E_OK);
}

static void run_badly(struct store_rig *r, enum store_work work, enum err err) {
    uint64_t failures = r->b.store.failures;
    store_rig_run(r, &j, work, &blob);
    CHECK_INT(j.err, err);
    CHECK_INT(j.why.code, err);
    CHECK(j.why.what[0]);
    CHECK_INT(r->b.store.failures, failures + 1);
}

static char *content(void) {
    size_t n;
    struct error e;
    char *text = test_keep(malloc((size_t)blob.size + 1));
    CHECK_INT(blob_read(&blob, 0, (uint8_t *)text, (size_t)blob.size, &n, &e), E_OK);
    text[n] = '\0';
    return text;
}

static void fill(const char *text) {
    struct error e;
    blob_reset(&blob);
    CHECK_INT(blob_append(&blob, (const uint8_t *)text, strlen(text), &e), E_OK);
}

static void agents(struct store_rig *r, unsigned count) {
    struct error e;
    CHECK_INT(db_begin(&r->b.db, &e), E_OK);
    for (unsigned id = 1; id <= count; id++) {
        char name[16];
        snprintf(name, sizeof name, "a%u", id);
        store_rig_agent(r, id, name);
    }
    CHECK_INT(db_commit(&r->b.db, &e), E_OK);
}

/* ---- agent information ---- */

static void information_arrives(bool newer) {
    begin(newer);
    agents(&w, 3);
    agents(&m, 2); /* it does not know the third */
    for (int i = 1; i <= 3; i++)
        store_rig_report(&w, i, "Debian", "syncreq");
    run(&w, STORE_INFO_READ);
    CHECK_INT(j.rows, 3);
    CHECK_INT(j.parts, newer ? 3 : 1);
    CHECK(strncmp(content(), INFO_HEAD, strlen(INFO_HEAD)) == 0);
    const char *start = newer ? "{\"syncreq\":[{\"id\":1," : "[\"[{\\\"id\\\":1,";
    CHECK(strncmp(content() + strlen(INFO_HEAD), start, strlen(start)) == 0);
    CHECK_STR(store_rig_select(&w, OS_NAMES), "1|Debian|syncreq\n2|Debian|syncreq\n3|Debian|syncreq\n");
    run(&m, STORE_INFO_WRITE);
    CHECK_INT(j.parts, 1);
    CHECK_INT(j.parts_in_all, 1);
    CHECK_INT(j.rows, 2);
    CHECK_STR(j.errors, "[]");
    CHECK_STR(store_rig_select(&m, OS_NAMES), "1|Debian|synced\n2|Debian|synced\n");
    run(&w, STORE_INFO_CONFIRM);
    CHECK_STR(store_rig_select(&w, OS_NAMES), "1|Debian|synced\n2|Debian|synced\n3|Debian|synced\n");
    blob_reset(&blob);
    run(&w, STORE_INFO_READ);
    CHECK_INT(j.parts, 0);
    CHECK_INT(blob.size, 0);
}

TEST(information_arrives_as_chunks) {
    information_arrives(false);
}

TEST(information_arrives_as_lists) {
    information_arrives(true);
}

/* Nothing newer is lost: what is reported while the batch is on its way is told again. */
static void reported_meanwhile(bool newer) {
    begin(newer);
    agents(&w, 3);
    for (int i = 1; i <= 3; i++)
        store_rig_report(&w, i, "Debian", "syncreq");
    run(&w, STORE_INFO_READ);
    store_rig_report(&w, 2, "Fedora", "syncreq");
    run(&w, STORE_INFO_CONFIRM);
    CHECK_STR(store_rig_select(&w, OS_NAMES), "1|Debian|synced\n2|Fedora|syncreq\n3|Debian|synced\n");
    blob_reset(&blob);
    run(&w, STORE_INFO_READ);
    CHECK_INT(j.rows, 1);
    CHECK(strstr(content(), "Fedora"));
    run(&w, STORE_INFO_CONFIRM);
    CHECK(!strstr(store_rig_select(&w, OS_NAMES), "syncreq"));
}

TEST(reported_meanwhile_as_chunks) {
    reported_meanwhile(false);
}

TEST(reported_meanwhile_as_lists) {
    reported_meanwhile(true);
}

TEST(what_is_not_confirmed_is_told_again) {
    begin(true);
    agents(&w, 2);
    store_rig_report(&w, 1, "Debian", "syncreq");
    run(&w, STORE_INFO_READ);
    run(&w, STORE_INFO_RELEASE);
    run(&w, STORE_INFO_CONFIRM); /* too late: what has changed since nobody has watched */
    CHECK_STR(store_rig_select(&w, OS_NAMES), "1|Debian|syncreq\n2|-|synced\n");
    char *first = content();
    blob_reset(&blob);
    run(&w, STORE_INFO_READ);
    CHECK_STR(content(), first);
    blob_reset(&blob);
    run(&w, STORE_INFO_READ); /* its asker forgot the one before */
    CHECK_STR(content(), first);
    run(&w, STORE_INFO_CONFIRM);
    CHECK_STR(store_rig_select(&w, OS_NAMES), "1|Debian|synced\n2|-|synced\n");
    CHECK(!w.b.agents.watching);
}

/* Between two slices others use the database, and a long job stays in small steps. */
TEST(slices) {
    unsigned steps = 0;
    begin(true);
    agents(&w, 2000);
    agents(&m, 2000);
    struct error e;
    CHECK_INT(db_begin(&w.b.db, &e), E_OK);
    for (unsigned i = 1; i <= 2000; i++)
        store_rig_report(&w, i, "Debian", i % 2 ? "syncreq" : "syncreq_keepalive");
    CHECK_INT(db_commit(&w.b.db, &e), E_OK);
    run(&w, STORE_INFO_READ);
    CHECK_INT(j.parts, 2000);
    j = (struct store_job){.work = STORE_INFO_WRITE, .blob = &blob, .done = j.done, .arg = &(unsigned){0}};
    uint64_t commits = m.b.db.commits;
    store_submit(&m.b.store, &j);
    while (j.queued) {
        CHECK(embedded_step(&m.b) == (j.queued ? STEP_AGAIN : STEP_WAIT));
        CHECK(!db_in_transaction(&m.b.db));
        memset(m.texts.request, 'x', sizeof m.texts.request); /* as a command of another program */
        memset(m.texts.reply, 'x', sizeof m.texts.reply);
        memset(m.texts.command_keep, 'x', sizeof m.texts.command_keep);
        memset(m.texts.tokens, 0xa5, sizeof m.texts.tokens);
        store_rig_report(&m, 1000, steps % 2 ? "odd" : "even", "synced");
        steps++;
    }
    CHECK_INT(j.err, E_OK);
    CHECK_INT(j.rows, 2000);
    CHECK(steps > 2000 / EMBEDDED_SLICE_ROWS);
    CHECK(m.b.db.commits - commits - steps <= 2000 / EMBEDDED_SLICE_ROWS + 10);
    CHECK_STR(store_rig_select(&m, "select count(*) from agent where id > 0 and sync_status = 'synced'"),
              "2000\n");
}

/* Another program looks at the file: what a real node tells once waits for it, for a while. */
TEST(a_locked_file_is_waited_for) {
    begin(true);
    agents(&m, 1);
    run(&m, STORE_GROUPS_HASH);
    struct sys *sys = m.b.db.sys;
    int fd = sys->openat(sys, m.b.db.folder, "global.db", O_RDWR, 0);
    CHECK(fd >= 0);
    fill(INFO_HEAD "{\"syncreq_keepalive\":[{\"id\":1,\"version\":\"v\"}]}}");
    for (unsigned i = 0; i < 2; i++) {
        unsigned done = 0;
        j = (struct store_job){.work = STORE_INFO_WRITE, .blob = &blob, .done = j.done, .arg = &done};
        CHECK_INT(sys->lock_range(sys, fd, SYS_LOCK_READ, 0x40000002, 510), 0);
        store_submit(&m.b.store, &j);
        while (embedded_step(&m.b) == STEP_AGAIN)
            ;
        CHECK(j.queued && m.b.running == &j);
        CHECK_INT(embedded_step(&m.b), STEP_WAIT);
        CHECK(!db_in_transaction(&m.b.db));
        if (i == 0) {
            CHECK_INT(sys->lock_range(sys, fd, SYS_UNLOCK, 0x40000002, 510), 0);
            CHECK_INT(embedded_step(&m.b), STEP_WAIT);
            CHECK_INT(j.err, E_OK);
            CHECK_INT(j.rows, 1);
        } else {
            for (unsigned k = 2; k < EMBEDDED_LOCKED_MOST; k++)
                CHECK_INT(embedded_step(&m.b), STEP_WAIT);
            CHECK(j.queued);
            CHECK_INT(embedded_step(&m.b), STEP_WAIT);
            CHECK_INT(j.err, E_AGAIN);
        }
        CHECK(!j.queued);
    }
    sys->close(sys, fd);
}

/* ---- strings that are not good ---- */

TEST(nothing_of_a_bad_string_is_applied) {
    static const char *const bad[] = {
        "",
        "[]",
        INFO_HEAD "{\"syncreq\":[{\"id\":1,\"os_name\":\"no\"}",
        INFO_HEAD "[]}",
        INFO_HEAD "{\"syncreq\":[{\"id\":1,\"os_name\":\"no\"}]}} x",
        "{\"set_data_command\": \"global sql drop\", \"payload\": {}, \"chunks\": {}}"};
    begin(true);
    agents(&m, 1);
    uint64_t commits = m.b.db.commits;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fill(bad[i]);
        store_rig_run(&m, &j, STORE_INFO_WRITE, &blob);
        CHECK(j.err == E_SYNTAX || j.err == E_VALUE || j.err == E_TRUNCATED);
        CHECK_INT(j.parts, 0);
    }
    CHECK_INT(m.b.db.commits, commits);
    CHECK_STR(store_rig_select(&m, OS_NAMES), "1|-|synced\n");
    fill(INFO_HEAD "{}}");
    run(&m, STORE_INFO_WRITE);
    CHECK_INT(j.parts, 0);
}

/* A chunk that is bad is that chunk's fault; the others go in. */
TEST(bad_chunks_are_told) {
    begin(false);
    agents(&m, 4);
    fill(INFO_HEAD "[\"[{\\\"id\\\":1,\\\"version\\\":\\\"1\\\"}]\", \"nonsense\", "
                   "\"[{\\\"version\\\":1},{\\\"x\\\":1}]\""
                   ", \"[]\"]}");
    run(&m, STORE_INFO_WRITE);
    CHECK_INT(j.parts_in_all, 4);
    CHECK_INT(j.parts + j.error_count, 4);
    CHECK(j.error_count >= 2);
    CHECK(strncmp(j.errors, "[\"Error 2003 - Error in wazuhdb request: ", 41) == 0);
}

TEST(bad_entries_of_groups_are_told) {
    begin(false);
    store_rig_agent(&w, 1, "aa");
    store_rig_groups(&w, 1, "old", false);
    fill(GROUPS_HEAD
         "[\"[{\\\"data\\\":[{\\\"id\\\":9,\\\"groups\\\":[\\\"default\\\"]},{\\\"id\\\":1,\\\"groups\\\":"
         "[\\\"default\\\",\\\"web\\\"]}]}]\", \"[{\\\"data\\\":[{\\\"id\\\":1}],\\\"hash\\\":null}]\"]}");
    run(&w, STORE_GROUPS_WRITE);
    CHECK_INT(j.parts, 0);
    CHECK_INT(j.parts_in_all, 2);
    CHECK_INT(j.error_count, 2);
    CHECK_INT(j.rows, 1);
    CHECK(!j.has_hash);
    CHECK_STR(store_rig_select(&w, GROUPS), "1|aa|default,web|5288d400|synced\n");
}

/* ---- agent groups ---- */

static void two_agents_with_groups(void) {
    store_rig_agent(&m, 1, "aa");
    store_rig_agent(&m, 2, "bb");
    store_rig_groups(&m, 1, "default", true);
    store_rig_groups(&m, 2, "default,web", true);
}

TEST(groups_arrive) {
    begin(true);
    two_agents_with_groups();
    run(&m, STORE_GROUPS_READ);
    CHECK_INT(j.parts, 2);
    CHECK(j.has_hash);
    CHECK_STR(j.hash, HASH);
    CHECK_STR(content(), GROUPS_HEAD
              "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"aa\\\",\\\"groups\\\":[\\\"default\\\"]},{"
              "\\\"id\\\":2,\\\"name\\\":\\\"bb\\\",\\\"groups\\\":[\\\"default\\\",\\\"web\\\"]}],\\\"hash"
              "\\\":\\\"" HASH "\\\"}]\"]}");
    CHECK_STR(store_rig_select(&m, GROUPS),
              "1|aa|default|37a8eec1|syncreq\n2|bb|default,web|5288d400|syncreq\n");
    run(&m, STORE_GROUPS_TOLD);
    CHECK_STR(store_rig_select(&m, GROUPS),
              "1|aa|default|37a8eec1|synced\n2|bb|default,web|5288d400|synced\n");
    store_rig_agent(&w, 1, "aa"); /* the other one is made */
    run(&w, STORE_GROUPS_WRITE);
    CHECK_INT(j.parts, 1);
    CHECK_INT(j.rows, 2);
    CHECK(j.has_hash);
    CHECK_STR(j.hash, HASH);
    CHECK_STR(store_rig_select(&w, GROUPS),
              "1|aa|default|37a8eec1|synced\n2|bb|default,web|5288d400|synced\n");
    CHECK_STR(store_rig_select(&w, "select ip, connection_status from agent where id = 2"),
              "-|never_connected\n");
    run(&w, STORE_GROUPS_HASH);
    CHECK(j.has_hash);
    CHECK_STR(j.hash, HASH);
    blob_reset(&blob);
    run(&m, STORE_GROUPS_READ); /* nothing new: the hash is told all the same */
    CHECK_INT(j.parts, 0);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[],\\\"hash\\\":\\\"" HASH "\\\"}]\"]}");
}

TEST(a_group_changed_between_reading_and_telling) {
    begin(true);
    two_agents_with_groups();
    run(&m, STORE_GROUPS_READ);
    store_rig_groups(&m, 1, "web", true);
    run(&m, STORE_GROUPS_TOLD);
    CHECK(strstr(store_rig_select(&m, GROUPS), "1|aa|web|") != NULL);
    CHECK(strstr(store_rig_select(&m, GROUPS), "|syncreq\n2|bb|default,web|5288d400|synced\n") != NULL);
    blob_reset(&blob);
    run(&m, STORE_GROUPS_READ);
    CHECK_INT(j.parts, 1);
    blob_reset(&blob);
    run(&m, STORE_GROUPS_READ); /* not told, so once more */
    CHECK_INT(j.parts, 1);
    run(&m, STORE_GROUPS_TOLD);
    run(&m, STORE_GROUPS_TOLD); /* twice does nothing */
    blob_reset(&blob);
    run(&m, STORE_GROUPS_READ);
    CHECK_INT(j.parts, 0);
}

TEST(the_full_list) {
    begin(false);
    run(&m, STORE_GROUPS_READ_ALL);
    CHECK_INT(j.parts, 0);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[]}]\"]}");
    blob_reset(&blob);
    two_agents_with_groups();
    run(&m, STORE_GROUPS_READ);
    blob_reset(&blob);
    run(&m, STORE_GROUPS_READ_ALL); /* between a round and its telling it disturbs nothing */
    CHECK_INT(j.parts, 2);
    CHECK(!j.has_hash);
    CHECK_STR(content(),
              GROUPS_HEAD "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"groups\\\":[\\\"default\\\"]},{\\\"id\\\":2,"
                          "\\\"groups\\\":[\\\"default\\\",\\\"web\\\"]}]}]\"]}");
    run(&m, STORE_GROUPS_TOLD);
    CHECK(!strstr(store_rig_select(&m, GROUPS), "syncreq"));
    store_rig_agent(&w, 1, "aa");
    store_rig_agent(&w, 2, "bb");
    run(&w, STORE_GROUPS_WRITE);
    CHECK_INT(j.parts, 1);
    CHECK(!j.has_hash);
    run(&w, STORE_GROUPS_RECALCULATE);
    run(&w, STORE_GROUPS_HASH);
    CHECK_STR(j.hash, HASH);
}

TEST(many_groups_in_chunks) {
    begin(true);
    agents(&m, 3000);
    struct error e;
    CHECK_INT(db_begin(&m.b.db, &e), E_OK);
    for (unsigned i = 1; i <= 3000; i++)
        store_rig_groups(&m, i, i % 3 ? "default" : "default,web,a-group-with-a-longer-name", true);
    CHECK_INT(db_commit(&m.b.db, &e), E_OK);
    run(&m, STORE_GROUPS_READ);
    CHECK_INT(j.parts, 3000);
    CHECK(j.parts_in_all > 2);
    char hash[41];
    memcpy(hash, j.hash, sizeof hash);
    run(&m, STORE_GROUPS_TOLD);
    CHECK_STR(store_rig_select(&m, "select count(*) from agent where group_sync_status = 'syncreq'"), "0\n");
    run(&w, STORE_GROUPS_WRITE);
    CHECK_INT(j.rows, 3000);
    CHECK_STR(j.hash, hash);
    run(&w, STORE_GROUPS_HASH);
    CHECK_STR(j.hash, hash);
}

TEST(no_hash_without_groups) {
    begin(true);
    run(&m, STORE_GROUPS_HASH);
    CHECK(!j.has_hash);
    CHECK_STR(j.hash, "");
    run(&m, STORE_GROUPS_READ);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[],\\\"hash\\\":null}]\"]}");
    run(&w, STORE_GROUPS_WRITE);
    CHECK_INT(j.parts, 1);
    CHECK(!j.has_hash);
}

/* ---- commands, and what is common to all jobs ---- */

static char reply[512];

static void keep_reply(void *arg, struct store_job *job) {
    ++*(unsigned *)arg;
    CHECK(text_copy(reply, sizeof reply, job->reply, job->reply_n));
}

TEST(commands) {
    char text[] = "global select-agent-name 1", other[] = "nonsense";
    unsigned ended = 0;
    begin(true);
    agents(&m, 1);
    j = (struct store_job){
        .work = STORE_TEXT, .text = text, .text_n = strlen(text), .done = keep_reply, .arg = &ended};
    store_submit(&m.b.store, &j);
    CHECK_INT(embedded_step(&m.b), STEP_WAIT);
    CHECK_INT(ended, 1);
    CHECK_STR(reply, "ok [{\"name\":\"a1\"}]");
    j.text = other;
    j.text_n = strlen(other);
    store_submit(&m.b.store, &j);
    embedded_step(&m.b);
    CHECK_INT(ended, 2);
    CHECK_INT(j.err, E_OK);
    CHECK(strncmp(reply, "err ", 4) == 0);
}

TEST(no_room_for_the_string) {
    begin(true);
    agents(&w, 1);
    store_rig_report(&w, 1, "Debian", "syncreq");
    two_agents_with_groups();
    spill.fail_with = E_SPACE;
    run_badly(&w, STORE_INFO_READ, E_SPACE);
    CHECK(!w.b.agents.watching);
    run_badly(&m, STORE_GROUPS_READ, E_SPACE);
    run_badly(&m, STORE_GROUPS_READ_ALL, E_SPACE);
    spill.fail_with = E_OK;
    CHECK_INT(blob.size, 0);
    run(&m, STORE_GROUPS_TOLD); /* of nothing */
    run(&m, STORE_GROUPS_READ);
    CHECK_INT(j.parts, 2);
    blob_reset(&blob);
    run(&w, STORE_INFO_READ);
    CHECK_INT(j.parts, 1);
}

static struct store_job jobs[6];
static char order[32];

static void in_order(void *arg, struct store_job *job) {
    char *at = order + strlen(order);
    at[0] = (char)('0' + (job - jobs));
    at[1] = job->err == E_OK ? ' ' : '!';
    at[2] = '\0';
    if (arg) {
        struct store_job *next = arg;
        next->arg = NULL;
        store_submit(&m.b.store, next);
    }
}

static void put(unsigned i, enum store_work work, void *arg) {
    jobs[i] = (struct store_job){.work = work, .blob = &blob, .done = in_order, .arg = arg};
    store_submit(&m.b.store, &jobs[i]);
}

TEST(jobs_come_one_after_the_other) {
    begin(true);
    fill("nonsense");
    CHECK_INT(embedded_step(&m.b), STEP_WAIT);
    put(0, STORE_GROUPS_HASH, &jobs[0]); /* itself once more */
    put(1, STORE_INFO_WRITE, NULL);
    put(2, STORE_GROUPS_TOLD, NULL);
    CHECK_STR(order, "");
    while (embedded_step(&m.b) == STEP_AGAIN) {
    }
    CHECK_STR(order, "0 1!2 0 ");
}

TEST(jobs_are_cancelled) {
    begin(true);
    agents(&m, 600);
    for (unsigned after = 0; after < 8; after++)
        for (unsigned victim = 0; victim < 3; victim++) {
            order[0] = '\0';
            blob_reset(&blob);
            put(0, STORE_GROUPS_READ_ALL, NULL);
            put(1, STORE_GROUPS_WRITE, NULL);
            put(2, STORE_GROUPS_HASH, NULL);
            for (unsigned i = 0; i < after; i++)
                embedded_step(&m.b);
            bool over = !jobs[victim].queued;
            store_cancel(&m.b.store, &jobs[victim]);
            if (!over) {
                memset(&jobs[victim], 0xa5, sizeof jobs[victim]);
                if (victim == 0) { /* the blob is its asker's again: what comes next has one of its own */
                    store_cancel(&m.b.store, &jobs[1]);
                    blob_reset(&blob);
                }
            }
            while (embedded_step(&m.b) == STEP_AGAIN) {
            }
            CHECK((strchr(order, (char)('0' + victim)) != NULL) == over);
            CHECK(victim == 2 || strchr(order, '2'));
        }
}

TEST(the_node_stops) {
    begin(true);
    agents(&m, 600);
    put(0, STORE_GROUPS_READ_ALL, NULL);
    embedded_step(&m.b);
    put(1, STORE_GROUPS_HASH, &jobs[3]); /* what comes now is not taken */
    put(2, STORE_GROUPS_TOLD, NULL);
    jobs[3] = (struct store_job){.work = STORE_GROUPS_TOLD, .done = in_order};
    strcpy(order, "");
    store_rig_close(&m);
    CHECK(strstr(order, "1!2!"));
    CHECK_INT(jobs[1].err, E_CLOSED);
}

TEST(a_file_that_cannot_be_opened) {
    struct error e;
    static struct sys sys;
    sys_linux_init(&sys);
    store_rig_library();
    test_write_file("m/queue/db/global.db", "this is not a database, but it is long enough", 45);
    CHECK(store_rig_try(&m, &sys, "m", false, true, &e) != E_OK);
    CHECK(strstr(e.what, "queue/db/global.db"));
}
