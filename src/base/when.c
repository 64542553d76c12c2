/* when.c - dates for people and for get_health. Takes the time, never asks for it. */
#include "base/when.h"

#include <stdio.h>
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
    size_t n = strftime(out, WHEN_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, WHEN_BYTES - n, ".%06ldZ", micros);
}
