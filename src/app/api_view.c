/* app/api_view.c - see the header. Items that are flat objects with the same few members become a table when
 * it fits 80 columns; all others blocks of "member: value" lines, what is nested with dots between the names.
 */
#include "app/api_view.h"

#include "app/console.h"
#include "app/scratch.h"
#include "app/words.h"

#include <string.h>

#define COLUMNS_MOST 10u
#define SCREEN 80u
#define TOKENS 1024u
#define NESTED_MOST 6u
#define KEY_BYTES 128u
#define FAILED 1

static struct json_token tokens[TOKENS]; /* of one item */

/* {"__wazuh_datetime__": text} stands for a date (reference, section 15): its text, else i itself. */
static size_t without_date(const struct json_doc *d, size_t i) {
    size_t date = d->tokens[i].kind == JSON_OBJECT ? json_find(d, i, "__wazuh_datetime__") : 0;
    return date ? date : i;
}

static bool is_scalar(const struct json_doc *d, size_t i) {
    i = without_date(d, i);
    return d->tokens[i].kind != JSON_OBJECT && d->tokens[i].kind != JSON_ARRAY;
}

/* A value in one line; an array of scalars with commas between them, other containers as they are. */
static void value_words(struct text *out, const struct json_doc *d, size_t i) {
    i = without_date(d, i);
    const struct json_token *t = &d->tokens[i];
    char text[1024];
    size_t n;
    if (t->kind == JSON_ARRAY) {
        size_t at = json_first(d, i);
        for (uint32_t k = 0; k < t->size; k++, at = d->tokens[at].next) {
            text_str(out, k ? ", " : "");
            if (is_scalar(d, at))
                value_words(out, d, at);
            else
                plain_words(out, d->text + d->tokens[at].start, d->tokens[at].end - d->tokens[at].start, 0);
        }
    } else if (t->kind == JSON_STRING && !json_copy_str(d, i, text, sizeof text, &n)) {
        plain_words(out, text, n, 0);
    } else if (t->kind == JSON_NULL) {
        text_char(out, '-');
    } else {
        plain_words(out, d->text + t->start, t->end - t->start, 0);
    }
}

static size_t value_width(const struct json_doc *d, size_t i) {
    char line[SCREEN * 2];
    struct text t;
    text_init(&t, line, sizeof line);
    value_words(&t, d, i);
    return t.len;
}

/* ---- blocks ---- */

static bool has_objects(const struct json_doc *d, size_t i) {
    size_t at = json_first(d, i);
    for (uint32_t k = 0; k < d->tokens[i].size; k++, at = d->tokens[at].next)
        if (!is_scalar(d, at))
            return true;
    return false;
}

/* Goes through all members below i; the longest name, or with print the lines themselves. NESTED_MOST bounds
 * the depth: what lies deeper is shown as it is. */
static size_t block(struct text *out, const struct json_doc *d, size_t i, const char *name, unsigned depth,
                    size_t width) {
    i = without_date(d, i);
    const struct json_token *t = &d->tokens[i];
    bool object = t->kind == JSON_OBJECT, nested = object || (t->kind == JSON_ARRAY && has_objects(d, i));
    if (!nested || !t->size || depth == NESTED_MOST) {
        if (out) {
            text_format(out, "%s:%*s", name, (int)(width + 1 - strlen(name)), "");
            value_words(out, d, i);
            text_char(out, '\n');
        }
        return strlen(name);
    }
    size_t most = 0, at = json_first(d, i);
    for (uint32_t k = 0; k < t->size; k++, at = d->tokens[at].next) {
        char inner[KEY_BYTES];
        struct text n;
        text_init(&n, inner, sizeof inner);
        text_format(&n, "%s%s", name, name[0] ? "." : "");
        if (object)
            plain_words(&n, d->text + d->tokens[at].start, d->tokens[at].end - d->tokens[at].start, 0);
        else
            text_format(&n, "%u", k);
        size_t len = block(out, d, at + object, inner, depth + 1, width);
        most = len > most ? len : most;
    }
    return most;
}

static void print_block(struct text *out, const struct json_doc *d, const char *name) {
    block(out, d, 0, name, 0, block(NULL, d, 0, name, 0, 0));
}

/* ---- tables ---- */

struct columns {
    uint32_t count;
    size_t width[COLUMNS_MOST];
    char name[COLUMNS_MOST][32];
};

