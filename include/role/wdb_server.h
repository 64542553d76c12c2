/* role/wdb_server.h - the two wazuh-db sockets, served from the embedded store, for an appliance's services
 * that expect them. One thing at a time is done to the store; clients wait their turn. A slow reader holds a
 * slot and perhaps a window, for a bounded time, and nobody else.
 *
 * A connection may stay for ever (remoted and authd hold theirs), but when the pool is used up the one that
 * has been idle for longest makes way for a new one. Who may come is the sockets' mode, as at wazuh-db. */
#ifndef PICKET_ROLE_WDB_SERVER_H
#define PICKET_ROLE_WDB_SERVER_H

#include "net/loop.h"
#include "store/embedded.h"
#include "store/wdb_http.h"

#define WDB_TEXT_SOCKET "queue/db/wdb"
#define WDB_HTTP_SOCKET "queue/sockets/wdb-http.sock"
#define WDB_PEER_TIME_MS 20000u /* for sending one request, and for taking one answer */
#define WDB_LOCKED_MS 5000u     /* so long a command waits for another program that has the file locked */

struct wdb_server;

struct wdb_peer {
    struct wdb_peer *next;
    struct wdb_server *server;
    struct loop_io io;
    int fd;
    uint8_t state; /* enum in wdb_server_parts.h */
    bool is_http;
    bool closing;      /* ends with the answer that is going out */
    bool gone;         /* has hung up; what it asked is done all the same */
    bool starved;      /* is not read from until there is a window */
    uint64_t heard_ms; /* monotonic: last byte that came */
    uint64_t since_ms; /* first byte of the request, or of the answer */
    uint64_t turn;     /* order of asking */
    struct wdb_frame frame;
    struct http head;
    struct blob in, out; /* one request, one answer */
    char answer_head[160];
    size_t answer_head_n;
    uint64_t out_at; /* bytes of answer_head and out that are sent */
    size_t ahead_at, ahead_n;
    uint8_t ahead[512]; /* (HTTP) bytes that may be the next request's */
    uint8_t small[BODY_SMALL_BYTES], small_out[BODY_SMALL_BYTES];
};

struct wdb_server {
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    int root;
    struct embedded *embedded;
    struct store_texts *texts;
    struct pool *pool; /* struct wdb_peer */
    struct pool *windows;
    struct spill *spill;
    uint64_t body_most;
    struct loop_io text_io, http_io;
    int text_fd, http_fd;
    struct loop_timer timer;
    struct loop_work work;
    struct wdb_peer *peers;
    struct wdb_peer *answering; /* whose HTTP request is being worked off in steps */
    uint64_t
        accept_ms; /* nobody is accepted before; UINT64_MAX: before a client is idle or gone; 0: at once */
    uint64_t turns;
    bool locked; /* another program has the file locked: text commands wait */
    struct log_brake brake;
    struct wdb_http http;
};

/* Listens on both sockets below root (folders are made; mode 0660; sockets that nobody listens on are
 * replaced; one that answers belongs to a real wazuh-db: E_DUPLICATE in words). What is made gets the owner
 * that the embedded store gives its file. After an error nothing is left open. */
enum err wdb_server_open(struct wdb_server *s, struct sys *sys, struct loop *loop, struct log *log, int root,
                         const char *root_path, struct embedded *embedded, struct store_texts *texts,
                         struct pool *pool, struct pool *windows, struct spill *spill, uint64_t body_most,
                         struct error *e);
void wdb_server_close(struct wdb_server *s);

#endif
