/* test_merge.c - answers of several nodes made one. What is expected is what results.py and exception.py of
 * 4.14.7 make of the same answers with reduce(or_, ...). */
#include "api/merge_parts.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES 10u
#define LIMIT (64u << 20)

static struct pool *windows;
static struct memory_spill spill;
static struct merge_input inputs[NODES];
static struct blob answers[NODES], out;
static uint32_t count;
static bool spilled;
static char *got; /* the merged answer, or what was wrong */
static unsigned steps;

static void put_back(void *arg) {
    (void)arg;
    blob_reset(&out);
    for (uint32_t i = 0; i < NODES; i++)
        blob_reset(&answers[i]);
    CHECK_INT(spill.open, 0);
}

static void set_up(void) {
    memory_spill_init(&spill, LIMIT);
    if (!windows) {
        windows = test_pool("windows", BODY_WINDOW_BYTES, 16);
        test_at_end(put_back, NULL);
    }
    memset(inputs, 0, sizeof inputs);
    blob_init(&out, NULL, 0, windows, &spill.spill, LIMIT);
    for (uint32_t i = 0; i < NODES; i++)
        blob_init(&answers[i], NULL, 0, spilled ? NULL : windows, &spill.spill, LIMIT);
    count = 0;
}

static void drop(void) {
    put_back(NULL);
    count = 0;
}

static struct merge_input *add_input(void) {
    static const char names[NODES][8] = {"node0", "node1", "node2", "node3", "node4",
                                         "node5", "node6", "node7", "node8", "node9"};
    CHECK(count < NODES);
    inputs[count].node = names[count];
    inputs[count].answer = NULL;
    return &inputs[count++];
}

static void add_n(const char *json, size_t n) {
    struct merge_input *input = add_input();
    CHECK_INT(blob_append(&answers[count - 1], (const uint8_t *)json, n, NULL), E_OK);
    input->answer = &answers[count - 1];
}

static void add(const char *json) {
    add_n(json, strlen(json));
}

static void add_missing(enum wazuh_class class, int code) {
    wazuh_error_set(&add_input()->error, class, code, NULL);
}

/* {"__wazuh_result__": ...}; sorting and failed as they stand in the object. */
static void add_items(const char *items, const char *sorting, unsigned total, const char *failed) {
    char room[4096];
    int n =
        snprintf(room, sizeof room,
                 "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
                 "{\"affected_items\": [%s], %s, \"total_affected_items\": %u, \"total_failed_items\": 0, "
                 "\"dikt\": {}, \"all_msg\": \"a%u\", \"some_msg\": \"s\", \"none_msg\": \"n\", %s}}}",
                 items, sorting, total, count, failed);
    CHECK(n > 0 && (size_t)n < sizeof room);
    add_n(room, (size_t)n);
}

#define BY_STR "\"sort_fields\": null, \"sort_casting\": [\"str\"], \"sort_ascending\": [true]"
#define NO_FAILED "\"failed_items_keys\": [], \"failed_items_values\": []"
#define OBJECT(title, code, ids)                                                                             \
    "{\"type\": \"about:blank\", \"title\": \"" title "\", \"code\": " code                                  \
    ", \"extra_message\": null, \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}" ids  \
    "}"
#define EXCEPTION(class, title, code, ids)                                                                   \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": " OBJECT(title, code, ids) "}" \
                                                                                                         "}"
#define WITH_IDS(ids) ", \"ids\": [" ids "]"
#define KEY(class, title, code, ids)                                                                         \
    "{\"__object__\": " OBJECT(title, code, ids) ", \"__class__\": \"" class "\"}"

static enum step run_until(unsigned most, struct error *e) {
    struct merge *m;
    struct merge_setup setup = {.inputs = inputs,
                                .count = count,
                                .out = &out,
                                .dialect = dialect_find("4.14.7"),
                                .windows = windows,
                                .spill = &spill.spill,
                                .limit_bytes = LIMIT};
    enum step step = STEP_AGAIN;
    CHECK_INT(merge_begin(&m, &setup, e), E_OK);
    for (steps = 0; step == STEP_AGAIN && steps < most; steps++)
        step = merge_step(m, e);
    merge_end(m);
    return step;
}

static const char *merged(void) {
    struct error e;
    size_t n;
    enum step step = run_until(UINT32_MAX, &e);
    got = test_keep(malloc((size_t)out.size + sizeof e.what));
    if (step == STEP_FAILED) {
        strcpy(got, e.what);
    } else {
        CHECK_INT(blob_read(&out, 0, (uint8_t *)got, (size_t)out.size, &n, NULL), E_OK);
        CHECK_INT(n, out.size);
        got[n] = '\0';
    }
    return got;
}

