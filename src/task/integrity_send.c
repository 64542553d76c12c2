/* integrity_send.c - sends a worker what it lacks: waits for a deflater, names the task, sends the package,
 * ends the task. The package is made as it goes by integrity_feed; the comparison it is made from is
 * integrity_master's. */
#include "task/integrity_send.h"

#include <stdio.h>
#include <string.h>

/* ---- the deflaters, and the queue for them ---- */

static void leave_queue(struct integrity_master *m) {
    struct integrity_master **at = &m->env->waiting;
    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
}

void integrity_send_drop(struct integrity_master *m, bool was_queued) {
    if (was_queued)
        leave_queue(m);
    if (!m->sender)
        return;
    integrity_feed_close(&m->sender->feed);
    pool_give(m->env->senders, m->sender);
    m->sender = NULL;
    if (m->env->waiting) {
        struct integrity_master *first = m->env->waiting;
        leave_queue(first);
        integrity_send_start(first);
        first->kick(first->arg);
    }
}

/* ---- one package ---- */

static void left_out(void *arg, const char *path, const char *why) {
    struct integrity_master *m = arg;
    if (unsynced_mark(m->env->unsynced, path, why, m->env->loop->now_ms))
        log_line(m->env->log, LOG_WARNING, m->tag, IM_SYNC_TAG, "%s: not synchronised: %s", path, why);
}

static void sync_failed(struct integrity_master *m, const char *why, const struct wazuh_error *w) {
    char payload[WAZUH_ERROR_JSON_BYTES + 80];
    struct wazuh_error own;
    struct error e;
    log_line(m->env->log, LOG_ERROR, m->tag, IM_SYNC_TAG, "Error sending zip file: %s", why);
    if (!w) {
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 1000, why);
        w = &own;
    }
    if (m->state != IM_ASK) {
        size_t n = task_error_payload(payload, m->peer_task_id, w, m->env->dialect);
        session_request(m->session, "syn_m_c_r", payload, n, NULL, NULL, &e);
    }
    integrity_master_idle(m);
}

static void sync_refused(struct integrity_master *m, const struct wazuh_error *w) {
    char words[512];
    struct text t;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, w);
    sync_failed(m, words, w);
}

static void ended(void *arg, struct session *s, const struct reply *r) {
    struct integrity_master *m = arg;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK) {
        sync_refused(m, r->error);
        return;
    }
    m->sync_start_wall = m->phase_wall;
    m->sync_end_wall = m->env->sys->wall_ns(m->env->sys);
    m->sync_ms = m->env->loop->now_ms;
    log_line(m->env->log, LOG_INFO, m->tag, IM_SYNC_TAG, "Finished in %.3fs.", integrity_master_seconds(m));
    integrity_master_idle(m);
}

/* Reference, section 5.5: less after an interrupted transfer, more after one that was far from its time
 * limit. */
static void adapt_limit(struct integrity_master *m, const struct xfer_result *r) {
    const struct intervals *v = m->env->intervals;
    uint64_t keep_milli = 1000u - v->zip_limit_tolerance_milli;
    if (m->cancelled) {
        uint64_t less = r->bytes * keep_milli / 1000u;
        m->zip_limit = less > v->min_zip_size ? less : v->min_zip_size;
    } else if (r->end == XFER_SENT && m->zip_limit < v->max_zip_size &&
               r->took_ms * 1000u < v->timeout_receiving_file_ms * keep_milli) {
        uint64_t more = m->zip_limit * 1000u / keep_milli;
        m->zip_limit = more < v->max_zip_size ? more : v->max_zip_size;
    }
}

static void sent(void *arg, const struct xfer_result *r) {
    struct integrity_master *m = arg;
    struct error e;
    char payload[TASK_ID_BYTES + XFER_PATH_BYTES];
    m->xfer = NULL;
    if (r->end == XFER_LOST)
        return;
    adapt_limit(m, r);
    if (r->end == XFER_REFUSED) {
        sync_refused(m, &r->error);
        return;
    }
    if (r->end == XFER_FAILED) {
        sync_failed(m, r->why.what, NULL);
        return;
    }
    if (m->sender->feed.broken) {
        sync_failed(m, "the list of extra files could not be read back", NULL);
        return;
    }
    m->state = IM_END;
    int n = snprintf(payload, sizeof payload, "%s %s", m->peer_task_id, m->path + 1);
    if (session_request(m->session, "syn_m_c_e", payload, (size_t)n, ended, m, &e) != E_OK)
        sync_failed(m, e.what, NULL);
}

/* The worker named the task that waits for the package. */
static void named(void *arg, struct session *s, const struct reply *r) {
    struct integrity_master *m = arg;
    struct error e;
    size_t n;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK) {
        sync_refused(m, r->error);
        return;
    }
    const char *id = message_text(r->message, &n);
    if (!id || !n || memchr(id, ' ', n) || !text_copy(m->peer_task_id, sizeof m->peer_task_id, id, n)) {
        sync_failed(m, "the worker's task id is not one", NULL);
        return;
    }
    m->state = IM_SEND;
    m->cancelled = false;
    struct package_enc *enc =
        package_enc_init(m->sender->enc, &m->sender->feed.feed, m->env->intervals->compress_level);
    enum err err = package_path(m->env->sys, m->path, m->worker, m->env->node_name, &e);
    if (err == E_OK)
        err = xfer_send_file(s, m->path, package_enc_source(enc), sent, m, &m->xfer, &e);
    if (err != E_OK)
        sync_failed(m, e.what, NULL);
}

/* Takes a sender, or queues for one. */
void integrity_send_start(struct integrity_master *m) {
    struct integrity_env *env = m->env;
    struct error e;
    m->sender = pool_take(env->senders);
    if (!m->sender) {
        struct integrity_master **last = &env->waiting;
        while (*last)
            last = &(*last)->next;
        m->next = NULL;
        *last = m;
        m->state = IM_QUEUED;
        return;
    }
    struct integrity_diff *diff = &m->checker->compare.diff;
    m->state = IM_ASK;
    /* A worker gives up after one of these and says so (3039). One that neither takes its files nor gives up
     * has slots that the others wait for: it gets another, for what was on the line, and no more. */
    loop_timer_set(env->loop, &m->deadline,
                   env->loop->now_ms + 2ull * env->intervals->timeout_receiving_file_ms);
    integrity_feed_init(&m->sender->feed, env->sys, env->root, env->manifest, env->items, diff, m->zip_limit);
    m->sender->feed.arg = m;
    m->sender->feed.left_out = left_out;
    m->sender->feed.compress_always = env->compress_always;
    if (session_request(m->session, "syn_m_c", NULL, 0, named, m, &e) != E_OK)
        sync_failed(m, e.what, NULL);
}

bool integrity_master_cancelled(struct integrity_master *m, const char *task_id,
                                const struct wazuh_error *why) {
    char words[512];
    struct text t;
    if (m->state != IM_SEND || !m->xfer || strcmp(task_id, m->peer_task_id) != 0)
        return false;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, why);
    log_line(m->env->log, LOG_ERROR, m->tag, IM_SYNC_TAG,
             "The task was canceled due to the following error: %s", words);
    m->cancelled = true;
    xfer_tx_cancel(m->xfer);
    return true;
}
