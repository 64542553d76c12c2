/* wire/xfer_tx.c - files and strings being sent (reference, section 4.1).
 *
 * A sender pulls from its source into one chunk of memory, lends it to the session until it is encoded, and
 * goes on without waiting for the reply, a few chunks ahead. So the peer and the line always have work, and
 * everybody else's messages wait for one chunk at the most. */
#include "base/bytes.h"
#include "wire/session_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TO_BEGIN, /* new_file or new_str is to be sent */
    BEGUN,    /* ... and its reply awaited */
    CHUNKS,
    TO_END, /* file_end, or err_str for a string that cannot be completed */
    ENDING, /* the reply to file_end is awaited */
    OVER    /* nothing more to send; replies to chunks may be missing */
};

#define CHUNK_LEAST_BYTES 4096u
#define CHUNK_SLOW_MS 1000u
#define CHUNK_FAST_MS 250u

/* ---- beginning ---- */

static enum err begin(struct session *s, struct source *source, xfer_done_fn *done, void *arg,
                      struct xfer_tx **out, struct error *e) {
    if (s->ended || s->error.code)
        return error_set(e, E_CLOSED, 0, "transfer: the session ends");
    struct xfer_tx *x = pool_take(s->shared->senders);
    if (!x)
        return error_set(e, E_POOL, 0, "transfer: all senders are busy");
    memset(x, 0, offsetof(struct xfer_tx, chunk));
    x->session = s;
    x->source = source;
    x->done = done;
    x->arg = arg;
    x->chunk_bytes = XFER_CHUNK_BYTES;
    x->window = 1;
    x->started_ms = session_now(s);
    x->result.end = XFER_SENT;
    sha256_init(&x->hash);
    x->next = s->senders;
    s->senders = x;
    *out = x;
    return E_OK;
}

static void prefix_set(struct xfer_tx *x, const char *word, size_t n) {
    memcpy(x->prefix, word, n);
    x->prefix[n] = ' ';
    x->prefix_n = n + 1;
}

enum err xfer_send_file(struct session *s, const char *path, struct source *source, xfer_done_fn *done,
                        void *arg, struct xfer_tx **out, struct error *e) {
    size_t n = strlen(path);
    if (n == 0 || n >= XFER_PATH_BYTES || path[0] != '/' || memchr(path, ' ', n))
        return error_set(e, E_PATH, 0, "transfer: %.64s", path);
    enum err err = begin(s, source, done, arg, out, e);
    if (err)
        return err;
    memcpy((*out)->path, path, n);
    prefix_set(*out, path, n);
    return E_OK;
}

enum err xfer_send_string(struct session *s, struct source *source, uint64_t total, xfer_done_fn *done,
                          void *arg, struct xfer_tx **out, struct error *e) {
    enum err err = begin(s, source, done, arg, out, e);
    if (err)
        return err;
    (*out)->is_string = true;
    (*out)->string_total = total;
    return E_OK;
}

/* ---- what went wrong; the first counts ---- */

static bool is_stopped(const struct xfer_tx *x) {
    return x->cancelled || x->result.end != XFER_SENT;
}

static void stop(struct xfer_tx *x, enum xfer_end end) {
    if (!is_stopped(x))
        x->result.end = end;
}

static void stop_refused(struct xfer_tx *x, const struct wazuh_error *why) {
    if (!is_stopped(x))
        x->result.error = *why;
    stop(x, XFER_REFUSED);
}

static void stop_failed(struct xfer_tx *x, const struct error *why) {
    if (!is_stopped(x))
        x->result.why = *why;
    stop(x, XFER_FAILED);
}

void xfer_tx_cancel(struct xfer_tx *x) {
    stop(x, XFER_CANCELLED);
    x->cancelled = true;
}

/* ---- replies ---- */

bool xfer_id_read(const struct message *m, char id[XFER_ID_BYTES], struct wazuh_error *why) {
    size_t n, i = 0;
    const char *text = message_text(m, &n);
    if (strcmp(m->command, "ok") == 0 && text && n) {
        while (i < n && text[i] > ' ' && text[i] <= '~') /* one word */
            i++;
        if (i == n && text_copy(id, XFER_ID_BYTES, text, n))
            return true;
    }
    /* "error" (>= 4.14.5): longer than the peer takes */
    char words[WAZUH_EXTRA_BYTES];
    snprintf(words, sizeof words, "%s: %.*s", m->command, (int)min_size(n, 200), text ? text : "");
    wazuh_error_set(why, WAZUH_CLUSTER_ERROR, 3000, words);
    return false;
}

