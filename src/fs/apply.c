/* fs/apply.c - takes a staged set through its phases: collected, flushed, committed, deleted, renamed,
 * pruned, settled.
 *
 * What should happen comes from the received metadata (apply_member) or from the journal of an earlier
 * process (apply_recover); both run the same phases, which read nothing but the journal. Deletions go first,
 * so that a folder can take the place of a file; folders go last, so that one whose files are all replaced
 * keeps its owner and mode. Every path is judged twice: when it is entered and, since the journal lay on
 * disk, when it is used. */
#include "fs/apply.h"

#include "src/fs/apply_file.h"

#include <string.h>

enum phase {
    PHASE_COLLECT,
    PHASE_DRAIN,
    PHASE_FLUSH,
    PHASE_COMMIT,
    PHASE_DELETE,
    PHASE_PUT,
    PHASE_PRUNE,
    PHASE_DRAIN_LAST,
    PHASE_SETTLE,
    PHASE_DONE,
    PHASE_FAILED
};

void apply_init(struct apply *a, struct stage *stage, const struct apply_refusal *refusal) {
    memset(a, 0, sizeof *a);
    a->sys = stage->sys;
    a->root = stage->root;
    a->items = stage->items;
    a->stage = stage;
    if (refusal)
        a->refusal = *refusal;
    apply_journal_init(&a->journal, stage->sys);
    a->parent = -1;
    a->drain_fd = -1;
}

static void refuse(struct apply *a, const char *path, const struct error *why) {
    a->report.refused++;
    if (a->refusal.refused)
        a->refusal.refused(a->refusal.arg, path, why);
}

static void end_drain(struct apply *a) {
    if (a->drain_fd >= 0)
        a->sys->resolve_end(a->sys, a->drain_fd, a->drain_child);
    a->drain_fd = -1;
}

static void close_all(struct apply *a) {
    end_drain(a);
    apply_forget_parent(a);
    apply_journal_close(&a->journal);
}

/* ---- the end of a set that is not to be ---- */

static enum step failed(struct apply *a) {
    a->phase = PHASE_FAILED;
    close_all(a);
    return STEP_FAILED;
}

/* Removes the journal, also for after a power cut. E_OK when it is not there. */
static enum err remove_journal(struct apply *a, struct error *e) {
    int r = a->sys->unlinkat(a->sys, a->stage->folder, STAGE_JOURNAL, false);
    if (r == -ENOENT)
        return E_OK;
    if (r == 0)
        r = a->sys->fsync(a->sys, a->stage->folder);
    return r < 0 ? error_os(e, r, "cannot remove the journal of received files") : E_OK;
}

/* Nothing was changed yet. Should the journal not go away, its files must stay too: it may be committed. */
static void give_up(struct apply *a) {
    close_all(a);
    if (a->stage->folder < 0 || remove_journal(a, NULL) == E_OK)
        stage_discard(a->stage);
}

/* ---- collecting ---- */

/* What a file that is to be written must be; its record in *r. */
static enum err judge_put(struct apply *a, const struct manifest_member *m, struct apply_journal_record *r,
                          struct error *e) {
    struct stage_record staged;
    if (m->merged)
        return error_set(e, E_VALUE, 0, "is a merged file, which this version does not have");
    if (!m->has_hash)
        return error_set(e, E_VALUE, 0, "came without a hash");
    enum err code = stage_find(a->stage, m->path, m->path_len, &staged, e);
    if (code != E_OK)
        return code;
    if (memcmp(staged.hash, m->hash, sizeof m->hash) != 0)
        return error_set(e, E_DIGEST, 0, "the content does not match its hash: it changed while it was sent");
    uint32_t bit = 1u << staged.number % 32, *word = &a->used[staged.number / 32];
    if (*word & bit)
        return error_set(e, E_DUPLICATE, 0, "is listed twice");
    *word |= bit;
    a->put++;
    r->what = m->section == SECTION_MISSING ? JOURNAL_CREATE : JOURNAL_UPDATE;
    r->number = staged.number;
    r->size = staged.size;
    memcpy(r->hash, staged.hash, sizeof r->hash);
    return E_OK;
}

