/* agent_groups_peer.c - agent groups to one worker: out of a string that others are sent as well, through
 * wire/string_tx, named by a command; the worker's results come as requests of its own. */
#include "task/agent_groups_master.h"

#include "task/agent_texts.h"

#include <string.h>

enum {
    REST,
    SENDING,
    NAME, /* the string is there; the command that names it is to be sent */
    NAMED /* ... and its reply awaited */
};

#define AGAIN_MS 500u /* when no sender is free, or the session takes nothing now */

static uint64_t now_ms(const struct agent_groups_peer *p) {
    return p->master->env->loop->now_ms;
}

/* 0: it never began, and the worker speaks of something else. */
static double seconds_since(const struct agent_groups_peer *p, uint64_t mono_ns) {
    struct sys *sys = p->master->env->sys;
    return mono_ns ? (double)(sys->mono_ns(sys) - mono_ns) / 1e9 : 0;
}

/* ---- sending ---- */

static void peer_again(struct agent_groups_peer *p) {
    loop_timer_set(p->master->env->loop, &p->timer, now_ms(p) + AGAIN_MS);
}

/* Rows that did not arrive go out again with a full list; a hash alone comes anew with the next round. */
static void send_failed(struct agent_groups_peer *p, const char *why) {
    log_line(p->master->env->log, LOG_ERROR, p->tag,
             p->sending_full ? AGENT_GROUPS_SEND_FULL_TAG : AGENT_GROUPS_SEND_TAG,
             "Error sending agent-groups information: %s", why);
    p->failures++;
    p->steady = false;
    p->phase = REST;
    p->full_wanted |= p->sending_full || p->rows;
}

static void send_refused(struct agent_groups_peer *p, const struct wazuh_error *w) {
    char words[512];
    struct text t;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, w);
    send_failed(p, words);
}

/* The worker has replied to the command; its result comes as a request of its own. */
static void named(void *arg, struct session *s, const struct reply *r) {
    struct agent_groups_peer *p = arg;
    (void)s;
    p->phase = REST;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind != REPLY_OK)
        send_refused(p, r->error);
    agent_groups_peer_pump(p);
    agent_groups_master_next(p->master);
}

static void name(struct agent_groups_peer *p) {
    struct error e;
    if (session_request(p->session, p->sending_full ? "syn_g_m_w_c" : "syn_g_m_w", p->id, strlen(p->id),
                        named, p, &e) != E_OK) {
        peer_again(p);
        return;
    }
    p->phase = NAMED;
    if (p->due[p->sending_full] < UINT8_MAX)
        p->due[p->sending_full]++;
}

static void sent(void *arg, const struct xfer_result *r) {
    struct agent_groups_peer *p = arg;
    agent_groups_release(p->string);
    p->string = NULL;
    p->phase = REST;
    if (r->end == XFER_LOST)
        return;
    if (r->end == XFER_SENT) {
        memcpy(p->id, r->string_id, sizeof p->id);
        p->phase = NAME;
        name(p);
        return;
    }
    if (r->end == XFER_REFUSED)
        send_refused(p, &r->error);
    else
        send_failed(p, r->why.what);
    agent_groups_peer_pump(p);
    agent_groups_master_next(p->master);
}

static void begun(struct agent_groups_peer *p, struct agent_groups_string *s) {
    struct agent_groups_master *m = p->master;
    uint64_t mono_ns = m->env->sys->mono_ns(m->env->sys);
    int64_t wall_ns = m->env->sys->wall_ns(m->env->sys);
    p->phase = SENDING;
    p->string = s;
    s->readers++;
    p->rows = s->rows;
    p->since_ms = now_ms(p);
    p->owed_round = 0; /* a full list is never older than the last round */
    p->sending_full = s->full;
    if (s->full) {
        p->full_wanted = false;
        p->full_again_ms = now_ms(p) + m->env->intervals->sync_agent_groups_ms;
        p->full_started_ns = mono_ns;
        p->full_start_ns = wall_ns;
        log_line(m->env->log, LOG_INFO, p->tag, AGENT_GROUPS_SEND_FULL_TAG, "Starting.");
    } else {
        p->started_ns = mono_ns;
        p->start_ns = wall_ns;
        log_line(m->env->log, s->rows ? LOG_INFO : LOG_CYCLE, p->tag, AGENT_GROUPS_SEND_TAG, "Starting.");
    }
}

bool agent_groups_peer_may_have_full(const struct agent_groups_peer *p) {
    return p->full_wanted && p->phase == REST && now_ms(p) >= p->full_again_ms;
}

void agent_groups_peer_pump(struct agent_groups_peer *p) {
    struct agent_groups_master *m = p->master;
    struct agent_groups_string *s = NULL;
    struct error e;
    if (m->all && agent_groups_peer_may_have_full(p))
        s = m->all;
    else if (m->now && p->owed_round && p->phase == REST)
        s = m->now;
    if (!s)
        return;
    enum err err = string_tx_start(&p->tx, p->session, &s->blob, sent, p, &e);
    if (err == E_OK)
        begun(p, s);
    else if (err != E_CLOSED)
        peer_again(p);
    p->kick(p->arg);
}

