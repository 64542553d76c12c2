/* agents_groups.c - groups, and which agents are in them: the tables `group` and belongs, and what follows
 * from them in each agent's row - the names joined with commas by priority, their hash, and whether the
 * workers are to be told (reference, section 14.3).
 *
 * Most of what a master tells its workers is known already: rows that say so are not written. */
#include "crypto/sha1.h"
#include "crypto/sha256.h"
#include "src/store/agents_parts.h"

#include <string.h>

#define GROUP_HASH_DIGITS 8
#define NAMES_MAX GROUPS_PER_AGENT /* of one call */

static void hex(char *out, const uint8_t *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* ---- groups ---- */

/* wdb_global_validate_group_name: [a-zA-Z0-9_.-]{1,255}, but not a folder's "." or "..". */
bool slice_is_group(struct slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (!name.s[i] || (!strchr(TEXT_WORD_CHARS, name.s[i]) && name.s[i] != '.' && name.s[i] != '-'))
            return false;
    bool dots = name.n <= 2 && name.n > 0 && name.s[0] == '.' && name.s[name.n - 1] == '.';
    return name.n > 0 && name.n < GROUP_NAME_BYTES && !dots;
}

bool group_name_is_valid(const char *name) {
    return slice_is_group((struct slice){name, strlen(name)});
}

enum err group_find(struct agents *a, struct slice name, int64_t *id, struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUP_FIND);
    db_bind_text(q, 1, name.s, name.n);
    *id = 0;
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK || !row)
        return r;
    *id = db_int(q, 0);
    db_done(q);
    return E_OK;
}

static enum err group_make(struct agents *a, struct slice name, struct error *e) {
    bool row;
    if (!slice_is_group(name))
        return error_set(e, E_VALUE, 0, "'%.*s' is no name of a group", name.n > 32 ? 32 : (int)name.n,
                         name.s);
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUP_COUNT);
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK)
        return r;
    bool full = db_int(q, 0) >= GROUPS_MAX;
    db_done(q);
    if (full)
        return error_set(e, E_LIMIT, 0, "group '%.*s' refused: there is room for %u groups",
                         name.n > 32 ? 32 : (int)name.n, name.s, (unsigned)GROUPS_MAX);
    q = db_stmt(a->db, SQL_GROUP_INSERT);
    db_bind_text(q, 1, name.s, name.n);
    r = agents_run(a, q, e);
    a->changes += r == E_OK;
    return r;
}

/* The group's id; on a worker it is made when it is missing. E_UNKNOWN elsewhere. */
static enum err group_need(struct agents *a, struct slice name, int64_t *id, struct error *e) {
    enum err r = group_find(a, name, id, e);
    if (r != E_OK || *id)
        return r;
    if (!a->is_worker)
        return error_set(e, E_UNKNOWN, 0, "there is no group '%.*s'", name.n > 32 ? 32 : (int)name.n, name.s);
    r = group_make(a, name, e);
    return r == E_OK ? group_find(a, name, id, e) : r;
}

enum err groups_insert(struct agents *a, const char *name, struct error *e) {
    struct slice s = {name, strlen(name)};
    int64_t id;
    bool own;
    enum err r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    r = group_find(a, s, &id, e);
    if (r == E_OK && id == 0)
        r = group_make(a, s, e);
    return agents_end(a, own, r, e);
}

/* ---- an agent's groups ---- */

/* What a row says of its groups now; the texts are valid until the statement is stepped or ended. */
struct groups_now {
    struct sqlite3_stmt *q;
    bool has_csv, has_hash, synced;
    struct slice csv;  /* what belongs says: the truth */
    bool csv_is_right; /* the row's own column says the same */
    char hash[GROUP_HASH_DIGITS + 1];
    int64_t last_priority; /* -1: no group */
    int64_t count;
};

/* E_GONE: no such agent. Otherwise db_done(now->q) is the caller's. */
static enum err look(struct agents *a, int64_t id, struct groups_now *now, struct error *e) {
    bool row;
    size_t n, have;
    struct sqlite3_stmt *q = now->q = db_stmt(a->db, SQL_BELONGS_CSV);
    db_bind_int(q, 1, id);
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK)
        return r;
    if (!row)
        return error_set(e, E_GONE, 0, "there is no agent %lld", (long long)id);
    now->has_csv = !db_is_null(q, 3);
    now->csv.s = db_text(q, 3, &now->csv.n);
    const char *column = db_text(q, 0, &have);
    now->csv_is_right =
        db_is_null(q, 0) != now->has_csv && have == now->csv.n && memcmp(column, now->csv.s, have) == 0;
    const char *hash = db_text(q, 1, &n);
    now->has_hash = n == GROUP_HASH_DIGITS;
    memcpy(now->hash, now->has_hash ? hash : "", now->has_hash ? sizeof now->hash : 1);
    now->synced = strcmp(db_text(q, 2, NULL), "synced") == 0;
    now->last_priority = db_is_null(q, 4) ? -1 : db_int(q, 4);
    if (now->last_priority > INT32_MAX) /* whatever others wrote: there must be some after it */
        now->last_priority = INT32_MAX;
    now->count = db_int(q, 5);
    return E_OK;
}

