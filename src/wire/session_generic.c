/* wire/session_generic.c - the commands that every node serves and no role needs to see: echoes, files,
 * strings, cancel_task (reference, section 4.1).
 *
 * Requests come in verified and whole. The bodies of echo, file_upd and str_upd may be long: they are worked
 * off in steps while the session does not read, so that each passes through a few kilobytes. What is said in
 * errors is what a real node's Python says, because the people who read it know those words. */
#include "base/bytes.h"
#include "wire/session_parts.h"
#include "wire/task_text.h"

#include <string.h>

/* Bodies up to this are worked off at once. */
#define AT_ONCE_BYTES (16u << 10)

void python_bytes(struct text *out, const uint8_t *bytes, size_t n) {
    bool single = memchr(bytes, '\'', n) != NULL, twice = memchr(bytes, '"', n) != NULL;
    char quote = single && !twice ? '"' : '\'';
    text_char(out, 'b');
    text_char(out, quote);
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if (c == (uint8_t)quote || c == '\\')
            text_format(out, "\\%c", c);
        else if (c == '\t' || c == '\n' || c == '\r')
            text_format(out, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : 'r');
        else if (c < 0x20 || c > 0x7e)
            text_format(out, "\\x%02x", c);
        else
            text_char(out, (char)c);
    }
    text_char(out, quote);
}

/* What Python says of data.split(b' ', 1) when there is no space. */
static void reply_no_space(struct session *s, uint32_t counter) {
    tx_reply_error(s, counter, WAZUH_INTERNAL_ERROR, 1000, "not enough values to unpack (expected 2, got 1)");
}

/* What it says of a key that is not in a dictionary. */
static void reply_no_key(struct session *s, uint32_t counter, const uint8_t *key, size_t n) {
    char buf[WAZUH_EXTRA_BYTES];
    struct text text;
    text_init(&text, buf, sizeof buf);
    python_bytes(&text, key, n);
    tx_reply_error(s, counter, WAZUH_INTERNAL_ERROR, 1000, buf);
}

/* ---- echo ---- */

static const char *echo_reply(enum cmd_id cmd) {
    /* A real master answers echo-c with five characters, the last a space. */
    return cmd == CMD_ECHO_C ? "ok-m " : cmd == CMD_ECHO_M ? "ok-c" : "ok";
}

/* False: the queue of long messages is full, to be tried again. */
static bool echo(struct session *s, struct message *m) {
    struct error e;
    enum err err = tx_reply_blob(s, m->counter, echo_reply(m->cmd), &m->body, &e);
    if (err == E_SPACE && m->body.size > SMALL_MAX_BYTES)
        return false;
    if (err)
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
    return true;
}

/* ---- file_upd, str_upd ---- */

/* Finds the file or string that the payload's first word names and sets s->consumed behind it. False: the
 * request is answered. */
static bool target(struct session *s, struct message *m) {
    uint8_t head[XFER_PATH_BYTES];
    size_t n = 0;
    struct error e;
    s->into_file = NULL;
    s->into_string = NULL;
    if (blob_read(&m->body, 0, head, sizeof head, &n, &e)) {
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return false;
    }
    const uint8_t *space = memchr(head, ' ', n);
    if (!space && n == m->body.size) {
        reply_no_space(s, m->counter);
        return false;
    }
    size_t key = space ? (size_t)(space - head) : n; /* no space so early: longer than any key there is */
    if (m->cmd == CMD_FILE_UPD)
        s->into_file = space ? xfer_rx_find(s, head, key) : NULL;
    else
        s->into_string = space ? xfer_string_need(s, head, key) : NULL;
    if (!s->into_file && !s->into_string) {
        reply_no_key(s, m->counter, head, key);
        return false;
    }
    s->consumed = key + 1;
    return true;
}

static void update_failed(struct session *s, const struct error *e) {
    if (s->into_file)
        xfer_rx_fail(s->into_file, e);
    else if (s->into_string)
        s->into_string->failed = true;
}

static void update_reply(struct session *s, struct message *m) {
    if (m->cmd == CMD_STR_UPD && (!s->into_string || s->into_string->failed))
        tx_reply_error(s, m->counter, WAZUH_CLUSTER_ERROR, 3000, "no room to keep the string");
    else if (m->cmd == CMD_STR_UPD)
        tx_reply_text(s, m->counter, "ok", "String updated");
    else if (s->into_file->failed)
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, s->into_file->why.what);
    else
        tx_reply_text(s, m->counter, "ok", "File updated");
}

/* Nobody wants the rest. */
static bool update_is_over(const struct session *s) {
    if (s->into_file)
        return s->into_file->failed;
    return !s->into_string || s->into_string->failed || s->into_string->body.size == s->into_string->total;
}

