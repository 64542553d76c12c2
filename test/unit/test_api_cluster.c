/* test_api_cluster.c - the functions of wazuh.cluster and picket.node: shapes and errors are those of
 * cluster.py and core/cluster/server.py of 4.14.7, spelled as its encoder spells them. */
#include "base/bytes.h"
#include "test/unit/manager_rig.h"

#define NODE(name, type, ip)                                                                                 \
    "{\"name\": \"" name "\", \"type\": \"" type "\", \"version\": \"4.14.7\", \"ip\": \"" ip "\"}"
#define M NODE("node01", "master", "10.0.0.1")
#define A NODE("alpha", "worker", "10.0.0.3")
#define Z NODE("zulu", "worker", "10.0.0.2")
#define ITEMS(items, total, failed, keys, values)                                                            \
    RIG_OBJECT(                                                                                              \
        "AffectedItemsWazuhResult",                                                                          \
        "\"affected_items\": [" items "], \"sort_fields\": null, \"sort_casting\": [\"int\"], "              \
        "\"sort_ascending\": [true], \"total_affected_items\": " total ", \"total_failed_items\": " failed   \
        ", \"dikt\": {}, \"all_msg\": \"All selected nodes information was returned\", \"some_msg\": "       \
        "\"Some nodes information was not returned\", \"none_msg\": \"No information was returned\", "       \
        "\"failed_items_keys\": [" keys "], \"failed_items_values\": [" values "]")

static struct master *master;

static void add_peer(const char *name, const char *ip) {
    struct peer *p = test_keep(calloc(1, sizeof *p)), **at = &master->peers;
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->version, sizeof p->version, "4.14.7");
    CHECK(sys_addr_parse(&p->link.peer, ip, 0));
    while (*at)
        at = &(*at)->next;
    *at = p;
}

static void begin(enum node_type type) {
    rig_open(type);
    rig_role.scanner.rounds = 1;
    if (type == NODE_WORKER)
        return;
    master = test_keep(calloc(1, sizeof *master));
    snprintf(rig_config.master, sizeof rig_config.master, "10.0.0.1");
    rig_env.master = master;
    add_peer("zulu", "10.0.0.2");
    add_peer("alpha", "10.0.0.3");
}

static const char *ask(const char *function, const char *kwargs, const char *rest) {
    return rig_ask(&api_cluster_functions, function, kwargs, rest);
}

static const char *nodes(const char *kwargs) {
    return ask("wazuh.cluster.get_nodes_info", kwargs, RIG_BLACK);
}

TEST(nodes_in_their_order) {
    begin(NODE_MASTER);
    CHECK_STR(nodes("{}"), ITEMS(M ", " Z ", " A, "3", "0", "", ""));
    CHECK_STR(nodes("{\"filter_node\": null, \"offset\": 1, \"limit\": 1, \"sort\": null, \"search\": null, "
                    "\"select\": null, \"filter_type\": \"all\", \"q\": \"\", \"distinct\": false}"),
              ITEMS(Z, "3", "0", "", ""));
    CHECK_STR(nodes("{\"filter_node\": [\"zulu\", \"node01\"]}"), ITEMS(M ", " Z, "2", "0", "", ""));
    CHECK_STR(nodes("{\"filter_node\": \"alpha\"}"), ITEMS(A, "1", "0", "", ""));
    CHECK_STR(nodes("{\"filter_type\": \"worker\"}"), ITEMS(Z ", " A, "2", "0", "", ""));
    CHECK_STR(nodes("{\"filter_type\": \"master\"}"), ITEMS(M, "1", "0", "", ""));
}

