/* api/call.c - the life of one call: set up, worked on in steps, and ended once, with an answer or with an
 * exception. What is asked and who gets the answer is dapi_run.c's affair. */
#include "api/dapi_parts.h"

#include "api/rbac.h"

#include <string.h>

static void run(void *arg) {
    struct api_call *c = arg;
    c->step(c);
}

/* A function that sets the timer gives it a callback of its own first. */
static void nothing(void *arg) {
    (void)arg;
}

void api_call_init(struct api_call *c, const struct api_env *env, struct blob *out,
                   void (*ended)(struct api_call *c), void *owner) {
    const struct session_shared *shared = &env->role->shared;
    c->env = env;
    c->function = NULL;
    c->step = NULL;
    c->ended = ended;
    c->owner = owner;
    c->running = false;
    loop_work_init(&c->work, run, c);
    loop_timer_init(&c->timer, nothing, c);
    result_init(&c->result, out, env->role->dialect, shared->windows, shared->spill, shared->message_bytes);
}

/* However a call ends, what its function holds goes back here, so no function has an end of its own for each
 * way to end. */
static void give_back(struct api_call *c) {
    if (c->running && c->function->cancel)
        c->function->cancel(c);
    c->running = false;
    loop_work_cancel(c->env->role->loop, &c->work);
    loop_timer_stop(c->env->role->loop, &c->timer);
}

void api_call_fini(struct api_call *c) {
    give_back(c);
    api_request_fini(&c->request);
    result_fini(&c->result);
    blob_reset(c->result.out);
}

void api_call_step(struct api_call *c, void (*step)(struct api_call *c)) {
    c->step = step;
    loop_work_queue(c->env->role->loop, &c->work);
}

/* Real nodes name themselves in dapi_errors to those who may read their name (dapi.py, get_error_info); to
 * whoever asks what cannot be read, too. */
const char *api_node_name(const struct api_call *c) {
    const char *node = c->env->role->config->node_name;
    bool is_read = c->request.rbac.tokens != NULL;
    return !is_read || rbac_allows(&c->request, "cluster:read", "node:id", node, NULL) ? node
                                                                                       : "unknown-node";
}

/* What could not be written whole becomes an exception that says so. */
void api_call_end(struct api_call *c) {
    struct error e;
    give_back(c);
    if (result_finish(&c->result, &e) != E_OK) {
        struct wazuh_error why;
        wazuh_error_set(&why, WAZUH_INTERNAL_ERROR, 1000, e.what);
        result_exception(&c->result, &why, api_node_name(c), NULL, NULL);
        if (result_finish(&c->result, &e) != E_OK) /* no room for that either: the queue finds nothing */
            blob_reset(c->result.out);
    }
    c->ended(c);
}

void api_call_fail(struct api_call *c, const struct wazuh_error *why) {
    result_exception(&c->result, why, api_node_name(c), NULL, NULL);
    api_call_end(c);
}

void api_call_refuse(struct api_call *c, enum wazuh_class class, int code, const char *extra) {
    struct wazuh_error why;
    wazuh_error_set(&why, class, code, extra);
    api_call_fail(c, &why);
}
