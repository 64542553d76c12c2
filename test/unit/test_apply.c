/* test_apply.c - sets of received files: what becomes visible, what is refused, in which order, and what the
 * next start makes of a journal. */
#include "base/bytes.h"
#include "test/harness/apply_set.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct sys sys;

static struct set *begin(void) {
    sys_linux_init(&sys);
    sys.drain_start = NULL; /* steps are counted here; those that wait for the disk have tests of their own */
    umask(027);             /* must not matter */
    return set_new(&sys);
}

static void finish(struct set *s) {
    CHECK(set_is_clean());
    set_free(s);
}

static const char *content(const char *path) {
    size_t n;
    return test_read_file(path, &n);
}

static void full(char out[512], const char *relative) {
    snprintf(out, 512, "%s/%s", test_dir(), relative);
}

static unsigned mode_of(const char *relative) {
    struct stat st;
    char path[512];
    full(path, relative);
    return lstat(path, &st) == 0 ? st.st_mode : 0;
}

static void put(const char *relative, const char *text) {
    test_write_file(relative, text, strlen(text));
}

/* ---- what it is for ---- */

TEST(creates_updates_and_deletes) {
    static const struct set_file files[] = {
        {.section = SECTION_MISSING, .path = "etc/shared/new/deep/agent.conf", .content = "created"},
        {.section = SECTION_SHARED, .path = "etc/client.keys", .content = "new keys"},
        {.section = SECTION_EXTRA, .path = "etc/rules/extra.xml"},
        {.section = SECTION_EXTRA, .path = "etc/rules/never_was.xml"},
        {.section = SECTION_EXTRA, .path = "etc/lists/no/such/folder"},
        {.section = SECTION_MISSING, .path = "etc/decoders/empty.xml", .content = ""},
        {.section = SECTION_EXTRA_VALID, .path = "etc/rules/other.xml", .content = "ignored"},
    };
    struct set *s = begin();
    put("etc/client.keys", "old keys");
    put("etc/rules/extra.xml", "x");
    put("etc/rules/other.xml", "stays");
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK_STR(content("etc/shared/new/deep/agent.conf"), "created");
    CHECK_STR(content("etc/client.keys"), "new keys");
    CHECK_STR(content("etc/decoders/empty.xml"), "");
    CHECK_STR(content("etc/rules/other.xml"), "stays");
    CHECK(content("etc/rules/extra.xml") == NULL);
    CHECK_INT(mode_of("etc/client.keys"), S_IFREG | 0640);
    CHECK_INT(mode_of("etc/shared/new/deep/agent.conf"), S_IFREG | 0660);
    CHECK_INT(mode_of("etc/shared/new"), S_IFDIR | 0770);
    CHECK_INT(mode_of("etc/shared/new/deep"), S_IFDIR | 0770);
    CHECK_INT(mode_of("etc/rules"), S_IFDIR | 0750); /* was there: not ours to change */
    CHECK_INT(s->report.created, 2);
    CHECK_INT(s->report.updated, 1);
    CHECK_INT(s->report.deleted, 1);
    CHECK_INT(s->report.unchanged, 2);
    CHECK_INT(s->report.refused, 0);
    CHECK_INT(s->report.bytes, strlen("created") + strlen("new keys"));
    finish(s);
}

TEST(an_empty_set_is_done_at_once) {
    struct set *s = begin();
    CHECK_INT(set_run(s, NULL, 0), STEP_DONE);
    CHECK_INT(apply_step(&s->apply), STEP_DONE);
    finish(s);
}

