/* app/node.h - a whole node as one struct: every byte it will ever use, and the order in which its parts
 * begin and end.
 *
 * The program has one, in zeroed storage; a test makes as many as it likes. */
#ifndef PICKET_APP_NODE_H
#define PICKET_APP_NODE_H

#include "api/dapi.h"
#include "role/agent_store.h"
#include "role/local.h"

struct body_window {
    uint8_t bytes[BODY_WINDOW_BYTES];
};

enum pool_id {
#define POOL(id, type, count, words) POOL_##id,
#include "pools.def"
#undef POOL
    POOL_COUNT
};

/* Storage of the pools; never touched but through struct pool. */
struct pool_storage {
#define POOL(id, type, count, words)                                                                         \
    _Alignas(16) unsigned char id[(size_t)(count)*POOL_SLOT(sizeof(type))];                                  \
    uint32_t id##_next[count];
#include "pools.def"
#undef POOL
};

struct node {
    struct loop loop;
    struct role_env env;
    struct fernet_key key;
    struct stage stage;
    struct integrity_worker integrity_worker;
    struct master master;
    struct worker worker;
    struct local_server local;
    struct agent_store agent_store;
    struct api api;
    bool master_is_open, worker_is_open, local_is_open, agents_are_open, api_is_open;
    struct pool pools[POOL_COUNT];
    struct manifest manifest;
    _Alignas(16) uint8_t scratch[SESSION_SCRATCH_BYTES];
    uint8_t rx[SESSION_SCRATCH_BYTES];
    char tag[TAG_BYTES];
    struct pool_storage storage;
};

struct node_setup {
    struct sys *sys;
    struct log *log;
    const struct cluster_config *config; /* stays with the caller and must outlive the node */
    int root;                            /* folder descriptor of the root, not owned */
    const char *root_path;               /* its path, without final slash, for the local socket */
    const char *root_name;               /* the same from / on, as people are told it */
    uint32_t uid, gid;                   /* owner of what is written; 0xffffffff: whoever we are */
    const char *picket_version;
};

/* n: zeroed memory, or a node that was closed. Finishes or discards what a power cut left, then begins to
 * listen or to connect. On an error everything is closed again. */
enum err node_open(struct node *n, const struct node_setup *setup, struct error *e);

/* Ends every link and gives everything back; afterwards all pools are empty. Safe after a failed node_open.
 */
void node_close(struct node *n);

/* node_open's tables, so that `picket memory` and the status say the same: fixed bytes of a node. */
uint64_t node_bytes(void);

#endif
