/* fuzz_session.c - a whole session between a hostile peer and an owner of moods, on a socket that takes and
 * gives what it likes. Input: one byte of settings, then acts (see act), each with its arguments. The peer
 * knows the key: its tokens are genuine unless an act says otherwise, so that what lies behind them is
 * reached.
 *
 * Checked: whatever the session says are whole frames with genuine tokens, no header ends a run, every
 * callback comes exactly as often as promised, and at the end no slot and no spill file is left. */
#include "base/bytes.h"
#include "wire/xfer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECES 12u        /* divided messages the peer has begun */
#define TOKEN_MOST 20000u /* characters of one */
#define SPILLS 8u
#define SPILL_BYTES (1u << 20)
#define TRANSFERS 4u
#define LENT_BYTES 9000u
#define CLEAR_MOST 12000u

static void need(bool cond) {
    if (!cond)
        abort();
}

/* ---- the world ---- */

struct transfer {
    struct source source;
    struct xfer_tx *x; /* while it runs */
    uint32_t left, seed;
};

struct piece {
    uint8_t token[TOKEN_MOST];
    size_t n, at;
    uint32_t counter;
    const char *command;
};

static struct world {
    const uint8_t *data;
    size_t size;
    uint64_t now_ms;
    uint32_t random;
    struct session s;
    struct session_shared shared;
    struct fernet_key key;
    bool plain, silent, dead;
    enum err file_mood;
    uint32_t asked, replied, lent, returned, begun, done;
    uint32_t owed[REQUESTS_PER_SESSION * 8];
    size_t owed_n;
    struct sink sink;
    struct transfer transfers[TRANSFERS];
    struct piece pieces[PIECES];
    struct frame_dec out;
    struct fernet_dec token;
    bool in_message, sink_fails;
    uint64_t out_left;
    /* spill */
    struct spill spill;
    bool spill_open[SPILLS], spill_fails;
    size_t spill_n[SPILLS];
} w;
static uint8_t spill_mem[SPILLS][SPILL_BYTES];
static uint8_t scratch[SESSION_SCRATCH_BYTES], decoded[SESSION_SCRATCH_BYTES];
static uint8_t lent_mem[LENT_BYTES], clear[CLEAR_MOST], frame[2 * CLEAR_MOST + 400];

static uint64_t mono(struct sys *s) {
    (void)s;
    return w.now_ms * 1000000u;
}
static int64_t wall(struct sys *s) {
    (void)s;
    return 1000000000;
}
static uint32_t random32(void) {
    w.random = w.random * 1664525u + 1013904223u;
    return w.random >> 8;
}
static int fill_random(struct sys *s, void *buf, size_t n) {
    (void)s;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)random32();
    return 0;
}

static enum err spill_open(struct spill *s, int *handle, struct error *e) {
    (void)s;
    for (unsigned i = 0; !w.spill_fails && i < SPILLS; i++)
        if (!w.spill_open[i]) {
            w.spill_open[i] = true;
            w.spill_n[i] = 0;
            *handle = (int)i;
            return E_OK;
        }
    return error_set(e, E_SPACE, 0, "spill");
}
static enum err spill_append(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e) {
    (void)s;
    need(w.spill_open[handle]);
    if (w.spill_fails || n > SPILL_BYTES - w.spill_n[handle])
        return error_set(e, E_SPACE, 0, "spill");
    memcpy(spill_mem[handle] + w.spill_n[handle], bytes, n);
    w.spill_n[handle] += n;
    return E_OK;
}
static enum err spill_read(struct spill *s, int handle, uint64_t offset, uint8_t *buf, size_t n,
                           struct error *e) {
    (void)s;
    need(w.spill_open[handle] && offset + n <= w.spill_n[handle]);
    if (w.spill_fails)
        return error_set(e, E_SYS, 0, "spill");
    memcpy(buf, spill_mem[handle] + offset, n);
    return E_OK;
}
static void spill_close(struct spill *s, int handle) {
    (void)s;
    need(w.spill_open[handle]);
    w.spill_open[handle] = false;
}

/* ---- input ---- */

