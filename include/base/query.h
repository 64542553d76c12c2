/* base/query.h - the query language of the API's parameter q, over items that are JSON objects (wazuh/core/
 * utils.py of 4.14.7, filter_array_by_query): terms of a field, an operator (= != < > ~) and a value, joined
 * by ';' (and) and ',' (or, which binds weaker).
 *
 * Brackets do not group: real nodes pass over one '(' before a term and over whatever follows a value, and so
 * does this. a.b.c looks into objects, and into all elements of lists on its way; when nothing is there, the
 * term is held against a itself. Integers are compared as such, dates (2026-01-31, with T12:00:00Z or
 * 12:00:00 behind it) as dates, everything else as text; '~' asks whether the text contains the value. Of a
 * list one element has to fit. */
#ifndef PICKET_BASE_QUERY_H
#define PICKET_BASE_QUERY_H

#include "base/json_read.h"
#include "base/text.h"

#define QUERY_TERMS 32u /* of one query */
#define QUERY_TEXT_BYTES 2048u
#define QUERY_VALUE_BYTES 8192u /* of an item: an escaped string that is longer fits nothing */

enum query_op { QUERY_EQUAL, QUERY_UNEQUAL, QUERY_LESS, QUERY_GREATER, QUERY_LIKE };

/* One term, and how it is joined to the next. */
struct query_term {
    uint16_t field, value; /* where they begin in text; C strings, the names below field right behind it */
    uint16_t below;        /* names below field: 2 for a.b.c */
    uint8_t op;            /* enum query_op */
    bool or_next;          /* joined to the next with ',' */
};
struct query {
    uint32_t count;
    struct query_term terms[QUERY_TERMS];
    char text[QUERY_TEXT_BYTES];
};

/* E_SYNTAX, with the words of Wazuh's 1407 ("Parameter 'q' is not valid: 'a'"); E_LIMIT. An empty query has
 * no terms and fits everything. Every term is judged here, where real nodes judge those that an item reaches.
 */
enum err query_parse(struct query *q, const char *text, size_t n, struct error *e);
/* Does the object at index of d fit? A field that it has not fits nothing, as real nodes have it. Where those
 * fail (null < "x": error 1000), != fits and everything else does not. */
bool query_fits(const struct query *q, const struct json_doc *d, size_t object);

#endif
