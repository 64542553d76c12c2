/* test_api_manager.c - wazuh.manager.get_status, get_basic_info, restart and validation, and
 * wazuh.analysis.reload_ruleset. Shapes, messages and errors are those of manager.py, core/manager.py,
 * core/cluster/utils.py and core/analysis.py of 4.14.7; daemons are played by sockets of the case. */
#include "role/ruleset_reload.h"
#include "test/unit/manager_rig.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *ask(const char *function) {
    return rig_ask(&api_manager_functions, function, "{}", RIG_BLACK);
}

static void begin_ask(const char *function) {
    rig_begin(&api_manager_functions, function, "{}", RIG_BLACK);
}

/* ---- status and information ---- */

#define DAEMONS(analysisd, clusterd)                                                                         \
    "{\"wazuh-agentlessd\": \"stopped\", \"wazuh-analysisd\": \"" analysisd                                  \
    "\", \"wazuh-authd\": \"stopped\", \"wazuh-csyslogd\": \"stopped\", \"wazuh-monitord\": \"stopped\", "   \
    "\"wazuh-execd\": \"stopped\", \"wazuh-integratord\": \"stopped\", \"wazuh-logcollector\": "             \
    "\"stopped\", "                                                                                          \
    "\"wazuh-maild\": \"stopped\", \"wazuh-remoted\": \"stopped\", \"wazuh-reportd\": \"stopped\", "         \
    "\"wazuh-syscheckd\": \"stopped\", \"wazuh-clusterd\": \"" clusterd                                      \
    "\", \"wazuh-modulesd\": \"stopped\", \"wazuh-db\": \"stopped\", \"wazuh-apid\": \"stopped\"}"

TEST(status) {
    char name[80];
    rig_open(NODE_WORKER);
    snprintf(name, sizeof name, "var/run/wazuh-clusterd-%d.pid", (int)getpid());
    test_write_file(name, "", 0);
    test_write_file("var/run/wazuh-analysisd.failed", "", 0);
    CHECK_STR(rig_items_of(ask("wazuh.manager.get_status")), DAEMONS("failed", "running"));
    CHECK_STR(ask("wazuh.core.manager.status"),
              RIG_OBJECT("WazuhResult", "\"str_priority\": null, \"result\": " DAEMONS("failed", "running")));
}

static const char *info(const char *reply) {
    begin_ask("wazuh.manager.get_basic_info");
    FAKE_STORE_LOG(&rig_store, "TEXT global sql SELECT value FROM info WHERE key = 'openssl_support'\n");
    if (reply)
        fake_store_answer(&rig_store, STORE_TEXT, FAKE(.reply = reply));
    else
        fake_store_answer(&rig_store, STORE_TEXT, FAKE(.err = E_CLOSED));
    return rig_items_of(rig_end());
}

static void check_info(const char *reply, const char *openssl, const char *uuid) {
    char want[600], offset[8], name[40];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(offset, sizeof offset, "%z", &tm);
    strftime(name, sizeof name, "%Z", &tm);
    snprintf(
        want, sizeof want,
        "{\"path\": \"%s\", \"version\": \"v4.14.7\", \"type\": \"server\", \"max_agents\": \"unlimited\", "
        "\"openssl_support\": \"%s\", \"tz_offset\": \"%s\", \"tz_name\": \"%s\", \"uuid\": %s}",
        rig_root_path, openssl, offset, name, uuid);
    CHECK_STR(info(reply), want);
}

#define UID_FILE "api/configuration/security/installation_uid"

