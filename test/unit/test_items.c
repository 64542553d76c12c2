/* test_items.c - the table of reference section 8, and every rule of the judge broken once. */
#include "fs/items.h"
#include "test/harness/harness.h"

#include <stdio.h>

static struct items items;

static void judge_as(const char *path, size_t len, enum err want, const char *words, uint8_t want_item) {
    uint8_t item = 99;
    struct error e = {0};
    enum err err = items_judge(&items, path, len, &item, &e);
    if (err != want)
        test_fail(__FILE__, __LINE__, "\"%.*s\": %s (%s), want %s", (int)len, path, err_words(err), e.what,
                  err_words(want));
    if (err == E_OK)
        CHECK_INT(item, want_item);
    else if (!strstr(e.what, words))
        test_fail(__FILE__, __LINE__, "\"%.*s\": \"%s\" does not say \"%s\"", (int)len, path, e.what, words);
}

static void good(const char *path, const char *dir) {
    int item = items_find(&items, dir, strlen(dir));
    CHECK(item >= 0);
    judge_as(path, strlen(path), E_OK, "", (uint8_t)item);
}

static void bad(const char *path, const char *words) {
    judge_as(path, strlen(path), E_PATH, words, 0);
}

static struct item *add_item(const char *dir) {
    struct item *item = &items.item[items.count++];
    memset(item, 0, sizeof *item);
    strcpy(item->dir, dir);
    item->recursive = item->all_files = true;
    return item;
}

TEST(defaults_are_those_of_4_14_7) {
    /* cluster.json of 4.5 - 4.14.7, in its order */
    static const struct {
        const char *dir;
        uint32_t mode;
        bool recursive, remove_empty;
        const char *file;
    } want[] = {{"etc/", 0640, false, false, "client.keys"},         {"etc/shared/", 0660, true, true, NULL},
                {"var/multigroups/", 0660, true, true, "merged.mg"}, {"etc/rules/", 0660, true, false, NULL},
                {"etc/decoders/", 0660, true, false, NULL},          {"etc/lists/", 0660, true, false, NULL}};
    memset(&items, 0xa5, sizeof items);
    items_defaults(&items);
    CHECK_INT(items.count, 6);
    for (int i = 0; i < 6; i++) {
        const struct item *item = &items.item[i];
        CHECK_STR(item->dir, want[i].dir);
        CHECK_INT(item->mode, want[i].mode);
        CHECK_INT(item->recursive, want[i].recursive);
        CHECK_INT(item->remove_empty, want[i].remove_empty);
        CHECK(!item->extra_valid);
        CHECK_INT(item->all_files, want[i].file == NULL);
        CHECK_INT(item->file_count, want[i].file ? 1 : 0);
        if (want[i].file)
            CHECK_STR(item->files[0], want[i].file);
    }
    CHECK_INT(items.excluded_file_count, 2);
    CHECK_STR(items.excluded_files[0], "ar.conf");
    CHECK_STR(items.excluded_files[1], "ossec.conf");
    CHECK_INT(items.excluded_extension_count, 4);
    CHECK_STR(items.excluded_extensions[0], "~");
    CHECK_STR(items.excluded_extensions[3], ".swp");
}

TEST(find_wants_the_whole_key) {
    items_defaults(&items);
    CHECK_INT(items_find(&items, "etc/rules/", 10), 3);
    CHECK_INT(items_find(&items, "etc/rules", 9), -1);
    CHECK_INT(items_find(&items, "etc/rules/x", 11), -1);
    CHECK_INT(items_find(&items, "", 0), -1);
}

TEST(allowed_paths) {
    items_defaults(&items);
    good("etc/client.keys", "etc/");
    good("etc/shared/default/agent.conf", "etc/shared/");
    good("etc/shared/default/merged.mg", "etc/shared/");
    good("etc/shared/x", "etc/shared/"); /* the longest folder wins over "etc/" */
    good("var/multigroups/1a2b/merged.mg", "var/multigroups/");
    good("var/multigroups/merged.mg", "var/multigroups/");
    good("etc/rules/local_rules.xml", "etc/rules/");
    good("etc/rules/a/b/c/d.xml", "etc/rules/");
    good("etc/lists/with space", "etc/lists/");
    good("etc/lists/...", "etc/lists/");
    good("etc/lists/..x", "etc/lists/");
    good("etc/lists/a|b", "etc/lists/");
    good("etc/lists/\xc3\xa9t\xc3\xa9.xml", "etc/lists/");
    good("etc/lists/\xf0\x9f\x90\x99", "etc/lists/");
    /* exclusions are for files: the real walk enters folders of any name */
    good("etc/lists/old.tmp/x", "etc/lists/");
    good("etc/lists/ar.conf/x", "etc/lists/");
    good("etc/lists/a.merged/x", "etc/lists/");
    good("etc/lists/tmp", "etc/lists/");
    good("etc/lists/.tmpx", "etc/lists/");
}

