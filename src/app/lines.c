/* app/lines.c - `key = value` lines out of a file, through a fixed window; the file is never held whole. */
#include "app/lines.h"

#include <string.h>

struct reader {
    char text[LINE_BYTES];
    size_t len;
    bool cut;
    uint32_t number;
    void (*each)(void *arg, const struct line *l);
    void *arg;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Removes blanks at both ends, in place. */
static char *trim(char *s) {
    while (is_blank(*s))
        s++;
    size_t n = strlen(s);
    while (n > 0 && is_blank(s[n - 1]))
        s[--n] = '\0';
    return s;
}

/* A '#' at the beginning or after a blank: what follows is for people. */
static void cut_comment(char *s) {
    for (size_t i = 0; s[i]; i++)
        if (s[i] == '#' && (i == 0 || is_blank(s[i - 1]))) {
            s[i] = '\0';
            return;
        }
}

static void line_end(struct reader *r) {
    r->text[r->len] = '\0';
    r->number++;
    cut_comment(r->text);
    char *key = trim(r->text);
    if (*key && *key != ';') {
        char *equals = strchr(key, '=');
        struct line l = {.number = r->number, .key = key, .cut = r->cut};
        if (equals) {
            *equals = '\0';
            l.key = trim(key);
            l.value = trim(equals + 1);
        }
        r->each(r->arg, &l);
    }
    r->len = 0;
    r->cut = false;
}

static void push(struct reader *r, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            line_end(r);
        else if (r->len + 1 < sizeof r->text)
            r->text[r->len++] = bytes[i] ? bytes[i] : '?'; /* a NUL would hide the rest of the line */
        else
            r->cut = true;
    }
}

enum err lines_read(struct sys *sys, int dirfd, const char *path,
                    void (*each)(void *arg, const struct line *l), void *arg, struct error *e) {
    int fd = sys->openat(sys, dirfd, path, O_RDONLY, 0);
    if (fd < 0)
        return error_os(e, fd, "%s", path);
    struct reader r = {.each = each, .arg = arg};
    char buf[512];
    ptrdiff_t n;
    while ((n = sys->read(sys, fd, buf, sizeof buf)) > 0)
        push(&r, buf, (size_t)n);
    sys->close(sys, fd);
    if (n < 0)
        return error_os(e, n, "%s", path);
    if (r.len)
        line_end(&r);
    return E_OK;
}
