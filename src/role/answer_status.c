/* answer_status.c - get_status: everything `picket status` shows, from memory. The shape is in answers.h. */
#include "base/bytes.h"
#include "role/agent_store.h"
#include "role/answers.h"
#include "role/master.h"
#include "role/worker.h"

#include <string.h>

/* Seconds since a moment of the monotonic clock; left out when it never was. */
static void add_ago(struct json_write *w, const char *key, const struct role_env *env, uint64_t when_ms) {
    if (when_ms)
        json_key_uint(w, key, (env->loop->now_ms - when_ms) / 1000);
}

static void add_worker_state(struct json_write *w, struct role_env *env, const struct worker *k) {
    const struct integrity_worker *i = k->integrity;
    json_key_str(w, "state", k->refused ? "refused" : k->state == WORKER_JOINED ? "connected" : "connecting");
    if (k->why[0])
        json_key_str(w, "why", k->why);
    struct text t;
    char where[HOST_BYTES + 8];
    text_init(&t, where, sizeof where);
    text_format(&t, "%s:%u", env->config->master, env->config->port);
    json_key_str(w, "master", where);
    if (k->state == WORKER_JOINED) {
        add_ago(w, "link_s", env, k->joined_ms);
        add_ago(w, "last_keepalive_s", env, k->keepalive_ms);
    }
    if (i->checked) {
        json_key_bool(w, "in_sync", i->in_sync && k->state == WORKER_JOINED);
        json_key_uint(w, "behind", i->in_sync ? 0 : (uint64_t)i->create + i->update + i->remove);
    }
    json_key_bool(w, "busy", integrity_worker_is_busy(i));
    add_ago(w, "last_check_s", env, i->check_ms);
    add_ago(w, "last_sync_s", env, i->sync_ms);
}

static const char *peer_state(const struct peer *p) {
    const struct integrity_master *i = &p->integrity;
    if (i->state >= IM_QUEUED)
        return "syncing";
    if (!i->checked)
        return "unknown";
    return i->in_sync ? "in sync" : "behind";
}

