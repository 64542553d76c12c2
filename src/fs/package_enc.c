/* fs/package_enc.c - files in, package bytes out: deflates member after member in units that can be redone.
 *
 * A unit is a run of whole deflate blocks that ends on a byte boundary and refers to nothing before it, so
 * one that turns out to hold the record separator is thrown away and made again as stored blocks, which are
 * cut so that they cannot hold one. Plain bytes come from the struct package_feed; nothing is written to
 * disk, and metadata is the feed's affair. */
#include "fs/package_enc.h"

#include "base/bytes.h"
#include "fs/items.h"
#include "fs/package_parts.h"

#include <string.h>
#include <zlib.h>

/* Bytes kept before each unit, so that a separator that begins in the last one is seen. */
#define CARRY_BYTES (PACKAGE_SEP_BYTES - 1)
#define STORED_HEAD_BYTES 5u /* block type, LEN, NLEN (RFC 1951, 3.2.4) */
/* The high byte of NLEN stays above 0x7f, which no byte of the separator is: none can begin in a header. */
#define STORED_MAX_BYTES 0x7fffu
#define ADLER_BYTES 4u
#define TAIL_BYTES (STORED_HEAD_BYTES + ADLER_BYTES + 1u)
#define OUT_BYTES (PACKAGE_SEGMENT_BYTES + (PACKAGE_SEGMENT_BYTES >> 3) + 2048u)
#define STORE_AHEAD 7u   /* units stored untried after one that did not shrink */
#define SHRINK_MIN 4096u /* units smaller than this say nothing about the next ones */

enum phase { PHASE_NEXT, PHASE_FILL, PHASE_UNIT, PHASE_END };

struct package_enc {
    struct source source;
    struct package_feed *feed;
    struct package_arena arena;
    z_stream z;
    struct error error; /* the first final error; sticks */
    uint64_t given;
    uint64_t plain_bytes, deflated_bytes; /* of the member under way */
    uint32_t adler;
    uint8_t phase, level, store_ahead;
    bool any;          /* a record was begun: the next one needs a separator before it */
    bool ended, whole; /* the member's content ended; it ended where the file ends */
    size_t plain_at, plain_fill;
    size_t out_at, out_fill; /* offsets into out; what lies before CARRY_BYTES was given out already */
    char name[PATH_MAX_BYTES];
    _Alignas(16) uint8_t zlib_mem[PACKAGE_DEFLATE_ARENA];
    uint8_t plain[PACKAGE_SEGMENT_BYTES];
    uint8_t out[CARRY_BYTES + OUT_BYTES];
};

_Static_assert(sizeof(struct package_enc) <= PACKAGE_ENC_BYTES,
               "PACKAGE_ENC_BYTES in fs/package_enc.h is too small for an encoder");
_Static_assert(OUT_BYTES >= 2 * PACKAGE_SEP_BYTES + PATH_MAX_BYTES + 2, "a record's head fits the output");
_Static_assert(OUT_BYTES >= STORED_HEAD_BYTES + STORED_MAX_BYTES + TAIL_BYTES,
               "PACKAGE_SEGMENT_BYTES must be at least 32 KB: a stored block would not fit");

size_t package_enc_size(void) {
    return sizeof(struct package_enc);
}

/* Offset of the first record separator in n bytes, or n. */
static size_t find_separator(const uint8_t *bytes, size_t n) {
    for (size_t at = 0; n - at >= PACKAGE_SEP_BYTES; at++) {
        const uint8_t *bar = memchr(bytes + at, PACKAGE_FILE_SEP[0], n - at - (PACKAGE_SEP_BYTES - 1));
        if (!bar)
            return n;
        at = (size_t)(bar - bytes);
        if (memcmp(bar, PACKAGE_FILE_SEP, PACKAGE_SEP_BYTES) == 0)
            return at;
    }
    return n;
}

bool package_name_ok(const char *name, size_t len) {
    if (len == 0 || len >= PATH_MAX_BYTES)
        return false;
    /* Each separator holds "//", an empty component: a name without one cannot make a receiver cut. */
    for (size_t start = 0, at = 0; at <= len; at++) {
        if (at < len && name[at] != '/')
            continue;
        if (items_name_fault(name + start, at - start))
            return false;
        start = at + 1;
    }
    return true;
}

/* Makes room for new output after the last bytes of the old; returns where it goes. */
static uint8_t *out_turn(struct package_enc *p) {
    memmove(p->out, p->out + p->out_fill - CARRY_BYTES, CARRY_BYTES);
    p->out_at = p->out_fill = CARRY_BYTES;
    return p->out + CARRY_BYTES;
}

/* The second byte of the zlib header: FLEVEL by level, FCHECK so that the pair divides by 31 (RFC 1950). */
static uint8_t header_flags(unsigned level) {
    return level < 2 ? 0x01 : level < 6 ? 0x5e : level == 6 ? 0x9c : 0xda;
}

