/* test_options.c - command lines, in picket's form and in wazuh-clusterd's. */
#include "app/options.h"
#include "test/harness/harness.h"

#include <stdio.h>

static struct options o;
static struct error e;

/* Words divided by single blanks; the error code. */
static enum err parse(const char *line) {
    static char copy[256];
    static char *argv[32];
    int argc = 0;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_parse(&o, argc, argv, &e);
}

TEST(options_clusterd) {
    CHECK(!parse("/var/ossec/bin/wazuh-clusterd"));
    CHECK(o.as_clusterd && o.command == COMMAND_RUN);
    CHECK(!o.foreground && !o.debug && !o.stay_root && !o.test && !o.config_file);
    CHECK_STR(o.root, "/var/ossec");
    CHECK(!parse("wazuh-clusterd -f -d -d -r -t -c /x --root /y"));
    CHECK(o.foreground && o.stay_root && o.test);
    CHECK_INT(o.debug, 2);
    CHECK_STR(o.config_file, "/x");
    CHECK_STR(o.root, "/y");
    CHECK(!parse("wazuh-clusterd -fddd -c/x -rt --root=/y"));
    CHECK(o.foreground && o.stay_root && o.test);
    CHECK_INT(o.debug, 2);
    CHECK_STR(o.config_file, "/x");
    CHECK(!parse("wazuh-clusterd -fV"));
    CHECK(o.command == COMMAND_VERSION);
    CHECK(!parse("wazuh-clusterd -h --bogus"));
    CHECK(o.command == COMMAND_HELP);
}

/* argparse: "unrecognized arguments", "expected one argument". */
TEST(options_clusterd_refused) {
    static const char *const bad[] = {"-x", "-fx", "--bogus", "word", "-j", "-f-", "--rootx", "--root="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64], want[96];
        snprintf(line, sizeof line, "wazuh-clusterd %s", bad[i]);
        snprintf(want, sizeof want, "unrecognized arguments: %s", bad[i]);
        CHECK_INT(parse(line), E_VALUE);
        CHECK_STR(e.what, want);
        CHECK(o.as_clusterd);
    }
    CHECK_INT(parse("wazuh-clusterd -c"), E_VALUE);
    CHECK_STR(e.what, "argument -c: expected one argument");
    CHECK_INT(parse("wazuh-clusterd --root"), E_VALUE);
}

TEST(options_picket) {
    CHECK(!parse("picket"));
    CHECK(o.command == COMMAND_HELP && !o.topic);
    CHECK(!parse("./picket run -f"));
    CHECK(o.command == COMMAND_RUN && o.foreground && !o.as_clusterd);
    CHECK(!parse("picket status -j --root /r"));
    CHECK(o.command == COMMAND_STATUS && o.json);
    CHECK_STR(o.root, "/r");
    CHECK(!parse("picket check-config -c f"));
    CHECK(o.command == COMMAND_CHECK_CONFIG);
    CHECK_STR(o.config_file, "f");
    CHECK(!parse("picket version") && o.command == COMMAND_VERSION);
    CHECK(!parse("picket -V") && o.command == COMMAND_VERSION);
    CHECK(!parse("picket --help") && o.command == COMMAND_HELP);
    CHECK(!parse("picket help config"));
    CHECK(o.command == COMMAND_HELP);
    CHECK_STR(o.topic, "config");
    CHECK(!parse("picket status -h"));
    CHECK(o.command == COMMAND_HELP);
    CHECK_STR(o.topic, "status");
}

TEST(options_picket_refused) {
    CHECK_INT(parse("picket fly"), E_VALUE);
    CHECK_STR(e.what, "there is no command 'fly'");
    CHECK_INT(parse("picket -f"), E_VALUE);
    CHECK_INT(parse("picket status -f"), E_VALUE);
    CHECK_INT(parse("picket run now"), E_VALUE);
    CHECK_INT(parse("picket help a b"), E_VALUE);
}

TEST(options_agents) {
    CHECK(!parse("picket agents"));
    CHECK(o.command == COMMAND_AGENTS && o.action == AGENTS_LIST && !o.words && !o.json);
    CHECK(!parse("picket agents --status active --name=web* --group g --root /r --json"));
    CHECK(o.action == AGENTS_LIST && o.json);
    CHECK_STR(o.agents[AGENTS_STATUS], "active");
    CHECK_STR(o.agents[AGENTS_NAME], "web*");
    CHECK_STR(o.agents[AGENTS_OF_GROUP], "g");
    CHECK(!o.agents[AGENTS_IP] && !o.agents[AGENTS_ID]);
    CHECK_STR(o.root, "/r");
    CHECK(!parse("picket agents --root /r add web-1 --ip 10.0.0.1 --id 7 --key"));
    CHECK(o.action == AGENTS_ADD && o.key && o.words == 1);
    CHECK_STR(o.word[0], "web-1");
    CHECK_STR(o.agents[AGENTS_IP], "10.0.0.1");
    CHECK_STR(o.agents[AGENTS_ID], "7");
    CHECK(!parse("picket agents remove 007 -j") && o.action == AGENTS_REMOVE && o.json);
    CHECK(!parse("picket agents group 7 --remove web") && o.action == AGENTS_GROUP && o.group_remove);
    CHECK_STR(o.word[0], "7");
    CHECK_STR(o.word[1], "web");
    CHECK(!parse("picket agents -h") && o.command == COMMAND_HELP);
    CHECK_STR(o.topic, "agents");
}

