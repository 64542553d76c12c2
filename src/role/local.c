/* local.c - who is connected to the local socket, who is at a desk, and who waits for one. What is asked is
 * local_request.c's affair, answers that come later local_answer.c's.
 *
 *   accept -> parked -readable, or an answer is due-> queued -a desk is free-> at a desk -all is said->
 * parked
 *
 * Descriptors are the client's while it is parked or queued (then nobody polls them), the link's at a desk.
 */
#include "role/local.h"

#include "role/agents_local.h"

#include <stdio.h>
#include <string.h>

#define IDLE_MS 120000u /* a client that says nothing for so long is closed (reference, section 4.4) */
#define LOOK_MS 200u    /* from look to look while somebody waits */
#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64u
#define SEATS_PER_TURN 32u
/* At a desk, so much has to move within LOCAL_SLOW_MS: a frame that comes byte by byte is not going on. */
#define GOING_ON_BYTES (64u << 10)

void local_look_soon(struct local_server *l) {
    uint64_t due_ms = l->env->loop->now_ms + LOOK_MS;
    if (!l->timer.slot || l->timer.due_ms > due_ms)
        loop_timer_set(l->env->loop, &l->timer, due_ms);
}

/* ---- the queue ---- */

void local_wake(struct local_client *c) {
    struct local_server *l = c->server;
    loop_work_queue(l->env->loop, &l->work);
    if (c->desk || c->queued)
        return;
    loop_io_remove(l->env->loop, &c->io); /* or it would be told again in every turn that it waits */
    c->queued = true;
    c->queue_next = NULL;
    if (l->queue)
        l->queue_last->queue_next = c;
    else
        l->queue = c;
    l->queue_last = c;
}

static void leave_queue(struct local_client *c) {
    struct local_server *l = c->server;
    struct local_client *before = NULL;
    if (!c->queued)
        return;
    c->queued = false;
    if (l->queue == c) {
        l->queue = c->queue_next;
        return;
    }
    for (before = l->queue; before->queue_next != c; before = before->queue_next)
        ;
    before->queue_next = c->queue_next;
    if (l->queue_last == c)
        l->queue_last = before;
}

/* ---- clients come and go ---- */

/* It is at no desk (any more). */
static void client_gone(struct local_client *c) {
    struct local_server *l = c->server;
    struct role_env *env = l->env;
    struct local_client **at = &l->clients;
    uint32_t number = c->number;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    leave_queue(c);
    loop_io_remove(env->loop, &c->io);
    if (c->fd >= 0)
        env->sys->close(env->sys, c->fd);
    local_question_leave(c);
    local_answers_drop(c);
    pool_give(l->pool, c);
    if (env->requests)
        env->requests->local_gone(env->requests->arg, number);
    if (l->full && l->fd >= 0 && !l->accept_timer.slot)
        l->io.events = SYS_POLLIN;
    l->full = false;
}

static void parked_ready(void *arg, short events) {
    struct local_client *c = arg;
    (void)events; /* also when it hung up: reading will tell */
    c->heard_ms = c->server->env->loop->now_ms;
    local_wake(c);
}

static void admit(struct local_server *l, int fd) {
    struct role_env *env = l->env;
    struct local_client *c = pool_take(l->pool);
    memset(c, 0, sizeof *c);
    c->server = l;
    c->fd = fd;
    c->heard_ms = env->loop->now_ms;
    do
        c->number = l->next_number++ & 0xfffffu;
    while (local_find(l, c->number));
    if (env->sys->peer_uid(env->sys, fd, &c->uid) < 0)
        c->uid = UINT32_MAX;
    loop_io_init(&c->io, parked_ready, c);
    if (!loop_io_add(env->loop, &c->io, fd, SYS_POLLIN)) {
        env->sys->close(env->sys, fd);
        pool_give(l->pool, c);
        return;
    }
    c->next = l->clients;
    l->clients = c;
}

/* Nobody is closed because others were earlier: they wait in the backlog. */
static bool is_full(struct local_server *l) {
    uint32_t held;
    if (l->pool->used < l->pool->count)
        return false;
    l->full = true;
    l->io.events = 0;
    if (log_brake_pass(&l->full_brake, l->env->loop->now_ms, 60000, &held))
        log_line(l->env->log, LOG_WARNING, "Local Server", "Main",
                 "%u programs are connected to the local socket; more have to wait until one of them goes.",
                 l->pool->count);
    return true;
}

static void ready(void *arg, short what) {
    struct local_server *l = arg;
    struct sys *sys = l->env->sys;
    (void)what;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && !is_full(l); i++) {
        int fd = sys->accept(sys, l->fd, NULL);
        if (fd == -EAGAIN)
            return;
        if (fd < 0) { /* no descriptor, say: who waits would make us run in a circle */
            l->io.events = 0;
            loop_timer_set(l->env->loop, &l->accept_timer, l->env->loop->now_ms + ACCEPT_PAUSE_MS);
            return;
        }
        admit(l, fd);
    }
}

