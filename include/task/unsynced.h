/* task/unsynced.h - the files that are not in sync, each with its reason, for the status.
 *
 * Whoever cannot bring a file across marks it, in each cycle anew; what has not been marked for a while has
 * been mended and goes. */
#ifndef PICKET_TASK_UNSYNCED_H
#define PICKET_TASK_UNSYNCED_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNSYNCED_PATH_BYTES 160
#define UNSYNCED_WHY_BYTES 96

struct unsynced_file {
    char path[UNSYNCED_PATH_BYTES]; /* its end, when it is longer */
    char why[UNSYNCED_WHY_BYTES];
    uint64_t since_ms, seen_ms; /* monotonic: first and last time it was marked */
};

struct unsynced {
    struct unsynced_file file[UNSYNCED_MAX];
    uint32_t count;
    uint64_t untold; /* marks that found the table full */
};

/* True when the file was not there before: time to tell the log once. */
bool unsynced_mark(struct unsynced *u, const char *path, const char *why, uint64_t now_ms);
/* Drops what was last marked more than age_ms ago. */
void unsynced_expire(struct unsynced *u, uint64_t now_ms, uint64_t age_ms);

#endif
