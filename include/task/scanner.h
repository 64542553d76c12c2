/* task/scanner.h - keeps the node's manifest fresh: runs scan rounds in the loop, a slice per turn. */
#ifndef PICKET_TASK_SCANNER_H
#define PICKET_TASK_SCANNER_H

#include "fs/scan.h"
#include "net/loop.h"

struct scanner {
    struct loop *loop;
    struct log *log;
    const char *tag, *subtag;
    struct scan scan;
    struct loop_timer timer;
    struct loop_work work;
    uint32_t period_ms;      /* pause between rounds; 0: only when asked */
    uint64_t rounds;         /* complete rounds */
    uint64_t last_change_ms; /* monotonic time of the last round that found a change */
    void (*done)(void *arg); /* after each complete round; may be NULL */
    void *arg;
};

/* root, items and manifest as for scan_init. Does not start. */
void scanner_init(struct scanner *s, struct loop *loop, int root, const struct items *items,
                  struct manifest *m, struct log *log, const char *tag, const char *subtag,
                  uint32_t period_ms);
/* Begins a round now; when one is under way, that one counts. */
void scanner_start(struct scanner *s);
void scanner_stop(struct scanner *s);
static inline bool scanner_is_ready(const struct scanner *s) {
    return s->rounds > 0;
}

#endif
