/* wdb_client_io.c - one request to wazuh-db and its answer. Requests come from wdb_client.c as pieces of
 * memory and a range of a blob, and leave through send; answers come from recv, lose their frame or head, and
 * go to wdb_client.c. What they mean is not known here. */
#include "src/role/wdb_client_parts.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define PIECE_BYTES 4096u            /* of an answer, from one recv */
#define BODY_PIECE_BYTES (32u << 10) /* of the blob, for one send */

static const char tag[] = "Store", subtag[] = "wazuh-db";

/* ---- there, and not there ---- */

static void down(struct wdb_client *w, struct wdb_connection *c, const struct error *e) {
    struct text why;
    c->down = true;
    c->pause_ms = c->pause_ms ? (uint32_t)min_size(2 * c->pause_ms, WDB_PAUSE_MOST_MS) : WDB_PAUSE_MS;
    c->again_ms = w->loop->now_ms + c->pause_ms;
    if (!w->store.down)
        log_line(w->log, LOG_WARNING, tag, subtag, "wazuh-db cannot be reached; agents wait: %s", e->what);
    w->store.down = true;
    text_init(&why, w->store.why, sizeof w->store.why);
    text_str(&why, e->what);
}

static void up(struct wdb_client *w, struct wdb_connection *c) {
    c->down = false;
    c->pause_ms = 0;
    c->again_ms = 0;
    if (!w->store.down || w->text.down || w->http.down)
        return;
    w->store.down = false;
    w->store.why[0] = '\0';
    log_line(w->log, LOG_INFO, tag, subtag, "wazuh-db is back");
}

/* ---- connections ---- */

static void let_go(struct wdb_client *w, struct wdb_connection *c) {
    if (c->fd < 0)
        return;
    loop_io_remove(w->loop, &c->io);
    w->sys->close(w->sys, c->fd);
    c->fd = -1;
    c->used = c->connecting = false;
}

static enum err open_connection(struct wdb_client *w, struct wdb_connection *c, struct error *e) {
    char path[PATH_MAX_BYTES];
    struct sys_addr addr;
    if (w->loop->now_ms < c->again_ms)
        return error_set(e, E_CLOSED, 0, "%s", w->store.why);
    int n = snprintf(path, sizeof path, "%s/%s", w->root_path, c->path);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path)) {
        error_set(e, E_LIMIT, 0, "%s/%s: too long for the name of a socket", w->root_path, c->path);
        down(w, c, e);
        return e->code;
    }
    int rc = w->sys->connect(w->sys, &addr, &c->fd);
    if (rc < 0 && rc != -EINPROGRESS) {
        error_os(e, rc, "connecting to %s", path);
        down(w, c, e);
        return e->code;
    }
    c->connecting = rc != 0;
    if (!loop_io_add(w->loop, &c->io, c->fd, SYS_POLLOUT)) {
        w->sys->close(w->sys, c->fd);
        c->fd = -1;
        return error_set(e, E_POOL, 0, "the loop has no room for a connection to wazuh-db");
    }
    return E_OK;
}

/* ---- ends of a request ---- */

static void over(struct wdb_client *w) {
    w->asked = NULL;
    loop_timer_stop(w->loop, &w->timer);
}

static void give_up(struct wdb_client *w, struct wdb_connection *c, const struct error *e) {
    let_go(w, c);
    over(w);
    wdb_failed(w, e);
}

static void done(struct wdb_client *w, struct wdb_connection *c) {
    over(w);
    up(w, c);
    if (c == &w->http) {
        let_go(w, c);
    } else {
        c->used = true;
        c->io.events = SYS_POLLIN; /* its end is heard while it is idle */
    }
    wdb_answered(w);
}

static void begin(struct wdb_client *w, struct wdb_connection *c);

/* The connection broke. What wazuh-db has not whole it has not done; what it may have done is asked again
 * only when that does no harm. */
static void lost(struct wdb_client *w, struct wdb_connection *c, const struct error *e) {
    bool again = c->used && !w->repeated && !w->answer_begun && (w->may_repeat || w->sending);
    if (!again) {
        give_up(w, c, e);
        return;
    }
    let_go(w, c);
    w->repeated = true;
    begin(w, c);
}

static void late(void *arg) {
    struct wdb_client *w = arg;
    struct wdb_connection *c = w->asked;
    struct error e;
    error_set(&e, E_TIME, 0, "wazuh-db has not answered for %u s", WDB_ANSWER_MS / 1000u);
    down(w, c, &e);
    give_up(w, c, &e);
}

