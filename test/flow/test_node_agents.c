/* test_node_agents.c - agents of whole nodes: who they are and their groups from the master to its workers,
 * how they are from the workers to the master, among workers that are slow, wrong or of other
 * versions, and with stores that are refused. */
#include "test/sim/sim_agents.h"

#include <stdio.h>
#include <unistd.h>

#define ROUND_MS 10000u        /* sync_agent_info, sync_agent_groups */
#define FULL_MS (8 * ROUND_MS) /* until hashes that differ have led to the full list, and agree */

/* ---- the ordinary ---- */

static void everyday(uint64_t seed, const char *version) {
    struct sim_pair p = sim_agents_pair(seed, 3, version);
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, 60000));
    CHECK_STR(sim_select(p.w, "select id, name, `group`, group_hash from agent where id > 0"),
              "1|agent1|default|37a8eec1\n2|agent2|default|37a8eec1\n3|agent3|default|37a8eec1\n");
    /* How agents are, upwards. */
    sim_report(p.w, 2, "Plan 9");
    sim_tell(
        p.w,
        "global update-agent-data {\"id\":3,\"os_name\":\"Minix\",\"version\":\"v1\",\"config_sum\":\"c\","
        "\"merged_sum\":\"m\",\"manager_host\":\"h\",\"node_name\":\"w1\",\"agent_ip\":\"10.1.1.1\","
        "\"group_config_status\":\"synced\",\"connection_status\":\"active\",\"sync_status\":\"syncreq\","
        "\"labels\":\"k:v\"}");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_row(p.m, 2, "os_name, connection_status, node_name, sync_status"),
              "Plan 9|active|w1|synced\n");
    CHECK_STR(sim_row(p.m, 3, "os_name, version, ip"), "Minix|v1|10.1.1.1\n");
    CHECK_STR(sim_select(p.m, "select id, key, value from labels"), "3|k|v\n");
    sim_tell(p.w, "global update-connection-status {\"id\":2,\"connection_status\":\"disconnected\","
                  "\"sync_status\":\"syncreq_status\",\"status_code\":3}");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_row(p.m, 2, "os_name, connection_status"), "Plan 9|disconnected\n");
    sim_tell(p.w, "global update-keepalive {\"id\":2,\"connection_status\":\"active\","
                  "\"sync_status\":\"syncreq_keepalive\"}");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_row(p.m, 2, "os_name, connection_status"), "Plan 9|active\n");
    /* Groups, downwards: at the next round, not by way of the full list. */
    sim_set_groups(p.m, 2, "web\",\"default");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_row(p.w, 2, "`group`"), "web,default\n");
    /* Agents come, are renamed, and go. */
    sim_write(p.m, "etc/client.keys",
              "001 agent1 any 11\n002 other any "
              "00112233445566778899aabbccddeeff00000002\n004 new any 44\n");
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, 3 * ROUND_MS));
    CHECK_STR(sim_select(p.w, "select id, name, `group` from agent where id > 0"),
              "1|agent1|default\n2|other|web,default\n4|new|default\n");
    CHECK_STR(sim_row(p.m, 2, "os_name"), "Plan 9\n");
    CHECK_INT(sim_log_count(p.m, "ERROR"), 0);
    CHECK_INT(sim_log_count(p.w, "ERROR"), 0);
    CHECK_INT(sim_log_count(p.w, "Sent request to obtain all agent-groups"), 0);
    CHECK(strstr(sim_status(p.w), "\"groups_as_master\": true"));
}

TEST(every_day_4_14) {
    everyday(1, "4.14.7");
}

TEST(every_day_4_9) {
    everyday(2, "4.9.2");
}

TEST(every_day_4_4) {
    everyday(3, "4.4.0");
}

