/* role/local.h - the local socket queue/cluster/c-internal.sock: what programs of this machine ask the node
 * (reference, section 4.4). Same frames, no Fernet, no hello. */
#ifndef PICKET_ROLE_LOCAL_H
#define PICKET_ROLE_LOCAL_H

#include "role/master.h"
#include "role/worker.h"

#define LOCAL_SOCKET "queue/cluster/c-internal.sock"

struct local_server;

struct local_client {
    struct local_client *next;
    struct local_server *server;
    struct link link;
    uint32_t id;       /* for the log: "Local 4711" */
    uint64_t heard_ms; /* monotonic: last request */
    bool waiting;      /* a question was passed to the master and its answer is due */
};

struct local_server {
    struct role_env *env;
    struct master *master; /* exactly one of these */
    struct worker *worker;
    struct loop_io io;
    int fd;
    struct pool *pool; /* struct local_client */
    struct local_client *clients;
    struct loop_timer timer;        /* closes the silent ones */
    struct loop_timer accept_timer; /* ends a pause in which nobody is accepted */
};

/* path: of the root, without final slash; the socket is made there, mode 0660. */
enum err local_open(struct local_server *l, struct role_env *env, struct master *master,
                    struct worker *worker, struct pool *pool, const char *root_path, struct error *e);
void local_close(struct local_server *l);

#endif
