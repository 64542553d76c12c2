/* test_scan_faults.c - every system call of a scan failing in turn, alone and for good: no round hangs, leaks
 * a descriptor, loses a file that is there, or keeps a hash that is not the file's. */
#include "fs/scan.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *path, *before,
        *after; /* content in the first round, and in the one with the fault; NULL: none */
} files[] = {
    {"etc/client.keys", "keys", "keys"},
    {"etc/shared/default/agent.conf", "conf", "conf changed"},
    {"etc/shared/default/merged.mg", NULL, "new"},
    {"var/multigroups/1a/merged.mg", "mg", "mg"},
    {"etc/rules/a.xml", "a", NULL},
    {"etc/rules/sub/deep/b.xml", "b", "B"},
    {"etc/rules/sub/gone/c.xml", "c", NULL},
    {"etc/rules/empty", "", ""},
    {"etc/lists/l", "old", "new"},
};
enum { FILES = sizeof files / sizeof *files };

struct ctx {
    struct items items;
    struct manifest manifest, known; /* known: after the first round */
    struct scan scan, first;
    int root, fds;
    uint32_t rounds; /* with the fault */
};

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void run_round(struct scan *s) {
    unsigned steps = 0;
    scan_start(s);
    while (scan_step(s) == STEP_AGAIN)
        CHECK(++steps < 1000);
    CHECK(!s->running && s->complete);
}

static bool is_content(const struct manifest_entry *entry, const char *content) {
    uint8_t hash[BLAKE2B_BYTES];
    struct blake2b b;
    if (!content)
        return false;
    blake2b_init(&b, BLAKE2B_BYTES);
    blake2b_push(&b, content, strlen(content));
    blake2b_finish(&b, hash);
    return memcmp(hash, entry->hash, sizeof hash) == 0;
}

static const struct manifest_entry *find(const struct manifest *m, const char *path) {
    uint32_t slot = manifest_find(m, path, strlen(path));
    return slot == SLOT_NONE ? NULL : &m->entry[slot];
}

static void check_exact(const struct manifest *m) {
    uint32_t count = 0;
    for (int i = 0; i < FILES; i++) {
        const struct manifest_entry *entry = find(m, files[i].path);
        if (!files[i].after) {
            CHECK(!entry);
            continue;
        }
        count++;
        CHECK(entry && entry->state == MANIFEST_HASHED);
        CHECK(is_content(entry, files[i].after));
    }
    CHECK_INT(m->count, count);
    CHECK_INT(m->hashed, count);
}

/* Rounds with a failing call, from what was known before. */
static void one(void *arg, struct faults *f) {
    struct ctx *c = arg;
    c->manifest = c->known;
    c->scan = c->first;
    c->scan.sys = &f->sys;
    c->scan.manifest = &c->manifest;
    c->scan.items = &c->items;
    for (uint32_t i = 0; i < c->rounds; i++)
        run_round(&c->scan);
}

static void check(void *arg, struct faults *f) {
    struct ctx *c = arg;
    (void)f;
    CHECK_INT(open_fds(), c->fds);
    for (int i = 0; i < FILES; i++) {
        const struct manifest_entry *entry = find(&c->manifest, files[i].path);
        if (find(&c->known, files[i].path) && files[i].after)
            CHECK(entry); /* it is there: no error may make it vanish */
        if (entry && entry->state == MANIFEST_HASHED)
            CHECK(is_content(entry, files[i].after) || is_content(entry, files[i].before));
    }
    /* when the faults end, two rounds find the truth */
    struct faults none;
    faults_init(&none);
    c->scan.sys = &none.sys;
    run_round(&c->scan);
    run_round(&c->scan);
    check_exact(&c->manifest);
    CHECK_INT(c->scan.last.unreadable, 0);
    CHECK_INT(open_fds(), c->fds);
    c->scan.sys = NULL;
}

static struct ctx *new_ctx(bool known) {
    struct ctx *c = test_keep(calloc(1, sizeof *c));
    static struct faults f;
    faults_init(&f);
    items_defaults(&c->items);
    c->root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(c->root >= 0);
    manifest_init(&c->known, 99);
    scan_init(&c->first, &f.sys, c->root, &c->items, &c->known, NULL, "Master", "Local integrity");
    for (int i = 0; i < FILES; i++)
        if (files[i].before)
            test_write_file(files[i].path, files[i].before, strlen(files[i].before));
    if (known)
        run_round(&c->first);
    char path[1024];
    for (int i = 0; i < FILES; i++)
        if (files[i].after) {
            if (!files[i].before || strcmp(files[i].before, files[i].after) != 0)
                test_write_file(files[i].path, files[i].after, strlen(files[i].after));
        } else {
            snprintf(path, sizeof path, "%s/%s", test_dir(), files[i].path);
            CHECK_INT(unlink(path), 0);
        }
    c->fds = open_fds();
    c->rounds = 1;
    return c;
}

static const int causes[] = {EIO, EACCES, EMFILE, ENOMEM, ENOENT, ELOOP, ENOTDIR};
enum { CAUSES = sizeof causes / sizeof *causes };

TEST(one_call_fails_in_a_round_with_changes) {
    struct ctx *c = new_ctx(true);
    for (int i = 0; i < CAUSES; i++) {
        uint64_t runs = faults_sweep(causes[i], false, c, one, check);
        CHECK(runs > 40); /* the sweep did reach the calls of a round */
    }
}

TEST(one_call_fails_in_the_second_round) {
    struct ctx *c = new_ctx(true);
    c->rounds = 3;
    CHECK(faults_sweep(EIO, false, c, one, check) > 100);
    CHECK(faults_sweep(ENOENT, false, c, one, check) > 100);
}

TEST(one_call_fails_in_the_very_first_round) {
    struct ctx *c = new_ctx(false);
    for (int i = 0; i < CAUSES; i++)
        CHECK(faults_sweep(causes[i], false, c, one, check) > 40);
}

/* A disk that breaks and stays broken: what was known stays known, round after round. */
TEST(everything_fails_from_some_call_on) {
    struct ctx *c = new_ctx(true);
    c->rounds = 4;
    CHECK(faults_sweep(EIO, true, c, one, check) > 100);
    CHECK(faults_sweep(EACCES, true, c, one, check) > 100);
}

TEST(short_reads) {
    struct ctx *c = new_ctx(true);
    struct faults f;
    faults_init(&f);
    f.short_io = true;
    one(c, &f);
    run_round(&c->scan);
    check_exact(&c->manifest);
}
