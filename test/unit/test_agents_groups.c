/* test_agents_groups.c - groups and their hashes, and what the master tells its workers of them (reference,
 * sections 6, 14.1, 14.3). Hashes: the section's vector, and others from Python's hashlib. */
#include "test/unit/agents_rig.h"

#include <sqlite3.h>

#define DEFAULT "37a8eec1"     /* sha256("default") */
#define DEFAULT_WEB "5288d400" /* sha256("default,web") */
#define WEB "4b5e57f6"
#define DB_WEB "61102ad8"
#define WEB_DB "01f925bf"

static enum err set(int64_t id, enum groups_mode mode, bool syncreq, const char *csv) {
    static char text[8192];
    const char *names[GROUPS_PER_AGENT + 2];
    size_t n = 0;
    snprintf(text, sizeof text, "%s", csv);
    for (char *at = strtok(text, ","); at; at = strtok(NULL, ","))
        names[n++] = at;
    return agents_set_groups(&agents, id, mode, names, n, syncreq, &e);
}

static void begin(bool is_worker) {
    rig_begin(is_worker);
    add(1, "a1");
    add(2, "a2");
    add(3, "a3");
    good(groups_insert(&agents, "default", &e));
    good(groups_insert(&agents, "web", &e));
    good(groups_insert(&agents, "db", &e));
}

static const char *row(int64_t id) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT `group`, group_hash, group_sync_status AS s FROM agent WHERE id = %lld",
             (long long)id);
    return rows(sql);
}
#define IS(id, csv, hash, status)                                                                            \
    CHECK_STR(row(id), "{\"group\":\"" csv "\",\"group_hash\":\"" hash "\",\"s\":\"" status "\"}")

TEST(groups_hashes_of_the_vector) {
    begin(false);
    good(agents_global_hash(&agents, &e));
    CHECK(agents.hash_is_null);
    good(set(1, GROUPS_OVERRIDE, false, "default"));
    good(set(2, GROUPS_OVERRIDE, true, "default,web"));
    IS(1, "default", DEFAULT, "synced");
    IS(2, "default,web", DEFAULT_WEB, "syncreq");
    good(agents_global_hash(&agents, &e));
    CHECK(!agents.hash_is_null);
    CHECK_STR(agents.hash, "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262");
    ROWS("SELECT id_agent AS a, name, priority AS p FROM belongs JOIN `group` ON id = id_group ORDER BY 1, 3",
         "{\"a\":1,\"name\":\"default\",\"p\":0},{\"a\":2,\"name\":\"default\",\"p\":0},"
         "{\"a\":2,\"name\":\"web\",\"p\":1}");
}

TEST(groups_names) {
    static const char *const bad[] = {"", ".", "..", "a b", "a/b", "a,b", "\xc3\xa9"};
    char longest[257];
    rig_begin(false);
    memset(longest, 'g', 256);
    longest[256] = '\0';
    CHECK(!group_name_is_valid(longest));
    CHECK_INT(groups_insert(&agents, longest, &e), E_VALUE);
    longest[255] = '\0';
    CHECK(group_name_is_valid(longest));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!group_name_is_valid(bad[i]));
    CHECK(group_name_is_valid("...") && group_name_is_valid("A-z_0.9"));
    good(groups_insert(&agents, "a", &e));
    good(groups_insert(&agents, "a", &e));
    ROWS("SELECT name FROM `group`", "{\"name\":\"a\"}");
}

TEST(groups_have_a_limit) {
    char name[16];
    rig_begin(true);
    add(1, "a1");
    good(db_begin(&db, &e));
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "g%u", i);
        good(groups_insert(&agents, name, &e));
    }
    good(db_commit(&db, &e));
    CHECK_INT(groups_insert(&agents, "more", &e), E_LIMIT);
    CHECK_INT(set(1, GROUPS_OVERRIDE, false, "g1,more,g2"), E_LIMIT);
    CHECK(strstr(row(1), "\"group\":\"g1,g2\""));
}

