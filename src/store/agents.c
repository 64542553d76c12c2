/* agents.c - the rows of the table agent: made, renamed, deleted, found; and the transaction that every call
 * on them has. Names and addresses come from client.keys or a wazuh-db command; nothing here reads files.
 *
 * What struct agents remembers of the rows must be true after a transaction that was rolled back, wherever:
 * by its owner, by a commit that failed, by SQLite when the disk was full. So the count is put right by
 * SQLite's own word that a transaction is gone, and all the rest errs on the side that costs a look. */
#include "src/store/agents_parts.h"

#include <sqlite3.h>
#include <string.h>

/* ---- transactions ---- */

enum err agents_begin(struct agents *a, bool *own, struct error *e) {
    *own = false;
    if (db_in_transaction(a->db))
        return agents_settle(a, e);
    enum err r = db_begin(a->db, e);
    *own = r == E_OK;
    r = r == E_OK ? agents_settle(a, e) : r;
    return *own && r != E_OK ? agents_end(a, true, r, e) : r;
}

enum err agents_end(struct agents *a, bool own, enum err r, struct error *e) {
    if (!own)
        return r;
    if (r == E_OK)
        return db_commit(a->db, e);
    db_rollback(a->db);
    return r;
}

enum err agents_run(struct agents *a, struct sqlite3_stmt *q, struct error *e) {
    return db_step(a->db, q, NULL, e);
}

static int on_commit(void *arg) {
    struct agents *a = arg;
    a->count_moved = false;
    return 0;
}

/* Also after a commit that failed: then what count was is forgotten already. */
static void on_rollback(void *arg) {
    struct agents *a = arg;
    a->hash_known = false;
    a->changes++;
    if (a->count_moved)
        a->count = a->count_before;
    else
        a->count_unknown = true;
    a->count_moved = false;
}

enum err agents_open(struct agents *a, struct db *db, struct sys *sys, bool is_worker, uint32_t limit,
                     struct error *e) {
    memset(a, 0, sizeof *a);
    a->db = db;
    a->sys = sys;
    a->is_worker = is_worker;
    a->limit = limit;
    sqlite3_commit_hook(db->sql, on_commit, a);
    sqlite3_rollback_hook(db->sql, on_rollback, a);
    return agents_look(a, e);
}

int64_t agents_now(struct agents *a) {
    return a->sys->wall_ns(a->sys) / 1000000000;
}

/* ---- rows ---- */

bool agent_name_is_valid(const char *name, size_t n) {
    static const char more[] = "-.";
    for (size_t i = 0; i < n; i++)
        if (!name[i] || (!strchr(TEXT_WORD_CHARS, name[i]) && !strchr(more, name[i])))
            return false;
    return n >= 2 && n < AGENT_NAME_BYTES;
}

enum err agents_insert_row(struct agents *a, int64_t id, const char *name, const char *ip,
                           const char *register_ip, const char *internal_key, const char *group,
                           int64_t date_add, struct error *e) {
    const char *texts[] = {name, ip, register_ip, internal_key};
    enum err r = agents_settle(a, e);
    if (r != E_OK)
        return r;
    if (id < 1 || id > INT32_MAX || !agent_name_is_valid(name, strlen(name)))
        return error_set(e, E_VALUE, 0, "agent %lld: '%.32s' is no name, or this no id", (long long)id, name);
    if (a->count >= a->limit)
        return error_set(e, E_POOL, 0, "agent %lld '%s' refused: there is room for %u agents", (long long)id,
                         name, (unsigned)a->limit);
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_INSERT);
    db_bind_int(q, 1, id);
    for (int i = 0; i < 4; i++)
        db_bind_text(q, i + 2, texts[i], texts[i] ? strlen(texts[i]) : 0);
    db_bind_int(q, 6, date_add ? date_add : agents_now(a));
    db_bind_text(q, 7, group, group ? strlen(group) : 0);
    bool alone = !db_in_transaction(a->db); /* then it is committed with its one step */
    r = agents_run(a, q, e);
    if (r != E_OK)
        return r;
    agents_counted(a, 1);
    a->count_moved &= !alone;
    if (id > a->top_id)
        a->top_id = id;
    agents_wrote(a, id, WROTE_INFO | WROTE_HASH);
    return E_OK;
}

enum err agents_insert(struct agents *a, int64_t id, const char *name, const char *ip,
                       const char *register_ip, const char *internal_key, int64_t date_add, struct error *e) {
    return agents_insert_row(a, id, name, ip, register_ip, internal_key, NULL, date_add, e);
}

