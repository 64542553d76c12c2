/* test_pool.c - fixed pools: order, counters, exhaustion, misuse. */
#include "base/pool.h"
#include "test/harness/harness.h"
#include "test/harness/pools.h"

#include <sys/wait.h>
#include <unistd.h>

TEST(pool_runs_out_and_recovers) {
    struct pool *p = test_pool("p", 24, 3);
    CHECK_INT(p->size, 32); /* rounded up to 16 */
    void *a = pool_take(p), *b = pool_take(p), *c = pool_take(p);
    CHECK(a && b && c && a != b && b != c && a != c);
    CHECK(((uintptr_t)a & 15) == 0 && ((uintptr_t)b & 15) == 0);
    CHECK(pool_take(p) == NULL);
    CHECK(pool_take(p) == NULL);
    CHECK_INT(p->refused, 2);
    CHECK_INT(p->used, 3);
    pool_give(p, b);
    CHECK_INT(p->used, 2);
    CHECK(pool_take(p) == b);
    pool_give(p, a);
    pool_give(p, b);
    pool_give(p, c);
    CHECK_INT(p->used, 0);
    CHECK_INT(p->high, 3);
}

TEST(pool_index_counts_slots) {
    struct pool *p = test_pool("p", 16, 4);
    void *slot[4];
    for (uint32_t i = 0; i < 4; i++) {
        slot[i] = pool_take(p);
        CHECK_INT(pool_index(p, slot[i]), i);
    }
    for (int i = 0; i < 4; i++)
        pool_give(p, slot[i]);
}

TEST(pool_touches_nothing_before_it_is_taken) {
    _Alignas(16) static unsigned char mem[64];
    static uint32_t next[2];
    memset(mem, 7, sizeof mem);
    memset(next, 7, sizeof next);
    struct pool p;
    pool_init(&p, "p", "", mem, next, 32, 2);
    void *a = pool_take(&p);
    CHECK_INT(next[1], 0x07070707);
    CHECK_INT(p.fresh, 1);
    CHECK_INT(((unsigned char *)a)[0], 7);
    pool_give(&p, a);
    CHECK(pool_take(&p) == a); /* used slots first */
    CHECK_INT(p.fresh, 1);
}

#ifdef PICKET_TEST
TEST(pool_poisons_what_is_given_back) {
    struct pool *p = test_pool("p", 16, 1);
    unsigned char *a = pool_take(p);
    memset(a, 0, 16);
    pool_give(p, a);
    a = pool_take(p);
    for (int i = 0; i < 16; i++)
        CHECK_INT(a[i], 0xa5);
    pool_give(p, a);
}
#endif

/* True when misuse(arg) ends its process by a signal. */
static bool dies(void (*misuse)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        close(2);
        misuse();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status);
}

static void give_twice(void) {
    struct pool *p = test_pool("p", 16, 2);
    void *a = pool_take(p);
    pool_give(p, a);
    pool_give(p, a);
}
static void give_inside(void) {
    struct pool *p = test_pool("p", 16, 2);
    pool_give(p, (char *)pool_take(p) + 1);
}
static void give_before(void) {
    struct pool *p = test_pool("p", 16, 2);
    pool_give(p, (char *)pool_take(p) - 16);
}
static void give_after(void) {
    struct pool *p = test_pool("p", 16, 2);
    pool_give(p, (char *)pool_take(p) + 32);
}
static void give_never_taken(void) {
    struct pool *p = test_pool("p", 16, 2);
    pool_give(p, (char *)pool_take(p) + 16);
}
static void give_null(void) {
    pool_give(test_pool("p", 16, 2), NULL);
}
static void crooked_storage(void) {
    _Alignas(16) static unsigned char mem[64];
    static uint32_t next[1];
    struct pool p;
    pool_init(&p, "p", "", mem + 8, next, 16, 1);
}
static void nothing(void) {
}

TEST(pool_misuse_ends_the_program) {
    CHECK(!dies(nothing));
    CHECK(dies(give_twice));
    CHECK(dies(give_inside));
    CHECK(dies(give_before));
    CHECK(dies(give_after));
    CHECK(dies(give_never_taken));
    CHECK(dies(give_null));
    CHECK(dies(crooked_storage));
}
