/* test_wdb_global.c - wazuh-db's text commands: replies, errors and effects as those of 4.14.7 (its own unit
 * tests' texts, and reference, section 14). */
#include "test/unit/agents_rig.h"

#define SYNTAX(name) "err Invalid DB query syntax, near '" name "'"
#define CANNOT "err Cannot execute Global database query; "

static const char *at(const char *sql) { /* one number */
    static char out[32];
    CHECK(sscanf(rows(sql), "{\"n\":%31[-0-9]", out) == 1);
    return out;
}

static bool is_now(const char *sql) {
    int64_t t = strtoll(at(sql), NULL, 10);
    return t >= now_s() - 5 && t <= now_s();
}

TEST(global_what_is_no_command) {
    rig_begin(false);
    ASK(SYNTAX("global"), "global");
    ASK(SYNTAX(""), " %s", "\n ");
    ASK(SYNTAX("error"), "global error");
    ASK(SYNTAX("set-everything"), "global set-everything 1");
    ASK("err Invalid DB query actor: 'error'", "error x");
    ASK("err Databases of 'agent' are not served by this node", "agent 001 syscheck scan_info_get x");
    ASK("err Databases of 'wazuhdb' are not served by this node", "wazuhdb remove 1");
    ASK("err Databases of 'mitre' are not served by this node", "mitre sql select * from x");
    ASK("err Databases of 'task' are not served by this node", "task upgrade {}");
    ASK("err 'backup' is not served by this node", "global backup create");
    ASK("err 'vacuum' is not served by this node", "global vacuum");
    CHECK_INT(global.refused, 11);
    ASK("ok []", " \n global select-groups");
    CHECK_INT(global.served, 1);
}

TEST(global_commands_without_their_arguments) {
    static const char *const names[] = {"sql",
                                        "insert-agent",
                                        "update-agent-name",
                                        "update-agent-data",
                                        "get-labels",
                                        "update-keepalive",
                                        "update-connection-status",
                                        "update-status-code",
                                        "delete-agent",
                                        "select-agent-name",
                                        "select-agent-group",
                                        "find-agent",
                                        "find-group",
                                        "insert-agent-group",
                                        "select-group-belong",
                                        "get-group-agents",
                                        "delete-group",
                                        "sync-agent-info-set",
                                        "set-agent-groups",
                                        "sync-agent-groups-get",
                                        "get-groups-integrity",
                                        "disconnect-agents",
                                        "get-all-agents",
                                        "get-agent-info",
                                        "reset-agents-connection",
                                        "get-agents-by-connection-status"};
    char want[96];
    rig_begin(false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(want, sizeof want, SYNTAX("%s"), names[i]);
        ASK(want, "global %s", names[i]);
    }
}

TEST(global_arguments_that_are_no_json) {
    static const char *const names[] = {"insert-agent",        "update-agent-name",
                                        "update-agent-data",   "update-keepalive",
                                        "update-status-code",  "find-agent",
                                        "set-agent-groups",    "sync-agent-groups-get",
                                        "sync-agent-info-set", "update-connection-status"};
    rig_begin(false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ASK("err Invalid JSON syntax, near '{INVALID_JSON}'", "global %s {INVALID_JSON}", names[i]);
        ASK("err Invalid JSON syntax, near '[1,2,3,4,5,6,7,8,9,10,11,12,13,1'",
            "global %s [1,2,3,4,5,6,7,8,9,10,11,12,13,14,", names[i]);
        ASK("err Invalid JSON syntax, near ''", "global %s ", names[i]);
    }
}

TEST(global_insert_agent) {
    rig_begin(false);
    ASK("err Invalid JSON data, near '{\"id\":1,\"name\":\"test_name\",\"date'",
        "global insert-agent {\"id\":1,\"name\":\"test_name\",\"date_add\":null}");
    ASK("ok", "global insert-agent {\"id\":1,\"name\":\"test_name\",\"date_add\":123}");
    ASK("ok", "global insert-agent {\"id\":2,\"name\":\"n2\",\"ip\":\"0.0.0.0\",\"register_ip\":\"1.1.1.1\","
              "\"internal_key\":\"k\\/ey\",\"group\":\"default,web\",\"date_add\":123}");
    ROWS("SELECT name, ip, register_ip, internal_key, date_add, `group` FROM agent WHERE id > 0",
         "{\"name\":\"test_name\",\"date_add\":123},{\"name\":\"n2\",\"ip\":\"0.0.0.0\",\"register_ip\":"
         "\"1.1.1.1\",\"internal_key\":\"k/ey\",\"date_add\":123,\"group\":\"default,web\"}");
    ASK(CANNOT "UNIQUE constraint failed: agent.id",
        "global insert-agent {\"id\":1,\"name\":\"test_name\",\"date_add\":123}");
    ASK(CANNOT "invalid group name in 'a b'",
        "global insert-agent {\"id\":3,\"name\":\"n3\",\"group\":\"a b\",\"date_add\":1}");
    ASK("err Invalid JSON syntax, near '{\"id\":3,\"name\":\"n\\ud800\",\"date_a'",
        "global insert-agent {\"id\":3,\"name\":\"n\\ud800\",\"date_add\":1}");
    CHECK_INT(agents.count, 2);
    ASK("ok", "global update-agent-name {\"id\":1,\"name\":\"other\"}");
    ASK("err Invalid JSON data, near '{\"id\":1,\"name\":null}'",
        "global update-agent-name {\"id\":1,\"name\":null}");
    ASK("ok [{\"name\":\"other\"}]", "global select-agent-name 1");
    ASK("ok []", "global select-agent-name 7");
    ASK("ok [{\"group\":\"default,web\"}]", "global select-agent-group 2");
    ASK("ok", "global delete-agent 1");
    ASK("ok", "global delete-agent 1");
    CHECK_INT(agents.count, 1);
}

