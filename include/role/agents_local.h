/* role/agents_local.h - agents listed and edited by programs of this machine, above all `picket agents`: the
 * commands get_agents, add_agent, del_agent and set_groups of the local socket. picket's own; JSON both ways.
 *
 *   get_agents   every member may be left out or null; '*' in a pattern stands for any characters
 *     {"status": "active" | "disconnected" | "pending" | "never_connected", "name": pattern, "ip": pattern,
 *      "group": name, "node": pattern, "version": pattern ("4.14.*", without "Wazuh v"),
 *      "ids": ["001", 2, ...] at most 100, "after": id, "limit": 1 to 200, default 100}
 *   ok {"agents": [{"id": "001", "name", "ip", "status", "version", "node", "groups": ["default", ...],
 *      "last_keepalive": seconds since 1970, 0 never}, ...], "more": bool, "total": n}
 *     by id, those with an id above "after"; what the store has not is "" or []. more: ask again, after the
 *     last id. total: agents that match, on all pages. A page ends early when it would not fit an answer.
 *     Agents are those of this node's own store, on a worker too; a row of more than AGENT_ROW_BYTES is left
 *     out and only counted.
 *
 *   add_agent    {"name", "ip": "any" if left out, "id": the next one if left out, "key": true to be told it}
 *   ok {"id", "name", "ip"[, "key"]}
 *   del_agent    {"id"}
 *   ok {"id", "name"}
 *   set_groups   {"id", "groups": [name, ...], "mode": "override" (if left out) | "append" | "remove"}
 *   ok {"id", "name"}
 *     ok means on disk. Only on a master with the embedded store; a wazuh-db has its own tools.
 *
 * Refused with Wazuh's codes and words that name the cure: 1000 what was asked is not of these shapes, 1701
 * no such agent, 1710 no such group, 1725 not added, 1751 groups not set, 1757 not removed, 3000 not here. */
#ifndef PICKET_ROLE_AGENTS_LOCAL_H
#define PICKET_ROLE_AGENTS_LOCAL_H

#include "role/role.h"
#include "store/embedded.h"

#define AGENT_QUERIES 4u        /* lists being made at once; more are refused */
#define AGENT_QUERY_BYTES 6144u /* the longest question to the store */
#define AGENT_ROW_BYTES 8192u   /* one row of its answer */
#define AGENTS_PER_PAGE 200u
#define AGENT_IDS_MOST 100u

/* One get_agents whose answer is due. */
struct agents_query {
    struct session *session; /* who asks; NULL: free */
    struct agents_service *service;
    struct role_env *env;
    uint32_t counter, limit;
    void (*answered)(void *arg);
    void *arg;
    struct store_job job;
    char text[AGENT_QUERY_BYTES];
};

/* Zeroed, then its first four members set. */
struct agents_service {
    struct store *store;
    struct embedded *embedded; /* NULL with a wazuh-db */
    struct client_keys *keys;  /* NULL with a wazuh-db */
    bool is_master;
    struct agents_query query[AGENT_QUERIES];
    char row[AGENT_ROW_BYTES]; /* within one call */
};

/* Answers a request of one of the four commands on s, now or later; a is NULL on a node that keeps no agents.
 * answered (may be NULL) is called after each answer that comes later, so that somebody writes it. */
void agents_local_request(struct agents_service *a, struct role_env *env, struct session *s,
                          const struct message *request, void (*answered)(void *arg), void *arg);
/* The session ends: what it waits for is dropped. Before the store is closed. a may be NULL. */
void agents_local_forget(struct agents_service *a, const struct session *s);

/* ---- for src/role/agents_*.c ---- */

#define AGENTS_TOKENS 320u /* of one request: 128 groups or 100 ids, and some */

/* One request's arguments. */
struct agents_arguments {
    struct json_doc doc;
    struct json_token tokens[AGENTS_TOKENS];
};
/* The value of a member; 0 when it is left out or null. */
size_t agents_argument(const struct agents_arguments *g, const char *key);
/* "001", "1" or 1; false when it is none or not 1 to AGENT_ID_MAX. */
bool agents_read_id(const struct json_doc *d, size_t i, int64_t *id);
void agents_refuse(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *words);
/* get_agents. */
void agents_list(struct agents_service *a, struct role_env *env, struct session *s,
                 const struct agents_arguments *g, uint32_t counter, void (*answered)(void *arg), void *arg);

#endif
