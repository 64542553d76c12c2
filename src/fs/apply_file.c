/* fs/apply_file.c - one destination at a time: opened, replaced, deleted, its empty folders removed.
 *
 * The attack throughout: a path, or a link planted on the way, that makes a rename or unlink hit something
 * outside its item. So paths come here judged, folders are opened beneath the root without following links,
 * and the last component is only ever given to calls that do not follow one. Content is never written here.
 */
#include "src/fs/apply_file.h"

#include <string.h>

#define NEW_FOLDER                                                                                           \
    "folder" /* a folder being made, in the staging folder; staged files have numbers for names */

static enum err refused(struct error *e, int r, const char *words) {
    return error_os(e, r, "%s", words);
}

/* ---- the folder of a destination ---- */

void apply_forget_parent(struct apply *a) {
    if (a->parent >= 0)
        a->sys->close(a->sys, a->parent);
    a->parent = -1;
}

static int open_folder(struct apply *a, int at, const char *path, int how) {
    return a->sys->open_beneath(a->sys, at, path, how | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Makes the folder name in at: complete with owner and mode in the staging folder, then renamed. */
static int make_folder(struct apply *a, uint8_t item, int at, const char *name) {
    struct sys *sys = a->sys;
    int stage = stage_dir_of(a->stage, item);
    int r = sys->mkdirat(sys, stage, NEW_FOLDER, 0700);
    if (r < 0 && r != -EEXIST)
        return r;
    int fd = open_folder(a, stage, NEW_FOLDER, O_RDONLY);
    if (fd < 0)
        return fd;
    r = 0;
    if (a->stage->uid != UINT32_MAX || a->stage->gid != UINT32_MAX)
        r = sys->fchown(sys, fd, a->stage->uid, a->stage->gid);
    if (r >= 0)
        r = sys->fchmod(sys, fd, 0770);
    sys->close(sys, fd);
    if (r >= 0)
        r = sys->renameat(sys, stage, NEW_FOLDER, at, name);
    if (r < 0)
        sys->unlinkat(sys, stage, NEW_FOLDER, true);
    return r == -EEXIST || r == -ENOTEMPTY ? 0 : r; /* somebody else made it meanwhile */
}

/* Opens the folder path component by component and makes those that are missing. */
static int walk_folder(struct apply *a, uint8_t item, const char *path) {
    char name[NAME_MAX_BYTES];
    int dir = a->root, fd = -ENOENT;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        memcpy(name, p, n); /* judged: no component is as long as NAME_MAX_BYTES */
        name[n] = 0;
        p += n + (p[n] == '/');
        fd = open_folder(a, dir, name, O_PATH);
        if (fd == -ENOENT) {
            fd = make_folder(a, item, dir, name);
            if (fd >= 0)
                fd = open_folder(a, dir, name, O_PATH);
        }
        if (dir != a->root)
            a->sys->close(a->sys, dir);
        if (fd < 0)
            break;
        dir = fd;
    }
    return fd;
}

enum err apply_open_parent(struct apply *a, const char *path, size_t len, uint8_t item, bool make,
                           int *parent, const char **name, struct error *e) {
    size_t n = len;
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n == 0) /* no judged path lies in the root itself */
        return error_set(e, E_PATH, 0, "lies in no folder");
    *name = path + n--;
    if (a->parent < 0 || a->parent_len != n || memcmp(a->parent_path, path, n) != 0) {
        apply_forget_parent(a);
        memcpy(a->parent_path, path, n);
        a->parent_path[n] = 0;
        a->parent_len = n;
        int fd = open_folder(a, a->root, a->parent_path, O_PATH);
        if (fd == -ENOENT && make)
            fd = walk_folder(a, item, a->parent_path);
        if (fd == -ELOOP || fd == -EXDEV)
            return error_set(e, E_PATH, -fd, "a folder on its way is a link or lies elsewhere");
        if (fd == -ENOTDIR && !make)
            fd = -ENOENT; /* a file lies in the way: what would be in it is not there */
        if (fd < 0)
            return refused(e, fd, "its folder cannot be opened");
        a->parent = fd;
    }
    *parent = a->parent;
    return E_OK;
}

/* ---- deleting ---- */

