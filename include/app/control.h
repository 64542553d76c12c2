/* app/control.h - the program called by the name cluster_control: Wazuh's own (framework/scripts of 4.14.7),
 * its options and, character for character, its output. It speaks only the local protocol, so it works
 * against Wazuh's daemon too. One difference is meant: what ends in an error exits with 1. */
#ifndef PICKET_APP_CONTROL_H
#define PICKET_APP_CONTROL_H

#include "app/options.h"
#include "sys/sys.h"

#define CONTROL_FILTERS 64u /* of -fn, and of -fs */

enum control_action {
    CONTROL_NONE,
    CONTROL_AGENTS,
    CONTROL_NODES,
    CONTROL_HEALTH,
    CONTROL_USAGE,
    CONTROL_HELP
};

/* The command line, read as argparse reads it. */
struct control_options {
    enum control_action action;
    const char *health; /* the word after -i; NULL: none */
    const char *root;   /* NULL: not said */
    bool debug;
    bool has_nodes, has_status; /* -fn, -fs were given, with however many words */
    uint32_t nodes, statuses;
    const char *node[CONTROL_FILTERS], *status[CONTROL_FILTERS];
};

/* E_VALUE: argparse's sentence in *e ("unrecognized arguments: -x"). */
enum err control_parse(struct control_options *c, int argc, char *const argv[], struct error *e);

/* The health screen: of one node's entry of get_health, appended to the two texts Wazuh's program builds. */
struct json_doc;
struct text;
void control_health_brief(struct text *out, const struct json_doc *d, size_t name, size_t node);
void control_health_more(struct text *out, const struct json_doc *d, size_t name, size_t node);
/* "0.004s", as Python's round() and str() make it of two dates; "n/a" when one is missing. */
void control_seconds(struct text *out, const char *from, const char *to);

/* argv: o->argv. The exit code. */
int control_command(struct sys *sys, const struct options *o);

#endif
