/* test_db.c - the one door to SQLite: transactions, what its answers become, texts from outside, the arena,
 * locks, and what lies in the folder. */
#include "limits.h"
#include "store/db.h"
#include "test/harness/harness.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
static struct sys sys;
static struct error e;
static struct db d;
static int root;

static void end(void *arg) {
    (void)arg;
    db_close(&d);
    CHECK_INT(sqlite3_memory_used(), 0);
    db_library_close();
    sys.close(&sys, root);
}

static void start(size_t arena_bytes) {
    sys_linux_init(&sys);
    root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
    CHECK_INT(db_library_open(arena, arena_bytes, &e), E_OK);
    test_at_end(end, NULL);
}

static void good(enum err err) {
    if (err)
        test_fail(__FILE__, __LINE__, "%s: %s", err_words(err), e.what);
}

static void open_it(void) {
    good(db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e));
}

static void setup(void) {
    start(sizeof arena);
    open_it();
}

/* Statements that sql.def has not: borrowed places of its table, so that they count as our own. */
static sqlite3_stmt *own(const char *text) {
    sqlite3_finalize(d.stmt[SQL_COUNT - 1]);
    CHECK_INT(sqlite3_prepare_v2(d.sql, text, -1, &d.stmt[SQL_COUNT - 1], NULL), SQLITE_OK);
    return d.stmt[SQL_COUNT - 1];
}

static enum err run(const char *text) {
    return db_step(&d, own(text), NULL, &e);
}

static int64_t number(const char *text) {
    bool row;
    sqlite3_stmt *q = own(text);
    good(db_step(&d, q, &row, &e));
    CHECK(row);
    int64_t n = db_int(q, 0);
    db_done(q);
    return n;
}

#define AGENT(id, name) "INSERT INTO agent (id, name, date_add) VALUES (" #id ", '" name "', 1)"

TEST(db_arena_that_is_too_small) {
    CHECK_INT(db_library_open(arena, 64u << 10, &e), E_SPACE);
    CHECK(strstr(e.what, "65536"));
}

TEST(db_makes_folder_and_file_with_their_modes) {
    umask(077);
    setup();
    struct sys_stat st;
    CHECK_INT(sys.lstatat(&sys, root, "queue/db", &st), 0);
    CHECK_INT(st.mode & 07777, 0750);
    CHECK_INT(sys.lstatat(&sys, root, DB_PATH, &st), 0);
    CHECK_INT(st.mode & 07777, 0640);
    CHECK(run(AGENT(1, "a")) == E_OK);
    CHECK_INT(sys.lstatat(&sys, root, DB_PATH "-journal", &st), 0);
    CHECK_INT(st.mode & 07777, 0640);
    CHECK_INT(st.size, 0);
}

TEST(db_owner_is_set_or_nothing_is_made) {
    start(sizeof arena);
    if (geteuid() == 0) {
        struct sys_stat st;
        good(db_open(&d, &sys, root, 12, 34, NULL, &e));
        CHECK_INT(sys.lstatat(&sys, root, DB_PATH, &st), 0);
        CHECK(st.uid == 12 && st.gid == 34);
        CHECK_INT(sys.lstatat(&sys, root, "queue", &st), 0);
        CHECK(st.uid == 12 && st.gid == 34);
    } else {
        CHECK(db_open(&d, &sys, root, 0, 0, NULL, &e) != E_OK);
        CHECK(!test_read_file(DB_PATH, NULL));
    }
}

TEST(db_transactions) {
    setup();
    good(db_begin(&d, &e));
    CHECK(db_in_transaction(&d));
    good(run(AGENT(1, "a")));
    CHECK_INT(db_changes(&d), 1);
    good(db_commit(&d, &e));
    CHECK(!db_in_transaction(&d));
    CHECK_INT(d.commits, 1);

    good(db_begin(&d, &e));
    good(run(AGENT(2, "b")));
    db_rollback(&d);
    db_rollback(&d); /* safe when none is open */
    CHECK_INT(number("SELECT count(*) FROM agent"), 2);

    CHECK_INT(db_commit(&d, &e), E_CANCELLED); /* none is open */
    db_close(&d);
    open_it();
    CHECK_INT(number("SELECT count(*) FROM agent"), 2);
    CHECK_INT(number("SELECT id FROM agent WHERE name = 'a'"), 1);
}

