/* test_agents_read.c - what a worker tells the master of its agents: both shapes, pages, and that nothing
 * counts as told before it is confirmed (reference, sections 6, 14.1, 14.2, pitfall 24). */
#include "test/unit/agents_rig.h"

static struct agents_read read_;

static const char *chunk(size_t cap, bool *done) {
    static char text[WDB_REPLY_MOST + 1];
    struct text t;
    text_init(&t, text, cap);
    good(agents_read_chunk(&agents, &read_, &t, done, &e));
    CHECK(!t.cut && t.len == strlen(text));
    return text;
}

/* All pieces of dialect F, one after the other. */
static const char *lists(size_t cap) {
    static char all[WDB_REPLY_MOST * 2];
    char piece[8192];
    struct text t, whole;
    bool done = false;
    text_init(&whole, all, sizeof all);
    while (!done) {
        text_init(&t, piece, cap);
        good(agents_read_lists(&agents, &read_, &t, &done, &e));
        CHECK(!t.cut && t.len < cap);
        text_str(&whole, piece);
    }
    return all;
}

static void report(int64_t id, const char *sync) {
    ASK("ok",
        "global update-agent-data "
        "{\"id\":%lld,\"os_name\":\"Debian\",\"os_codename\":\"\",\"version\":\"v1\","
        "\"node_name\":\"w1\",\"agent_ip\":\"10.0.0.%lld\",\"labels\":\"k:v\\nk2:\\\"2\\\"\","
        "\"connection_status\":\"active\",\"sync_status\":\"%s\",\"group_config_status\":\"synced\"}",
        (long long)id, (long long)id, sync);
    good(db_begin(&db, &e)); /* a time that can be written into what is wanted */
    struct sqlite3_stmt *q = db_stmt(&db, SQL_AGENT_KEEPALIVE);
    db_bind_int(q, 1, 1700000000);
    db_bind_text(q, 2, "active", 6);
    db_bind_text(q, 3, sync, strlen(sync));
    db_bind_int(q, 4, id);
    good(db_step(&db, q, NULL, &e));
    good(db_commit(&db, &e));
}

static void begin(void) {
    rig_begin(true);
    add(1, "a1");
    add(2, "a2");
    add(3, "a3");
    report(1, "syncreq");
    report(2, "syncreq_keepalive");
    report(3, "syncreq");
    ASK("ok", "global update-connection-status {\"id\":3,\"connection_status\":\"disconnected\","
              "\"sync_status\":\"synced\",\"status_code\":4}");
    ASK("ok", "global update-connection-status {\"id\":3,\"connection_status\":\"pending\","
              "\"sync_status\":\"syncreq_status\",\"status_code\":2}");
    agents_read_begin(&agents, &read_);
}

#define FULL(id, name, state, code)                                                                          \
    "{\"id\":" #id ",\"name\":\"" name "\",\"ip\":\"10.0.0." #id                                             \
    "\",\"os_name\":\"Debian\",\"os_codename\":\"\",\"version\":\"v1\",\"node_name\":\"w1\","                \
    "\"last_keepalive\":1700000000,\"connection_status\":\"" state                                           \
    "\",\"disconnection_time\":0,\"group_config_status\":\"synced\",\"status_code\":" #code                  \
    ",\"labels\":[{\"id\":" #id ",\"key\":\"k\",\"value\":\"v\"},{\"id\":" #id                               \
    ",\"key\":\"k2\",\"value\":\"\\\"2\\\"\"}]}"

TEST(read_text) {
    bool done;
    begin();
    CHECK(agents.info_pending);
    CHECK_STR(chunk(8192, &done), "[" FULL(1, "a1", "active", 0) "," FULL(2, "a2", "active", 0) "," FULL(
                                      3, "a3", "pending", 2) "]");
    CHECK(!done);
    CHECK_STR(chunk(8192, &done), "[]");
    CHECK(done);
    CHECK_INT(read_.rows, 3);
    agents_read_end(&agents);
    /* nothing was marked */
    ROWS("SELECT sync_status FROM agent WHERE id > 0",
         "{\"sync_status\":\"syncreq\"},{\"sync_status\":\"syncreq_keepalive\"},{\"sync_status\":"
         "\"syncreq_status\"}");
}

