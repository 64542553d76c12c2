/* app/status.h - `picket status`: asks the node's local socket and prints one screen. */
#ifndef PICKET_APP_STATUS_H
#define PICKET_APP_STATUS_H

#include "app/options.h"
#include "sys/sys.h"

/* Exit codes: those the LSB gives `status`, 150 from its range for applications. */
enum status_code {
    STATUS_OK = 0,
    STATUS_DIED = 1, /* a pid file, and no process */
    STATUS_STOPPED = 3,
    STATUS_UNKNOWN = 4,
    STATUS_DEGRADED = 150 /* runs; not connected, refused, or out of sync */
};

struct visit;
struct status_view;

/* Everything the node says about itself and the cluster: four questions. NULL: not even the first two were
 * answered, v->e says why. Valid until the next call. */
const struct status_view *status_look(struct visit *v);

/* Prints the screen, or with o->json the node's answer, to standard output; the exit code. */
int status_command(struct sys *sys, const struct options *o);

#endif
