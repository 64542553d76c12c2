/* test_node_agents_lost.c - agents of whole nodes whose lines break and who die at every moment of a round:
 * nothing that was acknowledged is lost, nothing stays pending for ever, hashes agree again. */
#include "test/sim/sim_agents.h"

#include <stdio.h>

/* ---- told only when the master has it ---- */

/* After every turn of the nodes. */
TEST(no_row_is_marked_before_the_master_has_it) {
    struct sim_pair p = sim_agents_pair_agreed(6, 5, "4.14.7");
    unsigned turns = 0, mixed = 0;
    for (unsigned round = 0; round < 4; round++) {
        char os[16];
        for (unsigned i = 1; i <= 5; i++) {
            snprintf(os, sizeof os, "r%u.%u", round, i);
            sim_report(p.w, i, os);
        }
        while (sim_agents_difference(p.sim)) {
            CHECK(++turns < 20000);
            sim_step(p.sim, UINT64_MAX);
            const char *early = sim_told_too_early(p.w, p.m);
            if (early)
                test_fail(__FILE__, __LINE__, "round %u, turn %u: %s", round, turns, early);
            snprintf(os, sizeof os, "r%u.3", round);
            bool has = strstr(sim_row(p.m, 3, "os_name"), os);
            mixed += has && !strstr(sim_row(p.w, 3, "sync_status"), "synced\n");
            if (has && round == 3) { /* written while the verdict is under way: it stays pending */
                sim_report(p.w, 3, "newer");
                round = 4;
            }
        }
    }
    CHECK_STR(sim_row(p.m, 3, "os_name"), "newer\n");
    CHECK(mixed > 0);
}

/* Something for both synchronisations; returns what the agents 1 + n % 4 and 1 + (n + 1) % 4 say. */
static const char *change(struct sim_pair *p, unsigned n) {
    static char os[24];
    snprintf(os, sizeof os, "change %u", n);
    sim_report(p->w, 1 + n % 4, os);
    sim_report(p->w, 1 + (n + 1) % 4, os);
    sim_set_groups(p->m, 1 + n % 4, n & 1 ? "default" : "web\",\"default");
    sim_set_groups(p->m, 1 + (n + 2) % 4, n & 2 ? "web" : "default");
    return os;
}

/* ---- lines that break ---- */

/* A round each of agent information and agent groups, the line cut after the n-th packet, for every n there
 * is; returns how many. piece: most bytes of a packet, 0: any. */
static uint64_t cut_sweep(enum sim_cut how, uint64_t seed, uint32_t piece, const char *version, uint64_t ms) {
    struct sim_pair p = sim_agents_pair_agreed(seed, 4, version);
    struct sim_line *line = &p.w->host->line;
    line->piece = piece;
    for (uint64_t n = 1;; n++) {
        change(&p, (unsigned)n);
        line->delivered = 0;
        line->cut_at = n;
        line->cut_how = how;
        bool good = sim_agents_agree(p.sim, ms);
        if (!good)
            printf("cut after packet %llu\n", (unsigned long long)n);
        CHECK(good);
        bool fired = line->delivered >= n;
        line->cut_at = 0;
        if (!fired)
            return n;
        CHECK(sim_converges(p.sim, ms)); /* the link stands again */
    }
}

TEST(cut_after_each_packet) {
    CHECK(cut_sweep(SIM_CUT_BOTH, 7, 0, "4.14.7", 150000) > 20);
}

TEST(cut_every_hundred_bytes) {
    CHECK(cut_sweep(SIM_CUT_BOTH, 17, 100, "4.14.7", 150000) > 60);
}

TEST(cut_after_each_packet_4_9) {
    CHECK(cut_sweep(SIM_CUT_BOTH, 8, 0, "4.9.2", 150000) > 20);
}

TEST(cut_after_each_packet_and_only_the_worker_knows) {
    CHECK(cut_sweep(SIM_CUT_OPENER, 9, 0, "4.14.7", 200000) > 20);
}

