/* test_integrity_feed.c - what goes into an integrity package, member by member: files that are still what
 * was hashed, and metadata that names just those. Texts are those of Python's json.dumps and hashlib
 * (reference, sections 5.1 to 5.3). */
#include "base/bytes.h"
#include "task/integrity_feed.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define A "etc/rules/alpha.xml"
#define B "etc/decoders/beta.xml"
#define C "etc/lists/g\xc3\xa4mma"

/* blake2b(b"alpha\n") and so on */
#define ALPHA                                                                                                \
    "\"etc/rules/alpha.xml\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": \"etc/rules/\", "           \
    "\"merged\": false, \"hash\": \"ab0f6802d80e573960c1d4172acc7941a7425000730082d86bdaafa71c0ad53a"        \
    "0f2a9627b13581dc9e6538b3a4e1ec911869083ee184ab04f856e7b7dded4711\"}"
#define BETA                                                                                                 \
    "\"etc/decoders/beta.xml\": {\"mod_time\": 1795171574.7696068, \"cluster_item_key\": "                   \
    "\"etc/decoders/\", \"merged\": false, \"hash\": "                                                       \
    "\"651ba45e7581f1d9fac80b50a9357919667d60bff4a514b11135848923d8ba1e"                                     \
    "0ed9c6a8afc4626ce6c297699bddba1b7d4102d3d129939aa39767b3d661b32e\"}"
#define GAMMA                                                                                                \
    "\"etc/lists/g\\u00e4mma\": {\"mod_time\": 1.5, \"cluster_item_key\": \"etc/lists/\", "                  \
    "\"merged\": false, \"hash\": \"9933d90f3c14aa3147ec91333ae1992adf475a1f7daffd42053ec17fb0f6c129"        \
    "8a52a6602b4fa129a3999cc06a41eebbd25f3e58355905afe8b1d0d715d9ec4a\"}"

static struct rig *rig;
static struct integrity_feed feed;
static struct integrity_diff diff;
static uint8_t small[64];
static char left[1024]; /* "path: why\n" of what was left out */

static void left_out(void *arg, const char *path, const char *why) {
    size_t n = strlen(left);
    CHECK(arg == &feed);
    snprintf(left + n, sizeof left - n, "%s: %s\n", path, why);
}

/* A feed over the three files, A and B missing, C shared; they are hashed, not yet looked at again. */
static void begin(uint64_t limit) {
    rig = rig_new(1, 1);
    rig_write(A, "alpha\n", 1690000000000000000);
    rig_write(B, "beta\n", 1795171574769606800);
    rig_write(C, "gamma\n", 1500000000);
    rig_scan(rig);
    CHECK_INT(rig->manifest.hashed, 3);
    slot_set_clear(&diff.missing);
    slot_set_clear(&diff.shared);
    slot_set_add(&diff.missing, rig_slot(rig, A));
    slot_set_add(&diff.missing, rig_slot(rig, B));
    slot_set_add(&diff.shared, rig_slot(rig, C));
    blob_init(&diff.extra, small, sizeof small, rig->env.windows, rig->env.spill, 1u << 20);
    integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, &diff, limit);
    feed.left_out = left_out;
    feed.arg = &feed;
}

static void end(void) {
    integrity_feed_close(&feed);
    integrity_feed_close(&feed);
    blob_reset(&diff.extra);
}

/* ---- the feed by hand, as the encoder uses it ---- */

static char name[PATH_MAX_BYTES];
static struct error error;

/* The next member; false at the end. */
static bool next(void) {
    bool more = false;
    CHECK_INT(feed.feed.next(&feed.feed, name, sizeof name, &more, &error), E_OK);
    return more;
}

