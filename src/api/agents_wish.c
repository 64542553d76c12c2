/* agents_wish.c - how many agents, what of them, and in which order: limit, offset, select, sort and distinct
 * of a request. */
#include "api/agents_parts.h"

#include <string.h>

/* Versions by their three numbers: 'Wazuh v4.9.2' comes before 'Wazuh v4.14.7'. */
static void order_version(struct text *t, const char *way) {
#define MAJOR "cast(substr(version,8) as integer)"
#define MINOR "cast(substr(version,9+length(" MAJOR ")) as integer)"
#define PATCH "cast(substr(version,10+length(" MAJOR ")+length(" MINOR ")) as integer)"
    text_format(t, "ifnull(" MAJOR ",0) %s,ifnull(" MINOR ",0) %s,ifnull(" PATCH ",0) %s,", way, way, way);
}

static void order_field(struct text *t, const struct agents_wish *w, const char *name, size_t field) {
    const char *way = w->is_descending ? "desc" : "asc";
    if (strcmp(name, "os.version") == 0)
        text_format(t, "cast(os_major as integer) %s,cast(os_minor as integer) %s,", way, way);
    else if (w->by_version && strcmp(name, "version") == 0)
        order_version(t, way);
    else
        text_format(t, "%s %s,", agent_column(field), way);
}

/* Member "fields" of sort, name by name; t may be NULL: only looked at. */
static enum err sort_fields(struct text *t, struct agents_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &w->request->kwargs;
    size_t list = json_find(d, api_argument(w->request, "sort"), "fields"), at;
    char name[AGENT_FIELD_BYTES];
    if (!list || d->tokens[list].kind != JSON_ARRAY)
        return agents_wrong_shape(why, "sort is an object of fields, a list, and order");
    at = json_first(d, list);
    for (uint32_t k = d->tokens[list].size; k; k--, at = d->tokens[at].next) {
        ptrdiff_t f = agent_field_read(d, at, name);
        if (f < 0)
            return agents_wrong_field(why, 1403, "Fields", name);
        w->has_order = w->has_order || d->tokens[list].size > 1 || f != AGENT_ID;
        if (t)
            order_field(t, w, name, (size_t)f);
    }
    return E_OK;
}

/* Equal ones by id, so that pages fit together. */
void agents_sql_order(struct text *t, const struct agents_wish *w) {
    struct agents_wish copy = *w;
    struct wazuh_error why;
    text_str(t, " order by ");
    if (w->has_order)
        sort_fields(t, &copy, &why);
    text_str(t, w->has_order || !w->is_descending ? "id" : "id desc");
}

static enum err read_sort(struct agents_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &w->request->kwargs;
    size_t i = api_argument(w->request, "sort"), n;
    char order[8];
    if (!i || (d->tokens[i].kind == JSON_OBJECT && !d->tokens[i].size))
        return E_OK;
    size_t at = json_find(d, i, "order");
    if (!at || json_copy_str(d, at, order, sizeof order, &n) != E_OK ||
        (strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0))
        return agents_wrong_shape(why, "order of sort is asc or desc");
    w->is_descending = *order == 'd';
    return sort_fields(NULL, w, why);
}

static enum err read_select(struct agents_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &w->request->kwargs;
    size_t i = api_argument(w->request, "select"), at;
    char name[AGENT_FIELD_BYTES];
    w->select = ((1u << AGENT_FIELDS) - 1);
    if (!i || !d->tokens[i].size)
        return E_OK;
    if (d->tokens[i].kind != JSON_ARRAY)
        return agents_wrong_shape(why, "select is a list of fields");
    w->select = w->distinct ? 0 : 1u << AGENT_ID;
    at = json_first(d, i);
    for (uint32_t k = d->tokens[i].size; k; k--, at = d->tokens[at].next) {
        ptrdiff_t f = agent_field_read(d, at, name);
        if (f < 0)
            return agents_wrong_field(why, 1724, "Fields", name);
        w->select |= 1u << f;
    }
    return E_OK;
}

/* left_out: what it is then; null is all of them. */
static enum err read_limit(struct agents_wish *w, struct wazuh_error *why) {
    const struct json_doc *d = &w->request->kwargs;
    size_t limit = json_find(d, 0, "limit"), offset = api_argument(w->request, "offset");
    w->limit = 500;
    w->offset = 0;
    if (limit && d->tokens[limit].kind == JSON_NULL) {
        w->limit = UINT64_MAX; /* real nodes look at offset only together with a limit */
        return E_OK;
    }
    if (limit && d->tokens[limit].kind == JSON_NUMBER && d->text[d->tokens[limit].start] == '-')
        return agents_wrong(why, WAZUH_ERROR, 1401, NULL);
    if (limit && !json_get_uint(d, limit, INT64_MAX, &w->limit))
        return agents_wrong_shape(why, "limit is a number or null");
    if (w->limit > AGENTS_LIMIT_MOST) {
        char words[24];
        struct text t;
        text_init(&t, words, sizeof words);
        text_format(&t, "%llu", (unsigned long long)w->limit);
        return agents_wrong(why, WAZUH_ERROR, 1405, words);
    }
    if (w->limit == 0)
        return agents_wrong(why, WAZUH_ERROR, 1406, NULL);
    if (offset && d->tokens[offset].kind == JSON_NUMBER && d->text[d->tokens[offset].start] == '-')
        return agents_wrong(why, WAZUH_ERROR, 1400, NULL);
    if (offset && !json_get_uint(d, offset, INT32_MAX, &w->offset))
        return agents_wrong_shape(why, "offset is a number");
    return E_OK;
}

enum err agents_wish_read(struct agents_wish *w, const struct api_request *r, const char *actions,
                          const char *group, bool by_version, struct wazuh_error *why) {
    *w = (struct agents_wish){.request = r, .actions = actions, .group = group, .by_version = by_version};
    w->distinct = api_argument_is_true(r, "distinct");
    enum err err = read_select(w, why);
    if (err == E_OK)
        err = read_sort(w, why);
    return err == E_OK ? read_limit(w, why) : err;
}
