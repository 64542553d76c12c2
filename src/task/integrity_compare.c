/* integrity_compare.c - package bytes to differences. Nothing a worker writes here names a path that is
 * opened: paths are looked up in the manifest, and the unknown ones are only sent back to where they came
 * from. */
#include "task/integrity_compare.h"

#include <string.h>

/* One file the worker has. */
static enum err member(void *arg, const struct manifest_member *m, struct error *e) {
    struct integrity_compare *c = arg;
    uint8_t item;
    struct error rule;
    c->files++;
    if (items_judge(c->items, m->path, m->path_len, &item, &rule) != E_OK) {
        c->foreign++;
        return E_OK;
    }
    uint32_t slot = manifest_find(c->manifest, m->path, m->path_len);
    if (slot != SLOT_NONE) {
        const struct manifest_entry *entry = &c->manifest->entry[slot];
        slot_set_add(&c->seen, slot);
        /* A file that is there but cannot be read now is neither different nor gone. */
        bool differs = !m->has_hash || memcmp(entry->hash, m->hash, BLAKE2B_BYTES) != 0;
        if (entry->state == MANIFEST_HASHED && differs)
            slot_set_add(&c->diff.shared, slot);
        return E_OK;
    }
    if (c->scan->partial_items & 1u << item) /* it may lie where the last scan could not look */
        return E_OK;
    enum err err = E_OK;
    if (c->diff.extra_count++ > 0)
        err = blob_append(&c->diff.extra, (const uint8_t *)", ", 2, e);
    return err == E_OK ? blob_append(&c->diff.extra, (const uint8_t *)m->raw, m->raw_len, e) : err;
}

static enum err begin(void *arg, const char *name, size_t len, struct error *e) {
    struct integrity_compare *c = arg;
    c->in_metadata = len == sizeof METADATA_NAME - 1 && memcmp(name, METADATA_NAME, len) == 0;
    if (!c->in_metadata) /* E_PATH skips the member: 4.4 and later workers send none but the metadata */
        return error_set(e, E_PATH, 0, "%s: a worker's package holds metadata only", name);
    if (c->had_metadata)
        return error_set(e, E_DUPLICATE, 0, METADATA_NAME " comes twice");
    c->had_metadata = true;
    return E_OK;
}

static enum err data(void *arg, const uint8_t *bytes, size_t n, struct error *e) {
    struct integrity_compare *c = arg;
    return manifest_reader_push(&c->reader, bytes, n, e);
}

static enum err end(void *arg, struct error *e) {
    struct integrity_compare *c = arg;
    return c->in_metadata ? manifest_reader_finish(&c->reader, e) : E_OK;
}

static enum err write(struct sink *sink, const uint8_t *bytes, size_t n, struct error *e) {
    struct integrity_compare *c = (struct integrity_compare *)sink;
    return package_dec_push(c->dec, bytes, n, e);
}

void integrity_compare_init(struct integrity_compare *c, void *dec_mem, const struct manifest *m,
                            const struct items *items, const struct scan_report *scan, uint64_t limit,
                            struct pool *windows, struct spill *spill) {
    c->sink.write = write;
    c->events = (struct package_events){.arg = c, .begin = begin, .data = data, .end = end};
    c->dec = package_dec_init(dec_mem, &c->events, limit);
    manifest_reader_init(&c->reader, false, c, member);
    c->manifest = m;
    c->items = items;
    c->scan = scan;
    c->in_metadata = c->had_metadata = false;
    c->files = c->foreign = 0;
    slot_set_clear(&c->seen);
    slot_set_clear(&c->diff.missing);
    slot_set_clear(&c->diff.shared);
    blob_init(&c->diff.extra, c->small, sizeof c->small, windows, spill, limit);
    c->diff.extra_count = 0;
}

enum err integrity_compare_finish(struct integrity_compare *c, struct error *e) {
    enum err err = package_dec_finish(c->dec, e);
    if (err != E_OK)
        return err;
    if (!c->had_metadata)
        return error_set(e, E_TRUNCATED, 0, "the package has no " METADATA_NAME);
    for (uint32_t slot = 0; (slot = manifest_next(c->manifest, slot)) != SLOT_NONE; slot++)
        if (!slot_set_has(&c->seen, slot))
            slot_set_add(&c->diff.missing, slot);
    return E_OK;
}

void integrity_compare_fini(struct integrity_compare *c) {
    blob_reset(&c->diff.extra);
}
