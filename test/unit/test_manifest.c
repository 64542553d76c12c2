/* test_manifest.c - the table of files: against a plain list of what it should hold, when it is full, when
 * its paths are closed up; the tree hash against Python's numbers; the slot sets. */
#include "base/bytes.h"
#include "fs/manifest.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

static struct manifest *new_manifest(void) {
    struct manifest *m = test_keep(malloc(sizeof *m));
    memset(m, 0xa5, sizeof *m); /* init must not count on zeros */
    manifest_init(m, 0x12345678);
    return m;
}

static struct sys_stat identity(uint64_t n) {
    return (struct sys_stat){
        .dev = 1, .ino = n, .size = n * 3, .mtime_ns = (int64_t)n * 7, .ctime_ns = (int64_t)n * 11};
}

static void hash_of(uint8_t hash[BLAKE2B_BYTES], const char *content) {
    struct blake2b b;
    blake2b_init(&b, BLAKE2B_BYTES);
    blake2b_push(&b, content, strlen(content));
    blake2b_finish(&b, hash);
}

static uint32_t add(struct manifest *m, const char *path, const char *content) {
    uint32_t slot = SLOT_NONE;
    uint8_t hash[BLAKE2B_BYTES];
    struct sys_stat st = identity(1);
    CHECK_INT(manifest_add(m, path, strlen(path), 3, &slot), E_OK);
    if (content) {
        hash_of(hash, content);
        manifest_set(m, slot, hash, &st);
    }
    return slot;
}

TEST(add_find_set_remove) {
    struct manifest *m = new_manifest();
    CHECK_INT(manifest_find(m, "etc/rules/a", 11), SLOT_NONE);
    CHECK_INT(manifest_next(m, 0), SLOT_NONE);
    uint32_t slot = add(m, "etc/rules/a", NULL);
    CHECK_INT(m->entry[slot].state, MANIFEST_NEW);
    CHECK_INT(m->entry[slot].item, 3);
    CHECK_INT(m->count, 1);
    CHECK_INT(m->hashed, 0);
    CHECK_INT(m->version, 0);
    CHECK_INT(manifest_find(m, "etc/rules/a", 11), slot);
    CHECK_INT(manifest_find(m, "etc/rules/ab", 11), slot); /* len counts, not the NUL */
    CHECK_INT(manifest_find(m, "etc/rules/a", 10), SLOT_NONE);
    CHECK_STR(manifest_path(m, slot), "etc/rules/a");
    CHECK_INT(manifest_next(m, 0), SLOT_NONE); /* not hashed yet */

    uint8_t hash[BLAKE2B_BYTES];
    struct sys_stat st = identity(5), other;
    hash_of(hash, "x");
    manifest_set(m, slot, hash, &st);
    CHECK_INT(m->hashed, 1);
    CHECK_INT(m->version, 1);
    CHECK_INT(manifest_next(m, 0), slot);
    CHECK_INT(manifest_next(m, slot + 1), SLOT_NONE);
    CHECK_MEM(m->entry[slot].hash, hash, BLAKE2B_BYTES);
    CHECK(manifest_same(&m->entry[slot], &st));
    other = st, other.size++;
    CHECK(!manifest_same(&m->entry[slot], &other));
    other = st, other.mtime_ns++;
    CHECK(!manifest_same(&m->entry[slot], &other));
    other = st, other.ctime_ns--;
    CHECK(!manifest_same(&m->entry[slot], &other));
    other = st, other.ino++;
    CHECK(!manifest_same(&m->entry[slot], &other));
    other = st, other.dev++;
    CHECK(!manifest_same(&m->entry[slot], &other));
    other = st, other.mode++, other.nlink++; /* owner and mode are not content */
    CHECK(manifest_same(&m->entry[slot], &other));

    st = identity(6); /* touched, same content: no change of content */
    manifest_set(m, slot, hash, &st);
    CHECK(manifest_same(&m->entry[slot], &st));
    CHECK_INT(m->version, 1);
    hash_of(hash, "y");
    manifest_set(m, slot, hash, &st);
    CHECK_INT(m->version, 2);

    manifest_remove(m, slot);
    CHECK_INT(m->version, 3);
    CHECK_INT(m->count, 0);
    CHECK_INT(m->hashed, 0);
    CHECK_INT(manifest_find(m, "etc/rules/a", 11), SLOT_NONE);
    CHECK_INT(add(m, "etc/rules/b", NULL), slot); /* the slot serves again */
    manifest_remove(m, slot);
    CHECK_INT(m->version, 3); /* a file without content is none */
}