TEST(refuses_files_one_by_one) {
    static const struct set_file files[] = {
        {.section = SECTION_MISSING, .path = "etc/rules/not_sent.xml"},
        {.section = SECTION_MISSING, .path = "etc/rules/changed.xml", .content = "x", .wrong_hash = true},
        {.section = SECTION_MISSING, .path = "etc/rules/hashless.xml", .content = "x", .no_hash = true},
        {.section = SECTION_MISSING, .path = "etc/rules/merged.xml", .content = "x", .merged = true},
        {.section = SECTION_MISSING,
         .path = "etc/rules/key.xml",
         .content = "x",
         .item_key = "etc/decoders/"},
        {.section = SECTION_MISSING, .path = "etc/rules/nokey.xml", .content = "x", .item_key = ""},
        {.section = SECTION_MISSING, .path = "etc/ossec.conf", .content = "x"},
        {.section = SECTION_SHARED, .path = "etc/shared/../ossec.conf", .content = "x"},
        {.section = SECTION_EXTRA, .path = "etc/ossec.conf"},
        {.section = SECTION_EXTRA, .path = "etc/rules/key2.xml", .item_key = "etc/shared/"},
        {.section = SECTION_EXTRA, .path = "/etc/passwd"},
        {.section = SECTION_MISSING, .path = "etc/rules/good.xml", .content = "good"},
        {.section = SECTION_SHARED, .path = "etc/rules/good.xml"},
        {.section = SECTION_MISSING, .path = "etc/rules/twice.xml", .content = "twice"},
        {.section = SECTION_EXTRA, .path = "etc/rules/twice.xml"},
    };
    static const struct {
        const char *path;
        enum err why;
    } want[] = {
        {"etc/rules/not_sent.xml", E_GONE},  {"etc/rules/changed.xml", E_DIGEST},
        {"etc/rules/hashless.xml", E_VALUE}, {"etc/rules/merged.xml", E_VALUE},
        {"etc/rules/key.xml", E_VALUE},      {"etc/rules/nokey.xml", E_VALUE},
        {"etc/ossec.conf", E_PATH},          {"etc/shared/../ossec.conf", E_PATH},
        {"etc/rules/key2.xml", E_VALUE},     {"/etc/passwd", E_PATH},
        {"etc/rules/good.xml", E_DIGEST},    {"etc/rules/twice.xml", E_DUPLICATE},
    };
    struct set *s = begin();
    put("etc/ossec.conf", "kept");
    put("etc/rules/key2.xml", "kept");
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    for (size_t i = 0; i < COUNT(want); i++)
        if (set_why(s, want[i].path) != want[i].why)
            test_fail(__FILE__, __LINE__, "%s: %d, want %d", want[i].path, set_why(s, want[i].path),
                      want[i].why);
    CHECK_INT(s->report.refused, 13);
    CHECK_INT(s->report.created, 2);
    CHECK_STR(content("etc/rules/good.xml"), "good");
    CHECK_STR(content("etc/rules/twice.xml"), "twice");
    CHECK_STR(content("etc/ossec.conf"), "kept");
    CHECK_STR(content("etc/rules/key2.xml"), "kept");
    CHECK(content("etc/rules/changed.xml") == NULL);
    finish(s);
}

TEST(refuses_a_file_that_is_listed_twice) {
    static const struct set_file files[] = {
        {.section = SECTION_MISSING, .path = "etc/rules/a.xml", .content = "a"},
        {.section = SECTION_SHARED, .path = "etc/rules/a.xml", .content = "a"}};
    struct set *s = begin();
    CHECK_INT(set_run(s, files, 2), STEP_DONE);
    CHECK_INT(s->report.created, 1);
    CHECK_INT(s->report.updated, 0);
    CHECK_INT(set_why(s, "etc/rules/a.xml"), E_DUPLICATE);
    finish(s);
}

/* ---- links and folders in the way ---- */

