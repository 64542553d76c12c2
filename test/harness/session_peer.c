/* session_peer.c - see session_peer.h. */
#include "test/harness/session_peer.h"

#include "base/bytes.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char key_text[33] = "0123456789abcdef0123456789abcdef";

/* ---- clock ---- */

static uint64_t mono(struct sys *s) {
    return ((struct peer_clock *)s)->now_ms * 1000000u;
}

static int64_t wall(struct sys *s) {
    (void)s;
    return 1795171574000000000;
}

static int fill_random(struct sys *s, void *buf, size_t n) {
    uint8_t *out = buf;
    while (n--)
        *out++ = (uint8_t)test_random(&((struct peer_clock *)s)->seed);
    return 0;
}

void peer_clock_init(struct peer_clock *c) {
    memset(c, 0, sizeof *c);
    c->sys.mono_ns = mono;
    c->sys.wall_ns = wall;
    c->sys.random = fill_random;
    c->now_ms = 1000;
    c->seed = 1;
}

/* ---- the owner ---- */

static void log_bytes(struct peer *p, const char *bytes, size_t n) {
    text_char(&p->log, '"');
    if (n > 64) {
        text_format(&p->log, "%.16s...%zu", bytes, n);
    } else {
        for (size_t i = 0; i < n; i++)
            if ((uint8_t)bytes[i] < 0x20 || (uint8_t)bytes[i] > 0x7e)
                text_format(&p->log, "\\x%02x", (uint8_t)bytes[i]);
            else
                text_char(&p->log, bytes[i]);
    }
    text_str(&p->log, "\"\n");
}

void peer_log_clear(struct peer *p) {
    text_init(&p->log, p->log_buf, sizeof p->log_buf);
}

static void on_request(void *owner, struct session *s, const struct message *m) {
    struct peer *p = owner;
    size_t n;
    const char *text = message_text(m, &n);
    text_format(&p->log, "request %s ", m->command);
    log_bytes(p, text ? text : "(spilled)", text ? n : 9);
    if (!p->silent)
        session_reply_text(s, m->counter, "ok", "served");
}

static enum err sink_write(struct sink *sink, const uint8_t *bytes, size_t n, struct error *e) {
    struct peer_sink *k = (struct peer_sink *)sink;
    if (k->n + n > k->fail_after)
        return error_set(e, E_SPACE, 0, "sink: full");
    if (k->n + n > k->cap) {
        k->cap = (k->n + n) * 2;
        k->bytes = realloc(k->bytes, k->cap);
        CHECK(k->bytes);
    }
    memcpy(k->bytes + k->n, bytes, n);
    k->n += n;
    return E_OK;
}

static enum err on_file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                              struct error *e) {
    struct peer *p = owner;
    (void)s;
    text_format(&p->log, "file_begin %s\n", path);
    if (p->refuse_file)
        return error_set(e, p->refuse_file, 0, "not this file");
    CHECK(p->file_count < sizeof p->files / sizeof *p->files);
    struct peer_sink *k = &p->files[p->file_count++];
    if (!k->fail_after)
        k->fail_after = SIZE_MAX;
    k->sink.write = sink_write;
    *sink = &k->sink;
    return E_OK;
}

static void on_file_end(void *owner, struct session *s, const char *path, bool good) {
    struct peer *p = owner;
    (void)s;
    text_format(&p->log, "file_end %s %s\n", path, good ? "good" : "bad");
}

static void on_cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    struct peer *p = owner;
    (void)s;
    text_format(&p->log, "cancelled %s %d\n", task_id, why->code);
}

static void on_alive(void *owner, struct session *s, enum cmd_id cmd) {
    (void)s, (void)cmd;
    ((struct peer *)owner)->alive++;
}

void peer_reply(void *arg, struct session *s, const struct reply *r) {
    struct peer *p = arg;
    (void)s;
    p->replies++;
    size_t n = 0;
    const char *text = r->message ? message_text(r->message, &n) : NULL;
    if (r->kind == REPLY_OK) {
        text_format(&p->log, "reply %s ", r->message->command);
        log_bytes(p, text ? text : "(spilled)", text ? n : 9);
    } else if (r->kind == REPLY_ERR) {
        text_format(&p->log, "error %d %s\n", r->error->code, r->error->extra);
    } else {
        text_format(&p->log, "%s\n", r->kind == REPLY_TIMEOUT ? "timeout" : "lost");
    }
}

void peer_done(void *arg, const struct xfer_result *r) {
    static const char *const ends[] = {"sent", "refused", "failed", "cancelled", "lost"};
    struct peer *p = arg;
    text_format(&p->log, "done %s %llu", ends[r->end], (unsigned long long)r->bytes);
    if (r->end == XFER_REFUSED)
        text_format(&p->log, " %d %s", r->error.code, r->error.extra);
    if (r->end == XFER_FAILED)
        text_format(&p->log, " %s", r->why.what);
    text_char(&p->log, '\n');
}

/* ---- beginning and end ---- */

