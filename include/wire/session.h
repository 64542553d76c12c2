/* wire/session.h - one peer that is trusted to speak: messages in, requests and replies out.
 *
 * Left of it is a socket somebody else reads and writes; right of it are the roles. It serves the generic
 * commands (echo, files, strings) itself, matches replies to requests by counter (reference, section 1:
 * membership in the box of outstanding requests is the only sign of a reply), and hands everything else to
 * its owner once it is verified and complete. On the local socket the same, without Fernet.
 *
 * Memory: nothing grows with what a peer says. A message being received takes a slot of shared->messages; its
 * body lies there while it is short, in a window when it is longer, in the spool when it is longer still. */
#ifndef PICKET_WIRE_SESSION_H
#define PICKET_WIRE_SESSION_H

#include "base/blob.h"
#include "base/log.h"
#include "limits.h"
#include "sys/sys.h"
#include "wire/cmd.h"
#include "wire/dialect.h"
#include "wire/fernet.h"
#include "wire/frame.h"
#include "wire/wazuh_error.h"

struct session;
struct xfer_tx;
struct xfer_rx;
struct xfer_string;

/* What all sessions of a node share. Everything must outlive them. */
struct session_shared {
    struct sys *sys;
    struct log *log;
    const struct fernet_key *key;
    const struct dialect *dialect;
    struct pool *messages;  /* struct message */
    struct pool *windows;   /* BODY_WINDOW_BYTES */
    struct pool *senders;   /* struct xfer_tx */
    struct pool *receivers; /* struct xfer_rx */
    struct pool *strings;   /* struct xfer_string */
    struct spill *spill;
    uint64_t message_bytes; /* the spool: what all sessions may have on disk, bytes. One may have a quarter of
                               it, or 16 MiB if that is more; the rest of its messages is refused (3000) */
    uint32_t request_ms;    /* timeout_cluster_request */
    uint8_t *scratch;       /* SESSION_SCRATCH_BYTES for the duration of one call */
    uint8_t *rx;            /* SESSION_SCRATCH_BYTES more, for whoever reads the sockets */
};
#define SESSION_SCRATCH_BYTES (64u << 10)

/* A message being received, or complete. */
struct message {
    struct message *next; /* parked divided messages of a session */
    uint32_t counter;
    char command[COMMAND_BYTES];
    enum cmd_id cmd; /* CMD_UNKNOWN also for replies */
    struct fernet_dec fernet;
    struct blob body;    /* clear bytes; UNVERIFIED until the session says otherwise */
    uint64_t wire_bytes; /* payload bytes so far, all frames */
    uint64_t parked_ms;  /* when the last frame of a divided one was complete */
    bool refused;        /* swallowed: body not kept; reply_code says why */
    int reply_code;      /* Wazuh code to answer with when refused; 0: an unknown command */
    uint8_t small[BODY_SMALL_BYTES];
};
/* The body as contiguous bytes (with a NUL after them when it is small), *n of them; NULL when it lies in the
 * spool. */
const char *message_text(const struct message *m, size_t *n);

/* Moves the body out of a request that is being handled, to an initialised, empty blob with the session's
 * windows and spill and at least BODY_SMALL_BYTES of small memory; m's is empty afterwards. */
void message_take_body(const struct message *m, struct blob *to);

enum reply_kind {
    REPLY_OK,      /* any command but err: its payload */
    REPLY_ERR,     /* err: error is filled in */
    REPLY_TIMEOUT, /* none within the time: error is 3020 */
    REPLY_LOST     /* the session ended */
};
struct reply {
    enum reply_kind kind;
    const struct message *message;   /* REPLY_OK, else NULL; valid during the call */
    const struct wazuh_error *error; /* REPLY_ERR and REPLY_TIMEOUT, else NULL */
};
typedef void reply_fn(void *arg, struct session *s, const struct reply *r);

