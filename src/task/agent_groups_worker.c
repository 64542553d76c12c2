/* agent_groups_worker.c - agent groups as the master sends them: into this worker's store, and compared.
 *
 * Strings are taken out of the session's table (wire/xfer_string.c) and given to the store as they are; what
 * is in them is the store's affair. What goes back are results, and the question for the full list. */
#include "task/agent_groups_worker.h"

#include "base/when.h"
#include "task/agent_texts.h"

#include <inttypes.h>
#include <string.h>

#define FULL_PAUSE_MS 100u /* before a full list is applied, see apply */

enum { NOTHING, WRITING, HASHING, RECALCULATING };

static void apply_next(struct agent_groups_worker *w);

static double seconds_since(const struct agent_groups_worker *w) {
    return (double)(w->env->sys->mono_ns(w->env->sys) - w->started_ns) / 1e9;
}

static const char *subtag(const struct agent_groups_in *in) {
    return in->full ? AGENT_GROUPS_RECV_FULL_TAG : AGENT_GROUPS_RECV_TAG;
}

static void submit(struct agent_groups_worker *w, enum store_work work, uint8_t phase,
                   void (*done)(void *arg, struct store_job *j)) {
    w->phase = phase;
    w->job = (struct store_job){
        .work = work, .blob = phase == WRITING ? &w->now.blob : NULL, .done = done, .arg = w};
    store_submit(w->env->store, &w->job);
}

/* ---- the full list ---- */

static uint64_t full_pause_ms(const struct agent_groups_worker *w) {
    uint64_t pause = w->env->intervals->sync_agent_groups_ms;
    for (uint32_t i = 0; i < w->full_helped_not && pause < AGENT_GROUPS_PAUSE_MOST_MS; i++)
        pause *= 2;
    return pause < AGENT_GROUPS_PAUSE_MOST_MS ? pause : AGENT_GROUPS_PAUSE_MOST_MS;
}

/* Why the hashes differ still, for the status. */
static void explain(struct agent_groups_worker *w) {
    char when[WHEN_BYTES];
    struct text t;
    uint64_t now_ms = w->env->loop->now_ms;
    when_utc(when, w->full_ns);
    text_init(&t, w->why, sizeof w->why);
    text_str(&t, "agent groups differ from the master's: ");
    if (w->full_asked && !w->full_came) {
        text_format(&t, "the full list was asked for at %.5s UTC", when + 11);
    } else if (w->full_asked) {
        text_format(&t, "the full list of %.5s UTC has not helped yet", when + 11);
    } else if (now_ms < w->full_again_ms) {
        uint64_t s = (w->full_again_ms - now_ms + 999) / 1000;
        text_format(&t, "the full list %s %.5s UTC did not %s; next one in %" PRIu64 " %s",
                    w->full_came ? "of" : "asked for at", when + 11, w->full_came ? "help" : "come",
                    s < 120 ? s : (s + 59) / 60, s < 120 ? "seconds" : "minutes");
    } else if (w->mismatches >= w->env->intervals->agent_groups_mismatch_limit) {
        text_str(&t, "the full list could not be asked for");
    } else {
        text_format(&t, "%" PRIu32 " of %" PRIu32 " comparisons until the full list is asked for",
                    w->mismatches, w->env->intervals->agent_groups_mismatch_limit);
    }
}

static void ask_for_full(struct agent_groups_worker *w) {
    struct error e;
    if (session_request(w->session, "syn_w_g_c", NULL, 0, NULL, NULL, &e) != E_OK) {
        log_line(w->now.log, LOG_WARNING, w->env->tag, subtag(&w->now),
                 "All agent-groups information could not be requested: %s", e.what);
        return; /* the next comparison tries again */
    }
    w->kick(w->arg);
    w->full_asked = true;
    w->full_came = false;
    w->full_ns = w->env->sys->wall_ns(w->env->sys);
    w->mismatches = 0;
    log_line(w->now.log, LOG_INFO, w->env->tag, subtag(&w->now),
             "Sent request to obtain all agent-groups information from the master node.");
}

static void limit_reached(struct agent_groups_worker *w) {
    if (w->full_asked) {
        w->full_asked = false;
        w->full_helped_not++;
        w->full_again_ms = w->env->loop->now_ms + full_pause_ms(w);
        explain(w);
        log_line(w->now.log, LOG_WARNING, w->env->tag, subtag(&w->now), "%s", w->why);
    }
    if (w->env->loop->now_ms >= w->full_again_ms)
        ask_for_full(w);
}

/* ---- comparing ---- */

/* As Python prints them. */
static const char *shown(const char *hash) {
    return strcmp(hash, "-") == 0 ? "None" : hash;
}

