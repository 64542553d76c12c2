/* fs/scan.c - one round: every item is walked, new and changed files are hashed, the vanished are swept out.
 *
 * What it does: reads folders and files below the root and keeps the manifest true to them. What it does not:
 * write, follow links, or wait; whatever fails is counted and the round goes on. A round in which nothing
 * changed costs one lstat per file and opens folders only. */
#include "fs/scan.h"

#include "sys/sys.h"

#include <string.h>

#define NAMES_PER_STEP 256
#define SLOTS_PER_STEP 4096 /* of the sweep, when nothing vanished */
#define TELL_MS 60000
#define DT_SPECIAL 0xff /* no type of getdents: a device, FIFO or socket */
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
#define FILE_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) /* a FIFO must not stop us */

_Static_assert(ITEMS_MAX <= 32, "scan_report.partial_items has a bit for each item");
_Static_assert(SCAN_DEPTH_MAX <= 255 && PATH_MAX_BYTES <= 65535 && NAME_MAX_BYTES <= PATH_MAX_BYTES,
               "struct scan counts levels in 8 and path bytes in 16 bits");
_Static_assert(SCAN_RECORDS_BYTES >= 512, "one record of getdents must fit");

/* What a step may still do. */
struct budget {
    int names;
    int64_t bytes;
};

void scan_init(struct scan *s, struct sys *sys, int root, const struct items *items,
               struct manifest *manifest, struct log *log, const char *tag, const char *subtag) {
    memset(s, 0, sizeof *s);
    s->sys = sys;
    s->root = root;
    s->items = items;
    s->manifest = manifest;
    s->log = log;
    s->tag = tag;
    s->subtag = subtag;
    s->file = -1;
    s->wall_ns = sys->wall_ns(sys);
}

void scan_start(struct scan *s) {
    if (s->running)
        return;
    memset(&s->now, 0, sizeof s->now);
    for (int i = 0; i < SCAN_TROUBLES; i++)
        s->trouble[i].count = 0;
    s->running = true;
    s->started_ns = s->sys->mono_ns(s->sys);
    s->before_wall_ns = s->wall_ns;
    s->wall_ns = s->sys->wall_ns(s->sys);
    s->round++;
    s->next_item = 0;
    s->sweep_at = 0;
}

static void close_file(struct scan *s) {
    s->sys->close(s->sys, s->file);
    s->file = -1;
}

void scan_stop(struct scan *s) {
    if (s->file >= 0)
        close_file(s);
    while (s->depth > 0)
        s->sys->close(s->sys, s->level[--s->depth].fd);
    s->running = false;
}

/* ---- troubles ---- */

/* Counts one case about s->path; the first of a round is kept in words. os: errno value or 0. */
static void trouble(struct scan *s, enum scan_trouble_kind kind, int os, const char *why) {
    struct scan_trouble *t = &s->trouble[kind];
    if (t->count++ == 0)
        error_set(&t->first, os ? err_of_os(os) : E_PATH, os, "%.120s: %s", s->path, why);
}

/* The same, when what the manifest lacks in this item proves nothing from now on. */
static void trouble_partial(struct scan *s, enum scan_trouble_kind kind, int os, const char *why) {
    s->now.partial_items |= (uint32_t)1 << s->item;
    trouble(s, kind, os, why);
}

/* repeat: also when the last line said the same count. */
static void tell(struct scan *s, enum scan_trouble_kind kind, const char *words, bool repeat) {
    struct scan_trouble *t = &s->trouble[kind];
    uint32_t held;
    if (t->count == 0)
        t->told = 0;
    if (t->count == t->told && !repeat)
        return;
    if (t->count == 0 || !log_brake_pass(&t->brake, sys_mono_ms(s->sys), TELL_MS, &held))
        return;
    t->told = t->count;
    log_line(s->log, LOG_WARNING, s->tag, s->subtag, "%u %s. The first: %s", t->count, words, t->first.what);
}

/* ---- files ---- */

static bool is_unchanged(const struct sys_stat *a, const struct sys_stat *b) {
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
           a->ino == b->ino && a->dev == b->dev;
}

/* Was the file changed so shortly before it was hashed that a change after that may bear the same time stamp?
 * It was hashed no earlier than the round before began, and stamps have the grain of a kernel tick, or of a
 * second on filesystems that keep no fractions (ext4 with small inodes, as small disks have them). Such a
 * file is hashed once more; the wall clock serves only to compare it with the stamps it wrote. */
