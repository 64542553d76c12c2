/* api/dapi_queue.c - requests that wait: who gets a place, whose turn it is, whose time is over. What a
 * request is about is nobody's affair here.
 *
 * One piece of work and one timer serve all slots: a turn looks at each, does a bounded piece of what is due,
 * and sets the timer to the next moment at which something may be. */
#include "api/dapi_parts.h"

#include "base/bytes.h"

#include <string.h>

static uint64_t now_ms(const struct api *a) {
    return a->env.role->loop->now_ms;
}

void api_kick(struct api *a) {
    loop_work_queue(a->env.role->loop, &a->work);
}

bool api_same_asker(const struct api_asker *a, const struct api_asker *b) {
    return a->kind == b->kind && (a->kind != ASKER_LOCAL || a->number == b->number) &&
           (a->kind != ASKER_PEER || a->peer == b->peer);
}

/* ---- a place ---- */

void api_blob_init(struct api *a, struct blob *b, uint8_t *small, size_t small_cap) {
    const struct session_shared *shared = &a->env.role->shared;
    blob_init(b, small, small_cap, NULL, shared->spill, shared->message_bytes);
}

/* Windows are for messages that come and go; what waits lies in small memory or in the spool. */
enum err api_keep(struct api *a, struct blob *to, struct blob *from, uint64_t *at, struct error *e) {
    const struct session_shared *shared = &a->env.role->shared;
    const uint8_t *bytes = blob_bytes(from);
    size_t n;
    if (!bytes && !to->size) { /* in the spool already */
        blob_move(to, from);
        return E_OK;
    }
    uint64_t from_at = *at;
    *at = 0;
    if (bytes)
        return blob_append(to, bytes + from_at, (size_t)(from->size - from_at), e);
    for (; from_at < from->size; from_at += n) {
        enum err err = blob_read(from, from_at, shared->scratch, SESSION_SCRATCH_BYTES, &n, e);
        if (err == E_OK)
            err = blob_append(to, shared->scratch, n, e);
        if (err != E_OK)
            return err;
    }
    return E_OK;
}

/* How many requests the asker has; *turn: when one of them was served last. */
static uint32_t count_of(const struct api *a, const struct api_asker *asker, uint64_t *turn) {
    uint32_t count = 0;
    *turn = 0;
    for (const struct api_slot *s = a->first; s; s = s->next)
        if (api_same_asker(&s->asker, asker)) {
            count++;
            *turn = s->turn;
        }
    return count;
}

/* Alone an asker may have more than half, but never all: a request may be for a node that answers none. What
 * nodes leave is for local programs, who serve people; nodes may be as many as one enemy with the key likes.
 */
static enum err may_ask(const struct api *a, const struct api_asker *asker, uint64_t *turn, struct error *e) {
    uint32_t all = a->slot_pool->count, left = all - a->slot_count, mine = count_of(a, asker, turn);
    bool is_node = asker->kind != ASKER_LOCAL, has_half = mine >= all / 2;
    if (left == 0 || (is_node && left <= all / 8))
        return error_set(e, E_POOL, 0, "%u API requests are waiting on this node: ask again", a->slot_count);
    if (has_half && (mine < a->slot_count || left <= all / 4))
        return error_set(e, E_POOL, 0, "%u of your API requests are waiting on this node, and others %sask",
                         mine, mine < a->slot_count ? "" : "may ");
    return E_OK;
}

struct api_slot *api_slot_take(struct api *a, const struct api_asker *asker, const struct message *m,
                               uint64_t at, struct error *e) {
    uint64_t turn;
    if (may_ask(a, asker, &turn, e) != E_OK)
        return NULL;
    struct api_slot *s = pool_take(a->slot_pool);
    if (!s) {
        error_set(e, E_POOL, 0, "no room for another API request");
        return NULL;
    }
    memset(s, 0, offsetof(struct api_slot, small));
    s->api = a;
    s->asker = *asker;
    s->turn = turn;
    s->at = at;
    s->until_ms = s->deadline_ms = now_ms(a) + api_pass_ms(a);
    api_blob_init(a, &s->body, s->small, sizeof s->small);
    api_blob_init(a, &s->answers, NULL, 0);
    /* The session gives up the body of a message that is being served to whoever takes it. */
    if (api_keep(a, &s->body, (struct blob *)&m->body, &s->at, e) != E_OK) {
        blob_reset(&s->body);
        pool_give(a->slot_pool, s);
        return NULL;
    }
    struct api_slot **last = &a->first;
    while (*last)
        last = &(*last)->next;
    *last = s;
    a->slot_count++;
    return s;
}

void api_call_release(struct api_slot *s) {
    struct api_call *c = s->call;
    if (!c)
        return;
    s->call = NULL;
    s->is_handler = false;
    api_solve_cancel(c);
    api_call_fini(c);
    pool_give(s->api->call_pool, c);
    api_kick(s->api);
}

void api_slot_requeue(struct api_slot *s) {
    api_call_release(s);
    api_parts_drop(s);
    s->state = SLOT_QUEUED;
    s->deadline_ms = s->until_ms;
    s->retry_ms = now_ms(s->api) + API_RETRY_MS;
    api_kick(s->api);
}