static void add_workers(struct json_write *w, const struct role_env *env, const struct master *m) {
    json_key_open(w, "workers", '[');
    for (const struct peer *p = m->peers; p; p = p->next) {
        const struct integrity_master *i = &p->integrity;
        char ip[SYS_ADDR_WORDS];
        sys_addr_words(&p->link.peer, ip);
        json_open(w, '{');
        json_key_str(w, "name", p->name);
        json_key_str(w, "version", p->version);
        json_key_str(w, "ip", ip);
        json_key_str(w, "state", peer_state(p));
        json_key_uint(w, "missing", i->missing);
        json_key_uint(w, "shared", i->shared);
        json_key_uint(w, "extra", i->extra);
        add_ago(w, "last_keepalive_s", env, p->heard_ms);
        add_ago(w, "last_check_s", env, i->check_ms);
        add_ago(w, "last_sync_s", env, i->sync_ms);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void add_files(struct json_write *w, const struct role_env *env) {
    const struct scanner *s = &env->scanner;
    const struct scan_report *r = &s->scan.last;
    uint8_t tree[32];
    char hex[65];
    manifest_tree_hash(env->integrity.manifest, tree);
    hex_encode(hex, tree, sizeof tree);
    if (scanner_is_ready(s)) {
        json_key_uint(w, "files", r->files);
        json_key_str(w, "tree", hex);
    }
    add_ago(w, "last_change_s", env, s->last_change_ms);
    json_key_open(w, "scan", '{');
    json_key_uint(w, "rounds", s->rounds);
    json_key_uint(w, "files", r->files);
    json_key_uint(w, "unreadable", r->unreadable);
    json_key_uint(w, "too_many", r->too_many);
    json_key_uint(w, "took_ms", r->took_ns / 1000000u);
    json_close(w, '}');
}

static void add_count(struct json_write *w, const struct agent_count *c) {
    json_key_uint(w, "active", c->active);
    json_key_uint(w, "disconnected", c->disconnected);
    json_key_uint(w, "pending", c->pending);
    json_key_uint(w, "never_connected", c->never_connected);
}

static void add_groups_of_worker(struct json_write *w, const struct role_env *env, const struct worker *k) {
    const struct agent_groups_worker *g = &k->agent_groups;
    if (g->hash[0])
        json_key_str(w, "groups", g->hash);
    if (g->compared)
        json_key_bool(w, "groups_as_master", g->equal);
    if (g->why[0])
        json_key_str(w, "groups_why", g->why);
    add_ago(w, "last_info_s", env, k->agent_info.sync_ms);
}

static void add_agents(struct json_write *w, struct role_env *env, const struct master *m,
                       const struct worker *k) {
    struct agent_store *a = env->agent_store;
    const struct store *s = env->agents_env.store;
    if (!a)
        return;
    agent_store_want_figures(a);
    json_key_open(w, "agents", '{');
    json_key_str(w, "store", s->kind);
    if (s->down)
        json_key_str(w, "why", s->why);
    if (m && m->agent_groups.hash[0])
        json_key_str(w, "groups", m->agent_groups.hash);
    if (k)
        add_groups_of_worker(w, env, k);
    if (a->figures_known) {
        add_count(w, &a->all);
        json_key_open(w, "nodes", '[');
        for (uint32_t i = 0; i < a->node_count; i++) {
            json_open(w, '{');
            json_key_str(w, "name", a->node[i].name);
            add_count(w, &a->node[i].count);
            json_close(w, '}');
        }
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void add_unsynced(struct json_write *w, const struct unsynced *u) {
    json_key_open(w, "unsynced", '[');
    for (uint32_t i = 0; i < u->count; i++) {
        json_open(w, '{');
        json_key_str(w, "path", u->file[i].path);
        json_key_str(w, "why", u->file[i].why);
        json_close(w, '}');
    }
    json_close(w, ']');
    if (u->untold)
        json_key_uint(w, "unsynced_untold", u->untold);
}

static void add_memory(struct json_write *w, const struct role_env *env) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < env->pool_count; i++)
        used += (uint64_t)env->pools[i].used * env->pools[i].size;
    json_key_open(w, "memory", '{');
    json_key_uint(w, "used", used);
    json_key_uint(w, "size", env->fixed_bytes);
    json_key_open(w, "pools", '[');
    for (uint32_t i = 0; i < env->pool_count; i++) {
        const struct pool *p = &env->pools[i];
        json_open(w, '{');
        json_key_str(w, "name", p->name);
        json_key_str(w, "words", p->words);
        json_key_uint(w, "used", p->used);
        json_key_uint(w, "high", p->high);
        json_key_uint(w, "count", p->count);
        json_key_uint(w, "size", p->size);
        json_key_uint(w, "refused", p->refused);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_key_open(w, "spool", '{');
    json_key_uint(w, "used", env->spool.used);
    json_key_uint(w, "high", env->spool.high);
    json_key_uint(w, "limit", env->spool.limit);
    json_key_uint(w, "refused", env->spool.refused);
    json_close(w, '}');
    json_close(w, '}');
}

void answer_get_status(struct role_env *env, const struct master *m, const struct worker *k,
                       struct session *s, const struct message *request) {
    const struct cluster_config *c = env->config;
    struct text t;
    struct json_write w;
    text_init(&t, env->answer, sizeof env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_str(&w, "node", c->node_name);
    json_key_str(&w, "cluster", c->cluster_name);
    json_key_str(&w, "type", m ? "master" : "worker");
    json_key_str(&w, "version", c->announced_version);
    json_key_str(&w, "picket", env->picket_version);
    json_key_uint(&w, "up_s", (env->loop->now_ms - env->started_ms) / 1000);
    if (k) {
        add_worker_state(&w, env, k);
    } else {
        json_key_str(&w, "state", "serving");
        json_key_uint(&w, "strangers", m->strangers.pool->used);
        json_key_uint(&w, "strangers_refused", m->strangers.refused);
    }
    add_files(&w, env);
    add_unsynced(&w, &env->unsynced);
    if (m)
        add_workers(&w, env, m);
    add_agents(&w, env, m, k);
    add_memory(&w, env);
    json_close(&w, '}');
    answer_send(env, s, request->counter, &t);
}
