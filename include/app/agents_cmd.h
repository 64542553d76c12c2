/* app/agents_cmd.h - `picket agents`: lists the agents that the running node knows, and has it edit them. */
#ifndef PICKET_APP_AGENTS_CMD_H
#define PICKET_APP_AGENTS_CMD_H

#include "app/options.h"
#include "app/status.h"

#define AGENTS_LIST_MS 6000u  /* for one page of a list; other work of the store may come first */
#define AGENTS_EDIT_MS 15000u /* a file is written and flushed, on slow flash */

/* Prints to standard output what was asked for, to standard error why not. The exit code: STATUS_OK, 1
 * refused (STATUS_DIED's number, as every command's), STATUS_STOPPED, STATUS_UNKNOWN. */
int agents_command(struct sys *sys, const struct options *o);

#endif
