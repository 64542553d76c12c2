/* test_wazuh_error.c - errors as 4.14.7 and 4.4.0 write them: the expected JSON and words are the output of
 * their own encoders. */
#include "test/harness/harness.h"
#include "wire/wazuh_error.h"

#define BEGIN(class, title, code, extra)                                                                     \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {\"type\": \"about:blank\", "  \
                                                         "\"title\": \"" title "\", \"code\": " code         \
                                                         ", \"extra_message\": " extra                       \
                                                         ", \"extra_remediation\": null, \"cmd_error\": "    \
                                                         "false, \"dapi_errors\": {}"
#define END "}}}"
#define IDS ", \"ids\": []"

static void check_both(enum wazuh_class class, int code, const char *extra, const char *version,
                       const char *json, const char *words) {
    char buf[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    struct wazuh_error w, again;
    wazuh_error_set(&w, class, code, extra);
    text_init(&t, buf, sizeof buf);
    wazuh_error_write(&t, &w, dialect_find(version));
    CHECK(!t.cut);
    CHECK_STR(buf, json);
    wazuh_error_read(&again, buf, t.len);
    CHECK_INT(again.class, class);
    CHECK_INT(again.code, code);
    CHECK_INT(again.has_extra, extra != NULL);
    CHECK_STR(again.extra, extra ? extra : "");
    text_init(&t, buf, sizeof buf);
    wazuh_error_words(&t, &again);
    CHECK_STR(buf, words);
}

TEST(wazuh_error_classes_of_4_14) {
    check_both(WAZUH_CLUSTER_ERROR, 3031, NULL, "4.14.7",
               BEGIN("WazuhClusterError", "Wazuh Cluster Error", "3031", "null") END,
               "Error 3031 - Worker and master versions are not the same");
    check_both(WAZUH_CLUSTER_ERROR, 3028, "worker1", "4.6.0",
               BEGIN("WazuhClusterError", "Wazuh Cluster Error", "3028", "\"worker1\"") END,
               "Error 3028 - Worker node ID already exists: worker1");
    check_both(WAZUH_ERROR, 1730, "n\xc3\xa9 \"x\"\\", "4.14.7",
               BEGIN("WazuhError", "Bad Request", "1730", "\"n\\u00e9 \\\"x\\\"\\\\\"") IDS END,
               "Error 1730 - Node does not exist: n\xc3\xa9 \"x\"\\");
    check_both(WAZUH_INTERNAL_ERROR, 1000, "not enough values to unpack (expected 4, got 3)", "4.14.7",
               BEGIN("WazuhInternalError", "Wazuh Internal Error", "1000",
                     "\"not enough values to unpack (expected 4, got 3)\"") END,
               "Error 1000 - Wazuh Internal Error: not enough values to unpack (expected 4, got 3)");
    check_both(WAZUH_EXCEPTION, 3020, "", "4.14.7",
               BEGIN("WazuhException", "WazuhException", "3020", "\"\"") END,
               "Error 3020 - Timeout sending request");
    check_both(WAZUH_RESOURCE_NOT_FOUND, 1730, NULL, "4.14.7",
               BEGIN("WazuhResourceNotFound", "Resource Not Found", "1730", "null") IDS END,
               "Error 1730 - Node does not exist");
    check_both(WAZUH_PERMISSION_ERROR, 4000, "a", "4.14.7",
               BEGIN("WazuhPermissionError", "Permission Denied", "4000", "\"a\"") IDS END,
               "Error 4000 - Permission denied: a");
}

TEST(wazuh_error_classes_of_4_5) {
    check_both(WAZUH_CLUSTER_ERROR, 3028, "worker1", "4.5.4",
               BEGIN("WazuhClusterError", "Wazuh Cluster Error", "3028", "\"worker1\"") IDS END,
               "Error 3028 - Worker node ID already exists: worker1");
    check_both(WAZUH_INTERNAL_ERROR, 1000, NULL, "4.4.0",
               BEGIN("WazuhInternalError", "Wazuh Internal Error", "1000", "null") END,
               "Error 1000 - Wazuh Internal Error");
}

static void check_words(const char *payload, size_t n, enum wazuh_class class, const char *words) {
    char buf[1024];
    struct text t;
    struct wazuh_error w;
    wazuh_error_read(&w, payload, n);
    text_init(&t, buf, sizeof buf);
    wazuh_error_words(&t, &w);
    CHECK_STR(buf, words);
    CHECK_INT(w.class, class);
}
#define WORDS(payload, class, words) check_words(payload, sizeof payload - 1, class, words)

#define OBJECT(class, members)                                                                               \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {" members "}}}"

TEST(wazuh_error_reads_plain_text) {
    WORDS("unknown command 'b'xyz''", WAZUH_CLUSTER_ERROR, "Error 3000 - Cluster: unknown command 'b'xyz''");
    WORDS("Write path not allowed", WAZUH_CLUSTER_ERROR, "Error 3000 - Cluster: Write path not allowed");
    WORDS("two\nlines\0\x1b[2J\x7f", WAZUH_CLUSTER_ERROR, "Error 3000 - Cluster: two?lines??[2J?");
    WORDS("", WAZUH_CLUSTER_ERROR, "Error 3000 - Cluster");
}

TEST(wazuh_error_reads_other_shapes) {
    static const char *const other[] = {
        "{}",
        "[]",
        "null",
        "3031",
        "\"x\"",
        "{\"code\": 3031}",
        "{\"__unhandled_exc__\": {\"__class__\": \"ValueError\", \"__args__\": [1]}}",
        "{\"__wazuh_exception__\": 1}",
        "{\"__wazuh_exception__\": {\"__object__\": []}}",
        OBJECT("WazuhError", "\"title\": \"x\""),
        OBJECT("WazuhError", "\"code\": \"1000\""),
        OBJECT("WazuhError", "\"code\": -1"),
        OBJECT("WazuhError", "\"code\": 100000"),
        OBJECT("WazuhError", "\"code\": 3031"
                             "}"),
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char want[256] = "Error 3000 - Cluster: ";
        strncat(want, other[i], sizeof want - 1 - strlen(want));
        check_words(other[i], strlen(other[i]), WAZUH_CLUSTER_ERROR, want);
    }
}

TEST(wazuh_error_reads_what_later_versions_add) {
    WORDS(OBJECT("WazuhHAPHelperError", "\"code\": 3045, \"extra_message\": \"h\", \"more\": {\"a\": [1]}"),
          WAZUH_EXCEPTION, "Error 3045 - h");
    WORDS(OBJECT("WazuhError", "\"code\": 9999, \"extra_message\": null"), WAZUH_ERROR, "Error 9999");
    WORDS(
        OBJECT("WazuhInternalError", "\"code\": 1000, \"extra_message\": \"only this\", \"cmd_error\": true"),
        WAZUH_INTERNAL_ERROR, "Error 1000 - only this");
    WORDS(OBJECT("WazuhError", "\"code\": 1017, \"extra_message\": {\"node_name\": \"w1\"}"), WAZUH_ERROR,
          "Error 1017 - Some Wazuh daemons are not ready yet in node \"w1\" ({not_ready_daemons})");
    WORDS(OBJECT("WazuhError", "\"code\": 1000, \"extra_message\": \"a\\u001bb\\nc\""), WAZUH_ERROR,
          "Error 1000 - Wazuh Internal Error: a?b?c");
    WORDS(OBJECT("A class with a name longer than any", "\"code\": 3031"), WAZUH_EXCEPTION,
          "Error 3031 - Worker and master versions are not the same");
    WORDS("{\"__wazuh_exception__\": {\"__object__\": {\"code\": 3031}}}", WAZUH_EXCEPTION,
          "Error 3031 - Worker and master versions are not the same");
}

TEST(wazuh_error_long_texts_are_cut_between_characters) {
    struct wazuh_error w;
    char text[600];
    memset(text, 'x', sizeof text);
    memcpy(text + 253, "\xe2\x82\xac", 3); /* its third byte would be the 256th */
    wazuh_error_read(&w, text, sizeof text);
    CHECK_INT(strlen(w.extra), 253);
    text[252] = 'x';
    memcpy(text + 252, "\xe2\x82\xacx", 4);
    wazuh_error_read(&w, text, sizeof text);
    CHECK_INT(strlen(w.extra), 255);
    wazuh_error_read(&w, text, 255);
    CHECK_INT(strlen(w.extra), 255);
    char json[2000] =
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": 1000, "
        "\"extra_message\": \"";
    size_t n = strlen(json);
    memset(json + n, 'y', 1500);
    strcpy(json + n + 1500, "\"}}}");
    wazuh_error_read(&w, json, strlen(json));
    CHECK_INT(w.code, 1000);
    CHECK_INT(strlen(w.extra), 255);
    CHECK_MEM(w.extra, "yyyy", 4);
}

/* Each byte of the extra message may become six characters. */
TEST(wazuh_error_always_fits_its_room) {
    struct wazuh_error w;
    char extra[400], buf[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    memset(extra, 0x80, sizeof extra - 1); /* no UTF-8 */
    extra[0] = 'x';
    extra[sizeof extra - 1] = '\0';
    for (int class = WAZUH_EXCEPTION; class <= WAZUH_PERMISSION_ERROR; class ++) {
        wazuh_error_set(&w, (enum wazuh_class) class, 99999, NULL);
        w.has_extra = true;
        memcpy(w.extra, extra, sizeof w.extra);
        w.extra[sizeof w.extra - 1] = '\0';
        text_init(&t, buf, sizeof buf);
        wazuh_error_write(&t, &w, dialect_find("4.4.0"));
        CHECK(!t.cut);
        CHECK(t.len > 1530);
    }
}

/* The words of 4.14.7 for an object with both members; what it says cannot break the line of a log. */
TEST(wazuh_error_1017_is_filled_in) {
    WORDS(OBJECT("WazuhInternalError",
                 "\"code\": 1017, \"extra_message\": {\"node_name\": \"w1\", \"not_ready_daemons\": "
                 "\"wazuh-db->stopped, wazuh-execd->failed\"}"),
          WAZUH_INTERNAL_ERROR,
          "Error 1017 - Some Wazuh daemons are not ready yet in node \"w1\" (wazuh-db->stopped, "
          "wazuh-execd->failed)");
    WORDS(OBJECT("WazuhInternalError", "\"code\": 1017, \"extra_message\": {\"node_name\": \"a\\nb{}\", "
                                       "\"not_ready_daemons\": 7}"),
          WAZUH_INTERNAL_ERROR,
          "Error 1017 - Some Wazuh daemons are not ready yet in node \"a?b{}\" ({not_ready_daemons})");
}

/* An object that was read whole is written as it was; what was cut, or changed, as the text it has become. */
TEST(wazuh_error_objects_stay_objects) {
    static const char said[] =
        OBJECT("WazuhInternalError", "\"code\": 1017, \"extra_message\": {\"a\": [1]}");
    static const char broken[] =
        OBJECT("WazuhInternalError", "\"code\": 1017, \"extra_message\": {\"a\":\n[1]}");
    char buf[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    struct wazuh_error w;
    wazuh_error_read(&w, said, sizeof said - 1);
    text_init(&t, buf, sizeof buf);
    wazuh_error_write(&t, &w, dialect_find("4.14.7"));
    CHECK_STR(buf, BEGIN("WazuhInternalError", "Wazuh Internal Error", "1017", "{\"a\": [1]}") END);
    wazuh_error_read(&w, broken, sizeof broken - 1);
    text_init(&t, buf, sizeof buf);
    wazuh_error_write(&t, &w, dialect_find("4.14.7"));
    CHECK_STR(buf, BEGIN("WazuhInternalError", "Wazuh Internal Error", "1017", "\"{\\\"a\\\":?[1]}\"") END);
}
