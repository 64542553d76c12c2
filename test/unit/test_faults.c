/* test_faults.c - the test of a test tool: that faults fire where they should, and that sweeps find a bug. */
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <unistd.h>

static int root_of(struct sys *s) {
    return s->openat(s, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
}

/* Replaces the file "it" in one step, or (careless) in place. Five calls: folder, file, write, fsync, rename.
 */
static int replace(struct sys *s, const char *content, bool careless) {
    int root = root_of(s), r = root;
    if (r < 0)
        return r;
    const char *name = careless ? "it" : "it.new";
    int fd = r = s->openat(s, root, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0) {
        r = sys_write_all(s, fd, content, strlen(content));
        if (r == 0)
            r = s->fsync(s, fd);
        s->close(s, fd);
    }
    if (r == 0 && !careless)
        r = s->renameat(s, root, name, root, "it");
    s->close(s, root);
    return r;
}

struct job {
    bool careless;
    bool damaged; /* set by check: the file is neither old nor new */
    int result;
    int runs;
};

static void one(void *ctx, struct faults *f) {
    struct job *j = ctx;
    j->runs++;
    test_write_file("it", "old content", 11);
    j->result = replace(&f->sys, "new content", j->careless);
}

static void look(struct job *j) {
    const char *text = test_read_file("it", NULL);
    if (!text || (strcmp(text, "old content") != 0 && strcmp(text, "new content") != 0))
        j->damaged = true;
}
static void check(void *ctx, struct faults *f) {
    struct job *j = ctx;
    look(j);
    CHECK_INT(j->result, f->fired ? -ENOSPC : 0);
}
static void check_killed(void *ctx) {
    look(ctx);
}

TEST(faults_sweep_fails_each_call_once) {
    struct job j = {0};
    CHECK_INT(faults_sweep(ENOSPC, false, &j, one, check), 6); /* 5 calls, and the run without a fault */
    CHECK_INT(j.runs, 6);
    CHECK(!j.damaged);
    CHECK_STR(test_read_file("it", NULL), "new content");
    CHECK_INT(faults_sweep(ENOSPC, true, &j, one, check), 6);
    CHECK(!j.damaged);
}

TEST(faults_sweeps_find_a_careless_writer) {
    struct job j = {.careless = true};
    faults_sweep(ENOSPC, false, &j, one, check);
    CHECK(j.damaged);
    j.damaged = false;
    faults_kill_sweep(&j, one, check_killed);
    CHECK(j.damaged);
}

TEST(faults_kill_sweep_kills_before_each_call) {
    struct job j = {0};
    CHECK_INT(faults_kill_sweep(&j, one, check_killed), 6);
    CHECK_INT(j.runs, 0); /* the runs were in children */
    CHECK(!j.damaged);
}

TEST(faults_short_io) {
    struct faults f;
    faults_init(&f);
    f.short_io = true;
    CHECK_INT(replace(&f.sys, "hello", false), 0);
    CHECK_STR(test_read_file("it", NULL), "hello");
    int root = root_of(&f.sys), fd = f.sys.openat(&f.sys, root, "it", O_RDONLY, 0);
    char buf[8];
    CHECK_INT(f.sys.read(&f.sys, fd, buf, sizeof buf), 1);
    CHECK_INT(f.sys.pread(&f.sys, fd, buf, sizeof buf, 3), 1);
    CHECK_INT(f.sys.pread(&f.sys, fd, buf, 0, 3), 0);
    f.sys.close(&f.sys, fd);
    f.sys.close(&f.sys, root);
}

TEST(faults_clocks) {
    struct faults f;
    faults_init(&f);
    uint64_t real = f.sys.mono_ns(&f.sys);
    CHECK(real > 0);
    f.virtual_time = true;
    f.now_ns = 12345678;
    CHECK_INT(f.sys.mono_ns(&f.sys), 12345678);
    CHECK_INT(sys_mono_ms(&f.sys), 12);
    int64_t wall = f.sys.wall_ns(&f.sys);
    f.wall_shift_ns = -3600000000000;
    CHECK(f.sys.wall_ns(&f.sys) < wall - 3500000000000);
    f.fail_at = 1;
    f.fail_on = true;
    uint8_t byte;
    CHECK_INT(f.sys.random(&f.sys, &byte, 1), 0); /* these never fail */
    CHECK_INT(f.sys.close(&f.sys, -1), -EBADF);
    CHECK(!f.fired);
}

TEST(faults_every_entry_is_wrapped) {
    struct faults f;
    faults_init(&f);
    void (*const *wrapped)(void) = (void (*const *)(void))(void *)&f.sys;
    void (*const *real)(void) = (void (*const *)(void))(void *)&f.real;
    for (size_t i = 0; i < offsetof(struct sys, child_started) / sizeof *wrapped; i++) {
        CHECK(wrapped[i] != NULL);
        CHECK(wrapped[i] != real[i]);
    }
}
