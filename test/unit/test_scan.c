/* test_scan.c - rounds over real folders: what they find, what they leave out, what they cost, and that an
 * error is never taken for a deletion. The system calls are the real ones with single ones bent. */
#include "fs/scan.h"
#include "test/harness/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The real table behind; what a case wants bent. */
struct bent {
    struct sys sys, real;
    uint64_t opens, lstats, reads, fstats, read_bytes;
    const char *fail_open; /* openat and open_beneath of a path that ends so fail with os */
    const char *fail_lstat;
    int os;
    int fail_getdents_at; /* the n-th call fails with os */
    bool no_types;        /* getdents tells no types */
    void (*on_read)(void);
    bool endless;      /* every file always has more */
    int64_t stamp_ns;  /* stat says so of every file; 0: the truth */
    int64_t wall_ns;   /* 0: the truth */
    uint64_t later_ns; /* added to the monotonic clock */
};

static struct bent bent;
static struct manifest *manifest;
static struct items items;
static struct scan scan;
static char lines[8][512];
static unsigned line_count;

static bool ends(const char *path, const char *end) {
    size_t n = strlen(path), k = end ? strlen(end) : 0;
    return end && n >= k && strcmp(path + n - k, end) == 0;
}

static int bent_openat(struct sys *s, int dir, const char *path, int flags, uint32_t mode) {
    (void)s;
    bent.opens++;
    return ends(path, bent.fail_open) ? -bent.os : bent.real.openat(&bent.real, dir, path, flags, mode);
}
static int bent_beneath(struct sys *s, int dir, const char *path, int flags, uint32_t mode) {
    (void)s;
    bent.opens++;
    return ends(path, bent.fail_open) ? -bent.os : bent.real.open_beneath(&bent.real, dir, path, flags, mode);
}
static int bent_lstatat(struct sys *s, int dir, const char *path, struct sys_stat *out) {
    (void)s;
    bent.lstats++;
    if (ends(path, bent.fail_lstat))
        return -bent.os;
    int r = bent.real.lstatat(&bent.real, dir, path, out);
    if (bent.stamp_ns)
        out->mtime_ns = out->ctime_ns = bent.stamp_ns;
    return r;
}
static int bent_fstat(struct sys *s, int fd, struct sys_stat *out) {
    (void)s;
    bent.fstats++;
    int r = bent.real.fstat(&bent.real, fd, out);
    if (bent.stamp_ns)
        out->mtime_ns = out->ctime_ns = bent.stamp_ns;
    return r;
}
static ptrdiff_t bent_read(struct sys *s, int fd, void *buf, size_t n) {
    (void)s;
    bent.reads++;
    if (bent.endless) {
        memset(buf, 'e', n);
        return (ptrdiff_t)n;
    }
    ptrdiff_t r = bent.real.read(&bent.real, fd, buf, n);
    if (r > 0)
        bent.read_bytes += (uint64_t)r;
    if (bent.on_read)
        bent.on_read();
    return r;
}
static ptrdiff_t bent_getdents(struct sys *s, int fd, void *buf, size_t n) {
    (void)s;
    if (bent.fail_getdents_at && --bent.fail_getdents_at == 0)
        return -bent.os;
    ptrdiff_t r = bent.real.getdents(&bent.real, fd, buf, n);
    for (size_t at = 0; bent.no_types && r > 0 && at < (size_t)r;) {
        unsigned char *record = (unsigned char *)buf + at;
        record[18] = SYS_DT_UNKNOWN; /* d_type of struct linux_dirent64 */
        at += (size_t)(record[16] | record[17] << 8);
    }
    return r;
}
static uint64_t bent_mono(struct sys *s) {
    (void)s;
    return bent.real.mono_ns(&bent.real) + bent.later_ns;
}
static int64_t bent_wall(struct sys *s) {
    (void)s;
    return bent.wall_ns ? bent.wall_ns : bent.real.wall_ns(&bent.real);
}

