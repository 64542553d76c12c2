/* integrity_worker.c - the worker's check: ask, look at the own files, tell the master, wait for its verdict.
 * What the master then sends is integrity_receive.c's. */
#include "task/integrity_worker.h"

#include "task/integrity_receive.h"

#include <stdio.h>
#include <string.h>

static double seconds_since(const struct integrity_worker *w) {
    return (double)(w->env->sys->mono_ns(w->env->sys) - w->phase_ns) / 1e9;
}

static void next_check(struct integrity_worker *w, uint64_t after_ms) {
    loop_timer_set(w->env->loop, &w->timer, w->env->loop->now_ms + after_ms);
}

static void give_sender(struct integrity_worker *w) {
    if (!w->sender)
        return;
    integrity_feed_close(&w->sender->feed);
    pool_give(w->env->senders, w->sender);
    w->sender = NULL;
}

void integrity_worker_idle(struct integrity_worker *w) {
    give_sender(w);
    integrity_receive_drop(w);
    w->state = w->session ? IW_IDLE : IW_OFF;
    if (w->session)
        next_check(w, w->env->intervals->sync_integrity_ms);
    else
        loop_timer_stop(w->env->loop, &w->timer);
}

void integrity_worker_tell_error(struct integrity_worker *w, const struct wazuh_error *error) {
    char payload[WAZUH_ERROR_JSON_BYTES + 80];
    struct error e;
    if (!w->session)
        return;
    size_t n = task_error_payload(payload, NULL, error, w->env->dialect);
    session_request(w->session, "syn_i_w_m_r", payload, n, NULL, NULL, &e);
    w->kick(w->arg);
}

static void check_failed(struct integrity_worker *w, const char *why, const struct wazuh_error *error) {
    struct wazuh_error own;
    log_line(w->env->log, LOG_ERROR, w->env->tag, IW_CHECK_TAG, "Error synchronizing integrity: %s", why);
    wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 1000, why);
    integrity_worker_tell_error(w, error ? error : &own);
    integrity_worker_idle(w);
}

static void check_refused(struct integrity_worker *w, const struct wazuh_error *error) {
    char words[512];
    struct text t;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, error);
    check_failed(w, words, error);
}

/* Common to all replies of the check: false when the link is gone, or the master said no, or the check does
 * not wait for it any more (a verdict may overtake it: what that began must go on). */
static bool reply_is_good(struct integrity_worker *w, const struct reply *r,
                          enum integrity_worker_state waiting) {
    if (r->kind == REPLY_LOST || w->state != waiting)
        return false;
    if (r->kind != REPLY_OK)
        check_refused(w, r->error);
    return r->kind == REPLY_OK;
}

/* ---- sending the manifest ---- */

static void ended(void *arg, struct session *s, const struct reply *r) {
    struct integrity_worker *w = arg;
    (void)s;
    if (!reply_is_good(w, r, IW_END))
        return;
    /* The verdict may take the master long, or never come: we go on asking for permission, as Wazuh does, and
     * a master that is still at it says no. */
    w->state = IW_VERDICT;
    next_check(w, w->env->intervals->sync_integrity_ms);
}

static void sent(void *arg, const struct xfer_result *r) {
    struct integrity_worker *w = arg;
    struct error e;
    char payload[TASK_ID_BYTES + XFER_PATH_BYTES];
    w->xfer = NULL;
    if (r->end == XFER_LOST)
        return;
    give_sender(w);
    if (r->end == XFER_REFUSED) {
        check_refused(w, &r->error);
        return;
    }
    if (r->end == XFER_FAILED) {
        check_failed(w, r->why.what, NULL);
        return;
    }
    w->state = IW_END;
    int n = snprintf(payload, sizeof payload, "%s %s", w->peer_task_id, w->path + 1);
    if (session_request(w->session, "syn_i_w_m_e", payload, (size_t)n, ended, w, &e) != E_OK)
        check_failed(w, e.what, NULL);
}