/* Only group_sync_status, and only if it is another. */
static enum err set_status(struct agents *a, int64_t id, const char *status, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUPS_STATUS);
    db_bind_text(q, 1, status, strlen(status));
    db_bind_int(q, 2, id);
    enum err r = agents_run(a, q, e);
    if (r == E_OK && db_changes(a->db))
        agents_wrote(a, id, WROTE_GROUPS | (strcmp(status, "synced") ? WROTE_GROUPS_PENDING : 0));
    return r;
}

static void hash_csv(struct slice csv, char out[GROUP_HASH_DIGITS + 1]) {
    uint8_t digest[SHA256_BYTES];
    struct sha256 h;
    sha256_init(&h);
    sha256_push(&h, csv.s, csv.n);
    sha256_out(&h, digest);
    hex(out, digest, GROUP_HASH_DIGITS / 2);
}

enum err agents_rehash(struct agents *a, int64_t id, const char *sync_status, struct error *e) {
    struct groups_now now;
    char hash[GROUP_HASH_DIGITS + 1] = "";
    enum err r = look(a, id, &now, e);
    if (r != E_OK)
        return r;
    if (now.has_csv)
        hash_csv(now.csv, hash);
    if (!sync_status)
        sync_status = now.synced ? "synced" : "syncreq";
    if (now.csv_is_right && now.has_hash == now.has_csv && strcmp(now.hash, hash) == 0) {
        db_done(now.q);
        return set_status(a, id, sync_status, e);
    }
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUPS_SET);
    db_bind_text(q, 1, now.has_csv ? now.csv.s : NULL, now.csv.n);
    db_bind_text(q, 2, now.has_csv ? hash : NULL, now.has_csv ? GROUP_HASH_DIGITS : 0);
    db_bind_text(q, 3, sync_status, strlen(sync_status));
    db_bind_int(q, 4, id);
    r = agents_run(a, q, e);
    db_done(now.q);
    if (r == E_OK)
        agents_wrote(a, id,
                     WROTE_GROUPS | WROTE_HASH | (strcmp(sync_status, "synced") ? WROTE_GROUPS_PENDING : 0));
    return r;
}

enum err agents_recalculate_hashes(struct agents *a, struct error *e) {
    char name[AGENT_NAME_BYTES], ip[AGENT_IP_BYTES];
    bool own;
    enum err r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    for (int64_t id = 0; (r = agents_next(a, id, &id, name, ip, e)) == E_OK && id > 0;)
        if ((r = agents_rehash(a, id, NULL, e)) != E_OK)
            break;
    a->hash_known = false;
    return agents_end(a, own, r, e);
}

static enum err set_belongs(struct agents *a, int64_t id, int64_t group, int64_t priority, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_BELONGS_SET);
    db_bind_int(q, 1, group);
    db_bind_int(q, 2, id);
    db_bind_int(q, 3, priority);
    return agents_run(a, q, e);
}

static bool comes_again(const struct slice *names, size_t i, size_t count) {
    for (size_t k = i + 1; k < count; k++)
        if (names[k].n == names[i].n && memcmp(names[k].s, names[i].s, names[i].n) == 0)
            return true;
    return false;
}

/* Each name gets a priority from `priority` on. *why: E_UNKNOWN when one is missing, E_LIMIT when it cannot
 * be made; the others are done. */
static enum err assign(struct agents *a, int64_t id, const struct slice *names, size_t count,
                       int64_t priority, enum err *why, struct error *e) {
    for (size_t i = 0; i < count; i++) {
        int64_t group;
        enum err r = group_need(a, names[i], &group, e);
        if (r == E_UNKNOWN || r == E_LIMIT) {
            *why = r;
            continue;
        }
        if (r == E_OK && !comes_again(names, i, count))
            r = set_belongs(a, id, group, priority, e);
        if (r != E_OK)
            return r;
        priority++;
    }
    return E_OK;
}

/* Nobody is without a group for want of one: the last one that goes leaves "default" behind, unless that is
 * the one that is being deleted. */
