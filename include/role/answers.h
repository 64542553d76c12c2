/* role/answers.h - the questions a node answers from memory: get_nodes, get_health, get_config, get_hash and
 * get_status.
 *
 * Shapes: reference, section 7 (get_nodes, get_health). get_status is picket's own, for `picket status`:
 *   {"node", "cluster", "type", "version", "picket", "up_s", "state",
 *    of a worker: "why", "master", "link_s", "last_keepalive_s", "in_sync", "behind", "busy", "last_check_s",
 *        "last_sync_s",
 *    of a master: "strangers", "strangers_refused",
 *    "files", "tree", "last_change_s", "scan": {"rounds", "files", "unreadable", "too_many", "took_ms"},
 *    "unsynced": [{"path", "why"}], "unsynced_untold",
 *    of a master: "workers": [{"name", "version", "ip", "state", "missing", "shared", "extra",
 *        "last_keepalive_s", "last_check_s", "last_sync_s"}],
 *    "agents": {"store": "embedded" or "wazuh-db", "why" it is not there, "active", "disconnected",
 * "pending", "never_connected", "groups": the global hash, "groups_as_master", "groups_why", "last_info_s",
 *        "nodes": [{"name", "active", "disconnected", "pending", "never_connected"}]},
 *    "memory": {"used", "size", "pools": [{"name", "words", "used", "high", "count", "size", "refused"}],
 *        "spool": {"used", "high", "limit", "refused"}}}
 * Members that do not apply are left out; *_s are seconds ago. */
#ifndef PICKET_ROLE_ANSWERS_H
#define PICKET_ROLE_ANSWERS_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "role/role.h"

struct master;
struct peer;
struct worker;

/* Each answers the request m on s. Errors as Wazuh's: 1724 select, 1728 type, 1730 unknown node, 1403 sort,
 * 1400, 1401, 1405 and 1406 offset and limit, 1000 malformed arguments. */
void answer_get_nodes(struct role_env *env, const struct master *m, struct session *s,
                      const struct message *request);
void answer_get_health(struct role_env *env, const struct master *m, struct session *s,
                       const struct message *request);
/* One node's entry of it, an object; p is NULL for the master. */
void answer_add_health(struct json_write *w, const struct role_env *env, const struct peer *p);
/* The key is masked, unless uid, the asker's, is 0 and it asks: {"key": true}. */
void answer_get_config(struct role_env *env, struct session *s, const struct message *request, uint32_t uid);
/* Exactly one of master and worker is given. */
void answer_get_status(struct role_env *env, const struct master *m, const struct worker *w,
                       struct session *s, const struct message *request);

/* A get_hash being answered: {"etc/rules/x.xml": "<blake2b hex>", ...}, in steps. */
struct answer_hash {
    bool under_way;
    uint8_t begun; /* how often: anew when files changed */
    uint32_t counter, slot;
    uint64_t version; /* of the manifest */
    struct blob body;
};
void answer_hash_init(struct answer_hash *h);
/* false: it was answered, with an error. */
bool answer_hash_start(struct answer_hash *h, struct role_env *env, struct session *s, uint32_t counter);
bool answer_hash_is_under_way(const struct answer_hash *h);
/* A bounded piece of the work; true: call it again next turn. Else it is answered, or, when it is still under
 * way, waits for other answers to be read: to be called again later. */
bool answer_hash_step(struct answer_hash *h, struct role_env *env, struct session *s);
void answer_hash_end(struct answer_hash *h);

/* Sends env->answer (JSON in t) as the reply, or an error when it was cut. */
void answer_send(struct role_env *env, struct session *s, uint32_t counter, const struct text *t);

/* ---- for src/role/answer_*.c ---- */

#define ANSWER_TOKENS 256

/* Arguments are one JSON value; an empty payload counts as null. */
bool answer_arguments(const struct message *request, struct json_doc *d, struct json_token *tokens);
/* Does the value at i (a string, a list of strings or an object with such keys) name this node? null names
 * all. */
bool answer_names(const struct json_doc *d, size_t i, const char *name);
void answer_refuse(struct session *s, uint32_t counter, enum wazuh_class class, int code, const char *extra);

#endif
