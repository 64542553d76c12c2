/* api/handler.c - runs the program that an administrator put in a function's place: finds it, feeds it the
 * arguments, takes what it says (handler_output.c) and ends it.
 *
 * The program is the administrator's, but what is in its arguments is anybody's. So nothing of a peer's
 * choosing is in its argument list or its environment, but for names of closed sets of characters. It may be
 * slow, loud, deaf or dead, or leave children behind that hold its pipes: it has its time, and no turn of the
 * loop takes more than TURN_BYTES of it. */
#include "api/handler.h"

#include "base/bytes.h"

#include <string.h>

#define IN_BYTES (16u << 10) /* of the arguments, at once */
#define SLOW_LOOK_MS 100u    /* between two looks whether it has ended, while it says something */
#define QUICK_LOOK_MS 5u     /* ... when it has closed its output */
#define OTHERS_WRITE 022u
#define ANY_RUNS 0111u
#define OTHER_RIGHTS 06000u /* setuid, setgid */
#define PATH_BYTES (HOST_BYTES + API_NAME_BYTES)

/* How a call's state is used. */
struct handler {
    struct sys_child child;
    struct loop_io in, out, err;
    uint64_t at, to; /* of the request's body: arguments not yet given */
    uint64_t deadline_ms;
    bool line_ended;
    uint8_t words_n;
    char words[160]; /* the first line of its standard error */
    struct handler_output output;
};
_Static_assert(sizeof(struct handler) <= API_STATE_BYTES, "a handler's state does not fit a call");

/* ---- finding ---- */

static bool is_name(const char *s, const char *more) {
    size_t n = strspn(s, TEXT_WORD_CHARS);
    while (s[n] && strchr(more, s[n]))
        n += 1 + strspn(s + n + 1, TEXT_WORD_CHARS);
    return !s[n];
}

/* "a.b.c": no way out of the folder, no hidden file. */
static bool is_function_name(const char *s) {
    return *s && *s != '.' && strlen(s) < API_NAME_BYTES && is_name(s, ".") && !strstr(s, "..");
}

/* NULL: it may be trusted. own: picket's user. */
static const char *distrust(struct sys *sys, int fd, uint32_t own, bool folder) {
    struct sys_stat st;
    if (sys->fstat(sys, fd, &st) < 0)
        return "cannot be looked at";
    if (folder ? !sys_is_dir(&st) : !sys_is_file(&st))
        return folder ? "is no folder" : "is no plain file";
    if (st.uid != 0 && st.uid != own)
        return "belongs to another user than root or picket's";
    if (st.mode & OTHERS_WRITE)
        return "may be written to by others";
    if (!folder && (st.mode & OTHER_RIGHTS))
        return "would run with the rights of another user";
    return folder || st.mode & ANY_RUNS ? NULL : "is not executable";
}

/* Who are we? What we made ourselves says it. */
static uint32_t own_uid(const struct role_env *role) {
    struct sys_stat st;
    return role->spool.dir >= 0 && role->sys->fstat(role->sys, role->spool.dir, &st) == 0 ? st.uid : 0;
}

/* 1: there is one; 0: there is none; -1: *what must not be trusted, for the reason *why. */
static int look(const struct role_env *role, const char *function, const char **what, const char **why) {
    struct sys *sys = role->sys;
    uint32_t own = own_uid(role);
    int folder =
        sys->open_beneath(sys, role->root, role->config->handlers, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (folder < 0)
        return 0;
    int fd = sys->open_beneath(sys, folder, function, O_PATH | O_CLOEXEC, 0);
    int r = fd == -ENOENT ? 0 : -1;
    if (r) {
        *what = "its folder";
        *why = distrust(sys, folder, own, true);
        if (!*why) {
            *what = "it";
            *why = fd == -ELOOP ? "is a symbolic link"
                   : fd < 0     ? "cannot be opened"
                                : distrust(sys, fd, own, false);
        }
        r = *why ? -1 : 1;
    }
    if (fd >= 0)
        sys->close(sys, fd);
    sys->close(sys, folder);
    return r;
}

/* What goes wrong, goes wrong as often as somebody asks: one line in so many milliseconds. */
static void warn(struct role_env *role, const char *words) {
    uint32_t held;
    if (log_brake_pass(&role->handler_brake, role->loop->now_ms, 1000, &held))
        log_line(role->log, LOG_WARNING, "Cluster", "D API", held ? "%s (%u more before)" : "%s", words,
                 held);
}

bool handler_find(const struct api_env *env, const char *function, struct wazuh_error *why) {
    struct role_env *role = env->role;
    const char *what, *words;
    char extra[WAZUH_EXTRA_BYTES];
    struct text t;
    if (!role->config->handlers[0] || !is_function_name(function))
        return false;
    int r = look(role, function, &what, &words);
    if (r >= 0)
        return r > 0;
    text_init(&t, extra, sizeof extra);
    text_format(&t, "the handler of %s is not run: %s %s", function, what, words);
    wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, extra);
    warn(role, extra);
    return false;
}