TEST(global_find_agent) {
    rig_begin(false);
    good(agents_insert(&agents, 1, "n1", "x", "10.0.0.1", NULL, 1, &e));
    good(agents_insert(&agents, 2, "n2", "x", "10.0.0.0/8", NULL, 1, &e));
    ASK("ok [{\"id\":1}]", "global find-agent {\"ip\":\"10.0.0.1\",\"name\":\"n1\"}");
    ASK("ok [{\"id\":2}]", "global find-agent {\"ip\":\"10.0.0.0\",\"name\":\"n2\"}");
    ASK("ok []", "global find-agent {\"ip\":\"10.0.0.\",\"name\":\"n2\"}");
    ASK("ok []", "global find-agent {\"ip\":\"10.0.0.1\",\"name\":\"n2\"}");
    ASK("ok [{\"id\":1}]", "global find-agent {\"ip\":\"10.0.0.1\",\"name\":\"\\u006e1\"}");
    ASK("err Invalid JSON data, near '{\"ip\":null,\"name\":\"test_name\"}'",
        "global find-agent {\"ip\":null,\"name\":\"test_name\"}");
}

/* ---- state ---- */

#define DATA                                                                                                 \
    "{\"id\":1,\"os_name\":\"Debian\",\"os_version\":\"12\",\"os_major\":\"12\",\"os_minor\":\"0\","         \
    "\"os_codename\":\"bookworm\",\"os_platform\":\"debian\",\"os_build\":\"b\",\"os_uname\":\"Linux\","     \
    "\"os_arch\":\"x86\",\"version\":\"v1\",\"config_sum\":\"c\",\"merged_sum\":\"m\","                      \
    "\"manager_host\":\"h\",\"node_name\":\"w1\",\"agent_ip\":\"10.0.0.1\",\"connection_status\":"           \
    "\"active\","                                                                                            \
    "\"group_config_status\":\"synced\""

TEST(global_update_agent_data) {
    rig_begin(true);
    add(1, "a1");
    ASK("ok", "global update-agent-data " DATA ",\"sync_status\":\"syncreq\",\"labels\":\"key1:value1\\n"
              "no colon\\n\\nkey2:a:b\"}");
    ROWS("SELECT name, ip, os_name, os_version, os_major, os_minor, os_codename, os_build, os_platform,"
         " os_uname, os_arch, version, config_sum, merged_sum, manager_host, node_name, sync_status,"
         " connection_status, group_config_status FROM agent WHERE id = 1",
         "{\"name\":\"a1\",\"ip\":\"10.0.0.1\",\"os_name\":\"Debian\",\"os_version\":\"12\",\"os_major\":"
         "\"12\",\"os_minor\":\"0\",\"os_codename\":\"bookworm\",\"os_build\":\"b\",\"os_platform\":"
         "\"debian\",\"os_uname\":\"Linux\",\"os_arch\":\"x86\",\"version\":\"v1\",\"config_sum\":\"c\","
         "\"merged_sum\":\"m\",\"manager_host\":\"h\",\"node_name\":\"w1\",\"sync_status\":\"syncreq\","
         "\"connection_status\":\"active\",\"group_config_status\":\"synced\"}");
    CHECK(is_now("SELECT last_keepalive AS n FROM agent WHERE id = 1"));
    ASK("ok [{\"id\":1,\"key\":\"key1\",\"value\":\"value1\"},{\"id\":1,\"key\":\"key2\",\"value\":\"a:b\"}]",
        "global get-labels 1");
    /* without labels there are none any more; without agent_ip the address stays; synced by default */
    ASK("ok", "global update-agent-data {\"id\":1,\"connection_status\":\"pending\",\"group_config_status\":"
              "\"not synced\"}");
    ASK("ok []", "global get-labels 1");
    ROWS("SELECT ip, os_name, sync_status FROM agent WHERE id = 1",
         "{\"ip\":\"10.0.0.1\",\"sync_status\":\"synced\"}");
    ASK("ok", "global update-agent-data {\"id\":0,\"connection_status\":\"active\",\"group_config_status\":"
              "\"synced\",\"os_name\":\"x\"}");
    ROWS("SELECT last_keepalive FROM agent WHERE id = 0", "{\"last_keepalive\":253402300799}");
}

