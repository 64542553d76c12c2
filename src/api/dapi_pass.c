/* api/dapi_pass.c - a request on its way to other nodes, and their answers on the way back.
 *
 * A part is what one node is to answer. Its request is put together only when it is its turn to be sent, one
 * at a time, and then belongs to the session. The answers of several parts lie one after the other in one
 * scratch file, and are read from there when all have come. Answers of single ones are not looked at. */
#include "api/dapi_parts.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t now_ms(const struct api *a) {
    return a->env.role->loop->now_ms;
}

/* Of the node that p is for; NULL: it is not connected (any more). */
static struct session *session_of(const struct api *a, const struct api_part *p, struct link **link) {
    *link = p->peer ? &p->peer->link : a->env.worker ? &a->env.worker->link : NULL;
    if (p->peer)
        return (*link)->doomed ? NULL : &(*link)->session;
    return a->env.worker ? worker_session(a->env.worker) : NULL;
}

bool api_node_find(const struct api *a, const char *name, struct peer **peer) {
    *peer = NULL;
    if (strcmp(name, a->env.role->config->node_name) == 0)
        return true;
    for (struct peer *p = a->env.master ? a->env.master->peers : NULL; p; p = p->next)
        if (strcmp(p->name, name) == 0) {
            *peer = p;
            return true;
        }
    return false;
}

/* ---- parts come and go ---- */

/* An id that no other node can guess: it may not answer in the name of the one that was asked. */
static bool new_id(const struct api *a, const struct api_slot *s, struct api_part *p) {
    struct sys *sys = a->env.role->sys;
    if (a->env.worker) { /* to the master goes what a real worker says: the number of the program */
        p->id = s->asker.number;
        return true;
    }
    return sys->random(sys, &p->id, sizeof p->id) >= 0;
}

/* A free place, if its asker may have one more: what it asked may be for nodes that never answer. As in
 * dapi_queue.c, nodes leave some to local programs. */
static struct api_part *free_part(const struct api_slot *s) {
    struct api *a = s->api;
    struct api_part *found = NULL;
    uint32_t left = 0, mine = 0;
    for (struct api_part *p = a->parts; p < a->parts + API_PARTS; p++) {
        mine += p->slot && api_same_asker(&p->slot->asker, &s->asker);
        left += !p->slot;
        found = found || p->slot ? found : p;
    }
    bool is_node = s->asker.kind != ASKER_LOCAL;
    return mine < API_PARTS_MAX && left > (is_node ? API_PARTS / 8 : 0) ? found : NULL;
}

struct api_part *api_part_take(struct api_slot *s, const char *node, struct peer *peer) {
    struct api *a = s->api;
    struct api_part *p = free_part(s);
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    if (!new_id(a, s, p))
        return NULL;
    p->slot = s;
    p->peer = peer;
    p->order = (uint8_t)s->part_count++;
    p->state = PART_DUE;
    p->since_ms = now_ms(a);
    snprintf(p->node, sizeof p->node, "%s", node);
    return p;
}

struct api_part *api_part_of(const struct api_slot *s, uint32_t order) {
    for (struct api_part *p = s->api->parts; p < s->api->parts + API_PARTS; p++)
        if (p->slot == s && p->order == order)
            return p;
    return NULL;
}

/* Nothing of the session comes back to this part. */
static void forget(struct api *a, struct api_part *p) {
    struct link *link;
    session_of(a, p, &link);
    if (p->state == PART_SENT && link && (p->peer || a->env.worker->link_up))
        session_forget(&link->session, p);
    if (a->building == p) {
        a->building = NULL;
        blob_reset(&a->out);
    }
}

void api_parts_drop(struct api_slot *s) {
    struct api *a = s->api;
    for (struct api_part *p = a->parts; s->part_count && p < a->parts + API_PARTS; p++)
        if (p->slot == s) {
            forget(a, p);
            p->slot = NULL;
            s->part_count--;
        }
    s->going = false;
}