static void moved(struct wdb_client *w) {
    loop_timer_set(w->loop, &w->timer, w->loop->now_ms + WDB_ANSWER_MS);
}

/* ---- sending ---- */

/* What is to be sent next; *n 0: nothing is left. */
static enum err next_bytes(struct wdb_client *w, const char **bytes, size_t *n, struct error *e) {
    size_t at = w->sent;
    for (size_t i = 0; i < 3; i++) {
        if (at < w->out[i].n) {
            *bytes = w->out[i].bytes + at;
            *n = w->out[i].n - at;
            return E_OK;
        }
        at -= w->out[i].n;
    }
    *n = 0;
    if (w->body_at == w->body_to)
        return E_OK;
    size_t want = BODY_PIECE_BYTES;
    if (w->body_to - w->body_at < want)
        want = (size_t)(w->body_to - w->body_at);
    *bytes = w->texts->request;
    return blob_read(w->running->blob, w->body_at, (uint8_t *)w->texts->request, want, n, e);
}

static void note_sent(struct wdb_client *w, size_t n) {
    size_t pieces = w->out[0].n + w->out[1].n + w->out[2].n;
    if (w->sent < pieces)
        w->sent += n;
    else
        w->body_at += n;
    moved(w);
}

/* An HTTP server that refuses a body may answer and close before it has read it: the answer counts. */
static void send_failed(struct wdb_client *w, struct wdb_connection *c, ptrdiff_t rc) {
    struct error e;
    if (c == &w->http && (rc == -EPIPE || rc == -ECONNRESET)) {
        w->sending = false;
        c->io.events = SYS_POLLIN;
        return;
    }
    error_os(&e, rc, "writing to wazuh-db");
    lost(w, c, &e);
}

static void pump_out(struct wdb_client *w, struct wdb_connection *c) {
    c->io.events = SYS_POLLOUT;
    for (size_t budget = TURN_BYTES; budget > 0;) {
        const char *bytes = NULL;
        size_t n = 0;
        struct error e;
        if (next_bytes(w, &bytes, &n, &e) != E_OK) {
            give_up(w, c, &e);
            return;
        }
        if (!n) {
            w->sending = false;
            c->io.events = SYS_POLLIN;
            return;
        }
        ptrdiff_t sent = w->sys->send(w->sys, c->fd, bytes, min_size(n, budget));
        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            send_failed(w, c, sent);
            return;
        }
        note_sent(w, (size_t)sent);
        budget -= (size_t)sent;
    }
}

/* ---- receiving: each takes n bytes; false when the request is over, one way or the other ---- */

static bool take_text(struct wdb_client *w, struct wdb_connection *c, const uint8_t *bytes, size_t n) {
    struct error e;
    while (n > 0) {
        const uint8_t *text;
        size_t used, text_n;
        bool whole;
        if (wdb_frame_push(&w->frame, bytes, n, &used, &text, &text_n, &whole, &e) != E_OK) {
            give_up(w, c, &e);
            return false;
        }
        if (text_n)
            memcpy(w->texts->reply + w->reply_n, text, text_n);
        w->reply_n += text_n;
        bytes += used;
        n -= used;
        if (!whole)
            continue;
        w->texts->reply[w->reply_n] = '\0';
        if (n) { /* whose answer would that be? */
            error_set(&e, E_SYNTAX, 0, "wazuh-db answered more than it was asked");
            give_up(w, c, &e);
        } else {
            done(w, c);
        }
        return false;
    }
    return true;
}

static bool take_http(struct wdb_client *w, struct wdb_connection *c, const uint8_t *bytes, size_t n) {
    struct error e;
    while (n > 0) {
        const uint8_t *body;
        size_t used, body_n;
        bool head_done, whole;
        enum err err = http_push(&w->head, bytes, n, &used, &body, &body_n, &head_done, &whole, &e);
        if (err == E_OK && body_n)
            err = wdb_answer_body(w, (const char *)body, body_n, &e);
        if (err != E_OK) {
            give_up(w, c, &e);
            return false;
        }
        if (whole) {
            done(w, c);
            return false;
        }
        bytes += used;
        n -= used;
    }
    return true;
}

static void ended(struct wdb_client *w, struct wdb_connection *c) {
    struct error e;
    bool whole = false;
    if (c == &w->http && w->answer_begun && http_eof(&w->head, &whole, &e) == E_OK && whole) {
        done(w, c);
        return;
    }
    error_set(&e, E_CLOSED, 0, "wazuh-db closed the connection without %s answer",
              w->answer_begun ? "a whole" : "an");
    lost(w, c, &e);
}

