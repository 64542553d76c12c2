/* test_node_limits.c - nodes at the end of their fixed memory and beyond: every pool used up, strangers by
 * the thousand, a full spool, more files than fit. What does not fit is refused in words and counted, and all
 * is well again when there is room. */
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static struct sim_heard h;

/* ---- pools ---- */

/* All free slots of a pool, taken away for a while. */
struct taken {
    struct pool *pool;
    void *slot[256];
    uint32_t n;
};

static void take_all(struct taken *t, const struct sim_node *n, enum pool_id id) {
    t->pool = &n->node->pools[id];
    for (t->n = 0; (t->slot[t->n] = pool_take(t->pool)) != NULL; t->n++)
        CHECK(t->n < 255);
    t->pool->refused = 0;
}

static void give_all(struct taken *t) {
    while (t->n > 0)
        pool_give(t->pool, t->slot[--t->n]);
}

/* A change does not come through while the pool is used up, that is counted, and afterwards it does. */
static void without(enum pool_id id, bool of_master, uint64_t seed) {
    struct sim_pair p = sim_pair_synced(seed);
    struct taken t;
    take_all(&t, of_master ? p.m : p.w, id);
    sim_write(p.m, "etc/rules/new.xml", "new");
    sim_write_random(p.m, "etc/shared/big", 3 << 20, seed);
    sim_run(p.sim, 60000);
    CHECK(!sim_exists(p.w, "etc/rules/new.xml"));
    CHECK(t.pool->refused > 0);
    CHECK(strstr(sim_status(of_master ? p.m : p.w), t.pool->words));
    give_all(&t);
    CHECK(sim_converges(p.sim, 120000));
}

TEST(no_inflater_on_the_master) {
    without(POOL_inflaters, true, 1);
}

TEST(no_inflater_on_the_worker) {
    without(POOL_inflaters, false, 2);
}

TEST(no_deflater_on_the_worker) {
    without(POOL_deflaters, false, 3);
}

TEST(no_sender_on_the_master) {
    without(POOL_xfer_senders, true, 4);
}

TEST(no_sender_on_the_worker) {
    without(POOL_xfer_senders, false, 5);
}

TEST(no_receiver_on_the_master) {
    without(POOL_xfer_receivers, true, 6);
}

TEST(no_receiver_on_the_worker) {
    without(POOL_xfer_receivers, false, 7);
}

/* Senders are queued for, not refused: w2 waits until w1 has all of a long package. */
TEST(no_deflater_on_the_master) {
    struct sim_pair p = sim_pair_synced(8);
    struct sim_node *w2 = sim_add(p.sim, NODE_WORKER, "w2");
    struct taken t;
    sim_write_random(p.m, "etc/shared/big", 3 << 20, 8);
    p.w->host->line.bytes_per_s = 64000; /* about a minute */
    sim_run(p.sim, 20000);
    CHECK(sim_peer(p.m, "w1")->integrity.state == IM_SEND);
    take_all(&t, p.m, POOL_deflaters);
    sim_start(w2);
    sim_run(p.sim, 20000);
    CHECK(sim_peer(p.m, "w2")->integrity.state == IM_QUEUED);
    CHECK(!sim_exists(w2, "etc/client.keys"));
    CHECK(sim_converges(p.sim, 120000));
    give_all(&t);
}

/* Without windows everything goes through the spool. */
static void without_windows(bool of_master, uint64_t seed) {
    struct sim_pair p = sim_pair_synced(seed);
    struct taken t;
    take_all(&t, of_master ? p.m : p.w, POOL_windows);
    sim_write_random(p.m, "etc/shared/big", 3 << 20, seed);
    CHECK(sim_converges(p.sim, 60000));
    if (!of_master)
        CHECK(p.w->node->env.spool.high > 0);
    give_all(&t);
}

TEST(no_window_on_the_master) {
    without_windows(true, 9);
}

TEST(no_window_on_the_worker) {
    without_windows(false, 10);
}

