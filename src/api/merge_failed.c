/* api/merge_failed.c - items that failed: add_failed_item of results.py, for all answers.
 *
 * Errors that are equal are told once, with the ids of all; ids of one error are a set. They lie in a blob as
 * the JSON they came as, in the order they were met. Whether one was met before is asked of a sieve of
 * hashes; only when that says perhaps, the blob is read. */
#include "api/merge_parts.h"

#include <string.h>

#define RECORD_BYTES (MERGE_ID_BYTES + 2u)

enum { NEXT_ANSWER, NEXT_PAIR, IN_KEY, IN_IDS };

/* ---- errors ---- */

/* __eq__ of exception.py: its dapi_errors, its ids and its class do not count. */
static uint8_t error_number(struct merge *m, const struct merge_record *r) {
    for (uint8_t i = 0; i < m->error_count; i++) {
        int member = OF_TYPE;
        while (member <= OF_CMD_ERROR && merge_same(m, r, &m->errors[i], member))
            member++;
        if (member > OF_CMD_ERROR)
            return i;
    }
    if (m->error_count == MERGE_ERRORS)
        return MERGE_ERRORS - 1;
    m->errors[m->error_count] = *r;
    return m->error_count++;
}

/* ---- ids ---- */

/* The records in m->failed from at on that lie in near whole: calls each, how many bytes they have. */
static size_t each_record(struct merge *m, uint64_t at,
                          bool (*each)(struct merge *, void *, const char *, size_t), void *arg) {
    char near[RECORD_BYTES];
    size_t got, i = 0;
    const char *end;
    blob_read(&m->failed, at, (uint8_t *)near, sizeof near, &got, &m->why);
    while (i < got && (end = memchr(near + i + 1, '\0', got - i - 1))) {
        size_t n = (size_t)(end - near) - i + 1;
        if (!each(m, arg, near + i, n))
            break;
        i += n;
    }
    m->budget -= (int32_t)(i / 4);
    return i;
}

/* The one looked for, and whether it was met. */
struct looked_for {
    const char *record;
    size_t n;
    bool met;
};

static bool is_other(struct merge *m, void *arg, const char *record, size_t n) {
    struct looked_for *l = arg;
    (void)m;
    l->met = n == l->n && memcmp(record, l->record, n) == 0;
    return !l->met;
}

static bool is_known(struct merge *m, const char *record, size_t n) {
    struct looked_for l = {record, n, false};
    for (uint64_t at = 0; !l.met && at < m->failed.size && m->why.code == E_OK;)
        at += each_record(m, at, is_other, &l);
    return l.met;
}

static void add_id(struct merge *m, uint32_t from, uint32_t to) {
    char record[RECORD_BYTES];
    uint32_t h = 2166136261u; /* FNV-1a */
    if (to - from > MERGE_ID_BYTES) {
        merge_refuse(m, E_LIMIT, "the name of an item has %u bytes", (unsigned)(to - from));
        return;
    }
    if (m->failed_count == MERGE_FAILED_MAX) { /* each is compared with all */
        merge_refuse(m, E_LIMIT, "more than %u items failed", MERGE_FAILED_MAX);
        return;
    }
    if (m->told) /* only errors with ids are told */
        m->error = error_number(m, m->told);
    m->told = NULL;
    record[0] = (char)m->error;
    size_t n = 2 + merge_peek(m, m->walk.blob, (struct merge_range){from, to}, record + 1, RECORD_BYTES - 1);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)record[i]) * 16777619u;
    h = (h ^ h >> 16) % MERGE_SIEVE_BITS;
    if (m->why.code != E_OK || ((m->sieve[h / 8] >> h % 8 & 1) && is_known(m, record, n)))
        return;
    m->sieve[h / 8] |= (uint8_t)(1u << h % 8);
    blob_append(&m->failed, (const uint8_t *)record, n, &m->why);
    m->failed_count++;
}

/* A list of ids; true: it is over. */
static bool read_ids(struct merge *m) {
    const struct merge_walk *w = &m->walk;
    while (m->budget > 0) {
        enum merge_event event = merge_walk_next(m);
        if (event == MERGE_PAUSE || event == MERGE_OVER)
            return false;
        if (event == MERGE_BEGINS && w->depth == 1 && w->scan.kind != JSON_ARRAY)
            merge_refuse(m, E_VALUE, "failed_items_values holds what is no list");
        if (event == MERGE_BEGINS && w->depth == 2)
            m->id_from = w->pos - 1;
        if (event == MERGE_ENDS && w->depth == 2)
            add_id(m, m->id_from, w->pos);
        if (event == MERGE_ENDS && w->depth == 1)
            return true;
    }
    return false;
}