static void peer_timer(void *arg) {
    struct agent_groups_peer *p = arg;
    if (p->phase == NAME) {
        name(p);
        p->kick(p->arg);
    }
    agent_groups_peer_pump(p);
    agent_groups_master_next(p->master);
}

void agent_groups_peer_cut(struct agent_groups_peer *p) {
    if (p->phase != SENDING || now_ms(p) - p->since_ms < p->master->env->intervals->timeout_receiving_file_ms)
        return;
    string_tx_forget(&p->tx);
    agent_groups_release(p->string);
    p->string = NULL;
    send_failed(p, "the worker did not take it in time");
    p->kick(p->arg);
}

/* There is nobody in it: as a real node has it, nothing is sent. */
void agent_groups_peer_full_is_empty(struct agent_groups_peer *p) {
    struct agents_env *env = p->master->env;
    p->full_wanted = false;
    p->full_start_ns = p->full_end_ns = env->sys->wall_ns(env->sys);
    p->full_chunks = 0;
    log_line(env->log, LOG_INFO, p->tag, AGENT_GROUPS_SEND_FULL_TAG, "Finished in 0.000s. Updated 0 chunks.");
}

/* ---- requests of a worker ---- */

static void full_asked(struct agent_groups_peer *p, const struct message *m) {
    /* A real node answers with the repr of an object, which nobody reads (reference, pitfall 11). */
    session_reply_text(p->session, m->counter, "ok", "Sending the full list");
    if (p->phase != REST && p->sending_full)
        return; /* it is on its way */
    p->full_wanted = true;
    agent_groups_peer_pump(p);
    agent_groups_master_next(p->master);
}

static void result(struct agent_groups_peer *p, const struct message *m, bool full) {
    struct agents_env *env = p->master->env;
    struct agent_result r;
    struct error e;
    if (agent_result_read(&r, m, &e) != E_OK) {
        struct wazuh_error w;
        wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, 1000, e.what);
        session_reply_error(p->session, m->counter, &w);
        return;
    }
    int64_t wall_ns = env->sys->wall_ns(env->sys);
    uint32_t chunks = r.updated < UINT32_MAX ? (uint32_t)r.updated : UINT32_MAX;
    if (full) {
        p->full_end_ns = wall_ns;
        p->full_chunks = chunks;
    } else {
        p->end_ns = wall_ns;
        p->chunks = chunks;
    }
    agent_result_log(env->log, full || p->rows || !p->steady ? LOG_INFO : LOG_CYCLE, p->tag,
                     full ? AGENT_GROUPS_SEND_FULL_TAG : AGENT_GROUPS_SEND_TAG, &r,
                     seconds_since(p, full ? p->full_started_ns : p->started_ns));
    p->steady = !r.errors;
    p->complained = false;
    p->failures += r.errors != 0;
    session_reply_text(p->session, m->counter, "ok", "Thanks");
}

/* What the worker lacks now, the hash of the next round tells it. */
static void worker_failed(struct agent_groups_peer *p, const struct message *m, bool full) {
    if (full || !p->complained) /* its store may be away all night */
        agent_error_log(p->master->env->log, p->tag,
                        full ? AGENT_GROUPS_SEND_FULL_TAG : AGENT_GROUPS_SEND_TAG, AGENT_GROUPS, m);
    p->complained = true;
    p->failures++;
    p->steady = false;
    session_reply_text(p->session, m->counter, "ok", "Thanks");
}

/* A verdict on nothing is heard and not believed: one worker could fill the log with them. */
void agent_groups_peer_request(struct agent_groups_peer *p, const struct message *m) {
    bool full = m->cmd == CMD_SYN_WGC_E || m->cmd == CMD_SYN_WGC_ERR;
    if (m->cmd == CMD_SYN_W_G_C) {
        full_asked(p, m);
    } else if (!p->due[full]) {
        session_reply_text(p->session, m->counter, "ok", "Thanks");
    } else {
        p->due[full]--;
        if (m->cmd == CMD_SYN_W_G_E || m->cmd == CMD_SYN_WGC_E)
            result(p, m, full);
        else
            worker_failed(p, m, full);
    }
}

/* ---- beginning and end ---- */

void agent_groups_peer_init(struct agent_groups_peer *p, struct agent_groups_master *m, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg) {
    memset(p, 0, sizeof *p);
    p->master = m;
    p->session = session;
    p->kick = kick;
    p->arg = arg;
    p->tag = tag;
    loop_timer_init(&p->timer, peer_timer, p);
    p->next = m->peers;
    m->peers = p;
}

void agent_groups_peer_fini(struct agent_groups_peer *p) {
    struct agent_groups_peer **at = &p->master->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    string_tx_forget(&p->tx);
    session_forget(p->session, p);
    agent_groups_release(p->string);
    p->string = NULL;
    p->phase = REST;
    loop_timer_stop(p->master->env->loop, &p->timer);
    agent_groups_master_next(p->master); /* a string may be free now */
}
