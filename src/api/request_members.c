/* api/request_members.c - what the members of a request are, taken as they go by.
 *
 * They are the parameters of DistributedAPI.__init__ (dapi.py of 4.14.7). Arguments and permissions are
 * copied into bounded texts and parsed at the end; ids of agents go to a blob, because there may be as many
 * as there are agents. Where the parts lie that change when a request is passed on is kept for
 * request_forward.c. */
#include "api/request_parts.h"

#include <string.h>

enum top {
    TOP_F,
    TOP_F_KWARGS,
    TOP_TYPE,
    TOP_WAIT,
    TOP_FROM_CLUSTER,
    TOP_BROADCASTING,
    TOP_REMOVE_DENIED,
    TOP_IS_ASYNC,
    TOP_DEBUG,
    TOP_SERVICES,
    TOP_RBAC,
    TOP_NODES,
    TOP_TIMEOUT,
    TOP_USER,
    TOP_LOCAL_CLIENT,
    TOPS
};
static const char tops[] = "f\0f_kwargs\0request_type\0wait_for_complete\0from_cluster\0broadcasting\0"
                           "remove_denied_nodes\0is_async\0debug\0basic_services\0rbac_permissions\0nodes\0"
                           "api_timeout\0current_user\0local_client_arg\0";

#define OBJECT (1u << JSON_OBJECT)
#define ARRAY (1u << JSON_ARRAY)
#define STRING (1u << JSON_STRING)
#define NUMBER (1u << JSON_NUMBER)
#define BOOL (1u << JSON_BOOL)
#define NIL (1u << JSON_NULL)
static const uint8_t top_kinds[TOPS] = {
    [TOP_F] = OBJECT,
    [TOP_F_KWARGS] = OBJECT | NIL,
    [TOP_TYPE] = STRING,
    [TOP_WAIT] = BOOL | NIL,
    [TOP_FROM_CLUSTER] = BOOL | NIL,
    [TOP_BROADCASTING] = BOOL | NIL,
    [TOP_REMOVE_DENIED] = BOOL | NIL,
    [TOP_IS_ASYNC] = BOOL | NIL,
    [TOP_DEBUG] = BOOL | NIL,
    [TOP_SERVICES] = ARRAY | NIL,
    [TOP_RBAC] = OBJECT | NIL,
    [TOP_NODES] = ARRAY | NIL,
    [TOP_TIMEOUT] = NUMBER | NIL,
    [TOP_USER] = STRING | NIL,
    [TOP_LOCAL_CLIENT] = STRING | NIL,
};

static const char types[] = "local_master\0local_any\0distributed_master\0"; /* enum api_type */

/* Arguments that say which nodes and agents; their order is that of the list. */
enum argument {
    ARGUMENT_AGENT_LIST,
    ARGUMENT_AGENT_ID,
    ARGUMENT_NODE_LIST,
    ARGUMENT_NODE_ID,
    ARGUMENT_OTHER
};
static const char arguments[] = "agent_list\0agent_id\0node_list\0node_id\0";
static const uint8_t argument_kinds[] = {
    [ARGUMENT_AGENT_LIST] = ARRAY | STRING | NUMBER | NIL,
    [ARGUMENT_AGENT_ID] = ARRAY | STRING | NUMBER | NIL,
    [ARGUMENT_NODE_LIST] = ARRAY | STRING | NIL,
    [ARGUMENT_NODE_ID] = STRING,
};

#define DEFAULT_SERVICES "wazuh-modulesd\0wazuh-analysisd\0wazuh-execd\0wazuh-db\0wazuh-remoted\0"

/* Position in the body, behind the last byte that the stream has told of. */
static uint64_t here(const struct api_request *r) {
    return r->at + r->stream.at;
}

static enum json_want refuse_value(struct api_request *r, const char *name) {
    request_refuse(r, "argument '%s' has a value of the wrong kind", name);
    return JSON_SKIP;
}

/* Appends a member to an object under construction, whole or not at all. */
static bool add_member(struct text *t, const char *key, const char *json, size_t n) {
    size_t len = t->len;
    if (len > 1)
        text_add(t, ", ", 2);
    json_escape(t, key, strlen(key));
    text_add(t, ": ", 2);
    text_add(t, json, n);
    if (!t->cut)
        return true;
    t->cut = false;
    t->len = len;
    t->buf[len] = '\0';
    return false;
}

/* The string, or the text of a number, in n bytes of JSON. */
static bool copy_scalar(const char *json, size_t n, char *out, size_t cap) {
    size_t len;
    if (json[0] == '"')
        return json_unescape(json + 1, n - 2, out, cap, &len) == E_OK;
    return text_copy(out, cap, json, n);
}

/* ---- arguments ---- */