/* Nor is there room in the spool: what is too long is refused, the rest goes on. */
TEST(neither_window_nor_spool) {
    struct sim_pair p = sim_pair_synced(11);
    struct taken t;
    take_all(&t, p.w, POOL_windows);
    p.w->node->env.spool.limit = 1000;
    sim_write_random(p.m, "etc/shared/big", 3 << 20, 11);
    sim_run(p.sim, 60000);
    CHECK(!sim_exists(p.w, "etc/shared/big"));
    CHECK(sim_joined(p.w));
    CHECK(p.w->node->env.spool.refused > 0);
    CHECK(strstr(sim_status(p.w), "\"spool\""));
    give_all(&t);
    p.w->node->env.spool.limit = p.w->config.spool_bytes;
    CHECK(sim_converges(p.sim, 60000));
}

/* No room for one more message: that connection ends, and is made again. */
TEST(no_message) {
    struct sim_pair p = sim_pair_synced(12);
    struct taken t;
    take_all(&t, p.m, POOL_messages);
    sim_run(p.sim, 20000);
    CHECK(t.pool->refused > 0);
    CHECK(sim_log_has(p.m, "no room for one more message"));
    give_all(&t);
    CHECK(sim_converges(p.sim, 60000));
}

/* A refusal for want of a slot does not use up the one permission of this scan. */
TEST(a_permission_that_could_not_be_given) {
    struct sim_pair p = sim_pair(13);
    p.m->config.intervals.recalculate_integrity_ms = 1000000;
    sim_start(p.m);
    sim_run(p.sim, 100);
    struct taken t;
    take_all(&t, p.m, POOL_inflaters);
    sim_start(p.w);
    sim_run(p.sim, 1000);
    CHECK(sim_log_has(p.w, "Permission to check integrity: False"));
    give_all(&t);
    sim_run(p.sim, 10000);
    CHECK_STR(sim_read(p.w, "etc/rules/local_rules.xml"), "<group/>\n");
}

/* ---- the stage ---- */

/* A set larger than a worker may stage: its files stay as they are, named; less fits again. */
TEST(a_set_too_large_for_the_stage) {
    struct sim_pair p = sim_pair(14);
    p.w->config.stage_bytes = 1 << 20;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    sim_write_random(p.m, "etc/shared/big", 2 << 20, 14);
    sim_write(p.m, "etc/rules/small.xml", "small");
    sim_run(p.sim, 60000);
    CHECK(!sim_exists(p.w, "etc/shared/big"));
    CHECK(sim_joined(p.w));
    CHECK(sim_log_has(p.w, "more than 1048576 bytes in one set"));
    sim_remove(p.m, "etc/shared/big");
    CHECK(sim_converges(p.sim, 60000));
    CHECK_STR(sim_read(p.w, "etc/rules/small.xml"), "small");
}

/* What cannot be written is named in the status with the reason while it lasts, and no longer. */
TEST(unsynced_reasons_come_and_go) {
    struct sim_pair p = sim_pair_synced(15);
    sim_write(p.w, "etc/lists/blocked/in the way", "a folder where a file should be");
    sim_write(p.w, "etc/lists/blocked/ar.conf", "excluded: nobody deletes it");
    sim_write(p.m, "etc/lists/blocked", "a file");
    sim_write(p.m, "etc/lists/free", "another");
    sim_run(p.sim, 60000);
    CHECK_STR(sim_read(p.w, "etc/lists/free"), "another");
    CHECK(strstr(sim_status(p.w),
                 "\"path\": \"etc/lists/blocked\", \"why\": \"a folder with content lies in its"));
    CHECK_INT(sim_log_count(p.w, "WARNING [Worker w1] [Integrity sync] etc/lists/blocked: not synchronised"),
              1);
    sim_remove(p.w, "etc/lists/blocked/ar.conf");
    char path[400];
    snprintf(path, sizeof path, "%s/etc/lists/blocked", p.w->root);
    CHECK_INT(remove(path), 0);
    CHECK(sim_converges(p.sim, 60000));
    sim_run(p.sim, 240000);
    CHECK(strstr(sim_status(p.w), "\"unsynced\": []"));
}

/* ---- many files ---- */

#define MANY (FILES_MAX + 5u)

static bool has_all_that_fit(void *arg) {
    return ((struct sim_node *)arg)->node->manifest.hashed == FILES_MAX;
}

