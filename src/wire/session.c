/* wire/session.c - a session's receiving side, its deadlines, its beginning and end.
 *
 * Socket bytes come in; frame_dec cuts them, message.c keeps them, and when a message is complete and genuine
 * it goes to the box (a reply), to session_generic.c or to the owner. Nothing acts on a byte before that. */
#include "wire/session_parts.h"

#include <stdio.h>
#include <string.h>

enum err session_fail(struct session *s, enum err code, const char *format, ...) {
    char what[ERROR_WHAT_BYTES];
    va_list args;
    if (s->error.code)
        return s->error.code;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(&s->error, code, 0, "%s", what);
}

void session_break(struct session *s, const struct error *why) {
    if (!s->error.code)
        s->error = *why;
}

uint64_t session_now(const struct session *s) {
    return sys_mono_ms(s->shared->sys);
}

void session_init(struct session *s, const struct session_shared *shared, const struct session_events *events,
                  void *owner, unsigned to, bool plain, uint32_t first_counter) {
    memset(s, 0, offsetof(struct session, small)); /* windows that are not used cost no pages */
    s->senders = NULL;
    s->files = NULL;
    s->strings = NULL;
    s->rx_bytes = s->tx_bytes = 0;
    s->shared = shared;
    s->events = events;
    s->owner = owner;
    s->to = to;
    s->plain = plain;
    s->next_counter = first_counter;
    s->frame_deadline_ms = UINT64_MAX;
    frame_dec_init(&s->frame);
    box_init(s);
}

void session_fini(struct session *s) {
    s->ended = true;
    tx_fini(s);
    box_fini(s);
    xfer_tx_fini(s);
    xfer_rx_fini(s);
    xfer_string_fini(s);
    if (s->current)
        message_close(s->shared, s->current);
    if (s->consuming)
        message_close(s->shared, s->consuming);
    while (s->parked) {
        struct message *m = s->parked;
        s->parked = m->next;
        message_close(s->shared, m);
    }
    s->current = s->consuming = NULL;
    s->parked_count = 0;
}

/* ---- receiving ---- */

/* Takes the half-received divided message with this counter out of the parked ones. */
static struct message *unpark(struct session *s, uint32_t counter) {
    for (struct message **at = &s->parked; *at; at = &(*at)->next)
        if ((*at)->counter == counter) {
            struct message *m = *at;
            *at = m->next;
            m->next = NULL;
            s->parked_count--;
            return m;
        }
    return NULL;
}

static void park(struct session *s, struct message *m) {
    m->parked_ms = session_now(s);
    m->next = s->parked;
    s->parked = m;
    s->parked_count++;
}

static struct message *message_new(struct session *s, const struct frame_header *h) {
    bool is_reply = box_find(s, h->counter) != NULL;
    enum cmd_id cmd = is_reply ? CMD_UNKNOWN : cmd_find(h->command);
    bool known = is_reply || cmd_allowed(cmd, s->to);
    struct message *m = message_open(s->shared, h, s->plain, is_reply || !known ? UINT64_MAX : cmd_most(cmd));
    if (!m) {
        session_fail(s, E_POOL, "no room for one more message");
        return NULL;
    }
    m->cmd = cmd;
    if (!known)
        message_refuse(m, 0);
    return m;
}

/* Has the session, or have all of them together, more half-received messages than they may? Half-received
 * ones must leave a slot for each session's next message, or one peer's parking would close the links of
 * others; how many of the slots in use are half-received is not known: the bound is on all of them. */
static enum err divided_begin(struct session *s) {
    if (s->parked_count >= DIVIDED_PER_SESSION)
        return session_fail(s, E_LIMIT, "error 3051: %u divided messages at once", s->parked_count + 1u);
    if (s->shared->messages->used >= DIVIDED_MAX)
        return session_fail(s, E_POOL, "no room for one more divided message");
    return E_OK;
}

