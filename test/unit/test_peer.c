/* test_peer.c - what a worker that has been let in may ask of its master, command by command (reference,
 * sections 2, 4.1 and 4.2), and what counts as a sign of life. */
#include "role/requests.h"
#include "test/sim/sim.h"

#include <stdio.h>

#define CLUSTER_ERROR(code, extra)                                                                           \
    "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "           \
    "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": " code ", \"extra_message\": " extra     \
    ", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}"

static struct sim *sim;
static struct sim_node *m;
static struct sim_guest *g;
static struct sim_heard h;

static void begin(void) {
    sim = sim_new(1);
    m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    sim_run(sim, 100);
    g = sim_guest(sim, "10.1.1.1");
    sim_says_hello(m, g, "worker1");
}

TEST(every_command) {
    static const struct {
        const char *command, *payload, *answer, *text;
    } cases[] = {
        {"echo", "x", "ok", "x"},
        {"echo-c", "keepalive", "ok-m", "keepalive"},
        /* a second hello on the same connection (reference, section 2) */
        {"hello", "worker1 wazuh worker 4.14.7", "err", CLUSTER_ERROR("3028", "\"worker1\"")},
        {"hello", "other wazuh worker 4.14.7", "err", CLUSTER_ERROR("3028", "\"worker1\"")},
        {"syn_i_w_m_p", "", "ok", "True"},
        {"syn_i_w_m_p", "", "ok", "False"},
        {"syn_i_w_m_r", "None {}", "ok", "Error received"},
        {"syn_i_w_m", "", "err", CLUSTER_ERROR("3000", "\"no permission to check integrity was given\"")},
        {"syn_i_w_m_e", "a b", "err", CLUSTER_ERROR("3027", "\"a\"")},
        {"cancel_task", "None {}", "ok", "Request received correctly"},
        {"syn_a_w_m_p", "", "ok", "True"}, /* permission locks nothing */
        {"syn_a_w_m_p", "", "ok", "True"},
        {"syn_w_g_err", "x", "ok", "Thanks"},
        {"syn_wgc_err", "x", "ok", "Thanks"},
        /* what nobody knows, and what only others may say */
        {"xyz", "", "err", "unknown command 'b'xyz''"},
        {"syn_e_w_m", "", "err", "unknown command 'b'syn_e_w_m''"},
        {"syn_m_c", "", "err", "unknown command 'b'syn_m_c''"},
        {"echo-m", "keepalive", "err", "unknown command 'b'echo-m''"},
        {"get_config", "", "err", "unknown command 'b'get_config''"},
        {"get_status", "", "err", "unknown command 'b'get_status''"},
        {"new_file", "/etc/x", "err", "Write path not allowed"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t counter = guest_ask_text(g, cases[i].command, cases[i].payload);
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_INT(h.counter, counter);
        if (strcmp(h.command, cases[i].answer) != 0 || strcmp((char *)h.bytes, cases[i].text) != 0)
            test_fail(__FILE__, __LINE__, "%s is answered with %s %s, want %s %s", cases[i].command,
                      h.command, (char *)h.bytes, cases[i].answer, cases[i].text);
        CHECK(!guest_hear(g, &h));
    }
    CHECK(!g->closed);
}

/* ---- what role only carries ---- */

static char carried[400];

static void note(const char *what, const char *name, const struct message *message) {
    size_t at = strlen(carried), n = 0;
    const char *text = message ? message_text(message, &n) : "";
    snprintf(carried + at, sizeof carried - at, "%s %s %.*s\n", what, name, (int)n, text);
}

static void take(void *arg, struct peer *p, const struct message *message) {
    CHECK(arg == carried);
    note(message->command, p->name, message);
    session_reply_text(&p->link.session, message->counter, "ok", "taken");
}

static void came(void *arg, struct peer *p) {
    (void)arg;
    CHECK(p->link.session.owner == p);
    note("came", p->name, NULL);
}

static void left(void *arg, struct peer *p) {
    (void)arg;
    CHECK(p->link.session.ended);
    note("gone", p->name, NULL);
}

static const struct requests fake = {.arg = carried, .peer = take, .peer_came = came, .peer_gone = left};

TEST(requests_are_handed_over) {
    static const char *const commands[] = {"dapi", "dapi_res", "dapi_err", "sendsync"};
    sim = sim_new(1);
    m = sim_add(sim, NODE_MASTER, "master");
    sim_start(m);
    g = sim_guest(sim, "10.1.1.1");
    m->node->env.requests = NULL; /* a node without them says so */
    sim_says_hello(m, g, "worker1");
    for (size_t i = 0; i < 4; i++) {
        guest_ask_text(g, commands[i], "1 {}");
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_STR((char *)h.bytes, CLUSTER_ERROR("3000", "\"this master does not serve this command\""));
    }
    guest_close(g);
    sim_run(sim, 10);
    m->node->env.requests = &fake;
    carried[0] = '\0';
    sim_says_hello(m, g, "worker1");
    for (size_t i = 0; i < 4; i++) {
        guest_ask_text(g, commands[i], "1 {}");
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_STR((char *)h.bytes, "taken");
    }
    guest_close(g);
    sim_run(sim, 10);
    CHECK_STR(carried, "came worker1 \ndapi worker1 1 {}\ndapi_res worker1 1 {}\ndapi_err worker1 1 "
                       "{}\nsendsync worker1 1 {}\ngone worker1 \n");
    m->node->env.requests = NULL;
}

/* A file that no task waits for, and the paths of one that waits. */
TEST(a_file_that_nobody_waits_for) {
    begin();
    static const char *const paths[] = {
        "/queue/cluster/worker1/worker1-1795171574.769607-0123456789abcdef0123456789abcdef.zip",
        "/queue/cluster/worker10/x.txt",
        "/queue/cluster/x.txt",
        "/queue/cluster/worker1/a/x.txt",
        "/queue/cluster/worker1/.x",
        "/queue/cluster/worker1/x$y"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        guest_ask_text(g, "new_file", paths[i]);
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_STR(h.command, "err");
        CHECK(strstr((char *)h.bytes, "no task waits for this file"));
    }
    CHECK_INT(sim_pool_used(m, POOL_xfer_receivers), 0);
}

/* last_keep_alive is the time of the last echo-c, at first that of the hello (4.14.7, server.py: echo_master
 * sets it, nothing else does); but whoever says anything is alive. */
TEST(signs_of_life) {
    begin();
    struct peer *p = sim_peer(m, "worker1");
    int64_t hello = p->last_keepalive_ns;
    uint64_t heard = p->heard_ms;
    CHECK(hello > 0);
    sim_run(sim, 5000);
    guest_ask_text(g, "syn_a_w_m_p", "");
    sim_run(sim, 10);
    CHECK_INT(p->last_keepalive_ns, hello);
    CHECK(p->heard_ms >= heard + 5000);
    guest_ask_text(g, "echo-c", "keepalive");
    sim_run(sim, 10);
    CHECK(p->last_keepalive_ns >= hello + 5000000000);
    hello = p->last_keepalive_ns;
    sim_run(sim, 1000);
    guest_ask_text(g, "echo", "x");
    sim_run(sim, 10);
    CHECK_INT(p->last_keepalive_ns, hello);
}

/* max_allowed_time_without_keepalive, 120 s, looked at each 60 s. */
TEST(silence) {
    begin();
    struct sim_guest *quiet = sim_guest(sim, "10.1.1.2");
    sim_says_hello(m, quiet, "quiet");
    for (int i = 0; i < 12; i++) {
        sim_run(sim, 10000);
        guest_ask_text(g, "syn_a_w_m_p", ""); /* never an echo-c, but never silent */
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK(!sim_closes(sim, quiet, 10));
    }
    CHECK(sim_closes(sim, quiet, 61000));
    CHECK(!g->closed);
    CHECK(sim_log_has(m,
                      "ERROR [Master] [Keep alive] No keep alives have been received from quiet in the last "
                      "minute. Disconnecting"));
    CHECK(sim_log_has(m, "ERROR [Worker quiet] [Main] Error during connection: "));
    CHECK_INT(m->node->master.peer_count, 1);
}

TEST(goodbye) {
    begin();
    guest_close(g);
    sim_run(sim, 10);
    CHECK(sim_log_has(m, "INFO [Worker worker1] [Main] Disconnected worker1."));
    CHECK_INT(sim_pool_used(m, POOL_peers), 0);
}
