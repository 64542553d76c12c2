/* sys/linux_beneath.c - opening a path that must stay below a folder and pass no symbolic link.
 *
 * The attack: whoever may write somewhere below the folder puts a link or swaps a folder for one while we
 * open, and a file elsewhere is read or overwritten. The kernel's openat2 refuses this in one step
 * (Linux 5.6). Where it is missing, the path is opened component by component: each is resolved in the folder
 * opened before it, not by name from the top, so a swap has nothing to redirect. */
#include "src/sys/linux.h"

#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437 /* the same on every architecture */
#endif

/* openat2 answers EAGAIN when a rename went on meanwhile; whoever renames for ever gets this answer. */
#define TRIES 32

/* Both ways refuse the same paths: without this, openat2 would let "a/.." pass. */
static int check_path(const char *path) {
    if (path[0] == '\0')
        return -ENOENT;
    if (path[0] == '/')
        return -EXDEV;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return -EXDEV;
        p += n + strspn(p + n, "/");
    }
    return 0;
}

static bool is_link_at(int dir, const char *name) {
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* A folder on the way; a link is -ELOOP as with openat2, although O_DIRECTORY makes the kernel say ENOTDIR.
 */
static int open_folder(int dir, const char *name) {
    int fd;
    LINUX_CALL(fd, openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd >= 0)
        return fd;
    int os = errno;
    return os == ENOTDIR && is_link_at(dir, name) ? -ELOOP : -os;
}

static int open_last(int dir, const char *name, int flags, uint32_t mode) {
    int fd;
    LINUX_CALL(fd, openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode));
    if (fd < 0) {
        int os = errno;
        return os == ENOTDIR && is_link_at(dir, name) ? -ELOOP : -os;
    }
    struct stat st;
    if ((flags & O_PATH) && !(flags & O_NOFOLLOW) && (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))) {
        close(fd); /* O_PATH opens the link itself */
        return -ELOOP;
    }
    return fd;
}

int linux_walk_beneath(int dirfd, const char *path, int flags, uint32_t mode) {
    int r = check_path(path), dir = dirfd;
    char name[256]; /* NAME_MAX and its NUL */
    while (r == 0) {
        size_t n = strcspn(path, "/"), slashes = strspn(path + n, "/");
        if (n >= sizeof name) {
            r = -ENAMETOOLONG;
            break;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n + slashes;
        if (*path == '\0') {
            int fd = open_last(dir, name, slashes ? flags | O_DIRECTORY : flags, mode);
            if (dir != dirfd)
                close(dir);
            return fd;
        }
        int next = open_folder(dir, name);
        if (next < 0) {
            r = next;
            break;
        }
        if (dir != dirfd)
            close(dir);
        dir = next;
    }
    if (dir != dirfd)
        close(dir);
    return r;
}

int linux_open_beneath(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    (void)s;
    int r = check_path(path);
    if (r < 0)
        return r;
    struct open_how how = {.flags =
                               (uint64_t)(unsigned)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_LARGEFILE)),
                           .mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode & 07777 : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd;
    int tries = TRIES;
    do {
        LINUX_CALL(fd, syscall(SYS_openat2, dirfd, path, &how, sizeof how));
    } while (fd < 0 && errno == EAGAIN && --tries);
    /* Sandboxes of some container engines answer EPERM for calls they do not know. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return linux_walk_beneath(dirfd, path, flags, mode);
    return fd < 0 ? -errno : (int)fd;
}
