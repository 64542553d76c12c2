/* role/requests.h - what the links and the local socket only carry: requests of the distributed API (dapi)
 * and messages for daemons of the master (sendsync). api/ serves them and hangs itself in here; so role does
 * not know api.
 *
 * Every message handed over must be answered once with session_reply* (reference, sections 4.3 and 4.4), now
 * or, where the reference says so, not at all (sendsync of a C program). */
#ifndef PICKET_ROLE_REQUESTS_H
#define PICKET_ROLE_REQUESTS_H

#include "wire/session.h"

struct local_client;
struct peer;

struct requests {
    void *arg;
    /* A local program's dapi, dapi_fwd, sendsync or sendasync. */
    void (*local)(void *arg, struct local_client *c, struct session *s, const struct message *m);
    /* The local program with this number is gone: what would be answered to it is dropped. */
    void (*local_gone)(void *arg, uint32_t number);
    /* A worker's dapi, dapi_res, dapi_err or sendsync. */
    void (*peer)(void *arg, struct peer *p, const struct message *m);
    /* A worker joined (p is complete), or its link has ended (session_fini was called). */
    void (*peer_came)(void *arg, struct peer *p);
    void (*peer_gone)(void *arg, struct peer *p);
    /* The master's dapi, dapi_res, dapi_err, sendsyn_res or sendsyn_err. */
    void (*master)(void *arg, struct session *s, const struct message *m);
    /* The link to the master is joined, or has ended (session_fini was called). */
    void (*master_came)(void *arg, struct session *s);
    void (*master_gone)(void *arg);
};

#endif
