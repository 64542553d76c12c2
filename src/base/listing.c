/* base/listing.c - which items a listing has, and what is shown of each.
 *
 * Items are JSON of our own making, but texts in them may be anybody's (a log line, a node's name); the wish
 * is an API user's. An item that fits is kept as it is in the owner's blob. */
#include "base/listing_parts.h"

#include <string.h>

void listing_wish_init(struct listing_wish *w) {
    *w = (struct listing_wish){.limit = 500};
}

/* ---- the wish ---- */

/* Names of fields, or a text_item list, with ", " between them. */
static void join(struct text *out, const char *list, size_t count, size_t stride) {
    for (size_t i = 0; i < count; i++, list += stride ? stride : strlen(list) + 1) {
        text_str(out, i ? ", " : "");
        text_str(out, list);
    }
}

static size_t items_of(const char *list) {
    size_t count = 0;
    for (; *list; list += strlen(list) + 1)
        count++;
    return count;
}

static enum err refuse(int *code, int number, struct error *e, const char *words) {
    *code = number;
    return error_set(e, E_VALUE, 0, "%s", words);
}

static enum err check_sort(const struct listing_wish *w, const char *allowed, int *code, struct error *e) {
    char words[ERROR_WHAT_BYTES];
    struct text t;
    bool wrong = false;
    text_init(&t, words, sizeof words);
    text_str(&t, "Allowed sort fields: ");
    join(&t, allowed, items_of(allowed), 0);
    text_str(&t, ". Wrong fields: ");
    for (uint32_t i = 0; i < w->sort_count; i++)
        if (text_find(allowed, w->sort[i]) < 0) {
            text_str(&t, wrong ? ", " : "");
            text_str(&t, w->sort[i]);
            wrong = true;
        }
    return wrong ? refuse(code, 1403, e, words) : E_OK;
}

static enum err check_select(const struct listing_wish *w, const char *allowed, int *code, struct error *e) {
    char words[ERROR_WHAT_BYTES];
    struct text t;
    bool wrong = false;
    text_init(&t, words, sizeof words);
    for (uint32_t i = 0; i < w->select_count; i++)
        if (!strchr(w->select[i], '.')) {
            text_str(&t, t.len ? ", " : "");
            text_str(&t, w->select[i]);
            wrong |= text_find(allowed, w->select[i]) < 0;
        }
    return wrong ? refuse(code, 1724, e, words) : E_OK;
}

static enum err check_page(const struct listing_wish *w, int *code, struct error *e) {
    char words[24];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, "%lld", (long long)w->limit);
    if (w->limit > LISTING_MOST)
        return refuse(code, 1405, e, words);
    if (w->limit == 0)
        return refuse(code, 1406, e, "the limit is 0");
    if (w->offset < 0)
        return refuse(code, 1400, e, "the offset is negative");
    return w->limit < 0 ? refuse(code, 1401, e, "the limit is negative") : E_OK;
}

enum err listing_begin(struct listing *l, struct listing_wish *wish, struct blob *items,
                       struct listing_place *places, uint32_t place_cap, const char *allowed, int *code,
                       struct error *e) {
    struct listing_view v = {.out = wish->search, .cap = sizeof wish->search - 1};
    char search[sizeof wish->search];
    enum err err = E_OK;
    l->wish = wish;
    l->items = items;
    l->places = places;
    l->place_count = 0;
    l->place_cap = place_cap;
    l->total = 0;
    l->at = 0;
    l->phase = LISTING_ADD;
    l->mixed = false;
    l->why = (struct error){.code = E_OK};
    *code = 0;
    if (allowed)
        err = check_sort(wish, allowed, code, e);
    if (err == E_OK && allowed)
        err = check_select(wish, allowed, code, e);
    if (err == E_OK)
        err = check_page(wish, code, e);
    memcpy(search, wish->search, sizeof search);
    listing_lower(&v, search, strlen(search));
    return err;
}

/* ---- windows on text ---- */

void listing_put(struct listing_view *v, const char *bytes, size_t n) {
    size_t at = v->len, skip = at < v->from ? v->from - at : 0;
    v->len += n;
    if (skip >= n)
        return;
    at = at + skip - v->from;
    n -= skip;
    if (at < v->cap)
        memmove(v->out + at, bytes + skip, n < v->cap - at ? n : v->cap - at);
}

