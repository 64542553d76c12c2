/* answers.c - get_nodes, get_health and get_config: JSON from memory, in Wazuh's shapes. Arguments come from
 * the wire, so they are read with bounded tokens and every name in them is only compared. */
#include "role/answers.h"

#include "base/json_read.h"
#include "base/when.h"
#include "role/agent_store.h"
#include "role/master.h"

#include <string.h>

#define ARGUMENT_TOKENS 256
#define LIMIT_MOST 100000u /* MAXIMUM_DATABASE_LIMIT of 4.14.7 */

/* ---- common ---- */

void answer_send(struct role_env *env, struct session *s, uint32_t counter, const struct text *t) {
    struct blob body;
    struct error e;
    if (t->cut) {
        role_not_served(s, counter, "the answer is longer than this node can give");
        return;
    }
    if (t->len <= 4096) {
        session_reply(s, counter, "ok", t->buf, t->len);
        return;
    }
    blob_init(&body, NULL, 0, env->shared.windows, env->shared.spill, ANSWER_BYTES);
    enum err err = blob_append(&body, (const uint8_t *)t->buf, t->len, &e);
    if (err == E_OK)
        err = session_reply_blob(s, counter, "ok", &body, &e);
    if (err != E_OK)
        role_not_served(s, counter, e.what);
    blob_reset(&body);
}

static void refuse(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, class, code, extra);
    session_reply_error(s, counter, &w);
}

/* Arguments are one JSON value; an empty payload counts as null. */
static bool read_arguments(const struct message *request, struct json_doc *d, struct json_token *tokens) {
    size_t n;
    struct error e;
    const char *text = message_text(request, &n);
    if (!text)
        return false;
    if (!n) {
        text = "null";
        n = 4;
    }
    return json_parse(d, text, n, tokens, ARGUMENT_TOKENS, &e) == E_OK;
}

static bool is_null(const struct json_doc *d, size_t i) {
    return d->tokens[i].kind == JSON_NULL;
}

/* Does the value at i (a string, a list of strings or an object with such keys) name this node? null, and no
 * value, name all. */
static bool names_node(const struct json_doc *d, size_t i, const char *name) {
    char text[NODE_NAME_BYTES];
    size_t len;
    const struct json_token *t = &d->tokens[i];
    if (t->kind == JSON_NULL)
        return true;
    if (t->kind == JSON_STRING)
        return json_copy_str(d, i, text, sizeof text, &len) == E_OK && strcmp(text, name) == 0;
    if (t->kind == JSON_OBJECT)
        return json_find(d, i, name) != 0;
    size_t at = t->kind == JSON_ARRAY ? json_first(d, i) : 0;
    for (uint32_t k = 0; at && k < t->size; k++, at = d->tokens[at].next)
        if (json_copy_str(d, at, text, sizeof text, &len) == E_OK && strcmp(text, name) == 0)
            return true;
    return false;
}

static void add_when(struct json_write *w, const char *key, int64_t wall_ns) {
    char text[WHEN_BYTES];
    when_utc(text, wall_ns);
    json_key_str(w, key, text);
}

/* ---- get_nodes ---- */

static const char node_fields[][8] = {"name", "type", "version", "ip"};
#define NODE_FIELDS 4u
#define NODE_FIELDS_WORDS "name, type, version, ip"

struct nodes_query {
    struct json_doc doc;
    struct json_token tokens[ARGUMENT_TOKENS];
    size_t filter_node;         /* token, 0: none */
    uint8_t field[NODE_FIELDS]; /* indexes of node_fields, in the order asked for */
    uint8_t field_count;
    bool masters, workers;
    bool offset_negative, limit_negative;
    uint64_t offset, limit;
};

