/* wire/task_text.h - the few texts that tasks of both sides put on the wire: ids, names of packages, errors.
 */
#ifndef PICKET_WIRE_TASK_TEXT_H
#define PICKET_WIRE_TASK_TEXT_H

#include "sys/sys.h"
#include "wire/xfer.h"

#define TASK_ID_BYTES 65     /* a peer's task id with its NUL: one opaque word */
#define OWN_TASK_ID_BYTES 37 /* ours: a random UUID */

/* A new task id. */
enum err task_id_new(struct sys *sys, char out[OWN_TASK_ID_BYTES], struct error *e);

/* "/queue/cluster/<worker>/<node>-<unix time>-<32 hex>.zip": the name of a package (reference,
 * sections 5.2, 5.3). */
enum err package_path(struct sys *sys, char out[XFER_PATH_BYTES], const char *worker, const char *node,
                      struct error *e);

/* Splits "<task id> <rest>"; false when there is no space or the id does not fit. rest points into text. */
bool task_and_rest(const char *text, size_t n, char *id, size_t cap, const char **rest, size_t *rest_n);

/* "<task id> <error JSON>", the payload of _r commands and cancel_task; task_id NULL gives "None". Returns
 * its length. */
size_t task_error_payload(char out[WAZUH_ERROR_JSON_BYTES + 80], const char *task_id,
                          const struct wazuh_error *w, const struct dialect *d);

/* Is a path of "_e" (leading slash or not) the one of new_file? */
bool same_package_path(const char *end_path, size_t n, const char *new_file_path);

#endif