static void keep_line(struct log *l, enum log_level level, const char *tag, const char *subtag,
                      const char *text) {
    (void)l;
    CHECK_INT(level, LOG_WARNING);
    CHECK_STR(tag, "Master");
    CHECK_STR(subtag, "Local integrity");
    CHECK(line_count < 8);
    snprintf(lines[line_count++], sizeof lines[0], "%s", text);
}
static struct log sink = {LOG_INFO, keep_line};

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void start(void) {
    memset(&bent, 0, sizeof bent);
    sys_linux_init(&bent.real);
    bent.sys = bent.real;
    bent.sys.openat = bent_openat;
    bent.sys.open_beneath = bent_beneath;
    bent.sys.lstatat = bent_lstatat;
    bent.sys.fstat = bent_fstat;
    bent.sys.read = bent_read;
    bent.sys.getdents = bent_getdents;
    bent.sys.mono_ns = bent_mono;
    bent.sys.wall_ns = bent_wall;
    items_defaults(&items);
    manifest = test_keep(malloc(sizeof *manifest));
    manifest_init(manifest, 42);
    int root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(root >= 0);
    scan_init(&scan, &bent.sys, root, &items, manifest, &sink, "Master", "Local integrity");
    line_count = 0;
}

static const struct scan_report *round_of(void) {
    int fds = open_fds();
    scan_start(&scan);
    while (scan_step(&scan) == STEP_AGAIN)
        continue;
    CHECK(scan.complete && !scan.running);
    CHECK_INT(open_fds(), fds);
    CHECK_INT(scan.last.files, manifest->hashed);
    return &scan.last;
}

/* Time goes on: files are no longer young. */
static void later(void) {
    int64_t now = bent.real.wall_ns(&bent.real);
    bent.wall_ns = (bent.wall_ns ? bent.wall_ns : now) + 10000000000;
    bent.later_ns += 10000000000;
}

static const char *full(const char *relative) {
    static char path[2][2048];
    static int i;
    i = !i;
    snprintf(path[i], sizeof path[i], "%s/%s", test_dir(), relative);
    return path[i];
}

static void put(const char *path, const char *content) {
    test_write_file(path, content, strlen(content));
}

static uint32_t slot_of(const char *path) {
    return manifest_find(manifest, path, strlen(path));
}

static void check_file(const char *path, const void *content, size_t n) {
    uint8_t want[BLAKE2B_BYTES];
    struct blake2b b;
    blake2b_init(&b, BLAKE2B_BYTES);
    blake2b_push(&b, content, n);
    blake2b_finish(&b, want);
    uint32_t slot = slot_of(path);
    if (slot == SLOT_NONE)
        test_fail(__FILE__, __LINE__, "%s is not in the manifest", path);
    if (manifest->entry[slot].state != MANIFEST_HASHED)
        test_fail(__FILE__, __LINE__, "%s is not hashed", path);
    CHECK_MEM(manifest->entry[slot].hash, want, BLAKE2B_BYTES);
}

static void check_has(const char *path, const char *content) {
    check_file(path, content, strlen(content));
}

static int state_of(const char *path) {
    uint32_t slot = slot_of(path);
    return slot == SLOT_NONE ? MANIFEST_FREE : manifest->entry[slot].state;
}

