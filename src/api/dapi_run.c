/* api/dapi_run.c - a request with a call: read, judged, and executed here, or given to other nodes (dapi.py
 * of 4.14.7, distribute_function and execute_local_request).
 *
 * Nothing of the request is more than data. Its function is a name in constant tables, or of a program that
 * an administrator put into the handlers folder; any other is refused, and so is every argument that its
 * function does not take. */
#include "api/dapi_parts.h"

#include "api/rbac.h"
#include "api/services.h"

#include <stdio.h>
#include <string.h>

#define STATUS_FUNCTION "wazuh.core.manager.status"

static void ended(struct api_call *c);

static void set_deadline(struct api_slot *s, uint64_t ms) {
    s->deadline_ms = s->api->env.role->loop->now_ms + ms;
    api_kick(s->api);
}

/* ---- executing ---- */

/* False: the call was refused. Which argument is named as Python names it. */
static bool arguments_are_known(struct api_call *c) {
    const struct api_request *r = &c->request;
    char key[JSON_STREAM_KEY_BYTES], extra[WAZUH_EXTRA_BYTES];
    const char *unknown = NULL;
    size_t len;
    if (!c->function->arguments) /* it is given all of them, as a handler is */
        return true;
    size_t at = r->kwargs.count ? json_first(&r->kwargs, 0) : 0;
    for (; at && at < r->kwargs.tokens[0].next && !unknown; at = r->kwargs.tokens[at].next) {
        if (json_copy_str(&r->kwargs, at, key, sizeof key, &len) != E_OK)
            snprintf(key, sizeof key, "?");
        if (text_find(c->function->arguments, key) < 0)
            unknown = key;
    }
    if (!unknown && r->agents == API_AGENTS_LISTED && text_find(c->function->arguments, "agent_list") < 0 &&
        text_find(c->function->arguments, "agent_id") < 0)
        unknown = "agent_list";
    if (!unknown && (!r->long_argument[0] ||
                     (c->function->from_body && strcmp(r->long_argument, c->function->from_body) == 0)))
        return true;
    snprintf(extra, sizeof extra,
             unknown ? "%s() got an unexpected keyword argument '%s'" : "%s(): the argument '%s' is too long",
             strrchr(c->function->name, '.') + 1, unknown ? unknown : r->long_argument);
    api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, extra);
    return false;
}

/* False: the call was refused, with 1017 and the dict that real nodes give it. */
static bool services_are_ready(struct api_call *c) {
    char daemons[512], json[1024];
    struct wazuh_error why;
    struct json_write w;
    struct text t, list;
    if (strcmp(c->request.function, STATUS_FUNCTION) == 0)
        return true;
    text_init(&list, daemons, sizeof daemons);
    services_not_ready(c->env, c->request.services, &list);
    if (!list.len)
        return true;
    text_init(&t, json, sizeof json);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_str(&w, "node_name", c->env->role->config->node_name);
    json_key_str(&w, "not_ready_daemons", daemons);
    json_close(&w, '}');
    wazuh_error_set(&why, WAZUH_INTERNAL_ERROR, 1017, NULL);
    result_exception(&c->result, &why, api_node_name(c), json, NULL);
    api_call_end(c);
    return false;
}

/* What real nodes answer when the resource of a function is denied as a whole: an error, or to a broadcast
 * nothing found. */
static void deny(struct api_call *c, const char *kind, const char *value) {
    char ids[NODE_NAME_BYTES + 1] = "";
    struct wazuh_error why;
    if (!c->request.broadcasting) {
        rbac_denied(&why, kind);
        snprintf(ids, sizeof ids - 1, "%s", value);
        result_exception(&c->result, &why, api_node_name(c), NULL, ids);
    } else if (c->function->kind) {
        result_open_items(&c->result, c->function->kind);
        result_close_items(&c->result, UINT64_MAX, NULL);
    } else {
        struct json_write *w = result_open_plain(&c->result);
        json_open(w, '{');
        json_close(w, '}');
        result_close_plain(&c->result);
    }
    api_call_end(c);
}

static bool is_permitted(struct api_call *c) {
    const struct api_function *f = c->function;
    bool on_node = f->resource == API_ON_NODE;
    const char *kind = on_node ? "node:id" : "*:*";
    const char *value = on_node ? c->env->role->config->node_name : "*";
    if (f->resource == API_ON_ITEMS)
        return true;
    for (const char *action = f->actions; *action; action += strlen(action) + 1)
        if (!rbac_allows(&c->request, action, kind, value, NULL)) {
            deny(c, kind, value);
            return false;
        }
    return true;
}

/* After a deadline nobody would take the answer (dapi.py, api_request_timeout). */
static uint64_t run_ms(const struct api_slot *s) {
    const struct api_request *r = &s->call->request;
    uint64_t asked_ms = (uint64_t)r->timeout_s * 1000u, least_ms = API_RUN_MS;
    if (s->is_handler) /* which ends it itself */
        least_ms += s->api->env.role->config->handler_s * 1000u;
    if (r->wait_for_complete || asked_ms > API_LONG_MS)
        return API_LONG_MS;
    return asked_ms > least_ms ? asked_ms : least_ms;
}

static void execute(struct api_slot *s) {
    struct api_call *c = s->call;
    char words[WAZUH_EXTRA_BYTES];
    if (!c->function) {
        snprintf(words, sizeof words,
                 "this node does not serve %s: it is not among the functions built in, and "
                 "there is no handler of this name",
                 c->request.function);
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, words);
        return;
    }
    set_deadline(s, run_ms(s));
    if (arguments_are_known(c) && services_are_ready(c) && is_permitted(c)) {
        c->running = true;
        c->function->start(c);
    }
}

