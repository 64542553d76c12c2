/* agent_groups_master.c - agent groups from the store to all workers: the rounds and the full list, one job
 * of the store at a time. What comes out of it goes to each worker through agent_groups_peer.
 *
 * A string is held by the master while it is the last round's (or the full list that others may still share),
 * and by each worker that is being sent it; with nobody left its place is free. */
#include "task/agent_groups_master.h"

#include "task/agent_texts.h"

#include <string.h>

enum {
    REST,
    READ,        /* a round */
    TELL,        /* its rows are kept here: they count as told */
    RECALCULATE, /* before a full list */
    READ_ALL,
    OVER /* the node ends: nothing more begins */
};

static uint64_t now_ms(const struct agent_groups_master *m) {
    return m->env->loop->now_ms;
}

/* ---- strings ---- */

void agent_groups_release(struct agent_groups_string *s) {
    if (s && --s->readers == 0)
        blob_reset(&s->blob);
}

/* The last round's string makes room: who was still owed it has missed it. */
static void release_round(struct agent_groups_master *m) {
    for (struct agent_groups_peer *p = m->peers; m->now && p; p = p->next)
        if (p->owed_round) {
            p->full_wanted |= m->now->rows > 0;
            p->owed_round = 0;
        }
    agent_groups_release(m->now);
    m->now = NULL;
}

static void release_all(struct agent_groups_master *m) {
    agent_groups_release(m->all);
    m->all = NULL;
}

static struct agent_groups_string *take_string(struct agent_groups_master *m) {
    for (size_t i = 0; i < GROUPS_ROUNDS; i++)
        if (!m->strings[i].readers) {
            m->strings[i].readers = 1;
            m->strings[i].rows = 0;
            return &m->strings[i];
        }
    return NULL;
}

/* ---- the rounds ---- */

static void job_over(struct agent_groups_master *m, bool was_round) {
    m->phase = REST;
    if (was_round)
        loop_timer_set(m->env->loop, &m->timer, now_ms(m) + m->env->intervals->sync_agent_groups_ms);
    agent_groups_master_next(m);
}

static void submit(struct agent_groups_master *m, uint8_t phase, enum store_work work,
                   void (*done)(void *arg, struct store_job *j)) {
    m->phase = phase;
    m->job = (struct store_job){.work = work, .done = done, .arg = m};
    if (m->reading)
        m->job.blob = &m->reading->blob;
    store_submit(m->env->store, &m->job);
}

/* Said once, until it reads again. */
static void store_failed(struct agent_groups_master *m, const char *what, const struct store_job *j) {
    m->failures++;
    log_line(m->env->log, m->was_down ? LOG_CYCLE : LOG_ERROR, m->env->tag, AGENT_GROUPS_LOCAL_TAG, "%s: %s",
             what, j->why.what);
    m->was_down = true;
}

static void drop_reading(struct agent_groups_master *m) {
    agent_groups_release(m->reading);
    m->reading = NULL;
}

static void told(void *arg, struct store_job *j) {
    struct agent_groups_master *m = arg;
    if (j->err) /* they are read, and sent, once more */
        store_failed(m, "Could not mark agent-groups as sent", j);
    job_over(m, true);
}

/* A round that is in memory counts as told at once: whoever does not get it gets the full list, and after a
 * restart of this node the hash tells. */
static void distribute(struct agent_groups_master *m) {
    release_round(m);
    m->now = m->reading;
    m->reading = NULL;
    for (struct agent_groups_peer *p = m->peers; p; p = p->next)
        p->owed_round = m->now->number;
    if (m->now->rows)
        submit(m, TELL, STORE_GROUPS_TOLD, told);
    for (struct agent_groups_peer *p = m->peers; p; p = p->next)
        agent_groups_peer_pump(p);
}

static void round_read(void *arg, struct store_job *j) {
    struct agent_groups_master *m = arg;
    if (j->err || !m->peers || !m->reading->blob.size) {
        if (j->err)
            store_failed(m, "Could not obtain data from wazuh-db", j);
        drop_reading(m); /* not told: the rows come again when somebody is there */
        job_over(m, true);
        return;
    }
    m->was_down = false;
    memcpy(m->hash, j->has_hash ? j->hash : "", j->has_hash ? sizeof m->hash : 1);
    m->reading->rows = j->parts;
    m->reading->full = false;
    m->reading->number = ++m->round;
    log_line(m->env->log, j->parts ? LOG_INFO : LOG_CYCLE, m->env->tag, AGENT_GROUPS_LOCAL_TAG,
             "Finished in %.3fs.", (double)(m->env->sys->mono_ns(m->env->sys) - m->started_ns) / 1e9);
    distribute(m);
    if (m->phase == READ)
        job_over(m, true);
}

