/* test_wdb_client.c - the jobs of a store over a wazuh-db that is played by the case: what it is asked to the
 * byte (reference, section 14.1 and 14.2; SyncWazuhdb and send_data_to_wdb of 4.9.2 and 4.14.7), what becomes
 * of the answers, and what happens when it is slow, gone, new or wrong. */
#include "role/wdb_client.h"
#include "test/harness/fake_wdb.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"

#include <stdio.h>
#include <stdlib.h>

#define INFO_HEAD "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
#define GROUPS_HEAD                                                                                          \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": "
#define GET_CHANGED                                                                                          \
    "global sync-agent-groups-get {\"condition\": \"sync_status\", \"set_synced\": true, "                   \
    "\"get_global_hash\": true}\n"
#define GET_ALL(id)                                                                                          \
    "global sync-agent-groups-get {\"condition\": \"all\", \"set_synced\": false, \"get_global_hash\": "     \
    "false, \"last_id\": " id "}\n"
#define GET_HASH "global sync-agent-groups-get {\"get_global_hash\": true}\n"
#define HASH "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262"
#define JOBS 8

static struct faults f;
static struct loop loop;
static struct fake_wdb peer;
static struct wdb_client client;
static struct store_texts texts;
static struct memory_spill spill;
static struct blob blob;
static uint8_t small[64];

/* The jobs of a case, and what they ended with. */
static struct store_job jobs[JOBS];
static unsigned ended[JOBS];
static struct text lines;
static char lines_buf[8192], last_reply[256];

/* The answers of a case, one after the other; at the end it is silent. */
static const char *const *script;

static const char *from_script(void *arg, const char *request) {
    (void)arg;
    (void)request;
    return script && *script ? *script++ : FAKE_WDB_SILENT;
}

static void note(struct log *l, enum log_level level, const char *tag, const char *subtag, const char *text) {
    (void)l;
    (void)tag;
    (void)subtag;
    text_format(&lines, "%u %s\n", level, text);
}
static struct log line_log = {.level = LOG_DEBUG, .write = note};

static void check_end(void *arg) {
    (void)arg;
    wdb_client_fini(&client);
    blob_reset(&blob);
    CHECK_INT(spill.open, 0);
    CHECK_INT(loop.io_count, 0);
    CHECK_INT(loop.timer_count, 0);
    CHECK(!loop.work);
}

static void begin_with(bool info_http, uint64_t answer_most) {
    text_init(&lines, lines_buf, sizeof lines_buf);
    f.virtual_time = true;
    f.now_ns = 1000000000;
    loop_init(&loop, &f.sys);
    memory_spill_init(&spill, 64u << 20);
    blob_init(&blob, small, sizeof small, NULL, &spill.spill, 64u << 20);
    wdb_client_init(&client, &f.sys, &loop, &line_log, test_dir(), true, info_http, info_http, &texts,
                    answer_most);
    CHECK(client.store.marks_on_reading);
    CHECK_STR(client.store.kind, "wazuh-db");
    test_at_end(check_end, NULL);
}

static void begin(bool info_http) {
    faults_init(&f);
    fake_wdb_open(&peer, from_script, NULL);
    begin_with(info_http, 32u << 20);
}

static void on_done(void *arg, struct store_job *j) {
    unsigned *count = arg;
    ++*count;
    if (j->reply)
        text_copy(last_reply, sizeof last_reply, j->reply, j->reply_n);
}

static struct store_job *submit(unsigned i, enum store_work work) {
    jobs[i].work = work;
    jobs[i].blob = &blob;
    jobs[i].done = on_done;
    jobs[i].arg = &ended[i];
    ended[i] = 0;
    store_submit(&client.store, &jobs[i]);
    CHECK_INT(ended[i], 0);
    return &jobs[i];
}

static void turns(unsigned n) {
    while (n--) {
        loop_turn(&loop, 0);
        if (peer.answer)
            fake_wdb_step(&peer);
    }
}

