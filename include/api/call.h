/* api/call.h - one request being answered on this node: what a native function is given, and how it answers.
 *
 * A function is a row of a constant table. It is called when its request is read, permitted and its services
 * run; it writes its answer with c->result, at once or in bounded steps of the loop, and ends with exactly
 * one api_call_end or api_call_fail. It may wait (for the store, for a daemon's socket) as long as cancel
 * undoes that. Nothing it does may hold the loop for more than a few milliseconds. */
#ifndef PICKET_API_CALL_H
#define PICKET_API_CALL_H

#include "api/request.h"
#include "api/result.h"
#include "role/agents_local.h"
#include "role/local.h"

struct api_call;

/* What there is to work with: one struct per node. */
struct api_env {
    struct role_env *role; /* loop, sys, log, root, config, dialect, agent_store, ... */
    struct master *master; /* exactly one of these two */
    struct worker *worker;
    struct local_server *local;
    const char *root_path; /* for the names of sockets, which must be short; without final slash */
    const char *root_name; /* the same from / on, as answers tell it */
};

enum api_resource {
    API_ON_NODE,    /* node:id:<this node>: judged before the function is called */
    API_ON_NOTHING, /* *:*:*: the same */
    API_ON_ITEMS    /* agents, groups, the nodes it names: the function judges each itself (rbac.h) */
};

struct api_function {
    const char *name;      /* "wazuh.manager.get_status" */
    const char *arguments; /* text_item list of the f_kwargs it takes; others are refused with 1000, as Python
                              refuses them. node_id, node_list and agent_list "*" are gone by then. */
    const char *from_body; /* the one of them that it reads from the request's body, of any length; or NULL */
    const char *actions;   /* text_item list, all needed: "cluster:read\0"; "" for none */
    enum api_resource resource;
    enum api_type type;             /* how it is asked for, when somebody asks by name (`picket api`) */
    const char *local_client_arg;   /* "lc" where real nodes want it, else NULL */
    bool is_async;                  /* the same */
    const struct result_kind *kind; /* of its answer, for a denial; NULL: WazuhResult */
    void (*start)(struct api_call *c);
    void (*cancel)(struct api_call *c); /* gives everything back, ends nothing: called once the call has
                                           ended, in whatever way, c->result's text being whole or given up.
                                           NULL: it holds nothing but c->timer */
};

#define API_STATE_BYTES 6144u /* a function's own memory while it waits */

struct api_call {
    const struct api_env *env;
    const struct api_function *function; /* NULL: a slot that is free */
    struct api_request request;
    struct api_result result;
    struct loop_work work;
    struct loop_timer timer;
    void (*step)(struct api_call *c);
    void (*ended)(struct api_call *c); /* the queue's: the answer is complete in *result.out */
    void *owner;
    bool running;
    _Alignas(16) uint8_t state[API_STATE_BYTES];
};

/* c->state as a function's own struct; its file asserts that it fits. */
static inline void *api_state(struct api_call *c) {
    return c->state;
}

/* step is called next turn of the loop. Cancelled by itself with the call. */
void api_call_step(struct api_call *c, void (*step)(struct api_call *c));
/* The answer is whole (result_close_... was called). The function's cancel is called. The call is over: c
 * must not be touched any more. */
void api_call_end(struct api_call *c);
/* Instead of an answer this error, with this node's dapi_errors. */
void api_call_fail(struct api_call *c, const struct wazuh_error *why);
/* The same in one line; extra may be NULL. */
void api_call_refuse(struct api_call *c, enum wazuh_class class, int code, const char *extra);

/* The tables: name, function. One per file of functions; see api/functions.c. */
struct api_table {
    const struct api_function *functions;
    size_t count;
};
extern const struct api_table api_manager_functions; /* api/manager*.c */
extern const struct api_table api_log_functions;     /* api/logs.c */
extern const struct api_table api_stats_functions;   /* api/stats.c */
extern const struct api_table api_cluster_functions; /* api/cluster*.c */
extern const struct api_table api_agent_functions;   /* api/agents*.c */
/* NULL: none of this name is native. */
const struct api_function *api_function_find(const char *name);

#endif
