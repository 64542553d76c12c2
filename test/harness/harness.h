/* harness.h - test cases of picket's own: each runs in a forked child, so that a crash, an endless loop (it
 * is killed after 60 s) or a leak is one failed case and not the end of the run.
 *
 *   TEST(pool_runs_out) { CHECK(pool_take(&p) == NULL); }
 *
 * A program of cases links harness.c, which has main(): it runs all (or those whose names contain its
 * argument), prints one line per failed case with file, line and values, and ends with
 * "unit_pool: 12 passed, 0 failed". */
#ifndef PICKET_HARNESS_H
#define PICKET_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};
void test_add(struct test_case *c);

#define TEST(id)                                                                                             \
    static void test_##id(void);                                                                             \
    static struct test_case case_##id = {#id, test_##id, 0};                                                 \
    __attribute__((constructor)) static void add_##id(void) {                                                \
        test_add(&case_##id);                                                                                \
    }                                                                                                        \
    static void test_##id(void)

/* Ends the case as failed, with a formatted message. */
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
void test_equal_int(const char *file, int line, const char *words, long long got, long long want);
void test_equal_str(const char *file, int line, const char *words, const char *got, const char *want);
void test_equal_mem(const char *file, int line, const char *words, const void *got, const void *want,
                    size_t n);

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))
#define CHECK_INT(got, want) test_equal_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_STR(got, want) test_equal_str(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_MEM(got, want, n) test_equal_mem(__FILE__, __LINE__, #got, (got), (want), (n))

/* Feeds a vector to push(ctx, bytes, n): whole, byte by byte, and cut in two at every offset (step: every
 * step-th offset for long vectors, 1 for all). Each piece lies against a page that faults when read past its
 * end. reset(ctx) comes before and check(ctx) after each feeding. */
void test_cuts(const void *vector, size_t n, size_t step, void *ctx, void (*reset)(void *ctx),
               void (*push)(void *ctx, const uint8_t *bytes, size_t n), void (*check)(void *ctx));

/* Runs fn(arg) when the case has come to its end without failing, the latest first: for checks that must hold
 * then (no slot out, no file open). */
void test_at_end(void (*fn)(void *arg), void *arg);

/* Memory from malloc that is freed when the case ends; fails the case when mem is NULL. Returns mem. */
void *test_keep(void *mem);

/* The next number of a repeatable sequence; *state is the seed at first. */
uint64_t test_random(uint64_t *state);

/* A fresh empty folder, removed at the end of the case; its path. */
const char *test_dir(void);
/* Makes folders as needed and writes a file below test_dir(). */
void test_write_file(const char *relative, const void *bytes, size_t n);
/* Content of a file below test_dir() in memory (NUL added) until the case ends, its length in *n (which may
 * be NULL); NULL if it is not there. */
char *test_read_file(const char *relative, size_t *n);
/* A file of test/vectors (or of the folder TEST_VECTORS names), whole, in memory until the case ends; fails
 * the case when it is missing. */
uint8_t *test_vector(const char *name, size_t *n);

#endif
