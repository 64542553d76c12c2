/* task/agent_info_worker.h - agent information, the worker's side (reference, sections 4.2 and 6): every
 * sync_agent_info the rows that the master does not know are sent to it.
 *
 *   IDLE -timer-> ASK (syn_a_w_m_p) -True-> READ (the store) -rows-> SEND (new_str, str_upd) -> NAME
 *   NAME (syn_a_w_m) -> WAIT (for syn_m_a_e) -> CONFIRM (marks the rows) -> IDLE
 *
 * Rows count as told only when the master has confirmed (reference, pitfall 24): after a lost link, an error
 * or no verdict they are sent again (RELEASE), or, when the store marks on reading (a real wazuh-db), the
 * string itself is kept and goes out again, on this link or the next, before anything new is read.
 *
 * What is a confirmation: a result without error_messages that counts as many chunks as were sent; of an
 * object (4.13 and later) more than none, as it goes in whole or not at all. Both are looked at because a
 * real node names only errors of single chunks: with its wazuh-db down it says "0 chunks, no errors".
 *
 * While the verdict is awaited permission is asked for every period, as a real worker does: a master that is
 * still at it says False; one that says True has no verdict left to give, which is a failure. So no time is
 * set for what a loaded master may take.
 *
 * Not for ever: a string that is refused (error_messages, a part went in, or it is no JSON for the master)
 * AGENT_INFO_REFUSALS_MOST times in a row counts as confirmed with one ERROR line, because the same rows
 * would be refused again. Everything else that fails on a standing link (the master's store does not answer,
 * the string is not let in) says nothing about the rows: it is tried again with pauses that double up to
 * AGENT_INFO_PAUSE_MOST_MS; only a kept string, in whose way newer rows wait, is given up after
 * AGENT_INFO_FAILURES_MOST of those, about an hour. */
#ifndef PICKET_TASK_AGENT_INFO_WORKER_H
#define PICKET_TASK_AGENT_INFO_WORKER_H

#include "task/agents_env.h"
#include "wire/string_tx.h"

#define AGENT_INFO_REFUSALS_MOST 3u
#define AGENT_INFO_FAILURES_MOST 60u
#define AGENT_INFO_PAUSE_MOST_MS 60000u
#define AGENT_INFO_SEND_TRIES 5u /* a second apart, while no sender is free or the queue is full */

enum agent_info_state {
    AI_OFF,
    AI_IDLE,
    AI_ASK,
    AI_READ,
    AI_SEND,
    AI_NAME,
    AI_WAIT, /* for the verdict */
    AI_CONFIRM,
    AI_RELEASE
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
    struct blob blob; /* the string under way, or kept; empty: none */
    bool kept;        /* blob is not confirmed, and the store cannot give it again: it goes first */
    bool granted;     /* the master of this link gave permission for what is being read */
    bool named;       /* the master was told of the string, and its verdict is not there yet */
    bool at_once;     /* the next round follows without a pause: the link is new */
    bool given_up;    /* what is being confirmed was refused */
    uint8_t tries;    /* of SEND */
    uint8_t refusals; /* in a row */
    uint8_t failed;   /* in a row, other than refusals */
    uint32_t parts;   /* of the string, as the store counts them */
    uint64_t rows;    /* agents in it */
    /* for the status */
    uint64_t rounds;     /* that ended with a master that knows everything */
    uint64_t sent_rows;  /* agents confirmed */
    uint64_t failures;   /* rounds that did not */
    uint64_t sync_ms;    /* monotonic: when the last of rounds ended; 0: never */
    uint64_t started_ns; /* monotonic */
    bool was_down;       /* that the store gives nothing was said */
};

void agent_info_worker_init(struct agent_info_worker *w, struct agents_env *env);
/* The first round is at once, as Wazuh's. */
void agent_info_worker_link_up(struct agent_info_worker *w, struct session *session, void (*kick)(void *arg),
                               void *arg);
/* Called before session_fini of that link. What was not confirmed is kept (or stays unmarked). */
void agent_info_worker_link_down(struct agent_info_worker *w);
/* The node ends. A kept string is lost with it: the log says how many agents it told of. */
void agent_info_worker_fini(struct agent_info_worker *w);
/* Serves syn_m_a_e and syn_m_a_err; answers them. */
void agent_info_worker_request(struct agent_info_worker *w, const struct message *m);

#endif
