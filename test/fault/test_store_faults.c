/* test_store_faults.c - every job of both stores while each system call in turn fails, once or from then on:
 * every job ends exactly once and says why, nothing is left open, and when the trouble is over the same jobs
 * come to the same end. The embedded store also with the process killed before each call: what was answered
 * is there afterwards. */
#include "role/wdb_client.h"
#include "test/harness/fake_wdb.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/store_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INFO_HEAD "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
#define GROUPS_HEAD                                                                                          \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": "

static unsigned open_descriptors(void) {
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct memory_spill spill;

static void begin_blob(struct blob *b) {
    blob_init(b, NULL, 0, NULL, &spill.spill, 1u << 20);
}

static void fill(struct blob *b, const char *text) {
    struct error e;
    blob_reset(b);
    CHECK_INT(blob_append(b, (const uint8_t *)text, strlen(text), &e), E_OK);
}

/* ---- the embedded store: everything a worker and a master do with one ---- */

#define AGENTS 40

static struct store_rig rig;
static char *image; /* of a file with agents that have something to tell */
static size_t image_n;
static char info[AGENTS * 600], groups[AGENTS * 100];
static unsigned descriptors;

static void make_image(void) {
    struct text t;
    store_rig_open(&rig, "image", true, true);
    for (unsigned i = 1; i <= AGENTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "agent%u", i);
        store_rig_agent(&rig, i, name);
        store_rig_report(&rig, i, "old", "syncreq");
        store_rig_groups(&rig, i, "default", true);
    }
    store_rig_close(&rig);
    image = test_read_file("image/queue/db/global.db", &image_n);
    CHECK(image);
    text_init(&t, info, sizeof info);
    text_str(&t, INFO_HEAD "{\"syncreq\":[");
    for (unsigned i = 1; i <= AGENTS; i++)
        text_format(
            &t,
            "%s{\"id\":%u,\"os_name\":\"new\",\"last_keepalive\":1800000000,\"connection_status\":"
            "\"active\",\"group_config_status\":\"synced\",\"disconnection_time\":0,\"status_code\":0}",
            i > 1 ? "," : "", i);
    text_str(&t, "]}}");
    CHECK(!t.cut);
    text_init(&t, groups, sizeof groups);
    text_str(&t, GROUPS_HEAD "[\"[{\\\"data\\\":[");
    for (unsigned i = 1; i <= AGENTS; i++)
        text_format(&t, "%s{\\\"id\\\":%u,\\\"name\\\":\\\"agent%u\\\",\\\"groups\\\":[\\\"web\\\"]}",
                    i > 1 ? "," : "", i, i);
    text_str(&t, "]}]\"]}");
    CHECK(!t.cut);
}

static void note(const char *what) {
    int fd = open(what, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    close(fd);
}

/* One round of all jobs. marks: a file is made after each job that went well, named after it. */
static unsigned work_through(bool marks) {
    static const struct {
        enum store_work work;
        const char *fill;
    } jobs[] = {
        {STORE_INFO_READ, ""},       {STORE_INFO_CONFIRM, NULL}, {STORE_GROUPS_READ, ""},
        {STORE_GROUPS_TOLD, NULL},   {STORE_INFO_WRITE, info},   {STORE_GROUPS_WRITE, groups},
        {STORE_GROUPS_READ_ALL, ""}, {STORE_GROUPS_HASH, ""},    {STORE_GROUPS_RECALCULATE, ""},
    };
    static struct blob blob;
    unsigned good = 0;
    begin_blob(&blob);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        struct store_job j = {0};
        if (jobs[i].fill)
            fill(&blob, jobs[i].fill);
        if (jobs[i].work == STORE_INFO_CONFIRM && !blob.size)
            continue; /* there was nothing, or it failed */
        store_rig_run(&rig, &j, jobs[i].work, &blob);
        if (j.err != E_OK) {
            CHECK(j.why.what[0]);
            CHECK_INT(j.why.code, j.err);
            continue;
        }
        CHECK_INT(j.error_count, 0);
        good++;
        if (marks) {
            char path[300];
            snprintf(path, sizeof path, "%s/done%u", test_dir(), (unsigned)jobs[i].work);
            note(path);
        }
    }
    blob_reset(&blob);
    CHECK_INT(spill.open, 0);
    return good;
}

