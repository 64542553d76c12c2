/* fs/apply.h - makes a staged set visible: each file old or new, at every instant, also across a power cut.
 *
 * Order: every filesystem with staged files is flushed (syncfs); the journal, which names the set, gets its
 * commit record and is flushed (fsync), and so is the folder with its name; extra files are deleted, staged
 * ones renamed into place, empty folders removed; everything is flushed again (syncfs); the journal is
 * removed and its folder flushed; the stage goes last. apply_recover at the next start finishes a committed
 * set and discards any other.
 *
 * What a power cut or kill may leave, at any instant: each destination holds the whole old or the whole new
 * content, with the new content's mode and owner; before the commit all of them are old; after it, recovery
 * makes all of them new (or tells which it could not). A folder that was made has its owner and mode from the
 * first instant. Once apply_step has answered STEP_DONE the set stays.
 * This rests on what the disk and filesystem promise: that a rename is atomic, and that syncfs and fsync
 * return when the bytes are on the medium. Should they have lied about content, recovery finds out: it
 * applies no staged file whose BLAKE2b is not the journal's. Not promised: that several files change at one
 * instant, or in any order; and a bind-mounted destination file (EBUSY), a destination on another filesystem
 * than its item's folder (EXDEV) and a destination that is a folder are refused, never copied over.
 *
 * apply_open_parent is the only function that opens destinations' folders. */
#ifndef PICKET_FS_APPLY_H
#define PICKET_FS_APPLY_H

#include "fs/apply_journal.h"
#include "fs/manifest_json.h"
#include "fs/stage.h"

/* Why a file could not be applied: for the status and one log line. */
struct apply_refusal {
    void *arg;
    void (*refused)(void *arg, const char *path, const struct error *why);
};

struct apply_report {
    uint32_t created, updated, deleted;
    uint32_t unchanged; /* were already as wanted: an extra file that is not there, a file finished before */
    uint32_t refused;
    uint32_t folders_removed;
    uint64_t bytes; /* of created and updated files */
};

struct apply {
    struct sys *sys;
    int root;
    const struct items *items;
    struct stage *stage;
    struct apply_refusal refusal;
    struct apply_report report;
    struct error error; /* why it failed as a whole */
    struct apply_journal journal;
    uint8_t phase;
    bool recovering;       /* a journal of an earlier process: staged files are verified, or gone already */
    uint32_t put, deleted; /* records of the journal */
    int drain_fd;          /* readable when what is being written out is out; -1: nothing is */
    int drain_child;
    int parent; /* cached folder of the last destination, or -1 */
    char parent_path[PATH_MAX_BYTES];
    size_t parent_len;
    char pruned_path[PATH_MAX_BYTES]; /* folder that was last looked at for removal */
    size_t pruned_len;
    uint32_t used[(FILES_MAX + 31) / 32]; /* bit n: staged file n is in the journal */
};

/* Records that one apply_step handles at most. */
#define APPLY_STEP_RECORDS 256u

/* stage holds the received files (stage_open and what followed). refusal may be NULL. */
void apply_init(struct apply *a, struct stage *stage, const struct apply_refusal *refusal);

/* One member of the received metadata (SECTION_MISSING, _SHARED, _EXTRA; others are ignored): judged,
 * compared with what was staged (item key, presence, hash), and entered in the journal. What is wrong with
 * one file is refused and reported and does not stop the others: E_PATH, E_VALUE (item key, merged, no hash),
 * E_GONE (not received), E_DIGEST, E_DUPLICATE (the same file twice, or to be both written and deleted),
 * E_LIMIT (more than FILES_MAX deletions). Only E_SYS / E_SPACE / E_DENIED on journal or index is returned;
 * it ends the set as apply_abort does (E_CANCELLED for every call after it). */
enum err apply_member(struct apply *a, const struct manifest_member *m, struct error *e);

/* Call until it is STEP_DONE or STEP_FAILED (a->error): flush, commit, delete, rename, clean up, in steps of
 * at most APPLY_STEP_RECORDS files; the flushes are steps of their own. STEP_WAIT: call again
 * when a->drain_fd is readable; so a flush finds little left to do, else it takes as long as the disk does.
 * STEP_DONE: the stage is gone. STEP_FAILED before the commit: nothing was changed, stage and journal are
 * gone. STEP_FAILED after it: stage and journal are kept for apply_recover; a stage_open gives them up. */
enum step apply_step(struct apply *a);

/* Gives the set up before its commit: journal and stage are removed. After the commit it undoes nothing and
 * only closes what is open; the journal stays for apply_recover. */
void apply_abort(struct apply *a);

/* At start, before anything else: finishes a committed journal, discards everything else; runs to its end.
 * stage is fresh from stage_init and is closed afterwards. A journal that is incomplete (E_TRUNCATED),
 * damaged (E_DIGEST) or of another format (E_UNKNOWN) is discarded and told to refusal under its own name.
 * The report says what was done; files that the earlier process had finished count as unchanged. E_OK also
 * when there was nothing to do. E_SYS and its kin: the disk did not let it finish; nothing was discarded, try
 * again. */
enum err apply_recover(struct stage *stage, struct apply_report *report, const struct apply_refusal *refusal,
                       struct error *e);

/* The folder a judged path lies in, opened beneath the root without following links (for *at calls only);
 * made (0770, the stage's owner) when make is true, each level complete before it appears. path is
 * NUL-terminated at len; *name is the last component inside it. The descriptor is cached in a; do not close
 * it. E_GONE when it is not there and make is false; E_PATH when a component is a link or leaves the root. */
enum err apply_open_parent(struct apply *a, const char *path, size_t len, uint8_t item, bool make,
                           int *parent, const char **name, struct error *e);

#endif
