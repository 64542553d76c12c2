/* sys/resolve.c - what blocks is done in a child process: names are looked up, so that a slow name server
 * stops nobody, and filesystems written out, so that a slow disk does not.
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
#define DRAIN_SECONDS 600u

/* The parent's handlers write to a descriptor whose number may by then be one of our own sockets. */
void linux_forget_handlers(void) {
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

/* In the child: nothing of the parent's stays open but fd and what is kept, lock and sockets least of all. */
static void leave_parent(int fd, const int *keep, size_t n, unsigned seconds) {
    linux_forget_handlers();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(seconds);
    for (int at = 0;;) {
        int next = fd >= at ? fd : -1;
        for (size_t i = 0; i < n; i++)
            if (keep[i] >= at && (next < 0 || keep[i] < next))
                next = keep[i];
        if (next < 0) {
            linux_close_range((unsigned)at, ~0u);
            return;
        }
        if (next > at)
            linux_close_range((unsigned)at, (unsigned)next - 1);
        at = next + 1;
    }
}

/* Makes a pipe and a child. 0 in the child, with *fd to write to; its number in the parent, with *fd to read
 * from. */
static int start_child(struct sys *s, int *fd) {
    int ends[2];
    *fd = -1;
    linux_reap_left(s);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = _Fork(); /* as process_daemonize */
    if (pid == 0) {
        *fd = ends[1];
        return 0;
    }
    int r = pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : pid;
    close(ends[1]);
    if (r < 0)
        s->resolve_end(s, ends[0], pid);
    else
        *fd = ends[0];
    return r;
}

static int linux_resolve_start(struct sys *s, const char *name, uint16_t port, int *fd, int *child) {
    *child = start_child(s, fd);
    if (*child == 0) {
        leave_parent(*fd, NULL, 0, CHILD_SECONDS);
        if (s->child_started)
            s->child_started(s);
        write_addresses(*fd, name, port);
        _exit(0);
    }
    return *child < 0 ? *child : 0;
}

static int linux_drain_start(struct sys *s, const int *fds, size_t n, int *fd, int *child) {
    *child = start_child(s, fd);
    if (*child == 0) {
        leave_parent(*fd, fds, n, DRAIN_SECONDS);
        for (size_t i = 0; i < n; i++)
            syncfs(fds[i]);
        _exit(0);
    }
    return *child < 0 ? *child : 0;
}

void linux_reap_left(struct sys *s) {
    for (size_t i = 0; i < SYS_CHILDREN_LEFT; i++)
        if (s->left[i] && waitpid(s->left[i], NULL, WNOHANG) != 0)
            s->left[i] = 0;
}

/* A killed child is gone within microseconds, unless the machine is loaded or the kernel holds it (a dead
 * network filesystem): then it is looked for later, rather than the node stopped. Should there be no place to
 * remember it, it stays a zombie until we end. */
void linux_reap(struct sys *s, int child) {
    for (int tries = 0; tries < 25; tries++) {
        if (waitpid(child, NULL, WNOHANG) != 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    for (size_t i = 0; i < SYS_CHILDREN_LEFT; i++)
        if (!s->left[i]) {
            s->left[i] = child;
            return;
        }
}

static void linux_resolve_end(struct sys *s, int fd, int child) {
    if (fd >= 0)
        close(fd);
    linux_reap_left(s);
    if (child <= 0 || waitpid(child, NULL, WNOHANG) != 0)
        return;
    kill(child, SIGKILL);
    linux_reap(s, child);
}

void linux_resolve_init(struct sys *s) {
    s->resolve_start = linux_resolve_start;
    s->resolve_end = linux_resolve_end;
    s->drain_start = linux_drain_start;
}