/* Reads the rest of a member, cap bytes at a time, and ends it. */
static char *rest_by(size_t cap, uint64_t already, size_t *n) {
    char *out = NULL;
    size_t got = 1, all = 0;
    while (got) {
        CHECK((out = realloc(out, all + cap + 1)) != NULL);
        CHECK_INT(feed.feed.read(&feed.feed, (uint8_t *)out + all, cap, &got, &error), E_OK);
        CHECK(got <= cap);
        all += got;
    }
    feed.feed.done(&feed.feed, already + all, 10 + all, true); /* as if it did not shrink */
    out[all] = '\0';
    if (n)
        *n = all;
    return test_keep(out);
}

static char *rest(void) {
    return rest_by(4096, 0, NULL);
}

/* Takes all files that come, in any order, then the metadata, which is returned; their names and contents
 * are in files: "name=content;". */
static char files[8192];
static char *take_all(void) {
    files[0] = '\0';
    while (next()) {
        if (strcmp(name, "files_metadata.json") == 0) {
            char *metadata = rest();
            CHECK(!next()); /* it is the last one */
            return metadata;
        }
        struct text t = {files, sizeof files, strlen(files), false};
        text_format(&t, "%s=%s;", name, rest());
    }
    test_fail(__FILE__, __LINE__, "no metadata");
    return NULL;
}

/* Is text {"missing": {..}, "extra": {..}, "shared": {..}} with just these members, in any order? Two at the
 * most in missing; "" stands for none. */
static void check_metadata(const char *text, const char *m1, const char *m2, const char *extra,
                           const char *shared) {
    static char one[3000], two[3000];
    const char *comma = m1[0] && m2[0] ? ", " : "";
    snprintf(one, sizeof one, "{\"missing\": {%s%s%s}, \"extra\": {%s}, \"shared\": {%s}}", m1, comma, m2,
             extra, shared);
    snprintf(two, sizeof two, "{\"missing\": {%s%s%s}, \"extra\": {%s}, \"shared\": {%s}}", m2, comma, m1,
             extra, shared);
    if (strcmp(text, two) != 0)
        CHECK_STR(text, one);
}

static bool has_file(const char *entry) {
    return strstr(files, entry) != NULL;
}

TEST(files_and_their_classification) {
    begin(1u << 20);
    const char *extra = "\"etc/rules/x\": {\"cluster_item_key\": \"etc/rules/\"}";
    CHECK_INT(blob_append(&diff.extra, (const uint8_t *)extra, strlen(extra), &error), E_OK);
    check_metadata(take_all(), ALPHA, BETA, extra, GAMMA);
    CHECK(has_file(A "=alpha\n;") && has_file(B "=beta\n;") && has_file(C "=gamma\n;"));
    CHECK_STR(left, "");
    end();
}

TEST(nothing_but_extra_files) {
    begin(1u << 20);
    slot_set_clear(&diff.missing);
    slot_set_clear(&diff.shared);
    check_metadata(take_all(), "", "", "", "");
    CHECK_STR(files, "");
    end();
}

/* A worker sends its whole manifest, flat, and no file. */
TEST(a_workers_feed) {
    begin(1u << 20);
    static const char *const members[] = {ALPHA, BETA, GAMMA};
    integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, NULL, UINT64_MAX);
    char *text = take_all();
    CHECK_STR(files, "");
    size_t n = 2;
    for (int i = 0; i < 3; i++) {
        CHECK(strstr(text, members[i]));
        n += strlen(members[i]) + (i ? 2 : 0);
    }
    CHECK_INT(strlen(text), n);
    CHECK(strncmp(text, "{\"", 2) == 0 && strcmp(text + n - 2, "}}") == 0);
    manifest_init(&rig->manifest, 1);
    integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, NULL, UINT64_MAX);
    CHECK_STR(take_all(), "{}");
    end();
}

/* The same text, however little is asked for at a time. */
TEST(metadata_in_any_portions) {
    static const size_t caps[] = {1, 2, 7, 100, 4095, 65536};
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        if (i == 0)
            begin(1u << 20);
        else
            integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, &diff, 1u << 20);
        while (next() && strcmp(name, "files_metadata.json") != 0)
            rest();
        check_metadata(rest_by(caps[i], 0, NULL), ALPHA, BETA, "", GAMMA);
    }
    end();
}