TEST(malformed_paths) {
    items_defaults(&items);
    bad("", "empty path");
    bad("/etc/rules/x", "absolute");
    bad("etc/rules//x", "empty component");
    bad("etc/rules/x/", "empty component");
    bad("etc//rules/x", "empty component");
    bad("etc/rules/", "empty component");
    bad("./etc/rules/x", "\".\"");
    bad("etc/rules/./x", "\".\"");
    bad("etc/rules/../client.keys", "\"..\"");
    bad("../etc/rules/x", "\"..\"");
    bad("etc/rules/..", "\"..\"");
    bad("etc/rules/a\nb", "control");
    bad("etc/rules/a\x1b[2J", "control");
    bad("etc/rules/a\x7f", "control");
    bad("etc/ru\tles/a", "control");
    judge_as("etc/rules/a\0.xml", 16, E_PATH, "control", 0);
    judge_as("etc/client.keys\0x", 17, E_PATH, "control", 0);
}

/* RFC 3629, section 3 and 4: what is no UTF-8. Python's decode() refuses each of them. */
TEST(names_that_are_not_utf8) {
    static const char *const bytes[] = {
        "\x80",     "\xbf",         "\xc0\xaf",         "\xc1\x81",         "\xc3",
        "\xc3(",    "\xe0\x80\xaf", "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xed\xbf\xbf",
        "\xe2\x82", "\xe2\x82(",    "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",     "\xfe",         "\xf0\x9f\x90",     "a\xe9z",           "\xf8\x88\x80\x80\x80"};
    items_defaults(&items);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        char path[64];
        snprintf(path, sizeof path, "etc/rules/%s.xml", bytes[i]);
        bad(path, "UTF-8");
        snprintf(path, sizeof path, "etc/rules/%s", bytes[i]); /* cut off at the end */
        bad(path, "UTF-8");
        snprintf(path, sizeof path, "etc/rules/%s/a", bytes[i]);
        bad(path, "UTF-8");
    }
    good("etc/rules/\xc2\x80", "etc/rules/");
    good("etc/rules/\xdf\xbf", "etc/rules/");
    good("etc/rules/\xe0\xa0\x80", "etc/rules/");
    good("etc/rules/\xed\x9f\xbf", "etc/rules/");
    good("etc/rules/\xee\x80\x80", "etc/rules/");
    good("etc/rules/\xf0\x90\x80\x80", "etc/rules/");
    good("etc/rules/\xf4\x8f\xbf\xbf", "etc/rules/");
}

TEST(lengths) {
    items_defaults(&items);
    char path[PATH_MAX_BYTES + 2];
    /* the longest component is NAME_MAX_BYTES - 1 */
    strcpy(path, "etc/rules/");
    memset(path + 10, 'a', NAME_MAX_BYTES);
    judge_as(path, 10 + NAME_MAX_BYTES - 1, E_OK, "", 3);
    judge_as(path, 10 + NAME_MAX_BYTES, E_PATH, "component longer", 0);
    /* the longest path is PATH_MAX_BYTES - 1 */
    memset(path + 10, 'b', sizeof path - 10);
    for (size_t i = 100; i < PATH_MAX_BYTES - 10; i += 100)
        path[i] = '/';
    judge_as(path, PATH_MAX_BYTES - 1, E_OK, "", 3);
    judge_as(path, PATH_MAX_BYTES, E_PATH, "longer than the limit", 0);
}

TEST(outside_the_items) {
    items_defaults(&items);
    bad("x", "no synchronised folder");
    bad("etc", "no synchronised folder");
    bad("etcx/rules/a", "no synchronised folder");
    bad("queue/cluster/x", "no synchronised folder");
    bad("var/multigroupsx/merged.mg", "no synchronised folder");
    bad("api/configuration/x", "no synchronised folder");
}

