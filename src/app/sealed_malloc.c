/* sealed_malloc.c - malloc and its kin over a fixed arena, usable until malloc_seal().
 *
 * A bump allocator: nothing is ever reused, so free() has nothing to do and fresh memory is zero. It takes
 * the place of the C library's allocator as a whole (the linker must find every name the library uses here,
 * or it would bring its own; the lint checks that it did not). Its bytes come from one array; there is one
 * thread. The tests do not link this file: see sealed_malloc.h. */
#include "app/sealed_malloc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef PICKET_TEST
#include <stdio.h>
#endif

#define ALIGN 16u

/* Stands before every block, so that realloc knows how much to copy. */
struct block {
    _Alignas(ALIGN) size_t size;
};

static struct {
    _Alignas(ALIGN) unsigned char bytes[SEALED_MALLOC_BYTES];
    size_t used;
    uint64_t refused;
    bool sealed;
} arena;

/* Not in the headers everywhere, but called by these names. */
void *memalign(size_t align, size_t n);
size_t malloc_usable_size(void *p);

static void *refuse(void) {
    arena.refused++;
#ifdef PICKET_TEST
    fputs(arena.sealed ? "malloc after the seal\n" : "malloc: the arena is full\n", stderr);
    abort();
#endif
    errno = ENOMEM;
    return NULL;
}

/* n bytes of zeros at a multiple of align, which is a power of two and at least ALIGN. */
static void *take(size_t align, size_t n) {
    uintptr_t base = (uintptr_t)arena.bytes;
    size_t at = ((base + arena.used + sizeof(struct block) + align - 1) & ~(uintptr_t)(align - 1)) - base;

    if (arena.sealed || at < arena.used || at > sizeof arena.bytes || n > sizeof arena.bytes - at)
        return refuse();
    struct block *b = (struct block *)(void *)(arena.bytes + at) - 1;
    b->size = n;
    arena.used = at + n;
    return arena.bytes + at;
}

void malloc_seal(void) {
    arena.sealed = true;
}

void malloc_unseal_child(void) {
    arena.sealed = false;
}

uint64_t sealed_malloc_refused(void) {
    return arena.refused;
}

size_t sealed_malloc_used(void) {
    return arena.used;
}

/* ---- the C library's names ---- */

void *malloc(size_t n) {
    return take(ALIGN, n);
}

void *calloc(size_t count, size_t size) {
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        return refuse();
    return take(ALIGN, n);
}

void free(void *p) {
    (void)p;
}

void *realloc(void *p, size_t n) {
    size_t had = malloc_usable_size(p);

    if (p != NULL && n <= had)
        return p;
    void *q = take(ALIGN, n);
    if (p != NULL && q != NULL)
        memcpy(q, p, had);
    return q;
}

int posix_memalign(void **out, size_t align, size_t n) {
    if (align < sizeof(void *) || (align & (align - 1)) != 0)
        return EINVAL;
    void *p = take(align < ALIGN ? ALIGN : align, n);
    if (p == NULL)
        return ENOMEM;
    *out = p;
    return 0;
}

void *memalign(size_t align, size_t n) {
    if (align == 0 || (align & (align - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return take(align < ALIGN ? ALIGN : align, n);
}

void *aligned_alloc(size_t align, size_t n) {
    return memalign(align, n);
}

size_t malloc_usable_size(void *p) {
    return p == NULL ? 0 : ((struct block *)p - 1)->size;
}

#ifndef PICKET_TEST
/* musl's own parts call these names, so that a replaced malloc does not see them. We want to see them. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

void *__libc_malloc(size_t n) {
    return malloc(n);
}

void *__libc_calloc(size_t count, size_t size) {
    return calloc(count, size);
}

void *__libc_realloc(void *p, size_t n) {
    return realloc(p, n);
}

void __libc_free(void *p) {
    (void)p;
}
#endif