TEST(basic_info) {
    setenv("TZ", "XYZ+3:30", 1); /* 3 hours and a half behind */
    tzset();
    rig_open(NODE_MASTER);
    test_write_file(UID_FILE, "3f2a6c1e-0000-4000-8000-000000000000\n", 37);
    check_info("ok [{\"value\": \"yes\"}]", "yes", "\"3f2a6c1e-0000-4000-8000-000000000000\"");
    check_info("ok []", "N/A", "\"3f2a6c1e-0000-4000-8000-000000000000\"");
    check_info("err no such table: info", "N/A", "\"3f2a6c1e-0000-4000-8000-000000000000\"");
    check_info(NULL, "N/A", "\"3f2a6c1e-0000-4000-8000-000000000000\"");
    rig_config.type = NODE_WORKER;
    check_info("ok [{\"value\": \"no\"}]", "no", "null");
}

TEST(number_is_made_once) {
    rig_open(NODE_MASTER);
    CHECK(strstr(info("ok []"), "\"uuid\": null")); /* no folder for it */
    test_write_file("api/configuration/security/x", "", 0);
    char first[40], *text;
    snprintf(first, sizeof first, "%s", rig_part(info("ok []"), "\"uuid\": \"", "\""));
    size_t n;
    CHECK((text = test_read_file(UID_FILE, &n)) != NULL);
    CHECK_INT(n, 36);
    CHECK_STR(text, first);
    CHECK(text[14] == '4' && strchr("89ab", text[19]) && text[8] == '-' && text[13] == '-' &&
          text[18] == '-' && text[23] == '-');
    CHECK_STR(rig_part(info("ok []"), "\"uuid\": \"", "\""), first);
    rig_faults.fail_at = rig_faults.calls + 1;
    rig_faults.os = EIO;
    rig_faults.fail_on = true;
    CHECK(strstr(info("ok []"), "\"uuid\": null"));
}

TEST(info_is_cancelled) {
    rig_open(NODE_MASTER);
    begin_ask("wazuh.manager.get_basic_info");
    api_call_fini(&rig_call);
    CHECK_INT(rig_store.cancelled, 1);
    blob_reset(&rig_body);
}

/* ---- restart ---- */

