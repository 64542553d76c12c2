/* agent_texts.c - see the header. Strings come out of the session's table (wire/xfer_string.c), verdicts out
 * of a finished store_job or off the wire; nothing here keeps anything. */
#include "task/agent_texts.h"

#include "base/json_stream.h"
#include "base/json_write.h"
#include "wire/xfer.h"

#include <inttypes.h>
#include <string.h>

/* ---- strings ---- */

/* Short content lies in the string's own slot and must be copied; the rest changes hands. */
static enum err move(struct blob *to, struct blob *from, struct error *e) {
    if (from->window || from->handle >= 0) {
        blob_move(to, from);
        return E_OK;
    }
    return blob_copy(to, from, e);
}

enum err agent_string_take(struct session *s, const struct message *m, struct blob *to, struct error *e) {
    size_t n;
    const char *id = message_text(m, &n); /* cmds.def: 64 bytes at most, so in memory */
    struct xfer_string *x = id ? xfer_string_find(s, id, n) : NULL;
    if (!x) /* Python's words for a missing key of bytes */
        return error_set(e, E_UNKNOWN, 0, "error while trying to access string under task_id b'%.*s'.",
                         id ? (int)n : 0, id ? id : "");
    enum err err = move(to, &x->body, e);
    xfer_string_drop(s, x);
    if (err)
        blob_reset(to);
    return err;
}

/* ---- our verdicts ---- */

bool agent_verdict_write(struct text *out, const struct store_job *j, const char *what, double seconds) {
    struct json_write w;
    if (j->err == E_SYNTAX || j->err == E_TRUNCATED || j->err == E_VALUE) {
        text_format(out, "error while trying to load JSON: %s", j->why.what);
        return false;
    }
    if (j->err == E_UNKNOWN) { /* agent_string_take's */
        text_str(out, j->why.what);
        return false;
    }
    if (j->err) {
        text_format(out, "error processing %s chunks: %s", what, j->why.what);
        return false;
    }
    json_write_init(&w, out);
    json_open(&w, '{');
    json_key_uint(&w, "updated_chunks", j->parts);
    json_key(&w, "error_messages");
    json_raw(&w, j->errors, strlen(j->errors));
    json_key(&w, "time_spent");
    char spent[32];
    struct text t;
    text_init(&t, spent, sizeof spent);
    text_format(&t, "%.6f", seconds);
    json_raw(&w, spent, t.len);
    json_close(&w, '}');
    return true;
}

void agent_verdict_late(struct text *out, const char *what) {
    text_format(out, "Timeout while processing %s chunks.", what);
}

void agent_verdict_log(struct log *log, const char *tag, const char *subtag, const struct store_job *j,
                       const char *what, double seconds) {
    if (j->err) {
        log_line(log, LOG_ERROR, tag, subtag, "Error while processing %s chunks: %s", what, j->why.what);
        return;
    }
    if (j->error_count)
        log_line(log, LOG_ERROR, tag, subtag,
                 "Wazuh-db response for %" PRIu32 "/%" PRIu32 " chunks was not \"ok\": %s", j->error_count,
                 j->parts_in_all, j->errors);
    log_line(log, LOG_DEBUG, tag, subtag, "%" PRIu32 "/%" PRIu32 " chunks updated in wazuh-db in %.3fs.",
             j->parts, j->parts_in_all, seconds);
}

/* ---- the peer's ---- */

struct reading {
    struct agent_result *r;
    struct text words;
    bool whole; /* "updated_chunks" was there, and a list of messages */
    bool listed;
};

static enum json_want value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct reading *g = arg;
    if (depth == 0)
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    if (depth == 1 && kind == JSON_NUMBER && strcmp(key, "updated_chunks") == 0)
        return JSON_KEEP;
    if (depth == 1 && kind == JSON_ARRAY && strcmp(key, "error_messages") == 0) {
        g->listed = true;
        return JSON_ENTER;
    }
    if (depth < 2)
        return JSON_SKIP;
    text_str(&g->words, g->r->errors++ ? ", " : "");
    if (kind != JSON_STRING)
        return JSON_SKIP;
    text_char(&g->words, '\'');
    return JSON_PASS;
}

static enum err kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                     struct error *e) {
    struct reading *g = arg;
    (void)depth, (void)key;
    g->whole = text_number(json, n, UINT64_MAX, &g->r->updated);
    return g->whole ? E_OK : error_set(e, E_VALUE, 0, "updated_chunks is %.*s", (int)n, json);
}

static enum err passed(void *arg, const char *bytes, size_t n, struct error *e) {
    (void)e;
    text_add(&((struct reading *)arg)->words, bytes, n);
    return E_OK;
}

static enum err left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    (void)depth, (void)e;
    if (kind == JSON_STRING)
        text_char(&((struct reading *)arg)->words, '\'');
    return E_OK;
}

enum err agent_result_read(struct agent_result *r, const struct message *m, struct error *e) {
    static const struct json_stream_events events = {
        .value = value, .kept = kept, .passed = passed, .left = left};
    struct reading g = {.r = r};
    struct json_stream s;
    uint8_t piece[1024];
    char number[24];
    size_t n;
    enum err err = E_OK;
    memset(r, 0, sizeof *r);
    text_init(&g.words, r->words, sizeof r->words);
    text_char(&g.words, '[');
    json_stream_init(&s, &events, &g, number, sizeof number);
    for (uint64_t at = 0; !err && at < m->body.size; at += n) {
        err = blob_read(&m->body, at, piece, sizeof piece, &n, e);
        if (!err)
            err = json_stream_push(&s, (const char *)piece, n, e);
    }
    if (!err)
        err = json_stream_finish(&s, e);
    if (!err && !(g.whole && g.listed))
        err = error_set(e, E_VALUE, 0, "a result without updated_chunks or error_messages");
    text_char(&g.words, ']');
    return err;
}

void agent_result_log(struct log *log, enum log_level good, const char *tag, const char *subtag,
                      const struct agent_result *r, double seconds) {
    if (r->errors)
        log_line(log, LOG_ERROR, tag, subtag,
                 "Finished in %.3fs. Updated %" PRIu64 " chunks. There were %" PRIu32
                 " chunks with errors: %s",
                 seconds, r->updated, r->errors, r->words);
    else
        log_line(log, good, tag, subtag, "Finished in %.3fs. Updated %" PRIu64 " chunks.", seconds,
                 r->updated);
}

void agent_error_log(struct log *log, const char *tag, const char *subtag, const char *what,
                     const struct message *m) {
    uint8_t words[512];
    size_t n = 0;
    struct error e;
    if (blob_read(&m->body, 0, words, sizeof words, &n, &e))
        n = 0;
    log_line(log, LOG_ERROR, tag, subtag, "There was an error while processing %s on the peer: %.*s", what,
             (int)n, (const char *)words);
}