enum err agents_rename(struct agents *a, int64_t id, const char *name, struct error *e) {
    if (!agent_name_is_valid(name, strlen(name)))
        return error_set(e, E_VALUE, 0, "agent %lld: '%.32s' is no name", (long long)id, name);
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_RENAME);
    db_bind_text(q, 1, name, strlen(name));
    db_bind_int(q, 2, id);
    enum err r = agents_run(a, q, e);
    if (r == E_OK && db_changes(a->db))
        agents_wrote(a, id, WROTE_INFO);
    return r;
}

enum err agents_delete(struct agents *a, int64_t id, bool *found, struct error *e) {
    if (found)
        *found = false;
    enum err r = agents_settle(a, e);
    if (r != E_OK || id <= 0)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_DELETE);
    db_bind_int(q, 1, id);
    bool alone = !db_in_transaction(a->db);
    r = agents_run(a, q, e);
    if (r != E_OK || db_changes(a->db) == 0)
        return r;
    agents_counted(a, -1);
    a->count_moved &= !alone;
    agents_wrote(a, id, WROTE_INFO | WROTE_GROUPS | WROTE_HASH);
    if (found)
        *found = true;
    return E_OK;
}

/* A column of the present row, cut to what fits. */
static void copy_column(struct sqlite3_stmt *q, int column, char *out, size_t cap) {
    size_t n;
    const char *s = db_text(q, column, &n);
    if (n >= cap)
        n = cap - 1;
    memcpy(out, s, n);
    out[n] = '\0';
}

/* *q: at the agent's row, to be ended with db_done. */
static enum err find(struct agents *a, int64_t id, struct sqlite3_stmt **q, struct error *e) {
    bool row;
    *q = db_stmt(a->db, SQL_AGENT_FIND);
    db_bind_int(*q, 1, id);
    enum err r = db_step(a->db, *q, &row, e);
    if (r == E_OK && !row)
        r = error_set(e, E_GONE, 0, "there is no agent %lld", (long long)id);
    return r;
}

enum err agents_find(struct agents *a, int64_t id, char *name, char *ip, struct error *e) {
    struct sqlite3_stmt *q;
    enum err r = find(a, id, &q, e);
    if (r != E_OK)
        return r;
    if (name)
        copy_column(q, 0, name, AGENT_NAME_BYTES);
    if (ip)
        copy_column(q, 1, ip, AGENT_IP_BYTES);
    db_done(q);
    return E_OK;
}

enum err agents_standing(struct agents *a, int64_t id, struct agent_standing *out, struct error *e) {
    struct sqlite3_stmt *q;
    enum err r = find(a, id, &q, e);
    if (r != E_OK)
        return r;
    const char *status = db_text(q, 6, NULL);
    *out = (struct agent_standing){.date_add = db_int(q, 5),
                                   .disconnection_time = db_int(q, 7),
                                   .never_connected = !strcmp(status, "never_connected"),
                                   .disconnected = !strcmp(status, "disconnected")};
    db_done(q);
    return E_OK;
}

enum err agents_next(struct agents *a, int64_t after, int64_t *id, char name[AGENT_NAME_BYTES],
                     char ip[AGENT_IP_BYTES], struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_NEXT);
    db_bind_int(q, 1, after);
    *id = -1;
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK || !row)
        return r;
    *id = db_int(q, 0);
    copy_column(q, 1, name, AGENT_NAME_BYTES);
    copy_column(q, 2, ip, AGENT_IP_BYTES);
    db_done(q);
    return E_OK;
}

/* ---- texts ---- */

static const char sync_texts[] =
    "synced\0syncreq_keepalive\0syncreq_status\0syncreq\0"; /* enum sync_status */

const char *sync_status_text(enum sync_status s) {
    return text_item(sync_texts, s);
}

int sync_status_of(const char *text) {
    return (int)text_find(sync_texts, text);
}

enum err agents_text(struct agents *a, const struct json_doc *d, size_t i, size_t *used, struct slice *out,
                     struct error *e) {
    const struct json_token *t = &d->tokens[i];
    *out = (struct slice){d->text + t->start, t->end - t->start};
    if (i == 0 || t->kind != JSON_STRING)
        return error_set(e, E_VALUE, 0, "a value of the wrong kind");
    if (!memchr(out->s, '\\', out->n))
        return E_OK;
    size_t n;
    char *to = a->scratch + *used;
    enum err r = json_copy_str(d, i, to, sizeof a->scratch - *used, &n);
    if (r != E_OK)
        return error_set(e, r, 0, r == E_LIMIT ? "too much escaped text" : "a text that is none");
    *out = (struct slice){to, n};
    *used += n + 1;
    return E_OK;
}

bool agents_number(const struct json_doc *d, size_t i, int64_t *out) {
    uint64_t v;
    if (i == 0 || !json_get_uint(d, i, INT64_MAX, &v))
        return false;
    *out = (int64_t)v;
    return true;
}
