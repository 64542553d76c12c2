/* task/agent_groups_worker.h - agent groups, the worker's side (reference, sections 4.2, 6 and 14): applies
 * what the master sends, compares the global hash, and asks for the full list after
 * agent_groups_mismatch_limit mismatches in a row.
 *
 * A full list that does not help (the users' document, item 23) makes the next one wait twice as long, up to
 * an hour, and the reason is in the status; one round in which the hashes agree forgets the pause. */
#ifndef PICKET_TASK_AGENT_GROUPS_WORKER_H
#define PICKET_TASK_AGENT_GROUPS_WORKER_H

#include "task/agents_env.h"
#include "wire/xfer.h"

struct agent_groups_worker {
    struct agents_env *env;
    struct session *session; /* NULL: no link */
    void (*kick)(void *arg);
    void *arg;
    uint8_t phase; /* enum in agent_groups_worker.c: nothing, applying, hashing, recalculating ... */
    bool full;     /* what is being applied is the full list */
    struct store_job job;
    struct blob blob;
    struct blob next; /* a string that came meanwhile: one may wait, a newer one takes its place */
    bool next_full, next_waits;
    uint32_t mismatches; /* in a row */
    uint64_t started_ns; /* monotonic */
    /* the growing pause */
    uint32_t full_helped_not; /* full lists in a row that did not help */
    uint64_t full_again_ms;   /* monotonic: not before */
    bool full_asked;
    /* for the status */
    char master_hash[41], hash[41]; /* "" unknown; "-" null */
    bool compared, equal;
    uint64_t compare_ms, sync_ms; /* monotonic; 0: never */
    uint64_t rows, failures;
    char why[160]; /* hashes differ: what is being done about it; else "" */
};

void agent_groups_worker_init(struct agent_groups_worker *w, struct agents_env *env);
void agent_groups_worker_link_up(struct agent_groups_worker *w, struct session *session,
                                 void (*kick)(void *arg), void *arg);
/* Before session_fini. What is being applied is complete and verified: it is finished. */
void agent_groups_worker_link_down(struct agent_groups_worker *w);
void agent_groups_worker_fini(struct agent_groups_worker *w);
/* Serves syn_g_m_w and syn_g_m_w_c, whose payload is the id of a string received before; answers them. */
void agent_groups_worker_request(struct agent_groups_worker *w, const struct message *m);

#endif
