/* test_agents.c - the rows of the agents: made, changed, deleted, and written by what workers tell; and what
 * is remembered of them when a transaction, the disk or the arena fails (reference, section 14). */
#include "test/unit/agents_rig.h"

#include <sqlite3.h>

/* ---- rows ---- */

TEST(agents_inserted) {
    rig_begin(false);
    add(1, "a1");
    CHECK_INT(agents.count, 1);
    good(agents_insert(&agents, 2, "b.-_", NULL, "10.0.0.0/8", "key", 0, &e));
    ROWS("SELECT id, name, ip, register_ip, internal_key, `group`, connection_status, sync_status,"
         " group_sync_status FROM agent WHERE id > 0",
         "{\"id\":1,\"name\":\"a1\",\"ip\":\"any\",\"register_ip\":\"any\",\"connection_status\":"
         "\"never_connected\",\"sync_status\":\"synced\",\"group_sync_status\":\"synced\"},"
         "{\"id\":2,\"name\":\"b.-_\",\"register_ip\":\"10.0.0.0/8\",\"internal_key\":\"key\","
         "\"connection_status\":\"never_connected\",\"sync_status\":\"synced\","
         "\"group_sync_status\":\"synced\"}");
    char want[64];
    snprintf(want, sizeof want, "{\"date_add\":%lld}", (long long)now_s());
    ROWS("SELECT date_add FROM agent WHERE id = 2", want);
    CHECK_INT(agents_insert(&agents, 2, "cc", NULL, NULL, NULL, 0, &e), E_DUPLICATE);
    CHECK_INT(agents.count, 2);
    add(3, "cc");
    CHECK_INT(agents.count, 3);
}

