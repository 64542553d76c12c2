/* fs/package_dec.c - package bytes in, members out, in any cut.
 *
 * Bytes come from a transfer and are hostile until proven otherwise: the path is collected into a bounded
 * buffer, the content goes through a window of fixed size to the events. Paths are not judged and nothing is
 * written here. */
#include "fs/package_dec.h"

#include "base/bytes.h"
#include "fs/package_parts.h"

#include <string.h>
#include <zlib.h>

#define INFLATE_ARENA ((32u << 10) + (10u << 10)) /* its window and its state */
#define WINDOW_BYTES (32u << 10)

enum state { STATE_NAME, STATE_DATA, STATE_AFTER };

struct package_dec {
    const struct package_events *events;
    struct package_arena arena;
    z_stream z;
    struct error error; /* the first error; sticks */
    uint64_t inflated, limit;
    uint32_t members;
    uint8_t state;
    bool skip;   /* begin() did not want this member's content */
    size_t fill; /* bytes in name, or of the separator matched so far */
    char name[PATH_MAX_BYTES + PACKAGE_SEP_BYTES];
    _Alignas(16) uint8_t zlib_mem[INFLATE_ARENA];
    uint8_t window[WINDOW_BYTES];
};

_Static_assert(sizeof(struct package_dec) <= PACKAGE_DEC_BYTES,
               "PACKAGE_DEC_BYTES in fs/package_dec.h is too small for a decoder");

struct package_dec *package_dec_init(void *mem, const struct package_events *events, uint64_t limit) {
    struct package_dec *p = mem;
    memset(p, 0, offsetof(struct package_dec, zlib_mem));
    p->events = events;
    p->limit = limit;
    p->arena = (struct package_arena){p->zlib_mem, 0, sizeof p->zlib_mem};
    p->z.zalloc = package_arena_take;
    p->z.zfree = package_arena_give;
    p->z.opaque = &p->arena;
    if (inflateInit(&p->z) != Z_OK)
        error_set(&p->error, E_POOL, 0, "no memory for inflate in PACKAGE_DEC_BYTES");
    return p;
}

static enum err name_complete(struct package_dec *p, struct error *e) {
    size_t len = p->fill - PACKAGE_SEP_BYTES;
    if (len == 0 || memchr(p->name, 0, len))
        return error_set(e, E_SYNTAX, 0, "package member %u has %s", p->members + 1,
                         len == 0 ? "no name" : "a name with a NUL");
    p->name[len] = 0;
    p->fill = 0;
    p->state = STATE_DATA;
    inflateReset(&p->z);
    enum err code = p->events->begin(p->events->arg, p->name, len, e);
    p->skip = code == E_PATH;
    return p->skip ? E_OK : code;
}

/* Takes bytes up to the end of the path separator; returns how many. */
static size_t push_name(struct package_dec *p, const uint8_t *bytes, size_t n, enum err *code,
                        struct error *e) {
    for (size_t i = 0; i < n; i++) {
        p->name[p->fill++] = (char)bytes[i];
        size_t before = p->fill - PACKAGE_SEP_BYTES;
        if (bytes[i] == '|' && p->fill >= PACKAGE_SEP_BYTES &&
            memcmp(p->name + before, PACKAGE_PATH_SEP, PACKAGE_SEP_BYTES) == 0) {
            *code = name_complete(p, e);
            return i + 1;
        }
        if (p->fill == PATH_MAX_BYTES - 1 + PACKAGE_SEP_BYTES) {
            *code = error_set(e, E_SYNTAX, 0, "the name of package member %u is longer than %u bytes",
                              p->members + 1, PATH_MAX_BYTES - 1);
            return i;
        }
    }
    return n;
}

/* Hands inflated bytes on. The bound holds for members that are skipped too: inflating is what costs. */
static enum err give_data(struct package_dec *p, size_t n, struct error *e) {
    if (n > p->limit - p->inflated)
        return error_set(e, E_LIMIT, 0, "the package inflates to more than %llu bytes",
                         (unsigned long long)p->limit);
    p->inflated += n;
    return n == 0 || p->skip ? E_OK : p->events->data(p->events->arg, p->window, n, e);
}

static enum err inflate_error(const struct package_dec *p, struct error *e) {
    const char *words = p->z.msg ? p->z.msg : "a preset dictionary or no progress";
    enum err code = strcmp(words, "incorrect data check") == 0 ? E_DIGEST : E_SYNTAX;
    return error_set(e, code, 0, "package member %u (%s): %s", p->members + 1, p->name, words);
}

static size_t push_data(struct package_dec *p, const uint8_t *bytes, size_t n, enum err *code,
                        struct error *e) {
    uInt piece = (uInt)min_size(n, 1u << 20); /* zlib counts in uInt */
    p->z.next_in = (z_const Bytef *)bytes;
    p->z.avail_in = piece;
    int r = Z_OK;
    do {
        p->z.next_out = p->window;
        p->z.avail_out = WINDOW_BYTES;
        r = inflate(&p->z, Z_NO_FLUSH);
        /* A full window may leave more inside; then the next round has no input and says Z_BUF_ERROR. */
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            *code = inflate_error(p, e);
        else
            *code = give_data(p, WINDOW_BYTES - p->z.avail_out, e);
    } while (*code == E_OK && r == Z_OK && (p->z.avail_in > 0 || p->z.avail_out == 0));
    if (*code == E_OK && r == Z_STREAM_END) {
        p->state = STATE_AFTER;
        p->members++;
        *code = p->skip ? E_OK : p->events->end(p->events->arg, e);
    }
    return piece - p->z.avail_in;
}

/* After a member only the separator may come. */
static size_t push_after(struct package_dec *p, const uint8_t *bytes, size_t n, enum err *code,
                         struct error *e) {
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != (uint8_t)PACKAGE_FILE_SEP[p->fill]) {
            *code =
                error_set(e, E_SYNTAX, 0, "no separator after package member %u (%s)", p->members, p->name);
            return i;
        }
        if (++p->fill == PACKAGE_SEP_BYTES) {
            p->fill = 0;
            p->state = STATE_NAME;
            return i + 1;
        }
    }
    return n;
}

enum err package_dec_push(struct package_dec *p, const uint8_t *bytes, size_t n, struct error *e) {
    enum err code = p->error.code;
    while (n > 0 && code == E_OK) {
        size_t took = p->state == STATE_NAME   ? push_name(p, bytes, n, &code, &p->error)
                      : p->state == STATE_DATA ? push_data(p, bytes, n, &code, &p->error)
                                               : push_after(p, bytes, n, &code, &p->error);
        bytes += took;
        n -= took;
    }
    p->error.code = code;
    if (code != E_OK && e)
        *e = p->error;
    return code;
}

enum err package_dec_finish(struct package_dec *p, struct error *e) {
    if (p->error.code != E_OK) {
        if (e)
            *e = p->error;
        return p->error.code;
    }
    if (p->state == STATE_AFTER && p->fill == 0)
        return E_OK;
    return error_set(e, E_TRUNCATED, 0, "the package ends %s after %u members",
                     p->state == STATE_DATA                   ? "inside a member"
                     : p->state == STATE_NAME && p->fill == 0 ? "before a member"
                                                              : "inside a name or separator",
                     p->members);
}

uint32_t package_dec_members(const struct package_dec *p) {
    return p->members;
}
