/* base/decimal.h - decimal numbers of any size as bytes that memcmp orders like the numbers: no rounding, no
 * floating point. */
#ifndef PICKET_BASE_DECIMAL_H
#define PICKET_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

enum decimal_form {
    DECIMAL_WHOLE,    /* what Python's int() takes of a text: blanks around it, a sign, digits, "1_000" */
    DECIMAL_FRACTION, /* what its float() takes, without inf and nan; any number of JSON */
    DECIMAL_TRUNCATED /* the same, and the fraction does not count: int() of a float */
};
#define DECIMAL_KEY_BYTES 64u /* more digits than fit are cut: such numbers may count as equal */

/* The key of the number that n bytes say, *len <= DECIMAL_KEY_BYTES bytes of it: none of them is 0, the last
 * one (which may be) apart. A key is never the beginning of another. false: they say none of that form. */
bool decimal_key(const char *text, size_t n, enum decimal_form form, char key[DECIMAL_KEY_BYTES],
                 size_t *len);
/* < 0, 0, > 0 as the number of one key is less than, equal to, greater than that of the other. */
int decimal_compare(const char *a, size_t a_n, const char *b, size_t b_n);

#endif
