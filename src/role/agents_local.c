/* agents_local.c - add_agent, del_agent and set_groups: done at once, answered when it is on disk. get_agents
 * is in agents_list.c. Arguments come from programs that may open the socket (root and the group wazuh); they
 * are read with bounded tokens, and what is written of them was judged by the store. */
#include "role/agents_local.h"

#include "base/bytes.h"
#include "role/answers.h"
#include "store/group_folders.h"

#include <string.h>

/* ---- arguments and refusals ---- */

void agents_refuse(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *words) {
    struct wazuh_error w;
    wazuh_error_set(&w, class, code, words);
    session_reply_error(s, counter, &w);
}

size_t agents_argument(const struct agents_arguments *g, const char *key) {
    size_t i = json_find(&g->doc, 0, key);
    return i && g->doc.tokens[i].kind != JSON_NULL ? i : 0;
}

bool agents_read_id(const struct json_doc *d, size_t i, int64_t *id) {
    char text[12];
    size_t len;
    uint64_t v;
    if (d->tokens[i].kind == JSON_STRING) {
        if (json_copy_str(d, i, text, sizeof text, &len) != E_OK || !text_number(text, len, AGENT_ID_MAX, &v))
            return false;
    } else if (!json_get_uint(d, i, AGENT_ID_MAX, &v)) {
        return false;
    }
    *id = (int64_t)v;
    return v > 0;
}

/* An empty payload counts as {}. */
static bool read_arguments(struct agents_arguments *g, const struct message *m) {
    size_t n;
    const char *text = message_text(m, &n);
    if (!text)
        return false;
    if (!n) {
        text = "{}";
        n = 2;
    }
    return json_parse(&g->doc, text, n, g->tokens, AGENTS_TOKENS, NULL) == E_OK &&
           g->doc.tokens[0].kind == JSON_OBJECT;
}

/* An edit: who asks, with what, and how its failure is called. */
struct edit {
    struct agents_service *a;
    struct role_env *env;
    struct session *s;
    const struct agents_arguments *g;
    uint32_t counter;
    int code;
};

static void misshapen(const struct edit *x, const char *words) {
    agents_refuse(x->s, x->counter, WAZUH_INTERNAL_ERROR, 1000, words);
}

static void failed(const struct edit *x, enum err err, const struct error *e) {
    bool gone = err == E_GONE && x->code != 1725;
    agents_refuse(x->s, x->counter, gone ? WAZUH_RESOURCE_NOT_FOUND : WAZUH_ERROR, gone ? 1701 : x->code,
                  e->what);
}

static bool need_id(const struct edit *x, int64_t *id) {
    size_t i = agents_argument(x->g, "id");
    if (i && agents_read_id(&x->g->doc, i, id))
        return true;
    misshapen(x, "the id of an agent is needed, 1 to 99999999");
    return false;
}

/* A string of a member; false when there is one that does not fit. None leaves *out alone. */
static bool read_string(const struct edit *x, const char *key, char *out, size_t cap) {
    size_t i = agents_argument(x->g, key), len;
    return !i || json_copy_str(&x->g->doc, i, out, cap, &len) == E_OK;
}

static void tell(const struct edit *x, int64_t id, const char *name, const char *what) {
    log_line(x->env->log, LOG_INFO, "Local Server", "Agents", "Agent %03lld (%s) %s", (long long)id, name,
             what);
    x->a->store->changes = x->a->embedded->agents.changes;
}

/* {"id", "name"[, "ip"][, "key"]} */
static void reply(const struct edit *x, int64_t id, const char *name, const char *ip, const char *key) {
    char words[AGENT_ID_BYTES];
    struct text t, i;
    struct json_write w;
    text_init(&i, words, sizeof words);
    text_format(&i, "%03lld", (long long)id);
    text_init(&t, x->env->answer, sizeof x->env->answer);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_str(&w, "id", words);
    json_key_str(&w, "name", name);
    if (ip)
        json_key_str(&w, "ip", ip);
    if (key)
        json_key_str(&w, "key", key);
    json_close(&w, '}');
    answer_send(x->env, x->s, x->counter, &t);
    bytes_wipe(t.buf, t.len);
}

/* ---- the three ---- */

static void add(const struct edit *x) {
    char name[AGENT_NAME_BYTES] = "", ip[AGENT_IP_BYTES] = "any";
    struct client_key k;
    struct error e;
    int64_t id = 0;
    size_t i = agents_argument(x->g, "id"), key = agents_argument(x->g, "key");
    if (!read_string(x, "name", name, sizeof name))
        name[0] = '\0'; /* no name of an agent: the store says what one is */
    if (!read_string(x, "ip", ip, sizeof ip))
        ip[0] = '\0';
    if (i && !need_id(x, &id))
        return;
    enum err err = client_keys_add(x->a->keys, &k, name, ip, id, &e);
    if (err != E_OK) {
        failed(x, err, &e);
        return;
    }
    tell(x, k.id, k.name, "was added");
    reply(x, k.id, k.name, k.ip, key && json_is_true(&x->g->doc, key) ? k.key : NULL);
    bytes_wipe(&k, sizeof k);
}

