/* store/store.h - the agent database as the cluster's tasks see it: a few kinds of work, done in the
 * background by whatever keeps the agents - the embedded store (store/embedded.h) or a real wazuh-db
 * (role/wdb_client.h).
 *
 * A job is embedded in its asker. It is submitted, runs in steps of the loop, and ends with exactly one call
 * of done, never from inside store_submit. Jobs run one after the other, in the order they came. */
#ifndef PICKET_STORE_STORE_H
#define PICKET_STORE_STORE_H

#include "base/blob.h"
#include "base/text.h"

#include <stdbool.h>

enum store_work {
    /* Worker. Appends the whole string of syn_a_w_m (reference, section 6) to blob: the rows the master does
     * not know yet, in the shape of the dialect. parts: chunks (E) or agents (F); 0: there is nothing, blob
     * stays empty. */
    STORE_INFO_READ,
    /* Worker. The master has confirmed the string in blob: its rows count as synchronised, unless they have
     * changed since. A store that marks on reading has nothing to do here. */
    STORE_INFO_CONFIRM,
    /* Worker. The string in blob will not be confirmed: it is dropped. A store that marks on reading cannot
     * take it back, so its asker keeps the blob and sends it again (marks_on_reading). */
    STORE_INFO_RELEASE,
    /* Master. Applies the whole string in blob. parts: chunks updated (E), or top-level members (F), as the
     * reply syn_m_a_e counts them; refusals are in errors. Nothing is applied of a string that is not
     * well-formed. */
    STORE_INFO_WRITE,
    /* Master. Appends the whole string of syn_g_m_w to blob: rows that changed, and the global hash. parts:
     * agents told. Never empty, as the hash is always there. */
    STORE_GROUPS_READ,
    /* Master. The same of all rows, without hash: the string of syn_g_m_w_c. Without any agent it has one
     * chunk with an empty list, as a real worker cannot do with no chunk at all. */
    STORE_GROUPS_READ_ALL,
    /* Master. The string of the last STORE_GROUPS_READ is kept for all workers. (A store that marks on
     * reading has nothing to do.) */
    STORE_GROUPS_TOLD,
    /* Worker. Applies the whole string in blob; hash is what its last chunk says (has_hash). */
    STORE_GROUPS_WRITE,
    /* Either. The global hash: has_hash false when it is null (no agent has a group). */
    STORE_GROUPS_HASH,
    /* Either. All group hashes are counted anew (4.8 and later do so around a full synchronisation). */
    STORE_GROUPS_RECALCULATE,
    /* Either. One wazuh-db command in text (text_n bytes, NUL-terminated, the asker's until done, may be
     * written in); the reply, "ok ...", "due ..." or "err ...", is in reply during done. */
    STORE_TEXT
};

struct store;

struct store_job {
    enum store_work work;
    struct blob *blob; /* the asker's until done; same pools as session_shared's */
    char *text;
    size_t text_n;
    void (*done)(void *arg, struct store_job *j);
    void *arg;
    /* results */
    enum err err; /* E_OK, or why the whole job failed; what was applied before stays applied */
    struct error why;
    uint32_t parts, parts_in_all; /* of a WRITE: chunks that went in, chunks there were; parts_in_all of
                                   * a GROUPS_READ: chunks in the string */
    uint64_t rows;                /* agents read or written */
    bool has_hash;
    char hash[41];
    uint32_t error_count; /* of a WRITE: chunks that were refused */
    char errors[768];     /* the first of them, as a JSON array of strings ("[]" if none), for syn_m_a_e */
    const char *reply;    /* STORE_TEXT */
    size_t reply_n;
    /* the store's */
    struct store_job *next;
    bool queued;
    uint32_t errors_listed; /* of error_count: those with an entry of their own in errors */
};

struct store_ops {
    void (*submit)(struct store *s, struct store_job *j);
    /* The asker goes away: done will not be called. A job in the middle is ended in good order. */
    void (*cancel)(struct store *s, struct store_job *j);
};

struct store {
    const struct store_ops *ops;
    const char *kind;      /* "embedded" or "wazuh-db", for the status */
    bool marks_on_reading; /* a real wazuh-db: what was read and not confirmed must be kept by the asker */
    bool down;             /* a real wazuh-db that does not answer */
    uint64_t failures;     /* jobs that failed */
    uint64_t changes;      /* moves when the rows may have changed */
    char why[160];         /* of down */
};

/* ---- for stores ---- */

/* Empties the results of a job that begins. */
void store_job_begin(struct store_job *j);
/* One more chunk was refused, and why: counted, and listed in errors as far as there is room; a long text is
 * cut. */
void store_job_refused(struct store_job *j, const char *why);
/* The results are complete: a last entry of errors says how many more there are than are listed. */
void store_job_end(struct store_job *j);

/* ---- for who asks ---- */

static inline void store_submit(struct store *s, struct store_job *j) {
    s->ops->submit(s, j);
}
static inline void store_cancel(struct store *s, struct store_job *j) {
    s->ops->cancel(s, j);
}

#endif
