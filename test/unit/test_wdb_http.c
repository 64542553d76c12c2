/* test_wdb_http.c - the HTTP routes over an embedded store. What is expected is what wazuh-db 4.14.7 answers
 * (src/shared_modules/router/src/wazuh-db and its serializer): what is empty is left out, ids are numbers but
 * as keys of objects, a list that is a whole answer stands alone. */
#include "src/store/agents_parts.h"
#include "store/wdb_http.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MOST (4u << 20)

_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
static struct sys sys;
static struct db db;
static struct agents agents;
static struct store_texts texts;
static struct wdb_http h;
static struct memory_spill spill;
static struct blob body, out;
static struct http head;
static int root;
static unsigned steps;
static char *answer;
static void (*between)(unsigned step); /* two steps */

static void must(enum err err, const struct error *e) {
    if (err)
        test_fail(__FILE__, __LINE__, "%d: %s", err, e->what);
}

static void close_all(void *arg) {
    (void)arg;
    blob_reset(&body);
    blob_reset(&out);
    CHECK_INT(spill.open, 0);
    CHECK(!db_in_transaction(&db));
    db_close(&db);
    db_library_close();
    sys.close(&sys, root);
}

static void open_store(void) {
    struct error e;
    sys_linux_init(&sys);
    root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    must(db_library_open(arena, sizeof arena, &e), &e);
    must(db_open(&db, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e), &e);
    must(agents_open(&agents, &db, &sys, false, AGENTS_MAX, &e), &e);
    memory_spill_init(&spill, 64u << 20);
    blob_init(&body, NULL, 0, NULL, &spill.spill, 32u << 20);
    blob_init(&out, NULL, 0, NULL, &spill.spill, 32u << 20);
    answer = test_keep(malloc(ANSWER_MOST));
    test_at_end(close_all, NULL);
}

/* Runs one request to its end; the answer's status. */
static int ask(const char *method, const char *path, const char *text) {
    struct error e;
    size_t n;
    enum step step = STEP_DONE;
    blob_reset(&body);
    blob_reset(&out);
    snprintf(head.method, sizeof head.method, "%s", method);
    snprintf(head.path, sizeof head.path, "%s", path);
    must(blob_append(&body, (const uint8_t *)text, strlen(text), &e), &e);
    memset(&h, 0xa5, sizeof h);
    bool begun = wdb_http_begin(&h, &agents, &texts, &head, &body, &out);
    memset(&head, 0x5a, sizeof head); /* need not stay */
    for (steps = 0; begun && (steps == 0 || step == STEP_AGAIN); steps++) {
        step = wdb_http_step(&h);
        CHECK(step == STEP_DONE || step == STEP_AGAIN);
        CHECK(!db_in_transaction(&db));
        memset(texts.reply, 0xa5, sizeof texts.reply);
        memset(texts.tokens, 0xa5, sizeof texts.tokens);
        if (between && step == STEP_AGAIN)
            between(steps);
    }
    must(blob_read(&out, 0, (uint8_t *)answer, ANSWER_MOST - 1, &n, &e), &e);
    CHECK_INT(n, out.size);
    answer[n] = '\0';
    return h.status;
}

#define ANSWERS(method, path, text, want)                                                                    \
    do {                                                                                                     \
        CHECK_INT(ask(method, path, text), 200);                                                             \
        CHECK_STR(answer, want);                                                                             \
        CHECK_STR(h.type, "application/json");                                                               \
    } while (0)
#define REFUSES(method, path, text, status)                                                                  \
    do {                                                                                                     \
        CHECK_INT(ask(method, path, text), status);                                                          \
        CHECK(*answer && !strchr(answer, '{'));                                                              \
        CHECK_STR(h.type, "text/plain");                                                                     \
    } while (0)

static void add(int64_t id, const char *name) {
    struct error e;
    must(agents_insert(&agents, id, name, "any", NULL, NULL, 1700000000, &e), &e);
}

/* groups: a list "a\0b\0". */
static void join(int64_t id, const char *groups) {
    const char *names[8];
    struct error e;
    size_t n = 0;
    for (; *groups; groups += strlen(groups) + 1) {
        must(groups_insert(&agents, groups, &e), &e);
        names[n++] = groups;
    }
    must(agents_set_groups(&agents, id, GROUPS_OVERRIDE, names, n, false, &e), &e);
}