struct session_events {
    /* A complete, genuine request that wire does not serve itself, allowed for this side (cmds.def). Must be
     * answered once, now or later, with session_reply* and m->counter. m is valid during the call. */
    void (*request)(void *owner, struct session *s, const struct message *m);
    /* new_file: where do the bytes of path (with its leading slash, below /queue/cluster/) go? An error
     * refuses it. */
    enum err (*file_begin)(void *owner, struct session *s, const char *path, struct sink **sink,
                           struct error *e);
    /* The file ended: good when its SHA-256 was right. Not called for files cut off by the session's end. */
    void (*file_end)(void *owner, struct session *s, const char *path, bool good);
    /* cancel_task for task_id ("None" possible). */
    void (*cancelled)(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why);
    /* A verified message arrived (any): the peer is alive. */
    void (*alive)(void *owner, struct session *s, enum cmd_id cmd);
};

/* One request of ours. */
struct request_slot {
    uint32_t counter;
    uint8_t state; /* enum in session_box.c */
    char command[COMMAND_BYTES];
    uint64_t deadline_ms;
    reply_fn *reply;
    void *arg;
};

/* One queued long message. */
struct tx_item {
    uint32_t counter;
    bool request, from_blob;
    char command[COMMAND_BYTES];
    const uint8_t *prefix, *bytes; /* from memory: prefix then bytes, which stay the sender's until sent() */
    size_t prefix_n;
    struct blob body;        /* or from a blob that the session owns now */
    uint64_t total;          /* clear bytes */
    void (*sent)(void *arg); /* all bytes are encoded: the memory is free again; may be NULL */
    void *arg;
};

/* A payload up to this takes the short way: it is kept whole and overtakes long messages between two of their
 * frames. */
#define SMALL_MAX_BYTES 4096u
/* Room that one small message takes at most while it waits. */
#define SMALL_ROOM (SMALL_MAX_BYTES + 32u)
/* Room for those waiting. One SMALL_ROOM is kept for the reply to the next request and one for each request
 * the owner has not answered yet; our own requests get what is left. So an owner may put two answers off and
 * reading goes on; with more it pauses until it answers. */
#define SMALL_WAITING_BYTES (3u * SMALL_ROOM)

struct session {
    const struct session_shared *shared;
    const struct session_events *events;
    void *owner;
    unsigned to;        /* TO_MASTER, TO_WORKER or TO_LOCAL: what this side is, for cmd_allowed */
    bool plain;         /* no Fernet: the local socket */
    bool ended;         /* session_fini runs: nothing new may begin */
    struct error error; /* why session_rx, session_step or session_tick failed; the first one sticks */
    /* receiving; see session.c */
    struct frame_dec frame;
    struct message *current;
    struct message *parked; /* half-received divided messages */
    uint8_t parked_count;
    uint64_t frame_deadline_ms; /* UINT64_MAX: no frame is open */
    uint8_t owed;               /* requests the owner has not answered yet */
    /* a long message being worked off, while reading pauses; see session_generic.c */
    struct message *consuming;
    uint64_t consumed;
    struct xfer_rx *into_file;
    struct xfer_string *into_string;
    /* our requests; see session_box.c */
    uint32_t next_counter;
    struct request_slot box[REQUESTS_PER_SESSION];
    /* sending; see session_tx.c */
    struct tx_item queue[TX_QUEUE_MAX];
    uint8_t queue_head, queue_count;
    bool tx_busy;     /* queue[queue_head] is being encoded */
    bool tx_in_frame; /* ... and in the middle of a frame */
    bool tx_finished; /* ... and its token is complete but for tx_rest */
    struct fernet_enc fernet;
    uint64_t tx_clear;      /* clear bytes of it encoded so far */
    uint64_t tx_token;      /* its payload bytes put into frames so far */
    uint64_t tx_total;      /* its payload bytes in all */
    uint32_t tx_frame_left; /* payload bytes missing in the frame being written */
    char tx_rest[128];      /* token characters that no frame has taken yet */
    uint8_t tx_rest_at, tx_rest_end;
    size_t small_start, small_end;
    size_t tx_start, tx_end;
    uint8_t small[SMALL_WAITING_BYTES]; /* small messages waiting, not encoded yet */
    uint8_t tx[TX_WINDOW_BYTES];        /* encoded bytes waiting for the socket */
    /* transfers; see xfer.h */
    struct xfer_tx *senders;
    struct xfer_rx *files;
    struct xfer_string *strings;
    /* figures */
    uint64_t rx_bytes, tx_bytes;
};

