/* group_folders.c - the rows of `group` follow the folders of etc/shared. Folders are looked up by the names
 * of rows and rows by the names of folders, so that no list of either is kept; what agents are in which group
 * is src/store/agents*.c's affair. */
#include "store/group_folders.h"

#include "limits.h"

#include <string.h>

#define USUAL "default"

struct follow {
    struct agents *a;
    struct sys *sys;
    int fd; /* etc/shared */
    bool is_master;
    bool has_usual; /* etc/shared/default is there */
    uint32_t groups, added, removed, refused;
    struct error first; /* of what could not be done; E_OK: nothing */
};

static enum err begin(struct follow *f, struct error *e) {
    return db_in_transaction(f->a->db) ? E_OK : db_begin(f->a->db, e);
}

/* ---- rows ---- */

/* *id 0: no such row. */
static enum err find_row(struct db *db, const char *name, int64_t *id, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(db, SQL_GROUP_FIND);
    bool row;
    *id = 0;
    db_bind_text(q, 1, name, strlen(name));
    enum err err = db_step(db, q, &row, e);
    if (err != E_OK || !row)
        return err;
    *id = db_int(q, 0);
    db_done(q);
    return E_OK;
}

static enum err has_agents(struct db *db, const char *name, bool *has, struct error *e) {
    int64_t id;
    enum err err = find_row(db, name, &id, e);
    if (err != E_OK)
        return err;
    struct sqlite3_stmt *q = db_stmt(db, SQL_GROUP_AGENT);
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, 0);
    err = db_step(db, q, has, e);
    db_done(q);
    return err;
}

/* The first row after name, into next; "" at the end. */
static enum err next_row(struct db *db, const char *name, char next[GROUP_NAME_BYTES], struct error *e) {
    struct sqlite3_stmt *q = db_stmt(db, SQL_GROUP_NEXT);
    bool row;
    size_t n;
    next[0] = '\0';
    db_bind_text(q, 1, name, strlen(name));
    enum err err = db_step(db, q, &row, e);
    if (err != E_OK || !row)
        return err;
    const char *text = db_text(q, 0, &n);
    if (!text_copy(next, GROUP_NAME_BYTES, text, n)) /* cannot be a folder; the next one may be */
        err = error_set(e, E_VALUE, 0, "the store has a group with a name of %zu characters", n);
    db_done(q);
    return err;
}

static enum err count_rows(struct db *db, uint32_t *count, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(db, SQL_GROUP_COUNT);
    bool row;
    enum err err = db_step(db, q, &row, e);
    if (err != E_OK)
        return err;
    *count = (uint32_t)db_int(q, 0);
    db_done(q);
    return E_OK;
}

static enum err need_row(struct follow *f, const char *name, struct error *e) {
    int64_t id;
    enum err err = find_row(f->a->db, name, &id, e);
    if (err != E_OK || id)
        return err;
    if (f->groups >= GROUPS_MAX) {
        f->refused++;
        return E_OK;
    }
    err = begin(f, e);
    if (err == E_OK)
        err = groups_insert(f->a, name, e);
    f->added += err == E_OK;
    f->groups += err == E_OK;
    return err;
}

enum err group_need(struct agents *a, const char *name, struct error *e) {
    int64_t id;
    if (!group_name_is_valid(name))
        return error_set(e, E_VALUE, 0, "'%.64s' is no name for a group: 1 to 255 of A-Z a-z 0-9 _ - .",
                         name);
    enum err err = find_row(a->db, name, &id, e);
    if (err == E_OK && !id)
        err = error_set(e, E_GONE, 0, "there is no group %.64s: make the folder " GROUP_FOLDERS_PATH "/%.64s",
                        name, name);
    return err;
}

/* ---- folders ---- */

/* name is a group's, so it has no slash and is not "..". 1, 0, or a negated errno value. */
static int is_folder(struct follow *f, const char *name) {
    struct sys_stat st;
    int r = f->sys->lstatat(f->sys, f->fd, name, &st);
    return r == 0 ? sys_is_dir(&st) : r == -ENOENT ? 0 : r;
}

