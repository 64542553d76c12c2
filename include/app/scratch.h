/* app/scratch.h - the one piece of working memory for what happens before the loop and for commands that
 * have no loop: reading cluster.json, and the answers that `picket status` asks for. A running node does
 * not touch it, so its pages cost nothing there. */
#ifndef PICKET_APP_SCRATCH_H
#define PICKET_APP_SCRATCH_H

#include "base/json_read.h"

#define SCRATCH_TEXT_BYTES (128u << 10)
#define SCRATCH_TOKENS 3072u

struct scratch {
    char text[SCRATCH_TEXT_BYTES];
    struct json_token tokens[SCRATCH_TOKENS];
};

/* The memory; one user at a time, nothing in it outlives the user's own function. */
struct scratch *scratch(void);

#endif