/* Several chunks each way, and a second time with all of them changed. */
static void many(uint64_t seed, const char *version) {
    struct sim_pair p = sim_agents_pair(seed, 2000, version);
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, 60000));
    sim_report_all(p.w, 1, 2000, "first");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_select(p.m, "select os_name, count(*) from agent where id > 0 group by 1"), "first|2000\n");
    for (unsigned i = 1; i <= 2000; i += 100) {
        struct text t;
        static char data[20000];
        text_init(&t, data, sizeof data);
        for (unsigned k = i; k < i + 100; k++)
            text_format(&t, "%s{\"id\":%u,\"groups\":[\"web\",\"default\"]}", k > i ? "," : "", k);
        sim_tell(p.m,
                 "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[%s]}",
                 data);
    }
    sim_report_all(p.w, 1, 2000, "second");
    sim_report(p.w, 2000, "the last");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    CHECK_STR(sim_select(p.m, "select os_name, count(*) from agent where id > 0 group by 1"),
              "second|1999\nthe last|1\n");
    CHECK_STR(sim_select(p.w, "select `group`, group_hash, count(*) from agent where id > 0 group by 1, 2"),
              "web,default|4b323b42|2000\n");
    CHECK_INT(sim_log_count(p.m, "ERROR") + sim_log_count(p.w, "ERROR"), 0);
    CHECK_INT(sim_log_count(p.w, "Sent request to obtain all agent-groups"), 0);
}

TEST(two_thousand_agents_4_14) {
    many(4, "4.14.7");
}

TEST(two_thousand_agents_4_9) {
    many(5, "4.9.2");
}

/* ---- several workers ---- */

static struct sim_node *add_worker(struct sim *sim, const char *name) {
    struct sim_node *w = sim_add(sim, NODE_WORKER, name);
    sim_start(w);
    return w;
}

static bool has_moved(void *arg) {
    return strcmp(sim_row(arg, 3, "os_name"), "moved\n") == 0;
}

TEST(each_worker_tells_of_its_own_agents) {
    struct sim_pair p = sim_agents_pair_agreed(6, 30, "4.14.7");
    struct sim_node *w[3] = {p.w, add_worker(p.sim, "w2"), add_worker(p.sim, "w3")};
    CHECK(sim_converges(p.sim, 30000));
    for (unsigned i = 1; i <= 30; i++)
        sim_report(w[i % 3], i, i % 2 ? "odd" : "even");
    sim_set_groups(p.m, 7, "web");
    CHECK(sim_agents_agree(p.sim, FULL_MS)); /* who came late has missed what was told */
    CHECK_STR(
        sim_select(p.m,
                   "select node_name, count(*) from agent where os_name is not null and id > 0 group by 1"),
        "w1|10\nw2|10\nw3|10\n");
    /* An agent moves: what its new node says of it counts, at the master and nowhere else. */
    sim_report(w[1], 3, "moved");
    CHECK(sim_until(p.sim, 2 * ROUND_MS, 500, has_moved, p.m));
    sim_set_groups(p.m, 3, "web");
    sim_run(p.sim, 2 * ROUND_MS);
    for (unsigned i = 0; i < 3; i++)
        CHECK_STR(sim_row(w[i], 3, "`group`, sync_status"), "web|synced\n");
    CHECK_STR(sim_row(p.m, 3, "os_name, node_name"), "moved|w2\n");
}

/* Three that took the connection and read no more of it. Whoever reads is served in every round all the same,
 * and when the others are dropped nothing of theirs stays (the end of the case looks). */
TEST(workers_that_never_read_delay_nobody) {
    struct sim_pair p = sim_agents_pair_agreed(7, 2000, "4.14.7");
    for (unsigned i = 0; i < 3; i++) {
        char name[16], address[16];
        snprintf(name, sizeof name, "deaf%u", i);
        snprintf(address, sizeof address, "10.9.9.%u", i);
        struct sim_guest *g = sim_guest(p.sim, address);
        sim_says_hello(p.m, g, name);
        g->host->line.room = 1000;
    }
    for (unsigned round = 0; round < 9; round++) {
        for (unsigned id = 1; id <= 2000; id += 1 + round * 50)
            sim_set_groups(p.m, id, round & 1 ? "default" : "web\",\"default");
        sim_report(p.w, 1 + round, round & 1 ? "odd" : "even");
        CHECK(sim_agents_agree(p.sim, ROUND_MS + 1000));
    }
    CHECK_INT(sim_log_count(p.w, "Sent request to obtain all agent-groups"), 0);
    sim_run(p.sim, 200000);
    CHECK_INT(p.m->node->master.peer_count, 1);
    CHECK_INT(sim_pool_used(p.m, POOL_xfer_senders), 0);
    sim_set_groups(p.m, 5, "web");
    CHECK(sim_agents_agree(p.sim, ROUND_MS + 1000));
}

