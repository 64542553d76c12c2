/* role/answers.h - the questions a node answers from memory: get_nodes, get_health, get_config, get_status.
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

#include "base/json_write.h"
#include "role/role.h"

struct master;
struct peer;
struct worker;

/* Each answers the request m on s. Errors as Wazuh's: 1724 select, 1728 type, 1730 unknown node, 1400, 1401,
 * 1405 and 1406 offset and limit, 1000 malformed arguments; sort, search and distinct are refused in words.
 */
void answer_get_nodes(struct role_env *env, const struct master *m, struct session *s,
                      const struct message *request);
void answer_get_health(struct role_env *env, const struct master *m, struct session *s,
                       const struct message *request);
/* One node's entry of it, an object; p is NULL for the master. */
void answer_add_health(struct json_write *w, const struct role_env *env, const struct peer *p);
/* The key is masked. */
void answer_get_config(struct role_env *env, struct session *s, const struct message *request);
/* Exactly one of master and worker is given. */
void answer_get_status(struct role_env *env, const struct master *m, const struct worker *w,
                       struct session *s, const struct message *request);

/* Sends env->answer (JSON in t) as the reply, or an error when it was cut. */
void answer_send(struct role_env *env, struct session *s, uint32_t counter, const struct text *t);

#endif
