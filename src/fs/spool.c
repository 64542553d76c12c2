/* fs/spool.c - scratch files without names, for messages that outgrow their window.
 *
 * Bytes come from base/blob.c and are read back by it; no peer chooses a name, a place or a total. A file is
 * gone with its descriptor, so a crash leaves nothing behind. */
#include "fs/spool.h"

#include "fs/folder.h"

#include <stdio.h>
#include <string.h>

static struct spool *self(struct spill *spill) {
    return (struct spool *)(void *)spill;
}

static enum err sys_error(struct error *e, ptrdiff_t r, const char *what) {
    return error_os(e, r, "cannot %s a scratch file", what);
}

/* A file without a name; where the filesystem has no such thing, one whose name is taken away at once. */
static int open_scratch(struct spool *s, int handle) {
    char name[16];
    int fd = s->sys->openat(s->sys, s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd != -EOPNOTSUPP && fd != -EISDIR && fd != -ENOENT && fd != -EINVAL)
        return fd;
    snprintf(name, sizeof name, "%d", handle);
    fd = s->sys->openat(s->sys, s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd == -EEXIST && s->sys->unlinkat(s->sys, s->dir, name, false) == 0)
        fd = s->sys->openat(s->sys, s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        s->sys->unlinkat(s->sys, s->dir, name, false);
    return fd;
}

static enum err spool_file_open(struct spill *spill, int *handle, struct error *e) {
    struct spool *s = self(spill);
    int i = 0;
    while (i < (int)SPOOL_FILES && s->file[i].fd >= 0)
        i++;
    if (i == (int)SPOOL_FILES || s->dir < 0) {
        s->refused++;
        return error_set(e, E_SPACE, 0, "all %u scratch files are in use", SPOOL_FILES);
    }
    int fd = open_scratch(s, i);
    if (fd < 0) {
        s->refused++;
        return sys_error(e, fd, "make");
    }
    s->file[i].fd = fd;
    s->file[i].bytes = 0;
    *handle = i;
    return E_OK;
}

static enum err spool_append(struct spill *spill, int handle, const uint8_t *bytes, size_t n,
                             struct error *e) {
    struct spool *s = self(spill);
    struct spool_file *f = &s->file[handle];
    if (n > s->limit - s->used) {
        s->refused++;
        return error_set(e, E_SPACE, 0, "scratch files may have %llu bytes together",
                         (unsigned long long)s->limit);
    }
    for (size_t done = 0; done < n;) {
        ptrdiff_t r = s->sys->pwrite(s->sys, f->fd, bytes + done, n - done, f->bytes + done);
        if (r <= 0) { /* what was written is behind the end that counts, and is written over next time */
            s->refused++;
            return sys_error(e, r < 0 ? r : -EIO, "write");
        }
        done += (size_t)r;
    }
    f->bytes += n;
    s->used += n;
    if (s->used > s->high)
        s->high = s->used;
    return E_OK;
}

static enum err spool_read_at(struct spill *spill, int handle, uint64_t offset, uint8_t *buf, size_t n,
                              struct error *e) {
    struct spool *s = self(spill);
    const struct spool_file *f = &s->file[handle];
    if (offset > f->bytes || n > f->bytes - offset)
        return error_set(e, E_VALUE, 0, "a scratch file has only %llu bytes", (unsigned long long)f->bytes);
    for (size_t done = 0; done < n;) {
        ptrdiff_t r = s->sys->pread(s->sys, f->fd, buf + done, n - done, offset + done);
        if (r <= 0)
            return sys_error(e, r < 0 ? r : -EIO, "read");
        done += (size_t)r;
    }
    return E_OK;
}

static void spool_file_close(struct spill *spill, int handle) {
    struct spool *s = self(spill);
    struct spool_file *f = &s->file[handle];
    if (f->fd < 0)
        return;
    s->sys->close(s->sys, f->fd);
    s->used -= f->bytes;
    f->fd = -1;
    f->bytes = 0;
}

enum err spool_open(struct spool *s, struct sys *sys, int root, const char *path, uint64_t limit,
                    struct error *e) {
    memset(s, 0, sizeof *s);
    s->spill = (struct spill){spool_file_open, spool_append, spool_read_at, spool_file_close};
    s->sys = sys;
    s->limit = limit;
    s->dir = -1;
    for (size_t i = 0; i < SPOOL_FILES; i++)
        s->file[i].fd = -1;
    enum err code = folder_make(sys, root, path, 0770, &s->dir, e);
    if (code == E_OK)
        folder_empty(sys, s->dir); /* what cannot be removed is in nobody's way */
    return code;
}

void spool_close(struct spool *s) {
    for (int i = 0; i < (int)SPOOL_FILES; i++)
        spool_file_close(&s->spill, i);
    if (s->dir >= 0) {
        folder_empty(s->sys, s->dir);
        s->sys->close(s->sys, s->dir);
    }
    s->dir = -1;
}
