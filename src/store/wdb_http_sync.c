/* wdb_http_sync.c - GET and POST /v1/agents/sync, for other programs: picket's own synchronisation does not
 * come through here. */
#include "src/store/agents_parts.h"
#include "src/store/wdb_http_parts.h"

#include <string.h>

/* ---- GET ---- */

/* Each row counts as synchronised from here on, as wazuh-db has it, in the transaction that has read it; one
 * that was written to while the cluster's own batch is on its way stays pending, for that batch. */
enum err http_sync_get(struct wdb_http *h, bool *done, struct error *e) {
    struct db *db = h->agents->db;
    struct text t;
    enum err err = db_begin(db, e);
    if (err)
        return err;
    text_init(&t, h->texts->reply, sizeof h->texts->reply);
    err = info_tell_lists(h->agents, &h->read, false, true, &t, done, e);
    if (err == E_OK)
        err = blob_append(h->out, (const uint8_t *)t.buf, t.len, e);
    if (err == E_OK)
        err = db_commit(db, e);
    if (err)
        db_rollback(db);
    return err;
}

/* ---- POST ---- */

enum { CHECK, APPLY };

/* Nothing of a body that is not well-formed is applied: it is read twice. */
static const struct json_stream_events check_events = {.value = NULL};

static enum json_want apply_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct wdb_http *h = arg;
    if (depth == 2)
        return JSON_KEEP;
    if (depth == 0)
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    if (!key || kind != JSON_ARRAY)
        return JSON_SKIP;
    if (strcmp(key, "syncreq") == 0)
        h->list = SYNCREQ;
    else if (strcmp(key, "syncreq_keepalive") == 0)
        h->list = SYNCREQ_KEEPALIVE;
    else if (strcmp(key, "syncreq_status") == 0)
        h->list = SYNCREQ_STATUS;
    else
        return JSON_SKIP;
    return JSON_ENTER;
}

static enum err apply_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                           struct error *e) {
    struct wdb_http *h = arg;
    struct json_doc d;
    (void)depth;
    (void)key;
    enum err err = json_parse(&d, json, n, h->texts->tokens, STRING_TOKENS, e);
    if (err == E_OK)
        err = agents_apply(h->agents, (enum sync_status)h->list, &d, 0, NULL, e);
    if (err)
        return err == E_AGAIN ? E_SYS : err; /* another program holds the file: no pause */
    return ++h->rows < HTTP_ROWS ? E_OK : E_AGAIN;
}

static enum err apply_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct wdb_http *h = arg;
    (void)depth;
    (void)key;
    h->status = 400;
    return error_set(e, E_LIMIT, 0, "an agent of more than %u bytes", STRING_AGENT_BYTES);
}

static const struct json_stream_events apply_events = {
    .value = apply_value, .kept = apply_kept, .too_long = apply_long};

/* Reads on for about 64 KB, or until the rows of a step are done: E_AGAIN. E_OK: the end is reached. */
static enum err read_on(struct wdb_http *h, struct error *e) {
    uint8_t piece[2048];
    size_t n;
    for (uint64_t until = h->stream.at + (64u << 10); h->stream.at < until;) {
        enum err err = blob_read(h->body, h->stream.at, piece, sizeof piece, &n, e);
        if (err == E_OK && n == 0)
            return json_stream_finish(&h->stream, e);
        if (err == E_OK)
            err = json_stream_push(&h->stream, (const char *)piece, n, e);
        if (err)
            return err;
    }
    return E_AGAIN;
}

static enum err check(struct wdb_http *h, struct error *e) {
    enum err err = read_on(h, e);
    if (err == E_AGAIN)
        return E_OK;
    if (err == E_OK) {
        h->phase = APPLY;
        json_stream_init(&h->stream, &apply_events, h, h->keep, sizeof h->keep);
    }
    return err;
}

/* What came before an agent that cannot be applied stays, as it does there. */
static enum err apply(struct wdb_http *h, bool *done, struct error *e) {
    struct db *db = h->agents->db;
    struct error commit;
    enum err err = db_begin(db, e);
    if (err)
        return err;
    enum err read = read_on(h, e);
    err = db_commit(db, &commit);
    if (err) {
        db_rollback(db);
        *e = commit;
        return err;
    }
    *done = read == E_OK;
    return read == E_AGAIN ? E_OK : read;
}

enum err http_sync_post(struct wdb_http *h, bool *done, struct error *e) {
    if (h->phase == CHECK && h->stream.at == 0)
        json_stream_init(&h->stream, &check_events, h, NULL, 0);
    return h->phase == CHECK ? check(h, e) : apply(h, done, e);
}
