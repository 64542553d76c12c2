/* embedded.c - the jobs of a store on the embedded database, in slices: each step reads or writes a bounded
 * number of rows in a transaction of its own, for between two steps the commands of other programs come to
 * the same database. Rows are store/agents.h's affair, strings store/strings.h's; here they meet.
 *
 * A job that fails rolls its slice back, says why, and the next job begins. */
#include "store/embedded.h"

#include <string.h>

#define PIECES_PER_SLICE 8u /* of a string, 16 KB each, in one step that writes little or nothing */

/* ---- jobs come and go ---- */

static void submit(struct store *s, struct store_job *j) {
    struct embedded *b = (struct embedded *)s;
    if (b->closing || j->queued)
        return;
    j->queued = true;
    j->next = NULL;
    if (b->last)
        b->last->next = j;
    else
        b->first = j;
    b->last = j;
    b->wake(b->wake_arg);
}

static void stop_reading(struct embedded *b) {
    if (b->reading)
        agents_read_end(&b->agents);
    b->reading = false;
}

static bool is_read(const struct store_job *j) {
    return j->work == STORE_INFO_READ || j->work == STORE_GROUPS_READ || j->work == STORE_GROUPS_READ_ALL;
}

/* No transaction is open here. */
static void cancel(struct store *s, struct store_job *j) {
    struct embedded *b = (struct embedded *)s;
    struct store_job **at = &b->first, *before = NULL;
    if (!j->queued)
        return;
    j->queued = false;
    if (b->running == j) {
        b->running = NULL;
        if (j->work == STORE_INFO_READ || j->work == STORE_INFO_CONFIRM)
            stop_reading(b);
        return;
    }
    while (*at != j) {
        before = *at;
        at = &before->next;
    }
    *at = j->next;
    if (b->last == j)
        b->last = before;
}

static const struct store_ops ops = {.submit = submit, .cancel = cancel};

/* e: why it failed; E_OK: it did not. */
static void finish(struct embedded *b, const struct error *e) {
    struct store_job *j = b->running;
    b->running = NULL;
    store_job_end(j);
    if (e->code != E_OK) {
        j->err = e->code;
        j->why = *e;
        b->store.failures++;
        if (is_read(j))
            blob_reset(j->blob);
        if (j->work == STORE_INFO_READ || j->work == STORE_INFO_CONFIRM)
            stop_reading(b);
    }
    b->store.changes = b->agents.changes;
    j->queued = false;
    j->done(j->arg, j); /* the last thing: j may be gone, or submitted again */
}

/* ---- reading: one chunk a step. STEP_DONE, STEP_AGAIN, or STEP_FAILED and *e ---- */

static enum string_kind kind_of(const struct embedded *b) {
    switch (b->running->work) {
    case STORE_INFO_READ:
    case STORE_INFO_CONFIRM:
    case STORE_INFO_WRITE:
        return b->info_http ? STRING_INFO_LISTS : STRING_INFO_TEXT;
    default:
        return STRING_GROUPS;
    }
}

/* The chunk just read goes into the string. */
static enum err append(struct embedded *b, struct error *e) {
    struct store_job *j = b->running;
    enum string_kind kind = kind_of(b);
    enum err err = b->first_chunk ? string_begin(j->blob, kind, e) : E_OK;
    if (err == E_OK && kind == STRING_INFO_LISTS)
        err = blob_append(j->blob, (const uint8_t *)b->chunk.buf, b->chunk.len, e);
    else if (err == E_OK)
        err = string_chunk(j->blob, b->chunk.buf, b->chunk.len, b->first_chunk, e);
    b->first_chunk = false;
    j->parts_in_all++;
    return err;
}

