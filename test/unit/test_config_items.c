/* test_config_items.c - cluster.json against the content that Wazuh 4.5 to 4.14.7 ship, and bent from it. */
#include "app/config_items.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

static struct problems problems;
static struct cluster_config config;
static char printed[16384];

/* What the file of Wazuh 4.14.7 says (reference, section 8), written anew. */
static const char shipped[] =
    "{\n"
    "  \"files\": {\n"
    "    \"etc/\": {\"permissions\": \"0o640\", \"source\": \"master\", \"files\": [\"client.keys\"], "
    "\"recursive\": false, \"restart\": false, \"remove_subdirs_if_empty\": false, \"extra_valid\": false, "
    "\"description\": \"keys\"},\n"
    "    \"etc/shared/\": {\"permissions\": \"0o660\", \"source\": \"master\", \"files\": [\"all\"], "
    "\"recursive\": true, \"restart\": false, \"remove_subdirs_if_empty\": true, \"extra_valid\": false, "
    "\"description\": \"shared\"},\n"
    "    \"var/multigroups/\": {\"permissions\": \"0o660\", \"source\": \"master\", \"files\": "
    "[\"merged.mg\"], "
    "\"recursive\": true, \"restart\": false, \"remove_subdirs_if_empty\": true, \"extra_valid\": false, "
    "\"description\": \"groups\"},\n"
    "    \"etc/rules/\": {\"permissions\": \"0o660\", \"source\": \"master\", \"files\": [\"all\"], "
    "\"recursive\": true, \"restart\": true, \"remove_subdirs_if_empty\": false, \"extra_valid\": false, "
    "\"description\": \"rules\"},\n"
    "    \"etc/decoders/\": {\"permissions\": \"0o660\", \"source\": \"master\", \"files\": [\"all\"], "
    "\"recursive\": true, \"restart\": true, \"remove_subdirs_if_empty\": false, \"extra_valid\": false, "
    "\"description\": \"decoders\"},\n"
    "    \"etc/lists/\": {\"permissions\": \"0o660\", \"source\": \"master\", \"files\": [\"all\"], "
    "\"recursive\": true, \"restart\": true, \"remove_subdirs_if_empty\": false, \"extra_valid\": false, "
    "\"description\": \"lists\"},\n"
    "    \"excluded_files\": [\"ar.conf\", \"ossec.conf\"],\n"
    "    \"excluded_extensions\": [\"~\", \".tmp\", \".lock\", \".swp\"]\n"
    "  },\n"
    "  \"intervals\": {\n"
    "    \"worker\": {\"sync_integrity\": 9, \"sync_agent_info\": 10, \"sync_agent_groups\": 30, "
    "\"timeout_agent_groups\": 40, \"keep_alive\": 60, \"connection_retry\": 10, "
    "\"max_failed_keepalive_attempts\": 2, \"agent_groups_mismatch_limit\": 5},\n"
    "    \"master\": {\"process_pool_size\": 2, \"sync_agent_groups\": 10, \"timeout_extra_valid\": 40, "
    "\"recalculate_integrity\": 8, \"timeout_agent_info\": 40, \"agent_group_start_delay\": 30, "
    "\"check_worker_lastkeepalive\": 60, \"max_allowed_time_without_keepalive\": 120, "
    "\"max_locked_integrity_time\": 1000},\n"
    "    \"communication\": {\"timeout_cluster_request\": 20, \"timeout_dapi_request\": 200, "
    "\"timeout_receiving_file\": 120, \"max_zip_size\": 1073741824, \"min_zip_size\": 31457280, "
    "\"compress_level\": 1, \"zip_limit_tolerance\": 0.2}\n"
    "  },\n"
    "  \"distributed_api\": {\"enabled\": true}\n"
    "}\n";

static const char *parse(const char *text) {
    struct text t;
    problems_init(&problems);
    memset(&config, 0, sizeof config);
    items_defaults(&config.items);
    intervals_defaults(&config.intervals);
    config_items_parse("cluster.json", text, strlen(text), &config, &problems);
    text_init(&t, printed, sizeof printed);
    problems_print(&problems, &t);
    return printed;
}

