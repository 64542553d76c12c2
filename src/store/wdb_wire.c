/* wdb_wire.c - cuts what comes over wazuh-db's two sockets into requests and replies. Of HTTP it keeps one
 * head; body bytes are pointed out inside the caller's own buffer.
 *
 * What does not say beyond doubt where a message ends is refused (RFC 9112, section 11.2): two readers of one
 * stream that disagree about it would let a client hide one request inside another. */
#include "store/wdb_wire.h"

#include <string.h>
#include <strings.h>

/* ---- text frames ---- */

void wdb_frame_init(struct wdb_frame *f, uint32_t most) {
    *f = (struct wdb_frame){.most = most};
}

size_t wdb_frame_want(const struct wdb_frame *f) {
    return f->have_length ? f->length - f->got : sizeof f->head - f->head_n;
}

enum err wdb_frame_push(struct wdb_frame *f, const uint8_t *bytes, size_t n, size_t *used,
                        const uint8_t **text, size_t *text_n, bool *whole, struct error *e) {
    size_t at = 0, take;
    *used = *text_n = 0;
    *whole = false;
    while (at < n && !f->have_length) {
        f->head[f->head_n++] = bytes[at++];
        if (f->head_n < sizeof f->head)
            continue;
        f->length =
            (uint32_t)f->head[3] << 24 | (uint32_t)f->head[2] << 16 | (uint32_t)f->head[1] << 8 | f->head[0];
        f->have_length = true;
    }
    if (f->have_length && f->length > f->most)
        return error_set(e, E_LIMIT, 0, "a frame of %lu bytes, the most is %lu", (unsigned long)f->length,
                         (unsigned long)f->most);
    take = f->have_length ? f->length - f->got : 0;
    take = take < n - at ? take : n - at;
    *text = bytes + at;
    *text_n = take;
    f->got += (uint32_t)take;
    *used = at + take;
    *whole = f->have_length && f->got == f->length;
    return E_OK;
}

void wdb_frame_head(uint8_t out[4], uint32_t length) {
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(length >> 8 * i);
}

/* ---- HTTP: the head ---- */

enum {
    HEAD,
    BODY,       /* of a length that was told */
    BODY_END,   /* ... that ends with the connection */
    CHUNK_LINE, /* the line with a chunk's size */
    CHUNK,
    CHUNK_END, /* the line break after a chunk */
    TRAILER,
    WHOLE
};

void http_init(struct http *h, bool is_request, uint64_t body_most) {
    h->is_request = is_request;
    h->method[0] = h->path[0] = '\0';
    h->status = 0;
    h->keep_alive = h->chunked = h->has_length = h->expect_continue = false;
    h->length = h->got = h->chunk_left = 0;
    h->state = HEAD;
    h->head_n = 0;
    h->body_most = body_most;
    h->line_n = 0;
}

bool http_is_fresh(const struct http *h) {
    return h->state == HEAD && h->head_n == 0;
}

static enum err bad(struct error *e, const char *words) {
    return error_set(e, E_SYNTAX, 0, "HTTP: %s", words);
}

