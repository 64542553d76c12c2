/* master.c - admission and keepalive. Who is admitted becomes a struct peer (peer.c); who is not stays a
 * stranger (stranger.c) and goes. The checks of hello and their order are Wazuh's (reference, section 2). */
#include "role/master.h"

#include "base/text.h"
#include "role/requests.h"

#include <stdio.h>
#include <string.h>

#define PROBE_MS 2000u /* how long a silent link may take to prove that it lives */

static struct peer *find_peer(struct master *m, const char *name) {
    struct peer *p = m->peers;
    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

/* ---- hello ---- */

static bool is_node_name(const char *name) {
    size_t n = strspn(name, "-" TEXT_WORD_CHARS);
    return n > 0 && name[n] == '\0';
}

/* Before 4.14.6 the protocol has no rule for names; but ours go into paths on both nodes. */
static bool is_path_safe(const char *name) {
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '*' || (unsigned char)*c <= ' ' || (unsigned char)*c >= 127)
            return false;
    return name[0] != '.';
}

static void refuse(struct master *m, struct stranger *s, const struct hello *h, int code, const char *extra) {
    char words[256];
    struct wazuh_error w;
    struct text t;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, code, extra);
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, &w);
    log_line(m->env->log, LOG_ERROR, "Master", "Main", "Hello of '%s' refused: %s", h->name, words);
    stranger_refuse(s, &w);
}

static void admit(struct master *m, struct stranger *s, const struct hello *h) {
    const struct cluster_config *config = m->env->config;
    if (strcmp(h->cluster, config->cluster_name) != 0) {
        refuse(m, s, h, 3030, NULL);
        return;
    }
    if (strcmp(h->version, config->announced_version) != 0) {
        refuse(m, s, h, 3031, NULL);
        return;
    }
    struct peer *p = pool_take(m->peer_pool);
    if (!p) {
        refuse(m, s, h, 3000, "the master has no slot for another worker");
        return;
    }
    uint32_t counter = greeter_counter(&s->greeter);
    struct sys_addr addr = s->peer;
    int fd = stranger_accept(s);
    if (!peer_admit(p, m, h, fd, &addr)) {
        pool_give(m->peer_pool, p);
        return;
    }
    struct peer **last = &m->peers;
    while (*last)
        last = &(*last)->next;
    p->next = NULL;
    *last = p;
    m->peer_count++;
    char text[NODE_NAME_BYTES + 16];
    snprintf(text, sizeof text, "Client %s added", p->name);
    session_reply_text(&p->link.session, counter, "ok", text);
    link_kick(&p->link);
    const struct requests *r = m->env->requests;
    if (r)
        r->peer_came(r->arg, p);
}

static void hello(void *arg, struct stranger *s, const struct hello *h);

static void probe_ends(struct master *m) {
    m->probed = NULL;
    m->held = NULL;
    loop_timer_stop(m->env->loop, &m->probe_timer);
}

static void alive_after_all(struct master *m) {
    struct stranger *s = m->held;
    probe_ends(m);
    if (s)
        refuse(m, s, &m->held_hello, 3028, m->held_hello.name);
}

/* The old link had its time, or has ended. On a slow line the answer may come late; any other word is as
 * good. A dead one goes, and master_peer_ended comes back here when its slot and its name are free. */
static void probe_over(void *arg) {
    struct master *m = arg;
    struct peer *old = m->probed;
    if (old && old->heard_ms > m->probe_ms) {
        alive_after_all(m);
        return;
    }
    if (old) {
        struct error why;
        error_set(&why, E_TIME, 0, "it did not answer, and the node came back on a new connection");
        link_doom(&old->link, &why);
        return;
    }
    struct stranger *s = m->held;
    struct hello h = m->held_hello;
    probe_ends(m);
    if (s)
        hello(m, s, &h); /* somebody else may have taken the name meanwhile */
}

