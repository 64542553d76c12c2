/* wire/session_parts.h - what the files of wire/session and wire/xfer share among themselves. Not for owners.
 */
#ifndef PICKET_WIRE_SESSION_PARTS_H
#define PICKET_WIRE_SESSION_PARTS_H

#include "wire/xfer.h"

/* Remembers why the session must close; the first error sticks. Returns the code that counts. */
enum err session_fail(struct session *s, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
uint64_t session_now(const struct session *s); /* monotonic, milliseconds */

/* ---- message.c ---- */
/* A slot for the message that h begins; NULL when the pool is used up. limit: most clear bytes kept. */
struct message *message_open(const struct session_shared *shared, const struct frame_header *h, bool plain,
                             uint64_t limit);
void message_close(const struct session_shared *shared, struct message *m);
/* Takes a piece of wire payload. Does nothing with it but keep it, until message_verdict. */
void message_push(const struct session_shared *shared, struct message *m, bool plain, const uint8_t *bytes,
                  size_t n);
/* At the payload's end: E_TOKEN when it is forged. */
enum err message_verdict(struct message *m, bool plain, struct error *e);
/* From now on the payload is swallowed; code as in reply_code. */
void message_refuse(struct message *m, int code);
/* The body in one piece: where it lies, or (the first cap bytes of it) copied to buf. NULL: it cannot be
 * read. */
const uint8_t *message_read(const struct message *m, uint8_t *buf, size_t cap, size_t *n, struct error *e);

/* ---- session_box.c ---- */
void box_init(struct session *s);
/* The slot of an outstanding or abandoned request, or NULL. */
struct request_slot *box_find(struct session *s, uint32_t counter);
/* A verified reply: frees the slot, then tells who asked. */
void box_reply(struct session *s, struct request_slot *slot, struct message *m);
void box_sent(struct session *s, uint32_t counter); /* its last byte is encoded */
void box_progress(struct session *s);               /* the socket took bytes */
uint64_t box_deadline(const struct session *s);
void box_tick(struct session *s, uint64_t now_ms);
void box_fini(struct session *s);

/* ---- session_tx.c ---- */
/* Room for small messages beyond what is kept for replies. */
bool tx_has_room(const struct session *s, size_t n);
bool tx_has_reply_room(const struct session *s);
/* A reply of the session's own to the message in hand. */
void tx_reply(struct session *s, uint32_t counter, const char *command, const void *payload, size_t n);
void tx_reply_text(struct session *s, uint32_t counter, const char *command, const char *text);
void tx_reply_error(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *extra);
enum err tx_reply_blob(struct session *s, uint32_t counter, const char *command, struct blob *body,
                       struct error *e);
/* Queues a small request; the caller saw to tx_has_room. */
void tx_small_request(struct session *s, uint32_t counter, const char *command, const void *payload,
                      size_t n);
/* Makes body's content that of an item which is not queued yet; body is empty afterwards, or kept on an
 * error. */
enum err tx_item_take(struct session *s, struct tx_item *item, struct blob *body, struct error *e);
/* The content of a short body: where it lies, or in the scratch when it is not in memory. */
enum err tx_small_body(struct session *s, const struct blob *body, const uint8_t **bytes, struct error *e);
/* A free place in the queue of long messages, filled in by the caller and then counted in by tx_long_queue;
 * NULL: none. reply: may take the last one. */
struct tx_item *tx_long_place(struct session *s, bool reply);
void tx_long_queue(struct session *s);
/* Is a frame with this counter under way that the peer might take for a piece of another one? */
bool tx_uses(const struct session *s, uint32_t counter);
void tx_fini(struct session *s);

/* ---- session_generic.c ---- */
/* Serves a verified request of the commands that wire serves itself; false: it is another one. May take m
 * over (s->consuming). */
bool generic_serve(struct session *s, struct message *m, bool *kept);
/* Goes on with s->consuming; *budget shrinks by the bytes worked off. True: there is more to do now. */
bool generic_step(struct session *s, size_t *budget);

/* ---- xfer_tx.c ---- */
bool xfer_tx_step(struct session *s, size_t *budget); /* true: more to do now */
void xfer_tx_fini(struct session *s);
/* The id that the reply to new_str gives; false: *why, the peer does not take the string. */
bool xfer_id_read(const struct message *m, char id[XFER_ID_BYTES], struct wazuh_error *why);

/* ---- xfer_rx.c ---- */
void xfer_rx_begin(struct session *s, struct message *m);
struct xfer_rx *xfer_rx_find(struct session *s, const uint8_t *path, size_t n);
void xfer_rx_write(struct xfer_rx *x, const uint8_t *bytes, size_t n);
void xfer_rx_fail(struct xfer_rx *x, const struct error *why);
void xfer_rx_end(struct session *s, uint32_t counter, struct xfer_rx *x, const uint8_t *digest, size_t n);
void xfer_rx_fini(struct session *s);

/* ---- xfer_string.c ---- */
void xfer_string_begin(struct session *s, struct message *m);
struct xfer_string *xfer_string_need(struct session *s, const uint8_t *id,
                                     size_t n); /* any, by its decimal id */
void xfer_string_write(struct session *s, struct xfer_string *x, const uint8_t *bytes, size_t n);
void xfer_string_error(struct session *s, struct message *m);
uint64_t xfer_string_deadline(const struct session *s);
void xfer_string_tick(struct session *s, uint64_t now_ms);
void xfer_string_fini(struct session *s);

/* ---- words as a real node writes them ---- */
/* Python's repr of bytes: b'...' with its escapes. */
void python_bytes(struct text *out, const uint8_t *bytes, size_t n);

#endif
