/* api/merge.h - the answers of several nodes made one, as __or__ of results.py and exception.py does it from
 * the first to the last (4.14.7; section 15 of the reference).
 *
 * Every answer is read in pieces and never lies in memory whole: the items of all are merged like sorted
 * lists, of each answer only the place of one item and what it is sorted by in hand. What a node sent is
 * data: sort_casting is one of "int", "float", "str", "bool" or the answer is refused (CVE-2026-44901); class
 * names are keys of a table; objects that a real node would make more of than data ("__callable__" and the
 * like) are refused wherever they stand within an answer.
 *
 * A WazuhError with ids tells of items that failed. Any other exception is the whole answer, whatever the
 * other nodes said. Members beside the items ("dikt") may be one answer's, or the same in all. Several
 * WazuhResults, or one of them and items, are refused in words. */
#ifndef PICKET_API_MERGE_H
#define PICKET_API_MERGE_H

#include "api/result.h"
#include "base/stream.h"

struct merge;

/* One node's answer. */
struct merge_input {
    const struct blob *answer; /* as it came: a result or an exception; NULL: none came, error says why */
    const char *node;
    struct wazuh_error error; /* 3022, and what is no internal error, tells of the node as of an item that
                                 failed; others are the whole answer */
};

/* No offset and limit: limit() of real nodes cuts no affected_items, because each node has cut its own. */
struct merge_setup {
    const struct merge_input *inputs; /* the caller's until the end; at least one, at most API_PARTS_MAX */
    uint32_t count;
    struct blob *out; /* empty: the merged answer, in the encoding of a node */
    const struct dialect *dialect;
    struct pool *windows;
    struct spill *spill;
    uint64_t limit_bytes;
};

/* m: a window of BODY_WINDOW_BYTES from the pool holds its state; E_POOL: none is free, try later. */
enum err merge_begin(struct merge **m, const struct merge_setup *setup, struct error *e);
/* A bounded piece of work. STEP_AGAIN, STEP_DONE, STEP_FAILED (*e: what the asker is told with 1000; out
 * holds nothing of use). */
enum step merge_step(struct merge *m, struct error *e);
void merge_end(struct merge *m); /* gives the window back; at any time; NULL is fine */

#endif
