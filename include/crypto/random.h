/* crypto/random.h - random bytes from the kernel, and what is made of them. */
#ifndef PICKET_CRYPTO_RANDOM_H
#define PICKET_CRYPTO_RANDOM_H

#include "base/err.h"
#include "sys/sys.h"

/* Fills n bytes from getrandom; E_SYS when the kernel has none to give. */
enum err random_bytes(struct sys *s, void *out, size_t n, struct error *e);
enum err random_u32(struct sys *s, uint32_t *out, struct error *e);

#define UUID_TEXT_BYTES 37
/* A random UUID (RFC 4122, version 4) as text with its NUL: the task ids of Wazuh >= 4.3. */
enum err random_uuid(struct sys *s, char out[UUID_TEXT_BYTES], struct error *e);

#endif
