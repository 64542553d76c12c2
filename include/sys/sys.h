/* sys/sys.h - the one table through which every system call goes.
 *
 * Tests replace single entries to fail, shorten, delay or cut any call; the simulator replaces clock and
 * sockets. Results: >= 0 is success, < 0 is a negated errno value; errno itself is not used. EINTR is
 * handled inside (the call is repeated; close counts as done), except for poll. Only sys/ includes
 * <unistd.h>, <sys/socket.h> and their kin; the constants the table speaks in come from <fcntl.h> and
 * <errno.h>. */
#ifndef PICKET_SYS_SYS_H
#define PICKET_SYS_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What fstat tells, with full time stamps. */
struct sys_stat {
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
    uint32_t mode; /* S_IFMT and permission bits */
    uint32_t uid, gid, nlink;
};
bool sys_is_file(const struct sys_stat *st);
bool sys_is_dir(const struct sys_stat *st);
bool sys_is_link(const struct sys_stat *st);

/* A socket address: IPv4, IPv6 or a unix path. */
struct sys_addr {
    uint32_t len;                         /* bytes used */
    _Alignas(8) unsigned char bytes[128]; /* a struct sockaddr of some family */
};
#define SYS_ADDR_WORDS 64
/* A numeric IPv4 or IPv6 address ("10.0.0.1", "::1", "[::1]"); false when text is none. */
bool sys_addr_parse(struct sys_addr *a, const char *text, uint16_t port);
bool sys_addr_unix(struct sys_addr *a, const char *path);
void sys_addr_port(struct sys_addr *a, uint16_t port);
/* The address without its port, as Wazuh prints it ("127.0.0.1"; v4-mapped v6 as v4). */
void sys_addr_words(const struct sys_addr *a, char out[SYS_ADDR_WORDS]);
bool sys_addr_same_host(const struct sys_addr *a, const struct sys_addr *b);

/* Same layout and bits as struct pollfd. */
struct sys_poll {
    int fd;
    short events, revents;
};
#define SYS_POLLIN 0x001
#define SYS_POLLOUT 0x004
#define SYS_POLLERR 0x008
#define SYS_POLLHUP 0x010

/* One name of a folder, as getdents gives it. */
#define SYS_DT_UNKNOWN 0
#define SYS_DT_DIR 4
#define SYS_DT_REG 8
#define SYS_DT_LNK 10

enum sys_sockopt {
    SYS_TCP_NODELAY,      /* bool */
    SYS_REUSEADDR,        /* bool */
    SYS_V6ONLY,           /* bool */
    SYS_KEEPALIVE,        /* bool */
    SYS_TCP_USER_TIMEOUT, /* milliseconds */
    SYS_NOTSENT_LOWAT,    /* bytes */
    SYS_SO_ERROR          /* get only: pending errno */
};

/* What lock_range does to a range of bytes. */
enum sys_lock {
    SYS_UNLOCK,
    SYS_LOCK_READ,
    SYS_LOCK_WRITE,
    SYS_LOCK_ASK /* nothing, but answers as SYS_LOCK_WRITE would */
};

/* A program to start. */
struct sys_program {
    const char *path;        /* as the program itself would say it: relative to dir */
    const char *const *argv; /* both with a NULL at the end */
    const char *const *env;
    int dir;               /* its working directory */
    uint64_t memory_bytes; /* of its address space; 0, here and below: as much as we may ourselves */
    uint64_t file_bytes;   /* of any file it writes */
    uint32_t cpu_s;        /* processor time, then it is killed */
    uint32_t files;        /* descriptors */
};
/* One that was started. */
struct sys_child {
    int pid;          /* and the number of its process group; -1: none */
    int in, out, err; /* our ends of the pipes that are its standard input, output and error: non-blocking,
                         close-on-exec. -1: closed, by the owner, who may do so at any time with close. */
};

#define SYS_CHILDREN_LEFT 8

