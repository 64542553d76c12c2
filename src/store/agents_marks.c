/* agents_marks.c - which rows were written, and which may be pending: kept in memory, because the tables have
 * no index over it and their schema is Wazuh's.
 *
 * A mark is set with the write and stays when the write is rolled back: a reader looks at the row, finds it
 * 'synced', and takes the mark away - but only outside of anybody else's transaction, in which it would see
 * what is not on disk yet. */
#include "src/store/agents_parts.h"

#include <string.h>

/* Beyond so many ids to one mark, looking at every row is the shorter way. */
#define SHARERS_MAX 16

bool marks_has(const uint8_t *bits, int64_t id) {
    uint32_t i = (uint32_t)((uint64_t)id % AGENT_MARKS);
    return bits[i / 8] >> (i % 8) & 1;
}

void marks_set(uint8_t *bits, int64_t id) {
    uint32_t i = (uint32_t)((uint64_t)id % AGENT_MARKS);
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
}

static void mark(struct agent_marks *m, int64_t id) {
    m->count += !marks_has(m->bits, id);
    marks_set(m->bits, id);
}

void agents_wrote(struct agents *a, int64_t id, unsigned what) {
    a->changes++;
    if (what & WROTE_HASH)
        a->hash_known = false;
    if (what & WROTE_INFO && a->watching)
        marks_set(a->touched, id);
    if (what & WROTE_GROUPS && a->groups_watching)
        marks_set(a->groups_touched, id);
    if (id <= 0) /* the manager itself is never told of */
        return;
    if (what & WROTE_INFO_PENDING)
        mark(&a->info_marks, id);
    if (what & WROTE_GROUPS_PENDING)
        mark(&a->groups_marks, id);
    a->info_pending = a->info_marks.count > 0;
    a->groups_pending = a->groups_marks.count > 0;
}

void agents_counted(struct agents *a, int change) {
    if (!a->count_moved)
        a->count_before = a->count;
    a->count_moved = true;
    a->count = (uint32_t)((int64_t)a->count + change);
}

static enum err count_rows(struct agents *a, struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_COUNT);
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK)
        return r;
    a->count = (uint32_t)db_int(q, 0);
    a->top_id = db_int(q, 1);
    db_done(q);
    return E_OK;
}

enum err agents_settle(struct agents *a, struct error *e) {
    if (!a->count_unknown)
        return E_OK;
    enum err r = count_rows(a, e); /* comes before every change to the count, so this is what is on disk */
    a->count_unknown = r != E_OK;
    return r;
}

enum err agents_look(struct agents *a, struct error *e) {
    bool row;
    enum err r = count_rows(a, e);
    if (r != E_OK)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_MARKS);
    while ((r = db_step(a->db, q, &row, e)) == E_OK && row)
        agents_wrote(a, db_int(q, 0),
                     (strcmp(db_text(q, 1, NULL), "synced") ? WROTE_INFO_PENDING : 0) |
                         (strcmp(db_text(q, 2, NULL), "synced") ? WROTE_GROUPS_PENDING : 0));
    return r;
}

enum err marks_next(struct agents *a, const struct agent_marks *m, int64_t after, int64_t *id,
                    struct error *e) {
    bool row;
    *id = 0;
    if (m->count == 0)
        return E_OK;
    if (a->top_id / AGENT_MARKS < SHARERS_MAX) {
        for (int64_t at = after < 0 ? 1 : after + 1; at <= a->top_id; at++) {
            if (!m->bits[(uint64_t)at % AGENT_MARKS / 8]) {
                at |= 7;
            } else if (marks_has(m->bits, at)) {
                *id = at;
                break;
            }
        }
        return E_OK;
    }
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_NEXT);
    db_bind_int(q, 1, after);
    enum err r = db_step(a->db, q, &row, e);
    if (r == E_OK && row)
        *id = db_int(q, 0);
    db_done(q);
    return r;
}

/* Is a row other than id behind its mark pending? */
static enum err shared(struct agents *a, const struct agent_marks *m, int64_t id, bool *pending,
                       struct error *e) {
    bool groups = m == &a->groups_marks, row;
    *pending = a->top_id / AGENT_MARKS >= SHARERS_MAX;
    for (int64_t at = id % AGENT_MARKS; at <= a->top_id && !*pending; at += AGENT_MARKS) {
        if (at == id || at == 0)
            continue;
        struct sqlite3_stmt *q = db_stmt(a->db, groups ? SQL_GROUPS_ROW : SQL_AGENT_FIND);
        db_bind_int(q, 1, at);
        enum err r = db_step(a->db, q, &row, e);
        if (r != E_OK)
            return r;
        *pending = row && strcmp(db_text(q, groups ? 3 : 2, NULL), "synced") != 0;
        db_done(q);
    }
    return E_OK;
}

enum err marks_drop(struct agents *a, struct agent_marks *m, int64_t id, struct error *e) {
    bool pending;
    enum err r = shared(a, m, id, &pending, e);
    if (r != E_OK || pending || !marks_has(m->bits, id))
        return r;
    uint32_t i = (uint32_t)((uint64_t)id % AGENT_MARKS);
    m->bits[i / 8] = (uint8_t)(m->bits[i / 8] & ~(1u << (i % 8)));
    m->count--;
    a->info_pending = a->info_marks.count > 0;
    a->groups_pending = a->groups_marks.count > 0;
    return E_OK;
}
