/* test_node_api.c - whole nodes that are asked over the distributed API: every route from a program to the
 * node that answers and back, slow lines, nodes that never answer, used up pools, long requests and answers.
 * What gets lost on the way is test_node_api_lost.c's. */
#include "test/sim/sim_api.h"

#include <stdio.h>
#include <stdlib.h>

#define TREE "picket.node.get_tree"
#define AGENTS "wazuh.agent.get_agents"

/* agent_list with so many ids, the first of which is 001, after other arguments. */
static char *long_list(const char *others, unsigned n) {
    char *out = test_keep(malloc(n * 12 + 100));
    size_t at = (size_t)sprintf(out, "{%s\"agent_list\": [\"001\"", others);
    for (unsigned i = 2; i <= n; i++)
        at += (size_t)sprintf(out + at, ", \"%03u\"", i);
    strcpy(out + at, "]}");
    return out;
}

/* ---- every route ---- */

TEST(a_master_answers_its_programs) {
    struct sim_cluster c = sim_cluster(1, 1, 3);
    struct sim_program *p = sim_asks_api(c.m, AGENTS, "local_master", "{}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"total_affected_items\": 4"); /* 000 is one of them */
    sim_says(p, "\"name\": \"agent2\"");
    sim_check_idle(c.sim, "a request", 1);
}

TEST(a_worker_answers_its_programs_what_any_node_may) {
    struct sim_cluster c = sim_cluster(2, 1, 3);
    struct sim_program *p = sim_asks_api(c.w[0], "wazuh.cluster.get_node_wrapper", "local_any", "{}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"node\": \"w1\"");
    sim_stop(c.m); /* nor is a master needed */
    program_dapi(p, "wazuh.cluster.get_node_wrapper", "local_any", "{}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"node\": \"w1\"");
    program_dapi(p, AGENTS, "local_master", "{}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_is_told(p, "\"code\": 3023");
    CHECK(p->ended_ms - p->asked_ms < 1000);
    sim_check_idle(c.sim, "a request", 1);
}

TEST(a_worker_asks_its_master) {
    struct sim_cluster c = sim_cluster(3, 1, 3);
    struct sim_program *p = sim_asks_api(c.w[0], AGENTS, "local_master", "{\"limit\": 2}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"total_affected_items\": 4");
    CHECK(!strstr(p->text, "\"name\": \"agent3\""));
    program_dapi(p, "wazuh.agent.no_such", "local_master", "{}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"__wazuh_exception__\"");
    sim_check_idle(c.sim, "a request", 1);
}

static void all_answer(struct sim_cluster *c, struct sim_node *to) {
    struct sim_program *p = sim_asks_all(c, to);
    char total[64];
    CHECK(sim_program_ends(c->sim, p, 10000));
    snprintf(total, sizeof total, "\"total_affected_items\": %u", c->workers + 1);
    sim_says(p, total);
    sim_says(p, "\"total_failed_items\": 0");
    sim_program_end(c->sim, p);
}

TEST(all_nodes_answer) {
    struct sim_cluster c = sim_cluster(4, 3, 3);
    all_answer(&c, c.m);
    for (uint32_t i = 0; i < c.workers; i++)
        all_answer(&c, c.w[i]);
    sim_check_idle(c.sim, "a request", 1);
}

/* One node of several, from everywhere; its tree is its own. */
TEST(a_node_that_is_named_answers) {
    struct sim_cluster c = sim_cluster(5, 2, 3);
    struct sim_node *from[] = {c.m, c.w[0], c.w[1]};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 3; k++) {
            const char *name = from[k]->config.node_name;
            char arguments[100], part[100];
            snprintf(arguments, sizeof arguments, "{\"node_id\": \"%s\"}", name);
            struct sim_program *p = sim_asks_api(from[i], TREE, "distributed_master", arguments, "");
            CHECK(sim_programs_end(c.sim, 10000));
            snprintf(part, sizeof part, "\"%s\"", name);
            sim_says(p, part);
            sim_says(p, "\"total_affected_items\": 1");
        }
    struct sim_program *p = sim_asks_api(c.w[0], TREE, "distributed_master", "{\"node_id\": \"nosuch\"}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "1730");
    sim_check_idle(c.sim, "a request", 1);
}

