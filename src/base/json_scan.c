/* base/json_scan.c - the grammar of JSON (RFC 8259) in one pass: no tokens, no memory, no recursion, and one
 * bit for each level of nesting. */
#include "src/base/json_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32

/* ---- the scan ---- */

enum wanted { A_VALUE, A_VALUE_OR_END, A_KEY, A_KEY_OR_END, A_COLON, A_COMMA_OR_END, NOTHING };

struct scan {
    const char *text;
    size_t len, at;
    uint64_t is_object; /* bit d: the container at depth d is an object */
    uint32_t depth;     /* containers open */
    size_t tokens;      /* values and keys so far */
    enum wanted wanted;
    const char *wrong; /* what is wrong at `at`; NULL: nothing so far */
};

static bool is_digit(const struct scan *s) {
    return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static bool skip(struct scan *s, char c) {
    if (s->at >= s->len || s->text[s->at] != c)
        return false;
    s->at++;
    return true;
}

static bool skip_digits(struct scan *s) {
    if (!is_digit(s))
        return false;
    while (is_digit(s))
        s->at++;
    return true;
}

/* RFC 8259, section 6. */
static void scan_number(struct scan *s) {
    skip(s, '-');
    bool good = skip(s, '0') || skip_digits(s);
    if (good && skip(s, '.'))
        good = skip_digits(s);
    if (good && (skip(s, 'e') || skip(s, 'E'))) {
        if (!skip(s, '+'))
            skip(s, '-');
        good = skip_digits(s);
    }
    if (!good)
        s->wrong = "a number is not well-formed";
}

static void scan_literal(struct scan *s) {
    static const char words[][6] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (s->len - s->at >= n && !memcmp(s->text + s->at, words[i], n)) {
            s->at += n;
            return;
        }
    }
    s->wrong = "a value is missing";
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_escape(struct scan *s) {
    s->at++;
    if (!skip(s, 'u')) {
        bool known = s->at < s->len && s->text[s->at] && strchr("\"\\/bfnrt", s->text[s->at]);
        s->at += known;
        return known;
    }
    for (int i = 0; i < 4; i++, s->at++)
        if (s->at >= s->len || !is_hex(s->text[s->at]))
            return false;
    return true;
}

static void scan_string(struct scan *s) {
    s->at++;
    while (s->at < s->len && s->text[s->at] != '"') {
        if ((unsigned char)s->text[s->at] < 0x20) {
            s->wrong = "a control character in a string";
            return;
        }
        if (s->text[s->at] != '\\') {
            s->at++;
        } else if (!scan_escape(s)) {
            s->wrong = "an escape is not well-formed";
            return;
        }
    }
    if (!skip(s, '"'))
        s->wrong = "a string has no end";
}

static void after_value(struct scan *s) {
    s->wanted = s->depth ? A_COMMA_OR_END : NOTHING;
}

static void scan_open(struct scan *s, bool object) {
    if (s->depth == DEPTH_MAX) {
        s->wrong = "nested deeper than 32 levels";
        return;
    }
    uint64_t bit = (uint64_t)1 << s->depth++;
    s->is_object = object ? s->is_object | bit : s->is_object & ~bit;
    s->wanted = object ? A_KEY_OR_END : A_VALUE_OR_END;
    s->at++;
}

static bool in_object(const struct scan *s) {
    return s->depth && (s->is_object >> (s->depth - 1) & 1);
}

/* Closes the innermost container if c does that. */
static bool scan_close(struct scan *s, char c) {
    if (s->depth == 0 || c != (in_object(s) ? '}' : ']'))
        return false;
    s->depth--;
    s->at++;
    after_value(s);
    return true;
}

static void scan_value(struct scan *s, char c) {
    s->tokens++;
    if (c == '{' || c == '[') {
        scan_open(s, c == '{');
        return;
    }
    if (c == '"')
        scan_string(s);
    else if (c == '-' || (c >= '0' && c <= '9'))
        scan_number(s);
    else
        scan_literal(s);
    after_value(s);
}

/* Takes what stands at s->at, which is no blank. */
static void scan_next(struct scan *s, char c) {
    switch (s->wanted) {
    case A_VALUE_OR_END:
        if (scan_close(s, c))
            return;
        scan_value(s, c);
        return;
    case A_VALUE:
        scan_value(s, c);
        return;
    case A_KEY_OR_END:
    case A_KEY:
        if (s->wanted == A_KEY_OR_END && scan_close(s, c))
            return;
        if (c != '"') {
            s->wrong = "a key is missing";
            return;
        }
        s->tokens++;
        scan_string(s);
        s->wanted = A_COLON;
        return;
    case A_COLON:
        s->wanted = A_VALUE;
        if (!skip(s, ':'))
            s->wrong = "a ':' is missing";
        return;
    case A_COMMA_OR_END:
        if (scan_close(s, c))
            return;
        s->wanted = in_object(s) ? A_KEY : A_VALUE;
        if (!skip(s, ','))
            s->wrong = "a ',' or the closing bracket is missing";
        return;
    case NOTHING:
        s->wrong = "more after the value";
        return;
    }
}

static void scan_all(struct scan *s) {
    for (;;) {
        while (s->at < s->len && s->text[s->at] && strchr(" \t\r\n", s->text[s->at]))
            s->at++;
        if (s->at == s->len) {
            if (s->wanted != NOTHING)
                s->wrong = "ends too early";
            return;
        }
        scan_next(s, s->text[s->at]);
        if (s->wrong)
            return;
    }
}

const char *json_scan(const char *text, size_t len, size_t *parts, size_t *at) {
    struct scan s = {.text = text, .len = len, .wanted = A_VALUE};
    scan_all(&s);
    *parts = s.tokens;
    *at = s.at;
    return s.wrong;
}
