/* wire/string_tx.h - sending a string that lies in a blob which may be shared by many sessions: the same
 * bytes go to all workers and are kept once. Short ones (SMALL_MAX_BYTES less the id) need no sender of the
 * pool: new_str and one str_upd are small requests; so the usual round of agent groups waits for nobody.
 * Longer ones take a sender (xfer_send_string). */
#ifndef PICKET_WIRE_STRING_TX_H
#define PICKET_WIRE_STRING_TX_H

#include "wire/xfer.h"

struct string_tx {
    struct session *session;
    const struct blob *body; /* the owner's: it stays as it is until done */
    struct blob_source source;
    struct xfer_tx *xfer; /* a sender, when it takes one */
    xfer_done_fn *done;
    void *arg;
    uint8_t phase; /* enum in string_tx.c; 0: not sending */
    uint64_t started_ms;
    struct xfer_result result;
};

/* Begins to send. body must be shorter than 4 GiB and not empty. done is called exactly once, never from
 * inside this call, unless string_tx_forget comes first; its result is as xfer_send_string's (string_id when
 * XFER_SENT). E_POOL: no sender is free, ask again later; E_SPACE: the session's queue is full, ask again
 * later. */
enum err string_tx_start(struct string_tx *t, struct session *s, const struct blob *body, xfer_done_fn *done,
                         void *arg, struct error *e);
/* done will not be called; nothing of body is touched after this returns: a sender that is in the middle of a
 * piece is cancelled and reads no more. Also when the session goes (before session_fini). Safe when not
 * sending. */
void string_tx_forget(struct string_tx *t);
bool string_tx_is_sending(const struct string_tx *t);

#endif
