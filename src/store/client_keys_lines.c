/* client_keys_lines.c - the grammar of etc/client.keys, and its lines out of a file in pieces of 2 KB. What
 * the lines mean for the store is client_keys.c's and client_keys_change.c's affair. */
#include "src/store/client_keys_parts.h"

#include "base/bytes.h"

#include <string.h>

/* ---- one line ---- */

/* Bytes before the next blank, or all of them. */
static size_t word_length(const char *s, size_t n) {
    const char *blank = memchr(s, ' ', n);
    return blank ? (size_t)(blank - s) : n;
}

static bool is_comment(const char *line, size_t n) {
    return n == 0 || line[0] == '#' || line[0] == ' ';
}

/* Up to 8 digits; 0 is the manager and nobody's line. */
static bool read_id(struct client_key *k, const char *s, size_t n) {
    uint64_t id;
    if (n == 0 || n > 8 || !text_number(s, n, AGENT_ID_MAX, &id) || id == 0)
        return false;
    k->id = (int64_t)id;
    return text_copy(k->id_text, sizeof k->id_text, s, n);
}

/* A word that can be shown: what the store and the log get holds no control characters. */
static bool read_word(char *out, size_t cap, const char **s, size_t *n) {
    size_t len = word_length(*s, *n);
    if (len == 0 || len == *n || !text_copy(out, cap, *s, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f) {
            out[0] = '\0';
            return false;
        }
    *s += len + 1;
    *n -= len + 1;
    return true;
}

bool client_key_parse(struct client_key *k, const char *line, size_t n) {
    *k = (struct client_key){.id = 0};
    if (is_comment(line, n))
        return false;
    size_t len = word_length(line, n);
    if (!read_id(k, line, len) || len == n)
        return false;
    line += len + 1;
    n -= len + 1;
    if (n > 0 && (line[0] == '!' || line[0] == '#')) {
        k->removed = true;
        line++;
        n--;
    }
    bool good = read_word(k->name, sizeof k->name, &line, &n) && read_word(k->ip, sizeof k->ip, &line, &n) &&
                text_copy(k->key, sizeof k->key, line, n);
    return good || k->removed; /* of a removed one the real reader looks at no more than the mark */
}

/* ---- the lines of a file ---- */

void keys_lines_rewind(struct keys_lines *l) {
    l->start = l->end = 0;
    l->number = 0;
    l->piece_at = l->piece_n = 0;
}

static void keep(struct keys_lines *l, const char *bytes, size_t n) {
    size_t room = sizeof l->line - 1 - l->n;
    l->too_long |= n > room;
    n = min_size(n, room);
    memcpy(l->line + l->n, bytes, n);
    l->n += n;
}

/* The next piece of the file, *n bytes of it: 0 at its end. */
static enum err refill(struct keys_lines *l, struct sys *sys, int fd, struct error *e) {
    ptrdiff_t r = sys->pread(sys, fd, l->piece, sizeof l->piece, l->end);
    l->piece_at = 0;
    l->piece_n = r > 0 ? (size_t)r : 0;
    return r < 0 ? error_os(e, r, "reading " CLIENT_KEYS_PATH) : E_OK;
}

enum err keys_lines_next(struct keys_lines *l, struct sys *sys, int fd, bool *more, struct error *e) {
    l->start = l->end;
    l->n = 0;
    l->too_long = false;
    l->number++;
    *more = true;
    for (;;) {
        if (l->piece_at == l->piece_n) {
            enum err err = refill(l, sys, fd, e);
            if (err != E_OK)
                return err;
            if (l->piece_n == 0) {
                *more = l->end > l->start;
                return E_OK;
            }
        }
        const char *from = l->piece + l->piece_at;
        size_t left = l->piece_n - l->piece_at;
        const char *end = memchr(from, '\n', left);
        size_t n = end ? (size_t)(end - from) : left;
        keep(l, from, n);
        n += end != NULL;
        l->piece_at += n;
        l->end += n;
        if (end)
            return E_OK;
    }
}

bool keys_line_is_comment(const struct keys_lines *l) {
    return is_comment(l->line, l->n);
}

bool keys_line_parse(struct client_key *k, const struct keys_lines *l) {
    return client_key_parse(k, l->line, l->n) && !l->too_long;
}

/* ---- states ---- */

struct keys_state keys_state_of(const struct sys_stat *st) {
    return (struct keys_state){
        .dev = st->dev, .ino = st->ino, .size = st->size, .mtime_ns = st->mtime_ns, .ctime_ns = st->ctime_ns};
}

bool keys_state_equal(const struct keys_state *a, const struct keys_state *b) {
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

enum err keys_state_get(struct keys_state *s, struct sys *sys, int fd, struct error *e) {
    struct sys_stat st;
    int r = sys->fstat(sys, fd, &st);
    if (r < 0)
        return error_os(e, r, CLIENT_KEYS_PATH);
    if (!sys_is_file(&st))
        return error_set(e, E_PATH, 0, CLIENT_KEYS_PATH " is no plain file");
    *s = keys_state_of(&st);
    return E_OK;
}
