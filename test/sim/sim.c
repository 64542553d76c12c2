/* sim.c - see sim.h. */
#include "test/sim/sim.h"

#include "app/config_items.h"
#include "app/config_picket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define STILL_TURNS_MAX 200000u /* turns in a row with work to do: somebody runs in a circle */

/* Thousands of small files come and go: in memory, where there is room, that takes a tenth of the time. */
__attribute__((constructor)) static void choose_folder(void) {
    struct statvfs st;
    if (!getenv("TMPDIR") && statvfs("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0 &&
        (uint64_t)st.f_bavail * st.f_frsize >= (512u << 20))
        setenv("TMPDIR", "/dev/shm", 1);
}

/* ---- the log ---- */

static void log_write(struct log *log, enum log_level level, const char *tag, const char *subtag,
                      const char *text) {
    static const char *const words[] = {"ERROR", "WARNING", "INFO", "CYCLE", "DEBUG", "DEBUG2"};
    struct sim_node *n = (struct sim_node *)((char *)log - offsetof(struct sim_node, log));
    char line[1400];
    int len = snprintf(line, sizeof line, "%s [%s] [%s] %s\n", words[level], tag, subtag, text);
    if (getenv("SIM_LOG"))
        fprintf(stderr, "%10.3f %-8s %s", (double)n->sim->net.now_ns / 1e9, n->config.node_name, line);
    if (n->lines_n + (size_t)len + 1 > n->lines_cap) {
        n->lines_cap = (n->lines_n + (size_t)len + 1) * 2;
        n->lines = realloc(n->lines, n->lines_cap);
        CHECK(n->lines);
    }
    memcpy(n->lines + n->lines_n, line, (size_t)len + 1);
    n->lines_n += (size_t)len;
}

uint32_t sim_log_count(const struct sim_node *n, const char *text) {
    uint32_t count = 0;
    for (const char *at = n->lines; at && *at;) {
        const char *end = strchr(at, '\n'), *hit = strstr(at, text);
        count += hit && hit < end;
        at = end + 1;
    }
    return count;
}

bool sim_log_has(const struct sim_node *n, const char *text) {
    return sim_log_count(n, text) > 0;
}

void sim_log_clear(struct sim_node *n) {
    n->lines_n = 0;
    if (n->lines)
        n->lines[0] = '\0';
}

/* ---- making ---- */

static void sim_end(void *arg) {
    struct sim *sim = arg;
    for (uint32_t i = sim->count; i-- > 0;) {
        struct sim_node *n = &sim->node[i];
        if (n->node)
            sim_stop(n);
        close(n->root_fd);
        free(n->closed);
        free(n->lines);
    }
    while (sim->programs)
        sim_program_end(sim, sim->programs);
    sim_net_fini(&sim->net);
    db_library_close();
}

#define SIM_ARENA_BYTES                                                                                      \
    (96u << 20) /* of SQLite, for all nodes of the process; its pages cost nothing unused */

static void database_begin(void) {
    static _Alignas(16) unsigned char arena[SIM_ARENA_BYTES];
    struct error e;
    if (db_library_open(arena, sizeof arena, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s", e.what);
}

struct sim *sim_new(uint64_t seed) {
    database_begin();
    struct sim *sim = test_keep(calloc(1, sizeof *sim));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* An hour ahead: files that were just written do not look as if they might still change. */
    sim_net_init(&sim->net, ((int64_t)now.tv_sec + 3600) * 1000000000);
    sim->net.serial = seed << 32;
    test_at_end(sim_end, sim);
    return sim;
}

static void config_fill(struct cluster_config *c, enum node_type type, const char *name) {
    memset(c, 0, sizeof *c);
    config_picket_defaults(c);
    items_defaults(&c->items);
    intervals_defaults(&c->intervals);
    c->type = type;
    strcpy(c->cluster_name, "wazuh");
    snprintf(c->node_name, sizeof c->node_name, "%s", name);
    strcpy(c->key, SIM_KEY);
    c->port = 1516;
    strcpy(c->bind_addr, "0.0.0.0");
    strcpy(c->master, "10.0.0.1");
    strcpy(c->nodes_json, "[\"10.0.0.1\"]");
}

struct sim_node *sim_add(struct sim *sim, enum node_type type, const char *name) {
    char address[16], relative[16], root[sizeof sim->node[0].root];
    CHECK(sim->count < SIM_NODES);
    uint32_t i = sim->count++;
    struct sim_node *n = &sim->node[i];
    n->sim = sim;
    if (type == NODE_MASTER)
        strcpy(address, "10.0.0.1");
    else
        snprintf(address, sizeof address, "10.0.1.%u", (unsigned)(i & 0xff));
    faults_init(&n->faults);
    n->host = sim_host_add(&sim->net, address, sim->net.serial + i * 7919u, &n->net_sys);
    n->faults.real = n->net_sys;
    n->faults.sys.arg = n->host;
    n->faults.sys.poll = n->net_sys.poll; /* waiting never fails */
    n->sys = &n->faults.sys;
    config_fill(&n->config, type, name);
    n->log = (struct log){.level = LOG_DEBUG, .write = log_write};
    snprintf(relative, sizeof relative, "n%u", i);
    snprintf(root, sizeof root, "%s/%s", test_dir(), relative);
    CHECK_INT(mkdir(root, 0755), 0);
    strcpy(n->relative, relative);
    strcpy(n->root, root);
    snprintf(n->local, sizeof n->local, "%s/" LOCAL_SOCKET, root);
    n->root_fd = open(n->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(n->root_fd >= 0);
    return n;
}

/* ---- starting and ending ---- */

enum err sim_try_start(struct sim_node *n, struct error *e) {
    struct node_setup setup = {.sys = n->sys,
                               .log = &n->log,
                               .config = &n->config,
                               .root = n->root_fd,
                               .root_path = n->root,
                               .root_name = n->root,
                               .uid = UINT32_MAX,
                               .gid = UINT32_MAX,
                               .picket_version = "test"};
    CHECK(!n->node);
    n->node = n->closed ? n->closed : calloc(1, sizeof *n->node);
    CHECK(n->node);
    n->closed = NULL;
    enum err err = node_open(n->node, &setup, e);
    if (err != E_OK) {
        sim_check_closed(n);
        n->closed = n->node;
        n->node = NULL;
    }
    return err;
}

void sim_start(struct sim_node *n) {
    struct error e;
    if (sim_try_start(n, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s does not start: %s", n->config.node_name, e.what);
}

void sim_check_closed(const struct sim_node *n) {
    const struct node *k = n->node;
    for (int i = 0; i < POOL_COUNT; i++)
        if (k->pools[i].used)
            test_fail(__FILE__, __LINE__, "%s closed with %u slots out: %s", n->config.node_name,
                      k->pools[i].used, k->pools[i].name);
    CHECK_INT(k->loop.io_count, 0);
    CHECK_INT(k->loop.timer_count, 0);
    CHECK(!k->loop.work);
    CHECK_INT(k->env.spool.used, 0);
    CHECK_INT(n->host->real_count, 0);
    CHECK_INT(n->host->sock_count, 0);
}

void sim_stop(struct sim_node *n) {
    node_close(n->node);
    sim_check_closed(n);
    n->closed = n->node;
    n->node = NULL;
}

/* SQLite's part of a node that died: what it has in its arena goes, and nothing reaches the disk any more. */
static void drop_database(struct sim_node *n) {
    struct faults before = n->faults;
    n->faults.fail_at = n->faults.calls + 1;
    n->faults.fail_on = true;
    n->faults.kill = n->faults.short_io = false;
    n->faults.os = EIO;
    db_close(&n->node->agent_store.embedded.db);
    n->faults = before;
}

void sim_kill(struct sim_node *n, bool silent) {
    drop_database(n);
    sim_host_drop(n->host, silent);
    free(n->node);
    n->node = NULL;
}

/* ---- running ---- */

static uint64_t next_timer_ns(const struct sim *sim) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < sim->count; i++) {
        const struct node *k = sim->node[i].node;
        if (k && sim_loop_next(&k->loop) < next)
            next = sim_loop_next(&k->loop);
    }
    return next;
}

void sim_step(struct sim *sim, uint64_t until_ns) {
    struct sim_net *net = &sim->net;
    bool busy = sim_net_deliver(net); /* who speaks by hand must have the time to hear it */
    for (uint32_t i = 0; i < sim->count; i++)
        if (sim->node[i].node && sim_loop_has_work(net, &sim->node[i].node->loop)) {
            loop_turn(&sim->node[i].node->loop, 0);
            sim->turns++;
            busy = true;
        }
    for (struct sim_program *p = sim->programs; p; p = p->next)
        program_turn(p);
    if (sim->beside)
        sim->beside(sim->beside_arg);
    if (busy) {
        net->now_ns += SIM_TURN_NS;
        if (++sim->still_turns > STILL_TURNS_MAX)
            test_fail(__FILE__, __LINE__, "the nodes run in a circle");
        return;
    }
    sim->still_turns = 0;
    uint64_t next = next_timer_ns(sim), packet = sim_net_next(net);
    if (packet < next)
        next = packet;
    if (next > until_ns)
        next = until_ns;
    net->now_ns = next > net->now_ns ? next : net->now_ns + SIM_TURN_NS;
}

uint64_t sim_ms(const struct sim *sim) {
    return sim->net.now_ns / 1000000u;
}

void sim_run(struct sim *sim, uint64_t ms) {
    uint64_t until = sim->net.now_ns + ms * 1000000u;
    while (sim->net.now_ns < until)
        sim_step(sim, until);
}

bool sim_until(struct sim *sim, uint64_t ms, uint64_t look_ms, bool (*cond)(void *arg), void *arg) {
    uint64_t until = sim->net.now_ns + ms * 1000000u;
    while (!cond(arg)) {
        if (sim->net.now_ns >= until)
            return false;
        sim_run(sim, look_ms);
    }
    return true;
}

/* ---- the state ---- */

bool sim_joined(const struct sim_node *n) {
    return n->node && n->node->worker.state == WORKER_JOINED;
}

struct peer *sim_peer(const struct sim_node *master, const char *name) {
    struct peer *p = master->node->master.peers;
    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

uint32_t sim_pool_used(const struct sim_node *n, enum pool_id id) {
    return n->node->pools[id].used;
}

/* ---- who speaks by hand ---- */

static void guest_end(void *arg) {
    guest_fini(arg);
}

struct sim_guest *sim_guest(struct sim *sim, const char *address) {
    struct sim_guest *g = test_keep(calloc(1, sizeof *g));
    guest_init(g, &sim->net, address, SIM_KEY, sim->net.serial);
    test_at_end(guest_end, g);
    return g;
}

bool sim_hears(struct sim *sim, struct sim_guest *g, struct sim_heard *h, uint64_t ms) {
    uint64_t until = sim->net.now_ns + ms * 1000000u;
    while (!guest_hear(g, h)) {
        if (g->closed || sim->net.now_ns >= until)
            return false;
        sim_step(sim, until);
    }
    return true;
}

bool sim_closes(struct sim *sim, struct sim_guest *g, uint64_t ms) {
    static struct sim_heard h;
    uint64_t until = sim->net.now_ns + ms * 1000000u;
    while (guest_hear(g, &h) || (!g->closed && sim->net.now_ns < until))
        sim_step(sim, until);
    return g->closed;
}

void sim_says_hello(struct sim_node *m, struct sim_guest *g, const char *name) {
    static struct sim_heard h;
    char text[200];
    guest_connect(g, "10.0.0.1", m->config.port);
    sim_run(m->sim, 5);
    snprintf(text, sizeof text, "%s %s worker %s", name, m->config.cluster_name, m->config.announced_version);
    guest_ask_text(g, "hello", text);
    CHECK(sim_hears(m->sim, g, &h, 1000));
    snprintf(text, sizeof text, "Client %s added", name);
    CHECK_STR((char *)h.bytes, text);
}

const char *sim_asks(struct sim_node *n, const char *command, const char *payload, char answer[13]) {
    struct sim_heard *h = test_keep(malloc(sizeof *h));
    struct sim_guest g;
    guest_init(&g, &n->sim->net, "127.0.0.1", SIM_KEY, 1);
    guest_connect_local(&g, n->local);
    sim_run(n->sim, 5);
    guest_ask_text(&g, command, payload);
    bool heard = sim_hears(n->sim, &g, h, 30000);
    guest_fini(&g);
    sim_run(n->sim, 5);
    n->sim->net.host_count--; /* the address is free again */
    CHECK(heard);
    strcpy(answer, h->command);
    return (char *)h->bytes;
}

struct sys *sim_machine(struct sim *sim) {
    if (!sim->machine)
        sim->machine = sim_host_add(&sim->net, "127.0.0.1", 1, &sim->machine_sys);
    return &sim->machine_sys;
}

struct sim_program *sim_program(struct sim_node *n) {
    struct sim *sim = n->sim;
    struct sim_program *p = malloc(sizeof *p);
    CHECK(p);
    program_open(p, &sim->net, sim_machine(sim), n->local);
    p->next = sim->programs;
    sim->programs = p;
    return p;
}

void sim_program_end(struct sim *sim, struct sim_program *p) {
    struct sim_program **at = &sim->programs;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    program_fini(p);
    free(p);
}

static bool has_ended(const struct sim_program *p) {
    return p->end != PROGRAM_WAITS || !p->command[0] || p->deaf;
}

bool sim_program_ends(struct sim *sim, const struct sim_program *p, uint64_t ms) {
    uint64_t until = sim->net.now_ns + ms * 1000000u;
    while (!has_ended(p)) {
        if (sim->net.now_ns >= until)
            return false;
        sim_step(sim, until);
    }
    return true;
}

bool sim_programs_end(struct sim *sim, uint64_t ms) {
    uint64_t until_ms = sim_ms(sim) + ms;
    for (const struct sim_program *p = sim->programs; p; p = p->next)
        if (!sim_program_ends(sim, p, until_ms > sim_ms(sim) ? until_ms - sim_ms(sim) : 0))
            return false;
    return true;
}

const char *sim_status(struct sim_node *n) {
    char answer[13];
    const char *text = sim_asks(n, "get_status", "", answer);
    CHECK_STR(answer, "ok");
    return text;
}

/* ---- a pair ---- */

struct sim_pair sim_pair(uint64_t seed) {
    struct sim_pair p;
    p.sim = sim_new(seed);
    p.m = sim_add(p.sim, NODE_MASTER, "master");
    p.w = sim_add(p.sim, NODE_WORKER, "w1");
    sim_fill(p.m);
    return p;
}

struct sim_pair sim_pair_synced(uint64_t seed) {
    struct sim_pair p = sim_pair(seed);
    sim_start(p.m);
    sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    return p;
}