static void remove_one(const struct edit *x) {
    char name[AGENT_NAME_BYTES] = "";
    struct error e;
    int64_t id;
    if (!need_id(x, &id))
        return;
    agents_find(&x->a->embedded->agents, id, name, NULL, NULL); /* may be in the file alone */
    enum err err = client_keys_remove(x->a->keys, id, &e);
    if (err != E_OK) {
        failed(x, err, &e);
        return;
    }
    tell(x, id, name, "was removed");
    reply(x, id, name, NULL, NULL);
}

static bool is_listed(const char *const *names, size_t count, const char *name) {
    while (count > 0)
        if (!strcmp(names[--count], name))
            return true;
    return false;
}

/* The names, each once, kept in buf; each must be a group's. Answers what is wrong and returns false. */
static bool read_groups(const struct edit *x, const char *names[GROUPS_PER_AGENT], size_t *count, char *buf,
                        size_t cap) {
    const struct json_doc *d = &x->g->doc;
    size_t i = agents_argument(x->g, "groups"), used = 0, len;
    struct error e;
    *count = 0;
    if (!i || d->tokens[i].kind != JSON_ARRAY || d->tokens[i].size == 0 ||
        d->tokens[i].size > GROUPS_PER_AGENT) {
        misshapen(x, "groups is a list of 1 to 128 names");
        return false;
    }
    size_t at = json_first(d, i);
    for (uint32_t k = 0; k < d->tokens[i].size; k++, at = d->tokens[at].next) {
        char *name = buf + used;
        if (json_copy_str(d, at, name, cap - used, &len) != E_OK) {
            misshapen(x, "groups is a list of names of 1 to 255 characters, 16 KB at the most");
            return false;
        }
        enum err err = group_need(&x->a->embedded->agents, name, &e);
        if (err != E_OK) {
            agents_refuse(x->s, x->counter, err == E_GONE ? WAZUH_RESOURCE_NOT_FOUND : WAZUH_ERROR,
                          err == E_GONE ? 1710 : x->code, e.what);
            return false;
        }
        if (is_listed(names, *count, name))
            continue;
        names[(*count)++] = name;
        used += len + 1;
    }
    return true;
}

static void set_groups(const struct edit *x) {
    static const char modes[] = "override\0append\0remove\0";
    static const enum groups_mode mode_of[] = {GROUPS_OVERRIDE, GROUPS_APPEND, GROUPS_REMOVE};
    struct embedded *b = x->a->embedded;
    const char *names[GROUPS_PER_AGENT];
    char name[AGENT_NAME_BYTES], mode[12] = "override";
    size_t count;
    struct error e;
    int64_t id;
    ptrdiff_t m;
    if (!need_id(x, &id))
        return;
    if (!read_string(x, "mode", mode, sizeof mode) || (m = text_find(modes, mode)) < 0) {
        misshapen(x, "mode is override, append or remove");
        return;
    }
    enum err err = agents_find(&b->agents, id, name, NULL, &e);
    if (err == E_GONE)
        error_set(&e, E_GONE, 0, "there is no agent %03lld", (long long)id);
    if (err == E_OK) {
        /* No command of wazuh-db is under way inside this call: its memory is free. */
        if (!read_groups(x, names, &count, b->texts->command_keep, sizeof b->texts->command_keep))
            return;
        err = agents_set_groups(&b->agents, id, mode_of[m], names, count, true, &e);
    }
    if (err != E_OK) {
        failed(x, err, &e);
        return;
    }
    tell(x, id, name, "has new groups");
    reply(x, id, name, NULL, NULL);
}

/* ---- requests ---- */

static const char *why_not(const struct agents_service *a) {
    if (!a->is_master)
        return "agents are edited on the master: run this there";
    if (!a->embedded)
        return "this node's agents are kept by wazuh-db: use manage_agents, agent_groups or the Wazuh API";
    return NULL;
}

static void edit(struct agents_service *a, struct role_env *env, struct session *s, const struct message *m,
                 const struct agents_arguments *g) {
    struct edit x = {.a = a, .env = env, .s = s, .g = g, .counter = m->counter};
    const char *why = why_not(a);
    if (why) {
        role_not_served(s, m->counter, why);
        return;
    }
    if (m->cmd == CMD_ADD_AGENT) {
        x.code = 1725;
        add(&x);
    } else if (m->cmd == CMD_DEL_AGENT) {
        x.code = 1757;
        remove_one(&x);
    } else {
        x.code = 1751;
        set_groups(&x);
    }
}

void agents_local_request(struct agents_service *a, struct role_env *env, struct session *s,
                          const struct message *request, void (*answered)(void *arg), void *arg) {
    struct agents_arguments g; /* 6 KB: as many groups as an agent may have */
    if (!a)
        role_not_served(s, request->counter, "this node keeps no agents");
    else if (!read_arguments(&g, request))
        agents_refuse(s, request->counter, WAZUH_INTERNAL_ERROR, 1000, "the arguments are not a JSON object");
    else if (request->cmd == CMD_GET_AGENTS)
        agents_list(a, env, s, &g, request->counter, answered, arg);
    else
        edit(a, env, s, request, &g);
}

void agents_local_forget(struct agents_service *a, const struct session *s) {
    for (size_t i = 0; a && i < AGENT_QUERIES; i++)
        if (a->query[i].session == s) {
            store_cancel(a->store, &a->query[i].job);
            a->query[i].session = NULL;
        }
}
