/* agents_read.c - agent information that the master does not know yet (reference, sections 6, 14.1 and 14.2).
 *
 * Reading marks nothing. A row is 'synced' when the master has confirmed it, and only if nobody has written
 * to it since it was read (pitfall 24: the original marks first, and what is lost then is never sent again).
 */
#include "src/store/agents_parts.h"

#include "store/strings.h"

#include <string.h>

#define LISTS_ROWS 256u /* of one piece */

void agents_read_begin(struct agents *a, struct agents_read *r) {
    memset(r, 0, sizeof *r);
    if (a->watchers++ == 0) /* what was written during another's round stays so for both */
        memset(a->touched, 0, sizeof a->touched);
    a->watching = true;
}

void agents_read_end(struct agents *a) {
    a->watchers -= a->watchers > 0;
    a->watching = a->watchers > 0;
}

enum err agents_confirm(struct agents *a, int64_t id, enum sync_status sent, struct error *e) {
    if (a->watching && marks_has(a->touched, id))
        return E_OK;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_INFO_CONFIRM);
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, sent);
    enum err r = agents_run(a, q, e);
    a->changes += r == E_OK && db_changes(a->db);
    return r;
}

/* ---- one row ---- */

enum { COLUMN_ID = 0, COLUMN_LAST = 21, COLUMN_SYNC_STATUS = 22 }; /* of SQL_INFO_ROW */

/* The columns each form tells of a row that is only alive, or whose state is another: bit c is column c. */
#define BIT(c) (1u << (c))
#define ALL_COLUMNS (BIT(COLUMN_LAST + 1) - 1)
static const uint32_t columns_of[][4] = {
    /* SYNCED, KEEPALIVE: id; STATUS: id, connection_status, disconnection_time, status_code */
    [FORM_TEXT] = {0, ALL_COLUMNS, ALL_COLUMNS, ALL_COLUMNS},
    [FORM_LISTS] = {0, BIT(0) | BIT(12), BIT(0) | BIT(12) | BIT(18) | BIT(19) | BIT(21), ALL_COLUMNS},
    [FORM_COMMAND] = {0, BIT(0) | BIT(17), BIT(0) | BIT(17) | BIT(18) | BIT(19) | BIT(21), ALL_COLUMNS}};

static void put_column(struct text *out, struct sqlite3_stmt *q, int column, bool first) {
    size_t n;
    const char *s = db_text(q, column, &n);
    text_format(out, "%s\"%s\":", first ? "" : ",", db_column_name(q, column));
    if (db_is_int(q, column))
        text_add(out, s, n);
    else
        compact_str(out, s, n);
}

static void put_columns(struct text *out, struct sqlite3_stmt *q, uint32_t columns, bool leave_empty_out) {
    for (int i = COLUMN_ID; i <= COLUMN_LAST; i++) {
        if (!(columns >> i & 1) || db_is_null(q, i))
            continue;
        if (leave_empty_out && !db_is_int(q, i) && !*db_text(q, i, NULL))
            continue;
        put_column(out, q, i, i == COLUMN_ID);
    }
}

static void put_label(struct text *out, struct sqlite3_stmt *q, bool with_id, bool first) {
    static const char *const keys[] = {"", "\"key\":", ",\"value\":"};
    text_str(out, first ? ",\"labels\":[{" : ",{");
    if (with_id)
        text_format(out, "\"id\":%lld,", (long long)db_int(q, 0));
    for (int i = 1; i <= 2; i++) {
        size_t n;
        const char *s = db_text(q, i, &n);
        text_str(out, keys[i]);
        compact_str(out, s, n);
    }
    text_char(out, '}');
}

/* As far as the object that began at `from` stays small enough for whoever reads it. */
static enum err put_labels(struct agents *a, struct text *out, int64_t id, size_t from, bool with_id,
                           struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_LABELS);
    bool row, first = true;
    enum err r;
    db_bind_int(q, 1, id);
    while ((r = db_step(a->db, q, &row, e)) == E_OK && row) {
        size_t before = out->len;
        put_label(out, q, with_id, first);
        if (!out->cut && out->len - from > STRING_AGENT_BYTES - 8) {
            out->len = before;
            out->buf[before] = '\0';
            break;
        }
        first = false;
    }
    db_done(q);
    text_str(out, first ? "" : "]");
    return r;
}

static enum err put_row(struct agents *a, struct sqlite3_stmt *q, enum info_form form, int status,
                        struct text *out, struct error *e) {
    uint32_t columns = columns_of[form][status];
    size_t from = out->len;
    enum err r = E_OK;
    text_char(out, '{');
    put_columns(out, q, columns, form == FORM_LISTS);
    if (columns == ALL_COLUMNS)
        r = put_labels(a, out, db_int(q, COLUMN_ID), from, form != FORM_LISTS, e);
    text_char(out, '}');
    return r;
}

