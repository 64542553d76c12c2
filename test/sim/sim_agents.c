/* sim_agents.c - see sim_agents.h. */
#include "test/sim/sim_agents.h"

#include "src/store/agents_parts.h"

#include <stdarg.h>
#include <stdio.h>

#define ANSWERS 4u /* of selects that are kept */

static char difference[400];

bool sim_store_is_open(const struct sim_node *n) {
    return n->node && n->node->agent_store.embedded_is_open;
}

static struct embedded *store_of(struct sim_node *n) {
    CHECK(sim_store_is_open(n));
    return &n->node->agent_store.embedded;
}

static const char *vask(struct sim_node *n, const char *format, va_list args) {
    static char command[WDB_TEXT_BYTES], reply[WDB_TEXT_BYTES];
    struct text t;
    int len = vsnprintf(command, sizeof command, format, args);
    CHECK(len >= 0 && len < (int)sizeof command);
    text_init(&t, reply, sizeof reply);
    wdb_global(&store_of(n)->global, command, (size_t)len, &t);
    return reply;
}

const char *sim_ask(struct sim_node *n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *reply = vask(n, format, args);
    va_end(args);
    return reply;
}

void sim_tell(struct sim_node *n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *reply = vask(n, format, args);
    va_end(args);
    if (strncmp(reply, "ok", 2) != 0)
        test_fail(__FILE__, __LINE__, "%s answers %s", n->config.node_name, reply);
}

