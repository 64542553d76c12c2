/* wdb_peer.h - a wazuh-db for tests, in the same process: both sockets below test_dir(), answers by the case,
 * and everything it was asked as text. It speaks with plain calls of the system, so that faults of the code
 * under test are not its own. */
#ifndef PICKET_WDB_PEER_H
#define PICKET_WDB_PEER_H

#include "base/text.h"

/* What a case answers to a request: the text; or one of these. */
#define WDB_PEER_SILENT ((const char *)0)
extern const char WDB_PEER_CLOSE[]; /* closes the connection without an answer */

struct wdb_peer_side {
    int listener, fd; /* one connection at a time; -1: none */
    char *in;
    size_t in_n;
    char *out;
    size_t out_n, out_at;
    bool close_after;
    unsigned accepted;
};

struct wdb_peer {
    struct wdb_peer_side text, http;
    /* request: a text command; or of HTTP the first line up to the version, a line break, and the body. An
     * HTTP answer is "200 body", or a whole message when it begins with "HTTP/". */
    const char *(*answer)(void *arg, const char *request);
    void *arg;
    struct text log; /* what was asked, a line each; long ones are cut */
    char log_buf[65536];
    size_t piece; /* bytes of one write at most; 0: no limit */
};

/* Listens (the folders are made). At the end of the case everything is closed. */
void wdb_peer_open(struct wdb_peer *p, const char *(*answer)(void *arg, const char *request), void *arg);
/* Stops listening and closes what is open: as when the daemon ends. */
void wdb_peer_close(struct wdb_peer *p);
/* Does what can be done now. */
void wdb_peer_step(struct wdb_peer *p);
/* Closes connections that are idle, as a daemon that starts again. */
void wdb_peer_drop(struct wdb_peer *p);

#endif
