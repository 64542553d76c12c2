/* agents_command.c - agents told to restart or to connect anew: one datagram each to remoted's socket
 * queue/alerts/ar, in the words of wazuh/core/wazuh_queue.py of 4.14.7. Only agents that the store knows as
 * active are told; others fail with 1707, unknown ones with 1701, the manager with 1703.
 *
 * A list of agents is looked up first, then worked off; without one all active agents are, page by page. When
 * remoted's queue is full, the next one is tried a little later. */
#include "api/agents_parts.h"
#include "api/rbac.h"

#include <stdio.h>
#include <string.h>

#define AR_SOCKET "queue/alerts/ar"
#define SENDS_PER_STEP 64u
#define FULL_MS 1u /* before a full queue is tried again */
#define RESTART_OLD "restart-ossec0"
#define RESTART_JSON                                                                                         \
    "{\"version\": 1, \"origin\": {\"module\": \"framework\"}, \"command\": \"restart-wazuh0\", "            \
    "\"parameters\": {\"extra_args\": [], \"alert\": {}}}"

struct agents_command {
    struct agents_state base;
    bool reconnects, is_listed, is_quiet, of_this_node, connected;
    int fd;           /* connected: open */
    uint32_t sent;    /* of the ids */
    uint32_t last_id; /* of the pages so far */
    char socket[128];
};
_Static_assert(sizeof(struct agents_command) <= API_STATE_BYTES, "the state of a call");

static const struct result_kind told_restart = {
    .all_msg = "Restart command was sent to all agents",
    .some_msg = "Restart command was not sent to some agents",
    .none_msg = "Restart command was not sent to any agent",
};
static const struct result_kind told_reconnect = {
    .all_msg = "Force reconnect command was sent to all agents",
    .some_msg = "Force reconnect command was not sent to some agents",
    .none_msg = "Force reconnect command was not sent to any agent",
};

void agents_command_cancel(struct api_call *c) {
    struct agents_command *k = api_state(c);
    struct sys *sys = c->env->role->sys;
    agents_cancel(c);
    if (k->connected)
        sys->close(sys, k->fd);
    k->connected = false;
}

static void finish(struct api_call *c) {
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static void tell_failed(struct api_call *c, uint32_t id, int code, const char *extra) {
    struct agents_command *k = api_state(c);
    char words[AGENT_ID_BYTES];
    struct wazuh_error w;
    if (k->is_quiet && code < 1800 && code >= 1700)
        return;
    wazuh_error_set(&w, WAZUH_ERROR, code, extra);
    result_failed(&c->result, agents_id_words(words, id), &w);
}

/* ---- the messages ---- */

/* Agents before 4.2.0 know the old word only. */
static bool is_old(const struct json_doc *d) {
    char s[32];
    size_t i = json_find(d, 0, "d"), n;
    if (!i || json_copy_str(d, i, s, sizeof s, &n) != E_OK)
        return false;
    const char *major = s + strcspn(s, "0123456789"), *dot = major + strspn(major, "0123456789");
    uint64_t first, second;
    return *dot == '.' && text_number(major, (size_t)(dot - major), 999, &first) &&
           text_number(dot + 1, strspn(dot + 1, "0123456789"), 999, &second) &&
           (first < 4 || (first == 4 && second < 2));
}

/* 0, or what the system said. */
static int send_one(struct api_call *c, uint32_t kept) {
    struct agents_command *k = api_state(c);
    struct sys *sys = c->env->role->sys;
    char id[AGENT_ID_BYTES], message[320];
    struct text t;
    agents_id_words(id, kept & ~AGENTS_ID_MARK);
    text_init(&t, message, sizeof message);
    if (k->reconnects)
        text_format(&t, "(msg_to_agent) [] N!S %s force_reconnect", id);
    else
        text_format(&t, "(msg_to_agent) [] NNS %s %s - null (from_the_server) (no_rule_id)", id,
                    kept & AGENTS_ID_MARK ? RESTART_OLD : RESTART_JSON);
    ptrdiff_t r = sys->send(sys, k->fd, message, t.len);
    return r < 0 ? (int)r : 0;
}

static void next_page(struct api_call *c);
static void send_some(struct api_call *c);

static void send_later(void *arg) {
    api_call_step(arg, send_some);
}

static void send_some(struct api_call *c) {
    struct agents_command *k = api_state(c);
    struct loop *loop = c->env->role->loop;
    char words[AGENT_ID_BYTES], extra[200];
    for (uint32_t i = 0; i < SENDS_PER_STEP && k->sent < k->base.ids.count; i++) {
        uint32_t id = k->base.ids.id[k->sent] & ~AGENTS_ID_MARK;
        int r = send_one(c, k->base.ids.id[k->sent]);
        if (r == -EAGAIN || r == -ENOBUFS) {
            loop_timer_init(&c->timer, send_later, c);
            loop_timer_set(loop, &c->timer, loop->now_ms + FULL_MS);
            return;
        }
        k->sent++;
        if (r < 0) {
            snprintf(extra, sizeof extra, ": WazuhQueue socket with path %s", k->socket);
            tell_failed(c, id, 1014, extra);
            continue;
        }
        json_str(result_item(&c->result), agents_id_words(words, id));
        result_item_end(&c->result);
    }
    if (k->sent < k->base.ids.count)
        api_call_step(c, send_some);
    else if (k->is_listed || k->base.ids.count < AGENTS_IDS_SMALL)
        finish(c);
    else
        next_page(c);
}

/* ---- whom ---- */

static void found(struct api_call *c, const struct json_doc *d, uint32_t id) {
    struct agents_command *k = api_state(c);
    struct agents_ids *ids = &k->base.ids;
    char status[16];
    size_t i = json_find(d, 0, "c"), n;
    if (id == 0)
        tell_failed(c, id, 1703, NULL);
    else if (!i || json_copy_str(d, i, status, sizeof status, &n) != E_OK || strcmp(status, "active") != 0)
        tell_failed(c, id, 1707, NULL);
    else
        ids->id[ids->kept++] = id | (is_old(d) ? AGENTS_ID_MARK : 0);
}

static const struct agents_look named = {
    .more = ",connection_status c,substr(version,1,31) d",
    .found = found,
    .done = send_some,
};

/* ---- all active ones ---- */

static enum err page_row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct agents_command *k = api_state(arg);
    int64_t id;
    (void)why;
    if (k->base.ids.count < AGENTS_IDS_SMALL && agents_row_number(d, 'a', &id)) {
        k->last_id = (uint32_t)id;
        k->base.ids.id[k->base.ids.count++] = k->last_id | (is_old(d) ? AGENTS_ID_MARK : 0);
    }
    return E_OK;
}

