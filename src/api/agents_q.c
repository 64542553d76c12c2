/* agents_q.c - the parameter q over agents: "status=active;(os.platform=ubuntu,name~web)" becomes a condition
 * in SQL. The grammar is that of the regular expression in WazuhDBQuery (wazuh/core/utils.py of 4.14.7); what
 * it would pass over in silence is refused here. */
#include "api/agents_parts.h"

#include <string.h>

#define Q_DEPTH 32 /* brackets open at once */

static bool is_word(char c) {
    return c && (strchr(TEXT_WORD_CHARS, c) || (unsigned char)c >= 0x80);
}

/* What a value is made of. */
static bool is_plain(char c) {
    return is_word(c) || (c && strchr("[] -.:?\\/'\"=@%<>{}$", c));
}

/* The same between square brackets, where a comma is text. */
static bool is_listed(char c) {
    return c == ',' || (c != '$' && is_plain(c));
}

/* "[a,b]": to the last ']' that can be reached. NULL: none. */
static const char *take_list(const char *s) {
    const char *end = NULL;
    if (*s != '[')
        return NULL;
    for (s++; is_listed(*s); s++)
        if (*s == ']')
            end = s + 1;
    return end;
}

static const char *take_run(const char *s) {
    const char *list = take_list(s);
    if (list)
        return list;
    while (is_plain(*s))
        s++;
    return s;
}

/* "(a)", one after the other: text as well, when a run stands before or behind. */
static const char *take_brackets(const char *s) {
    while (*s == '(') {
        const char *end = take_list(s + 1);
        if (!end || *end != ')')
            for (end = s + 1; is_plain(*end); end++)
                ;
        if (*end != ')')
            break;
        s = end + 1;
    }
    return s;
}

/* NULL: no value is here. */
static const char *take_value(const char *s) {
    const char *end = NULL;
    for (;;) {
        const char *run = take_brackets(s), *after = take_run(run);
        if (after == run)
            return end;
        s = end = take_brackets(after);
    }
}

static enum err refuse(struct wazuh_error *why, int code, const char *format, const char *s, size_t n) {
    char words[WAZUH_EXTRA_BYTES];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, format, (int)n, s);
    wazuh_error_set(why, WAZUH_ERROR, code, words);
    return E_VALUE;
}

/* The operator at s and the value behind it; two signs are tried first. */
static const char *take_op(const char *s, const char **value) {
    static const char signs[] = "=!<>~";
    const char *end = NULL;
    for (size_t n = 2; n && !end; n--) {
        if (s[0] && strchr(signs, s[0]) && (n == 1 || (s[1] && strchr(signs, s[1])))) {
            *value = s + n;
            end = take_value(s + n);
        }
    }
    return end;
}

static enum err read_term(const char *field, const char *op, const char *value, const char *end,
                          struct agents_term *m, struct wazuh_error *why) {
    static const char ops[] = "=\0!=\0<\0>\0~\0";
    char sign[3];
    ptrdiff_t i = agent_field_find(field, (size_t)(op - field));
    if (i < 0)
        return refuse(why, 1408, "Field: %.*s", field, (size_t)(op - field));
    m->field = (size_t)i;
    text_copy(sign, sizeof sign, op, (size_t)(value - op));
    if ((i = text_find(ops, sign)) < 0)
        return refuse(why, 1409, "Valid operators: =, !=, <, >, ~. Used operator: %.*s", op,
                      (size_t)(value - op));
    m->op = (enum agents_op)i;
    m->n = (size_t)(end - value);
    m->value = m->n == 4 && memcmp(value, "null", 4) == 0 ? NULL : value;
    m->is_number = false;
    return E_OK;
}

/* One term, from its brackets to what joins it to the next; *s behind it. */
static enum err add_term(struct text *t, const char **s, unsigned *depth, struct wazuh_error *why) {
    struct agents_term m;
    const char *value, *field, *op, *end;
    for (; **s == '('; ++*s, ++*depth) {
        if (*depth == Q_DEPTH)
            return E_SYNTAX;
        text_char(t, '(');
    }
    field = op = *s;
    while (is_word(*op) || *op == '.')
        op++;
    end = op > field ? take_op(op, &value) : NULL;
    if (!end)
        return E_SYNTAX;
    enum err err = read_term(field, op, value, end, &m, why);
    if (err != E_OK)
        return err;
    text_char(t, '(');
    if (m.n == 3 && memcmp(value, "all", 3) == 0)
        text_char(t, '1'); /* as if it were not there */
    else
        err = agents_sql_term(t, &m, why);
    text_char(t, ')');
    for (; *end == ')' && err == E_OK; end++) {
        if (!*depth)
            return E_SYNTAX;
        --*depth;
        text_char(t, ')');
    }
    *s = end;
    return err;
}

enum err agents_q(struct text *t, const char *q, struct wazuh_error *why) {
    const char *s = q;
    unsigned depth = 0;
    enum err err;
    while ((err = add_term(t, &s, &depth, why)) == E_OK && *s) {
        if (*s != ';' && *s != ',')
            err = E_SYNTAX;
        else
            text_str(t, *s++ == ';' ? " and " : " or ");
        if (err != E_OK)
            break;
    }
    if (err == E_OK && depth)
        err = E_SYNTAX;
    return err == E_SYNTAX ? refuse(why, 1407, "%.*s", q, strlen(q)) : err;
}
