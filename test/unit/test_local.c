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
        {"get_hash", "", "ok ---------", "{}"},
        {"sendsync", "{}", "err --------", "unknown command 'b'sendsync''"},
        {"sendasync", "{}", "err --------", "unknown command 'b'sendasync''"},
        {"sendrreload", "", "err --------", "unknown command 'b'sendrreload''"},
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

/* ---- desks ---- */

#define CROWD 40

static struct sim_guest crowd[CROWD];

static void gather(struct sim_node *n, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        guest_init(&crowd[i], &n->sim->net, "127.0.0.9", SIM_KEY, i);
        guest_connect_local(&crowd[i], n->local);
    }
    sim_run(n->sim, 5);
}

static void disperse(struct sim_node *n, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        guest_fini(&crowd[i]);
    sim_run(n->sim, 5);
}

static struct sim_node *a_master(void) {
    struct sim_node *m = sim_add(sim_new(1), NODE_MASTER, "master");
    sim_write(m, "etc/rules/a.xml", "x");
    sim_start(m);
    sim_run(m->sim, 100);
    return m;
}

/* Who has been answered needs no desk, however many they are. */
TEST(all_are_parked) {
    struct sim_node *m = a_master();
    gather(m, CROWD);
    CHECK_INT(sim_pool_used(m, POOL_local_clients), CROWD);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < CROWD; i++)
            guest_ask_text(&crowd[i], i & 1 ? "get_nodes" : "get_config", "{}");
        sim_run(m->sim, 5); /* all of them, in five milliseconds */
        for (unsigned i = 0; i < CROWD; i++) {
            CHECK(guest_hear(&crowd[i], &h));
            CHECK_STR(h.command, "ok");
            CHECK(strstr((char *)h.bytes, i & 1 ? "totalItems" : "node_type"));
        }
        CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
    }
    CHECK_INT(m->node->pools[POOL_local_desks].high, 1); /* quick ones take one in turn */
    disperse(m, CROWD);
    CHECK_INT(sim_pool_used(m, POOL_local_clients), 0);
}

/* Several requests in one piece, and a frame that comes byte by byte, when nobody else waits. */
TEST(pieces_and_heaps) {
    struct sim_node *m = a_master();
    struct sim_guest *g = program(m);
    uint8_t frames[3 * 40];
    size_t n = 0;
    for (uint32_t i = 0; i < 3; i++)
        n += guest_frame(frames + n, NULL, 70 + i, "echo", false, "abc", 3);
    CHECK(guest_send(g, frames, n));
    for (uint32_t i = 0; i < 3; i++) {
        hear(m, g, "ok", "abc");
        CHECK_INT(h.counter, 70 + i);
    }
    for (size_t i = 0; i < n; i++) {
        CHECK(guest_send(g, frames + i, 1));
        sim_run(m->sim, 100);
        CHECK_INT(sim_pool_used(m, POOL_local_desks), i % (n / 3) != n / 3 - 1);
    }
    for (uint32_t i = 0; i < 3; i++)
        hear(m, g, "ok", "abc");
}

/* Half frames, single bytes and answers that nobody reads on every desk: who waits is served after
 * LOCAL_SLOW_MS, and the slow are gone. */
