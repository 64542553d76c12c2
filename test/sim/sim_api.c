/* sim_api.c - see sim_api.h. */
#include "test/sim/sim_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sim_cluster sim_cluster(uint64_t seed, uint32_t workers, unsigned agents) {
    struct sim_cluster c = {.sim = sim_new(seed), .workers = workers};
    char name[8];
    CHECK(workers <= SIM_API_WORKERS);
    c.m = sim_add(c.sim, NODE_MASTER, "master");
    sim_fill(c.m);
    sim_write_keys(c.m, 1, agents);
    for (uint32_t i = 0; i < workers; i++) {
        snprintf(name, sizeof name, "w%u", i + 1);
        c.w[i] = sim_add(c.sim, NODE_WORKER, name);
    }
    for (uint32_t i = 0; i < c.sim->count; i++) {
        strcpy(c.sim->node[i].config.services, "none");
        sim_start(&c.sim->node[i]);
    }
    CHECK(sim_converges(c.sim, 60000));
    CHECK(sim_agents_agree(c.sim, 60000));
    return c;
}

static bool all_joined(void *arg) {
    const struct sim_cluster *c = arg;
    for (uint32_t i = 0; i < c->workers; i++)
        if (!sim_joined(c->w[i]) || !sim_peer(c->m, c->w[i]->config.node_name))
            return false;
    return true;
}

void sim_cluster_joins(struct sim_cluster *c) {
    CHECK(sim_until(c->sim, 400000, 50, all_joined, c));
}

struct sim_program *sim_asks_api(struct sim_node *n, const char *function, const char *type,
                                 const char *arguments, const char *more) {
    struct sim_program *p = sim_program(n);
    program_dapi(p, function, type, arguments, more);
    return p;
}

struct sim_program *sim_asks_all(struct sim_cluster *c, struct sim_node *to) {
    char arguments[200];
    struct text t;
    text_init(&t, arguments, sizeof arguments);
    text_str(&t, "{\"node_list\": [\"master\"");
    for (uint32_t i = 0; i < c->workers; i++)
        text_format(&t, ", \"%s\"", c->w[i]->config.node_name);
    text_str(&t, "]}");
    return sim_asks_api(to, "picket.node.get_tree", "distributed_master", arguments,
                        ", \"broadcasting\": true");
}

void sim_says(const struct sim_program *p, const char *part) {
    if (p->end != PROGRAM_ANSWERED || !strstr(p->text, part))
        test_fail(__FILE__, __LINE__, "'%s' is not in the answer (end %d): %.900s", part, p->end, p->text);
}

void sim_is_told(const struct sim_program *p, const char *part) {
    if ((p->end != PROGRAM_TOLD && p->end != PROGRAM_REFUSED) || !strstr(p->text, part))
        test_fail(__FILE__, __LINE__, "'%s' is not what was told (end %d): %.900s", part, p->end, p->text);
}

/* ---- authd ---- */

struct authd {
    struct sys *sys;
    int door, fd; /* -1: nobody is there */
    uint8_t in[4000];
    size_t n;
};

static void authd_close(struct authd *a) {
    if (a->fd >= 0)
        a->sys->close(a->sys, a->fd);
    a->fd = -1;
    a->n = 0;
}

/* A length of four bytes, little-endian, and the message: both ways (reference, section 13). */
static void authd_turn(void *arg) {
    static const uint8_t reply[] = "\0\0\0\0" SIM_AUTHD_SAYS;
    struct authd *a = arg;
    uint8_t out[sizeof reply - 1];
    if (a->fd < 0)
        a->fd = a->sys->accept(a->sys, a->door, NULL);
    if (a->fd < 0)
        return;
    ptrdiff_t n = a->sys->recv(a->sys, a->fd, a->in + a->n, sizeof a->in - a->n);
    if (n > 0)
        a->n += (size_t)n;
    if (n != -EAGAIN && n <= 0) {
        authd_close(a);
    } else if (a->n >= 4 && a->n >= 4 + (a->in[0] | (size_t)a->in[1] << 8)) {
        memcpy(out, reply, sizeof out);
        out[0] = (uint8_t)(sizeof out - 4);
        a->sys->send(a->sys, a->fd, out, sizeof out);
        authd_close(a);
    }
}

void sim_authd(struct sim_cluster *c) {
    char path[300];
    struct sys_addr addr;
    struct authd *a = test_keep(calloc(1, sizeof *a));
    a->sys = sim_machine(c->sim);
    sim_write(c->m, "queue/sockets/there", "");
    snprintf(path, sizeof path, "%s/queue/sockets/auth", c->m->root);
    CHECK(sys_addr_unix(&addr, path));
    a->door = a->sys->listen(a->sys, &addr, 5);
    CHECK(a->door >= 0);
    a->fd = -1;
    c->sim->beside = authd_turn;
    c->sim->beside_arg = a;
}

void sim_check_heard(const struct sim_program *p, bool node_may_die, const char *what, uint64_t n) {
    static const char *const words[] = {"nothing", "an answer", "an error", "a refusal", "the end"};
    const char *wrong = NULL;
    if (p->end == PROGRAM_WAITS)
        wrong = "it hears nothing";
    else if (p->twice)
        wrong = "it hears something twice";
    else if (p->end == PROGRAM_LOST && !node_may_die)
        wrong = "its connection ended";
    else if (p->end != PROGRAM_LOST && !p->text_n)
        wrong = "what it hears is empty";
    else if (p->end == PROGRAM_ANSWERED && p->text[0] != '{')
        wrong = "its answer is no JSON";
    else if (p->ended_ms - p->asked_ms > SIM_API_MOST_MS)
        wrong = "it hears too late";
    if (wrong)
        test_fail(__FILE__, __LINE__, "%s at %llu: %s (%s after %llu ms: %.300s)", what,
                  (unsigned long long)n, wrong, words[p->end],
                  (unsigned long long)(p->ended_ms - p->asked_ms), p->text);
}

/* What is out on a node: in words, or NULL. */
static const char *is_out(const struct sim_node *n) {
    static const enum pool_id of_requests[] = {POOL_api_slots,  POOL_api_calls,    POOL_sendsyncs,
                                               POOL_windows,    POOL_xfer_senders, POOL_xfer_strings,
                                               POOL_local_desks};
    const struct api *a = &n->node->api;
    for (size_t i = 0; i < sizeof of_requests / sizeof *of_requests; i++)
        if (sim_pool_used(n, of_requests[i]))
            return n->node->pools[of_requests[i]].words;
    for (const struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
        if (p->slot)
            return "a part of a request";
    if (a->first || a->slot_count || a->building || a->out.size || a->sendsyncs.first)
        return "something of a request";
    if (n->node->env.spool.used)
        return "bytes in the spool";
    return NULL;
}

static bool all_idle(void *arg) {
    const struct sim *sim = arg;
    for (uint32_t i = 0; i < sim->count; i++)
        if (sim->node[i].node && is_out(&sim->node[i]))
            return false;
    return true;
}

void sim_check_idle(struct sim *sim, const char *what, uint64_t n) {
    if (sim_until(sim, SIM_API_MOST_MS, 20, all_idle, sim))
        return;
    for (uint32_t i = 0; i < sim->count; i++)
        if (sim->node[i].node && is_out(&sim->node[i]))
            test_fail(__FILE__, __LINE__, "%s at %llu: on %s is left: %s", what, (unsigned long long)n,
                      sim->node[i].config.node_name, is_out(&sim->node[i]));
}
