/* test_agents_faults.c - agents of two whole nodes while each system call of one of them fails in turn, once
 * or for a while: what was acknowledged to its services reaches the other, nothing counts as told before it
 * is, hashes agree again. A store that cannot be opened stops nothing else. */
#include "test/sim/sim_agents.h"

#include <dirent.h>
#include <stdio.h>

#define AGENTS 12u

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

struct fault {
    bool of_master, for_good, disk_only;
    int os;
};

static void arm(struct sim_node *n, uint64_t at, const struct fault *f) {
    n->faults.calls = 0;
    n->faults.fail_at = at;
    n->faults.fail_on = f->for_good;
    n->faults.disk_only = f->disk_only;
    n->faults.os = f->os;
    n->faults.fired = false;
}

static void disarm(struct sim_node *n) {
    n->faults.fail_at = 0;
}

static void need_agreement(struct sim_pair *p, uint64_t at) {
    if (!sim_agents_agree(p->sim, 400000))
        test_fail(__FILE__, __LINE__, "after call %llu agents stay different", (unsigned long long)at);
}

/* What a service is told while calls fail: true when it was acknowledged. */
static bool told_meanwhile(struct sim_pair *p, const struct fault *f, uint64_t round) {
    if (f->of_master)
        return sim_store_is_open(p->m) &&
               strncmp(sim_ask(p->m,
                               "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\","
                               "\"data\":[{\"id\":2,\"groups\":[\"%s\"]}]}",
                               round & 1 ? "web" : "default"),
                       "ok", 2) == 0;
    return sim_store_is_open(p->w) &&
           strncmp(
               sim_ask(
                   p->w,
                   "global update-agent-data {\"id\":2,\"os_name\":\"late\",\"version\":\"v\","
                   "\"config_sum\":\"c\",\"merged_sum\":\"m\",\"manager_host\":\"h\",\"node_name\":\"w1\","
                   "\"agent_ip\":\"any\",\"group_config_status\":\"synced\",\"connection_status\":"
                   "\"active\",\"sync_status\":\"syncreq\",\"labels\":\"\"}"),
               "ok", 2) == 0;
}

static void check_meanwhile(struct sim_pair *p, const struct fault *f, uint64_t round) {
    if (f->of_master)
        CHECK_STR(sim_row(p->w, 2, "`group`"), round & 1 ? "web\n" : "default\n");
    else
        CHECK_STR(sim_row(p->m, 2, "os_name"), "late\n");
}

/* The fault has come, or all is done without it. */
static bool is_over(void *arg) {
    const struct sim_node *n = arg;
    return n->faults.fired || !sim_agents_difference(n->sim);
}

/* ---- nodes that run: a round in which calls fail ---- */

/* Returns how many calls the node makes in a round. */
static uint64_t sweep(uint64_t seed, struct fault f, uint64_t first, uint64_t step, const char *version) {
    struct sim_pair p = sim_agents_pair_agreed(seed, AGENTS, version);
    struct sim_node *n = f.of_master ? p.m : p.w;
    for (uint64_t at = first;; at += step) {
        bool acknowledged = false;
        sim_agents_change(&p, AGENTS, at);
        arm(n, at, &f);
        sim_until(p.sim, 12000, 500, is_over, n);
        bool over = !n->faults.fired;
        if (f.for_good && n->faults.fired) {
            acknowledged = told_meanwhile(&p, &f, at);
            sim_run(p.sim, at % 4 * 10000);
        }
        disarm(n);
        need_agreement(&p, at);
        if (acknowledged)
            check_meanwhile(&p, &f, at);
        else if (!f.for_good)
            sim_agents_check(&p, AGENTS, at);
        if (over)
            return at;
    }
}

TEST(each_call_of_the_worker_fails_EIO) {
    CHECK(sweep(1, (struct fault){.os = EIO}, 1, 1, "4.14.7") > 100);
}

TEST(each_call_of_the_worker_fails_ENOSPC_4_9) {
    CHECK(sweep(2, (struct fault){.os = ENOSPC}, 1, 3, "4.9.2") > 100);
}

TEST(each_call_of_the_master_fails_EIO) {
    CHECK(sweep(3, (struct fault){.os = EIO, .of_master = true}, 1, 1, "4.14.7") > 100);
}

TEST(each_call_of_the_master_fails_ENOSPC_4_9) {
    CHECK(sweep(4, (struct fault){.os = ENOSPC, .of_master = true}, 2, 2, "4.9.2") > 100);
}

TEST(the_workers_disk_is_full_from_each_call_on) {
    CHECK(sweep(5, (struct fault){.os = ENOSPC, .for_good = true, .disk_only = true}, 1, 3, "4.14.7") > 30);
}

