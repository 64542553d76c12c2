/* store/db.h - the one door to SQLite: one file, one connection, every statement prepared at the start, all
 * memory from one fixed arena, every system call through struct sys.
 *
 * The file is queue/db/global.db with Wazuh's own schema, version DB_VERSION (reference, section 14.3). A
 * rollback journal that is truncated (not a WAL: that needs a shared mapping, which JFFS2 has not and which
 * would lie beside the arena), synchronous=FULL: what db_commit has answered survives a power cut. Other
 * programs may read the file at any time (`sqlite3 queue/db/global.db`): SQLite's own locks are kept. A
 * daemon that runs is the only writer. A file in WAL mode, as wazuh-db leaves it, is taken over, its log
 * included. */
#ifndef PICKET_STORE_DB_H
#define PICKET_STORE_DB_H

#include "base/err.h"
#include "base/log.h"
#include "sys/sys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_PATH "queue/db/global.db"
#define DB_VERSION 7 /* of the schema: 4.13 and 4.14 */

struct sqlite3;
struct sqlite3_stmt;

/* Every SQL text that is prepared: sql.def. */
enum sql {
#define SQL(id, text) id,
#include "sql.def"
#undef SQL
    SQL_COUNT
};

struct db {
    struct sys *sys;
    int root;
    uint32_t uid, gid; /* owner of the files that are made; UINT32_MAX: whoever we are */
    struct sqlite3 *sql;
    struct sqlite3_stmt *stmt[SQL_COUNT];
    int os;     /* errno value of the last system call that failed, for the words */
    int folder; /* queue/db */
    bool vfs_registered;
    bool spoiled;         /* something failed in the transaction that is open: it can only be rolled back */
    bool outside;         /* a text from outside is being prepared */
    uint32_t rounds_left; /* of a select from outside, until it is stopped */
    uint64_t outside_until_ns; /* ... or until this time (monotonic) */
    char vfs_name[24];
    _Alignas(16) unsigned char vfs[256]; /* a struct sqlite3_vfs and what belongs to it */
    uint64_t commits;                    /* transactions that reached the disk */
    uint64_t refused;                    /* calls refused because the arena was used up */
};

/* Once per process, before any db_open: SQLite gets its arena (aligned to 16; all it will ever use) and never
 * asks for another byte. STORE_CACHE_KIB of it, at most half, are cut into pages for the cache; the rest is
 * its heap. Sorts and statements that outgrow it go on in files without names in queue/db. E_SPACE when it is
 * too small to begin with. */
enum err db_library_open(void *arena, size_t bytes, struct error *e);
void db_library_close(void);
/* Most bytes of the arena ever in use, for the status. */
size_t db_library_high(void);

/* Opens or makes root/queue/db/global.db (the folder queue/db too, 0750; the file 0640). An older schema is
 * brought up to DB_VERSION in one transaction; a newer one, or a file that is damaged (integrity is checked),
 * is E_VALUE with the path and the reason and is left as it is, byte for byte, but for the transaction that a
 * crash left half done in it. E_AGAIN: another program has it locked. After an error nothing is open;
 * db_close may be called. d stays where it is until then. log (may be NULL) is told of an upgrade. */
enum err db_open(struct db *d, struct sys *sys, int root, uint32_t uid, uint32_t gid, struct log *log,
                 struct error *e);
void db_close(struct db *d); /* safe when not open */

/* A write transaction (BEGIN IMMEDIATE). Not nested. db_commit: E_OK means on disk. When it fails all is
 * rolled back; only when the disk failed in the very last step (E_SYS) all of it may be there nevertheless.
 * E_AGAIN: another program is reading; nobody waits here, try the batch again. A transaction in which a
 * statement failed with anything but E_DUPLICATE or E_VALUE can not be committed any more (E_CANCELLED).
 * db_rollback is safe when none is open. */
enum err db_begin(struct db *d, struct error *e);
/* The same, but other programs that read are met here, where nothing is done yet, and not at the commit. */
enum err db_begin_alone(struct db *d, struct error *e);
enum err db_commit(struct db *d, struct error *e);
void db_rollback(struct db *d);
bool db_in_transaction(const struct db *d);

/* ---- statements, for the files of store/ alone ---- */

/* A prepared statement, reset and without bindings. */
struct sqlite3_stmt *db_stmt(struct db *d, enum sql id);
void db_bind_int(struct sqlite3_stmt *q, int column, int64_t v); /* columns of bindings count from 1 */
void db_bind_null(struct sqlite3_stmt *q, int column);
/* The bytes must stay until the statement has been stepped and reset. s NULL binds NULL. */
void db_bind_text(struct sqlite3_stmt *q, int column, const char *s, size_t n);
/* One step. *row: a row is there (its columns count from 0). At the end, or after an error, the statement is
 * reset. Errors: E_POOL arena used up; E_SPACE disk full; E_AGAIN another program holds the file; E_DUPLICATE
 * a UNIQUE or PRIMARY KEY rule; E_VALUE any other constraint (foreign key, CHECK, NOT NULL), or a value that
 * a function does not take; E_SYS reading or writing, with the system's words; E_DIGEST the file is damaged;
 * E_TIME a select from outside (db_prepare_read) has taken too long; E_LIMIT a text above 1 MiB. The
 * words name the file. row may be NULL for statements that give none. */
enum err db_step(struct db *d, struct sqlite3_stmt *q, bool *row, struct error *e);
/* Ends a statement before its last row. */
void db_done(struct sqlite3_stmt *q);
bool db_is_null(struct sqlite3_stmt *q, int column);
int64_t db_int(struct sqlite3_stmt *q, int column);
/* NUL-terminated, valid until the next step; "" for NULL. n may be NULL. */
const char *db_text(struct sqlite3_stmt *q, int column, size_t *n);
/* Rows that the last step changed. */
uint64_t db_changes(const struct db *d);
/* Prepares a text that came from outside, one SELECT (else E_DENIED); *q must be ended with db_finish, and
 * NULL after an error. It may take a second from here, and about 10 million steps of SQLite's machine; its
 * texts may have 64 KiB. E_SYNTAX with SQLite's words, also for a function that it may not call (db.c). */
enum err db_prepare_read(struct db *d, const char *text, size_t n, struct sqlite3_stmt **q, struct error *e);
void db_finish(struct sqlite3_stmt *q); /* NULL is fine */
int db_columns(struct sqlite3_stmt *q);
const char *db_column_name(struct sqlite3_stmt *q, int column);
bool db_is_int(struct sqlite3_stmt *q, int column);

#endif