static uint8_t byte(void) {
    if (!w.size)
        return 0;
    w.size--;
    return *w.data++;
}

static size_t take(size_t n, const uint8_t **bytes) {
    n = min_size(n, w.size);
    *bytes = w.data;
    w.data += n;
    w.size -= n;
    return n;
}

/* ---- the owner ---- */

static void on_reply(void *arg, struct session *s, const struct reply *r) {
    (void)arg;
    w.replied++;
    need((r->kind == REPLY_OK) == (r->message != NULL));
    need((r->kind == REPLY_ERR || r->kind == REPLY_TIMEOUT) == (r->error != NULL));
    size_t n = 0;
    const char *text = r->message ? message_text(r->message, &n) : NULL;
    while (text && n) /* is readable */
        w.random += (uint8_t)text[--n];
    if (random32() % 4 == 0 && session_request(s, "echo", "again", 5, on_reply, NULL, NULL) == E_OK)
        w.asked++;
}

static void answer(uint32_t counter) {
    if (random32() % 5 == 0) {
        struct blob body;
        uint8_t small[64];
        size_t n = random32() % 2 ? random32() % CLEAR_MOST : 3;
        blob_init(&body, small, sizeof small, w.shared.windows, w.shared.spill, UINT64_MAX);
        if (blob_append(&body, clear, n, NULL) == E_OK &&
            session_reply_blob(&w.s, counter, "ok", &body, NULL) == E_OK) {
            need(body.size == 0);
            return;
        }
        blob_reset(&body);
    }
    session_reply(&w.s, counter, "ok", clear, random32() % (SMALL_MAX_BYTES + 1));
}

static void answer_all(void) {
    while (w.owed_n)
        answer(w.owed[--w.owed_n]);
}

static void on_request(void *owner, struct session *s, const struct message *m) {
    (void)owner;
    need(s == &w.s && cmd_allowed(m->cmd, s->to) && m->body.size >= cmd_least(m->cmd) &&
         m->body.size <= cmd_most(m->cmd));
    if (w.silent && w.owed_n < sizeof w.owed / sizeof *w.owed)
        w.owed[w.owed_n++] = m->counter;
    else
        answer(m->counter);
}

static enum err sink_write(struct sink *sink, const uint8_t *bytes, size_t n, struct error *e) {
    (void)sink;
    for (size_t i = 0; i < n; i++)
        w.random += bytes[i];
    return w.sink_fails ? error_set(e, E_SPACE, 0, "sink") : E_OK;
}
static enum err on_file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                              struct error *e) {
    (void)owner, (void)s;
    need(strncmp(path, "/queue/cluster/", 15) == 0 && !strstr(path, "/../") && !strchr(path, ' '));
    w.sink.write = sink_write;
    *sink = &w.sink;
    return w.file_mood ? error_set(e, w.file_mood, 0, "mood") : E_OK;
}
static void on_file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner, (void)s, (void)good;
    need(path[0] == '/');
}
static void on_cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    (void)owner, (void)s;
    need(strlen(task_id) < 64 && strlen(why->extra) < sizeof why->extra);
}
static void on_alive(void *owner, struct session *s, enum cmd_id cmd) {
    (void)owner, (void)s;
    need(cmd < CMD_COUNT);
}

static void on_sent(void *arg) {
    (void)arg;
    w.returned++;
}

static enum err source_read(struct source *s, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct transfer *t = (struct transfer *)s;
    *n = 0;
    t->seed = t->seed * 1664525u + 1013904223u;
    if (t->seed >> 28 == 0)
        return E_AGAIN;
    if (t->seed >> 20 == 4095)
        return error_set(e, E_SYS, 0, "source");
    *n = min_size(min_size(cap, t->left), 1 + (t->seed >> 12));
    memset(buf, (int)(t->seed >> 24), *n);
    t->left -= (uint32_t)*n;
    return E_OK;
}

static void on_done(void *arg, const struct xfer_result *r) {
    struct transfer *t = arg;
    need(t->x != NULL && r->end <= XFER_LOST);
    t->x = NULL;
    w.done++;
}

