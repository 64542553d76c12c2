/* fs/package_enc.h - the package of Wazuh >= 4.4 (reference, section 5.2) as a source: files in, bytes out,
 * and no intermediate file.
 *
 *   record  = path "|//@@//|" zlib(data);  package = (record "|@@//@@|")* last record, without separator at
 * the end
 *
 * The separator is not escaped: a real receiver cuts wherever it occurs. So data is deflated in independent
 * segments of PACKAGE_SEGMENT_BYTES; a segment's output is looked through (together with the 7 bytes before
 * it and what follows it) before it leaves, and made again as stored blocks, which end inside every
 * separator of the content, when one is in it. A segment that does not shrink is stored, and the next few
 * are stored untried. The zlib header, the flush between segments and the Adler-32 are RFC 1950's and
 * 1951's. */
#ifndef PICKET_FS_PACKAGE_ENC_H
#define PICKET_FS_PACKAGE_ENC_H

#include "base/stream.h"
#include "limits.h"

#include <stdbool.h>

/* Where members come from; implemented by the task that sends. */
struct package_feed {
    /* Opens the next member: its name into name (cap bytes), E_OK and *more true; *more false at the end. */
    enum err (*next)(struct package_feed *f, char *name, size_t cap, bool *more, struct error *e);
    /* Content of the member just opened; *n == 0 is its end. E_AGAIN: ask in a later turn. Any other error
     * (E_CHANGED, E_GONE, E_SYS, ...): the member cannot be completed; the encoder ends it as a well-formed
     * but shorter one (the feed leaves it out of the metadata). */
    enum err (*read)(struct package_feed *f, uint8_t *buf, size_t cap, size_t *n, struct error *e);
    /* Tells that a member is complete: bytes of its content and of its zlib stream, and whether its content
     * was read to the end. A member with a name that is not package_name_ok is not opened at all: nothing of
     * it is read or sent, and done(0, 0, false) says so. */
    void (*done)(struct package_feed *f, uint64_t plain_bytes, uint64_t deflated_bytes, bool whole);
    /* May be NULL. True: whoever takes the package is waiting for it, so the next unit is stored, which costs
     * a fraction of deflating it. Asked once per unit. */
    bool (*hurry)(struct package_feed *f);
};

/* Can a member be called so: relative, shorter than PATH_MAX_BYTES, each component free of items_name_fault?
 * Judged paths and "files_metadata.json" can. Any other name would make a real receiver cut the package in
 * the wrong place, or give the whole of it up. */
bool package_name_ok(const char *name, size_t len);

/* Memory of one deflater; opaque, from a pool. */
struct package_enc;
size_t package_enc_size(void); /* bytes of one slot: a constant expression is PACKAGE_ENC_BYTES below */

/* Sum of what one encoder needs: two segment buffers and zlib's own arena (checked at compile time in the
 * .c). */
#define PACKAGE_DEFLATE_ARENA                                                                                \
    ((1u << (DEFLATE_WINDOW_BITS + 2)) + (1u << (DEFLATE_MEM_LEVEL + 9)) + (16u << 10))
#define PACKAGE_ENC_BYTES                                                                                    \
    (PACKAGE_DEFLATE_ARENA + PACKAGE_SEGMENT_BYTES + PACKAGE_SEGMENT_BYTES + (PACKAGE_SEGMENT_BYTES >> 3) +  \
     (8u << 10))

/* level: 0..9, cluster.json's compress_level. mem: PACKAGE_ENC_BYTES aligned to 16. Returns the encoder,
 * which lies in mem; its source is package_enc_source(). One read of it takes at most about STEP_BYTES of
 * plain bytes from the feed; it may therefore give less than was asked for. */
struct package_enc *package_enc_init(void *mem, struct package_feed *feed, int level);
struct source *package_enc_source(struct package_enc *p);
uint64_t package_enc_bytes(const struct package_enc *p); /* package bytes given out so far */

#endif
