/* fuzz_request.c - any bytes as a request of the distributed API: what it says does not depend on how it is
 * cut into pieces, and what is taken can be passed on: it is JSON again, and all that must not change has
 * not. Its permissions are asked for one agent and for all. The first byte says what lies before it in the
 * blob. */
#include "api/rbac.h"
#include "api/request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_BYTES 32768u
#define ROOM (4 * TEXT_BYTES)
#define TOKENS (TEXT_BYTES + 64)
#define ACTIONS "agent:read\0group:read\0"

static void must(int holds) {
    if (!holds)
        abort();
}

static struct api_request first, again;
static struct pool windows;

/* json behind `before` bytes of something else. */
static bool read_request(struct api_request *r, struct blob *body, const uint8_t *json, size_t n,
                         size_t before) {
    static uint8_t room[2][ROOM];
    uint8_t *bytes = room[r == &again];
    struct wazuh_error why = {0};
    enum step step;
    must(before + n <= ROOM);
    memset(bytes, 'x', before);
    if (n)
        memcpy(bytes + before, json, n);
    blob_init(body, bytes, ROOM, NULL, NULL, ROOM);
    body->size = before + n;
    api_request_init(r, body, before, &windows, NULL, TEXT_BYTES);
    while ((step = api_request_find_function(r, &why)) == STEP_AGAIN)
        ;
    if (step == STEP_DONE)
        while ((step = api_request_read(r, ACTIONS, &why)) == STEP_AGAIN)
            ;
    must(step == STEP_DONE || (step == STEP_FAILED && (why.code == 1000 || why.code == 3036)));
    return step == STEP_DONE;
}

static bool same_text(const struct json_doc *a, size_t i, const struct json_doc *b, size_t k) {
    size_t n = a->tokens[i].end - a->tokens[i].start;
    return a->tokens[i].kind == b->tokens[k].kind && n == b->tokens[k].end - b->tokens[k].start &&
           memcmp(a->text + a->tokens[i].start, b->text + b->tokens[k].start, n) == 0;
}

static bool key_is(const struct json_doc *d, size_t key, const char *list) {
    char name[32];
    size_t n;
    return json_copy_str(d, key, name, sizeof name, &n) == E_OK && n && text_find(list, name) >= 0;
}

/* Members of a, but for those of the list, are those of b, in their order. Returns how many of a were listed.
 */
static size_t check_members(const struct json_doc *a, size_t in, const struct json_doc *b, size_t out,
                            const char *list) {
    size_t k = json_first(b, out), listed = 0;
    for (size_t i = json_first(a, in); i && i < a->tokens[in].next; i = a->tokens[i].next) {
        if (key_is(a, i, list)) {
            listed++;
            continue;
        }
        while (k && k < b->tokens[out].next && key_is(b, k, list))
            k = b->tokens[k].next;
        must(k && k < b->tokens[out].next && same_text(a, i, b, k) && same_text(a, i + 1, b, k + 1));
        k = b->tokens[k].next;
    }
    while (k && k < b->tokens[out].next && key_is(b, k, list))
        k = b->tokens[k].next;
    must(!k || k >= b->tokens[out].next);
    return listed;
}

static void check_same(const struct api_request *a, const struct api_request *b) {
    must(strcmp(a->function, b->function) == 0 && a->type == b->type && a->services == b->services);
    must(a->rbac_white == b->rbac_white && a->sees_secrets == b->sees_secrets);
    must(strcmp(a->rbac.text, b->rbac.text) == 0 && a->timeout_s == b->timeout_s);
    must(strcmp(a->current_user, b->current_user) == 0);
}

