/* test_process.c - signals as bytes, the daemon's birth, its user, its limits. */
#include "sys/process.h"
#include "sys/signals.h"
#include "test/harness/harness.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sys sys;

TEST(signals_come_as_bytes) {
    int fd, again;
    unsigned char got[8] = {0};
    sys_linux_init(&sys);
    CHECK_INT(signals_open(&sys, &fd), 0);
    CHECK_INT(signals_open(&sys, &again), -EALREADY);
    CHECK_INT(sys.read(&sys, fd, got, sizeof got), -EAGAIN);
    raise(SIGHUP);
    raise(SIGTERM);
    raise(SIGUSR1);
    raise(SIGINT);
    raise(SIGPIPE); /* ignored */
    CHECK_INT(sys.read(&sys, fd, got, sizeof got), 4);
    CHECK_INT(got[0], SIGHUP);
    CHECK_INT(got[1], SIGTERM);
    CHECK_INT(got[2], SIGUSR1);
    CHECK_INT(got[3], SIGINT);
    struct sys_poll p = {.fd = fd, .events = SYS_POLLIN};
    CHECK_INT(sys.poll(&sys, &p, 1, 0), 0);
    signals_close(&sys);
    CHECK_INT(sys.read(&sys, fd, got, 1), -EBADF);
    CHECK_INT(signals_open(&sys, &fd), 0);
    signals_close(&sys);
}

TEST(signals_that_nobody_reads_do_not_block) {
    int fd;
    sys_linux_init(&sys);
    CHECK_INT(signals_open(&sys, &fd), 0);
    for (int i = 0; i < 70000; i++)
        raise(SIGUSR1);
    signals_close(&sys);
}

TEST(signals_end_a_poll) {
    int fd;
    sys_linux_init(&sys);
    CHECK_INT(signals_open(&sys, &fd), 0);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        kill(parent, SIGTERM);
        _exit(0);
    }
    struct sys_poll p = {.fd = fd, .events = SYS_POLLIN};
    int r = sys.poll(&sys, &p, 1, 20000);
    CHECK(r == -EINTR || r == 1); /* the one answer of the table that may be EINTR */
    unsigned char byte;
    CHECK_INT(sys.read(&sys, fd, &byte, 1), 1);
    CHECK_INT(byte, SIGTERM);
    waitpid(pid, NULL, 0);
    signals_close(&sys);
}

