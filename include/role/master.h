/* role/master.h - the master: listens, admits workers, and keeps the truth they are compared with. */
#ifndef PICKET_ROLE_MASTER_H
#define PICKET_ROLE_MASTER_H

#include "role/peer.h"
#include "role/send_file.h"
#include "role/stranger.h"

struct master {
    struct role_env *env;
    struct loop_io io; /* the listening socket */
    int fd;
    struct strangers strangers;
    struct agent_groups_master agent_groups;
    struct file_inbox inbox;
    struct pool *peer_pool; /* struct peer */
    struct peer *peers;
    uint32_t peer_count;
    struct loop_timer keepalive_timer;
    /* a hello whose name is taken, while the old link is asked whether it lives; one at a time */
    struct stranger *held;
    struct hello held_hello;
    struct peer *probed;
    uint64_t probe_ms; /* monotonic: when it was asked */
    struct loop_timer probe_timer;
    struct log_brake connection_brake, accept_brake;
    struct loop_timer accept_timer; /* ends a pause in which nobody is accepted */
};

/* Listens and begins to scan. E_SYS with address and port in words. */
enum err master_open(struct master *m, struct role_env *env, struct pool *stranger_pool,
                     struct pool *peer_pool, struct error *e);
void master_close(struct master *m);

/* For peer.c: the link of p ended, its slot goes back. */
void master_peer_ended(struct master *m, struct peer *p, const struct error *why);

#endif
