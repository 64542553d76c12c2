/* Dates as Python's datetime prints them: datetime.fromtimestamp(t, timezone.utc).isoformat(). */
#include "base/when.h"
#include "test/harness/harness.h"

static const char *utc(int64_t wall_ns) {
    static char text[WHEN_BYTES];
    when_utc(text, wall_ns);
    return text;
}

TEST(when_utc_of_known_moments) {
    CHECK_STR(utc(1795170707543037000), "2026-11-20T10:31:47.543037Z");
    CHECK_STR(utc(951782400000000999), "2000-02-29T00:00:00.000000Z");
    CHECK_STR(utc(1000), "1970-01-01T00:00:00.000001Z");
    CHECK_STR(utc(INT64_MAX), "2262-04-11T23:47:16.854775Z");
}

TEST(when_utc_of_never) {
    CHECK_STR(utc(0), "n/a");
    CHECK_STR(utc(-1), "n/a");
}
