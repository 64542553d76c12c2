/* app/files_cmd.h - `picket files`: what is not in sync and why; what the next synchronisation would change.
 */
#ifndef PICKET_APP_FILES_CMD_H
#define PICKET_APP_FILES_CMD_H

#include "app/options.h"
#include "sys/sys.h"

/* 0 nothing is behind, nothing would change; 1 something is, would; 3, 4 as `status`. */
int files_command(struct sys *sys, const struct options *o);

#endif
