/* store/db_vfs.c - SQLite's way to the disk: a VFS over struct sys, one for each struct db.
 *
 * All names are looked up in the one folder the database lies in and follow no link. Locks are SQLite's own
 * bytes (so that `sqlite3` and wazuh-db stand in line with us), taken as locks of the open file. There is no
 * shared memory: a WAL is read once, while the file is locked exclusively, and then given up. Sorts and
 * statements that outgrow the arena go on in files without names, bounded in size and gone with their
 * descriptor. Every call that fails leaves its errno value in db.os. */
#include "limits.h"
#include "src/store/db_parts.h"

#include <stdio.h>
#include <string.h>

/* The bytes that SQLite's processes agree on (its file format, "locking"): never written, only locked. */
#define LOCK_PENDING 0x40000000u
#define LOCK_RESERVED (LOCK_PENDING + 1)
#define LOCK_SHARED (LOCK_PENDING + 2)
#define LOCK_SHARED_BYTES 510u

#define FOLDER "queue/db"
#define SCRATCH_BYTES_MAX (AGENTS_MAX * 2048ull) /* of one file without a name; a row is below 1 KB */
#define SCRATCH_NAME ".global.db.picket-new"     /* for a moment, where files without names are unknown */

struct file {
    struct sqlite3_file base; /* first: SQLite has only this */
    struct db *db;
    int fd;
    int level;       /* SQLITE_LOCK_... */
    bool is_new;     /* the folder does not hold its name on disk yet */
    bool is_scratch; /* without a name */
};

static struct file *of(sqlite3_file *f) {
    return (struct file *)(void *)f;
}

static struct db *db_of(sqlite3_vfs *v) {
    return v->pAppData;
}

/* Keeps why a call failed, and passes on what SQLite shall hear. */
static int failed(struct db *d, ptrdiff_t r, int rc) {
    d->os = (int)-r;
    return rc;
}

/* ---- one file ---- */

