/* test_authd.c - what wazuh-authd of 4.14.7 answers on its local socket, from the embedded store and
 * client.keys. Answers and rules: src/os_auth/local-server.c and auth.c. */
#include "api/authd.h"
#include "test/unit/keys_rig.h"

#include <time.h>

#define K1 "1111111111111111111111111111111111111111111111111111111111111111"
#define K2 "2222222222222222222222222222222222222222222222222222222222222222"
#define WEB_HASH "cffe9881321c5fe367e01e14db0aa67c16a00c2b"
#define PATH "etc/client.keys"

static struct store_texts texts;
static struct embedded store;
static char out_room[1024];
static int64_t now = 1700000000;

static int64_t wall(struct sys *s) {
    (void)s;
    return now * INT64_C(1000000000);
}

static void open_master(uint32_t limit) {
    rig_open(true, limit);
    rig.faults.sys.wall_ns = wall;
    store.texts = &texts;
    test_write_file("etc/shared/default/agent.conf", "", 0);
    test_write_file("etc/shared/web/agent.conf", "", 0);
    test_write_file("etc/shared/db/agent.conf", "", 0);
}

static void put(const char *content) {
    test_write_file(PATH, content, strlen(content));
    while (client_keys_step(&rig.keys, &rig.e) == STEP_AGAIN)
        ;
    keys_log_clear();
}

static const char *ask(const char *message) {
    struct text out;
    text_init(&out, out_room, sizeof out_room);
    authd_answer(&store, &rig.keys, &rig.log, message, strlen(message), &out);
    CHECK(!out.cut);
    CHECK(!db_in_transaction(&rig.db));
    return out.buf;
}

static const char *add(const char *arguments) {
    static char message[70000];
    snprintf(message, sizeof message, "{\"arguments\":{%s},\"function\":\"add\"}", arguments);
    return ask(message);
}

#define FAILS(code, words, got) CHECK_STR(got, "{\"error\":" #code ",\"message\":\"" words "\"}")
#define BAD_JSON(got) FAILS(9002, "Parsing JSON input", got)
#define TAKEN_NAME(got) FAILS(9008, "Duplicate name", got)

/* The key of a good answer for that agent. */
static const char *good(const char *got, const char *id, const char *name, const char *ip) {
    static char key[65];
    char want[600];
    size_t n = strlen(got);
    CHECK(n > 64 + 3);
    snprintf(key, sizeof key, "%.64s", got + n - 64 - 3);
    snprintf(want, sizeof want,
             "{\"error\":0,\"data\":{\"id\":\"%s\",\"name\":\"%s\",\"ip\":\"%s\",\"key\":\"%s\"}}", id, name,
             ip, key);
    CHECK_STR(got, want);
    CHECK_INT(strspn(key, "0123456789abcdef"), 64);
    return key;
}

static void check_file(const char *want) {
    const char *got = test_read_file(PATH, NULL);
    CHECK(got != NULL);
    CHECK_STR(got, want);
    CHECK(!test_read_file("etc/.client.keys.new", NULL));
}

static const char *rows(void) {
    return rig_sql("select id, name, register_ip, `group` from agent where id > 0 order by id");
}

TEST(an_agent_is_added) {
    char want[400];
    open_master(100);
    /* as authd of a worker asks (reference, section 13) */
    const char *key = good(ask("{\"arguments\":{\"name\":\"a1\",\"ip\":\"any\"},\"function\":\"add\"}"),
                           "001", "a1", "any");
    snprintf(want, sizeof want, "001 a1 any %s\n", key);
    check_file(want);
    CHECK_STR(rows(), "1|a1|any|default");
    CHECK_STR(rig_sql("select group_sync_status, internal_key from agent where id = 1") + 8, key);
    good(add("\"name\":\"a2\",\"ip\":\"10.0.0.7\",\"groups\":\"web,db,web\""), "002", "a2", "10.0.0.7");
    good(add("\"name\":\"a3\",\"ip\":\"10.1.0.0/16\",\"id\":\"1234\",\"groups\":\"\""), "1234", "a3",
         "10.1.0.0/16");
    good(add("\"name\":\"a4\",\"ip\":\"::1\",\"id\":null"), "1235", "a4", "::1");
    CHECK_STR(rows(),
              "1|a1|any|default 2|a2|10.0.0.7|web,db 1234|a3|10.1.0.0/16|default 1235|a4|::1|default");
    CHECK_STR(rig_sql("select name from `group` order by name"), "db default web");
    CHECK_STR(rig_sql("select group_sync_status from agent where id = 2"), "syncreq");
}