/* Runs it to its end. */
static struct store_job *run(enum store_work work) {
    struct store_job *j = submit(0, work);
    for (unsigned i = 0; i < 200000 && !ended[0]; i++)
        turns(1);
    CHECK_INT(ended[0], 1);
    return j;
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

static void check_asked(const char *want) {
    CHECK_STR(peer.log_buf, want);
    text_init(&peer.log, peer.log_buf, sizeof peer.log_buf);
}

#define SCRIPT(...)                                                                                          \
    do {                                                                                                     \
        static const char *const answers_[] = {__VA_ARGS__, NULL};                                           \
        script = answers_;                                                                                   \
    } while (0)

static struct store_job *run_well(enum store_work work) {
    struct store_job *j = run(work);
    if (j->err != E_OK)
        test_fail(__FILE__, __LINE__, "%s", j->why.what);
    CHECK_STR(j->errors, "[]");
    return j;
}

static struct store_job *run_badly(enum store_work work, enum err err) {
    uint64_t failures = client.store.failures;
    struct store_job *j = run(work);
    CHECK_INT(j->err, err);
    CHECK(j->why.what[0]);
    CHECK_INT(client.store.failures, failures + 1);
    return j;
}

/* ---- reading ---- */

TEST(agent_information_in_chunks) {
    begin(false);
    SCRIPT("due [{\"id\":1,\"name\":\"a\"},{\"id\":2}]", "due [{\"id\":3,\"labels\":[{\"id\":3}]}]", "ok []");
    struct store_job *j = run_well(STORE_INFO_READ);
    CHECK_STR(content(), INFO_HEAD "[\"[{\\\"id\\\":1,\\\"name\\\":\\\"a\\\"},{\\\"id\\\":2}]\", "
                                   "\"[{\\\"id\\\":3,\\\"labels\\\":[{\\\"id\\\":3}]}]\"]}");
    CHECK_INT(j->parts, 2);
    CHECK_INT(j->rows, 3);
    check_asked("global sync-agent-info-get {}\nglobal sync-agent-info-get {}\n"
                "global sync-agent-info-get {}\n");
    CHECK_INT(peer.text.accepted, 1);
}

TEST(no_agent_information) {
    begin(false);
    SCRIPT("ok []");
    struct store_job *j = run_well(STORE_INFO_READ);
    CHECK_INT(j->parts, 0);
    CHECK_INT(blob.size, 0);
}

/* Latin-1 in a name: a real master's Python could not even store what it would be sent for it. */
TEST(text_is_utf8) {
    begin(false);
    SCRIPT("ok [{\"id\":1,\"name\":\"M\xfcller \xc3\xa4\"}]");
    run_well(STORE_INFO_READ);
    CHECK_STR(content(), INFO_HEAD "[\"[{\\\"id\\\":1,\\\"name\\\":\\\"Mller \\u00e4\\\"}]\"]}");
}

#define LISTS                                                                                                \
    "{\"syncreq\":[{\"id\":1,\"labels\":[{\"key\":\"k\",\"value\":\"v\"}]},{\"id\":2}],"                     \
    "\"syncreq_keepalive\":[{\"id\":3}]}"

TEST(agent_information_over_http) {
    begin(true);
    SCRIPT(
        "200 " LISTS, "200 {}", "200 {\"syncreq\":[],\"syncreq_keepalive\":[],\"syncreq_status\":[]}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{\"syncreq\":[{\"id\":7\r\n4\r\n}]}\n\r\n"
        "0\r\n\r\n",
        "200 {\"syncreq\":[{\"id\":1,\"name\":\"\xff\"}]}");
    struct store_job *j = run_well(STORE_INFO_READ);
    CHECK_STR(content(), INFO_HEAD LISTS "}");
    CHECK_INT(j->parts, 3);
    CHECK_INT(j->rows, 3);
    check_asked("GET /v1/agents/sync\n\n");
    for (unsigned i = 0; i < 2; i++) {
        blob_reset(&blob);
        j = run_well(STORE_INFO_READ);
        CHECK_INT(j->parts, 0);
        CHECK_INT(blob.size, 0);
    }
    j = run_well(STORE_INFO_READ);
    CHECK_STR(content(), INFO_HEAD "{\"syncreq\":[{\"id\":7}]}\n}");
    CHECK_INT(j->parts, 1);
    blob_reset(&blob);
    run_well(STORE_INFO_READ);
    CHECK_STR(content(), INFO_HEAD "{\"syncreq\":[{\"id\":1,\"name\":\"\"}]}}");
    CHECK_INT(peer.http.accepted, 5);
    CHECK_INT(peer.text.accepted, 0);
}

TEST(http_answers_that_are_none) {
    begin(true);
    SCRIPT("500 the database is locked", "200 {\"syncreq\":[", "200 ", "200 {\"syncreq\":[}]}", "nonsense",
           "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"syncreq\":[{\"id\":7}]}", FAKE_WDB_CLOSE);
    struct store_job *j = run_badly(STORE_INFO_READ, E_PEER);
    CHECK_STR(j->why.what, "wazuh-db answered 500: the database is locked");
    CHECK_INT(blob.size, 0);
    run_badly(STORE_INFO_READ, E_TRUNCATED);
    run_badly(STORE_INFO_READ, E_TRUNCATED);
    run_badly(STORE_INFO_READ, E_SYNTAX);
    run_badly(STORE_INFO_READ, E_SYNTAX);
    run_badly(STORE_INFO_READ, E_CLOSED);
    run_badly(STORE_INFO_READ, E_CLOSED);
    CHECK_INT(blob.size, 0);
    CHECK(!client.store.down); /* it is there, if not well */
}

TEST(changed_groups) {
    begin(true);
    SCRIPT("due [{\"data\":[{\"id\":1,\"name\":\"a\",\"groups\":[\"default\"]}]}]",
           "ok [{\"data\":[{\"id\":2,\"name\":\"b\",\"groups\":[\"default\",\"web\"]}],\"hash\":\"" HASH
           "\"}]");
    struct store_job *j = run_well(STORE_GROUPS_READ);
    CHECK_STR(content(), GROUPS_HEAD
              "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"a\\\",\\\"groups\\\":[\\\"default"
              "\\\"]}]}]\", \"[{\\\"data\\\":[{\\\"id\\\":2,\\\"name\\\":\\\"b\\\",\\\"groups\\\":"
              "[\\\"default\\\",\\\"web\\\"]}],\\\"hash\\\":\\\"" HASH "\\\"}]\"]}");
    CHECK_INT(j->parts, 2);
    CHECK_INT(j->parts_in_all, 2);
    CHECK(j->has_hash);
    CHECK_STR(j->hash, HASH);
    check_asked(GET_CHANGED GET_CHANGED);
}

TEST(no_changed_groups) {
    begin(true);
    SCRIPT("ok [{\"data\":[],\"hash\":null}]");
    struct store_job *j = run_well(STORE_GROUPS_READ);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[],\\\"hash\\\":null}]\"]}");
    CHECK_INT(j->parts, 0);
    CHECK(!j->has_hash);
}

