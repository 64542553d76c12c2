/* integrity_feed.c - hands an integrity package its members, one read at a time. Files come from the disk,
 * beneath the root and through no link; metadata comes from the manifest at the moment it is written. */
#include "task/integrity_feed.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

enum {
    META_OPEN,
    META_MISSING,
    META_TO_EXTRA,
    META_EXTRA,
    META_TO_SHARED,
    META_SHARED,
    META_CLOSE,
    META_END
};

static void leave_out(struct integrity_feed *f, uint32_t slot, const char *why) {
    slot_set_drop(&f->diff->missing, slot);
    slot_set_drop(&f->diff->shared, slot);
    if (f->left_out && f->manifest->entry[slot].state == MANIFEST_HASHED)
        f->left_out(f->arg, manifest_path(f->manifest, slot), why);
}

/* The open file is what the manifest describes. The scan goes on meanwhile and may describe a newer one: at
 * the end the file must also still be what it was when it was opened. */
static bool is_as_hashed(struct integrity_feed *f, struct sys_stat *now) {
    return f->sys->fstat(f->sys, f->file, now) == 0 && sys_is_file(now) &&
           manifest_same(&f->manifest->entry[f->slot], now);
}

static bool is_as_opened(struct integrity_feed *f) {
    struct sys_stat now;
    return is_as_hashed(f, &now) && now.ino == f->opened.ino && now.size == f->opened.size &&
           now.mtime_ns == f->opened.mtime_ns && now.ctime_ns == f->opened.ctime_ns;
}

