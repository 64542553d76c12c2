/* client_keys_change.c - adds an agent to etc/client.keys and takes one out, as authd and manage_agents do:
 * the file is copied with its change beside itself, flushed, and renamed over the old one.
 *
 * Others write this file too and none of them locks it. So the state it was read in is compared with the one
 * it is in right before the rename; a change in between is never overwritten. */
#include "base/bytes.h"
#include "crypto/random.h"
#include "src/store/client_keys_parts.h"

#include <string.h>

#define COPY_BYTES 4096
#define FIRST_MODE 0640 /* of a file that did not exist */

/* ---- what may be in a line ---- */

/* OS_IsValidName: one rule more than the store has. */
static bool name_is_good(const char *name) {
    size_t n = strlen(name);
    return n >= 2 && n < AGENT_NAME_BYTES && name[0] != '.' && strspn(name, TEXT_WORD_CHARS "-.") == n;
}

/* The address of "address" or "address/bits"; *bits -1 without any. */
static bool read_address(const char *ip, struct sys_addr *a, int *bits) {
    char host[AGENT_IP_BYTES];
    size_t n = strcspn(ip, "/");
    uint64_t v;
    *bits = -1;
    /* The brackets of "[::1]" are no part of an address in this file. */
    if (ip[0] == '[' || !text_copy(host, sizeof host, ip, n) || !sys_addr_parse(a, host, 0))
        return false;
    if (!ip[n])
        return true;
    ip += n + 1;
    if (!text_number(ip, strlen(ip), strchr(host, ':') ? 128 : 32, &v) || strlen(ip) > 3)
        return false;
    *bits = (int)v;
    return true;
}

static bool ip_is_good(const char *ip) {
    struct sys_addr a;
    int bits;
    return strlen(ip) < AGENT_IP_BYTES && (!strcmp(ip, "any") || read_address(ip, &a, &bits));
}

/* Two lines may share a network and "any", but not an address, whatever its notation. */
static bool same_address(const char *want, const char *line) {
    struct sys_addr a, b;
    int bits_a, bits_b;
    if (!read_address(want, &a, &bits_a) || bits_a >= 0)
        return false;
    return read_address(line, &b, &bits_b) && sys_addr_same_host(&a, &b);
}

/* ---- the file as it is ---- */

/* One change under way. */
struct change {
    struct client_keys *c;
    int fd; /* the file; -1: there is none yet */
    struct keys_state before;
    struct sys_stat stat;
    int64_t highest; /* id in any line */
    uint32_t agents; /* lines of agents that are not removed */
    bool found;      /* the line of the agent that is to go: its bytes, and where its name is */
    uint64_t line_start, line_end, name_at;
};

