/* test_node_chaos.c - a master and three workers to whom everything happens at once: files change on all
 * sides, lines break, crawl and heal, nodes stop and lose their power, clocks jump, calls fail, pools run
 * out. When it is over, all are the same. One seed is one history; CHAOS_SEED=n plays another. */
#include "test/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS 3

struct chaos {
    struct sim *sim;
    struct sim_node *m, *w[WORKERS];
    uint64_t random;
    struct pool *pool; /* all slots of it are taken */
    void *slot[1024];
    unsigned slots;
    struct sim_node *robbed;
};

static uint64_t below(struct chaos *c, uint64_t n) {
    return test_random(&c->random) % n;
}

static struct sim_node *any(struct chaos *c) {
    uint64_t i = below(c, WORKERS + 1);
    return i == WORKERS ? c->m : c->w[i];
}

/* ---- files ---- */

/* etc/shared/y is a file and a folder in turn; elsewhere a worker keeps empty folders, and says so when one
 * lies in the place of a file. */
static const char *const paths[] = {"etc/client.keys",
                                    "etc/rules/a.xml",
                                    "etc/rules/sub/b.xml",
                                    "etc/rules/sub/deep/c.xml",
                                    "etc/decoders/d.xml",
                                    "etc/lists/e",
                                    "etc/lists/big",
                                    "etc/shared/x/agent.conf",
                                    "etc/shared/x/merged.mg",
                                    "etc/shared/y/merged.mg",
                                    "etc/shared/y",
                                    "var/multigroups/1/merged.mg",
                                    "var/multigroups/2/merged.mg"};
enum { PATHS = sizeof paths / sizeof *paths };