TEST(nodes_sorted_and_searched) {
    begin(NODE_MASTER);
    CHECK_STR(nodes("{\"sort\": {\"fields\": [\"name\"], \"order\": \"asc\"}}"),
              ITEMS(A ", " M ", " Z, "3", "0", "", ""));
    CHECK_STR(nodes("{\"sort\": {\"fields\": [\"name\"], \"order\": \"desc\"}}"),
              ITEMS(Z ", " M ", " A, "3", "0", "", ""));
    CHECK_STR(nodes("{\"search\": {\"value\": \"ALPHA\", \"negation\": false}}"), ITEMS(A, "1", "0", "", ""));
    CHECK_STR(nodes("{\"search\": {\"value\": \"worker\", \"negation\": true}}"), ITEMS(M, "1", "0", "", ""));
    CHECK_STR(nodes("{\"q\": \"type=worker;name~alp\"}"), ITEMS(A, "1", "0", "", ""));
    CHECK_STR(nodes("{\"select\": [\"name\"]}"),
              ITEMS("{\"name\": \"node01\"}, {\"name\": \"zulu\"}, {\"name\": \"alpha\"}", "3", "0", "", ""));
    CHECK_STR(nodes("{\"select\": [\"type\"], \"distinct\": true}"),
              ITEMS("{\"type\": \"master\"}, {\"type\": \"worker\"}", "2", "0", "", ""));
}

#define GONE                                                                                                 \
    "{\"__object__\": {\"type\": \"about:blank\", \"title\": \"Resource Not Found\", \"code\": 1730, "       \
    "\"extra_message\": null, \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}, "      \
    "\"ids\": []}, \"__class__\": \"WazuhResourceNotFound\"}"

TEST(nodes_that_are_not_there) {
    begin(NODE_MASTER);
    CHECK_STR(nodes("{\"filter_node\": [\"x\", \"alpha\", \"y\"]}"),
              ITEMS(A, "1", "2", GONE, "[\"x\", \"y\"]"));
    CHECK_STR(nodes("{\"filter_node\": [\"x\"]}"), ITEMS("", "0", "1", GONE, "[\"x\"]"));
}