TEST(global_update_agent_data_refused) {
    rig_begin(true);
    add(1, "a1");
    ASK("err Invalid JSON data, near '{\"os_name\":\"test_name\",\"os_versi'",
        "global update-agent-data {\"os_name\":\"test_name\",\"os_version\":\"1\"}");
    ASK(CANNOT "NOT NULL constraint failed: agent.connection_status",
        "global update-agent-data {\"id\":1,\"agent_ip\":\"1.1.1.1\",\"labels\":\"k:v\"}");
    CHECK(strncmp(ask("global update-agent-data " DATA ",\"sync_status\":\"soon\"}"),
                  CANNOT "CHECK constraint failed", 60) == 0);
    ROWS("SELECT ip FROM agent WHERE id = 1", "{\"ip\":\"any\"}"); /* all of it is taken back */
    CHECK(!agents.info_pending);
    /* nobody there: nothing is done, and only labels need somebody */
    ASK("ok", "global update-keepalive {\"id\":7,\"connection_status\":\"soon\",\"sync_status\":\"soon\"}");
    ASK(CANNOT "FOREIGN KEY constraint failed", "global update-agent-data {\"id\":7,\"labels\":\"k:v\"}");
    ASK(CANNOT "FOREIGN KEY constraint failed", "global set-labels 7 k:v");
    ASK("ok", "global set-labels 1 k:v w");
    ASK("ok [{\"id\":1,\"key\":\"k\",\"value\":\"v w\"}]", "global get-labels 1");
    ASK("ok", "global set-labels 1");
    ASK("ok []", "global get-labels 1");
}

#define STATE                                                                                                \
    "SELECT connection_status AS c, disconnection_time AS d, status_code AS s, version AS v,"                \
    " sync_status AS y FROM agent WHERE id = 1"

TEST(global_connection) {
    rig_begin(true);
    add(1, "a1");
    ASK("ok", "global update-connection-status {\"id\":1,\"connection_status\":\"disconnected\","
              "\"sync_status\":\"synced\",\"status_code\":3}");
    CHECK(is_now("SELECT disconnection_time AS n FROM agent WHERE id = 1"));
    ASK("ok", "global update-connection-status {\"id\":1,\"connection_status\":\"pending\","
              "\"sync_status\":\"synced\",\"status_code\":2}");
    ROWS(STATE, "{\"c\":\"pending\",\"d\":0,\"s\":2,\"y\":\"synced\"}");
    ASK("ok", "global update-status-code {\"id\":1,\"status_code\":1,\"version\":\"v9\",\"sync_status\":"
              "\"synced\"}");
    ROWS(STATE, "{\"c\":\"pending\",\"d\":0,\"s\":1,\"v\":\"v9\",\"y\":\"synced\"}");
    ASK("ok", "global update-status-code {\"id\":1,\"status_code\":2,\"sync_status\":\"synced\"}");
    ROWS(STATE, "{\"c\":\"pending\",\"d\":0,\"s\":2,\"y\":\"synced\"}");
    ASK("ok", "global update-connection-status {\"id\":1,\"connection_status\":\"disconnected\","
              "\"sync_status\":\"synced\",\"status_code\":4}");
    ASK("ok", "global update-keepalive {\"id\":1,\"connection_status\":\"active\",\"sync_status\":"
              "\"syncreq_keepalive\"}");
    ROWS(STATE, "{\"c\":\"active\",\"d\":0,\"s\":0,\"y\":\"syncreq_keepalive\"}");
    CHECK(is_now("SELECT last_keepalive AS n FROM agent WHERE id = 1"));
    ASK("err Invalid JSON data, near '{\"id\":1,\"connection_status\":\"act'",
        "global update-keepalive {\"id\":1,\"connection_status\":\"active\",\"sync_status\":null}");
    ASK("err Invalid JSON data, near '{\"id\":1,\"connection_status\":null'",
        "global update-connection-status {\"id\":1,\"connection_status\":null}");
    ASK("err Invalid JSON data, near '{\"id\":1,\"sync_status\":null}'",
        "global update-status-code {\"id\":1,\"sync_status\":null}");
    ASK("err Invalid JSON data, near '{\"id\":1,\"status_code\":1,\"version'",
        "global update-status-code {\"id\":1,\"status_code\":1,\"version\":1,\"sync_status\":\"synced\"}");
}