static enum err start_sending(struct integrity_worker *w, struct error *e) {
    struct integrity_env *env = w->env;
    w->sender = pool_take(env->senders);
    if (!w->sender)
        return error_set(e, E_POOL, 0, "no deflater is free");
    integrity_feed_init(&w->sender->feed, env->sys, env->root, env->manifest, env->items, NULL, UINT64_MAX);
    w->sender->feed.compress_always = env->compress_always;
    struct package_enc *enc =
        package_enc_init(w->sender->enc, &w->sender->feed.feed, env->intervals->compress_level);
    enum err err = package_path(env->sys, w->path, env->node_name, env->node_name, e);
    if (err == E_OK)
        err = xfer_send_file(w->session, w->path, package_enc_source(enc), sent, w, &w->xfer, e);
    w->state = IW_SEND;
    return err;
}

/* The master named the task that waits for our package. */
static void named(void *arg, struct session *s, const struct reply *r) {
    struct integrity_worker *w = arg;
    struct error e;
    size_t n;
    (void)s;
    if (!reply_is_good(w, r, IW_START))
        return;
    const char *id = message_text(r->message, &n);
    if (!id || !n || memchr(id, ' ', n) || !text_copy(w->peer_task_id, sizeof w->peer_task_id, id, n)) {
        check_failed(w, "the master's task id is not one", NULL);
        return;
    }
    if (start_sending(w, &e) != E_OK)
        check_failed(w, e.what, NULL);
}

static void scanned(void *arg) {
    struct integrity_worker *w = arg;
    struct error e;
    if (w->state != IW_SCAN)
        return;
    w->state = IW_START;
    if (session_request(w->session, "syn_i_w_m", NULL, 0, named, w, &e) != E_OK)
        check_failed(w, e.what, NULL);
    w->kick(w->arg);
}

static void permitted(void *arg, struct session *s, const struct reply *r) {
    struct integrity_worker *w = arg;
    size_t n;
    (void)s;
    bool waits = w->state == IW_VERDICT;
    if (!reply_is_good(w, r, waits ? IW_VERDICT : IW_ASK))
        return;
    const char *answer = message_text(r->message, &n);
    bool yes = answer && n == 4 && memcmp(answer, "True", 4) == 0;
    log_line(w->env->log, LOG_DEBUG, w->env->tag, IW_CHECK_TAG, "Permission to check integrity: %s",
             yes ? "True" : "False");
    if (!yes && waits) {
        next_check(w, w->env->intervals->sync_integrity_ms);
        return;
    }
    if (!yes) {
        integrity_worker_idle(w);
        return;
    }
    log_line(w->env->log, LOG_CYCLE, w->env->tag, IW_CHECK_TAG, "Starting.");
    w->phase_ns = w->env->sys->mono_ns(w->env->sys);
    w->state = IW_SCAN;
    scanner_start(w->env->scanner);
}

static void time_to_check(void *arg) {
    struct integrity_worker *w = arg;
    struct error e;
    if (w->state == IW_RECEIVE) {
        integrity_receive_too_late(w);
        return;
    }
    if (w->state != IW_VERDICT)
        w->state = IW_ASK;
    if (session_request(w->session, "syn_i_w_m_p", NULL, 0, permitted, w, &e) != E_OK)
        integrity_worker_idle(w);
    w->kick(w->arg);
}

/* ---- requests of the master ---- */

static void in_sync(struct integrity_worker *w, uint32_t counter) {
    session_reply_text(w->session, counter, "ok", "Thanks");
    /* The verdict may overtake the reply to syn_i_w_m_e: the master answers and acts in one breath. */
    if (w->state != IW_VERDICT && w->state != IW_END)
        return;
    log_line(w->env->log, w->in_sync ? LOG_CYCLE : LOG_INFO, w->env->tag, IW_CHECK_TAG,
             "Finished in %.3fs. Sync not required.", seconds_since(w));
    w->checked = w->in_sync = true;
    w->check_ms = w->env->loop->now_ms;
    integrity_worker_idle(w);
}