struct api_part *api_part_find(struct api *a, struct peer *peer, uint64_t id) {
    struct api_part *found = NULL;
    for (struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
        if (p->slot && p->state == PART_SENT && p->peer == peer && p->id == id &&
            (!found || p->since_ms < found->since_ms))
            found = p;
    return found;
}

/* ---- what becomes of them ---- */

uint32_t api_parts_in(const struct api_slot *s, enum api_part_state state) {
    uint32_t count = 0;
    for (const struct api_part *p = s->api->parts; p < s->api->parts + API_PARTS; p++)
        count += p->slot == s && p->state == state;
    return count;
}

static void fail_alone(struct api_slot *s, const struct api_part *p) {
    uint8_t words[SMALL_MAX_BYTES];
    size_t n = 0;
    if (p->to > p->from)
        blob_read(&s->answers, p->from, words, min_size(sizeof words, (size_t)(p->to - p->from)), &n, NULL);
    if (n)
        api_answer_words(s, words, n);
    else
        api_answer_error(s, (enum wazuh_class)p->class, p->code, p->code == 3021 ? NULL : p->node);
}

/* All have answered, or failed. */
static void complete(struct api_slot *s) {
    struct api_part *p = api_part_of(s, 0);
    if (!api_parts_in(s, PART_DONE)) {
        fail_alone(s, p);
        return;
    }
    if (s->part_count > 1) {
        s->state = SLOT_MERGING;
        s->deadline_ms = now_ms(s->api) + api_pass_ms(s->api);
        s->retry_ms = 0;
        api_kick(s->api);
        return;
    }
    api_parts_drop(s);
    api_answer(s);
}

/* For the answers of other nodes. A master gives up a little earlier than the worker or the program that
 * asked it, which is still there then to hear which node was silent. */
static uint64_t patience_ms(const struct api_slot *s) {
    uint64_t ms = s->long_wait ? API_LONG_MS : api_pass_ms(s->api);
    return s->api->env.master ? ms - ms / 20 : ms;
}

/* The slot's own part, if any, begins when the others are sent: until then its call is needed for them. */
static void settle(struct api_slot *s) {
    struct api *a = s->api;
    if (!s->going || api_parts_in(s, PART_DUE))
        return;
    if (api_parts_in(s, PART_HERE)) {
        for (struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
            if (p->slot == s && p->state == PART_HERE) {
                p->state = PART_RUNNING;
                api_run_here(s, p);
                return;
            }
    }
    if (api_parts_in(s, PART_RUNNING))
        return;
    if (s->state != SLOT_PARTS) {
        api_call_release(s);
        s->state = SLOT_PARTS;
        s->deadline_ms = now_ms(a) + patience_ms(s);
        if (s->part_count == 1 && api_parts_in(s, PART_SENT))
            blob_reset(&s->body); /* its place is the answer's */
    }
    if (!api_parts_in(s, PART_SENT))
        complete(s);
    else
        api_kick(a); /* for the deadline */
}

void api_part_fail(struct api_part *p, enum wazuh_class class, int code) {
    forget(p->slot->api, p);
    p->peer = NULL;
    p->state = PART_FAILED;
    p->class = (uint8_t) class;
    p->code = code;
    settle(p->slot);
}

void api_part_answer(struct api_part *p, struct blob *answer) {
    struct api_slot *s = p->slot;
    bool alone = s->part_count == 1;
    uint64_t at = 0;
    forget(s->api, p);
    p->peer = NULL;
    p->from = alone ? 0 : s->answers.size;
    if (alone)
        blob_reset(&s->body);
    if (api_keep(s->api, alone ? &s->body : &s->answers, answer, &at, NULL) != E_OK) {
        p->to = p->from;
        api_part_fail(p, WAZUH_CLUSTER_ERROR, 3000);
        return;
    }
    p->to = p->from + (alone ? s->body.size : s->answers.size - p->from);
    p->state = PART_DONE;
    settle(s);
}

/* An error in words of the other node. Without room for them, one of ours. */
void api_part_words(struct api_part *p, const void *words, size_t n) {
    struct api_slot *s = p->slot;
    p->from = s->answers.size;
    p->to = n && blob_append(&s->answers, words, n, NULL) == E_OK ? p->from + n : p->from;
    api_part_fail(p, WAZUH_CLUSTER_ERROR, 3000);
}

void api_parts_timeout(struct api_slot *s) {
    s->deadline_ms = UINT64_MAX; /* that of the next state follows */
    for (uint32_t i = 0; i < API_PARTS_MAX; i++) {
        struct api_part *p = api_part_of(s, i);
        if (!p || (s->state != SLOT_PARTS && s->state != SLOT_SENDING))
            return;
        if (p->state == PART_SENT || p->state == PART_DUE)
            api_part_fail(p, WAZUH_CLUSTER_ERROR, 3021); /* as MasterHandler.execute has it */
    }
}

/* ---- sending ---- */

static void answered(void *arg, struct session *session, const struct reply *r) {
    struct api_part *p = arg;
    char json[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    (void)session;
    if (p->state != PART_SENT || r->kind == REPLY_OK)
        return;
    if (r->kind == REPLY_LOST) {
        api_part_fail(p, WAZUH_CLUSTER_ERROR, p->peer ? 3032 : 3023);
        return;
    }
    text_init(&t, json, sizeof json);
    wazuh_error_write(&t, r->error, p->slot->api->env.role->dialect);
    api_part_words(p, t.buf, t.len);
}

static enum err begin_building(struct api *a, struct api_part *p, struct error *e) {
    char id[32];
    struct text t;
    struct api_slot *s = p->slot;
    a->building = p;
    a->copied = s->at;
    text_init(&t, id, sizeof id);
    text_format(&t, p->peer ? "%016" PRIx64 " " : "%" PRIu64 " ", p->id);
    enum err err = blob_append(&a->out, (const uint8_t *)t.buf, t.len, e);
    return err || s->raw ? err : api_solve_request(s, p, &a->out, e);
}

/* One piece of a request that goes as it is. */
static enum err copy_piece(struct api *a, const struct blob *from, struct error *e) {
    const struct session_shared *shared = &a->env.role->shared;
    size_t n;
    enum err err = blob_read(from, a->copied, shared->scratch, SESSION_SCRATCH_BYTES, &n, e);
    if (!err)
        err = blob_append(&a->out, shared->scratch, n, e);
    a->copied += n;
    return err;
}

static void give(struct api *a, struct api_part *p) {
    struct link *link;
    struct error e;
    struct session *to = session_of(a, p, &link);
    enum err err =
        to ? session_request_blob(to, "dapi", &a->out, answered, p, &e) : error_set(&e, E_CLOSED, 0, "gone");
    a->building = NULL;
    blob_reset(&a->out);
    if (err == E_OK) {
        p->state = PART_SENT;
        p->since_ms = now_ms(a);
        link_kick(link);
        settle(p->slot);
    } else if ((err == E_SPACE || err == E_POOL) && now_ms(a) - p->since_ms < API_STUCK_MS) {
        p->retry_ms = now_ms(a) + API_RETRY_MS;
    } else {
        api_part_fail(p, WAZUH_CLUSTER_ERROR, err == E_CLOSED ? p->peer ? 3032 : 3023 : 3020);
    }
}

static struct api_part *next_due(struct api *a) {
    for (struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
        if (p->slot && p->slot->going && p->state == PART_DUE && p->retry_ms <= now_ms(a))
            return p;
    return NULL;
}

bool api_parts_send(struct api *a) {
    struct error e = {.code = E_OK};
    struct api_part *p = a->building;
    enum err err = E_OK;
    if (!p) {
        p = next_due(a);
        if (!p)
            return false;
        err = begin_building(a, p, &e);
    }
    if (!err && p->slot->raw && a->copied < p->slot->body.size)
        err = copy_piece(a, &p->slot->body, &e);
    if (err) {
        uint32_t held;
        if (log_brake_pass(&a->brake, now_ms(a), 10000, &held))
            log_line(a->env.role->log, LOG_ERROR, "Cluster", "D API", "A request for %s: %s (%u more before)",
                     p->node, e.what, held);
        api_part_words(p, e.what, strlen(e.what));
        return true;
    }
    if (!p->slot->raw || a->copied >= p->slot->body.size)
        give(a, p);
    return true;
}

uint64_t api_parts_retry(const struct api *a) {
    uint64_t next = UINT64_MAX;
    for (const struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
        if (p->slot && p->slot->going && p->state == PART_DUE && p->retry_ms && p->retry_ms < next)
            next = p->retry_ms;
    return next;
}

void api_parts_go(struct api_slot *s) {
    s->going = true;
    s->deadline_ms = now_ms(s->api) + patience_ms(s);
    if (!s->call)
        s->state = SLOT_SENDING;
    settle(s);
    api_kick(s->api);
}

/* The master of this worker answers; it is given the request as it came. */
void api_pass_to_master(struct api_slot *s) {
    api_call_release(s);
    s->raw = true;
    if (!worker_session(s->api->env.worker))
        api_answer_error(s, WAZUH_CLUSTER_ERROR, 3023, NULL);
    else if (!api_part_take(s, "", NULL))
        api_answer_error(s, WAZUH_CLUSTER_ERROR, 3000, "too many requests to other nodes: ask again");
    else
        api_parts_go(s);
}