static enum json_want agents_begin(struct api_request *r, enum json_kind kind) {
    if (r->agents_at.from) {
        request_refuse(r, "agent_list and agent_id are given together, or twice");
        return JSON_SKIP;
    }
    r->agents_at.from = here(r) - 1;
    r->agents = kind == JSON_NULL ? API_AGENTS_ALL : API_AGENTS_LISTED;
    return kind == JSON_ARRAY ? JSON_ENTER : JSON_KEEP;
}

static enum json_want nodes_begin(struct api_request *r, const char *key) {
    if (r->nodes_key[0]) {
        request_refuse(r, "node_list and node_id are given together, or twice");
        return JSON_SKIP;
    }
    text_copy(r->nodes_key, sizeof r->nodes_key, key, strlen(key));
    r->nodes_at.from = request_cut_begin(r, here(r) - 1);
    return JSON_KEEP;
}

static enum json_want argument_begins(struct api_request *r, enum json_kind kind, const char *key) {
    ptrdiff_t i = text_find(arguments, key);
    r->argument = i < 0 ? ARGUMENT_OTHER : (uint8_t)i;
    if (i < 0)
        return JSON_KEEP;
    if (!(argument_kinds[i] >> kind & 1))
        return refuse_value(r, key);
    return i <= ARGUMENT_AGENT_ID ? agents_begin(r, kind) : nodes_begin(r, key);
}

static enum err add_id(struct api_request *r, const char *json, size_t n, struct error *e) {
    char id[API_ID_BYTES];
    if (!copy_scalar(json, n, id, sizeof id))
        return request_refuse(r, "an agent's id is longer than %u bytes, or no text", API_ID_BYTES - 1);
    r->agent_count++;
    return blob_append(&r->ids, (const uint8_t *)id, strlen(id) + 1, e);
}

static enum err agents_kept(struct api_request *r, const char *json, size_t n, struct error *e) {
    char all[2];
    r->agents_at.to = here(r);
    if (json[0] == '"' && copy_scalar(json, n, all, sizeof all) && all[0] == '*')
        r->agents = API_AGENTS_ALL;
    return r->agents == API_AGENTS_ALL ? E_OK : add_id(r, json, n, e);
}

static void argument_left_out(struct api_request *r, const char *key) {
    const char *name = *key ? key : "f_kwargs";
    if (!r->long_argument[0])
        text_copy(r->long_argument, sizeof r->long_argument, name, strlen(name));
}

static enum err argument_kept(struct api_request *r, const char *key, const char *json, size_t n,
                              struct error *e) {
    if (r->argument <= ARGUMENT_AGENT_ID)
        return agents_kept(r, json, n, e);
    bool fits = add_member(&r->kwargs_text, key, json, n);
    if (!fits && r->argument == ARGUMENT_OTHER)
        argument_left_out(r, key);
    if (r->argument == ARGUMENT_OTHER)
        return E_OK;
    if (!fits)
        return request_refuse(r, "'%s' is too long", key);
    r->nodes_at.to = r->nodes_at.from ? request_cut_end(r, r->nodes_at.from, here(r)) : 0;
    if (!r->nodes_at.to)
        return request_refuse(r, "there is too much white space around '%s'", key);
    r->all_nodes = json[0] == 'n' || (r->argument == ARGUMENT_NODE_LIST && n == 3 && json[1] == '*');
    return E_OK;
}

/* ---- permissions ---- */

static bool is_wanted(const struct api_request *r, const char *action) {
    return *action && (text_find(r->actions, action) >= 0 || text_find("cluster:read\0", action) >= 0);
}

static bool is_update(const char *action) {
    return *action && text_find("manager:update_config\0cluster:update_config\0", action) >= 0;
}

static enum json_want permission_begins(struct api_request *r, enum json_kind kind, const char *key) {
    bool mode = strcmp(key, "rbac_mode") == 0, wanted = is_wanted(r, key);
    if ((mode && kind != JSON_STRING) || (wanted && kind != JSON_OBJECT))
        return refuse_value(r, key);
    return mode || wanted || is_update(key) ? JSON_KEEP : JSON_SKIP;
}

/* Does an object have a member that says "allow"? */
static bool allows_anything(struct api_request *r, const char *json, size_t n) {
    struct json_doc d;
    char effect[8];
    size_t len;
    if (json_parse(&d, json, n, r->rbac_tokens, API_RBAC_TOKENS, NULL) != E_OK ||
        d.tokens[0].kind != JSON_OBJECT)
        return false;
    for (size_t i = json_first(&d, 0); i && i < d.count; i = d.tokens[i].next)
        if (json_copy_str(&d, i + 1, effect, sizeof effect, &len) == E_OK && strcmp(effect, "allow") == 0)
            return true;
    return false;
}

/* A permission that is not kept might be one that denies: then there is no answer. */
static enum err permissions_too_long(struct api_request *r, const char *action) {
    return request_refuse(r, "there are too many permissions for '%s'", action);
}