/* As a worker tells of it. */
static void report(int64_t id, const char *members) {
    char text[1024];
    snprintf(text, sizeof text, "{\"syncreq\":[{\"id\":%lld,%s}]}", (long long)id, members);
    CHECK_INT(ask("POST", "/v1/agents/sync", text), 200);
}

static void state(int64_t id, const char *connection, const char *platform, const char *version) {
    char members[400];
    snprintf(
        members, sizeof members,
        "\"name\":\"a%lld\",\"ip\":\"any\",\"connection_status\":\"%s\",\"os_platform\":\"%s\",\"version\":"
        "\"%s\",\"group_config_status\":\"synced\",\"last_keepalive\":1700000100",
        (long long)id, connection, platform, version);
    report(id, members);
}

TEST(nothing_there) {
    open_store();
    ANSWERS("GET", "/v1/agents/ids", "", "[]");
    ANSWERS("GET", "/v1/agents/ids/groups", "", "{}");
    ANSWERS("GET", "/v1/agents/ids/groups/default", "", "[]");
    ANSWERS("GET", "/v1/agents/1/groups", "", "[]");
    ANSWERS("GET", "/v1/agents/sync", "", "{}");
    ANSWERS("POST", "/v1/agents/summary", "", "{}");
    ANSWERS("POST", "/v1/agents/summary", "[]", "{}");
    ANSWERS("POST", "/v1/agents/restartinfo", "", "{\"items\":[{\"id\":0}]}");
    ANSWERS("POST", "/v1/agents/restartinfo", "{\"ids\":[1],\"negate\":false}", "{\"items\":[]}");
    CHECK_INT(ask("POST", "/v1/agents/sync", "{}"), 200);
    CHECK_STR(answer, "");
    CHECK(!h.type);
}

TEST(routes) {
    static const char *const none[][2] = {
        {"GET", "/"},
        {"GET", "/v1/agents"},
        {"GET", "/v1/agents/"},
        {"GET", "/v1/agents/idsx"},
        {"GET", "/v1/agents/ids/"},
        {"GET", "/v1/agents/ids/groups/a/b"},
        {"GET", "/v1/agents/1/groups/"},
        {"GET", "/v1/agents/1/group"},
        {"GET", "/v1/agents/1/2/groups"},
        {"GET", "/v1/agents/summary"},
        {"GET", "/v1/agents/restartinfo"},
        {"POST", "/v1/agents/ids"},
        {"PUT", "/v1/agents/sync"},
        {"HEAD", "/v1/agents/ids"},
        {"", "/v1/agents/ids"},
    };
    open_store();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_INT(ask(none[i][0], none[i][1], ""), 404);
        CHECK_INT(steps, 0);
        CHECK_STR(answer, "This route is not served");
        CHECK_STR(h.type, "text/plain");
    }
}

TEST(lists) {
    open_store();
    add(1, "aa");
    add(2, "bb");
    add(10, "cc");
    join(1, "web\0default\0");
    join(10, "default\0");
    ANSWERS("GET", "/v1/agents/ids", "", "[1,2,10]");
    ANSWERS("GET", "/v1/agents/ids/groups", "",
            "{\"data\":{\"1\":[\"web\",\"default\"],\"10\":[\"default\"]}}");
    ANSWERS("GET", "/v1/agents/ids/groups/default", "", "[1,10]");
    ANSWERS("GET", "/v1/agents/ids/groups/web", "", "[1]");
    ANSWERS("GET", "/v1/agents/ids/groups/", "", "[]");
    ANSWERS("GET", "/v1/agents/ids/groups/WEB", "", "[]");
    ANSWERS("GET", "/v1/agents/ids/groups/web' OR '1'='1", "", "[]");
    /* what std::stoi takes for a number */
    ANSWERS("GET", "/v1/agents/1/groups", "", "[\"web\",\"default\"]");
    ANSWERS("GET", "/v1/agents/010/groups", "", "[\"default\"]");
    ANSWERS("GET", "/v1/agents/ +10x/groups", "", "[\"default\"]");
    ANSWERS("GET", "/v1/agents/-1/groups", "", "[]");
    ANSWERS("GET", "/v1/agents/2/groups", "", "[]");
    ANSWERS("GET", "/v1/agents/2147483647/groups", "", "[]");
    REFUSES("GET", "/v1/agents/2147483648/groups", "", 500);
    REFUSES("GET", "/v1/agents/99999999999999999999999/groups", "", 500);
    REFUSES("GET", "/v1/agents/x/groups", "", 500);
    REFUSES("GET", "/v1/agents/-/groups", "", 500);
    REFUSES("GET", "/v1/agents//groups", "", 500);
}

