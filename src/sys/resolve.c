/* sys/resolve.c - host names looked up in a child process, so that a slow name server stops nobody.
 *
 * The child runs the C library's getaddrinfo, which allocates, opens sockets and blocks as it likes, writes
 * the addresses to a pipe and is gone. The parent only ever reads from the pipe. */
#include "src/sys/linux.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES_MAX 16  /* written at most: they fit into an empty pipe, so the child never blocks on it */
#define CHILD_SECONDS 60u /* after which a child ends itself, should its parent forget it */

/* The parent's handlers write to a descriptor whose number may by then be one of our own sockets. */
static void forget_handlers(void) {
    static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        signal(caught[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void write_addresses(int fd, const char *name, uint16_t port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return;
    int left = ADDRESSES_MAX;
    for (const struct addrinfo *at = list; at && left; at = at->ai_next, left--) {
        struct sys_addr a;
        memset(&a, 0, sizeof a);
        if (at->ai_addrlen > sizeof a.bytes)
            continue;
        memcpy(a.bytes, at->ai_addr, at->ai_addrlen);
        a.len = at->ai_addrlen;
        sys_addr_port(&a, port);
        ssize_t r; /* less than PIPE_BUF: whole or not at all */
        LINUX_CALL(r, write(fd, &a, sizeof a));
        if (r < 0)
            break;
    }
}

static _Noreturn void run_child(struct sys *s, int fd, const char *name, uint16_t port) {
    forget_handlers();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(CHILD_SECONDS);
    if (fd > 0)
        linux_close_range(0, (unsigned)fd - 1);
    linux_close_range((unsigned)fd + 1, ~0u);
    if (s->child_started)
        s->child_started(s);
    write_addresses(fd, name, port);
    _exit(0);
}

static int linux_resolve_start(struct sys *s, const char *name, uint16_t port, int *fd, int *child) {
    int ends[2];
    *fd = *child = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = _Fork(); /* as process_daemonize */
    if (pid == 0)
        run_child(s, ends[1], name, port);
    int r = pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    close(ends[1]);
    *fd = ends[0];
    *child = pid;
    if (r < 0) {
        s->resolve_end(s, *fd, *child);
        *fd = *child = -1;
    }
    return r;
}

/* A killed child is gone within microseconds, unless the kernel holds it (a dead network filesystem): then it
 * is left as it is, rather than the node stopped. */
static void linux_resolve_end(struct sys *s, int fd, int child) {
    (void)s;
    if (fd >= 0)
        close(fd);
    if (child <= 0 || waitpid(child, NULL, WNOHANG) != 0)
        return;
    kill(child, SIGKILL);
    for (int tries = 0; tries < 100 && waitpid(child, NULL, WNOHANG) == 0; tries++)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

void linux_resolve_init(struct sys *s) {
    s->resolve_start = linux_resolve_start;
    s->resolve_end = linux_resolve_end;
}
