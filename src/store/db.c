/* store/db.c - SQLite as the rest of the store sees it: its arena, one connection, its statements and what
 * its answers mean.
 *
 * SQL texts come from sql.def, and from outside through db_prepare_read alone, which lets nothing pass that
 * writes. What the file must look like is schema.c's affair, how it is read and written db_vfs.c's. */
#include "store/db.h"

#include "base/text.h"
#include "limits.h"
#include "src/store/db_parts.h"

#include <stdio.h>
#include <string.h>

/* One page in the cache, with what SQLite keeps beside it. */
#define SLOT_BYTES (DB_PAGE_BYTES + 320u)
#define ATOM_BYTES 64 /* smallest piece of the heap */
/* Pieces each connection keeps at hand: 8 KiB make writing rows a third faster, more do not. */
#define ASIDE_BYTES 512
#define ASIDE_PIECES 15
#define SORT_PAGES 16 /* of a sort in memory, before it may go on in a file */
#define ARENA_MIN_BYTES (192u << 10)
/* A select from outside is stopped after ROUNDS_MAX times ROUND_STEPS. A look at every agent takes some 50
 * steps a row, 1 million for 20,000. One step may go over a whole text, so that the time is looked at too,
 * and texts are no longer than any column is. */
#define ROUND_STEPS 100
#define ROUNDS_MAX 100000u
#define OUTSIDE_NS 1000000000u
#define OUTSIDE_TEXT_BYTES (1 << 16)
#define TEXT_BYTES (1 << 20)

/* One text behind the other in one block: a table of pointers would cost 32 bytes more for each in a program
 * that can be loaded anywhere. */
static const struct {
#define SQL(id, text) char id##_text[sizeof text];
#include "sql.def"
#undef SQL
} texts = {
#define SQL(id, text) text,
#include "sql.def"
#undef SQL
};

/* ---- the library ---- */

static size_t cache_bytes(size_t arena_bytes) {
    size_t cache = STORE_CACHE_KIB << 10;
    return (cache < arena_bytes / 2 ? cache : arena_bytes / 2) / SLOT_BYTES * SLOT_BYTES;
}

enum err db_library_open(void *arena, size_t bytes, struct error *e) {
    size_t cache = cache_bytes(bytes), heap = bytes - cache;
    int beside = 0;
    if (bytes < ARENA_MIN_BYTES || bytes > INT32_MAX)
        return error_set(e, E_SPACE, 0, "the database's arena of %zu bytes is below %u", bytes,
                         ARENA_MIN_BYTES);
    int rc = sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &beside);
    if (rc == SQLITE_OK && beside > (int)(SLOT_BYTES - DB_PAGE_BYTES))
        rc = SQLITE_TOOBIG;
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_PAGECACHE, arena, (int)SLOT_BYTES, (int)(cache / SLOT_BYTES));
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_HEAP, (char *)arena + cache, (int)heap, ATOM_BYTES);
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, ASIDE_BYTES, ASIDE_PIECES);
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_SMALL_MALLOC, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_PMASZ, SORT_PAGES);
    if (rc == SQLITE_OK)
        rc = sqlite3_initialize();
    if (rc != SQLITE_OK)
        return error_set(e, E_SPACE, 0, "the database cannot start: %s", sqlite3_errstr(rc));
    /* From here on caches shrink and sorts go to a file, before the heap is used up. */
    sqlite3_soft_heap_limit64((sqlite3_int64)(heap / 4 * 3));
    return E_OK;
}

void db_library_close(void) {
    sqlite3_shutdown();
}

size_t db_library_high(void) {
    sqlite3_int64 now, heap = 0, pages = 0;
    sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &heap, 0);
    sqlite3_status64(SQLITE_STATUS_PAGECACHE_USED, &now, &pages, 0);
    return (size_t)heap + (size_t)pages * SLOT_BYTES;
}

/* ---- what SQLite answers ---- */

