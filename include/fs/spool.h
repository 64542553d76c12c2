/* fs/spool.h - scratch files for what must be kept whole and does not fit a window: a struct spill below
 * queue/cluster/<node>, bounded in the sum of their bytes, without names that a peer could choose. Files are
 * nameless from the start (O_TMPFILE), or from the next instant on, so a crash leaves nothing behind. */
#ifndef PICKET_FS_SPOOL_H
#define PICKET_FS_SPOOL_H

#include "base/stream.h"
#include "sys/sys.h"

#define SPOOL_FILES 64u

struct spool {
    struct spill spill;
    struct sys *sys;
    int dir;              /* folder descriptor, owned; -1 before spool_open */
    uint64_t limit, used; /* bytes */
    uint64_t high;        /* most bytes ever used */
    uint32_t refused;     /* appends or opens refused */
    struct spool_file {
        int fd; /* -1: free */
        uint64_t bytes;
    } file[SPOOL_FILES];
};

/* Makes (0770) and empties the folder path below root; names that cannot be removed stay and do no harm.
 * limit: bytes of all files together. After an error s can be used and closed, but refuses every file. */
enum err spool_open(struct spool *s, struct sys *sys, int root, const char *path, uint64_t limit,
                    struct error *e);
/* Closes and removes everything in the folder, which itself stays. s was opened, or tried to be. */
void spool_close(struct spool *s);

#endif