TEST(the_slow_make_way) {
    struct sim_node *m = a_master();
    uint8_t frame[100];
    size_t n = guest_frame(frame, NULL, 1, "echo", false, "0123456789", 10);
    gather(m, LOCAL_DESKS);
    for (unsigned i = 0; i < LOCAL_DESKS; i++)
        CHECK(guest_send(&crowd[i], frame, i & 1 ? 5 : 25));
    sim_run(m->sim, 10000); /* nobody waits: they stay */
    CHECK_INT(sim_pool_used(m, POOL_local_desks), LOCAL_DESKS);
    CHECK(guest_send(&crowd[0], frame + 25, n - 25));
    hear(m, &crowd[0], "ok", "0123456789");
    CHECK_INT(sim_pool_used(m, POOL_local_desks), LOCAL_DESKS - 1);
    CHECK(guest_send(&crowd[0], frame, 21));
    sim_run(m->sim, 100);
    struct sim_guest *g = program(m);
    uint64_t since = sim_ms(m->sim);
    guest_ask_text(g, "echo", "x");
    for (int k = 0; !guest_hear(g, &h); k++) {
        CHECK(sim_ms(m->sim) - since < LOCAL_SLOW_MS + 500);
        guest_send(&crowd[0], "0", k < 9); /* a byte now and then is no progress */
        sim_run(m->sim, 100);
    }
    CHECK_STR((char *)h.bytes, "x");
    for (unsigned i = 1; i < LOCAL_DESKS; i++)
        CHECK(sim_closes(m->sim, &crowd[i], 10));
    CHECK(sim_log_has(m, "WARNING [Local Server] [Main] Local "));
    disperse(m, LOCAL_DESKS);
    CHECK_INT(sim_pool_used(m, POOL_local_clients), 1);
}

TEST(who_does_not_read_makes_way) {
    struct sim_node *m = a_master();
    static char payload[4000];
    memset(payload, 'x', sizeof payload);
    gather(m, LOCAL_DESKS);
    m->host->line.room = 4096;
    for (unsigned i = 0; i < LOCAL_DESKS; i++)
        crowd[i].host->line.room = 4096;
    for (unsigned i = 0; i < LOCAL_DESKS; i++)
        for (int k = 0; k < 3; k++) {
            guest_ask(&crowd[i], "echo", payload, sizeof payload);
            sim_run(m->sim, 5);
        }
    CHECK_INT(sim_pool_used(m, POOL_local_desks), LOCAL_DESKS);
    struct sim_guest *g = program(m);
    guest_ask_text(g, "echo", "x");
    CHECK(sim_hears(m->sim, g, &h, LOCAL_SLOW_MS + 500));
    CHECK_STR((char *)h.bytes, "x");
    disperse(m, LOCAL_DESKS);
}

/* ---- answers that come later ---- */

static struct local_answer answers[CROWD];
static struct blob bodies[CROWD];
static char texts[CROWD][100];
static unsigned done_good, done_bad;
static uint32_t gone[CROWD], asked[CROWD];
static unsigned gone_count, asked_count;
static char heard_command[16], heard_text[64];

static void answer_done(void *arg, bool taken) {
    (void)arg;
    taken ? done_good++ : done_bad++;
}

static struct local_answer *an_answer(unsigned i, const char *command, bool as_string, const char *text) {
    size_t n = strlen(text);
    memcpy(texts[i], text, n);
    blob_init(&bodies[i], (uint8_t *)texts[i], sizeof texts[i], NULL, NULL, sizeof texts[i]);
    bodies[i].size = n;
    answers[i] = (struct local_answer){
        .command = command, .as_string = as_string, .body = &bodies[i], .done = answer_done};
    return &answers[i];
}

/* What the api does with a request: it is answered at once, or not at all, and promised. */
static void take_local(void *arg, struct local_client *c, struct session *s, const struct message *m) {
    size_t n;
    const char *text = message_text(m, &n);
    (void)arg;
    snprintf(heard_command, sizeof heard_command, "%s", m->command);
    snprintf(heard_text, sizeof heard_text, "%.*s", (int)n, text);
    asked[asked_count++] = local_number(c);
    local_promise(c);
    if (m->cmd != CMD_SENDSYNC)
        session_reply_text(s, m->counter, "ok", "Added request to API requests queue");
}

static void local_gone(void *arg, uint32_t number) {
    (void)arg;
    gone[gone_count++] = number;
}

static void nobody_peer(void *arg, struct peer *p) {
    (void)arg, (void)p;
}

static void nobody_came(void *arg, struct session *s) {
    (void)arg, (void)s;
}

static void nobody_gone(void *arg) {
    (void)arg;
}

static const struct requests fake = {.local = take_local,
                                     .local_gone = local_gone,
                                     .peer_came = nobody_peer,
                                     .peer_gone = nobody_peer,
                                     .master_came = nobody_came,
                                     .master_gone = nobody_gone};

