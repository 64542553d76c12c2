/* session_peer.h - a session with all it needs, on a clock of its own, that writes down what its owner hears;
 * and the other side of the wire, spoken by hand or by a second one. */
#ifndef PICKET_SESSION_PEER_H
#define PICKET_SESSION_PEER_H

#include "base/text.h"
#include "test/harness/memory_spill.h"
#include "wire/xfer.h"

/* Time for all peers of a case. */
struct peer_clock {
    struct sys sys; /* mono_ns, wall_ns and random only */
    uint64_t now_ms;
    uint64_t seed;
};
void peer_clock_init(struct peer_clock *c);

struct peer_sink {
    struct sink sink;
    uint8_t *bytes;
    size_t n, cap;
    size_t fail_after; /* bytes from which on it fails */
};

/* What other pools than the usual a case wants. 0: the usual. */
struct peer_opts {
    bool plain;
    uint32_t messages, windows, senders, receivers, strings;
    uint64_t message_bytes, spill_bytes;
    const char *version;
};

struct peer {
    struct session s;
    struct peer *next; /* of the same case */
    bool open;
    struct session_shared shared;
    struct session_events events;
    struct fernet_key key;
    struct memory_spill spill;
    struct peer_clock *clock;
    bool silent;               /* the owner does not answer requests at once */
    enum err refuse_file;      /* what file_begin answers */
    struct peer_sink files[8]; /* sinks given out so far */
    uint32_t file_count;
    struct text log; /* "request syn_m_c \"\"\n" and the like */
    char log_buf[16384];
    uint32_t alive;
    uint32_t replies; /* calls of peer_reply */
    uint8_t *out;     /* bytes the session gave to the socket */
    size_t out_n, out_cap, out_at;
    uint8_t scratch[SESSION_SCRATCH_BYTES];
};

/* to: what this side is. */
struct peer *peer_open(struct peer_clock *clock, unsigned to, const struct peer_opts *opts);
/* Ends the session; its pools and its spill must be empty then. At the latest when the case ends. The peer
 * itself, with its log and counts, stays until then. */
void peer_close(struct peer *p);
/* Checks what the owner heard since the last time, and forgets it. */
#define PEER_LOG(p, want) (CHECK_STR((p)->log_buf, want), peer_log_clear(p))
void peer_log_clear(struct peer *p);

/* A reply_fn and an xfer_done_fn whose arg is the peer: they write to its log. */
void peer_reply(void *arg, struct session *s, const struct reply *r);
void peer_done(void *arg, const struct xfer_result *r);

/* ---- the wire by hand ---- */
/* Appends a frame with a good token (or clear bytes when p is plain) to a buffer of the case; returns its
 * bytes. */
size_t peer_frame(const struct peer *p, uint8_t *buf, uint32_t counter, const char *command,
                  const void *payload, size_t n);
/* Gives bytes to the session as far as it wants them, stepping it in between; the code of the first error. */
enum err peer_push(struct peer *p, const uint8_t *bytes, size_t n);
/* Both: a message comes in. */
enum err peer_say(struct peer *p, uint32_t counter, const char *command, const void *payload, size_t n);
enum err peer_say_text(struct peer *p, uint32_t counter, const char *command, const char *text);
/* Takes what the session has for the socket to p->out, at most n bytes of it. */
size_t peer_drain(struct peer *p, size_t n);
/* The next frame of p->out (drained first). */
struct peer_seen {
    uint32_t counter, length;
    char field[COMMAND_BYTES + 1]; /* the 12 bytes as they are */
    const uint8_t *body;           /* payload as it is on the wire */
    uint8_t *clear;                /* of its token; NULL when it is none by itself */
    size_t n;
};
bool peer_next(struct peer *p, struct peer_seen *seen);
/* Checks that the next frame is this reply or request, and that nothing else of it differs. */
void peer_expect(struct peer *p, const char *file, int line, uint32_t counter, const char *field,
                 const void *payload, size_t n);
#define EXPECT(p, counter, field, text)                                                                      \
    peer_expect((p), __FILE__, __LINE__, (counter), (field), (text), strlen(text))
#define EXPECT_NOTHING(p)                                                                                    \
    do {                                                                                                     \
        struct peer_seen seen_;                                                                              \
        CHECK(!peer_next((p), &seen_));                                                                      \
    } while (0)
/* Clear bytes of a token, with its verdict checked; lives until the case ends. NULL: forged. */
uint8_t *peer_clear(const struct peer *p, const uint8_t *token, size_t n, size_t *clear_n);

/* ---- two peers ---- */
/* Carries bytes both ways, in pieces of at most cut bytes (0: whole; random below -cut for negative), steps
 * both and ticks, until neither has anything to do. False when one of them failed. */
bool peers_run(struct peer *a, struct peer *b, long cut);

#endif
