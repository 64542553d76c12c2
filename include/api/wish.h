/* api/wish.h - what a request wants of a list: its arguments offset, limit, sort, search, select, q and
 * distinct as a struct listing_wish (base/listing.h). */
#ifndef PICKET_API_WISH_H
#define PICKET_API_WISH_H

#include "api/request.h"
#include "base/listing.h"

/* Reads them all into *w, in both spellings of 4.14.7: sort {"fields", "order"} or sort_by and
 * sort_ascending; search {"value", "negation"} or search_text, complementary_search and search_in_fields.
 * before: terms that are put before the query, "" or "level=error;tag=x". E_VALUE, E_SYNTAX, E_LIMIT with
 * *why what the asker is told: 1407 for the query, 1000 for arguments of another kind. */
enum err wish_read(const struct api_request *r, const char *before, struct listing_wish *w,
                   struct wazuh_error *why);
/* A list of strings, or one string: the next item to out. *at begins at 0. false: no more, or what comes is
 * no string that fits (*bad). */
bool wish_next_name(const struct json_doc *d, size_t list, size_t *at, char *out, size_t cap, bool *bad);
/* What listing_begin refused. */
void wish_refused(struct wazuh_error *why, int code, const struct error *e);

#endif
