/* test_api_groups.c - the groups of the store and their folders, told by the API. What is expected are the
 * answers of Wazuh 4.14.7's own functions. */
#include "test/unit/api_agents_rig.h"

#include <sys/stat.h>

#define GROUPS "wazuh.agent.get_agent_groups"
#define IN_GROUP "wazuh.agent.get_agents_in_group"
#define ITEMS(answer) rig_part(answer, "\"affected_items\": [", "], \"sort_fields\"")

static void open_groups(void) {
    rig_open(NULL);
    rig_run("INSERT INTO `group` (name) VALUES ('web'); INSERT INTO `group` (name) VALUES ('nofolder');"
            "INSERT INTO `group` (name) VALUES ('linked'); INSERT INTO `group` (name) VALUES ('..');");
    store_rig_agent(&rig, 1, "a1");
    store_rig_agent(&rig, 2, "a2");
    store_rig_groups(&rig, 1, "default,web", false);
    store_rig_groups(&rig, 2, "web", false);
    test_write_file("node/etc/shared/default/merged.mg", "hi\n", 3);
    test_write_file("node/etc/shared/default/agent.conf", "conf\n", 5);
    test_write_file("node/etc/shared/web/x", "", 0);
    test_write_file("node/etc/shared/nogroup/x", "", 0);
}

