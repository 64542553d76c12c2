/* fs/manifest_json.c - writes a manifest as the JSON of the wire, member by member, without ever holding more
 * than one. Reading is manifest_reader.c's part. */
#include "fs/manifest_json.h"

#include "base/bytes.h"
#include "base/json_write.h"

#include <string.h>

/* Escapes make at most 6 characters of 2 bytes of UTF-8, and 2 of a quote or backslash; a judged path is
 * UTF-8 without control characters. The rest is the hash and about 100 characters of punctuation. */
_Static_assert((PATH_MAX_BYTES + NAME_MAX_BYTES) * 3u + 2u * BLAKE2B_BYTES + 128u <= JSON_MEMBER_BYTES,
               "JSON_MEMBER_BYTES must hold the longest path and item key, escaped: lower PATH_MAX_BYTES");

/* Seconds as Python prints a float: at least one decimal, no zeros behind it. */
static void write_time(struct text *out, int64_t ns) {
    char digits[32];
    size_t at = sizeof digits;
    uint64_t left = (ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns) / 100; /* units of 10^-7 s */
    unsigned decimals = 7;
    for (; decimals > 1 && left % 10 == 0; decimals--)
        left /= 10;
    for (; decimals > 0; decimals--, left /= 10)
        digits[--at] = (char)('0' + left % 10);
    digits[--at] = '.';
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (ns < 0)
        digits[--at] = '-';
    text_add(out, digits + at, sizeof digits - at);
}

#define ADD(out, literal) text_add(out, literal, sizeof(literal) - 1)

void manifest_member_write(struct text *out, const struct manifest *m, uint32_t slot,
                           const struct items *items) {
    const struct manifest_entry *entry = &m->entry[slot];
    const char *dir = items->item[entry->item].dir;
    char hex[2 * BLAKE2B_BYTES + 1];
    hex_encode(hex, entry->hash, BLAKE2B_BYTES);
    json_escape(out, manifest_path(m, slot), entry->path_len);
    ADD(out, ": {\"mod_time\": ");
    write_time(out, entry->mtime_ns);
    ADD(out, ", \"cluster_item_key\": ");
    json_escape(out, dir, strlen(dir));
    ADD(out, ", \"merged\": false, \"hash\": \"");
    text_add(out, hex, 2 * BLAKE2B_BYTES);
    ADD(out, "\"}");
}

enum { SOURCE_OPEN, SOURCE_FIRST, SOURCE_NEXT, SOURCE_CLOSE, SOURCE_END };

/* Fills s->buf with the next piece of the text; at the end with nothing. */
static void next_piece(struct manifest_source *s) {
    struct text t;
    text_init(&t, s->buf, sizeof s->buf);
    s->at = 0;
    if (s->phase == SOURCE_FIRST || s->phase == SOURCE_NEXT) {
        s->slot = manifest_next(s->manifest, s->slot);
        if (s->slot == SLOT_NONE) {
            s->phase = SOURCE_CLOSE;
        } else {
            if (s->phase == SOURCE_NEXT)
                ADD(&t, ", ");
            manifest_member_write(&t, s->manifest, s->slot++, s->items);
            s->phase = SOURCE_NEXT;
        }
    }
    if (s->phase == SOURCE_OPEN) {
        text_char(&t, '{');
        s->phase = SOURCE_FIRST;
    } else if (s->phase == SOURCE_CLOSE) {
        text_char(&t, '}');
        s->phase = SOURCE_END;
    }
    s->fill = t.len;
}

static enum err read_json(struct source *source, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct manifest_source *s = (struct manifest_source *)source;
    (void)e;
    *n = 0;
    while (*n < cap) {
        if (s->at == s->fill)
            next_piece(s);
        if (s->fill == 0)
            break;
        size_t some = min_size(cap - *n, s->fill - s->at);
        memcpy(buf + *n, s->buf + s->at, some);
        s->at += some;
        *n += some;
    }
    return E_OK;
}

void manifest_source_init(struct manifest_source *s, const struct manifest *m, const struct items *items) {
    s->source.read = read_json;
    s->manifest = m;
    s->items = items;
    s->slot = 0;
    s->phase = SOURCE_OPEN;
    s->fill = s->at = 0;
}
