/* local.c - serves programs of this machine. Everything is answered from memory, but for what agents there
 * are, which the store knows (agents_local.c); only a worker passes get_nodes and get_health on, to its
 * master, and answers at once when there is none. */
#include "role/local.h"

#include "role/agents_local.h"
#include "role/answers.h"

#include <stdio.h>
#include <string.h>

#define IDLE_MS 120000u /* a client that says nothing for so long is closed (reference, section 4.4) */

static void not_connected(struct session *s, uint32_t counter) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3023, NULL);
    session_reply_error(s, counter, &w);
}

/* ---- questions passed on to the master ---- */

/* The master's answer, or its error, goes to the client as a request of ours: control_res, whose payload may
 * be the error's JSON (the original loses it and lets the client wait 200 s: baseline document, last
 * section). */
static void master_answered(void *arg, struct session *s, const struct reply *r) {
    struct local_client *c = arg;
    struct session *local = &c->link.session;
    char json[WAZUH_ERROR_JSON_BYTES];
    struct wazuh_error own;
    struct error e;
    struct text t;
    enum err err;
    (void)s;
    c->waiting = false;
    if (r->kind == REPLY_OK) {
        size_t n;
        const char *text = message_text(r->message, &n);
        if (text && n <= 4096) {
            err = session_request(local, "control_res", text, n, NULL, NULL, &e);
        } else {
            struct blob body;
            blob_init(&body, NULL, 0, local->shared->windows, local->shared->spill,
                      local->shared->message_bytes);
            err = blob_copy(&body, &r->message->body, &e);
            if (err == E_OK)
                err = session_request_blob(local, "control_res", &body, NULL, NULL, &e);
            blob_reset(&body);
        }
        if (err == E_OK) {
            link_kick(&c->link);
            return;
        }
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 3000, e.what);
    } else if (r->kind == REPLY_LOST) {
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 3023, NULL);
    } else {
        own = *r->error;
    }
    text_init(&t, json, sizeof json);
    wazuh_error_write(&t, &own, local->shared->dialect);
    session_request(local, "control_res", json, t.len, NULL, NULL, &e);
    link_kick(&c->link);
}

static void pass_on(struct local_client *c, const struct message *m) {
    struct worker *w = c->server->worker;
    struct session *to = worker_session(w), *s = &c->link.session;
    struct error e;
    size_t n;
    const char *text = message_text(m, &n);
    if (!to) {
        not_connected(s, m->counter);
        return;
    }
    if (c->waiting || !text || n > 4096) {
        role_not_served(s, m->counter, "one question of at most 4096 bytes at a time");
        return;
    }
    if (session_request(to, m->command, text, n, master_answered, c, &e) != E_OK) {
        role_not_served(s, m->counter, e.what);
        return;
    }
    c->waiting = true;
    link_kick(&w->link);
    session_reply_text(s, m->counter, "ok", "Sent request to master node");
}

/* ---- requests ---- */

/* An answer that came later is to be written. */
static void kick(void *arg) {
    struct local_client *c = arg;
    link_kick(&c->link);
}

static void request(void *owner, struct session *s, const struct message *m) {
    struct local_client *c = owner;
    struct local_server *l = c->server;
    c->heard_ms = l->env->loop->now_ms;
    switch (m->cmd) {
    case CMD_GET_CONFIG:
        answer_get_config(l->env, s, m);
        break;
    case CMD_GET_STATUS:
        answer_get_status(l->env, l->master, l->worker, s, m);
        break;
    case CMD_GET_NODES:
        if (l->master)
            answer_get_nodes(l->env, l->master, s, m);
        else
            pass_on(c, m);
        break;
    case CMD_GET_HEALTH:
        if (l->master)
            answer_get_health(l->env, l->master, s, m);
        else
            pass_on(c, m);
        break;
    case CMD_GET_AGENTS:
    case CMD_ADD_AGENT:
    case CMD_DEL_AGENT:
    case CMD_SET_GROUPS:
        agents_local_request(l->env->agents, l->env, s, m, kick, c);
        break;
    default:
        role_not_served(s, m->counter, "this node does not serve this command");
        break;
    }
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    (void)owner;
    (void)s;
    (void)sink;
    return error_set(e, E_UNKNOWN, 0, "%s: no task waits for this file", path);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner;
    (void)s;
    (void)path;
    (void)good;
}

static void cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    (void)owner;
    (void)s;
    (void)task_id;
    (void)why;
}

static void alive(void *owner, struct session *s, enum cmd_id cmd) {
    struct local_client *c = owner;
    (void)s;
    (void)cmd;
    c->heard_ms = c->server->env->loop->now_ms;
}

static const struct session_events events = {.request = request,
                                             .file_begin = file_begin,
                                             .file_end = file_end,
                                             .cancelled = cancelled,
                                             .alive = alive};

