/* fake_wdb.h - a wazuh-db for tests, in the same process: both sockets below test_dir(), answers by the case,
 * and everything it was asked as text. It speaks with plain calls of the system, so that faults of the code
 * under test are not its own. */
#ifndef PICKET_FAKE_WDB_H
#define PICKET_FAKE_WDB_H

#include "base/text.h"

/* What a case answers to a request: the text; or one of these. */
#define FAKE_WDB_SILENT ((const char *)0)
extern const char FAKE_WDB_CLOSE[]; /* closes the connection without an answer */

struct fake_wdb_side {
    int listener, fd; /* one connection at a time; -1: none */
    char *in;
    size_t in_n;
    char *out;
    size_t out_n, out_at;
    bool close_after;
    unsigned accepted;
};

struct fake_wdb {
    struct fake_wdb_side text, http;
    /* request: a text command; or of HTTP the first line up to the version, a line break, and the body. An
     * HTTP answer is "200 body", or a whole message when it begins with "HTTP/". */
    const char *(*answer)(void *arg, const char *request);
    void *arg;
    struct text log; /* what was asked, a line each; long ones are cut */
    char log_buf[65536];
    size_t piece; /* bytes of one write at most; 0: no limit */
};

/* Listens (the folders are made). At the end of the case everything is closed. */
void fake_wdb_open(struct fake_wdb *p, const char *(*answer)(void *arg, const char *request), void *arg);
/* Stops listening and closes what is open: as when the daemon ends. */
void fake_wdb_close(struct fake_wdb *p);
/* Does what can be done now. */
void fake_wdb_step(struct fake_wdb *p);
/* Closes connections that are idle, as a daemon that starts again. */
void fake_wdb_drop(struct fake_wdb *p);

#endif
