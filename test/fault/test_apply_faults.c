/* test_apply_faults.c - a set is received and applied while every system call in turn fails, or the process
 * is killed before it. Always: each destination is old or new and whole; the next start finishes the set or
 * discards it; nothing is left in staging; the next run ends with everything new. */
#include "test/harness/apply_set.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Long enough for two writes of a staged file, and unlike each other from the first byte. */
static char old_text[6000], new_text[5000];

static const struct set_file files[] = {
    {.section = SECTION_SHARED, .path = "etc/client.keys", .content = new_text},
    {.section = SECTION_MISSING, .path = "etc/rules/sub/new.xml", .content = new_text},
    {.section = SECTION_SHARED, .path = "etc/shared/g/agent.conf", .content = new_text},
    {.section = SECTION_EXTRA, .path = "etc/shared/gone/agent.conf"},
    {.section = SECTION_EXTRA, .path = "etc/rules/gone.xml"},
    {.section = SECTION_MISSING, .path = "etc/shared/swap", .content = new_text},
    {.section = SECTION_EXTRA, .path = "etc/shared/swap/a"},
    {.section = SECTION_MISSING, .path = "var/multigroups/a/b/merged.mg", .content = new_text},
};

static void full(char out[512], const char *relative) {
    snprintf(out, 512, "%s/%s", test_dir(), relative);
}

static int remove_all(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISDIR(st.st_mode))
        return unlink(path);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char child[1024];
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_all(child);
    }
    closedir(d);
    return rmdir(path);
}

static void old_tree(void) {
    static const char *const tops[] = {"etc", "queue", "var"};
    char path[512];
    for (size_t i = 0; i < COUNT(tops); i++) {
        full(path, tops[i]);
        CHECK_INT(remove_all(path), 0);
    }
    memset(old_text, 'o', sizeof old_text - 1);
    memset(new_text, 'n', sizeof new_text - 1);
    test_write_file("etc/client.keys", old_text, strlen(old_text));
    test_write_file("etc/shared/g/agent.conf", old_text, strlen(old_text));
    test_write_file("etc/shared/gone/agent.conf", old_text, strlen(old_text));
    test_write_file("etc/shared/gone/ar.conf", "goes along", 10);
    test_write_file("etc/rules/gone.xml", old_text, strlen(old_text));
    test_write_file("etc/shared/swap/a", old_text, strlen(old_text));
}

