/* app/ask.c - the framing of the local socket from the client's side (reference, section 4.4): no Fernet, one
 * connection, one question at a time. One deadline bounds the whole visit. What the node asks of us on the
 * way (new_str, str_upd, dapi_res and their kin) is answered here. */
#include "app/ask.h"

#include "base/bytes.h"
#include "base/text.h"
#include "sys/process.h"
#include "wire/frame.h"

#include <string.h>

#define SENT_ON "Sent request to master node" /* a worker's first answer; the real one is control_res */
#define EXCEPTION "{\"__wazuh_exception__\""  /* so a control_res begins when the master refused */
#define STRING_ID "1"                         /* what we call the one string that may come */
#define BEAT_MS 30000u /* nodes close who says nothing for 120 s, picket's and Wazuh's */
#define PIECE_BYTES 4096u

/* Header and payload leave in one write, so they lie together; one question is asked at a time. */
static uint8_t question[FRAME_HEADER_BYTES + ASK_QUESTION_BYTES];

enum err ask_open(struct ask *a, struct sys *sys, const char *path, uint32_t wait_ms, struct error *e) {
    *a = (struct ask){.sys = sys, .fd = -1};
    uint64_t now_ms = sys_mono_ms(sys);
    a->deadline_ms = now_ms + wait_ms;
    a->beat_ms = now_ms + BEAT_MS;
    uint8_t start[4];
    int r = sys->random(sys, start, sizeof start);
    if (r >= 0)
        r = process_connect_unix(path, wait_ms, &a->fd);
    if (r == -ECONNREFUSED) /* the socket of a node that is gone */
        return error_set(e, E_GONE, -r, "%s", path);
    if (r == -EAGAIN) /* its queue of callers is full, and nobody takes them out */
        return error_set(e, E_TIME, 0, "%s: nobody takes the call", path);
    if (r < 0)
        return error_os(e, r, "%s", path);
    a->counter = be32_load(start);
    a->beat = a->counter - 1;
    return E_OK;
}

void ask_close(struct ask *a) {
    if (a->fd >= 0)
        a->sys->close(a->sys, a->fd);
    a->fd = -1;
}

/* ---- frames ---- */

/* Wazuh's own daemons lose a header that comes alone: one write. */
static enum err send_frame(struct ask *a, uint32_t counter, const char *command, const char *payload,
                           struct error *e) {
    size_t n = strlen(payload);
    if (n > ASK_QUESTION_BYTES)
        return error_set(e, E_LIMIT, 0, "%s: a question of %zu bytes", command, n);
    frame_header_write(question, counter, (uint32_t)n, command, false);
    memcpy(question + FRAME_HEADER_BYTES, payload, n);
    n += FRAME_HEADER_BYTES;
    ptrdiff_t r = a->sys->send(a->sys, a->fd, question, n);
    if (r == (ptrdiff_t)n)
        return E_OK;
    return r < 0 && r != -EAGAIN ? error_set(e, E_CLOSED, (int)-r, "sending %s", command)
                                 : error_set(e, E_TIME, 0, "sending %s", command);
}

/* Waits until there is something to read; says now and then that we are still here. */
static enum err wait_bytes(struct ask *a, struct error *e) {
    for (;;) {
        uint64_t now_ms = sys_mono_ms(a->sys);
        if (now_ms >= a->deadline_ms)
            return error_set(e, E_TIME, 0, "no answer in time");
        if (now_ms >= a->beat_ms) {
            a->beat_ms = now_ms + BEAT_MS;
            a->beat = a->counter++;
            enum err err = send_frame(a, a->beat, "echo-c", "keepalive", e);
            if (err)
                return err;
        }
        uint64_t until = a->deadline_ms < a->beat_ms ? a->deadline_ms : a->beat_ms;
        struct sys_poll p = {.fd = a->fd, .events = SYS_POLLIN};
        if (a->sys->poll(a->sys, &p, 1, (int)(until - now_ms)) > 0)
            return E_OK;
    }
}

/* Exactly n bytes. */
static enum err receive(struct ask *a, void *out, size_t n, struct error *e) {
    for (size_t have = 0; have < n;) {
        enum err err = wait_bytes(a, e);
        if (err)
            return err;
        ptrdiff_t r = a->sys->recv(a->sys, a->fd, (uint8_t *)out + have, n - have);
        if (r == -EAGAIN)
            continue;
        if (r <= 0)
            return error_set(e, E_CLOSED, r < 0 ? (int)-r : 0, "the node closed the connection");
        have += (size_t)r;
    }
    return E_OK;
}

static enum err receive_header(struct ask *a, struct frame_header *header, struct error *e) {
    uint8_t raw[FRAME_HEADER_BYTES];
    struct frame_dec dec;
    struct frame_event event;
    enum err err = receive(a, raw, sizeof raw, e);
    if (err)
        return err;
    frame_dec_init(&dec);
    frame_dec_push(&dec, raw, sizeof raw, &event);
    if (event.kind != FRAME_HEADER)
        return error_set(e, E_FRAME, 0, "an answer that is no frame");
    *header = dec.header;
    return E_OK;
}

