/* fuzz_wdb_frame.c - wazuh-db's text frames from arbitrary bytes: however they are cut, the same texts, or
 * the same refusal. */
#include "store/wdb_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 300u

struct seen {
    struct wdb_frame f;
    size_t frames, bytes;
    uint32_t sum;
    enum err err;
};

static void need(bool cond) {
    if (!cond)
        abort();
}

static void push(struct seen *s, const uint8_t *bytes, size_t n) {
    while (n && !s->err) {
        const uint8_t *text;
        size_t used, text_n, want = wdb_frame_want(&s->f);
        bool whole;
        struct error e;
        need(want > 0);
        s->err = wdb_frame_push(&s->f, bytes, n, &used, &text, &text_n, &whole, &e);
        if (s->err) {
            need(s->err == E_LIMIT);
            return;
        }
        need(used > 0 && used <= n && text_n <= used && text + text_n <= bytes + n);
        for (size_t i = 0; i < text_n; i++)
            s->sum = (s->sum ^ text[i]) * 16777619u;
        s->bytes += text_n;
        if (whole) {
            uint8_t head[4];
            need(s->f.got == s->f.length && s->f.length <= MOST);
            wdb_frame_head(head, s->f.length);
            need(memcmp(head, s->f.head, 4) == 0);
            s->frames++;
            wdb_frame_init(&s->f, MOST);
        }
        bytes += used;
        n -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen whole = {0}, cut = {0};
    uint32_t step = size ? data[0] : 0;
    wdb_frame_init(&whole.f, MOST);
    wdb_frame_init(&cut.f, MOST);
    push(&whole, data, size);
    for (size_t at = 0; at < size; step = step * 7 + 1) {
        size_t n = 1 + step % 23;
        n = n < size - at ? n : size - at;
        push(&cut, data + at, n);
        at += n;
    }
    need(whole.err == cut.err && whole.frames == cut.frames && whole.bytes == cut.bytes &&
         whole.sum == cut.sum);
    return 0;
}