TEST(unset_takes_the_content_away) {
    struct manifest *m = new_manifest();
    uint8_t empty[32], tree[32];
    manifest_tree_hash(m, empty);
    uint32_t slot = add(m, "etc/rules/a", "x");
    manifest_unset(m, slot);
    CHECK_INT(m->entry[slot].state, MANIFEST_NEW);
    CHECK_INT(m->hashed, 0);
    CHECK_INT(m->count, 1);
    CHECK_INT(m->version, 2);
    CHECK_INT(manifest_find(m, "etc/rules/a", 11), slot);
    CHECK_INT(manifest_next(m, 0), SLOT_NONE);
    manifest_tree_hash(m, tree);
    CHECK_MEM(tree, empty, 32);
    manifest_unset(m, slot);
    CHECK_INT(m->version, 2);
}

/* Numbers of Python: sum of int.from_bytes(blake2b(path + b"\0" + blake2b(content).digest(),
 * digest_size=32).digest(), "little") modulo 2 ** 256. */
TEST(tree_hash) {
    uint8_t want[32], got[32], zero[32] = {0};
    CHECK(hex_decode(want, "d14c5132db0974cd50d28d5ed2012d5dfdfe5fceb11eafa8579c2d68b118a7af", 32));
    static const char *const files[][2] = {
        {"etc/rules/a.xml", ""}, {"etc/rules/b.xml", "hello"}, {"etc/lists/x", "abc"}};
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    for (int o = 0; o < 3; o++) {
        struct manifest *m = new_manifest();
        manifest_tree_hash(m, got);
        CHECK_MEM(got, zero, 32);
        uint32_t slot[3];
        for (int i = 0; i < 3; i++)
            slot[i] = add(m, files[orders[o][i]][0], files[orders[o][i]][1]);
        manifest_tree_hash(m, got);
        CHECK_MEM(got, want, 32);
        /* there and back again */
        uint8_t hash[BLAKE2B_BYTES];
        struct sys_stat st = identity(1);
        for (int i = 0; i < 3; i++) {
            hash_of(hash, "something else");
            manifest_set(m, slot[i], hash, &st);
            manifest_tree_hash(m, got);
            CHECK(memcmp(got, want, 32) != 0);
            hash_of(hash, files[orders[o][i]][1]);
            manifest_set(m, slot[i], hash, &st);
        }
        manifest_tree_hash(m, got);
        CHECK_MEM(got, want, 32);
        for (int i = 0; i < 3; i++)
            manifest_remove(m, slot[i]);
        manifest_tree_hash(m, got);
        CHECK_MEM(got, zero, 32);
    }
}

/* Many leaves, so that carries run through all words both ways. */
TEST(tree_hash_there_and_back) {
    struct manifest *m = new_manifest();
    uint8_t zero[32] = {0};
    char path[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "etc/rules/%d", i);
        add(m, path, path);
    }
    CHECK(memcmp(m->tree, zero, 32) != 0);
    for (uint32_t slot = 0; slot < 2000; slot++)
        manifest_remove(m, (slot * 7) % 2000);
    CHECK_MEM(m->tree, zero, 32);
}

/* A carry into a word that is all ones goes on to the next. */
TEST(tree_hash_carries) {
    struct manifest *m = new_manifest();
    uint8_t ones[32], want[32];
    memset(ones, 0xff, sizeof ones);
    uint32_t slot = add(m, "etc/rules/a", "x");
    manifest_tree_hash(m, want); /* 2^256 - 1 + leaf is leaf - 1 */
    for (int i = 0; i < 32 && want[i]-- == 0; i++)
        continue;
    manifest_remove(m, slot);
    memcpy(m->tree, ones, sizeof ones);
    slot = add(m, "etc/rules/a", "x");
    CHECK_MEM(m->tree, want, 32);
    manifest_remove(m, slot);
    CHECK_MEM(m->tree, ones, 32);
}

