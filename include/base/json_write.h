/* base/json_write.h - JSON text into a struct text, in Python's spelling (", " and ": ", non-ASCII as
 * \uXXXX), which is what real nodes send (reference, pitfall 15). */
#ifndef PICKET_BASE_JSON_WRITE_H
#define PICKET_BASE_JSON_WRITE_H

#include "base/text.h"

#define JSON_DEPTH_MAX 16

/* Writes values; commas, quotes and escapes come by themselves. What does not fit the text, and nesting
 * deeper than JSON_DEPTH_MAX, set out->cut: look at it once at the end. Brackets must match; that is the
 * caller's affair. */
struct json_write {
    struct text *out;
    uint32_t more; /* bit d: depth d already holds a member, so the next one needs ", " */
    uint8_t depth;
    bool after_key; /* a key was written and its value is due */
};

void json_write_init(struct json_write *w, struct text *out);
void json_open(struct json_write *w, char bracket);  /* '{' or '[' */
void json_close(struct json_write *w, char bracket); /* '}' or ']' */
void json_key(struct json_write *w, const char *key);
void json_key_n(struct json_write *w, const char *key, size_t n);
void json_str(struct json_write *w, const char *s); /* NULL gives null */
void json_str_n(struct json_write *w, const char *s, size_t n);
void json_int(struct json_write *w, int64_t v);
void json_uint(struct json_write *w, uint64_t v);
void json_bool(struct json_write *w, bool v);
void json_null(struct json_write *w);
void json_raw(struct json_write *w, const char *json, size_t n); /* a value that is JSON already */

/* A key together with its value, or with the bracket that opens it. */
void json_key_str(struct json_write *w, const char *key, const char *s);
void json_key_uint(struct json_write *w, const char *key, uint64_t v);
void json_key_bool(struct json_write *w, const char *key, bool v);
void json_key_open(struct json_write *w, const char *key, char bracket);
/* "a,b" as a list of strings; empty words are left out. */
void json_key_list(struct json_write *w, const char *key, const char *words);

/* Only the escaped string with its quotes, no commas: for code that streams its own JSON. Bytes that are
 * not UTF-8 become surrogate escapes \udcXX, as Python's os.fsdecode has them. */
void json_escape(struct text *out, const char *s, size_t n);

#endif
