/* api/merge_read.c - reading answers: JSON of any length in a blob, piece by piece, of which only the places
 * of members are kept.
 *
 * The bytes are those that another node sent, or this one made for a node that sent none. */
#include "api/merge_parts.h"

#include "base/json_read.h"

#include <string.h>

#define WORD_BYTES 64u /* of a class name */

/* ---- walking through JSON ---- */

static void give_piece(struct merge_walk *w, const char *piece, size_t n, uint64_t base) {
    w->piece = piece;
    w->base = base;
    json_scan_piece(&w->scan, piece, n);
}

void merge_walk_begin(struct merge *m, const struct blob *blob, uint32_t at, bool in_array, int32_t tell) {
    struct merge_walk *w = &m->walk;
    m->walking = true;
    json_scan_init(&w->scan, tell);
    w->blob = blob;
    give_piece(w, "[", in_array, at - in_array);
    if (in_array)
        json_scan_next(&w->scan);
}

/* The next bytes for the scan; false: there are none. */
static bool next_piece(struct merge *m) {
    struct merge_walk *w = &m->walk;
    uint64_t at = w->base + (uint64_t)(w->scan.at - w->piece);
    size_t n = 0;
    const char *bytes = (const char *)blob_bytes(w->blob);
    if (bytes) {
        uint64_t left = w->blob->size > at ? w->blob->size - at : 0;
        n = left < MERGE_PIECE_BYTES ? (size_t)left : MERGE_PIECE_BYTES;
        bytes += n ? at : 0;
    } else {
        blob_read(w->blob, at, (uint8_t *)w->room, sizeof w->room, &n, &m->why);
        bytes = w->room;
    }
    give_piece(w, bytes, n, at);
    return n > 0;
}

static void take_key(struct merge_walk *w, enum json_part part) {
    const char *bytes;
    size_t n;
    w->key_bad =
        w->key_bad || json_scan_text(&w->scan, part, &bytes, &n) != E_OK || n >= sizeof w->key - w->key_n;
    if (!w->key_bad) {
        memcpy(w->key + w->key_n, bytes, n);
        w->key_n = (uint8_t)(w->key_n + n);
    }
}

enum merge_event merge_walk_next(struct merge *m) {
    struct merge_walk *w = &m->walk;
    while (m->why.code == E_OK) {
        enum json_part part = json_scan_next(&w->scan);
        w->pos = (uint32_t)(w->base + (uint64_t)(w->scan.at - w->piece));
        switch (part) {
        case JSON_PART_NONE:
            if (m->budget <= 0)
                return MERGE_PAUSE;
            m->budget -= (int32_t)(w->scan.at - w->piece);
            if (!next_piece(m)) {
                if (m->why.code == E_OK && json_scan_finish(&w->scan))
                    merge_refuse(m, E_SYNTAX, "JSON %s", w->scan.wrong);
                return m->why.code == E_OK ? MERGE_OVER : MERGE_PAUSE;
            }
            break;
        case JSON_PART_KEY:
            w->key_n = 0;
            w->key_bad = false;
            break;
        case JSON_PART_RUN:
        case JSON_PART_UNIT:
            take_key(w, part);
            break;
        case JSON_PART_BEGIN:
            w->depth = w->scan.depth - (w->scan.kind <= JSON_ARRAY);
            if (w->key_bad || w->depth == 0 || !json_scan_is_object(&w->scan, w->depth - 1))
                w->key_n = 0;
            w->key[w->key_n] = '\0';
            return MERGE_BEGINS;
        case JSON_PART_END:
            w->depth = w->scan.depth;
            return MERGE_ENDS;
        default:
            merge_refuse(m, E_SYNTAX, "JSON, byte %u: %s", (unsigned)w->pos, w->scan.wrong);
        }
    }
    return MERGE_PAUSE;
}

bool merge_more_at(struct merge *m, const struct blob *blob, uint32_t *at) {
    char near[16];
    size_t n = 1;
    while (n && m->why.code == E_OK) {
        blob_read(blob, *at, (uint8_t *)near, sizeof near, &n, &m->why);
        for (size_t i = 0; i < n; i++, ++*at)
            if (!strchr(" \t\r\n,", near[i]))
                return near[i] != ']';
    }
    return false;
}

size_t merge_peek(struct merge *m, const struct blob *blob, struct merge_range r, char *out, size_t cap) {
    size_t n = 0;
    if (r.to > r.from)
        blob_read(blob, r.from, (uint8_t *)out, r.to - r.from < cap ? r.to - r.from : cap - 1, &n, &m->why);
    out[n] = '\0';
    return n;
}

