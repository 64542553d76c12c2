/* wdb_http_lists.c - the routes that only list: ids, and who is in which group. */
#include "base/json_write.h"
#include "src/store/wdb_http_parts.h"

#include <ctype.h>
#include <string.h>

/* One page of a statement whose rows are ids: order, id. */
static enum err list_page(struct wdb_http *h, struct sqlite3_stmt *q, bool *done, struct error *e) {
    bool row;
    enum err err = http_room(h, e);
    if (h->phase == 0)
        text_char(&h->text, '[');
    h->phase = 1;
    while (err == E_OK && (err = db_step(h->agents->db, q, &row, e)) == E_OK && row) {
        http_comma(h);
        text_format(&h->text, "%lld", (long long)db_int(q, 1));
        h->last_id = db_int(q, 0);
        h->rows++;
    }
    *done = err == E_OK && h->rows < HTTP_ROWS;
    if (*done)
        text_char(&h->text, ']');
    return err;
}

enum err http_ids(struct wdb_http *h, bool *done, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_IDS);
    db_bind_int(q, 1, h->last_id);
    return list_page(h, q, done, e);
}

enum err http_group_ids(struct wdb_http *h, bool *done, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_GROUP_IDS);
    db_bind_int(q, 1, h->last_id);
    db_bind_text(q, 2, h->param, strlen(h->param));
    return list_page(h, q, done, e);
}

static enum err put_name(struct wdb_http *h, struct sqlite3_stmt *q, int column, struct error *e) {
    size_t n;
    const char *name = db_text(q, column, &n);
    json_escape(&h->text, name, n);
    return http_room(h, e);
}

/* An agent's groups are never cut in two: a step ends between agents. */
enum err http_ids_groups(struct wdb_http *h, bool *done, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_BELONGS);
    int64_t id = h->last_id;
    bool row = false, open = false;
    enum err err;
    db_bind_int(q, 1, h->last_id);
    while ((err = db_step(h->agents->db, q, &row, e)) == E_OK && row) {
        if (!open || db_int(q, 0) != id) {
            if (open)
                text_char(&h->text, ']');
            open = false;
            h->last_id = id;
            if (h->rows >= HTTP_ROWS)
                break;
            id = db_int(q, 0);
            text_str(&h->text, h->first ? "{\"data\":{" : ",");
            text_format(&h->text, "\"%lld\":[", (long long)id);
            h->first = false;
            open = true;
        } else {
            text_char(&h->text, ',');
        }
        h->rows++;
        err = put_name(h, q, 1, e);
        if (err)
            break;
    }
    if (err == E_OK && !row) {
        text_str(&h->text, h->first ? "{}" : open ? "]}}" : "}}");
        *done = true;
    }
    db_done(q);
    return err;
}

/* What std::stoi makes of a text: blanks, a sign, digits, and no matter what. */
static bool number_begins(const char *s, int64_t *out) {
    int64_t v = 0;
    while (isspace((unsigned char)*s))
        s++;
    bool negative = *s == '-';
    s += *s == '-' || *s == '+';
    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9' && v <= INT32_MAX; s++)
        v = v * 10 + (*s - '0');
    *out = negative ? -v : v;
    return v <= INT32_MAX;
}

enum err http_agent_groups(struct wdb_http *h, bool *done, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_GROUPS_OF);
    int64_t id;
    bool row;
    enum err err = E_OK;
    if (!number_begins(h->param, &id))
        return error_set(e, E_VALUE, 0, "'%s' is no agent's id", h->param);
    db_bind_int(q, 1, id);
    text_char(&h->text, '[');
    while (err == E_OK && (err = db_step(h->agents->db, q, &row, e)) == E_OK && row) {
        http_comma(h);
        err = put_name(h, q, 0, e);
    }
    db_done(q);
    text_char(&h->text, ']');
    *done = true;
    return err;
}