TEST(agents_refused) {
    static const char *const names[] = {"", "a", "a b", "a/b",
                                        "\xc3\xa4"
                                        "bc"};
    char longest[AGENT_NAME_BYTES + 1];
    rig_begin(false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_INT(agents_insert(&agents, 1, names[i], NULL, NULL, NULL, 0, &e), E_VALUE);
    memset(longest, 'x', sizeof longest);
    longest[AGENT_NAME_BYTES] = '\0';
    CHECK_INT(agents_insert(&agents, 1, longest, NULL, NULL, NULL, 0, &e), E_VALUE);
    longest[AGENT_NAME_BYTES - 1] = '\0';
    good(agents_insert(&agents, 1, longest, NULL, NULL, NULL, 0, &e));
    CHECK_INT(agents_insert(&agents, 0, "a1", NULL, NULL, NULL, 0, &e), E_VALUE);
    CHECK_INT(agents_insert(&agents, -1, "a1", NULL, NULL, NULL, 0, &e), E_VALUE);
    CHECK_INT(agents_insert(&agents, INT64_C(1) << 31, "a1", NULL, NULL, NULL, 0, &e), E_VALUE);
    for (int64_t id = 2; id <= 30; id++)
        add(id, "aa");
    CHECK_INT(agents_insert(&agents, 31, "a1", NULL, NULL, NULL, 0, &e), E_POOL);
    CHECK(strstr(e.what, "30 agents"));
    good(agents_delete(&agents, 7, NULL, &e));
    add(31, "a1");
    CHECK_INT(agents_rename(&agents, 31, "x", &e), E_VALUE);
}

TEST(agents_found_and_walked) {
    char name[AGENT_NAME_BYTES], ip[AGENT_IP_BYTES];
    int64_t id;
    rig_begin(false);
    add(7, "a7");
    add(3, "a3");
    good(agents_rename(&agents, 3, "three", &e));
    good(agents_rename(&agents, 99, "nobody", &e));
    good(agents_find(&agents, 3, name, ip, &e));
    CHECK_STR(name, "three");
    CHECK_STR(ip, "any");
    CHECK_INT(agents_find(&agents, 4, name, ip, &e), E_GONE);
    good(agents_next(&agents, 0, &id, name, ip, &e));
    CHECK_INT(id, 3);
    good(agents_next(&agents, 3, &id, name, ip, &e));
    CHECK_INT(id, 7);
    CHECK_STR(name, "a7");
    good(agents_next(&agents, 7, &id, name, ip, &e));
    CHECK_INT(id, -1);
}

TEST(agents_deleted_with_all_that_is_theirs) {
    static const char *const groups[] = {"default"};
    bool found;
    rig_begin(false);
    add(1, "a1");
    good(groups_insert(&agents, "default", &e));
    good(agents_set_groups(&agents, 1, GROUPS_OVERRIDE, groups, 1, false, &e));
    good(agents_put_labels(&agents, 1, "k:v", &e));
    good(agents_global_hash(&agents, &e));
    CHECK(!agents.hash_is_null);
    good(agents_delete(&agents, 1, &found, &e));
    CHECK(found);
    CHECK_INT(agents.count, 0);
    ROWS("SELECT count(*) AS n FROM belongs UNION ALL SELECT count(*) FROM labels", "{\"n\":0},{\"n\":0}");
    good(agents_global_hash(&agents, &e));
    CHECK(agents.hash_is_null);
    good(agents_delete(&agents, 1, &found, &e));
    CHECK(!found);
    good(agents_delete(&agents, 0, &found, &e));
    CHECK(!found);
    ROWS("SELECT id FROM agent", "{\"id\":0}");
    CHECK_INT(agents.count, 0);
}

TEST(agents_counted_through_roll_backs) {
    rig_begin(false);
    add(1, "a1");
    good(db_begin(&db, &e));
    add(2, "a2");
    add(3, "a3");
    good(agents_delete(&agents, 1, NULL, &e));
    CHECK_INT(agents.count, 2);
    db_rollback(&db);
    CHECK_INT(agents.count, 1);
    good(db_begin(&db, &e));
    add(2, "a2");
    good(db_commit(&db, &e));
    db_rollback(&db);
    CHECK_INT(agents.count, 2);
    good(db_begin(&db, &e));
    CHECK_INT(agents_insert(&agents, 2, "xx", NULL, NULL, NULL, 0, &e), E_DUPLICATE);
    add(3, "a3");
    good(db_commit(&db, &e));
    CHECK_INT(agents.count, 3);
    rig_reopen(false);
    CHECK_INT(agents.count, 3);
}

/* ---- what workers tell: a whole row ---- */

#define WHOLE                                                                                                \
    "{\"id\":1,\"name\":\"new\",\"ip\":\"10.0.0.1\",\"os_name\":\"Ubuntu\",\"os_version\":\"22.04\","        \
    "\"os_major\":\"22\",\"os_minor\":\"04\",\"os_codename\":\"Jammy\",\"os_build\":\"b\",\"os_platform\":"  \
    "\"ubuntu\",\"os_uname\":\"Linux\",\"os_arch\":\"x86_64\",\"version\":\"Wazuh v4.14.7\","                \
    "\"config_sum\":\"c0\",\"merged_sum\":\"m0\",\"manager_host\":\"host\",\"node_name\":\"worker1\","       \
    "\"last_keepalive\":1700000100,\"connection_status\":\"active\",\"disconnection_time\":0,"               \
    "\"group_config_status\":\"synced\",\"status_code\":0"
#define COLUMNS                                                                                              \
    "SELECT id, name, ip, os_name, os_version, os_major, os_minor, os_codename, os_build, os_platform,"      \
    " os_uname, os_arch, version, config_sum, merged_sum, manager_host, node_name, last_keepalive,"          \
    " connection_status, disconnection_time, group_config_status, status_code FROM agent WHERE id = 1"
#define STATE                                                                                                \
    "SELECT last_keepalive, connection_status, disconnection_time, status_code, version, node_name"          \
    " FROM agent WHERE id = 1"

TEST(agents_apply_whole_row) {
    bool known;
    rig_begin(false);
    add(1, "a1");
    ASK("ok", "global update-status-code {\"id\":1,\"status_code\":3,\"sync_status\":\"syncreq\"}");
    good(agents_apply(&agents, SYNCREQ, doc(WHOLE "}"), 0, &known, &e));
    CHECK(known);
    ROWS(COLUMNS, WHOLE "}");
    ROWS("SELECT sync_status, register_ip FROM agent WHERE id = 1",
         "{\"sync_status\":\"synced\",\"register_ip\":\"any\"}");
    ROWS("SELECT name FROM agent WHERE name = 'new'", "{\"name\":\"new\"}"); /* through the index */
    good(apply(SYNCREQ, WHOLE ",\"unknown\":[1,{\"a\":2}]}"));
    ROWS(COLUMNS, WHOLE "}");
}

TEST(agents_apply_missing_members) {
    rig_begin(false);
    add(1, "a1");
    good(apply(SYNCREQ, WHOLE "}"));
    good(apply(SYNCREQ, "{\"id\":1,\"connection_status\":\"disconnected\",\"group_config_status\":\"synced\","
                        "\"last_keepalive\":1700000200,\"os_name\":null,\"node_name\":\"worker1\"}"));
    ROWS(COLUMNS, "{\"id\":1,\"name\":\"new\",\"ip\":\"10.0.0.1\",\"node_name\":\"worker1\","
                  "\"last_keepalive\":1700000200,\"connection_status\":\"disconnected\","
                  "\"disconnection_time\":0,\"group_config_status\":\"synced\",\"status_code\":0}");
}

TEST(agents_apply_labels) {
    rig_begin(false);
    add(1, "a1");
    add(2, "a2");
    good(agents_put_labels(&agents, 2, "other:1", &e));
    good(apply(SYNCREQ, WHOLE ",\"labels\":[{\"id\":1,\"key\":\"k1\",\"value\":\"v1\"},"
                              "{\"key\":\"k\\u00e9\",\"value\":\"\\\"q\\\"\"}]}"));
    ROWS("SELECT * FROM labels", "{\"id\":2,\"key\":\"other\",\"value\":\"1\"},"
                                 "{\"id\":1,\"key\":\"k1\",\"value\":\"v1\"},"
                                 "{\"id\":1,\"key\":\"k\xc3\xa9\",\"value\":\"\\\"q\\\"\"}");
    good(apply(SYNCREQ, WHOLE ",\"labels\":[{\"key\":\"k3\",\"value\":\"1\"},{\"key\":\"k3\",\"value\":"
                              "\"2\"}]}"));
    ROWS("SELECT key, value FROM labels WHERE id = 1", "{\"key\":\"k3\",\"value\":\"2\"}");
    /* none left: neither serializer spells an empty list (section 14.2) */
    good(apply(SYNCREQ, WHOLE "}"));
    ROWS("SELECT id FROM labels", "{\"id\":2}");
}

TEST(agents_apply_knows_only_its_own) {
    bool known = true;
    rig_begin(false);
    good(agents_apply(&agents, SYNCREQ, doc(WHOLE "}"), 0, &known, &e));
    CHECK(!known);
    good(agents_apply(&agents, SYNCREQ_KEEPALIVE, doc("{\"id\":5}"), 0, &known, &e));
    CHECK(!known);
    good(agents_apply(&agents, SYNCREQ_STATUS, doc("{\"id\":0,\"connection_status\":\"disconnected\"}"), 0,
                      &known, &e));
    CHECK(!known);
    ROWS("SELECT id, connection_status FROM agent", "{\"id\":0,\"connection_status\":\"active\"}");
}

TEST(agents_apply_refused_leaves_the_row) {
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"id\":\"1\"}",
        "{\"id\":-1}",
        "{\"id\":1.5}",
        WHOLE ",\"name\":7}",
        WHOLE ",\"name\":\"not a name\"}",
        WHOLE ",\"os_name\":7}",
        WHOLE ",\"os_name\":\"\\ud800\"}",
        WHOLE ",\"last_keepalive\":\"7\"}",
        WHOLE ",\"status_code\":true}",
        WHOLE ",\"connection_status\":\"asleep\"}",
        WHOLE ",\"connection_status\":null}",
        WHOLE ",\"group_config_status\":null}",
        WHOLE ",\"labels\":{}}",
        WHOLE ",\"labels\":[7]}",
        WHOLE ",\"labels\":[{\"key\":\"a\",\"value\":\"b\"},{\"key\":7,\"value\":\"b\"}]}",
    };
    rig_begin(false);
    add(1, "a1");
    good(agents_put_labels(&agents, 1, "k:v", &e));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        good(db_begin(&db, &e));
        if (apply(SYNCREQ, bad[i]) != E_VALUE)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i], e.what);
        good(db_commit(&db, &e)); /* others in the same transaction stay */
        ROWS("SELECT name, ip, os_name, l.key, l.value FROM agent a JOIN labels l ON l.id = a.id",
             "{\"name\":\"a1\",\"ip\":\"any\",\"key\":\"k\",\"value\":\"v\"}");
    }
    CHECK_INT(apply(SYNCREQ_STATUS, "{\"id\":1}"), E_VALUE);
}