/* Our compiled-in defaults, and what is read from the shipped file, are the same thing. */
TEST(items_shipped_are_the_defaults) {
    CHECK_STR(parse("{}"), "");
    struct cluster_config defaults = config;
    CHECK_STR(parse(shipped), "");
    CHECK_INT(config.items.count, 6);
    CHECK_INT(defaults.items.count, 6);
    for (int i = 0; i < 6; i++) {
        const struct item *a = &config.items.item[i];
        int at = items_find(&defaults.items, a->dir, strlen(a->dir));
        CHECK(at >= 0);
        const struct item *b = &defaults.items.item[at];
        CHECK_INT(a->mode, b->mode);
        CHECK_INT(a->recursive, b->recursive);
        CHECK_INT(a->remove_empty, b->remove_empty);
        CHECK_INT(a->all_files, b->all_files);
        CHECK_INT(a->file_count, b->file_count);
        if (a->file_count)
            CHECK_STR(a->files[0], b->files[0]);
    }
    CHECK_INT(config.items.excluded_file_count, 2);
    CHECK_INT(config.items.excluded_extension_count, 4);
    CHECK_STR(config.items.excluded_files[1], "ossec.conf");
    CHECK_STR(config.items.excluded_extensions[0], "~");
    CHECK_MEM(&config.intervals, &defaults.intervals, sizeof config.intervals);
    CHECK_INT(config.items.item[0].mode, 0640);
    CHECK_STR(config.items.item[0].files[0], "client.keys");
    CHECK_STR(config.items.item[2].files[0], "merged.mg");
}

TEST(items_intervals_are_read) {
    CHECK_STR(parse("{\"intervals\": {\"worker\": {\"sync_integrity\": 1, \"keep_alive\": 4000000, "
                    "\"max_failed_keepalive_attempts\": 7}, \"master\": {\"max_locked_integrity_time\": 3}, "
                    "\"communication\": {\"max_zip_size\": 5000000000, \"min_zip_size\": 1024, "
                    "\"compress_level\": 9, "
                    "\"zip_limit_tolerance\": 0.05}}}"),
              "");
    CHECK_INT(config.intervals.sync_integrity_ms, 1000);
    CHECK_INT(config.intervals.keep_alive_ms, 4000000000ll);
    CHECK_INT(config.intervals.max_failed_keepalive_attempts, 7);
    CHECK_INT(config.intervals.max_locked_integrity_time_ms, 3000);
    CHECK_INT(config.intervals.max_zip_size, 5000000000ll);
    CHECK_INT(config.intervals.min_zip_size, 1024);
    CHECK_INT(config.intervals.compress_level, 9);
    CHECK_INT(config.intervals.zip_limit_tolerance_milli, 50);
    CHECK_INT(config.intervals.connection_retry_ms, 10000); /* not in this file: its default */
}

TEST(items_bad_intervals) {
    CHECK_STR(parse("{\"intervals\": {\"worker\": {\n\"sync_integrity\": 0,\n\"keep_alive\": 4000001,\n"
                    "\"connection_retry\": \"10\",\n\"new_thing\": 1}, \"master\": [],\n"
                    "\"communication\": {\"compress_level\": 10,\n\"zip_limit_tolerance\": 1.5,\n"
                    "\"min_zip_size\": 2147483648}}}"),
              "cluster.json:1: \"min_zip_size\" is larger than \"max_zip_size\"\n"
              "cluster.json:2: \"sync_integrity\" must be a whole number from 1 to 4000000 (seconds)\n"
              "cluster.json:3: \"keep_alive\" must be a whole number from 1 to 4000000 (seconds)\n"
              "cluster.json:4: \"connection_retry\" must be a whole number from 1 to 4000000 (seconds)\n"
              "cluster.json:5: warning: \"new_thing\" in \"worker\" is not known here and has no effect\n"
              "cluster.json:5: \"master\" must be an object\n"
              "cluster.json:6: \"compress_level\" must be a whole number from 0 to 9\n"
              "cluster.json:7: \"zip_limit_tolerance\" must be a number from 0 to 0.999\n");
}

/* A folder that leaves the tree would take the synchronisation with it. */
TEST(items_bad_folders) {
    static const char *const bad[] = {"/etc/",   "etc",    "../etc/", "etc/../x/",
                                      "etc//x/", "./etc/", "/",       "etc/\\u0001/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"files\": {\"%s\": {\"permissions\": \"0o660\", \"files\": [\"all\"]}}}", bad[i]);
        parse(text);
        if (problems.errors != 1)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i], printed);
    }
}

TEST(items_permissions) {
    static const struct {
        const char *text;
        int mode; /* -1: refused, as Python's int(x, base=0) or good sense does */
    } cases[] = {{"0o660", 0660}, {"0O640", 0640}, {"416", 0640}, {"0o777", 0777},
                 {"0o1777", -1},  {"0o4755", -1},  {"0660", -1},  {"0o", -1},
                 {"0o8", -1},     {"x", -1},       {"512", -1},   {"-1", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"files\": {\"a/\": {\"permissions\": \"%s\", \"files\": [\"all\"]}}}",
                 cases[i].text);
        parse(text);
        if (problems.errors != (cases[i].mode < 0))
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].text, printed);
        if (cases[i].mode >= 0)
            CHECK_INT(config.items.item[0].mode, cases[i].mode);
    }
}