static enum err system_failed(struct db *d, struct error *e) {
    int os = d->os;
    if (!os)
        return error_set(e, E_SYS, 0, "%s: %s", DB_PATH, sqlite3_errmsg(d->sql));
    return error_set(e, err_of_os(os) == E_SPACE ? E_SPACE : E_SYS, os, "%s", DB_PATH);
}

static enum err constraint_failed(struct db *d, int rc, struct error *e) {
    bool twice =
        rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID;
    return error_set(e, twice ? E_DUPLICATE : E_VALUE, 0, "%s: %s", DB_PATH, sqlite3_errmsg(d->sql));
}

enum err db_result(struct db *d, int rc, struct error *e) {
    if (rc == SQLITE_IOERR_NOMEM)
        rc = SQLITE_NOMEM;
    if (rc == SQLITE_READONLY_DBMOVED)
        return error_set(e, E_CHANGED, 0, "%s: another file was put in its place", DB_PATH);
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return E_OK;
    case SQLITE_NOMEM:
        d->refused++;
        return error_set(e, E_POOL, 0, "%s: the database's %u KiB of memory are used up", DB_PATH,
                         STORE_ARENA_BYTES >> 10);
    case SQLITE_FULL:
        return error_set(e, E_SPACE, d->os, "%s", DB_PATH);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(e, E_AGAIN, 0, "%s: another program has it locked", DB_PATH);
    case SQLITE_CONSTRAINT:
        return constraint_failed(d, rc, e);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(e, E_DIGEST, 0, "%s is damaged: %s", DB_PATH, sqlite3_errmsg(d->sql));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return system_failed(d, e);
    case SQLITE_INTERRUPT:
        return error_set(e, E_TIME, 0, "%s: the select was stopped, it takes too long", DB_PATH);
    case SQLITE_AUTH:
        return error_set(e, E_DENIED, 0, "%s: only one SELECT is allowed", DB_PATH);
    case SQLITE_ABORT:
        return error_set(e, E_CANCELLED, 0, "%s: the transaction was rolled back", DB_PATH);
    case SQLITE_TOOBIG:
        return error_set(e, E_LIMIT, 0, "%s: %s", DB_PATH, sqlite3_errmsg(d->sql));
    default:
        return error_set(e, E_VALUE, 0, "%s: %s", DB_PATH, sqlite3_errmsg(d->sql));
    }
}

enum err db_exec(struct db *d, const char *text, struct error *e) {
    d->os = 0;
    return db_result(d, sqlite3_exec(d->sql, text, NULL, NULL, NULL), e);
}

