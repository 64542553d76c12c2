/* task/agent_groups_master.h - agent groups, the master's side (reference, sections 4.2, 6 and 14).
 *
 * Every sync_agent_groups, the first time agent_group_start_delay after the start, the rows that changed and
 * the global hash are read once and sent to every worker that is there (syn_g_m_w). While nobody is there
 * nothing is read, so changes wait. A worker that is still busy with the round before gets this one when it
 * is done, or, when rows were in a round it missed, the full list; nobody waits for it. */
#ifndef PICKET_TASK_AGENT_GROUPS_MASTER_H
#define PICKET_TASK_AGENT_GROUPS_MASTER_H

#include "task/agents_env.h"
#include "wire/string_tx.h"

#define GROUPS_ROUNDS 3u /* strings of rounds (and the full list) that may be on their way at once */

/* A string that several workers are being sent. */
struct agent_groups_string {
    struct blob blob;
    uint32_t readers; /* workers that are being sent it, and the round that owns it */
    uint64_t rows;
    bool full;
    uint64_t number; /* of the round */
};

struct agent_groups_peer;

struct agent_groups_master {
    struct agents_env *env;
    struct agent_groups_peer *peers;
    struct loop_timer timer;
    struct store_job job;
    uint8_t phase;  /* enum in agent_groups_master.c */
    uint64_t round; /* number of the last one */
    struct agent_groups_string strings[GROUPS_ROUNDS];
    bool told_nobody; /* that no worker is there was said */
    bool was_down;
    char hash[41]; /* of the last round; "" none */
    uint64_t failures;
};

/* One worker. */
struct agent_groups_peer {
    struct agent_groups_peer *next;
    struct agent_groups_master *master;
    struct session *session;
    void (*kick)(void *arg);
    void *arg;
    const char *tag; /* "Worker w1", the owner's */
    struct string_tx tx;
    struct agent_groups_string *string; /* being sent */
    struct loop_timer timer;            /* asks again for a sender */
    bool full_wanted;                   /* the worker asked, or missed rows */
    bool sending_full;
    uint64_t owed_round; /* a round that it has not been sent yet; 0: none */
    /* for get_health: wall times of the last; 0: never */
    int64_t start_ns, end_ns, full_start_ns, full_end_ns;
    uint32_t chunks, full_chunks;
    uint64_t failures;
};

void agent_groups_master_init(struct agent_groups_master *m, struct agents_env *env);
/* The first round is agent_group_start_delay from now. */
void agent_groups_master_start(struct agent_groups_master *m);
void agent_groups_master_fini(struct agent_groups_master *m);

void agent_groups_peer_init(struct agent_groups_peer *p, struct agent_groups_master *m, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg);
void agent_groups_peer_fini(struct agent_groups_peer *p); /* before session_fini */
/* Serves syn_w_g_c, syn_w_g_e, syn_w_g_err, syn_wgc_e, syn_wgc_err; answers them. */
void agent_groups_peer_request(struct agent_groups_peer *p, const struct message *m);

#endif
