/* ruleset_reload.c - the exchange with analysisd, byte by byte as the socket has them, and what the log says
 * of it. What analysisd does with its rules is its own affair. */
#include "role/ruleset_reload.h"

#include "base/json_read.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define FRAME_BYTES 4u
#define NOBODY "analysisd cannot be reached at " RULESET_SOCKET

/* The four bytes before each message. */
static size_t le32(const uint8_t *p) {
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

void ruleset_reload_cancel(struct ruleset_reload *r) {
    loop_io_remove(r->loop, &r->io);
    loop_timer_stop(r->loop, &r->timer);
    loop_work_cancel(r->loop, &r->work);
    if (r->fd >= 0)
        r->sys->close(r->sys, r->fd);
    r->fd = -1;
    r->under_way = false;
}

static void finish(struct ruleset_reload *r, const struct error *why) {
    size_t n = r->got;
    ruleset_reload_cancel(r);
    if (why)
        r->done(r->arg, NULL, 0, why);
    else
        r->done(r->arg, (const char *)r->buf + FRAME_BYTES, n - FRAME_BYTES, NULL);
}

static void fail(struct ruleset_reload *r, enum err code, int os, const char *what) {
    struct error why;
    error_set(&why, code, os, "%s", what);
    finish(r, &why);
}

static void late(void *arg) {
    fail(arg, E_TIME, 0, "analysisd does not answer");
}

/* connect's error, when there was one at once. */
static void refused(void *arg) {
    struct ruleset_reload *r = arg;
    fail(r, E_CLOSED, r->fd < 0 ? (int)r->sent : 0, NOBODY);
}

static void send_question(struct ruleset_reload *r) {
    ptrdiff_t n = r->sys->send(r->sys, r->fd, r->buf + r->sent, r->out_n - r->sent);
    if (n < 0 && n != -EAGAIN) {
        fail(r, E_CLOSED, (int)-n, r->sent ? "writing to analysisd failed" : NOBODY);
        return;
    }
    r->sent += n > 0 ? (size_t)n : 0;
    if (r->sent == r->out_n)
        r->io.events = SYS_POLLIN;
}

/* Bytes missing of the length, then of the answer; 0: it is whole. */
static size_t missing(const struct ruleset_reload *r) {
    if (r->got < FRAME_BYTES)
        return FRAME_BYTES - r->got;
    return FRAME_BYTES + le32(r->buf) - r->got;
}

static void read_answer(struct ruleset_reload *r) {
    do {
        ptrdiff_t n = r->sys->recv(r->sys, r->fd, r->buf + r->got, missing(r));
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            fail(r, E_CLOSED, n ? (int)-n : 0, "analysisd closed the connection");
            return;
        }
        r->got += (size_t)n;
        if (r->got == FRAME_BYTES && le32(r->buf) > RULESET_ANSWER_BYTES) {
            fail(r, E_LIMIT, 0, "analysisd's answer is longer than this node reads");
            return;
        }
    } while (missing(r));
    finish(r, NULL);
}

static void ready(void *arg, short events) {
    struct ruleset_reload *r = arg;
    (void)events;
    if (r->sent < r->out_n)
        send_question(r);
    else
        read_answer(r);
}

void ruleset_reload_init(struct ruleset_reload *r, struct sys *sys, struct loop *loop) {
    r->sys = sys;
    r->loop = loop;
    r->fd = -1;
    r->under_way = false;
    loop_io_init(&r->io, ready, r);
    loop_timer_init(&r->timer, late, r);
    loop_work_init(&r->work, refused, r);
}

/* An answer of none is told in the next turn. */
static void fail_soon(struct ruleset_reload *r, int rc) {
    r->sent = (size_t)-rc;
    loop_work_queue(r->loop, &r->work);
}

enum err ruleset_reload_start(struct ruleset_reload *r, const char *root_path, const char *module,
                              void (*done)(void *arg, const char *answer, size_t n, const struct error *why),
                              void *arg, struct error *e) {
    char path[256];
    struct sys_addr addr;
    if (r->under_way)
        return error_set(e, E_POOL, 0, "a reload of the ruleset is under way");
    int n = snprintf(path, sizeof path, "%s/" RULESET_SOCKET, root_path);
    if (n < 0 || (size_t)n >= sizeof path || !sys_addr_unix(&addr, path))
        return error_set(e, E_LIMIT, 0, "%s/" RULESET_SOCKET ": too long for the name of a socket",
                         root_path);
    n = snprintf((char *)r->buf + FRAME_BYTES, sizeof r->buf - FRAME_BYTES,
                 "{\"version\": 1, \"origin\": {\"module\": \"%s\"}, \"command\": \"reload-ruleset\"}",
                 module);
    for (unsigned i = 0; i < FRAME_BYTES; i++)
        r->buf[i] = (uint8_t)((unsigned)n >> 8 * i);
    r->out_n = FRAME_BYTES + (size_t)n;
    r->sent = r->got = 0;
    r->done = done;
    r->arg = arg;
    r->under_way = true;
    int rc = r->sys->connect(r->sys, &addr, &r->fd);
    if (rc < 0 && rc != -EINPROGRESS) {
        r->fd = -1;
        fail_soon(r, rc);
    } else if (!loop_io_add(r->loop, &r->io, r->fd, SYS_POLLOUT)) {
        r->sys->close(r->sys, r->fd);
        r->fd = -1;
        fail_soon(r, -EMFILE);
    } else {
        loop_timer_set(r->loop, &r->timer, r->loop->now_ms + RULESET_RELOAD_MS);
    }
    return E_OK;
}

bool ruleset_reload_is_under_way(const struct ruleset_reload *r) {
    return r->under_way;
}

/* ---- the log ---- */

#define AFTER "after cluster integrity check: "
#define TOKENS 128

/* The strings of "data", joined with ", ". */
static void add_data(struct text *t, const struct json_doc *d) {
    char one[256];
    size_t len, data = json_find(d, 0, "data");
    if (!data || d->tokens[data].kind != JSON_ARRAY)
        return;
    size_t at = json_first(d, data);
    for (uint32_t k = 0; k < d->tokens[data].size; k++, at = d->tokens[at].next)
        if (json_copy_str(d, at, one, sizeof one, &len) == E_OK)
            text_format(t, "%s%s", t->len ? ", " : "", one);
}

void ruleset_reload_log(struct log *log, const char *tag, const char *answer, size_t n,
                        const struct error *why) {
    struct json_token tokens[TOKENS];
    struct json_doc d;
    struct error e;
    char words[900];
    struct text t;
    uint64_t code = 1;
    text_init(&t, words, sizeof words);
    if (answer && json_parse(&d, answer, n, tokens, TOKENS, &e) != E_OK) {
        answer = NULL;
        why = &e;
    }
    if (!answer) {
        log_line(log, LOG_ERROR, tag, "Main", "Ruleset reload failed " AFTER "%s", why->what);
        return;
    }
    size_t error = json_find(&d, 0, "error");
    add_data(&t, &d);
    if (!error || !json_get_uint(&d, error, UINT32_MAX, &code) || code != 0)
        log_line(log, LOG_ERROR, tag, "Main", "Ruleset reload failed " AFTER "%s", words);
    else if (t.len)
        log_line(log, LOG_WARNING, tag, "Main", "Ruleset reloaded with warnings " AFTER "%s", words);
    else
        log_line(log, LOG_INFO, tag, "Main",
                 "Ruleset reload triggered by cluster integrity check: reload message sent successfully.");
}
