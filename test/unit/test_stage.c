/* test_stage.c - received files in the stage: what is kept, what is refused, what is left. */
#include "base/bytes.h"
#include "fs/stage.h"
#include "test/harness/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* BLAKE2b-512, as Python's hashlib.blake2b has it. */
static const char *const hash_of_nothing = "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
                                           "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce";
static const char *const hash_of_abc = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                                       "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";

static struct sys sys;
static struct items items;
static struct stage stage;
static int root;

static void begin(uint64_t limit) {
    sys_linux_init(&sys);
    items_defaults(&items);
    root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(root >= 0);
    stage_init(&stage, &sys, root, &items, UINT32_MAX, UINT32_MAX, limit, 12345);
}

static void finish(void) {
    stage_discard(&stage);
    struct stat st;
    char path[300];
    snprintf(path, sizeof path, "%s/queue/cluster/.stage", test_dir());
    CHECK(lstat(path, &st) != 0);
    close(root);
}

static enum err put(const char *path, const char *content) {
    enum err code = stage_begin(&stage, path, strlen(path), NULL);
    if (code == E_OK)
        code = stage_write(&stage, (const uint8_t *)content, strlen(content), NULL);
    return code == E_OK ? stage_end(&stage, NULL) : code;
}

static enum err find(const char *path, struct stage_record *r) {
    return stage_find(&stage, path, strlen(path), r, NULL);
}

TEST(keeps_files_with_hash_size_and_mode) {
    struct stage_record r;
    uint8_t hash[BLAKE2B_BYTES];
    begin(1000);
    umask(077); /* must not matter */
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(put("etc/client.keys", "abc"), E_OK);
    CHECK_INT(put("etc/shared/default/agent.conf", ""), E_OK);
    CHECK_INT(find("etc/client.keys", &r), E_OK);
    CHECK_STR(r.path, "etc/client.keys");
    CHECK_INT(r.size, 3);
    CHECK(hex_decode(hash, hash_of_abc, BLAKE2B_BYTES));
    CHECK_MEM(r.hash, hash, BLAKE2B_BYTES);
    CHECK_STR(items.item[r.item].dir, "etc/");
    char name[300];
    struct stat st;
    snprintf(name, sizeof name, "%s/queue/cluster/.stage/%u", test_dir(), r.number);
    CHECK_INT(stat(name, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0640);
    snprintf(name, sizeof name, "%s/queue/cluster/.stage", test_dir());
    CHECK_INT(stat(name, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0700);
    snprintf(name, sizeof name, "queue/cluster/.stage/%u", r.number);
    size_t n;
    CHECK_STR(test_read_file(name, &n), "abc");
    CHECK_INT(find("etc/shared/default/agent.conf", &r), E_OK);
    CHECK_INT(r.size, 0);
    CHECK(hex_decode(hash, hash_of_nothing, BLAKE2B_BYTES));
    CHECK_MEM(r.hash, hash, BLAKE2B_BYTES);
    CHECK_INT(find("etc/shared/default/agent.con", &r), E_GONE);
    CHECK_INT(stage.count, 2);
    CHECK_INT(stage.bytes, 3);
    finish();
}

TEST(refuses_what_is_no_file_of_an_item) {
    static const char *const bad[] = {"etc/ossec.conf",         "etc/shared/../client.keys",
                                      "/etc/rules/a.xml",       "etc/rules/a.tmp",
                                      "queue/cluster/.stage/0", "etc/shared/ar.conf",
                                      "etc/shared/.picket/0",   "bin/wazuh-clusterd",
                                      "etc/rules//a.xml",       ""};
    struct stage_record r;
    begin(1000);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(put(bad[i], "x"), E_PATH);
        CHECK_INT(find(bad[i], &r), E_GONE);
    }
    CHECK_INT(stage.count, 0);
    CHECK_INT(stage_write(&stage, (const uint8_t *)"x", 1, NULL), E_CANCELLED);
    CHECK_INT(stage_end(&stage, NULL), E_CANCELLED);
    finish();
}

TEST(keeps_the_first_of_two_with_one_path) {
    struct stage_record r;
    begin(1000);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(put("etc/rules/a.xml", "one"), E_OK);
    CHECK_INT(put("etc/rules/a.xml", "other"), E_DUPLICATE);
    CHECK_INT(put("etc/rules/b.xml", "b"), E_OK);
    CHECK_INT(find("etc/rules/a.xml", &r), E_OK);
    CHECK_INT(r.size, 3);
    CHECK_INT(stage.count, 2);
    finish();
}

TEST(bounds_bytes_and_files) {
    struct stage_record r;
    begin(10);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(put("etc/rules/a.xml", "123456"), E_OK);
    CHECK_INT(stage_begin(&stage, "etc/rules/b.xml", 15, NULL), E_OK);
    CHECK_INT(stage_write(&stage, (const uint8_t *)"1234", 4, NULL), E_OK);
    CHECK_INT(stage_write(&stage, (const uint8_t *)"5", 1, NULL), E_SPACE);
    CHECK_INT(stage_write(&stage, (const uint8_t *)"5", 1, NULL), E_CANCELLED);
    CHECK_INT(stage_end(&stage, NULL), E_CANCELLED);
    CHECK_INT(find("etc/rules/b.xml", &r), E_GONE);
    CHECK_INT(put("etc/rules/b.xml", "1234"), E_OK); /* the stage is as it was before */
    CHECK_INT(put("etc/rules/c.xml", ""), E_OK);
    CHECK_INT(stage.bytes, 10);
    uint32_t count = stage.count;
    stage.count = FILES_MAX;
    CHECK_INT(stage_begin(&stage, "etc/rules/d.xml", 15, NULL), E_SPACE);
    stage.count = count;
    finish();
}

TEST(drops_what_was_not_ended) {
    struct stage_record r;
    begin(1000);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(stage_begin(&stage, "etc/rules/a.xml", 15, NULL), E_OK);
    CHECK_INT(stage_write(&stage, (const uint8_t *)"half", 4, NULL), E_OK);
    CHECK_INT(put("etc/rules/b.xml", "whole"), E_OK);
    CHECK_INT(find("etc/rules/a.xml", &r), E_GONE);
    CHECK_INT(find("etc/rules/b.xml", &r), E_OK);
    CHECK_INT(r.number, 0);
    CHECK_INT(stage.bytes, 5);
    finish();
}

TEST(finds_every_one_of_many) {
    struct stage_record r;
    char path[80], content[16];
    begin(1 << 20);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "etc/shared/group%u/a_rather_long_name_%u.conf", i % 50, i);
        snprintf(content, sizeof content, "%0*u", (int)(i % 9 + 1), i);
        CHECK_INT(put(path, content), E_OK);
    }
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "etc/shared/group%u/a_rather_long_name_%u.conf", i % 50, i);
        snprintf(content, sizeof content, "%0*u", (int)(i % 9 + 1), i);
        CHECK_INT(find(path, &r), E_OK);
        CHECK_STR(r.path, path);
        CHECK_INT(r.number, i);
        CHECK_INT(r.size, strlen(content));
    }
    CHECK_INT(find("etc/shared/group1/a_rather_long_name_2.conf", &r), E_GONE);
    finish();
}

