/* api/dapi_nodes.c - which nodes answer a request that a master was asked (dapi.py of 4.14.7, get_solver_node
 * and forward_request), and which agents each of them.
 *
 * Nodes are those that the request names, or those that its agents report to (dapi_agents.c), or all. */
#include "api/cluster_parts.h"
#include "api/rbac.h"
#include "src/api/dapi_solver.h"

#include <string.h>

const char *solver_own_name(const struct api_call *c) {
    return c->env->role->config->node_name;
}

void api_solve_cancel(struct api_call *c) {
    struct solver *v = api_state(c);
    if (!solver_slot(c)->solving)
        return;
    solver_slot(c)->solving = false;
    if (v->asking)
        store_cancel(c->env->role->agents_env.store, &v->job);
    blob_reset(&v->ids);
}

void solver_fail(struct api_call *c, const struct wazuh_error *why) {
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
    bool is_there = api_node_find(solver_slot(c)->api, name, &peer);
    struct api_part *p = api_part_take(solver_slot(c), name, peer);
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

/* The node's order among the parts, which may be new; SOLVER_LEFT_OUT: it is denied and nobody is to be told.
 * E_POOL: no room for another part now; E_LIMIT: too many nodes. */
enum err solver_need_node(struct api_call *c, const char *name, bool has_agents, uint8_t *order) {
    struct api_slot *s = solver_slot(c);
    const struct api_request *r = &c->request;
    struct solver *v = api_state(c);
    struct api_part *p = part_named(s, name);
    if (!p) {
        v->named++;
        if (r->nodes_key[0] && !is_allowed(c, name)) {
            v->denied++;
            if (r->broadcasting || r->remove_denied_nodes) {
                *order = SOLVER_LEFT_OUT;
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
void solver_no_room(struct api_call *c, enum err err) {
    struct wazuh_error why;
    if (err == E_POOL) {
        api_slot_requeue(solver_slot(c));
        return;
    }
    wazuh_error_set(&why, WAZUH_CLUSTER_ERROR, 3000,
                    err == E_LIMIT ? "too many nodes for one request" : "no room for the request's agents");
    solver_fail(c, &why);
}

/* ---- the end ---- */

/* Nobody is there to be asked: what get_nodes_info tells of nodes that are named and not there, or the error
 * of nodes that agents report to. */
static void answer_nobody(struct api_call *c) {
    struct api_slot *s = solver_slot(c);
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

void solver_done(struct api_call *c) {
    struct api_slot *s = solver_slot(c);
    struct solver *v = api_state(c);
    if (solver_flush(v) != E_OK) {
        solver_no_room(c, E_SPACE);
        return;
    }
    if (v->denied && v->denied == v->named && !c->request.broadcasting && !c->request.all_nodes)
        answer_denied(c);
    else if (api_parts_in(s, PART_FAILED) == s->part_count)
        answer_nobody(c);
    else
        api_parts_go(s);
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
        bool seen = part_named(solver_slot(c), name) != NULL;
        err = solver_need_node(c, name, has_agents, &order);
        for (uint64_t i = 0; !err && has_agents && !seen && api_request_next_id(r, &i, id);)
            err = solver_note(v, order, id);
    }
    return err;
}

static enum err nodes_connected(struct api_call *c) {
    uint8_t order;
    enum err err = solver_need_node(c, solver_own_name(c), false, &order);
    for (const struct peer *p = c->env->master->peers; p && !err; p = p->next)
        err = solver_need_node(c, p->name, false, &order);
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
        err = solver_need_node(c, v->first, true, &order);
    } else if (one_node || (r->agents == API_AGENTS_NONE && r->nodes_key[0] && !r->all_nodes)) {
        err = nodes_named(c);
        if (!err) {
            solver_done(c);
            return;
        }
    } else if (r->agents != API_AGENTS_NONE) {
        v->how = r->agents == API_AGENTS_LISTED ? SOLVE_LISTED : SOLVE_ALL;
        if (!r->agent_count && v->how == SOLVE_LISTED) /* nobody: the function says what that means */
            err = solver_need_node(c, solver_own_name(c), true, &order);
    } else if (r->broadcasting) {
        err = nodes_connected(c);
        if (!err) {
            solver_done(c);
            return;
        }
    } else {
        v->how = SOLVE_NODES;
        err = solver_need_node(c, solver_own_name(c), false, &order);
    }
    if (err)
        solver_no_room(c, err);
    else
        api_call_step(c, solver_step);
}
