/* app/scratch.h - the one piece of working memory for what happens before the loop and for commands that
 * have no loop: reading cluster.json, and what `picket status` and its kin are told. A running node does not
 * touch it, so its pages cost nothing there. */
#ifndef PICKET_APP_SCRATCH_H
#define PICKET_APP_SCRATCH_H

#include "base/json_read.h"
#include "limits.h"

#define SCRATCH_TEXT_BYTES (128u << 10)
#define SCRATCH_TOKENS (3072u + WORKERS_MAX * 72u) /* the second part: a get_health of all workers */
#define SCRATCH_MARKS FILES_MAX

struct scratch {
    union {
        struct { /* one answer, parsed */
            char text[SCRATCH_TEXT_BYTES];
            struct json_token tokens[SCRATCH_TOKENS];
        };
        uint64_t marks[SCRATCH_MARKS][2]; /* a long list that is being compared: what stands for each entry */
        char rows[SCRATCH_MARKS * 16u];   /* a table whose columns are being measured */
    };
};

/* The memory; one user at a time, nothing in it outlives the user's own function. */
struct scratch *scratch(void);

#endif
