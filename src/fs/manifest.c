/* fs/manifest.c - the table of synchronised files: slots, paths, buckets, and the running tree hash.
 *
 * What it does: finds, adds, changes and removes entries in constant time. What it does not: judge paths
 * (items.c) or look at the disk (scan.c), which fills it.
 *
 * Paths lie one behind the other, each with its NUL. A removed path stays as waste until an addition does not
 * fit any more; then the area is walked once and closed up. */
#include "fs/manifest.h"

#include "base/bytes.h"

#include <string.h>

/* ---- buckets ---- */

static uint32_t rotate(uint32_t v, unsigned n) {
    return v << n | v >> (32 - n);
}

static void sip_round(uint32_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] += v[3];
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
}

/* HalfSipHash-1-3 keyed with the seed: whoever does not know it cannot choose names that share a bucket.
 * (A plain multiply-and-xor hash has collisions that hold for every seed.) */
static uint32_t path_hash(uint32_t seed, const char *path, size_t len) {
    uint32_t v[4] = {seed, ~seed, 0x6c796765u ^ seed, 0x74656462u ^ ~seed};
    size_t whole = len & ~(size_t)3;
    const unsigned char *p = (const unsigned char *)path;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t m = p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint32_t last = (uint32_t)len << 24;
    for (size_t i = whole; i < len; i++)
        last |= (uint32_t)p[i] << 8 * (i - whole);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[1] ^ v[3];
}

static uint32_t *bucket_of(struct manifest *m, const char *path, size_t len) {
    return &m->bucket[path_hash(m->seed, path, len) % FILES_MAX];
}

void manifest_init(struct manifest *m, uint32_t seed) {
    /* entry and paths are not touched before they are used: what is not used costs no pages */
    memset(m->bucket, 0xff, sizeof m->bucket);
    memset(m->tree, 0, sizeof m->tree);
    m->count = m->hashed = m->top = 0;
    m->free_head = SLOT_NONE;
    m->paths_used = m->paths_waste = 0;
    m->refused = m->version = 0;
    m->seed = seed;
}

uint32_t manifest_find(const struct manifest *m, const char *path, size_t len) {
    uint32_t slot = m->bucket[path_hash(m->seed, path, len) % FILES_MAX];
    while (slot != SLOT_NONE) {
        const struct manifest_entry *entry = &m->entry[slot];
        if (entry->path_len == len && memcmp(m->paths + entry->path, path, len) == 0)
            break;
        slot = entry->chain;
    }
    return slot;
}

/* ---- the running tree hash ---- */

/* tree += or -= BLAKE2b-256(path NUL content-hash), modulo 2^256. */
static void tree_update(struct manifest *m, const struct manifest_entry *entry, bool add) {
    struct blake2b b;
    uint8_t leaf[32];
    blake2b_init(&b, sizeof leaf);
    blake2b_push(&b, m->paths + entry->path, (size_t)entry->path_len + 1);
    blake2b_push(&b, entry->hash, sizeof entry->hash);
    blake2b_finish(&b, leaf);
    uint8_t carry = add ? 0 : 1; /* a - b is a + ~b + 1 */
    for (size_t i = 0; i < sizeof leaf; i += 8) {
        uint64_t v = le64_load(leaf + i);
        uint64_t sum = le64_load(m->tree + i) + carry;
        carry = sum < carry;
        v = add ? v : ~v;
        sum += v;
        carry = (uint8_t)(carry | (sum < v));
        le64_store(m->tree + i, sum);
    }
}

void manifest_tree_hash(const struct manifest *m, uint8_t out[32]) {
    memcpy(out, m->tree, sizeof m->tree);
}

/* ---- paths ---- */

/* Closes the gaps of removed paths. The owner of a path is found by the path itself; a removed one whose path
 * was added again later is told apart by the offset. Bytes only move down, so that what was not looked at yet
 * is still whole. */
