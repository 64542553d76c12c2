/* test_send_file.c - files sent from node to node by programs, and files that arrive and no task waits for
 * (reference, sections 4.1 and 4.4): every path, every answer, and what is left behind when something breaks.
 */
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLUSTER_ERROR(code, extra)                                                                           \
    "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "           \
    "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": " code ", \"extra_message\": " extra     \
    ", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}"

static struct sim_heard h;
static struct sim_pair p;

static struct sim_guest *program(struct sim_node *n) {
    struct sim_guest *g = sim_guest(n->sim, "127.0.0.1");
    guest_connect_local(g, n->local);
    sim_run(n->sim, 5);
    return g;
}

static void hear(struct sim_guest *g, const char *command, const char *text) {
    CHECK(sim_hears(p.sim, g, &h, 5000));
    CHECK_STR(h.command, command);
    if (text)
        CHECK_STR((char *)h.bytes, text);
}

/* The result comes as a string that send_f_res names: what a Python client reads (4.14.7, local_client.py).
 */
static const char *result(struct sim_guest *g) {
    static char text[2048];
    hear(g, "new_str", NULL);
    guest_say(g, h.counter, "ok", "77", 2);
    hear(g, "str_upd", NULL);
    CHECK(strncmp((char *)h.bytes, "77 ", 3) == 0);
    snprintf(text, sizeof text, "%.2000s", (char *)h.bytes + 3);
    guest_say(g, h.counter, "ok", "String updated", 14);
    hear(g, "send_f_res", "77");
    guest_say(g, h.counter, "ok", "Distributed api response received", 33);
    sim_run(p.sim, 10);
    return text;
}

static const char *send(struct sim_node *from, const char *request) {
    struct sim_guest *g = program(from);
    guest_ask_text(g, "send_file", request);
    hear(g, "ok", "Forwarding file to master node");
    const char *text = result(g);
    guest_close(g);
    sim_run(p.sim, 10);
    return text;
}

static void refused(struct sim_node *from, const char *request, const char *want) {
    struct sim_guest *g = program(from);
    guest_ask_text(g, "send_file", request);
    hear(g, "err", want);
    guest_close(g);
}

TEST(both_ways) {
    p = sim_pair_synced(1);
    char request[500];
    sim_write(p.m, "queue/cluster/w1/to-worker.txt", "from the master");
    CHECK_STR(send(p.m, "queue/cluster/w1/to-worker.txt w1"), "15");
    CHECK_STR(sim_read(p.w, "queue/cluster/w1/to-worker.txt"), "from the master");
    sim_write_random(p.w, "queue/cluster/w1/big_1.bin", 700000, 3);
    CHECK_STR(send(p.w, "/queue/cluster/w1/big_1.bin None"), "700000");
    char *a = sim_read(p.w, "queue/cluster/w1/big_1.bin"), *b = sim_read(p.m, "queue/cluster/w1/big_1.bin");
    CHECK_MEM(a, b, 700000);
    sim_write(p.w, "queue/cluster/w1/empty", "");
    snprintf(request, sizeof request, "%s/queue/cluster/w1/empty master", p.w->root); /* as Python sends it */
    CHECK_STR(send(p.w, request), "0");
    CHECK_STR(sim_read(p.m, "queue/cluster/w1/empty"), "");
    sim_write(p.w, "queue/cluster/w1/empty", "now it is not"); /* the same name again */
    CHECK_STR(send(p.w, request), "13");
    CHECK_STR(sim_read(p.m, "queue/cluster/w1/empty"), "now it is not");
    CHECK(sim_log_has(p.w,
                      "INFO [Local Server] [Send file] /queue/cluster/w1/big_1.bin was sent to the master: "
                      "700000 bytes in "));
    CHECK(sim_log_has(p.m, "INFO [Worker w1] [Receive file] /queue/cluster/w1/big_1.bin was received: 700000 "
                           "bytes"));
    struct stat st;
    char path[400];
    snprintf(path, sizeof path, "%s/queue/cluster/w1/.receiving", p.m->root);
    CHECK(lstat(path, &st) != 0);
}