TEST(a_key_of_their_own) {
    open_master(100);
    CHECK_STR(
        add("\"name\":\"a1\",\"ip\":\"any\",\"key\":\"se\\\"cret\",\"id\":\"7\""),
        "{\"error\":0,\"data\":{\"id\":\"007\",\"name\":\"a1\",\"ip\":\"any\",\"key\":\"se\\\"cret\"}}");
    check_file("007 a1 any se\"cret\n");
    static const char *const bad[] = {"", "a b", "a\\nb 008 x any y", "\\u00e9", "a\\u0000b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments, "\"name\":\"a2\",\"ip\":\"any\",\"key\":\"%s\"", bad[i]);
        FAILS(9009, "Issue generating key", add(arguments));
    }
    check_file("007 a1 any se\"cret\n");
}

TEST(what_is_no_request) {
    open_master(100);
    put("001 web any " K1 "\n");
    BAD_JSON(ask(""));
    BAD_JSON(ask("{"));
    BAD_JSON(ask("[]"));
    BAD_JSON(ask("getconfig auth"));
    FAILS(9003, "No such function", ask("{}"));
    FAILS(9003, "No such function", ask("{\"function\":1}"));
    FAILS(9001, "Internal error", ask("{\"function\":\"sub\"}"));
    FAILS(9001, "Internal error", ask("{\"function\":\"add, and a longer name than any there is\"}"));
    FAILS(9004, "No such argument", ask("{\"function\":\"add\"}"));
    FAILS(9004, "No such argument", ask("{\"function\":\"remove\"}"));
    FAILS(9005, "No such name", add(""));
    FAILS(9005, "No such name", add("\"name\":5,\"ip\":\"any\""));
    FAILS(9005, "No such name", add("\"name\":\"a b\",\"ip\":\"any\""));
    FAILS(9005, "No such name", add("\"name\":\"a\\n005 evil any k\",\"ip\":\"any\""));
    FAILS(9006, "No such IP", add("\"name\":\"a1\""));
    FAILS(9006, "No such IP", add("\"name\":\"a1\",\"ip\":null"));
    FAILS(9006, "No such IP", add("\"name\":\"a1\",\"ip\":\"10.0.0\""));
    FAILS(9006, "No such IP", add("\"name\":\"a1\",\"ip\":\"src\""));
    FAILS(9010, "No such agent ID", add("\"name\":\"a1\",\"ip\":\"any\",\"id\":\"x\""));
    FAILS(9010, "No such agent ID", add("\"name\":\"a1\",\"ip\":\"any\",\"id\":\"000\""));
    FAILS(9010, "No such agent ID", add("\"name\":\"a1\",\"ip\":\"any\",\"id\":\"123456789\""));
    FAILS(9010, "No such agent ID", ask("{\"function\":\"remove\",\"arguments\":{}}"));
    FAILS(9011, "Agent ID not found", ask("{\"function\":\"remove\",\"arguments\":{\"id\":1}}"));
    FAILS(9011, "Agent ID not found", ask("{\"function\":\"remove\",\"arguments\":{\"id\":\"000\"}}"));
    FAILS(9011, "Agent ID not found", ask("{\"function\":\"remove\",\"arguments\":{\"id\":\"../1\"}}"));
    check_file("001 web any " K1 "\n");
}

TEST(groups_that_are_none) {
    static char many[4096];
    open_master(100);
    FAILS(9014, "Invalid Group(s) Name(s)", add("\"name\":\"a1\",\"ip\":\"any\",\"groups\":\"nowhere\""));
    FAILS(9014, "Invalid Group(s) Name(s)", add("\"name\":\"a1\",\"ip\":\"any\",\"groups\":\"web,..\""));
    FAILS(9014, "Invalid Group(s) Name(s)", add("\"name\":\"a1\",\"ip\":\"any\",\"groups\":\"web,../etc\""));
    FAILS(9014, "Invalid Group(s) Name(s)", add("\"name\":\"a1\",\"ip\":\"any\",\"groups\":\"web,d b\""));
    FAILS(9014, "Invalid Group(s) Name(s)", add("\"name\":\"a1\",\"ip\":\"any\",\"groups\":[\"web\"]"));
    struct text t;
    text_init(&t, many, sizeof many);
    text_str(&t, "\"name\":\"a1\",\"ip\":\"any\",\"groups\":\"");
    for (int i = 0; i < 129; i++) {
        char path[64];
        snprintf(path, sizeof path, "etc/shared/g%d/agent.conf", i);
        test_write_file(path, "", 0);
        text_format(&t, "%sg%d", i ? "," : "", i);
    }
    text_char(&t, '"');
    FAILS(9014, "Invalid Group(s) Name(s)", add(many)); /* 129 */
    CHECK(!test_read_file(PATH, NULL));
    strcpy(strstr(many, ",g128"), "\"");
    good(add(many), "001", "a1", "any");
    CHECK_STR(rig_sql("select count(*) from belongs where id_agent = 1"), "128");
}