TEST(opening_discards_the_last) {
    struct stage_record r;
    size_t n;
    begin(1000);
    test_write_file("queue/cluster/.stage/0", "old", 3);
    test_write_file("queue/cluster/.stage/77", "old", 3);
    test_write_file("queue/cluster/.stage/deep/er/file", "old", 3);
    test_write_file("queue/cluster/.journal", "old", 3);
    test_write_file("queue/cluster/w1/w1.zip", "other", 5);
    test_write_file("etc/shared/.picket/3", "old", 3);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK(test_read_file("queue/cluster/.journal", &n) == NULL);
    CHECK(test_read_file("queue/cluster/.stage/77", &n) == NULL);
    CHECK(test_read_file("queue/cluster/.stage/deep/er/file", &n) == NULL);
    CHECK(test_read_file("etc/shared/.picket/3", &n) == NULL);
    CHECK_STR(test_read_file("queue/cluster/w1/w1.zip", &n), "other");
    CHECK_INT(put("etc/rules/a.xml", "one"), E_OK);
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(find("etc/rules/a.xml", &r), E_GONE);
    CHECK_INT(put("etc/rules/a.xml", "two"), E_OK);
    finish();
}

TEST(follows_no_link_to_a_stage) {
    char path[300];
    size_t n;
    begin(1000);
    test_write_file("precious/file", "kept", 4);
    test_write_file("queue/cluster/x", "", 0);
    snprintf(path, sizeof path, "%s/queue/cluster/.stage", test_dir());
    CHECK_INT(symlink("../../precious", path), 0);
    CHECK(stage_open(&stage, NULL) != E_OK);
    CHECK_STR(test_read_file("precious/file", &n), "kept");
    CHECK_INT(unlink(path), 0);
    finish();
}

/* ---- an item on another device ---- */

static struct sys real;
static uint64_t shared_ino;

