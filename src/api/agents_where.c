/* agents_where.c - which agents: permissions, filters, q and search of a request as one condition in SQL.
 * Each stands in brackets of its own, and all must hold (_parse_legacy_filters and _add_search_to_query of
 * wazuh/core of 4.14.7, but for what api/agents_parts.h says). */
#include "api/agents_parts.h"

#include <string.h>

/* ---- filters ---- */

/* "v4.14.7", "4.14.7" and "wazuh 4.14.7" are versions of agents: "wazuh v4.14.7". */
static void complete_version(char *s, size_t cap) {
    char number[40];
    const char *at = strncmp(s, "wazuh ", 6) == 0 ? s + 6 : *s == 'v' || *s == 'V' ? s + 1 : s, *p = at;
    unsigned dots = 0;
    size_t digits = 0;
    for (; *p; p++) {
        digits = *p == '.' ? 0 : digits + 1;
        dots += *p == '.';
        if ((*p == '.' && (p == at || p[-1] == '.')) || (*p != '.' && (*p < '0' || *p > '9')))
            return;
    }
    if (dots != 2 || !digits || !text_copy(number, sizeof number, at, strlen(at)))
        return;
    struct text t;
    text_init(&t, s, cap);
    text_format(&t, "wazuh v%s", number);
}

static enum err filter_value(struct text *t, const struct json_doc *d, size_t i, size_t field, bool *any,
                             struct wazuh_error *why) {
    const struct json_token *token = &d->tokens[i];
    char value[AGENTS_VALUE_BYTES];
    struct agents_term m = {.field = field, .op = AGENTS_EQUAL, .value = value};
    switch (token->kind) {
    case JSON_STRING:
        if (json_copy_str(d, i, value, sizeof value, &m.n) != E_OK)
            return agents_wrong_shape(why, "A value of filters is too long, or no text");
        if (strcmp(value, "all") == 0)
            return E_OK;
        if (strcmp(agent_field_name(field), "version") == 0)
            complete_version(value, sizeof value);
        m.n = strlen(value);
        if (strcmp(value, "null") == 0)
            m.value = NULL;
        break;
    case JSON_NULL:
        m.value = NULL;
        break;
    case JSON_NUMBER:
        m.is_number = true;
        m.value = d->text + token->start;
        m.n = token->end - token->start;
        break;
    case JSON_BOOL:
        m.is_number = true;
        m.value = json_is_true(d, i) ? "1" : "0";
        m.n = 1;
        break;
    default:
        return agents_wrong_shape(why, "A value of filters is a text, a number or a list of them");
    }
    text_str(t, *any ? " or (" : "((");
    *any = true;
    enum err err = agents_sql_term(t, &m, why);
    text_char(t, ')');
    return err;
}

/* Agents that have not been heard of for so long; those that never were, by when they were added. */
static enum err older_than(struct text *t, const struct json_doc *d, size_t i, struct wazuh_error *why) {
    char value[AGENTS_VALUE_BYTES];
    size_t n;
    if (d->tokens[i].kind == JSON_NULL)
        return E_OK;
    if (json_copy_str(d, i, value, sizeof value, &n) != E_OK)
        return agents_wrong_shape(why, "older_than is a text");
    if (!n || strcmp(value, "0s") == 0)
        return E_OK;
    struct agents_term m = {AGENT_LAST_KEEPALIVE, AGENTS_GREATER, value, n, false};
    text_str(t, " and ((");
    enum err err = agents_sql_term(t, &m, why);
    text_str(t, " and connection_status != 'never_connected') or (");
    m.field = AGENT_DATE_ADD;
    if (err == E_OK)
        err = agents_sql_term(t, &m, why);
    text_str(t, " and connection_status = 'never_connected'))");
    return err;
}

/* Members are joined by and, values of one member by or. */
static enum err filter(struct text *t, const struct json_doc *d, size_t key, struct wazuh_error *why) {
    size_t value = key + 1;
    char name[AGENT_FIELD_BYTES];
    bool any = false;
    enum err err = E_OK;
    ptrdiff_t field = agent_field_read(d, key, name);
    if (strcmp(name, "older_than") == 0)
        return older_than(t, d, value, why);
    if (field < 0)
        return agents_wrong_field(why, 1408, "Field", name);
    size_t len = t->len;
    text_str(t, " and ");
    if (d->tokens[value].kind != JSON_ARRAY) {
        err = filter_value(t, d, value, (size_t)field, &any, why);
    } else {
        size_t at = json_first(d, value);
        for (uint32_t k = d->tokens[value].size; k && err == E_OK; k--, at = d->tokens[at].next)
            err = filter_value(t, d, at, (size_t)field, &any, why);
    }
    if (any)
        text_char(t, ')');
    else if (!t->cut)
        t->buf[t->len = len] = '\0';
    return err;
}

