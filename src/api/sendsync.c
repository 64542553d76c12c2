/* api/sendsync.c - messages for daemons of the master: one slot each, from its arrival to its answer. Here
 * the slots are taken and given back, and time is kept; what is done with them is in sendsync_worker.c,
 * sendsync_master.c and sendsync_daemon.c.
 *
 * Whoever asked is told something, once, in the end: the answer, or an error in words when the daemon, the
 * master or the time is lost. Who asked and is gone is told nothing, and what is not done yet is not done. */
#include "api/sendsync.h"

#include "base/bytes.h"

static uint64_t now_ms(const struct sendsyncs *q) {
    return q->env->role->loop->now_ms;
}

/* ---- slots ---- */

static void work(void *arg) {
    struct sendsync *x = arg;
    x->retry_ms = UINT64_MAX;
    if (x->peer)
        sendsync_master_work(x);
    else
        sendsync_worker_work(x);
}

static void socket_ready(void *arg, short events) {
    (void)events;
    sendsync_daemon_work(arg);
}

/* One worker alone cannot have all there are. */
static bool has_share(const struct sendsyncs *q, const struct peer *peer) {
    uint32_t taken = 0;
    for (const struct sendsync *x = q->first; x; x = x->next)
        taken += x->peer == peer;
    return !peer || taken < (q->pool->count + 1) / 2;
}

struct sendsync *sendsync_new(struct sendsyncs *q, struct peer *peer, uint32_t number) {
    const struct session_shared *shared = &q->env->role->shared;
    struct sendsync *x = has_share(q, peer) ? pool_take(q->pool) : NULL, **last = &q->first;
    if (!x)
        return NULL;
    while (*last)
        last = &(*last)->next;
    *last = x;
    x->next = NULL;
    x->queue = q;
    x->phase = SENDSYNC_ASK;
    x->failed = false;
    x->deadline_ms = x->retry_ms = UINT64_MAX;
    x->number = number;
    x->peer = peer;
    x->id[0] = '\0';
    x->from = x->to = x->at = 0;
    x->fd = -1;
    x->head_n = 0;
    loop_work_init(&x->work, work, x);
    loop_io_init(&x->io, socket_ready, x);
    blob_init(&x->body, x->small, sizeof x->small, shared->windows, shared->spill, shared->message_bytes);
    blob_init(&x->text, NULL, 0, shared->windows, shared->spill, SENDSYNC_MESSAGE_BYTES);
    return x;
}

void sendsync_drop(struct sendsync *x) {
    struct sendsyncs *q = x->queue;
    struct sendsync **at = &q->first;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    if (x->phase == SENDSYNC_SENDING)
        string_message_forget(&x->u.string);
    if (x->phase == SENDSYNC_ASKED)
        sendsync_worker_forget(x);
    if (x->phase == SENDSYNC_GIVE)
        local_answer_forget(q->env->local, &x->u.local_answer);
    sendsync_daemon_close(x);
    loop_work_cancel(q->env->role->loop, &x->work);
    blob_reset(&x->body);
    blob_reset(&x->text);
    pool_give(q->pool, x);
}

/* ---- time ---- */

void sendsync_set_timer(struct sendsyncs *q) {
    uint64_t due = q->refused_ms;
    for (const struct sendsync *x = q->first; x; x = x->next) {
        due = x->deadline_ms < due ? x->deadline_ms : due;
        due = x->retry_ms < due ? x->retry_ms : due;
    }
    loop_timer_set(q->env->role->loop, &q->timer, due);
}

void sendsync_go(struct sendsync *x, enum sendsync_phase phase, uint32_t ms) {
    x->phase = (uint8_t)phase;
    x->deadline_ms = now_ms(x->queue) + ms;
    x->retry_ms = UINT64_MAX;
    loop_work_queue(x->queue->env->role->loop, &x->work);
    sendsync_set_timer(x->queue);
}