static void record_head(struct package_enc *p, size_t name_len) {
    uint8_t *o = out_turn(p), *start = o;
    if (p->any) {
        memcpy(o, PACKAGE_FILE_SEP, PACKAGE_SEP_BYTES);
        o += PACKAGE_SEP_BYTES;
    }
    p->any = true;
    memcpy(o, p->name, name_len);
    o += name_len;
    memcpy(o, PACKAGE_PATH_SEP, PACKAGE_SEP_BYTES);
    o += PACKAGE_SEP_BYTES;
    *o++ = 0x78; /* deflate, 32 KB window */
    *o++ = header_flags(p->level);
    p->out_fill += (size_t)(o - start);
}

/* Opens the next member. One whose name would cut the package for a real receiver is left out, and the feed
 * is told that it is not whole. */
static enum err phase_next(struct package_enc *p, struct error *e) {
    bool more = false;
    enum err code = p->feed->next(p->feed, p->name, sizeof p->name, &more, e);
    if (code != E_OK)
        return code;
    if (!more) {
        p->phase = PHASE_END;
        return E_OK;
    }
    size_t len = strnlen(p->name, sizeof p->name);
    if (!package_name_ok(p->name, len)) {
        p->feed->done(p->feed, 0, 0, false);
        return E_OK;
    }
    record_head(p, len);
    p->adler = (uint32_t)adler32(0, NULL, 0);
    p->plain_bytes = 0;
    p->deflated_bytes = 2;
    p->plain_at = p->plain_fill = 0;
    p->store_ahead = 0;
    p->ended = false;
    p->whole = true;
    p->phase = PHASE_FILL;
    return E_OK;
}

/* Fills the segment from the feed. Only E_AGAIN is passed on: any other error ends this member, not the
 * package. */
static enum err phase_fill(struct package_enc *p, size_t *budget, struct error *e) {
    while (p->plain_fill < sizeof p->plain && !p->ended) {
        size_t n = 0;
        enum err code =
            p->feed->read(p->feed, p->plain + p->plain_fill, sizeof p->plain - p->plain_fill, &n, e);
        if (code == E_AGAIN)
            return code;
        p->ended = code != E_OK || n == 0;
        p->whole = code == E_OK;
        if (p->ended)
            break;
        p->adler = (uint32_t)adler32(p->adler, p->plain + p->plain_fill, (uInt)n);
        p->plain_fill += n;
        p->plain_bytes += n;
        *budget -= min_size(*budget, n);
    }
    p->phase = PHASE_UNIT;
    return E_OK;
}

static size_t stored_size(size_t n, bool last) {
    return n + (n / STORED_MAX_BYTES + 1 + last) * STORED_HEAD_BYTES;
}

static uint8_t *stored_head(uint8_t *o, bool final, size_t len) {
    *o++ = final;
    *o++ = (uint8_t)len;
    *o++ = (uint8_t)(len >> 8);
    *o++ = (uint8_t)~len;
    *o++ = (uint8_t)(~len >> 8);
    return o;
}

/* Stores as much of n bytes as the output takes; returns the output's size, plain bytes used in *taken. A
 * block ends inside every separator of the content, and the last block is empty, so that content never
 * touches the Adler-32: what comes out cannot hold a separator. */
static size_t unit_store(uint8_t *out, const uint8_t *in, size_t n, bool last, size_t *taken) {
    uint8_t *o = out;
    size_t at = 0;
    while (at < n) {
        size_t len = min_size(n - at, STORED_MAX_BYTES);
        size_t hit = find_separator(in + at, len);
        if (hit < len)
            len = hit + PACKAGE_SEP_BYTES / 2;
        if ((size_t)(o - out) + STORED_HEAD_BYTES + len + TAIL_BYTES > OUT_BYTES)
            break; /* full of separators: the rest becomes a unit of its own */
        o = stored_head(o, false, len);
        memcpy(o, in + at, len);
        o += len;
        at += len;
    }
    *taken = at;
    if (last && at == n)
        o = stored_head(o, true, 0);
    return (size_t)(o - out);
}

/* Deflates all n bytes; returns the output's size, or 0 when it would not be smaller than stored. */
static size_t unit_deflate(struct package_enc *p, uint8_t *out, const uint8_t *in, size_t n, bool last) {
    size_t cap = min_size(stored_size(n, last) - 1, OUT_BYTES - TAIL_BYTES);
    if (deflateReset(&p->z) != Z_OK)
        return 0;
    p->z.next_in = (z_const Bytef *)in;
    p->z.avail_in = (uInt)n;
    p->z.next_out = out;
    p->z.avail_out = (uInt)cap;
    int r = deflate(&p->z, last ? Z_FINISH : Z_SYNC_FLUSH);
    bool fits = last ? r == Z_STREAM_END : r == Z_OK && p->z.avail_in == 0 && p->z.avail_out > 0;
    return fits ? cap - p->z.avail_out : 0;
}