/* Pools of a peer's own, not those of pools.h: a case may open hundreds of peers. */
static struct pool *pool_open(const char *name, size_t size, uint32_t count) {
    struct pool *p = test_keep(malloc(sizeof *p));
    void *mem = aligned_alloc(16, POOL_SLOT(size) * count);
    CHECK(mem);
    pool_init(p, name, "a peer's pool", mem, test_keep(malloc(sizeof(uint32_t) * count)), size, count);
    return p;
}

static void pool_close(struct pool *p) {
    if (p->used)
        test_fail(__FILE__, __LINE__, "pool %s: %u slots were not given back", p->name, p->used);
    void *slots[64]; /* AddressSanitizer wants them readable before they are freed */
    uint32_t n = 0;
    while (n < p->count && (slots[n] = pool_take(p)) != NULL)
        n++;
    p->used = 0;
    free(p->mem);
}

void peer_close(struct peer *p) {
    if (!p->open)
        return;
    p->open = false;
    session_fini(&p->s);
    CHECK_INT(p->spill.open, 0);
    pool_close(p->shared.messages);
    pool_close(p->shared.windows);
    pool_close(p->shared.senders);
    pool_close(p->shared.receivers);
    pool_close(p->shared.strings);
    for (size_t i = 0; i < sizeof p->files / sizeof *p->files; i++)
        free(p->files[i].bytes);
    free(p->out);
    p->out = NULL;
    p->out_n = p->out_cap = p->out_at = 0;
}

static struct peer *peers; /* of the case */

static void at_end(void *arg) {
    (void)arg;
    for (struct peer *p = peers; p; p = p->next)
        peer_close(p);
}

static uint32_t or (uint32_t value, uint32_t usual) {
    return value ? value : usual;
}

struct peer *peer_open(struct peer_clock *clock, unsigned to, const struct peer_opts *opts) {
    static const struct peer_opts usual = {0};
    const struct peer_opts *o = opts ? opts : &usual;
    struct peer *p = test_keep(calloc(1, sizeof *p));
    struct session_shared *h = &p->shared;
    fernet_key_init(&p->key, key_text);
    memory_spill_init(&p->spill, o->spill_bytes ? o->spill_bytes : 300u << 20);
    p->clock = clock;
    h->sys = &clock->sys;
    h->key = &p->key;
    h->dialect = dialect_find(o->version ? o->version : "4.14.7");
    h->messages = pool_open("messages", sizeof(struct message), or (o->messages, 16));
    h->windows = pool_open("windows", BODY_WINDOW_BYTES, or (o->windows, 4));
    h->senders = pool_open("senders", sizeof(struct xfer_tx), or (o->senders, 3));
    h->receivers = pool_open("receivers", sizeof(struct xfer_rx), or (o->receivers, 6));
    h->strings = pool_open("strings", sizeof(struct xfer_string), or (o->strings, 6));
    h->spill = &p->spill.spill;
    h->message_bytes = o->message_bytes ? o->message_bytes : 64u << 20;
    h->request_ms = 20000;
    h->scratch = p->scratch;
    p->events = (struct session_events){on_request, on_file_begin, on_file_end, on_cancelled, on_alive};
    peer_log_clear(p);
    session_init(&p->s, h, &p->events, p, to, o->plain, 1000);
    p->open = true;
    if (!peers)
        test_at_end(at_end, NULL);
    p->next = peers;
    peers = p;
    return p;
}

/* ---- the wire by hand ---- */

size_t peer_frame(const struct peer *p, uint8_t *buf, uint32_t counter, const char *command,
                  const void *payload, size_t n) {
    struct fernet_enc f;
    uint8_t iv[16] = {1, 2, 3, (uint8_t)counter};
    char *out = (char *)buf + FRAME_HEADER_BYTES;
    size_t len = n;
    if (p->s.plain) {
        if (n)
            memcpy(out, payload, n);
    } else {
        len = fernet_enc_start(&f, &p->key, 1600000000, iv, out);
        len += fernet_enc_push(&f, payload, n, out + len);
        len += fernet_enc_finish(&f, out + len);
    }
    frame_header_write(buf, counter, (uint32_t)len, command, false);
    return FRAME_HEADER_BYTES + len;
}

enum err peer_push(struct peer *p, const uint8_t *bytes, size_t n) {
    while (n) {
        size_t want = session_rx_want(&p->s);
        if (!want) { /* it is busy: let it work, or its socket drain */
            if (session_step(&p->s) == STEP_FAILED)
                return p->s.error.code;
            peer_drain(p, SIZE_MAX);
            continue;
        }
        size_t take = min_size(n, want);
        if (session_rx(&p->s, bytes, take))
            return p->s.error.code;
        bytes += take;
        n -= take;
    }
    enum step step;
    while ((step = session_step(&p->s)) == STEP_AGAIN) {
    }
    return step == STEP_FAILED ? p->s.error.code : E_OK;
}

