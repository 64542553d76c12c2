/* task/integrity_master.h - the master's side of the integrity synchronisation with one worker (reference,
 * section 5).
 *
 *   IDLE -permission-> GRANTED -syn_i_w_m-> CHECK -syn_i_w_m_e-> (syn_m_c_ok -> IDLE)
 *                                                  or QUEUED -> ASK (syn_m_c) -> SEND -> END (syn_m_c_e) ->
 * IDLE
 *
 * Permission is a lease: it ends with the link, with its deadline, or with the work (users' document, item
 * 32). */
#ifndef PICKET_TASK_INTEGRITY_MASTER_H
#define PICKET_TASK_INTEGRITY_MASTER_H

#include "base/intervals.h"
#include "task/integrity_compare.h"
#include "task/scanner.h"
#include "task/unsynced.h"
#include "wire/task_text.h"

/* One pool slot each. */
struct integrity_checker {
    struct integrity_compare compare;
    _Alignas(16) unsigned char dec[PACKAGE_DEC_BYTES];
};
struct integrity_sender {
    struct integrity_feed feed;
    _Alignas(16) unsigned char enc[PACKAGE_ENC_BYTES];
};

/* What the integrity tasks of one node share; everything outlives them. */
struct integrity_env {
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    int root;
    const struct items *items;
    const struct manifest *manifest;
    struct scanner *scanner;
    const struct intervals *intervals;
    const struct dialect *dialect;
    bool compress_always;
    const char *node_name;
    const char *tag; /* of a worker's own lines: "Worker <node name>" */
    struct unsynced *unsynced;
    struct pool *checkers; /* struct integrity_checker */
    struct pool *senders;  /* struct integrity_sender */
    struct pool *windows;
    struct spill *spill;
    struct integrity_master *waiting; /* first of those that wait for a sender */
};

enum integrity_master_state { IM_IDLE, IM_GRANTED, IM_CHECK, IM_QUEUED, IM_ASK, IM_SEND, IM_END };

#define TAG_BYTES (NODE_NAME_BYTES + 8)

struct integrity_master {
    struct integrity_env *env;
    struct session *session;
    void (*kick)(void *arg); /* tells the link that the session was asked something */
    void *arg;
    char tag[TAG_BYTES]; /* "Worker w1" */
    const char *worker;  /* its name */
    enum integrity_master_state state;
    struct loop_timer deadline;
    struct integrity_master *next; /* in env->waiting */
    struct integrity_checker *checker;
    struct integrity_sender *sender;
    struct xfer_tx *xfer;
    bool file_begun, file_good, cancelled;
    uint64_t granted_round; /* scan round of the last permission */
    uint64_t zip_limit;     /* adaptive, bytes */
    char task_id[OWN_TASK_ID_BYTES];
    char peer_task_id[TASK_ID_BYTES];
    char path[XFER_PATH_BYTES]; /* of the package coming or going, with leading slash */
    /* for get_health and the status */
    bool checked;                                   /* at least one check was completed */
    bool in_sync;                                   /* the last check found nothing */
    uint32_t missing, shared, extra;                /* of the last check */
    uint32_t sent_missing, sent_shared, sent_extra; /* of the last synchronisation, from its start on */
    int64_t check_start_wall, check_end_wall, sync_start_wall, sync_end_wall; /* ns; 0: never; of the last
                                                                                 completed one */
    uint64_t check_ms, sync_ms; /* monotonic time of the last completed one */
    uint64_t phase_ns;          /* start of what is under way, for "Finished in" */
    int64_t phase_wall;         /* the same on the wall clock, ns: told when it is complete */
};

/* worker: the peer's name, stays with the caller. */
void integrity_master_init(struct integrity_master *m, struct integrity_env *env, struct session *session,
                           const char *worker, void (*kick)(void *arg), void *arg);
/* The link ended: everything goes back. */
void integrity_master_fini(struct integrity_master *m);

/* Serves syn_i_w_m_p, syn_i_w_m, syn_i_w_m_e, syn_i_w_m_r; answers them. */
void integrity_master_request(struct integrity_master *m, const struct message *message);
/* A file begins: E_OK and a sink when this task waits for one, else E_UNKNOWN. */
enum err integrity_master_file_begin(struct integrity_master *m, const char *path, struct sink **sink,
                                     struct error *e);
void integrity_master_file_end(struct integrity_master *m, const char *path, bool good);
/* cancel_task from the worker: true when it was about this task. */
bool integrity_master_cancelled(struct integrity_master *m, const char *task_id,
                                const struct wazuh_error *why);

#endif
