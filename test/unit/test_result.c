/* test_result.c - answers of the distributed API: the expected bytes are the output of the encoders of Wazuh
 * 4.14.7 (results.py and WazuhJSONEncoder). */
#include "api/result.h"
#include "base/json_read.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <stdio.h>
#include <stdlib.h>

static struct api_result r;
static struct blob out;
static struct memory_spill spill;
static uint8_t small[64];

static void close_rig(void *arg) {
    (void)arg;
    result_fini(&r);
    blob_reset(&out);
    CHECK_INT(spill.open, 0);
}

static void open_rig(uint64_t limit) {
    struct pool *windows = test_pool("windows", 4096, 2);
    memory_spill_init(&spill, 16 << 20);
    blob_init(&out, small, sizeof small, windows, &spill.spill, limit);
    result_init(&r, &out, dialect_find("4.14.7"), windows, &spill.spill, limit);
    test_at_end(close_rig, NULL);
}

static const char *answer(void) {
    struct error e;
    size_t n;
    CHECK_INT(result_finish(&r, &e), E_OK);
    char *bytes = test_keep(malloc((size_t)out.size + 1));
    CHECK_INT(blob_read(&out, 0, (uint8_t *)bytes, (size_t)out.size + 1, &n, &e), E_OK);
    CHECK_INT(n, out.size);
    bytes[n] = '\0';
    return bytes;
}

static const struct result_kind abc = {.all_msg = "a", .some_msg = "s", .none_msg = "n"};

static void fail(const char *id, enum wazuh_class class, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, class, code, extra);
    result_failed(&r, id, &w);
}

TEST(result_items) {
    static const struct result_kind kind = {"All ok", "Some", "None \"x\"", NULL, NULL, false};
    open_rig(1 << 20);
    result_open_items(&r, &kind);
    json_str(result_item(&r), "001");
    result_item_end(&r);
    result_item_raw(&r, "\"002\"", 5);
    result_close_items(&r, UINT64_MAX, NULL);
    CHECK_STR(answer(),
              "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
              "{\"affected_items\": [\"001\", \"002\"], \"sort_fields\": null, \"sort_casting\": "
              "[\"int\"], \"sort_ascending\": [true], \"total_affected_items\": 2, \"total_failed_items\": "
              "0, \"dikt\": {}, \"all_msg\": \"All ok\", \"some_msg\": \"Some\", \"none_msg\": \"None "
              "\\\"x\\\"\", \"failed_items_keys\": [], \"failed_items_values\": []}}}");
}

TEST(result_failed_items) {
    static const struct result_kind kind = {"a", "s", "n", "name\0last.x\0", "str\0int\0", true};
    open_rig(1 << 20);
    result_open_items(&r, &kind);
    fail("003", WAZUH_RESOURCE_NOT_FOUND, 1701, NULL);
    struct json_write *w = result_item(&r);
    json_open(w, '{');
    json_key_str(w, "name", "w1");
    json_key_uint(w, "n", 1);
    json_close(w, '}');
    result_item_end(&r);
    fail("004", WAZUH_ERROR, 1707, "never_connected");
    fail("w2", WAZUH_INTERNAL_ERROR, 1901, NULL);
    result_item_raw(&r, "{\"name\": \"n\\u00e9\"}", 19);
    result_close_items(&r, 7, "{}");
    CHECK_STR(answer(),
              "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
              "{\"affected_items\": [{\"name\": \"w1\", \"n\": 1}, {\"name\": \"n\\u00e9\"}], "
              "\"sort_fields\": [\"name\", \"last.x\"], \"sort_casting\": [\"str\", \"int\"], "
              "\"sort_ascending\": [false, false], \"total_affected_items\": 7, \"total_failed_items\": 3, "
              "\"dikt\": {}, \"all_msg\": \"a\", \"some_msg\": \"s\", \"none_msg\": \"n\", "
              "\"failed_items_keys\": [{\"__object__\": {\"type\": \"about:blank\", \"title\": \"Resource "
              "Not Found\", \"code\": 1701, \"extra_message\": null, \"extra_remediation\": null, "
              "\"cmd_error\": false, \"dapi_errors\": {}, \"ids\": []}, \"__class__\": "
              "\"WazuhResourceNotFound\"}, {\"__object__\": {\"type\": \"about:blank\", \"title\": \"Bad "
              "Request\", \"code\": 1707, \"extra_message\": \"never_connected\", \"extra_remediation\": "
              "null, \"cmd_error\": false, \"dapi_errors\": {}, \"ids\": []}, \"__class__\": "
              "\"WazuhError\"}, {\"__object__\": {\"type\": \"about:blank\", \"title\": \"Wazuh Internal "
              "Error\", \"code\": 1901, \"extra_message\": null, \"extra_remediation\": null, "
              "\"cmd_error\": false, \"dapi_errors\": {}}, \"__class__\": \"WazuhInternalError\"}], "
              "\"failed_items_values\": [[\"003\"], [\"004\"], [\"w2\"]]}}}");
}

