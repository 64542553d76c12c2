/* fuzz_http.c - HTTP from arbitrary bytes: the first chooses requests or replies and how long a body may be.
 * However they are cut, the same messages with the same bodies, or the same refusal. */
#include "store/wdb_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct http h;
    uint64_t most;
    size_t messages, body;
    uint32_t sum; /* of all that was told, in its order */
    bool in_body;
    enum err err;
};

static void need(bool cond) {
    if (!cond)
        abort();
}

static void add(struct seen *s, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        s->sum = (s->sum ^ ((const uint8_t *)bytes)[i]) * 16777619u;
}

static void begin(struct seen *s, bool is_request, uint64_t most) {
    http_init(&s->h, is_request, s->most = most);
    need(http_is_fresh(&s->h));
}

static void head(struct seen *s) {
    const struct http *h = &s->h;
    need(!s->in_body && !(h->chunked && h->has_length));
    if (h->is_request)
        need(h->path[0] == '/' && h->method[0] != '\0');
    else
        need(h->status >= 200 && h->status < 600);
    need(h->has_length || h->length == 0);
    add(s, h->method, strlen(h->method));
    add(s, h->path, strlen(h->path));
    add(s, &h->status, sizeof h->status);
    add(s, &h->keep_alive, 1);
    s->in_body = true;
}

static void push(struct seen *s, const uint8_t *bytes, size_t n) {
    while (n && !s->err) {
        const uint8_t *body;
        size_t used, body_n;
        bool head_done, whole, is_request = s->h.is_request;
        struct error e;
        uint64_t want = http_want(&s->h);
        s->err = http_push(&s->h, bytes, n, &used, &body, &body_n, &head_done, &whole, &e);
        if (s->err) {
            need(s->err == E_SYNTAX || s->err == E_LIMIT);
            return;
        }
        need(used > 0 && used <= n && body_n <= used);
        need(!want || used == (want < n ? want : n));
        if (head_done)
            head(s);
        need(s->in_body || body_n == 0);
        need(body_n == 0 || (body >= bytes && body + body_n <= bytes + used));
        add(s, body, body_n);
        s->body += body_n;
        need(s->h.got <= s->most);
        if (whole) {
            need(s->in_body && (!s->h.has_length || s->h.got == s->h.length || !is_request));
            s->messages++;
            s->in_body = false;
            begin(s, is_request, s->most);
        }
        bytes += used;
        n -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct seen whole, cut;
    uint32_t step = size > 1 ? data[1] : 0;
    struct error e;
    bool whole_end = false, cut_end = false;
    if (size == 0)
        return 0;
    memset(&whole, 0, sizeof whole);
    memset(&cut, 0, sizeof cut);
    begin(&whole, data[0] & 1, (uint64_t)1 << (data[0] >> 3));
    begin(&cut, data[0] & 1, (uint64_t)1 << (data[0] >> 3));
    push(&whole, data + 1, size - 1);
    for (size_t at = 1; at < size; step = step * 7 + 1) {
        size_t n = 1 + step % 23;
        n = n < size - at ? n : size - at;
        push(&cut, data + at, n);
        at += n;
    }
    need(whole.err == cut.err && whole.messages == cut.messages);
    if (whole.err) /* what of a body without end was told before it was too long is chance */
        return 0;
    need(whole.body == cut.body && whole.sum == cut.sum);
    need(http_eof(&whole.h, &whole_end, &e) == http_eof(&cut.h, &cut_end, &e) && whole_end == cut_end);
    return 0;
}