TEST(twenty_thousand_files_and_one_too_many) {
    struct manifest *m = new_manifest();
    char path[128];
    uint32_t slot;
    for (unsigned i = 0; i < FILES_MAX; i++) {
        int len = snprintf(path, sizeof path, "var/multigroups/%06x/merged.mg", i);
        CHECK_INT(manifest_add(m, path, (size_t)len, 2, &slot), E_OK);
        CHECK_INT(slot, i);
    }
    CHECK_INT(m->count, FILES_MAX);
    CHECK_INT(m->refused, 0);
    CHECK_INT(manifest_add(m, "etc/rules/one", 13, 3, &slot), E_SPACE);
    CHECK_INT(manifest_add(m, "etc/rules/two", 13, 3, &slot), E_SPACE);
    CHECK_INT(m->refused, 2);
    CHECK_INT(m->count, FILES_MAX);
    uint32_t longest = 0;
    for (uint32_t b = 0; b < FILES_MAX; b++) {
        uint32_t n = 0;
        for (uint32_t s = m->bucket[b]; s != SLOT_NONE; s = m->entry[s].chain)
            n++;
        longest = n > longest ? n : longest;
    }
    CHECK(longest <= 12); /* 20,000 balls in 20,000 bins: 9 at the most, nearly always */
    for (unsigned i = 0; i < FILES_MAX; i++) {
        int len = snprintf(path, sizeof path, "var/multigroups/%06x/merged.mg", i);
        CHECK_INT(manifest_find(m, path, (size_t)len), i);
    }
    manifest_remove(m, 4711);
    CHECK_INT(manifest_add(m, "etc/rules/one", 13, 3, &slot), E_OK);
    CHECK_INT(slot, 4711);
    CHECK_STR(manifest_path(m, slot), "etc/rules/one");
}

/* Long paths fill the path bytes before the table. */
TEST(path_bytes_full_and_closed_up) {
    struct manifest *m = new_manifest();
    char path[PATH_MAX_BYTES];
    size_t len = PATH_MAX_BYTES - 1;
    uint32_t slot, most = FILES_PATH_BYTES / PATH_MAX_BYTES;
    memset(path, 'p', len);
    path[len] = '\0';
    for (uint32_t i = 0; i < most; i++) {
        snprintf(path, 9, "%08x", i);
        path[8] = 'p';
        CHECK_INT(manifest_add(m, path, len, 1, &slot), E_OK);
    }
    size_t left = FILES_PATH_BYTES - m->paths_used;
    CHECK_INT(manifest_add(m, path, len, 1, &slot), E_SPACE);
    CHECK_INT(m->refused, 1);
    if (left > 1) /* the last bytes can be used to the last */
        CHECK_INT(manifest_add(m, "0123456789abcdef", left - 1 < 16 ? left - 1 : 16, 1, &slot), E_OK);
    for (uint32_t i = 0; i < most; i += 2) /* every second one goes */
        manifest_remove(m, i);
    for (uint32_t i = 0; i < most; i += 2) { /* and comes back under the same name or another */
        snprintf(path, 9, i % 4 ? "%08x" : "x%07x", i);
        path[8] = 'p';
        CHECK_INT(manifest_add(m, path, len, 1, &slot), E_OK);
    }
    CHECK_INT(m->refused, 1);
    for (uint32_t i = 0; i < most; i++) {
        snprintf(path, 9, i % 2 || i % 4 ? "%08x" : "x%07x", i);
        path[8] = 'p';
        slot = manifest_find(m, path, len);
        CHECK(slot != SLOT_NONE);
        CHECK_STR(manifest_path(m, slot), path);
    }
    CHECK_INT(manifest_add(m, path, PATH_MAX_BYTES, 1, &slot), E_SPACE); /* no path is that long */
}

/* The path of a removed file that was added again lies there twice until the gaps are closed. */
TEST(a_path_that_lies_there_twice) {
    struct manifest *m = new_manifest();
    char path[PATH_MAX_BYTES];
    uint32_t slot = 0;
    size_t len = PATH_MAX_BYTES - 1;
    memset(path, 'p', len);
    uint32_t most = FILES_PATH_BYTES / PATH_MAX_BYTES;
    for (uint32_t i = 0; i + 1 < most; i++) {
        snprintf(path, 9, "%08x", i);
        path[8] = 'p';
        CHECK_INT(manifest_add(m, path, len, 1, &slot), E_OK);
    }
    manifest_remove(m, 0);
    snprintf(path, 9, "%08x", 0u);
    path[8] = 'p';
    CHECK_INT(manifest_add(m, path, len, 1, &slot), E_OK); /* behind the others, into the last room */
    CHECK_INT(slot, 0);
    CHECK_INT(m->paths_used, most * PATH_MAX_BYTES);
    manifest_remove(m, 1);
    snprintf(path, 9, "%08x", 0x77u);
    path[8] = 'q';
    CHECK_INT(manifest_add(m, path, len, 1, &slot), E_OK);
    CHECK_INT(m->paths_used, (most - 1) * PATH_MAX_BYTES);
    CHECK_INT(m->paths_waste, 0);
    CHECK_INT(manifest_find(m, path, len), slot);
    CHECK_STR(manifest_path(m, slot), path);
}