TEST(replaces_links_and_never_follows_them) {
    static const struct set_file files[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/link.xml", .content = "new"},
        {.section = SECTION_EXTRA, .path = "etc/rules/extra_link.xml"},
        {.section = SECTION_MISSING, .path = "etc/shared/away/file", .content = "x"},
        {.section = SECTION_EXTRA, .path = "etc/shared/away/victim"}};
    char path[512];
    struct set *s = begin();
    put("victim", "precious");
    put("etc/rules/x.xml", "");
    put("etc/shared/x", "");
    full(path, "etc/rules/link.xml");
    CHECK_INT(symlink("../../victim", path), 0);
    full(path, "etc/rules/extra_link.xml");
    CHECK_INT(symlink("../../victim", path), 0);
    full(path, "etc/shared/away"); /* a folder that leads out of the item */
    CHECK_INT(symlink("../..", path), 0);
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK_STR(content("victim"), "precious");
    CHECK_STR(content("etc/rules/link.xml"), "new");
    CHECK_INT(mode_of("etc/rules/link.xml"), S_IFREG | 0660);
    CHECK_INT(mode_of("etc/rules/extra_link.xml"), 0);
    CHECK(content("file") == NULL);
    CHECK_INT(set_why(s, "etc/shared/away/file"), E_PATH);
    CHECK_INT(set_why(s, "etc/shared/away/victim"), E_PATH);
    CHECK_INT(s->report.refused, 2);
    finish(s);
}

TEST(refuses_folders_in_the_place_of_files) {
    static const struct set_file files[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/folder", .content = "new"},
        {.section = SECTION_EXTRA, .path = "etc/rules/other"},
        {.section = SECTION_EXTRA, .path = "etc/rules/pipe"},
        {.section = SECTION_MISSING, .path = "etc/lists/file/below", .content = "new"}};
    char path[512];
    struct set *s = begin();
    put("etc/rules/folder/x", "kept");
    put("etc/rules/other/x", "kept");
    put("etc/lists/file", "kept");
    full(path, "etc/rules/pipe");
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK_INT(s->report.refused, 4);
    CHECK_INT(set_why(s, "etc/rules/other"), E_VALUE);
    CHECK_INT(set_why(s, "etc/rules/pipe"), E_VALUE);
    CHECK_STR(content("etc/rules/folder/x"), "kept");
    CHECK_STR(content("etc/rules/other/x"), "kept");
    CHECK_STR(content("etc/lists/file"), "kept");
    finish(s);
}

TEST(turns_folders_into_files_and_back) {
    static const struct set_file files[] = {
        {.section = SECTION_EXTRA, .path = "etc/shared/a/x"},
        {.section = SECTION_MISSING, .path = "etc/shared/a", .content = "now a file"},
        {.section = SECTION_MISSING, .path = "etc/shared/b/y", .content = "now in a folder"},
        {.section = SECTION_MISSING, .path = "etc/rules/hollow", .content = "a file again"},
        {.section = SECTION_EXTRA, .path = "etc/shared/b"}};
    struct set *s = begin();
    put("etc/rules/hollow/x",
        "x"); /* an item that keeps its empty folders: one may still make way for a file */
    char hollow[400];
    snprintf(hollow, sizeof hollow, "%s/etc/rules/hollow/x", test_dir());
    CHECK_INT(remove(hollow), 0);
    put("etc/shared/a/x", "x");
    put("etc/shared/b", "b");
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK_INT(s->report.refused, 0);
    CHECK_STR(content("etc/shared/a"), "now a file");
    CHECK_STR(content("etc/rules/hollow"), "a file again");
    CHECK_STR(content("etc/shared/b/y"), "now in a folder");
    finish(s);
}

/* ---- mount points ---- */

static struct sys real;
static const char *odd_name;
static int odd_result;

static int odd_rename(struct sys *s, int from_dir, const char *from, int to_dir, const char *to) {
    return strcmp(to, odd_name) == 0 ? odd_result : real.renameat(s, from_dir, from, to_dir, to);
}

static int odd_unlink(struct sys *s, int dir, const char *path, bool is_dir) {
    return strcmp(path, odd_name) == 0 ? odd_result : real.unlinkat(s, dir, path, is_dir);
}