/* More files than the table holds: those that fit are synchronised, the others are told. */
TEST(more_files_than_fit) {
    struct sim_pair p = sim_pair(16);
    for (unsigned i = 0; i < MANY; i++) {
        char path[64];
        snprintf(path, sizeof path, "n0/etc/lists/many/%u", i);
        test_write_file(path, path, strlen(path));
    }
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_until(p.sim, 30000, 50, has_all_that_fit, p.w));
    CHECK(sim_log_has(p.m, "15 files are not synchronised because the table of files is full"));
    CHECK(strstr(sim_status(p.m), "\"too_many\": 15"));
}

/* ---- strangers ---- */

static void pools_of_sessions_are_untouched(const struct sim_node *m) {
    CHECK_INT(sim_pool_used(m, POOL_peers), 1);
    CHECK(m->node->pools[POOL_messages].high <= 2);
    CHECK_INT(m->node->pools[POOL_windows].high <= 1, 1);
    CHECK_INT(m->node->pools[POOL_xfer_receivers].high, 1);
}

/* Ten thousand connections of all kinds, from many places, while a worker is kept in sync. */
TEST(ten_thousand_strangers) {
    struct sim_pair p = sim_pair_synced(17);
    struct sim_guest *g[60];
    uint64_t random = 17;
    for (unsigned i = 0; i < 60; i++) {
        char address[24];
        snprintf(address, sizeof address, "10.7.%u.%u", i % 20, i / 20);
        g[i] = sim_guest(p.sim, address);
    }
    for (unsigned n = 0; n < 10000; n++) {
        struct sim_guest *k = g[test_random(&random) % 60];
        uint8_t noise[64];
        guest_connect(k, "10.0.0.1", 1516);
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)test_random(&random);
        sim_run(p.sim, 3);
        switch (test_random(&random) % 5) {
        case 0:
            guest_send(k, noise, sizeof noise);
            break;
        case 1:
            guest_send(k, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
            break;
        case 2:
            guest_send(k,
                       "\0\0\0\1\xff\xff\xff\xff"
                       "hello ------",
                       20);
            break;
        case 3:
            fernet_key_init(&k->key, "another key of thirty-two bytes.");
            guest_ask_text(k, "hello", "w9 wazuh worker 4.14.7");
            fernet_key_init(&k->key, SIM_KEY);
            break;
        default:
            break; /* says nothing at all */
        }
        if (n % 1000 == 500)
            sim_write(p.m, "etc/rules/changing.xml", n % 2000 == 500 ? "a" : "b");
    }
    CHECK(p.m->node->master.strangers.seen > 9000);
    CHECK(p.m->node->pools[POOL_strangers].high <= STRANGERS_MAX);
    CHECK(p.m->node->master.strangers.refused > 5000);
    pools_of_sessions_are_untouched(p.m);
    CHECK(sim_joined(p.w));
    CHECK_INT(sim_log_count(p.w, "Successfully connected"), 1);
    CHECK_INT(sim_log_count(p.m, "[Worker w1] [Main] Error"), 0);
    CHECK(sim_converges(p.sim, 40000));
    /* The log has a line for some of them, not for each. */
    CHECK(sim_log_count(p.m, "connection refused") < 100);
    CHECK(sim_log_count(p.m, "Connection from") < 500);
    sim_run(p.sim, 6000);
    CHECK_INT(sim_pool_used(p.m, POOL_strangers), 0);
}

/* One address has its share, and others are not shut out by it; also with all slots taken the one who speaks
 * gets in. */
