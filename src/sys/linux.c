/* sys/linux.c - the table of real calls put together: clocks, random numbers, poll, and the few functions
 * that work over any table. Files are in linux_file.c and linux_beneath.c, sockets in linux_net.c, names in
 * resolve.c, programs in linux_spawn.c. */
#include "src/sys/linux.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct sys_poll) == sizeof(struct pollfd) &&
                   offsetof(struct sys_poll, events) == offsetof(struct pollfd, events) &&
                   offsetof(struct sys_poll, revents) == offsetof(struct pollfd, revents) &&
                   SYS_POLLIN == POLLIN && SYS_POLLOUT == POLLOUT && SYS_POLLERR == POLLERR &&
                   SYS_POLLHUP == POLLHUP,
               "struct sys_poll is not the system's struct pollfd");
_Static_assert(SYS_DT_UNKNOWN == DT_UNKNOWN && SYS_DT_DIR == DT_DIR && SYS_DT_REG == DT_REG &&
                   SYS_DT_LNK == DT_LNK,
               "SYS_DT_... are not the system's");
_Static_assert(SYS_CWD == AT_FDCWD, "SYS_CWD is not AT_FDCWD");

static uint64_t clock_mono(struct sys *s) {
    (void)s;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with a valid clock and pointer */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t clock_wall(struct sys *s) {
    (void)s;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int linux_random(struct sys *s, void *buf, size_t n) {
    (void)s;
    unsigned char *at = buf;
    while (n) {
        ssize_t got;
        LINUX_CALL(got, getrandom(at, n, 0));
        if (got < 0)
            return -errno;
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

static int linux_poll(struct sys *s, struct sys_poll *fds, size_t n, int timeout_ms) {
    (void)s;
    int r = poll((struct pollfd *)(void *)fds, (nfds_t)n, timeout_ms);
    return LINUX_RESULT(r);
}

void sys_linux_init(struct sys *s) {
    memset(s, 0, sizeof *s);
    s->mono_ns = clock_mono;
    s->wall_ns = clock_wall;
    s->random = linux_random;
    s->poll = linux_poll;
    linux_file_init(s);
    linux_net_init(s);
    linux_resolve_init(s);
    linux_spawn_init(s);
}

void linux_close_range(unsigned first, unsigned last) {
    if (first > last)
        return;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    struct rlimit limit;
    rlim_t end = prlimit(0, RLIMIT_NOFILE, NULL, &limit) || limit.rlim_cur > 65536 ? 65536 : limit.rlim_cur;
    for (unsigned fd = first; fd <= last && fd < end; fd++)
        close((int)fd);
}

/* What the kernel writes: d_ino (8), d_off (8), d_reclen (2), d_type (1), then the name and its NUL. */
#define RECORD_RECLEN 16
#define RECORD_TYPE 18
#define RECORD_NAME 19

bool sys_dirent_next(const void *buf, size_t n, size_t *at, struct sys_dirent *out) {
    const unsigned char *bytes = buf;
    while (*at + RECORD_NAME < n) {
        const unsigned char *record = bytes + *at;
        uint16_t reclen;
        memcpy(&reclen, record + RECORD_RECLEN, sizeof reclen);
        const char *name = (const char *)record + RECORD_NAME;
        if (reclen <= RECORD_NAME || reclen > n - *at || !memchr(name, '\0', reclen - RECORD_NAME))
            return false; /* no kernel writes this; a replaced table might */
        *at += reclen;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            *out = (struct sys_dirent){name, record[RECORD_TYPE]};
            return true;
        }
    }
    return false;
}

int sys_write_all(struct sys *s, int fd, const void *buf, size_t n) {
    const unsigned char *at = buf;
    while (n) {
        ptrdiff_t done = s->write(s, fd, at, n);
        if (done < 0)
            return (int)done;
        if (done == 0)
            return -EIO; /* a device that takes nothing and says nothing would be asked for ever */
        at += done;
        n -= (size_t)done;
    }
    return 0;
}