/* ---- pages ---- */

static void add_many(unsigned n) {
    struct error e;
    char name[16];
    must(db_begin(&db, &e), &e);
    for (unsigned i = 1; i <= n; i++) {
        snprintf(name, sizeof name, "a%u", i);
        add(i, name);
        join(i, i % 2 ? "odd\0default\0" : "default\0");
    }
    must(db_commit(&db, &e), &e);
}

static char *numbers(unsigned from, unsigned to, unsigned by) {
    char *list = test_keep(malloc(16 + to * 8)), *at = list;
    *at++ = '[';
    for (unsigned i = from; i <= to; i += by)
        at += sprintf(at, "%s%u", i == from ? "" : ",", i);
    strcpy(at, "]");
    return list;
}

TEST(pages) {
    open_store();
    add_many(1024);
    ANSWERS("GET", "/v1/agents/ids", "", numbers(1, 1024, 1));
    CHECK_INT(steps, 5);
    ANSWERS("GET", "/v1/agents/ids/groups/odd", "", numbers(1, 1023, 2));
    CHECK_INT(steps, 3);
    CHECK_INT(ask("GET", "/v1/agents/ids/groups", ""), 200);
    CHECK(steps >= 1536 / 257 && steps <= 1536 / 256 + 1);
    char *want = test_keep(malloc(1024 * 40)), *at = want + sprintf(want, "{\"data\":{");
    for (unsigned i = 1; i <= 1024; i++)
        at += sprintf(at, "%s\"%u\":[%s\"default\"]", i == 1 ? "" : ",", i, i % 2 ? "\"odd\"," : "");
    strcpy(at, "}}");
    CHECK_STR(answer, want);
    add(1025, "last");
    ANSWERS("GET", "/v1/agents/ids", "", numbers(1, 1025, 1));
}

/* What others do between two steps is done, and seen. */
static void remove_some(unsigned step) {
    struct error e;
    if (step == 0)
        for (int64_t id = 250; id < 300; id++)
            must(agents_delete(&agents, id, NULL, &e), &e);
}

TEST(rows_go_between_pages) {
    open_store();
    add_many(600);
    between = remove_some;
    CHECK_INT(ask("GET", "/v1/agents/ids", ""), 200);
    CHECK(strstr(answer, ",255,256,300,301,") != NULL); /* the first page was told already */
    between = NULL;
    CHECK_INT(ask("GET", "/v1/agents/ids", ""), 200);
    CHECK(strstr(answer, ",248,249,300,301,") != NULL);
}

/* ---- summary ---- */

TEST(summary) {
    open_store();
    for (int i = 1; i <= 7; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        add(i, name);
    }
    state(1, "active", "ubuntu", "Wazuh v4.14.7");
    state(2, "active", "ubuntu", "Wazuh v4.14.7");
    state(3, "disconnected", "windows", "Wazuh v4.9.2");
    state(4, "pending", "", "");
    state(5, "active", "darwin", "Wazuh v4.14.7");
    join(1, "default\0web\0");
    join(2, "default\0");
    join(3, "db\0default\0");
    join(6, "web\0");
    ANSWERS("POST", "/v1/agents/summary", "",
            "{\"agents_by_status\":{\"active\":3,\"disconnected\":1,\"never_connected\":2,\"pending\":1},"
            "\"agents_by_groups\":{\"db\":1,\"default\":3,\"web\":2},"
            "\"agents_by_os\":{\"darwin\":1,\"ubuntu\":2,\"windows\":1}}");
    /* ids: anything that holds numbers, in any order, as often as one likes */
    ANSWERS("POST", "/v1/agents/summary", "[1, 3]",
            "{\"agents_by_status\":{\"active\":1,\"disconnected\":1},"
            "\"agents_by_groups\":{\"db\":1,\"default\":2,\"web\":1},"
            "\"agents_by_os\":{\"ubuntu\":1,\"windows\":1}}");
    ANSWERS("POST", "/v1/agents/summary", "3,1 1;003-9x[3]",
            "{\"agents_by_status\":{\"active\":1,\"disconnected\":1},"
            "\"agents_by_groups\":{\"db\":1,\"default\":2,\"web\":1},"
            "\"agents_by_os\":{\"ubuntu\":1,\"windows\":1}}");
    ANSWERS("POST", "/v1/agents/summary", "[7]", "{\"agents_by_status\":{\"never_connected\":1}}");
    ANSWERS("POST", "/v1/agents/summary", "[6]",
            "{\"agents_by_status\":{\"never_connected\":1},\"agents_by_groups\":{\"web\":1}}");
    ANSWERS("POST", "/v1/agents/summary", "[4]", "{\"agents_by_status\":{\"pending\":1}}");
    ANSWERS("POST", "/v1/agents/summary", "[0,8,-1,--1,99999999999999999999991,18446744073709551617]", "{}");
    ANSWERS("POST", "/v1/agents/summary", "nobody", "{}");
}

