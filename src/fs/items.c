/* fs/items.c - which files are synchronised: the compiled-in table, and the one judge of every path.
 *
 * What it does: says of a path or a name whether the rules allow it and, if not, which rule it broke. What it
 * does not: look at the disk. Paths come from peers (manifests, packages) and from the scan; the answer
 * decides whether anything is opened, replaced or deleted, so there is no second way in (architecture,
 * section 5). */
#include "fs/items.h"

#include "base/text.h"

#include <string.h>

/* Names that picket keeps for itself while it stages: never synchronised in either direction, or a peer could
 * plant what the next apply would take for its own. */
#define OWN_DIR ".picket"
#define OWN_SUFFIX ".picket-new"

/* ---- the table ---- */

/* Rows instead of a whole struct items: that one is 30 KB, nearly all of it zeros. files "": all. */
static const struct {
    char dir[18], files[12];
    uint16_t mode;
    bool recursive, remove_empty;
} default_items[] = {
    {"etc/", "client.keys", 0640, false, false},
    {"etc/shared/", "", 0660, true, true},
    {"var/multigroups/", "merged.mg", 0660, true, true},
    {"etc/rules/", "", 0660, true, false},
    {"etc/decoders/", "", 0660, true, false},
    {"etc/lists/", "", 0660, true, false},
};
static const char default_excluded_files[][11] = {"ar.conf", "ossec.conf"};
static const char default_excluded_extensions[][6] = {"~", ".tmp", ".lock", ".swp"};

#define COUNT(a) (sizeof(a) / sizeof *(a))
_Static_assert(COUNT(default_items) <= ITEMS_MAX, "raise ITEMS_MAX: Wazuh's own table has 6 items");
_Static_assert(COUNT(default_excluded_extensions) <= EXCLUDES_MAX, "raise EXCLUDES_MAX to at least 4");

void items_defaults(struct items *t) {
    memset(t, 0, sizeof *t);
    t->count = COUNT(default_items);
    for (size_t i = 0; i < COUNT(default_items); i++) {
        struct item *item = &t->item[i];
        strcpy(item->dir, default_items[i].dir);
        item->mode = default_items[i].mode;
        item->recursive = default_items[i].recursive;
        item->remove_empty = default_items[i].remove_empty;
        item->all_files = !default_items[i].files[0];
        if (!item->all_files)
            strcpy(item->files[item->file_count++], default_items[i].files);
    }
    t->excluded_file_count = COUNT(default_excluded_files);
    for (size_t i = 0; i < COUNT(default_excluded_files); i++)
        strcpy(t->excluded_files[i], default_excluded_files[i]);
    t->excluded_extension_count = COUNT(default_excluded_extensions);
    for (size_t i = 0; i < COUNT(default_excluded_extensions); i++)
        strcpy(t->excluded_extensions[i], default_excluded_extensions[i]);
}

int items_find(const struct items *t, const char *dir, size_t len) {
    for (uint8_t i = 0; i < t->count; i++)
        if (strlen(t->item[i].dir) == len && memcmp(t->item[i].dir, dir, len) == 0)
            return i;
    return -1;
}

/* ---- one component ---- */

static bool name_is(const char *name, size_t len, const char *want) {
    return strlen(want) == len && memcmp(name, want, len) == 0;
}

static bool name_ends(const char *name, size_t len, const char *end) {
    size_t n = strlen(end);
    return n <= len && memcmp(name + len - n, end, n) == 0;
}

/* Length of the well-formed UTF-8 sequence at s (n > 0), or 0: no overlong forms, no surrogates, nothing
 * above U+10FFFF (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *s, size_t n) {
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t len;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (n < len || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

const char *items_name_fault(const char *name, size_t len) {
    if (len == 0)
        return "an empty component (\"//\", or a slash at the end)";
    if (name_is(name, len, ".") || name_is(name, len, ".."))
        return "a component \".\" or \"..\"";
    if (len >= NAME_MAX_BYTES)
        return "a component longer than a file name can be";
    const unsigned char *s = (const unsigned char *)name;
    for (size_t i = 0, n; i < len; i += n) {
        if (s[i] < 0x20 || s[i] == 0x7f)
            return "a control character";
        /* A real receiver decodes the names of a package as UTF-8 and gives the whole package up over one
         * that is not (cluster.py, decompress_files); a real sender never sends one. */
        n = utf8_length(s + i, len - i);
        if (n == 0)
            return "a name that is not UTF-8, which no package can carry";
    }
    return NULL;
}

/* Why an item leaves a well-formed file name out; NULL when it has it. The exclusions are those of the real
 * walk, which looks at the names of files only, at any depth (cluster.py, walk_dir). */
