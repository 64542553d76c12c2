/* cluster_nodes.c - the nodes that a master knows, and how they are: get_nodes_info and get_health_nodes.
 * Each node is asked of the request's permissions by itself; what is denied and what is unknown is told as
 * failed when the request names it, and left out when it asks for all. */
#include "api/cluster_parts.h"
#include "api/wish.h"
#include "role/agent_store.h"
#include "role/answers.h"

#include <string.h>

const struct result_kind api_told_nodes = {
    .all_msg = "All selected nodes information was returned",
    .some_msg = "Some nodes information was not returned",
    .none_msg = "No information was returned",
};
const struct result_kind api_told_health = {
    .all_msg = "All selected nodes healthcheck information was returned",
    .some_msg = "Some nodes healthcheck information was not returned",
    .none_msg = "No healthcheck information was returned",
};

#define NODES_MOST (WORKERS_MAX + 1u)
#define NODES_LIST_BYTES (NODES_MOST * 1024u)

/* ---- which nodes ---- */

/* The master first, then the workers as they came. p is NULL for the master. */
static const char *node_name(const struct api_call *c, const struct peer *p) {
    return p ? p->name : c->env->role->config->node_name;
}

static bool is_node(const struct api_call *c, const char *name) {
    if (strcmp(name, c->env->role->config->node_name) == 0)
        return true;
    for (const struct peer *p = c->env->master->peers; p; p = p->next)
        if (strcmp(name, p->name) == 0)
            return true;
    return false;
}

static bool allowed(const struct api_call *c, const char *name) {
    return rbac_allows(&c->request, "cluster:read", "node:id", name, NULL);
}

/* Is the node among those that filter_node, token i, names? All are when there is none. */
static bool is_named(const struct json_doc *d, size_t i, const char *name) {
    char text[NODE_NAME_BYTES];
    size_t at = 0;
    bool bad;
    while (i && wish_next_name(d, i, &at, text, sizeof text, &bad))
        if (strcmp(text, name) == 0)
            return true;
    return !i;
}

/* Nobody is allowed: 4000 with the ids that were asked for. */
static void deny_all(struct api_call *c, size_t filter) {
    char ids[API_KEEP_BYTES], name[NODE_NAME_BYTES];
    struct text t;
    struct wazuh_error why;
    size_t at = 0;
    bool bad;
    text_init(&t, ids, sizeof ids - 1);
    while (wish_next_name(&c->request.kwargs, filter, &at, name, sizeof name, &bad) &&
           t.len + strlen(name) + 2 < sizeof ids)
        text_add(&t, name, strlen(name) + 1);
    ids[t.len] = 0; /* the list ends with an empty item */
    rbac_denied(&why, "node:id");
    const char *node = c->env->role->config->node_name;
    result_exception(&c->result, &why, allowed(c, node) ? node : API_UNKNOWN_NODE, NULL, ids);
    api_call_end(c);
}

/* Judges the nodes that are named. false: the call has ended. */
static bool judge(struct api_call *c, size_t *filter) {
    const struct json_doc *d = &c->request.kwargs;
    char name[NODE_NAME_BYTES];
    size_t at = 0, names = 0, denied = 0;
    bool bad = false;
    if (!c->env->master) { /* local_any, or distributed by a master that does not know better */
        api_call_refuse(c, WAZUH_CLUSTER_ERROR, 3000, "only a master knows the nodes: ask it");
        return false;
    }
    *filter = api_argument(&c->request, "filter_node");
    while (*filter && wish_next_name(d, *filter, &at, name, sizeof name, &bad)) {
        names++;
        denied += !allowed(c, name);
    }
    if (bad || (*filter && d->tokens[*filter].kind == JSON_OBJECT)) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "filter_node: a node's name, or a list of names");
        return false;
    }
    if (names && denied == names) {
        deny_all(c, *filter);
        return false;
    }
    return true;
}

static void tell_failed(struct api_call *c, size_t filter) {
    const struct json_doc *d = &c->request.kwargs;
    char name[NODE_NAME_BYTES];
    struct wazuh_error why;
    size_t at = 0;
    bool bad;
    while (filter && wish_next_name(d, filter, &at, name, sizeof name, &bad)) {
        if (!allowed(c, name))
            rbac_denied(&why, "node:id");
        else if (!is_node(c, name))
            wazuh_error_set(&why, WAZUH_RESOURCE_NOT_FOUND, 1730, NULL);
        else
            continue;
        result_failed(&c->result, name, &why);
    }
}

/* ---- get_nodes_info ---- */

static const char node_fields[] = "name\0type\0version\0ip\0";

struct nodes_work {
    struct listing_wish wish;
    struct listing listing;
    struct listing_place places[NODES_MOST];
    struct blob items;
    uint8_t small[NODES_MOST * 160u];
};
_Static_assert(sizeof(struct nodes_work) <= BODY_WINDOW_BYTES, "a window holds a list of nodes");

static enum err add_node(struct nodes_work *n, const char *name, const char *type, const char *version,
                         const char *ip, struct error *e) {
    char room[1024];
    struct text t;
    struct json_write w;
    text_init(&t, room, sizeof room);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_str(&w, "name", name);
    json_key_str(&w, "type", type);
    json_key_str(&w, "version", version);
    json_key_str(&w, "ip", ip);
    json_close(&w, '}');
    return listing_add(&n->listing, room, t.len, e);
}