#define IN_LISTS                                                                                             \
    "{\"syncreq\":[{\"id\":1,\"name\":\"a1\",\"ip\":\"10.0.0.1\",\"os_name\":\"Debian\",\"version\":\"v1\"," \
    "\"node_name\":\"w1\",\"last_keepalive\":1700000000,\"connection_status\":\"active\","                   \
    "\"disconnection_time\":0,\"group_config_status\":\"synced\",\"status_code\":0,"                         \
    "\"labels\":[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"k2\",\"value\":\"\\\"2\\\"\"}]}],"               \
    "\"syncreq_keepalive\":[{\"id\":2,\"version\":\"v1\"}],"                                                 \
    "\"syncreq_status\":[{\"id\":3,\"version\":\"v1\",\"connection_status\":\"pending\","                    \
    "\"disconnection_time\":0,\"status_code\":2}]}"

TEST(read_lists) {
    begin();
    CHECK_STR(lists(8192), IN_LISTS);
    CHECK_INT(read_.rows, 3);
    for (size_t cap = 360; cap < 700; cap += 7) { /* in pieces of any size */
        agents_read_end(&agents);
        agents_read_begin(&agents, &read_);
        CHECK_STR(lists(cap), IN_LISTS);
        CHECK_INT(read_.too_long, 0);
    }
}

TEST(read_lists_of_some) {
    begin();
    good(agents_confirm(&agents, 1, SYNCREQ, &e));
    good(agents_confirm(&agents, 3, SYNCREQ_STATUS, &e));
    CHECK_STR(lists(8192), "{\"syncreq_keepalive\":[{\"id\":2,\"version\":\"v1\"}]}");
    good(agents_confirm(&agents, 2, SYNCREQ_KEEPALIVE, &e));
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), "{}");
    CHECK_INT(read_.rows, 0);
    CHECK(!agents.info_pending);
}

TEST(read_pages) {
    bool done;
    begin();
    size_t one = strlen("[" FULL(1, "a1", "active", 0) "]");
    CHECK_STR(chunk(one + 2, &done), "[" FULL(1, "a1", "active", 0) "]"); /* wazuh-db's own count: 1 more */
    CHECK_STR(chunk(2 * one, &done), "[" FULL(2, "a2", "active", 0) "]");
    CHECK_STR(chunk(2 * one, &done), "[" FULL(3, "a3", "pending", 2) "]");
    CHECK_STR(chunk(2 * one, &done), "[]");
    CHECK(done);
    agents_read_begin(&agents, &read_);
    CHECK_STR(chunk(one + 1, &done), "[]");
}

TEST(read_rows_that_never_fit) {
    bool done;
    begin();
    CHECK_STR(chunk(64, &done), "[]");
    CHECK(done);
    CHECK_INT(read_.too_long, 3);
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(120),
              "{\"syncreq_keepalive\":[{\"id\":2,\"version\":\"v1\"}],\"syncreq_status\":[{\"id\":3,"
              "\"version\":\"v1\",\"connection_status\":\"pending\",\"disconnection_time\":0,"
              "\"status_code\":2}]}");
    CHECK_INT(read_.too_long, 1);
    ROWS("SELECT sync_status FROM agent WHERE id = 1", "{\"sync_status\":\"syncreq\"}");
}

TEST(read_labels_have_a_bound) {
    static char labels[40000];
    size_t n = 0;
    bool done;
    begin();
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(labels + n, sizeof labels - n, "key-of-a-label-%d:value\n", i);
    good(agents_put_labels(&agents, 1, labels, &e));
    const char *text = chunk(WDB_REPLY_MOST, &done);
    CHECK(json_parse(&(struct json_doc){0}, text, strlen(text), texts.tokens, STRING_TOKENS, &e) == E_SPACE);
    size_t first = (size_t)(strstr(text, ",{\"id\":2,") - text);
    CHECK(first > STRING_AGENT_BYTES - 100 && first < STRING_AGENT_BYTES);
    CHECK(memcmp(text + first - 3, "}]}", 3) == 0);
}

/* ---- confirming ---- */

static const char *status_of(int64_t id) {
    static char out[64];
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT sync_status AS s FROM agent WHERE id = %lld", (long long)id);
    CHECK(sscanf(rows(sql), "{\"s\":\"%63[^\"]", out) == 1);
    return out;
}