TEST(all_groups) {
    begin(true);
    SCRIPT("due [{\"data\":[{\"id\":1,\"groups\":[]},{\"id\":17,\"groups\":[\"id\"]}]}]",
           "due [{\"data\":[{\"groups\":[\"a\"],\"id\":18}]}]", "ok [{\"data\":[]}]", "ok [{\"data\":[]}]");
    struct store_job *j = run_well(STORE_GROUPS_READ_ALL);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"groups\\\":[]},{\\\"id\\\":17,"
                                     "\\\"groups\\\":[\\\"id\\\"]}]}]\", \"[{\\\"data\\\":[{\\\"groups\\\":"
                                     "[\\\"a\\\"],\\\"id\\\":18}]}]\"]}");
    CHECK_INT(j->parts, 3);
    CHECK(!j->has_hash);
    check_asked(GET_ALL("0") GET_ALL("17") GET_ALL("18"));
    blob_reset(&blob);
    j = run_well(STORE_GROUPS_READ_ALL); /* no agent at all: a real worker needs a chunk to look at */
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[]}]\"]}");
    CHECK_INT(j->parts, 0);
}

TEST(the_global_hash) {
    begin(true);
    SCRIPT("ok [{\"data\":[],\"hash\":\"" HASH "\"}]", "ok [{\"data\":[],\"hash\":null}]",
           "ok [{\"data\":[]}]", "err Could not obtain a response from wdb_global_sync_agent_groups_get",
           "ok nonsense", "what");
    struct store_job *j = run_well(STORE_GROUPS_HASH);
    CHECK(j->has_hash);
    CHECK_STR(j->hash, HASH);
    check_asked(GET_HASH);
    CHECK(!run_well(STORE_GROUPS_HASH)->has_hash);
    run_badly(STORE_GROUPS_HASH, E_VALUE);
    CHECK_STR(run_badly(STORE_GROUPS_HASH, E_PEER)->why.what,
              "wazuh-db: Could not obtain a response from wdb_global_sync_agent_groups_get");
    run_badly(STORE_GROUPS_HASH, E_SYNTAX);
    run_badly(STORE_GROUPS_HASH, E_PEER);
}