TEST(what_is_refused_at_once) {
    p = sim_pair_synced(1);
    char path[400];
    snprintf(path, sizeof path, "%s/queue/link", p.m->root);
    CHECK_INT(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/queue/pipe", p.m->root);
    CHECK_INT(mkfifo(path, 0600), 0);
    refused(p.m, "etc/rules/a.xml nosuch", CLUSTER_ERROR("3022", "\"nosuch\""));
    refused(p.m, "etc/rules/a.xml None", CLUSTER_ERROR("3022", "\"None\""));
    refused(p.m, "etc/nosuch w1", CLUSTER_ERROR("3034", "\"/etc/nosuch\""));
    refused(p.m, "queue w1", CLUSTER_ERROR("3000", "\"/queue is no file\""));
    refused(p.m, "queue/pipe w1", CLUSTER_ERROR("3000", "\"/queue/pipe is no file\""));
    static const char *const shapes[] = {"etc/rules/a.xml", "/ w1", "a b w1", "etc/\trules w1"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        refused(p.m, shapes[i],
                i == 2 ? CLUSTER_ERROR("3022", "\"b w1\"")
                       : CLUSTER_ERROR("3000",
                                       "\"send_file takes a path of at most 318 characters and a node\""));
    static const char *const outside[] = {"../x w1", "etc/../../x w1", "queue/link w1"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        struct sim_guest *g = program(p.m);
        guest_ask_text(g, "send_file", outside[i]);
        hear(g, "err", NULL);
        CHECK(strstr((char *)h.bytes, "\"code\": 3000") && strstr((char *)h.bytes, "cannot be sent"));
        guest_close(g);
    }
    sim_run(p.sim, 10);
    CHECK_INT(sim_pool_used(p.m, POOL_xfer_senders), 0);
}

/* The other side takes only its own folder; its words come back. */
TEST(what_the_other_side_refuses) {
    p = sim_pair_synced(1);
    CHECK_STR(send(p.m, "etc/client.keys w1"), CLUSTER_ERROR("3000", "\"Write path not allowed\""));
    CHECK(sim_log_has(p.m, "ERROR [Local Server] [Send file] /etc/client.keys was not sent to w1: "));
    sim_write(p.m, "queue/cluster/w1/.hidden", "x");
    CHECK(strstr(send(p.m, "queue/cluster/w1/.hidden w1"), "no task waits for this file"));
    sim_write(p.m, "queue/cluster/w2/x", "x");
    CHECK(strstr(send(p.m, "queue/cluster/w2/x w1"), "no task waits for this file"));
    CHECK(!sim_exists(p.w, "queue/cluster/w2/x"));
    CHECK_INT(sim_pool_used(p.m, POOL_xfer_senders), 0);
    CHECK_INT(sim_pool_used(p.w, POOL_xfer_receivers), 0);
}

TEST(the_link_breaks) {
    p = sim_pair_synced(1);
    sim_write_random(p.w, "queue/cluster/w1/big", 3000000, 3);
    p.w->host->line.bytes_per_s = 1000000;
    struct sim_guest *g = program(p.w), *leaves = program(p.w);
    guest_ask_text(g, "send_file", "queue/cluster/w1/big None");
    hear(g, "ok", "Forwarding file to master node");
    guest_ask_text(leaves, "send_file", "queue/cluster/w1/big None");
    hear(leaves, "ok", "Forwarding file to master node");
    guest_close(leaves); /* it goes on, and nobody is told */
    sim_run(p.sim, 1000);
    CHECK(sim_exists(p.m, "queue/cluster/w1/.receiving"));
    sim_net_cut(&p.sim->net, p.w->host, SIM_CUT_BOTH);
    CHECK_STR(result(g), CLUSTER_ERROR("3023", "null"));
    sim_run(p.sim, 100);
    CHECK(!sim_exists(p.m, "queue/cluster/w1/.receiving"));
    CHECK(!sim_exists(p.m, "queue/cluster/w1/big"));
    p.w->host->line.bytes_per_s = 0;
    CHECK(sim_converges(p.sim, 30000));
    CHECK_STR(send(p.w, "queue/cluster/w1/big None"), "3000000");
}

TEST(a_node_ends_in_the_middle) {
    p = sim_pair_synced(1);
    sim_write_random(p.w, "queue/cluster/w1/big", 3000000, 3);
    p.w->host->line.bytes_per_s = 1000000;
    struct sim_guest *g = program(p.w);
    guest_ask_text(g, "send_file", "queue/cluster/w1/big None");
    hear(g, "ok", "Forwarding file to master node");
    sim_run(p.sim, 1000);
    sim_stop(p.w); /* and everything is given back */
    sim_run(p.sim, 1000);
    sim_stop(p.m);
    CHECK(!sim_exists(p.m, "queue/cluster/w1/.receiving"));
}

TEST(more_than_it_sends_at_once) {
    p = sim_pair_synced(1);
    sim_write_random(p.w, "queue/cluster/w1/big", 1000000, 3);
    p.w->host->line.bytes_per_s = 1000000;
    for (unsigned i = 0; i < FILES_SENT; i++) {
        struct sim_guest *g = program(p.w);
        guest_ask_text(g, "send_file", "queue/cluster/w1/big None");
        hear(g, "ok", "Forwarding file to master node");
    }
    refused(p.w, "queue/cluster/w1/big None", CLUSTER_ERROR("3000", "\"too many files are being sent\""));
    p.w->host->line.bytes_per_s = 0;
    sim_run(p.sim, 30000);
    CHECK(sim_joined(p.w));
}

/* ---- by hand ---- */

static struct sim_guest *g;

static void a_worker_by_hand(void) {
    p = sim_pair(1);
    sim_start(p.m);
    sim_run(p.sim, 100);
    g = sim_guest(p.sim, "10.1.1.1");
    sim_says_hello(p.m, g, "w7");
}

static void said(const char *command, const void *payload, size_t n, const char *answer) {
    guest_ask(g, command, payload, n);
    hear(g, answer, NULL);
}

static size_t file_end(uint8_t *out, const char *path, const char *content, bool right) {
    struct sha256 hash;
    size_t n = strlen(path);
    memcpy(out, path, n);
    out[n] = ' ';
    sha256_init(&hash);
    sha256_push(&hash, content, strlen(content));
    sha256_out(&hash, out + n + 1);
    out[n + 1] ^= !right;
    return n + 1 + SHA256_BYTES;
}

#define PATH "/queue/cluster/w7/notes.txt"

TEST(a_wrong_digest_leaves_nothing) {
    uint8_t end[200];
    a_worker_by_hand();
    for (int right = 0; right < 2; right++) {
        said("new_file", PATH, sizeof PATH - 1, "ok");
        said("file_upd", PATH " abc", sizeof PATH + 3, "ok");
        CHECK(sim_exists(p.m, "queue/cluster/w7/.receiving"));
        CHECK(!sim_exists(p.m, "queue/cluster/w7/notes.txt"));
        said("file_end", end, file_end(end, PATH, "abc", right), right ? "ok" : "err");
        CHECK(!sim_exists(p.m, "queue/cluster/w7/.receiving"));
        CHECK_INT(sim_exists(p.m, "queue/cluster/w7/notes.txt"), right);
    }
    CHECK(sim_log_has(p.m, "ERROR [Worker w7] [Receive file] " PATH " was not received: "));
    CHECK_STR(sim_read(p.m, "queue/cluster/w7/notes.txt"), "abc");
    struct stat st;
    char path[400];
    snprintf(path, sizeof path, "%s/queue/cluster/w7/notes.txt", p.m->root);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
}

TEST(one_at_a_time_and_anew) {
    a_worker_by_hand();
    said("new_file", PATH, sizeof PATH - 1, "ok");
    said("new_file", "/queue/cluster/w7/other", 23, "err");
    CHECK(strstr((char *)h.bytes, "another file is being received"));
    said("file_upd", PATH " abc", sizeof PATH + 3, "ok");
    said("new_file", PATH, sizeof PATH - 1, "ok"); /* begun anew */
    uint8_t end[200];
    said("file_upd", PATH " x", sizeof PATH + 1, "ok");
    said("file_end", end, file_end(end, PATH, "x", true), "ok");
    CHECK_STR(sim_read(p.m, "queue/cluster/w7/notes.txt"), "x");
    said("new_file", "/queue/cluster/w7/other", 23, "ok");
    guest_close(g);
    sim_run(p.sim, 100);
    CHECK(!sim_exists(p.m, "queue/cluster/w7/.receiving"));
}

/* A peer fills neither the folder nor the disk. */
TEST(room_is_bounded) {
    static char chunk[sizeof PATH + 60000];
    uint8_t end[200];
    char path[100];
    p = sim_pair(1);
    p.m->config.spool_bytes = 400000;
    sim_start(p.m);
    sim_run(p.sim, 100);
    g = sim_guest(p.sim, "10.1.1.1");
    sim_says_hello(p.m, g, "w7");
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, PATH " ", sizeof PATH);
    said("new_file", PATH, sizeof PATH - 1, "ok");
    said("file_upd", chunk, sizeof chunk, "ok");
    said("file_upd", chunk, sizeof chunk, "err"); /* more than a quarter of the spool */
    CHECK(strstr((char *)h.bytes, "files that were sent may have 100000 bytes more"));
    said("file_end", end, file_end(end, PATH, "", true), "err");
    CHECK(!sim_exists(p.m, "queue/cluster/w7/.receiving"));
    for (unsigned i = 0; i <= INBOX_FILES; i++) {
        int n = snprintf(path, sizeof path, "/queue/cluster/w7/f%u", i);
        said("new_file", path, (size_t)n, i < INBOX_FILES ? "ok" : "err");
        if (i < INBOX_FILES)
            said("file_end", end, file_end(end, path, "", true), "ok");
    }
    CHECK(strstr((char *)h.bytes, "the folder has no room for another file"));
    CHECK_INT(sim_log_count(p.m, "the folder has no room for another file"), 1);
}
