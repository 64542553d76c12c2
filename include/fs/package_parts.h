/* fs/package_parts.h - what the two halves of the package format share: its separators and the fixed memory
 * zlib works in. Only src/fs/package_*.c include it. */
#ifndef PICKET_FS_PACKAGE_PARTS_H
#define PICKET_FS_PACKAGE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#define PACKAGE_SEP_BYTES 8
#define PACKAGE_FILE_SEP "|@@//@@|" /* between records (reference, section 5.2) */
#define PACKAGE_PATH_SEP "|//@@//|" /* between a record's path and its zlib stream */

/* A bump allocator for zlib, which asks for everything once (deflateInit, inflateInit and the first use of
 * inflate's window) and never again. mem must be aligned to 16. */
struct package_arena {
    uint8_t *mem;
    size_t used, size;
};

/* zlib's alloc_func: NULL when the arena is used up, which zlib reports as Z_MEM_ERROR. */
static inline void *package_arena_take(void *opaque, unsigned items, unsigned bytes) {
    struct package_arena *a = opaque;
    uint64_t want = ((uint64_t)items * bytes + 15u) & ~(uint64_t)15u;
    if (want > a->size - a->used)
        return NULL;
    void *p = a->mem + a->used;
    a->used += (size_t)want;
    return p;
}

/* zlib's free_func: the arena goes as a whole, with the slot it lies in. */
static inline void package_arena_give(void *opaque, void *p) {
    (void)opaque;
    (void)p;
}

#endif
