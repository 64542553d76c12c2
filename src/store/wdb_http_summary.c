/* wdb_http_summary.c - POST /v1/agents/summary: one walk over the agents counts states, groups and platforms;
 * then the three objects are written, each by name. */
#include "base/json_write.h"
#include "src/store/wdb_http_parts.h"

#include <string.h>

#define LARGEST 5u /* without ids in the body only so many of each are told */

enum { COUNT, GROUPS, PLATFORMS };

static const char states[] = "active\0disconnected\0never_connected\0pending\0";

/* ---- counting ---- */

static void count_group(struct http_tally *t, uint32_t id) {
    for (uint32_t i = 0; i < HTTP_TALLY_GROUPS; i++) {
        struct http_group_count *g = &t->groups[(id + i) % HTTP_TALLY_GROUPS];
        if (g->count && g->id != id)
            continue;
        g->id = id;
        g->count++;
        return;
    }
}

#define NAME_AT 5u /* in an entry: behind count and length */

static uint32_t name_count(const struct http_tally *t, uint32_t at) {
    uint32_t count;
    memcpy(&count, t->names + at, sizeof count);
    return count;
}

static void name_count_set(struct http_tally *t, uint32_t at, uint32_t count) {
    memcpy(t->names + at, &count, sizeof count);
}

static uint32_t name_length(const struct http_tally *t, uint32_t at) {
    return (uint8_t)t->names[at + 4];
}

static uint32_t name_next(const struct http_tally *t, uint32_t at) {
    return at + NAME_AT + name_length(t, at);
}

/* As memcmp on the shorter, then by length. */
static int name_compare(const struct http_tally *t, uint32_t at, const char *s, size_t n) {
    size_t len = name_length(t, at);
    int order = memcmp(t->names + at + NAME_AT, s, len < n ? len : n);
    return order ? order : (len > n) - (len < n);
}

static void count_name(struct wdb_http *h, const char *s, size_t n) {
    struct http_tally *t = &h->tally;
    uint32_t at = 0;
    n = n < UINT8_MAX ? n : UINT8_MAX;
    while (at < h->names_n && name_compare(t, at, s, n) != 0)
        at = name_next(t, at);
    if (at < h->names_n) {
        name_count_set(t, at, name_count(t, at) + 1);
        return;
    }
    if (NAME_AT + n > sizeof t->names - at)
        return;
    name_count_set(t, at, 1);
    t->names[at + 4] = (char)n;
    memcpy(t->names + at + NAME_AT, s, n);
    h->names_n = name_next(t, at);
}

static enum err count_agent(struct wdb_http *h, struct sqlite3_stmt *agent, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_BELONGS_OF);
    size_t n;
    ptrdiff_t state = text_find(states, db_text(agent, 1, NULL));
    const char *platform = db_text(agent, 2, &n);
    bool row;
    enum err err;
    if (state >= 0)
        h->states[state]++;
    if (n)
        count_name(h, platform, n);
    db_bind_int(q, 1, db_int(agent, 0));
    while ((err = db_step(h->agents->db, q, &row, e)) == E_OK && row)
        count_group(&h->tally, (uint32_t)db_int(q, 0));
    return err;
}

static enum err count_page(struct wdb_http *h, struct error *e) {
    struct http_page p;
    bool row;
    enum err err = http_page_read(h, SQL_HTTP_SUMMARY, &p, e);
    if (err)
        return err;
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_SUMMARY);
    db_bind_int(q, 1, h->last_id);
    for (uint32_t i = 0; i < p.n && (err = db_step(h->agents->db, q, &row, e)) == E_OK && row; i++) {
        h->last_id = db_int(q, 0);
        if (p.marked[i])
            err = count_agent(h, q, e);
        if (err)
            break;
    }
    db_done(q);
    if (err == E_OK && p.n < HTTP_ROWS)
        h->phase = GROUPS;
    return err;
}

/* ---- the largest ---- */

/* Is a more than b? Of equals the one that comes first stays. */
struct largest {
    uint32_t at[LARGEST], count[LARGEST];
    unsigned n;
};

static void largest_add(struct largest *l, uint32_t at, uint32_t count) {
    unsigned i = l->n < LARGEST ? l->n++ : LARGEST;
    for (; i > 0 && l->count[i - 1] < count; i--)
        if (i < LARGEST) {
            l->at[i] = l->at[i - 1];
            l->count[i] = l->count[i - 1];
        }
    if (i < LARGEST) {
        l->at[i] = at;
        l->count[i] = count;
    }
}

static bool largest_has(const struct largest *l, uint32_t at) {
    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i] == at)
            return true;
    return false;
}

