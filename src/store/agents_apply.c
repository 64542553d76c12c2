/* agents_apply.c - what workers told of their agents, into the master's rows (reference,
 * sections 14.1, 14.2).
 *
 * An object is gone through once: its members come in the order of the table below from every Wazuh, so that
 * the next name wanted is nearly always the next name there. Names and addresses have indexes and are written
 * only when they are others. */
#include "src/store/agents_parts.h"

#include <string.h>

/* Members of a whole row, texts first in the order of SQL_INFO_APPLY's parameters. */
enum {
    OS_NAME,
    VERSION = 9,
    NODE_NAME = 13,
    LAST_KEEPALIVE,
    CONNECTION_STATUS,
    DISCONNECTION_TIME,
    GROUP_CONFIG_STATUS,
    STATUS_CODE,
    COLUMNS, /* SQL_INFO_APPLY's own */
    ID = COLUMNS,
    NAME,
    IP,
    LABELS,
    MEMBERS
};
static const char member_names[MEMBERS][20] = {"os_name",
                                               "os_version",
                                               "os_major",
                                               "os_minor",
                                               "os_codename",
                                               "os_build",
                                               "os_platform",
                                               "os_uname",
                                               "os_arch",
                                               "version",
                                               "config_sum",
                                               "merged_sum",
                                               "manager_host",
                                               "node_name",
                                               "last_keepalive",
                                               "connection_status",
                                               "disconnection_time",
                                               "group_config_status",
                                               "status_code",
                                               "id",
                                               "name",
                                               "ip",
                                               "labels"};

/* Which token is a member's value; 0: it is missing, or null. */
struct members {
    const struct json_doc *d;
    size_t at[MEMBERS];
    size_t used; /* bytes of the scratch */
};

static bool key_is(const struct json_doc *d, size_t key, const char *name) {
    size_t n = d->tokens[key].end - d->tokens[key].start;
    return strlen(name) == n && memcmp(d->text + d->tokens[key].start, name, n) == 0;
}

static enum err find_members(struct members *m, const struct json_doc *d, size_t obj, struct error *e) {
    memset(m, 0, sizeof *m);
    m->d = d;
    if (obj >= d->count || d->tokens[obj].kind != JSON_OBJECT)
        return error_set(e, E_VALUE, 0, "an agent is not an object");
    int guess = OS_NAME;
    for (size_t key = json_first(d, obj); key && key < d->tokens[obj].next; key = d->tokens[key].next) {
        int i = 0;
        while (i < MEMBERS && !key_is(d, key, member_names[(guess + i) % MEMBERS]))
            i++;
        if (i == MEMBERS)
            continue; /* of a later version */
        i = (guess + i) % MEMBERS;
        m->at[i] = d->tokens[key + 1].kind == JSON_NULL ? 0 : key + 1;
        guess = i + 1;
    }
    return E_OK;
}

static bool is_text(int member) {
    return member < LAST_KEEPALIVE || member == CONNECTION_STATUS || member == GROUP_CONFIG_STATUS;
}

static enum err wrong(int64_t id, int member, enum err r, struct error *e) {
    return error_set(e, r, 0, "agent %lld: %s", (long long)id, member_names[member]);
}

/* Binds one member; missing: NULL, but the two that are 0 where nothing is said. */
static enum err bind(struct agents *a, struct sqlite3_stmt *q, int column, struct members *m, int member,
                     int64_t id, struct error *e) {
    size_t i = m->at[member];
    if (i == 0) {
        if (member == DISCONNECTION_TIME || member == STATUS_CODE)
            db_bind_int(q, column, 0);
        else
            db_bind_null(q, column);
        return E_OK;
    }
    if (is_text(member)) {
        struct slice s;
        enum err r = agents_text(a, m->d, i, &m->used, &s, e);
        db_bind_text(q, column, s.s, s.n);
        return r == E_OK ? r : wrong(id, member, r, e);
    }
    int64_t v;
    if (!agents_number(m->d, i, &v))
        return wrong(id, member, E_VALUE, e);
    db_bind_int(q, column, v);
    return E_OK;
}

/* ---- the row that is there ---- */

#define AHEAD_S 60 /* that the clock of a worker may be ahead of ours and its times be believed */