/* ---- hashes that differ ---- */

static uint32_t full_lists(const struct sim_node *w) {
    return sim_log_count(w, "Sent request to obtain all agent-groups");
}

/* The worker has other groups than it was told: after agent_groups_mismatch_limit rounds the full list mends
 * it. */
static void differs(uint64_t seed, const char *version, uint32_t limit) {
    struct sim_pair p = sim_agents_pair(seed, 2000, version);
    p.w->config.intervals.agent_groups_mismatch_limit = limit;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, 60000));
    sim_tell(p.w, "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":["
                  "{\"id\":77,\"groups\":[\"wrong\"]},{\"id\":1999,\"groups\":[\"web\"]}]}");
    sim_run(p.sim, (limit - 1) * ROUND_MS + 200);
    CHECK_INT(full_lists(p.w), 0);
    CHECK(strstr(sim_status(p.w), "comparisons until the full list is asked for"));
    sim_run(p.sim, ROUND_MS);
    CHECK_INT(full_lists(p.w), 1);
    CHECK(sim_agents_agree(p.sim, ROUND_MS + 1000));
    CHECK_INT(full_lists(p.w), 1);
    CHECK_INT(sim_log_count(p.m, "[Agent-groups send full] Starting."), 1);
    CHECK(sim_log_has(p.m, "[Agent-groups send full] Finished in"));
    CHECK_INT(sim_log_count(p.m, "ERROR") + sim_log_count(p.w, "ERROR"), 0);
    CHECK(!strstr(sim_status(p.w), "groups_why"));
}

TEST(groups_that_differ_are_mended_4_14) {
    differs(8, "4.14.7", 5);
}

TEST(groups_that_differ_are_mended_4_9) {
    differs(9, "4.9.2", 2);
}

