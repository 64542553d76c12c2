/* wire/session_tx.c - from messages to bytes for the socket.
 *
 * Two queues lead to one window of encoded bytes. Small messages are copied and wait whole; long ones stay
 * where they lie (the sender's memory, or a blob) and are encoded slice by slice as the socket takes bytes.
 * Between two frames the small ones go first, so that a keepalive waits for one frame at the most. */
#include "base/bytes.h"
#include "crypto/random.h"
#include "wire/session_parts.h"

#include <string.h>

_Static_assert(TX_WINDOW_BYTES >= FRAME_HEADER_BYTES + FERNET_ENC_HEAD_ROOM +
                                      FERNET_ENC_ROOM(SMALL_MAX_BYTES) + FERNET_ENC_LAST_ROOM,
               "TX_WINDOW_BYTES must hold one small message: give the board at least 6,000");

/* Least payload that goes into the window together with its header: a real node that reads a header alone
 * loses track of the frames (reference, pitfall 1). */
#define FRAME_START_BYTES 256u
/* Clear bytes of one slice near the end of a frame or of the window. */
#define SLICE_SMALL 48u
_Static_assert(FERNET_ENC_ROOM(SLICE_SMALL) <= sizeof(((struct session *)0)->tx_rest) &&
                   FERNET_ENC_LAST_ROOM <= sizeof(((struct session *)0)->tx_rest),
               "tx_rest takes one small slice");

/* ---- small messages ---- */

/* A small message that waits; its payload follows. */
struct small_head {
    uint32_t counter;
    uint16_t n;
    bool request;
    char command[COMMAND_BYTES];
};
_Static_assert(sizeof(struct small_head) + SMALL_MAX_BYTES <= SMALL_ROOM, "SMALL_ROOM is the most one takes");

static size_t small_room(const struct session *s) {
    return sizeof s->small - (s->small_end - s->small_start);
}

bool tx_has_reply_room(const struct session *s) {
    return small_room(s) >= (1u + (size_t)s->owed) * SMALL_ROOM;
}

bool tx_has_room(const struct session *s, size_t n) {
    return small_room(s) >= sizeof(struct small_head) + n + (1u + (size_t)s->owed) * SMALL_ROOM;
}

/* An initialisation vector and the time for a token. */
static bool token_start(struct session *s, struct fernet_enc *f, char *out, size_t *n) {
    uint8_t iv[16];
    struct error e;
    if (random_bytes(s->shared->sys, iv, sizeof iv, &e)) {
        session_fail(s, e.code, "%s", e.what);
        return false;
    }
    int64_t wall_ns = s->shared->sys->wall_ns(s->shared->sys);
    *n = fernet_enc_start(f, s->shared->key, wall_ns > 0 ? (uint64_t)wall_ns / 1000000000u : 0, iv, out);
    return true;
}

static size_t tx_room(const struct session *s) {
    return sizeof s->tx - s->tx_end;
}

/* Encodes the first waiting small message; false when there is none or no room for it. */
static bool small_encode(struct session *s) {
    struct small_head head;
    struct fernet_enc f;
    if (s->small_start == s->small_end)
        return false;
    memcpy(&head, s->small + s->small_start, sizeof head);
    const uint8_t *payload = s->small + s->small_start + sizeof head;
    size_t need =
        FRAME_HEADER_BYTES +
        (s->plain ? head.n : FERNET_ENC_HEAD_ROOM + FERNET_ENC_ROOM((size_t)head.n) + FERNET_ENC_LAST_ROOM);
    if (tx_room(s) < need)
        return false;
    uint8_t *frame = s->tx + s->tx_end;
    char *out = (char *)frame + FRAME_HEADER_BYTES;
    size_t n = head.n;
    if (s->plain) {
        memcpy(out, payload, n);
    } else {
        if (!token_start(s, &f, out, &n))
            return false;
        n += fernet_enc_push(&f, payload, head.n, out + n);
        n += fernet_enc_finish(&f, out + n);
    }
    frame_header_write(frame, head.counter, (uint32_t)n, head.command, false);
    s->tx_end += FRAME_HEADER_BYTES + n;
    s->small_start += sizeof head + head.n;
    if (s->small_start == s->small_end)
        s->small_start = s->small_end = 0;
    if (head.request)
        box_sent(s, head.counter);
    return true;
}

