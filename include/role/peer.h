/* role/peer.h - one worker as its master sees it: the link, who it is, and the tasks it has. */
#ifndef PICKET_ROLE_PEER_H
#define PICKET_ROLE_PEER_H

#include "role/link.h"
#include "role/role.h"
#include "task/agent_groups_master.h"
#include "task/agent_info_master.h"
#include "wire/greeter.h"

struct master;

struct peer {
    struct peer *next; /* in the order of their connection */
    struct master *master;
    struct link link;
    struct integrity_master integrity;
    struct agent_info_master agent_info;
    struct agent_groups_peer agent_groups;
    char name[NODE_NAME_BYTES];
    char version[VERSION_BYTES];
    char tag[TAG_BYTES];
    uint64_t heard_ms;         /* monotonic: last verified message of any kind */
    int64_t last_keepalive_ns; /* wall: last echo-c, at first the time of the hello; for get_health */
};

/* Makes a link of an accepted connection. false: nothing was kept, fd is closed. */
bool peer_admit(struct peer *p, struct master *master, const struct hello *h, int fd,
                const struct sys_addr *addr);

#endif