/* Each node is asked about the agents that report to it. */
TEST(agents_are_asked_for_at_the_nodes_they_report_to) {
    struct sim_cluster c = sim_cluster(6, 3, 9);
    for (unsigned i = 1; i <= 9; i++)
        sim_report(c.w[i % 3], i, "linux");
    CHECK(sim_agents_agree(c.sim, 60000));
    for (unsigned i = 0; i < 3; i++)
        sim_log_clear(c.w[i]);
    struct sim_program *p = sim_asks_api(c.w[1], "wazuh.agent.reconnect_agents", "distributed_master",
                                         "{\"agent_list\": [\"001\", \"002\", \"004\", \"077\"]}", "");
    CHECK(sim_programs_end(c.sim, 10000));
    CHECK(p->end == PROGRAM_ANSWERED);
    CHECK(sim_log_has(c.w[1], "Receiving request: reconnect_agents from master"));
    CHECK(sim_log_has(c.w[2], "Receiving request: reconnect_agents from master"));
    CHECK(!sim_log_has(c.w[0], "Receiving request: reconnect_agents from master"));
    sim_says(p, "\"code\": 1010"); /* remoted is nowhere there */
    sim_says(p, "\"w2\"");
    sim_says(p, "\"w3\"");
    sim_says(p, "\"master\""); /* tells of 077, which does not exist */
    sim_check_idle(c.sim, "a request", 1);
}

static struct sim_program *forwards(struct sim_node *m, const char *node, const char *function) {
    char *request = program_request(function, "local_any", "{}", ""), *text = malloc(strlen(request) + 80);
    struct sim_program *p = sim_program(m);
    CHECK(text);
    program_ask(p, "dapi_fwd", text, (size_t)sprintf(text, "%s %s", node, request));
    free(text);
    free(request);
    return p;
}

TEST(requests_are_forwarded_to_one_node_and_to_all) {
    struct sim_cluster c = sim_cluster(7, 2, 3);
    struct sim_program *one = forwards(c.m, "w2", "wazuh.cluster.get_node_wrapper");
    struct sim_program *all = forwards(c.m, "fw_all_nodes", TREE);
    struct sim_program *none = forwards(c.m, "nosuch", TREE), *at_worker = forwards(c.w[0], "w2", TREE);
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(one, "\"node\": \"w2\"");
    sim_says(all, "\"total_affected_items\": 2"); /* all workers */
    sim_is_told(none, "\"code\": 3022");
    CHECK(at_worker->end == PROGRAM_REFUSED);
    sim_check_idle(c.sim, "a request", 1);
}

TEST(a_worker_registers_an_agent) {
    struct sim_cluster c = sim_cluster(8, 2, 3);
    struct sim_program *p = sim_program(c.w[0]), *q = sim_program(c.w[1]), *m = sim_program(c.m);
    program_adds_agent(p, "fresh");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(p, "\"name\":\"fresh\"");
    sim_says(p, "\"error\":0");
    CHECK(strstr(sim_read(c.m, "etc/client.keys"), " fresh any "));
    program_adds_agent(q, "fresh");
    CHECK(sim_programs_end(c.sim, 10000));
    sim_says(q, "9008"); /* the name is taken */
    program_ask(q, "sendsync", "{\"daemon_name\":\"nosuch\",\"message\":{}}", 37);
    CHECK(sim_programs_end(c.sim, 10000));
    sim_is_told(q, "'nosuch'");
    program_ask(q, "sendsync", "{\"daemon_name\":\"task-manager\",\"message\":{}}", 43);
    CHECK(sim_programs_end(c.sim, 10000));
    sim_is_told(q, "1013");
    program_adds_agent(m, "fresher"); /* its authd does that itself */
    CHECK(sim_programs_end(c.sim, 10000));
    CHECK(m->end == PROGRAM_TOLD);
    sim_check_idle(c.sim, "a sendsync", 1);
    CHECK(sim_converges(c.sim, 60000)); /* etc/client.keys included */
    CHECK(strstr(sim_read(c.w[1], "etc/client.keys"), " fresh any "));
}

