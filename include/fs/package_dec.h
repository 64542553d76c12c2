/* fs/package_dec.h - reads a package as a stream: bytes in any cut in, members out.
 *
 * A member ends where its zlib stream ends (RFC 1950), not at the next separator: deflated bytes may contain
 * one. After it must come "|@@//@@|" and another member, or the end. Nothing is trusted: names are bounded
 * and not judged here; inflated bytes are bounded by limit (error 3053 in 4.14.7: max_zip_size). */
#ifndef PICKET_FS_PACKAGE_DEC_H
#define PICKET_FS_PACKAGE_DEC_H

#include "base/stream.h"
#include "limits.h"

struct package_events {
    void *arg;
    /* A member begins. name: NUL-terminated, 1 .. PATH_MAX_BYTES - 1 bytes, unjudged. E_PATH skips the
     * member: its content is inflated and counted against the limit, but neither data() nor end() is called
     * for it. Any other error ends the package. */
    enum err (*begin)(void *arg, const char *name, size_t len, struct error *e);
    enum err (*data)(void *arg, const uint8_t *bytes, size_t n,
                     struct error *e); /* any error ends the package */
    enum err (*end)(void *arg, struct error *e);
};

struct package_dec;
#define PACKAGE_DEC_BYTES ((32u << 10) + (10u << 10) + PATH_MAX_BYTES + (33u << 10))
/* mem: PACKAGE_DEC_BYTES aligned to 16. limit: sum of inflated bytes of all members. events must outlive it.
 */
struct package_dec *package_dec_init(void *mem, const struct package_events *events, uint64_t limit);
/* E_SYNTAX, E_LIMIT, E_DIGEST (Adler-32), or what an event returned; sticks. */
enum err package_dec_push(struct package_dec *p, const uint8_t *bytes, size_t n, struct error *e);
/* E_TRUNCATED when the package ends inside a member or after a separator, or is empty. */
enum err package_dec_finish(struct package_dec *p, struct error *e);
uint32_t package_dec_members(const struct package_dec *p);

#endif
