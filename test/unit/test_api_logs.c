/* test_api_logs.c - wazuh.manager.ossec_log and ossec_log_summary: entries are those of core/manager.py of
 * 4.14.7 (get_ossec_logs, get_logs_summary), run on the same files. */
#include "api/logs_parts.h"
#include "test/unit/manager_rig.h"

static const char plain[] =
    "2026/11/20 10:31:47 wazuh-modulesd:syscollector: INFO: Module started.\n"
    "2026/11/20 10:31:48 wazuh-analysisd[123] analysisd.c:45 at main(): DEBUG: x: ERROR: y\n"
    " second line of it\n"
    "2026/11/20 10:31:49 rootcheck: WARNING: (1501): \xc3\xbc"
    "ber \"q\"\r\n"
    "2026/11/20 10:31:50 a:b[1: ERROR: c: INFO: d\n"
    "2026/11/20 10:31:51 wazuh-db: NOTICE: no\n"
    "2026/11/20 10:31:52 wazuh-db: CRITICAL:\n"
    "2026/11/20 10:31:53  wazuh-db: INFO: two blanks\n"
    "2026/11/20 10:31:54 x[a: INFO:[b: ERROR: last\n"
    "20261/11/20 10:31:54 x: INFO: no\n"
    "2026/13/20 10:31:54 x: INFO: no such month\n"
    "2026/02/29 10:31:54 x: INFO: no such day\n"
    "2026/11/20 10:31:55 wazuh-remoted: DEBUG: tab\tin\n"
    "2026/11/20 10:31:56 : INFO: no tag\n"
    "2026/11/20 10:31:57 [x]: INFO: bracket\n";
static const char json[] =
    "{\"timestamp\":\"2026/11/20 10:31:47\",\"tag\":\"wazuh-db\",\"level\":\"info\",\"description\":\"a "
    "\\u00fc\"}\n"
    "{\"timestamp\":\"2026/11/20 "
    "10:31:47\",\"tag\":\"ossec-rootcheck\",\"level\":\"ERROR\",\"description\":\"b\","
    "\"pid\":5}\n"
    "{\"timestamp\":\"2026/11/20 10:31:47\",\"tag\":\"x\",\"level\":\"info\"}\n"
    "nope\n[1]\n";

#define E(time, tag, level, text)                                                                            \
    "{\"timestamp\": \"2026-11-20T10:31:" time "Z\", \"tag\": \"" tag "\", \"level\": \"" level              \
    "\", \"description\": \"" text "\"}"
#define E1 E("47", "wazuh-modulesd:syscollector", "info", " Module started.")
#define E2 E("48", "wazuh-analysisd", "error", " y")
#define E3 E("49", "wazuh-rootcheck", "warning", " (1501): \\u00fcber \\\"q\\\"")
#define E4 E("50", "a:b[1", "error", " c: INFO: d")
#define E5 E("52", "wazuh-db", "critical", "")
#define E6 E("54", "x[a", "info", "[b: ERROR: last")
#define E7 E("55", "wazuh-remoted", "debug", " tab\\tin")
#define E8 E("57", "[x]", "info", " bracket")

static const char *ask(const char *kwargs) {
    return rig_ask(&api_log_functions, "wazuh.manager.ossec_log", kwargs, RIG_BLACK);
}

static const char *items(const char *kwargs) {
    return rig_items_of(ask(kwargs));
}

static void begin(void) {
    rig_open(NODE_WORKER);
    test_write_file("logs/ossec.log", plain, sizeof plain - 1);
}

TEST(every_entry) {
    begin();
    for (int i = 0; i < 2; i++) {
        rig_faults.short_io = i;
        const char *answer = ask("{}");
        CHECK_STR(rig_items_of(answer), E1 ", " E2 ", " E3 ", " E4 ", " E5 ", " E6 ", " E7 ", " E8);
        CHECK(strstr(answer,
                     "\"total_affected_items\": 8, \"total_failed_items\": 0, \"dikt\": {}, \"all_msg\": "
                     "\"Logs were successfully read in specified node\", \"some_msg\": \"Could not read "
                     "logs in some nodes\", \"none_msg\": \"Could not read logs in specified node\""));
    }
}