struct row_now {
    bool exists, other_name, other_ip;
    bool is_newer; /* than what comes: see the header */
    int64_t last_keepalive;
};

static bool differs(struct sqlite3_stmt *q, int column, struct slice s) {
    size_t n;
    const char *now = db_text(q, column, &n);
    return db_is_null(q, column) || n != s.n || memcmp(now, s.s, n) != 0;
}

static enum err look(struct agents *a, int64_t id, struct row_now *now, const struct slice *name,
                     const struct slice *ip, const struct slice *node, int64_t last_keepalive,
                     struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_FIND);
    db_bind_int(q, 1, id);
    enum err r = db_step(a->db, q, &row, e);
    *now = (struct row_now){.exists = r == E_OK && row};
    if (!now->exists)
        return r;
    now->other_name = name->s && differs(q, 0, *name);
    now->other_ip = ip->s && differs(q, 1, *ip);
    now->last_keepalive = db_int(q, 4);
    if (now->last_keepalive > agents_now(a) + AHEAD_S)
        now->last_keepalive = 0; /* or one lie would keep the other workers from this row for ever */
    now->is_newer = now->last_keepalive > last_keepalive && (!node->s || differs(q, 3, *node));
    db_done(q);
    return E_OK;
}

/* ---- labels ---- */

static enum err label_of(struct agents *a, int64_t id, const struct json_doc *d, size_t i, size_t used,
                         struct slice *key, struct slice *value, struct error *e) {
    size_t k = json_find(d, i, "key"), v = json_find(d, i, "value");
    *key = *value = (struct slice){"", 0};
    if (d->tokens[i].kind != JSON_OBJECT)
        return wrong(id, LABELS, E_VALUE, e);
    enum err r = k ? agents_text(a, d, k, &used, key, e) : E_OK;
    if (r == E_OK && v)
        r = agents_text(a, d, v, &used, value, e);
    return r == E_OK ? r : wrong(id, LABELS, r, e);
}

/* Before anything is written: whoever has more in his transaction than this agent need not give it up. */
static enum err judge_labels(struct agents *a, int64_t id, const struct members *m, struct error *e) {
    const struct json_doc *d = m->d;
    size_t list = m->at[LABELS];
    struct slice key, value;
    enum err r = E_OK;
    if (list && d->tokens[list].kind != JSON_ARRAY)
        return wrong(id, LABELS, E_VALUE, e);
    for (size_t i = list + 1; list && i < d->tokens[list].next && r == E_OK; i = d->tokens[i].next)
        r = label_of(a, id, d, i, m->used, &key, &value, e);
    return r;
}

static enum err put_labels(struct agents *a, int64_t id, const struct members *m, struct error *e) {
    const struct json_doc *d = m->d;
    size_t list = m->at[LABELS];
    struct slice key, value;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_LABELS_DELETE);
    db_bind_int(q, 1, id);
    enum err r = agents_run(a, q, e);
    for (size_t i = list + 1; list && i < d->tokens[list].next && r == E_OK; i = d->tokens[i].next) {
        r = label_of(a, id, d, i, m->used, &key, &value, e);
        q = db_stmt(a->db, SQL_LABEL_SET);
        db_bind_int(q, 1, id);
        db_bind_text(q, 2, key.s, key.n);
        db_bind_text(q, 3, value.s, value.n);
        if (r == E_OK)
            r = agents_run(a, q, e);
    }
    return r;
}

/* ---- the three lists ---- */

static enum err put_text(struct agents *a, enum sql sql, int64_t id, struct slice s, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, sql);
    db_bind_text(q, 1, s.s, s.n);
    db_bind_int(q, 2, id);
    return agents_run(a, q, e);
}

static enum err text_of(struct agents *a, struct members *m, int member, int64_t id, struct slice *out,
                        struct error *e) {
    *out = (struct slice){NULL, 0};
    if (m->at[member] == 0)
        return E_OK;
    enum err r = agents_text(a, m->d, m->at[member], &m->used, out, e);
    return r == E_OK ? r : wrong(id, member, r, e);
}