TEST(cut_after_each_packet_and_only_the_master_knows) {
    CHECK(cut_sweep(SIM_CUT_ACCEPTER, 10, 0, "4.14.7", 400000) > 20);
}

/* ---- nodes that die ---- */

/* One of the nodes dies after the n-th turn of a round, is away for a while and comes back. What its services
 * were told before is acknowledged, so it must reach the other. For every n there is; returns how many. */
static unsigned deaths(bool of_master, uint64_t seed, unsigned step, const char *version) {
    struct sim_pair p = sim_agents_pair_agreed(seed, 4, version);
    struct sim_node *dies = of_master ? p.m : p.w;
    for (unsigned n = 0;; n += step) {
        const char *os = change(&p, n);
        for (unsigned i = 0; i < n; i++)
            sim_step(p.sim, UINT64_MAX);
        bool over = !sim_agents_difference(p.sim);
        sim_kill(dies, n & 1);
        sim_run(p.sim, (n & 4) * 500);
        if (n % 3 == 0) { /* while it is away */
            if (of_master)
                sim_report(p.w, 1 + (n + 2) % 4, os);
            else
                sim_set_groups(p.m, 1 + (n + 1) % 4, n & 4 ? "web" : "default");
        }
        sim_start(dies);
        if (!sim_agents_agree(p.sim, 400000))
            test_fail(__FILE__, __LINE__, "the %s died after turn %u", of_master ? "master" : "worker", n);
        CHECK_INT(strncmp(sim_row(p.m, 1 + n % 4, "os_name"), os, strlen(os)), 0);
        CHECK_INT(strncmp(sim_row(p.m, 1 + (n + 1) % 4, "os_name"), os, strlen(os)), 0);
        if (over)
            return n;
    }
}

TEST(the_worker_dies_after_each_turn) {
    CHECK(deaths(false, 11, 1, "4.14.7") > 20);
}

TEST(the_worker_dies_after_some_turns_4_9) {
    CHECK(deaths(false, 12, 3, "4.9.2") > 20);
}

TEST(the_master_dies_after_each_turn) {
    CHECK(deaths(true, 13, 1, "4.14.7") > 20);
}

TEST(the_master_dies_after_some_turns_4_9) {
    CHECK(deaths(true, 14, 3, "4.9.2") > 20);
}

/* They stop in good order at any turn, too, and leave nothing (sim_stop looks). */
TEST(nodes_stop_at_any_turn_of_a_round) {
    struct sim_pair p = sim_agents_pair(15, 300, "4.14.7");
    p.m->config.intervals.agent_group_start_delay_ms = 3000;
    for (unsigned n = 0; n < 150; n++) {
        char os[24];
        sim_start(p.m), sim_start(p.w);
        sim_run(p.sim, 2500);
        snprintf(os, sizeof os, "stop %u", n);
        if (n > 1)
            sim_report_all(p.w, 1, 300, os);
        sim_set_groups(p.m, 1 + n % 3, n & 1 ? "web" : "default");
        sim_run(p.sim, n % 3 * 4000);
        for (unsigned i = 0; i < n; i++)
            sim_step(p.sim, UINT64_MAX);
        sim_stop(n & 1 ? p.w : p.m);
        sim_run(p.sim, n & 2 ? 1000 : 0);
        sim_stop(n & 1 ? p.m : p.w);
        if (n == 0) {
            sim_start(p.m), sim_start(p.w);
            CHECK(sim_converges(p.sim, 30000));
            CHECK(sim_agents_agree(p.sim, 60000));
            sim_stop(p.m), sim_stop(p.w);
        }
    }
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_agents_agree(p.sim, 100000));
    CHECK_STR(sim_select(p.m, "select os_name, count(*) from agent where id > 0 group by 1"), "stop 149|300\n");
}
