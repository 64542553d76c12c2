/* test_local.c - the local socket: what programs of the machine are answered, how a worker passes questions
 * on, and who is closed when. Texts are those of the transcripts of cluster_control (4.14.7); that an error
 * of the master comes back as control_res is picket's own, for a real worker says nothing then. */
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES                                                                                                \
    "{\"filter_node\": %s, \"offset\": 0, \"limit\": 500, \"sort\": null, \"search\": null, \"select\": "    \
    "null, "                                                                                                 \
    "\"filter_type\": \"all\", \"distinct\": false}"
#define FAILED(class, title, code, extra, ids)                                                               \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {\"type\": \"about:blank\", "  \
                                                         "\"title\": \"" title "\", \"code\": " code         \
                                                         ", \"extra_message\": " extra                       \
                                                         ", \"extra_remediation\": null, \"cmd_error\": "    \
                                                         "false, \"dapi_errors\": {}" ids "}}}"
#define CLUSTER_ERROR(code, extra) FAILED("WazuhClusterError", "Wazuh Cluster Error", code, extra, "")

static struct sim_heard h;

static const char *nodes(const char *filter) {
    static char text[300];
    snprintf(text, sizeof text, NODES, filter);
    return text;
}

/* A program on the socket of a node. */
static struct sim_guest *program(struct sim_node *n) {
    struct sim_guest *g = sim_guest(n->sim, "127.0.0.1");
    guest_connect_local(g, n->local);
    sim_run(n->sim, 5);
    return g;
}

static void hear(struct sim_node *n, struct sim_guest *g, const char *command, const char *text) {
    CHECK(sim_hears(n->sim, g, &h, 3000));
    CHECK_STR(h.command, command);
    CHECK_STR((char *)h.bytes, text);
}

