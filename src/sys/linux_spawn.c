/* sys/linux_spawn.c - starts a program beside us and ends it again: pipes, limits, its process group. What it
 * is given to read and what it says is its owner's business (api/handler.c).
 *
 * Between fork and exec the child is a copy of a program whose allocator is sealed and whose memory is full
 * of keys. So it makes system calls only, on what was prepared before, and reads no file. */
#include "base/err.h"
#include "src/sys/linux.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_START 127 /* the exit status, as shells have it */

static const struct sys_child no_child = {-1, -1, -1, -1};

/* ---- in the child ---- */

static _Noreturn void give_up(int os) {
    static const char start[] = "cannot be started: ";
    const char *words = err_os_words(os);
    ssize_t r; /* less than an empty pipe holds */
    LINUX_CALL(r, write(2, start, sizeof start - 1));
    LINUX_CALL(r, write(2, words, strlen(words)));
    LINUX_CALL(r, write(2, "\n", 1));
    _exit(CANNOT_START);
}

/* Lowers a limit, soft and hard, so that it cannot be raised again. */
static void limit(int what, uint64_t most) {
    struct rlimit l;
    if (!most)
        return;
    if (prlimit(0, what, NULL, &l) < 0)
        give_up(errno);
    if (l.rlim_max == RLIM_INFINITY || l.rlim_max > most)
        l.rlim_max = (rlim_t)most;
    if (l.rlim_cur == RLIM_INFINITY || l.rlim_cur > l.rlim_max)
        l.rlim_cur = l.rlim_max;
    if (prlimit(0, what, &l, NULL) < 0)
        give_up(errno);
}

/* fds: all above 2, so that none is overwritten before it is copied. */
static _Noreturn void become(const struct sys_program *p, const int fds[3], pid_t parent) {
    linux_forget_handlers();
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(CANNOT_START);
    int lost = fchdir(p->dir) < 0 ? errno : 0; /* before dir, which may be any number, is overwritten */
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            _exit(CANNOT_START);
    if (lost)
        give_up(lost);
    linux_close_range(3, ~0u);
    limit(RLIMIT_AS, p->memory_bytes);
    limit(RLIMIT_FSIZE, p->file_bytes);
    limit(RLIMIT_CPU, p->cpu_s);
    limit(RLIMIT_NOFILE, p->files);
    /* execve changes neither list; its type is older than const. */
    union {
        const char *const *given;
        char *const *wanted;
    } argv = {p->argv}, env = {p->env};
    execve(p->path, argv.wanted, env.wanted);
    give_up(errno);
}

/* ---- beside it ---- */

/* A pipe whose ends are none of 0, 1 and 2, should one of those be free. */
static int make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) {
        ends[0] = ends[1] = -1;
        return -errno;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] > 2)
            continue;
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        if (moved < 0)
            return -errno;
        close(ends[i]);
        ends[i] = moved;
    }
    return 0;
}

static void close_all(int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int linux_spawn(struct sys *s, const struct sys_program *p, struct sys_child *c) {
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, r = 0;
    *c = no_child;
    linux_reap_left(s);
    for (int i = 0; i < 3 && r == 0; i++)
        r = make_pipe(pipes[i]);
    int theirs[3] = {pipes[0][0], pipes[1][1], pipes[2][1]};
    int ours[3] = {pipes[0][1], pipes[1][0], pipes[2][0]};
    for (int i = 0; i < 3 && r == 0; i++)
        r = fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (r == 0) {
        pid_t parent = getpid(), pid = _Fork(); /* one thread: the C library has no locks to set right */
        if (pid == 0)
            become(p, theirs, parent);
        if (pid < 0)
            r = -errno;
        else
            setpgid(pid, pid); /* as the child does itself: whoever is first, it is done when we go on */
        c->pid = pid;
    }
    close_all(theirs, 3);
    if (r < 0) {
        close_all(ours, 3);
        return r;
    }
    c->in = ours[0];
    c->out = ours[1];
    c->err = ours[2];
    return 0;
}

static int linux_spawn_status(struct sys *s, const struct sys_child *c) {
    siginfo_t info;
    int r;
    (void)s;
    memset(&info, 0, sizeof info);
    if (c->pid <= 0)
        return -ECHILD;
    LINUX_CALL(r, waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT));
    if (r < 0)
        return -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* The group first: while its leader is not reaped, nobody else's processes can have its number. */
static void linux_spawn_end(struct sys *s, struct sys_child *c) {
    close_all((int[]){c->in, c->out, c->err}, 3);
    linux_reap_left(s);
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        linux_reap(s, c->pid);
    }
    *c = no_child;
}

void linux_spawn_init(struct sys *s) {
    s->spawn = linux_spawn;
    s->spawn_status = linux_spawn_status;
    s->spawn_end = linux_spawn_end;
}