TEST(finds_what_the_rules_want) {
    start();
    put("etc/client.keys", "keys");
    put("etc/ossec.conf", "no");
    put("etc/other", "no");
    put("etc/shared/default/agent.conf", "conf");
    put("etc/shared/default/merged.mg", "mg");
    put("etc/shared/ar.conf", "no");
    put("etc/shared/default/ar.conf", "no");
    put("etc/shared/x.swp", "no");
    put("etc/shared/top", "");
    put("etc/sub/client.keys", "no"); /* "etc/" has no subfolders */
    put("var/multigroups/1a/merged.mg", "m1");
    put("var/multigroups/1a/other", "no");
    put("var/multigroups/merged.mg", "m2");
    put("etc/rules/a/b/c.xml", "c");
    put("etc/rules/old.tmp/d.xml", "d"); /* folders are not excluded */
    put("etc/rules/d.tmp", "no");
    put("etc/rules/d.xml~", "no");
    put("etc/rules/x.merged", "no");
    put("etc/rules/.picket/1", "no");
    put("etc/rules/x.picket-new", "no");
    put("etc/lists/sp ace", "s");
    put("queue/cluster/x", "no");
    CHECK_INT(mkdir(full("etc/decoders"), 0770), 0);
    const struct scan_report *r = round_of();
    check_has("etc/client.keys", "keys");
    check_has("etc/shared/default/agent.conf", "conf");
    check_has("etc/shared/default/merged.mg", "mg");
    check_has("etc/shared/top", "");
    check_has("var/multigroups/1a/merged.mg", "m1");
    check_has("var/multigroups/merged.mg", "m2");
    check_has("etc/rules/a/b/c.xml", "c");
    check_has("etc/rules/old.tmp/d.xml", "d");
    check_has("etc/lists/sp ace", "s");
    CHECK_INT(manifest->count, 9);
    CHECK_INT(r->files, 9);
    CHECK_INT(r->added, 9);
    CHECK_INT(r->hashed, 9);
    CHECK_INT(r->changed + r->removed + r->unreadable + r->left_out + r->too_many + r->changing, 0);
    CHECK_INT(r->partial_items, 0);
    CHECK_INT(r->bytes, 4 + 4 + 2 + 0 + 2 + 2 + 1 + 1 + 1);
    CHECK_INT(items.item[manifest->entry[slot_of("etc/shared/top")].item].dir[4], 's');
    CHECK_INT(line_count, 0);
}

/* A folder that is an item belongs to that item alone, also below one that takes all its subfolders. */
TEST(items_within_items) {
    start();
    items.item[0].recursive = items.item[0].all_files = true; /* "etc/" */
    put("etc/rules/a.xml", "a");
    put("etc/other/b", "b");
    const struct scan_report *r = round_of();
    CHECK_INT(r->files, 2);
    CHECK_INT(bent.lstats, 2); /* each looked at once */
    CHECK_INT(manifest->entry[slot_of("etc/rules/a.xml")].item, 3);
    CHECK_INT(manifest->entry[slot_of("etc/other/b")].item, 0);
}

/* The same where folders do not tell types. */
TEST(folders_without_types) {
    start();
    bent.no_types = true;
    put("etc/rules/a/b/c.xml", "c");
    put("etc/client.keys", "k");
    CHECK_INT(symlink("c.xml", full("etc/rules/a/b/link.xml")), 0);
    const struct scan_report *r = round_of();
    check_has("etc/rules/a/b/c.xml", "c");
    check_has("etc/client.keys", "k");
    CHECK_INT(r->files, 2);
    CHECK_INT(r->left_out, 1);
}

TEST(missing_folders_are_empty) {
    start();
    const struct scan_report *r = round_of();
    CHECK_INT(r->files, 0);
    CHECK_INT(r->unreadable, 0);
    CHECK_INT(r->partial_items, 0);
    CHECK_INT(line_count, 0);
}

/* An unchanged file costs one lstat and nothing else. */
TEST(what_an_unchanged_round_costs) {
    enum { FILES = 3000, FOLDERS = 30 };
    start();
    char path[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "etc/lists/%d/list-%d", i % FOLDERS, i);
        put(path, path);
    }
    CHECK_INT(round_of()->hashed, FILES);
    later();
    round_of(); /* those of the last milliseconds once more */
    later();
    uint64_t version = manifest->version;
    bent.opens = bent.lstats = bent.reads = bent.fstats = 0;
    const struct scan_report *r = round_of();
    CHECK_INT(r->hashed + r->rechecked + r->added + r->changed + r->removed, 0);
    CHECK_INT(r->files, FILES);
    CHECK_INT(bent.lstats, FILES);
    CHECK_INT(bent.opens, FOLDERS + 6);
    CHECK_INT(bent.reads, 0);
    CHECK_INT(bent.fstats, 0);
    CHECK_INT(manifest->version, version);
}

