/* role/agent_store.h - keeps the node's agent database going: chooses it (picket.conf's `store`), opens it,
 * again when that failed, works its jobs off, lets it follow etc/client.keys and the folders of etc/shared,
 * serves wazuh-db's two sockets from it, and counts agents for the status.
 *
 * A store that cannot be opened, or does not answer, stops nothing else: files are synchronised as before,
 * the log and the status say what is wrong, and it is tried again. */
#ifndef PICKET_ROLE_AGENT_STORE_H
#define PICKET_ROLE_AGENT_STORE_H

#include "role/agents_local.h"
#include "role/wdb_client.h"
#include "role/wdb_server.h"
#include "store/client_keys.h"
#include "store/group_folders.h"

#define AGENT_NODES_MAX (WORKERS_MAX + 8u) /* node names that agents are counted by */

/* Agents by connection_status. */
struct agent_count {
    uint32_t active, disconnected, pending, never_connected;
};

struct agent_store {
    struct role_env *env;
    int root;
    const char *root_path;
    uint32_t uid, gid;
    struct pool *peer_pool; /* struct wdb_peer */
    /* before the embedded store is open: a store whose jobs all fail */
    struct store closed;
    struct store_job *closed_jobs;
    struct loop_work closed_work;
    bool is_embedded, embedded_is_open, server_is_open, client_is_open;
    struct embedded embedded;
    struct wdb_client client;
    struct wdb_server server;
    struct client_keys keys;
    struct agents_service service; /* what the local socket asks */
    struct store_texts texts;
    struct loop_work work, keys_work;
    struct loop_timer timer;
    struct log_brake brake;
    bool server_told;                     /* that the sockets cannot be served was said */
    uint64_t retry_ms;                    /* monotonic: when the opening is tried again */
    uint64_t shared_mtime_ns, shared_ino; /* of etc/shared when its folders were looked at last */
    /* figures */
    struct store_job figures_job;
    char figures_text[512];
    bool figures_known, figures_wanted, figures_asked;
    uint64_t figures_ms, figures_changes;
    struct agent_count all;
    uint32_t node_count;
    struct agent_node {
        char name[NODE_NAME_BYTES];
        struct agent_count count;
    } node[AGENT_NODES_MAX];
};

/* Chooses and opens. env->agents_env gets its store; env's loop, log, spool, config and dialect must be
 * there. uid, gid: owner of what is made. root_path as local_open's. peer_pool: struct wdb_peer. */
void agent_store_open(struct agent_store *a, struct role_env *env, int root, const char *root_path,
                      uint32_t uid, uint32_t gid, struct pool *peer_pool);
/* Nobody has a job in it any more. */
void agent_store_close(struct agent_store *a);

/* Somebody looks at the figures: they are counted anew when they are older than a second. */
void agent_store_want_figures(struct agent_store *a);
/* Of one node; all zero when none of its agents is known. */
struct agent_count agent_store_of_node(const struct agent_store *a, const char *node);

#endif
