/* task/integrity_feed.h - what goes into an integrity package: files of the manifest, then
 * files_metadata.json.
 *
 * A worker sends no files and its whole manifest, flat; a master sends the files a worker lacks or has
 * otherwise, and the classification (reference, sections 5.2 and 5.3). A file that is no longer what was
 * hashed, or does not fit the limit, is left out of the metadata too: it waits for the next cycle. */
#ifndef PICKET_TASK_INTEGRITY_FEED_H
#define PICKET_TASK_INTEGRITY_FEED_H

#include "base/blob.h"
#include "fs/manifest_json.h"
#include "fs/package_enc.h"
#include "task/pace.h"

#define METADATA_NAME "files_metadata.json"

/* What a comparison found, slot by slot of the master's manifest; the extra ones are the worker's own words.
 */
struct integrity_diff {
    struct slot_set missing, shared;
    struct blob extra; /* `"path": {...}, "path": {...}` */
    uint32_t extra_count;
};

struct integrity_feed {
    struct package_feed feed;
    struct sys *sys;
    int root; /* not owned */
    const struct manifest *manifest;
    const struct items *items;
    struct integrity_diff *diff; /* NULL: a worker's feed */
    uint64_t limit; /* deflated bytes of all files together, at most, but for what deflating adds to them */
    void *arg;
    void (*left_out)(void *arg, const char *path, const char *why);
    bool compress_always;
    struct pace pace;
    uint64_t plain; /* bytes read from all members */
    /* progress */
    uint64_t deflated;
    uint32_t slot;          /* file being read, or the next to look at */
    int file;               /* -1: none */
    struct sys_stat opened; /* what it was when it was opened */
    bool in_metadata;
    bool broken;   /* the metadata could not be read to its end: the package is worth nothing */
    uint8_t phase; /* of the metadata */
    bool comma;
    uint32_t at_slot;
    uint64_t at_extra;
    struct manifest_source flat;
    size_t fill, at;
    char buf[JSON_MEMBER_BYTES];
};

/* Everything given must outlive the feed. */
void integrity_feed_init(struct integrity_feed *f, struct sys *sys, int root, const struct manifest *m,
                         const struct items *items, struct integrity_diff *diff, uint64_t limit);
/* Closes what is open; safe twice. */
void integrity_feed_close(struct integrity_feed *f);

#endif
