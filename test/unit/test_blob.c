/* test_blob.c - content that grows from small memory through a window to a spill file, and what may fail. */
#include "base/blob.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#define SMALL 16
#define WINDOW 64
#define LIMIT 1000

static struct memory_spill spill;
static uint8_t small[SMALL], pattern[2 * LIMIT];

static void set_up(void) {
    memory_spill_init(&spill, 10 * LIMIT);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 31 + i / 256);
}

static void check_content(const struct blob *b, size_t n) {
    uint8_t got[2 * LIMIT];
    size_t part;
    CHECK_INT(b->size, n);
    for (size_t step = 1; step <= n + 1; step += step < 8 ? 1 : n / 5 + 1) {
        size_t at = 0;
        do {
            CHECK_INT(blob_read(b, at, got + at, step, &part, NULL), E_OK);
            CHECK_INT(part, n - at < step ? n - at : step);
            at += part;
        } while (part);
        CHECK_INT(at, n);
        CHECK_MEM(got, pattern, n);
    }
    if (blob_bytes(b))
        CHECK_MEM(blob_bytes(b), pattern, n);
}

static void fill(struct blob *b, size_t n, size_t step) {
    while (b->size < n) {
        size_t more = n - b->size < step ? (size_t)(n - b->size) : step;
        CHECK_INT(blob_append(b, pattern + b->size, more, NULL), E_OK);
    }
}

TEST(blob_every_size_and_step) {
    set_up();
    struct pool *windows = test_pool("windows", WINDOW, 1);
    for (size_t n = 0; n < 200; n++)
        for (size_t step = 1; step <= n || step == 1; step = step * 2 + 1) {
            struct blob b;
            blob_init(&b, small, SMALL, windows, &spill.spill, LIMIT);
            fill(&b, n, step);
            check_content(&b, n);
            CHECK_INT(blob_bytes(&b) != NULL, n <= WINDOW);
            CHECK_INT(windows->used, n > SMALL && n <= WINDOW);
            CHECK_INT(spill.open, n > WINDOW);
            blob_reset(&b);
            blob_reset(&b);
            CHECK_INT(b.size, 0);
            CHECK_INT(windows->used, 0);
            CHECK_INT(spill.open, 0);
        }
}

TEST(blob_limit) {
    set_up();
    struct blob b;
    blob_init(&b, small, SMALL, NULL, &spill.spill, 100);
    fill(&b, 99, 7);
    CHECK_INT(blob_append(&b, pattern + 99, 2, NULL), E_LIMIT);
    CHECK_INT(blob_append(&b, pattern + 99, 1, NULL), E_OK);
    CHECK_INT(blob_append(&b, pattern, 1, NULL), E_LIMIT);
    CHECK_INT(blob_append(&b, pattern, (size_t)-1, NULL), E_LIMIT); /* and no overflow of the sum */
    CHECK_INT(blob_append(&b, pattern, 0, NULL), E_OK);
    check_content(&b, 100);
    blob_reset(&b);
}

TEST(blob_without_a_spill_file) {
    set_up();
    struct error e;
    struct pool *windows = test_pool("windows", WINDOW, 1);
    struct blob a, b;
    uint8_t other[SMALL];
    blob_init(&a, small, SMALL, windows, NULL, LIMIT);
    blob_init(&b, other, SMALL, windows, NULL, LIMIT);
    fill(&a, WINDOW, 5);
    CHECK_INT(blob_append(&a, pattern, 1, &e), E_LIMIT);
    check_content(&a, WINDOW);
    fill(&b, SMALL, 5);
    CHECK_INT(blob_append(&b, pattern + SMALL, 1, &e), E_POOL); /* a has the only window */
    check_content(&b, SMALL);
    blob_reset(&a);
    fill(&b, WINDOW, 9);
    check_content(&b, WINDOW);
    blob_reset(&b);
}

TEST(blob_spills_when_no_window_is_left) {
    set_up();
    struct pool *windows = test_pool("windows", WINDOW, 1);
    void *taken = pool_take(windows);
    struct blob b;
    blob_init(&b, small, SMALL, windows, &spill.spill, LIMIT);
    fill(&b, 30, 30);
    CHECK_INT(spill.open, 1);
    CHECK(blob_bytes(&b) == NULL);
    pool_give(windows, taken);
    fill(&b, 40, 1); /* it does not come back */
    CHECK_INT(windows->used, 0);
    check_content(&b, 40);
    blob_reset(&b);
}

