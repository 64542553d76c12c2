/* task/agent_info_worker.h - agent information, the worker's side (reference, sections 4.2 and 6): every
 * sync_agent_info the rows that the master does not know are sent to it.
 *
 *   IDLE -timer-> ASK (syn_a_w_m_p) -True-> READ (the store) -rows-> SEND (new_str, str_upd) -> NAME
 * (syn_a_w_m) NAME -> CONFIRM (waits for syn_m_a_e, and marks the rows) -> IDLE
 *
 * Rows count as told only when the master has confirmed (reference, pitfall 24): after a lost link, an error
 * or no answer in time they are sent again. With a store that marks on reading (a real wazuh-db) the string
 * itself is kept and goes out again before anything new is read. */
#ifndef PICKET_TASK_AGENT_INFO_WORKER_H
#define PICKET_TASK_AGENT_INFO_WORKER_H

#include "task/agents_env.h"
#include "wire/string_tx.h"

enum agent_info_state {
    AI_OFF,
    AI_IDLE,
    AI_ASK,
    AI_READ,
    AI_SEND,
    AI_NAME,
    AI_WAIT, /* for the verdict */
    AI_CONFIRM
};

struct agent_info_worker {
    struct agents_env *env;
    struct session *session; /* NULL: no link */
    void (*kick)(void *arg);
    void *arg;
    enum agent_info_state state;
    struct loop_timer timer;
    struct store_job job;
    struct string_tx tx;
    struct blob blob; /* the string under way, or kept */
    bool kept;        /* blob was sent at least once, or read, and not confirmed: it goes first */
    uint32_t parts;   /* of it */
    uint64_t rows;
    /* for the status */
    uint64_t rounds, sent_rows, failures;
    uint64_t sync_ms;    /* monotonic: last confirmation; 0: never */
    uint64_t started_ns; /* monotonic */
    bool was_down;       /* that the store is down was said */
};

void agent_info_worker_init(struct agent_info_worker *w, struct agents_env *env);
/* The first round is at once, as Wazuh's. */
void agent_info_worker_link_up(struct agent_info_worker *w, struct session *session, void (*kick)(void *arg),
                               void *arg);
/* Called before session_fini of that link. What was not confirmed is kept (or stays unmarked). */
void agent_info_worker_link_down(struct agent_info_worker *w);
void agent_info_worker_fini(struct agent_info_worker *w);
/* Serves syn_m_a_e and syn_m_a_err; answers them. */
void agent_info_worker_request(struct agent_info_worker *w, const struct message *m);

#endif
