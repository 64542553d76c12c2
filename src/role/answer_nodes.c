/* answer_nodes.c - get_nodes: who belongs to the cluster, filtered, searched, sorted and cut to a page, as
 * 4.14.7 has it (server.py, get_connected_nodes; utils.py, process_array). The list is base/listing's affair;
 * here are the arguments, in the order in which a real master judges them. */
#include "role/answers.h"

#include "base/listing.h"
#include "role/master.h"

#include <string.h>

static const char fields[] = "name\0type\0version\0ip\0";
#define FIELDS 4u
#define FIELDS_WORDS "name, type, version, ip"

/* Everything of one call; it lies in the session's scratch memory, which nobody else uses meanwhile. */
struct nodes_query {
    struct json_doc doc;
    struct json_token tokens[ANSWER_TOKENS];
    size_t filter_node;     /* token, 0: none */
    uint8_t select[FIELDS]; /* indexes of fields, in the order asked for */
    uint8_t select_count;
    bool masters, workers;
    uint32_t seen; /* nodes that the filters let through */
    struct listing_wish wish;
    struct listing listing;
    struct listing_place places[WORKERS_MAX + 1u];
    char item[512];
    struct blob items;
    uint8_t small[(WORKERS_MAX + 1u) * 192u];
};
_Static_assert(sizeof(struct nodes_query) <= SESSION_SCRATCH_BYTES, "get_nodes fits the scratch memory");

/* ---- arguments ---- */

static const char *misshapen = "get_nodes: the arguments are not of their kind";

/* The member's token when it is there and not null, else 0. */
static size_t given(const struct nodes_query *q, const char *key) {
    size_t i = json_find(&q->doc, 0, key);
    return i && q->doc.tokens[i].kind != JSON_NULL ? i : 0;
}

/* Each of the names asked for must be known (1730). */
static bool all_known(const struct master *m, const struct nodes_query *q) {
    const struct json_doc *d = &q->doc;
    char name[NODE_NAME_BYTES];
    size_t len;
    if (!q->filter_node)
        return true;
    const struct json_token *t = &d->tokens[q->filter_node];
    size_t at = t->kind == JSON_ARRAY ? json_first(d, q->filter_node) : q->filter_node;
    uint32_t count = t->kind == JSON_ARRAY ? t->size : 1;
    for (uint32_t k = 0; k < count; k++, at = d->tokens[at].next) {
        if (json_copy_str(d, at, name, sizeof name, &len) != E_OK)
            return false;
        bool known = strcmp(name, m->env->config->node_name) == 0;
        for (const struct peer *p = m->peers; p && !known; p = p->next)
            known = strcmp(name, p->name) == 0;
        if (!known)
            return false;
    }
    return true;
}

static void select_field(struct nodes_query *q, unsigned field) {
    for (unsigned i = 0; i < q->select_count; i++)
        if (q->select[i] == field)
            return;
    q->select[q->select_count++] = (uint8_t)field;
}

/* Names that are no fields are put into unknown. */
static bool read_select(struct nodes_query *q, struct text *unknown) {
    size_t select = given(q, "select");
    const struct json_token *t = &q->doc.tokens[select];
    for (unsigned i = 0; i < FIELDS && !select; i++)
        select_field(q, i);
    if (!select)
        return true;
    bool good = t->kind == JSON_ARRAY;
    size_t at = good ? json_first(&q->doc, select) : 0;
    for (uint32_t k = 0; at && k < t->size; k++, at = q->doc.tokens[at].next) {
        char text[16];
        size_t len;
        ptrdiff_t field =
            json_copy_str(&q->doc, at, text, sizeof text, &len) == E_OK ? text_find(fields, text) : -1;
        if (field >= 0) {
            select_field(q, (unsigned)field);
            continue;
        }
        const struct json_token *name = &q->doc.tokens[at];
        good = false;
        text_str(unknown, unknown->len ? ", " : "");
        text_add(unknown, q->doc.text + name->start, name->end - name->start);
    }
    return good;
}

static bool read_type(struct nodes_query *q) {
    char text[16] = "all";
    size_t len, type = json_find(&q->doc, 0, "filter_type");
    if (type && json_copy_str(&q->doc, type, text, sizeof text, &len) != E_OK)
        return false;
    q->masters = strcmp(text, "worker") != 0;
    q->workers = strcmp(text, "master") != 0;
    return (q->masters && q->workers) ? strcmp(text, "all") == 0 : true;
}

