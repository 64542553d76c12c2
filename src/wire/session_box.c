/* wire/session_box.c - the requests of ours that are out, and whose reply is whose.
 *
 * There is no type bit on the wire: what carries the counter of an outstanding request is its reply, whatever
 * its command (reference, section 1). A request whose time is over keeps its place as abandoned, so that its
 * late reply is swallowed and not taken for a request; when the box is full of those, the oldest goes. */
#include "wire/session_parts.h"

#include <string.h>

enum { FREE, QUEUED, WAITING, ABANDONED };

void box_init(struct session *s) {
    memset(s->box, 0, sizeof s->box);
}

struct request_slot *box_find(struct session *s, uint32_t counter) {
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++)
        if (s->box[i].state != FREE && s->box[i].counter == counter)
            return &s->box[i];
    return NULL;
}

/* A free slot, or the one abandoned longest ago, or NULL. */
static struct request_slot *box_take(struct session *s) {
    struct request_slot *best = NULL;
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++) {
        struct request_slot *slot = &s->box[i];
        if (slot->state == FREE)
            return slot;
        if (slot->state == ABANDONED && (!best || slot->deadline_ms < best->deadline_ms))
            best = slot;
    }
    return best;
}

/* A counter that means nothing else on this connection, on either side, as far as we know. */
static uint32_t box_counter(struct session *s) {
    uint32_t counter;
    do
        counter = s->next_counter++;
    while (box_find(s, counter) || tx_uses(s, counter));
    return counter;
}

static enum err check(const struct session *s, const char *command, struct error *e) {
    size_t n = strlen(command);
    if (s->ended || s->error.code)
        return error_set(e, E_CLOSED, 0, "request %s: the session ends", command);
    if (n == 0 || n >= COMMAND_BYTES)
        return error_set(e, E_LIMIT, 0, "request %s: a command has 1 to 11 characters", command);
    return E_OK;
}

/* Fills a free slot; E_POOL when there is none. */
static enum err box_put(struct session *s, const char *command, reply_fn *reply, void *arg, uint32_t *counter,
                        struct error *e) {
    struct request_slot *slot = box_take(s);
    if (!slot)
        return error_set(e, E_POOL, 0, "request %s: %u are without their reply", command,
                         REQUESTS_PER_SESSION);
    slot->state = FREE;
    *counter = box_counter(s);
    slot->counter = *counter;
    slot->state = QUEUED;
    strcpy(slot->command, command);
    slot->deadline_ms = session_now(s) + s->shared->request_ms;
    slot->reply = reply;
    slot->arg = arg;
    return E_OK;
}

enum err session_request(struct session *s, const char *command, const void *payload, size_t n,
                         reply_fn *reply, void *arg, struct error *e) {
    uint32_t counter;
    enum err err = check(s, command, e);
    if (err)
        return err;
    if (n > SMALL_MAX_BYTES)
        return error_set(e, E_LIMIT, 0, "request %s: %zu bytes are not small", command, n);
    if (!tx_has_room(s, n))
        return error_set(e, E_SPACE, 0, "request %s: the socket takes nothing now", command);
    err = box_put(s, command, reply, arg, &counter, e);
    if (!err)
        tx_small_request(s, counter, command, payload, n);
    return err;
}

enum err session_request_long(struct session *s, const char *command, const uint8_t *prefix, size_t prefix_n,
                              const uint8_t *bytes, size_t n, void (*sent)(void *arg), reply_fn *reply,
                              void *arg, struct error *e) {
    enum err err = check(s, command, e);
    if (err)
        return err;
    struct tx_item *item = tx_long_place(s, false);
    if (!item)
        return error_set(e, E_SPACE, 0, "request %s: too many long messages wait", command);
    err = box_put(s, command, reply, arg, &item->counter, e);
    if (err)
        return err;
    item->request = true;
    strcpy(item->command, command);
    item->prefix = prefix;
    item->prefix_n = prefix_n;
    item->bytes = bytes;
    item->total = (uint64_t)prefix_n + n;
    item->sent = sent;
    item->arg = arg;
    tx_long_queue(s);
    return E_OK;
}

/* A short body takes the short way. */
static enum err request_small_blob(struct session *s, const char *command, struct blob *body, reply_fn *reply,
                                   void *arg, struct error *e) {
    const uint8_t *bytes;
    enum err err = tx_small_body(s, body, &bytes, e);
    if (!err)
        err = session_request(s, command, bytes, (size_t)body->size, reply, arg, e);
    if (!err)
        blob_reset(body);
    return err;
}

