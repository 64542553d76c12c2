/* api/merge.c - the answers of several nodes made one: what becomes of which answer, and the envelope of the
 * merged one, in the order of encode_json (results.py).
 *
 * Everything that is written is either a constant or bytes of an answer that were read as JSON before. */
#include "api/merge_parts.h"

#include <stdarg.h>
#include <string.h>

_Static_assert(sizeof(struct merge) <= BODY_WINDOW_BYTES, "a window holds the state of a merge");

#define NONE UINT32_MAX

bool merge_refuse(struct merge *m, enum err err, const char *format, ...) {
    char words[ERROR_WHAT_BYTES];
    struct text t;
    va_list args;
    va_start(args, format);
    text_init(&t, words, sizeof words);
    text_vformat(&t, format, args);
    va_end(args);
    if (m->why.code == E_OK)
        error_set(&m->why, err, 0, "%s", words);
    return false;
}

/* ---- what is written ---- */

static void flush(struct merge *m) {
    if (m->why.code == E_OK)
        blob_append(m->setup.out, (const uint8_t *)m->out, m->out_n, &m->why);
    m->out_n = 0;
}

void merge_put(struct merge *m, const char *bytes, size_t n) {
    while (n) {
        size_t room = sizeof m->out - m->out_n, now = n < room ? n : room;
        memcpy(m->out + m->out_n, bytes, now);
        m->out_n += now;
        bytes += now;
        n -= now;
        if (m->out_n == sizeof m->out)
            flush(m);
    }
}

static void put(struct merge *m, const char *s) {
    merge_put(m, s, strlen(s));
}

bool merge_put_piece(struct merge *m, const struct blob *blob, struct merge_range *r) {
    size_t n = r->to - r->from < sizeof m->walk.room ? r->to - r->from : sizeof m->walk.room;
    blob_read(blob, r->from, (uint8_t *)m->walk.room, n, &n, &m->why);
    merge_put(m, m->walk.room, n);
    m->budget -= (int32_t)n;
    r->from += (uint32_t)n;
    return m->why.code != E_OK || n == 0 || r->from == r->to;
}

static void put_range(struct merge *m, const struct blob *blob, struct merge_range r) {
    while (r.from < r.to && !merge_put_piece(m, blob, &r))
        ;
}

static void put_key(struct merge *m, const char *key, const char *before) {
    put(m, before);
    put(m, "\"");
    put(m, key);
    put(m, "\": ");
}

bool merge_same(struct merge *m, const struct merge_record *a, const struct merge_record *b, int member) {
    struct merge_range x = a->members[member], y = b->members[member];
    char near[2][256];
    if (x.to - x.from != y.to - y.from || a->kinds[member] != b->kinds[member])
        return false;
    for (size_t n; x.from < x.to; x.from += (uint32_t)n, y.from += (uint32_t)n) {
        n = merge_peek(m, a->blob, x, near[0], sizeof near[0]);
        if (merge_peek(m, b->blob, y, near[1], sizeof near[1]) != n || n == 0 ||
            memcmp(near[0], near[1], n) != 0)
            return false;
    }
    return true;
}

/* An object without members? */
static bool is_empty(struct merge *m, const struct merge_record *r, int member) {
    uint32_t at = r->members[member].from + 1;
    char next = '}';
    size_t n;
    if (r->members[member].to && r->kinds[member] == JSON_OBJECT && merge_more_at(m, r->blob, &at))
        blob_read(r->blob, at, (uint8_t *)&next, 1, &n, &m->why);
    return next == '}';
}

/* ---- what becomes of which answer ---- */

static void drop_all(struct merge *m) {
    for (uint32_t i = 0; i < m->setup.count; i++)
        m->sources[i].role = MERGE_DROPPED;
}

/* The exceptions from here on are told as one. */
static void begin_group(struct merge *m, uint32_t i) {
    drop_all(m);
    m->is_exception = true;
    m->first = m->group = i;
    m->sources[i].role = MERGE_IN_GROUP;
}