TEST(sees_changes_that_keep_mtime_and_size) {
    start();
    put("etc/rules/a.xml", "old");
    put("etc/rules/b.xml", "same");
    round_of();
    later();
    struct stat st;
    CHECK_INT(stat(full("etc/rules/a.xml"), &st), 0);
    put("etc/rules/a.xml", "new");
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    CHECK_INT(utimensat(AT_FDCWD, full("etc/rules/a.xml"), times, 0), 0);
    const struct scan_report *r = round_of();
    check_has("etc/rules/a.xml", "new");
    CHECK_INT(r->changed, 1);
    CHECK_INT(r->hashed, 1);
    CHECK_INT(r->added, 0);
    /* touched only: hashed again, not changed */
    later();
    CHECK_INT(utimensat(AT_FDCWD, full("etc/rules/b.xml"), NULL, 0), 0);
    r = round_of();
    CHECK_INT(r->changed, 0);
    CHECK(r->hashed == 1);
}

/* Two changes within one tick of the filesystem's clock: the stamps do not tell them apart. */
TEST(young_files_are_checked_again) {
    static const int64_t grains[] = {1700000000123456789, 1700000000000000000};
    for (int i = 0; i < 2; i++) {
        start();
        bent.stamp_ns = grains[i];
        bent.wall_ns = grains[i] + 5000000;
        scan.wall_ns = bent.wall_ns;
        put("etc/rules/a.xml", "old");
        round_of();
        put("etc/rules/a.xml", "new");
        bent.wall_ns += 8000000000;
        const struct scan_report *r = round_of();
        check_has("etc/rules/a.xml", "new");
        CHECK_INT(r->rechecked, 1);
        CHECK_INT(r->changed, 1);
        bent.wall_ns += 8000000000;
        r = round_of();
        CHECK_INT(r->rechecked + r->hashed, 0);
        /* a stamp from the future is no reason to hash in every round */
        bent.wall_ns -= 86400000000000;
        round_of();
        r = round_of();
        CHECK_INT(r->rechecked + r->hashed, 0);
        CHECK_INT(unlink(full("etc/rules/a.xml")), 0);
    }
}

TEST(removal_takes_two_rounds) {
    start();
    put("etc/rules/a.xml", "a");
    put("etc/rules/sub/b.xml", "b");
    put("etc/rules/c.xml", "c");
    round_of();
    CHECK_INT(unlink(full("etc/rules/a.xml")), 0);
    CHECK_INT(unlink(full("etc/rules/sub/b.xml")), 0);
    CHECK_INT(rmdir(full("etc/rules/sub")), 0);
    const struct scan_report *r = round_of();
    CHECK_INT(r->removed, 0);
    CHECK_INT(r->files, 1); /* offered no more */
    CHECK_INT(state_of("etc/rules/a.xml"), MANIFEST_NEW);
    put("etc/rules/a.xml", "again"); /* deleted and created by its program */
    r = round_of();
    CHECK_INT(r->removed, 1);
    CHECK_INT(r->files, 2);
    check_has("etc/rules/a.xml", "again");
    CHECK_INT(state_of("etc/rules/sub/b.xml"), MANIFEST_FREE);
    check_has("etc/rules/c.xml", "c");
    CHECK_INT(line_count, 0);
}

TEST(unreadable_file_is_out_until_it_can_be_read) {
    start();
    put("etc/rules/a.xml", "a");
    put("etc/rules/b.xml", "b");
    put("etc/rules/c.xml", "c");
    bent.fail_open = "b.xml";
    bent.os = EACCES;
    const struct scan_report *r = round_of();
    CHECK_INT(r->unreadable, 1);
    CHECK_INT(r->files, 2);
    CHECK_INT(r->partial_items, 0); /* it has its entry */
    CHECK_INT(state_of("etc/rules/b.xml"), MANIFEST_NEW);
    CHECK_INT(line_count, 1);
    CHECK_STR(lines[0], "1 files or folders cannot be read; the others are synchronised. The first: "
                        "etc/rules/b.xml: cannot be opened: Permission denied");
    round_of();
    CHECK_INT(line_count, 1); /* braked */
    bent.later_ns += 61000000000;
    round_of();
    CHECK_INT(line_count, 2);
    bent.fail_open = NULL;
    r = round_of();
    CHECK_INT(r->unreadable, 0);
    CHECK_INT(r->added, 1);
    check_has("etc/rules/b.xml", "b");
    /* known before, then changed and unreadable */
    put("etc/rules/b.xml", "b2");
    bent.fail_open = "b.xml";
    r = round_of();
    CHECK_INT(state_of("etc/rules/b.xml"), MANIFEST_NEW);
    CHECK_INT(r->files, 2);
    bent.fail_open = NULL;
    bent.fail_lstat = "c.xml";
    bent.os = EIO;
    r = round_of();
    CHECK_INT(state_of("etc/rules/c.xml"), MANIFEST_NEW);
    CHECK_INT(r->unreadable, 1);
    bent.fail_lstat = NULL;
    round_of();
    check_has("etc/rules/b.xml", "b2");
    check_has("etc/rules/c.xml", "c");
}

