/* test_node_api_lost.c - requests of the API and registrations whose nodes and lines are lost on the way, at
 * every packet and every turn: whoever asked hears one thing, an answer or an error, and nothing of it is
 * left anywhere; then everything at once. */
#include "test/sim/sim_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* All routes work, and nothing is left. */
static void check_well(struct sim_cluster *c, const char *what, uint64_t n) {
    struct sim_program *p[SIM_API_WORKERS + 1] = {sim_asks_all(c, c->m)};
    char total[64];
    for (uint32_t i = 0; i < c->workers; i++)
        p[i + 1] = sim_asks_all(c, c->w[i]);
    if (!sim_programs_end(c->sim, 20000))
        test_fail(__FILE__, __LINE__, "after %s at %llu a request hears nothing", what,
                  (unsigned long long)n);
    snprintf(total, sizeof total, "\"total_affected_items\": %u", c->workers + 1);
    for (uint32_t i = 0; i <= c->workers; i++) {
        sim_says(p[i], total);
        sim_program_end(c->sim, p[i]);
    }
    sim_check_idle(c->sim, what, n);
}

/* A registration that was told to have failed may have been done: asked again, the worker's program hears
 * that the name is taken, or the key. One that was answered with a key is in the master's file. */
static void check_registered(struct sim_cluster *c, struct sim_program *p, const char *name) {
    char line[40];
    snprintf(line, sizeof line, " %s any ", name);
    if (p->end != PROGRAM_ANSWERED) {
        sim_program_end(c->sim, p);
        p = sim_program(c->w[0]);
        program_adds_agent(p, name);
        CHECK(sim_programs_end(c->sim, 20000));
        CHECK(p->end == PROGRAM_ANSWERED);
        CHECK(strstr(p->text, "\"error\":0") || strstr(p->text, "\"error\":9008"));
    }
    CHECK(strstr(sim_read(c->m, "etc/client.keys"), line));
    sim_program_end(c->sim, p);
}

/* ---- lines that break ---- */

/* The line of w1 is cut after the n-th packet of a request of all nodes, for every n there is; returns how
 * many. at_worker: a program of w1 asks, else one of the master. */
static uint64_t cut_sweep(enum sim_cut how, bool at_worker, uint64_t seed, uint32_t piece) {
    struct sim_cluster c = sim_cluster(seed, 2, 3);
    struct sim_line *line = &c.w[0]->host->line;
    unsigned answers = 0, errors = 0;
    line->piece = piece;
    for (uint64_t n = 1;; n++) {
        struct sim_program *p = sim_asks_all(&c, at_worker ? c.w[0] : c.m);
        line->delivered = 0;
        line->cut_at = n;
        line->cut_how = how;
        sim_programs_end(c.sim, SIM_API_MOST_MS);
        sim_check_heard(p, false, "the line was cut", n);
        bool fired = line->delivered >= n;
        answers += p->end == PROGRAM_ANSWERED;
        errors += p->end != PROGRAM_ANSWERED || strstr(p->text, "\"code\": 30");
        line->cut_at = 0;
        sim_program_end(c.sim, p);
        sim_check_idle(c.sim, "the line was cut", n);
        sim_cluster_joins(&c);
        if (!fired) {
            CHECK(answers && errors);
            check_well(&c, "the line was cut", n);
            return n;
        }
    }
}

TEST(cut_at_each_packet_of_a_request_of_the_master) {
    CHECK(cut_sweep(SIM_CUT_BOTH, false, 1, 0) > 5);
}

TEST(cut_at_each_packet_of_a_request_of_a_worker) {
    CHECK(cut_sweep(SIM_CUT_BOTH, true, 2, 0) > 10);
}

TEST(cut_every_hundred_bytes) {
    CHECK(cut_sweep(SIM_CUT_BOTH, true, 3, 100) > 50);
}

TEST(cut_and_only_the_worker_knows) {
    CHECK(cut_sweep(SIM_CUT_OPENER, false, 4, 0) > 5);
}