static enum err write_row(struct agents *a, struct members *m, int64_t id, const struct row_now *now,
                          int64_t last_keepalive, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_INFO_APPLY);
    enum err r = E_OK;
    for (int i = 0; i < COLUMNS && r == E_OK; i++)
        r = bind(a, q, i + 1, m, i, id, e);
    if (r == E_OK && now->last_keepalive > last_keepalive)
        db_bind_int(q, LAST_KEEPALIVE + 1, now->last_keepalive);
    db_bind_int(q, COLUMNS + 1, id);
    return r == E_OK ? agents_run(a, q, e) : r;
}

static enum err apply_row(struct agents *a, struct members *m, int64_t id, bool *known, struct error *e) {
    struct slice name, ip, node;
    struct row_now now;
    int64_t last_keepalive = 0;
    enum err r = text_of(a, m, NAME, id, &name, e);
    if (r == E_OK)
        r = text_of(a, m, IP, id, &ip, e);
    if (r == E_OK)
        r = text_of(a, m, NODE_NAME, id, &node, e);
    if (r == E_OK && m->at[LAST_KEEPALIVE] && !agents_number(m->d, m->at[LAST_KEEPALIVE], &last_keepalive))
        r = wrong(id, LAST_KEEPALIVE, E_VALUE, e);
    if (r == E_OK && name.s && !agent_name_is_valid(name.s, name.n))
        r = wrong(id, NAME, E_VALUE, e);
    if (r == E_OK)
        r = look(a, id, &now, &name, &ip, &node, last_keepalive, e);
    *known = r == E_OK && now.exists;
    if (!*known || now.is_newer)
        return r;
    r = judge_labels(a, id, m, e);
    if (r == E_OK)
        r = write_row(a, m, id, &now, last_keepalive, e);
    if (r == E_OK && now.other_name)
        r = put_text(a, SQL_AGENT_RENAME, id, name, e);
    if (r == E_OK && now.other_ip)
        r = put_text(a, SQL_AGENT_IP, id, ip, e);
    return r == E_OK ? put_labels(a, id, m, e) : r;
}

/* SYNCREQ_STATUS: what it says. SYNCREQ_KEEPALIVE: alive now, by our clock. */
static enum err apply_state(struct agents *a, struct members *m, int64_t id, bool alive, bool *known,
                            struct error *e) {
    static const char active[] = "active";
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_INFO_APPLY_STATE);
    enum err r = E_OK;
    if (alive) {
        db_bind_int(q, 1, agents_now(a));
        db_bind_text(q, 2, active, sizeof active - 1);
        db_bind_int(q, 3, 0);
        db_bind_int(q, 4, 0);
    } else {
        db_bind_null(q, 1);
        r = bind(a, q, 2, m, CONNECTION_STATUS, id, e);
        if (r == E_OK)
            r = bind(a, q, 3, m, DISCONNECTION_TIME, id, e);
        if (r == E_OK)
            r = bind(a, q, 4, m, STATUS_CODE, id, e);
    }
    if (r == E_OK)
        r = bind(a, q, 5, m, VERSION, id, e);
    db_bind_int(q, 6, id);
    if (r == E_OK)
        r = agents_run(a, q, e);
    *known = r == E_OK && db_changes(a->db) > 0;
    return r;
}

enum err agents_apply(struct agents *a, enum sync_status list, const struct json_doc *d, size_t obj,
                      bool *known, struct error *e) {
    struct members m;
    int64_t id;
    bool own, exists = false;
    if (known)
        *known = false;
    enum err r = find_members(&m, d, obj, e);
    if (r != E_OK)
        return r;
    if (!agents_number(d, m.at[ID], &id))
        return error_set(e, E_VALUE, 0, "an agent without an id");
    if (id == 0) /* a worker has no say in the master's own row */
        return E_OK;
    r = agents_begin(a, &own, e);
    if (r != E_OK)
        return r;
    r = list == SYNCREQ ? apply_row(a, &m, id, &exists, e)
                        : apply_state(a, &m, id, list == SYNCREQ_KEEPALIVE, &exists, e);
    if (r == E_OK && exists)
        agents_wrote(a, id, WROTE_INFO);
    r = agents_end(a, own, r, e);
    if (known)
        *known = exists && r == E_OK;
    return r;
}