/* ... in every way and of everybody, also where no real API asks for it: an answer, or why there is none. */
TEST(every_function_is_asked_for_everywhere) {
    static const struct api_table *const tables[] = {&api_manager_functions, &api_log_functions,
                                                     &api_stats_functions, &api_cluster_functions,
                                                     &api_agent_functions};
    static const char *const types[] = {"local_any", "local_master", "distributed_master"};
    static const char *const more[] = {"", ", \"from_cluster\": true", ", \"broadcasting\": true"};
    struct sim_cluster c = sim_cluster(19, 1, 3);
    struct sim_node *at[] = {c.m, c.w[0]};
    for (unsigned t = 0; t < 5; t++)
        for (unsigned k = 0; k < tables[t]->count; k++)
            for (unsigned way = 0; way < 18; way++) {
                struct sim_program *p = sim_asks_api(at[way / 9], tables[t]->functions[k].name,
                                                     types[way / 3 % 3], "{}", more[way % 3]);
                CHECK(sim_programs_end(c.sim, SIM_API_MOST_MS));
                sim_check_heard(p, false, tables[t]->functions[k].name, way);
                sim_program_end(c.sim, p);
            }
    all_answer(&c, c.w[0]);
    sim_check_idle(c.sim, "every function", 1);
}

/* ---- slow lines, nodes that do not answer, clocks ---- */

TEST(slow_and_narrow_lines) {
    struct sim_cluster c = sim_cluster(9, 2, 3);
    for (unsigned i = 0; i < 2; i++)
        c.w[i]->host->line = (struct sim_line){.latency_ns = 300000000,
                                               .bytes_per_s = 9000,
                                               .piece = 100,
                                               .read_piece = 37,
                                               .random_pieces = true,
                                               .room = 2000};
    struct sim_program *p = sim_asks_all(&c, c.m), *q = sim_asks_all(&c, c.w[1]), *r = sim_program(c.w[0]);
    program_adds_agent(r, "slow");
    CHECK(sim_programs_end(c.sim, 60000));
    sim_says(p, "\"total_affected_items\": 3");
    sim_says(q, "\"total_affected_items\": 3");
    sim_says(r, "\"error\":0");
    sim_check_idle(c.sim, "a request", 1);
}

/* A worker that takes requests, keeps the connection alive, and answers nothing. */
static struct sim_guest *mute(struct sim_cluster *c, const char *address, const char *name) {
    struct sim_guest *g = sim_guest(c->sim, address);
    sim_says_hello(c->m, g, name);
    return g;
}

/* Takes what the master says for ms; the id of the last dapi. */
static void be_mute(struct sim_cluster *c, struct sim_guest *g, uint64_t ms, char id[80]) {
    static struct sim_heard h;
    uint64_t until = sim_ms(c->sim) + ms, said = 0;
    while (sim_ms(c->sim) < until) {
        sim_step(c->sim, until * 1000000u);
        while (guest_hear(g, &h)) {
            if (strcmp(h.command, "dapi") == 0) {
                snprintf(id, 80, "%.*s", (int)strcspn((char *)h.bytes, " "), (char *)h.bytes);
                guest_say(g, h.counter, "ok", "Added request to API requests queue", 35);
            }
        }
        if (sim_ms(c->sim) - said > 20000) {
            said = sim_ms(c->sim);
            guest_ask_text(g, "echo-c", "k");
        }
    }
}

TEST(a_node_that_never_answers_costs_its_deadline) {
    struct sim_cluster c = sim_cluster(10, 1, 3);
    struct sim_guest *g = mute(&c, "10.0.7.1", "mute");
    char id[80] = "";
    struct sim_program *all =
        sim_asks_api(c.w[0], TREE, "distributed_master", "{}", ", \"broadcasting\": true");
    struct sim_program *one = sim_asks_api(c.m, TREE, "distributed_master", "{\"node_id\": \"mute\"}", "");
    struct sim_program *fwd = forwards(c.m, "mute", TREE);
    be_mute(&c, g, 100000, id);
    CHECK(id[0]);
    CHECK(all->end == PROGRAM_WAITS && one->end == PROGRAM_WAITS && fwd->end == PROGRAM_WAITS);
    struct sim_program *other = sim_asks_api(c.m, AGENTS, "local_master", "{}", "");
    be_mute(&c, g, 1000, id);
    sim_says(other, "\"total_affected_items\": 4"); /* others are not held up */
    be_mute(&c, g, 100000, id);
    CHECK(sim_programs_end(c.sim, 1000));
    sim_says(all, "\"total_affected_items\": 2"); /* the others, and who said nothing */
    sim_says(all, "\"code\": 3021");
    sim_says(all, "[[\"mute\"]]");
    sim_is_told(one, "\"code\": 3021");
    sim_is_told(fwd, "\"code\": 3021");
    sim_check_heard(all, false, "a mute node", 1);
    /* Too late, or for nobody. */
    char text[100];
    snprintf(text, sizeof text, "%s too late", id);
    guest_ask_text(g, "dapi_err", text);
    be_mute(&c, g, 100, id);
    sim_check_idle(c.sim, "a mute node", 1);
}