/* Killing a process loses nothing that was written: the sweeps need no disk that takes part. */
static int no_flush(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

static void never_flush(struct sys *s) {
    s->fsync = s->syncfs = no_flush;
    s->drain_start = NULL;
}

enum found { NOTHING, OLD, NEW };

static enum found look(const char *relative) {
    char path[512];
    struct stat st;
    size_t n;
    full(path, relative);
    if (lstat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return NOTHING;
    char *text = test_read_file(relative, &n);
    CHECK(text != NULL);
    if (strcmp(text, old_text) == 0)
        return OLD;
    if (strcmp(text, new_text) != 0)
        test_fail(__FILE__, __LINE__, "%s has %zu bytes that are neither old nor new", relative, n);
    if ((st.st_mode & 07777) != (strcmp(relative, "etc/client.keys") == 0 ? 0640 : 0660))
        test_fail(__FILE__, __LINE__, "%s has mode %o", relative, st.st_mode);
    return NEW;
}

static bool is_new(size_t i) {
    return look(files[i].path) == (files[i].section == SECTION_EXTRA ? NOTHING : NEW);
}

static bool is_old(size_t i) {
    return look(files[i].path) == (files[i].section == SECTION_MISSING ? NOTHING : OLD);
}

/* How many files are new; the others must be old. */
static size_t count_new(void) {
    size_t n = 0;
    for (size_t i = 0; i < COUNT(files); i++) {
        if (is_new(i))
            n++;
        else if (!is_old(i))
            test_fail(__FILE__, __LINE__, "%s is neither old nor new", files[i].path);
    }
    return n;
}

static void check_folder_mode(const char *relative) {
    struct stat st;
    char path[512];
    full(path, relative);
    if (lstat(path, &st) == 0)
        CHECK_INT(st.st_mode & 07777, 0770);
}

/* Folders that the set makes are complete from the first instant. */
static void check_new_folders(void) {
    check_folder_mode("etc/rules/sub");
    check_folder_mode("var/multigroups/a");
    check_folder_mode("var/multigroups/a/b");
}

static bool is_committed(void) {
    struct sys sys;
    struct apply_journal j;
    sys_linux_init(&sys);
    char path[512];
    full(path, "queue/cluster");
    int folder = open(path, O_RDONLY | O_DIRECTORY);
    if (folder < 0)
        return false;
    apply_journal_init(&j, &sys);
    bool is = apply_journal_open(&j, folder, NULL) == E_OK && apply_journal_check(&j, NULL) == E_OK;
    apply_journal_close(&j);
    close(folder);
    return is;
}

/* With a sound disk: the next start, then the next run. */
static size_t check_recovers(void) {
    struct sys sys;
    struct error e;
    sys_linux_init(&sys);
    never_flush(&sys);
    struct set *s = set_new(&sys);
    CHECK_INT(set_recover(s, &e), E_OK);
    CHECK(set_is_clean());
    size_t n = count_new();
    check_new_folders();
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK(set_is_clean());
    CHECK_INT(count_new(), COUNT(files));
    CHECK_INT(s->report.refused, 0);
    char path[512];
    struct stat st;
    full(path, "etc/shared/gone");
    CHECK(lstat(path, &st) != 0);
    set_free(s);
    return n;
}

/* Descriptors of this process: a failure must not leak any. */
static size_t open_files(void) {
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* ---- a set is received and applied ---- */

static enum step last_step;

static void receive(void *ctx, struct faults *f) {
    (void)ctx;
    old_tree();
    never_flush(&f->real);
    size_t before = open_files();
    struct set *s = set_new(&f->sys);
    last_step = set_run(s, files, COUNT(files));
    if (last_step == STEP_FAILED)
        apply_abort(&s->apply);
    set_free(s);
    CHECK_INT(open_files(), before);
}

/* One call failed: files may be refused one by one, and the run goes on. */
static void after_fault(void *ctx, struct faults *f) {
    (void)ctx;
    size_t now = count_new();
    check_new_folders();
    if (!f->fired) {
        CHECK_INT(last_step, STEP_DONE);
        CHECK_INT(now, COUNT(files));
        CHECK(set_is_clean());
    }
    CHECK(check_recovers() >= now);
}

TEST(survives_each_call_failing_with_eio) {
    CHECK(faults_sweep(EIO, false, NULL, receive, after_fault) > 80);
}

TEST(survives_each_call_failing_with_enospc) {
    CHECK(faults_sweep(ENOSPC, false, NULL, receive, after_fault) > 80);
}

TEST(survives_a_disk_that_breaks_for_good) {
    CHECK(faults_sweep(EIO, true, NULL, receive, after_fault) > 80);
}

TEST(survives_a_disk_that_turns_read_only) {
    CHECK(faults_sweep(EROFS, true, NULL, receive, after_fault) > 80);
}

/* A kill changes nothing but where the process ends: then it is all or nothing. */
static void after_kill(void *ctx) {
    (void)ctx;
    memset(old_text, 'o', sizeof old_text - 1); /* the child made the tree */
    memset(new_text, 'n', sizeof new_text - 1);
    bool committed = is_committed();
    size_t now = count_new();
    check_new_folders();
    if (!committed)
        CHECK(now == 0 || now == COUNT(files)); /* not begun, or settled */
    CHECK_INT(check_recovers(), committed ? COUNT(files) : now);
}

TEST(survives_a_kill_before_each_call) {
    CHECK(faults_kill_sweep(NULL, receive, after_kill) > 80);
}

/* ---- the next start itself fails or is killed ---- */

/* Leaves what a kill right after the commit, or in the middle of the renames, leaves. */
static void leave_committed(bool half_done) {
    struct sys sys;
    old_tree();
    sys_linux_init(&sys);
    never_flush(&sys);
    struct set *s = set_new(&sys);
    CHECK_INT(set_stage(s, files, COUNT(files)), E_OK);
    CHECK_INT(set_members(s, files, COUNT(files)), E_OK);
    for (int i = 0; i < 3; i++)
        CHECK_INT(apply_step(&s->apply), STEP_AGAIN);
    apply_journal_close(&s->apply.journal);
    CHECK(is_committed());
    char from[512], to[512];
    full(from, "queue/cluster/.stage/0");
    full(to, "etc/client.keys");
    if (half_done)
        CHECK_INT(rename(from, to), 0);
    full(to, "etc/rules/gone.xml");
    if (half_done)
        CHECK_INT(unlink(to), 0);
    set_free(s);
}

static void recover(void *ctx, struct faults *f) {
    struct error e;
    leave_committed(ctx != NULL);
    never_flush(&f->real);
    size_t before = open_files();
    struct set *s = set_new(&f->sys);
    last_step = set_recover(s, &e) == E_OK ? STEP_DONE : STEP_FAILED;
    set_free(s);
    CHECK_INT(open_files(), before);
}

static void after_recovery_fault(void *ctx, struct faults *f) {
    (void)ctx;
    size_t now = count_new();
    if (!f->fired) {
        CHECK_INT(last_step, STEP_DONE);
        CHECK_INT(now, COUNT(files));
    }
    CHECK(check_recovers() >= now);
}

static void after_recovery_kill(void *ctx) {
    (void)ctx;
    memset(old_text, 'o', sizeof old_text - 1);
    memset(new_text, 'n', sizeof new_text - 1);
    count_new();
    CHECK_INT(check_recovers(), COUNT(files)); /* it was committed: the start after that one finishes it */
}

TEST(recovery_survives_each_call_failing) {
    CHECK(faults_sweep(EIO, false, NULL, recover, after_recovery_fault) > 40);
    CHECK(faults_sweep(EIO, false, new_text, recover, after_recovery_fault) > 40);
}

TEST(recovery_survives_a_broken_disk) {
    CHECK(faults_sweep(EIO, true, NULL, recover, after_recovery_fault) > 40);
}

TEST(recovery_survives_a_kill_before_each_call) {
    CHECK(faults_kill_sweep(NULL, recover, after_recovery_kill) > 40);
    CHECK(faults_kill_sweep(new_text, recover, after_recovery_kill) > 40);
}

TEST(goes_on_after_short_reads_and_writes) {
    struct faults f;
    faults_init(&f);
    f.short_io = true;
    receive(NULL, &f);
    after_fault(NULL, &f);
    recover(NULL, &f);
    after_recovery_fault(NULL, &f);
}
