/* app/nodes_cmd.h - `picket nodes`, `picket health` and `picket check`: the cluster as this node sees it. */
#ifndef PICKET_APP_NODES_CMD_H
#define PICKET_APP_NODES_CMD_H

#include "app/options.h"
#include "app/status.h"

/* One line per node. The exit codes of `status`. */
int nodes_command(struct sys *sys, const struct options *o);
/* A verdict and one line per node: 0 healthy, 1 not, whatever the reason. */
int health_command(struct sys *sys, const struct options *o);
/* For monitoring: one line with performance data; 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
int check_command(struct sys *sys, const struct options *o);
/* The line of a check whose command line is bad; 3. */
int check_usage(const char *why);

#endif
