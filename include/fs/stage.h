/* fs/stage.h - received files, complete but not yet visible.
 *
 * A stage is a folder of numbered files on the destinations' own filesystem (queue/cluster/.stage, or .picket
 * in the item's folder when the item lies on another device), and an index on disk that says which path each
 * one is for, with its size and BLAKE2b. One stage exists per node (a worker has one master). Opening one
 * discards the last. */
#ifndef PICKET_FS_STAGE_H
#define PICKET_FS_STAGE_H

#include "base/log.h"
#include "crypto/blake2b.h"
#include "fs/items.h"
#include "sys/sys.h"

#define STAGE_TABLE (FILES_MAX * 2u)

struct stage {
    struct sys *sys;
    int root; /* not owned */
    const struct items *items;
    uint32_t uid, gid;       /* owner for new files; 0xffffffff leaves it */
    int dir;                 /* queue/cluster/.stage */
    int item_dir[ITEMS_MAX]; /* staging folder of an item on another device, or -1 */
    int index;               /* index file */
    uint64_t index_bytes;
    uint32_t count; /* files staged */
    uint64_t bytes; /* bytes of them */
    uint64_t limit; /* bytes that may be staged at most */
    int file;       /* being written, or -1 */
    uint8_t file_item;
    uint64_t file_bytes;
    struct blake2b hash;
    char path[PATH_MAX_BYTES]; /* of the file being written */
    size_t path_len;
    uint32_t table[STAGE_TABLE]; /* open addressing: index record number + 1, 0 is free */
    uint32_t tags[STAGE_TABLE];  /* hash of the path of that record */
    uint32_t seed;
};

/* One record of the index. */
struct stage_record {
    uint32_t number; /* file name in the staging folder, decimal */
    uint8_t item;
    uint8_t hash[BLAKE2B_BYTES];
    uint64_t size;
    char path[PATH_MAX_BYTES];
};

/* seed: random. limit: bytes. */
void stage_init(struct stage *s, struct sys *sys, int root, const struct items *items, uint32_t uid,
                uint32_t gid, uint64_t limit, uint32_t seed);
/* Makes the staging folders as needed and empties them. */
enum err stage_open(struct stage *s, struct error *e);

/* A file begins: its path is judged here (E_PATH). Then its bytes, then its end. E_SPACE at the limit or a
 * full disk. */
enum err stage_begin(struct stage *s, const char *path, size_t len, struct error *e);
enum err stage_write(struct stage *s, const uint8_t *bytes, size_t n, struct error *e);
enum err stage_end(struct stage *s, struct error *e);

/* The record of a path: E_GONE when it was not staged. */
enum err stage_find(struct stage *s, const char *path, size_t len, struct stage_record *out, struct error *e);

/* Removes everything staged and the folders made for it. */
void stage_discard(struct stage *s);

#endif
