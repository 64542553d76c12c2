/* agents_ids.c - agents that a request names one by one, up to 20,000 of them: put in order, looked up in the
 * store so many at a time, and those that are unknown (1701) or denied (4000) told as failed. What remains is
 * a list of numbers in a window, in the order of items. */
#include "api/agents_parts.h"
#include "api/dapi_parts.h"
#include "api/rbac.h"

#include <string.h>

#define IDS_PER_STEP 2000u

bool agents_ids_open(struct agents_ids *ids, const struct api_call *c, const char *actions,
                     struct wazuh_error *why) {
    const struct api_request *r = &c->request;
    struct pool *windows = c->env->role->shared.windows;
    *ids = (struct agents_ids){.windows = windows, .id = ids->small, .actions = actions};
    if (r->agent_count <= AGENTS_IDS_SMALL)
        return true;
    if (r->agent_count > windows->size / sizeof *ids->id) {
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, "Too many agents are named in one request");
        return false;
    }
    ids->window = pool_take(windows);
    ids->id = (uint32_t *)(void *)ids->window;
    if (!ids->window)
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000,
                        "This node has no memory left for a long list of agents: ask again");
    return ids->window != NULL;
}

void agents_cancel(struct api_call *c) {
    struct agents_state *s = api_state(c);
    store_cancel(c->env->role->agents_env.store, &s->job);
    if (s->ids.window)
        pool_give(s->ids.windows, s->ids.window);
    s->ids.window = NULL;
}

void agents_question(struct agents_state *s, struct text *t) {
    const struct agents_ids *ids = &s->ids;
    size_t used = ids->count * sizeof *ids->id;
    if (ids->window && ids->windows->size - used > sizeof s->text) {
        size_t room = ids->windows->size - used;
        text_init(t, (char *)ids->window + used, room < (48u << 10) ? room : 48u << 10);
    } else {
        text_init(t, s->text, sizeof s->text);
    }
}

/* ---- reading ---- */

/* Heap sort: in place, and no order of the input makes it slow. */
static void sift(uint32_t *v, uint32_t root, uint32_t n) {
    for (uint32_t child; (child = 2 * root + 1) < n; root = child) {
        child += child + 1 < n && v[child + 1] > v[child];
        if (v[root] >= v[child])
            return;
        uint32_t swap = v[root];
        v[root] = v[child];
        v[child] = swap;
    }
}

static void put_in_order(struct agents_ids *ids) {
    uint32_t *v = ids->id, n = ids->count, kept = 0;
    for (uint32_t i = n / 2; i > 0; i--)
        sift(v, i - 1, n);
    for (uint32_t i = n; i > 1; i--) {
        uint32_t swap = v[0];
        v[0] = v[i - 1];
        v[i - 1] = swap;
        sift(v, 0, i - 1);
    }
    for (uint32_t i = 0; i < n; i++)
        if (!i || v[i] != v[i - 1])
            v[kept++] = v[i];
    ids->count = ids->at_end = kept;
}

/* As client.keys spells it: three digits at least, and no 0 before more. */
static bool read_id(const char *s, uint32_t *id) {
    size_t n = strlen(s);
    uint64_t v;
    if (n < 3 || (n > 3 && *s == '0') || !text_number(s, n, AGENT_ID_MAX, &v))
        return false;
    *id = (uint32_t)v;
    return true;
}

/* A broadcasting request tells of no denial, and of nothing that is not here: each node answers for its own.
 */
static void tell_denied(struct agents_ids *ids, struct api_call *c, const char *id) {
    struct wazuh_error w;
    ids->denied++;
    if (c->request.broadcasting)
        return;
    rbac_denied(&w, "agent:id");
    result_failed(&c->result, id, &w);
}

static void tell_unknown(struct agents_ids *ids, struct api_call *c, const char *id) {
    struct wazuh_error w;
    for (const char *action = ids->actions; *action; action += strlen(action) + 1)
        if (!rbac_allows(&c->request, action, "agent:id", id, "")) {
            tell_denied(ids, c, id);
            return;
        }
    ids->any_allowed = true;
    if (c->request.broadcasting || ids->quiet)
        return;
    wazuh_error_set(&w, WAZUH_RESOURCE_NOT_FOUND, 1701, NULL);
    result_failed(&c->result, id, &w);
}

