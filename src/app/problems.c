/* app/problems.c - the list of what is wrong with a configuration, kept in the order a reader wants it.
 *
 * Files are read in a fixed order, but within one file the checks come by rule, not by line; so each new
 * problem is put behind the last one of the same file that does not lie below it. */
#include "app/problems.h"

#include "wire/wazuh_error.h"

#include <string.h>

void problems_init(struct problems *p) {
    p->count = p->dropped = p->errors = 0;
}

/* Where a problem of this file and line belongs: 0 .. count. */
static uint32_t place(const struct problems *p, const char *file, uint32_t line) {
    uint32_t at = p->count;
    while (at > 0 && strcmp(p->list[at - 1].file, file)) /* behind the last of its file, if there is one */
        at--;
    if (at == 0)
        return p->count;
    while (at > 0 && !strcmp(p->list[at - 1].file, file) && p->list[at - 1].line > line)
        at--;
    return at;
}

void problems_vadd(struct problems *p, enum problem_level level, uint16_t code, const char *file,
                   uint32_t line, const char *format, va_list args) {
    if (level == PROBLEM_ERROR)
        p->errors++;
    if (p->count == PROBLEMS_MAX) {
        p->dropped++;
        return;
    }
    uint32_t at = place(p, file, line);
    memmove(&p->list[at + 1], &p->list[at], (p->count - at) * sizeof p->list[0]);
    p->count++;
    struct problem *new = &p->list[at];
    new->level = level;
    new->code = code;
    new->file = file;
    new->line = line;
    struct text t;
    text_init(&t, new->text, sizeof new->text);
    text_vformat(&t, format, args);
    text_show(t.buf, t.len);
}

void problems_add(struct problems *p, enum problem_level level, uint16_t code, const char *file,
                  uint32_t line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(p, level, code, file, line, format, args);
    va_end(args);
}

static const char *level_words(enum problem_level level) {
    return level == PROBLEM_ERROR ? "" : level == PROBLEM_WARNING ? "warning: " : "note: ";
}

void problems_print(const struct problems *p, struct text *out) {
    for (uint32_t i = 0; i < p->count; i++) {
        const struct problem *one = &p->list[i];
        if (one->line)
            text_format(out, "%s:%u: %s%s\n", one->file, one->line, level_words(one->level), one->text);
        else
            text_format(out, "%s: %s%s\n", one->file, level_words(one->level), one->text);
    }
    if (p->dropped)
        text_format(out, "and %u more\n", p->dropped);
}

void problems_log(const struct problems *p, struct log *log) {
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARNING, LOG_INFO};
    for (uint32_t i = 0; i < p->count; i++) {
        const struct problem *one = &p->list[i];
        char words[sizeof one->text + 64], where[24];
        struct text t;
        text_init(&t, words, sizeof words);
        if (one->level == PROBLEM_ERROR && one->code) {
            struct wazuh_error w;
            wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, one->code, one->text);
            wazuh_error_words(&t, &w);
        } else {
            text_str(&t, one->text);
        }
        text_init(&t, where, sizeof where);
        if (one->line)
            text_format(&t, ":%u", one->line);
        log_line(log, levels[one->level], "Cluster", "Main", "%s (%s%s)", words, one->file, where);
    }
    if (p->dropped)
        log_line(log, LOG_ERROR, "Cluster", "Main", "and %u more problems in the configuration", p->dropped);
}
