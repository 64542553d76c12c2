/* test_schema.c - what a new global.db looks like, what becomes of those of older versions, and that a file
 * which is not taken is left as it is. The expected tables are those of Wazuh 4.14 (reference, section 14.3).
 */
#include "limits.h"
#include "store/db.h"
#include "test/harness/harness.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
static struct sys sys;
static struct error e;
static struct db d;
static int root;
static char logged[400];

static void collect(struct log *l, enum log_level level, const char *tag, const char *subtag,
                    const char *text) {
    (void)l, (void)level, (void)subtag;
    snprintf(logged, sizeof logged, "[%s] %s", tag, text);
}
static struct log into = {LOG_DEBUG, collect};

static void end(void *arg) {
    (void)arg;
    db_close(&d);
    CHECK_INT(sqlite3_memory_used(), 0);
    db_library_close();
    sys.close(&sys, root);
}

static void setup(void) {
    sys_linux_init(&sys);
    root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
    CHECK_INT(db_library_open(arena, sizeof arena, &e), E_OK);
    test_at_end(end, NULL);
    logged[0] = 0;
}

static enum err try_open(void) {
    return db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, &into, &e);
}

static void open_it(void) {
    if (try_open())
        test_fail(__FILE__, __LINE__, "%s: %s", err_words(e.code), e.what);
}