/* Without ids the five largest are told; of equals the first ones. */
TEST(the_largest_of_a_summary) {
    open_store();
    char name[32], group[32];
    int64_t id = 0;
    for (unsigned i = 1; i <= 8; i++) /* g1: 8 agents, g2: 7, ... */
        for (unsigned k = 0; k <= 8 - i; k++) {
            snprintf(name, sizeof name, "n%lld", (long long)++id);
            add(id, name);
            memset(group, 0, sizeof group);
            snprintf(group, sizeof group, "g%u", i);
            join(id, group);
            snprintf(name, sizeof name, "os%u", i < 6 ? i : 9 - i); /* os3: 6 + 3, os2: 7 + 2, os1: 8 + 1 */
            state(id, "active", name, "v");
        }
    ANSWERS("POST", "/v1/agents/summary", "",
            "{\"agents_by_status\":{\"active\":36},\"agents_by_groups\":{\"g1\":8,\"g2\":7,\"g3\":6,\"g4\":5,"
            "\"g5\":4},\"agents_by_os\":{\"os1\":9,\"os2\":9,\"os3\":9,\"os4\":5,\"os5\":4}}");
    ANSWERS("POST", "/v1/agents/summary", numbers(1, 36, 1),
            "{\"agents_by_status\":{\"active\":36},\"agents_by_groups\":{\"g1\":8,\"g2\":7,\"g3\":6,\"g4\":5,"
            "\"g5\":4,\"g6\":3,\"g7\":2,\"g8\":1},\"agents_by_os\":{\"os1\":9,\"os2\":9,\"os3\":9,\"os4\":5,"
            "\"os5\":4}}");
}

TEST(equals_in_a_summary) {
    open_store();
    for (int i = 1; i <= 7; i++) {
        char name[16], group[16] = "";
        snprintf(name, sizeof name, "a%d", i);
        add(i, name);
        snprintf(group, sizeof group, "g%d", i);
        join(i, group);
        state(i, "active", group, "v");
    }
    ANSWERS("POST", "/v1/agents/summary", "",
            "{\"agents_by_status\":{\"active\":7},\"agents_by_groups\":{\"g1\":1,\"g2\":1,\"g3\":1,\"g4\":1,"
            "\"g5\":1},\"agents_by_os\":{\"g1\":1,\"g2\":1,\"g3\":1,\"g4\":1,\"g5\":1}}");
}

TEST(a_long_summary) {
    open_store();
    add_many(1000);
    ANSWERS("POST", "/v1/agents/summary", numbers(1, 20000, 3),
            "{\"agents_by_status\":{\"never_connected\":334},\"agents_by_groups\":{\"default\":334,\"odd\":"
            "167}}");
    CHECK(steps >= 4);
    ANSWERS("POST", "/v1/agents/summary", "",
            "{\"agents_by_status\":{\"never_connected\":1000},\"agents_by_groups\":{\"default\":1000,\"odd\":"
            "500}}");
    char *many = test_keep(malloc(HTTP_IDS_BYTES + 2));
    memset(many, ' ', HTTP_IDS_BYTES + 1);
    many[HTTP_IDS_BYTES + 1] = '\0';
    REFUSES("POST", "/v1/agents/summary", many, 413);
    REFUSES("POST", "/v1/agents/restartinfo", many, 413);
}

