/* test_package.c - packages: written, read, cut, refused. Python's zlib made the vectors (make_packages.py).
 */
#include "base/bytes.h"
#include "fs/package_dec.h"
#include "fs/package_enc.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_SEP "|@@//@@|"
#define PATH_SEP "|//@@//|"

/* ---- what a decoder said ---- */

struct heard {
    _Alignas(16) uint8_t mem[PACKAGE_DEC_BYTES];
    struct package_events events;
    struct package_dec *dec;
    uint64_t limit;
    enum err code;
    struct error error;
    uint32_t ended;
    char names[64][PATH_MAX_BYTES];
    uint8_t *data[64];
    size_t size[64];
    const char *skip;      /* begin() answers E_PATH for this name */
    enum err data_answers; /* what data() returns */
    bool busy;
};

static enum err on_begin(void *arg, const char *name, size_t len, struct error *e) {
    struct heard *h = arg;
    CHECK(!h->busy);
    CHECK_INT(strlen(name), len);
    if (h->skip && strcmp(name, h->skip) == 0)
        return error_set(e, E_PATH, 0, "not wanted");
    h->busy = true;
    h->size[h->ended] = 0;
    strcpy(h->names[h->ended], name);
    return E_OK;
}

static enum err on_data(void *arg, const uint8_t *bytes, size_t n, struct error *e) {
    struct heard *h = arg;
    CHECK(h->busy);
    CHECK(n > 0);
    if (h->data_answers != E_OK)
        return error_set(e, h->data_answers, 0, "told to");
    h->data[h->ended] = realloc(h->data[h->ended], h->size[h->ended] + n);
    memcpy(h->data[h->ended] + h->size[h->ended], bytes, n);
    h->size[h->ended] += n;
    return E_OK;
}

static enum err on_end(void *arg, struct error *e) {
    struct heard *h = arg;
    (void)e;
    CHECK(h->busy);
    h->busy = false;
    h->ended++;
    return E_OK;
}

static void heard_reset(void *ctx) {
    struct heard *h = ctx;
    h->events = (struct package_events){h, on_begin, on_data, on_end};
    h->dec = package_dec_init(h->mem, &h->events, h->limit);
    h->code = E_OK;
    h->ended = 0;
    h->busy = false;
}

static struct heard *heard_new(uint64_t limit) {
    struct heard *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->limit = limit;
    heard_reset(h);
    return h;
}

static void heard_free(struct heard *h) {
    for (size_t i = 0; i < 64; i++)
        free(h->data[i]);
    free(h);
}

static void heard_push(void *ctx, const uint8_t *bytes, size_t n) {
    struct heard *h = ctx;
    h->code = package_dec_push(h->dec, bytes, n, &h->error);
}

static enum err heard_all(struct heard *h, const uint8_t *bytes, size_t n) {
    heard_reset(h);
    heard_push(h, bytes, n);
    return h->code != E_OK ? h->code : package_dec_finish(h->dec, &h->error);
}

/* ---- Python's packages ---- */

static void long_bytes(uint8_t *out, size_t n) {
    for (uint64_t i = 0; i < n; i++)
        out[i] = (uint8_t)(i * i / 7 + i);
}

static void check_plain(void *ctx) {
    struct heard *h = ctx;
    static const char line[] = "<rule id=\"100001\" level=\"5\"><description>vector</description></rule>\n";
    static const char meta[] = "{\"missing\": {}, \"extra\": {}, \"shared\": {}}";
    static uint8_t want[100000];
    long_bytes(want, sizeof want);
    CHECK_INT(h->code, E_OK);
    CHECK_INT(package_dec_finish(h->dec, &h->error), E_OK);
    CHECK_INT(package_dec_members(h->dec), 4);
    CHECK_INT(h->ended, 4);
    CHECK_STR(h->names[0], "etc/rules/local.xml");
    CHECK_INT(h->size[0], 40 * (sizeof line - 1));
    for (size_t i = 0; i < 40; i++)
        CHECK_MEM(h->data[0] + i * (sizeof line - 1), line, sizeof line - 1);
    CHECK_STR(h->names[1], "etc/shared/default/empty");
    CHECK_INT(h->size[1], 0);
    CHECK_STR(h->names[2], "etc/lists/größe");
    CHECK_INT(h->size[2], sizeof want);
    CHECK_MEM(h->data[2], want, sizeof want);
    CHECK_STR(h->names[3], "files_metadata.json");
    CHECK_INT(h->size[3], sizeof meta - 1);
    CHECK_MEM(h->data[3], meta, sizeof meta - 1);
}