static bool has_ids(struct merge *m, const struct merge_record *r) {
    uint32_t at = r->members[OF_IDS].from + 1;
    return r->class >= MERGE_FIRST_ERROR && r->members[OF_IDS].to && r->kinds[OF_IDS] == JSON_ARRAY &&
           merge_more_at(m, r->blob, &at);
}

static bool group_has_ids(struct merge *m) {
    bool any = false;
    for (uint32_t i = m->group; i < m->setup.count; i++)
        any = any || (m->sources[i].role == MERGE_IN_GROUP && has_ids(m, &m->sources[i].record));
    return any && m->sources[m->group].record.class >= MERGE_FIRST_ERROR;
}

/* result | exception, exception | exception */
static void add_exception(struct merge *m, uint32_t i) {
    const struct merge_record *r = &m->sources[i].record;
    bool plain = !m->is_exception && m->sources[m->first].record.kind == MERGE_PLAIN;
    if (m->is_exception)
        m->sources[i].role = MERGE_IN_GROUP;
    else if (plain && !m->setup.inputs[i].answer && m->setup.inputs[i].error.class != WAZUH_CLUSTER_ERROR &&
             r->class >= MERGE_FIRST_ERROR)
        m->sources[i].role =
            MERGE_DROPPED; /* a node that was never asked; such a result has no place for it */
    else if (!plain && has_ids(m, r))
        m->sources[i].role = MERGE_HAS_FAILED;
    else
        begin_group(m, i);
}

/* result | result, exception | result: the items that failed with it stay. */
static bool add_result(struct merge *m, uint32_t i) {
    const struct merge_record *r = &m->sources[i].record;
    if (m->is_exception && (r->kind == MERGE_PLAIN || !group_has_ids(m)))
        return true;
    if (!m->is_exception && (r->kind == MERGE_PLAIN || m->sources[m->first].record.kind == MERGE_PLAIN))
        return merge_refuse(m, E_VALUE, "results without items of several nodes cannot be merged");
    if (m->is_exception)
        m->first = i;
    m->is_exception = false;
    m->sources[i].role = MERGE_HAS_ITEMS;
    m->sources[i].next = r->members[OF_AFFECTED].from + 1;
    return true;
}

static bool plan(struct merge *m) {
    struct merge_source *s = m->sources;
    bool good = true;
    m->group = NONE;
    m->first = 0;
    if (s->record.kind == MERGE_EXCEPTION) {
        begin_group(m, 0);
    } else if (s->record.kind == MERGE_ITEMS) {
        s->role = MERGE_HAS_ITEMS;
        s->next = s->record.members[OF_AFFECTED].from + 1;
    }
    for (uint32_t i = 1; i < m->setup.count && good; i++) {
        if (s[i].record.kind == MERGE_EXCEPTION)
            add_exception(m, i);
        else
            good = add_result(m, i);
    }
    return good && (m->is_exception || s[m->first].record.kind == MERGE_PLAIN || merge_criteria(m));
}

/* ---- the merged answer ---- */

/* {**self.dapi_errors, **other.dapi_errors} of all in the group. */
static void put_dapi_errors(struct merge *m) {
    bool more = false;
    put(m, "{");
    for (uint32_t i = m->group; i < m->setup.count; i++) {
        const struct merge_record *r = &m->sources[i].record;
        if (m->sources[i].role != MERGE_IN_GROUP || is_empty(m, r, OF_DAPI_ERRORS))
            continue;
        put(m, more ? ", " : "");
        more = true;
        put_range(
            m, r->blob,
            (struct merge_range){r->members[OF_DAPI_ERRORS].from + 1, r->members[OF_DAPI_ERRORS].to - 1});
    }
    put(m, "}");
}