static void exec(const char *text) {
    char *words = NULL;
    if (sqlite3_exec(d.sql, text, NULL, NULL, &words) != SQLITE_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", text, words);
}

static int add_row(void *arg, int n, char **values, char **names) {
    char *out = arg;
    (void)names;
    for (int i = 0; i < n; i++)
        strcat(strcat(out, i ? " " : ""), values[i] ? values[i] : "-");
    strcat(out, "\n");
    return 0;
}

/* All rows: columns with a blank between, a line each. */
static const char *rows(const char *text) {
    static char out[8192];
    char *words = NULL;
    out[0] = 0;
    if (sqlite3_exec(d.sql, text, add_row, out, &words) != SQLITE_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", text, words);
    return out;
}

/* ---- version 7 ---- */

static void check_shape(void) {
    CHECK_STR(rows("PRAGMA table_info(agent)"), "0 id INTEGER 0 - 1\n"
                                                "1 name TEXT 1 - 0\n"
                                                "2 ip TEXT 0 - 0\n"
                                                "3 register_ip TEXT 0 - 0\n"
                                                "4 internal_key TEXT 0 - 0\n"
                                                "5 os_name TEXT 0 - 0\n"
                                                "6 os_version TEXT 0 - 0\n"
                                                "7 os_major TEXT 0 - 0\n"
                                                "8 os_minor TEXT 0 - 0\n"
                                                "9 os_codename TEXT 0 - 0\n"
                                                "10 os_build TEXT 0 - 0\n"
                                                "11 os_platform TEXT 0 - 0\n"
                                                "12 os_uname TEXT 0 - 0\n"
                                                "13 os_arch TEXT 0 - 0\n"
                                                "14 version TEXT 0 - 0\n"
                                                "15 config_sum TEXT 0 - 0\n"
                                                "16 merged_sum TEXT 0 - 0\n"
                                                "17 manager_host TEXT 0 - 0\n"
                                                "18 node_name TEXT 0 'unknown' 0\n"
                                                "19 date_add INTEGER 1 - 0\n"
                                                "20 last_keepalive INTEGER 0 - 0\n"
                                                "21 group TEXT 0 'default' 0\n"
                                                "22 group_hash TEXT 0 NULL 0\n"
                                                "23 group_sync_status TEXT 1 'synced' 0\n"
                                                "24 sync_status TEXT 1 'synced' 0\n"
                                                "25 connection_status TEXT 1 'never_connected' 0\n"
                                                "26 disconnection_time INTEGER 0 0 0\n"
                                                "27 group_config_status TEXT 1 'not synced' 0\n"
                                                "28 status_code INTEGER 0 0 0\n");
    CHECK_STR(rows("PRAGMA table_info(labels)"),
              "0 id INTEGER 0 - 1\n1 key TEXT 1 - 2\n2 value TEXT 1 - 0\n");
    CHECK_STR(rows("PRAGMA table_info(info)"), "0 key TEXT 0 - 1\n1 value TEXT 0 - 0\n");
    CHECK_STR(rows("PRAGMA table_info(metadata)"), "0 key TEXT 0 - 1\n1 value TEXT 0 - 0\n");
    CHECK_STR(rows("PRAGMA table_info(`group`)"), "0 id INTEGER 0 - 1\n1 name TEXT 0 - 0\n");
    CHECK_STR(rows("PRAGMA table_info(belongs)"),
              "0 id_agent INTEGER 0 - 1\n1 id_group INTEGER 0 - 2\n2 priority INTEGER 1 0 0\n");
    CHECK_STR(rows("PRAGMA foreign_key_list(belongs)"), "0 0 group id_group id NO ACTION CASCADE NONE\n"
                                                        "1 0 agent id_agent id NO ACTION CASCADE NONE\n");
    CHECK_STR(rows("PRAGMA foreign_key_list(labels)"), "0 0 agent id id NO ACTION CASCADE NONE\n");
    CHECK_STR(rows("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name"),
              "index agent_group_hash agent\n"
              "index agent_ip agent\n"
              "index agent_name agent\n"
              "index belongs_id_agent belongs\n"
              "index belongs_id_group belongs\n"
              "index group_name group\n"
              "index sqlite_autoindex_belongs_1 belongs\n"
              "index sqlite_autoindex_belongs_2 belongs\n"
              "index sqlite_autoindex_group_1 group\n"
              "index sqlite_autoindex_info_1 info\n"
              "index sqlite_autoindex_labels_1 labels\n"
              "index sqlite_autoindex_metadata_1 metadata\n"
              "table agent agent\n"
              "table belongs belongs\n"
              "table group group\n"
              "table info info\n"
              "table labels labels\n"
              "table metadata metadata\n"
              "table sqlite_sequence sqlite_sequence\n");
    CHECK_STR(rows("PRAGMA index_info(sqlite_autoindex_belongs_1)"), "0 0 id_agent\n1 2 priority\n");
    CHECK_STR(rows("PRAGMA index_info(agent_group_hash)"), "0 22 group_hash\n");
    CHECK(strstr(rows("SELECT sql FROM sqlite_master WHERE name = 'group'"), "AUTOINCREMENT"));
    CHECK_STR(rows("SELECT value FROM metadata WHERE key = 'db_version'"), "7\n");
    CHECK_STR(rows("PRAGMA integrity_check"), "ok\n");
    CHECK_STR(rows("PRAGMA foreign_key_check"), "");
    CHECK_STR(rows("PRAGMA foreign_keys"), "1\n");
    CHECK_STR(rows("PRAGMA synchronous"), "2\n");
    CHECK_STR(rows("PRAGMA journal_mode"), "truncate\n");
    CHECK_STR(rows("PRAGMA locking_mode"), "normal\n");
}

static bool takes(const char *column, const char *value) {
    char text[200];
    snprintf(text, sizeof text, "UPDATE agent SET %s = %s WHERE id = 0", column, value);
    return sqlite3_exec(d.sql, text, NULL, NULL, NULL) == SQLITE_OK;
}

TEST(schema_of_a_new_file) {
    setup();
    open_it();
    check_shape();
    int64_t now = sys.wall_ns(&sys) / 1000000000;
    CHECK_STR(
        rows("SELECT id, name, ip, register_ip, internal_key, os_name, version, node_name, last_keepalive, "
             "`group`,"
             " group_hash, group_sync_status, sync_status, connection_status, disconnection_time,"
             " group_config_status, status_code, typeof(date_add) FROM agent"),
        "0 localhost 127.0.0.1 127.0.0.1 - - - unknown 253402300799 - - synced synced active 0 not synced 0"
        " integer\n");
    CHECK(llabs(atoll(rows("SELECT date_add FROM agent")) - now) < 10);
    CHECK_STR(logged, "");
    static const char *const columns[] = {"group_sync_status", "sync_status", "connection_status",
                                          "group_config_status"};
    static const char *const values[] = {
        "'synced'", "'syncreq'",      "'syncreq_status'",  "'syncreq_keepalive'", "'pending'",
        "'active'", "'disconnected'", "'never_connected'", "'not synced'",        "'x'",
        "NULL"};
    static const char *const may[] = {"11000000000", "11110000000", "00001111000", "10000000100"};
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < 11; v++)
            if (takes(columns[c], values[v]) != (may[c][v] == '1'))
                test_fail(__FILE__, __LINE__, "%s = %s", columns[c], values[v]);
}

TEST(schema_stays_when_it_is_opened_again) {
    setup();
    open_it();
    exec("UPDATE agent SET name = 'changed'");
    db_close(&d);
    size_t n, m;
    char *before = test_read_file(DB_PATH, &n);
    open_it();
    check_shape();
    db_close(&d);
    char *after = test_read_file(DB_PATH, &m);
    CHECK_INT(m, n);
    CHECK_MEM(after, before, n);
}

/* ---- older versions ---- */

#define AGENT_1                                                                                              \
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL, ip TEXT, register_ip TEXT, internal_key TEXT, os_name "     \
    "TEXT,"                                                                                                  \
    " os_version TEXT, os_major TEXT, os_minor TEXT, os_codename TEXT, os_build TEXT, os_platform TEXT,"     \
    " os_uname TEXT, os_arch TEXT, version TEXT, config_sum TEXT, merged_sum TEXT, manager_host TEXT,"       \
    " node_name TEXT DEFAULT 'unknown', date_add INTEGER NOT NULL, last_keepalive INTEGER,"
#define SYNC " sync_status TEXT NOT NULL CHECK (sync_status IN ('synced', 'syncreq')) DEFAULT 'synced'"
#define CONNECTION                                                                                           \
    ", connection_status TEXT NOT NULL CHECK (connection_status IN ('pending', 'never_connected', 'active'," \
    " 'disconnected')) DEFAULT 'never_connected'"
#define GROUP " `group` TEXT DEFAULT 'default',"
#define HASH                                                                                                 \
    " group_hash TEXT default NULL, group_sync_status TEXT NOT NULL CHECK (group_sync_status IN ('synced',"  \
    " 'syncreq')) DEFAULT 'synced',"
#define CONFIG                                                                                               \
    ", group_config_status TEXT NOT NULL CHECK (group_config_status IN ('synced', 'not synced'))"            \
    " DEFAULT 'not synced'"
#define LABELS(refers)                                                                                       \
    "CREATE TABLE labels (id INTEGER" refers                                                                 \
    ", key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (id,key));"
#define BELONGS_4(refers)                                                                                    \
    "CREATE TABLE belongs (id_agent INTEGER REFERENCES agent (id) ON DELETE CASCADE, id_group "              \
    "INTEGER" refers                                                                                         \
    ", priority INTEGER NOT NULL DEFAULT 0, UNIQUE (id_agent, priority), PRIMARY KEY (id_agent, id_group));"
#define CASCADES(table) " REFERENCES " table " (id) ON DELETE CASCADE"

/* As 4.0 makes it out of a 3.x one; as 4.2, 4.3, 4.4, 4.6 and 4.8 make theirs. */
static const char *const made[] = {
    NULL,
    "CREATE TABLE agent (" AGENT_1
    " status TEXT NOT NULL DEFAULT 'empty', fim_offset INTEGER NOT NULL DEFAULT 0,"
    " reg_offset INTEGER NOT NULL DEFAULT 0," GROUP SYNC ");"
    "CREATE TABLE belongs (id_agent INTEGER, id_group INTEGER, PRIMARY KEY (id_agent, id_group));" LABELS(""),
    "CREATE TABLE agent (" AGENT_1 GROUP SYNC CONNECTION ");"
    "CREATE TABLE belongs (id_agent INTEGER, id_group INTEGER, PRIMARY KEY (id_agent, id_group));" LABELS(""),
    "CREATE TABLE agent (" AGENT_1 GROUP SYNC CONNECTION ", disconnection_time INTEGER DEFAULT 0);"
    "CREATE TABLE belongs (id_agent INTEGER REFERENCES agent (id) ON DELETE CASCADE, id_group INTEGER,"
    " PRIMARY KEY (id_agent, id_group));" LABELS(""),
    "CREATE TABLE agent (" AGENT_1 GROUP HASH SYNC CONNECTION ", disconnection_time INTEGER DEFAULT 0" CONFIG
    ");" BELONGS_4("") LABELS(""),
    "CREATE TABLE agent (" AGENT_1 GROUP HASH SYNC CONNECTION ", disconnection_time INTEGER DEFAULT 0" CONFIG
    ", status_code INTEGER DEFAULT 0);" BELONGS_4(CASCADES("`group`")) LABELS(""),
    "CREATE TABLE agent (" AGENT_1 GROUP HASH SYNC CONNECTION ", disconnection_time INTEGER DEFAULT 0" CONFIG
    ", status_code INTEGER DEFAULT 0);" BELONGS_4(CASCADES("`group`")) LABELS(CASCADES("agent")),
};

static const char others[] = "CREATE INDEX agent_name ON agent (name); CREATE INDEX agent_ip ON agent (ip);"
                             "CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT);"
                             "CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT);"
                             "INSERT INTO info VALUES ('k', 'v');";

static void drop_all(void) {
    exec("PRAGMA foreign_keys=OFF; DROP TABLE agent; DROP TABLE labels; DROP TABLE info; DROP TABLE `group`;"
         "DROP TABLE belongs; DROP TABLE metadata");
}

/* A file of that version with three agents, three groups (two of one name before 4), and orphans. */
static void make_old(int version) {
    char text[100];
    open_it();
    drop_all();
    exec("BEGIN");
    exec(made[version]);
    exec(others);
    exec(version < 4
             ? "CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)"
             : "CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, UNIQUE (name));"
               "CREATE INDEX belongs_id_agent ON belongs (id_agent);"
               "CREATE INDEX agent_group_hash ON agent (group_hash)");
    snprintf(text, sizeof text, "INSERT INTO metadata VALUES ('db_version', '%d'), ('other', 'o')", version);
    exec(text);
    exec("INSERT INTO agent (id, name, ip, date_add, last_keepalive, `group`, sync_status) VALUES"
         " (0, 'localhost', '127.0.0.1', 100, 253402300799, NULL, 'synced'),"
         " (1, 'one', '10.0.0.1', 101, 1111, 'default', 'syncreq'),"
         " (2, 'two', '10.0.0.2', 102, NULL, 'default,web', 'synced'),"
         " (3, 'three', 'any', 103, 3333, 'web,default,extra', 'synced'),"
         " (5, 'five', 'any', 105, 5555, NULL, 'synced')");
    exec("INSERT INTO `group` (id, name) VALUES (1, 'extra'), (4, 'default'), (7, 'web')");
    exec("INSERT INTO labels VALUES (1, 'key', 'value'), (77, 'nobody', 'x')");
    if (version < 4)
        exec("INSERT INTO `group` (id, name) VALUES (9, 'default');"
             "INSERT INTO belongs (id_agent, id_group) VALUES (1, 4), (2, 7), (2, 9), (3, 1), (3, 4), (3, 7),"
             " (3, 9), (77, 4), (1, 99)");
    else
        exec("INSERT INTO belongs VALUES (1, 4, 0), (2, 4, 0), (2, 7, 1), (3, 7, 0), (3, 4, 5), (3, 1, 9),"
             " (77, 4, 0), (1, 99, 3);"
             "UPDATE agent SET group_hash = '37a8eec1', group_sync_status = 'syncreq',"
             " group_config_status = 'synced' WHERE id = 1;"
             "UPDATE agent SET group_hash = '5288d400' WHERE id = 2");
    if (version >= 2)
        exec("UPDATE agent SET connection_status = 'active' WHERE id IN (0, 1);"
             "UPDATE agent SET connection_status = 'disconnected' WHERE id = 3;"
             "UPDATE agent SET connection_status = 'pending' WHERE id = 5");
    if (version >= 3)
        exec("UPDATE agent SET disconnection_time = 3456 WHERE id = 3");
    if (version >= 5)
        exec("UPDATE agent SET status_code = 4 WHERE id = 3");
    exec("COMMIT");
    db_close(&d);
}

static void check_upgraded(int version) {
    char words[100];
    make_old(version);
    logged[0] = 0;
    open_it();
    check_shape();
    snprintf(words, sizeof words, "[Agent database] queue/db/global.db was brought from version %d to 7.",
             version);
    CHECK_STR(logged, words);
    CHECK_STR(rows("SELECT id, name, ip, date_add, last_keepalive, `group`, sync_status FROM agent"),
              "0 localhost 127.0.0.1 100 253402300799 - synced\n"
              "1 one 10.0.0.1 101 1111 default syncreq\n"
              "2 two 10.0.0.2 102 - default,web synced\n"
              "3 three any 103 3333 web,default,extra synced\n"
              "5 five any 105 5555 - synced\n");
    CHECK_STR(rows("SELECT id, connection_status FROM agent"),
              version == 1 ? "0 active\n1 disconnected\n2 never_connected\n3 disconnected\n5 disconnected\n"
                           : "0 active\n1 active\n2 never_connected\n3 disconnected\n5 pending\n");
    CHECK_STR(rows("SELECT id, disconnection_time FROM agent WHERE disconnection_time <> 0"),
              version == 1   ? "1 1111\n3 3333\n5 5555\n"
              : version == 2 ? "3 3333\n"
                             : "3 3456\n");
    /* SHA-256 of the list: reference, section 14.3, and sha256sum for the third */
    CHECK_STR(rows("SELECT id, group_hash, group_sync_status, group_config_status FROM agent"),
              version < 4
                  ? "0 - synced not synced\n1 37a8eec1 synced not synced\n2 5288d400 synced not synced\n"
                    "3 579202c8 synced not synced\n5 - synced not synced\n"
                  : "0 - synced not synced\n1 37a8eec1 syncreq synced\n2 5288d400 synced not synced\n"
                    "3 - synced not synced\n5 - synced not synced\n");
    CHECK_STR(rows("SELECT max(status_code) FROM agent"), version < 5 ? "0\n" : "4\n");
    CHECK_STR(rows("SELECT * FROM `group` ORDER BY id"), "1 extra\n4 default\n7 web\n");
    CHECK_STR(rows("SELECT id_agent, name, priority FROM belongs JOIN `group` ON id = id_group"
                   " ORDER BY id_agent, priority"),
              version < 4 ? "1 default 0\n2 default 0\n2 web 1\n3 web 0\n3 default 1\n3 extra 2\n"
                          : "1 default 0\n2 default 0\n2 web 1\n3 web 0\n3 default 5\n3 extra 9\n");
    CHECK_STR(rows("SELECT * FROM labels"), "1 key value\n");
    CHECK_STR(rows("SELECT * FROM info"), "k v\n");
    CHECK_STR(rows("SELECT value FROM metadata WHERE key = 'other'"), "o\n");
    exec("INSERT INTO `group` (name) VALUES ('new')");
    CHECK(atoi(rows("SELECT id FROM `group` WHERE name = 'new'")) > 7);
    exec("DELETE FROM agent WHERE id = 1");
    CHECK_STR(rows("SELECT count(*) FROM labels"), "0\n");
}

TEST(schema_upgrade_from_1) {
    setup();
    check_upgraded(1);
}
TEST(schema_upgrade_from_2) {
    setup();
    check_upgraded(2);
}
TEST(schema_upgrade_from_3) {
    setup();
    check_upgraded(3);
}
TEST(schema_upgrade_from_4) {
    setup();
    check_upgraded(4);
}
TEST(schema_upgrade_from_5) {
    setup();
    check_upgraded(5);
}
TEST(schema_upgrade_from_6) {
    setup();
    check_upgraded(6);
}

/* More rows than fit the arena go through an upgrade. */
TEST(schema_upgrade_of_a_large_file) {
    setup();
    make_old(3);
    int fd =
        sys.openat(&sys, root, DB_PATH, O_RDWR, 0); /* rows are added to the old tables by the door alone */
    CHECK(fd >= 0);
    sys.close(&sys, fd);
    db_close(&d);
    open_it();
    drop_all();
    exec("BEGIN");
    exec(made[3]);
    exec(others);
    exec("CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);"
         "INSERT INTO `group` (name) VALUES ('default'), ('web'); INSERT INTO metadata VALUES ('db_version', "
         "'3')");
    sqlite3_stmt *q;
    CHECK_INT(sqlite3_prepare_v2(d.sql,
                                 "INSERT INTO agent (id, name, date_add, `group`, os_uname) VALUES"
                                 " (?1, 'agent-' || ?1, 1, 'web,default', hex(zeroblob(120)))",
                                 -1, &q, NULL),
              SQLITE_OK);
    for (int i = 0; i < 12000; i++) {
        sqlite3_bind_int(q, 1, i);
        CHECK_INT(sqlite3_step(q), SQLITE_DONE);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    exec("INSERT INTO belongs SELECT a.id, g.id FROM agent a, `group` g WHERE a.id > 0; COMMIT");
    db_close(&d);
    open_it();
    check_shape();
    CHECK_STR(rows("SELECT count(*), count(DISTINCT group_hash), min(length(os_uname)) FROM agent"),
              "12000 1 240\n");
    CHECK_STR(
        rows("SELECT priority, name, count(*) FROM belongs JOIN `group` ON id = id_group GROUP BY 1, 2"),
        "0 web 11999\n1 default 11999\n");
    CHECK_INT(d.refused, 0);
}

/* ---- what is not taken ---- */

struct image {
    char *bytes;
    size_t n;
};

static struct image image(const char *path) {
    struct image i = {0};
    i.bytes = test_read_file(path, &i.n);
    return i;
}

static void names_in_folder(char out[400]) {
    char path[400];
    snprintf(path, sizeof path, "%s/queue/db", test_dir());
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort);
    out[0] = 0;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.')
            strcat(strcat(out, list[i]->d_name), " ");
        free(list[i]);
    }
    free(list);
}

