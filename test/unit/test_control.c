/* test_control.c - cluster_control: its command line as Python's argparse takes it, and its health texts,
 * which are those recorded from 4.14.7 (reference, transcripts of the local socket). */
#include "app/control.h"
#include "app/scratch.h"
#include "base/text.h"
#include "test/harness/harness.h"

#include <stdio.h>

static struct control_options c;
static struct error e;

/* Words divided by '|'. */
static enum err parse(const char *line) {
    static char copy[512];
    static char *argv[64];
    int argc = 1;
    argv[0] = (char *)(uintptr_t) "cluster_control";
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"))
        argv[argc++] = word;
    argv[argc] = NULL;
    return control_parse(&c, argc, argv, &e);
}

TEST(control_actions) {
    static const struct {
        const char *line;
        enum control_action action;
    } cases[] = {{"", CONTROL_NONE},
                 {"-l", CONTROL_NODES},
                 {"--list-nodes", CONTROL_NODES},
                 {"--list-n", CONTROL_NODES},
                 {"-a", CONTROL_AGENTS},
                 {"-i", CONTROL_HEALTH},
                 {"-u", CONTROL_USAGE},
                 {"-d|-l", CONTROL_NODES},
                 {"-dl", CONTROL_NODES},
                 {"-h|-x|-l|-a", CONTROL_HELP},
                 {"--he=more", CONTROL_NONE},
                 {"-l|-l", CONTROL_NODES}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum err err = parse(cases[i].line);
        if (i == 10) { /* --help and --health both begin so */
            CHECK_INT(err, E_VALUE);
            CHECK_STR(e.what, "ambiguous option: --he=more could match --help, --health");
            continue;
        }
        if (err || c.action != cases[i].action)
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].line, (int)c.action, err ? e.what : "");
    }
}

TEST(control_words) {
    CHECK(!parse("-i|more|-fn|w1|w2"));
    CHECK_STR(c.health, "more");
    CHECK_INT(c.nodes, 2);
    CHECK_STR(c.node[1], "w2");
    CHECK(!parse("-imore") && c.action == CONTROL_HEALTH);
    CHECK_STR(c.health, "more");
    CHECK(!parse("-i=more") && c.health && !strcmp(c.health, "more"));
    CHECK(!parse("--health=more") && c.health && !strcmp(c.health, "more"));
    CHECK(!parse("-i|-fn") && !c.health && c.has_nodes && !c.nodes);
    CHECK(!parse("-a|-fn=w1|-fs|active|disconnected"));
    CHECK_INT(c.nodes, 1);
    CHECK_INT(c.statuses, 2);
    CHECK(!parse("-fn|a|-l|-fn|b|c")); /* the last counts */
    CHECK_INT(c.nodes, 2);
    CHECK_STR(c.node[0], "b");
    CHECK(!parse("--root|/r|-l") && c.root && !strcmp(c.root, "/r"));
}

