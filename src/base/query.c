/* base/query.c - the parameter q: read once, then held against each item.
 *
 * The text comes from whoever asks the API; items are our own JSON. What a term consists of is what the
 * regular expression of utils.py takes, byte for byte; of letters outside ASCII all count as such. */
#include "base/query.h"

#include "base/decimal.h"

#include <string.h>

/* ---- reading ---- */

static bool is_word(char c) {
    return (unsigned char)c >= 0x80 || (c && strchr(TEXT_WORD_CHARS, c));
}

static bool is_value(char c) {
    return is_word(c) || (c && strchr("[] -.:?\\/'\"=@%<>{}", c));
}

/* The longest beginning that is runs of value's characters and "(...)" of them, with at least one character
 * outside of brackets; its length, 0: none. */
static size_t value_length(const char *at, const char *end) {
    const char *from = at;
    bool any = false;
    while (at < end) {
        const char *p = at;
        if (*p == '(') {
            for (p++; p < end && is_value(*p);)
                p++;
            if (p == end || *p != ')')
                break;
        } else if (is_value(*p)) {
            any = true;
        } else {
            break;
        }
        at = p + 1;
    }
    return any ? (size_t)(at - from) : 0;
}

/* The operator at at, which a value follows; behind it. NULL: none, or one that does not exist. */
static const char *read_op(struct query_term *t, const char *at, const char *end) {
    static const char ops[] = "=\0!=\0<\0>\0~\0"; /* in the order of enum query_op */
    char op[3] = {0};
    size_t n = 0;
    while (n < 2 && at + n < end && at[n] && strchr("=!<>~", at[n]))
        n++;
    if (n == 2 && value_length(at + 2, end) == 0) /* "a==": the second belongs to the value */
        n = 1;
    memcpy(op, at, n);
    ptrdiff_t found = n ? text_find(ops, op) : -1;
    t->op = (uint8_t)found;
    return found < 0 ? NULL : at + n;
}

/* "field.name.name" as one C string each; behind it, NULL when there is no field. */
static const char *read_field(struct query_term *t, struct text *out, const char *at, const char *end) {
    const char *from = at;
    t->field = (uint16_t)out->len;
    while (at < end && is_word(*at))
        at++;
    if (at == from)
        return NULL;
    text_add(out, from, (size_t)(at - from));
    text_add(out, "", 1);
    if (at < end && *at == '.')
        at++;
    from = at;
    while (at < end && (is_word(*at) || *at == '.')) {
        if (*at == '.' || at == from)
            t->below++;
        text_add(out, *at == '.' ? "" : at, 1);
        at++;
    }
    if (at > from && *from == '.') /* "a..b": the dot was counted, but not the empty name before it */
        t->below++;
    if (at > from)
        text_add(out, "", 1);
    return at;
}

static enum err read_term(struct query_term *t, struct text *out, const char *at, const char *end) {
    at += at < end && *at == '(';
    at = read_field(t, out, at, end);
    if (at)
        at = read_op(t, at, end);
    size_t n = at ? value_length(at, end) : 0;
    if (!n)
        return E_SYNTAX;
    t->value = (uint16_t)out->len;
    text_add(out, at, n);
    text_add(out, "", 1);
    return E_OK;
}

enum err query_parse(struct query *q, const char *text, size_t n, struct error *e) {
    const char *at = text, *end = text + n;
    struct text out;
    q->count = 0;
    text_init(&out, q->text, sizeof q->text);
    if (n >= sizeof q->text / 2) /* each name brings a NUL */
        return error_set(e, E_LIMIT, 0, "Parameter 'q' is longer than %zu bytes", sizeof q->text / 2);
    for (bool more = n > 0; more;) {
        const char *stop = at;
        while (stop < end && *stop != ';' && *stop != ',')
            stop++;
        if (q->count == QUERY_TERMS)
            return error_set(e, E_LIMIT, 0, "Parameter 'q' has more than %u terms", QUERY_TERMS);
        more = stop < end;
        struct query_term *t = &q->terms[q->count++];
        *t = (struct query_term){.or_next = more && *stop == ','};
        if (read_term(t, &out, at, stop) != E_OK)
            return error_set(e, E_SYNTAX, 0, "Parameter 'q' is not valid: '%.*s'", (int)(stop - at), at);
        at = stop + 1;
    }
    return out.cut ? error_set(e, E_LIMIT, 0, "Parameter 'q' is too long") : E_OK;
}