enum err session_request_blob(struct session *s, const char *command, struct blob *body, reply_fn *reply,
                              void *arg, struct error *e) {
    enum err err = check(s, command, e);
    if (err)
        return err;
    if (body->size <= SMALL_MAX_BYTES)
        return request_small_blob(s, command, body, reply, arg, e);
    struct tx_item *item = tx_long_place(s, false);
    if (!item)
        return error_set(e, E_SPACE, 0, "request %s: too many long messages wait", command);
    if (!box_take(s)) /* before body is taken over: afterwards nothing may fail */
        return error_set(e, E_POOL, 0, "request %s: too many are without their reply", command);
    err = tx_item_take(s, item, body, e);
    if (err)
        return err;
    box_put(s, command, reply, arg, &item->counter, e);
    item->request = true;
    strcpy(item->command, command);
    tx_long_queue(s);
    return E_OK;
}

bool session_can_request(const struct session *s) {
    if (s->ended || s->error.code || !tx_has_room(s, SMALL_MAX_BYTES))
        return false;
    return box_take((struct session *)s) != NULL;
}

void session_forget(struct session *s, void *arg) {
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++)
        if (s->box[i].state != FREE && s->box[i].arg == arg) {
            s->box[i].state = ABANDONED;
            s->box[i].reply = NULL;
        }
}

void box_sent(struct session *s, uint32_t counter) {
    struct request_slot *slot = box_find(s, counter);
    if (slot && slot->state == QUEUED) {
        slot->state = WAITING;
        slot->deadline_ms = session_now(s) + s->shared->request_ms;
    }
}

void box_progress(struct session *s) {
    uint64_t deadline_ms = 0;
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++)
        if (s->box[i].state == QUEUED) {
            if (!deadline_ms)
                deadline_ms = session_now(s) + s->shared->request_ms;
            s->box[i].deadline_ms = deadline_ms;
        }
}

uint64_t box_deadline(const struct session *s) {
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++) {
        const struct request_slot *slot = &s->box[i];
        if ((slot->state == QUEUED || slot->state == WAITING) && slot->deadline_ms < first)
            first = slot->deadline_ms;
    }
    return first;
}

static void tell(struct session *s, struct request_slot *slot, const struct reply *r) {
    reply_fn *reply = slot->reply;
    slot->reply = NULL;
    if (reply)
        reply(slot->arg, s, r);
}

void box_tick(struct session *s, uint64_t now_ms) {
    struct wazuh_error error;
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++) {
        struct request_slot *slot = &s->box[i];
        if ((slot->state == QUEUED || slot->state == WAITING) && slot->deadline_ms <= now_ms) {
            slot->state = ABANDONED;
            wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, 3020, slot->command);
            tell(s, slot, &(struct reply){.kind = REPLY_TIMEOUT, .error = &error});
        }
    }
}

void box_reply(struct session *s, struct request_slot *slot, struct message *m) {
    struct wazuh_error error;
    struct reply r = {.kind = REPLY_OK, .message = m};
    struct request_slot asked = *slot; /* whoever is told may need the place at once */
    slot->state = FREE;
    if (m->refused) {
        wazuh_error_set(&error, WAZUH_CLUSTER_ERROR, m->reply_code,
                        m->reply_code == 3050 ? "a reply too long for this node" : "no room for a reply");
        r = (struct reply){.kind = REPLY_ERR, .error = &error};
    } else if (strcmp(m->command, "err") == 0) {
        size_t n = 0;
        const uint8_t *text = message_read(m, s->shared->scratch, SESSION_SCRATCH_BYTES, &n, NULL);
        wazuh_error_read(&error, text ? (const char *)text : "", text ? n : 0);
        r = (struct reply){.kind = REPLY_ERR, .error = &error};
    }
    tell(s, &asked, &r);
}

void box_fini(struct session *s) {
    for (size_t i = 0; i < REQUESTS_PER_SESSION; i++) {
        struct request_slot *slot = &s->box[i];
        if (slot->state != FREE) {
            slot->state = FREE;
            tell(s, slot, &(struct reply){.kind = REPLY_LOST});
        }
    }
}
