/* api/dapi_nodes.c - which nodes answer a request that a master was asked (dapi.py of 4.14.7, get_solver_node
 * and forward_request), and which agents each of them.
 *
 * Nodes are those that the request names, or those that its agents report to, or all. Agents are asked of the
 * store in pages; what is known of them lies in one scratch file, as (order of the part, id and a NUL), until
 * the parts are sent. Agents of a node that nobody knows, and ids that do not exist, are the master's own. */
#include "api/agents_parts.h"
#include "api/cluster_parts.h"
#include "api/dapi_parts.h"
#include "api/rbac.h"

#include "base/bytes.h"

#include <string.h>

#define PAGE 128u /* rows of one answer: shorter than the 64 KB at which wazuh-db cuts */
#define LEFT_OUT 255u
_Static_assert(API_PARTS_MAX < LEFT_OUT, "the order of a part is one byte");

enum { SOLVE_LISTED, SOLVE_ALL, SOLVE_NODES };

/* In the call's memory while it lasts. */
struct solver {
    uint8_t how;
    bool asking;
    enum err err; /* of the rows of one answer */
    struct store_job job;
    struct blob ids;
    uint64_t at;                 /* of the request's ids */
    uint32_t after;              /* the last id of the pages so far */
    uint32_t named, denied;      /* nodes, of those that the request names */
    uint32_t count;              /* of batch; or rows of this page */
    uint32_t batch[PAGE];        /* ids asked for, plus one; 0: found */
    char first[NODE_NAME_BYTES]; /* SOLVE_ALL: of this node only; "": of all */
    struct text text;
    char room[1536];
    size_t page_n;
    uint8_t page[1536];
};
_Static_assert(sizeof(struct solver) <= API_STATE_BYTES, "the solver lies in the call's state");

static struct api_slot *slot_of(const struct api_call *c) {
    return c->owner;
}

static const char *own_name(const struct api_call *c) {
    return c->env->role->config->node_name;
}

void api_solve_cancel(struct api_call *c) {
    struct solver *v = api_state(c);
    if (!slot_of(c)->solving)
        return;
    slot_of(c)->solving = false;
    if (v->asking)
        store_cancel(c->env->role->agents_env.store, &v->job);
    blob_reset(&v->ids);
}

static void fail(struct api_call *c, const struct wazuh_error *why) {
    api_solve_cancel(c);
    api_call_fail(c, why);
}

/* ---- nodes ---- */

static struct api_part *part_named(const struct api_slot *s, const char *name) {
    for (struct api_part *p = s->api->parts; p < s->api->parts + API_PARTS; p++)
        if (p->slot == s && strcmp(p->node, name) == 0)
            return p;
    return NULL;
}

static bool is_allowed(const struct api_call *c, const char *name) {
    return rbac_allows(&c->request, "cluster:read", "node:id", name, NULL);
}

/* A part for the node: to be sent, to be executed here, or failed at once. Nodes that are asked by name are
 * judged by the right to see them; a broadcast leaves out what may not be seen. */
static struct api_part *new_part(struct api_call *c, const char *name) {
    struct peer *peer;
    const struct api_request *r = &c->request;
    bool by_name = r->nodes_key[0] != '\0';
    bool is_there = api_node_find(slot_of(c)->api, name, &peer);
    struct api_part *p = api_part_take(slot_of(c), name, peer);
    if (!p)
        return NULL;
    if ((by_name || !is_there) && !is_allowed(c, name)) {
        p->state = PART_FAILED;
        p->class = WAZUH_PERMISSION_ERROR;
        p->code = 4000;
    } else if (!is_there) {
        p->state = PART_FAILED;
        p->class = by_name ? WAZUH_RESOURCE_NOT_FOUND : WAZUH_ERROR;
        p->code = by_name ? 1730 : 3022;
    } else if (!peer) {
        p->state = PART_HERE;
    }
    return p;
}

/* The node's order among the parts, which may be new; LEFT_OUT: it is denied and nobody is to be told.
 * E_POOL: no room for another part now; E_LIMIT: too many nodes. */
static enum err need_node(struct api_call *c, const char *name, bool has_agents, uint8_t *order) {
    struct api_slot *s = slot_of(c);
    const struct api_request *r = &c->request;
    struct solver *v = api_state(c);
    struct api_part *p = part_named(s, name);
    if (!p) {
        v->named++;
        if (r->nodes_key[0] && !is_allowed(c, name)) {
            v->denied++;
            if (r->broadcasting || r->remove_denied_nodes) {
                *order = LEFT_OUT;
                return E_OK;
            }
        }
        p = new_part(c, name);
    }
    if (!p)
        return s->part_count == API_PARTS_MAX ? E_LIMIT : E_POOL;
    p->has_agents |= has_agents;
    *order = p->order;
    return E_OK;
}