static int door(const char *relative, int type) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    test_write_file("queue/alerts/x", "", 0);
    test_write_file("queue/sockets/x", "", 0);
    CHECK(snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", rig_root_path, relative) < (int)sizeof a.sun_path);
    unlink(a.sun_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(type == SOCK_DGRAM || listen(fd, 4) == 0);
    return fd;
}

static const char *code_of(const char *answer) {
    return rig_part(answer, "\"code\": ", ", \"extra_remediation\"");
}

TEST(restart_by_execd) {
    char text[300];
    rig_open(NODE_WORKER);
    CHECK_STR(code_of(ask("wazuh.manager.restart")), "1901, \"extra_message\": null");
    int fd = door("queue/alerts/execq", SOCK_DGRAM);
    const char *answer = ask("wazuh.manager.restart");
    CHECK_STR(rig_items_of(answer), "\"node01\"");
    CHECK(strstr(answer, "\"sort_casting\": [\"str\"]") &&
          strstr(answer, "\"all_msg\": \"Restart request sent to all specified nodes\""));
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = 0;
    CHECK_STR(text, "{\"version\": 1, \"origin\": {\"module\": \"API\"}, \"command\": \"restart-wazuh\", "
                    "\"parameters\": {\"extra_args\": [], \"alert\": {}}}");
    close(fd);
    CHECK_STR(code_of(ask("wazuh.manager.restart")), "1902, \"extra_message\": null");
}

static void command(const char *text) {
    char path[300];
    test_write_file("restart.sh", text, strlen(text));
    snprintf(path, sizeof path, "%s/restart.sh", rig_root_path);
    CHECK(chmod(path, 0755) == 0);
    CHECK(snprintf(rig_config.restart_command, sizeof rig_config.restart_command, "%s", path) < 256);
}

static const char *run_command(void) {
    begin_ask("wazuh.manager.restart");
    while (!rig_ended)
        loop_turn(&rig_loop, 1000);
    return rig_end();
}

TEST(restart_by_command) {
    rig_open(NODE_MASTER);
    command("#!/bin/sh\necho done >ran\n");
    CHECK_STR(rig_items_of(run_command()), "\"node01\"");
    CHECK_STR(test_read_file("ran", NULL), "done\n");
    command("#!/bin/sh\necho 'no way' >&2\nexit 3\n");
    CHECK_STR(code_of(run_command()),
              "1000, \"extra_message\": \"restart_command ended with status 3: no way\"");
    strcpy(rig_config.restart_command, "/nonexistent/program");
    CHECK(strstr(run_command(), "\"restart_command ended with status 127: "));
    command("#!/bin/sh\nsleep 60\n");
    begin_ask("wazuh.manager.restart");
    loop_turn(&rig_loop, 100);
    CHECK(!rig_ended);
    api_call_fini(&rig_call); /* and it is killed */
    blob_reset(&rig_body);
}

/* ---- get_api_config ---- */

/* What api/configuration.py of 4.14.7 reads; <root> stands for the root. */
static const struct {
    const char *text, *want;
} api_confs[] = {
    {"", "{\"host\": [\"0.0.0.0\", \"::\"], \"port\": 55000, \"drop_privileges\": true, \"experimental"
         "_features\": false, \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"interv"
         "als\": {\"request_timeout\": 10}, \"https\": {\"enabled\": true, \"key\": \"<root>/api/confi"
         "guration/ssl/server.key\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_ca\""
         ": false, \"ca\": \"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"auto\", \"ssl_"
         "ciphers\": \"\"}, \"logs\": {\"level\": \"info\", \"format\": \"plain\", \"max_size\": {\"en"
         "abled\": false, \"size\": \"1M\"}}, \"cors\": {\"enabled\": false, \"source_route\": \"*\", "
         "\"expose_headers\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, \"access"
         "\": {\"max_login_attempts\": 50, \"block_time\": 300, \"max_request_per_minute\": 300}, \"up"
         "load_configuration\": {\"remote_commands\": {\"localfile\": {\"allow\": true, \"exceptions\""
         ": []}, \"wodle_command\": {\"allow\": true, \"exceptions\": []}}, \"limits\": {\"eps\": {\"a"
         "llow\": true}}, \"agents\": {\"allow_higher_versions\": {\"allow\": true}}, \"indexer\": {\""
         "allow\": true}, \"integrations\": {\"virustotal\": {\"public_key\": {\"allow\": true, \"mini"
         "mum_quota\": 240}}}}}"},
    {"# only\n"
     "\n"
     "---\n",
     "{\"host\": [\"0.0.0.0\", \"::\"], \"port\": 55000, \"drop_privileges\": true, \"experimental"
     "_features\": false, \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"interv"
     "als\": {\"request_timeout\": 10}, \"https\": {\"enabled\": true, \"key\": \"<root>/api/confi"
     "guration/ssl/server.key\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_ca\""
     ": false, \"ca\": \"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"auto\", \"ssl_"
     "ciphers\": \"\"}, \"logs\": {\"level\": \"info\", \"format\": \"plain\", \"max_size\": {\"en"
     "abled\": false, \"size\": \"1M\"}}, \"cors\": {\"enabled\": false, \"source_route\": \"*\", "
     "\"expose_headers\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, \"access"
     "\": {\"max_login_attempts\": 50, \"block_time\": 300, \"max_request_per_minute\": 300}, \"up"
     "load_configuration\": {\"remote_commands\": {\"localfile\": {\"allow\": true, \"exceptions\""
     ": []}, \"wodle_command\": {\"allow\": true, \"exceptions\": []}}, \"limits\": {\"eps\": {\"a"
     "llow\": true}}, \"agents\": {\"allow_higher_versions\": {\"allow\": true}}, \"indexer\": {\""
     "allow\": true}, \"integrations\": {\"virustotal\": {\"public_key\": {\"allow\": true, \"mini"
     "mum_quota\": 240}}}}}"},
    {"host: ['127.0.0.1', \"::1\"]\n"
     "port: 55001\n",
     "{\"host\": [\"127.0.0.1\", \"::1\"], \"port\": 55001, \"drop_privileges\": true, \"experimen"
     "tal_features\": false, \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"int"
     "ervals\": {\"request_timeout\": 10}, \"https\": {\"enabled\": true, \"key\": \"<root>/api/co"
     "nfiguration/ssl/server.key\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_c"
     "a\": false, \"ca\": \"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"auto\", \"s"
     "sl_ciphers\": \"\"}, \"logs\": {\"level\": \"info\", \"format\": \"plain\", \"max_size\": {"
     "\"enabled\": false, \"size\": \"1M\"}}, \"cors\": {\"enabled\": false, \"source_route\": \"*"
     "\", \"expose_headers\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, \"ac"
     "cess\": {\"max_login_attempts\": 50, \"block_time\": 300, \"max_request_per_minute\": 300}, "
     "\"upload_configuration\": {\"remote_commands\": {\"localfile\": {\"allow\": true, \"exceptio"
     "ns\": []}, \"wodle_command\": {\"allow\": true, \"exceptions\": []}}, \"limits\": {\"eps\": "
     "{\"allow\": true}}, \"agents\": {\"allow_higher_versions\": {\"allow\": true}}, \"indexer\":"
     " {\"allow\": true}, \"integrations\": {\"virustotal\": {\"public_key\": {\"allow\": true, \""
     "minimum_quota\": 240}}}}}"},
    {"https:\n"
     " enabled: no\n"
     " key: \"Server.KEY\"\n"
     " ssl_protocol: \"TLSv1.2\"\n"
     "logs:\n"
     "  level: DEBUG # loud\n"
     "  max_size:\n"
     "    enabled: yes\n"
     "    size: 5M\n"
     "access:\n"
     "  block_time: 12\n",
     "{\"host\": [\"0.0.0.0\", \"::\"], \"port\": 55000, \"drop_privileges\": true, \"experimental"
     "_features\": false, \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"interv"
     "als\": {\"request_timeout\": 10}, \"https\": {\"enabled\": false, \"key\": \"<root>/api/conf"
     "iguration/ssl/Server.KEY\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_ca"
     "\": false, \"ca\": \"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"tlsv1.2\", "
     "\"ssl_ciphers\": \"\"}, \"logs\": {\"level\": \"debug\", \"format\": \"plain\", \"max_size\""
     ": {\"enabled\": true, \"size\": \"5m\"}}, \"cors\": {\"enabled\": false, \"source_route\": "
     "\"*\", \"expose_headers\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, "
     "\"access\": {\"max_login_attempts\": 50, \"block_time\": 12, \"max_request_per_minute\": 300"
     "}, \"upload_configuration\": {\"remote_commands\": {\"localfile\": {\"allow\": true, \"excep"
     "tions\": []}, \"wodle_command\": {\"allow\": true, \"exceptions\": []}}, \"limits\": {\"eps"
     "\": {\"allow\": true}}, \"agents\": {\"allow_higher_versions\": {\"allow\": true}}, \"indexe"
     "r\": {\"allow\": true}, \"integrations\": {\"virustotal\": {\"public_key\": {\"allow\": true"
     ", \"minimum_quota\": 240}}}}}"},
    {"upload_configuration:\n"
     "  remote_commands:\n"
     "    localfile:\n"
     "      allow: no\n"
     "      exceptions:\n"
     "      - Ls -l\n"
     "      - 'df'\n"
     "  agents:\n"
     "    allow_higher_versions:\n"
     "      allow: 'no'\n"
     "port: 1\n",
     "{\"host\": [\"0.0.0.0\", \"::\"], \"port\": 1, \"drop_privileges\": true, \"experimental_fea"
     "tures\": false, \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"intervals"
     "\": {\"request_timeout\": 10}, \"https\": {\"enabled\": true, \"key\": \"<root>/api/configur"
     "ation/ssl/server.key\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_ca\": f"
     "alse, \"ca\": \"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"auto\", \"ssl_cip"
     "hers\": \"\"}, \"logs\": {\"level\": \"info\", \"format\": \"plain\", \"max_size\": {\"enabl"
     "ed\": false, \"size\": \"1M\"}}, \"cors\": {\"enabled\": false, \"source_route\": \"*\", \"e"
     "xpose_headers\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, \"access\":"
     " {\"max_login_attempts\": 50, \"block_time\": 300, \"max_request_per_minute\": 300}, \"uploa"
     "d_configuration\": {\"remote_commands\": {\"localfile\": {\"allow\": false, \"exceptions\": "
     "[\"Ls -l\", \"df\"]}, \"wodle_command\": {\"allow\": true, \"exceptions\": []}}, \"limits\":"
     " {\"eps\": {\"allow\": true}}, \"agents\": {\"allow_higher_versions\": {\"allow\": false}}, "
     "\"indexer\": {\"allow\": true}, \"integrations\": {\"virustotal\": {\"public_key\": {\"allow"
     "\": true, \"minimum_quota\": 240}}}}}"},
    {"drop_privileges: off\015\n"
     "host: []\015\n",
     "{\"host\": [], \"port\": 55000, \"drop_privileges\": false, \"experimental_features\": false"
     ", \"max_upload_size\": 10485760, \"authentication_pool_size\": 2, \"intervals\": {\"request_"
     "timeout\": 10}, \"https\": {\"enabled\": true, \"key\": \"<root>/api/configuration/ssl/serve"
     "r.key\", \"cert\": \"<root>/api/configuration/ssl/server.crt\", \"use_ca\": false, \"ca\": "
     "\"<root>/api/configuration/ssl/ca.crt\", \"ssl_protocol\": \"auto\", \"ssl_ciphers\": \"\"},"
     " \"logs\": {\"level\": \"info\", \"format\": \"plain\", \"max_size\": {\"enabled\": false, "
     "\"size\": \"1M\"}}, \"cors\": {\"enabled\": false, \"source_route\": \"*\", \"expose_headers"
     "\": \"*\", \"allow_headers\": \"*\", \"allow_credentials\": false}, \"access\": {\"max_login"
     "_attempts\": 50, \"block_time\": 300, \"max_request_per_minute\": 300}, \"upload_configurati"
     "on\": {\"remote_commands\": {\"localfile\": {\"allow\": true, \"exceptions\": []}, \"wodle_c"
     "ommand\": {\"allow\": true, \"exceptions\": []}}, \"limits\": {\"eps\": {\"allow\": true}}, "
     "\"agents\": {\"allow_higher_versions\": {\"allow\": true}}, \"indexer\": {\"allow\": true}, "
     "\"integrations\": {\"virustotal\": {\"public_key\": {\"allow\": true, \"minimum_quota\": 240"
     "}}}}}"},
};

static void check_api_conf(const char *text, const char *want) {
    char full[4000];
    struct text t;
    text_init(&t, full, sizeof full);
    text_str(&t, "{\"node_name\": \"node01\", \"node_api_config\": ");
    for (const char *at = want; *at;) {
        bool is_root = strncmp(at, "<root>", 6) == 0;
        text_add(&t, is_root ? rig_root_path : at, is_root ? strlen(rig_root_path) : 1);
        at += is_root ? 6 : 1;
    }
    text_str(&t, "}");
    test_write_file("api/configuration/api.yaml", text, strlen(text));
    CHECK_STR(rig_items_of(ask("wazuh.manager.get_api_config")), full);
}

TEST(api_configuration) {
    rig_open(NODE_WORKER);
    CHECK(strstr(ask("wazuh.manager.get_api_config"),
                 "\"node_api_config\": {\"host\": [\"0.0.0.0\", \"::\"], "));
    for (size_t i = 0; i < sizeof api_confs / sizeof *api_confs; i++)
        check_api_conf(api_confs[i].text, api_confs[i].want);
}

TEST(api_configuration_that_is_not_read) {
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"host: 0.0.0.0\n", "line 1: the value is not of its kind"},
        {"port: 1\nport: 2\n", "line 2: a key is there twice"},
        {"\nprot: 1\n", "line 2: the API has no such key"},
        {"https:\n  port: 1\n", "line 2: the API has no such key"},
        {"https: yes\n", "line 1: the API has no such key"},
        {"logs:\n  level: &a debug\n", "line 2: this kind of YAML is not read here"},
        {"logs:\n  level: |\n", "line 2: this kind of YAML is not read here"},
        {"host: [a,\n  b]\n", "line 1: a list over several lines is not read here"},
        {"https:\n  key: 'a''b'\n", "line 2: quotes within quotes are not read here"},
        {"port:\t1\n", "line 1: a tabulator"},
        {"port 1\n", "line 1: neither a key nor an item of a list"},
        {"https:\n- a\n", "line 2: a list where none belongs"},
    };
    char want[200];
    rig_open(NODE_MASTER);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write_file("api/configuration/api.yaml", cases[i].text, strlen(cases[i].text));
        snprintf(want, sizeof want, "1000, \"extra_message\": \"api/configuration/api.yaml, %s\"",
                 cases[i].words);
        CHECK_STR(code_of(ask("wazuh.manager.get_api_config")), want);
    }
}