/* Groups of an agent that were still on their way when it was removed: its row has no line, and goes. */
TEST(groups_of_an_agent_that_is_gone) {
    struct sim_pair p = sim_agents_pair_agreed(16, 3, "4.14.7");
    sim_tell(p.w, "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":["
                  "{\"id\":55,\"name\":\"gone\",\"groups\":[\"web\"]}]}");
    CHECK_STR(sim_row(p.w, 55, "name, `group`"), "gone|web\n");
    sim_run(p.sim, 200000);
    CHECK_STR(sim_row(p.w, 55, "name"), "gone\n"); /* its line might still come */
    CHECK(sim_agents_agree(p.sim, 150000));
    CHECK_STR(sim_row(p.w, 55, "name"), "");
}

/* An agent that the master does not know: no full list helps, so they become rare; when it is gone all is
 * well at once. */
TEST(full_lists_that_do_not_help_become_rare) {
    struct sim_pair p = sim_agents_pair_agreed(10, 3, "4.14.7");
    sim_tell(p.w, "global insert-agent {\"id\":99,\"name\":\"stray\",\"date_add\":1}");
    sim_tell(p.w, "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":["
                  "{\"id\":99,\"groups\":[\"web\"]}]}");
    uint64_t at[8], then = sim_ms(p.sim);
    for (uint32_t n = 0; n < 8;) {
        CHECK(sim_ms(p.sim) - then < 5400000);
        sim_log_clear(p.w);
        sim_run(p.sim, 1000);
        if (full_lists(p.w))
            at[n++] = sim_ms(p.sim);
    }
    /* five comparisons, and a pause of 20, 40, 80, ... seconds, looked at with each comparison */
    for (uint64_t n = 1, pause = 2 * ROUND_MS; n < 8; n++, pause *= 2) {
        uint64_t gap = at[n] - at[n - 1], want = 5 * ROUND_MS + pause;
        if (gap + 2 * ROUND_MS < want || gap > want + 2 * ROUND_MS)
            test_fail(__FILE__, __LINE__, "%llu: %llu ms, should be about %llu", (unsigned long long)n,
                      (unsigned long long)gap, (unsigned long long)want);
    }
    CHECK_INT(sim_log_count(p.m, "[Agent-groups send full] Starting."), 8);
    sim_run(p.sim, 6 * ROUND_MS);
    CHECK(strstr(sim_status(p.w), "UTC did not help; next one in"));
    CHECK(strstr(sim_status(p.w), "\"groups_as_master\": false"));
    sim_report(p.w, 1, "meanwhile");
    sim_tell(p.w, "global delete-agent 99");
    CHECK(sim_agents_agree(p.sim, ROUND_MS + 1000));
    CHECK(sim_log_has(p.w, "Agent groups are the master's again."));
    /* The pause is forgotten: the next time it helps as fast as ever. */
    sim_tell(p.w, "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"synced\",\"data\":["
                  "{\"id\":1,\"groups\":[\"web\"]}]}");
    CHECK(sim_agents_agree(p.sim, FULL_MS));
}

/* ---- stores that are refused ---- */

#define DB "queue/db/global.db"

/* The file of a stopped node says that it is of a Wazuh to come, or again of this one. */
static void set_version(const struct sim_node *n, char version) {
    static const char key[] = "db_version";
    char below[100];
    size_t size;
    snprintf(below, sizeof below, "%s/" DB, n->relative);
    char *bytes = test_read_file(below, &size);
    CHECK(bytes);
    char *at = memmem(bytes, size, key, sizeof key - 1);
    CHECK(at && (at[sizeof key - 1] == '7' || at[sizeof key - 1] == '8'));
    at[sizeof key - 1] = version;
    test_write_file(below, bytes, size);
}

TEST(a_master_whose_store_is_newer) {
    struct sim_pair p = sim_agents_pair_agreed(11, 20, "4.14.7");
    sim_stop(p.m);
    set_version(p.m, '8');
    sim_report_all(p.w, 1, 20, "waits");
    size_t before_n, after_n;
    char path[100];
    snprintf(path, sizeof path, "%s/" DB, p.m->relative);
    char *before = test_read_file(path, &before_n);
    sim_log_clear(p.w);
    sim_start(p.m);
    CHECK(!sim_store_is_open(p.m));
    sim_write(p.m, "etc/rules/local_rules.xml", "goes on");
    CHECK(sim_converges(p.sim, 30000));
    CHECK_STR(sim_read(p.w, "etc/rules/local_rules.xml"), "goes on");
    sim_run(p.sim, 300000);
    CHECK_INT(sim_log_count(p.m, "The agent store cannot be opened"), 1); /* said once */
    CHECK(sim_log_has(p.m, "has version 8, newer than 7"));
    CHECK(strstr(sim_status(p.m), "has version 8, newer than 7"));
    CHECK(sim_log_count(p.m, "ERROR") <= 2); /* the other: nothing can be read for the workers */
    CHECK_INT(sim_log_count(p.w, "ERROR"), 0);
    CHECK_STR(sim_select(p.w, "select sync_status, count(*) from agent where id > 0 group by 1"),
              "syncreq|20\n");
    CHECK_INT(sim_log_count(p.w, "Connection closed"), 0);
    char *after = test_read_file(path, &after_n);
    CHECK(before_n == after_n && memcmp(before, after, after_n) == 0); /* left as it is */
    sim_stop(p.m); /* without a store it ends, and begins, as ever */
    sim_start(p.m);
    CHECK(sim_converges(p.sim, 30000));
    /* Mended while the node runs. */
    set_version(p.m, '7');
    CHECK(sim_agents_agree(p.sim, 30000 + FULL_MS));
    CHECK_STR(sim_row(p.m, 20, "os_name"), "waits\n");
    CHECK(!strstr(sim_status(p.m), "newer than 7"));
}

/* Other programs cannot connect at first: a folder lies where the socket should. */
TEST(sockets_that_cannot_be_served_at_first) {
    struct sim_pair p = sim_agents_pair(15, 3, "4.14.7");
    char path[300];
    sim_write(p.w, "queue/db/wdb/in the way", "");
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_agents_agree(p.sim, 60000));
    CHECK(sim_serves_wdb(p.m) && !sim_serves_wdb(p.w));
    sim_run(p.sim, 300000);
    CHECK_INT(sim_log_count(p.w, "Other programs cannot reach the agents"), 1);
    sim_remove(p.w, "queue/db/wdb/in the way");
    snprintf(path, sizeof path, "%s/queue/db/wdb", p.w->root);
    CHECK_INT(rmdir(path), 0);
    sim_run(p.sim, 32500);
    CHECK(sim_serves_wdb(p.w));
}

TEST(a_worker_whose_store_is_damaged) {
    struct sim_pair p = sim_agents_pair_agreed(12, 20, "4.14.7");
    struct sim_node *other = add_worker(p.sim, "w2");
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, FULL_MS));
    sim_stop(p.w);
    sim_rename(p.w, DB, DB ".whole");
    sim_write(p.w, DB,
              "this is no database, though it is long enough to be looked at as if it were one .......");
    sim_start(p.w);
    CHECK(!sim_store_is_open(p.w));
    sim_set_groups(p.m, 3, "web");
    sim_report(other, 4, "alive");
    sim_write(p.m, "etc/rules/local_rules.xml", "goes on");
    sim_log_clear(p.m), sim_log_clear(p.w);
    CHECK(sim_converges(p.sim, 30000));
    sim_run(p.sim, 2 * ROUND_MS);
    CHECK_STR(sim_row(other, 3, "`group`"), "web\n");
    CHECK_STR(sim_row(p.m, 4, "os_name"), "alive\n");
    sim_run(p.sim, 300000);
    CHECK(sim_joined(p.w));
    CHECK(sim_log_count(p.w, "ERROR") <=
          2); /* once each, though every round fails: what is sent, what is told */
    CHECK(sim_log_count(p.m, "ERROR") <= 1);
    CHECK(strstr(sim_status(p.w), "\"why\""));
    sim_stop(p.w);
    sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    sim_remove(p.w, DB);
    sim_rename(p.w, DB ".whole", DB);
    CHECK(sim_agents_agree(p.sim, 30000 + FULL_MS));
    sim_report(p.w, 5, "again");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
}