TEST(a_node_that_comes_again_under_its_name_answers_for_itself_only) {
    struct sim_cluster c = sim_cluster(11, 1, 3);
    struct sim_guest *g = mute(&c, "10.0.7.1", "mute"), *other = mute(&c, "10.0.7.2", "other");
    char id[80] = "", ignored[80], text[200];
    struct sim_program *p = sim_asks_api(c.w[0], TREE, "distributed_master", "{\"node_id\": \"mute\"}", "");
    be_mute(&c, g, 1000, id);
    CHECK(id[0] && p->end == PROGRAM_WAITS);
    snprintf(text, sizeof text, "%s in another's name", id);
    guest_ask_text(other, "dapi_err", text);
    be_mute(&c, other, 1000, ignored);
    CHECK(p->end == PROGRAM_WAITS);
    snprintf(text, sizeof text, "%s in its own words", id);
    guest_ask_text(g, "dapi_err", text);
    be_mute(&c, g, 1000, ignored);
    sim_is_told(p, "in its own words");
    sim_check_idle(c.sim, "words", 1);
}

TEST(wall_clocks_jump) {
    struct sim_cluster c = sim_cluster(12, 2, 3);
    struct sim_node *all[] = {c.m, c.w[0], c.w[1]};
    for (unsigned i = 0; i < 24; i++) {
        struct sim_program *p = sim_asks_all(&c, all[i % 3]), *q = sim_program(c.w[i & 1]);
        char name[16];
        snprintf(name, sizeof name, "jump%u", i);
        program_adds_agent(q, name);
        for (unsigned k = 0; k < i * 3; k++)
            sim_step(c.sim, UINT64_MAX);
        all[i / 3 % 3]->host->wall_shift_ns = ((int64_t)(i % 5) - 2) * 315360000000000000; /* years */
        CHECK(sim_programs_end(c.sim, 60000));
        sim_says(p, "\"total_affected_items\": 3");
        sim_says(q, "\"error\":0");
        sim_program_end(c.sim, p), sim_program_end(c.sim, q);
        sim_check_idle(c.sim, "a clock", i);
    }
}

/* ---- who goes away ---- */

/* After each turn of what this does; returns how many there were. */
static unsigned leave_sweep(struct sim_cluster *c, struct sim_node *to, bool sendsync) {
    for (unsigned n = 0;; n++) {
        struct sim_program *p = sendsync ? sim_program(to) : sim_asks_all(c, to);
        char name[24];
        snprintf(name, sizeof name, "left%u", n);
        if (sendsync)
            program_adds_agent(p, name);
        for (unsigned i = 0; i < n; i++)
            sim_step(c->sim, UINT64_MAX);
        bool over = p->end != PROGRAM_WAITS;
        sim_program_end(c->sim, p);
        sim_check_idle(c->sim, "a program left", n);
        if (over)
            return n;
    }
}

TEST(a_program_goes_away_after_each_turn) {
    struct sim_cluster c = sim_cluster(13, 2, 3);
    CHECK(leave_sweep(&c, c.m, false) > 15);
    CHECK(leave_sweep(&c, c.w[0], false) > 20);
    CHECK(leave_sweep(&c, c.w[0], true) > 10);
    all_answer(&c, c.m);
}

/* ---- no room ---- */

TEST(all_places_of_requests_are_taken) {
    struct sim_cluster c = sim_cluster(14, 1, 3);
    struct sim_guest *g = mute(&c, "10.0.7.1", "mute");
    struct sim_program *p[API_REQUESTS_MAX], *late, *of_worker;
    char id[80];
    for (unsigned i = 0; i < API_REQUESTS_MAX; i++)
        p[i] = sim_asks_api(c.m, TREE, "distributed_master", "{\"node_id\": \"mute\"}", "");
    be_mute(&c, g, 2000, id);
    CHECK_INT(sim_pool_used(c.m, POOL_api_slots), API_REQUESTS_MAX);
    late = sim_asks_api(c.m, AGENTS, "local_master", "{}", "");
    of_worker = sim_asks_api(c.w[0], AGENTS, "local_master", "{}", "");
    be_mute(&c, g, 1000, id);
    sim_is_told(late, "API requests are waiting on this node: ask again");
    sim_is_told(of_worker, "API requests are waiting on this node: ask again");
    CHECK(late->end == PROGRAM_REFUSED);
    for (unsigned i = 0; i < API_REQUESTS_MAX; i++)
        CHECK(p[i]->end == PROGRAM_WAITS);
    guest_close(g);
    CHECK(sim_programs_end(c.sim, 10000));
    for (unsigned i = 0; i < API_REQUESTS_MAX; i++)
        sim_is_told(p[i], "\"code\": 3032");
    all_answer(&c, c.w[0]);
    sim_check_idle(c.sim, "a full queue", 1);
}

