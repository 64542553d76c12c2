/* fs/stage.c - keeps received files until the whole set is there.
 *
 * Bytes come from a package's members (task), go into numbered files, and are hashed on the way; fs/apply.c
 * renames them to where they belong. Which path a number is for lies in an index file, so that no table here
 * grows with the length of paths. Nothing is flushed and nothing outside the staging folders is touched. */
#include "fs/stage.h"

#include "fs/folder.h"

#include <stdio.h>
#include <string.h>

#define QUEUE "queue/cluster"
#define STAGE_DIR ".stage"
#define ITEM_STAGE_DIR ".picket" /* items_judge lets no peer name it */
#define INDEX_NAME "index"

/* A record on disk: this, then path_len bytes of path, then zeros up to a multiple of 16. */
struct index_head {
    uint32_t number;
    uint16_t path_len;
    uint8_t item, zero;
    uint64_t size;
    uint8_t hash[BLAKE2B_BYTES];
};
#define RECORD_MAX (sizeof(struct index_head) + PATH_MAX_BYTES)
_Static_assert(sizeof(struct index_head) == 80, "the record's head has no holes");
_Static_assert(STAGE_INDEX_BYTES >= RECORD_MAX + 16, "a record fits the index's buffer");
_Static_assert(ITEMS_MAX <= 32, "stage.item_known has a bit for each item");
_Static_assert((uint64_t)FILES_MAX *(RECORD_MAX + 16) / 16 < UINT32_MAX, "the table's offsets fit 32 bits");

void stage_init(struct stage *s, struct sys *sys, int root, const struct items *items, uint32_t uid,
                uint32_t gid, uint64_t limit, uint32_t seed) {
    *s = (struct stage){.sys = sys, .root = root, .items = items, .uid = uid, .gid = gid, .limit = limit};
    s->seed = seed;
    s->folder = s->dir = s->index = s->file = -1;
    for (size_t i = 0; i < ITEMS_MAX; i++)
        s->item_dir[i] = -1;
}

void stage_name(uint32_t number, char out[STAGE_NAME_BYTES]) {
    snprintf(out, STAGE_NAME_BYTES, "%u", number);
}

/* ---- the folders ---- */

static void give_fd(struct stage *s, int *fd) {
    if (*fd >= 0)
        s->sys->close(s->sys, *fd);
    *fd = -1;
}

