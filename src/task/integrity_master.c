/* integrity_master.c - one worker's integrity task on the master. Requests come from role/master; packages
 * come and go through wire/xfer; what differs is found by integrity_compare and packed by integrity_feed. */
#include "task/integrity_master.h"

#include <stdio.h>
#include <string.h>

#define CHECK_TAG "Integrity check"
#define SYNC_TAG "Integrity sync"

static double seconds_since(const struct integrity_master *m) {
    return (double)(m->env->sys->mono_ns(m->env->sys) - m->phase_ns) / 1e9;
}

static void phase_begins(struct integrity_master *m) {
    m->phase_ns = m->env->sys->mono_ns(m->env->sys);
    m->phase_wall = m->env->sys->wall_ns(m->env->sys);
}

static void reply_error(struct integrity_master *m, uint32_t counter, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, code, extra);
    session_reply_error(m->session, counter, &w);
}

/* ---- slots, and going back to idle ---- */

static void give_checker(struct integrity_master *m) {
    if (!m->checker)
        return;
    if (m->file_begun) /* a worker may give its task up, or be called too late, in the middle of its file */
        xfer_rx_orphan(m->session, m->path);
    integrity_compare_fini(&m->checker->compare);
    pool_give(m->env->checkers, m->checker);
    m->checker = NULL;
}

static void leave_queue(struct integrity_master *m) {
    struct integrity_master **at = &m->env->waiting;
    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
}

static void start_sending(struct integrity_master *m);

static void give_sender(struct integrity_master *m) {
    if (!m->sender)
        return;
    integrity_feed_close(&m->sender->feed);
    pool_give(m->env->senders, m->sender);
    m->sender = NULL;
    if (m->env->waiting) {
        struct integrity_master *first = m->env->waiting;
        leave_queue(first);
        start_sending(first);
        first->kick(first->arg);
    }
}

static void go_idle(struct integrity_master *m) {
    if (m->state == IM_QUEUED)
        leave_queue(m);
    m->state = IM_IDLE;
    loop_timer_stop(m->env->loop, &m->deadline);
    give_checker(m);
    give_sender(m);
}

static void set_deadline(struct integrity_master *m, uint64_t after_ms) {
    loop_timer_set(m->env->loop, &m->deadline, m->env->loop->now_ms + after_ms);
}

/* Only a lease and a check have deadlines of their own; the requests of the rest have theirs in the session.
 */
static void deadline_passed(void *arg) {
    struct integrity_master *m = arg;
    if (m->state == IM_CHECK) {
        char payload[WAZUH_ERROR_JSON_BYTES + 80];
        struct wazuh_error w;
        struct error e;
        log_line(m->env->log, LOG_ERROR, m->tag, CHECK_TAG,
                 "The worker did not send its file within %u s: check cancelled.",
                 m->env->intervals->timeout_receiving_file_ms / 1000);
        wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3039, NULL);
        size_t n = task_error_payload(payload, m->task_id, &w, m->env->dialect);
        session_request(m->session, "cancel_task", payload, n, NULL, NULL, &e);
    }
    go_idle(m);
    m->kick(m->arg);
}

/* ---- requests of the worker ---- */

static bool take_checker(struct integrity_master *m) {
    const struct integrity_env *env = m->env;
    m->checker = pool_take(env->checkers);
    if (!m->checker)
        return false;
    integrity_compare_init(&m->checker->compare, m->checker->dec, env->manifest, env->items,
                           &env->scanner->scan.last, env->intervals->max_zip_size, env->windows, env->spill);
    return true;
}

/* One check per worker and scan round, none before the first round is complete: until then every file of the
 * worker would look superfluous (reference, section 5.4). */
static void permission(struct integrity_master *m, uint32_t counter) {
    const struct scanner *scanner = m->env->scanner;
    bool yes = m->state == IM_IDLE && scanner_is_ready(scanner) && m->granted_round != scanner->rounds &&
               take_checker(m);
    if (yes) {
        m->state = IM_GRANTED;
        m->granted_round = scanner->rounds;
        m->file_begun = m->file_good = false;
        set_deadline(m, m->env->intervals->timeout_receiving_file_ms);
    }
    session_reply_text(m->session, counter, "ok", yes ? "True" : "False");
}