TEST(dec_reads_python_packages) {
    struct heard *h = heard_new(1 << 20);
    size_t n;
    uint8_t *v = test_vector("package_plain.bin", &n);
    test_cuts(v, n, 7, h, heard_reset, heard_push, check_plain);
    v = test_vector("package_level9.bin", &n);
    test_cuts(v, n, 11, h, heard_reset, heard_push, check_plain);
    heard_free(h);
}

static void check_cut(void *ctx) {
    struct heard *h = ctx;
    static const char want[] = "before|@@//@@|between|//@@//|after|@@//@@|";
    CHECK_INT(h->code, E_OK);
    CHECK_INT(package_dec_finish(h->dec, &h->error), E_OK);
    CHECK_INT(h->ended, 1);
    CHECK_STR(h->names[0], "etc/lists/cut");
    CHECK_INT(h->size[0], sizeof want - 1);
    CHECK_MEM(h->data[0], want, sizeof want - 1);
}

TEST(dec_ends_members_where_zlib_ends) {
    struct heard *h = heard_new(1 << 20);
    size_t n;
    uint8_t *v = test_vector("package_cut.bin", &n);
    test_cuts(v, n, 1, h, heard_reset, heard_push, check_cut);
    heard_free(h);
}

TEST(dec_knows_every_early_end) {
    struct heard *h = heard_new(1 << 20);
    size_t n, whole = 0;
    uint8_t *v = test_vector("package_plain.bin", &n);
    for (size_t i = 0; i < n; i++) {
        enum err code = heard_all(h, v, i);
        /* Only at the end of a member that has no separator after it yet. */
        if (code == E_OK)
            whole++;
        else
            CHECK_INT(code, E_TRUNCATED);
    }
    CHECK_INT(whole, 3);
    heard_free(h);
}