/* Rows that were read are marked: they are not thrown away because the next ones could not be read. */
TEST(what_was_read_goes_out) {
    begin(false);
    SCRIPT("due [{\"id\":1}]", "err no memory", "due [{\"id\":2}]", FAKE_WDB_CLOSE, FAKE_WDB_CLOSE,
           "due [{\"data\":[{\"id\":3,\"groups\":[]}]}]", "ok [{\"data\":", "due [{\"id\":4}]", "due []",
           "due [{\"data\":[{\"id\":5,\"groups\":[]}]}]", "err no");
    CHECK_INT(run_well(STORE_INFO_READ)->parts, 1);
    CHECK_STR(content(), INFO_HEAD "[\"[{\\\"id\\\":1}]\"]}");
    blob_reset(&blob);
    CHECK_INT(run_well(STORE_INFO_READ)->parts, 1);
    CHECK_STR(content(), INFO_HEAD "[\"[{\\\"id\\\":2}]\"]}");
    blob_reset(&blob);
    CHECK_INT(run_well(STORE_GROUPS_READ)->parts, 1);
    CHECK_STR(content(), GROUPS_HEAD "[\"[{\\\"data\\\":[{\\\"id\\\":3,\\\"groups\\\":[]}]}]\"]}");
    blob_reset(&blob);
    CHECK_INT(run_well(STORE_INFO_READ)->parts, 1); /* "there is more" for ever, and nothing comes */
    blob_reset(&blob);
    run_badly(STORE_GROUPS_READ_ALL, E_PEER); /* half of a full list is none */
    CHECK_INT(blob.size, 0);
}

TEST(nothing_is_read_of_an_error) {
    begin(false);
    SCRIPT("err no", "ok [{]", "ok", "due []");
    run_badly(STORE_INFO_READ, E_PEER);
    run_badly(STORE_INFO_READ, E_SYNTAX);
    run_badly(STORE_INFO_READ, E_TRUNCATED);
    run_badly(STORE_INFO_READ, E_SYNTAX);
    CHECK_INT(blob.size, 0);
}

/* ---- writing ---- */

TEST(chunks_of_agent_information_are_applied) {
    begin(false);
    fill(INFO_HEAD "[\"[{\\\"id\\\":1,\\\"name\\\":\\\"\\u00e4\\\"},{\\\"id\\\":2}]\", \"[{\\\"id\\\":3}]\", "
                   "\"[{\\\"id\\\":4}]\", \"no JSON\"]}");
    SCRIPT("ok", "err Invalid JSON data, near '[{\"id\":3}]'",
           "err Cannot execute Global database query; FOREIGN KEY constraint failed", "err Invalid JSON");
    struct store_job *j = run(STORE_INFO_WRITE);
    CHECK_INT(j->err, E_OK);
    CHECK_INT(j->parts, 1);
    CHECK_INT(j->parts_in_all, 4);
    CHECK_INT(j->rows, 2);
    CHECK_INT(j->error_count, 2);
    CHECK_STR(j->errors,
              "[\"Error 2003 - Error in wazuhdb request: Invalid JSON data, near '[{\\\"id\\\":3}]'\""
              ", \"Error 2003 - Error in wazuhdb request: Invalid JSON\"]");
    check_asked("global sync-agent-info-set [{\"id\":1,\"name\":\"\xc3\xa4\"},{\"id\":2}]\n"
                "global sync-agent-info-set [{\"id\":3}]\nglobal sync-agent-info-set [{\"id\":4}]\n"
                "global sync-agent-info-set no JSON\n");
}

TEST(lists_of_agent_information_are_posted) {
    begin(true);
    fill(INFO_HEAD LISTS "}");
    SCRIPT("200 ", "400 bad agent", "200 ");
    struct store_job *j = run_well(STORE_INFO_WRITE);
    CHECK_INT(j->parts, 2); /* members of the object, as Wazuh counts */
    CHECK_INT(j->parts_in_all, 2);
    CHECK_INT(j->rows, 3);
    check_asked("POST /v1/agents/sync\n" LISTS "\n");
    CHECK_STR(run_badly(STORE_INFO_WRITE, E_PEER)->why.what, "wazuh-db answered 400: bad agent");
    CHECK_INT(jobs[0].parts, 0);
    fill(INFO_HEAD "{}}");
    CHECK_INT(run_well(STORE_INFO_WRITE)->parts, 0);
}

