/* wdb_server.c - who may come to the wazuh-db sockets, for how long, and whose turn it is. Commands and
 * routes are those of store/wdb_global.h and store/wdb_http.h.
 *
 * Per turn of the loop at most one text command and one step of an HTTP request are done, so that a long list
 * holds up neither the services nor the cluster. */
#include "role/wdb_server.h"

#include "fs/folder.h"
#include "role/link.h"
#include "src/role/wdb_server_parts.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 20u  /* until a window may be free, or the file */
#define BACKLOG 512   /* who finds it full is refused; asyncio does not notice, sends, and fails */
#define GRACE_MS 250u /* who came, or spoke, within this time is about to speak: it does not make way */

static void drop(struct wdb_peer *p);

/* ---- the clock ---- */

/* The client that has waited longest without a word; NULL: none does. */
static struct wdb_peer *longest_idle(const struct wdb_server *s) {
    struct wdb_peer *longest = NULL;
    for (struct wdb_peer *p = s->peers; p; p = p->next)
        if (p->state == PEER_READING && !p->starved && !wdb_peer_is_midway(p) &&
            (!longest || p->heard_ms <= longest->heard_ms)) /* of equals, who came first */
            longest = p;
    return longest;
}

static void accept_from(struct wdb_server *s, uint64_t ms) {
    s->accept_ms = ms;
    s->text_io.events = s->http_io.events = ms ? 0 : SYS_POLLIN;
}

/* After anything that may have changed what is waited for. */
static void settle(struct wdb_server *s) {
    if (s->accept_ms == UINT64_MAX && longest_idle(s))
        accept_from(s, 0);
    uint64_t due = s->accept_ms ? s->accept_ms : UINT64_MAX;
    for (const struct wdb_peer *p = s->peers; p; p = p->next) {
        uint64_t at = UINT64_MAX;
        if (p->starved || (s->locked && p->state == PEER_ASKING))
            at = s->loop->now_ms + RETRY_MS;
        else if (p->state == PEER_WRITING || wdb_peer_is_midway(p))
            at = p->since_ms + WDB_PEER_TIME_MS;
        due = at < due ? at : due;
    }
    loop_timer_set(s->loop, &s->timer, due);
}

static void tick(void *arg) {
    struct wdb_server *s = arg;
    uint64_t now = s->loop->now_ms;
    if (s->accept_ms <= now)
        accept_from(s, 0);
    loop_work_queue(s->loop, &s->work); /* a command may wait for a file that was locked */
    for (struct wdb_peer *p = s->peers, *next; p; p = next) {
        bool stays = true;
        next = p->next;
        if (p->starved) {
            p->since_ms = now; /* it is not the client that takes its time */
            stays = wdb_peer_read(p);
        } else if (p->state == PEER_WRITING || wdb_peer_is_midway(p)) {
            stays = now < p->since_ms + WDB_PEER_TIME_MS;
        }
        if (!stays)
            drop(p);
    }
    settle(s);
}

/* ---- turns ---- */

static struct wdb_peer *next_asking(const struct wdb_server *s, bool is_http) {
    struct wdb_peer *first = NULL;
    for (struct wdb_peer *p = s->peers; p; p = p->next)
        if (p->state == PEER_ASKING && p->is_http == is_http && (!first || p->turn < first->turn))
            first = p;
    return first;
}

/* A line break at the end of a command is a terminal's, and is given back with the answer. */
static void run_text(struct wdb_server *s, struct wdb_peer *p) {
    struct text reply;
    struct error e;
    char *command = s->texts->request;
    size_t n;
    if (blob_read(&p->in, 0, (uint8_t *)command, WDB_TEXT_BYTES - 1, &n, &e) != E_OK) {
        drop(p);
        return;
    }
    bool terminal = command[n - 1] == '\n'; /* there is no empty request */
    n -= terminal;
    command[n] = '\0';
    text_init(&reply, s->texts->reply + 4, WDB_TEXT_BYTES);
    wdb_global(&s->embedded->global, command, n, &reply);
    s->locked = s->embedded->global.locked && s->loop->now_ms < p->since_ms + WDB_LOCKED_MS;
    if (s->locked) /* remoted says what an agent told only once */
        return;
    if (terminal)
        text_char(&reply, '\n');
    if (!wdb_peer_answer_text(p, reply.len))
        drop(p);
}

static void http_done(struct wdb_server *s) {
    struct wdb_peer *p = s->answering;
    s->answering = NULL;
    if (!wdb_peer_answer_http(p, s->http.status, s->http.type))
        drop(p);
}

