/* file_inbox.c - files of another node that no task waits for: what its send_file brings. They may only go
 * to queue/cluster/<worker>/<plain name>, are written under a name of our own, and get theirs when their
 * SHA-256 was right. So nobody finds half a file, and no peer fills the disk or chooses another place. */
#include "role/send_file.h"

#include "fs/folder.h"

#include <stdio.h>
#include <string.h>

#define FOLDER "queue/cluster/"
#define UNDONE ".receiving" /* no name of a peer's: those do not begin with a dot */
#define SUBTAG "Receive file"

static void close_received(struct file_received *f) {
    struct sys *sys = f->all->env->sys;
    if (f->fd >= 0)
        sys->close(sys, f->fd);
    if (f->dir >= 0)
        sys->close(sys, f->dir);
    f->fd = f->dir = -1;
    f->session = NULL;
}

static void discard(struct file_received *f) {
    struct sys *sys = f->all->env->sys;
    sys->unlinkat(sys, f->dir, UNDONE, false);
    close_received(f);
}

static enum err write_received(struct sink *sink, const uint8_t *bytes, size_t n, struct error *e) {
    struct file_received *f = (struct file_received *)(void *)sink;
    if (n > f->most - f->bytes)
        return error_set(e, E_SPACE, 0, "%s: files that were sent may have %llu bytes more", f->path,
                         (unsigned long long)f->most);
    int rc = sys_write_all(f->all->env->sys, f->fd, bytes, n);
    if (rc < 0)
        return error_os(e, rc, "writing %s", f->path);
    f->bytes += n;
    return E_OK;
}

/* ---- names ---- */

/* "<node>-<time>-<32 hex digits>.zip" is a package of the integrity task (reference, section 5.2). One that
 * no task waits for is late or unasked, and nothing for people. */
static bool is_package(const char *name, size_t n) {
    const size_t tail = 33 + sizeof ".zip" - 1;
    return n > tail && memcmp(name + n - 4, ".zip", 4) == 0 && name[n - tail] == '-' &&
           strspn(name + n - tail + 1, "0123456789abcdef") >= 32;
}

/* The name in the path when it is one for this worker's folder, else NULL. */
static const char *plain_name(const char *worker, const char *path) {
    size_t at = sizeof "/" FOLDER - 1, n = strlen(worker);
    if (strncmp(path, "/" FOLDER, at) != 0 || strncmp(path + at, worker, n) != 0 || path[at + n] != '/')
        return NULL;
    const char *name = path + at + n + 1;
    n = strspn(name, "-." TEXT_WORD_CHARS);
    if (n == 0 || name[n] || name[0] == '.' || n >= NAME_MAX_BYTES || is_package(name, n))
        return NULL;
    return name;
}

/* ---- room ---- */

/* What lies in the folder already; false when it cannot be told. */
static bool count_folder(struct sys *sys, int dir, uint32_t *files, uint64_t *bytes) {
    _Alignas(8) uint8_t records[1024];
    ptrdiff_t n;
    *files = 0;
    *bytes = 0;
    while ((n = sys->getdents(sys, dir, records, sizeof records)) > 0) {
        struct sys_dirent d;
        for (size_t at = 0; sys_dirent_next(records, (size_t)n, &at, &d);) {
            struct sys_stat st;
            if (++*files > INBOX_FILES)
                return true;
            if (sys->lstatat(sys, dir, d.name, &st) >= 0)
                *bytes += st.size;
        }
    }
    return n == 0;
}

static enum err find_room(struct file_received *f, struct error *e) {
    const struct role_env *env = f->all->env;
    uint64_t bytes, limit = env->spool.limit / 4;
    uint32_t files;
    if (!count_folder(env->sys, f->dir, &files, &bytes) || files >= INBOX_FILES || bytes >= limit)
        return error_set(e, E_SPACE, 0, "%s: the folder has no room for another file", f->path);
    f->most = limit - bytes;
    return E_OK;
}

/* ---- begin and end ---- */

static struct file_received *find(struct file_inbox *b, const struct session *s) {
    for (size_t i = 0; i < FILES_RECEIVED; i++)
        if (b->file[i].session == s)
            return &b->file[i];
    return NULL;
}

static enum err open_received(struct file_received *f, const char *worker, struct error *e) {
    struct sys *sys = f->all->env->sys;
    char folder[sizeof FOLDER + NODE_NAME_BYTES];
    snprintf(folder, sizeof folder, FOLDER "%s", worker);
    enum err err = folder_make(sys, f->all->env->root, folder, 0770, &f->dir, e);
    if (err == E_OK) {
        sys->unlinkat(sys, f->dir, UNDONE, false); /* of a node that was killed */
        err = find_room(f, e);
    }
    if (err != E_OK)
        return err;
    f->fd = sys->openat(sys, f->dir, UNDONE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    return f->fd < 0 ? error_os(e, f->fd, "making %s", f->path) : E_OK;
}

enum err file_inbox_begin(struct file_inbox *b, struct session *s, const char *worker, const char *path,
                          struct sink **sink, struct error *e) {
    const char *name = plain_name(worker, path);
    uint32_t held;
    if (!name)
        return error_set(e, E_UNKNOWN, 0, "%s: no task waits for this file", path);
    struct file_received *f = find(b, s) ? NULL : find(b, NULL);
    if (!f)
        return error_set(e, E_POOL, 0, "%s: another file is being received", path);
    f->sink.write = write_received;
    f->all = b;
    f->bytes = 0;
    f->fd = f->dir = -1;
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->name, sizeof f->name, "%s", name);
    enum err err = open_received(f, worker, e);
    if (err != E_OK) {
        close_received(f);
        if (log_brake_pass(&b->brake, b->env->loop->now_ms, 60000, &held))
            log_line(b->env->log, LOG_ERROR, worker, SUBTAG, "Refused: %s", e->what);
        return err;
    }
    f->session = s;
    *sink = &f->sink;
    return E_OK;
}

bool file_inbox_end(struct file_inbox *b, struct session *s, const char *path, bool good, const char *tag) {
    struct file_received *f = find(b, s);
    if (!f || strcmp(f->path, path) != 0)
        return false;
    struct sys *sys = b->env->sys;
    int rc = good ? sys->renameat(sys, f->dir, UNDONE, f->dir, f->name) : -ECANCELED;
    if (rc < 0) {
        log_line(b->env->log, LOG_ERROR, tag, SUBTAG, "%s was not received: %s", path,
                 good ? err_os_words(-rc) : "it was cut off, or its SHA-256 is wrong");
        discard(f);
        return true;
    }
    log_line(b->env->log, LOG_INFO, tag, SUBTAG, "%s was received: %llu bytes", path,
             (unsigned long long)f->bytes);
    close_received(f);
    return true;
}

void file_inbox_drop(struct file_inbox *b, const struct session *s) {
    struct file_received *f = find(b, s);
    if (f)
        discard(f);
}

void file_inbox_init(struct file_inbox *b, struct role_env *env) {
    memset(b, 0, sizeof *b);
    b->env = env;
    for (size_t i = 0; i < FILES_RECEIVED; i++)
        b->file[i].fd = b->file[i].dir = -1;
}