static void begun(void *arg, struct session *s, const struct reply *r) {
    struct xfer_tx *x = arg;
    struct wazuh_error why;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK) {
        stop_refused(x, r->error);
        /* A string may have its place although the reply is late. */
        x->phase = x->is_string && r->kind == REPLY_TIMEOUT ? TO_END : OVER;
    } else if (x->is_string && !xfer_id_read(r->message, x->result.string_id, &why)) {
        stop_refused(x, &why);
        x->phase = OVER;
    } else {
        if (x->is_string)
            prefix_set(x, x->result.string_id, strlen(x->result.string_id));
        x->phase = CHUNKS;
    }
}

/* The next chunks are smaller when the line or the peer is slow, so that nobody waits long behind one. Chunks
 * sent before the last change say nothing about the size they do not have. */
static void adapt(struct xfer_tx *x, uint64_t took_ms) {
    uint32_t size = x->chunk_bytes;
    if (took_ms > CHUNK_SLOW_MS)
        x->window = 1; /* what lies ahead of everybody else's messages is one chunk, then */
    else if (x->window < XFER_CHUNKS_AHEAD)
        x->window++;
    if (x->settling) {
        x->settling--;
        return;
    }
    if (took_ms > CHUNK_SLOW_MS && size / 2 >= CHUNK_LEAST_BYTES)
        size /= 2;
    else if (took_ms < CHUNK_FAST_MS && size <= XFER_CHUNK_BYTES / 2)
        size *= 2;
    if (size != x->chunk_bytes)
        x->settling = x->ahead;
    x->chunk_bytes = size;
}

static void chunk_answered(void *arg, struct session *s, const struct reply *r) {
    struct xfer_tx *x = arg;
    uint64_t sent_ms = x->sent_ms[x->oldest];
    if (r->kind == REPLY_LOST)
        return;
    x->oldest = (uint8_t)((x->oldest + 1u) % XFER_CHUNKS_AHEAD);
    x->ahead--;
    adapt(x, session_now(s) - sent_ms);
    if (r->kind == REPLY_ERR)
        stop_refused(x, r->error);
}

static void end_answered(void *arg, struct session *s, const struct reply *r) {
    struct xfer_tx *x = arg;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK)
        stop_refused(x, r->error);
    x->phase = OVER;
}

/* Chunk and prefix are encoded: they are ours again. */
static void given_back(void *arg) {
    ((struct xfer_tx *)arg)->lent = false;
}

/* ---- sending ---- */

static void send_begin(struct xfer_tx *x) {
    char total[24];
    enum err err;
    if (is_stopped(x)) { /* before the peer heard of it */
        x->phase = OVER;
        return;
    }
    snprintf(total, sizeof total, "%" PRIu64, x->string_total);
    if (x->is_string)
        err = session_request(x->session, "new_str", total, strlen(total), begun, x, NULL);
    else
        err = session_request(x->session, "new_file", x->path, strlen(x->path), begun, x, NULL);
    if (!err)
        x->phase = BEGUN;
}

static enum err lend(struct xfer_tx *x, const char *command, size_t n, reply_fn *reply) {
    x->lent = true;
    enum err err = session_request_long(x->session, command, x->prefix, x->prefix_n, x->chunk, n, given_back,
                                        reply, x, NULL);
    if (err)
        x->lent = false;
    return err;
}

static void send_chunk(struct xfer_tx *x) {
    if (lend(x, x->is_string ? "str_upd" : "file_upd", x->fill, chunk_answered))
        return; /* no room now: in a later turn */
    x->sent_ms[(x->oldest + x->ahead) % XFER_CHUNKS_AHEAD] = session_now(x->session);
    x->ahead++;
    sha256_push(&x->hash, x->chunk, x->fill);
    x->result.bytes += x->fill;
    x->fill = 0;
}

