/* test_node_link.c - how nodes find, refuse, lose and find each other again: admission, pauses, keepalive,
 * cut and half-open connections, clocks that jump, restarts at every moment. */
#include "test/sim/sim.h"

#include <stdio.h>

static bool is_joined(void *arg) {
    return sim_joined(arg);
}

static bool is_apart(void *arg) {
    return !sim_joined(arg);
}

static bool has_no_peer(void *arg) {
    return ((struct sim_node *)arg)->node->master.peer_count == 0;
}

/* ---- refused ---- */

/* Starts a pair that cannot come together, and what the worker says of it, for ever; then mends the master.
 */
static void refused(struct sim_pair p, const char *why, void (*mend)(struct sim_pair *p)) {
    sim_start(p.m), sim_start(p.w);
    sim_run(p.sim, 3000);
    CHECK(!sim_joined(p.w));
    CHECK(sim_log_has(p.w, why));
    CHECK_INT(sim_log_count(p.w, "ERROR [Worker"), 1);
    CHECK(strstr(sim_status(p.w), why));
    uint64_t before = p.sim->net.connections;
    sim_run(p.sim, 600000);
    uint64_t tries = p.sim->net.connections - before;
    CHECK(tries >= 55 && tries <= 125);                /* every 5 to 10 seconds */
    CHECK_INT(sim_log_count(p.w, "ERROR [Worker"), 1); /* said once, though */
    CHECK(strstr(sim_status(p.w), why));
    CHECK_INT(p.m->node->master.peer_count, 0);
    CHECK(sim_pool_used(p.m, POOL_strangers) <= 2);
    sim_stop(p.m);
    mend(&p);
    sim_start(p.m);
    CHECK(sim_converges(p.sim, 60000));
    CHECK(!strstr(sim_status(p.w), why));
}

static void mend_key(struct sim_pair *p) {
    strcpy(p->m->config.key, SIM_KEY);
}

TEST(another_key) {
    struct sim_pair p = sim_pair(1);
    memset(p.m->config.key, 'k', KEY_CHARS);
    refused(p, "without answering hello (is the key the same?)", mend_key);
}

static void mend_cluster(struct sim_pair *p) {
    strcpy(p->m->config.cluster_name, "wazuh");
}

TEST(another_cluster) {
    struct sim_pair p = sim_pair(2);
    strcpy(p.m->config.cluster_name, "other");
    refused(p, "3030", mend_cluster);
}

static void mend_version(struct sim_pair *p) {
    strcpy(p->m->config.announced_version, p->w->config.announced_version);
}

TEST(another_version) {
    struct sim_pair p = sim_pair(3);
    strcpy(p.m->config.announced_version, "4.9.2");
    refused(p, "3031", mend_version);
}

static void mend_name(struct sim_pair *p) {
    strcpy(p->m->config.node_name, "master");
}

TEST(the_masters_own_name) {
    struct sim_pair p = sim_pair(4);
    strcpy(p.m->config.node_name, "w1");
    refused(p, "3029", mend_name);
}

TEST(a_name_that_is_a_path) {
    struct sim_pair p = sim_pair(5);
    strcpy(p.w->config.node_name, "w1*");
    sim_start(p.m), sim_start(p.w);
    sim_run(p.sim, 3000);
    CHECK(!sim_joined(p.w));
    CHECK(sim_log_has(p.w, "3060"));
}

/* ---- looking and waiting ---- */

TEST(no_master_yet) {
    struct sim *sim = sim_new(6);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    struct sim_node *w[3];
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        w[i] = sim_add(sim, NODE_WORKER, name);
        sim_start(w[i]);
    }
    sim_run(sim, 300000);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(sim_log_count(w[i], "connecting to 10.0.0.1 port 1516: Connection refused"),
                  sim_log_count(w[i], "Trying again"));
        uint32_t tries = sim_log_count(w[i], "Trying again");
        CHECK(tries > 30 && tries < 70);
        CHECK(sim_log_has(w[i], "Trying again in 1 seconds") &&
              sim_log_has(w[i], "Trying again in 10 seconds"));
        CHECK_INT(sim_log_count(w[i], "ERROR"), 1);
        for (int k = 0; k < i; k++) /* no two come back at the same moment */
            CHECK(w[i]->node->worker.timer.due_ms != w[k]->node->worker.timer.due_ms);
    }
    sim_start(m);
    CHECK(sim_converges(sim, 30000));
}

