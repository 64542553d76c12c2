/* fake_wdb.c - see fake_wdb.h. */
#include "test/harness/fake_wdb.h"

#include "test/harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_BYTES (64u << 20)

const char FAKE_WDB_CLOSE[] = "close";

static int listen_at(const char *relative) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    CHECK(snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", test_dir(), relative) < (int)sizeof a.sun_path);
    unlink(a.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(listen(fd, 8) == 0);
    return fd;
}

static void side_open(struct fake_wdb_side *s, const char *relative) {
    memset(s, 0, sizeof *s);
    s->listener = listen_at(relative);
    s->fd = -1;
    s->in = test_keep(malloc(PEER_BYTES));
    s->out = test_keep(malloc(PEER_BYTES));
}

static void hang_up(struct fake_wdb_side *s) {
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->in_n = s->out_n = s->out_at = 0;
    s->close_after = false;
}

static void side_close(struct fake_wdb_side *s) {
    hang_up(s);
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
}

void fake_wdb_close(struct fake_wdb *p) {
    char path[256];
    side_close(&p->text);
    side_close(&p->http);
    snprintf(path, sizeof path, "%s/queue/db/wdb", test_dir());
    unlink(path);
    snprintf(path, sizeof path, "%s/queue/sockets/wdb-http.sock", test_dir());
    unlink(path);
}

static void close_at_end(void *arg) {
    fake_wdb_close(arg);
}

void fake_wdb_open(struct fake_wdb *p, const char *(*answer)(void *arg, const char *request), void *arg) {
    memset(p, 0, sizeof *p);
    test_write_file("queue/db/x", "", 0);
    test_write_file("queue/sockets/x", "", 0);
    side_open(&p->text, "queue/db/wdb");
    side_open(&p->http, "queue/sockets/wdb-http.sock");
    p->answer = answer;
    p->arg = arg;
    text_init(&p->log, p->log_buf, sizeof p->log_buf);
    test_at_end(close_at_end, p);
}

void fake_wdb_drop(struct fake_wdb *p) {
    hang_up(&p->text);
    hang_up(&p->http);
}

/* ---- bytes ---- */

static void receive(struct fake_wdb_side *s) {
    if (s->fd < 0) {
        s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (s->fd < 0)
            return;
        s->accepted++;
    }
    for (ssize_t n; (n = recv(s->fd, s->in + s->in_n, PEER_BYTES - 1 - s->in_n, 0)) != 0;
         s->in_n += (size_t)n)
        if (n < 0) {
            if (errno != EAGAIN)
                hang_up(s);
            return;
        }
    if (s->out_at == s->out_n)
        hang_up(s);
}

static void transmit(struct fake_wdb *p, struct fake_wdb_side *s) {
    while (s->fd >= 0 && s->out_at < s->out_n) {
        size_t n = s->out_n - s->out_at;
        ssize_t sent = send(s->fd, s->out + s->out_at, p->piece && p->piece < n ? p->piece : n, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                hang_up(s);
            return;
        }
        s->out_at += (size_t)sent;
        if (p->piece)
            break;
    }
    if (s->fd >= 0 && s->close_after && s->out_at == s->out_n)
        hang_up(s);
}

static void say(struct fake_wdb_side *s, const void *bytes, size_t n) {
    if (s->out_at == s->out_n)
        s->out_at = s->out_n = 0;
    CHECK(s->out_n + n < PEER_BYTES);
    memcpy(s->out + s->out_n, bytes, n);
    s->out_n += n;
}

/* ---- what they mean ---- */

static const char *asked(struct fake_wdb *p, struct fake_wdb_side *s, size_t n, const char *request) {
    text_format(&p->log, "%.300s\n", request);
    const char *answer = p->answer(p->arg, request);
    memmove(s->in, s->in + n, s->in_n - n);
    s->in_n -= n;
    return answer;
}

static void step_text(struct fake_wdb *p) {
    struct fake_wdb_side *s = &p->text;
    receive(s);
    while (s->fd >= 0 && s->in_n >= 4) {
        uint32_t n = (uint32_t)(uint8_t)s->in[3] << 24 | (uint32_t)(uint8_t)s->in[2] << 16 |
                     (uint32_t)(uint8_t)s->in[1] << 8 | (uint8_t)s->in[0];
        if (s->in_n < n + 4)
            break;
        char *request = test_keep(malloc(n + 1));
        memcpy(request, s->in + 4, n);
        request[n] = '\0';
        const char *answer = asked(p, s, n + 4, request);
        if (answer == FAKE_WDB_CLOSE) {
            hang_up(s);
        } else if (answer) {
            size_t answer_n = strlen(answer);
            uint8_t head[4];
            for (unsigned i = 0; i < 4; i++)
                head[i] = (uint8_t)(answer_n >> 8 * i);
            say(s, head, 4);
            say(s, answer, answer_n);
        }
    }
    transmit(p, s);
}

static void step_http(struct fake_wdb *p) {
    struct fake_wdb_side *s = &p->http;
    receive(s);
    s->in[s->in_n] = '\0';
    char *end = s->fd >= 0 ? strstr(s->in, "\r\n\r\n") : NULL;
    if (end) {
        size_t head = (size_t)(end - s->in) + 4, body = 0;
        const char *length = strstr(s->in, "Content-Length: ");
        if (length && length < end)
            body = strtoul(length + 16, NULL, 10);
        if (s->in_n >= head + body) {
            CHECK(strstr(s->in, "\r\nHost: localhost\r\n"));
            size_t line = (size_t)(strstr(s->in, " HTTP/1.1\r\n") - s->in);
            char *request = test_keep(malloc(line + body + 2));
            memcpy(request, s->in, line);
            request[line] = '\n';
            memcpy(request + line + 1, s->in + head, body);
            request[line + 1 + body] = '\0';
            const char *answer = asked(p, s, head + body, request);
            s->close_after = true;
            if (answer == FAKE_WDB_CLOSE) {
                hang_up(s);
            } else if (!answer) {
                s->close_after = false;
            } else if (strncmp(answer, "HTTP/", 5) == 0) {
                say(s, answer, strlen(answer));
            } else {
                char start[128];
                int n = snprintf(start, sizeof start, "HTTP/1.1 %.3s X\r\nContent-Length: %zu\r\n\r\n",
                                 answer, strlen(answer + 4));
                say(s, start, (size_t)n);
                say(s, answer + 4, strlen(answer + 4));
            }
        }
    }
    transmit(p, s);
}

void fake_wdb_step(struct fake_wdb *p) {
    if (p->text.listener < 0)
        return;
    step_text(p);
    step_http(p);
}