/* Each of the names asked for must be known (1730). */
static bool all_known(const struct master *m, const struct nodes_query *q) {
    const struct json_doc *d = &q->doc;
    char name[NODE_NAME_BYTES];
    size_t len;
    if (!q->filter_node || is_null(d, q->filter_node))
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

static void add_field(struct nodes_query *q, unsigned field) {
    for (unsigned i = 0; i < q->field_count; i++)
        if (q->field[i] == field)
            return;
    q->field[q->field_count++] = (uint8_t)field;
}

/* Names that are no fields are put into unknown. */
static bool read_select(struct nodes_query *q, size_t select, struct text *unknown) {
    const struct json_token *t = &q->doc.tokens[select];
    q->field_count = 0;
    if (!select || is_null(&q->doc, select)) {
        for (unsigned i = 0; i < NODE_FIELDS; i++)
            add_field(q, i);
        return true;
    }
    bool good = t->kind == JSON_ARRAY;
    size_t at = good ? json_first(&q->doc, select) : 0;
    for (uint32_t k = 0; at && k < t->size; k++, at = q->doc.tokens[at].next) {
        char text[16];
        size_t len;
        unsigned field = NODE_FIELDS;
        if (json_copy_str(&q->doc, at, text, sizeof text, &len) == E_OK)
            for (field = 0; field < NODE_FIELDS && strcmp(text, node_fields[field]) != 0; field++)
                ;
        if (field < NODE_FIELDS) {
            add_field(q, field);
            continue;
        }
        const struct json_token *name = &q->doc.tokens[at];
        good = false;
        text_str(unknown, unknown->len ? ", " : "");
        text_add(unknown, q->doc.text + name->start, name->end - name->start);
    }
    return good;
}

static bool read_type(struct nodes_query *q, size_t type) {
    char text[16] = "all";
    size_t len;
    if (type && json_copy_str(&q->doc, type, text, sizeof text, &len) != E_OK)
        return false;
    q->masters = strcmp(text, "worker") != 0;
    q->workers = strcmp(text, "master") != 0;
    return (q->masters && q->workers) ? strcmp(text, "all") == 0 : true;
}

static bool given(const struct nodes_query *q, const char *key) {
    size_t i = json_find(&q->doc, 0, key);
    return i && !is_null(&q->doc, i) && !(q->doc.tokens[i].kind == JSON_BOOL && !json_is_true(&q->doc, i));
}

/* A whole number; of a negative one only that it is. false: none. */
static bool read_whole(const struct json_doc *d, size_t i, uint64_t *out, bool *negative) {
    const struct json_token *t = &d->tokens[i];
    *negative = t->kind == JSON_NUMBER && d->text[t->start] == '-';
    return *negative || json_get_uint(d, i, INT64_MAX, out);
}

static bool read_window(struct nodes_query *q) {
    size_t offset = json_find(&q->doc, 0, "offset"), limit = json_find(&q->doc, 0, "limit");
    q->offset = 0;
    q->limit = 500;
    q->offset_negative = q->limit_negative = false;
    if (offset && !read_whole(&q->doc, offset, &q->offset, &q->offset_negative))
        return false;
    if (limit && is_null(&q->doc, limit)) { /* all there are, and the offset does not count */
        q->limit = LIMIT_MOST;
        q->offset = 0;
        q->offset_negative = false;
        return true;
    }
    return !limit || read_whole(&q->doc, limit, &q->limit, &q->limit_negative);
}

static void refuse_select(struct session *s, uint32_t counter, const char *unknown) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_ERROR, 1724, unknown);
    w.remediation = NODE_FIELDS_WORDS;
    session_reply_error(s, counter, &w);
}

static const char *malformed(const struct nodes_query *q) {
    uint8_t kind = q->doc.tokens[0].kind;
    size_t node = json_find(&q->doc, 0, "filter_node");
    if ((kind != JSON_OBJECT && kind != JSON_NULL) || (node && q->doc.tokens[node].kind == JSON_OBJECT))
        return "get_nodes: the arguments are not of their kind";
    if (given(q, "sort") || given(q, "search") || given(q, "distinct"))
        return "get_nodes: this node does not serve sort, search and distinct";
    return NULL;
}

/* Reads and judges the arguments; answers the error itself and returns false when they are not good. */
static bool read_query(struct nodes_query *q, const struct master *m, struct session *s,
                       const struct message *request) {
    uint32_t counter = request->counter;
    char words[WAZUH_EXTRA_BYTES];
    struct text unknown;
    const char *why = "get_nodes: the arguments are not JSON";
    text_init(&unknown, words, sizeof words);
    if (!read_arguments(request, &q->doc, q->tokens) || (why = malformed(q)) != NULL) {
        refuse(s, counter, WAZUH_INTERNAL_ERROR, 1000, why);
        return false;
    }
    if (!read_window(q)) {
        refuse(s, counter, WAZUH_INTERNAL_ERROR, 1000, "get_nodes: offset and limit are whole numbers");
        return false;
    }
    if (!read_select(q, json_find(&q->doc, 0, "select"), &unknown)) {
        refuse_select(s, counter, words);
        return false;
    }
    if (!read_type(q, json_find(&q->doc, 0, "filter_type"))) {
        refuse(s, counter, WAZUH_ERROR, 1728, NULL);
        return false;
    }
    q->filter_node = json_find(&q->doc, 0, "filter_node");
    if (!all_known(m, q)) {
        refuse(s, counter, WAZUH_RESOURCE_NOT_FOUND, 1730, NULL);
        return false;
    }
    return true;
}