/* Refused with these words, and nothing in the folder is other than it was. */
static void check_refused(const char *words) {
    char names[400], after[400];
    struct image file = image(DB_PATH), wal = image(DB_PATH "-wal");
    names_in_folder(names);
    enum err err = try_open();
    if (err != E_VALUE || !strstr(e.what, words) || !strstr(e.what, DB_PATH))
        test_fail(__FILE__, __LINE__, "%s: %s", err_words(err), e.what);
    CHECK_INT(e.code, E_VALUE);
    CHECK(!d.sql);
    struct image now = image(DB_PATH), wal_now = image(DB_PATH "-wal");
    CHECK(now.n == file.n && wal_now.n == wal.n);
    CHECK_MEM(now.bytes, file.bytes, file.n);
    if (wal.bytes)
        CHECK_MEM(wal_now.bytes, wal.bytes, wal.n);
    names_in_folder(after);
    CHECK_STR(after, names);
}

static void with(const char *sql, const char *words) {
    open_it();
    exec(sql);
    db_close(&d);
    check_refused(words);
    sys.unlinkat(&sys, root, DB_PATH, false);
}

TEST(schema_refuses_what_is_not_its_own) {
    setup();
    with("UPDATE metadata SET value = '8'", "has version 8, newer than 7");
    with("UPDATE metadata SET value = '70000000000'", "newer than 7");
    with("PRAGMA user_version = 1", "newer Wazuh");
    with("DROP TABLE metadata", "before 4.0");
    with("DELETE FROM metadata", "does not say its version");
    with("UPDATE metadata SET value = 'seven'", "does not say its version");
    with("DROP TABLE labels", "no such table: labels");
    with("DROP INDEX agent_ip; DROP TABLE agent; CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT)",
         "no such column");
    with("UPDATE metadata SET value = '5'; DROP TABLE belongs", "no such table");
}

