/* app/config_items.h - cluster.json: what is synchronised, and the intervals.
 *
 * Exactly one source is used, the first that exists:
 *   1. ROOT/etc/cluster.json                               the operator's, which no upgrade overwrites
 *   2. ROOT/framework/wazuh/core/cluster/cluster.json      Wazuh's own
 *   3. the defaults compiled in (those of Wazuh 4.5 to 4.14.7)
 * A member that a file lacks has its default; picket writes neither file. */
#ifndef PICKET_APP_CONFIG_ITEMS_H
#define PICKET_APP_CONFIG_ITEMS_H

#include "app/problems.h"
#include "role/cluster_config.h"
#include "sys/sys.h"

#define CLUSTER_JSON_BYTES (64u << 10) /* the largest cluster.json that is read */

void intervals_defaults(struct intervals *i);

/* Fills c->items and c->intervals; returns the path of the file that was used, or NULL for the defaults. */
const char *config_items_load(struct sys *sys, int root_fd, struct cluster_config *c, struct problems *p);

/* The same from text in memory: what config_items_load does with a file. */
void config_items_parse(const char *file, const char *text, size_t n, struct cluster_config *c,
                        struct problems *p);

#endif