TEST(a_line_that_refuses) {
    struct sim_pair p = sim_pair(7);
    p.w->host->line.refuse = true;
    sim_start(p.m), sim_start(p.w);
    sim_run(p.sim, 30000);
    CHECK(!sim_joined(p.w));
    p.w->host->line.refuse = false;
    CHECK(sim_converges(p.sim, 30000));
}

static struct sim_name *name_of(struct sim_pair *p, const char *name, uint64_t takes_ms) {
    strcpy(p->w->config.master, name);
    strcpy(p->sim->net.name[0].name, name);
    p->sim->net.name[0].takes_ns = takes_ms * 1000000u;
    return &p->sim->net.name[0];
}

TEST(a_name_that_becomes_known) {
    struct sim_pair p = sim_pair(8);
    struct sim_name *name = name_of(&p, "master.example", 2000);
    sim_start(p.m), sim_start(p.w);
    sim_run(p.sim, 30000);
    CHECK(sim_log_has(p.w, "the name 'master.example' is not known"));
    strcpy(name->address[0], "10.0.0.1");
    name->count = 1;
    CHECK(sim_converges(p.sim, 30000));
}

TEST(a_look_up_that_does_not_end) {
    struct sim_pair p = sim_pair(9);
    struct sim_name *name = name_of(&p, "master.example", 3600000);
    sim_start(p.m), sim_start(p.w);
    sim_run(p.sim, 60000);
    CHECK(sim_log_has(p.w, "could not be looked up in time"));
    strcpy(name->address[0], "10.0.0.1");
    name->count = 1;
    name->takes_ns = 1;
    CHECK(sim_converges(p.sim, 40000));
}

/* The name has several addresses: one that refuses, one from which nothing comes back, then the right one. */
TEST(addresses_are_tried_in_turn) {
    struct sim_pair p = sim_pair(10);
    struct sim_name *name = name_of(&p, "master.example", 1);
    struct sim_guest *silent = sim_guest(p.sim, "10.0.0.8");
    guest_listen(silent, 1516); /* accepts, and says nothing */
    strcpy(name->address[0], "10.0.0.9");
    strcpy(name->address[1], "10.0.0.8");
    strcpy(name->address[2], "10.0.0.1");
    name->count = 3;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 120000));
    CHECK(sim_log_has(p.w, "connecting to 10.0.0.9 port 1516: Connection refused"));
    /* hello's reply and the whole attempt have the same time: either may be the first to say so */
    CHECK_INT(sim_log_count(p.w, "the master did not answer hello. Trying again") +
                  sim_log_count(p.w, "Error 3020 - Timeout sending request: hello. Trying again"),
              1);
}

/* ---- the same name twice ---- */

TEST(a_living_name_is_taken) {
    struct sim_pair p = sim_pair_synced(11);
    struct sim_node *twin = sim_add(p.sim, NODE_WORKER, "w1");
    sim_start(twin);
    sim_run(p.sim, 60000);
    CHECK(!sim_joined(twin) && sim_joined(p.w));
    CHECK(sim_log_has(twin, "3028"));
    CHECK_INT(sim_log_count(p.w, "Connection closed"), 0);
    CHECK_INT(sim_log_count(p.m, "Disconnect"), 0);
    sim_stop(p.w);
    CHECK(sim_until(p.sim, 12000, 100, is_joined, twin));
}

