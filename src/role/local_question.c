/* local_question.c - get_nodes and get_health of a worker's programs, passed on to the master; its answer
 * comes back to each as control_res. So does its error: the original loses it and lets the program wait for
 * 200 s (baseline document, last section).
 *
 * Some questions are under way at once; when there are more, programs that ask the same word for word before
 * it is sent share one. So hundreds that ask at once cost the master and this node a few. */
#include "role/local.h"

#include <string.h>

enum { FREE, UNSENT, SENT, ANSWERED };

#define SENT_MOST (LOCAL_QUESTIONS / 2u) /* so that there is room for those to be shared */

static void release(struct local_question *q) {
    blob_reset(&q->body);
    q->state = FREE;
}

static void answer_done(void *arg, bool taken) {
    struct local_client *c = arg;
    struct local_question *q = c->question;
    (void)taken;
    c->question = NULL;
    if (--q->askers == 0)
        release(q);
    loop_work_queue(q->server->env->loop, &q->server->work); /* there may be room for the next */
}

/* The answer is in q->body. */
static void tell_all(struct local_question *q) {
    struct local_server *l = q->server;
    q->state = ANSWERED;
    for (struct local_client *c = l->clients; c; c = c->next)
        if (c->question == q) {
            c->answer = (struct local_answer){
                .command = "control_res", .body = &q->body, .done = answer_done, .arg = c};
            local_answer_send(l, c->number, &c->answer);
        }
    if (q->askers == 0)
        release(q);
}

static void tell_error(struct local_question *q, const struct wazuh_error *w) {
    char json[WAZUH_ERROR_JSON_BYTES];
    struct text t;
    text_init(&t, json, sizeof json);
    wazuh_error_write(&t, w, q->server->env->dialect);
    blob_reset(&q->body);
    if (blob_append(&q->body, (const uint8_t *)json, t.len, NULL) != E_OK) {
        /* It did not fit the small memory and there is no window: the short form of it does. */
        struct wazuh_error brief;
        wazuh_error_set(&brief, w->class, w->code, NULL);
        text_init(&t, json, sizeof json);
        wazuh_error_write(&t, &brief, q->server->env->dialect);
        blob_reset(&q->body);
        blob_append(&q->body, (const uint8_t *)json, t.len, NULL);
    }
    tell_all(q);
}

static void master_answered(void *arg, struct session *s, const struct reply *r) {
    struct local_question *q = arg;
    struct wazuh_error own;
    struct error e;
    (void)s;
    loop_work_queue(q->server->env->loop, &q->server->work);
    if (r->kind == REPLY_OK) {
        blob_reset(&q->body);
        if (blob_copy(&q->body, &r->message->body, &e) == E_OK) {
            tell_all(q);
            return;
        }
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 3000, e.what);
    } else if (r->kind == REPLY_LOST) {
        wazuh_error_set(&own, WAZUH_CLUSTER_ERROR, 3023, NULL);
    } else {
        own = *r->error;
    }
    tell_error(q, &own);
}

/* ---- asking ---- */

static bool is_same(const struct local_question *q, enum cmd_id cmd, const char *text, size_t n) {
    const uint8_t *bytes = blob_bytes(&q->body);
    return q->state == UNSENT && q->cmd == cmd && q->body.size == n && bytes && memcmp(bytes, text, n) == 0;
}

/* One to share, or a free one with the text in it; NULL: neither. */
static struct local_question *find(struct local_server *l, enum cmd_id cmd, const char *text, size_t n) {
    const struct session_shared *shared = &l->env->shared;
    struct local_question *q = NULL;
    for (size_t i = 0; i < LOCAL_QUESTIONS; i++) {
        if (is_same(&l->question[i], cmd, text, n))
            return &l->question[i];
        if (!q && l->question[i].state == FREE)
            q = &l->question[i];
    }
    if (!q)
        return NULL;
    blob_init(&q->body, q->small, sizeof q->small, shared->windows, shared->spill, shared->message_bytes);
    if (blob_append(&q->body, (const uint8_t *)text, n, NULL) != E_OK)
        return NULL;
    q->server = l;
    q->cmd = cmd;
    q->askers = 0;
    q->state = UNSENT;
    return q;
}

void local_question_ask(struct local_client *c, struct session *s, const struct message *m) {
    struct local_server *l = c->server;
    size_t n;
    const char *text = message_text(m, &n);
    if (c->question || !text || n > LOCAL_QUESTION_BYTES) {
        role_not_served(s, m->counter, "one question of at most 4096 bytes at a time");
        return;
    }
    struct local_question *q = find(l, m->cmd, text, n);
    if (!q) {
        role_not_served(s, m->counter, "too many different questions to the master are under way");
        return;
    }
    c->question = q;
    q->askers++;
    local_promise(c);
    session_reply_text(s, m->counter, "ok", "Sent request to master node");
    loop_work_queue(l->env->loop, &l->work);
}

/* False: try again later. */
static bool send_one(struct local_server *l, struct local_question *q) {
    struct session *to = worker_session(l->worker);
    struct wazuh_error w;
    struct error e;
    size_t n = (size_t)q->body.size;
    enum err err = to ? E_OK : E_CLOSED;
    const uint8_t *text = blob_bytes(&q->body);
    if (err == E_OK && !text && n) {
        text = l->env->shared.scratch;
        err = blob_read(&q->body, 0, l->env->shared.scratch, n, &n, &e);
    }
    if (err == E_OK)
        err = session_request(to, cmd_text(q->cmd), text, n, master_answered, q, &e);
    if (err == E_POOL || err == E_SPACE)
        return false;
    if (err == E_OK) {
        q->state = SENT;
        link_kick(&l->worker->link);
        return true;
    }
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, err == E_CLOSED ? 3023 : 3000, err == E_CLOSED ? NULL : e.what);
    tell_error(q, &w);
    return true;
}

bool local_questions_send(struct local_server *l) {
    unsigned sent = 0;
    for (size_t i = 0; i < LOCAL_QUESTIONS; i++)
        sent += l->question[i].state == SENT;
    for (size_t i = 0; i < LOCAL_QUESTIONS; i++) {
        struct local_question *q = &l->question[i];
        if (q->state != UNSENT)
            continue;
        if (sent >= SENT_MOST)
            return false; /* an answer will come, and us with it */
        if (!send_one(l, q))
            return true;
        sent += q->state == SENT;
    }
    return false;
}

void local_question_leave(struct local_client *c) {
    struct local_question *q = c->question;
    if (!q || q->state == ANSWERED) /* answered: its answer ends it */
        return;
    c->question = NULL;
    if (--q->askers == 0 && q->state == UNSENT)
        release(q);
}

void local_questions_close(struct local_server *l) {
    for (size_t i = 0; i < LOCAL_QUESTIONS; i++) {
        struct local_question *q = &l->question[i];
        if (q->state == SENT && l->worker->link_up) /* joined, or about to be reaped */
            session_forget(&l->worker->link.session, q);
        if (q->state != FREE)
            release(q);
    }
}