/* Everything but its place: the answer, whatever it is, is all that matters now. */
void api_slot_empty(struct api_slot *s) {
    api_call_release(s);
    api_parts_drop(s);
    api_merge_end(s);
    blob_reset(&s->answers);
    blob_reset(&s->body);
}

void api_slot_drop(struct api_slot *s) {
    struct api *a = s->api;
    struct api_slot **at = &a->first;
    api_answer_forget(s);
    api_slot_empty(s);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    a->slot_count--;
    pool_give(a->slot_pool, s);
    api_kick(a);
}

/* ---- turns ---- */

static uint32_t calls_of(const struct api *a, const struct api_asker *asker) {
    uint32_t count = 0;
    for (const struct api_slot *s = a->first; s; s = s->next)
        count += s->call && api_same_asker(&s->asker, asker);
    return count;
}

uint32_t api_handlers_running(const struct api *a) {
    uint32_t count = 0;
    for (const struct api_slot *s = a->first; s; s = s->next)
        count += s->call && s->is_handler;
    return count;
}

/* Of those who may have a call: whose asker has the fewest, then who was served longest ago, then who came
 * first. So nobody waits behind ten slow requests of somebody else. */
static struct api_slot *next_slot(struct api *a) {
    struct api_slot *best = NULL;
    uint32_t best_calls = 0;
    bool handlers_full = api_handlers_running(a) >= HANDLERS_MAX;
    for (struct api_slot *s = a->first; s; s = s->next) {
        if (s->state != SLOT_QUEUED || s->retry_ms > now_ms(a) || (s->is_handler && handlers_full))
            continue;
        uint32_t calls = calls_of(a, &s->asker);
        if (calls >= API_ASKER_CALLS)
            continue;
        if (!best || calls < best_calls || (calls == best_calls && s->turn < best->turn)) {
            best = s;
            best_calls = calls;
        }
    }
    return best;
}

static void begin_calls(struct api *a) {
    struct api_slot *s;
    while (a->call_pool->used < a->call_pool->count && (s = next_slot(a)) != NULL) {
        struct api_call *c = pool_take(a->call_pool);
        if (!c)
            return;
        a->turns++;
        for (struct api_slot *of = a->first; of; of = of->next)
            if (api_same_asker(&of->asker, &s->asker))
                of->turn = a->turns;
        s->call = c;
        s->state = SLOT_CALL;
        s->deadline_ms = now_ms(a) + API_RUN_MS;
        api_run_start(s);
    }
}

/* ---- time ---- */

static void expire(struct api_slot *s) {
    struct api *a = s->api;
    uint32_t held;
    switch ((enum api_slot_state)s->state) {
    case SLOT_CALL:
        api_run_timeout(s);
        break;
    case SLOT_SENDING:
    case SLOT_PARTS:
        api_parts_timeout(s);
        break;
    case SLOT_QUEUED:
    case SLOT_MERGING:
        api_answer_error(s, WAZUH_CLUSTER_ERROR, 3021, NULL);
        break;
    case SLOT_ANSWER:
        if (log_brake_pass(&a->brake, now_ms(a), 10000, &held))
            log_line(a->env.role->log, LOG_ERROR, "Cluster", "D API",
                     "An answer was not taken in time and is dropped (%u more before)", held);
        api_slot_drop(s);
        break;
    }
}

/* true: there is more to do at once. */
static bool look_at(struct api_slot *s, uint64_t now) {
    if (s->deadline_ms <= now) {
        expire(s);
        return true;
    }
    if (s->retry_ms > now)
        return false;
    if (s->state == SLOT_MERGING)
        return api_merge_go(s);
    if (s->state == SLOT_ANSWER && !s->sending)
        api_answer_go(s);
    return false;
}

static void set_timer(struct api *a) {
    uint64_t next = UINT64_MAX, now = now_ms(a);
    for (const struct api_slot *s = a->first; s; s = s->next) {
        if (s->deadline_ms < next)
            next = s->deadline_ms;
        if (s->retry_ms > now && s->retry_ms < next)
            next = s->retry_ms;
    }
    uint64_t parts = api_parts_retry(a);
    loop_timer_set(a->env.role->loop, &a->timer, parts < next ? parts : next);
}

/* One that was not looked at in this pass. Whoever is told something may do anything, even with the next. */
static struct api_slot *unseen(const struct api *a) {
    struct api_slot *s = a->first;
    while (s && s->seen == a->passes)
        s = s->next;
    return s;
}

static void work(void *arg) {
    struct api *a = arg;
    struct api_slot *s;
    bool more = false;
    a->passes++;
    while ((s = unseen(a)) != NULL) {
        s->seen = a->passes;
        more |= look_at(s, now_ms(a));
    }
    more |= api_parts_send(a);
    begin_calls(a);
    set_timer(a);
    if (more)
        api_kick(a);
}

static void time_over(void *arg) {
    api_kick(arg);
}

void api_queue_open(struct api *a) {
    loop_work_init(&a->work, work, a);
    loop_timer_init(&a->timer, time_over, a);
    api_blob_init(a, &a->out, NULL, 0);
    for (size_t i = 0; i < API_CALLS; i++)
        api_blob_init(a, &a->outs[i].blob, a->outs[i].small, sizeof a->outs[i].small);
}

void api_queue_close(struct api *a) {
    loop_work_cancel(a->env.role->loop, &a->work);
    loop_timer_stop(a->env.role->loop, &a->timer);
}
