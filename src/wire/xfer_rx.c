/* wire/xfer_rx.c - files being received: new_file, file_upd, file_end (reference, section 4.1).
 *
 * Paths are names, not places: the owner says in file_begin where the bytes go. They are compared byte by
 * byte, as a real node does. */
#include "wire/session_parts.h"

#include <string.h>

#define ROOT "/queue/cluster/"

static bool component_ok(const uint8_t *c, size_t n) {
    if (n == 0 || (n == 1 && c[0] == '.') || (n == 2 && c[0] == '.' && c[1] == '.'))
        return false; /* no way out of the folder, and one spelling for each path */
    for (size_t i = 0; i < n; i++)
        if (c[i] <= ' ' || c[i] == 0x7f) /* a space would end the name in file_upd */
            return false;
    return true;
}

/* Below queue/cluster and nowhere else (CVE-2026-25770). */
static bool path_ok(const uint8_t *path, size_t n) {
    size_t at = sizeof ROOT - 1;
    if (n <= at || n >= XFER_PATH_BYTES || memcmp(path, ROOT, at) != 0)
        return false;
    for (;;) {
        const uint8_t *slash = memchr(path + at, '/', n - at);
        size_t end = slash ? (size_t)(slash - path) : n;
        if (!component_ok(path + at, end - at))
            return false;
        if (!slash)
            return true;
        at = end + 1;
    }
}

struct xfer_rx *xfer_rx_find(struct session *s, const uint8_t *path, size_t n) {
    for (struct xfer_rx *x = s->files; x; x = x->next)
        if (strlen(x->path) == n && memcmp(x->path, path, n) == 0)
            return x;
    return NULL;
}

static void close_file(struct session *s, struct xfer_rx *x) {
    struct xfer_rx **at = &s->files;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    pool_give(s->shared->receivers, x);
}

/* Tells the owner how the file ended, when x is gone already. */
static void end_file(struct session *s, struct xfer_rx *x, bool good) {
    char path[XFER_PATH_BYTES];
    memcpy(path, x->path, sizeof path);
    close_file(s, x);
    if (s->events->file_end)
        s->events->file_end(s->owner, s, path, good);
}

static size_t count(const struct session *s) {
    size_t n = 0;
    for (const struct xfer_rx *x = s->files; x; x = x->next)
        n++;
    return n;
}

static struct xfer_rx *take(struct session *s) {
    return count(s) < XFER_FILES_PER_SESSION ? pool_take(s->shared->receivers) : NULL;
}

/* Gives up the oldest file that failed, or whose task is over: a peer that lost track of its files and never
 * ends them would else send us none until it connects anew. */
static bool drop_failed(struct session *s) {
    struct xfer_rx *oldest = NULL;
    for (struct xfer_rx *x = s->files; x; x = x->next) /* the newest first */
        if (x->failed)
            oldest = x;
    if (oldest)
        end_file(s, oldest, false);
    return oldest != NULL;
}

void xfer_rx_begin(struct session *s, struct message *m) {
    uint8_t buf[XFER_PATH_BYTES];
    size_t n = 0;
    struct error e = {.code = E_OK};
    const uint8_t *path = message_read(m, buf, sizeof buf, &n, &e);
    if (!path || !s->events->file_begin || !path_ok(path, n)) {
        tx_reply_text(s, m->counter, "err", "Write path not allowed");
        return;
    }
    struct xfer_rx *x = xfer_rx_find(s, path, n);
    if (x) /* begun anew, as in a real node */
        end_file(s, x, false);
    x = take(s);
    if (!x && drop_failed(s))
        x = take(s);
    if (!x) {
        tx_reply_error(s, m->counter, WAZUH_CLUSTER_ERROR, 3000, "too many files are being received");
        return;
    }
    memset(x, 0, sizeof *x);
    memcpy(x->path, path, n);
    sha256_init(&x->hash);
    if (s->events->file_begin(s->owner, s, x->path, &x->sink, &e)) {
        pool_give(s->shared->receivers, x);
        tx_reply_error(s, m->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    x->next = s->files;
    s->files = x;
    tx_reply_text(s, m->counter, "ok ", "Ready to receive new file"); /* that space is a real node's */
}

void xfer_rx_fail(struct xfer_rx *x, const struct error *why) {
    x->failed = true;
    x->why = *why;
}

void xfer_rx_orphan(struct session *s, const char *path) {
    struct xfer_rx *x = xfer_rx_find(s, (const uint8_t *)path, strlen(path));
    struct error why;
    if (!x || x->failed)
        return;
    error_set(&why, E_CANCELLED, 0, "the task of this file is over");
    xfer_rx_fail(x, &why);
}

void xfer_rx_write(struct xfer_rx *x, const uint8_t *bytes, size_t n) {
    struct error e;
    if (x->failed)
        return;
    sha256_push(&x->hash, bytes, n);
    x->bytes += n;
    if (x->sink->write(x->sink, bytes, n, &e))
        xfer_rx_fail(x, &e);
}

void xfer_rx_end(struct session *s, uint32_t counter, struct xfer_rx *x, const uint8_t *digest, size_t n) {
    uint8_t own[SHA256_BYTES];
    sha256_out(&x->hash, own);
    if (x->failed) {
        tx_reply_error(s, counter, WAZUH_INTERNAL_ERROR, 1000, x->why.what);
        end_file(s, x, false);
    } else if (n != sizeof own || memcmp(own, digest, sizeof own) != 0) {
        tx_reply_text(s, counter, "err", "File wasn't correctly received. Checksums aren't equal.");
        end_file(s, x, false);
    } else {
        tx_reply_text(s, counter, "ok", "File received correctly");
        end_file(s, x, true);
    }
}

void xfer_rx_fini(struct session *s) {
    while (s->files)
        close_file(s, s->files);
}
