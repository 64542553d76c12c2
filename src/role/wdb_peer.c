/* wdb_peer.c - one client of the wazuh-db sockets: its bytes come from recv and make a request in a blob; its
 * answer goes from a blob to send. One request at a time: while one is being answered nothing is read.
 *
 * A request that outgrows the small buffer takes a window. When none is free the client is not read from
 * until one is: who must wait a little is served in the end, who is refused may lose what it wanted to store.
 */
#include "base/bytes.h"
#include "src/role/wdb_server_parts.h"

#include <string.h>

static void next_request(struct wdb_peer *p) {
    p->state = PEER_READING;
    p->io.events = SYS_POLLIN;
    wdb_frame_init(&p->frame, WDB_TEXT_BYTES - 1);
    http_init(&p->head, true, p->server->body_most);
    blob_reset(&p->in);
    blob_reset(&p->out);
    p->answer_head_n = 0;
    p->out_at = 0;
}

void wdb_peer_init(struct wdb_peer *p, struct wdb_server *s, bool is_http, int fd) {
    p->server = s;
    p->fd = fd;
    p->is_http = is_http;
    p->closing = p->gone = p->starved = false;
    p->heard_ms = p->since_ms = s->loop->now_ms;
    p->turn = 0;
    p->ahead_at = p->ahead_n = 0;
    blob_init(&p->in, p->small, sizeof p->small, s->windows, s->spill,
              is_http ? s->body_most : WDB_TEXT_BYTES - 1);
    blob_init(&p->out, p->small_out, sizeof p->small_out, s->windows, s->spill, s->body_most);
    next_request(p);
}

bool wdb_peer_is_midway(const struct wdb_peer *p) {
    return p->state == PEER_READING && (p->is_http ? !http_is_fresh(&p->head) : p->frame.head_n > 0);
}

/* ---- writing ---- */

/* Up to cap bytes of the answer from out_at on: those of the head, of the blob where it lies, or a copy. */
static size_t next_bytes(struct wdb_peer *p, uint8_t *copy, size_t cap, const uint8_t **bytes) {
    struct error e;
    size_t n;
    if (p->out_at < p->answer_head_n) {
        *bytes = (const uint8_t *)p->answer_head + p->out_at;
        return p->answer_head_n - (size_t)p->out_at;
    }
    uint64_t at = p->out_at - p->answer_head_n;
    *bytes = blob_bytes(&p->out);
    if (*bytes) {
        *bytes += at;
        return (size_t)(p->out.size - at);
    }
    *bytes = copy;
    return blob_read(&p->out, at, copy, cap, &n, &e) == E_OK ? n : 0;
}

/* This, reading and refusing call each other, but only once around: who is refused is closed. */
bool wdb_peer_write(struct wdb_peer *p) {
    struct sys *sys = p->server->sys;
    uint8_t copy[4096];
    uint64_t end = p->answer_head_n + p->out.size;
    for (size_t budget = TURN_BYTES; p->out_at < end;) {
        const uint8_t *bytes;
        size_t n = min_size(next_bytes(p, copy, sizeof copy, &bytes), budget);
        ptrdiff_t sent = n ? sys->send(sys, p->fd, bytes, n) : budget ? -EIO : -EAGAIN;
        if (sent == -EAGAIN) {
            p->io.events = SYS_POLLOUT;
            return true;
        }
        if (sent < 0)
            return false;
        p->out_at += (uint64_t)sent;
        budget -= (size_t)sent;
    }
    if (p->closing)
        return false;
    next_request(p);
    return p->ahead_at == p->ahead_n || wdb_peer_read(p);
}

static bool begin_answer(struct wdb_peer *p) {
    blob_reset(&p->in);
    p->state = PEER_WRITING;
    p->since_ms = p->server->loop->now_ms;
    return !p->gone && wdb_peer_write(p);
}

bool wdb_peer_answer_text(struct wdb_peer *p, size_t n) {
    struct sys *sys = p->server->sys;
    uint8_t *frame = (uint8_t *)p->server->texts->reply;
    struct error e;
    if (p->gone)
        return false;
    wdb_frame_head(frame, (uint32_t)n);
    n += 4;
    ptrdiff_t sent = sys->send(sys, p->fd, frame, n);
    if (sent < 0 && sent != -EAGAIN)
        return false;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    return blob_append(&p->out, frame + done, n - done, &e) == E_OK && begin_answer(p);
}

bool wdb_peer_answer_http(struct wdb_peer *p, uint16_t status, const char *type) {
    struct text t;
    bool head = strcmp(p->head.method, "HEAD") == 0;
    if (head) /* none of its routes is served, and its answer has no body */
        blob_reset(&p->out);
    p->closing = p->closing || head || !p->head.keep_alive;
    text_init(&t, p->answer_head, sizeof p->answer_head);
    http_reply_head(&t, status, head ? NULL : type, p->out.size, !p->closing);
    p->answer_head_n = t.len;
    return begin_answer(p);
}

/* ---- requests that cannot be served ---- */