/* What lies between the first a and the next z behind it. */
static const char *between(const char *text, const char *a, const char *z) {
    const char *from = strstr(text, a);
    if (!from)
        return text;
    from += strlen(a);
    const char *to = strstr(from, z);
    CHECK(to != NULL);
    char *part = test_keep(calloc(1, (size_t)(to - from) + 1));
    memcpy(part, from, (size_t)(to - from));
    return part;
}

static const char *merged_items(void) {
    return between(merged(), "\"affected_items\": [", "], \"sort_fields\"");
}

/* ---- the whole ---- */

TEST(merge_is_byte_for_byte_that_of_real_nodes) {
    for (unsigned i = 0; i < 2; i++) {
        spilled = i;
        set_up();
        add("{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
            "{\"affected_items\": [{\"name\": \"alpha\", \"n\": 1}, {\"name\": \"delta\", \"n\": [{}]}], "
            "\"sort_fields\": [\"name\"], \"sort_casting\": [\"str\"], \"sort_ascending\": [true], "
            "\"total_affected_items\": 2, \"total_failed_items\": 1, \"dikt\": {}, \"all_msg\": \"All of "
            "them\", "
            "\"some_msg\": \"Some\", \"none_msg\": \"None\", \"failed_items_keys\": [" KEY(
                "WazuhError", "Bad Request", "1701",
                WITH_IDS("")) "], \"failed_items_values\": [[\"003\"]]}}}");
        add("{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
            "{\"affected_items\": [{\"name\": \"Beta\"}, {\"name\": \"beta\"}], \"sort_fields\": [\"name\"], "
            "\"sort_casting\": [\"str\"], \"sort_ascending\": [true], \"total_affected_items\": 7, "
            "\"total_failed_items\": 1, \"dikt\": {}, \"all_msg\": \"b\", \"some_msg\": \"b\", \"none_msg\": "
            "\"b\", "
            "\"failed_items_keys\": [" KEY("WazuhInternalError", "Wazuh Internal Error", "1000",
                                           "") "], \"failed_items_values\": [[\"004\"]]}}}");
        add(EXCEPTION("WazuhResourceNotFound", "Bad Request", "1701", WITH_IDS("\"005\"")));
        CHECK_STR(
            merged(),
            "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
            "{\"affected_items\": [{\"name\": \"Beta\"}, {\"name\": \"alpha\", \"n\": 1}, {\"name\": "
            "\"beta\"}, "
            "{\"name\": \"delta\", \"n\": [{}]}], \"sort_fields\": [\"name\"], \"sort_casting\": [\"str\"], "
            "\"sort_ascending\": [true], \"total_affected_items\": 9, \"total_failed_items\": 3, \"dikt\": "
            "{}, "
            "\"all_msg\": \"All of them\", \"some_msg\": \"Some\", \"none_msg\": \"None\", "
            "\"failed_items_keys\": [" KEY("WazuhError", "Bad Request", "1701", WITH_IDS("")) ", " KEY(
                "WazuhInternalError", "Wazuh Internal Error", "1000",
                "") "], \"failed_items_values\": [[\"003\", \"005\"], [\"004\"]]}}}");
        drop();
    }
}

/* ---- the order of items ---- */

