/* api/sendsync.h - messages of a worker's authd, remoted and modulesd for the daemons of the master
 * (reference, section 13).
 *
 * Worker: a local program's sendsync or sendasync goes to the master as "<number> <json>"; what comes back
 * (sendsyn_res, sendsyn_err, or no master) is given to it as one frame, "ok" or "err".
 * Master: the message is taken to the unix socket of the daemon it names, a key of a constant table; the
 * answer goes back as a string. Where no authd runs, the message for it is answered by api/authd.c. */
#ifndef PICKET_API_SENDSYNC_H
#define PICKET_API_SENDSYNC_H

#include "api/call.h"
#include "role/requests.h"

#define SENDSYNC_MESSAGE_BYTES 1000000u /* most that a C daemon sends (reference, section 13) */

#define SENDSYNC_REFUSED_MAX (2u * SENDSYNCS_MAX)

struct sendsync;

/* A worker's program that is to be told that there was no room for its message. */
struct sendsync_refused {
    struct peer *peer;
    char id[12];
};

struct sendsyncs {
    const struct api_env *env;
    struct pool *pool; /* struct sendsync */
    struct sendsync *first;
    struct sendsync_refused refused[SENDSYNC_REFUSED_MAX]; /* those of them that could not be told yet */
    uint32_t refused_count;
    uint64_t refused_ms; /* when to try again; UINT64_MAX: there are none */
    struct loop_timer timer;
    struct log_brake brake; /* for messages that failed */
};
void sendsyncs_open(struct sendsyncs *q, const struct api_env *env, struct pool *pool);
void sendsyncs_close(struct sendsyncs *q);

/* Master: the command sendsync of a worker. Answers m itself. */
void sendsync_from_peer(struct sendsyncs *q, struct peer *p, const struct message *m);
void sendsync_peer_gone(struct sendsyncs *q, struct peer *p);
/* Worker: sendsync or sendasync of a local program; sendsyn_res and sendsyn_err of the master; its end.
 * Answer m themselves, but for a sendsync that is on its way: that is answered by its answer alone. */
void sendsync_from_local(struct sendsyncs *q, struct local_client *c, struct session *s,
                         const struct message *m);
void sendsync_local_gone(struct sendsyncs *q, uint32_t number);
void sendsync_from_master(struct sendsyncs *q, struct session *s, const struct message *m);
void sendsync_master_gone(struct sendsyncs *q);

#include "api/sendsync_parts.h"

#endif