/* to_dict of exception.py, up to where "ids" begin. What was left out is left out again. */
static void put_error(struct merge *m, const struct merge_record *r, bool in_group) {
    bool more = false;
    for (int i = OF_TYPE; i <= OF_DAPI_ERRORS; i++) {
        if (!r->members[i].to && !(i == OF_DAPI_ERRORS && in_group))
            continue;
        put_key(m, text_item(MERGE_OF_EXCEPTION, (size_t)i), more ? ", " : "{");
        more = true;
        if (i == OF_DAPI_ERRORS && in_group)
            put_dapi_errors(m);
        else
            put_range(m, r->blob, r->members[i]);
    }
}

static void begin_exception(struct merge *m) {
    const struct merge_record *r = &m->sources[m->group].record;
    put(m, "{\"__wazuh_exception__\": {\"__class__\": \"");
    put(m, text_item(MERGE_CLASSES, r->class));
    put(m, "\", \"__object__\": ");
    put_error(m, r, true);
    put(m, r->class >= MERGE_FIRST_ERROR ? ", \"ids\": [" : "");
}

static void put_failed_keys(struct merge *m) {
    const struct blob *group = m->group == NONE ? NULL : m->sources[m->group].record.blob;
    for (uint8_t i = 0; i < m->error_count; i++) {
        const struct merge_record *r = &m->errors[i];
        bool in_group =
            group == r->blob && r->members[OF_CODE].from == m->sources[m->group].record.members[OF_CODE].from;
        put(m, i ? ", {\"__object__\": " : "{\"__object__\": ");
        put_error(m, r, in_group);
        if (r->members[OF_IDS].to) {
            put_key(m, "ids", ", ");
            put_range(m, r->blob, r->members[OF_IDS]);
        }
        put(m, "}, \"__class__\": \"");
        put(m, text_item(MERGE_CLASSES, r->class));
        put(m, "\"}");
    }
}

/* "dikt" of the first answer that says something there; all others that do have to say the same. */
static const struct merge_record *find_dikt(struct merge *m) {
    const struct merge_record *found = &m->sources[m->first].record;
    for (uint32_t i = m->first + 1; i < m->setup.count; i++) {
        const struct merge_record *r = &m->sources[i].record;
        if (m->sources[i].role != MERGE_HAS_ITEMS || is_empty(m, r, OF_DIKT))
            continue;
        if (is_empty(m, found, OF_DIKT))
            found = r;
        else if (!merge_same(m, found, r, OF_DIKT))
            merge_refuse(m, E_VALUE, "what several nodes say beside their items cannot be merged");
    }
    return found;
}

static uint64_t total(struct merge *m) {
    char text[24];
    uint64_t sum = 0, v;
    for (uint32_t i = m->first; i < m->setup.count; i++) {
        const struct merge_record *r = &m->sources[i].record;
        if (m->sources[i].role != MERGE_HAS_ITEMS)
            continue;
        size_t n = merge_peek(m, r->blob, r->members[OF_TOTAL], text, sizeof text);
        if (!text_number(text, n, INT64_MAX, &v) || v > INT64_MAX - sum)
            merge_refuse(m, E_VALUE, "total_affected_items is no number of items");
        else
            sum += v;
    }
    return sum;
}

static void put_number(struct merge *m, const char *key, uint64_t v) {
    char digits[24];
    struct text t;
    text_init(&t, digits, sizeof digits);
    text_format(&t, "%llu", (unsigned long long)v);
    put_key(m, key, ", ");
    put(m, digits);
}

/* Everything behind the items, up to the ids that failed. */
static void put_rest(struct merge *m) {
    const struct merge_record *r = &m->sources[m->first].record, *dikt = find_dikt(m);
    put(m, "]");
    for (int i = OF_FIELDS; i < MERGE_MEMBERS; i++) {
        const struct merge_record *from = i == OF_DIKT ? dikt : r;
        if (i == OF_TOTAL) {
            put_number(m, "total_affected_items", total(m));
            put_number(m, "total_failed_items", m->failed_count);
            continue;
        }
        put_key(m, text_item(MERGE_OF_ITEMS, (size_t)i), ", ");
        if (from->members[i].to)
            put_range(m, from->blob, from->members[i]);
        else
            put(m, "[\"int\"]"); /* sort_casting is the one that may be left out */
    }
    put_key(m, "failed_items_keys", ", ");
    put(m, "[");
    put_failed_keys(m);
    put(m, "], \"failed_items_values\": [");
}

