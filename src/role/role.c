/* role.c - what every role answers alike. */
#include "role/role.h"

void role_not_served(struct session *s, uint32_t counter, const char *what) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3000, what);
    session_reply_error(s, counter, &w);
}
