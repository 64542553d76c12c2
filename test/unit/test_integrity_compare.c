/* test_integrity_compare.c - a worker's package against the master's files: what it lacks, has otherwise, has
 * too much of, and what proves nothing. Classes are those of the reference, section 5.3. */
#include "base/bytes.h"
#include "task/integrity_compare.h"
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define A "etc/rules/alpha.xml"
#define B "etc/decoders/beta.xml"
/* blake2b(b"alpha\n"), blake2b(b"beta\n") */
#define ALPHA                                                                                                \
    "ab0f6802d80e573960c1d4172acc7941a7425000730082d86bdaafa71c0ad53a"                                       \
    "0f2a9627b13581dc9e6538b3a4e1ec911869083ee184ab04f856e7b7dded4711"
#define BETA                                                                                                 \
    "651ba45e7581f1d9fac80b50a9357919667d60bff4a514b11135848923d8ba1e"                                       \
    "0ed9c6a8afc4626ce6c297699bddba1b7d4102d3d129939aa39767b3d661b32e"
/* What a worker's get_files_status says of a file. */
#define FILE_OF(path, key, hash)                                                                             \
    "\"" path "\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": \"" key                                \
    "\", \"merged\": false, \"hash\": \"" hash "\"}"
#define ITS_A FILE_OF(A, "etc/rules/", ALPHA)
#define ITS_B FILE_OF(B, "etc/decoders/", BETA)

static struct rig *rig;
static struct integrity_checker *checker;
static struct integrity_compare *c;
static struct scan_report report;
static struct error error;

static void start(uint64_t limit) {
    integrity_compare_init(c, checker->dec, &rig->manifest, &rig->items, &report, limit, rig->env.windows,
                           rig->env.spill);
}

/* A master with A and B. */
static void begin(void) {
    rig = rig_new(1, 1);
    rig_write(A, "alpha\n", 1690000000000000000);
    rig_write(B, "beta\n", 1690000000000000000);
    rig_scan(rig);
    CHECK_INT(rig->manifest.hashed, 2);
    checker = pool_take(rig->env.checkers);
    c = &checker->compare;
    start(1u << 20);
}

static void end(void) {
    integrity_compare_fini(c);
    integrity_compare_fini(c); /* twice does no harm */
    pool_give(rig->env.checkers, checker);
}

static enum err push(const void *bytes, size_t n) {
    error = (struct error){.what = ""};
    return c->sink.write(&c->sink, bytes, n, &error);
}

static enum err push_members(const char *const *members) {
    size_t n;
    uint8_t *package = rig_package(&n, members);
    return push(package, n);
}

/* A whole package whose metadata is json. */
static void compare(const char *json) {
    integrity_compare_fini(c);
    start(1u << 20);
    CHECK_INT(push_members((const char *const[]){"files_metadata.json", json, NULL}), E_OK);
    CHECK_INT(integrity_compare_finish(c, &error), E_OK);
}

static void check_counts(unsigned missing, unsigned shared, unsigned extra, unsigned foreign) {
    CHECK_INT(c->diff.missing.count, missing);
    CHECK_INT(c->diff.shared.count, shared);
    CHECK_INT(c->diff.extra_count, extra);
    CHECK_INT(c->foreign, foreign);
}

static const char *extra_text(void) {
    char *text = test_keep(malloc((size_t)c->diff.extra.size + 1));
    size_t n;
    CHECK_INT(blob_read(&c->diff.extra, 0, (uint8_t *)text, (size_t)c->diff.extra.size + 1, &n, &error),
              E_OK);
    CHECK_INT(n, c->diff.extra.size);
    text[n] = '\0';
    return text;
}

static bool is_missing(const char *path) {
    return slot_set_has(&c->diff.missing, rig_slot(rig, path));
}

static bool is_shared(const char *path) {
    return slot_set_has(&c->diff.shared, rig_slot(rig, path));
}

/* ---- classes ---- */

TEST(the_same) {
    begin();
    compare("{" ITS_A ", " ITS_B "}");
    check_counts(0, 0, 0, 0);
    CHECK_INT(c->files, 2);
    end();
}

TEST(nothing_there) {
    begin();
    compare("{}");
    check_counts(2, 0, 0, 0);
    CHECK(is_missing(A) && is_missing(B));
    CHECK_STR(extra_text(), "");
    end();
}