static void copy_image(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/queue/db/global.db", name);
    test_write_file(path, image, image_n);
    snprintf(path, sizeof path, "%s/%s/queue/db/global.db-journal", test_dir(), name);
    unlink(path);
}

/* Opens without faults, then one round with them. */
static void round_of_jobs(struct faults *f, bool marks) {
    struct error e;
    uint64_t at = f->fail_at;
    copy_image("s");
    f->fail_at = 0;
    CHECK_INT(store_rig_try(&rig, &f->sys, "s", true, true, &e), E_OK);
    f->calls = 0;
    f->fail_at = at;
    work_through(marks);
}

static void embedded_once(void *ctx, struct faults *f) {
    (void)ctx;
    round_of_jobs(f, false);
}

/* Opening looks whether the file is whole. */
static void open_again(void) {
    static struct sys sys;
    struct error e;
    sys_linux_init(&sys);
    CHECK_INT(store_rig_try(&rig, &sys, "s", true, true, &e), E_OK);
}

static void ends_well(void) {
    CHECK(work_through(false) >= 8); /* the ninth, to confirm, only when there was something to tell */
    store_rig_close(&rig);
    open_again();
    CHECK_STR(store_rig_select(&rig, "select count(*), os_name, sync_status, group_sync_status, `group`, "
                                     "group_hash from agent where id > 0 group by 2, 3, 4, 5, 6"),
              "40|new|synced|synced|web|4b5e57f6\n");
    store_rig_close(&rig);
    CHECK_INT(open_descriptors(), descriptors);
}

static void embedded_recovers(void *ctx, struct faults *f) {
    (void)ctx;
    f->fail_at = 0;
    ends_well();
}

static void begin_embedded(void) {
    store_rig_library();
    memory_spill_init(&spill, 1u << 20);
    make_image();
    descriptors = open_descriptors();
}

TEST(each_call_of_the_embedded_store_fails_once) {
    begin_embedded();
    CHECK(faults_sweep(EIO, false, NULL, embedded_once, embedded_recovers) > 30);
}

TEST(the_disk_is_full_from_each_call_on) {
    begin_embedded();
    CHECK(faults_sweep(ENOSPC, true, NULL, embedded_once, embedded_recovers) > 30);
}

/* ---- killed ---- */

static bool was_done(enum store_work work) {
    char path[300];
    snprintf(path, sizeof path, "%s/done%u", test_dir(), (unsigned)work);
    return unlink(path) == 0;
}

static void killed_once(void *ctx, struct faults *f) {
    (void)ctx;
    round_of_jobs(f, true);
}

static void nothing_answered_is_lost(void *ctx) {
    (void)ctx;
    open_again();
    if (was_done(STORE_GROUPS_TOLD))
        CHECK_STR(store_rig_select(&rig, "select count(*) from agent where group_sync_status = 'syncreq'"),
                  "0\n");
    if (was_done(STORE_INFO_WRITE))
        CHECK_STR(store_rig_select(&rig, "select count(*) from agent where os_name = 'new'"), "40\n");
    if (was_done(STORE_GROUPS_WRITE))
        CHECK_STR(store_rig_select(&rig, "select count(*) from agent where `group` = 'web'"), "40\n");
    was_done(STORE_INFO_READ), was_done(STORE_INFO_CONFIRM), was_done(STORE_GROUPS_READ);
    was_done(STORE_GROUPS_READ_ALL), was_done(STORE_GROUPS_HASH), was_done(STORE_GROUPS_RECALCULATE);
    ends_well();
}

TEST(killed_before_each_call) {
    begin_embedded();
    CHECK(faults_kill_sweep(NULL, killed_once, nothing_answered_is_lost) > 30);
}

/* ---- a real wazuh-db ---- */

static struct loop loop;
static struct fake_wdb peer;
static struct wdb_client client;
static struct store_texts texts;