TEST(says_what_a_mount_point_means) {
    static const struct set_file files[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/odd.xml", .content = "new"},
        {.section = SECTION_SHARED, .path = "etc/rules/even.xml", .content = "new"}};
    static const struct set_file gone[] = {{.section = SECTION_EXTRA, .path = "etc/rules/odd.xml"}};
    struct set *s = begin();
    real = sys;
    odd_name = "odd.xml";
    sys.renameat = odd_rename;
    sys.unlinkat = odd_unlink;
    put("etc/rules/odd.xml", "old");
    odd_result = -EBUSY;
    CHECK_INT(set_run(s, files, 2), STEP_DONE);
    CHECK_INT(s->report.refused, 1);
    CHECK(strstr(s->words[0], "mount point") != NULL);
    CHECK_STR(content("etc/rules/odd.xml"), "old");
    CHECK_STR(content("etc/rules/even.xml"), "new");
    odd_result = -EXDEV;
    CHECK_INT(set_run(s, files, 2), STEP_DONE);
    CHECK(strstr(s->words[0], "another filesystem") != NULL);
    CHECK_STR(content("etc/rules/odd.xml"), "old");
    odd_result = -EBUSY;
    CHECK_INT(set_run(s, gone, 1), STEP_DONE);
    CHECK(strstr(s->words[0], "mount point") != NULL);
    CHECK_INT(s->report.refused, 1);
    finish(s);
}

/* ---- empty folders ---- */

TEST(removes_folders_that_became_empty) {
    static const struct set_file files[] = {
        {.section = SECTION_EXTRA, .path = "etc/shared/a/b/c/one"},
        {.section = SECTION_EXTRA, .path = "etc/shared/a/b/c/two"},
        {.section = SECTION_EXTRA, .path = "etc/shared/left/one"},
        {.section = SECTION_EXTRA, .path = "etc/shared/only/excluded"},
        {.section = SECTION_EXTRA, .path = "etc/shared/swap/old.conf"},
        {.section = SECTION_MISSING, .path = "etc/shared/swap/new.conf", .content = "n"},
        {.section = SECTION_EXTRA, .path = "etc/rules/sub/a.xml"},
        {.section = SECTION_EXTRA, .path = "etc/shared/was/gone"},
        {.section = SECTION_EXTRA, .path = "var/multigroups/g/merged.mg"}};
    struct set *s = begin();
    put("etc/shared/a/b/c/one", "");
    put("etc/shared/a/b/c/two", "");
    put("etc/shared/left/one", "");
    put("etc/shared/left/two", "");
    put("etc/shared/only/excluded", "");
    put("etc/shared/only/ar.conf", "goes with its folder");
    put("etc/shared/swap/old.conf", "");
    put("etc/rules/sub/a.xml", "");
    put("var/multigroups/g/merged.mg", "");
    char path[512];
    full(path, "etc/shared/was");
    CHECK_INT(mkdir(path, 0755), 0);
    full(path, "etc/shared/swap");
    CHECK_INT(chmod(path, 0751), 0);
    CHECK_INT(set_run(s, files, COUNT(files)), STEP_DONE);
    CHECK_INT(mode_of("etc/shared/a"), 0);
    CHECK_INT(mode_of("etc/shared/only"), 0);
    CHECK_INT(mode_of("etc/shared/was"), 0); /* 4.14.7 counts a file that was gone already, too */
    CHECK_STR(content("etc/shared/left/two"), "");
    CHECK_INT(mode_of("etc/shared/swap"), S_IFDIR | 0751); /* never went away */
    CHECK_INT(mode_of("etc/rules/sub"), S_IFDIR | 0750);   /* its item keeps folders */
    CHECK_INT(mode_of("etc/shared"), S_IFDIR | 0750);
    CHECK_INT(mode_of("var/multigroups/g"), 0);
    CHECK_INT(mode_of("var/multigroups"), S_IFDIR | 0750); /* an item's own folder stays */
    CHECK_INT(s->report.folders_removed, 3 + 1 + 1 + 1);
    CHECK_INT(s->report.deleted, 7);
    finish(s);
}

