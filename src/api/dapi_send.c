/* api/dapi_send.c - an answer on its way to who asked: a string and dapi_res, or dapi_err with words
 * (reference, section 4.3). It is tried until its asker has it, is gone, or had API_SEND_MS. */
#include "api/dapi_parts.h"

#include "base/bytes.h"

#include <string.h>

#define ANSWERS_AT_ONCE 2u /* to one node */
#define REFUSALS_MOST 20u  /* of an answer that its asker has no room for, before that is told */
#define WORDS_MOST (SMALL_MAX_BYTES - API_ASKER_ID_BYTES) /* for another node; a program gets all of them */

static const struct session_shared *shared(const struct api_slot *s) {
    return &s->api->env.role->shared;
}

static uint64_t now_ms(const struct api_slot *s) {
    return s->api->env.role->loop->now_ms;
}

/* Of an asker that is another node; NULL: it is not connected now. */
static struct session *session_of(const struct api_slot *s, struct link **link) {
    if (s->asker.kind == ASKER_PEER) {
        *link = &s->asker.peer->link;
        return (*link)->doomed ? NULL : &(*link)->session;
    }
    *link = &s->api->env.worker->link;
    return worker_session(s->api->env.worker);
}

void api_answer(struct api_slot *s) {
    if (!s->body.size) {
        api_answer_error(s, WAZUH_INTERNAL_ERROR, 1000, "no room for the answer");
        return;
    }
    s->state = SLOT_ANSWER;
    s->is_error = false;
    s->deadline_ms = now_ms(s) + API_SEND_MS;
    s->retry_ms = 0;
    api_kick(s->api);
}

void api_answer_words(struct api_slot *s, const void *words, size_t n) {
    api_slot_empty(s);
    /* No room even for these: the asker gets the little that needs none. */
    if (!n || blob_append(&s->body, words, n, NULL) != E_OK)
        blob_append(&s->body, (const uint8_t *)"no room for the answer", 22, NULL);
    s->state = SLOT_ANSWER;
    s->is_error = true;
    s->deadline_ms = now_ms(s) + API_SEND_MS;
    s->retry_ms = 0;
    api_kick(s->api);
}

/* As the JSON of an exception, which the asker's Python makes one of again. */
void api_answer_error(struct api_slot *s, enum wazuh_class class, int code, const char *extra) {
    char json[WAZUH_ERROR_JSON_BYTES];
    struct wazuh_error w;
    struct text t;
    wazuh_error_set(&w, class, code, extra);
    text_init(&t, json, sizeof json);
    wazuh_error_write(&t, &w, shared(s)->dialect);
    api_answer_words(s, t.buf, t.len);
}

/* ---- to a local program ---- */

static void local_done(void *arg, bool taken) {
    struct api_slot *s = arg;
    (void)taken; /* if not, it is about to go */
    s->sending = false;
    api_slot_drop(s);
}

static void send_local(struct api_slot *s) {
    s->local = (struct local_answer){.command = s->is_error ? "dapi_err" : "dapi_res",
                                     .as_string = !s->is_error,
                                     .body = &s->body,
                                     .done = local_done,
                                     .arg = s};
    if (local_answer_send(s->api->env.local, s->asker.number, &s->local))
        s->sending = true;
    else
        api_slot_drop(s);
}

/* ---- to another node ---- */

static void later(struct api_slot *s) {
    s->sending = false;
    s->retry_ms = now_ms(s) + API_RETRY_MS;
    api_kick(s->api);
}

/* What the node says to it changes nothing: it has had its answer. */
static void error_told(void *arg, struct session *session, const struct reply *r) {
    struct api_slot *s = arg;
    (void)session;
    (void)r;
    s->sending = false;
    api_slot_drop(s);
}

static void string_done(void *arg, const struct string_message_result *r) {
    struct api_slot *s = arg;
    struct api *a = s->api;
    uint32_t held;
    s->sending = false;
    if (r->end == STRING_MESSAGE_FAILED ||
        (r->end == STRING_MESSAGE_REFUSED && r->error.code == 3000 && s->refusals++ < REFUSALS_MOST)) {
        later(s);
        return;
    }
    if (r->end == STRING_MESSAGE_REFUSED && r->error.code != 3020) {
        /* It may wait for this answer all the same: say why there is none. */
        if (log_brake_pass(&a->brake, now_ms(s), 10000, &held))
            log_line(a->env.role->log, LOG_ERROR, "Cluster", "D API",
                     "Error sending API response to %s: error %d: %s (%u more before)",
                     s->asker.peer ? s->asker.peer->name : "the master", r->error.code, r->error.extra, held);
        api_answer_error(s, r->error.class, r->error.code, r->error.extra);
        return;
    }
    api_slot_drop(s);
}

static enum err send_words(struct api_slot *s, struct session *to) {
    uint8_t *text = shared(s)->scratch;
    size_t id_n = strlen(s->id), n;
    memcpy(text, s->id, id_n);
    text[id_n] = ' ';
    enum err err = blob_read(&s->body, 0, text + id_n + 1, WORDS_MOST, &n, NULL);
    return err ? err : session_request(to, "dapi_err", text, id_n + 1 + n, error_told, s, NULL);
}

static enum err send_string(struct api_slot *s, struct session *to) {
    char prefix[STRING_PREFIX_BYTES];
    struct text t;
    text_init(&t, prefix, sizeof prefix);
    text_format(&t, "%s ", s->id);
    return string_message_start(&s->message, to, "dapi_res", prefix, &s->body, string_done, s, NULL);
}

/* A node takes few strings at once (XFER_STRINGS_PER_SESSION of one like us), and others bring it some, too.
 */
static bool has_enough(const struct api_slot *s) {
    uint32_t under_way = 0;
    for (const struct api_slot *o = s->api->first; o; o = o->next)
        under_way += o->sending && api_same_asker(&o->asker, &s->asker);
    return under_way >= ANSWERS_AT_ONCE;
}

static void send_node(struct api_slot *s) {
    struct link *link;
    struct session *to = session_of(s, &link);
    if (has_enough(s)) /* the end of one of them is a new turn of the queue */
        return;
    if (!to) { /* the news that it is gone is on its way */
        later(s);
        return;
    }
    if ((s->is_error ? send_words(s, to) : send_string(s, to)) != E_OK) {
        later(s);
        return;
    }
    s->sending = true;
    link_kick(link);
}

void api_answer_go(struct api_slot *s) {
    if (s->asker.kind == ASKER_LOCAL)
        send_local(s);
    else
        send_node(s);
}

void api_answer_forget(struct api_slot *s) {
    struct link *link;
    if (!s->sending)
        return;
    s->sending = false;
    if (s->asker.kind == ASKER_LOCAL) {
        local_answer_forget(s->api->env.local, &s->local);
        return;
    }
    session_of(s, &link);
    string_message_forget(&s->message);
    session_forget(&link->session, s);
}
