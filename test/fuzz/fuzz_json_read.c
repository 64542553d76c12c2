/* fuzz_json_read.c - any bytes into json_parse; what it accepts is walked, looked up, and written back: the
 * text that json_write makes of it must parse to the same tokens. */
#include "base/json_read.h"
#include "base/json_write.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS 256

static void must(int holds) {
    if (!holds)
        abort();
}

/* A number or literal as it is, a string unescaped and escaped again; false when it holds what no C string
 * holds. */
static int write_plain(struct json_write *w, const struct json_doc *d, size_t i, int is_key) {
    static char copy[4096];
    const struct json_token *t = &d->tokens[i];
    size_t n;
    if (t->kind != JSON_STRING) {
        json_raw(w, d->text + t->start, t->end - t->start);
        return 1;
    }
    if (json_copy_str(d, i, copy, sizeof copy, &n) != E_OK)
        return 0;
    if (is_key)
        json_key_n(w, copy, n);
    else
        json_str_n(w, copy, n);
    return 1;
}

/* Writes the whole document; containers that are open lie on a stack. */
static int write_back(struct json_write *w, const struct json_doc *d) {
    uint32_t open[40];
    int depth = 0;
    for (size_t i = 0; i < d->count || depth;) {
        if (depth && i == d->tokens[open[depth - 1]].next) {
            json_close(w, d->tokens[open[--depth]].kind == JSON_OBJECT ? '}' : ']');
            continue;
        }
        const struct json_token *t = &d->tokens[i];
        int key = depth && d->tokens[open[depth - 1]].kind == JSON_OBJECT && !w->after_key;
        must(!key || t->kind == JSON_STRING);
        if (t->kind <= JSON_ARRAY) {
            must(depth < 32);
            json_open(w, t->kind == JSON_OBJECT ? '{' : '[');
            open[depth++] = (uint32_t)i;
        } else if (!write_plain(w, d, i, key)) {
            return 0;
        }
        i++;
    }
    return 1;
}

static void check_tokens(const struct json_doc *d) {
    for (size_t i = 0; i < d->count; i++) {
        const struct json_token *t = &d->tokens[i];
        must(t->start <= t->end && t->end <= d->len && t->next > i && t->next <= d->count);
        size_t members = 0, at = json_first(d, i);
        for (; at && at < t->next; at = d->tokens[at].next)
            members++;
        must(members == t->size && (!at || at == t->next));
        char name[64];
        uint64_t v;
        if (json_copy_str(d, i, name, sizeof name, NULL) == E_OK)
            json_find(d, 0, name);
        json_get_uint(d, i, UINT64_MAX, &v);
        json_get_milli(d, i, &v);
        json_is_true(d, i);
    }
    must(d->count == 0 || d->tokens[0].next == d->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct json_token tokens[TOKENS], again_tokens[TOKENS];
    static char out[65536];
    char unescaped[256];
    struct json_doc d, again;
    struct error e;
    json_unescape((const char *)data, size, unescaped, sizeof unescaped, NULL);
    if (json_parse(&d, (const char *)data, size, tokens, TOKENS, &e) != E_OK)
        return 0;
    check_tokens(&d);
    struct text text;
    struct json_write w;
    text_init(&text, out, sizeof out);
    json_write_init(&w, &text);
    if (!write_back(&w, &d) || text.cut)
        return 0;
    must(json_parse(&again, out, text.len, again_tokens, TOKENS, &e) == E_OK);
    must(again.count == d.count);
    for (size_t i = 0; i < d.count; i++)
        must(again_tokens[i].kind == tokens[i].kind && again_tokens[i].size == tokens[i].size &&
             again_tokens[i].next == tokens[i].next);
    return 0;
}