/* users' document, section 1F, residual observation: upstream checks the folder only, so that a peer can name
 * any file below "etc/". */
TEST(rules_of_the_item) {
    items_defaults(&items);
    bad("etc/ossec.conf", "excluded file name");
    bad("etc/local_internal_options.conf", "not one of the item's files");
    bad("etc/sub/client.keys", "without subfolders");
    bad("etc/rulesx/a", "without subfolders");
    bad("etc/rules", "not one of the item's files");
    bad("etc/shared/ar.conf", "excluded file name");
    bad("etc/shared/a/ar.conf", "excluded file name");
    bad("etc/rules/x.xml~", "excluded extension");
    bad("etc/rules/~", "excluded extension");
    bad("etc/rules/.x.tmp", "excluded extension");
    bad("etc/rules/x.lock", "excluded extension");
    bad("etc/rules/.x.swp", "excluded extension");
    bad("var/multigroups/a/other.mg", "not one of the item's files");
    bad("var/multigroups/a/merged.mgx", "not one of the item's files");
    bad("etc/rules/a.merged", ".merged");
    bad("etc/rules/a.mergedx", ".merged");
    bad("etc/rules/.merged", ".merged");
    good("etc/rules/merged", "etc/rules/");
    good("etc/rules/a..merge", "etc/rules/");
}

TEST(names_of_picket) {
    items_defaults(&items);
    bad("etc/rules/.picket/1", "staging");
    bad("etc/rules/a/.picket/b/1", "staging");
    bad("etc/rules/.picket", "staging");
    bad("etc/rules/x.picket-new", "staging");
    bad("etc/rules/.picket-new", "staging");
    good("etc/rules/.pickets", "etc/rules/");
    good("etc/rules/x.picket-newer", "etc/rules/");
    good("etc/rules/x.picket-new/a", "etc/rules/");
}

/* A real receiver cuts a package at these texts, wherever they are. */
TEST(separators_of_packages) {
    items_defaults(&items);
    bad("etc/rules/a|//@@//|b", "empty component");
    bad("etc/rules/a|@@//@@|b", "empty component");
    bad("etc/rules/|//@@//|", "empty component");
}

TEST(the_place_of_an_items_folder) {
    items_defaults(&items);
    items.item[0].all_files = items.item[0].recursive = true; /* "etc/" */
    add_item("etc/a/b/");
    bad("etc/rules", "item's folder");
    bad("etc/shared", "item's folder");
    bad("etc/a", "item's folder");
    bad("etc/a/b", "item's folder");
    good("etc/a/c", "etc/");
    good("etc/a/b/c", "etc/a/b/");
    good("etc/rule", "etc/");
}

TEST(depth) {
    items_defaults(&items);
    char path[PATH_MAX_BYTES] = "etc/rules/"; /* level 1 */
    for (unsigned level = 2; level <= SCAN_DEPTH_MAX; level++)
        strcat(path, "d/");
    strcat(path, "f");
    good(path, "etc/rules/");
    path[strlen(path) - 1] = '\0';
    strcat(path, "d/f");
    bad(path, "deeper");
}

TEST(several_files_and_no_items) {
    items_defaults(&items);
    strcpy(items.item[0].files[items.item[0].file_count++], "authd.pass"); /* 5.0 */
    good("etc/authd.pass", "etc/");
    good("etc/client.keys", "etc/");
    bad("etc/authd", "not one");
    items.count = 0;
    bad("etc/client.keys", "no synchronised folder");
}

TEST(what_the_scan_asks) {
    items_defaults(&items);
    CHECK(items_has_file(&items, 0, "client.keys"));
    CHECK(!items_has_file(&items, 0, "ossec.conf"));
    CHECK(!items_has_dir(&items, 0, "shared"));
    CHECK(items_has_file(&items, 3, "x.xml"));
    CHECK(!items_has_file(&items, 3, "x.xml~"));
    CHECK(!items_has_file(&items, 3, "x.merged"));
    CHECK(!items_has_file(&items, 3, "a\nb"));
    CHECK(!items_has_file(&items, 3, "x.picket-new"));
    CHECK(items_has_dir(&items, 3, "old.tmp"));
    CHECK(items_has_dir(&items, 2, "1a2b"));
    CHECK(!items_has_dir(&items, 3, ".picket"));
    CHECK(!items_has_dir(&items, 3, "a\x01"));
}
