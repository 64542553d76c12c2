/* role/cluster_config.h - what a node was told to be: plain data, filled in by app/config_*.c, read by the
 * roles. */
#ifndef PICKET_ROLE_CLUSTER_CONFIG_H
#define PICKET_ROLE_CLUSTER_CONFIG_H

#include "fs/items.h"
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>

enum node_type { NODE_MASTER, NODE_WORKER };

#define KEY_CHARS 32
#define VERSION_BYTES 24
#define HOST_BYTES 256

/* Intervals of cluster.json, in milliseconds (the file has seconds); defaults in reference section 8. */
struct intervals {
    /* worker */
    uint32_t sync_integrity_ms;             /* 9,000 */
    uint32_t sync_agent_info_ms;            /* 10,000 */
    uint32_t keep_alive_ms;                 /* 60,000 */
    uint32_t connection_retry_ms;           /* 10,000 */
    uint32_t max_failed_keepalive_attempts; /* 2 */
    /* master */
    uint32_t recalculate_integrity_ms;              /* 8,000 */
    uint32_t check_worker_lastkeepalive_ms;         /* 60,000 */
    uint32_t max_allowed_time_without_keepalive_ms; /* 120,000 */
    uint32_t max_locked_integrity_time_ms;          /* 1,000,000 */
    uint32_t sync_agent_groups_ms;                  /* 10,000 */
    uint32_t agent_group_start_delay_ms;            /* 30,000 */
    /* communication */
    uint32_t timeout_cluster_request_ms; /* 20,000 */
    uint32_t timeout_receiving_file_ms;  /* 120,000 */
    uint64_t max_zip_size;               /* bytes, 1 GiB */
    uint64_t min_zip_size;               /* bytes, 30 MiB */
    uint32_t zip_limit_tolerance_milli;  /* 200 = 0.2 */
    uint8_t compress_level;              /* 0..9, 1 */
};

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
    uint64_t spool_bytes;                  /* bound of the scratch files */
    uint64_t stage_bytes;                  /* bound of received, not yet applied files */
    bool log_compat;                       /* write unchanged cycles too */
    bool log_syslog;
    uint64_t log_bytes; /* size at which cluster.log is rotated */
    uint32_t log_keep;  /* rotated files kept */
    uint8_t debug;      /* 0, 1, 2: wazuh_clusterd.debug or -d */
};

#endif
