/* app/log_cmd.h - `picket log`: the end of the node's log, and what is added to it. */
#ifndef PICKET_APP_LOG_CMD_H
#define PICKET_APP_LOG_CMD_H

#include "app/options.h"
#include "sys/sys.h"

/* 0; 1: the log cannot be read; 2: no such level. Needs no running node. */
int log_command(struct sys *sys, const struct options *o);

#endif
