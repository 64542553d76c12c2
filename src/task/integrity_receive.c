/* integrity_receive.c - the master's package on the worker: verified frames in, staged files, then one
 * applied set. Nothing is visible before integrity_receive_end has found the package whole. */
#include "task/integrity_receive.h"

#include <stdio.h>
#include <string.h>

static void mark_unsynced(struct integrity_worker *w, const char *path, const char *why) {
    if (unsynced_mark(w->env->unsynced, path, why, w->env->loop->now_ms))
        log_line(w->env->log, LOG_WARNING, w->env->tag, IW_SYNC_TAG, "%s: not synchronised: %s", path, why);
}

static void refused(void *arg, const char *path, const struct error *why) {
    mark_unsynced(arg, path, why->what);
}

/* ---- the package as it comes ---- */

static enum err begin(void *arg, const char *name, size_t len, struct error *e) {
    struct integrity_worker *w = arg;
    w->in_metadata = len == sizeof METADATA_NAME - 1 && memcmp(name, METADATA_NAME, len) == 0;
    if (w->in_metadata) {
        if (w->had_metadata)
            return error_set(e, E_DUPLICATE, 0, METADATA_NAME " comes twice");
        w->had_metadata = true;
        return E_OK;
    }
    enum err err = stage_begin(w->stage, name, len, e);
    if (err == E_PATH)
        mark_unsynced(w, name, e->what);
    return err;
}

static enum err data(void *arg, const uint8_t *bytes, size_t n, struct error *e) {
    struct integrity_worker *w = arg;
    return w->in_metadata ? blob_append(&w->metadata, bytes, n, e) : stage_write(w->stage, bytes, n, e);
}

static enum err end(void *arg, struct error *e) {
    struct integrity_worker *w = arg;
    return w->in_metadata ? E_OK : stage_end(w->stage, e);
}

static enum err write(struct sink *sink, const uint8_t *bytes, size_t n, struct error *e) {
    struct integrity_worker *w =
        (struct integrity_worker *)((char *)sink - offsetof(struct integrity_worker, sink));
    return package_dec_push(w->dec, bytes, n, e);
}

enum err integrity_receive_start(struct integrity_worker *w, struct error *e) {
    struct integrity_env *env = w->env;
    enum err err = task_id_new(env->sys, w->task_id, e);
    if (err == E_OK)
        err = stage_open(w->stage, e);
    if (err != E_OK)
        return err;
    w->checker = pool_take(env->checkers);
    if (!w->checker) {
        stage_discard(w->stage);
        return error_set(e, E_POOL, 0, "no inflater is free");
    }
    w->events = (struct package_events){.arg = w, .begin = begin, .data = data, .end = end};
    w->dec = package_dec_init(w->checker->dec, &w->events, env->intervals->max_zip_size);
    blob_init(&w->metadata, w->small, sizeof w->small, env->windows, env->spill,
              env->intervals->max_zip_size);
    w->in_metadata = w->had_metadata = w->file_begun = w->file_good = false;
    w->state = IW_RECEIVE;
    return E_OK;
}

enum err integrity_worker_file_begin(struct integrity_worker *w, const char *path, struct sink **sink,
                                     struct error *e) {
    if (w->state != IW_RECEIVE || w->file_begun)
        return error_set(e, E_UNKNOWN, 0, "%s: no task waits for this file", path);
    w->file_begun = true;
    snprintf(w->in_path, sizeof w->in_path, "%s", path);
    *sink = &w->sink;
    return E_OK;
}

void integrity_worker_file_end(struct integrity_worker *w, const char *path, bool good) {
    if (w->state == IW_RECEIVE && w->file_begun && strcmp(path, w->in_path) == 0)
        w->file_good = good;
}

/* ---- reading the metadata, then applying ---- */

static void sync_failed(struct integrity_worker *w, const struct error *why) {
    struct wazuh_error error;
    log_line(w->env->log, LOG_ERROR, w->env->tag, IW_SYNC_TAG, "Error synchronizing files: %s", why->what);
    wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, 1000, why->what);
    integrity_worker_tell_error(w, &error);
    integrity_worker_idle(w);
}

static enum err member(void *arg, const struct manifest_member *m, struct error *e) {
    struct integrity_worker *w = arg;
    switch (m->section) {
    case SECTION_MISSING:
        w->create++;
        break;
    case SECTION_SHARED:
        w->update++;
        break;
    case SECTION_EXTRA:
        w->remove++;
        break;
    default: /* extra_valid is empty or absent in the versions served here */
        return E_OK;
    }
    return apply_member(&w->apply, m, e);
}

static void finished(struct integrity_worker *w) {
    const struct apply_report *r = &w->apply.report;
    w->last = *r;
    w->sync_ms = w->env->loop->now_ms;
    if (r->refused)
        log_line(w->env->log, LOG_WARNING, w->env->tag, IW_SYNC_TAG,
                 "%u of %u files could not be applied; see the status for the reasons.", r->refused,
                 w->create + w->update + w->remove);
    log_line(w->env->log, LOG_INFO, w->env->tag, IW_SYNC_TAG, "Finished in %.3fs.",
             (double)(w->env->sys->mono_ns(w->env->sys) - w->phase_ns) / 1e9);
    integrity_worker_idle(w);
    scanner_start(w->env->scanner); /* so that the status tells the new tree at once */
}