/* ---- validation ---- */

static int accept_ask(int fd, const char *want) {
    uint8_t bytes[200];
    for (int i = 0; i < 4; i++)
        loop_turn(&rig_loop, 10);
    int c = accept(fd, NULL, NULL);
    size_t n = strlen(want);
    CHECK(c >= 0);
    CHECK_INT(recv(c, bytes, 4 + n, MSG_WAITALL), 4 + n);
    CHECK_INT(bytes[0] | bytes[1] << 8, n);
    CHECK_MEM(bytes + 4, want, n);
    return c;
}

static void answer_with(int c, const char *text, size_t n) {
    uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    CHECK(write(c, head, 1) == 1);
    loop_turn(&rig_loop, 10);
    CHECK(write(c, head + 1, 3) == 3);
    loop_turn(&rig_loop, 10);
    for (size_t at = 0; at < n; at += 1000) {
        size_t piece = n - at < 1000 ? n - at : 1000;
        CHECK_INT(write(c, text + at, piece), piece);
        loop_turn(&rig_loop, 10);
    }
    close(c);
}

static const char *validate(int fd, const char *reply) {
    begin_ask("wazuh.manager.validation");
    answer_with(accept_ask(fd, "check-manager-configuration"), reply, strlen(reply) + 1); /* with its NUL */
    return rig_end();
}