static enum err take_folder(struct follow *f, const struct sys_dirent *d, struct error *e) {
    if (d->type != SYS_DT_DIR && d->type != SYS_DT_UNKNOWN)
        return E_OK;
    if (d->name[0] == '.' || !group_name_is_valid(d->name))
        return E_OK;
    int r = d->type == SYS_DT_DIR ? 1 : is_folder(f, d->name);
    if (r < 0)
        return error_os(e, r, GROUP_FOLDERS_PATH "/%.64s", d->name);
    f->has_usual |= r && !strcmp(d->name, USUAL);
    return r ? need_row(f, d->name, e) : E_OK;
}

static enum err take_folders(struct follow *f, struct error *e) {
    _Alignas(8) uint8_t records[2048];
    ptrdiff_t n;
    while ((n = f->sys->getdents(f->sys, f->fd, records, sizeof records)) > 0) {
        struct sys_dirent d;
        for (size_t at = 0; sys_dirent_next(records, (size_t)n, &at, &d);) {
            enum err err = take_folder(f, &d, e);
            if (err != E_OK)
                return err;
        }
    }
    return n < 0 ? error_os(e, n, "reading " GROUP_FOLDERS_PATH) : E_OK;
}

/* ---- rows without a folder ---- */

static enum err drop_row(struct follow *f, const char *name, struct error *e) {
    bool used = false;
    if (!strcmp(name, USUAL) || !group_name_is_valid(name))
        return E_OK;
    int r = is_folder(f, name);
    if (r < 0)
        return error_os(e, r, GROUP_FOLDERS_PATH "/%.64s", name);
    if (r > 0)
        return E_OK;
    enum err err = f->is_master ? E_OK : has_agents(f->a->db, name, &used, e);
    if (err != E_OK || used)
        return err;
    err = begin(f, e);
    if (err == E_OK)
        err = groups_delete(f->a, name, e);
    f->removed += err == E_OK;
    return err;
}

static enum err drop_rows(struct follow *f, struct error *e) {
    char name[GROUP_NAME_BYTES] = "", next[GROUP_NAME_BYTES];
    for (;;) {
        enum err err = next_row(f->a->db, name, next, e);
        if (err != E_OK || !next[0])
            return err;
        err = drop_row(f, next, e);
        if (err != E_OK)
            return err;
        memcpy(name, next, sizeof name);
    }
}

/* ---- both ---- */

/* A folder that may not be the one that was meant deletes nothing: with a group go its agents' memberships.
 */
static enum err follow(struct follow *f, struct error *e) {
    enum err err = f->fd >= 0 ? take_folders(f, e) : E_OK;
    if (err != E_OK || f->fd < 0)
        return err;
    if (!f->is_master || f->has_usual)
        return drop_rows(f, e);
    if (f->groups > 1)
        error_set(&f->first, E_CHANGED, 0,
                  GROUP_FOLDERS_PATH "/" USUAL " is gone: no group is deleted until it is back");
    return E_OK;
}

enum err group_folders_follow(struct agents *a, struct sys *sys, struct log *log, int root, bool is_master,
                              struct error *e) {
    struct follow f = {.a = a, .sys = sys, .is_master = is_master, .first = {.code = E_OK}};
    enum err err = count_rows(a->db, &f.groups, e);
    if (err != E_OK)
        return err;
    f.fd = sys->open_beneath(sys, root, GROUP_FOLDERS_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (f.fd < 0)
        error_os(&f.first, f.fd, GROUP_FOLDERS_PATH);
    err = need_row(&f, USUAL, e);
    if (err == E_OK)
        err = follow(&f, e);
    if (err == E_OK && db_in_transaction(a->db))
        err = db_commit(a->db, e);
    if (err != E_OK)
        db_rollback(a->db);
    if (f.fd >= 0)
        sys->close(sys, f.fd);
    if (err != E_OK)
        return err;
    if (f.added || f.removed)
        log_line(log, LOG_INFO, "Agents", "Groups",
                 "Followed " GROUP_FOLDERS_PATH ": %u groups added, %u removed", f.added, f.removed);
    if (f.refused)
        error_set(&f.first, f.removed ? E_POOL : E_LIMIT, 0,
                  GROUP_FOLDERS_PATH
                  " has more folders than this board's limit of %u groups: %u are not in the "
                  "store",
                  GROUPS_MAX, f.refused);
    if (f.first.code != E_OK && e)
        *e = f.first;
    return f.first.code;
}
