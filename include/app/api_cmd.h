/* app/api_cmd.h - `picket api`: any function of the distributed API by its name. */
#ifndef PICKET_APP_API_CMD_H
#define PICKET_APP_API_CMD_H

#include "app/options.h"
#include "sys/sys.h"

#define API_WAIT_MS 200000u /* timeout_dapi_request (reference, section 8) */

/* 0 all of it was done; 1 some or all failed, with the reasons; 2 an argument makes no sense; 3 and 4 as
 * `status`. */
int api_command(struct sys *sys, const struct options *o);

#endif
