/* sim_files.c - the folders of simulated nodes: written, read, compared with each other; see sim.h. */
#include "test/sim/sim.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- comparing ---- */

static char difference[600];

static struct sim_node *find_master(struct sim *sim) {
    for (uint32_t i = 0; i < sim->count; i++)
        if (sim->node[i].config.type == NODE_MASTER && sim->node[i].node)
            return &sim->node[i];
    return NULL;
}

static const char *unlike_in_memory(const struct sim_node *w, const struct sim_node *m) {
    const struct integrity_worker *i = &w->node->integrity_worker;
    uint8_t a[32], b[32];
    if (!sim_joined(w))
        return "has not joined";
    if (i->state != IW_IDLE || !i->checked || !i->in_sync || w->node->env.scanner.work.queued)
        return "does not know itself in sync";
    manifest_tree_hash(&m->node->manifest, a);
    manifest_tree_hash(&w->node->manifest, b);
    return memcmp(a, b, sizeof a) ? "has another tree" : NULL;
}

/* Does each synchronised file below one root lie below the other with the same content? path: NUL-terminated,
 * below the root, of len bytes. */
static bool covers(const struct sim_node *of, const struct sim_node *by, char *path, size_t len) {
    char full[4600];
    bool good = true;
    snprintf(full, sizeof full, "%s/%s", of->root, path);
    DIR *d = opendir(full);
    for (struct dirent *e; good && d && (e = readdir(d)) != NULL;) {
        uint8_t item;
        int n = snprintf(path + len, 4096 - len, "%s%s", len ? "/" : "", e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (e->d_type == DT_DIR) {
            good = strcmp(path, "queue") == 0 || covers(of, by, path, len + (size_t)n);
        } else if (items_judge(&of->config.items, path, len + (size_t)n, &item, NULL) == E_OK) {
            size_t x = 0, y = 0;
            char below[4600];
            snprintf(below, sizeof below, "%s/%s", of->relative, path);
            char *a = test_read_file(below, &x);
            snprintf(below, sizeof below, "%s/%s", by->relative, path);
            char *b = test_read_file(below, &y);
            good = a && b && x == y && memcmp(a, b, x) == 0;
            if (!good)
                snprintf(difference, sizeof difference, "%s of %s is not that of %s", path,
                         of->config.node_name, by->config.node_name);
        }
    }
    if (d)
        closedir(d);
    path[len] = '\0';
    return good;
}

static bool same_on_disk(const struct sim_node *a, const struct sim_node *b) {
    char path[4096] = "";
    return covers(a, b, path, 0) && covers(b, a, path, 0);
}

static const char *find_difference(struct sim *sim, bool on_disk, bool leftovers) {
    struct sim_node *m = find_master(sim);
    if (!m)
        return "there is no master";
    for (uint32_t i = 0; i < sim->count; i++) {
        struct sim_node *w = &sim->node[i];
        if (!w->node || w->config.type == NODE_MASTER)
            continue;
        const char *why = unlike_in_memory(w, m);
        if (why) {
            snprintf(difference, sizeof difference, "%s %s", w->config.node_name, why);
            return difference;
        }
        if (on_disk && !same_on_disk(m, w))
            return difference;
        if (leftovers && sim_leftover(w)) {
            snprintf(difference, sizeof difference, "%s left %s", w->config.node_name, sim_leftover(w));
            return difference;
        }
    }
    return NULL;
}

const char *sim_difference(struct sim *sim) {
    return find_difference(sim, true, true);
}

static bool is_same(void *arg) {
    return !find_difference(arg, false, false) && !find_difference(arg, true, true);
}

static bool is_same_but_for_leftovers(void *arg) {
    return !find_difference(arg, false, false) && !find_difference(arg, true, false);
}

bool sim_converges_but_for_leftovers(struct sim *sim, uint64_t ms) {
    return sim_until(sim, ms, 250, is_same_but_for_leftovers, sim);
}

bool sim_converges(struct sim *sim, uint64_t ms) {
    bool good = sim_until(sim, ms, 250, is_same, sim);
    if (!good)
        printf("not the same after %llu ms: %s\n", (unsigned long long)ms, sim_difference(sim));
    return good;
}

/* ---- files ---- */

/* Waits for the next tick of the clock that files are stamped with: a later change gets another stamp. */
static void next_tick(void) {
    struct timespec then, now, pause = {.tv_nsec = 500000};
    clock_gettime(CLOCK_REALTIME_COARSE, &then);
    do {
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_nsec == then.tv_nsec && now.tv_sec == then.tv_sec);
}

static void path_of(const struct sim_node *n, const char *path, char *out, size_t cap) {
    snprintf(out, cap, "%s/%s", n->root, path);
}

void sim_write_bytes(const struct sim_node *n, const char *path, const void *bytes, size_t count) {
    char below[4300];
    snprintf(below, sizeof below, "%s/%s", n->relative, path);
    test_write_file(below, bytes, count);
    next_tick();
}

void sim_write(const struct sim_node *n, const char *path, const char *text) {
    sim_write_bytes(n, path, text, strlen(text));
}

void sim_write_random(const struct sim_node *n, const char *path, size_t count, uint64_t seed) {
    uint64_t *bytes = malloc(count + 8);
    CHECK(bytes);
    for (size_t i = 0; i * 8 < count; i++)
        bytes[i] = test_random(&seed);
    sim_write_bytes(n, path, bytes, count);
    free(bytes);
}

void sim_remove(const struct sim_node *n, const char *path) {
    char full[4300];
    path_of(n, path, full, sizeof full);
    CHECK_INT(unlink(full), 0);
}

void sim_rename(const struct sim_node *n, const char *from, const char *to) {
    char a[4300], b[4300];
    path_of(n, from, a, sizeof a);
    path_of(n, to, b, sizeof b);
    CHECK_INT(rename(a, b), 0);
}

char *sim_read(const struct sim_node *n, const char *path) {
    char below[4300];
    snprintf(below, sizeof below, "%s/%s", n->relative, path);
    return test_read_file(below, NULL);
}

bool sim_exists(const struct sim_node *n, const char *path) {
    char full[4300];
    path_of(n, path, full, sizeof full);
    return access(full, F_OK) == 0;
}

static int wipe_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type;
    return at->level ? remove(path) : 0;
}

