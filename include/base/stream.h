/* base/stream.h - where bytes come from and go to, for code that must not know which.
 *
 * wire/ knows no files and fs/ knows no sockets: they meet at a struct source or struct sink. Both are
 * synchronous and never keep the caller's buffer. Embed one as the first member of the struct that
 * implements it. */
#ifndef PICKET_BASE_STREAM_H
#define PICKET_BASE_STREAM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct source {
    /* Writes up to cap (> 0) bytes to buf and their number to *n. E_OK with *n == 0 is the end.
     * E_AGAIN: nothing now, ask in a later turn (*n == 0). Any other code is final. */
    enum err (*read)(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e);
};

struct sink {
    /* Takes all n bytes or fails; a failure is final. */
    enum err (*write)(struct sink *s, const uint8_t *bytes, size_t n, struct error *e);
};

/* Where a message that must be kept whole goes when it outgrows its window: numbered scratch files,
 * bounded in their sum. Implemented by fs/spool.c; tests have one in memory. */
struct spill {
    enum err (*open)(struct spill *s, int *handle, struct error *e);
    /* Appends. E_SPACE when the bound of all files together would be passed: nothing is written. */
    enum err (*append)(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e);
    /* Reads exactly n bytes at offset. */
    enum err (*read_at)(struct spill *s, int handle, uint64_t offset, uint8_t *buf, size_t n,
                        struct error *e);
    /* Forgets the file and its bytes. */
    void (*close)(struct spill *s, int handle);
};

/* What a step function waits for. */
enum step {
    STEP_DONE,  /* finished; the result is in the object */
    STEP_AGAIN, /* has more to do now: call again next turn */
    STEP_WAIT,  /* waits for something that will call it: a reply, a timer, a slot */
    STEP_FAILED /* finished with an error, which is in the object */
};

#endif
