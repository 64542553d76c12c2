/* api/handler.h - functions that an administrator adds: a program in the handlers folder, named after the
 * function ("wazuh.syscheck.run"). It is given the request's f_kwargs as JSON on standard input, as they
 * came, and answers with JSON on standard output: one of the result encodings of reference section 15, or any
 * other JSON object, which becomes a WazuhResult. Exit status 0; anything else is error 1000 with the first
 * line of standard error.
 *
 * It runs as the user picket runs as, in the root, with an empty environment but PATH, PICKET_FUNCTION,
 * PICKET_USER (empty when the user's name is more than letters, digits and "_-.@") and PICKET_NODE, no
 * descriptors but 0, 1 and 2, and with limits on time, processor time, memory and output. What it leaves
 * running in its process group when it ends is killed. At most HANDLERS_MAX at once.
 *
 * Whether the user may call it is for the program to judge, as it is for the decorator of a real function:
 * rbac_permissions are not asked here, since no table says what they mean to it. */
#ifndef PICKET_API_HANDLER_H
#define PICKET_API_HANDLER_H

#include "api/call.h"

#define HANDLERS_MAX 2u
#define HANDLER_OUTPUT_BYTES                                                                                 \
    (16u << 20) /* most that one may say; or a quarter of the spool, if that is less */
#define HANDLER_MEMORY_BYTES (256u << 20) /* its address space */

/* Is there a handler for this function? Name: checked against a closed set of characters first. The folder
 * and the program must belong to root or to picket's user and be writable by nobody else, and the program
 * must not be setuid or setgid, or it is refused with words in *why (and logged); where there is none, *why
 * stays as it is. */
bool handler_find(const struct api_env *env, const char *function, struct wazuh_error *why);
/* A function like any other; its name is in c->request.function. */
extern const struct api_function api_handler;

#include "api/handler_parts.h"

#endif