/* A worker that went without a word comes back: the dead link is found out, not waited for. */
TEST(a_dead_name_is_free_in_two_seconds) {
    struct sim_pair p = sim_pair_synced(12);
    sim_kill(p.w, true);
    sim_run(p.sim, 5000);
    CHECK_INT(p.m->node->master.peer_count, 1);
    sim_start(p.w);
    CHECK(sim_until(p.sim, 2300, 20, is_joined, p.w));
    CHECK_INT(p.m->node->master.peer_count, 1);
    CHECK(sim_converges(p.sim, 30000));
}

/* Also when that link had the last slot. */
TEST(a_dead_name_among_as_many_as_fit) {
    struct sim_pair p = sim_pair_synced(13);
    void *taken[WORKERS_MAX];
    struct pool *peers = &p.m->node->pools[POOL_peers];
    for (unsigned i = 0; i < WORKERS_MAX - 1; i++)
        taken[i] = pool_take(peers);
    sim_kill(p.w, true);
    sim_start(p.w);
    CHECK(sim_until(p.sim, 2500, 20, is_joined, p.w));
    for (unsigned i = 0; i < WORKERS_MAX - 1; i++)
        pool_give(peers, taken[i]);
}

/* The newcomer went away again while the old link was being asked: that one must not pay for it. */
TEST(a_newcomer_that_does_not_wait) {
    struct sim_pair p = sim_pair_synced(14);
    struct sim_guest *g = sim_guest(p.sim, "10.3.3.3");
    p.w->host->line.latency_ns = 700000000; /* its answer takes longer than two seconds */
    p.w->host->line.hole = true;
    guest_connect(g, "10.0.0.1", 1516);
    sim_run(p.sim, 5);
    guest_ask_text(g, "hello", "w1 wazuh worker 4.14.7");
    sim_run(p.sim, 500);
    CHECK(p.m->node->master.held);
    guest_close(g);
    sim_run(p.sim, 3000);
    p.w->host->line.hole = false;
    p.w->host->line.latency_ns = 1000000;
    sim_run(p.sim, 20000);
    CHECK_INT(sim_log_count(p.m, "Error during connection"), 0);
    CHECK(sim_joined(p.w));
}

/* A line so slow that the answer to "do you live?" comes late, but other words of the worker do not stop. */
TEST(a_slow_living_name_is_not_evicted) {
    struct sim_pair p = sim_pair_synced(15);
    sim_write_random(p.m, "etc/shared/big", 1 << 20, 9);
    p.w->host->line.bytes_per_s = 32000;
    sim_run(p.sim, 22000); /* in the middle of the transfer: 128 KB of it lie before whatever we say next */
    CHECK(p.m->node->master.peers->integrity.state == IM_SEND);
    struct sim_guest *g = sim_guest(p.sim, "10.3.3.3");
    static struct sim_heard h;
    guest_connect(g, "10.0.0.1", 1516);
    sim_run(p.sim, 5);
    guest_ask_text(g, "hello", "w1 wazuh worker 4.14.7");
    CHECK(sim_hears(p.sim, g, &h, 4900));
    CHECK_STR(h.command, "err");
    CHECK(strstr((char *)h.bytes, "3028"));
    CHECK(sim_converges(p.sim, 120000));
    CHECK_INT(sim_log_count(p.m, "Error during connection"), 0);
}

/* Two newcomers for the same dead name: one at a time. */
TEST(two_newcomers_for_one_name) {
    struct sim_pair p = sim_pair_synced(16);
    struct sim_node *twin = sim_add(p.sim, NODE_WORKER, "w1");
    sim_kill(p.w, true);
    sim_start(p.w), sim_start(twin);
    sim_run(p.sim, 60000);
    CHECK(sim_joined(p.w) != sim_joined(twin));
    CHECK_INT(p.m->node->master.peer_count, 1);
}

/* ---- half-open ---- */