/* ---- who is in the way ---- */

/* web has this address and this connection, and was added so many seconds ago. */
static void stand(const char *status, int64_t disconnected_s, int64_t added_s) {
    open_master(100);
    now -= added_s;
    put("001 web 10.0.0.1 " K1 "\n002 db any " K2 "\n");
    now += added_s;
    struct sqlite3_stmt *q = db_stmt(&rig.db, SQL_AGENT_CONNECTION);
    db_bind_text(q, 1, status, strlen(status));
    db_bind_text(q, 2, "synced", 6);
    db_bind_int(q, 3, disconnected_s ? now - disconnected_s : 0);
    db_bind_int(q, 4, 0);
    db_bind_int(q, 5, 1);
    CHECK_INT(db_step(&rig.db, q, NULL, &rig.e), E_OK);
}

static const char untouched[] = "001 web 10.0.0.1 " K1 "\n002 db any " K2 "\n";
#define WEB "\"name\":\"web\",\"ip\":\"any\""
#define FORCE(enabled, mismatch, time_enabled, time, registered)                                             \
    ",\"force\":{\"enabled\":" enabled ",\"key_mismatch\":" mismatch                                         \
    ",\"disconnected_time\":{\"enabled\":" time_enabled ",\"value\":" time                                   \
    "},\"after_registration_time\":" registered "}"

/* authd's own options (authd-config.c): force on, keys compared, an hour disconnected, an hour registered. */
TEST(the_usual_rules) {
    stand("active", 0, 7200);
    TAKEN_NAME(add(WEB));
    CHECK(strstr(rig.lines,
                 "WARNING Duplicate name, rejecting enrollment. Agent 'web' (001) can't be replaced "
                 "since it is not disconnected.\n"));
    FAILS(9007, "Duplicate IP", add("\"name\":\"new\",\"ip\":\"10.0.0.1\""));
    FAILS(9012, "Duplicate ID", add("\"name\":\"new\",\"ip\":\"any\",\"id\":\"001\""));
    check_file(untouched);
}
TEST(not_disconnected_long_enough) {
    stand("disconnected", 3599, 7200);
    TAKEN_NAME(add(WEB));
    now++;
    good(add(WEB), "003", "web", "any");
}
TEST(not_registered_long_enough) {
    stand("never_connected", 0, 3599);
    TAKEN_NAME(add(WEB));
    check_file(untouched);
    now++;
    good(add(WEB), "003", "web", "any");
}
TEST(it_has_this_key) {
    stand("disconnected", 4000, 7200);
    /* printf 001web<K1> | sha1sum */
    TAKEN_NAME(add(WEB ",\"key_hash\":\"" WEB_HASH "\""));
    check_file(untouched);
    TAKEN_NAME(add(WEB ",\"key_hash\":\"" WEB_HASH "\"" FORCE("true", "true", "false", "0", "0")));
    good(add(WEB ",\"key_hash\":\"" WEB_HASH "\"" FORCE("true", "false", "false", "0", "0")), "003", "web",
         "any");
}
TEST(it_has_another_key) {
    stand("disconnected", 4000, 7200);
    good(add(WEB ",\"key_hash\":\"0000000000000000000000000000000000000000\""), "003", "web", "any");
}

/* The old one is gone from the file and the store, and its counter with it. */
TEST(one_takes_the_place_of_another) {
    char want[400];
    stand("disconnected", 4000, 7200);
    test_write_file("queue/rids/001", "5:6", 3);
    const char *key =
        good(add("\"name\":\"new\",\"ip\":\"10.0.0.1\",\"groups\":\"db\""), "003", "new", "10.0.0.1");
    snprintf(want, sizeof want, "002 db any " K2 "\n003 new 10.0.0.1 %s\n", key);
    check_file(want);
    CHECK_STR(rows(), "2|db|any|default 3|new|10.0.0.1|db");
    CHECK(!test_read_file("queue/rids/001", NULL));
    CHECK_INT(client_keys_step(&rig.keys, &rig.e), STEP_DONE); /* it is followed already */
    CHECK_INT(rig.agents.count, 2);
}

#define NOW_OR_NEVER FORCE("true", "true", "false", "0", "0")

