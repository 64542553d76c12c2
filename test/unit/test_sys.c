/* test_sys.c - the table of real calls: files, sockets, names, and the path that must stay below its folder.
 */
#include "src/sys/linux.h"
#include "sys/sys.h"
#include "test/harness/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sys sys;
static int root;

static void open_root(void) {
    sys_linux_init(&sys);
    root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
}

static const char *path_in_dir(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

TEST(sys_every_entry_is_there) {
    sys_linux_init(&sys);
    void (*const *entry)(void) = (void (*const *)(void))(void *)&sys;
    size_t count = offsetof(struct sys, child_started) / sizeof *entry;
    for (size_t i = 0; i < count; i++)
        CHECK(entry[i] != NULL);
}

TEST(sys_files) {
    open_root();
    int fd = sys.openat(&sys, root, "a", O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd >= 0);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_INT(sys.openat(&sys, root, "a", O_RDWR | O_CREAT | O_EXCL, 0640), -EEXIST);
    CHECK_INT(sys_write_all(&sys, fd, "hello world", 11), 0);
    char buf[16] = {0};
    CHECK_INT(sys.pread(&sys, fd, buf, 5, 6), 5);
    CHECK_STR(buf, "world");
    CHECK_INT(sys.pwrite(&sys, fd, "W", 1, 6), 1);
    CHECK_INT(sys.lseek(&sys, fd, 0, 0), 0);
    CHECK_INT(sys.read(&sys, fd, buf, sizeof buf), 11);
    CHECK_MEM(buf, "hello World", 11);
    CHECK_INT(sys.ftruncate(&sys, fd, 3), 0);
    CHECK_INT(sys.fchmod(&sys, fd, 0600), 0);
    CHECK_INT(sys.fsync(&sys, fd), 0);
    CHECK_INT(sys.syncfs(&sys, fd), 0);
    struct sys_stat st;
    CHECK_INT(sys.fstat(&sys, fd, &st), 0);
    CHECK_INT(st.size, 3);
    CHECK_INT(st.mode, S_IFREG | 0600);
    CHECK_INT(st.nlink, 1);
    CHECK_INT(st.uid, geteuid());
    CHECK(sys_is_file(&st) && !sys_is_dir(&st) && !sys_is_link(&st));
    int64_t age = sys.wall_ns(&sys) - st.mtime_ns;
    CHECK(age > -1000000000 && age < 60000000000);
    CHECK_INT(sys.close(&sys, fd), 0);
    CHECK_INT(sys.close(&sys, fd), -EBADF);
    CHECK_INT(sys.renameat(&sys, root, "a", root, "b"), 0);
    CHECK_INT(sys.lstatat(&sys, root, "a", &st), -ENOENT);
    CHECK_INT(sys.mkdirat(&sys, root, "d", 0700), 0);
    CHECK_INT(sys.unlinkat(&sys, root, "d", false), -EISDIR);
    CHECK_INT(sys.unlinkat(&sys, root, "d", true), 0);
    CHECK_INT(sys.unlinkat(&sys, root, "b", false), 0);
    CHECK(sys.free_bytes(&sys, root) > 0);
    CHECK_INT(sys.close(&sys, root), 0);
}

TEST(sys_modes_and_owners_follow_no_link) {
    open_root();
    test_write_file("target", "x", 1);
    struct sys_stat st;
    CHECK_INT(symlinkat("target", root, "link"), 0);
    CHECK_INT(sys.chmodat(&sys, root, "target", 0604), 0);
    CHECK_INT(sys.chmodat(&sys, root, "link", 0777), -EOPNOTSUPP);
    CHECK_INT(sys.lstatat(&sys, root, "target", &st), 0);
    CHECK_INT(st.mode, S_IFREG | 0604);
    CHECK_INT(sys.lstatat(&sys, root, "link", &st), 0);
    CHECK(sys_is_link(&st));
    CHECK_INT(sys.chownat(&sys, root, "link", geteuid(), getegid()), 0);
    if (geteuid() == 0) {
        CHECK_INT(sys.chownat(&sys, root, "link", 12, 34), 0);
        CHECK_INT(sys.lstatat(&sys, root, "target", &st), 0);
        CHECK_INT(st.uid, 0);
        CHECK_INT(sys.lstatat(&sys, root, "link", &st), 0);
        CHECK_INT(st.uid, 12);
        CHECK_INT(st.gid, 34);
    }
    prctl(PR_SET_DUMPABLE, 0); /* as a hardened node runs: the C library may go through /proc for this */
    CHECK_INT(sys.chmodat(&sys, root, "target", 0640), 0);
    CHECK_INT(sys.lstatat(&sys, root, "target", &st), 0);
    CHECK_INT(st.mode, S_IFREG | 0640);
    prctl(PR_SET_DUMPABLE, 1);
    sys.close(&sys, root);
}

TEST(sys_lock_range_holds_between_open_files_and_byte_by_byte) {
    open_root();
    int a = sys.openat(&sys, root, "range", O_RDWR | O_CREAT, 0600);
    int b = sys.openat(&sys, root, "range", O_RDWR, 0);
    CHECK_INT(sys.lock_range(&sys, a, SYS_LOCK_READ, 100, 10), 0);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_READ, 100, 10), 0);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_WRITE, 105, 1), -EAGAIN);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_ASK, 105, 1), -EAGAIN);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_ASK, 110, 1), 0);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_WRITE, 110, 1), 0);
    CHECK_INT(sys.lock_range(&sys, a, SYS_LOCK_READ, 110, 1), -EAGAIN);
    CHECK_INT(sys.lock_range(&sys, a, SYS_UNLOCK, 100, 10), 0);
    CHECK_INT(sys.lock_range(&sys, b, SYS_LOCK_WRITE, 100, 10), 0); /* its own read lock grows */
    sys.close(&sys, b);
    CHECK_INT(sys.lock_range(&sys, a, SYS_LOCK_ASK, 100, 11), 0); /* gone with the descriptor */
    sys.close(&sys, a);
}