TEST(schema_refuses_text) {
    setup();
    char text[5000];
    memset(text, 't', sizeof text);
    test_write_file(DB_PATH, text, sizeof text);
    check_refused("not a database");
    test_write_file(DB_PATH, "x", 1);
    check_refused("not a database");
}

TEST(schema_refuses_what_is_damaged) {
    setup();
    open_it();
    exec("BEGIN");
    for (int i = 1; i < 200; i++) {
        char text[200];
        snprintf(
            text, sizeof text,
            "INSERT INTO agent (id, name, date_add, os_uname) VALUES (%d, 'agent', 1, hex(zeroblob(99)))", i);
        exec(text);
    }
    exec("COMMIT");
    db_close(&d);
    struct image file = image(DB_PATH);
    CHECK(file.n > 12 * 4096);
    /* each page in turn: cut off before it, or its header nonsense */
    int refusals = 0;
    for (size_t page = 1; page < file.n / 4096; page++) {
        test_write_file(DB_PATH, file.bytes, page * 4096);
        check_refused("");
        char *copy = test_keep(malloc(file.n));
        memcpy(copy, file.bytes, file.n);
        memset(copy + page * 4096, 0x5a, 12);
        test_write_file(DB_PATH, copy, file.n);
        check_refused("damaged");
        refusals++;
    }
    CHECK(refusals > 11);
    /* bytes anywhere: taken or refused, but never a crash, and a file that is refused is as it was */
    uint64_t seed = 7;
    for (int round = 0; round < 150; round++) {
        char *copy = test_keep(malloc(file.n));
        memcpy(copy, file.bytes, file.n);
        for (int k = 0; k < 8; k++) {
            uint64_t r = test_random(&seed);
            copy[(round & 1 ? r % 600 : r % file.n)] = (char)(r >> 40);
        }
        test_write_file(DB_PATH, copy, file.n);
        enum err err = try_open();
        db_close(&d);
        if (err) {
            struct image now = image(DB_PATH);
            CHECK_INT(now.n, file.n);
            CHECK_MEM(now.bytes, copy, file.n);
        }
    }
}

