/* wdb_global_sync.c - the commands that clusterd sends, and those with long lists (wdb_parser.c,
 * wdb_parse_global_sync_...). A list is read twice, one element at a time: once for its grammar, for nothing
 * is done of a command that is not JSON, and once for what it says. */
#include "src/store/wdb_global_parts.h"

#include <string.h>

/* ---- reading a long list ---- */

struct list {
    struct wdb_call *c;
    /* What each element is for; NULL: only look. E_OK also for one that is refused, if the others go on. */
    enum err (*apply)(struct list *l, const struct json_doc *d);
    bool is_root; /* the list is the value itself; else its member "data" */
    bool is_list, in_data;
    bool has_mode;
    char mode[64], sync_status[24];
    enum err r;
    enum groups_mode groups_mode; /* of set-agent-groups */
    bool syncreq, refused;
};

static enum json_want value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct list *l = arg;
    if (depth == 0) {
        l->is_list |= l->is_root && kind == JSON_ARRAY;
        return JSON_ENTER;
    }
    bool is_data = !l->is_root && depth == 1 && key && strcmp(key, "data") == 0;
    if (is_data && kind == JSON_ARRAY)
        l->is_list = true;
    if (!l->apply && depth == 1 && kind == JSON_STRING && key &&
        (strcmp(key, "mode") == 0 || strcmp(key, "sync_status") == 0))
        return JSON_KEEP;
    if (!l->apply)
        return JSON_SKIP;
    if (depth == (l->is_root ? 1u : 2u))
        return JSON_KEEP;
    return is_data && kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
}

static void keep_word(char *out, size_t cap, const char *json, size_t n) {
    if (json_unescape(json + 1, n - 2, out, cap, NULL) != E_OK)
        text_copy(out, cap, "?", 1); /* no word that is known has no room, or is no text */
}

static enum err kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                     struct error *e) {
    struct list *l = arg;
    struct store_texts *t = l->c->w->texts;
    struct json_doc d;
    if (!l->apply) {
        l->has_mode |= *key == 'm';
        keep_word(*key == 'm' ? l->mode : l->sync_status,
                  *key == 'm' ? sizeof l->mode : sizeof l->sync_status, json, n);
        return E_OK;
    }
    (void)depth;
    l->r = json_parse(&d, json, n, t->tokens, STRING_TOKENS, e);
    if (l->r == E_OK)
        l->r = l->apply(l, &d);
    else
        l->c->e = *e;
    return l->r == E_OK ? E_OK : E_CANCELLED; /* which no pause is made of */
}

static enum err too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct list *l = arg;
    (void)depth;
    (void)key;
    (void)e;
    if (l->apply) {
        l->r = error_set(&l->c->e, E_LIMIT, 0, "an agent of more than %u bytes", STRING_AGENT_BYTES);
        return E_CANCELLED;
    }
    keep_word(l->mode, sizeof l->mode, "\"?\"", 3);
    return E_OK;
}

static const struct json_stream_events events = {.value = value, .kept = kept, .too_long = too_long};

/* One pass. E_SYNTAX: it is not JSON, as the reply says. Otherwise what apply said. */
static enum err pass(struct list *l, enum err (*apply)(struct list *l, const struct json_doc *d)) {
    struct store_texts *t = l->c->w->texts;
    struct json_stream s;
    struct error e;
    l->apply = apply;
    l->r = E_OK;
    json_stream_init(&s, &events, l, t->command_keep, sizeof t->command_keep);
    enum err r = json_stream_push(&s, l->c->args, l->c->args_n, &e);
    if (r == E_OK)
        r = json_stream_finish(&s, &e);
    if (r != E_OK && l->r == E_OK) {
        wdb_refuse(l->c, "Invalid JSON syntax, near '%s'", l->c->near);
        return E_SYNTAX;
    }
    return l->r;
}

/* ---- agents ---- */

static enum err set_info(struct list *l, const struct json_doc *d) {
    struct wdb_call *c = l->c;
    size_t labels = json_find(d, 0, "labels"), id = json_find(d, 0, "id");
    if (id == 0 || d->tokens[id].kind != JSON_NUMBER) { /* nobody is meant */
        if (labels && d->tokens[labels].kind == JSON_ARRAY)
            return wdb_refuse(c, "Cannot update labels due to invalid id.");
        return E_OK;
    }
    return agents_apply(c->agents, SYNCREQ, d, 0, NULL, &c->e);
}

enum err wdb_sync_agent_info_set(struct wdb_call *c) {
    struct list l = {.c = c, .is_root = true};
    enum err r = pass(&l, NULL);
    if (r == E_OK && !l.is_list)
        return wdb_bad_data(c);
    if (r == E_OK)
        r = pass(&l, set_info);
    return r == E_OK ? wdb_ok(c) : r;
}

/* Rows count as synchronised with the reply that tells them, as there: nobody confirms a command. They come
 * in 4.13's forms. A cursor is needed for none but who gives one. */