static void run_http(struct wdb_server *s) {
    struct wdb_peer *p = s->answering;
    if (!p) {
        p = next_asking(s, true);
        if (!p)
            return;
        s->answering = p;
        if (!wdb_http_begin(&s->http, &s->embedded->agents, s->texts, &p->head, &p->in, &p->out)) {
            http_done(s);
            return;
        }
    }
    if (wdb_http_step(&s->http) != STEP_AGAIN)
        http_done(s);
}

static void work(void *arg) {
    struct wdb_server *s = arg;
    struct wdb_peer *text = next_asking(s, false);
    s->locked = false;
    if (text)
        run_text(s, text);
    run_http(s);
    /* the one that is being answered counts as asking */
    if (next_asking(s, true) || (next_asking(s, false) && !s->locked))
        loop_work_queue(s->loop, &s->work);
    settle(s);
}

/* ---- clients come and go ---- */

/* Never the one whose request is being worked off: that is done to its end, or ends with the server. */
static void drop(struct wdb_peer *p) {
    struct wdb_server *s = p->server;
    struct wdb_peer **at = &s->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    loop_io_remove(s->loop, &p->io);
    s->sys->close(s->sys, p->fd);
    blob_reset(&p->in);
    blob_reset(&p->out);
    pool_give(s->pool, p);
    accept_from(s, 0);
}

static void ready(void *arg, short events) {
    struct wdb_peer *p = arg;
    struct wdb_server *s = p->server;
    bool stays = true, hung = events & (SYS_POLLHUP | SYS_POLLERR);
    switch (p->state) {
    case PEER_READING:
        stays = !p->starved && wdb_peer_read(p);
        break;
    case PEER_WRITING:
        stays = wdb_peer_write(p) && !(hung && p->state == PEER_WRITING);
        break;
    default: /* nothing is read: only the end of the connection is told, and once is enough */
        p->gone = hung;
        if (hung)
            loop_io_remove(s->loop, &p->io);
        break;
    }
    if (!stays)
        drop(p);
    settle(s);
}

/* The client that has been idle for longest is dropped for a new one, unless it has just spoken. false:
 * nobody can be; who waits outside goes on waiting. */
static bool make_way(struct wdb_server *s) {
    uint64_t now = s->loop->now_ms;
    struct wdb_peer *p;
    while ((p = longest_idle(s)) && p->heard_ms + GRACE_MS <= now)
        if (!wdb_peer_read(p) || p == longest_idle(s)) {
            drop(p);
            return true;
        }
    accept_from(s, p ? p->heard_ms + GRACE_MS : UINT64_MAX);
    return false;
}

static void accept_all(struct wdb_server *s, int listener, bool is_http) {
    for (unsigned i = 0; i < 16; i++) {
        struct sys_addr addr;
        /* Only now is it sure that somebody waits; of others poll will tell. */
        if (s->pool->used == s->pool->count && (i > 0 || !make_way(s)))
            return;
        int fd = s->sys->accept(s->sys, listener, &addr);
        if (fd < 0) {
            if (fd != -EAGAIN) /* no descriptor, say: who waits would make us run in a circle */
                accept_from(s, s->loop->now_ms + ACCEPT_PAUSE_MS);
            return;
        }
        struct wdb_peer *p = pool_take(s->pool);
        if (!p) {
            s->sys->close(s->sys, fd);
            return;
        }
        loop_io_init(&p->io, ready, p);
        if (!loop_io_add(s->loop, &p->io, fd, SYS_POLLIN)) {
            s->sys->close(s->sys, fd);
            pool_give(s->pool, p);
            return;
        }
        wdb_peer_init(p, s, is_http, fd);
        p->next = s->peers;
        s->peers = p;
    }
}

static void text_ready(void *arg, short events) {
    struct wdb_server *s = arg;
    (void)events;
    accept_all(s, s->text_fd, false);
    settle(s);
}

static void http_ready(void *arg, short events) {
    struct wdb_server *s = arg;
    (void)events;
    accept_all(s, s->http_fd, true);
    settle(s);
}

/* ---- the sockets ---- */

/* Makes the folder that a socket is to lie in, as Wazuh's package does. */
static enum err make_folder(struct wdb_server *s, const char *folder, uint32_t mode, struct error *e) {
    const struct db *db = &s->embedded->db;
    struct sys_stat st;
    bool is_new = s->sys->lstatat(s->sys, s->root, folder, &st) == -ENOENT;
    int fd;
    enum err err = folder_make(s->sys, s->root, folder, mode, &fd, e);
    if (err)
        return err;
    int rc = is_new && db->uid != UINT32_MAX ? s->sys->fchown(s->sys, fd, db->uid, db->gid) : 0;
    s->sys->close(s->sys, fd);
    return rc < 0 ? error_set(e, E_SYS, -rc, "giving %s to its owner", folder) : E_OK;
}