/* ---- one answer ---- */

void merge_record_begin(struct merge *m, struct merge_record *r, const struct blob *blob) {
    *r = (struct merge_record){.blob = blob};
    m->record = r;
    m->in_wrapper = m->in_object = false;
    m->member = -1;
}

/* What real nodes would make a function or an exception of, at any depth. */
static bool is_marker(const char *key) {
    return key[0] == '_' && key[1] == '_' &&
           text_find("__callable__\0__wazuh_result__\0__wazuh_exception__\0__unhandled_exc__\0", key) >= 0;
}

/* {"__wazuh_result__": {"__class__": "...", "__object__": {...}}}, or __wazuh_exception__ */
static void begin_wrapper(struct merge *m) {
    struct merge_record *r = m->record;
    bool is_result = strcmp(m->walk.key, "__wazuh_result__") == 0;
    m->in_wrapper = is_result || strcmp(m->walk.key, "__wazuh_exception__") == 0;
    if (is_marker(m->walk.key) && (!m->in_wrapper || r->kind != MERGE_PLAIN))
        merge_refuse(m, E_VALUE, "an answer that is something else as well");
    if (m->in_wrapper)
        r->kind = is_result ? MERGE_ITEMS : MERGE_EXCEPTION;
}

static void begin_value(struct merge *m) {
    const struct merge_walk *w = &m->walk;
    struct merge_record *r = m->record;
    if (w->depth == 2 && m->in_wrapper) {
        m->in_object = strcmp(w->key, "__object__") == 0;
        if (strcmp(w->key, "__class__") == 0)
            r->class_range.from = w->pos - 1;
    } else if (w->depth == 3 && m->in_object) {
        m->member = (int8_t)text_find(r->kind == MERGE_ITEMS ? MERGE_OF_ITEMS : MERGE_OF_EXCEPTION, w->key);
        if (m->member >= 0) {
            r->members[m->member].from = w->pos - 1;
            r->kinds[m->member] = w->scan.kind;
        }
    }
}

void merge_record_event(struct merge *m, enum merge_event event) {
    const struct merge_walk *w = &m->walk;
    struct merge_record *r = m->record;
    if (event == MERGE_BEGINS) {
        begin_value(m);
    } else if (w->depth == 3 && m->in_object && m->member >= 0) {
        r->members[m->member].to = w->pos;
    } else if (w->depth == 2 && m->in_wrapper) {
        if (!m->in_object && r->class_range.from && !r->class_range.to)
            r->class_range.to = w->pos;
        m->in_object = false;
    }
}

/* Bit k of kinds: json_kind k will do. */
static bool check_member(struct merge *m, int member, unsigned kinds) {
    const struct merge_record *r = m->record;
    const char *list = r->kind == MERGE_ITEMS ? MERGE_OF_ITEMS : MERGE_OF_EXCEPTION;
    if (r->members[member].to && (kinds >> r->kinds[member] & 1))
        return true;
    return merge_refuse(m, E_VALUE, "%s is missing or of the wrong type", text_item(list, (size_t)member));
}

#define A_LIST (1u << JSON_ARRAY)
#define AN_OBJECT (1u << JSON_OBJECT)
#define A_TEXT (1u << JSON_STRING)
#define A_NUMBER (1u << JSON_NUMBER)
#define NULL_TOO (1u << JSON_NULL)

static bool check_items(struct merge *m) {
    static const uint8_t kinds[MERGE_MEMBERS] = {A_LIST, A_LIST,          A_LIST,   A_LIST | NULL_TOO,
                                                 A_LIST, A_LIST | A_TEXT, A_NUMBER, AN_OBJECT,
                                                 A_TEXT, A_TEXT,          A_TEXT};
    for (int i = 0; i < MERGE_MEMBERS; i++)
        if (i != OF_CASTING && !check_member(m, i, kinds[i]))
            return false;
    return merge_casting_check(m, m->record);
}

