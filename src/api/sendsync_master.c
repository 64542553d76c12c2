/* api/sendsync_master.c - on a master: a worker's message for a daemon is read, in pieces, whatever its
 * length; and what the daemon said goes back to the worker as a string, or as an error in words (reference,
 * section 13; wazuh/core/wazuh_socket.py of 4.14.7 for the words).
 *
 *   <program> {"daemon_name": "authd", "message": {...} or "..."}
 *
 * A message that is an object reaches the daemon byte for byte as the worker sent it, a string without its
 * escapes. (A real node parses the object and prints it again with other blanks, which no daemon sees.) */
#include "api/sendsync.h"

#include <string.h>

#define PIECE_BYTES SESSION_SCRATCH_BYTES /* of the message, read in one turn */

/* ---- the message ---- */

static enum json_want value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct sendsync *x = arg;
    if (depth == 0)
        return JSON_ENTER;
    if (depth > 1)
        return JSON_SKIP;
    if (!strcmp(key ? key : "", "daemon_name"))
        return kind == JSON_STRING ? JSON_KEEP : JSON_SKIP;
    if (strcmp(key ? key : "", "message") != 0)
        return JSON_SKIP;
    blob_reset(&x->text);
    x->u.read.is_object = kind == JSON_OBJECT;
    x->u.read.has_message = kind == JSON_OBJECT || kind == JSON_STRING;
    x->from = x->u.read.base + x->u.read.stream.at - 1;
    return kind == JSON_STRING ? JSON_PASS : JSON_ENTER;
}

static enum err kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                     struct error *e) {
    struct sendsync *x = arg;
    size_t len;
    (void)depth, (void)key, (void)e;
    x->u.read.has_daemon = true;
    if (json_unescape(json + 1, n - 2, x->u.read.daemon, sizeof x->u.read.daemon, &len) != E_OK)
        x->u.read.daemon[0] = '\0'; /* no daemon's name */
    return E_OK;
}

static enum err name_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct sendsync *x = arg;
    (void)depth, (void)key, (void)e;
    x->u.read.has_daemon = true;
    x->u.read.daemon[0] = '\0';
    return E_OK;
}

static enum err passed(void *arg, const char *bytes, size_t n, struct error *e) {
    struct sendsync *x = arg;
    return blob_append(&x->text, (const uint8_t *)bytes, n, e);
}

static enum err left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct sendsync *x = arg;
    (void)e;
    if (depth == 1 && kind == JSON_OBJECT)
        x->to = x->u.read.base + x->u.read.stream.at;
    return E_OK;
}

static const struct json_stream_events reading = {
    .value = value, .kept = kept, .passed = passed, .left = left, .too_long = name_too_long};

static void begin_reading(struct sendsync *x, uint64_t base) {
    x->u.read.base = x->at = base;
    x->u.read.has_daemon = x->u.read.has_message = false;
    json_stream_init(&x->u.read.stream, &reading, x, x->u.read.keep, sizeof x->u.read.keep);
    sendsync_go(x, SENDSYNC_READ, SENDSYNC_DAEMON_MS);
}

/* It is JSON: what does it say? */
static void judge(struct sendsync *x) {
    static const char no_name[] = "'daemon_name'"; /* str(KeyError) */
    char quoted[sizeof x->u.read.daemon + 2];
    struct text t;
    if (!x->u.read.has_daemon) {
        sendsync_refuse(x, no_name, sizeof no_name - 1);
        return;
    }
    int daemon = sendsync_daemon_find(x->u.read.daemon);
    text_init(&t, quoted, sizeof quoted);
    text_format(&t, "'%s'", x->u.read.daemon);
    if (daemon < 0) {
        sendsync_fail(x, 1014, quoted);
        return;
    }
    if (!x->u.read.has_message) {
        sendsync_fail(x, 1014, "the message is neither an object nor a string");
        return;
    }
    x->daemon = (uint8_t)daemon;
    if (!x->u.read.is_object) {
        blob_move(&x->body, &x->text);
        x->from = 0;
        x->to = x->body.size;
    }
    sendsync_go(x, SENDSYNC_REACH, SENDSYNC_DAEMON_MS);
}

static void read_on(struct sendsync *x) {
    char *piece = (char *)x->queue->env->role->shared.scratch;
    struct error e;
    size_t n = 0;
    enum err err = blob_read(&x->body, x->at, (uint8_t *)piece, PIECE_BYTES, &n, &e);
    if (err == E_OK)
        err =
            n ? json_stream_push(&x->u.read.stream, piece, n, &e) : json_stream_finish(&x->u.read.stream, &e);
    x->at += n;
    if (err != E_OK)
        sendsync_fail(x, 3036, e.what);
    else if (n)
        loop_work_queue(x->queue->env->role->loop, &x->work);
    else
        judge(x);
}

/* ---- its arrival ---- */