static bool open_file(struct integrity_feed *f) {
    const struct manifest_entry *e = &f->manifest->entry[f->slot];
    if (e->state != MANIFEST_HASHED) {
        leave_out(f, f->slot, "vanished");
        return false;
    }
    /* Nobody knows before how far it shrinks, and a package that grew too long would be cancelled again and
     * again: what might not fit is not begun. The first one that may be sent at all always fits. */
    if (f->deflated > f->limit || e->size > f->limit - f->deflated) {
        leave_out(f, f->slot, "larger than what one synchronisation may carry now");
        return false;
    }
    f->file = f->sys->open_beneath(f->sys, f->root, manifest_path(f->manifest, f->slot),
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (f->file < 0) {
        leave_out(f, f->slot, "cannot be opened");
        return false;
    }
    if (!is_as_hashed(f, &f->opened)) {
        f->sys->close(f->sys, f->file);
        f->file = -1;
        leave_out(f, f->slot, "changed since it was hashed; waits for the next cycle");
        return false;
    }
    return true;
}

/* The next file of the two sets from f->slot on that can be opened. */
static bool next_file(struct integrity_feed *f) {
    for (;; f->slot++) {
        uint32_t missing = slot_set_next(&f->diff->missing, f->slot);
        uint32_t shared = slot_set_next(&f->diff->shared, f->slot);
        f->slot = missing < shared ? missing : shared;
        if (f->slot == SLOT_NONE)
            return false;
        if (open_file(f))
            return true;
    }
}

static enum err next(struct package_feed *feed, char *name, size_t cap, bool *more, struct error *e) {
    struct integrity_feed *f = (struct integrity_feed *)feed;
    const char *path = METADATA_NAME;
    *more = !f->in_metadata;
    if (f->in_metadata)
        return E_OK;
    if (f->diff && next_file(f))
        path = manifest_path(f->manifest, f->slot);
    else
        f->in_metadata = true;
    if ((size_t)snprintf(name, cap, "%s", path) >= cap)
        return error_set(e, E_LIMIT, 0, "%s: path too long for a package", path);
    return E_OK;
}

static enum err read_file(struct integrity_feed *f, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    ptrdiff_t got = f->sys->read(f->sys, f->file, buf, cap);
    if (got < 0)
        return error_set(e, E_SYS, (int)-got, "reading %s", manifest_path(f->manifest, f->slot));
    *n = (size_t)got;
    return E_OK;
}

/* ---- the metadata ---- */

static void say(struct integrity_feed *f, const char *text, uint8_t then) {
    f->fill = strlen(text);
    memcpy(f->buf, text, f->fill);
    f->at = 0;
    f->phase = then;
    f->at_slot = 0;
    f->comma = false;
}

/* One member of a section, with the comma before it; the next phase when there is none left. */
static void say_member(struct integrity_feed *f, const struct slot_set *set, uint8_t then) {
    struct text t;
    uint32_t slot = f->at_slot;
    while ((slot = slot_set_next(set, slot)) != SLOT_NONE &&
           f->manifest->entry[slot].state != MANIFEST_HASHED)
        slot++;
    if (slot == SLOT_NONE) {
        f->phase = then;
        return;
    }
    text_init(&t, f->buf, sizeof f->buf);
    if (f->comma)
        text_str(&t, ", ");
    manifest_member_write(&t, f->manifest, slot, f->items);
    f->fill = t.len;
    f->at = 0;
    f->comma = true;
    f->at_slot = slot + 1;
}

static enum err say_extra(struct integrity_feed *f, struct error *e) {
    enum err err = blob_read(&f->diff->extra, f->at_extra, (uint8_t *)f->buf, sizeof f->buf, &f->fill, e);
    f->at = 0;
    f->at_extra += f->fill;
    if (err == E_OK && f->fill == 0)
        f->phase = META_TO_SHARED;
    return err;
}

static enum err say_next(struct integrity_feed *f, struct error *e) {
    switch (f->phase) {
    case META_OPEN:
        say(f, "{\"missing\": {", META_MISSING);
        return E_OK;
    case META_MISSING:
        say_member(f, &f->diff->missing, META_TO_EXTRA);
        return E_OK;
    case META_TO_EXTRA:
        say(f, "}, \"extra\": {", META_EXTRA);
        return E_OK;
    case META_EXTRA:
        return say_extra(f, e);
    case META_TO_SHARED:
        say(f, "}, \"shared\": {", META_SHARED);
        return E_OK;
    case META_SHARED:
        say_member(f, &f->diff->shared, META_CLOSE);
        return E_OK;
    default:
        say(f, "}}", META_END);
        return E_OK;
    }
}

static enum err read_metadata(struct integrity_feed *f, uint8_t *buf, size_t cap, size_t *n,
                              struct error *e) {
    if (!f->diff)
        return f->flat.source.read(&f->flat.source, buf, cap, n, e);
    *n = 0;
    while (*n < cap) {
        if (f->at == f->fill) {
            if (f->phase == META_END)
                return E_OK;
            f->at = f->fill = 0;
            enum err err = say_next(f, e);
            if (err != E_OK)
                return err;
            continue;
        }
        size_t take = min_size(cap - *n, f->fill - f->at);
        memcpy(buf + *n, f->buf + f->at, take);
        f->at += take;
        *n += take;
    }
    return E_OK;
}

static enum err read_member(struct package_feed *feed, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct integrity_feed *f = (struct integrity_feed *)feed;
    enum err err = f->in_metadata ? read_metadata(f, buf, cap, n, e) : read_file(f, buf, cap, n, e);
    if (err == E_OK)
        f->plain += *n;
    return err;
}

static void done(struct package_feed *feed, uint64_t plain_bytes, uint64_t deflated_bytes, bool whole) {
    struct integrity_feed *f = (struct integrity_feed *)feed;
    f->deflated += deflated_bytes;
    if (f->in_metadata) {
        f->broken = !whole;
        return;
    }
    if (!whole || plain_bytes != f->manifest->entry[f->slot].size || !is_as_opened(f))
        leave_out(f, f->slot, "changed while it was being sent; waits for the next cycle");
    f->sys->close(f->sys, f->file);
    f->file = -1;
    f->slot++;
}

static bool hurry(struct package_feed *feed) {
    struct integrity_feed *f = (struct integrity_feed *)feed;
    return !f->compress_always && pace_stores(&f->pace, f->plain, f->sys->mono_ns(f->sys));
}

void integrity_feed_init(struct integrity_feed *f, struct sys *sys, int root, const struct manifest *m,
                         const struct items *items, struct integrity_diff *diff, uint64_t limit) {
    f->feed = (struct package_feed){.next = next, .read = read_member, .hurry = hurry, .done = done};
    f->sys = sys;
    f->root = root;
    f->manifest = m;
    f->items = items;
    f->diff = diff;
    f->limit = limit;
    f->arg = NULL;
    f->left_out = NULL;
    f->compress_always = false;
    pace_init(&f->pace);
    f->plain = 0;
    f->deflated = f->at_extra = 0;
    f->slot = f->at_slot = 0;
    f->file = -1;
    f->in_metadata = f->broken = f->comma = false;
    f->phase = META_OPEN;
    f->fill = f->at = 0;
    manifest_source_init(&f->flat, m, items);
}

void integrity_feed_close(struct integrity_feed *f) {
    if (f->file >= 0)
        f->sys->close(f->sys, f->file);
    f->file = -1;
}
