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
    struct sim_pair p = sim_agents_pair(15, 200, "4.14.7");
    p.m->config.intervals.agent_group_start_delay_ms = 3000;
    for (unsigned n = 0; n < 100; n++) {
        char os[24];
        sim_start(p.m), sim_start(p.w);
        sim_run(p.sim, 2500);
        snprintf(os, sizeof os, "stop %u", n);
        if (n > 1)
            sim_report_all(p.w, 1, 200, os);
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
    CHECK_STR(sim_select(p.m, "select os_name, count(*) from agent where id > 0 group by 1"),
              "stop 99|200\n");
}

/* ---- everything at once ---- */

enum { WORKERS = 3, CROWD = 30 };

struct chaos {
    struct sim *sim;
    struct sim_node *m, *w[WORKERS];
    uint64_t random;
    char os[CROWD + 1][24], groups[CROWD + 1][24]; /* last acknowledged; "" unknown */
};

static unsigned below(struct chaos *c, unsigned n) {
    return (unsigned)(test_random(&c->random) % n);
}

static struct sim_node *any(struct chaos *c) {
    unsigned i = below(c, WORKERS + 1);
    return i == WORKERS ? c->m : c->w[i];
}

/* Each agent reports to a worker of its own. A refusal may leave the old or the new. */
static void an_agent_reports(struct chaos *c) {
    unsigned id = 1 + below(c, CROWD);
    struct sim_node *w = c->w[id % WORKERS];
    if (!sim_store_is_open(w) || strncmp(sim_ask(w, "global get-agent-info %u", id), "ok [{", 5) != 0)
        return;
    snprintf(c->os[id], sizeof c->os[id], "os %u", below(c, 1000000));
    const char *reply = sim_ask(
        w,
        "global update-agent-data {\"id\":%u,\"os_name\":\"%s\",\"version\":\"v\",\"config_sum\":\"c\","
        "\"merged_sum\":\"m\",\"manager_host\":\"h\",\"node_name\":\"%s\",\"agent_ip\":\"any\","
        "\"group_config_status\":\"synced\",\"connection_status\":\"active\",\"sync_status\":\"syncreq\","
        "\"labels\":\"\"}",
        id, c->os[id], w->config.node_name);
    if (strcmp(reply, "ok") != 0)
        c->os[id][0] = '\0';
}

static void groups_change(struct chaos *c) {
    static const char *const json[] = {"default", "web", "web\",\"default"}, *const csv[] = {"default", "web",
                                                                                             "web,default"};
    unsigned id = 1 + below(c, CROWD), which = below(c, 3);
    if (!sim_store_is_open(c->m) || strncmp(sim_ask(c->m, "global get-agent-info %u", id), "ok [{", 5) != 0)
        return;
    const char *reply = sim_ask(c->m,
                                "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\","
                                "\"data\":[{\"id\":%u,\"groups\":[\"%s\"]}]}",
                                id, json[which]);
    strcpy(c->groups[id], strcmp(reply, "ok") == 0 ? csv[which] : "");
}

static void a_call_fails(struct chaos *c) {
    struct faults *f = &any(c)->faults;
    f->fail_at = f->calls + 1 + below(c, 60);
    f->fail_on = below(c, 4) == 0;
    f->disk_only = f->fail_on;
    f->os = below(c, 2) ? EIO : ENOSPC;
}

static void calls_work(struct chaos *c) {
    c->m->faults.fail_at = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        c->w[i]->faults.fail_at = 0;
}

static void a_node_goes_or_comes(struct chaos *c) {
    struct sim_node *n = any(c);
    struct error e;
    if (!n->node)
        sim_try_start(n, &e); /* with calls that fail it may not */
    else if (below(c, 3))
        sim_kill(n, below(c, 2));
    else
        sim_stop(n);
}