TEST(agents_apply_escaped_text_has_room) {
    static char json[STRING_AGENT_BYTES];
    size_t n = (size_t)snprintf(json, sizeof json, "%s,\"os_name\":\"", WHOLE);
    rig_begin(false);
    add(1, "a1");
    memset(json + n, 'x', 12000);
    memcpy(json + n + 12000, "\"}", 3);
    good(apply(SYNCREQ, json));
    ROWS("SELECT length(os_name) AS n FROM agent WHERE id = 1", "{\"n\":12000}");
    memcpy(json + n, "\\n", 2);
    CHECK_INT(apply(SYNCREQ, json), E_LIMIT);
    memcpy(json + n + 8000, "\"}", 3);
    good(apply(SYNCREQ, json));
    ROWS("SELECT length(os_name) AS n FROM agent WHERE id = 1", "{\"n\":7999}");
}

TEST(agents_apply_keepalive_and_status) {
    char want[256];
    rig_begin(false);
    add(1, "a1");
    good(apply(SYNCREQ, WHOLE "}"));
    good(apply(SYNCREQ_STATUS, "{\"id\":1,\"version\":\"v2\",\"connection_status\":\"disconnected\","
                               "\"disconnection_time\":1700000150,\"status_code\":4}"));
    ROWS(STATE, "{\"last_keepalive\":1700000100,\"connection_status\":\"disconnected\","
                "\"disconnection_time\":1700000150,\"status_code\":4,\"version\":\"v2\","
                "\"node_name\":\"worker1\"}");
    good(apply(SYNCREQ_KEEPALIVE, "{\"id\":1,\"version\":\"v3\"}"));
    snprintf(want, sizeof want,
             "{\"last_keepalive\":%lld,\"connection_status\":\"active\",\"disconnection_time\":0,"
             "\"status_code\":0,\"version\":\"v3\",\"node_name\":\"worker1\"}",
             (long long)now_s());
    ROWS(STATE, want);
}

