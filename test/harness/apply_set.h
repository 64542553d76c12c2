/* apply_set.h - sets of received files for tests of fs/stage.h and fs/apply.h: described in a table, staged
 * and applied below test_dir(). */
#ifndef PICKET_APPLY_SET_H
#define PICKET_APPLY_SET_H

#include "fs/apply.h"

#define SET_FILES_MAX 64

/* One member of the set. */
struct set_file {
    enum manifest_section section;
    const char *path;
    const char *content;  /* staged with it; NULL: not staged */
    const char *item_key; /* NULL: that of the item it lies in */
    bool wrong_hash, no_hash, merged;
};

/* A node's stage and what was said about refused files. */
struct set {
    struct sys *sys;
    int root;
    struct items items;
    struct stage stage;
    struct apply apply;
    struct apply_report report; /* of the last apply or recovery */
    uint32_t refusals;
    char refused[SET_FILES_MAX][256]; /* paths */
    enum err why[SET_FILES_MAX];
    char words[SET_FILES_MAX][ERROR_WHAT_BYTES];
};

/* Opens test_dir() with real calls; sys is what the code under test gets. Items are the defaults; the limit
 * is 1 MB; owners stay as they are. */
struct set *set_new(struct sys *sys);
void set_free(struct set *s);

/* stage_open and all contents; files the stage refuses are left out. */
enum err set_stage(struct set *s, const struct set_file *files, size_t n);
/* apply_init and all members, with the hashes of their contents. */
enum err set_members(struct set *s, const struct set_file *files, size_t n);
/* All of it, and apply_step to its end. */
enum step set_run(struct set *s, const struct set_file *files, size_t n);
/* apply_recover, as at the next start: in a fresh stage. */
enum err set_recover(struct set *s, struct error *e);

/* Why a path was refused, E_OK if it was not. */
enum err set_why(const struct set *s, const char *path);

/* Is anything left in a place of staging: .stage, .journal, an item's .picket? */
bool set_is_clean(void);

#endif
