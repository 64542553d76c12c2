/* test_api_agents.c - agents asked for and told by the API, over an embedded store. What is expected are the
 * answers of Wazuh 4.14.7's own functions over the same rows; where this node answers otherwise on purpose,
 * the case says so. */
#include "test/unit/api_agents_rig.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define OVERVIEW "wazuh.core.agent.Agent.get_agents_overview"
#define GET "wazuh.agent.get_agents"
#define SUMMARY "wazuh.agent.get_agents_summary_status"
#define RECONNECT "wazuh.agent.reconnect_agents"
#define RESTART "wazuh.agent.restart_agents"
#define RBAC(mode, action, rules)                                                                            \
    ", \"rbac_permissions\": {\"rbac_mode\": \"" mode "\", \"" action "\": {" rules "}}"

/* Five agents besides the manager. */
static void open_five(void) {
    rig_open(NULL);
    rig_run(
        "INSERT INTO `group` (name) VALUES ('web');"
        "INSERT INTO `group` (name) VALUES ('db');"
        "INSERT INTO agent (id, name, ip, register_ip, internal_key, date_add, `group`) VALUES"
        " (1, 'new', NULL, 'any', 'secret1', 1795169507, NULL);"
        "INSERT INTO agent (id, name, ip, register_ip, internal_key, date_add, `group`, os_name, os_version,"
        " os_major, os_minor, os_codename, os_platform, os_uname, os_arch, version, config_sum, merged_sum,"
        " manager_host, node_name, last_keepalive, connection_status, disconnection_time,"
        " group_config_status, status_code) VALUES"
        " (2, 'web-2', '10.0.0.2', 'any', 'secret2', 1795169507, 'default,web', 'Ubuntu', '22.04', '22', "
        "'04',"
        "  'jammy', 'ubuntu', 'Linux |x |\"q\" \xc3\xbc', 'x86_64', 'Wazuh v4.14.7', 'ab', 'cd', 'mgr',"
        "  'node01', 1795169567, 'active', 0, 'synced', 0),"
        " (3, 'db-3', '10.0.0.3', '10.1.0.3', 'secret3', 1795169507, 'db', 'Debian', '9', '9', NULL, NULL,"
        "  'debian', NULL, NULL, 'Wazuh v4.9.2', NULL, NULL, 'mgr', 'w1', 1795169567, 'disconnected',"
        "  1795169600, 'not synced', 2),"
        " (4, 'Web-4', '10.0.0.4', 'any', 'secret4', 1795169507, 'web', 'Ubuntu', '10.04', '10', '04', NULL,"
        "  'ubuntu', NULL, NULL, 'Wazuh v4.1.5', NULL, NULL, 'mgr', 'w1', 1795169567, 'active', 0,"
        "  'synced', 0),"
        " (17, 'db-17', '10.0.0.17', 'any', 'secret17', 1795169507, 'default', NULL, NULL, NULL, NULL, NULL,"
        "  NULL, NULL, NULL, NULL, NULL, NULL, 'mgr', NULL, 1795169567, 'pending', 0, 'not synced', 0);"
        "INSERT INTO belongs (id_agent, id_group, priority) SELECT 2, id, 0 FROM `group` WHERE name='web';"
        "INSERT INTO belongs (id_agent, id_group, priority) SELECT 4, id, 0 FROM `group` WHERE name='web';"
        "INSERT INTO belongs (id_agent, id_group, priority) SELECT 3, id, 0 FROM `group` WHERE name='db'");
}

/* ids of the items of an answer: "001 002". */
static const char *ids_of(const char *answer) {
    static char out[8192];
    struct text t;
    text_init(&t, out, sizeof out);
    const char *end = strstr(answer, "\"failed_items_keys\""), *at = answer;
    while ((at = strstr(at, "\"id\": \"")) && (!end || at < end)) {
        at += 7;
        text_format(&t, "%s%.*s", t.len ? " " : "", (int)strcspn(at, "\""), at);
    }
    return out;
}

static void gives(const char *function, const char *rest, const char *ids, unsigned total) {
    char words[64];
    const char *answer = rig_ask(function, rest);
    CHECK_STR(ids_of(answer), ids);
    snprintf(words, sizeof words, strstr(answer, "totalItems") ? "\"totalItems\": %u}" : "items\": %u,",
             total);
    if (!strstr(answer, words))
        test_fail(__FILE__, __LINE__, "%s\nhas no %s", answer, words);
}