static bool is_young(const struct scan *s, const struct manifest_entry *entry) {
    int64_t grain_ns = entry->ctime_ns % 1000000000 == 0 ? 2000000000 : 20000000;
    return entry->ctime_ns > s->before_wall_ns - grain_ns && entry->ctime_ns < s->wall_ns + grain_ns;
}

static void file_failed(struct scan *s, int os, const char *why) {
    trouble(s, SCAN_UNREADABLE, os, why);
    manifest_unset(s->manifest, s->file_slot);
}

static void file_changing(struct scan *s) {
    s->now.changing++;
    manifest_unset(s->manifest, s->file_slot);
}

/* Opens s->path, name in folder dir, for hashing. */
static void open_file(struct scan *s, int dir, const char *name) {
    int fd = s->sys->openat(s->sys, dir, name, FILE_FLAGS, 0);
    if (fd == -ENOENT || fd == -ELOOP || fd == -ENXIO) { /* gone, or replaced by a link or a FIFO */
        file_changing(s);
        return;
    }
    if (fd < 0) {
        file_failed(s, -fd, "cannot be opened");
        return;
    }
    s->file = fd;
    int r = s->sys->fstat(s->sys, fd, &s->file_stat);
    if (r == 0 && sys_is_file(&s->file_stat)) {
        s->file_bytes = 0;
        blake2b_init(&s->hash, BLAKE2B_BYTES);
        return;
    }
    close_file(s);
    if (r < 0)
        file_failed(s, -r, "cannot be examined");
    else
        file_changing(s);
}

/* The file was read to its end: what was hashed counts if it is still what it was at the beginning. */
static void end_file(struct scan *s) {
    struct manifest_entry *entry = &s->manifest->entry[s->file_slot];
    struct sys_stat after;
    uint8_t hash[BLAKE2B_BYTES];
    int r = s->sys->fstat(s->sys, s->file, &after);
    close_file(s);
    blake2b_finish(&s->hash, hash);
    if (r < 0) {
        file_failed(s, -r, "cannot be examined");
    } else if (s->file_bytes != s->file_stat.size || !is_unchanged(&s->file_stat, &after)) {
        file_changing(s);
    } else {
        bool known = entry->state == MANIFEST_HASHED;
        if (known && manifest_same(entry, &after))
            s->now.rechecked++;
        else
            s->now.hashed++;
        if (!known)
            s->now.added++;
        else if (memcmp(entry->hash, hash, sizeof hash) != 0)
            s->now.changed++;
        manifest_set(s->manifest, s->file_slot, hash, &after);
    }
}

static void read_file(struct scan *s, struct budget *b) {
    size_t want = sizeof s->buf;
    if ((int64_t)want > b->bytes)
        want = (size_t)b->bytes;
    ptrdiff_t n = s->sys->read(s->sys, s->file, s->buf, want);
    if (n > 0) {
        b->bytes -= n;
        s->now.bytes += (uint64_t)n;
        s->file_bytes += (uint64_t)n;
        blake2b_push(&s->hash, s->buf, (size_t)n);
    }
    if (n < 0) {
        close_file(s);
        file_failed(s, (int)-n, "cannot be read");
    } else if (n == 0 || s->file_bytes > s->file_stat.size) {
        end_file(s); /* one that grows as fast as it is read must not hold the round up for ever */
    }
}

/* Slot of s->path, added if it is new; SLOT_NONE when it cannot be an entry. */
static uint32_t need_slot(struct scan *s, size_t len) {
    uint32_t slot = manifest_find(s->manifest, s->path, len);
    if (slot != SLOT_NONE)
        return slot;
    uint8_t item;
    struct error why;
    if (items_judge(s->items, s->path, len, &item, &why) != E_OK) {
        /* the walk offers only what the judge lets pass; this keeps it so */
        trouble(s, SCAN_LEFT_OUT, 0, "against the rules of its item");
        return SLOT_NONE;
    }
    if (manifest_add(s->manifest, s->path, len, item, &slot) != E_OK) {
        trouble_partial(s, SCAN_TOO_MANY, 0, "no room in the manifest");
        return SLOT_NONE;
    }
    return slot;
}

