/* stranger.c - a few hundred bytes and a few seconds for everybody who connects. Bytes come from recv in the
 * exact portions the greeter wants; replies go out in one send or not at all: a fresh connection has room for
 * them. */
#include "role/stranger.h"

#include "base/bytes.h"

#include <string.h>

/* ---- coming and going ---- */

static void set_timer(struct strangers *all) {
    loop_timer_set(all->env->loop, &all->timer, all->oldest ? all->oldest->until_ms : UINT64_MAX);
}

static void forget(struct stranger *s) {
    struct strangers *all = s->all;
    struct stranger **at = &all->oldest;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    loop_io_remove(all->env->loop, &s->io);
    bool held = s->held;
    s->held = false;
    if (held)
        all->gone(all->arg, s);
    pool_give(all->pool, s);
    set_timer(all);
}

static void drop(struct stranger *s) {
    struct sys *sys = s->all->env->sys;
    s->all->refused += !s->answered;
    sys->close(sys, s->fd);
    forget(s);
}

static void expire(void *arg) {
    struct strangers *all = arg;
    while (all->oldest && all->oldest->until_ms <= all->env->loop->now_ms)
        drop(all->oldest);
    set_timer(all);
}

/* One line per ten seconds however many come. */
static void tell(struct strangers *all, const struct sys_addr *peer, const char *what) {
    uint32_t held;
    char address[SYS_ADDR_WORDS];
    if (!log_brake_pass(&all->brake, all->env->loop->now_ms, 10000, &held))
        return;
    sys_addr_words(peer, address);
    if (held)
        log_line(all->env->log, LOG_WARNING, "Master", "Main",
                 "%s: connection refused: %s (and %u others like it)", address, what, held);
    else
        log_line(all->env->log, LOG_WARNING, "Master", "Main", "%s: connection refused: %s", address, what);
}

/* ---- speaking ---- */

/* A frame with one token, whole, from the node's scratch. */
static bool say(struct stranger *s, const char *command, const void *payload, size_t n) {
    const struct session_shared *shared = &s->all->env->shared;
    char *out = (char *)shared->scratch;
    uint8_t iv[16];
    struct fernet_enc f;
    if (shared->sys->random(shared->sys, iv, sizeof iv) < 0)
        return false;
    uint64_t wall_s = (uint64_t)shared->sys->wall_ns(shared->sys) / 1000000000u;
    size_t len = FRAME_HEADER_BYTES;
    len += fernet_enc_start(&f, s->all->key, wall_s, iv, out + len);
    len += fernet_enc_push(&f, payload, n, out + len);
    len += fernet_enc_finish(&f, out + len);
    frame_header_write((uint8_t *)out, greeter_counter(&s->greeter), (uint32_t)(len - FRAME_HEADER_BYTES),
                       command, false);
    return shared->sys->send(shared->sys, s->fd, out, len) == (ptrdiff_t)len;
}

void stranger_refuse(struct stranger *s, const struct wazuh_error *why) {
    char json[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    s->held = false;
    text_init(&t, json, sizeof json);
    wazuh_error_write(&t, why, s->all->env->dialect);
    if (!say(s, "err", json, t.len)) {
        drop(s);
        return;
    }
    s->answered = true;
    s->all->refused++;
}

void stranger_hold(struct stranger *s) {
    s->held = true;
}

int stranger_accept(struct stranger *s) {
    int fd = s->fd;
    s->held = false;
    forget(s);
    return fd;
}

/* ---- hearing ---- */

static void malformed_hello(struct stranger *s) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, 1000, "hello wants: name cluster type version");
    stranger_refuse(s, &w);
}

/* False when the stranger is gone, given away or done with. */
static bool heard(struct stranger *s, enum greeter_event event) {
    struct hello h;
    switch (event) {
    case GREETER_MORE:
        return true;
    case GREETER_ECHO:
        if (!say(s, "ok", s->greeter.body, s->greeter.body_len)) {
            drop(s);
            return false;
        }
        greeter_next(&s->greeter);
        return true;
    case GREETER_HELLO:
        if (greeter_hello(&s->greeter, &h))
            s->all->hello(s->all->arg, s, &h);
        else
            malformed_hello(s);
        return false;
    default:
        tell(s->all, &s->peer, s->greeter.why);
        drop(s);
        return false;
    }
}

static void ready(void *arg, short events) {
    struct stranger *s = arg;
    struct sys *sys = s->all->env->sys;
    uint8_t buf[256];
    (void)events;
    for (unsigned i = 0; i < 8; i++) {
        size_t want = s->answered ? sizeof buf : min_size(greeter_want(&s->greeter), sizeof buf);
        ptrdiff_t n = s->held ? 0 : sys->recv(sys, s->fd, buf, want);
        if (n == -EAGAIN)
            return;
        if (n <= 0) { /* also: a held one has nothing to say before it is answered, so it is going */
            drop(s);
            return;
        }
        if (!s->answered && !heard(s, greeter_push(&s->greeter, s->all->key, buf, (size_t)n)))
            return;
    }
}

/* ---- admission ---- */

/* Makes room: the oldest of the same address when that has its share, else the oldest of all when the pool is
 * full. */
static void make_room(struct strangers *all, const struct sys_addr *peer) {
    struct stranger *oldest_same = NULL;
    unsigned same = 0;
    for (struct stranger *s = all->oldest; s; s = s->next)
        if (sys_addr_same_host(&s->peer, peer) && same++ == 0)
            oldest_same = s;
    if (same >= STRANGERS_PER_ADDRESS) {
        tell(all, peer, "too many connections from this address that do not say hello");
        drop(oldest_same);
    } else if (all->pool->used == all->pool->count) {
        tell(all, peer, "too many connections that do not say hello");
        drop(all->oldest);
    }
}

void strangers_add(struct strangers *all, int fd, const struct sys_addr *peer) {
    struct role_env *env = all->env;
    make_room(all, peer);
    struct stranger *s = pool_take(all->pool);
    all->seen++;
    if (s) {
        loop_io_init(&s->io, ready, s);
        if (!loop_io_add(env->loop, &s->io, fd, SYS_POLLIN)) {
            pool_give(all->pool, s);
            s = NULL;
        }
    }
    if (!s) {
        tell(all, peer, "no room");
        env->sys->close(env->sys, fd);
        return;
    }
    s->all = all;
    s->fd = fd;
    s->next = NULL;
    s->answered = s->held = false;
    s->peer = *peer;
    s->until_ms = env->loop->now_ms + STRANGER_LIFE_MS;
    greeter_init(&s->greeter);
    struct stranger **last = &all->oldest;
    while (*last)
        last = &(*last)->next;
    *last = s;
    set_timer(all);
    ready(s, SYS_POLLIN); /* who spoke already is heard now, before those behind him can push him out */
}

void strangers_init(struct strangers *all, struct role_env *env, struct pool *pool,
                    const struct fernet_key *key) {
    memset(all, 0, sizeof *all);
    all->env = env;
    all->pool = pool;
    all->key = key;
    loop_timer_init(&all->timer, expire, all);
}

void strangers_close(struct strangers *all) {
    while (all->oldest)
        drop(all->oldest);
}
