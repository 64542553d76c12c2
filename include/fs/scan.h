/* fs/scan.h - keeps a manifest true to the disk, in bounded slices.
 *
 * Walks every item with getdents, follows no symbolic link, leaves out what the items exclude, and hashes a
 * file again when its size, mtime, ctime, inode or device changed. Files that cannot be read or vanish are
 * counted, told in one braked line, and never stop the rest; what was hashed before stays out until it can be
 * read.
 *
 * An error is no evidence of a deletion, which on a master would delete the file on every worker:
 *  - a file that the walk did not meet leaves the manifest only when the kernel says of its very path that
 *    nothing is there (any more); below a folder that could not be read, what was known stays as it was;
 *  - it is first only unset (MANIFEST_NEW), and removed when it is still missing in the next round: programs
 *    that rewrite a file by deleting and creating it (remoted and its merged.mg) are seen in between.
 *
 * Differences from the real walk (4.14.7, cluster.py, walk_dir), which takes linked files as files and
 * follows an item's folder when that is a link: here neither is followed, because apply writes through no
 * link, and because a link can point out of the tree. Linked files are left out and told; an item whose
 * folder is a link counts as unreadable and is told: a bind mount does the same job. */
#ifndef PICKET_FS_SCAN_H
#define PICKET_FS_SCAN_H

#include "base/log.h"
#include "base/stream.h"
#include "fs/manifest.h"

/* Bytes of directory records read at once, per level: about fifty names. */
#define SCAN_RECORDS_BYTES 2048u

struct scan_report {
    uint32_t files;  /* files now in the manifest, with known content */
    uint32_t hashed; /* hashed anew in this round */
    uint32_t added, changed, removed;
    uint32_t changing;      /* changed while they were being read: tried again in the next round */
    uint32_t rechecked;     /* hashed again because their time stamps were too young to be trusted */
    uint32_t unreadable;    /* files or folders that could not be read */
    uint32_t left_out;      /* links, devices, unfit names, folders too deep */
    uint32_t too_many;      /* files left out because the manifest is full */
    uint32_t partial_items; /* bit i: not all of item i could be walked: what the manifest lacks there proves
                               nothing */
    uint64_t bytes;         /* bytes read for hashing */
    uint64_t took_ns;       /* monotonic time from start to end, pauses included */
};

/* One open folder of the walk. Each level keeps its own records, so that a walk that comes back goes on where
 * it was: seeking a directory that changes meanwhile is not reliable on every filesystem. */
struct scan_level {
    int fd;
    uint16_t path_len; /* length of the folder's path, with final slash */
    uint16_t records_len;
    size_t records_at;
    _Alignas(8) uint8_t records[SCAN_RECORDS_BYTES];
};

/* What is told at the end of a round, braked: how often, and the first case in words. */
enum scan_trouble_kind { SCAN_UNREADABLE, SCAN_LEFT_OUT, SCAN_TOO_MANY, SCAN_TROUBLES };
struct scan_trouble {
    uint32_t count, told; /* in this round; in the round that was told last */
    struct error first;
    struct log_brake brake;
};

struct scan {
    struct sys *sys;
    int root; /* folder descriptor of the root, not owned */
    const struct items *items;
    struct manifest *manifest;
    struct log *log;
    const char *tag, *subtag; /* for its lines */
    struct scan_trouble trouble[SCAN_TROUBLES];
    struct scan_report now, last; /* the round under way, and the last complete one */
    bool complete;                /* at least one round was finished */
    bool running;
    uint64_t started_ns;
    int64_t wall_ns, before_wall_ns; /* wall clock at the start of this round and of the one before */
    uint32_t round;
    uint8_t item, next_item; /* the item being walked, and the one to be opened next */
    uint8_t depth;           /* levels in use */
    struct scan_level level[SCAN_DEPTH_MAX];
    char path[PATH_MAX_BYTES]; /* of the name being looked at */
    int file;                  /* being hashed, or -1 */
    struct sys_stat file_stat;
    uint32_t file_slot;
    uint64_t file_bytes; /* read so far */
    struct blake2b hash;
    uint32_t sweep_at; /* next slot to look at when removing what was not seen */
    uint8_t buf[32768];
};

/* Everything given must outlive the scan; log may be NULL. */
void scan_init(struct scan *s, struct sys *sys, int root, const struct items *items,
               struct manifest *manifest, struct log *log, const char *tag, const char *subtag);

/* Begins a round; nothing happens when one is running. */
void scan_start(struct scan *s);

/* Works for at most about STEP_BYTES of reading or a few hundred names; STEP_AGAIN or STEP_DONE (then s->last
 * is the report and s->complete is true). It never fails as a whole. */
enum step scan_step(struct scan *s);

/* Closes what is open and gives the round up (on shutdown). */
void scan_stop(struct scan *s);

#endif