TEST(db_a_transaction_left_open_is_gone) {
    setup();
    good(db_begin(&d, &e));
    good(run(AGENT(1, "a")));
    db_close(&d);
    open_it();
    CHECK_INT(number("SELECT count(*) FROM agent"), 1);
}

TEST(db_rules_of_the_schema_by_name) {
    setup();
    good(run(AGENT(1, "a")));
    CHECK_INT(run(AGENT(1, "again")), E_DUPLICATE);
    CHECK(strstr(e.what, DB_PATH) && strstr(e.what, "agent.id"));
    good(run("INSERT INTO `group` (name) VALUES ('default')"));
    CHECK_INT(run("INSERT INTO `group` (name) VALUES ('default')"), E_DUPLICATE);
    good(run("INSERT INTO belongs VALUES (1, 1, 0)"));
    CHECK_INT(run("INSERT INTO belongs VALUES (1, 1, 1)"), E_DUPLICATE);
    CHECK_INT(run("INSERT INTO belongs VALUES (9, 1, 1)"), E_VALUE); /* no agent 9 */
    CHECK_INT(run("INSERT INTO labels VALUES (9, 'k', 'v')"), E_VALUE);
    CHECK_INT(run("UPDATE agent SET sync_status = 'x'"), E_VALUE);
    CHECK_INT(run("INSERT INTO agent (id, name) VALUES (2, 'b')"), E_VALUE); /* date_add */
    good(run("INSERT INTO labels VALUES (1, 'k', 'v')"));
    good(run("DELETE FROM agent WHERE id = 1"));
    CHECK_INT(number("SELECT (SELECT count(*) FROM belongs) + (SELECT count(*) FROM labels)"), 0);
}

TEST(db_a_broken_rule_spoils_no_transaction) {
    setup();
    good(db_begin(&d, &e));
    good(run(AGENT(1, "a")));
    CHECK_INT(run(AGENT(1, "a")), E_DUPLICATE);
    CHECK_INT(run("UPDATE agent SET sync_status = 'x'"), E_VALUE);
    good(run(AGENT(2, "b")));
    good(db_commit(&d, &e));
    CHECK_INT(number("SELECT count(*) FROM agent"), 3);
}

TEST(db_values_both_ways) {
    setup();
    bool row;
    size_t n;
    sqlite3_stmt *q = own("SELECT ?1, ?2, ?3, ?4, 1.5");
    db_bind_int(q, 1, INT64_MIN);
    db_bind_null(q, 2);
    db_bind_text(q, 3, "a\0b", 3);
    db_bind_text(q, 4, NULL, 5);
    good(db_step(&d, q, &row, &e));
    CHECK(row && db_columns(q) == 5);
    CHECK_INT(db_int(q, 0), INT64_MIN);
    CHECK(db_is_int(q, 0) && !db_is_null(q, 0));
    CHECK(db_is_null(q, 1) && db_is_null(q, 3));
    CHECK_STR(db_text(q, 1, &n), "");
    CHECK_INT(n, 0);
    CHECK_MEM(db_text(q, 2, &n), "a\0b", 4);
    CHECK_INT(n, 3);
    CHECK(!db_is_int(q, 4) && !db_is_int(q, 2));
    good(db_step(&d, q, &row, &e));
    CHECK(!row);
    /* a statement that is taken again has lost what was bound */
    q = db_stmt(&d, SQL_COUNT - 1);
    good(db_step(&d, q, &row, &e));
    CHECK(row && db_is_null(q, 0));
    db_done(q);
}

/* ---- texts from outside ---- */

static enum err ask(const char *text, sqlite3_stmt **q) {
    return db_prepare_read(&d, text, strlen(text), q, &e);
}

static long rows_of(const char *text) {
    sqlite3_stmt *q;
    bool row;
    long n = 0;
    good(ask(text, &q));
    for (good(db_step(&d, q, &row, &e)); row; good(db_step(&d, q, &row, &e)))
        n++;
    db_finish(q);
    return n;
}