enum err apply_delete_file(struct apply *a, const struct apply_journal_record *r, uint8_t item,
                           struct error *e) {
    int parent;
    const char *name;
    struct sys_stat st;
    enum err code = apply_open_parent(a, r->path, r->path_len, item, false, &parent, &name, e);
    int done = -ENOENT;
    if (code == E_OK) {
        done = a->sys->lstatat(a->sys, parent, name, &st);
        if (done == 0 && !sys_is_file(&st) && !sys_is_link(&st))
            return error_set(e, E_VALUE, 0, "is to be deleted but is %s",
                             sys_is_dir(&st) ? "a folder" : "neither a file nor a link");
        if (done == 0)
            done = a->sys->unlinkat(a->sys, parent, name, false);
    } else if (code != E_GONE) {
        return code;
    }
    if (done == -EBUSY)
        return refused(e, done, "is a mount point (a bind-mounted file?) and cannot be deleted");
    if (done < 0 && done != -ENOENT)
        return refused(e, done, "cannot be deleted");
    if (done == 0)
        a->report.deleted++;
    else
        a->report.unchanged++;
    return E_OK;
}

/* ---- replacing ---- */

static enum err hash_file(struct apply *a, int fd, uint64_t size, uint8_t out[BLAKE2B_BYTES],
                          struct error *e) {
    uint8_t bytes[2048];
    struct blake2b h;
    blake2b_init(&h, BLAKE2B_BYTES);
    for (uint64_t at = 0; at < size;) {
        ptrdiff_t n = a->sys->pread(a->sys, fd, bytes, sizeof bytes, at);
        if (n < 0)
            return refused(e, (int)n, "its staged content cannot be read");
        if (n == 0)
            break;
        blake2b_push(&h, bytes, (size_t)n);
        at += (uint64_t)n;
    }
    blake2b_finish(&h, out);
    return E_OK;
}

/* After a restart a staged file is believed only when it is what the journal says, byte for byte. E_GONE when
 * it is not there. */