/* No room: once more from the beginning, later. */
static void no_room(struct api_call *c, enum err err) {
    struct wazuh_error why;
    if (err == E_POOL) {
        api_slot_requeue(slot_of(c));
        return;
    }
    wazuh_error_set(&why, WAZUH_CLUSTER_ERROR, 3000,
                    err == E_LIMIT ? "too many nodes for one request" : "no room for the request's agents");
    fail(c, &why);
}

/* ---- agents noted for them ---- */

static enum err flush(struct solver *v) {
    enum err err = blob_append(&v->ids, v->page, v->page_n, NULL);
    v->page_n = 0;
    return err;
}

static enum err note(struct solver *v, uint8_t order, const char *id) {
    size_t n = strlen(id) + 1;
    if (order == LEFT_OUT)
        return E_OK;
    if (v->page_n + n + 1 > sizeof v->page && flush(v) != E_OK)
        return E_SPACE;
    v->page[v->page_n++] = order;
    memcpy(v->page + v->page_n, id, n);
    v->page_n += n;
    return E_OK;
}

static enum err note_for(struct api_call *c, const char *node, const char *id) {
    uint8_t order;
    bool is_known = *node && strcmp(node, "unknown") != 0;
    enum err err = need_node(c, is_known ? node : own_name(c), true, &order);
    return err ? err : note(api_state(c), order, id);
}

static enum err note_number(struct api_call *c, const char *node, uint32_t number) {
    char id[AGENT_ID_BYTES];
    return note_for(c, node, agents_id_words(id, number));
}

/* Of each piece the ids of one part are put together behind it, so both lie in the scratch. */
enum err api_solve_agents(struct api_slot *s, const struct api_part *p, struct blob *ids, uint32_t *count,
                          struct error *e) {
    const struct solver *v = api_state(s->call);
    uint8_t *in = s->api->env.role->shared.scratch, *out = in + SESSION_SCRATCH_BYTES / 2;
    bool at_order = true, is_ours = false;
    size_t n, out_n;
    *count = 0;
    for (uint64_t at = 0; at < v->ids.size; at += n) {
        enum err err = blob_read(&v->ids, at, in, SESSION_SCRATCH_BYTES / 2, &n, e);
        out_n = 0;
        for (size_t i = 0; !err && i < n; i++) {
            if (at_order) {
                is_ours = in[i] == p->order;
                at_order = false;
                continue;
            }
            at_order = in[i] == '\0';
            if (is_ours)
                out[out_n++] = in[i];
            *count += is_ours && at_order;
        }
        if (!err)
            err = blob_append(ids, out, out_n, e);
        if (err)
            return err;
    }
    return E_OK;
}

/* ---- the end ---- */

/* Nobody is there to be asked: what get_nodes_info tells of nodes that are named and not there, or the error
 * of nodes that agents report to. */
static void answer_nobody(struct api_call *c) {
    struct api_slot *s = slot_of(c);
    struct wazuh_error why;
    bool by_name = c->request.nodes_key[0] != '\0';
    result_open_items(&c->result, &api_told_nodes);
    for (uint32_t i = 0; i < s->part_count; i++) {
        const struct api_part *p = api_part_of(s, i);
        wazuh_error_set(&why, (enum wazuh_class)p->class, p->code,
                        p->code == 4000 ? "Resource type: node:id" : NULL);
        if (by_name)
            result_failed(&c->result, p->node, &why);
    }
    if (!by_name && s->part_count) { /* one reason for all of them */
        struct solver *v = api_state(c);
        text_init(&v->text, v->room, sizeof v->room - 1);
        for (uint32_t i = 0; i < s->part_count; i++) {
            const char *node = api_part_of(s, i)->node;
            if (v->text.len + strlen(node) + 2 < sizeof v->room)
                text_add(&v->text, node, strlen(node) + 1);
        }
        v->room[v->text.len] = '\0';
        result_exception(&c->result, &why, api_node_name(c), NULL, v->room);
    } else {
        result_close_items(&c->result, UINT64_MAX, NULL);
    }
    api_solve_cancel(c);
    api_call_end(c);
}

/* Every node that was named is denied: 4000 with their names. */
static void answer_denied(struct api_call *c) {
    struct solver *v = api_state(c);
    char name[NODE_NAME_BYTES];
    struct wazuh_error why;
    size_t at = 0;
    text_init(&v->text, v->room, sizeof v->room - 1);
    while (api_request_next_node(&c->request, &at, name) && v->text.len + strlen(name) + 2 < sizeof v->room)
        text_add(&v->text, name, strlen(name) + 1);
    v->room[v->text.len] = '\0';
    rbac_denied(&why, "node:id");
    result_exception(&c->result, &why, api_node_name(c), NULL, v->room);
    api_solve_cancel(c);
    api_call_end(c);
}