/* A node that begins with nothing asks for everything; no service of it knew an agent. */
TEST(a_worker_that_lost_its_store) {
    struct sim_pair p = sim_agents_pair_agreed(13, 2000, "4.14.7");
    sim_report_all(p.w, 1, 2000, "before");
    sim_set_groups(p.m, 3, "web");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
    sim_stop(p.w);
    sim_remove(p.w, DB);
    sim_start(p.w);
    sim_run(p.sim, FULL_MS + 2 * ROUND_MS);
    CHECK_STR(sim_row(p.w, 3, "name, `group`"), "agent3|web\n");
    CHECK_STR(sim_row(p.m, 3, "os_name"), "before\n"); /* nobody said otherwise */
    CHECK(p.w->node->worker.agent_groups.equal);
    sim_report_all(p.w, 1, 2000, "after");
    CHECK(sim_agents_agree(p.sim, 2 * ROUND_MS));
}

/* A wazuh-db that is not there. */
TEST(nodes_whose_wazuh_db_is_down) {
    struct sim_pair p = sim_agents_pair(14, 3, "4.14.7");
    p.m->config.store = p.w->config.store = STORE_WAZUH_DB;
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    sim_run(p.sim, 300000);
    CHECK(sim_log_count(p.m, "ERROR") <= 2);
    CHECK(sim_log_count(p.w, "ERROR") <= 2);
    CHECK(strstr(sim_status(p.m), "\"store\": \"wazuh-db\""));
    CHECK(!sim_exists(p.m, DB) && !sim_exists(p.w, DB));
    sim_write(p.m, "etc/rules/local_rules.xml", "goes on");
    CHECK(sim_converges(p.sim, 30000));
}
