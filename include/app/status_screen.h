/* app/status_screen.h - the answers of a node, and the 80x24 screen made of them. No input or output. */
#ifndef PICKET_APP_STATUS_SCREEN_H
#define PICKET_APP_STATUS_SCREEN_H

#include "base/json_read.h"
#include "base/text.h"
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_COLUMNS 80
#define SCREEN_LINES 22 /* of a terminal's 24: room for the prompt */
#define SCREEN_BYTES (SCREEN_LINES * (SCREEN_COLUMNS + 1) + 1)

#define VIEW_NODES (WORKERS_MAX + 1u)
#define VIEW_FILES 8 /* unsynchronised files kept */
#define VIEW_POOLS 3 /* the fullest pools */

#define VIEW_UNKNOWN UINT64_MAX /* a number that no answer had */

enum view_state { VIEW_STATE_UNKNOWN, VIEW_CONNECTED, VIEW_CONNECTING, VIEW_REFUSED, VIEW_SERVING };

/* What the answers said; every member may be missing ("" or VIEW_UNKNOWN). */
struct status_view {
    bool native; /* get_status was answered: this is picket */
    char node[NODE_NAME_BYTES], cluster[NODE_NAME_BYTES], type[12], version[24], picket[24];
    char master[96], why[160];
    enum view_state state;
    bool in_sync, has_in_sync;
    uint64_t up_s, link_s, last_keepalive_s, last_check_s, last_change_s;
    uint64_t files, behind, scan_files, scan_unreadable, scan_too_many, scan_took_ms;
    char tree[17]; /* its beginning */
    /* agents, of the whole cluster as far as this node knows it */
    char store[12], store_why[160];
    struct view_agents {
        uint64_t active, disconnected, pending, never_connected;
    } agents;
    char groups[9], groups_why[160]; /* the checksum's beginning */
    bool has_groups_as_master, groups_as_master;
    uint64_t last_info_s;
    uint64_t memory_used, memory_size;
    uint32_t node_count, nodes_more; /* kept; told about and not kept */
    struct view_node {
        char name[NODE_NAME_BYTES], type[12], version[24], ip[64], state[24], last_check[32];
        uint64_t missing, shared, extra, keepalive_s;
        struct view_agents agents;
        char seen[32];    /* date of the last keepalive, as get_health has it */
        bool bad;         /* a state that is not "in sync" */
        bool has_checked; /* get_health tells of a check that is over ... */
        bool in_sync;     /* ... after which nothing had to be sent */
    } nodes[VIEW_NODES];
    char nodes_why[96]; /* why the list of nodes is not there */
    uint32_t file_count, files_more;
    struct {
        char path[96], why[96];
    } unsynced[VIEW_FILES];
    uint32_t pool_count;
    struct {
        char words[48];
        uint64_t used, high, count, refused;
    } pools[VIEW_POOLS];
};

void status_view_init(struct status_view *v);

/* Each takes one parsed answer and adds what it says; unknown members are passed over. get_status first: it
 * knows best. */
void status_view_status(struct status_view *v, const struct json_doc *d);
void status_view_config(struct status_view *v, const struct json_doc *d);
void status_view_nodes(struct status_view *v, const struct json_doc *d);
void status_view_health(struct status_view *v, const struct json_doc *d);

/* Connected or serving, and nothing known to be out of sync. */
bool status_view_is_well(const struct status_view *v);

/* Why not, for a line ("is not connected to its master"); NULL: it is well. */
const char *status_view_ailment(const struct status_view *v);
bool status_view_is_master(const struct status_view *v);

/* At most SCREEN_LINES lines of at most SCREEN_COLUMNS ASCII characters; the first is the verdict. */
void status_screen(struct text *out, const struct status_view *v);

#endif
