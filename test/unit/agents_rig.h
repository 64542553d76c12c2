/* agents_rig.h - the agents of an embedded store below test_dir(), over a system whose calls can fail, and
 * wazuh-db's commands to them: for the tests of agents*.c and wdb_global*.c. */
#ifndef PICKET_TEST_AGENTS_RIG_H
#define PICKET_TEST_AGENTS_RIG_H

#include "limits.h"
#include "src/store/agents_parts.h"
#include "store/wdb_global.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct faults faults;
static struct db db;
static struct agents agents;
static struct wdb_global global;
static struct store_texts texts;
static struct error e;
static int root;
static _Alignas(16) unsigned char arena[STORE_ARENA_BYTES];

/* The reply to the last command, or select. */
static char reply[WDB_TEXT_BYTES];

static inline void good(enum err err) {
    if (err)
        test_fail(__FILE__, __LINE__, "%s: %s", err_words(err), e.what);
}

static inline void rig_end(void *arg) {
    (void)arg;
    faults.fail_at = 0;
    db_close(&db);
    db_library_close();
    close(root);
}

/* is_worker is kept for a second opening. */
static inline void rig_reopen(bool is_worker) {
    db_close(&db);
    good(db_open(&db, &faults.sys, root, UINT32_MAX, UINT32_MAX, NULL, &e));
    good(agents_open(&agents, &db, &faults.sys, is_worker, 30, &e));
    wdb_global_init(&global, &agents, &texts, NULL);
}

static inline void rig_begin(bool is_worker) {
    faults_init(&faults);
    root = faults.sys.openat(&faults.sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(root >= 0);
    good(db_library_open(arena, sizeof arena, &e));
    test_at_end(rig_end, NULL);
    rig_reopen(is_worker);
}

static inline const char *vask(const char *format, va_list args) {
    static char command[WDB_TEXT_BYTES];
    struct text t;
    int n = vsnprintf(command, sizeof command, format, args);
    CHECK(n >= 0 && n < (int)sizeof command);
    text_init(&t, reply, sizeof reply);
    wdb_global(&global, command, (size_t)n, &t);
    CHECK_INT(t.len, strlen(reply));
    CHECK(!db_in_transaction(&db));
    return reply;
}

/* One command; its reply is in `reply`. */
__attribute__((format(printf, 1, 2))) static inline const char *ask(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vask(format, args);
    va_end(args);
    return reply;
}

#define ASK(want, ...) CHECK_STR(ask(__VA_ARGS__), want)

/* The rows of a select over what this connection sees, as JSON; also within a transaction. */
static inline const char *rows(const char *sql) {
    struct sqlite3_stmt *q;
    struct text t;
    bool row, first = true;
    text_init(&t, reply, sizeof reply);
    good(db_prepare_read(&db, sql, strlen(sql), &q, &e));
    for (; db_step(&db, q, &row, &e) == E_OK && row; first = false) {
        text_str(&t, first ? "" : ",");
        compact_row(&t, q);
    }
    db_finish(q);
    return reply;
}

#define ROWS(sql, want) CHECK_STR(rows(sql), want)

static inline void add(int64_t id, const char *name) {
    good(agents_insert(&agents, id, name, "any", "any", NULL, 1700000000, &e));
}

/* JSON of one agent, parsed. Valid until the next call. */
static inline const struct json_doc *doc(const char *json) {
    static struct json_doc d;
    static char text[STRING_AGENT_BYTES * 2];
    snprintf(text, sizeof text, "%s", json);
    good(json_parse(&d, text, strlen(text), texts.tokens, STRING_TOKENS, &e));
    return &d;
}

static inline enum err apply(enum sync_status list, const char *json) {
    return agents_apply(&agents, list, doc(json), 0, NULL, &e);
}

static inline int64_t now_s(void) {
    return faults.sys.wall_ns(&faults.sys) / 1000000000;
}

#endif