/* ---- dates ---- */

/* At most digits of them, one at least, unless all are needed; -1: none, or out of least .. most. */
static int32_t number_at(const char **at, const char *end, int digits, bool all, int32_t least,
                         int32_t most) {
    int32_t v = 0;
    int n = 0;
    for (; n < digits && *at < end && **at >= '0' && **at <= '9' && v * 10 + (**at - '0') <= most; n++)
        v = v * 10 + (*(*at)++ - '0');
    return n == 0 || (all && n < digits) || v < least ? -1 : v;
}

static bool char_at(const char **at, const char *end, char c) {
    bool is = *at < end && (**at | 0x20) == (c | 0x20);
    *at += is;
    return is;
}

static int32_t days_of(int32_t year, int32_t month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* ".5Z": microseconds. */
static int32_t fraction_at(const char **at, const char *end) {
    const char *from = *at;
    int32_t v = number_at(at, end, 6, false, 0, 999999);
    for (ptrdiff_t n = *at - from; v > 0 && n < 6; n++)
        v *= 10;
    return v;
}

/* "12:00:00", and behind a T also "Z" or ".5Z"; -1: not that. */
static int64_t time_at(const char **at, const char *end, bool behind_t) {
    int32_t h = number_at(at, end, 2, false, 0, 23), m = -1, s = -1, us = 0;
    if (h >= 0 && char_at(at, end, ':'))
        m = number_at(at, end, 2, false, 0, 59);
    if (m >= 0 && char_at(at, end, ':'))
        s = number_at(at, end, 2, false, 0, 59);
    if (s >= 0 && behind_t && *at < end && **at == '.') {
        ++*at;
        us = fraction_at(at, end);
    }
    if (s < 0 || us < 0 || (behind_t && !char_at(at, end, 'Z')))
        return -1;
    return (((int64_t)h * 60 + m) * 60 + s) * 1000000 + us;
}

/* A number that grows with the date that n bytes say, in one of the four forms of check_date_format; -1: they
 * say none. */
static int64_t date_of(const char *at, size_t n) {
    const char *end = at + n;
    int32_t year = number_at(&at, end, 4, true, 1, 9999), month = -1, day = -1;
    int64_t time = 0;
    if (year > 0 && char_at(&at, end, '-'))
        month = number_at(&at, end, 2, false, 1, 12);
    if (month > 0 && char_at(&at, end, '-'))
        day = number_at(&at, end, 2, false, 1, days_of(year, month));
    if (day > 0 && at < end) {
        const char *from = at;
        bool behind_t = char_at(&at, end, 'T');
        while (!behind_t && at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
            at++;
        time = at > from ? time_at(&at, end, behind_t) : -1;
    }
    if (day < 0 || time < 0 || at != end)
        return -1;
    return ((int64_t)(year * 12 + month) * 32 + day) * 86400000000 + time;
}

/* ---- holding it against an item ---- */

static bool op_fits(uint8_t op, int order) {
    return op == QUERY_EQUAL     ? order == 0
           : op == QUERY_UNEQUAL ? order != 0
           : op == QUERY_LESS    ? order < 0
                                 : order > 0;
}

static bool string_fits(uint8_t op, const char *value, const char *s, size_t n) {
    size_t len = strlen(value);
    if (op == QUERY_LIKE)
        return text_has(s, n, value);
    int64_t want = date_of(value, len);
    if (want >= 0) {
        int64_t is = date_of(s, n);
        return is < 0 ? op == QUERY_UNEQUAL : op_fits(op, (is > want) - (is < want));
    }
    int order = memcmp(s, value, n < len ? n : len);
    return op_fits(op, order ? order : (n > len) - (n < len));
}

static bool number_fits(uint8_t op, const char *value, const char *s, size_t n) {
    char is[DECIMAL_KEY_BYTES], want[DECIMAL_KEY_BYTES];
    size_t is_n, want_n;
    if (op == QUERY_LIKE)
        return text_has(s, n, value);
    if (!decimal_key(s, n, DECIMAL_WHOLE, is, &is_n) ||
        !decimal_key(value, strlen(value), DECIMAL_WHOLE, want, &want_n))
        return op == QUERY_UNEQUAL;
    return op_fits(op, decimal_compare(is, is_n, want, want_n));
}

static bool one_fits(const struct query *q, const struct query_term *t, const struct json_doc *d, size_t i) {
    char room[QUERY_VALUE_BYTES]; /* the one string in hand; nothing below here takes more of the stack */
    const char *value = q->text + t->value, *s = d->text + d->tokens[i].start;
    size_t n = d->tokens[i].end - d->tokens[i].start;
    switch (d->tokens[i].kind) {
    case JSON_STRING:
        if (memchr(s, '\\', n)) {
            enum err err = json_unescape(s, n, room, sizeof room, &n);
            if (err == E_LIMIT)
                return false;
            if (err == E_OK) /* else it is compared as it is written */
                s = room;
            else
                n = d->tokens[i].end - d->tokens[i].start;
        }
        return string_fits(t->op, value, s, n);
    case JSON_NUMBER: /* a fraction is compared with the value's text, and is none */
        if (!memchr(s, '.', n) && !memchr(s, 'e', n) && !memchr(s, 'E', n))
            return number_fits(t->op, value, s, n);
        break;
    case JSON_OBJECT:
        if (t->op == QUERY_LIKE)
            return json_find(d, i, value) != 0;
        break;
    default:
        break;
    }
    return t->op == QUERY_UNEQUAL;
}

static bool value_fits(const struct query *q, const struct query_term *t, const struct json_doc *d,
                       size_t i) {
    if (d->tokens[i].kind != JSON_ARRAY)
        return one_fits(q, t, d, i);
    for (size_t k = i + 1; k < d->tokens[i].next; k = d->tokens[k].next)
        if (one_fits(q, t, d, k))
            return true;
    return false;
}

/* Python's truth: what is empty is not held against the term. */
static bool is_true(const struct json_doc *d, size_t i) {
    const struct json_token *t = &d->tokens[i];
    const char *s = d->text + t->start;
    char key[DECIMAL_KEY_BYTES];
    size_t n;
    if (t->kind == JSON_NUMBER)
        return decimal_key(s, t->end - t->start, DECIMAL_FRACTION, key, &n) && key[0] != 2;
    return t->kind == JSON_STRING ? t->end > t->start : t->kind <= JSON_ARRAY ? t->size > 0 : *s == 't';
}

struct look {
    const struct query *q;
    const struct query_term *t;
    const struct json_doc *d;
    bool found, fits;
};

/* What left names lead to from the value at i. Recursion goes into lists, so JSON_SCAN_DEPTH bounds it. */
static void look_below(struct look *l, size_t i, const char *names, unsigned left) {
    for (; left; left--, names += strlen(names) + 1) {
        if (l->d->tokens[i].kind == JSON_ARRAY) {
            for (size_t k = i + 1; k < l->d->tokens[i].next; k = l->d->tokens[k].next)
                look_below(l, k, names, left);
            return;
        }
        i = json_find(l->d, i, names);
        if (!i)
            return;
    }
    l->found = true;
    l->fits = l->fits || (is_true(l->d, i) && value_fits(l->q, l->t, l->d, i));
}

static bool term_fits(const struct query *q, const struct query_term *t, const struct json_doc *d,
                      size_t object) {
    const char *field = q->text + t->field;
    struct look l = {q, t, d, false, false};
    size_t i = json_find(d, object, field);
    if (!i)
        return false;
    if (t->below)
        look_below(&l, i, field + strlen(field) + 1, t->below);
    return l.found ? l.fits : value_fits(q, t, d, i);
}

bool query_fits(const struct query *q, const struct json_doc *d, size_t object) {
    bool fits = true; /* all terms since the last ',' */
    for (uint32_t i = 0; i < q->count; i++) {
        fits = fits && term_fits(q, &q->terms[i], d, object);
        if (q->terms[i].or_next) {
            if (fits)
                return true;
            fits = true;
        }
    }
    return fits;
}
