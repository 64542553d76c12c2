/* base/json_read.h - reading one bounded JSON value that lies in memory; the only door to jsmn.
 *
 * For JSON of any length see base/json_stream.h, which cuts it into bounded values to be read with this.
 * No allocation: the caller brings the tokens. */
#ifndef PICKET_BASE_JSON_READ_H
#define PICKET_BASE_JSON_READ_H

#include "base/json_scan.h"

/* One value; indexes point into the token array. */
struct json_token {
    uint8_t kind;        /* enum json_kind */
    uint32_t start, end; /* byte offsets in the text; a string's are those inside its quotes */
    uint32_t size;       /* members of an object, elements of an array */
    uint32_t next;       /* index of the token after this whole value */
};

struct json_doc {
    const char *text;
    size_t len;
    struct json_token *tokens;
    size_t count; /* tokens used */
};

/* Parses exactly one value (blanks around it allowed); stricter than jsmn: keys are strings, commas and
 * colons stand where they must, numbers and literals are well-formed, depth is at most 32, no control
 * characters in strings. E_SYNTAX with the byte offset in words, E_SPACE when cap tokens do not suffice. */
enum err json_parse(struct json_doc *d, const char *text, size_t len, struct json_token *tokens, size_t cap,
                    struct error *e);

/* Index of the value of key in object at index obj; 0 when it is missing or obj is no object (0 is the
 * root, which is never a member). Escaped keys are compared unescaped. A key that occurs twice: the last. */
size_t json_find(const struct json_doc *d, size_t obj, const char *key);

/* First member / element of a container; iterate with tokens[i].next until tokens[container].next. In an
 * object the index is that of a key; its value is the token right after it, and the key's own next leads past
 * that value. 0 when empty. */
size_t json_first(const struct json_doc *d, size_t container);

/* Unescaped copy as a C string: E_LIMIT when it does not fit cap, E_VALUE when the value is no string or
 * holds U+0000 or a lone surrogate other than \udc80-\udcff (which become the raw byte again). */
enum err json_copy_str(const struct json_doc *d, size_t i, char *out, size_t cap, size_t *len);

/* The same for the n bytes inside the quotes of a JSON string anywhere. */
enum err json_unescape(const char *in, size_t n, char *out, size_t cap, size_t *len);

bool json_is_true(const struct json_doc *d, size_t i);
bool json_get_uint(const struct json_doc *d, size_t i, uint64_t max, uint64_t *out);
/* A non-negative decimal fraction scaled to 1/1000 ("0.2" gives 200); false if it is none. */
bool json_get_milli(const struct json_doc *d, size_t i, uint64_t *out);

#endif