TEST(keeps_a_folder_with_anything_else) {
    static const struct set_file files[] = {{.section = SECTION_EXTRA, .path = "etc/shared/g/one"}};
    struct set *s = begin();
    put("etc/shared/g/one", "");
    put("etc/shared/g/ar.conf", "kept");
    put("etc/shared/g/notes.tmp", "kept");
    CHECK_INT(set_run(s, files, 1), STEP_DONE);
    CHECK_STR(content("etc/shared/g/ar.conf"), "kept");
    CHECK_STR(content("etc/shared/g/notes.tmp"), "kept");
    finish(s);
}

/* ---- order: what a power cut may undo ---- */

static char order[4096];
static void note(const char *word) {
    size_t n = strlen(order), w = strlen(word);
    if (n >= w && strcmp(order + n - w, word) == 0) /* the same again */
        return;
    snprintf(order + n, sizeof order - n, " %s", word);
}

static int note_syncfs(struct sys *s, int fd) {
    note("syncfs");
    return real.syncfs(s, fd);
}
static int note_fsync(struct sys *s, int fd) {
    struct sys_stat st;
    note(real.fstat(s, fd, &st) == 0 && sys_is_dir(&st) ? "fsync(folder)" : "fsync(journal)");
    return real.fsync(s, fd);
}
static int note_rename(struct sys *s, int from_dir, const char *from, int to_dir, const char *to) {
    note("rename");
    return real.renameat(s, from_dir, from, to_dir, to);
}
static int note_unlink(struct sys *s, int dir, const char *path, bool is_dir) {
    int r = real.unlinkat(s, dir, path, is_dir);
    if (r == 0)
        note(strcmp(path, STAGE_JOURNAL) == 0 ? "unlink(journal)"
             : strcmp(path, "extra.xml") == 0 ? "delete"
                                              : "clean");
    return r;
}
static ptrdiff_t note_pwrite(struct sys *s, int fd, const void *buf, size_t n, uint64_t at) {
    note("write(journal)");
    return real.pwrite(s, fd, buf, n, at);
}

TEST(flushes_before_it_relies) {
    static const struct set_file files[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/a.xml", .content = "a"},
        {.section = SECTION_EXTRA, .path = "etc/rules/extra.xml"},
        {.section = SECTION_SHARED, .path = "etc/rules/b.xml", .content = "b"}};
    struct set *s = begin();
    put("etc/rules/extra.xml", "");
    CHECK_INT(set_stage(s, files, COUNT(files)), E_OK);
    CHECK_INT(set_members(s, files, COUNT(files)), E_OK);
    real = sys;
    sys.syncfs = note_syncfs;
    sys.fsync = note_fsync;
    sys.renameat = note_rename;
    sys.unlinkat = note_unlink;
    sys.pwrite = note_pwrite;
    while (apply_step(&s->apply) == STEP_AGAIN)
        continue;
    CHECK_STR(order,
              " syncfs write(journal) fsync(journal) fsync(folder) delete rename syncfs unlink(journal)"
              " fsync(folder) clean");
    finish(s);
}

TEST(works_in_bounded_steps) {
    static struct set_file files[1000];
    static char names[1000][40];
    struct set *s = begin();
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "etc/rules/sub%d/%d.xml", i % 7, i);
        files[i] = (struct set_file){.section = SECTION_MISSING, .path = names[i], .content = names[i]};
    }
    CHECK_INT(set_stage(s, files, 1000), E_OK);
    CHECK_INT(set_members(s, files, 1000), E_OK);
    uint32_t most = 0, before = 0;
    while (apply_step(&s->apply) == STEP_AGAIN) {
        uint32_t now = s->apply.report.created;
        most = now - before > most ? now - before : most;
        before = now;
    }
    CHECK_INT(s->apply.report.created, 1000);
    CHECK_INT(most, APPLY_STEP_RECORDS);
    for (int i = 0; i < 1000; i++)
        CHECK_STR(content(names[i]), names[i]);
    finish(s);
}