/* Moves some of the body on; true when all of it is dealt with and answered. */
static bool update(struct session *s, struct message *m, size_t *budget) {
    struct error e;
    while (s->consumed < m->body.size && !update_is_over(s)) {
        if (*budget == 0)
            return false;
        uint64_t left = m->body.size - s->consumed;
        size_t n = min_size(*budget, SESSION_SCRATCH_BYTES);
        const uint8_t *bytes = blob_bytes(&m->body);
        if (bytes) {
            bytes += s->consumed;
            n = left < n ? (size_t)left : n;
        } else if (blob_read(&m->body, s->consumed, s->shared->scratch, n, &n, &e)) {
            update_failed(s, &e);
            break;
        } else {
            bytes = s->shared->scratch;
        }
        if (s->into_file)
            xfer_rx_write(s->into_file, bytes, n);
        else
            xfer_string_write(s, s->into_string, bytes, n);
        s->consumed += n;
        *budget -= n;
    }
    update_reply(s, m);
    s->into_file = NULL;
    s->into_string = NULL;
    return true;
}

/* ---- file_end, cancel_task ---- */

static void file_end(struct session *s, struct message *m) {
    uint8_t buf[XFER_PATH_BYTES + SHA256_BYTES + 1];
    size_t n = 0;
    struct error e;
    const uint8_t *bytes = message_read(m, buf, sizeof buf, &n, &e);
    if (!bytes) {
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    const uint8_t *space = memchr(bytes, ' ', n);
    size_t key = space ? (size_t)(space - bytes) : n;
    struct xfer_rx *x = space ? xfer_rx_find(s, bytes, key) : NULL;
    if (x)
        xfer_rx_end(s, m->counter, x, space + 1, (size_t)m->body.size - key - 1);
    else if (!space && n == m->body.size)
        reply_no_space(s, m->counter);
    else
        reply_no_key(s, m->counter, bytes, key);
}

static void cancel_task(struct session *s, struct message *m) {
    char task_id[TASK_ID_BYTES];
    struct wazuh_error why;
    struct error e;
    size_t n = 0;
    const uint8_t *bytes = message_read(m, s->shared->scratch, SESSION_SCRATCH_BYTES, &n, &e);
    if (!bytes) {
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    const uint8_t *space = memchr(bytes, ' ', n);
    if (!space) {
        reply_no_space(s, m->counter);
        return;
    }
    size_t key = (size_t)(space - bytes);
    wazuh_error_read(&why, (const char *)space + 1, n - key - 1);
    tx_reply_text(s, m->counter, "ok", "Request received correctly");
    /* An id that no task of ours can have is nobody's. */
    if (s->events->cancelled && text_copy(task_id, sizeof task_id, (const char *)bytes, key))
        s->events->cancelled(s->owner, s, task_id, &why);
}

/* ---- all of them ---- */

/* Works on m; true when it is done with. */
static bool consume(struct session *s, struct message *m, size_t *budget) {
    return m->cmd == CMD_FILE_UPD || m->cmd == CMD_STR_UPD ? update(s, m, budget) : echo(s, m);
}

/* Begins to work on m, which is s->consuming from then on if it takes long. */
static bool consume_start(struct session *s, struct message *m) {
    size_t budget = AT_ONCE_BYTES;
    bool is_update = m->cmd == CMD_FILE_UPD || m->cmd == CMD_STR_UPD;
    if (is_update && !target(s, m))
        return false;
    if ((!is_update || m->body.size <= AT_ONCE_BYTES) && consume(s, m, &budget))
        return false;
    s->consuming = m;
    return true;
}

bool generic_step(struct session *s, size_t *budget) {
    struct message *m = s->consuming;
    if (!consume(s, m, budget))
        return m->cmd == CMD_FILE_UPD || m->cmd == CMD_STR_UPD; /* an echo waits for the socket */
    s->consuming = NULL;
    message_close(s->shared, m);
    if (s->frame_deadline_ms != UINT64_MAX) /* time in which we did not read is not the peer's */
        s->frame_deadline_ms = session_now(s) + FRAME_TIME_MS;
    return false;
}

bool generic_serve(struct session *s, struct message *m, bool *kept) {
    *kept = false;
    switch (m->cmd) {
    case CMD_ECHO:
    case CMD_ECHO_C:
    case CMD_ECHO_M:
    case CMD_FILE_UPD:
    case CMD_STR_UPD:
        *kept = consume_start(s, m);
        return true;
    case CMD_NEW_FILE:
        xfer_rx_begin(s, m);
        return true;
    case CMD_FILE_END:
        file_end(s, m);
        return true;
    case CMD_NEW_STR:
        xfer_string_begin(s, m);
        return true;
    case CMD_ERR_STR:
        xfer_string_error(s, m);
        return true;
    case CMD_CANCEL_TASK:
        cancel_task(s, m);
        return true;
    default:
        return false;
    }
}
