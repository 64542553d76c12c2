/* base/err.c - the words for error codes and errno values, and the filling of struct error.
 *
 * Text comes from the callers and goes into the owner's struct error; nothing is allocated, printed or
 * translated. The errno table is picket's own because strerror may allocate or depend on a locale. */
#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const words[E_COUNT] = {
#define ERR(name, text) [name] = text,
#include "errs.def"
#undef ERR
};

static const struct {
    int os;
    enum err code;
    const char *words;
} os_table[] = {
    {EPERM, E_DENIED, "Operation not permitted"},
    {ENOENT, E_GONE, "No such file or directory"},
    {ESRCH, E_SYS, "No such process"},
    {EINTR, E_AGAIN, "Interrupted system call"},
    {EIO, E_SYS, "Input/output error"},
    {EBADF, E_SYS, "Bad file descriptor"},
    {ECHILD, E_SYS, "No child processes"},
    {EAGAIN, E_AGAIN, "Resource temporarily unavailable"},
    {ENOMEM, E_SYS, "Cannot allocate memory"},
    {EACCES, E_DENIED, "Permission denied"},
    {EFAULT, E_SYS, "Bad address"},
    {EBUSY, E_SYS, "Device or resource busy"},
    {EEXIST, E_SYS, "File exists"},
    {EXDEV, E_SYS, "Invalid cross-device link"},
    {ENODEV, E_SYS, "No such device"},
    {ENOTDIR, E_SYS, "Not a directory"},
    {EISDIR, E_SYS, "Is a directory"},
    {EINVAL, E_SYS, "Invalid argument"},
    {ENFILE, E_SYS, "Too many open files in system"},
    {EMFILE, E_SYS, "Too many open files"},
    {ETXTBSY, E_SYS, "Text file busy"},
    {EFBIG, E_SYS, "File too large"},
    {ENOSPC, E_SPACE, "No space left on device"},
    {ESPIPE, E_SYS, "Illegal seek"},
    {EROFS, E_SYS, "Read-only file system"},
    {EMLINK, E_SYS, "Too many links"},
    {EPIPE, E_SYS, "Broken pipe"},
    {ENAMETOOLONG, E_SYS, "File name too long"},
    {ENOSYS, E_SYS, "Function not implemented"},
    {ENOTEMPTY, E_SYS, "Directory not empty"},
    {ELOOP, E_SYS, "Too many levels of symbolic links"},
    {EOVERFLOW, E_SYS, "Value too large for defined data type"},
    {EILSEQ, E_SYS, "Invalid or incomplete multibyte or wide character"},
    {EPROTO, E_SYS, "Protocol error"},
    {ENOTSOCK, E_SYS, "Socket operation on non-socket"},
    {EMSGSIZE, E_SYS, "Message too long"},
    {EPROTONOSUPPORT, E_SYS, "Protocol not supported"},
    {EOPNOTSUPP, E_SYS, "Operation not supported"},
    {EAFNOSUPPORT, E_SYS, "Address family not supported by protocol"},
    {EADDRINUSE, E_SYS, "Address already in use"},
    {EADDRNOTAVAIL, E_SYS, "Cannot assign requested address"},
    {ENETDOWN, E_SYS, "Network is down"},
    {ENETUNREACH, E_SYS, "Network is unreachable"},
    {ECONNABORTED, E_SYS, "Software caused connection abort"},
    {ECONNRESET, E_SYS, "Connection reset by peer"},
    {ENOBUFS, E_SYS, "No buffer space available"},
    {EISCONN, E_SYS, "Transport endpoint is already connected"},
    {ENOTCONN, E_SYS, "Transport endpoint is not connected"},
    {ETIMEDOUT, E_SYS, "Connection timed out"},
    {ECONNREFUSED, E_SYS, "Connection refused"},
    {EHOSTDOWN, E_SYS, "Host is down"},
    {EHOSTUNREACH, E_SYS, "No route to host"},
    {EALREADY, E_SYS, "Operation already in progress"},
    {EINPROGRESS, E_SYS, "Operation now in progress"},
    {ESTALE, E_SYS, "Stale file handle"},
    {EDQUOT, E_SPACE, "Disk quota exceeded"},
};

const char *err_words(enum err code) {
    return (unsigned)code < E_COUNT ? words[code] : "an unknown error";
}

enum err err_of_os(int os) {
    for (size_t i = 0; i < sizeof os_table / sizeof *os_table; i++)
        if (os_table[i].os == os)
            return os_table[i].code;
    return E_SYS;
}

const char *err_os_words(int os) {
    for (size_t i = 0; i < sizeof os_table / sizeof *os_table; i++)
        if (os_table[i].os == os)
            return os_table[i].words;
    return "Unknown error";
}

/* The text is built beside *e, because an argument may well be e->what itself. */
static void fill(struct error *e, struct text *t) {
    text_show(t->buf, t->len);
    memcpy(e->what, t->buf, t->len + 1);
}

enum err error_set(struct error *e, enum err code, int os, const char *format, ...) {
    if (!e)
        return code;
    char buf[ERROR_WHAT_BYTES];
    struct text t;
    text_init(&t, buf, sizeof buf);
    va_list args;
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
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
