/* base/blob.c - bytes that grow out of small memory into a window and out of the window into a spill file.
 *
 * A blob is in exactly one of three places: handle >= 0 the spill file, else window, else small. It moves
 * only forward, and only after everything it held has arrived at the new place. */
#include "base/blob.h"

#include <string.h>

void blob_init(struct blob *b, uint8_t *small, size_t small_cap, struct pool *windows, struct spill *spill,
               uint64_t limit) {
    *b = (struct blob){.small = small,
                       .small_cap = small_cap,
                       .windows = windows,
                       .spill = spill,
                       .limit = limit,
                       .handle = -1};
}

/* Memory that holds the content now, or NULL. */
static uint8_t *memory(const struct blob *b) {
    if (b->handle >= 0)
        return NULL;
    return b->window ? b->window : b->small;
}

/* Is there a window for b? Who can go to a spill file leaves some to those who cannot: else ten long messages
 * that are begun and never ended would stop all work that needs a window. */
static bool may_have_window(const struct blob *b) {
    uint32_t count = b->windows->count, kept = b->spill ? count / 4 + (count > 2) : 0;
    return b->windows->used + kept < count;
}

/* True when the content and n more bytes lie, or can lie from now on, in memory. */
static bool make_room(struct blob *b, size_t n) {
    uint64_t want = b->size + n;
    if (b->handle >= 0)
        return false;
    if (want <= (b->window ? b->windows->size : b->small_cap))
        return true;
    if (b->window || !b->windows || want > b->windows->size)
        return false;
    b->window = may_have_window(b) ? pool_take(b->windows) : NULL;
    if (!b->window)
        return false;
    if (b->size)
        memcpy(b->window, b->small, (size_t)b->size);
    return true;
}

static void give_window(struct blob *b) {
    if (b->window)
        pool_give(b->windows, b->window);
    b->window = NULL;
}

/* Moves the content and n more bytes from memory to a new spill file. */
static enum err start_spill(struct blob *b, const uint8_t *bytes, size_t n, struct error *e) {
    int handle = -1;
    if (!b->spill && b->windows && !b->window && b->size + n <= b->windows->size)
        return error_set(e, E_POOL, 0, "%s: none is left", b->windows->name);
    if (!b->spill)
        return error_set(e, E_LIMIT, 0, "more bytes than are kept in memory");
    enum err r = b->spill->open(b->spill, &handle, e);
    if (r != E_OK)
        return r;
    if (b->size)
        r = b->spill->append(b->spill, handle, memory(b), (size_t)b->size, e);
    if (r == E_OK)
        r = b->spill->append(b->spill, handle, bytes, n, e);
    if (r != E_OK) {
        b->spill->close(b->spill, handle);
        return r;
    }
    give_window(b);
    b->handle = handle;
    return E_OK;
}

enum err blob_append(struct blob *b, const uint8_t *bytes, size_t n, struct error *e) {
    if (n > b->limit - b->size)
        return error_set(e, E_LIMIT, 0, "more than %llu bytes", (unsigned long long)b->limit);
    if (n == 0)
        return E_OK;
    enum err r = E_OK;
    if (make_room(b, n))
        memcpy(memory(b) + b->size, bytes, n);
    else if (b->handle >= 0)
        r = b->spill->append(b->spill, b->handle, bytes, n, e);
    else
        r = start_spill(b, bytes, n, e);
    if (r == E_OK)
        b->size += n;
    return r;
}

enum err blob_read(const struct blob *b, uint64_t offset, uint8_t *buf, size_t cap, size_t *n,
                   struct error *e) {
    *n = 0;
    if (offset >= b->size)
        return E_OK;
    size_t want = b->size - offset < cap ? (size_t)(b->size - offset) : cap;
    if (want == 0)
        return E_OK;
    if (b->handle >= 0) {
        enum err r = b->spill->read_at(b->spill, b->handle, offset, buf, want, e);
        if (r != E_OK)
            return r;
    } else {
        memcpy(buf, memory(b) + offset, want);
    }
    *n = want;
    return E_OK;
}

const uint8_t *blob_bytes(const struct blob *b) {
    static const uint8_t nothing[1] = {0};
    if (b->handle >= 0)
        return NULL;
    return b->size ? memory(b) : nothing;
}

void blob_reset(struct blob *b) {
    if (b->handle >= 0)
        b->spill->close(b->spill, b->handle);
    b->handle = -1;
    give_window(b);
    b->size = 0;
}

enum err blob_copy(struct blob *to, const struct blob *from, struct error *e) {
    uint8_t buf[2048];
    size_t n;
    for (uint64_t at = 0; at < from->size; at += n) {
        enum err err = blob_read(from, at, buf, sizeof buf, &n, e);
        if (err == E_OK)
            err = blob_append(to, buf, n, e);
        if (err)
            return err;
    }
    return E_OK;
}

void blob_move(struct blob *to, struct blob *from) {
    blob_reset(to);
    if (from->handle < 0 && !from->window && from->size)
        memcpy(to->small, from->small, (size_t)from->size);
    to->window = from->window;
    to->handle = from->handle;
    to->size = from->size;
    from->window = NULL;
    from->handle = -1;
    from->size = 0;
}

static enum err source_read(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct blob_source *b = (struct blob_source *)s;
    enum err r = blob_read(b->blob, b->at, buf, cap, n, e);
    b->at += *n;
    return r;
}

void blob_source_init(struct blob_source *s, const struct blob *b, uint64_t at) {
    *s = (struct blob_source){.source = {source_read}, .blob = b, .at = at};
}
