/* small_libc.c - the shipped program's snprintf: base/print in the place of the C library's.
 *
 * musl brings 14 KB for it (long doubles, wide characters, error texts), for us and for its own inet_ntop.
 * Tests do not link this file; test_print compares the two. */
#include "base/print.h"

#include <stdio.h>

int vsnprintf(char *restrict out, size_t cap, const char *restrict format, va_list args) {
    return print_vto(out, cap, format, args);
}

int snprintf(char *restrict out, size_t cap, const char *restrict format, ...) {
    va_list args;

    va_start(args, format);
    int n = print_vto(out, cap, format, args);
    va_end(args);
    return n;
}
