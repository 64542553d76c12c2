/* test_store.c - the list of refusals: always a JSON array, never longer than its place. */
#include "base/json_read.h"
#include "store/store.h"
#include "test/harness/harness.h"

static struct store_job j;
static struct json_token tokens[64];
static struct json_doc d;

static size_t entries(void) {
    struct error e;
    CHECK(memchr(j.errors, '\0', sizeof j.errors));
    CHECK_INT(json_parse(&d, j.errors, strlen(j.errors), tokens, 64, &e), E_OK);
    CHECK_INT(tokens[0].kind, JSON_ARRAY);
    return tokens[0].size;
}

TEST(refusals_are_listed) {
    store_job_begin(&j);
    CHECK_STR(j.errors, "[]");
    store_job_refused(&j, "Error 2003 - Error in wazuhdb request: no");
    store_job_refused(&j, "a \"quoted\" one");
    store_job_end(&j);
    CHECK_STR(j.errors, "[\"Error 2003 - Error in wazuhdb request: no\", \"a \\\"quoted\\\" one\"]");
    CHECK_INT(j.error_count, 2);
    store_job_begin(&j);
    CHECK_STR(j.errors, "[]");
    CHECK_INT(j.error_count, 0);
}

TEST(too_many_are_counted) {
    char last[64];
    store_job_begin(&j);
    for (unsigned i = 0; i < 1000; i++) {
        store_job_refused(
            &j, "Error 2003 - Error in wazuhdb request: An error occurred during the set of the groups");
        entries();
    }
    store_job_end(&j);
    size_t n = entries();
    CHECK(n > 3 && n < 12);
    size_t at = json_first(&d, 0);
    for (size_t i = 1; i < n; i++)
        at = tokens[at].next;
    CHECK_INT(json_copy_str(&d, at, last, sizeof last, NULL), E_OK);
    CHECK(strncmp(last, "and 9", 5) == 0 && strstr(last, " more"));
    CHECK_INT(j.errors_listed, n - 1);
}

/* What a text holds may be anybody's: the longest escapes, and characters cut in two. */
TEST(any_text) {
    static const char *const bytes[] = {"\x01", "\"", "\xe2\x82\xac", "\xff", "x"};
    for (size_t k = 0; k < sizeof bytes / sizeof *bytes; k++)
        for (size_t n = 0; n < 400; n++) {
            char words[1300] = "";
            for (size_t i = 0; i < n; i++)
                strcat(words, bytes[k]);
            store_job_begin(&j);
            store_job_refused(&j, words);
            store_job_refused(&j, words);
            store_job_end(&j);
            CHECK(entries() >= 1);
            CHECK_INT(j.error_count, 2);
        }
}