static enum step read_info(struct embedded *b, struct error *e) {
    struct store_job *j = b->running;
    uint64_t rows = b->read.rows;
    bool done;
    text_init(&b->chunk, b->texts->reply, WDB_REPLY_MOST + 1);
    enum err err =
        (b->info_http ? agents_read_lists : agents_read_chunk)(&b->agents, &b->read, &b->chunk, &done, e);
    bool says = b->info_http ? !done || b->read.rows : b->read.rows > rows;
    if (err == E_OK && says)
        err = append(b, e);
    if (err != E_OK)
        return STEP_FAILED;
    if (!done)
        return STEP_AGAIN;
    j->rows = b->read.rows;
    if (!j->rows) { /* nothing that the master does not know */
        blob_reset(j->blob);
        stop_reading(b);
        j->parts_in_all = 0;
        return STEP_DONE;
    }
    j->parts = b->info_http ? (uint32_t)j->rows : j->parts_in_all;
    return string_end(j->blob, kind_of(b), e) == E_OK ? STEP_DONE : STEP_FAILED;
}

static void groups_hash(struct embedded *b) {
    struct store_job *j = b->running;
    j->has_hash = !b->agents.hash_is_null;
    memcpy(j->hash, j->has_hash ? b->agents.hash : "", j->has_hash ? sizeof j->hash : 1);
}

static enum step read_groups(struct embedded *b, struct agents_groups_read *r, struct error *e) {
    struct store_job *j = b->running;
    uint64_t rows = r->rows;
    bool more;
    text_init(&b->chunk, b->texts->reply, WDB_REPLY_MOST + 1);
    enum err err = agents_groups_chunk(&b->agents, r, &b->chunk, &more, e);
    /* A chunk that says nothing is left out, as Wazuh does; but a real worker needs one. */
    if (err == E_OK && (r->rows > rows || r->with_hash || b->first_chunk))
        err = append(b, e);
    if (err == E_OK && !more && r->with_hash)
        err = agents_global_hash(&b->agents, e);
    if (err != E_OK)
        return STEP_FAILED;
    if (more)
        return STEP_AGAIN;
    j->rows = r->rows;
    j->parts = (uint32_t)r->rows;
    if (r->with_hash)
        groups_hash(b);
    if (string_end(j->blob, STRING_GROUPS, e) != E_OK)
        return STEP_FAILED;
    b->groups_read = b->groups_read || r == &b->groups;
    return STEP_DONE;
}

/* ---- writing: a slice of a string ---- */

/* What is one chunk's own fault, or a row's for which there is no place. Anything else is the database's, and
 * ends the job. */
static bool is_refusal(const struct embedded *b, enum err err) {
    if (err == E_POOL)
        return b->agents.count >= b->agents.limit;
    return err == E_VALUE || err == E_LIMIT || err == E_GONE || err == E_UNKNOWN || err == E_DUPLICATE;
}

/* In the words of Wazuh's own exception; one a chunk. */
static void refuse(struct embedded *b, const struct error *e) {
    char words[ERROR_WHAT_BYTES + 80];
    struct text t;
    if (b->chunk_refused)
        return;
    text_init(&t, words, sizeof words);
    text_format(&t, "Error 2003 - Error in wazuhdb request: %s", e->what);
    store_job_refused(b->running, words);
    b->chunk_refused = true;
}

static enum err confirm_row(struct embedded *b, struct error *e) {
    const struct json_doc *d = &b->reader.doc;
    size_t id = json_find(d, 0, "id");
    uint64_t value;
    if (!id || !json_get_uint(d, id, INT64_MAX, &value))
        return E_OK; /* not one of ours */
    return agents_confirm(&b->agents, (int64_t)value, (enum sync_status)b->reader.list, e);
}

static enum err write_row(struct embedded *b, struct error *e) {
    struct strings_reader *r = &b->reader;
    bool known = true;
    enum err err;
    switch (b->running->work) {
    case STORE_INFO_CONFIRM:
        return confirm_row(b, e);
    case STORE_INFO_WRITE:
        err = agents_apply(&b->agents, (enum sync_status)r->list, &r->doc, 0, &known, e);
        break;
    default:
        err = agents_apply_groups(&b->agents, GROUPS_OVERRIDE, false, &r->doc, 0, e);
        break;
    }
    b->running->rows += err == E_OK && known;
    if (!is_refusal(b, err))
        return err;
    refuse(b, e);
    return E_OK;
}

