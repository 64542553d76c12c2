/* base/listing_parts.h - what the two halves of a listing share: listing.c decides which items are in it and
 * what is shown of each, listing_sort.c in which order and how often. */
#ifndef PICKET_BASE_LISTING_PARTS_H
#define PICKET_BASE_LISTING_PARTS_H

#include "base/listing.h"

enum listing_phase { LISTING_ADD, LISTING_HEAP, LISTING_DRAIN, LISTING_DISTINCT, LISTING_READY };

/* A window on text of any length that is made again for each look: bytes from .. from + cap - 1 of it. */
struct listing_view {
    char *out;
    size_t cap, from;
    size_t len; /* of the whole text, so far */
};
void listing_put(struct listing_view *v, const char *bytes, size_t n);
/* Text in small letters. */
void listing_lower(struct listing_view *v, const char *s, size_t n);
/* The same of what stands inside the quotes of a string; a character that no C string holds is '?'. */
void listing_put_lower(struct listing_view *v, const char *inside, size_t n);

/* The item at a place, read and parsed: its text lies in the blob's memory, or in l->item behind the first
 * LISTING_TOKENS bytes. false: l->why. */
bool listing_load(struct listing *l, const struct listing_place *p, struct json_doc *d);
/* The item as it is shown. It may be put into l->item. */
void listing_put_shown(struct listing *l, const struct json_doc *d, struct listing_view *v);
/* Fills in what the item is sorted by. */
void listing_key(struct listing *l, const struct json_doc *d, struct listing_place *p);

#endif
