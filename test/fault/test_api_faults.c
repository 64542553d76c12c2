/* test_api_faults.c - one request of the API, or one registration, in which each system call of one node
 * fails in turn, or each pool is used up at each moment: whoever asked hears one thing, nothing is left out,
 * and the next request is answered. */
#include "test/sim/sim_api.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

enum question { ALL_NODES, AGENTS, REGISTRATION, AUTHD /* a registration that another program does */ };

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool fds_are(void *arg) {
    return open_fds() == *(int *)arg;
}

/* A program of w1 asks. */
static struct sim_program *ask(struct sim_cluster *c, enum question what, const char *name) {
    if (what == ALL_NODES)
        return sim_asks_all(c, c->w[0]);
    if (what == AGENTS) /* a long answer, from the store through the spool */
        return sim_asks_api(c->w[0], "wazuh.agent.get_agents", "local_master", "{}", "");
    struct sim_program *p = sim_program(c->w[0]);
    program_adds_agent(p, name);
    return p;
}

/* What is right when nothing fails. */
static void check_answer(const struct sim_program *p, enum question what) {
    static const char *const says[] = {"\"total_affected_items\": 2", "\"name\": \"agent40\"", "\"error\":0",
                                       SIM_AUTHD_SAYS};
    sim_says(p, says[what]);
}

/* One that was answered with a key is in etc/client.keys. */
static void check_kept(struct sim_cluster *c, const struct sim_program *p, enum question what,
                       const char *name) {
    char line[40];
    snprintf(line, sizeof line, " %s any ", name);
    if (what == REGISTRATION && p->end == PROGRAM_ANSWERED && strstr(p->text, "\"error\":0"))
        CHECK(strstr(sim_read(c->m, "etc/client.keys"), line));
}

/* All is as before, and the next one is answered. */
static void check_next(struct sim_cluster *c, enum question what, const char *name, const char *when,
                       uint64_t n) {
    char next[40];
    snprintf(next, sizeof next, "%s-next", name);
    sim_cluster_joins(c);
    sim_check_idle(c->sim, when, n);
    struct sim_program *p = ask(c, what, next);
    if (!sim_programs_end(c->sim, 20000))
        test_fail(__FILE__, __LINE__, "%s at %llu: the next request hears nothing", when,
                  (unsigned long long)n);
    check_answer(p, what);
    sim_program_end(c->sim, p);
    sim_check_idle(c->sim, when, n);
}

/* ---- system calls ---- */

/* Returns how many there are in one question. for_good: all fail from there on, until the question has ended.
 */
static uint64_t sweep(bool of_master, enum question what, int os, bool for_good, uint64_t first,
                      uint64_t step) {
    struct sim_cluster c = sim_cluster(first, 1, 40);
    struct sim_node *n = of_master ? c.m : c.w[0];
    if (what == AUTHD)
        sim_authd(&c);
    int fds = open_fds();
    for (uint64_t at = first;; at += step) {
        char name[24];
        snprintf(name, sizeof name, "call%llu", (unsigned long long)at);
        struct faults *f = &n->faults;
        f->calls = 0;
        f->fail_at = at;
        f->fail_on = for_good;
        f->disk_only = for_good;
        f->os = os;
        f->fired = false;
        struct sim_program *p = ask(&c, what, name);
        sim_programs_end(c.sim, SIM_API_MOST_MS);
        bool hit = f->fired;
        f->fail_at = 0;
        sim_check_heard(p, !of_master, "a call failed", at); /* one on the program's own socket */
        if (!hit)
            check_answer(p, what);
        check_kept(&c, p, what, name);
        sim_program_end(c.sim, p);
        check_next(&c, what, name, "a call failed", at);
        CHECK(sim_until(c.sim, 30000, 100, fds_are, &fds)); /* files may be under way */
        if (!hit)
            return at;
    }
}

TEST(each_call_of_the_master_fails_in_a_request_of_all_nodes) {
    CHECK(sweep(true, ALL_NODES, EIO, false, 1, 1) > 20);
}