bool merge_record_check(struct merge *m) {
    struct merge_record *r = m->record;
    char raw[WORD_BYTES], name[WORD_BYTES] = "";
    size_t n = merge_peek(m, r->blob, r->class_range, raw, sizeof raw);
    if (n < 2 || raw[0] != '"' || json_unescape(raw + 1, n - 2, name, sizeof name, &n) != E_OK)
        return merge_refuse(m, E_VALUE, "__class__ is missing or of the wrong type");
    if (r->kind == MERGE_ITEMS) {
        if (strcmp(name, "AffectedItemsWazuhResult") == 0)
            return check_items(m);
        if (strcmp(name, "WazuhResult") != 0)
            return merge_refuse(m, E_VALUE, "results of class %s do not exist", name);
        r->kind = MERGE_PLAIN;
        return true;
    }
    ptrdiff_t class = text_find(MERGE_CLASSES, name);
    if (class < 0)
        return merge_refuse(m, E_VALUE, "exceptions of class %s do not exist", name);
    r->class = (uint8_t) class;
    return check_member(m, OF_CODE, A_NUMBER) &&
           (!r->members[OF_IDS].to || check_member(m, OF_IDS, A_LIST | NULL_TOO)) &&
           (!r->members[OF_DAPI_ERRORS].to || check_member(m, OF_DAPI_ERRORS, AN_OBJECT | NULL_TOO));
}

/* ---- all answers ---- */

/* For a node without one: a WazuhError with the node as its id where forward() of dapi.py makes that of it,
 * else the exception that it raises. */
static const struct blob *make_answer(struct merge *m, const struct merge_input *input, uint32_t *at) {
    const struct wazuh_error *w = &input->error;
    const struct dialect *d = m->setup.dialect;
    bool is_unknown = w->class == WAZUH_CLUSTER_ERROR && w->code == 3022;
    bool is_internal = !is_unknown && wazuh_error_is_internal(w, d);
    char words[512];
    struct text t, message;
    struct json_write j;
    text_init(&t, m->walk.room, sizeof m->walk.room);
    json_write_init(&j, &t);
    json_open(&j, '{');
    json_key_open(&j, "__wazuh_exception__", '{');
    json_key_str(&j, "__class__", is_unknown ? "WazuhError" : wazuh_error_class(w));
    json_key(&j, "__object__");
    wazuh_error_open(&j, w, NULL);
    json_key_open(&j, "dapi_errors", '{');
    if (is_internal) {
        text_init(&message, words, sizeof words);
        wazuh_error_message(&message, w, NULL);
        json_key_open(&j, input->node, '{');
        json_key_str(&j, "error", words);
        json_key_str(&j, "logfile", "WAZUH_HOME/logs/cluster.log");
        json_close(&j, '}');
    }
    json_close(&j, '}');
    if (!is_internal) {
        json_key_open(&j, "ids", '[');
        json_str(&j, input->node);
        json_close(&j, ']');
    }
    for (unsigned i = 0; i < 3; i++)
        json_close(&j, '}');
    text_char(&t, '\n');
    *at = (uint32_t)m->made.size;
    if (t.cut)
        merge_refuse(m, E_LIMIT, "an error of too many words");
    else
        blob_append(&m->made, (const uint8_t *)t.buf, t.len, &m->why);
    return &m->made;
}

static void begin_answer(struct merge *m) {
    const struct merge_input *input = &m->setup.inputs[m->input];
    const struct blob *blob = input->answer;
    uint32_t at = 0;
    if (!blob)
        blob = make_answer(m, input, &at);
    else if (blob->size >= UINT32_MAX)
        merge_refuse(m, E_LIMIT, "an answer of 4 GiB");
    merge_record_begin(m, &m->sources[m->input].record, blob);
    merge_walk_begin(m, blob, at, false, JSON_SCAN_DEPTH);
}

/* true: that is all of it. */
static bool walk_answer(struct merge *m) {
    const struct merge_walk *w = &m->walk;
    for (;;) {
        enum merge_event event = merge_walk_next(m);
        if (event == MERGE_OVER || event == MERGE_PAUSE)
            return event == MERGE_OVER;
        if (event == MERGE_BEGINS && w->depth == 1)
            begin_wrapper(m);
        else if (event == MERGE_BEGINS && is_marker(w->key))
            merge_refuse(m, E_VALUE, "%s within an answer", w->key);
        merge_record_event(m, event);
        if (event == MERGE_ENDS && w->depth == 0 && w->blob == &m->made)
            return true; /* others may follow */
    }
}

bool merge_read(struct merge *m) {
    while (m->input < m->setup.count) {
        if (!m->walking)
            begin_answer(m);
        if (!walk_answer(m))
            break;
        m->walking = false;
        if (m->record->kind != MERGE_PLAIN && !merge_record_check(m))
            break;
        m->input++;
    }
    if (m->why.code != E_OK && m->input < m->setup.count)
        error_prefix(&m->why, "%s", m->setup.inputs[m->input].node);
    return m->why.code == E_OK && m->input == m->setup.count;
}