static int column_of(const struct columns *c, const struct json_doc *d, size_t key) {
    size_t n = d->tokens[key].end - d->tokens[key].start;
    for (uint32_t i = 0; i < c->count; i++)
        if (strlen(c->name[i]) == n && !memcmp(c->name[i], d->text + d->tokens[key].start, n))
            return (int)i;
    return -1;
}

/* Does one more item fit the table? Members that no item had before become columns. */
static bool fits(struct columns *c, const struct json_doc *d) {
    if (d->tokens[0].kind != JSON_OBJECT || !d->tokens[0].size)
        return false;
    size_t key = json_first(d, 0), sum = 0;
    for (uint32_t k = 0; k < d->tokens[0].size; k++, key = d->tokens[key].next) {
        int i = column_of(c, d, key);
        size_t n = d->tokens[key].end - d->tokens[key].start;
        if (!is_scalar(d, key + 1) && (d->tokens[key + 1].kind == JSON_OBJECT || has_objects(d, key + 1)))
            return false;
        if (i < 0) {
            i = (int)c->count;
            if (i == COLUMNS_MOST ||
                !text_copy(c->name[i], sizeof c->name[i], d->text + d->tokens[key].start, n))
                return false;
            c->width[c->count++] = n;
        }
        size_t w = value_width(d, key + 1);
        c->width[i] = w > c->width[i] ? w : c->width[i];
    }
    for (uint32_t i = 0; i < c->count; i++)
        sum += c->width[i] + (i ? 2 : 0);
    return sum <= SCREEN;
}

static void print_row(const struct columns *c, const struct json_doc *d) {
    char line[SCREEN * 2];
    struct text t;
    text_init(&t, line, sizeof line);
    for (uint32_t i = 0; i < c->count; i++) {
        size_t from = t.len, value = d ? json_find(d, 0, c->name[i]) : 0;
        if (!d)
            for (const char *s = c->name[i]; *s; s++)
                text_char(&t, *s >= 'a' && *s <= 'z'  ? (char)(*s - 32)
                              : *s == '_'             ? ' '
                              : *s > ' ' && *s < 0x7f ? *s
                                                      : '?');
        else if (value)
            value_words(&t, d, value);
        else
            text_char(&t, '-');
        for (size_t w = t.len - from; w < c->width[i] + 2 && i + 1 < c->count; w++)
            text_char(&t, ' ');
    }
    print("%s\n", line);
}

/* ---- items ---- */

static bool parse(struct json_doc *d, const char *json) {
    return json_parse(d, json, strlen(json), tokens, TOKENS, NULL) == E_OK;
}

static void print_item(const struct json_doc *d, const char *json, bool ok) {
    static char lines[ANSWER_ITEM_BYTES * 2];
    struct text t;
    text_init(&t, lines, sizeof lines);
    if (!ok) {
        plain_words(&t, json, strlen(json), 0); /* more members than can be taken apart */
        text_char(&t, '\n');
    } else if (d->tokens[0].kind == JSON_OBJECT && d->tokens[0].size) {
        print_block(&t, d, "");
    } else {
        value_words(&t, d, 0);
        text_char(&t, '\n');
    }
    print_bytes(t.buf, t.len);
    if (ok && d->tokens[0].kind == JSON_OBJECT)
        print("\n");
}

/* All items that were collected. */
static void print_items(struct api_view *view) {
    static struct columns c;
    const char *items = scratch()->text;
    struct json_doc d;
    bool table = view->n > 0;
    c.count = 0;
    for (size_t at = 0; at < view->n && table; at += strlen(items + at) + 1)
        table = parse(&d, items + at) && fits(&c, &d);
    if (table)
        print_row(&c, NULL);
    for (size_t at = 0; at < view->n; at += strlen(items + at) + 1) {
        bool ok = parse(&d, items + at);
        if (table)
            print_row(&c, &d);
        else
            print_item(&d, items + at, ok);
    }
    view->n = 0;
}

static enum err on_item(void *arg, const char *json, size_t n, struct error *e) {
    struct api_view *view = arg;
    (void)e;
    if (view->n + n + 1 > SCRATCH_TEXT_BYTES) {
        print_items(view);
        view->printed = true;
    }
    memcpy(scratch()->text + view->n, json, n);
    scratch()->text[view->n + n] = '\0';
    view->n += n + 1;
    view->items++;
    return E_OK;
}