TEST(each_call_of_the_worker_fails_in_a_request_of_all_nodes) {
    CHECK(sweep(false, ALL_NODES, EIO, false, 1, 1) > 20);
}

TEST(each_call_of_the_master_fails_in_a_long_answer) {
    CHECK(sweep(true, AGENTS, ENOSPC, false, 1, 1) > 20);
}

TEST(each_call_of_the_worker_fails_in_a_long_answer) {
    CHECK(sweep(false, AGENTS, ENOSPC, false, 1, 1) > 10);
}

TEST(each_call_of_the_master_fails_in_a_registration) {
    CHECK(sweep(true, REGISTRATION, EIO, false, 1, 1) > 30);
}

TEST(each_call_of_the_worker_fails_in_a_registration) {
    CHECK(sweep(false, REGISTRATION, EIO, false, 1, 1) > 5);
}

TEST(each_call_of_the_master_fails_while_authd_registers) {
    CHECK(sweep(true, AUTHD, ECONNRESET, false, 1, 1) > 10);
}

TEST(the_masters_disk_is_full_from_some_call_on) {
    CHECK(sweep(true, AGENTS, ENOSPC, true, 1, 2) > 5);
}

TEST(the_masters_disk_breaks_at_some_call_of_a_registration) {
    CHECK(sweep(true, REGISTRATION, EIO, true, 1, 1) > 20);
}

TEST(no_descriptor_is_left_at_some_call) {
    CHECK(sweep(true, REGISTRATION, EMFILE, false, 2, 2) > 20);
}

/* ---- pools ---- */

/* Each pool of a node is used up from the n-th turn of a question on, for a while. Who asked hears something
 * by then, or when there is room again. */
static void pools(bool of_master, enum question what, unsigned step) {
    struct sim_cluster c = sim_cluster(what + 1, 1, 40);
    struct sim_node *n = of_master ? c.m : c.w[0];
    static void *slot[1024];
    unsigned refused = 0;
    for (unsigned id = 0; id < POOL_COUNT; id++) {
        bool over = id == POOL_local_clients; /* whose slots programs themselves give back, and tell so */
        for (unsigned turn = 0; !over; turn += step) {
            struct pool *pool = &n->node->pools[id];
            unsigned count = 0;
            char name[24];
            snprintf(name, sizeof name, "pool%u.%u", id, turn);
            struct sim_program *p = ask(&c, what, name);
            for (unsigned i = 0; i < turn; i++)
                sim_step(c.sim, UINT64_MAX);
            over = p->end != PROGRAM_WAITS;
            while (count < 1024 && (slot[count] = pool_take(pool)) != NULL)
                count++;
            uint64_t before = pool->refused;
            sim_run(c.sim, 300);
            refused += pool->refused > before;
            while (count > 0)
                pool_give(pool, slot[--count]);
            api_kick(&n->node->api);        /* as who gives a call back does */
            sim_programs_end(c.sim, 30000); /* there is room again: no deadline is waited for */
            sim_check_heard(p, !of_master, pool->name, turn); /* a connection without a message ends */
            check_kept(&c, p, what, name);
            sim_program_end(c.sim, p);
            check_next(&c, what, name, pool->name, turn);
        }
    }
    CHECK(refused > 10);
}

TEST(each_pool_of_the_master_is_used_up_in_a_request_of_all_nodes) {
    pools(true, ALL_NODES, 1);
}

TEST(each_pool_of_the_worker_is_used_up_in_a_request_of_all_nodes) {
    pools(false, ALL_NODES, 1);
}

TEST(each_pool_of_the_master_is_used_up_in_a_long_answer) {
    pools(true, AGENTS, 2);
}

TEST(each_pool_of_the_worker_is_used_up_in_a_long_answer) {
    pools(false, AGENTS, 2);
}

TEST(each_pool_of_the_master_is_used_up_in_a_registration) {
    pools(true, REGISTRATION, 1);
}

TEST(each_pool_of_the_worker_is_used_up_in_a_registration) {
    pools(false, REGISTRATION, 1);
}
