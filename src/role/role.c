/* role.c - what every role answers alike. */
#include "role/role.h"

void role_not_served(struct session *s, uint32_t counter, const char *what) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3000, what);
    session_reply_error(s, counter, &w);
}

/* A master that sends agent groups every ten seconds would else fill the session's places for strings with
 * refused ones, be told err to new_str, and log a Python error each time. */
void role_string_not_served(struct session *s, const struct message *m, const char *what) {
    size_t n;
    const char *id = message_text(m, &n);
    struct xfer_string *x = id ? xfer_string_find(s, id, n) : NULL;
    if (x)
        xfer_string_drop(s, x);
    role_not_served(s, m->counter, what);
}