/* A socket that answers is somebody else's; one that does not was left behind. */
static enum err clear_path(struct wdb_server *s, const struct sys_addr *addr, const char *name,
                           struct error *e) {
    int fd, rc = s->sys->connect(s->sys, addr, &fd);
    if (rc == 0 || rc == -EINPROGRESS)
        s->sys->close(s->sys, fd);
    if (rc == 0 || rc == -EAGAIN) /* -EAGAIN: it listens, and many wait already */
        return error_set(e, E_DUPLICATE, 0, "%s is served already: a wazuh-db is running", name);
    if (rc == -ENOENT)
        return E_OK;
    if (rc != -ECONNREFUSED && rc != -EINPROGRESS) /* a local connection is never "under way" */
        return error_set(e, E_SYS, -rc, "asking who serves %s", name);
    rc = s->sys->unlinkat(s->sys, s->root, name, false);
    return rc < 0 && rc != -ENOENT ? error_set(e, E_SYS, -rc, "removing the old %s", name) : E_OK;
}

static enum err serve(struct wdb_server *s, const char *root_path, const char *name, int *fd,
                      struct loop_io *io, struct error *e) {
    char path[PATH_MAX_BYTES];
    struct sys *sys = s->sys;
    struct sys_addr addr;
    const struct db *db = &s->embedded->db;
    int n = snprintf(path, sizeof path, "%s/%s", root_path, name);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path))
        return error_set(e, E_LIMIT, 0, "%s/%s: too long for the name of a socket", root_path, name);
    enum err err = clear_path(s, &addr, name, e);
    if (err)
        return err;
    *fd = sys->listen(sys, &addr, BACKLOG);
    if (*fd < 0)
        return error_set(e, E_SYS, -*fd, "listening on %s", path);
    int rc = sys->chmodat(sys, s->root, name, 0660);
    if (rc == 0 && db->uid != UINT32_MAX)
        rc = sys->chownat(sys, s->root, name, db->uid, db->gid);
    if (rc < 0)
        return error_set(e, E_SYS, -rc, "setting mode and owner of %s", path);
    if (!loop_io_add(s->loop, io, *fd, SYS_POLLIN))
        return error_set(e, E_POOL, 0, "the loop has no room for %s", name);
    return E_OK;
}

enum err wdb_server_open(struct wdb_server *s, struct sys *sys, struct loop *loop, struct log *log, int root,
                         const char *root_path, struct embedded *embedded, struct store_texts *texts,
                         struct pool *pool, struct pool *windows, struct spill *spill, uint64_t body_most,
                         struct error *e) {
    memset(s, 0, sizeof *s);
    s->sys = sys;
    s->loop = loop;
    s->log = log;
    s->root = root;
    s->embedded = embedded;
    s->texts = texts;
    s->pool = pool;
    s->windows = windows;
    s->spill = spill;
    s->body_most = body_most;
    s->text_fd = s->http_fd = -1;
    loop_io_init(&s->text_io, text_ready, s);
    loop_io_init(&s->http_io, http_ready, s);
    loop_timer_init(&s->timer, tick, s);
    loop_work_init(&s->work, work, s);
    enum err err = make_folder(s, "queue/db", 0750, e);
    if (err == E_OK)
        err = make_folder(s, "queue/sockets", 0770, e);
    if (err == E_OK)
        err = serve(s, root_path, WDB_TEXT_SOCKET, &s->text_fd, &s->text_io, e);
    if (err == E_OK)
        err = serve(s, root_path, WDB_HTTP_SOCKET, &s->http_fd, &s->http_io, e);
    if (err)
        wdb_server_close(s);
    else
        log_line(log, LOG_INFO, "Local Server", "Main", "Serving wazuh-db's sockets %s and %s below %s",
                 WDB_TEXT_SOCKET, WDB_HTTP_SOCKET, root_path);
    return err;
}

static void unserve(struct wdb_server *s, const char *name, int *fd, struct loop_io *io) {
    if (*fd < 0)
        return;
    loop_io_remove(s->loop, io);
    s->sys->close(s->sys, *fd);
    s->sys->unlinkat(s->sys, s->root, name, false);
    *fd = -1;
}

void wdb_server_close(struct wdb_server *s) {
    unserve(s, WDB_TEXT_SOCKET, &s->text_fd, &s->text_io); /* first, or somebody comes in while others go */
    unserve(s, WDB_HTTP_SOCKET, &s->http_fd, &s->http_io);
    s->answering = NULL;
    while (s->peers)
        drop(s->peers);
    loop_timer_stop(s->loop, &s->timer);
    loop_work_cancel(s->loop, &s->work);
}