/* A node that asks without end has half of the places, the others theirs. */
TEST(one_node_asks_without_end) {
    struct sim_cluster c = sim_cluster(15, 1, 3);
    struct sim_guest *greedy = mute(&c, "10.0.7.1", "greedy"), *g = mute(&c, "10.0.7.2", "mute");
    char id[80], text[1000], *request;
    struct sim_program *other;
    request = program_request(TREE, "distributed_master", "{\"node_id\": \"mute\"}", "");
    other = sim_asks_api(c.m, TREE, "distributed_master", "{\"node_id\": \"mute\"}", "");
    be_mute(&c, g, 100, id);
    for (unsigned i = 0; i < API_REQUESTS_MAX + 10; i++) {
        snprintf(text, sizeof text, "%u %s", i, request);
        guest_ask_text(greedy, "dapi", text);
        be_mute(&c, g, 20, id);
        be_mute(&c, greedy, 20, id);
    }
    CHECK_INT(sim_pool_used(c.m, POOL_api_slots), API_REQUESTS_MAX / 2 + 1);
    CHECK(other->end == PROGRAM_WAITS);
    all_answer(&c, c.w[0]);
    free(request);
    guest_close(greedy);
    sim_run(c.sim, 100);
    CHECK_INT(sim_pool_used(c.m, POOL_api_slots), 1);
    guest_close(g);
    CHECK(sim_programs_end(c.sim, 10000));
    sim_is_told(other, "\"code\": 3032");
    sim_check_idle(c.sim, "a greedy node", 1);
}

/* Every pool that a request needs is used up in turn: who asks is told, or waits until there is room. */
TEST(no_room_in_any_pool) {
    static const enum pool_id ids[] = {POOL_api_slots,    POOL_api_calls,    POOL_sendsyncs,  POOL_windows,
                                       POOL_xfer_senders, POOL_xfer_strings, POOL_local_desks};
    struct sim_cluster c = sim_cluster(16, 2, 3);
    struct sim_node *all[] = {c.m, c.w[0]};
    for (unsigned i = 0; i < 2 * sizeof ids / sizeof *ids; i++) {
        struct pool *pool = &all[i & 1]->node->pools[ids[i / 2]];
        void *slot[512];
        unsigned count = 0;
        while (count < 512 && (slot[count] = pool_take(pool)) != NULL)
            count++;
        struct sim_program *p = sim_asks_all(&c, c.w[0]), *q = sim_asks_all(&c, c.m),
                           *r = sim_program(c.w[0]);
        char name[16];
        snprintf(name, sizeof name, "pool%u", i);
        program_adds_agent(r, name);
        sim_run(c.sim, 8000);
        while (count > 0)
            pool_give(pool, slot[--count]);
        api_kick(&all[i & 1]->node->api);      /* as who gives a call back does */
        CHECK(sim_programs_end(c.sim, 30000)); /* no deadline is waited for */
        sim_check_heard(p, false, "from a worker, without pool", i);
        sim_check_heard(q, false, "from the master, without pool", i);
        sim_check_heard(r, false, "sendsync, without pool", i);
        sim_program_end(c.sim, p), sim_program_end(c.sim, q), sim_program_end(c.sim, r);
        sim_cluster_joins(&c);
        all_answer(&c, c.w[0]);
        sim_check_idle(c.sim, "without pool", i);
    }
}

