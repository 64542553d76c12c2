/* app/hash_cmd.h - `picket hash`, `picket wait-sync`: do all nodes have the same files? */
#ifndef PICKET_APP_HASH_CMD_H
#define PICKET_APP_HASH_CMD_H

#include "app/options.h"
#include "sys/sys.h"

#define WAIT_SYNC_S 60u /* unless --timeout says otherwise */

/* The hash of each node's tree: 0 all agree, 1 they differ, 4 some cannot say (Wazuh's own); 3 not running.
 */
int hash_command(struct sys *sys, const struct options *o);
/* Until all agree on what was scanned after the command began: 0; 1 when it takes longer; 3, 4 as above. */
int wait_sync_command(struct sys *sys, const struct options *o);

#endif