enum err peer_say(struct peer *p, uint32_t counter, const char *command, const void *payload, size_t n) {
    uint8_t *buf =
        malloc(FRAME_HEADER_BYTES + FERNET_ENC_HEAD_ROOM + FERNET_ENC_ROOM(n) + FERNET_ENC_LAST_ROOM);
    CHECK(buf);
    enum err err = peer_push(p, buf, peer_frame(p, buf, counter, command, payload, n));
    free(buf);
    return err;
}

enum err peer_say_text(struct peer *p, uint32_t counter, const char *command, const char *text) {
    return peer_say(p, counter, command, text, strlen(text));
}

size_t peer_drain(struct peer *p, size_t n) {
    size_t all = 0;
    while (n) {
        const uint8_t *bytes;
        size_t have = min_size(n, session_tx_buf(&p->s, &bytes));
        if (!have)
            break;
        if (p->out_n + have > p->out_cap) {
            p->out_cap = (p->out_n + have) * 2;
            p->out = realloc(p->out, p->out_cap);
            CHECK(p->out);
        }
        memcpy(p->out + p->out_n, bytes, have);
        p->out_n += have;
        session_tx_ack(&p->s, have);
        all += have;
        n -= have;
    }
    return all;
}

uint8_t *peer_clear(const struct peer *p, const uint8_t *token, size_t n, size_t *clear_n) {
    struct fernet_dec d;
    struct unverified u;
    uint8_t *work = malloc(n / 4 * 3 + 64), *clear = test_keep(malloc(n / 4 * 3 + 64)), last[16];
    size_t last_n;
    CHECK(work);
    fernet_dec_init(&d, &p->key);
    fernet_dec_push(&d, (const char *)token, n, work, &u);
    if (u.n)
        memcpy(clear, u.bytes, u.n);
    *clear_n = u.n;
    bool good = fernet_dec_finish(&d, last, &last_n, NULL) == E_OK;
    free(work);
    if (!good)
        return NULL;
    memcpy(clear + *clear_n, last, last_n);
    *clear_n += last_n;
    return clear;
}

bool peer_next(struct peer *p, struct peer_seen *seen) {
    peer_drain(p, SIZE_MAX);
    const uint8_t *at = p->out + p->out_at;
    size_t left = p->out_n - p->out_at;
    if (left == 0)
        return false;
    CHECK(left >= FRAME_HEADER_BYTES);
    seen->counter = be32_load(at);
    seen->length = be32_load(at + 4);
    memcpy(seen->field, at + 8, COMMAND_BYTES);
    seen->field[COMMAND_BYTES] = '\0';
    seen->body = at + FRAME_HEADER_BYTES;
    CHECK(left >= FRAME_HEADER_BYTES + (size_t)seen->length);
    p->out_at += FRAME_HEADER_BYTES + (size_t)seen->length;
    if (p->s.plain) {
        seen->clear = test_keep(malloc((size_t)seen->length + 1));
        memcpy(seen->clear, seen->body, seen->length);
        seen->n = seen->length;
    } else {
        seen->clear = peer_clear(p, seen->body, seen->length, &seen->n);
    }
    return true;
}

void peer_expect(struct peer *p, const char *file, int line, uint32_t counter, const char *field,
                 const void *payload, size_t n) {
    struct peer_seen seen;
    if (!peer_next(p, &seen))
        test_fail(file, line, "no frame, want %s", field);
    test_equal_str(file, line, "the command", seen.field, field);
    test_equal_int(file, line, "the counter", seen.counter, counter);
    if (!seen.clear)
        test_fail(file, line, "a frame whose token does not verify");
    if (seen.n != n || memcmp(seen.clear, payload, n) != 0)
        test_fail(file, line, "payload is \"%.*s\" (%zu), want \"%.*s\" (%zu)", (int)min_size(seen.n, 500),
                  (const char *)seen.clear, seen.n, (int)min_size(n, 500), (const char *)payload, n);
}

/* ---- two peers ---- */

static bool carry(struct peer *from, struct peer *to, long cut) {
    const uint8_t *bytes;
    size_t have = session_tx_buf(&from->s, &bytes), want = session_rx_want(&to->s);
    size_t n = min_size(have, want);
    if (cut > 0)
        n = min_size(n, (size_t)cut);
    else if (cut < 0 && n)
        n = min_size(n, 1 + (size_t)(test_random(&from->clock->seed) % (uint64_t)-cut));
    if (!n)
        return false;
    uint8_t *copy = malloc(n); /* of exactly that size: reading past it is seen */
    CHECK(copy);
    memcpy(copy, bytes, n);
    session_tx_ack(&from->s, n);
    session_rx(&to->s, copy, n);
    free(copy);
    return true;
}

bool peers_run(struct peer *a, struct peer *b, long cut) {
    for (;;) {
        enum step x = session_step(&a->s), y = session_step(&b->s);
        bool busy = carry(a, b, cut);
        busy |= carry(b, a, cut);
        if (x == STEP_FAILED || y == STEP_FAILED)
            return false;
        if (session_tick(&a->s, a->clock->now_ms) || session_tick(&b->s, b->clock->now_ms))
            return false;
        if (!busy && x == STEP_WAIT && y == STEP_WAIT)
            return true;
    }
}
