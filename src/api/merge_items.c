/* api/merge_items.c - the items of all answers in one order: merge() and _goes_before_than() of results.py.
 *
 * Each answer's items are sorted already, or they are not: the one in front of each is all that counts. Only
 * the place of that item is known, and the values it is sorted by. These are made only when there is
 * something to compare with: real nodes fail on what they cannot cast no earlier. */
#include "api/merge_parts.h"

#include "base/decimal.h"
#include "base/json_read.h"

#include <string.h>

#define CASTS "int\0float\0str\0bool\0"
enum { CAST_INT, CAST_FLOAT, CAST_STR, CAST_BOOL };

#define LIST_BYTES 512u /* of sort_fields, sort_casting, sort_ascending */
#define LIST_TOKENS 32u

/* ---- by what ---- */

/* One of the short lists. */
static bool read_list(struct merge *m, const struct merge_record *r, int member, char text[LIST_BYTES],
                      struct json_token *tokens, struct json_doc *d) {
    size_t n = merge_peek(m, r->blob, r->members[member], text, LIST_BYTES);
    if (n == r->members[member].to - r->members[member].from &&
        json_parse(d, text, n, tokens, LIST_TOKENS, NULL) == E_OK)
        return true;
    return merge_refuse(m, E_LIMIT, "%s is too long", text_item(MERGE_OF_ITEMS, (size_t)member));
}

static int cast_of(const struct json_doc *d, size_t i) {
    char name[16];
    size_t n;
    return json_copy_str(d, i, name, sizeof name, &n) == E_OK ? (int)text_find(CASTS, name) : -1;
}

bool merge_casting_check(struct merge *m, const struct merge_record *r) {
    static const char types[] = "dict\0list\0str\0int\0bool\0NoneType\0"; /* by json_kind */
    char text[LIST_BYTES];
    struct json_token tokens[LIST_TOKENS];
    struct json_doc d;
    if (!r->members[OF_CASTING].to)
        return true;
    if (r->kinds[OF_CASTING] != JSON_ARRAY)
        return merge_refuse(m, E_VALUE, "sort_casting must be a list");
    if (!read_list(m, r, OF_CASTING, text, tokens, &d))
        return false;
    for (size_t i = 1; i < d.count; i = d.tokens[i].next) {
        const struct json_token *t = &d.tokens[i];
        if (t->kind != JSON_STRING)
            return merge_refuse(m, E_VALUE, "sort_casting type must be a string, got %s",
                                text_item(types, t->kind));
        if (cast_of(&d, i) < 0)
            return merge_refuse(m, E_VALUE,
                                "Invalid sort_casting type '%.*s'. Allowed types: bool, float, int, str",
                                (int)(t->end - t->start), text + t->start);
    }
    return true;
}

/* "a.b\.c": the names a and b.c, one C string each. */
static void add_path(struct merge *m, struct text *out, const char *field) {
    uint32_t c = m->criterion_count;
    m->criteria[c].path = (uint16_t)out->len;
    m->criteria[c].names = 1;
    for (; *field; field++) {
        bool escaped = *field == '\\' && field[1] == '.';
        field += escaped;
        m->criteria[c].names = (uint8_t)(m->criteria[c].names + (*field == '.' && !escaped));
        text_add(out, *field == '.' && !escaped ? "" : field, 1);
    }
    text_add(out, "", 1);
}

static bool read_fields(struct merge *m, const struct merge_record *r) {
    char text[LIST_BYTES], field[MERGE_PATHS_BYTES];
    struct json_token tokens[LIST_TOKENS];
    struct json_doc d;
    struct text out;
    size_t n;
    m->whole_items = r->kinds[OF_FIELDS] == JSON_NULL;
    m->criterion_count = m->whole_items;
    if (m->whole_items)
        return true;
    text_init(&out, m->paths, sizeof m->paths);
    if (!read_list(m, r, OF_FIELDS, text, tokens, &d))
        return false;
    for (size_t i = 1; i < d.count; i = d.tokens[i].next) {
        if (m->criterion_count == MERGE_CRITERIA)
            return merge_refuse(m, E_LIMIT, "sort_fields has more than %u of them", MERGE_CRITERIA);
        if (json_copy_str(&d, i, field, sizeof field, &n) != E_OK)
            return merge_refuse(m, E_VALUE, "sort_fields is no list of strings");
        add_path(m, &out, field);
        m->criterion_count++;
    }
    return !out.cut || merge_refuse(m, E_LIMIT, "sort_fields is too long");
}

/* Python's truth; of a string ("True" is what upgrade_agents has) each character is one, and true. */
static uint32_t read_ascending(struct merge *m, const struct json_doc *d) {
    const struct json_token *list = &d->tokens[0];
    uint32_t count = list->kind == JSON_STRING ? list->end - list->start : list->size;
    size_t i = 1;
    for (uint32_t c = 0; c < count && c < MERGE_CRITERIA; c++) {
        m->criteria[c].ascending = true;
        if (list->kind == JSON_STRING)
            continue;
        const struct json_token *t = &d->tokens[i];
        char first = d->text[t->start];
        m->criteria[c].ascending =
            t->kind <= JSON_ARRAY
                ? t->size > 0
                : (t->kind == JSON_STRING ? t->end > t->start : first != 'f' && first != 'n' && first != '0');
        i = t->next;
    }
    return count;
}