static void next_page(struct api_call *c) {
    struct agents_command *k = api_state(c);
    const char *node = c->env->role->config->node_name;
    struct text t;
    k->base.ids.count = k->sent = 0;
    agents_question(&k->base, &t);
    text_str(&t, "global sql select id a,substr(version,1,31) d from agent where ");
    agents_sql_permitted(&t, &c->request, k->base.ids.actions);
    text_format(&t, " and id > %u and connection_status='active'", (unsigned)k->last_id);
    if (k->of_this_node) {
        text_str(&t, " and node_name=");
        agents_sql_literal(&t, "", node, strlen(node), "");
    }
    text_format(&t, " order by id limit %u", AGENTS_IDS_SMALL);
    agents_select(c, &t, page_row, send_some);
}

/* ---- the functions ---- */

static struct agents_command *begin(struct api_call *c) {
    struct agents_command *k = api_state(c);
    *k = (struct agents_command){0};
    k->is_listed = c->request.agents == API_AGENTS_LISTED;
    k->is_quiet = !k->is_listed || c->request.broadcasting;
    return k;
}

static void run(struct api_call *c, const char *actions) {
    struct agents_command *k = api_state(c);
    struct wazuh_error why;
    result_open_items(&c->result, k->reconnects ? &told_reconnect : &told_restart);
    if (k->is_listed && !c->request.agent_count) {
        finish(c);
        return;
    }
    if (!agents_ids_open(&k->base.ids, c, actions, &why)) {
        api_call_fail(c, &why);
        return;
    }
    k->base.ids.quiet = k->is_quiet;
    snprintf(k->socket, sizeof k->socket, "%s/" AR_SOCKET, c->env->root_path);
    k->fd = c->env->role->sys->connect_datagram(c->env->role->sys, k->socket);
    k->connected = k->fd >= 0;
    if (!k->connected)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1010, k->socket);
    else if (k->is_listed)
        agents_look_up(c, &named);
    else
        next_page(c);
}

void agents_reconnect_start(struct api_call *c) {
    begin(c)->reconnects = true;
    run(c, "agent:reconnect\0");
}

void agents_restart_start(struct api_call *c) {
    begin(c);
    run(c, "agent:restart\0");
}

/* Those that report to this node; who reports elsewhere, or is not there, is nobody's mistake. */
void agents_restart_by_node_start(struct api_call *c) {
    struct agents_command *k = begin(c);
    struct wazuh_error w;
    k->is_quiet = true;
    k->of_this_node = !k->is_listed;
    if (rbac_allows(&c->request, "cluster:read", "node:id", c->env->role->config->node_name, NULL)) {
        run(c, "agent:restart\0");
        return;
    }
    rbac_denied(&w, "node:id");
    api_call_fail(c, &w);
}

/* agent:read as well: what may not be seen is not restarted either. */
void agents_restart_by_group_start(struct api_call *c) {
    begin(c)->is_quiet = true;
    run(c, "agent:read\0agent:restart\0");
}