static void accept_again(void *arg) {
    struct local_server *l = arg;
    if (!l->full)
        l->io.events = SYS_POLLIN;
}

/* ---- desks ---- */

static void desk_free(struct local_desk *d) {
    struct local_client *c = d->client;
    struct local_server *l = c->server;
    struct local_desk **at = &l->desks;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    answer_hash_end(&d->hash);
    c->desk = NULL;
    pool_give(l->desk_pool, d);
    if (l->queue)
        loop_work_queue(l->env->loop, &l->work);
}

static void ended(void *owner, const struct error *why) {
    struct local_desk *d = owner;
    struct local_client *c = d->client;
    (void)why;
    agents_local_forget(c->server->env->agents, &d->link.session);
    desk_free(d);
    client_gone(c);
}

static void park(struct local_desk *d) {
    struct local_client *c = d->client;
    c->fd = link_release(&d->link);
    desk_free(d);
    if (!loop_io_add(c->server->env->loop, &c->io, c->fd, SYS_POLLIN)) {
        client_gone(c);
        return;
    }
    if (c->answers && !c->late)
        local_wake(c);
}

static void quiet(void *owner) {
    struct local_desk *d = owner;
    loop_work_queue(d->link.loop, &d->client->server->work);
}

/* Goes on with what a desk is for, and clears it when that is done. */
static void settle(struct local_desk *d) {
    struct local_server *l = d->client->server;
    if (d->link.doomed)
        return;
    if (answer_hash_is_under_way(&d->hash)) {
        if (answer_hash_step(&d->hash, l->env, &d->link.session))
            loop_work_queue(l->env->loop, &l->work);
        else if (answer_hash_is_under_way(&d->hash))
            local_look_soon(l); /* long answers are to be read first */
        link_kick(&d->link);
        d->since_ms = l->env->loop->now_ms; /* it waits for us */
    }
    local_answer_written(d);
    local_answer_begin(d);
    if (link_is_quiet(&d->link) && !local_answer_is_under_way(d))
        park(d);
}

static void seat(struct local_client *c) {
    struct local_server *l = c->server;
    struct role_env *env = l->env;
    struct local_desk *d = pool_take(l->desk_pool);
    static const struct sys_addr nowhere = {0};
    int fd = c->fd;
    leave_queue(c);
    c->fd = -1;
    d->client = c;
    d->string.session = NULL;
    answer_hash_init(&d->hash);
    d->since_ms = env->loop->now_ms;
    d->moved = 0;
    if (!link_open(&d->link, env->loop, &env->shared, &local_events, d, TO_LOCAL, true, fd, &nowhere,
                   ended)) {
        pool_give(l->desk_pool, d);
        client_gone(c);
        return;
    }
    d->link.quiet = quiet;
    c->desk = d;
    d->next = l->desks;
    l->desks = d;
    local_answer_begin(d);
    link_pump(&d->link); /* the answer goes out in the turn in which the question came */
    settle(d);
}

static bool desk_is_free(const struct local_server *l) {
    return l->desk_pool->used < l->desk_pool->count;
}

static void serve(void *arg) {
    struct local_server *l = arg;
    for (struct local_desk *d = l->desks, *next; d; d = next) {
        next = d->next;
        settle(d);
    }
    for (unsigned n = 0; n < SEATS_PER_TURN && l->queue && desk_is_free(l); n++)
        seat(l->queue);
    if (l->queue && desk_is_free(l))
        loop_work_queue(l->env->loop, &l->work);
    bool waits = l->worker && local_questions_send(l);
    if (l->queue || waits)
        local_look_soon(l);
}

/* ---- the silent and the slow ---- */

static void close_link(struct local_desk *d, const char *what) {
    struct error why;
    error_set(&why, E_TIME, 0, "%s", what);
    link_doom(&d->link, &why);
}

static void close_silent(struct local_server *l, uint64_t now) {
    for (struct local_client *c = l->clients, *next; c; c = next) {
        next = c->next;
        if (c->promised || c->queued || c->late || now - c->heard_ms <= IDLE_MS)
            continue;
        if (c->desk)
            close_link(c->desk, "silent for too long");
        else
            client_gone(c);
    }
}

/* Does the desk wait for its client? Who waits for us has time. */
static bool waits_for_client(const struct local_desk *d) {
    const struct session *s = &d->link.session;
    bool half = s->frame.have || s->frame.left || s->current || s->parked || s->files || s->strings;
    return half || !link_is_written(&d->link) || string_message_is_under_way(&d->string);
}

