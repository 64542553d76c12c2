/* app/config_cluster.h - from the options of <cluster> to a checked struct cluster_config.
 *
 * The rules are those of framework/wazuh/core/cluster/utils.py (read_cluster_config), cluster.py
 * (check_cluster_config) and of the C reader, src/config/cluster-config.c: a file that one of Wazuh's own
 * readers refuses is refused here, in the same words where it has words. Of several <cluster> sections the
 * last counts, as a whole. */
#ifndef PICKET_APP_CONFIG_CLUSTER_H
#define PICKET_APP_CONFIG_CLUSTER_H

#include "app/config_xml.h"
#include "app/problems.h"
#include "role/cluster_config.h"

/* The options that hold one value; the order of config_cluster.c's table. */
enum cluster_option {
    OPT_DISABLED,
    OPT_NAME,
    OPT_NODE_NAME,
    OPT_NODE_TYPE,
    OPT_KEY,
    OPT_PORT,
    OPT_BIND_ADDR,
    OPT_HIDDEN,
    OPT_HELPER_DISABLED,
    OPT_HELPER_PROTOCOL,
    OPT_HELPER_CERT,
    OPT_HELPER_PORT,
    OPT_HELPER_FREQUENCY,
    OPT_HELPER_CHUNK,
    OPT_HELPER_RECONNECTION,
    OPT_HELPER_STABILITY,
    OPT_HELPER_TOLERANCE,
    OPT_HELPER_REMOVE,
    OPT_COUNT
};

#define RESERVED_NODES 4 /* localhost, NODE_IP, 0.0.0.0, 127.0.1.1 */

/* What was read, not yet judged. */
struct cluster_options {
    const char *file;
    const char *root; /* the folder that file is relative to, NULL: the working folder */
    struct problems *problems;
    uint32_t section_line; /* of the last <cluster>; 0: there is none */
    struct {
        char value[HOST_BYTES];
        uint32_t line; /* 0: not given, or given empty */
        bool cut;
    } option[OPT_COUNT];
    bool helper; /* <haproxy_helper> holds something */
    uint32_t helper_line;
    uint32_t nodes; /* <node>s that are not empty */
    uint32_t node_line, reserved_line[RESERVED_NODES];
    bool node_cut;
    char node[HOST_BYTES]; /* the first */
    char nodes_json[sizeof(((struct cluster_config *)0)->nodes_json)];
    bool nodes_full;
};

/* file, root: for the problems; must outlive them. */
void cluster_options_init(struct cluster_options *o, const char *file, const char *root, struct problems *p);
/* The events that fill it. */
struct xml_events cluster_options_events(struct cluster_options *o);

/* Checks everything and fills the part of *c that ossec.conf decides; c->announced_version must be set. mode:
 * the file's permission bits. Without a section, or with <disabled>yes, c->disabled is true and only what the
 * real reader would trip over is reported. Wipes *o. */
void cluster_options_check(struct cluster_options *o, uint32_t mode, struct cluster_config *c);

#endif