static void transfer_begin(struct transfer *t, bool string, uint32_t total, uint32_t seed) {
    struct error e;
    if (t->x)
        return;
    *t = (struct transfer){.source = {source_read}, .left = total, .seed = seed};
    enum err err = string
                       ? xfer_send_string(&w.s, &t->source, total + (seed % 16 == 0), on_done, t, &t->x, &e)
                       : xfer_send_file(&w.s, "/queue/cluster/w/x", &t->source, on_done, t, &t->x, &e);
    if (!err)
        w.begun++;
    else
        t->x = NULL;
}

/* ---- what the session says ---- */

static void listen_to(const uint8_t *bytes, size_t n) {
    while (n) {
        struct frame_event ev;
        size_t took = frame_dec_push(&w.out, bytes, n, &ev);
        bytes += took;
        n -= took;
        need(ev.kind != FRAME_BAD);
        if (ev.kind == FRAME_HEADER && !w.in_message) {
            fernet_dec_init(&w.token, &w.key);
            w.in_message = true;
        }
        for (size_t at = 0; ev.kind == FRAME_BODY && !w.plain && at < ev.n;) {
            struct unverified u;
            size_t k = min_size(ev.n - at, 32768);
            fernet_dec_push(&w.token, (const char *)ev.bytes + at, k, decoded, &u);
            at += k;
        }
        if (ev.last && !w.out.header.divided) {
            uint8_t last[16];
            size_t k;
            need(w.plain || fernet_dec_finish(&w.token, last, &k, NULL) == E_OK);
            w.in_message = false;
        }
    }
}

static void drain(size_t most) {
    const uint8_t *bytes;
    size_t n;
    while (most && (n = session_tx_buf(&w.s, &bytes)) != 0) {
        /* No header without payload at the run's end, unless there is none to come. */
        struct frame_dec d = w.out;
        for (size_t at = 0; at < n;) {
            struct frame_event ev;
            at += frame_dec_push(&d, bytes + at, n - at, &ev);
            need(ev.kind != FRAME_HEADER || ev.last || at < n);
        }
        n = min_size(n, most);
        listen_to(bytes, n);
        session_tx_ack(&w.s, n);
        most -= n;
    }
}

static void turn(void) {
    enum step step = session_step(&w.s);
    need(step == STEP_WAIT || step == STEP_AGAIN || (step == STEP_FAILED && w.s.error.code));
    if (step == STEP_FAILED)
        w.dead = true;
}

/* ---- what the peer says ---- */

static void say(const uint8_t *bytes, size_t n) {
    for (unsigned stuck = 0; n && !w.dead && stuck < 200;) {
        size_t want = min_size(session_rx_want(&w.s), n);
        if (!want) {
            turn();
            drain(SIZE_MAX);
            answer_all();
            stuck++;
            continue;
        }
        want = 1 + random32() % want;
        if (session_rx(&w.s, bytes, want)) {
            need(w.s.error.code);
            w.dead = true;
        }
        bytes += want;
        n -= want;
    }
}

/* The clear bytes of an act: a head, which may name a path or a string, and a filling. */
static size_t payload(void) {
    static const char path[] = "/queue/cluster/w/x ";
    const uint8_t *head;
    size_t n = 0;
    uint8_t kind = byte();
    if (kind & 1) {
        memcpy(clear, path, sizeof path - 1);
        n = sizeof path - 1;
        clear[n - 2] = (uint8_t)('a' + (kind >> 1 & 3));
        if (kind & 8)
            n--;
    } else if ((kind & 6) == 6 && w.s.strings) { /* an id that exists */
        char id[16];
        struct text t;
        text_init(&t, id, sizeof id);
        text_format(&t, "%u ", w.s.strings->id);
        memcpy(clear, id, t.len);
        n = t.len;
    }
    size_t k = take(kind >> 4 ? kind >> 4 : byte(), &head);
    memcpy(clear + n, head, k);
    n += k;
    if ((kind & 0xf0) == 0xf0) { /* long */
        k = byte() * 46u;
        memset(clear + n, kind, k);
        n += k;
    }
    return n;
}

