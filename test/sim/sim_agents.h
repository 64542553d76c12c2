/* sim_agents.h - the agents of simulated nodes: told and asked as the node's own services do it, through the
 * commands of wazuh-db, and compared between the nodes. The embedded store of the node must be open. */
#ifndef PICKET_SIM_AGENTS_H
#define PICKET_SIM_AGENTS_H

#include "test/sim/sim.h"

bool sim_store_is_open(const struct sim_node *n);
/* One command; the reply lasts until the next. */
const char *sim_ask(struct sim_node *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* ... whose reply must begin with "ok": what it did is acknowledged. */
void sim_tell(struct sim_node *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer to a select, "1|a|-\n", a line each, NULL as "-"; lasts for three more. */
const char *sim_select(struct sim_node *n, const char *sql);
/* Columns of one agent. */
const char *sim_row(struct sim_node *n, unsigned id, const char *columns);
/* Does it answer on queue/db/wdb, as other programs ask? */
bool sim_serves_wdb(struct sim_node *n);

/* etc/client.keys with the agents first to last, "agent7" and so on; the group "web" has a folder. */
void sim_write_keys(const struct sim_node *m, unsigned first, unsigned last);
/* The agent is active at this node and has this os_name, which the master is to be told. */
void sim_report(struct sim_node *n, unsigned id, const char *os_name);
/* The same of many, in one transaction. */
void sim_report_all(struct sim_node *n, unsigned first, unsigned last, const char *os_name);
/* On the master: names is a","b; the workers are to be told. */
void sim_set_groups(struct sim_node *m, unsigned id, const char *names);

/* Why agents differ, or NULL: every running worker has joined, and the master has what it reported; nothing
 * is pending anywhere; all have the agents, names, groups and hashes of the master, and have compared them.
 */
const char *sim_agents_difference(struct sim *sim);
/* Runs until they agree; a row that counts as told too early meanwhile fails the case. */
bool sim_agents_agree(struct sim *sim, uint64_t ms);
/* A master with agents 1 to n and a worker, of one version. They do not run yet. */
struct sim_pair sim_agents_pair(uint64_t seed, unsigned n, const char *version);
/* ... and both run and agree. */
struct sim_pair sim_agents_pair_agreed(uint64_t seed, unsigned n, const char *version);
/* A row of the worker counts as told, and the master has not got it: in words, or NULL. */
const char *sim_told_too_early(struct sim_node *w, struct sim_node *m);

/* Something for both synchronisations of the first n agents, all of it acknowledged; another each round. */
void sim_agents_change(struct sim_pair *p, unsigned n, uint64_t round);
/* It has arrived. */
void sim_agents_check(struct sim_pair *p, unsigned n, uint64_t round);

#endif