TEST(sys_lock_excludes_a_second_open) {
    open_root();
    int a = sys.openat(&sys, root, "lock", O_RDWR | O_CREAT, 0600);
    int b = sys.openat(&sys, root, "lock", O_RDWR, 0);
    CHECK_INT(sys.lock(&sys, a), 0);
    CHECK_INT(sys.lock(&sys, b), -EWOULDBLOCK);
    CHECK_INT(sys.close(&sys, a), 0);
    CHECK_INT(sys.lock(&sys, b), 0);
    sys.close(&sys, b);
    sys.close(&sys, root);
}

TEST(sys_folders_are_listed) {
    open_root();
    bool seen[500] = {false};
    char name[64];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "a name that is not very short %d", i);
        test_write_file(name, "", 0);
    }
    CHECK_INT(sys.mkdirat(&sys, root, "folder", 0755), 0);
    CHECK_INT(symlinkat("x", root, "link"), 0);
    _Alignas(8) char buf[1024]; /* many calls */
    int count = 0, others = 0;
    ptrdiff_t n;
    while ((n = sys.getdents(&sys, root, buf, sizeof buf)) > 0) {
        struct sys_dirent d;
        for (size_t at = 0; sys_dirent_next(buf, (size_t)n, &at, &d);) {
            int i;
            if (sscanf(d.name, "a name that is not very short %d", &i) == 1) {
                CHECK(!seen[i]);
                CHECK(d.type == SYS_DT_REG || d.type == SYS_DT_UNKNOWN);
                seen[i] = true;
                count++;
            } else {
                CHECK(!strcmp(d.name, "folder") ? d.type == SYS_DT_DIR || d.type == SYS_DT_UNKNOWN
                                                : !strcmp(d.name, "link"));
                others++;
            }
        }
    }
    CHECK_INT(n, 0);
    CHECK_INT(count, 500);
    CHECK_INT(others, 2);
    sys.close(&sys, root);
}