static void compact(struct manifest *m) {
    uint32_t to = 0;
    for (uint32_t from = 0, n; from < m->paths_used; from += n) {
        const char *path = m->paths + from;
        n = (uint32_t)strlen(path) + 1;
        uint32_t slot = manifest_find(m, path, n - 1);
        if (slot == SLOT_NONE || m->entry[slot].path != from)
            continue;
        memmove(m->paths + to, path, n);
        m->entry[slot].path = to;
        to += n;
    }
    m->paths_used = to;
    m->paths_waste = 0;
}

const char *manifest_path(const struct manifest *m, uint32_t slot) {
    return m->paths + m->entry[slot].path;
}

/* ---- slots ---- */

enum err manifest_add(struct manifest *m, const char *path, size_t len, uint8_t item, uint32_t *slot) {
    bool fits = m->count < FILES_MAX && len < PATH_MAX_BYTES &&
                len < FILES_PATH_BYTES - (m->paths_used - m->paths_waste);
    if (!fits) {
        m->refused++;
        return E_SPACE;
    }
    if (len >= FILES_PATH_BYTES - m->paths_used)
        compact(m);
    uint32_t got = m->free_head;
    if (got == SLOT_NONE)
        got = m->top++;
    else
        m->free_head = m->entry[got].chain;
    uint32_t *bucket = bucket_of(m, path, len);
    struct manifest_entry *entry = &m->entry[got];
    *entry = (struct manifest_entry){.path = m->paths_used,
                                     .path_len = (uint16_t)len,
                                     .item = item,
                                     .state = MANIFEST_NEW,
                                     .chain = *bucket};
    *bucket = got;
    memcpy(m->paths + m->paths_used, path, len);
    m->paths[m->paths_used + len] = '\0';
    m->paths_used += (uint32_t)len + 1;
    m->count++;
    *slot = got;
    return E_OK;
}

void manifest_unset(struct manifest *m, uint32_t slot) {
    struct manifest_entry *entry = &m->entry[slot];
    if (entry->state != MANIFEST_HASHED)
        return;
    tree_update(m, entry, false);
    entry->state = MANIFEST_NEW;
    m->hashed--;
    m->version++;
}

void manifest_set(struct manifest *m, uint32_t slot, const uint8_t hash[BLAKE2B_BYTES],
                  const struct sys_stat *identity) {
    struct manifest_entry *entry = &m->entry[slot];
    entry->size = identity->size;
    entry->mtime_ns = identity->mtime_ns;
    entry->ctime_ns = identity->ctime_ns;
    entry->ino = identity->ino;
    entry->dev = identity->dev;
    if (entry->state == MANIFEST_HASHED) {
        if (memcmp(entry->hash, hash, BLAKE2B_BYTES) == 0)
            return;
        tree_update(m, entry, false);
    } else {
        entry->state = MANIFEST_HASHED;
        m->hashed++;
    }
    memcpy(entry->hash, hash, BLAKE2B_BYTES);
    tree_update(m, entry, true);
    m->version++;
}

void manifest_remove(struct manifest *m, uint32_t slot) {
    struct manifest_entry *entry = &m->entry[slot];
    manifest_unset(m, slot);
    uint32_t *link = bucket_of(m, m->paths + entry->path, entry->path_len);
    while (*link != slot)
        link = &m->entry[*link].chain;
    *link = entry->chain;
    m->paths_waste += entry->path_len + 1u;
    entry->state = MANIFEST_FREE;
    entry->chain = m->free_head;
    m->free_head = slot;
    m->count--;
}

bool manifest_same(const struct manifest_entry *entry, const struct sys_stat *now) {
    return entry->size == now->size && entry->mtime_ns == now->mtime_ns && entry->ctime_ns == now->ctime_ns &&
           entry->ino == now->ino && entry->dev == now->dev;
}

uint32_t manifest_next(const struct manifest *m, uint32_t from) {
    for (; from < m->top; from++)
        if (m->entry[from].state == MANIFEST_HASHED)
            return from;
    return SLOT_NONE;
}