bool merge_criteria(struct merge *m) {
    const struct merge_record *r = &m->sources[m->first].record;
    char text[LIST_BYTES];
    struct json_token tokens[LIST_TOKENS];
    struct json_doc d;
    uint32_t casts = 1, count;
    if (!read_fields(m, r) || !read_list(m, r, OF_ASCENDING, text, tokens, &d))
        return false;
    count = read_ascending(m, &d);
    m->criteria[0].cast = CAST_INT; /* when it is left out */
    if (r->members[OF_CASTING].to) {
        if (!read_list(m, r, OF_CASTING, text, tokens, &d))
            return false;
        casts = d.tokens[0].size;
        size_t i = 1;
        for (uint32_t c = 0; c < casts && c < MERGE_CRITERIA; c++, i = d.tokens[i].next)
            m->criteria[c].cast = (uint8_t)cast_of(&d, i);
    }
    count = casts < count ? casts : count; /* zip() takes as many as all have */
    m->criterion_count = m->criterion_count < count ? m->criterion_count : count;
    return true;
}

/* ---- the item in front of an answer ---- */

static const char *name_at(const struct merge *m, uint32_t level) {
    const char *name = m->paths + m->criteria[m->criterion].path;
    while (level--)
        name += strlen(name) + 1;
    return name;
}

/* nested_itemgetter: level objects are entered on the way; what is no object before the way's end is taken as
 * it is. */
static void item_begins(struct merge *m, struct merge_source *s) {
    const struct merge_walk *w = &m->walk;
    struct merge_value *v = &s->values[m->criterion];
    uint32_t names = m->whole_items ? 0 : m->criteria[m->criterion].names;
    if (w->depth == 1)
        s->item = (struct merge_range){w->pos - 1, 0};
    if (m->criterion_count == 0 || w->depth != m->level + 1 ||
        (m->level && (w->key_bad || strcmp(w->key, name_at(m, m->level - 1)) != 0)))
        return;
    v->where = (struct merge_range){w->pos - 1, 0};
    v->kind = w->scan.kind;
    m->taking = m->level == names || w->scan.kind != JSON_OBJECT;
    if (!m->taking) {
        v->kind = JSON_NULL;
        m->level++;
    }
}

/* true: the item is over. */
static bool item_ends(struct merge *m, struct merge_source *s) {
    const struct merge_walk *w = &m->walk;
    struct merge_value *v = &s->values[m->criterion];
    if (m->taking && w->depth == m->level + 1) {
        v->where.to = w->pos;
        m->taking = false;
    } else if (!m->taking && m->level && w->depth == m->level) {
        m->level--;
    }
    s->item.to = w->depth == 1 ? w->pos : 0;
    return w->depth == 1;
}

/* Finds the next item of m->input, once for each criterion. true: found, or there is none. */
static bool find_item(struct merge *m) {
    struct merge_source *s = &m->sources[m->input];
    do {
        if (!m->walking) {
            if (!merge_more_at(m, s->record.blob, &s->next))
                return m->why.code == E_OK;
            m->level = 0;
            m->taking = false;
            s->values[m->criterion].kind = JSON_NULL;
            s->values[m->criterion].made = false;
            uint32_t names = m->criterion_count && !m->whole_items ? m->criteria[m->criterion].names : 0;
            merge_walk_begin(m, s->record.blob, s->next, true, (int32_t)names + 1);
        }
        enum merge_event event;
        do {
            event = merge_walk_next(m);
            if (event == MERGE_BEGINS)
                item_begins(m, s);
            else if (event != MERGE_ENDS)
                return false;
        } while (event != MERGE_ENDS || !item_ends(m, s));
        m->walking = false;
        m->budget -= (int32_t)(32 + (s->item.to - s->item.from) % MERGE_PIECE_BYTES);
    } while (++m->criterion < m->criterion_count);
    s->next = s->item.to;
    s->has_item = true;
    return true;
}

/* ---- which one goes first ---- */

static void put_text(struct merge_value *v, const char *bytes, size_t n) {
    size_t room = sizeof v->bytes - v->n;
    n = n < room ? n : room;
    memcpy(v->bytes + v->n, bytes, n);
    v->n = (uint16_t)(v->n + n);
}

/* The beginning of a string, raw bytes inside of its quotes; what no C string holds is left out. */
static void put_string(struct merge_value *v, const char *raw, size_t n) {
    struct json_scan scan;
    enum json_part part;
    json_scan_init_text(&scan);
    json_scan_piece(&scan, raw, n);
    while ((part = json_scan_next(&scan)) == JSON_PART_RUN || part == JSON_PART_UNIT) {
        const char *bytes;
        size_t len;
        if (json_scan_text(&scan, part, &bytes, &len) == E_OK)
            put_text(v, bytes, len);
        else
            scan.high = 0;
    }
}