static void check_forward(const struct api_request *r, const uint8_t *json, size_t n,
                          const struct blob *ids) {
    static uint8_t room[ROOM];
    static struct json_token in_tokens[TOKENS], out_tokens[TOKENS];
    struct json_doc in, out;
    struct blob forward, body;
    struct error e;
    char id[API_ID_BYTES];
    blob_init(&forward, room, sizeof room, NULL, NULL, sizeof room);
    must(api_request_forward(r, ids, &forward, &e) == E_OK);
    must(json_parse(&in, (const char *)json, n, in_tokens, TOKENS, &e) == E_OK);
    must(json_parse(&out, (const char *)room, (size_t)forward.size, out_tokens, TOKENS, &e) == E_OK);
    must(json_is_true(&out, json_find(&out, 0, "from_cluster")));
    check_members(&in, 0, &out, 0, "from_cluster\0f_kwargs\0");
    size_t a = json_find(&in, 0, "f_kwargs"), b = json_find(&out, 0, "f_kwargs");
    must(!a == !b);
    if (a && in.tokens[a].kind == JSON_OBJECT)
        check_members(&in, a, &out, b, "node_id\0node_list\0agent_list\0agent_id\0");
    must(read_request(&again, &body, room, (size_t)forward.size, 0));
    check_same(r, &again);
    must(again.from_cluster && !again.nodes_key[0]);
    if (!ids || r->agents == API_AGENTS_NONE) {
        must(again.agents == r->agents && again.agent_count == r->agent_count);
    } else {
        uint64_t at = 0;
        must(again.agents == API_AGENTS_LISTED && again.agent_count == 2);
        must(strcmp(api_request_next_id(&again, &at, id), "001") == 0);
        must(strcmp(api_request_next_id(&again, &at, id), "\"\\") == 0);
    }
    api_request_fini(&again);
}

static void check_arguments(const struct api_request *r) {
    char text[API_ID_BYTES], node[NODE_NAME_BYTES];
    uint64_t at = 0;
    size_t node_at = 0;
    uint32_t ids = 0;
    struct wazuh_error why;
    while (api_request_next_id(r, &at, text))
        ids++;
    must(ids == r->agent_count && at == r->ids.size);
    while (api_request_next_node(r, &node_at, node))
        must(!r->all_nodes && r->nodes_key[0]);
    for (size_t i = json_first(&r->kwargs, 0); i && i < r->kwargs.count; i = r->kwargs.tokens[i].next) {
        size_t n;
        if (json_copy_str(&r->kwargs, i, text, sizeof text, &n) != E_OK)
            continue;
        api_argument_is_true(r, text);
        api_argument_text(r, text, node, sizeof node, &why);
    }
}

static void check_permissions(const struct api_request *r, const char *action) {
    static char sql[16384];
    struct text t;
    text_init(&t, sql, sizeof sql);
    must(rbac_agents_sql(r, action, &t) == E_OK);
    bool quoted = false;
    int brackets = 0;
    for (const char *s = sql; *s; s++) {
        if (*s == '\'')
            quoted = !quoted;
        else
            must(strchr(TEXT_WORD_CHARS "-.", *s) || (!quoted && strchr(" (),`", *s)));
        brackets += (*s == '(') - (*s == ')');
        must(brackets >= 0 && (!quoted || *s == '\'' || strchr(TEXT_WORD_CHARS "-.", *s)));
    }
    must(!quoted && brackets == 0);
    bool allowed = rbac_allows(r, action, "agent:id", "001", "");
    if (sql[1] == '\0')
        must(allowed == (sql[0] == '1'));
    rbac_allows(r, action, "agent:id", "001", NULL);
    rbac_allows(r, action, "node:id", "m", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned char mem[2][TEXT_BYTES];
    static uint32_t next[2];
    static uint8_t two[] = "001\0\"\\";
    static const size_t befores[] = {0, 1, 10, 4095, 4096, 4097, 8191, 3000};
    struct blob body, other, ids;
    if (size == 0 || size > TEXT_BYTES)
        return 0;
    pool_init(&windows, "windows", "windows", mem, next, TEXT_BYTES, 2);
    bool good = read_request(&first, &body, data + 1, size - 1, befores[data[0] & 7]);
    must(read_request(&again, &other, data + 1, size - 1, befores[(data[0] + 1) & 7]) == good);
    if (good) {
        check_same(&first, &again);
        must(strcmp(first.kwargs.text, again.kwargs.text) == 0 && first.ids.size == again.ids.size);
        must(strcmp(first.long_argument, again.long_argument) == 0);
    }
    api_request_fini(&again);
    if (good) {
        check_arguments(&first);
        check_permissions(&first, "agent:read");
        check_permissions(&first, "cluster:read");
        blob_init(&ids, two, sizeof two, NULL, NULL, sizeof two);
        ids.size = sizeof two;
        check_forward(&first, data + 1, size - 1, NULL);
        check_forward(&first, data + 1, size - 1, &ids);
    }
    api_request_fini(&first);
    must(windows.used == 0);
    return 0;
}
