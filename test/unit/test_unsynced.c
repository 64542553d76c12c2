/* test_unsynced.c - the table of files that are not in sync: told once, kept while they are marked, bounded.
 */
#include "task/unsynced.h"
#include "test/harness/harness.h"

#include <stdio.h>

static struct unsynced u;

TEST(a_file_is_new_once) {
    CHECK(unsynced_mark(&u, "etc/a", "first reason", 1000));
    CHECK(!unsynced_mark(&u, "etc/a", "another reason", 2000));
    CHECK(unsynced_mark(&u, "etc/b", "why", 2500));
    CHECK_INT(u.count, 2);
    CHECK_STR(u.file[0].path, "etc/a");
    CHECK_STR(u.file[0].why, "another reason"); /* the latest counts */
    CHECK_INT(u.file[0].since_ms, 1000);
    CHECK_INT(u.file[0].seen_ms, 2000);
}

TEST(what_is_not_marked_again_goes) {
    unsynced_mark(&u, "a", "w", 1000);
    unsynced_mark(&u, "b", "w", 2000);
    unsynced_mark(&u, "c", "w", 3000);
    unsynced_mark(&u, "a", "w", 4000);
    unsynced_expire(&u, 12000, 10000); /* just old enough to stay */
    CHECK_INT(u.count, 3);
    unsynced_expire(&u, 12001, 10000);
    CHECK_INT(u.count, 2);
    CHECK_STR(u.file[0].path, "a");
    CHECK_STR(u.file[1].path, "c");
    CHECK_INT(u.file[0].since_ms, 1000);
    CHECK(unsynced_mark(&u, "b", "w", 13000)); /* news again */
    unsynced_expire(&u, 99000, 10000);
    CHECK_INT(u.count, 0);
}

TEST(the_table_is_full) {
    char path[32];
    for (unsigned i = 0; i < UNSYNCED_MAX + 5; i++) {
        snprintf(path, sizeof path, "etc/%u", i);
        CHECK_INT(unsynced_mark(&u, path, "w", 1000 + i), i < UNSYNCED_MAX);
    }
    CHECK_INT(u.count, UNSYNCED_MAX);
    CHECK_INT(u.untold, 5);
    CHECK(!unsynced_mark(&u, "etc/7", "again", 5000)); /* one that is there finds its place */
    CHECK_INT(u.untold, 5);
    CHECK_STR(u.file[7].why, "again");
    unsynced_expire(&u, 5000, 100);
    CHECK_INT(u.count, 1);
    CHECK_STR(u.file[0].path, "etc/7");
    CHECK(unsynced_mark(&u, "etc/70", "w", 5000));
}

TEST(long_texts_are_cut) {
    char path[400], why[400];
    memset(path, 'p', sizeof path), memset(why, 'w', sizeof why);
    path[sizeof path - 1] = why[sizeof why - 1] = '\0';
    memcpy(path + sizeof path - 9, "file.xml", 9);
    CHECK(unsynced_mark(&u, path, why, 1));
    CHECK_INT(strlen(u.file[0].path), UNSYNCED_PATH_BYTES - 1);
    CHECK_STR(u.file[0].path + UNSYNCED_PATH_BYTES - 9, "file.xml"); /* the end tells the most */
    CHECK_INT(strlen(u.file[0].why), UNSYNCED_WHY_BYTES - 1);
    CHECK(!unsynced_mark(&u, path, why, 2));           /* and it is found by it */
    path[sizeof path - 1 - UNSYNCED_PATH_BYTES] = 'x'; /* beyond what is kept */
    CHECK(!unsynced_mark(&u, path, why, 2));
    path[sizeof path - UNSYNCED_PATH_BYTES] = 'x'; /* the first byte of it */
    CHECK(unsynced_mark(&u, path, why, 2));
    path[UNSYNCED_PATH_BYTES - 1] = '\0'; /* just as long as is kept whole */
    CHECK(unsynced_mark(&u, path, "", 2));
    CHECK_STR(u.file[2].path, path);
}
