/* base/listing_sort.c - the order of a listing's items: a heap sort in bounded pieces, then each kind of item
 * once if that is wished.
 *
 * What an item is sorted by is one run of bytes that memcmp puts in order. For each member: what it is, 1
 * nothing or null, 2 a number or a boolean, 3 a text, 4 anything else; then the number's key
 * (base/decimal.h) or the text in small letters; then 0. Places hold the beginning of that. When two
 * beginnings are equal and not all, both items are read again, window by window: memory stays fixed however
 * long the texts are. */
#include "base/decimal.h"
#include "base/listing_parts.h"

#include <string.h>

#define PIECE 64u /* items put where they belong in one call */

/* ---- what an item is sorted by ---- */

static void put_key(struct listing *l, const struct json_doc *d, struct listing_view *v, bool *has_some) {
    for (uint32_t i = 0; i < l->wish->sort_count; i++) {
        size_t at = json_find(d, 0, l->wish->sort[i]), n = 1;
        const struct json_token *t = &d->tokens[at];
        const char *s = d->text + t->start;
        char key[DECIMAL_KEY_BYTES];
        *has_some |= at != 0;
        if (!at || t->kind == JSON_NULL) {
            listing_put(v, "\1", 2);
        } else if (t->kind == JSON_STRING) {
            listing_put(v, "\3", 1);
            listing_put_lower(v, s, t->end - t->start);
            listing_put(v, "", 1);
        } else if (t->kind >= JSON_NUMBER) { /* Python's True is 1 */
            bool is_bool = t->kind == JSON_BOOL;
            decimal_key(is_bool ? *s == 't' ? "1" : "0" : s, is_bool ? 1 : t->end - t->start,
                        DECIMAL_FRACTION, key, &n);
            listing_put(v, "\2", 1);
            listing_put(v, key, n);
        } else {
            l->mixed = true;
            listing_put(v, "\4", 2);
        }
    }
}

void listing_key(struct listing *l, const struct json_doc *d, struct listing_place *p) {
    struct listing_view v = {.out = p->key, .cap = sizeof p->key};
    put_key(l, d, &v, &p->has_some);
    p->cut = v.len > v.cap;
}

/* ---- two items ---- */

/* At the first byte that differs: < 0, 0, > 0. Bytes in front of a and b were equal, the last one was 0 when
 * members_end is. */
static int compare_bytes(struct listing *l, const char *a, const char *b, size_t n, bool *members_end) {
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            l->mixed |= *members_end; /* what they are differs already */
            return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        }
        *members_end = a[i] == '\0';
    }
    return 0;
}

/* A window on what the item at p is sorted by, or on what is shown of it; how much of it is filled. */
static size_t view(struct listing *l, const struct listing_place *p, bool shown, size_t from, char *out) {
    struct listing_view v = {.out = out, .cap = LISTING_NEAR_BYTES, .from = from};
    struct json_doc d;
    bool has_some = false;
    if (l->why.code != E_OK || !listing_load(l, p, &d))
        return 0;
    if (shown)
        listing_put_shown(l, &d, &v);
    else
        put_key(l, &d, &v, &has_some);
    return v.len < from ? 0 : v.len - from < v.cap ? v.len - from : v.cap;
}

static int compare_far(struct listing *l, const struct listing_place *a, const struct listing_place *b,
                       bool shown) {
    bool members_end = true;
    for (size_t from = 0;; from += LISTING_NEAR_BYTES) {
        size_t a_n = view(l, a, shown, from, l->near[0]), b_n = view(l, b, shown, from, l->near[1]);
        int r = compare_bytes(l, l->near[0], l->near[1], a_n < b_n ? a_n : b_n, &members_end);
        if (r || a_n != b_n || a_n < LISTING_NEAR_BYTES)
            return r ? r : (a_n > b_n) - (a_n < b_n);
    }
}