TEST(db_selects_from_outside) {
    setup();
    good(run(AGENT(1, "web-1") ", (2, 'web-2', 2), (3, 'db', 3)"));
    CHECK_INT(rows_of("SELECT id FROM agent WHERE name LIKE 'WEB%' ORDER BY id DESC LIMIT 5 OFFSET 1;"), 1);
    CHECK_INT(rows_of("select count(*) from agent group by substr(name, 1, 3) having count(*) > 1"), 1);
    CHECK_INT(rows_of("SELECT id FROM agent WHERE id IN (SELECT max(id) FROM agent) UNION SELECT 7 ;\n"), 2);
    CHECK_INT(rows_of("SELECT id FROM agent WHERE last_keepalive > strftime('%s', 'now') - 60"), 1);
    CHECK_INT(rows_of("SELECT a.id FROM agent a LEFT JOIN belongs b ON b.id_agent = a.id"), 4);
    CHECK_INT(rows_of("SELECT CASE WHEN os_major = '' THEN 0 ELSE CAST(os_major AS INTEGER) END FROM agent"),
              4);
    sqlite3_stmt *q;
    good(ask("SELECT id AS number, name FROM agentX", &q) == E_SYNTAX ? E_OK : E_SYNTAX);
    CHECK(!q && strstr(e.what, "agentX"));
    good(ask("SELECT id AS number, name FROM agent", &q));
    CHECK_INT(db_columns(q), 2);
    CHECK_STR(db_column_name(q, 0), "number");
    db_finish(q);
    db_finish(NULL);
}

TEST(db_outside_only_reads) {
    static const char *const denied[] = {
        "DELETE FROM agent",
        "INSERT INTO info VALUES ('a', 'b')",
        "UPDATE agent SET name = 'x'",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA journal_mode",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "DROP TABLE agent",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE INDEX x ON agent (version)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM agent",
        "SELECT 1 ;; x",
    };
    sqlite3_stmt *q;
    setup();
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
        if (ask(denied[i], &q) != E_DENIED || q)
            test_fail(__FILE__, __LINE__, "%s: %s", denied[i], e.what);
    /* SQLite does not know these here: no statement reaches a second file */
    CHECK_INT(ask("ATTACH '/etc/passwd' AS x", &q), E_SYNTAX);
    CHECK_INT(ask("DETACH x", &q), E_SYNTAX);
    CHECK_INT(ask("VACUUM INTO '/tmp/x'", &q), E_SYNTAX);
    CHECK_INT(ask("", &q), E_SYNTAX);
    CHECK_INT(ask(" ; ", &q), E_SYNTAX);
    CHECK_INT(ask("SELEC 1", &q), E_SYNTAX);
    CHECK_INT(ask("SELECT \"no_such_column\"", &q), E_SYNTAX);
    CHECK_INT(ask("SELECT load_extension('x')", &q), E_SYNTAX);
    CHECK_INT(db_prepare_read(&d, "SELECT 1 garbage ", 9, &q, &e), E_OK); /* the length counts */
    db_finish(q);
    good(run("UPDATE agent SET version = 'own statements are not held'"));
}

TEST(db_outside_is_stopped) {
    setup();
    good(run(AGENT(1, "a") ", (2, 'b', 1), (3, 'c', 1), (4, 'd', 1), (5, 'e', 1), (6, 'f', 1), (7, 'g', 1)"));
    sqlite3_stmt *q;
    bool row;
    good(ask("SELECT count(*) FROM agent a, agent b, agent c, agent d, agent e, agent f, agent g, agent h",
             &q));
    CHECK_INT(db_step(&d, q, &row, &e), E_TIME);
    CHECK(!row && strstr(e.what, "too long"));
    db_finish(q);
    /* ... and row by row, however often it is asked for the next */
    good(ask("SELECT 1 FROM agent a, agent b, agent c, agent d, agent e, agent f, agent g, agent h", &q));
    enum err err;
    long rows = 0;
    while ((err = db_step(&d, q, &row, &e)) == E_OK && row)
        rows++;
    CHECK_INT(err, E_TIME);
    CHECK(rows > 1000);
    db_finish(q);
    CHECK_INT(number("SELECT count(*) FROM agent"), 8);
    char deep[4096] = "SELECT ";
    for (int i = 0; i < 500; i++)
        strcat(deep, "(1+");
    CHECK_INT(ask(deep, &q), E_SYNTAX);
}

/* A step is as long as its texts are: they are bounded, what takes their square is refused, and the clock
 * stops what is left. */
