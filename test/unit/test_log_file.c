/* test_log_file.c - Wazuh's line format, cycles summed up, rotation, a disk that fails, the system's log. */
#include "app/log_file.h"
#include "app/own_file.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct faults faults;
static struct log_file file;
static int root;
static int64_t wall_ns;

/* 2026-11-20 10:31:47 UTC */
#define WHEN 1795170707ll

static int64_t wall(struct sys *s) {
    (void)s;
    return wall_ns;
}

static struct log_options plain(void) {
    return (struct log_options){.max_bytes = 1 << 20, .keep = 2, .uid = OWNER_KEEP, .gid = OWNER_KEEP};
}

static void begin(const struct log_options *o) {
    setenv("TZ", "UTC0", 1);
    faults_init(&faults);
    faults.virtual_time = true;
    faults.sys.wall_ns = wall;
    wall_ns = WHEN * 1000000000;
    mkdir(test_dir(), 0700);
    char logs[256];
    snprintf(logs, sizeof logs, "%s/logs", test_dir());
    mkdir(logs, 0770);
    root = faults.real.openat(&faults.real, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
    struct error e;
    log_file_init(&file, &faults.sys, o);
    CHECK_INT(log_file_open(&file, root, &e), E_OK);
}

static void end(void) {
    log_file_close(&file);
    close(root);
}

static void advance(uint64_t seconds) {
    faults.now_ns += seconds * 1000000000u;
    wall_ns += (int64_t)seconds * 1000000000;
}

static const char *content(const char *name) {
    size_t n;
    char path[64];
    snprintf(path, sizeof path, "logs/%s", name);
    char *text = test_read_file(path, &n);
    return text ? text : "(none)";
}

TEST(log_lines_are_wazuhs) {
    struct log_options o = plain();
    o.debug = 2;
    begin(&o);
    log_line(&file.log, LOG_INFO, "Worker w1", "Integrity check", "Finished in %.3fs.", 0.012);
    log_line(&file.log, LOG_WARNING, "Cluster", "Main", "a\nb\x1b[2J");
    log_line(&file.log, LOG_ERROR, "Master", "Main", "x");
    log_line(&file.log, LOG_DEBUG, "Local Server", "Main", "y");
    log_line(&file.log, LOG_DEBUG2, "Local 7", "Main", "z");
    log_line(&file.log, LOG_CYCLE, "Worker\nw", "Main", "c");
    CHECK_STR(content("cluster.log"),
              "2026/11/20 10:31:47 INFO: [Worker w1] [Integrity check] Finished in 0.012s.\n"
              "2026/11/20 10:31:47 WARNING: [Cluster] [Main] a?b?[2J\n"
              "2026/11/20 10:31:47 ERROR: [Master] [Main] x\n"
              "2026/11/20 10:31:47 DEBUG: [Local Server] [Main] y\n"
              "2026/11/20 10:31:47 DEBUG2: [Local 7] [Main] z\n"
              "2026/11/20 10:31:47 INFO: [Worker?w] [Main] c\n");
    end();
}

TEST(log_is_local_time) {
    struct log_options o = plain();
    setenv("TZ", "UTC0", 1);
    begin(&o);
    setenv("TZ", "AAA-05:30", 1);
    log_file_close(&file);
    log_file_init(&file, &faults.sys, &o);
    struct error e;
    CHECK(!log_file_open(&file, root, &e));
    log_line(&file.log, LOG_INFO, "Cluster", "Main", "x");
    CHECK_STR(content("cluster.log"), "2026/11/20 16:01:47 INFO: [Cluster] [Main] x\n");
    end();
}

TEST(log_levels) {
    struct log_options o = plain();
    begin(&o);
    log_line(&file.log, LOG_DEBUG, "a", "b", "no");
    log_line(&file.log, LOG_INFO, "a", "b", "yes");
    CHECK_STR(content("cluster.log"), "2026/11/20 10:31:47 INFO: [a] [b] yes\n");
    struct sys_stat st;
    CHECK(!faults.real.lstatat(&faults.real, file.dir_fd, "cluster.log", &st));
    CHECK_INT(st.mode & 07777, 0660);
    end();
}

TEST(log_longest_line) {
    struct log_options o = plain();
    begin(&o);
    static char longest[3000], tag[600];
    memset(longest, 'x', sizeof longest - 1);
    memset(tag, 't', sizeof tag - 1);
    log_line(&file.log, LOG_INFO, tag, tag, "%s", longest);
    const char *text = content("cluster.log");
    CHECK(strlen(text) > 1300 && strlen(text) <= 1400);
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    end();
}

/* An hour of cycles is one line; each tag and subtag has its own. */
TEST(log_cycles_are_summed_up) {
    struct log_options o = plain();
    begin(&o);
    for (int i = 0; i < 400; i++) {
        log_line(&file.log, LOG_CYCLE, "Worker a", "Integrity check", "Finished in 0.01s. (%d)", i);
        if (i % 2)
            log_line(&file.log, LOG_CYCLE, "Worker b", "Integrity check", "b");
        advance(9);
    }
    CHECK_STR(content("cluster.log"), "");
    log_line(&file.log, LOG_CYCLE, "Worker a", "Integrity check", "Finished in 0.01s. (400)");
    CHECK_STR(content("cluster.log"),
              "2026/11/20 11:31:47 INFO: [Worker a] [Integrity check] Nothing new since "
              "10:31:47, 401 lines left out; the last: Finished in 0.01s. (400)\n");
    CHECK_INT(file.cycles[0].count, 0);
    advance(8); /* the other one has no line of its own to wake it, and is 3599 s old */
    log_file_tick(&file);
    CHECK(!strstr(content("cluster.log"), "Worker b"));
    advance(1);
    log_file_tick(&file);
    CHECK(
        strstr(content("cluster.log"), "[Worker b] [Integrity check] Nothing new since 10:31:56, 200 lines"));
    log_line(&file.log, LOG_CYCLE, "Worker a", "Integrity check", "again");
    log_file_close(&file); /* what was counted is not lost */
    CHECK(strstr(content("cluster.log"), "1 lines left out; the last: again\n"));
    close(root);
}

TEST(log_compat_and_debug_write_cycles) {
    for (int i = 0; i < 2; i++) {
        struct log_options o = plain();
        o.compat = i == 0;
        o.debug = i == 1;
        begin(&o);
        log_line(&file.log, LOG_CYCLE, "a", "b", "c");
        log_line(&file.log, LOG_CYCLE, "a", "b", "c");
        CHECK_STR(strstr(content("cluster.log"), "INFO"),
                  "INFO: [a] [b] c\n2026/11/20 10:31:47 INFO: [a] [b] c\n");
        CHECK(!unlink(strcat(strcpy((char[256]){0}, test_dir()), "/logs/cluster.log")));
        end();
    }
}

/* More kinds of cycles than entries: the oldest is summed up early, none is forgotten. */
TEST(log_more_cycles_than_entries) {
    struct log_options o = plain();
    begin(&o);
    for (unsigned i = 0; i < LOG_CYCLES_MAX + 10; i++) {
        char tag[32];
        snprintf(tag, sizeof tag, "Worker %u", i);
        log_line(&file.log, LOG_CYCLE, tag, "s", "t");
        advance(1);
    }
    CHECK(strstr(content("cluster.log"), "[Worker 0] [s]"));
    CHECK(strstr(content("cluster.log"), "[Worker 9] [s]"));
    CHECK(!strstr(content("cluster.log"), "[Worker 10] [s]"));
    log_file_close(&file);
    unsigned lines = 0;
    for (const char *at = content("cluster.log"); *at; at++)
        lines += *at == '\n';
    CHECK_INT(lines, LOG_CYCLES_MAX + 10);
    close(root);
}

static unsigned long size_of(const char *name) {
    const char *text = content(name);
    return strcmp(text, "(none)") ? strlen(text) : 0;
}

TEST(log_rotates_by_size) {
    struct log_options o = plain();
    o.max_bytes = 100; /* two lines of 44 bytes */
    begin(&o);
    for (int i = 1; i <= 7; i++)
        log_line(&file.log, LOG_INFO, "Cluster", "Main", "%06d", i);
    CHECK(strstr(content("cluster.log"), "000007") && size_of("cluster.log") <= 100);
    CHECK(strstr(content("cluster.log.1"), "000005") && strstr(content("cluster.log.1"), "000006"));
    CHECK(strstr(content("cluster.log.2"), "000003") && strstr(content("cluster.log.2"), "000004"));
    CHECK_INT(size_of("cluster.log.3"), 0);
    end();
}

TEST(log_keeps_none) {
    struct log_options o = plain();
    o.max_bytes = 100;
    o.keep = 0;
    begin(&o);
    for (int i = 1; i <= 7; i++)
        log_line(&file.log, LOG_INFO, "Cluster", "Main", "%06d", i);
    CHECK(strstr(content("cluster.log"), "000007") && size_of("cluster.log") <= 100);
    CHECK_INT(size_of("cluster.log.1"), 0);
    end();
}

/* Where nothing can be renamed the bound on the log's size still holds. */
static int no_rename(struct sys *s, int from_dir, const char *from, int to_dir, const char *to) {
    (void)s, (void)from_dir, (void)from, (void)to_dir, (void)to;
    return -EROFS;
}
TEST(log_rotation_fails) {
    struct log_options o = plain();
    o.max_bytes = 100;
    begin(&o);
    faults.sys.renameat = no_rename;
    for (int i = 1; i <= 99; i++) {
        log_line(&file.log, LOG_INFO, "Cluster", "Main", "%06d", i);
        CHECK(size_of("cluster.log") <= 100);
    }
    end();
}

TEST(log_appends_and_reopens) {
    struct log_options o = plain();
    begin(&o);
    log_line(&file.log, LOG_INFO, "a", "b", "1");
    end();
    begin(&o);
    log_line(&file.log, LOG_INFO, "a", "b", "2");
    char from[256], to[256];
    snprintf(from, sizeof from, "%s/logs/cluster.log", test_dir());
    snprintf(to, sizeof to, "%s/logs/moved", test_dir());
    CHECK(!rename(from, to));
    log_line(&file.log, LOG_INFO, "a", "b", "3");
    log_file_reopen(&file);
    log_line(&file.log, LOG_INFO, "a", "b", "4");
    CHECK(strstr(content("moved"), "] 1\n") && strstr(content("moved"), "] 2\n") &&
          strstr(content("moved"), "] 3\n"));
    CHECK_STR(content("cluster.log"), "2026/11/20 10:31:47 INFO: [a] [b] 4\n");
    end();
}

static int disk_full; /* 1: nothing is taken, 2: one byte of each line */
static ptrdiff_t full_write(struct sys *s, int fd, const void *buf, size_t n) {
    (void)s;
    if (disk_full == 1)
        return -ENOSPC;
    return write(fd, buf, disk_full == 2 ? 1 : n);
}
TEST(log_disk_full) {
    struct log_options o = plain();
    begin(&o);
    faults.sys.write = full_write;
    disk_full = 1;
    for (int i = 0; i < 3; i++)
        log_line(&file.log, LOG_INFO, "a", "b", "lost");
    disk_full = 2;
    log_line(&file.log, LOG_INFO, "a", "b", "torn");
    disk_full = 0;
    log_line(&file.log, LOG_INFO, "a", "b", "back");
    log_line(&file.log, LOG_INFO, "a", "b", "last");
    CHECK_STR(content("cluster.log"),
              "2\n2026/11/20 10:31:47 INFO: [a] [b] back\n"
              "2026/11/20 10:31:47 WARNING: [Cluster] [Main] 4 lines could not be written to "
              "this log\n"
              "2026/11/20 10:31:47 INFO: [a] [b] last\n");
    end();
}

/* The unprivileged user, who may write the folder, has put something else in the file's place. */
TEST(log_is_not_led_elsewhere) {
    struct log_options o = plain();
    begin(&o);
    end();
    char path[256], victim[256];
    struct error e;
    snprintf(path, sizeof path, "%s/logs/cluster.log", test_dir());
    snprintf(victim, sizeof victim, "%s/victim", test_dir());
    test_write_file("victim", "v", 1);
    for (int kind = 0; kind < 4; kind++) {
        begin(&o);
        end();
        CHECK(!unlink(path));
        switch (kind) {
        case 0:
            CHECK(!symlink(victim, path));
            break;
        case 1:
            CHECK(!link(victim, path));
            break;
        case 2:
            CHECK(!mkfifo(path, 0666));
            break;
        case 3:
            CHECK(!mkdir(path, 0777));
            break;
        }
        root = open(test_dir(), O_RDONLY | O_DIRECTORY);
        log_file_init(&file, &faults.sys, &o);
        CHECK(log_file_open(&file, root, &e) != E_OK);
        log_line(&file.log, LOG_ERROR, "a", "b", "goes nowhere");
        CHECK(kind == 3 ? !rmdir(path) : !unlink(path));
        size_t n;
        CHECK_STR(test_read_file("victim", &n), "v");
        end();
    }
}

/* RFC 3164: "<PRI>Mmm dd hh:mm:ss tag[pid]: text", daemon's facility is 3. */
TEST(log_to_syslog) {
    char path[108];
    snprintf(path, sizeof path, "%s/log", test_dir());
    struct log_options o = plain();
    o.syslog_path = path;
    begin(&o);
    file.pid = 4711;
    log_line(&file.log, LOG_INFO, "a", "b", "nobody listens");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    for (int i = 0; i < 2; i++) { /* the second time it was restarted */
        char got[256] = "";
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        unlink(path);
        CHECK(!bind(fd, (struct sockaddr *)&a, sizeof a));
        log_line(&file.log, LOG_WARNING, "Worker w1", "Main", "hello");
        CHECK(recv(fd, got, sizeof got - 1, 0) > 0);
        CHECK_STR(got, "<28>Nov 20 10:31:47 wazuh-clusterd[4711]: [Worker w1] [Main] hello");
        wall_ns = (WHEN - 15 * 86400) * 1000000000; /* days are padded with a blank */
        memset(got, 0, sizeof got);
        log_line(&file.log, LOG_ERROR, "a", "b", "x");
        CHECK(recv(fd, got, sizeof got - 1, 0) > 0);
        CHECK_STR(got, "<27>Nov  5 10:31:47 wazuh-clusterd[4711]: [a] [b] x");
        wall_ns = WHEN * 1000000000;
        close(fd);
    }
    end();
}

/* Whichever call fails once: no crash, the descriptors come back, and later lines arrive. */
static void one_run(void *ctx, struct faults *f) {
    (void)ctx;
    struct log_options o = plain();
    struct error e;
    o.max_bytes = 100;
    log_file_init(&file, &f->sys, &o);
    if (log_file_open(&file, root, &e))
        log_line(&file.log, LOG_INFO, "a", "b", "unopened");
    for (int i = 0; i < 6; i++)
        log_line(&file.log, LOG_INFO, "Cluster", "Main", "line %d", i);
    log_file_reopen(&file);
    bool open_now = file.fd >= 0;
    log_line(&file.log, LOG_INFO, "a", "b", "final");
    if (open_now && !(f->fired && f->calls == f->fail_at))
        CHECK(strstr(content("cluster.log"), "final") || strstr(content("cluster.log.1"), "final"));
    log_file_close(&file);
    CHECK_INT(file.fd, -1);
    CHECK_INT(file.dir_fd, -1);
}
static void after(void *ctx, struct faults *f) {
    (void)ctx;
    (void)f;
    int fd = open("/dev/null", O_RDONLY);
    CHECK(fd <= root + 1); /* nothing leaked: the next free number is still the same */
    close(fd);
}
TEST(log_every_call_fails_once) {
    struct log_options o = plain();
    begin(&o);
    log_file_close(&file);
    CHECK(faults_sweep(EIO, false, NULL, one_run, after) > 10);
    close(root);
}