TEST(confirm_what_nobody_touched) {
    begin();
    lists(8192);
    report(1, "syncreq"); /* written meanwhile */
    for (int64_t id = 1; id <= 3; id++)
        good(agents_confirm(&agents, id,
                            id == 1   ? SYNCREQ
                            : id == 2 ? SYNCREQ_KEEPALIVE
                                      : SYNCREQ_STATUS,
                            &e));
    CHECK_STR(status_of(1), "syncreq");
    CHECK_STR(status_of(2), "synced");
    CHECK_STR(status_of(3), "synced");
    good(agents_confirm(&agents, 99, SYNCREQ, &e));
    agents_read_end(&agents);
    agents_read_begin(&agents, &read_);
    CHECK(strstr(lists(8192), "\"id\":1,") && read_.rows == 1);
    good(agents_confirm(&agents, 1, SYNCREQ, &e));
    CHECK_STR(status_of(1), "synced");
}

TEST(confirm_no_more_than_was_sent) {
    begin();
    agents_read_end(&agents);
    good(agents_confirm(&agents, 1, SYNCREQ_STATUS, &e));
    CHECK_STR(status_of(1), "syncreq");
    good(agents_confirm(&agents, 3, SYNCREQ_KEEPALIVE, &e));
    CHECK_STR(status_of(3), "syncreq_status");
    good(agents_confirm(&agents, 2, SYNCREQ, &e)); /* all of the row was told */
    CHECK_STR(status_of(2), "synced");
}

TEST(two_rounds_at_once) {
    struct agents_read other;
    begin();
    lists(8192);
    report(1, "syncreq");
    agents_read_begin(&agents, &other); /* forgets nothing of the first round's */
    agents_read_end(&agents);
    good(agents_confirm(&agents, 1, SYNCREQ, &e));
    CHECK_STR(status_of(1), "syncreq");
    agents_read_end(&agents);
    CHECK(!agents.watching);
}

/* ---- which rows may be pending ---- */

TEST(pending_after_a_restart) {
    begin();
    rig_reopen(true);
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), IN_LISTS);
}

TEST(pending_through_others_transactions) {
    bool done;
    begin();
    good(db_begin(&db, &e));
    for (int64_t id = 1; id <= 3; id++)
        good(agents_confirm(&agents, id, SYNCREQ, &e));
    CHECK_STR(chunk(8192, &done), "[]"); /* so it seems from within */
    db_rollback(&db);
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), IN_LISTS);
}

TEST(pending_ids_that_share_a_mark) {
    bool done;
    rig_begin(true);
    add(5, "a5");
    add(5 + 65536, "a6");
    add(65536, "a7");
    add(65535, "a8");
    agents_read_begin(&agents, &read_);
    CHECK_STR(chunk(8192, &done), "[]");
    report(65536, "syncreq_keepalive");
    report(5 + 65536, "syncreq_keepalive");
    report(65535, "syncreq_keepalive");
    CHECK_STR(lists(8192),
              "{\"syncreq_keepalive\":[{\"id\":65535,\"version\":\"v1\"},{\"id\":65536,\"version\":\"v1\"},"
              "{\"id\":65541,\"version\":\"v1\"}]}");
    agents_read_end(&agents);
    good(agents_confirm(&agents, 65536, SYNCREQ, &e));
    good(agents_confirm(&agents, 65535, SYNCREQ, &e));
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), "{\"syncreq_keepalive\":[{\"id\":65541,\"version\":\"v1\"}]}");
    CHECK_INT(agents.info_marks.count, 1);
    agents_read_end(&agents);
    good(agents_confirm(&agents, 65541, SYNCREQ, &e));
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), "{}");
    CHECK_INT(agents.info_marks.count, 0);
}

TEST(pending_with_ids_past_all_sharing) {
    rig_begin(true);
    add(3, "a3");
    add(2000000000, "a9");
    report(2000000000, "syncreq_keepalive");
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), "{\"syncreq_keepalive\":[{\"id\":2000000000,\"version\":\"v1\"}]}");
    agents_read_end(&agents);
    good(agents_confirm(&agents, 2000000000, SYNCREQ, &e));
    agents_read_begin(&agents, &read_);
    CHECK_STR(lists(8192), "{}");
}

TEST(read_what_is_no_utf8_and_what_is_escaped) {
    bool done;
    rig_begin(true);
    add(1, "a1");
    good(agents_put_labels(&agents, 1, "k:a\xff\"\\\x01\x7f\xc3\xa9\xc3", &e));
    report(1, "syncreq");
    good(agents_put_labels(&agents, 1, "k:a\xff\"\\\x01\x7f\xc3\xa9\xc3(", &e));
    agents_read_begin(&agents, &read_);
    CHECK(strstr(chunk(8192, &done), "\"value\":\"a\\\"\\\\\\u0001\x7f\xc3\xa9(\""));
}
