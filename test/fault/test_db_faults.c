/* test_db_faults.c - the database while every system call in turn fails, the process is killed before it, or
 * the power is cut and takes with it what was not flushed. Always: the file opens, a batch that was
 * acknowledged is there whole, the one after it whole or not at all, and nothing of any later one. */
#include "limits.h"
#include "store/db.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/power.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCHES 2
#define ROWS 8 /* of a batch */

_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
static struct sys plain;
static int root;
static char folder[300];

/* What a scenario has done; shared with the children that are killed. */
static struct {
    int acknowledged; /* batches */
    enum err err;     /* why it ended */
    bool opened;
} * told;

static void end(void *arg) {
    (void)arg;
    CHECK_INT(sqlite3_memory_used(), 0);
    db_library_close();
    plain.close(&plain, root);
}

static void setup(void) {
    struct error e;
    sys_linux_init(&plain);
    root = plain.openat(&plain, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
    CHECK_INT(db_library_open(arena, sizeof arena, &e), E_OK);
    test_at_end(end, NULL);
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(told != MAP_FAILED);
    snprintf(folder, sizeof folder, "%s/queue/db", test_dir());
}

/* ---- the beginnings ---- */

static void empty_folder(void) {
    char path[600];
    test_write_file("queue/db/x", "", 0);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            CHECK_INT(unlink(path), 0);
    }
    closedir(d);
}

static void no_folder(void) {
    empty_folder();
    CHECK_INT(rmdir(folder), 0);
}

struct image {
    uint8_t *bytes;
    size_t n;
};
static struct image first, first_log; /* what "old" starts from */

static void old(void) {
    empty_folder();
    test_write_file(DB_PATH, first.bytes, first.n);
    if (first_log.n)
        test_write_file(DB_PATH "-wal", first_log.bytes, first_log.n);
}

/* ---- the work ---- */

static enum err exec(struct db *d, const char *format, int a, int b) {
    char text[400];
    sqlite3_stmt *q;
    struct error e = {0};
    snprintf(text, sizeof text, format, a, b);
    sqlite3_finalize(d->stmt[SQL_COUNT - 1]); /* a borrowed place: it counts as our own */
    d->stmt[SQL_COUNT - 1] = NULL;
    int rc = sqlite3_prepare_v2(d->sql, text, -1, &q, NULL);
    if (rc != SQLITE_OK)
        return E_SYS;
    d->stmt[SQL_COUNT - 1] = q;
    enum err err = db_step(d, q, NULL, &e);
    CHECK(!err || e.what[0]);
    return err;
}

/* Rows in three tables, of several pages; what was written by the batch before is changed. */
static enum err batch(struct db *d, int k) {
    struct error e = {0};
    enum err err = db_begin(d, &e);
    for (int i = k * ROWS; !err && i < (k + 1) * ROWS; i++) {
        err = exec(d,
                   "INSERT OR REPLACE INTO agent (id, name, date_add, os_uname) VALUES (%d, 'agent', 1,"
                   " hex(zeroblob(%d)))",
                   i + 1, 300);
        if (!err)
            err = exec(d, "INSERT OR REPLACE INTO labels VALUES (%d, 'batch', '%d')", i + 1, k);
    }
    if (!err)
        err = exec(d, "UPDATE agent SET status_code = %d, name = 'seen by ' || %d", k + 1, k);
    if (!err)
        err = exec(d, "INSERT OR REPLACE INTO info VALUES ('batches', %d)", k + 1, 0);
    if (err)
        db_rollback(d);
    else
        err = db_commit(d, &e);
    CHECK(!err || !db_in_transaction(d));
    return err;
}

