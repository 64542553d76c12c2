/* test_spool.c - scratch files: kept bytes, bounds, and nothing left behind. */
#include "fs/spool.h"
#include "test/harness/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static struct sys sys;
static struct spool spool;
static int root;

static void begin(uint64_t limit) {
    root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(root >= 0);
    CHECK_INT(spool_open(&spool, &sys, root, "queue/cluster/w1", limit, NULL), E_OK);
}

static int names(void) {
    char path[300];
    int n = -2; /* "." and ".." */
    snprintf(path, sizeof path, "%s/queue/cluster/w1", test_dir());
    DIR *d = opendir(path);
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void finish(void) {
    spool_close(&spool);
    CHECK_INT(spool.used, 0);
    CHECK_INT(names(), 0);
    close(root);
}

static void keeps_bytes(void) {
    struct spill *s = &spool.spill;
    uint8_t bytes[3000], back[3000];
    int a, b;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31);
    begin(10000);
    CHECK_INT(s->open(s, &a, NULL), E_OK);
    CHECK_INT(s->open(s, &b, NULL), E_OK);
    CHECK(a != b);
    CHECK_INT(names(), 0); /* nameless while they live */
    CHECK_INT(s->append(s, a, bytes, 1000, NULL), E_OK);
    CHECK_INT(s->append(s, b, bytes + 5, 10, NULL), E_OK);
    CHECK_INT(s->append(s, a, bytes + 1000, 2000, NULL), E_OK);
    CHECK_INT(s->read_at(s, a, 0, back, 3000, NULL), E_OK);
    CHECK_MEM(back, bytes, 3000);
    CHECK_INT(s->read_at(s, a, 999, back, 3, NULL), E_OK);
    CHECK_MEM(back, bytes + 999, 3);
    CHECK_INT(s->read_at(s, b, 0, back, 10, NULL), E_OK);
    CHECK_MEM(back, bytes + 5, 10);
    CHECK_INT(s->read_at(s, b, 1, back, 10, NULL), E_VALUE);
    CHECK_INT(s->read_at(s, b, UINT64_MAX, back, 10, NULL), E_VALUE);
    CHECK_INT(spool.used, 3010);
    s->close(s, a);
    CHECK_INT(spool.used, 10);
    CHECK_INT(spool.high, 3010);
    s->close(s, b);
    finish();
}

TEST(keeps_bytes_in_nameless_files) {
    sys_linux_init(&sys);
    keeps_bytes();
}

static struct sys real;
static int no_tmpfile(struct sys *s, int dir, const char *path, int flags, uint32_t mode) {
    return (flags & O_TMPFILE) == O_TMPFILE ? -EOPNOTSUPP : real.openat(s, dir, path, flags, mode);
}

TEST(keeps_bytes_where_nameless_files_are_unknown) {
    sys_linux_init(&sys);
    real = sys;
    sys.openat = no_tmpfile;
    keeps_bytes();
}

TEST(bounds_the_sum_and_the_number) {
    struct spill *s = &spool.spill;
    int a, handles[SPOOL_FILES];
    sys_linux_init(&sys);
    begin(100);
    uint8_t bytes[101] = {0};
    CHECK_INT(s->open(s, &handles[0], NULL), E_OK);
    CHECK_INT(s->append(s, handles[0], bytes, 101, NULL), E_SPACE);
    CHECK_INT(s->append(s, handles[0], bytes, 60, NULL), E_OK);
    for (unsigned i = 1; i < SPOOL_FILES; i++)
        CHECK_INT(s->open(s, &handles[i], NULL), E_OK);
    CHECK_INT(s->open(s, &a, NULL), E_SPACE);
    CHECK_INT(s->append(s, handles[7], bytes, 41, NULL), E_SPACE);
    CHECK_INT(s->append(s, handles[7], bytes, 40, NULL), E_OK);
    CHECK_INT(spool.refused, 3);
    s->close(s, handles[0]);
    CHECK_INT(s->append(s, handles[7], bytes, 60, NULL), E_OK);
    CHECK_INT(s->open(s, &a, NULL), E_OK);
    CHECK_INT(a, handles[0]);
    finish(); /* closes what is open */
}

TEST(empties_what_an_earlier_process_left) {
    size_t n;
    sys_linux_init(&sys);
    test_write_file("queue/cluster/w1/w1-1.zip", "old", 3);
    test_write_file("queue/cluster/w1/w1-1.zipdir/etc/shared/g/agent.conf", "old", 3);
    test_write_file("queue/cluster/w2/kept", "kept", 4);
    begin(100);
    CHECK_INT(names(), 0);
    CHECK_STR(test_read_file("queue/cluster/w2/kept", &n), "kept");
    finish();
}

TEST(follows_no_link) {
    struct spool other;
    struct error e;
    char path[300];
    size_t n;
    sys_linux_init(&sys);
    test_write_file("precious/file", "kept", 4);
    begin(100);
    snprintf(path, sizeof path, "%s/queue/cluster/w9", test_dir());
    CHECK_INT(symlink("../../precious", path), 0);
    CHECK(spool_open(&other, &sys, root, "queue/cluster/w9", 100, &e) != E_OK);
    int h;
    CHECK_INT(other.spill.open(&other.spill, &h, NULL), E_SPACE);
    spool_close(&other);
    snprintf(path, sizeof path, "%s/queue/cluster/w1/link", test_dir());
    CHECK_INT(symlink("../../../precious", path), 0);
    finish(); /* the link goes, what it leads to stays */
    CHECK_STR(test_read_file("precious/file", &n), "kept");
}

static int writes_left;
static ptrdiff_t short_write(struct sys *s, int fd, const void *buf, size_t n, uint64_t at) {
    return writes_left-- > 0 ? real.pwrite(s, fd, buf, n / 2 + 1, at) : -ENOSPC;
}

TEST(a_full_disk_loses_nothing_that_was_kept) {
    struct spill *s = &spool.spill;
    int a;
    uint8_t back[6];
    sys_linux_init(&sys);
    real = sys;
    begin(100);
    CHECK_INT(s->open(s, &a, NULL), E_OK);
    CHECK_INT(s->append(s, a, (const uint8_t *)"abc", 3, NULL), E_OK);
    sys.pwrite = short_write;
    writes_left = 1;
    CHECK_INT(s->append(s, a, (const uint8_t *)"xyz", 3, NULL), E_SPACE);
    CHECK_INT(spool.used, 3);
    sys.pwrite = real.pwrite;
    CHECK_INT(s->append(s, a, (const uint8_t *)"def", 3, NULL), E_OK);
    CHECK_INT(s->read_at(s, a, 0, back, 6, NULL), E_OK);
    CHECK_MEM(back, "abcdef", 6);
    finish();
}
