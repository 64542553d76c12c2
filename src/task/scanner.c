/* scanner.c - one slice of the scan per turn, then a pause. Says what Wazuh says of "Local integrity", but
 * says it aloud only when something changed. */
#include "task/scanner.h"

static void step(void *arg) {
    struct scanner *s = arg;
    if (scan_step(&s->scan) == STEP_AGAIN) {
        loop_work_queue(s->loop, &s->work);
        return;
    }
    const struct scan_report *r = &s->scan.last;
    bool changed = r->added || r->changed || r->removed;
    s->rounds++;
    if (changed)
        s->last_change_ms = s->loop->now_ms;
    if (s->period_ms) { /* on a worker the check it is part of says it all */
        log_line(s->log, changed ? LOG_INFO : LOG_CYCLE, s->tag, s->subtag,
                 "Finished in %.3fs. Calculated metadata of %u files.", (double)r->took_ns / 1e9, r->files);
        loop_timer_set(s->loop, &s->timer, s->loop->now_ms + s->period_ms);
    }
    if (s->done)
        s->done(s->arg);
}

static void fire(void *arg) {
    scanner_start(arg);
}

void scanner_init(struct scanner *s, struct loop *loop, int root, const struct items *items,
                  struct manifest *m, struct log *log, const char *tag, const char *subtag,
                  uint32_t period_ms) {
    s->loop = loop;
    s->log = log;
    s->tag = tag;
    s->subtag = subtag;
    s->period_ms = period_ms;
    s->rounds = s->last_change_ms = 0;
    s->done = NULL;
    s->arg = NULL;
    scan_init(&s->scan, loop->sys, root, items, m, log, tag, subtag);
    loop_timer_init(&s->timer, fire, s);
    loop_work_init(&s->work, step, s);
}

void scanner_start(struct scanner *s) {
    if (s->work.queued)
        return;
    loop_timer_stop(s->loop, &s->timer);
    if (s->period_ms)
        log_line(s->log, LOG_CYCLE, s->tag, s->subtag, "Starting.");
    scan_start(&s->scan);
    loop_work_queue(s->loop, &s->work);
}

void scanner_stop(struct scanner *s) {
    loop_timer_stop(s->loop, &s->timer);
    loop_work_cancel(s->loop, &s->work);
    scan_stop(&s->scan);
}
