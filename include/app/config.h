/* app/config.h - the whole configuration of a node: ossec.conf, cluster.json, internal options, picket.conf.
 */
#ifndef PICKET_APP_CONFIG_H
#define PICKET_APP_CONFIG_H

#include "app/problems.h"
#include "base/text.h"
#include "role/cluster_config.h"
#include "sys/sys.h"

#define OSSEC_CONF "etc/ossec.conf"

struct config_source {
    int root_fd;
    const char *root; /* its name, for messages */
    const char *file; /* -c: another ossec.conf, as open() takes it; NULL: ROOT/etc/ossec.conf */
    uint8_t debug;    /* number of -d */
};

struct config_report {
    const char *items_file; /* the cluster.json in use; NULL: the defaults compiled in */
    bool has_section;       /* ossec.conf has a <cluster> */
};

/* Reads and checks everything; p has what is wrong (p->errors: the node may not start). With c->disabled
 * and no errors the node has nothing to do and ends with 0, as Wazuh's does. */
void config_load(struct sys *sys, const struct config_source *from, struct cluster_config *c,
                 struct config_report *report, struct problems *p);

/* The effective values, one per line, the key left out. */
void config_words(const struct cluster_config *c, const struct config_report *report, struct text *out);

#endif
