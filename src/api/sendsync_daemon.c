/* api/sendsync_daemon.c - one exchange with a daemon's unix socket: a length of four bytes, little-endian,
 * and the message; the same back. Where no authd runs, the message for it is answered here (api/authd.c).
 *
 * The daemon is no friend either: it may accept and say nothing, say how long its answer is and lie, or be
 * gone in the middle. It has SENDSYNC_DAEMON_MS for all of it, its answer is bounded by the spool, and what
 * it does not finish is an error in the words of a real node. */
#include "api/sendsync.h"

#include "api/authd.h"
#include "base/bytes.h"
#include "role/agent_store.h"

#include <string.h>

#define AUTHD 0 /* its place in the table */
static const char names[] = "authd\0task-manager\0wazuh-db\0remoted\0";
static const char paths[] = "queue/sockets/auth\0queue/tasks/task\0queue/db/wdb\0queue/sockets/remote\0";
#define DAEMONS 4u

#define PIECE_BYTES (16u << 10)

int sendsync_daemon_find(const char *name) {
    return *name ? (int)text_find(names, name) : -1;
}

void sendsync_daemon_close(struct sendsync *x) {
    const struct role_env *role = x->queue->env->role;
    if (x->fd < 0)
        return;
    loop_io_remove(role->loop, &x->io);
    role->sys->close(role->sys, x->fd);
    x->fd = -1;
}

/* ---- authd's part done here ---- */

static bool is_builtin(const struct sendsync *x, bool no_daemon) {
    const struct role_env *role = x->queue->env->role;
    const struct agent_store *a = role->agent_store;
    if (x->daemon != AUTHD || !a || !a->is_embedded || !a->embedded_is_open)
        return false;
    return role->config->authd == AUTHD_BUILTIN || (no_daemon && role->config->authd == AUTHD_AUTO);
}

static void answer_here(struct sendsync *x) {
    const struct role_env *role = x->queue->env->role;
    char room[1024]; /* four parts of a line of client.keys, escaped, or an error */
    struct text out;
    size_t n = (size_t)min_size((size_t)(x->to - x->from), SESSION_SCRATCH_BYTES), got;
    struct error e;
    if (blob_read(&x->body, x->from, role->shared.scratch, n, &got, &e) != E_OK) {
        sendsync_fail(x, 1014, e.what);
        return;
    }
    text_init(&out, room, sizeof room);
    /* One that is longer is cut, and so no JSON: authd reads no more either. */
    authd_answer(&role->agent_store->embedded, &role->agent_store->keys, role->log,
                 (const char *)role->shared.scratch, n, &out);
    blob_reset(&x->body);
    blob_append(&x->body, (const uint8_t *)out.buf, out.len, NULL); /* fits into small */
    bytes_wipe(room, sizeof room);
    sendsync_answer(x);
}

/* ---- reaching it ---- */

static void unreachable(struct sendsync *x, int rc) {
    const char *name = strrchr(text_item(paths, x->daemon), '/') + 1;
    char words[96];
    struct text t;
    text_init(&t, words, sizeof words);
    if (rc == -ENOENT)
        text_str(&t, name);
    else if (rc == -ECONNREFUSED)
        text_format(&t, "Socket '%s' cannot receive connections", name);
    else
        text_format(&t, "[Errno %d] %s", -rc, err_os_words(-rc));
    sendsync_fail(x, rc == -ECONNREFUSED ? 1121 : 1013, words);
}

/* 0, or a negated errno value; x->fd is open then. */
static int connect_to(struct sendsync *x) {
    const struct role_env *role = x->queue->env->role;
    char path[128];
    struct sys_addr addr;
    struct text t;
    text_init(&t, path, sizeof path);
    text_format(&t, "%s/%s", x->queue->env->root_path, text_item(paths, x->daemon));
    if (t.cut || !sys_addr_unix(&addr, path))
        return -ENAMETOOLONG;
    int rc = role->sys->connect(role->sys, &addr, &x->fd);
    if (rc < 0 && rc != -EINPROGRESS)
        return rc;
    if (loop_io_add(role->loop, &x->io, x->fd, SYS_POLLOUT))
        return 0;
    role->sys->close(role->sys, x->fd);
    x->fd = -1;
    return -EAGAIN;
}

static void reach(struct sendsync *x) {
    if (is_builtin(x, false)) {
        answer_here(x);
        return;
    }
    int rc = connect_to(x);
    if (rc == 0) {
        le32_store(x->head, (uint32_t)(x->to - x->from));
        x->head_n = 0;
        x->at = x->from;
        x->phase = SENDSYNC_SEND; /* in the same time */
    } else if (rc == -EAGAIN) {   /* its backlog is full, or the loop is */
        sendsync_later(x);
    } else if ((rc == -ENOENT || rc == -ECONNREFUSED) && is_builtin(x, true)) {
        answer_here(x);
    } else {
        unreachable(x, rc);
    }
}

