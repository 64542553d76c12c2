/* app/words.c - see the header. */
#include "app/words.h"

#include <string.h>

void age_words(struct text *out, uint64_t s) {
    unsigned long long v = s;
    if (s == WORDS_UNKNOWN)
        text_str(out, "n/a");
    else if (s < 60)
        text_format(out, "%llus", v);
    else if (s < 3600)
        text_format(out, "%llum%02llus", v / 60, v % 60);
    else if (s < 86400)
        text_format(out, "%lluh%02llum", v / 3600, v / 60 % 60);
    else
        text_format(out, "%llud%02lluh", v / 86400, v / 3600 % 24);
}

void size_words(struct text *out, uint64_t bytes) {
    uint64_t kib = bytes / 1024, tenths = (kib * 10 + 512) / 1024; /* to the nearest; no size overflows */
    if (kib < 1024)
        text_format(out, "%llu kB", (unsigned long long)kib);
    else
        text_format(out, "%llu.%llu MB", (unsigned long long)(tenths / 10),
                    (unsigned long long)(tenths % 10));
}

void plain_words(struct text *out, const char *bytes, size_t n, unsigned width) {
    size_t shown = width && n > width ? width : n;
    for (size_t i = 0; i < shown; i++) {
        char c = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '?';
        text_char(out, shown < n && i + 1 == shown ? '~' : c);
    }
    for (size_t i = shown; i < width; i++)
        text_char(out, ' ');
}

void cell_words(char *out, size_t width, const struct json_doc *d, size_t obj, const char *key) {
    char text[512];
    const char *from = text;
    size_t i = json_find(d, obj, key), n = 0;
    struct text t;
    text_init(&t, out, width + 1);
    if (i && d->tokens[i].kind != JSON_STRING) {
        from = d->text + d->tokens[i].start;
        n = d->tokens[i].end - d->tokens[i].start;
    } else if (i && json_copy_str(d, i, text, sizeof text, &n) != E_OK) {
        n = 0;
    }
    if (n)
        plain_words(&t, from, n, n > width ? (unsigned)width : 0);
}

/* Two or four digits at *s, which moves behind them and over the sign that must follow (0: anything). */
static bool digits(const char **s, size_t n, char then, int64_t *out) {
    uint64_t v;
    if (strnlen(*s, n) < n || !text_number(*s, n, 9999, &v) || (then && (*s)[n] != then))
        return false;
    *s += n + (then != 0);
    *out = (int64_t)v;
    return true;
}

bool date_read(const char *s, int64_t *us) {
    int64_t y, mon, d, h, min, sec, micros = 0;
    if (!digits(&s, 4, '-', &y) || !digits(&s, 2, '-', &mon) || !digits(&s, 2, 'T', &d) ||
        !digits(&s, 2, ':', &h) || !digits(&s, 2, ':', &min) || !digits(&s, 2, '.', &sec))
        return false;
    size_t places = strspn(s, "0123456789");
    if (places < 1 || places > 6 || strcmp(s + places, "Z") != 0 || mon < 1 || mon > 12 || d < 1 || d > 31)
        return false;
    for (size_t i = 0; i < 6; i++)
        micros = micros * 10 + (i < places ? s[i] - '0' : 0);
    /* Days since 1970, years counted from March: the leap day is then the last one. */
    y -= mon <= 2;
    int64_t era_day = (153 * (mon + (mon > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + era_day - 719468;
    *us = (((days * 24 + h) * 60 + min) * 60 + sec) * 1000000 + micros;
    return true;
}
