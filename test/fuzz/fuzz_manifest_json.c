/* fuzz_manifest_json.c - any bytes as a manifest. The first byte chooses flat or classified; the rest is read
 * whole and in pieces, which must give the same members and the same end. What was read is judged, put into a
 * manifest, written, and must be read again as it was. */
#include "fs/manifest_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds)
        abort();
}

struct seen {
    struct blake2b hash; /* over everything a callback was given */
    uint32_t members;
    struct manifest *manifest; /* filled with what the judge lets pass; NULL: only hashed */
    const struct items *items;
};

static void put(struct blake2b *b, const void *bytes, size_t n) {
    blake2b_push(b, &n, sizeof n);
    blake2b_push(b, bytes, n);
}

static enum err member(void *arg, const struct manifest_member *m, struct error *e) {
    struct seen *s = arg;
    uint8_t item;
    uint32_t slot;
    struct sys_stat st = {.mtime_ns = (int64_t)m->path_len * 12345678900};
    must(m->path_len < PATH_MAX_BYTES && m->path[m->path_len] == '\0' && strlen(m->path) == m->path_len);
    must(m->item_key_len < NAME_MAX_BYTES && strlen(m->item_key) == m->item_key_len);
    must(m->raw_len > 0 && m->raw_len <= JSON_MEMBER_BYTES && m->raw[0] == '"' &&
         m->raw[m->raw_len - 1] == '}');
    s->members++;
    put(&s->hash, &m->section, sizeof m->section);
    put(&s->hash, m->path, m->path_len);
    put(&s->hash, m->item_key, m->item_key_len);
    put(&s->hash, m->raw, m->raw_len);
    put(&s->hash, m->hash, m->has_hash ? sizeof m->hash : 0);
    if (!s->manifest || !m->has_hash || items_judge(s->items, m->path, m->path_len, &item, e) != E_OK)
        return E_OK;
    slot = manifest_find(s->manifest, m->path, m->path_len);
    if (slot == SLOT_NONE && manifest_add(s->manifest, m->path, m->path_len, item, &slot) != E_OK)
        return E_OK;
    manifest_set(s->manifest, slot, m->hash, &st);
    return E_OK;
}

/* Reads in pieces of n bytes; the result, and in out a digest of all that was seen. */
static enum err read_in(struct seen *s, const uint8_t *data, size_t size, size_t n, uint8_t out[32]) {
    static struct manifest_reader r;
    struct error e = {0};
    blake2b_init(&s->hash, 32);
    s->members = 0;
    manifest_reader_init(&r, size > 0 && (data[0] & 1), s, member);
    for (size_t at = 1; at < size; at += n)
        if (manifest_reader_push(&r, data + at, size - at < n ? size - at : n, &e) != E_OK)
            break;
    enum err err = manifest_reader_finish(&r, &e);
    must(err == e.code || err == E_OK);
    must(err == E_TRUNCATED || manifest_reader_push(&r, (const uint8_t *)" ", 1, &e) == err);
    blake2b_finish(&s->hash, out);
    return err;
}

/* Each member that is read back is in the manifest as it was. */
static enum err compare(void *arg, const struct manifest_member *m, struct error *e) {
    struct seen *s = arg;
    (void)e;
    uint32_t slot = manifest_find(s->manifest, m->path, m->path_len);
    must(slot != SLOT_NONE && m->has_hash && !m->merged && m->section == SECTION_FLAT);
    must(memcmp(s->manifest->entry[slot].hash, m->hash, sizeof m->hash) == 0);
    must(strcmp(s->items->item[s->manifest->entry[slot].item].dir, m->item_key) == 0);
    s->members++;
    return E_OK;
}

static void write_back(struct seen *s) {
    static struct manifest_source source;
    static struct manifest_reader r;
    uint8_t buf[300];
    size_t n;
    struct error e;
    s->members = 0;
    manifest_source_init(&source, s->manifest, s->items);
    manifest_reader_init(&r, false, s, compare);
    do {
        must(source.source.read(&source.source, buf, sizeof buf, &n, &e) == E_OK);
        must(manifest_reader_push(&r, buf, n, &e) == E_OK);
    } while (n > 0);
    must(manifest_reader_finish(&r, &e) == E_OK);
    must(s->members == s->manifest->hashed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct manifest manifest;
    static struct items items;
    uint8_t whole[32], pieces[32];
    struct seen s = {.manifest = &manifest, .items = &items}, again = {0};
    items_defaults(&items);
    manifest_init(&manifest, size > 0 ? data[0] : 0);
    enum err err = read_in(&s, data, size, SIZE_MAX / 2, whole);
    must(read_in(&again, data, size, 1, pieces) == err);
    must(memcmp(whole, pieces, sizeof whole) == 0 && again.members == s.members);
    must(read_in(&again, data, size, 7, pieces) == err);
    must(memcmp(whole, pieces, sizeof whole) == 0);
    write_back(&s);
    return 0;
}