/* Nothing below a folder that cannot be read counts as deleted, however long that lasts. */
TEST(unreadable_folder_deletes_nothing) {
    start();
    put("etc/rules/sub/deep/a.xml", "a");
    put("etc/rules/sub/b.xml", "b");
    put("etc/rules/c.xml", "c");
    put("etc/lists/d", "d");
    round_of();
    uint64_t version = manifest->version;
    static const struct {
        const char *name;
        int os;
    } faults[] = {{"sub", EACCES}, {"sub", EIO}, {"sub", EMFILE}, {"etc/rules", EACCES}, {"deep", ENFILE}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bent.fail_open = faults[i].name;
        bent.os = faults[i].os;
        for (int n = 0; n < 4; n++) {
            const struct scan_report *r = round_of();
            CHECK_INT(r->unreadable, 1);
            CHECK_INT(r->removed, 0);
            CHECK_INT(r->files, 4);
            CHECK_INT(r->partial_items, 1 << 3); /* etc/rules/ */
        }
    }
    CHECK_INT(manifest->version, version);
    bent.fail_open = NULL;
    for (int n = 1; n <= 5; n++) { /* a folder that breaks off while it is listed */
        bent.fail_getdents_at = n;
        bent.os = EIO;
        round_of();
        round_of();
        CHECK_INT(manifest->version, version);
    }
    /* what is really gone goes, although another folder cannot be read */
    bent.fail_open = "sub";
    bent.os = EACCES;
    CHECK_INT(unlink(full("etc/rules/c.xml")), 0);
    round_of();
    const struct scan_report *r = round_of();
    CHECK_INT(r->removed, 1);
    CHECK_INT(r->files, 3);
    CHECK_INT(state_of("etc/rules/c.xml"), MANIFEST_FREE);
}

TEST(links_and_devices_are_left_out) {
    start();
    put("etc/rules/a.xml", "a");
    put("secret", "s");
    CHECK_INT(symlink("a.xml", full("etc/rules/link.xml")), 0);
    CHECK_INT(symlink("../../secret", full("etc/rules/out.xml")), 0);
    CHECK_INT(symlink(".", full("etc/rules/loop")), 0);
    CHECK_INT(symlink("nowhere", full("etc/rules/broken.tmp")), 0); /* excluded anyway: no news */
    CHECK_INT(mkfifo(full("etc/rules/fifo"), 0600), 0);
    const struct scan_report *r = round_of();
    CHECK_INT(r->files, 1);
    CHECK_INT(r->left_out, 4);
    CHECK_INT(manifest->count, 1);
    CHECK_INT(line_count, 1);
    CHECK(strstr(lines[0], "4 names are not synchronised. The first: etc/rules/"));
    bent.later_ns += 61000000000;
    round_of();
    CHECK_INT(line_count, 1); /* said once */
    CHECK_INT(unlink(full("etc/rules/fifo")), 0);
    bent.later_ns += 61000000000;
    round_of();
    CHECK_INT(line_count, 2); /* and again when it is another number */
}

TEST(names_no_package_can_carry) {
    start();
    put("etc/rules/a\nb.xml", "x");
    put("etc/rules/caf\xe9.xml", "x");
    put("etc/rules/caf\xc3\xa9.xml", "ok");
    const struct scan_report *r = round_of();
    CHECK_INT(r->files, 1);
    CHECK_INT(r->left_out, 2);
    check_has("etc/rules/caf\xc3\xa9.xml", "ok");
}

