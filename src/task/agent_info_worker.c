/* agent_info_worker.c - agent information from this worker's store to the master: one round after the other,
 * and what becomes of rows whose round fails.
 *
 * The bytes come from the store (STORE_INFO_READ), lie in one blob and go out through wire/string_tx.c. What
 * is in them nobody here looks at. */
#include "task/agent_info_worker.h"

#include "task/agent_texts.h"

#include <inttypes.h>
#include <string.h>

#define SEND_AGAIN_MS 1000u

static double seconds_since(const struct agent_info_worker *w) {
    return (double)(w->env->sys->mono_ns(w->env->sys) - w->started_ns) / 1e9;
}

static void complain(const struct agent_info_worker *w, const char *why) {
    log_line(w->env->log, LOG_ERROR, w->env->tag, AGENT_INFO_TAG, "Error synchronizing agent info: %s", why);
}

static void set_timer(struct agent_info_worker *w, uint64_t after_ms) {
    loop_timer_set(w->env->loop, &w->timer, w->env->loop->now_ms + after_ms);
}

/* ---- between rounds ---- */

static uint64_t pause_ms(const struct agent_info_worker *w) {
    uint64_t period = w->env->intervals->sync_agent_info_ms, pause = period;
    for (unsigned i = 1; i < w->failed && pause < AGENT_INFO_PAUSE_MOST_MS; i++)
        pause *= 2;
    if (pause > AGENT_INFO_PAUSE_MOST_MS)
        pause = AGENT_INFO_PAUSE_MOST_MS;
    return pause > period ? pause : period;
}

static void idle(struct agent_info_worker *w) {
    w->granted = w->named = false;
    if (!w->session) {
        w->state = AI_OFF;
        loop_timer_stop(w->env->loop, &w->timer);
        return;
    }
    w->state = AI_IDLE;
    set_timer(w, w->at_once ? 0 : pause_ms(w));
    w->at_once = false;
}

static void submit(struct agent_info_worker *w, enum store_work work, enum agent_info_state state,
                   void (*done)(void *arg, struct store_job *j)) {
    loop_timer_stop(w->env->loop, &w->timer);
    w->state = state;
    w->job = (struct store_job){.work = work, .blob = &w->blob, .done = done, .arg = w};
    store_submit(w->env->store, &w->job);
}

static bool job_runs(const struct agent_info_worker *w) {
    return w->state == AI_READ || w->state == AI_CONFIRM || w->state == AI_RELEASE;
}

static void drop(struct agent_info_worker *w) {
    blob_reset(&w->blob);
    w->kept = false;
}

/* ---- the end of a round ---- */

static void confirmed(void *arg, struct store_job *j) {
    struct agent_info_worker *w = arg;
    if (j->err) {
        w->failures++;
        log_line(w->env->log, LOG_ERROR, w->env->tag, AGENT_INFO_TAG,
                 "What the master confirmed could not be marked, so it is sent again: %s", j->why.what);
    } else if (!w->given_up) {
        w->rounds++;
        w->sent_rows += w->rows;
        w->sync_ms = w->env->loop->now_ms;
    }
    drop(w);
    w->failed = w->refusals = 0;
    idle(w);
}

static void confirm(struct agent_info_worker *w, bool given_up) {
    w->given_up = given_up;
    submit(w, STORE_INFO_CONFIRM, AI_CONFIRM, confirmed);
}

static void released(void *arg, struct store_job *j) {
    struct agent_info_worker *w = arg;
    (void)j; /* rows that are not marked are read again, whatever the store says to this */
    drop(w);
    idle(w);
}

/* The string is not confirmed. */
static void let_go(struct agent_info_worker *w) {
    if (w->blob.size && !w->kept)
        submit(w, STORE_INFO_RELEASE, AI_RELEASE, released);
    else
        idle(w);
}

static void give_up(struct agent_info_worker *w, unsigned times) {
    log_line(w->env->log, LOG_ERROR, w->env->tag, AGENT_INFO_TAG,
             "The master did not take the information of %" PRIu64
             " agents %u times in a row: it is not sent "
             "again until it changes.",
             w->rows, times);
    confirm(w, true);
}

/* See the header: what the master refuses may be given up soon, everything else late or never. */
static void refused(struct agent_info_worker *w) {
    w->failures++;
    w->named = false;
    if (++w->refusals >= AGENT_INFO_REFUSALS_MOST)
        give_up(w, w->refusals);
    else
        let_go(w);
}

static void failed(struct agent_info_worker *w) {
    w->failures++;
    w->named = false;
    if (w->failed < UINT8_MAX)
        w->failed++;
    if (w->kept && w->failed >= AGENT_INFO_FAILURES_MOST)
        give_up(w, w->failed);
    else
        let_go(w);
}

static void failed_with(struct agent_info_worker *w, const struct wazuh_error *error) {
    char words[512];
    struct text t;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, error);
    complain(w, words);
    failed(w);
}

/* ---- sending ---- */

