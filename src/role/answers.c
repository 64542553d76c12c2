/* answers.c - get_health and get_config: JSON from memory, in Wazuh's shapes. Arguments come from the wire,
 * so they are read with bounded tokens and every name in them is only compared. get_nodes is in
 * answer_nodes.c, get_hash in answer_hash.c, get_status in answer_status.c. */
#include "role/answers.h"

#include "base/bytes.h"
#include "base/when.h"
#include "role/agent_store.h"
#include "role/master.h"

#include <string.h>

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

void answer_refuse(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, class, code, extra);
    session_reply_error(s, counter, &w);
}

bool answer_arguments(const struct message *request, struct json_doc *d, struct json_token *tokens) {
    size_t n;
    struct error e;
    const char *text = message_text(request, &n);
    if (!text)
        return false;
    if (!n) {
        text = "null";
        n = 4;
    }
    return json_parse(d, text, n, tokens, ANSWER_TOKENS, &e) == E_OK;
}

bool answer_names(const struct json_doc *d, size_t i, const char *name) {
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
    return answer_names(d, 0, name);
}

void answer_get_health(struct role_env *env, const struct master *m, struct session *s,
                       const struct message *request) {
    struct json_token tokens[ANSWER_TOKENS];
    struct json_doc d;
    struct text t;
    struct json_write w;
    uint32_t connected = 0;
    if (!answer_arguments(request, &d, tokens)) {
        answer_refuse(s, request->counter, WAZUH_INTERNAL_ERROR, 1000,
                      "get_health: the argument is not JSON");
        return;
    }
    if (d.tokens[0].kind == JSON_NUMBER || d.tokens[0].kind == JSON_BOOL) {
        answer_refuse(s, request->counter, WAZUH_INTERNAL_ERROR, 1000,
                      "get_health: the argument names no nodes");
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

/* {"key": true} asks for the key; who is not root gets it masked all the same. */
static bool asks_for_key(const struct message *request) {
    struct json_token tokens[8];
    struct json_doc d;
    size_t n;
    const char *text = message_text(request, &n);
    if (!text || !n || json_parse(&d, text, n, tokens, 8, NULL) != E_OK)
        return false;
    size_t key = json_find(&d, 0, "key");
    return key && json_is_true(&d, key);
}

void answer_get_config(struct role_env *env, struct session *s, const struct message *request, uint32_t uid) {
    const struct cluster_config *c = env->config;
    bool with_key = uid == 0 && asks_for_key(request);
    struct text t;
    struct json_write w;
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{'); /* in the order of the section as it is shipped */
    json_key_str(&w, "name", c->cluster_name);
    json_key_str(&w, "node_name", c->node_name);
    json_key_str(&w, "node_type", c->type == NODE_MASTER ? "master" : "worker");
    json_key_str(&w, "key", with_key ? c->key : "****");
    json_key_uint(&w, "port", c->port);
    json_key_str(&w, "bind_addr", c->bind_addr);
    json_key(&w, "nodes");
    json_raw(&w, c->nodes_json, strlen(c->nodes_json));
    json_key_str(&w, "hidden", c->hidden ? "yes" : "no");
    json_key_bool(&w, "disabled", c->disabled);
    json_close(&w, '}');
    answer_send(env, s, request->counter, &t);
    if (with_key)
        bytes_wipe(t.buf, t.len);
}
