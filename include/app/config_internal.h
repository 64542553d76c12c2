/* app/config_internal.h - wazuh_clusterd.debug of etc/internal_options.conf, which
 * etc/local_internal_options.conf overrides (framework/wazuh/core/configuration.py parse_internal_options).
 */
#ifndef PICKET_APP_CONFIG_INTERNAL_H
#define PICKET_APP_CONFIG_INTERNAL_H

#include "app/problems.h"
#include "sys/sys.h"

/* 0, 1 or 2; 0 when no file names it. A value that is none of them is added to p. */
uint8_t config_internal_debug(struct sys *sys, int root_fd, struct problems *p);

#endif
