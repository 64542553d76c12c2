/* fs/apply_journal.c - writes and reads the journal of a set; knows its bytes, not what they are for.
 *
 * Records come from fs/apply.c and go to one file through a small buffer. Nothing in the file is believed
 * before apply_journal_check has compared its BLAKE2b; paths in it are judged again by whoever uses them. */
#include "fs/apply_journal.h"

#include "base/bytes.h"
#include "fs/stage.h"

#include <string.h>

#define MAGIC "PKTAPPLY"
#define VERSION 1u
#define HEAD_BYTES 16u
#define RECORD_BYTES 80u /* without the path */
#define RECORD_MAX_BYTES (RECORD_BYTES + PATH_MAX_BYTES)
_Static_assert(APPLY_JOURNAL_BUFFER >= RECORD_MAX_BYTES, "a record fits the journal's buffer");

void apply_journal_init(struct apply_journal *j, struct sys *sys) {
    memset(j, 0, offsetof(struct apply_journal, buf));
    j->sys = sys;
    j->fd = -1;
}

void apply_journal_close(struct apply_journal *j) {
    if (j->fd >= 0)
        j->sys->close(j->sys, j->fd);
    j->fd = -1;
}

static enum err sys_error(struct error *e, ptrdiff_t r, const char *what) {
    return error_os(e, r, "cannot %s the journal of received files", what);
}

/* ---- writing ---- */

static enum err flush(struct apply_journal *j, struct error *e) {
    for (uint32_t done = 0; done < j->fill;) {
        ptrdiff_t n = j->sys->pwrite(j->sys, j->fd, j->buf + done, j->fill - done, j->buf_at + done);
        if (n <= 0)
            return sys_error(e, n < 0 ? n : -EIO, "write");
        done += (uint32_t)n;
    }
    j->buf_at += j->fill;
    j->fill = 0;
    return E_OK;
}

/* Puts n bytes, at most RECORD_MAX_BYTES, at the end. */
static enum err put(struct apply_journal *j, const uint8_t *bytes, size_t n, struct error *e) {
    if (j->fill + n > sizeof j->buf) {
        enum err code = flush(j, e);
        if (code != E_OK)
            return code;
    }
    memcpy(j->buf + j->fill, bytes, n);
    j->fill += (uint32_t)n;
    j->bytes += n;
    blake2b_push(&j->hash, bytes, n);
    return E_OK;
}

enum err apply_journal_create(struct apply_journal *j, int folder, struct error *e) {
    uint8_t head[HEAD_BYTES] = {0};
    int fd = j->sys->openat(j->sys, folder, STAGE_JOURNAL, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            0600);
    if (fd < 0)
        return sys_error(e, fd, "make");
    j->fd = fd;
    j->committed = false;
    j->count = j->fill = 0;
    j->bytes = j->buf_at = 0;
    blake2b_init(&j->hash, BLAKE2B_BYTES);
    memcpy(head, MAGIC, 8);
    be32_store(head + 8, VERSION);
    return put(j, head, sizeof head, e);
}

static size_t record_write(uint8_t out[RECORD_MAX_BYTES], const struct apply_journal_record *r) {
    out[0] = (uint8_t)r->what;
    out[1] = 0;
    out[2] = (uint8_t)(r->path_len >> 8);
    out[3] = (uint8_t)r->path_len;
    be32_store(out + 4, r->number);
    be64_store(out + 8, r->size);
    memcpy(out + 16, r->hash, BLAKE2B_BYTES);
    memcpy(out + RECORD_BYTES, r->path, r->path_len);
    return RECORD_BYTES + r->path_len;
}

enum err apply_journal_append(struct apply_journal *j, const struct apply_journal_record *r,
                              struct error *e) {
    uint8_t bytes[RECORD_MAX_BYTES];
    j->count++;
    return put(j, bytes, record_write(bytes, r), e);
}

enum err apply_journal_commit(struct apply_journal *j, struct error *e) {
    uint8_t bytes[RECORD_MAX_BYTES];
    struct apply_journal_record r = {.what = JOURNAL_COMMIT, .number = j->count, .size = j->bytes};
    struct blake2b before = j->hash;
    blake2b_finish(&before, r.hash);
    enum err code = put(j, bytes, record_write(bytes, &r), e);
    if (code == E_OK)
        code = flush(j, e);
    if (code != E_OK)
        return code;
    int done = j->sys->fsync(j->sys, j->fd);
    if (done < 0)
        return sys_error(e, done, "flush");
    j->committed = true;
    j->bytes = r.size;
    apply_journal_rewind(j);
    return E_OK;
}

/* ---- reading ---- */

