/* app/words.h - ages, sizes and foreign texts as people read them on a plain terminal. No input or output. */
#ifndef PICKET_APP_WORDS_H
#define PICKET_APP_WORDS_H

#include "base/json_read.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define WORDS_UNKNOWN UINT64_MAX

/* "7s", "4m12s", "3h04m", "3d04h"; "n/a" for WORDS_UNKNOWN. */
void age_words(struct text *out, uint64_t seconds);
/* "3.1 MB" of 2^20 bytes, "49 kB" below that. */
void size_words(struct text *out, uint64_t bytes);

/* Foreign text, n bytes: whatever is not plain ASCII becomes '?', so that nobody can move a console's cursor
 * from afar. Padded with blanks to width; what is longer is cut and ends in '~'. width 0: as it comes. */
void plain_words(struct text *out, const char *bytes, size_t n, unsigned width);
/* A member of an object as it can be shown in width columns (out: width + 1 bytes): strings plain, other
 * values as their JSON; "" when there is none. Not padded. */
void cell_words(char *out, size_t width, const struct json_doc *d, size_t obj, const char *key);

/* "2026-11-20T10:31:47.546878Z", a date of get_health, in microseconds since 1970; false when it is none
 * ("n/a" is not). One to six places, as Python's %f reads them. */
bool date_read(const char *text, int64_t *us);

#endif
