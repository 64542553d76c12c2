/* api/dapi_parts.h - what the files of api/dapi share among themselves, and what a node must have room for.
 * Not for others.
 *
 *   dapi.c        who asks, and who answers: the commands dapi, dapi_fwd, dapi_res and dapi_err; the end
 *   dapi_queue.c  the slots: whose turn it is, deadlines, what is due
 *   dapi_pass.c   parts of a request: on their way to other nodes, and back
 *   dapi_merge.c  their answers made one
 *   dapi_nodes.c  which nodes those are; dapi_agents.c: as agents report to them
 *   dapi_run.c    a request read, and executed here
 *   dapi_send.c   the answer on its way back */
#ifndef PICKET_API_DAPI_PARTS_H
#define PICKET_API_DAPI_PARTS_H

#include "api/call.h"
#include "api/handler.h"
#include "api/merge.h"
#include "api/sendsync.h"
#include "role/local_answer.h"
#include "role/requests.h"
#include "wire/string_message.h"

#define API_ASKER_ID_BYTES 64u         /* what an asker calls its request, and its NUL */
#define API_PARTS (API_PARTS_MAX * 2u) /* of all requests together; of one asker API_PARTS_MAX */
#define API_ASKER_CALLS (API_CALLS > 1u ? API_CALLS - 1u : 1u) /* calls of one asker at once */
#define API_RUN_MS 10000u   /* request_timeout of the API: for a call here */
#define API_LONG_MS 600000u /* this one, or timeout_dapi_request, when the asker waits for completion */
#define API_SEND_MS 60000u  /* for a finished answer, until its asker takes it */
#define API_RETRY_MS 100u   /* a session, a window or a sender that was not free is tried again */
#define API_STUCK_MS 10000u /* a part that finds no room in its session's queue */

enum api_asker_kind { ASKER_LOCAL, ASKER_PEER, ASKER_MASTER };

struct api_asker {
    enum api_asker_kind kind;
    uint32_t number;   /* ASKER_LOCAL */
    struct peer *peer; /* ASKER_PEER */
};

enum api_slot_state {
    SLOT_QUEUED,  /* waits for a call */
    SLOT_CALL,    /* has one: is read, or solved, or executed, or its parts are being sent */
    SLOT_SENDING, /* its parts are being sent as it came, without a call */
    SLOT_PARTS,   /* waits for other nodes, without a call */
    SLOT_MERGING, /* their answers are being made one */
    SLOT_ANSWER   /* body is the answer, or the words of an error */
};

/* A request from its arrival to its answer. */
struct api_slot {
    struct api_slot *next; /* in the order of arrival */
    struct api *api;
    uint8_t state;    /* enum api_slot_state */
    bool sending;     /* the answer is under way */
    bool is_error;    /* the answer goes as dapi_err */
    bool raw;         /* goes to other nodes as it came, byte for byte */
    bool solving;     /* its nodes are being found */
    bool going;       /* all its parts are known */
    bool long_wait;   /* its asker waits for completion */
    bool is_handler;  /* a handler answers it: at most HANDLERS_MAX have a call */
    uint8_t refusals; /* of the answer */
    struct api_asker asker;
    char id[API_ASKER_ID_BYTES];
    uint64_t seen;        /* the queue's pass that looked at it last */
    uint64_t turn;        /* of its asker: when that was served last */
    uint64_t until_ms;    /* it must have a call before */
    uint64_t deadline_ms; /* of the present state */
    uint64_t retry_ms;    /* not before; 0: at once */
    struct blob body;     /* the request from at on; then the answer */
    uint64_t at;
    struct api_call *call; /* SLOT_CALL */
    /* its parts */
    uint32_t part_count;
    struct blob answers; /* of the parts, one after the other */
    struct merge *merge;
    struct api_merging *merging; /* a window, while they are merged */
    /* the answer */
    struct string_message message;
    struct local_answer local;
    uint8_t small[API_REQUEST_SMALL_BYTES];
};

enum api_part_state {
    PART_DUE,     /* is to be sent */
    PART_SENT,    /* the other node has it, or is being given it */
    PART_HERE,    /* ourselves: will be executed by the slot's call, when the others are sent */
    PART_RUNNING, /* is executed */
    PART_DONE,    /* its answer is from .. to - 1 of answers */
    PART_FAILED
};

/* What one node is to answer. */
struct api_part {
    struct api_slot *slot; /* NULL: free */
    struct peer *peer;     /* NULL: the master, ourselves, or a node that is not there */
    uint64_t id;           /* what we call it: decimal for the master, else 16 hexadecimal digits */
    uint64_t from, to;     /* PART_FAILED: words of the other node, if there are any */
    uint64_t since_ms, retry_ms;
    int code;        /* PART_FAILED */
    uint8_t class;   /* the same: enum wazuh_class */
    uint8_t state;   /* enum api_part_state */
    uint8_t order;   /* among those of its slot */
    bool has_agents; /* only for those agents of the request that the solver noted for it */
    char node[NODE_NAME_BYTES];
};

/* A call's answer, until it is complete. */
struct api_out {
    struct blob blob;
    uint8_t small[API_REQUEST_SMALL_BYTES];
};