/* By its id, its address and its name: three go for one. The last line has no break. */
TEST(one_takes_the_place_of_three) {
    char want[400];
    open_master(100);
    put("001 web 10.0.0.1 " K1 "\n002 stays any " K1 "\n010 db any " K2 "\n005 xx any " K2);
    const char *key =
        good(add("\"name\":\"db\",\"ip\":\"10.0.0.1\",\"id\":\"5\"" NOW_OR_NEVER), "005", "db", "10.0.0.1");
    /* 010 was the highest id: nobody gets it again */
    snprintf(want, sizeof want, "002 stays any " K1 "\n010 !db any " K2 "\n005 db 10.0.0.1 %s\n", key);
    check_file(want);
    CHECK_STR(rows(), "2|stays|any|default 5|db|10.0.0.1|default");
    good(add("\"name\":\"next\",\"ip\":\"any\""), "011", "next", "any");
}

/* As the key polling of remoted asks (key_request.c): the same id, name and address, a key of its own. */
TEST(the_same_agent_with_a_new_key) {
    open_master(100);
    put("001 web 10.0.0.1 " K1);
    CHECK_STR(add("\"name\":\"web\",\"ip\":\"10.0.0.1\",\"id\":\"001\",\"key\":\"" K2 "\"" NOW_OR_NEVER),
              "{\"error\":0,\"data\":{\"id\":\"001\",\"name\":\"web\",\"ip\":\"10.0.0.1\",\"key\":\"" K2
              "\"}}");
    check_file("001 web 10.0.0.1 " K2 "\n");
    CHECK_STR(rows(), "1|web|10.0.0.1|default");
}

/* One may go and the other may not: nothing is done, to neither. */
TEST(a_refusal_removes_nobody) {
    stand("disconnected", 4000, 7200);
    CHECK_INT(agents_delete(&rig.agents, 2, NULL, &rig.e), E_OK); /* of db nothing is known yet */
    TAKEN_NAME(add("\"name\":\"db\",\"ip\":\"10.0.0.1\""));
    check_file(untouched);
    CHECK_STR(rows(), "1|web|10.0.0.1|default");
    /* nor when there is no room: two are there, and one of them goes */
    rig.agents.limit = 1;
    FAILS(9013, "Maximum number of agents reached", add("\"name\":\"new\",\"ip\":\"10.0.0.1\""));
    check_file(untouched);
}

TEST(force_in_all_its_shapes) {
    stand("disconnected", 100, 200);
    TAKEN_NAME(add(WEB FORCE("false", "false", "false", "0", "0")));
    TAKEN_NAME(add(WEB FORCE("null", "false", "false", "0", "0")));
    TAKEN_NAME(add(WEB FORCE("\"yes\"", "false", "false", "0", "0"))); /* its valueint is 0 */
    TAKEN_NAME(add(WEB FORCE("true", "false", "true", "\"101s\"", "0")));
    TAKEN_NAME(add(WEB FORCE("true", "false", "true", "\"2m\"", "0")));
    TAKEN_NAME(add(WEB FORCE("true", "false", "true", "1", "\"1h\"")));
    TAKEN_NAME(add(WEB FORCE("true", "false", "true", "1", "\"1d\"")));
    TAKEN_NAME(add(WEB FORCE("true", "false", "true", "1", "201.9")));
    BAD_JSON(add(WEB FORCE("true", "false", "true", "\"1w\"", "0")));
    BAD_JSON(add(WEB FORCE("true", "false", "true", "\"\"", "0")));
    BAD_JSON(add(WEB FORCE("true", "false", "true", "\"x\"", "0")));
    BAD_JSON(add(WEB FORCE("true", "false", "true", "null", "0")));
    BAD_JSON(add(WEB FORCE("true", "false", "true", "0", "[]")));
    BAD_JSON(add(WEB ",\"force\":{}"));
    BAD_JSON(add(WEB ",\"force\":7"));
    BAD_JSON(add(WEB ",\"force\":{\"enabled\":true,\"key_mismatch\":true,\"disconnected_time\":1,"
                     "\"after_registration_time\":1}"));
    check_file(untouched);
    good(add(WEB FORCE("1", "false", "true", "\"100\"", "-5")), "003", "web", "any");
}

TEST(the_managers_name_and_the_full_house) {
    char name[AGENT_NAME_BYTES], arguments[300];
    open_master(2);
    put(untouched);
    CHECK_INT(agents_find(&rig.agents, 0, name, NULL, &rig.e), E_OK);
    snprintf(arguments, sizeof arguments, "\"name\":\"%s\",\"ip\":\"any\"" NOW_OR_NEVER, name);
    TAKEN_NAME(add(arguments));
    FAILS(9013, "Maximum number of agents reached", add("\"name\":\"new\",\"ip\":\"any\""));
    good(add("\"name\":\"db\",\"ip\":\"any\"" NOW_OR_NEVER), "003", "db",
         "any"); /* but its own place is free */
}