/* A regular file, as far as the folder says; len is that of s->path. */
static void look_at_file(struct scan *s, int dir, const char *name, size_t len) {
    struct sys_stat st;
    int r = s->sys->lstatat(s->sys, dir, name, &st);
    if (r == -ENOENT)
        return; /* the sweep looks after it */
    if (r == 0 && !sys_is_file(&st)) {
        trouble(s, SCAN_LEFT_OUT, 0, "not a regular file");
        return;
    }
    uint32_t slot = need_slot(s, len);
    if (slot == SLOT_NONE)
        return;
    struct manifest_entry *entry = &s->manifest->entry[slot];
    entry->round = s->round;
    s->file_slot = slot;
    if (r < 0)
        file_failed(s, -r, "cannot be examined");
    else if (entry->state != MANIFEST_HASHED || !manifest_same(entry, &st) || is_young(s, entry))
        open_file(s, dir, name);
}

/* ---- folders ---- */

static void enter(struct scan *s, int fd, size_t path_len) {
    struct scan_level *l = &s->level[s->depth++];
    l->fd = fd;
    l->path_len = (uint16_t)path_len;
    l->records_len = 0;
    l->records_at = 0;
}

static void leave(struct scan *s) {
    s->sys->close(s->sys, s->level[--s->depth].fd);
}

/* Opens the next item's folder. */
static void open_item(struct scan *s) {
    s->item = s->next_item++;
    size_t len = strlen(s->items->item[s->item].dir);
    memcpy(s->path, s->items->item[s->item].dir, len + 1);
    s->path[len - 1] = '\0';
    /* without O_NOFOLLOW, which would make the kernel say ENOTDIR of a link; open_beneath follows none */
    int fd = s->sys->open_beneath(s->sys, s->root, s->path, FOLDER_FLAGS & ~O_NOFOLLOW, 0);
    if (fd == -ELOOP)
        trouble_partial(s, SCAN_UNREADABLE, ELOOP, "is, or lies behind, a symbolic link: use a bind mount");
    else if (fd < 0 && fd != -ENOENT)
        trouble_partial(s, SCAN_UNREADABLE, -fd, "cannot be opened");
    s->path[len - 1] = '/';
    if (fd >= 0)
        enter(s, fd, len);
}

/* A folder called name in dir; len is that of s->path. */
static void open_folder(struct scan *s, int dir, const char *name, size_t len) {
    if (len + 2 >= sizeof s->path) {
        trouble_partial(s, SCAN_LEFT_OUT, 0, "holds paths longer than the limit");
        return;
    }
    s->path[len++] = '/';
    s->path[len] = '\0';
    if (items_find(s->items, s->path, len) >= 0)
        return; /* an item of its own, walked by itself */
    if (s->depth == SCAN_DEPTH_MAX) {
        trouble_partial(s, SCAN_LEFT_OUT, 0, "deeper than the limit for folders");
        return;
    }
    int fd = s->sys->openat(s->sys, dir, name, FOLDER_FLAGS, 0);
    if (fd >= 0)
        enter(s, fd, len);
    else if (fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP) /* those: replaced since it was listed */
        trouble_partial(s, SCAN_UNREADABLE, -fd, "cannot be opened");
}

/* What name in dir is, for filesystems whose folders do not tell. Nothing that is synchronised when it cannot
 * be found out. */
static uint8_t type_of(struct scan *s, int dir, const char *name) {
    struct sys_stat st;
    int r = s->sys->lstatat(s->sys, dir, name, &st);
    if (r < 0 && r != -ENOENT)
        trouble_partial(s, SCAN_UNREADABLE, -r, "cannot be examined");
    if (r < 0)
        return SYS_DT_UNKNOWN;
    if (sys_is_link(&st))
        return SYS_DT_LNK;
    return sys_is_dir(&st) ? SYS_DT_DIR : sys_is_file(&st) ? SYS_DT_REG : DT_SPECIAL;
}

static void look_at(struct scan *s, const struct scan_level *l, const struct sys_dirent *d) {
    size_t len = strlen(d->name);
    if (l->path_len + len >= sizeof s->path) {
        trouble_partial(s, SCAN_LEFT_OUT, 0, "holds a path longer than the limit");
        return;
    }
    memcpy(s->path + l->path_len, d->name, len + 1);
    const char *fault = items_name_fault(d->name, len);
    if (fault) { /* only where every name would be wanted is it news */
        if (s->items->item[s->item].all_files)
            trouble(s, SCAN_LEFT_OUT, 0, fault);
        return;
    }
    bool file = items_has_file(s->items, s->item, d->name);
    bool dir = items_has_dir(s->items, s->item, d->name);
    if (!file && !dir)
        return;
    len += l->path_len;
    uint8_t type = d->type == SYS_DT_UNKNOWN ? type_of(s, l->fd, d->name) : d->type;
    if (type == SYS_DT_DIR && dir)
        open_folder(s, l->fd, d->name, len);
    else if (type == SYS_DT_REG && file)
        look_at_file(s, l->fd, d->name, len);
    else if (type != SYS_DT_DIR && type != SYS_DT_REG && type != SYS_DT_UNKNOWN && file)
        trouble(s, SCAN_LEFT_OUT, 0, type == SYS_DT_LNK ? "a symbolic link" : "not a regular file");
}

