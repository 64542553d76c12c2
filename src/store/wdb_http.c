/* wdb_http.c - which route a request means, and how its steps become an answer. The routes are in
 * wdb_http_lists.c, wdb_http_ids.c, wdb_http_summary.c and wdb_http_sync.c. */
#include "src/store/wdb_http_parts.h"

#include <string.h>

static const char json_type[] = "application/json", text_type[] = "text/plain";

/* In the order in which wazuh-db tries them; '*' is one part of the path. */
static const struct {
    char method[8];
    char path[32];
    enum err (*step)(struct wdb_http *h, bool *done, struct error *e);
} routes[] = {
    {"GET", "/v1/agents/ids", http_ids},
    {"GET", "/v1/agents/ids/groups/*", http_group_ids},
    {"GET", "/v1/agents/ids/groups", http_ids_groups},
    {"GET", "/v1/agents/*/groups", http_agent_groups},
    {"GET", "/v1/agents/sync", http_sync_get},
    {"POST", "/v1/agents/summary", http_summary},
    {"POST", "/v1/agents/sync", http_sync_post},
    {"POST", "/v1/agents/restartinfo", http_restartinfo},
};

/* The whole path is the pattern; what '*' stands for goes to param. */
static bool path_is(const char *path, const char *pattern, char *param, size_t cap) {
    size_t before = strcspn(pattern, "*"), n;
    if (strncmp(path, pattern, before) != 0)
        return false;
    if (!pattern[before])
        return !path[before];
    n = strcspn(path + before, "/");
    return strcmp(path + before + n, pattern + before + 1) == 0 && text_copy(param, cap, path + before, n);
}

static void refuse(struct wdb_http *h, const char *words) {
    struct error e;
    blob_reset(h->out);
    h->type = text_type;
    if (blob_append(h->out, (const uint8_t *)words, strlen(words), &e) != E_OK)
        h->type = NULL;
}

bool wdb_http_begin(struct wdb_http *h, struct agents *agents, struct store_texts *texts,
                    const struct http *head, const struct blob *body, struct blob *out) {
    memset(h, 0, offsetof(struct wdb_http, keep));
    h->agents = agents;
    h->texts = texts;
    h->body = body;
    h->out = out;
    h->first = true;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(head->method, routes[i].method) == 0 &&
            path_is(head->path, routes[i].path, h->param, sizeof h->param)) {
            h->route = (uint8_t)i;
            return true;
        }
    h->status = 404;
    refuse(h, "This route is not served");
    return false;
}

static enum err flush(struct wdb_http *h, struct error *e) {
    if (h->text.cut)
        return error_set(e, E_LIMIT, 0, "a row that is longer than any");
    enum err err = blob_append(h->out, (const uint8_t *)h->text.buf, h->text.len, e);
    text_init(&h->text, h->texts->reply, sizeof h->texts->reply);
    return err;
}

enum err http_room(struct wdb_http *h, struct error *e) {
    return h->text.len > h->text.cap / 2 ? flush(h, e) : E_OK;
}

void http_comma(struct wdb_http *h) {
    if (!h->first)
        text_char(&h->text, ',');
    h->first = false;
}

enum step wdb_http_step(struct wdb_http *h) {
    struct error e = {.code = E_OK};
    bool done = false;
    h->rows = 0;
    h->status = 500;
    text_init(&h->text, h->texts->reply, sizeof h->texts->reply);
    enum err err = routes[h->route].step(h, &done, &e);
    if (err == E_OK)
        err = flush(h, &e);
    if (err) {
        refuse(h, e.what);
        return STEP_DONE;
    }
    if (!done)
        return STEP_AGAIN;
    h->status = 200;
    h->type = h->out->size ? json_type : NULL;
    return STEP_DONE;
}
