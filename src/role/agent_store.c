/* agent_store.c - which agent database the node has, and what keeps it going. The work itself is done in
 * store/ (embedded) and by role/wdb_client (a real wazuh-db). */
#include "role/agent_store.h"

#include "base/json_read.h"

#include <stdio.h>
#include <string.h>

#define LOCKED_MS 100u         /* pause while another program has the file locked */
#define TICK_MS 2000u          /* etc/client.keys is looked at so often (one fstat) */
#define RETRY_MS 30000u        /* between two attempts to open the embedded store */
#define FIGURES_MS 60000u      /* a real wazuh-db is asked so often how many there are */
#define FIGURES_FRESH_MS 1000u /* ... or when somebody looks and they are older than this */
#define SHARED_PATH "etc/shared"

static const char *tag(const struct agent_store *a) {
    return a->env->agents_env.tag;
}

static void use(struct agent_store *a, struct store *s) {
    a->env->agents_env.store = s;
    a->service.store = s;
    a->service.embedded = a->embedded_is_open ? &a->embedded : NULL;
    a->service.keys = a->embedded_is_open ? &a->keys : NULL;
}

/* ---- a store that is not there ---- */

static struct agent_store *of_closed(struct store *s) {
    return (struct agent_store *)((char *)s - offsetof(struct agent_store, closed));
}

static void closed_submit(struct store *s, struct store_job *j) {
    struct agent_store *a = of_closed(s);
    struct store_job **last = &a->closed_jobs;
    while (*last)
        last = &(*last)->next;
    j->next = NULL;
    j->queued = true;
    *last = j;
    loop_work_queue(a->env->loop, &a->closed_work);
}

static void closed_cancel(struct store *s, struct store_job *j) {
    struct agent_store *a = of_closed(s);
    for (struct store_job **at = &a->closed_jobs; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            j->queued = false;
            return;
        }
}

static void closed_run(void *arg) {
    struct agent_store *a = arg;
    struct store_job *jobs = a->closed_jobs;
    a->closed_jobs = NULL;
    while (jobs) {
        struct store_job *j = jobs;
        jobs = j->next;
        j->queued = false;
        j->err = error_set(&j->why, E_GONE, 0, "%s", a->closed.why);
        a->closed.failures++;
        j->done(j->arg, j);
    }
}

static const struct store_ops closed_ops = {closed_submit, closed_cancel};

/* ---- the embedded store ---- */

static void wake(void *arg) {
    struct agent_store *a = arg;
    loop_work_queue(a->env->loop, &a->work);
}

static void run(void *arg) {
    struct agent_store *a = arg;
    if (embedded_step(&a->embedded) == STEP_AGAIN)
        loop_work_queue(a->env->loop, &a->work);
    else if (a->embedded.running)
        loop_timer_set(a->env->loop, &a->timer, a->env->loop->now_ms + LOCKED_MS);
}

/* While another program has the database locked it is tried again, and is no news. */
static void cannot_follow(struct agent_store *a, const char *path, const struct error *e) {
    uint32_t held;
    if (e->code == E_LIMIT || /* is not tried again, so it is said now or never */
        (e->code != E_AGAIN && log_brake_pass(&a->brake, a->env->loop->now_ms, 60000, &held)))
        log_line(a->env->log, LOG_ERROR, tag(a), "Agents", "Following %s: %s", path, e->what);
}

static void follow_keys(void *arg) {
    struct agent_store *a = arg;
    struct error e;
    switch (client_keys_step(&a->keys, &e)) {
    case STEP_AGAIN:
        loop_work_queue(a->env->loop, &a->keys_work);
        break;
    case STEP_FAILED:
        cannot_follow(a, CLIENT_KEYS_PATH, &e);
        break;
    default:
        break;
    }
}

/* A folder that comes or goes changes the time of the one it lies in. */
static void follow_groups(struct agent_store *a) {
    struct sys *sys = a->env->sys;
    struct sys_stat st;
    struct error e;
    if (sys->lstatat(sys, a->root, SHARED_PATH, &st) < 0)
        st = (struct sys_stat){.mtime_ns = 1};
    if (a->shared_mtime_ns == (uint64_t)st.mtime_ns && a->shared_ino == st.ino)
        return;
    bool is_master = a->env->config->type == NODE_MASTER;
    enum err err = group_folders_follow(&a->embedded.agents, sys, a->env->log, a->root, is_master, &e);
    if (err == E_GONE && !is_master) /* a new worker has no folders yet */
        err = E_OK;
    if (err != E_OK)
        cannot_follow(a, SHARED_PATH, &e);
    if (err == E_OK || err == E_LIMIT) { /* of too many folders it is no use to go through all again */
        a->shared_mtime_ns = (uint64_t)st.mtime_ns;
        a->shared_ino = st.ino;
    }
}