static void refused(const char *function, const char *rest, const char *class, int code, const char *words) {
    char part[400];
    const char *answer = rig_ask(function, rest);
    snprintf(part, sizeof part, "{\"__wazuh_exception__\": {\"__class__\": \"%s\"", class);
    if (strncmp(answer, part, strlen(part)) != 0)
        test_fail(__FILE__, __LINE__, "%s\nis no %s", answer, part);
    snprintf(part, sizeof part, "\"code\": %d, \"extra_message\": %s", code, words);
    if (!strstr(answer, part))
        test_fail(__FILE__, __LINE__, "%s\nhas no %s", answer, part);
}

static bool has(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* ---- items ---- */

/* Transcript local-socket/master.txt: fields in an order of Python's sets, here in the table's. */
TEST(overview_of_cluster_control) {
    rig_open(NULL);
    store_rig_agent(&rig, 1, "agent1");
    store_rig_agent(&rig, 2, "agent2");
    CHECK_STR(
        rig_ask(OVERVIEW,
                "\"f_kwargs\": {\"filters\": {\"status\": \"all\", \"node_name\": \"all\"}, \"limit\": null, "
                "\"select\": [\"version\", \"id\", \"name\", \"status\", \"ip\", \"node_name\"]}, "
                "\"from_cluster\": false, \"wait_for_complete\": false"),
        "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": null, "
        "\"result\": {\"items\": [{\"id\": \"000\", \"name\": \"localhost\", \"ip\": \"127.0.0.1\", "
        "\"status\": \"active\", \"node_name\": \"unknown\"}, {\"id\": \"001\", \"name\": \"agent1\", "
        "\"ip\": \"any\", \"status\": \"never_connected\", \"node_name\": \"unknown\"}, {\"id\": \"002\", "
        "\"name\": \"agent2\", \"ip\": \"any\", \"status\": \"never_connected\", \"node_name\": "
        "\"unknown\"}], \"totalItems\": 3}}}}");
}

TEST(everything_of_an_agent) {
    open_five();
    const char *answer = rig_ask(GET, "\"f_kwargs\": {\"agent_list\": [\"002\"]}");
    CHECK_STR(
        rig_part(answer, "\"affected_items\": [", "], \"sort_fields\""),
        "{\"os\": {\"name\": \"Ubuntu\", \"version\": \"22.04\", \"platform\": \"ubuntu\", \"codename\": "
        "\"jammy\", "
        "\"major\": \"22\", \"minor\": \"04\", \"uname\": \"Linux |x |\\\"q\\\" \\u00fc\", \"arch\": "
        "\"x86_64\"}, "
        "\"id\": \"002\", \"name\": \"web-2\", \"ip\": \"10.0.0.2\", \"status\": \"active\", \"node_name\": "
        "\"node01\", \"version\": \"Wazuh v4.14.7\", \"manager\": \"mgr\", \"registerIP\": \"any\", "
        "\"dateAdd\": "
        "{\"__wazuh_datetime__\": \"2026-11-20T10:11:47+00:00\"}, \"group\": [\"default\", \"web\"], "
        "\"mergedSum\": "
        "\"cd\", \"configSum\": \"ab\", \"lastKeepAlive\": {\"__wazuh_datetime__\": "
        "\"2026-11-20T10:12:47+00:00\"}, \"group_config_status\": \"synced\", \"status_code\": 0}");
    CHECK(has(answer,
              "\"sort_casting\": [\"int\"], \"sort_ascending\": [true], \"total_affected_items\": 1, "
              "\"total_failed_items\": 0, \"dikt\": {}, \"all_msg\": \"All selected agents information was "
              "returned\", \"some_msg\": \"Some agents information was not returned\", \"none_msg\": \"No "
              "agent information was returned\""));
    answer = rig_ask(GET, "\"f_kwargs\": {\"select\": [\"ip\", \"disconnection_time\", \"lastKeepAlive\"]}");
    CHECK(has(answer, "{\"id\": \"001\", \"ip\": \"any\"}, ")); /* register_ip, and no times */
    CHECK(has(answer, "{\"id\": \"003\", \"ip\": \"10.0.0.3\", \"lastKeepAlive\": {\"__wazuh_datetime__\": "
                      "\"2026-11-20T10:12:47+00:00\"}, \"disconnection_time\": {\"__wazuh_datetime__\": "
                      "\"2026-11-20T10:13:20+00:00\"}}"));
    CHECK(has(answer, "\"9999-12-31T23:59:59+00:00\""));
}

TEST(leap_days_and_years) {
    static const struct {
        const char *seconds, *date;
    } days[] = {
        {"0", "1970-01-01T00:00:00"},          {"951782399", "2000-02-28T23:59:59"},
        {"951782400", "2000-02-29T00:00:00"},  {"951868800", "2000-03-01T00:00:00"},
        {"1709164800", "2024-02-29T00:00:00"}, {"4107542400", "2100-03-01T00:00:00"},
        {"1735689599", "2024-12-31T23:59:59"}, {"253402300800", "9999-12-31T23:59:59"},
    };
    char sql[128];
    rig_open(NULL);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        snprintf(sql, sizeof sql, "UPDATE agent SET date_add=%s", days[i].seconds);
        rig_run(sql);
        CHECK(has(rig_ask(GET, "\"f_kwargs\": {\"select\": [\"dateAdd\"]}"), days[i].date));
    }
}

