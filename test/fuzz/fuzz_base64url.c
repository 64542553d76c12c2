/* fuzz_base64url.c - any bytes into the decoder, whole and in two pieces cut where the first byte says: both
 * must agree, and what is accepted must be exactly what the encoder makes of the result. */
#include "crypto/base64url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t n = size - 1, cut = n ? data[0] % (n + 1) : 0;
    /* exactly the room of the contract, so that AddressSanitizer sees a byte more */
    uint8_t *whole = malloc(n / 4 * 3 + 3), *first = malloc(cut / 4 * 3 + 3),
            *second = malloc((n - cut) / 4 * 3 + 3);
    struct base64url_dec a, b;
    base64url_dec_init(&a);
    base64url_dec_init(&b);
    size_t got = base64url_dec_push(&a, whole, text, n);
    size_t got_first = base64url_dec_push(&b, first, text, cut);
    size_t got_second = base64url_dec_push(&b, second, text + cut, n - cut);
    must(base64url_dec_finish(&a) == base64url_dec_finish(&b));
    if (base64url_dec_finish(&a)) {
        must(got == got_first + got_second);
        must(!memcmp(whole, first, got_first) && !memcmp(whole + got_first, second, got_second));
        must(base64url_length(got) == n);
        char *again = malloc(n + 1);
        base64url_encode(again, whole, got / 3 * 3);
        base64url_encode_last(again + got / 3 * 4, whole + got / 3 * 3, got % 3);
        must(!memcmp(again, text, n));
        free(again);
    }
    free(whole);
    free(first);
    free(second);
    return 0;
}
