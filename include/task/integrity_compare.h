/* task/integrity_compare.h - takes a worker's package as it arrives and finds out what that worker lacks.
 *
 * Package bytes in, slot sets and the worker's extra files out; the package itself is never kept. What is
 * found counts only once the file's digest was right and the worker has said syn_i_w_m_e. */
#ifndef PICKET_TASK_INTEGRITY_COMPARE_H
#define PICKET_TASK_INTEGRITY_COMPARE_H

#include "fs/package_dec.h"
#include "fs/scan.h"
#include "task/integrity_feed.h"

struct integrity_compare {
    struct sink sink; /* package bytes go here */
    struct package_events events;
    struct package_dec *dec; /* in memory of a pool that the owner takes and gives back */
    struct manifest_reader reader;
    const struct manifest *manifest;
    const struct items *items;
    const struct scan_report *scan; /* the master's last round: what it could not see is not called extra */
    bool in_metadata, had_metadata;
    uint32_t files;   /* members of the metadata */
    uint32_t foreign; /* of them, outside our items: left alone */
    struct slot_set seen;
    struct integrity_diff diff;
    uint8_t small[BODY_SMALL_BYTES];
};

/* dec_mem: PACKAGE_DEC_BYTES. limit: inflated bytes at most (max_zip_size). windows, spill: for the extra
 * list. */
void integrity_compare_init(struct integrity_compare *c, void *dec_mem, const struct manifest *m,
                            const struct items *items, const struct scan_report *scan, uint64_t limit,
                            struct pool *windows, struct spill *spill);
/* The package is complete: adds what the worker did not mention. E_TRUNCATED and the like when it was not.
 * Afterwards dec_mem is no longer used. */
enum err integrity_compare_finish(struct integrity_compare *c, struct error *e);
/* Gives the extra list's memory back. */
void integrity_compare_fini(struct integrity_compare *c);

#endif
