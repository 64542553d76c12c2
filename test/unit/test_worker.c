/* test_worker.c - the worker's link to a master that is played by hand: hello and its answers, keepalives,
 * and the commands of the master (reference, sections 1, 2 and 4.2). */
#include "role/requests.h"
#include "test/sim/sim.h"

#include <stdio.h>

#define CLUSTER_ERROR(code, extra)                                                                           \
    "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "           \
    "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": " code ", \"extra_message\": " extra     \
    ", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}"

static struct sim *sim;
static struct sim_node *w;
static struct sim_guest *g; /* the master */
static struct sim_heard h;

static void begin(void) {
    sim = sim_new(1);
    w = sim_add(sim, NODE_WORKER, "worker1");
    g = sim_guest(sim, "10.0.0.1");
    guest_listen(g, 1516);
    sim_start(w);
}

static bool connected(void *arg) {
    (void)arg;
    return guest_accept(g);
}

/* Waits for a connection and its hello. */
static void accept_hello(void) {
    CHECK(sim_until(sim, 20000, 1, connected, NULL));
    CHECK(sim_hears(sim, g, &h, 1000));
    CHECK(h.genuine);
    CHECK_STR(h.command, "hello");
    CHECK_STR((char *)h.bytes, "worker1 wazuh worker 4.14.7");
}

static void say(const char *command, const char *text) {
    guest_say(g, h.counter, command, text, strlen(text));
    sim_run(sim, 10);
}

/* The next of these requests; others are answered as a master without permission would. */
static void hear_request(const char *command, uint64_t ms) {
    for (;;) {
        CHECK(sim_hears(sim, g, &h, ms));
        if (strcmp(h.command, command) == 0)
            return;
        CHECK(strcmp(h.command, "syn_i_w_m_p") == 0 || strcmp(h.command, "syn_a_w_m_p") == 0);
        say("ok", "False");
    }
}

static void join(void) {
    begin();
    accept_hello();
    say("ok", "Client worker1 added");
    CHECK(sim_joined(w));
    hear_request("syn_i_w_m_p", 10); /* the first check is made at once */
    say("ok", "False");
    hear_request("syn_a_w_m_p", 10); /* and so is the first round of agent information */
    say("ok", "False");
}

TEST(commands_of_the_master) {
    static const struct {
        const char *command, *payload, *answer, *text;
    } cases[] = {
        {"echo", "x", "ok", "x"},
        {"echo-m", "keepalive", "ok-c", "keepalive"},
        {"syn_m_c_ok", "", "ok", "Thanks"},
        {"syn_m_c", "", "err", CLUSTER_ERROR("3000", "\"no integrity check is waiting for files\"")},
        {"syn_m_c_e", "a b", "err", CLUSTER_ERROR("3027", "\"a\"")},
        {"syn_m_c_r", "None {}", "ok", "Error received"},
        {"cancel_task", "None {}", "ok", "Request received correctly"},
        {"syn_m_a_e", "{}", "ok", "Thanks"},
        {"syn_m_a_err", "x", "ok", "Thanks"},
        {"syn_i_w_m_p", "", "err", "unknown command 'b'syn_i_w_m_p''"},
        {"echo-c", "keepalive", "err", "unknown command 'b'echo-c''"},
        {"hello", "m wazuh master 4.14.7", "err", "unknown command 'b'hello''"},
        {"get_nodes", "null", "err", "unknown command 'b'get_nodes''"},
        {"get_config", "", "err", "unknown command 'b'get_config''"},
        {"new_file", "/etc/x", "err", "Write path not allowed"},
    };
    join();
    g->counter = 0x7ffffff0; /* far from its own */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t counter = guest_ask_text(g, cases[i].command, cases[i].payload);
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_INT(h.counter, counter);
        if (strcmp(h.command, cases[i].answer) != 0 || strcmp((char *)h.bytes, cases[i].text) != 0)
            test_fail(__FILE__, __LINE__, "%s is answered with %s %s, want %s %s", cases[i].command,
                      h.command, (char *)h.bytes, cases[i].answer, cases[i].text);
    }
    CHECK(sim_joined(w));
}

static char carried[400];

static void note(const char *what, const struct message *message) {
    size_t at = strlen(carried), n = 0;
    const char *text = message ? message_text(message, &n) : "";
    snprintf(carried + at, sizeof carried - at, "%s %.*s\n", what, (int)n, text);
}

static void take(void *arg, struct session *s, const struct message *message) {
    CHECK(arg == carried);
    note(message->command, message);
    session_reply_text(s, message->counter, "ok", "taken");
}

static void came(void *arg, struct session *s) {
    (void)arg;
    CHECK(s == worker_session(&w->node->worker));
    note("came", NULL);
}

static void left(void *arg) {
    (void)arg;
    CHECK(!worker_session(&w->node->worker));
    note("gone", NULL);
}

static const struct requests fake = {
    .arg = carried, .master = take, .master_came = came, .master_gone = left};