/* Moves what waits for the socket to the front when the room behind it is short; not for every few bytes. */
static void compact(struct session *s) {
    if (s->tx_start >= sizeof s->tx / 4 && tx_room(s) < sizeof s->tx / 2) {
        memmove(s->tx, s->tx + s->tx_start, s->tx_end - s->tx_start);
        s->tx_end -= s->tx_start;
        s->tx_start = 0;
    }
}

static void small_put(struct session *s, uint32_t counter, const char *command, const void *payload, size_t n,
                      bool request) {
    struct small_head head = {.counter = counter, .n = (uint16_t)n, .request = request};
    size_t need = sizeof head + n;
    if (s->ended || s->error.code)
        return;
    if (small_room(s) < need) { /* only when somebody answers what nobody asked */
        session_fail(s, E_SPACE, "more replies than requests");
        return;
    }
    if (sizeof s->small - s->small_end < need) {
        memmove(s->small, s->small + s->small_start, s->small_end - s->small_start);
        s->small_end -= s->small_start;
        s->small_start = 0;
    }
    memcpy(head.command, command, min_size(strlen(command), COMMAND_BYTES - 1));
    memcpy(s->small + s->small_end, &head, sizeof head);
    if (n)
        memcpy(s->small + s->small_end + sizeof head, payload, n);
    s->small_end += need;
    /* At once if possible, so that the room is for those who come when the socket is slow. */
    compact(s);
    while (!s->tx_in_frame && !s->error.code && small_encode(s)) {
    }
}

void tx_small_request(struct session *s, uint32_t counter, const char *command, const void *payload,
                      size_t n) {
    small_put(s, counter, command, payload, n, true);
}

/* ---- long messages ---- */

struct tx_item *tx_long_place(struct session *s, bool reply) {
    if (s->queue_count >= TX_QUEUE_MAX - (reply ? 0u : 1u))
        return NULL;
    struct tx_item *item = &s->queue[(s->queue_head + s->queue_count) % TX_QUEUE_MAX];
    memset(item, 0, sizeof *item);
    return item;
}

void tx_long_queue(struct session *s) {
    s->queue_count++;
}

bool tx_uses(const struct session *s, uint32_t counter) {
    for (unsigned i = 0; i < s->queue_count; i++)
        if (s->queue[(s->queue_head + i) % TX_QUEUE_MAX].counter == counter)
            return true;
    return false;
}

/* Takes the head of the queue out and gives its memory back. */
static void long_pop(struct session *s) {
    struct tx_item item = s->queue[s->queue_head];
    if (item.from_blob)
        blob_reset(&s->queue[s->queue_head].body);
    s->queue_head = (uint8_t)((s->queue_head + 1u) % TX_QUEUE_MAX);
    s->queue_count--;
    s->tx_busy = s->tx_in_frame = s->tx_finished = false;
    if (item.sent)
        item.sent(item.arg); /* may queue the next one */
}

/* Clear bytes of item at offset, at most n and as many as lie together: *n of them. NULL: the session failed.
 */
static const uint8_t *long_piece(struct session *s, const struct tx_item *item, uint64_t offset, size_t *n) {
    if (item->from_blob) {
        struct error e;
        const uint8_t *bytes = blob_bytes(&item->body);
        if (bytes)
            return bytes + offset;
        if (blob_read(&item->body, offset, s->shared->scratch, min_size(*n, SESSION_SCRATCH_BYTES), n, &e)) {
            session_fail(s, e.code, "sending %s: %s", item->command, e.what);
            return NULL;
        }
        return s->shared->scratch;
    }
    if (offset < item->prefix_n) {
        *n = min_size(*n, item->prefix_n - (size_t)offset);
        return item->prefix + offset;
    }
    return item->bytes + (offset - item->prefix_n);
}

static bool long_start(struct session *s) {
    const struct tx_item *item = &s->queue[s->queue_head];
    size_t n = 0;
    if (!s->plain && !token_start(s, &s->fernet, s->tx_rest, &n))
        return false;
    s->tx_rest_at = 0;
    s->tx_rest_end = (uint8_t)n;
    s->tx_clear = s->tx_token = 0;
    s->tx_total = s->plain ? item->total : fernet_length(item->total);
    s->tx_busy = true;
    s->tx_finished = s->plain;
    return true;
}

/* Writes the header of the next frame of the first long message; false: none, or no room. A message of more
 * than DIVIDE_CHUNK_BYTES clear bytes is cut into frames of that size in all (reference, section 1). */