/* ---- which, and in which order ---- */

TEST(filters) {
    open_five();
    gives(GET, "\"f_kwargs\": {\"filters\": {\"status\": \"active\"}}", "000 002 004", 3);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"status\": [\"PENDING\", \"disconnected\"]}}", "003 017", 2);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"group\": \"web\"}}", "002 004", 2);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"group\": \"null\"}}", "000 001", 2);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"group\": null}}", "000 001", 2);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"version\": \"v4.9.2\"}}", "003", 1);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"version\": \"4.9.2\"}}", "003", 1);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"version\": \"Wazuh 4.9.2\"}}", "", 0);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"version\": \"wazuhv4.9.2\"}}", "003", 1);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"status_code\": 2}}", "003", 1);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"older_than\": \"7d\", \"status\": \"all\"}}", "", 0);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"older_than\": \"2026-11-20 10:12:00\"}}", "002 003 004 017",
          4);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"os.platform\": \"ubuntu\", \"node_name\": \"w1\"}}", "004", 1);
    gives(GET, "\"f_kwargs\": {\"filters\": {\"id\": [\"002\", \"003\"]}}", "002 003", 2);
    refused(GET, "\"f_kwargs\": {\"filters\": {\"internal_key\": \"x\"}}", "WazuhError", 1408,
            "\"Field: internal_key\"");
    refused(GET, "\"f_kwargs\": {\"filters\": {\"rbac_ids\": [\"002\"]}}", "WazuhError", 1408,
            "\"Field: rbac_ids\"");
    refused(GET, "\"f_kwargs\": {\"filters\": {\"name\": {\"a\": 1}}}", "WazuhInternalError", 1000, "");
}

TEST(q) {
    open_five();
    gives(GET, "\"f_kwargs\": {\"q\": \"status=active;id!=000\"}", "002 004", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"name~WEB\"}", "002 004", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"(status=active,status=pending);os.platform=null\"}", "000 017", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"status=active,status=pending;id>4\"}", "000 002 004 017", 4);
    gives(GET, "\"f_kwargs\": {\"q\": \"((id=1,id=2),(id=3));name~e\"}", "001 002", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"group=default\"}", "002 017", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"group!=default\"}", "003 004", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"group~ef\"}", "002 017", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"id~1\"}", "001 017", 2);
    gives(GET, "\"f_kwargs\": {\"q\": \"lastKeepAlive>2026-11-20T10:12:00Z\"}", "002 003 004 017", 4);
    gives(GET, "\"f_kwargs\": {\"q\": \"dateAdd<2026-11-20\"}", "", 0);
    gives(GET, "\"f_kwargs\": {\"q\": \"version=Wazuh v4.9.2\"}", "003", 1);
    gives(GET, "\"f_kwargs\": {\"q\": \"name='eb-2\"}", "002", 1); /* a quote stands for any character */
    gives(GET, "\"f_kwargs\": {\"q\": \"name='b-2\"}", "", 0);
}

TEST(q_that_is_wrong) {
    open_five();
    refused(GET, "\"f_kwargs\": {\"q\": \"name\"}", "WazuhError", 1407, "\"name\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"=x\"}", "WazuhError", 1407, "\"=x\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"foo=x\"}", "WazuhError", 1408, "\"Field: foo\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"internal_key~a\"}", "WazuhError", 1408, "\"Field: internal_key\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"name==x\"}", "WazuhError", 1409,
            "\"Valid operators: =, !=, <, >, ~. ");
    refused(GET, "\"f_kwargs\": {\"q\": \"group>x\"}", "WazuhError", 1409,
            "\"Valid operators for 'group' field");
    refused(GET, "\"f_kwargs\": {\"q\": \"dateAdd>abc\"}", "WazuhError", 1412, "\"abc\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"dateAdd>5d3x\"}", "WazuhError", 1411, "\"Time: 5d3x\"");
    /* real nodes make SQL of these that does not hang together, or pass over a part in silence */
    refused(GET, "\"f_kwargs\": {\"q\": \"(name=x\"}", "WazuhError", 1407, "\"(name=x\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"name=x)\"}", "WazuhError", 1407, "\"name=x)\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"name=x),(id=1\"}", "WazuhError", 1407, "\"name=x),(id=1\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"name=x;\"}", "WazuhError", 1407, "\"name=x;\"");
    refused(GET, "\"f_kwargs\": {\"q\": \"name=x;;id=1\"}", "WazuhError", 1407, "\"name=x;;id=1\"");
}

