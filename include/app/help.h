/* app/help.h - everything the command line says about itself. */
#ifndef PICKET_APP_HELP_H
#define PICKET_APP_HELP_H

#include "app/options.h"
#include "base/text.h"

#define HELP_BYTES 12288 /* room that any topic fits */

/* The text of a topic (NULL: the overview); false when there is none of that name. */
bool help_words(struct text *out, const char *topic);

/* wazuh-clusterd -h, in the shape of argparse; usage_only: its first line, which errors repeat. */
void help_clusterd(struct text *out, bool usage_only);

/* `picket version`, or with as_clusterd what `wazuh-clusterd -V` prints. */
void help_version(struct text *out, bool as_clusterd, const char *announced_version);

#endif