static int file_close(sqlite3_file *sf) {
    struct file *f = of(sf);
    f->db->sys->close(f->db->sys, f->fd);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *sf, void *out, int amount, sqlite3_int64 at) {
    struct file *f = of(sf);
    struct sys *sys = f->db->sys;
    size_t n = (size_t)amount, got = 0;
    while (got < n) {
        ptrdiff_t r = sys->pread(sys, f->fd, (char *)out + got, n - got, (uint64_t)at + got);
        if (r < 0)
            return failed(f->db, r, SQLITE_IOERR_READ);
        if (r == 0)
            break;
        got += (size_t)r;
    }
    if (got == n)
        return SQLITE_OK;
    memset((char *)out + got, 0, n - got); /* SQLite relies on it */
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *sf, const void *bytes, int amount, sqlite3_int64 at) {
    struct file *f = of(sf);
    struct sys *sys = f->db->sys;
    size_t n = (size_t)amount, done = 0;
    if (f->is_scratch && (uint64_t)at + n > SCRATCH_BYTES_MAX)
        return failed(f->db, -EFBIG, SQLITE_FULL);
    while (done < n) {
        ptrdiff_t r = sys->pwrite(sys, f->fd, (const char *)bytes + done, n - done, (uint64_t)at + done);
        if (r <= 0)
            return failed(f->db, r ? r : -EIO,
                          err_of_os((int)-r) == E_SPACE ? SQLITE_FULL : SQLITE_IOERR_WRITE);
        done += (size_t)r;
    }
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *sf, sqlite3_int64 size) {
    struct file *f = of(sf);
    int r = f->db->sys->ftruncate(f->db->sys, f->fd, (uint64_t)size);
    return r < 0 ? failed(f->db, r, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

static int sync_folder(struct db *d) {
    int r = d->sys->fsync(d->sys, d->folder);
    return r < 0 ? failed(d, r, SQLITE_IOERR_DIR_FSYNC) : SQLITE_OK;
}

/* A journal that a power cut leaves without a name is no journal: the first time, its name is made to last
 * too.
 */
static int file_sync(sqlite3_file *sf, int flags) {
    struct file *f = of(sf);
    (void)flags;
    int r = f->db->sys->fsync(f->db->sys, f->fd);
    if (r < 0)
        return failed(f->db, r, SQLITE_IOERR_FSYNC);
    int rc = f->is_new ? sync_folder(f->db) : SQLITE_OK;
    f->is_new = f->is_new && rc != SQLITE_OK;
    return rc;
}

static int file_size(sqlite3_file *sf, sqlite3_int64 *size) {
    struct file *f = of(sf);
    struct sys_stat st;
    int r = f->db->sys->fstat(f->db->sys, f->fd, &st);
    if (r < 0)
        return failed(f->db, r, SQLITE_IOERR_FSTAT);
    *size = (sqlite3_int64)st.size;
    return SQLITE_OK;
}

/* ---- locks ---- */

static int lock_bytes(struct file *f, enum sys_lock how, uint64_t at, uint64_t n) {
    int r = f->db->sys->lock_range(f->db->sys, f->fd, how, at, n);
    if (r == -EAGAIN)
        return SQLITE_BUSY;
    return r < 0 ? failed(f->db, r, how == SYS_UNLOCK ? SQLITE_IOERR_UNLOCK : SQLITE_IOERR_LOCK) : SQLITE_OK;
}

/* A reader passes through PENDING, so that a writer who waits there is not passed by for ever. */
static int lock_shared(struct file *f) {
    int rc = lock_bytes(f, SYS_LOCK_READ, LOCK_PENDING, 1);
    if (rc != SQLITE_OK)
        return rc;
    rc = lock_bytes(f, SYS_LOCK_READ, LOCK_SHARED, LOCK_SHARED_BYTES);
    int after = lock_bytes(f, SYS_UNLOCK, LOCK_PENDING, 1);
    if (rc == SQLITE_OK && after != SQLITE_OK) {
        lock_bytes(f, SYS_UNLOCK, LOCK_SHARED, LOCK_SHARED_BYTES);
        rc = after;
    }
    if (rc == SQLITE_OK)
        f->level = SQLITE_LOCK_SHARED;
    return rc;
}

static int lock_exclusive(struct file *f) {
    if (f->level < SQLITE_LOCK_PENDING) {
        int rc = lock_bytes(f, SYS_LOCK_WRITE, LOCK_PENDING, 1);
        if (rc != SQLITE_OK)
            return rc;
        f->level = SQLITE_LOCK_PENDING; /* kept while readers leave */
    }
    int rc = lock_bytes(f, SYS_LOCK_WRITE, LOCK_SHARED, LOCK_SHARED_BYTES);
    if (rc == SQLITE_OK)
        f->level = SQLITE_LOCK_EXCLUSIVE;
    return rc;
}

static int file_lock(sqlite3_file *sf, int level) {
    struct file *f = of(sf);
    if (f->level >= level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED)
        return lock_shared(f);
    if (level == SQLITE_LOCK_EXCLUSIVE)
        return lock_exclusive(f);
    int rc = lock_bytes(f, SYS_LOCK_WRITE, LOCK_RESERVED, 1);
    if (rc == SQLITE_OK)
        f->level = SQLITE_LOCK_RESERVED;
    return rc;
}

static int file_unlock(sqlite3_file *sf, int level) {
    struct file *f = of(sf);
    if (f->level <= level)
        return SQLITE_OK;
    int rc = SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        /* First back to a reader's lock, which nobody can take from the one who has the writer's. */
        rc = f->level > SQLITE_LOCK_RESERVED ? lock_bytes(f, SYS_LOCK_READ, LOCK_SHARED, LOCK_SHARED_BYTES)
                                             : SQLITE_OK;
        if (rc == SQLITE_OK)
            rc = lock_bytes(f, SYS_UNLOCK, LOCK_PENDING, 2);
    } else {
        rc = lock_bytes(f, SYS_UNLOCK, LOCK_PENDING, 2 + LOCK_SHARED_BYTES);
    }
    if (rc == SQLITE_OK)
        f->level = level;
    return rc;
}

static int file_check_reserved(sqlite3_file *sf, int *taken) {
    struct file *f = of(sf);
    *taken = f->level >= SQLITE_LOCK_RESERVED;
    if (*taken)
        return SQLITE_OK;
    int rc = lock_bytes(f, SYS_LOCK_ASK, LOCK_RESERVED, 1);
    *taken = rc == SQLITE_BUSY;
    return *taken ? SQLITE_OK : rc;
}

/* Did somebody put another file in the place of this one? Then nothing is written to what has no name. */
static bool has_moved(const struct file *f) {
    const struct db *d = f->db;
    struct sys_stat open, named;
    return d->sys->fstat(d->sys, f->fd, &open) < 0 ||
           d->sys->lstatat(d->sys, d->folder, DB_FILE, &named) < 0 || open.ino != named.ino ||
           open.dev != named.dev;
}

static int file_control(sqlite3_file *sf, int what, void *arg) {
    if (what != SQLITE_FCNTL_HAS_MOVED)
        return SQLITE_NOTFOUND;
    *(int *)arg = has_moved(of(sf));
    return SQLITE_OK;
}

/* The unit a power cut may leave half written, and no promises beyond it. */
static int file_sector(sqlite3_file *sf) {
    (void)sf;
    return DB_PAGE_BYTES;
}

static int file_traits(sqlite3_file *sf) {
    (void)sf;
    return 0;
}

static const struct sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory, no mapping */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

/* ---- names ---- */

static int open_scratch(struct db *d) {
    struct sys *sys = d->sys;
    int fd = sys->openat(sys, d->folder, ".", O_TMPFILE | O_RDWR, 0600);
    if (fd != -EOPNOTSUPP && fd != -EISDIR && fd != -ENOENT && fd != -EINVAL)
        return fd;
    sys->unlinkat(sys, d->folder, SCRATCH_NAME, false); /* of a crash */
    fd = sys->openat(sys, d->folder, SCRATCH_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd >= 0)
        sys->unlinkat(sys, d->folder, SCRATCH_NAME, false);
    return fd;
}

/* Mode and owner as told, whatever the umask. 0, or a negated errno value: then it is gone again. */
static int settle(struct db *d, int fd, uint32_t mode) {
    int r = d->sys->fchmod(d->sys, fd, mode);
    if (r == 0 && d->uid != UINT32_MAX)
        r = d->sys->fchown(d->sys, fd, d->uid, d->gid);
    return r;
}

static int open_named(struct db *d, const char *name, bool may_make, bool *is_new) {
    struct sys *sys = d->sys;
    int fd = sys->openat(sys, d->folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd != -ENOENT || !may_make)
        return fd;
    fd = sys->openat(sys, d->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : settle(d, fd, 0640);
    if (fd >= 0 && r < 0) {
        sys->close(sys, fd);
        sys->unlinkat(sys, d->folder, name, false);
    }
    *is_new = true;
    return r < 0 ? r : fd;
}

static int vfs_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *sf, int flags, int *out_flags) {
    struct db *d = db_of(v);
    struct file *f = of(sf);
    *f = (struct file){.db = d, .is_scratch = !name};
    f->fd = name ? open_named(d, name, flags & SQLITE_OPEN_CREATE, &f->is_new) : open_scratch(d);
    if (f->fd < 0)
        return failed(d, f->fd, SQLITE_CANTOPEN);
    struct sys_stat st;
    if (d->sys->fstat(d->sys, f->fd, &st) < 0 || !sys_is_file(&st)) { /* a pipe or a device: not for us */
        d->sys->close(d->sys, f->fd);
        return failed(d, -EINVAL, SQLITE_CANTOPEN);
    }
    f->base.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync) {
    struct db *d = db_of(v);
    int r = d->sys->unlinkat(d->sys, d->folder, name, false);
    if (r < 0)
        return failed(d, r, r == -ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE);
    return sync ? sync_folder(d) : SQLITE_OK;
}

/* An empty journal is none: that is how transactions end here. */
static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *yes) {
    struct db *d = db_of(v);
    struct sys_stat st;
    (void)flags;
    int r = d->sys->lstatat(d->sys, d->folder, name, &st);
    *yes = r == 0 && st.size > 0;
    return r < 0 && r != -ENOENT ? failed(d, r, SQLITE_IOERR_ACCESS) : SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *v, const char *name, int cap, char *out) {
    (void)v;
    return snprintf(out, (size_t)cap, "%s", name) < cap ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *v, int n, char *out) {
    struct sys *sys = db_of(v)->sys;
    return sys->random(sys, out, (size_t)n) < 0 ? 0 : n;
}