/* A record that lies about its length, or whose name has no end, stops the walk and is not read past. */
TEST(sys_dirent_next_survives_any_bytes) {
    uint64_t seed = 11;
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(test_random(&seed) % 80), at = 0;
        char *buf = malloc(n + 1); /* exactly: AddressSanitizer watches the end */
        for (size_t i = 0; i < n; i++)
            buf[i] = (char)(test_random(&seed) % 4 ? test_random(&seed) % 40 : test_random(&seed));
        struct sys_dirent d;
        while (sys_dirent_next(buf, n, &at, &d))
            CHECK(strlen(d.name) < n);
        free(buf);
    }
}

/* ---- below a folder ---- */

typedef int open_function(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode);

static int walk(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    (void)s;
    return linux_walk_beneath(dirfd, path, flags, mode);
}

static int count_fds(void) {
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void check_beneath(open_function *open_it) {
    static const struct {
        const char *path;
        int flags;
        int result; /* 0: it opens */
    } cases[] = {
        {"a/b/file", O_RDONLY, 0},
        {"a//b///file", O_RDONLY, 0},
        {"./a/./b/file", O_RDONLY, 0},
        {"a/b", O_RDONLY | O_DIRECTORY, 0},
        {"a/b/", O_RDONLY, 0},
        {".", O_RDONLY | O_DIRECTORY, 0},
        {"a/b/made", O_RDWR | O_CREAT | O_EXCL, 0},
        {"a/b/file", O_PATH, 0},
        {"a/b/leaf", O_PATH | O_NOFOLLOW, 0}, /* the link itself, on request */
        {"a/b/leaf", O_PATH, -ELOOP},
        {"a/b/leaf", O_RDONLY, -ELOOP},
        {"a/b/leaf", O_WRONLY | O_CREAT | O_TRUNC, -ELOOP},
        {"a/b/dangling", O_WRONLY | O_CREAT, -ELOOP},
        {"a/up/b/file", O_RDONLY, -ELOOP},
        {"a/out/passwd", O_RDONLY, -ELOOP},
        {"a/up", O_RDONLY | O_DIRECTORY, -ELOOP},
        {"a/b/file/", O_RDONLY, -ENOTDIR},
        {"a/b/file/x", O_RDONLY, -ENOTDIR},
        {"a/none/x", O_RDONLY, -ENOENT},
        {"", O_RDONLY, -ENOENT},
        {"/etc/passwd", O_RDONLY, -EXDEV},
        {"..", O_RDONLY, -EXDEV},
        {"../x", O_RDONLY, -EXDEV},
        {"a/..", O_RDONLY, -EXDEV},
        {"a/../a/b/file", O_RDONLY, -EXDEV},
        {"a/b/..//", O_RDONLY, -EXDEV},
        {"a/...", O_RDONLY, -ENOENT},
        {"a/..b", O_RDONLY, -ENOENT},
    };
    open_root();
    test_write_file("a/b/file", "x", 1);
    CHECK_INT(symlinkat("file", root, "a/b/leaf"), 0);
    CHECK_INT(symlinkat("nowhere", root, "a/b/dangling"), 0);
    CHECK_INT(symlinkat("..", root, "a/b/../up"), 0);
    CHECK_INT(symlinkat("/etc", root, "a/out"), 0);
    int before = count_fds();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = open_it(&sys, root, cases[i].path, cases[i].flags, 0600);
        if ((fd < 0 ? fd : 0) != cases[i].result)
            test_fail(__FILE__, __LINE__, "\"%s\" with flags 0x%x: %d, want %d", cases[i].path,
                      (unsigned)cases[i].flags, fd, cases[i].result);
        if (fd >= 0) {
            CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
            sys.close(&sys, fd);
        }
    }
    CHECK_INT(count_fds(), before);
    char longest[300];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK_INT(open_it(&sys, root, longest, O_RDONLY, 0), -ENAMETOOLONG);
    size_t n;
    CHECK(test_read_file("a/b/made", &n) && n == 0);
    CHECK(!test_read_file("a/b/nowhere", &n));
    sys.close(&sys, root);
}