/* Takes the next name of the deepest folder, or leaves it at its end. */
static void walk(struct scan *s) {
    struct scan_level *l = &s->level[s->depth - 1];
    struct sys_dirent d;
    s->path[l->path_len] = '\0';
    if (sys_dirent_next(l->records, l->records_len, &l->records_at, &d)) {
        look_at(s, l, &d);
        return;
    }
    ptrdiff_t n = s->sys->getdents(s->sys, l->fd, l->records, sizeof l->records);
    l->records_len = n > 0 ? (uint16_t)n : 0;
    l->records_at = 0;
    if (n < 0 && n != -ENOENT) /* which is what a folder deleted meanwhile says */
        trouble_partial(s, SCAN_UNREADABLE, (int)-n, "cannot be listed");
    if (n <= 0)
        leave(s);
}

/* ---- what the walk did not meet ---- */

/* Is it certain that no regular file is at path any more? Only then may it go: the walk also misses files
 * below folders that it could not read, and names that a changing folder did not list. O_PATH asks for no
 * permission on the file itself. */
static bool is_gone(struct scan *s, const char *path) {
    int fd = s->sys->open_beneath(s->sys, s->root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP;
    struct sys_stat st;
    int r = s->sys->fstat(s->sys, fd, &st);
    s->sys->close(s->sys, fd);
    return r == 0 && !sys_is_file(&st);
}

static void sweep_one(struct scan *s, uint32_t slot) {
    struct manifest_entry *entry = &s->manifest->entry[slot];
    if (!is_gone(s, manifest_path(s->manifest, slot))) {
        entry->round = s->round;
    } else if (entry->round + 1 == s->round) {
        manifest_unset(s->manifest, slot); /* missing for the first time: it may be about to come back */
    } else {
        manifest_remove(s->manifest, slot);
        s->now.removed++;
    }
}

/* True when all slots were looked at. */
static bool sweep(struct scan *s, struct budget *b) {
    const struct manifest *m = s->manifest;
    for (int slots = SLOTS_PER_STEP; s->sweep_at < m->top; s->sweep_at++) {
        if (slots-- == 0 || b->names <= 0) {
            b->names = 0;
            return false;
        }
        const struct manifest_entry *entry = &m->entry[s->sweep_at];
        if (entry->state != MANIFEST_FREE && entry->round != s->round) {
            sweep_one(s, s->sweep_at);
            b->names--;
        }
    }
    return true;
}

static void finish(struct scan *s) {
    s->now.files = s->manifest->hashed;
    s->now.unreadable = s->trouble[SCAN_UNREADABLE].count;
    s->now.left_out = s->trouble[SCAN_LEFT_OUT].count;
    s->now.too_many = s->trouble[SCAN_TOO_MANY].count;
    s->now.took_ns = s->sys->mono_ns(s->sys) - s->started_ns;
    s->last = s->now;
    s->complete = true;
    s->running = false;
    tell(s, SCAN_UNREADABLE, "files or folders cannot be read; the others are synchronised", true);
    tell(s, SCAN_TOO_MANY, "files are not synchronised because the table of files is full", true);
    tell(s, SCAN_LEFT_OUT, "names are not synchronised", false);
}

enum step scan_step(struct scan *s) {
    if (!s->running)
        return STEP_DONE;
    struct budget b = {NAMES_PER_STEP, STEP_BYTES};
    while (b.names > 0 && b.bytes > 0) {
        if (s->file >= 0) {
            read_file(s, &b);
        } else if (s->depth > 0) {
            walk(s);
            b.names--;
        } else if (s->next_item < s->items->count) {
            open_item(s);
            b.names--;
        } else if (sweep(s, &b)) {
            finish(s);
            return STEP_DONE;
        }
    }
    return STEP_AGAIN;
}