TEST(search) {
    open_five();
    gives(GET, "\"f_kwargs\": {\"search\": {\"value\": \"WEB\", \"negation\": 0}}", "002 004", 2);
    gives(GET, "\"f_kwargs\": {\"search\": {\"value\": \"web\", \"negation\": true}}", "000 001 003 017", 4);
    gives(GET, "\"f_kwargs\": {\"search\": {\"value\": \"017\", \"negation\": false}}", "017", 1);
    /* real nodes look into keys as well */
    gives(GET, "\"f_kwargs\": {\"search\": {\"value\": \"secret\", \"negation\": 0}}", "", 0);
}

TEST(order) {
    open_five();
    gives(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [\"name\"], \"order\": \"asc\"}}",
          "004 017 003 000 001 002", 6);
    gives(GET,
          "\"f_kwargs\": {\"sort\": {\"fields\": [\"name\"], \"order\": \"desc\"}, \"limit\": 2, \"offset\": "
          "1}",
          "001 000", 6);
    gives(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [], \"order\": \"desc\"}, \"limit\": 2, \"offset\": 1}",
          "004 003", 6);
    gives(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [\"os.version\"], \"order\": \"desc\"}, \"limit\": 3}",
          "002 004 003", 6);
    gives(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [\"version\"], \"order\": \"desc\"}, \"limit\": 3}",
          "002 003 004", 6); /* 4.14.7, 4.9.2, 4.1.5 */
    gives(OVERVIEW,
          "\"f_kwargs\": {\"sort\": {\"fields\": [\"version\"], \"order\": \"desc\"}, \"limit\": 3}",
          "003 002 004", 6); /* as texts */
    refused(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [\"nope\"], \"order\": \"asc\"}}", "WazuhError", 1403,
            "\"Fields: nope\"");
    refused(GET, "\"f_kwargs\": {\"sort\": {\"fields\": [\"id\"], \"order\": \"asc; drop\"}}",
            "WazuhInternalError", 1000, "");
    refused(GET, "\"f_kwargs\": {\"select\": [\"internal_key\"]}", "WazuhError", 1724,
            "\"Fields: internal_key\"");
}

TEST(distinct_and_limits) {
    open_five();
    const char *answer = rig_ask(
        GET,
        "\"f_kwargs\": {\"select\": [\"os.platform\"], \"distinct\": true, \"limit\": 1, \"offset\": 1}");
    CHECK_STR(rig_part(answer, "\"affected_items\": [", "], \"sort_fields\""),
              "{\"os\": {\"platform\": \"debian\"}}");
    CHECK(has(answer, "\"total_affected_items\": 2,"));
    gives(OVERVIEW, "\"f_kwargs\": {\"limit\": null, \"offset\": 4}", "000 001 002 003 004 017", 6);
    refused(GET, "\"f_kwargs\": {\"limit\": 0}", "WazuhError", 1406, "null");
    refused(GET, "\"f_kwargs\": {\"limit\": 100001}", "WazuhError", 1405, "\"100001\"");
    refused(GET, "\"f_kwargs\": {\"limit\": -1}", "WazuhError", 1401, "null");
    refused(GET, "\"f_kwargs\": {\"offset\": -1}", "WazuhError", 1400, "null");
    CHECK(
        has(rig_ask(OVERVIEW, "\"f_kwargs\": {\"get_data\": false}"), "\"result\": {\"totalItems\": 6}}}}"));
    CHECK(
        has(rig_ask(OVERVIEW, "\"f_kwargs\": {\"count\": false, \"limit\": 1}"), "], \"totalItems\": 0}}}}"));
}

/* ---- who may ---- */

TEST(permissions) {
    open_five();
    gives(GET, "\"f_kwargs\": {}" RBAC("white", "agent:read", ""), "", 0);
    gives(GET, "\"f_kwargs\": {}" RBAC("white", "agent:read", "\"agent:group:web\": \"allow\""), "002 004",
          2);
    gives(GET, "\"f_kwargs\": {}" RBAC("black", "agent:read", "\"agent:id:002\": \"deny\""),
          "000 001 003 004 017", 5);
    /* real nodes tell all three: their "or" undoes the permissions */
    gives(GET,
          "\"f_kwargs\": {\"q\": \"id=2,id=3,id=4\"}" RBAC("white", "agent:read",
                                                           "\"agent:id:003\": \"allow\""),
          "003", 1);
    gives(GET,
          "\"f_kwargs\": {\"q\": \"id=2,id=3\", \"filters\": {\"status\": \"disconnected\"}}" RBAC(
              "white", "agent:read", "\"agent:id:*\": \"allow\""),
          "003", 1);
}

TEST(agents_named_one_by_one) {
    open_five();
    const char *answer =
        rig_ask(GET, "\"f_kwargs\": {\"agent_list\": [\"017\", \"003\", \"999\", \"x\", \"003\", "
                     "\"2\", \"004\"]}" RBAC("black", "agent:read", "\"agent:id:004\": \"deny\""));
    CHECK_STR(ids_of(answer), "003 017");
    CHECK(has(answer, "\"total_affected_items\": 2, \"total_failed_items\": 4"));
    CHECK(has(answer, "\"failed_items_values\": [[\"x\", \"2\", \"999\"], [\"004\"]]"));
    CHECK(has(answer, "\"code\": 1701") &&
          has(answer, "\"code\": 4000, \"extra_message\": \"Resource type: agent:id\""));
    /* a broadcast is told of what is here alone */
    answer = rig_ask(
        GET, "\"broadcasting\": true, \"f_kwargs\": {\"agent_list\": [\"017\", \"999\", \"004\"]}" RBAC(
                 "black", "agent:read", "\"agent:id:004\": \"deny\""));
    CHECK_STR(ids_of(answer), "017");
    CHECK(has(answer, "\"total_failed_items\": 0"));
    answer =
        rig_ask(GET, "\"f_kwargs\": {\"agent_list\": [\"002\", \"003\"]}" RBAC("white", "agent:read", ""));
    CHECK(has(answer, "\"__class__\": \"WazuhPermissionError\"") &&
          has(answer, "\"ids\": [\"002\", \"003\"]"));
    CHECK(has(rig_ask(GET, "\"f_kwargs\": {\"agent_list\": []}"), "\"total_affected_items\": 0,"));
}

/* ---- many ---- */

static void open_many(unsigned count) {
    char sql[200];
    rig_open(NULL);
    RIG_NEED(db_begin(rig.b.agents.db, &e_));
    for (unsigned i = 1; i <= count; i++) {
        snprintf(
            sql, sizeof sql,
            "INSERT INTO agent (id, name, ip, date_add, os_uname) VALUES (%u, 'n%u', 'any', 1, '%0100u')", i,
            i % 7, i);
        RIG_NEED(db_exec(rig.b.agents.db, sql, &e_));
    }
    RIG_NEED(db_commit(rig.b.agents.db, &e_));
}

/* id of item i, of one that has nothing but the id. */
static void check_ids(const char *answer, unsigned first, unsigned count, int step) {
    const char *at = answer;
    char want[16];
    for (unsigned i = 0; i < count; i++) {
        at = strstr(at, "\"id\": \"");
        CHECK(at);
        at += 7;
        snprintf(want, sizeof want, "%03u\"", (unsigned)((int)first + (int)i * step));
        if (strncmp(at, want, strlen(want)) != 0)
            test_fail(__FILE__, __LINE__, "item %u: %.8s and not %s", i, at, want);
    }
    CHECK(!strstr(at, "\"id\": \""));
}

TEST(many_pages) {
    open_many(1500);
    check_ids(rig_ask(OVERVIEW, "\"f_kwargs\": {\"limit\": null}"), 0, 1501, 1);
    check_ids(rig_ask(OVERVIEW, "\"f_kwargs\": {\"limit\": 700, \"offset\": 300}"), 300, 700, 1);
    check_ids(rig_ask(OVERVIEW,
                      "\"f_kwargs\": {\"limit\": 300, \"offset\": 200, \"sort\": {\"fields\": [\"id\"], "
                      "\"order\": \"desc\"}}"),
              1300, 300, -1);
    check_ids(rig_ask(OVERVIEW, "\"f_kwargs\": {\"limit\": null, \"q\": \"id!=000\", \"sort\": {\"fields\": "
                                "[\"dateAdd\", \"id\"], \"order\": \"asc\"}}"),
              1, 1500, 1);
    gives(OVERVIEW, "\"f_kwargs\": {\"limit\": 3, \"offset\": 1600}", "", 1501);
}

/* Who has conditions is answered range by range, each of 4096 rows. */
TEST(many_ranges) {
    open_many(9000);
    rig_run("INSERT INTO agent (id, name, ip, date_add) VALUES (99999999, 'last', 'any', 1)");
    gives(OVERVIEW, "\"f_kwargs\": {\"q\": \"id=1,id=4095,id=4096,id=4097,id=9000,id>9000\"}",
          "001 4095 4096 4097 9000 99999999", 6);
    gives(OVERVIEW,
          "\"f_kwargs\": {\"q\": \"id=1,id=4095,id=4096,id=4097,id=9000,id>9000\", \"limit\": 3, "
          "\"offset\": 2, \"sort\": {\"fields\": [\"id\"], \"order\": \"desc\"}}",
          "4097 4096 4095", 6);
    check_ids(rig_ask(OVERVIEW, "\"f_kwargs\": {\"q\": \"id!=000\", \"limit\": 300, \"offset\": 3990}"), 3991,
              300, 1);
    check_ids(rig_ask(OVERVIEW,
                      "\"f_kwargs\": {\"q\": \"name!=last\", \"limit\": null, \"sort\": {\"fields\": [], "
                      "\"order\": \"desc\"}}"),
              9000, 9001, -1);
    gives(OVERVIEW, "\"f_kwargs\": {\"q\": \"name=last,id=0\", \"limit\": 1}", "000", 2);
    gives(OVERVIEW, "\"f_kwargs\": {\"q\": \"name=nobody\"}", "", 0);
}

/* Rows so long that 64 KB hold few of a page: what was cut is asked for again. */
TEST(pages_that_are_cut) {
    char groups[6001], sql[6200];
    open_many(300);
    for (size_t i = 0; i < 6000; i++)
        groups[i] = i % 60 == 59 ? ',' : 'g';
    groups[5999] = '\0';
    snprintf(sql, sizeof sql, "UPDATE agent SET `group`='%s'", groups);
    rig_run(sql);
    check_ids(rig_ask(GET, "\"f_kwargs\": {\"limit\": null}"), 0, 301, 1);
    check_ids(
        rig_ask(GET, "\"f_kwargs\": {\"limit\": null, \"sort\": {\"fields\": [\"group\", \"id\"], \"order\": "
                     "\"desc\"}}"),
        300, 301, -1);
}

static const char *long_list(unsigned count, unsigned step, const char *rest) {
    char *text = test_keep(malloc(count * 10u + 400));
    struct text t;
    text_init(&t, text, count * 10u + 400);
    text_str(&t, "\"f_kwargs\": {\"agent_list\": [");
    for (unsigned i = 0; i < count; i++)
        text_format(&t, "%s\"%03u\"", i ? ", " : "", 1 + i * step % count);
    text_format(&t, "]%s}", rest);
    CHECK(!t.cut);
    return text;
}

TEST(many_agents_named_one_by_one) {
    open_many(2999);
    check_ids(rig_ask(GET, long_list(2999, 1237, ", \"limit\": null")), 1, 2999, 1);
    check_ids(rig_ask(GET, long_list(2999, 1237, ", \"limit\": 450, \"offset\": 1900")), 1901, 450, 1);
    CHECK(has(rig_ask(GET, long_list(2999, 1237, ", \"q\": \"id<1000\", \"limit\": 5")),
              "\"total_affected_items\": 999, \"total_failed_items\": 0"));
    check_ids(rig_ask(GET, long_list(997, 31,
                                     ", \"limit\": null, \"sort\": {\"fields\": [\"dateAdd\", \"id\"], "
                                     "\"order\": \"desc\"}")),
              997, 997, -1);
    refused(GET, long_list(2999, 1237, ", \"sort\": {\"fields\": [\"name\"], \"order\": \"desc\"}"),
            "WazuhInternalError", 1000, "\"This node sorts at most 1000 agents that are named one by one\"");
}

/* ---- the store ---- */

static struct fake_store fake;

static void open_fake(void) {
    fake_store_init(&fake);
    rig_open(&fake.store);
}

TEST(a_store_that_fails) {
    static const struct {
        const char *reply, *words;
    } bad[] = {
        {"err Cannot execute", "\"code\": 2003, \"extra_message\": \"Cannot execute\""},
        {"ok {\"a\":1}", "\"code\": 2006"},
        {"ok [{\"a\":1},{\"a\" 2}]", "\"code\": 2006"},
        {"", "\"code\": 2006"},
    };
    open_fake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rig_begin(GET, "\"f_kwargs\": {}");
        fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = bad[i].reply));
        const char *answer = rig_end();
        if (!has(answer, bad[i].words))
            test_fail(__FILE__, __LINE__, "%s", answer);
    }
    fake.store.down = true;
    rig_begin(GET, "\"f_kwargs\": {}");
    fake_store_answer(&fake, STORE_TEXT, FAKE(.err = E_GONE, .why = "nobody listens"));
    CHECK(has(rig_end(), "\"code\": 2005, \"extra_message\": \"nobody listens\""));
    fake.store.down = false;
    rig_begin(SUMMARY, "\"f_kwargs\": {}");
    fake_store_answer(&fake, STORE_TEXT, FAKE(.err = E_SYS, .why = "disk"));
    CHECK(has(rig_end(), "\"code\": 2007, \"extra_message\": \"disk\""));
}

/* Not one row comes whole: there is no way on. */
TEST(a_row_that_no_reply_holds) {
    open_fake();
    rig_begin(GET, "\"f_kwargs\": {}");
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"a\":7}]"));
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"a\":1,\"b\":\"xxxx"));
    CHECK(has(rig_end(), "\"code\": 2009"));
}