TEST(db_outside_long_texts) {
    static const char *const denied[] = {"instr(name, 'a')",       "replace(name, 'a', 'b')",
                                         "trim(name, 'a')",        "zeroblob(60000)",
                                         "hex(randomblob(60000))", "printf('%60000d', 1)"};
    static char text[60000];
    sqlite3_stmt *q;
    bool row;
    setup();
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        snprintf(text, sizeof text, "SELECT %s FROM agent", denied[i]);
        if (ask(text, &q) != E_SYNTAX || q || !strstr(e.what, "not authorized"))
            test_fail(__FILE__, __LINE__, "%s: %s", text, e.what);
    }
    snprintf(text, sizeof text, "SELECT 'x' LIKE '%0300d'", 0);
    good(ask(text, &q));
    CHECK_INT(db_step(&d, q, &row, &e), E_VALUE); /* the pattern is too long */
    db_finish(q);
    snprintf(text, sizeof text, "SELECT x || x FROM (SELECT '%040000d' AS x)", 0);
    good(ask(text, &q));
    CHECK_INT(db_step(&d, q, &row, &e), E_LIMIT);
    db_finish(q);
    snprintf(text, sizeof text, "'%040000d'", 0);
    sqlite3_stmt *longer = own("UPDATE agent SET os_name = ?1 || ?1 WHERE id = 0"); /* ours may be longer */
    db_bind_text(longer, 1, text, strlen(text));
    good(db_step(&d, longer, NULL, &e));
}

static uint64_t clock_ns;
static uint64_t slow_clock(struct sys *s) {
    (void)s;
    return clock_ns += 100000000;
}

TEST(db_outside_takes_a_second) {
    sqlite3_stmt *q;
    bool row;
    long rows = 0;
    setup();
    good(run(AGENT(1, "a") ", (2, 'b', 1), (3, 'c', 1), (4, 'd', 1), (5, 'e', 1), (6, 'f', 1), (7, 'g', 1)"));
    sys.mono_ns = slow_clock;
    good(ask("SELECT 1 FROM agent a, agent b, agent c, agent d, agent e, agent f, agent g, agent h", &q));
    enum err err;
    while ((err = db_step(&d, q, &row, &e)) == E_OK && row)
        rows++;
    CHECK_INT(err, E_TIME);
    CHECK(rows > 10 && rows < 10000);
    db_finish(q);
    CHECK_INT(rows_of("SELECT id FROM agent"), 8); /* the next one has a second again */
}

/* ---- the arena ---- */

/* n agents of about 400 bytes. */
static void fill(int n) {
    char key[65];
    memset(key, 'k', sizeof key);
    good(db_begin(&d, &e));
    sqlite3_stmt *q = own("INSERT INTO agent (id, name, date_add, internal_key, os_uname, config_sum) VALUES"
                          " (?1, 'agent-' || ?1, 1, ?2, ?2 || ?2 || ?2, ?2)");
    for (int i = 1; i <= n; i++) {
        db_bind_int(q, 1, i);
        db_bind_text(q, 2, key, 64);
        good(db_step(&d, q, NULL, &e));
    }
    good(db_commit(&d, &e));
}

TEST(db_what_is_larger_than_the_arena) {
    setup();
    fill(12000); /* over 5 MB */
    struct sys_stat st;
    CHECK_INT(sys.lstatat(&sys, root, DB_PATH, &st), 0);
    CHECK(st.size > 2 * sizeof arena);
    good(db_begin(&d, &e));
    good(run("UPDATE agent SET sync_status = 'syncreq', version = 'v' WHERE id > 0"));
    CHECK_INT(db_changes(&d), 12000);
    /* it breaks a rule at its end: the statement is undone, the transaction goes on */
    CHECK_INT(run("UPDATE agent SET version = 'w', sync_status = iif(id = 11999, 'x', 'synced')"), E_VALUE);
    CHECK_INT(number("SELECT count(*) FROM agent WHERE version = 'v' AND sync_status = 'syncreq'"), 12000);
    good(db_commit(&d, &e));
    CHECK_INT(rows_of("SELECT * FROM agent ORDER BY internal_key, name DESC"), 12001);
    CHECK_INT(rows_of("SELECT os_uname, count(*) FROM agent GROUP BY name || internal_key"), 12001);
    CHECK_INT(rows_of("SELECT DISTINCT name, os_uname FROM agent"), 12001);
    CHECK(db_library_high() <= sizeof arena);
    CHECK(db_library_high() > sizeof arena / 4);
    CHECK_INT(d.refused, 0);
    good(run("DELETE FROM agent WHERE id > 0"));
    CHECK_INT(number("SELECT count(*) FROM agent"), 1);
}

