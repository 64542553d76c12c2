/* peer.c - what a connected worker may ask of its master: the table that binds commands to work. */
#include "role/peer.h"

#include "role/answers.h"
#include "role/master.h"
#include "role/requests.h"

#include <stdio.h>
#include <string.h>

/* ---- commands ---- */

static void integrity(struct peer *p, const struct message *m) {
    integrity_master_request(&p->integrity, m);
}

static void agent_info(struct peer *p, const struct message *m) {
    agent_info_master_request(&p->agent_info, m);
}

static void agent_groups(struct peer *p, const struct message *m) {
    agent_groups_peer_request(&p->agent_groups, m);
}

static void second_hello(struct peer *p, const struct message *m) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3028, p->name);
    session_reply_error(&p->link.session, m->counter, &w);
}

static void get_nodes(struct peer *p, const struct message *m) {
    answer_get_nodes(p->master->env, p->master, &p->link.session, m);
}

static void get_health(struct peer *p, const struct message *m) {
    answer_get_health(p->master->env, p->master, &p->link.session, m);
}

/* The distributed API and sendsync, which role only carries. */
static void carried(struct peer *p, const struct message *m) {
    const struct requests *r = p->master->env->requests;
    if (r)
        r->peer(r->arg, p, m);
    else
        role_not_served(&p->link.session, m->counter, "this master does not serve this command");
}

static const struct {
    enum cmd_id cmd;
    void (*serve)(struct peer *p, const struct message *m);
} serves[] = {
    {CMD_SYN_I_W_M_P, integrity},  {CMD_SYN_I_W_M, integrity},      {CMD_SYN_I_W_M_E, integrity},
    {CMD_SYN_I_W_M_R, integrity},  {CMD_SYN_A_W_M_P, agent_info},   {CMD_SYN_A_W_M, agent_info},
    {CMD_SYN_W_G_E, agent_groups}, {CMD_SYN_W_G_ERR, agent_groups}, {CMD_SYN_W_G_C, agent_groups},
    {CMD_SYN_WGC_E, agent_groups}, {CMD_SYN_WGC_ERR, agent_groups}, {CMD_HELLO, second_hello},
    {CMD_GET_NODES, get_nodes},    {CMD_GET_HEALTH, get_health},    {CMD_DAPI, carried},
    {CMD_DAPI_RES, carried},       {CMD_DAPI_ERR, carried},         {CMD_SENDSYNC, carried},
};

static void request(void *owner, struct session *s, const struct message *m) {
    for (size_t i = 0; i < sizeof serves / sizeof serves[0]; i++)
        if (serves[i].cmd == m->cmd) {
            serves[i].serve(owner, m);
            return;
        }
    role_not_served(s, m->counter, "this master does not serve this command");
}

static enum err file_begin(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e) {
    struct peer *p = owner;
    enum err err = integrity_master_file_begin(&p->integrity, path, sink, e);
    if (err != E_UNKNOWN)
        return err;
    return file_inbox_begin(&p->master->inbox, s, p->name, path, sink, e);
}

static void file_end(void *owner, struct session *s, const char *path, bool good) {
    struct peer *p = owner;
    if (file_inbox_end(&p->master->inbox, s, path, good, p->tag))
        return;
    integrity_master_file_end(&p->integrity, path, good);
}

static void cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    struct peer *p = owner;
    (void)s;
    integrity_master_cancelled(&p->integrity, task_id, why);
}

static void alive(void *owner, struct session *s, enum cmd_id cmd) {
    struct peer *p = owner;
    struct role_env *env = p->master->env;
    (void)s;
    p->heard_ms = env->loop->now_ms;
    if (cmd == CMD_ECHO_C)
        p->last_keepalive_ns = env->sys->wall_ns(env->sys);
}

static const struct session_events events = {.request = request,
                                             .file_begin = file_begin,
                                             .file_end = file_end,
                                             .cancelled = cancelled,
                                             .alive = alive};

/* ---- the link ---- */

static void kick(void *arg) {
    link_kick(arg);
}

static void ended(void *owner, const struct error *why) {
    struct peer *p = owner;
    file_inbox_drop(&p->master->inbox, &p->link.session);
    integrity_master_fini(&p->integrity);
    agent_info_master_fini(&p->agent_info);
    agent_groups_peer_fini(&p->agent_groups);
    master_peer_ended(p->master, p, why);
}

bool peer_admit(struct peer *p, struct master *master, const struct hello *h, int fd,
                const struct sys_addr *addr) {
    struct role_env *env = master->env;
    p->master = master;
    p->heard_ms = env->loop->now_ms;
    p->last_keepalive_ns = env->sys->wall_ns(env->sys);
    snprintf(p->name, sizeof p->name, "%s", h->name);
    snprintf(p->version, sizeof p->version, "%s", h->version);
    snprintf(p->tag, sizeof p->tag, "Worker %s", h->name);
    if (!link_open(&p->link, env->loop, &env->shared, &events, p, TO_MASTER, false, fd, addr, ended))
        return false;
    integrity_master_init(&p->integrity, &env->integrity, &p->link.session, p->tag + sizeof "Worker " - 1,
                          kick, &p->link);
    agent_info_master_init(&p->agent_info, &env->agents_env, p->tag, &p->link.session, kick, &p->link);
    agent_groups_peer_init(&p->agent_groups, &master->agent_groups, p->tag, &p->link.session, kick, &p->link);
    return true;
}
