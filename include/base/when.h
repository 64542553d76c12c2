/* base/when.h - wall-clock time as text. For printing only: no decision depends on it. */
#ifndef PICKET_BASE_WHEN_H
#define PICKET_BASE_WHEN_H

#include <stdint.h>

#define WHEN_BYTES 40

/* "2026-11-20T10:31:47.543037Z", the form of get_health's dates (reference, section 7); "n/a" for 0, which
 * stands for never. wall_ns: nanoseconds since 1970, UTC. */
void when_utc(char out[WHEN_BYTES], int64_t wall_ns);

#endif