TEST(one_of_each) {
    begin();
    const char *extra = FILE_OF("etc/lists/own", "etc/lists/", ALPHA);
    char json[2000];
    snprintf(json, sizeof json, "{%s, " FILE_OF(B, "etc/decoders/", ALPHA) "}", extra);
    compare(json);
    check_counts(1, 1, 1, 0);
    CHECK(is_missing(A) && is_shared(B));
    CHECK_STR(extra_text(), extra);
    end();
}

/* Only the content counts (reference, section 5.1). */
TEST(what_makes_a_file_another) {
    static const struct {
        const char *member;
        bool differs;
    } cases[] = {
        {"{\"hash\": \"" ALPHA "\"}", false},
        {"{\"mod_time\": 1, \"merged\": true, \"hash\": \"" ALPHA "\"}", false},
        {"{\"cluster_item_key\": \"etc/lists/\", \"hash\": \"" ALPHA "\"}", false},
        {"{\"hash\": \"" BETA "\"}", true},
        {"{\"mod_time\": 1690000000.0}", true}, /* no hash: it proves nothing, so it is sent */
        {"{}", true},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[1000];
        snprintf(json, sizeof json, "{\"" A "\": %s, " ITS_B "}", cases[i].member);
        compare(json);
        check_counts(0, cases[i].differs, 0, 0);
        CHECK_INT(is_shared(A), cases[i].differs);
    }
    /* The last bit of the last byte. */
    char hash[] = ALPHA, json[1000];
    hash[127] ^= 1; /* '1' to '0' */
    snprintf(json, sizeof json, "{\"" A "\": {\"hash\": \"%s\"}, " ITS_B "}", hash);
    compare(json);
    check_counts(0, 1, 0, 0);
    end();
}

/* Extra files go back as the worker named them: byte by byte, with whatever it says of them. */
TEST(extra_files_in_their_own_words) {
    begin();
    compare("{ \"etc/lists/g\\u00e4\" :{\"x\":[1,{\"y\":null}],\"hash\":\"" ALPHA "\"},\n" ITS_A
            "\t, \"var/multigroups/ab/merged.mg\": {\"merged\": false} , " ITS_B "}");
    check_counts(0, 0, 2, 0);
    const char *text = extra_text();
    CHECK(strstr(text, "\"etc/lists/g\\u00e4\" :{\"x\":[1,{\"y\":null}],\"hash\":\"" ALPHA "\"}") == text);
    CHECK(strstr(text, "}, \"var/multigroups/ab/merged.mg\": {\"merged\": false}"));
    end();
}

TEST(a_file_named_twice) {
    begin();
    compare("{" FILE_OF(A, "etc/rules/", BETA) ", " ITS_A ", " FILE_OF(A, "etc/rules/", BETA) "}");
    check_counts(1, 1, 0, 0);
    CHECK(is_missing(B) && is_shared(A));
    end();
}

/* ---- what proves nothing ---- */

/* The master cannot read the file just now: it is neither different nor superfluous nor to be sent. */
TEST(a_file_the_master_cannot_read) {
    begin();
    manifest_unset(&rig->manifest, rig_slot(rig, A));
    compare("{" FILE_OF(A, "etc/rules/", BETA) ", " ITS_B "}");
    check_counts(0, 0, 0, 0);
    compare("{" ITS_B "}");
    check_counts(0, 0, 0, 0);
    end();
}

/* The last scan could not look everywhere in etc/rules: what it did not see there may well exist. */
TEST(a_folder_the_master_cannot_read) {
    begin();
    int rules = items_find(&rig->items, "etc/rules/", 10);
    report.partial_items = 1u << rules;
    compare("{" ITS_A ", " ITS_B ", " FILE_OF("etc/rules/x", "etc/rules/",
                                              ALPHA) ", " FILE_OF("etc/lists/x", "etc/lists/", ALPHA) "}");
    check_counts(0, 0, 1, 0);
    CHECK(strstr(extra_text(), "etc/lists/x"));
    report.partial_items = ~(1u << rules);
    compare("{" ITS_A ", " ITS_B ", " FILE_OF("etc/rules/x", "etc/rules/",
                                              ALPHA) ", " FILE_OF("etc/lists/x", "etc/lists/", ALPHA) "}");
    check_counts(0, 0, 1, 0);
    CHECK(strstr(extra_text(), "etc/rules/x"));
    end();
}

