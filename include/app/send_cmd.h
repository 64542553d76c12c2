/* app/send_cmd.h - `picket send-file PATH NODE`. */
#ifndef PICKET_APP_SEND_CMD_H
#define PICKET_APP_SEND_CMD_H

#include "app/options.h"
#include "sys/sys.h"

#define SEND_WAIT_MS 600000u /* unless --timeout says otherwise */

/* 0 the other node has it; 1 refused, with the reason; 3, 4 as `status`. */
int send_command(struct sys *sys, const struct options *o);

#endif
