/* manager_daemons.c - what a daemon of this node must be asked: wazuh-execd whether the configuration is good
 * (wazuh.manager.validation), wazuh-analysisd to read its rules anew (wazuh.analysis.reload_ruleset).
 *
 * Without execd validation answers 1901, as a real node does: picket knows its own section of ossec.conf,
 * which it has read itself; to say OK of the rest would be believed. */
#include "api/manager_parts.h"

#include "base/bytes.h"
#include "base/json_read.h"
#include "role/ruleset_reload.h"

#include <string.h>

#define COM_SOCKET "queue/sockets/com"
#define CHECK_COMMAND "check-manager-configuration"
#define HEAD_BYTES 4u    /* little-endian length before each message */
#define REPLY_TOKENS 64u /* of an answer */
#define RETRY_MS 200u

/* ---- validation ---- */

const struct result_kind api_told_validation = {
    .all_msg = "Validation was successfully checked in all nodes",
    .some_msg = "Could not check validation in some nodes",
    .none_msg = "Could not check validation in any node",
    .sort_fields = "name\0",
    .sort_casting = "str\0",
};

struct check_call {
    struct loop_io io;
    int fd;
    uint8_t out[HEAD_BYTES + sizeof CHECK_COMMAND - 1];
    uint8_t head[HEAD_BYTES];
    uint32_t sent, head_n, n, got; /* n: bytes of the answer, known when head_n is HEAD_BYTES */
    char *answer;                  /* a window, or NULL */
};
_Static_assert(sizeof(struct check_call) <= API_STATE_BYTES, "the state of a call");

void manager_validation_cancel(struct api_call *c) {
    struct check_call *s = api_state(c);
    struct role_env *env = c->env->role;
    loop_io_remove(env->loop, &s->io);
    if (s->fd >= 0)
        env->sys->close(env->sys, s->fd);
    s->fd = -1;
    if (s->answer)
        pool_give(env->shared.windows, s->answer);
    s->answer = NULL;
}

/* What a line of a daemon's log says behind its last "ERROR: " or "CRITICAL: ", and behind "[...] " there.
 * false: it is no such line. */
static bool error_of(const char *line, size_t n, const char **what, size_t *len) {
    static const char marks[] = "ERROR: \0CRITICAL: \0";
    size_t from = 0;
    for (size_t i = n; i-- > 0 && !from;)
        for (size_t k = 0; k < 2 && !from; k++) {
            size_t width = strlen(text_item(marks, k));
            if (i + width <= n && memcmp(line + i, text_item(marks, k), width) == 0)
                from = i + width;
        }
    if (!from)
        return false;
    for (size_t i = n; from < n && line[from] == '[' && i-- > from + 1;)
        if (line[i] == ']' && i + 1 < n && line[i + 1] == ' ') {
            from = i + 2;
            break;
        }
    *what = line + from;
    *len = n - from;
    return true;
}

static bool is_told(const struct text *t, const char *what, size_t n) {
    for (size_t i = 0; i + n <= t->len; i++)
        if (memcmp(t->buf + i, what, n) == 0 && (i == 0 || t->buf[i - 1] == ' ') &&
            (i + n == t->len || t->buf[i + n] == ','))
            return true;
    return false;
}

/* The errors among the lines, each once (parse_execd_output of 4.14.7). */
static void gather_errors(struct text *t, const char *lines, size_t n) {
    const char *what;
    size_t len;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(lines + at, '\n', n - at);
        size_t line_n = end ? (size_t)(end - lines) - at : n - at;
        if (error_of(lines + at, line_n, &what, &len) && !is_told(t, what, len)) {
            text_str(t, t->len ? ", " : "");
            text_add(t, what, len);
        }
        at += line_n + 1;
    }
}