/* A whole number; of a negative one only that it is. */
static bool read_whole(const struct json_doc *d, size_t i, int64_t *out) {
    const struct json_token *t = &d->tokens[i];
    uint64_t v;
    *out = -1;
    if (t->kind == JSON_NUMBER && d->text[t->start] == '-')
        return true;
    if (!json_get_uint(d, i, INT64_MAX, &v))
        return false;
    *out = (int64_t)v;
    return true;
}

static bool read_page(struct nodes_query *q) {
    size_t offset = json_find(&q->doc, 0, "offset"), limit = json_find(&q->doc, 0, "limit");
    if (offset && !read_whole(&q->doc, offset, &q->wish.offset))
        return false;
    if (limit && q->doc.tokens[limit].kind == JSON_NULL) { /* all there are, and the offset does not count */
        q->wish.limit = LISTING_MOST;
        q->wish.offset = 0;
        return true;
    }
    return !limit || read_whole(&q->doc, limit, &q->wish.limit);
}

/* {"fields": [...], "order": "asc" or "desc"} */
static bool read_sort(struct nodes_query *q) {
    size_t sort = given(q, "sort"), len;
    char order[8];
    if (!sort)
        return true;
    size_t list = json_find(&q->doc, sort, "fields"), way = json_find(&q->doc, sort, "order");
    if (!list || q->doc.tokens[list].kind != JSON_ARRAY || q->doc.tokens[list].size > LISTING_FIELDS || !way)
        return false;
    q->wish.descending =
        json_copy_str(&q->doc, way, order, sizeof order, &len) == E_OK && strcmp(order, "desc") == 0;
    size_t at = json_first(&q->doc, list);
    for (uint32_t k = 0; k < q->doc.tokens[list].size; k++, at = q->doc.tokens[at].next)
        if (json_copy_str(&q->doc, at, q->wish.sort[q->wish.sort_count++], LISTING_FIELD_BYTES, &len) != E_OK)
            return false;
    return true;
}

/* {"value": text, "negation": true or false} */
static bool read_search(struct nodes_query *q) {
    size_t search = given(q, "search"), len;
    if (!search)
        return true;
    size_t value = json_find(&q->doc, search, "value"), not = json_find(&q->doc, search, "negation");
    if (!value || !not )
        return false;
    q->wish.complementary_search = json_is_true(&q->doc, not );
    return q->doc.tokens[value].kind == JSON_NULL ||
           json_copy_str(&q->doc, value, q->wish.search, sizeof q->wish.search, &len) == E_OK;
}

static const char *read_wish(struct nodes_query *q) {
    uint8_t kind = q->doc.tokens[0].kind;
    listing_wish_init(&q->wish);
    q->select_count = 0;
    q->seen = 0;
    q->filter_node = given(q, "filter_node");
    if (kind != JSON_OBJECT && kind != JSON_NULL)
        return misshapen;
    if (q->filter_node && q->doc.tokens[q->filter_node].kind == JSON_OBJECT)
        return misshapen;
    if (!read_page(q))
        return "get_nodes: offset and limit are whole numbers";
    size_t distinct = given(q, "distinct");
    q->wish.distinct = distinct && json_is_true(&q->doc, distinct);
    return read_sort(q) && read_search(q) ? NULL : misshapen;
}

static void refuse_with(struct session *s, uint32_t counter, int code, const char *extra,
                        const char *remediation) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_ERROR, code, extra);
    w.remediation = remediation;
    session_reply_error(s, counter, &w);
}

