/* base/print.h - what snprintf does, in a tenth of its size: the part of it that picket uses.
 *
 * The C library's brings 13 KB of long doubles, wide characters and error texts into a static program. */
#ifndef PICKET_BASE_PRINT_H
#define PICKET_BASE_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most cap bytes to out, the NUL included (nothing when cap is 0), and returns the length the whole
 * text has without it, as snprintf does: a result >= cap means it was cut.
 *
 * Conversions: %d %i %u %x %X %o %c %s %p %% and %f, with the flags "-" and "0", a width and a precision
 * (each a number or "*") and the sizes hh h l ll z j t. %f shows at most 9 places, is computed as a double
 * and rounds half up; what does not fit 64 bits then, and what is no number, is shown as "?". A conversion
 * that is not among these is a bug: test builds stop, others show it as it stands and take no argument for
 * it.
 */
int print_to(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
int print_vto(char *out, size_t cap, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

#endif
