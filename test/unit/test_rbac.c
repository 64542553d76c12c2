/* test_rbac.c - permissions: the expected sets are those that the decorators of Wazuh 4.14.7 make of the same
 * permissions (rbac/decorators.py, with the agents, groups and nodes below). */
#include "api/rbac.h"
#include "test/harness/harness.h"
#include "test/harness/store_rig.h"

#include <stdio.h>
#include <stdlib.h>

static struct api_request r;

/* The request as it comes from the reader. */
static void read_request(const char *mode, const char *rules) {
    static char json[8192];
    struct blob body;
    struct wazuh_error why;
    enum step step;
    int n = snprintf(json, sizeof json,
                     "{\"f\": {\"__callable__\": {\"__name__\": \"f\", \"__module__\": \"wazuh\", "
                     "\"__qualname__\": \"f\"}}, \"rbac_permissions\": {\"rbac_mode\": \"%s\", \"a:b\": %s}}",
                     mode, rules);
    CHECK(n > 0 && (size_t)n < sizeof json);
    blob_init(&body, (uint8_t *)json, sizeof json, NULL, NULL, sizeof json);
    body.size = (uint64_t)n;
    api_request_init(&r, &body, 0, NULL, NULL, 0);
    while ((step = api_request_find_function(&r, &why)) == STEP_AGAIN)
        ;
    CHECK_INT(step, STEP_DONE);
    while ((step = api_request_read(&r, "a:b\0", &why)) == STEP_AGAIN)
        ;
    CHECK_INT(step, STEP_DONE);
}

static const char agents[] = "000\0"
                             "001\0"
                             "002\0"
                             "003\0"
                             "004\0"
                             "010\0"
                             "1000\0";
static const char groups_of[] = "-\0a\0a,b\0b\0default\0default\0-\0"; /* -: none */
static const char nodes[] = "m\0w1\0w2\0zz\0";                         /* zz is in no cluster */
static const char groups[] = "a\0b\0default\0e\0";

static const struct {
    const char *mode, *rules, *agents, *nodes, *groups;
    bool no_resource;
} cases[] = {
    {"white", "{}", "", "", "", false},
    {"black", "{}", "000 001 002 003 004 010 1000", "m w1 w2 zz", "a b default e", true},
    /* the last that fits decides */
    {"white", "{\"agent:id:*\": \"allow\", \"agent:id:002\": \"deny\"}", "000 001 003 004 010 1000", "", "",
     false},
    {"white", "{\"agent:id:002\": \"deny\", \"agent:id:*\": \"allow\"}", "000 001 002 003 004 010 1000", "",
     "", false},
    {"black", "{\"agent:group:a\": \"deny\", \"agent:id:001\": \"allow\"}", "000 001 003 004 010 1000",
     "m w1 w2 zz", "a b default e", true},
    {"black", "{\"agent:id:001\": \"allow\", \"agent:group:a\": \"deny\"}", "000 003 004 010 1000",
     "m w1 w2 zz", "a b default e", true},
    {"white", "{\"agent:group:a\": \"allow\", \"agent:group:b\": \"deny\", \"agent:id:003\": \"allow\"}",
     "001 003", "", "", false},
    {"black", "{\"agent:group:*\": \"deny\", \"agent:group:b\": \"allow\"}", "002 003", "m w1 w2 zz",
     "a b default e", true},
    {"white",
     "{\"agent:id:1\": \"allow\", \"agent:id:0001\": \"allow\", \"agent:id:x\": \"allow\", "
     "\"agent:id:1000\": \"allow\", \"agent:id:000\": \"allow\"}",
     "000 1000", "", "", false},
    {"black", "{\"agent:id:*\": \"deny\", \"agent:id:*&group:id:*\": \"allow\"}", "", "m w1 w2 zz",
     "a b default e", true},
    {"white", "{\"node:id:*\": \"allow\", \"node:id:w1\": \"deny\"}", "", "m w2 zz", "", false},
    {"black", "{\"node:id:*\": \"deny\", \"node:id:zz\": \"allow\", \"group:id:*\": \"deny\"}",
     "000 001 002 003 004 010 1000", "zz", "", true},
    {"white", "{\"group:id:a\": \"allow\", \"*:*:*\": \"allow\"}", "", "", "a", true},
    {"black", "{\"*:*:*\": \"deny\", \"group:id:b\": \"deny\"}", "000 001 002 003 004 010 1000", "m w1 w2 zz",
     "a default e", false},
    {"black", "{\"agent:id:001\": \"DENY\", \"agent:id:002\": \"Allow\", \"agent:id:003\": \"allow\"}",
     "000 003 004 010 1000", "m w1 w2 zz", "a b default e", true},
};

static void check(const char *rules, const char *kind, const char *items, const char *of, const char *want) {
    char got[128];
    struct text t;
    text_init(&t, got, sizeof got);
    for (; *items; items += strlen(items) + 1) {
        const char *its = of && *of == '-' ? "" : of;
        if (rbac_allows(&r, "a:b", kind, items, its))
            text_format(&t, "%s%s", t.len ? " " : "", items);
        of = of ? of + strlen(of) + 1 : NULL;
    }
    if (strcmp(got, want) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s: got '%s', want '%s'", rules, kind, got, want);
}

TEST(rbac_one_by_one) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_request(cases[i].mode, cases[i].rules);
        check(cases[i].rules, "agent:id", agents, groups_of, cases[i].agents);
        check(cases[i].rules, "node:id", nodes, NULL, cases[i].nodes);
        check(cases[i].rules, "group:id", groups, NULL, cases[i].groups);
        CHECK_INT(rbac_allows(&r, "a:b", "*:*", "*", NULL), cases[i].no_resource);
        /* of another action nothing is said */
        CHECK_INT(rbac_allows(&r, "a:c", "agent:id", "001", ""), cases[i].mode[0] == 'b');
    }
}