TEST(groups_are_set) {
    begin(true);
    fill(GROUPS_HEAD
         "[\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"a\\\",\\\"groups\\\":[\\\"default\\\"]}]}]\", "
         "\"[{\\\"data\\\":[{\\\"id\\\":2,\\\"groups\\\":[]},{\\\"id\\\":3,\\\"groups\\\":[]}],\\\"hash\\\":"
         "\\\"" HASH "\\\"}]\"]}");
    SCRIPT("ok", "err An error occurred during the set of the groups", "ok", "ok");
    struct store_job *j = run(STORE_GROUPS_WRITE);
    CHECK_INT(j->err, E_OK);
    CHECK_INT(j->parts, 1);
    CHECK_INT(j->parts_in_all, 2);
    CHECK_STR(j->errors,
              "[\"Error 2003 - Error in wazuhdb request: An error occurred during the set of the groups\"]");
    CHECK(j->has_hash);
    CHECK_STR(j->hash, HASH);
    check_asked(
        "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":[{\"id\":1,"
        "\"name\":\"a\",\"groups\":[\"default\"]}]}\n"
        "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":[{\"id\":2,"
        "\"groups\":[]},{\"id\":3,\"groups\":[]}]}\n");
    fill(GROUPS_HEAD "[\"[]\", \"x\", \"[{\\\"data\\\":[],\\\"hash\\\":null}]\"]}");
    j = run(STORE_GROUPS_WRITE);
    CHECK_INT(j->err, E_OK);
    CHECK_INT(j->parts, 1);
    CHECK_INT(j->error_count, 2);
    CHECK(!j->has_hash);
}

/* Nothing of a bad string goes to wazuh-db, not even what stands before the fault. */
TEST(a_bad_string_is_not_applied) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        INFO_HEAD "[\"[{\\\"id\\\":1}]\", \"[{\\\"id\\\":2}]\"",
        INFO_HEAD "[\"[{\\\"id\\\":1}]\", 7]}",
        INFO_HEAD "[\"[{\\\"id\\\":1}]\"]} x",
        "{\"set_data_command\": \"global sql delete from agent\", \"payload\": {}, \"chunks\": [\"[]\"]}",
        GROUPS_HEAD "[\"[{\\\"data\\\":[]}]\"]}"};
    begin(false);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fill(bad[i]);
        CHECK(run(STORE_INFO_WRITE)->err != E_OK);
        CHECK_INT(jobs[0].parts, 0);
    }
    check_asked("");
}

/* ---- the rest ---- */

TEST(commands_and_what_needs_none) {
    char text[] = "global get-agent-info 1";
    begin(true);
    SCRIPT("ok", "ok [{\"id\":1}]", "err Agent not found", "err Cannot");
    run_well(STORE_INFO_CONFIRM);
    run_well(STORE_INFO_RELEASE);
    run_well(STORE_GROUPS_TOLD);
    CHECK_INT(peer.text.accepted, 0);
    run_well(STORE_GROUPS_RECALCULATE);
    check_asked("global recalculate-agent-group-hashes\n");
    jobs[0].text = text;
    jobs[0].text_n = strlen(text);
    run_well(STORE_TEXT);
    CHECK_STR(last_reply, "ok [{\"id\":1}]");
    run_well(STORE_TEXT); /* what it says is the asker's affair */
    CHECK_STR(last_reply, "err Agent not found");
    check_asked("global get-agent-info 1\nglobal get-agent-info 1\n");
    run_badly(STORE_GROUPS_RECALCULATE, E_PEER);
}

/* The longest chunks there are, all bytes one by one on both sides. */
TEST(bytes_come_as_they_like) {
    static char due[65536];
    begin(false);
    peer.piece = 1;
    f.short_io = true;
    memcpy(due, "ok [{\"id\":1,\"name\":\"", 20);
    memset(due + 20, 'n', 30000);
    memcpy(due + 30020, "\"}]", 4);
    SCRIPT(due, "ok");
    run_well(STORE_INFO_READ);
    CHECK_INT(blob.size, strlen(INFO_HEAD) + strlen(due) - 3 + 6 + 5);
    run_well(STORE_INFO_WRITE);
    CHECK_INT(jobs[0].rows, 1);
}

TEST(bytes_of_http_come_as_they_like) {
    begin(true);
    peer.piece = 1;
    f.short_io = true;
    SCRIPT("200 " LISTS, "200 ");
    run_well(STORE_INFO_READ);
    run_well(STORE_INFO_WRITE);
    check_asked("GET /v1/agents/sync\n\nPOST /v1/agents/sync\n" LISTS "\n");
}

/* 20,000 agents each way: no more memory than for 20, and the other side never waits for a long turn. */
TEST(twenty_thousand_agents) {
    static char body[4 << 20];
    struct text t;
    begin(true);
    text_init(&t, body, sizeof body);
    text_str(&t, "200 {\"syncreq\":[");
    for (unsigned i = 1; i <= 20000; i++)
        text_format(&t, "%s{\"id\":%u,\"name\":\"agent-%u\",\"version\":\"Wazuh v4.14.7\",\"labels\":[]}",
                    i > 1 ? "," : "", i, i);
    text_str(&t, "]}");
    CHECK(!t.cut);
    static const char *answers[] = {body, "200 ", NULL};
    script = answers;
    struct store_job *j = run_well(STORE_INFO_READ);
    CHECK_INT(j->parts, 20000);
    CHECK_INT(blob.size, strlen(INFO_HEAD) + t.len - 4 + 1);
    CHECK(strncmp(content() + strlen(INFO_HEAD), body + 4, t.len - 4) == 0);
    j = run_well(STORE_INFO_WRITE);
    CHECK_INT(j->rows, 20000);
}

/* ---- limits ---- */

TEST(more_than_the_limit) {
    static char chunk[60100];
    faults_init(&f);
    fake_wdb_open(&peer, from_script, NULL);
    begin_with(false, 200000);
    memcpy(chunk, "due [{\"data\":[{\"id\":1,\"groups\":[\"", 33);
    memset(chunk + 33, 'g', 60000);
    memcpy(chunk + 60033, "\"]}]}]", 7);
    static const char *answers[] = {chunk, chunk, chunk, NULL};
    script = answers;
    CHECK_INT(run_well(STORE_GROUPS_READ)->parts, 2); /* the rest is read the next time */
    CHECK(blob.size < 200000);
    blob_reset(&blob);
    static char chunk_2[60100];
    memcpy(chunk_2, chunk, sizeof chunk);
    *strchr(chunk_2, '1') = '2';
    static const char *second[] = {chunk, chunk_2, chunk, NULL};
    script = second;
    run_badly(STORE_GROUPS_READ_ALL, E_LIMIT);
    CHECK_INT(blob.size, 0);
}

/* Frames have a limit of their own, whatever their head says. */
TEST(a_frame_that_is_too_long) {
    static char chunk[STORE_TEXT_BYTES + 1];
    begin(false);
    memset(chunk, ' ', sizeof chunk - 1);
    memcpy(chunk, "ok [", 4);
    static const char *answers[] = {chunk, "ok []", NULL};
    script = answers;
    run_badly(STORE_INFO_READ, E_LIMIT);
    run_well(STORE_INFO_READ);
    CHECK_INT(peer.text.accepted, 2);
}

TEST(http_bodies_have_a_limit) {
    faults_init(&f);
    fake_wdb_open(&peer, from_script, NULL);
    begin_with(true, 39);
    SCRIPT("200 {\"syncreq\":[{\"id\":1},{\"id\":2},{\"id\":3}]}",
           "HTTP/1.0 200 OK\r\n\r\n{\"syncreq\":[{\"id\":1},{\"id\":2},{\"id\":3}]}");
    run_badly(STORE_INFO_READ, E_LIMIT);
    run_badly(STORE_INFO_READ, E_LIMIT);
    CHECK_INT(blob.size, 0);
}

TEST(no_room_to_keep_it) {
    begin(true);
    SCRIPT("200 " LISTS);
    spill.fail_with = E_SPACE;
    run_badly(STORE_INFO_READ, E_SPACE);
    spill.fail_with = E_OK;
    CHECK_INT(blob.size, 0);
}

/* ---- gone, back, slow ---- */

static void pass(uint64_t ms) {
    f.now_ns += ms * 1000000u;
    turns(3);
}

static bool fails_at_once(void) {
    struct store_job *j = submit(0, STORE_GROUPS_HASH);
    turns(1);
    return ended[0] == 1 && j->err != E_OK && client.store.down;
}

TEST(nobody_listens) {
    char path[256];
    faults_init(&f);
    begin_with(true, 1u << 20);
    CHECK(!client.store.down);
    uint64_t start = f.calls;
    CHECK(fails_at_once());
    CHECK_INT(jobs[0].err, E_GONE);
    snprintf(path, sizeof path, "connecting to %s/queue/db/wdb: No such file or directory", test_dir());
    CHECK_STR(client.store.why, path);
    CHECK(f.calls > start);
    for (uint64_t pause = WDB_PAUSE_MS, attempts = 0; attempts < 8; attempts++) {
        f.now_ns += (pause - 1) * 1000000u;
        loop_turn(&loop, 0);
        start = f.calls;
        CHECK(fails_at_once());
        CHECK_INT(f.calls, start + 1); /* poll alone: no attempt */
        f.now_ns += 1000000u;
        start = f.calls;
        CHECK(fails_at_once());
        CHECK_INT(f.calls, start + 2);
        pause = pause * 2 < WDB_PAUSE_MOST_MS ? pause * 2 : WDB_PAUSE_MOST_MS;
    }
    CHECK_INT(client.store.failures, 17);
    snprintf(path, sizeof path,
             "1 wazuh-db cannot be reached; agents wait: connecting to %s/queue/db/wdb: No such file or "
             "directory\n",
             test_dir());
    CHECK_STR(lines_buf, path);
    fake_wdb_open(&peer, from_script, NULL);
    SCRIPT("ok [{\"data\":[],\"hash\":null}]", "ok [{\"data\":[],\"hash\":null}]");
    f.now_ns += WDB_PAUSE_MOST_MS * 1000000ull;
    run_well(STORE_GROUPS_HASH);
    CHECK(!client.store.down);
    CHECK_STR(client.store.why, "");
    CHECK_STR(lines_buf + strlen(path), "2 wazuh-db is back\n");
    run_well(STORE_GROUPS_HASH);
    CHECK_STR(lines_buf + strlen(path), "2 wazuh-db is back\n");
}

/* Both sockets are one daemon: one line when the first is missed, one when both are back. */
TEST(two_sockets_one_line) {
    faults_init(&f);
    begin_with(true, 1u << 20);
    run_badly(STORE_GROUPS_HASH, E_GONE);
    run_badly(STORE_INFO_READ, E_GONE);
    fake_wdb_open(&peer, from_script, NULL);
    SCRIPT("ok [{\"data\":[],\"hash\":null}]", "200 {}");
    f.now_ns += WDB_PAUSE_MOST_MS * 1000000ull;
    run_well(STORE_GROUPS_HASH);
    CHECK(client.store.down);
    run_well(STORE_INFO_READ);
    CHECK(!client.store.down);
    char *second = strchr(lines_buf, '\n');
    CHECK_STR(second, "\n2 wazuh-db is back\n");
}

/* It started again while nobody looked: the next job finds a new one. */
TEST(an_idle_connection_is_made_again) {
    begin(true);
    SCRIPT("ok", "ok", "ok");
    run_well(STORE_GROUPS_RECALCULATE);
    fake_wdb_drop(&peer);
    turns(2); /* heard while idle */
    CHECK_INT(client.text.fd, -1);
    run_well(STORE_GROUPS_RECALCULATE);
    fake_wdb_drop(&peer);
    run_well(STORE_GROUPS_RECALCULATE); /* not heard */
    CHECK_INT(peer.text.accepted, 3);
    CHECK_STR(lines_buf, "");
}

/* It goes when it has read a request: reads and writes that override are asked once more, others are not,
 * for they may have been done. */
TEST(asked_again_once) {
    char text[] = "global insert-agent {}";
    begin(true);
    SCRIPT("ok", FAKE_WDB_CLOSE, "ok", FAKE_WDB_CLOSE, FAKE_WDB_CLOSE, "ok", FAKE_WDB_CLOSE, "ok");
    run_well(STORE_GROUPS_RECALCULATE);
    run_well(STORE_GROUPS_RECALCULATE);
    CHECK_INT(peer.text.accepted, 2);
    run_badly(STORE_GROUPS_RECALCULATE, E_CLOSED);
    CHECK_INT(peer.text.accepted, 3);
    run_well(STORE_GROUPS_RECALCULATE);
    jobs[0].text = text;
    jobs[0].text_n = strlen(text);
    run_badly(STORE_TEXT, E_CLOSED);
    CHECK_INT(peer.text.accepted, 4);
    run_well(STORE_TEXT);
    fake_wdb_drop(&peer);
    SCRIPT("ok");
    run_well(STORE_TEXT); /* nothing of it was read by anybody */
    CHECK_STR(last_reply, "ok");
}

TEST(bytes_that_nobody_asked_for) {
    begin(true);
    SCRIPT("ok", "ok");
    run_well(STORE_GROUPS_RECALCULATE);
    memcpy(peer.text.out, "\2\0\0\0ok", 6);
    peer.text.out_n = 6;
    peer.text.out_at = 0;
    turns(3);
    CHECK_INT(client.text.fd, -1);
    run_well(STORE_GROUPS_RECALCULATE);
}

TEST(no_answer_in_time) {
    begin(true);
    struct store_job *j = submit(0, STORE_GROUPS_HASH);
    turns(5);
    pass(WDB_ANSWER_MS - 1);
    CHECK_INT(ended[0], 0);
    pass(1);
    CHECK_INT(ended[0], 1);
    CHECK_INT(j->err, E_TIME);
    CHECK_STR(j->why.what, "wazuh-db has not answered for 20 s");
    CHECK(client.store.down);
    CHECK_INT(client.text.fd, -1);
    f.now_ns += WDB_PAUSE_MS * 1000000ull;
    SCRIPT("ok");
    run_well(STORE_GROUPS_RECALCULATE);
    CHECK(!client.store.down);
}

/* The time is that of standstill: what moves may take longer. */
TEST(a_slow_answer) {
    begin(false);
    peer.piece = 1;
    SCRIPT("ok []");
    struct store_job *j = submit(0, STORE_INFO_READ);
    uint64_t start = f.now_ns;
    while (!ended[0]) {
        f.now_ns += (WDB_ANSWER_MS - 1) * 1000000ull;
        turns(1);
    }
    CHECK_INT(j->err, E_OK);
    CHECK(f.now_ns - start > 5 * WDB_ANSWER_MS * 1000000ull);
}

/* ---- who asks ---- */

static char order[32];

static void in_order(void *arg, struct store_job *j) {
    char *at = order + strlen(order);
    at[0] = (char)('0' + (j - jobs));
    at[1] = j->err == E_OK ? ' ' : '!';
    at[2] = '\0';
    if (arg) { /* the next one, from inside */
        struct store_job *next = arg;
        next->arg = NULL;
        store_submit(&client.store, next);
    }
}

static void put(unsigned i, enum store_work work, void *arg) {
    jobs[i] = (struct store_job){.work = work, .blob = &blob, .done = in_order, .arg = arg};
    store_submit(&client.store, &jobs[i]);
}

TEST(jobs_come_one_after_the_other) {
    begin(true);
    SCRIPT("ok", "ok [{\"data\":[],\"hash\":null}]", "err", "ok");
    put(0, STORE_GROUPS_RECALCULATE, &jobs[0]); /* itself once more */
    put(1, STORE_GROUPS_HASH, NULL);
    put(2, STORE_GROUPS_RECALCULATE, NULL);
    put(3, STORE_GROUPS_TOLD, NULL);
    CHECK_STR(order, "");
    turns(40);
    CHECK_STR(order, "0 1 2!3 0 ");
}

TEST(jobs_are_cancelled) {
    begin(true);
    for (unsigned victim = 0; victim < 4; victim++) {
        static const char *const want[] = {"1 2 3 ", "0 2 3 ", "0 1 3 ", "0 1 2 "};
        for (unsigned after = 0; after < 4; after++) {
            SCRIPT("ok", "ok", "ok", "ok", "ok", "ok");
            order[0] = '\0';
            for (unsigned i = 0; i < 4; i++)
                put(i, STORE_GROUPS_RECALCULATE, NULL);
            if (victim == 0)
                turns(after);
            bool over = strchr(order, (char)('0' + victim)) != NULL;
            if (!over) {
                store_cancel(&client.store, &jobs[victim]);
                memset(&jobs[victim], 0xa5, sizeof jobs[victim]); /* its memory is the asker's again */
            }
            turns(60);
            CHECK_STR(order, over ? "0 1 2 3 " : want[victim]);
        }
    }
    store_cancel(&client.store, &jobs[1]); /* that is over: nothing */
    order[0] = '\0';
    put(0, STORE_GROUPS_RECALCULATE, NULL);
    store_cancel(&client.store, &jobs[0]);
    turns(5);
    CHECK_STR(order, "");
}

TEST(a_pass_is_cancelled) {
    begin(false);
    fill(INFO_HEAD "[\"[]\", \"[]\", \"[]\"]}");
    SCRIPT("ok", "ok", "ok");
    for (unsigned after = 0; after < 12; after++) {
        put(0, STORE_INFO_WRITE, NULL);
        turns(after);
        if (jobs[0].queued)
            store_cancel(&client.store, &jobs[0]);
        turns(3);
        CHECK(!client.running);
    }
}

TEST(the_node_stops) {
    begin(true);
    put(0, STORE_GROUPS_RECALCULATE, NULL);
    turns(3);
    put(1, STORE_GROUPS_RECALCULATE, &jobs[3]); /* what comes now is not taken */
    put(2, STORE_GROUPS_RECALCULATE, NULL);
    jobs[3] = (struct store_job){.work = STORE_GROUPS_TOLD, .done = in_order};
    wdb_client_fini(&client);
    CHECK_STR(order, "0!1!2!");
    CHECK_INT(jobs[1].err, E_CLOSED);
}