TEST(cut_and_only_the_worker_knows_who_asked) {
    CHECK(cut_sweep(SIM_CUT_OPENER, true, 5, 0) > 10);
}

TEST(cut_and_only_the_master_knows_who_asked) {
    CHECK(cut_sweep(SIM_CUT_ACCEPTER, false, 6, 0) > 5);
}

TEST(cut_and_only_the_master_knows) {
    CHECK(cut_sweep(SIM_CUT_ACCEPTER, true, 7, 0) > 10);
}

/* ---- registrations ---- */

static uint64_t registration_sweep(enum sim_cut how, uint64_t seed, uint32_t piece) {
    struct sim_cluster c = sim_cluster(seed, 1, 3);
    struct sim_line *line = &c.w[0]->host->line;
    unsigned answers = 0, errors = 0;
    line->piece = piece;
    for (uint64_t n = 1;; n++) {
        struct sim_program *p = sim_program(c.w[0]);
        char name[24];
        snprintf(name, sizeof name, "cut%u", (unsigned)n);
        program_adds_agent(p, name);
        line->delivered = 0;
        line->cut_at = n;
        line->cut_how = how;
        sim_programs_end(c.sim, SIM_API_MOST_MS);
        sim_check_heard(p, false, "a registration was cut", n);
        bool fired = line->delivered >= n;
        line->cut_at = 0;
        answers += p->end == PROGRAM_ANSWERED;
        errors += p->end == PROGRAM_TOLD;
        sim_cluster_joins(&c);
        check_registered(&c, p, name);
        sim_check_idle(c.sim, "a registration was cut", n);
        if (!fired) {
            CHECK(answers && errors);
            return n;
        }
    }
}

TEST(cut_at_each_packet_of_a_registration) {
    CHECK(registration_sweep(SIM_CUT_BOTH, 8, 0) > 4);
}

TEST(cut_every_forty_bytes_of_a_registration) {
    CHECK(registration_sweep(SIM_CUT_BOTH, 9, 40) > 20);
}

TEST(a_registration_is_cut_and_only_the_worker_knows) {
    CHECK(registration_sweep(SIM_CUT_OPENER, 10, 0) > 4);
}

TEST(a_registration_is_cut_and_only_the_master_knows) {
    CHECK(registration_sweep(SIM_CUT_ACCEPTER, 11, 0) > 4);
}

/* ---- nodes that die ---- */

/* The node dies, or is stopped, after the n-th turn of requests from everywhere, and comes back; for every
 * step-th n there is; returns how many. */
static unsigned death_sweep(bool of_master, uint64_t seed, unsigned step) {
    struct sim_cluster c = sim_cluster(seed, 2, 3);
    struct sim_node *dies = of_master ? c.m : c.w[1];
    for (unsigned n = 0;; n += step) {
        struct sim_program *of_m = sim_asks_all(&c, c.m), *of_w = sim_asks_all(&c, c.w[0]);
        struct sim_program *of_other = sim_asks_all(&c, c.w[1]), *adds = sim_program(c.w[0]);
        struct sim_program *all[] = {of_m, of_w, of_other, adds};
        bool over = true;
        char name[24];
        snprintf(name, sizeof name, "dies%u", n);
        program_adds_agent(adds, name);
        for (unsigned i = 0; i < n; i++)
            sim_step(c.sim, UINT64_MAX);
        for (unsigned i = 0; i < 4; i++)
            over &= all[i]->end != PROGRAM_WAITS;
        if (n & 1)
            sim_kill(dies, false);
        else
            sim_stop(dies);
        sim_run(c.sim, n % 5 * 300);
        sim_start(dies);
        sim_programs_end(c.sim, SIM_API_MOST_MS);
        sim_check_heard(of_m, of_master, "a node died, the master's request", n);
        sim_check_heard(of_w, false, "a node died, a worker's request", n);
        sim_check_heard(of_other, !of_master, "a node died, the other's request", n);
        sim_check_heard(adds, false, "a node died, a registration", n);
        sim_program_end(c.sim, of_m), sim_program_end(c.sim, of_w), sim_program_end(c.sim, of_other);
        sim_cluster_joins(&c);
        check_registered(&c, adds, name);
        sim_check_idle(c.sim, "a node died", n);
        if (over) {
            check_well(&c, "a node died", n);
            return n;
        }
    }
}