static bool refuse_http(struct wdb_peer *p, uint16_t status, const struct error *why) {
    struct error e;
    p->closing = true; /* where the next request would begin is not known */
    p->head.method[0] = '\0';
    bool said = blob_append(&p->out, (const uint8_t *)why->what, strlen(why->what), &e) == E_OK;
    return wdb_peer_answer_http(p, status, said ? "text/plain" : NULL);
}

static bool refuse_text(struct wdb_peer *p, const struct error *why) {
    struct wdb_server *s = p->server;
    struct text t;
    uint32_t held;
    if (log_brake_pass(&s->brake, s->loop->now_ms, 10000, &held))
        log_line(s->log, LOG_WARNING, "Local Server", "wazuh-db", "A request is refused: %s", why->what);
    p->closing = true;
    text_init(&t, s->texts->reply + 4, WDB_TEXT_BYTES);
    text_format(&t, "err %s", why->what);
    return wdb_peer_answer_text(p, t.len);
}

/* ---- reading ---- */

static void ask(struct wdb_peer *p) {
    p->state = PEER_ASKING;
    p->io.events = 0;
    p->turn = ++p->server->turns;
    loop_work_queue(p->server->loop, &p->server->work);
}

static bool feed_text(struct wdb_peer *p, const uint8_t *bytes, size_t n) {
    const uint8_t *text;
    size_t used, text_n;
    bool whole;
    struct error e;
    enum err err = wdb_frame_push(&p->frame, bytes, n, &used, &text, &text_n, &whole, &e);
    if (err == E_OK)
        err = blob_append(&p->in, text, text_n, &e);
    if (err)
        return refuse_text(p, &e);
    if (whole && !p->in.size)
        return false; /* an empty frame says goodbye, as there */
    if (whole)
        ask(p);
    return true;
}

/* *used: bytes that were taken. */
static bool feed_http(struct wdb_peer *p, const uint8_t *bytes, size_t n, size_t *used) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct sys *sys = p->server->sys;
    const uint8_t *body;
    size_t body_n;
    bool head_done, whole;
    struct error e;
    enum err err = http_push(&p->head, bytes, n, used, &body, &body_n, &head_done, &whole, &e);
    if (err) {
        bool in_head = !p->head.method[0];
        return refuse_http(p, err != E_LIMIT ? 400 : in_head ? 431 : 413, &e);
    }
    err = blob_append(&p->in, body, body_n, &e);
    if (err)
        return refuse_http(p, err == E_LIMIT ? 413 : 500, &e);
    if (head_done && !whole && p->head.expect_continue &&
        sys->send(sys, p->fd, go_on, sizeof go_on - 1) != (ptrdiff_t)(sizeof go_on - 1))
        return false; /* nothing else is on its way to the client: there must be room */
    if (whole)
        ask(p);
    return true;
}

/* Can n more bytes be kept? */
static bool has_room(struct wdb_peer *p, size_t n) {
    const struct blob *b = &p->in;
    p->starved = !b->window && b->handle < 0 && b->size + n > b->small_cap && b->windows &&
                 b->windows->used == b->windows->count;
    if (p->starved)
        p->io.events = 0;
    return !p->starved;
}

/* What lies ahead is fed until it is used up or a request is whole. */
static bool feed_ahead(struct wdb_peer *p) {
    while (p->state == PEER_READING && p->ahead_at < p->ahead_n) {
        size_t used;
        if (!has_room(p, p->ahead_n - p->ahead_at))
            return true;
        if (!feed_http(p, p->ahead + p->ahead_at, p->ahead_n - p->ahead_at, &used))
            return false;
        p->ahead_at += used;
    }
    return true;
}

/* One recv of what surely belongs to this request, or else to ahead. *n: what recv said. */
static bool read_piece(struct wdb_peer *p, ptrdiff_t *n) {
    struct sys *sys = p->server->sys;
    uint8_t piece[4096];
    size_t used, want = sizeof piece;
    if (!p->is_http)
        want = min_size(want, wdb_frame_want(&p->frame));
    else if (http_want(&p->head) < want)
        want = (size_t)http_want(&p->head);
    *n = -EAGAIN;
    if (want ? !has_room(p, want) : !has_room(p, sizeof p->ahead))
        return true;
    *n = want ? sys->recv(sys, p->fd, piece, want) : sys->recv(sys, p->fd, p->ahead, sizeof p->ahead);
    if (*n <= 0)
        return *n == -EAGAIN;
    if (!wdb_peer_is_midway(p))
        p->since_ms = p->server->loop->now_ms;
    p->heard_ms = p->server->loop->now_ms;
    if (!p->is_http)
        return feed_text(p, piece, (size_t)*n);
    if (want)
        return feed_http(p, piece, (size_t)*n, &used);
    p->ahead_at = 0;
    p->ahead_n = (size_t)*n;
    return feed_ahead(p);
}

bool wdb_peer_read(struct wdb_peer *p) {
    ptrdiff_t n = 0;
    if (p->starved)
        p->io.events = SYS_POLLIN;
    p->starved = false;
    if (!feed_ahead(p))
        return false;
    for (size_t budget = TURN_BYTES; p->state == PEER_READING && !p->starved && n >= 0 && budget;) {
        if (!read_piece(p, &n))
            return false;
        if (n > 0)
            budget -= min_size(budget, (size_t)n);
    }
    return true;
}