TEST(an_abort_leaves_everything_old) {
    static const struct set_file files[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/a.xml", .content = "new"},
        {.section = SECTION_EXTRA, .path = "etc/rules/b.xml"}};
    for (int steps = 0; steps < 3; steps++) { /* collected, to be flushed, flushed */
        struct set *s = begin();
        put("etc/rules/a.xml", "old");
        put("etc/rules/b.xml", "old");
        CHECK_INT(set_stage(s, files, 2), E_OK);
        CHECK_INT(set_members(s, files, 2), E_OK);
        for (int i = 0; i < steps; i++)
            CHECK_INT(apply_step(&s->apply), STEP_AGAIN);
        apply_abort(&s->apply);
        CHECK_STR(content("etc/rules/a.xml"), "old");
        CHECK_STR(content("etc/rules/b.xml"), "old");
        CHECK_INT(apply_step(&s->apply), STEP_FAILED);
        finish(s);
    }
}

/* ---- the next start ---- */

static const struct set_file cut_set[] = {
    {.section = SECTION_SHARED, .path = "etc/rules/a.xml", .content = "new a"},
    {.section = SECTION_EXTRA, .path = "etc/shared/g/b"},
    {.section = SECTION_MISSING, .path = "etc/shared/h/c", .content = "new c"}};

static void old_tree(void) {
    char path[512];
    put("etc/rules/a.xml", "old a");
    put("etc/shared/g/b", "old b");
    full(path, "etc/shared/h/c");
    unlink(path);
}

/* Leaves a set as a power cut after so many steps would: 3 is just committed. */
static struct set *cut_after(int steps) {
    struct set *s = begin();
    old_tree();
    CHECK_INT(set_stage(s, cut_set, COUNT(cut_set)), E_OK);
    CHECK_INT(set_members(s, cut_set, COUNT(cut_set)), E_OK);
    for (int i = 0; i < steps; i++)
        CHECK_INT(apply_step(&s->apply), STEP_AGAIN);
    apply_journal_close(&s->apply.journal);
    if (s->apply.parent >= 0)
        close(s->apply.parent);
    return s;
}

static void check_old(void) {
    CHECK_STR(content("etc/rules/a.xml"), "old a");
    CHECK_STR(content("etc/shared/g/b"), "old b");
    CHECK(content("etc/shared/h/c") == NULL);
}

static void check_new(void) {
    CHECK_STR(content("etc/rules/a.xml"), "new a");
    CHECK(content("etc/shared/g/b") == NULL);
    CHECK_STR(content("etc/shared/h/c"), "new c");
}

TEST(the_next_start_finishes_a_committed_set) {
    for (int steps = 3; steps <= 6; steps++) { /* committed, deleted, renamed, pruned */
        struct set *s = cut_after(steps);
        struct error e;
        CHECK_INT(set_recover(s, &e), E_OK);
        check_new();
        CHECK_INT(mode_of("etc/shared/g"), 0);
        CHECK_INT(s->refusals, 0);
        CHECK_INT(s->report.created + s->report.updated + s->report.deleted + s->report.unchanged, 3);
        CHECK_INT(s->report.created, steps < 5);
        CHECK_INT(s->report.deleted, steps < 4);
        CHECK_INT(set_recover(s, &e), E_OK); /* once more: nothing is left to do */
        CHECK_INT(s->report.created + s->report.unchanged, 0);
        finish(s);
    }
}

TEST(the_next_start_discards_any_other) {
    for (int steps = 0; steps <= 2; steps++) {
        struct set *s = cut_after(steps);
        struct error e;
        CHECK_INT(set_recover(s, &e), E_OK);
        check_old();
        CHECK_INT(s->refusals, 1);
        CHECK_INT(set_why(s, "queue/cluster/.journal"), E_TRUNCATED);
        CHECK_INT(s->report.refused, 0);
        finish(s);
    }
}