TEST(the_master_restarts_after_each_turn) {
    CHECK(death_sweep(true, 12, 1) > 20);
}

TEST(a_worker_restarts_after_each_turn) {
    CHECK(death_sweep(false, 13, 1) > 20);
}

/* ---- everything at once ---- */

enum { PROGRAMS = 12 };

struct chaos {
    struct sim_cluster c;
    uint64_t random;
    struct sim_program *program[PROGRAMS];
    struct sim_node *node[PROGRAMS]; /* of each */
    bool died[PROGRAMS];             /* ... while it was asked, or calls of it failed */
    unsigned heard[5];               /* ends of each kind */
    unsigned names;
};

static unsigned below(struct chaos *c, unsigned n) {
    return (unsigned)(test_random(&c->random) % n);
}

static struct sim_node *any(struct chaos *c) {
    return &c->c.sim->node[below(c, c->c.sim->count)];
}

static void may_be_lost(struct chaos *c, const struct sim_node *n) {
    for (unsigned i = 0; i < PROGRAMS; i++)
        c->died[i] |= c->node[i] == n;
}

static void hear(struct chaos *c, unsigned i, const char *what, uint64_t seed) {
    struct sim_program *p = c->program[i];
    if (!p->deaf) {
        sim_check_heard(p, c->died[i], what, seed);
        c->heard[p->end]++;
    }
    sim_program_end(c->c.sim, p);
    c->program[i] = NULL;
}

static void ask(struct chaos *c, uint64_t seed) {
    static const char *const functions[] = {"wazuh.agent.get_agents", "wazuh.agent.get_agents_summary_status",
                                            "picket.node.get_manifest", "wazuh.cluster.get_nodes_info"};
    unsigned i = below(c, PROGRAMS);
    char name[32];
    if (c->program[i] && c->program[i]->end == PROGRAM_WAITS && !c->program[i]->deaf) {
        if (below(c, 4) == 0) { /* it is tired of waiting */
            sim_program_end(c->c.sim, c->program[i]);
            c->program[i] = NULL;
        }
        return;
    }
    if (c->program[i])
        hear(c, i, "seed", seed);
    c->node[i] = any(c);
    c->died[i] = !c->node[i]->node || c->node[i]->faults.fail_at;
    if (below(c, 4) == 0) {
        c->program[i] = sim_program(c->node[i]);
        snprintf(name, sizeof name, "chaos%u", c->names++);
        program_adds_agent(c->program[i], name);
    } else if (below(c, 2)) {
        c->program[i] = sim_asks_all(&c->c, c->node[i]);
    } else {
        c->program[i] = sim_asks_api(c->node[i], functions[below(c, 4)], "local_master", "{}", "");
    }
    c->program[i]->deaf = below(c, 20) == 0;
}

static void lines_change(struct chaos *c) {
    struct sim_node *w = c->c.w[below(c, c->c.workers)];
    struct sim_line *l = &w->host->line;
    unsigned what = below(c, 6);
    l->refuse = what == 0;
    l->hole = what == 1;
    l->piece = what == 2 ? 1 + below(c, 300) : 0;
    l->bytes_per_s = what == 3 ? 20000 : 0;
    l->room = what == 4 ? 3000 : 256u << 10;
    if (below(c, 2))
        sim_net_cut(&c->c.sim->net, w->host, (enum sim_cut)below(c, 3));
}

static void a_node_goes_or_comes(struct chaos *c) {
    struct sim_node *n = any(c);
    struct error e;
    may_be_lost(c, n);
    if (!n->node)
        sim_try_start(n, &e); /* with calls that fail it may not */
    else if (below(c, 2))
        sim_kill(n, false);
    else
        sim_stop(n);
}