/* The list of extra files may be longer than anything that lies in memory. */
TEST(a_long_list_of_extra_files) {
    static char long_list[400001];
    begin(1u << 20);
    for (size_t i = 0; i < sizeof long_list - 1; i++)
        long_list[i] = (char)('a' + i % 23);
    CHECK_INT(blob_append(&diff.extra, (uint8_t *)long_list, sizeof long_list - 1, &error), E_OK);
    CHECK(!blob_bytes(&diff.extra)); /* it is in a file */
    slot_set_clear(&diff.missing);
    slot_set_clear(&diff.shared);
    char *text = take_all();
    CHECK_INT(strlen(text),
              sizeof long_list - 1 + strlen("{\"missing\": {}, \"extra\": {}, \"shared\": {}}"));
    CHECK_MEM(strstr(text, "extra") + 9, long_list, sizeof long_list - 1);
    end();
    begin(1u << 20); /* and when that file cannot be read, there is no package */
    CHECK_INT(blob_append(&diff.extra, (uint8_t *)long_list, sizeof long_list - 1, &error), E_OK);
    rig->spill.fail_with = E_SYS;
    while (next() && strcmp(name, "files_metadata.json") != 0)
        rest();
    size_t n;
    enum err err;
    uint8_t buf[512];
    do
        err = feed.feed.read(&feed.feed, buf, sizeof buf, &n, &error);
    while (err == E_OK && n);
    CHECK_INT(err, E_SYS);
    end();
}

/* The longest path there is, each character escaped, after a comma. */
TEST(the_longest_member) {
    begin(1u << 20);
    char path[PATH_MAX_BYTES];
    size_t n = (size_t)snprintf(path, sizeof path, "etc/lists/");
    for (unsigned i = 1; n + 3 < sizeof path; i++) {
        if (i % 100 == 0)
            path[n++] = '/';
        path[n++] = '\xc3';
        path[n++] = '\xa9';
    }
    path[n] = '\0';
    uint32_t slot;
    uint8_t hash[BLAKE2B_BYTES];
    struct sys_stat st = {.mtime_ns = 1795171574769606800};
    uint8_t item;
    memset(hash, 0xab, sizeof hash);
    CHECK_INT(items_judge(&rig->items, path, n, &item, &error), E_OK);
    CHECK_INT(manifest_add(&rig->manifest, path, n, item, &slot), E_OK);
    manifest_set(&rig->manifest, slot, hash, &st);
    slot_set_add(&diff.shared, slot);
    /* Say it was read already: only the metadata counts here. */
    feed.in_metadata = true;
    char *text = rest();
    char *at = strstr(text, GAMMA ", \"etc/lists/\\u00e9");
    CHECK(at);
    CHECK_STR(text + strlen(text) - 24, "abababababababababab\"}}}");
    end();
}

/* ---- between hashing and sending ---- */

static char full[4200];
static const char *on_disk(const char *path) {
    snprintf(full, sizeof full, "%s/%s", test_dir(), path);
    return full;
}

static void vanish(const char *path) {
    rig_remove(path);
}

static void grow(const char *path) {
    FILE *f = fopen(on_disk(path), "a");
    CHECK(f);
    fputs("more", f);
    fclose(f);
}

static void shrink(const char *path) {
    CHECK_INT(truncate(on_disk(path), 2), 0);
}

/* As many bytes as before, and the old time stamp: what no comparison of size and mtime would notice. */
static void rewrite(const char *path) {
    struct stat st;
    static char other[100000];
    memset(other, 'X', sizeof other);
    CHECK_INT(stat(on_disk(path), &st), 0);
    usleep(20000); /* another tick of the clock that stamps files */
    rig_write_bytes(path, other, (size_t)st.st_size,
                    st.st_mtim.tv_sec * (int64_t)1000000000 + st.st_mtim.tv_nsec);
}

