/* test_node_sync.c - a master and its workers as whole nodes: their trees become the same, whatever happens
 * to the files of either side. */
#include "test/sim/sim.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CYCLE_MS                                                                                             \
    30000u /* in so much time a change has reached everybody: scan, check, and the other way round */

TEST(first_sync) {
    struct sim_pair p = sim_pair(1);
    sim_start(p.m);
    sim_start(p.w);
    CHECK(sim_converges(p.sim, CYCLE_MS));
    CHECK_STR(sim_read(p.w, "etc/rules/deep/er/than.xml"), "<deep/>\n");
    CHECK_STR(sim_read(p.w, "etc/rules/empty.xml"), "");
    CHECK_INT(p.w->node->integrity_worker.last.created, 10);
    struct stat st;
    char path[400];
    snprintf(path, sizeof path, "%s/etc/client.keys", p.w->root);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640); /* the item's mode, not the file's */
    /* What is excluded stays where it is. */
    CHECK(!sim_exists(p.w, "etc/ossec.conf") && !sim_exists(p.w, "etc/shared/ar.conf"));
    CHECK(sim_log_has(p.m, "Files to create in worker: 10 | Files to update in worker: 0"));
    CHECK(sim_log_has(p.w, "Files to create: 10 | Files to update: 0 | Files to delete: 0"));
}

TEST(an_empty_master_empties_its_workers) {
    struct sim *sim = sim_new(2);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master"), *w = sim_add(sim, NODE_WORKER, "w1");
    sim_fill(w);
    sim_start(m), sim_start(w);
    CHECK(sim_converges(sim, CYCLE_MS));
    CHECK(!sim_exists(w, "etc/rules/local_rules.xml") && !sim_exists(w, "etc/client.keys"));
    CHECK(!sim_exists(w, "etc/shared/default")); /* this item's empty folders go too */
    CHECK(sim_exists(w, "etc/rules"));
    CHECK_STR(sim_read(w, "etc/ossec.conf"), "not synchronised");
}

TEST(files_change_appear_vanish_and_move) {
    struct sim_pair p = sim_pair_synced(3);
    sim_write(p.m, "etc/rules/local_rules.xml", "changed");
    sim_write(p.m, "etc/rules/new.xml", "new");
    sim_remove(p.m, "etc/decoders/local_decoder.xml");
    sim_rename(p.m, "etc/lists/noise", "etc/lists/moved");
    CHECK(sim_difference(p.sim)); /* they do differ now */
    CHECK(sim_converges(p.sim, CYCLE_MS));
    CHECK_STR(sim_read(p.w, "etc/rules/local_rules.xml"), "changed");
    CHECK(sim_exists(p.w, "etc/lists/moved") && !sim_exists(p.w, "etc/lists/noise"));
    /* What vanished is believed to be gone one scan later. */
    CHECK(sim_log_has(p.w, "Files to create: 2 | Files to update: 1 | Files to delete: 0"));
    CHECK(sim_log_has(p.w, "Files to create: 0 | Files to update: 0 | Files to delete: 2"));
    /* A file becomes a folder, a folder a file. */
    sim_remove(p.m, "etc/rules/new.xml");
    sim_write(p.m, "etc/rules/new.xml/inside", "deep");
    sim_remove(p.m, "etc/shared/default/agent.conf");
    sim_remove(p.m, "etc/shared/default/merged.mg");
    char path[400];
    snprintf(path, sizeof path, "%s/etc/shared/default", p.m->root);
    CHECK_INT(rmdir(path), 0);
    sim_write(p.m, "etc/shared/default", "a file");
    CHECK(sim_converges(p.sim, 2 * CYCLE_MS));
    CHECK_STR(sim_read(p.w, "etc/rules/new.xml/inside"), "deep");
    CHECK_STR(sim_read(p.w, "etc/shared/default"), "a file");
}

/* The same size, and within a second: only content tells. */
TEST(same_size_is_no_excuse) {
    struct sim_pair p = sim_pair_synced(4);
    for (int i = 0; i < 5; i++) {
        sim_write(p.m, "etc/rules/local_rules.xml", i % 2 ? "AAAA" : "BBBB");
        sim_run(p.sim, i * 700);
    }
    CHECK(sim_converges(p.sim, CYCLE_MS));
    CHECK_STR(sim_read(p.w, "etc/rules/local_rules.xml"), "BBBB");
}

