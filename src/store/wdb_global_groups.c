/* wdb_global_groups.c - wazuh-db's commands about groups (wdb_parser.c, wdb_parse_global_...). */
#include "src/store/wdb_global_parts.h"

#include <string.h>

enum err wdb_insert_agent_group(struct wdb_call *c) {
    int64_t id;
    enum err r = group_find(c->agents, (struct slice){c->args, strlen(c->args)}, &id, &c->e);
    if (r == E_OK && id == 0)
        r = groups_insert(c->agents, c->args, &c->e);
    else if (r == E_OK)
        r = E_DUPLICATE;
    return r == E_OK ? wdb_ok(c) : wdb_refuse(c, "Error inserting group in global.db.");
}

enum err wdb_delete_group(struct wdb_call *c) {
    if (groups_delete(c->agents, c->args, &c->e) != E_OK)
        return wdb_refuse(c, "Error deleting group in global.db.");
    return wdb_ok(c);
}

enum err wdb_find_group(struct wdb_call *c) {
    struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_GROUP_FIND);
    db_bind_text(q, 1, c->args, strlen(c->args));
    if (wdb_rows(c, q) != E_OK)
        return wdb_refuse(c, "Error getting group id from global.db.");
    return E_OK;
}

/* Beyond one reply the rest is left out, as there. */
enum err wdb_select_groups(struct wdb_call *c) {
    struct page p;
    char name[GROUP_NAME_BYTES] = "";
    bool row, fits = true;
    enum err r = E_OK;
    wdb_page_begin(c, &p, "[", 1);
    while (fits) {
        struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_GROUP_NEXT);
        db_bind_text(q, 1, name, strlen(name));
        r = db_step(c->agents->db, q, &row, &c->e);
        if (r != E_OK || !row)
            break;
        size_t n;
        const char *s = db_text(q, 0, &n);
        page_element(&p);
        compact_row(p.out, q);
        fits = page_fits(&p) && text_copy(name, sizeof name, s, n);
        db_done(q);
    }
    return r == E_OK ? wdb_page_end(c, "]", false) : wdb_refuse(c, "Error getting groups from global.db.");
}

enum err wdb_select_group_belong(struct wdb_call *c) {
    struct page p;
    bool row, fits = true;
    enum err r = E_OK;
    struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_BELONGS_NAMES);
    db_bind_int(q, 1, wdb_number(c->args));
    wdb_page_begin(c, &p, "[", 1);
    while (fits && (r = db_step(c->agents->db, q, &row, &c->e)) == E_OK && row) {
        size_t n;
        const char *s = db_text(q, 0, &n);
        page_element(&p);
        compact_str(p.out, s, n);
        fits = page_fits(&p);
    }
    db_done(q);
    return r == E_OK ? wdb_page_end(c, "]", false)
                     : wdb_refuse(c, "Error getting agent groups information from global.db.");
}

enum err wdb_get_group_agents(struct wdb_call *c) {
    const char *name = wdb_word(c), *last_id = name ? wdb_word(c) : NULL;
    if (!last_id || strcmp(last_id, "last_id") != 0)
        return wdb_refuse(c, "Invalid arguments, %s not found.", name ? "'last_id'" : "group name");
    const char *last = wdb_word(c);
    if (!last)
        return wdb_refuse(c, "Invalid arguments, last agent id not found.");
    struct page p;
    int64_t group, id = wdb_number(last);
    bool row, more = false;
    enum err r = group_find(c->agents, (struct slice){name, strlen(name)}, &group, &c->e);
    wdb_page_begin(c, &p, "[", 1);
    while (r == E_OK && group && !more) {
        struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_GROUP_AGENT);
        db_bind_int(q, 1, group);
        db_bind_int(q, 2, id);
        r = db_step(c->agents->db, q, &row, &c->e);
        if (r != E_OK || !row)
            break;
        id = db_int(q, 0);
        db_done(q);
        page_element(&p);
        text_format(p.out, "%lld", (long long)id);
        more = !page_fits(&p);
    }
    return r == E_OK ? wdb_page_end(c, "]", more)
                     : wdb_refuse(c, "Error getting group agents from global.db.");
}

enum err wdb_get_groups_integrity(struct wdb_call *c) {
    static const int digits = GROUPS_HASH_BYTES - 1;
    int64_t id = 0;
    if (c->args_n < (size_t)digits)
        return wdb_refuse(c, "Hash hex-digest does not have the expected length. Expected (%d) got (%d)",
                          digits, (int)c->args_n);
    struct agents_groups_read one = {.pending = true, .once = true};
    bool more;
    /* The whole of what is pending is no more than what is looked at each time anyway. */
    enum err r = agents_groups_chunk(c->agents, &one, c->reply, &more, &c->e);
    id = (int64_t)one.rows + (int64_t)one.too_long;
    if (r == E_OK && id == 0)
        r = agents_global_hash(c->agents, &c->e);
    if (r != E_OK)
        return wdb_refuse(c, "Error getting groups integrity information from global.db.");
    const char *state = id                                                       ? "syncreq"
                        : strncmp(c->agents->hash, c->args, (size_t)digits) == 0 ? "synced"
                                                                                 : "hash_mismatch";
    text_init(c->reply, c->reply->buf, c->reply->cap);
    text_format(c->reply, "ok [\"%s\"]", state);
    return E_OK;
}

/* From hash to hash instead of over all rows: remoted asks every ten seconds. Two lists of groups with one
 * hash are one to it as well: it names their folders so. */
enum err wdb_get_distinct_groups(struct wdb_call *c) {
    struct page p;
    char last[65] = "";
    bool row, more = false;
    enum err r = E_OK;
    if (c->args && !text_copy(last, sizeof last, c->args, c->args_n))
        last[0] = '\0';
    wdb_page_begin(c, &p, "[", 1);
    while (!more) {
        struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_WDB_HASH_NEXT);
        db_bind_text(q, 1, last, strlen(last));
        r = db_step(c->agents->db, q, &row, &c->e);
        if (r != E_OK || !row)
            break;
        size_t n;
        const char *hash = db_text(q, 1, &n);
        page_element(&p);
        compact_row(p.out, q);
        more = !page_fits(&p) || !text_copy(last, sizeof last, hash, n);
        db_done(q);
    }
    return r == E_OK ? wdb_page_end(c, "]", more)
                     : wdb_refuse(c, "Error getting agent groups from global.db.");
}

enum err wdb_recalculate(struct wdb_call *c) {
    if (agents_recalculate_hashes(c->agents, &c->e) != E_OK)
        return wdb_refuse(c, "Error recalculating group hash of agents in global.db");
    return wdb_ok(c);
}
