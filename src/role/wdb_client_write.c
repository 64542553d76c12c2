/* wdb_client_write.c - writing jobs of wdb_client: two passes over the string, the first of which only looks
 * whether all of it is well-formed, so that nothing of a bad one goes to wazuh-db. */
#include "src/role/wdb_client_parts.h"

#include <stdio.h>
#include <string.h>

#define SLICE_EVENTS 256u        /* events of a string's reader in one turn ... */
#define SLICE_BYTES (128u << 10) /* ... and about as many bytes of it */

static void begin_pass(struct wdb_client *w, enum wdb_phase phase) {
    enum string_kind kind = wdb_string_kind(w);
    w->phase = (uint8_t)phase;
    strings_reader_init(&w->reader, kind, kind == STRING_INFO_LISTS, w->running->blob, w->texts);
    loop_work_queue(w->loop, &w->work);
}

void wdb_write_begin(struct wdb_client *w) {
    begin_pass(w, WDB_CHECK);
}

static void checked(struct wdb_client *w) {
    struct store_job *j = w->running;
    if (wdb_string_kind(w) != STRING_INFO_LISTS) {
        begin_pass(w, WDB_APPLY);
        return;
    }
    j->parts_in_all = w->reader.chunk;
    w->phase = WDB_ASKED;
    wdb_ask_http(w, w->reader.chunks_from, w->reader.chunks_to);
}

static void next_chunk(struct wdb_client *w) {
    w->phase = WDB_APPLY;
    loop_work_queue(w->loop, &w->work);
}

/* The chunk as it came, or its data in a command of our own: what else a peer's string says is not asked. */
static void write_chunk(struct wdb_client *w) {
    struct strings_reader *r = &w->reader;
    struct error e;
    w->chunk.rows = 0;
    if (w->running->work == STORE_INFO_WRITE) {
        if (wdb_info_chunk(&w->chunk, r->text, r->text_n, &e) != E_OK)
            w->chunk.rows = 0; /* wazuh-db will say so */
        w->phase = WDB_ASKED;
        wdb_ask_text(w, "global sync-agent-info-set ", r->text, r->text_n, "");
        return;
    }
    enum err err =
        wdb_groups_chunk(&w->chunk, r->text, r->text_n, w->texts->reply, sizeof w->texts->reply, &e);
    if (err == E_OK && !w->chunk.data)
        err = error_set(&e, E_VALUE, 0, "the chunk has no \"data\"");
    if (err != E_OK) {
        store_job_refused(w->running, e.what);
        next_chunk(w);
        return;
    }
    w->phase = WDB_ASKED;
    wdb_ask_text(w, "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":",
                 w->chunk.data, w->chunk.data_n, "}");
}

/* Wazuh 4.8 and later do not count this one: it is said of agents that this node does not know yet. */
static bool is_no_refusal(const char *words) {
    return strstr(words, "Cannot execute Global database query; FOREIGN KEY constraint failed") != NULL;
}

void wdb_written(struct wdb_client *w, bool good, const char *words) {
    struct store_job *j = w->running;
    char why[256];
    if (good) {
        j->parts++;
        j->rows += w->chunk.rows;
    } else if (!is_no_refusal(words)) { /* in the words of Wazuh's own exception */
        snprintf(why, sizeof why, "Error 2003 - Error in wazuhdb request: %.180s", words);
        store_job_refused(j, why);
    }
    next_chunk(w);
}

static void applied(struct wdb_client *w) {
    struct store_job *j = w->running;
    j->has_hash = w->chunk.has_hash;
    memcpy(j->hash, w->chunk.hash, sizeof j->hash);
    wdb_finish(w, NULL);
}

/* One slice of a pass. */
void wdb_write_step(struct wdb_client *w) {
    uint64_t until = w->reader.at + SLICE_BYTES;
    for (unsigned i = 0; i < SLICE_EVENTS && w->reader.at < until; i++) {
        enum string_event event;
        struct error e;
        if (strings_reader_next(&w->reader, &event, &e) != E_OK) {
            wdb_finish(w, &e);
            return;
        }
        if (event == STRING_END) {
            if (w->phase == WDB_CHECK)
                checked(w);
            else
                applied(w);
            return;
        }
        if (event == STRING_AGENT)
            w->running->rows++;
        if (event != STRING_CHUNK)
            continue;
        if (w->phase == WDB_APPLY) {
            write_chunk(w);
            return;
        }
        w->running->parts_in_all++;
    }
    loop_work_queue(w->loop, &w->work);
}