TEST(a_crowd_that_sits) {
    struct sim *sim = sim_new(18);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master"), *w = sim_add(sim, NODE_WORKER, "w1");
    struct sim_guest g[3 * STRANGERS_PER_ADDRESS]; /* all of one address */
    sim_start(m);
    guest_init(&g[0], &sim->net, "10.8.8.8", SIM_KEY, 1);
    for (unsigned i = 0; i < 3 * STRANGERS_PER_ADDRESS; i++) {
        g[i] = g[0];
        g[i].fd = -1;
        guest_connect(&g[i], "10.0.0.1", 1516);
        sim_run(sim, 5);
    }
    CHECK_INT(sim_pool_used(m, POOL_strangers), STRANGERS_PER_ADDRESS);
    for (unsigned i = 0; i < 3 * STRANGERS_PER_ADDRESS; i++) {
        guest_hear(&g[i], &h);
        CHECK_INT(g[i].closed, i < 2 * STRANGERS_PER_ADDRESS); /* the oldest made room */
    }
    sim_start(w);
    CHECK(sim_converges(sim, 30000));
    sim_run(sim, 6000);
    for (unsigned i = 0; i < 3 * STRANGERS_PER_ADDRESS; i++) {
        guest_hear(&g[i], &h);
        CHECK(g[i].closed); /* 5 s are all a stranger has */
        guest_close(&g[i]);
        free(g[i].in);
    }
}

TEST(every_slot_for_strangers_taken) {
    struct sim *sim = sim_new(19);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master"), *w = sim_add(sim, NODE_WORKER, "w1");
    struct sim_guest *g[STRANGERS_MAX / STRANGERS_PER_ADDRESS + 1][STRANGERS_PER_ADDRESS];
    static struct sim_guest copies[STRANGERS_MAX + STRANGERS_PER_ADDRESS];
    unsigned n = 0;
    sim_start(m);
    sim_run(sim, 10);
    for (unsigned a = 0; a <= STRANGERS_MAX / STRANGERS_PER_ADDRESS; a++)
        for (unsigned i = 0; i < STRANGERS_PER_ADDRESS; i++) {
            char address[24];
            snprintf(address, sizeof address, "10.9.0.%u", a);
            if (i == 0)
                guest_init(&copies[n], &sim->net, address, SIM_KEY, a);
            else
                copies[n] = *g[a][0];
            copies[n].fd = -1;
            g[a][i] = &copies[n++];
            guest_connect(g[a][i], "10.0.0.1", 1516);
        }
    sim_run(sim, 20);
    CHECK_INT(sim_pool_used(m, POOL_strangers), STRANGERS_MAX);
    sim_start(w);
    sim_run(sim, 200); /* long before their time is over */
    CHECK(sim_joined(w));
    while (n > 0)
        guest_fini(&copies[--n]);
}

/* A stranger may say echo as often as it likes within its time, and gets no more memory by it. */
TEST(a_stranger_that_chats) {
    struct sim *sim = sim_new(20);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    struct sim_guest *g = sim_guest(sim, "10.8.8.8");
    sim_start(m);
    guest_connect(g, "10.0.0.1", 1516);
    sim_run(sim, 5);
    uint32_t heard = 0;
    for (int i = 0; i < 1000 && !g->closed; i++) {
        guest_ask_text(g, "echo", "hello?");
        sim_run(sim, 10);
        while (guest_hear(g, &h)) {
            CHECK_STR((char *)h.bytes, "hello?");
            heard++;
        }
    }
    CHECK(heard > 300 && heard < 600); /* 5 s */
    CHECK(g->closed);
    CHECK_INT(m->node->pools[POOL_messages].high, 0);
}

static int no_descriptor(struct sys *s, int fd, struct sys_addr *peer) {
    (void)s, (void)fd, (void)peer;
    return -EMFILE;
}

/* Nobody can be accepted for a while: the node neither runs in a circle nor forgets those who wait. */
TEST(no_descriptor_for_a_newcomer) {
    struct sim_pair p = sim_pair_synced(23);
    struct sim_node *late = sim_add(p.sim, NODE_WORKER, "late");
    struct sim_guest *g = sim_guest(p.sim, "127.0.0.9");
    int (*good)(struct sys *, int, struct sys_addr *) = p.m->faults.sys.accept;
    p.m->faults.sys.accept = no_descriptor;
    sim_start(late);
    guest_connect_local(g, p.m->local);
    uint64_t turns = p.sim->turns;
    sim_run(p.sim, 8000);
    CHECK(p.sim->turns - turns < 500);
    CHECK(!sim_joined(late) && sim_joined(p.w));
    CHECK_INT(sim_log_count(p.m, "No connection can be accepted: Too many open files"), 1);
    p.m->faults.sys.accept = good;
    CHECK(sim_converges(p.sim, 30000));
    guest_ask_text(g, "get_status", "");
    CHECK(sim_hears(p.sim, g, &h, 1000));
}

