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

#define API_NAME_BYTES 128u   /* "wazuh.core.agent.Agent.get_agents_overview" and its NUL */
#define API_TOKENS 320u       /* of the kept arguments */
#define API_DROPS 4u          /* arguments that are cut out when a request is passed on */
#define API_NODES_BYTES 4096u /* kept text of node_id and node_list */

enum api_type { API_LOCAL_MASTER, API_LOCAL_ANY, API_DISTRIBUTED }; /* API_LOCAL_MASTER when left out */

/* Bytes from .. to - 1 of the body; to 0: not there. */
struct api_range {
    uint64_t from, to;
};

/* Which agents a request is about (agent_list, or agent_id as a list of one). */
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
    /* f_kwargs: all of it but agent_list, when that is a list, as an object in kwargs; a single argument that
     * is longer than API_ARGUMENT_BYTES is left out of it, long_argument is its name. */
    struct json_doc kwargs;
    char long_argument[JSON_STREAM_KEY_BYTES];
    struct api_range f, f_kwargs; /* raw, in body */
    enum api_agents agents;
    uint32_t agent_count; /* listed ids */
    struct blob ids;      /* listed: each id as text and a NUL, in the order given, as they were given */
    char nodes_key[12];   /* "node_id" or "node_list", "" when there is neither */
    bool all_nodes;       /* node_list is "*" or null */
    /* rbac_permissions */
    bool rbac_white;      /* rbac_mode; black when left out */
    struct json_doc rbac; /* an object of the actions that were wanted; each an object resource: effect */
    /* the known nodes, "nodes": raw range; kept only as far as rbac.h asks */
    struct api_range nodes;
    char current_user[64];
    /* the reader's own */
    struct json_stream stream;
    uint64_t read_at;
    uint8_t phase;
    const char *actions; /* that rbac keeps: text_item list */
    struct {
        struct api_range member;
    } drop[API_DROPS]; /* agent_list, agent_id, node_id, node_list with their keys,
                          within f_kwargs */
    char member[JSON_STREAM_KEY_BYTES];
    struct text kwargs_text, rbac_text;
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
/* Second half: reads everything else. actions: those of the function (a text_item list, may be ""). */
enum step api_request_read(struct api_request *r, const char *actions, struct wazuh_error *why);
/* Gives ids back. Safe at any time after init. */
void api_request_fini(struct api_request *r);

/* Arguments. 0: left out or null. */
size_t api_argument(const struct api_request *r, const char *key);
/* A string argument: E_GONE when left out or null; E_VALUE, E_LIMIT with *why filled in (1000, as Python
 * would put it). */
enum err api_argument_text(const struct api_request *r, const char *key, char *out, size_t cap,
                           struct wazuh_error *why);
enum err api_argument_number(const struct api_request *r, const char *key, uint64_t most, uint64_t *out,
                             struct wazuh_error *why);
/* false when left out. Python's truth for others than booleans. */
bool api_argument_is_true(const struct api_request *r, const char *key);
/* The next listed id; *at begins at 0. NULL: no more. text: room for one (API_ID_BYTES). */
#define API_ID_BYTES 80u
const char *api_request_next_id(const struct api_request *r, uint64_t *at, char text[API_ID_BYTES]);
/* The next of node_id or node_list, the same way; name: NODE_NAME_BYTES. */
const char *api_request_next_node(const struct api_request *r, size_t *at, char name[NODE_NAME_BYTES]);

/* Appends the request as it is passed on to another node to out: "from_cluster": true, node_id and node_list
 * cut out of f_kwargs, agent_list (or agent_id) replaced by the ids given (each text and a NUL, in ids; NULL:
 * left as it is), everything else byte for byte. */
enum err api_request_forward(const struct api_request *r, const struct blob *ids, struct blob *out,
                             struct error *e);

#endif
