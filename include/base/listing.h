/* base/listing.h - a list of JSON objects, searched, filtered, sorted, cut to a page and to some of their
 * fields: what offset, limit, sort, search, select, q and distinct of the API mean (process_array of 4.14.7,
 * wazuh/core/utils.py). Items are given one by one, then the page is read one by one.
 *
 * Search: texts in small letters, everywhere in an item or only in the members named; numbers as they are
 * written, and True, False, None.
 *
 * Sort: by members of the item itself, texts in small letters; items that are equal keep their order, also
 * when descending. When values cannot be compared (one item lacks the member, or has a number where another
 * has a text), real nodes sort nothing: items with none of the members come first (last when descending), and
 * otherwise the order stays. So does this, of the items that fit.
 *
 * Select: "a.b" keeps b within a. An item without any selected field becomes {}.
 *
 * Distinct: of what is left after select, what is the same byte for byte is shown once.
 *
 * Small letters are those of Latin, Greek and Cyrillic; others stay as they are. */
#ifndef PICKET_BASE_LISTING_H
#define PICKET_BASE_LISTING_H

#include "base/blob.h"
#include "base/query.h"

#define LISTING_ITEM_BYTES 8192u /* JSON of one item */
#define LISTING_TOKENS 256u      /* of one item */
#define LISTING_FIELDS 8u        /* of sort, of select, of search_in_fields, each */
#define LISTING_FIELD_BYTES 64u
#define LISTING_MOST 100000u /* limit at most (1405) */
#define LISTING_KEY_BYTES 24u
#define LISTING_NEAR_BYTES 256u

struct listing_wish {
    int64_t offset, limit; /* 0 and 500; negative ones are refused (1400, 1401), limit 0 (1406) */
    uint32_t sort_count, select_count, search_count;
    char sort[LISTING_FIELDS][LISTING_FIELD_BYTES]; /* 0 of them: the items' order stays, also when
                                                       descending, as real nodes have it */
    bool descending;
    char select[LISTING_FIELDS][LISTING_FIELD_BYTES];
    char search_in[LISTING_FIELDS][LISTING_FIELD_BYTES];
    char search[256];          /* "": none */
    bool complementary_search; /* those without the text */
    bool distinct;
    struct query query;
};
void listing_wish_init(struct listing_wish *w); /* everything as when nothing is asked for */

/* Where an item lies in the blob, and the beginning of what it is sorted by: see listing_sort.c. */
struct listing_place {
    uint64_t at;
    uint32_t order;
    uint16_t n;
    bool cut;      /* there is more of the key */
    bool has_some; /* of the members to sort by */
    char key[LISTING_KEY_BYTES];
};

struct listing {
    struct listing_wish *wish;    /* the owner's; its search is put into small letters */
    struct blob *items;           /* the owner's, empty: what fits, in the order given */
    struct listing_place *places; /* the owner's memory: one per item that fits */
    uint32_t place_count, place_cap;
    uint64_t total; /* items that fit, before the page is cut; known when sorting is done */
    uint32_t at, heap;
    uint8_t phase;
    bool mixed; /* values that cannot be compared were met */
    struct error why;
    struct json_token tokens[LISTING_TOKENS];
    char near[2][LISTING_NEAR_BYTES];               /* of two items being compared */
    char item[LISTING_ITEM_BYTES + LISTING_TOKENS]; /* room for a separator that is one byte longer, each */
};

/* places: room for place_cap items; more are E_LIMIT. allowed: the fields that sort and select may name (a
 * text_item list; NULL: any; of "a.b" in select nothing is checked). E_VALUE with *code 1403 (sort) or 1724
 * (select), 1400, 1401, 1405, 1406 and, of 1403, 1405 and 1724, the words of real nodes when the wish makes
 * no sense. */
enum err listing_begin(struct listing *l, struct listing_wish *wish, struct blob *items,
                       struct listing_place *places, uint32_t place_cap, const char *allowed, int *code,
                       struct error *e);
/* One more item: an object of n bytes of JSON. One that is longer than LISTING_ITEM_BYTES, or has more tokens
 * than LISTING_TOKENS, is left out whole. */
enum err listing_add(struct listing *l, const char *json, size_t n, struct error *e);
/* All were given: a bounded piece of sorting. */
enum step listing_sort(struct listing *l, struct error *e);
/* The next item of the page, with only the selected fields, n bytes of JSON in l->item, valid until the next
 * call; false: the page is over, or *e says what went wrong (e->code). l->total is what totalItems is. */
bool listing_next(struct listing *l, const char **json, size_t *n, struct error *e);

#endif
