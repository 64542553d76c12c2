/* app/problems.h - everything that is wrong with a configuration, collected so that all of it is said at
 * once: file, line and the rule that was broken. */
#ifndef PICKET_APP_PROBLEMS_H
#define PICKET_APP_PROBLEMS_H

#include "base/log.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define PROBLEMS_MAX 48        /* kept; more are only counted */
#define PROBLEM_TEXT_BYTES 200 /* one rule with its NUL, bytes */

enum problem_level {
    PROBLEM_ERROR,   /* the node may not start */
    PROBLEM_WARNING, /* it may, but somebody should look */
    PROBLEM_NOTE     /* said once and harmless */
};

/* Wazuh's codes for what is wrong, as its own log lines have them. */
#define WAZUH_BAD_CLUSTER 3004 /* "Error in cluster configuration" */
#define WAZUH_BAD_ITEMS 3005   /* "Error reading cluster JSON file" */
#define WAZUH_NO_CONFIG 3006   /* "Error reading cluster configuration" */

struct problem {
    enum problem_level level;
    uint16_t code;    /* WAZUH_..., or 0 for files that Wazuh does not have */
    const char *file; /* owned by whoever added it, for as long as the list lives */
    uint32_t line;    /* from 1; 0: the file as a whole */
    char text[PROBLEM_TEXT_BYTES];
};

struct problems {
    uint32_t count;                    /* entries of list in use */
    uint32_t dropped;                  /* problems that found no room */
    uint32_t errors;                   /* PROBLEM_ERRORs, dropped ones included */
    struct problem list[PROBLEMS_MAX]; /* by file in the order met, by line within a file */
};

void problems_init(struct problems *p);

/* Adds one. Never put a secret into the text: it is printed and logged. Control characters become '?'. */
void problems_add(struct problems *p, enum problem_level level, uint16_t code, const char *file,
                  uint32_t line, const char *format, ...) __attribute__((format(printf, 6, 7)));

void problems_vadd(struct problems *p, enum problem_level level, uint16_t code, const char *file,
                   uint32_t line, const char *format, va_list args);

/* "etc/ossec.conf:12: Port must be ...", one line each, "warning: " and "note: " where it is none of the
 * errors. What does not fit is cut. */
void problems_print(const struct problems *p, struct text *out);

/* The same as lines of the log, in Wazuh's words ("Error 3004 - Error in cluster configuration: ..."). */
void problems_log(const struct problems *p, struct log *log);

#endif
