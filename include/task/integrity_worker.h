/* task/integrity_worker.h - the worker's side of the integrity synchronisation (reference, section 5).
 *
 *   IDLE -timer-> ASK (syn_i_w_m_p) -True-> SCAN -> START (syn_i_w_m) -> SEND -> END (syn_i_w_m_e) -> VERDICT
 *   VERDICT -syn_m_c_ok-> IDLE;  -syn_m_c-> RECEIVE -syn_m_c_e-> READ (the metadata) -> APPLY -> IDLE
 *
 * Received bytes are staged as they come, verified frame by frame; nothing of them is visible before the
 * package is complete and each file was checked against its own hash. */
#ifndef PICKET_TASK_INTEGRITY_WORKER_H
#define PICKET_TASK_INTEGRITY_WORKER_H

#include "fs/apply.h"
#include "task/integrity_master.h"

enum integrity_worker_state {
    IW_OFF,
    IW_IDLE,
    IW_ASK,
    IW_SCAN,
    IW_START,
    IW_SEND,
    IW_END,
    IW_VERDICT,
    IW_RECEIVE,
    IW_READ,
    IW_APPLY
};

struct integrity_worker {
    struct integrity_env *env;
    struct session *session; /* NULL: no link */
    void (*kick)(void *arg);
    void *arg;
    enum integrity_worker_state state;
    struct loop_timer timer;
    struct loop_work work;
    struct loop_io drain; /* of the set being applied */
    struct stage *stage;
    struct apply apply;
    struct integrity_sender *sender;
    struct xfer_tx *xfer;
    /* the incoming package */
    struct sink sink;
    struct package_events events;
    struct package_dec *dec;
    struct integrity_checker *checker; /* only its dec memory is used */
    struct manifest_reader reader;
    struct blob metadata;
    uint64_t metadata_at;
    bool in_metadata, had_metadata, skip_member;
    bool file_begun, file_good, reload;
    uint32_t create, update, remove; /* of the received classification */
    uint8_t small[BODY_SMALL_BYTES];
    char task_id[OWN_TASK_ID_BYTES];  /* ours, for the incoming package */
    char peer_task_id[TASK_ID_BYTES]; /* the master's, for ours */
    char path[XFER_PATH_BYTES];       /* of the package we send */
    char in_path[XFER_PATH_BYTES];    /* of the package that comes */
    /* for the status */
    bool checked, in_sync;
    struct apply_report last;   /* of the last set applied */
    uint64_t check_ms, sync_ms; /* monotonic time of the last completed one; 0: never */
    uint64_t phase_ns;
};

/* stage: opened or not; apply_recover has run. */
void integrity_worker_init(struct integrity_worker *w, struct integrity_env *env, struct stage *stage);
/* A link to the master stands: the first check is made at once. */
void integrity_worker_link_up(struct integrity_worker *w, struct session *session, void (*kick)(void *arg),
                              void *arg);
/* The link is gone. A set that is being applied is complete and verified: it is finished; everything else is
 * dropped. */
void integrity_worker_link_down(struct integrity_worker *w);

/* The node ends: a set being applied is left to the next start when it is committed, and discarded when it is
 * not. */
void integrity_worker_fini(struct integrity_worker *w);

/* Serves syn_m_c_ok, syn_m_c, syn_m_c_e, syn_m_c_r; answers them. */
void integrity_worker_request(struct integrity_worker *w, const struct message *message);
enum err integrity_worker_file_begin(struct integrity_worker *w, const char *path, struct sink **sink,
                                     struct error *e);
void integrity_worker_file_end(struct integrity_worker *w, const char *path, bool good);
bool integrity_worker_cancelled(struct integrity_worker *w, const char *task_id,
                                const struct wazuh_error *why);

/* Does it wait for something to come or go? For the status. */
bool integrity_worker_is_busy(const struct integrity_worker *w);

#endif
