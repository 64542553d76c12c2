/* test_group_folders.c - the groups of the store follow the folders of etc/shared (wazuh-db's update of
 * groups from that folder; group names as w_auth_validate_groups has them). */
#include "store/group_folders.h"

#include "limits.h"
#include "test/unit/keys_rig.h"

static void folder(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/etc/shared", test_dir());
    mkdir(path, 0770);
    snprintf(path, sizeof path, "%s/etc/shared/%s", test_dir(), name);
    CHECK_INT(mkdir(path, 0770), 0);
}

static void no_folder(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/etc/shared/%s", test_dir(), name);
    CHECK_INT(rmdir(path), 0);
}

static enum err follow(void) {
    return group_folders_follow(&rig.agents, &rig.faults.sys, &rig.log, rig.root, !rig.agents.is_worker,
                                &rig.e);
}

static const char *groups(void) {
    return rig_sql("select name from `group` order by name");
}

static void member(int64_t id, const char *name, const char *group) {
    CHECK_INT(agents_insert(&rig.agents, id, name, NULL, "any", NULL, 0, &rig.e), E_OK);
    CHECK_INT(agents_set_groups(&rig.agents, id, GROUPS_OVERRIDE, &group, 1, false, &rig.e), E_OK);
}

TEST(folders_come_and_go) {
    rig_open(true, 10);
    folder("default");
    folder("web");
    folder("db-1.x");
    test_write_file("etc/shared/ar.conf", "a file", 6);
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "db-1.x default web");
    KEYS_LOG("INFO Followed etc/shared: 3 groups added, 0 removed\n");
    uint64_t commits = rig.db.commits;
    CHECK_INT(follow(), E_OK);
    KEYS_LOG("");
    CHECK_INT(rig.db.commits, commits);
    member(1, "one", "web");
    no_folder("web");
    folder("new");
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "db-1.x default new");
    KEYS_LOG("INFO Followed etc/shared: 1 groups added, 1 removed\n");
    CHECK_STR(rig_sql("select `group`, group_sync_status from agent where id = 1"), "default|syncreq");
}

TEST(names_that_are_none) {
    rig_open(true, 10);
    folder("default");
    folder("a b");
    folder("a'b");
    folder(".hidden");
    folder("a,b");
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default");
}

/* A link is no folder: what it points at is not this node's group. */
TEST(links) {
    rig_open(true, 10);
    folder("default");
    CHECK_INT(symlinkat("default", rig.root, "etc/shared/link"), 0);
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default");
}

/* An empty folder may be a partition that is not mounted. */
TEST(a_tree_that_is_not_the_one) {
    rig_open(true, 10);
    CHECK_INT(follow(), E_GONE);
    CHECK_STR(groups(), "default"); /* it always exists */
    folder("default");
    folder("web");
    CHECK_INT(follow(), E_OK);
    no_folder("web");
    no_folder("default");
    CHECK_INT(follow(), E_CHANGED);
    CHECK_STR(rig.e.what, "etc/shared/default is gone: no group is deleted until it is back");
    CHECK_STR(groups(), "default web");
    unlinkat(rig.root, "etc/shared", AT_REMOVEDIR);
    CHECK_INT(follow(), E_GONE);
    CHECK_STR(groups(), "default web");
    folder("default");
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default");
}

/* The master's word on agents may be earlier or later than its folders. */
TEST(a_worker_keeps_what_agents_are_in) {
    rig_open(false, 10);
    folder("other");
    member(1, "one", "web"); /* made by the master's word */
    CHECK_INT(groups_insert(&rig.agents, "empty", &rig.e), E_OK);
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default other web");
    CHECK_STR(rig_sql("select `group` from agent where id = 1"), "web");
    CHECK_INT(agents_delete(&rig.agents, 1, NULL, &rig.e), E_OK);
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default other");
}

TEST(too_many) {
    char name[24];
    rig_open(true, 10);
    folder("default");
    for (unsigned i = 0; i < GROUPS_MAX + 2; i++) {
        snprintf(name, sizeof name, "g%u", i);
        folder(name);
    }
    CHECK_INT(follow(), E_LIMIT);
    CHECK_STR(rig.e.what,
              "etc/shared has more folders than this board's limit of 1000 groups: 3 are not in the "
              "store");
    CHECK_STR(rig_sql("select count(*) from `group`"), "1000");
}

/* Rows without a folder make room, but only for the next look. */
TEST(too_many_at_first) {
    char name[24];
    rig_open(true, 10);
    folder("default");
    CHECK_INT(follow(), E_OK);
    for (unsigned i = 0; i + 1 < GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "ghost%u", i);
        CHECK_INT(groups_insert(&rig.agents, name, &rig.e), E_OK);
    }
    folder("web");
    CHECK_INT(follow(), E_POOL);
    CHECK_STR(groups(), "default");
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default web");
}

TEST(needing_a_group) {
    rig_open(true, 10);
    folder("default");
    folder("web");
    CHECK_INT(follow(), E_OK);
    CHECK_INT(group_need(&rig.agents, "web", &rig.e), E_OK);
    CHECK_INT(group_need(&rig.agents, "nosuch", &rig.e), E_GONE);
    CHECK_STR(rig.e.what, "there is no group nosuch: make the folder etc/shared/nosuch");
    CHECK_INT(group_need(&rig.agents, "../x", &rig.e), E_VALUE);
    CHECK_INT(group_need(&rig.agents, "", &rig.e), E_VALUE);
}

static void one(void *ctx, struct faults *f) {
    (void)ctx;
    uint64_t at = f->fail_at;
    rig.faults = *f;
    rig.faults.fail_at = 0;
    folder("web");
    rig.faults.calls = 0;
    rig.faults.fail_at = at;
    follow();
    f->calls = rig.faults.calls;
    f->fired = rig.faults.fired;
    rig.faults.fail_at = 0;
}

/* Whatever failed, no transaction is left open and the next call mends it. */
static void check(void *ctx, struct faults *f) {
    (void)ctx, (void)f;
    CHECK(!db_in_transaction(&rig.db));
    CHECK_INT(follow(), E_OK);
    CHECK_STR(groups(), "default web");
    no_folder("web");
    CHECK_INT(follow(), E_OK);
}

TEST(every_call_fails) {
    rig_open(true, 10);
    folder("default");
    CHECK_INT(follow(), E_OK);
    CHECK(faults_sweep(EIO, false, NULL, one, check) > 8);
}