/* Each as Python 3.11's argparse says it. */
TEST(control_refused) {
    static const struct {
        const char *line, *what;
    } cases[] = {
        {"-x", "unrecognized arguments: -x"},
        {"-l|foo|bar", "unrecognized arguments: foo bar"},
        {"-l|-", "unrecognized arguments: -"},
        {"-5", "unrecognized arguments: -5"},
        {"-i|--|more", "unrecognized arguments: -- more"},
        {"-l|-a", "argument -a/--list-agents: not allowed with argument -l/--list-nodes"},
        {"-u|-i", "argument -i/--health: not allowed with argument -u/--usage"},
        {"-la", "argument -a/--list-agents: not allowed with argument -l/--list-nodes"},
        {"-lx", "argument -l/--list-nodes: ignored explicit argument 'x'"},
        {"--list-nodes=3", "argument -l/--list-nodes: ignored explicit argument '3'"},
        {"--list", "ambiguous option: --list could match --list-agents, --list-nodes"},
        {"-f|x", "ambiguous option: -f could match -fn, -fs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(parse(cases[i].line), E_VALUE);
        CHECK_STR(e.what, cases[i].what);
    }
}

static const char health[] =
    "{\"n_connected_nodes\": 1, \"nodes\": {\"worker1\": {\"info\": {\"name\": \"worker1\", \"type\": "
    "\"worker\", "
    "\"version\": \"4.14.7\", \"ip\": \"127.0.0.1\", \"n_active_agents\": 0}, \"status\": "
    "{\"sync_integrity_free\": "
    "true, \"last_check_integrity\": {\"date_start_master\": \"2026-11-20T10:31:47.543037Z\", "
    "\"date_end_master\": "
    "\"2026-11-20T10:31:47.546878Z\"}, \"last_sync_integrity\": {\"date_start_master\": "
    "\"2026-11-20T10:31:35.514795Z\", \"date_end_master\": \"2026-11-20T10:31:35.521804Z\", \"total_files\": "
    "{\"missing\": 18, \"shared\": 1, \"extra\": 0}}, \"sync_agent_info_free\": true, "
    "\"last_sync_agentinfo\": "
    "{\"date_start_master\": \"n/a\", \"date_end_master\": \"n/a\", \"n_synced_chunks\": 0}, "
    "\"last_sync_agentgroup\": {\"date_start\": \"2026-11-20T10:31:47.237976Z\", \"date_end\": \"n/a\", "
    "\"n_synced_chunks\": 0}, \"last_sync_full_agentgroup\": {\"date_start\": "
    "\"2026-11-20T10:31:44.238235Z\", "
    "\"date_end\": \"2026-11-20T10:31:44.241527Z\", \"n_synced_chunks\": 1}, \"last_keep_alive\": "
    "\"2026-11-20T10:31:44.508408Z\"}}, \"master-node\": {\"info\": {\"name\": \"master-node\", \"type\": "
    "\"master\", "
    "\"version\": \"4.14.7\", \"ip\": \"127.0.0.1\", \"n_active_agents\": 0}}}}";

static char out[4096];

static const char *show(void (*make)(struct text *out, const struct json_doc *d, size_t name, size_t node),
                        const char *node) {
    static struct json_doc d;
    struct text t;
    CHECK_INT(json_parse(&d, health, sizeof health - 1, scratch()->tokens, SCRATCH_TOKENS, &e), E_OK);
    size_t nodes = json_find(&d, 0, "nodes"), value = json_find(&d, nodes, node);
    text_init(&t, out, sizeof out);
    make(&t, &d, value - 1, value);
    CHECK(!t.cut);
    return out;
}

TEST(control_health) {
    CHECK_STR(show(control_health_brief, "worker1"),
              "    worker1 (127.0.0.1): Integrity check: 2026-11-20T10:31:47.546878Z | Integrity sync: "
              "2026-11-20T10:31:35.521804Z | Agents-info: n/a | Agent-groups: n/a | Agent-groups full: "
              "2026-11-20T10:31:44.241527Z | Last keep alive: 2026-11-20T10:31:44.508408Z.\n");
    CHECK_STR(show(control_health_brief, "master-node"), "");
    CHECK_STR(show(control_health_more, "master-node"), "\n    master-node (127.0.0.1)\n"
                                                        "        Version: 4.14.7\n"
                                                        "        Type: master\n"
                                                        "        Active agents: 0\n");
    CHECK_STR(show(control_health_more, "worker1"),
              "\n    worker1 (127.0.0.1)\n"
              "        Version: 4.14.7\n"
              "        Type: worker\n"
              "        Active agents: 0\n"
              "        Status:\n"
              "            Last keep Alive:\n"
              "                Last received: 2026-11-20T10:31:44.508408Z.\n"
              "            Integrity check:\n"
              "                Last integrity check: 0.004s (2026-11-20T10:31:47.543037Z - "
              "2026-11-20T10:31:47.546878Z).\n"
              "                Permission to check integrity: True.\n"
              "            Integrity sync:\n"
              "                Last integrity synchronization: 0.007s (2026-11-20T10:31:35.514795Z - "
              "2026-11-20T10:31:35.521804Z).\n"
              "                Synchronized files: Shared: 1 | Missing: 18 | Extra: 0.\n"
              "            Agents-info:\n"
              "                Last synchronization: n/a (n/a - n/a).\n"
              "                Number of synchronized chunks: 0.\n"
              "                Permission to synchronize agent-info: True.\n"
              "            Agents-groups:\n"
              "                Last synchronization: n/a (2026-11-20T10:31:47.237976Z - n/a).\n"
              "                Number of synchronized chunks: 0.\n"
              "            Agents-groups full:\n"
              "                Last synchronization: 0.003s (2026-11-20T10:31:44.238235Z - "
              "2026-11-20T10:31:44.241527Z).\n"
              "                Number of synchronized chunks: 1.\n");
}

/* What Python's f"{round(seconds, 3)}s" gives: ties go by the double. */
TEST(control_seconds) {
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.000499Z", "0.001s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.000500Z", "0.001s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.001500Z", "0.002s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.002500Z", "0.003s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.004500Z", "0.004s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.062500Z", "0.062s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:47.187500Z", "0.188s"},
        {"2026-11-20T10:31:47.000000Z", "2026-11-20T10:31:49.000000Z", "2.0s"},
        {"2026-11-20T10:31:47.5Z", "2026-11-20T10:31:48.62Z", "1.12s"},
        {"2026-11-20T23:59:59.900000Z", "2026-11-21T00:00:00.000000Z", "0.1s"},
        {"2028-02-28T23:59:59.900000Z", "2028-03-01T00:00:00.000000Z", "86400.1s"},
        {"2026-11-20T10:31:48.000000Z", "2026-11-20T10:31:47.000000Z", "0.001s"},
        {"n/a", "2026-11-20T10:31:47.000000Z", "n/a"},
        {"2026-11-20T10:31:47.000000Z", "n/a", "n/a"},
        {"2026-11-20 10:31:47.000000Z", "2026-11-20T10:31:47.000000Z", "n/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[32];
        struct text t;
        text_init(&t, buf, sizeof buf);
        control_seconds(&t, cases[i].from, cases[i].to);
        CHECK_STR(buf, cases[i].words);
    }
}