static void with_requests(struct sim_node *n) {
    n->node->env.requests = &fake;
    done_good = done_bad = gone_count = asked_count = 0;
    memset(answers, 0, sizeof answers);
}

/* The exchange of the transcripts (master.txt, conn006). */
TEST(an_answer_as_a_string) {
    struct sim_node *m = a_master();
    with_requests(m);
    struct sim_guest *g = program(m);
    guest_ask_text(g, "dapi", "{\"f\": 1}");
    hear(m, g, "ok", "Added request to API requests queue");
    CHECK_STR(heard_command, "dapi");
    CHECK_STR(heard_text, "{\"f\": 1}");
    CHECK(asked[0] < 1u << 20);
    sim_run(m->sim, 200000); /* silent for longer than others may be, and without a desk */
    CHECK(!guest_hear(g, &h) && !g->closed);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
    CHECK(local_answer_send(&m->node->local, asked[0], an_answer(0, "dapi_res", true, "{\"a\": 1}")));
    hear(m, g, "new_str", "8");
    guest_say(g, h.counter, "ok", "3730335401", 10);
    hear(m, g, "str_upd", "3730335401 {\"a\": 1}");
    guest_say(g, h.counter, "ok", "String updated", 14);
    hear(m, g, "dapi_res", "3730335401");
    CHECK_INT(done_good, 0);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 1);
    guest_say(g, h.counter, "ok", "Distributed api response received", 33);
    sim_run(m->sim, 10);
    CHECK_INT(done_good, 1);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
    guest_close(g);
    sim_run(m->sim, 10);
    CHECK_INT(gone_count, 1);
    CHECK_INT(gone[0], asked[0]);
    CHECK(!local_find(&m->node->local, asked[0]));
    CHECK(!local_answer_send(&m->node->local, asked[0], an_answer(0, "dapi_err", false, "late")));
    CHECK_INT(done_good + done_bad, 1);
}

/* A C program: sendsync is not answered at once; then one frame, which it never acknowledges (section 13). */
TEST(an_answer_as_a_frame) {
    struct sim_pair p = joined();
    with_requests(p.w);
    struct sim_guest *g = program(p.w);
    guest_ask_text(g, "sendsync", "{}");
    sim_run(p.sim, 1000);
    CHECK(!guest_hear(g, &h));
    CHECK_STR(heard_command, "sendsync");
    CHECK_INT(sim_pool_used(p.w, POOL_local_desks), 0);
    CHECK(local_answer_send(&p.w->node->local, asked[0], an_answer(0, "ok", false, "{\"error\":0}")));
    CHECK(local_answer_send(&p.w->node->local, asked[0], an_answer(1, "err", false, "")));
    sim_run(p.sim, 10);
    uint8_t raw[100];
    ptrdiff_t n = g->sys.recv(&g->sys, g->fd, raw, sizeof raw);
    CHECK_INT(n, 20 + 11 + 20);
    CHECK_MEM(raw + 8, "ok ---------", 12);
    CHECK_MEM(raw + 20, "{\"error\":0}", 11);
    CHECK_MEM(raw + 31 + 8, "err --------", 12);
    CHECK_INT(done_good, 2);
    CHECK_INT(sim_pool_used(p.w, POOL_local_desks), 0);
    guest_say(g, 0x01020304, "ok", "Sendsync response received", 26); /* a Python program says this */
    sim_run(p.sim, 10);
    CHECK(!guest_hear(g, &h) && !g->closed);
    guest_ask_text(g, "dapi_fwd", "w1 {}"); /* a command of masters */
    hear(p.w, g, "err", "unknown command 'b'dapi_fwd''");
}

