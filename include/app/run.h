/* app/run.h - from a checked configuration and a settled process to a node that serves. */
#ifndef PICKET_APP_RUN_H
#define PICKET_APP_RUN_H

#include "app/daemon.h"
#include "app/log_file.h"
#include "app/options.h"
#include "role/cluster_config.h"

#define RUN_TICK_MS 10000u /* how often daemon_tick and log_file_tick are called */

/* Descriptors a node with all its tables full has open. */
#define RUN_FILES                                                                                            \
    (WORKERS_MAX + LOCAL_CLIENTS_MAX + STRANGERS_MAX + WDB_CLIENTS_MAX + XFER_SENDERS + XFER_RECEIVERS + 72u)

struct run_setup {
    struct sys *sys;
    struct daemon *daemon; /* signal_fd, uid and gid of the files; the working folder is ROOT */
    struct log_file *log;
    const struct options *options;
    const struct cluster_config *config;
    int root_fd;
};

/* Runs the node until a signal ends it: E_OK, and *why says which. daemon_ready is called when the node
 * serves; an error before that is the starter's news. */
enum err run_node(const struct run_setup *s, enum daemon_ask *why, struct error *e);

#endif
