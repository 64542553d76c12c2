/* wdb_client_read.c - reading jobs of wdb_client: chunks of text, asked for until there are no more, and the
 * body of GET /v1/agents/sync. Both go into the string as they come, looked through but not changed. */
#include "src/role/wdb_client_parts.h"

#include <stdio.h>
#include <string.h>

void wdb_read_more(struct wdb_client *w) {
    char text[160];
    w->phase = WDB_ASKED;
    switch (w->running->work) {
    case STORE_INFO_READ:
        wdb_ask_text(w, "global sync-agent-info-get {}", NULL, 0, "");
        break;
    case STORE_GROUPS_READ:
        wdb_ask_text(w,
                     WDB_GROUPS_GET "{\"condition\": \"sync_status\", \"set_synced\": true, "
                                    "\"get_global_hash\": true}",
                     NULL, 0, "");
        break;
    default:
        snprintf(text, sizeof text,
                 WDB_GROUPS_GET "{\"condition\": \"all\", \"set_synced\": false, \"get_global_hash\": false, "
                                "\"last_id\": %lld}",
                 (long long)w->chunk.last_id);
        wdb_ask_text(w, text, NULL, 0, "");
        break;
    }
}

/* The string is whole. */
static void end_read(struct wdb_client *w) {
    struct store_job *j = w->running;
    struct error e;
    if (!w->first_chunk && string_end(j->blob, wdb_string_kind(w), &e) != E_OK) {
        wdb_finish(w, &e);
        return;
    }
    j->rows = w->chunk.rows;
    if (j->work != STORE_INFO_READ || w->info_http)
        j->parts = (uint32_t)j->rows;
    else
        j->parts = j->parts_in_all;
    j->has_hash = w->chunk.has_hash;
    memcpy(j->hash, w->chunk.hash, sizeof j->hash);
    wdb_finish(w, NULL);
}

/* What was read before is marked as told: it goes on its way, and the rest is read the next time. A full list
 * marks nothing, and half of one is none. */
void wdb_read_failed(struct wdb_client *w, const struct error *e) {
    if (w->first_chunk || w->running->work == STORE_GROUPS_READ_ALL)
        wdb_finish(w, e);
    else
        end_read(w);
}

static enum err append_chunk(struct wdb_client *w, const char *text, size_t n, struct error *e) {
    struct store_job *j = w->running;
    if (w->first_chunk) {
        enum err err = string_begin(j->blob, wdb_string_kind(w), e);
        if (err != E_OK)
            return err;
    }
    enum err err = string_chunk(j->blob, text, n, w->first_chunk, e);
    w->first_chunk = false;
    j->parts_in_all++;
    return err;
}

/* There is room for another chunk, even if most of its bytes need an escape. */
static bool has_room(const struct wdb_client *w) {
    const struct blob *b = w->running->blob;
    uint64_t most = b->limit < w->answer_most ? b->limit : w->answer_most;
    return b->size + 2 * STORE_TEXT_BYTES <= most;
}

void wdb_read_chunk(struct wdb_client *w, char *text, size_t n, bool due) {
    struct store_job *j = w->running;
    struct utf8_clean clean = {0};
    struct error e;
    uint64_t rows = w->chunk.rows;
    int64_t last_id = w->chunk.last_id;
    n = utf8_clean(&clean, text, n, text); /* as Python: a peer could read no other */
    enum err err = j->work == STORE_INFO_READ ? wdb_info_chunk(&w->chunk, text, n, &e)
                                              : wdb_groups_chunk(&w->chunk, text, n, NULL, 0, &e);
    if (err != E_OK) {
        error_prefix(&e, "the answer of wazuh-db");
        wdb_read_failed(w, &e);
        return;
    }
    /* Chunks that say nothing are left out, as Wazuh does; but a real worker needs one of agent groups. */
    bool empty = w->chunk.rows == rows && !(j->work != STORE_INFO_READ && w->chunk.hash_seen);
    if ((!empty || (j->work != STORE_INFO_READ && w->first_chunk && !due)) &&
        append_chunk(w, text, n, &e) != E_OK) {
        wdb_finish(w, &e); /* what is in the blob is no string */
        return;
    }
    if (!due) {
        end_read(w);
    } else if (empty || (j->work == STORE_GROUPS_READ_ALL && w->chunk.last_id <= last_id)) {
        error_set(&e, E_SYNTAX, 0, "wazuh-db says that there is more, and tells nothing");
        wdb_read_failed(w, &e);
    } else if (!has_room(w)) {
        error_set(&e, E_LIMIT, 0, "what wazuh-db tells is more than %llu bytes",
                  (unsigned long long)w->answer_most);
        wdb_read_failed(w, &e);
    } else {
        wdb_read_more(w);
    }
}

/* ---- HTTP ---- */

static bool is_good(const struct http *h) {
    return h->status >= 200 && h->status < 300;
}

/* The body goes into the string as the value of "chunks", as it is. */
enum err wdb_answer_body(struct wdb_client *w, const char *bytes, size_t n, struct error *e) {
    char good[512 + 3];
    struct store_job *j = w->running;
    enum err err = E_OK;
    if (!is_good(&w->head)) {
        while (n-- > 0 && w->refusal_n < sizeof w->refusal)
            w->refusal[w->refusal_n++] = *bytes++;
        return E_OK;
    }
    if (j->work == STORE_INFO_WRITE)
        return E_OK;
    if (w->first_chunk)
        err = string_begin(j->blob, STRING_INFO_LISTS, e);
    w->first_chunk = false;
    for (size_t piece; err == E_OK && n > 0; bytes += piece, n -= piece) {
        piece = n < sizeof good - 3 ? n : sizeof good - 3;
        size_t good_n = utf8_clean(&w->clean, bytes, piece, good);
        err = json_stream_push(&w->lists, good, good_n, e);
        if (err != E_OK)
            error_prefix(e, "the answer of wazuh-db");
        else
            err = blob_append(j->blob, (const uint8_t *)good, good_n, e);
    }
    return err;
}

void wdb_http_answered(struct wdb_client *w) {
    struct store_job *j = w->running;
    struct error e;
    if (!is_good(&w->head)) {
        error_set(&e, E_PEER, 0, "wazuh-db answered %u: %.*s", w->head.status, (int)w->refusal_n, w->refusal);
        wdb_finish(w, &e);
    } else if (j->work == STORE_INFO_WRITE) {
        j->parts = j->parts_in_all;
        wdb_finish(w, NULL);
    } else if (json_stream_finish(&w->lists, &e) != E_OK) {
        error_prefix(&e, "the answer of wazuh-db");
        wdb_finish(w, &e);
    } else {
        if (!w->chunk.rows) { /* {} or empty lists: there is nothing */
            blob_reset(j->blob);
            w->first_chunk = true;
        }
        end_read(w);
    }
}
