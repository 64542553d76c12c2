/* app/own_file.c - opening a file of the daemon's own without being led elsewhere. Everything after the open
 * goes by descriptor, so there is no moment at which the name could be exchanged. */
#include "app/own_file.h"

int own_file_open(struct sys *sys, int dirfd, const char *name, int flags, uint32_t mode, uint32_t uid,
                  uint32_t gid) {
    /* O_NONBLOCK: opening a pipe that somebody put there must not wait for its reader. */
    int fd = sys->openat(sys, dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
    if (fd < 0)
        return fd;
    struct sys_stat st;
    int r = sys->fstat(sys, fd, &st);
    if (r == 0 && (!sys_is_file(&st) || st.nlink != 1))
        r = -EMLINK;
    if (r == 0 && uid != OWNER_KEEP && (st.uid != uid || st.gid != gid))
        r = sys->fchown(sys, fd, uid, gid);
    if (r == 0 && (st.mode & 07777) != mode) {
        r = sys->fchmod(sys, fd, mode);
        if (r == -EPERM) /* somebody else's file that we may write all the same */
            r = 0;
    }
    if (r < 0) {
        sys->close(sys, fd);
        return r;
    }
    return fd;
}