enum err db_ask(struct db *d, const char *text, int64_t *value, struct error *e) {
    sqlite3_stmt *q;
    *value = 0;
    d->os = 0;
    int rc = sqlite3_prepare_v2(d->sql, text, -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        *value = sqlite3_column_int64(q, 0);
    enum err err = db_result(d, rc, e);
    sqlite3_finalize(q);
    return err;
}

/* ---- opening ---- */

/* What a select from outside may call: nothing that takes the square of a text's length (instr, replace,
 * trim) or makes a text of a number (zeroblob, printf). */
static const char functions[] =
    "like\0count\0sum\0min\0max\0coalesce\0lower\0upper\0length\0substr\0glob\0nullif\0ifnull\0avg\0total\0"
    "abs\0round\0group_concat\0date\0time\0datetime\0strftime\0";

/* Asked while a statement is prepared: those from outside may read rows, and nothing else. */
static int may_prepare(void *arg, int action, const char *a, const char *name, const char *c,
                       const char *inner) {
    const struct db *d = arg;
    (void)a, (void)c, (void)inner;
    return !d->outside || action == SQLITE_SELECT || action == SQLITE_READ ||
                   (action == SQLITE_FUNCTION && text_find(functions, name) >= 0)
               ? SQLITE_OK
               : SQLITE_DENY;
}

/* What is in the file is data: it brings no code (triggers, functions in the schema) with it. The limits
 * bound what a text from outside can make of the parser and of single values. */
static void restrain(struct db *d) {
    static const struct {
        int what, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, TEXT_BYTES},
        {SQLITE_LIMIT_SQL_LENGTH, 1 << 17},
        {SQLITE_LIMIT_COLUMN, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 10},
        {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 10},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 64},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(d->sql, limits[i].what, limits[i].value);
    sqlite3_db_config(d->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(d->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(d->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0,
                      NULL); /* foreign keys' own work all the same */
    sqlite3_set_authorizer(d->sql, may_prepare, d);
}

/* An eighth of the cache is for what sorts and subqueries need besides. */
static enum err set_cache(struct db *d, struct error *e) {
    char text[40];
    snprintf(text, sizeof text, "PRAGMA cache_size=%u", (STORE_CACHE_KIB << 10) / SLOT_BYTES * 7 / 8);
    return db_exec(d, text, e);
}

static enum err connect(struct db *d, struct log *log, struct error *e) {
    enum err err = db_vfs_open(d, e);
    if (err)
        return err;
    int rc = sqlite3_open_v2(DB_FILE, &d->sql,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, d->vfs_name);
    if (rc != SQLITE_OK)
        return db_result(d, rc, e);
    restrain(d);
    err = schema_check(d, log, e);
    if (!err)
        err = set_cache(d, e);
    const char *text = (const char *)&texts;
    for (int i = 0; !err && i < SQL_COUNT; i++) {
        rc = sqlite3_prepare_v3(d->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &d->stmt[i], NULL);
        err = db_result(d, rc, e);
        text += strlen(text) + 1;
    }
    return err;
}

enum err db_open(struct db *d, struct sys *sys, int root, uint32_t uid, uint32_t gid, struct log *log,
                 struct error *e) {
    memset(d, 0, sizeof *d);
    d->sys = sys;
    d->root = root;
    d->uid = uid;
    d->gid = gid;
    enum err err = connect(d, log, e);
    if (err)
        db_close(d);
    return err;
}

void db_close(struct db *d) {
    for (sqlite3_stmt *q; d->sql && (q = sqlite3_next_stmt(d->sql, NULL)) != NULL;)
        sqlite3_finalize(q);
    memset(d->stmt, 0, sizeof d->stmt);
    sqlite3_close(d->sql);
    d->sql = NULL;
    db_vfs_close(d);
}

/* ---- transactions ---- */

enum err db_begin(struct db *d, struct error *e) {
    d->spoiled = false;
    return db_step(d, db_stmt(d, SQL_BEGIN), NULL, e);
}

enum err db_begin_alone(struct db *d, struct error *e) {
    d->spoiled = false;
    return db_exec(d, "BEGIN EXCLUSIVE", e);
}

enum err db_commit(struct db *d, struct error *e) {
    enum err err = E_CANCELLED;
    if (d->spoiled || !db_in_transaction(d))
        error_set(e, err, 0, "%s: the transaction was given up after an error", DB_PATH);
    else
        err = db_step(d, db_stmt(d, SQL_COMMIT), NULL, e);
    if (err)
        db_rollback(d);
    else
        d->commits++;
    return err;
}

void db_rollback(struct db *d) {
    if (db_in_transaction(d))
        db_step(d, db_stmt(d, SQL_ROLLBACK), NULL, NULL);
    d->spoiled = false;
}

bool db_in_transaction(const struct db *d) {
    return d->sql && !sqlite3_get_autocommit(d->sql);
}

/* ---- statements ---- */

struct sqlite3_stmt *db_stmt(struct db *d, enum sql id) {
    sqlite3_reset(d->stmt[id]);
    sqlite3_clear_bindings(d->stmt[id]);
    return d->stmt[id];
}

void db_bind_int(struct sqlite3_stmt *q, int column, int64_t v) {
    sqlite3_bind_int64(q, column, v);
}

void db_bind_null(struct sqlite3_stmt *q, int column) {
    sqlite3_bind_null(q, column);
}

void db_bind_text(struct sqlite3_stmt *q, int column, const char *s, size_t n) {
    sqlite3_bind_text(q, column, s, (int)n, SQLITE_STATIC);
}

static bool is_own(const struct db *d, const struct sqlite3_stmt *q) {
    for (int i = 0; i < SQL_COUNT; i++)
        if (d->stmt[i] == q)
            return true;
    return false;
}

static int round_ended(void *arg) {
    struct db *d = arg;
    return d->sys->mono_ns(d->sys) > d->outside_until_ns || d->rounds_left == 0 || --d->rounds_left == 0;
}

static int step_outside(struct db *d, struct sqlite3_stmt *q) {
    uint32_t done = (uint32_t)sqlite3_stmt_status(q, SQLITE_STMTSTATUS_VM_STEP, 0) / ROUND_STEPS;
    d->rounds_left = done < ROUNDS_MAX ? ROUNDS_MAX - done : 0;
    sqlite3_progress_handler(d->sql, ROUND_STEPS, round_ended, d);
    sqlite3_limit(d->sql, SQLITE_LIMIT_LENGTH, OUTSIDE_TEXT_BYTES);
    int rc = sqlite3_step(q);
    sqlite3_limit(d->sql, SQLITE_LIMIT_LENGTH, TEXT_BYTES);
    sqlite3_progress_handler(d->sql, 0, NULL, NULL);
    return rc;
}

enum err db_step(struct db *d, struct sqlite3_stmt *q, bool *row, struct error *e) {
    d->os = 0;
    bool own = is_own(d, q);
    int rc = own ? sqlite3_step(q) : step_outside(d, q);
    if (row)
        *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW && row)
        return E_OK;
    enum err err = db_result(d, rc, e);
    sqlite3_reset(q);
    if (own && err && err != E_DUPLICATE && err != E_VALUE)
        d->spoiled = true;
    return err;
}

void db_done(struct sqlite3_stmt *q) {
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
}

bool db_is_null(struct sqlite3_stmt *q, int column) {
    return sqlite3_column_type(q, column) == SQLITE_NULL;
}

bool db_is_int(struct sqlite3_stmt *q, int column) {
    return sqlite3_column_type(q, column) == SQLITE_INTEGER;
}

int64_t db_int(struct sqlite3_stmt *q, int column) {
    return sqlite3_column_int64(q, column);
}

const char *db_text(struct sqlite3_stmt *q, int column, size_t *n) {
    const char *s = (const char *)sqlite3_column_text(q, column);
    if (n)
        *n = s ? (size_t)sqlite3_column_bytes(q, column) : 0;
    return s ? s : "";
}

uint64_t db_changes(const struct db *d) {
    return (uint64_t)sqlite3_changes64(d->sql);
}

/* ---- texts from outside ---- */

enum err db_prepare_read(struct db *d, const char *text, size_t n, struct sqlite3_stmt **q, struct error *e) {
    const char *rest = text;
    *q = NULL;
    d->os = 0;
    d->outside_until_ns = d->sys->mono_ns(d->sys) + OUTSIDE_NS;
    d->outside = true;
    int rc = n > INT32_MAX ? SQLITE_TOOBIG : sqlite3_prepare_v2(d->sql, text, (int)n, q, &rest);
    d->outside = false;
    if (rc == SQLITE_OK && *q) {
        while (rest < text + n && memchr(" \t\r\n;", *rest, 5))
            rest++;
        if (rest < text + n || !sqlite3_stmt_readonly(*q))
            rc = SQLITE_AUTH;
    }
    enum err err = rc == SQLITE_OK && !*q ? error_set(e, E_SYNTAX, 0, "%s: an empty statement", DB_PATH)
                   : rc == SQLITE_ERROR ? error_set(e, E_SYNTAX, 0, "%s: %s", DB_PATH, sqlite3_errmsg(d->sql))
                                        : db_result(d, rc, e);
    if (err) {
        sqlite3_finalize(*q);
        *q = NULL;
    }
    return err;
}

void db_finish(struct sqlite3_stmt *q) {
    sqlite3_finalize(q);
}

int db_columns(struct sqlite3_stmt *q) {
    return sqlite3_column_count(q);
}

const char *db_column_name(struct sqlite3_stmt *q, int column) {
    const char *name = sqlite3_column_name(q, column);
    return name ? name : "";
}