static void probe_answered(void *arg, struct session *session, const struct reply *r) {
    struct master *m = arg;
    if (m->probed && session == &m->probed->link.session && r->kind == REPLY_OK)
        alive_after_all(m);
}

/* A node that comes back before its dead connection was noticed must not be locked out by it (users'
 * document, item 30): the old link gets PROBE_MS to answer. */
static void ask_old_link(struct master *m, struct stranger *s, const struct hello *h, struct peer *old) {
    struct error e;
    if (m->held ||
        session_request(&old->link.session, "echo-m", "keepalive", 9, probe_answered, m, &e) != E_OK) {
        refuse(m, s, h, 3028, h->name);
        return;
    }
    m->held = s;
    m->held_hello = *h;
    m->probed = old;
    m->probe_ms = m->env->loop->now_ms;
    stranger_hold(s);
    link_kick(&old->link);
    loop_timer_set(m->env->loop, &m->probe_timer, m->env->loop->now_ms + PROBE_MS);
}

static void hello(void *arg, struct stranger *s, const struct hello *h) {
    struct master *m = arg;
    const struct cluster_config *config = m->env->config;
    if (m->env->dialect->name_rule ? !is_node_name(h->name) : !is_path_safe(h->name)) {
        refuse(m, s, h, 3060, h->name);
        return;
    }
    struct peer *old = find_peer(m, h->name);
    if (old) {
        ask_old_link(m, s, h, old);
        return;
    }
    if (strcmp(h->name, config->node_name) == 0) {
        refuse(m, s, h, 3029, NULL);
        return;
    }
    admit(m, s, h);
}

static void held_gone(void *arg, struct stranger *s) {
    struct master *m = arg;
    if (m->held == s)
        probe_ends(m);
}

/* ---- connections ---- */

/* The one who waits keeps the socket readable: without a pause we would run in a circle until, say, a
 * descriptor is free. */
static void pause_accepting(struct master *m, int os) {
    uint32_t held;
    if (log_brake_pass(&m->accept_brake, m->env->loop->now_ms, 60000, &held))
        log_line(m->env->log, LOG_ERROR, "Master", "Main", "No connection can be accepted: %s",
                 err_os_words(os));
    m->io.events = 0;
    loop_timer_set(m->env->loop, &m->accept_timer, m->env->loop->now_ms + ACCEPT_PAUSE_MS);
}

static void accept_again(void *arg) {
    struct master *m = arg;
    m->io.events = SYS_POLLIN;
}

static void ready(void *arg, short events) {
    struct master *m = arg;
    struct sys *sys = m->env->sys;
    (void)events;
    for (unsigned i = 0; i < 32; i++) {
        struct sys_addr addr;
        uint32_t held;
        char words[SYS_ADDR_WORDS];
        int fd = sys->accept(sys, m->fd, &addr);
        if (fd < 0) {
            if (fd != -EAGAIN)
                pause_accepting(m, -fd);
            return;
        }
        sys->sockopt_set(sys, fd, SYS_TCP_NODELAY, 1);
        sys->sockopt_set(sys, fd, SYS_KEEPALIVE, 1);
        if (log_brake_pass(&m->connection_brake, m->env->loop->now_ms, 1000, &held)) {
            sys_addr_words(&addr, words);
            log_line(m->env->log, LOG_INFO, "Master", "Main", "Connection from %s%s", words,
                     held ? " (and others within a second)" : "");
        }
        strangers_add(&m->strangers, fd, &addr);
    }
}

void master_peer_ended(struct master *m, struct peer *p, const struct error *why) {
    struct peer **at = &m->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    m->peer_count--;
    const struct requests *r = m->env->requests;
    if (r)
        r->peer_gone(r->arg, p);
    if (why->code == E_OK)
        log_line(m->env->log, LOG_INFO, p->tag, "Main", "Disconnected %s.", p->integrity.worker);
    else
        log_line(m->env->log, LOG_ERROR, p->tag, "Main", "Error during connection: %s.", why->what);
    log_line(m->env->log, LOG_INFO, p->tag, "Main", "Cancelling pending tasks.");
    bool was_probed = m->probed == p;
    if (was_probed)
        m->probed = NULL;
    pool_give(m->peer_pool, p);
    if (was_probed && m->held)
        loop_timer_set(m->env->loop, &m->probe_timer, m->env->loop->now_ms);
}