static enum err verify_staged(struct apply *a, const struct apply_journal_record *r, int stage,
                              const char *number, struct error *e) {
    struct sys_stat st;
    uint8_t hash[BLAKE2B_BYTES];
    int fd = a->sys->open_beneath(a->sys, stage, number, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return refused(e, fd, "its staged content cannot be opened");
    int done = a->sys->fstat(a->sys, fd, &st);
    enum err code = done < 0 ? refused(e, done, "its staged content cannot be looked at") : E_OK;
    bool same = code == E_OK && sys_is_file(&st) && st.size == r->size;
    if (same) {
        code = hash_file(a, fd, st.size, hash, e);
        same = memcmp(hash, r->hash, sizeof hash) == 0;
    }
    a->sys->close(a->sys, fd);
    if (code == E_OK && !same)
        return error_set(e, E_DIGEST, 0, "its staged content was damaged; the old content stays");
    return code;
}

/* The staged file is not there: had an earlier process renamed it already? */
static enum err was_put(struct apply *a, const struct apply_journal_record *r, int parent, const char *name,
                        struct error *e) {
    struct sys_stat st;
    int done = a->recovering ? a->sys->lstatat(a->sys, parent, name, &st) : -ENOENT;
    if (done < 0 || !sys_is_file(&st) || st.size != r->size)
        return error_set(e, E_GONE, 0, "its staged content is no longer there");
    a->report.unchanged++;
    return E_OK;
}

static bool remove_folder(struct apply *a, const char *path, size_t len, uint8_t item);

/* A folder in the place of a file: an empty one holds nothing of anybody's; what counts as empty is the
 * item's rule. */
static bool clear_place(struct apply *a, const struct apply_journal_record *r, uint8_t item, int parent,
                        const char *name) {
    if (a->items->item[item].remove_empty)
        return remove_folder(a, r->path, r->path_len, item);
    return a->sys->unlinkat(a->sys, parent, name, true) == 0;
}

static int put_over(struct apply *a, const struct apply_journal_record *r, uint8_t item, int stage,
                    const char *number, int parent, const char *name) {
    int done = a->sys->renameat(a->sys, stage, number, parent, name);
    if (done == -EISDIR && clear_place(a, r, item, parent, name))
        done = a->sys->renameat(a->sys, stage, number, parent, name);
    return done;
}

enum err apply_put_file(struct apply *a, const struct apply_journal_record *r, uint8_t item,
                        struct error *e) {
    int parent, stage = stage_dir_of(a->stage, item);
    const char *name;
    char number[STAGE_NAME_BYTES];
    stage_name(r->number, number);
    enum err code = apply_open_parent(a, r->path, r->path_len, item, true, &parent, &name, e);
    if (code != E_OK)
        return code;
    if (a->recovering) {
        code = verify_staged(a, r, stage, number, e);
        if (code != E_OK)
            return code == E_GONE ? was_put(a, r, parent, name, e) : code;
    }
    int done = put_over(a, r, item, stage, number, parent, name);
    switch (done) {
    case 0:
        break;
    case -ENOENT:
        return was_put(a, r, parent, name, e);
    case -EISDIR:
        return refused(e, done, "a folder with content lies in its place");
    case -EXDEV:
        return refused(e, done,
                       "lies on another filesystem than its item's folder: cannot be replaced at once");
    case -EBUSY:
        return refused(e, done, "is a mount point (a bind-mounted file?) and cannot be replaced at once");
    default:
        return refused(e, done, "cannot be put in place");
    }
    if (r->what == JOURNAL_CREATE)
        a->report.created++;
    else
        a->report.updated++;
    a->report.bytes += r->size;
    return E_OK;
}

/* ---- empty folders ---- */

static bool is_excluded(const struct items *t, const char *name) {
    for (uint8_t i = 0; i < t->excluded_file_count; i++)
        if (strcmp(name, t->excluded_files[i]) == 0)
            return true;
    return false;
}

/* Does the folder hold nothing but excluded files (reference, section 5.3)? Stops at the first other name. */
static bool only_excluded(struct apply *a, int fd) {
    _Alignas(8) uint8_t records[2048];
    struct sys_dirent d;
    ptrdiff_t n;
    while ((n = a->sys->getdents(a->sys, fd, records, sizeof records)) > 0)
        for (size_t at = 0; sys_dirent_next(records, (size_t)n, &at, &d);)
            if (d.type == SYS_DT_DIR || !is_excluded(a->items, d.name))
                return false;
    return n == 0;
}

static void remove_excluded(struct apply *a, int at, const char *name) {
    int fd = open_folder(a, at, name, O_RDONLY);
    if (fd < 0)
        return;
    if (only_excluded(a, fd))
        for (uint8_t i = 0; i < a->items->excluded_file_count; i++)
            a->sys->unlinkat(a->sys, fd, a->items->excluded_files[i], false);
    a->sys->close(a->sys, fd);
}

/* Removes the folder path when it has nothing but excluded files; true when it is not there afterwards. */
static bool remove_folder(struct apply *a, const char *path, size_t len, uint8_t item) {
    int parent;
    const char *name;
    enum err code = apply_open_parent(a, path, len, item, false, &parent, &name, NULL);
    if (code != E_OK)
        return code == E_GONE;
    int r = a->sys->unlinkat(a->sys, parent, name, true);
    if (r == -ENOTEMPTY || r == -EEXIST) {
        remove_excluded(a, parent, name);
        r = a->sys->unlinkat(a->sys, parent, name, true);
    }
    if (r == 0)
        a->report.folders_removed++;
    return r == 0 || r == -ENOENT;
}

void apply_prune_above(struct apply *a, const char *path, size_t len, uint8_t item) {
    char folder[PATH_MAX_BYTES];
    const char *stop = a->items->item[item].dir;
    memcpy(folder, path, len);
    for (bool first = true;; first = false) {
        while (len > 0 && folder[len - 1] != '/')
            len--; /* folder[0 .. len - 1] is the folder with its final slash */
        if (len <= strlen(stop) || items_find(a->items, folder, len) >= 0)
            return;
        folder[--len] = 0;
        /* Extra files come folder by folder: do not ask again for each of them. */
        if (first && a->pruned_len == len && memcmp(a->pruned_path, folder, len) == 0)
            return;
        if (first) {
            memcpy(a->pruned_path, folder, len);
            a->pruned_len = len;
        }
        if (!remove_folder(a, folder, len, item))
            return;
    }
}