/* One row as a worker tells it, with node and time and state. */
static void told(const char *node, int64_t at, const char *state) {
    char json[512];
    snprintf(json, sizeof json,
             "{\"id\":1,\"name\":\"a1\",\"version\":\"%lld\",\"node_name\":\"%s\",\"last_keepalive\":%lld,"
             "\"connection_status\":\"%s\",\"group_config_status\":\"synced\"}",
             (long long)at, node, (long long)at, state);
    good(apply(SYNCREQ, json));
}

#define IS(node, at, state, version)                                                                         \
    ROWS(STATE, "{\"last_keepalive\":" #at ",\"connection_status\":\"" state                                 \
                "\",\"disconnection_time\":0,\"status_code\":0,\"version\":\"" #version                      \
                "\",\"node_name\":\"" node "\"}")

TEST(agents_apply_nothing_older_over_newer) {
    rig_begin(false);
    add(1, "a1");
    told("worker2", 2000, "active");
    told("worker1", 1000, "disconnected"); /* where it was before */
    IS("worker2", 2000, "active", 2000);
    told("worker1", 2000, "pending"); /* as new is not older */
    IS("worker1", 2000, "pending", 2000);
    told("worker1", 1999, "disconnected"); /* the same node: its messages come in order */
    IS("worker1", 2000, "disconnected", 1999);
    told("worker2", 3000, "active");
    IS("worker2", 3000, "active", 3000);
}

/* One worker's lie of the year 2262 does not keep the others from the row; a clock a little ahead does. */
TEST(agents_apply_times_to_come) {
    rig_begin(false);
    add(1, "a1");
    told("mallory", INT64_MAX, "disconnected");
    told("worker1", now_s(), "active");
    ROWS("SELECT node_name, connection_status FROM agent WHERE id = 1",
         "{\"node_name\":\"worker1\",\"connection_status\":\"active\"}");
    told("mallory", INT64_MAX, "disconnected");
    told("mallory", now_s(), "pending");
    ROWS("SELECT last_keepalive > 9000000000 AS late, connection_status FROM agent WHERE id = 1",
         "{\"late\":0,\"connection_status\":\"pending\"}");
    told("worker2", now_s() + 30, "active");
    told("worker1", now_s(), "disconnected");
    ROWS("SELECT node_name FROM agent WHERE id = 1", "{\"node_name\":\"worker2\"}");
}