static void pump_in(struct wdb_client *w, struct wdb_connection *c) {
    uint8_t piece[PIECE_BYTES];
    for (size_t budget = TURN_BYTES; budget > 0; budget -= min_size(budget, sizeof piece)) {
        ptrdiff_t n = w->sys->recv(w->sys, c->fd, piece, sizeof piece);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            struct error e;
            error_os(&e, n, "reading from wazuh-db");
            lost(w, c, &e);
            return;
        }
        if (n == 0) {
            ended(w, c);
            return;
        }
        w->answer_begun = true;
        moved(w);
        if (!(c == &w->http ? take_http : take_text)(w, c, piece, (size_t)n))
            return;
    }
}

static bool connected(struct wdb_client *w, struct wdb_connection *c) {
    struct error e;
    int os = 0;
    int rc = w->sys->sockopt_get(w->sys, c->fd, SYS_SO_ERROR, &os);
    c->connecting = false;
    if (rc >= 0 && os == 0)
        return true;
    error_os(&e, rc < 0 ? rc : -os, "connecting to %s/%s", w->root_path, c->path);
    down(w, c, &e);
    give_up(w, c, &e);
    return false;
}

static void ready(void *arg, short events) {
    struct wdb_connection *c = arg;
    struct wdb_client *w = c->client;
    (void)events;
    if (w->asked != c) { /* closed while it was idle, or bytes that nobody asked for */
        let_go(w, c);
        return;
    }
    if (c->connecting && !connected(w, c))
        return;
    if (w->sending)
        pump_out(w, c);
    else
        pump_in(w, c);
}

/* ---- begin ---- */

static void begin(struct wdb_client *w, struct wdb_connection *c) {
    struct error e;
    w->asked = c;
    w->sending = true;
    w->sent = 0;
    w->answer_begun = false;
    w->reply_n = 0;
    wdb_frame_init(&w->frame, STORE_TEXT_BYTES - 1);
    if (c->fd < 0 && open_connection(w, c, &e) != E_OK) {
        over(w);
        wdb_failed(w, &e);
        return;
    }
    moved(w);
    c->io.events = SYS_POLLOUT; /* sending begins in the next turn: so nothing here ends inside a caller */
}

void wdb_ask_text(struct wdb_client *w, const char *start, const char *middle, size_t middle_n,
                  const char *end) {
    size_t start_n = strlen(start), end_n = strlen(end);
    wdb_frame_head((uint8_t *)w->start, (uint32_t)(start_n + middle_n + end_n));
    memcpy(w->start + 4, start, min_size(start_n, sizeof w->start - 4));
    w->out[0] = (struct wdb_piece){w->start, 4 + start_n};
    w->out[1] = (struct wdb_piece){middle, middle_n};
    w->out[2] = (struct wdb_piece){end, end_n};
    w->body_at = w->body_to = 0;
    w->may_repeat = w->running->work != STORE_TEXT;
    w->repeated = false;
    begin(w, &w->text);
}

void wdb_ask_http(struct wdb_client *w, uint64_t body_from, uint64_t body_to) {
    struct text t;
    text_init(&t, w->start, sizeof w->start);
    text_format(&t, "%s /v1/agents/sync HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n",
                body_to ? "POST" : "GET");
    if (body_to)
        text_format(&t, "Content-Type: application/json\r\nContent-Length: %llu\r\n",
                    (unsigned long long)(body_to - body_from));
    text_str(&t, "Connection: close\r\n\r\n");
    w->out[0] = (struct wdb_piece){w->start, t.len};
    w->out[1] = w->out[2] = (struct wdb_piece){NULL, 0};
    w->body_at = body_from;
    w->body_to = body_to;
    w->repeated = true; /* never: its connection is new */
    http_init(&w->head, false, w->answer_most);
    begin(w, &w->http);
}

void wdb_ask_nothing(struct wdb_client *w) {
    if (!w->asked)
        return;
    let_go(w, w->asked);
    over(w);
}

static void init(struct wdb_client *w, struct wdb_connection *c, const char *path) {
    c->client = w;
    c->path = path;
    c->fd = -1;
    loop_io_init(&c->io, ready, c);
}

void wdb_connections_init(struct wdb_client *w) {
    init(w, &w->text, WDB_SOCKET);
    init(w, &w->http, WDB_HTTP_SOCKET);
    loop_timer_init(&w->timer, late, w);
}

void wdb_connections_fini(struct wdb_client *w) {
    wdb_ask_nothing(w);
    let_go(w, &w->text);
    let_go(w, &w->http);
}
