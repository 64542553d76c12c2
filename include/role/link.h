/* role/link.h - a session on a socket: moves bytes between the two, keeps the deadlines, and ends in one
 * place.
 *
 * A link is doomed in the middle of a turn and reaped at the start of the next, so that nobody's feet are
 * pulled away: after link_doom the session still exists until the owner's ended() returns. */
#ifndef PICKET_ROLE_LINK_H
#define PICKET_ROLE_LINK_H

#include "net/loop.h"
#include "wire/session.h"

#define ACCEPT_PAUSE_MS 1000u /* after an accept that failed: for a master, and for the local socket */

struct link {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_work work;
    int fd; /* owned */
    bool doomed;
    bool closing;     /* doomed as soon as what is queued has been written */
    struct error why; /* of the doom; code E_OK: the peer closed in good order */
    struct sys_addr peer;
    uint64_t opened_ms; /* monotonic */
    void *owner;
    void (*ended)(void *owner,
                  const struct error *why); /* session_fini has been called; the slot may be given back */
    void (*quiet)(void *owner); /* nothing is half said (link_is_quiet), told from inside the link: only take
                                   note; NULL unless the owner sets it after link_open */
    struct session session;
};

/* Takes over fd (already connected). false, with fd closed, when the loop has no room. */
bool link_open(struct link *k, struct loop *loop, const struct session_shared *shared,
               const struct session_events *events, void *owner, unsigned to, bool plain, int fd,
               const struct sys_addr *peer, void (*ended)(void *owner, const struct error *why));

/* Must be called after anything was asked of the session from outside its own callbacks (a timer, another
 * link): writes what can be written and sets the deadlines anew. */
void link_kick(struct link *k);

/* Is nothing half said, in neither direction: no message begun or owed its answer, none being worked off, no
 * file or string, nothing waiting to be written? Replies that a peer owes us do not count. */
bool link_is_quiet(const struct link *k);
/* Has all that was queued been written? */
bool link_is_written(const struct link *k);
/* Reads and serves what has come, without waiting for the next turn. */
void link_pump(struct link *k);
/* Ends the session of a link that is quiet, and gives the descriptor back to the caller, open; ended() is not
 * called. Not from inside a callback of the link. */
int link_release(struct link *k);

/* Ends the link; ended() follows in the next turn. The first reason stays. */
void link_doom(struct link *k, const struct error *why);
/* Ends it when what is queued has been written. */
void link_close_after_write(struct link *k);

#endif
