/* wdb_client.c - the jobs of a store, as requests to wazuh-db: what is asked, what is asked next, and what
 * the answers make of the job. Requests and payloads are those of the reference, section 14; strings are
 * built and taken apart by store/strings.c; bytes move in wdb_client_io.c. */
#include "role/wdb_client.h"

#include "src/role/wdb_client_parts.h"

#include <string.h>

/* ---- what a job is ---- */

bool wdb_is_read(const struct store_job *j) {
    return j->work == STORE_INFO_READ || j->work == STORE_GROUPS_READ || j->work == STORE_GROUPS_READ_ALL;
}

enum string_kind wdb_string_kind(const struct wdb_client *w) {
    switch (w->running->work) {
    case STORE_INFO_READ:
    case STORE_INFO_WRITE:
        return w->info_http ? STRING_INFO_LISTS : STRING_INFO_TEXT;
    default:
        return STRING_GROUPS;
    }
}

/* ---- the end of a job ---- */

void wdb_finish(struct wdb_client *w, const struct error *e) {
    struct store_job *j = w->running;
    w->running = NULL;
    w->phase = WDB_FREE;
    loop_work_cancel(w->loop, &w->work);
    if (w->first && !w->closing)
        loop_work_queue(w->loop, &w->work);
    store_job_end(j);
    if (e) {
        j->err = e->code;
        j->why = *e;
        w->store.failures++;
        if (wdb_is_read(j))
            blob_reset(j->blob);
    } else if (j->work == STORE_INFO_WRITE || j->work == STORE_GROUPS_WRITE ||
               j->work == STORE_GROUPS_RECALCULATE || j->work == STORE_TEXT) {
        w->store.changes++;
    }
    j->queued = false;
    j->done(j->arg, j); /* the last thing: j may be gone, or submitted again */
}

/* ---- answers ---- */

static void text_answered(struct wdb_client *w, char *text, size_t n) {
    struct store_job *j = w->running;
    bool due = strncmp(text, "due ", 4) == 0;
    bool good = due || strcmp(text, "ok") == 0 || strncmp(text, "ok ", 3) == 0;
    char *words = strchr(text, ' ') ? strchr(text, ' ') + 1 : text + n;
    struct error e;
    switch (j->work) {
    case STORE_TEXT:
        j->reply = text;
        j->reply_n = n;
        wdb_finish(w, NULL);
        return;
    case STORE_INFO_WRITE:
    case STORE_GROUPS_WRITE:
        wdb_written(w, good, words);
        return;
    default:
        break;
    }
    if (!good) {
        error_set(&e, E_PEER, 0, "wazuh-db: %s", strncmp(text, "err ", 4) == 0 ? words : text);
        if (wdb_is_read(j))
            wdb_read_failed(w, &e);
        else
            wdb_finish(w, &e);
    } else if (wdb_is_read(j)) {
        wdb_read_chunk(w, words, n - (size_t)(words - text), due);
    } else if (j->work == STORE_GROUPS_RECALCULATE) {
        wdb_finish(w, NULL);
    } else if (wdb_groups_chunk(&w->chunk, words, n - (size_t)(words - text), NULL, 0, &e) != E_OK) {
        error_prefix(&e, "the answer of wazuh-db");
        wdb_finish(w, &e);
    } else if (!w->chunk.hash_seen) {
        error_set(&e, E_VALUE, 0, "wazuh-db tells no hash");
        wdb_finish(w, &e);
    } else {
        j->has_hash = w->chunk.has_hash;
        memcpy(j->hash, w->chunk.hash, sizeof j->hash);
        wdb_finish(w, NULL);
    }
}

void wdb_answered(struct wdb_client *w) {
    if (w->info_http && (w->running->work == STORE_INFO_READ || w->running->work == STORE_INFO_WRITE))
        wdb_http_answered(w);
    else
        text_answered(w, w->texts->reply, w->reply_n);
}

void wdb_failed(struct wdb_client *w, const struct error *e) {
    struct error copy = *e;
    if (wdb_is_read(w->running) && wdb_string_kind(w) != STRING_INFO_LISTS)
        wdb_read_failed(w, &copy);
    else
        wdb_finish(w, &copy);
}

/* ---- jobs ---- */