TEST(a_worker_without_its_master) {
    struct sim *sim = sim_new(1);
    struct sim_node *w = sim_add(sim, NODE_WORKER, "w1");
    sim_start(w);
    with_requests(w);
    struct sim_guest *g = program(w);
    static const char *const commands[] = {"get_nodes", "get_health",  "sendsync",
                                           "sendasync", "sendrreload", "send_file"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        guest_ask_text(g, commands[i], "etc/x None");
        hear(w, g, "err", CLUSTER_ERROR("3023", "null"));
    }
    CHECK_INT(asked_count, 0);
    guest_ask_text(g, "dapi", "{}"); /* which may be for this node alone */
    hear(w, g, "ok", "Added request to API requests queue");
}

/* The program leaves, or its answer is given up, at each stage. */
TEST(answers_that_nobody_takes) {
    struct sim_node *m = a_master();
    with_requests(m);
    for (int stage = 0; stage < 4; stage++) {
        struct sim_guest *g = program(m);
        asked_count = done_good = done_bad = 0;
        guest_ask_text(g, "dapi", "{}");
        hear(m, g, "ok", "Added request to API requests queue");
        CHECK(local_answer_send(&m->node->local, asked[0], an_answer(0, "dapi_res", true, "text")));
        if (stage & 1) {
            hear(m, g, "new_str", "4");
            CHECK_INT(sim_pool_used(m, POOL_local_desks), 1);
        }
        if (stage < 2) {
            guest_close(g);
        } else {
            local_answer_forget(&m->node->local, &answers[0]);
            local_answer_forget(&m->node->local, &answers[0]);
        }
        sim_run(m->sim, 10);
        CHECK_INT(done_good, 0);
        CHECK_INT(done_bad, stage < 2);
        CHECK(!answers[0].client);
        CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
        if (stage == 3) /* left with half an answer */
            CHECK(sim_closes(m->sim, g, 10));
        guest_close(g);
        sim_run(m->sim, 10);
        CHECK_INT(sim_pool_used(m, POOL_local_clients), 0);
    }
}

/* A long answer takes a sender. While there is none, its program waits, without a desk, and is served with
 * other things. */
TEST(an_answer_that_has_to_wait) {
    enum { LONG = 20000 };
    struct sim_node *m = a_master();
    struct pool *senders = &m->node->pools[POOL_xfer_senders];
    void *slot[XFER_SENDERS];
    uint8_t *text = test_keep(malloc(LONG));
    with_requests(m);
    struct sim_guest *g = program(m);
    for (unsigned i = 0; i < XFER_SENDERS; i++)
        slot[i] = pool_take(senders);
    guest_ask_text(g, "dapi", "{}");
    hear(m, g, "ok", "Added request to API requests queue");
    memset(text, 'a', LONG);
    an_answer(0, "dapi_res", true, "");
    blob_init(&bodies[0], text, LONG, NULL, NULL, LONG);
    bodies[0].size = LONG;
    CHECK(local_answer_send(&m->node->local, asked[0], &answers[0]));
    uint64_t turns = m->sim->turns;
    sim_run(m->sim, 200000);
    CHECK(m->sim->turns - turns < 10000);
    CHECK(!guest_hear(g, &h) && !g->closed);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
    guest_ask_text(g, "echo", "x");
    hear(m, g, "ok", "x");
    for (unsigned i = 0; i < XFER_SENDERS; i++)
        pool_give(senders, slot[i]);
    CHECK(sim_hears(m->sim, g, &h, 500));
    CHECK_STR((char *)h.bytes, "20000");
    guest_say(g, h.counter, "ok", "5", 1);
    CHECK(sim_hears(m->sim, g, &h, 500));
    CHECK_INT(h.n, LONG + 2);
    guest_say(g, h.counter, "ok", "String updated", 14);
    hear(m, g, "dapi_res", "5");
    guest_say(g, h.counter, "err", "no", 2); /* not taken */
    sim_run(m->sim, 10);
    CHECK_INT(done_bad, 1);
    CHECK_INT(sim_pool_used(m, POOL_local_desks), 0);
}

