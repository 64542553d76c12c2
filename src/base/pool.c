/* base/pool.c - fixed pools.
 *
 * The links of the free list lie beside the slots, not in them: a slot written to after it was given back
 * cannot damage the list, and unused slots are never touched. Taking prefers slots that were used before,
 * so that the pages in use stay few. */
#include "base/pool.h"

#include <string.h>

/* Under AddressSanitizer a slot that is not out is unreadable. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN
#endif
#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define SLOT_HIDE(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define SLOT_SHOW(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define SLOT_HIDE(p, n) ((void)(p), (void)(n))
#define SLOT_SHOW(p, n) ((void)(p), (void)(n))
#endif

__attribute__((weak, noreturn)) void pool_misuse(const char *pool, const char *what) {
    (void)pool;
    (void)what;
    __builtin_trap();
}

void pool_init(struct pool *p, const char *name, const char *words, void *mem, uint32_t *next, size_t size,
               uint32_t count) {
    *p = (struct pool){.name = name,
                       .words = words,
                       .mem = mem,
                       .next = next,
                       .size = POOL_SLOT(size),
                       .count = count,
                       .free_head = POOL_NONE};
    if (((uintptr_t)mem & 15u) || count >= POOL_TAKEN)
        pool_misuse(name, "storage that is not aligned, or too many slots");
    SLOT_HIDE(p->mem, p->size * count);
}

void *pool_take(struct pool *p) {
    uint32_t i;
    if (p->free_head != POOL_NONE) {
        i = p->free_head;
        p->free_head = p->next[i];
    } else if (p->fresh < p->count) {
        i = p->fresh++;
    } else {
        p->refused++;
        return NULL;
    }
    p->next[i] = POOL_TAKEN;
    if (++p->used > p->high)
        p->high = p->used;
    unsigned char *slot = p->mem + (size_t)i * p->size;
    SLOT_SHOW(slot, p->size);
    return slot;
}

uint32_t pool_index(const struct pool *p, const void *slot) {
    size_t offset = (size_t)((uintptr_t)slot - (uintptr_t)p->mem); /* huge when slot lies before mem */
    if (offset >= p->size * p->count || offset % p->size)
        pool_misuse(p->name, "a pointer that is not a slot of it");
    return (uint32_t)(offset / p->size);
}

void pool_give(struct pool *p, void *slot) {
    uint32_t i = pool_index(p, slot);
    if (i >= p->fresh || p->next[i] != POOL_TAKEN)
        pool_misuse(p->name, "a slot given back that is not out");
#ifdef PICKET_TEST
    memset(slot, 0xa5, p->size);
#endif
    SLOT_HIDE(slot, p->size);
    p->next[i] = p->free_head;
    p->free_head = i;
    p->used--;
}
