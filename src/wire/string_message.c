/* wire/string_message.c - a string and, when the peer has it, the command that names it (reference, sections
 * 4.1 and 4.3). The bytes are string_tx's affair; here they get their name. Nothing is tried twice: what went
 * wrong is told, and the owner knows whether it is worth another attempt. */
#include "wire/string_message.h"

#include <stdio.h>
#include <string.h>

/* m may be used again from inside done. */
static void finish(struct string_message *m, struct string_message_result *r, enum string_message_end end) {
    r->end = end;
    m->session = NULL;
    m->done(m->arg, r);
}

static void answered(void *arg, struct session *s, const struct reply *r) {
    struct string_message_result result = {.end = STRING_MESSAGE_TAKEN};
    (void)s;
    if (r->error)
        result.error = *r->error;
    finish(arg, &result,
           r->kind == REPLY_OK     ? STRING_MESSAGE_TAKEN
           : r->kind == REPLY_LOST ? STRING_MESSAGE_LOST
                                   : STRING_MESSAGE_REFUSED);
}

/* The peer has the string: it learns what it is for. */
static void sent(void *arg, const struct xfer_result *r) {
    struct string_message *m = arg;
    struct string_message_result result = {.error = r->error, .why = r->why};
    char text[STRING_PREFIX_BYTES + XFER_ID_BYTES];
    if (r->end != XFER_SENT) {
        finish(m, &result,
               r->end == XFER_REFUSED ? STRING_MESSAGE_REFUSED
               : r->end == XFER_LOST  ? STRING_MESSAGE_LOST
                                      : STRING_MESSAGE_FAILED);
        return;
    }
    int n = snprintf(text, sizeof text, "%s%s", m->prefix, r->string_id);
    if (session_request(m->session, m->command, text, (size_t)n, answered, m, &result.why) != E_OK)
        finish(m, &result, result.why.code == E_CLOSED ? STRING_MESSAGE_LOST : STRING_MESSAGE_FAILED);
}

enum err string_message_start(struct string_message *m, struct session *s, const char *command,
                              const char *prefix, const struct blob *body,
                              void (*done)(void *arg, const struct string_message_result *r), void *arg,
                              struct error *e) {
    size_t n = strlen(prefix);
    m->session = NULL;
    m->tx = (struct string_tx){.session = NULL};
    if (n >= sizeof m->prefix)
        return error_set(e, E_LIMIT, 0, "%s: a prefix of %zu bytes is too long", command, n);
    memcpy(m->prefix, prefix, n + 1);
    m->command = command;
    m->done = done;
    m->arg = arg;
    enum err err = string_tx_start(&m->tx, s, body, sent, m, e);
    if (!err)
        m->session = s;
    return err;
}

void string_message_forget(struct string_message *m) {
    if (!m->session)
        return;
    string_tx_forget(&m->tx);
    session_forget(m->session, m);
    m->session = NULL;
}

bool string_message_is_under_way(const struct string_message *m) {
    return m->session != NULL;
}
