/* app/console.h - what commands print: standard output through one buffer, standard error at once. Both for
 * commands alone; a running node has its log. */
#ifndef PICKET_APP_CONSOLE_H
#define PICKET_APP_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#define STDOUT_FD 1
#define STDERR_FD 2

/* To standard output; seen after console_flush. One print is at most 2 KiB, what is longer is cut. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_bytes(const char *bytes, size_t n);
/* false: nobody reads standard output any more. */
bool console_flush(void);

/* To standard error, after everything printed so far. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A screen whose first word, up to the first ':', is its verdict: in colour on a terminal that wants it
 * (TERM is sane and NO_COLOR is not set or empty, https://no-color.org). */
enum mood { MOOD_GOOD, MOOD_BAD };
void print_screen(enum mood mood, const char *text, size_t n);

/* Is standard output a terminal whose cursor can be moved? */
bool console_can_redraw(void);
/* Clears it; the next print begins at its top. */
void console_clear(void);
/* Ends a line that is written again and again (progress): "\r" and erasing its rest. */
void console_line_again(void);

#endif