static void chunk_end(struct embedded *b) {
    if (b->reader.chunk_bad)
        refuse(b, &b->reader.chunk_why);
    b->chunk_refused = false;
}

static void written(struct embedded *b) {
    struct store_job *j = b->running;
    j->parts_in_all = b->reader.chunk;
    j->parts = j->error_count < j->parts_in_all ? j->parts_in_all - j->error_count : 0;
    if (j->work == STORE_GROUPS_WRITE) {
        j->has_hash = b->reader.has_hash;
        memcpy(j->hash, j->has_hash ? b->reader.hash : "", j->has_hash ? sizeof j->hash : 1);
    }
    if (j->work == STORE_INFO_CONFIRM)
        stop_reading(b);
}

/* The first pass: nothing is applied of a string that is not whole and well-formed. */
static enum step check_string(struct embedded *b, struct error *e) {
    enum string_event event;
    for (unsigned pieces = 0; pieces < PIECES_PER_SLICE;) {
        if (strings_reader_next(&b->reader, &event, e) != E_OK)
            return STEP_FAILED;
        if (event == STRING_END) {
            b->checked = true;
            strings_reader_init(&b->reader, kind_of(b), true, b->running->blob, b->texts);
            return STEP_AGAIN;
        }
        pieces += event == STRING_MORE;
    }
    return STEP_AGAIN;
}

/* What one transaction does. */
static enum step apply_slice(struct embedded *b, struct error *e) {
    enum string_event event;
    for (unsigned rows = 0, pieces = 0; rows < EMBEDDED_SLICE_ROWS && pieces < PIECES_PER_SLICE;) {
        if (strings_reader_next(&b->reader, &event, e) != E_OK)
            return STEP_FAILED;
        if (event == STRING_AGENT && write_row(b, e) != E_OK)
            return STEP_FAILED;
        rows += event == STRING_AGENT;
        pieces += event == STRING_MORE;
        if (event == STRING_CHUNK_END)
            chunk_end(b);
        if (event == STRING_END)
            return STEP_DONE;
    }
    return STEP_AGAIN;
}

static enum step write_string(struct embedded *b, struct error *e) {
    if (!b->checked)
        return check_string(b, e);
    enum err err = db_begin_alone(&b->db, e);
    /* Somebody looks at the file with sqlite3, or copies it. What a job would write is told only once: a real
     * node has marked it as told. */
    if (err)
        return err == E_AGAIN && b->locked++ < EMBEDDED_LOCKED_MOST ? STEP_WAIT : STEP_FAILED;
    b->locked = 0;
    enum step step = apply_slice(b, e);
    if (step == STEP_FAILED) {
        db_rollback(&b->db);
        return step;
    }
    if (db_commit(&b->db, e) != E_OK)
        return STEP_FAILED;
    if (step == STEP_DONE)
        written(b);
    return step;
}

/* ---- one step of whatever it is ---- */

static enum step outcome(enum err err) {
    return err == E_OK ? STEP_DONE : STEP_FAILED;
}

static void begin(struct embedded *b) {
    struct store_job *j = b->running;
    store_job_begin(j);
    b->first_chunk = true;
    b->checked = false;
    b->chunk_refused = false;
    b->locked = 0;
    switch (j->work) {
    case STORE_INFO_READ:
        stop_reading(b); /* a batch that was neither confirmed nor released is told again */
        agents_read_begin(&b->agents, &b->read);
        b->reading = true;
        break;
    case STORE_INFO_CONFIRM:
        b->checked = true; /* the string is our own */
        strings_reader_init(&b->reader, kind_of(b), true, j->blob, b->texts);
        break;
    case STORE_INFO_WRITE:
    case STORE_GROUPS_WRITE:
        strings_reader_init(&b->reader, kind_of(b), false, j->blob, b->texts);
        break;
    case STORE_GROUPS_READ:
        b->groups = (struct agents_groups_read){.pending = true, .named = b->groups_named, .with_hash = true};
        b->groups_read = false;
        break;
    case STORE_GROUPS_READ_ALL:
        b->all_groups = (struct agents_groups_read){.named = b->groups_named, .once = true};
        break;
    default:
        break;
    }
}

