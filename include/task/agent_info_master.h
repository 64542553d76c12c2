/* task/agent_info_master.h - agent information, the master's side, one per worker: permission, the string,
 * its application by the store, and the verdict (syn_m_a_e or syn_m_a_err; reference, sections 4.2 and 6). */
#ifndef PICKET_TASK_AGENT_INFO_MASTER_H
#define PICKET_TASK_AGENT_INFO_MASTER_H

#include "task/agents_env.h"
#include "wire/xfer.h"

struct agent_info_master {
    struct agents_env *env;
    struct session *session; /* NULL after the link went */
    void (*kick)(void *arg);
    void *arg;
    const char *tag; /* "Worker w1", the owner's */
    bool busy;       /* a string is being applied: permission is refused meanwhile */
    struct store_job job;
    struct blob blob;
    uint64_t started_ns; /* monotonic */
    /* for get_health */
    int64_t start_ns, end_ns; /* wall time of the last one; 0: never */
    uint32_t synced_chunks;
    uint64_t rows;
    uint64_t failures;
};

void agent_info_master_init(struct agent_info_master *m, struct agents_env *env, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg);
/* Called before session_fini. A string that is being applied is complete and verified: it is finished without
 * anybody to tell; until then the slot must stay (agent_info_master_is_busy), or agent_info_master_fini is
 * called, which ends it. */
void agent_info_master_fini(struct agent_info_master *m);
/* Serves syn_a_w_m_p and syn_a_w_m; answers them. */
void agent_info_master_request(struct agent_info_master *m, const struct message *message);

#endif
