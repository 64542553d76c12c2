/* agents_state.c - what the node's own services report of an agent: its data, its keepalives, its connection
 * (wazuh-db's update-... commands). On a worker each report also asks for a synchronisation; the strongest
 * one that is pending stays (reference, section 14.4). */
#include "src/store/agents_parts.h"

#include <string.h>

#define FOREVER 253402300799 /* last_keepalive of row 0: the end of the year 9999 */

const char agent_data_names[] =
    "os_name\0os_version\0os_major\0os_minor\0os_codename\0os_platform\0os_build\0"
    "os_uname\0os_arch\0version\0config_sum\0merged_sum\0manager_host\0node_name\0"
    "connection_status\0group_config_status\0";

static void bind_str(struct sqlite3_stmt *q, int column, const char *s) {
    db_bind_text(q, column, s, s ? strlen(s) : 0);
}

/* What row id is about to be written with: *sync_status becomes the stronger one of what is asked for and
 * what is pending, but 'synced' is always obeyed. *other_ip: ip (may be NULL) is not what the row has. An
 * unknown status is left for the table's own CHECK to refuse, which does so only if there is a row. */
static enum err before(struct agents *a, int64_t id, const char **sync_status, const char *ip, bool *other_ip,
                       struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_FIND);
    db_bind_int(q, 1, id);
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK || !row)
        return r;
    int pending = sync_status_of(db_text(q, 2, NULL)), asked = sync_status_of(*sync_status);
    if (asked > SYNCED && pending > asked)
        *sync_status = sync_status_text((enum sync_status)pending);
    if (ip)
        *other_ip = db_is_null(q, 1) || strcmp(db_text(q, 1, NULL), ip) != 0;
    db_done(q);
    return E_OK;
}

/* Runs the statement that writes row id with that sync_status. */
static enum err run(struct agents *a, struct sqlite3_stmt *q, int64_t id, const char *sync_status,
                    struct error *e) {
    enum err r = agents_run(a, q, e);
    if (r == E_OK && db_changes(a->db))
        agents_wrote(a, id, WROTE_INFO | (sync_status_of(sync_status) > SYNCED ? WROTE_INFO_PENDING : 0));
    return r;
}

/* ---- data and labels ---- */

static enum err put_label(struct agents *a, int64_t id, const char *at, const char *colon, const char *end,
                          struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_LABEL_SET);
    db_bind_int(q, 1, id);
    db_bind_text(q, 2, at, (size_t)(colon - at));
    db_bind_text(q, 3, colon + 1, (size_t)(end - colon - 1));
    return agents_run(a, q, e);
}

static enum err put_labels(struct agents *a, int64_t id, const char *labels, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_LABELS_DELETE);
    db_bind_int(q, 1, id);
    enum err r = agents_run(a, q, e);
    for (const char *at = labels ? labels : "", *end; r == E_OK && *at; at = end + (*end != '\0')) {
        end = at + strcspn(at, "\n");
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (colon) /* a line without one is passed over */
            r = put_label(a, id, at, colon, end, e);
    }
    agents_wrote(a, id, WROTE_INFO);
    return r;
}

enum err agents_put_labels(struct agents *a, int64_t id, const char *labels, struct error *e) {
    bool own;
    enum err r = agents_begin(a, &own, e);
    if (r == E_OK)
        r = agents_end(a, own, put_labels(a, id, labels, e), e);
    return r;
}

static enum err put_data(struct agents *a, int64_t id, const struct agent_data *data, struct error *e) {
    const char *sync_status = data->sync_status;
    bool other_ip = false;
    enum err r = before(a, id, &sync_status, data->ip, &other_ip, e);
    if (r == E_OK && other_ip) {
        struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_IP);
        bind_str(q, 1, data->ip);
        db_bind_int(q, 2, id);
        r = agents_run(a, q, e);
    }
    if (r != E_OK)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_DATA);
    for (int i = 0; i < AGENT_DATA_FIELDS; i++)
        bind_str(q, i + 1, data->field[i]);
    db_bind_int(q, 17, id == 0 ? FOREVER : agents_now(a));
    bind_str(q, 18, sync_status);
    db_bind_int(q, 19, id);
    r = run(a, q, id, sync_status, e);
    return r == E_OK ? put_labels(a, id, data->labels, e) : r;
}

enum err agents_put_data(struct agents *a, int64_t id, const struct agent_data *data, struct error *e) {
    bool own;
    enum err r = agents_begin(a, &own, e);
    if (r == E_OK)
        r = agents_end(a, own, put_data(a, id, data, e), e);
    return r;
}

/* ---- connection ---- */

/* A transaction around one row, whose sync_status stays the stronger one; after an error none is open. */
static enum err begin_row(struct agents *a, int64_t id, const char **sync_status, bool *own,
                          struct error *e) {
    enum err r = agents_begin(a, own, e);
    if (r != E_OK)
        return r;
    r = before(a, id, sync_status, NULL, NULL, e);
    return r == E_OK ? E_OK : agents_end(a, *own, r, e);
}

enum err agents_put_keepalive(struct agents *a, int64_t id, const char *connection_status,
                              const char *sync_status, struct error *e) {
    bool own;
    enum err r = begin_row(a, id, &sync_status, &own, e);
    if (r != E_OK)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_KEEPALIVE);
    db_bind_int(q, 1, agents_now(a));
    bind_str(q, 2, connection_status);
    bind_str(q, 3, sync_status);
    db_bind_int(q, 4, id);
    r = run(a, q, id, sync_status, e);
    return agents_end(a, own, r, e);
}

enum err agents_put_connection(struct agents *a, int64_t id, const char *connection_status,
                               const char *sync_status, int64_t status_code, struct error *e) {
    bool own;
    enum err r = begin_row(a, id, &sync_status, &own, e);
    if (r != E_OK)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_CONNECTION);
    bind_str(q, 1, connection_status);
    bind_str(q, 2, sync_status);
    db_bind_int(q, 3, strcmp(connection_status, "disconnected") ? 0 : agents_now(a));
    db_bind_int(q, 4, status_code);
    db_bind_int(q, 5, id);
    r = run(a, q, id, sync_status, e);
    return agents_end(a, own, r, e);
}

enum err agents_put_status_code(struct agents *a, int64_t id, int64_t status_code, const char *version,
                                const char *sync_status, struct error *e) {
    bool own;
    enum err r = begin_row(a, id, &sync_status, &own, e);
    if (r != E_OK)
        return r;
    struct sqlite3_stmt *q = db_stmt(a->db, SQL_AGENT_STATUS_CODE);
    db_bind_int(q, 1, status_code);
    bind_str(q, 2, version);
    bind_str(q, 3, sync_status);
    db_bind_int(q, 4, id);
    r = run(a, q, id, sync_status, e);
    return agents_end(a, own, r, e);
}

enum err agents_next_connected(struct agents *a, int64_t after, const int64_t *lost_before, int64_t *id,
                               struct error *e) {
    bool row;
    struct sqlite3_stmt *q = db_stmt(a->db, lost_before ? SQL_AGENT_LOST : SQL_AGENT_CONNECTED);
    db_bind_int(q, 1, after < 0 ? 0 : after); /* the manager itself is never disconnected */
    if (lost_before)
        db_bind_int(q, 2, *lost_before);
    *id = 0;
    enum err r = db_step(a->db, q, &row, e);
    if (r != E_OK || !row)
        return r;
    *id = db_int(q, 0);
    db_done(q);
    return E_OK;
}