/* The answer: this node, and what became of it. */
static void tell(struct api_call *c, const struct result_kind *kind, const char *key, const char *words) {
    result_open_items(&c->result, kind);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    json_key_str(w, "name", c->env->role->config->node_name);
    json_key_str(w, key, words);
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* {"error": 0, ...} or {"error": n, "message": lines of a log}. */
static void read_answer(struct api_call *c) {
    struct check_call *s = api_state(c);
    struct json_token tokens[REPLY_TOKENS];
    struct json_doc d;
    struct error e;
    char words[WAZUH_EXTRA_BYTES];
    struct text t;
    uint64_t error;
    char *lines = s->answer + s->got; /* the second half of the window */
    size_t n = s->got, len;
    while (n && !s->answer[n - 1])
        n--;
    if (json_parse(&d, s->answer, n, tokens, REPLY_TOKENS, &e) != E_OK) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1904, e.what);
        return;
    }
    size_t i = json_find(&d, 0, "error"), m = json_find(&d, 0, "message");
    bool good = i && json_get_uint(&d, i, UINT32_MAX, &error) && error == 0;
    if (good) {
        tell(c, &api_told_validation, "status", "OK");
        return;
    }
    if (!i || !m || d.tokens[m].kind != JSON_STRING ||
        json_unescape(s->answer + d.tokens[m].start, d.tokens[m].end - d.tokens[m].start, lines, s->got,
                      &len) != E_OK) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1904, i && !m ? "'message'" : "'error'");
        return;
    }
    text_init(&t, words, sizeof words);
    gather_errors(&t, lines, len);
    api_tell_failed(c, &api_told_validation, WAZUH_ERROR, 1908, words);
}

static void receive(struct api_call *c) {
    struct check_call *s = api_state(c);
    struct role_env *env = c->env->role;
    bool in_head = s->head_n < HEAD_BYTES;
    void *to = in_head ? (void *)(s->head + s->head_n) : s->answer + s->got;
    ptrdiff_t n = env->sys->recv(env->sys, s->fd, to, in_head ? HEAD_BYTES - s->head_n : s->n - s->got);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1014,
                        n ? err_os_words((int)-n) : "execd closed the connection");
        return;
    }
    if (!in_head) {
        s->got += (uint32_t)n;
        if (s->got == s->n)
            read_answer(c);
        return;
    }
    s->head_n += (uint32_t)n;
    if (s->head_n < HEAD_BYTES)
        return;
    s->n = le32_load(s->head);
    if (s->n == 0 || s->n > BODY_WINDOW_BYTES / 2)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1904, "the answer is empty, or longer than this node reads");
    else if ((s->answer = pool_take(env->shared.windows)) == NULL)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "this node has no room for an answer of execd at present");
}

static void check_ready(void *arg, short events) {
    struct api_call *c = arg;
    struct check_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    (void)events;
    if (s->sent == sizeof s->out) {
        receive(c);
        return;
    }
    ptrdiff_t n = sys->send(sys, s->fd, s->out + s->sent, sizeof s->out - s->sent);
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1014, err_os_words((int)-n));
        return;
    }
    s->sent += (uint32_t)n;
    if (s->sent == sizeof s->out)
        s->io.events = SYS_POLLIN;
}

void manager_validation(struct api_call *c) {
    struct check_call *s = api_state(c);
    struct role_env *env = c->env->role;
    struct sys_addr a;
    char path[256];
    struct text t;
    memset(s, 0, sizeof *s);
    s->fd = -1;
    le32_store(s->out, sizeof CHECK_COMMAND - 1);
    memcpy(s->out + HEAD_BYTES, CHECK_COMMAND, sizeof CHECK_COMMAND - 1);
    loop_io_init(&s->io, check_ready, c);
    text_init(&t, path, sizeof path);
    text_format(&t, "%s/" COM_SOCKET, c->env->root_path);
    int r = t.cut || !sys_addr_unix(&a, path) ? -ENAMETOOLONG : env->sys->connect(env->sys, &a, &s->fd);
    if (r == -ENOENT) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1901, NULL);
    } else if (r < 0 && r != -EINPROGRESS) {
        api_call_refuse(
            c, WAZUH_INTERNAL_ERROR, 1013,
            "Socket: WAZUH_PATH/queue/sockets/com. Error Error connecting with socket: Socket 'com' "
            "cannot receive connections");
    } else if (!loop_io_add(env->loop, &s->io, s->fd, SYS_POLLOUT)) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "this node has no room for one more connection at present");
    }
}