TEST(merge_sorts_as_asked) {
#define SORT(fields, casting, ascending)                                                                     \
    "\"sort_fields\": " fields ", \"sort_casting\": " casting ", \"sort_ascending\": " ascending
    static const struct {
        const char *sorting, *a, *b, *want;
    } cases[] = {
        {SORT("null", "[\"int\"]", "[true]"), "\"002\", \"010\"", "\"1\", \"9\", 20",
         "\"1\", \"002\", \"9\", \"010\", 20"},
        {SORT("null", "[\"str\"]", "[true]"), "\"002\", \"010\"", "\"1\", \"9\", 20",
         "\"002\", \"010\", \"1\", \"9\", 20"},
        {SORT("null", "[\"float\"]", "[true]"), "-1e-3, \"1.5\"", "0, 1.25", "-1e-3, 0, 1.25, \"1.5\""},
        {SORT("null", "[\"int\"]", "[true]"), "1.9", "1, 2", "1.9, 1, 2"}, /* int(1.9) is 1 */
        {SORT("null", "[\"bool\"]", "[true]"), "1, true", "[], \"\", 0.0, {}", "[], \"\", 0.0, {}, 1, true"},
        {SORT("null", "[\"str\"]", "[true]"), "true", "\"Trud\", \"Truf\"", "\"Trud\", true, \"Truf\""},
        {SORT("null", "[\"int\"]", "[false]"), "9, 2", "8, 1", "9, 8, 2, 1"},
        {SORT("null", "[\"int\"]", "[false]"), "9, null", "null, 1",
         "null, 9, null, 1"}, /* null goes first */
        {SORT("[\"a\"]", "[\"int\"]", "\"True\""), "{\"a\": 2}", "{\"a\": 1}", "{\"a\": 1}, {\"a\": 2}"},
        {SORT("[\"a.b\"]", "[\"int\"]", "[true]"), "{\"a\": {\"c\": 0, \"b\": 2}}", "{\"a\": {\"b\": 1}}, {}",
         "{\"a\": {\"b\": 1}}, {}, {\"a\": {\"c\": 0, \"b\": 2}}"},
        {SORT("[\"a\\\\.b\"]", "[\"int\"]", "[true]"), "{\"a.b\": 2, \"a\": {\"b\": 0}}", "{\"a.b\": 1}",
         "{\"a.b\": 1}, {\"a.b\": 2, \"a\": {\"b\": 0}}"},
        {SORT("[\"a.b\"]", "[\"int\"]", "[true]"), "{\"a\": 2}, \"5\"",
         "{\"a\": {\"b\": 3}}, 4", /* as far as it goes */
         "{\"a\": 2}, {\"a\": {\"b\": 3}}, 4, \"5\""},
        {SORT("[\"a\"]", "[\"int\"]", "[true]"), "{\"a\": 9, \"a\": 1}", "{\"a\": 2}",
         "{\"a\": 9, \"a\": 1}, {\"a\": 2}"},
        {SORT("[\"a\", \"b\"]", "[\"int\", \"str\"]", "[true, false]"), "{\"a\": 1, \"b\": \"x\"}",
         "{\"a\": 1, \"b\": \"y\"}, {\"a\": 0}",
         "{\"a\": 1, \"b\": \"y\"}, {\"a\": 0}, {\"a\": 1, \"b\": \"x\"}"},
        {SORT("[\"a\", \"b\"]", "[\"int\"]", "[true, false]"),
         "{\"a\": 1, \"b\": 0}", /* zip(): the shortest counts */
         "{\"a\": 1, \"b\": 9}", "{\"a\": 1, \"b\": 0}, {\"a\": 1, \"b\": 9}"},
        {SORT("[]", "[\"int\"]", "[true]"), "2, {}", "1, []", "2, {}, 1, []"},
        {"\"sort_fields\": null, \"sort_ascending\": [true]", "2", "1", "1, 2"}, /* ["int"] */
        {SORT("null", "[\"int\"]", "[true]"), "", "{\"a\": 1}, []",
         "{\"a\": 1}, []"}, /* nothing to compare with */
        {SORT("[\"a\", \"b\"]", "[\"int\", \"int\"]", "[true, true]"),
         "{\"a\": 1, \"b\": {}}", /* nor for b */
         "{\"a\": 2, \"b\": {}}", "{\"a\": 1, \"b\": {}}, {\"a\": 2, \"b\": {}}"},
        {SORT("null", "[\"int\"]", "[true]"), "\" +1_0\\n\"", "\"\\u0039\"", "\"\\u0039\", \" +1_0\\n\""},
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        spilled = i % 2;
        set_up();
        add_items(cases[i / 2].a, cases[i / 2].sorting, 1, NO_FAILED);
        add_items(cases[i / 2].b, cases[i / 2].sorting, 1, NO_FAILED);
        CHECK_STR(merged_items(), cases[i / 2].want);
        drop();
    }
}

TEST(merge_takes_equal_items_from_the_first_answers_first) {
    set_up();
    for (unsigned i = 0; i < 5; i++)
        add_items(i % 2 ? "{\"a\": 1, \"i\": \"odd\"}, {\"a\": 0}"
                        : "{\"a\": 1, \"i\": \"even\"}, {\"a\": 3}",
                  SORT("[\"a\"]", "[\"int\"]", "[true]"), 2, NO_FAILED);
    CHECK_STR(
        merged_items(),
        "{\"a\": 1, \"i\": \"even\"}, {\"a\": 1, \"i\": \"odd\"}, {\"a\": 0}, {\"a\": 1, \"i\": \"even\"}, "
        "{\"a\": 1, \"i\": \"odd\"}, {\"a\": 0}, {\"a\": 1, \"i\": \"even\"}, {\"a\": 3}, {\"a\": 3}, "
        "{\"a\": 3}");
    CHECK_STR(between(got, "\"total_affected_items\": ", ","), "10");
    CHECK_STR(between(got, "\"all_msg\": ", ","), "\"a0\"");
}

