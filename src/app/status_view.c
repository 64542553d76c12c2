/* app/status_view.c - the node's answers, JSON, into the plain struct that the screen is made of.
 *
 * Other releases of picket, and Wazuh's own daemon, answer with more or fewer members: each is looked for,
 * none is needed. Text is cut to its place; numbers that make no sense count as missing. */
#include "app/status_screen.h"

#include <string.h>

static const struct view_agents nobody_counted = {VIEW_UNKNOWN, VIEW_UNKNOWN, VIEW_UNKNOWN, VIEW_UNKNOWN};

void status_view_init(struct status_view *v) {
    memset(v, 0, sizeof *v);
    v->up_s = v->link_s = v->last_keepalive_s = v->last_check_s = v->last_change_s = VIEW_UNKNOWN;
    v->files = v->behind = v->scan_files = v->scan_unreadable = v->scan_too_many = v->scan_took_ms =
        VIEW_UNKNOWN;
    v->memory_used = v->memory_size = v->last_info_s = VIEW_UNKNOWN;
    v->agents = nobody_counted;
}

/* ---- members ---- */

/* A string member into its place, cut if need be; nothing happens when there is none, or it was known. */
static void get_text(const struct json_doc *d, size_t obj, const char *key, char *out, size_t cap) {
    char text[512];
    size_t len, i = json_find(d, obj, key);
    if (!i || out[0])
        return;
    if (d->tokens[i].kind != JSON_STRING)
        return;
    if (json_copy_str(d, i, text, sizeof text, &len)) { /* longer than any place here: its raw beginning */
        len = d->tokens[i].end - d->tokens[i].start;
        len = len < sizeof text - 1 ? len : sizeof text - 1;
        memcpy(text, d->text + d->tokens[i].start, len);
        text[len] = '\0';
    }
    struct text t;
    text_init(&t, out, cap);
    text_add(&t, text, strlen(text));
}

#define GET_TEXT(d, obj, key, place) get_text(d, obj, key, place, sizeof(place))

static void get_number(const struct json_doc *d, size_t obj, const char *key, uint64_t *out) {
    uint64_t n;
    size_t i = json_find(d, obj, key);
    if (i && json_get_uint(d, i, VIEW_UNKNOWN - 1, &n))
        *out = n;
}

/* Calls for each element of the array member key of obj. */
static size_t first_of(const struct json_doc *d, size_t obj, const char *key, uint32_t *count) {
    size_t i = json_find(d, obj, key);
    *count = i && d->tokens[i].kind == JSON_ARRAY ? d->tokens[i].size : 0;
    return *count ? json_first(d, i) : 0;
}

/* ---- nodes ---- */

static struct view_node *find_row(struct status_view *v, const char *name) {
    for (uint32_t i = 0; i < v->node_count; i++)
        if (!strcmp(v->nodes[i].name, name))
            return &v->nodes[i];
    return NULL;
}

/* The row of a name, made if there is room; NULL otherwise. A master's row is the first. */
static struct view_node *node_row(struct status_view *v, const char *name, bool master) {
    struct view_node *old = find_row(v, name);
    if (old)
        return old;
    if (v->node_count == VIEW_NODES) {
        v->nodes_more++;
        return NULL;
    }
    uint32_t at = master ? 0 : v->node_count;
    memmove(&v->nodes[at + 1], &v->nodes[at], (v->node_count - at) * sizeof v->nodes[0]);
    v->node_count++;
    struct view_node *n = &v->nodes[at];
    memset(n, 0, sizeof *n);
    n->missing = n->shared = n->extra = n->keepalive_s = VIEW_UNKNOWN;
    n->agents = nobody_counted;
    text_copy(n->name, sizeof n->name, name, strlen(name));
    return n;
}

/* A node's description {"name", "type", "version", "ip"}. */
static struct view_node *read_node(struct status_view *v, const struct json_doc *d, size_t obj) {
    char name[NODE_NAME_BYTES] = "", type[12] = "";
    GET_TEXT(d, obj, "name", name);
    GET_TEXT(d, obj, "type", type);
    if (!name[0])
        return NULL;
    struct view_node *n = node_row(v, name, !strcmp(type, "master"));
    if (!n)
        return NULL;
    if (!n->type[0])
        memcpy(n->type, type, sizeof type);
    GET_TEXT(d, obj, "version", n->version);
    GET_TEXT(d, obj, "ip", n->ip);
    return n;
}

static void read_worker(struct status_view *v, const struct json_doc *d, size_t obj) {
    struct view_node *n = read_node(v, d, obj);
    if (!n)
        return;
    if (!n->type[0])
        memcpy(n->type, "worker", 7);
    GET_TEXT(d, obj, "state", n->state);
    get_number(d, obj, "missing", &n->missing);
    get_number(d, obj, "shared", &n->shared);
    get_number(d, obj, "extra", &n->extra);
    get_number(d, obj, "last_keepalive_s", &n->keepalive_s);
    n->bad = n->state[0] && strcmp(n->state, "in sync") && strcmp(n->state, "syncing");
}

