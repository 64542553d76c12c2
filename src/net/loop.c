/* loop.c - polls, then runs what is due: ready descriptors, expired timers, queued work, in this order.
 *
 * What it does not do: read, write or close anything. Descriptors come from net/ and role/, and go back to
 * them. */
#include "net/loop.h"

#include <string.h>

#define POLL_FAILURES_MAX 1000u /* in a row; a shortage of memory may pass */

void loop_init(struct loop *l, struct sys *sys) {
    memset(l, 0, sizeof *l);
    l->sys = sys;
    l->now_ms = sys_mono_ms(sys);
}

/* ---- descriptors ---- */

void loop_io_init(struct loop_io *io, void (*ready)(void *arg, short events), void *arg) {
    *io = (struct loop_io){.fd = -1, .ready = ready, .arg = arg};
}

bool loop_io_add(struct loop *l, struct loop_io *io, int fd, short events) {
    if (l->io_count == LOOP_IO_MAX)
        return false;
    io->fd = fd;
    io->events = events;
    io->slot = (uint16_t)l->io_count;
    l->polls[l->io_count].revents = 0; /* what was told here was told of another, maybe of the same number */
    l->io[l->io_count++] = io;
    return true;
}

void loop_io_remove(struct loop *l, struct loop_io *io) {
    if (io->fd < 0)
        return;
    io->fd = -1;
    /* The last one takes the free place. In the middle of a turn its events may be missed: poll tells them
     * again. */
    struct loop_io *last = l->io[--l->io_count];
    l->io[io->slot] = last;
    l->polls[io->slot].revents = 0;
    last->slot = io->slot;
}

static void run_ready(struct loop *l, uint32_t polled) {
    for (uint32_t i = 0; i < polled && i < l->io_count; i++) {
        short events = l->polls[i].revents;
        struct loop_io *io = l->io[i];
        if (!events) /* also: the place changed hands meanwhile */
            continue;
        l->polls[i].revents = 0;
        io->ready(io->arg, events);
    }
}

/* ---- timers: a binary heap of pointers, the earliest first ---- */

static void heap_put(struct loop *l, uint32_t at, struct loop_timer *t) {
    l->heap[at] = t;
    t->slot = at + 1;
}

static void heap_up(struct loop *l, uint32_t at) {
    struct loop_timer *t = l->heap[at];
    for (; at > 0 && l->heap[(at - 1) / 2]->due_ms > t->due_ms; at = (at - 1) / 2)
        heap_put(l, at, l->heap[(at - 1) / 2]);
    heap_put(l, at, t);
}

static void heap_down(struct loop *l, uint32_t at) {
    struct loop_timer *t = l->heap[at];
    for (uint32_t child; (child = 2 * at + 1) < l->timer_count; at = child) {
        if (child + 1 < l->timer_count && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
            child++;
        if (l->heap[child]->due_ms >= t->due_ms)
            break;
        heap_put(l, at, l->heap[child]);
    }
    heap_put(l, at, t);
}

void loop_timer_init(struct loop_timer *t, void (*fire)(void *arg), void *arg) {
    *t = (struct loop_timer){.fire = fire, .arg = arg};
}

void loop_timer_stop(struct loop *l, struct loop_timer *t) {
    if (!t->slot)
        return;
    uint32_t at = t->slot - 1;
    t->slot = 0;
    struct loop_timer *last = l->heap[--l->timer_count];
    if (last == t)
        return;
    heap_put(l, at, last);
    heap_up(l, at);
    heap_down(l, last->slot - 1);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t due_ms) {
    if (due_ms < l->earliest_ms)
        due_ms = l->earliest_ms;
    if (t->slot && t->due_ms == due_ms)
        return;
    loop_timer_stop(l, t);
    t->due_ms = due_ms;
    if (due_ms == UINT64_MAX)
        return;
    if (l->timer_count == TIMERS_MAX)
        __builtin_trap(); /* limits.h counts fewer timers than there are: a bug, found by the first test */
    heap_put(l, l->timer_count, t);
    heap_up(l, l->timer_count++);
}

/* What was due when the turn began is run, and nothing else: a timer that one of them sets, be it to now or
 * to the past, comes after the present millisecond. So none can come twice, or hold up the others. */
static void run_timers(struct loop *l) {
    l->earliest_ms = l->now_ms + 1;
    while (l->timer_count > 0 && l->heap[0]->due_ms <= l->now_ms) {
        struct loop_timer *t = l->heap[0];
        loop_timer_stop(l, t);
        t->fire(t->arg);
    }
    l->earliest_ms = 0;
}

/* ---- work ---- */

void loop_work_init(struct loop_work *w, void (*run)(void *arg), void *arg) {
    *w = (struct loop_work){.run = run, .arg = arg};
}

void loop_work_queue(struct loop *l, struct loop_work *w) {
    if (w->queued)
        return;
    w->queued = true;
    w->next = NULL;
    if (l->work_last)
        l->work_last->next = w;
    else
        l->work = w;
    l->work_last = w;
}

void loop_work_cancel(struct loop *l, struct loop_work *w) {
    if (!w->queued)
        return;
    struct loop_work *before = NULL;
    for (struct loop_work *at = l->work; at != w; at = at->next)
        before = at;
    if (before)
        before->next = w->next;
    else
        l->work = w->next;
    if (l->work_last == w)
        l->work_last = before;
    w->queued = false;
}

/* Runs what was queued when it began; a marker tells the end, as anything may be added or cancelled
 * meanwhile. */
static void run_work(struct loop *l) {
    struct loop_work end;
    if (!l->work)
        return;
    loop_work_init(&end, NULL, NULL);
    loop_work_queue(l, &end);
    while (l->work != &end) {
        struct loop_work *w = l->work;
        loop_work_cancel(l, w);
        w->run(w->arg);
    }
    loop_work_cancel(l, &end);
}

/* ---- the turn ---- */

static int wait_ms(const struct loop *l, int max_wait_ms) {
    if (l->work)
        return 0;
    if (!l->timer_count)
        return max_wait_ms;
    uint64_t due = l->heap[0]->due_ms;
    uint64_t wait = due > l->now_ms ? due - l->now_ms : 0;
    return wait < (uint64_t)max_wait_ms ? (int)wait : max_wait_ms;
}

void loop_turn(struct loop *l, int max_wait_ms) {
    uint32_t polled = l->io_count;
    for (uint32_t i = 0; i < polled; i++)
        l->polls[i] = (struct sys_poll){.fd = l->io[i]->fd, .events = l->io[i]->events};
    int ready = l->sys->poll(l->sys, l->polls, polled, wait_ms(l, max_wait_ms));
    l->now_ms = sys_mono_ms(l->sys);
    l->turns++;
    l->poll_failures = ready >= 0 || ready == -EINTR ? 0 : l->poll_failures + 1;
    if (l->poll_failures >= POLL_FAILURES_MAX) { /* deaf and at full speed: better begun anew by init */
        l->poll_os = -ready;
        l->stop = true;
    }
    if (ready > 0)
        run_ready(l, polled);
    run_timers(l);
    run_work(l);
}

void loop_run(struct loop *l) {
    while (!l->stop)
        loop_turn(l, 60000);
}
