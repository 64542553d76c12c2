/* compact.c - JSON without blanks, as wazuh-db spells it (cJSON_PrintUnformatted): only quotes, backslashes
 * and control characters are escaped. What is not UTF-8 is left out, as Wazuh's own reader of it does
 * (decode(errors="ignore")): the text goes on to programs that would refuse all of it. */
#include "base/utf8.h"
#include "src/store/agents_parts.h"

#include <sqlite3.h>
#include <string.h>

static void escape(struct text *out, char c) {
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the byte, its letter */
    for (const char *p = letters; *p; p += 2)
        if (c == *p) {
            text_char(out, '\\');
            text_char(out, p[1]);
            return;
        }
    text_format(out, "\\u%04x", (unsigned)(unsigned char)c);
}

/* Bytes at s that stand for themselves. */
static size_t plain_run(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && (unsigned char)s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && !(s[i] & 0x80))
        i++;
    return i;
}

void compact_str(struct text *out, const char *s, size_t n) {
    char good[64];
    struct utf8_clean u = {0};
    text_char(out, '"');
    while (n) {
        size_t run = plain_run(s, n);
        text_add(out, s, run);
        u = run ? (struct utf8_clean){0} : u; /* what was begun before it is no character */
        s += run;
        n -= run;
        if (n && !(*s & 0x80)) {
            escape(out, *s++);
            n--;
            u = (struct utf8_clean){0};
            continue;
        }
        for (run = 0; run < n && run < sizeof good - 3 && s[run] & 0x80; run++)
            ;
        text_add(out, good, utf8_clean(&u, s, run, good));
        s += run;
        n -= run;
    }
    text_char(out, '"');
}

static void value(struct text *out, struct sqlite3_stmt *q, int column) {
    size_t n;
    const char *s;
    int kind = sqlite3_column_type(q, column);
    s = db_text(q, column, &n);
    if (kind == SQLITE_INTEGER || (kind == SQLITE_FLOAT && s[strcspn(s, "In")] == '\0'))
        text_add(out, s, n);
    else if (kind == SQLITE_FLOAT) /* Inf, -Inf */
        text_str(out, "null");
    else
        compact_str(out, s, n);
}

void compact_row(struct text *out, struct sqlite3_stmt *q) {
    bool first = true;
    text_char(out, '{');
    for (int i = 0; i < db_columns(q); i++) {
        if (db_is_null(q, i))
            continue;
        const char *name = db_column_name(q, i);
        text_str(out, first ? "" : ",");
        compact_str(out, name, strlen(name));
        text_char(out, ':');
        value(out, q, i);
        first = false;
    }
    text_char(out, '}');
}

void page_begin(struct page *p, struct text *out, const char *head, size_t most, size_t tail) {
    *p = (struct page){.out = out, .most = most, .tail = tail, .start = out->len};
    text_str(out, head);
}

void page_element(struct page *p) {
    p->from = p->out->len;
    text_str(p->out, p->rows ? "," : "");
}

bool page_fits(struct page *p) {
    struct text *t = p->out;
    /* one byte less than there is, as wazuh-db counts a comma for the last element too */
    bool fits = !t->cut && t->len - p->start + p->tail + 1 < p->most;
    if (!fits) {
        t->len = p->from;
        t->buf[t->len] = '\0';
        t->cut = false;
    }
    p->rows += fits;
    return fits;
}