static mode_t mode_of(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(the_socket_comes_and_goes) {
    struct sim_pair p = sim_pair(1);
    sim_write(p.m, "queue/cluster/c-internal.sock", "left over by a node that was killed");
    sim_start(p.m), sim_start(p.w);
    CHECK_INT(mode_of(p.m->local), 0660);
    CHECK_INT(mode_of(p.w->local), 0660);
    CHECK(sim_log_has(p.m, "INFO [Local Server] [Main] Serving on "));
    sim_stop(p.m);
    CHECK(!sim_exists(p.m, "queue/cluster/c-internal.sock"));
}

/* The twelve bytes of the header's command as C daemons compare them (reference, section 12, pitfall 3). */
TEST(headers_to_the_byte) {
    struct sim *sim = sim_new(1);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    struct sim_guest *g = program(m);
    uint8_t raw[400];
    static const struct {
        const char *command, *payload, *header, *answer;
    } cases[] = {
        {"echo", "x", "ok ---------", "x"},
        {"echo-c", "keepalive", "ok-m  ------", "keepalive"},
        {"xyz", "", "err --------", "unknown command 'b'xyz''"},
        {"get_hash", "", "err --------", "unknown command 'b'get_hash''"},
        {"dapi", "{}", "err --------", "unknown command 'b'dapi''"},
        {"sendsync", "{}", "err --------", "unknown command 'b'sendsync''"},
        {"hello", "w1 wazuh worker 4.14.7", "err --------", "unknown command 'b'hello''"},
        {"syn_i_w_m_p", "", "err --------", "unknown command 'b'syn_i_w_m_p''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guest_ask_text(g, cases[i].command, cases[i].payload);
        sim_run(sim, 10);
        ptrdiff_t n = g->sys.recv(&g->sys, g->fd, raw, sizeof raw);
        CHECK_INT(n, 20 + (ptrdiff_t)strlen(cases[i].answer));
        CHECK_INT(raw[2] << 8 | raw[3], 1000 + i);
        CHECK_INT(raw[7], strlen(cases[i].answer));
        CHECK_MEM(raw + 8, cases[i].header, 12);
        CHECK_MEM(raw + 20, cases[i].answer, strlen(cases[i].answer));
    }
}

/* Files have no place here. */
TEST(no_files) {
    struct sim *sim = sim_new(1);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    struct sim_guest *g = program(m);
    guest_ask_text(g, "new_file", "/queue/cluster/w1/x.zip");
    CHECK(sim_hears(sim, g, &h, 1000));
    CHECK_STR(h.command, "err");
    guest_ask_text(g, "new_file", "/etc/passwd");
    hear(m, g, "err", "Write path not allowed");
    CHECK_INT(sim_pool_used(m, POOL_xfer_receivers), 0);
    guest_ask_text(g, "echo", "still here");
    hear(m, g, "ok", "still here");
}

/* ---- passed on ---- */

static struct sim_pair joined(void) {
    struct sim_pair p = sim_pair(1);
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    return p;
}

TEST(a_worker_passes_questions_on) {
    struct sim_pair p = joined();
    struct sim_guest *g = program(p.w);
    char answer[13];
    static const char *const questions[][2] = {
        {"get_nodes", "null"}, {"get_nodes", "[\"w1\"]"}, {"get_health", NULL}};
    for (size_t i = 0; i < 3; i++) {
        const char *payload = questions[i][1] ? nodes(questions[i][1]) : "[\"w1\", \"master\"]";
        uint32_t counter = guest_ask_text(g, questions[i][0], payload);
        hear(p.w, g, "ok", "Sent request to master node");
        CHECK_INT(h.counter, counter);
        CHECK(sim_hears(p.sim, g, &h, 1000));
        CHECK_STR(h.command, "control_res");
        guest_say(g, h.counter, "ok", "Response received", 17);
        CHECK_STR((char *)h.bytes, sim_asks(p.m, questions[i][0], payload, answer)); /* word for word */
        CHECK_STR(answer, "ok");
    }
}

/* Longer than a window of small messages, and than a whole window. */
TEST(a_long_answer_is_passed_on) {
    static struct sim_guest guests[40];
    struct sim_pair p = joined();
    for (unsigned i = 0; i < 40; i++) {
        char address[16], name[40];
        snprintf(address, sizeof address, "10.5.0.%u", i);
        snprintf(name, sizeof name, "a-worker-with-a-long-name-%u", i);
        guest_init(&guests[i], &p.sim->net, address, SIM_KEY, i);
        sim_says_hello(p.m, &guests[i], name);
    }
    struct sim_guest *g = program(p.w);
    guest_ask_text(g, "get_health", "null");
    hear(p.w, g, "ok", "Sent request to master node");
    CHECK(sim_hears(p.sim, g, &h, 3000));
    CHECK_STR(h.command, "control_res");
    CHECK(h.n > 30000);
    CHECK(strncmp((char *)h.bytes, "{\"n_connected_nodes\": 41, ", 26) == 0);
    CHECK_STR((char *)h.bytes + h.n - 4, "}}}}");
    for (unsigned i = 0; i < 40; i++)
        guest_fini(&guests[i]);
    sim_run(p.sim, 10);
}

TEST(an_error_of_the_master_is_passed_on) {
    struct sim_pair p = joined();
    struct sim_guest *g = program(p.w);
    guest_ask_text(g, "get_nodes", nodes("[\"nosuch\"]"));
    hear(p.w, g, "ok", "Sent request to master node");
    hear(p.w, g, "control_res",
         FAILED("WazuhResourceNotFound", "Resource Not Found", "1730", "null", ", \"ids\": []"));
}

TEST(no_master_to_ask) {
    struct sim *sim = sim_new(1);
    struct sim_node *w = sim_add(sim, NODE_WORKER, "w1");
    sim_start(w);
    sim_run(sim, 100);
    struct sim_guest *g = program(w);
    guest_ask_text(g, "get_nodes", nodes("null"));
    hear(w, g, "err", CLUSTER_ERROR("3023", "null"));
    guest_ask_text(g, "get_health", "null");
    hear(w, g, "err", CLUSTER_ERROR("3023", "null"));
    guest_ask_text(g, "get_config", ""); /* of itself it can tell all the same */
    CHECK(sim_hears(sim, g, &h, 1000));
    CHECK_STR(h.command, "ok");
}

/* One question of a program at a time; other programs have theirs. */
TEST(one_question_at_a_time) {
    static char long_one[5000];
    struct sim_pair p = joined();
    struct sim_guest *g = program(p.w), *other = program(p.w);
    p.w->host->line.latency_ns = 300000000;
    guest_ask_text(g, "get_nodes", nodes("null"));
    hear(p.w, g, "ok", "Sent request to master node");
    guest_ask_text(g, "get_health", "null");
    hear(p.w, g, "err", CLUSTER_ERROR("3000", "\"one question of at most 4096 bytes at a time\""));
    guest_ask_text(other, "get_health", "null");
    hear(p.w, other, "ok", "Sent request to master node");
    CHECK(sim_hears(p.sim, g, &h, 3000));
    CHECK_STR(h.command, "control_res");
    CHECK(strstr((char *)h.bytes, "totalItems"));
    CHECK(sim_hears(p.sim, other, &h, 3000));
    CHECK(strstr((char *)h.bytes, "n_connected_nodes"));
    guest_ask_text(g, "get_nodes", nodes("null")); /* and it is free again */
    hear(p.w, g, "ok", "Sent request to master node");
    CHECK(sim_hears(p.sim, g, &h, 3000));
    memset(long_one, ' ', sizeof long_one - 1);
    guest_ask_text(g, "get_nodes", long_one);
    hear(p.w, g, "err", CLUSTER_ERROR("3000", "\"one question of at most 4096 bytes at a time\""));
}

/* The master never answers: the program hears of it after timeout_cluster_request, 20 s. */
TEST(a_master_that_does_not_answer) {
    struct sim_pair p = joined();
    struct sim_guest *g = program(p.w);
    p.w->host->line.hole = true;
    guest_ask_text(g, "get_nodes", nodes("null"));
    hear(p.w, g, "ok", "Sent request to master node");
    sim_run(p.sim, 19000);
    CHECK(!guest_hear(g, &h));
    sim_run(p.sim, 2000);
    CHECK(guest_hear(g, &h));
    CHECK_STR(h.command, "control_res");
    CHECK(strstr((char *)h.bytes, "\"code\": 3020"));
    p.w->host->line.hole = false;
}

/* ---- who stays ---- */

TEST(the_silent_are_closed) {
    struct sim *sim = sim_new(1);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    struct sim_guest *silent = program(m), *lively = program(m);
    for (int i = 0; i < 11; i++) {
        sim_run(sim, 10000);
        guest_ask_text(lively, "echo-c", "keepalive");
        hear(m, lively, "ok-m", "keepalive");
        CHECK(!guest_hear(silent, &h));
        CHECK(!silent->closed);
    }
    sim_run(sim, 45000); /* 120 s, looked at each 30 s */
    CHECK(!guest_hear(silent, &h));
    CHECK(silent->closed);
    guest_ask_text(lively, "echo", "x");
    hear(m, lively, "ok", "x");
    CHECK_INT(sim_pool_used(m, POOL_local_clients), 1);
}

TEST(garbage_ends_one_client_only) {
    struct sim *sim = sim_new(1);
    struct sim_node *m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    struct sim_guest *bad = program(m), *good = program(m);
    uint8_t frame[40];
    size_t n = guest_frame(frame, NULL, 1, "get_nodes", false, "x", 1);
    memset(frame + 4, 0xff, 4); /* a length beyond all */
    CHECK(guest_send(bad, frame, n));
    CHECK(sim_closes(sim, bad, 1000));
    guest_ask_text(good, "echo", "x");
    hear(m, good, "ok", "x");
}

/* ---- it cannot be opened ---- */

static struct sim_net net;
static struct sys sys;
static struct local_server server;

static int no_listen(struct sys *s, const struct sys_addr *a, int backlog) {
    (void)s, (void)a, (void)backlog;
    return -EACCES;
}

static int no_chmod(struct sys *s, int dir, const char *path, uint32_t mode) {
    (void)s, (void)dir, (void)path, (void)mode;
    return -EPERM;
}

static int no_unlink(struct sys *s, int dir, const char *path, bool folder) {
    (void)s, (void)dir, (void)path, (void)folder;
    return -EACCES;
}

TEST(it_cannot_be_opened) {
    static char long_path[300];
    static struct loop loop;
    static struct loop_io io[LOOP_IO_MAX];
    struct role_env *env = test_keep(calloc(1, sizeof *env));
    struct error e;
    sim_net_init(&net, 1);
    sim_host_add(&net, "10.0.0.1", 1, &sys);
    loop_init(&loop, &sys);
    test_write_file("queue/cluster/x", "", 0);
    env->sys = &sys;
    env->loop = &loop;
    env->root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    struct sys good = sys;
    for (int i = 0; i < 5; i++) {
        const char *root = test_dir();
        enum err want = E_SYS;
        sys = good;
        switch (i) {
        case 0: /* no room in a socket's address */
            memset(long_path, 'x', sizeof long_path - 1);
            root = long_path;
            want = E_LIMIT;
            break;
        case 1:
            sys.unlinkat = no_unlink;
            break;
        case 2:
            sys.listen = no_listen;
            break;
        case 3:
            sys.chmodat = no_chmod;
            break;
        default:
            for (uint32_t k = 0; k < LOOP_IO_MAX; k++) {
                loop_io_init(&io[k], NULL, NULL);
                CHECK(loop_io_add(&loop, &io[k], 1000, 0));
            }
            want = E_POOL;
            break;
        }
        CHECK_INT(local_open(&server, env, NULL, NULL, NULL, root, &e), want);
        CHECK(e.what[0]);
        sys = good;
        local_close(&server); /* as node_close does it */
        CHECK_INT(loop.timer_count, 0);
        CHECK_INT(net.host[0].sock_count, 0);
    }
    while (loop.io_count)
        loop_io_remove(&loop, loop.io[0]);
    close(env->root);
    sim_net_fini(&net);
}
