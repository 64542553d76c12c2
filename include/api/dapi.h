/* api/dapi.h - requests of the distributed API from end to end: where they come from, where they are
 * answered, how the answers find back (reference, sections 4.3 and 15).
 *
 *   from a local program      "<number> <json>"  worker: to the master as it is, but for local_any
 *   from a worker             "<worker's id> <json>"
 *   from the master           "<master's id> <json>"
 *   from ourselves            a request passed on to several nodes is one that waits for its parts
 *
 * A request waits in a pool of API_REQUESTS_MAX; of one asker at most half of it while others ask, and three
 * quarters alone; an eighth is for local programs. API_CALLS are worked off at once, the askers in turn.
 * Every request has its deadline. Every asker gets an answer or an error, once: dapi_res, or dapi_err with
 * words. */
#ifndef PICKET_API_DAPI_H
#define PICKET_API_DAPI_H

#include "api/call.h"
#include "api/merge.h"
#include "role/requests.h"

struct api;      /* app/node.h has one */
struct api_slot; /* a request from its arrival to its answer */

#include "api/dapi_parts.h"

struct api_setup {
    struct role_env *role;
    struct master *master;
    struct worker *worker;
    struct local_server *local;
    const char *root_path, *root_name; /* as api_env's */
    struct pool *slots;                /* struct api_slot */
    struct pool *calls;                /* struct api_call */
    struct pool *sendsyncs;            /* struct sendsync */
};

/* Sets role->requests. Nothing can fail. */
void api_open(struct api *a, const struct api_setup *setup);
/* Everybody who waits is told or dropped; everything goes back. Before local_close and the roles' close. */
void api_close(struct api *a);

#endif
