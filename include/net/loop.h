/* net/loop.h - the one loop of a node: descriptors, timers and work, with one reading of the clock per turn.
 *
 * Three things wait in it, each embedded in its owner, none allocated:
 *   loop_io     a descriptor that became readable or writable
 *   loop_timer  a moment of the monotonic clock
 *   loop_work   "go on next turn": a bounded step of something long
 * A turn polls, then runs what is due. Callbacks may add, change and remove anything, themselves included. */
#ifndef PICKET_NET_LOOP_H
#define PICKET_NET_LOOP_H

#include "limits.h"
#include "sys/sys.h"

#define LOOP_IO_MAX (WORKERS_MAX + LOCAL_CLIENTS_MAX + STRANGERS_MAX + WDB_CLIENTS_MAX + SENDSYNCS_MAX + 20u)

struct loop_io {
    int fd;       /* -1: not in the loop; not owned */
    short events; /* SYS_POLLIN | SYS_POLLOUT; 0: not polled, only errors are told */
    uint16_t slot;
    void (*ready)(void *arg, short events);
    void *arg;
};

struct loop_timer {
    uint64_t due_ms;
    uint32_t slot; /* place in the heap + 1; 0: not set */
    void (*fire)(void *arg);
    void *arg;
};

struct loop_work {
    struct loop_work *next;
    bool queued;
    void (*run)(void *arg);
    void *arg;
};

struct loop {
    struct sys *sys;
    uint64_t now_ms;      /* monotonic, read once per turn */
    uint64_t earliest_ms; /* no timer is set to before; see run_timers */
    bool stop;
    uint32_t poll_failures; /* in a row */
    int poll_os;            /* errno value that stopped the loop, 0: it was asked to stop */
    uint32_t io_count, timer_count;
    struct loop_io *io[LOOP_IO_MAX];
    struct sys_poll polls[LOOP_IO_MAX];
    struct loop_timer *heap[TIMERS_MAX];
    struct loop_work *work, *work_last;
    uint64_t turns;
};

void loop_init(struct loop *l, struct sys *sys);

void loop_io_init(struct loop_io *io, void (*ready)(void *arg, short events), void *arg);
/* false when LOOP_IO_MAX descriptors are watched already. */
bool loop_io_add(struct loop *l, struct loop_io *io, int fd, short events);
void loop_io_remove(struct loop *l, struct loop_io *io); /* does not close; safe when not added */

void loop_timer_init(struct loop_timer *t, void (*fire)(void *arg), void *arg);
/* Sets or moves it. UINT64_MAX stops it. Set from inside a fire it waits for the next turn at least.
 * TIMERS_MAX counts every timer there is, so there is always room. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t due_ms);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

void loop_work_init(struct loop_work *w, void (*run)(void *arg), void *arg);
void loop_work_queue(struct loop *l,
                     struct loop_work *w); /* runs once, next turn; again only when queued again */
void loop_work_cancel(struct loop *l, struct loop_work *w);

/* One turn: waits for at most max_wait_ms (0: not at all), then runs what is ready. */
void loop_turn(struct loop *l, int max_wait_ms);
/* Turns until l->stop, which also comes when poll fails for good (poll_os). */
void loop_run(struct loop *l);

#endif
