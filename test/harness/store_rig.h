/* store_rig.h - embedded stores below test_dir(), for cases: a master's and a worker's, one arena, and a blob
 * that goes between them. */
#ifndef PICKET_STORE_RIG_H
#define PICKET_STORE_RIG_H

#include "store/embedded.h"
#include "test/harness/memory_spill.h"

struct store_rig {
    struct embedded b;
    struct embedded_setup setup;
    struct store_texts texts;
    struct sys *sys;
    unsigned wakes;
    bool open;
};

/* Gives SQLite its memory, once a case. */
void store_rig_library(void);
/* Opens the store below test_dir()/name. sys may fail: then so may this. */
enum err store_rig_try(struct store_rig *r, struct sys *sys, const char *name, bool is_worker, bool newer,
                       struct error *e);
/* The same over the real system; fails the case. It is closed at the end of the case. newer: dialect F. */
void store_rig_open(struct store_rig *r, const char *name, bool is_worker, bool newer);
void store_rig_close(struct store_rig *r);

/* A job that is run to its end. No step may leave a transaction open. */
void store_rig_run(struct store_rig *r, struct store_job *j, enum store_work work, struct blob *blob);
/* One agent as its own node reports it: os_name and version, alive now, to be told as status says. */
void store_rig_agent(struct store_rig *r, int64_t id, const char *name);
void store_rig_report(struct store_rig *r, int64_t id, const char *os_name, const char *sync_status);
/* names: "a,b". */
void store_rig_groups(struct store_rig *r, int64_t id, const char *names, bool syncreq);
/* The answer to a select: "1|a|-\n", a line each, NULL as "-". Valid until the next call. */
const char *store_rig_select(struct store_rig *r, const char *sql);

#endif
