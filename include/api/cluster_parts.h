/* api/cluster_parts.h - what src/api/cluster*.c and manager*.c share. */
#ifndef PICKET_API_CLUSTER_PARTS_H
#define PICKET_API_CLUSTER_PARTS_H

#include "api/call.h"
#include "api/rbac.h"

#define API_MASK "*****" /* what stands for a secret (4.14.7, decorators.py, MASK_DEFAULT) */
/* This node's name for those who may not read it (4.14.7, dapi.py, get_error_info). */
#define API_UNKNOWN_NODE "unknown-node"
#define API_NOT_SCANNED "the files of this node have not been read yet: ask again in some seconds"

/* Ends the call with 4000 for this node, as a function that judges itself (API_ON_ITEMS) must. */
void api_denied_here(struct api_call *c);
/* Does the request come with any "allow" for cluster:update_config or manager:update_config? Both must be
 * among the function's actions. Nothing else counts, not even black mode (4.14.7, decorators.py,
 * _has_update_permissions). */
bool api_may_see_secrets(const struct api_call *c);
/* A file of the manifest: {"path", "hash"} or, as a member of an object, "<path>": "<hash>". */
void api_add_file(struct json_write *w, const struct manifest *m, uint32_t slot, bool as_object);

/* cluster_nodes.c */
extern const struct result_kind api_told_nodes, api_told_health;
void cluster_nodes_info(struct api_call *c);
void cluster_health_nodes(struct api_call *c);
/* cluster_ruleset.c */
extern const struct result_kind api_told_ruleset;
void cluster_ruleset_sync(struct api_call *c);
void cluster_ruleset_integrity(struct api_call *c);

#endif
