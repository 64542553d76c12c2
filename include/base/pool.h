/* base/pool.h - fixed pools: slots of one size over storage that the caller owns.
 *
 * A node's pools are listed in pools.def and laid out by app/memory.c. Running out is an ordinary
 * answer. Storage is not touched before a slot is first taken, so that unused slots cost no pages. */
#ifndef PICKET_BASE_POOL_H
#define PICKET_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    const char *name;   /* the id in pools.def */
    const char *words;  /* what it holds, for the status */
    unsigned char *mem; /* count * size bytes, aligned to 16 */
    uint32_t *next;     /* count entries: free list links, or POOL_TAKEN */
    size_t size;        /* bytes of one slot, a multiple of 16 */
    uint32_t count;     /* slots */
    uint32_t fresh;     /* slots never taken so far: the rest of mem is untouched */
    uint32_t free_head; /* first given-back slot, or POOL_NONE */
    uint32_t used;      /* slots out now */
    uint32_t high;      /* most slots ever out */
    uint64_t refused;   /* takes answered with NULL */
};

#define POOL_NONE 0xffffffffu
#define POOL_TAKEN 0xfffffffeu

/* Rounds a size up to what a slot of it takes. */
#define POOL_SLOT(bytes) (((bytes) + 15u) & ~(size_t)15u)

/* mem: count * POOL_SLOT(size) bytes aligned to 16; next: count entries. Both must outlive the pool;
 * neither is written before its slots are taken. */
void pool_init(struct pool *p, const char *name, const char *words, void *mem, uint32_t *next, size_t size,
               uint32_t count);

/* A slot of p->size bytes with undefined content, owned by the caller until pool_give; NULL (and
 * p->refused counts it) when none is left. */
void *pool_take(struct pool *p);

/* Gives a slot back. A pointer that is not a slot of p, or a slot that is not out, is a bug: the
 * program stops with a message. Built with PICKET_TEST the slot is overwritten with 0xa5. */
void pool_give(struct pool *p, void *slot);

/* Index of a slot that pool_take returned, 0 .. count - 1; misuse for any other pointer. */
uint32_t pool_index(const struct pool *p, const void *slot);

/* Called with the pool's name and what was done to it when a caller misused it; must not return. The one
 * here only traps; a program that can write a message defines its own, which takes its place. */
__attribute__((noreturn)) void pool_misuse(const char *pool, const char *what);

#endif