TEST(a_worker_is_mended) {
    struct sim_pair p = sim_pair_synced(5);
    sim_write(p.w, "etc/rules/local_rules.xml", "damaged");
    sim_write(p.w, "etc/rules/planted.xml", "extra");
    sim_write(p.w, "etc/shared/planted/agent.conf", "extra");
    sim_remove(p.w, "etc/client.keys");
    sim_write(p.w, "etc/local_internal_options.conf", "its own");
    CHECK(sim_converges(p.sim, CYCLE_MS));
    CHECK_STR(sim_read(p.w, "etc/rules/local_rules.xml"), "<group/>\n");
    CHECK(!sim_exists(p.w, "etc/rules/planted.xml") && !sim_exists(p.w, "etc/shared/planted"));
    CHECK_STR(sim_read(p.w, "etc/local_internal_options.conf"), "its own");
    CHECK(sim_log_has(p.m,
                      "create in worker: 1 | Files to update in worker: 1 | Files to delete in worker: 2"));
}

/* ---- how often ---- */

/* One check per worker and scan of the master, though the worker asks more often. */
TEST(one_check_per_worker_and_scan) {
    struct sim_pair p = sim_pair(6);
    p.m->config.intervals.recalculate_integrity_ms = 20000;
    p.w->config.intervals.sync_integrity_ms = 2000;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, CYCLE_MS));
    uint64_t rounds = p.m->node->env.scanner.rounds;
    sim_log_clear(p.m), sim_log_clear(p.w);
    sim_run(p.sim, 200000);
    rounds = p.m->node->env.scanner.rounds - rounds;
    CHECK_INT(rounds, 10);
    uint32_t checks = sim_log_count(p.m, "[Integrity check] Starting.");
    CHECK(checks >= rounds - 1 && checks <= rounds + 1);
    CHECK_INT(sim_log_count(p.w, "Permission to check integrity: True"), checks);
    CHECK(sim_log_count(p.w, "Permission to check integrity: False") > 80);
}

/* While the master has not looked at its own files yet, every file of a worker would seem superfluous. */
TEST(no_check_before_the_first_scan) {
    struct sim_pair p = sim_pair(7);
    for (int i = 0; i < 300; i++) { /* a scan of several turns */
        char path[64];
        snprintf(path, sizeof path, "n0/etc/lists/many/%d", i);
        test_write_file(path, path, strlen(path));
    }
    sim_fill(p.w);
    sim_write(p.w, "etc/rules/extra.xml", "extra");
    sim_start(p.m);
    scanner_stop(&p.m->node->env.scanner);
    sim_start(p.w);
    sim_run(p.sim, 25000);
    CHECK(sim_joined(p.w));
    CHECK_INT(sim_log_count(p.w, "Permission to check integrity: True"), 0);
    CHECK_INT(sim_log_count(p.w, "Permission to check integrity: False"), 3); /* at once, then every 9 s */
    CHECK(sim_exists(p.w, "etc/rules/extra.xml"));
    scanner_start(&p.m->node->env.scanner);
    CHECK(sim_converges(p.sim, CYCLE_MS));
    CHECK(!sim_exists(p.w, "etc/rules/extra.xml"));
}

/* A worker that got permission and fell silent holds nothing for longer than its time. */
TEST(a_lease_ends) {
    struct sim_pair p = sim_pair(8);
    static struct sim_heard h;
    p.m->config.intervals.agent_group_start_delay_ms = 600000; /* nobody speaks of agents meanwhile */
    sim_start(p.m);
    sim_run(p.sim, 100);
    struct sim_guest *g = sim_guest(p.sim, "10.1.1.1");
    sim_says_hello(p.m, g, "lazy");
    guest_ask_text(g, "syn_i_w_m_p", "");
    CHECK(sim_hears(p.sim, g, &h, 1000));
    CHECK_STR((char *)h.bytes, "True");
    CHECK_INT(sim_pool_used(p.m, POOL_inflaters), 1);
    guest_ask_text(g, "syn_i_w_m_p", "");
    CHECK(sim_hears(p.sim, g, &h, 1000));
    CHECK_STR((char *)h.bytes, "False");
    for (int i = 0; i < 12; i++) { /* alive, but nothing more */
        sim_run(p.sim, 10000);
        guest_ask_text(g, "echo-c", "keepalive");
        CHECK(sim_hears(p.sim, g, &h, 1000));
        CHECK_STR(h.command, "ok-m");
    }
    CHECK_INT(sim_pool_used(p.m, POOL_inflaters), 0);
    guest_ask_text(g, "syn_i_w_m", "");
    CHECK(sim_hears(p.sim, g, &h, 1000));
    CHECK_STR(h.command, "err");
    guest_ask_text(g, "syn_i_w_m_p", "");
    CHECK(sim_hears(p.sim, g, &h, 1000));
    CHECK_STR((char *)h.bytes, "True");
    guest_close(g); /* and with the link it goes at once */
    sim_run(p.sim, 10);
    CHECK_INT(sim_pool_used(p.m, POOL_inflaters), 0);
}

