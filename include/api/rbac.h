/* api/rbac.h - may this user do that? The permissions that come with a request (wazuh/rbac/decorators.py of
 * 4.14.7): {"rbac_mode": "white" or "black", "<action>": {"<resource>": "allow" or "deny", ...}, ...}.
 *
 * In black mode everything is allowed that nothing denies, in white mode nothing is that nothing allows; the
 * resources of an action are judged in the order they are written, the last that fits decides. A missing
 * rbac_permissions is black, as real nodes have it: it comes from programs that may open the socket, or from
 * a node with the cluster's key. A rule that cannot be read (in Python an exception) allows nothing. */
#ifndef PICKET_API_RBAC_H
#define PICKET_API_RBAC_H

#include "api/request.h"

/* Is action on the resource "kind:value" allowed? kind: "node:id", "group:id", "agent:id", "*:*" (value "*").
 * value: of one resource, as real nodes spell it ("001"). groups: of an agent:id, its groups divided by
 * commas,
 * "" when it has none, for agent:group:...; NULL: not known, then denials of any group hold for it and
 * permissions do not. Every action of a list that a function needs must be asked. The action must be one of
 * those given to api_request_read, or cluster:read. */
bool rbac_allows(const struct api_request *r, const char *action, const char *kind, const char *value,
                 const char *groups);
/* For "agent:read" and the like over many agents: appends to t the SQL condition, over the columns of table
 * agent, that is true of the agents that are allowed ("1" when all are, "0" when none is). It names the
 * column id alone and tables belongs and `group`. Agent 000 is an agent like others here, as in Python.
 * Nothing of the request gets into it but numbers and group names of the closed set of characters of
 * group_name_is_valid, as quoted literals. E_LIMIT: too many rules for the text (about 200 bytes, and 8 for
 * an id or 3 and its length for a group; at most 127 rules). */
enum err rbac_agents_sql(const struct api_request *r, const char *action, struct text *t);
/* 4000 as real nodes word it: extra_message "Resource type: <kind>". */
void rbac_denied(struct wazuh_error *w, const char *kind);

#endif
