/* manager.c - the functions of wazuh.manager that tell about this node from memory or from one small file:
 * its daemons, its version, its number. Logs, configuration, statistics, restart and validation have files of
 * their own. */
#include "api/manager_parts.h"

#include "api/services.h"
#include "base/bytes.h"
#include "base/json_read.h"

#include <string.h>
#include <time.h>

void api_tell_failed(struct api_call *c, const struct result_kind *kind, enum wazuh_class class, int code,
                     const char *extra) {
    struct wazuh_error why;
    wazuh_error_set(&why, class, code, extra);
    result_open_items(&c->result, kind);
    result_failed(&c->result, c->env->role->config->node_name, &why);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

void api_tell_node(struct api_call *c, const struct result_kind *kind) {
    result_open_items(&c->result, kind);
    json_str(result_item(&c->result), c->env->role->config->node_name);
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* ---- get_status ---- */

static const struct result_kind told_status = {
    .all_msg = "Processes status was successfully read in specified node",
    .some_msg = "Could not read basic information in some nodes",
    .none_msg = "Could not read processes status in specified node",
};

/* wazuh-dbd is among the daemons that a request may wait for, but 4.14.7 does not tell of it any more. */
static void add_status(const struct api_call *c, struct json_write *w) {
    const char *daemon = API_DAEMONS;
    struct services now;
    services_look(c->env, &now);
    json_open(w, '{');
    for (size_t i = 0; *daemon; i++, daemon += strlen(daemon) + 1)
        if (strcmp(daemon, "wazuh-dbd") != 0)
            json_key_str(w, daemon, services_words(services_status(&now, i)));
    json_close(w, '}');
}

static void get_status(struct api_call *c) {
    result_open_items(&c->result, &told_status);
    add_status(c, result_item(&c->result));
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static void core_status(struct api_call *c) {
    add_status(c, result_open_plain(&c->result));
    result_close_plain(&c->result);
    api_call_end(c);
}

/* ---- get_basic_info ---- */

static const struct result_kind told_info = {
    .all_msg = "Basic information was successfully read in specified node",
    .some_msg = "Could not read basic information in some nodes",
    .none_msg = "Could not read basic information in specified node",
};

#define UID_PATH "api/configuration/security/installation_uid"
#define UID_BYTES 40u /* 36 of a UUID, and a NUL */
#define UID_MODE 0660

struct info_call {
    struct store_job job;
    char text[96];
};
_Static_assert(sizeof(struct info_call) <= API_STATE_BYTES, "the state of a call");

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool read_uid(struct sys *sys, int root, char out[UID_BYTES]) {
    char text[2 * UID_BYTES];
    int fd = sys->open_beneath(sys, root, UID_PATH, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ptrdiff_t n = sys->pread(sys, fd, text, sizeof text, 0), from = 0;
    sys->close(sys, fd);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    while (from < n && is_blank(text[from]))
        from++;
    return n > from && text_copy(out, UID_BYTES, text + from, (size_t)(n - from));
}

/* A random UUID (RFC 4122, section 4.4), as the node that is asked first makes it. */
static bool make_uid(struct sys *sys, int root, char out[UID_BYTES]) {
    uint8_t random[16];
    char hex[33];
    struct text t;
    if (sys->random(sys, random, sizeof random) < 0)
        return false;
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    hex_encode(hex, random, sizeof random);
    text_init(&t, out, UID_BYTES);
    text_format(&t, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    int fd = sys->open_beneath(sys, root, UID_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, UID_MODE);
    if (fd < 0)
        return false;
    int r = sys_write_all(sys, fd, out, t.len);
    if (r >= 0)
        r = sys->fchmod(sys, fd, UID_MODE);
    sys->close(sys, fd);
    if (r < 0)
        sys->unlinkat(sys, root, UID_PATH, false);
    return r >= 0;
}

/* A master's; a worker has none (null), nor has a node without the folder of the API's configuration. */
static void add_uid(struct json_write *w, const struct role_env *env) {
    char uid[UID_BYTES];
    bool has = env->config->type == NODE_MASTER &&
               (read_uid(env->sys, env->root, uid) || make_uid(env->sys, env->root, uid));
    json_key_str(w, "uuid", has ? uid : NULL);
}

static void add_zone(struct json_write *w, struct sys *sys) {
    time_t now = (time_t)(sys->wall_ns(sys) / 1000000000);
    struct tm tm;
    char offset[16];
    struct text t;
    if (!localtime_r(&now, &tm)) {
        json_key_str(w, "tz_offset", NULL);
        json_key_str(w, "tz_name", NULL);
        return;
    }
    long minutes = tm.tm_gmtoff / 60, size = minutes < 0 ? -minutes : minutes;
    text_init(&t, offset, sizeof offset);
    text_format(&t, "%c%02ld%02ld", minutes < 0 ? '-' : '+', size / 60, size % 60);
    json_key_str(w, "tz_offset", offset);
    json_key_str(w, "tz_name", tm.tm_zone);
}

static void tell_info(struct api_call *c, const char *openssl) {
    const struct role_env *env = c->env->role;
    char version[VERSION_BYTES + 1];
    struct text t;
    text_init(&t, version, sizeof version);
    text_format(&t, "v%s", env->config->announced_version);
    result_open_items(&c->result, &told_info);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    json_key_str(w, "path", c->env->root_name);
    json_key_str(w, "version", version);
    json_key_str(w, "type", "server");
    json_key_str(w, "max_agents", "unlimited");
    json_key_str(w, "openssl_support", openssl);
    add_zone(w, env->sys);
    add_uid(w, env);
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* ok [{"value": "yes"}] of a wazuh-db; whatever else comes means that nobody knows. */
static void openssl_came(void *arg, struct store_job *j) {
    struct json_token tokens[8];
    struct json_doc d;
    struct error e;
    char value[32];
    size_t at, len;
    bool good = j->err == E_OK && j->reply_n > 3 && memcmp(j->reply, "ok ", 3) == 0 &&
                json_parse(&d, j->reply + 3, j->reply_n - 3, tokens, 8, &e) == E_OK &&
                d.tokens[0].kind == JSON_ARRAY && (at = json_first(&d, 0)) != 0 &&
                (at = json_find(&d, at, "value")) != 0 &&
                json_copy_str(&d, at, value, sizeof value, &len) == E_OK;
    tell_info(arg, good ? value : "N/A");
}

static void get_basic_info(struct api_call *c) {
    struct info_call *s = api_state(c);
    memset(s, 0, sizeof *s);
    struct text t;
    text_init(&t, s->text, sizeof s->text);
    text_str(&t, "global sql SELECT value FROM info WHERE key = 'openssl_support'");
    s->job = (struct store_job){
        .work = STORE_TEXT, .text = s->text, .text_n = t.len, .done = openssl_came, .arg = c};
    store_submit(c->env->role->agents_env.store, &s->job);
}

static void cancel_basic_info(struct api_call *c) {
    struct info_call *s = api_state(c);
    store_cancel(c->env->role->agents_env.store, &s->job);
}

/* ---- the table ---- */

#define READ "cluster:read\0"

static const struct api_function functions[] = {
    {.name = "wazuh.manager.get_status",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_status,
     .start = get_status},
    {.name = "wazuh.core.manager.status",
     .arguments = "",
     .actions = "",
     .resource = API_ON_NOTHING,
     .type = API_DISTRIBUTED,
     .start = core_status},
    {.name = "wazuh.manager.get_basic_info",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_info,
     .start = get_basic_info,
     .cancel = cancel_basic_info},
    /* The last two actions are not needed, but whoever is allowed them sees the key. */
    {.name = "wazuh.manager.read_ossec_conf",
     .arguments = "section\0field\0raw\0distinct\0",
     .actions = "cluster:read\0cluster:update_config\0manager:update_config\0",
     .resource = API_ON_ITEMS,
     .type = API_DISTRIBUTED,
     .kind = &api_told_conf,
     .start = ossec_conf_start,
     .cancel = ossec_conf_cancel},
    {.name = "wazuh.manager.get_api_config",
     .arguments = "",
     .actions = "cluster:read_api_config\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &api_told_api_conf,
     .start = manager_api_conf},
    {.name = "wazuh.manager.restart",
     .arguments = "",
     .actions = "cluster:read\0cluster:restart\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &api_told_restart,
     .start = manager_restart,
     .cancel = manager_restart_cancel},
    {.name = "wazuh.manager.validation",
     .arguments = "",
     .actions = READ,
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &api_told_validation,
     .start = manager_validation,
     .cancel = manager_validation_cancel},
    {.name = "wazuh.analysis.reload_ruleset",
     .arguments = "",
     .actions = "cluster:read\0cluster:restart\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .is_async = true,
     .kind = &api_told_reload,
     .start = manager_reload,
     .cancel = manager_reload_cancel},
};
const struct api_table api_manager_functions = {functions, sizeof functions / sizeof *functions};
