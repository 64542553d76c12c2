/* api/request_arguments.c - what a function asks of its request: arguments, agents, nodes. */
#include "api/request_parts.h"

#include <string.h>

size_t api_argument(const struct api_request *r, const char *key) {
    size_t at = json_find(&r->kwargs, 0, key);
    return at && r->kwargs.tokens[at].kind != JSON_NULL ? at : 0;
}

static enum err wrong(struct wazuh_error *why, enum err err, const char *key, const char *words) {
    char said[160];
    struct text t;
    text_init(&t, said, sizeof said);
    text_format(&t, "argument '%s' %s", key, words);
    wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, said);
    return err;
}

enum err api_argument_text(const struct api_request *r, const char *key, char *out, size_t cap,
                           struct wazuh_error *why) {
    size_t n, at = api_argument(r, key);
    if (!at)
        return E_GONE;
    enum err err = json_copy_str(&r->kwargs, at, out, cap, &n);
    if (err == E_OK)
        return E_OK;
    return wrong(why, err, key, err == E_LIMIT ? "is too long" : "is no text");
}

bool api_argument_is_true(const struct api_request *r, const char *key) {
    size_t at = api_argument(r, key);
    const struct json_token *t = &r->kwargs.tokens[at];
    const char *digit = r->kwargs.text + t->start;
    if (!at)
        return false;
    switch (t->kind) {
    case JSON_BOOL:
        return json_is_true(&r->kwargs, at);
    case JSON_STRING:
        return t->end > t->start;
    case JSON_NUMBER: /* 0, -0, 0.0 and 0e1 are false */
        digit += strspn(digit, "-0.");
        return *digit >= '1' && *digit <= '9';
    default:
        return t->size > 0;
    }
}

const char *request_id(const struct blob *ids, uint64_t *at, char text[API_ID_BYTES]) {
    size_t n;
    if (blob_read(ids, *at, (uint8_t *)text, API_ID_BYTES, &n, NULL) != E_OK || !memchr(text, '\0', n))
        return NULL;
    *at += strlen(text) + 1;
    return text;
}

const char *api_request_next_id(const struct api_request *r, uint64_t *at, char text[API_ID_BYTES]) {
    return request_id(&r->ids, at, text);
}

/* *at: 0, or 1 and the token to look at. */
const char *api_request_next_node(const struct api_request *r, size_t *at, char name[NODE_NAME_BYTES]) {
    const struct json_doc *d = &r->kwargs;
    size_t n, nodes = r->nodes_key[0] && !r->all_nodes ? json_find(d, 0, r->nodes_key) : 0;
    if (!nodes)
        return NULL;
    bool list = d->tokens[nodes].kind == JSON_ARRAY;
    size_t i = *at ? *at - 1 : list ? json_first(d, nodes) : nodes;
    if (!i || i >= d->tokens[nodes].next || json_copy_str(d, i, name, NODE_NAME_BYTES, &n) != E_OK)
        return NULL;
    *at = d->tokens[i].next + 1;
    return name;
}
