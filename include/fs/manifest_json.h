/* fs/manifest_json.h - a manifest as the JSON of the wire (reference, section 5.1), as streams both ways.
 *
 * Flat, worker to master:       {"etc/rules/x.xml": {"mod_time": 1.5, "cluster_item_key": "etc/rules/",
 *                                "merged": false, "hash": "<128 hex>"}, ...}
 * Classified, master to worker: {"missing": {flat}, "extra": {flat}, "shared": {flat}[, "extra_valid":
 * {flat}]}
 *
 * The reader takes bytes in any cut, any key order, spacing and escapes, ignores unknown members, and holds
 * one member ("path": {...}) of at most JSON_MEMBER_BYTES at a time, which it hands to base/json_read.h. */
#ifndef PICKET_FS_MANIFEST_JSON_H
#define PICKET_FS_MANIFEST_JSON_H

#include "base/stream.h"
#include "base/text.h"
#include "fs/manifest.h"

enum manifest_section { SECTION_FLAT, SECTION_MISSING, SECTION_EXTRA, SECTION_SHARED, SECTION_EXTRA_VALID };

/* One file as a peer describes it. Pointers are valid during the call only. */
struct manifest_member {
    enum manifest_section section;
    const char *path; /* unescaped, NUL-terminated, not judged yet */
    size_t path_len;
    const char *item_key; /* cluster_item_key, unescaped; "" when absent */
    size_t item_key_len;
    bool merged;
    bool has_hash;
    uint8_t hash[BLAKE2B_BYTES];
    const char *raw; /* the member as it came, `"path": {...}`, without comma: to be passed on */
    size_t raw_len;
};

struct manifest_reader {
    void *arg;
    /* Called once per complete, well-formed member, in the order they come. An error ends the reading. */
    enum err (*member)(void *arg, const struct manifest_member *m, struct error *e);
    bool classified;
    /* the splitter's state; see manifest_reader.c */
    uint8_t state, depth;
    bool in_string, escaped;
    enum manifest_section section;
    uint32_t objects;   /* bit d: the bracket open at depth d is an object's */
    uint64_t offset;    /* bytes taken so far */
    uint64_t start;     /* offset of the key or member being collected */
    struct error error; /* why it failed; sticks */
    size_t fill;
    char buf[JSON_MEMBER_BYTES];
};

void manifest_reader_init(struct manifest_reader *r, bool classified, void *arg,
                          enum err (*member)(void *arg, const struct manifest_member *m, struct error *e));
/* Sections and files may come in any order and more than once; sections with other names are passed over
 * (their strings and brackets are checked, the values between them are not). E_SYNTAX with the offset;
 * E_LIMIT for a member larger than JSON_MEMBER_BYTES - 2 or of more than 128 values, a path of PATH_MAX_BYTES
 * or an item key of NAME_MAX_BYTES and more; E_VALUE for a hash that is not 128 hexadecimal digits, a
 * "merged" that is neither true nor false, or a string that holds U+0000 or a surrogate which stands for no
 * byte; or what member() returned. All stick. */
enum err manifest_reader_push(struct manifest_reader *r, const uint8_t *bytes, size_t n, struct error *e);
/* E_TRUNCATED when the JSON did not end; an error that stuck. */
enum err manifest_reader_finish(const struct manifest_reader *r, struct error *e);

/* Writes `"path": {"mod_time": ..., "cluster_item_key": ..., "merged": false, "hash": ...}` for a hashed
 * slot, in Python's spelling; out must have room for JSON_MEMBER_BYTES. mod_time has 7 decimals at most,
 * which is what a double holds of a time of this century. */
void manifest_member_write(struct text *out, const struct manifest *m, uint32_t slot,
                           const struct items *items);

/* Reads as the JSON of the whole manifest, flat. The manifest may change meanwhile: each member is true when
 * it is written. */
struct manifest_source {
    struct source source;
    const struct manifest *manifest;
    const struct items *items;
    uint32_t slot;
    uint8_t phase;
    size_t fill, at;
    char buf[JSON_MEMBER_BYTES];
};
void manifest_source_init(struct manifest_source *s, const struct manifest *m, const struct items *items);

#endif
