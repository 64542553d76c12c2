/* sim_api.h - a simulated cluster whose nodes are asked over the API: what must hold of every question. */
#ifndef PICKET_SIM_API_H
#define PICKET_SIM_API_H

#include "test/sim/sim_agents.h"

#define SIM_API_WORKERS 3u
#define SIM_API_MOST_MS 260000u /* an answer of another node (200 s), and its way back (60 s) */

struct sim_cluster {
    struct sim *sim;
    struct sim_node *m, *w[SIM_API_WORKERS];
    uint32_t workers;
};

/* A master with so many agents and workers "w1", "w2", ... of it. They need no other daemons, and run, and
 * are the same. */
struct sim_cluster sim_cluster(uint64_t seed, uint32_t workers, unsigned agents);
/* Runs until all have joined again. */
void sim_cluster_joins(struct sim_cluster *c);

/* A program asks; until sim_program_end. */
struct sim_program *sim_asks_api(struct sim_node *n, const char *function, const char *type,
                                 const char *arguments, const char *more);
/* ... picket.node.get_tree of all nodes of c, of which to is one. */
struct sim_program *sim_asks_all(struct sim_cluster *c, struct sim_node *to);
/* It was answered, and says this; or it was told this. */
void sim_says(const struct sim_program *p, const char *part);
void sim_is_told(const struct sim_program *p, const char *part);

/* An authd on the master's machine that answers every message with SIM_AUTHD_SAYS, one after the other; until
 * the case ends. */
#define SIM_AUTHD_SAYS "{\"error\":0,\"data\":{\"id\":\"007\",\"name\":\"x\",\"ip\":\"any\",\"key\":\"k\"}}"
void sim_authd(struct sim_cluster *c);

/* Fails the case unless p has heard one thing: an answer, an error in words, or the end of its connection
 * when its node may have died. */
void sim_check_heard(const struct sim_program *p, bool node_may_die, const char *what, uint64_t n);
/* Fails the case unless nothing of any request is left on any node, now or very soon. No program may wait. */
void sim_check_idle(struct sim *sim, const char *what, uint64_t n);

#endif
