/* task/agent_groups_worker.h - agent groups, the worker's side (reference, sections 4.2, 6 and 14): applies
 * what the master sends, compares the global hash, and asks for the full list after
 * agent_groups_mismatch_limit mismatches in a row.
 *
 *   syn_g_m_w   -> GROUPS_WRITE -> syn_w_g_e -> GROUPS_HASH -> equal, or one mismatch more
 *   syn_g_m_w_c -> GROUPS_WRITE -> syn_wgc_e -> GROUPS_RECALCULATE (4.8 and later)
 * A write that fails as a whole is told by syn_w_g_err or syn_wgc_err, and nothing is compared after it. The
 * string of a round always names a hash, null when no agent has a group; a full list names none, so the round
 * after it tells whether it helped.
 *
 * Strings are applied in the order they came. One may wait while one is applied; what comes then is refused
 * with an error reply (3037), the periodic like the full: rows that were told once are told again only with a
 * full list, so a string must not take the place of another, and a master that is refused knows.
 *
 * A full list that does not help (the users' document, item 23) - or does not come - is followed by a pause
 * of twice sync_agent_groups, the next by twice as much, up to an hour; the reason is in the status. One
 * round in which the hashes agree forgets the pause. A hash that the own store cannot give is no mismatch. */
#ifndef PICKET_TASK_AGENT_GROUPS_WORKER_H
#define PICKET_TASK_AGENT_GROUPS_WORKER_H

#include "task/agents_env.h"
#include "wire/xfer.h"

#define AGENT_GROUPS_PAUSE_MOST_MS 3600000u

/* A string of the master's, whole. */
struct agent_groups_in {
    struct blob blob;
    struct log *log; /* for its lines; NULL: the one before was told of a moment ago */
    bool full;
    bool told; /* its result goes to the master: the link it came on still stands */
    uint8_t small[BODY_SMALL_BYTES];
};

struct agent_groups_worker {
    struct agents_env *env;
    struct session *session; /* NULL: no link */
    void (*kick)(void *arg);
    void *arg;
    uint8_t phase; /* enum in agent_groups_worker.c: nothing, writing, hashing, recalculating */
    struct store_job job;
    struct loop_timer timer;     /* a full list waits a moment */
    struct agent_groups_in now;  /* being applied */
    struct agent_groups_in next; /* came meanwhile, when next_waits */
    bool next_waits;
    struct log_brake brake[2]; /* of rounds, of full lists */
    uint32_t mismatches;       /* in a row, on this link, since the last full list was asked for */
    uint64_t started_ns;       /* monotonic */
    uint32_t chunks;           /* that went in, of the string being applied */
    bool wrote_rows;           /* it had agents */
    bool was_down;             /* that the store fails was said */
    /* the growing pause */
    uint32_t full_helped_not; /* full lists in a row that did not help */
    uint64_t full_again_ms;   /* monotonic: not before */
    bool full_asked;          /* and neither equal hashes nor a pause came of it yet */
    bool full_came;           /* the last one that was asked for was applied */
    int64_t full_ns;          /* wall time when it was asked for, or came */
    /* for the status */
    char master_hash[41], hash[41]; /* "" unknown; "-" null */
    bool compared, equal;
    uint64_t compare_ms, sync_ms; /* monotonic: last comparison, last string applied; 0: never */
    uint64_t rows;                /* agents written */
    uint64_t failures;            /* strings that were refused, could not be applied, or not whole */
    char why[160];                /* hashes differ: what is being done about it; else "" */
};

void agent_groups_worker_init(struct agent_groups_worker *w, struct agents_env *env);
void agent_groups_worker_link_up(struct agent_groups_worker *w, struct session *session,
                                 void (*kick)(void *arg), void *arg);
/* Before session_fini. What is being applied, or waits for it, is complete and verified: it is finished, and
 * nobody is told. */
void agent_groups_worker_link_down(struct agent_groups_worker *w);
void agent_groups_worker_fini(struct agent_groups_worker *w);
/* Serves syn_g_m_w and syn_g_m_w_c, whose payload is the id of a string received before; answers them. */
void agent_groups_worker_request(struct agent_groups_worker *w, const struct message *m);

#endif
