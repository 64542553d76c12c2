/* task/unsynced.h - the files that are not in sync, each with its reason, for the status.
 *
 * A round of work marks what it could not do; what the next round does not mark again has been mended and
 * goes. */
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
    uint32_t round; /* last round that marked it */
};

struct unsynced {
    struct unsynced_file file[UNSYNCED_MAX];
    uint32_t count;
    uint32_t more; /* marked in this round beyond UNSYNCED_MAX */
    uint32_t round;
};

void unsynced_begin(struct unsynced *u);
/* True when the file was not there before: time to tell the log once. */
bool unsynced_mark(struct unsynced *u, const char *path, const char *why);
/* Drops what this round did not mark. */
void unsynced_finish(struct unsynced *u);

#endif
