/* wire/message.c - one message between its header and its verdict.
 *
 * Payload pieces come in from session.c in any cut; what Fernet makes of them lies in the body, unverified,
 * until message_verdict. A refused message goes through Fernet all the same, so that a forged one is known as
 * forged and never gets an answer, but nothing of it is kept. */
#include "base/bytes.h"
#include "wire/session_parts.h"

#include <string.h>

struct message *message_open(const struct session_shared *shared, const struct frame_header *h, bool plain,
                             uint64_t limit) {
    struct message *m = pool_take(shared->messages);
    if (!m)
        return NULL;
    m->next = NULL;
    m->counter = h->counter;
    memcpy(m->command, h->command, sizeof m->command);
    m->cmd = CMD_UNKNOWN;
    m->wire_bytes = 0;
    m->refused = false;
    m->reply_code = 0;
    /* One byte less, for the NUL of message_text. */
    blob_init(&m->body, m->small, sizeof m->small - 1, shared->windows, shared->spill,
              limit < shared->message_bytes ? limit : shared->message_bytes);
    if (!plain)
        fernet_dec_init(&m->fernet, shared->key);
    return m;
}

void message_close(const struct session_shared *shared, struct message *m) {
    blob_reset(&m->body);
    pool_give(shared->messages, m);
}

void message_refuse(struct message *m, int code) {
    if (m->refused)
        return;
    m->refused = true;
    m->reply_code = code;
    blob_reset(&m->body);
}

static void keep(struct message *m, const uint8_t *bytes, size_t n) {
    if (m->refused || !n)
        return;
    enum err err = blob_append(&m->body, bytes, n, NULL);
    if (err)
        message_refuse(m, err == E_LIMIT ? 3050 : 3000);
}

void message_push(const struct session_shared *shared, struct message *m, bool plain, const uint8_t *bytes,
                  size_t n) {
    if (plain) {
        keep(m, bytes, n);
        return;
    }
    while (n) {
        struct unverified u;
        size_t take = min_size(n, SESSION_SCRATCH_BYTES / 2);
        fernet_dec_push(&m->fernet, (const char *)bytes, take, shared->scratch, &u);
        keep(m, u.bytes, u.n);
        bytes += take;
        n -= take;
    }
}

enum err message_verdict(struct message *m, bool plain, struct error *e) {
    uint8_t last[16];
    size_t n = 0;
    if (plain)
        return E_OK;
    enum err err = fernet_dec_finish(&m->fernet, last, &n, e);
    if (!err)
        keep(m, last, n);
    return err;
}

const char *message_text(const struct message *m, size_t *n) {
    const uint8_t *bytes = blob_bytes(&m->body);
    *n = bytes ? (size_t)m->body.size : 0;
    if (bytes == m->small)
        ((struct message *)m)->small[*n] = '\0'; /* beyond the content: not a change anybody sees */
    return (const char *)bytes;
}

const uint8_t *message_read(const struct message *m, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    const uint8_t *bytes = blob_bytes(&m->body);
    *n = (size_t)m->body.size;
    if (bytes)
        return bytes;
    return blob_read(&m->body, 0, buf, cap, n, e) ? NULL : buf;
}

/* The owner of a request may have its body; the message's slot is the session's, and it is not const there.
 */
void message_take_body(const struct message *m, struct blob *to) {
    blob_move(to, (struct blob *)&m->body);
}