/* ---- the answers in their turn ---- */

/* The order in which they were added: the first answer with items has its own, then come the exceptions in
 * front of it, then the answers behind it. */
static uint32_t turn_input(const struct merge *m) {
    return m->turn == 0 ? m->first : m->turn - (m->turn <= m->first);
}

static void begin_ids(struct merge *m, const struct blob *blob, uint32_t at) {
    m->stage = IN_IDS;
    merge_walk_begin(m, blob, at, true, 2);
}

static void begin_answer(struct merge *m) {
    uint32_t i = turn_input(m);
    const struct merge_source *s = &m->sources[i];
    const struct merge_record *r = &s->record;
    if (s->role == MERGE_HAS_ITEMS) {
        m->key_at = r->members[OF_KEYS].from + 1;
        m->value_at = r->members[OF_VALUES].from + 1;
        m->stage = NEXT_PAIR;
    } else if (s->role != MERGE_DROPPED) {
        const struct merge_record *told = &m->sources[s->role == MERGE_IN_GROUP ? m->group : i].record;
        m->told = told;
        if (r->class >= MERGE_FIRST_ERROR && told->class >= MERGE_FIRST_ERROR && r->members[OF_IDS].to &&
            r->kinds[OF_IDS] == JSON_ARRAY)
            begin_ids(m, r->blob, r->members[OF_IDS].from);
    }
    if (m->stage == NEXT_ANSWER)
        m->turn++;
}

static void next_pair(struct merge *m) {
    const struct blob *blob = m->sources[turn_input(m)].record.blob;
    if (!merge_more_at(m, blob, &m->key_at) || !merge_more_at(m, blob, &m->value_at)) {
        m->stage = NEXT_ANSWER;
        m->turn++;
        return;
    }
    merge_record_begin(m, &m->reading, blob);
    m->reading.kind = MERGE_EXCEPTION;
    m->in_wrapper = true;
    m->stage = IN_KEY;
    merge_walk_begin(m, blob, m->key_at, true, 3);
}

/* true: it is over. */
static bool read_key(struct merge *m) {
    for (;;) {
        enum merge_event event = merge_walk_next(m);
        if (event == MERGE_PAUSE || event == MERGE_OVER)
            return false;
        merge_record_event(m, event);
        if (event == MERGE_ENDS && m->walk.depth == 1)
            return merge_record_check(m);
    }
}

bool merge_collect(struct merge *m) {
    while (m->turn < m->setup.count && m->why.code == E_OK && m->budget > 0) {
        m->budget -= 32;
        if (m->stage == NEXT_ANSWER) {
            begin_answer(m);
        } else if (m->stage == NEXT_PAIR) {
            next_pair(m);
        } else if (m->stage == IN_KEY) {
            if (!read_key(m))
                break;
            m->key_at = m->walk.pos;
            m->told = &m->reading;
            begin_ids(m, m->reading.blob, m->value_at);
        } else {
            if (!read_ids(m))
                break;
            m->value_at = m->walk.pos;
            bool pairs = m->sources[turn_input(m)].role == MERGE_HAS_ITEMS;
            m->stage = pairs ? NEXT_PAIR : NEXT_ANSWER;
            m->turn += !pairs;
        }
    }
    return m->turn == m->setup.count && m->why.code == E_OK;
}

static bool write_id(struct merge *m, void *arg, const char *record, size_t n) {
    (void)arg;
    if ((uint8_t)*record == m->error) {
        merge_put(m, ", ", m->any_id ? 2 : 0);
        merge_put(m, record + 1, n - 2);
        m->any_id = true;
    }
    return true;
}

bool merge_write_ids(struct merge *m, bool lists) {
    for (; m->error < m->error_count; m->error++) {
        if (lists && !m->in_list)
            merge_put(m, m->error ? ", [" : "[", m->error ? 3 : 1);
        m->in_list = true;
        while (m->failed_at < m->failed.size) {
            if (m->budget <= 0 || m->why.code != E_OK)
                return false;
            m->failed_at += each_record(m, m->failed_at, write_id, NULL);
        }
        merge_put(m, "]", lists);
        m->in_list = m->any_id = false;
        m->failed_at = 0;
    }
    return true;
}