const char *sim_select(struct sim_node *n, const char *sql) {
    static char answers[ANSWERS][512u << 10];
    static unsigned turn;
    struct db *db = &store_of(n)->db;
    struct sqlite3_stmt *q;
    struct text t;
    struct error e;
    bool row;
    struct faults before = n->faults; /* to look is no call of the node's, and does not fail */
    n->faults.fail_at = 0;
    turn = (turn + 1) % ANSWERS;
    text_init(&t, answers[turn], sizeof answers[turn]);
    enum err err = db_prepare_read(db, sql, strlen(sql), &q, &e);
    while (err == E_OK && (err = db_step(db, q, &row, &e)) == E_OK && row) {
        for (int i = 0; i < db_columns(q); i++)
            text_format(&t, "%s%s", i ? "|" : "", db_is_null(q, i) ? "-" : db_text(q, i, NULL));
        text_char(&t, '\n');
    }
    db_finish(q);
    n->faults = before;
    if (err != E_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", sql, e.what);
    CHECK(!t.cut);
    return answers[turn];
}

const char *sim_row(struct sim_node *n, unsigned id, const char *columns) {
    char sql[300];
    snprintf(sql, sizeof sql, "select %s from agent where id = %u", columns, id);
    return sim_select(n, sql);
}

bool sim_serves_wdb(struct sim_node *n) {
    static const char request[] = "\x14\0\0\0global select-groups";
    char path[400], reply[300];
    struct sim_guest g;
    guest_init(&g, &n->sim->net, "127.0.0.1", SIM_KEY, 1);
    snprintf(path, sizeof path, "%s/queue/db/wdb", n->root);
    guest_connect_local(&g, path);
    sim_run(n->sim, 10);
    guest_send(&g, request, sizeof request - 1);
    sim_run(n->sim, 50);
    ptrdiff_t got = g.fd < 0 ? -1 : g.sys.recv(&g.sys, g.fd, reply, sizeof reply);
    guest_fini(&g);
    sim_run(n->sim, 10);
    n->sim->net.host_count--; /* the address is free again */
    return got > 7 && memcmp(reply + 4, "ok ", 3) == 0;
}

/* ---- what nodes are told ---- */

void sim_write_keys(const struct sim_node *m, unsigned first, unsigned last) {
    static char keys[1u << 20];
    struct text t;
    text_init(&t, keys, sizeof keys);
    for (unsigned i = first; i <= last; i++)
        text_format(&t, "%03u agent%u any 00112233445566778899aabbccddeeff%08x\n", i, i, i);
    CHECK(!t.cut);
    sim_write(m, "etc/client.keys", keys);
    if (!sim_exists(m, "etc/shared/web/agent.conf"))
        sim_write(m, "etc/shared/web/agent.conf", "<agent_config/>\n");
}

static void report(struct sim_node *n, unsigned id, const char *os_name) {
    struct agent_data data = {.sync_status = "syncreq"};
    struct error e;
    for (size_t i = 0; i < AGENT_DATA_FIELDS; i++)
        data.field[i] = "x";
    data.field[text_find(agent_data_names, "os_name")] = os_name;
    data.field[text_find(agent_data_names, "node_name")] = n->config.node_name;
    data.field[text_find(agent_data_names, "connection_status")] = "active";
    data.field[text_find(agent_data_names, "group_config_status")] = "synced";
    if (agents_put_data(&store_of(n)->agents, id, &data, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "agent %u of %s: %s", id, n->config.node_name, e.what);
}

void sim_report(struct sim_node *n, unsigned id, const char *os_name) {
    report(n, id, os_name);
}

void sim_report_all(struct sim_node *n, unsigned first, unsigned last, const char *os_name) {
    struct error e;
    CHECK_INT(db_begin(&store_of(n)->db, &e), E_OK);
    for (unsigned i = first; i <= last; i++)
        report(n, i, os_name);
    CHECK_INT(db_commit(&store_of(n)->db, &e), E_OK);
}

void sim_set_groups(struct sim_node *m, unsigned id, const char *names) {
    sim_tell(
        m,
        "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":%u,"
        "\"groups\":[\"%s\"]}]}",
        id, names);
}

/* ---- what they make of it ---- */

static struct sim_node *find_master(struct sim *sim) {
    for (uint32_t i = 0; i < sim->count; i++)
        if (sim->node[i].config.type == NODE_MASTER && sim->node[i].node)
            return &sim->node[i];
    return NULL;
}

static const char *differ(const struct sim_node *n, const char *how, const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    snprintf(difference, sizeof difference, "%s %s: \"%.80s\" and \"%.80s\"", n->config.node_name, how, a, b);
    return difference;
}

static const char *pending(struct sim_node *n) {
    const char *rows = sim_select(n, "select id, sync_status, group_sync_status from agent where id > 0 and "
                                     "(sync_status <> 'synced' or group_sync_status <> 'synced')");
    return *rows ? differ(n, "has pending rows", rows, "") : NULL;
}

static const char *unlike(struct sim_node *w, struct sim_node *m) {
    static const char groups[] = "select id, name, `group`, group_hash from agent where id > 0";
    const struct agent_groups_worker *g = &w->node->worker.agent_groups;
    char info[300];
    if (!sim_joined(w) || !sim_store_is_open(w))
        return differ(w, "is not ready", "", "");
    if (pending(w))
        return difference;
    snprintf(info, sizeof info,
             "select id, os_name, connection_status from agent where id > 0 and node_name = '%s'",
             w->config.node_name);
    const char *a = sim_select(w, info), *b = sim_select(m, info);
    if (strcmp(a, b) != 0)
        return differ(w, "reported what the master has not", a, b);
    a = sim_select(w, groups), b = sim_select(m, groups);
    if (strcmp(a, b) != 0)
        return differ(w, "has other groups than the master", a, b);
    if (!g->compared || !g->equal || g->mismatches || g->why[0])
        return differ(w, "does not know its groups to be the master's", g->hash, g->master_hash);
    return NULL;
}

const char *sim_agents_difference(struct sim *sim) {
    struct sim_node *m = find_master(sim);
    if (!m || !sim_store_is_open(m))
        return "there is no master with a store";
    if (pending(m))
        return difference;
    for (uint32_t i = 0; i < sim->count; i++)
        if (&sim->node[i] != m && sim->node[i].node && unlike(&sim->node[i], m))
            return difference;
    return NULL;
}

/* Both by id, so that one pass is enough. */
const char *sim_told_too_early(struct sim_node *w, struct sim_node *m) {
    char told[300], known[300];
    if (!sim_store_is_open(w) || !sim_store_is_open(m))
        return NULL;
    snprintf(told, sizeof told,
             "select id, os_name from agent where id > 0 and node_name = '%s' and sync_status = 'synced' "
             "order by id",
             w->config.node_name);
    snprintf(known, sizeof known,
             "select id, os_name from agent where id > 0 and node_name = '%s' order by id",
             w->config.node_name);
    const char *line = sim_select(w, told), *other = sim_select(m, known);
    for (size_t n; *line; line += n) {
        n = strcspn(line, "\n") + 1;
        while (*other && strncmp(line, other, n) != 0)
            other += strcspn(other, "\n") + 1;
        if (!*other)
            return differ(w, "counts as told what the master has not", line, "");
    }
    return NULL;
}

static bool do_agree(void *arg) {
    struct sim *sim = arg;
    struct sim_node *m = find_master(sim);
    for (uint32_t i = 0; m && i < sim->count; i++) {
        const char *early = &sim->node[i] != m ? sim_told_too_early(&sim->node[i], m) : NULL;
        if (early)
            test_fail(__FILE__, __LINE__, "%s", early);
    }
    return !sim_agents_difference(sim);
}

bool sim_agents_agree(struct sim *sim, uint64_t ms) {
    bool good = sim_until(sim, ms, 500, do_agree, sim);
    if (!good)
        printf("agents differ after %llu ms: %s\n", (unsigned long long)ms, sim_agents_difference(sim));
    return good;
}

/* ---- a pair ---- */

struct sim_pair sim_agents_pair(uint64_t seed, unsigned n, const char *version) {
    struct sim_pair p = sim_pair(seed);
    sim_write_keys(p.m, 1, n);
    strcpy(p.m->config.announced_version, version);
    strcpy(p.w->config.announced_version, version);
    return p;
}

struct sim_pair sim_agents_pair_agreed(uint64_t seed, unsigned n, const char *version) {
    struct sim_pair p = sim_agents_pair(seed, n, version);
    sim_start(p.m), sim_start(p.w);
    CHECK(sim_converges(p.sim, 30000));
    CHECK(sim_agents_agree(p.sim, 60000));
    return p;
}

static const char *os_of(uint64_t round) {
    static char os[24];
    snprintf(os, sizeof os, "round %llu", (unsigned long long)round);
    return os;
}

void sim_agents_change(struct sim_pair *p, unsigned n, uint64_t round) {
    static const char *const groups[] = {"default", "web", "web\",\"default"};
    sim_report_all(p->w, 1, n, os_of(round));
    for (unsigned i = 1; i <= n; i += 3)
        sim_set_groups(p->m, i, groups[round % 3]);
}

void sim_agents_check(struct sim_pair *p, unsigned n, uint64_t round) {
    static const char *const groups[] = {"default\n", "web\n", "web,default\n"};
    char want[64];
    snprintf(want, sizeof want, "%s|%u\n", os_of(round), n);
    CHECK_STR(sim_select(p->m, "select os_name, count(*) from agent where id > 0 group by 1"), want);
    CHECK_STR(sim_select(p->w, "select os_name, count(*) from agent where id > 0 group by 1"), want);
    for (unsigned i = 1; i <= n; i += 3)
        CHECK_STR(sim_row(p->w, i, "`group`"), groups[round % 3]);
}