/* ---- step by step ---- */

enum err merge_begin(struct merge **out, const struct merge_setup *setup, struct error *e) {
    *out = NULL;
    if (setup->count == 0 || setup->count > API_PARTS_MAX)
        return error_set(e, E_LIMIT, 0, "answers of %u nodes", (unsigned)setup->count);
    struct merge *m = pool_take(setup->windows);
    if (!m)
        return error_set(e, E_POOL, 0, "%s: none is left", setup->windows->name);
    memset(m, 0, offsetof(struct merge, sources) + setup->count * sizeof m->sources[0]);
    m->setup = *setup;
    blob_init(&m->made, m->made_small, sizeof m->made_small, setup->windows, setup->spill,
              setup->limit_bytes);
    blob_init(&m->failed, m->failed_small, sizeof m->failed_small, setup->windows, setup->spill,
              setup->limit_bytes);
    *out = m;
    return E_OK;
}

/* All answers are read. */
static void begin_answer(struct merge *m) {
    if (!plan(m))
        return;
    m->phase = MERGE_FAILED;
    if (!m->is_exception && m->sources[m->first].record.kind == MERGE_PLAIN) {
        m->phase = MERGE_COPY;
        m->copy = (struct merge_range){0, (uint32_t)m->sources[m->first].record.blob->size};
    }
}

/* Who failed is known. */
static void begin_items(struct merge *m) {
    m->error = 0;
    m->input = m->criterion = 0;
    m->walking = false;
    if (m->is_exception)
        begin_exception(m);
    else
        put(m, "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
               "{\"affected_items\": [");
    m->phase = m->is_exception ? MERGE_WRITE_IDS : MERGE_WRITE_ITEMS;
}

static void end_answer(struct merge *m) {
    bool ids = !m->is_exception || m->sources[m->group].record.class >= MERGE_FIRST_ERROR;
    put(m, ids ? "]}}}" : "}}}");
    flush(m);
    m->phase = MERGE_READY;
}

/* true: the phase is over, or wrong. */
static bool work(struct merge *m) {
    switch (m->phase) {
    case MERGE_READ:
        if (!merge_read(m))
            return false;
        begin_answer(m);
        return true;
    case MERGE_FAILED:
        if (!merge_collect(m))
            return false;
        begin_items(m);
        return true;
    case MERGE_WRITE_ITEMS:
        if (!merge_items(m))
            return false;
        put_rest(m);
        m->phase = MERGE_WRITE_IDS;
        return true;
    case MERGE_WRITE_IDS:
        if (!merge_write_ids(m, !m->is_exception))
            return false;
        end_answer(m);
        return true;
    default: /* MERGE_COPY */
        if (merge_put_piece(m, m->sources[m->first].record.blob, &m->copy)) {
            flush(m);
            m->phase = MERGE_READY;
        }
        return true;
    }
}

enum step merge_step(struct merge *m, struct error *e) {
    m->budget = MERGE_STEP_BYTES;
    while (m->phase != MERGE_READY && m->why.code == E_OK && m->budget > 0 && work(m))
        ;
    if (m->why.code != E_OK) {
        if (e)
            *e = m->why;
        return STEP_FAILED;
    }
    return m->phase == MERGE_READY ? STEP_DONE : STEP_AGAIN;
}

void merge_end(struct merge *m) {
    if (!m)
        return;
    blob_reset(&m->made);
    blob_reset(&m->failed);
    pool_give(m->setup.windows, m);
}
