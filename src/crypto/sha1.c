/* crypto/sha1.c - SHA-1 (FIPS 180-4) by BearSSL. */
#include "crypto/sha1.h"

#include <bearssl_hash.h>

_Static_assert(sizeof(br_sha1_context) <= sizeof((struct sha1 *)0)->context,
               "BearSSL's context does not fit");
_Static_assert(_Alignof(br_sha1_context) <= _Alignof(struct sha1), "nor its alignment");

void sha1_init(struct sha1 *h) {
    br_sha1_init((br_sha1_context *)(void *)h->context);
}

void sha1_push(struct sha1 *h, const void *bytes, size_t n) {
    br_sha1_update((br_sha1_context *)(void *)h->context, bytes, n);
}

void sha1_out(const struct sha1 *h, uint8_t out[SHA1_BYTES]) {
    br_sha1_out((const br_sha1_context *)(const void *)h->context, out);
}
