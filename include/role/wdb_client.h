/* role/wdb_client.h - struct store over a real wazuh-db: its two sockets, without ever stopping the loop.
 *
 * Text commands over queue/db/wdb, agent information of 4.13 and later over queue/sockets/wdb-http.sock
 * (reference, section 14). Answers of any length up to the limit stream into the job's blob. One request is
 * under way at a time; it has WDB_ANSWER_MS while nothing moves.
 *
 * A connection to the text socket is kept. Found closed before a byte of the answer has come, it is made
 * again once and asked again, if nothing was sent or the request may come twice: reads (what they mark is
 * marked already) and writes that override may, a command of STORE_TEXT may not. The HTTP socket gets a
 * connection per request. While nobody listens jobs fail at once, attempts have growing pauses, one line in
 * the log says that wazuh-db is gone and one that it is back, and the cluster goes on.
 *
 * wazuh-db marks rows as told when they are read (reference, pitfall 24). So when a later chunk of a read
 * fails, the job ends well with the chunks before it; the rest is read the next time. */
#ifndef PICKET_ROLE_WDB_CLIENT_H
#define PICKET_ROLE_WDB_CLIENT_H

#include "base/log.h"
#include "base/utf8.h"
#include "net/loop.h"
#include "store/store.h"
#include "store/strings.h"
#include "store/wdb_wire.h"

#define WDB_SOCKET "queue/db/wdb"
#define WDB_HTTP_SOCKET "queue/sockets/wdb-http.sock"
#define WDB_ANSWER_MS 20000u     /* from a request to its whole answer, while nothing moves */
#define WDB_PAUSE_MS 250u        /* after the first attempt that found nobody; twice as long each time */
#define WDB_PAUSE_MOST_MS 10000u /* between two attempts to reach a wazuh-db that is not there */

struct wdb_client;

struct wdb_connection {
    struct wdb_client *client;
    const char *path; /* below the root */
    struct loop_io io;
    int fd; /* -1: not connected */
    bool connecting;
    bool used;         /* it has answered before: it may be closed and nobody knows yet */
    bool down;         /* the last attempt found nobody, or no answer came */
    uint64_t again_ms; /* no attempt before */
    uint32_t pause_ms;
};

/* Bytes of a request, which stay where they are until it is sent. */
struct wdb_piece {
    const char *bytes;
    size_t n;
};

/* What one pass over the text of a chunk finds (wdb_chunk.c). */
struct wdb_chunk {
    uint64_t rows;
    int64_t last_id;
    bool hash_seen, has_hash; /* hash_seen only: it is null */
    char hash[41];
    const char *data; /* the text of "data" */
    size_t data_n;
};

struct wdb_client {
    struct store store; /* first */
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    const char *root_path; /* where the sockets are, without final slash */
    bool info_http;
    struct store_texts *texts;
    uint64_t answer_most; /* bytes of one whole answer */
    struct store_job *first, *last, *running;
    struct loop_work work; /* the next step of running, or the next job */
    struct loop_timer timer;
    struct wdb_connection text, http;
    uint8_t phase; /* enum in wdb_client.c */
    bool closing;  /* fini is under way: nothing is taken any more */
    /* the request being sent */
    struct wdb_connection *asked; /* NULL: none */
    char start[320];              /* its first piece */
    struct wdb_piece out[3];
    bool sending;
    size_t sent;               /* bytes of the pieces */
    uint64_t body_at, body_to; /* then this range of the job's blob */
    bool may_repeat, repeated;
    /* its answer */
    bool answer_begun;
    struct wdb_frame frame;
    struct http head;
    size_t reply_n; /* bytes in texts->reply */
    /* of the job */
    struct strings_reader reader;
    struct wdb_chunk chunk;
    struct json_stream lists; /* the body of GET /v1/agents/sync */
    struct utf8_clean clean;
    char refusal[160]; /* the body of an answer that is an error */
    size_t refusal_n;
    bool first_chunk;
};

/* All pointers must outlive it. root_path must leave room for the sockets' names in a socket address (else
 * every job fails and says so). texts are its own while it exists. is_worker and groups_named change nothing
 * here: wazuh-db knows its role, and what its entries look like is its own affair. */
void wdb_client_init(struct wdb_client *w, struct sys *sys, struct loop *loop, struct log *log,
                     const char *root_path, bool is_worker, bool info_http, bool groups_named,
                     struct store_texts *texts, uint64_t answer_most);
/* Jobs that are left get done with E_CLOSED; what is submitted from inside those calls is not taken. */
void wdb_client_fini(struct wdb_client *w);

#endif