TEST(groups_modes) {
    begin(false);
    good(set(1, GROUPS_APPEND, true, "web"));
    IS(1, "web", WEB, "syncreq");
    good(set(1, GROUPS_APPEND, false, "db"));
    IS(1, "web,db", WEB_DB, "synced");
    good(set(1, GROUPS_APPEND, true, "web")); /* INSERT OR REPLACE: it moves behind the others */
    IS(1, "db,web", DB_WEB, "syncreq");
    good(set(1, GROUPS_EMPTY_ONLY, false, "default"));
    IS(1, "db,web", DB_WEB, "syncreq");
    good(set(2, GROUPS_EMPTY_ONLY, false, "default"));
    IS(2, "default", DEFAULT, "synced");
    good(set(1, GROUPS_REMOVE, false, "db"));
    IS(1, "web", WEB, "synced");
    good(set(1, GROUPS_REMOVE, true, "web")); /* the last one leaves "default" */
    IS(1, "default", DEFAULT, "syncreq");
    good(set(1, GROUPS_REMOVE, true, "default"));
    IS(1, "default", DEFAULT, "syncreq");
    good(set(1, GROUPS_OVERRIDE, false, "db,web,db")); /* as above: the later place */
    CHECK(strstr(row(1), "\"group\":\"web,db\""));
    good(set(1, GROUPS_OVERRIDE, false, ""));
    CHECK_STR(row(1), "{\"s\":\"synced\"}");
}

TEST(groups_refused) {
    char many[600] = "web", one[700];
    begin(false);
    good(set(1, GROUPS_OVERRIDE, false, "default"));
    CHECK_INT(set(9, GROUPS_OVERRIDE, false, "default"), E_GONE);
    CHECK_INT(set(9, GROUPS_REMOVE, false, "default"), E_GONE);
    CHECK_INT(set(1, GROUPS_OVERRIDE, true, "web,a b"), E_VALUE);
    IS(1, "default", DEFAULT, "synced");
    CHECK_INT(set(1, GROUPS_OVERRIDE, true, "web,nobody,db"), E_UNKNOWN);
    CHECK(strstr(e.what, "nobody"));
    CHECK(strstr(row(1), "\"group\":\"web,db\"")); /* the others, as Wazuh */
    CHECK_INT(set(1, GROUPS_REMOVE, true, "nobody,db"), E_UNKNOWN);
    IS(1, "web", WEB, "syncreq");
    for (unsigned i = 1; i < GROUPS_PER_AGENT; i++)
        memcpy(many + strlen(many), ",web", 5);
    good(set(2, GROUPS_OVERRIDE, false, many)); /* 128 */
    snprintf(one, sizeof one, "%s,web", many);
    CHECK_INT(set(2, GROUPS_OVERRIDE, false, one), E_VALUE);
    CHECK_INT(set(2, GROUPS_APPEND, false, many), E_VALUE);
    IS(2, "web", WEB, "synced");
}

TEST(groups_a_worker_takes_the_masters_word) {
    begin(true);
    good(set(1, GROUPS_OVERRIDE, false, "new,web"));
    CHECK(strstr(row(1), "\"group\":\"new,web\""));
    CHECK_INT(set(1, GROUPS_OVERRIDE, false, "new,."), E_VALUE);
}

TEST(groups_that_are_known_are_not_written) {
    begin(true);
    good(set(1, GROUPS_OVERRIDE, false, "default,web"));
    good(agents_global_hash(&agents, &e));
    uint64_t changes = agents.changes;
    ROWS("SELECT max(rowid) AS r FROM belongs", "{\"r\":2}");
    good(set(1, GROUPS_OVERRIDE, false, "default,web"));
    CHECK_INT(agents.changes, changes);
    CHECK(agents.hash_known);
    good(set(1, GROUPS_OVERRIDE, true, "default,web"));
    IS(1, "default,web", DEFAULT_WEB, "syncreq");
    ROWS("SELECT max(rowid) AS r FROM belongs", "{\"r\":2}");
    good(set(1, GROUPS_OVERRIDE, false, "default"));
    good(set(1, GROUPS_OVERRIDE, false, "defaul"));
    CHECK(strstr(row(1), "\"group\":\"defaul\""));
}

TEST(groups_deleted) {
    begin(false);
    good(set(1, GROUPS_OVERRIDE, false, "web"));
    good(set(2, GROUPS_OVERRIDE, false, "db,web"));
    good(set(3, GROUPS_OVERRIDE, false, "db"));
    good(groups_delete(&agents, "web", &e));
    IS(1, "default", DEFAULT, "syncreq");
    CHECK(strstr(row(2), "\"group\":\"db\"") && strstr(row(2), "syncreq"));
    CHECK(strstr(row(3), "\"group\":\"db\"") && strstr(row(3), "synced"));
    good(groups_delete(&agents, "web", &e));
    ROWS("SELECT name FROM `group` ORDER BY name", "{\"name\":\"db\"},{\"name\":\"default\"}");
    CHECK_INT(groups_delete(&agents, "default", &e), E_UNKNOWN); /* who would be in none */
    IS(1, "default", DEFAULT, "syncreq");
    rig_reopen(true);
    good(groups_delete(&agents, "db", &e));
    IS(2, "default", DEFAULT, "synced");
}

