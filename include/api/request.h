/* api/request.h - one request of the distributed API, read from its JSON (reference, section 15).
 *
 * Nothing of it is believed. The function is a name to be looked up in a constant table; class names, types
 * and code that a peer may have put in are never more than text that is compared (CVE-2025-24016,
 * CVE-2026-25769). A request of any length is read in pieces, in fixed memory: the members this node needs
 * are kept, and where the others lie in the body, so that the request can be passed on without understanding
 * them. */
#ifndef PICKET_API_REQUEST_H
#define PICKET_API_REQUEST_H

#include "base/blob.h"
#include "base/json_read.h"
#include "base/json_stream.h"
#include "base/text.h"
#include "limits.h"
#include "wire/wazuh_error.h"

#define API_NAME_BYTES 128u /* "wazuh.core.agent.Agent.get_agents_overview" and its NUL */
#define API_TOKENS 320u     /* of the kept arguments */

enum api_type { API_LOCAL_MASTER, API_LOCAL_ANY, API_DISTRIBUTED }; /* API_LOCAL_MASTER when left out */

/* Bytes from .. to - 1 of the body; to 0: not there. */
struct api_range {
    uint64_t from, to;
};

/* Which agents a request is about (agent_list, or agent_id as a list of one). [] is a list of none. */
enum api_agents { API_AGENTS_NONE, API_AGENTS_ALL /* "*" or null */, API_AGENTS_LISTED };

struct api_request {
    const struct blob *body;
    uint64_t at;                   /* where the JSON begins in body */
    char function[API_NAME_BYTES]; /* __module__ "." __qualname__ */
    enum api_type type;
    bool from_cluster, wait_for_complete, broadcasting, remove_denied_nodes;
    uint32_t timeout_s; /* api_timeout; 0: none given */
    bool has_services;
    uint32_t services; /* bit i: API_DAEMONS' item i is among basic_services; all five of 4.14.7 when
                          it is left out, null or empty */
    /* f_kwargs: all of it but agent_list and agent_id, as an object in kwargs (its values as they were
     * written). What has no room there, because it alone, or all before it, are too long, is left out;
     * long_argument names the first, "f_kwargs" stands for more than there are tokens for. Who answers from
     * kwargs looks at long_argument first. A name of more than JSON_STREAM_KEY_BYTES - 1 bytes is told as "".
     */
    struct json_doc kwargs;
    char long_argument[JSON_STREAM_KEY_BYTES];
    struct api_range f, f_kwargs; /* raw, in body */
    enum api_agents agents;
    uint32_t agent_count; /* listed ids */
    struct blob ids;      /* listed: each id as text and a NUL, in the order given, as they were given */
    char nodes_key[12];   /* "node_id" or "node_list", "" when there is neither */
    bool all_nodes;       /* node_list is "*" or null */
    /* rbac_permissions */
    bool rbac_white;   /* rbac_mode is not "black"; black when there are no permissions at all */
    bool sees_secrets; /* something is allowed of manager:update_config or cluster:update_config: who may not
                          change keys and passwords gets them as "*****" (mask_sensitive_config) */
    struct json_doc rbac; /* an object of the actions that were wanted; each an object resource: effect */
    /* the known nodes, "nodes": raw range */
    struct api_range nodes;
    char current_user[72]; /* of at most 64 bytes in Wazuh */
    /* the reader's own */
    struct json_stream stream, names;
    uint64_t read_at, root_end;
    const char *actions;                    /* that rbac keeps: text_item list */
    struct wazuh_error *why;                /* of the step under way */
    uint32_t seen;                          /* bit k: a member k of the request was there */
    uint8_t phase, top, argument;           /* enums in request.c */
    bool refused, in_f, has_rbac, has_mode; /* has_mode: rbac_mode was there */
    struct api_range from_cluster_at;       /* values in body */
    struct api_range agents_at;             /* of agent_list or agent_id */
    struct api_range nodes_at;              /* member node_id or node_list, and one comma beside it */
    struct text kwargs_text, rbac_text;
    uint8_t ids_small[512];
    char kwargs_room[API_KWARGS_BYTES], rbac_room[API_RBAC_BYTES], keep[API_KEEP_BYTES];
    struct json_token kwargs_tokens[API_TOKENS], rbac_tokens[API_RBAC_TOKENS];
};
#define API_ARGUMENT_BYTES API_KEEP_BYTES

/* The daemons that `basic_services` may name, and that get_status tells of, in its order (4.14.7). */
#define API_DAEMONS                                                                                          \
    "wazuh-agentlessd\0wazuh-analysisd\0wazuh-authd\0wazuh-csyslogd\0wazuh-dbd\0wazuh-monitord\0"            \
    "wazuh-execd\0wazuh-integratord\0wazuh-logcollector\0wazuh-maild\0wazuh-remoted\0wazuh-reportd\0"        \
    "wazuh-syscheckd\0wazuh-clusterd\0wazuh-modulesd\0wazuh-db\0wazuh-apid\0"

/* First half: looks for the function's name alone, so that its actions are known before rbac_permissions are
 * read. windows, spill, limit: for ids. */
void api_request_init(struct api_request *r, const struct blob *body, uint64_t at, struct pool *windows,
                      struct spill *spill, uint64_t limit);
/* A piece of at most about 64 KB. STEP_AGAIN: more; STEP_DONE: the name is in r->function; STEP_FAILED: *why
 * is what the asker is told: what real nodes say of malformed requests (1000 with words; 3036: not JSON), as
 * dapi_err's text or as exception.  */
enum step api_request_find_function(struct api_request *r, struct wazuh_error *why);
/* Second half: reads everything else. actions: those of the function (a text_item list, may be "");
 * cluster:read is kept besides, which decides whether an error names its node. Refused, in words, is whatever
 * a real node would not understand or could be led astray by: unknown or repeated members, values of the
 * wrong kind, permissions that are too many to be kept, and objects anywhere but in f that real nodes turn
 * into functions, exceptions or results (CVE-2025-24016, CVE-2026-25769): picket would not do that, but the
 * node the request is passed on to may. */
enum step api_request_read(struct api_request *r, const char *actions, struct wazuh_error *why);
/* Gives ids back. Safe at any time after init. */
void api_request_fini(struct api_request *r);

/* Arguments. 0: left out or null. */
size_t api_argument(const struct api_request *r, const char *key);
/* A string argument: E_GONE when left out or null; E_VALUE, E_LIMIT with *why filled in (1000, as Python
 * would put it). */
enum err api_argument_text(const struct api_request *r, const char *key, char *out, size_t cap,
                           struct wazuh_error *why);
/* false when left out. Python's truth for others than booleans. */
bool api_argument_is_true(const struct api_request *r, const char *key);
/* The next listed id; *at begins at 0. NULL: no more. text: room for one. */
#define API_ID_BYTES 80u /* with NUL; a longer one is refused */
const char *api_request_next_id(const struct api_request *r, uint64_t *at, char text[API_ID_BYTES]);
/* The next of node_id or node_list, the same way; none of all_nodes. */
const char *api_request_next_node(const struct api_request *r, size_t *at, char name[NODE_NAME_BYTES]);

/* After api_request_read: appends the request as it is passed on to another node to out: "from_cluster":
 * true, node_id and node_list cut out of f_kwargs, agent_list (or agent_id), if there is one, replaced by the
 * ids given (each text of less than API_ID_BYTES and a NUL, in ids; NULL: left as it is), everything else
 * byte for byte. Errors are the blobs' (out holds a part then). */
enum err api_request_forward(const struct api_request *r, const struct blob *ids, struct blob *out,
                             struct error *e);

#endif
