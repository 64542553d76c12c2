/* sys/linux_file.c - the file calls of the table, one to one on Linux'; see sys/sys.h for what they answer.
 */
#include "src/sys/linux.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

bool sys_is_file(const struct sys_stat *st) {
    return S_ISREG(st->mode);
}

bool sys_is_dir(const struct sys_stat *st) {
    return S_ISDIR(st->mode);
}

bool sys_is_link(const struct sys_stat *st) {
    return S_ISLNK(st->mode);
}

static int linux_openat(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    (void)s;
    int r;
    LINUX_CALL(r, openat(dirfd, path, flags | O_CLOEXEC, (mode_t)mode));
    return LINUX_RESULT(r);
}

/* Linux has released the descriptor even when a signal interrupted close: a second one could hit a stranger.
 */
static int linux_close(struct sys *s, int fd) {
    (void)s;
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static ptrdiff_t linux_read(struct sys *s, int fd, void *buf, size_t n) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, read(fd, buf, n));
    return LINUX_RESULT(r);
}

static ptrdiff_t linux_write(struct sys *s, int fd, const void *buf, size_t n) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, write(fd, buf, n));
    return LINUX_RESULT(r);
}

static ptrdiff_t linux_pread(struct sys *s, int fd, void *buf, size_t n, uint64_t offset) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, pread(fd, buf, n, (off_t)offset));
    return LINUX_RESULT(r);
}

static ptrdiff_t linux_pwrite(struct sys *s, int fd, const void *buf, size_t n, uint64_t offset) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, pwrite(fd, buf, n, (off_t)offset));
    return LINUX_RESULT(r);
}

static void put_stat(struct sys_stat *out, const struct stat *st) {
    *out = (struct sys_stat){.dev = st->st_dev,
                             .ino = st->st_ino,
                             .size = (uint64_t)st->st_size,
                             .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                             .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
                             .mode = st->st_mode,
                             .uid = st->st_uid,
                             .gid = st->st_gid,
                             .nlink = (uint32_t)st->st_nlink};
}

static int linux_fstat(struct sys *s, int fd, struct sys_stat *out) {
    (void)s;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    put_stat(out, &st);
    return 0;
}

static int linux_lstatat(struct sys *s, int dirfd, const char *path, struct sys_stat *out) {
    (void)s;
    struct stat st;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    put_stat(out, &st);
    return 0;
}

static int linux_ftruncate(struct sys *s, int fd, uint64_t size) {
    (void)s;
    int r;
    LINUX_CALL(r, ftruncate(fd, (off_t)size));
    return LINUX_RESULT(r);
}

static int linux_fsync(struct sys *s, int fd) {
    (void)s;
    int r;
    LINUX_CALL(r, fsync(fd));
    return LINUX_RESULT(r);
}

static int linux_syncfs(struct sys *s, int fd) {
    (void)s;
    int r;
    LINUX_CALL(r, syncfs(fd));
    return LINUX_RESULT(r);
}

static int linux_renameat(struct sys *s, int from_dir, const char *from, int to_dir, const char *to) {
    (void)s;
    int r = renameat(from_dir, from, to_dir, to);
    return LINUX_RESULT(r);
}

static int linux_unlinkat(struct sys *s, int dirfd, const char *path, bool dir) {
    (void)s;
    int r = unlinkat(dirfd, path, dir ? AT_REMOVEDIR : 0);
    return LINUX_RESULT(r);
}

static int linux_mkdirat(struct sys *s, int dirfd, const char *path, uint32_t mode) {
    (void)s;
    int r = mkdirat(dirfd, path, (mode_t)mode);
    return LINUX_RESULT(r);
}

static int linux_fchmod(struct sys *s, int fd, uint32_t mode) {
    (void)s;
    int r = fchmod(fd, (mode_t)mode);
    return LINUX_RESULT(r);
}

static int linux_fchown(struct sys *s, int fd, uint32_t uid, uint32_t gid) {
    (void)s;
    int r = fchown(fd, (uid_t)uid, (gid_t)gid);
    return LINUX_RESULT(r);
}

static int linux_chownat(struct sys *s, int dirfd, const char *path, uint32_t uid, uint32_t gid) {
    (void)s;
    int r = fchownat(dirfd, path, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW);
    return LINUX_RESULT(r);
}

static int linux_chmodat(struct sys *s, int dirfd, const char *path, uint32_t mode) {
    (void)s;
    int r = fchmodat(dirfd, path, (mode_t)mode, AT_SYMLINK_NOFOLLOW);
    return LINUX_RESULT(r);
}

static ptrdiff_t linux_getdents(struct sys *s, int fd, void *buf, size_t n) {
    (void)s;
    long r = syscall(SYS_getdents64, fd, buf, n);
    return LINUX_RESULT(r);
}

_Static_assert(SEEK_SET == 0 && SEEK_CUR == 1 && SEEK_END == 2, "whence is passed on as it is");

static int64_t linux_lseek(struct sys *s, int fd, int64_t offset, int whence) {
    (void)s;
    off_t r = lseek(fd, (off_t)offset, whence);
    return LINUX_RESULT(r);
}

static int linux_lock(struct sys *s, int fd) {
    (void)s;
    int r;
    LINUX_CALL(r, flock(fd, LOCK_EX | LOCK_NB));
    return LINUX_RESULT(r);
}

static int linux_lock_range(struct sys *s, int fd, enum sys_lock how, uint64_t at, uint64_t n) {
    (void)s;
    static const short kinds[] = {F_UNLCK, F_RDLCK, F_WRLCK, F_WRLCK};
    struct flock range = {
        .l_type = kinds[how], .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)n};
    int r;
    LINUX_CALL(r, fcntl(fd, how == SYS_LOCK_ASK ? F_OFD_GETLK : F_OFD_SETLK, &range));
    if (r < 0)
        return errno == EACCES ? -EAGAIN : -errno; /* POSIX leaves the choice of the two */
    return how == SYS_LOCK_ASK && range.l_type != F_UNLCK ? -EAGAIN : 0;
}

static int64_t linux_free_bytes(struct sys *s, int fd) {
    (void)s;
    struct statvfs v;
    int r;
    LINUX_CALL(r, fstatvfs(fd, &v));
    if (r < 0)
        return -errno;
    uint64_t blocks = v.f_bavail, size = v.f_frsize;
    return size && blocks > INT64_MAX / size ? INT64_MAX : (int64_t)(blocks * size);
}

void linux_file_init(struct sys *s) {
    s->openat = linux_openat;
    s->open_beneath = linux_open_beneath;
    s->close = linux_close;
    s->read = linux_read;
    s->write = linux_write;
    s->pread = linux_pread;
    s->pwrite = linux_pwrite;
    s->fstat = linux_fstat;
    s->lstatat = linux_lstatat;
    s->ftruncate = linux_ftruncate;
    s->fsync = linux_fsync;
    s->syncfs = linux_syncfs;
    s->renameat = linux_renameat;
    s->unlinkat = linux_unlinkat;
    s->mkdirat = linux_mkdirat;
    s->fchmod = linux_fchmod;
    s->fchown = linux_fchown;
    s->chownat = linux_chownat;
    s->chmodat = linux_chmodat;
    s->getdents = linux_getdents;
    s->lseek = linux_lseek;
    s->lock = linux_lock;
    s->lock_range = linux_lock_range;
    s->free_bytes = linux_free_bytes;
}