/* A peer that begins many long messages and ends none must not have all windows: others cannot go elsewhere.
 */
TEST(blob_leaves_windows_to_who_cannot_spill) {
    set_up();
    struct pool *windows = test_pool("windows", WINDOW, 8);
    struct blob b[10];
    for (size_t i = 0; i < 10; i++) {
        blob_init(&b[i], NULL, 0, windows, i < 6 ? &spill.spill : NULL, LIMIT);
        CHECK_INT(blob_append(&b[i], pattern, 30, NULL), i == 9 ? E_POOL : E_OK);
        CHECK_INT(windows->used, i < 5 ? i + 1 : i < 9 ? i : 8);
        CHECK_INT(spill.open, i >= 5);
    }
    for (size_t i = 0; i < 10; i++)
        blob_reset(&b[i]);
    CHECK_INT(windows->used, 0);
}

TEST(blob_without_small_memory) {
    set_up();
    struct blob b;
    blob_init(&b, NULL, 0, NULL, &spill.spill, LIMIT);
    CHECK(blob_bytes(&b) != NULL);
    check_content(&b, 0);
    fill(&b, 3, 1);
    check_content(&b, 3);
    blob_reset(&b);
}

/* Whatever fails, the content stays as it was and can grow later. */
TEST(blob_survives_a_failing_spill) {
    set_up();
    struct pool *windows = test_pool("windows", WINDOW, 1);
    static const size_t before[] = {0, 10, SMALL, SMALL + 1, WINDOW, WINDOW + 1, 200};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        struct blob b;
        struct error e;
        blob_init(&b, small, SMALL, windows, &spill.spill, LIMIT);
        fill(&b, before[i], 13);
        spill.fail_with = E_SYS;
        CHECK_INT(blob_append(&b, pattern + b.size, 100, &e), E_SYS);
        spill.fail_with = E_OK;
        CHECK_INT(spill.open, before[i] > WINDOW);
        uint64_t limit = spill.limit;
        spill.limit = spill.size + 50; /* the file opens, but its bound is passed in the middle */
        CHECK_INT(blob_append(&b, pattern + b.size, 100, &e), E_SPACE);
        spill.limit = limit;
        CHECK_INT(spill.open, before[i] > WINDOW);
        check_content(&b, before[i]);
        fill(&b, 300, 17);
        check_content(&b, 300);
        size_t n;
        uint8_t byte;
        spill.fail_with = E_SYS;
        CHECK_INT(blob_read(&b, 0, &byte, 1, &n, &e), E_SYS);
        CHECK_INT(n, 0);
        spill.fail_with = E_OK;
        blob_reset(&b);
    }
    CHECK_INT(spill.open, 0);
}

TEST(blob_moves) {
    set_up();
    struct pool *windows = test_pool("windows", WINDOW, 2);
    static const size_t sizes[] = {0, 5, SMALL, 40, WINDOW, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t there[SMALL + 4];
        struct blob from, to;
        blob_init(&from, small, SMALL, windows, &spill.spill, LIMIT);
        blob_init(&to, there, sizeof there, windows, &spill.spill, LIMIT);
        fill(&from, sizes[i], 11);
        blob_move(&to, &from);
        memset(small, 0xee, SMALL);
        check_content(&to, sizes[i]);
        CHECK_INT(from.size, 0);
        check_content(&from, 0);
        fill(&from, 100, 50); /* both live on */
        fill(&to, 310, 3);
        check_content(&to, 310);
        check_content(&from, 100);
        blob_reset(&from);
        blob_reset(&to);
        CHECK_INT(spill.open, 0);
    }
}

TEST(blob_as_a_source) {
    set_up();
    struct blob b;
    struct blob_source s;
    uint8_t got[300];
    blob_init(&b, small, SMALL, NULL, &spill.spill, LIMIT);
    fill(&b, 300, 100);
    blob_source_init(&s, &b, 40);
    size_t at = 0, n;
    do {
        CHECK_INT(s.source.read(&s.source, got + at, 33, &n, NULL), E_OK);
        at += n;
    } while (n);
    CHECK_INT(at, 260);
    CHECK_MEM(got, pattern + 40, 260);
    blob_source_init(&s, &b, 400);
    CHECK_INT(s.source.read(&s.source, got, 1, &n, NULL), E_OK);
    CHECK_INT(n, 0);
    blob_reset(&b);
}
