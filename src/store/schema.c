/* store/schema.c - the tables of global.db, and bringing older ones up to them.
 *
 * The schema is Wazuh's, version DB_VERSION (reference, section 14.3); a real wazuh-db takes the file as its
 * own. Versions 1 to 6 (Wazuh 4.0 to 4.12) are rebuilt in one transaction: what is kept, and how what is new
 * is filled in, follows wazuh-db's upgrades, except that it forgets hashes and times on the way and this does
 * not. Everything is looked at before anything is written. */
#include "crypto/sha256.h"
#include "src/store/db_parts.h"

#include <stdio.h>
#include <string.h>

#define TAG "Agent database"
#define SHM_FILE DB_FILE "-shm"

#define YES_OR_REQUESTED " IN ('synced', 'syncreq')"

static const char tables[] =
    "CREATE TABLE agent ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL, ip TEXT, register_ip TEXT, internal_key TEXT,"
    " os_name TEXT, os_version TEXT, os_major TEXT, os_minor TEXT, os_codename TEXT, os_build TEXT,"
    " os_platform TEXT, os_uname TEXT, os_arch TEXT,"
    " version TEXT, config_sum TEXT, merged_sum TEXT, manager_host TEXT, node_name TEXT DEFAULT 'unknown',"
    " date_add INTEGER NOT NULL, last_keepalive INTEGER,"
    " `group` TEXT DEFAULT 'default', group_hash TEXT DEFAULT NULL,"
    " group_sync_status TEXT NOT NULL CHECK (group_sync_status IN ('synced', 'syncreq')) DEFAULT 'synced',"
    " sync_status TEXT NOT NULL CHECK (sync_status IN"
    " ('synced', 'syncreq', 'syncreq_status', 'syncreq_keepalive')) DEFAULT 'synced',"
    " connection_status TEXT NOT NULL CHECK (connection_status IN"
    " ('pending', 'never_connected', 'active', 'disconnected')) DEFAULT 'never_connected',"
    " disconnection_time INTEGER DEFAULT 0,"
    " group_config_status TEXT NOT NULL CHECK (group_config_status IN ('synced', 'not synced'))"
    " DEFAULT 'not synced',"
    " status_code INTEGER DEFAULT 0);"
    "CREATE INDEX agent_name ON agent (name);"
    "CREATE INDEX agent_ip ON agent (ip);"
    "CREATE INDEX agent_group_hash ON agent (group_hash);"
    "CREATE TABLE labels (id INTEGER REFERENCES agent (id) ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (id, key));"
    "CREATE TABLE IF NOT EXISTS info (key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, UNIQUE (name));"
    "CREATE INDEX group_name ON `group` (name);"
    "CREATE TABLE belongs ("
    " id_agent INTEGER REFERENCES agent (id) ON DELETE CASCADE,"
    " id_group INTEGER REFERENCES `group` (id) ON DELETE CASCADE,"
    " priority INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (id_agent, priority), PRIMARY KEY (id_agent, id_group));"
    "CREATE INDEX belongs_id_agent ON belongs (id_agent);"
    "CREATE INDEX belongs_id_group ON belongs (id_group);"
    "CREATE TABLE IF NOT EXISTS metadata (key TEXT PRIMARY KEY, value TEXT);";

/* Row 0 is the manager itself; its last keepalive is the end of the year 9999. */
static const char first_rows[] =
    "INSERT INTO agent (id, ip, register_ip, name, date_add, last_keepalive, `group`, connection_status)"
    " VALUES (0, '127.0.0.1', '127.0.0.1', 'localhost', strftime('%s', 'now'), 253402300799, NULL, 'active');"
    "INSERT INTO metadata (key, value) VALUES ('db_version', '7');";

#define COLUMNS_1                                                                                            \
    "id, name, ip, register_ip, internal_key, os_name, os_version, os_major, os_minor, os_codename,"         \
    " os_build, os_platform, os_uname, os_arch, version, config_sum, merged_sum, manager_host, node_name,"   \
    " date_add, last_keepalive, `group`, sync_status"
#define COLUMNS_7                                                                                            \
    COLUMNS_1 ", group_hash, group_sync_status, connection_status, disconnection_time, group_config_status," \
              " status_code"

/* All that is read and written must be there, before a file of version 7 is taken as one. */
static const char shape[] = "SELECT " COLUMNS_7 " FROM agent LIMIT 0;"
                            "SELECT id, key, value FROM labels LIMIT 0;"
                            "SELECT id, name FROM `group` LIMIT 0;"
                            "SELECT id_agent, id_group, priority FROM belongs LIMIT 0;";

/* Rows are copied out, the table is made anew and they are copied back, so that the text of each table is
 * that of a new file. Version 1 filled from 3.x has columns in agent that nobody has used since. */
