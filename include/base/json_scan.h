/* base/json_scan.h - the grammar of JSON (RFC 8259) over bytes that come in pieces of any size: no tokens, no
 * memory, no recursion, one bit for each level of nesting. What json_read.h and json_stream.h stand on.
 *
 * The scan stops at the parts its user wants to be told of, and runs through everything else. */
#ifndef PICKET_BASE_JSON_SCAN_H
#define PICKET_BASE_JSON_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCAN_DEPTH 32 /* containers open at once */

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_BOOL, JSON_NULL };

enum json_part {
    JSON_PART_NONE,  /* the piece is taken whole: give the next */
    JSON_PART_KEY,   /* a key begins; its text is told */
    JSON_PART_BEGIN, /* a value of kind begins; its first byte, at[-1], is taken */
    JSON_PART_RUN,   /* of a text that is told: the bytes from run to at stand for themselves */
    JSON_PART_UNIT,  /* of a text that is told: an escape, unit is what it stands for in UTF-16 */
    JSON_PART_END,   /* a value of kind has ended; at is behind its last byte */
    JSON_PART_WRONG  /* wrong says what is not JSON at the byte at; the scan is over */
};

struct json_scan {
    const char *at, *end; /* of the piece: what is not taken yet */
    const char *run;
    const char *wrong; /* NULL: nothing so far */
    size_t parts;      /* values and keys so far */
    int32_t tell;      /* values with at most so many containers around them are told; -1: none */
    uint32_t depth;    /* containers open */
    uint8_t kind;      /* enum json_kind */
    bool tell_text; /* set it at the BEGIN of a string to be told its text; texts of keys are told anyway */
    uint16_t unit;
    uint16_t high; /* a first half of a surrogate pair that waits for the second; see json_scan_text */
    /* the scan's own */
    uint64_t objects; /* bit d: the container at depth d is an object */
    const char *word; /* what is still due of a literal */
    uint8_t state, digits;
    bool is_key;
    char utf8[4];
};

void json_scan_init(struct json_scan *s, int32_t tell);
/* Begins behind the first quote of a string whose text is told. */
void json_scan_init_text(struct json_scan *s);
/* The next n bytes, which must stay where they are until JSON_PART_NONE. */
void json_scan_piece(struct json_scan *s, const char *bytes, size_t n);
enum json_part json_scan_next(struct json_scan *s);
/* The text is over: NULL when it is one whole value, else what is wrong or missing. A number that stands
 * alone ends here, without JSON_PART_END. */
const char *json_scan_finish(struct json_scan *s);

/* Is the container with so many others around it, which is open, an object? */
bool json_scan_is_object(const struct json_scan *s, uint32_t depth);
/* Within a string, and not within an escape? */
bool json_scan_in_text(const struct json_scan *s);

/* The bytes that the RUN or UNIT just told stands for, valid until the scan goes on; none for the first half
 * of a surrogate pair. \udc80-\udcff stand for the raw byte, as Python's surrogateescape has it. E_VALUE:
 * U+0000 or a half of a pair without the other. At the end of a text s->high must be 0, else it is
 * E_VALUE too. */
enum err json_scan_text(struct json_scan *s, enum json_part part, const char **bytes, size_t *n);

#endif
