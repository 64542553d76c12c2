/* fs/scan.h - keeps a manifest true to the disk, in bounded slices.
 *
 * Walks every item with getdents, follows no symbolic link, leaves out what the items exclude, and hashes a
 * file again when its size, mtime, ctime, inode or device changed. Files that cannot be read or vanish are
 * counted, told in one braked line, and never stop the rest; what was hashed before stays out until it can be
 * read. */
#ifndef PICKET_FS_SCAN_H
#define PICKET_FS_SCAN_H

#include "base/log.h"
#include "base/stream.h"
#include "fs/manifest.h"

struct scan_report {
    uint32_t files;  /* files now in the manifest */
    uint32_t hashed; /* hashed anew in this round */
    uint32_t added, changed, removed;
    uint32_t unreadable; /* files or folders that could not be read */
    uint32_t too_many;   /* files left out because the manifest is full */
    uint64_t bytes;      /* bytes read for hashing */
    uint64_t took_ns;    /* monotonic time from start to end, pauses included */
};

/* One open folder of the walk; the records of the deepest lie in the shared buffer, the others seek. */
struct scan_level {
    int fd;
    uint16_t path_len; /* length of the folder's path, with final slash */
    int64_t offset;    /* directory offset to go on from */
};

struct scan {
    struct sys *sys;
    int root; /* folder descriptor of the root, not owned */
    const struct items *items;
    struct manifest *manifest;
    struct log *log;
    const char *tag, *subtag; /* for its lines */
    struct log_brake brake;
    struct scan_report now, last; /* the round under way, and the last complete one */
    bool complete;                /* at least one round was finished */
    bool running;
    uint64_t started_ns;
    uint32_t round;
    uint8_t item;
    uint8_t depth;
    struct scan_level level[SCAN_DEPTH_MAX];
    char path[PATH_MAX_BYTES];
    uint8_t records[4096]; /* getdents of the deepest level */
    size_t records_len, records_at;
    int file; /* being hashed, or -1 */
    struct sys_stat file_stat;
    uint32_t file_slot;
    struct blake2b hash;
    uint32_t sweep_at; /* next slot to look at when removing what was not seen */
    bool sweeping;
    uint8_t buf[32768];
};

void scan_init(struct scan *s, struct sys *sys, int root, const struct items *items,
               struct manifest *manifest, struct log *log, const char *tag, const char *subtag);

/* Begins a round; nothing happens when one is running. */
void scan_start(struct scan *s);

/* Works for at most about STEP_BYTES of reading or a few hundred names; STEP_AGAIN or STEP_DONE (then s->last
 * is the report and s->complete is true). It never fails as a whole. */
enum step scan_step(struct scan *s);

/* Closes what is open (on shutdown). */
void scan_stop(struct scan *s);

#endif