static void look_up(struct api_call *c);

static void read_ids(struct api_call *c) {
    struct agents_ids *ids = &((struct agents_state *)api_state(c))->ids;
    char text[API_ID_BYTES];
    uint32_t most = ids->window ? (uint32_t)(ids->windows->size / sizeof *ids->id) : AGENTS_IDS_SMALL;
    for (uint32_t i = 0; i < IDS_PER_STEP; i++) {
        const char *s = api_request_next_id(&c->request, &ids->read_at, text);
        if (!s || ids->count == most) {
            put_in_order(ids);
            look_up(c);
            return;
        }
        if (read_id(s, &ids->id[ids->count]))
            ids->count++;
        else
            tell_unknown(ids, c, s);
    }
    api_call_step(c, read_ids);
}

void agents_look_up(struct api_call *c, const struct agents_look *look) {
    ((struct agents_state *)api_state(c))->look = look;
    api_call_step(c, read_ids);
}

/* ---- looking up ---- */

/* Those before id that no row came for. */
static void skip_to(struct agents_ids *ids, struct api_call *c, int64_t id) {
    char words[AGENT_ID_BYTES];
    while (ids->at < ids->chunk_end && ids->id[ids->at] < id)
        tell_unknown(ids, c, agents_id_words(words, ids->id[ids->at++]));
}

static enum err row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct api_call *c = arg;
    struct agents_state *s = api_state(c);
    struct agents_ids *ids = &s->ids;
    char words[AGENT_ID_BYTES];
    int64_t n, permitted = 0;
    (void)why;
    if (!agents_row_number(d, 'a', &n))
        return E_OK;
    skip_to(ids, c, n);
    if (ids->at == ids->chunk_end || ids->id[ids->at] != n)
        return E_OK; /* not one that was asked for */
    uint32_t id = ids->id[ids->at++];
    agents_row_number(d, 'b', &permitted);
    if (permitted) {
        ids->any_allowed = true;
        s->look->found(c, d, id);
    } else {
        tell_denied(ids, c, agents_id_words(words, id));
    }
    return E_OK;
}

/* As many as there is room for are named in the error. */
static void all_denied(const struct agents_ids *ids, struct api_call *c) {
    char names[2048], words[AGENT_ID_BYTES];
    struct wazuh_error w;
    struct text t;
    text_init(&t, names, sizeof names - 1);
    for (uint32_t i = 0; i < ids->at_end && t.len + AGENT_ID_BYTES < t.cap; i++) {
        text_str(&t, agents_id_words(words, ids->id[i]));
        text_add(&t, "", 1);
    }
    names[t.len] = '\0';
    rbac_denied(&w, "agent:id");
    result_exception(&c->result, &w, api_node_name(c), NULL, names);
    api_call_end(c);
}

static void looked_up(struct api_call *c) {
    struct agents_state *s = api_state(c);
    struct agents_ids *ids = &s->ids;
    skip_to(ids, c, INT64_MAX);
    if (ids->at < ids->count) {
        look_up(c);
        return;
    }
    ids->count = ids->kept;
    ids->at = 0;
    if (ids->denied && !ids->any_allowed && !c->request.broadcasting)
        all_denied(ids, c);
    else
        s->look->done(c);
}

/* The next of them. */
static void look_up(struct api_call *c) {
    struct agents_state *s = api_state(c);
    struct agents_ids *ids = &s->ids;
    uint32_t left = ids->count - ids->at, n = left < AGENTS_CHUNK ? left : AGENTS_CHUNK;
    struct text t;
    ids->chunk_end = ids->at + n;
    if (!n) { /* not one of the names was an id */
        looked_up(c);
        return;
    }
    agents_question(s, &t);
    text_str(&t, "global sql select id a,(");
    agents_sql_permitted(&t, &c->request, ids->actions);
    text_format(&t, ") b%s from agent where ", s->look->more);
    agents_sql_ids(&t, ids->id + ids->at, n);
    text_str(&t, " order by id");
    agents_select(c, &t, row, looked_up);
}