TEST(rbac_all_agents_at_once) {
    static struct store_rig rig;
    static const int64_t ids[] = {1, 2, 3, 4, 10, 1000};
    static const char *const in[] = {"a", "a,b", "b", "default", "default"};
    char sql[4096], got[128];
    struct text t;
    store_rig_library();
    store_rig_open(&rig, "m", false, true);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char name[16];
        snprintf(name, sizeof name, "agent%zu", i);
        store_rig_agent(&rig, ids[i], name);
        if (i < sizeof in / sizeof *in)
            store_rig_groups(&rig, ids[i], in[i], false);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_request(cases[i].mode, cases[i].rules);
        text_init(&t, sql, sizeof sql);
        text_str(&t, "SELECT id FROM agent WHERE ");
        CHECK_INT(rbac_agents_sql(&r, "a:b", &t), E_OK);
        text_str(&t, " ORDER BY id");
        const char *rows = store_rig_select(&rig, sql);
        text_init(&t, got, sizeof got);
        for (; *rows; rows = strchr(rows, '\n') + 1)
            text_format(&t, "%s%03d", t.len ? " " : "", atoi(rows));
        if (strcmp(got, cases[i].agents) != 0)
            test_fail(__FILE__, __LINE__, "%s: got '%s', want '%s'", cases[i].rules, got, cases[i].agents);
    }
}

static void check_sql(const char *mode, const char *rules, const char *want) {
    char sql[1024];
    struct text t;
    read_request(mode, rules);
    text_init(&t, sql, sizeof sql);
    CHECK_INT(rbac_agents_sql(&r, "a:b", &t), E_OK);
    CHECK_STR(sql, want);
}

TEST(rbac_sql_is_short) {
    check_sql("white", "{\"agent:id:001\": \"allow\", \"agent:id:*\": \"deny\"}", "0");
    check_sql("white", "{\"agent:id:*\": \"allow\", \"node:id:*\": \"deny\"}", "1");
    check_sql("white", "{\"agent:id:001\": \"allow\", \"agent:id:012\": \"allow\"}",
              "CASE WHEN id IN (12,1) THEN 1 ELSE 0 END");
    check_sql(
        "black", "{\"agent:group:a-b\": \"deny\", \"node:id:m\": \"deny\", \"agent:group:c.d\": \"deny\"}",
        "CASE WHEN id IN (SELECT id_agent FROM belongs WHERE id_group IN (SELECT id FROM `group` WHERE name "
        "IN ('c.d','a-b'))) THEN 0 ELSE 1 END");
}

/* Whatever stands in a rule, only numbers and names of groups get into a statement. */
TEST(rbac_sql_is_no_way_in) {
    check_sql("white",
              "{\"agent:id:1) OR (1\": \"allow\", \"agent:id:001 \": \"allow\", \"agent:id:-01\": "
              "\"allow\", \"agent:id:99999999999\": \"allow\", \"agent:id:\": \"allow\"}",
              "0");
    check_sql("white",
              "{\"agent:group:x') OR ('1\": \"allow\", \"agent:group:\": \"allow\", \"agent:group:..\": "
              "\"allow\", \"agent:group:a\\\"b\": \"allow\"}",
              "0");
}

/* In Python such rules are exceptions, and there is no answer: nothing is allowed. */
TEST(rbac_rules_that_cannot_be_read) {
    static const char *const bad[] = {"agent:id", "agent:id:a:b",     "x",
                                      "",         "agent:id:\\u0000", "agent:id:\\ud800"};
    char rules[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(rules, sizeof rules, "{\"%s\": \"allow\", \"agent:id:*\": \"allow\"}", bad[i]);
        check_sql("black", rules, "0");
        CHECK(!rbac_allows(&r, "a:b", "agent:id", "001", ""));
        CHECK(!rbac_allows(&r, "a:b", "*:*", "*", NULL));
    }
    char longer[700];
    snprintf(longer, sizeof longer, "{\"agent:group:%0600d\": \"deny\"}", 0);
    check_sql("black", longer, "0");
}

/* Who does not know an agent's groups must not slip past a denial of one. */
TEST(rbac_groups_that_are_not_known) {
    read_request("black", "{\"agent:group:a\": \"deny\"}");
    CHECK(!rbac_allows(&r, "a:b", "agent:id", "001", NULL));
    CHECK(rbac_allows(&r, "a:b", "agent:id", "001", ""));
    CHECK(rbac_allows(&r, "a:b", "agent:id", "001", "aa,ab,b"));
    CHECK(!rbac_allows(&r, "a:b", "agent:id", "001", "b,a"));
    read_request("white", "{\"agent:group:a\": \"allow\", \"agent:group:*\": \"allow\"}");
    CHECK(rbac_allows(&r, "a:b", "agent:id", "001", NULL));
    read_request("white", "{\"agent:group:a\": \"allow\"}");
    CHECK(!rbac_allows(&r, "a:b", "agent:id", "001", NULL));
}

TEST(rbac_sql_that_does_not_fit) {
    char sql[64];
    struct text t;
    read_request("white", "{\"agent:group:default\": \"allow\"}");
    text_init(&t, sql, sizeof sql);
    CHECK_INT(rbac_agents_sql(&r, "a:b", &t), E_LIMIT);
}

TEST(rbac_denied_words) {
    struct wazuh_error w;
    rbac_denied(&w, "node:id");
    CHECK_INT(w.class, WAZUH_PERMISSION_ERROR);
    CHECK_INT(w.code, 4000);
    CHECK_STR(w.extra, "Resource type: node:id");
    CHECK(!w.remediation);
}
