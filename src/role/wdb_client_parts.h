/* wdb_client_parts.h - what the files of wdb_client have for each other: jobs (wdb_client.c), one request and
 * its answer (wdb_client_io.c), the text of one chunk (wdb_chunk.c). */
#ifndef PICKET_ROLE_WDB_CLIENT_PARTS_H
#define PICKET_ROLE_WDB_CLIENT_PARTS_H

#include "role/wdb_client.h"

/* ---- wdb_client_io.c: begins; the end is told by one of the calls below, never from inside ---- */

/* One text command: three pieces, of which the last two may be NULL with 0 bytes. start is copied. */
void wdb_ask_text(struct wdb_client *w, const char *start, const char *middle, size_t middle_n,
                  const char *end);
/* GET (body_to 0) or POST of a part of the running job's blob, to /v1/agents/sync. */
void wdb_ask_http(struct wdb_client *w, uint64_t body_from, uint64_t body_to);
/* What is under way is over without a word; its connection is closed. */
void wdb_ask_nothing(struct wdb_client *w);
void wdb_connections_init(struct wdb_client *w);
void wdb_connections_fini(struct wdb_client *w);

/* ---- wdb_client.c ---- */

#define WDB_GROUPS_GET "global sync-agent-groups-get "

enum wdb_phase {
    WDB_FREE,
    WDB_ASKED, /* a request is under way */
    WDB_CHECK, /* first pass over a string that is to be written */
    WDB_APPLY  /* second pass: chunk by chunk */
};

bool wdb_is_read(const struct store_job *j);
enum string_kind wdb_string_kind(const struct wdb_client *w); /* of the running job */
/* The running job is over: e NULL, or why it failed. The last thing a function does. */
void wdb_finish(struct wdb_client *w, const struct error *e);

/* Called by wdb_client_io.c. The whole answer to a text command, reply_n bytes in texts->reply, a NUL after
 * them; or all of an HTTP answer was told, and its status is in w->head. */
void wdb_answered(struct wdb_client *w);
/* No answer will come. */
void wdb_failed(struct wdb_client *w, const struct error *e);

/* ---- wdb_client_read.c ---- */

void wdb_read_more(struct wdb_client *w); /* asks for the next chunk */
void wdb_read_chunk(struct wdb_client *w, char *text, size_t n, bool due);
/* The next chunk will not come. */
void wdb_read_failed(struct wdb_client *w, const struct error *e);
/* Bytes of an HTTP answer's body. An error ends the request, and is what wdb_failed is told. */
enum err wdb_answer_body(struct wdb_client *w, const char *bytes, size_t n, struct error *e);
void wdb_http_answered(struct wdb_client *w);

/* ---- wdb_client_write.c ---- */

void wdb_write_begin(struct wdb_client *w);
void wdb_write_step(struct wdb_client *w); /* a slice of a pass */
/* What wazuh-db said to a chunk. */
void wdb_written(struct wdb_client *w, bool good, const char *words);

/* ---- wdb_chunk.c ---- */

/* The text of a chunk of agent information, or the lists of GET /v1/agents/sync: counts agents. c->rows
 * grows. */
extern const struct json_stream_events wdb_lists_events; /* arg is a struct wdb_chunk */
enum err wdb_info_chunk(struct wdb_chunk *c, const char *text, size_t n, struct error *e);
/* The text of a chunk of agent groups, [{"data":[..],"hash":..}]. keep: at least the text's length and one
 * byte; c->data points into it (NULL when there is none), with keep NULL it is not wanted. */
enum err wdb_groups_chunk(struct wdb_chunk *c, const char *text, size_t n, char *keep, size_t keep_cap,
                          struct error *e);

#endif
