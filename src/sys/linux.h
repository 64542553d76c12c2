/* sys/linux.h - what the files of sys/linux_*.c share; private to src/sys. */
#ifndef PICKET_SYS_LINUX_H
#define PICKET_SYS_LINUX_H

#include "sys/sys.h"

/* result = call, again as long as a signal interrupts it. */
#define LINUX_CALL(result, call)                                                                             \
    do {                                                                                                     \
        (result) = (call);                                                                                   \
    } while ((result) < 0 && errno == EINTR)

/* What the table answers for a result in the C library's manner. */
#define LINUX_RESULT(result) ((result) < 0 ? -errno : (result))

/* Each fills its part of the table. */
void linux_file_init(struct sys *s);
void linux_net_init(struct sys *s);
void linux_resolve_init(struct sys *s);
void linux_spawn_init(struct sys *s);

/* The table's open_beneath (linux_beneath.c). */
int linux_open_beneath(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode);
/* open_beneath by single components, for kernels before 5.6 and sandboxes that hide openat2. */
int linux_walk_beneath(int dirfd, const char *path, int flags, uint32_t mode);

/* In a child: signals as they are by default, none blocked. */
void linux_forget_handlers(void);
/* Waits for a child that ended or was killed right now, a few milliseconds at most; one that the kernel still
 * holds then is remembered in s->left. */
void linux_reap(struct sys *s, int child);
/* Looks once for those that were remembered. */
void linux_reap_left(struct sys *s);

/* Closes first .. last (both included), as far as they are open. */
void linux_close_range(unsigned first, unsigned last);

#endif