TEST(groups_hash_is_forgotten_with_the_transaction) {
    begin(false);
    good(set(1, GROUPS_OVERRIDE, false, "default"));
    good(set(2, GROUPS_OVERRIDE, false, "default,web"));
    good(db_begin(&db, &e));
    good(set(2, GROUPS_OVERRIDE, false, "db"));
    good(agents_global_hash(&agents, &e));
    CHECK(strcmp(agents.hash, "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262") != 0);
    db_rollback(&db);
    good(agents_global_hash(&agents, &e));
    CHECK_STR(agents.hash, "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262");
    good(agents_delete(&agents, 2, NULL, &e));
    good(agents_global_hash(&agents, &e));
    CHECK_STR(agents.hash, "aac8edbccfab5ea7eee53016af08b756a44dc399"); /* sha1("37a8eec1") */
}

/* A row as a program that knows of no hashes leaves it (db versions up to 3, or somebody's own SQL). */
static void spoil(int64_t id, const char *csv, const char *hash) {
    struct sqlite3_stmt *q = db_stmt(&db, SQL_GROUPS_SET);
    db_bind_text(q, 1, csv, csv ? strlen(csv) : 0);
    db_bind_text(q, 2, hash, hash ? strlen(hash) : 0);
    db_bind_text(q, 3, "syncreq", 7);
    db_bind_int(q, 4, id);
    good(db_step(&db, q, NULL, &e));
}

TEST(groups_recalculated) {
    begin(false);
    good(set(1, GROUPS_OVERRIDE, false, "default"));
    good(set(2, GROUPS_OVERRIDE, false, "default,web"));
    good(agents_global_hash(&agents, &e));
    spoil(1, "default", NULL);
    spoil(2, "web", WEB);
    spoil(3, "default", DEFAULT);
    good(agents_recalculate_hashes(&agents, &e));
    IS(1, "default", DEFAULT, "syncreq"); /* whether it is told does not change */
    IS(2, "default,web", DEFAULT_WEB, "syncreq");
    CHECK_STR(row(3), "{\"s\":\"syncreq\"}"); /* belongs is the truth */
    good(agents_global_hash(&agents, &e));
    CHECK_STR(agents.hash, "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262");
}

/* ---- one element of set-agent-groups ---- */

static enum err element(enum groups_mode mode, const char *json) {
    return agents_apply_groups(&agents, mode, false, doc(json), 0, &e);
}

TEST(groups_applied) {
    begin(true);
    good(element(GROUPS_OVERRIDE, "{\"id\":1,\"name\":\"a1\",\"groups\":[\"default\",\"w\\u0065b\"]}"));
    IS(1, "default,web", DEFAULT_WEB, "synced");
    good(element(GROUPS_OVERRIDE, "{\"groups\":[\"default\"],\"id\":2}")); /* 4.4 to 4.12 */
    IS(2, "default", DEFAULT, "synced");
    good(element(GROUPS_OVERRIDE, "{\"id\":1,\"groups\":[]}"));
    CHECK_STR(row(1), "{\"s\":\"synced\"}");
    CHECK_INT(element(GROUPS_OVERRIDE, "{\"id\":9,\"groups\":[\"default\"]}"), E_GONE);
    CHECK_INT(element(GROUPS_APPEND, "{\"id\":9,\"name\":\"a9\",\"groups\":[\"default\"]}"), E_GONE);
    good(element(GROUPS_OVERRIDE, "{\"id\":9,\"name\":\"a9\",\"groups\":[]}"));
    CHECK_INT(agents.count, 3);
    good(element(GROUPS_OVERRIDE, "{\"id\":9,\"name\":\"a9\",\"groups\":[\"default\"]}"));
    IS(9, "default", DEFAULT, "synced");
    ROWS("SELECT name, ip, register_ip, connection_status FROM agent WHERE id = 9",
         "{\"name\":\"a9\",\"register_ip\":\"0.0.0.0\",\"connection_status\":"
         "\"never_connected\"}");
}