/* ---- local programs ---- */

/* Nobody is refused: who comes when all slots are taken waits, and is served when one is free. */
TEST(more_local_programs_than_slots) {
    enum { MORE = 4, ALL = LOCAL_CLIENTS_MAX + MORE };
    static struct sim_guest g[ALL];
    struct sim_pair p = sim_pair_synced(21);
    guest_init(&g[0], &p.sim->net, "127.0.0.9", SIM_KEY, 1);
    for (unsigned i = 0; i < ALL; i++) {
        g[i] = g[0];
        g[i].fd = -1;
        guest_connect_local(&g[i], p.w->local);
        sim_step(p.sim, UINT64_MAX);
    }
    sim_run(p.sim, 50);
    for (unsigned i = LOCAL_CLIENTS_MAX; i < ALL; i++)
        guest_ask_text(&g[i], "echo", "x");
    sim_run(p.sim, 500);
    CHECK_INT(sim_pool_used(p.w, POOL_local_clients), LOCAL_CLIENTS_MAX);
    CHECK_INT(sim_pool_used(p.w, POOL_local_desks), 0);
    CHECK_INT(p.w->node->pools[POOL_local_clients].refused, 0);
    CHECK_INT(sim_log_count(p.w, "more have to wait until one of them goes"), 1);
    for (unsigned i = 0; i < ALL; i++) {
        CHECK(!guest_hear(&g[i], &h));
        CHECK(!g[i].closed);
    }
    for (unsigned i = 0; i < MORE; i++)
        guest_close(&g[i]);
    for (unsigned i = LOCAL_CLIENTS_MAX; i < ALL; i++) {
        CHECK(sim_hears(p.sim, &g[i], &h, 1000));
        CHECK_STR((char *)h.bytes, "x");
    }
    CHECK(sim_converges(p.sim, 30000));
    sim_run(p.sim, 200000); /* who says nothing for two minutes goes */
    CHECK_INT(sim_pool_used(p.w, POOL_local_clients), 0);
    for (unsigned i = 0; i < ALL; i++) {
        guest_close(&g[i]);
        free(g[i].in);
    }
}

/* A worker passes questions on; the asker may leave before the answer, and the link may break. */
TEST(questions_that_are_passed_on) {
    struct sim_pair p = sim_pair_synced(22);
    char command[13];
    const char *answer = sim_asks(p.w, "get_nodes", "{}", command);
    CHECK_STR(command, "ok");
    CHECK_STR(answer, "Sent request to master node");
    struct sim_guest *g = sim_guest(p.sim, "127.0.0.1");
    p.w->host->line.latency_ns = 300000000;
    for (int i = 0; i < 4; i++) {
        guest_connect_local(g, p.w->local);
        sim_run(p.sim, 5);
        guest_ask_text(g, i & 1 ? "get_health" : "get_nodes", "null");
        CHECK(sim_hears(p.sim, g, &h, 100));
        CHECK_STR((char *)h.bytes, "Sent request to master node");
        if (i < 2) {
            sim_run(p.sim, 100);
            guest_close(g); /* does not wait */
            sim_run(p.sim, 2000);
        } else if (i == 2) {
            CHECK(sim_hears(p.sim, g, &h, 2000));
            CHECK_STR(h.command, "control_res");
            CHECK(strstr((char *)h.bytes, "\"totalItems\": 2"));
        } else {
            sim_net_cut(&p.sim->net, p.w->host, SIM_CUT_BOTH);
            CHECK(sim_hears(p.sim, g, &h, 1000));
            CHECK(strstr((char *)h.bytes, "3023")); /* told at once, not after a timeout */
        }
    }
    p.w->host->line.latency_ns = 1000000;
    CHECK(sim_converges(p.sim, 60000));
    sim_stop(p.m);
    sim_run(p.sim, 1000);
    answer = sim_asks(p.w, "get_nodes", "{}", command);
    CHECK_STR(command, "err");
    CHECK(strstr(answer, "3023"));
}
