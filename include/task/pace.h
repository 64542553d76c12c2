/* task/pace.h - to deflate or not: tries both, believes the clock.
 *
 * On a slow line deflated bytes arrive sooner; on a fast one the deflater is what everybody waits for. What
 * counts is how fast plain bytes get rid of, all waiting included. So a transfer deflates a first piece,
 * stores one, and goes on with what was faster; after a while it tries the other way again, ever more seldom
 * while that loses. A short transfer is deflated whole. */
#ifndef PICKET_TASK_PACE_H
#define PICKET_TASK_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_FIRST_BYTES (256u << 10) /* plain bytes of the first piece, which is deflated */
#define PACE_PIECE_BYTES (2u << 20)   /* of every later piece: more than a peer lets lie unacknowledged */
#define PACE_RETRY_PIECES 16u         /* pieces before the slower way is tried again, at first */
#define PACE_RETRY_MOST 1024u

struct pace {
    bool begun;
    bool storing;      /* the way of the present piece */
    uint64_t start_ns; /* of the present piece, monotonic */
    uint64_t bytes;    /* plain bytes at its start */
    uint64_t want;     /* plain bytes it is to have */
    uint64_t rate[2]; /* plain bytes per millisecond of the last piece of each way, [storing]; 0: not known */
    uint32_t pieces;  /* of the way that is used now, since the other was tried */
    uint32_t retry;   /* pieces until it is tried again */
};

void pace_init(struct pace *p);

/* Asked before each unit of at most some hundred kilobytes: plain_bytes so far, the time now. True: store it.
 */
bool pace_stores(struct pace *p, uint64_t plain_bytes, uint64_t now_ns);

#endif
