/* test_node_faults.c - a whole synchronisation of files in which each system call of one node fails in turn,
 * or is the last one before its power goes: what the worker has is old or new, file by file, nothing else is
 * touched, and the next run without a fault makes the trees the same. */
#include "test/sim/sim.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Content on the worker before, and on the master; NULL: no such file. */
static const struct {
    const char *path, *old, *new;
} files[] = {
    {"etc/client.keys", "001 old any key\n", "001 new any key\n002 second any key\n"},
    {"etc/rules/same.xml", "the same", "the same"},
    {"etc/rules/changed.xml", "old", "new"},
    {"etc/rules/longer.xml", "short", NULL}, /* filled in below */
    {"etc/rules/gone.xml", "to be deleted", NULL},
    {"etc/rules/created.xml", NULL, "created"},
    {"etc/rules/a/b/c.xml", NULL, "in new folders"},
    {"etc/decoders/empty.xml", "was not", ""},
    {"etc/lists/list", "a:b\n", "a:b\nc:d\n"},
    {"etc/shared/gone/agent.conf", "its folder goes too", NULL},
    {"etc/shared/default/agent.conf", "old agent conf", "new agent conf"},
    {"etc/shared/swap", NULL, "a file where a folder was"},
    {"etc/shared/swap/inside", "a folder where a file will be", NULL},
    {"var/multigroups/12/merged.mg", NULL, "mg"},
};
enum { FILES = sizeof files / sizeof *files, LONGER = 3 };
static char longer[60000];

/* What neither side may touch. */
static const struct {
    const char *path, *content;
} others[] = {
    {"etc/ossec.conf", "the configuration"}, {"etc/precious", "nobody's business"}, {"secret", "root"}};
enum { OTHERS = sizeof others / sizeof *others };

static const char *new_of(int i) {
    return i == LONGER ? longer : files[i].new;
}

static void put(const struct sim_node *n, const char *path, const char *content) {
    char below[300];
    snprintf(below, sizeof below, "%s/%s", n->relative, path);
    test_write_file(below, content, strlen(content));
}

static void set_up(struct sim_pair *p) {
    sim_wipe(p->m), sim_wipe(p->w);
    for (int i = 0; i < FILES; i++) {
        if (files[i].old)
            put(p->w, files[i].path, files[i].old);
        if (new_of(i))
            put(p->m, files[i].path, new_of(i));
    }
    for (int i = 0; i < OTHERS; i++)
        put(p->m, others[i].path, others[i].content), put(p->w, others[i].path, others[i].content);
}

static struct sim_pair pair(uint64_t seed) {
    struct sim_pair p = {.sim = sim_new(seed)};
    for (size_t i = 0; i < sizeof longer - 1; i++)
        longer[i] = (char)('a' + test_random(&seed) % 26);
    p.m = sim_add(p.sim, NODE_MASTER, "master");
    p.w = sim_add(p.sim, NODE_WORKER, "w1");
    /* of a wazuh-db that is not there: the calls of the embedded store are test_agents_faults.c's */
    p.m->config.store = p.w->config.store = STORE_WAZUH_DB;
    return p;
}

/* ---- what must always hold ---- */

static bool is_text(const char *is, const char *should) {
    return is && should && strcmp(is, should) == 0;
}

static void check_file(const struct sim_node *n, const char *path, bool is_worker) {
    const char *is = sim_read(n, path);
    for (int i = 0; i < OTHERS; i++)
        if (strcmp(path, others[i].path) == 0) {
            CHECK_STR(is, others[i].content);
            return;
        }
    for (int i = 0; i < FILES; i++)
        if (strcmp(path, files[i].path) == 0) {
            if (is_text(is, new_of(i)) || (is_worker && is_text(is, files[i].old)))
                return;
            test_fail(__FILE__, __LINE__, "%s is neither old nor new: \"%.60s\"", path, is);
        }
    test_fail(__FILE__, __LINE__, "%s was made in %s", path, n->config.node_name);
}

static void check_below(const struct sim_node *n, const char *folder, bool is_worker) {
    char full[600];
    snprintf(full, sizeof full, "%s/%s", n->root, folder);
    DIR *d = opendir(full);
    CHECK(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[400];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "queue") == 0)
            continue;
        snprintf(path, sizeof path, "%s%s%.255s", folder, *folder ? "/" : "", e->d_name);
        if (e->d_type == DT_DIR)
            check_below(n, path, is_worker);
        else
            check_file(n, path, is_worker);
    }
    closedir(d);
}

/* Each file is whole, and there is no other; those that both sides have, and those of nobody, are there. */
static void check_trees(const struct sim_pair *p) {
    check_below(p->m, "", false);
    check_below(p->w, "", true);
    for (int i = 0; i < FILES; i++) {
        CHECK(!new_of(i) || sim_exists(p->m, files[i].path));
        CHECK(!files[i].old || !new_of(i) || sim_exists(p->w, files[i].path));
    }
    for (int i = 0; i < OTHERS; i++)
        CHECK(sim_exists(p->m, others[i].path) && sim_exists(p->w, others[i].path));
}

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* ---- one fault ---- */

static void arm(struct sim_node *n, uint64_t at, int os, bool for_good) {
    n->faults.calls = 0;
    n->faults.fail_at = at;
    n->faults.fail_on = for_good;
    n->faults.os = os;
    n->faults.fired = false;
}

static void disarm(struct sim_node *n) {
    n->faults.fail_at = 0;
}

static bool fired(void *arg) {
    return ((struct sim_node *)arg)->faults.fired;
}

