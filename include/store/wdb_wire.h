/* store/wdb_wire.h - the bytes around wazuh-db's requests and replies, both ways: text frames (uint32
 * little-endian length, then text) and the part of HTTP/1.1 that its HTTP socket speaks (RFC 9112). Push
 * machines: no sockets, no files. */
#ifndef PICKET_STORE_WDB_WIRE_H
#define PICKET_STORE_WDB_WIRE_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- text frames ---- */
struct wdb_frame {
    uint8_t head[4];
    uint8_t head_n;
    bool have_length;
    uint32_t length, got;
    uint32_t most; /* longer ones are E_LIMIT */
};
void wdb_frame_init(struct wdb_frame *f, uint32_t most);
/* Takes bytes: *used of them belong to this frame. *text, *text_n: body bytes among them (may be 0). *whole:
 * the frame is over; init again for the next. */
enum err wdb_frame_push(struct wdb_frame *f, const uint8_t *bytes, size_t n, size_t *used,
                        const uint8_t **text, size_t *text_n, bool *whole, struct error *e);
/* Bytes that surely belong to this frame: whoever reads no more than so many never has to keep any. */
size_t wdb_frame_want(const struct wdb_frame *f);
void wdb_frame_head(uint8_t out[4], uint32_t length);

/* ---- HTTP/1.1 heads and bodies: requests to us, and replies to us ---- */
#define HTTP_HEAD_BYTES 2048u /* longer heads, and trailers, are E_LIMIT */

struct http {
    bool is_request;
    /* of a request */
    char method[8];
    char path[1024]; /* percent-decoded; the query is cut off */
    /* of a reply */
    uint16_t status; /* 1xx replies are passed over */
    /* of both */
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t length;
    bool expect_continue;
    /* reading */
    uint8_t state;
    uint16_t head_n;
    uint64_t got, chunk_left;
    uint64_t body_most; /* E_LIMIT beyond it */
    char line[64];
    uint8_t line_n;
    char head[HTTP_HEAD_BYTES];
};
void http_init(struct http *h, bool is_request, uint64_t body_most);
/* Takes bytes: *used of them belong to this message; *body, *body_n: body bytes among them (Transfer-Encoding
 * taken off). *head_done: method, path, status and the rest are known from now on (told once). *whole: the
 * message is over. A call may take fewer than n: call again with the rest. E_SYNTAX, E_LIMIT in words; the
 * message is lost then, and with it all that comes after it on the connection. */
enum err http_push(struct http *h, const uint8_t *bytes, size_t n, size_t *used, const uint8_t **body,
                   size_t *body_n, bool *head_done, bool *whole, struct error *e);
/* Body bytes that are sure to come next (0: nobody knows): reading no more than so many overruns nothing. */
uint64_t http_want(const struct http *h);
/* Nothing of a message has come yet. */
bool http_is_fresh(const struct http *h);
/* The peer closed: a reply without length ends so (*whole true); anything else is E_TRUNCATED. */
enum err http_eof(struct http *h, bool *whole, struct error *e);

/* The head of a reply of ours. type may be NULL when there is no body. */
void http_reply_head(struct text *out, uint16_t status, const char *type, uint64_t length, bool keep_alive);

#endif