/* U+0080 .. U+07FF: of those alphabets whose small letters take two bytes as well. */
static uint32_t lower(uint32_t c) {
    bool odd = c & 1;
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40f)
        return c + 0x50;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + odd;
    if ((c >= 0x100 && c <= 0x177 && c != 0x130 && c != 0x138) || (c >= 0x460 && c <= 0x481))
        return c + !odd;
    return c == 0x178 ? 0xff : c;
}

void listing_lower(struct listing_view *v, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i], next = i + 1 < n ? (unsigned char)s[i + 1] : 0;
        bool two = c >= 0xc2 && c < 0xe0 && (next & 0xc0) == 0x80;
        uint32_t small =
            two ? lower((c & 0x1fu) << 6 | (next & 0x3fu)) : c + (c >= 'A' && c <= 'Z' ? 32u : 0);
        char out[2] = {(char)(two ? 0xc0 | small >> 6 : small), (char)(0x80 | (small & 0x3f))};
        listing_put(v, out, two ? 2 : 1);
        i += two ? 2 : 1;
    }
}

void listing_put_lower(struct listing_view *v, const char *inside, size_t n) {
    struct json_scan scan;
    enum json_part part;
    json_scan_init_text(&scan);
    json_scan_piece(&scan, inside, n);
    while ((part = json_scan_next(&scan)) != JSON_PART_NONE && part != JSON_PART_WRONG) {
        const char *bytes;
        size_t len;
        if (json_scan_text(&scan, part, &bytes, &len) != E_OK) {
            scan.high = 0;
            bytes = "?";
            len = 1;
        }
        listing_lower(v, bytes, len);
    }
}

/* ---- which items ---- */

/* Is the text in this value, or in one within it? */
static bool value_has(struct listing *l, const struct json_doc *d, size_t value) {
    for (size_t i = value; i < d->tokens[value].next; i++) {
        const struct json_token *t = &d->tokens[i];
        const char *s = d->text + t->start;
        struct listing_view v = {.out = l->item, .cap = sizeof l->item};
        if (t->kind <= JSON_ARRAY ||
            (t->kind == JSON_STRING && t->next > i + 1)) /* a key leads past its value */
            continue;
        if (t->kind == JSON_STRING)
            listing_put_lower(&v, s, t->end - t->start);
        else if (t->kind == JSON_NUMBER)
            listing_put(&v, s, t->end - t->start);
        else
            listing_put(&v, *s == 't' ? "True" : *s == 'f' ? "False" : "None", *s == 'f' ? 5 : 4);
        if (text_has(l->item, v.len < v.cap ? v.len : v.cap, l->wish->search))
            return true;
    }
    return false;
}

static bool item_has(struct listing *l, const struct json_doc *d) {
    const struct listing_wish *w = l->wish;
    char key[LISTING_FIELD_BYTES];
    size_t len;
    for (size_t i = 1; i < d->count; i = d->tokens[i].next) {
        bool looked_at = w->search_count == 0;
        if (!looked_at && json_copy_str(d, i, key, sizeof key, &len) == E_OK)
            for (uint32_t k = 0; k < w->search_count; k++)
                looked_at |= strcmp(key, w->search_in[k]) == 0;
        if (looked_at && value_has(l, d, i + 1))
            return true;
    }
    return false;
}

enum err listing_add(struct listing *l, const char *json, size_t n, struct error *e) {
    const struct listing_wish *w = l->wish;
    struct json_doc d;
    if (n > LISTING_ITEM_BYTES)
        return E_OK;
    enum err err = json_parse(&d, json, n, l->tokens, LISTING_TOKENS, e);
    if (err != E_OK)
        return err == E_SPACE ? E_OK : err;
    if (d.tokens[0].kind != JSON_OBJECT)
        return error_set(e, E_VALUE, 0, "an item of a list is no object");
    if (*w->search && item_has(l, &d) == w->complementary_search)
        return E_OK;
    if (!query_fits(&w->query, &d, 0))
        return E_OK;
    if (l->place_count == l->place_cap)
        return error_set(e, E_LIMIT, 0, "a list of more than %u items", (unsigned)l->place_cap);
    struct listing_place *p = &l->places[l->place_count];
    *p = (struct listing_place){.at = l->items->size, .order = l->place_count, .n = (uint16_t)n};
    err = blob_append(l->items, (const uint8_t *)json, n, e);
    if (err == E_OK) {
        listing_key(l, &d, p);
        l->place_count++;
    }
    return err;
}