static void named(void *arg, struct session *s, const struct reply *r) {
    struct agent_info_worker *w = arg;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    if (r->kind == REPLY_ERR) {
        failed_with(w, r->error);
        return;
    }
    /* Also after no reply in time: the master may be at it all the same, and permission will tell. */
    w->state = AI_WAIT;
    set_timer(w, w->env->intervals->sync_agent_info_ms);
}

static void sent(void *arg, const struct xfer_result *r);

/* No sender, or a socket that takes nothing: that may change within the second. */
static void not_sent(struct agent_info_worker *w, const struct error *why) {
    if ((why->code == E_POOL || why->code == E_SPACE) && ++w->tries < AGENT_INFO_SEND_TRIES) {
        set_timer(w, SEND_AGAIN_MS);
        return;
    }
    complain(w, why->what);
    failed(w);
}

static void send_string(struct agent_info_worker *w) {
    struct error e;
    w->state = AI_SEND;
    if (string_tx_start(&w->tx, w->session, &w->blob, sent, w, &e) != E_OK)
        not_sent(w, &e);
    else
        w->kick(w->arg);
}

static void sent(void *arg, const struct xfer_result *r) {
    struct agent_info_worker *w = arg;
    struct error e;
    if (r->end == XFER_LOST)
        return;
    if (r->end == XFER_REFUSED) {
        failed_with(w, &r->error);
        return;
    }
    if (r->end != XFER_SENT) {
        not_sent(w, &r->why);
        return;
    }
    log_line(w->env->log, LOG_DEBUG, w->env->tag, AGENT_INFO_TAG, "Sending chunks.");
    if (session_request(w->session, "syn_a_w_m", r->string_id, strlen(r->string_id), named, w, &e) != E_OK) {
        not_sent(w, &e);
        return;
    }
    w->state = AI_NAME;
    w->named = true;
    w->kick(w->arg);
}

/* ---- reading ---- */

static void nothing_to_send(struct agent_info_worker *w) {
    if (w->env->dialect->agent_info_http)
        log_line(w->env->log, LOG_CYCLE, w->env->tag, AGENT_INFO_TAG,
                 "No synchronization required, skipping.");
    else
        log_line(w->env->log, LOG_CYCLE, w->env->tag, AGENT_INFO_TAG, "Finished in %.3fs. Updated 0 chunks.",
                 seconds_since(w));
    w->rounds++;
    w->sync_ms = w->env->loop->now_ms;
    w->failed = w->refusals = 0;
    idle(w);
}

static void cannot_read(struct agent_info_worker *w, const char *why) {
    w->failures++;
    drop(w);
    log_line(w->env->log, w->was_down ? LOG_DEBUG : LOG_ERROR, w->env->tag, AGENT_INFO_TAG,
             "Error synchronizing agent info: %s", why);
    w->was_down = true; /* one line for a store that is away all night */
    idle(w);
}

static void have_read(void *arg, struct store_job *j) {
    struct agent_info_worker *w = arg;
    if (j->err) {
        cannot_read(w, j->why.what);
        return;
    }
    w->was_down = false;
    if (!w->blob.size) {
        nothing_to_send(w);
        return;
    }
    w->parts = j->parts;
    w->rows = j->rows;
    w->kept = w->env->store->marks_on_reading;
    if (w->granted)
        send_string(w);
    else /* the link went meanwhile; its successor asks anew */
        let_go(w);
}

/* ---- permission ---- */

static void no_permission(struct agent_info_worker *w) {
    if (!w->named) {
        idle(w);
        return;
    }
    w->state = AI_WAIT;
    set_timer(w, w->env->intervals->sync_agent_info_ms);
}

static void have_permission(struct agent_info_worker *w) {
    log_line(w->env->log, LOG_DEBUG, w->env->tag, AGENT_INFO_TAG, "Permission to synchronize granted.");
    if (w->named) {
        complain(w, "the master is done with the last string and said nothing about it");
        failed(w);
        return;
    }
    log_line(w->env->log, LOG_CYCLE, w->env->tag, AGENT_INFO_TAG, "Starting.");
    w->started_ns = w->env->sys->mono_ns(w->env->sys);
    w->granted = true;
    w->tries = 0;
    if (w->blob.size)
        send_string(w);
    else
        submit(w, STORE_INFO_READ, AI_READ, have_read);
}

static void asked(void *arg, struct session *s, const struct reply *r) {
    struct agent_info_worker *w = arg;
    char words[256];
    struct text t;
    size_t n = 0;
    (void)s;
    if (r->kind == REPLY_LOST)
        return;
    const char *answer = r->kind == REPLY_OK ? message_text(r->message, &n) : NULL;
    if (answer && n == 4 && memcmp(answer, "True", 4) == 0) {
        have_permission(w);
        return;
    }
    text_init(&t, words, sizeof words);
    if (r->kind != REPLY_OK)
        wazuh_error_words(&t, r->error);
    else if (answer)
        text_add(&t, answer, n);
    if (r->kind == REPLY_TIMEOUT)
        log_line(w->env->log, LOG_ERROR, w->env->tag, AGENT_INFO_TAG, "Error asking for permission: %s",
                 words);
    else
        log_line(w->env->log, LOG_DEBUG, w->env->tag, AGENT_INFO_TAG,
                 "Master didn't grant permission to start a new synchronization: %s", words);
    no_permission(w);
}