/* ---- get_status ---- */

static void read_unsynced(struct status_view *v, const struct json_doc *d, size_t obj) {
    if (v->file_count == VIEW_FILES) {
        v->files_more++;
        return;
    }
    GET_TEXT(d, obj, "path", v->unsynced[v->file_count].path);
    GET_TEXT(d, obj, "why", v->unsynced[v->file_count].why);
    v->file_count++;
}

/* Keeps the VIEW_POOLS pools that came nearest to their end, those that refused somebody before all. */
static void read_pool(struct status_view *v, const struct json_doc *d, size_t obj, uint64_t *ranks) {
    char words[48] = "";
    uint64_t used = VIEW_UNKNOWN, high = VIEW_UNKNOWN, count = VIEW_UNKNOWN, refused = 0;
    GET_TEXT(d, obj, "words", words);
    GET_TEXT(d, obj, "name", words);
    get_number(d, obj, "used", &used);
    get_number(d, obj, "high", &high);
    get_number(d, obj, "count", &count);
    get_number(d, obj, "refused", &refused);
    if (used == VIEW_UNKNOWN || high == VIEW_UNKNOWN || count == VIEW_UNKNOWN || !count ||
        count > UINT32_MAX || high > count)
        return;
    uint64_t rank = high * 1000 / count + (refused ? 10000 : 0);
    uint32_t at = v->pool_count;
    while (at > 0 && ranks[at - 1] < rank)
        at--;
    if (at == VIEW_POOLS)
        return;
    uint32_t moved = v->pool_count < VIEW_POOLS ? v->pool_count++ : VIEW_POOLS - 1;
    memmove(&v->pools[at + 1], &v->pools[at], (moved - at) * sizeof v->pools[0]);
    memmove(&ranks[at + 1], &ranks[at], (moved - at) * sizeof ranks[0]);
    ranks[at] = rank;
    memcpy(v->pools[at].words, words, sizeof words);
    v->pools[at].used = used;
    v->pools[at].high = high;
    v->pools[at].count = count;
    v->pools[at].refused = refused;
}

static void read_memory(struct status_view *v, const struct json_doc *d, size_t obj) {
    uint64_t ranks[VIEW_POOLS] = {0};
    uint32_t left;
    get_number(d, obj, "used", &v->memory_used);
    get_number(d, obj, "size", &v->memory_size);
    for (size_t i = first_of(d, obj, "pools", &left); left > 0; left--, i = d->tokens[i].next)
        read_pool(v, d, i, ranks);
}

static void read_count(const struct json_doc *d, size_t obj, struct view_agents *a) {
    get_number(d, obj, "active", &a->active);
    get_number(d, obj, "disconnected", &a->disconnected);
    get_number(d, obj, "pending", &a->pending);
    get_number(d, obj, "never_connected", &a->never_connected);
}

/* Only nodes of the cluster have a row: agents can name one that is long gone. */
static void read_agents(struct status_view *v, const struct json_doc *d, size_t obj) {
    GET_TEXT(d, obj, "store", v->store);
    GET_TEXT(d, obj, "why", v->store_why);
    GET_TEXT(d, obj, "groups_why", v->groups_why);
    char hash[41] = "";
    GET_TEXT(d, obj, "groups", hash);
    hash[sizeof v->groups - 1] = '\0';
    memcpy(v->groups, hash, sizeof v->groups);
    size_t equal = json_find(d, obj, "groups_as_master");
    v->has_groups_as_master = equal && d->tokens[equal].kind == JSON_BOOL;
    v->groups_as_master = v->has_groups_as_master && json_is_true(d, equal);
    get_number(d, obj, "last_info_s", &v->last_info_s);
    read_count(d, obj, &v->agents);
    uint32_t left;
    for (size_t i = first_of(d, obj, "nodes", &left); left > 0; left--, i = d->tokens[i].next) {
        char name[NODE_NAME_BYTES] = "";
        GET_TEXT(d, i, "name", name);
        struct view_node *n = name[0] ? find_row(v, name) : NULL;
        if (!n && !strcmp(name, v->node) && (n = node_row(v, name, !strcmp(v->type, "master"))) != NULL)
            memcpy(n->type, v->type, sizeof n->type);
        if (n)
            read_count(d, i, &n->agents);
    }
}

static enum view_state state_of(const char *text) {
    static const char words[][11] = {"", "connected", "connecting", "refused", "serving"};
    for (int i = 1; i < 5; i++)
        if (!strcmp(words[i], text))
            return (enum view_state)i;
    return VIEW_STATE_UNKNOWN;
}

