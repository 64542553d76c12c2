/* base/json_scan.h - the grammar check of json_read.c; private to src/base. */
#ifndef PICKET_BASE_JSON_SCAN_H
#define PICKET_BASE_JSON_SCAN_H

#include <stddef.h>

/* NULL when the len bytes are exactly one JSON value at most 32 levels deep, with blanks around it; else what
 * is wrong at byte *at. *parts: values and keys in it, which is the number of tokens it takes. */
const char *json_scan(const char *text, size_t len, size_t *parts, size_t *at);

#endif