static void change_file(struct chaos *c, const struct sim_node *n) {
    const char *path = paths[below(c, PATHS)];
    char full[400];
    struct stat st;
    snprintf(full, sizeof full, "%s/%s", n->root, path);
    for (char *p = full + strlen(n->root) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        if (stat(full, &st) == 0 && !S_ISDIR(st.st_mode))
            unlink(full);
    }
    if (stat(full, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    if (below(c, 4) == 0)
        unlink(full);
    else
        sim_write_random(n, path, (size_t)(below(c, 3) ? below(c, 100) : below(c, 300000)), c->random);
}

static void rename_file(struct chaos *c) {
    const char *from = paths[below(c, PATHS)], *to = paths[below(c, PATHS)];
    char a[400], b[400];
    struct stat st;
    snprintf(a, sizeof a, "%s/%s", c->m->root, from);
    snprintf(b, sizeof b, "%s/%s", c->m->root, to);
    if (stat(a, &st) == 0 && S_ISREG(st.st_mode))
        rename(a, b); /* may well be impossible */
}

/* ---- lines ---- */

static void change_line(struct chaos *c) {
    struct sim_line *l = &c->w[below(c, WORKERS)]->host->line;
    static const uint64_t speeds[] = {0, 0, 2000000, 250000, 32000};
    switch (below(c, 6)) {
    case 0:
        l->hole = !l->hole;
        break;
    case 1:
        l->refuse = !l->refuse;
        break;
    case 2:
        l->bytes_per_s = speeds[below(c, 5)];
        break;
    case 3:
        l->piece = l->read_piece = (uint32_t)below(c, 2) * (uint32_t)(1 + below(c, 3000));
        l->random_pieces = below(c, 2);
        break;
    case 4:
        l->latency_ns = 1 + below(c, 200000000);
        break;
    default:
        l->cut_at = l->delivered + 1 + below(c, 40);
        l->cut_how = (enum sim_cut)below(c, 3);
        break;
    }
}

/* ---- nodes ---- */

static void give_back(struct chaos *c) {
    while (c->slots > 0)
        pool_give(c->pool, c->slot[--c->slots]);
    c->robbed = NULL;
}

static void rob_pool(struct chaos *c) {
    struct sim_node *n = any(c);
    if (c->robbed || !n->node) {
        give_back(c);
        return;
    }
    uint64_t which = below(c, POOL_COUNT);
    if (which == POOL_strangers) /* the master makes room there: it is never used up by others */
        return;
    c->pool = &n->node->pools[which];
    c->robbed = n;
    while ((c->slot[c->slots] = pool_take(c->pool)) != NULL && c->slots < 1023)
        c->slots++;
}

static void start(struct chaos *c, struct sim_node *n) {
    struct error e;
    (void)c;
    if (sim_try_start(n, &e) != E_OK) { /* only because of a fault that is set */
        CHECK(n->faults.fired);
        n->faults.fail_at = 0;
        sim_start(n);
    }
}

static void end_or_begin(struct chaos *c) {
    struct sim_node *n = any(c);
    if (!n->node) {
        start(c, n);
        return;
    }
    if (c->robbed == n)
        give_back(c);
    if (below(c, 2))
        sim_kill(n, below(c, 2));
    else
        sim_stop(n);
    if (below(c, 2))
        start(c, n);
}

static void set_fault(struct chaos *c) {
    static const int causes[] = {EIO, ENOSPC, EACCES, EMFILE};
    struct faults *f = &any(c)->faults;
    f->fail_at = f->calls + 1 + below(c, 300);
    f->fail_on = below(c, 4) == 0;
    f->fired = false;
    f->os = causes[below(c, 4)];
}

static void happen(struct chaos *c) {
    switch (below(c, 12)) {
    case 0:
    case 1:
    case 2:
        change_file(c, c->m);
        break;
    case 3:
        rename_file(c);
        break;
    case 4:
        change_file(c, c->w[below(c, WORKERS)]);
        break;
    case 5:
    case 6:
        change_line(c);
        break;
    case 7:
        sim_net_cut(&c->sim->net, c->w[below(c, WORKERS)]->host, (enum sim_cut)below(c, 3));
        break;
    case 8:
        end_or_begin(c);
        break;
    case 9:
        set_fault(c);
        break;
    case 10:
        rob_pool(c);
        break;
    default:
        any(c)->host->wall_shift_ns = ((int64_t)below(c, 3) - 1) * 630720000000000000;
        break;
    }
}

static void heal(struct chaos *c, struct sim_node *n) {
    struct sim_line whole = {.latency_ns = 1000000, .room = 256u << 10, .delivered = n->host->line.delivered};
    n->host->line = whole;
    n->host->wall_shift_ns = 0;
    n->faults.fail_at = 0;
    n->faults.fail_on = false;
    if (!n->node)
        sim_start(n);
    (void)c;
}

static void history(uint64_t seed) {
    struct chaos c = {.sim = sim_new(seed), .random = seed};
    c.m = sim_add(c.sim, NODE_MASTER, "master");
    sim_fill(c.m);
    sim_start(c.m);
    for (unsigned i = 0; i < WORKERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", i);
        c.w[i] = sim_add(c.sim, NODE_WORKER, name);
        sim_start(c.w[i]);
    }
    for (unsigned i = 0; i < 60; i++) {
        happen(&c);
        sim_run(c.sim, below(&c, 4) ? below(&c, 400) : below(&c, 20000));
    }
    give_back(&c);
    heal(&c, c.m);
    for (unsigned i = 0; i < WORKERS; i++)
        heal(&c, c.w[i]);
    if (!sim_converges_but_for_leftovers(c.sim, 600000))
        test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed, sim_difference(c.sim));
    for (unsigned i = 0; i < WORKERS; i++) {
        sim_stop(c.w[i]);
        sim_start(c.w[i]);
        sim_stop(c.w[i]);
        CHECK(!sim_leftover(c.w[i]));
    }
    sim_stop(c.m);
}

#define HISTORY(n)                                                                                           \
    TEST(history_##n) {                                                                                      \
        history(getenv("CHAOS_SEED") ? (uint64_t)atoll(getenv("CHAOS_SEED")) : n);                           \
    }
HISTORY(1)
HISTORY(2)
HISTORY(3)
HISTORY(4)
HISTORY(5)
HISTORY(6)
HISTORY(7)
HISTORY(8)
HISTORY(9)
HISTORY(10)
HISTORY(11)
HISTORY(12)
HISTORY(13)
HISTORY(14)
HISTORY(15)
HISTORY(16)