/* Section 14.4: rows what is pending, columns what is asked for. */
TEST(global_the_strongest_request_stays) {
    static const char *const s[] = {"synced", "syncreq_keepalive", "syncreq_status", "syncreq"};
    static const int want[4][4] = {{0, 1, 2, 3}, {0, 1, 2, 3}, {0, 2, 2, 3}, {0, 3, 3, 3}};
    char expect[64];
    rig_begin(true);
    add(1, "a1");
    for (int had = 0; had < 4; had++)
        for (int asked = 0; asked < 4; asked++) {
            ASK("ok", "global update-keepalive {\"id\":1,\"connection_status\":\"active\",\"sync_status\":"
                      "\"synced\"}");
            ASK("ok",
                "global update-keepalive {\"id\":1,\"connection_status\":\"active\",\"sync_status\":"
                "\"%s\"}",
                s[had]);
            ASK("ok", "global update-status-code {\"id\":1,\"status_code\":0,\"sync_status\":\"%s\"}",
                s[asked]);
            snprintf(expect, sizeof expect, "{\"y\":\"%s\"}", s[want[had][asked]]);
            ROWS("SELECT sync_status AS y FROM agent WHERE id = 1", expect);
        }
}

static void connect(int64_t id, const char *status, int64_t keepalive) {
    struct sqlite3_stmt *q = db_stmt(&db, SQL_AGENT_KEEPALIVE);
    db_bind_int(q, 1, keepalive);
    db_bind_text(q, 2, status, strlen(status));
    db_bind_text(q, 3, "synced", 6);
    db_bind_int(q, 4, id);
    good(db_step(&db, q, NULL, &e));
}

TEST(global_disconnect_agents) {
    rig_begin(true);
    for (int64_t id = 1; id <= 6; id++)
        add(id, "aa");
    connect(1, "active", 100);
    connect(2, "pending", 99);
    connect(3, "active", 200);
    connect(4, "disconnected", 5);
    connect(6, "active", 1);
    ASK("err Invalid arguments last id not found", "global disconnect-agents ");
    ASK("err Invalid arguments keepalive not found", "global disconnect-agents 0");
    ASK("err Invalid arguments sync_status not found", "global disconnect-agents 0 100");
    ASK("ok [{\"id\":2},{\"id\":6}]", "global disconnect-agents 1 200 syncreq_status");
    ROWS("SELECT id, connection_status AS c, status_code AS s, sync_status AS y FROM agent WHERE id > 0",
         "{\"id\":1,\"c\":\"active\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":2,\"c\":\"disconnected\",\"s\":4,\"y\":\"syncreq_status\"},"
         "{\"id\":3,\"c\":\"active\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":4,\"c\":\"disconnected\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":5,\"c\":\"never_connected\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":6,\"c\":\"disconnected\",\"s\":4,\"y\":\"syncreq_status\"}");
    CHECK(is_now("SELECT disconnection_time AS n FROM agent WHERE id = 2"));
    CHECK(strncmp(ask("global disconnect-agents 0 200 soon"), CANNOT, sizeof CANNOT - 1) == 0);
    ASK("ok [{\"id\":1}]", "global disconnect-agents 0 200 synced");
    ASK("ok []", "global disconnect-agents 0 0 synced");
}

TEST(global_reset_agents_connection) {
    rig_begin(true);
    for (int64_t id = 1; id <= 4; id++)
        add(id, "aa");
    connect(1, "active", 100);
    connect(2, "pending", 99);
    connect(3, "disconnected", 5);
    ASK("ok", "global reset-agents-connection syncreq_status");
    ROWS("SELECT id, connection_status AS c, status_code AS s, sync_status AS y FROM agent",
         "{\"id\":0,\"c\":\"active\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":1,\"c\":\"disconnected\",\"s\":5,\"y\":\"syncreq_status\"},"
         "{\"id\":2,\"c\":\"disconnected\",\"s\":5,\"y\":\"syncreq_status\"},"
         "{\"id\":3,\"c\":\"disconnected\",\"s\":0,\"y\":\"synced\"},"
         "{\"id\":4,\"c\":\"never_connected\",\"s\":0,\"y\":\"synced\"}");
    CHECK(is_now("SELECT disconnection_time AS n FROM agent WHERE id = 1"));
    CHECK(agents.info_pending);
}

/* ---- reading ---- */

