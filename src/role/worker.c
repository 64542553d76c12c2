/* worker.c - from nothing to a joined link, again and again; then the keepalive. The work of the link is done
 * by task/integrity_worker, agent_info_worker and agent_groups_worker; commands of the master are bound to it
 * at the end of this file. */
#include "role/worker.h"

#include "base/bytes.h"
#include "base/text.h"
#include "role/requests.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_MS 10000u /* a look-up, and a connection attempt, may take so long */
#define HELLO_MS 20000u
#define PAUSE_LEAST_MS 1000u

static void attempt(struct worker *w);

static const char *tag(const struct worker *w) {
    return w->env->integrity.tag;
}

/* ---- failing, and trying again ---- */

static void set_keepalive(struct worker *w) {
    loop_timer_set(w->env->loop, &w->keepalive,
                   w->env->loop->now_ms + w->env->config->intervals.keep_alive_ms);
}

static void set_timer(struct worker *w, uint64_t after_ms) {
    loop_timer_set(w->env->loop, &w->timer, w->env->loop->now_ms + after_ms);
}

static uint32_t with_jitter(struct worker *w, uint32_t ms) {
    uint32_t random = 0;
    w->env->sys->random(w->env->sys, &random, sizeof random);
    return ms - (uint32_t)((uint64_t)(ms / 2) * (random >> 16) >> 16);
}

static void close_attempt(struct worker *w) {
    struct sys *sys = w->env->sys;
    if (w->fd < 0)
        return;
    loop_io_remove(w->env->loop, &w->io);
    if (w->state == WORKER_RESOLVING)
        sys->resolve_end(sys, w->fd, w->child);
    else
        sys->close(sys, w->fd);
    w->fd = -1;
}

/* Everything that does not lead to a joined link ends here. The same reason is told once, then counted. */
static void retry(struct worker *w, const char *why) {
    uint32_t most = w->env->config->intervals.connection_retry_ms;
    bool news = strcmp(why, w->why) != 0;
    close_attempt(w);
    w->addr_turn++; /* whatever was wrong with this address, the next attempt is for another */
    w->pause_ms = w->pause_ms < most / 2 ? w->pause_ms * 2 : most;
    if (w->pause_ms < PAUSE_LEAST_MS)
        w->pause_ms = (uint32_t)min_size(PAUSE_LEAST_MS, most);
    if (w->refused)
        w->pause_ms = most;
    uint32_t pause = with_jitter(w, w->pause_ms);
    log_line(w->env->log, news ? LOG_ERROR : LOG_CYCLE, tag(w), "Main",
             "Could not connect to master: %s. Trying again in %u seconds.", why, (pause + 999) / 1000);
    if (news)
        snprintf(w->why, sizeof w->why, "%s", why);
    w->state = WORKER_WAITING;
    set_timer(w, pause);
}

static void retry_os(struct worker *w, const char *what, int os) {
    struct error e;
    error_set(&e, E_SYS, os, "%s", what);
    retry(w, e.what);
}

static void timer_fired(void *arg) {
    struct worker *w = arg;
    switch (w->state) {
    case WORKER_WAITING:
        attempt(w);
        break;
    case WORKER_RESOLVING:
        retry(w, "the name of the master could not be looked up in time");
        break;
    case WORKER_CONNECTING:
        retry(w, "the master does not answer the connection");
        break;
    default:
        if (w->link_up && w->state == WORKER_HELLO) {
            struct error why;
            error_set(&why, E_TIME, 0, "the master did not answer hello");
            link_doom(&w->link, &why);
        }
        break;
    }
}

/* ---- the keepalive ---- */

static void keepalive_failed(struct worker *w, const char *why) {
    log_line(w->env->log, LOG_ERROR, tag(w), "Keep Alive", "Error sending keep alive: %s", why);
    if (++w->keepalives_failed < w->env->config->intervals.max_failed_keepalive_attempts)
        return;
    struct error e;
    log_line(w->env->log, LOG_ERROR, tag(w), "Keep Alive",
             "Maximum number of failed keep alives reached. Disconnecting.");
    error_set(&e, E_TIME, 0, "keep alives were not answered");
    link_doom(&w->link, &e);
}

