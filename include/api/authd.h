/* api/authd.h - what wazuh-authd answers on queue/sockets/auth, for a master without one: the functions add
 * and remove (reference, section 13; src/os_auth of 4.14.7 for the rules: duplicate names and addresses,
 * force, key hashes, keys made from the system's random numbers). An answer that gives a key is made when
 * client.keys is on disk. */
#ifndef PICKET_API_AUTHD_H
#define PICKET_API_AUTHD_H

#include "base/text.h"
#include "store/client_keys.h"
#include "store/embedded.h"

/* message: JSON {"function": ..., "arguments": {...}}; the answer is appended to out (JSON as authd words it:
 * {"error":0,"data":{...}} or {"error":9008,"message":"Duplicate name"}). Never fails: an error is an answer.
 */
void authd_answer(struct embedded *store, struct client_keys *keys, struct log *log, const char *message,
                  size_t n, struct text *out);

#endif