/* ---- what is shown ---- */

bool listing_load(struct listing *l, const struct listing_place *p, struct json_doc *d) {
    const char *text = (const char *)blob_bytes(l->items);
    size_t n = p->n;
    enum err err = E_OK;
    if (text) {
        text += p->at;
    } else {
        err = blob_read(l->items, p->at, (uint8_t *)l->item + LISTING_TOKENS, p->n, &n, &l->why);
        text = l->item + LISTING_TOKENS;
    }
    return err == E_OK && json_parse(d, text, n, l->tokens, LISTING_TOKENS, &l->why) == E_OK;
}

/* Some of the selected fields, each from the member on that is looked at. */
struct fields {
    const char *path[LISTING_FIELDS];
    uint32_t count;
    bool whole; /* one of them ends here */
};

/* Those that go on below key. */
static struct fields fields_below(const struct fields *f, const struct json_doc *d, size_t key) {
    struct fields below = {.count = 0};
    char name[LISTING_FIELD_BYTES];
    size_t n;
    if (json_copy_str(d, key, name, sizeof name, &n) != E_OK)
        return below;
    for (uint32_t i = 0; i < f->count; i++) {
        const char *path = f->path[i];
        size_t len = strcspn(path, ".");
        if (len != n || memcmp(path, name, n) != 0)
            continue;
        below.whole |= path[n] == '\0';
        below.path[below.count++] = path + n + (path[n] == '.');
    }
    return below;
}

/* Does one of them lead to something? Each is shorter than its field, so they bound the recursion. */
static bool leads_on(const struct fields *f, const struct json_doc *d, size_t i) {
    if (f->whole)
        return true;
    if (f->count == 0 || d->tokens[i].kind != JSON_OBJECT)
        return false;
    for (size_t k = i + 1; k < d->tokens[i].next; k = d->tokens[k].next) {
        struct fields below = fields_below(f, d, k);
        if (leads_on(&below, d, k + 1))
            return true;
    }
    return false;
}

static void put_value(const struct json_doc *d, size_t i, struct listing_view *v) {
    const struct json_token *t = &d->tokens[i];
    size_t quote = t->kind == JSON_STRING;
    listing_put(v, d->text + t->start - quote, t->end - t->start + 2 * quote);
}

/* The members of the object at i that are selected, in the order the item has them. */
static void put_selected(const struct fields *f, const struct json_doc *d, size_t i, struct listing_view *v) {
    bool more = false;
    listing_put(v, "{", 1);
    for (size_t k = i + 1; k < d->tokens[i].next; k = d->tokens[k].next) {
        struct fields below = fields_below(f, d, k);
        if (!leads_on(&below, d, k + 1))
            continue;
        listing_put(v, ", ", more ? 2 : 0);
        more = true;
        put_value(d, k, v);
        listing_put(v, ": ", 2);
        if (below.whole)
            put_value(d, k + 1, v);
        else
            put_selected(&below, d, k + 1, v);
    }
    listing_put(v, "}", 1);
}

void listing_put_shown(struct listing *l, const struct json_doc *d, struct listing_view *v) {
    struct fields all = {.count = l->wish->select_count};
    for (uint32_t i = 0; i < all.count; i++)
        all.path[i] = l->wish->select[i];
    if (all.count)
        put_selected(&all, d, 0, v);
    else
        listing_put(v, d->text, d->len);
}

bool listing_next(struct listing *l, const char **json, size_t *n, struct error *e) {
    const struct listing_wish *w = l->wish;
    struct listing_view v = {.out = l->item, .cap = sizeof l->item};
    struct json_doc d;
    uint64_t at = (uint64_t)w->offset + l->at;
    if (l->phase != LISTING_READY || l->at >= (uint64_t)w->limit || at >= l->place_count)
        return false;
    if (!listing_load(l, &l->places[at], &d)) {
        *e = l->why;
        return false;
    }
    l->at++;
    listing_put_shown(l, &d, &v);
    *json = l->item;
    *n = v.len;
    return true;
}
