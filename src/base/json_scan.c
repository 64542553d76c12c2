/* base/json_scan.c - the grammar of JSON (RFC 8259), resumable at every byte.
 *
 * One state says what may come next; the bits of `objects` say what every open bracket was. The loops over
 * the bytes of strings are where the time goes. */
#include "base/json_scan.h"

#include <string.h>

enum {
    A_VALUE,
    A_VALUE_OR_END,
    A_KEY,
    A_KEY_OR_END,
    A_COLON,
    A_COMMA_OR_END,
    NOTHING,
    IN_TEXT,     /* of a string */
    IN_ESCAPE,   /* behind the backslash */
    IN_UNICODE,  /* behind \u and `digits` of its four digits */
    IN_WORD,     /* true, false, null */
    AFTER_MINUS, /* and the rest: a number, by what came last */
    AFTER_ZERO,
    IN_INTEGER,
    AFTER_POINT,
    IN_FRACTION,
    AFTER_E,
    AFTER_E_SIGN,
    IN_EXPONENT
};

static bool may_end(uint8_t number) {
    return number == AFTER_ZERO || number == IN_INTEGER || number == IN_FRACTION || number == IN_EXPONENT;
}

static enum json_part wrong(struct json_scan *s, const char *words) {
    s->wrong = words;
    return JSON_PART_WRONG;
}

/* A value has begun or ended at the present depth: is that told? */
static enum json_part told(const struct json_scan *s, enum json_part part) {
    return (int32_t)s->depth <= s->tell ? part : JSON_PART_NONE;
}

static enum json_part end_value(struct json_scan *s) {
    s->state = s->depth ? A_COMMA_OR_END : NOTHING;
    return told(s, JSON_PART_END);
}

/* ---- strings ---- */

static void begin_text(struct json_scan *s, bool is_key) {
    s->at++;
    s->state = IN_TEXT;
    s->is_key = is_key;
    s->tell_text = is_key && (int32_t)s->depth <= s->tell;
    s->high = 0;
}

static enum json_part scan_text(struct json_scan *s) {
    const char *at = s->at, *end = s->end;
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    s->run = s->at;
    s->at = at;
    if (at > s->run && s->tell_text)
        return JSON_PART_RUN;
    if (at == end)
        return JSON_PART_NONE;
    if ((unsigned char)*at < 0x20)
        return wrong(s, "a control character in a string");
    s->at++;
    if (*at == '\\') {
        s->state = IN_ESCAPE;
        return JSON_PART_NONE;
    }
    if (!s->is_key)
        return end_value(s);
    s->state = A_COLON;
    return JSON_PART_NONE;
}

bool json_scan_in_text(const struct json_scan *s) {
    return s->state == IN_TEXT;
}

static enum json_part end_escape(struct json_scan *s) {
    s->state = IN_TEXT;
    return s->tell_text ? JSON_PART_UNIT : JSON_PART_NONE;
}

static enum json_part scan_escape(struct json_scan *s) {
    static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* pairs: the letter, its byte */
    char c = *s->at;
    if (c == 'u') {
        s->at++;
        s->state = IN_UNICODE;
        s->digits = 0;
        s->unit = 0;
        return JSON_PART_NONE;
    }
    for (const char *p = letters; *p; p += 2)
        if (c == *p) {
            s->at++;
            s->unit = (unsigned char)p[1];
            return end_escape(s);
        }
    return wrong(s, "an escape is not well-formed");
}

static enum json_part scan_unicode(struct json_scan *s) {
    char c = *s->at, small = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        c = (char)(c - '0');
    else if (small >= 'a' && small <= 'f')
        c = (char)(small - 'a' + 10);
    else
        return wrong(s, "an escape is not well-formed");
    s->at++;
    s->unit = (uint16_t)(s->unit << 4 | c);
    return ++s->digits == 4 ? end_escape(s) : JSON_PART_NONE;
}

