/* app/ask.h - a client of the local socket: one question, one answer, before a deadline. */
#ifndef PICKET_APP_ASK_H
#define PICKET_APP_ASK_H

#include "base/err.h"
#include "sys/sys.h"

#include <stdbool.h>

#define ASK_QUESTION_BYTES 16384u /* the longest payload of a question */

struct ask {
    struct sys *sys;
    int fd;
    uint32_t counter;
    uint64_t deadline_ms; /* for everything asked over this connection; may be moved between questions */
    uint32_t beat;        /* counter of the last echo-c, which keeps a long wait from counting as silence */
    uint64_t beat_ms;     /* when the next one is due */
};

/* Where the text of an answer goes, in pieces; anything but E_OK ends the question with that error. */
struct ask_sink {
    enum err (*take)(void *arg, const char *bytes, size_t n, struct error *e);
    void *arg;
    bool direct; /* the answer is the reply itself (get_hash), no string that comes later */
};

/* Connects to the socket at path. E_GONE: nobody listens there; E_DENIED; E_TIME: somebody does, and takes
 * nobody; E_SYS. */
enum err ask_open(struct ask *a, struct sys *sys, const char *path, uint32_t wait_ms, struct error *e);

/* Sends command with payload and waits for its answer, whose text is put into out (cap bytes, NUL added).
 * A worker's "Sent request to master node" is no answer yet: its control_res is. E_PEER: the answer was an
 * error, its text is in out; E_LIMIT: longer than cap; E_TIME; E_CLOSED; E_FRAME. After anything but E_OK,
 * E_PEER and E_LIMIT the connection is of no more use. */
enum err ask_question(struct ask *a, const char *command, const char *payload, char *out, size_t cap,
                      size_t *len, struct error *e);

/* The same for what is answered later with a string of any length (dapi, send_file; reference, section 4.4):
 * its bytes go to sink as they come. E_PEER: refused, or dapi_err; the words are in out. */
enum err ask_string(struct ask *a, const char *command, const char *payload, const struct ask_sink *sink,
                    char *out, size_t cap, struct error *e);

void ask_close(struct ask *a);

#endif
