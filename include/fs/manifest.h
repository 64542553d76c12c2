/* fs/manifest.h - the table of a node's synchronised files with their hashes.
 *
 * One fixed table, updated in place by the scan. Slots are small integers that stay the same while the file
 * exists; a freed slot may later hold another file, so whoever remembers slots (a comparison) checks at use
 * that the path is still what it wants, or can live with sending one file too many. */
#ifndef PICKET_FS_MANIFEST_H
#define PICKET_FS_MANIFEST_H

#include "crypto/blake2b.h"
#include "fs/items.h"
#include "sys/sys.h"

#define SLOT_NONE 0xffffffffu

struct manifest_entry {
    uint8_t hash[BLAKE2B_BYTES]; /* of the content, when hashed */
    uint64_t size;               /* identity of the file when it was hashed: see manifest_same */
    int64_t mtime_ns, ctime_ns;
    uint64_t ino, dev;
    uint32_t path; /* offset into the path bytes; the path is NUL-terminated */
    uint16_t path_len;
    uint8_t item;
    uint8_t state;  /* MANIFEST_FREE, ... */
    uint32_t round; /* scan round that saw it last */
    uint32_t chain; /* next slot with the same bucket, or SLOT_NONE */
};
/* NEW: a file that is there, or was a moment ago, but whose content is not known: not hashed yet, unreadable,
 * or changing. It is not offered to a peer; but a peer's file of that path is no "extra" one either. */
enum { MANIFEST_FREE, MANIFEST_NEW, MANIFEST_HASHED };

struct manifest {
    struct manifest_entry entry[FILES_MAX];
    uint32_t bucket[FILES_MAX];
    char paths[FILES_PATH_BYTES];
    uint32_t count;  /* entries in use, MANIFEST_NEW ones included */
    uint32_t hashed; /* entries that are MANIFEST_HASHED */
    uint32_t top;    /* slots ever used: iterate 0 .. top - 1 */
    uint32_t free_head;
    uint32_t paths_used, paths_waste;
    uint64_t refused; /* files left out because the table or the path bytes were full */
    uint64_t version; /* counts every change of content: equal versions mean equal content */
    uint32_t seed;    /* of the bucket hash, random: no crafted names make long chains */
    uint8_t tree[32]; /* running tree hash, see manifest_tree_hash */
};

void manifest_init(struct manifest *m, uint32_t seed);

/* Slot of a path, or SLOT_NONE. Entries that are MANIFEST_NEW are found too. */
uint32_t manifest_find(const struct manifest *m, const char *path, size_t len);

/* Adds a judged path that is not there yet (state MANIFEST_NEW, round 0); E_SPACE when the table or the path
 * bytes are full (counted in refused). */
enum err manifest_add(struct manifest *m, const char *path, size_t len, uint8_t item, uint32_t *slot);

/* Sets content and identity of a slot; it becomes MANIFEST_HASHED. */
void manifest_set(struct manifest *m, uint32_t slot, const uint8_t hash[BLAKE2B_BYTES],
                  const struct sys_stat *identity);
/* Its content is no longer known: MANIFEST_HASHED becomes MANIFEST_NEW; nothing happens to others. */
void manifest_unset(struct manifest *m, uint32_t slot);
void manifest_remove(struct manifest *m, uint32_t slot);

/* Is the file still the one that was hashed: size, mtime and ctime in ns, inode and device all equal? */
bool manifest_same(const struct manifest_entry *entry, const struct sys_stat *now);

/* The path of a slot in use, NUL-terminated; valid until the next manifest_add or _remove (which may
 * compact). */
const char *manifest_path(const struct manifest *m, uint32_t slot);

/* First slot >= from that is MANIFEST_HASHED, or SLOT_NONE. */
uint32_t manifest_next(const struct manifest *m, uint32_t from);

/* One number for the whole tree: the sum modulo 2^256 over all hashed files of BLAKE2b-256(path NUL
 * content-hash), so that it does not depend on order and is kept up to date file by file. Little-endian
 * bytes. */
void manifest_tree_hash(const struct manifest *m, uint8_t out[32]);

/* A set of slots: one bit each. */
#define SLOT_SET_WORDS ((FILES_MAX + 31u) / 32u)
struct slot_set {
    uint32_t bits[SLOT_SET_WORDS];
    uint32_t count;
};
void slot_set_clear(struct slot_set *s);
void slot_set_add(struct slot_set *s, uint32_t slot);
void slot_set_drop(struct slot_set *s, uint32_t slot);
bool slot_set_has(const struct slot_set *s, uint32_t slot);
uint32_t slot_set_next(const struct slot_set *s, uint32_t from); /* SLOT_NONE at the end */

#endif
