/* agent_info_master.c - one worker's agent information on the master. Requests come from role/peer, the
 * string through wire/xfer_string; the store applies it, and the worker is told what became of it. */
#include "task/agent_info_master.h"

#include "task/agent_texts.h"

#include <string.h>

#define TELL_AGAIN_MS 500u /* when the session takes no request now */

static double seconds_since(const struct agent_info_master *m) {
    return (double)(m->env->sys->mono_ns(m->env->sys) - m->started_ns) / 1e9;
}

static void timer_after(struct agent_info_master *m, uint64_t ms) {
    loop_timer_set(m->env->loop, &m->timer, m->env->loop->now_ms + ms);
}

/* The next string may come when the store is done with this one and the worker knows. */
static void rest(struct agent_info_master *m) {
    if (m->applying || m->telling)
        return;
    m->busy = m->late = false;
    loop_timer_stop(m->env->loop, &m->timer);
}

/* ---- the verdict ---- */

/* As a real node has it: over when the worker has replied, whatever it says. */
static void told(void *arg, struct session *s, const struct reply *r) {
    struct agent_info_master *m = arg;
    (void)s;
    m->telling = false;
    if (m->good && r->kind != REPLY_LOST) {
        bool whole = !m->job.error_count;
        m->start_ns = m->begun_ns;
        m->end_ns = m->env->sys->wall_ns(m->env->sys);
        m->synced_chunks = m->job.parts;
        log_line(m->log, m->steady && whole ? LOG_CYCLE : LOG_INFO, m->tag, AGENT_INFO_TAG,
                 "Finished in %.3fs. Updated %u chunks.", seconds_since(m), m->job.parts);
        m->steady = whole;
    }
    rest(m);
}

static void tell(struct agent_info_master *m) {
    char words[AGENT_VERDICT_BYTES];
    struct text t;
    struct error e;
    text_init(&t, words, sizeof words);
    m->good = false;
    if (m->late)
        agent_verdict_late(&t, AGENT_INFO);
    else
        m->good = agent_verdict_write(&t, &m->job, AGENT_INFO, m->seconds);
    m->telling = true;
    enum err err =
        session_request(m->session, m->good ? "syn_m_a_e" : "syn_m_a_err", words, t.len, told, m, &e);
    if (!err)
        loop_timer_stop(m->env->loop, &m->timer);
    else
        timer_after(m, TELL_AGAIN_MS);
}

static void applied(void *arg, struct store_job *j) {
    struct agent_info_master *m = arg;
    m->applying = false;
    m->seconds = seconds_since(m);
    m->rows += j->rows;
    blob_reset(&m->blob);
    agent_verdict_log(m->log, m->tag, AGENT_INFO_TAG, j, AGENT_INFO, m->seconds);
    if (j->err || j->error_count) {
        m->failures++;
        m->steady = false;
    }
    if (m->late) { /* the worker was told that already, and sends again */
        rest(m);
        return;
    }
    tell(m);
    m->kick(m->arg);
}

/* Too long for the worker to wait. The store goes on: its job cannot be torn out of the middle, and what it
 * applies is right. */
static void timer_fired(void *arg) {
    struct agent_info_master *m = arg;
    if (!m->telling) {
        m->late = true;
        m->steady = false;
        m->failures++;
        log_line(m->log, LOG_ERROR, m->tag, AGENT_INFO_TAG, "Timeout while processing agent-info chunks.");
    }
    tell(m);
    m->kick(m->arg);
}

/* ---- requests of the worker ---- */

/* A store that is down is no reason to let a worker read: a real one marks its rows when it reads them, and
 * what cannot be applied here would be lost there. */
static void permission(struct agent_info_master *m, uint32_t counter) {
    bool yes = !m->busy && !m->env->store->down;
    session_reply_text(m->session, counter, "ok", yes ? "True" : "False");
}

static void refuse_second(struct agent_info_master *m, const struct message *message) {
    struct wazuh_error w;
    struct blob unwanted;
    agents_blob_init(&unwanted, m->env);
    agent_string_take(m->session, message, &unwanted, NULL);
    blob_reset(&unwanted);
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3037, "the string before is still being processed");
    session_reply_error(m->session, message->counter, &w);
}

static void apply(struct agent_info_master *m) {
    m->job = (struct store_job){.work = STORE_INFO_WRITE, .blob = &m->blob, .done = applied, .arg = m};
    m->applying = true;
    timer_after(m, m->env->intervals->timeout_agent_info_ms);
    store_submit(m->env->store, &m->job);
}

/* The reply is the id, whatever it is (reference, pitfall 11); what is wrong with it the verdict says. */
static void string_named(struct agent_info_master *m, const struct message *message) {
    size_t n;
    const char *id = message_text(message, &n);
    struct error e;
    if (m->busy) {
        refuse_second(m, message);
        return;
    }
    session_reply(m->session, message->counter, "ok", id, id ? n : 0);
    m->busy = true;
    m->late = false;
    m->started_ns = m->env->sys->mono_ns(m->env->sys);
    m->begun_ns = m->env->sys->wall_ns(m->env->sys);
    uint32_t held;
    m->log = log_brake_pass(&m->brake, m->env->loop->now_ms, AGENT_LINES_MS, &held) ? m->env->log : NULL;
    log_line(m->log, LOG_CYCLE, m->tag, AGENT_INFO_TAG, "Starting.");
    if (agent_string_take(m->session, message, &m->blob, &e) == E_OK) {
        apply(m);
        return;
    }
    m->job.err = e.code;
    m->job.why = e;
    m->failures++;
    m->steady = false;
    log_line(m->log, LOG_ERROR, m->tag, AGENT_INFO_TAG, "%s", e.what);
    tell(m);
}

void agent_info_master_request(struct agent_info_master *m, const struct message *message) {
    if (message->cmd == CMD_SYN_A_W_M_P)
        permission(m, message->counter);
    else
        string_named(m, message);
}

void agent_info_master_init(struct agent_info_master *m, struct agents_env *env, const char *tag,
                            struct session *session, void (*kick)(void *arg), void *arg) {
    memset(m, 0, sizeof *m);
    m->env = env;
    m->session = session;
    m->kick = kick;
    m->arg = arg;
    m->tag = tag;
    blob_init(&m->blob, m->small, sizeof m->small, env->windows, env->spill, env->string_bytes);
    loop_timer_init(&m->timer, timer_fired, m);
}

void agent_info_master_fini(struct agent_info_master *m) {
    if (m->applying)
        store_cancel(m->env->store, &m->job);
    session_forget(m->session, m);
    loop_timer_stop(m->env->loop, &m->timer);
    blob_reset(&m->blob);
    m->applying = m->telling = m->busy = false;
}
