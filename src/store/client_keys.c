/* client_keys.c - the store follows etc/client.keys: in small steps from loop turns, each one transaction.
 *
 * Nothing is deleted before the whole file has been read once without a change, and a torn, damaged or empty
 * file is doubted (see client_keys.h): the rows carry groups and labels that nobody could bring back. */
#include "store/client_keys.h"

#include "base/bytes.h"
#include "src/store/client_keys_parts.h"

#include <string.h>

#define LINES_PER_STEP 1024u /* that are only read */
#define ROWS_PER_STEP 256u
#define PAGE_BITS 16
#define TAG "Agents", "client.keys"

enum phase {
    PHASE_LOOK,
    PHASE_MARK,  /* the ids of the file go into seen */
    PHASE_SWEEP, /* rows without a line go */
    PHASE_WRITE  /* rows are added and changed */
};

void client_keys_init(struct client_keys *k, struct agents *agents, struct sys *sys, struct log *log,
                      int root, bool is_master) {
    memset(k, 0, sizeof *k);
    k->agents = agents;
    k->sys = sys;
    k->log = log;
    k->root = root;
    k->is_master = is_master;
    k->fd = -1;
    sys->unlinkat(sys, root, KEYS_NEW_PATH, false);
}

void keys_stop(struct client_keys *k) {
    db_rollback(k->agents->db);
    if (k->fd >= 0)
        k->sys->close(k->sys, k->fd);
    k->fd = -1;
    k->phase = PHASE_LOOK;
    bytes_wipe(&k->lines, sizeof k->lines);
}

void client_keys_fini(struct client_keys *k) {
    keys_stop(k);
}

static enum step failed(struct client_keys *k) {
    keys_stop(k);
    return STEP_FAILED;
}

static enum step done(struct client_keys *k) {
    keys_stop(k);
    return STEP_DONE;
}

/* Rows that need nothing need no transaction either: an unchanged file costs no write. */
static enum err begin(struct client_keys *k, struct error *e) {
    return db_in_transaction(k->agents->db) ? E_OK : db_begin(k->agents->db, e);
}

static enum err commit(struct client_keys *k, struct error *e) {
    return db_in_transaction(k->agents->db) ? db_commit(k->agents->db, e) : E_OK;
}

static void read_again(struct client_keys *k, enum phase phase) {
    keys_lines_rewind(&k->lines);
    k->phase = (uint8_t)phase;
}

/* ---- looking ---- */