TEST(global_lists_of_agents) {
    rig_begin(false);
    for (int64_t id = 1; id <= 4; id++)
        add(id, "aa");
    connect(1, "active", 100);
    connect(3, "active", 99);
    ASK("ok", "global update-agent-data " DATA "}");
    ASK("ok [{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":4}]", "global get-all-agents last_id 0");
    ASK("ok [{\"id\":4}]", "global get-all-agents last_id 3");
    ASK("ok [{\"id\":0},{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":4}]", "global get-all-agents last_id -1");
    ASK("err Invalid arguments 'last_id' or 'context' not found", "global get-all-agents x 1");
    ASK("err Invalid arguments 'last_id' not found", "global get-all-agents last_id");
    CHECK(strstr(ask("global get-all-agents context"),
                 "{\"id\":1,\"version\":\"v1\",\"name\":\"aa\",\"ip\":\"10.0.0.1\"},{\"id\":2,"));
    ASK("ok [{\"id\":1},{\"id\":3}]", "global get-agents-by-connection-status 0 active");
    ASK("ok [{\"id\":0},{\"id\":1},{\"id\":3}]", "global get-agents-by-connection-status -1 active");
    ASK("ok [{\"id\":1}]", "global get-agents-by-connection-status 0 active w1 10");
    ASK("ok [{\"id\":2}]", "global get-agents-by-connection-status 0 never_connected unknown 1");
    ASK("err Invalid arguments 'last_id' not found", "global get-agents-by-connection-status ");
    ASK("err Invalid arguments 'connection_status' not found", "global get-agents-by-connection-status 0");
    ASK("err Invalid arguments 'limit' not found", "global get-agents-by-connection-status 0 active w1");
    CHECK(strncmp(ask("global get-agent-info 2"),
                  "ok [{\"id\":2,\"name\":\"aa\",\"ip\":\"any\","
                  "\"register_ip\":\"any\",\"node_name\":\"unknown\","
                  "\"date_add\":1700000000,\"group_sync_status\":\"synced\","
                  "\"sync_status\":\"synced\",",
                  150) == 0);
    ASK("ok []", "global get-agent-info 9");
}

TEST(global_pages) {
    unsigned ids = 0, pages = 0;
    int64_t last = 0;
    rig_begin(false);
    agents.limit = 10000;
    good(db_begin(&db, &e));
    for (int64_t id = 1; id <= 9000; id++)
        add(id, "aa");
    good(db_commit(&db, &e));
    for (bool due = true; due; pages++) {
        due = memcmp(ask("global get-all-agents last_id %lld", (long long)last), "due ", 4) == 0;
        size_t n = strlen(reply) - (due ? 4 : 3);
        CHECK(n <= WDB_REPLY_MOST - 2);
        if (due)
            CHECK(n > WDB_REPLY_MOST - 16);
        for (const char *at = reply; (at = strstr(at, "\"id\":")); at += 5) {
            CHECK(strtoll(at + 5, NULL, 10) == last + 1);
            last++;
            ids++;
        }
    }
    CHECK_INT(ids, 9000);
    CHECK_INT(pages, 2);
}

/* ---- groups ---- */

TEST(global_groups) {
    rig_begin(false);
    add(1, "a1");
    add(2, "a2");
    ASK("ok", "global insert-agent-group default");
    ASK("ok", "global insert-agent-group web");
    ASK("err Error inserting group in global.db.", "global insert-agent-group web");
    ASK("err Error inserting group in global.db.", "global insert-agent-group a b");
    ASK("ok [{\"id\":2}]", "global find-group web");
    ASK("ok []", "global find-group nobody");
    ASK("ok [{\"name\":\"default\"},{\"name\":\"web\"}]", "global select-groups");
    ASK("ok",
        "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,"
        "\"groups\":[\"default\",\"web\"]},{\"id\":2,\"groups\":[\"default\"]}]}");
    ASK("ok [\"default\",\"web\"]", "global select-group-belong 1");
    ASK("ok []", "global select-group-belong 7");
    ASK("ok [1,2]", "global get-group-agents default last_id 0");
    ASK("ok [2]", "global get-group-agents default last_id 1");
    ASK("ok []", "global get-group-agents nobody last_id 0");
    ASK("err Invalid arguments, group name not found.", "global get-group-agents ");
    ASK("err Invalid arguments, 'last_id' not found.", "global get-group-agents default");
    ASK("err Invalid arguments, 'last_id' not found.", "global get-group-agents default id 0");
    ASK("err Invalid arguments, last agent id not found.", "global get-group-agents default last_id");
    ASK("ok [{\"group\":\"default\",\"group_hash\":\"37a8eec1\"},"
        "{\"group\":\"default,web\",\"group_hash\":\"5288d400\"}]",
        "global get-distinct-groups");
    ASK("ok [{\"group\":\"default,web\",\"group_hash\":\"5288d400\"}]",
        "global get-distinct-groups 37a8eec1");
    ASK("ok", "global delete-group web");
    ASK("ok", "global delete-group web");
    ASK("err Error deleting group in global.db.", "global delete-group default");
    ASK("ok [\"default\"]", "global select-group-belong 1");
    ASK("ok", "global recalculate-agent-group-hashes");
}

