/* wdb_http_parts.h - between the files of the HTTP routes. A route's step appends to h->text and sets *done
 * with the last of it; an error becomes the answer, with h->status (500 unless it says otherwise). */
#ifndef PICKET_STORE_WDB_HTTP_PARTS_H
#define PICKET_STORE_WDB_HTTP_PARTS_H

#include "store/wdb_http.h"

/* Makes room in h->text for one more item of at most about 32 KB. */
enum err http_room(struct wdb_http *h, struct error *e);
/* The comma before an item, unless it is the first. */
void http_comma(struct wdb_http *h);

/* The ids of one page of rows. */
struct http_page {
    int64_t ids[HTTP_ROWS]; /* ascending */
    bool marked[HTTP_ROWS];
    uint32_t n;
};
/* Reads the page that the statement (id first, ?1: the last id before it) gives, and marks those that stand
 * in the body from ids_from to ids_to; without filter all. */
enum err http_page_read(struct wdb_http *h, enum sql id, struct http_page *p, struct error *e);

enum err http_ids(struct wdb_http *h, bool *done, struct error *e);
enum err http_ids_groups(struct wdb_http *h, bool *done, struct error *e);
enum err http_group_ids(struct wdb_http *h, bool *done, struct error *e);
enum err http_agent_groups(struct wdb_http *h, bool *done, struct error *e);
enum err http_restartinfo(struct wdb_http *h, bool *done, struct error *e);
enum err http_summary(struct wdb_http *h, bool *done, struct error *e);
enum err http_sync_get(struct wdb_http *h, bool *done, struct error *e);
enum err http_sync_post(struct wdb_http *h, bool *done, struct error *e);

#endif
