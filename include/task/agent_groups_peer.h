/* task/agent_groups_peer.h - agent groups, the master's side, one worker's part of it: see
 * task/agent_groups_master.h. */
#ifndef PICKET_TASK_AGENT_GROUPS_PEER_H
#define PICKET_TASK_AGENT_GROUPS_PEER_H

#include "task/agents_env.h"
#include "wire/string_tx.h"

struct agent_groups_master;

/* A string that several workers are being sent. */
struct agent_groups_string {
    struct blob blob;
    uint8_t small[BODY_SMALL_BYTES]; /* of blob: a round without changes takes no window */
    uint32_t readers; /* workers that are being sent it, and the master while it is the last; 0: free */
    uint64_t rows;
    bool full;
    uint64_t number; /* of the round */
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
    struct loop_timer timer;            /* asks again for a sender, or for room in the session */
    uint8_t phase;                      /* enum in agent_groups_peer.c */
    bool full_wanted;                   /* the worker asked, or missed rows */
    bool sending_full;
    bool steady;            /* the last round went well: the next one without rows is no news */
    bool complained;        /* that it cannot apply what it is sent was said */
    uint8_t due[2];         /* verdicts on strings that were named: of a round's, of a full list */
    char id[XFER_ID_BYTES]; /* what the worker calls the string */
    uint64_t owed_round;    /* a round that it has not been sent yet; 0: none */
    uint64_t rows;          /* of what is being sent, or was last */
    uint64_t since_ms;      /* monotonic: it is being sent since */
    uint64_t full_again_ms; /* monotonic: no full list before */
    uint64_t started_ns, full_started_ns; /* monotonic, of the last */
    /* for get_health: wall times of the last, from its sending to the worker's result; 0: never */
    int64_t start_ns, end_ns, full_start_ns, full_end_ns;
    uint32_t chunks, full_chunks; /* that the worker says it applied */
    uint64_t failures;
};

/* kick(arg): something was asked of the session from outside its own callbacks. */
void agent_groups_peer_init(struct agent_groups_peer *p, struct agent_groups_master *m, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg);
void agent_groups_peer_fini(struct agent_groups_peer *p); /* before or after session_fini */
/* Serves syn_w_g_c, syn_w_g_e, syn_w_g_err, syn_wgc_e, syn_wgc_err; answers them. */
void agent_groups_peer_request(struct agent_groups_peer *p, const struct message *m);

/* ---- for agent_groups_master.c ---- */
/* Sends an idle worker what it lacks most, if that is there. */
void agent_groups_peer_pump(struct agent_groups_peer *p);
/* It wants the full list, has nothing on its way, and its time for the next one has come. */
bool agent_groups_peer_may_have_full(const struct agent_groups_peer *p);
/* It wanted the full list, and there is nobody in it. */
void agent_groups_peer_full_is_empty(struct agent_groups_peer *p);
/* Ends a sending that takes too long: a worker that takes its bytes drop by drop must not hold a string, and
 * a sender, for ever. */
void agent_groups_peer_cut(struct agent_groups_peer *p);

#endif