static void take_hash(char out[41], const struct store_job *j) {
    text_copy(out, 41, j->has_hash ? j->hash : "-", j->has_hash ? strlen(j->hash) : 1);
}

static void are_equal(struct agent_groups_worker *w) {
    log_line(w->now.log, LOG_DEBUG, w->env->tag, subtag(&w->now), "The checksum of both databases match. %s",
             w->mismatches ? "Counter reset." : "");
    if (w->full_helped_not)
        log_line(w->now.log, LOG_INFO, w->env->tag, subtag(&w->now), "Agent groups are the master's again.");
    w->mismatches = w->full_helped_not = 0;
    w->full_again_ms = 0;
    w->full_asked = false;
    w->why[0] = '\0';
}

static void are_different(struct agent_groups_worker *w) {
    uint32_t limit = w->env->intervals->agent_groups_mismatch_limit;
    log_line(w->now.log, LOG_DEBUG, w->env->tag, subtag(&w->now),
             "The checksum of master (%s) and worker (%s) are different.", shown(w->master_hash),
             shown(w->hash));
    if (w->mismatches < UINT32_MAX)
        w->mismatches++;
    log_line(w->now.log, LOG_DEBUG, w->env->tag, subtag(&w->now),
             "Checksum comparison failed (%" PRIu32 "/%" PRIu32 ").", w->mismatches, limit);
    if (w->mismatches >= limit)
        limit_reached(w);
    explain(w);
}

/* ---- applying ---- */

static void recalculated(void *arg, struct store_job *j) {
    struct agent_groups_worker *w = arg;
    if (j->err)
        log_line(w->now.log, LOG_WARNING, w->env->tag, subtag(&w->now),
                 "Error executing recalculate agent-group hash command: %s", j->why.what);
    apply_next(w);
}

static void applied(struct agent_groups_worker *w) {
    log_line(w->now.log, w->now.full || w->wrote_rows ? LOG_INFO : LOG_CYCLE, w->env->tag, subtag(&w->now),
             "Finished in %.3fs. Updated %" PRIu32 " chunks.", seconds_since(w), w->chunks);
    if (!w->now.full || !w->env->dialect->groups_recalculated) {
        apply_next(w);
        return;
    }
    log_line(w->now.log, LOG_DEBUG, w->env->tag, subtag(&w->now), "Recalculating agent-group hash.");
    submit(w, STORE_GROUPS_RECALCULATE, RECALCULATING, recalculated);
}

static void hashed(void *arg, struct store_job *j) {
    struct agent_groups_worker *w = arg;
    if (j->err) {
        log_line(w->now.log, w->was_down ? LOG_DEBUG : LOG_ERROR, w->env->tag, subtag(&w->now),
                 "Could not obtain data from wazuh-db: %s", j->why.what);
        w->was_down = true;
        applied(w);
        return;
    }
    w->was_down = false;
    take_hash(w->hash, j);
    w->compared = true;
    w->compare_ms = w->env->loop->now_ms;
    w->equal = strcmp(w->hash, w->master_hash) == 0;
    if (w->equal)
        are_equal(w);
    else if (w->now.told) /* else the link went meanwhile, and there is nobody to ask */
        are_different(w);
    applied(w);
}

static void tell(struct agent_groups_worker *w, const struct agent_groups_in *in, const struct store_job *j,
                 double seconds) {
    char verdict[AGENT_VERDICT_BYTES];
    struct text t;
    struct error e;
    text_init(&t, verdict, sizeof verdict);
    bool good = agent_verdict_write(&t, j, AGENT_GROUPS, seconds);
    if (!j->err || in->full || !w->was_down) /* one line for a store that is away all night */
        agent_verdict_log(in->log, w->env->tag, subtag(in), j, AGENT_GROUPS, seconds);
    w->failures += j->err || j->error_count;
    if (!in->told)
        return;
    const char *command = in->full ? good ? "syn_wgc_e" : "syn_wgc_err" : good ? "syn_w_g_e" : "syn_w_g_err";
    if (session_request(w->session, command, verdict, t.len, NULL, NULL, &e) != E_OK)
        log_line(in->log, LOG_WARNING, w->env->tag, subtag(in), "The master is not told the result: %s",
                 e.what);
    w->kick(w->arg);
}

static void written(void *arg, struct store_job *j) {
    struct agent_groups_worker *w = arg;
    tell(w, &w->now, j, seconds_since(w));
    blob_reset(&w->now.blob);
    if (j->err) {
        w->was_down = true;
        apply_next(w);
        return;
    }
    w->chunks = j->parts;
    w->wrote_rows = j->rows > 0;
    w->rows += j->rows;
    w->sync_ms = w->env->loop->now_ms;
    if (w->now.full && w->full_asked) { /* comparisons from here on tell whether it helped */
        w->full_came = true;
        w->full_ns = w->env->sys->wall_ns(w->env->sys);
        w->mismatches = 0;
    }
    if ((w->now.full && !j->has_hash) || !w->now.told) {
        applied(w);
        return;
    }
    take_hash(w->master_hash, j);
    submit(w, STORE_GROUPS_HASH, HASHING, hashed);
}