static void begin(struct wdb_client *w) {
    struct store_job *j = w->running;
    store_job_begin(j);
    memset(&w->chunk, 0, sizeof w->chunk);
    w->first_chunk = true;
    w->refusal_n = 0;
    w->phase = WDB_ASKED;
    switch (j->work) {
    case STORE_INFO_READ:
        if (w->info_http) {
            memset(&w->clean, 0, sizeof w->clean);
            json_stream_init(&w->lists, &wdb_lists_events, &w->chunk, NULL, 0);
            wdb_ask_http(w, 0, 0);
            break;
        }
        wdb_read_more(w);
        break;
    case STORE_GROUPS_READ:
    case STORE_GROUPS_READ_ALL:
        wdb_read_more(w);
        break;
    case STORE_INFO_WRITE:
    case STORE_GROUPS_WRITE:
        wdb_write_begin(w);
        break;
    case STORE_GROUPS_HASH:
        wdb_ask_text(w, WDB_GROUPS_GET "{\"get_global_hash\": true}", NULL, 0, "");
        break;
    case STORE_GROUPS_RECALCULATE:
        wdb_ask_text(w, "global recalculate-agent-group-hashes", NULL, 0, "");
        break;
    case STORE_TEXT:
        wdb_ask_text(w, "", j->text, j->text_n, "");
        break;
    case STORE_INFO_CONFIRM:
    case STORE_INFO_RELEASE:
    case STORE_GROUPS_TOLD:
        wdb_finish(w, NULL); /* wazuh-db marked the rows when they were read */
        break;
    }
}

static void work(void *arg) {
    struct wdb_client *w = arg;
    if (w->running) {
        wdb_write_step(w);
        return;
    }
    w->running = w->first;
    w->first = w->first->next;
    if (!w->first)
        w->last = NULL;
    begin(w);
}

static void submit(struct store *s, struct store_job *j) {
    struct wdb_client *w = (struct wdb_client *)s;
    if (w->closing || j->queued)
        return;
    j->queued = true;
    j->next = NULL;
    if (w->last)
        w->last->next = j;
    else
        w->first = j;
    w->last = j;
    if (!w->running)
        loop_work_queue(w->loop, &w->work);
}

static void cancel(struct store *s, struct store_job *j) {
    struct wdb_client *w = (struct wdb_client *)s;
    struct store_job **at = &w->first, *before = NULL;
    if (!j->queued)
        return;
    j->queued = false;
    if (w->running == j) {
        wdb_ask_nothing(w);
        w->running = NULL;
        w->phase = WDB_FREE;
        loop_work_cancel(w->loop, &w->work);
        if (w->first)
            loop_work_queue(w->loop, &w->work);
        return;
    }
    while (*at != j) {
        before = *at;
        at = &before->next;
    }
    *at = j->next;
    if (w->last == j)
        w->last = before;
    if (!w->first && !w->running)
        loop_work_cancel(w->loop, &w->work);
}

static const struct store_ops ops = {.submit = submit, .cancel = cancel};

void wdb_client_init(struct wdb_client *w, struct sys *sys, struct loop *loop, struct log *log,
                     const char *root_path, bool is_worker, bool info_http, bool groups_named,
                     struct store_texts *texts, uint64_t answer_most) {
    (void)is_worker;
    (void)groups_named;
    memset(w, 0, sizeof *w);
    w->store = (struct store){.ops = &ops, .kind = "wazuh-db", .marks_on_reading = true};
    w->sys = sys;
    w->loop = loop;
    w->log = log;
    w->root_path = root_path;
    w->info_http = info_http;
    w->texts = texts;
    w->answer_most = answer_most;
    loop_work_init(&w->work, work, w);
    wdb_connections_init(w);
}

void wdb_client_fini(struct wdb_client *w) {
    struct error e;
    error_set(&e, E_CLOSED, 0, "the node stops");
    w->closing = true;
    wdb_connections_fini(w);
    if (w->running)
        wdb_finish(w, &e);
    while (w->first) {
        w->running = w->first;
        w->first = w->first->next;
        store_job_begin(w->running);
        wdb_finish(w, &e);
    }
    w->last = NULL;
    loop_work_cancel(w->loop, &w->work);
}