/* More answers than desks: each finds its program. */
TEST(many_answers_at_once) {
    struct sim_node *m = a_master();
    with_requests(m);
    gather(m, CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        char text[20];
        guest_ask(&crowd[i], "dapi", text, (size_t)snprintf(text, sizeof text, "{%u}", i));
        CHECK(sim_hears(m->sim, &crowd[i], &h, 1000));
    }
    for (unsigned i = 0; i < CROWD; i++) {
        char text[20];
        snprintf(text, sizeof text, "answer %u", i);
        CHECK(local_answer_send(&m->node->local, asked[i], an_answer(i, "dapi_res", i & 1, text)));
    }
    for (unsigned i = 0; i < CROWD; i++) {
        struct sim_guest *g = &crowd[i];
        char text[40];
        if (i & 1) {
            CHECK(sim_hears(m->sim, g, &h, 1000));
            CHECK_STR(h.command, "new_str");
            guest_say(g, h.counter, "ok", "5", 1);
            CHECK(sim_hears(m->sim, g, &h, 1000));
            snprintf(text, sizeof text, "5 answer %u", i);
            CHECK_STR((char *)h.bytes, text);
            guest_say(g, h.counter, "ok", "String updated", 14);
            CHECK(sim_hears(m->sim, g, &h, 1000));
            CHECK_STR(h.command, "dapi_res");
        } else {
            CHECK(sim_hears(m->sim, g, &h, 1000));
            snprintf(text, sizeof text, "answer %u", i);
            CHECK_STR((char *)h.bytes, text);
        }
        guest_say(g, h.counter, "ok", "received", 8);
    }
    sim_run(m->sim, 10);
    CHECK_INT(done_good, CROWD);
    disperse(m, CROWD);
    CHECK_INT(gone_count, CROWD);
}

/* ---- hundreds ask the master ---- */

/* While it is slow, those who ask the same share a question; each gets its answer. */
TEST(questions_are_shared) {
    struct sim_pair p = joined();
    gather(p.w, CROWD);
    p.w->host->line.latency_ns = 100000000;
    uint64_t before = p.w->host->sent;
    for (unsigned i = 0; i < CROWD; i++)
        guest_ask_text(&crowd[i], i % 4 ? "get_nodes" : "get_health", i % 4 ? "{}" : "null");
    sim_run(p.sim, 50);
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK(guest_hear(&crowd[i], &h));
        CHECK_STR(h.command, "ok");
    }
    CHECK_INT(sim_pool_used(p.w, POOL_local_desks), 0); /* all of them are parked */
    sim_run(p.sim, 1000);
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK(guest_hear(&crowd[i], &h));
        CHECK_STR(h.command, "control_res");
        CHECK(strstr((char *)h.bytes, i % 4 ? "totalItems" : "n_connected_nodes"));
    }
    CHECK(p.w->host->sent - before < CROWD * 1500);
    disperse(p.w, CROWD);
}

/* Askers that leave at every moment leave nothing behind. */
TEST(askers_that_leave) {
    struct sim_pair p = joined();
    gather(p.w, CROWD);
    p.w->host->line.latency_ns = 50000000;
    for (unsigned i = 0; i < CROWD; i++) {
        guest_ask_text(&crowd[i], "get_nodes", "{}");
        sim_run(p.sim, 3);
        guest_close(&crowd[i & ~1u]);
    }
    sim_run(p.sim, 1000);
    for (size_t i = 0; i < LOCAL_QUESTIONS; i++)
        CHECK_INT(p.w->node->local.question[i].state, 0);
    CHECK_INT(sim_pool_used(p.w, POOL_local_clients), CROWD / 2);
    for (unsigned i = 1; i < CROWD; i += 2) { /* the master goes, with questions on their way */
        while (guest_hear(&crowd[i], &h))
            ;
        guest_ask_text(&crowd[i], "get_nodes", "{}");
    }
    sim_run(p.sim, 20);
    sim_kill(p.m, false);
    sim_run(p.sim, 500);
    for (unsigned i = 1; i < CROWD; i += 2) {
        CHECK(guest_hear(&crowd[i], &h));
        CHECK_STR(h.command, "ok");
        CHECK(guest_hear(&crowd[i], &h));
        CHECK_STR(h.command, "control_res");
        CHECK_STR((char *)h.bytes, CLUSTER_ERROR("3023", "null"));
    }
    disperse(p.w, CROWD);
}

