/* app/sealed_malloc.h - the shipped program's malloc: a small arena until the seal, then nothing.
 *
 * The C library takes a little memory while a program starts (the time zone's name, for one). That comes
 * from a fixed arena. main() seals it before the first turn of the loop; from then on every call of malloc
 * and its kin is a bug: it is counted, answered with NULL and errno ENOMEM, and the status shows the count.
 * Tests link the sanitizers' allocator instead, so there these functions do nothing. */
#ifndef PICKET_APP_SEALED_MALLOC_H
#define PICKET_APP_SEALED_MALLOC_H

#include <stddef.h>
#include <stdint.h>

#define SEALED_MALLOC_BYTES (16u << 10) /* the arena; start-up takes a few hundred bytes of it */

#if defined(PICKET_TEST) && !defined(SEALED_MALLOC_UNDER_TEST)

static inline void malloc_seal(void) {
}
static inline void malloc_unseal_child(void) {
}
static inline uint64_t sealed_malloc_refused(void) {
    return 0;
}
static inline size_t sealed_malloc_used(void) {
    return 0;
}

#else

/* From here on no memory is handed out. What was handed out stays valid for ever. */
void malloc_seal(void);

/* For a forked child that runs C library code we do not control (the name look-up) and then exits: opens
 * the rest of its copy of the arena. The parent stays sealed. Never call it in the parent. */
void malloc_unseal_child(void);

/* Calls refused so far: for want of room before the seal, or because of the seal. 0 in a sound program. */
uint64_t sealed_malloc_refused(void);

/* Bytes of the arena handed out so far, headers and alignment included. */
size_t sealed_malloc_used(void);

#endif

#endif
