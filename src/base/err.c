/* base/err.c - the words for error codes and errno values, and the filling of struct error.
 *
 * Text comes from the callers and goes into the owner's struct error; nothing is allocated, printed or
 * translated. The errno table is picket's own because strerror may allocate or depend on a locale. */
#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char words[] =
#define ERR(name, text) text "\0"
#include "errs.def"
#undef ERR
    ;

static const struct {
    uint16_t os;
    uint16_t code; /* enum err */
} os_codes[] = {
#define OS_ERR(os, code, text) {os, code},
#include "os_errs.def"
#undef OS_ERR
};
#define OS_CODES (sizeof os_codes / sizeof *os_codes)

static const char os_words[] =
#define OS_ERR(os, code, text) text "\0"
#include "os_errs.def"
#undef OS_ERR
    ;

const char *err_words(enum err code) {
    return (unsigned)code < E_COUNT ? text_item(words, code) : "an unknown error";
}

static size_t os_row(int os) {
    size_t i = 0;
    while (i < OS_CODES && os_codes[i].os != os)
        i++;
    return i;
}

enum err err_of_os(int os) {
    size_t i = os_row(os);
    return i < OS_CODES ? (enum err)os_codes[i].code : E_SYS;
}

const char *err_os_words(int os) {
    size_t i = os_row(os);
    return i < OS_CODES ? text_item(os_words, i) : "Unknown error";
}

/* The text is built beside *e, because an argument may well be e->what itself. */
static void fill(struct error *e, struct text *t) {
    text_show(t->buf, t->len);
    memcpy(e->what, t->buf, t->len + 1);
}

static enum err set(struct error *e, enum err code, int os, const char *format, va_list args) {
    if (!e)
        return code;
    char buf[ERROR_WHAT_BYTES];
    struct text t;
    text_init(&t, buf, sizeof buf);
    text_vformat(&t, format, args);
    if (os) {
        const char *said = err_os_words(os);
        text_format(&t, ": %s", said);
        if (!strcmp(said, "Unknown error"))
            text_format(&t, " %d", os);
    }
    e->code = code;
    e->os = os;
    fill(e, &t);
    return code;
}

enum err error_set(struct error *e, enum err code, int os, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set(e, code, os, format, args);
    va_end(args);
    return code;
}

enum err error_os(struct error *e, ptrdiff_t r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    enum err code = set(e, err_of_os((int)-r), (int)-r, format, args);
    va_end(args);
    return code;
}

enum err error_prefix(struct error *e, const char *format, ...) {
    if (!e)
        return E_OK;
    char buf[ERROR_WHAT_BYTES];
    struct text t;
    text_init(&t, buf, sizeof buf);
    va_list args;
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    text_format(&t, ": %s", e->what);
    fill(e, &t);
    return e->code;
}