/* ---- reload_ruleset ---- */

const struct result_kind api_told_reload = {
    .all_msg = "Reload request sent to all specified nodes",
    .some_msg = "Could not send reload request to some specified nodes",
    .none_msg = "Could not send reload request to any node",
    .sort_casting = "str\0",
};
static const char reload_sent[] = "Ruleset reload request sent successfully.";

struct reload_call {
    bool asked; /* analysisd is being asked for this call */
};

/* Warnings or errors of analysisd in one line. */
static void join_data(const struct json_doc *d, size_t data, struct text *t) {
    char item[512];
    size_t len;
    if (!data || d->tokens[data].kind != JSON_ARRAY)
        return;
    for (size_t i = json_first(d, data); i && i < d->tokens[data].next; i = d->tokens[i].next)
        if (json_copy_str(d, i, item, sizeof item, &len) == E_OK)
            text_format(t, "%s%s", t->len ? ", " : "", item);
}

static void reloaded(void *arg, const char *answer, size_t n, const struct error *why) {
    struct api_call *c = arg;
    struct reload_call *s = api_state(c);
    struct json_token tokens[REPLY_TOKENS * 2];
    struct json_doc d;
    struct error e;
    char words[2048];
    struct text t;
    uint64_t error = 1;
    s->asked = false;
    if (!answer) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1013, why->what);
        return;
    }
    if (json_parse(&d, answer, n, tokens, REPLY_TOKENS * 2, &e) != E_OK || !json_find(&d, 0, "error")) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "analysisd's answer is none of its kind");
        return;
    }
    text_init(&t, words, sizeof words);
    join_data(&d, json_find(&d, 0, "data"), &t);
    if (json_get_uint(&d, json_find(&d, 0, "error"), UINT32_MAX, &error) && error == 0)
        tell(c, &api_told_reload, "msg", t.len ? words : reload_sent);
    else
        api_tell_failed(c, &api_told_reload, WAZUH_ERROR, 1914, words);
}

static void ask_analysisd(void *arg) {
    struct api_call *c = arg;
    struct reload_call *s = api_state(c);
    struct loop *loop = c->env->role->loop;
    struct error e;
    enum err err = ruleset_reload_start(&c->env->local->reload, c->env->root_path, "api", reloaded, c, &e);
    s->asked = err == E_OK;
    if (err == E_POOL) /* somebody else's is under way: analysisd reads its rules once at a time */
        loop_timer_set(loop, &c->timer, loop->now_ms + RETRY_MS);
    else if (err != E_OK)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1013, e.what);
}

void manager_reload_cancel(struct api_call *c) {
    struct reload_call *s = api_state(c);
    if (s->asked)
        ruleset_reload_cancel(&c->env->local->reload);
    s->asked = false;
}

/* A worker's analysisd is asked when its next integrity cycle is over, as sendrreload has it. */
void manager_reload(struct api_call *c) {
    struct reload_call *s = api_state(c);
    s->asked = false;
    loop_timer_init(&c->timer, ask_analysisd, c);
    if (c->env->master) {
        ask_analysisd(c);
    } else if (!worker_session(c->env->worker)) {
        api_call_refuse(c, WAZUH_CLUSTER_ERROR, 3023, NULL);
    } else {
        local_reload_later(c->env->local);
        tell(c, &api_told_reload, "msg", reload_sent);
    }
}
