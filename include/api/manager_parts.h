/* api/manager_parts.h - what src/api/manager*.c, logs.c, stats.c and ossec_conf*.c share. */
#ifndef PICKET_API_MANAGER_PARTS_H
#define PICKET_API_MANAGER_PARTS_H

#include "api/call.h"

/* Ends the call with this node as the only failed item. */
void api_tell_failed(struct api_call *c, const struct result_kind *kind, enum wazuh_class class, int code,
                     const char *extra);
/* Ends the call with this node's name as the only affected item. */
void api_tell_node(struct api_call *c, const struct result_kind *kind);

/* ossec_conf.c */
extern const struct result_kind api_told_conf;
void ossec_conf_start(struct api_call *c);
void ossec_conf_cancel(struct api_call *c);
/* manager_api_conf.c */
extern const struct result_kind api_told_api_conf;
void manager_api_conf(struct api_call *c);
/* manager_restart.c */
extern const struct result_kind api_told_restart;
void manager_restart(struct api_call *c);
void manager_restart_cancel(struct api_call *c);
/* manager_daemons.c */
extern const struct result_kind api_told_validation, api_told_reload;
void manager_validation(struct api_call *c);
void manager_validation_cancel(struct api_call *c);
void manager_reload(struct api_call *c);
void manager_reload_cancel(struct api_call *c);

#endif