/* One window of the metadata per step; after the last one the set is known and can be applied. */
static enum err read_metadata(struct integrity_worker *w, struct error *e) {
    uint8_t buf[4096];
    size_t n = 0;
    for (unsigned i = 0; i < 32; i++) {
        enum err err = blob_read(&w->metadata, w->metadata_at, buf, sizeof buf, &n, e);
        if (err == E_OK && n > 0)
            err = manifest_reader_push(&w->reader, buf, n, e);
        if (err != E_OK)
            return err;
        w->metadata_at += n;
        if (n < sizeof buf)
            break;
    }
    if (w->metadata_at < w->metadata.size)
        return E_OK;
    enum err err = manifest_reader_finish(&w->reader, e);
    if (err != E_OK)
        return err;
    log_line(w->env->log, LOG_INFO, w->env->tag, IW_SYNC_TAG,
             "Files to create: %u | Files to update: %u | Files to delete: %u", w->create, w->update,
             w->remove);
    w->state = IW_APPLY;
    return E_OK;
}

static void work(void *arg) {
    struct integrity_worker *w = arg;
    struct error e;
    if (w->state == IW_READ) {
        if (read_metadata(w, &e) != E_OK) {
            sync_failed(w, &e);
            return;
        }
        loop_work_queue(w->env->loop, &w->work);
        return;
    }
    switch (apply_step(&w->apply)) {
    case STEP_DONE:
        finished(w);
        break;
    case STEP_FAILED:
        e = w->apply.error;
        sync_failed(w, &e);
        break;
    case STEP_WAIT:
        if (loop_io_add(w->env->loop, &w->drain, w->apply.drain_fd, SYS_POLLIN))
            break;
        /* fall through */
    default:
        loop_work_queue(w->env->loop, &w->work);
        break;
    }
}

static void drained(void *arg, short events) {
    struct integrity_worker *w = arg;
    (void)events;
    loop_io_remove(w->env->loop, &w->drain);
    loop_work_queue(w->env->loop, &w->work);
}

static void start_reading(struct integrity_worker *w) {
    struct apply_refusal refusal = {.arg = w, .refused = refused};
    log_line(w->env->log, LOG_INFO, w->env->tag, IW_SYNC_TAG, "Starting.");
    w->phase_ns = w->env->sys->mono_ns(w->env->sys);
    w->create = w->update = w->remove = 0;
    w->metadata_at = 0;
    apply_init(&w->apply, w->stage, &refusal);
    manifest_reader_init(&w->reader, true, w, member);
    w->state = IW_READ;
    loop_timer_stop(w->env->loop, &w->timer);
    loop_work_queue(w->env->loop, &w->work);
}

void integrity_receive_end(struct integrity_worker *w, const struct message *message) {
    char id[TASK_ID_BYTES];
    const char *path;
    size_t n, path_n;
    const char *text = message_text(message, &n);
    bool named = task_and_rest(text, n, id, sizeof id, &path, &path_n);
    if (!named || w->state != IW_RECEIVE || strcmp(id, w->task_id) != 0 || !w->file_begun ||
        !same_package_path(path, path_n, w->in_path)) {
        struct wazuh_error error;
        wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, 3027, named ? id : NULL);
        session_reply_error(w->session, message->counter, &error);
        return;
    }
    session_reply_text(w->session, message->counter, "ok", "File correctly received");
    struct error e;
    enum err err = E_OK;
    if (!w->file_good)
        err = error_set(&e, E_DIGEST, 0, "the master's package was not received whole");
    if (err == E_OK)
        err = package_dec_finish(w->dec, &e);
    if (err == E_OK && !w->had_metadata)
        err = error_set(&e, E_TRUNCATED, 0, "the package has no " METADATA_NAME);
    if (err == E_OK)
        start_reading(w);
    else
        sync_failed(w, &e);
}

void integrity_receive_too_late(struct integrity_worker *w) {
    char payload[WAZUH_ERROR_JSON_BYTES + 80];
    struct wazuh_error error;
    struct error e;
    log_line(w->env->log, LOG_ERROR, w->env->tag, IW_SYNC_TAG,
             "The master did not send its files within %u s: cancelled.",
             w->env->intervals->timeout_receiving_file_ms / 1000);
    wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, 3039, NULL);
    size_t n = task_error_payload(payload, w->task_id, &error, w->env->dialect);
    session_request(w->session, "cancel_task", payload, n, NULL, NULL, &e);
    integrity_worker_idle(w);
    w->kick(w->arg);
}

void integrity_receive_init(struct integrity_worker *w) {
    w->sink.write = write;
    loop_work_init(&w->work, work, w);
    loop_io_init(&w->drain, drained, w);
    blob_init(&w->metadata, w->small, sizeof w->small, w->env->windows, w->env->spill, 0);
}

void integrity_receive_drop(struct integrity_worker *w) {
    loop_work_cancel(w->env->loop, &w->work);
    loop_io_remove(w->env->loop, &w->drain);
    blob_reset(&w->metadata);
    if (w->session && w->file_begun) /* a master may report an error in the middle of its file */
        xfer_rx_orphan(w->session, w->in_path);
    w->file_begun = false;
    if (w->checker) {
        pool_give(w->env->checkers, w->checker);
        w->checker = NULL;
    }
    if (w->state == IW_RECEIVE)
        stage_discard(w->stage);
    if (w->state == IW_READ || w->state == IW_APPLY) {
        apply_abort(&w->apply); /* before its commit this discards the stage, after it nothing: the next start
                                   finishes */
        stage_close(w->stage);
    }
}