/* Groups with ids that share a place in the tally, and more platforms than fit. */
TEST(full_tallies) {
    char name[16], group[300];
    open_store();
    struct error e;
    must(db_begin(&db, &e), &e);
    for (unsigned i = 1; i <= 900; i++) {
        snprintf(name, sizeof name, "a%u", i);
        add(i, name);
        memset(group, 0, sizeof group);
        snprintf(group, sizeof group, "g%03u", i);
        join(i, group);
    }
    must(db_commit(&db, &e), &e);
    for (unsigned i = 1; i <= 100; i++) {
        memset(group, 'x', 250);
        snprintf(group + 250, 20, "%02u", i);
        state(i, "active", group, "v");
    }
    CHECK_INT(ask("POST", "/v1/agents/summary", numbers(1, 900, 1)), 200);
    for (unsigned i = 1; i <= 900; i++) {
        snprintf(group, sizeof group, "\"g%03u\":1%s", i, i < 900 ? "," : "}");
        CHECK(strstr(answer, group) != NULL);
    }
    CHECK(strstr(answer, "xx01\":1") && strstr(answer, "xx30\":1") && !strstr(answer, "xx33\":1"));
}

/* ---- restartinfo ---- */

TEST(restartinfo) {
    open_store();
    for (int i = 1; i <= 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        add(i, name);
    }
    state(1, "active", "", "Wazuh v4.14.7");
    state(2, "disconnected", "", "Wazuh v4.14.7");
    state(3, "active", "", "Wazuh \\\"v4\\\"");
    state(5, "active", "", "");
    static const char all[] = "{\"items\":[{\"id\":0},{\"id\":1,\"version\":\"Wazuh v4.14.7\"},"
                              "{\"id\":3,\"version\":\"Wazuh \\\"v4\\\"\"},{\"id\":5}]}";
    static const char path[] = "/v1/agents/restartinfo";
    ANSWERS("POST", path, "", all);
    ANSWERS("POST", path, "{}", all);
    ANSWERS("POST", path, "{\"ids\":[],\"negate\":true}", all);
    ANSWERS("POST", path, "{\"ids\":7}", all);
    ANSWERS("POST", path, "[1]", all);
    ANSWERS("POST", path, "{\"ids\": [1, 2, 5, 9], \"negate\": false}",
            "{\"items\":[{\"id\":1,\"version\":\"Wazuh v4.14.7\"},{\"id\":5}]}");
    ANSWERS("POST", path, "{\"negate\":true,\"ids\":[0,1,2,5]}",
            "{\"items\":[{\"id\":3,\"version\":\"Wazuh \\\"v4\\\"\"}]}");
    ANSWERS("POST", path, "{\"negate\":\"true\",\"ids\":[5]}", "{\"items\":[{\"id\":5}]}");
    ANSWERS("POST", path, "{\"x\":[1,3],\"y\":{\"ids\":[1]},\"ids\":[5]}", "{\"items\":[{\"id\":5}]}");
    ANSWERS("POST", path, "{\"ids\":[1,3],\"ids\":[5]}", "{\"items\":[{\"id\":5}]}"); /* the last counts */
    REFUSES("POST", path, "{\"ids\":[\"1\"]}", 500);
    REFUSES("POST", path, "{\"ids\":[1.5]}", 500);
    REFUSES("POST", path, "{\"ids\":[[1]]}", 500);
    REFUSES("POST", path, "{\"ids\":[1000000000000000000000000000000000000000000000000]}", 500);
    REFUSES("POST", path, "{\"ids\":[1]", 500);
    REFUSES("POST", path, "{\"ids\":[1]}}", 500);
    REFUSES("POST", path, "x", 500);
}

TEST(a_long_restartinfo) {
    open_store();
    add_many(600);
    for (int i = 1; i <= 600; i += 100)
        state(i, "active", "", "v");
    ANSWERS("POST", "/v1/agents/restartinfo", "{\"ids\":[1,501,2],\"negate\":true}",
            "{\"items\":[{\"id\":0},{\"id\":101,\"version\":\"v\"},{\"id\":201,\"version\":\"v\"},"
            "{\"id\":301,\"version\":\"v\"},{\"id\":401,\"version\":\"v\"}]}");
    CHECK_INT(steps, 3);
}

/* ---- sync ---- */

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static void pending(int64_t id, const char *how) {
    struct error e;
    if (strcmp(how, "syncreq_status") == 0)
        must(agents_put_connection(&agents, id, "disconnected", how, 3, &e), &e);
    else
        must(agents_put_keepalive(&agents, id, "active", how, &e), &e);
}