/* A node whose start fails says so and leaves nothing; it is started again when the fault is over. */
static void start(struct sim_node *n) {
    struct error e;
    if (sim_try_start(n, &e) == E_OK)
        return;
    CHECK(n->faults.fired);
    CHECK(e.what[0]);
    disarm(n);
    sim_start(n);
}

/* Without a fault, the trees become the same and both nodes close in order. A journal that could not be
 * removed may have stayed; the next start removes it. */
static void converge(struct sim_pair *p, const char *what, uint64_t n) {
    disarm(p->m), disarm(p->w);
    if (!sim_converges_but_for_leftovers(p->sim, 400000))
        test_fail(__FILE__, __LINE__, "after %s at call %llu the trees stay different: %s", what,
                  (unsigned long long)n, sim_difference(p->sim));
    check_trees(p);
    sim_stop(p->w), sim_stop(p->m);
    if (!sim_leftover(p->w))
        return;
    sim_start(p->w);
    sim_stop(p->w);
    if (sim_leftover(p->w))
        test_fail(__FILE__, __LINE__, "after %s at call %llu the next start leaves %s", what,
                  (unsigned long long)n, sim_leftover(p->w));
}

/* Each call of one node fails once; returns how many there were. */
static uint64_t sweep(bool of_master, int os, uint64_t first, uint64_t step) {
    struct sim_pair p = pair(first);
    struct sim_node *n = of_master ? p.m : p.w;
    int fds = open_fds();
    for (uint64_t at = first;; at += step) {
        set_up(&p);
        arm(n, at, os, false);
        start(p.m), start(p.w);
        sim_until(p.sim, 15000, 5, fired, n);
        check_trees(&p);
        bool hit = n->faults.fired;
        converge(&p, "one failure", at);
        CHECK_INT(open_fds(), fds);
        if (!hit)
            return at;
    }
}

/* From some call on all fail, for a while (a full or broken disk); then the fault is over. */
static uint64_t sweep_for_good(bool of_master, int os, uint64_t step) {
    struct sim_pair p = pair(step);
    struct sim_node *n = of_master ? p.m : p.w;
    int fds = open_fds();
    for (uint64_t at = 1;; at += step) {
        set_up(&p);
        arm(n, at, os, true);
        start(p.m), start(p.w);
        bool hit = sim_until(p.sim, 15000, 5, fired, n);
        sim_run(p.sim, 15000);
        check_trees(&p);
        disarm(n);
        converge(&p, "failures", at);
        CHECK_INT(open_fds(), fds);
        if (!hit)
            return at;
    }
}

/* ---- power cuts ---- */

/* Runs until the node's n-th call; from there on nothing it does reaches the disk, and it is dropped as it
 * is. False: it never came to that call. */
static bool cut_power(struct sim_pair *p, struct sim_node *n, uint64_t at, bool silent) {
    struct error e;
    arm(n, at, EIO, true);
    if (sim_try_start(n, &e) != E_OK) {
        CHECK(n->faults.fired);
        return true;
    }
    for (uint64_t end = sim_ms(p->sim) + 15000; !n->faults.fired && sim_ms(p->sim) < end;)
        sim_step(p->sim, UINT64_MAX);
    bool hit = n->faults.fired;
    sim_kill(n, silent);
    return hit;
}

/* Before each call of the worker the power goes; it comes back, and while the worker puts things in order the
 * power goes once more. */
static uint64_t kill_sweep(uint64_t first, uint64_t step) {
    struct sim_pair p = pair(first);
    uint64_t random = first;
    int fds = open_fds();
    for (uint64_t at = first;; at += step) {
        set_up(&p);
        disarm(p.m);
        sim_start(p.m);
        bool hit = cut_power(&p, p.w, at, at & 1);
        check_trees(&p);
        cut_power(&p, p.w, 1 + test_random(&random) % 100, at & 2);
        check_trees(&p);
        disarm(p.w);
        sim_start(p.w);
        check_trees(&p);
        converge(&p, "a power cut", at);
        CHECK_INT(open_fds(), fds);
        if (!hit)
            return at;
    }
}

TEST(each_call_of_the_worker_fails_EIO_1) {
    CHECK(sweep(false, EIO, 1, 2) > 300);
}

TEST(each_call_of_the_worker_fails_EIO_2) {
    CHECK(sweep(false, EIO, 2, 2) > 300);
}

TEST(each_call_of_the_worker_fails_ENOSPC) {
    CHECK(sweep(false, ENOSPC, 1, 4) > 300);
}

TEST(each_call_of_the_worker_fails_EACCES) {
    CHECK(sweep(false, EACCES, 3, 4) > 300);
}

TEST(each_call_of_the_master_fails_EIO) {
    CHECK(sweep(true, EIO, 1, 1) > 200);
}

TEST(each_call_of_the_master_fails_EACCES) {
    CHECK(sweep(true, EACCES, 1, 4) > 200);
}

TEST(the_workers_disk_is_full_from_some_call_on) {
    CHECK(sweep_for_good(false, ENOSPC, 5) > 300);
}

TEST(the_workers_disk_breaks_at_some_call) {
    CHECK(sweep_for_good(false, EIO, 7) > 300);
}

TEST(the_masters_disk_breaks_at_some_call) {
    CHECK(sweep_for_good(true, EIO, 7) > 200);
}

TEST(the_power_goes_before_each_call_1) {
    CHECK(kill_sweep(1, 2) > 300);
}

TEST(the_power_goes_before_each_call_2) {
    CHECK(kill_sweep(2, 2) > 300);
}
