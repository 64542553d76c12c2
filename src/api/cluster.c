/* cluster.c - what the functions of wazuh.cluster tell about this node, and picket's own picket.node.*: who
 * it is, how it is configured, which files it has. All of it comes from memory: the configuration and the
 * manifest. The nodes a master knows are in cluster_nodes.c, the comparison of rulesets in
 * cluster_ruleset.c. */
#include "api/cluster_parts.h"

#include "base/bytes.h"

#include <string.h>

#define MANIFEST_SLOTS 512u /* looked at in one step */

static const struct result_kind told_node = {
    .all_msg = "All selected information was returned",
    .some_msg = "",
    .none_msg = "No information was returned",
};

void api_denied_here(struct api_call *c) {
    const char *node = c->env->role->config->node_name;
    char ids[NODE_NAME_BYTES + 1] = {0};
    struct wazuh_error why;
    rbac_denied(&why, "node:id");
    memcpy(ids, node, strlen(node));
    result_exception(&c->result, &why, API_UNKNOWN_NODE, NULL, ids);
    api_call_end(c);
}

bool api_may_see_secrets(const struct api_call *c) {
    const struct json_doc *d = &c->request.rbac;
    static const char actions[] = "cluster:update_config\0manager:update_config\0";
    for (size_t a = 0; d->count && a < 2; a++) {
        size_t map = json_find(d, 0, text_item(actions, a));
        if (!map || d->tokens[map].kind != JSON_OBJECT)
            continue;
        for (size_t at = json_first(d, map), k = 0; k < d->tokens[map].size; k++, at = d->tokens[at].next) {
            const struct json_token *effect = &d->tokens[at + 1];
            if (effect->kind == JSON_STRING && effect->end - effect->start == 5 &&
                memcmp(d->text + effect->start, "allow", 5) == 0)
                return true;
        }
    }
    return false;
}

/* ---- who this node is ---- */