static size_t token(uint8_t *out, size_t n) {
    struct fernet_enc f;
    if (w.plain) {
        memcpy(out, clear, n);
        return n;
    }
    size_t made = fernet_enc_start(&f, &w.key, 1, (const uint8_t *)"an initial value", (char *)out);
    made += fernet_enc_push(&f, clear, n, (char *)out + made);
    return made + fernet_enc_finish(&f, (char *)out + made);
}

static const char *command(void) {
    static const char *const words[] = {"ok", "err", "ok-m", "error", "nonsense", "a'\"b"};
    unsigned i = byte() % (CMD_COUNT - 1u + 6u);
    return i < 6 ? words[i] : cmd_text((enum cmd_id)(i - 5));
}

/* A counter of ours that may be outstanding, or one of the peer's own. */
static uint32_t counter(void) {
    uint8_t b = byte();
    return b & 1 ? w.s.next_counter - 1u - (b >> 1) % 40u : b;
}

static void act_message(bool forged) {
    uint32_t c = counter();
    const char *text = command();
    size_t n = token(frame + FRAME_HEADER_BYTES, payload());
    if (forged && n)
        frame[FRAME_HEADER_BYTES + random32() % n] ^= 1;
    frame_header_write(frame, c, (uint32_t)n, text, false);
    say(frame, FRAME_HEADER_BYTES + n);
}

static void act_divided(void) {
    struct piece *p = &w.pieces[byte() % PIECES];
    if (p->at == p->n) {
        p->counter = counter();
        p->command = command();
        p->n = token(p->token, payload());
        p->at = 0;
    }
    size_t n = min_size(p->n - p->at, byte() * 16u);
    p->at += n;
    frame_header_write(frame, p->counter, (uint32_t)n, p->command, p->at < p->n);
    memcpy(frame + FRAME_HEADER_BYTES, p->token + p->at - n, n);
    say(frame, FRAME_HEADER_BYTES + n);
}

static void act_raw(void) {
    const uint8_t *bytes;
    size_t n = take(byte(), &bytes);
    say(bytes, n);
}

static void on_nothing(void *arg, struct session *s, const struct reply *r) {
    (void)r;
    need(arg == &w && s == &w.s);
}

static void act_blob(void) {
    struct blob body;
    uint8_t small[64];
    blob_init(&body, small, sizeof small, w.shared.windows, w.shared.spill, UINT64_MAX);
    if (blob_append(&body, clear, byte() * 46u, NULL) == E_OK) {
        uint64_t size = body.size;
        enum err err = session_request_blob(&w.s, "control_res", &body, on_reply, NULL, NULL);
        need(body.size == (err ? size : 0));
        w.asked += !err;
    }
    blob_reset(&body);
}

/* One that is forgotten before its reply comes, or after. */
static void act_forget(void) {
    bool can = session_can_request(&w.s);
    if (byte() & 1)
        need(session_request(&w.s, "echo", lent_mem, 5, on_nothing, &w, NULL) == E_OK || !can);
    else
        session_forget(&w.s, &w);
}

static void act_request(bool is_long) {
    enum err err;
    size_t n = byte() * 34u;
    if (is_long)
        err = session_request_long(&w.s, "file_upd", lent_mem, n / 3, lent_mem + n / 3, n - n / 3, on_sent,
                                   on_reply, NULL, NULL);
    else
        err = session_request(&w.s, "echo-c", lent_mem, min_size(n, SMALL_MAX_BYTES), on_reply, NULL, NULL);
    w.asked += !err;
    w.lent += !err && is_long;
}

