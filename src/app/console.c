/* app/console.c - the two streams of a command, without the C library's. */
#include "app/console.h"

#include "base/text.h"
#include "sys/process.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 2048

static char waiting[4096]; /* for standard output */
static size_t waiting_n;
static bool broken; /* a write failed: nobody is there */

bool console_flush(void) {
    if (waiting_n && !broken)
        broken = process_write(STDOUT_FD, waiting, waiting_n) < 0;
    waiting_n = 0;
    return !broken;
}

void print_bytes(const char *bytes, size_t n) {
    while (n) {
        size_t take = sizeof waiting - waiting_n < n ? sizeof waiting - waiting_n : n;
        memcpy(waiting + waiting_n, bytes, take);
        waiting_n += take;
        bytes += take;
        n -= take;
        if (waiting_n == sizeof waiting)
            console_flush();
    }
}

void print(const char *format, ...) {
    char line[LINE_BYTES];
    struct text t;
    va_list args;
    text_init(&t, line, sizeof line);
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    print_bytes(t.buf, t.len);
}

void complain(const char *format, ...) {
    char line[LINE_BYTES];
    struct text t;
    va_list args;
    console_flush();
    text_init(&t, line, sizeof line);
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    process_write(STDERR_FD, t.buf, t.len);
}

/* ---- the terminal ---- */

bool console_can_redraw(void) {
    const char *term = getenv("TERM");
    return process_is_tty(STDOUT_FD) && term && term[0] && strcmp(term, "dumb") != 0;
}

void print_screen(enum mood mood, const char *text, size_t n) {
    const char *no = getenv("NO_COLOR"), *colon = memchr(text, ':', n);
    size_t word = colon ? (size_t)(colon - text) : 0;
    bool colour = word && (!no || !no[0]) && console_can_redraw();
    if (colour) {
        print("\033[1;%dm", mood == MOOD_GOOD ? 32 : 31); /* ECMA-48, SGR: bold green, bold red */
        print_bytes(text, word);
        print("\033[0m");
        text += word;
        n -= word;
    }
    print_bytes(text, n);
}

void console_clear(void) {
    print("\033[H\033[J");
}

void console_line_again(void) {
    print("\r\033[K");
}
