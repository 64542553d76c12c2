/* logs_tail.c - the last lines of ossec.log or ossec.json, and the fields of a line; see api/logs_parts.h.
 * Nothing here knows of requests: bytes of a file in, entries out. */
#include "api/logs_parts.h"

#include "base/bytes.h"
#include "base/json_read.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

/* ---- a line ---- */

static const char levels[] = "DEBUG\0INFO\0CRITICAL\0ERROR\0WARNING\0";

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned number_of(const char *s, size_t n) {
    unsigned v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned)(s[i] - '0');
    return v;
}

/* "2026/11/20 10:31:47": a date that exists. What it says counts as UTC, as real nodes have it. */
static bool read_time(const char *s, size_t n, char out[24]) {
    static const char shape[] = "dddd/dd/dd dd:dd:dd";
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (n != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < n; i++)
        if (shape[i] == 'd' ? !is_digit(s[i]) : shape[i] == ' ' ? !is_blank(s[i]) : s[i] != shape[i])
            return false;
    unsigned year = number_of(s, 4), month = number_of(s + 5, 2), day = number_of(s + 8, 2);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (!year || !month || month > 12 || !day || day > days[month - 1] ||
        (month == 2 && day == 29 && !leap) || number_of(s + 11, 2) > 23 || number_of(s + 14, 2) > 59 ||
        number_of(s + 17, 2) > 59)
        return false;
    struct text t;
    text_init(&t, out, 24);
    text_format(&t, "%.4s-%.2s-%.2sT%.8sZ", s, s + 5, s + 8, s + 11);
    return true;
}

static void set_level(struct log_entry *e, const char *level, size_t n) {
    n = min_size(n, sizeof e->level - 1);
    for (size_t i = 0; i < n; i++)
        e->level[i] = level[i] >= 'A' && level[i] <= 'Z' ? (char)(level[i] + 32) : level[i];
    e->level[n] = 0;
}

/* Does ":", a blank, a level and ":" stand at s + i? Which level, and where it ends; else -1. */
static ptrdiff_t mark_at(const char *s, size_t n, size_t i, size_t *end) {
    if (i + 3 > n || s[i] != ':' || !is_blank(s[i + 1]))
        return -1;
    for (size_t k = 0; k < 5; k++) {
        const char *level = text_item(levels, k);
        size_t len = strlen(level);
        if (i + 2 + len < n && memcmp(s + i + 2, level, len) == 0 && s[i + 2 + len] == ':') {
            *end = i + 2 + len + 1;
            return (ptrdiff_t)k;
        }
    }
    return -1;
}

/* What follows the time is ^(\S+)(?:\[.*)?:\s(LEVEL):(.*)$ in 4.14.7: of several ways to read it, the longest
 * tag counts, and behind a tag that ends at a '[' the last level. */
static bool split_line(const char *s, size_t n, struct log_entry *e) {
    size_t word = 0, last = 0, end = 0;
    bool any = false;
    while (word < n && !is_blank(s[word]))
        word++;
    for (size_t i = n; i-- > 0 && !any;)
        if (mark_at(s, n, i, &end) >= 0) {
            last = i;
            any = true;
        }
    for (size_t tag = word; any && tag > 0; tag--) {
        size_t mark = tag;
        if (tag < n && s[tag] == '[' && last > tag)
            mark = last;
        ptrdiff_t level = mark_at(s, n, mark, &end);
        if (level < 0)
            continue;
        const char *name = text_item(levels, (size_t)level);
        set_level(e, name, strlen(name));
        e->tag = s;
        e->tag_n = tag;
        e->description = s + end;
        e->description_n = n - end;
        return true;
    }
    return false;
}

static bool read_plain(char *line, size_t n, struct log_entry *e) {
    struct utf8_clean clean = {0};
    n = utf8_clean(&clean, line, n, line);
    if (n < 21 || !is_blank(line[19]) || !read_time(line, 19, e->timestamp))
        return false;
    return split_line(line + 20, n - 20, e);
}