/* The window is judged last, and only when there is something to cut from (4.14.7, utils.py, cut_array). */
static bool window_is_good(const struct nodes_query *q, uint64_t total, struct session *s, uint32_t counter) {
    char text[24];
    struct text t;
    if (!total)
        return true;
    if (q->limit > LIMIT_MOST && !q->limit_negative) {
        text_init(&t, text, sizeof text);
        text_format(&t, "%llu", (unsigned long long)q->limit);
        refuse(s, counter, WAZUH_ERROR, 1405, text);
    } else if (q->limit == 0 && !q->limit_negative) {
        refuse(s, counter, WAZUH_ERROR, 1406, NULL);
    } else if (q->offset_negative) {
        refuse(s, counter, WAZUH_ERROR, 1400, NULL);
    } else if (q->limit_negative) {
        refuse(s, counter, WAZUH_ERROR, 1401, NULL);
    } else {
        return true;
    }
    return false;
}

/* values: one per node_fields. */
static void add_node(struct json_write *w, const struct nodes_query *q, uint64_t *total,
                     const char *const *values) {
    if (q->filter_node && !names_node(&q->doc, q->filter_node, values[0]))
        return;
    uint64_t at = (*total)++;
    if (at < q->offset || at - q->offset >= q->limit)
        return;
    json_open(w, '{');
    for (unsigned i = 0; i < q->field_count; i++)
        json_key_str(w, node_fields[q->field[i]], values[q->field[i]]);
    json_close(w, '}');
}

void answer_get_nodes(struct role_env *env, const struct master *m, struct session *s,
                      const struct message *request) {
    struct nodes_query q;
    struct text t;
    struct json_write w;
    uint64_t total = 0;
    if (!read_query(&q, m, s, request))
        return;
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_open(&w, "items", '[');
    const struct cluster_config *c = env->config;
    if (q.masters)
        add_node(&w, &q, &total,
                 (const char *const[]){c->node_name, "master", c->announced_version, c->master});
    for (const struct peer *p = m->peers; p && q.workers; p = p->next) {
        char ip[SYS_ADDR_WORDS];
        sys_addr_words(&p->link.peer, ip);
        add_node(&w, &q, &total, (const char *const[]){p->name, "worker", p->version, ip});
    }
    json_close(&w, ']');
    json_key_uint(&w, "totalItems", total);
    json_close(&w, '}');
    if (window_is_good(&q, total, s, request->counter))
        answer_send(env, s, request->counter, &t);
}

/* ---- get_health ---- */

static void add_info(struct json_write *w, const struct role_env *env, const char *name, const char *type,
                     const char *version, const char *ip) {
    json_key_open(w, "info", '{');
    json_key_str(w, "name", name);
    json_key_str(w, "type", type);
    json_key_str(w, "version", version);
    json_key_str(w, "ip", ip);
    json_key_uint(w, "n_active_agents",
                  env->agent_store ? agent_store_of_node(env->agent_store, name).active : 0);
    json_close(w, '}');
}

static void add_chunks(struct json_write *w, const char *key, const char *start, int64_t start_ns,
                       const char *end, int64_t end_ns, uint32_t chunks) {
    json_key_open(w, key, '{');
    add_when(w, start, start_ns);
    add_when(w, end, end_ns);
    json_key_uint(w, "n_synced_chunks", chunks);
    json_close(w, '}');
}

static void add_last_sync(struct json_write *w, const struct integrity_master *i) {
    json_key_open(w, "last_sync_integrity", '{');
    add_when(w, "date_start_master", i->sync_end_wall ? i->sync_start_wall : 0);
    add_when(w, "date_end_master", i->sync_end_wall);
    json_key_uint(w, "total_extra_valid", 0);
    json_key_open(w, "total_files", '{');
    json_key_uint(w, "missing", i->sent_missing);
    if (i->sent_missing || i->sent_extra || i->sent_shared) {
        json_key_uint(w, "extra", i->sent_extra);
        json_key_uint(w, "shared", i->sent_shared);
    } else { /* as a real node has it before the first one */
        json_key_uint(w, "shared", 0);
        json_key_uint(w, "extra", 0);
        json_key_uint(w, "extra_valid", 0);
    }
    json_close(w, '}');
    json_close(w, '}');
}

