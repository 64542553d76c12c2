/* wdb_http_ids.c - which agents a body of ids means, and the restart information of those.
 *
 * A body names any number of ids, in any order and as often as it likes. It is read again for each page of
 * rows: that needs no memory that grows with it, and 20,000 ids are read in less time than their rows. */
#include "base/json_write.h"
#include "src/store/wdb_http_parts.h"

#include <string.h>

#define NUMBER_MOST (INT64_MAX / 16) /* beyond it no digit more is taken; no agent has such an id */

static void mark(struct http_page *p, int64_t id) {
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < p->n && p->ids[low] == id)
        p->marked[low] = true;
}

/* A run of digits and hyphens is a number as far as it is one ("7-8" is 7), as wazuh-db reads them. */
struct number {
    bool open, negative, digits, over;
    int64_t v;
};

static void number_end(struct number *u, struct http_page *p) {
    if (u->open && u->digits && u->v < NUMBER_MOST)
        mark(p, u->negative ? -u->v : u->v);
    *u = (struct number){.open = false};
}

static void number_byte(struct number *u, char c, struct http_page *p) {
    bool digit = c >= '0' && c <= '9';
    if (!digit && c != '-') {
        number_end(u, p);
        return;
    }
    if (!digit && u->open)
        u->over = true;
    else if (!digit)
        u->negative = true;
    u->open = true;
    if (!digit || u->over)
        return;
    u->digits = true;
    if (u->v < NUMBER_MOST)
        u->v = u->v * 10 + (c - '0');
}

static enum err mark_all(struct wdb_http *h, struct http_page *p, struct error *e) {
    uint8_t piece[1024];
    struct number u = {.open = false};
    size_t n;
    for (uint64_t at = h->ids_from; at < h->ids_to; at += n) {
        uint64_t left = h->ids_to - at;
        enum err err =
            blob_read(h->body, at, piece, left < sizeof piece ? (size_t)left : sizeof piece, &n, e);
        if (err)
            return err;
        for (size_t i = 0; i < n; i++)
            number_byte(&u, (char)piece[i], p);
    }
    number_end(&u, p);
    return E_OK;
}

enum err http_page_read(struct wdb_http *h, enum sql id, struct http_page *p, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, id);
    bool row;
    enum err err;
    memset(p, 0, sizeof *p);
    db_bind_int(q, 1, h->last_id);
    while ((err = db_step(h->agents->db, q, &row, e)) == E_OK && row && p->n < HTTP_ROWS)
        p->ids[p->n++] = db_int(q, 0);
    db_done(q);
    if (err == E_OK && h->filtered)
        return mark_all(h, p, e);
    memset(p->marked, true, sizeof p->marked);
    return err;
}

/* ---- restartinfo ---- */

/* The body: {"ids": [1, ...], "negate": false}. Anything else in it, or of another kind, means nothing; ids
 * that are no whole numbers are an error. An empty list filters nothing. */
static enum json_want body_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct wdb_http *h = arg;
    if (depth == 0)
        return JSON_ENTER;
    if (depth == 2) {
        h->filtered = true;
        return JSON_KEEP;
    }
    if (key && strcmp(key, "negate") == 0 && kind == JSON_BOOL)
        return JSON_KEEP;
    if (!key || strcmp(key, "ids") != 0)
        return JSON_SKIP;
    h->filtered = h->bad_ids = false;
    h->ids_from = h->stream.at;
    return kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
}

static enum err body_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                          struct error *e) {
    struct wdb_http *h = arg;
    (void)key;
    (void)e;
    if (depth == 1)
        h->negate = json[0] == 't';
    else if (strspn(json, "-0123456789") != n)
        h->bad_ids = true;
    return E_OK;
}

static enum err body_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct wdb_http *h = arg;
    (void)kind;
    (void)e;
    if (depth == 1)
        h->ids_to = h->stream.at;
    return E_OK;
}

static enum err body_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct wdb_http *h = arg;
    (void)depth;
    (void)key;
    (void)e;
    h->bad_ids = true; /* a value among the ids that is longer than any number */
    return E_OK;
}

static const struct json_stream_events body_events = {
    .value = body_value, .kept = body_kept, .left = body_left, .too_long = body_long};

/* All of it at once: it is bounded, and nothing is done to the store meanwhile. */
static enum err body_check(struct wdb_http *h, struct error *e) {
    uint8_t piece[1024];
    size_t n;
    enum err err = E_OK;
    json_stream_init(&h->stream, &body_events, h, h->keep, 32);
    for (uint64_t at = 0; err == E_OK && at < h->body->size; at += n) {
        err = blob_read(h->body, at, piece, sizeof piece, &n, e);
        if (err == E_OK)
            err = json_stream_push(&h->stream, (const char *)piece, n, e);
    }
    if (err == E_OK)
        err = json_stream_finish(&h->stream, e);
    if (err == E_OK && h->filtered && h->bad_ids)
        err = error_set(e, E_VALUE, 0, "ids are whole numbers");
    return err;
}

static enum err restart_begin(struct wdb_http *h, struct error *e) {
    if (h->body->size > HTTP_IDS_BYTES) {
        h->status = 413;
        return error_set(e, E_LIMIT, 0, "more ids than there can be");
    }
    h->phase = 1;
    h->last_id = -1; /* the manager's row is told, too */
    text_str(&h->text, "{\"items\":[");
    return h->body->size ? body_check(h, e) : E_OK;
}

static void put_version(struct wdb_http *h, struct sqlite3_stmt *q) {
    size_t n;
    const char *version = db_text(q, 1, &n);
    http_comma(h);
    text_format(&h->text, "{\"id\":%lld", (long long)h->last_id);
    if (n) {
        text_str(&h->text, ",\"version\":");
        json_escape(&h->text, version, n);
    }
    text_char(&h->text, '}');
}

enum err http_restartinfo(struct wdb_http *h, bool *done, struct error *e) {
    struct http_page p;
    bool row;
    enum err err = h->phase == 0 ? restart_begin(h, e) : E_OK;
    if (err == E_OK)
        err = http_page_read(h, SQL_HTTP_RESTART, &p, e);
    if (err)
        return err;
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_RESTART);
    db_bind_int(q, 1, h->last_id);
    for (uint32_t i = 0; i < p.n && (err = db_step(h->agents->db, q, &row, e)) == E_OK && row; i++) {
        h->last_id = db_int(q, 0);
        if (strcmp(db_text(q, 2, NULL), "active") != 0 || (h->filtered && p.marked[i] == h->negate))
            continue;
        put_version(h, q);
        err = http_room(h, e);
        if (err)
            break;
    }
    db_done(q);
    *done = p.n < HTTP_ROWS;
    if (*done)
        text_str(&h->text, "]}");
    return err;
}
