/* api/dapi_agents.c - which node each agent of a request reports to, asked of the store in pages, and noted
 * part by part in one scratch file: (order of the part, id and a NUL). Agents of a node that nobody knows,
 * and ids that do not exist, are the master's own. */
#include "src/api/dapi_solver.h"

#include <string.h>

/* ---- notes ---- */

enum err solver_flush(struct solver *v) {
    enum err err = blob_append(&v->ids, v->page, v->page_n, NULL);
    v->page_n = 0;
    return err;
}

enum err solver_note(struct solver *v, uint8_t order, const char *id) {
    size_t n = strlen(id) + 1;
    if (order == SOLVER_LEFT_OUT)
        return E_OK;
    if (v->page_n + n + 1 > sizeof v->page && solver_flush(v) != E_OK)
        return E_SPACE;
    v->page[v->page_n++] = order;
    memcpy(v->page + v->page_n, id, n);
    v->page_n += n;
    return E_OK;
}

static enum err note_for(struct api_call *c, const char *node, const char *id) {
    uint8_t order;
    bool is_known = *node && strcmp(node, "unknown") != 0;
    enum err err = solver_need_node(c, is_known ? node : solver_own_name(c), true, &order);
    return err ? err : solver_note(api_state(c), order, id);
}

static enum err note_number(struct api_call *c, const char *node, uint32_t number) {
    char id[AGENT_ID_BYTES];
    return note_for(c, node, agents_id_words(id, number));
}

/* Of each piece the ids of one part are put together behind it, so both lie in the scratch. */
static enum err agents_of(const struct api_slot *s, const struct api_part *p, struct blob *ids,
                          struct error *e) {
    const struct solver *v = api_state(s->call);
    uint8_t *in = s->api->env.role->shared.scratch, *out = in + SESSION_SCRATCH_BYTES / 2;
    bool at_order = true, is_its = false;
    size_t n, out_n;
    for (uint64_t at = 0; at < v->ids.size; at += n) {
        enum err err = blob_read(&v->ids, at, in, SESSION_SCRATCH_BYTES / 2, &n, e);
        out_n = 0;
        for (size_t i = 0; !err && i < n; i++) {
            if (at_order) {
                is_its = in[i] == p->order;
                at_order = false;
                continue;
            }
            at_order = in[i] == '\0';
            if (is_its)
                out[out_n++] = in[i];
        }
        if (!err)
            err = blob_append(ids, out, out_n, e);
        if (err)
            return err;
    }
    return E_OK;
}

enum err api_solve_request(struct api_slot *s, const struct api_part *p, struct blob *out, struct error *e) {
    struct blob ids;
    enum err err = E_OK;
    api_blob_init(s->api, &ids, NULL, 0);
    if (p->has_agents)
        err = agents_of(s, p, &ids, e);
    if (!err)
        err = api_request_forward(&s->call->request, p->has_agents ? &ids : NULL, out, e);
    blob_reset(&ids);
    return err;
}

/* ---- asking the store ---- */

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
            err = solver_need_node(c, node, false, &order);
    } else if (has_id && v->how == SOLVE_LISTED) {
        err = listed_row(c, node, (uint32_t)id);
    } else if (has_id) {
        v->next = (uint32_t)id + 1;
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
        solver_no_room(c, v->err);
    else if (err)
        solver_fail(c, &why);
    else if (v->how == SOLVE_NODES || (v->how == SOLVE_ALL && v->count == 0))
        solver_done(c);
    else
        api_call_step(c, solver_step);
}

static void ask(struct api_call *c) {
    struct solver *v = api_state(c);
    struct wazuh_error why;
    if (!c->env->role->agents_env.store || v->text.cut) {
        wazuh_error_set(&why, WAZUH_INTERNAL_ERROR, 2005, v->text.cut ? "the question is too long" : NULL);
        solver_fail(c, &why);
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
    for (uint32_t i = 0; i < SOLVER_PAGE && !err && api_request_next_id(&c->request, &v->at, id); i++) {
        if (text_number(id, strlen(id), INT32_MAX, &number))
            v->batch[v->count++] = (uint32_t)number + 1;
        else
            err = note_for(c, "", id);
    }
    if (err) {
        solver_no_room(c, err);
        return;
    }
    if (!v->count) {
        uint64_t next = v->at;
        if (api_request_next_id(&c->request, &next, id)) /* so many, and not one a number */
            api_call_step(c, solver_step);
        else
            solver_done(c);
        return;
    }
    text_str(&v->text, SELECT "id a," NODE_COLUMN " where id in (");
    for (uint32_t i = 0; i < v->count; i++)
        text_format(&v->text, "%s%u", i ? "," : "", (unsigned)(v->batch[i] - 1));
    text_char(&v->text, ')');
    ask(c);
}

/* The manager is among them: the function that is asked says what it does to that one. */
static void next_page(struct api_call *c) {
    struct solver *v = api_state(c);
    v->count = 0;
    text_format(&v->text, SELECT "id a," NODE_COLUMN " where id>=%u", (unsigned)v->next);
    if (v->first[0]) {
        text_str(&v->text, " and node_name=");
        agents_sql_literal(&v->text, "", v->first, strlen(v->first), "");
    }
    text_format(&v->text, " order by id limit %u", SOLVER_PAGE);
    ask(c);
}

void solver_step(struct api_call *c) {
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
        text_format(&v->text, SELECT "distinct " NODE_COLUMN " order by b limit %u", SOLVER_PAGE);
        ask(c);
    }
}
