/* integrity_master.c - one worker's integrity check on the master: permission, its package, the verdict.
 * Requests come from role/peer, the package through wire/xfer; what differs is found by integrity_compare and
 * sent by integrity_send. */
#include "task/integrity_master.h"

#include "task/integrity_send.h"

#include <stdio.h>
#include <string.h>

double integrity_master_seconds(const struct integrity_master *m) {
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

void integrity_master_idle(struct integrity_master *m) {
    bool was_queued = m->state == IM_QUEUED;
    m->state = IM_IDLE;
    loop_timer_stop(m->env->loop, &m->deadline);
    give_checker(m);
    integrity_send_drop(m, was_queued);
}

static void set_deadline(struct integrity_master *m, uint64_t after_ms) {
    loop_timer_set(m->env->loop, &m->deadline, m->env->loop->now_ms + after_ms);
}

/* A lease and a check end with their time; so does sending (integrity_send.c), but a peer that takes its
 * bytes drop by drop can only be got rid of with its link. */
static void deadline_passed(void *arg) {
    struct integrity_master *m = arg;
    if (m->state > IM_QUEUED) {
        struct error why;
        error_set(&why, E_TIME, 0, "the worker did not take its files in time");
        session_break(m->session, &why);
        m->kick(m->arg);
        return;
    }
    if (m->state == IM_CHECK) {
        char payload[WAZUH_ERROR_JSON_BYTES + 80];
        struct wazuh_error w;
        struct error e;
        log_line(m->env->log, LOG_ERROR, m->tag, IM_CHECK_TAG,
                 "The worker did not send its file within %u s: check cancelled.",
                 m->env->intervals->timeout_receiving_file_ms / 1000);
        wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3039, NULL);
        size_t n = task_error_payload(payload, m->task_id, &w, m->env->dialect);
        session_request(m->session, "cancel_task", payload, n, NULL, NULL, &e);
    }
    integrity_master_idle(m);
    m->kick(m->arg);
}

/* ---- requests of the worker ---- */

/* A manifest of as many files as fit, of the longest description each: a quarter of a megabyte that inflates
 * to a gigabyte of descriptions would stop all other links for many seconds. */
#define MANIFEST_MOST_BYTES ((uint64_t)FILES_MAX * JSON_MEMBER_BYTES)

static bool take_checker(struct integrity_master *m) {
    const struct integrity_env *env = m->env;
    uint64_t most = env->intervals->max_zip_size;
    if (most > MANIFEST_MOST_BYTES)
        most = MANIFEST_MOST_BYTES;
    m->checker = pool_take(env->checkers);
    if (!m->checker)
        return false;
    integrity_compare_init(&m->checker->compare, m->checker->dec, env->manifest, env->items,
                           &env->scanner->scan.last, most, env->windows, env->spill);
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
        integrity_master_idle(m);
        reply_error(m, counter, 1000, e.what);
        return;
    }
    m->state = IM_CHECK;
    phase_begins(m);
    set_deadline(m, m->env->intervals->timeout_receiving_file_ms);
    log_line(m->env->log, LOG_CYCLE, m->tag, IM_CHECK_TAG, "Starting.");
    session_reply_text(m->session, counter, "ok", m->task_id);
}

static void nothing_to_do(struct integrity_master *m) {
    struct error e;
    log_line(m->env->log, m->in_sync && m->checked ? LOG_CYCLE : LOG_INFO, m->tag, IM_CHECK_TAG,
             "Finished in %.3fs. Received metadata of %u files. Sync not required.",
             integrity_master_seconds(m), m->checker->compare.files);
    m->checked = m->in_sync = true;
    integrity_master_idle(m);
    if (session_request(m->session, "syn_m_c_ok", NULL, 0, NULL, NULL, &e) != E_OK)
        log_line(m->env->log, LOG_ERROR, m->tag, IM_CHECK_TAG, "%s", e.what);
}

static void something_to_do(struct integrity_master *m) {
    log_line(m->env->log, LOG_INFO, m->tag, IM_CHECK_TAG,
             "Finished in %.3fs. Received metadata of %u files. Sync required.", integrity_master_seconds(m),
             m->checker->compare.files);
    m->checked = true;
    m->in_sync = false;
    m->sent_missing = m->missing;
    m->sent_shared = m->shared;
    m->sent_extra = m->extra;
    phase_begins(m);
    log_line(m->env->log, LOG_INFO, m->tag, IM_SYNC_TAG, "Starting.");
    log_line(m->env->log, LOG_INFO, m->tag, IM_SYNC_TAG,
             "Files to create in worker: %u | Files to update in worker: %u | Files to delete in worker: %u",
             m->missing, m->shared, m->extra);
    integrity_send_start(m);
}

static void check_failed(struct integrity_master *m, const struct error *why) {
    log_line(m->env->log, LOG_ERROR, m->tag, IM_CHECK_TAG, "Error in the integrity check: %s", why->what);
    integrity_master_idle(m);
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
    log_line(m->env->log, LOG_ERROR, m->tag, IM_SYNC_TAG, "Error in synchronization process: %s", words);
    session_reply_text(m->session, message->counter, "ok", "Error received");
    if (m->state == IM_GRANTED || m->state == IM_CHECK)
        integrity_master_idle(m);
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
    integrity_master_idle(m);
}