static void replace(const char *path) {
    rig_write("etc/other", "XXXXXX", 1690000000000000000);
    char from[4200];
    strcpy(from, on_disk("etc/other"));
    CHECK_INT(rename(from, on_disk(path)), 0);
}

static void become_link(const char *path) {
    rig_write("etc/secret", "secret", 1690000000000000000);
    rig_remove(path);
    CHECK_INT(symlink("../secret", on_disk(path)), 0);
}

static void become_folder(const char *path) {
    rig_remove(path);
    CHECK_INT(mkdir(on_disk(path), 0755), 0);
}

static void become_fifo(const char *path) { /* opening it must not wait for a writer */
    rig_remove(path);
    CHECK_INT(mkfifo(on_disk(path), 0644), 0);
}

static void parent_becomes_link(const char *path) {
    char folder[4200], aside[4300];
    strcpy(folder, on_disk(path));
    *strrchr(folder, '/') = '\0';
    snprintf(aside, sizeof aside, "%s-aside", folder);
    CHECK_INT(rename(folder, aside), 0);
    CHECK_INT(symlink(aside, folder), 0);
}

static const struct {
    void (*happens)(const char *path);
    const char *why;
} events[] = {
    {vanish, "cannot be opened"},
    {grow, "changed since it was hashed"},
    {shrink, "changed since it was hashed"},
    {rewrite, "changed since it was hashed"},
    {replace, "changed since it was hashed"},
    {become_link, "cannot be opened"},
    {become_folder, "changed since it was hashed"},
    {become_fifo, "changed since it was hashed"},
    {parent_becomes_link, "cannot be opened"},
};
#define EVENTS (sizeof events / sizeof *events)

static void before_sending(size_t i) {
    char want[128];
    begin(1u << 20);
    events[i].happens(B); /* a missing one */
    check_metadata(take_all(), ALPHA, "", "", GAMMA);
    CHECK(has_file(A "=alpha\n;") && !has_file(B) && has_file(C "=gamma\n;"));
    snprintf(want, sizeof want, B ": %s", events[i].why);
    CHECK(strncmp(left, want, strlen(want)) == 0);
    CHECK(strchr(left, '\n') == strrchr(left, '\n'));
    CHECK(!slot_set_has(&diff.missing, rig_slot(rig, B)));
    CHECK_INT(diff.missing.count, 1);
    end();
}

TEST(vanished_before_sending) {
    before_sending(0);
}
TEST(grown_before_sending) {
    before_sending(1);
}
TEST(shrunk_before_sending) {
    before_sending(2);
}
TEST(rewritten_before_sending) {
    before_sending(3);
}
TEST(replaced_before_sending) {
    before_sending(4);
}
TEST(a_link_before_sending) {
    before_sending(5);
}
TEST(a_folder_before_sending) {
    before_sending(6);
}
TEST(a_fifo_before_sending) {
    before_sending(7);
}
TEST(a_linked_folder_before_sending) {
    before_sending(8);
}

TEST(a_shared_file_vanished) {
    begin(1u << 20);
    vanish(C);
    check_metadata(take_all(), ALPHA, BETA, "", "");
    CHECK_INT(diff.shared.count, 0);
    CHECK(strncmp(left, C ": ", strlen(C) + 2) == 0);
    end();
}

TEST(all_vanished) {
    begin(1u << 20);
    vanish(A), vanish(B), vanish(C);
    check_metadata(take_all(), "", "", "", "");
    CHECK_STR(files, "");
    end();
}

