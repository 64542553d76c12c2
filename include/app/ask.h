/* app/ask.h - a client of the local socket: one question, one answer, before a deadline. */
#ifndef PICKET_APP_ASK_H
#define PICKET_APP_ASK_H

#include "base/err.h"
#include "sys/sys.h"

struct ask {
    struct sys *sys;
    int fd;
    uint32_t counter;
    uint64_t deadline_ms; /* for everything asked over this connection */
};

/* Connects to the socket at path. E_GONE: nobody listens there; E_DENIED; E_SYS. */
enum err ask_open(struct ask *a, struct sys *sys, const char *path, uint32_t wait_ms, struct error *e);

/* Sends command with payload and waits for its answer, whose text is put into out (cap bytes, NUL added).
 * A worker's "Sent request to master node" is no answer yet: its control_res is. E_PEER: the answer was an
 * error, its text is in out; E_LIMIT: longer than cap; E_TIME; E_CLOSED; E_FRAME. After anything but E_OK,
 * E_PEER and E_LIMIT the connection is of no more use. */
enum err ask_question(struct ask *a, const char *command, const char *payload, char *out, size_t cap,
                      size_t *len, struct error *e);

void ask_close(struct ask *a);

#endif