struct sys {
    /* time: nanoseconds; mono never jumps; wall is for printing only */
    uint64_t (*mono_ns)(struct sys *);
    int64_t (*wall_ns)(struct sys *);

    /* files; dirfd may be SYS_CWD */
    int (*openat)(struct sys *, int dirfd, const char *path, int flags, uint32_t mode);
    /* As openat, but no component may be a symbolic link (-ELOOP) or leave dirfd: absolute paths and ".."
     * give -EXDEV (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or an equal walk where the kernel
     * lacks it). */
    int (*open_beneath)(struct sys *, int dirfd, const char *path, int flags, uint32_t mode);
    int (*close)(struct sys *, int fd);
    ptrdiff_t (*read)(struct sys *, int fd, void *buf, size_t n);
    ptrdiff_t (*write)(struct sys *, int fd, const void *buf, size_t n);
    ptrdiff_t (*pread)(struct sys *, int fd, void *buf, size_t n, uint64_t offset);
    ptrdiff_t (*pwrite)(struct sys *, int fd, const void *buf, size_t n, uint64_t offset);
    int (*fstat)(struct sys *, int fd, struct sys_stat *out);
    int (*lstatat)(struct sys *, int dirfd, const char *path, struct sys_stat *out); /* follows no link */
    int (*ftruncate)(struct sys *, int fd, uint64_t size);
    int (*fsync)(struct sys *, int fd);
    int (*syncfs)(struct sys *, int fd); /* the whole filesystem fd lies on */
    int (*renameat)(struct sys *, int from_dir, const char *from, int to_dir, const char *to);
    int (*unlinkat)(struct sys *, int dirfd, const char *path, bool dir);
    int (*mkdirat)(struct sys *, int dirfd, const char *path, uint32_t mode);
    int (*fchmod)(struct sys *, int fd, uint32_t mode);
    int (*fchown)(struct sys *, int fd, uint32_t uid, uint32_t gid);
    int (*chownat)(struct sys *, int dirfd, const char *path, uint32_t uid,
                   uint32_t gid);                                             /* follows no link */
    int (*chmodat)(struct sys *, int dirfd, const char *path, uint32_t mode); /* -EOPNOTSUPP for a link */
    /* Raw directory records (struct linux_dirent64) into buf; 0 at the end. See sys_dirent_next. */
    ptrdiff_t (*getdents)(struct sys *, int fd, void *buf, size_t n);
    int64_t (*lseek)(struct sys *, int fd, int64_t offset, int whence); /* 0 set, 1 cur, 2 end */
    int (*lock)(struct sys *, int fd); /* exclusive, at once, for the open file; -EWOULDBLOCK if taken */
    /* Bytes at .. at + n - 1 of the open file, at once; -EAGAIN when somebody else's lock is in the way.
     * Locks of open files (Linux 3.15): they hold against other open files of this process, and against the
     * record locks of programs that know only those. A second lock on the same bytes replaces the first. */
    int (*lock_range)(struct sys *, int fd, enum sys_lock how, uint64_t at, uint64_t n);
    int64_t (*free_bytes)(struct sys *, int fd); /* room on fd's filesystem for an ordinary user, bytes */