/* The error of a denial names the ids that were denied. */
TEST(result_denied_items) {
    open_rig(1 << 20);
    result_open_items(&r, &abc);
    fail("005", WAZUH_PERMISSION_ERROR, 4000, "Resource type: agent:id");
    result_close_items(&r, UINT64_MAX, NULL);
    CHECK_STR(answer(),
              "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
              "{\"affected_items\": [], \"sort_fields\": null, \"sort_casting\": [\"int\"], "
              "\"sort_ascending\": [true], \"total_affected_items\": 0, \"total_failed_items\": 1, "
              "\"dikt\": {}, \"all_msg\": \"a\", \"some_msg\": \"s\", \"none_msg\": \"n\", "
              "\"failed_items_keys\": [{\"__object__\": {\"type\": \"about:blank\", \"title\": "
              "\"Permission Denied\", \"code\": 4000, \"extra_message\": \"Resource type: agent:id\", "
              "\"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}, \"ids\": "
              "[\"005\"]}, \"__class__\": \"WazuhPermissionError\"}], \"failed_items_values\": "
              "[[\"005\"]]}}}");
}

TEST(result_plain) {
    open_rig(1 << 20);
    struct json_write *w = result_open_plain(&r);
    json_open(w, '{');
    json_key_open(w, "data", '{');
    json_key_str(w, "enabled", "yes");
    result_flush(&r);
    json_key_str(w, "running", "yes");
    json_close(w, '}');
    json_close(w, '}');
    result_close_plain(&r);
    CHECK_STR(answer(),
              "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": "
              "null, \"result\": {\"data\": {\"enabled\": \"yes\", \"running\": \"yes\"}}}}}");
}

TEST(result_exceptions) {
    struct wazuh_error w;
    open_rig(1 << 20);
    wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, 1017, NULL);
    result_exception(&r, &w, "w1",
                     "{\"node_name\": \"w1\", \"not_ready_daemons\": \"wazuh-db->stopped, "
                     "wazuh-execd->failed\"}",
                     NULL);
    CHECK_STR(answer(),
              "{\"__wazuh_exception__\": {\"__class__\": \"WazuhInternalError\", \"__object__\": "
              "{\"type\": \"about:blank\", \"title\": \"Wazuh Internal Error\", \"code\": 1017, "
              "\"extra_message\": {\"node_name\": \"w1\", \"not_ready_daemons\": \"wazuh-db->stopped, "
              "wazuh-execd->failed\"}, \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": "
              "{\"w1\": {\"error\": \"Some Wazuh daemons are not ready yet in node \\\"w1\\\" "
              "(wazuh-db->stopped, wazuh-execd->failed)\", \"logfile\": "
              "\"WAZUH_HOME/logs/cluster.log\"}}}}}");
    /* what is in the answer already is dropped */
    wazuh_error_set(&w, WAZUH_PERMISSION_ERROR, 4000, "Resource type: node:id");
    result_exception(&r, &w, "w1", NULL, "w1\0");
    CHECK_STR(answer(),
              "{\"__wazuh_exception__\": {\"__class__\": \"WazuhPermissionError\", \"__object__\": "
              "{\"type\": \"about:blank\", \"title\": \"Permission Denied\", \"code\": 4000, "
              "\"extra_message\": \"Resource type: node:id\", \"extra_remediation\": null, \"cmd_error\": "
              "false, \"dapi_errors\": {\"w1\": {\"error\": \"Permission denied: Resource type: "
              "node:id\"}}, \"ids\": [\"w1\"]}}}");
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3022, "w9");
    result_exception(&r, &w, "m", NULL, NULL);
    CHECK_STR(answer(),
              "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "
              "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": 3022, \"extra_message\": "
              "\"w9\", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {\"m\": "
              "{\"error\": \"Unknown node ID: w9\", \"logfile\": \"WAZUH_HOME/logs/cluster.log\"}}}}}");
}

/* WazuhClusterError was an error of the request, with ids and without a log, up to 4.5 (reference, section
 * 3). */
TEST(result_exception_of_4_5) {
    struct wazuh_error w;
    open_rig(1 << 20);
    r.dialect = dialect_find("4.5.4");
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3022, NULL);
    result_exception(&r, &w, "m", NULL, NULL);
    const char *json = answer();
    CHECK(strstr(json, "\"dapi_errors\": {\"m\": {\"error\": \"Unknown node ID\"}}, \"ids\": []}}}"));
    result_exception(&r, &w, NULL, NULL, NULL);
    CHECK(strstr(answer(), "\"dapi_errors\": {}, \"ids\": []}}}"));
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void check_json(const char *json) {
    static struct json_token tokens[40000];
    struct json_doc d;
    CHECK_INT(json_parse(&d, json, strlen(json), tokens, sizeof tokens / sizeof *tokens, NULL), E_OK);
}