static void start_check(struct integrity_master *m, uint32_t counter) {
    struct error e;
    if (m->state != IM_GRANTED) {
        reply_error(m, counter, 3000, "no permission to check integrity was given");
        return;
    }
    if (task_id_new(m->env->sys, m->task_id, &e) != E_OK) {
        go_idle(m);
        reply_error(m, counter, 1000, e.what);
        return;
    }
    m->state = IM_CHECK;
    phase_begins(m);
    set_deadline(m, m->env->intervals->timeout_receiving_file_ms);
    log_line(m->env->log, LOG_CYCLE, m->tag, CHECK_TAG, "Starting.");
    session_reply_text(m->session, counter, "ok", m->task_id);
}

static void nothing_to_do(struct integrity_master *m) {
    struct error e;
    log_line(m->env->log, m->in_sync && m->checked ? LOG_CYCLE : LOG_INFO, m->tag, CHECK_TAG,
             "Finished in %.3fs. Received metadata of %u files. Sync not required.", seconds_since(m),
             m->checker->compare.files);
    m->checked = m->in_sync = true;
    go_idle(m);
    if (session_request(m->session, "syn_m_c_ok", NULL, 0, NULL, NULL, &e) != E_OK)
        log_line(m->env->log, LOG_ERROR, m->tag, CHECK_TAG, "%s", e.what);
}

static void something_to_do(struct integrity_master *m) {
    log_line(m->env->log, LOG_INFO, m->tag, CHECK_TAG,
             "Finished in %.3fs. Received metadata of %u files. Sync required.", seconds_since(m),
             m->checker->compare.files);
    m->checked = true;
    m->in_sync = false;
    m->sent_missing = m->missing;
    m->sent_shared = m->shared;
    m->sent_extra = m->extra;
    phase_begins(m);
    log_line(m->env->log, LOG_INFO, m->tag, SYNC_TAG, "Starting.");
    log_line(m->env->log, LOG_INFO, m->tag, SYNC_TAG,
             "Files to create in worker: %u | Files to update in worker: %u | Files to delete in worker: %u",
             m->missing, m->shared, m->extra);
    start_sending(m);
}

static void check_failed(struct integrity_master *m, const struct error *why) {
    log_line(m->env->log, LOG_ERROR, m->tag, CHECK_TAG, "Error in the integrity check: %s", why->what);
    go_idle(m);
}

/* The worker says its package is complete. */
static void end_check(struct integrity_master *m, const struct message *message) {
    char id[TASK_ID_BYTES];
    const char *path;
    size_t n, path_n;
    const char *text = message_text(message, &n);
    if (!task_and_rest(text, n, id, sizeof id, &path, &path_n) || m->state != IM_CHECK ||
        strcmp(id, m->task_id) != 0 || !m->file_begun || !same_package_path(path, path_n, m->path)) {
        reply_error(m, message->counter, 3027, text && memchr(text, ' ', n) ? id : NULL);
        return;
    }
    session_reply_text(m->session, message->counter, "ok", "File correctly received");
    struct error e;
    if (!m->file_good) {
        error_set(&e, E_DIGEST, 0, "the worker's package was not received whole");
        check_failed(m, &e);
        return;
    }
    if (integrity_compare_finish(&m->checker->compare, &e) != E_OK) {
        check_failed(m, &e);
        return;
    }
    const struct integrity_diff *diff = &m->checker->compare.diff;
    m->missing = diff->missing.count;
    m->shared = diff->shared.count;
    m->extra = diff->extra_count;
    m->check_start_wall = m->phase_wall;
    m->check_end_wall = m->env->sys->wall_ns(m->env->sys);
    m->check_ms = m->env->loop->now_ms;
    loop_timer_stop(m->env->loop, &m->deadline);
    if (m->missing || m->shared || m->extra)
        something_to_do(m);
    else
        nothing_to_do(m);
}