TEST(global_set_agent_groups) {
    rig_begin(false);
    add(1, "a1");
    add(2, "a2");
    ASK("ok", "global insert-agent-group default");
    ASK("err Invalid JSON data, missing required fields",
        "global set-agent-groups {\"mode\":\"append\",\"sync_status\":\"synced\"}");
    ASK("err Invalid JSON data, missing required fields", "global set-agent-groups {\"data\":[],\"mode\":1}");
    ASK("err Invalid mode 'invalid_mode' in set_agent_groups command",
        "global set-agent-groups {\"mode\":\"invalid_mode\",\"data\":[]}");
    ASK("err An error occurred during the set of the groups",
        "global set-agent-groups {\"mode\":\"append\",\"data\":[{\"id\":1,\"groups\":[\"x\"]},7,{\"id\":2,"
        "\"groups\":[\"default\"]},{\"id\":3,\"groups\":[\"default\"]}]}");
    ROWS("SELECT id, `group` AS g FROM agent WHERE id > 0", "{\"id\":1},{\"id\":2,\"g\":\"default\"}");
    ASK("err An error occurred during the set of the groups",
        "global set-agent-groups {\"mode\":\"append\",\"sync_status\":\"soon\",\"data\":[{\"id\":1,"
        "\"groups\":[\"default\"]}]}");
    /* the members in any order, 'synced' when nothing is said */
    ASK("ok",
        "global set-agent-groups {\"data\":[{\"groups\":[\"default\"],\"id\":1}],\"mode\":\"empty_only\"}");
    ROWS("SELECT group_sync_status AS s FROM agent WHERE `group` = 'default'",
         "{\"s\":\"synced\"},{\"s\":\"synced\"}");
    ASK("ok", "global set-agent-groups {\"mode\":\"remove\",\"data\":[{\"groups\":[\"default\"],\"id\":1}]}");
    /* nothing is done of what is not JSON to its end */
    CHECK(strncmp(ask("global set-agent-groups {\"mode\":\"override\",\"data\":[{\"id\":1,\"groups\":[]}]"),
                  "err Invalid JSON syntax", 23) == 0);
    ASK("ok [\"default\"]", "global select-group-belong 1");
}

