/* app/watch.h - a reading command once, or with --watch again and again. */
#ifndef PICKET_APP_WATCH_H
#define PICKET_APP_WATCH_H

#include "app/options.h"
#include "sys/sys.h"

/* Runs show once and returns its exit code; with o->watch_ms every so often until Ctrl-C or SIGTERM, which is
 * 0. On a terminal each screen takes the place of the one before, else a blank line divides them. */
int watch_command(struct sys *sys, const struct options *o,
                  int (*show)(struct sys *sys, const struct options *o));

/* For commands that wait: from now on Ctrl-C ends them in order. */
struct watch {
    struct sys *sys;
    int fd;
};
int watch_open(struct watch *w, struct sys *sys); /* < 0: a negated errno value */
void watch_close(struct watch *w);
/* Waits; false: Ctrl-C, the command is to end. */
bool watch_wait(struct watch *w, uint32_t ms);

#endif