static enum err permission_kept(struct api_request *r, const char *key, const char *json, size_t n) {
    char mode[8];
    if (strcmp(key, "rbac_mode") == 0) {
        r->has_mode = true;
        r->rbac_white = !copy_scalar(json, n, mode, sizeof mode) || strcmp(mode, "black") != 0;
        return E_OK;
    }
    if (is_update(key))
        r->sees_secrets |= allows_anything(r, json, n);
    if (is_wanted(r, key) && !add_member(&r->rbac_text, key, json, n))
        return permissions_too_long(r, key);
    return E_OK;
}

/* ---- the members themselves ---- */

/* Where the place of a member is kept; NULL: it is not. */
static struct api_range *range_of(struct api_request *r) {
    switch (r->top) {
    case TOP_F:
        return &r->f;
    case TOP_F_KWARGS:
        return &r->f_kwargs;
    case TOP_FROM_CLUSTER:
        return &r->from_cluster_at;
    case TOP_NODES:
        return &r->nodes;
    default:
        return NULL;
    }
}

static enum json_want top_begins(struct api_request *r, enum json_kind kind, const char *key) {
    ptrdiff_t i = text_find(tops, key);
    if (i < 0) {
        request_refuse(r, "DistributedAPI.__init__() got an unexpected keyword argument '%s'", key);
        return JSON_SKIP;
    }
    if (r->seen >> i & 1) {
        request_refuse(r, "DistributedAPI.__init__() got multiple values for argument '%s'", key);
        return JSON_SKIP;
    }
    if (!(top_kinds[i] >> kind & 1))
        return refuse_value(r, key);
    r->seen |= 1u << i;
    r->top = (uint8_t)i;
    r->has_rbac |= i == TOP_RBAC && kind == JSON_OBJECT;
    struct api_range *range = range_of(r);
    if (range)
        range->from = here(r) - 1;
    return i != TOP_F && (kind == JSON_OBJECT || kind == JSON_ARRAY) ? JSON_ENTER : JSON_KEEP;
}

static enum err services_kept(struct api_request *r, const char *json, size_t n) {
    char name[32];
    ptrdiff_t i = copy_scalar(json, n, name, sizeof name) ? text_find(API_DAEMONS, name) : -1;
    if (i < 0)
        return request_refuse(r, "basic_services names a daemon that there is not");
    r->has_services = true;
    r->services |= 1u << i;
    return E_OK;
}

static enum err top_kept(struct api_request *r, const char *json, size_t n) {
    char type[20];
    uint64_t number;
    ptrdiff_t i;
    bool is_true = json[0] == 't', is_null = json[0] == 'n';
    switch (r->top) {
    case TOP_TYPE:
        i = copy_scalar(json, n, type, sizeof type) ? text_find(types, type) : -1;
        if (i < 0)
            return request_refuse(r, "argument 'request_type' is none of those there are");
        r->type = (enum api_type)i;
        break;
    case TOP_WAIT:
        r->wait_for_complete = is_true;
        break;
    case TOP_FROM_CLUSTER:
        r->from_cluster = is_true;
        break;
    case TOP_BROADCASTING:
        r->broadcasting = is_true;
        break;
    case TOP_REMOVE_DENIED:
        r->remove_denied_nodes = is_true;
        break;
    case TOP_TIMEOUT:
        if (!is_null && !text_number(json, n, UINT32_MAX, &number))
            return request_refuse(r, "argument 'api_timeout' is no number of seconds");
        r->timeout_s = is_null ? 0 : (uint32_t)number;
        break;
    case TOP_USER:
        if (!is_null && !copy_scalar(json, n, r->current_user, sizeof r->current_user))
            return request_refuse(r, "argument 'current_user' is too long, or no text");
        break;
    default:
        break;
    }
    return E_OK;
}

/* ---- what the stream tells ---- */

static enum json_want inner_begins(struct api_request *r, enum json_kind kind, const char *key) {
    switch (r->top) {
    case TOP_F_KWARGS:
        return argument_begins(r, kind, key);
    case TOP_RBAC:
        return permission_begins(r, kind, key);
    case TOP_SERVICES:
        return kind == JSON_STRING ? JSON_KEEP : refuse_value(r, "basic_services");
    default: /* TOP_NODES: only that they are names */
        return kind == JSON_STRING ? JSON_SKIP : refuse_value(r, "nodes");
    }
}

static enum json_want member_begins(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct api_request *r = arg;
    switch (depth) {
    case 0:
        return JSON_ENTER;
    case 1:
        return top_begins(r, kind, key);
    case 2:
        return inner_begins(r, kind, key);
    default: /* an element of agent_list */
        return kind == JSON_STRING || kind == JSON_NUMBER ? JSON_KEEP : refuse_value(r, "agent_list");
    }
}