static enum err judge_delete(struct apply *a, const struct manifest_member *m, struct apply_journal_record *r,
                             struct error *e) {
    struct stage_record staged;
    enum err code = stage_find(a->stage, m->path, m->path_len, &staged, e);
    if (code == E_OK)
        return error_set(e, E_DUPLICATE, 0, "is to be deleted and came with new content");
    if (code != E_GONE)
        return code;
    if (a->deleted >= FILES_MAX)
        return error_set(e, E_LIMIT, 0, "more than %u files to delete in one set", FILES_MAX);
    a->deleted++;
    r->what = JOURNAL_DELETE;
    return E_OK;
}

static enum err judge_member(struct apply *a, const struct manifest_member *m, struct apply_journal_record *r,
                             struct error *e) {
    uint8_t item;
    enum err code = items_judge(a->items, m->path, m->path_len, &item, e);
    if (code != E_OK)
        return code;
    const char *dir = a->items->item[item].dir;
    if (m->item_key_len != strlen(dir) || memcmp(m->item_key, dir, m->item_key_len) != 0)
        return error_set(e, E_VALUE, 0, "belongs to the item %s, not to the one it was sent for", dir);
    memcpy(r->path, m->path, m->path_len);
    r->path[m->path_len] = 0;
    r->path_len = (uint16_t)m->path_len;
    return m->section == SECTION_EXTRA ? judge_delete(a, m, r, e) : judge_put(a, m, r, e);
}

static bool ends_set(enum err code) {
    return code == E_SYS || code == E_SPACE || code == E_DENIED;
}

enum err apply_member(struct apply *a, const struct manifest_member *m, struct error *e) {
    if (a->phase != PHASE_COLLECT)
        return error_set(e, E_CANCELLED, 0, "the set is complete already");
    if (m->section != SECTION_MISSING && m->section != SECTION_SHARED && m->section != SECTION_EXTRA)
        return E_OK;
    struct apply_journal_record r = {.number = 0};
    struct error why;
    enum err code = judge_member(a, m, &r, &why);
    if (code != E_OK && !ends_set(code)) {
        refuse(a, m->path, &why);
        return E_OK;
    }
    if (code == E_OK && a->journal.fd < 0) {
        code = apply_journal_create(&a->journal, a->stage->folder, &why);
        if (code == E_OK)
            stage_own(a->stage, a->journal.fd);
    }
    if (code == E_OK)
        code = apply_journal_append(&a->journal, &r, &why);
    if (code == E_OK)
        return E_OK;
    a->error = why;
    give_up(a);
    failed(a);
    if (e)
        *e = why;
    return code;
}

/* ---- the phases ---- */

/* Before each flush, and while nobody waits for it: a flush stops the loop for as long as the disk takes,
 * with all that others have written there, too. At a start nobody is kept waiting. */
static enum step phase_drain(struct apply *a) {
    uint8_t byte;
    if (a->drain_fd < 0 && (a->recovering || !stage_drain(a->stage, &a->drain_fd, &a->drain_child))) {
        a->phase++;
        return STEP_AGAIN;
    }
    if (a->sys->read(a->sys, a->drain_fd, &byte, 1) == -EAGAIN)
        return STEP_WAIT;
    end_drain(a);
    a->phase++;
    return STEP_AGAIN;
}

static enum step phase_commit(struct apply *a) {
    enum err code = apply_journal_commit(&a->journal, &a->error);
    if (code == E_OK) {
        int r = a->sys->fsync(a->sys, a->stage->folder);
        if (r < 0)
            code = error_os(&a->error, r, "cannot flush the folder of the journal");
    }
    if (code != E_OK) {
        give_up(a);
        return failed(a);
    }
    a->phase = PHASE_DELETE;
    return STEP_AGAIN;
}

/* Does to one record what its phase is for. */
static void handle(struct apply *a, const struct apply_journal_record *r) {
    bool is_delete = r->what == JOURNAL_DELETE;
    if (is_delete != (a->phase != PHASE_PUT))
        return;
    struct error why;
    uint8_t item;
    enum err code = items_judge(a->items, r->path, r->path_len, &item, &why);
    if (a->phase == PHASE_PRUNE) {
        if (code == E_OK && a->items->item[item].remove_empty)
            apply_prune_above(a, r->path, r->path_len, item);
        return;
    }
    if (code == E_OK)
        code = is_delete ? apply_delete_file(a, r, item, &why) : apply_put_file(a, r, item, &why);
    if (code != E_OK)
        refuse(a, r->path, &why);
}