void sendsync_later(struct sendsync *x) {
    x->retry_ms = now_ms(x->queue) + SENDSYNC_RETRY_MS;
    sendsync_set_timer(x->queue);
}

void sendsync_answer(struct sendsync *x) {
    if (x->peer)
        sendsync_go(x, SENDSYNC_ANSWER, SENDSYNC_ANSWER_MS);
    else
        sendsync_worker_answer(x);
}

static void tell(struct sendsync *x, const char *words, size_t n) {
    struct sendsyncs *q = x->queue;
    uint32_t held;
    if (log_brake_pass(&q->brake, now_ms(q), 10000, &held))
        log_line(q->env->role->log, LOG_WARNING, x->peer ? "Master" : "Local Server", "SendSync",
                 "Error in SendSync of %s: %.*s", x->peer ? x->peer->name : "a local program", (int)n, words);
}

void sendsync_refuse(struct sendsync *x, const char *words, size_t n) {
    tell(x, words, n);
    sendsync_daemon_close(x);
    blob_reset(&x->text);
    blob_reset(&x->body);
    blob_append(&x->body, (const uint8_t *)words, min_size(n, sizeof x->small), NULL);
    x->failed = true;
    sendsync_answer(x);
}

void sendsync_fail(struct sendsync *x, int code, const char *extra) {
    char words[WAZUH_EXTRA_BYTES + 128];
    struct wazuh_error w;
    struct text t;
    wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, code, extra);
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, &w);
    sendsync_refuse(x, t.buf, t.len);
}

static void expired(struct sendsync *x) {
    switch (x->phase) {
    case SENDSYNC_ASK:
    case SENDSYNC_ASKED:
        sendsync_fail(x, 3020, NULL);
        return;
    case SENDSYNC_READ:
    case SENDSYNC_REACH:
    case SENDSYNC_SEND:
    case SENDSYNC_RECEIVE:
        sendsync_fail(x, 1014, "timed out");
        return;
    case SENDSYNC_ANSWER: /* it would not take its answer: perhaps it takes a word */
        if (!x->failed) {
            sendsync_fail(x, 3020, NULL);
            return;
        }
        break;
    default:
        break;
    }
    sendsync_drop(x);
}

static void tick(void *arg) {
    struct sendsyncs *q = arg;
    if (q->refused_ms <= now_ms(q))
        sendsync_master_refuse(q);
    for (struct sendsync *x = q->first, *next; x; x = next) {
        next = x->next;
        if (x->deadline_ms <= now_ms(q)) {
            expired(x);
        } else if (x->retry_ms <= now_ms(q)) {
            x->retry_ms = UINT64_MAX;
            loop_work_queue(q->env->role->loop, &x->work);
        }
    }
    sendsync_set_timer(q);
}

/* ---- the whole ---- */

void sendsyncs_open(struct sendsyncs *q, const struct api_env *env, struct pool *pool) {
    *q = (struct sendsyncs){.env = env, .pool = pool, .refused_ms = UINT64_MAX};
    loop_timer_init(&q->timer, tick, q);
}

void sendsyncs_close(struct sendsyncs *q) {
    while (q->first)
        sendsync_drop(q->first);
    loop_timer_stop(q->env->role->loop, &q->timer);
}

void sendsync_peer_gone(struct sendsyncs *q, struct peer *p) {
    for (struct sendsync *x = q->first, *next; x; x = next) {
        next = x->next;
        if (x->peer == p)
            sendsync_drop(x);
    }
    for (uint32_t i = q->refused_count; i-- > 0;)
        if (q->refused[i].peer == p)
            q->refused[i] = q->refused[--q->refused_count];
}

void sendsync_local_gone(struct sendsyncs *q, uint32_t number) {
    for (struct sendsync *x = q->first, *next; x; x = next) {
        next = x->next;
        if (!x->peer && x->number == number)
            sendsync_drop(x);
    }
}