/* ---- clients come and go ---- */

static void ended(void *owner, const struct error *why) {
    struct local_client *c = owner;
    struct local_server *l = c->server;
    struct local_client **at = &l->clients;
    (void)why;
    if (c->waiting && l->worker->link_up) /* joined, or about to be reaped */
        session_forget(&l->worker->link.session, c);
    agents_local_forget(l->env->agents, &c->link.session);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    pool_give(l->pool, c);
}

static void ready(void *arg, short what) {
    struct local_server *l = arg;
    struct sys *sys = l->env->sys;
    (void)what;
    for (unsigned i = 0; i < 16; i++) {
        struct sys_addr addr;
        int fd = sys->accept(sys, l->fd, &addr);
        if (fd < 0) {
            if (fd != -EAGAIN) { /* no descriptor, say: who waits would make us run in a circle */
                l->io.events = 0;
                loop_timer_set(l->env->loop, &l->accept_timer, l->env->loop->now_ms + ACCEPT_PAUSE_MS);
            }
            return;
        }
        struct local_client *c = pool_take(l->pool);
        if (!c) {
            sys->close(sys, fd);
            continue;
        }
        c->server = l;
        c->waiting = false;
        c->heard_ms = l->env->loop->now_ms;
        if (!link_open(&c->link, l->env->loop, &l->env->shared, &events, c, TO_LOCAL, true, fd, &addr,
                       ended)) {
            pool_give(l->pool, c);
            continue;
        }
        c->id = c->link.session.next_counter & 0xfffffu;
        c->next = l->clients;
        l->clients = c;
    }
}

static void accept_again(void *arg) {
    struct local_server *l = arg;
    l->io.events = SYS_POLLIN;
}

static void close_silent(void *arg) {
    struct local_server *l = arg;
    uint64_t now = l->env->loop->now_ms;
    for (struct local_client *c = l->clients; c; c = c->next)
        if (now - c->heard_ms > IDLE_MS) {
            struct error why;
            error_set(&why, E_TIME, 0, "silent for too long");
            link_doom(&c->link, &why);
        }
    loop_timer_set(l->env->loop, &l->timer, now + IDLE_MS / 4);
}

enum err local_open(struct local_server *l, struct role_env *env, struct master *master,
                    struct worker *worker, struct pool *pool, const char *root_path, struct error *e) {
    char path[PATH_MAX_BYTES];
    struct sys *sys = env->sys;
    struct sys_addr addr;
    memset(l, 0, sizeof *l);
    l->env = env;
    l->master = master;
    l->worker = worker;
    l->pool = pool;
    l->fd = -1;
    loop_io_init(&l->io, ready, l);
    loop_timer_init(&l->timer, close_silent, l);
    loop_timer_init(&l->accept_timer, accept_again, l);
    int n = snprintf(path, sizeof path, "%s/" LOCAL_SOCKET, root_path);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path))
        return error_set(e, E_LIMIT, 0, "%s/" LOCAL_SOCKET ": too long for the name of a socket", root_path);
    /* The node holds the lock of its root: a socket that is there is a dead one. */
    int rc = sys->unlinkat(sys, env->root, LOCAL_SOCKET, false);
    if (rc < 0 && rc != -ENOENT)
        return error_set(e, E_SYS, -rc, "removing the old %s", path);
    l->fd = sys->listen(sys, &addr, 64);
    if (l->fd < 0)
        return error_set(e, E_SYS, -l->fd, "listening on %s", path);
    rc = sys->chmodat(sys, env->root, LOCAL_SOCKET, 0660);
    if (rc < 0)
        return error_set(e, E_SYS, -rc, "setting the mode of %s", path);
    if (!loop_io_add(env->loop, &l->io, l->fd, SYS_POLLIN))
        return error_set(e, E_POOL, 0, "the loop has no room for the local socket");
    loop_timer_set(env->loop, &l->timer, env->loop->now_ms + IDLE_MS / 4);
    log_line(env->log, LOG_INFO, "Local Server", "Main", "Serving on %s", path);
    return E_OK;
}

void local_close(struct local_server *l) {
    struct error why = {.code = E_OK};
    struct role_env *env = l->env;
    if (l->fd >= 0) { /* first, or somebody comes in while the others go */
        loop_io_remove(env->loop, &l->io);
        env->sys->close(env->sys, l->fd);
        env->sys->unlinkat(env->sys, env->root, LOCAL_SOCKET, false);
        l->fd = -1;
    }
    for (struct local_client *c = l->clients; c; c = c->next)
        link_doom(&c->link, &why);
    while (l->clients) /* the dooms are reaped as work */
        loop_turn(env->loop, 0);
    loop_timer_stop(env->loop, &l->timer);
    loop_timer_stop(env->loop, &l->accept_timer);
}