/* Bytes of the program's name and the blank after it, 0 when there is none. */
static size_t read_id(char id[SENDSYNC_ID_BYTES], const struct message *m) {
    char begin[SENDSYNC_ID_BYTES];
    size_t n = 0;
    if (blob_read(&m->body, 0, (uint8_t *)begin, sizeof begin, &n, NULL) != E_OK)
        return 0;
    const char *blank = memchr(begin, ' ', n);
    if (!blank || blank == begin || !text_copy(id, SENDSYNC_ID_BYTES, begin, (size_t)(blank - begin)))
        return 0;
    return (size_t)(blank - begin) + 1;
}

static enum err tell_refused(const struct sendsync_refused *r) {
    char text[sizeof r->id + 96];
    struct text t;
    text_init(&t, text, sizeof text);
    text_format(&t, "%s Error 3000 - Cluster: too many messages for daemons of the master: ask again", r->id);
    return session_request(&r->peer->link.session, "sendsyn_err", t.buf, t.len, NULL, NULL, NULL);
}

void sendsync_master_refuse(struct sendsyncs *q) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < q->refused_count; i++) {
        struct sendsync_refused *r = &q->refused[i];
        enum err err = tell_refused(r);
        if (err == E_OK)
            link_kick(&r->peer->link);
        if (err == E_POOL || err == E_SPACE)
            q->refused[kept++] = *r;
    }
    q->refused_count = kept;
    q->refused_ms = kept ? q->env->role->loop->now_ms + SENDSYNC_RETRY_MS : UINT64_MAX;
}

/* No slot: its program is to be told, or the command itself is refused, which a real worker does not read:
 * its program would wait for ten minutes. */
static bool refuse(struct sendsyncs *q, struct peer *p, const char *id) {
    struct sendsync_refused *r = &q->refused[q->refused_count];
    if (q->refused_count == SENDSYNC_REFUSED_MAX || !text_copy(r->id, sizeof r->id, id, strlen(id)))
        return false;
    r->peer = p;
    q->refused_count++;
    sendsync_master_refuse(q);
    sendsync_set_timer(q);
    return true;
}

void sendsync_from_peer(struct sendsyncs *q, struct peer *p, const struct message *m) {
    struct session *s = &p->link.session;
    char id[SENDSYNC_ID_BYTES];
    struct wazuh_error w;
    size_t base = read_id(id, m);
    struct sendsync *x = base ? sendsync_new(q, p, 0) : NULL;
    if (!base || (!x && !refuse(q, p, id))) {
        wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3000, base ? "too many messages" : "no program is named");
        session_reply_error(s, m->counter, &w);
        return;
    }
    session_reply_text(s, m->counter, "ok", "Added request to SendSync requests queue");
    if (!x)
        return;
    memcpy(x->id, id, sizeof id);
    message_take_body(m, &x->body);
    if (x->body.size - base > SENDSYNC_MESSAGE_BYTES)
        sendsync_fail(x, 1014, "the message is longer than 1000000 bytes");
    else
        begin_reading(x, base);
}

/* ---- the answer ---- */

static void ended(void *arg, const struct string_message_result *r) {
    struct sendsync *x = arg;
    bool refused = r->end == STRING_MESSAGE_REFUSED;
    /* 3000: it has no room for another string just now; 3020: it was slow. What was asked for is done, and in
     * the answer may be an agent's key: if that were lost, whoever asks again would find the name taken. */
    if (r->end == STRING_MESSAGE_FAILED || (refused && (r->error.code == 3000 || r->error.code == 3020))) {
        x->phase = SENDSYNC_ANSWER; /* its deadline goes on */
        sendsync_later(x);
    } else if (refused) {
        sendsync_fail(x, r->error.code, r->error.has_extra ? r->error.extra : NULL);
    } else {
        sendsync_drop(x);
    }
}

static enum err send_words(struct sendsync *x) {
    char text[SENDSYNC_ID_BYTES + sizeof x->small];
    struct text t;
    text_init(&t, text, sizeof text);
    text_format(&t, "%s ", x->id);
    text_add(&t, (const char *)blob_bytes(&x->body), (size_t)x->body.size); /* it fits into small */
    return session_request(&x->peer->link.session, "sendsyn_err", t.buf, t.len, NULL, NULL, NULL);
}

static enum err send_answer(struct sendsync *x) {
    char prefix[SENDSYNC_ID_BYTES + 1];
    struct text t;
    text_init(&t, prefix, sizeof prefix);
    text_format(&t, "%s ", x->id);
    return string_message_start(&x->u.string, &x->peer->link.session, "sendsyn_res", prefix, &x->body, ended,
                                x, NULL);
}

static void answer(struct sendsync *x) {
    struct link *link = &x->peer->link;
    enum err err = x->failed ? send_words(x) : send_answer(x);
    if (err == E_POOL || err == E_SPACE) {
        sendsync_later(x);
        return;
    }
    if (err == E_OK)
        link_kick(link);
    if (err == E_OK && !x->failed)
        x->phase = SENDSYNC_SENDING; /* in the same time */
    else
        sendsync_drop(x);
}

void sendsync_master_work(struct sendsync *x) {
    if (x->phase == SENDSYNC_READ)
        read_on(x);
    else if (x->phase == SENDSYNC_ANSWER)
        answer(x);
    else if (x->phase != SENDSYNC_SENDING)
        sendsync_daemon_work(x);
}