static enum err add_filters(struct text *t, const struct api_request *r, struct wazuh_error *why) {
    const struct json_doc *d = &r->kwargs;
    size_t i = api_argument(r, "filters");
    enum err err = E_OK;
    if (!i)
        return E_OK;
    if (d->tokens[i].kind != JSON_OBJECT)
        return agents_wrong_shape(why, "filters is an object");
    size_t at = json_first(d, i);
    for (uint32_t k = d->tokens[i].size; k && err == E_OK; k--, at = d->tokens[at].next)
        err = filter(t, d, at, why);
    return err;
}

/* ---- q and search ---- */

static enum err add_q(struct text *t, const struct api_request *r, struct wazuh_error *why) {
    char q[AGENTS_Q_BYTES]; /* the only long one on this stack */
    enum err err = api_argument_text(r, "q", q, sizeof q, why);
    if (err == E_GONE || (err == E_OK && !*q))
        return E_OK;
    if (err != E_OK)
        return err;
    text_str(t, " and (");
    err = agents_q(t, q, why);
    text_char(t, ')');
    return err;
}

/* Every column but the id, which is looked for as a number, and whole. */
static enum err add_search(struct text *t, const struct api_request *r, struct wazuh_error *why) {
    const struct json_doc *d = &r->kwargs;
    size_t i = api_argument(r, "search"), value = i ? json_find(d, i, "value") : 0, n;
    size_t negation = i ? json_find(d, i, "negation") : 0;
    char s[AGENTS_VALUE_BYTES];
    uint64_t id;
    if (!i || (d->tokens[i].kind == JSON_OBJECT && !d->tokens[i].size))
        return E_OK;
    if (!value || json_copy_str(d, value, s, sizeof s, &n) != E_OK)
        return agents_wrong_shape(why, "search is an object of value, a text, and negation");
    for (char *p = s; *p; p++)
        if (*p == '\'' || *p == '"')
            *p = '_';
    bool no = negation && !json_is_true(d, negation) &&
              (d->tokens[negation].kind != JSON_NUMBER || d->text[d->tokens[negation].start] == '0');
    text_str(t, negation && !no ? " and not (" : " and (");
    for (size_t f = 1; f < AGENT_FIELDS; f++) {
        text_format(t, "ifnull(%s,'') like ", agent_column(f));
        agents_sql_literal(t, "%", s, n, "%");
        text_str(t, " or ");
    }
    text_str(t, "id like ");
    if (text_number(s, n, UINT32_MAX, &id))
        text_format(t, "%llu)", (unsigned long long)id);
    else {
        agents_sql_literal(t, "", s, n, "");
        text_char(t, ')');
    }
    return E_OK;
}

static void add_distinct(struct text *t, uint32_t select) {
    for (size_t f = 0; f < AGENT_FIELDS; f++)
        if (select & 1u << f)
            text_format(t, " and %s is not null and %s != ''", agent_column(f), agent_column(f));
}

enum err agents_sql_where(struct text *t, const struct agents_wish *w, struct wazuh_error *why) {
    enum err err = agents_sql_permitted(t, w->request, w->actions);
    if (err != E_OK)
        return agents_wrong_shape(why, "The permissions of this user are too many for one question");
    if (w->group) {
        struct agents_term m = {AGENT_GROUP, AGENTS_EQUAL, w->group, strlen(w->group), false};
        text_str(t, " and ");
        err = agents_sql_term(t, &m, why);
    }
    if (err == E_OK)
        err = add_filters(t, w->request, why);
    if (err == E_OK)
        err = add_q(t, w->request, why);
    if (err == E_OK)
        err = add_search(t, w->request, why);
    if (err == E_OK && w->distinct)
        add_distinct(t, w->select);
    if (err == E_OK && t->cut)
        return agents_wrong_shape(why, "The question is too long for the agent store");
    return err;
}
