/* client_keys_change.c - changes etc/client.keys, as authd and manage_agents do: the file is copied with its
 * change beside itself, flushed, and renamed over the old one. Here agents are taken out; they are added in
 * client_keys_add.c.
 *
 * Others write this file too and none of them locks it. So the state it was read in is compared with the one
 * it is in right before the rename; a change in between is never overwritten. */
#include "base/bytes.h"
#include "src/store/client_keys_parts.h"

#include <string.h>

#define COPY_BYTES 4096
#define FIRST_MODE 0640 /* of a file that did not exist */

/* ---- the file as it is ---- */

enum err keys_change_open(struct keys_change *x, struct client_keys *c, struct error *e) {
    *x = (struct keys_change){.c = c, .fd = -1};
    if (!c->is_master)
        return error_set(e, E_DENIED, 0, CLIENT_KEYS_PATH " is the master's: a worker only follows it");
    keys_stop(c);
    int fd = c->sys->open_beneath(c->sys, c->root, CLIENT_KEYS_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd == -ENOENT)
        return E_OK;
    if (fd < 0)
        return error_os(e, fd, CLIENT_KEYS_PATH);
    enum err err = keys_state_get(&x->before, c->sys, fd, e);
    int r = err == E_OK ? c->sys->fstat(c->sys, fd, &x->stat) : 0;
    if (r < 0)
        err = error_os(e, r, CLIENT_KEYS_PATH);
    if (err == E_OK)
        x->fd = fd;
    else
        c->sys->close(c->sys, fd);
    return err;
}

void keys_change_close(struct keys_change *x) {
    if (x->fd >= 0)
        x->c->sys->close(x->c->sys, x->fd);
    x->fd = -1;
    bytes_wipe(&x->c->lines, sizeof x->c->lines);
}

enum err keys_change_read(struct keys_change *x, keys_visit_fn *visit, void *arg, struct error *e) {
    struct keys_lines *l = &x->c->lines;
    struct client_key line;
    enum err err = E_OK;
    bool more = x->fd >= 0;
    keys_lines_rewind(l);
    while (more && (err = keys_lines_next(l, x->c->sys, x->fd, &more, e)) == E_OK && more) {
        bool good = keys_line_parse(&line, l);
        if (line.id > x->highest)
            x->highest = line.id;
        if (line.id == x->spare)
            x->spare = 0;
        if (!good || line.removed)
            continue;
        x->agents++;
        struct keys_place at = {l->start, l->start + strlen(line.id_text) + 1, l->end, false};
        if ((err = visit(arg, &line, &at, e)) != E_OK)
            break;
    }
    bytes_wipe(&line, sizeof line);
    return err;
}

/* ---- the file as it will be ---- */

static int copy(struct keys_change *x, int to, uint64_t from, uint64_t end) {
    struct sys *sys = x->c->sys;
    char buf[COPY_BYTES];
    int r = 0;
    while (from < end && r == 0) {
        size_t want = end - from < sizeof buf ? (size_t)(end - from) : sizeof buf;
        ptrdiff_t n = sys->pread(sys, x->fd, buf, want, from);
        r = n < 0 ? (int)n : n == 0 ? -ESTALE : sys_write_all(sys, to, buf, (size_t)n);
        from += n > 0 ? (uint64_t)n : 0;
    }
    bytes_wipe(buf, sizeof buf);
    return r;
}

/* Owner and mode as they were. Only root may give files away: else the group is kept, and the owner is who
 * can already put another file in this one's place. */
static int dress(struct keys_change *x, int to) {
    struct sys *sys = x->c->sys;
    bool new = x->fd < 0;
    uint32_t uid = new ? x->c->agents->db->uid : x->stat.uid, gid = new ? x->c->agents->db->gid : x->stat.gid;
    struct sys_stat st;
    int r = sys->fstat(sys, to, &st);
    if (r == 0 && ((uid != UINT32_MAX && uid != st.uid) || (gid != UINT32_MAX && gid != st.gid))) {
        r = sys->fchown(sys, to, uid, gid);
        if (r == -EPERM)
            r = sys->fchown(sys, to, UINT32_MAX, gid);
    }
    return r < 0 ? r : sys->fchmod(sys, to, new ? FIRST_MODE : x->stat.mode & 07777);
}

/* Is the file what it was when it was read? */
static enum err look_again(struct keys_change *x, struct error *e) {
    struct sys_stat st = {0};
    int r = x->c->sys->lstatat(x->c->sys, x->c->root, CLIENT_KEYS_PATH, &st);
    struct keys_state now = keys_state_of(&st);
    if (x->fd < 0 ? r == -ENOENT : r == 0 && keys_state_equal(&now, &x->before))
        return E_OK;
    if (r < 0 && r != -ENOENT)
        return error_os(e, r, CLIENT_KEYS_PATH);
    return error_set(e, E_CHANGED, 0,
                     CLIENT_KEYS_PATH
                     " was changed by another program meanwhile: nothing was done, try again");
}

