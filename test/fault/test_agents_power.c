/* test_agents_power.c - agents of two whole nodes, one of which loses its power during a round, before each
 * of its calls: its database opens again, what was acknowledged to its services reaches the other, hashes
 * agree again. Once with every write on disk as it was made, once with what was not flushed lost, or lost in
 * part.
 */
#include "test/harness/power.h"
#include "test/sim/sim_agents.h"

#include <stdio.h>

#define AGENTS 12u

static void need_agreement(struct sim_pair *p, uint64_t at) {
    if (!sim_agents_agree(p->sim, 400000))
        test_fail(__FILE__, __LINE__, "after call %llu agents stay different", (unsigned long long)at);
}

/* ---- all that was written is there ---- */

/* The power goes before the n-th call; nothing from there on reaches the disk. Returns how many there are. */
static uint64_t kill_sweep(uint64_t seed, bool of_master, uint64_t first, uint64_t step,
                           const char *version) {
    struct sim_pair p = sim_agents_pair_agreed(seed, AGENTS, version);
    struct sim_node *n = of_master ? p.m : p.w;
    struct faults *f = &n->faults;
    for (uint64_t at = first;; at += step) {
        sim_agents_change(&p, AGENTS, at);
        f->calls = 0;
        f->fail_at = at;
        f->fail_on = true;
        f->fired = false;
        for (uint64_t end = sim_ms(p.sim) + 12000; !f->fired && sim_ms(p.sim) < end;)
            sim_step(p.sim, UINT64_MAX);
        bool fired = f->fired;
        sim_kill(n, at & 1);
        f->fail_at = 0;
        sim_run(p.sim, at % 3 * 3000);
        sim_start(n);
        CHECK(sim_store_is_open(n));
        need_agreement(&p, at);
        sim_agents_check(&p, AGENTS, at);
        if (!fired)
            return at;
    }
}

TEST(the_workers_power_goes_before_each_call) {
    CHECK(kill_sweep(1, false, 1, 2, "4.14.7") > 100);
}

TEST(the_workers_power_goes_before_each_call_4_9) {
    CHECK(kill_sweep(2, false, 2, 2, "4.9.2") > 100);
}

TEST(the_masters_power_goes_before_each_call) {
    CHECK(kill_sweep(3, true, 1, 2, "4.14.7") > 100);
}

TEST(the_masters_power_goes_before_each_call_4_9) {
    CHECK(kill_sweep(4, true, 2, 2, "4.9.2") > 100);
}

/* ---- what was not flushed is lost ---- */

static struct power power;

static void power_end(void *arg) {
    (void)arg;
    power_fini(&power);
}

static void start_over_power(struct sim_node *n, enum power_luck luck, uint64_t seed) {
    char folder[300];
    snprintf(folder, sizeof folder, "%s/queue/db", n->root);
    power_fini(&power);
    power_init_over(&power, &n->net_sys, folder, seed);
    power.luck = luck;
    n->sys = &power.sys;
    sim_start(n);
    CHECK(sim_store_is_open(n));
}

/* The machine stops at the n-th call that changes queue/db. */
static uint64_t power_sweep(uint64_t seed, bool of_master, enum power_luck luck, const char *version) {
    struct sim_pair p = sim_agents_pair_agreed(seed, AGENTS, version);
    struct sim_node *n = of_master ? p.m : p.w;
    test_at_end(power_end, NULL);
    sim_stop(n);
    start_over_power(n, luck, seed);
    for (uint64_t at = 1;; at++) {
        need_agreement(&p, at - 1); /* also after the last cut */
        if (at > 1)
            sim_agents_check(&p, AGENTS, at - 1);
        sim_agents_change(&p, AGENTS, at);
        power.cut_at = power.calls + at;
        for (uint64_t end = sim_ms(p.sim) + 12000; !power.cut && sim_ms(p.sim) < end;)
            sim_step(p.sim, UINT64_MAX);
        bool fired = power.cut;
        power.cut = true;
        sim_kill(n, at & 1);
        power_restore(&power);
        start_over_power(n, luck, seed + at);
        if (!fired) {
            need_agreement(&p, at);
            return at;
        }
    }
}

TEST(the_worker_loses_what_was_not_flushed) {
    CHECK(power_sweep(5, false, POWER_LOSES_ALL, "4.14.7") > 10);
}

TEST(the_worker_loses_some_of_what_was_not_flushed) {
    CHECK(power_sweep(6, false, POWER_LOSES_SOME, "4.14.7") > 10);
}

TEST(the_master_loses_what_was_not_flushed) {
    CHECK(power_sweep(7, true, POWER_LOSES_ALL, "4.9.2") > 10);
}

TEST(the_master_loses_some_of_what_was_not_flushed) {
    CHECK(power_sweep(8, true, POWER_LOSES_SOME, "4.9.2") > 10);
}
