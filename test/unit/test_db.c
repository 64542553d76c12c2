#include "test/harness/harness.h"
#include "store/db.h"
#include "limits.h"
#include <fcntl.h>
#include <stdio.h>
_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
TEST(db_opens) {
    struct sys sys; struct error e = {0}; static struct db d;
    sys_linux_init(&sys);
    int root = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY|O_DIRECTORY, 0);
    CHECK_INT(db_library_open(arena, sizeof arena, &e), 0);
    enum err err = db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    if (err) test_fail(__FILE__, __LINE__, "%d %s", err, e.what);
    err = db_begin(&d, &e);
    if (err) test_fail(__FILE__, __LINE__, "%d %s", err, e.what);
    err = db_commit(&d, &e);
    if (err) test_fail(__FILE__, __LINE__, "%d %s", err, e.what);
    printf("high %zu\n", db_library_high());
    db_close(&d);
    err = db_open(&d, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e);
    if (err) test_fail(__FILE__, __LINE__, "%d %s", err, e.what);
    db_close(&d);
    db_library_close();
    sys.close(&sys, root);
}