TEST(validation) {
    rig_open(NODE_MASTER);
    CHECK_STR(code_of(ask("wazuh.manager.validation")), "1901, \"extra_message\": null");
    int fd = door("queue/sockets/com", SOCK_STREAM);
    const char *answer = validate(fd, "{\"error\":0,\"data\":\"ok\"}");
    CHECK_STR(rig_items_of(strstr(answer, "\"sort_fields\"") ? answer : ""),
              "{\"name\": \"node01\", \"status\": \"OK\"}");
    CHECK(strstr(answer, "\"sort_fields\": [\"name\"], \"sort_casting\": [\"str\"]"));
    answer =
        validate(fd, "{\"error\":1,\"message\":\"2026/11/20 10:31:47 wazuh-analysisd: ERROR: (1230): Invalid "
                     "element\\n2026/11/20 wazuh-x: CRITICAL: [pid] (1202): ERROR: [a] b] c\\nhm\\n2026 x: "
                     "ERROR: (1230): Invalid element\\n2026 ERROR: Invalid\"}");
    CHECK_STR(code_of(answer), "1908, \"extra_message\": \"(1230): Invalid element, c, Invalid\"");
    CHECK(strstr(answer, "\"failed_items_values\": [[\"node01\"]]"));
    CHECK_STR(code_of(validate(fd, "{\"error\":1,\"message\":\"ERROR: [a b\\nERROR: [q] \"}")),
              "1908, \"extra_message\": \"[a b, \"");
    CHECK_STR(code_of(validate(fd, "{\"error\":1}")), "1904, \"extra_message\": \"'message'\"");
    CHECK_STR(code_of(validate(fd, "{}")), "1904, \"extra_message\": \"'error'\"");
    CHECK(strncmp(code_of(validate(fd, "x")), "1904, ", 6) == 0);
    begin_ask("wazuh.manager.validation");
    close(accept_ask(fd, "check-manager-configuration"));
    CHECK_STR(code_of(rig_end()), "1014, \"extra_message\": \"execd closed the connection\"");
    begin_ask("wazuh.manager.validation");
    int c = accept_ask(fd, "check-manager-configuration");
    CHECK(write(c, "\xff\xff\xff\x7f", 4) == 4);
    CHECK(strncmp(code_of(rig_end()), "1904, ", 6) == 0);
    close(c);
    begin_ask("wazuh.manager.validation");
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
    close(fd);
    CHECK(strncmp(code_of(ask("wazuh.manager.validation")), "1013, ", 6) == 0);
}