static void begin_round(struct agent_groups_master *m) {
    m->round_due = false;
    for (struct agent_groups_peer *p = m->peers; p; p = p->next)
        agent_groups_peer_cut(p);
    release_all(m); /* who comes for it from now on may have changes that it has not */
    if (!m->peers) {
        log_line(m->env->log, m->told_nobody ? LOG_CYCLE : LOG_INFO, m->env->tag, AGENT_GROUPS_LOCAL_TAG,
                 "No clients connected. Skipping.");
        m->told_nobody = true;
        release_round(m);
        job_over(m, true);
        return;
    }
    m->told_nobody = false;
    m->reading = take_string(m);
    if (!m->reading && m->now && m->now->readers == 1) { /* nobody is being sent the last one */
        release_round(m);
        m->reading = take_string(m);
    }
    if (!m->reading) { /* not read, so nothing is lost */
        m->skipped++;
        log_line(m->env->log, LOG_WARNING, m->env->tag, AGENT_GROUPS_LOCAL_TAG,
                 "Workers are still being sent the last %u strings. Skipping.", GROUPS_ROUNDS);
        job_over(m, true);
        return;
    }
    m->started_ns = m->env->sys->mono_ns(m->env->sys);
    log_line(m->env->log, LOG_CYCLE, m->env->tag, AGENT_GROUPS_LOCAL_TAG, "Starting.");
    submit(m, READ, STORE_GROUPS_READ, round_read);
}

static void round_timer(void *arg) {
    struct agent_groups_master *m = arg;
    m->round_due = true;
    agent_groups_master_next(m);
}

/* ---- the full list ---- */

static void full_read(void *arg, struct store_job *j) {
    struct agent_groups_master *m = arg;
    bool nothing = j->err || !j->parts || !m->reading->blob.size;
    if (j->err)
        store_failed(m, "Could not obtain data from wazuh-db", j);
    for (struct agent_groups_peer *p = m->peers; nothing && p; p = p->next)
        if (agent_groups_peer_may_have_full(p)) {
            p->full_again_ms = now_ms(m) + m->env->intervals->sync_agent_groups_ms;
            if (!j->err)
                agent_groups_peer_full_is_empty(p);
        }
    if (nothing) {
        drop_reading(m);
    } else {
        m->was_down = false;
        m->reading->rows = j->parts;
        m->reading->full = true;
        m->reading->number = m->round;
        m->all = m->reading;
        m->reading = NULL;
        for (struct agent_groups_peer *p = m->peers; p; p = p->next)
            agent_groups_peer_pump(p);
    }
    job_over(m, false);
}

static void recalculated(void *arg, struct store_job *j) {
    struct agent_groups_master *m = arg;
    if (j->err)
        log_line(m->env->log, LOG_WARNING, m->env->tag, AGENT_GROUPS_SEND_FULL_TAG,
                 "Error executing recalculate agent-group hash command: %s", j->why.what);
    submit(m, READ_ALL, STORE_GROUPS_READ_ALL, full_read);
}

static bool full_is_wanted(const struct agent_groups_master *m) {
    for (const struct agent_groups_peer *p = m->peers; p; p = p->next)
        if (agent_groups_peer_may_have_full(p))
            return true;
    return false;
}

void agent_groups_master_next(struct agent_groups_master *m) {
    if (m->phase != REST)
        return;
    if (m->round_due) {
        begin_round(m);
        return;
    }
    if (m->all || !full_is_wanted(m))
        return;
    m->reading = take_string(m);
    if (!m->reading)
        return; /* asked again with every round, and whenever a worker is done with a string */
    if (m->env->dialect->groups_recalculated)
        submit(m, RECALCULATE, STORE_GROUPS_RECALCULATE, recalculated);
    else
        submit(m, READ_ALL, STORE_GROUPS_READ_ALL, full_read);
}

/* ---- beginning and end ---- */

void agent_groups_master_init(struct agent_groups_master *m, struct agents_env *env) {
    memset(m, 0, sizeof *m);
    m->env = env;
    loop_timer_init(&m->timer, round_timer, m);
    for (size_t i = 0; i < GROUPS_ROUNDS; i++)
        blob_init(&m->strings[i].blob, m->strings[i].small, sizeof m->strings[i].small, env->windows,
                  env->spill, env->string_bytes);
}

void agent_groups_master_start(struct agent_groups_master *m) {
    uint32_t delay_ms = m->env->intervals->agent_group_start_delay_ms;
    log_line(m->env->log, LOG_INFO, m->env->tag, AGENT_GROUPS_LOCAL_TAG,
             "Sleeping %us before starting the agent-groups task, waiting for the workers connection.",
             delay_ms / 1000);
    loop_timer_set(m->env->loop, &m->timer, now_ms(m) + delay_ms);
}

void agent_groups_master_fini(struct agent_groups_master *m) {
    if (m->phase != REST && m->phase != OVER)
        store_cancel(m->env->store, &m->job);
    m->phase = OVER;
    loop_timer_stop(m->env->loop, &m->timer);
    drop_reading(m);
    release_round(m);
    release_all(m);
}
