/* test_when.c - dates as get_health writes them. Values are those of Python's datetime. */
#include "base/when.h"
#include "test/harness/harness.h"

TEST(dates_of_utc) {
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {1795170707543037000, "2026-11-20T10:31:47.543037Z"}, /* a real node's */
        {1795170707543037999, "2026-11-20T10:31:47.543037Z"}, /* cut, not rounded */
        {951868799999999999, "2000-02-29T23:59:59.999999Z"},
        {946684799000000000, "1999-12-31T23:59:59.000000Z"},
        {2147483648000001000, "2038-01-19T03:14:08.000001Z"},
        {4107542400000000000, "2100-03-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000000Z"},
        {1000, "1970-01-01T00:00:00.000001Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775Z"},
        {0, "n/a"}, /* never */
        {-1, "n/a"},
        {INT64_MIN, "n/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[WHEN_BYTES];
        memset(out, 'x', sizeof out);
        when_utc(out, cases[i].ns);
        CHECK_STR(out, cases[i].text);
    }
}
