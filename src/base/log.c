/* base/log.c - one line of the log, formatted within fixed memory and handed to the owner's sink. */
#include "base/log.h"

#include "base/text.h"

#define LOG_TEXT_BYTES 1024

void log_line(struct log *l, enum log_level level, const char *tag, const char *subtag, const char *format,
              ...) {
    if (!l || level > l->level)
        return;
    char buf[LOG_TEXT_BYTES + 1];
    struct text t;
    text_init(&t, buf, sizeof buf);
    va_list args;
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    /* Names of files and nodes come from peers: a line break in one would forge a line of the log. */
    text_show(t.buf, t.len);
    l->write(l, level, tag, subtag, buf);
}

bool log_brake_pass(struct log_brake *b, uint64_t now_ms, uint32_t period_ms, uint32_t *held) {
    if (now_ms < b->next_ms) {
        if (b->held < UINT32_MAX)
            b->held++;
        return false;
    }
    *held = b->held;
    b->held = 0;
    b->next_ms = now_ms + period_ms;
    return true;
}
