/* keys_rig.h - a node's embedded agents below test_dir(), with their log and a way to ask the database, for
 * the tests of what follows files into it. */
#ifndef PICKET_TEST_KEYS_RIG_H
#define PICKET_TEST_KEYS_RIG_H

#include "store/client_keys.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct keys_rig {
    struct faults faults; /* faults.sys is everybody's table */
    struct log log;       /* first member of nothing: see keys_log */
    char lines[16384];    /* "ERROR text\n" */
    struct text text;
    int root;
    struct db db;
    struct agents agents;
    struct client_keys keys;
    struct error e;
};

static struct keys_rig rig;
static _Alignas(16) unsigned char rig_arena[2u << 20];

static inline void keys_log(struct log *l, enum log_level level, const char *tag, const char *subtag,
                            const char *text) {
    static const char *const names[] = {"ERROR", "WARNING", "INFO", "CYCLE", "DEBUG", "DEBUG2"};
    (void)l, (void)tag, (void)subtag;
    text_format(&rig.text, "%s %s\n", names[level], text);
}

static inline void keys_log_clear(void) {
    text_init(&rig.text, rig.lines, sizeof rig.lines);
}

/* Checks what was logged since the last time, and forgets it. */
#define KEYS_LOG(want) (CHECK_STR(rig.lines, want), keys_log_clear())

static inline void rig_close(void *arg) {
    (void)arg;
    client_keys_fini(&rig.keys);
    db_close(&rig.db);
    db_library_close();
    close(rig.root);
}

static inline void rig_store_open(bool is_master, uint32_t limit) {
    CHECK_INT(db_library_open(rig_arena, sizeof rig_arena, &rig.e), E_OK);
    enum err err = db_open(&rig.db, &rig.faults.sys, rig.root, UINT32_MAX, UINT32_MAX, &rig.log, &rig.e);
    if (err)
        test_fail(__FILE__, __LINE__, "db_open: %s", rig.e.what);
    CHECK_INT(agents_open(&rig.agents, &rig.db, &rig.faults.sys, !is_master, limit, &rig.e), E_OK);
    client_keys_init(&rig.keys, &rig.agents, &rig.faults.sys, &rig.log, rig.root, is_master);
}

static inline void rig_open(bool is_master, uint32_t limit) {
    char path[512];
    faults_init(&rig.faults);
    rig.log = (struct log){.level = LOG_DEBUG2, .write = keys_log};
    keys_log_clear();
    rig.root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(rig.root >= 0);
    snprintf(path, sizeof path, "%s/etc", test_dir());
    mkdir(path, 0770);
    rig_store_open(is_master, limit);
    test_at_end(rig_close, NULL);
}

/* The rows of a SELECT: columns divided by '|', rows by ' '. */
static inline const char *rig_sql(const char *select) {
    static char out[8192];
    struct text t;
    struct sqlite3_stmt *q;
    bool row;
    text_init(&t, out, sizeof out);
    if (db_prepare_read(&rig.db, select, strlen(select), &q, &rig.e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", select, rig.e.what);
    while (db_step(&rig.db, q, &row, &rig.e) == E_OK && row) {
        text_str(&t, t.len ? " " : "");
        for (int c = 0; c < db_columns(q); c++)
            text_format(&t, "%s%s", c ? "|" : "", db_is_null(q, c) ? "-" : db_text(q, c, NULL));
    }
    db_finish(q);
    return out;
}

#endif
