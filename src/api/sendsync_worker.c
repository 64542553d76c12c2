/* api/sendsync_worker.c - on a worker: a local program's message goes to the master, and what comes back goes
 * to the program, in one frame "ok" or "err" (reference, section 13). C programs compare the command with
 * the 12 bytes "err --------" and read at most 65,536 bytes.
 *
 * The program is told at once when the master is lost in the middle: it asks again, ten times. Whether the
 * master had done by then what was asked is not known here; if it was a registration, its authd's rule for
 * names that are taken decides about the second one. */
#include "api/sendsync.h"

#include "wire/task_text.h"

#include <string.h>

/* NULL: not joined. */
static struct session *master(const struct sendsyncs *q) {
    return q->env->worker ? worker_session(q->env->worker) : NULL;
}

/* ---- to the master ---- */

/* Only a refusal means something: the answer comes as a command of its own, perhaps before this, perhaps
 * after the time for this. A session that ends says so to sendsync_master_gone. */
static void replied(void *arg, struct session *s, const struct reply *r) {
    struct sendsync *x = arg;
    (void)s;
    if (r->kind == REPLY_ERR && x->phase == SENDSYNC_ASKED)
        sendsync_fail(x, r->error->code, r->error->has_extra ? r->error->extra : NULL);
}

void sendsync_worker_forget(struct sendsync *x) {
    struct session *s = master(x->queue);
    if (s)
        session_forget(s, x);
}

static void ask(struct sendsync *x) {
    struct session *s = master(x->queue);
    enum err err = s ? session_request_blob(s, "sendsync", &x->body, replied, x, NULL) : E_CLOSED;
    if (err == E_POOL || err == E_SPACE) {
        sendsync_later(x);
    } else if (err != E_OK) {
        sendsync_fail(x, 3023, NULL);
    } else {
        sendsync_go(x, SENDSYNC_ASKED, SENDSYNC_WAIT_MS);
        link_kick(&x->queue->env->worker->link);
    }
}

void sendsync_worker_work(struct sendsync *x) {
    if (x->phase == SENDSYNC_ASK)
        ask(x);
}

/* "<number> <message>" */
static enum err fill(struct sendsync *x, const struct message *m) {
    char prefix[16];
    struct text t;
    text_init(&t, prefix, sizeof prefix);
    text_format(&t, "%u ", (unsigned)x->number);
    enum err err = blob_append(&x->body, (const uint8_t *)t.buf, t.len, NULL);
    return err ? err : blob_copy(&x->body, &m->body, NULL);
}

static void refuse(struct session *s, const struct message *m, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, code, extra);
    session_reply_error(s, m->counter, &w);
}

void sendsync_from_local(struct sendsyncs *q, struct local_client *c, struct session *s,
                         const struct message *m) {
    if (!q->env->worker) {
        role_not_served(s, m->counter, "a master does not serve this command");
        return;
    }
    if (!master(q)) {
        refuse(s, m, 3023, NULL);
        return;
    }
    struct sendsync *x = sendsync_new(q, NULL, local_number(c));
    enum err err = x ? fill(x, m) : E_POOL;
    if (err != E_OK) {
        if (x)
            sendsync_drop(x);
        refuse(s, m, 3000, "no room for another message to the master: ask again");
        return;
    }
    local_promise(c);
    sendsync_go(x, SENDSYNC_ASK, SENDSYNC_ASK_MS);
    if (m->cmd == CMD_SENDASYNC)
        session_reply_text(s, m->counter, "ok", "Added request to sendsync requests queue");
}

/* ---- and back ---- */

static void given(void *arg, bool taken) {
    (void)taken; /* one that does not read its answer asks again */
    sendsync_drop(arg);
}

void sendsync_worker_answer(struct sendsync *x) {
    struct local_answer *a = &x->u.local_answer;
    if (x->phase == SENDSYNC_ASKED)
        sendsync_worker_forget(x);
    *a =
        (struct local_answer){.command = x->failed ? "err" : "ok", .body = &x->body, .done = given, .arg = x};
    if (local_answer_send(x->queue->env->local, x->number, a))
        sendsync_go(x, SENDSYNC_GIVE, SENDSYNC_ANSWER_MS);
    else
        sendsync_drop(x);
}

/* Who waits longest of those with this number. */
static struct sendsync *asked(const struct sendsyncs *q, const char *number, size_t n) {
    uint64_t v;
    if (!text_number(number, n, UINT32_MAX, &v))
        return NULL;
    for (struct sendsync *x = q->first; x; x = x->next)
        if (!x->peer && x->phase == SENDSYNC_ASKED && x->number == v)
            return x;
    return NULL;
}

static void bring_string(struct sendsync *x, struct session *s, struct xfer_string *string) {
    blob_reset(&x->body);
    if (string->body.size <= SENDSYNC_C_BYTES)
        blob_move(&x->body, &string->body);
    xfer_string_drop(s, string);
    if (x->body.size)
        sendsync_answer(x);
    else
        sendsync_fail(x, 1014, "the answer is empty, or longer than 65536 bytes");
}

static void answered(struct sendsync *x, struct session *s, const struct message *m, const char *id,
                     size_t n) {
    struct xfer_string *string = xfer_string_find(s, id, n);
    struct wazuh_error w;
    if (string && x) {
        bring_string(x, s, string);
    } else if (string) {
        xfer_string_drop(s, string); /* its program is gone */
    } else {
        wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3035, NULL);
        session_reply_error(s, m->counter, &w);
        if (x)
            sendsync_fail(x, 3035, NULL);
        return;
    }
    session_reply_text(s, m->counter, "ok", "Response forwarded to worker");
}

void sendsync_from_master(struct sendsyncs *q, struct session *s, const struct message *m) {
    char number[SENDSYNC_ID_BYTES];
    const char *rest = "";
    size_t n, rest_n = 0;
    const char *text = message_text(m, &n);
    struct sendsync *x = NULL;
    if (text && task_and_rest(text, n, number, sizeof number, &rest, &rest_n))
        x = asked(q, number, strlen(number));
    if (m->cmd == CMD_SENDSYN_RES) {
        answered(x, s, m, rest, rest_n);
        return;
    }
    if (x)
        sendsync_refuse(x, rest, rest_n);
    session_reply_text(s, m->counter, "ok", "SendSync error forwarded to worker");
}

void sendsync_master_gone(struct sendsyncs *q) {
    for (struct sendsync *x = q->first, *next; x; x = next) {
        next = x->next;
        if (!x->peer && (x->phase == SENDSYNC_ASK || x->phase == SENDSYNC_ASKED))
            sendsync_fail(x, 3023, NULL);
    }
}