static void write_rows(void *arg) {
    struct agent_groups_worker *w = arg;
    w->started_ns = w->env->sys->mono_ns(w->env->sys);
    submit(w, STORE_GROUPS_WRITE, WRITING, written);
}

/* Wazuh's master of up to 4.14 notes that it sent a full list when the reply has come and its turn with it; a
 * result that comes in the same breath finds no note, and is an error with a traceback in its log. */
static void apply(struct agent_groups_worker *w) {
    log_line(w->now.log, w->now.full ? LOG_INFO : LOG_CYCLE, w->env->tag, subtag(&w->now), "Starting.");
    w->phase = WRITING;
    if (w->now.full)
        loop_timer_set(w->env->loop, &w->timer, w->env->loop->now_ms + FULL_PAUSE_MS);
    else
        write_rows(w);
}

static void apply_next(struct agent_groups_worker *w) {
    w->phase = NOTHING;
    if (!w->next_waits)
        return;
    w->next_waits = false;
    w->now.full = w->next.full;
    w->now.told = w->next.told;
    w->now.log = w->next.log;
    blob_move(&w->now.blob, &w->next.blob);
    apply(w);
}

/* ---- requests of the master ---- */

static struct log *log_for(struct agent_groups_worker *w, bool full) {
    uint32_t held;
    return log_brake_pass(&w->brake[full], w->env->loop->now_ms, AGENT_LINES_MS, &held) ? w->env->log : NULL;
}

static void refuse(struct agent_groups_worker *w, const struct message *m) {
    static const char why[] = "agent groups that came before are still being applied";
    struct wazuh_error error;
    size_t n;
    const char *id = message_text(m, &n);
    struct xfer_string *x = id ? xfer_string_find(w->session, id, n) : NULL;
    if (x)
        xfer_string_drop(w->session, x);
    wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, 3037, why);
    session_reply_error(w->session, m->counter, &error);
    w->failures++;
    log_line(log_for(w, m->cmd == CMD_SYN_G_M_W_C), LOG_WARNING, w->env->tag,
             m->cmd == CMD_SYN_G_M_W_C ? AGENT_GROUPS_RECV_FULL_TAG : AGENT_GROUPS_RECV_TAG, "Refused: %s",
             why);
}

void agent_groups_worker_request(struct agent_groups_worker *w, const struct message *m) {
    struct agent_groups_in *in = w->phase == NOTHING ? &w->now : &w->next;
    struct store_job none = {.err = E_OK, .errors = "[]"};
    size_t n;
    if (w->next_waits) {
        refuse(w, m);
        return;
    }
    const char *id = message_text(m, &n); /* cmds.def: 64 bytes at most, so in memory */
    session_reply(w->session, m->counter, "ok", id, n);
    in->full = m->cmd == CMD_SYN_G_M_W_C;
    in->told = true;
    in->log = log_for(w, in->full);
    none.err = agent_string_take(w->session, m, &in->blob, &none.why);
    if (none.err)
        tell(w, in, &none, 0);
    else if (in == &w->now)
        apply(w);
    else
        w->next_waits = true;
}

/* ---- the link ---- */

static void in_init(struct agent_groups_in *in, const struct agents_env *env) {
    blob_init(&in->blob, in->small, sizeof in->small, env->windows, env->spill, env->string_bytes);
}

void agent_groups_worker_init(struct agent_groups_worker *w, struct agents_env *env) {
    memset(w, 0, sizeof *w);
    w->env = env;
    loop_timer_init(&w->timer, write_rows, w);
    in_init(&w->now, env);
    in_init(&w->next, env);
}

void agent_groups_worker_link_up(struct agent_groups_worker *w, struct session *session,
                                 void (*kick)(void *arg), void *arg) {
    w->session = session;
    w->kick = kick;
    w->arg = arg;
}

void agent_groups_worker_link_down(struct agent_groups_worker *w) {
    w->session = NULL;
    w->now.told = w->next.told = false;
    w->mismatches = 0;
    w->full_asked &= w->full_came; /* it will not come any more, and that is nobody's fault */
}

void agent_groups_worker_fini(struct agent_groups_worker *w) {
    agent_groups_worker_link_down(w);
    loop_timer_stop(w->env->loop, &w->timer);
    if (w->phase != NOTHING)
        store_cancel(w->env->store, &w->job);
    w->phase = NOTHING;
    w->next_waits = false;
    blob_reset(&w->now.blob);
    blob_reset(&w->next.blob);
}
