/* wire/xfer.h - files and strings over a session (reference, section 4.1): new_file / file_upd / file_end,
 * new_str / str_upd, both ways.
 *
 * Sending: a pull from a struct source in chunks of XFER_CHUNK_BYTES. At first each waits for the reply to
 * the one before; while replies come within a second, up to XFER_CHUNKS_AHEAD are under way at once. When one
 * takes longer, the chunk shrinks, and it is one at a time again: what lies before a keepalive stays short. A
 * chunk without reply in time is not fatal (as in Wazuh): the end tells. Receiving: bytes go to the sink the
 * owner names, frame by verified frame; the SHA-256 is checked at file_end. */
#ifndef PICKET_WIRE_XFER_H
#define PICKET_WIRE_XFER_H

#include "crypto/sha256.h"
#include "wire/session.h"

/* "/queue/cluster/<worker>/<node>-<time>-<32 hex>.zip" and its NUL, the longest it can be. */
#define XFER_PATH_BYTES 320
#define XFER_ID_BYTES 24u /* the id a peer gives to a string of ours, and its NUL */
/* Of one session at once, so that one peer cannot take all there are from the others. */
#define XFER_FILES_PER_SESSION 4u
#define XFER_STRINGS_PER_SESSION 4u
/* A string that nobody added to or consumed for so long is forgotten (the time Wazuh waits for a file). */
#define XFER_STRING_IDLE_MS 120000u

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
    char string_id[XFER_ID_BYTES];
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
    bool is_string, cancelled;
    bool lent; /* chunk and prefix are being encoded: hands off */
    bool source_ended;
    uint8_t phase;        /* enum in xfer_tx.c */
    uint8_t ahead;        /* chunks without their reply */
    uint8_t window;       /* how many there may be: one until the peer has shown that it is quick */
    uint8_t settling;     /* of them, sent before chunk_bytes changed last */
    uint8_t oldest;       /* index in sent_ms of the first one */
    uint32_t chunk_bytes; /* present size, adapted to the peer */
    uint64_t string_total;
    uint64_t started_ms;
    uint64_t sent_ms[XFER_CHUNKS_AHEAD];
    struct sha256 hash; /* of what was sent */
    struct xfer_result result;
    char path[XFER_PATH_BYTES];
    uint8_t prefix[XFER_PATH_BYTES + 1];
    size_t prefix_n, fill;
    uint8_t chunk[XFER_CHUNK_BYTES];
};

/* Begins to send a file. path: with leading slash, no space, shorter than XFER_PATH_BYTES (else E_PATH).
 * source stays the caller's and must live until done(), which is called exactly once, from session_step or
 * session_fini, never from inside this call; the sender is gone by then. E_POOL when all senders are busy. */
enum err xfer_send_file(struct session *s, const char *path, struct source *source, xfer_done_fn *done,
                        void *arg, struct xfer_tx **out, struct error *e);
/* The same for a string of total bytes: source gives exactly as many, or the end is XFER_FAILED (E_CHANGED).
 */
enum err xfer_send_string(struct session *s, struct source *source, uint64_t total, xfer_done_fn *done,
                          void *arg, struct xfer_tx **out, struct error *e);
/* Stops after the chunk in flight and, like a real node, still ends the file with the digest of what was
 * sent; then done(XFER_CANCELLED). A file whose source failed, or that the peer refused midway, is ended with
 * a digest that cannot be right: a file cut short must not look whole. */
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
/* The sink of path is about to go, because its task is over: what still comes is swallowed, and the file ends
 * as a bad one. Whoever gives a sink's memory back must call this first. Nothing happens when no file of this
 * path is being received. */
void xfer_rx_orphan(struct session *s, const char *path);

/* A string being received, or complete and waiting for the command that names it. */
struct xfer_string {
    struct xfer_string *next;
    uint32_t id;
    bool failed; /* no room for it: never complete */
    uint64_t total;
    uint64_t since_ms; /* when it last grew */
    struct blob body;
    uint8_t small[BODY_SMALL_BYTES];
};
/* The string a command names by its decimal id, NULL when there is none or it is not complete. */
struct xfer_string *xfer_string_find(struct session *s, const char *id, size_t n);
void xfer_string_drop(struct session *s, struct xfer_string *x);

#endif