/* ---- reload_ruleset ---- */

static struct local_server *local;

static int begin_reload(void) {
    rig_open(NODE_MASTER);
    local = test_keep(calloc(1, sizeof *local));
    rig_env.local = local;
    rig_env.master = test_keep(calloc(1, sizeof *rig_env.master));
    ruleset_reload_init(&local->reload, &rig_faults.sys, &rig_loop);
    return door("queue/sockets/analysis", SOCK_STREAM);
}

#define RELOAD "{\"version\": 1, \"origin\": {\"module\": \"api\"}, \"command\": \"reload-ruleset\"}"

static const char *reload(int fd, const char *reply) {
    begin_ask("wazuh.analysis.reload_ruleset");
    answer_with(accept_ask(fd, RELOAD), reply, strlen(reply));
    return rig_end();
}

TEST(reload_of_a_master) {
    int fd = begin_reload();
    CHECK_STR(rig_items_of(reload(fd, "{\"error\": 0, \"data\": []}")),
              "{\"name\": \"node01\", \"msg\": \"Ruleset reload request sent successfully.\"}");
    CHECK_STR(rig_items_of(reload(fd, "{\"error\": 0, \"data\": [\"one\", \"two\"]}")),
              "{\"name\": \"node01\", \"msg\": \"one, two\"}");
    const char *answer =
        reload(fd, "{\"error\": 1, \"message\": \"no\", \"data\": [\"bad rule\", \"worse\"]}");
    CHECK_STR(code_of(answer), "1914, \"extra_message\": \"bad rule, worse\"");
    CHECK(strstr(answer, "\"failed_items_values\": [[\"node01\"]]"));
    CHECK(strncmp(code_of(reload(fd, "[]")), "1000, ", 6) == 0);
    begin_ask("wazuh.analysis.reload_ruleset");
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
    CHECK(!ruleset_reload_is_under_way(&local->reload));
    close(fd);
    CHECK(strncmp(code_of(ask("wazuh.analysis.reload_ruleset")), "1013, ", 6) == 0);
}

TEST(a_worker_without_master_reloads_nothing) {
    begin_reload();
    rig_env.master = NULL;
    rig_env.worker = test_keep(calloc(1, sizeof *rig_env.worker));
    CHECK_STR(code_of(ask("wazuh.analysis.reload_ruleset")), "3023, \"extra_message\": null");
}