TEST(dec_never_passes_a_flipped_bit_in_content) {
    struct heard *h = heard_new(1 << 20);
    size_t n;
    uint8_t *v = test_vector("package_cut.bin", &n);
    size_t start = strlen("etc/lists/cut") + 8;
    for (size_t bit = start * 8; bit < n * 8; bit++) {
        v[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum err code = heard_all(h, v, n);
        /* Five bits of a stored block's head are padding (RFC 1951, 3.2.4). */
        bool padding = bit / 8 == start + 2 && bit % 8 >= 3;
        CHECK(padding ? code == E_OK : code == E_SYNTAX || code == E_DIGEST || code == E_TRUNCATED);
        v[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    v[n - 1] ^= 1;
    CHECK_INT(heard_all(h, v, n), E_DIGEST);
    heard_free(h);
}

TEST(dec_bounds_what_it_inflates) {
    size_t n;
    uint8_t *v = test_vector("package_plain.bin", &n);
    struct heard *h = heard_new(1 << 20);
    uint64_t sum = 0;
    CHECK_INT(heard_all(h, v, n), E_OK);
    for (size_t i = 0; i < 4; i++)
        sum += h->size[i];
    h->limit = sum;
    CHECK_INT(heard_all(h, v, n), E_OK);
    h->limit = sum - 1;
    CHECK_INT(heard_all(h, v, n), E_LIMIT);
    CHECK_INT(package_dec_push(h->dec, v, 1, NULL), E_LIMIT); /* sticks */
    CHECK_INT(package_dec_finish(h->dec, NULL), E_LIMIT);
    h->limit = 50000;
    h->skip = "etc/lists/größe"; /* inflating is what costs, wanted or not */
    CHECK_INT(heard_all(h, v, n), E_LIMIT);
    heard_free(h);
}

TEST(dec_skips_what_is_not_wanted) {
    size_t n;
    uint8_t *v = test_vector("package_plain.bin", &n);
    struct heard *h = heard_new(1 << 20);
    h->skip = "etc/rules/local.xml";
    CHECK_INT(heard_all(h, v, n), E_OK);
    CHECK_INT(h->ended, 3);
    CHECK_INT(package_dec_members(h->dec), 4);
    CHECK_STR(h->names[0], "etc/shared/default/empty");
    h->data_answers = E_SPACE;
    CHECK_INT(heard_all(h, v, n), E_SPACE);
    CHECK_INT(package_dec_push(h->dec, v, 1, NULL), E_SPACE);
    heard_free(h);
}

TEST(dec_refuses_what_is_no_package) {
    static const uint8_t empty[] = {0x78, 0x01, 0x03, 0, 0, 0, 0, 1};
    uint8_t v[2 * PATH_MAX_BYTES];
    struct heard *h = heard_new(1 << 20);
    CHECK_INT(heard_all(h, v, 0), E_TRUNCATED);

    for (size_t len = PATH_MAX_BYTES - 1; len <= PATH_MAX_BYTES; len++) { /* the longest name, and one more */
        memset(v, 'a', len);
        memcpy(v + len, PATH_SEP, 8);
        memcpy(v + len + 8, empty, 8);
        CHECK_INT(heard_all(h, v, len + 16), len < PATH_MAX_BYTES ? E_OK : E_SYNTAX);
    }
    memcpy(v, PATH_SEP, 8);
    memcpy(v + 8, empty, 8);
    CHECK_INT(heard_all(h, v, 16), E_SYNTAX); /* no name */
    memcpy(v, "a\0b" PATH_SEP, 11);
    memcpy(v + 11, empty, 8);
    CHECK_INT(heard_all(h, v, 19), E_SYNTAX); /* a NUL in the name */
    memcpy(v, "a" PATH_SEP, 9);
    memcpy(v + 9, empty, 8);
    CHECK_INT(heard_all(h, v, 17), E_OK);
    memcpy(v + 17, FILE_SEP, 8);
    CHECK_INT(heard_all(h, v, 25), E_TRUNCATED); /* a separator at the end */
    v[24] = '!';
    CHECK_INT(heard_all(h, v, 25), E_SYNTAX); /* a rest that is none */
    v[17] = 0;
    CHECK_INT(heard_all(h, v, 18), E_SYNTAX);
    v[9] = 0x79; /* no zlib header */
    CHECK_INT(heard_all(h, v, 17), E_SYNTAX);
    v[9] = 0x78, v[10] = 0xbb; /* a preset dictionary (RFC 1950: FDICT) */
    CHECK_INT(heard_all(h, v, 17), E_SYNTAX);
    heard_free(h);
}

/* ---- a feed of members in memory ---- */

struct given {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    enum err fails; /* what read() answers at fail_at */
    size_t fail_at;
};

struct feeder {
    struct package_feed feed;
    const struct given *given;
    size_t count, next, at, piece;
    bool again, open, hurry;
    uint32_t done, whole;
    uint64_t plain, deflated;
};

static enum err feed_next(struct package_feed *f, char *name, size_t cap, bool *more, struct error *e) {
    struct feeder *d = (struct feeder *)(void *)f;
    CHECK(!d->open);
    *more = d->next < d->count;
    if (!*more)
        return E_OK;
    const struct given *g = &d->given[d->next++];
    if (!g->name)
        return error_set(e, E_CANCELLED, 0, "told to");
    CHECK(strlen(g->name) < cap);
    strcpy(name, g->name);
    d->at = 0;
    d->open = true;
    return E_OK;
}

static enum err feed_read(struct package_feed *f, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct feeder *d = (struct feeder *)(void *)f;
    const struct given *g = &d->given[d->next - 1];
    CHECK(d->open && cap > 0);
    d->again = !d->again;
    *n = 0;
    if (d->piece && d->again)
        return E_AGAIN;
    if (g->fails && d->at >= g->fail_at)
        return error_set(e, g->fails, 0, "told to");
    size_t part = min_size(g->size - d->at, cap);
    if (d->piece)
        part = min_size(part, d->piece);
    if (part)
        memcpy(buf, g->bytes + d->at, part);
    d->at += part;
    *n = part;
    return E_OK;
}

static void feed_done(struct package_feed *f, uint64_t plain, uint64_t deflated, bool whole) {
    struct feeder *d = (struct feeder *)(void *)f;
    CHECK(d->open);
    d->open = false;
    d->done++;
    d->whole += whole;
    d->plain += plain;
    d->deflated += deflated;
}

static bool feed_hurry(struct package_feed *f) {
    return ((struct feeder *)(void *)f)->hurry;
}

static _Alignas(16) uint8_t enc_mem[PACKAGE_ENC_BYTES];
static uint8_t package[4 << 20];

/* The whole package, read cap bytes at a time; its size, the final code in *code. */
static size_t encode(struct feeder *d, const struct given *given, size_t count, int level, size_t cap,
                     size_t piece, enum err *code) {
    *d = (struct feeder){
        .feed = {.next = feed_next, .read = feed_read, .done = feed_done}, .given = given, .count = count};
    d->piece = piece;
    memset(enc_mem, 0xa5, sizeof enc_mem);
    struct package_enc *p = package_enc_init(enc_mem, &d->feed, level);
    CHECK(package_enc_size() <= sizeof enc_mem);
    struct source *s = package_enc_source(p);
    struct error e;
    size_t size = 0;
    for (;;) {
        size_t n = 0;
        CHECK(size + cap <= sizeof package);
        *code = s->read(s, package + size, cap, &n, &e);
        CHECK(n <= cap);
        size += n;
        if (*code == E_AGAIN) {
            CHECK_INT(n, 0);
            continue;
        }
        if (*code != E_OK || n == 0)
            break;
    }
    size_t n;
    CHECK_INT(s->read(s, package, cap, &n, &e), *code); /* the end, or its error, stays */
    CHECK_INT(n, 0);
    CHECK_INT(package_enc_bytes(p), size);
    return size;
}

/* A real receiver cuts the package wherever the separator occurs (4.14.7, decompress_files): it must find as
 * many records as there are, each with its name up to the first path separator. */
static void check_real_cut(const uint8_t *bytes, size_t n, const struct given *given, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *end = memmem(bytes, n, FILE_SEP, 8);
        CHECK(i + 1 < count ? end != NULL : end == NULL);
        size_t len = end ? (size_t)(end - bytes) : n;
        const uint8_t *path_end = memmem(bytes, len, PATH_SEP, 8);
        CHECK(path_end != NULL);
        CHECK_INT(path_end - bytes, strlen(given[i].name));
        CHECK_MEM(bytes, given[i].name, strlen(given[i].name));
        bytes += len + 8;
        n -= end ? len + 8 : n;
    }
}

static void check_round(const struct given *given, size_t count, int level, size_t cap, size_t piece) {
    struct feeder d;
    enum err code;
    size_t n = encode(&d, given, count, level, cap, piece, &code);
    CHECK_INT(code, E_OK);
    CHECK_INT(d.done, count);
    CHECK_INT(d.whole, count);
    check_real_cut(package, n, given, count);
    struct heard *h = heard_new(16 << 20);
    CHECK_INT(heard_all(h, package, n), E_OK);
    CHECK_INT(h->ended, count);
    uint64_t plain = 0, heads = 8 * (count - 1);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(h->names[i], given[i].name);
        CHECK_INT(h->size[i], given[i].size);
        if (given[i].size)
            CHECK_MEM(h->data[i], given[i].bytes, given[i].size);
        plain += given[i].size;
        heads += strlen(given[i].name) + 8;
    }
    CHECK_INT(d.plain, plain);
    CHECK_INT(d.deflated + heads, n);
    heard_free(h);
}

#define SEG PACKAGE_SEGMENT_BYTES
static uint8_t text_bytes[3 * SEG + 100], noise[3 * SEG + 100];

static void fill(void) {
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        noise[i] = (uint8_t)(x >> 32);
        text_bytes[i] = "level=\"12\" <rule id>"[i % 20 + 0];
        if (i % 37 == 0)
            text_bytes[i] = (uint8_t)('a' + x % 26);
    }
}