static const char *file_fault(const struct items *t, const struct item *item, const char *name, size_t len) {
    for (uint8_t i = 0; i < t->excluded_file_count; i++)
        if (name_is(name, len, t->excluded_files[i]))
            return "an excluded file name";
    for (uint8_t i = 0; i < t->excluded_extension_count; i++)
        if (name_ends(name, len, t->excluded_extensions[i]))
            return "an excluded extension";
    /* Peers take such a file for a container of others and split it (reference, pitfall 19). */
    if (text_has(name, len, ".merged"))
        return "a name with \".merged\", which is never synchronised";
    if (name_is(name, len, OWN_DIR) || name_ends(name, len, OWN_SUFFIX))
        return "a name that picket keeps for staging";
    if (item->all_files)
        return NULL;
    for (uint8_t i = 0; i < item->file_count; i++)
        if (name_is(name, len, item->files[i]))
            return NULL;
    return "not one of the item's files";
}

bool items_has_file(const struct items *t, uint8_t item, const char *name) {
    size_t len = strlen(name);
    return !items_name_fault(name, len) && !file_fault(t, &t->item[item], name, len);
}

bool items_has_dir(const struct items *t, uint8_t item, const char *name) {
    size_t len = strlen(name);
    return t->item[item].recursive && !items_name_fault(name, len) && !name_is(name, len, OWN_DIR);
}

/* ---- the judge ---- */

/* Shape of the whole path; does not look at the items. */
static const char *shape_fault(const char *path, size_t len) {
    if (len == 0)
        return "an empty path";
    if (len >= PATH_MAX_BYTES)
        return "a path longer than the limit";
    if (path[0] == '/')
        return "an absolute path";
    for (size_t start = 0, at = 0; at <= len; at++) {
        if (at < len && path[at] != '/')
            continue;
        const char *fault = items_name_fault(path + start, at - start);
        if (fault)
            return fault;
        if (at < len && name_is(path + start, at - start, OWN_DIR))
            return "a folder that picket keeps for staging";
        start = at + 1;
    }
    /* "|//@@//|" and "|@@//@@|", which a real receiver cuts packages at, hold an empty component each: a path
     * that came this far contains neither. */
    return NULL;
}

/* Index of the item with the longest folder that path lies in, or -1. */
static int item_of(const struct items *t, const char *path, size_t len) {
    int best = -1;
    size_t best_len = 0;
    for (uint8_t i = 0; i < t->count; i++) {
        size_t n = strlen(t->item[i].dir);
        if (n < len && n > best_len && memcmp(t->item[i].dir, path, n) == 0) {
            best = i;
            best_len = n;
        }
    }
    return best;
}

/* Is path a folder that leads to an item, or the item's own? A file there would take its place. */
static bool is_folder_of_item(const struct items *t, const char *path, size_t len) {
    for (uint8_t i = 0; i < t->count; i++)
        if (strlen(t->item[i].dir) > len && t->item[i].dir[len] == '/' &&
            memcmp(t->item[i].dir, path, len) == 0)
            return true;
    return false;
}

/* The rules of the item for what comes after its folder. */
static const char *rest_fault(const struct items *t, const struct item *item, const char *rest, size_t len) {
    size_t name = 0, levels = 1;
    for (size_t i = 0; i < len; i++)
        if (rest[i] == '/') {
            name = i + 1;
            levels++;
        }
    if (levels > 1 && !item->recursive)
        return "in a subfolder of an item without subfolders";
    /* The scan would never see it, so that it were sent again in every cycle. */
    if (levels > SCAN_DEPTH_MAX)
        return "deeper than the limit for folders";
    return file_fault(t, item, rest + name, len - name);
}

enum err items_judge(const struct items *t, const char *path, size_t len, uint8_t *item, struct error *e) {
    const char *fault = shape_fault(path, len);
    int shown = (int)(len < 120 ? len : 120);
    if (fault)
        return error_set(e, E_PATH, 0, "%.*s: %s", shown, path, fault);
    int found = item_of(t, path, len);
    if (found < 0)
        return error_set(e, E_PATH, 0, "%.*s: in no synchronised folder", shown, path);
    const struct item *in = &t->item[found];
    size_t dir_len = strlen(in->dir);
    fault = rest_fault(t, in, path + dir_len, len - dir_len);
    if (!fault && is_folder_of_item(t, path, len))
        fault = "the place of an item's folder";
    if (fault)
        return error_set(e, E_PATH, 0, "%.*s: %s (item %.60s)", shown, path, fault, in->dir);
    *item = (uint8_t)found;
    return E_OK;
}