static enum err assign_default(struct agents *a, int64_t id, int64_t deleted, struct error *e) {
    static const struct slice name = {"default", 7};
    struct groups_now now;
    int64_t group;
    enum err r = look(a, id, &now, e);
    if (r != E_OK)
        return r;
    db_done(now.q);
    if (now.last_priority >= 0)
        return E_OK;
    r = group_need(a, name, &group, e);
    if (r == E_OK && group == deleted)
        r = error_set(e, E_UNKNOWN, 0, "agent %lld would be in no group", (long long)id);
    return r == E_OK ? set_belongs(a, id, group, 0, e) : r;
}

/* deleted: the group will be gone. */
static enum err take_out(struct agents *a, int64_t id, int64_t group, bool deleted, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_BELONGS_REMOVE);
    db_bind_int(q, 1, group);
    db_bind_int(q, 2, id);
    enum err r = agents_run(a, q, e);
    return r == E_OK ? assign_default(a, id, deleted ? group : 0, e) : r;
}

static enum err unassign(struct agents *a, int64_t id, const struct slice *names, size_t count, enum err *why,
                         struct error *e) {
    for (size_t i = 0; i < count; i++) {
        int64_t group;
        enum err r = group_find(a, names[i], &group, e);
        if (r == E_OK && group)
            r = take_out(a, id, group, false, e);
        else if (r == E_OK)
            *why = error_set(e, E_UNKNOWN, 0, "there is no group '%.*s'",
                             names[i].n > 32 ? 32 : (int)names[i].n, names[i].s);
        if (r == E_UNKNOWN || r == E_LIMIT) /* "default" is missing */
            *why = r;
        else if (r != E_OK)
            return r;
    }
    return E_OK;
}

/* Do the names, joined, read as the agent's groups do already? */
static bool same_names(const struct groups_now *now, const struct slice *names, size_t count) {
    const char *at = now->csv.s, *end = at + now->csv.n;
    if (now->count != (int64_t)count || now->last_priority != (int64_t)count - 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (at == end || *at++ != ','))
            return false;
        if ((size_t)(end - at) < names[i].n || memcmp(at, names[i].s, names[i].n) != 0)
            return false;
        at += names[i].n;
    }
    return at == end;
}

/* E_VALUE when a name is none, or there would be too many. */
static enum err judge(int64_t id, const struct slice *names, size_t count, int64_t have, struct error *e) {
    if (have + (int64_t)count > GROUPS_PER_AGENT)
        return error_set(e, E_VALUE, 0, "agent %lld: more than %u groups", (long long)id, GROUPS_PER_AGENT);
    for (size_t i = 0; i < count; i++)
        if (!slice_is_group(names[i]))
            return error_set(e, E_VALUE, 0, "agent %lld: '%.*s' is no name of a group", (long long)id,
                             names[i].n > 32 ? 32 : (int)names[i].n, names[i].s);
    return E_OK;
}

/* Everything but REMOVE. */
static enum err add_groups(struct agents *a, int64_t id, enum groups_mode mode, const struct slice *names,
                           size_t count, bool *unchanged, enum err *why, struct error *e) {
    struct groups_now now;
    enum err r = look(a, id, &now, e);
    if (r != E_OK)
        return r;
    *unchanged = (mode == GROUPS_EMPTY_ONLY && now.count > 0) ||
                 (mode == GROUPS_OVERRIDE && same_names(&now, names, count));
    db_done(now.q);
    if (*unchanged)
        return E_OK;
    bool override = mode == GROUPS_OVERRIDE;
    r = judge(id, names, count, override ? 0 : now.count, e);
    if (r == E_OK && override && now.count > 0) {
        struct sqlite3_stmt *q = db_stmt(a->db, SQL_BELONGS_DELETE);
        db_bind_int(q, 1, id);
        r = agents_run(a, q, e);
    }
    return r == E_OK ? assign(a, id, names, count, override ? 0 : now.last_priority + 1, why, e) : r;
}

static enum err set_groups(struct agents *a, int64_t id, enum groups_mode mode, const struct slice *names,
                           size_t count, bool syncreq, enum err *why, struct error *e) {
    bool unchanged = false;
    struct groups_now now;
    enum err r;
    if (mode != GROUPS_REMOVE) {
        r = add_groups(a, id, mode, names, count, &unchanged, why, e);
    } else if ((r = look(a, id, &now, e)) == E_OK) {
        db_done(now.q);
        r = unassign(a, id, names, count, why, e);
    }
    if (r != E_OK || (unchanged && mode == GROUPS_EMPTY_ONLY))
        return r;
    return agents_rehash(a, id, syncreq ? "syncreq" : "synced", e);
}

static enum err in_transaction(struct agents *a, int64_t id, enum groups_mode mode, const struct slice *names,
                               size_t count, bool syncreq, struct error *e) {
    bool own;
    enum err why = E_OK, r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    r = agents_end(a, own, set_groups(a, id, mode, names, count, syncreq, &why, e), e);
    return r == E_OK ? why : r;
}