static void due(void *arg) {
    struct agent_info_worker *w = arg;
    struct error e;
    if (w->state == AI_SEND) {
        send_string(w);
        return;
    }
    w->state = AI_ASK;
    enum err err = session_request(w->session, "syn_a_w_m_p", NULL, 0, asked, w, &e);
    w->kick(w->arg);
    if (err == E_OK)
        return;
    log_line(w->env->log, LOG_ERROR, w->env->tag, AGENT_INFO_TAG, "Error asking for permission: %s", e.what);
    no_permission(w);
}

/* ---- the verdict ---- */

/* The string was named and nothing was said about it since: then this is its verdict. It may overtake the
 * reply to syn_a_w_m, and meet a question for permission: neither is waited for any longer. */
static bool take_verdict(struct agent_info_worker *w) {
    bool ours = w->named;
    if (ours)
        session_forget(w->session, w);
    else
        log_line(w->env->log, LOG_DEBUG, w->env->tag, AGENT_INFO_TAG, "A verdict that nobody waits for.");
    w->named = false;
    return ours;
}

static bool is_whole(const struct agent_info_worker *w, const struct agent_result *r) {
    if (r->errors)
        return false;
    return w->env->dialect->agent_info_http ? r->updated > 0 : r->updated >= w->parts;
}

static void result(struct agent_info_worker *w, const struct message *m) {
    struct agent_result r;
    struct error e;
    if (!take_verdict(w))
        return;
    if (agent_result_read(&r, m, &e)) {
        complain(w, e.what);
        refused(w);
        return;
    }
    bool news = !w->sync_ms || w->failed || w->refusals;
    agent_result_log(w->env->log, news ? LOG_INFO : LOG_CYCLE, w->env->tag, AGENT_INFO_TAG, &r,
                     seconds_since(w));
    if (is_whole(w, &r))
        confirm(w, false);
    else if (r.errors || r.updated)
        refused(w);
    else
        failed(w);
}

/* Of all that _err can say only this is about the string and not about the moment. */
static bool is_no_json(const struct message *m) {
    static const char words[] = "error while trying to load JSON";
    uint8_t begin[sizeof words - 1];
    size_t n;
    return !blob_read(&m->body, 0, begin, sizeof begin, &n, NULL) && n == sizeof begin &&
           memcmp(begin, words, n) == 0;
}

static void error_on_master(struct agent_info_worker *w, const struct message *m) {
    if (!take_verdict(w))
        return;
    agent_error_log(w->env->log, w->env->tag, AGENT_INFO_TAG, AGENT_INFO, m);
    if (is_no_json(m))
        refused(w);
    else
        failed(w);
}

void agent_info_worker_request(struct agent_info_worker *w, const struct message *m) {
    session_reply_text(w->session, m->counter, "ok", "Thanks");
    if (m->cmd == CMD_SYN_M_A_E)
        result(w, m);
    else
        error_on_master(w, m);
}

/* ---- the link ---- */

void agent_info_worker_init(struct agent_info_worker *w, struct agents_env *env) {
    memset(w, 0, sizeof *w);
    w->env = env;
    w->state = AI_OFF;
    loop_timer_init(&w->timer, due, w);
    agents_blob_init(&w->blob, env);
}

void agent_info_worker_link_up(struct agent_info_worker *w, struct session *session, void (*kick)(void *arg),
                               void *arg) {
    w->session = session;
    w->kick = kick;
    w->arg = arg;
    w->at_once = true;
    if (!job_runs(w))
        idle(w);
}

static void leave(struct agent_info_worker *w) {
    string_tx_forget(&w->tx);
    if (w->session)
        session_forget(w->session, w);
    w->session = NULL;
    w->granted = w->named = w->at_once = false;
}

void agent_info_worker_link_down(struct agent_info_worker *w) {
    w->failures += w->named || w->state == AI_SEND;
    leave(w);
    if (job_runs(w))
        return;
    let_go(w);
}

void agent_info_worker_fini(struct agent_info_worker *w) {
    leave(w);
    if (job_runs(w))
        store_cancel(w->env->store, &w->job);
    if (w->kept && w->state != AI_CONFIRM)
        log_line(w->env->log, LOG_WARNING, w->env->tag, AGENT_INFO_TAG,
                 "The information of %" PRIu64 " agents was read and not confirmed by the master: it is lost "
                 "until they report again.",
                 w->rows);
    else if (w->state == AI_READ && w->env->store->marks_on_reading)
        log_line(w->env->log, LOG_WARNING, w->env->tag, AGENT_INFO_TAG,
                 "The agent information that was being read is lost until the agents report again.");
    drop(w);
    idle(w);
}
