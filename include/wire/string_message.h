/* wire/string_message.h - a string for a peer and the command that names it: new_str, str_upd ..., then
 * "<command> <prefix><string id>". So answers of the distributed API and of sendsync travel (reference,
 * sections 4.1 and 4.3). */
#ifndef PICKET_WIRE_STRING_MESSAGE_H
#define PICKET_WIRE_STRING_MESSAGE_H

#include "wire/string_tx.h"

#define STRING_PREFIX_BYTES 96

enum string_message_end {
    STRING_MESSAGE_TAKEN,   /* the peer answered the command with ok */
    STRING_MESSAGE_REFUSED, /* it answered the string or the command with an error, or not in time: error */
    STRING_MESSAGE_FAILED,  /* our body could not be read, or no room: why */
    STRING_MESSAGE_LOST     /* the session ended */
};
struct string_message_result {
    enum string_message_end end;
    struct wazuh_error error;
    struct error why;
};

struct string_message {
    struct string_tx tx;
    struct session *session; /* NULL: nothing is under way */
    const char *command;
    char prefix[STRING_PREFIX_BYTES];
    void (*done)(void *arg, const struct string_message_result *r);
    void *arg;
};

/* command: constant text; prefix: copied, shorter than STRING_PREFIX_BYTES (else E_LIMIT), "" for none. body
 * is the owner's until done and must not be empty. done is called exactly once, never from inside this call,
 * unless string_message_forget comes first. E_POOL, E_SPACE: ask again later; E_CLOSED: the session ends. m
 * need not be initialised. The owner of the session must be kicked (link_kick) after this call. */
enum err string_message_start(struct string_message *m, struct session *s, const char *command,
                              const char *prefix, const struct blob *body,
                              void (*done)(void *arg, const struct string_message_result *r), void *arg,
                              struct error *e);
/* done will not be called, body is not looked at any more. Safe when nothing is under way on a zeroed m. */
void string_message_forget(struct string_message *m);
bool string_message_is_under_way(const struct string_message *m);

#endif