static enum err open_file(struct change *x, struct client_keys *c, struct error *e) {
    *x = (struct change){.c = c, .fd = -1};
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

static void close_file(struct change *x) {
    if (x->fd >= 0)
        x->c->sys->close(x->c->sys, x->fd);
    x->fd = -1;
    bytes_wipe(&x->c->lines, sizeof x->c->lines);
}

/* Does this agent leave room for the wanted one? */
static enum err compare(const struct client_key *want, const struct client_key *line, struct error *e) {
    if (line->id == want->id)
        return error_set(e, E_DUPLICATE, 0, "the id %s is taken, by agent %s: leave it out, or take another",
                         want->id_text, line->name);
    if (!strcmp(line->name, want->name))
        return error_set(e, E_DUPLICATE, 0,
                         "the name %s is taken, by agent %s: take another, or remove that one", want->name,
                         line->id_text);
    if (same_address(want->ip, line->ip))
        return error_set(e, E_DUPLICATE, 0,
                         "the address %s is taken, by agent %s (%s): take any or another, or remove that one",
                         want->ip, line->id_text, line->name);
    return E_OK;
}

/* want: the agent that comes, or NULL. gone: the id of the one that goes, or 0. */
static enum err read_through(struct change *x, const struct client_key *want, int64_t gone, struct error *e) {
    struct keys_lines *l = &x->c->lines;
    struct client_key line;
    enum err err = E_OK;
    bool more = x->fd >= 0;
    keys_lines_rewind(l);
    while (more && (err = keys_lines_next(l, x->c->sys, x->fd, &more, e)) == E_OK && more) {
        bool good = keys_line_parse(&line, l);
        if (line.id > x->highest)
            x->highest = line.id;
        if (!good || line.removed)
            continue;
        x->agents++;
        if (want && (err = compare(want, &line, e)) != E_OK)
            break;
        if (line.id != gone)
            continue;
        if (x->found)
            return error_set(e, E_DUPLICATE, 0,
                             CLIENT_KEYS_PATH " has more than one line of agent %s: remove them "
                                              "by hand",
                             line.id_text);
        x->found = true;
        x->line_start = l->start;
        x->line_end = l->end;
        x->name_at = l->start + strlen(line.id_text) + 1;
    }
    bytes_wipe(&line, sizeof line);
    return err;
}

/* ---- the file as it will be ---- */

static int copy(struct change *x, int to, uint64_t from, uint64_t end) {
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
static int dress(struct change *x, int to) {
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
static enum err look_again(struct change *x, struct error *e) {
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
static void follow_on(struct change *x) {
    struct sys_stat st;
    struct client_keys *c = x->c;
    if (keys_state_equal(&c->followed, &x->before) &&
        c->sys->lstatat(c->sys, c->root, CLIENT_KEYS_PATH, &st) == 0)
        c->followed = keys_state_of(&st);
}

/* Writes the file anew with the bytes from cut to go_on replaced by text. */
static enum err write_anew(struct change *x, uint64_t cut, const char *text, size_t n, uint64_t go_on,
                           struct error *e) {
    struct client_keys *c = x->c;
    struct sys *sys = c->sys;
    sys->unlinkat(sys, c->root, KEYS_NEW_PATH, false);
    int to = sys->open_beneath(sys, c->root, KEYS_NEW_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return error_os(e, to, "making " KEYS_NEW_PATH);
    int r = copy(x, to, 0, cut);
    r = r < 0 ? r : sys_write_all(sys, to, text, n);
    r = r < 0 ? r : copy(x, to, go_on, x->before.size);
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

/* ---- adding ---- */

static enum err fill_in(struct client_key *k, const char *name, const char *ip, int64_t id, struct error *e) {
    *k = (struct client_key){.id = id};
    ip = ip ? ip : "any";
    if (!name_is_good(name))
        return error_set(e, E_VALUE, 0,
                         "the name of an agent is 2 to 128 of A-Z a-z 0-9 - _ . and begins with "
                         "no dot");
    if (!ip_is_good(ip))
        return error_set(e, E_VALUE, 0,
                         "the address of an agent is any, an IPv4 or IPv6 address, or one with "
                         "/bits");
    if (id < 0 || id > AGENT_ID_MAX)
        return error_set(e, E_VALUE, 0, "the id of an agent is 1 to %d", AGENT_ID_MAX);
    memcpy(k->name, name, strlen(name) + 1);
    memcpy(k->ip, ip, strlen(ip) + 1);
    return E_OK;
}

static void name_id(struct client_key *k) {
    struct text t;
    text_init(&t, k->id_text, sizeof k->id_text);
    text_format(&t, "%03lld", (long long)k->id);
}

/* What authd refuses beyond the file: the manager's own name, and more than there is room for. */
static enum err fits_store(struct change *x, const struct client_key *k, struct error *e) {
    struct agents *a = x->c->agents;
    char own[AGENT_NAME_BYTES];
    if (x->agents >= a->limit || a->count >= a->limit)
        return error_set(e, E_POOL, 0, "%u agents are there, and this board's limit is %u: remove some first",
                         x->agents, a->limit);
    if (agents_find(a, 0, own, NULL, NULL) == E_OK && !strcmp(own, k->name))
        return error_set(e, E_DUPLICATE, 0, "the name %s is this manager's own: take another", k->name);
    return E_OK;
}

static enum err append(struct change *x, const struct client_key *k, struct error *e) {
    char line[KEYS_LINE_BYTES], last = '\n';
    struct sys *sys = x->c->sys;
    struct text t;
    ptrdiff_t r = x->before.size ? sys->pread(sys, x->fd, &last, 1, x->before.size - 1) : 0;
    if (r < 0)
        return error_os(e, r, "reading " CLIENT_KEYS_PATH);
    text_init(&t, line, sizeof line);
    text_format(&t, "%s%s %s %s %s\n", last == '\n' ? "" : "\n", k->id_text, k->name, k->ip, k->key);
    enum err err = write_anew(x, x->before.size, t.buf, t.len, x->before.size, e);
    bytes_wipe(line, sizeof line);
    return err;
}

static enum err store_row(struct client_keys *c, const struct client_key *k, struct error *e) {
    struct db *db = c->agents->db;
    enum err err = db_begin(db, e);
    if (err == E_OK) /* a row that the file does not know yet */
        err = agents_delete(c->agents, k->id, NULL, e);
    if (err == E_OK)
        err = keys_insert_row(c, k, e);
    if (err == E_OK)
        err = db_commit(db, e);
    if (err != E_OK) {
        db_rollback(db);
        c->followed = (struct keys_state){0}; /* the file is the truth: the store follows at the next look */
        error_prefix(e, "agent %s is in " CLIENT_KEYS_PATH ", and in the store soon", k->id_text);
    }
    return err;
}

static enum err add(struct change *x, struct client_key *k, struct error *e) {
    uint8_t secret[AGENT_KEY_CHARS / 2];
    if (k->id)
        name_id(k);
    enum err err = read_through(x, k, 0, e);
    if (err == E_OK)
        err = fits_store(x, k, e);
    if (err == E_OK && !k->id && x->highest >= AGENT_ID_MAX)
        err = error_set(e, E_VALUE, 0, "the highest id is taken: choose a free one");
    if (err == E_OK)
        err = random_bytes(x->c->sys, secret, sizeof secret, e);
    if (err != E_OK)
        return err;
    hex_encode(k->key, secret, sizeof secret);
    bytes_wipe(secret, sizeof secret);
    if (!k->id)
        k->id = x->highest + 1;
    name_id(k);
    err = append(x, k, e);
    if (err != E_OK)
        return err;
    follow_on(x);
    return store_row(x->c, k, e);
}

enum err client_keys_add(struct client_keys *c, struct client_key *k, const char *name, const char *ip,
                         int64_t id, struct error *e) {
    struct change x;
    enum err err = fill_in(k, name, ip, id, e);
    if (err == E_OK)
        err = open_file(&x, c, e);
    if (err != E_OK)
        return err;
    err = add(&x, k, e);
    close_file(&x);
    return err;
}

/* ---- removing ---- */

static enum err take_out(struct change *x, int64_t id, struct error *e) {
    enum err err = read_through(x, NULL, id, e);
    if (err == E_OK && !x->found)
        err = error_set(e, E_GONE, 0, "there is no agent %03lld", (long long)id);
    if (err != E_OK)
        return err;
    if (id == x->highest)
        return write_anew(x, x->name_at, "!", 1, x->name_at, e);
    return write_anew(x, x->line_start, "", 0, x->line_end, e);
}

enum err client_keys_remove(struct client_keys *c, int64_t id, struct error *e) {
    struct change x;
    char counter[32];
    struct text t;
    enum err err = open_file(&x, c, e);
    if (err != E_OK)
        return err;
    err = take_out(&x, id, e);
    if (err == E_OK)
        follow_on(&x);
    close_file(&x);
    if (err != E_OK)
        return err;
    /* The message counter of an agent that is no more would lock out the next one of this id. */
    text_init(&t, counter, sizeof counter);
    text_format(&t, "queue/rids/%03lld", (long long)id);
    c->sys->unlinkat(c->sys, c->root, counter, false);
    err = agents_delete(c->agents, id, NULL, e);
    if (err != E_OK) {
        c->followed = (struct keys_state){0};
        error_prefix(e, "agent %03lld is out of " CLIENT_KEYS_PATH ", and of the store soon", (long long)id);
    }
    return err;
}
