/* sys/signals.c - signals through a pipe to ourselves. */
#include "sys/signals.h"

#include <unistd.h>

/* A handler gets no argument of ours, so the pipe must be a static: both ends, -1 when closed. Everything
 * else of the program takes the read end from signals_open. */
static volatile sig_atomic_t ends[2] = {-1, -1};

static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define CAUGHT (sizeof caught / sizeof *caught)

static void handler(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t r = write((int)ends[1], &byte, 1); /* a full pipe holds news enough */
    (void)r;
    errno = saved;
}

int signals_open(struct sys *s, int *fd) {
    int made[2];
    if (ends[0] >= 0)
        return -EALREADY;
    if (pipe2(made, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    ends[0] = made[0];
    ends[1] = made[1];
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    int r = 0;
    for (size_t i = 0; i < CAUGHT && r == 0; i++)
        r = sigaction(caught[i], &action, NULL);
    if (r < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        r = -errno;
        signals_close(s);
        return r;
    }
    *fd = made[0];
    return 0;
}

void signals_close(struct sys *s) {
    for (size_t i = 0; i < CAUGHT; i++)
        signal(caught[i], SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            s->close(s, (int)ends[i]);
        ends[i] = -1;
    }
}