static bool goes_before(struct listing *l, const struct listing_place *a, const struct listing_place *b) {
    bool members_end = true;
    int r;
    if (l->mixed) {
        r = a->has_some - b->has_some;
    } else {
        r = compare_bytes(l, a->key, b->key, sizeof a->key, &members_end);
        if (r == 0 && a->cut)
            r = compare_far(l, a, b, false);
    }
    if (r)
        return l->wish->descending ? r > 0 : r < 0;
    return a->order < b->order;
}

/* ---- all items ---- */

/* The place at i goes down to where everything below it goes before it; heap: places in the heap. */
static void sift(struct listing *l, uint32_t i, uint32_t heap) {
    struct listing_place *p = l->places, moving = p[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap)
            break;
        if (child + 1 < heap && goes_before(l, &p[child], &p[child + 1]))
            child++;
        if (!goes_before(l, &moving, &p[child]))
            break;
        p[i] = p[child];
        i = child;
    }
    p[i] = moving;
}

static void begin_heap(struct listing *l) {
    l->phase = LISTING_HEAP;
    l->at = l->wish->sort_count ? l->place_count / 2 : 0;
    l->heap = l->wish->sort_count ? l->place_count : 0;
}

static void make_heap(struct listing *l) {
    for (uint32_t n = 0; l->at && n < PIECE; n++)
        sift(l, --l->at, l->heap);
    if (l->at == 0)
        l->phase = LISTING_DRAIN;
}

static void drain_heap(struct listing *l) {
    for (uint32_t n = 0; l->heap > 1 && n < PIECE; n++) {
        struct listing_place last = l->places[0];
        l->places[0] = l->places[--l->heap];
        l->places[l->heap] = last;
        sift(l, 0, l->heap);
    }
    if (l->heap <= 1)
        l->phase = l->wish->distinct ? LISTING_DISTINCT : LISTING_READY;
}

/* The key's room holds a digest (FNV-1a) of what is shown from here on. */
static bool digest(struct listing *l, struct listing_place *p) {
    uint64_t h = 14695981039346656037u;
    size_t n = LISTING_NEAR_BYTES;
    for (size_t from = 0; n == LISTING_NEAR_BYTES; from += n) {
        n = view(l, p, true, from, l->near[0]);
        for (size_t i = 0; i < n; i++)
            h = (h ^ (unsigned char)l->near[0][i]) * 1099511628211u;
    }
    memset(p->key, 0, sizeof p->key);
    memcpy(p->key, &h, sizeof h);
    return l->why.code == E_OK;
}

/* l->heap: places kept so far; the one at l->at is looked at. */
static void keep_distinct(struct listing *l) {
    for (uint32_t n = 0, compared = 0; l->at < l->place_count && n < PIECE && compared < PIECE * PIECE; n++) {
        struct listing_place *p = &l->places[l->at++];
        bool known = !digest(l, p);
        for (uint32_t i = 0; !known && i < l->heap; i++, compared++)
            known = memcmp(l->places[i].key, p->key, 8) == 0 && compare_far(l, &l->places[i], p, true) == 0;
        if (!known)
            l->places[l->heap++] = *p;
    }
    if (l->at == l->place_count) {
        l->place_count = l->heap;
        l->phase = LISTING_READY;
    }
}

enum step listing_sort(struct listing *l, struct error *e) {
    bool was_mixed = l->mixed, sorting = l->phase == LISTING_HEAP || l->phase == LISTING_DRAIN;
    if (l->phase == LISTING_ADD) {
        begin_heap(l);
    } else if (l->phase == LISTING_HEAP) {
        make_heap(l);
    } else if (l->phase == LISTING_DRAIN) {
        drain_heap(l);
        l->at = 0;
        if (l->phase == LISTING_DISTINCT)
            l->heap = 0;
    } else if (l->phase == LISTING_DISTINCT) {
        keep_distinct(l);
    }
    if (sorting && l->mixed && !was_mixed)
        begin_heap(l); /* anew, and without a look at the values */
    if (l->why.code != E_OK) {
        if (e)
            *e = l->why;
        return STEP_FAILED;
    }
    if (l->phase != LISTING_READY)
        return STEP_AGAIN;
    l->at = 0;
    l->total = l->place_count;
    return STEP_DONE;
}
