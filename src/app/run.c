/* app/run.c - where the node and the process around it meet: signals and ticks come in, readiness goes out.
 */
#include "app/run.h"

#include "app/node.h"
#include "app/sealed_malloc.h"
#include "app/version.h"
#include "sys/process.h"

/* The one node of this program: the zeroed pages of its pools cost nothing before they are used. */
static struct node the_node;
static _Alignas(16) unsigned char sqlite_arena[STORE_ARENA_BYTES];

struct attention {
    const struct run_setup *setup;
    struct loop_io signals;
    struct loop_timer tick;
    enum daemon_ask why;
};

static void signalled(void *arg, short events) {
    struct attention *a = arg;
    (void)events;
    enum daemon_ask ask = daemon_asked(a->setup->daemon);
    if (ask == ASK_REOPEN)
        log_file_reopen(a->setup->log);
    if (ask == ASK_TERMINATE || ask == ASK_INTERRUPT) {
        a->why = ask;
        the_node.loop.stop = true;
    }
}

static void tick(void *arg) {
    struct attention *a = arg;
    daemon_tick(a->setup->daemon);
    log_file_tick(a->setup->log);
    loop_timer_set(&the_node.loop, &a->tick, the_node.loop.now_ms + RUN_TICK_MS);
}

/* The child that looks a name up runs the C library's resolver, which allocates. */
static void child_started(struct sys *sys) {
    (void)sys;
    malloc_unseal_child();
}

enum err run_node(const struct run_setup *s, enum daemon_ask *why, struct error *e) {
    char root_name[1024];
    struct node_setup setup = {
        .sys = s->sys,
        .log = &s->log->log,
        .config = s->config,
        .root = s->root_fd,
        .root_path = ".", /* the process works in its root: a short name for the local socket */
        .root_name = process_folder(root_name, sizeof root_name) < 0 ? s->options->root : root_name,
        .uid = s->daemon->uid,
        .gid = s->daemon->gid,
        .picket_version = PICKET_VERSION};
    struct attention a = {.setup = s, .why = ASK_NOTHING};
    *why = ASK_NOTHING;
    s->sys->child_started = child_started;
    enum err err = db_library_open(sqlite_arena, sizeof sqlite_arena, e);
    if (err == E_OK)
        err = node_open(&the_node, &setup, e);
    if (err != E_OK)
        return err;
    loop_io_init(&a.signals, signalled, &a);
    loop_timer_init(&a.tick, tick, &a);
    if (!loop_io_add(&the_node.loop, &a.signals, s->daemon->signal_fd, SYS_POLLIN)) {
        node_close(&the_node);
        return error_set(e, E_POOL, 0, "the loop has no room for the signals");
    }
    loop_timer_set(&the_node.loop, &a.tick, the_node.loop.now_ms + RUN_TICK_MS);
    malloc_seal();
    daemon_ready(s->daemon);
    loop_run(&the_node.loop);
    loop_io_remove(&the_node.loop, &a.signals);
    node_close(&the_node);
    *why = a.why;
    return the_node.loop.poll_os ? error_set(e, E_SYS, the_node.loop.poll_os, "waiting for descriptors")
                                 : E_OK;
}
