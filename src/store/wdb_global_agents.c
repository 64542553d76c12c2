/* wdb_global_agents.c - wazuh-db's commands about single agents and their state (wdb_parser.c,
 * wdb_parse_global_...). */
#include "src/store/wdb_global_parts.h"

#include <string.h>

/* agent_status_code_t */
#define NO_KEEPALIVE 4
#define RESET_BY_MANAGER 5

/* ---- writing ---- */

/* As wdb_global_insert_agent checks the list that goes into the column `group`. */
static bool groups_are_valid(const char *csv) {
    for (size_t n; *csv; csv += n + (csv[n] == ',')) {
        n = strcspn(csv, ",");
        if (n && !slice_is_group((struct slice){csv, n}))
            return false;
    }
    return true;
}

enum err wdb_insert_agent(struct wdb_call *c) {
    int64_t id, date_add;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    const char *name = wdb_str(c, "name"), *ip = wdb_str(c, "ip"), *register_ip = wdb_str(c, "register_ip"),
               *key = wdb_str(c, "internal_key"), *group = wdb_str(c, "group");
    if (c->bad || !name || !wdb_int(c, "id", &id) || !wdb_int(c, "date_add", &date_add))
        return wdb_bad_data(c);
    if (group && !groups_are_valid(group))
        return error_set(&c->e, E_VALUE, 0, "invalid group name in '%.64s'", group);
    enum err r = agents_insert_row(c->agents, id, name, ip, register_ip, key, group, date_add, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_update_agent_name(struct wdb_call *c) {
    int64_t id;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    const char *name = wdb_str(c, "name");
    if (!name || !wdb_int(c, "id", &id))
        return wdb_bad_data(c);
    enum err r = agents_rename(c->agents, id, name, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_update_agent_data(struct wdb_call *c) {
    struct agent_data data;
    int64_t id;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    for (size_t i = 0; i < AGENT_DATA_FIELDS; i++)
        data.field[i] = wdb_str(c, text_item(agent_data_names, i));
    data.ip = wdb_str(c, "agent_ip");
    data.labels = wdb_str(c, "labels");
    data.sync_status = wdb_str(c, "sync_status");
    if (!data.sync_status)
        data.sync_status = "synced";
    if (c->bad || !wdb_int(c, "id", &id))
        return wdb_bad_data(c);
    enum err r = agents_put_data(c->agents, id, &data, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_update_keepalive(struct wdb_call *c) {
    int64_t id;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    const char *connection = wdb_str(c, "connection_status"), *sync = wdb_str(c, "sync_status");
    if (!connection || !sync || !wdb_int(c, "id", &id))
        return wdb_bad_data(c);
    enum err r = agents_put_keepalive(c->agents, id, connection, sync, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_update_connection_status(struct wdb_call *c) {
    int64_t id, code;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    const char *connection = wdb_str(c, "connection_status"), *sync = wdb_str(c, "sync_status");
    if (!connection || !sync || !wdb_int(c, "id", &id) || !wdb_int(c, "status_code", &code))
        return wdb_bad_data(c);
    enum err r = agents_put_connection(c->agents, id, connection, sync, code, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_update_status_code(struct wdb_call *c) {
    int64_t id, code;
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    const char *version = wdb_str(c, "version"), *sync = wdb_str(c, "sync_status");
    if ((json_find(&c->doc, 0, "version") && !version) || !sync || !wdb_int(c, "id", &id) ||
        !wdb_int(c, "status_code", &code))
        return wdb_bad_data(c);
    enum err r = agents_put_status_code(c->agents, id, code, version, sync, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

enum err wdb_delete_agent(struct wdb_call *c) {
    if (agents_delete(c->agents, wdb_number(c->args), NULL, &c->e) != E_OK)
        return wdb_refuse(c, "Error deleting agent from agent table in global.db.");
    return wdb_ok(c);
}

enum err wdb_set_labels(struct wdb_call *c) {
    const char *id = wdb_word(c);
    if (!id)
        return wdb_refuse(c, "Invalid DB query syntax, near '%s'", c->near);
    enum err r = agents_put_labels(c->agents, wdb_number(id), c->args, &c->e);
    return r == E_OK ? wdb_ok(c) : r;
}

/* ---- connections of many ---- */

enum err wdb_disconnect_agents(struct wdb_call *c) {
    const char *last = wdb_word(c), *bound = last ? wdb_word(c) : NULL, *sync = bound ? wdb_word(c) : NULL;
    if (!sync)
        return wdb_refuse(c, "Invalid arguments %s not found",
                          !last    ? "last id"
                          : !bound ? "keepalive"
                                   : "sync_status");
    struct page p;
    int64_t id = wdb_number(last), keepalive = wdb_number(bound);
    bool more = false;
    enum err r;
    wdb_page_begin(c, &p, "[", 1);
    while ((r = agents_next_connected(c->agents, id, &keepalive, &id, &c->e)) == E_OK && id) {
        page_element(&p);
        text_format(p.out, "{\"id\":%lld}", (long long)id);
        more = !page_fits(&p);
        if (!more)
            r = agents_put_connection(c->agents, id, "disconnected", sync, NO_KEEPALIVE, &c->e);
        if (more || r != E_OK)
            break;
    }
    c->reply->len = r == E_OK ? c->reply->len : 0;
    return r == E_OK ? wdb_page_end(c, "]", more) : r;
}

enum err wdb_reset_agents_connection(struct wdb_call *c) {
    enum err r;
    for (int64_t id = 0; (r = agents_next_connected(c->agents, id, NULL, &id, &c->e)) == E_OK && id;) {
        r = agents_put_connection(c->agents, id, "disconnected", c->args, RESET_BY_MANAGER, &c->e);
        if (r != E_OK)
            break;
    }
    return r == E_OK ? wdb_ok(c) : r;
}

/* ---- reading ---- */

/* The rows of a statement with the id that the arguments are. */
static enum err rows_of_id(struct wdb_call *c, enum sql sql) {
    struct sqlite3_stmt *q = db_stmt(c->agents->db, sql);
    db_bind_int(q, 1, wdb_number(c->args));
    enum err r = wdb_rows(c, q);
    db_done(q);
    return r;
}

enum err wdb_get_labels(struct wdb_call *c) {
    if (rows_of_id(c, SQL_LABELS) != E_OK)
        return wdb_refuse(c, "Error getting agent labels from global.db.");
    return E_OK;
}

enum err wdb_select_agent_name(struct wdb_call *c) {
    if (rows_of_id(c, SQL_WDB_NAME) != E_OK)
        return wdb_refuse(c, "Error getting agent name from global.db.");
    return E_OK;
}

enum err wdb_select_agent_group(struct wdb_call *c) {
    if (rows_of_id(c, SQL_WDB_GROUP) != E_OK)
        return wdb_refuse(c, "Error getting agent group from global.db.");
    return E_OK;
}

enum err wdb_get_agent_info(struct wdb_call *c) {
    if (rows_of_id(c, SQL_WDB_INFO) != E_OK)
        return wdb_refuse(c, "Error getting agent information from global.db.");
    return E_OK;
}

enum err wdb_find_agent(struct wdb_call *c) {
    if (wdb_json(c) != E_OK)
        return E_VALUE;
    char name[AGENT_NAME_BYTES], address[AGENT_IP_BYTES];
    const char *n = wdb_str(c, "name"), *ip = wdb_str(c, "ip");
    if (!n || !ip)
        return wdb_bad_data(c);
    /* copies, as the reply is written where they may lie; what has no room is nobody's name */
    if (!text_copy(name, sizeof name, n, strlen(n)) || !text_copy(address, sizeof address, ip, strlen(ip)))
        name[0] = '\0';
    struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_WDB_FIND);
    db_bind_text(q, 1, name, strlen(name));
    db_bind_text(q, 2, address, strlen(address));
    enum err r = wdb_rows(c, q);
    db_done(q);
    return r;
}

/* Pages of {"id":N}, out of a statement whose rows are ids. */
static enum err page_of_ids(struct wdb_call *c, struct sqlite3_stmt *q, const char *failed) {
    struct page p;
    bool row, more = false;
    enum err r = E_OK;
    wdb_page_begin(c, &p, "[", 1);
    while (!more && (r = db_step(c->agents->db, q, &row, &c->e)) == E_OK && row) {
        page_element(&p);
        compact_row(p.out, q);
        more = !page_fits(&p);
    }
    db_done(q);
    return r == E_OK ? wdb_page_end(c, "]", more) : wdb_refuse(c, "%s", failed);
}

/* "context": every agent with its version, name and address. wazuh-db sends a frame for each row, "due
 * {...}", and "ok []" at last; here one command has one reply, which its old readers take as well, but it has
 * an end. */
static enum err all_context(struct wdb_call *c) {
    enum err r = wdb_rows(c, db_stmt(c->agents->db, SQL_WDB_CONTEXT));
    if (r == E_OK && c->reply->cut)
        return wdb_refuse(c, "The context of so many agents is not served by this node");
    return r == E_OK ? r : wdb_refuse(c, "Error getting agents from global.db.");
}

enum err wdb_get_all_agents(struct wdb_call *c) {
    const char *what = wdb_word(c), *last = NULL;
    if (what && strcmp(what, "context") == 0)
        return all_context(c);
    if (!what || strcmp(what, "last_id") != 0)
        return wdb_refuse(c, "Invalid arguments 'last_id' or 'context' not found");
    if ((last = wdb_word(c)) == NULL)
        return wdb_refuse(c, "Invalid arguments 'last_id' not found");
    struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_WDB_IDS);
    db_bind_int(q, 1, wdb_number(last));
    return page_of_ids(c, q, "Error getting agents from global.db.");
}

enum err wdb_get_agents_by_connection_status(struct wdb_call *c) {
    const char *last = wdb_word(c), *status = last ? wdb_word(c) : NULL;
    if (!status)
        return wdb_refuse(c, "Invalid arguments '%s' not found", last ? "connection_status" : "last_id");
    const char *node = wdb_word(c), *limit = node ? wdb_word(c) : NULL;
    if (node && !limit)
        return wdb_refuse(c, "Invalid arguments 'limit' not found");
    struct sqlite3_stmt *q = db_stmt(c->agents->db, SQL_WDB_BY_STATUS);
    db_bind_int(q, 1, wdb_number(last));
    db_bind_text(q, 2, status, strlen(status));
    db_bind_text(q, 3, node, node ? strlen(node) : 0);
    db_bind_int(q, 4, limit ? wdb_number(limit) : -1);
    return page_of_ids(c, q, "Error getting agents by connection status from global.db.");
}
