/* sys/signals.h - signals as bytes on a descriptor, for a loop that polls. */
#ifndef PICKET_SYS_SIGNALS_H
#define PICKET_SYS_SIGNALS_H

#include "sys/sys.h"

#include <signal.h>

/* From now on SIGTERM, SIGINT, SIGHUP and SIGUSR1 do nothing but put one byte, the signal's number, into *fd,
 * which is non-blocking (read it with s->read) and belongs to this module; SIGPIPE is ignored. Signals that
 * come while the pipe is full (64 KiB) are lost. Once per process; 0 or a negated errno value. */
int signals_open(struct sys *s, int *fd);

/* Closes the descriptor and gives the signals their default meaning. */
void signals_close(struct sys *s);

#endif
