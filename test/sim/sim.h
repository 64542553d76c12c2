/* sim.h - whole nodes in one process, on a simulated network, each with a root folder of its own below
 * test_dir(). Virtual time passes when no node has anything to do; nobody sleeps.
 *
 *   struct sim *sim = sim_new(1);
 *   struct sim_node *m = sim_add(sim, NODE_MASTER, "master"), *w = sim_add(sim, NODE_WORKER, "w1");
 *   sim_write(m, "etc/rules/a.xml", "rule");
 *   sim_start(m), sim_start(w);
 *   CHECK(sim_converges(sim, 30000));
 *
 * At the end of the case every node that runs is closed, and what it leaves behind fails the case. */
#ifndef PICKET_SIM_H
#define PICKET_SIM_H

#include "app/node.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/sim/sim_guest.h"
#include "test/sim/sim_program.h"

#define SIM_NODES 70
#define SIM_KEY "0123456789abcdef0123456789abcdef"
#define SIM_TURN_NS 20000u /* virtual time of one turn */

struct sim;

struct sim_node {
    struct sim *sim;
    struct sim_host *host;
    struct sys net_sys;   /* the host's table */
    struct faults faults; /* in front of it; calls are counted, and fail when the case says so */
    struct sys *sys; /* what the node is started with: faults.sys, unless the case has another before it */
    struct cluster_config config;
    struct node *node;   /* NULL: not running */
    struct node *closed; /* memory of one that was closed in order: the next start takes it as it is */
    int root_fd;
    char root[256], local[300]; /* of the local socket */
    char relative[16];          /* root below test_dir() */
    struct log log;
    char *lines; /* everything that was logged, a line each: "ERROR [Worker w1] [Main] text\n" */
    size_t lines_n, lines_cap;
};

struct sim {
    struct sim_net net;
    struct sim_node node[SIM_NODES];
    uint32_t count;
    uint64_t turns, still_turns;  /* of all nodes; of them, since time moved by more than turns */
    struct sim_program *programs; /* they have their turn after that of the nodes */
    struct sim_host *machine;     /* theirs */
    struct sys machine_sys;
    void (*beside)(void *arg); /* something else that has a turn then */
    void *beside_arg;
};

struct sim *sim_new(uint64_t seed);
/* A node with its folder; it does not run yet. A master has the address 10.0.0.1, workers have 10.0.1.1,
 * 10.0.1.2, ... Its config may be changed before it starts. */
struct sim_node *sim_add(struct sim *sim, enum node_type type, const char *name);

void sim_start(struct sim_node *n);
enum err sim_try_start(struct sim_node *n, struct error *e);
/* node_close, and what must hold then: pools empty, no timer, descriptor or staged file left. */
void sim_stop(struct sim_node *n);
/* Ends it as a power cut (silent: nobody hears of it) or a kill does: nothing of it runs any more. */
void sim_kill(struct sim_node *n, bool silent);
/* Fails the case unless all pools of a node are empty but for the peers, ... of running links. */
void sim_check_closed(const struct sim_node *n);

/* One turn of all nodes that have something to do, or else time moves on, at most to until_ns. */
void sim_step(struct sim *sim, uint64_t until_ns);
void sim_run(struct sim *sim, uint64_t ms);
/* Runs until cond(arg), looked at every look_ms; false: not within ms. */
bool sim_until(struct sim *sim, uint64_t ms, uint64_t look_ms, bool (*cond)(void *arg), void *arg);
uint64_t sim_ms(const struct sim *sim);

/* Runs until all running workers have joined, and they and the master have the same files and know it. */
bool sim_converges(struct sim *sim, uint64_t ms);
/* Why they are not: in words, or NULL. */
const char *sim_difference(struct sim *sim);
/* The same, but for what staging may have left on a worker. */
bool sim_converges_but_for_leftovers(struct sim *sim, uint64_t ms);

/* ---- files below a node's root ---- */
void sim_write(const struct sim_node *n, const char *path, const char *text);
void sim_write_bytes(const struct sim_node *n, const char *path, const void *bytes, size_t count);
/* n pseudo-random bytes that do not compress. */
void sim_write_random(const struct sim_node *n, const char *path, size_t count, uint64_t seed);
void sim_remove(const struct sim_node *n, const char *path);
void sim_rename(const struct sim_node *n, const char *from, const char *to);
/* NULL: it is not there. */
char *sim_read(const struct sim_node *n, const char *path);
bool sim_exists(const struct sim_node *n, const char *path);
/* Removes everything below the root of a node that does not run. */
void sim_wipe(const struct sim_node *n);
/* Is something of staging left below the root? Its path, or NULL. */
const char *sim_leftover(const struct sim_node *n);
/* A dozen files in several items, and two that are not to be synchronised. */
void sim_fill(const struct sim_node *n);

/* ---- who speaks by hand ---- */
/* Lives until the case ends. */
struct sim_guest *sim_guest(struct sim *sim, const char *address);
/* Runs until it hears a frame; false: not within ms, or the connection ended before. */
bool sim_hears(struct sim *sim, struct sim_guest *g, struct sim_heard *h, uint64_t ms);
/* Runs until the connection ended; false: not within ms. */
bool sim_closes(struct sim *sim, struct sim_guest *g, uint64_t ms);
/* Connects to the node called m as a worker and is let in, or the case fails. */
void sim_says_hello(struct sim_node *m, struct sim_guest *g, const char *name);
/* The calls of programs beside the nodes. */
struct sys *sim_machine(struct sim *sim);
/* A program of the node's machine; until the case ends, or sim_program_end. */
struct sim_program *sim_program(struct sim_node *n);
void sim_program_end(struct sim *sim, struct sim_program *p);
/* Runs until p's question has ended; false: not within ms. */
bool sim_program_ends(struct sim *sim, const struct sim_program *p, uint64_t ms);
/* Runs until the questions of all programs that read have ended; false: not within ms. */
bool sim_programs_end(struct sim *sim, uint64_t ms);
/* What get_status answers, asked on the local socket; until the case ends. */
const char *sim_status(struct sim_node *n);
/* Asks on the local socket; the payload of the first reply, and "err" or what else it was, in *command. */
const char *sim_asks(struct sim_node *n, const char *command, const char *payload, char answer[13]);

/* ---- a master and a worker that do not run yet ---- */
struct sim_pair {
    struct sim *sim;
    struct sim_node *m, *w;
};
/* The master's folder is filled. */
struct sim_pair sim_pair(uint64_t seed);
/* ... and both run and are the same. */
struct sim_pair sim_pair_synced(uint64_t seed);

/* ---- the log ---- */
uint32_t sim_log_count(const struct sim_node *n, const char *text); /* lines that hold it */
bool sim_log_has(const struct sim_node *n, const char *text);
void sim_log_clear(struct sim_node *n);

/* ---- the state ---- */
bool sim_joined(const struct sim_node *n);
struct peer *sim_peer(const struct sim_node *master, const char *name); /* NULL: not connected */
uint32_t sim_pool_used(const struct sim_node *n, enum pool_id id);

#endif