/* stubborn: what fails once is tried once more, and must then be done. */
static void work(struct sys *sys, bool stubborn) {
    struct error e = {0};
    static struct db d;
    memset(told, 0, sizeof *told);
    enum err err = db_open(&d, sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    if (err) {
        CHECK(e.code == err && strstr(e.what, "queue/db"));
        CHECK(!d.sql && !d.vfs_registered);
        if (stubborn)
            err = db_open(&d, sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    }
    told->opened = !err;
    for (int k = 0; !err && k < BATCHES; k++) {
        err = batch(&d, k);
        if (err && stubborn)
            err = batch(&d, k);
        if (!err)
            told->acknowledged = k + 1;
    }
    told->err = err;
    db_close(&d);
}

/* ---- the ends ---- */

static int64_t number(struct db *d, const char *text) {
    sqlite3_stmt *q;
    CHECK_INT(sqlite3_prepare_v2(d->sql, text, -1, &q, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* rows: agents that were there from the beginning, those with ids from 1 to ROWS * BATCHES not counted. */
static void check_all(int rows) {
    struct error e = {0};
    static struct db d;
    if (db_open(&d, &plain, root, UINT32_MAX, UINT32_MAX, NULL, &e))
        test_fail(__FILE__, __LINE__, "after %d batches: %s", told->acknowledged, e.what);
    int64_t k = number(&d, "SELECT ifnull((SELECT value FROM info WHERE key = 'batches'), 0)");
    if (k < told->acknowledged || k > told->acknowledged + 1)
        test_fail(__FILE__, __LINE__, "%d batches are there, %d were acknowledged", (int)k,
                  told->acknowledged);
    CHECK_INT(number(&d, "SELECT count(*) FROM agent WHERE id BETWEEN 1 AND 16"), k * ROWS);
    CHECK_INT(number(&d, "SELECT count(*) FROM agent WHERE id NOT BETWEEN 1 AND 16"), rows);
    CHECK_INT(number(&d, "SELECT count(*) FROM labels WHERE key = 'batch'"), k * ROWS);
    CHECK_INT(number(&d, "SELECT count(*) FROM labels WHERE key = 'batch' AND value <> (id - 1) / 8"), 0);
    if (k) {
        CHECK_INT(number(&d, "SELECT min(status_code) FROM agent"), k);
        CHECK_INT(number(&d, "SELECT max(status_code) FROM agent"), k);
    }
    db_close(&d);
}

static int expected_rows; /* for the sweeps' check functions */
static void (*begin)(void);

/* ---- killed ---- */

static void run_killed(void *ctx, struct faults *f) {
    (void)ctx;
    work(&f->sys, false);
}

static void check_killed(void *ctx) {
    (void)ctx;
    check_all(expected_rows);
    begin();
}

static void killed(void (*from)(void), int rows) {
    begin = from;
    expected_rows = rows;
    begin();
    uint64_t runs = faults_kill_sweep(NULL, run_killed, check_killed);
    CHECK(runs > 50);
}

TEST(db_killed_before_each_call_of_a_new_file) {
    setup();
    killed(no_folder, 1);
}

/* A file of version 3 with agents 0 and 101 to 160. */
static void make_old(void) {
    struct error e = {0};
    static struct db d;
    empty_folder();
    CHECK_INT(db_open(&d, &plain, root, UINT32_MAX, UINT32_MAX, NULL, &e), E_OK);
    CHECK_INT(
        sqlite3_exec(
            d.sql,
            "PRAGMA foreign_keys=OFF; DROP TABLE agent; DROP TABLE belongs; DROP TABLE labels;"
            "DROP TABLE `group`; UPDATE metadata SET value = '3' WHERE key = 'db_version';"
            "CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL, ip TEXT, register_ip TEXT,"
            " internal_key TEXT, os_name TEXT, os_version TEXT, os_major TEXT, os_minor TEXT,"
            " os_codename TEXT, os_build TEXT, os_platform TEXT, os_uname TEXT, os_arch TEXT,"
            " version TEXT, config_sum TEXT, merged_sum TEXT, manager_host TEXT, node_name TEXT,"
            " date_add INTEGER NOT NULL, last_keepalive INTEGER, `group` TEXT, sync_status TEXT NOT NULL"
            " DEFAULT 'synced', connection_status TEXT NOT NULL DEFAULT 'active', disconnection_time"
            " INTEGER DEFAULT 0);"
            "CREATE TABLE belongs (id_agent INTEGER, id_group INTEGER);"
            "CREATE TABLE labels (id INTEGER, key TEXT NOT NULL, value TEXT NOT NULL);"
            "CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);"
            "INSERT INTO `group` VALUES (1, 'default'), (2, 'web');"
            "INSERT INTO agent (id, name, date_add, `group`) VALUES (0, 'localhost', 1, NULL)",
            NULL, NULL, NULL),
        SQLITE_OK);
    for (int i = 101; i <= 160; i++)
        CHECK(!exec(&d,
                    "INSERT INTO agent (id, name, date_add, `group`, os_uname) VALUES (%d, 'old', 1, "
                    "'web,default',"
                    " hex(zeroblob(%d)))",
                    i, 200) &&
              !exec(&d, "INSERT INTO belongs VALUES (%d, 1), (%d, 2)", i, i));
    db_close(&d);
    first.bytes = (uint8_t *)test_read_file(DB_PATH, &first.n);
    first_log.n = 0;
}

static void log_left_behind(void) {
    first.bytes = test_vector("global_wal.db", &first.n);
    first_log.bytes = test_vector("global_wal.log", &first_log.n);
}

/* After a batch, agents 1 to 3 of that file are replaced: what was in its log is seen before. */
static void check_log(void) {
    struct error e = {0};
    static struct db d;
    CHECK_INT(db_open(&d, &plain, root, UINT32_MAX, UINT32_MAX, NULL, &e), E_OK);
    if (number(&d, "SELECT count(*) FROM info WHERE key = 'batches'") == 0) {
        CHECK_INT(number(&d, "SELECT count(*) FROM agent"), 4);
        CHECK_INT(number(&d, "SELECT name = 'uno' FROM agent WHERE id = 1"), 1);
        CHECK_INT(told->acknowledged, 0);
    } else {
        CHECK_INT(number(&d, "SELECT count(*) % 8 FROM agent WHERE id > 0"), 0);
    }
    db_close(&d);
}

static void check_old(void) {
    struct error e = {0};
    static struct db d;
    check_all(61);
    CHECK_INT(db_open(&d, &plain, root, UINT32_MAX, UINT32_MAX, NULL, &e), E_OK);
    CHECK_INT(number(&d, "SELECT count(*) FROM belongs"), 120);
    CHECK_INT(
        number(&d,
               "SELECT count(*) FROM agent WHERE group_hash IS NOT NULL AND os_uname NOT NULL AND id > 100"),
        60);
    db_close(&d);
}

TEST(db_killed_before_each_call_of_an_upgrade) {
    setup();
    make_old();
    killed(old, 61);
}

/* ---- the power is cut ---- */

static void cut_everywhere(void (*from)(void), void (*check)(void), enum power_luck luck, uint64_t seed) {
    struct power p;
    uint64_t n = 0;
    do {
        from();
        power_init(&p, folder, seed * 1000 + n);
        p.luck = luck;
        p.cut_at = ++n;
        work(&p.sys, false);
        bool cut = p.cut;
        CHECK(cut || told->acknowledged == BATCHES);
        power_restore(&p);
        power_fini(&p);
        check();
        if (!cut)
            break;
    } while (true);
    CHECK(n > 40);
}

static void check_new(void) {
    check_all(1);
}

TEST(db_power_cut_that_loses_all_that_was_not_flushed) {
    setup();
    cut_everywhere(empty_folder, check_new, POWER_LOSES_ALL, 1);
}

TEST(db_power_cut_that_keeps_any_sectors) {
    setup();
    for (uint64_t seed = 1; seed <= 3; seed++)
        cut_everywhere(empty_folder, check_new, POWER_LOSES_SOME, seed);
}

TEST(db_power_cut_during_an_upgrade) {
    setup();
    make_old();
    cut_everywhere(old, check_old, POWER_LOSES_SOME, 2);
}

TEST(db_power_cut_while_a_log_is_taken_over) {
    setup();
    log_left_behind();
    cut_everywhere(old, check_log, POWER_LOSES_ALL, 1);
    cut_everywhere(old, check_log, POWER_LOSES_SOME, 2);
}

/* The shim itself: a database that never flushes does not get through. */
static int no_flush(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

TEST(db_power_cut_is_felt_without_flushes) {
    struct power p;
    struct error e;
    static struct db d;
    int lost = 0;
    setup();
    for (uint64_t n = 20; n < 120; n += 5) {
        empty_folder();
        power_init(&p, folder, n);
        p.sys.fsync = no_flush;
        p.cut_at = n;
        work(&p.sys, false);
        power_restore(&p);
        power_fini(&p);
        lost += db_open(&d, &plain, root, UINT32_MAX, UINT32_MAX, NULL, &e) ||
                number(&d, "SELECT ifnull((SELECT value FROM info WHERE key = 'batches'), 0)") <
                    told->acknowledged;
        db_close(&d);
    }
    CHECK(lost > 0);
}

/* ---- calls that fail ---- */

static bool stubborn;

static void run_failing(void *ctx, struct faults *f) {
    (void)ctx;
    begin();
    work(&f->sys, stubborn);
}

/* One failure: the second try ends well. A disk that is broken from then on: an error, unless all was done.
 */
static void check_failing(void *ctx, struct faults *f) {
    void (*check)(void) = *(void (**)(void))ctx;
    if (!f->fired || (stubborn && !f->fail_on))
        CHECK_INT(told->acknowledged, BATCHES);
    CHECK(told->err ? told->acknowledged < BATCHES : told->acknowledged == BATCHES);
    check();
}

static void failing(int os, bool fail_on, void (*from)(void), void (*check)(void)) {
    begin = from;
    stubborn = !fail_on;
    uint64_t runs = faults_sweep(os, fail_on, &check, run_failing, check_failing);
    CHECK(runs > 50);
}

TEST(db_each_call_fails_once) {
    setup();
    failing(EIO, false, no_folder, check_new);
    failing(ENOSPC, false, no_folder, check_new);
    failing(ENOMEM, false, no_folder, check_new);
    failing(EAGAIN, false, no_folder, check_new);
}

TEST(db_each_call_fails_and_all_after_it) {
    setup();
    failing(EIO, true, no_folder, check_new);
    failing(ENOSPC, true, no_folder, check_new);
}

TEST(db_calls_of_an_upgrade_fail) {
    setup();
    make_old();
    failing(EIO, false, old, check_old);
    failing(ENOSPC, true, old, check_old);
}

TEST(db_calls_of_taking_a_log_over_fail) {
    setup();
    log_left_behind();
    failing(EIO, false, old, check_log);
    failing(ENOSPC, true, old, check_log);
}

TEST(db_one_byte_at_a_time) {
    struct faults f;
    setup();
    empty_folder();
    faults_init(&f);
    f.short_io = true;
    work(&f.sys, false);
    CHECK_INT(told->acknowledged, BATCHES);
    check_new();
}