/* Lines end with CR LF and hold neither of them alone, nor any other control character. */
static enum err line_byte(char before, char c, struct error *e) {
    if ((before == '\r') != (c == '\n'))
        return bad(e, c == '\n' ? "a line that ends with LF alone" : "CR without LF");
    if (((unsigned char)c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
        return bad(e, "a control character in the head");
    return E_OK;
}

/* Collects lines in head until an empty one: *end. */
static enum err collect(struct http *h, const uint8_t *bytes, size_t n, size_t *used, bool *end,
                        struct error *e) {
    *end = false;
    for (*used = 0; *used < n && !*end; ++*used) {
        char c = (char)bytes[*used];
        enum err err = line_byte(h->head_n ? h->head[h->head_n - 1] : ' ', c, e);
        if (err)
            return err;
        if (h->head_n == sizeof h->head)
            return error_set(e, E_LIMIT, 0, "HTTP: a head of more than %u bytes", HTTP_HEAD_BYTES);
        h->head[h->head_n++] = c;
        if (c != '\n')
            continue;
        if (h->head_n == 2 && h->state == HEAD)
            h->head_n = 0; /* empty lines before a message mean nothing (section 2.2) */
        else
            *end = h->head_n == 2 || h->head[h->head_n - 3] == '\n';
    }
    return E_OK;
}

static bool is_token(const char *s, size_t n) {
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!s[i] || !strchr(TEXT_WORD_CHARS "!#$%&'*+-.^`|~", s[i]))
            return false;
    return true;
}

static bool is_word(const char *s, size_t n, const char *word) {
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

static unsigned hex_digit(char c) {
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 16;
}

/* The target without scheme, host and query, percent-decoded. */
static enum err path_read(struct http *h, const char *s, size_t n, struct error *e) {
    size_t len = 0, at = 0;
    if (n > 7 && strncasecmp(s, "http://", 7) == 0) /* to be understood everywhere: section 3.2.2 */
        for (at = 7; at < n && s[at] != '/';)
            at++;
    if (at >= n || s[at] != '/')
        return bad(e, "a target that is no path");
    for (; at < n && s[at] != '?'; at++) {
        unsigned c = (unsigned char)s[at];
        if (c <= ' ' || c > '~')
            return bad(e, "a target with a byte that must be escaped");
        if (c == '%') {
            unsigned high = n - at > 2 ? hex_digit(s[at + 1]) : 16,
                     low = high < 16 ? hex_digit(s[at + 2]) : 16;
            c = high << 4 | low;
            if (low > 15 || c == 0)
                return bad(e, "a target with a bad escape");
            at += 2;
        }
        if (len == sizeof h->path - 1)
            return error_set(e, E_LIMIT, 0, "HTTP: a path of more than %zu bytes", sizeof h->path - 1);
        h->path[len++] = (char)c;
    }
    h->path[len] = '\0';
    return E_OK;
}

/* "HTTP/1.0" or "HTTP/1.1"; 1.1 keeps the connection unless it says otherwise. */
static bool version_read(struct http *h, const char *s, size_t n) {
    h->keep_alive = n == 8 && memcmp(s, "HTTP/1.1", 8) == 0;
    return h->keep_alive || (n == 8 && memcmp(s, "HTTP/1.0", 8) == 0);
}

static enum err request_line(struct http *h, const char *s, size_t n, struct error *e) {
    const char *target = memchr(s, ' ', n), *version;
    size_t method_n = target ? (size_t)(target - s) : 0;
    if (!target || !is_token(s, method_n))
        return bad(e, "not a request");
    target++;
    version = memchr(target, ' ', n - method_n - 1);
    if (!version || !version_read(h, version + 1, n - (size_t)(version + 1 - s)))
        return bad(e, "a request line without a version this side speaks");
    if (!text_copy(h->method, sizeof h->method, s, method_n))
        text_copy(h->method, sizeof h->method, "?", 1); /* none of those that anybody serves */
    return path_read(h, target, (size_t)(version - target), e);
}

static enum err status_line(struct http *h, const char *s, size_t n, struct error *e) {
    uint64_t status;
    if (n < 12 || !version_read(h, s, 8) || s[8] != ' ' || !text_number(s + 9, 3, 599, &status) ||
        status < 100 || (n > 12 && s[12] != ' '))
        return bad(e, "not a reply");
    h->status = (uint16_t)status;
    return E_OK;
}

/* The items of Connection: "close" outweighs "keep-alive". */
static void connection_field(struct http *h, const char *s, size_t n, bool *close) {
    while (n) {
        const char *comma = memchr(s, ',', n);
        size_t item = comma ? (size_t)(comma - s) : n, from = 0, to = item;
        while (from < to && (s[from] == ' ' || s[from] == '\t'))
            from++;
        while (to > from && (s[to - 1] == ' ' || s[to - 1] == '\t'))
            to--;
        if (is_word(s + from, to - from, "close"))
            *close = true;
        else if (is_word(s + from, to - from, "keep-alive"))
            h->keep_alive = true;
        item += comma != NULL;
        s += item;
        n -= item;
    }
}

struct fields {
    bool close, old; /* old: HTTP/1.0 */
};

/* One line "name: value". Two lengths, or a length beside a transfer coding, are how requests are smuggled
 * (section 6.3): refused, even where they agree. */
static enum err field_read(struct http *h, struct fields *f, const char *s, size_t n, struct error *e) {
    const char *colon = memchr(s, ':', n);
    size_t name_n = colon ? (size_t)(colon - s) : 0;
    if (!is_token(s, name_n)) /* also a line that begins with a blank, which once meant "goes on" */
        return bad(e, "a field without a proper name");
    const char *v = colon + 1;
    n -= name_n + 1;
    for (; n && (*v == ' ' || *v == '\t'); n--)
        v++;
    while (n && (v[n - 1] == ' ' || v[n - 1] == '\t'))
        n--;
    if (is_word(s, name_n, "content-length")) {
        if (h->has_length || h->chunked || !text_number(v, n, UINT64_MAX, &h->length))
            return bad(e, "a Content-Length that is none, or not the only one");
        h->has_length = true;
    } else if (is_word(s, name_n, "transfer-encoding")) {
        if (h->has_length || h->chunked || f->old || !is_word(v, n, "chunked"))
            return bad(e, "a Transfer-Encoding other than chunked, or beside a length");
        h->chunked = true;
    } else if (is_word(s, name_n, "connection")) {
        connection_field(h, v, n, &f->close);
    } else if (is_word(s, name_n, "expect")) {
        h->expect_continue = is_word(v, n, "100-continue");
    }
    return E_OK;
}

static enum err head_read(struct http *h, struct error *e) {
    const char *s = h->head, *end = h->head + h->head_n - 2, *line_end = memchr(s, '\r', h->head_n);
    struct fields f = {false, false};
    size_t n = (size_t)(line_end - s);
    enum err err = h->is_request ? request_line(h, s, n, e) : status_line(h, s, n, e);
    f.old = !h->keep_alive;
    while (err == E_OK && (s = line_end + 2) < end) {
        line_end = memchr(s, '\r', (size_t)(end - s));
        err = field_read(h, &f, s, (size_t)(line_end - s), e);
    }
    h->keep_alive = h->keep_alive && !f.close;
    return err;
}

/* Where the body goes on, once the head is known. */
static enum err body_begin(struct http *h, bool *whole, struct error *e) {
    if (h->chunked) {
        h->state = CHUNK_LINE;
    } else if (h->has_length || h->is_request) {
        if (h->length > h->body_most)
            return error_set(e, E_LIMIT, 0, "HTTP: a body of %llu bytes, the most is %llu",
                             (unsigned long long)h->length, (unsigned long long)h->body_most);
        h->state = h->length ? BODY : WHOLE;
    } else {
        h->state = BODY_END;
        h->keep_alive = false;
    }
    if (!h->is_request && (h->status == 204 || h->status == 304)) /* have no body, whatever they say */
        h->state = WHOLE;
    *whole = h->state == WHOLE;
    return E_OK;
}

/* ---- HTTP: the body ---- */

/* 1*HEXDIG, then nothing or an extension that means nothing here. */
static enum err chunk_begin(struct http *h, struct error *e) {
    size_t n = h->line_n - 2u, at = 0;
    uint64_t size = 0, room = h->body_most - h->got;
    for (; at < n && hex_digit(h->line[at]) < 16; at++) {
        if (size > UINT64_MAX >> 4)
            return bad(e, "a chunk size that is none");
        size = size << 4 | hex_digit(h->line[at]);
    }
    size_t digits = at;
    while (at < n && (h->line[at] == ' ' || h->line[at] == '\t'))
        at++;
    if (digits == 0 || (digits < n && (at == n || h->line[at] != ';')))
        return bad(e, "a chunk size that is none");
    if (size > room)
        return error_set(e, E_LIMIT, 0, "HTTP: a body of more than %llu bytes",
                         (unsigned long long)h->body_most);
    h->chunk_left = size;
    h->line_n = 0;
    h->head_n = 0;
    h->state = size ? CHUNK : TRAILER;
    return E_OK;
}

static enum err chunk_line(struct http *h, const uint8_t *bytes, size_t n, size_t *used, struct error *e) {
    for (*used = 0; *used < n;) {
        char c = (char)bytes[(*used)++];
        enum err err = line_byte(h->line_n ? h->line[h->line_n - 1] : ' ', c, e);
        if (err == E_OK && h->line_n == sizeof h->line)
            err = bad(e, "a chunk size that is none");
        if (err)
            return err;
        h->line[h->line_n++] = c;
        if (c == '\n')
            return chunk_begin(h, e);
    }
    return E_OK;
}

static enum err chunk_end(struct http *h, const uint8_t *bytes, size_t n, size_t *used, struct error *e) {
    for (*used = 0; *used < n && h->state == CHUNK_END;) {
        if (bytes[(*used)++] != (uint8_t) "\r\n"[h->line_n++])
            return bad(e, "a chunk longer than it said");
        if (h->line_n < 2)
            continue;
        h->line_n = 0;
        h->state = CHUNK_LINE;
    }
    return E_OK;
}

static enum err head_push(struct http *h, const uint8_t *bytes, size_t n, size_t *used, bool *head_done,
                          bool *whole, struct error *e) {
    bool end;
    enum err err = collect(h, bytes, n, used, &end, e);
    if (err || !end)
        return err;
    err = head_read(h, e);
    if (err)
        return err;
    if (!h->is_request && h->status < 200) { /* "100 Continue": the reply is still to come */
        http_init(h, false, h->body_most);
        return E_OK;
    }
    *head_done = true;
    return body_begin(h, whole, e);
}

/* Bytes of the body that may be taken as they are. */
static uint64_t body_left(const struct http *h) {
    return h->state == BODY ? h->length - h->got : h->state == CHUNK ? h->chunk_left : h->body_most - h->got;
}

static enum err body_push(struct http *h, const uint8_t *bytes, size_t n, size_t *used, const uint8_t **body,
                          size_t *body_n, bool *whole, struct error *e) {
    uint64_t left = body_left(h);
    size_t take = n < left ? n : (size_t)left;
    if (h->state == BODY_END && take < n)
        return error_set(e, E_LIMIT, 0, "HTTP: a body of more than %llu bytes",
                         (unsigned long long)h->body_most);
    *used = *body_n = take;
    *body = bytes;
    h->got += take;
    if (h->state == CHUNK) {
        h->chunk_left -= take;
        if (!h->chunk_left)
            h->state = CHUNK_END;
    } else if (h->state == BODY && h->got == h->length) {
        h->state = WHOLE;
    }
    *whole = h->state == WHOLE;
    return E_OK;
}

enum err http_push(struct http *h, const uint8_t *bytes, size_t n, size_t *used, const uint8_t **body,
                   size_t *body_n, bool *head_done, bool *whole, struct error *e) {
    bool end = false;
    enum err err = E_OK;
    *used = *body_n = 0;
    *body = bytes;
    *head_done = *whole = false;
    switch (h->state) {
    case HEAD:
        return head_push(h, bytes, n, used, head_done, whole, e);
    case CHUNK_LINE:
        return chunk_line(h, bytes, n, used, e);
    case CHUNK_END:
        return chunk_end(h, bytes, n, used, e);
    case TRAILER:
        err = collect(h, bytes, n, used, &end, e);
        if (end)
            h->state = WHOLE;
        *whole = end;
        return err;
    case WHOLE:
        *whole = true;
        return E_OK;
    default:
        return body_push(h, bytes, n, used, body, body_n, whole, e);
    }
}

uint64_t http_want(const struct http *h) {
    return h->state == BODY || h->state == CHUNK ? body_left(h) : 0;
}

enum err http_eof(struct http *h, bool *whole, struct error *e) {
    *whole = h->state == BODY_END || h->state == WHOLE;
    return *whole ? E_OK : error_set(e, E_TRUNCATED, 0, "HTTP: the connection ended inside a message");
}

/* ---- replies of ours ---- */

static const char *reason(uint16_t status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 413:
        return "Payload Too Large";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Internal Server Error";
    }
}

void http_reply_head(struct text *out, uint16_t status, const char *type, uint64_t length, bool keep_alive) {
    text_format(out, "HTTP/1.1 %u %s\r\n", (unsigned)status, reason(status));
    if (!keep_alive)
        text_str(out, "Connection: close\r\n");
    text_format(out, "Content-Length: %llu\r\n", (unsigned long long)length);
    if (type)
        text_format(out, "Content-Type: %s\r\n", type);
    text_str(out, "\r\n");
}