    /* sockets: all non-blocking and close-on-exec */
    /* TCP (SO_REUSEADDR; "::" takes IPv4 too) or unix stream, whose path must not exist yet. */
    int (*listen)(struct sys *, const struct sys_addr *a, int backlog);
    /* peer may be NULL. A connection that died while it waited counts as none: -EAGAIN. */
    int (*accept)(struct sys *, int fd, struct sys_addr *peer);
    /* 0 connected, -EINPROGRESS under way; in both cases *fd is the caller's, else it is -1. */
    int (*connect)(struct sys *, const struct sys_addr *a, int *fd);
    /* A socket connected to a local program's unix datagram socket, for send and close; < 0 as
     * datagram_connect (sys/datagram.h). */
    int (*connect_datagram)(struct sys *, const char *path);
    ptrdiff_t (*recv)(struct sys *, int fd, void *buf, size_t n);
    ptrdiff_t (*send)(struct sys *, int fd, const void *buf, size_t n); /* never raises SIGPIPE */
    int (*sockopt_set)(struct sys *, int fd, enum sys_sockopt o, int value);
    int (*sockopt_get)(struct sys *, int fd, enum sys_sockopt o, int *value);
    int (*local_addr)(struct sys *, int fd, struct sys_addr *out);
    /* The user who connected the other end of a unix socket, as the kernel says (SO_PEERCRED). */
    int (*peer_uid)(struct sys *, int fd, uint32_t *uid);
    int (*poll)(struct sys *, struct sys_poll *fds, size_t n, int timeout_ms); /* -EINTR is returned */

    /* Looks a host name up without stopping the caller: *fd becomes readable, then yields whole
     * struct sys_addr records (port set) until end of file; none at all means the name is not known. */
    int (*resolve_start)(struct sys *, const char *host, uint16_t port, int *fd, int *child);
    /* Ends a look-up that may still run and forgets it. */
    void (*resolve_end)(struct sys *, int fd, int child);
    /* Begins to write out the filesystems that n descriptors lie on, without stopping the caller: *fd becomes
     * readable, at end of file, when that is done or failed; then resolve_end forgets it. It tells nothing:
     * whoever must know that all is on disk calls syncfs afterwards, which has little left to do. May be
     * NULL. */
    int (*drain_start)(struct sys *, const int *fds, size_t n, int *fd, int *child);

    /* Starts a program in a process group of its own, with three pipes and no other descriptor of ours, the
     * signals as they are by default, and its limits; killed when we die. Never waits for it: a program that
     * cannot be executed ends with status 127 and a line on its standard error that says why. A write to in
     * when nobody reads gives -EPIPE (SIGPIPE must be ignored, as signals_open does). On failure *c is as
     * after spawn_end. */
    int (*spawn)(struct sys *, const struct sys_program *p, struct sys_child *c);
    /* Its exit status, 128 and more for a signal's number, once it has ended; -EAGAIN before. Leaves it to
     * spawn_end, any number of times. That it has ended does not mean that nobody holds its pipes. */
    int (*spawn_status)(struct sys *, const struct sys_child *c);
    /* Kills it, if it still runs, and everything that it left in its group; closes our ends. Safe on one that
     * has ended or was never there (pid -1, ends -1). */
    void (*spawn_end)(struct sys *, struct sys_child *c);

    int (*random)(struct sys *, void *buf, size_t n); /* fills all n bytes or fails */

    /* Called first in the child process that a look-up forks; may be NULL. The C library's look-up allocates,
     * so a program that has sealed its allocator opens it here, for the child alone. */
    void (*child_started)(struct sys *);

    void *arg; /* for a replacement's own state */
    /* Children that were killed but had not ended when somebody waited for them: they are looked for again
     * whenever another one is begun or ended. 0: a free place. */
    int left[SYS_CHILDREN_LEFT];
};

#define SYS_CWD (-100) /* AT_FDCWD */

/* Fills *s with the real calls of this system. */
void sys_linux_init(struct sys *s);

/* Milliseconds of the monotonic clock. */
static inline uint64_t sys_mono_ms(struct sys *s) {
    return s->mono_ns(s) / 1000000u;
}

struct sys_dirent {
    const char *name; /* points into the buffer */
    uint8_t type;     /* SYS_DT_... */
};
/* Walks the records of one getdents result of n bytes: *at starts at 0; false at the end. "." and ".." are
 * left out. */
bool sys_dirent_next(const void *buf, size_t n, size_t *at, struct sys_dirent *out);

/* Writes all n bytes, however often it takes; 0 or a negated errno value. */
int sys_write_all(struct sys *s, int fd, const void *buf, size_t n);

#endif
