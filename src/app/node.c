/* node.c - builds a node from its parts, bottom up, and takes it apart again. No work is done here. */
#include "app/node.h"

#include "base/bytes.h"
#include "crypto/random.h"

#include <stdio.h>
#include <string.h>

/* What the program has beside its node: SQLite's arena; configuration being read, the log, the stack. */
#define BESIDE_NODE_BYTES (STORE_ARENA_BYTES + (384u << 10))

_Static_assert(
    sizeof(struct node) + BESIDE_NODE_BYTES <= BOARD_RAM_BYTES,
    "This board's tables do not fit its memory: lower FILES_MAX, WORKERS_MAX, BODY_WINDOWS, "
    "PACKAGE_ENCODERS or STORE_ARENA_BYTES in board/<name>/limits.h, or raise BOARD_RAM_BYTES there.");
_Static_assert(XFER_CHUNK_BYTES + XFER_PATH_BYTES <= BODY_WINDOW_BYTES,
               "One chunk of a file that we send must fit a window of a node that is built alike: raise "
               "BODY_WINDOW_BYTES or lower XFER_CHUNK_BYTES in board/<name>/limits.h.");

uint64_t node_bytes(void) {
    return sizeof(struct node) + BESIDE_NODE_BYTES;
}

static void open_pools(struct node *n) {
#define POOL(id, type, count, words)                                                                         \
    pool_init(&n->pools[POOL_##id], #id, words, n->storage.id, n->storage.id##_next, sizeof(type), count);
#include "pools.def"
#undef POOL
}

static void open_shared(struct node *n, const struct node_setup *setup) {
    const struct cluster_config *c = setup->config;
    fernet_key_init(&n->key, c->key);
    n->env.shared = (struct session_shared){.sys = setup->sys,
                                            .log = setup->log,
                                            .key = &n->key,
                                            .dialect = n->env.dialect,
                                            .messages = &n->pools[POOL_messages],
                                            .windows = &n->pools[POOL_windows],
                                            .senders = &n->pools[POOL_xfer_senders],
                                            .receivers = &n->pools[POOL_xfer_receivers],
                                            .strings = &n->pools[POOL_xfer_strings],
                                            .spill = &n->env.spool.spill,
                                            .message_bytes = c->spool_bytes,
                                            .request_ms = c->intervals.timeout_cluster_request_ms,
                                            .scratch = n->scratch,
                                            .rx = n->rx};
}

static void open_integrity(struct node *n, const struct node_setup *setup, uint32_t seed) {
    const struct cluster_config *c = setup->config;
    bool is_master = c->type == NODE_MASTER;
    snprintf(n->tag, sizeof n->tag, "Worker %s", c->node_name);
    manifest_init(&n->manifest, seed);
    scanner_init(&n->env.scanner, &n->loop, setup->root, &c->items, &n->manifest, setup->log,
                 is_master ? "Master" : n->tag, is_master ? "Local integrity" : "Integrity check",
                 is_master ? c->intervals.recalculate_integrity_ms : 0);
    n->env.integrity = (struct integrity_env){.sys = setup->sys,
                                              .loop = &n->loop,
                                              .log = setup->log,
                                              .root = setup->root,
                                              .items = &c->items,
                                              .manifest = &n->manifest,
                                              .scanner = &n->env.scanner,
                                              .intervals = &c->intervals,
                                              .dialect = n->env.dialect,
                                              .compress_always = c->compress_always,
                                              .node_name = c->node_name,
                                              .tag = n->tag,
                                              .unsynced = &n->env.unsynced,
                                              .checkers = &n->pools[POOL_inflaters],
                                              .senders = &n->pools[POOL_deflaters],
                                              .windows = &n->pools[POOL_windows],
                                              .spill = &n->env.spool.spill};
}

static void open_agents(struct node *n, const struct node_setup *setup) {
    const struct cluster_config *c = setup->config;
    n->env.agents_env = (struct agents_env){.sys = setup->sys,
                                            .loop = &n->loop,
                                            .log = setup->log,
                                            .intervals = &c->intervals,
                                            .dialect = n->env.dialect,
                                            .windows = &n->pools[POOL_windows],
                                            .spill = &n->env.spool.spill,
                                            .string_bytes = c->spool_bytes / 4,
                                            .tag = c->type == NODE_MASTER ? "Master" : n->tag};
    n->env.agent_store = &n->agent_store;
    n->agents_are_open = true;
    agent_store_open(&n->agent_store, &n->env, setup->root, setup->root_path, setup->uid, setup->gid,
                     &n->pools[POOL_wdb_clients]);
}

/* A set that was committed before the power went is finished; anything else is discarded. */
static void tell_unfinished(void *arg, const char *path, const struct error *why) {
    struct node *n = arg;
    log_line(n->env.log, LOG_WARNING, n->tag, "Integrity sync", "%s: left over from the last run: %s", path,
             why->what);
}

static enum err recover(struct node *n, const struct node_setup *setup, uint32_t seed, struct error *e) {
    struct apply_report report = {0};
    struct apply_refusal refusal = {.arg = n, .refused = tell_unfinished};
    stage_init(&n->stage, setup->sys, setup->root, &setup->config->items, setup->uid, setup->gid,
               setup->config->stage_bytes, seed);
    enum err err = apply_recover(&n->stage, &report, &refusal, e);
    uint32_t done = report.created + report.updated + report.deleted;
    if (err == E_OK && done)
        log_line(setup->log, LOG_INFO, n->tag, "Integrity sync",
                 "The last run ended in the middle of a synchronisation: %u files of it were finished now.",
                 done);
    return err;
}

static enum err open_role(struct node *n, struct error *e) {
    struct role_env *env = &n->env;
    if (env->config->type == NODE_MASTER) {
        n->master_is_open = true;
        return master_open(&n->master, env, &n->pools[POOL_strangers], &n->pools[POOL_peers], e);
    }
    integrity_worker_init(&n->integrity_worker, &env->integrity, &n->stage);
    worker_open(&n->worker, env, &n->integrity_worker);
    n->worker_is_open = true;
    return E_OK;
}

static enum err open_local(struct node *n, const struct node_setup *setup, struct error *e) {
    n->local_is_open = true;
    return local_open(&n->local, &n->env, n->master_is_open ? &n->master : NULL,
                      n->worker_is_open ? &n->worker : NULL, &n->pools[POOL_local_clients],
                      &n->pools[POOL_local_desks], setup->root_path, e);
}

static void open_api(struct node *n, const struct node_setup *setup) {
    const struct api_setup api = {.role = &n->env,
                                  .master = n->master_is_open ? &n->master : NULL,
                                  .worker = n->worker_is_open ? &n->worker : NULL,
                                  .local = &n->local,
                                  .root_path = setup->root_path,
                                  .root_name = setup->root_name,
                                  .slots = &n->pools[POOL_api_slots],
                                  .calls = &n->pools[POOL_api_calls],
                                  .sendsyncs = &n->pools[POOL_sendsyncs]};
    n->api_is_open = true;
    api_open(&n->api, &api);
}

static enum err open_parts(struct node *n, const struct node_setup *setup, struct error *e) {
    const struct cluster_config *c = setup->config;
    char spool[NODE_NAME_BYTES + 16];
    uint32_t seed;
    n->env.dialect = dialect_find(c->announced_version);
    if (!n->env.dialect)
        return error_set(e, E_VALUE, 0, "version %s is not one that picket can speak", c->announced_version);
    enum err err = random_u32(setup->sys, &seed, e);
    if (err != E_OK)
        return err;
    open_shared(n, setup);
    open_integrity(n, setup, seed);
    setup->sys->mkdirat(setup->sys, setup->root, "queue", 0750);
    setup->sys->mkdirat(setup->sys, setup->root, "queue/cluster", 0770);
    snprintf(spool, sizeof spool, "queue/cluster/%s", c->node_name);
    err = spool_open(&n->env.spool, setup->sys, setup->root, spool, c->spool_bytes, e);
    if (err == E_OK && setup->uid != UINT32_MAX) /* see stage_own */
        setup->sys->fchown(setup->sys, n->env.spool.dir, setup->uid, setup->gid);
    if (err == E_OK)
        err = recover(n, setup, seed, e);
    if (err != E_OK)
        return err;
    open_agents(n, setup);
    err = open_role(n, e);
    if (err == E_OK)
        err = open_local(n, setup, e);
    if (err == E_OK)
        open_api(n, setup);
    return err;
}

enum err node_open(struct node *n, const struct node_setup *setup, struct error *e) {
    const struct cluster_config *c = setup->config;
    loop_init(&n->loop, setup->sys);
    open_pools(n);
    n->master_is_open = n->worker_is_open = n->local_is_open = n->agents_are_open = n->api_is_open = false;
    n->env.requests = NULL;
    n->env.sys = setup->sys;
    n->env.loop = &n->loop;
    n->env.log = setup->log;
    n->env.root = setup->root;
    n->env.config = c;
    n->env.pools = n->pools;
    n->env.pool_count = POOL_COUNT;
    n->env.fixed_bytes = node_bytes();
    n->env.picket_version = setup->picket_version;
    n->env.started_ms = n->loop.now_ms;
    n->env.cycle_ms =
        10000u + 3ull * c->intervals.recalculate_integrity_ms + 3ull * c->intervals.sync_integrity_ms;
    n->env.unsynced.count = 0;
    n->env.spool.dir = -1;
    n->env.agents = NULL;
    n->env.agent_store = NULL;
    enum err err = open_parts(n, setup, e);
    if (err != E_OK)
        node_close(n);
    return err;
}

void node_close(struct node *n) {
    if (n->api_is_open)
        api_close(&n->api);
    if (n->local_is_open)
        local_close(&n->local);
    if (n->master_is_open)
        master_close(&n->master);
    if (n->worker_is_open)
        worker_close(&n->worker);
    if (n->worker_is_open)
        integrity_worker_fini(&n->integrity_worker);
    if (n->agents_are_open)
        agent_store_close(&n->agent_store);
    n->local_is_open = n->master_is_open = n->worker_is_open = n->agents_are_open = false;
    if (n->env.spool.dir >= 0)
        spool_close(&n->env.spool);
    bytes_wipe(&n->key, sizeof n->key);
}