static void a_call_fails(struct chaos *c) {
    struct sim_node *n = any(c);
    may_be_lost(c, n); /* it may be one on the program's socket */
    n->faults.fail_at = n->faults.calls + 1 + below(c, 60);
    n->faults.fail_on = below(c, 4) == 0;
    n->faults.disk_only = n->faults.fail_on;
    n->faults.os = below(c, 2) ? EIO : ENOSPC;
}

static void a_pool_runs_out(struct chaos *c) {
    static const enum pool_id ids[] = {POOL_windows,   POOL_xfer_senders, POOL_xfer_strings,
                                       POOL_messages,  POOL_api_slots,    POOL_api_calls,
                                       POOL_sendsyncs, POOL_local_desks};
    struct sim_node *n = any(c);
    if (!n->node)
        return;
    struct pool *pool = &n->node->pools[ids[below(c, 8)]];
    void *slot[256];
    unsigned count = 0;
    may_be_lost(c, n); /* a connection without room for a message ends */
    while (count < 256 && (slot[count] = pool_take(pool)) != NULL)
        count++;
    sim_run(c->c.sim, below(c, 5000));
    while (count > 0)
        pool_give(pool, slot[--count]);
}

/* Nobody is away for long. */
static void come_back(struct chaos *c) {
    struct sim_node *n = any(c);
    struct error e;
    if (n->node || below(c, 3))
        return;
    n->faults.fail_at = 0;
    CHECK(sim_try_start(n, &e) == E_OK);
}

static void anything(struct chaos *c, uint64_t seed) {
    come_back(c);
    switch (below(c, 20)) {
    case 0:
        a_call_fails(c);
        break;
    case 1:
        for (uint32_t i = 0; i < c->c.sim->count; i++)
            c->c.sim->node[i].faults.fail_at = 0;
        break;
    case 2:
        a_node_goes_or_comes(c);
        break;
    case 3:
    case 4:
        lines_change(c);
        break;
    case 5:
        any(c)->host->wall_shift_ns = ((int64_t)below(c, 2000) - 1000) * 3600 * 1000000000;
        break;
    case 6:
        a_pool_runs_out(c);
        break;
    default:
        ask(c, seed);
        break;
    }
    sim_run(c->c.sim, below(c, 8) ? below(c, 50) : below(c, 20000));
}

static void heal(struct chaos *c) {
    for (uint32_t i = 0; i < c->c.sim->count; i++) {
        struct sim_node *n = &c->c.sim->node[i];
        n->host->line = (struct sim_line){.latency_ns = 1000000, .room = 256u << 10};
        n->faults.fail_at = 0;
        if (!n->node)
            sim_start(n);
    }
}

static void everything_at_once(uint64_t seed) {
    static struct chaos c;
    memset(&c, 0, sizeof c);
    c.c = sim_cluster(seed, 3, 40);
    c.random = seed;
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 250; i++)
            anything(&c, seed);
        heal(&c);
        sim_programs_end(c.c.sim, SIM_API_MOST_MS);
        for (unsigned i = 0; i < PROGRAMS; i++)
            if (c.program[i])
                hear(&c, i, "seed", seed);
        sim_cluster_joins(&c.c);
        check_well(&c.c, "chaos, seed", seed);
    }
    CHECK(sim_converges_but_for_leftovers(c.c.sim, 600000));
    CHECK(c.heard[PROGRAM_ANSWERED] > 50 && c.heard[PROGRAM_TOLD] + c.heard[PROGRAM_REFUSED] > 5);
}

#define SEED(n)                                                                                              \
    TEST(everything_at_once_##n) {                                                                           \
        everything_at_once(getenv("CHAOS_SEED") ? (uint64_t)atoll(getenv("CHAOS_SEED")) : n);                \
    }
SEED(1)
SEED(2)
SEED(3)
SEED(4)
SEED(5)
SEED(6)