TEST(what_is_to_be_told) {
    open_store();
    for (int i = 1; i <= 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        add(i, name);
    }
    report(1,
           "\"name\":\"one\",\"ip\":\"10.0.0.1\",\"os_name\":\"Ubuntu\",\"os_uname\":\"\",\"version\":\"v4\","
           "\"node_name\":\"w1\",\"last_keepalive\":1700000100,\"connection_status\":\"active\","
           "\"group_config_status\":\"synced\",\"labels\":[{\"key\":\"k\",\"value\":\"v\"}]");
    pending(1, "syncreq");
    state(2, "active", "", "v4.14");
    pending(2, "syncreq_keepalive");
    state(3, "active", "", "v4.15");
    pending(3, "syncreq_status");
    CHECK_INT(ask("GET", "/v1/agents/sync", ""), 200);
    char *keepalive = strstr(answer, "\"syncreq_keepalive\""), *status = strstr(answer, "\"syncreq_status\"");
    CHECK(keepalive && status && keepalive < status);
    CHECK(starts(answer,
                 "{\"syncreq\":[{\"id\":1,\"name\":\"one\",\"ip\":\"10.0.0.1\",\"os_name\":\"Ubuntu\","
                 "\"version\":\"v4\",\"node_name\":\"w1\",\"last_keepalive\":"));
    CHECK(strstr(answer, "\"status_code\":0,\"labels\":[{\"key\":\"k\",\"value\":\"v\"}]}],") != NULL);
    CHECK(starts(keepalive, "\"syncreq_keepalive\":[{\"id\":2,\"version\":\"v4.14\"}],"));
    CHECK(starts(status, "\"syncreq_status\":[{\"id\":3,\"version\":\"v4.15\",\"connection_status\":"
                         "\"disconnected\",\"disconnection_time\":"));
    CHECK_STR(strstr(status, ",\"status_code\""), ",\"status_code\":3}]}");
    ANSWERS("GET", "/v1/agents/sync", "", "{}");
}

/* Of a row that is written to after it was told, the next request tells again. */
static void write_again(unsigned step) {
    if (step == 0)
        pending(1, "syncreq_keepalive");
}

TEST(many_to_be_told) {
    struct error e;
    open_store();
    add_many(700);
    must(db_begin(&db, &e), &e);
    for (int i = 1; i <= 700; i++)
        pending(i, i <= 300 ? "syncreq" : "syncreq_keepalive");
    must(db_commit(&db, &e), &e);
    between = write_again;
    CHECK_INT(ask("GET", "/v1/agents/sync", ""), 200);
    between = NULL;
    CHECK(steps >= 3);
    unsigned n = 0;
    for (char *p = answer; (p = strstr(p, "{\"id\":")); p++)
        n++;
    CHECK(n == 700 || n == 701); /* it is told again at once when its list is still to come */
    CHECK(strstr(answer, "],\"syncreq_keepalive\":[{\"id\":") != NULL);
    CHECK_INT(ask("GET", "/v1/agents/sync", ""), 200);
    CHECK_STR(answer, n == 701 ? "{}" : "{\"syncreq_keepalive\":[{\"id\":1}]}");
    ANSWERS("GET", "/v1/agents/sync", "", "{}");
}

TEST(what_a_worker_tells) {
    open_store();
    add(1, "a1");
    add(2, "a2");
    add(3, "a3");
    CHECK_INT(ask("POST", "/v1/agents/sync",
                  "{\"other\":[{\"id\":\"x\"}],\"syncreq\":[{\"id\":1,\"name\":\"a1\",\"ip\":\"any\","
                  "\"version\":\"v1\","
                  "\"connection_status\":\"active\",\"group_config_status\":\"synced\",\"last_keepalive\":"
                  "1700000001,"
                  "\"labels\":[{\"key\":\"k\",\"value\":\"v\"}]},{\"id\":77,\"name\":\"none\",\"connection_"
                  "status\":"
                  "\"active\",\"group_config_status\":\"synced\"}],"
                  "\"syncreq_keepalive\":[{\"id\":2,\"version\":\"v2\"}],"
                  "\"syncreq_status\":[{\"id\":3,\"version\":\"v3\",\"connection_status\":\"disconnected\","
                  "\"disconnection_time\":5,\"status_code\":1}]}"),
              200);
    CHECK_STR(answer, "");
    CHECK(!h.type);
    ANSWERS("POST", "/v1/agents/restartinfo", "{\"ids\":[1,2,3,77]}",
            "{\"items\":[{\"id\":1,\"version\":\"v1\"},{\"id\":2,\"version\":\"v2\"}]}");
    ANSWERS("POST", "/v1/agents/summary", "[1,2,3,77]",
            "{\"agents_by_status\":{\"active\":2,\"disconnected\":1}}");
    ANSWERS("GET", "/v1/agents/ids", "", "[1,2,3]");
    ANSWERS("GET", "/v1/agents/sync", "", "{}"); /* what came from elsewhere is not told */
}