/* ---- what fails ---- */

/* Everything that is remembered is what the file says, or errs on the side that looks. */
static void check_remembered(void) {
    bool row;
    char want[32];
    faults.fail_at = 0;
    good(agents_settle(&agents, &e));
    snprintf(want, sizeof want, "{\"n\":%u}", (unsigned)agents.count);
    ROWS("SELECT count(*) AS n FROM agent WHERE id > 0", want);
    struct sqlite3_stmt *q = db_stmt(&db, SQL_AGENT_MARKS);
    while (db_step(&db, q, &row, &e) == E_OK && row) {
        if (strcmp(db_text(q, 1, NULL), "synced"))
            CHECK(marks_has(agents.info_marks.bits, db_int(q, 0)) && agents.info_pending);
        if (strcmp(db_text(q, 2, NULL), "synced"))
            CHECK(marks_has(agents.groups_marks.bits, db_int(q, 0)) && agents.groups_pending);
    }
    char hash[GROUPS_HASH_BYTES];
    good(agents_global_hash(&agents, &e));
    memcpy(hash, agents.hash, sizeof hash);
    agents.hash_known = false;
    good(agents_global_hash(&agents, &e));
    CHECK_STR(hash, agents.hash);
    ROWS("SELECT id FROM agent WHERE id > 0 AND (`group` IS NULL) <> (group_hash IS NULL)", "");
    ROWS("SELECT a.id FROM agent a JOIN belongs b ON b.id_agent = a.id WHERE group_hash IS NULL", "");
}

static enum err some_work(void) {
    static const char *const two[] = {"default", "web"};
    enum err r = db_begin(&db, &e);
    for (int64_t id = 10; r == E_OK && id < 20; id++) {
        char name[32];
        snprintf(name, sizeof name, "agent%lld", (long long)id);
        r = agents_insert(&agents, id, name, "any", "any", NULL, 1, &e);
        if (r == E_OK)
            r = agents_set_groups(&agents, id, GROUPS_OVERRIDE, two, 2, true, &e);
        if (r == E_OK)
            r = agents_put_keepalive(&agents, id, "active", "syncreq_keepalive", &e);
    }
    if (r == E_OK)
        r = agents_delete(&agents, 1, NULL, &e);
    if (r == E_OK)
        r = agents_global_hash(&agents, &e);
    if (r == E_OK)
        return db_commit(&db, &e);
    db_rollback(&db);
    return r;
}

static void prepare(void) {
    add(1, "a1");
    good(groups_insert(&agents, "default", &e));
    good(groups_insert(&agents, "web", &e));
}

static void undo(void) {
    static const char *const one[] = {"default"};
    for (int64_t id = 10; id < 20; id++)
        good(agents_delete(&agents, id, NULL, &e));
    if (agents_find(&agents, 1, NULL, NULL, &e) == E_GONE)
        add(1, "a1");
    good(agents_set_groups(&agents, 1, GROUPS_OVERRIDE, one, 1, false, &e));
    good(agents_put_keepalive(&agents, 1, "active", "synced", &e));
}

TEST(agents_remembered_when_the_disk_fails) {
    unsigned failed = 0, whole = 0;
    rig_begin(false);
    prepare();
    for (uint64_t at = 1; !whole; at++) {
        undo();
        faults.os = at % 2 ? ENOSPC : EIO;
        faults.fired = false;
        faults.fail_at = faults.calls + at;
        enum err r = some_work();
        faults.fail_at = 0;
        if (r != E_OK) {
            failed++;
            CHECK(agents.count == 1 || agents.count == 10); /* the last step of a commit may have done it */
        } else {
            CHECK_INT(agents.count, 10);
            whole += !faults.fired;
        }
        check_remembered();
    }
    CHECK(failed >= 5);
}

TEST(agents_remembered_when_the_arena_is_used_up) {
    unsigned failed = 0, whole = 0;
    rig_begin(false);
    prepare();
    for (sqlite3_int64 more = 0; !whole; more += 512) {
        undo();
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + more);
        enum err r = some_work();
        sqlite3_hard_heap_limit64(0);
        if (r != E_OK) {
            CHECK_INT(r, E_POOL);
            failed++;
        }
        whole += r == E_OK;
        CHECK_INT(agents.count, r == E_OK ? 10 : 1);
        check_remembered();
    }
    CHECK(failed >= 3);
}