/* ---- the end of a call ---- */

/* The part that this call is executing; NULL: the request as a whole. */
static struct api_part *part_here(const struct api_slot *s) {
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct api_part *p = api_part_of(s, i);
        if (p && p->state == PART_RUNNING)
            return p;
    }
    return NULL;
}

static void ended(struct api_call *c) {
    struct api_slot *s = c->owner;
    struct api_part *here = part_here(s);
    struct blob *out = c->result.out;
    if (!here) {
        api_parts_drop(s);
        blob_reset(&s->body);
        blob_move(&s->body, out);
        api_call_release(s);
        api_answer(s);
    } else if (out->size) {
        api_part_answer(here, out);
    } else {
        api_part_fail(here, WAZUH_INTERNAL_ERROR, 1000);
    }
}

void api_run_timeout(struct api_slot *s) {
    struct api_call *c = s->call;
    if (!c->running) { /* its body, or the solving, or the other nodes' sessions are to blame */
        api_answer_error(s, WAZUH_INTERNAL_ERROR, 3021, NULL);
        return;
    }
    log_line(c->env->role->log, LOG_ERROR, "Cluster", "D API", "Timeout executing API request: %s",
             c->request.function);
    api_call_refuse(c, WAZUH_INTERNAL_ERROR, 3021, NULL);
}

/* ---- reading ---- */

/* A worker executes what is for any node, and what its master has sent to it; the rest is the master's. */
static bool is_ours(const struct api *a, const struct api_request *r) {
    bool was_sent = r->type == API_DISTRIBUTED && r->from_cluster;
    return a->env.worker ? r->type == API_LOCAL_ANY || was_sent : r->type != API_DISTRIBUTED || was_sent;
}

static void tell(const struct api_slot *s) {
    const struct api_call *c = s->call;
    const char *dot = strrchr(c->request.function, '.');
    const char *who = s->asker.kind == ASKER_PEER     ? s->asker.peer->name
                      : s->asker.kind == ASKER_MASTER ? "master"
                                                      : "Local";
    log_line(c->env->role->log, LOG_DEBUG, "Cluster", "D API", "Receiving request: %s from %s (%s)",
             dot ? dot + 1 : c->request.function, who, s->id);
}

static void route(struct api_slot *s) {
    struct api_call *c = s->call;
    tell(s);
    s->long_wait = c->request.wait_for_complete;
    if (is_ours(s->api, &c->request)) {
        execute(s);
    } else if (s->api->env.master) {
        set_deadline(s, api_pass_ms(s->api));
        api_solve_start(s);
    } else if (s->asker.kind == ASKER_LOCAL) {
        api_pass_to_master(s);
    } else { /* back to where it came from it would go for ever */
        api_call_refuse(c, WAZUH_CLUSTER_ERROR, 3000, "a worker does not pass on what its master asks");
    }
}

static void read_all(struct api_call *c) {
    struct wazuh_error why;
    switch (api_request_read(&c->request, c->function ? c->function->actions : "", &why)) {
    case STEP_AGAIN:
        api_call_step(c, read_all);
        return;
    case STEP_DONE:
        route(c->owner);
        return;
    default:
        api_call_fail(c, &why);
    }
}

/* A third slow program waits in the queue and not in a call. false: it went back. */
static bool has_handler_place(struct api_slot *s) {
    if (!s->is_handler && api_handlers_running(s->api) >= HANDLERS_MAX) {
        api_slot_requeue(s);
        s->is_handler = true;
        s->retry_ms = 0; /* it is told when a call ends */
        return false;
    }
    s->is_handler = true;
    return true;
}

static void function_known(struct api_call *c) {
    struct wazuh_error why = {.code = 0};
    c->function = api_function_find(c->request.function);
    if (!c->function && handler_find(c->env, c->request.function, &why)) {
        if (!has_handler_place(c->owner))
            return;
        c->function = &api_handler;
    }
    if (!c->function && why.code) /* there is one, but not one to be trusted */
        api_call_fail(c, &why);
    else
        read_all(c);
}

static void find_function(struct api_call *c) {
    struct wazuh_error why;
    switch (api_request_find_function(&c->request, &why)) {
    case STEP_AGAIN:
        api_call_step(c, find_function);
        return;
    case STEP_DONE:
        function_known(c);
        return;
    default:
        api_call_fail(c, &why);
    }
}

static void read_request(struct api_slot *s) {
    const struct session_shared *shared = &s->api->env.role->shared;
    api_request_init(&s->call->request, &s->body, s->at, NULL, shared->spill, shared->message_bytes);
    find_function(s->call);
}

void api_run_start(struct api_slot *s) {
    struct api_call *c = s->call;
    struct blob *out = &s->api->outs[pool_index(s->api->call_pool, c)].blob;
    api_call_init(c, &s->api->env, out, ended, s);
    read_request(s);
}

/* What another node would be sent in our place, read anew: so a function sees the same here and there. */
void api_run_here(struct api_slot *s, const struct api_part *p) {
    struct api_call *c = s->call;
    struct blob body;
    struct error e;
    api_blob_init(s->api, &body, NULL, 0);
    enum err err = api_solve_request(s, p, &body, &e);
    api_solve_cancel(c);
    if (err != E_OK) {
        blob_reset(&body);
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    blob_move(&s->body, &body);
    s->at = 0;
    api_request_fini(&c->request);
    c->function = NULL;
    read_request(s);
}