/* ---- removing ---- */

TEST(removing) {
    open_master(100);
    put(untouched);
    test_write_file("queue/rids/001", "5:6", 3);
    CHECK_STR(ask("{\"function\":\"remove\",\"arguments\":{\"id\":\"001\",\"purge\":1}}"),
              "{\"error\":0,\"data\":\"Agent deleted successfully.\"}");
    check_file("002 db any " K2 "\n");
    CHECK(!test_read_file("queue/rids/001", NULL));
    CHECK_STR(rows(), "2|db|any|default");
    FAILS(9011, "Agent ID not found",
          ask("{\"function\":\"remove\",\"arguments\":{\"id\":\"001\",\"purge\":1}}"));
}

/* ---- faults and power cuts ---- */

static char answered[1024];

static void register_once(struct faults *f, bool cut) {
    uint64_t at = f->fail_at;
    rig.faults = *f;
    rig.faults.sys.wall_ns = wall;
    rig.faults.fail_at = 0;
    rig.faults.kill = false;
    db_close(&rig.db);
    unlinkat(rig.root, "queue/db/global.db", 0);
    unlinkat(rig.root, "queue/db/global.db-journal", 0);
    db_library_close();
    rig_store_open(true, 100);
    put(untouched);
    rig.faults.calls = 0;
    rig.faults.kill = cut;
    rig.faults.fail_at = at;
    strcpy(answered, add("\"name\":\"web\",\"ip\":\"any\",\"groups\":\"db\"" NOW_OR_NEVER));
    if (cut)
        test_write_file("answered", answered, strlen(answered));
    f->calls = rig.faults.calls;
    f->fired = rig.faults.fired;
    rig.faults.fail_at = 0;
}

/* The file is old or new; a key was told only if it is in the file, and then the row and its groups are in
 * the store; and the store follows, whatever happened. */
static void check_registered(const char *got) {
    const char *file = test_read_file(PATH, NULL);
    CHECK(file != NULL);
    bool new = strcmp(file, untouched) != 0;
    if (!strncmp(got, "{\"error\":0", 10)) {
        const char *key = good(got, "003", "web", "any");
        char want[300];
        snprintf(want, sizeof want, "002 db any " K2 "\n003 web any %s\n", key);
        CHECK_STR(file, want);
        CHECK_STR(rows(), "2|db|any|default 3|web|any|db");
    } else if (new) {
        CHECK(strstr(file, "002 db any " K2 "\n003 web any ") == file);
    }
    client_keys_init(&rig.keys, &rig.agents, &rig.faults.sys, &rig.log, rig.root, true);
    CHECK(!test_read_file("etc/.client.keys.new", NULL));
    while (client_keys_step(&rig.keys, &rig.e) == STEP_AGAIN)
        ;
    CHECK_STR(rig_sql("select id, name from agent where id > 0 order by id"),
              new ? "2|db 3|web" : "1|web 2|db");
}

static void one(void *ctx, struct faults *f) {
    (void)ctx;
    register_once(f, false);
}
static void check(void *ctx, struct faults *f) {
    (void)ctx;
    CHECK(f->fired || !strncmp(answered, "{\"error\":0", 10));
    CHECK(!strncmp(answered, "{\"error\":0", 10) ||
          !strcmp(answered, "{\"error\":9001,\"message\":\"Internal error\"}") ||
          !strcmp(answered, "{\"error\":9014,\"message\":\"Invalid Group(s) Name(s)\"}") ||
          !strcmp(answered, "{\"error\":9008,\"message\":\"Duplicate name\"}"));
    check_registered(answered);
}

TEST(every_call_fails) {
    open_master(100);
    CHECK(faults_sweep(EIO, false, NULL, one, check) > 30);
    CHECK(faults_sweep(ENOSPC, true, NULL, one, check) > 30);
}

static void cut(void *ctx, struct faults *f) {
    (void)ctx;
    register_once(f, true);
}
static void check_cut(void *ctx) {
    (void)ctx;
    char path[300];
    const char *got = test_read_file("answered", NULL);
    faults_init(&rig.faults);
    rig.faults.sys.wall_ns = wall;
    db_close(&rig.db);
    db_library_close();
    rig_store_open(true, 100);
    check_registered(got ? got : "");
    snprintf(path, sizeof path, "%s/answered", test_dir());
    unlink(path);
}

TEST(the_power_fails_at_every_call) {
    open_master(100);
    CHECK(faults_kill_sweep(NULL, cut, check_cut) > 30);
}