static void lines_change(struct chaos *c) {
    struct sim_line *l = &c->w[below(c, WORKERS)]->host->line;
    unsigned what = below(c, 5);
    l->refuse = what == 0;
    l->hole = what == 1;
    l->piece = what == 2 ? 1 + below(c, 300) : 0;
    l->bytes_per_s = what == 3 ? 20000 : 0;
    if (what < 4)
        sim_net_cut(&c->sim->net, c->w[below(c, WORKERS)]->host, (enum sim_cut)below(c, 3));
}

static void keys_change(struct chaos *c) {
    sim_write_keys(c->m, 1, CROWD + below(c, 5));
}

static void a_clock_jumps(struct chaos *c) {
    any(c)->host->wall_shift_ns = ((int64_t)below(c, 2000) - 1000) * 3600 * 1000000000;
}

/* All slots of a pool are taken, and given back later. */
static void a_pool_runs_out(struct chaos *c) {
    static const enum pool_id ids[] = {POOL_windows, POOL_xfer_senders, POOL_xfer_strings, POOL_messages};
    struct sim_node *n = any(c);
    if (!n->node)
        return;
    struct pool *pool = &n->node->pools[ids[below(c, 4)]];
    void *slot[256];
    unsigned count = 0;
    while (count < 256 && (slot[count] = pool_take(pool)) != NULL)
        count++;
    sim_run(c->sim, below(c, 15000));
    while (count > 0)
        pool_give(pool, slot[--count]);
}

static void anything(struct chaos *c) {
    switch (below(c, 17)) {
    case 0:
        a_call_fails(c);
        break;
    case 1:
        calls_work(c);
        break;
    case 2:
        a_node_goes_or_comes(c);
        break;
    case 3:
    case 4:
        lines_change(c);
        break;
    case 5:
        keys_change(c);
        break;
    case 6:
        a_clock_jumps(c);
        break;
    case 7:
        a_pool_runs_out(c);
        break;
    case 8:
    case 9:
    case 10:
        groups_change(c);
        break;
    default:
        an_agent_reports(c);
        break;
    }
    sim_run(c->sim, below(c, 3) ? below(c, 200) : below(c, 9000));
}

static void heal(struct chaos *c) {
    calls_work(c);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct sim_line *l = &c->w[i]->host->line;
        l->refuse = l->hole = false;
        l->piece = 0;
        l->bytes_per_s = 0;
        if (!c->w[i]->node)
            sim_start(c->w[i]);
    }
    if (!c->m->node)
        sim_start(c->m);
}

static void check_all(struct chaos *c) {
    for (unsigned id = 1; id <= CROWD; id++) {
        char want[64];
        snprintf(want, sizeof want, "%s\n", c->os[id]);
        if (c->os[id][0])
            CHECK_STR(sim_row(c->m, id, "os_name"), want);
        snprintf(want, sizeof want, "%s\n", c->groups[id]);
        for (unsigned i = 0; i < WORKERS && c->groups[id][0]; i++)
            CHECK_STR(sim_row(c->w[i], id, "`group`"), want);
    }
}

static void everything_at_once(uint64_t seed) {
    static struct chaos c;
    memset(&c, 0, sizeof c);
    c.sim = sim_new(seed);
    c.random = seed;
    c.m = sim_add(c.sim, NODE_MASTER, "master");
    sim_fill(c.m);
    sim_write_keys(c.m, 1, CROWD);
    for (unsigned i = 0; i < WORKERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", i);
        c.w[i] = sim_add(c.sim, NODE_WORKER, name);
    }
    for (unsigned round = 0; round < 6; round++) {
        heal(&c);
        if (!sim_agents_agree(c.sim, 600000))
            test_fail(__FILE__, __LINE__, "seed %llu, round %u", (unsigned long long)seed, round);
        check_all(&c);
        for (unsigned i = 0; i < 150; i++)
            anything(&c);
    }
    heal(&c);
    CHECK(sim_agents_agree(c.sim, 600000));
    check_all(&c);
}

TEST(everything_at_once_1) {
    everything_at_once(101);
}

TEST(everything_at_once_2) {
    everything_at_once(102);
}

TEST(everything_at_once_3) {
    everything_at_once(103);
}
