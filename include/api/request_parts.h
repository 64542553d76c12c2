/* api/request_parts.h - what the files of a request share. */
#ifndef PICKET_API_REQUEST_PARTS_H
#define PICKET_API_REQUEST_PARTS_H

#include "api/request.h"

/* Ends the reading with error 1000 and these words; the first refusal stays. Returns E_VALUE. */
enum err request_refuse(struct api_request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* request_members.c: the second reading. */
extern const struct json_stream_events request_members; /* of r->stream */
extern const struct json_stream_events request_names;   /* of r->names: only looks for forged objects */
void request_members_begin(struct api_request *r);
/* The JSON was whole: what can be judged only now. */
enum err request_members_end(struct api_request *r);

/* request_arguments.c: the next of texts that each end with a NUL. NULL: no more, or one that is too long. */
const char *request_id(const struct blob *ids, uint64_t *at, char text[API_ID_BYTES]);

/* request_forward.c: how to cut a member of an object so that it goes with one comma: from the comma before
 * it on, or, when it is the first, from its key on, and through the comma that may follow. value, to: where
 * its value begins and ends. The key has no quote in it. 0: there is more around it than anybody writes. */
uint64_t request_cut_begin(const struct api_request *r, uint64_t value);
uint64_t request_cut_end(const struct api_request *r, uint64_t from, uint64_t to);

#endif
