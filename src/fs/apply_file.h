/* src/fs/apply_file.h - what apply.c does to single destinations; its own, not a contract for others. */
#ifndef PICKET_SRC_FS_APPLY_FILE_H
#define PICKET_SRC_FS_APPLY_FILE_H

#include "fs/apply.h"

/* Each handles one journal record whose path was just judged to lie in item, counts it in a->report, or says
 * why the file is refused. */
enum err apply_delete_file(struct apply *a, const struct apply_journal_record *r, uint8_t item,
                           struct error *e);
enum err apply_put_file(struct apply *a, const struct apply_journal_record *r, uint8_t item, struct error *e);

/* Removes the folder that a path lies in, and those above it, as long as nothing but excluded files is left
 * in them; never the folder of an item. */
void apply_prune_above(struct apply *a, const char *path, size_t len, uint8_t item);

/* Closes the cached folder. */
void apply_forget_parent(struct apply *a);

#endif
