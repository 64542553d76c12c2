/* fs/folder.c - making and emptying picket's own folders below queue/cluster; nothing of the synchronised
 * tree is touched here. */
#include "fs/folder.h"

#include "limits.h"

#include <string.h>

/* Opens one component in dir, made first when it is missing. */
static int make_one(struct sys *sys, int dir, const char *name, uint32_t mode) {
    int fd = sys->open_beneath(sys, dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd != -ENOENT)
        return fd;
    int r = sys->mkdirat(sys, dir, name, mode & 0700);
    if (r < 0 && r != -EEXIST)
        return r;
    fd = sys->open_beneath(sys, dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    r = sys->fchmod(sys, fd, mode);
    if (r < 0) {
        sys->close(sys, fd);
        sys->unlinkat(sys, dir, name, true); /* or it would be found with the wrong mode next time */
        return r;
    }
    return fd;
}

enum err folder_make(struct sys *sys, int root, const char *path, uint32_t mode, int *fd, struct error *e) {
    char name[NAME_MAX_BYTES];
    int dir = root, r = -ENOENT;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || n >= sizeof name) {
            r = -EINVAL;
            break;
        }
        memcpy(name, p, n);
        name[n] = 0;
        p += n + (p[n] == '/');
        r = make_one(sys, dir, name, mode);
        if (dir != root)
            sys->close(sys, dir);
        dir = root;
        if (r < 0)
            break;
        dir = r;
    }
    if (r < 0) {
        if (dir != root)
            sys->close(sys, dir);
        return error_os(e, r, "cannot make the folder %s", path);
    }
    *fd = dir;
    return E_OK;
}

static bool empty_level(struct sys *sys, int fd, int depth);

/* A name that is a folder: emptied, then removed. */
static bool remove_folder(struct sys *sys, int fd, const char *name, int depth) {
    int r = sys->unlinkat(sys, fd, name, true);
    if ((r == -ENOTEMPTY || r == -EEXIST) && depth > 0) {
        int child = sys->open_beneath(sys, fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (child < 0)
            return false;
        empty_level(sys, child, depth - 1);
        sys->close(sys, child);
        r = sys->unlinkat(sys, fd, name, true);
    }
    return r == 0;
}

static bool remove_one(struct sys *sys, int fd, const struct sys_dirent *d, int depth) {
    if (d->type != SYS_DT_DIR && sys->unlinkat(sys, fd, d->name, false) == 0)
        return true;
    return (d->type == SYS_DT_DIR || d->type == SYS_DT_UNKNOWN) && remove_folder(sys, fd, d->name, depth);
}

/* Recursion is bounded by FOLDER_DEPTH_MAX; the records are kept small because each level has its own. */
static bool empty_level(struct sys *sys, int fd, int depth) {
    _Alignas(8) uint8_t records[512];
    size_t removed, seen;
    do { /* a filesystem may skip names while others are removed: until a pass finds nothing to remove */
        ptrdiff_t n;
        removed = seen = 0;
        if (sys->lseek(sys, fd, 0, 0) < 0)
            return false;
        while ((n = sys->getdents(sys, fd, records, sizeof records)) > 0) {
            struct sys_dirent d;
            for (size_t at = 0; sys_dirent_next(records, (size_t)n, &at, &d); seen++)
                removed += remove_one(sys, fd, &d, depth);
        }
        if (n < 0)
            return false;
    } while (removed > 0);
    return seen == 0;
}

bool folder_empty(struct sys *sys, int fd) {
    return empty_level(sys, fd, FOLDER_DEPTH_MAX);
}