static void out_of_sync(struct integrity_worker *w, uint32_t counter) {
    struct error e;
    struct wazuh_error no;
    bool waits = w->state == IW_VERDICT || w->state == IW_END;
    if (!waits || integrity_receive_start(w, &e) != E_OK) {
        if (!waits)
            error_set(&e, E_COMMAND, 0, "no integrity check is waiting for files");
        wazuh_error_set(&no, WAZUH_CLUSTER_ERROR, 3000, e.what);
        session_reply_error(w->session, counter, &no);
        if (waits) { /* no verdict will come any more */
            log_line(w->env->log, LOG_ERROR, w->env->tag, IW_SYNC_TAG, "Error synchronizing files: %s",
                     e.what);
            integrity_worker_idle(w);
        }
        return;
    }
    log_line(w->env->log, LOG_INFO, w->env->tag, IW_CHECK_TAG, "Finished in %.3fs. Sync required.",
             seconds_since(w));
    w->checked = true;
    w->in_sync = false;
    w->check_ms = w->env->loop->now_ms;
    next_check(w, w->env->intervals->timeout_receiving_file_ms);
    session_reply_text(w->session, counter, "ok", w->task_id);
}

static void master_reports_error(struct integrity_worker *w, const struct message *message) {
    char id[TASK_ID_BYTES], words[512];
    const char *json;
    size_t n, json_n;
    const char *text = message_text(message, &n);
    struct wazuh_error error;
    struct text t;
    session_reply_text(w->session, message->counter, "ok", "Error received");
    if (!task_and_rest(text, n, id, sizeof id, &json, &json_n))
        return;
    wazuh_error_read(&error, json, json_n);
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, &error);
    log_line(w->env->log, LOG_ERROR, w->env->tag, IW_SYNC_TAG, "Error in synchronization process: %s", words);
    if (w->state == IW_RECEIVE)
        integrity_worker_idle(w);
}

void integrity_worker_request(struct integrity_worker *w, const struct message *message) {
    switch (message->cmd) {
    case CMD_SYN_M_C_OK:
        in_sync(w, message->counter);
        break;
    case CMD_SYN_M_C:
        out_of_sync(w, message->counter);
        break;
    case CMD_SYN_M_C_E:
        integrity_receive_end(w, message);
        break;
    default:
        master_reports_error(w, message);
        break;
    }
}

bool integrity_worker_cancelled(struct integrity_worker *w, const char *task_id,
                                const struct wazuh_error *why) {
    char words[512];
    struct text t;
    if (w->state != IW_SEND || !w->xfer || strcmp(task_id, w->peer_task_id) != 0)
        return false;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, why);
    log_line(w->env->log, LOG_ERROR, w->env->tag, IW_CHECK_TAG,
             "The task was canceled due to the following error: %s", words);
    xfer_tx_cancel(w->xfer);
    return true;
}

/* ---- the link ---- */

void integrity_worker_init(struct integrity_worker *w, struct integrity_env *env, struct stage *stage) {
    memset(w, 0, sizeof *w);
    w->env = env;
    w->stage = stage;
    w->state = IW_OFF;
    env->scanner->done = scanned;
    env->scanner->arg = w;
    loop_timer_init(&w->timer, time_to_check, w);
    integrity_receive_init(w);
}

void integrity_worker_link_up(struct integrity_worker *w, struct session *session, void (*kick)(void *arg),
                              void *arg) {
    w->session = session;
    w->kick = kick;
    w->arg = arg;
    if (w->state == IW_OFF) {
        w->state = IW_IDLE;
        next_check(w, 0);
    }
}

void integrity_worker_link_down(struct integrity_worker *w) {
    w->session = NULL;
    w->xfer = NULL;
    if (w->state != IW_READ && w->state != IW_APPLY)
        integrity_worker_idle(w);
}

void integrity_worker_fini(struct integrity_worker *w) {
    w->session = NULL;
    w->xfer = NULL;
    integrity_worker_idle(w);
}

bool integrity_worker_is_busy(const struct integrity_worker *w) {
    return w->state >= IW_SEND;
}