TEST(a_master_that_fell_silent) {
    struct sim_pair p = sim_pair_synced(17);
    sim_kill(p.m, true);
    uint64_t then = sim_ms(p.sim);
    CHECK(sim_until(p.sim, 200000, 100, is_apart, p.w));
    /* keep_alive 60 s, twice unanswered for 20 s each */
    CHECK(sim_ms(p.sim) - then >= 80000 && sim_ms(p.sim) - then <= 145000);
    CHECK(sim_log_has(p.w, "Maximum number of failed keep alives reached. Disconnecting."));
    sim_start(p.m);
    CHECK(sim_converges(p.sim, 40000));
}

TEST(a_worker_that_fell_silent) {
    struct sim_pair p = sim_pair_synced(18);
    sim_kill(p.w, true);
    uint64_t then = sim_ms(p.sim);
    CHECK(sim_until(p.sim, 300000, 100, has_no_peer, p.m));
    /* 120 s, looked at every 60 */
    CHECK(sim_ms(p.sim) - then >= 105000 && sim_ms(p.sim) - then <= 185000);
    CHECK(sim_log_has(p.m, "No keep alives have been received from w1 in the last minute. Disconnecting"));
}

/* A hole in the line for less than that harms nobody, and nothing is repeated. */
TEST(a_minute_without_line) {
    struct sim_pair p = sim_pair_synced(19);
    p.w->host->line.hole = true;
    sim_run(p.sim, 60000);
    p.w->host->line.hole = false;
    sim_run(p.sim, 30000);
    CHECK(sim_joined(p.w));
    CHECK_INT(sim_log_count(p.m, "Disconnect"), 0);
    CHECK(sim_converges(p.sim, 30000));
}

/* ---- clocks ---- */

#define YEARS_20_NS (20ll * 365 * 86400 * 1000000000)

/* Nothing but what is printed depends on the wall clock. */
TEST(wall_clocks_jump) {
    struct sim_pair p = sim_pair(20);
    sim_start(p.m), sim_start(p.w);
    for (int i = 0; i < 200; i++) { /* in the middle of everything */
        struct sim_host *h = i & 1 ? p.m->host : p.w->host;
        sim_run(p.sim, i < 100 ? 1 : 500);
        h->wall_shift_ns = (i & 2 ? 1 : -1) * YEARS_20_NS;
        if (i == 120)
            sim_write(p.m, "etc/rules/during.xml", "new");
        if (i == 150)
            sim_write(p.m, "etc/rules/during.xml", "two");
    }
    CHECK(sim_converges(p.sim, 30000));
    CHECK_STR(sim_read(p.w, "etc/rules/during.xml"), "two");
    CHECK_INT(sim_log_count(p.m, "ERROR"), 0);
    CHECK_INT(sim_log_count(p.w, "ERROR"), 0);
    CHECK_INT(sim_log_count(p.w, "Successfully connected"), 1);
    /* Nor does the age of a token: a real node's is one more printed time. */
    sim_run(p.sim, 200000);
    CHECK(sim_joined(p.w));
}

/* ---- restarts ---- */

TEST(master_killed_and_restarted) {
    struct sim_pair p = sim_pair_synced(21);
    for (int i = 0; i < 6; i++) {
        sim_kill(p.m, i & 1);
        sim_write(p.m, "etc/rules/new.xml", i & 1 ? "odd" : "even");
        sim_run(p.sim, (uint64_t)i * 1700);
        sim_start(p.m);
        CHECK(sim_converges(p.sim, 200000));
    }
    CHECK_STR(sim_read(p.w, "etc/rules/new.xml"), "odd");
}

TEST(nodes_stop_at_any_moment) {
    struct sim_pair p = sim_pair(22);
    for (uint64_t i = 0; i < 60; i++) {
        sim_wipe(p.w);
        sim_start(p.m), sim_start(p.w);
        for (uint64_t k = 0; k < i * 2; k++)
            sim_step(p.sim, UINT64_MAX);
        if (i & 1) {
            sim_stop(p.w), sim_stop(p.m);
        } else {
            sim_stop(p.m), sim_stop(p.w);
        }
        CHECK(!sim_leftover(p.m));
    }
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
}

