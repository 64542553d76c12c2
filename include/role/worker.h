/* role/worker.h - the worker: finds its master, joins it, and goes on for ever.
 *
 *   WAITING -> RESOLVING -> CONNECTING -> HELLO -> JOINED, and from anywhere back to WAITING
 *
 * The name is looked up again at each attempt. Pauses grow from one second to connection_retry, with jitter,
 * so that a fleet does not come back in lockstep. */
#ifndef PICKET_ROLE_WORKER_H
#define PICKET_ROLE_WORKER_H

#include "role/link.h"
#include "role/role.h"
#include "role/send_file.h"
#include "task/agent_groups_worker.h"
#include "task/agent_info_worker.h"

enum worker_state { WORKER_WAITING, WORKER_RESOLVING, WORKER_CONNECTING, WORKER_HELLO, WORKER_JOINED };

#define WORKER_ADDRESSES 8u /* addresses of a name that are tried, one per attempt in turn */

struct worker {
    struct role_env *env;
    struct integrity_worker *integrity;
    struct agent_info_worker agent_info;
    struct agent_groups_worker agent_groups;
    struct file_inbox inbox;
    enum worker_state state;
    struct loop_timer timer; /* the next attempt, or the deadline of the present one */
    struct loop_timer keepalive;
    struct loop_io io; /* the look-up or the connection under way */
    int fd, child;     /* of it */
    struct sys_addr addr[WORKER_ADDRESSES];
    uint32_t addr_count, addr_turn;
    size_t addr_bytes; /* of a record that is not whole yet */
    uint32_t pause_ms;
    uint32_t keepalives_failed;
    bool refused;               /* the master said no to the hello */
    bool link_up;               /* link is in use */
    char why[ERROR_WHAT_BYTES]; /* the present reason for not being joined */
    uint64_t joined_ms;         /* monotonic */
    uint64_t keepalive_ms;      /* last one that was answered; 0: none */
    struct link link;
};

/* integrity is the node's; it must be initialised. The first attempt is made at once. */
void worker_open(struct worker *w, struct role_env *env, struct integrity_worker *integrity);
void worker_close(struct worker *w);

/* The session with the master, NULL when not joined. */
struct session *worker_session(struct worker *w);

#endif
