/* fuzz_frame.c - frames from arbitrary bytes: however they are cut, the same headers and the same payload. */
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct frame_dec dec;
    size_t frames, body;
    uint32_t sum; /* of all that was told, in its order */
    bool bad;
};

static void need(bool cond) {
    if (!cond)
        abort();
}

static void add(struct seen *s, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        s->sum = (s->sum ^ ((const uint8_t *)bytes)[i]) * 16777619u;
}

static void push(struct seen *s, const uint8_t *bytes, size_t n) {
    while (n && !s->bad) {
        struct frame_event event;
        size_t want = frame_dec_want(&s->dec);
        size_t used = frame_dec_push(&s->dec, bytes, n, &event);
        need(want > 0 && used > 0 && used <= n && used <= want);
        const struct frame_header *h = &s->dec.header;
        if (event.kind == FRAME_HEADER) {
            size_t len = strlen(h->command);
            need(len >= 1 && len < COMMAND_BYTES && event.last == (h->length == 0));
            uint8_t raw[FRAME_HEADER_BYTES];
            frame_header_write(raw, h->counter, h->length, h->command, h->divided);
            add(s, raw, sizeof raw);
        } else if (event.kind == FRAME_BODY) {
            need(event.n == used && event.bytes == bytes);
            add(s, event.bytes, event.n);
            s->body += event.n;
        } else if (event.kind == FRAME_BAD) {
            s->bad = true;
        } else {
            need(used == n);
        }
        s->frames += event.last;
        bytes += used;
        n -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen whole = {0}, cut = {0};
    uint32_t step = size ? data[0] : 0;
    frame_dec_init(&whole.dec);
    frame_dec_init(&cut.dec);
    push(&whole, data, size);
    for (size_t at = 0; at < size; step = step * 7 + 1) {
        size_t n = 1 + step % 23;
        n = n < size - at ? n : size - at;
        push(&cut, data + at, n);
        at += n;
    }
    need(whole.frames == cut.frames && whole.body == cut.body && whole.sum == cut.sum &&
         whole.bad == cut.bad);
    return 0;
}