TEST(db_arena_used_up_is_an_ordinary_error) {
    setup();
    fill(3000);
    sqlite3_stmt *q;
    bool row;
    good(ask("SELECT group_concat(a.name) FROM agent a, (SELECT id FROM agent LIMIT 9)", &q));
    enum err err = db_step(&d, q, &row, &e);
    CHECK(err == E_LIMIT || err == E_POOL);
    db_finish(q);
    static char wide[62000];
    int n = snprintf(wide, sizeof wide, "SELECT x||0");
    for (int i = 1; i < 40; i++)
        n += snprintf(wide + n, sizeof wide - n, ",x||%d", i);
    snprintf(wide + n, sizeof wide - n, " FROM (SELECT '%060000d' AS x)", 0);
    good(ask(wide, &q));
    CHECK_INT(db_step(&d, q, &row, &e), E_POOL);
    CHECK(!row && strstr(e.what, "memory"));
    CHECK(d.refused > 0);
    db_finish(q);

    /* of our own, in a transaction: that one is given up, the next is as any other */
    good(db_begin(&d, &e));
    good(run("UPDATE agent SET name = 'changed' WHERE id = 1"));
    CHECK_INT(run("UPDATE agent SET name = hex(zeroblob(500000)) || hex(zeroblob(400000)) WHERE id = 2"),
              E_POOL);
    CHECK_INT(db_commit(&d, &e), E_CANCELLED);
    CHECK(!db_in_transaction(&d));
    CHECK_INT(number("SELECT count(*) FROM agent WHERE name = 'changed'"), 0);
    good(db_begin(&d, &e));
    good(run("UPDATE agent SET name = 'changed' WHERE id = 1"));
    good(db_commit(&d, &e));
    CHECK_INT(number("SELECT count(*) FROM agent WHERE name = 'changed'"), 1);
    CHECK_INT(number("SELECT count(*) FROM agent"), 3001);
}

/* The least arena with which the start is not refused, or which says in words that it is too small. */
TEST(db_arena_too_small_for_the_statements) {
    start(192u << 10);
    enum err err = db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    CHECK(err == E_OK || err == E_POOL);
    if (err)
        CHECK(strstr(e.what, "memory"));
    CHECK(d.sql || !d.vfs_registered);
}

/* ---- others ---- */

#define PENDING 0x40000000u

static enum err batch(void) {
    enum err err = db_begin(&d, &e);
    if (!err)
        err = run("UPDATE agent SET version = ifnull(version, '') || 'x' WHERE id = 0");
    if (!err)
        return db_commit(&d, &e);
    db_rollback(&d);
    return err;
}

TEST(db_readers_and_writers_beside_us) {
    setup();
    int fd = sys.openat(&sys, root, DB_PATH, O_RDWR, 0);
    good(batch());
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_WRITE, PENDING + 1, 1), 0); /* a writer */
    CHECK_INT(batch(), E_AGAIN);
    CHECK(strstr(e.what, "another program"));
    CHECK_INT(number("SELECT length(version) FROM agent WHERE id = 0"), 1); /* reading goes on */
    CHECK_INT(sys.lock_range(&sys, fd, SYS_UNLOCK, PENDING + 1, 1), 0);
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_READ, PENDING + 2, 510), 0); /* a reader */
    CHECK_INT(batch(), E_AGAIN);
    CHECK(!db_in_transaction(&d));
    CHECK_INT(number("SELECT length(version) FROM agent WHERE id = 0"), 1);
    CHECK_INT(sys.lock_range(&sys, fd, SYS_UNLOCK, PENDING + 2, 510), 0);
    good(batch());
    /* nothing is held between transactions, a read lock while a row is looked at, all while one is written */
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_ASK, PENDING, 512), 0);
    bool row;
    sqlite3_stmt *q = own("SELECT id FROM agent");
    good(db_step(&d, q, &row, &e));
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_ASK, PENDING + 2, 510), -EAGAIN);
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_READ, PENDING + 2, 510), 0);
    db_done(q);
    CHECK_INT(sys.lock_range(&sys, fd, SYS_UNLOCK, PENDING + 2, 510), 0);
    good(db_begin(&d, &e));
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_WRITE, PENDING + 1, 1), -EAGAIN);
    db_rollback(&d);
    CHECK_INT(sys.lock_range(&sys, fd, SYS_LOCK_ASK, PENDING, 512), 0);
    sys.close(&sys, fd);
}

