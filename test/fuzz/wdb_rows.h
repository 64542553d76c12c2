/* wdb_rows.h - an embedded store for targets that ask one: opened once, with a few agents and groups, and its
 * commands given as text. */
#ifndef PICKET_FUZZ_WDB_ROWS_H
#define PICKET_FUZZ_WDB_ROWS_H

#include "limits.h"
#include "store/wdb_global.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sys sys;
static struct db db;
static struct agents agents;
static struct wdb_global global;
static struct store_texts texts;
static _Alignas(16) unsigned char arena[STORE_ARENA_BYTES];
static char command[WDB_TEXT_BYTES], reply[WDB_TEXT_BYTES];

static inline void must(int holds) {
    if (!holds)
        abort();
}

static inline int no_fsync(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

/* text may be command itself. */
static inline void run(const char *text) {
    struct text t;
    size_t n = strlen(text);
    memmove(command, text, n + 1);
    text_init(&t, reply, sizeof reply);
    wdb_global(&global, command, n, &t);
    must(t.len == strlen(reply));
}

/* Opens it with the rows that these commands make, the first time. Nobody needs the names of its files after
 * that: SQLite has them open. */
static inline void once(const char *const *rows, size_t count) {
    static bool done;
    struct error e;
    char path[] = "/tmp/fuzz_wdb_rows.XXXXXX";
    if (done)
        return;
    done = true;
    sys_linux_init(&sys);
    sys.fsync = no_fsync;
    must(mkdtemp(path) != NULL);
    int root = sys.openat(&sys, SYS_CWD, path, O_RDONLY | O_DIRECTORY, 0);
    must(db_library_open(arena, sizeof arena, &e) == E_OK);
    must(db_open(&db, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e) == E_OK);
    must(agents_open(&agents, &db, &sys, false, 100, &e) == E_OK);
    wdb_global_init(&global, &agents, &texts, NULL);
    for (size_t i = 0; i < count; i++) {
        run(rows[i]);
        must(strcmp(reply, "ok") == 0);
    }
    must(sys.unlinkat(&sys, root, DB_PATH, false) == 0);
    sys.unlinkat(&sys, root, DB_PATH "-journal", false);
    sys.unlinkat(&sys, root, "queue/db", true);
    sys.unlinkat(&sys, root, "queue", true);
    sys.unlinkat(&sys, SYS_CWD, path, true);
}

#endif
