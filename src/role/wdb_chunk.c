/* wdb_chunk.c - looks through the JSON that wazuh-db answers: how many agents there are, which is the last,
 * what the global hash is, where the data lies. It changes nothing: chunks go on as they came. */
#include "src/role/wdb_client_parts.h"

#include "base/text.h"

#include <string.h>

/* ---- agent information: [{agent}, ..] ---- */

static enum json_want info_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct wdb_chunk *c = arg;
    (void)key;
    if (depth == 0)
        return kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
    c->rows += kind == JSON_OBJECT;
    return JSON_SKIP;
}

static const struct json_stream_events info_events = {.value = info_value};

enum err wdb_info_chunk(struct wdb_chunk *c, const char *text, size_t n, struct error *e) {
    struct json_stream s;
    json_stream_init(&s, &info_events, c, NULL, 0);
    enum err err = json_stream_push(&s, text, n, e);
    return err != E_OK ? err : json_stream_finish(&s, e);
}

/* ---- {"syncreq": [{agent}, ..], ..} ---- */

static enum json_want lists_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct wdb_chunk *c = arg;
    (void)key;
    if (depth == 0)
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    if (depth == 1)
        return kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
    c->rows += kind == JSON_OBJECT;
    return JSON_SKIP;
}

const struct json_stream_events wdb_lists_events = {.value = lists_value};

/* ---- agent groups: [{"data": [{"id": 1, ..}, ..], "hash": ".."}] ---- */

static bool is(const char *key, const char *want) {
    return key && strcmp(key, want) == 0;
}

static enum json_want groups_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct wdb_chunk *c = arg;
    switch (depth) {
    case 0:
        return kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
    case 1:
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    case 2:
        if (is(key, "data"))
            return kind == JSON_ARRAY ? JSON_ENTER : JSON_SKIP;
        return is(key, "hash") ? JSON_KEEP : JSON_SKIP;
    case 3:
        c->rows += kind == JSON_OBJECT;
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    default:
        return kind == JSON_NUMBER && is(key, "id") ? JSON_KEEP : JSON_SKIP;
    }
}

static enum err groups_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                            struct error *e) {
    struct wdb_chunk *c = arg;
    uint64_t id;
    (void)e;
    (void)key;
    if (depth > 2) {
        if (text_number(json, n, INT64_MAX, &id))
            c->last_id = (int64_t)id;
        return E_OK;
    }
    c->hash_seen = true;
    c->has_hash = n > 2 && json[0] == '"' && text_copy(c->hash, sizeof c->hash, json + 1, n - 2);
    return E_OK;
}

static const struct json_stream_events groups_events = {.value = groups_value, .kept = groups_kept};

static enum json_want data_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    (void)arg;
    (void)kind;
    return depth < 2 ? JSON_ENTER : depth == 2 && is(key, "data") ? JSON_KEEP : JSON_SKIP;
}

static enum err data_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                          struct error *e) {
    struct wdb_chunk *c = arg;
    (void)depth;
    (void)key;
    (void)e;
    c->data = json;
    c->data_n = n;
    return E_OK;
}

static const struct json_stream_events data_events = {.value = data_value, .kept = data_kept};

enum err wdb_groups_chunk(struct wdb_chunk *c, const char *text, size_t n, char *keep, size_t keep_cap,
                          struct error *e) {
    char small[128]; /* an id, or a hash; anything longer is neither */
    struct json_stream s;
    c->hash_seen = c->has_hash = false;
    c->hash[0] = '\0';
    c->data = NULL;
    json_stream_init(&s, &groups_events, c, small, sizeof small);
    enum err err = json_stream_push(&s, text, n, e);
    if (err == E_OK)
        err = json_stream_finish(&s, e);
    if (err != E_OK || !keep)
        return err;
    json_stream_init(&s, &data_events, c, keep, keep_cap);
    err = json_stream_push(&s, text, n, e);
    return err != E_OK ? err : json_stream_finish(&s, e);
}
