/* role/wdb_server.h - the two wazuh-db sockets, served from the embedded store, for an appliance's services
 * that expect them. One thing at a time is done to the store; clients wait their turn. A slow reader holds a
 * slot and perhaps a window, for a bounded time, and nobody else. */
#ifndef PICKET_ROLE_WDB_SERVER_H
#define PICKET_ROLE_WDB_SERVER_H

#include "net/loop.h"
#include "store/embedded.h"
#include "store/wdb_http.h"

struct wdb_server;

struct wdb_peer {
    struct wdb_peer *next;
    struct wdb_server *server;
    struct loop_io io;
    int fd;
    bool is_http, closing, asking; /* asking: a whole request waits for its turn */
    uint64_t heard_ms;
    struct wdb_frame frame;
    struct http head;
    struct blob in, out; /* one request, one answer */
    uint64_t out_at;
    uint8_t small[BODY_SMALL_BYTES], small_out[BODY_SMALL_BYTES];
};

struct wdb_server {
    struct sys *sys;
    struct loop *loop;
    struct log *log;
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
    struct wdb_http http;
};

/* Listens on both sockets below root (folders are made; mode 0660; sockets that nobody listens on are
 * replaced; one that answers belongs to a real wazuh-db: E_DUPLICATE in words). */
enum err wdb_server_open(struct wdb_server *s, struct sys *sys, struct loop *loop, struct log *log, int root,
                         const char *root_path, struct embedded *embedded, struct store_texts *texts,
                         struct pool *pool, struct pool *windows, struct spill *spill, uint64_t body_most,
                         struct error *e);
void wdb_server_close(struct wdb_server *s);

#endif
