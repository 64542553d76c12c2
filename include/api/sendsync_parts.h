/* api/sendsync_parts.h - what the files of api/sendsync share, and what a node must have room for. Not for
 * others.
 *
 *   sendsync.c         the slots: who asks, who waits, deadlines, who is gone
 *   sendsync_worker.c  a worker's: to the master, and back to the local program
 *   sendsync_master.c  a master's: the message read, and the answer sent to the worker
 *   sendsync_daemon.c  the exchange with a daemon's socket */
#ifndef PICKET_API_SENDSYNC_PARTS_H
#define PICKET_API_SENDSYNC_PARTS_H

#include "base/json_stream.h"
#include "net/loop.h"
#include "role/local_answer.h"
#include "wire/string_message.h"

#define SENDSYNC_ID_BYTES 64u     /* what a worker calls its program, and the NUL */
#define SENDSYNC_C_BYTES 65536u   /* longest answer that a C program reads */
#define SENDSYNC_ASK_MS 30000u    /* until the message is in the master's session */
#define SENDSYNC_WAIT_MS 595000u  /* for the master's answer: a C program waits 600 s */
#define SENDSYNC_DAEMON_MS 30000u /* for a daemon, from the first attempt to reach it to its last byte */
#define SENDSYNC_ANSWER_MS 60000u /* until the answer is with who asked */
#define SENDSYNC_RETRY_MS 50u     /* what found no room is tried again */

enum sendsync_phase {
    /* worker */
    SENDSYNC_ASK,   /* the message is to go to the master */
    SENDSYNC_ASKED, /* it has it, or will */
    SENDSYNC_GIVE,  /* the local program is being given its answer */
    /* master */
    SENDSYNC_READ,    /* the message is being read */
    SENDSYNC_REACH,   /* the daemon is to be connected to */
    SENDSYNC_SEND,    /* connected: the message is going out */
    SENDSYNC_RECEIVE, /* its answer is coming in */
    SENDSYNC_ANSWER,  /* the answer, or the words of an error, is to go to the worker */
    SENDSYNC_SENDING  /* the answer is on its way */
};

/* A message from its arrival to its answer. */
struct sendsync {
    struct sendsync *next; /* in the order of arrival */
    struct sendsyncs *queue;
    uint8_t phase; /* enum sendsync_phase */
    bool failed;   /* (to be answered) body is the words of an error */
    uint8_t daemon;
    uint64_t deadline_ms, retry_ms;
    uint32_t number;   /* worker: the local program's */
    struct peer *peer; /* master: the worker; NULL on a worker */
    char id[SENDSYNC_ID_BYTES];
    struct blob body, text; /* what came, then the answer; a string message without its escapes */
    uint64_t from, to, at;  /* of body: the message; how much is done */
    struct loop_work work;
    struct loop_io io; /* the daemon's socket */
    int fd;
    uint8_t head[4], head_n; /* length, little-endian: of what is sent, then of what comes */
    union {
        struct { /* SENDSYNC_READ */
            struct json_stream stream;
            uint64_t base; /* of body: where the JSON begins */
            char keep[32], daemon[32];
            bool has_daemon, has_message, is_object;
        } read;
        struct string_message string;     /* SENDSYNC_SENDING */
        struct local_answer local_answer; /* SENDSYNC_GIVE */
    } u;
    uint8_t small[BODY_SMALL_BYTES];
};

/* ---- sendsync.c ---- */

/* A slot for who asks (peer, or a local program by number), with an empty body. NULL: no room, or this worker
 * has half of what there is. */
struct sendsync *sendsync_new(struct sendsyncs *q, struct peer *peer, uint32_t number);
/* Gives everything back; nobody is told. */
void sendsync_drop(struct sendsync *x);
/* The next phase, which has ms for it; work is called next turn. */
void sendsync_go(struct sendsync *x, enum sendsync_phase phase, uint32_t ms);
/* What it wanted found no room: work is called again soon. */
void sendsync_later(struct sendsync *x);
/* To be answered with an error in these words. x may be gone afterwards, here and below. */
void sendsync_refuse(struct sendsync *x, const char *words, size_t n);
/* The same in str(exception)'s words of that code, as real nodes send them. extra may be NULL. */
void sendsync_fail(struct sendsync *x, int code, const char *extra);

/* Sets the timer to what is due first. */
void sendsync_set_timer(struct sendsyncs *q);

/* body is the answer, or words: it goes to who asked. */
void sendsync_answer(struct sendsync *x);

/* ---- the phases' work (sendsync_worker.c, sendsync_master.c) ---- */
void sendsync_worker_work(struct sendsync *x);
void sendsync_worker_answer(struct sendsync *x);
/* No answer is waited for any more. */
void sendsync_worker_forget(struct sendsync *x);
void sendsync_master_work(struct sendsync *x);
/* Tells those who found no room, as far as there is room for that. The timer is to be set afterwards. */
void sendsync_master_refuse(struct sendsyncs *q);

/* ---- sendsync_daemon.c ---- */

/* Which row of the table; -1: none of this name. */
int sendsync_daemon_find(const char *name);
/* Connects, sends and receives as far as it goes. */
void sendsync_daemon_work(struct sendsync *x);
void sendsync_daemon_close(struct sendsync *x);

#endif