TEST(wishes) {
    begin();
    CHECK_STR(items("{\"level\": \"error\"}"), E2 ", " E4);
    CHECK_STR(items("{\"level\": \"info\", \"tag\": \"x[a\"}"), E6);
    CHECK_STR(items("{\"level\": \"info\", \"q\": \"\", \"tag\": null}"), E1 ", " E6 ", " E8);
    CHECK_STR(items("{\"q\": \"level=debug,level=critical\"}"), E5 ", " E7);
    CHECK_STR(items("{\"offset\": 1, \"limit\": 2, \"sort_by\": [\"timestamp\"], \"sort_ascending\": false, "
                    "\"search_text\": null, \"complementary_search\": null, \"search_in_fields\": null}"),
              E7 ", " E6);
    CHECK_STR(items("{\"search_text\": \"STARTED\"}"), E1);
    CHECK_STR(items("{\"search_text\": \"wazuh\", \"complementary_search\": true}"), E4 ", " E6 ", " E8);
    CHECK_STR(items("{\"search_text\": \"b\", \"search_in_fields\": [\"tag\"]}"), E4 ", " E5);
    CHECK_STR(
        items("{\"select\": [\"level\"], \"distinct\": true}"),
        "{\"level\": \"info\"}, {\"level\": \"error\"}, {\"level\": \"warning\"}, {\"level\": \"critical\"}, "
        "{\"level\": \"debug\"}");
    const char *answer = ask("{\"limit\": 3}");
    CHECK_STR(rig_items_of(answer), E1 ", " E2 ", " E3);
    CHECK(strstr(answer, "\"total_affected_items\": 8"));
}