/* The scan was quicker: it knows already that the file is gone or another. Gone is no news for the log. */
TEST(the_manifest_has_forgotten_it) {
    begin(1u << 20);
    manifest_unset(&rig->manifest, rig_slot(rig, B));
    manifest_remove(&rig->manifest, rig_slot(rig, C));
    check_metadata(take_all(), ALPHA, "", "", "");
    CHECK_STR(left, "");
    end();
    begin(1u << 20);
    rewrite(B);
    rig_scan(rig);
    char *text = take_all(); /* it is sent as it is now */
    CHECK(has_file(B "=XXXXX;"));
    CHECK(strstr(text,
                 "\"" B "\": {\"mod_time\": 1795171574.7696068, \"cluster_item_key\": \"etc/decoders/\", "
                 "\"merged\": false, \"hash\": \"d559c764fe0b23e27da60ccac1c4c73969810d37448b9097e3"));
    end();
}

/* A slot that holds another file by now: one file too many is sent, and the metadata says so truly. */
TEST(a_slot_has_another_file) {
    begin(1u << 20);
    uint32_t slot = rig_slot(rig, B), again;
    manifest_remove(&rig->manifest, slot);
    rig_write("etc/rules/new.xml", "alpha\n", 1690000000000000000);
    rig_scan(rig);
    again = rig_slot(rig, "etc/rules/new.xml");
    if (again == slot) {
        char *text = take_all();
        CHECK(has_file("etc/rules/new.xml=alpha\n;") && strstr(text, "\"etc/rules/new.xml\": {"));
    }
    end();
}

/* ---- while it is being sent ---- */

#define BIG "etc/lists/big"

/* BIG of 100,000 bytes is opened, half of it read; then something happens; then the rest is read. */
static void while_sending(void (*happens)(const char *path), bool scanned) {
    static char big[100001];
    memset(big, 'b', sizeof big - 1);
    begin(1u << 20);
    rig_write(BIG, big, 1690000000000000000);
    rig_scan(rig);
    slot_set_clear(&diff.missing);
    slot_set_clear(&diff.shared);
    slot_set_add(&diff.missing, rig_slot(rig, A));
    slot_set_add(&diff.shared, rig_slot(rig, BIG));
    bool seen = false;
    while (next() && strcmp(name, "files_metadata.json") != 0) {
        if (strcmp(name, BIG) != 0) {
            rest();
            continue;
        }
        uint8_t buf[50000];
        size_t n, more;
        seen = true;
        for (n = 0; n < sizeof buf; n += more)
            CHECK_INT(feed.feed.read(&feed.feed, buf + n, sizeof buf - n, &more, &error), E_OK);
        happens(BIG);
        if (scanned)
            rig_scan(rig);
        rest_by(4096, n, &more);
    }
    CHECK(seen);
    check_metadata(rest(), ALPHA, "", "", "");
    CHECK(strncmp(left, BIG ": changed while it was being sent", 45) == 0 ||
          (scanned && happens == vanish && left[0] == '\0'));
    end();
}

TEST(grown_while_sending) {
    while_sending(grow, false);
}
TEST(shrunk_while_sending) {
    while_sending(shrink, false);
}
TEST(rewritten_while_sending) {
    while_sending(rewrite, false);
}
TEST(replaced_while_sending) {
    while_sending(replace, false);
}
TEST(vanished_while_sending) {
    while_sending(vanish, false);
}
/* The scan has hashed the new content meanwhile: what was sent is half of each all the same. */
TEST(rewritten_and_scanned_while_sending) {
    while_sending(rewrite, true);
}
TEST(vanished_and_scanned_while_sending) {
    while_sending(vanish, true);
}

/* The encoder could not read it to the end, or read another number of bytes than were hashed. */
static void ends_badly(bool read_fails, uint64_t plain, bool whole) {
    uint8_t buf[64];
    size_t n;
    begin(1u << 20);
    slot_set_clear(&diff.missing);
    CHECK(next());
    CHECK_STR(name, C);
    if (read_fails) {
        rig->faults.fail_at = rig->faults.calls + 1;
        rig->faults.os = EIO;
    }
    CHECK_INT(feed.feed.read(&feed.feed, buf, sizeof buf, &n, &error), read_fails ? E_SYS : E_OK);
    feed.feed.done(&feed.feed, plain, 10, whole);
    CHECK(next());
    check_metadata(rest(), "", "", "", "");
    CHECK_STR(left, C ": changed while it was being sent; waits for the next cycle\n");
    end();
}

