/* app/version.h - picket's own version, beside the Wazuh version it announces to its peers. */
#ifndef PICKET_APP_VERSION_H
#define PICKET_APP_VERSION_H

#ifndef PICKET_VERSION
#define PICKET_VERSION "0.1.0"
#endif

#endif