TEST(groups_applied_badly) {
    static const char *const bad[] = {
        "[]",
        "{\"id\":1}",
        "{\"groups\":[\"default\"]}",
        "{\"id\":\"1\",\"groups\":[\"default\"]}",
        "{\"id\":0,\"name\":\"localhost\",\"groups\":[\"default\"]}",
        "{\"id\":-1,\"name\":\"a1\",\"groups\":[\"default\"]}",
        "{\"id\":1,\"groups\":\"default\"}",
        "{\"id\":1,\"groups\":[1]}",
        "{\"id\":1,\"groups\":[\"a b\"]}",
        "{\"id\":9,\"name\":\"no name\",\"groups\":[\"default\"]}",
    };
    begin(true);
    good(set(1, GROUPS_OVERRIDE, false, "web"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (element(GROUPS_OVERRIDE, bad[i]) != E_VALUE)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i], e.what);
    IS(1, "web", WEB, "synced");
    ROWS("SELECT id_agent FROM belongs WHERE id_agent < 1", "");
    for (int64_t id = 4; id <= 30; id++)
        add(id, "aa");
    CHECK_INT(element(GROUPS_OVERRIDE, "{\"id\":31,\"name\":\"a9\",\"groups\":[\"default\"]}"), E_LIMIT);
    CHECK_INT(agents.count, 30);
}

/* A file that others wrote: the highest priority there is has none after it. */
TEST(groups_priorities_of_others) {
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    CHECK_INT(sqlite3_exec(db.sql, "UPDATE belongs SET priority = 9223372036854775807", NULL, NULL, NULL), 0);
    good(set(1, GROUPS_APPEND, true, "web"));
    ROWS("SELECT count(*) AS n FROM belongs WHERE id_agent = 1", "{\"n\":2}");
    good(set(1, GROUPS_OVERRIDE, true, "default,web"));
    IS(1, "default,web", DEFAULT_WEB, "syncreq");
}

/* ---- telling the workers ---- */

static const char *chunk(struct agents_groups_read *r, size_t cap, bool *more) {
    static char text[WDB_REPLY_MOST + 1];
    struct text t;
    text_init(&t, text, cap);
    good(agents_groups_chunk(&agents, r, &t, more, &e));
    CHECK(!t.cut && t.len == strlen(text));
    return text;
}

#define HASH "23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262"

/* The small board's arena has no large piece left once it has been used for a while. */
TEST(groups_need_no_large_piece_of_memory) {
    sqlite3_int64 now, most;
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    CHECK_INT(sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &now, &most, 1), SQLITE_OK);
    good(set(1, GROUPS_OVERRIDE, true, "default,web"));
    good(groups_delete(&agents, "web", &e));
    CHECK_INT(sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &now, &most, 0), SQLITE_OK);
    CHECK(most > 0 && most <= 64 << 10);
}

TEST(groups_told) {
    struct agents_groups_read r = {.pending = true, .named = true, .with_hash = true};
    bool more;
    begin(false);
    CHECK_STR(chunk(&r, 8192, &more), "[{\"data\":[],\"hash\":null}]");
    good(agents_groups_told(&agents, &r, &e));
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    good(set(2, GROUPS_OVERRIDE, true, "default,web"));
    CHECK(agents.groups_pending);
    r = (struct agents_groups_read){.pending = true, .named = true, .with_hash = true};
    CHECK_STR(chunk(&r, 8192, &more),
              "[{\"data\":[{\"id\":1,\"name\":\"a1\",\"groups\":[\"default\"]},"
              "{\"id\":2,\"name\":\"a2\",\"groups\":[\"default\",\"web\"]}],\"hash\":\"" HASH "\"}]");
    CHECK(!more);
    CHECK_INT(r.rows, 2);
    IS(1, "default", DEFAULT, "syncreq"); /* not before they are told */
    good(agents_groups_told(&agents, &r, &e));
    IS(1, "default", DEFAULT, "synced");
    IS(2, "default,web", DEFAULT_WEB, "synced");
    r = (struct agents_groups_read){.pending = true, .with_hash = true};
    CHECK_STR(chunk(&r, 8192, &more), "[{\"data\":[],\"hash\":\"" HASH "\"}]");
    CHECK(!agents.groups_pending);
}