static const char *answer(void *arg, const char *request) {
    static bool more;
    (void)arg;
    if (strncmp(request, "GET ", 4) == 0)
        return "200 {\"syncreq\":[{\"id\":1}]}";
    if (strncmp(request, "POST ", 5) == 0)
        return "200 ";
    if (strstr(request, "\"condition\": \"all\"")) {
        more = !more;
        return more ? "due [{\"data\":[{\"id\":1,\"groups\":[]}]}]"
                    : "ok [{\"data\":[{\"id\":2,\"groups\":[]}]}]";
    }
    if (strncmp(request, "global sync-agent-groups-get", 28) == 0)
        return "ok [{\"data\":[{\"id\":1,\"groups\":[]}],\"hash\":null}]";
    return "ok";
}

static void on_done(void *arg, struct store_job *j) {
    (void)j;
    ++*(unsigned *)arg;
}

static unsigned client_work(struct faults *f) {
    static const struct {
        enum store_work work;
        const char *fill;
    } jobs[] = {
        {STORE_INFO_READ, ""},
        {STORE_INFO_CONFIRM, NULL},
        {STORE_GROUPS_READ, ""},
        {STORE_GROUPS_READ_ALL, ""},
        {STORE_GROUPS_HASH, ""},
        {STORE_INFO_WRITE, INFO_HEAD "{\"syncreq\":[{\"id\":1}]}}"},
        {STORE_GROUPS_WRITE, GROUPS_HEAD "[\"[{\\\"data\\\":[]}]\", \"[{\\\"data\\\":[]}]\"]}"},
        {STORE_GROUPS_RECALCULATE, ""},
        {STORE_TEXT, ""},
    };
    static struct blob blob;
    static char text[] = "global select-groups";
    unsigned good = 0;
    begin_blob(&blob);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        unsigned ended = 0;
        struct store_job j = {.work = jobs[i].work,
                              .blob = &blob,
                              .text = text,
                              .text_n = sizeof text - 1,
                              .done = on_done,
                              .arg = &ended};
        if (jobs[i].fill)
            fill(&blob, jobs[i].fill);
        store_submit(&client.store, &j);
        for (unsigned turns = 0; !ended; turns++) {
            CHECK(turns < 2000);
            loop_turn(&loop, 0);
            fake_wdb_step(&peer);
            f->now_ns += 100000000;
        }
        CHECK_INT(ended, 1);
        CHECK(j.err == E_OK || j.why.what[0]);
        good += j.err == E_OK;
        f->now_ns += WDB_PAUSE_MOST_MS * 1000000ull;
    }
    blob_reset(&blob);
    return good;
}

static void client_once(void *ctx, struct faults *f) {
    (void)ctx;
    f->virtual_time = true;
    f->now_ns = 1000000000;
    loop_init(&loop, &f->sys);
    wdb_client_init(&client, &f->sys, &loop, NULL, test_dir(), true, true, true, &texts, 1u << 20);
    client_work(f);
}

static void client_recovers(void *ctx, struct faults *f) {
    (void)ctx;
    f->fail_at = 0;
    loop.poll_failures = 0;
    client_work(f); /* an answer may be left of a job that was given up */
    CHECK_INT(client_work(f), 9);
    CHECK(!client.store.down);
    wdb_client_fini(&client);
    CHECK_INT(loop.io_count, 0);
    CHECK_INT(loop.timer_count, 0);
    fake_wdb_drop(&peer);
    fake_wdb_step(&peer);
    fake_wdb_drop(&peer);
    CHECK_INT(open_descriptors(), descriptors);
    CHECK_INT(spill.open, 0);
}

static void begin_client(void) {
    memory_spill_init(&spill, 1u << 20);
    fake_wdb_open(&peer, answer, NULL);
    descriptors = open_descriptors();
}

TEST(each_call_to_wazuh_db_fails_once) {
    begin_client();
    CHECK(faults_sweep(EIO, false, NULL, client_once, client_recovers) > 50);
}

TEST(the_connection_is_reset_at_each_call) {
    begin_client();
    CHECK(faults_sweep(ECONNRESET, false, NULL, client_once, client_recovers) > 50);
}

TEST(nothing_works_from_each_call_on) {
    begin_client();
    CHECK(faults_sweep(EIO, true, NULL, client_once, client_recovers) > 50);
}