/* Record locks of another process, as sqlite3 and wazuh-db set them, are in our way too. */
TEST(db_locks_of_another_process) {
    setup();
    int tell[2], wait[2];
    char c;
    CHECK(pipe(tell) == 0 && pipe(wait) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = PENDING + 1, .l_len = 1};
        int fd = sys.openat(&sys, root, DB_PATH, O_RDWR, 0);
        bool locked = fcntl(fd, F_SETLK, &l) == 0;
        close(wait[1]);
        if (write(tell[1], "x", 1) != 1 || read(wait[0], &c, 1) < 0)
            locked = false;
        _exit(!locked);
    }
    CHECK_INT(read(tell[0], &c, 1), 1);
    CHECK_INT(batch(), E_AGAIN);
    close(wait[1]);
    close(wait[0]);
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    good(batch());
    close(tell[0]);
    close(tell[1]);
}

TEST(db_two_of_them_in_one_process) {
    static struct db other;
    setup();
    good(db_open(&other, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e));
    good(db_begin(&other, &e));
    CHECK_INT(db_begin(&d, &e), E_AGAIN);
    db_rollback(&other);
    good(batch());
    db_close(&other);
    good(batch());
}

TEST(db_a_file_put_in_its_place) {
    setup();
    good(batch());
    CHECK_INT(sys.renameat(&sys, root, DB_PATH, root, "kept"), 0);
    CHECK_INT(batch(), E_CHANGED);
    test_write_file(DB_PATH, "something else", 14);
    CHECK_INT(batch(), E_CHANGED);
    CHECK(strstr(e.what, "put in its place"));
    CHECK_STR(test_read_file(DB_PATH, NULL), "something else");
    CHECK_INT(sys.renameat(&sys, root, "kept", root, DB_PATH), 0);
    good(batch());
    CHECK_INT(number("SELECT length(version) FROM agent WHERE id = 0"), 2);
}

static void refused(const char *words) {
    enum err err = db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    CHECK(err != E_OK);
    if (!strstr(e.what, words))
        test_fail(__FILE__, __LINE__, "%s", e.what);
    CHECK(!d.sql && !d.vfs_registered);
    db_close(&d); /* may be called */
}

/* Whoever may write in queue/db must not make us write elsewhere. */
TEST(db_follows_no_link) {
    char path[512];
    start(sizeof arena);
    test_write_file("elsewhere/file", "", 0);
    test_write_file("queue/db/x", "", 0);
    snprintf(path, sizeof path, "%s/%s", test_dir(), DB_PATH);
    CHECK_INT(symlink("../../elsewhere/file", path), 0);
    refused("symbolic links");
    CHECK_INT(unlink(path), 0);
    CHECK_INT(mkfifo(path, 0600), 0);
    refused("Invalid argument");
    CHECK_INT(unlink(path), 0);
    CHECK_INT(mkdir(path, 0700), 0);
    refused("Is a directory");
    CHECK_INT(rmdir(path), 0);
    open_it();
    db_close(&d);
    strcat(path, "-journal");
    CHECK_INT(unlink(path), 0);
    CHECK_INT(symlink("../../elsewhere/file", path), 0);
    refused("symbolic links");
    CHECK_INT(unlink(path), 0);
    snprintf(path, sizeof path, "%s/queue/db", test_dir());
    char away[520];
    snprintf(away, sizeof away, "%s/away", test_dir());
    CHECK_INT(rename(path, away), 0);
    CHECK_INT(symlink("../elsewhere", path), 0);
    refused("symbolic links");
    size_t n = 1;
    CHECK(test_read_file("elsewhere/file", &n) && n == 0);
    CHECK(!test_read_file("elsewhere/global.db", NULL));
}

TEST(db_the_clock_is_the_tables) {
    setup();
    int64_t now = sys.wall_ns(&sys) / 1000000000;
    int64_t said = number("SELECT CAST(strftime('%s', 'now') AS INTEGER)");
    CHECK(said >= now && said <= now + 5);
    CHECK_INT(number("SELECT CAST(strftime('%s', '2026-11-20 12:00:00') AS INTEGER)"), 1795176000);
}