static bool long_frame(struct session *s) {
    if (!s->queue_count || tx_room(s) < FRAME_HEADER_BYTES + FRAME_START_BYTES)
        return false;
    if (!s->tx_busy && !long_start(s))
        return false;
    const struct tx_item *item = &s->queue[s->queue_head];
    bool divided = item->total > DIVIDE_CHUNK_BYTES;
    uint64_t left = s->tx_total - s->tx_token;
    bool last = !divided || left <= DIVIDE_CHUNK_BYTES - FRAME_HEADER_BYTES;
    uint8_t *frame = s->tx + s->tx_end;
    s->tx_frame_left = last ? (uint32_t)left : DIVIDE_CHUNK_BYTES - FRAME_HEADER_BYTES;
    frame_header_write(frame, item->counter, s->tx_frame_left, item->command, !last);
    if (divided && last)
        frame[FRAME_HEADER_BYTES - 1] = '-'; /* also after 11 characters: "sendsyn_res-" */
    s->tx_end += FRAME_HEADER_BYTES;
    s->tx_in_frame = true;
    return true;
}

/* n bytes of payload were put behind tx_end. */
static void long_written(struct session *s, size_t n) {
    s->tx_end += n;
    s->tx_token += n;
    s->tx_frame_left -= (uint32_t)n;
}

/* Encodes one slice: into the window when what it may become fits the frame and the window, else to tx_rest.
 */
static bool long_slice(struct session *s) {
    const struct tx_item *item = &s->queue[s->queue_head];
    uint64_t left = item->total - s->tx_clear;
    size_t fits = min_size(tx_room(s), s->tx_frame_left);
    if (s->plain) {
        size_t k = left < fits ? (size_t)left : fits;
        const uint8_t *clear = long_piece(s, item, s->tx_clear, &k);
        if (!clear)
            return false;
        memcpy(s->tx + s->tx_end, clear, k);
        s->tx_clear += k;
        long_written(s, k);
        return true;
    }
    if (left == 0) {
        s->tx_rest_at = 0;
        s->tx_rest_end = (uint8_t)fernet_enc_finish(&s->fernet, s->tx_rest);
        s->tx_finished = true;
        return true;
    }
    bool direct = fits >= FRAME_START_BYTES;
    size_t k = direct ? (fits - 64u) / 4u * 3u : SLICE_SMALL; /* FERNET_ENC_ROOM(k) <= fits */
    if (k > left)
        k = (size_t)left;
    const uint8_t *clear = long_piece(s, item, s->tx_clear, &k);
    if (!clear)
        return false;
    s->tx_clear += k;
    if (direct) {
        long_written(s, fernet_enc_push(&s->fernet, clear, k, (char *)s->tx + s->tx_end));
    } else {
        s->tx_rest_at = 0;
        s->tx_rest_end = (uint8_t)fernet_enc_push(&s->fernet, clear, k, s->tx_rest);
    }
    return true;
}

/* Fills the open frame; false: no more room, or the session failed. */
static bool long_fill(struct session *s) {
    while (s->tx_frame_left) {
        size_t rest = (size_t)s->tx_rest_end - s->tx_rest_at;
        if (tx_room(s) == 0)
            return false;
        if (rest) {
            size_t n = min_size(rest, min_size(tx_room(s), s->tx_frame_left));
            memcpy(s->tx + s->tx_end, s->tx_rest + s->tx_rest_at, n);
            s->tx_rest_at = (uint8_t)(s->tx_rest_at + n);
            long_written(s, n);
        } else if (!s->plain && s->tx_finished) {
            session_fail(s, E_LIMIT, "a token shorter than its header says"); /* a mistake of ours */
            return false;
        } else if (!long_slice(s)) {
            return false;
        }
    }
    s->tx_in_frame = false;
    if (s->tx_token == s->tx_total) {
        const struct tx_item *item = &s->queue[s->queue_head];
        if (item->request)
            box_sent(s, item->counter);
        long_pop(s);
    }
    return true;
}

/* ---- the socket's side ---- */

static void fill(struct session *s) {
    while (!s->ended && !s->error.code) {
        compact(s);
        if (s->tx_in_frame) {
            if (!long_fill(s))
                return;
        } else if (!small_encode(s)) {
            /* A small message that has to wait for room is not overtaken. */
            if (s->small_start != s->small_end || !long_frame(s))
                return;
        }
    }
}