void status_view_status(struct status_view *v, const struct json_doc *d) {
    char state[16] = "";
    v->native = true;
    GET_TEXT(d, 0, "node", v->node);
    GET_TEXT(d, 0, "cluster", v->cluster);
    GET_TEXT(d, 0, "type", v->type);
    GET_TEXT(d, 0, "version", v->version);
    GET_TEXT(d, 0, "picket", v->picket);
    GET_TEXT(d, 0, "master", v->master);
    GET_TEXT(d, 0, "why", v->why);
    GET_TEXT(d, 0, "tree", v->tree);
    GET_TEXT(d, 0, "state", state);
    v->state = state_of(state);
    get_number(d, 0, "up_s", &v->up_s);
    get_number(d, 0, "link_s", &v->link_s);
    get_number(d, 0, "last_keepalive_s", &v->last_keepalive_s);
    get_number(d, 0, "last_check_s", &v->last_check_s);
    get_number(d, 0, "last_change_s", &v->last_change_s);
    get_number(d, 0, "files", &v->files);
    get_number(d, 0, "behind", &v->behind);
    size_t sync = json_find(d, 0, "in_sync"), scan = json_find(d, 0, "scan"),
           memory = json_find(d, 0, "memory");
    v->has_in_sync = sync && d->tokens[sync].kind == JSON_BOOL;
    v->in_sync = v->has_in_sync && json_is_true(d, sync);
    if (scan) {
        get_number(d, scan, "files", &v->scan_files);
        get_number(d, scan, "unreadable", &v->scan_unreadable);
        get_number(d, scan, "too_many", &v->scan_too_many);
        get_number(d, scan, "took_ms", &v->scan_took_ms);
    }
    if (memory)
        read_memory(v, d, memory);
    uint32_t left;
    for (size_t i = first_of(d, 0, "unsynced", &left); left > 0; left--, i = d->tokens[i].next)
        read_unsynced(v, d, i);
    for (size_t i = first_of(d, 0, "workers", &left); left > 0; left--, i = d->tokens[i].next)
        read_worker(v, d, i);
    size_t agents = json_find(d, 0, "agents"); /* last: they are shown with the nodes there are */
    if (agents)
        read_agents(v, d, agents);
}

/* ---- Wazuh's own three ---- */

void status_view_config(struct status_view *v, const struct json_doc *d) {
    GET_TEXT(d, 0, "node_name", v->node);
    GET_TEXT(d, 0, "name", v->cluster);
    GET_TEXT(d, 0, "node_type", v->type);
}

void status_view_nodes(struct status_view *v, const struct json_doc *d) {
    uint32_t left;
    for (size_t i = first_of(d, 0, "items", &left); left > 0; left--, i = d->tokens[i].next)
        read_node(v, d, i);
    for (uint32_t i = 0; i < v->node_count; i++)
        if (!strcmp(v->nodes[i].name, v->node) && !v->version[0])
            memcpy(v->version, v->nodes[i].version, sizeof v->version);
}

/* A date's text; "" when it is none yet. */
static void get_date(const struct json_doc *d, size_t obj, const char *key, char out[32]) {
    out[0] = '\0';
    if (obj)
        get_text(d, obj, key, out, 32);
    if (!strcmp(out, "n/a"))
        out[0] = '\0';
}

/* A worker's "status" of get_health, for what get_status did not say. A check that finds something to send is
 * followed by a sync at once; so all was in sync at the last check when it began after the last sync did.
 * Dates of one form compare as text. */
static void read_health(struct view_node *n, const struct json_doc *d, size_t status) {
    size_t check = json_find(d, status, "last_check_integrity");
    size_t sync = json_find(d, status, "last_sync_integrity");
    size_t total = sync ? json_find(d, sync, "total_files") : 0;
    char checked[32], synced[32];
    get_date(d, check, "date_end_master", n->last_check);
    get_date(d, check, "date_start_master", checked);
    get_date(d, sync, "date_start_master", synced);
    get_date(d, status, "last_keep_alive", n->seen);
    n->has_checked = n->last_check[0] != '\0';
    n->in_sync = n->has_checked && strcmp(checked, synced) > 0;
    if (!total || n->missing != VIEW_UNKNOWN)
        return;
    get_number(d, total, "missing", &n->missing);
    get_number(d, total, "shared", &n->shared);
    get_number(d, total, "extra", &n->extra);
}

void status_view_health(struct status_view *v, const struct json_doc *d) {
    size_t nodes = json_find(d, 0, "nodes");
    if (!nodes || d->tokens[nodes].kind != JSON_OBJECT)
        return;
    size_t i = json_first(d, nodes);
    for (uint32_t left = d->tokens[nodes].size; left > 0; left--, i = d->tokens[i + 1].next) {
        size_t info = json_find(d, i + 1, "info"), status = json_find(d, i + 1, "status");
        struct view_node *n = info ? read_node(v, d, info) : NULL;
        if (n && n->agents.active == VIEW_UNKNOWN)
            get_number(d, info, "n_active_agents", &n->agents.active);
        if (n && status)
            read_health(n, d, status);
    }
}