/* A request that finds no room in the spool is refused in words, and so is an answer. */
TEST(the_spool_is_full) {
    struct sim_cluster c = sim_cluster(17, 2, 60);
    struct sim_node *all[] = {c.m, c.w[0]};
    for (unsigned i = 0; i < 4; i++) {
        struct sim_node *full = all[i & 1];
        full->node->env.spool.limit = 2000;
        struct sim_program *p =
            sim_asks_api(c.w[0], AGENTS, "local_master", i < 2 ? "{}" : long_list("", 2000), "");
        struct sim_program *short_one = sim_asks_all(&c, c.w[0]);
        CHECK(sim_programs_end(c.sim, SIM_API_MOST_MS));
        sim_check_heard(p, false, "full spool", i);
        CHECK(p->end != PROGRAM_ANSWERED || strstr(p->text, "\"__wazuh_exception__\""));
        sim_says(short_one, "\"total_affected_items\": 3");
        sim_program_end(c.sim, p), sim_program_end(c.sim, short_one);
        sim_check_idle(c.sim, "full spool", i);
        full->node->env.spool.limit = full->config.spool_bytes;
        all_answer(&c, c.w[0]);
    }
}

/* ---- long ones ---- */

static void narrow(struct sim_node *n) {
    n->host->line.room = 5000;
    n->host->line.piece = 3000;
}

/* 5,000 agents, and 15,000 that do not exist: asked for and told through narrow lines. */
TEST(long_requests_and_long_answers) {
    struct sim_cluster c = sim_cluster(18, 2, 5000);
    sim_report_all(c.w[0], 1, 2500, "one");
    sim_report_all(c.w[1], 2501, 5000, "two");
    CHECK(sim_agents_agree(c.sim, 100000));
    narrow(c.w[0]), narrow(c.w[1]);
    struct sim_program *all = sim_asks_api(c.w[0], AGENTS, "local_master", "{\"limit\": 100000}", "");
    struct sim_program *listed =
        sim_asks_api(c.w[1], AGENTS, "local_master", long_list("\"limit\": 100000, ", 20000), "");
    struct sim_program *shared =
        sim_asks_api(c.w[1], "wazuh.agent.reconnect_agents", "distributed_master", long_list("", 20000), "");
    CHECK(sim_programs_end(c.sim, SIM_API_MOST_MS));
    sim_says(all, "\"total_affected_items\": 5001");
    CHECK(all->text_n > 2u << 20);
    sim_says(listed, "\"total_affected_items\": 5000");
    sim_says(listed, "\"total_failed_items\": 15000");
    CHECK(shared->end == PROGRAM_ANSWERED);
    sim_check_idle(c.sim, "long ones", 1);
    for (unsigned i = 0; i < c.sim->count; i++)
        CHECK(c.sim->node[i].node->pools[POOL_windows].high <= BODY_WINDOWS);
}

/* An argument of 4 MB goes to the master as it is, and is refused there in words. */
TEST(a_request_of_megabytes) {
    static const size_t n = 4u << 20;
    struct sim_cluster c = sim_cluster(20, 1, 3);
    char *arguments = test_keep(malloc(n + 20));
    narrow(c.w[0]);
    strcpy(arguments, "{\"x\": \"");
    memset(arguments + 7, 'x', n);
    strcpy(arguments + 7 + n, "\"}");
    struct sim_program *p = sim_asks_api(c.w[0], AGENTS, "local_master", arguments, "");
    struct sim_program *other = sim_asks_api(c.w[0], AGENTS, "local_master", "{}", "");
    CHECK(sim_programs_end(c.sim, SIM_API_MOST_MS));
    sim_says(p, "\"__wazuh_exception__\"");
    sim_says(p, "'x'");
    sim_says(other, "\"total_affected_items\": 4");
    sim_check_idle(c.sim, "megabytes", 1);
}

/* The list of a worker's files, longer than a window, on its way over the master to a program of another. */
TEST(a_long_answer_of_another_worker) {
    struct sim_cluster c = sim_cluster(21, 2, 3);
    for (unsigned i = 0; i < 1500; i++) {
        char path[64];
        snprintf(path, sizeof path, "etc/lists/a-list-with-quite-a-long-name-%04u", i);
        sim_write(c.m, path, path);
    }
    CHECK(sim_converges(c.sim, 100000));
    narrow(c.w[0]), narrow(c.w[1]);
    struct sim_program *p =
        sim_asks_api(c.w[1], "picket.node.get_manifest", "distributed_master", "{\"node_id\": \"w1\"}", "");
    CHECK(sim_programs_end(c.sim, SIM_API_MOST_MS));
    sim_says(p, "a-list-with-quite-a-long-name-0000");
    sim_says(p, "a-list-with-quite-a-long-name-1499");
    CHECK(p->text_n > BODY_WINDOW_BYTES);
    sim_check_idle(c.sim, "a long answer", 1);
}