/* More failed items than any buffer holds, of two reasons in turn, through windows and a spill file. */
TEST(result_many_items) {
    char id[16], item[3000];
    open_rig(8 << 20);
    memset(item, 'x', sizeof item);
    item[0] = item[sizeof item - 1] = '"';
    result_open_items(&r, &abc);
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof id, "%03d", i);
        fail(id, WAZUH_PERMISSION_ERROR, i % 2 ? 4000 : 1701, NULL);
        json_uint(result_item(&r), (uint64_t)i + 1000000);
        result_item_end(&r);
    }
    result_item_raw(&r, item, sizeof item);
    result_close_items(&r, UINT64_MAX, NULL);
    const char *json = answer();
    check_json(json);
    CHECK(strstr(json, "[1000000, 1000001, 1000002, "));
    CHECK(strstr(json, "1002999, \"xxx"));
    CHECK(strstr(json, "\"total_affected_items\": 3001, \"total_failed_items\": 3000"));
    CHECK(strstr(json, "\"failed_items_values\": [[\"000\", \"002\", \"004\", "));
    CHECK(strstr(json, "\"2998\"], [\"001\", \"003\", "));
    CHECK_INT(count(json, "\"2999\""), 2); /* once as an id of its error, once as a value */
    CHECK_INT(count(json, "\"__class__\": \"WazuhPermissionError\""), 2);
}

/* Reasons past RESULT_ERRORS are told as the last one; equal ones are one. */
TEST(result_many_reasons) {
    open_rig(1 << 20);
    result_open_items(&r, &abc);
    for (int i = 0; i < 20; i++) {
        char extra[16];
        snprintf(extra, sizeof extra, "%d", i / 2);
        fail("x", WAZUH_ERROR, 1707, extra);
    }
    result_close_items(&r, 0, NULL);
    const char *json = answer();
    check_json(json);
    CHECK_INT(count(json, "\"code\": 1707"), RESULT_ERRORS);
    CHECK_INT(count(json, "\"x\""), 20);
    CHECK(strstr(json, "[\"x\", \"x\"], [\"x\", \"x\", \"x\", \"x\", \"x\", \"x\"]]}}}"));
}

/* The longest item there may be behind as much as may be kept back; and one that is too long. */
TEST(result_longest_item) {
    static char item[API_TEXT_BYTES];
    struct error e;
    open_rig(1 << 20);
    memset(item, 'y', sizeof item);
    for (int i = 0; i < 3; i++) {
        result_init(&r, &out, dialect_find("4.14.7"), NULL, NULL, 1000);
        blob_reset(&out);
        result_open_items(&r, &abc);
        result_item_raw(&r, "1", 1);
        json_str_n(result_item(&r), item, RESULT_ITEM_ROOM - 8); /* two quotes, comma and blank */
        result_item_end(&r);
        json_str_n(result_item(&r), item, API_TEXT_BYTES - (i == 2 ? 2 : RESULT_ITEM_ROOM + 2));
        result_item_end(&r);
        if (i == 1)
            result_item_raw(&r, "2", 1);
        result_close_items(&r, UINT64_MAX, NULL);
        CHECK_INT(result_finish(&r, &e), i == 2 ? E_LIMIT : E_OK);
        result_fini(&r);
    }
    CHECK_STR(e.what, "a part of an answer is longer than 12288 bytes");
}

TEST(result_failed_ids_have_a_length) {
    static char id[1025];
    struct error e;
    open_rig(1 << 20);
    memset(id, 'i', sizeof id - 1);
    for (size_t i = 0; i < 2; i++) {
        result_open_items(&r, &abc);
        fail(id + 1 - i, WAZUH_ERROR, 1701, NULL);
        fail("002", WAZUH_ERROR, 1701, NULL);
        result_close_items(&r, UINT64_MAX, NULL);
        CHECK_INT(result_finish(&r, &e), i ? E_LIMIT : E_OK);
        if (i == 0)
            check_json(answer());
        result_fini(&r);
        blob_reset(&out);
    }
    CHECK_STR(e.what, "the name of a failed item has 1024 bytes");
}

/* No room: the first error is told, and an exception can be answered instead. */
TEST(result_no_room) {
    static char item[9000];
    struct wazuh_error w;
    struct error e;
    open_rig(20000);
    memset(item, '1', sizeof item);
    result_open_items(&r, &abc);
    for (int i = 0; i < 5; i++)
        result_item_raw(&r, item, sizeof item);
    fail("001", WAZUH_ERROR, 1701, NULL);
    result_close_items(&r, UINT64_MAX, NULL);
    CHECK_INT(result_finish(&r, &e), E_LIMIT);
    CHECK_STR(e.what, "more than 20000 bytes");
    wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, 1000, e.what);
    result_exception(&r, &w, "m", NULL, NULL);
    CHECK(strstr(answer(), "\"error\": \"Wazuh Internal Error: more than 20000 bytes\", \"logfile\""));
    blob_reset(&out);
    result_open_items(&r, &abc);
    result_close_items(&r, UINT64_MAX, NULL);
    CHECK(strstr(answer(), "\"total_affected_items\": 0, \"total_failed_items\": 0, "));
    CHECK(strstr(answer(), "\"failed_items_keys\": [], \"failed_items_values\": []}"));
    spill.fail_with = E_SYS;
    result_open_items(&r, &abc);
    result_item_raw(&r, item, sizeof item);
    result_close_items(&r, UINT64_MAX, NULL);
    CHECK_INT(result_finish(&r, &e), E_SYS);
    spill.fail_with = E_OK;
}