static void get_node_wrapper(struct api_call *c) {
    const struct cluster_config *config = c->env->role->config;
    result_open_items(&c->result, &told_node);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    json_key_str(w, "node", config->node_name);
    json_key_str(w, "cluster", config->cluster_name);
    json_key_str(w, "type", config->type == NODE_MASTER ? "master" : "worker");
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* The key is shown only to who may write the configuration, as mask_sensitive_config of 4.14.7 has it. */
static void read_config_wrapper(struct api_call *c) {
    const struct cluster_config *config = c->env->role->config;
    if (!rbac_allows(&c->request, "cluster:read", "node:id", config->node_name, NULL)) {
        api_denied_here(c);
        return;
    }
    result_open_items(&c->result, &told_node);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{'); /* in the order of the section as it is shipped */
    json_key_str(w, "name", config->cluster_name);
    json_key_str(w, "node_name", config->node_name);
    json_key_str(w, "node_type", config->type == NODE_MASTER ? "master" : "worker");
    json_key_str(w, "key", api_may_see_secrets(c) ? config->key : API_MASK);
    json_key_uint(w, "port", config->port);
    json_key_str(w, "bind_addr", config->bind_addr);
    json_key(w, "nodes");
    json_raw(w, config->nodes_json, strlen(config->nodes_json));
    json_key_str(w, "hidden", config->hidden ? "yes" : "no");
    json_key_bool(w, "disabled", config->disabled);
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* A node that answers has its cluster enabled and running: there is nobody else who could answer. */
static void get_status_json(struct api_call *c) {
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    json_key_open(w, "data", '{');
    json_key_str(w, "enabled", "yes");
    json_key_str(w, "running", "yes");
    json_close(w, '}');
    json_close(w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
}

/* ---- picket's own ---- */

static const struct result_kind told_tree = {
    .all_msg = "The trees of all nodes were returned",
    .some_msg = "The trees of some nodes were not returned",
    .none_msg = "No tree was returned",
    .sort_fields = "name\0",
    .sort_casting = "str\0",
};

static void get_tree(struct api_call *c) {
    const struct role_env *env = c->env->role;
    uint8_t tree[32];
    char hex[65];
    manifest_tree_hash(env->integrity.manifest, tree);
    hex_encode(hex, tree, sizeof tree);
    result_open_items(&c->result, &told_tree);
    if (scanner_is_ready(&env->scanner)) {
        struct json_write *w = result_item(&c->result);
        json_open(w, '{');
        json_key_str(w, "name", env->config->node_name);
        json_key_str(w, "tree", hex);
        json_key_uint(w, "files", env->integrity.manifest->hashed);
        int64_t age_ns = env->sys->wall_ns(env->sys) - env->scanner.scan.wall_ns;
        json_key_uint(w, "scanned_s", age_ns > 0 ? (uint64_t)age_ns / 1000000000u : 0);
        json_close(w, '}');
        result_item_end(&c->result);
    } else {
        struct wazuh_error why;
        wazuh_error_set(&why, WAZUH_ERROR, 3000, API_NOT_SCANNED);
        result_failed(&c->result, env->config->node_name, &why);
    }
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static const struct result_kind told_manifest = {
    .all_msg = "All files were returned",
    .some_msg = "Some files were not returned",
    .none_msg = "No file was returned",
};

struct manifest_call {
    uint32_t slot;
};
_Static_assert(sizeof(struct manifest_call) <= API_STATE_BYTES, "the state of a call");

static void get_manifest_step(struct api_call *c) {
    struct manifest_call *s = api_state(c);
    const struct manifest *m = c->env->role->integrity.manifest;
    for (uint32_t end = s->slot + MANIFEST_SLOTS; s->slot < end; s->slot++) {
        s->slot = manifest_next(m, s->slot);
        if (s->slot == SLOT_NONE) {
            result_close_items(&c->result, UINT64_MAX, NULL);
            api_call_end(c);
            return;
        }
        api_add_file(result_item(&c->result), m, s->slot, true);
        result_item_end(&c->result);
    }
    api_call_step(c, get_manifest_step);
}

static void get_manifest(struct api_call *c) {
    struct manifest_call *s = api_state(c);
    s->slot = 0;
    result_open_items(&c->result, &told_manifest);
    api_call_step(c, get_manifest_step);
}

void api_add_file(struct json_write *w, const struct manifest *m, uint32_t slot, bool as_object) {
    char hex[2 * BLAKE2B_BYTES + 1];
    hex_encode(hex, m->entry[slot].hash, BLAKE2B_BYTES);
    if (!as_object) {
        json_key_str(w, manifest_path(m, slot), hex);
        return;
    }
    json_open(w, '{');
    json_key_str(w, "path", manifest_path(m, slot));
    json_key_str(w, "hash", hex);
    json_close(w, '}');
}

/* ---- the table ---- */

#define READ "cluster:read\0"
/* The last two are not needed, but whoever is allowed them sees the key. */
#define READ_AND_SECRETS "cluster:read\0cluster:update_config\0manager:update_config\0"

static const struct api_function functions[] = {
    {.name = "wazuh.cluster.get_nodes_info",
     .arguments = "filter_node\0offset\0limit\0sort\0search\0select\0filter_type\0q\0distinct\0",
     .actions = READ,
     .resource = API_ON_ITEMS,
     .type = API_LOCAL_MASTER,
     .local_client_arg = "lc",
     .is_async = true,
     .kind = &api_told_nodes,
     .start = cluster_nodes_info},
    {.name = "wazuh.cluster.get_health_nodes",
     .arguments = "filter_node\0",
     .actions = READ,
     .resource = API_ON_ITEMS,
     .type = API_LOCAL_MASTER,
     .local_client_arg = "lc",
     .is_async = true,
     .kind = &api_told_health,
     .start = cluster_health_nodes},
    {.name = "wazuh.cluster.get_status_json",
     .arguments = "",
     .actions = "cluster:status\0",
     .resource = API_ON_NOTHING,
     .type = API_LOCAL_MASTER,
     .start = get_status_json},
    {.name = "wazuh.cluster.get_node_wrapper",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_LOCAL_ANY,
     .kind = &told_node,
     .start = get_node_wrapper},
    {.name = "wazuh.cluster.read_config_wrapper",
     .arguments = "",
     .actions = READ_AND_SECRETS,
     .resource = API_ON_ITEMS,
     .type = API_LOCAL_ANY,
     .kind = &told_node,
     .start = read_config_wrapper},
    {.name = "wazuh.cluster.get_ruleset_sync_status",
     .arguments = "master_md5\0",
     .from_body = "master_md5",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .is_async = true,
     .kind = &api_told_ruleset,
     .start = cluster_ruleset_sync},
    {.name = "wazuh.core.cluster.control.get_node_ruleset_integrity",
     .arguments = "",
     .actions = "",
     .resource = API_ON_NOTHING,
     .type = API_LOCAL_MASTER,
     .local_client_arg = "lc",
     .is_async = true,
     .start = cluster_ruleset_integrity},
    {.name = "picket.node.get_tree",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_tree,
     .start = get_tree},
    {.name = "picket.node.get_manifest",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_LOCAL_MASTER,
     .kind = &told_manifest,
     .start = get_manifest},
};
const struct api_table api_cluster_functions = {functions, sizeof functions / sizeof *functions};