TEST(nobody_wants_it_any_more) {
    open_fake();
    rig_begin(GET, long_list(100, 7, ""));
    rig_turn();
    rig_drop();
    CHECK_INT(fake.cancelled, 1);
    rig_begin(GET, "\"f_kwargs\": {}");
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"a\":7}]"));
    rig_drop();
    rig_begin(SUMMARY, "\"f_kwargs\": {}");
    rig_drop();
    CHECK_INT(fake.cancelled, 3);
    CHECK_INT(fake.count, 0);
}

/* ---- how many ---- */

TEST(summary) {
    open_five();
    CHECK_STR(
        rig_part(rig_ask(SUMMARY, "\"f_kwargs\": {}"), "\"result\": ", "}}}}"),
        "{\"data\": {\"connection\": {\"active\": 2, \"disconnected\": 1, \"never_connected\": 1, "
        "\"pending\": 1, \"total\": 5}, \"configuration\": {\"synced\": 2, \"not_synced\": 3, \"total\": 5");
    CHECK(has(rig_ask(SUMMARY, "\"f_kwargs\": {\"agent_list\": [\"000\", \"002\", \"003\", \"777\"]}"),
              "\"connection\": {\"active\": 1, \"disconnected\": 1, \"never_connected\": 0, \"pending\": 0, "
              "\"total\": 2}"));
    CHECK(
        has(rig_ask(SUMMARY, "\"f_kwargs\": {}" RBAC("white", "agent:read", "\"agent:group:db\": \"allow\"")),
            "\"connection\": {\"active\": 0, \"disconnected\": 1, \"never_connected\": 0, \"pending\": 0, "
            "\"total\": 1}"));
    refused(SUMMARY, "\"f_kwargs\": {\"agent_list\": [\"002\"]}" RBAC("white", "agent:read", ""),
            "WazuhPermissionError", 4000, "\"Resource type: agent:id\"");
}