TEST(options_agents_refused) {
    static const char *const bad[] = {"agents fly",
                                      "agents list x",
                                      "agents add",
                                      "agents add a b",
                                      "agents remove",
                                      "agents group 1",
                                      "agents group 1 a b",
                                      "agents group 1 a --add --remove",
                                      "agents --key",
                                      "agents remove 1 --key",
                                      "agents list --add",
                                      "agents add a --status active",
                                      "agents remove 1 --id 2",
                                      "agents --name",
                                      "agents --nosuch x",
                                      "agents --x=y",
                                      "agents --json=1",
                                      "agents --"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "picket %s", bad[i]);
        if (parse(line) != E_VALUE)
            test_fail(__FILE__, __LINE__, "%s is taken", line);
    }
    CHECK_INT(parse("picket agents add"), E_VALUE);
    CHECK_STR(e.what, "usage: picket agents add NAME [--ip ADDRESS] [--id ID] [--key]");
}

TEST(options_reading) {
    CHECK(!parse("picket status --json --watch") && o.json);
    CHECK_INT(o.watch_ms, 2000);
    CHECK(!parse("picket nodes --watch 5 -j") && o.json && o.command == COMMAND_NODES);
    CHECK_INT(o.watch_ms, 5000);
    CHECK(!parse("picket health -q --watch=0.5") && o.quiet);
    CHECK_INT(o.watch_ms, 500);
    CHECK(!parse("picket files --dry-run") && o.dry_run && o.command == COMMAND_FILES);
    CHECK(!parse("picket wait-sync --timeout 90 --quiet") && o.quiet);
    CHECK_INT(o.timeout_s, 90);
    CHECK(!parse("picket log -fn3 --level=error") && o.follow);
    CHECK_INT(o.lines, 3);
    CHECK_STR(o.level, "error");
    CHECK(!parse("picket log"));
    CHECK_INT(o.lines, 20);
    CHECK(!parse("picket check -w 1,90 -c5"));
    CHECK_STR(o.warning, "1,90");
    CHECK_STR(o.critical, "5");
    CHECK(!parse("picket check-config -c f"));
    CHECK_STR(o.config_file, "f");
}

TEST(options_api) {
    CHECK(!parse(
        "picket api wazuh.manager.get_status a=1 --node w1 --node=w2 b=c --agents 001,002 --type local_any"));
    CHECK_INT(o.words, 3);
    CHECK_STR(o.word[0], "wazuh.manager.get_status");
    CHECK_STR(o.word[2], "b=c");
    CHECK_INT(o.nodes, 2);
    CHECK_STR(o.node[1], "w2");
    CHECK_STR(o.ids, "001,002");
    CHECK_STR(o.type, "local_any");
    CHECK(!parse("picket api --list -j") && o.list && o.json);
    CHECK(!parse("picket send-file a/b w1") && o.words == 2);
}

TEST(options_reading_refused) {
    static const char *const bad[] = {"status -q",        "status --dry-run",    "nodes --watch=x",
                                      "nodes --watch 0",  "nodes --watch=",      "nodes now",
                                      "health --quiet=1", "wait-sync --timeout", "log -n x",
                                      "log -n",           "log -l error",        "api",
                                      "api --list f",     "api -N w1 f",         "send-file a",
                                      "send-file a b c",  "check --json",        "run --json",
                                      "hash --timeout 3", "status -W",           "check-config --critical x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "picket %s", bad[i]);
        if (parse(line) != E_VALUE)
            test_fail(__FILE__, __LINE__, "%s is taken", line);
    }
}

TEST(options_cluster_control) {
    CHECK(!parse("/var/ossec/bin/cluster_control -l"));
    CHECK(o.command == COMMAND_CONTROL);
    CHECK_INT(o.argc, 2);
    CHECK_STR(o.argv[1], "-l");
}

TEST(options_no_name) {
    char *const none[] = {NULL};
    CHECK(!options_parse(&o, 0, none, &e));
    CHECK(o.command == COMMAND_HELP);
}
