/* base/blob.h - bytes that must be kept whole although nobody knows how many there will be.
 *
 * Up to small_cap bytes lie in memory of the owner; more take one window from a pool; more than a
 * window holds, or when only the windows are left that are kept for work without a spill file (3 of 8), go to
 * a spill file. A blob is appended to, then read. */
#ifndef PICKET_BASE_BLOB_H
#define PICKET_BASE_BLOB_H

#include "base/pool.h"
#include "base/stream.h"

struct blob {
    uint8_t *small;       /* owner's memory for short content */
    size_t small_cap;     /* bytes of it */
    struct pool *windows; /* slots of windows->size bytes; may be NULL: then none */
    struct spill *spill;  /* may be NULL: then content ends at the window (E_LIMIT) */
    uint64_t limit;       /* bytes this blob may hold at most (E_LIMIT) */
    uint64_t size;        /* bytes it holds */
    uint8_t *window;      /* slot taken, or NULL */
    int handle;           /* spill file, or -1 */
};

/* All pointers must outlive the blob. */
void blob_init(struct blob *b, uint8_t *small, size_t small_cap, struct pool *windows, struct spill *spill,
               uint64_t limit);

/* Appends all n bytes or fails and keeps what it had: E_LIMIT; E_POOL (no window is left, and there is no
 * spill file to go to); what the spill file says (E_SPACE, E_SYS). */
enum err blob_append(struct blob *b, const uint8_t *bytes, size_t n, struct error *e);

/* Reads min(cap, size - offset) bytes at offset into buf, *n of them: 0 from the end on. */
enum err blob_read(const struct blob *b, uint64_t offset, uint8_t *buf, size_t cap, size_t *n,
                   struct error *e);

/* The content if it lies in memory (small or window), else NULL. Valid until the next append or reset. */
const uint8_t *blob_bytes(const struct blob *b);

/* Empties it and gives window and spill file back. Safe to call twice. */
void blob_reset(struct blob *b);

/* Moves the content of *from to *to (an initialised, empty blob with the same pools and at least the same
 * small_cap); *from is empty afterwards. */
void blob_move(struct blob *to, struct blob *from);

/* Appends the content of from to *to; on an error *to holds a part of it. */
enum err blob_copy(struct blob *to, const struct blob *from, struct error *e);

/* A source over a blob, from offset at. The blob must not change while it is read. */
struct blob_source {
    struct source source;
    const struct blob *blob;
    uint64_t at;
};
void blob_source_init(struct blob_source *s, const struct blob *b, uint64_t at);

#endif