/* ---- pending rows ---- */

/* The row of a marked id, if it is pending, and of the list that is asked for (SYNCED: of any). Otherwise
 * *status is SYNCED and the statement is done. own: nobody's unfinished writes are seen. */
static enum err look(struct agents *a, struct agents_read *read, int64_t id, enum sync_status list, bool own,
                     struct sqlite3_stmt **q, int *status, struct error *e) {
    bool row;
    *status = SYNCED;
    *q = db_stmt(a->db, SQL_INFO_ROW);
    db_bind_int(*q, 1, id);
    enum err r = db_step(a->db, *q, &row, e);
    if (r != E_OK)
        return r;
    int now = row ? sync_status_of(db_text(*q, COLUMN_SYNC_STATUS, NULL)) : SYNCED;
    if (now > SYNCED)
        read->seen |= (uint8_t)(1u << now);
    if (now > SYNCED && (list == SYNCED || now == (int)list)) {
        *status = now;
        return E_OK;
    }
    db_done(*q);
    return now <= SYNCED && own ? marks_drop(a, &a->info_marks, id, e) : E_OK;
}

/* What stands before an element: a list that begins with it has its name. */
static void before_element(const struct agents_read *r, enum sync_status list, struct page *p) {
    p->from = p->out->len;
    if (list == SYNCED || r->in_list)
        text_str(p->out, p->rows || r->in_list ? "," : "");
    else
        text_format(p->out, "%s\"%s\":[", r->rows ? "," : "{", sync_status_text(list));
}

enum err info_tell_next(struct agents *a, struct agents_read *r, enum info_form form, enum sync_status list,
                        bool own, struct page *p, bool *told, bool *full, struct error *e) {
    int64_t id;
    *told = *full = false;
    if (list != SYNCED && r->last_id == 0 && r->seen && !(r->seen >> list & 1))
        return E_OK; /* the first list's rows were all looked at, and none was for this one */
    for (;;) {
        struct sqlite3_stmt *q;
        int status;
        enum err err = marks_next(a, &a->info_marks, r->last_id, &id, e);
        if (err != E_OK || id == 0)
            return err;
        err = look(a, r, id, list, own, &q, &status, e);
        if (err != E_OK)
            return err;
        if (status == SYNCED) {
            r->last_id = id;
            continue;
        }
        before_element(r, form == FORM_LISTS ? list : SYNCED, p);
        err = put_row(a, q, form, status, p->out, e);
        db_done(q);
        if (err != E_OK)
            return err;
        *told = page_fits(p);
        *full = !*told && p->rows;
        if (*full)
            return E_OK;
        r->last_id = id;
        r->rows += *told;
        if (*told)
            return E_OK;
        r->too_long++;
    }
}

/* ---- whole rounds ---- */

enum err agents_read_chunk(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e) {
    struct page p;
    bool own, told = true, full = false;
    *done = false;
    enum err err = agents_begin(a, &own, e);
    if (err != E_OK)
        return err;
    page_begin(&p, out, "[", out->cap, 1);
    while (err == E_OK && told && !full)
        err = info_tell_next(a, r, FORM_TEXT, SYNCED, own, &p, &told, &full, e);
    text_char(out, ']');
    *done = p.rows == 0;
    return agents_end(a, own, err, e);
}

enum err info_tell_lists(struct agents *a, struct agents_read *r, bool own, bool confirm, struct text *out,
                         bool *done, struct error *e) {
    static const uint8_t lists[] = {SYNCREQ, SYNCREQ_KEEPALIVE, SYNCREQ_STATUS};
    struct page p;
    bool told, full = false;
    enum err err = E_OK;
    page_begin(&p, out, "", out->cap, sizeof "]}" - 1);
    while (err == E_OK && !full && p.rows < LISTS_ROWS && r->list < sizeof lists) {
        err = info_tell_next(a, r, FORM_LISTS, lists[r->list], own, &p, &told, &full, e);
        if (told) {
            r->in_list = true;
            if (confirm)
                err = agents_confirm(a, r->last_id, lists[r->list], e);
        } else if (err == E_OK && !full) {
            text_str(out, r->in_list ? "]" : "");
            r->in_list = false;
            r->last_id = 0;
            r->list++;
        }
    }
    *done = err == E_OK && r->list == sizeof lists;
    if (*done)
        text_str(out, r->rows ? "}" : "{}");
    return err;
}

enum err agents_read_lists(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e) {
    bool own;
    *done = false;
    enum err err = agents_begin(a, &own, e);
    return err == E_OK ? agents_end(a, own, info_tell_lists(a, r, own, false, out, done, e), e) : err;
}