static void keep_largest(struct wdb_http *h) {
    struct http_tally *t = &h->tally;
    struct largest groups = {.n = 0}, names = {.n = 0};
    for (uint32_t i = 0; i < HTTP_TALLY_GROUPS; i++)
        if (t->groups[i].count)
            largest_add(&groups, i, t->groups[i].count);
    for (uint32_t i = 0; i < HTTP_TALLY_GROUPS; i++)
        if (!largest_has(&groups, i))
            t->groups[i].id = 0; /* no group has this id; the place stays taken, for those behind it */
    for (uint32_t at = 0; at < h->names_n; at = name_next(t, at))
        largest_add(&names, at, name_count(t, at));
    for (uint32_t at = 0; at < h->names_n; at = name_next(t, at))
        if (!largest_has(&names, at))
            name_count_set(t, at, 0);
}

/* ---- writing ---- */

/* One member of one of the three objects, which begins with it. */
static void put(struct wdb_http *h, const char *map, const char *name, size_t n, uint32_t count) {
    if (h->in_map) {
        text_char(&h->text, ',');
    } else {
        text_char(&h->text, h->first ? '{' : ',');
        text_format(&h->text, "\"%s\":{", map);
    }
    h->first = false;
    h->in_map = true;
    json_escape(&h->text, name, n);
    text_format(&h->text, ":%lu", (unsigned long)count);
}

static void map_end(struct wdb_http *h) {
    if (h->in_map)
        text_char(&h->text, '}');
    h->in_map = false;
}

static void put_states(struct wdb_http *h) {
    for (unsigned i = 0; i < 4; i++)
        if (h->states[i])
            put(h, "agents_by_status", text_item(states, i), strlen(text_item(states, i)), h->states[i]);
    map_end(h);
}

static uint32_t group_count(const struct http_tally *t, uint32_t id) {
    for (uint32_t i = 0; i < HTTP_TALLY_GROUPS; i++) {
        const struct http_group_count *g = &t->groups[(id + i) % HTTP_TALLY_GROUPS];
        if (!g->count || g->id == id)
            return g->count;
    }
    return 0;
}

/* The groups by name, a page at a time; param is the last. */
static enum err put_groups(struct wdb_http *h, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(h->agents->db, SQL_HTTP_GROUPS);
    uint32_t rows = 0;
    bool row;
    enum err err;
    char last[sizeof h->param];
    memcpy(last, h->param, sizeof last);
    db_bind_text(q, 1, last, strlen(last));
    while ((err = db_step(h->agents->db, q, &row, e)) == E_OK && row) {
        size_t n;
        const char *name = db_text(q, 1, &n);
        uint32_t count = group_count(&h->tally, (uint32_t)db_int(q, 0));
        if (count)
            put(h, "agents_by_groups", name, n, count);
        rows += text_copy(h->param, sizeof h->param, name, n); /* a name that is none of Wazuh's ends it */
        err = http_room(h, e);
        if (err)
            break;
    }
    db_done(q);
    if (err || rows == HTTP_ROWS)
        return err;
    map_end(h);
    h->phase = PLATFORMS;
    return E_OK;
}

/* Always the least that is left: there are few, and no room for an order. */
static enum err put_platforms(struct wdb_http *h, struct error *e) {
    struct http_tally *t = &h->tally;
    for (;;) {
        uint32_t least = UINT32_MAX;
        for (uint32_t at = 0; at < h->names_n; at = name_next(t, at))
            if (name_count(t, at) && (least == UINT32_MAX || name_compare(t, at, t->names + least + NAME_AT,
                                                                          name_length(t, least)) < 0))
                least = at;
        if (least == UINT32_MAX)
            break;
        put(h, "agents_by_os", t->names + least + NAME_AT, name_length(t, least), name_count(t, least));
        name_count_set(t, least, 0);
        enum err err = http_room(h, e);
        if (err)
            return err;
    }
    map_end(h);
    text_str(&h->text, h->first ? "{}" : "}");
    return E_OK;
}

static enum err summary_begin(struct wdb_http *h, struct error *e) {
    if (h->body->size > HTTP_IDS_BYTES) {
        h->status = 413;
        return error_set(e, E_LIMIT, 0, "more ids than there can be");
    }
    memset(&h->tally, 0, sizeof h->tally);
    h->filtered = h->body->size > 0; /* "[]" means nobody, no body everybody, as it is there */
    h->ids_to = h->body->size;
    h->param[0] = '\0';
    return E_OK;
}

enum err http_summary(struct wdb_http *h, bool *done, struct error *e) {
    enum err err = E_OK;
    switch (h->phase) {
    case COUNT:
        if (h->last_id == 0)
            err = summary_begin(h, e);
        if (err == E_OK)
            err = count_page(h, e);
        if (err || h->phase == COUNT)
            return err;
        if (!h->filtered)
            keep_largest(h);
        put_states(h);
        return E_OK;
    case GROUPS:
        return put_groups(h, e);
    default:
        *done = true;
        return put_platforms(h, e);
    }
}
