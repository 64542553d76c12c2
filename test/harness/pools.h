/* pools.h - pools for test cases: storage from malloc, and every slot given back at the end or the case
 * fails. */
#ifndef PICKET_TEST_POOLS_H
#define PICKET_TEST_POOLS_H

#include "base/pool.h"

/* A pool of count slots of size bytes that lives until the case ends. */
struct pool *test_pool(const char *name, size_t size, uint32_t count);

#endif