/* Judges a frame before any byte of its payload is read. */
static enum err frame_begin(struct session *s) {
    const struct frame_header *h = &s->frame.header;
    if (h->length > FRAME_MAX_BYTES)
        return session_fail(s, E_LIMIT, "error 3050: a frame of %u bytes", h->length);
    struct message *m = unpark(s, h->counter);
    if (!m) {
        if (h->divided && divided_begin(s) != E_OK)
            return s->error.code;
        m = message_new(s, h);
        if (!m)
            return s->error.code;
    }
    s->current = m;
    m->wire_bytes += h->length;
    if (m->wire_bytes > FRAME_MAX_BYTES)
        return session_fail(s, E_LIMIT, "error 3050: a divided message of %llu bytes",
                            (unsigned long long)m->wire_bytes);
    /* What must be too long is not even kept until it is. */
    uint64_t most = m->body.limit;
    if (m->wire_bytes > (s->plain ? most : fernet_length(most)))
        message_refuse(m, 3050);
    s->frame_deadline_ms = session_now(s) + FRAME_TIME_MS;
    return E_OK;
}

/* Words that only answer. One that answers nothing of ours is dropped: to answer it, as Wazuh does, makes two
 * nodes send each other errors for ever. */
static bool only_answers(const char *command) {
    return text_find("ok\0err\0ok-m\0ok-c\0error\0", command) >= 0;
}

/* Answers what will not be served; the text is a real node's, with Python's way to print bytes. */
static void answer_refused(struct session *s, const struct message *m) {
    char buf[128];
    struct text text;
    text_init(&text, buf, sizeof buf);
    if (m->reply_code) {
        text_format(&text, "%s of %llu bytes on the wire", m->command, (unsigned long long)m->wire_bytes);
        tx_reply_error(s, m->counter, WAZUH_CLUSTER_ERROR, m->reply_code, buf);
        return;
    }
    text_str(&text, "unknown command '");
    python_bytes(&text, (const uint8_t *)m->command, strlen(m->command));
    text_char(&text, '\'');
    tx_reply(s, m->counter, "err", buf, text.len);
}

static void request(struct session *s, const struct message *m) {
    if (m->body.size < cmd_least(m->cmd)) {
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, "the payload is too short");
        return;
    }
    s->owed++;
    s->events->request(s->owner, s, m);
}

/* What was begun as the reply to a request of ours, which was given up meanwhile, is a request like others.
 */
static void judge_again(const struct session *s, struct message *m) {
    m->cmd = cmd_find(m->command);
    if (!cmd_allowed(m->cmd, s->to))
        message_refuse(m, 0);
    else if (m->body.size > cmd_most(m->cmd))
        message_refuse(m, 3050);
}

/* A whole message with good token: whose is it? True when the message is kept. */
static bool dispatch(struct session *s, struct message *m) {
    struct request_slot *slot = box_find(s, m->counter);
    bool kept = false;
    if (slot)
        m->cmd = CMD_UNKNOWN;
    else if (m->cmd == CMD_UNKNOWN)
        judge_again(s, m);
    if (s->events->alive)
        s->events->alive(s->owner, s, m->cmd);
    if (slot)
        box_reply(s, slot, m);
    else if (only_answers(m->command))
        return false;
    else if (m->refused)
        answer_refused(s, m);
    else if (!generic_serve(s, m, &kept))
        request(s, m);
    return kept;
}

static enum err message_end(struct session *s) {
    struct message *m = s->current;
    struct error e;
    s->current = NULL;
    if (message_verdict(m, s->plain, &e)) {
        message_close(s->shared, m);
        return session_fail(s, E_TOKEN, "error 3025: %s", e.what);
    }
    if (!dispatch(s, m))
        message_close(s->shared, m);
    return s->error.code;
}

static enum err frame_end(struct session *s) {
    s->frame_deadline_ms = UINT64_MAX;
    if (!s->frame.header.divided)
        return message_end(s);
    park(s, s->current);
    s->current = NULL;
    return E_OK;
}

/* A real node sends files in messages of 5 MiB; this much a session may have on the disk however small the
 * spool is. */
#define SESSION_SPILL_LEAST (16u << 20)

static uint64_t on_disk(const struct blob *b) {
    return b->handle >= 0 ? b->size : 0;
}

/* Whoever begins long messages and strings and ends none, or asks for long echoes and takes them drop by
 * drop, must leave room on the disk for the others: a session has a quarter of the spool. */