TEST(the_workers_disk_breaks_at_each_call) {
    CHECK(sweep(6, (struct fault){.os = EIO, .for_good = true, .disk_only = true}, 2, 3, "4.14.7") > 30);
}

TEST(the_masters_disk_is_full_from_each_call_on) {
    CHECK(sweep(7, (struct fault){.os = ENOSPC, .for_good = true, .disk_only = true, .of_master = true}, 1, 2,
                "4.14.7") > 30);
}

TEST(the_masters_disk_breaks_at_each_call) {
    CHECK(sweep(8, (struct fault){.os = EIO, .for_good = true, .disk_only = true, .of_master = true}, 2, 2,
                "4.14.7") > 30);
}

TEST(all_calls_of_the_worker_fail_from_one_on) {
    CHECK(sweep(9, (struct fault){.os = EIO, .for_good = true}, 1, 5, "4.14.7") > 100);
}

TEST(all_calls_of_the_master_fail_from_one_on) {
    CHECK(sweep(10, (struct fault){.os = EIO, .for_good = true, .of_master = true}, 1, 5, "4.14.7") > 100);
}

/* ---- nodes that start ---- */

static bool is_served(void *arg) {
    const struct sim_node *n = arg;
    return sim_store_is_open(n) && n->node->agent_store.server_is_open;
}

static bool has_fired(void *arg) {
    return ((struct sim_node *)arg)->faults.fired;
}

/* The other one runs; the node starts, and its n-th call fails, there or within some seconds. */
enum when { AT_THE_START, LATER, NEVER };

static enum when start_with_fault(struct sim_pair *p, struct sim_node *n, uint64_t at, int os,
                                  bool *refused) {
    const struct fault f = {.os = os};
    struct error e;
    enum when when = AT_THE_START;
    sim_start(n == p->m ? p->w : p->m);
    arm(n, at, &f);
    *refused = sim_try_start(n, &e) != E_OK;
    if (*refused) {
        CHECK(n->faults.fired && e.what[0]);
        disarm(n);
        sim_start(n);
    } else if (!n->faults.fired) {
        when = sim_until(p->sim, 13000, 100, has_fired, n) ? LATER : NEVER;
    }
    disarm(n);
    return when;
}

/* How often the node refuses to start when each call of that fails. */
static unsigned refusals(struct sim_node *n, enum store_choice store, int os) {
    unsigned count = 0;
    struct error e;
    n->config.store = store;
    for (uint64_t at = 1;; at++) {
        const struct fault f = {.os = os};
        arm(n, at, &f);
        bool started = sim_try_start(n, &e) == E_OK, fired = n->faults.fired;
        count += !started;
        disarm(n);
        if (started)
            sim_stop(n);
        if (!fired)
            return count;
    }
}

/* What did not open is opened later, and everything comes together. */
static void start_sweep(uint64_t seed, bool of_master, int os) {
    struct sim_pair p = sim_agents_pair_agreed(seed, 3, "4.14.7");
    struct sim_node *n = of_master ? p.m : p.w;
    unsigned refused = 0;
    enum when when = AT_THE_START;
    sim_stop(p.w), sim_stop(p.m);
    int fds = open_fds();
    for (uint64_t at = 1; when != NEVER; at += when == LATER ? 9 : 1) {
        bool not_started;
        sim_write_keys(p.m, 1, 3 + at % 2);
        when = start_with_fault(&p, n, at, os, &not_started);
        refused += not_started;
        if (!sim_until(p.sim, 40000, 500, is_served, n))
            test_fail(__FILE__, __LINE__, "after call %llu there is no store", (unsigned long long)at);
        CHECK(sim_converges_but_for_leftovers(p.sim, 60000));
        sim_agents_change(&p, 3, at);
        need_agreement(&p, at);
        CHECK_STR(sim_select(p.w, "select count(*) from agent where id > 0"), at % 2 ? "4\n" : "3\n");
        CHECK_INT(strncmp(sim_row(p.m, 3, "os_name"), "round", 5), 0);
        if (!sim_converges_but_for_leftovers(p.sim, 60000))
            test_fail(__FILE__, __LINE__, "call %llu: %s", (unsigned long long)at, sim_difference(p.sim));
        sim_stop(p.w), sim_stop(p.m);
        CHECK_INT(open_fds(), fds);
    }
    CHECK(refused > 5); /* the embedded store is no further reason to */
    CHECK_INT(refused, refusals(n, STORE_WAZUH_DB, os));
}

TEST(each_call_of_a_starting_worker_fails) {
    start_sweep(15, false, EIO);
}

TEST(each_call_of_a_starting_master_fails) {
    start_sweep(16, true, EIO);
}
