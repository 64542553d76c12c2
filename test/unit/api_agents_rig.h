/* api_agents_rig.h - calls of the API about agents and groups over an embedded store, for cases: a request is
 * given as JSON, its function is run to the end in a loop of its own, and the answer is text. */
#ifndef PICKET_API_AGENTS_RIG_H
#define PICKET_API_AGENTS_RIG_H

#include "api/agents_parts.h"
#include "api/dapi_parts.h"
#include "src/store/db_parts.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/pools.h"
#include "test/harness/store_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct store_rig rig;
static struct sys rig_sys;
static struct loop rig_loop;
static struct role_env rig_role;
static struct cluster_config rig_config;
static struct api_env rig_env;
static struct pool *rig_windows;
static struct memory_spill rig_spill;
static struct api_call rig_call;
static struct blob rig_out, rig_body;
static bool rig_ended;
static char rig_root_path[256];

#define RIG_NEED(call)                                                                                       \
    do {                                                                                                     \
        struct error e_;                                                                                     \
        if ((call) != E_OK)                                                                                  \
            test_fail(__FILE__, __LINE__, "%s: %s", #call, e_.what);                                         \
    } while (0)

static void rig_on_ended(struct api_call *c) {
    CHECK(c == &rig_call && !rig_ended);
    rig_ended = true;
}

static void rig_check_pools(void *arg) {
    (void)arg;
    CHECK_INT(rig_windows->used, 0);
    CHECK_INT(rig_spill.open, 0);
}

/* store: the one asked; NULL: rig's own embedded one, which is opened. */
static inline void rig_open(struct store *store) {
    sys_linux_init(&rig_sys);
    loop_init(&rig_loop, &rig_sys);
    rig_windows = test_pool("windows", BODY_WINDOW_BYTES, 8);
    memory_spill_init(&rig_spill, 64u << 20);
    test_at_end(rig_check_pools, NULL);
    snprintf(rig_root_path, sizeof rig_root_path, "%s/node", test_dir());
    if (store) {
        rig_role.agents_env.store = store;
        test_write_file("node/x", "", 0);
    } else {
        store_rig_library();
        store_rig_open(&rig, "node", false, true);
        rig_role.agents_env.store = &rig.b.store;
    }
    snprintf(rig_config.node_name, sizeof rig_config.node_name, "node01");
    rig_role.sys = &rig_sys;
    rig_role.loop = &rig_loop;
    rig_role.config = &rig_config;
    rig_role.dialect = dialect_find("4.14.7");
    rig_role.root = open(rig_root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rig_role.shared.windows = rig_windows;
    rig_role.shared.spill = &rig_spill.spill;
    rig_role.shared.message_bytes = 64u << 20;
    rig_env.role = &rig_role;
    rig_env.root_path = rig_root_path;
}

/* Reads a request {"f": ..., <rest>} of this function. */
static inline void rig_read(const char *function, const char *rest) {
    char f[200], module[120];
    struct wazuh_error why;
    struct error e;
    enum step s;
    blob_init(&rig_body, NULL, 0, rig_windows, &rig_spill.spill, 64u << 20);
    blob_init(&rig_out, NULL, 0, rig_windows, &rig_spill.spill, 64u << 20);
    const char *name = strrchr(function, '.');
    if (strstr(function, "Agent."))
        name = strstr(function, ".Agent.");
    snprintf(module, sizeof module, "%.*s", (int)(name - function), function);
    int n = snprintf(f, sizeof f,
                     "{\"f\": {\"__callable__\": {\"__name__\": \"%s\", \"__module__\": \"%s\", "
                     "\"__qualname__\": \"%s\", \"__type__\": \"function\"}}, ",
                     strrchr(function, '.') + 1, module, name + 1);
    CHECK(blob_append(&rig_body, (const uint8_t *)f, (size_t)n, &e) == E_OK);
    CHECK(blob_append(&rig_body, (const uint8_t *)rest, strlen(rest), &e) == E_OK);
    CHECK(blob_append(&rig_body, (const uint8_t *)"}", 1, &e) == E_OK);
    rig_ended = false;
    api_call_init(&rig_call, &rig_env, &rig_out, rig_on_ended, NULL);
    api_request_init(&rig_call.request, &rig_body, 0, NULL, &rig_spill.spill, 64u << 20); /* as dapi does */
    while ((s = api_request_find_function(&rig_call.request, &why)) == STEP_AGAIN)
        ;
    if (s != STEP_DONE)
        test_fail(__FILE__, __LINE__, "find_function: %s", why.extra);
    rig_call.function = NULL;
    for (size_t i = 0; i < api_agent_functions.count; i++)
        if (strcmp(api_agent_functions.functions[i].name, rig_call.request.function) == 0)
            rig_call.function = &api_agent_functions.functions[i];
    CHECK(rig_call.function);
    while ((s = api_request_read(&rig_call.request, rig_call.function->actions, &why)) == STEP_AGAIN)
        ;
    if (s != STEP_DONE)
        test_fail(__FILE__, __LINE__, "read: %s", why.extra);
}

static inline void rig_begin(const char *function, const char *rest) {
    rig_read(function, rest);
    rig_call.running = true;
    rig_call.function->start(&rig_call);
}

static inline void rig_turn(void) {
    loop_turn(&rig_loop, 0);
    if (rig.open)
        embedded_step(&rig.b);
}

/* Nobody wants it any more. */
static inline void rig_drop(void) {
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
}

/* SQL of the case's own. */
static inline void rig_run(const char *sql) {
    RIG_NEED(db_begin(rig.b.agents.db, &e_));
    RIG_NEED(db_exec(rig.b.agents.db, sql, &e_));
    RIG_NEED(db_commit(rig.b.agents.db, &e_));
}

/* The answer of the call that was begun. */
static inline const char *rig_end(void) {
    for (unsigned i = 0; !rig_ended; i++) {
        CHECK(i < 200000);
        rig_turn();
    }
    char *text = fake_store_blob(&rig_out, NULL);
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
    blob_reset(&rig_out);
    return text;
}

static inline const char *rig_ask(const char *function, const char *rest) {
    rig_begin(function, rest);
    return rig_end();
}

/* The part of an answer between two texts. */
static inline const char *rig_part(const char *answer, const char *from, const char *to) {
    const char *a = strstr(answer, from), *b = a ? strstr(a + strlen(from), to) : NULL;
    if (!b)
        test_fail(__FILE__, __LINE__, "no %s ... %s in %s", from, to, answer);
    a += strlen(from);
    char *part = test_keep(malloc((size_t)(b - a) + 1));
    memcpy(part, a, (size_t)(b - a));
    part[b - a] = '\0';
    return part;
}

#endif
