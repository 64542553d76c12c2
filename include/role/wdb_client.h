/* role/wdb_client.h - struct store over a real wazuh-db: its two sockets, without ever stopping the loop.
 *
 * Text commands over queue/db/wdb, agent information of 4.13 and later over queue/sockets/wdb-http.sock.
 * Replies of any length up to the limit stream into the job's blob. A request has WDB_ANSWER_MS; a connection
 * that breaks is made again for the next job, with pauses while nobody listens: jobs then fail at once, one
 * line in the log says so and one that it is back, and the cluster goes on. */
#ifndef PICKET_ROLE_WDB_CLIENT_H
#define PICKET_ROLE_WDB_CLIENT_H

#include "base/log.h"
#include "net/loop.h"
#include "store/store.h"
#include "store/strings.h"
#include "store/wdb_wire.h"

#define WDB_SOCKET "queue/db/wdb"
#define WDB_HTTP_SOCKET "queue/sockets/wdb-http.sock"
#define WDB_ANSWER_MS 20000u     /* from a request to its whole answer, while nothing moves */
#define WDB_PAUSE_MOST_MS 10000u /* between two attempts to reach a wazuh-db that is not there */

struct wdb_client {
    struct store store; /* first */
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    const char *root_path; /* where the sockets are, without final slash */
    bool info_http, groups_named, is_worker;
    struct store_texts *texts;
    uint64_t answer_most; /* bytes of one whole answer */
    struct store_job *first, *last, *running;
    struct loop_work work;
    struct loop_timer timer;
    struct wdb_connection {
        struct loop_io io;
        int fd; /* -1: not connected */
        bool connecting;
    } text, http;
    uint64_t again_ms; /* no attempt before */
    uint32_t pause_ms;
    uint8_t phase; /* enum in wdb_client.c */
    /* the request being sent and its answer */
    size_t request_n, request_at;
    uint64_t body_at;
    struct wdb_frame frame;
    struct http head;
    size_t reply_n;
    struct strings_reader reader;
    int64_t last_id;
    bool first_chunk;
};

void wdb_client_init(struct wdb_client *w, struct sys *sys, struct loop *loop, struct log *log,
                     const char *root_path, bool is_worker, bool info_http, bool groups_named,
                     struct store_texts *texts, uint64_t answer_most);
/* Jobs that are left get done with E_CLOSED. */
void wdb_client_fini(struct wdb_client *w);

#endif