/* ---- its end ---- */

static void close_end(struct api_call *c, struct loop_io *io, int *fd) {
    const struct role_env *role = c->env->role;
    if (*fd < 0)
        return;
    loop_io_remove(role->loop, io);
    role->sys->close(role->sys, *fd);
    *fd = -1;
}

static void cancel(struct api_call *c) {
    struct handler *h = api_state(c);
    struct sys *sys = c->env->role->sys;
    close_end(c, &h->in, &h->child.in);
    close_end(c, &h->out, &h->child.out);
    close_end(c, &h->err, &h->child.err);
    sys->spawn_end(sys, &h->child);
}

static void fail(struct api_call *c, int code, const char *words) {
    struct handler *h = api_state(c);
    char extra[WAZUH_EXTRA_BYTES];
    struct text t;
    text_init(&t, extra, sizeof extra);
    text_format(&t, "the handler of %s %s", c->request.function, words);
    if (h->words_n)
        text_format(&t, ": %.*s", (int)h->words_n, h->words);
    warn(c->env->role, extra);
    api_call_refuse(c, WAZUH_INTERNAL_ERROR, code, extra);
}

/* Its output is not what it should be: *why says how. */
static void fail_output(struct api_call *c, const struct error *why) {
    char words[ERROR_WHAT_BYTES + 32];
    struct handler *h = api_state(c);
    struct text t;
    h->words_n = 0; /* not what it complains of is wrong */
    text_init(&t, words, sizeof words);
    text_format(&t, "gave no answer: %s", why->what);
    fail(c, 1000, words);
}

/* It ended like this, and all of its output is here. */
static void ended(struct api_call *c, int status) {
    struct handler *h = api_state(c);
    char words[48];
    struct text t;
    struct error e;
    text_init(&t, words, sizeof words);
    if (status > 128)
        text_format(&t, "was ended by signal %d", status - 128);
    else if (status)
        text_format(&t, "ended with status %d", status);
    if (status) {
        fail(c, 1000, words);
    } else if (handler_output_finish(&h->output, &e) != E_OK) {
        fail_output(c, &e);
    } else {
        api_call_end(c);
    }
}

/* ---- what it says ---- */

/* Takes what there is, at most TURN_BYTES. false: the call is over. */
static bool take_output(struct api_call *c) {
    struct handler *h = api_state(c);
    const struct role_env *role = c->env->role;
    char *piece = (char *)role->shared.scratch;
    struct error e;
    for (size_t budget = TURN_BYTES; budget && h->child.out >= 0;) {
        ptrdiff_t n = role->sys->read(role->sys, h->child.out, piece, SESSION_SCRATCH_BYTES);
        if (n == -EAGAIN)
            return true;
        if (n <= 0) {
            close_end(c, &h->out, &h->child.out);
            return true;
        }
        if (handler_output_push(&h->output, piece, (size_t)n, &e) != E_OK) {
            fail_output(c, &e);
            return false;
        }
        budget -= min_size(budget, (size_t)n);
    }
    return true;
}

static void take_words(struct api_call *c) {
    struct handler *h = api_state(c);
    const struct role_env *role = c->env->role;
    char *piece = (char *)role->shared.scratch;
    if (h->child.err < 0)
        return;
    ptrdiff_t n = role->sys->read(role->sys, h->child.err, piece, SESSION_SCRATCH_BYTES);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        close_end(c, &h->err, &h->child.err);
        return;
    }
    for (ptrdiff_t i = 0; i < n && !h->line_ended; i++) {
        h->line_ended = piece[i] == '\n' || h->words_n == sizeof h->words;
        if (!h->line_ended)
            h->words[h->words_n++] = piece[i];
    }
}

/* ---- time ---- */

/* Has it ended? What it left behind may hold its pipes open for ever: then what is in them is all. */
static void look_after(struct api_call *c) {
    struct handler *h = api_state(c);
    const struct role_env *role = c->env->role;
    int status = role->sys->spawn_status(role->sys, &h->child);
    uint64_t now_ms = role->loop->now_ms;
    if (status != -EAGAIN) {
        take_words(c);
        if (take_output(c))
            ended(c, status < 0 ? 255 : status);
        return;
    }
    if (now_ms >= h->deadline_ms) {
        fail(c, 3021, "took too long");
        return;
    }
    uint64_t next_ms = now_ms + (h->child.out < 0 ? QUICK_LOOK_MS : SLOW_LOOK_MS);
    loop_timer_set(role->loop, &c->timer, next_ms < h->deadline_ms ? next_ms : h->deadline_ms);
}