struct api {
    struct api_env env;
    struct pool *slot_pool, *call_pool;
    struct requests requests;
    struct sendsyncs sendsyncs;
    struct api_slot *first;
    uint32_t slot_count;
    uint64_t turns, passes;
    struct loop_work work;
    struct loop_timer timer;
    struct log_brake brake;
    /* a request as another node is given it, while it is put together */
    struct api_part *building;
    struct blob out;
    uint64_t copied;
    struct api_out outs[API_CALLS];
    struct api_part parts[API_PARTS];
};

/* timeout_dapi_request: how long another node may take to answer. */
static inline uint64_t api_pass_ms(const struct api *a) {
    return a->env.role->config->intervals.timeout_dapi_request_ms;
}

/* ---- call.c ---- */
/* A call from the pool, with nothing but its surroundings set. */
void api_call_init(struct api_call *c, const struct api_env *env, struct blob *out,
                   void (*ended)(struct api_call *c), void *owner);
/* Nobody wants it any more: cancels the function, gives everything back but the call itself. */
void api_call_fini(struct api_call *c);
/* This node's name in dapi_errors, if the asker may know it. */
const char *api_node_name(const struct api_call *c);

/* ---- dapi_queue.c ---- */
void api_queue_open(struct api *a);
void api_queue_close(struct api *a);
/* A new request: m's body from byte at on, which is taken. NULL: no room, *e says why. */
struct api_slot *api_slot_take(struct api *a, const struct api_asker *asker, const struct message *m,
                               uint64_t at, struct error *e);
/* Everything it has goes back: its call, its parts, what is under way for it, its place. */
void api_slot_drop(struct api_slot *s);
/* The same but for its place. Not while its answer is under way. */
void api_slot_empty(struct api_slot *s);
/* Back to the queue, to be read anew after a pause: there was no room for what it needs. */
void api_slot_requeue(struct api_slot *s);
/* Its call, if it has one, goes back; the function is cancelled. */
void api_call_release(struct api_slot *s);
bool api_same_asker(const struct api_asker *a, const struct api_asker *b);
uint32_t api_handlers_running(const struct api *a);
/* The queue looks at everything next turn. */
void api_kick(struct api *a);
/* A blob that takes no windows, empty. small may be NULL. */
void api_blob_init(struct api *a, struct blob *b, uint8_t *small, size_t small_cap);
/* Appends the content of *from, from byte *at on, to *to, which takes no windows. What lies in the spool is
 * moved there as a whole if *to is empty: *at stays then, else it is 0 afterwards. */
enum err api_keep(struct api *a, struct blob *to, struct blob *from, uint64_t *at, struct error *e);

/* ---- dapi_run.c ---- */
void api_run_start(struct api_slot *s); /* s->call was just taken from the pool */
/* The request is executed here as one part of several, p. */
void api_run_here(struct api_slot *s, const struct api_part *p);
void api_run_timeout(struct api_slot *s);

/* ---- dapi_nodes.c ---- */
/* Finds the nodes that answer s's request, which is read, and makes their parts; ends with api_parts_go, or
 * with the end of the call. */
void api_solve_start(struct api_slot *s);
void api_solve_cancel(struct api_call *c); /* safe at any time */
/* (dapi_agents.c) Appends to out what the part's node is sent, with the agents that were noted for it. */
enum err api_solve_request(struct api_slot *s, const struct api_part *p, struct blob *out, struct error *e);

/* ---- dapi_pass.c ---- */
/* The node of this name: *peer, or NULL for ourselves; false: it is not connected. */
bool api_node_find(const struct api *a, const char *name, struct peer **peer);
/* One more part. NULL: no room now. Nothing happens to it before api_parts_go. */
struct api_part *api_part_take(struct api_slot *s, const char *node, struct peer *peer);
struct api_part *api_part_of(const struct api_slot *s, uint32_t order); /* NULL: there are less */
uint32_t api_parts_in(const struct api_slot *s, enum api_part_state state);
/* That with this id, which peer (NULL: the master) was asked; NULL: none. */
struct api_part *api_part_find(struct api *a, struct peer *peer, uint64_t id);
/* How a part ends. The slot may be answered afterwards. */
void api_part_answer(struct api_part *p, struct blob *answer);
void api_part_fail(struct api_part *p, enum wazuh_class class, int code);
void api_part_words(struct api_part *p, const void *words, size_t n); /* of the other node */
/* All are known: they are sent, then executed if one is PART_HERE, and the slot is answered. */
void api_parts_go(struct api_slot *s);
void api_pass_to_master(struct api_slot *s);
void api_parts_timeout(struct api_slot *s);
void api_parts_drop(struct api_slot *s);
/* A bounded piece of sending; true: there is more to do now. */
bool api_parts_send(struct api *a);
uint64_t api_parts_retry(const struct api *a); /* monotonic time at which there may be; UINT64_MAX: no */

/* ---- dapi_merge.c ---- */
/* A bounded piece of merging s's parts; true: there is more to do now. */
bool api_merge_go(struct api_slot *s);
void api_merge_end(struct api_slot *s); /* safe at any time */

/* ---- dapi_send.c ---- */
/* body is the answer. */
void api_answer(struct api_slot *s);
/* Instead of an answer: an error, as JSON, or words of another node. */
void api_answer_error(struct api_slot *s, enum wazuh_class class, int code, const char *extra);
void api_answer_words(struct api_slot *s, const void *words, size_t n);
/* Sends it, or tries to. */
void api_answer_go(struct api_slot *s);
void api_answer_forget(struct api_slot *s); /* safe at any time */

#endif