TEST(sys_open_beneath_by_the_kernel) {
    sys_linux_init(&sys);
    check_beneath(sys.open_beneath);
}

TEST(sys_open_beneath_by_walking) {
    check_beneath(walk);
}

/* ---- sockets ---- */

static int wait_for(int fd, short events, int timeout_ms) {
    struct sys_poll p = {.fd = fd, .events = events};
    int r = sys.poll(&sys, &p, 1, timeout_ms);
    return r > 0 ? p.revents : r;
}

/* Connects to what listens on a and sends bytes both ways. */
static void check_talk(int listener, const struct sys_addr *a, const char *host) {
    int client, value = -1;
    struct sys_addr peer;
    char words[SYS_ADDR_WORDS], buf[8];
    CHECK_INT(sys.accept(&sys, listener, &peer), -EAGAIN);
    int r = sys.connect(&sys, a, &client);
    CHECK(r == 0 || r == -EINPROGRESS);
    CHECK(wait_for(listener, SYS_POLLIN, 5000) & SYS_POLLIN);
    int server = sys.accept(&sys, listener, &peer);
    CHECK(server >= 0);
    sys_addr_words(&peer, words);
    CHECK_STR(words, host);
    CHECK(wait_for(client, SYS_POLLOUT, 5000) & SYS_POLLOUT);
    CHECK_INT(sys.sockopt_get(&sys, client, SYS_SO_ERROR, &value), 0);
    CHECK_INT(value, 0);
    CHECK_INT(sys.recv(&sys, server, buf, sizeof buf), -EAGAIN); /* non-blocking */
    CHECK_INT(sys.recv(&sys, client, buf, sizeof buf), -EAGAIN);
    CHECK_INT(fcntl(server, F_GETFD), FD_CLOEXEC);
    CHECK_INT(fcntl(client, F_GETFD), FD_CLOEXEC);
    CHECK_INT(sys.send(&sys, client, "ping", 4), 4);
    CHECK(wait_for(server, SYS_POLLIN, 5000) & SYS_POLLIN);
    CHECK_INT(sys.recv(&sys, server, buf, sizeof buf), 4);
    CHECK_MEM(buf, "ping", 4);
    sys.close(&sys, client);
    CHECK(wait_for(server, SYS_POLLIN, 5000) & SYS_POLLIN);
    CHECK_INT(sys.recv(&sys, server, buf, sizeof buf), 0);
    for (int i = 0; (r = (int)sys.send(&sys, server, "x", 1)) == 1 && i < 100; i++)
        usleep(1000);
    CHECK(r == -EPIPE || r == -ECONNRESET); /* and no SIGPIPE */
    sys.close(&sys, server);
}

static void check_tcp(const char *listen_on, const char *connect_to, const char *host) {
    struct sys_addr a, bound;
    sys_linux_init(&sys);
    CHECK(sys_addr_parse(&a, listen_on, 0));
    int listener = sys.listen(&sys, &a, 16);
    if (listener == -EAFNOSUPPORT || listener == -EADDRNOTAVAIL)
        return; /* a machine without IPv6 */
    CHECK(listener >= 0);
    CHECK_INT(sys.local_addr(&sys, listener, &bound), 0);
    uint16_t port = (uint16_t)(bound.bytes[2] << 8 | bound.bytes[3]); /* sin_port and sin6_port alike */
    CHECK(sys_addr_parse(&a, connect_to, port));
    check_talk(listener, &a, host);
    sys.close(&sys, listener);
    int fd = 99;
    int r = sys.connect(&sys, &a, &fd);
    if (r == -EINPROGRESS) {
        int value = 0;
        wait_for(fd, SYS_POLLOUT, 5000);
        CHECK_INT(sys.sockopt_get(&sys, fd, SYS_SO_ERROR, &value), 0);
#ifndef PICKET_EMULATED /* qemu-user leaves the host's number in it, which MIPS has for another error */
        CHECK_INT(value, ECONNREFUSED);
#endif
        CHECK(value != 0);
        sys.close(&sys, fd);
    } else {
        CHECK_INT(r, -ECONNREFUSED);
        CHECK_INT(fd, -1);
    }
}

