/* test_decimal.c - keys are in the order of the numbers; what is a number is what Python's int() and float()
 * take. */
#include "base/decimal.h"
#include "test/harness/harness.h"

/* Ascending; within a line all are equal. */
static const char *const ascending[][4] = {
    {"-1e20000", "-1e99999999999"}, /* both beyond what is told apart */
    {"-123456789012345678901234567890"},
    {"-15"},
    {"-1.5", "-15e-1", "-0.15E1"},
    {"-1", "-1.0", "-01", "-0.001e3"},
    {"-0.99"},
    {"-0.0999"},
    {"0", "-0", "0.000", "0e5"},
    {"1e-30"},
    {"0.05", "5e-2", "00.0500"},
    {"0.5", ".5", "+.5"},
    {"1", "1.", "1_0e-1"},
    {"1.25"},
    {"9"},
    {"10", "1e1", " 10\n", "1_0"},
    {"99"},
    {"100"},
    {"9007199254740993"},
    {"9007199254740994"},
    {"12345678901234567890"},
    {"1e20000", "2e20000"},
};
#define LINES (sizeof ascending / sizeof *ascending)

TEST(decimal_keys_are_in_order) {
    char keys[LINES][4][DECIMAL_KEY_BYTES];
    size_t n[LINES][4] = {{0}};
    for (size_t i = 0; i < LINES; i++)
        for (size_t k = 0; k < 4 && ascending[i][k]; k++) {
            const char *text = ascending[i][k];
            CHECK(decimal_key(text, strlen(text), DECIMAL_FRACTION, keys[i][k], &n[i][k]));
            CHECK(!memchr(keys[i][k], 0, n[i][k] - 1));
            for (size_t j = 0; j < i; j++)
                CHECK(decimal_compare(keys[j][0], n[j][0], keys[i][k], n[i][k]) < 0);
            if (i > 0 && i + 1 < LINES) /* the outermost two are clamped */
                CHECK_INT(decimal_compare(keys[i][0], n[i][0], keys[i][k], n[i][k]), 0);
        }
}

TEST(decimal_long_numbers_are_cut) {
    char text[400], a[DECIMAL_KEY_BYTES], b[DECIMAL_KEY_BYTES];
    size_t a_n, b_n;
    memset(text, '7', sizeof text);
    CHECK(decimal_key(text, sizeof text, DECIMAL_WHOLE, a, &a_n));
    CHECK_INT(a_n, DECIMAL_KEY_BYTES - 2);
    text[0] = '-';
    CHECK(decimal_key(text, sizeof text, DECIMAL_WHOLE, a, &a_n));
    CHECK_INT(a_n, DECIMAL_KEY_BYTES - 1);
    CHECK(decimal_key(text, sizeof text - 1, DECIMAL_WHOLE, b, &b_n));
    CHECK(decimal_compare(a, a_n, b, b_n) < 0);
}

TEST(decimal_forms) {
    static const struct {
        const char *text;
        const char *truncated; /* what it is cut to; NULL: no number at all */
        bool whole;
    } cases[] = {
        {"5", "5", true},        {" +5 ", "5", true},       {"-5", "-5", true},     {"007", "7", true},
        {"1_000", "1000", true}, {"1.9", "1", false},       {"-1.9", "-1", false},  {"0.9", "0", false},
        {"1e2", "100", false},   {"19e-1", "1", false},     {".5", "0", false},     {"5.", "5", false},
        {"1.05e1", "10", false}, {"123.456", "123", false}, {"", NULL, false},      {" ", NULL, false},
        {"-", NULL, false},      {"x", NULL, false},        {"5x", NULL, false},    {"5 5", NULL, false},
        {"_5", NULL, false},     {"5_", NULL, false},       {"5__5", NULL, false},  {".", NULL, false},
        {"1e", NULL, false},     {"1e+", NULL, false},      {"e5", NULL, false},    {"--5", NULL, false},
        {"0x10", NULL, false},   {"inf", NULL, false},      {"1.2.3", NULL, false},
    };
    char a[DECIMAL_KEY_BYTES], b[DECIMAL_KEY_BYTES];
    size_t a_n, b_n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text, *cut = cases[i].truncated;
        size_t n = strlen(text);
        CHECK_INT(decimal_key(text, n, DECIMAL_WHOLE, a, &a_n), cases[i].whole);
        CHECK_INT(decimal_key(text, n, DECIMAL_FRACTION, a, &a_n), cut != NULL);
        CHECK_INT(decimal_key(text, n, DECIMAL_TRUNCATED, a, &a_n), cut != NULL);
        if (cut && decimal_key(cut, strlen(cut), DECIMAL_WHOLE, b, &b_n))
            CHECK_INT(decimal_compare(a, a_n, b, b_n), 0);
    }
}