/* Marked by transactions of 256 rows; what changes between two of them is told again. */
TEST(groups_told_of_many) {
    struct agents_groups_read r = {.pending = true};
    bool more = true;
    begin(false);
    agents.limit = 300;
    for (int64_t id = 4; id <= 300; id++)
        add(id, "many");
    for (int64_t id = 1; id <= 300; id++)
        good(set(id, GROUPS_OVERRIDE, true, "default"));
    while (more)
        chunk(&r, 8192, &more);
    CHECK_INT(r.rows, 300);
    good(agents_groups_told(&agents, &r, &e));
    CHECK(agents.groups_watching);
    IS(256, "default", DEFAULT, "synced");
    IS(257, "default", DEFAULT, "syncreq");
    good(set(2, GROUPS_OVERRIDE, true, "web"));
    good(set(299, GROUPS_OVERRIDE, true, "web"));
    good(agents_groups_told(&agents, &r, &e));
    CHECK(!agents.groups_watching);
    IS(2, "web", WEB, "syncreq");
    IS(299, "web", WEB, "syncreq");
    IS(300, "default", DEFAULT, "synced");
}

TEST(groups_told_of_all) {
    struct agents_groups_read r = {.once = true};
    bool more;
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    good(set(2, GROUPS_OVERRIDE, false, "default,web"));
    CHECK_STR(chunk(&r, 8192, &more),
              "[{\"data\":[{\"id\":1,\"groups\":[\"default\"]},"
              "{\"id\":2,\"groups\":[\"default\",\"web\"]},{\"id\":3,\"groups\":[]}]}]");
    IS(1, "default", DEFAULT, "syncreq");
}

TEST(groups_changed_while_they_are_told) {
    struct agents_groups_read r = {.pending = true, .with_hash = true},
                              other = {.pending = true, .once = true};
    bool more;
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    good(set(2, GROUPS_OVERRIDE, true, "default"));
    chunk(&r, 8192, &more);
    good(set(1, GROUPS_OVERRIDE, true, "web"));
    good(set(3, GROUPS_OVERRIDE, true, "web"));
    chunk(&other, 8192, &more); /* somebody else's question forgets nothing */
    good(agents_groups_told(&agents, &r, &e));
    IS(1, "web", WEB, "syncreq");
    IS(2, "default", DEFAULT, "synced");
    IS(3, "web", WEB, "syncreq"); /* beyond what was read */
    good(agents_groups_told(&agents, &r, &e));
    IS(1, "web", WEB, "syncreq");
}

TEST(groups_pages) {
    struct agents_groups_read r = {.pending = true, .with_hash = true};
    bool more;
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default"));
    good(set(2, GROUPS_OVERRIDE, true, "default,web"));
    CHECK_STR(chunk(&r, 60, &more), "[{\"data\":[{\"id\":1,\"groups\":[\"default\"]}]}]");
    CHECK(more);
    CHECK_STR(chunk(&r, 60, &more), "[{\"data\":[{\"id\":2,\"groups\":[\"default\",\"web\"]}]}]");
    CHECK(more); /* the hash has no room */
    CHECK_STR(chunk(&r, 64, &more), "[{\"data\":[],\"hash\":\"" HASH "\"}]");
    CHECK(!more);
    good(agents_groups_told(&agents, &r, &e));
    IS(2, "default,web", DEFAULT_WEB, "synced");
}

TEST(groups_that_never_fit_stay_pending) {
    struct agents_groups_read r = {.pending = true};
    bool more;
    begin(false);
    good(set(1, GROUPS_OVERRIDE, true, "default,web,db"));
    good(set(2, GROUPS_OVERRIDE, true, "web"));
    CHECK_STR(chunk(&r, 44, &more), "[{\"data\":[{\"id\":2,\"groups\":[\"web\"]}]}]");
    CHECK_INT(r.too_long, 1);
    good(agents_groups_told(&agents, &r, &e));
    CHECK(strstr(row(1), "syncreq"));
    IS(2, "web", WEB, "synced");
}

TEST(groups_pending_after_a_restart) {
    struct agents_groups_read r = {.pending = true};
    bool more;
    begin(false);
    good(set(2, GROUPS_OVERRIDE, true, "web"));
    chunk(&r, 8192, &more); /* read, never told */
    rig_reopen(false);
    r = (struct agents_groups_read){.pending = true};
    CHECK_STR(chunk(&r, 8192, &more), "[{\"data\":[{\"id\":2,\"groups\":[\"web\"]}]}]");
}
