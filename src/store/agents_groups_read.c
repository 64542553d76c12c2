/* agents_groups_read.c - what the workers are told of the agents' groups: the text of sync-agent-groups-get
 * (reference, sections 6 and 14.1). Rows are marked when the text is kept for all workers, not before. */
#include "src/store/agents_parts.h"

#include <string.h>

#define HEAD "[{\"data\":["
#define TAIL "]}]"
#define HASH_ROOM 49   /* what wazuh-db leaves for the hash, and its own comma */
#define TOLD_ROWS 256u /* in one transaction: all at once would hold the loop up for 0.1 s */

/* One agent that is to be told of. */
struct entry {
    int64_t id;
    char name[AGENT_NAME_BYTES];
};

/* A marked row: is it still pending, and registered in time? */
static enum err judge(struct agents *a, const struct agents_groups_read *r, struct entry *x, bool own,
                      bool *wanted, struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUPS_ROW);
    db_bind_int(q, 1, x->id);
    enum err err = db_step(a->db, q, &row, e);
    if (err != E_OK)
        return err;
    bool pending = row && strcmp(db_text(q, 3, NULL), "synced") != 0;
    *wanted = row && (pending || !r->pending) && (!r->before || db_int(q, 2) < r->before);
    size_t n;
    const char *name = db_text(q, 1, &n);
    n = n < sizeof x->name ? n : sizeof x->name - 1;
    memcpy(x->name, name, n);
    x->name[n] = '\0';
    db_done(q);
    return r->pending && !pending && own ? marks_drop(a, &a->groups_marks, x->id, e) : E_OK;
}

/* The next agent after r->last_id; x->id 0: there is none. */
static enum err next(struct agents *a, struct agents_groups_read *r, bool own, struct entry *x,
                     struct error *e) {
    char ip[AGENT_IP_BYTES];
    for (int64_t after = r->last_id;; after = x->id) {
        bool wanted = true;
        enum err err = r->pending ? marks_next(a, &a->groups_marks, after, &x->id, e)
                                  : agents_next(a, after, &x->id, x->name, ip, e);
        if (err != E_OK || x->id <= 0) {
            x->id = 0;
            return err;
        }
        if (r->pending || r->before)
            err = judge(a, r, x, own, &wanted, e);
        if (err != E_OK || wanted)
            return err;
        r->last_id = x->id;
    }
}

static enum err put_entry(struct agents *a, const struct agents_groups_read *r, const struct entry *x,
                          struct text *out, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_BELONGS_NAMES);
    bool row, first = true;
    enum err err;
    text_format(out, "{\"id\":%lld,", (long long)x->id);
    if (r->named) {
        text_str(out, "\"name\":");
        compact_str(out, x->name, strlen(x->name));
        text_char(out, ',');
    }
    text_str(out, "\"groups\":[");
    db_bind_int(q, 1, x->id);
    while ((err = db_step(a->db, q, &row, e)) == E_OK && row) {
        size_t n;
        const char *name = db_text(q, 0, &n);
        text_str(out, first ? "" : ",");
        compact_str(out, name, n);
        first = false;
    }
    text_str(out, "]}");
    return err;
}

static enum err set_synced(struct agents *a, int64_t id, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_GROUPS_STATUS);
    db_bind_text(q, 1, "synced", 6);
    db_bind_int(q, 2, id);
    enum err err = agents_run(a, q, e);
    a->changes += err == E_OK && db_changes(a->db);
    return err;
}

static enum err fill(struct agents *a, struct agents_groups_read *r, bool own, struct page *p, bool *more,
                     struct error *e) {
    struct entry x;
    enum err err;
    while ((err = next(a, r, own, &x, e)) == E_OK && x.id) {
        page_element(p);
        err = put_entry(a, r, &x, p->out, e);
        if (err != E_OK)
            return err;
        bool fits = page_fits(p);
        if (!fits && p->rows) {
            *more = true;
            return E_OK;
        }
        r->last_id = x.id;
        r->rows += fits;
        r->too_long += !fits;
        if (!fits && r->pending && !r->once) /* it stays pending */
            marks_set(a->groups_touched, x.id);
        if (fits && r->mark)
            err = set_synced(a, x.id, e);
        if (err != E_OK)
            return err;
    }
    return err;
}

enum err agents_groups_chunk(struct agents *a, struct agents_groups_read *r, struct text *out, bool *more,
                             struct error *e) {
    struct page p;
    bool own;
    *more = false;
    enum err err = agents_begin(a, &own, e);
    if (err != E_OK)
        return err;
    if (r->pending && !r->once && r->last_id == 0) {
        memset(a->groups_touched, 0, sizeof a->groups_touched);
        a->groups_watching = true;
        a->told_id = 0;
    }
    page_begin(&p, out, HEAD, out->cap, sizeof TAIL - 1);
    err = fill(a, r, own, &p, more, e);
    bool hash = r->with_hash && !*more;
    if (hash && out->len + sizeof TAIL + HASH_ROOM >= p.most) {
        hash = false;
        *more = true; /* the next one holds nothing else */
    }
    if (err == E_OK && hash)
        err = agents_global_hash(a, e);
    text_char(out, ']');
    if (err == E_OK && hash)
        text_format(out, a->hash_is_null ? ",\"hash\":null" : ",\"hash\":\"%s\"", a->hash);
    text_str(out, "}]");
    return agents_end(a, own, err, e);
}

enum err agents_groups_told(struct agents *a, const struct agents_groups_read *r, struct error *e) {
    int64_t id = a->told_id;
    bool own, over = false;
    if (!a->groups_watching)
        return E_OK;
    enum err err = agents_begin(a, &own, e);
    if (err != E_OK)
        return err;
    for (unsigned i = 0; i < TOLD_ROWS && err == E_OK && !over; i++) {
        err = marks_next(a, &a->groups_marks, id, &id, e);
        over = !id || id > r->last_id;
        if (err == E_OK && !over && !marks_has(a->groups_touched, id))
            err = set_synced(a, id, e);
    }
    err = agents_end(a, own, err, e);
    if (err == E_OK) {
        a->told_id = id;
        a->groups_watching = !over;
    }
    return err;
}