static void put_vector(const char *name, const char *path) {
    size_t n;
    uint8_t *bytes = test_vector(name, &n);
    test_write_file(path, bytes, n);
}

TEST(schema_refuses_settings_it_cannot_keep) {
    setup();
    put_vector("global_auto_vacuum.db", DB_PATH);
    check_refused("damaged");
    put_vector("global_utf16.db", DB_PATH);
    check_refused("");
}

/* ---- what wazuh-db leaves behind ---- */

TEST(schema_takes_a_log_over) {
    char names[400];
    setup();
    put_vector("global_wal.db", DB_PATH);
    put_vector("global_wal.log", DB_PATH "-wal");
    test_write_file(DB_PATH "-shm", "stale", 5);
    open_it();
    CHECK_STR(rows("SELECT id, name FROM agent ORDER BY id"), "0 localhost\n1 uno\n2 two\n3 three\n");
    check_shape();
    exec("UPDATE agent SET name = 'drei' WHERE id = 3");
    names_in_folder(names);
    CHECK_STR(names, "global.db global.db-journal ");
    db_close(&d);
    char *file = test_read_file(DB_PATH, NULL);
    CHECK(file[18] == 1 && file[19] == 1); /* its header: read and written without a log */
    open_it();
    CHECK_STR(rows("SELECT name FROM agent WHERE id = 3"), "drei\n");
}