TEST(sys_peer_uid) {
    struct sys_addr a;
    char path[300];
    uint32_t uid = 12345;
    int fd;
    sys_linux_init(&sys);
    snprintf(path, sizeof path, "%s/s", test_dir());
    CHECK(sys_addr_unix(&a, path));
    int listener = sys.listen(&sys, &a, 16);
    CHECK(listener >= 0);
    CHECK_INT(sys.connect(&sys, &a, &fd), 0);
    int server = sys.accept(&sys, listener, NULL);
    CHECK(server >= 0);
    CHECK_INT(sys.peer_uid(&sys, server, &uid), 0);
    CHECK_INT(uid, geteuid());
    CHECK_INT(sys.peer_uid(&sys, 999, &uid), -EBADF);
    sys.close(&sys, server);
    sys.close(&sys, fd);
    sys.close(&sys, listener);
}

TEST(sys_tcp_over_ipv4) {
    check_tcp("127.0.0.1", "127.0.0.1", "127.0.0.1");
}
TEST(sys_tcp_over_ipv6) {
    check_tcp("::1", "[::1]", "::1");
}
TEST(sys_tcp_ipv4_client_of_an_ipv6_listener) {
    check_tcp("::", "127.0.0.1", "127.0.0.1");
}

TEST(sys_unix_sockets) {
    struct sys_addr a;
    sys_linux_init(&sys);
    CHECK(sys_addr_unix(&a, path_in_dir("socket")));
    int listener = sys.listen(&sys, &a, 4);
    CHECK(listener >= 0);
    CHECK_INT(sys.listen(&sys, &a, 4), -EADDRINUSE);
    check_talk(listener, &a, "local");
    sys.close(&sys, listener);
    int fd = 99;
    CHECK_INT(sys.connect(&sys, &a, &fd), -ECONNREFUSED);
    CHECK_INT(fd, -1);
}

TEST(sys_socket_options) {
    struct sys_addr a;
    int fd, value;
    sys_linux_init(&sys);
    CHECK(sys_addr_parse(&a, "127.0.0.1", 0));
    fd = sys.listen(&sys, &a, 1);
    static const struct {
        enum sys_sockopt o;
        int value;
    } set[] = {{SYS_TCP_NODELAY, 1},
               {SYS_REUSEADDR, 1},
               {SYS_KEEPALIVE, 1},
               {SYS_TCP_USER_TIMEOUT, 12345},
               {SYS_NOTSENT_LOWAT, 4096}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        CHECK_INT(sys.sockopt_set(&sys, fd, set[i].o, set[i].value), 0);
        CHECK_INT(sys.sockopt_get(&sys, fd, set[i].o, &value), 0);
        CHECK_INT(value, set[i].value);
    }
    sys.close(&sys, fd);
    CHECK_INT(sys.sockopt_set(&sys, fd, SYS_TCP_NODELAY, 1), -EBADF);
}

