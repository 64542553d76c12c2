/* api/merge.h - the answers of several nodes made one, as AffectedItemsWazuhResult.__or__, limit and sort do
 * it (results.py of 4.14.7, section 15 of the reference).
 *
 * Every answer is read in pieces and never lies in memory whole: the items of all are merged like sorted
 * lists, one item of each in hand. What a node sent is data: sort_casting is one of "int", "float", "str",
 * "bool" or the answer is refused (CVE-2026-44901); class names are keys of a table. */
#ifndef PICKET_API_MERGE_H
#define PICKET_API_MERGE_H

#include "api/result.h"
#include "base/json_stream.h"

struct merge;

/* One node's answer. */
struct merge_input {
    const struct blob *answer; /* as it came: a result or an exception; NULL: none came, error says why */
    const char *node;
    struct wazuh_error error;
};

struct merge_setup {
    const struct merge_input *inputs; /* the caller's until the end; at least one */
    uint32_t count;
    uint64_t offset, limit; /* of the merged items; 0 and 500 when the request has none */
    struct blob *out;       /* empty: the merged answer, in the encoding of a node */
    const struct dialect *dialect;
    struct pool *windows;
    struct spill *spill;
    uint64_t limit_bytes;
};

/* m: a window of BODY_WINDOW_BYTES from the pool holds its state; E_POOL: none is free, try later. */
enum err merge_begin(struct merge **m, const struct merge_setup *setup, struct error *e);
/* A bounded piece of work. STEP_AGAIN, STEP_DONE, STEP_FAILED (*e). */
enum step merge_step(struct merge *m, struct error *e);
void merge_end(struct merge *m); /* gives the window back; at any time; NULL is fine */

#endif