/* The payload into out, cut to cap: E_LIMIT, and the connection is still good. */
static enum err receive_text(struct ask *a, uint32_t left, char *out, size_t cap, size_t *len,
                             struct error *e) {
    bool cut = false;
    *len = 0;
    while (left) {
        char rest[PIECE_BYTES];
        bool fits = *len + 1 < cap;
        size_t n = min_size(left, fits ? cap - 1 - *len : sizeof rest);
        enum err err = receive(a, fits ? out + *len : rest, n, e);
        if (err)
            return err;
        *len += fits ? n : 0;
        cut |= !fits;
        left -= (uint32_t)n;
    }
    out[*len] = '\0';
    return cut ? error_set(e, E_LIMIT, 0, "an answer of more than %zu bytes", cap - 1) : E_OK;
}

/* A payload to the sink: of str_upd, "<id> <bytes>", the bytes; of a direct answer all of it. */
static enum err receive_piece(struct ask *a, uint32_t left, const struct ask_sink *sink, struct error *e) {
    bool named = sink->direct;
    enum err err = E_OK;
    while (left && !err) {
        char piece[PIECE_BYTES];
        size_t n = min_size(left, sizeof piece), from = 0;
        err = receive(a, piece, n, e);
        left -= (uint32_t)n;
        if (!err && !named) {
            const char *blank = memchr(piece, ' ', n);
            if (!blank)
                return error_set(e, E_FRAME, 0, "a piece of a string without its number");
            from = (size_t)(blank - piece) + 1;
            named = true;
        }
        if (!err && n > from)
            err = sink->take(sink->arg, piece + from, n - from, e);
    }
    return err;
}

/* ---- questions ---- */

enum err ask_question(struct ask *a, const char *command, const char *payload, char *out, size_t cap,
                      size_t *len, struct error *e) {
    uint32_t mine = a->counter++;
    enum err err = send_frame(a, mine, command, payload, e);
    while (!err) {
        struct frame_header header;
        err = receive_header(a, &header, e);
        if (!err)
            err = receive_text(a, header.length, out, cap, len, e);
        if (err == E_LIMIT && header.counter != mine) /* its asker waits for a word all the same */
            send_frame(a, header.counter, "ok", "Response received", NULL);
        if (err)
            break;
        if (header.counter == mine && !strcmp(header.command, "ok")) {
            if (strcmp(out, SENT_ON))
                return E_OK;
        } else if (header.counter == mine) {
            return error_set(e, E_PEER, 0, "%s: %.100s", command, out);
        } else if (!strcmp(header.command, "control_res")) {
            err = send_frame(a, header.counter, "ok", "Response received", e);
            bool refused = !strncmp(out, EXCEPTION, sizeof EXCEPTION - 1);
            return err || !refused ? err : error_set(e, E_PEER, 0, "%s: %.100s", command, out);
        }
    }
    return err;
}

/* One request of the node's on the way to its answer; *over: that was the answer. A send_f_res carries words
 * instead of a string's number where the whole answer is one word. */
static enum err serve(struct ask *a, const struct frame_header *h, const struct ask_sink *sink, char *out,
                      size_t cap, bool *over, struct error *e) {
    static const char results[] = "dapi_res\0send_f_res\0control_res\0ok\0", errors[] = "dapi_err\0err\0";
    size_t n;
    bool piece = !strcmp(h->command, "str_upd");
    enum err err = piece ? receive_piece(a, h->length, sink, e) : receive_text(a, h->length, out, cap, &n, e);
    if (err && err != E_LIMIT)
        return err;
    if (piece)
        return send_frame(a, h->counter, "ok", "String updated", e);
    if (!strcmp(h->command, "new_str"))
        return send_frame(a, h->counter, "ok", STRING_ID, e);
    if (!strcmp(h->command, "err_str"))
        return send_frame(a, h->counter, "ok", "None", e);
    bool failed = text_find(errors, h->command) >= 0 || !strncmp(out, "Error", 5);
    *over = failed || text_find(results, h->command) >= 0;
    if (!*over)
        return send_frame(a, h->counter, "err", "unknown command", e);
    /* Who does not wait for our word is gone before it comes: the answer is whole all the same. */
    send_frame(a, h->counter, "ok", "Response received", NULL);
    if (failed)
        return error_set(e, E_PEER, 0, "%.100s", out);
    return strcmp(out, STRING_ID) ? sink->take(sink->arg, out, n, e) : E_OK;
}

enum err ask_string(struct ask *a, const char *command, const char *payload, const struct ask_sink *sink,
                    char *out, size_t cap, struct error *e) {
    uint32_t mine = a->counter++;
    bool over = false;
    enum err err = send_frame(a, mine, command, payload, e);
    while (!err && !over) {
        struct frame_header header;
        err = receive_header(a, &header, e);
        if (err)
            break;
        if (header.counter != mine && header.counter != a->beat) {
            err = serve(a, &header, sink, out, cap, &over, e);
            continue;
        }
        size_t n;
        if (sink->direct && header.counter == mine && !strcmp(header.command, "ok"))
            return receive_piece(a, header.length, sink, e);
        err = receive_text(a, header.length, out, cap, &n, e);
        if (!err && header.counter == mine && strcmp(header.command, "ok") != 0)
            err = error_set(e, E_PEER, 0, "%s: %.100s", command, out);
    }
    return err;
}
