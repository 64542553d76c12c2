/* ossec_conf_raw.c - the text of ossec.conf as it is, written as one JSON string in pieces, its secrets
 * masked on the way. What it says is not looked at. */
#include "api/manager_parts.h"
#include "api/ossec_conf_call.h"

#include <string.h>

/* ---- masking the raw text ---- */

enum { MASK_OUTER, MASK_INNER, MASK_VALUE, MASK_END };

void conf_mask_init(struct conf_mask *m, const char *outer, const char *inner, const char *end) {
    *m = (struct conf_mask){.outer = outer, .inner = inner, .end = end};
}

/* How many bytes of want have come with c; these words repeat no beginning but their '<'. */
static uint8_t follow(const char *want, uint8_t at, char c) {
    return want[at] == c ? at + 1 : want[0] == c;
}

void conf_mask_finish(struct conf_mask *m, struct text *out) {
    if (m->held_n == sizeof m->held)
        text_str(out, "*****"); /* not all of it is here, and it may be a secret */
    else
        text_add(out, m->held, m->held_n);
    if (m->state == MASK_END)
        text_add(out, m->end, m->at);
    m->state = MASK_OUTER;
    m->held_n = m->at = 0;
}

static void hold(struct conf_mask *m, char c) {
    if (m->held_n < sizeof m->held)
        m->held[m->held_n++] = c;
}

void conf_mask_push(struct conf_mask *m, char c, struct text *out) {
    switch (m->state) {
    case MASK_OUTER:
    case MASK_INNER: {
        const char *want = m->state == MASK_OUTER ? m->outer : m->inner;
        m->at = follow(want, m->at, c);
        text_char(out, c);
        if (!want[m->at]) {
            m->state++;
            m->at = 0;
        }
        return;
    }
    case MASK_VALUE:
        if (c != '<') {
            hold(m, c);
            return;
        }
        m->state = MASK_END;
        m->at = 1;
        return;
    default:
        if (m->end[m->at] == c) {
            if (m->end[++m->at])
                return;
            text_str(out, "*****");
            text_str(out, m->end);
            m->state = MASK_OUTER;
            m->held_n = m->at = 0;
            return;
        }
        /* it was no value and its end: what was held is told after all, and the next <key> looked for, which
         * may begin with the '<' that came */
        bool is_less = m->at == 1;
        conf_mask_finish(m, out);
        m->state = MASK_INNER;
        m->at = is_less;
        conf_mask_push(m, c, out);
    }
}

void conf_words_push(struct conf_words *m, char c, struct text *out) {
    while (m->held && m->words[m->held] != c) { /* the longest beginning that still may be one */
        uint8_t was = m->held--;
        while (memcmp(m->words + was - m->held, m->words, m->held) != 0)
            m->held--;
        text_add(out, m->words, was - m->held);
    }
    if (!m->words[0] || m->words[m->held] != c) {
        text_char(out, c);
    } else if (!m->words[++m->held]) {
        text_str(out, "*****");
        m->held = 0;
    }
}

/* ---- the text ---- */

/* Bytes of t that end with a whole character. */
static size_t whole_characters(const char *t, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char b = (unsigned char)t[n - back];
        if (b < 0x80)
            return n;
        if (b >= 0xc0) {
            size_t want = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
            return back < want ? n - back : n;
        }
    }
    return n;
}

/* The next bytes of the string that is being written. */
static void put_raw(struct api_call *c, const char *bytes, size_t n) {
    struct text *t = &c->result.text;
    result_flush(&c->result);
    json_escape(t, bytes, n);
    if (t->cut || t->len < 2)
        return;
    t->len -= 2; /* without its quotes */
    memmove(t->buf, t->buf + 1, t->len);
    t->buf[t->len] = 0;
}

static void put_carry(struct api_call *c, bool is_end) {
    struct conf_call *s = api_state(c);
    size_t n = is_end ? s->carry_n : whole_characters(s->carry, s->carry_n);
    put_raw(c, s->carry, n);
    memmove(s->carry, s->carry + n, s->carry_n - n);
    s->carry_n -= (uint32_t)n;
}

static void mask_byte(struct api_call *c, char byte) {
    struct conf_call *s = api_state(c);
    char room[600];
    struct text first, out;
    text_init(&out, s->carry + s->carry_n, sizeof s->carry - s->carry_n);
    if (s->secrets) {
        text_char(&out, byte);
    } else {
        text_init(&first, room, sizeof room);
        conf_mask_push(&s->mask[0], byte, &first);
        for (size_t i = 0; i < first.len; i++)
            conf_mask_push(&s->mask[1], room[i], &out);
    }
    s->carry_n += (uint32_t)out.len;
    if (s->carry_n > sizeof s->carry - 1100)
        put_carry(c, false);
}

static void mask_bytes(struct api_call *c, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        mask_byte(c, bytes[i]);
}

/* Ends of lines become '\n', as Python reads text. */
static void take_raw(struct api_call *c, const char *piece, size_t n) {
    struct conf_call *s = api_state(c);
    char room[sizeof c->env->role->config->key + 8];
    struct text t;
    for (size_t i = 0; i < n; i++) {
        bool is_second = piece[i] == '\n' && s->was_return;
        s->was_return = piece[i] == '\r';
        if (is_second)
            continue;
        text_init(&t, room, sizeof room);
        conf_words_push(&s->key, piece[i] == '\r' ? '\n' : piece[i], &t);
        mask_bytes(c, t.buf, t.len);
    }
}

static void end_raw(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct text first, out;
    char room[600];
    mask_bytes(c, s->key.words, s->key.held);
    put_carry(c, false);
    text_init(&first, room, sizeof room);
    text_init(&out, s->carry + s->carry_n, sizeof s->carry - s->carry_n);
    conf_mask_finish(&s->mask[0], &first);
    for (size_t i = 0; i < first.len; i++)
        conf_mask_push(&s->mask[1], room[i], &out);
    conf_mask_finish(&s->mask[1], &out);
    s->carry_n += (uint32_t)out.len;
    put_carry(c, true);
    text_char(&c->result.text, '"');
    json_close(&c->result.w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
}

static void raw_step(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    char piece[CONF_PIECE_BYTES];
    struct error e;
    for (uint32_t k = 0; k < CONF_STEP_PIECES; k++) {
        ptrdiff_t n = sys->pread(sys, s->fd, piece, sizeof piece, s->at);
        if (n < 0) {
            error_os(&e, n, CONF_PATH);
            api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
            return;
        }
        if (n == 0) {
            end_raw(c);
            return;
        }
        s->at += (uint64_t)n;
        take_raw(c, piece, (size_t)n);
    }
    api_call_step(c, raw_step);
}

void ossec_conf_raw(struct api_call *c) {
    struct conf_call *s = api_state(c);
    s->key = (struct conf_words){.words = s->secrets ? "" : c->env->role->config->key};
    conf_mask_init(&s->mask[0], "<authd>", "<pass>", "</pass>");
    conf_mask_init(&s->mask[1], "<cluster>", "<key>", "</key>");
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    json_key(w, "message");
    json_raw(w, "\"", 1);
    raw_step(c);
}
