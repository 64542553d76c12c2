/* base/query.h - the query language of the API's parameter q, over items that are JSON objects:
 * field, operator (= != < > ~), value; joined by ';' (and) and ',' (or); brackets (reference: the API's own
 * words; wazuh/core/utils.py of 4.14.7, filter_array_by_query and WazuhDBQuery). Fields may be nested: a.b.c.
 */
#ifndef PICKET_BASE_QUERY_H
#define PICKET_BASE_QUERY_H

#include "base/json_read.h"
#include "base/text.h"

#define QUERY_TERMS 32u /* terms of one query, and brackets */
#define QUERY_TEXT_BYTES 2048u

enum query_op { QUERY_EQUAL, QUERY_UNEQUAL, QUERY_LESS, QUERY_GREATER, QUERY_LIKE };

/* One term, and how it is joined to the next. */
struct query_term {
    uint16_t field, value; /* where they begin in text; C strings */
    uint8_t op;            /* enum query_op */
    uint8_t open, close;   /* brackets before and after it */
    bool or_next;          /* joined to the next with ',', which binds weaker than ';' */
};
struct query {
    uint32_t count;
    struct query_term terms[QUERY_TERMS];
    char text[QUERY_TEXT_BYTES];
};

/* E_SYNTAX, E_LIMIT with words (Wazuh's 1407); an empty query has no terms and fits everything. */
enum err query_parse(struct query *q, const char *text, size_t n, struct error *e);
/* Does the object at index of d fit? A field that it has not fits nothing, as real nodes have it. */
bool query_fits(const struct query *q, const struct json_doc *d, size_t object);

#endif
