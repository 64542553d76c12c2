/* app/ask.c - the framing of the local socket from the client's side (reference, section 4.4): no Fernet, one
 * connection, one question at a time. The socket's own timeout and one deadline bound the whole visit. */
#include "app/ask.h"

#include "base/bytes.h"
#include "sys/process.h"
#include "wire/frame.h"

#include <string.h>

#define SENT_ON "Sent request to master node" /* a worker's first answer; the real one is control_res */
#define QUESTION_BYTES 3072

enum err ask_open(struct ask *a, struct sys *sys, const char *path, uint32_t wait_ms, struct error *e) {
    a->sys = sys;
    a->deadline_ms = sys_mono_ms(sys) + wait_ms;
    uint8_t start[4];
    int r = sys->random(sys, start, sizeof start);
    if (r >= 0)
        r = process_connect_unix(path, wait_ms, &a->fd);
    if (r == -ECONNREFUSED) /* the socket of a node that is gone */
        return error_set(e, E_GONE, -r, "%s", path);
    if (r < 0)
        return error_os(e, r, "%s", path);
    a->counter = be32_load(start);
    return E_OK;
}

void ask_close(struct ask *a) {
    if (a->fd >= 0)
        a->sys->close(a->sys, a->fd);
    a->fd = -1;
}

/* Header and payload leave in one write: Wazuh's own daemons lose a header that comes alone. */
static enum err send_frame(struct ask *a, uint32_t counter, const char *command, const char *payload,
                           struct error *e) {
    uint8_t frame[FRAME_HEADER_BYTES + QUESTION_BYTES];
    size_t n = strlen(payload);
    if (n > QUESTION_BYTES)
        return error_set(e, E_LIMIT, 0, "%s: a question of %zu bytes", command, n);
    frame_header_write(frame, counter, (uint32_t)n, command, false);
    memcpy(frame + FRAME_HEADER_BYTES, payload, n);
    n += FRAME_HEADER_BYTES;
    ptrdiff_t r = a->sys->send(a->sys, a->fd, frame, n);
    if (r == (ptrdiff_t)n)
        return E_OK;
    return r < 0 && r != -EAGAIN ? error_set(e, E_CLOSED, (int)-r, "sending %s", command)
                                 : error_set(e, E_TIME, 0, "sending %s", command);
}

/* One whole frame: its header, and its payload in out. */
static enum err receive_frame(struct ask *a, struct frame_header *header, char *out, size_t cap, size_t *len,
                              struct error *e) {
    struct frame_dec dec;
    frame_dec_init(&dec);
    bool whole = false, cut = false;
    *len = 0;
    while (!whole) {
        uint8_t buf[4096];
        if (sys_mono_ms(a->sys) >= a->deadline_ms)
            return error_set(e, E_TIME, 0, "no answer in time");
        /* Never into the next frame: it may be here already, and the decoder ends with this one. */
        size_t want = dec.left ? dec.left : (size_t)FRAME_HEADER_BYTES - dec.have;
        ptrdiff_t n = a->sys->recv(a->sys, a->fd, buf, min_size(sizeof buf, want));
        if (n == -EAGAIN)
            continue;
        if (n <= 0)
            return error_set(e, E_CLOSED, n < 0 ? (int)-n : 0, "the node closed the connection");
        for (size_t at = 0; at < (size_t)n && !whole;) {
            struct frame_event event;
            at += frame_dec_push(&dec, buf + at, (size_t)n - at, &event);
            if (event.kind == FRAME_BAD)
                return error_set(e, E_FRAME, 0, "an answer that is no frame");
            if (event.kind == FRAME_BODY) {
                size_t take = min_size(event.n, cap - 1 - *len);
                memcpy(out + *len, event.bytes, take);
                *len += take;
                cut |= take < event.n;
            }
            whole = event.last;
        }
    }
    *header = dec.header;
    out[*len] = '\0';
    return cut ? error_set(e, E_LIMIT, 0, "an answer of more than %zu bytes", cap - 1) : E_OK;
}

enum err ask_question(struct ask *a, const char *command, const char *payload, char *out, size_t cap,
                      size_t *len, struct error *e) {
    uint32_t mine = a->counter++;
    enum err err = send_frame(a, mine, command, payload, e);
    while (!err) {
        struct frame_header header;
        err = receive_frame(a, &header, out, cap, len, e);
        if (err)
            break;
        if (header.counter == mine && !strcmp(header.command, "ok")) {
            if (strcmp(out, SENT_ON))
                return E_OK;
        } else if (header.counter == mine) {
            return error_set(e, E_PEER, 0, "%s: %.100s", command, out);
        } else if (!strcmp(header.command, "control_res")) {
            return send_frame(a, header.counter, "ok", "Response received", e);
        }
    }
    return err;
}