/* A worker's own paths, and those that nobody may have: never called extra, for extra files are deleted. */
TEST(foreign_paths) {
    static const char *const paths[] = {
        "etc/ossec.conf",
        "etc/other/file",
        "/etc/rules/x",
        "etc/rules/../../x",
        "etc/rules/./x",
        "etc/rules//x",
        "",
        "etc/rules",
        "etc/rules/",
        "etc/client.keys.bak",
        "etc/sub/client.keys",
        "etc/rules/x.swp",
        "etc/lists/ar.conf",
        "etc/shared/a.tmp",
        "queue/agent-groups/001",
        "etc/rules/agents.merged.mg",
        "etc/rules/\\u0001",
        "etc/rules/.picket/1",
        "var/multigroups/x/other",
        "../etc/rules/x",
    };
    begin();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char json[2000];
        snprintf(json, sizeof json, "{" ITS_A ", \"%s\": {\"hash\": \"" ALPHA "\"}, " ITS_B "}", paths[i]);
        compare(json);
        if (c->diff.extra_count || c->foreign != 1)
            test_fail(__FILE__, __LINE__, "'%s' counts as ours", paths[i]);
        check_counts(0, 0, 0, 1);
        CHECK_INT(c->files, 3);
    }
    end();
}

/* ---- the package ---- */

TEST(other_members_are_passed_over) {
    begin();
    CHECK_INT(push_members((const char *const[]){"etc/rules/evil.xml", "never looked at",
                                                 "files_metadata.json", "{" ITS_A "}", "zz", "", NULL}),
              E_OK);
    CHECK_INT(integrity_compare_finish(c, &error), E_OK);
    check_counts(1, 0, 0, 0);
    end();
}

TEST(no_metadata) {
    begin();
    CHECK_INT(push_members((const char *const[]){"etc/rules/a.xml", "{" ITS_A "}", NULL}), E_OK);
    CHECK_INT(integrity_compare_finish(c, &error), E_TRUNCATED);
    check_counts(0, 0, 0, 0); /* and above all nothing is missing */
    end();
}

TEST(metadata_twice) {
    begin();
    CHECK_INT(
        push_members((const char *const[]){"files_metadata.json", "{}", "files_metadata.json", "{}", NULL}),
        E_DUPLICATE);
    CHECK_INT(integrity_compare_finish(c, &error), E_DUPLICATE);
    end();
}

TEST(metadata_that_is_none) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"" A "\": {\"hash\": \"" ALPHA "\"}",
        "{\"" A "\": {\"hash\": \"" ALPHA "\"}}}",
        "{\"" A "\": 1}",
        "{\"" A "\": {\"hash\": \"abc\"}}",
        "{\"" A "\": {\"hash\": \"" ALPHA "\", \"merged\": 7}}",
        "{} {}",
    };
    begin();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        integrity_compare_fini(c);
        start(1u << 20);
        enum err err = push_members((const char *const[]){"files_metadata.json", texts[i], NULL});
        if (err == E_OK)
            err = integrity_compare_finish(c, &error);
        if (err == E_OK)
            test_fail(__FILE__, __LINE__, "'%s' is taken", texts[i]);
        CHECK_INT(c->diff.missing.count, 0);
    }
    end();
}

/* Every proper prefix of a package fails at the end, and what was not there is not called missing. */
TEST(cut_off_anywhere) {
    size_t n;
    begin();
    uint8_t *package = rig_package(
        &n, (const char *const[]){"x", "y", "files_metadata.json", "{" ITS_A ", " ITS_B "}", NULL});
    for (size_t at = 0; at < n; at++) {
        integrity_compare_fini(c);
        start(1u << 20);
        enum err err = push(package, at);
        if (err == E_OK)
            err = integrity_compare_finish(c, &error);
        CHECK(err != E_OK);
        CHECK_INT(c->diff.missing.count, 0);
    }
    end();
}

static void again(void *arg) {
    (void)arg;
    integrity_compare_fini(c);
    start(1u << 20);
}

static void some(void *arg, const uint8_t *bytes, size_t n) {
    (void)arg;
    CHECK_INT(push(bytes, n), E_OK);
}

static void whole(void *arg) {
    CHECK_INT(integrity_compare_finish(c, &error), E_OK);
    check_counts(1, 1, 1, 1);
    CHECK_STR(extra_text(), arg);
}

