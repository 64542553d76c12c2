/* fs/items.h - what is synchronised: the "files" of cluster.json, and the one judge of every path.
 *
 * A path is relative to the root, without leading slash ("etc/rules/local.xml"). An item is a folder with its
 * rules. Every path that came from outside passes items_judge before anything is opened, created, replaced
 * or deleted (users' document, section 1F: each fix that confined one branch and missed a sibling). */
#ifndef PICKET_FS_ITEMS_H
#define PICKET_FS_ITEMS_H

#include "base/err.h"
#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
    char dir[NAME_MAX_BYTES]; /* key of cluster.json, with final slash: "etc/shared/" */
    uint32_t mode;            /* permissions of its files, octal */
    bool recursive;
    bool remove_empty; /* remove_subdirs_if_empty */
    bool extra_valid;  /* Wazuh <= 4.3; kept for the dialects that have it */
    bool all_files;    /* "files": ["all"] */
    uint8_t file_count;
    char files[ITEM_FILES_MAX][64]; /* base names when not all_files */
};

struct items {
    uint8_t count;
    struct item item[ITEMS_MAX];
    uint8_t excluded_file_count, excluded_extension_count;
    char excluded_files[EXCLUDES_MAX][64];
    char excluded_extensions[EXCLUDES_MAX][16]; /* "~", ".tmp": a name that ends with one is left out */
};

/* Wazuh 4.5 - 4.14.7's own table (reference, section 8), compiled in. */
void items_defaults(struct items *t);

/* Judges a path of len bytes (no NUL needed): well-formed (relative, no empty, "." or ".." component, no NUL
 * or control character, UTF-8, components < NAME_MAX_BYTES, whole < PATH_MAX_BYTES), inside exactly the item
 * with the longest matching folder, at a depth the item (and SCAN_DEPTH_MAX) allows, a name its "files" has,
 * not excluded, not the place of an item's own folder, and none of the names that picket stages under (a
 * component ".picket", a name that ends with ".picket-new"). E_OK and the item's index in *item; else E_PATH
 * with the rule that was broken in words. Exclusions are for names of files, not of folders, as in the real
 * walk (4.14.7, cluster.py, walk_dir). */
enum err items_judge(const struct items *t, const char *path, size_t len, uint8_t *item, struct error *e);

/* Index of the item whose folder is exactly dir (cluster_item_key), or -1. */
int items_find(const struct items *t, const char *dir, size_t len);

/* What makes a single component unfit for any path, in words, or NULL: empty, "." or "..", too long, a
 * control character, not UTF-8 (a real receiver gives a whole package up over one such name). */
const char *items_name_fault(const char *name, size_t len);

/* For the scan: may a file / a folder called name, in an item, be part of it? Names that contain ".merged"
 * are never synchronised (reference, pitfall 19). A folder that is an item of its own is not told here. */
bool items_has_file(const struct items *t, uint8_t item, const char *name);
bool items_has_dir(const struct items *t, uint8_t item, const char *name);

#endif
