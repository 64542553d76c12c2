/* sys/process.c - the process: daemon, user, limits, terminal. See sys/process.h. */
#include "sys/process.h"

#include "base/text.h"
#include "src/sys/linux.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- becoming a daemon ---- */

/* The starter: ends as the daemon says. */
static _Noreturn void wait_for_news(int fd, pid_t middle) {
    unsigned char status = 1;
    ssize_t n;
    int r;
    LINUX_CALL(r, waitpid(middle, NULL, 0));
    LINUX_CALL(n, read(fd, &status, 1));
    _exit(n == 1 ? status : 1);
}

int process_daemonize(int *ready_fd) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t middle = _Fork(); /* one thread: the C library has no locks to set right around it */
    if (middle < 0) {
        int os = errno;
        close(ends[0]);
        close(ends[1]);
        return -os;
    }
    if (middle > 0) {
        close(ends[1]); /* else the end of the daemon would not be the end of the file */
        wait_for_news(ends[0], middle);
    }
    close(ends[0]);
    setsid();
    /* Forked again: what is not the leader of its session never gets a terminal by opening one. */
    pid_t daemon = _Fork();
    if (daemon != 0)
        _exit(daemon < 0);
    *ready_fd = ends[1];
    return 0;
}

void process_ready(int ready_fd, int status) {
    unsigned char byte = (unsigned char)status;
    ssize_t r;
    LINUX_CALL(r, write(ready_fd, &byte, 1)); /* a starter that was killed meanwhile misses it */
    close(ready_fd);
}

int process_stdio_open(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* the lowest number that is free */
    while (fd >= 0 && fd <= 2);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int process_stdio_null(void) {
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
        return -errno;
    for (int i = 0; i < 3; i++)
        if (dup2(fd, i) < 0)
            return -errno;
    if (fd > 2)
        close(fd);
    return 0;
}

void process_close_from(int first) {
    linux_close_range((unsigned)first, ~0u);
}

int process_chdir(const char *path) {
    return chdir(path) < 0 ? -errno : 0;
}

int process_folder(char *out, size_t cap) {
    return getcwd(out, cap) ? 0 : -errno;
}

void process_umask(uint32_t mask) {
    umask((mode_t)mask);
}

int process_files_limit(uint32_t count) {
    struct rlimit limit;
    if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) < 0)
        return -errno;
    if (limit.rlim_cur < count) {
        limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
        if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) < 0)
            return -errno;
    }
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int)limit.rlim_cur;
}

int process_harden(void) {
    struct rlimit none = {0, 0};
    if (prlimit(0, RLIMIT_CORE, &none, NULL) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

/* ---- users ---- */

/* The id in a line "name:password:id:...", as in both files of users and of groups. */
static bool line_id(const char *line, const char *name, uint32_t *id) {
    size_t n = strlen(name);
    if (strncmp(line, name, n) || line[n] != ':')
        return false;
    const char *field = strchr(line + n + 1, ':');
    size_t digits = field ? strcspn(++field, ":") : 0;
    uint64_t v;
    if (!digits || field[digits] != ':' || !text_number(field, digits, UINT32_MAX - 1, &v))
        return false;
    *id = (uint32_t)v;
    return true;
}

/* getpwnam and getgrnam would do, but bring streams, the allocator and a client of nscd: 9 KB. */
static int file_id(const char *file, const char *name, uint32_t *id) {
    char buf[512], line[256]; /* of a line, the rest is home and shell, or the members of a group */
    size_t len = 0;
    ssize_t n;
    bool found = false;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    do {
        LINUX_CALL(n, read(fd, buf, sizeof buf));
        for (ssize_t i = 0; i < n && !found; i++) {
            if (buf[i] == '\n') {
                line[len] = '\0';
                len = 0;
                found = line_id(line, name, id);
            } else if (len < sizeof line - 1) {
                line[len++] = buf[i];
            }
        }
    } while (n > 0 && !found);
    close(fd);
    return found ? 0 : -ENOENT;
}

int process_ids(const char *user, const char *group, uint32_t *uid, uint32_t *gid) {
    int r = user && *user ? file_id("/etc/passwd", user, uid) : 0;
    return r == 0 && group && *group ? file_id("/etc/group", group, gid) : r;
}

int process_become(uint32_t uid, uint32_t gid) {
    gid_t only = gid;
    if (getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid)
        return 0;
    if (setgroups(1, &only) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    if (uid != 0 && setuid(0) == 0) /* a kernel that keeps the way back open is not one to go on with */
        return -EPERM;
    return 0;
}

uint32_t process_uid(void) {
    return geteuid();
}

uint32_t process_gid(void) {
    return getegid();
}

/* ---- other processes ---- */

int process_id(void) {
    return getpid();
}

bool process_is_alive(int pid) {
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

int process_signal(int pid, int number) {
    if (pid <= 0) /* would mean a whole group, or everybody */
        return -EINVAL;
    return kill(pid, number) < 0 ? -errno : 0;
}

/* ---- the terminal ---- */

bool process_is_tty(int fd) {
    return isatty(fd) == 1;
}

bool process_tty_size(int fd, unsigned *columns, unsigned *rows) {
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

int process_write(int fd, const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    while (n) {
        ssize_t done;
        LINUX_CALL(done, write(fd, at, n));
        if (done < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return -errno;
            continue;
        }
        if (done < 0)
            return -errno;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* ---- a client's socket ---- */

int process_connect_unix(const char *path, uint32_t timeout_ms, int *fd) {
    struct sys_addr a;
    *fd = -1;
    if (!sys_addr_unix(&a, path))
        return -ENAMETOOLONG;
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return -errno;
    struct timeval wait = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    int r;
    if (setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0 ||
        setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
        r = -1;
    else
        LINUX_CALL(r, connect(made, (const struct sockaddr *)(const void *)a.bytes, a.len));
    if (r < 0) {
        int os = errno;
        close(made);
        return -os;
    }
    *fd = made;
    return 0;
}
