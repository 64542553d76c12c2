/* base/err.h - error codes and the record that says what failed and where. */
#ifndef PICKET_BASE_ERR_H
#define PICKET_BASE_ERR_H

#include <stddef.h>

enum err {
#define ERR(name, words) name,
#include "errs.def"
#undef ERR
    E_COUNT
};

#define ERROR_WHAT_BYTES 224

/* One failure. The owner is whoever declared it; functions only fill it in. */
struct error {
    enum err code;
    int os;                      /* errno value of the failed call, 0 if none */
    char what[ERROR_WHAT_BYTES]; /* what and where, one line, NUL-terminated, cut if too long */
};

/* The words of errs.def for a code; never NULL. */
const char *err_words(enum err code);

/* Fills *e (which may be NULL: then only the code is returned) and returns code, so that a function
 * can say `return error_set(e, E_PATH, 0, "%s: ...", path);`. os is an errno value or 0; its text is
 * appended to what. Control characters in the result are shown as '?': what can be logged as it is. */
enum err error_set(struct error *e, enum err code, int os, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* error_set for what struct sys answered: r < 0 is a negated errno value, whose nearest code is the result.
 */
enum err error_os(struct error *e, ptrdiff_t r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before what was already said, as news travels upward. Returns e->code. */
enum err error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Maps an errno value to the nearest code (ENOENT -> E_GONE, EACCES -> E_DENIED, ENOSPC -> E_SPACE,
 * EAGAIN -> E_AGAIN, everything else E_SYS). os > 0. */
enum err err_of_os(int os);

/* A short text for an errno value ("No such file or directory"); never NULL, no allocation. */
const char *err_os_words(int os);

#endif