/* Connections that come while a node ends are not its last wish. */
TEST(a_node_ends_while_others_knock) {
    struct sim_pair p = sim_pair_synced(23);
    struct sim_guest *g[12], *inside[2] = {sim_guest(p.sim, "127.0.0.2"), sim_guest(p.sim, "127.0.0.2")};
    guest_connect_local(inside[0], p.m->local);
    guest_connect_local(inside[1], p.w->local);
    sim_run(p.sim, 10);
    for (int i = 0; i < 12; i++) {
        char address[24];
        snprintf(address, sizeof address, "10.4.4.%d", i);
        g[i] = sim_guest(p.sim, address);
        if (i < 6)
            guest_connect(g[i], "10.0.0.1", 1516);
        else
            guest_connect_local(g[i], i < 9 ? p.m->local : p.w->local);
    }
    p.sim->net.now_ns += 10000000; /* they stand before the door, and nobody has opened yet */
    sim_net_deliver(&p.sim->net);
    sim_stop(p.m);
    sim_stop(p.w);
    for (int i = 0; i < 12; i++)
        CHECK(sim_closes(p.sim, g[i], 1000));
}

/* ---- cuts ---- */

/* From an empty worker to the same trees, with the connection cut after the n-th packet, for every n there
 * is; returns how many. */
static uint64_t cut_sweep(enum sim_cut how, uint64_t seed, uint64_t step, uint64_t ms) {
    struct sim_pair p = sim_pair(seed);
    for (uint64_t n = 1;; n += step) {
        sim_wipe(p.w);
        sim_start(p.m), sim_start(p.w);
        struct sim_line *line = &p.w->host->line;
        line->delivered = 0;
        line->cut_at = n;
        line->cut_how = how;
        bool same = sim_converges(p.sim, ms);
        if (!same)
            printf("cut after packet %llu\n", (unsigned long long)n);
        CHECK(same);
        bool fired = line->delivered >= n;
        sim_stop(p.w), sim_stop(p.m);
        CHECK(!sim_leftover(p.w) && !sim_leftover(p.m));
        if (!fired)
            return n;
    }
}

TEST(cut_after_each_packet) {
    CHECK(cut_sweep(SIM_CUT_BOTH, 24, 1, 40000) > 30);
}

TEST(cut_after_each_packet_and_only_the_worker_knows) {
    CHECK(cut_sweep(SIM_CUT_OPENER, 25, 1, 60000) > 30);
}

TEST(cut_after_each_packet_and_only_the_master_knows) {
    CHECK(cut_sweep(SIM_CUT_ACCEPTER, 26, 1, 240000) > 30);
}

/* Lines break one after the other and heal in another order, in the middle of changes. */
TEST(swizzle) {
    struct sim *sim = sim_new(27);
    uint64_t random = 27;
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master"), *w[6];
    sim_fill(m);
    sim_start(m);
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        w[i] = sim_add(sim, NODE_WORKER, name);
        sim_start(w[i]);
    }
    for (int round = 0; round < 8; round++) {
        char text[32];
        for (int i = 0; i < 6; i++) {
            struct sim_line *l = &w[i]->host->line;
            uint64_t what = test_random(&random) % 4;
            l->refuse = what == 0;
            l->hole = what == 1;
            if (what < 3)
                sim_net_cut(&sim->net, w[i]->host, (enum sim_cut)(test_random(&random) % 3));
            snprintf(text, sizeof text, "%d.%d", round, i);
            sim_write(m, "etc/rules/changing.xml", text);
            sim_run(sim, test_random(&random) % 15000);
        }
        for (int left = 6; left > 0; left--) {
            int i = (int)(test_random(&random) % 6);
            w[i]->host->line.refuse = w[i]->host->line.hole = false;
            sim_run(sim, test_random(&random) % 3000);
        }
    }
    for (int i = 0; i < 6; i++)
        w[i]->host->line.refuse = w[i]->host->line.hole = false;
    CHECK(sim_converges(sim, 300000));
    CHECK_STR(sim_read(w[3], "etc/rules/changing.xml"), "7.5");
}
