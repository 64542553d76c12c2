/* app/daemon.h - the life of the process around the node: one instance, pid file, user, signals, readiness.
 *
 *   daemon_claim -> daemon_split -> daemon_settle -> (node) -> daemon_ready ... daemon_end
 *
 * The process changes into ROOT, so that every path of the node, that of the local socket included, can be
 * relative and short. */
#ifndef PICKET_APP_DAEMON_H
#define PICKET_APP_DAEMON_H

#include "base/err.h"
#include "base/log.h"
#include "sys/sys.h"

#define DAEMON_NAME "wazuh-clusterd"
#define DAEMON_USER "wazuh"

struct daemon {
    struct sys *sys;
    struct log *log;
    const char *root;
    bool foreground;
    int root_fd, run_fd, lock_fd; /* ROOT; ROOT/var/run; the lock that makes this the only instance */
    int ready_fd;                 /* the waiting starter, or -1 */
    int signal_fd;                /* readable when a signal came, or -1 */
    int pid;
    uint32_t uid, gid; /* wazuh's, or OWNER_KEEP when the process is not root or there is no such user */
    bool drop;         /* become that user */
    char pid_name[48]; /* "wazuh-clusterd-4711.pid", empty before it is written */
};

/* What a signal asks for. */
enum daemon_ask { ASK_NOTHING, ASK_TERMINATE, ASK_INTERRUPT, ASK_REOPEN };

/* root_fd: the opened ROOT, stays the caller's. Finds out whose files the daemon's are; stay_root: -r.
 * E_GONE when it would have to become wazuh and there is no such user or group. */
enum err daemon_init(struct daemon *d, struct sys *sys, struct log *log, const char *root, int root_fd,
                     bool foreground, bool stay_root, struct error *e);

/* Takes the lock and clears away what dead instances left in var/run. E_DUPLICATE when one is alive: another
 * picket, or Wazuh's own daemon. */
enum err daemon_claim(struct daemon *d, struct error *e);

/* Splits the daemon off, unless it stays in the foreground; returns in the daemon only. Standard error still
 * reaches the user until daemon_ready. */
enum err daemon_split(struct daemon *d, struct error *e);

/* Becomes the unprivileged user, closes the process to others, writes the pid file, catches signals. files:
 * descriptors the node may need. */
enum err daemon_settle(struct daemon *d, uint32_t files, struct error *e);

/* The node serves: the starter ends with 0. Safe to call again. */
void daemon_ready(struct daemon *d);

/* Call when signal_fd is readable. Signals of one kind count once; to end goes before the rest. */
enum daemon_ask daemon_asked(struct daemon *d);

/* Now and then (every 10 seconds): writes the pid file again if somebody removed it, as wazuh-control does
 * where ps has no option -p. */
void daemon_tick(struct daemon *d);

/* Removes the pid file, lets go of the lock and closes all. After ASK_TERMINATE the process then ends by
 * SIGTERM's default action, as its starter expects (does not return). */
void daemon_end(struct daemon *d, enum daemon_ask why);

#endif