TEST(a_file_that_becomes_something_else_goes) {
    start();
    put("etc/rules/a.xml", "a");
    put("etc/rules/b.xml", "b");
    put("etc/rules/sub/c.xml", "c");
    put("elsewhere/c.xml", "other");
    round_of();
    CHECK_INT(unlink(full("etc/rules/a.xml")), 0);
    CHECK_INT(symlink("../../elsewhere/c.xml", full("etc/rules/a.xml")), 0);
    CHECK_INT(unlink(full("etc/rules/b.xml")), 0);
    CHECK_INT(mkdir(full("etc/rules/b.xml"), 0770), 0);
    CHECK_INT(unlink(full("etc/rules/sub/c.xml")), 0);
    CHECK_INT(rmdir(full("etc/rules/sub")), 0);
    CHECK_INT(symlink("../../elsewhere", full("etc/rules/sub")), 0);
    round_of();
    CHECK_INT(manifest->hashed, 0);
    CHECK_INT(round_of()->removed, 3);
    CHECK_INT(manifest->count, 0);
}

TEST(an_items_folder_that_is_a_link) {
    start();
    put("data/rules/a.xml", "a");
    put("etc/client.keys", "k");
    CHECK_INT(symlink("../data/rules", full("etc/rules")), 0);
    const struct scan_report *r = round_of();
    CHECK_INT(r->files, 1);
    CHECK_INT(r->unreadable, 1);
    CHECK_INT(r->partial_items, 1 << 3);
    CHECK_INT(line_count, 1);
    CHECK(strstr(lines[0], "etc/rules: is, or lies behind, a symbolic link: use a bind mount"));
}

static void change_it(void) {
    bent.on_read = NULL;
    put("etc/rules/a.xml", "other content");
}

TEST(changed_while_it_is_read) {
    start();
    put("etc/rules/a.xml", "a");
    put("etc/rules/b.xml", "b");
    bent.on_read = change_it;
    const struct scan_report *r = round_of();
    /* whichever was read first: a.xml was changed during it or before it */
    if (r->changing) {
        CHECK_INT(state_of("etc/rules/a.xml"), MANIFEST_NEW);
        CHECK_INT(r->files, 1);
    }
    round_of();
    check_has("etc/rules/a.xml", "other content");
    check_has("etc/rules/b.xml", "b");
    /* now it is the one being read for certain */
    CHECK_INT(unlink(full("etc/rules/b.xml")), 0);
    put("etc/rules/a.xml", "third content"); /* as long as the other */
    bent.on_read = change_it;
    r = round_of();
    CHECK_INT(r->changing, 1);
    CHECK_INT(r->files, 0);
    CHECK_INT(state_of("etc/rules/a.xml"), MANIFEST_NEW);
    CHECK_INT(round_of()->files, 1);
    check_has("etc/rules/a.xml", "other content");
}

TEST(a_file_that_grows_while_it_is_read_ends) {
    start();
    put("etc/rules/a.xml", "a");
    bent.endless = true;
    const struct scan_report *r = round_of();
    CHECK_INT(r->changing, 1);
    CHECK_INT(bent.reads, 1);
    bent.endless = false;
    round_of();
    check_has("etc/rules/a.xml", "a");
}

TEST(slices_are_bounded) {
    start();
    size_t big = 3 * STEP_BYTES + 12345;
    char *content = test_keep(malloc(big));
    for (size_t i = 0; i < big; i++)
        content[i] = (char)(i * 31 >> 3);
    test_write_file("etc/lists/big", content, big);
    char path[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "etc/rules/%d.xml", i);
        put(path, "r");
    }
    scan_start(&scan);
    unsigned steps = 0;
    enum step step;
    do {
        uint64_t bytes = bent.read_bytes, names = bent.lstats;
        step = scan_step(&scan);
        CHECK(bent.read_bytes - bytes <= STEP_BYTES);
        CHECK(bent.lstats - names <= 512);
        steps++;
    } while (step == STEP_AGAIN);
    CHECK_INT(step, STEP_DONE);
    CHECK(steps >= 4);
    check_file("etc/lists/big", content, big);
    CHECK_INT(scan.last.files, 1001);
    CHECK_INT(scan_step(&scan), STEP_DONE); /* no round: nothing to do */
    CHECK_INT(scan.last.bytes, big + 1000);
}