TEST(what_cannot_be_applied) {
    open_store();
    add(1, "a1");
    add(2, "a2");
    static const char path[] = "/v1/agents/sync";
#define FIRST "{\"syncreq_keepalive\":[{\"id\":1,\"version\":\"v\"}"
    REFUSES("POST", path, "", 500);
    REFUSES("POST", path, FIRST, 500);
    REFUSES("POST", path, FIRST "]", 500);
    REFUSES("POST", path, FIRST "]} x", 500);
    /* nothing of what is no JSON was applied */
    ANSWERS("POST", "/v1/agents/summary", "", "{\"agents_by_status\":{\"never_connected\":2}}");
    /* what stands before one that is not an agent was, as there */
    REFUSES("POST", path, FIRST ",{\"version\":\"v\"},{\"id\":2,\"version\":\"v\"}]}", 500);
    ANSWERS("POST", "/v1/agents/summary", "", "{\"agents_by_status\":{\"active\":1,\"never_connected\":1}}");
    REFUSES("POST", path, "{\"syncreq\":[7]}", 500);
    REFUSES("POST", path, "{\"syncreq\":[{\"id\":\"1\"}]}", 500);
    char *many = test_keep(malloc(STRING_AGENT_BYTES + 200));
    int n = sprintf(many, "{\"syncreq_keepalive\":[{\"id\":1,\"version\":\"");
    memset(many + n, 'v', STRING_AGENT_BYTES);
    strcpy(many + n + STRING_AGENT_BYTES, "\"}]}");
    REFUSES("POST", path, many, 400);
    /* other shapes say nothing */
    CHECK_INT(ask("POST", path, "[{\"syncreq\":[7]}]"), 200);
    CHECK_INT(ask("POST", path, "{\"syncreq\":null}"), 200);
    CHECK_INT(ask("POST", path, "{\"syncreq\":[]}"), 200);
}

TEST(many_told) {
    open_store();
    add_many(2000);
    char *text = test_keep(malloc(2000 * 80)), *at = text + sprintf(text, "{\"syncreq_keepalive\":[");
    for (unsigned i = 1; i <= 2000; i++)
        at += sprintf(at, "%s{\"id\":%u,\"version\":\"Wazuh v4.14.7\"}", i == 1 ? "" : ", ", i);
    strcpy(at, "]}");
    uint64_t commits = db.commits;
    CHECK_INT(ask("POST", "/v1/agents/sync", text), 200);
    CHECK(steps >= 2000 / HTTP_ROWS && steps <= 2 * (2000 / HTTP_ROWS) + 4);
    CHECK(db.commits - commits >= 2000 / HTTP_ROWS && db.commits - commits <= steps);
    CHECK_INT(ask("POST", "/v1/agents/summary", ""), 200);
    CHECK(strstr(answer, "{\"active\":2000}") != NULL);
}

/* ---- faults ---- */

TEST(the_spool_is_full) {
    open_store();
    add_many(600);
    static const char *const paths[] = {"/v1/agents/ids", "/v1/agents/ids/groups",
                                        "/v1/agents/ids/groups/odd"};
    for (unsigned i = 0; i < 3; i++) {
        blob_reset(&out);
        spill.limit = spill.size + 1000;
        CHECK_INT(ask("GET", paths[i], ""), 500);
        CHECK_STR(h.type, "text/plain");
        spill.limit = 64u << 20;
        CHECK_INT(ask("GET", paths[i], ""), 200);
    }
    for (int i = 1; i <= 600; i++)
        pending(i, "syncreq");
    blob_reset(&out);
    spill.limit = spill.size; /* nothing at all: not even words */
    CHECK_INT(ask("GET", "/v1/agents/sync", ""), 500);
    CHECK(!h.type);
    spill.limit = 64u << 20;
    CHECK_INT(ask("GET", "/v1/agents/sync", ""), 200);
    CHECK(strstr(answer, "[{\"id\":1,\"name\":\"a1\"") !=
          NULL); /* a piece that went nowhere was not marked */
}