static void send_end(struct xfer_tx *x) {
    char total[24];
    if (x->is_string) {
        /* Best effort, as in a real node: the peer frees the place when nothing is in it. */
        snprintf(total, sizeof total, "%" PRIu64, x->string_total);
        session_request(x->session, "err_str", total, strlen(total), NULL, NULL, NULL);
        x->phase = OVER;
        return;
    }
    if (x->result.end == XFER_SENT || x->result.end == XFER_CANCELLED)
        sha256_out(&x->hash, x->chunk);
    else
        memset(x->chunk, 0, SHA256_BYTES);
    if (!lend(x, "file_end", SHA256_BYTES, end_answered))
        x->phase = ENDING;
}

/* Reads more of the chunk. True: the source had more to give than the budget, or asks for a later turn. */
static bool fill_chunk(struct xfer_tx *x, size_t *budget) {
    struct error e = {.code = E_OK};
    while (!x->source_ended && x->fill < x->chunk_bytes) {
        uint8_t probe;
        size_t n = 0;
        if (*budget == 0)
            return true;
        size_t want = min_size(x->chunk_bytes - x->fill, *budget);
        uint64_t left = x->string_total - x->result.bytes - x->fill;
        if (x->is_string && left < want)
            want = (size_t)left;
        enum err err = want ? x->source->read(x->source, x->chunk + x->fill, want, &n, &e)
                            : x->source->read(x->source, &probe, 1, &n, &e);
        if (err == E_AGAIN)
            return true;
        if (!err && n == 0 && x->is_string && left)
            err = error_set(&e, E_CHANGED, 0, "a string that ends %" PRIu64 " bytes early", left);
        if (!err && n && want == 0)
            err = error_set(&e, E_CHANGED, 0, "a string longer than it was");
        if (err) {
            stop_failed(x, &e);
            return false;
        }
        x->source_ended = n == 0;
        x->fill += n;
        *budget -= n;
    }
    return false;
}

/* True: may go on in the next turn without anything happening before. */
static bool step_chunks(struct xfer_tx *x, size_t *budget) {
    if (x->lent)
        return false;
    if (!is_stopped(x) && x->ahead < x->window) {
        if (fill_chunk(x, budget))
            return true;
        if (!is_stopped(x) && x->fill)
            send_chunk(x);
    }
    if (is_stopped(x))
        x->phase = TO_END;
    else if (x->source_ended && !x->fill)
        x->phase = x->is_string ? OVER : TO_END;
    return false;
}

static bool step(struct xfer_tx *x, size_t *budget) {
    bool more = false;
    if (x->phase == TO_BEGIN)
        send_begin(x);
    if (x->phase == CHUNKS)
        more = step_chunks(x, budget);
    if (x->phase == TO_END && !x->lent)
        send_end(x);
    return more;
}

/* The slot is free when the owner hears of the end, and may be taken again at once. */
static void finish(struct session *s, struct xfer_tx *x) {
    struct xfer_result result = x->result;
    xfer_done_fn *done = x->done;
    void *arg = x->arg;
    struct xfer_tx **at = &s->senders;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    if (x->cancelled)
        result.end = XFER_CANCELLED;
    result.took_ms = session_now(s) - x->started_ms;
    pool_give(s->shared->senders, x);
    done(arg, &result);
}

static struct xfer_tx *find_over(const struct session *s) {
    for (struct xfer_tx *x = s->senders; x; x = x->next)
        if (x->phase == OVER && !x->ahead && !x->lent)
            return x;
    return NULL;
}

bool xfer_tx_step(struct session *s, size_t *budget) {
    bool more = false;
    struct xfer_tx *x;
    for (x = s->senders; x; x = x->next)
        if (step(x, budget))
            more = true;
    while ((x = find_over(s)) != NULL)
        finish(s, x);
    for (x = s->senders; x; x = x->next) /* what was begun just now, when another one ended */
        if (x->phase == TO_BEGIN)
            send_begin(x);
    return more;
}

void xfer_tx_fini(struct session *s) {
    while (s->senders) {
        s->senders->result.end = XFER_LOST;
        s->senders->cancelled = false;
        finish(s, s->senders);
    }
}