void sim_wipe(const struct sim_node *n) {
    CHECK(!n->node);
    CHECK_INT(nftw(n->root, wipe_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static bool is_own_name(const char *name) {
    size_t n = strlen(name);
    return strcmp(name, ".stage") == 0 || strcmp(name, STAGE_JOURNAL) == 0 || strcmp(name, ".picket") == 0 ||
           (n > 11 && strcmp(name + n - 11, ".picket-new") == 0);
}

static const char *leftover_below(char *path, size_t len) {
    const char *found = NULL;
    DIR *d = opendir(path);
    for (struct dirent *e; !found && d && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int n = snprintf(path + len, 4096 - len, "/%s", e->d_name);
        if (is_own_name(e->d_name))
            found = path;
        else if (e->d_type == DT_DIR)
            found = leftover_below(path, len + (size_t)n);
    }
    if (d)
        closedir(d);
    return found;
}

const char *sim_leftover(const struct sim_node *n) {
    static char path[4096];
    snprintf(path, sizeof path, "%s", n->root);
    return leftover_below(path, strlen(path));
}

static void put(const struct sim_node *n, const char *path, const char *text) {
    char below[4300];
    snprintf(below, sizeof below, "%s/%s", n->relative, path);
    test_write_file(below, text, strlen(text));
}

void sim_fill(const struct sim_node *n) {
    put(n, "etc/client.keys", "001 agent any 0011223344\n");
    put(n, "etc/ossec.conf", "not synchronised");
    put(n, "etc/rules/local_rules.xml", "<group/>\n");
    put(n, "etc/rules/empty.xml", "");
    put(n, "etc/rules/deep/er/than.xml", "<deep/>\n");
    put(n, "etc/decoders/local_decoder.xml", "<decoder/>\n");
    put(n, "etc/lists/amazon/aws-eventnames", "a:b\n");
    put(n, "etc/shared/default/agent.conf", "<agent_config/>\n");
    put(n, "etc/shared/default/merged.mg", "!16 agent.conf\n<agent_config/>\n");
    put(n, "etc/shared/ar.conf", "excluded");
    put(n, "var/multigroups/1a2b3c4d/merged.mg", "mg\n");
    sim_write_random(n, "etc/lists/noise", 70000, 5);
}
