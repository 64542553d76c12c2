/* fs/stage.h - received files, complete but not yet visible.
 *
 * A stage is a folder of numbered files on the destinations' own filesystem (queue/cluster/.stage, or .picket
 * in the item's folder when the item lies on another mount), and an index on disk that says which path each
 * one is for, with its size and BLAKE2b. A staged file has its final mode and owner: a rename is all that is
 * left to do. One stage exists per node (a worker has one master). Opening one discards the last.
 *
 * Nothing here is flushed: after a power cut a stage is worth nothing unless fs/apply.h has committed it. The
 * index serves the running process only; what survives a restart is the journal of fs/apply.h, which names
 * each staged file with its path, size and hash. */
#ifndef PICKET_FS_STAGE_H
#define PICKET_FS_STAGE_H

#include "base/log.h"
#include "crypto/blake2b.h"
#include "fs/items.h"
#include "sys/sys.h"

#define STAGE_TABLE (FILES_MAX * 2u)
#define STAGE_INDEX_BYTES 4096u  /* index records are written so many bytes at a time */
#define STAGE_JOURNAL ".journal" /* fs/apply_journal.h's file, in queue/cluster */
#define STAGE_NAME_BYTES 12      /* a staged file's name: its number in decimal, with its NUL */

struct stage {
    struct sys *sys;
    int root; /* not owned */
    const struct items *items;
    uint32_t uid, gid;       /* owner for new files; 0xffffffff leaves it */
    int folder;              /* queue/cluster; -1 when the stage is not open, as are those below */
    int dir;                 /* queue/cluster/.stage */
    uint64_t dev;            /* its device */
    int item_dir[ITEMS_MAX]; /* staging folder of an item on another mount, or -1 */
    uint32_t item_known;     /* bit i: it is known where item i lies */
    int index;               /* index file */
    uint64_t index_bytes;    /* bytes of it, those in index_buf included */
    uint32_t index_fill;     /* bytes in index_buf */
    uint32_t count;          /* files staged; also the number of the next one */
    uint64_t bytes;          /* bytes of them */
    uint64_t limit;          /* bytes that may be staged at most */
    int file;                /* being written, or -1 */
    uint8_t file_item;
    uint32_t file_slot; /* free slot of the table that it will take */
    uint64_t file_bytes;
    struct blake2b hash;
    char path[PATH_MAX_BYTES]; /* of the file being written */
    size_t path_len;
    uint32_t table[STAGE_TABLE]; /* open addressing: offset of the record in the index / 16 + 1, 0 is free */
    uint32_t tags[STAGE_TABLE];  /* hash of the path of that record */
    uint32_t seed;
    _Alignas(8) uint8_t index_buf[STAGE_INDEX_BYTES];
};

/* What the index has about a file. */
struct stage_record {
    uint32_t number; /* file name in the staging folder, decimal; 0 .. FILES_MAX - 1 */
    uint8_t item;
    uint8_t hash[BLAKE2B_BYTES];
    uint64_t size;
    uint16_t path_len;
    char path[PATH_MAX_BYTES];
};

/* Takes no system resource. seed: random. limit: bytes. */
void stage_init(struct stage *s, struct sys *sys, int root, const struct items *items, uint32_t uid,
                uint32_t gid, uint64_t limit, uint32_t seed);
/* Makes the staging folders as needed and empties them. A journal that is still there (a set that was
 * committed and failed half-way, and that apply_recover has not finished) is given up first: each of its
 * files stays old or new, as it is. */
enum err stage_open(struct stage *s, struct error *e);

/* Opens what an earlier process left and changes nothing in it: for apply_recover. E_GONE when queue/cluster
 * is not there. Files cannot be added or found; stage_discard ends it. */
enum err stage_attach(struct stage *s, struct error *e);

/* A file begins: its path is judged here (E_PATH). Then its bytes, then its end. E_SPACE at the limit, with
 * FILES_MAX files, or on a full disk; E_DUPLICATE for a path that was staged before (the first one stays);
 * E_SYS, E_DENIED. After an error the file is dropped, the stage is as it was before stage_begin, and
 * stage_write and stage_end answer E_CANCELLED until the next stage_begin. A stage_begin without stage_end
 * before it drops the unfinished file. */
enum err stage_begin(struct stage *s, const char *path, size_t len, struct error *e);
enum err stage_write(struct stage *s, const uint8_t *bytes, size_t n, struct error *e);
enum err stage_end(struct stage *s, struct error *e);

/* The record of a path: E_GONE when it was not staged; E_SYS when the index cannot be read. */
enum err stage_find(struct stage *s, const char *path, size_t len, struct stage_record *out, struct error *e);

/* Gives what was made for staging to the owner of the files: a node that stayed root must not leave behind
 * what keeps the next one, which does not, from starting. */
void stage_own(const struct stage *s, int fd);

/* The folder the files of an item are staged in; valid while the stage is open. */
static inline int stage_dir_of(const struct stage *s, uint8_t item) {
    return s->item_dir[item] >= 0 ? s->item_dir[item] : s->dir;
}
/* The name of staged file number in it. */
void stage_name(uint32_t number, char out[STAGE_NAME_BYTES]);

/* Begins to write these filesystems out without stopping anybody; see drain_start in sys/sys.h. False: not
 * possible here. */
bool stage_drain(const struct stage *s, int *fd, int *child);

/* Flushes every filesystem that files are staged on (and, as these are the destinations' filesystems too,
 * what was renamed into place). Blocks for as long as the disk takes. E_SYS. */
enum err stage_flush(const struct stage *s, struct error *e);

/* Closes what is open and leaves everything on disk as it is. Safe to call at any time after stage_init. */
void stage_close(struct stage *s);

/* Removes everything staged and the folders made for it, as far as the disk lets it, and closes them. Safe to
 * call at any time after stage_init. */
void stage_discard(struct stage *s);

#endif