static void open_server(struct agent_store *a) {
    struct role_env *env = a->env;
    struct error e;
    if (wdb_server_open(&a->server, env->sys, env->loop, env->log, a->root, a->root_path, &a->embedded,
                        &a->texts, a->peer_pool, env->shared.windows, env->shared.spill,
                        env->agents_env.string_bytes, &e) == E_OK) {
        a->server_is_open = true;
        a->server_told = false;
        return;
    }
    if (!a->server_told)
        log_line(env->log, LOG_ERROR, tag(a), "Agents", "Other programs cannot reach the agents: %s", e.what);
    a->server_told = true;
    a->retry_ms = env->loop->now_ms + RETRY_MS;
}

static void open_embedded(struct agent_store *a) {
    struct role_env *env = a->env;
    bool is_master = env->config->type == NODE_MASTER;
    struct error e;
    struct embedded_setup setup = {.sys = env->sys,
                                   .log = env->log,
                                   .root = a->root,
                                   .uid = a->uid,
                                   .gid = a->gid,
                                   .is_worker = !is_master,
                                   .info_http = env->dialect->agent_info_http,
                                   .groups_named = env->dialect->groups_named,
                                   .texts = &a->texts,
                                   .wake = wake,
                                   .wake_arg = a};
    memset(&a->embedded, 0, sizeof a->embedded);
    if (embedded_open(&a->embedded, &setup, &e) != E_OK) {
        embedded_close(&a->embedded);
        if (strcmp(a->closed.why, e.what) != 0)
            log_line(env->log, LOG_ERROR, tag(a), "Agents",
                     "The agent store cannot be opened: %s. Files are synchronised without it.", e.what);
        snprintf(a->closed.why, sizeof a->closed.why, "%.*s", (int)sizeof a->closed.why - 1, e.what);
        a->retry_ms = env->loop->now_ms + RETRY_MS;
        return;
    }
    a->embedded_is_open = true;
    a->shared_mtime_ns = a->shared_ino = 0;
    client_keys_init(&a->keys, &a->embedded.agents, env->sys, env->log, a->root, is_master);
    use(a, &a->embedded.store);
    /* Who asked the closed one has his answer while that can still be cancelled; and asks on here. */
    closed_run(a);
    a->figures_known = false;
    a->figures_wanted = true;
}

/* ---- figures ---- */

static uint64_t changes(const struct agent_store *a) {
    return a->embedded_is_open ? a->embedded.agents.changes
                               : a->figures_changes + 1; /* another's: who knows */
}

static uint32_t number(const struct json_doc *d, size_t row, const char *key) {
    size_t i = json_find(d, row, key);
    uint64_t n;
    return i && json_get_uint(d, i, UINT32_MAX, &n) ? (uint32_t)n : 0;
}

static void read_figures(struct agent_store *a, const struct json_doc *d) {
    a->node_count = 0;
    a->all = (struct agent_count){0};
    size_t row = json_first(d, 0);
    for (uint32_t left = d->tokens[0].size; left > 0 && a->node_count < AGENT_NODES_MAX; left--) {
        struct agent_node *n = &a->node[a->node_count];
        size_t name = json_find(d, row, "node_name");
        n->count = (struct agent_count){number(d, row, "active"), number(d, row, "disconnected"),
                                        number(d, row, "pending"), number(d, row, "never_connected")};
        a->all.active += n->count.active;
        a->all.disconnected += n->count.disconnected;
        a->all.pending += n->count.pending;
        a->all.never_connected += n->count.never_connected;
        if (name && json_copy_str(d, name, n->name, sizeof n->name, NULL) == E_OK)
            a->node_count++;
        row = d->tokens[row].next;
    }
}

static void counted(void *arg, struct store_job *j) {
    struct agent_store *a = arg;
    struct json_doc d;
    struct error e;
    a->figures_asked = false;
    a->figures_ms = a->env->loop->now_ms;
    if (j->err != E_OK || j->reply_n < 3 || memcmp(j->reply, "ok ", 3) != 0 ||
        json_parse(&d, j->reply + 3, j->reply_n - 3, a->texts.tokens, STRING_TOKENS, &e) != E_OK ||
        d.tokens[0].kind != JSON_ARRAY) {
        a->figures_known = false;
        return;
    }
    a->figures_known = true;
    read_figures(a, &d);
}

/* Who looks sees how it is, and not how it was when somebody looked before. */
static void count_at_once(struct agent_store *a) {
    struct store_job *j = &a->figures_job;
    struct text reply;
    text_init(&reply, a->texts.reply, WDB_TEXT_BYTES);
    wdb_global(&a->embedded.global, j->text, j->text_n, &reply);
    j->reply = reply.buf;
    j->reply_n = reply.len;
    counted(a, j);
}

