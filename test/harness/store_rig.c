/* store_rig.c - see store_rig.h. */
#include "test/harness/store_rig.h"

#include "src/store/agents_parts.h"
#include "test/harness/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NEED(call)                                                                                           \
    do {                                                                                                     \
        struct error e_;                                                                                     \
        if ((call) != E_OK)                                                                                  \
            test_fail(__FILE__, __LINE__, "%s: %s", #call, e_.what);                                         \
    } while (0)

static void library_end(void *arg) {
    (void)arg;
    db_library_close();
}

void store_rig_library(void) {
    static _Alignas(16) unsigned char arena[2 * STORE_ARENA_BYTES];
    NEED(db_library_open(arena, sizeof arena, &e_));
    test_at_end(library_end, NULL);
}

static void woken(void *arg) {
    ((struct store_rig *)arg)->wakes++;
}

enum err store_rig_try(struct store_rig *r, struct sys *sys, const char *name, bool is_worker, bool newer,
                       struct error *e) {
    char path[512];
    memset(r, 0, sizeof *r);
    r->sys = sys;
    snprintf(path, sizeof path, "%s/x", name);
    test_write_file(path, "", 0);
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    r->setup = (struct embedded_setup){.sys = sys,
                                       .root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                       .uid = UINT32_MAX,
                                       .gid = UINT32_MAX,
                                       .is_worker = is_worker,
                                       .info_http = newer,
                                       .groups_named = newer,
                                       .texts = &r->texts,
                                       .wake = woken,
                                       .wake_arg = r};
    CHECK(r->setup.root >= 0);
    enum err err = embedded_open(&r->b, &r->setup, e);
    r->open = err == E_OK;
    if (!r->open)
        close(r->setup.root);
    return err;
}

void store_rig_close(struct store_rig *r) {
    if (!r->open)
        return;
    r->open = false;
    embedded_close(&r->b);
    close(r->setup.root);
}

static void close_at_end(void *arg) {
    store_rig_close(arg);
}

void store_rig_open(struct store_rig *r, const char *name, bool is_worker, bool newer) {
    static struct sys sys;
    sys_linux_init(&sys);
    NEED(store_rig_try(r, &sys, name, is_worker, newer, &e_));
    test_at_end(close_at_end, r);
}

static void done(void *arg, struct store_job *j) {
    (void)j;
    ++*(unsigned *)arg;
}

void store_rig_run(struct store_rig *r, struct store_job *j, enum store_work work, struct blob *blob) {
    unsigned ended = 0, wakes = r->wakes;
    j->work = work;
    j->blob = blob;
    j->done = done;
    j->arg = &ended;
    store_submit(&r->b.store, j);
    CHECK_INT(ended, 0);
    CHECK_INT(r->wakes, wakes + 1);
    enum step step = STEP_AGAIN;
    for (unsigned n = 0; !ended; n++) {
        CHECK(step == STEP_AGAIN && n < 100000);
        step = embedded_step(&r->b);
        CHECK(!db_in_transaction(&r->b.db));
    }
    CHECK_INT(ended, 1);
    CHECK_INT(step, STEP_WAIT);
}

void store_rig_agent(struct store_rig *r, int64_t id, const char *name) {
    NEED(agents_insert(&r->b.agents, id, name, "any", "any", NULL, 1700000000, &e_));
}

void store_rig_report(struct store_rig *r, int64_t id, const char *os_name, const char *sync_status) {
    struct agent_data data = {.sync_status = sync_status};
    for (size_t i = 0; i < AGENT_DATA_FIELDS; i++)
        data.field[i] = "x";
    data.field[text_find(agent_data_names, "os_name")] = os_name;
    data.field[text_find(agent_data_names, "connection_status")] = "active";
    data.field[text_find(agent_data_names, "group_config_status")] = "synced";
    NEED(agents_put_data(&r->b.agents, id, &data, &e_));
}

void store_rig_groups(struct store_rig *r, int64_t id, const char *names, bool syncreq) {
    static char buf[4096];
    const char *list[GROUPS_PER_AGENT];
    size_t n = 0;
    snprintf(buf, sizeof buf, "%s", names);
    for (char *at = strtok(buf, ","); at; at = strtok(NULL, ",")) {
        list[n++] = at;
        NEED(groups_insert(&r->b.agents, at, &e_));
    }
    NEED(agents_set_groups(&r->b.agents, id, GROUPS_OVERRIDE, list, n, syncreq, &e_));
}

const char *store_rig_select(struct store_rig *r, const char *sql) {
    static char buf[8192];
    struct text t;
    struct sqlite3_stmt *q;
    bool row;
    text_init(&t, buf, sizeof buf);
    NEED(db_prepare_read(&r->b.db, sql, strlen(sql), &q, &e_));
    for (;;) {
        NEED(db_step(&r->b.db, q, &row, &e_));
        if (!row)
            break;
        for (int i = 0; i < db_columns(q); i++)
            text_format(&t, "%s%s", i ? "|" : "", db_is_null(q, i) ? "-" : db_text(q, i, NULL));
        text_char(&t, '\n');
    }
    db_finish(q);
    return buf;
}