enum err agents_set_groups(struct agents *a, int64_t id, enum groups_mode mode, const char *const *names,
                           size_t count, bool syncreq, struct error *e) {
    struct slice slices[NAMES_MAX];
    if (count > NAMES_MAX)
        return error_set(e, E_VALUE, 0, "agent %lld: more than %u groups", (long long)id, GROUPS_PER_AGENT);
    for (size_t i = 0; i < count; i++)
        slices[i] = (struct slice){names[i], strlen(names[i])};
    return in_transaction(a, id, mode, slices, count, syncreq, e);
}

enum err agents_apply_groups(struct agents *a, enum groups_mode mode, bool syncreq, const struct json_doc *d,
                             size_t obj, struct error *e) {
    struct slice names[NAMES_MAX], name = {"", 0};
    char given[AGENT_NAME_BYTES];
    size_t used = 0, count = 0, list = json_find(d, obj, "groups"), named = json_find(d, obj, "name");
    int64_t id;
    enum err r = E_OK;
    if (!agents_number(d, json_find(d, obj, "id"), &id) || id == 0 || d->tokens[list].kind != JSON_ARRAY ||
        list == 0) /* the manager itself is in no group, and no master has a say in a worker's own row */
        return error_set(e, E_VALUE, 0, "an agent's groups without id or groups");
    for (size_t i = json_first(d, list); i && i < d->tokens[list].next && r == E_OK; i = d->tokens[i].next)
        r = count == NAMES_MAX
                ? error_set(e, E_VALUE, 0, "agent %lld: more than %u groups", (long long)id, GROUPS_PER_AGENT)
                : agents_text(a, d, i, &used, &names[count++], e);
    if (r == E_OK && named && mode == GROUPS_OVERRIDE && d->tokens[named].kind == JSON_STRING)
        r = agents_text(a, d, named, &used, &name, e);
    if (r == E_OK)
        r = in_transaction(a, id, mode, names, count, syncreq, e);
    if (r == E_GONE && count == 0) /* it has none, which is what was asked for */
        return E_OK;
    if (r != E_GONE || name.n == 0 || !text_copy(given, sizeof given, name.s, name.n))
        return r;
    bool own;
    r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    /* register_ip alone, which our own client.keys puts right: an ip would stand before it. */
    r = a->count < a->limit ? agents_insert(a, id, given, NULL, "0.0.0.0", NULL, 0, e)
                            : error_set(e, E_LIMIT, 0, "agent %lld refused: there is room for %u agents",
                                        (long long)id, (unsigned)a->limit);
    a->made += r == E_OK;
    if (r == E_OK)
        r = in_transaction(a, id, mode, names, count, syncreq, e);
    bool done = r == E_OK || r == E_UNKNOWN || r == E_LIMIT;
    enum err ended = agents_end(a, own, done ? E_OK : r, e);
    return done && ended == E_OK ? r : ended;
}

enum err groups_delete(struct agents *a, const char *name, struct error *e) {
    int64_t group, id = 0;
    bool own, row = true;
    enum err r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    r = group_find(a, (struct slice){name, strlen(name)}, &group, e);
    while (r == E_OK && group) { /* agent by agent, as no list of them has a bound */
        struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUP_AGENT);
        db_bind_int(q, 1, group);
        db_bind_int(q, 2, id);
        r = db_step(a->db, q, &row, e);
        if (r != E_OK || !row)
            break;
        id = db_int(q, 0);
        db_done(q);
        r = take_out(a, id, group, true, e);
        if (r == E_OK)
            r = agents_rehash(a, id, a->is_worker ? "synced" : "syncreq", e);
    }
    if (r == E_OK && group) {
        struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUP_DELETE);
        db_bind_int(q, 1, group);
        r = agents_run(a, q, e);
        a->changes++;
    }
    return agents_end(a, own, r, e);
}

/* ---- the global hash ---- */

enum err agents_global_hash(struct agents *a, struct error *e) {
    uint8_t digest[SHA1_BYTES];
    struct sha1 h;
    enum err r;
    bool row, any = false;
    if (a->hash_known)
        return E_OK;
    sha1_init(&h);
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUPS_HASHES);
    while ((r = db_step(a->db, q, &row, e)) == E_OK && row) {
        size_t n;
        const char *hash = db_text(q, 0, &n);
        sha1_push(&h, hash, n);
        any = true;
    }
    if (r != E_OK)
        return r;
    sha1_out(&h, digest);
    hex(a->hash, digest, SHA1_BYTES);
    a->hash_is_null = !any;
    if (!any)
        a->hash[0] = '\0';
    a->hash_known = true; /* a roll-back forgets it */
    return E_OK;
}