static enum err add_nodes(struct api_call *c, struct nodes_work *n, size_t filter, const char *type,
                          struct error *e) {
    const struct cluster_config *config = c->env->role->config;
    const struct json_doc *d = &c->request.kwargs;
    enum err err = E_OK;
    if (strcmp(type, "worker") != 0 && is_named(d, filter, config->node_name) &&
        allowed(c, config->node_name))
        err = add_node(n, config->node_name, "master", config->announced_version, config->master, e);
    for (const struct peer *p = c->env->master->peers; p && err == E_OK; p = p->next) {
        char ip[SYS_ADDR_WORDS];
        sys_addr_words(&p->link.peer, ip);
        if (strcmp(type, "master") != 0 && is_named(d, filter, p->name) && allowed(c, p->name))
            err = add_node(n, p->name, "worker", p->version, ip, e);
    }
    return err;
}

/* As server.py of 4.14.7 has it: the wrong fields, and all there are as the remedy. */
static void refuse_select(const struct listing_wish *w, struct wazuh_error *why) {
    char words[WAZUH_EXTRA_BYTES];
    struct text t;
    text_init(&t, words, sizeof words);
    for (uint32_t i = 0; i < w->select_count; i++)
        if (text_find(node_fields, w->select[i]) < 0)
            text_format(&t, "%s%s", t.len ? ", " : "", w->select[i]);
    wazuh_error_set(why, WAZUH_ERROR, 1724, words);
    why->remediation = "name, type, version, ip";
}

/* false: *why. */
static bool list_nodes(struct api_call *c, struct nodes_work *n, size_t filter, struct wazuh_error *why) {
    char type[16] = "all";
    struct error e;
    int code;
    enum err err = api_argument_text(&c->request, "filter_type", type, sizeof type, why);
    if (err != E_OK && err != E_GONE)
        return false;
    if (strcmp(type, "all") != 0 && strcmp(type, "worker") != 0 && strcmp(type, "master") != 0) {
        wazuh_error_set(why, WAZUH_ERROR, 1728, NULL);
        return false;
    }
    if (wish_read(&c->request, "", &n->wish, why) != E_OK)
        return false;
    if (listing_begin(&n->listing, &n->wish, &n->items, n->places, NODES_MOST, node_fields, &code, &e) !=
        E_OK) {
        if (code == 1724)
            refuse_select(&n->wish, why);
        else
            wish_refused(why, code, &e);
        return false;
    }
    err = add_nodes(c, n, filter, type, &e);
    while (err == E_OK) {
        enum step step = listing_sort(&n->listing, &e); /* at most NODES_MOST: a moment's work */
        if (step == STEP_DONE)
            return true;
        err = step == STEP_FAILED ? e.code : E_OK;
    }
    wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, e.what);
    return false;
}

static void tell_nodes(struct api_call *c, struct nodes_work *n, size_t filter) {
    const char *json;
    size_t len;
    struct error e = {.code = E_OK};
    result_open_items(&c->result, &api_told_nodes);
    while (listing_next(&n->listing, &json, &len, &e))
        result_item_raw(&c->result, json, len);
    tell_failed(c, filter);
    result_close_items(&c->result, n->listing.total, NULL);
    api_call_end(c);
}

void cluster_nodes_info(struct api_call *c) {
    struct session_shared *shared = &c->env->role->shared;
    struct wazuh_error why;
    size_t filter;
    if (!judge(c, &filter))
        return;
    struct nodes_work *n = pool_take(shared->windows);
    if (!n) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "this node has no room for a list at present");
        return;
    }
    blob_init(&n->items, n->small, sizeof n->small, shared->windows, shared->spill, NODES_LIST_BYTES);
    if (list_nodes(c, n, filter, &why))
        tell_nodes(c, n, filter);
    else
        api_call_fail(c, &why);
    blob_reset(&n->items);
    pool_give(shared->windows, n);
}

/* ---- get_health_nodes ---- */

/* The node that comes after last by name, among those wanted; false: none. *p: NULL is the master. */
static bool next_by_name(const struct api_call *c, size_t filter, const char *last, const struct peer **p) {
    const char *best = NULL;
    const struct peer *at = NULL;
    do {
        const char *name = node_name(c, at);
        if (strcmp(name, last) > 0 && (!best || strcmp(name, best) < 0) &&
            is_named(&c->request.kwargs, filter, name) && allowed(c, name)) {
            best = name;
            *p = at;
        }
        at = at ? at->next : c->env->master->peers;
    } while (at);
    return best != NULL;
}

/* As get_health of a real node has it, an unknown name is passed over (4.14.7, master.py). */
void cluster_health_nodes(struct api_call *c) {
    const struct peer *p = NULL;
    char last[NODE_NAME_BYTES] = "";
    size_t filter;
    struct wazuh_error why;
    if (!judge(c, &filter))
        return;
    if (c->env->role->agent_store)
        agent_store_want_figures(c->env->role->agent_store);
    result_open_items(&c->result, &api_told_health);
    while (next_by_name(c, filter, last, &p)) {
        answer_add_health(result_item(&c->result), c->env->role, p);
        result_item_end(&c->result);
        text_copy(last, sizeof last, node_name(c, p), strlen(node_name(c, p)));
    }
    char name[NODE_NAME_BYTES];
    size_t at = 0;
    bool bad;
    rbac_denied(&why, "node:id");
    while (filter && wish_next_name(&c->request.kwargs, filter, &at, name, sizeof name, &bad))
        if (!allowed(c, name))
            result_failed(&c->result, name, &why);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}