static int open_dir(struct stage *s, int at, const char *path) {
    return s->sys->open_beneath(s->sys, at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

void stage_own(const struct stage *s, int fd) {
    if (s->uid != UINT32_MAX || s->gid != UINT32_MAX)
        s->sys->fchown(s->sys, fd, s->uid, s->gid); /* refused: not needed today */
}

/* Opens .stage in the folder queue/cluster, which is open; made when it is missing. */
static enum err open_stage_dir(struct stage *s, struct error *e) {
    int r = s->sys->mkdirat(s->sys, s->folder, STAGE_DIR, 0700);
    if (r < 0 && r != -EEXIST)
        return error_os(e, r, "cannot make " QUEUE "/" STAGE_DIR);
    s->dir = open_dir(s, s->folder, STAGE_DIR);
    if (s->dir < 0)
        return error_os(e, s->dir, "cannot open " QUEUE "/" STAGE_DIR);
    struct sys_stat st;
    r = s->sys->fstat(s->sys, s->dir, &st);
    if (r < 0)
        return error_os(e, r, "cannot look at " QUEUE "/" STAGE_DIR);
    s->dev = st.dev;
    stage_own(s, s->dir);
    return E_OK;
}

/* Answers for an item whose folder is a link, lies elsewhere, is a file, or is closed to us: nothing is
 * staged there, and nothing can be; the other items must not suffer for it. */
static bool is_no_folder(int r) {
    return r == -ELOOP || r == -EXDEV || r == -ENOTDIR || r == -EACCES || r == -EPERM || r == -EROFS;
}

/* Opens an item's own staging folder when there is one. */
static int open_item_stage(struct stage *s, uint8_t item) {
    char path[NAME_MAX_BYTES + sizeof ITEM_STAGE_DIR];
    snprintf(path, sizeof path, "%s" ITEM_STAGE_DIR, s->items->item[item].dir);
    return open_dir(s, s->root, path);
}

static void remove_item_stage(struct stage *s, uint8_t item) {
    int at = open_dir(s, s->root, s->items->item[item].dir);
    if (at >= 0)
        s->sys->unlinkat(s->sys, at, ITEM_STAGE_DIR, true);
    give_fd(s, &at);
}

/* Removes what an earlier process staged beside items on other mounts. */
static void clear_item_stages(struct stage *s) {
    for (uint8_t i = 0; i < s->items->count; i++) {
        int fd = s->item_dir[i] >= 0 ? s->item_dir[i] : open_item_stage(s, i);
        s->item_dir[i] = -1;
        if (fd < 0)
            continue;
        folder_empty(s->sys, fd);
        s->sys->close(s->sys, fd);
        remove_item_stage(s, i);
    }
    s->item_known = 0;
}

/* A journal must be gone, also after a power cut, before the files it names may be replaced by others. */
static enum err give_up_journal(struct stage *s, struct error *e) {
    int r = s->sys->unlinkat(s->sys, s->folder, STAGE_JOURNAL, false);
    if (r == 0)
        r = s->sys->fsync(s->sys, s->folder);
    return r == 0 || r == -ENOENT ? E_OK : error_os(e, r, "cannot remove " QUEUE "/" STAGE_JOURNAL);
}

static enum err open_empty(struct stage *s, struct error *e) {
    enum err code = folder_make(s->sys, s->root, QUEUE, 0770, &s->folder, e);
    if (code == E_OK)
        code = give_up_journal(s, e);
    if (code == E_OK)
        code = open_stage_dir(s, e);
    if (code != E_OK)
        return code;
    if (!folder_empty(s->sys, s->dir))
        return error_set(e, E_SYS, 0, "cannot empty " QUEUE "/" STAGE_DIR);
    clear_item_stages(s);
    s->index = s->sys->openat(s->sys, s->dir, INDEX_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return s->index < 0 ? error_os(e, s->index, "cannot make the index of the stage") : E_OK;
}

void stage_close(struct stage *s) {
    give_fd(s, &s->file);
    give_fd(s, &s->index);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        give_fd(s, &s->item_dir[i]);
    give_fd(s, &s->dir);
    give_fd(s, &s->folder);
}

enum err stage_open(struct stage *s, struct error *e) {
    stage_close(s);
    s->index_bytes = s->bytes = 0;
    s->index_fill = s->count = s->item_known = 0;
    memset(s->table, 0, sizeof s->table);
    enum err code = open_empty(s, e);
    if (code != E_OK)
        stage_close(s);
    return code;
}

enum err stage_attach(struct stage *s, struct error *e) {
    stage_close(s);
    s->folder = open_dir(s, s->root, QUEUE);
    if (s->folder < 0)
        return error_os(e, s->folder, "cannot open " QUEUE);
    enum err code = open_stage_dir(s, e);
    for (uint8_t i = 0; code == E_OK && i < s->items->count; i++) {
        int fd = open_item_stage(s, i);
        s->item_dir[i] = fd < 0 ? -1 : fd;
        if (fd < 0 && fd != -ENOENT && !is_no_folder(fd))
            code = error_os(e, fd, "cannot open the stage in %s", s->items->item[i].dir);
    }
    s->item_known = UINT32_MAX;
    if (code != E_OK)
        stage_close(s);
    return code;
}

void stage_discard(struct stage *s) {
    if (s->folder < 0)
        return;
    clear_item_stages(s);
    give_fd(s, &s->file);
    give_fd(s, &s->index);
    if (s->dir >= 0)
        folder_empty(s->sys, s->dir);
    give_fd(s, &s->dir);
    s->sys->unlinkat(s->sys, s->folder, STAGE_DIR, true);
    stage_close(s);
    s->count = 0;
    s->bytes = 0;
}

bool stage_drain(const struct stage *s, int *fd, int *child) {
    int fds[ITEMS_MAX + 1] = {s->dir};
    size_t n = 1;
    for (size_t i = 0; i < ITEMS_MAX; i++)
        if (s->item_dir[i] >= 0)
            fds[n++] = s->item_dir[i];
    return s->sys->drain_start && s->sys->drain_start(s->sys, fds, n, fd, child) == 0;
}

enum err stage_flush(const struct stage *s, struct error *e) {
    int r = s->sys->syncfs(s->sys, s->dir);
    for (size_t i = 0; r >= 0 && i < ITEMS_MAX; i++)
        if (s->item_dir[i] >= 0)
            r = s->sys->syncfs(s->sys, s->item_dir[i]);
    return r < 0 ? error_os(e, r, "cannot flush the stage to disk") : E_OK;
}

/* ---- where an item's files are staged ---- */

/* Is the folder at on another mount than the stage, so that no file can be renamed from the one to the other?
 * One device may be mounted twice (the volumes of a container), so the kernel is asked to rename a file that
 * is not there: it looks at the mounts before it looks for the name. */
static int is_elsewhere(struct stage *s, int at, bool *elsewhere) {
    struct sys_stat st;
    int r = s->sys->fstat(s->sys, at, &st);
    if (r < 0)
        return r;
    *elsewhere =
        st.dev != s->dev || s->sys->renameat(s->sys, s->dir, ITEM_STAGE_DIR, at, ITEM_STAGE_DIR) == -EXDEV;
    return 0;
}

/* The same for the nearest existing folder of an item. */
static int item_is_elsewhere(struct stage *s, const struct item *item, bool *elsewhere) {
    char path[NAME_MAX_BYTES];
    size_t len = strlen(item->dir);
    memcpy(path, item->dir, len + 1);
    int fd = -ENOENT;
    while (len > 0 && (fd = open_dir(s, s->root, path)) == -ENOENT) {
        len--; /* over the final slash, then back to the one before */
        while (len > 0 && path[len - 1] != '/')
            len--;
        path[len] = 0;
    }
    if (fd < 0 && len > 0)
        return fd;
    int r = is_elsewhere(s, len > 0 ? fd : s->root, elsewhere);
    if (len > 0)
        s->sys->close(s->sys, fd);
    return r;
}

/* Makes .picket in the folder of an item on another mount. */
static int make_item_stage(struct stage *s, uint8_t item) {
    int at = -1;
    struct error e = {.os = 0};
    if (folder_make(s->sys, s->root, s->items->item[item].dir, 0770, &at, &e) != E_OK)
        return e.os ? -e.os : -EIO;
    int fd = s->sys->mkdirat(s->sys, at, ITEM_STAGE_DIR, 0700);
    if (fd == 0 || fd == -EEXIST)
        fd = open_dir(s, at, ITEM_STAGE_DIR);
    s->sys->close(s->sys, at);
    s->item_dir[item] = fd < 0 ? -1 : fd;
    if (fd >= 0)
        stage_own(s, fd);
    return fd < 0 ? fd : 0;
}

static enum err need_item_stage(struct stage *s, uint8_t item, struct error *e) {
    if (s->item_known & 1u << item)
        return E_OK;
    bool elsewhere = false;
    int r = item_is_elsewhere(s, &s->items->item[item], &elsewhere);
    if (r == 0 && elsewhere)
        r = make_item_stage(s, item);
    if (r < 0)
        return error_set(e, is_no_folder(r) ? E_PATH : err_of_os(-r), -r, "cannot stage files for %s",
                         s->items->item[item].dir);
    s->item_known |= 1u << item;
    return E_OK;
}

/* ---- the index ---- */

/* A seeded hash, so that nobody can choose paths that collide. */
static uint32_t path_tag(const struct stage *s, const char *path, size_t len) {
    uint32_t h = s->seed ^ (uint32_t)len;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)path[i]) * 0x01000193u;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    return h ^ h >> 13;
}

static enum err index_flush(struct stage *s, struct error *e) {
    uint64_t start = s->index_bytes - s->index_fill;
    for (uint32_t done = 0; done < s->index_fill;) {
        ptrdiff_t n =
            s->sys->pwrite(s->sys, s->index, s->index_buf + done, s->index_fill - done, start + done);
        if (n <= 0)
            return error_os(e, n < 0 ? n : -EIO, "cannot write the index of the stage");
        done += (uint32_t)n;
    }
    s->index_fill = 0;
    return E_OK;
}

static enum err index_append(struct stage *s, const struct index_head *head, const char *path,
                             struct error *e) {
    size_t size = (sizeof *head + head->path_len + 15) & ~(size_t)15;
    if (s->index_fill + size > sizeof s->index_buf) {
        enum err code = index_flush(s, e);
        if (code != E_OK)
            return code;
    }
    uint8_t *to = s->index_buf + s->index_fill;
    memset(to, 0, size);
    memcpy(to, head, sizeof *head);
    memcpy(to + sizeof *head, path, head->path_len);
    s->index_fill += (uint32_t)size;
    s->index_bytes += size;
    return E_OK;
}

/* Reads the record at an offset, from the buffer or from disk. */
static enum err index_read(struct stage *s, uint64_t offset, struct stage_record *out, struct error *e) {
    _Alignas(8) uint8_t bytes[RECORD_MAX];
    struct index_head head;
    uint64_t on_disk = s->index_bytes - s->index_fill;
    size_t have = 0, want = sizeof head;
    while (have < want) {
        ptrdiff_t n;
        if (offset >= on_disk) {
            n = (ptrdiff_t)want;
            memcpy(bytes, s->index_buf + (offset - on_disk), want);
        } else {
            n = s->sys->pread(s->sys, s->index, bytes + have, sizeof bytes - have, offset + have);
        }
        if (n <= 0)
            return error_os(e, n < 0 ? n : -EIO, "cannot read the index of the stage");
        have = offset >= on_disk ? want : have + (size_t)n;
        if (have < sizeof head)
            continue;
        memcpy(&head, bytes, sizeof head);
        if (head.path_len >= PATH_MAX_BYTES)
            return error_set(e, E_SYS, 0, "the index of the stage is damaged");
        want = sizeof head + head.path_len;
    }
    out->number = head.number;
    out->item = head.item;
    out->size = head.size;
    out->path_len = head.path_len;
    memcpy(out->hash, head.hash, sizeof out->hash);
    memcpy(out->path, bytes + sizeof head, head.path_len);
    out->path[head.path_len] = 0;
    return E_OK;
}

/* Finds a path: E_OK with its record, or E_GONE with the free slot for it. The table is never full: it has
 * two slots for each of FILES_MAX files. */
static enum err table_find(struct stage *s, const char *path, size_t len, uint32_t *slot,
                           struct stage_record *out, struct error *e) {
    uint32_t tag = path_tag(s, path, len);
    for (uint32_t i = tag % STAGE_TABLE;; i = (i + 1) % STAGE_TABLE) {
        *slot = i;
        if (s->table[i] == 0)
            return E_GONE;
        if (s->tags[i] != tag)
            continue;
        enum err code = index_read(s, (uint64_t)(s->table[i] - 1) * 16, out, e);
        if (code != E_OK || (out->path_len == len && memcmp(out->path, path, len) == 0))
            return code;
    }
}

enum err stage_find(struct stage *s, const char *path, size_t len, struct stage_record *out,
                    struct error *e) {
    uint32_t slot;
    enum err code = s->index < 0 ? E_GONE : table_find(s, path, len, &slot, out, e);
    return code == E_GONE ? error_set(e, code, 0, "was not received") : code;
}

/* ---- one file ---- */

/* Gives up the file being written. */
static void drop_file(struct stage *s) {
    char name[STAGE_NAME_BYTES];
    if (s->file < 0)
        return;
    give_fd(s, &s->file);
    stage_name(s->count, name);
    s->sys->unlinkat(s->sys, stage_dir_of(s, s->file_item), name, false);
}

enum err stage_begin(struct stage *s, const char *path, size_t len, struct error *e) {
    struct stage_record other;
    drop_file(s);
    if (s->index < 0)
        return error_set(e, E_CANCELLED, 0, "the stage is not open");
    enum err code = items_judge(s->items, path, len, &s->file_item, e);
    if (code != E_OK)
        return code;
    if (s->count >= FILES_MAX)
        return error_set(e, E_SPACE, 0, "more than %u files in one set", FILES_MAX);
    code = table_find(s, path, len, &s->file_slot, &other, e);
    if (code == E_OK)
        return error_set(e, E_DUPLICATE, 0, "%s came twice", other.path);
    if (code != E_GONE)
        return code;
    code = need_item_stage(s, s->file_item, e);
    if (code != E_OK)
        return code;
    char name[STAGE_NAME_BYTES];
    stage_name(s->count, name);
    int fd = s->sys->openat(s->sys, stage_dir_of(s, s->file_item), name,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_os(e, fd, "cannot make a file in the stage");
    s->file = fd;
    s->file_bytes = 0;
    memcpy(s->path, path, len);
    s->path[len] = 0;
    s->path_len = len;
    blake2b_init(&s->hash, BLAKE2B_BYTES);
    return E_OK;
}

enum err stage_write(struct stage *s, const uint8_t *bytes, size_t n, struct error *e) {
    if (s->file < 0)
        return error_set(e, E_CANCELLED, 0, "no file is being staged");
    enum err code;
    if (n > s->limit - s->bytes - s->file_bytes) {
        code = error_set(e, E_SPACE, 0, "%s: more than %llu bytes in one set", s->path,
                         (unsigned long long)s->limit);
    } else {
        int r = sys_write_all(s->sys, s->file, bytes, n);
        code = r < 0 ? error_os(e, r, "cannot stage %s", s->path) : E_OK;
    }
    if (code != E_OK) {
        drop_file(s);
        return code;
    }
    blake2b_push(&s->hash, bytes, n);
    s->file_bytes += n;
    return E_OK;
}

/* Owner before mode: a change of owner may take bits of the mode away. */
static int dress_file(struct stage *s) {
    int r = 0;
    if (s->uid != UINT32_MAX || s->gid != UINT32_MAX)
        r = s->sys->fchown(s->sys, s->file, s->uid, s->gid);
    return r < 0 ? r : s->sys->fchmod(s->sys, s->file, s->items->item[s->file_item].mode & 0777);
}

enum err stage_end(struct stage *s, struct error *e) {
    if (s->file < 0)
        return error_set(e, E_CANCELLED, 0, "no file is being staged");
    struct index_head head = {.number = s->count, .path_len = (uint16_t)s->path_len, .item = s->file_item};
    head.size = s->file_bytes;
    blake2b_finish(&s->hash, head.hash);
    uint64_t offset = s->index_bytes;
    int r = dress_file(s);
    enum err code = r < 0 ? error_os(e, r, "cannot set owner and mode of %s", s->path) : E_OK;
    if (code == E_OK)
        code = index_append(s, &head, s->path, e);
    if (code != E_OK) {
        drop_file(s);
        return code;
    }
    give_fd(s, &s->file);
    s->table[s->file_slot] = (uint32_t)(offset / 16) + 1;
    s->tags[s->file_slot] = path_tag(s, s->path, s->path_len);
    s->count++;
    s->bytes += s->file_bytes;
    return E_OK;
}
