/* fuzz_package.c - any bytes into the decoder, in any cut; and any content through encoder and decoder, where
 * a receiver that cuts at separators must find the members too.
 *
 * The first byte chooses: even, the rest is a package, cut as the byte says; odd, it is content to encode. */
#include "base/bytes.h"
#include "fs/package_dec.h"
#include "fs/package_enc.h"

#include <string.h>

#define LIMIT (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds) {
    if (!holds)
        __builtin_trap();
}

/* What the decoder gave, compared on the way with what it should be. */
struct sum {
    const uint8_t *want; /* NULL: anything */
    size_t at, members;
    bool open;
};

static enum err on_begin(void *arg, const char *name, size_t len, struct error *e) {
    struct sum *s = arg;
    need(!s->open && len > 0 && len < PATH_MAX_BYTES && strlen(name) == len);
    if (name[0] == '!')
        return error_set(e, E_PATH, 0, "not wanted");
    s->open = true;
    return E_OK;
}

static enum err on_data(void *arg, const uint8_t *bytes, size_t n, struct error *e) {
    struct sum *s = arg;
    need(s->open && n > 0);
    if (s->want)
        need(memcmp(s->want + s->at, bytes, n) == 0);
    s->at += n;
    return s->at > LIMIT ? error_set(e, E_SPACE, 0, "beyond the limit") : E_OK;
}

static enum err on_end(void *arg, struct error *e) {
    struct sum *s = arg;
    (void)e;
    need(s->open);
    s->open = false;
    s->members++;
    return E_OK;
}

static _Alignas(16) uint8_t dec_mem[PACKAGE_DEC_BYTES], enc_mem[PACKAGE_ENC_BYTES];

static enum err decode(struct sum *s, const uint8_t *bytes, size_t n, size_t piece) {
    struct package_events events = {s, on_begin, on_data, on_end};
    struct package_dec *p = package_dec_init(dec_mem, &events, LIMIT);
    enum err code = E_OK;
    for (size_t at = 0; at < n && code == E_OK; at += piece)
        code = package_dec_push(p, bytes + at, min_size(piece, n - at), NULL);
    enum err end = package_dec_finish(p, NULL);
    need(code == E_OK || end == code);
    return end;
}

struct feeder {
    struct package_feed feed;
    const uint8_t *bytes;
    size_t size, at, given;
};

static enum err feed_next(struct package_feed *f, char *name, size_t cap, bool *more, struct error *e) {
    struct feeder *d = (struct feeder *)(void *)f;
    (void)cap, (void)e;
    *more = d->given++ < 2;
    memcpy(name, "etc/a", 6);
    return E_OK;
}

/* The content twice: once in each member, the second time from where the first ended. */
static enum err feed_read(struct package_feed *f, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct feeder *d = (struct feeder *)(void *)f;
    (void)e;
    size_t end = d->given == 1 ? d->size / 2 : d->size;
    *n = min_size(cap, end - d->at);
    memcpy(buf, d->bytes + d->at, *n);
    d->at += *n;
    return E_OK;
}

static void feed_done(struct package_feed *f, uint64_t plain, uint64_t deflated, bool whole) {
    (void)f, (void)plain, (void)deflated;
    need(whole);
}

static void round_trip(const uint8_t *bytes, size_t n, int level) {
    static uint8_t package[1 << 20];
    struct feeder d = {{.next = feed_next, .read = feed_read, .done = feed_done}, bytes, n, 0, 0};
    struct source *s = package_enc_source(package_enc_init(enc_mem, &d.feed, level));
    size_t size = 0, got = 1;
    while (got > 0 && size < sizeof package) {
        need(s->read(s, package + size, sizeof package - size, &got, NULL) == E_OK);
        size += got;
    }
    struct sum sum = {.want = bytes};
    need(decode(&sum, package, size, size) == E_OK);
    need(sum.at == n && sum.members == 2);
    const uint8_t *cut = memmem(package, size, "|@@//@@|", 8);
    need(cut != NULL && memcmp(cut + 8, "etc/a|//@@//|", 13) == 0);
    need(memmem(cut + 8, size - (size_t)(cut - package) - 8, "|@@//@@|", 8) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    uint8_t how = *data++;
    size--;
    if (how & 1) {
        if (size < 400000)
            round_trip(data, size, how >> 1 & 7);
        return 0;
    }
    struct sum whole = {0}, cut = {0};
    enum err a = decode(&whole, data, size, size ? size : 1), b = decode(&cut, data, size, (how >> 1) + 1u);
    need((a == E_OK) == (b == E_OK));
    if (a == E_OK)
        need(whole.at == cut.at && whole.members == cut.members);
    return 0;
}