/* Some records of the journal; at its end the next phase. */
static enum step phase_records(struct apply *a) {
    struct apply_journal_record r;
    for (uint32_t i = 0; i < APPLY_STEP_RECORDS; i++) {
        bool more;
        if (apply_journal_next(&a->journal, &r, &more, &a->error) != E_OK)
            return failed(a);
        if (!more) {
            apply_journal_rewind(&a->journal);
            a->phase++;
            if (a->phase == PHASE_DRAIN_LAST)
                return phase_drain(a);
            return STEP_AGAIN;
        }
        handle(a, &r);
    }
    return STEP_AGAIN;
}

static enum step phase_settle(struct apply *a) {
    enum err code = stage_flush(a->stage, &a->error);
    if (code == E_OK)
        code = remove_journal(a, &a->error);
    if (code != E_OK)
        return failed(a);
    close_all(a);
    stage_discard(a->stage);
    a->phase = PHASE_DONE;
    return STEP_DONE;
}

enum step apply_step(struct apply *a) {
    switch (a->phase) {
    case PHASE_COLLECT:
        if (a->journal.fd < 0) { /* nothing was entered: nothing to do */
            stage_discard(a->stage);
            a->phase = PHASE_DONE;
            return STEP_DONE;
        }
        a->phase = PHASE_DRAIN;
        return phase_drain(a);
    case PHASE_DRAIN:
    case PHASE_DRAIN_LAST:
        return phase_drain(a);
    case PHASE_FLUSH:
        if (stage_flush(a->stage, &a->error) != E_OK) {
            give_up(a);
            return failed(a);
        }
        a->phase = PHASE_COMMIT;
        return STEP_AGAIN;
    case PHASE_COMMIT:
        return phase_commit(a);
    case PHASE_DELETE:
    case PHASE_PUT:
    case PHASE_PRUNE:
        return phase_records(a);
    case PHASE_SETTLE:
        return phase_settle(a);
    default:
        return a->phase == PHASE_DONE ? STEP_DONE : STEP_FAILED;
    }
}

void apply_abort(struct apply *a) {
    if (a->phase < PHASE_DELETE)
        give_up(a);
    close_all(a);
    if (a->phase != PHASE_DONE)
        a->phase = PHASE_FAILED;
    if (a->error.code == E_OK)
        error_set(&a->error, E_CANCELLED, 0, "the set of received files was given up");
}

/* ---- the next start ---- */

/* A journal that will not be applied. */
static enum err discard(struct apply *a, const struct error *why, struct error *e) {
    if (a->refusal.refused)
        a->refusal.refused(a->refusal.arg, "queue/cluster/" STAGE_JOURNAL, why);
    apply_journal_close(&a->journal);
    return remove_journal(a, e);
}

static enum err recover(struct apply *a, struct error *e) {
    struct error why;
    enum err code = apply_journal_open(&a->journal, a->stage->folder, &why);
    if (code == E_GONE)
        return E_OK;
    if (code == E_OK)
        code = apply_journal_check(&a->journal, &why);
    if (code == E_TRUNCATED || code == E_DIGEST || code == E_UNKNOWN)
        return discard(a, &why, e);
    if (code == E_OK) {
        a->phase = PHASE_DELETE;
        a->recovering = true;
        enum step step;
        while ((step = apply_step(a)) == STEP_AGAIN)
            continue;
        if (step == STEP_DONE)
            return E_OK;
        why = a->error;
        code = why.code;
    }
    if (e)
        *e = why;
    return code;
}

/* One struct apply on the stack, about 12 KB: this runs once, at start, from the top. */
enum err apply_recover(struct stage *stage, struct apply_report *report, const struct apply_refusal *refusal,
                       struct error *e) {
    struct apply a;
    apply_init(&a, stage, refusal);
    *report = a.report;
    struct error why;
    enum err code = stage_attach(stage, &why);
    if (code == E_GONE)
        return E_OK; /* no queue/cluster: nothing was ever received */
    if (code != E_OK) {
        if (e)
            *e = why;
        return code;
    }
    code = recover(&a, e);
    close_all(&a);
    if (code == E_OK)
        stage_discard(stage);
    else
        stage_close(stage);
    *report = a.report;
    return code;
}