TEST(merge_refuses_what_cannot_be_cast) {
    static const struct {
        const char *cast, *item, *words;
    } cases[] = {
        {"int", "\"x\"", "int"}, {"int", "{}", "int"},       {"int", "\"1.5\"", "int"},
        {"int", "[1]", "int"},   {"float", "\"\"", "float"}, {"float", "[]", "float"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sorting[128], words[64];
        set_up();
        snprintf(sorting, sizeof sorting, SORT("null", "[\"%s\"]", "[true]"), cases[i].cast);
        snprintf(words, sizeof words, "an item cannot be sorted as %s", cases[i].words);
        add_items("1", sorting, 1, NO_FAILED);
        add_items(cases[i].item, sorting, 1, NO_FAILED);
        CHECK_STR(merged(), words);
        drop();
    }
}

/* ---- exceptions ---- */

#define NO_IDS EXCEPTION("WazuhError", "Bad Request", "1000", WITH_IDS(""))
#define IDS EXCEPTION("WazuhError", "Bad Request", "1701", WITH_IDS("\"1\", \"2\""))
#define INTERNAL EXCEPTION("WazuhInternalError", "Wazuh Internal Error", "3021", "")

/* r: a result, i: an error with ids, n: one without, x: an internal error. */
static void add_all(const char *which) {
    for (; *which; which++) {
        char item[8];
        snprintf(item, sizeof item, "%u", count);
        if (*which == 'r')
            add_items(item, SORT("null", "[\"int\"]", "[true]"), 1, NO_FAILED);
        else
            add(*which == 'i' ? IDS : *which == 'n' ? NO_IDS : INTERNAL);
    }
}

TEST(merge_folds_exceptions_from_the_first_to_the_last) {
    static const struct {
        const char *which, *items; /* NULL: the answer is an exception */
        const char *code, *ids;
    } cases[] = {
        {"r", "0", "", ""},
        {"ri", "0", "1701", "[\"1\", \"2\"]"},
        {"ir", "1", "1701", "[\"1\", \"2\"]"},
        {"iri", "1", "1701", "[\"1\", \"2\"]"},
        {"rir", "0, 2", "1701", "[\"1\", \"2\"]"},
        {"rn", NULL, "1000", ""},
        {"nr", NULL, "1000", ""},
        {"rx", NULL, "3021", NULL},
        {"xr", NULL, "3021", NULL},
        {"xi", NULL, "3021", NULL},
        {"rxrir", NULL, "3021", NULL},
        {"i", NULL, "1701", "\"1\", \"2\""},
        {"ni", NULL, "1000", "\"1\", \"2\""},
        {"in", NULL, "1701", "\"1\", \"2\""},
        {"rnr", NULL, "1000", ""},
        {"rnir", "3", "1000", "[\"1\", \"2\"]"}, /* what was there before the error without ids is gone */
        {"rnirxi", NULL, "3021", NULL},
        {"rnirir", "3, 5", "1000", "[\"1\", \"2\"], [\"1\", \"2\"]"},
        {"ixir", "3", "1701", "[\"1\", \"2\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up();
        add_all(cases[i].which);
        merged();
        if (cases[i].items) {
            CHECK_STR(between(got, "\"affected_items\": [", "], "), cases[i].items);
            CHECK_STR(between(got, "\"failed_items_values\": [", "]}}}"), cases[i].ids);
            if (*cases[i].code)
                CHECK_STR(between(got, "\"code\": ", ","), cases[i].code);
        } else {
            CHECK_STR(between(got, "{\"__wazuh_", "__"), "exception");
            CHECK_STR(between(got, "\"code\": ", ","), cases[i].code);
            if (cases[i].ids)
                CHECK_STR(between(got, "\"ids\": [", "]}}}"), cases[i].ids);
            else
                CHECK(!strstr(got, "\"ids\""));
        }
        drop();
    }
}

TEST(merge_joins_dapi_errors_and_ids_of_exceptions) {
    set_up();
    add("{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"type\": "
        "\"about:blank\", "
        "\"title\": \"Bad Request\", \"code\": 1730, \"extra_message\": null, \"extra_remediation\": null, "
        "\"cmd_error\": false, \"dapi_errors\": {\"m\": {\"error\": \"1\"}}, \"ids\": [\"n1\"]}}}");
    add("{\"__wazuh_exception__\": {\"__class__\": \"WazuhInternalError\", \"__object__\": {\"type\": "
        "\"about:blank\","
        " \"title\": \"Wazuh Internal Error\", \"code\": 1000, \"extra_message\": null, "
        "\"extra_remediation\": null, "
        "\"cmd_error\": false, \"dapi_errors\": {\"w\": {\"error\": \"2\"}}}}}");
    add(EXCEPTION("WazuhError", "Bad Request", "4000", WITH_IDS("\"n1\", \"n2\"")));
    CHECK_STR(
        merged(),
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"type\": "
        "\"about:blank\", "
        "\"title\": \"Bad Request\", \"code\": 1730, \"extra_message\": null, \"extra_remediation\": null, "
        "\"cmd_error\": false, \"dapi_errors\": {\"m\": {\"error\": \"1\"}, \"w\": {\"error\": \"2\"}}, "
        "\"ids\": [\"n1\", \"n2\"]}}}");
}

TEST(merge_tells_of_nodes_that_gave_no_answer) {
    set_up();
    add_all("r");
    add_missing(WAZUH_CLUSTER_ERROR, 3022);
    add_missing(WAZUH_RESOURCE_NOT_FOUND, 1730);
    add_missing(WAZUH_CLUSTER_ERROR, 3022);
    CHECK_STR(between(merged(), "\"failed_items_keys\": [", "], \"failed_items_values\""),
              KEY("WazuhError", "Wazuh Cluster Error", "3022", WITH_IDS("\"node1\"")) ", " KEY(
                  "WazuhResourceNotFound", "Resource Not Found", "1730", WITH_IDS("\"node2\"")));
    CHECK_STR(between(got, "\"failed_items_values\": [", "]}}}"), "[\"node1\", \"node3\"], [\"node2\"]");
    drop();
    add_missing(WAZUH_CLUSTER_ERROR, 3022);
    CHECK_STR(merged(), EXCEPTION("WazuhError", "Wazuh Cluster Error", "3022", WITH_IDS("\"node0\"")));
    drop();
    add_all("r");
    add_missing(WAZUH_CLUSTER_ERROR, 3020); /* forward() raises it */
    CHECK_STR(
        between(merged(), "\"dapi_errors\": ", "}}}}"),
        "{\"node1\": {\"error\": \"Timeout sending request\", \"logfile\": \"WAZUH_HOME/logs/cluster.log\"");
}

TEST(merge_tells_equal_errors_once_and_each_id_once) {
    set_up();
    for (unsigned i = 0; i < 3; i++) /* dapi_errors, ids and class do not count; "type" does */
        add_items("", BY_STR, 0,
                  i < 2 ? "\"failed_items_keys\": [" KEY("WazuhError", "T", "1", WITH_IDS("\"9\"")) ", " KEY(
                              "WazuhError", "T", "2",
                              "") "], \"failed_items_values\": [[\"1\", \"2\", \"1\"], [\"1\"]]"
                        : "\"failed_items_keys\": [" KEY("WazuhException", "T", "1", "") ", " KEY(
                              "WazuhError", "U", "1",
                              "") "], \"failed_items_values\": [[3, \"3\", \"1\"], [], [\"x\"]]");
    CHECK_STR(between(merged(), "\"failed_items_keys\": [", "], \"failed_items_values\""),
              KEY("WazuhError", "T", "1", WITH_IDS("\"9\"")) ", " KEY("WazuhError", "T", "2", ""));
    CHECK_STR(between(got, "\"failed_items_values\": [", "]}}}"), "[\"1\", \"2\", 3, \"3\"], [\"1\"]");
    CHECK_STR(between(got, "\"total_failed_items\": ", ","), "5");
}

/* ---- what a node may not send ---- */

TEST(merge_casts_are_names_of_a_table) { /* CVE-2026-44901 */
    static const struct {
        const char *casting, *words;
    } cases[] = {
        {"[\"exec\"]", "node1: Invalid sort_casting type 'exec'. Allowed types: bool, float, int, str"},
        {"[\"int\", \"eval\"]",
         "node1: Invalid sort_casting type 'eval'. Allowed types: bool, float, int, str"},
        {"[\"__import__\"]",
         "node1: Invalid sort_casting type '__import__'. Allowed types: bool, float, int, str"},
        {"[\"Int\"]", "node1: Invalid sort_casting type 'Int'. Allowed types: bool, float, int, str"},
        {"[\"\"]", "node1: Invalid sort_casting type ''. Allowed types: bool, float, int, str"},
        {"\"int\"", "node1: sort_casting must be a list"},
        {"null", "node1: sort_casting must be a list"},
        {"{\"int\": 1}", "node1: sort_casting must be a list"},
        {"[[\"exec\"]]", "node1: sort_casting type must be a string, got list"},
        {"[{\"int\": \"exec\"}]", "node1: sort_casting type must be a string, got dict"},
        {"[null]", "node1: sort_casting type must be a string, got NoneType"},
        {"[7]", "node1: sort_casting type must be a string, got int"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sorting[160];
        set_up();
        snprintf(sorting, sizeof sorting,
                 "\"sort_fields\": null, \"sort_casting\": %s, \"sort_ascending\": [true]", cases[i].casting);
        add_all("r");
        add_items("", sorting, 1, NO_FAILED); /* without an item to cast */
        CHECK_STR(merged(), cases[i].words);
        drop();
    }
}

/* Each name is compared with all before it: a node must not make that hours of work. */
TEST(merge_takes_so_many_failed_items) {
    char *room = test_keep(malloc(MERGE_FAILED_MAX * 12 + 2000)), *at = room;
    set_up();
    at += sprintf(at, "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": %.*s",
                  (int)sizeof OBJECT("T", "1", "") - 2, OBJECT("T", "1", ""));
    at += sprintf(at, ", \"ids\": [0");
    for (uint32_t i = 1; i <= MERGE_FAILED_MAX; i++)
        at += sprintf(at, ", %u", i);
    strcpy(at, "]}}}");
    add_items("", BY_STR, 0, NO_FAILED);
    add(room);
    CHECK(strncmp(merged(), "more than ", 10) == 0);
}

TEST(merge_finds_what_is_more_than_data_at_any_depth) {
    static const char *const items[] = {
        "{\"__callable__\": {\"__name__\": \"system\", \"__module__\": \"os\"}}",
        "{\"a\": [[{\"b\": {\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", "
        "\"__object__\": "
        "{\"sort_casting\": [\"exec\"]}}}}]]}",
        "{\"\\u005f_unhandled_exc__\": {\"__class__\": \"exit\", \"__args__\": []}}",
        "[{\"__wazuh_exception__\": 1}]",
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        set_up();
        add_items(items[i], BY_STR, 1, NO_FAILED);
        CHECK(strstr(merged(), "__ within an answer"));
        drop();
    }
    set_up();
    add_items("{\"__wazuh_datetime__\": \"2026-01-01\"}, \"__callable__\"", BY_STR, 1, NO_FAILED);
    CHECK_STR(merged_items(), "{\"__wazuh_datetime__\": \"2026-01-01\"}, \"__callable__\"");
}

TEST(merge_refuses_answers_of_other_shapes) {
    static const char good[] = SORT("null", "[\"int\"]", "[true]");
    static const struct {
        const char *answer, *words;
    } whole[] = {
        {"", "node0: JSON ends too early"},
        {"{\"__wazuh_result__\": {", "node0: JSON ends too early"},
        {"{\"a\": 1} x", "node0: JSON, byte 9: more after the value"},
        {"{\"__callable__\": {}}", "node0: an answer that is something else as well"},
        {"{\"__unhandled_exc__\": {}}", "node0: an answer that is something else as well"},
        {"{\"__wazuh_result__\": {}}", "node0: __class__ is missing or of the wrong type"},
        {"{\"__wazuh_result__\": {\"__class__\": \"Result\"}}",
         "node0: results of class Result do not exist"},
        {"{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": {}}}",
         "node0: affected_items is missing or of the wrong type"},
        {"{\"__wazuh_exception__\": {\"__class__\": \"OSError\"}}",
         "node0: exceptions of class OSError do not exist"},
        {"{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": \"1\"}}}",
         "node0: code is missing or of the wrong type"},
        {"{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": 1, \"ids\": "
         "\"x\"}}}",
         "node0: ids is missing or of the wrong type"},
        {"{\"__wazuh_exception__\": 1, \"__wazuh_result__\": 1}",
         "node0: an answer that is something else as well"},
    };
    static const struct {
        const char *sorting, *failed, *words;
    } parts[] = {
        {SORT("\"a\"", "[\"int\"]", "[true]"), NO_FAILED,
         "node1: sort_fields is missing or of the wrong type"},
        {SORT("[\"a\"]", "[\"int\"]", "true"), NO_FAILED,
         "node1: sort_ascending is missing or of the wrong type"},
        {good, "\"failed_items_keys\": {}, \"failed_items_values\": []",
         "node1: failed_items_keys is missing or of the wrong type"},
        {good, "\"failed_items_keys\": [1], \"failed_items_values\": [[]]",
         "__class__ is missing or of the wrong type"},
        {good,
         "\"failed_items_keys\": [" KEY("WazuhError", "", "1", "") "], \"failed_items_values\": [\"1\"]",
         "failed_items_values holds what is no list"},
        {good, "\"failed_items_keys\": [" KEY("Error", "", "1", "") "], \"failed_items_values\": [[]]",
         "exceptions of class Error do not exist"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        set_up();
        add(whole[i].answer);
        CHECK_STR(merged(), whole[i].words);
        drop();
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        set_up();
        add_all("r");
        add_items("1", parts[i].sorting, 1, parts[i].failed);
        CHECK_STR(merged(), parts[i].words);
        drop();
    }
    set_up(); /* of the first answer: the others' are not looked at */
    add_items("1", SORT("[5]", "[\"int\"]", "[true]"), 1, NO_FAILED);
    CHECK_STR(merged(), "sort_fields is no list of strings");
    drop();
    add_items("1", SORT("[\"a\", \"b\", \"c\", \"d\", \"e\"]", "[\"int\"]", "[true]"), 1, NO_FAILED);
    CHECK_STR(merged(), "sort_fields has more than 4 of them");
}

/* ---- results without items ---- */

#define PLAIN                                                                                                \
    "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": null, "      \
    "\"result\": {\"data\": [1]}}}}"

TEST(merge_leaves_one_result_without_items_as_it_is) {
    set_up();
    add(PLAIN);
    add_missing(WAZUH_PERMISSION_ERROR, 4000); /* it was not asked */
    CHECK_STR(merged(), PLAIN);
    drop();
    add("{\"message\": \"raw\"}");
    CHECK_STR(merged(), "{\"message\": \"raw\"}");
    drop();
    add(PLAIN);
    add(IDS);
    CHECK_STR(merged(), IDS);
    drop();
    add(IDS);
    add(PLAIN);
    CHECK_STR(merged(), IDS);
    drop();
    add(PLAIN);
    add_all("r");
    CHECK_STR(merged(), "results without items of several nodes cannot be merged");
    drop();
    add_all("r");
    add(PLAIN);
    CHECK_STR(merged(), "results without items of several nodes cannot be merged");
}

TEST(merge_takes_what_stands_beside_the_items_from_one) {
    static const char *const dikts[][3] = {
        {"{}", "{\"older_than\": \"7d\"}", "{\"older_than\": \"7d\"}"},
        {"{\"older_than\": \"7d\"}", "{ }", "{\"older_than\": \"7d\"}"},
        {"{\"older_than\": \"7d\"}", "{\"older_than\": \"7d\"}", "{\"older_than\": \"7d\"}"},
        {"{\"x\": 1}", "{\"x\": 2}", NULL},
    };
    for (size_t i = 0; i < sizeof dikts / sizeof *dikts; i++) {
        set_up();
        for (unsigned k = 0; k < 2; k++) {
            char room[1024];
            snprintf(room, sizeof room,
                     "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
                     "{\"affected_items\": [], " BY_STR ", \"total_affected_items\": 0, \"dikt\": %s, "
                     "\"all_msg\": \"\", \"some_msg\": \"\", \"none_msg\": \"\", " NO_FAILED "}}}",
                     dikts[i][k]);
            add(room);
        }
        merged();
        if (dikts[i][2])
            CHECK_STR(between(got, "\"dikt\": ", ", \"all_msg\""), dikts[i][2]);
        else
            CHECK_STR(got, "what several nodes say beside their items cannot be merged");
        drop();
    }
}

/* ---- size and faults ---- */

static void add_long(const char *head, unsigned from, unsigned to, unsigned by, size_t filling,
                     const char *tail) {
    size_t cap = ((to - from) / by + 1) * (filling + 32) + 8192;
    char *room = test_keep(malloc(cap));
    struct text t;
    text_init(&t, room, cap);
    text_str(&t, head);
    for (unsigned i = from; i < to; i += by) {
        text_format(&t, "%s{\"f\": \"", i == from ? "" : ",\n ");
        for (size_t k = 0; k < filling; k++)
            text_char(&t, 'f');
        text_format(&t, "\", \"a\": \"%06u\"}", i);
    }
    text_str(&t, tail);
    CHECK(!t.cut);
    add_n(room, t.len);
}

#define HEAD                                                                                                 \
    "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "                  \
    "{\"affected_items\": ["
#define TAIL                                                                                                 \
    "], " SORT("[\"a\"]", "[\"int\"]",                                                                       \
               "[true]") ", \"total_affected_items\": 1, \"dikt\": {}, "                                     \
                         "\"all_msg\": \"\", \"some_msg\": \"\", \"none_msg\": \"\", " NO_FAILED "}}}"

TEST(merge_of_long_answers_goes_in_pieces) {
    for (unsigned i = 0; i < 2; i++) {
        spilled = i;
        set_up();
        for (unsigned k = 0; k < 7; k++)
            add_long(HEAD, k, 21000, 7, 3, TAIL);
        const char *at = merged();
        CHECK_STR(between(got, "\"total_affected_items\": ", ","), "7");
        CHECK(steps > 20 && steps < 400);
        for (unsigned k = 0; k < 21000; k++) {
            while (*at &&
                   memcmp(at, "\"a\": \"", 6) != 0) /* strstr of a sanitizer measures the whole each time */
                at++;
            CHECK(*at);
            at += 6;
            CHECK_INT((at[0] - '0') * 100000 + (at[1] - '0') * 10000 + (at[2] - '0') * 1000 +
                          (at[3] - '0') * 100 + (at[4] - '0') * 10 + (at[5] - '0'),
                      k);
        }
        CHECK(!strstr(at, "\"a\": \""));
        drop();
    }
}

TEST(merge_of_items_longer_than_any_window) {
    spilled = true;
    set_up();
    add_long(HEAD, 0, 4, 2, 300000, TAIL);
    add_long(HEAD, 1, 4, 2, 300000, TAIL);
    const char *at = merged();
    CHECK(out.size > 4 * 300000);
    for (unsigned k = 0; k < 4; k++) {
        at = strstr(at, "\"a\": \"");
        CHECK_INT(strtol(at += 6, NULL, 10), k);
    }
}

TEST(merge_of_many_failed_ids) {
    char *room = test_keep(malloc(1 << 20));
    set_up();
    for (unsigned k = 0; k < 3; k++) { /* each has 3000 of its own, and 1000 that all have */
        struct text t;
        text_init(&t, room, 1 << 20);
        text_str(&t, "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": "
                     "1, \"ids\": [");
        for (unsigned i = 0; i < 4000; i++)
            text_format(&t, "%s\"%u\"", i ? ", " : "", i < 1000 ? i : 10000 * (k + 1) + i);
        text_str(&t, "]}}}");
        if (k == 0)
            add_all("r");
        add_n(room, t.len);
    }
    merged();
    CHECK_STR(between(got, "\"total_failed_items\": ", ","), "10000");
    unsigned commas = 0;
    for (const char *at = strstr(got, "failed_items_values"); *at; at++)
        commas += *at == ',';
    CHECK_INT(commas, 9999);
}

TEST(merge_ends_at_any_time) {
    struct error e;
    unsigned most = 0;
    enum step step = STEP_AGAIN;
    spilled = true;
    set_up();
    add_long(HEAD, 0, 3000, 2, 50, TAIL);
    add_long(HEAD, 1, 3000, 2, 50, TAIL);
    add(IDS);
    while (step == STEP_AGAIN) {
        step = run_until(++most, &e);
        blob_reset(&out);
        CHECK_INT(windows->used, 0);
    }
    CHECK_INT(step, STEP_DONE);
    CHECK(most > 5);
}

TEST(merge_without_room_says_so) {
    struct merge *m;
    struct error e;
    struct merge_setup setup = {
        .inputs = inputs, .count = 1, .windows = test_pool("windows", BODY_WINDOW_BYTES, 1)};
    void *taken = pool_take(setup.windows);
    CHECK_INT(merge_begin(&m, &setup, &e), E_POOL);
    CHECK(m == NULL);
    merge_end(m);
    pool_give(setup.windows, taken);
    setup.count = 0;
    CHECK_INT(merge_begin(&m, &setup, &e), E_LIMIT);
    setup.count = API_PARTS_MAX + 1;
    CHECK_INT(merge_begin(&m, &setup, &e), E_LIMIT);
}

/* The spill file fails at its n-th call, for every n until none fails. */
static unsigned calls, fail_at;
static enum err (*real_read)(struct spill *, int, uint64_t, uint8_t *, size_t, struct error *);
static enum err (*real_append)(struct spill *, int, const uint8_t *, size_t, struct error *);
static enum err faulty_read(struct spill *s, int handle, uint64_t at, uint8_t *buf, size_t n,
                            struct error *e) {
    return ++calls == fail_at ? error_set(e, E_SYS, 0, "a fault") : real_read(s, handle, at, buf, n, e);
}
static enum err faulty_append(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e) {
    return ++calls == fail_at ? error_set(e, E_SPACE, 0, "a fault") : real_append(s, handle, bytes, n, e);
}

TEST(merge_passes_on_every_fault) {
    enum step step = STEP_FAILED;
    spilled = true;
    set_up();
    real_read = spill.spill.read_at;
    real_append = spill.spill.append;
    add_all("ri");
    add_items(
        "7", SORT("[\"a.b\", \"c\"]", "[\"int\", \"str\"]", "[true, true]"), 1,
        "\"failed_items_keys\": [" KEY("WazuhError", "T", "1", "") "], \"failed_items_values\": [[\"1\"]]");
    add_missing(WAZUH_CLUSTER_ERROR, 3022);
    for (fail_at = 1; step == STEP_FAILED; fail_at++) {
        struct error e = {.code = E_OK};
        blob_reset(&out);
        out.windows = NULL;
        calls = 0;
        spill.spill.read_at = faulty_read;
        spill.spill.append = faulty_append;
        step = run_until(1000, &e);
        spill.spill.read_at = real_read;
        spill.spill.append = real_append;
        CHECK(step == STEP_DONE || ((e.code == E_SYS || e.code == E_SPACE) && strstr(e.what, "a fault")));
        CHECK_INT(windows->used, 0);
    }
    CHECK_INT(step, STEP_DONE);
    CHECK(fail_at > 20 && calls < fail_at);
}