static void keepalive_answered(void *arg, struct session *s, const struct reply *r) {
    struct worker *w = arg;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK) {
        char words[256];
        struct text t;
        text_init(&t, words, sizeof words);
        wazuh_error_words(&t, r->error);
        keepalive_failed(w, words);
        return;
    }
    w->keepalives_failed = 0;
    w->keepalive_ms = w->env->loop->now_ms;
    log_line(w->env->log, LOG_CYCLE, tag(w), "Keep Alive", "Successful response from master: keepalive");
}

static void keepalive_due(void *arg) {
    struct worker *w = arg;
    struct error e;
    if (w->state != WORKER_JOINED)
        return;
    unsynced_expire(&w->env->unsynced, w->env->loop->now_ms, w->env->cycle_ms);
    set_keepalive(w);
    if (session_request(&w->link.session, "echo-c", "keepalive", 9, keepalive_answered, w, &e) != E_OK)
        keepalive_failed(w, e.what);
    link_kick(&w->link);
}

/* ---- hello ---- */

static void kick(void *arg) {
    link_kick(arg);
}

static void joined(struct worker *w) {
    log_line(w->env->log, LOG_INFO, tag(w), "Main", "Successfully connected to master.");
    w->state = WORKER_JOINED;
    w->joined_ms = w->env->loop->now_ms;
    w->keepalive_ms = 0;
    w->keepalives_failed = 0;
    w->pause_ms = 0;
    w->why[0] = '\0';
    loop_timer_stop(w->env->loop, &w->timer);
    set_keepalive(w);
    integrity_worker_link_up(w->integrity, &w->link.session, kick, &w->link);
    agent_info_worker_link_up(&w->agent_info, &w->link.session, kick, &w->link);
    agent_groups_worker_link_up(&w->agent_groups, &w->link.session, kick, &w->link);
    const struct requests *r = w->env->requests;
    if (r)
        r->master_came(r->arg, &w->link.session);
}

static void hello_answered(void *arg, struct session *s, const struct reply *r) {
    struct worker *w = arg;
    struct error why;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind == REPLY_OK) {
        joined(w);
        return;
    }
    char words[ERROR_WHAT_BYTES - 8];
    struct text t;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, r->error);
    w->refused = r->kind == REPLY_ERR; /* else nobody said no: the pauses need not be long */
    error_set(&why, w->refused ? E_PEER : E_TIME, 0, "%s", words);
    link_doom(&w->link, &why);
}

static void ended(void *owner, const struct error *why) {
    struct worker *w = owner;
    bool was_joined = w->state == WORKER_JOINED;
    w->link_up = false;
    w->state = WORKER_WAITING;
    loop_timer_stop(w->env->loop, &w->keepalive);
    file_inbox_drop(&w->inbox, &w->link.session);
    if (!was_joined) {
        bool silent = !w->refused && why->code != E_TIME;
        retry(w, silent ? "the master closed the connection without answering hello (is the key the same?)"
                        : why->what);
        return;
    }
    integrity_worker_link_down(w->integrity);
    agent_info_worker_link_down(&w->agent_info);
    agent_groups_worker_link_down(&w->agent_groups);
    const struct requests *r = w->env->requests;
    if (r)
        r->master_gone(r->arg);
    if (why->code == E_OK)
        log_line(w->env->log, LOG_INFO, tag(w), "Main", "The master closed the connection");
    else
        log_line(w->env->log, LOG_ERROR, tag(w), "Main", "Connection closed: %s", why->what);
    uint32_t most = w->env->config->intervals.connection_retry_ms;
    uint32_t pause = with_jitter(w, (uint32_t)min_size(PAUSE_LEAST_MS, most));
    log_line(w->env->log, LOG_INFO, tag(w), "Main",
             "The connection has been closed. Reconnecting in %u seconds.", (pause + 999) / 1000);
    snprintf(w->why, sizeof w->why, "%s", why->code == E_OK ? "the master closed the connection" : why->what);
    set_timer(w, pause);
}