TEST(wishes_that_are_refused) {
    static const struct {
        const char *kwargs, *code;
    } cases[] = {
        {"{\"select\": [\"name\", \"id\"]}", "1724"},
        {"{\"filter_type\": \"x\"}", "1728"},
        {"{\"offset\": -1}", "1400"},
        {"{\"limit\": -1}", "1401"},
        {"{\"limit\": 0}", "1406"},
        {"{\"limit\": 100001}", "1405"},
        {"{\"sort\": {\"fields\": [\"x\"], \"order\": \"asc\"}}", "1403"},
        {"{\"q\": \"name\"}", "1407"},
        {"{\"offset\": [1]}", "1000"},
        {"{\"filter_node\": 7}", "1000"},
        {"{\"filter_node\": {\"a\": 1}}", "1000"},
        {"{\"sort\": \"name\"}", "1000"},
    };
    begin(NODE_MASTER);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *code = rig_part(nodes(cases[i].kwargs), "\"code\": ", ",");
        if (strcmp(code, cases[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s, want %s", cases[i].kwargs, code, cases[i].code);
    }
}

#define WHITE(rules) "\"rbac_permissions\": {\"rbac_mode\": \"white\", \"cluster:read\": {" rules "}}"

TEST(nodes_that_are_allowed) {
    begin(NODE_MASTER);
    static const char rules[] = WHITE("\"node:id:*\": \"allow\", \"node:id:zulu\": \"deny\"");
    CHECK_STR(ask("wazuh.cluster.get_nodes_info", "{}", rules), ITEMS(M ", " A, "2", "0", "", ""));
    const char *answer =
        ask("wazuh.cluster.get_nodes_info", "{\"filter_node\": [\"zulu\", \"alpha\"]}", rules);
    CHECK_STR(rig_items_of(answer), A);
    CHECK(strstr(answer, "\"code\": 4000, \"extra_message\": \"Resource type: node:id\""));
    CHECK(strstr(answer, "\"failed_items_values\": [[\"zulu\"]]"));
    answer = ask("wazuh.cluster.get_nodes_info", "{\"filter_node\": \"zulu\"}", rules);
    CHECK(strstr(answer, "\"__wazuh_exception__\": {\"__class__\": \"WazuhPermissionError\""));
    CHECK(strstr(answer, "\"ids\": [\"zulu\"]"));
    CHECK_STR(rig_items_of(ask("wazuh.cluster.get_nodes_info", "{}", WHITE(""))), "");
    answer = ask("wazuh.cluster.get_health_nodes", "{\"filter_node\": [\"zulu\", \"alpha\"]}", rules);
    CHECK(strstr(answer, "\"failed_items_values\": [[\"zulu\"]]"));
    CHECK(strstr(rig_items_of(answer), "{\"info\": {\"name\": \"alpha\", ") == rig_items_of(answer) ||
          strncmp(rig_items_of(answer), "{\"info\": {\"name\": \"alpha\", ", 27) == 0);
}

#define INFO(name, type, ip)                                                                                 \
    "\"info\": {\"name\": \"" name "\", \"type\": \"" type "\", \"version\": \"4.14.7\", \"ip\": \"" ip      \
    "\", \"n_active_agents\": 0}"
#define NEVER "\"n/a\""
#define STATUS                                                                                               \
    "\"status\": {\"sync_integrity_free\": true, \"last_check_integrity\": {\"date_start_master\": " NEVER   \
    ", \"date_end_master\": " NEVER "}, \"last_sync_integrity\": {\"date_start_master\": " NEVER             \
    ", \"date_end_master\": " NEVER ", \"total_extra_valid\": 0, \"total_files\": {\"missing\": 0, "         \
    "\"shared\": 0, \"extra\": 0, \"extra_valid\": 0}}, \"sync_agent_info_free\": true, "                    \
    "\"last_sync_agentinfo\": {\"date_start_master\": " NEVER ", \"date_end_master\": " NEVER                \
    ", \"n_synced_chunks\": 0}, \"last_sync_agentgroup\": {\"date_start\": " NEVER ", \"date_end\": " NEVER  \
    ", \"n_synced_chunks\": 0}, \"last_sync_full_agentgroup\": {\"date_start\": " NEVER                      \
    ", \"date_end\": " NEVER ", \"n_synced_chunks\": 0}, \"last_keep_alive\": " NEVER "}"

TEST(health_by_name) {
    begin(NODE_MASTER);
    CHECK_STR(rig_items_of(ask("wazuh.cluster.get_health_nodes", "{}", RIG_BLACK)),
              "{" INFO("alpha", "worker", "10.0.0.3") ", " STATUS "}, {" INFO(
                  "node01", "master", "10.0.0.1") "}, {" INFO("zulu", "worker", "10.0.0.2") ", " STATUS "}");
    CHECK_STR(rig_items_of(
                  ask("wazuh.cluster.get_health_nodes", "{\"filter_node\": [\"node01\", \"x\"]}", RIG_BLACK)),
              "{" INFO("node01", "master", "10.0.0.1") "}");
}

TEST(this_node) {
    begin(NODE_WORKER);
    CHECK_STR(rig_items_of(ask("wazuh.cluster.get_node_wrapper", "{}", RIG_BLACK)),
              "{\"node\": \"node01\", \"cluster\": \"wazuh\", \"type\": \"worker\"}");
    CHECK_STR(ask("wazuh.cluster.get_status_json", "{}", RIG_BLACK),
              RIG_OBJECT("WazuhResult",
                         "\"str_priority\": null, \"result\": {\"data\": {\"enabled\": \"yes\", "
                         "\"running\": \"yes\"}}"));
}

TEST(configuration) {
    begin(NODE_WORKER);
    strcpy(rig_config.key, "0123456789abcdef0123456789abcdef");
    strcpy(rig_config.bind_addr, "0.0.0.0");
    strcpy(rig_config.nodes_json, "[\"10.0.0.1\"]");
    rig_config.port = 1516;
#define CONFIG(key)                                                                                          \
    "{\"name\": \"wazuh\", \"node_name\": \"node01\", \"node_type\": \"worker\", \"key\": \"" key            \
    "\", \"port\": 1516, \"bind_addr\": \"0.0.0.0\", \"nodes\": [\"10.0.0.1\"], \"hidden\": \"no\", "        \
    "\"disabled\": false}"
    static const char function[] = "wazuh.cluster.read_config_wrapper";
    CHECK_STR(rig_items_of(ask(function, "{}", RIG_BLACK)), CONFIG("*****"));
    CHECK_STR(rig_items_of(ask(function, "{}",
                               "\"rbac_permissions\": {\"rbac_mode\": \"white\", \"cluster:read\": "
                               "{\"node:id:*\": \"allow\"}, \"cluster:update_config\": "
                               "{\"node:id:y\": \"deny\", \"node:id:x\": \"allow\"}}")),
              CONFIG("0123456789abcdef0123456789abcdef"));
    const char *answer = ask(function, "{}", WHITE("\"node:id:x\": \"allow\""));
    CHECK(strstr(answer, "WazuhPermissionError") && strstr(answer, "\"unknown-node\""));
}

/* ---- files ---- */

static void add_file(const char *path, uint8_t byte) {
    uint8_t hash[BLAKE2B_BYTES], item;
    uint32_t slot;
    struct sys_stat st = {0};
    struct error e;
    memset(hash, byte, sizeof hash);
    CHECK(items_judge(&rig_items, path, strlen(path), &item, &e) == E_OK);
    CHECK(manifest_add(&rig_manifest, path, strlen(path), item, &slot) == E_OK);
    manifest_set(&rig_manifest, slot, hash, &st);
}

#define X8(x) x x x x x x x x
#define HASH(xx) "\"" X8(X8(xx)) "\""

static void some_files(void) {
    add_file("etc/rules/local_rules.xml", 0xab);
    add_file("etc/shared/default/agent.conf", 0x11);
    add_file("etc/lists/a/b", 0x22);
    add_file("etc/decoders/\xc3\xbc.xml", 0x33);
}
#define RULES "\"etc/rules/local_rules.xml\": " HASH("ab")
#define LISTS "\"etc/lists/a/b\": " HASH("22")
#define DECODERS "\"etc/decoders/\\u00fc.xml\": " HASH("33")

TEST(ruleset_is_told) {
    begin(NODE_MASTER);
    some_files();
    CHECK_STR(ask("wazuh.core.cluster.control.get_node_ruleset_integrity", "{}", RIG_BLACK),
              RIG_OBJECT("WazuhResult",
                         "\"str_priority\": null, \"result\": {" RULES ", " LISTS ", " DECODERS "}"));
}

static void check_sync(const char *list, bool synced) {
    char kwargs[2000], want[80];
    snprintf(kwargs, sizeof kwargs, "{\"master_md5\": %s}", list);
    snprintf(want, sizeof want, "{\"name\": \"node01\", \"synced\": %s}", synced ? "true" : "false");
    const char *got = rig_items_of(ask("wazuh.cluster.get_ruleset_sync_status", kwargs, RIG_BLACK));
    if (strcmp(got, want) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", list, got);
}

TEST(ruleset_is_compared) {
    begin(NODE_WORKER);
    some_files();
    check_sync("{" RULES ", " LISTS ", " DECODERS "}", true);
    check_sync("{" DECODERS ",\n" LISTS "," RULES "}", true);
    check_sync("{" RULES ", " LISTS "}", false);
    check_sync("{" RULES ", " LISTS ", " DECODERS ", \"etc/rules/x\": " HASH("ab") "}", false);
    check_sync("{" RULES ", " LISTS ", " DECODERS ", \"etc/shared/default/agent.conf\": " HASH("11") "}",
               false);
    check_sync("{" RULES ", " LISTS ", \"etc/decoders/\\u00fc.xml\": " HASH("34") "}", false);
    check_sync("{\"etc/rules/local_rules.xml\": " HASH("AB") ", " LISTS ", " DECODERS "}", false);
    /* a name that comes twice: the last counts */
    check_sync("{" RULES ", " LISTS ", " DECODERS ", \"etc/lists/a/b\": " HASH("23") "}", false);
    check_sync("{\"etc/lists/a/b\": 7, " RULES ", " DECODERS ", " LISTS "}", true);
    check_sync("{" RULES ", " LISTS ", \"etc/decoders/\\u00fc.xml\": [" HASH("33") "]}", false);
    check_sync("null", false);
    check_sync("[" HASH("33") "]", false);
    check_sync("{}", false);
    CHECK(strstr(ask("wazuh.cluster.get_ruleset_sync_status", "{}", RIG_BLACK), "\"synced\": false"));
}

TEST(no_ruleset) {
    begin(NODE_WORKER);
    check_sync("{}", true);
    rig_role.scanner.rounds = 0;
    const char *answer = ask("wazuh.cluster.get_ruleset_sync_status", "{\"master_md5\": {}}", RIG_BLACK);
    CHECK(strstr(answer, "\"failed_items_values\": [[\"node01\"]]"));
}

/* A list of thousands of files, of which one hash is wrong at last. */
TEST(ruleset_is_long) {
    enum { FILES = 3000 };
    char *list = test_keep(malloc(FILES * 200)), path[80], hash[2 * BLAKE2B_BYTES + 1];
    begin(NODE_WORKER);
    for (int wrong = 0; wrong < 2; wrong++) {
        char *at = list + sprintf(list, "{\"master_md5\": {");
        for (int i = 0; i < FILES; i++) {
            uint8_t bytes[BLAKE2B_BYTES];
            snprintf(path, sizeof path, "etc/lists/a-folder-with-a-name/that-is-rather-long/%d", i);
            if (!wrong)
                add_file(path, (uint8_t)i);
            memset(bytes, i + (wrong && i == FILES - 1), sizeof bytes);
            hex_encode(hash, bytes, sizeof bytes);
            at += sprintf(at, "%s\"%s\": \"%s\"", i ? ", " : "", path, hash);
        }
        sprintf(at, "}}");
        CHECK(strstr(ask("wazuh.cluster.get_ruleset_sync_status", list, RIG_BLACK),
                     wrong ? "\"synced\": false" : "\"synced\": true"));
    }
}

TEST(tree_and_manifest) {
    uint8_t tree[32];
    char hex[65], want[300];
    begin(NODE_WORKER);
    add_file("etc/rules/a.xml", 0x01);
    add_file("etc/shared/default/agent.conf", 0x02);
    manifest_tree_hash(&rig_manifest, tree);
    hex_encode(hex, tree, sizeof tree);
    rig_role.scanner.scan.wall_ns = rig_faults.sys.wall_ns(&rig_faults.sys);
    snprintf(want, sizeof want, "{\"name\": \"node01\", \"tree\": \"%s\", \"files\": 2, \"scanned_s\": 0}",
             hex);
    CHECK_STR(rig_items_of(ask("picket.node.get_tree", "{}", RIG_BLACK)), want);
    CHECK_STR(rig_items_of(ask("picket.node.get_manifest", "{}", RIG_BLACK)),
              "{\"path\": \"etc/rules/a.xml\", \"hash\": " HASH(
                  "01") "}, {\"path\": "
                        "\"etc/shared/default/agent.conf\", \"hash\": " HASH("02") "}");
    rig_role.scanner.rounds = 0;
    CHECK(strstr(ask("picket.node.get_tree", "{}", RIG_BLACK), "\"failed_items_values\": [[\"node01\"]]"));
}