static void worker_reports_error(struct integrity_master *m, const struct message *message) {
    char id[TASK_ID_BYTES], words[512];
    const char *json;
    size_t n, json_n;
    const char *text = message_text(message, &n);
    struct wazuh_error w;
    struct text t;
    if (!task_and_rest(text, n, id, sizeof id, &json, &json_n)) {
        reply_error(m, message->counter, 1000, "not enough values to unpack");
        return;
    }
    wazuh_error_read(&w, json, json_n);
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, &w);
    log_line(m->env->log, LOG_ERROR, m->tag, SYNC_TAG, "Error in synchronization process: %s", words);
    session_reply_text(m->session, message->counter, "ok", "Error received");
    if (m->state == IM_GRANTED || m->state == IM_CHECK)
        go_idle(m);
}

void integrity_master_request(struct integrity_master *m, const struct message *message) {
    switch (message->cmd) {
    case CMD_SYN_I_W_M_P:
        permission(m, message->counter);
        break;
    case CMD_SYN_I_W_M:
        start_check(m, message->counter);
        break;
    case CMD_SYN_I_W_M_E:
        end_check(m, message);
        break;
    default:
        worker_reports_error(m, message);
        break;
    }
}

enum err integrity_master_file_begin(struct integrity_master *m, const char *path, struct sink **sink,
                                     struct error *e) {
    if (m->state != IM_CHECK || m->file_begun)
        return error_set(e, E_UNKNOWN, 0, "%s: no task waits for this file", path);
    m->file_begun = true;
    snprintf(m->path, sizeof m->path, "%s", path);
    *sink = &m->checker->compare.sink;
    return E_OK;
}

void integrity_master_file_end(struct integrity_master *m, const char *path, bool good) {
    if (m->state == IM_CHECK && m->file_begun && strcmp(path, m->path) == 0)
        m->file_good = good;
}

/* ---- sending what the worker lacks ---- */

static void left_out(void *arg, const char *path, const char *why) {
    struct integrity_master *m = arg;
    if (unsynced_mark(m->env->unsynced, path, why, m->env->loop->now_ms))
        log_line(m->env->log, LOG_WARNING, m->tag, SYNC_TAG, "%s: not synchronised: %s", path, why);
}

static void sync_failed(struct integrity_master *m, const char *why, const struct wazuh_error *w) {
    char payload[WAZUH_ERROR_JSON_BYTES + 80];
    struct wazuh_error own;
    struct error e;
    log_line(m->env->log, LOG_ERROR, m->tag, SYNC_TAG, "Error sending zip file: %s", why);
    if (!w) {
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 1000, why);
        w = &own;
    }
    if (m->state != IM_ASK) {
        size_t n = task_error_payload(payload, m->peer_task_id, w, m->env->dialect);
        session_request(m->session, "syn_m_c_r", payload, n, NULL, NULL, &e);
    }
    go_idle(m);
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
    log_line(m->env->log, LOG_INFO, m->tag, SYNC_TAG, "Finished in %.3fs.", seconds_since(m));
    go_idle(m);
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
static void start_sending(struct integrity_master *m) {
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
    integrity_feed_init(&m->sender->feed, env->sys, env->root, env->manifest, env->items, diff, m->zip_limit);
    m->sender->feed.arg = m;
    m->sender->feed.left_out = left_out;
    m->sender->feed.xfer = env->compress_always ? NULL : &m->xfer;
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
    log_line(m->env->log, LOG_ERROR, m->tag, SYNC_TAG, "The task was canceled due to the following error: %s",
             words);
    m->cancelled = true;
    xfer_tx_cancel(m->xfer);
    return true;
}

void integrity_master_init(struct integrity_master *m, struct integrity_env *env, struct session *session,
                           const char *worker, void (*kick)(void *arg), void *arg) {
    memset(m, 0, sizeof *m);
    m->env = env;
    m->session = session;
    m->worker = worker;
    m->kick = kick;
    m->arg = arg;
    snprintf(m->tag, sizeof m->tag, "Worker %s", worker);
    m->zip_limit = env->intervals->max_zip_size;
    loop_timer_init(&m->deadline, deadline_passed, m);
}

void integrity_master_fini(struct integrity_master *m) {
    go_idle(m);
}
