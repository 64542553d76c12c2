/* task/agent_groups_master.h - agent groups, the master's side (reference, sections 4.2, 6 and 14).
 *
 * Every sync_agent_groups, the first time agent_group_start_delay after the start, the rows that changed and
 * the global hash are read once and sent to every worker that is there (syn_g_m_w). While nobody is there
 * nothing is read, so changes wait. A worker that is still busy with the round before gets this one when it
 * is done, or, when rows were in a round it missed, the full list; nobody waits for it.
 *
 * The full list (syn_g_m_w_c) is read once for all who want it until the next round: those who asked
 * (syn_w_g_c), and those who missed rows; each gets one per sync_agent_groups at the most. A worker that
 * joins is sent nothing special: the hash of the next round tells it whether it lacks something. */
#ifndef PICKET_TASK_AGENT_GROUPS_MASTER_H
#define PICKET_TASK_AGENT_GROUPS_MASTER_H

#include "task/agent_groups_peer.h"

#define GROUPS_ROUNDS 3u /* strings of rounds (and the full list) that may be on their way at once */

struct agent_groups_master {
    struct agents_env *env;
    struct agent_groups_peer *peers;
    struct loop_timer timer;
    struct store_job job;
    uint8_t phase;  /* enum in agent_groups_master.c */
    bool round_due; /* while the store has a job */
    uint64_t round; /* number of the last one */
    struct agent_groups_string strings[GROUPS_ROUNDS];
    struct agent_groups_string *reading, *now, *all; /* being filled; the last round's; the full list */
    uint64_t started_ns;                             /* monotonic, of the round */
    bool told_nobody;                                /* that no worker is there was said */
    bool was_down;                                   /* that the store fails was said */
    char hash[41];                                   /* of the last round; "" none */
    uint64_t failures;                               /* of the store */
    uint64_t skipped;                                /* rounds that found no free string */
};

void agent_groups_master_init(struct agent_groups_master *m, struct agents_env *env);
/* The first round is agent_group_start_delay from now. */
void agent_groups_master_start(struct agent_groups_master *m);
void agent_groups_master_fini(struct agent_groups_master *m); /* after all its peers */

/* ---- for agent_groups_peer.c ---- */
/* Begins what is due, when the store has no job of this task. */
void agent_groups_master_next(struct agent_groups_master *m);
void agent_groups_release(struct agent_groups_string *s); /* one reader less; NULL: nothing */

#endif