/* Random additions and removals against a plain list; paths of very different lengths, so that the path bytes
 * run full again and again. */
TEST(against_a_plain_list) {
    enum { NAMES = 400 };
    struct manifest *m = new_manifest();
    static char name[NAMES][PATH_MAX_BYTES];
    static size_t len[NAMES];
    static uint32_t slot[NAMES];
    uint64_t seed = 1;
    for (int i = 0; i < NAMES; i++) {
        len[i] = (size_t)snprintf(name[i], sizeof name[i], "etc/rules/%d/", i);
        size_t more = (size_t)(test_random(&seed) % (PATH_MAX_BYTES - 32));
        memset(name[i] + len[i], 'a' + i % 26, more);
        len[i] += more;
        slot[i] = SLOT_NONE;
    }
    m->paths_used = FILES_PATH_BYTES - 100000; /* as if the rest of the area were used */
    memset(m->paths, 'x', m->paths_used);
    m->paths[m->paths_used - 1] = '\0';
    uint32_t count = 0, refused = 0, compactions = 0;
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)(test_random(&seed) % NAMES);
        if (slot[i] == SLOT_NONE) {
            uint32_t before = m->paths_used;
            if (manifest_add(m, name[i], len[i], 1, &slot[i]) == E_OK)
                count++;
            else
                refused++;
            if (m->paths_used < before) { /* give the head start back */
                compactions++;
                if (compactions == 1)
                    CHECK(m->paths_used < 110000);
            }
        } else {
            manifest_remove(m, slot[i]);
            slot[i] = SLOT_NONE;
            count--;
        }
        CHECK_INT(m->count, count);
        size_t k = (size_t)(test_random(&seed) % NAMES);
        CHECK_INT(manifest_find(m, name[k], len[k]), slot[k]);
    }
    CHECK(compactions >= 1);
    (void)refused;
    for (int i = 0; i < NAMES; i++)
        if (slot[i] != SLOT_NONE)
            CHECK_MEM(manifest_path(m, slot[i]), name[i], len[i] + 1);
}

TEST(slot_sets) {
    static struct slot_set s;
    memset(&s, 0xa5, sizeof s);
    slot_set_clear(&s);
    CHECK_INT(s.count, 0);
    CHECK_INT(slot_set_next(&s, 0), SLOT_NONE);
    static const uint32_t slots[] = {0, 1, 31, 32, 63, 64, 1000, FILES_MAX - 1};
    enum { N = sizeof slots / sizeof *slots };
    for (int i = N - 1; i >= 0; i--) {
        slot_set_add(&s, slots[i]);
        slot_set_add(&s, slots[i]);
        CHECK_INT(s.count, N - i);
    }
    uint32_t at = 0;
    for (int i = 0; i < N; i++, at++) {
        at = slot_set_next(&s, at);
        CHECK_INT(at, slots[i]);
        CHECK(slot_set_has(&s, at));
    }
    CHECK_INT(slot_set_next(&s, at), SLOT_NONE);
    CHECK(!slot_set_has(&s, 2));
    slot_set_drop(&s, 2);
    CHECK_INT(s.count, N);
    slot_set_drop(&s, 32);
    CHECK(!slot_set_has(&s, 32));
    CHECK_INT(slot_set_next(&s, 32), 63);
    CHECK_INT(s.count, N - 1);
    slot_set_add(&s, FILES_MAX); /* beyond the table: in no set */
    slot_set_add(&s, SLOT_NONE);
    CHECK_INT(s.count, N - 1);
    CHECK(!slot_set_has(&s, SLOT_NONE));
    CHECK_INT(slot_set_next(&s, SLOT_NONE), SLOT_NONE);
}