/* ---- restart and reconnect ---- */

static int remoted = -1;

static void open_remoted(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    test_write_file("node/queue/alerts/x", "", 0);
    struct text t;
    text_init(&t, a.sun_path, sizeof a.sun_path);
    text_format(&t, "%s/queue/alerts/ar", rig_root_path);
    CHECK(!t.cut);
    remoted = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(remoted >= 0 && bind(remoted, (struct sockaddr *)&a, sizeof a) == 0);
}

static const char *heard(void) {
    static char buf[512];
    ssize_t n = recv(remoted, buf, sizeof buf - 1, 0);
    buf[n < 0 ? 0 : n] = '\0';
    return buf;
}

TEST(agents_are_restarted) {
    open_five();
    open_remoted();
    const char *answer =
        rig_ask(RESTART, "\"f_kwargs\": {\"agent_list\": [\"004\", \"000\", \"002\", \"003\", \"777\"]}");
    CHECK_STR(rig_part(answer, "\"affected_items\": [", "]"), "\"002\", \"004\"");
    CHECK(has(answer, "\"failed_items_values\": [[\"000\"], [\"003\"], [\"777\"]]"));
    CHECK(has(answer, "\"code\": 1703") && has(answer, "\"code\": 1707") && has(answer, "\"code\": 1701"));
    CHECK(has(answer, "\"all_msg\": \"Restart command was sent to all agents\""));
    /* wazuh_queue.py, RESTART_AGENTS_JSON; agents before 4.2.0 know the old word */
    CHECK_STR(heard(),
              "(msg_to_agent) [] NNS 002 {\"version\": 1, \"origin\": {\"module\": \"framework\"}, "
              "\"command\": \"restart-wazuh0\", \"parameters\": {\"extra_args\": [], \"alert\": {}}} - null "
              "(from_the_server) (no_rule_id)");
    CHECK_STR(heard(), "(msg_to_agent) [] NNS 004 restart-ossec0 - null (from_the_server) (no_rule_id)");
    CHECK_STR(heard(), "");
    /* all of them: those that are not active are nobody's mistake */
    answer =
        rig_ask(RECONNECT, "\"f_kwargs\": {}" RBAC("black", "agent:reconnect", "\"agent:id:002\": \"deny\""));
    CHECK_STR(rig_part(answer, "\"affected_items\": [", "]"), "\"004\"");
    CHECK(has(answer, "\"total_failed_items\": 0"));
    CHECK_STR(heard(), "(msg_to_agent) [] N!S 004 force_reconnect");
    CHECK_STR(heard(), "");
}

