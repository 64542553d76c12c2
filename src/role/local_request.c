/* local_request.c - what a program on the local socket may ask: the table of section 4.4 of the reference,
 * and picket's own commands. Most is answered at once from memory; what takes longer is begun here and
 * answered by others. */
#include "role/local.h"

#include "base/json_read.h"
#include "role/agents_local.h"

#include <string.h>

static void not_connected(struct session *s, uint32_t counter) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3023, NULL);
    session_reply_error(s, counter, &w);
}

/* Of the other role: a real node's words. C programs send sendsync to masters too and read this. */
static void unknown(struct session *s, const struct message *m) {
    char text[64];
    struct text t;
    text_init(&t, text, sizeof text);
    text_format(&t, "unknown command 'b'%s''", cmd_text(m->cmd));
    session_reply_text(s, m->counter, "err", text);
}

/* An answer that came later is to be written. */
static void kick(void *arg) {
    struct local_desk *d = arg;
    link_kick(&d->link);
}

/* ---- the distributed API, and messages for daemons of the master ---- */

static void hand_over(struct local_client *c, struct session *s, const struct message *m) {
    const struct requests *r = c->server->env->requests;
    uint8_t owed = s->owed;
    if (!r) {
        role_not_served(s, m->counter, "this node does not serve this command");
        return;
    }
    r->local(r->arg, c, s, m);
    /* A sendsync's answer is a frame of its own, perhaps minutes later: nobody owes it a reply. */
    if (m->cmd == CMD_SENDSYNC && s->owed == owed)
        s->owed--;
}

/* ---- sendrreload ---- */

void local_reload_later(struct local_server *l) {
    l->reload_check_ms = l->worker->integrity->check_ms;
    l->reload_sync_ms = l->worker->integrity->sync_ms;
    l->reload_wanted = true;
    local_look_soon(l);
}

static void reload(struct local_server *l, struct session *s, const struct message *m) {
    if (!l->env->dialect->agent_info_http) { /* 4.13 and later, as that is */
        unknown(s, m);
        return;
    }
    local_reload_later(l);
    session_reply_text(s, m->counter, "ok", "{\"success\": true}");
}

static void reloaded(void *arg, const char *answer, size_t n, const struct error *why) {
    struct local_server *l = arg;
    ruleset_reload_log(l->env->log, l->env->integrity.tag, answer, n, why);
}

bool local_reload_look(struct local_server *l) {
    const struct integrity_worker *w = l->worker->integrity;
    struct error e;
    if (!l->reload_wanted)
        return false;
    bool applied = w->sync_ms != l->reload_sync_ms;
    bool same = w->check_ms != l->reload_check_ms && w->in_sync;
    if ((!applied && !same) || ruleset_reload_is_under_way(&l->reload))
        return true;
    l->reload_wanted = false;
    if (ruleset_reload_start(&l->reload, l->root_path, "cluster", reloaded, l, &e) != E_OK)
        reloaded(l, NULL, 0, &e);
    return false;
}

/* ---- all of them ---- */

/* What needs a master, on a worker; true when it is dealt with. */
static bool worker_request(struct local_client *c, struct session *s, const struct message *m) {
    struct local_server *l = c->server;
    switch (m->cmd) {
    case CMD_GET_NODES:
    case CMD_GET_HEALTH:
    case CMD_SEND_FILE:
    case CMD_SENDSYNC:
    case CMD_SENDASYNC:
    case CMD_SENDRRELOAD:
        break;
    case CMD_DAPI_FWD:
        unknown(s, m);
        return true;
    default:
        return false;
    }
    if (!worker_session(l->worker))
        not_connected(s, m->counter);
    else if (m->cmd == CMD_SEND_FILE)
        send_file_request(&l->outbox, c, s, m);
    else if (m->cmd == CMD_SENDRRELOAD)
        reload(l, s, m);
    else if (m->cmd == CMD_SENDSYNC || m->cmd == CMD_SENDASYNC)
        hand_over(c, s, m);
    else
        local_question_ask(c, s, m);
    return true;
}

static bool master_request(struct local_client *c, struct session *s, const struct message *m) {
    struct local_server *l = c->server;
    switch (m->cmd) {
    case CMD_GET_NODES:
        answer_get_nodes(l->env, l->master, s, m);
        return true;
    case CMD_GET_HEALTH:
        answer_get_health(l->env, l->master, s, m);
        return true;
    case CMD_SEND_FILE:
        send_file_request(&l->outbox, c, s, m);
        return true;
    case CMD_DAPI_FWD:
        hand_over(c, s, m);
        return true;
    case CMD_SENDSYNC:
    case CMD_SENDASYNC:
    case CMD_SENDRRELOAD:
        unknown(s, m);
        return true;
    default:
        return false;
    }
}

static void request(void *owner, struct session *s, const struct message *m) {
    struct local_desk *d = owner;
    struct local_client *c = d->client;
    struct local_server *l = c->server;
    if (l->worker ? worker_request(c, s, m) : master_request(c, s, m))
        return;
    switch (m->cmd) {
    case CMD_GET_CONFIG:
        answer_get_config(l->env, s, m, c->uid);
        break;
    case CMD_GET_STATUS:
        answer_get_status(l->env, l->master, l->worker, s, m);
        break;
    case CMD_GET_HASH:
        if (answer_hash_start(&d->hash, l->env, s, m->counter))
            loop_work_queue(l->env->loop, &l->work);
        break;
    case CMD_DAPI:
        hand_over(c, s, m);
        break;
    case CMD_GET_AGENTS:
    case CMD_ADD_AGENT:
    case CMD_DEL_AGENT:
    case CMD_SET_GROUPS:
        agents_local_request(l->env->agents, l->env, s, m, kick, d);
        break;
    default:
        role_not_served(s, m->counter, "this node does not serve this command");
        break;
    }
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    (void)owner;
    (void)s;
    (void)sink;
    return error_set(e, E_UNKNOWN, 0, "%s: no task waits for this file", path);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner;
    (void)s;
    (void)path;
    (void)good;
}

static void cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    (void)owner;
    (void)s;
    (void)task_id;
    (void)why;
}

static void alive(void *owner, struct session *s, enum cmd_id cmd) {
    struct local_desk *d = owner;
    (void)s;
    (void)cmd;
    d->client->heard_ms = d->link.loop->now_ms;
    /* An answer that goes out as a string takes some words of the program; else a word is no reason to keep
     * the desk any longer. */
    if (string_message_is_under_way(&d->string))
        d->since_ms = d->link.loop->now_ms;
}

const struct session_events local_events = {.request = request,
                                            .file_begin = file_begin,
                                            .file_end = file_end,
                                            .cancelled = cancelled,
                                            .alive = alive};