static void solved(struct api_call *c) {
    struct api_slot *s = slot_of(c);
    struct solver *v = api_state(c);
    struct wazuh_error why;
    uint64_t number;
    if (flush(v) != E_OK) {
        no_room(c, E_SPACE);
        return;
    }
    if (api_argument_number(&c->request, "limit", AGENTS_LIMIT_MOST, &number, &why) == E_OK)
        s->limit = number;
    if (api_argument_number(&c->request, "offset", UINT32_MAX, &number, &why) == E_OK)
        s->offset = number;
    if (v->denied && v->denied == v->named && !c->request.broadcasting && !c->request.all_nodes)
        answer_denied(c);
    else if (api_parts_in(s, PART_FAILED) == s->part_count)
        answer_nobody(c);
    else
        api_parts_go(s);
}

/* ---- asking the store ---- */

static void step(struct api_call *c);

/* The name of a node in a row; "" when there is none. */
static void node_of(const struct json_doc *d, char name[NODE_NAME_BYTES]) {
    size_t n, i = json_find(d, 0, "b");
    if (!i || json_copy_str(d, i, name, NODE_NAME_BYTES, &n) != E_OK)
        name[0] = '\0';
}

/* An agent that was asked for, once or twice. */
static enum err listed_row(struct api_call *c, const char *node, uint32_t id) {
    struct solver *v = api_state(c);
    bool was_asked = false;
    for (uint32_t i = 0; i < v->count; i++)
        if (v->batch[i] == id + 1) {
            v->batch[i] = 0;
            was_asked = true;
        }
    return was_asked ? note_number(c, node, id) : E_OK;
}

static enum err row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct api_call *c = arg;
    struct solver *v = api_state(c);
    char node[NODE_NAME_BYTES];
    int64_t id = 0;
    uint8_t order;
    enum err err = E_OK;
    bool has_id = agents_row_number(d, 'a', &id) && id < INT32_MAX;
    node_of(d, node);
    if (v->how == SOLVE_NODES) {
        if (*node && strcmp(node, "unknown") != 0)
            err = need_node(c, node, false, &order);
    } else if (has_id && v->how == SOLVE_LISTED) {
        err = listed_row(c, node, (uint32_t)id);
    } else if (has_id) {
        v->after = (uint32_t)id;
        v->count++;
        err = note_number(c, v->first[0] ? v->first : node, (uint32_t)id);
    }
    if (err)
        wazuh_error_set(why, WAZUH_CLUSTER_ERROR, 3000, NULL);
    v->err = err;
    return err;
}

/* What does not exist is told by the master. */
static enum err note_missing(struct api_call *c) {
    struct solver *v = api_state(c);
    enum err err = E_OK;
    for (uint32_t i = 0; i < v->count && !err; i++)
        if (v->batch[i])
            err = note_number(c, "", v->batch[i] - 1);
    return err;
}

static void answered(void *arg, struct store_job *j) {
    struct api_call *c = arg;
    struct solver *v = api_state(c);
    struct wazuh_error why;
    bool cut;
    enum err err;
    v->asking = false;
    v->err = E_OK;
    err = agents_answered(c, j, &cut, row, &why);
    if (!err && cut && v->how != SOLVE_ALL) { /* SOLVE_ALL goes on behind the last row that came whole */
        wazuh_error_set(&why, WAZUH_ERROR, 2006, "the store's answer is too long");
        err = E_PEER;
    }
    if (!err && v->how == SOLVE_LISTED)
        err = v->err = note_missing(c);
    if (v->err)
        no_room(c, v->err);
    else if (err)
        fail(c, &why);
    else if (v->how == SOLVE_NODES || (v->how == SOLVE_ALL && v->count == 0))
        solved(c);
    else
        api_call_step(c, step);
}

static void ask(struct api_call *c) {
    struct solver *v = api_state(c);
    struct wazuh_error why;
    if (!c->env->role->agents_env.store || v->text.cut) {
        wazuh_error_set(&why, WAZUH_INTERNAL_ERROR, 2005, v->text.cut ? "the question is too long" : NULL);
        fail(c, &why);
        return;
    }
    v->asking = true;
    agents_ask(c, &v->job, &v->text, answered);
}

/* ---- the ways to ask ---- */

#define SELECT "global sql select "
#define NODE_COLUMN "substr(node_name,1,64) b from agent"