TEST(who_may_restart) {
    open_five();
    open_remoted();
    const char *answer = rig_ask("wazuh.agent.restart_agents_by_node",
                                 "\"f_kwargs\": {\"agent_list\": [\"000\", \"002\", \"003\", \"777\"]}");
    CHECK_STR(rig_part(answer, "\"affected_items\": [", "]"), "\"002\"");
    CHECK(has(answer, "\"total_failed_items\": 0"));
    answer = rig_ask("wazuh.agent.restart_agents_by_node", "\"f_kwargs\": {}");
    CHECK_STR(rig_part(answer, "\"affected_items\": [", "]"), "\"002\""); /* 004 is at w1 */
    refused(
        "wazuh.agent.restart_agents_by_node",
        "\"f_kwargs\": {\"agent_list\": [\"002\"]}" RBAC("black", "cluster:read", "\"node:id:*\": \"deny\""),
        "WazuhPermissionError", 4000, "\"Resource type: node:id\"");
    refused(
        "wazuh.agent.restart_agents_by_group",
        "\"f_kwargs\": {\"agent_list\": [\"002\"]}" RBAC("black", "agent:read", "\"agent:id:*\": \"deny\""),
        "WazuhPermissionError", 4000, "\"Resource type: agent:id\"");
    refused("wazuh.agent.restart_agents_by_group",
            "\"f_kwargs\": {\"agent_list\": [\"002\"]}" RBAC("black", "agent:restart",
                                                             "\"agent:id:*\": \"deny\""),
            "WazuhPermissionError", 4000, "\"Resource type: agent:id\"");
    heard(), heard();
    CHECK_STR(heard(), "");
}

