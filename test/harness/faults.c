/* faults.c - see faults.h: each entry of the table counts itself, fails if it is its turn, and else passes
 * on. */
#include "test/harness/faults.h"

#include "test/harness/harness.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 137

static struct faults *of(struct sys *s) {
    return (struct faults *)s;
}

/* 0: the call may go on; else what it must answer. */
static int gate(struct faults *f) {
    f->calls++;
    if (f->fail_at == 0 || f->calls < f->fail_at || (f->calls > f->fail_at && !f->fail_on))
        return 0;
    f->fired = true;
    if (f->kill)
        _exit(KILLED);
    return -f->os;
}

static int gate_net(struct faults *f) {
    return f->disk_only ? 0 : gate(f);
}

static size_t shortened(const struct faults *f, size_t n) {
    return f->short_io && n > 1 ? 1 : n;
}

/* An entry that passes its arguments on as they are. */
#define ENTRY_OF(gate_, result, name, declared, passed)                                                      \
    static result fault_##name declared {                                                                    \
        struct faults *f = of(s);                                                                            \
        int failed = gate_(f);                                                                               \
        return failed ? failed : f->real.name passed;                                                        \
    }
#define ENTRY(result, name, declared, passed) ENTRY_OF(gate, result, name, declared, passed)
#define ENTRY_NET(result, name, declared, passed) ENTRY_OF(gate_net, result, name, declared, passed)

ENTRY(int, openat, (struct sys * s, int dirfd, const char *path, int flags, uint32_t mode),
      (&f->real, dirfd, path, flags, mode))
ENTRY(int, open_beneath, (struct sys * s, int dirfd, const char *path, int flags, uint32_t mode),
      (&f->real, dirfd, path, flags, mode))
ENTRY(ptrdiff_t, read, (struct sys * s, int fd, void *buf, size_t n), (&f->real, fd, buf, shortened(f, n)))
ENTRY(ptrdiff_t, write, (struct sys * s, int fd, const void *buf, size_t n),
      (&f->real, fd, buf, shortened(f, n)))
ENTRY(ptrdiff_t, pread, (struct sys * s, int fd, void *buf, size_t n, uint64_t offset),
      (&f->real, fd, buf, shortened(f, n), offset))
ENTRY(ptrdiff_t, pwrite, (struct sys * s, int fd, const void *buf, size_t n, uint64_t offset),
      (&f->real, fd, buf, shortened(f, n), offset))
ENTRY(int, fstat, (struct sys * s, int fd, struct sys_stat *out), (&f->real, fd, out))
ENTRY(int, lstatat, (struct sys * s, int dirfd, const char *path, struct sys_stat *out),
      (&f->real, dirfd, path, out))
ENTRY(int, ftruncate, (struct sys * s, int fd, uint64_t size), (&f->real, fd, size))
ENTRY(int, fsync, (struct sys * s, int fd), (&f->real, fd))
ENTRY(int, syncfs, (struct sys * s, int fd), (&f->real, fd))
ENTRY(int, renameat, (struct sys * s, int from_dir, const char *from, int to_dir, const char *to),
      (&f->real, from_dir, from, to_dir, to))
ENTRY(int, unlinkat, (struct sys * s, int dirfd, const char *path, bool dir), (&f->real, dirfd, path, dir))
ENTRY(int, mkdirat, (struct sys * s, int dirfd, const char *path, uint32_t mode),
      (&f->real, dirfd, path, mode))
ENTRY(int, fchmod, (struct sys * s, int fd, uint32_t mode), (&f->real, fd, mode))
ENTRY(int, fchown, (struct sys * s, int fd, uint32_t uid, uint32_t gid), (&f->real, fd, uid, gid))
ENTRY(int, chownat, (struct sys * s, int dirfd, const char *path, uint32_t uid, uint32_t gid),
      (&f->real, dirfd, path, uid, gid))
ENTRY(int, chmodat, (struct sys * s, int dirfd, const char *path, uint32_t mode),
      (&f->real, dirfd, path, mode))
ENTRY(ptrdiff_t, getdents, (struct sys * s, int fd, void *buf, size_t n), (&f->real, fd, buf, n))
ENTRY(int64_t, lseek, (struct sys * s, int fd, int64_t offset, int whence), (&f->real, fd, offset, whence))
ENTRY(int, lock, (struct sys * s, int fd), (&f->real, fd))
ENTRY(int, lock_range, (struct sys * s, int fd, enum sys_lock how, uint64_t at, uint64_t n),
      (&f->real, fd, how, at, n))
ENTRY(int64_t, free_bytes, (struct sys * s, int fd), (&f->real, fd))
ENTRY_NET(int, listen, (struct sys * s, const struct sys_addr *a, int backlog), (&f->real, a, backlog))
ENTRY_NET(int, accept, (struct sys * s, int fd, struct sys_addr *peer), (&f->real, fd, peer))
ENTRY_NET(ptrdiff_t, recv, (struct sys * s, int fd, void *buf, size_t n),
          (&f->real, fd, buf, shortened(f, n)))
ENTRY_NET(ptrdiff_t, send, (struct sys * s, int fd, const void *buf, size_t n),
          (&f->real, fd, buf, shortened(f, n)))
ENTRY_NET(int, sockopt_set, (struct sys * s, int fd, enum sys_sockopt o, int value), (&f->real, fd, o, value))
ENTRY_NET(int, sockopt_get, (struct sys * s, int fd, enum sys_sockopt o, int *value),
          (&f->real, fd, o, value))
