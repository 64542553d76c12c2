/* app/options.h - the command line, in picket's own form and in that of the programs it stands in for.
 *
 *   picket COMMAND ...                                          called by any other name than these two:
 *   wazuh-clusterd [-h] [-f] [-d] [-V] [-r] [-t] [-c config]    the same as `picket run`
 *   cluster_control ...                                         app/control.c reads the arguments itself */
#ifndef PICKET_APP_OPTIONS_H
#define PICKET_APP_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ROOT_DEFAULT "/var/ossec"

enum command {
    COMMAND_RUN,
    COMMAND_CHECK_CONFIG, /* run -t, with words about what is in effect */
    COMMAND_STATUS,
    COMMAND_NODES,
    COMMAND_HEALTH,
    COMMAND_CHECK,
    COMMAND_AGENTS,
    COMMAND_FILES,
    COMMAND_HASH,
    COMMAND_WAIT_SYNC,
    COMMAND_API,
    COMMAND_SEND_FILE,
    COMMAND_LOG,
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

#define OPTIONS_WORDS 40u /* of api: the function and its arguments */
#define OPTIONS_NODES 64u /* of api: --node */

struct options {
    enum command command;
    bool as_clusterd;               /* called as wazuh-clusterd: speak like it */
    const char *root;               /* never NULL */
    bool in_root;                   /* it is the working folder already */
    const char *config_file;        /* -c, or NULL */
    uint8_t debug;                  /* number of -d */
    bool foreground;                /* -f */
    bool stay_root;                 /* -r */
    bool test;                      /* -t */
    bool json;                      /* -j of a reading command */
    bool quiet;                     /* health -q */
    bool dry_run;                   /* files --dry-run */
    bool follow;                    /* log -f */
    bool list;                      /* api --list */
    uint32_t watch_ms;              /* --watch; 0: once */
    const char *topic;              /* help's argument, or NULL */
    uint32_t timeout_s;             /* wait-sync, api and send-file: --timeout; 0: none given */
    uint32_t lines;                 /* log -n */
    const char *level;              /* log --level, or NULL */
    const char *warning, *critical; /* check -w, -c: "FILES[,SECONDS]", or NULL */
    const char *type, *ids;         /* api --type, --agents, or NULL */
    const char *node[OPTIONS_NODES];
    uint32_t nodes;
    enum agents_action action;
    const char *agents[AGENTS_OPTION_COUNT]; /* values; NULL: not given */
    /* agents: add NAME, remove ID, group ID GROUPS; api: FUNCTION KEY=VALUE...; send-file: PATH NODE */
    const char *word[OPTIONS_WORDS];
    uint8_t words;
    bool key;                     /* agents add --key */
    bool group_add, group_remove; /* agents group --add, --remove */
    int argc;                     /* of COMMAND_CONTROL: all arguments */
    char *const *argv;
};

#define OPTIONS_LINES 20u      /* of log, unless -n says otherwise */
#define OPTIONS_WATCH_MS 2000u /* between two screens, unless --watch says otherwise */

/* Reads the command line; the strings stay argv's. E_VALUE with a sentence for the user when it makes none:
 * the program then ends with 2; o->as_clusterd is valid even so. */
enum err options_parse(struct options *o, int argc, char *const argv[], struct error *e);

#endif