static void close_slow(struct local_server *l, uint64_t now) {
    for (struct local_desk *d = l->desks; d; d = d->next) {
        uint64_t moved = d->link.session.rx_bytes + d->link.session.tx_bytes;
        uint32_t held;
        if (moved - d->moved >= GOING_ON_BYTES || !waits_for_client(d)) {
            d->moved = moved;
            d->since_ms = now;
        }
        if (d->link.doomed || now - d->since_ms < LOCAL_SLOW_MS)
            continue;
        if (log_brake_pass(&l->slow_brake, now, 60000, &held))
            log_line(l->env->log, LOG_WARNING, "Local Server", "Main",
                     "Local %u is closed: it neither finishes its request nor reads its answer, and others "
                     "wait (%u more since the last such line)",
                     d->client->number, held);
        close_link(d, "slow while others wait");
    }
}

static void look(void *arg) {
    struct local_server *l = arg;
    uint64_t now = l->env->loop->now_ms;
    bool soon = false;
    close_silent(l, now);
    if (l->queue)
        close_slow(l, now);
    for (struct local_client *c = l->clients; c; c = c->next)
        if (c->late) {
            c->late = false;
            local_wake(c);
        }
    if (l->worker)
        soon = local_reload_look(l);
    loop_work_queue(l->env->loop, &l->work); /* which calls us again soon if it has to */
    loop_timer_set(l->env->loop, &l->timer, now + (soon || l->queue ? LOOK_MS : IDLE_MS / 4));
}

/* ---- opening and closing ---- */

static enum err listen_at(struct local_server *l, const char *root_path, struct error *e) {
    char path[PATH_MAX_BYTES];
    struct sys *sys = l->env->sys;
    struct sys_addr addr;
    int n = snprintf(path, sizeof path, "%s/" LOCAL_SOCKET, root_path);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path))
        return error_set(e, E_LIMIT, 0, "%s/" LOCAL_SOCKET ": too long for the name of a socket", root_path);
    /* The node holds the lock of its root: a socket that is there is a dead one. */
    int rc = sys->unlinkat(sys, l->env->root, LOCAL_SOCKET, false);
    if (rc < 0 && rc != -ENOENT)
        return error_set(e, E_SYS, -rc, "removing the old %s", path);
    l->fd = sys->listen(sys, &addr, BACKLOG);
    if (l->fd < 0)
        return error_set(e, E_SYS, -l->fd, "listening on %s", path);
    rc = sys->chmodat(sys, l->env->root, LOCAL_SOCKET, 0660);
    if (rc < 0)
        return error_set(e, E_SYS, -rc, "setting the mode of %s", path);
    if (!loop_io_add(l->env->loop, &l->io, l->fd, SYS_POLLIN))
        return error_set(e, E_POOL, 0, "the loop has no room for the local socket");
    log_line(l->env->log, LOG_INFO, "Local Server", "Main", "Serving on %s", path);
    return E_OK;
}

enum err local_open(struct local_server *l, struct role_env *env, struct master *master,
                    struct worker *worker, struct pool *pool, struct pool *desk_pool, const char *root_path,
                    struct error *e) {
    memset(l, 0, sizeof *l);
    l->env = env;
    l->master = master;
    l->worker = worker;
    l->root_path = root_path;
    l->pool = pool;
    l->desk_pool = desk_pool;
    l->fd = -1;
    env->sys->random(env->sys, &l->next_number, sizeof l->next_number);
    loop_io_init(&l->io, ready, l);
    loop_timer_init(&l->timer, look, l);
    loop_timer_init(&l->accept_timer, accept_again, l);
    loop_work_init(&l->work, serve, l);
    file_outbox_init(&l->outbox, l);
    ruleset_reload_init(&l->reload, env->sys, env->loop);
    enum err err = listen_at(l, root_path, e);
    if (err == E_OK)
        loop_timer_set(env->loop, &l->timer, env->loop->now_ms + IDLE_MS / 4);
    return err;
}

void local_close(struct local_server *l) {
    struct role_env *env = l->env;
    if (l->fd >= 0) { /* first, or somebody comes in while the others go */
        loop_io_remove(env->loop, &l->io);
        env->sys->close(env->sys, l->fd);
        env->sys->unlinkat(env->sys, env->root, LOCAL_SOCKET, false);
        l->fd = -1;
    }
    for (struct local_client *c = l->clients, *next; c; c = next) {
        next = c->next;
        if (!c->desk)
            client_gone(c);
    }
    for (struct local_desk *d = l->desks; d; d = d->next)
        link_doom(&d->link, &(struct error){.code = E_OK});
    while (l->clients) /* the dooms are reaped as work */
        loop_turn(env->loop, 0);
    local_questions_close(l);
    ruleset_reload_cancel(&l->reload);
    loop_work_cancel(env->loop, &l->work);
    loop_timer_stop(env->loop, &l->timer);
    loop_timer_stop(env->loop, &l->accept_timer);
}