/* first_counter: random. */
void session_init(struct session *s, const struct session_shared *shared, const struct session_events *events,
                  void *owner, unsigned to, bool plain, uint32_t first_counter);
/* Ends everything: requests get REPLY_LOST, transfers end with XFER_LOST, memory lent for long messages is
 * given back (sent), slots go back. Files half received end without a word: their sinks are the owner's. Not
 * to be called from inside a callback of this session. */
void session_fini(struct session *s);

/* ---- the socket's side ---- */
/* Bytes that may be read now; 0 while a message is being worked off, or there is no room for the reply to
 * another one, or the session has failed. */
size_t session_rx_want(const struct session *s);
/* n <= session_rx_want(). An error means: close the connection without a word (s->error says why; as Wazuh
 * does for 3025, 3050 and 3051). */
enum err session_rx(struct session *s, const uint8_t *bytes, size_t n);
/* Bytes to be written now (header and first payload bytes always in the same run: reference, pitfall 1);
 * encodes more when there is room. 0: nothing, or the session has failed. Then session_tx_ack how many went.
 */
size_t session_tx_buf(struct session *s, const uint8_t **bytes);
void session_tx_ack(struct session *s, size_t n);
/* Works off a long message and feeds transfers, at most about TURN_BYTES. To be called in every turn in which
 * the session read, wrote or ticked or a transfer was begun or cancelled; it costs nothing when there is
 * nothing to do. STEP_AGAIN: call again next turn; STEP_WAIT: nothing to do until one of those happens;
 * STEP_FAILED: close, s->error says why. */
enum step session_step(struct session *s);
/* Deadlines: requests, frames, strings. The monotonic time at which session_tick must be called next
 * (UINT64_MAX: never). A request's time begins when its last byte is encoded; until then it runs anew with
 * every byte the socket takes. A frame's stands still while reading pauses. */
uint64_t session_deadline(const struct session *s);
enum err session_tick(struct session *s, uint64_t now_ms); /* an error: close */

/* ---- the owner's side ---- */
/* Sends a request; reply (may be NULL) is called exactly once, never from inside this call. n <=
 * SMALL_MAX_BYTES; command: at most 11 characters (else E_LIMIT). E_POOL: too many outstanding; E_SPACE: the
 * queue is full, try later; E_CLOSED: the session has failed or ends. */
enum err session_request(struct session *s, const char *command, const void *payload, size_t n,
                         reply_fn *reply, void *arg, struct error *e);
/* The same for prefix + bytes in the sender's memory, which must stay until sent(arg), which is called
 * exactly once when this call succeeded, also when the session ends before. Long messages keep their order;
 * small ones overtake them. One place in the queue is kept for a reply. */
enum err session_request_long(struct session *s, const char *command, const uint8_t *prefix, size_t prefix_n,
                              const uint8_t *bytes, size_t n, void (*sent)(void *arg), reply_fn *reply,
                              void *arg, struct error *e);
/* The same for a body of any length, whose content the session takes over (body is empty afterwards). On an
 * error body is kept. */
enum err session_request_blob(struct session *s, const char *command, struct blob *body, reply_fn *reply,
                              void *arg, struct error *e);
/* Forgets the callbacks of arg's outstanding requests (they count as abandoned). */
void session_forget(struct session *s, void *arg);
/* The owner has had enough of the peer: falls silent, and the next session_step says STEP_FAILED. */
void session_break(struct session *s, const struct error *why);
bool session_can_request(const struct session *s); /* room for one more small request */

/* Replies of at most SMALL_MAX_BYTES; counter is the request's. They always find room (session_rx_want saw to
 * it) when each request is answered once. */
void session_reply(struct session *s, uint32_t counter, const char *command, const void *payload, size_t n);
void session_reply_text(struct session *s, uint32_t counter, const char *command, const char *text);
void session_reply_error(struct session *s, uint32_t counter, const struct wazuh_error *w);
/* A reply of any length; takes over body's content (body is empty afterwards). E_SPACE: the queue of long
 * messages is full, body is kept, try later. body's windows and spill are those of session_shared. */
enum err session_reply_blob(struct session *s, uint32_t counter, const char *command, struct blob *body,
                            struct error *e);

#endif