TEST(global_set_agent_groups_on_a_worker) {
    rig_begin(true);
    ASK("ok", "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":[{\"id\":1,"
              "\"name\":\"a1\",\"groups\":[\"new\"]}]}");
    ROWS("SELECT name, ip, register_ip, `group` AS g FROM agent WHERE id = 1",
         "{\"name\":\"a1\",\"register_ip\":\"0.0.0.0\",\"g\":\"new\"}");
}

TEST(global_many_groups_in_one_command) {
    static char command[65000];
    size_t n;
    rig_begin(true);
    agents.limit = 2000;
    n = (size_t)snprintf(command, sizeof command, "{\"mode\":\"override\",\"data\":[");
    for (int id = 1; id <= 1000; id++)
        n += (size_t)snprintf(command + n, sizeof command - n,
                              "%s{\"id\":%d,\"name\":\"agent-%d\",\"groups\":[\"g\",\"h\"]}",
                              id > 1 ? "," : "", id, id);
    snprintf(command + n, sizeof command - n, "]}");
    ASK("ok", "global set-agent-groups %s", command);
    ROWS("SELECT count(*) AS n FROM agent WHERE `group` = 'g,h'", "{\"n\":1000}");
}

#define HASH "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262"

static void two_groups(bool is_worker) {
    rig_begin(is_worker);
    add(1, "a1");
    add(2, "a2");
    ASK("ok", "global insert-agent-group default");
    ASK("ok", "global insert-agent-group web");
    ASK("ok",
        "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,"
        "\"groups\":[\"default\"]},{\"id\":2,\"groups\":[\"default\",\"web\"]}]}");
}

TEST(global_groups_integrity) {
    rig_begin(false);
    ASK("err Hash hex-digest does not have the expected length. Expected (40) got (10)",
        "global get-groups-integrity small_hash");
    ASK("ok [\"hash_mismatch\"]", "global get-groups-integrity " HASH);
}

TEST(global_groups_integrity_of_some) {
    two_groups(false);
    ASK("ok [\"syncreq\"]", "global get-groups-integrity " HASH);
    CHECK(strstr(ask("global sync-agent-groups-get {\"condition\":\"sync_status\",\"set_synced\":true}"),
                 "ok "));
    ASK("ok [\"synced\"]", "global get-groups-integrity " HASH);
    ASK("ok [\"synced\"]", "global get-groups-integrity " HASH "more");
    ASK("ok [\"hash_mismatch\"]", "global get-groups-integrity 0" HASH);
}

#define ENTRIES                                                                                              \
    "{\"id\":1,\"name\":\"a1\",\"groups\":[\"default\"]},"                                                   \
    "{\"id\":2,\"name\":\"a2\",\"groups\":[\"default\",\"web\"]}"

TEST(global_sync_agent_groups_get) {
    static const char *const bad[] = {"{\"condition\":true}",
                                      "{\"last_id\":\"1\"}",
                                      "{\"last_id\":-1}",
                                      "{\"set_synced\":1}",
                                      "{\"get_global_hash\":\"true\"}",
                                      "{\"agent_registration_delta\":-1}",
                                      "{\"agent_registration_delta\":\"0\"}"};
    two_groups(false);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ASK("err Invalid JSON data, invalid alternative fields data", "global sync-agent-groups-get %s",
            bad[i]);
    ASK("err Could not obtain a response from wdb_global_sync_agent_groups_get",
        "global sync-agent-groups-get {\"condition\":\"some\"}");
    ASK("ok [{\"data\":[]}]", "global sync-agent-groups-get {}");
    ASK("ok [{\"data\":[],\"hash\":\"" HASH "\"}]",
        "global sync-agent-groups-get {\"get_global_hash\": true}");
    ASK("ok [{\"data\":[" ENTRIES "]}]", "global sync-agent-groups-get {\"condition\": \"sync_status\"}");
    ASK("ok [{\"data\":[" ENTRIES "],\"hash\":\"" HASH "\"}]",
        "global sync-agent-groups-get {\"condition\": \"sync_status\", \"set_synced\": true, "
        "\"get_global_hash\": true}");
    ASK("ok [{\"data\":[],\"hash\":\"" HASH "\"}]",
        "global sync-agent-groups-get {\"condition\": \"sync_status\", \"set_synced\": true, "
        "\"get_global_hash\": true}");
    ASK("ok [{\"data\":[" ENTRIES "]}]",
        "global sync-agent-groups-get {\"condition\": \"all\", \"set_synced\": false, \"get_global_hash\": "
        "false, \"last_id\": 0}");
    ASK("ok [{\"data\":[{\"id\":2,\"name\":\"a2\",\"groups\":[\"default\",\"web\"]}]}]",
        "global sync-agent-groups-get {\"condition\":\"all\",\"last_id\":1}");
    /* registered now: not before a second has passed */
    good(agents_insert(&agents, 3, "a3", NULL, NULL, NULL, now_s() - 1000, &e));
    CHECK(strstr(ask("global sync-agent-groups-get {\"condition\":\"all\",\"agent_registration_delta\":900}"),
                 "\"id\":3,"));
    CHECK(
        !strstr(ask("global sync-agent-groups-get {\"condition\":\"all\",\"agent_registration_delta\":1100}"),
                "\"id\":3,"));
}

/* ---- agent information ---- */

TEST(global_sync_agent_info_get) {
    rig_begin(true);
    for (int64_t id = 1; id <= 3; id++) {
        add(id, "aa");
        connect(id, "active", 1700000000);
    }
    ASK("ok []", "global sync-agent-info-get ");
    ASK("ok []", "global sync-agent-info-get");
    ASK("ok", "global update-keepalive {\"id\":1,\"connection_status\":\"active\",\"sync_status\":"
              "\"syncreq_keepalive\"}");
    ASK("ok", "global update-status-code {\"id\":2,\"status_code\":1,\"sync_status\":\"syncreq_status\"}");
    ASK("ok", "global update-status-code {\"id\":3,\"status_code\":1,\"sync_status\":\"syncreq\"}");
    ASK("ok", "global set-labels 3 k:v");
    good(db_begin(&db, &e));
    struct sqlite3_stmt *q = db_stmt(&db, SQL_INFO_APPLY_STATE); /* known times */
    db_bind_int(q, 1, 1700000001);
    db_bind_text(q, 2, "active", 6);
    db_bind_int(q, 3, 0);
    db_bind_int(q, 4, 0);
    db_bind_int(q, 6, 1);
    good(db_step(&db, q, NULL, &e));
    good(db_commit(&db, &e));
    ASK("ok", "global update-status-code {\"id\":1,\"status_code\":0,\"sync_status\":\"syncreq_keepalive\"}");
    ASK("ok "
        "[{\"id\":3,\"name\":\"aa\",\"ip\":\"any\",\"node_name\":\"unknown\",\"last_keepalive\":1700000000,"
        "\"connection_status\":\"active\",\"disconnection_time\":0,\"group_config_status\":\"not synced\","
        "\"status_code\":1,\"labels\":[{\"id\":3,\"key\":\"k\",\"value\":\"v\"}]},"
        "{\"id\":2,\"last_keepalive\":1700000000,\"connection_status\":\"active\",\"disconnection_time\":0,"
        "\"status_code\":1},{\"id\":1,\"last_keepalive\":1700000001}]",
        "global sync-agent-info-get {}");
    ASK("ok []", "global sync-agent-info-get {}");
    ROWS("SELECT id FROM agent WHERE sync_status <> 'synced'", "");
    ASK("ok", "global update-status-code {\"id\":1,\"status_code\":0,\"sync_status\":\"syncreq_keepalive\"}");
    ASK("ok []", "global sync-agent-info-get last_id 1");
    ASK("ok [{\"id\":1,\"last_keepalive\":1700000001}]", "global sync-agent-info-get {}");
}

TEST(global_sync_agent_info_get_pages) {
    unsigned pages = 0, ids = 0;
    rig_begin(true);
    agents.limit = 10000;
    good(db_begin(&db, &e));
    for (int64_t id = 1; id <= 3000; id++) {
        add(id, "aa");
        good(
            agents_put_keepalive(&agents, id, "active", id % 2 ? "syncreq_keepalive" : "syncreq_status", &e));
    }
    good(db_commit(&db, &e));
    for (bool due = true; due; pages++) {
        due = memcmp(ask("global sync-agent-info-get {}"), "due ", 4) == 0;
        for (const char *s = reply; (s = strstr(s, "\"id\":")); s += 5)
            ids++;
    }
    CHECK_INT(ids, 3000);
    CHECK(pages > 2);
}

TEST(global_sync_agent_info_set) {
    rig_begin(false);
    add(1, "a1");
    ASK("ok", "global sync-agent-info-set [{\"id\":1,\"name\":\"a1\",\"os_name\":\"Debian\","
              "\"connection_status\":\"active\",\"group_config_status\":\"synced\",\"last_keepalive\":7,"
              "\"labels\":[{\"id\":1,\"key\":\"k\",\"value\":\"v\"}]},{\"id\":9,\"name\":\"nobody\","
              "\"connection_status\":\"active\",\"group_config_status\":\"synced\"}]");
    ROWS("SELECT os_name, last_keepalive FROM agent WHERE id > 0",
         "{\"os_name\":\"Debian\",\"last_keepalive\":7}");
    ASK("ok [{\"id\":1,\"key\":\"k\",\"value\":\"v\"}]", "global get-labels 1");
    ASK("ok", "global sync-agent-info-set []");
    ASK("ok", "global sync-agent-info-set [{\"name\":\"x\"}]");
    ASK("err Cannot update labels due to invalid id.",
        "global sync-agent-info-set [{\"name\":\"x\",\"labels\":[]}]");
    ASK(CANNOT "NOT NULL constraint failed: agent.connection_status",
        "global sync-agent-info-set [{\"id\":1,\"os_name\":\"x\",\"connection_status\":\"active\","
        "\"group_config_status\":\"synced\",\"last_keepalive\":7},{\"id\":1,\"last_keepalive\":7}]");
    ROWS("SELECT os_name FROM agent WHERE id = 1", "{\"os_name\":\"Debian\"}");
}

/* ---- sql ---- */

TEST(global_sql) {
    rig_begin(false);
    add(1, "a1");
    ASK("ok [{\"test_field\":\"test_value\"}]", "global sql SELECT 'test_value' AS test_field");
    ASK("ok [{\"a\":1,\"b\":-7,\"c\":1.5,\"d\":\"x\\n\\\"\",\"f\":100000.0}]",
        "global sql SELECT 1 AS a, -7 AS b, 1.5 AS c, 'x\n\"' AS d, NULL AS e, 1e5 AS f");
    ASK("ok [{\"n\":null}]", "global sql SELECT 9e999 AS n");
    ASK("ok [{\"id\":0},{\"id\":1}]", "global sql select id from agent;");
    ASK("ok []", "global sql select id from agent where id > 7");
    ASK(CANNOT "no such table: nowhere", "global sql select * from nowhere");
    ASK(CANNOT "only one SELECT is allowed", "global sql delete from agent");
    ASK(CANNOT "only one SELECT is allowed", "global sql select 1; select 2");
    ROWS("SELECT count(*) AS n FROM agent", "{\"n\":2}");
}

static const char *long_text(void) {
    static char text[60001];
    memset(text, 'x', sizeof text - 1);
    return text;
}

/* Wazuh's API takes 65,536 bytes for "too long", and asks for fewer rows. */
TEST(global_sql_too_long) {
    rig_begin(false);
    ask("global sql select x as a, x as b from (select '%.*s' as x)", 40000, long_text());
    CHECK_INT(strlen(reply), 65536);
    CHECK(memcmp(reply, "ok [{\"a\":\"xxx", 12) == 0);
    ask("global sql select '%.*s' as a", 60000, long_text());
    CHECK_INT(strlen(reply), sizeof "ok [{\"a\":\"\"}]" - 1 + 60000);
}

/* ---- the disk fails ---- */

TEST(global_ok_is_on_disk_and_err_is_nothing) {
    unsigned failed = 0;
    rig_begin(true);
    add(1, "a1");
    for (uint64_t n = 1;; n++) {
        faults.os = ENOSPC;
        faults.fired = false;
        faults.fail_on = true;
        faults.fail_at = faults.calls + n;
        ask("global update-agent-data {\"id\":1,\"os_name\":\"n%u\",\"connection_status\":\"active\","
            "\"group_config_status\":\"synced\",\"sync_status\":\"syncreq\",\"labels\":\"k:v%u\"}",
            (unsigned)n, (unsigned)n);
        bool fired = faults.fired, ok = strcmp(reply, "ok") == 0;
        faults.fail_at = 0;
        CHECK(ok || strncmp(reply, CANNOT, sizeof CANNOT - 1) == 0);
        failed += !ok;
        rig_reopen(true);
        char want[64];
        snprintf(want, sizeof want, "\"n%u\"", (unsigned)n);
        if (ok)
            CHECK(strstr(rows("SELECT os_name FROM agent WHERE id = 1"), want));
        if (!fired)
            break;
    }
    CHECK(failed >= 5);
}
