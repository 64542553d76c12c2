/* task/agent_info_master.h - agent information, the master's side, one per worker: permission, the string,
 * its application by the store, and the verdict (syn_m_a_e or syn_m_a_err; reference, sections 4.2 and 6).
 *
 * Permission takes nothing: a worker that got it and never sends may ask again. What is bound is the string:
 * from syn_a_w_m until it is applied and the worker has heard the verdict, the next one is refused. */
#ifndef PICKET_TASK_AGENT_INFO_MASTER_H
#define PICKET_TASK_AGENT_INFO_MASTER_H

#include "task/agents_env.h"
#include "wire/xfer.h"

struct agent_info_master {
    struct agents_env *env;
    struct session *session;
    void (*kick)(void *arg);
    void *arg;
    const char *tag; /* "Worker w1", the owner's */
    bool busy;       /* a string is being applied, or its verdict told: permission is refused meanwhile */
    bool applying;   /* the store has the job and the blob */
    bool telling;    /* the verdict is to be sent, or its reply awaited */
    bool late;       /* the verdict was that the store takes too long */
    bool good;       /* it was a result */
    bool steady;     /* the last string went well: the next one that does is no news */
    struct log *log; /* of the present string; NULL: the one before was told of a moment ago */
    struct log_brake brake;
    struct store_job job;
    struct blob blob;
    struct loop_timer timer;         /* the time for applying; then, to try to tell again */
    uint8_t small[BODY_SMALL_BYTES]; /* of blob */
    uint64_t started_ns;             /* monotonic */
    int64_t begun_ns;                /* wall time */
    double seconds;                  /* the store took */
    /* for get_health: of the last string whose result was told */
    int64_t start_ns, end_ns; /* wall time; 0: never */
    uint32_t synced_chunks;
    uint64_t rows;     /* of all strings */
    uint64_t failures; /* strings that could not be applied, or only in part */
};

/* Everything must outlive it, session until agent_info_master_fini. kick(arg): something was asked of the
 * session from outside its own callbacks. */
void agent_info_master_init(struct agent_info_master *m, struct agents_env *env, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg);
/* Before or after session_fini. A string that waits for the store is dropped; what the store has applied of
 * one stands. The worker heard no verdict, so it sends its rows again. */
void agent_info_master_fini(struct agent_info_master *m);
/* Serves syn_a_w_m_p and syn_a_w_m; answers them. */
void agent_info_master_request(struct agent_info_master *m, const struct message *message);

#endif