/* A log that lost its end in a power cut: what is whole in it counts. */
TEST(schema_takes_a_torn_log_over) {
    size_t n;
    setup();
    uint8_t *log = test_vector("global_wal.log", &n);
    for (size_t cut = 0; cut < n; cut += 131) {
        put_vector("global_wal.db", DB_PATH);
        test_write_file(DB_PATH "-wal", log, cut);
        open_it();
        const char *names = rows("SELECT group_concat(name) FROM (SELECT name FROM agent ORDER BY id)");
        CHECK(strcmp(names, "localhost,one,two\n") == 0 || strcmp(names, "localhost,one,two,three\n") == 0 ||
              (cut > 1000 && strcmp(names, "localhost,uno,two,three\n") == 0));
        db_close(&d);
    }
}

TEST(schema_newer_in_a_log_is_left_in_it) {
    setup();
    put_vector("global_wal.db", DB_PATH);
    size_t n;
    uint8_t *log = test_vector("global_wal.log", &n);
    test_write_file(DB_PATH "-wal", log, n);
    open_it();
    exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; UPDATE metadata SET value = '9'");
    struct image file = image(DB_PATH), wal = image(DB_PATH "-wal");
    CHECK(wal.n > 500);
    db_close(&d);
    test_write_file(DB_PATH, file.bytes, file.n);
    test_write_file(DB_PATH "-wal", wal.bytes, wal.n);
    sys.unlinkat(&sys, root, DB_PATH "-journal", false);
    check_refused("has version 9");
}