TEST(requests_are_handed_over) {
    static const char *const commands[] = {"dapi", "dapi_res", "dapi_err", "sendsyn_res", "sendsyn_err"};
    begin();
    w->node->env.requests = &fake;
    accept_hello();
    say("ok", "Client worker1 added");
    hear_request("syn_i_w_m_p", 10);
    say("ok", "False");
    hear_request("syn_a_w_m_p", 10);
    say("ok", "False");
    g->counter = 0x7ffffff0;
    for (size_t i = 0; i < 5; i++) {
        guest_ask_text(g, commands[i], "1 {}");
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_STR((char *)h.bytes, "taken");
    }
    guest_close(g);
    sim_run(sim, 10);
    CHECK_STR(carried, "came \ndapi 1 {}\ndapi_res 1 {}\ndapi_err 1 {}\nsendsyn_res 1 {}\nsendsyn_err 1 {}\n"
                       "gone \n");
    w->node->env.requests = NULL;
}

/* A master that gives work before it has let us in. */
TEST(commands_before_the_answer_to_hello) {
    begin();
    accept_hello();
    struct sim_heard hello = h;
    static const char *const commands[] = {"syn_m_c_ok", "syn_m_c", "syn_m_c_e", "syn_m_c_r"};
    g->counter = 0x7ffffff0;
    for (size_t i = 0; i < 4; i++) {
        guest_ask_text(g, commands[i], i < 2 ? "" : "a b");
        CHECK(sim_hears(sim, g, &h, 1000));
        CHECK_STR((char *)h.bytes, CLUSTER_ERROR("3000", "\"hello has not been answered yet\""));
    }
    h = hello;
    say("ok", "Client worker1 added");
    CHECK(sim_joined(w));
}

TEST(hello_is_refused) {
    begin();
    accept_hello();
    say("err", CLUSTER_ERROR("3031", "null"));
    CHECK(sim_closes(sim, g, 100));
    CHECK_INT(w->node->worker.state, WORKER_WAITING);
    CHECK(strstr(sim_status(w),
                 "\"state\": \"refused\", \"why\": \"Error 3031 - Worker and master versions are not "
                 "the same\""));
    sim_run(sim, 4900); /* connection_retry is 10 s; jitter takes half of it at most */
    CHECK(!guest_accept(g));
    accept_hello();
    say("ok", "Client worker1 added");
    CHECK(sim_joined(w));
    CHECK(!strstr(sim_status(w), "refused\", \"why"));
}

/* Nobody said no: it is tried again soon, and the status does not say refused. */
TEST(hello_is_not_answered) {
    begin();
    accept_hello();
    sim_run(sim, 19900);
    CHECK(!g->closed);
    CHECK(sim_closes(sim, g, 300));
    sim_run(sim, 5);
    const char *status = sim_status(w);
    CHECK(
        strstr(status, "\"state\": \"connecting\", \"why\": \"the master did not answer hello") ||
        strstr(status, "\"state\": \"connecting\", \"why\": \"Error 3020 - Timeout sending request: hello"));
    uint64_t then = sim_ms(sim);
    accept_hello(); /* 1 s, less its jitter */
    CHECK(sim_ms(sim) - then < 1200);
}

/* The same when the request's own time is the shorter one. */
TEST(hello_is_not_answered_in_the_time_of_a_request) {
    begin();
    sim_stop(w);
    w->config.intervals.timeout_cluster_request_ms = 5000;
    sim_start(w);
    accept_hello();
    CHECK(sim_closes(sim, g, 5200));
    sim_run(sim, 5);
    CHECK(
        strstr(sim_status(w), "\"state\": \"connecting\", \"why\": \"Error 3020 - Timeout sending request"));
    uint64_t then = sim_ms(sim);
    accept_hello();
    CHECK(sim_ms(sim) - then < 1200);
}

TEST(closed_instead_of_an_answer) {
    begin();
    accept_hello();
    guest_close(g);
    sim_run(sim, 10);
    CHECK(strstr(sim_status(w),
                 "\"state\": \"connecting\", \"why\": \"the master closed the connection without "
                 "answering hello (is the key the same?)\""));
}

/* keep_alive, 60 s; two in a row that fail end the link (max_failed_keepalive_attempts). */
TEST(keepalives) {
    join();
    uint64_t joined_ms = w->node->worker.joined_ms;
    hear_request("echo-c", 61000);
    CHECK_STR((char *)h.bytes, "keepalive");
    CHECK(sim_ms(sim) - joined_ms >= 60000 && sim_ms(sim) - joined_ms < 60100);
    say("ok-m", "keepalive");
    CHECK(w->node->worker.keepalive_ms);
    hear_request("echo-c", 61000);
    say("err", "no"); /* one */
    hear_request("echo-c", 61000);
    say("ok-m", "keepalive"); /* forgiven */
    hear_request("echo-c", 61000);
    say("err", "no");
    hear_request("echo-c", 61000);
    say("err", "no");
    CHECK(sim_closes(sim, g, 100));
    CHECK_INT(sim_log_count(w, "Error sending keep alive: "), 3);
    CHECK(sim_log_has(w, "Maximum number of failed keep alives reached. Disconnecting."));
    accept_hello(); /* and it comes back */
    say("ok", "Client worker1 added");
    CHECK(sim_joined(w));
}