static const struct {
    uint8_t first, last; /* versions it is for */
    const char *text;
} steps[] = {
#define NEW_IN_4 ", NULL AS group_hash, 'synced' AS group_sync_status, 'not synced' AS group_config_status"
#define NEW_IN_5 ", 0 AS status_code"
    /* who has reported before is disconnected, and since when nobody knows: since the last report */
    {1, 1,
     "CREATE TABLE old_agent AS SELECT *,"
     " CASE WHEN id = 0 THEN 'active' WHEN last_keepalive IS NOT NULL THEN 'disconnected'"
     " ELSE 'never_connected' END AS connection_status,"
     " CASE WHEN id != 0 AND last_keepalive IS NOT NULL THEN last_keepalive ELSE 0 END"
     " AS disconnection_time" NEW_IN_4 NEW_IN_5 " FROM agent"},
    {2, 2,
     "CREATE TABLE old_agent AS SELECT *,"
     " CASE WHEN id != 0 AND connection_status = 'disconnected' THEN last_keepalive ELSE 0 END"
     " AS disconnection_time" NEW_IN_4 NEW_IN_5 " FROM agent"},
    {3, 3, "CREATE TABLE old_agent AS SELECT *" NEW_IN_4 NEW_IN_5 " FROM agent"},
    {4, 4, "CREATE TABLE old_agent AS SELECT *" NEW_IN_5 " FROM agent"},
    {5, 6, "CREATE TABLE old_agent AS SELECT * FROM agent"},
    {1, 6,
     "DROP TABLE agent;"
     "CREATE TABLE old_labels AS SELECT id, key, value FROM labels; DROP TABLE labels;"
     "CREATE TABLE old_group AS SELECT id, name FROM `group`; DROP TABLE `group`;"
     "CREATE TABLE old_belongs AS SELECT * FROM belongs; DROP TABLE belongs"},
    {1, 6, tables},
    {1, 6,
     "INSERT INTO agent (" COLUMNS_7 ") SELECT " COLUMNS_7 " FROM old_agent ORDER BY id;"
     "INSERT INTO labels SELECT id, key, value FROM old_labels WHERE id IN (SELECT id FROM agent);"
     /* names are unique since version 4: who is in a group that is there twice is in the first */
     "INSERT OR IGNORE INTO `group` (id, name) SELECT id, name FROM old_group ORDER BY id"},
#define JOINED                                                                                               \
    " FROM old_belongs b JOIN old_group o ON o.id = b.id_group JOIN `group` g ON g.name = o.name"            \
    " JOIN agent a ON a.id = b.id_agent"
    /* there was no priority: the agent's list of groups had the order, and the others come after it */
    {1, 3,
     "CREATE TABLE old_rank AS SELECT b.id_agent, g.id AS id_group,"
     " ifnull(nullif(instr(',' || a.`group` || ',', ',' || g.name || ','), 0), 1 << 20) << 32 | g.id"
     " AS rank" JOINED ";"
     "CREATE INDEX old_rank_of ON old_rank (id_agent, rank);"
     "INSERT OR IGNORE INTO belongs SELECT id_agent, id_group, (SELECT count(DISTINCT o.rank)"
     " FROM old_rank o WHERE o.id_agent = r.id_agent AND o.rank < r.rank) FROM old_rank r;"
     "DROP TABLE old_rank"},
    {4, 6, "INSERT OR IGNORE INTO belongs SELECT b.id_agent, g.id, b.priority" JOINED},
    {1, 6,
     "DROP TABLE old_agent; DROP TABLE old_labels; DROP TABLE old_group; DROP TABLE old_belongs;"
     "UPDATE metadata SET value = '7' WHERE key = 'db_version'"},
};

static enum err refuse(struct error *e, const char *why) {
    return error_set(e, E_VALUE, 0, "%s %s; it was left as it is", DB_PATH, why);
}

