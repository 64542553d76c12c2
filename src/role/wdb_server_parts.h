/* wdb_server_parts.h - between wdb_server.c, which has the sockets, the clock and the turns, and wdb_peer.c,
 * which moves one client's bytes. */
#ifndef PICKET_ROLE_WDB_SERVER_PARTS_H
#define PICKET_ROLE_WDB_SERVER_PARTS_H

#include "role/wdb_server.h"

enum wdb_peer_state {
    PEER_READING, /* a request, or waits for one */
    PEER_ASKING,  /* a whole request waits for its turn, or is being worked off */
    PEER_WRITING  /* an answer */
};

void wdb_peer_init(struct wdb_peer *p, struct wdb_server *s, bool is_http, int fd);
/* A request has begun and is not whole. */
bool wdb_peer_is_midway(const struct wdb_peer *p);
/* Reads on; a whole request asks for its turn. false: the client is gone (not closed yet). */
bool wdb_peer_read(struct wdb_peer *p);
/* Writes on, and reads on when all is written. false: as above, or the connection ends here. */
bool wdb_peer_write(struct wdb_peer *p);
/* The answer to the text command: n bytes from texts->reply + 4. The same results. */
bool wdb_peer_answer_text(struct wdb_peer *p, size_t n);
/* The answer to the HTTP request is in out. */
bool wdb_peer_answer_http(struct wdb_peer *p, uint16_t status, const char *type);
#endif
