/* print.c - a small snprintf. Knows no locale, no wide characters, no %n; reads only its arguments and writes
 * only to the caller's buffer. */
#include "base/print.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct out {
    char *to;
    size_t cap;
    size_t n; /* length so far, whether it fitted or not */
};

struct spec {
    bool left, zero;
    int width;
    int precision; /* < 0: none */
    int longs;     /* -2 char, -1 short, 0 int, 1 the size of long and pointers, 2 long long */
};

static void put(struct out *o, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++, o->n++)
        if (o->n + 1 < o->cap)
            o->to[o->n] = bytes[i];
}

static void pad(struct out *o, char c, int n) {
    while (n-- > 0)
        put(o, &c, 1);
}

/* One item: sign, zeros up to digits characters, then the bytes; the whole padded to the width. */
static void field(struct out *o, const struct spec *s, bool minus, const char *bytes, size_t n, int digits) {
    int zeros = digits > (int)n ? digits - (int)n : 0;
    int blanks = s->width - (int)n - zeros - minus;

    if (!s->left)
        pad(o, ' ', blanks);
    put(o, "-", minus);
    pad(o, '0', zeros);
    put(o, bytes, n);
    if (s->left)
        pad(o, ' ', blanks);
}

/* The digits of v, written backwards from end; returns where they start. */
static char *digits_of(char *end, uint64_t v, unsigned base, bool upper) {
    do
        *--end = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[v % base];
    while ((v /= base) != 0);
    return end;
}

static void number(struct out *o, const struct spec *s, uint64_t v, bool minus, unsigned base, bool upper) {
    char text[24];
    char *end = text + sizeof text, *at = digits_of(end, v, base, upper);
    int digits = s->precision;

    if (digits == 0 && v == 0)
        at = end; /* "%.0d" of 0 is nothing at all */
    if (digits < 0 && s->zero && !s->left)
        digits = s->width - minus;
    field(o, s, minus, at, (size_t)(end - at), digits);
}

static void fraction(struct out *o, const struct spec *s, double v) {
    char text[48];
    char *end = text + sizeof text, *at = end;
    int places = s->precision < 0 ? 6 : s->precision > 9 ? 9 : s->precision;
    bool minus = v < 0;
    double scale = 1;

    for (int i = 0; i < places; i++)
        scale *= 10;
    v = (minus ? -v : v) * scale;
    if (!(v < 9e18)) {
        field(o, s, false, "?", 1, 0);
        return;
    }
    uint64_t all = (uint64_t)(v + 0.5), one = (uint64_t)scale;
    if (places > 0) {
        at = digits_of(end, all % one, 10, false);
        while (end - at < places)
            *--at = '0';
        *--at = '.';
    }
    at = digits_of(at, all / one, 10, false);
    field(o, s, minus, at, (size_t)(end - at), s->zero && !s->left ? s->width - minus : 0);
}

static const char *flags(const char *f, struct spec *s) {
    for (;; f++) {
        if (*f == '-')
            s->left = true;
        else if (*f == '0')
            s->zero = true;
        else
            return f;
    }
}

/* A number in the format; stops short of what an int cannot hold. */
static const char *count(const char *f, int *n) {
    for (*n = 0; *f >= '0' && *f <= '9' && *n < INT_MAX / 20; f++)
        *n = *n * 10 + (*f - '0');
    return f;
}

static const char *size(const char *f, struct spec *s) {
    for (;; f++) {
        if (*f == 'l')
            s->longs++;
        else if (*f == 'h')
            s->longs--;
        else if (*f == 'z' || *f == 't')
            s->longs = 1;
        else if (*f == 'j')
            s->longs = 2;
        else
            return f;
    }
}

/* va_list as a member, so that it can be handed on by its address on every processor. */
struct args {
    va_list list;
};

static int64_t take_signed(struct args *a, int longs) {
    if (longs >= 2)
        return va_arg(a->list, long long);
    if (longs == 1)
        return va_arg(a->list, long);
    int v = va_arg(a->list, int);
    return longs == 0 ? v : longs == -1 ? (short)v : (signed char)v;
}

static uint64_t take_unsigned(struct args *a, int longs) {
    if (longs >= 2)
        return va_arg(a->list, unsigned long long);
    if (longs == 1)
        return va_arg(a->list, unsigned long);
    unsigned v = va_arg(a->list, unsigned);
    return longs == 0 ? v : longs == -1 ? (unsigned short)v : (unsigned char)v;
}

static void text(struct out *o, const struct spec *s, const char *t) {
    if (t == NULL)
        t = "(null)";
    field(o, s, false, t, s->precision < 0 ? strlen(t) : strnlen(t, (size_t)s->precision), 0);
}

/* One conversion, its letter at *f; false when there is no such conversion. */
static bool convert(struct out *o, const struct spec *s, char letter, struct args *a) {
    char c = '%';
    int64_t i;

    switch (letter) {
    case 'd':
    case 'i':
        i = take_signed(a, s->longs);
        number(o, s, i < 0 ? -(uint64_t)i : (uint64_t)i, i < 0, 10, false);
        return true;
    case 'u':
        number(o, s, take_unsigned(a, s->longs), false, 10, false);
        return true;
    case 'x':
    case 'X':
        number(o, s, take_unsigned(a, s->longs), false, 16, letter == 'X');
        return true;
    case 'o':
        number(o, s, take_unsigned(a, s->longs), false, 8, false);
        return true;
    case 'p':
        put(o, "0x", 2);
        number(o, s, (uintptr_t)va_arg(a->list, void *), false, 16, false);
        return true;
    case 'f':
        fraction(o, s, va_arg(a->list, double));
        return true;
    case 's':
        text(o, s, va_arg(a->list, const char *));
        return true;
    case 'c':
        c = (char)va_arg(a->list, int);
        /* fall through */
    case '%':
        field(o, s, false, &c, 1, 0);
        return true;
    default:
        return false;
    }
}

int print_vto(char *to, size_t cap, const char *format, va_list list) {
    struct out o = {to, cap, 0};
    struct args a;

    va_copy(a.list, list);
    while (*format != '\0') {
        const char *start = format;
        struct spec s = {.precision = -1};

        if (*format != '%') {
            format += strcspn(format, "%");
            put(&o, start, (size_t)(format - start));
            continue;
        }
        format = flags(format + 1, &s);
        if (*format == '*') {
            s.width = va_arg(a.list, int);
            s.left |= s.width < 0;
            s.width = s.width == INT_MIN ? 0 : abs(s.width);
            format++;
        } else {
            format = count(format, &s.width);
        }
        if (*format == '.' && format[1] == '*') {
            s.precision = va_arg(a.list, int);
            format += 2;
        } else if (*format == '.') {
            format = count(format + 1, &s.precision);
        }
        format = size(format, &s);
        if (*format != '\0' && convert(&o, &s, *format, &a)) {
            format++;
            continue;
        }
#ifdef PICKET_TEST
        abort();
#endif
        put(&o, start, (size_t)(format - start));
    }
    va_end(a.list);
    if (cap > 0)
        to[o.n < cap ? o.n : cap - 1] = '\0';
    return (int)o.n;
}

int print_to(char *to, size_t cap, const char *format, ...) {
    va_list list;

    va_start(list, format);
    int n = print_vto(to, cap, format, list);
    va_end(list);
    return n;
}
