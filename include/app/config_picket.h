/* app/config_picket.h - ROOT/etc/picket.conf: the options that Wazuh does not have, `key = value`.
 *
 * One table says everything about a key: kind, default, range and words; `picket help config` prints it. */
#ifndef PICKET_APP_CONFIG_PICKET_H
#define PICKET_APP_CONFIG_PICKET_H

#include "app/problems.h"
#include "base/text.h"
#include "role/cluster_config.h"
#include "sys/sys.h"

#define PICKET_CONF "etc/picket.conf"

/* Sets every key to its default. */
void config_picket_defaults(struct cluster_config *c);

/* Defaults first, then what the file says, if there is one. */
void config_picket_load(struct sys *sys, int root_fd, struct cluster_config *c, struct problems *p);

/* One key: false when there is none of that name; a bad value is added to p. line: for the problem. */
bool config_picket_set(struct cluster_config *c, const char *key, const char *value, uint32_t line,
                       struct problems *p);

/* Every key with its default, range and words, as a picket.conf with all keys commented out. */
void config_picket_words(struct text *out);

#endif