/* ---- commands of the master ---- */

/* The distributed API and sendsync, which role only carries. */
static void carried(struct worker *w, struct session *s, const struct message *m) {
    const struct requests *r = w->env->requests;
    if (r)
        r->master(r->arg, s, m);
    else
        role_not_served(s, m->counter, "this worker does not serve this command");
}

static void request(void *owner, struct session *s, const struct message *m) {
    struct worker *w = owner;
    if (w->state != WORKER_JOINED) {
        role_not_served(s, m->counter, "hello has not been answered yet");
        return;
    }
    switch (m->cmd) {
    case CMD_SYN_M_C_OK:
    case CMD_SYN_M_C:
    case CMD_SYN_M_C_E:
    case CMD_SYN_M_C_R:
        integrity_worker_request(w->integrity, m);
        break;
    case CMD_SYN_M_A_E:
    case CMD_SYN_M_A_ERR:
        agent_info_worker_request(&w->agent_info, m);
        break;
    case CMD_SYN_G_M_W:
    case CMD_SYN_G_M_W_C:
        agent_groups_worker_request(&w->agent_groups, m);
        break;
    case CMD_DAPI:
    case CMD_DAPI_RES:
    case CMD_DAPI_ERR:
    case CMD_SENDSYN_RES:
    case CMD_SENDSYN_ERR:
        carried(w, s, m);
        break;
    default:
        role_not_served(s, m->counter, "this worker does not serve this command");
        break;
    }
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    struct worker *w = owner;
    enum err err = integrity_worker_file_begin(w->integrity, path, sink, e);
    if (err != E_UNKNOWN)
        return err;
    return file_inbox_begin(&w->inbox, s, w->env->config->node_name, path, sink, e);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    struct worker *w = owner;
    if (file_inbox_end(&w->inbox, s, path, good, tag(w)))
        return;
    integrity_worker_file_end(w->integrity, path, good);
}

static void cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    struct worker *w = owner;
    (void)s;
    integrity_worker_cancelled(w->integrity, task_id, why);
}

static const struct session_events events = {
    .request = request, .file_begin = file_begin, .file_end = file_end, .cancelled = cancelled};

/* ---- connecting ---- */

static void say_hello(struct worker *w) {
    const struct cluster_config *c = w->env->config;
    char text[2 * NODE_NAME_BYTES + VERSION_BYTES + 16];
    struct error e;
    int fd = w->fd;
    struct sys_addr *addr = &w->addr[w->addr_turn % w->addr_count];
    loop_io_remove(w->env->loop, &w->io);
    w->fd = -1;
    w->env->sys->sockopt_set(w->env->sys, fd, SYS_TCP_NODELAY, 1);
    w->env->sys->sockopt_set(w->env->sys, fd, SYS_KEEPALIVE, 1);
    w->refused = false;
    if (!link_open(&w->link, w->env->loop, &w->env->shared, &events, w, TO_WORKER, false, fd, addr, ended)) {
        retry(w, "no room in the loop");
        return;
    }
    w->link_up = true;
    w->state = WORKER_HELLO;
    set_timer(w, HELLO_MS);
    int n =
        snprintf(text, sizeof text, "%s %s worker %s", c->node_name, c->cluster_name, c->announced_version);
    if (session_request(&w->link.session, "hello", text, (size_t)n, hello_answered, w, &e) != E_OK)
        link_doom(&w->link, &e);
    link_kick(&w->link);
}

static void connect_to(struct worker *w) {
    struct sys *sys = w->env->sys;
    char words[SYS_ADDR_WORDS], text[160];
    struct sys_addr *addr = &w->addr[w->addr_turn % w->addr_count];
    w->state = WORKER_CONNECTING;
    int rc = sys->connect(sys, addr, &w->fd);
    if (rc < 0 && rc != -EINPROGRESS) {
        w->fd = -1;
        sys_addr_words(addr, words);
        snprintf(text, sizeof text, "connecting to %s port %u", words, w->env->config->port);
        retry_os(w, text, -rc);
        return;
    }
    if (!loop_io_add(w->env->loop, &w->io, w->fd, SYS_POLLOUT)) {
        sys->close(sys, w->fd);
        w->fd = -1;
        retry(w, "no room in the loop");
        return;
    }
    set_timer(w, CONNECT_MS);
}

