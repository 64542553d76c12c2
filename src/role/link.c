/* link.c - the pump between a socket and a session. Bytes come from recv and go to send; what they mean is
 * the session's affair. Each turn moves at most about TURN_BYTES each way, so that no link can hold up the
 * others. */
#include "role/link.h"

#include "base/bytes.h"

#include <string.h>

static void update(struct link *k);

static void doom_from_session(struct link *k) {
    link_doom(k, &k->session.error);
}

static void pump_in(struct link *k) {
    const struct session_shared *shared = k->session.shared;
    for (size_t budget = TURN_BYTES; budget > 0 && !k->doomed;) {
        size_t want = min_size(session_rx_want(&k->session), SESSION_SCRATCH_BYTES);
        want = min_size(want, budget);
        if (!want)
            return;
        ptrdiff_t n = shared->sys->recv(shared->sys, k->fd, shared->rx, want);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            struct error why;
            why.code = E_OK;
            error_set(&why, n ? E_CLOSED : E_OK, n ? (int)-n : 0, "the peer closed the connection");
            link_doom(k, &why);
            return;
        }
        budget -= (size_t)n;
        if (session_rx(&k->session, shared->rx, (size_t)n) != E_OK)
            doom_from_session(k);
    }
}

/* True when the socket took everything there was. */
static bool pump_out(struct link *k) {
    struct sys *sys = k->session.shared->sys;
    for (size_t budget = TURN_BYTES; !k->doomed;) {
        const uint8_t *bytes;
        size_t n = session_tx_buf(&k->session, &bytes);
        if (!n)
            return true;
        if (!budget)
            return false;
        ptrdiff_t sent = sys->send(sys, k->fd, bytes, n);
        if (sent == -EAGAIN)
            return false;
        if (sent < 0) {
            struct error why;
            error_set(&why, E_CLOSED, (int)-sent, "writing to the peer failed");
            link_doom(k, &why);
            return false;
        }
        session_tx_ack(&k->session, (size_t)sent);
        loop_work_queue(k->loop, &k->work); /* there is room for more: transfers go on next turn */
        budget -= min_size(budget, (size_t)sent);
    }
    return false;
}

static void reap(struct link *k) {
    loop_timer_stop(k->loop, &k->timer);
    session_fini(&k->session);
    loop_work_cancel(k->loop, &k->work);
    k->ended(k->owner, &k->why);
}

static void work(void *arg) {
    struct link *k = arg;
    if (k->doomed) {
        reap(k);
        return;
    }
    enum step step = session_step(&k->session);
    if (step == STEP_FAILED)
        doom_from_session(k);
    else if (step == STEP_AGAIN)
        loop_work_queue(k->loop, &k->work);
    update(k);
}

static void tick(void *arg) {
    struct link *k = arg;
    if (session_tick(&k->session, k->loop->now_ms) != E_OK)
        doom_from_session(k);
    loop_work_queue(k->loop, &k->work); /* what was given up may be all that a transfer waited for */
    update(k);
}

/* Writes what can be written, then waits for what is possible: reading only when the session can take it. */
static void update(struct link *k) {
    bool empty = pump_out(k);
    if (k->doomed)
        return;
    if (empty && k->closing) {
        struct error why = {.code = E_OK};
        link_doom(k, &why);
        return;
    }
    if (empty && k->quiet && link_is_quiet(k))
        k->quiet(k->owner);
    k->io.events = (short)((session_rx_want(&k->session) ? SYS_POLLIN : 0) | (empty ? 0 : SYS_POLLOUT));
    loop_timer_set(k->loop, &k->timer, session_deadline(&k->session));
}

static void ready(void *arg, short events) {
    struct link *k = arg;
    if (events & (SYS_POLLIN | SYS_POLLHUP | SYS_POLLERR))
        pump_in(k);
    if (!k->doomed)
        loop_work_queue(k->loop, &k->work);
    update(k);
    /* A peer that hung up while reading is paused would be told by poll for ever. */
    if (!k->doomed && (events & (SYS_POLLERR | SYS_POLLHUP)) && !(events & SYS_POLLIN)) {
        struct error why;
        error_set(&why, E_CLOSED, 0, "the connection broke");
        link_doom(k, &why);
    }
}

bool link_open(struct link *k, struct loop *loop, const struct session_shared *shared,
               const struct session_events *events, void *owner, unsigned to, bool plain, int fd,
               const struct sys_addr *peer, void (*ended)(void *owner, const struct error *why)) {
    uint32_t first_counter = 0;
    k->loop = loop;
    k->fd = fd;
    k->doomed = k->closing = false;
    k->why = (struct error){.code = E_OK};
    k->peer = *peer;
    k->opened_ms = loop->now_ms;
    k->owner = owner;
    k->ended = ended;
    k->quiet = NULL;
    loop_io_init(&k->io, ready, k);
    loop_timer_init(&k->timer, tick, k);
    loop_work_init(&k->work, work, k);
    if (shared->sys->random(shared->sys, &first_counter, sizeof first_counter) < 0 ||
        !loop_io_add(loop, &k->io, fd, SYS_POLLIN)) {
        shared->sys->close(shared->sys, fd);
        return false;
    }
    session_init(&k->session, shared, events, owner, to, plain, first_counter);
    return true;
}

bool link_is_written(const struct link *k) {
    const struct session *s = &k->session;
    return s->queue_count == 0 && s->small_start == s->small_end && s->tx_start == s->tx_end;
}

bool link_is_quiet(const struct link *k) {
    const struct session *s = &k->session;
    bool in = s->frame.have || s->frame.left || s->current || s->parked || s->consuming || s->owed;
    return !k->doomed && !s->error.code && !in && !s->files && !s->strings && !s->senders &&
           link_is_written(k);
}

void link_pump(struct link *k) {
    if (!k->doomed)
        ready(k, SYS_POLLIN);
}

int link_release(struct link *k) {
    int fd = k->fd;
    loop_io_remove(k->loop, &k->io);
    loop_timer_stop(k->loop, &k->timer);
    session_fini(&k->session);
    loop_work_cancel(k->loop, &k->work); /* last: session_fini may have queued it */
    k->fd = -1;
    return fd;
}

void link_kick(struct link *k) {
    if (k->doomed)
        return;
    loop_work_queue(k->loop, &k->work);
}

void link_doom(struct link *k, const struct error *why) {
    if (k->doomed)
        return;
    struct sys *sys = k->session.shared->sys;
    k->doomed = true;
    k->why = *why;
    loop_io_remove(k->loop, &k->io);
    loop_timer_stop(k->loop, &k->timer);
    sys->close(sys, k->fd);
    k->fd = -1;
    loop_work_queue(k->loop, &k->work);
}

void link_close_after_write(struct link *k) {
    k->closing = true;
    link_kick(k);
}
