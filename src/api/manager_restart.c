/* manager_restart.c - wazuh.manager.restart: Wazuh's daemons on this node are asked to begin anew. Through
 * wazuh-execd, which gets one datagram, as in Wazuh; or, when picket.conf names a restart_command, by that
 * program.
 *
 * Real nodes hold a lock around the datagram, so that two of their processes do not write at once; a datagram
 * is whole by itself, and this node is one process. */
#include "api/manager_parts.h"

#include "base/bytes.h"

#include <string.h>

#define EXECQ_SOCKET "queue/alerts/execq"
#define COMMAND_MS 8000u /* after which a command counts as failed: less than the API waits */
#define LOOK_MS 50u      /* how often it is looked at */

const struct result_kind api_told_restart = {
    .all_msg = "Restart request sent to all specified nodes",
    .some_msg = "Could not send restart request to some specified nodes",
    .none_msg = "Could not send restart request to any node",
    .sort_casting = "str\0",
};

static void fail(struct api_call *c, int code, const char *before, const char *words) {
    char extra[WAZUH_EXTRA_BYTES];
    struct text t;
    text_init(&t, extra, sizeof extra);
    text_format(&t, "%s%s", before, words);
    api_call_refuse(c, WAZUH_INTERNAL_ERROR, code, extra);
}

/* ---- by a command ---- */

struct restart_call {
    struct sys_child child;
    uint64_t deadline_ms;
};
_Static_assert(sizeof(struct restart_call) <= API_STATE_BYTES, "the state of a call");

void manager_restart_cancel(struct api_call *c) {
    struct restart_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    sys->spawn_end(sys, &s->child);
}

/* Its first words on standard error, for the asker. */
static void read_words(struct api_call *c, char *out, size_t cap) {
    struct restart_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    char bytes[160];
    ptrdiff_t n = sys->read(sys, s->child.err, bytes, sizeof bytes);
    size_t len = n > 0 ? (size_t)n : 0;
    char *end = memchr(bytes, '\n', len);
    if (!text_copy(out, cap, bytes, end ? (size_t)(end - bytes) : len))
        out[0] = 0;
}

static void look(void *arg) {
    struct api_call *c = arg;
    struct restart_call *s = api_state(c);
    struct role_env *env = c->env->role;
    char words[200], said[160];
    struct text t;
    int status = env->sys->spawn_status(env->sys, &s->child);
    if (status == -EAGAIN && env->loop->now_ms < s->deadline_ms) {
        loop_timer_set(env->loop, &c->timer, env->loop->now_ms + LOOK_MS);
        return;
    }
    read_words(c, said, sizeof said);
    if (status == 0) {
        api_tell_node(c, &api_told_restart);
        return;
    }
    text_init(&t, words, sizeof words);
    if (status == -EAGAIN)
        text_format(&t, "has not ended after %u seconds", COMMAND_MS / 1000);
    else
        text_format(&t, "ended with status %d%s%.100s", status, said[0] ? ": " : "", said);
    fail(c, 1000, "restart_command ", words);
}

/* The command must hand the work on (systemctl does): it dies with picket, which is restarted too. */
static void restart_by_command(struct api_call *c) {
    struct restart_call *s = api_state(c);
    struct role_env *env = c->env->role;
    const char *const argv[] = {env->config->restart_command, NULL};
    const char *const names[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    s->child = (struct sys_child){-1, -1, -1, -1};
    s->deadline_ms = env->loop->now_ms + COMMAND_MS;
    loop_timer_init(&c->timer, look, c);
    int r = env->sys->spawn(
        env->sys,
        &(struct sys_program){
            .path = env->config->restart_command, .argv = argv, .env = names, .dir = env->root},
        &s->child);
    if (r < 0) {
        fail(c, 1000, "restart_command cannot be started: ", err_os_words(-r));
        return;
    }
    env->sys->close(env->sys, s->child.in);
    s->child.in = -1;
    loop_timer_set(env->loop, &c->timer, env->loop->now_ms + LOOK_MS);
}

/* ---- by wazuh-execd ---- */

/* manager_restart of 4.14.7 (core/cluster/utils.py): 1901 no socket, 1902 nobody listens, 1014 not sent. */
static void restart_by_execd(struct api_call *c) {
    static const char message[] =
        "{\"version\": 1, \"origin\": {\"module\": \"API\"}, \"command\": \"restart-wazuh\", \"parameters\": "
        "{\"extra_args\": [], \"alert\": {}}}";
    struct sys *sys = c->env->role->sys;
    char path[256];
    struct text t;
    text_init(&t, path, sizeof path);
    text_format(&t, "%s/" EXECQ_SOCKET, c->env->root_path);
    int fd = t.cut ? -ENAMETOOLONG : sys->connect_datagram(sys, path);
    if (fd < 0) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, fd == -ENOENT ? 1901 : 1902, NULL);
        return;
    }
    ptrdiff_t n = sys->send(sys, fd, message, sizeof message - 1);
    sys->close(sys, fd);
    if (n < 0)
        fail(c, 1014, "", err_os_words((int)-n));
    else
        api_tell_node(c, &api_told_restart);
}

void manager_restart(struct api_call *c) {
    struct restart_call *s = api_state(c);
    s->child = (struct sys_child){-1, -1, -1, -1};
    if (c->env->role->config->restart_command[0])
        restart_by_command(c);
    else
        restart_by_execd(c);
}
