/* role/cluster_config.h - what a node was told to be: plain data, filled in by app/config_*.c, read by the
 * roles. */
#ifndef PICKET_ROLE_CLUSTER_CONFIG_H
#define PICKET_ROLE_CLUSTER_CONFIG_H

#include "base/intervals.h"
#include "fs/items.h"
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>

enum node_type { NODE_MASTER, NODE_WORKER };
enum authd_choice { AUTHD_AUTO, AUTHD_BUILTIN, AUTHD_DAEMON };
enum store_choice { STORE_AUTO, STORE_EMBEDDED, STORE_WAZUH_DB };

#define KEY_CHARS 32
#define VERSION_BYTES 24
#define HOST_BYTES 256

struct cluster_config {
    bool disabled;
    enum node_type type;
    bool hidden;
    char cluster_name[NODE_NAME_BYTES]; /* "wazuh" */
    char node_name[NODE_NAME_BYTES];    /* "node01" */
    char key[KEY_CHARS + 1];            /* never logged, never answered */
    uint16_t port;                      /* 1516 */
    char bind_addr[HOST_BYTES];         /* "0.0.0.0" */
    char master[HOST_BYTES];            /* first of nodes/node: name or address */
    char nodes_json[512];               /* the whole list as a JSON array, for get_config */
    struct intervals intervals;
    struct items items;
    /* etc/picket.conf */
    char announced_version[VERSION_BYTES]; /* "4.14.7" */
    enum store_choice store;               /* who keeps the agents */
    enum authd_choice authd;               /* who registers agents on a master */
    char services[256];        /* daemons that API requests may wait for: "auto", "none", or a list */
    char handlers[256];        /* folder of handlers, relative to the root; "" for none */
    char restart_command[256]; /* what the API's restart runs; "": through execd */
    uint32_t handler_s;        /* seconds a handler may take */
    uint64_t spool_bytes;      /* bound of the scratch files */
    uint64_t stage_bytes;      /* bound of received, not yet applied files */
    bool compress_always;      /* deflate even when the line is faster than the deflater */
    bool log_compat;           /* write unchanged cycles too */
    bool log_syslog;
    uint64_t log_bytes; /* size at which cluster.log is rotated */
    uint32_t log_keep;  /* rotated files kept */
    uint8_t debug;      /* 0, 1, 2: wazuh_clusterd.debug or -d */
};

#endif