/* ---- the encoder ---- */

TEST(enc_writes_what_it_must) {
    static const struct given given[] = {{.name = "etc/lists/none"}, {.name = "files_metadata.json"}};
    static const char want[] = "etc/lists/none" PATH_SEP "\x78\x01\x03\0\0\0\0\x01" FILE_SEP
                               "files_metadata.json" PATH_SEP "\x78\x01\x03\0\0\0\0\x01";
    struct feeder d;
    enum err code;
    CHECK_INT(encode(&d, given, 2, 1, 64, 0, &code), sizeof want - 1);
    CHECK_INT(code, E_OK);
    CHECK_MEM(package, want, sizeof want - 1);
    CHECK_INT(d.deflated, 16);
    CHECK_INT(encode(&d, given, 0, 1, 64, 0, &code), 0);
    CHECK_INT(code, E_OK);
    /* zlib.compress(b"", level)[1] in Python */
    static const uint8_t flags[10] = {0x01, 0x01, 0x5e, 0x5e, 0x5e, 0x5e, 0x9c, 0xda, 0xda, 0xda};
    for (int level = 0; level <= 9; level++) {
        encode(&d, given, 1, level, 64, 0, &code);
        CHECK_INT(package[strlen("etc/lists/none") + 8 + 1], flags[level]);
    }
}