/* The manifest is full of files that are no longer there. */
TEST(too_many_files) {
    start();
    char path[64];
    uint32_t slot;
    for (unsigned i = 0; i + 2 < FILES_MAX; i++) {
        int len = snprintf(path, sizeof path, "etc/lists/old-%u", i);
        CHECK_INT(manifest_add(manifest, path, (size_t)len, 5, &slot), E_OK);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "etc/rules/%d.xml", i);
        put(path, "r");
    }
    const struct scan_report *r = round_of();
    CHECK_INT(r->too_many, 3);
    CHECK_INT(r->files, 2);
    CHECK_INT(r->partial_items, 1 << 3);
    CHECK_INT(manifest->refused, 3);
    CHECK_INT(line_count, 1);
    CHECK(strstr(lines[0], "3 files are not synchronised because the table of files is full"));
    CHECK_INT(round_of()->removed, FILES_MAX - 2);
    r = round_of(); /* now there is room */
    CHECK_INT(r->too_many, 0);
    CHECK_INT(r->files, 5);
    CHECK_INT(manifest->count, 5);
}

TEST(folders_too_deep_and_paths_too_long) {
    start();
    char path[PATH_MAX_BYTES * 2] = "etc/rules/";
    for (unsigned level = 2; level <= SCAN_DEPTH_MAX; level++)
        strcat(path, "d/");
    size_t len = strlen(path);
    strcat(path, "f");
    put(path, "deepest");
    strcpy(path + len, "d/f");
    put(path, "too deep");
    const struct scan_report *r = round_of();
    strcpy(path + len, "f");
    check_has(path, "deepest");
    CHECK_INT(r->files, 1);
    CHECK_INT(r->left_out, 1);
    CHECK_INT(r->partial_items, 1 << 3);
    /* a path as long as can be, and one byte more */
    strcpy(path, "etc/lists/");
    for (int i = 0; i < 4; i++) {
        memset(path + strlen(path), 'l', 200);
        path[10 + (i + 1) * 201 - 1] = '/';
        path[10 + (i + 1) * 201] = '\0';
    }
    len = strlen(path);
    memset(path + len, 'n', PATH_MAX_BYTES - 1 - len);
    path[PATH_MAX_BYTES - 1] = '\0';
    CHECK(PATH_MAX_BYTES - 1 - len < NAME_MAX_BYTES - 1);
    put(path, "longest");
    strcat(path, "n");
    put(path, "too long");
    r = round_of();
    path[PATH_MAX_BYTES - 1] = '\0';
    check_has(path, "longest");
    CHECK_INT(r->files, 2);
    CHECK_INT(r->left_out, 2);
    CHECK_INT(r->partial_items, 1 << 3 | 1 << 5);
}

TEST(stopped_in_the_middle) {
    start();
    size_t big = 2 * STEP_BYTES;
    char *content = test_keep(calloc(1, big));
    test_write_file("etc/rules/a/b/big", content, big);
    int fds = open_fds();
    scan_start(&scan);
    CHECK_INT(scan_step(&scan), STEP_AGAIN);
    CHECK(open_fds() > fds);
    scan_stop(&scan);
    CHECK_INT(open_fds(), fds);
    CHECK(!scan.complete && !scan.running);
    scan_stop(&scan);
    round_of();
    check_file("etc/rules/a/b/big", content, big);
}

TEST(starting_twice_is_starting_once) {
    start();
    put("etc/rules/a.xml", "a");
    scan_start(&scan);
    uint32_t round = scan.round;
    scan_start(&scan);
    CHECK_INT(scan.round, round);
    CHECK_INT(round_of()->files, 1);
}