/* The rename must be on disk before anybody is told of it. */
static enum err flush_folder(struct client_keys *c, struct error *e) {
    int fd = c->sys->open_beneath(c->sys, c->root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int r = fd < 0 ? fd : c->sys->fsync(c->sys, fd);
    if (fd >= 0)
        c->sys->close(c->sys, fd);
    return r < 0 ? error_os(e, r,
                            CLIENT_KEYS_PATH " was changed, but may not outlast a power cut: flushing etc")
                 : E_OK;
}

/* If the store had followed the file as it was, it follows the new one: nothing has to be read again. */
void keys_change_follow(struct keys_change *x) {
    struct sys_stat st;
    struct client_keys *c = x->c;
    if (keys_state_equal(&c->followed, &x->before) &&
        c->sys->lstatat(c->sys, c->root, CLIENT_KEYS_PATH, &st) == 0)
        c->followed = keys_state_of(&st);
}

/* The lines as they are, but for those at the places, and the text that comes after them. */
static int copy_changed(struct keys_change *x, int to, const struct keys_place *at, size_t count,
                        const char *text, size_t n) {
    struct sys *sys = x->c->sys;
    uint64_t from = 0;
    char last = '\n';
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = copy(x, to, from, at[i].mark ? at[i].name : at[i].start);
        r = r < 0 || !at[i].mark ? r : sys_write_all(sys, to, "!", 1);
        from = at[i].mark ? at[i].name : at[i].end;
    }
    r = r < 0 ? r : copy(x, to, from, x->before.size);
    if (r == 0 && n && from < x->before.size) { /* the last line may lack its break */
        ptrdiff_t got = sys->pread(sys, x->fd, &last, 1, x->before.size - 1);
        r = got < 0 ? (int)got : last == '\n' ? 0 : sys_write_all(sys, to, "\n", 1);
    }
    return r < 0 ? r : sys_write_all(sys, to, text, n);
}

enum err keys_change_write(struct keys_change *x, const struct keys_place *at, size_t count, const char *text,
                           size_t n, struct error *e) {
    struct client_keys *c = x->c;
    struct sys *sys = c->sys;
    sys->unlinkat(sys, c->root, KEYS_NEW_PATH, false);
    int to = sys->open_beneath(sys, c->root, KEYS_NEW_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return error_os(e, to, "making " KEYS_NEW_PATH);
    int r = copy_changed(x, to, at, count, text, n);
    r = r < 0 ? r : dress(x, to);
    r = r < 0 ? r : sys->fsync(sys, to);
    sys->close(sys, to);
    enum err err = r < 0 ? error_os(e, r, "writing " KEYS_NEW_PATH) : look_again(x, e);
    if (err == E_OK) {
        r = sys->renameat(sys, c->root, KEYS_NEW_PATH, c->root, CLIENT_KEYS_PATH);
        err = r < 0 ? error_os(e, r, "renaming " KEYS_NEW_PATH) : E_OK;
    }
    if (err != E_OK) {
        sys->unlinkat(sys, c->root, KEYS_NEW_PATH, false);
        return err;
    }
    return flush_folder(c, e);
}

/* ---- removing ---- */

struct removing {
    int64_t id;
    bool found;
    struct keys_place at;
};

static enum err look_for(void *arg, const struct client_key *line, const struct keys_place *at,
                         struct error *e) {
    struct removing *m = arg;
    if (line->id != m->id)
        return E_OK;
    if (m->found)
        return error_set(e, E_DUPLICATE, 0,
                         CLIENT_KEYS_PATH " has more than one line of agent %s: remove them by hand",
                         line->id_text);
    m->found = true;
    m->at = *at;
    return E_OK;
}

static enum err take_out(struct keys_change *x, int64_t id, struct error *e) {
    struct removing m = {.id = id};
    enum err err = keys_change_read(x, look_for, &m, e);
    if (err == E_OK && !m.found)
        err = error_set(e, E_GONE, 0, "there is no agent %03lld", (long long)id);
    if (err != E_OK)
        return err;
    m.at.mark = id == x->highest;
    return keys_change_write(x, &m.at, 1, "", 0, e);
}

void keys_drop_counter(struct client_keys *c, int64_t id) {
    char counter[32];
    struct text t;
    text_init(&t, counter, sizeof counter);
    text_format(&t, "queue/rids/%03lld", (long long)id);
    c->sys->unlinkat(c->sys, c->root, counter, false);
}

enum err client_keys_remove(struct client_keys *c, int64_t id, struct error *e) {
    struct keys_change x;
    enum err err = keys_change_open(&x, c, e);
    if (err != E_OK)
        return err;
    err = take_out(&x, id, e);
    if (err == E_OK)
        keys_change_follow(&x);
    keys_change_close(&x);
    if (err != E_OK)
        return err;
    keys_drop_counter(c, id);
    err = agents_delete(c->agents, id, NULL, e);
    if (err != E_OK) {
        c->followed = (struct keys_state){0};
        error_prefix(e, "agent %03lld is out of " CLIENT_KEYS_PATH ", and of the store soon", (long long)id);
    }
    return err;
}