static enum step look(struct client_keys *k, struct error *e) {
    struct sys_stat st = {0};
    int r = k->sys->lstatat(k->sys, k->root, CLIENT_KEYS_PATH, &st);
    struct keys_state there = keys_state_of(&st);
    if (k->made != k->agents->made && !k->again_ms)
        k->again_ms = sys_mono_ms(k->sys) + KEYS_SPARE_S * 1000u;
    k->made = k->agents->made;
    bool again = k->again_ms && sys_mono_ms(k->sys) >= k->again_ms;
    if (r == -ENOENT || (r == 0 && !again && keys_state_equal(&there, &k->followed)))
        return STEP_DONE;
    if (r == 0)
        r = k->sys->open_beneath(k->sys, k->root, CLIENT_KEYS_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (r < 0) {
        error_os(e, r, CLIENT_KEYS_PATH);
        return STEP_FAILED;
    }
    k->fd = r;
    if (keys_state_get(&k->now, k->sys, k->fd, e) != E_OK)
        return failed(k);
    k->live = k->gone = k->bad_lines = 0;
    k->added = k->renamed = k->changed = k->removed = k->refused = k->spared = 0;
    k->again_ms = 0;
    k->walk_id = 0;
    k->page = 0;
    memset(k->seen, 0, sizeof k->seen);
    read_again(k, PHASE_MARK);
    return STEP_AGAIN;
}

/* Did somebody write into the file while it was read? */
static enum err still_the_same(struct client_keys *k, bool *same, struct error *e) {
    struct keys_state s;
    enum err err = keys_state_get(&s, k->sys, k->fd, e);
    *same = err == E_OK && keys_state_equal(&s, &k->now);
    return err;
}

/* ---- which ids there are ---- */

static void mark(struct client_keys *k, const struct client_key *line) {
    if (line->id >> PAGE_BITS != k->page)
        return;
    uint32_t bit = (uint32_t)line->id & 0xffffu;
    k->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static bool is_marked(const struct client_keys *k, int64_t id) {
    uint32_t bit = (uint32_t)id & 0xffffu;
    return k->seen[bit / 8] & 1u << bit % 8;
}

static void mark_line(struct client_keys *k, bool first) {
    struct client_key line;
    bool good = keys_line_parse(&line, &k->lines);
    if (first && good) {
        k->live += !line.removed;
        k->gone += line.removed;
    }
    if (!line.removed && line.id) /* a damaged line keeps its agent */
        mark(k, &line);
    if (first && !good && !keys_line_is_comment(&k->lines))
        k->bad_lines++;
}

/* A file that names nobody: an administrator's will, or what a power cut left? */
static bool is_believed(struct client_keys *k) {
    if (k->live || k->gone || !k->agents->count)
        return true;
    if (k->bad_lines) {
        log_line(k->log, LOG_ERROR, TAG,
                 CLIENT_KEYS_PATH
                 " is damaged: none of its %u lines is that of an agent. The store keeps its "
                 "%u agents; put the file back, or empty it to remove them.",
                 k->bad_lines, k->agents->count);
        k->followed = k->now; /* nothing to do until it changes */
        return false;
    }
    if (keys_state_equal(&k->doubted, &k->now))
        return true;
    log_line(k->log, LOG_WARNING, TAG,
             CLIENT_KEYS_PATH " is empty: the store's %u agents are removed if it stays so.",
             k->agents->count);
    k->doubted = k->now;
    return false;
}

static enum step mark_step(struct client_keys *k, struct error *e) {
    bool first = k->walk_id == 0, same, more;
    for (unsigned i = 0; i < LINES_PER_STEP; i++) {
        if (keys_lines_next(&k->lines, k->sys, k->fd, &more, e) != E_OK)
            return failed(k);
        if (!more) {
            if (still_the_same(k, &same, e) != E_OK)
                return failed(k);
            if (!same || (first && !is_believed(k)))
                return done(k);
            k->phase = PHASE_SWEEP;
            return STEP_AGAIN;
        }
        mark_line(k, first);
    }
    return STEP_AGAIN;
}

/* ---- rows without a line ---- */

/* No key: see client_keys.h. A clock that was set back does not keep a row for ever. */
static enum err is_spared(struct client_keys *k, int64_t id, bool *spared, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(k->agents->db, SQL_KEYS_FIND);
    bool row;
    db_bind_int(q, 1, id);
    enum err err = db_step(k->agents->db, q, &row, e);
    if (err != E_OK || !row)
        return err;
    int64_t now = k->sys->wall_ns(k->sys) / 1000000000, made = db_int(q, 3); /* whatever others wrote there */
    *spared = db_is_null(q, 2) && made <= now && made > now - KEYS_SPARE_S &&
              k->live + k->spared < k->agents->limit; /* the file's own agents have their places */
    db_done(q);
    k->spared += *spared;
    if (*spared)
        k->again_ms = sys_mono_ms(k->sys) + KEYS_SPARE_S * 1000u;
    return E_OK;
}

static enum err sweep_row(struct client_keys *k, int64_t id, struct error *e) {
    bool spared = false;
    if (is_marked(k, id))
        return E_OK;
    enum err err = is_spared(k, id, &spared, e);
    if (err != E_OK || spared)
        return err;
    err = begin(k, e);
    if (err == E_OK)
        err = agents_delete(k->agents, id, NULL, e);
    k->removed += err == E_OK;
    return err;
}

static enum step sweep_step(struct client_keys *k, struct error *e) {
    char name[AGENT_NAME_BYTES], ip[AGENT_IP_BYTES];
    for (unsigned i = 0; i < ROWS_PER_STEP; i++) {
        int64_t id;
        if (agents_next(k->agents, k->walk_id, &id, name, ip, e) != E_OK)
            return failed(k);
        if (id < 0) {
            read_again(k, PHASE_WRITE);
            break;
        }
        if (id >> PAGE_BITS != k->page) { /* seen tells of others: read the file for these */
            k->page = id >> PAGE_BITS;
            memset(k->seen, 0, sizeof k->seen);
            k->walk_id = id - 1;
            read_again(k, PHASE_MARK);
            break;
        }
        if (sweep_row(k, id, e) != E_OK)
            return failed(k);
        k->walk_id = id;
    }
    return commit(k, e) == E_OK ? STEP_AGAIN : failed(k);
}

/* ---- lines without a row, or with another one ---- */

enum err keys_insert_row(struct client_keys *k, const struct client_key *line, struct error *e) {
    static const char *const usual[] = {"default"};
    enum err err = agents_insert(k->agents, line->id, line->name, NULL, line->ip, line->key, 0, e);
    if (err == E_OK && k->is_master)
        err = groups_insert(k->agents, usual[0], e);
    if (err == E_OK && k->is_master)
        err = agents_set_groups(k->agents, line->id, GROUPS_EMPTY_ONLY, usual, 1, true, e);
    return err;
}

static enum err add_row(struct client_keys *k, const struct client_key *line, struct error *e) {
    if (k->agents->count >= k->agents->limit) {
        if (!k->refused++)
            k->full_line = k->lines.number - 1;
        return E_OK;
    }
    enum err err = begin(k, e);
    if (err == E_OK)
        err = keys_insert_row(k, line, e);
    k->added += err == E_OK;
    return err;
}

static enum err change_row(struct client_keys *k, const struct client_key *line, bool name, bool rest,
                           struct error *e) {
    struct sqlite3_stmt *q;
    enum err err = begin(k, e);
    if (err == E_OK && name) {
        err = agents_rename(k->agents, line->id, line->name, e);
        k->renamed += err == E_OK;
    }
    if (err != E_OK || !rest)
        return err;
    q = db_stmt(k->agents->db, SQL_KEYS_SET);
    db_bind_int(q, 1, line->id);
    db_bind_text(q, 2, line->ip, strlen(line->ip));
    db_bind_text(q, 3, line->key, strlen(line->key));
    k->changed++;
    k->agents->changes++;
    return db_step(k->agents->db, q, NULL, e);
}

static enum err write_line(struct client_keys *k, const struct client_key *line, struct error *e) {
    struct sqlite3_stmt *q = db_stmt(k->agents->db, SQL_KEYS_FIND);
    bool row;
    db_bind_int(q, 1, line->id);
    enum err err = db_step(k->agents->db, q, &row, e);
    if (err != E_OK)
        return err;
    if (!row)
        return add_row(k, line, e);
    bool name = strcmp(db_text(q, 0, NULL), line->name) != 0;
    bool ip = strcmp(db_text(q, 1, NULL), line->ip) != 0;
    bool key = strcmp(db_text(q, 2, NULL), line->key) != 0;
    bool other = name && key && !db_is_null(q, 2);
    db_done(q);
    if (!name && !ip && !key)
        return E_OK;
    if (!other)
        return change_row(k, line, name, ip || key, e);
    err = begin(k, e);
    if (err == E_OK)
        err = agents_delete(k->agents, line->id, NULL, e);
    if (err != E_OK)
        return err;
    k->removed++;
    return add_row(k, line, e);
}

/* At most one line per file: counts if there were changes, more loudly if something is wrong. */
static void tell(struct client_keys *k) {
    if (k->refused && !k->full_told)
        log_line(k->log, LOG_ERROR, TAG,
                 CLIENT_KEYS_PATH " has more agents than this board's limit of %u: those after line %u are "
                                  "not in the store (%u agents)",
                 k->agents->limit, k->full_line, k->refused);
    else if (k->bad_lines && k->bad_lines != k->bad_told)
        log_line(k->log, LOG_WARNING, TAG,
                 CLIENT_KEYS_PATH ": %u lines are not of the form \"id name address key\"; agents: %u added, "
                                  "%u renamed, %u changed, %u removed",
                 k->bad_lines, k->added, k->renamed, k->changed, k->removed);
    else if (k->added || k->renamed || k->changed || k->removed)
        log_line(k->log, LOG_INFO, TAG,
                 "Followed " CLIENT_KEYS_PATH ": %u added, %u renamed, %u changed, %u removed; %u agents",
                 k->added, k->renamed, k->changed, k->removed, k->agents->count);
    k->full_told = k->refused > 0;
    k->bad_told = k->bad_lines;
}

static enum step finish(struct client_keys *k, struct error *e) {
    bool same;
    if (still_the_same(k, &same, e) != E_OK)
        return failed(k);
    if (same) {
        k->followed = k->now;
        tell(k);
    }
    return done(k);
}

static enum step write_step(struct client_keys *k, struct error *e) {
    bool more = true;
    for (unsigned i = 0; i < ROWS_PER_STEP && more; i++) {
        struct client_key line;
        if (keys_lines_next(&k->lines, k->sys, k->fd, &more, e) != E_OK)
            return failed(k);
        if (!more || !keys_line_parse(&line, &k->lines) || line.removed)
            continue;
        enum err err = write_line(k, &line, e);
        if (err == E_VALUE) /* a name that the store takes from nobody */
            k->bad_lines++;
        else if (err != E_OK)
            return failed(k);
    }
    if (commit(k, e) != E_OK)
        return failed(k);
    return more ? STEP_AGAIN : finish(k, e);
}

enum step client_keys_step(struct client_keys *k, struct error *e) {
    switch (k->phase) {
    case PHASE_MARK:
        return mark_step(k, e);
    case PHASE_SWEEP:
        return sweep_step(k, e);
    case PHASE_WRITE:
        return write_step(k, e);
    default:
        return look(k, e);
    }
}
