/* app/options.h - the command line, in picket's own form and in that of the programs it stands in for.
 *
 *   picket run|check-config|status|version|help ...      called by any other name than these two:
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
    COMMAND_VERSION, /* picket version, and wazuh-clusterd -V */
    COMMAND_HELP,
    COMMAND_CONTROL /* called as cluster_control */
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
    bool json;               /* status -j */
    const char *topic;       /* help's argument, or NULL */
};

/* Reads the command line; the strings stay argv's. E_VALUE with a sentence for the user when it makes none:
 * the program then ends with 2; o->as_clusterd is valid even so. */
enum err options_parse(struct options *o, int argc, char *const argv[], struct error *e);

#endif
