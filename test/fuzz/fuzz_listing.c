/* fuzz_listing.c - a wish and items from any bytes: whatever they are, the page is JSON objects, no more of
 * them than asked for, in the same order whether the items lie in memory or are read back.
 *
 * Lines: flags and numbers (see read_wish), fields to sort by, to select and to search in (each a list with
 * ','), the search, the query, and one item on each line after them. */
#include "base/listing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACES 64u
#define BYTES 65536u

static void must(int holds) {
    if (!holds)
        abort();
}

/* A spill file in memory; one is enough. */
static uint8_t spilled[BYTES];
static size_t spilled_n;
static enum err spill_open(struct spill *s, int *handle, struct error *e) {
    (void)s, (void)e;
    *handle = 0;
    spilled_n = 0;
    return E_OK;
}
static enum err spill_append(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e) {
    (void)s, (void)handle, (void)e;
    must(n <= sizeof spilled - spilled_n);
    memcpy(spilled + spilled_n, bytes, n);
    spilled_n += n;
    return E_OK;
}
static enum err spill_read(struct spill *s, int handle, uint64_t at, uint8_t *buf, size_t n,
                           struct error *e) {
    (void)s, (void)handle, (void)e;
    must(at + n <= spilled_n);
    memcpy(buf, spilled + at, n);
    return E_OK;
}
static void spill_close(struct spill *s, int handle) {
    (void)s, (void)handle;
}

/* The next line: from *at to what is returned. */
static const char *line_end(const char *at, const char *end) {
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return stop ? stop : end;
}
static const char *next_line(const char *stop, const char *end) {
    return stop < end ? stop + 1 : end;
}

static uint32_t read_fields(char out[][LISTING_FIELD_BYTES], const char *at, const char *stop) {
    uint32_t count = 0;
    while (at < stop && count < LISTING_FIELDS) {
        const char *comma = memchr(at, ',', (size_t)(stop - at));
        if (!comma)
            comma = stop;
        count += text_copy(out[count], LISTING_FIELD_BYTES, at, (size_t)(comma - at)) && comma > at;
        at = comma + 1;
    }
    return count;
}

/* false: no wish that a caller could make. */
static bool read_wish(struct listing_wish *w, const char **at, const char *end) {
    const char *stop = line_end(*at, end);
    struct error e;
    listing_wish_init(w);
    if (stop - *at >= 3) {
        w->descending = **at & 1;
        w->complementary_search = **at & 2;
        w->distinct = **at & 4;
        w->offset = (*at)[1] - '0';
        w->limit = (*at)[2] - '0';
    }
    stop = line_end(*at = next_line(stop, end), end);
    w->sort_count = read_fields(w->sort, *at, stop);
    stop = line_end(*at = next_line(stop, end), end);
    w->select_count = read_fields(w->select, *at, stop);
    stop = line_end(*at = next_line(stop, end), end);
    w->search_count = read_fields(w->search_in, *at, stop);
    stop = line_end(*at = next_line(stop, end), end);
    text_copy(w->search, sizeof w->search, *at, (size_t)(stop - *at));
    stop = line_end(*at = next_line(stop, end), end);
    bool good = query_parse(&w->query, *at, (size_t)(stop - *at), &e) == E_OK;
    *at = next_line(stop, end);
    return good;
}

/* A digest of the page; 0: there is none. */
static uint64_t list(const char *at, const char *end, size_t small_cap) {
    static struct listing l;
    static struct listing_wish w;
    static struct listing_place places[PLACES];
    static uint8_t small[BYTES];
    static struct json_token tokens[2 * LISTING_TOKENS];
    struct spill spill = {spill_open, spill_append, spill_read, spill_close};
    struct blob items;
    struct json_doc d;
    struct error e = {.code = E_OK};
    const char *json;
    size_t n;
    int code;
    uint64_t digest = 14695981039346656037u, shown = 0;
    blob_init(&items, small, small_cap, NULL, &spill, BYTES);
    if (!read_wish(&w, &at, end) || listing_begin(&l, &w, &items, places, PLACES, NULL, &code, &e) != E_OK)
        return 0;
    for (const char *stop; at < end; at = next_line(stop, end)) {
        stop = line_end(at, end);
        enum err err = listing_add(&l, at, (size_t)(stop - at), &e);
        must(err == E_OK || err == E_SYNTAX || err == E_VALUE || err == E_LIMIT);
    }
    for (unsigned steps = 0; listing_sort(&l, &e) == STEP_AGAIN; steps++)
        must(steps < 4 * PLACES);
    for (; listing_next(&l, &json, &n, &e); shown++) {
        must(json_parse(&d, json, n, tokens, 2 * LISTING_TOKENS, NULL) == E_OK);
        must(tokens[0].kind == JSON_OBJECT);
        for (size_t i = 0; i < n; i++)
            digest = (digest ^ (uint8_t)json[i]) * 1099511628211u;
    }
    must(e.code != E_SYS && shown <= (uint64_t)w.limit && shown <= l.total);
    blob_reset(&items);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    if (size <= BYTES / 2)
        must(list(text, text + size, BYTES) == list(text, text + size, 0));
    return 0;
}