size_t session_tx_buf(struct session *s, const uint8_t **bytes) {
    fill(s);
    *bytes = s->tx + s->tx_start;
    /* A session that failed falls silent: its last frame may be a header without its payload. */
    return s->error.code ? 0 : s->tx_end - s->tx_start;
}

void session_tx_ack(struct session *s, size_t n) {
    s->tx_start += n;
    s->tx_bytes += n;
    if (s->tx_start == s->tx_end)
        s->tx_start = s->tx_end = 0;
    if (n)
        box_progress(s);
}

void tx_fini(struct session *s) {
    while (s->queue_count)
        long_pop(s);
}

/* ---- replies ---- */

void tx_reply(struct session *s, uint32_t counter, const char *command, const void *payload, size_t n) {
    if (n > SMALL_MAX_BYTES)
        session_fail(s, E_LIMIT, "a reply of %zu bytes is not small", n); /* a mistake of ours */
    else
        small_put(s, counter, command, payload, n, false);
}

void tx_reply_text(struct session *s, uint32_t counter, const char *command, const char *text) {
    tx_reply(s, counter, command, text, strlen(text));
}

static void reply_wazuh_error(struct session *s, uint32_t counter, const struct wazuh_error *w) {
    char json[WAZUH_ERROR_JSON_BYTES];
    struct text text;
    text_init(&text, json, sizeof json);
    wazuh_error_write(&text, w, s->shared->dialect);
    tx_reply(s, counter, "err", json, text.len);
}

void tx_reply_error(struct session *s, uint32_t counter, enum wazuh_class class, int code,
                    const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, class, code, extra);
    reply_wazuh_error(s, counter, &w);
}

enum err tx_item_take(struct session *s, struct tx_item *item, struct blob *body, struct error *e) {
    blob_init(&item->body, NULL, 0, s->shared->windows, s->shared->spill, UINT64_MAX);
    if (body->size > body->small_cap) {
        blob_move(&item->body, body);
    } else { /* in memory that is not ours: copied */
        enum err err = blob_append(&item->body, body->small, (size_t)body->size, e);
        if (err) {
            blob_reset(&item->body);
            return err;
        }
        blob_reset(body);
    }
    item->from_blob = true;
    item->total = item->body.size;
    return E_OK;
}

enum err tx_small_body(struct session *s, const struct blob *body, const uint8_t **bytes, struct error *e) {
    size_t n;
    *bytes = blob_bytes(body);
    if (*bytes)
        return E_OK;
    *bytes = s->shared->scratch;
    return blob_read(body, 0, s->shared->scratch, SMALL_MAX_BYTES, &n, e);
}

enum err tx_reply_blob(struct session *s, uint32_t counter, const char *command, struct blob *body,
                       struct error *e) {
    if (s->ended || s->error.code)
        return error_set(e, E_CLOSED, 0, "reply %s: the session ends", command);
    if (body->size <= SMALL_MAX_BYTES) {
        const uint8_t *bytes;
        enum err read = tx_small_body(s, body, &bytes, e);
        if (read)
            return read;
        tx_reply(s, counter, command, bytes, (size_t)body->size);
        blob_reset(body);
        return E_OK;
    }
    struct tx_item *item = tx_long_place(s, true);
    if (!item)
        return error_set(e, E_SPACE, 0, "reply %s: too many long messages wait", command);
    enum err err = tx_item_take(s, item, body, e);
    if (err)
        return err;
    item->counter = counter;
    memcpy(item->command, command, min_size(strlen(command), COMMAND_BYTES - 1));
    tx_long_queue(s);
    return E_OK;
}

static void answered(struct session *s) {
    if (s->owed)
        s->owed--;
}

void session_reply(struct session *s, uint32_t counter, const char *command, const void *payload, size_t n) {
    answered(s);
    tx_reply(s, counter, command, payload, n);
}

void session_reply_text(struct session *s, uint32_t counter, const char *command, const char *text) {
    session_reply(s, counter, command, text, strlen(text));
}

void session_reply_error(struct session *s, uint32_t counter, const struct wazuh_error *w) {
    answered(s);
    reply_wazuh_error(s, counter, w);
}

enum err session_reply_blob(struct session *s, uint32_t counter, const char *command, struct blob *body,
                            struct error *e) {
    enum err err = tx_reply_blob(s, counter, command, body, e);
    if (!err)
        answered(s);
    return err;
}
