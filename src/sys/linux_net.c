/* sys/linux_net.c - the socket calls of the table: every socket is non-blocking and close-on-exec. */
#include "src/sys/linux.h"
#include "sys/datagram.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT 25 /* from linux/tcp.h, which cannot be included beside netinet/tcp.h */
#endif

static const struct {
    int level, name;
} options[] = {
    [SYS_TCP_NODELAY] = {IPPROTO_TCP, TCP_NODELAY},
    [SYS_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR},
    [SYS_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
    [SYS_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
    [SYS_TCP_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
    [SYS_NOTSENT_LOWAT] = {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    [SYS_SO_ERROR] = {SOL_SOCKET, SO_ERROR},
};

static int set_option(int fd, enum sys_sockopt o, int value) {
    return setsockopt(fd, options[o].level, options[o].name, &value, sizeof value) < 0 ? -errno : 0;
}

static const struct sockaddr *as_sockaddr(const struct sys_addr *a) {
    return (const struct sockaddr *)(const void *)a->bytes;
}

/* A socket of a's family, or a negated errno value. */
static int open_socket(const struct sys_addr *a) {
    int fd = socket(as_sockaddr(a)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return LINUX_RESULT(fd);
}

static int close_with(int fd, int result) {
    close(fd);
    return result;
}

static int linux_listen(struct sys *s, const struct sys_addr *a, int backlog) {
    (void)s;
    int family = as_sockaddr(a)->sa_family, fd = open_socket(a), r = 0;
    if (fd < 0)
        return fd;
    if (family != AF_UNIX)
        r = set_option(fd, SYS_REUSEADDR, 1);
    if (r == 0 && family == AF_INET6)
        r = set_option(fd, SYS_V6ONLY, 0); /* whatever the machine's default is */
    if (r < 0)
        return close_with(fd, r);
    if (bind(fd, as_sockaddr(a), a->len) < 0 || listen(fd, backlog) < 0)
        return close_with(fd, -errno);
    return fd;
}

/* accept reports what happened to a connection that still waited: accept(2), "Error handling". */
static bool died_while_waiting(int os) {
    switch (os) {
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static int linux_accept(struct sys *s, int fd, struct sys_addr *peer) {
    (void)s;
    struct sys_addr from;
    memset(&from, 0, sizeof from);
    socklen_t len = sizeof from.bytes;
    int r;
    LINUX_CALL(r, accept4(fd, (struct sockaddr *)(void *)from.bytes, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (r < 0)
        return died_while_waiting(errno) ? -EAGAIN : -errno;
    from.len = len < sizeof from.bytes ? len : sizeof from.bytes;
    if (peer)
        *peer = from;
    return r;
}

static int linux_connect(struct sys *s, const struct sys_addr *a, int *fd) {
    (void)s;
    *fd = -1;
    int new_fd = open_socket(a);
    if (new_fd < 0)
        return new_fd;
    int r = connect(new_fd, as_sockaddr(a), a->len) < 0 ? -errno : 0;
    if (r == -EINTR) /* it goes on in the background: connect(2) */
        r = -EINPROGRESS;
    if (r != 0 && r != -EINPROGRESS)
        return close_with(new_fd, r);
    *fd = new_fd;
    return r;
}

static int linux_connect_datagram(struct sys *s, const char *path) {
    (void)s;
    return datagram_connect(path);
}

static ptrdiff_t linux_recv(struct sys *s, int fd, void *buf, size_t n) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, recv(fd, buf, n, 0));
    return LINUX_RESULT(r);
}

static ptrdiff_t linux_send(struct sys *s, int fd, const void *buf, size_t n) {
    (void)s;
    ssize_t r;
    LINUX_CALL(r, send(fd, buf, n, MSG_NOSIGNAL));
    return LINUX_RESULT(r);
}

static int linux_sockopt_set(struct sys *s, int fd, enum sys_sockopt o, int value) {
    (void)s;
    return set_option(fd, o, value);
}

static int linux_sockopt_get(struct sys *s, int fd, enum sys_sockopt o, int *value) {
    (void)s;
    int got = 0;
    socklen_t len = sizeof got;
    if (getsockopt(fd, options[o].level, options[o].name, &got, &len) < 0)
        return -errno;
    *value = got;
    return 0;
}

static int linux_local_addr(struct sys *s, int fd, struct sys_addr *out) {
    (void)s;
    memset(out, 0, sizeof *out);
    socklen_t len = sizeof out->bytes;
    if (getsockname(fd, (struct sockaddr *)(void *)out->bytes, &len) < 0)
        return -errno;
    out->len = len < sizeof out->bytes ? len : sizeof out->bytes;
    return 0;
}

static int linux_peer_uid(struct sys *s, int fd, uint32_t *uid) {
    (void)s;
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
        return -errno;
    *uid = who.uid;
    return 0;
}

void linux_net_init(struct sys *s) {
    s->listen = linux_listen;
    s->accept = linux_accept;
    s->connect = linux_connect;
    s->connect_datagram = linux_connect_datagram;
    s->recv = linux_recv;
    s->send = linux_send;
    s->sockopt_set = linux_sockopt_set;
    s->sockopt_get = linux_sockopt_get;
    s->local_addr = linux_local_addr;
    s->peer_uid = linux_peer_uid;
}