/* After a refusal the stream goes on to the end of its piece, but nothing is taken any more. */
static enum err member_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                            struct error *e) {
    struct api_request *r = arg;
    struct api_range *range = range_of(r);
    if (r->refused)
        return E_VALUE;
    if (depth == 3)
        return add_id(r, json, n, e);
    if (depth == 2 && r->top == TOP_F_KWARGS)
        return argument_kept(r, key, json, n, e);
    if (depth == 2)
        return r->top == TOP_RBAC ? permission_kept(r, key, json, n) : services_kept(r, json, n);
    if (range && (r->top == TOP_F || r->top == TOP_FROM_CLUSTER)) /* the others are null */
        range->to = here(r);
    return top_kept(r, json, n);
}

static enum err member_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct api_request *r = arg;
    struct api_range *range = range_of(r);
    (void)kind, (void)e;
    if (depth == 0)
        r->root_end = here(r) - 1;
    else if (depth == 1 && range)
        range->to = here(r);
    else if (depth == 2)
        r->agents_at.to = here(r);
    return E_OK;
}

static enum err member_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct api_request *r = arg;
    (void)e;
    if (depth == 2 && r->top == TOP_F_KWARGS && r->argument == ARGUMENT_OTHER) {
        argument_left_out(r, key);
        return E_OK;
    }
    if (depth == 2 && r->top == TOP_RBAC)
        return is_wanted(r, key) || !is_update(key) ? permissions_too_long(r, key) : E_OK;
    return request_refuse(r, "a value in '%s' is too long", text_item(tops, r->top));
}

const struct json_stream_events request_members = {
    .value = member_begins, .kept = member_kept, .left = member_left, .too_long = member_too_long};

/* ---- forged objects ---- */

/* Real nodes make functions, exceptions and results of these wherever they stand (as_wazuh_object). */
static enum json_want name_begins(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    static const char forged[] = "__callable__\0__wazuh_exception__\0__wazuh_result__\0__unhandled_exc__\0";
    struct api_request *r = arg;
    (void)kind;
    if (depth == 1)
        r->in_f = strcmp(key, "f") == 0;
    else if (key && !(r->in_f && depth == 2) && text_find(forged, key) >= 0)
        request_refuse(r, "Wazuh object cannot be decoded from JSON: '%s' outside of f", key);
    return JSON_ENTER;
}

const struct json_stream_events request_names = {.value = name_begins};

/* ---- begin and end ---- */

void request_members_begin(struct api_request *r) {
    text_init(&r->kwargs_text, r->kwargs_room, sizeof r->kwargs_room - 1); /* room for the bracket */
    text_init(&r->rbac_text, r->rbac_room, sizeof r->rbac_room - 1);
    text_char(&r->kwargs_text, '{');
    text_char(&r->rbac_text, '{');
}

static bool parse(struct text *t, struct json_doc *d, struct json_token *tokens, size_t cap) {
    t->cap++;
    text_char(t, '}');
    return json_parse(d, t->buf, t->len, tokens, cap, NULL) == E_OK;
}

/* Each name must be one that a node can have. */
static enum err check_nodes(const struct api_request *r) {
    char name[NODE_NAME_BYTES];
    size_t n, at = r->nodes_key[0] ? json_find(&r->kwargs, 0, r->nodes_key) : 0;
    if (!at || r->all_nodes)
        return E_OK;
    bool list = r->kwargs.tokens[at].kind == JSON_ARRAY;
    size_t end = r->kwargs.tokens[at].next;
    for (size_t i = list ? json_first(&r->kwargs, at) : at; i && i < end; i = r->kwargs.tokens[i].next)
        if (json_copy_str(&r->kwargs, i, name, sizeof name, &n) != E_OK)
            return E_VALUE;
    return E_OK;
}

enum err request_members_end(struct api_request *r) {
    if (!r->has_services)
        for (const char *name = DEFAULT_SERVICES; *name; name += strlen(name) + 1)
            r->services |= 1u << text_find(API_DAEMONS, name);
    if (r->has_rbac && !r->has_mode)
        return request_refuse(r, "'rbac_mode'"); /* Python's KeyError */
    if (!parse(&r->rbac_text, &r->rbac, r->rbac_tokens, API_RBAC_TOKENS))
        return request_refuse(r, "there are too many permissions");
    if (!parse(&r->kwargs_text, &r->kwargs, r->kwargs_tokens, API_TOKENS)) {
        if (r->nodes_key[0])
            return request_refuse(r, "there are too many arguments");
        argument_left_out(r, "");
        json_parse(&r->kwargs, "{}", 2, r->kwargs_tokens, API_TOKENS, NULL);
    }
    if (check_nodes(r) != E_OK)
        return request_refuse(r, "'%s' holds what is no node's name", r->nodes_key);
    return E_OK;
}