static bool spills_too_much(const struct session *s, size_t n) {
    uint64_t most = s->shared->message_bytes / 4, sum = n;
    if (most < SESSION_SPILL_LEAST)
        most = SESSION_SPILL_LEAST;
    for (const struct message *m = s->parked; m; m = m->next)
        sum += on_disk(&m->body);
    for (const struct xfer_string *x = s->strings; x; x = x->next)
        sum += on_disk(&x->body);
    for (unsigned i = 0; i < s->queue_count; i++) {
        const struct tx_item *item = &s->queue[(s->queue_head + i) % TX_QUEUE_MAX];
        sum += item->from_blob ? on_disk(&item->body) : 0;
    }
    sum += s->consuming ? on_disk(&s->consuming->body) : 0;
    return sum + on_disk(&s->current->body) > most;
}

static enum err event(struct session *s, const struct frame_event *ev) {
    enum err err = E_OK;
    if (ev->kind == FRAME_BAD)
        return session_fail(s, E_FRAME, "not a frame's header");
    if (ev->kind == FRAME_HEADER)
        err = frame_begin(s);
    if (ev->kind == FRAME_BODY) {
        if (spills_too_much(s, ev->n))
            message_refuse(s->current, 3000);
        message_push(s->shared, s->current, s->plain, ev->bytes, ev->n);
    }
    return !err && ev->last ? frame_end(s) : err;
}

size_t session_rx_want(const struct session *s) {
    if (s->error.code || s->ended || s->consuming || !tx_has_reply_room(s))
        return 0;
    /* Without Fernet the next header may be a whole message, and room is seen to for one only. */
    return s->plain && s->current ? s->frame.left : frame_dec_want(&s->frame);
}

enum err session_rx(struct session *s, const uint8_t *bytes, size_t n) {
    s->rx_bytes += n;
    while (n && !s->error.code) {
        struct frame_event ev;
        size_t took = frame_dec_push(&s->frame, bytes, n, &ev);
        bytes += took;
        n -= took;
        event(s, &ev);
    }
    return s->error.code;
}

/* ---- turns and deadlines ---- */

enum step session_step(struct session *s) {
    size_t budget = TURN_BYTES;
    if (s->error.code)
        return STEP_FAILED;
    bool more = s->consuming && generic_step(s, &budget);
    if (s->senders && xfer_tx_step(s, &budget))
        more = true;
    if (s->error.code)
        return STEP_FAILED;
    return more ? STEP_AGAIN : STEP_WAIT;
}

static uint64_t parked_deadline(const struct session *s) {
    uint64_t first = UINT64_MAX;
    for (const struct message *m = s->parked; m; m = m->next)
        if (m->parked_ms + DIVIDED_TIME_MS < first)
            first = m->parked_ms + DIVIDED_TIME_MS;
    return first;
}

/* Reading pauses: what does not come is not the peer's fault. */
static void parked_wait(struct session *s, uint64_t now_ms) {
    for (struct message *m = s->parked; m; m = m->next)
        m->parked_ms = now_ms;
}

uint64_t session_deadline(const struct session *s) {
    uint64_t first = box_deadline(s), strings = xfer_string_deadline(s), parked = parked_deadline(s);
    if (parked < first)
        first = parked;
    if (s->frame_deadline_ms < first)
        first = s->frame_deadline_ms;
    return strings < first ? strings : first;
}

enum err session_tick(struct session *s, uint64_t now_ms) {
    if (s->error.code)
        return s->error.code;
    if (s->frame_deadline_ms <= now_ms) {
        if (session_rx_want(s) > 0)
            return session_fail(s, E_TIME, "the rest of a frame did not come within %u s",
                                FRAME_TIME_MS / 1000u);
        s->frame_deadline_ms = now_ms + FRAME_TIME_MS; /* it is us who do not read */
    }
    if (parked_deadline(s) <= now_ms) {
        if (session_rx_want(s) > 0)
            return session_fail(s, E_TIME, "the rest of a divided message did not come within %u s",
                                DIVIDED_TIME_MS / 1000u);
        parked_wait(s, now_ms);
    }
    box_tick(s, now_ms);
    xfer_string_tick(s, now_ms);
    return s->error.code;
}