/* Runs a daemon that reports `report` (< 0: ends without a word) and answers the starter's exit status. */
static int start_daemon(int report) {
    pid_t pid = fork();
    if (pid == 0) {
        int ready;
        if (process_daemonize(&ready) < 0)
            _exit(99);
        CHECK(getsid(0) != getpid()); /* not the leader: no terminal can be gained */
        if (report >= 0) {
            char note[64];
            int n = snprintf(note, sizeof note, "%d %d", (int)getpid(), (int)getsid(0));
            test_write_file("daemon", note, (size_t)n);
            process_ready(ready, report);
            sleep(20); /* the case kills it long before */
        }
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(process_daemon_reports) {
    test_dir();
    CHECK_INT(start_daemon(0), 0);
    int pid, sid;
    CHECK_INT(sscanf(test_read_file("daemon", NULL), "%d %d", &pid, &sid), 2);
    CHECK(process_is_alive(pid));
    CHECK(sid != getsid(0));
    CHECK_INT(process_signal(pid, SIGKILL), 0);
    CHECK_INT(start_daemon(3), 3);
    CHECK_INT(sscanf(test_read_file("daemon", NULL), "%d %d", &pid, &sid), 2);
    CHECK_INT(process_signal(pid, SIGKILL), 0);
    CHECK_INT(start_daemon(-1), 1);
}

TEST(process_numbers) {
    CHECK_INT(process_id(), getpid());
    CHECK(process_is_alive(getpid()));
    CHECK(process_is_alive(1));
    CHECK(!process_is_alive(0));
    CHECK(!process_is_alive(-1));
    CHECK_INT(process_signal(0, SIGTERM), -EINVAL);
    CHECK_INT(process_signal(-1, SIGTERM), -EINVAL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    CHECK(!process_is_alive(pid));
    CHECK_INT(process_signal(pid, SIGTERM), -ESRCH);
}

TEST(process_ids_of_every_user_and_group) {
    FILE *f = fopen("/etc/passwd", "r");
    const struct passwd *p;
    while ((p = fgetpwent(f))) {
        uint32_t uid = 77, gid = 78;
        CHECK_INT(process_ids(p->pw_name, NULL, &uid, &gid), 0);
        CHECK(uid == p->pw_uid && gid == 78);
    }
    fclose(f);
    f = fopen("/etc/group", "r");
    const struct group *g;
    while ((g = fgetgrent(f))) {
        uint32_t uid = 77, gid = 78;
        CHECK_INT(process_ids("", g->gr_name, &uid, &gid), 0);
        CHECK(uid == 77 && gid == g->gr_gid);
    }
    fclose(f);
}

TEST(process_users) {
    uint32_t uid = 77, gid = 78;
    CHECK_INT(process_ids("", NULL, &uid, &gid), 0);
    CHECK(uid == 77 && gid == 78);
    CHECK_INT(process_ids("no such user", "", &uid, &gid), -ENOENT);
    CHECK_INT(process_ids("roo", NULL, &uid, &gid), -ENOENT);
    CHECK_INT(process_ids("", "no such group", &uid, &gid), -ENOENT);
    CHECK_INT(process_ids("root", "root", &uid, &gid), 0);
    CHECK(uid == 0 && gid == 0);
    CHECK_INT(process_become(process_uid(), process_gid()), 0);
    if (getuid() != 0 || process_ids("nobody", "nogroup", &uid, &gid) < 0)
        return;
    CHECK_INT(process_become(uid, gid), 0);
    CHECK_INT(process_uid(), uid);
    CHECK_INT(process_gid(), gid);
    gid_t groups[2];
    CHECK_INT(getgroups(2, groups), 1);
    CHECK_INT(groups[0], gid);
    CHECK_INT(setuid(0), -1);
    CHECK_INT(setgid(0), -1);
    CHECK(process_become(0, 0) < 0);
}

TEST(process_hardening) {
    struct rlimit limit;
    CHECK_INT(process_harden(), 0);
    CHECK_INT(getrlimit(RLIMIT_CORE, &limit), 0);
    CHECK_INT(limit.rlim_max, 0);
    CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
    CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    prctl(PR_SET_DUMPABLE, 1); /* for LeakSanitizer */
}

TEST(process_files_limit_rises) {
    struct rlimit limit = {.rlim_cur = 100};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 100;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_INT(process_files_limit(50), 100);
    CHECK_INT(process_files_limit(200), 200);
    CHECK(process_files_limit(UINT32_MAX) >= 200);
}

/* A parent that closed them: the next file must not become the terminal. */
TEST(process_stdio_is_open) {
    pid_t pid = fork();
    if (pid == 0) {
        close(0), close(2);
        if (process_stdio_open() < 0 || fcntl(0, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
            _exit(1);
        int next = open("/", O_RDONLY);
        int status = next > 2 && process_stdio_open() == 0 ? 0 : 2;
        close(next);
        _exit(status != 0 || open("/", O_RDONLY) != next); /* nothing was left open */
    }
    int status;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(process_descriptors) {
    int high = fcntl(0, F_DUPFD, 700);
    CHECK(high >= 700);
    CHECK_INT(process_write(1, "", 0), 0);
    process_close_from(600);
    CHECK_INT(fcntl(high, F_GETFD), -1);
    int out = dup(1);
    CHECK_INT(process_stdio_null(), 0);
    struct stat null, st;
    CHECK_INT(stat("/dev/null", &null), 0);
    for (int fd = 0; fd < 3; fd++)
        CHECK(fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev);
    dup2(out, 1);
    CHECK_INT(process_chdir(test_dir()), 0);
    CHECK_INT(process_chdir("none"), -ENOENT);
    process_umask(027);
    CHECK_INT(umask(0), 027);
    unsigned columns, rows;
    CHECK(!process_is_tty(0) && !process_tty_size(0, &columns, &rows));
}

TEST(process_write_waits_for_room) {
    int ends[2];
    CHECK_INT(pipe2(ends, O_NONBLOCK), 0);
    pid_t pid = fork();
    if (pid == 0) {
        static char much[300000];
        close(ends[0]);
        _exit(process_write(ends[1], much, sizeof much) != 0);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, 0);
    static char buf[4096];
    size_t total = 0;
    ssize_t n;
    while ((n = read(ends[0], buf, sizeof buf)) > 0)
        total += (size_t)n;
    CHECK_INT(total, 300000);
    int status;
    waitpid(pid, &status, 0);
    CHECK_INT(status, 0);
}

TEST(process_unix_client) {
    char path[256], buf[8];
    struct sys_addr a;
    int client;
    sys_linux_init(&sys);
    snprintf(path, sizeof path, "%s/socket", test_dir());
    CHECK_INT(process_connect_unix(path, 100, &client), -ENOENT);
    CHECK_INT(client, -1);
    CHECK(sys_addr_unix(&a, path));
    int listener = sys.listen(&sys, &a, 4);
    CHECK_INT(process_connect_unix(path, 50, &client), 0);
    int server = sys.accept(&sys, listener, NULL);
    CHECK(server >= 0);
    CHECK_INT(sys.send(&sys, client, "hi", 2), 2);
    CHECK_INT(sys.recv(&sys, server, buf, sizeof buf), 2);
    uint64_t before = sys_mono_ms(&sys);
    CHECK_INT(sys.recv(&sys, client, buf, sizeof buf), -EAGAIN); /* it waited, then gave up */
    uint64_t waited = sys_mono_ms(&sys) - before;
    CHECK(waited >= 40 && waited < 10000);
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK_INT(process_connect_unix(path, 50, &client), -ENAMETOOLONG);
    sys.close(&sys, server);
    sys.close(&sys, listener);
}
