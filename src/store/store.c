/* store.c - what both stores do with the results of a job: above all the list of refusals that the sender of
 * a string is told (syn_m_a_e, syn_w_g_e; reference, section 6). It is bounded here, because a peer decides
 * how many chunks it sends and how many of them are bad. */
#include "store/store.h"

#include "base/json_write.h"

#include <string.h>

#define REFUSAL_BYTES 160u /* most of one text */
#define REST_ROOM sizeof ", \"and 4294967295 more\"]"

void store_job_begin(struct store_job *j) {
    j->err = E_OK;
    memset(&j->why, 0, sizeof j->why);
    j->parts = j->parts_in_all = 0;
    j->rows = 0;
    j->has_hash = false;
    j->hash[0] = '\0';
    j->error_count = j->errors_listed = 0;
    memcpy(j->errors, "[]", sizeof "[]");
    j->reply = NULL;
    j->reply_n = 0;
}

/* One more entry, if there is room for it and `reserve` bytes: errors stays what it was, if not. */
static bool list(struct store_job *j, const char *words, size_t n, size_t reserve) {
    struct text t;
    size_t end = strlen(j->errors) - 1; /* where the bracket is */
    text_init(&t, j->errors + end, sizeof j->errors - end - reserve);
    text_str(&t, end > 1 ? ", " : "");
    json_escape(&t, words, n);
    text_char(&t, ']');
    if (t.cut)
        memcpy(j->errors + end, "]", sizeof "]");
    return !t.cut;
}

void store_job_refused(struct store_job *j, const char *why) {
    size_t n = strlen(why);
    if (n > REFUSAL_BYTES)
        n = REFUSAL_BYTES;
    while (n > 0 && ((unsigned char)why[n] & 0xc0) == 0x80) /* not inside a character */
        n--;
    if (j->errors_listed == j->error_count++)
        j->errors_listed += list(j, why, n, REST_ROOM);
}

void store_job_end(struct store_job *j) {
    char words[32];
    struct text t;
    if (j->error_count == j->errors_listed)
        return;
    text_init(&t, words, sizeof words);
    text_format(&t, "and %u more", (unsigned)(j->error_count - j->errors_listed));
    list(j, words, t.len, 0);
}
