/* board/s390x/stat.c - fstatat() by way of statx().
 *
 * This board only ever runs under qemu-user, and that (7.2) leaves the nanoseconds out of stat's times on
 * s390x: every file would seem to have been changed by another program. statx has them. musl's other calls of
 * the family are made of this one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/stat.h>

int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags) {
    struct statx x;
    if (syscall(SYS_statx, dir, path, flags, STATX_BASIC_STATS, &x) < 0)
        return -1;
    *st = (struct stat){.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
                        .st_ino = x.stx_ino,
                        .st_mode = x.stx_mode,
                        .st_nlink = x.stx_nlink,
                        .st_uid = x.stx_uid,
                        .st_gid = x.stx_gid,
                        .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
                        .st_size = (off_t)x.stx_size,
                        .st_blksize = (blksize_t)x.stx_blksize,
                        .st_blocks = (blkcnt_t)x.stx_blocks,
                        .st_atim = {x.stx_atime.tv_sec, x.stx_atime.tv_nsec},
                        .st_mtim = {x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec},
                        .st_ctim = {x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec}};
    return 0;
}