static enum step tell(struct embedded *b, struct error *e) {
    if (!b->groups_read)
        return STEP_DONE;
    enum err err = agents_groups_told(&b->agents, &b->groups, e);
    b->groups_read = err == E_OK && b->agents.groups_watching;
    return b->groups_read ? STEP_AGAIN : outcome(err);
}

static enum step hash(struct embedded *b, struct error *e) {
    if (agents_global_hash(&b->agents, e) != E_OK)
        return STEP_FAILED;
    groups_hash(b);
    return STEP_DONE;
}

static enum step answer_text(struct embedded *b) {
    struct store_job *j = b->running;
    text_init(&b->chunk, b->texts->reply, WDB_TEXT_BYTES);
    wdb_global(&b->global, j->text, j->text_n, &b->chunk);
    j->reply = b->chunk.buf;
    j->reply_n = b->chunk.len;
    return STEP_DONE;
}

static enum step go_on(struct embedded *b, struct error *e) {
    switch (b->running->work) {
    case STORE_INFO_READ:
        return read_info(b, e);
    case STORE_INFO_CONFIRM: /* of a batch that is not watched any more it is not known what changed */
        return b->reading ? write_string(b, e) : STEP_DONE;
    case STORE_INFO_RELEASE:
        stop_reading(b);
        return STEP_DONE;
    case STORE_INFO_WRITE:
    case STORE_GROUPS_WRITE:
        return write_string(b, e);
    case STORE_GROUPS_READ:
        return read_groups(b, &b->groups, e);
    case STORE_GROUPS_READ_ALL:
        return read_groups(b, &b->all_groups, e);
    case STORE_GROUPS_TOLD:
        return tell(b, e);
    case STORE_GROUPS_HASH:
        return hash(b, e);
    case STORE_GROUPS_RECALCULATE:
        return outcome(agents_recalculate_hashes(&b->agents, e));
    case STORE_TEXT:
        return answer_text(b);
    }
    return STEP_DONE;
}

enum step embedded_step(struct embedded *b) {
    struct error e = {.code = E_OK};
    if (!b->running) {
        if (!b->first)
            return STEP_WAIT;
        b->running = b->first;
        b->first = b->first->next;
        if (!b->first)
            b->last = NULL;
        begin(b);
    }
    enum step step = go_on(b, &e);
    if (step == STEP_WAIT)
        return step;
    if (step == STEP_DONE)
        e.code = E_OK; /* words of a refusal may be left in it */
    if (step != STEP_AGAIN)
        finish(b, &e);
    b->store.changes = b->agents.changes;
    return b->running || b->first ? STEP_AGAIN : STEP_WAIT;
}

/* ---- open, close ---- */

enum err embedded_open(struct embedded *b, const struct embedded_setup *setup, struct error *e) {
    memset(b, 0, sizeof *b);
    b->store = (struct store){.ops = &ops, .kind = "embedded"};
    b->texts = setup->texts;
    b->log = setup->log;
    b->info_http = setup->info_http;
    b->groups_named = setup->groups_named;
    b->wake = setup->wake;
    b->wake_arg = setup->wake_arg;
    enum err err = db_open(&b->db, setup->sys, setup->root, setup->uid, setup->gid, setup->log, e);
    if (err == E_OK)
        err = agents_open(&b->agents, &b->db, setup->sys, setup->is_worker, AGENTS_MAX, e);
    if (err != E_OK) {
        db_close(&b->db);
        return err;
    }
    wdb_global_init(&b->global, &b->agents, setup->texts, setup->log);
    b->store.changes = b->agents.changes;
    return E_OK;
}

void embedded_close(struct embedded *b) {
    struct error e;
    error_set(&e, E_CLOSED, 0, "the node stops");
    b->closing = true;
    if (b->running)
        finish(b, &e);
    while (b->first) {
        b->running = b->first;
        b->first = b->first->next;
        store_job_begin(b->running);
        finish(b, &e);
    }
    b->last = NULL;
    stop_reading(b);
    db_close(&b->db);
}