enum err apply_journal_open(struct apply_journal *j, int folder, struct error *e) {
    int fd = j->sys->open_beneath(j->sys, folder, STAGE_JOURNAL, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return sys_error(e, fd, "open");
    j->fd = fd;
    apply_journal_rewind(j);
    return E_OK;
}

void apply_journal_rewind(struct apply_journal *j) {
    j->at = HEAD_BYTES;
    j->buf_at = 0;
    j->fill = 0;
}

/* Makes the n bytes at j->at lie in the buffer: *have of them, fewer only at the end of the file. */
static enum err need_bytes(struct apply_journal *j, size_t n, const uint8_t **bytes, size_t *have,
                           struct error *e) {
    if (j->at < j->buf_at || j->at + n > j->buf_at + j->fill) {
        j->buf_at = j->at;
        j->fill = 0;
        while (j->fill < n) {
            ptrdiff_t got =
                j->sys->pread(j->sys, j->fd, j->buf + j->fill, sizeof j->buf - j->fill, j->buf_at + j->fill);
            if (got < 0)
                return sys_error(e, got, "read");
            if (got == 0)
                break;
            j->fill += (uint32_t)got;
        }
    }
    *bytes = j->buf + (j->at - j->buf_at);
    *have = min_size(n, (size_t)(j->buf_at + j->fill - j->at));
    return E_OK;
}

static enum err not_committed(struct error *e) {
    return error_set(e, E_TRUNCATED, 0, "the journal of received files has no end: the set was not complete");
}

/* Reads the record at j->at and goes behind it; its bytes stay in the buffer until the next call. */
static enum err record_read(struct apply_journal *j, struct apply_journal_record *r, const uint8_t **bytes,
                            struct error *e) {
    size_t have;
    enum err code = need_bytes(j, RECORD_BYTES, bytes, &have, e);
    if (code != E_OK)
        return code;
    if (have < RECORD_BYTES)
        return not_committed(e);
    const uint8_t *p = *bytes;
    unsigned path_len = (unsigned)p[2] << 8 | p[3];
    bool commit = p[0] == JOURNAL_COMMIT;
    if (p[0] < JOURNAL_CREATE || p[0] > JOURNAL_COMMIT || p[1] != 0 || path_len >= PATH_MAX_BYTES ||
        (path_len == 0) != commit)
        return error_set(e, E_DIGEST, 0, "the journal of received files is damaged at byte %llu",
                         (unsigned long long)j->at);
    code = need_bytes(j, RECORD_BYTES + path_len, bytes, &have, e);
    if (code != E_OK)
        return code;
    if (have < RECORD_BYTES + path_len)
        return not_committed(e);
    p = *bytes;
    r->what = (enum apply_journal_what)p[0];
    r->path_len = (uint16_t)path_len;
    r->number = be32_load(p + 4);
    r->size = be64_load(p + 8);
    memcpy(r->hash, p + 16, BLAKE2B_BYTES);
    memcpy(r->path, p + RECORD_BYTES, path_len);
    r->path[path_len] = 0;
    j->at += RECORD_BYTES + path_len;
    return E_OK;
}

static enum err check_head(struct apply_journal *j, struct error *e) {
    const uint8_t *head;
    size_t have;
    j->at = 0;
    enum err code = need_bytes(j, HEAD_BYTES, &head, &have, e);
    if (code != E_OK)
        return code;
    if (have < HEAD_BYTES)
        return not_committed(e);
    if (memcmp(head, MAGIC, 8) != 0 || be32_load(head + 8) != VERSION || be32_load(head + 12) != 0)
        return error_set(e, E_UNKNOWN, 0, "the journal of received files is of another format");
    blake2b_init(&j->hash, BLAKE2B_BYTES);
    blake2b_push(&j->hash, head, HEAD_BYTES);
    j->at = HEAD_BYTES;
    return E_OK;
}

/* The commit record against what came before it, and nothing behind it. */
static enum err check_commit(struct apply_journal *j, const struct apply_journal_record *r, struct error *e) {
    uint8_t hash[BLAKE2B_BYTES];
    const uint8_t *rest;
    size_t have;
    blake2b_finish(&j->hash, hash);
    uint64_t start = j->at - RECORD_BYTES;
    enum err code = need_bytes(j, 1, &rest, &have, e);
    if (code != E_OK)
        return code;
    if (have != 0 || r->number != j->count || r->size != start || memcmp(hash, r->hash, sizeof hash) != 0)
        return error_set(e, E_DIGEST, 0, "the journal of received files does not match its checksum");
    j->committed = true;
    j->bytes = start;
    apply_journal_rewind(j);
    return E_OK;
}

enum err apply_journal_check(struct apply_journal *j, struct error *e) {
    struct apply_journal_record r;
    enum err code = check_head(j, e);
    for (j->count = 0; code == E_OK; j->count++) {
        const uint8_t *bytes;
        code = record_read(j, &r, &bytes, e);
        if (code == E_OK && r.what == JOURNAL_COMMIT)
            return check_commit(j, &r, e);
        if (code == E_OK)
            blake2b_push(&j->hash, bytes, RECORD_BYTES + r.path_len);
    }
    return code;
}

enum err apply_journal_next(struct apply_journal *j, struct apply_journal_record *r, bool *more,
                            struct error *e) {
    const uint8_t *bytes;
    *more = j->at < j->bytes;
    return *more ? record_read(j, r, &bytes, e) : E_OK;
}
