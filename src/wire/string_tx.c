/* wire/string_tx.c - a string for one peer out of a blob that others are being sent as well (reference,
 * section 4.1).
 *
 * A short one is two small requests, new_str and str_upd, and nothing else: no sender, no chunk. A longer one
 * is a source over the blob for a sender of the pool. The blob is only ever read, and only until done. */
#include "wire/string_tx.h"

#include "wire/session_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    REST,
    BEGIN, /* new_str is out */
    BYTES, /* str_upd is out */
    SENDER /* a sender does it */
};

static const uint32_t short_bytes = SMALL_MAX_BYTES - XFER_ID_BYTES; /* with "<id> " still a small request */

/* What stands in t is not looked at afterwards: done may begin the next one at once. */
static void finish(struct string_tx *t, enum xfer_end end) {
    struct xfer_result result = t->result;
    result.end = end;
    result.took_ms = session_now(t->session) - t->started_ms;
    t->phase = REST;
    t->xfer = NULL;
    t->done(t->arg, &result);
}

/* ---- two small requests ---- */

/* The peer has given the string its place, or may have: it is told that nothing will come (best effort, as a
 * real node does). */
static void take_back(struct string_tx *t) {
    char total[24];
    snprintf(total, sizeof total, "%" PRIu64, t->body->size);
    session_request(t->session, "err_str", total, strlen(total), NULL, NULL, NULL);
}

/* A real node does not mind a piece without reply in time: what the string is for will tell. */
static void bytes_answered(void *arg, struct session *s, const struct reply *r) {
    struct string_tx *t = arg;
    (void)s;
    if (r->kind == REPLY_ERR)
        t->result.error = *r->error;
    finish(t, r->kind == REPLY_LOST ? XFER_LOST : r->kind == REPLY_ERR ? XFER_REFUSED : XFER_SENT);
}

static enum err send_bytes(struct string_tx *t, struct error *e) {
    uint8_t *piece = t->session->shared->scratch;
    size_t id_n = strlen(t->result.string_id), n;
    memcpy(piece, t->result.string_id, id_n);
    piece[id_n] = ' ';
    enum err err = blob_read(t->body, 0, piece + id_n + 1, short_bytes, &n, e);
    if (err)
        return err;
    t->result.bytes = n;
    return session_request(t->session, "str_upd", piece, id_n + 1 + n, bytes_answered, t, e);
}

static void begun(void *arg, struct session *s, const struct reply *r) {
    struct string_tx *t = arg;
    (void)s;
    if (r->kind == REPLY_LOST) {
        finish(t, XFER_LOST);
        return;
    }
    if (r->kind != REPLY_OK)
        t->result.error = *r->error;
    if (r->kind != REPLY_OK || !xfer_id_read(r->message, t->result.string_id, &t->result.error)) {
        if (r->kind == REPLY_TIMEOUT) /* it may have its place although the reply is late */
            take_back(t);
        finish(t, XFER_REFUSED);
        return;
    }
    t->phase = BYTES;
    if (send_bytes(t, &t->result.why)) { /* a socket that takes nothing: the owner may try again later */
        take_back(t);
        finish(t, XFER_FAILED);
    }
}

static enum err start_short(struct string_tx *t, struct error *e) {
    char total[24];
    snprintf(total, sizeof total, "%" PRIu64, t->body->size);
    if (t->session->ended || t->session->error.code)
        return error_set(e, E_CLOSED, 0, "string: the session ends");
    if (!session_can_request(t->session))
        return error_set(e, E_SPACE, 0, "string: too much waits for this peer");
    return session_request(t->session, "new_str", total, strlen(total), begun, t, e);
}

/* ---- a sender ---- */

static void sent(void *arg, const struct xfer_result *r) {
    struct string_tx *t = arg;
    t->result = *r;
    finish(t, r->end);
}

static enum err start_long(struct string_tx *t, struct error *e) {
    blob_source_init(&t->source, t->body, 0);
    return xfer_send_string(t->session, &t->source.source, t->body->size, sent, t, &t->xfer, e);
}

/* The sender goes on until it has ended the string, and has nobody to tell. */
static void nobody(void *arg, const struct xfer_result *r) {
    (void)arg, (void)r;
}

/* ---- the owner's side ---- */

enum err string_tx_start(struct string_tx *t, struct session *s, const struct blob *body, xfer_done_fn *done,
                         void *arg, struct error *e) {
    bool is_short = body->size <= short_bytes;
    *t = (struct string_tx){
        .session = s, .body = body, .done = done, .arg = arg, .started_ms = session_now(s)};
    enum err err = is_short ? start_short(t, e) : start_long(t, e);
    if (!err)
        t->phase = is_short ? BEGIN : SENDER;
    return err;
}

void string_tx_forget(struct string_tx *t) {
    if (t->phase == SENDER) {
        t->xfer->done = nobody;
        xfer_tx_cancel(t->xfer); /* from now on it does not look at its source */
    } else if (t->phase != REST) {
        session_forget(t->session, t);
        if (t->phase == BEGIN)
            take_back(t);
    }
    t->phase = REST;
    t->xfer = NULL;
}

bool string_tx_is_sending(const struct string_tx *t) {
    return t->phase != REST;
}