TEST(in_any_pieces) {
    size_t n;
    static char extra[] = FILE_OF("etc/lists/own", "etc/lists/", ALPHA);
    char json[2000];
    begin();
    snprintf(json, sizeof json, "{%s, " FILE_OF(B, "etc/decoders/", ALPHA) ", \"x\": {}}", extra);
    uint8_t *package = rig_package(&n, (const char *const[]){"files_metadata.json", json, NULL});
    test_cuts(package, n, 1, extra, again, some, whole);
    end();
}

/* One that Python made (test/vectors/make_packages.py): files, and metadata with three names that are
 * nobody's. */
TEST(a_package_of_pythons) {
    size_t n;
    begin();
    uint8_t *package = test_vector("package_plain.bin", &n);
    CHECK_INT(push(package, n), E_OK);
    CHECK_INT(integrity_compare_finish(c, &error), E_OK);
    check_counts(2, 0, 0, 3);
    end();
}

TEST(noise) {
    uint64_t seed = 1;
    size_t n;
    begin();
    uint8_t *good =
        rig_package(&n, (const char *const[]){"files_metadata.json", "{" ITS_A ", " ITS_B "}", NULL});
    uint8_t *bad = test_keep(malloc(n));
    unsigned taken = 0;
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(bad, good, n);
        for (uint64_t k = 1 + test_random(&seed) % 3; k > 0; k--)
            bad[test_random(&seed) % n] = (uint8_t)test_random(&seed);
        integrity_compare_fini(c);
        start(1u << 20);
        enum err err = push(bad, n);
        if (err == E_OK)
            err = integrity_compare_finish(c, &error);
        taken += err == E_OK;
        if (err == E_OK && memcmp(bad, good, n) != 0) /* what inflates anew has the same Adler-32: the name of
                                                         the member, or deflate's own freedom */
            CHECK_INT(c->had_metadata, true);
    }
    CHECK(taken < 300);
    end();
}

/* ---- bounds ---- */

TEST(more_than_may_be_inflated) {
    static char json[20001];
    begin();
    memset(json, ' ', sizeof json - 1);
    json[0] = '{', json[sizeof json - 2] = '}';
    integrity_compare_fini(c);
    start(19999);
    CHECK_INT(push_members((const char *const[]){"files_metadata.json", json, NULL}), E_LIMIT);
    integrity_compare_fini(c);
    start(20000);
    CHECK_INT(push_members((const char *const[]){"files_metadata.json", json, NULL}), E_OK);
    CHECK_INT(integrity_compare_finish(c, &error), E_OK);
    integrity_compare_fini(c); /* what is passed over counts, too */
    start(20001);
    CHECK_INT(push_members((const char *const[]){"x", json, "files_metadata.json", "{}", NULL}), E_LIMIT);
    end();
}

/* Some thousand extra files: the list leaves memory for a window, and the window for a file. */
static char *many(unsigned files) {
    char *json = test_keep(malloc(files * 120u + 10));
    size_t n = 0;
    json[n++] = '{';
    for (unsigned i = 0; i < files; i++)
        n += (size_t)sprintf(json + n, "%s\"etc/lists/%07u\": {\"cluster_item_key\": \"etc/lists/\"}",
                             i ? ", " : "", i);
    strcpy(json + n, "}");
    return json;
}

TEST(a_long_list_of_extra_files) {
    static const unsigned counts[] = {10, 1000, 8000};
    begin();
    for (size_t i = 0; i < 3; i++) {
        char *json = many(counts[i]);
        compare(json);
        check_counts(2, 0, counts[i], 0);
        CHECK_INT(rig->env.windows->used, i == 1);
        CHECK_INT(rig->spill.open, i == 2);
        json[strlen(json) - 1] = '\0';
        CHECK_STR(extra_text(), json + 1);
    }
    integrity_compare_fini(c);
    CHECK_INT(rig->env.windows->used, 0);
    CHECK_INT(rig->spill.open, 0);
    end();
}

/* No room for the list: the check fails as a whole, for a list cut short would look like fewer extra files.
 */
TEST(no_room_for_the_list) {
    begin();
    rig->spill.limit = 100000;
    integrity_compare_fini(c);
    start(1u << 20);
    CHECK_INT(push_members((const char *const[]){"files_metadata.json", many(8000), NULL}), E_SPACE);
    CHECK(integrity_compare_finish(c, &error) != E_OK);
    CHECK_INT(c->diff.missing.count, 0);
    end();
}