/* Nobody waits for a lock: the loop has other things to do. */
static int vfs_sleep(sqlite3_vfs *v, int us) {
    (void)v, (void)us;
    return 0;
}

/* Milliseconds since noon of 24 November, 4714 BC. */
static int vfs_now(sqlite3_vfs *v, sqlite3_int64 *ms) {
    struct sys *sys = db_of(v)->sys;
    *ms = 210866760000000 + sys->wall_ns(sys) / 1000000;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *words) {
    (void)n, (void)words;
    return db_of(v)->os;
}

/* Called by sqlite3_initialize and _shutdown; each struct db registers its own. */
int sqlite3_os_init(void) {
    return SQLITE_OK;
}

int sqlite3_os_end(void) {
    return SQLITE_OK;
}

/* ---- the folder ---- */

/* Opens name in dir, made first when it is missing; on disk when this returns. */
static int make_folder(struct db *d, int dir, const char *name) {
    struct sys *sys = d->sys;
    int fd = sys->open_beneath(sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    int r = sys->mkdirat(sys, dir, name, 0700);
    fd = r < 0 && r != -EEXIST ? r : sys->open_beneath(sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    r = settle(d, fd, 0750);
    if (r == 0)
        r = sys->fsync(sys, dir);
    if (r < 0) {
        sys->close(sys, fd);
        sys->unlinkat(sys, dir, name, true); /* or it would be found with the wrong mode next time */
        return r;
    }
    return fd;
}

static int open_folder(struct db *d) {
    struct sys *sys = d->sys;
    int fd = sys->open_beneath(sys, d->root, FOLDER, O_RDONLY | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    int queue = make_folder(d, d->root, "queue");
    if (queue < 0)
        return queue;
    fd = make_folder(d, queue, "db");
    sys->close(sys, queue);
    return fd;
}

enum err db_vfs_open(struct db *d, struct error *e) {
    struct sqlite3_vfs *v = (struct sqlite3_vfs *)(void *)d->vfs;
    _Static_assert(sizeof *v <= sizeof d->vfs, "struct db has no room for the VFS");
    int fd = open_folder(d);
    if (fd < 0)
        return error_os(e, fd, "cannot open the folder " FOLDER);
    d->folder = fd;
    snprintf(d->vfs_name, sizeof d->vfs_name, "%llx", (unsigned long long)(uintptr_t)d);
    *v = (struct sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct file),
        .mxPathname = 64,
        .zName = d->vfs_name,
        .pAppData = d,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_now,
    };
    d->vfs_registered = true;
    return db_result(d, sqlite3_vfs_register(v, 0), e);
}

void db_vfs_close(struct db *d) {
    if (!d->vfs_registered)
        return;
    sqlite3_vfs_unregister((struct sqlite3_vfs *)(void *)d->vfs);
    d->sys->close(d->sys, d->folder);
    d->vfs_registered = false;
}