/* The text in v becomes the key of the number that it says. */
static bool to_number(struct merge *m, struct merge_value *v, uint8_t cast) {
    enum decimal_form form = cast == CAST_FLOAT       ? DECIMAL_FRACTION
                             : v->kind == JSON_STRING ? DECIMAL_WHOLE
                                                      : DECIMAL_TRUNCATED;
    size_t n = 0;
    char key[DECIMAL_KEY_BYTES];
    if (v->kind <= JSON_ARRAY || !decimal_key(v->bytes, v->n, form, key, &n))
        return merge_refuse(m, E_VALUE, "an item cannot be sorted as %s", cast == CAST_INT ? "int" : "float");
    v->n = 0;
    put_text(v, key, n);
    return true;
}

static bool is_true(const struct merge_value *v, const char *raw) {
    char key[DECIMAL_KEY_BYTES];
    size_t n;
    if (v->kind == JSON_NUMBER)
        return decimal_key(raw, strlen(raw), DECIMAL_FRACTION, key, &n) && key[0] != 2;
    if (v->kind == JSON_STRING)
        return raw[1] != '"';
    if (v->kind == JSON_BOOL)
        return raw[0] == 't';
    char first = raw[1 + strspn(raw + 1, " \t\r\n")];
    return first != ']' && first != '}';
}

static bool make_value(struct merge *m, const struct blob *blob, struct merge_value *v, uint8_t cast) {
    char room[4 * MERGE_VALUE_BYTES];
    const char *raw = room;
    size_t n = merge_peek(m, blob, v->where, room, sizeof room);
    v->n = 0;
    if (v->kind == JSON_NULL || m->why.code != E_OK)
        return m->why.code == E_OK;
    if (cast == CAST_BOOL) {
        put_text(v, is_true(v, raw) ? "1" : "0", 1);
        return true;
    }
    if (v->kind == JSON_STRING) {
        put_string(v, raw + 1, n - (n == v->where.to - v->where.from ? 2 : 1));
    } else if (v->kind == JSON_BOOL) {
        bool yes = *raw == 't';
        raw = cast == CAST_STR ? (yes ? "True" : "False") : yes ? "1" : "0";
        put_text(v, raw, strlen(raw));
    } else {
        put_text(v, raw, n);
    }
    return cast == CAST_STR || to_number(m, v, cast);
}

/* Values are made when they are first looked at. */
static bool has_value(struct merge *m, struct merge_source *s, uint32_t c) {
    struct merge_value *v = &s->values[c];
    v->made = v->made || make_value(m, s->record.blob, v, m->criteria[c].cast);
    return v->made;
}

/* false as well when m->why says that they cannot be compared. */
static bool goes_before(struct merge *m, struct merge_source *a, struct merge_source *b) {
    for (uint32_t c = 0; c < m->criterion_count; c++) {
        const struct merge_value *x = &a->values[c], *y = &b->values[c];
        if (!has_value(m, a, c) || !has_value(m, b, c))
            return false;
        if (x->kind == JSON_NULL || y->kind == JSON_NULL)
            return x->kind == JSON_NULL && y->kind != JSON_NULL;
        int r = decimal_compare(x->bytes, x->n, y->bytes, y->n);
        if (r)
            return (r < 0) == m->criteria[c].ascending;
    }
    return false;
}

/* NULL: no items are left, or m->why. From the first answer to the last, as reduce() has them. */
static struct merge_source *choose(struct merge *m) {
    struct merge_source *best = NULL;
    for (uint32_t i = m->first; i < m->setup.count; i++) {
        struct merge_source *s = &m->sources[i];
        if (!s->has_item)
            continue;
        if (!best || goes_before(m, s, best))
            best = s;
        m->budget -= 8;
    }
    return m->why.code == E_OK ? best : NULL;
}

/* Until budget, or items, are used up: the next one of m->input is looked for, then the best is copied.
 * m->input is the number of answers when none is wanted. */
bool merge_items(struct merge *m) {
    while (m->why.code == E_OK && m->budget > 0) {
        if (m->copy.to) {
            if (!merge_put_piece(m, m->sources[m->input].record.blob, &m->copy))
                continue;
            m->copy.to = 0;
        }
        while (m->input < m->setup.count) {
            struct merge_source *s = &m->sources[m->input];
            if (s->role == MERGE_HAS_ITEMS && !s->has_item && s->next && !find_item(m))
                return false;
            m->criterion = 0;
            if (!s->has_item)
                s->next = 0; /* there are no more */
            m->input = m->any_item ? m->setup.count : m->input + 1;
        }
        struct merge_source *best = choose(m);
        if (!best)
            return m->why.code == E_OK;
        merge_put(m, ", ", m->any_item ? 2 : 0);
        m->any_item = true;
        best->has_item = false;
        m->copy = best->item;
        m->input = (uint32_t)(best - m->sources);
    }
    return false;
}