/* The text in the first column of the first row, "" when there is none. */
static enum err ask_text(struct db *d, const char *text, char *out, size_t cap, struct error *e) {
    sqlite3_stmt *q;
    *out = '\0';
    d->os = 0;
    int rc = sqlite3_prepare_v2(d->sql, text, -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        snprintf(out, cap, "%s", db_text(q, 0, NULL));
    enum err err = db_result(d, rc, e);
    sqlite3_finalize(q);
    return err;
}

/* What the hash of an agent's groups is made of was there before version 4, the hash was not. */
static enum err fill_hashes(struct db *d, struct error *e) {
    sqlite3_stmt *read = NULL, *write = NULL;
    int rc = sqlite3_prepare_v2(d->sql, "SELECT id, `group` FROM agent WHERE id > 0 AND `group` IS NOT NULL",
                                -1, &read, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(d->sql, "UPDATE agent SET group_hash = ?2 WHERE id = ?1", -1, &write, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(read)) == SQLITE_ROW) {
        struct sha256 h;
        uint8_t digest[SHA256_BYTES];
        char text[9];
        sha256_init(&h);
        sha256_push(&h, sqlite3_column_text(read, 1), (size_t)sqlite3_column_bytes(read, 1));
        sha256_out(&h, digest);
        snprintf(text, sizeof text, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
        sqlite3_bind_int64(write, 1, sqlite3_column_int64(read, 0));
        sqlite3_bind_text(write, 2, text, 8, SQLITE_STATIC);
        sqlite3_step(write);
        rc = sqlite3_reset(write);
    }
    enum err err = db_result(d, rc, e);
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    return err;
}

static enum err rebuild(struct db *d, int64_t version, struct error *e) {
    char table[32];
    enum err err = E_OK;
    for (size_t i = 0; !err && i < sizeof steps / sizeof *steps; i++)
        if (version >= steps[i].first && version <= steps[i].last)
            err = db_exec(d, steps[i].text, e);
    if (!err && version < 4)
        err = fill_hashes(d, e);
    if (!err)
        err = ask_text(d, "PRAGMA foreign_key_check", table, sizeof table, e);
    return !err && *table ? refuse(e, "has rows that refer to nothing") : err;
}

/* version 0: an empty file. Foreign keys rest, or a table that is dropped would empty those that refer to it.
 */
static enum err write_schema(struct db *d, int64_t version, struct error *e) {
    enum err err = db_exec(d, "PRAGMA foreign_keys=OFF; BEGIN EXCLUSIVE", e);
    if (!err && version)
        err = rebuild(d, version, e);
    else if (!err) {
        err = db_exec(d, tables, e);
        if (!err)
            err = db_exec(d, first_rows, e);
    }
    if (!err)
        err = db_exec(d, "COMMIT; PRAGMA foreign_keys=ON", e);
    if (err && db_in_transaction(d))
        sqlite3_exec(d->sql, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* ---- what is there ---- */

static enum err is_sound(struct db *d, struct error *e) {
    char found[160];
    enum err err = ask_text(d, "PRAGMA quick_check(1)", found, sizeof found, e);
    return !err && strcmp(found, "ok") != 0
               ? error_set(e, E_VALUE, 0, "%s is damaged: %s; it was left as it is", DB_PATH, found)
               : err;
}

/* *version 0: nothing is in the file. */
static enum err find_version(struct db *d, int64_t *version, struct error *e) {
    int64_t any, metadata, user;
    enum err err = db_ask(d, "SELECT count(*) FROM sqlite_master", &any, e);
    *version = 0;
    if (err || !any)
        return err;
    if ((err = is_sound(d, e)) != E_OK)
        return err;
    err = db_ask(d, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'metadata'",
                 &metadata, e);
    if (!err)
        err = db_ask(d, "PRAGMA user_version", &user, e);
    if (!err && user)
        return refuse(e, "is of a newer Wazuh (5 or later)");
    if (!err && metadata)
        err = db_ask(d, "SELECT CAST(value AS INTEGER) FROM metadata WHERE key = 'db_version'", version, e);
    if (err)
        return err;
    if (!metadata)
        return refuse(e, "has no metadata: it is of a Wazuh before 4.0, or no database of Wazuh");
    if (*version < 1)
        return refuse(e, "does not say its version");
    if (*version > DB_VERSION)
        return error_set(e, E_VALUE, 0, "%s has version %lld, newer than %d; it was left as it is", DB_PATH,
                         (long long)*version, DB_VERSION);
    return *version == DB_VERSION ? db_exec(d, shape, e) : E_OK;
}

/* From wazuh-db's log beside the file to a journal that is truncated. What is in the log becomes part of the
 * file. The index of the log is no longer anybody's: who had it open would have had the file locked. */
static enum err take_over(struct db *d, struct error *e) {
    char mode[16];
    enum err err = ask_text(d, "PRAGMA journal_mode=TRUNCATE", mode, sizeof mode, e);
    if (!err && strcmp(mode, "truncate") != 0)
        err = error_set(e, E_AGAIN, 0, "%s stays in journal mode %s", DB_PATH, mode);
    if (!err)
        d->sys->unlinkat(d->sys, d->folder, SHM_FILE, false);
    return err;
}

/* What is damaged is a value we do not take. */
static enum err look(struct db *d, int64_t *version, struct error *e) {
    enum err err = db_exec(d, "PRAGMA cell_size_check=ON; PRAGMA locking_mode=EXCLUSIVE", e);
    if (!err)
        err = find_version(d, version, e);
    if (err != E_DIGEST)
        return err;
    if (e)
        e->code = E_VALUE;
    return E_VALUE;
}

enum err schema_check(struct db *d, struct log *log, struct error *e) {
    int64_t version, rows;
    sqlite3_db_config(d->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    enum err err = look(d, &version, e);
    if (!err)
        err = take_over(d, e);
    if (!err && version != DB_VERSION)
        err = write_schema(d, version, e);
    if (err)
        return err;
    if (version && version != DB_VERSION)
        log_line(log, LOG_INFO, TAG, "Main", "%s was brought from version %lld to %d.", DB_PATH,
                 (long long)version, DB_VERSION);
    err = db_exec(d, "PRAGMA locking_mode=NORMAL", e);
    if (!err) /* the exclusive lock is given back after the next thing that is read */
        err = db_ask(d, "SELECT count(*) FROM metadata", &rows, e);
    return err;
}