TEST(a_read_fails) {
    ends_badly(true, 0, false);
}
TEST(fewer_bytes_than_were_hashed) {
    ends_badly(false, 5, true);
}
TEST(more_bytes_than_were_hashed) {
    ends_badly(false, 7, true);
}
TEST(not_read_to_its_end) {
    ends_badly(false, 6, false);
}

/* ---- the limit ---- */

static void write_sized(char c, size_t n) {
    static char bytes[4096];
    char path[] = "etc/lists/size-?";
    path[sizeof path - 2] = c;
    memset(bytes, c, sizeof bytes);
    rig_write_bytes(path, bytes, n, 1690000000000000000);
}

/* Deflated bytes of what is sent, each file as large as if it did not shrink, stay within the limit; and
 * something goes whenever there is one file that fits. */
TEST(the_limit) {
    for (uint64_t limit = 0; limit < 6000; limit += 61) {
        if (limit == 0) {
            begin(0);
            write_sized('a', 1000), write_sized('b', 2000), write_sized('c', 500), write_sized('d', 3000);
            rig_scan(rig);
        }
        slot_set_clear(&diff.missing);
        slot_set_clear(&diff.shared);
        for (char c = 'a'; c <= 'd'; c++) {
            char path[] = "etc/lists/size-?";
            path[sizeof path - 2] = c;
            slot_set_add(&diff.missing, rig_slot(rig, path));
        }
        left[0] = '\0';
        integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, &diff, limit);
        feed.left_out = left_out;
        feed.arg = &feed;
        uint64_t sum = 0;
        unsigned sent = 0;
        while (next() && strcmp(name, "files_metadata.json") != 0) {
            size_t n = 0, got = 1;
            uint8_t buf[512];
            while (got) {
                CHECK_INT(feed.feed.read(&feed.feed, buf, sizeof buf, &got, &error), E_OK);
                n += got;
            }
            sum += n;
            sent++;
            feed.feed.done(&feed.feed, n, n, true);
        }
        CHECK(sum <= limit);
        CHECK_INT(feed.deflated, sum);
        CHECK(limit < 500 || sent > 0);
        CHECK(limit < 6500 || sent == 4);
        CHECK_INT(diff.missing.count, sent);
        char *text = rest();
        unsigned named = 0;
        for (char *at = text; (at = strstr(at, "\"hash\"")) != NULL; at++)
            named++;
        CHECK_INT(named, sent);
        unsigned told = 0;
        for (char *at = left; (at = strstr(at, "larger than what one synchronisation may carry")); at++)
            told++;
        CHECK_INT(told, 4 - sent);
    }
    end();
}

/* What shrinks leaves room for more. */
TEST(the_limit_counts_deflated_bytes) {
    begin(3000);
    write_sized('a', 2000), write_sized('b', 2000), write_sized('c', 2000);
    rig_scan(rig);
    slot_set_clear(&diff.shared);
    slot_set_add(&diff.shared, rig_slot(rig, "etc/lists/size-a"));
    slot_set_add(&diff.shared, rig_slot(rig, "etc/lists/size-b"));
    slot_set_add(&diff.shared, rig_slot(rig, "etc/lists/size-c"));
    unsigned sent = 0;
    while (next() && strcmp(name, "files_metadata.json") != 0) {
        size_t n = 1;
        uint8_t buf[4096];
        uint64_t all = 0;
        for (; n; all += n)
            CHECK_INT(feed.feed.read(&feed.feed, buf, sizeof buf, &n, &error), E_OK);
        feed.feed.done(&feed.feed, all, 20, true);
        sent++;
    }
    CHECK_INT(sent, 5);
    end();
}

/* ---- through the encoder, with everything going wrong once ---- */

static uint8_t package[1u << 16];