/* ---- keepalive ---- */

static void check_keepalive(void *arg) {
    struct master *m = arg;
    const struct intervals *v = &m->env->config->intervals;
    uint64_t now = m->env->loop->now_ms;
    for (struct peer *p = m->peers; p; p = p->next) {
        if (now - p->heard_ms <= v->max_allowed_time_without_keepalive_ms)
            continue;
        struct error why;
        log_line(m->env->log, LOG_ERROR, "Master", "Keep alive",
                 "No keep alives have been received from %s in the last minute. Disconnecting", p->name);
        error_set(&why, E_TIME, 0, "no keep alives");
        link_doom(&p->link, &why);
    }
    unsynced_expire(&m->env->unsynced, now, m->env->cycle_ms);
    loop_timer_set(m->env->loop, &m->keepalive_timer, now + v->check_worker_lastkeepalive_ms);
}

/* ---- opening and closing ---- */

enum err master_open(struct master *m, struct role_env *env, struct pool *stranger_pool,
                     struct pool *peer_pool, struct error *e) {
    struct sys_addr addr;
    memset(m, 0, sizeof *m);
    m->env = env;
    m->fd = -1;
    m->peer_pool = peer_pool;
    file_inbox_init(&m->inbox, env);
    loop_io_init(&m->io, ready, m);
    loop_timer_init(&m->keepalive_timer, check_keepalive, m);
    loop_timer_init(&m->probe_timer, probe_over, m);
    loop_timer_init(&m->accept_timer, accept_again, m);
    agent_groups_master_init(&m->agent_groups, &env->agents_env);
    strangers_init(&m->strangers, env, stranger_pool, env->shared.key);
    m->strangers.hello = hello;
    m->strangers.gone = held_gone;
    m->strangers.arg = m;
    if (!sys_addr_parse(&addr, env->config->bind_addr, env->config->port))
        return error_set(e, E_VALUE, 0, "bind_addr '%s' is not an address", env->config->bind_addr);
    m->fd = env->sys->listen(env->sys, &addr, 256);
    if (m->fd < 0)
        return error_set(e, E_SYS, -m->fd, "listening on %s port %u", env->config->bind_addr,
                         env->config->port);
    if (!loop_io_add(env->loop, &m->io, m->fd, SYS_POLLIN))
        return error_set(e, E_POOL, 0, "the loop has no room for the listening socket");
    loop_timer_set(env->loop, &m->keepalive_timer,
                   env->loop->now_ms + env->config->intervals.check_worker_lastkeepalive_ms);
    log_line(env->log, LOG_INFO, "Master", "Main", "Serving on ('%s', %u)", env->config->bind_addr,
             env->config->port);
    scanner_start(&env->scanner);
    agent_groups_master_start(&m->agent_groups);
    return E_OK;
}

void master_close(struct master *m) {
    struct error why = {.code = E_OK};
    if (m->fd >= 0) { /* first, or somebody comes in while the others go */
        loop_io_remove(m->env->loop, &m->io);
        m->env->sys->close(m->env->sys, m->fd);
        m->fd = -1;
    }
    strangers_close(&m->strangers);
    for (struct peer *p = m->peers; p; p = p->next)
        link_doom(&p->link, &why);
    while (m->peers) /* the dooms are reaped as work */
        loop_turn(m->env->loop, 0);
    agent_groups_master_fini(&m->agent_groups);
    loop_timer_stop(m->env->loop, &m->keepalive_timer);
    loop_timer_stop(m->env->loop, &m->probe_timer);
    loop_timer_stop(m->env->loop, &m->accept_timer);
    scanner_stop(&m->env->scanner);
}
