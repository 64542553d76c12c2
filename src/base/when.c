/* when.c - dates for people and for get_health. Takes the time, never asks for it. */
#include "base/when.h"
#include "base/print.h"

#include <string.h>
#include <time.h>

void when_utc(char out[WHEN_BYTES], int64_t wall_ns) {
    if (!wall_ns) {
        memcpy(out, "n/a", 4);
        return;
    }
    time_t seconds = (time_t)(wall_ns / 1000000000);
    long micros = (long)(wall_ns % 1000000000 / 1000);
    struct tm tm;
    if (wall_ns < 0 || !gmtime_r(&seconds, &tm)) {
        memcpy(out, "n/a", 4);
        return;
    }
    print_to(out, WHEN_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, micros);
}