/* info and status of a worker, as members. */
static void add_worker_health(struct json_write *w, const struct role_env *env, const struct peer *p) {
    const struct integrity_master *i = &p->integrity;
    char ip[SYS_ADDR_WORDS];
    sys_addr_words(&p->link.peer, ip);
    add_info(w, env, p->name, "worker", p->version, ip);
    json_key_open(w, "status", '{');
    json_key_bool(w, "sync_integrity_free", i->state == IM_IDLE || i->state == IM_GRANTED);
    json_key_open(w, "last_check_integrity", '{');
    add_when(w, "date_start_master", i->check_end_wall ? i->check_start_wall : 0);
    add_when(w, "date_end_master", i->check_end_wall);
    json_close(w, '}');
    add_last_sync(w, i);
    const struct agent_info_master *a = &p->agent_info;
    json_key_bool(w, "sync_agent_info_free", !a->busy);
    add_chunks(w, "last_sync_agentinfo", "date_start_master", a->start_ns, "date_end_master", a->end_ns,
               a->synced_chunks);
    if (env->dialect->health_groups) {
        const struct agent_groups_peer *g = &p->agent_groups;
        add_chunks(w, "last_sync_agentgroup", "date_start", g->start_ns, "date_end", g->end_ns, g->chunks);
        add_chunks(w, "last_sync_full_agentgroup", "date_start", g->full_start_ns, "date_end", g->full_end_ns,
                   g->full_chunks);
    }
    add_when(w, "last_keep_alive", p->last_keepalive_ns);
    json_close(w, '}');
}

void answer_add_health(struct json_write *w, const struct role_env *env, const struct peer *p) {
    const struct cluster_config *c = env->config;
    json_open(w, '{');
    if (p)
        add_worker_health(w, env, p);
    else
        add_info(w, env, c->node_name, "master", c->announced_version, c->master);
    json_close(w, '}');
}

/* As `key in filter_node` has it in 4.14.7 (master.py, get_health): a string names every node whose name is
 * in it; {} names all workers, but not the master. */
static bool wants_health(const struct json_doc *d, const char *name, bool is_worker) {
    const struct json_token *t = &d->tokens[0];
    if (t->kind == JSON_STRING)
        return text_has(d->text + t->start, t->end - t->start, name);
    if (t->kind == JSON_OBJECT && t->size == 0)
        return is_worker;
    return names_node(d, 0, name);
}

void answer_get_health(struct role_env *env, const struct master *m, struct session *s,
                       const struct message *request) {
    struct json_token tokens[ARGUMENT_TOKENS];
    struct json_doc d;
    struct text t;
    struct json_write w;
    uint32_t connected = 0;
    if (!read_arguments(request, &d, tokens)) {
        refuse(s, request->counter, WAZUH_INTERNAL_ERROR, 1000, "get_health: the argument is not JSON");
        return;
    }
    if (d.tokens[0].kind == JSON_NUMBER || d.tokens[0].kind == JSON_BOOL) {
        refuse(s, request->counter, WAZUH_INTERNAL_ERROR, 1000, "get_health: the argument names no nodes");
        return;
    }
    if (env->agent_store)
        agent_store_want_figures(env->agent_store);
    for (const struct peer *p = m->peers; p; p = p->next)
        connected += wants_health(&d, p->name, true);
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_uint(&w, "n_connected_nodes", connected);
    json_key_open(&w, "nodes", '{');
    for (const struct peer *p = m->peers; p; p = p->next)
        if (wants_health(&d, p->name, true)) {
            json_key(&w, p->name);
            answer_add_health(&w, env, p);
        }
    if (wants_health(&d, env->config->node_name, false)) {
        json_key(&w, env->config->node_name);
        answer_add_health(&w, env, NULL);
    }
    json_close(&w, '}');
    json_close(&w, '}');
    answer_send(env, s, request->counter, &t);
}

/* ---- get_config ---- */

void answer_get_config(struct role_env *env, struct session *s, const struct message *request) {
    const struct cluster_config *c = env->config;
    struct text t;
    struct json_write w;
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{'); /* in the order of the section as it is shipped */
    json_key_str(&w, "name", c->cluster_name);
    json_key_str(&w, "node_name", c->node_name);
    json_key_str(&w, "node_type", c->type == NODE_MASTER ? "master" : "worker");
    json_key_str(&w, "key", "****");
    json_key_uint(&w, "port", c->port);
    json_key_str(&w, "bind_addr", c->bind_addr);
    json_key(&w, "nodes");
    json_raw(&w, c->nodes_json, strlen(c->nodes_json));
    json_key_str(&w, "hidden", c->hidden ? "yes" : "no");
    json_key_bool(&w, "disabled", c->disabled);
    json_close(&w, '}');
    answer_send(env, s, request->counter, &t);
}
