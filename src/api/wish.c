/* wish.c - the arguments of a list, read from a request's f_kwargs. Only their kinds are judged here; whether
 * the fields exist is judged by base/listing.c, which knows them. */
#include "api/wish.h"

#include <string.h>

static enum err refuse(struct wazuh_error *why, const char *key) {
    char words[96];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, "the argument %s is not of its kind", key);
    wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, words);
    return E_VALUE;
}

bool wish_next_name(const struct json_doc *d, size_t list, size_t *at, char *out, size_t cap, bool *bad) {
    const struct json_token *t = &d->tokens[list];
    size_t len, i = *at;
    if (i == 0)
        i = t->kind == JSON_ARRAY ? json_first(d, list) : list;
    if (!i || i >= t->next)
        return false;
    *at = d->tokens[i].next;
    *bad = json_copy_str(d, i, out, cap, &len) != E_OK;
    return !*bad;
}

/* Names of fields. A single "" stands for none, as sort_by has it. */
static enum err read_fields(const struct json_doc *d, size_t list, const char *key,
                            char fields[][LISTING_FIELD_BYTES], uint32_t *count, struct wazuh_error *why) {
    size_t at = 0;
    bool bad = false;
    *count = 0;
    if (!list || d->tokens[list].kind == JSON_NULL)
        return E_OK;
    while (*count < LISTING_FIELDS && wish_next_name(d, list, &at, fields[*count], LISTING_FIELD_BYTES, &bad))
        *count += fields[*count][0] != 0;
    if (!bad && *count == LISTING_FIELDS && at < d->tokens[list].next) {
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, "this node serves lists of at most 8 fields");
        return E_LIMIT;
    }
    return bad ? refuse(why, key) : E_OK;
}

/* A whole number, as JSON has it or in a string. */
static enum err read_int(const struct api_request *r, const char *key, int64_t *out,
                         struct wazuh_error *why) {
    size_t i = api_argument(r, key);
    if (!i)
        return E_OK;
    const struct json_token *t = &r->kwargs.tokens[i];
    const char *text = r->kwargs.text + t->start;
    size_t n = t->end - t->start;
    bool minus = n && text[0] == '-';
    uint64_t v;
    if ((t->kind != JSON_NUMBER && t->kind != JSON_STRING) ||
        !text_number(text + minus, n - minus, INT64_MAX, &v))
        return refuse(why, key);
    *out = minus ? -(int64_t)v : (int64_t)v;
    return E_OK;
}

static enum err read_page(const struct api_request *r, struct listing_wish *w, struct wazuh_error *why) {
    size_t limit = json_find(&r->kwargs, 0, "limit");
    if (limit && r->kwargs.tokens[limit].kind == JSON_NULL) { /* all, and the offset does not count */
        w->limit = LISTING_MOST;
        return E_OK;
    }
    enum err err = read_int(r, "offset", &w->offset, why);
    return err != E_OK ? err : read_int(r, "limit", &w->limit, why);
}

static enum err read_sort(const struct api_request *r, struct listing_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &r->kwargs;
    size_t sort = api_argument(r, "sort"), ascending = api_argument(r, "sort_ascending"), len;
    char order[8];
    if (!sort) {
        w->descending = ascending && !api_argument_is_true(r, "sort_ascending");
        return read_fields(d, api_argument(r, "sort_by"), "sort_by", w->sort, &w->sort_count, why);
    }
    size_t fields = json_find(d, sort, "fields"), i = json_find(d, sort, "order");
    if (!fields || !i)
        return refuse(why, "sort");
    w->descending = json_copy_str(d, i, order, sizeof order, &len) == E_OK && strcmp(order, "desc") == 0;
    return read_fields(d, fields, "sort", w->sort, &w->sort_count, why);
}

static enum err read_search(const struct api_request *r, struct listing_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &r->kwargs;
    size_t search = api_argument(r, "search"), len;
    size_t text = search ? json_find(d, search, "value") : api_argument(r, "search_text");
    if (search) {
        size_t negation = json_find(d, search, "negation");
        w->complementary_search = negation && json_is_true(d, negation);
        if (!text)
            return refuse(why, "search");
    } else {
        w->complementary_search = api_argument_is_true(r, "complementary_search");
    }
    if (text && d->tokens[text].kind != JSON_NULL &&
        json_copy_str(d, text, w->search, sizeof w->search, &len) != E_OK)
        return refuse(why, "search");
    return read_fields(d, api_argument(r, "search_in_fields"), "search_in_fields", w->search_in,
                       &w->search_count, why);
}

static enum err read_query(const struct api_request *r, const char *before, struct listing_wish *w,
                           struct wazuh_error *why) {
    char text[QUERY_TEXT_BYTES];
    struct text t;
    struct error e;
    size_t n = strlen(before), len = 0, q = api_argument(r, "q");
    text_init(&t, text, sizeof text);
    text_add(&t, before, n);
    if (q && n)
        text_char(&t, ';');
    size_t start = t.len;
    if (t.cut || (q && json_copy_str(&r->kwargs, q, text + start, sizeof text - start, &len) != E_OK))
        return refuse(why, "q");
    if (q && !len && n)
        start--; /* "" adds nothing */
    if (query_parse(&w->query, text, start + len, &e) == E_OK)
        return E_OK;
    wazuh_error_set(why, WAZUH_ERROR, 1407, e.what);
    return E_SYNTAX;
}

enum err wish_read(const struct api_request *r, const char *before, struct listing_wish *w,
                   struct wazuh_error *why) {
    listing_wish_init(w);
    enum err err = read_page(r, w, why);
    if (err == E_OK)
        err = read_sort(r, w, why);
    if (err == E_OK)
        err = read_search(r, w, why);
    if (err == E_OK)
        err = read_query(r, before, w, why);
    if (err == E_OK)
        err = read_fields(&r->kwargs, api_argument(r, "select"), "select", w->select, &w->select_count, why);
    w->distinct = api_argument_is_true(r, "distinct");
    return err;
}

void wish_refused(struct wazuh_error *why, int code, const struct error *e) {
    bool plain = code == 1400 || code == 1401 || code == 1406; /* their own words say it all */
    wazuh_error_set(why, WAZUH_ERROR, code, plain ? NULL : e->what);
    if (code == 1403) { /* real nodes tell the fields as the remedy */
        why->has_extra = false;
        why->remediation = why->extra;
    }
}
