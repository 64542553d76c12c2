/* base/intervals.h - the "intervals" of cluster.json: plain numbers that tasks and roles share. */
#ifndef PICKET_BASE_INTERVALS_H
#define PICKET_BASE_INTERVALS_H

#include <stdint.h>

/* Intervals of cluster.json, in milliseconds (the file has seconds); defaults in reference section 8. */
struct intervals {
    /* worker */
    uint32_t sync_integrity_ms;             /* 9,000 */
    uint32_t sync_agent_info_ms;            /* 10,000 */
    uint32_t keep_alive_ms;                 /* 60,000 */
    uint32_t connection_retry_ms;           /* 10,000 */
    uint32_t max_failed_keepalive_attempts; /* 2 */
    uint32_t timeout_agent_groups_ms;       /* 40,000: to apply what the master sent */
    uint32_t agent_groups_mismatch_limit;   /* 5 */
    /* master */
    uint32_t recalculate_integrity_ms;              /* 8,000 */
    uint32_t check_worker_lastkeepalive_ms;         /* 60,000 */
    uint32_t max_allowed_time_without_keepalive_ms; /* 120,000 */
    uint32_t max_locked_integrity_time_ms; /* 1,000,000; read but not needed: permission is a lease here */
    uint32_t sync_agent_groups_ms;         /* 10,000 */
    uint32_t agent_group_start_delay_ms;   /* 30,000 */
    uint32_t timeout_agent_info_ms;        /* 40,000: to apply what a worker sent */
    /* communication */
    uint32_t timeout_cluster_request_ms; /* 20,000 */
    uint32_t timeout_dapi_request_ms;    /* 200,000: for the answer of another node */
    uint32_t timeout_receiving_file_ms;  /* 120,000 */
    uint64_t max_zip_size;               /* bytes, 1 GiB */
    uint64_t min_zip_size;               /* bytes, 30 MiB */
    uint32_t zip_limit_tolerance_milli;  /* 200 = 0.2 */
    uint8_t compress_level;              /* 0..9, 1 */
};

#endif