/* The whole package, in package; its bytes. */
static size_t encode(uint64_t limit) {
    size_t n = 0, got = 0;
    left[0] = '\0';
    integrity_feed_init(&feed, rig->env.sys, rig->root, &rig->manifest, &rig->items, &diff, limit);
    feed.left_out = left_out;
    feed.arg = &feed;
    struct integrity_sender *slot = pool_take(rig->env.senders);
    CHECK(slot);
    struct source *s = package_enc_source(package_enc_init(slot->enc, &feed.feed, 1));
    do {
        CHECK_INT(s->read(s, package + n, sizeof package - n, &got, &error), E_OK);
        n += got;
    } while (got);
    pool_give(rig->env.senders, slot);
    integrity_feed_close(&feed);
    return n;
}

/* Each file is whole and named, or neither; what is left out is told. */
TEST(any_call_fails) {
    static const struct {
        const char *path, *content, *member;
    } all[] = {{A, "alpha\n", ALPHA}, {B, "beta\n", BETA}, {C, "gamma\n", GAMMA}};
    begin(1u << 20);
    struct slot_set missing = diff.missing, shared = diff.shared;
    unsigned runs = 0;
    do {
        diff.missing = missing;
        diff.shared = shared;
        rig->faults.fired = false;
        rig->faults.fail_at = rig->faults.calls + ++runs;
        rig->faults.os = EIO;
        size_t n = encode(1u << 20);
        char *metadata = rig_member(package, n, "files_metadata.json", NULL);
        unsigned in = 0;
        for (size_t i = 0; i < 3; i++) {
            char *content = rig_member(package, n, all[i].path, NULL);
            if (strstr(metadata, all[i].member)) {
                CHECK(content);
                CHECK_STR(content, all[i].content);
                in++;
            } else {
                CHECK(strstr(left, all[i].path));
            }
        }
        CHECK_INT(in, rig->faults.fired ? 2 : 3);
    } while (rig->faults.fired);
    CHECK(runs > 9); /* each is opened, looked at twice, and read */
    diff.missing = missing;
    diff.shared = shared;
    rig->faults.fail_at = 0;
    rig->faults.short_io = true; /* reads give a byte at a time */
    size_t n = encode(1u << 20);
    check_metadata(rig_member(package, n, "files_metadata.json", NULL), ALPHA, BETA, "", GAMMA);
    CHECK_STR(rig_member(package, n, B, NULL), "beta\n");
    end();
}

/* Whatever the limit: what the package holds is within it, but for the metadata. */
TEST(the_limit_of_a_real_package) {
    begin(1u << 20);
    uint8_t noise[3000];
    uint64_t seed = 1;
    for (char c = 'a'; c < 'k'; c++) {
        char path[] = "etc/lists/noise-?";
        path[sizeof path - 2] = c;
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)test_random(&seed);
        rig_write_bytes(path, noise, sizeof noise, 1690000000000000000);
    }
    rig_scan(rig);
    unsigned least = 99;
    for (uint64_t limit = 2000; limit < 40000; limit += 997) {
        for (uint32_t slot = 0; (slot = manifest_next(&rig->manifest, slot)) != SLOT_NONE; slot++)
            slot_set_add(&diff.missing, slot);
        size_t n = encode(limit), metadata_n;
        rig_member(package, n, "files_metadata.json", &metadata_n);
        CHECK(n < limit + metadata_n + 13 * 40); /* names, and what zlib adds to what does not shrink */
        least = diff.missing.count < least ? diff.missing.count : least;
    }
    CHECK_INT(least, 3); /* the three small ones */
    CHECK_INT(diff.missing.count, 13);
    end();
}

/* Given up in the middle: what is open is closed (the rig counts). */
TEST(closed_in_the_middle) {
    begin(1u << 20);
    CHECK(next());
    uint8_t buf[2];
    size_t n;
    CHECK_INT(feed.feed.read(&feed.feed, buf, sizeof buf, &n, &error), E_OK);
    CHECK(feed.file >= 0);
    end();
}