/* "data" is a name that every answer has: its members are shown without it. */
static enum err on_member(void *arg, const char *key, const char *json, size_t n, struct error *e) {
    struct api_view *view = arg;
    struct json_doc d;
    (void)e;
    if (json_parse(&d, json, n, tokens, TOKENS, NULL) == E_OK) {
        bool data = d.tokens[0].kind == JSON_OBJECT && key && !strcmp(key, "data");
        print_block(&view->told, &d, data ? "" : key ? key : "");
    } else {
        text_format(&view->told, "%s: ", key ? key : "");
        plain_words(&view->told, json, n, 0);
        text_char(&view->told, '\n');
    }
    return E_OK;
}

static enum err on_failed(void *arg, const struct wazuh_error *why, const char *ids, size_t n,
                          struct error *e) {
    struct api_view *view = arg;
    struct json_doc d;
    char words[512];
    struct text t;
    (void)e;
    text_str(&view->told, "failed: ");
    if (json_parse(&d, ids, n, tokens, TOKENS, NULL) == E_OK)
        value_words(&view->told, &d, 0);
    else
        text_str(&view->told, "many");
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, why);
    text_str(&view->told, ": ");
    plain_words(&view->told, words, t.len, 0);
    text_char(&view->told, '\n');
    return E_OK;
}

/* What each node said of it: dapi_errors {"node": {"error": words, ...}}. */
static void on_exception(void *arg, const char *json, size_t n) {
    struct api_view *view = arg;
    struct json_doc d;
    if (json_parse(&d, json, n, tokens, TOKENS, NULL) != E_OK)
        return;
    size_t object = json_find(&d, 0, "__object__"),
           errors = object ? json_find(&d, object, "dapi_errors") : 0;
    size_t key = errors ? json_first(&d, errors) : 0;
    for (uint32_t k = key ? d.tokens[errors].size : 0; k > 0; k--, key = d.tokens[key].next) {
        size_t words = json_find(&d, key + 1, "error");
        text_str(&view->told, "at ");
        value_words(&view->told, &d, key);
        text_str(&view->told, ": ");
        if (words)
            value_words(&view->told, &d, words);
        text_char(&view->told, '\n');
    }
}

const struct answer_events api_view_events = {
    .item = on_item, .member = on_member, .failed = on_failed, .exception = on_exception};

void api_view_init(struct api_view *view) {
    memset(view, 0, sizeof *view);
    text_init(&view->told, view->room, sizeof view->room);
}

static void print_verdict(const struct api_view *view, const struct answer *a, bool bad) {
    char line[700], words[600];
    struct text t, w;
    text_init(&t, line, sizeof line);
    text_init(&w, words, sizeof words);
    if (a->kind == ANSWER_EXCEPTION)
        wazuh_error_words(&w, &a->error);
    else
        text_str(&w, answer_message(a));
    text_str(&t, !bad ? "OK: " : a->total && a->kind == ANSWER_ITEMS ? "PARTLY FAILED: " : "FAILED: ");
    plain_words(&t, words, w.len, 0);
    if (a->kind == ANSWER_ITEMS) {
        text_format(&t, "%s(%llu", w.len ? " " : "", (unsigned long long)view->items);
        if (a->total != view->items)
            text_format(&t, " of %llu", (unsigned long long)a->total);
        text_format(&t, "%s)", a->failed ? " done" : "");
    }
    text_char(&t, '\n');
    if (a->kind != ANSWER_PLAIN)
        print_screen(bad ? MOOD_BAD : MOOD_GOOD, t.buf, t.len);
}

int api_view_finish(struct api_view *view, const struct answer *a) {
    bool bad = a->failed || a->kind == ANSWER_EXCEPTION || a->kind == ANSWER_OTHER;
    if (!view->printed)
        print_verdict(view, a, bad);
    print_items(view);
    print_bytes(view->told.buf, view->told.len);
    if (view->told.cut)
        print("... and more (--json has all)\n");
    if (a->left_out)
        print("%llu were too long to be shown (--json has all)\n", (unsigned long long)a->left_out);
    if (view->printed)
        print_verdict(view, a, bad);
    return bad ? FAILED : 0;
}