/* Appends the Adler-32 to the last unit of a member; returns the new size. */
static size_t unit_tail(const struct package_enc *p, uint8_t *out, size_t size) {
    be32_store(out + size, p->adler);
    return size + ADLER_BYTES;
}

/* Would a real receiver cut inside this unit? Looks through it with the bytes before it and, at the end of a
 * member, with the first byte of the separator that follows. */
static bool unit_is_cut(struct package_enc *p, size_t size, bool last) {
    uint8_t *end = p->out + CARRY_BYTES + size;
    if (last)
        *end++ = PACKAGE_FILE_SEP[0];
    size_t n = (size_t)(end - p->out);
    return find_separator(p->out, n) < n;
}

/* The deflated form of the rest of the segment with its tail: its size, or 0 when it must be stored. */
static size_t unit_try(struct package_enc *p, uint8_t *out, const uint8_t *in, size_t n, bool last) {
    size_t size;
    if (n == 0) {
        out[0] = 0x03; /* a final block of fixed codes with nothing in it */
        out[1] = 0x00;
        size = 2;
    } else if (p->level == 0 || (p->feed->hurry && p->feed->hurry(p->feed))) {
        return 0;
    } else if (p->store_ahead > 0) {
        p->store_ahead--;
        return 0;
    } else {
        size = unit_deflate(p, out, in, n, last);
        if (size == 0) {
            p->store_ahead = n >= SHRINK_MIN ? STORE_AHEAD : 0;
            return 0;
        }
    }
    if (last)
        size = unit_tail(p, out, size);
    return unit_is_cut(p, size, last) ? 0 : size;
}

static void phase_unit(struct package_enc *p) {
    const uint8_t *in = p->plain + p->plain_at;
    size_t n = p->plain_fill - p->plain_at, taken = n;
    uint8_t *out = out_turn(p);
    size_t size = unit_try(p, out, in, n, p->ended);
    if (size == 0) {
        size = unit_store(out, in, n, p->ended, &taken);
        if (p->ended && taken == n)
            size = unit_tail(p, out, size);
    }
    p->out_fill += size;
    p->deflated_bytes += size;
    p->plain_at += taken;
    if (p->plain_at < p->plain_fill)
        return; /* the rest of the segment is the next unit */
    p->plain_at = p->plain_fill = 0;
    p->phase = PHASE_FILL;
    if (!p->ended)
        return;
    p->phase = PHASE_NEXT;
    p->feed->done(p->feed, p->plain_bytes, p->deflated_bytes, p->whole);
}

/* struct source: fills buf, but stops early once it has something and a step's worth of plain bytes went
 * in. */
static enum err package_read(struct source *source, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct package_enc *p = (struct package_enc *)(void *)source;
    size_t budget = STEP_BYTES;
    enum err code = p->error.code;
    *n = 0;
    while (code == E_OK && *n < cap && (budget > 0 || *n == 0)) {
        size_t part = min_size(p->out_fill - p->out_at, cap - *n);
        memcpy(buf + *n, p->out + p->out_at, part);
        p->out_at += part;
        *n += part;
        if (part > 0)
            continue;
        if (p->phase == PHASE_END)
            break;
        if (p->phase == PHASE_NEXT)
            code = phase_next(p, &p->error);
        else if (p->phase == PHASE_FILL)
            code = phase_fill(p, &budget, &p->error);
        else
            phase_unit(p);
    }
    p->given += *n;
    bool final = code != E_OK && code != E_AGAIN;
    p->error.code = final ? code : E_OK;
    if (*n > 0 || code == E_OK)
        return E_OK; /* an error is told when nothing is left to give before it */
    return final ? error_set(e, code, 0, "%s", p->error.what) : code;
}

struct package_enc *package_enc_init(void *mem, struct package_feed *feed, int level) {
    struct package_enc *p = mem;
    memset(p, 0, offsetof(struct package_enc, zlib_mem)); /* what lies behind is written before it is read */
    p->source.read = package_read;
    p->feed = feed;
    p->level = level < 0 || level > 9 ? 6 : (uint8_t)level;
    p->out_at = p->out_fill = CARRY_BYTES;
    memset(p->out, 0, CARRY_BYTES);
    p->arena = (struct package_arena){p->zlib_mem, 0, sizeof p->zlib_mem};
    p->z.zalloc = package_arena_take;
    p->z.zfree = package_arena_give;
    p->z.opaque = &p->arena;
    if (p->level > 0 && deflateInit2(&p->z, p->level, Z_DEFLATED, -DEFLATE_WINDOW_BITS, DEFLATE_MEM_LEVEL,
                                     Z_DEFAULT_STRATEGY) != Z_OK)
        p->level = 0; /* the arena is too small for this zlib: stored packages are packages too */
    return p;
}

struct source *package_enc_source(struct package_enc *p) {
    return &p->source;
}

uint64_t package_enc_bytes(const struct package_enc *p) {
    return p->given;
}