enum err wdb_sync_agent_info_get(struct wdb_call *c) {
    static const uint8_t lists[] = {SYNCREQ, SYNCREQ_STATUS, SYNCREQ_KEEPALIVE};
    const char *what = c->args ? wdb_word(c) : NULL, *last = what ? wdb_word(c) : NULL;
    struct agents_read read = {.last_id = 0};
    struct page p;
    bool told, full = false;
    enum err r = E_OK;
    if (last && strcmp(what, "last_id") == 0)
        c->w->info_last_id = wdb_number(last);
    wdb_page_begin(c, &p, "[", 1);
    for (read.last_id = c->w->info_last_id; r == E_OK && !full && read.list < sizeof lists;) {
        r = info_tell_next(c->agents, &read, FORM_COMMAND, lists[read.list], false, &p, &told, &full, &c->e);
        if (r == E_OK && told) {
            struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_INFO_CONFIRM);
            db_bind_int(q, 1, read.last_id);
            db_bind_int(q, 2, SYNCREQ);
            r = agents_run(c->agents, q, &c->e);
        } else if (r == E_OK && !full) {
            read.list++;
            read.last_id = c->w->info_last_id;
        }
    }
    if (!full)
        c->w->info_last_id = 0;
    c->agents->changes += read.rows > 0;
    if (r != E_OK)
        c->reply->len = 0;
    return r == E_OK ? wdb_page_end(c, "]", full) : r;
}

/* ---- groups ---- */

/* What one agent's groups are refused for leaves the others be. */
static bool is_refusal(enum err r) {
    return r == E_GONE || r == E_UNKNOWN || r == E_VALUE || r == E_LIMIT || r == E_DUPLICATE;
}

static enum err set_groups(struct list *l, const struct json_doc *d) {
    struct wdb_call *c = l->c;
    enum err r = agents_apply_groups(c->agents, l->groups_mode, l->syncreq, d, 0, &c->e);
    l->refused |= is_refusal(r);
    return is_refusal(r) ? E_OK : r;
}

enum err wdb_set_agent_groups(struct wdb_call *c) {
    static const char modes[] = "override\0append\0empty_only\0remove\0"; /* enum groups_mode */
    struct list l = {.c = c, .sync_status = "synced"};
    enum err r = pass(&l, NULL);
    if (r != E_OK)
        return r;
    if (!l.is_list || !l.has_mode)
        return wdb_refuse(c, "Invalid JSON data, missing required fields");
    ptrdiff_t mode = text_find(modes, l.mode);
    if (mode < 0)
        return wdb_refuse(c, "Invalid mode '%s' in set_agent_groups command", l.mode);
    l.groups_mode = (enum groups_mode)mode;
    l.syncreq = strcmp(l.sync_status, "syncreq") == 0;
    l.refused = !l.syncreq && strcmp(l.sync_status, "synced") != 0;
    if (!l.refused)
        r = pass(&l, set_groups);
    if (r != E_OK || l.refused)
        wdb_refuse(c, "An error occurred during the set of the groups");
    return r == E_OK && !l.refused ? wdb_ok(c) : r; /* what was good stays */
}

/* A member that is there must be of this kind, a number not below zero. */
static bool member_is(const struct wdb_call *c, const char *key, enum json_kind kind) {
    size_t i = json_find(&c->doc, 0, key);
    return i == 0 || (c->doc.tokens[i].kind == kind && c->doc.text[c->doc.tokens[i].start] != '-');
}

enum err wdb_sync_agent_groups_get(struct wdb_call *c) {
    static const char conditions[] = "all\0sync_status\0";
    struct agents *a = c->agents;
    struct agents_groups_read read = {.once = true, .named = true, .pending = true};
    int64_t delta = 0;
    bool more;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    if (!member_is(c, "condition", JSON_STRING) || !member_is(c, "last_id", JSON_NUMBER) ||
        !member_is(c, "set_synced", JSON_BOOL) || !member_is(c, "get_global_hash", JSON_BOOL) ||
        !member_is(c, "agent_registration_delta", JSON_NUMBER))
        return wdb_refuse(c, "Invalid JSON data, invalid alternative fields data");
    const char *condition = wdb_str(c, "condition");
    ptrdiff_t which = condition ? text_find(conditions, condition) : 0;
    if (which < 0 || c->bad)
        return wdb_refuse(c, "Could not obtain a response from wdb_global_sync_agent_groups_get");
    wdb_int(c, "last_id", &read.last_id);
    wdb_int(c, "agent_registration_delta", &delta);
    read.with_hash = json_is_true(&c->doc, json_find(&c->doc, 0, "get_global_hash"));
    read.mark = json_is_true(&c->doc, json_find(&c->doc, 0, "set_synced"));
    read.pending = which != 0 || !condition;
    read.before = agents_now(a) - delta;
    if (!condition) /* only the hash is wanted: nobody comes after the last */
        read.last_id = a->top_id;
    struct text t;
    text_init(&t, c->reply->buf + 4, WDB_REPLY_MOST);
    enum err r = agents_groups_chunk(a, &read, &t, &more, &c->e);
    if (r != E_OK)
        return wdb_refuse(c, "Could not obtain a response from wdb_global_sync_agent_groups_get");
    memcpy(c->reply->buf, "due ", 4);
    c->reply->len = t.len + 4;
    c->reply->cut = false;
    return wdb_page_end(c, "", more);
}

/* ---- sql ---- */

enum err wdb_sql(struct wdb_call *c) {
    struct sqlite3_stmt *q;
    enum err r = db_prepare_read(c->agents->db, c->args, c->args_n, &q, &c->e);
    if (r != E_OK)
        return r;
    r = wdb_rows(c, q);
    db_finish(q);
    return r;
}
