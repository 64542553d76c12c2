/* role/local.h - the local socket queue/cluster/c-internal.sock: what programs of this machine ask the node
 * (reference, section 4.4). Same frames, no Fernet, no hello.
 *
 * A program that is only connected costs a struct local_client, a few words; there is room for hundreds. Who
 * says something gets a desk, which has the session with its buffers, and gives it back (is parked) as soon
 * as nothing of either side is half said: no half frame, no answer owed at once, nothing to be written. Who
 * waits for an answer that comes later, say that of a dapi, is parked too. When all desks are taken the
 * others wait in their sockets, first come first served; a program that keeps a desk with a frame it does not
 * finish, or with an answer that it does not read, is closed after LOCAL_SLOW_MS when others wait. More
 * programs than LOCAL_CLIENTS_MAX wait in the socket's backlog. */
#ifndef PICKET_ROLE_LOCAL_H
#define PICKET_ROLE_LOCAL_H

#include "role/answers.h"
#include "role/local_answer.h"
#include "role/master.h"
#include "role/requests.h"
#include "role/ruleset_reload.h"
#include "role/send_file.h"
#include "role/worker.h"
#include "wire/string_message.h"

#define LOCAL_SOCKET "queue/cluster/c-internal.sock"
#define LOCAL_SLOW_MS 1000u        /* how long who does not go on may keep a desk that others wait for */
#define LOCAL_QUESTION_BYTES 4096u /* longest get_nodes or get_health that a worker passes on */

/* The session and all else that a program needs while it is served. */
struct local_desk {
    struct local_desk *next;
    struct local_client *client;
    struct link link;
    struct string_message string; /* the answer that goes out as a string */
    struct answer_hash hash;      /* a get_hash being answered */
    uint64_t since_ms;            /* monotonic: when something last went on */
    uint64_t moved;               /* bytes that had come and gone then */
};

/* A question of a worker's programs to the master; who asks the same before it is sent shares it. */
struct local_question {
    struct local_server *server;
    uint8_t state; /* enum in local_question.c */
    enum cmd_id cmd;
    uint32_t askers;
    struct blob body; /* the question, then the answer */
    uint8_t small[BODY_SMALL_BYTES];
};

struct local_client {
    struct local_client *next;
    struct local_client *queue_next;
    struct local_server *server;
    struct loop_io io; /* while parked; at a desk the link has the descriptor */
    int fd;            /* while parked or queued, else -1 */
    uint32_t number;   /* below 2^20, unlike every other's; for the log ("Local 4711") and the ids of requests
                        */
    uint32_t uid;      /* of the program, as the kernel says; UINT32_MAX: not known */
    uint32_t promised; /* answers that others will bring later: it may be silent meanwhile */
    uint64_t heard_ms; /* monotonic: last word */
    struct local_desk *desk;         /* NULL: parked or queued */
    struct local_answer *answers;    /* due, in the order they came */
    struct local_question *question; /* asked of the master, NULL: none */
    struct local_answer answer;      /* the question's */
    bool queued;                     /* waits for a desk */
    bool late;                       /* its answer found no room: it is tried again */
};

struct local_server {
    struct role_env *env;
    struct master *master; /* exactly one of these */
    struct worker *worker;
    const char *root_path;
    struct loop_io io;
    int fd;
    struct pool *pool;      /* struct local_client */
    struct pool *desk_pool; /* struct local_desk */
    struct local_client *clients;
    struct local_client *queue, *queue_last; /* who wait for a desk */
    struct local_desk *desks;                /* those taken */
    struct loop_timer timer;        /* closes the silent, and the slow when others wait; tries again */
    struct loop_timer accept_timer; /* ends a pause after an accept that failed */
    struct loop_work work;          /* gives free desks to those who wait, answers to those who are due */
    bool full;                      /* nobody is accepted before a slot is free */
    uint32_t next_number;
    struct log_brake full_brake, slow_brake, answer_brake;
    struct local_question question[LOCAL_QUESTIONS];
    struct file_outbox outbox;
    /* sendrreload: a worker's */
    bool reload_wanted;
    uint64_t reload_check_ms, reload_sync_ms; /* the last cycle that does not count */
    struct ruleset_reload reload;
};

/* root_path: of the root, without final slash, kept; the socket is made there, mode 0660. env->requests (may
 * be NULL, may be set later) gets dapi, dapi_fwd, sendsync and sendasync. */
enum err local_open(struct local_server *l, struct role_env *env, struct master *master,
                    struct worker *worker, struct pool *pool, struct pool *desk_pool, const char *root_path,
                    struct error *e);
/* Before the role is closed, whose links may have questions and files of ours. */
void local_close(struct local_server *l);

/* ---- for src/role/local_*.c ---- */

/* c has something to be served with: a desk is found for it. */
void local_wake(struct local_client *c);
/* The timer comes in a moment, for what could not be done now. */
void local_look_soon(struct local_server *l);

/* local_request.c: what a desk's link is opened with. */
extern const struct session_events local_events;
/* analysisd is asked to read its rules anew when the next integrity cycle is over: a worker's. */
void local_reload_later(struct local_server *l);
/* Is a reload wanted, and an integrity cycle over since? Then it begins. True while one is wanted. */
bool local_reload_look(struct local_server *l);

/* local_answer.c: begins the first answer that is due; ends the one that is written. */
void local_answer_begin(struct local_desk *d);
void local_answer_written(struct local_desk *d);
bool local_answer_is_under_way(const struct local_desk *d);
/* The program is gone, and no longer found. */
void local_answers_drop(struct local_client *c);

/* local_question.c */
void local_question_ask(struct local_client *c, struct session *s, const struct message *m);
/* Sends what can be sent; true: something waits, to be tried again. */
bool local_questions_send(struct local_server *l);
void local_question_leave(struct local_client *c);
void local_questions_close(struct local_server *l);

#endif
