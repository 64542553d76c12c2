/* test_spawn.c - programs beside us: what they are given, what bounds them, and that nothing of them is left.
 */
#include "sys/sys.h"
#include "test/harness/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sys sys;
static struct sys_child child = {-1, -1, -1, -1};
static const char *const no_env[] = {NULL};

static int count_fds(void) {
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* sh -c script, in the case's folder. */
static void start(const char *script, const struct sys_program *limits) {
    const char *argv[] = {"sh", "-c", script, NULL};
    static const char *const env[] = {"PATH=/bin:/usr/bin", "GIVEN=this one", NULL};
    struct sys_program p = limits ? *limits : (struct sys_program){0};
    sys_linux_init(&sys);
    signal(SIGPIPE, SIG_IGN);
    p.path = "/bin/sh";
    p.argv = argv;
    p.env = env;
    p.dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(p.dir >= 0);
    CHECK_INT(sys.spawn(&sys, &p, &child), 0);
    close(p.dir);
}

/* Reads fd to its end, at most 20 seconds. */
static const char *read_all(int fd) {
    static char text[8192];
    size_t n = 0;
    for (;;) {
        struct sys_poll wait = {.fd = fd, .events = SYS_POLLIN};
        CHECK_INT(sys.poll(&sys, &wait, 1, 20000), 1);
        ptrdiff_t r = sys.read(&sys, fd, text + n, sizeof text - 1 - n);
        if (r == -EAGAIN)
            continue;
        CHECK(r >= 0);
        if (r == 0)
            break;
        n += (size_t)r;
    }
    text[n] = '\0';
    return text;
}

static int status(void) {
    int r = -EAGAIN;
    for (int i = 0; i < 20000 && r == -EAGAIN; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        r = sys.spawn_status(&sys, &child);
    }
    return r;
}

static void end(void) {
    sys.spawn_end(&sys, &child);
    CHECK_INT(child.pid, -1);
    CHECK_INT(child.in, -1);
    /* No child is left, not even a dead one; on a loaded machine the kernel may take its time to end it, and
     * the next one that is ended finds it. */
    siginfo_t info;
    for (int i = 0; i < 20000 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        sys.spawn_end(&sys, &child);
    }
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

TEST(spawn_gives_a_program_its_three_pipes_and_tells_its_status) {
    sys_linux_init(&sys);
    int before = count_fds();
    start("read line; echo \"got $line\"; echo complaint >&2; exit 3", NULL);
    CHECK_INT(fcntl(child.out, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(child.in, F_GETFL) & O_NONBLOCK);
    CHECK_INT(sys.spawn_status(&sys, &child), -EAGAIN);
    CHECK_INT(sys.write(&sys, child.in, "a b\n", 4), 4);
    CHECK_STR(read_all(child.out), "got a b\n");
    CHECK_STR(read_all(child.err), "complaint\n");
    CHECK_INT(status(), 3);
    CHECK_INT(status(), 3); /* as often as one likes */
    CHECK_INT(sys.write(&sys, child.in, "x", 1), -EPIPE);
    sys.close(&sys, child.in);
    child.in = -1;
    end();
    CHECK_INT(count_fds(), before);
    CHECK_INT(sys.spawn_status(&sys, &child), -ECHILD);
    sys.spawn_end(&sys, &child); /* nothing to end */
}

TEST(spawn_leaves_nothing_of_ours_to_the_program) {
    int ours[40];
    for (int i = 0; i < 40; i++) /* not even what nobody marked close-on-exec */
        CHECK((ours[i] = dup(2)) >= 0);
    signal(SIGHUP, SIG_IGN);
    setenv("SECRET", "key", 1);
    /* grep's own signals: the shell blocks its own while it waits. */
    start("for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done;"
          "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; grep SigBlk /proc/self/status;"
          "sh -c 'kill -HUP $$; echo HUP was ignored'; pwd",
          NULL);
    char want[1024];
    snprintf(want, sizeof want,
             "0\n1\n2\nGIVEN=this one\nPATH=/bin:/usr/bin\nSigBlk:\t0000000000000000\n%s\n", test_dir());
    CHECK_STR(read_all(child.out), want);
    end();
    for (int i = 0; i < 40; i++)
        close(ours[i]);
}

TEST(spawn_works_when_standard_descriptors_are_free) {
    int keep = fcntl(2, F_DUPFD_CLOEXEC, 10);
    CHECK(keep > 2);
    start("exit 0", NULL);
    CHECK_INT(status(), 0);
    end();
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    start("read x; echo out; echo err >&2", NULL);
    CHECK(child.in > 2 && child.out > 2 && child.err > 2);
    sys.write(&sys, child.in, "\n", 1);
    CHECK_STR(read_all(child.out), "out\n");
    CHECK_STR(read_all(child.err), "err\n");
    end();
    for (int fd = 0; fd < 3; fd++)
        dup2(keep, fd);
    close(keep);
}

TEST(spawn_says_why_a_program_cannot_be_executed) {
    const char *argv[] = {"x", NULL};
    struct sys_program p = {.path = "no/such", .argv = argv, .env = no_env, .dir = SYS_CWD};
    sys_linux_init(&sys);
    p.dir = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK_INT(sys.spawn(&sys, &p, &child), 0);
    CHECK_STR(read_all(child.err), "cannot be started: No such file or directory\n");
    CHECK_INT(status(), 127);
    end();
    test_write_file("text", "not a program", 13);
    p.path = "text";
    CHECK_INT(sys.spawn(&sys, &p, &child), 0);
    CHECK_STR(read_all(child.err), "cannot be started: Permission denied\n");
    end();
    close(p.dir);
}

/* Killed, it is somebody else's child: a zombie until that one looks. The kernel may take its time. */
static bool is_dead(int pid) {
    char path[64], state[256];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 20000; i++) {
        int fd = open(path, O_RDONLY);
        ptrdiff_t r = fd < 0 ? -1 : read(fd, state, sizeof state - 1);
        if (fd >= 0)
            close(fd);
        state[r > 0 ? r : 0] = '\0';
        if (r <= 0 || strstr(state, ") Z") || strstr(state, ") X"))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

/* It and its children hold our pipe; both are killed. */
TEST(spawn_end_kills_the_whole_group) {
    start("sleep 1000 & echo $!; wait", NULL);
    char line[32] = {0};
    size_t n = 0;
    while (n == 0 || line[n - 1] != '\n') {
        struct sys_poll wait = {.fd = child.out, .events = SYS_POLLIN};
        CHECK_INT(sys.poll(&sys, &wait, 1, 20000), 1);
        ptrdiff_t r = sys.read(&sys, child.out, line + n, sizeof line - 1 - n);
        CHECK(r > 0);
        n += (size_t)r;
    }
    int grandchild = atoi(line);
    CHECK(grandchild > 1 && kill(grandchild, 0) == 0);
    end();
    CHECK(is_dead(grandchild));
}

/* The leader is gone, what it left behind is not. */
TEST(spawn_end_kills_what_the_program_left_behind) {
    start("sleep 1000 & exit 0", NULL);
    CHECK_INT(status(), 0);
    int out = dup(child.out);
    char byte;
    CHECK_INT(read(out, &byte, 1), -1);
    CHECK_INT(errno, EAGAIN); /* still held open */
    end();
    struct sys_poll wait = {.fd = out, .events = SYS_POLLIN};
    CHECK_INT(sys.poll(&sys, &wait, 1, 20000), 1);
    CHECK_INT(read(out, &byte, 1), 0);
    close(out);
}

TEST(spawn_limits_hold) {
    struct sys_program p = {.cpu_s = 1};
    start("while :; do :; done", &p);
    int s = status();
    CHECK(s == 128 + SIGXCPU || s == 128 + SIGKILL);
    end();
    p = (struct sys_program){.file_bytes = 4096};
    start("exec head -c 100000 /dev/zero > big", &p);
    CHECK_INT(status(), 128 + SIGXFSZ);
    end();
    struct stat st;
    char path[512];
    snprintf(path, sizeof path, "%s/big", test_dir());
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_size, 4096);
    p = (struct sys_program){.memory_bytes = 64u << 20, .files = 16};
    start("ulimit -v; ulimit -Hv; ulimit -n", &p);
#ifdef PICKET_EMULATED /* qemu-user sets no limit of memory: it would be one of its own */
    CHECK_STR(read_all(child.out), "unlimited\nunlimited\n16\n");
#else
    CHECK_STR(read_all(child.out), "65536\n65536\n16\n");
#endif
    CHECK_INT(status(), 0);
    end();
    p = (struct sys_program){.memory_bytes = UINT64_MAX,
                             .files = UINT32_MAX}; /* more than we have ourselves */
    start("exit 0", &p);
    CHECK_INT(status(), 0);
    end();
}
