/* pools.c - see pools.h; also the message that a misused pool prints in tests. */
#include "test/harness/pools.h"

#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

void pool_misuse(const char *pool, const char *what) {
    fprintf(stderr, "pool %s: %s\n", pool, what);
    abort();
}

static void all_back(void *arg) {
    const struct pool *p = arg;
    if (p->used)
        test_fail(__FILE__, __LINE__, "pool %s: %u slots were not given back", p->name, p->used);
}

struct pool *test_pool(const char *name, size_t size, uint32_t count) {
    struct pool *p = test_keep(malloc(sizeof *p));
    void *mem = test_keep(aligned_alloc(16, POOL_SLOT(size) * count));
    uint32_t *next = test_keep(malloc(sizeof *next * count));
    pool_init(p, name, "a test's pool", mem, next, size, count);
    test_at_end(all_back, p);
    return p;
}