static void count_agents(struct agent_store *a) {
    uint64_t now = a->env->loop->now_ms, moved = changes(a);
    bool news = moved != a->figures_changes || !a->figures_known;
    if (a->figures_asked || a->env->agents_env.store->down || !news)
        return;
    /* Our own store is counted when somebody looks; a real one answers later, so it is asked before. */
    if (!a->figures_wanted && (a->embedded_is_open || now - a->figures_ms < FIGURES_MS))
        return;
    a->figures_wanted = false;
    a->figures_asked = true;
    a->figures_changes = moved;
    int n = snprintf(a->figures_text, sizeof a->figures_text,
                     "global sql select substr(node_name, 1, %u) as node_name, "
                     "sum(connection_status = 'active') as active, "
                     "sum(connection_status = 'disconnected') as disconnected, "
                     "sum(connection_status = 'pending') as pending, "
                     "sum(connection_status = 'never_connected') as never_connected "
                     "from agent where id > 0 group by node_name order by count(*) desc limit %u",
                     NODE_NAME_BYTES, AGENT_NODES_MAX); /* one more than a name has: it is no node's */
    a->figures_job = (struct store_job){
        .work = STORE_TEXT, .text = a->figures_text, .text_n = (size_t)n, .done = counted, .arg = a};
    if (a->embedded_is_open)
        count_at_once(a);
    else
        store_submit(a->env->agents_env.store, &a->figures_job);
}

void agent_store_want_figures(struct agent_store *a) {
    if (a->env->loop->now_ms - a->figures_ms < FIGURES_FRESH_MS && a->figures_known)
        return;
    a->figures_wanted = true;
    count_agents(a);
}

struct agent_count agent_store_of_node(const struct agent_store *a, const char *node) {
    for (uint32_t i = 0; i < a->node_count; i++)
        if (strcmp(a->node[i].name, node) == 0)
            return a->node[i].count;
    return (struct agent_count){0};
}

/* ---- opening and closing ---- */

static void tick(void *arg) {
    struct agent_store *a = arg;
    uint64_t now = a->env->loop->now_ms;
    if (a->is_embedded && !a->embedded_is_open && now >= a->retry_ms)
        open_embedded(a);
    if (a->embedded_is_open && !a->server_is_open && now >= a->retry_ms)
        open_server(a);
    if (a->embedded_is_open) {
        loop_work_queue(a->env->loop, &a->work);
        loop_work_queue(a->env->loop, &a->keys_work);
        follow_groups(a);
    }
    count_agents(a);
    loop_timer_set(a->env->loop, &a->timer, now + TICK_MS);
}

/* A full Wazuh installation keeps its agents in wazuh-db, also while that is down: two daemons that write one
 * file would each miss what the other does. */
static bool has_wazuh_db(const struct agent_store *a) {
    struct sys *sys = a->env->sys;
    struct sys_addr addr;
    struct sys_stat st;
    char path[PATH_MAX_BYTES];
    int fd;
    if (a->env->config->store != STORE_AUTO)
        return a->env->config->store == STORE_WAZUH_DB;
    if (sys->lstatat(sys, a->root, "bin/wazuh-db", &st) == 0)
        return true;
    int n = snprintf(path, sizeof path, "%s/" WDB_SOCKET, a->root_path);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path))
        return false;
    int rc = sys->connect(sys, &addr, &fd);
    if (rc == 0 || rc == -EINPROGRESS)
        sys->close(sys, fd);
    return rc == 0;
}

void agent_store_open(struct agent_store *a, struct role_env *env, int root, const char *root_path,
                      uint32_t uid, uint32_t gid, struct pool *peer_pool) {
    const struct dialect *d = env->dialect;
    memset(a, 0, sizeof *a);
    a->env = env;
    a->root = root;
    a->root_path = root_path;
    a->uid = uid;
    a->gid = gid;
    a->closed = (struct store){.ops = &closed_ops, .kind = "embedded", .down = true};
    a->peer_pool = peer_pool;
    loop_work_init(&a->closed_work, closed_run, a);
    loop_work_init(&a->work, run, a);
    loop_work_init(&a->keys_work, follow_keys, a);
    loop_timer_init(&a->timer, tick, a);
    a->service.is_master = env->config->type == NODE_MASTER;
    env->agents = &a->service;
    use(a, &a->closed);
    a->is_embedded = !has_wazuh_db(a);
    if (!a->is_embedded) {
        wdb_client_init(&a->client, env->sys, env->loop, env->log, root_path,
                        env->config->type == NODE_WORKER, d->agent_info_http, d->groups_named, &a->texts,
                        env->agents_env.string_bytes);
        a->client_is_open = true;
        use(a, &a->client.store);
    }
    log_line(env->log, LOG_INFO, tag(a), "Agents", "Agents are kept by %s.",
             a->is_embedded ? "picket itself (" DB_PATH ")" : "wazuh-db");
    tick(a);
}

void agent_store_close(struct agent_store *a) {
    struct loop *loop = a->env->loop;
    loop_timer_stop(loop, &a->timer);
    if (a->figures_asked)
        store_cancel(a->env->agents_env.store, &a->figures_job);
    if (a->server_is_open)
        wdb_server_close(&a->server);
    if (a->embedded_is_open) {
        client_keys_fini(&a->keys);
        embedded_close(&a->embedded);
    }
    if (a->client_is_open)
        wdb_client_fini(&a->client);
    loop_work_cancel(loop, &a->work);
    loop_work_cancel(loop, &a->keys_work);
    loop_work_cancel(loop, &a->closed_work);
    a->server_is_open = a->embedded_is_open = a->client_is_open = false;
}