TEST(nothing_to_recover_is_no_error) {
    struct set *s = begin();
    struct error e;
    CHECK_INT(set_recover(s, &e), E_OK);
    put("queue/cluster/w1/x", "");
    CHECK_INT(set_recover(s, &e), E_OK);
    put("queue/cluster/.stage/5", "left");
    CHECK_INT(set_recover(s, &e), E_OK);
    CHECK_INT(s->refusals, 0);
    finish(s);
}

/* Bytes of a committed journal and its two staged files, to be put back again and again. */
static struct {
    uint8_t *journal;
    size_t size, n0, n1;
    char *file0, *file1;
} kept;

static void keep(void) {
    set_free(cut_after(3));
    kept.journal = (uint8_t *)test_read_file("queue/cluster/.journal", &kept.size);
    kept.file0 = test_read_file("queue/cluster/.stage/0", &kept.n0);
    kept.file1 = test_read_file("queue/cluster/.stage/1", &kept.n1);
    CHECK(kept.journal && kept.file0 && kept.file1);
}

static void put_back(const uint8_t *journal, size_t size) {
    char path[512];
    full(path, "queue/cluster/.journal");
    unlink(path);
    old_tree();
    test_write_file("queue/cluster/.journal", journal, size);
    test_write_file("queue/cluster/.stage/0", kept.file0, kept.n0);
    test_write_file("queue/cluster/.stage/1", kept.file1, kept.n1);
}

/* Hundreds of recoveries need no disk that takes part. */
static int no_flush(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

TEST(no_part_of_a_journal_is_applied) {
    struct set *s = begin();
    struct error e;
    keep();
    sys.fsync = sys.syncfs = no_flush;
    for (size_t n = 0; n < kept.size; n++) {
        put_back(kept.journal, n);
        CHECK_INT(set_recover(s, &e), E_OK);
        check_old();
        CHECK_INT(s->refusals, 1);
        CHECK_INT(s->why[0], E_TRUNCATED);
        CHECK(set_is_clean());
    }
    put_back(kept.journal, kept.size); /* and that was the reason */
    CHECK_INT(set_recover(s, &e), E_OK);
    check_new();
    finish(s);
}

TEST(no_damaged_journal_is_applied) {
    struct set *s = begin();
    struct error e;
    keep();
    sys.fsync = sys.syncfs = no_flush;
    uint8_t *bad = malloc(kept.size + 1);
    for (size_t i = 0; i < kept.size; i++) {
        memcpy(bad, kept.journal, kept.size);
        bad[i] ^= (uint8_t)(1u << i % 8);
        put_back(bad, kept.size);
        CHECK_INT(set_recover(s, &e), E_OK);
        check_old();
        CHECK_INT(s->refusals, 1);
        CHECK(i < 16 ? s->why[0] == E_UNKNOWN : s->why[0] == E_DIGEST || s->why[0] == E_TRUNCATED);
        CHECK(set_is_clean());
    }
    memcpy(bad, kept.journal, kept.size);
    bad[kept.size] = 0; /* something after the commit */
    put_back(bad, kept.size + 1);
    CHECK_INT(set_recover(s, &e), E_OK);
    check_old();
    CHECK_INT(s->why[0], E_DIGEST);
    be32_store(bad + 8, 2); /* a later version */
    put_back(bad, kept.size);
    CHECK_INT(set_recover(s, &e), E_OK);
    check_old();
    CHECK_INT(s->why[0], E_UNKNOWN);
    free(bad);
    finish(s);
}

/* The disk said that the content was written, and it was not. */
TEST(no_damaged_content_is_applied) {
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"", 0}, {"new", 3}, {"new A", 5}, {"\0\0\0\0\0", 5}, {"new a and more", 14}};
    struct set *s = begin();
    struct error e;
    keep();
    for (size_t i = 0; i < COUNT(bad); i++) {
        put_back(kept.journal, kept.size);
        test_write_file("queue/cluster/.stage/0", bad[i].bytes, bad[i].n);
        CHECK_INT(set_recover(s, &e), E_OK);
        CHECK_STR(content("etc/rules/a.xml"), "old a");
        CHECK_INT(set_why(s, "etc/rules/a.xml"), E_DIGEST);
        CHECK_STR(content("etc/shared/h/c"), "new c");
        CHECK_INT(s->report.refused, 1);
        CHECK(set_is_clean());
    }
    finish(s);
}