/* ---- get_config and get_hash ---- */

TEST(the_key_is_for_root_who_asks) {
    struct sim_node *m = a_master();
    struct sim_guest *g = sim_guest(m->sim, "127.0.0.1");
    for (int i = 0; i < 6; i++) {
        static const char *const payloads[] = {"", "{\"key\": true}", "{\"key\": false}"};
        g->host->uid = i < 3 ? 0 : 1000;
        guest_connect_local(g, m->local);
        sim_run(m->sim, 5);
        guest_ask_text(g, "get_config", payloads[i % 3]);
        CHECK(sim_hears(m->sim, g, &h, 1000));
        CHECK_STR(h.command, "ok");
        CHECK(!!strstr((char *)h.bytes, "\"key\": \"" SIM_KEY "\"") == (i == 1));
        CHECK(!!strstr((char *)h.bytes, "\"key\": \"****\"") == (i != 1));
        guest_close(g);
    }
}

/* blake2b of "abc" (RFC 7693, appendix A) and of nothing; the ruleset only, on both roles. */
TEST(hashes_of_the_ruleset) {
    struct sim_pair p = sim_pair(1);
    char answer[13];
    sim_wipe(p.m);
    sim_write(p.m, "etc/rules/a.xml", "abc");
    sim_write(p.m, "etc/lists/b", "");
    sim_write(p.m, "etc/client.keys", "001 a any 0123");
    sim_write(p.m, "etc/shared/default/agent.conf", "x");
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    static const char *const parts[] = {
        "\"etc/rules/a.xml\": \"ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923\"",
        "\"etc/lists/b\": \"786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
        "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce\""};
    for (int i = 0; i < 2; i++) {
        const char *text = sim_asks(i ? p.w : p.m, "get_hash", "", answer);
        CHECK_STR(answer, "ok");
        CHECK_INT(strlen(text), strlen(parts[0]) + strlen(parts[1]) + 4);
        if (!strstr(text, parts[0]) || !strstr(text, parts[1]))
            test_fail(__FILE__, __LINE__, "%s", text);
        CHECK(text[0] == '{' && text[strlen(text) - 1] == '}');
    }
}

/* Thousands of files: longer than a window, while others are answered as ever. */
TEST(many_hashes) {
    enum { FILES = 1500 };
    static uint8_t bytes[FILES * 200];
    struct sim_node *m = sim_add(sim_new(1), NODE_MASTER, "master");
    for (int i = 0; i < FILES; i++) {
        char path[64];
        snprintf(path, sizeof path, "etc/lists/list-%d", i);
        sim_write(m, path, path);
    }
    sim_start(m);
    sim_run(m->sim, 3000);
    struct sim_guest *g = program(m), *other = program(m);
    guest_ask_text(g, "get_hash", "");
    guest_ask_text(other, "echo", "x");
    hear(m, other, "ok", "x");
    size_t n = 0, want = 20;
    while (n < want) {
        ptrdiff_t got = g->sys.recv(&g->sys, g->fd, bytes + n, sizeof bytes - n);
        CHECK(got > 0 || got == -EAGAIN);
        n += got > 0 ? (size_t)got : 0;
        if (n >= 20)
            want = 20 + ((size_t)bytes[4] << 24 | (size_t)bytes[5] << 16 | (size_t)bytes[6] << 8 | bytes[7]);
        CHECK(want <= sizeof bytes);
        sim_run(m->sim, 1);
    }
    CHECK_MEM(bytes + 8, "ok ---------", 12);
    unsigned count = 0;
    for (size_t i = 20; i + 5 < n; i++)
        count += memcmp(bytes + i, "\"etc/", 5) == 0;
    CHECK_INT(count, FILES);
    CHECK_INT(bytes[n - 1], '}');
}

/* ---- sendrreload ---- */