static bool read_json(const char *line, size_t n, char *room, struct log_entry *e) {
    static const char keys[] = "timestamp\0tag\0level\0description\0";
    struct json_token tokens[64];
    struct json_doc d;
    struct error why;
    const char *text[4];
    size_t len[4], cap = n;
    if (json_parse(&d, line, n, tokens, 64, &why) != E_OK || d.tokens[0].kind != JSON_OBJECT)
        return false;
    for (size_t k = 0; k < 4; k++) {
        size_t i = json_find(&d, 0, text_item(keys, k));
        if (!i || json_copy_str(&d, i, room, cap, &len[k]) != E_OK)
            return false;
        text[k] = room;
        room += len[k] + 1; /* with its quotes it was longer in the line */
        cap -= len[k] + 1;
    }
    e->tag = text[1];
    e->tag_n = len[1];
    set_level(e, text[2], len[2]);
    e->description = text[3];
    e->description_n = len[3];
    return read_time(text[0], len[0], e->timestamp);
}

bool log_line_read(char *line, size_t n, bool is_json, char *room, struct log_entry *e) {
    if (n && line[n - 1] == '\r')
        n--;
    if (!(is_json ? read_json(line, n, room, e) : read_plain(line, n, e)))
        return false;
    if (text_has(e->tag, e->tag_n, "rootcheck")) { /* its tags are made one */
        e->tag = "wazuh-rootcheck";
        e->tag_n = 15;
    }
    return true;
}

/* ---- the end of a file ---- */

void log_tail_init(struct log_tail *t, struct sys *sys, int fd, uint64_t size) {
    t->sys = sys;
    t->fd = fd;
    t->at = t->end = size;
    t->ends = 0;
    t->forward = t->skip = false;
    t->n = 0;
}

/* One piece towards the beginning. The line end that ends the file ends the last line, and begins none. */
static enum err go_back(struct log_tail *t, struct error *e) {
    uint64_t low = t->end > LOG_TAIL_BYTES ? t->end - LOG_TAIL_BYTES : 0;
    size_t want = (size_t)(t->at - low < sizeof t->piece ? t->at - low : sizeof t->piece);
    size_t have = 0;
    for (ptrdiff_t n = 1; have < want && n; have += (size_t)n) {
        n = t->sys->pread(t->sys, t->fd, t->piece + have, want - have, t->at - want + have);
        if (n < 0)
            return error_os(e, n, "the log");
    }
    for (size_t i = have; i-- > 0;) {
        uint64_t behind = t->at - want + i + 1;
        if (t->piece[i] == '\n' && behind < t->end && ++t->ends == LOG_LINES) {
            t->at = behind;
            t->forward = true;
            return E_OK;
        }
    }
    t->at -= want;
    t->forward = t->at == low;
    t->skip = t->forward && low > 0; /* it begins within a line */
    return E_OK;
}

static enum err end_line(struct log_tail *t, enum err (*line)(void *, char *, size_t, struct error *),
                         void *arg, struct error *e) {
    enum err err = t->skip && !t->n ? E_OK : line(arg, t->line, t->n, e);
    t->n = 0;
    t->skip = false;
    return err;
}

/* One piece towards the end; t->end is set to t->at when there is no more. */
static enum err go_forward(struct log_tail *t, enum err (*line)(void *, char *, size_t, struct error *),
                           void *arg, struct error *e) {
    size_t want = (size_t)(t->end - t->at < sizeof t->piece ? t->end - t->at : sizeof t->piece);
    ptrdiff_t n = want ? t->sys->pread(t->sys, t->fd, t->piece, want, t->at) : 0;
    enum err err = E_OK;
    if (n < 0)
        return error_os(e, n, "the log");
    if (n == 0) {
        t->end = t->at;
        return t->n ? end_line(t, line, arg, e) : E_OK;
    }
    t->at += (uint64_t)n;
    for (char *at = t->piece, *end = t->piece + n; at < end && err == E_OK;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        size_t take = t->skip ? 0 : min_size(len, sizeof t->line - t->n);
        memcpy(t->line + t->n, at, take);
        t->n += (uint32_t)take;
        t->skip = t->skip || take < len;
        at += len;
        if (stop) {
            at++;
            err = end_line(t, line, arg, e);
        }
    }
    return err;
}

enum step log_tail_step(struct log_tail *t,
                        enum err (*line)(void *arg, char *text, size_t n, struct error *e), void *arg,
                        struct error *e) {
    for (uint32_t k = 0; k < LOG_STEP_PIECES; k++) {
        if (t->forward && t->at >= t->end && !t->n)
            return STEP_DONE;
        enum err err = t->forward ? go_forward(t, line, arg, e) : go_back(t, e);
        if (err != E_OK)
            return STEP_FAILED;
    }
    return STEP_AGAIN;
}
