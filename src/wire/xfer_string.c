/* wire/xfer_string.c - strings being received: new_str, str_upd, err_str (reference, section 4.1).
 *
 * Nothing ends a string: it is complete when it has as many bytes as new_str said, and waits for the command
 * that names its id. A real node keeps it for ever when none comes; here it has its time. */
#include "crypto/random.h"
#include "wire/session_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BIG_BYTES (256u << 20) /* MAX_TOTAL_SIZE of 4.14.5 and above */
#define ID_BYTES 11            /* a decimal 32-bit number and its NUL */

static struct xfer_string *find(struct session *s, uint32_t id) {
    for (struct xfer_string *x = s->strings; x; x = x->next)
        if (x->id == id)
            return x;
    return NULL;
}

struct xfer_string *xfer_string_need(struct session *s, const uint8_t *id, size_t n) {
    uint64_t number;
    if (!text_number((const char *)id, n, UINT32_MAX, &number) || (n > 1 && id[0] == '0'))
        return NULL; /* ids are compared as text: "07" is not 7 */
    return find(s, (uint32_t)number);
}

struct xfer_string *xfer_string_find(struct session *s, const char *id, size_t n) {
    struct xfer_string *x = xfer_string_need(s, (const uint8_t *)id, n);
    return x && !x->failed && x->body.size == x->total ? x : NULL;
}

void xfer_string_drop(struct session *s, struct xfer_string *x) {
    struct xfer_string **at = &s->strings;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    if (s->into_string == x)
        s->into_string = NULL;
    blob_reset(&x->body);
    pool_give(s->shared->strings, x);
}

static size_t count(const struct session *s) {
    size_t n = 0;
    for (const struct xfer_string *x = s->strings; x; x = x->next)
        n++;
    return n;
}

/* The decimal number that the whole payload is. False: the request is answered, in Python's words (which call
 * the value bytes or text, as prefix says). */
static bool size_read(struct session *s, const struct message *m, const char *prefix, uint64_t *total) {
    size_t n;
    const char *digits = message_text(m, &n); /* cmds.def: 20 bytes at most, so in memory */
    if (digits && text_number(digits, n, UINT64_MAX, total))
        return true;
    char buf[160], repr[96];
    struct text text;
    text_init(&text, repr, sizeof repr);
    python_bytes(&text, (const uint8_t *)(digits ? digits : ""), n);
    snprintf(buf, sizeof buf, "invalid literal for int() with base 10: %s%s", prefix, repr + 1);
    tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, buf);
    return false;
}

static bool new_id(struct session *s, uint32_t *id) {
    do
        if (random_u32(s->shared->sys, id, NULL))
            return false;
    while (find(s, *id));
    return true;
}

void xfer_string_begin(struct session *s, struct message *m) {
    uint64_t total;
    uint32_t id;
    char words[ID_BYTES];
    if (!size_read(s, m, "b", &total))
        return;
    if (total > BIG_BYTES && s->shared->dialect->big_string_error) {
        tx_reply_text(s, m->counter, "error", "Requested size exceeds maximum allowed limit");
        return;
    }
    if (total > s->shared->message_bytes) {
        char extra[48];
        snprintf(extra, sizeof extra, "a string of %" PRIu64 " bytes", total);
        tx_reply_error(s, m->counter, WAZUH_CLUSTER_ERROR, 3050, extra);
        return;
    }
    struct xfer_string *x =
        count(s) < XFER_STRINGS_PER_SESSION && new_id(s, &id) ? pool_take(s->shared->strings) : NULL;
    if (!x) {
        tx_reply_error(s, m->counter, WAZUH_CLUSTER_ERROR, 3000, "too many strings are being received");
        return;
    }
    x->id = id;
    x->failed = false;
    x->total = total;
    x->since_ms = session_now(s);
    blob_init(&x->body, x->small, sizeof x->small, s->shared->windows, s->shared->spill, total);
    x->next = s->strings;
    s->strings = x;
    snprintf(words, sizeof words, "%" PRIu32, id);
    tx_reply_text(s, m->counter, "ok", words);
}

void xfer_string_write(struct session *s, struct xfer_string *x, const uint8_t *bytes, size_t n) {
    uint64_t left = x->total - x->body.size;
    if (x->failed)
        return;
    if (n > left)
        n = (size_t)left; /* what is too much is dropped (reference, pitfall 12) */
    x->since_ms = session_now(s);
    if (blob_append(&x->body, bytes, n, NULL)) {
        x->failed = true;
        blob_reset(&x->body);
    }
}

/* Frees the oldest string of that size which has no content, or content that begins with NUL: what a real
 * node takes for the rest of a string that was never sent. */
void xfer_string_error(struct session *s, struct message *m) {
    uint64_t total;
    char words[ID_BYTES];
    struct xfer_string *oldest = NULL;
    if (!size_read(s, m, "", &total))
        return;
    for (struct xfer_string *x = s->strings; x; x = x->next) { /* the newest first */
        uint8_t first = 0;
        size_t n;
        bool read = x->body.size == 0 || blob_read(&x->body, 0, &first, 1, &n, NULL) == E_OK;
        if (x->total == total && read && first == 0)
            oldest = x;
    }
    if (!oldest) {
        tx_reply_text(s, m->counter, "ok", "None");
        return;
    }
    snprintf(words, sizeof words, "%" PRIu32, oldest->id);
    xfer_string_drop(s, oldest);
    tx_reply_text(s, m->counter, "ok", words);
}

uint64_t xfer_string_deadline(const struct session *s) {
    uint64_t first = UINT64_MAX;
    for (const struct xfer_string *x = s->strings; x; x = x->next)
        if (x->since_ms + XFER_STRING_IDLE_MS < first)
            first = x->since_ms + XFER_STRING_IDLE_MS;
    return first;
}

void xfer_string_tick(struct session *s, uint64_t now_ms) {
    for (struct xfer_string *x = s->strings, *next; x; x = next) {
        next = x->next;
        if (x->since_ms + XFER_STRING_IDLE_MS <= now_ms)
            xfer_string_drop(s, x);
    }
}

void xfer_string_fini(struct session *s) {
    while (s->strings)
        xfer_string_drop(s, s->strings);
}