/* A double of analysisd. */
static void listen_as_analysisd(struct sim_node *w, struct sim_guest *g) {
    struct sys_addr a;
    char path[400];
    sim_write(w, "queue/sockets/other", "");
    snprintf(path, sizeof path, "%s/" RULESET_SOCKET, w->root);
    CHECK(sys_addr_unix(&a, path));
    g->door = g->sys.listen(&g->sys, &a, 4);
    CHECK(g->door >= 0);
}

TEST(a_reload_after_the_next_cycle) {
    static const struct {
        const char *answer, *log;
    } cases[] = {
        {"{\"error\":0,\"message\":\"ok\",\"data\":[]}",
         "INFO [Worker w1] [Main] Ruleset reload triggered by cluster integrity check: reload message sent "
         "successfully."},
        {"{\"error\":0,\"data\":[\"w 1\",\"w 2\"]}",
         "WARNING [Worker w1] [Main] Ruleset reloaded with warnings after cluster integrity check: w 1, w 2"},
        {"{\"error\":1,\"data\":[\"e 1\"]}",
         "ERROR [Worker w1] [Main] Ruleset reload failed after cluster integrity check: e 1"},
        {"{", "ERROR [Worker w1] [Main] Ruleset reload failed after cluster integrity check: "},
    };
    struct sim_pair p = joined();
    struct sim_guest *a = sim_guest(p.sim, "127.0.0.8"), *g = program(p.w);
    char question[200];
    listen_as_analysisd(p.w, a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guest_ask_text(g, "sendrreload", "");
        hear(p.w, g, "ok", "{\"success\": true}");
        CHECK(!guest_accept(a));
        for (int k = 0; k < 150 && (sim_run(p.sim, 100), a->fd < 0) && !guest_accept(a); k++)
            ;
        CHECK(a->fd >= 0);
        sim_run(p.sim, 10);
        ptrdiff_t n;
        uint8_t raw[1000];
        n = a->sys.recv(&a->sys, a->fd, raw, sizeof raw);
        CHECK(n > 4);
        CHECK_INT(raw[0] | raw[1] << 8, n - 4);
        snprintf(question, sizeof question, "%.*s", (int)n - 4, raw + 4);
        CHECK_STR(question,
                  "{\"version\": 1, \"origin\": {\"module\": \"cluster\"}, \"command\": \"reload-ruleset\"}");
        size_t len = strlen(cases[i].answer);
        raw[0] = (uint8_t)len, raw[1] = raw[2] = raw[3] = 0;
        memcpy(raw + 4, cases[i].answer, len);
        CHECK(guest_send(a, raw, 3)); /* in two pieces */
        sim_run(p.sim, 10);
        CHECK(guest_send(a, raw + 3, len + 1));
        sim_run(p.sim, 10);
        CHECK_INT(sim_log_count(p.w, cases[i].log), 1);
        sim_log_clear(p.w);
        guest_close(a);
    }
    sim_run(p.sim, 30000); /* once for each wish */
    CHECK(!guest_accept(a));
}

TEST(a_reload_without_analysisd) {
    struct sim_pair p = joined();
    struct sim_guest *g = program(p.w);
    guest_ask_text(g, "sendrreload", "");
    hear(p.w, g, "ok", "{\"success\": true}");
    sim_run(p.sim, 20000);
    CHECK_INT(sim_log_count(p.w,
                            "ERROR [Worker w1] [Main] Ruleset reload failed after cluster integrity check: "
                            "analysisd cannot be reached at queue/sockets/analysis"),
              1);
    struct sim_guest *a = sim_guest(p.sim, "127.0.0.8"); /* one that never answers */
    listen_as_analysisd(p.w, a);
    guest_ask_text(g, "sendrreload", "");
    hear(p.w, g, "ok", "{\"success\": true}");
    sim_run(p.sim, 60000);
    CHECK_INT(sim_log_count(p.w, "analysisd does not answer"), 1);
    CHECK(sim_joined(p.w));
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
        CHECK_INT(local_open(&server, env, NULL, NULL, NULL, NULL, root, &e), want);
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
