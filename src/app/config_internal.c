/* app/config_internal.c - one number out of two files of `daemon.option=number` lines. */
#include "app/config_internal.h"

#include "app/lines.h"

#include <string.h>

#define OPTION "wazuh_clusterd.debug"

struct reading {
    const char *file;
    struct problems *problems;
    uint8_t debug;
};

static void on_line(void *arg, const struct line *l) {
    struct reading *r = arg;
    uint64_t v;
    if (strcmp(l->key, OPTION)) /* the rest belongs to other daemons */
        return;
    if (l->value && !l->cut && text_number(l->value, strlen(l->value), 2, &v))
        r->debug = (uint8_t)v;
    else
        problems_add(r->problems, PROBLEM_ERROR, 0, r->file, l->number, OPTION " must be 0, 1 or 2");
}

uint8_t config_internal_debug(struct sys *sys, int root_fd, struct problems *p) {
    static const char files[][32] = {"etc/internal_options.conf", "etc/local_internal_options.conf"};
    struct reading r = {.problems = p};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct error e;
        r.file = files[i];
        enum err err = lines_read(sys, root_fd, files[i], on_line, &r, &e);
        if (err && err != E_GONE)
            problems_add(p, PROBLEM_ERROR, 0, files[i], 0, "cannot be read: %s", err_os_words(e.os));
    }
    return r.debug;
}
