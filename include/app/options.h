/* app/options.h - the command line, in picket's own form and in that of the programs it stands in for.
 *
 *   picket run|check-config|status|agents|version|help ...     called by any other name than these two:
 *   wazuh-clusterd [-h] [-f] [-d] [-V] [-r] [-t] [-c config]        the same as `picket run`
 *   cluster_control ...                                             not served by this release */
#ifndef PICKET_APP_OPTIONS_H
#define PICKET_APP_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ROOT_DEFAULT "/var/ossec"

enum command {
    COMMAND_RUN,
    COMMAND_CHECK, /* run -t, with words about what is in effect */
    COMMAND_STATUS,
    COMMAND_AGENTS,
    COMMAND_VERSION, /* picket version, and wazuh-clusterd -V */
    COMMAND_HELP,
    COMMAND_CONTROL /* called as cluster_control */
};

/* `picket agents`: what is to be done, and options with a value, which have the names of get_agents' members
 * (role/agents_local.h) but for --id. */
enum agents_action { AGENTS_LIST, AGENTS_ADD, AGENTS_REMOVE, AGENTS_GROUP };
#define AGENTS_OPTIONS "status\0name\0ip\0group\0node\0version\0id\0"
enum agents_option {
    AGENTS_STATUS,
    AGENTS_NAME,
    AGENTS_IP,
    AGENTS_OF_GROUP,
    AGENTS_NODE,
    AGENTS_VERSION,
    AGENTS_ID,
    AGENTS_OPTION_COUNT
};

struct options {
    enum command command;
    bool as_clusterd;        /* called as wazuh-clusterd: speak like it */
    const char *root;        /* never NULL */
    const char *config_file; /* -c, or NULL */
    uint8_t debug;           /* number of -d */
    bool foreground;         /* -f */
    bool stay_root;          /* -r */
    bool test;               /* -t */
    bool json;               /* status -j, agents -j */
    const char *topic;       /* help's argument, or NULL */
    enum agents_action action;
    const char *agents[AGENTS_OPTION_COUNT]; /* values; NULL: not given */
    const char *word[2];                     /* of agents: add NAME, remove ID, group ID GROUPS */
    uint8_t words;
    bool key;                     /* agents add --key */
    bool group_add, group_remove; /* agents group --add, --remove */
};

/* Reads the command line; the strings stay argv's. E_VALUE with a sentence for the user when it makes none:
 * the program then ends with 2; o->as_clusterd is valid even so. */
enum err options_parse(struct options *o, int argc, char *const argv[], struct error *e);

#endif
