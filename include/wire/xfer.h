/* wire/xfer.h - files and strings over a session (reference, section 4.1): new_file / file_upd / file_end,
 * new_str / str_upd, both ways.
 *
 * Sending: a pull from a struct source in chunks of XFER_CHUNK_BYTES, XFER_CHUNKS_AHEAD of them without
 * waiting for their replies, so that a keepalive waits for one chunk at the most. The chunk shrinks when the
 * peer takes over a second for one. Receiving: bytes go to the sink the owner names, frame by verified frame;
 * the SHA-256 is checked at file_end. */
#ifndef PICKET_WIRE_XFER_H
#define PICKET_WIRE_XFER_H

#include "crypto/sha256.h"
#include "wire/session.h"

#define XFER_PATH_BYTES 320 /* "/queue/cluster/<worker>/<node>-<time>-<32 hex>.zip", the longest it can be   \
                             */

enum xfer_end {
    XFER_SENT,      /* the peer acknowledged the end: string_id is set for strings */
    XFER_REFUSED,   /* the peer answered with an error: error */
    XFER_FAILED,    /* our source failed: why */
    XFER_CANCELLED, /* xfer_tx_cancel */
    XFER_LOST       /* the session ended */
};

struct xfer_result {
    enum xfer_end end;
    struct wazuh_error error; /* XFER_REFUSED */
    struct error why;         /* XFER_FAILED */
    char string_id[24];
    uint64_t bytes; /* data bytes sent */
    uint64_t took_ms;
};
typedef void xfer_done_fn(void *arg, const struct xfer_result *r);

struct xfer_tx {
    struct xfer_tx *next;
    struct session *session;
    struct source *source;
    xfer_done_fn *done;
    void *arg;
    bool is_string, chunk_busy, source_ended, end_sent, cancelled;
    uint8_t phase;
    uint8_t ahead;        /* chunks without their reply */
    uint32_t chunk_bytes; /* present size, adapted to the peer */
    uint64_t string_total;
    uint64_t started_ms, chunk_sent_ms;
    struct sha256 hash;
    struct xfer_result result;
    char path[XFER_PATH_BYTES];
    uint8_t prefix[XFER_PATH_BYTES + 1];
    size_t prefix_n, fill;
    uint8_t chunk[XFER_CHUNK_BYTES];
};

/* Begins to send a file. path: with leading slash, no space. source stays the caller's and must live until
 * done(), which is called exactly once, never from inside this call. E_POOL when all senders are busy. */
enum err xfer_send_file(struct session *s, const char *path, struct source *source, xfer_done_fn *done,
                        void *arg, struct xfer_tx **out, struct error *e);
/* The same for a string of total bytes. */
enum err xfer_send_string(struct session *s, struct source *source, uint64_t total, xfer_done_fn *done,
                          void *arg, struct xfer_tx **out, struct error *e);
/* Stops after the chunk in flight; done(XFER_CANCELLED) follows. */
void xfer_tx_cancel(struct xfer_tx *x);

/* A file being received. */
struct xfer_rx {
    struct xfer_rx *next;
    struct sink *sink;
    struct sha256 hash;
    uint64_t bytes;
    bool failed; /* the sink refused: swallow the rest, answer file_end with err */
    struct error why;
    char path[XFER_PATH_BYTES];
};

/* A string being received, or complete and waiting for the command that names it. */
struct xfer_string {
    struct xfer_string *next;
    uint32_t id;
    uint64_t total;
    uint64_t since_ms;
    struct blob body;
    uint8_t small[BODY_SMALL_BYTES];
};
/* The string a command names by its decimal id, NULL when there is none or it is not complete. */
struct xfer_string *xfer_string_find(struct session *s, const char *id, size_t n);
void xfer_string_drop(struct session *s, struct xfer_string *x);

#endif