static bool has(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

#define DEFAULT                                                                                              \
    "{\"name\": \"default\", \"count\": 1, \"mergedSum\": \"764efa883dda1e11db47671c4a3bbd9e\", "            \
    "\"configSum\": \"b9a771b420047cfaa3543e66c78f44f6\"}"
#define WEB "{\"name\": \"web\", \"count\": 2}"

TEST(groups) {
    open_groups();
    const char *answer = rig_ask(GROUPS, "\"f_kwargs\": {}");
    CHECK_STR(ITEMS(answer), DEFAULT ", " WEB);
    CHECK(has(answer, "\"total_affected_items\": 2, \"total_failed_items\": 0"));
    CHECK(has(answer, "\"all_msg\": \"All selected groups information was returned\""));
    CHECK_STR(ITEMS(rig_ask(GROUPS, "\"f_kwargs\": {\"sort_by\": [\"count\"], \"sort_ascending\": false}")),
              WEB ", " DEFAULT);
    CHECK_STR(ITEMS(rig_ask(GROUPS, "\"f_kwargs\": {\"q\": \"count>1\", \"select\": [\"count\"]}")), WEB);
    CHECK_STR(ITEMS(rig_ask(GROUPS, "\"f_kwargs\": {\"search_text\": \"WE\", \"limit\": 1}")), WEB);
    CHECK_STR(
        ITEMS(rig_ask(GROUPS, "\"f_kwargs\": {\"hash_algorithm\": \"sha1\", \"limit\": 1}")),
        "{\"name\": \"default\", \"count\": 1, \"mergedSum\": \"55ca6286e3e4f4fba5d0448333fa99fc5a404a73\", "
        "\"configSum\": \"340e3b492a160d7176902acfbe4b06717a4070ad\"}");
}

TEST(groups_named_one_by_one) {
    open_groups();
    const char *answer =
        rig_ask(GROUPS, "\"f_kwargs\": {\"group_list\": [\"web\", \"nope\", \"../shared/web\"]}");
    CHECK_STR(ITEMS(answer), WEB);
    CHECK(has(answer, "\"code\": 1710") &&
          has(answer, "\"failed_items_values\": [[\"nope\", \"../shared/web\"]]"));
    answer = rig_ask(GROUPS, "\"f_kwargs\": {\"group_list\": [\"web\", \"default\"]}, \"rbac_permissions\": "
                             "{\"rbac_mode\": \"white\", \"group:read\": {\"group:id:web\": \"allow\"}}");
    CHECK_STR(ITEMS(answer), WEB);
    CHECK(has(answer, "\"code\": 4000") && has(answer, "\"failed_items_values\": [[\"default\"]]"));
    answer = rig_ask(GROUPS, "\"f_kwargs\": {\"group_list\": [\"default\"]}, \"rbac_permissions\": "
                             "{\"rbac_mode\": \"white\", \"group:read\": {\"group:id:web\": \"allow\"}}");
    CHECK(has(answer, "\"code\": 4000") && has(answer, "\"ids\": [\"default\"]"));
    answer = rig_ask(GROUPS, "\"f_kwargs\": {}, \"rbac_permissions\": {\"rbac_mode\": \"white\"}");
    CHECK(has(answer, "\"affected_items\": []") && has(answer, "\"total_failed_items\": 0"));
}

TEST(what_is_wrong) {
    open_groups();
    CHECK(has(rig_ask(GROUPS, "\"f_kwargs\": {\"hash_algorithm\": \"crc\"}"), "\"code\": 1723"));
    CHECK(has(rig_ask(GROUPS, "\"f_kwargs\": {\"sort_by\": [\"zz\"]}"), "\"code\": 1403"));
    CHECK(has(rig_ask(GROUPS, "\"f_kwargs\": {\"select\": [\"zz\"]}"),
              "\"code\": 1724, \"extra_message\": \"zz\""));
    CHECK(has(rig_ask(GROUPS, "\"f_kwargs\": {\"limit\": 0}"), "\"code\": 1406"));
    rig_role.shared.windows = test_pool("none", BODY_WINDOW_BYTES, 1);
    void *slot = pool_take(rig_role.shared.windows);
    CHECK(has(rig_ask(GROUPS, "\"f_kwargs\": {}"), "This node has no memory left"));
    pool_give(rig_role.shared.windows, slot);
}

/* What lies behind a link is not this group's, and a folder is no file. */
TEST(links_are_not_followed) {
    char path[300];
    open_groups();
    test_write_file("node/secret/merged.mg", "x", 1);
    snprintf(path, sizeof path, "%s/etc/shared/linked", rig_root_path);
    CHECK(symlink("../../secret", path) == 0);
    snprintf(path, sizeof path, "%s/etc/shared/web/agent.conf", rig_root_path);
    CHECK(symlink("../default/agent.conf", path) == 0);
    snprintf(path, sizeof path, "%s/etc/shared/web/merged.mg", rig_root_path);
    CHECK(mkdir(path, 0700) == 0);
    CHECK_STR(ITEMS(rig_ask(GROUPS, "\"f_kwargs\": {}")), DEFAULT ", " WEB);
}

TEST(many_groups_and_a_long_file) {
    char name[64], sql[100];
    rig_open(NULL);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO `group` (name) VALUES ('g%03u')", i);
        rig_run(sql);
        snprintf(name, sizeof name, "node/etc/shared/g%03u/x", i);
        test_write_file(name, "", 0);
    }
    size_t n = 3 * STEP_BYTES;
    char *zeros = test_keep(calloc(1, n));
    test_write_file("node/etc/shared/g050/merged.mg", zeros, n);
    const char *answer = rig_ask(GROUPS, "\"f_kwargs\": {}");
    CHECK(has(answer, "\"total_affected_items\": 100,"));
    CHECK(has(answer, "{\"name\": \"g000\", \"count\": 0}") &&
          has(answer, "{\"name\": \"g099\", \"count\": 0}"));
    CHECK(has(answer,
              "{\"name\": \"g050\", \"count\": 0, \"mergedSum\": \"cb18a5d28e77522dfec6a6255bc3847e\"}"));
    /* dropped in the middle of the file, nothing stays open */
    rig_begin(GROUPS, "\"f_kwargs\": {\"group_list\": [\"g050\"]}");
    for (unsigned i = 0; i < 12; i++)
        rig_turn();
    CHECK(!rig_ended);
    rig_drop();
}

TEST(agents_in_a_group) {
    open_groups();
    const char *answer = rig_ask(IN_GROUP, "\"f_kwargs\": {\"group_list\": [\"web\"], \"select\": [\"id\"]}");
    CHECK_STR(ITEMS(answer), "{\"id\": \"001\"}, {\"id\": \"002\"}");
    CHECK_STR(
        ITEMS(rig_ask(IN_GROUP, "\"f_kwargs\": {\"group_list\": [\"web\"], \"select\": [\"id\"], \"q\": "
                                "\"name=a2,name=a3\"}")),
        "{\"id\": \"002\"}");
    CHECK(has(rig_ask(IN_GROUP, "\"f_kwargs\": {\"group_list\": [\"nope\"]}"), "\"code\": 1710"));
    answer =
        rig_ask(IN_GROUP, "\"f_kwargs\": {\"group_list\": [\"web\"]}, \"rbac_permissions\": {\"rbac_mode\": "
                          "\"black\", \"group:read\": {\"group:id:web\": \"deny\"}}");
    CHECK(has(answer, "\"code\": 4000, \"extra_message\": \"Resource type: group:id\"") &&
          has(answer, "\"ids\": [\"web\"]"));
}
