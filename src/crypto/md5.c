/* crypto/md5.c - MD5 (RFC 1321) by BearSSL. */
#include "crypto/md5.h"

#include <bearssl_hash.h>

_Static_assert(sizeof(br_md5_context) <= sizeof((struct md5 *)0)->context, "BearSSL's context does not fit");
_Static_assert(_Alignof(br_md5_context) <= _Alignof(struct md5), "nor its alignment");

void md5_init(struct md5 *h) {
    br_md5_init((br_md5_context *)(void *)h->context);
}

void md5_push(struct md5 *h, const void *bytes, size_t n) {
    br_md5_update((br_md5_context *)(void *)h->context, bytes, n);
}

void md5_out(const struct md5 *h, uint8_t out[MD5_BYTES]) {
    br_md5_out((const br_md5_context *)(const void *)h->context, out);
}
