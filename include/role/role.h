/* role/role.h - what a role has to work with: one struct per node, filled in by app/node.c. */
#ifndef PICKET_ROLE_ROLE_H
#define PICKET_ROLE_ROLE_H

#include "fs/spool.h"
#include "role/cluster_config.h"
#include "task/agents_env.h"
#include "task/integrity_worker.h"

struct agent_store;

#define ANSWER_BYTES                                                                                         \
    (WORKERS_MAX * 1400u + UNSYNCED_MAX * 320u + (16u << 10)) /* longest JSON answer, bytes */

struct agents_service;
struct requests;

struct role_env {
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    int root; /* folder descriptor */
    const struct cluster_config *config;
    const struct dialect *dialect;
    struct session_shared shared;
    struct integrity_env integrity;
    struct agents_env agents_env;    /* for the tasks of agent information and groups */
    struct agent_store *agent_store; /* where they are kept; NULL in tests of single parts */
    struct scanner scanner;
    struct unsynced unsynced;
    struct spool spool;
    struct agents_service *agents;   /* role/agents_local.h; NULL: this node keeps none */
    const struct requests *requests; /* role/requests.h; NULL: this node serves no dapi */
    struct pool *pools;              /* all of the node's, for the status */
    uint32_t pool_count;
    struct log_brake handler_brake; /* of lines about handlers that fail (api/handler.h) */
    uint64_t fixed_bytes;           /* memory that the node has, bytes */
    const char *picket_version;
    uint64_t started_ms;       /* monotonic */
    uint64_t cycle_ms;         /* how long a file may stay unmarked before it counts as mended */
    char answer[ANSWER_BYTES]; /* JSON under construction, within one call */
};

/* "Not built into this node": the plain answer to commands whose work comes with other parts of picket. */
void role_not_served(struct session *s, uint32_t counter, const char *what);

#endif