TEST(a_journal_is_judged_by_the_rules_of_now) {
    struct set *s = cut_after(3);
    struct error e;
    strcpy(s->items.item[items_find(&s->items, "etc/rules/", 10)].dir, "etc/rulez/");
    CHECK_INT(set_recover(s, &e), E_OK);
    CHECK_STR(content("etc/rules/a.xml"), "old a");
    CHECK_INT(set_why(s, "etc/rules/a.xml"), E_PATH);
    CHECK_STR(content("etc/shared/h/c"), "new c");
    finish(s);
}

TEST(a_later_set_replaces_one_that_was_cut) {
    struct set *s = cut_after(4);
    static const struct set_file later[] = {
        {.section = SECTION_SHARED, .path = "etc/rules/a.xml", .content = "later"}};
    CHECK_INT(set_run(s, later, 1), STEP_DONE);
    CHECK_STR(content("etc/rules/a.xml"), "later");
    CHECK(content("etc/shared/h/c") == NULL);
    finish(s);
}

/* ---- writing out beside the loop ---- */

static struct sys real_drain;
static unsigned drains, waits;

static int counted_drain(struct sys *s, const int *fds, size_t n, int *fd, int *child);

static struct set *begin_with_drain(void) {
    struct set *s = begin();
    sys_linux_init(&real_drain);
    sys.drain_start = counted_drain;
    return s;
}

static int counted_drain(struct sys *s, const int *fds, size_t n, int *fd, int *child) {
    drains++;
    return real_drain.drain_start(s, fds, n, fd, child);
}

/* Both flushes come after the disk had its time in a child; no step waits, none stays, and without it all
 * goes on. */
TEST(the_disk_is_waited_for_beside_the_loop) {
    static const struct set_file files[] = {
        {.section = SECTION_MISSING, .path = "etc/rules/a.xml", .content = "a"}};
    struct set *s = begin_with_drain();
    CHECK_INT(set_stage(s, files, 1), E_OK);
    set_members(s, files, 1);
    for (enum step step; (step = apply_step(&s->apply)) != STEP_DONE;) {
        CHECK(step == STEP_AGAIN || step == STEP_WAIT);
        if (step == STEP_WAIT) {
            struct sys_poll drain = {.fd = s->apply.drain_fd, .events = SYS_POLLIN};
            CHECK_INT(s->sys->poll(s->sys, &drain, 1, 10000), 1);
            waits++;
        }
    }
    CHECK_INT(drains, 2);
    CHECK(waits <= 2);
    CHECK_INT(s->apply.drain_fd, -1);
    CHECK_STR(content("etc/rules/a.xml"), "a");
    CHECK_INT(set_run(s, files, 1), STEP_DONE);
    CHECK_INT(drains, 4);
    finish(s);
}

/* A set given up while its disk is busy leaves no child and no descriptor. */
TEST(given_up_while_the_disk_is_busy) {
    static const struct set_file files[] = {
        {.section = SECTION_MISSING, .path = "etc/rules/a.xml", .content = "a"}};
    struct set *s = begin_with_drain();
    CHECK_INT(set_stage(s, files, 1), E_OK);
    set_members(s, files, 1);
    apply_step(&s->apply);
    CHECK_INT(drains, 1);
    apply_abort(&s->apply);
    CHECK_INT(s->apply.drain_fd, -1);
    CHECK(!content("etc/rules/a.xml"));
    finish(s);
}