/* What lies in etc/shared says that it is on a device of its own. */
static int other_device(struct sys *s, int fd, struct sys_stat *out) {
    int r = real.fstat(s, fd, out);
    if (r == 0 && out->ino == shared_ino)
        out->dev++;
    return r;
}

TEST(stages_beside_an_item_on_another_device) {
    struct stat st;
    char path[300];
    size_t n;
    begin(1000);
    test_write_file("etc/shared/x", "", 0);
    snprintf(path, sizeof path, "%s/etc/shared", test_dir());
    CHECK_INT(stat(path, &st), 0);
    real = sys;
    shared_ino = st.st_ino;
    sys.fstat = other_device;
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(put("etc/shared/g/agent.conf", "there"), E_OK);
    CHECK_INT(put("etc/rules/a.xml", "here"), E_OK);
    CHECK_STR(test_read_file("etc/shared/.picket/0", &n), "there");
    CHECK_STR(test_read_file("queue/cluster/.stage/1", &n), "here");
    stage_discard(&stage);
    CHECK(test_read_file("etc/shared/.picket/0", &n) == NULL);
    snprintf(path, sizeof path, "%s/etc/shared/.picket", test_dir());
    CHECK(lstat(path, &st) != 0);
    finish();
}

/* One device mounted twice, as the volumes of a container are: the numbers are the same, but nothing can be
 * renamed from the one to the other (rename(2), EXDEV). */
static int other_mount(struct sys *s, int from_dir, const char *from, int to_dir, const char *to) {
    struct sys_stat st;
    if (real.fstat(s, to_dir, &st) == 0 && st.ino == shared_ino)
        return -EXDEV;
    return real.renameat(s, from_dir, from, to_dir, to);
}

TEST(stages_beside_an_item_on_another_mount_of_the_device) {
    struct stat st;
    char path[300];
    size_t n;
    begin(1000);
    test_write_file("etc/shared/x", "", 0);
    snprintf(path, sizeof path, "%s/etc/shared", test_dir());
    CHECK_INT(stat(path, &st), 0);
    real = sys;
    shared_ino = st.st_ino;
    sys.renameat = other_mount;
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(put("etc/shared/g/agent.conf", "there"), E_OK);
    CHECK_INT(put("etc/rules/a.xml", "here"), E_OK);
    CHECK_STR(test_read_file("etc/shared/.picket/0", &n), "there");
    CHECK_STR(test_read_file("queue/cluster/.stage/1", &n), "here");
    finish();
}

/* ---- an item that is closed to us ---- */

static int closed_os; /* what the folder of the rules says */

static int closed_rules(struct sys *s, int at, const char *path, int flags, uint32_t mode) {
    return strncmp(path, "etc/rules/", 10) == 0 ? -closed_os : real.open_beneath(s, at, path, flags, mode);
}

/* Its files are left out, each with its reason; those of the others come, and the next start is one. */
TEST(a_closed_item_is_no_harm_to_the_others) {
    static const int closed[] = {EACCES, EPERM, EROFS, ELOOP, ENOTDIR};
    begin(1000);
    real = sys;
    sys.open_beneath = closed_rules;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        closed_os = closed[i];
        CHECK_INT(stage_open(&stage, NULL), E_OK);
        CHECK_INT(put("etc/rules/a.xml", "x"), E_PATH);
        CHECK_INT(put("etc/shared/a", "y"), E_OK);
        stage_discard(&stage);
        CHECK_INT(stage_attach(&stage, NULL), E_OK);
        stage_discard(&stage);
    }
    closed_os = EMFILE; /* nothing that lasts: the set has to wait */
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK(put("etc/rules/a.xml", "x") == E_SYS);
    stage_discard(&stage);
    CHECK(stage_attach(&stage, NULL) == E_SYS);
    sys = real;
    CHECK_INT(stage_attach(&stage, NULL), E_OK);
    finish();
}

/* ---- owner ---- */

static uint32_t owner[2], chowns;

static int note_owner(struct sys *s, int fd, uint32_t uid, uint32_t gid) {
    (void)s, (void)fd;
    owner[0] = uid, owner[1] = gid;
    chowns++;
    return 0;
}

TEST(gives_files_their_owner) {
    begin(1000);
    sys.fchown = note_owner;
    stage.uid = 1234, stage.gid = 5678;
    CHECK_INT(stage_open(&stage, NULL), E_OK);
    CHECK_INT(chowns, 1); /* the folder, too: the next node may not be root */
    CHECK_INT(put("etc/rules/a.xml", "x"), E_OK);
    CHECK_INT(chowns, 2);
    CHECK_INT(owner[0], 1234);
    CHECK_INT(owner[1], 5678);
    finish();
}
