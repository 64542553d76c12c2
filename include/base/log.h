/* base/log.h - how every layer says something to the person who reads the log.
 *
 * A line has Wazuh's shape: date, level, [tag] [subtag] message. Where lines go is the sink's affair
 * (app/log_file.c; tests collect them). */
#ifndef PICKET_BASE_LOG_H
#define PICKET_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_ERROR,
    LOG_WARNING,
    LOG_INFO,
    LOG_CYCLE, /* an INFO line that repeats each cycle without news: printed only with log_compat,
                  otherwise counted and summarised */
    LOG_DEBUG,
    LOG_DEBUG2
};

struct log {
    enum log_level level; /* lines above it are not even formatted */
    void (*write)(struct log *l, enum log_level level, const char *tag, const char *subtag, const char *text);
};

/* tag and subtag: "Worker w1", "Integrity check"; never NULL. The text is one line; control characters in
 * it are shown as '?', and it is cut at 1,024 bytes. l may be NULL: then nothing happens. */
void log_line(struct log *l, enum log_level level, const char *tag, const char *subtag, const char *format,
              ...) __attribute__((format(printf, 5, 6)));

/* A brake for lines that could come by the thousand: allows one line per period and counts the rest. */
struct log_brake {
    uint64_t next_ms; /* monotonic time from which the next line may pass */
    uint32_t held;    /* lines held back since the last one that passed */
};

/* True when a line may be written now; *held is then how many were held back before it. */
bool log_brake_pass(struct log_brake *b, uint64_t now_ms, uint32_t period_ms, uint32_t *held);

#endif