static size_t put_utf8(uint32_t v, char out[4]) {
    if (v < 0x80) {
        out[0] = (char)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (char)(0xc0 | v >> 6);
        out[1] = (char)(0x80 | (v & 0x3f));
        return 2;
    }
    if (v < 0x10000) {
        out[0] = (char)(0xe0 | v >> 12);
        out[1] = (char)(0x80 | (v >> 6 & 0x3f));
        out[2] = (char)(0x80 | (v & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | v >> 18);
    out[1] = (char)(0x80 | (v >> 12 & 0x3f));
    out[2] = (char)(0x80 | (v >> 6 & 0x3f));
    out[3] = (char)(0x80 | (v & 0x3f));
    return 4;
}

enum err json_scan_text(struct json_scan *s, enum json_part part, const char **bytes, size_t *n) {
    uint32_t v = s->unit;
    bool is_low = part == JSON_PART_UNIT && v >= 0xdc00 && v < 0xe000;
    *n = 0;
    *bytes = s->utf8;
    if (s->high && !is_low)
        return E_VALUE;
    if (part == JSON_PART_RUN) {
        *bytes = s->run;
        *n = (size_t)(s->at - s->run);
    } else if (s->high) {
        *n = put_utf8(0x10000 + ((uint32_t)(s->high - 0xd800) << 10) + (v - 0xdc00), s->utf8);
        s->high = 0;
    } else if (v >= 0xd800 && v < 0xdc00) {
        s->high = (uint16_t)v;
    } else if (v >= 0xdc80 && v <= 0xdcff) {
        s->utf8[0] = (char)(v - 0xdc00);
        *n = 1;
    } else if (v == 0 || is_low) {
        return E_VALUE;
    } else {
        *n = put_utf8(v, s->utf8);
    }
    return E_OK;
}

/* ---- numbers and literals ---- */

/* RFC 8259, section 6. */
static enum json_part scan_number(struct json_scan *s) {
    enum { ZERO, DIGIT, POINT, E, SIGN, OTHER };
    /* what comes after state and class; 0: it cannot */
    static const uint8_t after[][OTHER + 1] = {
        [AFTER_MINUS - AFTER_MINUS] = {AFTER_ZERO, IN_INTEGER, 0, 0, 0, 0},
        [AFTER_ZERO - AFTER_MINUS] = {0, 0, AFTER_POINT, AFTER_E, 0, 0},
        [AFTER_POINT - AFTER_MINUS] = {IN_FRACTION, IN_FRACTION, 0, 0, 0, 0},
        [IN_INTEGER - AFTER_MINUS] = {IN_INTEGER, IN_INTEGER, AFTER_POINT, AFTER_E, 0, 0},
        [AFTER_E - AFTER_MINUS] = {IN_EXPONENT, IN_EXPONENT, 0, 0, AFTER_E_SIGN, 0},
        [IN_FRACTION - AFTER_MINUS] = {IN_FRACTION, IN_FRACTION, 0, AFTER_E, 0, 0},
        [AFTER_E_SIGN - AFTER_MINUS] = {IN_EXPONENT, IN_EXPONENT, 0, 0, 0, 0},
        [IN_EXPONENT - AFTER_MINUS] = {IN_EXPONENT, IN_EXPONENT, 0, 0, 0, 0},
    };
    const char *at = s->at;
    uint8_t state = s->state, next = state;
    for (; at < s->end; at++, state = next) {
        char c = *at;
        int class = c == '0'               ? ZERO
                    : c > '0' && c <= '9'  ? DIGIT
                    : c == '.'             ? POINT
                    : c == 'e' || c == 'E' ? E
                    : c == '+' || c == '-' ? SIGN
                                           : OTHER;
        next = after[state - AFTER_MINUS][class];
        if (!next)
            break;
    }
    s->at = at;
    s->state = state;
    if (at == s->end)
        return JSON_PART_NONE;
    return may_end(state) ? end_value(s) : wrong(s, "a number is not well-formed");
}

static enum json_part scan_word(struct json_scan *s) {
    if (*s->at != *s->word)
        return wrong(s, "a literal is not well-formed");
    s->at++;
    return *++s->word ? JSON_PART_NONE : end_value(s);
}

/* ---- structure ---- */

bool json_scan_is_object(const struct json_scan *s, uint32_t depth) {
    return s->objects >> depth & 1;
}

static bool in_object(const struct json_scan *s) {
    return s->depth && json_scan_is_object(s, s->depth - 1);
}

/* Closes the innermost container if c does that. */
static bool scan_close(struct json_scan *s, char c) {
    if (s->depth == 0 || c != (in_object(s) ? '}' : ']'))
        return false;
    s->depth--;
    s->at++;
    s->kind = c == '}' ? JSON_OBJECT : JSON_ARRAY;
    return true;
}

static enum json_part scan_open(struct json_scan *s, bool object) {
    if (s->depth == JSON_SCAN_DEPTH)
        return wrong(s, "nested deeper than 32 levels");
    enum json_part part = told(s, JSON_PART_BEGIN);
    uint64_t bit = (uint64_t)1 << s->depth++;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    s->state = object ? A_KEY_OR_END : A_VALUE_OR_END;
    s->kind = object ? JSON_OBJECT : JSON_ARRAY;
    s->at++;
    return part;
}

static enum json_part begin_word(struct json_scan *s, char c) {
    s->word = c == 't' ? "true" : c == 'f' ? "false" : c == 'n' ? "null" : NULL;
    if (!s->word)
        return wrong(s, "a value is missing");
    s->word++;
    s->at++;
    s->kind = c == 'n' ? JSON_NULL : JSON_BOOL;
    s->state = IN_WORD;
    return told(s, JSON_PART_BEGIN);
}

static enum json_part begin_value(struct json_scan *s, char c) {
    s->parts++;
    if (c == '{' || c == '[')
        return scan_open(s, c == '{');
    if (c == '"') {
        begin_text(s, false);
        s->kind = JSON_STRING;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        s->at++;
        s->state = c == '-' ? AFTER_MINUS : c == '0' ? AFTER_ZERO : IN_INTEGER;
        s->kind = JSON_NUMBER;
    } else {
        return begin_word(s, c);
    }
    return told(s, JSON_PART_BEGIN);
}

static enum json_part begin_key(struct json_scan *s, char c) {
    if (c != '"')
        return wrong(s, "a key is missing");
    s->parts++;
    begin_text(s, true);
    return told(s, JSON_PART_KEY);
}

/* What stands between strings, numbers and literals; blanks are passed over. */
static enum json_part scan_structure(struct json_scan *s) {
    char c = *s->at;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        s->at++;
        return JSON_PART_NONE;
    }
    switch (s->state) {
    case A_VALUE_OR_END:
        if (scan_close(s, c))
            return end_value(s);
        return begin_value(s, c);
    case A_VALUE:
        return begin_value(s, c);
    case A_KEY_OR_END:
        if (scan_close(s, c))
            return end_value(s);
        return begin_key(s, c);
    case A_KEY:
        return begin_key(s, c);
    case A_COLON:
        if (c != ':')
            return wrong(s, "a ':' is missing");
        s->at++;
        s->state = A_VALUE;
        return JSON_PART_NONE;
    case A_COMMA_OR_END:
        if (scan_close(s, c))
            return end_value(s);
        if (c != ',')
            return wrong(s, "a ',' or the closing bracket is missing");
        s->at++;
        s->state = in_object(s) ? A_KEY : A_VALUE;
        return JSON_PART_NONE;
    default:
        return wrong(s, "more after the value");
    }
}

/* ---- the scan ---- */

void json_scan_init(struct json_scan *s, int32_t tell) {
    *s = (struct json_scan){.tell = tell, .state = A_VALUE};
}

void json_scan_init_text(struct json_scan *s) {
    *s = (struct json_scan){.state = IN_TEXT, .tell_text = true, .kind = JSON_STRING};
}

void json_scan_piece(struct json_scan *s, const char *bytes, size_t n) {
    s->at = bytes;
    s->end = bytes + n;
}

enum json_part json_scan_next(struct json_scan *s) {
    enum json_part part = s->wrong ? JSON_PART_WRONG : JSON_PART_NONE;
    while (part == JSON_PART_NONE && s->at < s->end) {
        if (s->state == IN_TEXT)
            part = scan_text(s);
        else if (s->state < IN_TEXT)
            part = scan_structure(s);
        else if (s->state == IN_ESCAPE)
            part = scan_escape(s);
        else if (s->state == IN_UNICODE)
            part = scan_unicode(s);
        else if (s->state == IN_WORD)
            part = scan_word(s);
        else
            part = scan_number(s);
    }
    return part;
}

const char *json_scan_finish(struct json_scan *s) {
    if (s->depth == 0 && may_end(s->state))
        s->state = NOTHING;
    if (!s->wrong && s->state != NOTHING)
        s->wrong = s->state >= IN_TEXT && s->state <= IN_UNICODE ? "a string has no end" : "ends too early";
    return s->wrong;
}
