/* sys/datagram.h - a message to a local program's unix datagram socket, such as the system's log. */
#ifndef PICKET_SYS_DATAGRAM_H
#define PICKET_SYS_DATAGRAM_H

/* A non-blocking, close-on-exec socket connected to path, to be used with s->send and s->close; < 0: a
 * negated errno value (-ENOENT: nobody has made the socket; -ECONNREFUSED: nobody reads it any more). */
int datagram_connect(const char *path);

#endif
