/* wire/dialect.h - what differs between Wazuh releases on the wire, one row per range of versions (reference,
 * sections 0 and 10). Nothing else in picket compares version numbers. */
#ifndef PICKET_WIRE_DIALECT_H
#define PICKET_WIRE_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

struct dialect {
    char name[2];             /* "E" or "F" */
    uint32_t from;            /* first version: major << 16 | minor << 8 | patch */
    bool cluster_error_ids;   /* WazuhClusterError carries "ids": [] (<= 4.5) */
    bool name_rule;           /* hello demands [A-Za-z0-9_-]+ (3060, >= 4.14.6) */
    bool agent_info_http;     /* agent information as an object (>= 4.13) */
    bool groups_named;        /* group entries have "name" (>= 4.13) */
    bool groups_recalculated; /* group hashes are counted anew around a full list (>= 4.8) */
    bool health_groups;       /* get_health has last_sync_agentgroup and last_sync_full_agentgroup (>= 4.5) */
    bool big_string_error;    /* new_str over 256 MiB answers the command "error" (>= 4.14.5) */
};

/* "4.14.7" to its number; false when it is not X.Y.Z with each part 0..255. */
bool dialect_version(const char *text, uint32_t *version);
/* The row for a version; NULL when picket does not serve it (below 4.4.0, or 5.0.0 and above). */
const struct dialect *dialect_find(const char *version);

#endif
