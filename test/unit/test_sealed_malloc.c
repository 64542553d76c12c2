/* The shipped program's allocator, under other names so that the sanitizers' stays in place. */
#define SEALED_MALLOC_UNDER_TEST
#define malloc sealed_take
#define calloc sealed_calloc
#define realloc sealed_realloc
#define free sealed_free
#define aligned_alloc sealed_aligned_alloc
#define posix_memalign sealed_posix_memalign
#define memalign sealed_memalign
#define malloc_usable_size sealed_usable_size
#include "src/app/sealed_malloc.c"

#include "test/harness/harness.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_at(const void *p, size_t align) {
    return p != NULL && (uintptr_t)p % align == 0;
}

/* True when run() ends the process with SIGABRT, as a bug does in test builds. */
static bool aborts(void (*run)(void)) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        close(STDERR_FILENO);
        run();
        _exit(0);
    }
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void take_one(void) {
    (void)!malloc(1);
}

static void take_too_much(void) {
    (void)!malloc(SEALED_MALLOC_BYTES);
}

static void take_overflowing(void) {
    volatile size_t many = SIZE_MAX / 2 + 2;
    (void)!calloc(many, 2);
}

TEST(sealed_malloc_blocks_do_not_overlap) {
    unsigned char *a = malloc(33), *b = calloc(3, 5);

    CHECK(is_at(a, 16) && is_at(b, 16));
    memset(a, 0xff, 33);
    for (size_t i = 0; i < 15; i++)
        CHECK_INT(b[i], 0);
    CHECK_INT(malloc_usable_size(a), 33);
    CHECK_INT(malloc_usable_size(b), 15);
    CHECK(sealed_malloc_used() >= 48);
    CHECK(malloc(0) != malloc(0));
}

TEST(sealed_malloc_realloc_keeps_the_content) {
    char *a = malloc(6);

    memcpy(a, "seven", 6);
    CHECK(realloc(a, 3) == a);
    char *b = realloc(a, 600);
    CHECK(b != a);
    CHECK_STR(b, "seven");
    CHECK(realloc(NULL, 4) != NULL);
    free(a);
    CHECK_STR(b, "seven");
}

TEST(sealed_malloc_alignment_is_of_the_address) {
    void *p = NULL;

    CHECK(is_at(memalign(256, 1), 256));
    CHECK(is_at(aligned_alloc(1024, 1), 1024));
    CHECK_INT(posix_memalign(&p, 64, 10), 0);
    CHECK(is_at(p, 64));
    CHECK_INT(posix_memalign(&p, 24, 10), EINVAL);
    CHECK_INT(posix_memalign(&p, 2, 10), EINVAL);
    CHECK(memalign(3, 1) == NULL);
    CHECK(is_at(memalign(1, 1), 16));
}

TEST(sealed_malloc_seal_makes_a_call_a_bug) {
    CHECK(!aborts(take_one));
    malloc_seal();
    CHECK(aborts(take_one));
    malloc_unseal_child();
    CHECK(!aborts(take_one));
    CHECK_INT(sealed_malloc_refused(), 0);
}

TEST(sealed_malloc_has_an_end) {
    CHECK(aborts(take_too_much));
    CHECK(aborts(take_overflowing));
    size_t left = SEALED_MALLOC_BYTES - sealed_malloc_used() - 64;
    CHECK(malloc(left) != NULL);
    CHECK(aborts(take_too_much));
}