/* The next listed ids: numbers are asked for, what is no number does not exist. */
static void next_batch(struct api_call *c) {
    struct solver *v = api_state(c);
    char id[API_ID_BYTES];
    uint64_t number;
    enum err err = E_OK;
    v->count = 0;
    for (uint32_t i = 0; i < PAGE && !err && api_request_next_id(&c->request, &v->at, id); i++) {
        if (text_number(id, strlen(id), INT32_MAX, &number))
            v->batch[v->count++] = (uint32_t)number + 1;
        else
            err = note_for(c, "", id);
    }
    if (err) {
        no_room(c, err);
        return;
    }
    if (!v->count) {
        uint64_t next = v->at;
        if (api_request_next_id(&c->request, &next, id)) /* so many, and not one a number */
            api_call_step(c, step);
        else
            solved(c);
        return;
    }
    text_str(&v->text, SELECT "id a," NODE_COLUMN " where id in (");
    for (uint32_t i = 0; i < v->count; i++)
        text_format(&v->text, "%s%u", i ? "," : "", (unsigned)(v->batch[i] - 1));
    text_char(&v->text, ')');
    ask(c);
}

static void next_page(struct api_call *c) {
    struct solver *v = api_state(c);
    v->count = 0;
    text_format(&v->text, SELECT "id a," NODE_COLUMN " where id>%u", (unsigned)v->after);
    if (v->first[0]) {
        text_str(&v->text, " and node_name=");
        agents_sql_literal(&v->text, "", v->first, strlen(v->first), "");
    }
    text_format(&v->text, " order by id limit %u", PAGE);
    ask(c);
}

static void step(struct api_call *c) {
    struct solver *v = api_state(c);
    text_init(&v->text, v->room, sizeof v->room);
    switch (v->how) {
    case SOLVE_LISTED:
        next_batch(c);
        return;
    case SOLVE_ALL:
        next_page(c);
        return;
    default:
        text_format(&v->text, SELECT "distinct " NODE_COLUMN " order by b limit %u", PAGE);
        ask(c);
    }
}

/* Those that the request names; every agent it lists is asked of each. */
static enum err nodes_named(struct api_call *c) {
    const struct api_request *r = &c->request;
    struct solver *v = api_state(c);
    char name[NODE_NAME_BYTES], id[API_ID_BYTES];
    bool has_agents = r->agents == API_AGENTS_LISTED;
    uint8_t order;
    enum err err = E_OK;
    for (size_t at = 0; !err && api_request_next_node(r, &at, name);) {
        bool seen = part_named(slot_of(c), name) != NULL;
        err = need_node(c, name, has_agents, &order);
        for (uint64_t i = 0; !err && has_agents && !seen && api_request_next_id(r, &i, id);)
            err = note(v, order, id);
    }
    return err;
}

static enum err nodes_connected(struct api_call *c) {
    uint8_t order;
    enum err err = need_node(c, own_name(c), false, &order);
    for (const struct peer *p = c->env->master->peers; p && !err; p = p->next)
        err = need_node(c, p->name, false, &order);
    return err;
}

void api_solve_start(struct api_slot *s) {
    struct api_call *c = s->call;
    const struct api_request *r = &c->request;
    struct solver *v = api_state(c);
    uint8_t order;
    size_t at = 0;
    enum err err = E_OK;
    bool one_node = strcmp(r->nodes_key, "node_id") == 0 && !r->all_nodes;
    memset(v, 0, offsetof(struct solver, room));
    api_blob_init(s->api, &v->ids, NULL, 0);
    v->page_n = 0;
    s->solving = true;
    if (one_node && r->agents == API_AGENTS_ALL && api_request_next_node(r, &at, v->first)) {
        v->how = SOLVE_ALL;
        err = need_node(c, v->first, true, &order);
    } else if (one_node || (r->agents == API_AGENTS_NONE && r->nodes_key[0] && !r->all_nodes)) {
        err = nodes_named(c);
        if (!err) {
            solved(c);
            return;
        }
    } else if (r->agents != API_AGENTS_NONE) {
        v->how = r->agents == API_AGENTS_LISTED ? SOLVE_LISTED : SOLVE_ALL;
        if (!r->agent_count && v->how == SOLVE_LISTED) /* nobody: the function says what that means */
            err = need_node(c, own_name(c), true, &order);
    } else if (r->broadcasting) {
        err = nodes_connected(c);
        if (!err) {
            solved(c);
            return;
        }
    } else {
        v->how = SOLVE_NODES;
        err = need_node(c, own_name(c), false, &order);
    }
    if (err)
        no_room(c, err);
    else
        api_call_step(c, step);
}