static void act(uint8_t a) {
    struct transfer *t = &w.transfers[a >> 4 & 3];
    switch (a & 15) {
    case 0:
    case 1:
    case 2:
        act_message(false);
        break;
    case 3:
        act_divided();
        break;
    case 4:
        if (a & 0x80)
            act_message(true);
        else
            act_raw();
        break;
    case 5:
        drain(a & 0x80 ? SIZE_MAX : (size_t)byte() * 8);
        break;
    case 6:
        w.now_ms += a & 0x80 ? byte() * 1000u : byte();
        if (session_deadline(&w.s) <= w.now_ms && session_tick(&w.s, w.now_ms))
            w.dead = true;
        need(w.dead || session_deadline(&w.s) > w.now_ms);
        break;
    case 7:
        act_request(false);
        break;
    case 8:
        if (a & 0x80)
            act_blob();
        else
            act_request(true);
        break;
    case 9:
        transfer_begin(t, a & 0x40, byte() * 1500u, byte() * 7919u);
        break;
    case 10:
        if (t->x)
            xfer_tx_cancel(t->x);
        break;
    case 11:
        w.silent = a & 0x80;
        answer_all();
        break;
    case 12:
        if (a & 0x80)
            act_forget();
        else if (w.s.strings)
            xfer_string_drop(&w.s, w.s.strings);
        break;
    case 13:
        w.file_mood = a & 0x80 ? E_DENIED : E_OK;
        w.sink_fails = a & 0x40;
        break;
    case 14:
        w.spill_fails = a & 0x80;
        break;
    default:
        turn();
    }
}

/* ---- one life ---- */

static void pool_start(struct pool *p, void *mem, uint32_t *next, size_t bytes, uint32_t count) {
    pool_init(p, "p", "", mem, next, bytes, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct session_events events = {on_request, on_file_begin, on_file_end, on_cancelled,
                                                 on_alive};
    static struct sys sys = {.mono_ns = mono, .wall_ns = wall, .random = fill_random};
    static _Alignas(16) uint8_t mem[5][16u * POOL_SLOT(sizeof(struct message)) + 4u * BODY_WINDOW_BYTES +
                                       4u * POOL_SLOT(sizeof(struct xfer_tx))];
    static uint32_t next[5][16];
    struct pool pools[5];
    const size_t bytes[5] = {sizeof(struct message), BODY_WINDOW_BYTES, sizeof(struct xfer_tx),
                             sizeof(struct xfer_rx), sizeof(struct xfer_string)};
    uint32_t counts[5] = {12, 2, 3, 4, 4};
    memset(&w, 0, offsetof(struct world, s));
    memset((uint8_t *)&w + offsetof(struct world, shared), 0, sizeof w - offsetof(struct world, shared));
    w.data = data;
    w.size = size;
    w.now_ms = 1000;
    fernet_key_init(&w.key, "0123456789abcdef0123456789abcdef");
    uint8_t settings = byte();
    w.plain = settings & 1;
    if (settings & 8)
        counts[0] = 3;
    w.spill = (struct spill){spill_open, spill_append, spill_read, spill_close};
    for (int i = 0; i < 5; i++)
        pool_start(&pools[i], mem[i], next[i], bytes[i], counts[i]);
    w.shared = (struct session_shared){.sys = &sys,
                                       .key = &w.key,
                                       .dialect = dialect_find(settings & 0x80 ? "4.4.0" : "4.14.7"),
                                       .messages = &pools[0],
                                       .windows = &pools[1],
                                       .senders = &pools[2],
                                       .receivers = &pools[3],
                                       .strings = &pools[4],
                                       .spill = &w.spill,
                                       .message_bytes = 1u << 20,
                                       .request_ms = 20000,
                                       .scratch = scratch};
    frame_dec_init(&w.out);
    session_init(&w.s, &w.shared, &events, NULL, 1u << (settings >> 1) % 3, w.plain, settings * 77u);
    while (w.size && !w.dead)
        act(byte());
    if (!w.dead) { /* an honest end: all that was promised leaves */
        answer_all();
        for (int i = 0; i < 100; i++) {
            turn();
            drain(SIZE_MAX);
        }
        need(w.dead || (w.s.queue_count == 0 && !w.in_message));
    }
    session_fini(&w.s);
    need(w.asked == w.replied && w.lent == w.returned && w.begun == w.done);
    for (int i = 0; i < 5; i++)
        need(pools[i].used == 0);
    for (unsigned i = 0; i < SPILLS; i++)
        need(!w.spill_open[i]);
    return 0;
}
