/* sys/datagram.c - one client socket; see sys/datagram.h. Sending goes through the table of sys/sys.h. */
#include "sys/datagram.h"

#include "src/sys/linux.h"

#include <sys/socket.h>
#include <unistd.h>

int datagram_connect(const char *path) {
    struct sys_addr a;
    if (!sys_addr_unix(&a, path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r;
    LINUX_CALL(r, connect(fd, (const struct sockaddr *)(const void *)a.bytes, a.len));
    if (r < 0) {
        int os = errno;
        close(fd);
        return -os;
    }
    return fd;
}