static void connected(struct worker *w) {
    struct sys *sys = w->env->sys;
    char words[SYS_ADDR_WORDS], text[160];
    int os = 0;
    int rc = sys->sockopt_get(sys, w->fd, SYS_SO_ERROR, &os);
    if (rc < 0)
        os = -rc;
    if (os == 0) {
        say_hello(w);
        return;
    }
    sys_addr_words(&w->addr[w->addr_turn % w->addr_count], words);
    snprintf(text, sizeof text, "connecting to %s port %u", words, w->env->config->port);
    retry_os(w, text, os);
}

/* Addresses come as whole records through a pipe; any cut is possible. */
static void looked_up(struct worker *w) {
    struct sys *sys = w->env->sys;
    char text[HOST_BYTES + 64];
    size_t room = sizeof w->addr - w->addr_bytes;
    ptrdiff_t n = room ? sys->read(sys, w->fd, (char *)w->addr + w->addr_bytes, room) : 0;
    if (n == -EAGAIN)
        return;
    if (n > 0) {
        w->addr_bytes += (size_t)n;
        return;
    }
    w->addr_count = (uint32_t)(w->addr_bytes / sizeof w->addr[0]);
    close_attempt(w);
    if (w->addr_count > 0) {
        connect_to(w);
        return;
    }
    snprintf(text, sizeof text, "the name '%s' is not known", w->env->config->master);
    retry(w, text);
}

static void ready(void *arg, short what) {
    struct worker *w = arg;
    (void)what;
    if (w->state == WORKER_RESOLVING)
        looked_up(w);
    else
        connected(w);
}

static void attempt(struct worker *w) {
    struct sys *sys = w->env->sys;
    const struct cluster_config *c = w->env->config;
    w->refused = false;
    if (sys_addr_parse(&w->addr[0], c->master, c->port)) {
        w->addr_count = 1;
        connect_to(w);
        return;
    }
    w->addr_bytes = 0;
    w->state = WORKER_RESOLVING;
    int rc = sys->resolve_start(sys, c->master, c->port, &w->fd, &w->child);
    if (rc < 0) {
        w->fd = -1;
        retry_os(w, "looking the master's name up", -rc);
        return;
    }
    if (!loop_io_add(w->env->loop, &w->io, w->fd, SYS_POLLIN)) {
        retry(w, "no room in the loop");
        return;
    }
    set_timer(w, CONNECT_MS);
}

/* ---- opening and closing ---- */

void worker_open(struct worker *w, struct role_env *env, struct integrity_worker *integrity) {
    memset(w, 0, sizeof *w);
    w->env = env;
    w->integrity = integrity;
    file_inbox_init(&w->inbox, env);
    agent_info_worker_init(&w->agent_info, &env->agents_env);
    agent_groups_worker_init(&w->agent_groups, &env->agents_env);
    w->fd = -1;
    w->state = WORKER_WAITING;
    loop_timer_init(&w->timer, timer_fired, w);
    loop_timer_init(&w->keepalive, keepalive_due, w);
    loop_io_init(&w->io, ready, w);
    loop_timer_set(env->loop, &w->timer, env->loop->now_ms);
    scanner_start(&env->scanner);
}

void worker_close(struct worker *w) {
    struct error why = {.code = E_OK};
    close_attempt(w);
    if (w->link_up)
        link_doom(&w->link, &why);
    while (w->link_up) /* the doom is reaped as work */
        loop_turn(w->env->loop, 0);
    agent_info_worker_fini(&w->agent_info);
    agent_groups_worker_fini(&w->agent_groups);
    loop_timer_stop(w->env->loop, &w->timer);
    loop_timer_stop(w->env->loop, &w->keepalive);
    scanner_stop(&w->env->scanner);
}

struct session *worker_session(struct worker *w) {
    return w->state == WORKER_JOINED && !w->link.doomed ? &w->link.session : NULL;
}