/* Reads and judges the arguments; answers the error itself and returns false when they are not good. */
static bool read_query(struct nodes_query *q, const struct master *m, struct session *s,
                       const struct message *request) {
    uint32_t counter = request->counter;
    char words[WAZUH_EXTRA_BYTES];
    struct text unknown;
    const char *why = "get_nodes: the arguments are not JSON";
    text_init(&unknown, words, sizeof words);
    if (!answer_arguments(request, &q->doc, q->tokens) || (why = read_wish(q)) != NULL) {
        answer_refuse(s, counter, WAZUH_INTERNAL_ERROR, 1000, why);
        return false;
    }
    if (!read_select(q, &unknown)) {
        refuse_with(s, counter, 1724, words, FIELDS_WORDS);
        return false;
    }
    if (!read_type(q)) {
        refuse_with(s, counter, 1728, NULL, NULL);
        return false;
    }
    if (!all_known(m, q)) {
        answer_refuse(s, counter, WAZUH_RESOURCE_NOT_FOUND, 1730, NULL);
        return false;
    }
    return true;
}

/* ---- the list ---- */

/* values: one per field. What is not selected is not searched either. */
static enum err add_node(struct nodes_query *q, const char *const *values, struct error *e) {
    struct json_write w;
    struct text t;
    if (q->filter_node && !answer_names(&q->doc, q->filter_node, values[0]))
        return E_OK;
    q->seen++;
    text_init(&t, q->item, sizeof q->item);
    json_write_init(&w, &t);
    json_open(&w, '{');
    for (unsigned i = 0; i < q->select_count; i++)
        json_key_str(&w, text_item(fields, q->select[i]), values[q->select[i]]);
    json_close(&w, '}');
    return listing_add(&q->listing, q->item, t.len, e);
}

static enum err add_nodes(struct nodes_query *q, const struct role_env *env, const struct master *m,
                          struct error *e) {
    const struct cluster_config *c = env->config;
    enum err err = E_OK;
    if (q->masters)
        err = add_node(q, (const char *const[]){c->node_name, "master", c->announced_version, c->master}, e);
    for (const struct peer *p = m->peers; p && q->workers && err == E_OK; p = p->next) {
        char ip[SYS_ADDR_WORDS];
        sys_addr_words(&p->link.peer, ip);
        err = add_node(q, (const char *const[]){p->name, "worker", p->version, ip}, e);
    }
    return err;
}

/* Of nothing, nothing is sorted or cut, and no wish is wrong (utils.py, process_array). */
static bool any_node(struct nodes_query *q, const struct role_env *env, const struct master *m) {
    bool any =
        q->masters && (!q->filter_node || answer_names(&q->doc, q->filter_node, env->config->node_name));
    for (const struct peer *p = m->peers; p && q->workers && !any; p = p->next)
        any = !q->filter_node || answer_names(&q->doc, q->filter_node, p->name);
    return any;
}

static enum err write_page(struct nodes_query *q, struct json_write *w, struct error *e) {
    const char *json;
    size_t n;
    enum step step;
    do
        step = listing_sort(&q->listing, e); /* some dozens: a moment's work */
    while (step == STEP_AGAIN);
    if (step == STEP_FAILED)
        return e->code;
    e->code = E_OK;
    while (listing_next(&q->listing, &json, &n, e))
        json_raw(w, json, n);
    return e->code;
}

static void answer(struct nodes_query *q, struct role_env *env, const struct master *m, struct session *s,
                   uint32_t counter) {
    struct text t;
    struct json_write w;
    struct error e = {.code = E_OK};
    int code = 0;
    bool any = any_node(q, env, m);
    blob_init(&q->items, q->small, sizeof q->small, env->shared.windows, NULL, BODY_WINDOW_BYTES);
    if (any && listing_begin(&q->listing, &q->wish, &q->items, q->places, WORKERS_MAX + 1u, fields, &code,
                             &e) != E_OK) {
        refuse_with(s, counter, code, code == 1405 ? e.what : NULL, code == 1403 ? e.what : NULL);
        return;
    }
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_open(&w, "items", '[');
    if (any && (add_nodes(q, env, m, &e) != E_OK || write_page(q, &w, &e) != E_OK)) {
        answer_refuse(s, counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
    } else {
        json_close(&w, ']');
        json_key_uint(&w, "totalItems", any ? q->listing.total : 0);
        json_close(&w, '}');
        answer_send(env, s, counter, &t);
    }
    blob_reset(&q->items);
}

void answer_get_nodes(struct role_env *env, const struct master *m, struct session *s,
                      const struct message *request) {
    struct nodes_query *q = (struct nodes_query *)(void *)env->shared.scratch;
    if (read_query(q, m, s, request))
        answer(q, env, m, s, request->counter);
}
