/* fs/apply.h - makes a staged set visible: each file old or new, at every instant, also across a power cut.
 *
 * Order (architecture, section 5): staged files are flushed; a journal that names the set is written and
 * flushed, its last record with a checksum being the commit; files are renamed into place, extra ones
 * deleted, folders flushed; the journal goes last. apply_recover at the next start finishes a committed set
 * and discards any other. apply_open_parent is the only function that opens destinations. */
#ifndef PICKET_FS_APPLY_H
#define PICKET_FS_APPLY_H

#include "fs/manifest_json.h"
#include "fs/stage.h"

/* Why a file could not be applied: for the status and one log line. */
struct apply_refusal {
    void *arg;
    void (*refused)(void *arg, const char *path, const struct error *why);
};

struct apply_report {
    uint32_t created, updated, deleted, unchanged, refused, folders_removed;
    uint64_t bytes;
};

struct apply {
    struct sys *sys;
    int root;
    const struct items *items;
    struct stage *stage;
    struct apply_refusal refusal;
    struct apply_report report;
    struct error error; /* why it failed as a whole */
    int journal;        /* queue/cluster/.journal, or -1 */
    uint64_t journal_bytes, journal_at;
    struct blake2b journal_hash;
    uint8_t phase;
    uint32_t records;
    int parent; /* cached folder of the last destination, or -1 */
    char parent_path[PATH_MAX_BYTES];
    size_t parent_len;
};

/* stage holds the received files. */
void apply_init(struct apply *a, struct stage *stage, const struct apply_refusal *refusal);

/* One member of the received metadata (SECTION_MISSING, _SHARED, _EXTRA; others are ignored): judged,
 * compared with what was staged (item key, presence, hash), and entered in the journal. What is wrong with
 * one file is refused and reported and does not stop the others; only E_SYS / E_SPACE on the journal ends the
 * set. */
enum err apply_member(struct apply *a, const struct manifest_member *m, struct error *e);

/* Call until it is STEP_DONE or STEP_FAILED (a->error): flush, commit, rename, delete, clean up, in bounded
 * steps. */
enum step apply_step(struct apply *a);

/* Gives the set up before its commit: journal and stage are removed. After the commit it does nothing. */
void apply_abort(struct apply *a);

/* At start, before anything else: finishes a committed journal, discards everything else. The report says
 * what was done. Runs to its end. */
enum err apply_recover(struct stage *stage, struct apply_report *report, const struct apply_refusal *refusal,
                       struct error *e);

/* The folder a judged path lies in, opened beneath the root without following links, made (0770) when make is
 * true; *name is the last component inside path. The descriptor is cached in a; do not close it. */
enum err apply_open_parent(struct apply *a, const char *path, size_t len, uint8_t item, bool make,
                           int *parent, const char **name, struct error *e);

#endif