TEST(nobody_to_tell) {
    open_five();
    refused(RESTART, "\"f_kwargs\": {\"agent_list\": [\"002\"]}", "WazuhInternalError", 1010, "\"");
}

/* The queue of a datagram socket holds few: nobody is lost, and nothing waits for it. */
TEST(a_full_queue) {
    open_many(900);
    rig_run("UPDATE agent SET connection_status='active', version='Wazuh v4.14.7' WHERE id > 0");
    open_remoted();
    rig_begin(RECONNECT, "\"f_kwargs\": {}");
    unsigned n = 0;
    for (unsigned turns = 0; !rig_ended; turns++) {
        if (turns >= 10000000)
            test_fail(__FILE__, __LINE__, "%u heard", n);
        rig_turn();
        while (turns % 50 == 49 && *heard())
            n++;
    }
    const char *answer = rig_end();
    while (*heard())
        n++;
    CHECK_INT(n, 900);
    CHECK(has(answer, "\"total_affected_items\": 900, \"total_failed_items\": 0"));
    /* it goes away in the middle: the rest fails, each by itself */
    rig_begin(RECONNECT, "\"f_kwargs\": {}");
    rig_turn();
    close(remoted);
    answer = rig_end();
    CHECK(has(answer, "\"code\": 1014, \"extra_message\": \": WazuhQueue socket with path "));
    rig_begin(RECONNECT, "\"f_kwargs\": {}");
    if (!rig_ended)
        rig_drop();
    else
        rig_end();
}