TEST(items_missing_and_wrong_members) {
    CHECK_STR(
        parse("{\"files\": {\n\"a/\": {},\n\"b/\": 1,\n\"c/\": {\"permissions\": 432, \"files\": \"all\"},\n"
              "\"d/\": {\"permissions\": \"0o660\", \"files\": [\"x/y\", 3], \"recursive\": \"yes\"}}}"),
        "cluster.json:2: 'a/' needs \"permissions\" such as \"0o660\", at most 0o777\n"
        "cluster.json:2: 'a/' needs \"files\"\n"
        "cluster.json:3: 'b/' must be an object\n"
        "cluster.json:4: 'c/' needs \"permissions\" such as \"0o660\", at most 0o777\n"
        "cluster.json:4: \"files\" must be a list of names, or [\"all\"]\n"
        "cluster.json:5: a name in \"files\" holds a '/'\n"
        "cluster.json:5: a name in \"files\" must be a string of 1 to 63 bytes\n"
        "cluster.json:5: \"recursive\" must be true or false\n");
    parse(
        "{\"files\": {\"a/\": {\"permissions\": \"0o660\", \"files\": [\"all\"]}, \"a/\": {\"permissions\": "
        "\"0o660\", \"files\": [\"all\"]}}}");
    CHECK(strstr(printed, "'a/' is given twice"));
    parse(
        "{\"files\": {\"a/\": {\"permissions\": \"0o660\", \"files\": [\"all\"], \"bogus\": {\"x\": [1, 2]}, "
        "\"recursive\": true}}}");
    CHECK(strstr(printed, "warning: 'a/' has a member"));
    CHECK_INT(problems.errors, 0);
    CHECK(config.items.item[0].recursive);
}

/* ["all"] means all; all among others is a file's name (cluster.py walk_dir: files == ['all']). */
TEST(items_all_among_others) {
    CHECK_STR(parse("{\"files\": {\"a/\": {\"permissions\": \"0o660\", \"files\": [\"all\", \"b\"]}}}"), "");
    CHECK(!config.items.item[0].all_files);
    CHECK_INT(config.items.item[0].file_count, 2);
}

TEST(items_no_json) {
    parse("");
    CHECK_INT(problems.errors, 1);
    parse("{\"files\": ");
    CHECK_INT(problems.errors, 1);
    parse("[1]");
    CHECK_INT(problems.errors, 1);
    parse("{\"files\": 1, \"intervals\": 2}");
    CHECK_INT(problems.errors, 2);
}

TEST(items_too_many) {
    static char text[16384];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"files\": {");
    for (unsigned i = 0; i <= ITEMS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s\"d%u/\": {\"permissions\": \"0o660\", \"files\": [\"all\"]}", i ? "," : "",
                              i);
    snprintf(text + n, sizeof text - n, "}}");
    parse(text);
    CHECK_INT(problems.errors, 1);
    CHECK(strstr(printed, "more than"));
}

TEST(items_cut_anywhere) {
    for (size_t n = 0; n <= sizeof shipped - 1; n++) {
        char *exact = malloc(n + !n); /* AddressSanitizer watches the end */
        memcpy(exact, shipped, n);
        problems_init(&problems);
        config_items_parse("cluster.json", exact, n, &config, &problems);
        CHECK_INT(problems.errors, n >= sizeof shipped - 2 ? 0 : 1); /* the last byte is a line's end */
        free(exact);
    }
}

TEST(items_which_file) {
    struct sys sys;
    sys_linux_init(&sys);
    problems_init(&problems);
    int root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(config_items_load(&sys, root, &config, &problems) == NULL);
    CHECK_INT(config.items.count, 6);
    static const char wazuhs[] = "{\"intervals\": {\"worker\": {\"sync_integrity\": 5}}}";
    static const char ours[] = "{\"intervals\": {\"worker\": {\"keep_alive\": 6}}}";
    test_write_file("framework/wazuh/core/cluster/cluster.json", wazuhs, sizeof wazuhs - 1);
    CHECK_STR(config_items_load(&sys, root, &config, &problems), "framework/wazuh/core/cluster/cluster.json");
    CHECK_INT(config.intervals.sync_integrity_ms, 5000);
    test_write_file("etc/cluster.json", ours, sizeof ours - 1);
    CHECK_STR(config_items_load(&sys, root, &config, &problems), "etc/cluster.json");
    CHECK_INT(config.intervals.sync_integrity_ms, 9000); /* one file, not a mixture */
    CHECK_INT(config.intervals.keep_alive_ms, 6000);
    CHECK_INT(problems.count, 0);
    static char large[CLUSTER_JSON_BYTES + 1];
    memset(large, ' ', sizeof large);
    test_write_file("etc/cluster.json", large, sizeof large);
    config_items_load(&sys, root, &config, &problems);
    CHECK_INT(problems.errors, 1);
    CHECK(strstr(problems.list[0].text, "larger than 65536"));
    sys.close(&sys, root);
}
