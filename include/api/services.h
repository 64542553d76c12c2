/* api/services.h - which of Wazuh's daemons run on this node, as var/run tells (core/cluster/utils.py of
 * 4.14.7, get_manager_status), and which of them a request may wait for (picket.conf's `services`). */
#ifndef PICKET_API_SERVICES_H
#define PICKET_API_SERVICES_H

#include "api/call.h"

enum service_status {
    SERVICE_STOPPED,
    SERVICE_RUNNING,
    SERVICE_FAILED,
    SERVICE_RESTARTING,
    SERVICE_STARTING
};

/* What lies in var/run; bit i: item i of API_DAEMONS. */
struct services {
    uint32_t failed, start; /* <daemon>.failed, <daemon>.start */
    uint32_t lives, named;  /* <daemon>-<pid>.pid: such a process lives; none was found to live */
    bool restart;           /* .restart, for all daemons */
};
/* Reads the folder once, for all daemons: real programs ask of five to seventeen at a time. */
void services_look(const struct api_env *env, struct services *s);
/* In this order: .failed; .restart; .start; a pid file, running when its process lives, else failed; stopped.
 */
enum service_status services_status(const struct services *s, size_t daemon);
/* "running" and the like. */
const char *services_words(enum service_status s);

/* Appends those of the daemons (bit i: item i of API_DAEMONS) that this node is asked to wait for and that
 * are failed, restarting or stopped: "wazuh-db->stopped, wazuh-remoted->failed". Nothing: all are there. */
void services_not_ready(const struct api_env *env, uint32_t daemons, struct text *out);

#endif