/* ---- the exchange ---- */

static void broken(struct sendsync *x, int rc) {
    char words[96];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, "[Errno %d] %s", -rc, err_os_words(-rc));
    sendsync_fail(x, 1014, words);
}

/* The next bytes to be sent: what is left of the length, then of the message. */
static enum err next_bytes(struct sendsync *x, const uint8_t **bytes, size_t *n, struct error *e) {
    uint8_t *piece = x->queue->env->role->shared.scratch;
    *bytes = x->head + x->head_n;
    *n = sizeof x->head - x->head_n;
    if (*n)
        return E_OK;
    *bytes = piece;
    return blob_read(&x->body, x->at, piece, min_size((size_t)(x->to - x->at), PIECE_BYTES), n, e);
}

static void sent(struct sendsync *x, size_t n) {
    if (x->head_n < sizeof x->head)
        x->head_n = (uint8_t)(x->head_n + n);
    else
        x->at += n;
    if (x->head_n < sizeof x->head || x->at < x->to)
        return;
    blob_reset(&x->body); /* from here on it is the answer's */
    x->body.limit = x->queue->env->role->shared.message_bytes / 4;
    x->head_n = 0;
    x->io.events = SYS_POLLIN;
    x->phase = SENDSYNC_RECEIVE;
}

static void send_on(struct sendsync *x) {
    struct sys *sys = x->queue->env->role->sys;
    for (size_t budget = TURN_BYTES; x->phase == SENDSYNC_SEND && budget;) {
        const uint8_t *bytes;
        size_t n;
        struct error e;
        if (next_bytes(x, &bytes, &n, &e) != E_OK) {
            sendsync_fail(x, 1014, e.what);
            return;
        }
        ptrdiff_t r = sys->send(sys, x->fd, bytes, n);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            broken(x, (int)r);
            return;
        }
        sent(x, (size_t)r);
        budget -= min_size(budget, (size_t)r);
    }
}

/* It is over before its answer is. */
static void cut_short(struct sendsync *x, uint32_t want) {
    char words[96];
    struct text t;
    text_init(&t, words, sizeof words);
    if (x->head_n < sizeof x->head)
        text_str(&t, "unpack requires a buffer of 4 bytes");
    else
        text_format(&t, "Expected %u bytes but received %u", (unsigned)want, (unsigned)x->body.size);
    sendsync_fail(x, 1014, words);
}

/* n bytes came. false: x has gone another way. */
static bool received(struct sendsync *x, const uint8_t *bytes, size_t n) {
    struct error e;
    if (x->head_n < sizeof x->head) {
        memcpy(x->head + x->head_n, bytes, n);
        x->head_n = (uint8_t)(x->head_n + n);
        if (x->head_n < sizeof x->head)
            return true;
        if (le32_load(x->head) == 0 || le32_load(x->head) > x->body.limit) {
            sendsync_fail(x, 1014, "the answer is empty, or longer than this node's limit");
            return false;
        }
    } else if (blob_append(&x->body, bytes, n, &e) != E_OK) {
        sendsync_fail(x, 1014, e.what);
        return false;
    }
    if (x->body.size < le32_load(x->head))
        return true;
    sendsync_daemon_close(x);
    sendsync_answer(x);
    return false;
}

static void receive_on(struct sendsync *x) {
    const struct role_env *role = x->queue->env->role;
    for (size_t budget = TURN_BYTES; budget;) {
        bool length = x->head_n < sizeof x->head;
        uint32_t whole = length ? 0 : le32_load(x->head);
        size_t want = length ? sizeof x->head - x->head_n
                             : min_size(whole - (size_t)x->body.size, SESSION_SCRATCH_BYTES);
        ptrdiff_t r = role->sys->recv(role->sys, x->fd, role->shared.scratch, want);
        if (r == -EAGAIN)
            return;
        if (r < 0)
            broken(x, (int)r);
        else if (r == 0)
            cut_short(x, whole);
        if (r <= 0 || !received(x, role->shared.scratch, (size_t)r))
            return;
        budget -= min_size(budget, (size_t)r);
    }
}

void sendsync_daemon_work(struct sendsync *x) {
    if (x->phase == SENDSYNC_REACH)
        reach(x);
    if (x->phase == SENDSYNC_SEND)
        send_on(x);
    else if (x->phase == SENDSYNC_RECEIVE)
        receive_on(x);
}