TEST(wishes_that_are_refused) {
    static const struct {
        const char *kwargs, *code;
    } cases[] = {
        {"{\"select\": [\"x\"]}", "1724"}, {"{\"sort_by\": [\"x\"]}", "1403"}, {"{\"limit\": 0}", "1406"},
        {"{\"q\": \"level\"}", "1407"},    {"{\"level\": [1]}", "1000"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *code = rig_part(ask(cases[i].kwargs), "\"code\": ", ",");
        if (strcmp(code, cases[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s, want %s", cases[i].kwargs, code, cases[i].code);
    }
}

TEST(json_log) {
    rig_open(NODE_MASTER);
    test_write_file("logs/ossec.json", json, sizeof json - 1);
    CHECK_STR(items("{}"),
              E("47", "wazuh-db", "info", "a \\u00fc") ", " E("47", "wazuh-rootcheck", "error", "b"));
}

#define COUNT(tag, all, info, error, critical, warning, debug)                                               \
    "{\"" tag "\": {\"all\": " all ", \"info\": " info ", \"error\": " error ", \"critical\": " critical     \
    ", \"warning\": " warning ", \"debug\": " debug "}}"

TEST(summary) {
    begin();
    CHECK_STR(
        rig_items_of(rig_ask(&api_log_functions, "wazuh.manager.ossec_log_summary", "{}", RIG_BLACK)),
        COUNT("[x]", "1", "1", "0", "0", "0", "0") ", " COUNT(
            "a:b[1", "1", "0", "1", "0", "0",
            "0") ", " COUNT("wazuh-analysisd", "1", "0", "1", "0", "0",
                            "0") ", " COUNT("wazuh-db", "1", "0", "0", "1", "0",
                                            "0") ", " COUNT("wazuh-modulesd:syscollector", "1", "1", "0", "0",
                                                            "0",
                                                            "0") ", " COUNT("wazuh-remoted", "1", "0", "0",
                                                                            "0", "0",
                                                                            "1") ", " COUNT("wazuh-rootcheck",
                                                                                            "1", "0", "0",
                                                                                            "0", "1",
                                                                                            "0") ", " COUNT("x[a",
                                                                                                            "1",
                                                                                                            "1",
                                                                                                            "0",
                                                                                                            "0",
                                                                                                            "0",
                                                                                                            "0"));
}

/* The last 2,000 lines count, however long the file is, and with or without a line end at its end. */
TEST(the_last_lines) {
    enum { LINES = 5000 };
    char *text = test_keep(malloc(LINES * 80)), *at = text;
    rig_open(NODE_MASTER);
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "2026/11/20 10:31:47 t%d: INFO: line %d%s\n", i % 3, i, i % 7 ? "" : " longer");
    for (int end = 0; end < 2; end++) {
        test_write_file("logs/ossec.log", text, (size_t)(at - text) - (size_t)end);
        const char *answer = ask("{\"limit\": 1}");
        CHECK_STR(rig_items_of(answer), E("47", "t0", "info", " line 3000"));
        CHECK(strstr(answer, "\"total_affected_items\": 2000"));
        CHECK_STR(items("{\"limit\": 1, \"offset\": 1999}"), E("47", "t1", "info", " line 4999"));
        answer = rig_ask(&api_log_functions, "wazuh.manager.ossec_log_summary", "{}", RIG_BLACK);
        CHECK_STR(rig_items_of(answer), COUNT("t0", "667", "667", "0", "0", "0", "0") ", " COUNT(
                                            "t1", "667", "667", "0", "0", "0",
                                            "0") ", " COUNT("t2", "666", "666", "0", "0", "0", "0"));
    }
}

/* Too long a line is cut, and what does not end in sight is not read to its beginning. */
TEST(long_lines) {
    enum { LONG = 200000 };
    char *text = test_keep(malloc(LONG + 200));
    rig_open(NODE_MASTER);
    int n = sprintf(text, "2026/11/20 10:31:47 wazuh-db: INFO: ");
    memset(text + n, 'x', LONG);
    int end = n + LONG + sprintf(text + n + LONG, "\n2026/11/20 10:31:48 wazuh-db: INFO: y\n");
    test_write_file("logs/ossec.log", text, (size_t)end);
    const char *answer = items("{}");
    CHECK(strncmp(answer, "{\"timestamp\": \"2026-11-20T10:31:47Z\", \"tag\": \"wazuh-db\", ", 57) == 0);
    CHECK(strstr(answer, "xx\"}, " E("48", "wazuh-db", "info", " y")));
    memset(text + n, '\x7f', LONG); /* six bytes of JSON each */
    test_write_file("logs/ossec.log", text, (size_t)end);
    CHECK(strstr(items("{}"), E("48", "wazuh-db", "info", " y")));
}

TEST(bad_bytes) {
    static const char text[] = "2026/11/20 10:31:47 wazuh-db: INFO: a\xff\xc3z\n";
    rig_open(NODE_MASTER);
    test_write_file("logs/ossec.log", text, sizeof text - 1);
    CHECK_STR(items("{}"), E("47", "wazuh-db", "info", " az"));
    test_write_file("logs/ossec.log", "", 0);
    CHECK_STR(items("{}"), "");
}

TEST(no_log) {
    rig_open(NODE_MASTER);
    CHECK_STR(rig_part(ask("{}"), "\"code\": ", ", \"extra_remediation\""), "1020, \"extra_message\": null");
    test_write_file("logs/ossec.log/x", "", 0);
    CHECK(strstr(ask("{}"), "\"code\": 1000, \"extra_message\": \"logs/ossec.log: "));
}

TEST(faults) {
    begin();
    for (uint64_t n = 1; n < 20; n++) {
        rig_faults.calls = 0;
        rig_faults.fail_at = n;
        rig_faults.os = EIO;
        const char *answer = ask("{}");
        CHECK(strstr(answer, "\"__wazuh_result__\"") || strstr(answer, "\"code\": 1000"));
        CHECK_INT(rig_windows->used, 0);
    }
    rig_faults.fail_at = 0;
}

TEST(cancelled) {
    begin();
    for (unsigned turns = 0; turns < 4; turns++) {
        rig_begin(&api_log_functions, "wazuh.manager.ossec_log", "{}", RIG_BLACK);
        for (unsigned i = 0; i < turns && !rig_ended; i++)
            loop_turn(&rig_loop, 0);
        api_call_fini(&rig_call);
        blob_reset(&rig_body);
        blob_reset(&rig_out);
        CHECK_INT(rig_windows->used, 0);
    }
}