ENTRY_NET(int, connect_datagram, (struct sys * s, const char *path), (&f->real, path))
ENTRY_NET(int, local_addr, (struct sys * s, int fd, struct sys_addr *out), (&f->real, fd, out))
ENTRY_NET(int, peer_uid, (struct sys * s, int fd, uint32_t *uid), (&f->real, fd, uid))
ENTRY(int, poll, (struct sys * s, struct sys_poll *fds, size_t n, int timeout_ms),
      (&f->real, fds, n, timeout_ms))

static int fault_connect(struct sys *s, const struct sys_addr *a, int *fd) {
    struct faults *f = of(s);
    *fd = -1;
    int failed = gate_net(f);
    return failed ? failed : f->real.connect(&f->real, a, fd);
}

static int fault_resolve_start(struct sys *s, const char *host, uint16_t port, int *fd, int *child) {
    struct faults *f = of(s);
    *fd = *child = -1;
    int failed = gate(f);
    f->real.child_started = f->sys.child_started;
    return failed ? failed : f->real.resolve_start(&f->real, host, port, fd, child);
}

/* Nothing depends on a drain, and a child of its own would do calls that nobody counts: there is none. */
static int fault_drain_start(struct sys *s, const int *fds, size_t n, int *fd, int *child) {
    (void)s;
    (void)fds;
    (void)n;
    *fd = *child = -1;
    return -ENOSYS;
}

static int fault_spawn(struct sys *s, const struct sys_program *p, struct sys_child *c) {
    struct faults *f = of(s);
    *c = (struct sys_child){-1, -1, -1, -1};
    int failed = gate(f);
    return failed ? failed : f->real.spawn(&f->real, p, c);
}

/* What never fails. */
static int fault_spawn_status(struct sys *s, const struct sys_child *c) {
    return of(s)->real.spawn_status(&of(s)->real, c);
}
static void fault_spawn_end(struct sys *s, struct sys_child *c) {
    of(s)->real.spawn_end(&of(s)->real, c);
}
static void fault_resolve_end(struct sys *s, int fd, int child) {
    of(s)->real.resolve_end(&of(s)->real, fd, child);
}
static int fault_close(struct sys *s, int fd) {
    return of(s)->real.close(&of(s)->real, fd);
}
static int fault_random(struct sys *s, void *buf, size_t n) {
    return of(s)->real.random(&of(s)->real, buf, n);
}
static uint64_t fault_mono(struct sys *s) {
    struct faults *f = of(s);
    return f->virtual_time ? f->now_ns : f->real.mono_ns(&f->real);
}
static int64_t fault_wall(struct sys *s) {
    return of(s)->real.wall_ns(&of(s)->real) + of(s)->wall_shift_ns;
}

void faults_init(struct faults *f) {
    memset(f, 0, sizeof *f);
    f->os = EIO;
    sys_linux_init(&f->real);
    f->sys = (struct sys){
        .mono_ns = fault_mono,
        .wall_ns = fault_wall,
        .openat = fault_openat,
        .open_beneath = fault_open_beneath,
        .close = fault_close,
        .read = fault_read,
        .write = fault_write,
        .pread = fault_pread,
        .pwrite = fault_pwrite,
        .fstat = fault_fstat,
        .lstatat = fault_lstatat,
        .ftruncate = fault_ftruncate,
        .fsync = fault_fsync,
        .syncfs = fault_syncfs,
        .renameat = fault_renameat,
        .unlinkat = fault_unlinkat,
        .mkdirat = fault_mkdirat,
        .fchmod = fault_fchmod,
        .fchown = fault_fchown,
        .chownat = fault_chownat,
        .chmodat = fault_chmodat,
        .getdents = fault_getdents,
        .lseek = fault_lseek,
        .lock = fault_lock,
        .lock_range = fault_lock_range,
        .free_bytes = fault_free_bytes,
        .listen = fault_listen,
        .accept = fault_accept,
        .connect = fault_connect,
        .connect_datagram = fault_connect_datagram,
        .recv = fault_recv,
        .send = fault_send,
        .sockopt_set = fault_sockopt_set,
        .sockopt_get = fault_sockopt_get,
        .local_addr = fault_local_addr,
        .peer_uid = fault_peer_uid,
        .poll = fault_poll,
        .resolve_start = fault_resolve_start,
        .resolve_end = fault_resolve_end,
        .drain_start = fault_drain_start,
        .spawn = fault_spawn,
        .spawn_status = fault_spawn_status,
        .spawn_end = fault_spawn_end,
        .random = fault_random,
    };
}

uint64_t faults_sweep(int os, bool fail_on, void *ctx, void (*one)(void *ctx, struct faults *f),
                      void (*check)(void *ctx, struct faults *f)) {
    for (uint64_t n = 1;; n++) {
        struct faults f;
        faults_init(&f);
        f.os = os;
        f.fail_on = fail_on;
        f.fail_at = n;
        one(ctx, &f);
        check(ctx, &f);
        if (!f.fired)
            return n;
    }
}

uint64_t faults_kill_sweep(void *ctx, void (*one)(void *ctx, struct faults *f), void (*check)(void *ctx)) {
    for (uint64_t n = 1;; n++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            struct faults f;
            faults_init(&f);
            f.kill = true;
            f.fail_at = n;
            one(ctx, &f);
            _exit(0);
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            test_fail(__FILE__, __LINE__, "cannot fork");
        bool killed = WIFEXITED(status) && WEXITSTATUS(status) == KILLED;
        if (!killed && status != 0)
            test_fail(__FILE__, __LINE__, "run %llu ended with status 0x%x", (unsigned long long)n,
                      (unsigned)status);
        check(ctx);
        if (!killed)
            return n;
    }
}
