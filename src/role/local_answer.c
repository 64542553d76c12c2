/* local_answer.c - answers that come later to programs on the local socket: a string and the command that
 * names it, or one frame (reference, section 4.4). Their makers keep the bytes; here they wait for a desk and
 * go out one after the other. */
#include "role/local.h"

enum { RESTS, WAITS, GOES_OUT };

uint32_t local_number(const struct local_client *c) {
    return c->number;
}

struct local_client *local_find(struct local_server *l, uint32_t number) {
    struct local_client *c = l->clients;
    while (c && c->number != number)
        c = c->next;
    return c;
}

void local_promise(struct local_client *c) {
    c->promised++;
}

bool local_answer_send(struct local_server *l, uint32_t number, struct local_answer *a) {
    struct local_client *c = local_find(l, number);
    if (!c)
        return false;
    if (c->promised)
        c->promised--;
    struct local_answer **last = &c->answers;
    while (*last)
        last = &(*last)->next;
    a->next = NULL;
    a->client = c;
    a->phase = WAITS;
    *last = a;
    c->heard_ms = l->env->loop->now_ms; /* its time to take it begins */
    local_wake(c);
    return true;
}

static void take_out(struct local_answer *a) {
    struct local_answer **at = &a->client->answers;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    a->client = NULL;
    a->phase = RESTS;
}

static void finish(struct local_answer *a, bool taken) {
    take_out(a);
    a->done(a->arg, taken);
}

void local_answer_forget(struct local_server *l, struct local_answer *a) {
    struct local_client *c = a->client;
    struct error why;
    (void)l;
    if (!c)
        return;
    if (a->phase == GOES_OUT && a->as_string) {
        string_message_forget(&c->desk->string);
        error_set(&why, E_CANCELLED, 0, "its answer was given up halfway");
        link_doom(&c->desk->link, &why);
    }
    take_out(a);
}

void local_answers_drop(struct local_client *c) {
    while (c->answers)
        finish(c->answers, false);
}

/* ---- at a desk ---- */

bool local_answer_is_under_way(const struct local_desk *d) {
    const struct local_answer *a = d->client->answers;
    return a && a->phase == GOES_OUT;
}

static void string_done(void *arg, const struct string_message_result *r) {
    struct local_desk *d = arg;
    struct local_server *l = d->client->server;
    loop_work_queue(l->env->loop, &l->work);
    finish(d->client->answers, r->end == STRING_MESSAGE_TAKEN);
}

static enum err start_string(struct local_desk *d, const struct local_answer *a, struct error *e) {
    if (a->body->size == 0)
        return error_set(e, E_VALUE, 0, "an empty answer");
    return string_message_start(&d->string, &d->link.session, a->command, "", a->body, string_done, d, e);
}

/* The reply to it is nobody's affair: C programs send none (reference, section 13). */
static enum err start_frame(struct local_desk *d, const struct local_answer *a, struct error *e) {
    struct session *s = &d->link.session;
    const struct session_shared *shared = s->shared;
    const uint8_t *bytes = blob_bytes(a->body);
    size_t n = (size_t)a->body->size;
    struct blob copy;
    if (a->body->size <= SMALL_MAX_BYTES) {
        if (!bytes && n) {
            enum err read = blob_read(a->body, 0, shared->scratch, n, &n, e);
            if (read != E_OK)
                return read;
            bytes = shared->scratch;
        }
        return session_request(s, a->command, bytes, n, NULL, NULL, e);
    }
    blob_init(&copy, NULL, 0, shared->windows, shared->spill, shared->message_bytes);
    enum err err = blob_copy(&copy, a->body, e);
    if (err == E_OK)
        err = session_request_blob(s, a->command, &copy, NULL, NULL, e);
    blob_reset(&copy);
    return err;
}

void local_answer_begin(struct local_desk *d) {
    struct local_client *c = d->client;
    struct local_server *l = c->server;
    struct local_answer *a = c->answers;
    struct error e;
    uint32_t held;
    if (!a || a->phase != WAITS || d->link.doomed)
        return;
    c->late = false;
    enum err err = a->as_string ? start_string(d, a, &e) : start_frame(d, a, &e);
    if (err == E_OK) {
        a->phase = GOES_OUT;
        c->heard_ms = d->since_ms = l->env->loop->now_ms;
        link_kick(&d->link);
    } else if (err == E_POOL || err == E_SPACE) { /* no room at the moment, and no desk is kept for it */
        c->late = true;
        local_look_soon(l);
    } else if (err != E_CLOSED) { /* closed: the end of the link tells */
        if (log_brake_pass(&l->answer_brake, l->env->loop->now_ms, 60000, &held))
            log_line(l->env->log, LOG_ERROR, "Local Server", "Main",
                     "The answer (%s) for Local %u could not be given: %s", a->command, c->number, e.what);
        link_doom(&d->link, &e); /* or it would wait for ever */
    }
}

void local_answer_written(struct local_desk *d) {
    struct local_answer *a = d->client->answers;
    if (a && a->phase == GOES_OUT && !a->as_string && link_is_written(&d->link))
        finish(a, true);
}