/* ---- many ---- */

TEST(sixty_four_workers_at_once) {
    struct sim *sim = sim_new(9);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    sim_fill(m);
    sim_start(m);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", i);
        struct sim_node *w = sim_add(sim, NODE_WORKER, name);
        w->host->line.bytes_per_s = 1000000 + i * 50000;
        sim_start(w);
    }
    CHECK(sim_converges(sim, 4 * CYCLE_MS));
    CHECK_INT(m->node->master.peer_count, WORKERS_MAX);
    CHECK_INT(m->node->pools[POOL_deflaters].high, PACKAGE_ENCODERS); /* they queued for them */
    sim_write(m, "etc/rules/one_more.xml", "more");
    CHECK(sim_converges(sim, 4 * CYCLE_MS));
    /* One more worker than there is room for is told so, and gets in when there is. */
    struct sim_node *late = sim_add(sim, NODE_WORKER, "late");
    sim_start(late);
    sim_run(sim, 5000);
    CHECK(!sim_joined(late));
    CHECK(sim_log_has(late, "the master has no slot for another worker"));
    CHECK(strstr(sim_status(late), "no slot for another worker"));
    CHECK(m->node->pools[POOL_peers].refused > 0);
    sim_stop(&sim->node[7]);
    sim_run(sim, 12000);
    CHECK(sim_joined(late));
    CHECK(strlen(sim_status(m)) > WORKERS_MAX * 150u); /* the longest answer there is still fits */
}

/* ---- slow lines ---- */

static void slow(uint64_t bytes_per_s, size_t bytes, uint64_t seed) {
    struct sim_pair p = sim_pair(seed);
    sim_write_random(p.m, "etc/shared/big", bytes, seed);
    p.w->host->line.bytes_per_s = bytes_per_s;
    p.w->host->line.latency_ns = 40000000;
    p.w->config.intervals.keep_alive_ms = 10000;
    p.m->config.intervals.max_allowed_time_without_keepalive_ms = 25000;
    p.m->config.intervals.check_worker_lastkeepalive_ms = 1000;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, bytes * 2000 / bytes_per_s + 60000));
    CHECK_INT(sim_log_count(p.m, "Disconnect"), 0);
    CHECK_INT(sim_log_count(p.w, "Error"), 0);
    CHECK(sim_log_count(p.w, "Successful response from master: keepalive") >=
          bytes / bytes_per_s / 10 / 2); /* they did come through */
    CHECK_INT(sim_log_count(p.w, "Sync required"), 1);
}

TEST(two_megabits) {
    slow(250000, 6u << 20, 10);
}

TEST(two_hundred_kilobits) {
    slow(32000, 2u << 20, 11);
}

/* Bytes come as they like: each read and each packet another portion. */
static void torn(uint64_t seed, uint32_t piece, uint32_t read_piece, bool random) {
    struct sim_pair p = sim_pair(seed);
    p.w->host->line.piece = piece;
    p.w->host->line.read_piece = read_piece;
    p.w->host->line.random_pieces = random;
    if (piece == 1)
        sim_write(p.m, "etc/lists/noise", "little");
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, CYCLE_MS));
}

TEST(torn_into_packets) {
    torn(21, 1500, 700, true);
}

TEST(torn_into_shreds) {
    torn(22, 97, 61, true);
}

TEST(torn_into_bytes) {
    torn(23, 1, 1, false);
}
