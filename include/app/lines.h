/* app/lines.h - reading `key = value` files of any length through a small window, line by line. */
#ifndef PICKET_APP_LINES_H
#define PICKET_APP_LINES_H

#include "base/err.h"
#include "sys/sys.h"

#define LINE_BYTES 512u /* one line with its NUL, bytes */

struct line {
    uint32_t number;   /* from 1 */
    const char *key;   /* blanks around it removed */
    const char *value; /* blanks around it removed; "" when there is none; NULL: no '=' in the line */
    bool cut;          /* the line was longer than LINE_BYTES: only its beginning is here */
};

/* Calls each(arg, line) for every line that is neither blank nor a comment (first sign '#' or ';'). A '#'
 * after a blank begins a comment too. The strings live until each returns. E_GONE when there is no such
 * file, else E_SYS, E_DENIED. dirfd may be SYS_CWD. */
enum err lines_read(struct sys *sys, int dirfd, const char *path,
                    void (*each)(void *arg, const struct line *l), void *arg, struct error *e);

#endif
