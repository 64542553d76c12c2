/* faults.h - a struct sys whose calls can be made to fail, and the sweep that fails each in turn. */
#ifndef PICKET_FAULTS_H
#define PICKET_FAULTS_H

#include "sys/sys.h"

/* sys is the real table wrapped: give &f->sys to the code under test. */
struct faults {
    struct sys sys;        /* what the code sees */
    struct sys real;       /* what stands behind */
    uint64_t calls;        /* calls that could have failed, so far */
    uint64_t fail_at;      /* number (from 1) of the call to fail; 0: none */
    bool fail_on;          /* and all calls after it too (a broken disk) */
    int os;                /* errno value to fail with (e.g. EIO, ENOSPC) */
    bool disk_only;        /* calls on sockets do not count, and do not fail */
    bool short_io;         /* reads and writes do one byte at the most */
    bool fired;            /* the chosen call was reached */
    bool kill;             /* instead of failing, end the process at once with _exit(137): a power cut
                              before that call; the sweep forks for this */
    int64_t wall_shift_ns; /* added to the wall clock */
    bool virtual_time;     /* mono_ns answers now_ns instead of the real clock */
    uint64_t now_ns;
};

/* Random numbers, clocks and close never fail. */
void faults_init(struct faults *f);

/* Runs one(ctx, f) with the 1st, 2nd, 3rd ... call failing, until a run in which none fires; returns the
 * number of runs. check(ctx, f) follows each run and must fail the case itself when an invariant is broken.
 */
uint64_t faults_sweep(int os, bool fail_on, void *ctx, void (*one)(void *ctx, struct faults *f),
                      void (*check)(void *ctx, struct faults *f));

/* The same with the process killed (in a forked child) before the n-th call. */
uint64_t faults_kill_sweep(void *ctx, void (*one)(void *ctx, struct faults *f), void (*check)(void *ctx));

#endif
