/* role/local_answer.h - for who answers a program on the local socket later, as a request of ours: a string
 * and the command that names it, or one frame (reference, section 4.4). */
#ifndef PICKET_ROLE_LOCAL_ANSWER_H
#define PICKET_ROLE_LOCAL_ANSWER_H

#include "base/blob.h"

struct local_server;
struct local_client;

/* Embedded in its maker, who keeps it and body until done. */
struct local_answer {
    const char *command; /* "dapi_res", "dapi_err", "control_res", "send_f_res", "ok", "err"; constant text */
    bool as_string; /* body goes as a string that command names; else it is command's payload, may be empty */
    const struct blob *body;
    void (*done)(void *arg, bool taken); /* exactly once, never from inside local_answer_send. taken: the
                                            program acknowledged it, or (not as_string) it was written */
    void *arg;
    /* the server's */
    struct local_answer *next;
    struct local_client *client; /* NULL: not under way */
    uint8_t phase;
};

/* The client's number: below 2^20, unlike every other's that is connected; what it is called in ids of
 * requests. */
uint32_t local_number(const struct local_client *c);
/* NULL: that program is gone. */
struct local_client *local_find(struct local_server *l, uint32_t number);
/* Somebody will bring c an answer with local_answer_send: until then it is not closed for being silent. Once
 * for each answer. */
void local_promise(struct local_client *c);
/* Brings it: a->command, as_string, body, done and arg are set. false: no such program any more; done is not
 * called then. Fulfils one promise. */
bool local_answer_send(struct local_server *l, uint32_t number, struct local_answer *a);
/* done will not be called, body is not looked at any more; a program that is left with half an answer is
 * closed. Safe when not under way on a zeroed a. */
void local_answer_forget(struct local_server *l, struct local_answer *a);

#endif
