/* base/listing.h - a list of JSON objects, searched, filtered, sorted, cut to a page and to some of their
 * fields: what offset, limit, sort, search, select, q and distinct of the API mean (process_array of 4.14.7,
 * wazuh/core/utils.py). Items are given one by one, then the page is read one by one. */
#ifndef PICKET_BASE_LISTING_H
#define PICKET_BASE_LISTING_H

#include "base/blob.h"
#include "base/query.h"

#define LISTING_ITEM_BYTES 8192u /* JSON of one item */
#define LISTING_TOKENS 256u      /* of one item */
#define LISTING_FIELDS 8u        /* of sort, of select, of search_in_fields, each */
#define LISTING_FIELD_BYTES 64u
#define LISTING_MOST 100000u /* limit at most (1405) */

struct listing_wish {
    int64_t offset, limit; /* 0 and 500; negative ones are refused (1400, 1401), limit 0 (1406) */
    uint32_t sort_count, select_count, search_count;
    char sort[LISTING_FIELDS]
             [LISTING_FIELD_BYTES]; /* 0 of them: the items' order stays (reversed when descending)
                                     */
    bool descending;
    char select[LISTING_FIELDS][LISTING_FIELD_BYTES];
    char search_in[LISTING_FIELDS][LISTING_FIELD_BYTES];
    char search[256];          /* "": none */
    bool complementary_search; /* those without the text */
    bool distinct;
    struct query query;
};
void listing_wish_init(struct listing_wish *w); /* everything as when nothing is asked for */

struct listing {
    struct listing_wish *wish;    /* the owner's */
    struct blob *items;           /* the owner's, empty: what fits, in the order given */
    struct listing_place *places; /* the owner's memory: one per item that fits */
    uint32_t place_count, place_cap;
    uint64_t total; /* items that fit, before the page is cut */
    uint32_t at;
    uint8_t phase;
    struct json_token tokens[LISTING_TOKENS];
    char item[LISTING_ITEM_BYTES];
};
/* Where an item lies in the blob, and the beginning of what it is sorted by. */
struct listing_place {
    uint64_t at;
    uint32_t n, order;
    char key[24];
};

/* places: room for place_cap items; more are E_LIMIT. allowed: the fields that sort and select may name (a
 * text_item list; NULL: any). E_VALUE with *code 1403 (sort) or 1724 (select), 1400, 1401, 1405, 1406 and
 * words when the wish makes no sense. */
enum err listing_begin(struct listing *l, struct listing_wish *wish, struct blob *items,
                       struct listing_place *places, uint32_t place_cap, const char *allowed, int *code,
                       struct error *e);
/* One more item: an object of n bytes of JSON. One that is longer than LISTING_ITEM_BYTES is left out whole.
 */
enum err listing_add(struct listing *l, const char *json, size_t n, struct error *e);
/* All were given: a bounded piece of sorting. */
enum step listing_sort(struct listing *l, struct error *e);
/* The next item of the page, with only the selected fields, n bytes of JSON in l->item, valid until the next
 * call; false: the page is over, or *e says what went wrong (e->code). l->total is what totalItems is. */
bool listing_next(struct listing *l, const char **json, size_t *n, struct error *e);

#endif