TEST(enc_and_dec_agree) {
    fill();
    const struct given given[] = {{.name = "etc/a", .bytes = text_bytes, .size = SEG - 1},
                                  {.name = "etc/b", .bytes = noise, .size = SEG},
                                  {.name = "etc/c", .bytes = text_bytes, .size = SEG + 1},
                                  {.name = "etc/d", .size = 0},
                                  {.name = "etc/e", .bytes = noise, .size = 3 * SEG + 77},
                                  {.name = "etc/f", .bytes = noise, .size = 1},
                                  {.name = "etc/g", .bytes = text_bytes, .size = 2 * SEG},
                                  {.name = "etc/|@@", .bytes = noise, .size = 9}};
    for (int level = 0; level <= 9; level++)
        check_round(given, 8, level, 70000, 0);
    check_round(given, 8, 1, 1, 0);
    check_round(given, 8, 1, 4093, 997);
    check_round(given, 8, 6, 1 << 20, 131071);
}

TEST(enc_shrinks_what_shrinks_and_stores_the_rest) {
    fill();
    struct feeder d;
    enum err code;
    const struct given text = {.name = "a", .bytes = text_bytes, .size = sizeof text_bytes};
    CHECK(encode(&d, &text, 1, 1, 65536, 0, &code) < sizeof text_bytes / 5);
    const struct given rest = {.name = "a", .bytes = noise, .size = sizeof noise};
    size_t n = encode(&d, &rest, 1, 1, 65536, 0, &code);
    CHECK(n < sizeof noise + sizeof noise / 4000 + 64);
}

/* A waiting taker gets stored units, which a reader inflates to the same content; then deflated ones again.
 */
TEST(enc_stores_what_is_waited_for) {
    fill();
    static struct feeder d;
    struct error e;
    const struct given text = {.name = "a", .bytes = text_bytes, .size = sizeof text_bytes};
    d = (struct feeder){.feed = {feed_next, feed_read, feed_done, feed_hurry}, .given = &text, .count = 1};
    struct source *s = package_enc_source(package_enc_init(enc_mem, &d.feed, 1));
    size_t size = 0, n;
    do {
        d.hurry = size < sizeof text_bytes / 2;
        n = 0;
        CHECK_INT(s->read(s, package + size, 4096, &n, &e), E_OK);
        size += n;
    } while (n > 0);
    CHECK(size > sizeof text_bytes / 2);
    CHECK(size < sizeof text_bytes * 3 / 4);
    CHECK_INT(d.whole, 1);
    CHECK_INT(d.plain, sizeof text_bytes);
    struct heard *h = heard_new(16 << 20);
    CHECK_INT(heard_all(h, package, size), E_OK);
    CHECK_INT(h->size[0], sizeof text_bytes);
    CHECK_MEM(h->data[0], text_bytes, sizeof text_bytes);
    heard_free(h);
}