static void tick(void *arg) {
    look_after(arg);
}

static void out_ready(void *arg, short events) {
    struct api_call *c = arg;
    struct handler *h = api_state(c);
    (void)events;
    if (take_output(c) && h->child.out < 0)
        look_after(c);
}

static void err_ready(void *arg, short events) {
    (void)events;
    take_words(arg);
}

/* ---- what it is given ---- */

/* One that does not want its arguments need not read them. */
static void in_ready(void *arg, short events) {
    struct api_call *c = arg;
    struct handler *h = api_state(c);
    const struct role_env *role = c->env->role;
    static const char nothing[] = "{}";
    (void)events;
    for (size_t budget = TURN_BYTES; budget;) {
        const uint8_t *piece = role->shared.scratch;
        size_t n = min_size((size_t)(h->to - h->at), IN_BYTES);
        if (!c->request.f_kwargs.to)
            piece = (const uint8_t *)nothing + h->at;
        else if (blob_read(c->request.body, h->at, role->shared.scratch, n, &n, NULL) != E_OK)
            n = 0;
        ptrdiff_t r = n ? role->sys->write(role->sys, h->child.in, piece, n) : 0;
        if (r == -EAGAIN)
            return;
        h->at += r > 0 ? (uint64_t)r : 0;
        if (r <= 0 || h->at == h->to) {
            close_end(c, &h->in, &h->child.in);
            return;
        }
        budget -= min_size(budget, (size_t)r);
    }
}

/* ---- starting ---- */

static int spawn(struct api_call *c, struct handler *h) {
    const struct role_env *role = c->env->role;
    const char *user = is_name(c->request.current_user, "-.@") ? c->request.current_user : "";
    char path[PATH_BYTES], function[API_NAME_BYTES + 24], who[sizeof c->request.current_user + 24];
    char node[NODE_NAME_BYTES + 24];
    struct text t;
    text_init(&t, path, sizeof path);
    text_format(&t, "%s/%s", role->config->handlers, c->request.function);
    text_init(&t, function, sizeof function);
    text_format(&t, "PICKET_FUNCTION=%s", c->request.function);
    text_init(&t, who, sizeof who);
    text_format(&t, "PICKET_USER=%s", user);
    text_init(&t, node, sizeof node);
    text_format(&t, "PICKET_NODE=%s", role->config->node_name);
    const char *const argv[] = {c->request.function, NULL};
    const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", function,
                               who, node, NULL};
    return role->sys->spawn(role->sys,
                            &(struct sys_program){.path = path,
                                                  .argv = argv,
                                                  .env = env,
                                                  .dir = role->root,
                                                  .memory_bytes = HANDLER_MEMORY_BYTES,
                                                  .cpu_s = role->config->handler_s},
                            &h->child);
}

static void start(struct api_call *c) {
    const struct role_env *role = c->env->role;
    struct handler *h = api_state(c);
    const struct api_range *arguments = &c->request.f_kwargs;
    uint64_t limit = role->shared.message_bytes / 4;
    h->words_n = 0;
    h->line_ended = false;
    h->at = arguments->to ? arguments->from : 0;
    h->to = arguments->to ? arguments->to : 2;
    h->deadline_ms = role->loop->now_ms + role->config->handler_s * UINT64_C(1000);
    h->child = (struct sys_child){-1, -1, -1, -1};
    handler_output_init(&h->output, &c->result, limit < HANDLER_OUTPUT_BYTES ? limit : HANDLER_OUTPUT_BYTES);
    loop_io_init(&h->in, in_ready, c);
    loop_io_init(&h->out, out_ready, c);
    loop_io_init(&h->err, err_ready, c);
    loop_timer_init(&c->timer, tick, c);
    int r = spawn(c, h);
    if (r < 0) {
        fail(c, 1000, err_os_words(-r));
        return;
    }
    if (!loop_io_add(role->loop, &h->in, h->child.in, SYS_POLLOUT) ||
        !loop_io_add(role->loop, &h->out, h->child.out, SYS_POLLIN) ||
        !loop_io_add(role->loop, &h->err, h->child.err, SYS_POLLIN)) {
        fail(c, 1000, "finds no room in the loop: ask again");
        return;
    }
    loop_timer_set(role->loop, &c->timer, role->loop->now_ms + SLOW_LOOK_MS);
}

const struct api_function api_handler = {
    .name = "handler", .actions = "", .resource = API_ON_NOTHING, .start = start, .cancel = cancel};
