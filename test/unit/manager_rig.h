/* manager_rig.h - calls of the API about a node, for cases: a request is given as JSON, its function is run
 * to the end in a loop of its own over a root below test_dir(), and the answer is text. */
#ifndef PICKET_MANAGER_RIG_H
#define PICKET_MANAGER_RIG_H

#include "api/dapi_parts.h"
#include "test/harness/fake_store.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <stdio.h>
#include <stdlib.h>

static struct faults rig_faults;
static struct loop rig_loop;
static struct role_env rig_role;
static struct cluster_config rig_config;
static struct api_env rig_env;
static struct pool *rig_windows;
static struct memory_spill rig_spill;
static struct fake_store rig_store;
static struct manifest rig_manifest;
static struct items rig_items;
static struct api_call rig_call;
static struct blob rig_out, rig_body;
static bool rig_ended;
static char rig_root_path[256];

#define RIG_BLACK "\"rbac_permissions\": {\"rbac_mode\": \"black\"}"
#define RIG_OBJECT(class, members)                                                                           \
    "{\"__wazuh_result__\": {\"__class__\": \"" class "\", \"__object__\": {" members "}}}"

static void rig_on_ended(struct api_call *c) {
    CHECK(c == &rig_call && !rig_ended);
    rig_ended = true;
}

static void rig_check(void *arg) {
    (void)arg;
    CHECK_INT(rig_windows->used, 0);
    CHECK_INT(rig_spill.open, 0);
    rig_faults.sys.close(&rig_faults.sys, rig_role.root);
}

static inline void rig_open(enum node_type type) {
    faults_init(&rig_faults);
    loop_init(&rig_loop, &rig_faults.sys);
    rig_windows = test_pool("windows", BODY_WINDOW_BYTES, 8);
    memory_spill_init(&rig_spill, 64u << 20);
    fake_store_init(&rig_store);
    manifest_init(&rig_manifest, 1);
    items_defaults(&rig_items);
    test_at_end(rig_check, NULL);
    snprintf(rig_root_path, sizeof rig_root_path, "%s", test_dir());
    snprintf(rig_config.node_name, sizeof rig_config.node_name, "node01");
    snprintf(rig_config.cluster_name, sizeof rig_config.cluster_name, "wazuh");
    snprintf(rig_config.announced_version, sizeof rig_config.announced_version, "4.14.7");
    rig_config.type = type;
    rig_role.sys = &rig_faults.sys;
    rig_role.loop = &rig_loop;
    rig_role.config = &rig_config;
    rig_role.dialect = dialect_find("4.14.7");
    rig_role.root =
        rig_faults.sys.openat(&rig_faults.sys, SYS_CWD, rig_root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    rig_role.shared.windows = rig_windows;
    rig_role.shared.spill = &rig_spill.spill;
    rig_role.shared.message_bytes = 64u << 20;
    rig_role.agents_env.store = &rig_store.store;
    rig_role.integrity.manifest = &rig_manifest;
    rig_role.integrity.items = &rig_items;
    rig_env.role = &rig_role;
    rig_env.root_path = rig_env.root_name = rig_root_path;
}

static inline const struct api_function *rig_find(const struct api_table *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->functions[i].name, name) == 0)
            return &t->functions[i];
    test_fail(__FILE__, __LINE__, "%s is in no table", name);
}

/* Begins a request of this function with these arguments; rest: more members, may be "". */
static inline void rig_begin(const struct api_table *t, const char *function, const char *kwargs,
                             const char *rest) {
    struct wazuh_error why;
    struct error e;
    enum step s;
    char head[300];
    const char *name = strrchr(function, '.');
    blob_init(&rig_body, NULL, 0, rig_windows, &rig_spill.spill, 64u << 20);
    blob_init(&rig_out, NULL, 0, rig_windows, &rig_spill.spill, 64u << 20);
    snprintf(head, sizeof head,
             "{\"f\": {\"__callable__\": {\"__name__\": \"%s\", \"__module__\": \"%.*s\", \"__qualname__\": "
             "\"%s\", \"__type__\": \"function\"}}, \"f_kwargs\": ",
             name + 1, (int)(name - function), function, name + 1);
    const char *const parts[] = {head, kwargs, rest[0] ? ", " : "", rest, "}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        CHECK(blob_append(&rig_body, (const uint8_t *)parts[i], strlen(parts[i]), &e) == E_OK);
    rig_ended = false;
    api_call_init(&rig_call, &rig_env, &rig_out, rig_on_ended, NULL);
    api_request_init(&rig_call.request, &rig_body, 0, rig_windows, &rig_spill.spill, 64u << 20);
    while ((s = api_request_find_function(&rig_call.request, &why)) == STEP_AGAIN)
        ;
    CHECK(s == STEP_DONE);
    rig_call.function = rig_find(t, rig_call.request.function);
    while ((s = api_request_read(&rig_call.request, rig_call.function->actions, &why)) == STEP_AGAIN)
        ;
    CHECK(s == STEP_DONE);
    rig_call.running = true;
    rig_call.function->start(&rig_call);
}

/* The answer of the call that was begun. */
static inline const char *rig_end(void) {
    for (unsigned i = 0; !rig_ended; i++) {
        CHECK(i < 200000);
        loop_turn(&rig_loop, 0);
    }
    char *text = fake_store_blob(&rig_out, NULL);
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
    blob_reset(&rig_out);
    return text;
}

static inline const char *rig_ask(const struct api_table *t, const char *function, const char *kwargs,
                                  const char *rest) {
    rig_begin(t, function, kwargs, rest);
    return rig_end();
}

/* What stands between from and to; fails the case when they are not there. */
static inline char *rig_part(const char *answer, const char *from, const char *to) {
    const char *a = strstr(answer, from), *b = a ? strstr(a + strlen(from), to) : NULL;
    if (!b)
        test_fail(__FILE__, __LINE__, "no %s ... %s in %s", from, to, answer);
    a += strlen(from);
    char *part = test_keep(malloc((size_t)(b - a) + 1));
    memcpy(part, a, (size_t)(b - a));
    part[b - a] = '\0';
    return part;
}

/* The items of an answer, or the whole answer when it has none. */
static inline const char *rig_items_of(const char *answer) {
    return strstr(answer, "\"affected_items\": [")
               ? rig_part(answer, "\"affected_items\": [", "], \"sort_fields\"")
               : answer;
}

#endif