/* Content is what somebody put into a group's folder, so it may be made for this. */
TEST(enc_keeps_the_separator_out_of_deflated_bytes) {
    fill();
    for (size_t at = 0; at + 8 < sizeof noise; at += 1237)
        memcpy(noise + at, FILE_SEP, 8);
    for (size_t at = 32767 - 9; at + 8 < sizeof noise; at += 32767)
        memcpy(noise + at, FILE_SEP "@@//@@|" FILE_SEP, 8 + 7 + 8);
    memcpy(noise + SEG - 4, FILE_SEP, 8); /* across two segments */
    for (size_t at = SEG; at < SEG + 5000; at++)
        noise[at] = 0; /* a segment that shrinks, with noise that zlib stores */
    const struct given given[] = {{.name = "etc/a", .bytes = noise, .size = sizeof noise},
                                  {.name = "etc/b", .bytes = noise, .size = 1237},
                                  {.name = "etc/c", .bytes = noise + SEG, .size = 40000},
                                  {.name = "etc/d", .bytes = noise, .size = 8}};
    CHECK(memmem(noise, 1237, FILE_SEP, 8) != NULL);
    for (int level = 0; level <= 9; level++)
        check_round(given, 4, level, 65536, 0);

    /* Nothing but separators, and every overlapping form of them. */
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)("|@@//@@"[i % 7]);
    for (int level = 0; level <= 1; level++)
        check_round(given, 4, level, 65536, 0);
}

/* A deflated run with the separator in it, followed by content full of separators: the stored form is larger
 * than the output buffer and has to be made in two units. */
TEST(enc_stores_a_segment_full_of_separators) {
    fill();
    static uint8_t bytes[SEG];
    memcpy(bytes, noise, 20000);
    memcpy(bytes + 10000, FILE_SEP, 8);
    for (size_t i = 20000; i + 8 <= SEG; i += 8)
        memcpy(bytes + i, FILE_SEP, 8);
    const struct given given = {.name = "etc/a", .bytes = bytes, .size = SEG - 8};
    struct feeder d;
    enum err code;
    check_round(&given, 1, 1, 65536, 0);
    CHECK(encode(&d, &given, 1, 0, 65536, 0, &code) > SEG + SEG / 8 + 4096);
    check_round(&given, 1, 0, 65536, 0);
}

TEST(enc_ends_members_that_cannot_be_read) {
    fill();
    const struct given given[] = {
        {.name = "etc/a", .bytes = text_bytes, .size = 5000, .fails = E_CHANGED, .fail_at = 5000},
        {.name = "etc/b", .bytes = noise, .size = 100, .fails = E_GONE, .fail_at = 0},
        {.name = "etc/c", .bytes = text_bytes, .size = SEG, .fails = E_SYS, .fail_at = SEG},
        {.name = "files_metadata.json", .bytes = (const uint8_t *)"{}", .size = 2}};
    struct feeder d;
    enum err code;
    struct heard *h = heard_new(1 << 20);
    size_t n = encode(&d, given, 4, 1, 65536, 0, &code);
    CHECK_INT(code, E_OK);
    CHECK_INT(d.done, 4);
    CHECK_INT(d.whole, 1);
    CHECK_INT(heard_all(h, package, n), E_OK);
    CHECK_INT(h->ended, 4);
    CHECK_INT(h->size[0], 5000);
    CHECK_INT(h->size[1], 0);
    CHECK_INT(h->size[2], SEG);
    CHECK_INT(h->size[3], 2);
    heard_free(h);
}

TEST(enc_leaves_out_names_that_would_cut_the_package) {
    static const struct given given[] = {{.name = "etc/a" FILE_SEP "b"}, {.name = "etc/ok"},
                                         {.name = "etc/b" PATH_SEP},     {.name = "etc/\xff"},
                                         {.name = "etc/c|@@//@@"},       {.name = "files_metadata.json"}};
    static const struct given kept[] = {{.name = "etc/ok"}, {.name = "files_metadata.json"}};
    struct feeder d;
    enum err code;
    size_t n = encode(&d, given, 6, 1, 65536, 0, &code);
    CHECK_INT(code, E_OK);
    CHECK_INT(d.done, 6);
    CHECK_INT(d.whole, 2);
    check_real_cut(package, n, kept, 2);
    CHECK(package_name_ok("a", 1));
    CHECK(!package_name_ok("", 0));
    CHECK(!package_name_ok("/a", 2));
    CHECK(!package_name_ok("a/", 2));
}

TEST(enc_tells_a_final_error_after_what_came_before) {
    static const struct given given[] = {{.name = "etc/a"}, {.name = NULL}, {.name = "etc/b"}};
    struct feeder d;
    enum err code;
    CHECK_INT(encode(&d, given, 3, 1, 65536, 0, &code), 5 + 8 + 8);
    CHECK_INT(code, E_CANCELLED);
}
