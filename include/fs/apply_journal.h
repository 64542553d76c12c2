/* fs/apply_journal.h - the file queue/cluster/.journal: what fs/apply.h is about to do, so that the next
 * start can finish it.
 *
 * Format, numbers big-endian: a head of 16 bytes ("PKTAPPLY", u32 version, u32 0); records of 80 bytes (u8
 * what, u8 0, u16 path bytes, u32 staged number, u64 size, 64 bytes BLAKE2b of the content) and their path;
 * last the commit, a record without path whose number is the count of records, whose size is the offset it
 * lies at, and whose hash is the BLAKE2b of every byte before it. A file without exactly that end is not
 * committed.
 *
 * Written through a buffer from start to end, then read from start to end as often as needed. */
#ifndef PICKET_FS_APPLY_JOURNAL_H
#define PICKET_FS_APPLY_JOURNAL_H

#include "base/err.h"
#include "crypto/blake2b.h"
#include "limits.h"
#include "sys/sys.h"

#define APPLY_JOURNAL_BUFFER 4096u

enum apply_journal_what { JOURNAL_CREATE = 1, JOURNAL_UPDATE, JOURNAL_DELETE, JOURNAL_COMMIT };

struct apply_journal_record {
    enum apply_journal_what what;
    uint32_t number;             /* of the staged file; 0 for a deletion */
    uint64_t size;               /* of it, bytes */
    uint8_t hash[BLAKE2B_BYTES]; /* of its content; zeros for a deletion */
    uint16_t path_len;
    char path[PATH_MAX_BYTES]; /* NUL-terminated */
};

struct apply_journal {
    struct sys *sys;
    int fd;         /* -1: not open */
    bool committed; /* written to its end, or found complete by apply_journal_check */
    uint32_t count; /* records, the commit not counted */
    uint64_t bytes; /* written so far, buffer included; while reading, the offset of the commit */
    uint64_t at;    /* offset of the next record to read */
    struct blake2b hash;
    uint64_t buf_at; /* offset of buf[0] in the file */
    uint32_t fill;   /* bytes in buf */
    uint8_t buf[APPLY_JOURNAL_BUFFER];
};

void apply_journal_init(struct apply_journal *j, struct sys *sys);

/* Makes the file in a folder (queue/cluster); one that is there already is E_SYS. */
enum err apply_journal_create(struct apply_journal *j, int folder, struct error *e);
/* Appends; what and path must be valid. E_SYS, E_SPACE: the journal is useless afterwards. */
enum err apply_journal_append(struct apply_journal *j, const struct apply_journal_record *r, struct error *e);
/* Writes the commit record and flushes the file; its name is not flushed. On an error nobody knows whether it
 * is committed. */
enum err apply_journal_commit(struct apply_journal *j, struct error *e);

/* Opens the file an earlier process left: E_GONE when there is none. */
enum err apply_journal_open(struct apply_journal *j, int folder, struct error *e);
/* Reads all of it and decides: E_OK it is committed and can be read; E_UNKNOWN another format or version;
 * E_TRUNCATED no commit at its end; E_DIGEST damaged; E_SYS it cannot be read. */
enum err apply_journal_check(struct apply_journal *j, struct error *e);

/* Reading a committed journal: from the start, record by record; *more is false at the end. E_SYS. */
void apply_journal_rewind(struct apply_journal *j);
enum err apply_journal_next(struct apply_journal *j, struct apply_journal_record *r, bool *more,
                            struct error *e);

/* Closes the file; safe to call at any time after init. */
void apply_journal_close(struct apply_journal *j);

#endif
