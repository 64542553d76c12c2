/* wdb_global_parts.h - what the files of wazuh-db's commands share. */
#ifndef PICKET_STORE_WDB_GLOBAL_PARTS_H
#define PICKET_STORE_WDB_GLOBAL_PARTS_H

#include "src/store/agents_parts.h"
#include "store/wdb_global.h"

/* One command being answered, in one transaction. */
struct wdb_call {
    struct wdb_global *w;
    struct agents *agents;
    char *args; /* what follows the command's name; NULL: nothing does */
    size_t args_n;
    char near[33]; /* its beginning, for the words of errors */
    struct text *reply;
    struct error e;
    struct json_doc doc;
    size_t used; /* of the reply's buffer: unescaped arguments, until the reply is written */
    bool bad;    /* an argument was a string that is none */
};

/* A command. E_OK: the reply is written and what was done stays. Otherwise all of it is taken back, and the
 * reply says why: what e holds, if it is empty. */
typedef enum err wdb_command(struct wdb_call *c);

/* ---- replies (wdb_global.c) ---- */

/* The whole reply, "err ...", and a code that is not E_OK. */
enum err wdb_refuse(struct wdb_call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum err wdb_ok(struct wdb_call *c);
/* A reply with pages: begin, elements, end. */
void wdb_page_begin(struct wdb_call *c, struct page *p, const char *head, size_t tail);
enum err wdb_page_end(struct wdb_call *c, const char *tail, bool more);
/* All rows of a statement as objects, without bound ("ok [...]", cut where the reply ends). */
enum err wdb_rows(struct wdb_call *c, struct sqlite3_stmt *q);

/* ---- arguments (wdb_global.c) ---- */

/* The arguments are one JSON value; otherwise the reply says so. */
enum err wdb_json(struct wdb_call *c);
enum err wdb_bad_data(struct wdb_call *c); /* "err Invalid JSON data, near ..." */
/* A member of it: NULL, or false, when it is missing or of another kind. */
const char *wdb_str(struct wdb_call *c, const char *key);
bool wdb_int(struct wdb_call *c, const char *key, int64_t *out);
/* The next word of the arguments, parted by blanks; NULL at the end. */
char *wdb_word(struct wdb_call *c);
/* As atoi: the number a text begins with, 0 if none; what has no room in 32 bits becomes the nearest. */
int64_t wdb_number(const char *s);

/* ---- the commands ---- */
wdb_command wdb_insert_agent, wdb_update_agent_name, wdb_update_agent_data, wdb_update_keepalive,
    wdb_update_connection_status, wdb_update_status_code, wdb_delete_agent, wdb_set_labels, wdb_get_labels,
    wdb_select_agent_name, wdb_select_agent_group, wdb_find_agent, wdb_get_agent_info, wdb_get_all_agents,
    wdb_get_agents_by_connection_status, wdb_disconnect_agents, wdb_reset_agents_connection; /* _agents.c */
wdb_command wdb_insert_agent_group, wdb_delete_group, wdb_find_group, wdb_select_groups,
    wdb_select_group_belong, wdb_get_group_agents, wdb_set_agent_groups, wdb_get_groups_integrity,
    wdb_get_distinct_groups, wdb_recalculate; /* _groups.c */
wdb_command wdb_sync_agent_info_get, wdb_sync_agent_info_set, wdb_sync_agent_groups_get,
    wdb_sql; /* _sync.c */

#endif
