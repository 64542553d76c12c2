/* fuzz_query.c - any bytes as a query and an item, with a newline between them: what is taken is within its
 * bounds, and an item without members fits only the empty query. */
#include "base/query.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS 1024

static void must(int holds) {
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct query q;
    static struct json_token tokens[TOKENS];
    struct json_doc d;
    struct error e;
    const char *text = (const char *)data, *line = memchr(data, '\n', size);
    size_t n = line ? (size_t)(line - text) : size;
    enum err err = query_parse(&q, text, n, &e);
    must(err == E_OK || err == E_SYNTAX || err == E_LIMIT);
    if (err != E_OK)
        return 0;
    must(q.count <= QUERY_TERMS && (q.count == 0) == (n == 0));
    for (uint32_t i = 0; i < q.count; i++) {
        const char *value = q.text + q.terms[i].value;
        must(q.terms[i].value + strlen(value) < sizeof q.text && *value && q.text[q.terms[i].field]);
        must(q.terms[i].op <= QUERY_LIKE);
    }
    if (line && json_parse(&d, line + 1, size - n - 1, tokens, TOKENS, &e) == E_OK)
        query_fits(&q, &d, 0);
    must(json_parse(&d, "{}", 2, tokens, TOKENS, &e) == E_OK && query_fits(&q, &d, 0) == (n == 0));
    return 0;
}