TEST(sys_addresses) {
    struct sys_addr a, b;
    char words[SYS_ADDR_WORDS];
    static const struct {
        const char *text, *words;
    } good[] = {{"10.0.0.1", "10.0.0.1"},
                {"0.0.0.0", "0.0.0.0"},
                {"::1", "::1"},
                {"[::1]", "::1"},
                {"2001:DB8:0:0::1", "2001:db8::1"},
                {"::ffff:192.0.2.7", "192.0.2.7"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(sys_addr_parse(&a, good[i].text, 1516));
        sys_addr_words(&a, words);
        CHECK_STR(words, good[i].words);
    }
    static const char *const bad[] = {
        "",
        "localhost",
        "10.0.0",
        "10.0.0.256",
        "[10.0.0.1]",
        "::1%lo",
        "[::1",
        "::1]",
        "[]",
        "10.0.0.1 ",
        "1:2:3:4:5:6:7:8:9",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!sys_addr_parse(&a, bad[i], 1));
    CHECK(sys_addr_parse(&a, "192.0.2.7", 1) && sys_addr_parse(&b, "::ffff:192.0.2.7", 2));
    CHECK(sys_addr_same_host(&a, &b));
    CHECK(sys_addr_parse(&b, "192.0.2.8", 1));
    CHECK(!sys_addr_same_host(&a, &b));
    CHECK(sys_addr_unix(&b, "/run/x"));
    CHECK(!sys_addr_same_host(&a, &b) && sys_addr_same_host(&b, &b));
    memset(&b, 0, sizeof b); /* what accept leaves of a nameless peer */
    sys_addr_words(&b, words);
    CHECK_STR(words, "unknown");
    CHECK(!sys_addr_same_host(&b, &b));
    char path[200];
    memset(path, 'p', sizeof path);
    path[108] = '\0';
    CHECK(!sys_addr_unix(&a, path));
    path[107] = '\0';
    CHECK(sys_addr_unix(&a, path));
    CHECK(!sys_addr_unix(&a, ""));
}

/* ---- names ---- */

static int reads_after_start;
static void note_child(struct sys *s) {
    (void)s;
    reads_after_start = 1; /* in the child's memory only */
}

TEST(sys_resolve_a_name) {
    struct sys_addr a;
    char words[SYS_ADDR_WORDS];
    int fd, child, found = 0, before;
    sys_linux_init(&sys);
    sys.child_started = note_child;
    before = count_fds();
    CHECK_INT(sys.resolve_start(&sys, "localhost", 1516, &fd, &child), 0);
    CHECK(fd >= 0 && child > 0);
    for (;;) {
        CHECK(wait_for(fd, SYS_POLLIN, 20000) != 0);
        ptrdiff_t n = sys.read(&sys, fd, &a, sizeof a);
        if (n == 0)
            break;
        CHECK_INT(n, sizeof a);
        sys_addr_words(&a, words);
        CHECK(!strcmp(words, "127.0.0.1") || !strcmp(words, "::1"));
        CHECK_INT(a.bytes[2] << 8 | a.bytes[3], 1516);
        found++;
    }
    CHECK(found > 0);
    sys.resolve_end(&sys, fd, child);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child left, not even a dead one */
    CHECK_INT(count_fds(), before);
    CHECK_INT(reads_after_start, 0);
}

TEST(sys_resolve_nonsense) {
    struct sys_addr a;
    int fd, child;
    sys_linux_init(&sys);
    CHECK_INT(sys.resolve_start(&sys, "no such name", 1, &fd, &child), 0);
    CHECK(wait_for(fd, SYS_POLLIN, 20000) != 0);
    CHECK_INT(sys.read(&sys, fd, &a, sizeof a), 0);
    sys.resolve_end(&sys, fd, child);
}

static void hang(struct sys *s) {
    (void)s;
    for (;;)
        pause();
}

TEST(sys_resolve_end_kills_a_stuck_child) {
    int fd, child;
    sys_linux_init(&sys);
    sys.child_started = hang;
    CHECK_INT(sys.resolve_start(&sys, "localhost", 1, &fd, &child), 0);
    char byte;
    CHECK_INT(sys.read(&sys, fd, &byte, 1), -EAGAIN);
    sys.resolve_end(&sys, fd, child);
    CHECK_INT(kill(child, 0), -1);
    CHECK_INT(errno, ESRCH);
    sys.resolve_end(&sys, -1, -1); /* nothing to end */
}

TEST(sys_clocks_and_random) {
    sys_linux_init(&sys);
    uint64_t a = sys.mono_ns(&sys);
    CHECK_INT(sys.poll(&sys, NULL, 0, 20), 0);
    uint64_t b = sys.mono_ns(&sys);
    CHECK(b - a >= 19000000 && b - a < 20000000000u);
    CHECK(sys.wall_ns(&sys) > 1600000000000000000);
    unsigned char x[1000] = {0};
    CHECK_INT(sys.random(&sys, x, sizeof x), 0);
    int zeros = 0;
    for (size_t i = 0; i < sizeof x; i++)
        zeros += x[i] == 0;
    CHECK(zeros < 50);
}
