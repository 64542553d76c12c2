/* test_answers.c - what a node says of itself: get_nodes, get_health, get_config and get_status, asked on the
 * local socket of a whole node. Texts are those of a real master (transcripts of 4.14.7, cluster_control),
 * and of Python's json.dumps where its source says what it would be (server.py, get_connected_nodes;
 * master.py, get_health, to_dict; utils.py, process_array). */
#include "base/bytes.h"
#include "base/json_read.h"
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define M "{\"name\": \"master-node\", \"type\": \"master\", \"version\": \"4.14.7\", \"ip\": \"127.0.0.1\"}"
#define W "{\"name\": \"worker1\", \"type\": \"worker\", \"version\": \"4.14.7\", \"ip\": \"127.0.0.1\"}"
#define OTHER "{\"name\": \"worker10\", \"type\": \"worker\", \"version\": \"4.14.7\", \"ip\": \"10.9.0.1\"}"
#define ITEMS(list, total) "{\"items\": [" list "], \"totalItems\": " total "}"

static struct sim *sim;
static struct sim_node *m;
static struct sim_guest *g, *k;
static char command[13];

static struct sim_node *a_master(const char *version) {
    sim = sim_new(1);
    m = sim_add(sim, NODE_MASTER, "master-node");
    strcpy(m->config.master, "127.0.0.1");
    strcpy(m->config.nodes_json, "[\"127.0.0.1\"]");
    strcpy(m->config.announced_version, version);
    sim_write(m, "etc/rules/a.xml", "alpha\n");
    sim_start(m);
    sim_run(sim, 10);
    return m;
}

/* master-node and worker1, as in the transcripts. */
static void one_worker(void) {
    a_master("4.14.7");
    g = sim_guest(sim, "127.0.0.1");
    sim_says_hello(m, g, "worker1");
}

static void two_workers(void) {
    one_worker();
    k = sim_guest(sim, "10.9.0.1");
    sim_says_hello(m, k, "worker10");
}

static void check_answer(const char *what, const char *payload, const char *want) {
    const char *text = sim_asks(m, what, payload, command);
    if (strcmp(text, want) != 0)
        test_fail(__FILE__, __LINE__, "%s %s is answered with\n%s, want\n%s", what, payload, text, want);
    CHECK_STR(command, strncmp(want, "{\"__wazuh_exception__", 21) == 0 ? "err" : "ok");
}

#define ERROR_OF(class, title, code, extra, remediation, ids)                                                \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {\"type\": \"about:blank\", "  \
                                                         "\"title\": \"" title "\", \"code\": " code         \
                                                         ", \"extra_message\": " extra                       \
                                                         ", \"extra_remediation\": " remediation             \
                                                         ", \"cmd_error\": false, \"dapi_errors\": {}" ids   \
                                                         "}}}"
#define BAD_REQUEST(code, extra) ERROR_OF("WazuhError", "Bad Request", code, extra, "null", ", \"ids\": []")
#define BAD_SELECT(extra)                                                                                    \
    ERROR_OF("WazuhError", "Bad Request", "1724", extra, "\"name, type, version, ip\"", ", \"ids\": []")
#define NO_NODE                                                                                              \
    ERROR_OF("WazuhResourceNotFound", "Resource Not Found", "1730", "null", "null", ", \"ids\": []")
#define INTERNAL(extra) ERROR_OF("WazuhInternalError", "Wazuh Internal Error", "1000", extra, "null", "")

/* ---- get_nodes ---- */

/* As cluster_control asks. */
#define NODES(filter) NODES_WITH(filter, "0", "500", "null", "\"all\"")
#define NODES_WITH(filter, offset, limit, select, type)                                                      \
    "{\"filter_node\": " filter ", \"offset\": " offset ", \"limit\": " limit                                \
    ", \"sort\": null, \"search\": null, \"select\": " select ", \"filter_type\": " type                     \
    ", \"distinct\": false}"

TEST(get_nodes_of_the_transcripts) {
    one_worker();
    check_answer("get_nodes", NODES("null"), ITEMS(M ", " W, "2"));
    check_answer("get_nodes", NODES("[\"worker1\"]"), ITEMS(W, "1"));
    check_answer("get_nodes", NODES("[\"nosuch\"]"), NO_NODE);
}

TEST(get_nodes_by_name) {
    two_workers();
    check_answer("get_nodes", NODES("null"), ITEMS(M ", " W ", " OTHER, "3"));
    check_answer("get_nodes", NODES("\"worker1\""), ITEMS(W, "1")); /* a string is one name */
    check_answer("get_nodes", NODES("\"worker10\""), ITEMS(OTHER, "1"));
    check_answer("get_nodes", NODES("\"master-node\""), ITEMS(M, "1"));
    check_answer("get_nodes", NODES("[\"worker10\", \"master-node\", \"worker10\"]"),
                 ITEMS(M ", " OTHER, "2"));
    check_answer("get_nodes", NODES("[]"), ITEMS("", "0"));
    check_answer("get_nodes", NODES("[\"worker1\", \"nosuch\"]"), NO_NODE); /* each must be known */
    check_answer("get_nodes", NODES("\"worker\""), NO_NODE);
    check_answer("get_nodes", NODES("\"\""), NO_NODE);
    check_answer("get_nodes", NODES("\"WORKER1\""), NO_NODE);
    check_answer("get_nodes", NODES("[\"worker1\", 7]"), NO_NODE);
    check_answer("get_nodes", NODES("7"), NO_NODE);
    check_answer("get_nodes",
                 NODES("\"0123456789012345678901234567890123456789012345678901234567890123456789\""),
                 NO_NODE);
    check_answer("get_nodes", NODES("{\"worker1\": 1}"),
                 INTERNAL("\"get_nodes: the arguments are not of their kind\""));
}

TEST(get_nodes_by_type) {
    two_workers();
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "\"master\""), ITEMS(M, "1"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "\"worker\""), ITEMS(W ", " OTHER, "2"));
    check_answer("get_nodes", NODES_WITH("\"worker1\"", "0", "500", "null", "\"master\""), ITEMS("", "0"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "\"boss\""),
                 BAD_REQUEST("1728", "null"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "\"\""), BAD_REQUEST("1728", "null"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "null"), BAD_REQUEST("1728", "null"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "null", "\"a very long type of node\""),
                 BAD_REQUEST("1728", "null"));
}

/* {k: v[k] for k in select}: in the order asked for. */
TEST(get_nodes_select) {
    one_worker();
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "[\"ip\", \"name\"]", "\"all\""),
                 ITEMS("{\"ip\": \"127.0.0.1\", \"name\": \"master-node\"}, "
                       "{\"ip\": \"127.0.0.1\", \"name\": \"worker1\"}",
                       "2"));
    check_answer("get_nodes",
                 NODES_WITH("\"worker1\"", "0", "500", "[\"type\", \"version\", \"type\"]", "\"all\""),
                 ITEMS("{\"type\": \"worker\", \"version\": \"4.14.7\"}", "1"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "[]", "\"all\""), ITEMS("{}, {}", "2"));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "[\"name\", \"nosuch\"]", "\"all\""),
                 BAD_SELECT("\"nosuch\""));
    check_answer(
        "get_nodes",
        NODES_WITH("null", "0", "500", "[\"x\", \"name\", \"a longer name than any field\"]", "\"all\""),
        BAD_SELECT("\"x, a longer name than any field\""));
    check_answer("get_nodes", NODES_WITH("null", "0", "500", "[\"\"]", "\"all\""), BAD_SELECT("\"\""));
    /* Select is judged before the type, the type before the names. */
    check_answer("get_nodes", NODES_WITH("\"nosuch\"", "0", "500", "[\"x\"]", "\"boss\""),
                 BAD_SELECT("\"x\""));
    check_answer("get_nodes", NODES_WITH("\"nosuch\"", "0", "500", "null", "\"boss\""),
                 BAD_REQUEST("1728", "null"));
}

TEST(get_nodes_offset_and_limit) {
    two_workers();
    static const struct {
        const char *offset, *limit, *want;
    } cases[] = {
        {"0", "1", ITEMS(M, "3")},
        {"1", "1", ITEMS(W, "3")},
        {"1", "500", ITEMS(W ", " OTHER, "3")},
        {"3", "500", ITEMS("", "3")},
        {"4000000000", "100000", ITEMS("", "3")},
        {"1", "null", ITEMS(M ", " W ", " OTHER, "3")}, /* None: the array as it is */
        {"0", "0", BAD_REQUEST("1406", "null")},
        {"-1", "0", BAD_REQUEST("1406", "null")},
        {"-1", "5", BAD_REQUEST("1400", "null")},
        {"0", "-5", BAD_REQUEST("1401", "null")},
        {"-1", "-5", BAD_REQUEST("1400", "null")},
        {"0", "100001", BAD_REQUEST("1405", "\"100001\"")},
        {"\"x\"", "1", INTERNAL("\"get_nodes: offset and limit are whole numbers\"")},
        {"0", "\"x\"", INTERNAL("\"get_nodes: offset and limit are whole numbers\"")},
        {"0", "1.5", INTERNAL("\"get_nodes: offset and limit are whole numbers\"")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char payload[500];
        snprintf(payload, sizeof payload, NODES_WITH("null", "%s", "%s", "null", "\"all\""), cases[i].offset,
                 cases[i].limit);
        check_answer("get_nodes", payload, cases[i].want);
    }
    /* Of nothing, nothing is cut. */
    check_answer("get_nodes", NODES_WITH("[]", "-1", "0", "null", "\"all\""), ITEMS("", "0"));
    check_answer("get_nodes", NODES_WITH("\"worker1\"", "1", "500", "null", "\"all\""), ITEMS("", "1"));
}

TEST(get_nodes_other_arguments) {
    static char many[4000];
    one_worker();
    check_answer("get_nodes", "{}", ITEMS(M ", " W, "2")); /* all of them have defaults */
    check_answer("get_nodes", "null", ITEMS(M ", " W, "2"));
    check_answer("get_nodes", "", ITEMS(M ", " W, "2"));
    static const char *const bad[] = {"[]", "7", "\"worker1\"", "true"};
    for (size_t i = 0; i < 4; i++)
        check_answer("get_nodes", bad[i], INTERNAL("\"get_nodes: the arguments are not of their kind\""));
    static const char *const broken[] = {"{", "{\"filter_node\": }", "nul", "{} {}", "\xff"};
    for (size_t i = 0; i < 5; i++)
        check_answer("get_nodes", broken[i], INTERNAL("\"get_nodes: the arguments are not JSON\""));
    static const char *const odd[] = {
        "{\"sort\": \"name\"}",
        "{\"sort\": {\"fields\": [\"name\"]}}",
        "{\"sort\": {\"fields\": \"name\", \"order\": \"asc\"}}",
        "{\"sort\": {\"fields\": [7], \"order\": \"asc\"}}",
        "{\"search\": \"x\"}",
        "{\"search\": {\"value\": \"x\"}}",
        "{\"search\": {\"negation\": false}}",
        "{\"search\": {\"value\": 7, \"negation\": false}}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        check_answer("get_nodes", odd[i], INTERNAL("\"get_nodes: the arguments are not of their kind\""));
    strcpy(many, "{\"filter_node\": [");
    for (int i = 0; i < 300; i++)
        strcat(many, "\"worker1\", ");
    strcat(many, "\"worker1\"]}");
    check_answer("get_nodes", many, INTERNAL("\"get_nodes: the arguments are not JSON\""));
}

#define SORT(fields, order) "{\"sort\": {\"fields\": [" fields "], \"order\": \"" order "\"}"
#define BAD_SORT(wrong)                                                                                      \
    ERROR_OF("WazuhError", "Bad Request", "1403", "null",                                                    \
             "\"Allowed sort fields: name, type, version, ip. Wrong fields: " wrong "\"", ", \"ids\": []")

/* utils.py: sort_array, then search_array, then distinct, then cut_array; all of what was selected. */
TEST(get_nodes_sort_search_distinct) {
    two_workers();
    static const struct {
        const char *payload, *want;
    } cases[] = {
        {SORT("\"name\"", "desc") "}", ITEMS(OTHER ", " W ", " M, "3")},
        {SORT("\"name\"", "asc") "}", ITEMS(M ", " W ", " OTHER, "3")},
        {SORT("\"ip\"", "asc") "}", ITEMS(OTHER ", " M ", " W, "3")}, /* the equal keep their order */
        {SORT("\"type\", \"name\"", "desc") ", \"limit\": 1}", ITEMS(OTHER, "3")},
        {SORT("\"name\"", "desc") ", \"offset\": 1, \"limit\": 1}", ITEMS(W, "3")},
        {SORT("", "asc") "}", ITEMS(M ", " W ", " OTHER, "3")},
        {SORT("\"x\"", "asc") "}", BAD_SORT("x")},
        {SORT("\"name\", \"a b\"", "asc") "}", BAD_SORT("a b")},
        {SORT("\"x\"", "asc") ", \"limit\": 0}", BAD_SORT("x")}, /* sorted before it is cut */
        {SORT("\"x\"", "asc") ", \"filter_node\": []}", ITEMS("", "0")},
        {"{\"search\": {\"value\": \"WORKER1\", \"negation\": false}}", ITEMS(W ", " OTHER, "2")},
        {"{\"search\": {\"value\": \"worker1\", \"negation\": true}}", ITEMS(M, "1")},
        {"{\"search\": {\"value\": \"10.9\", \"negation\": false}}", ITEMS(OTHER, "1")},
        {"{\"search\": {\"value\": \"10.9\", \"negation\": false}, \"select\": [\"name\"]}", ITEMS("", "0")},
        {"{\"search\": {\"value\": \"zz\", \"negation\": false}, \"limit\": 0}", BAD_REQUEST("1406", "null")},
        {"{\"select\": [\"type\"], \"distinct\": true}",
         ITEMS("{\"type\": \"master\"}, {\"type\": \"worker\"}", "2")},
        {"{\"select\": [\"type\"], \"distinct\": false, \"filter_type\": \"worker\"}",
         ITEMS("{\"type\": \"worker\"}, {\"type\": \"worker\"}", "2")},
        {"{\"select\": [\"type\", \"version\"], \"distinct\": true, \"sort\": {\"fields\": [\"type\"], "
         "\"order\": \"desc\"}, \"limit\": 1}",
         ITEMS("{\"type\": \"worker\", \"version\": \"4.14.7\"}", "2")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_answer("get_nodes", cases[i].payload, cases[i].want);
}

/* In the order they came; a node that left is gone at once. */
TEST(get_nodes_follows_the_links) {
    two_workers();
    guest_close(g);
    sim_run(sim, 10);
    check_answer("get_nodes", NODES("null"), ITEMS(M ", " OTHER, "2"));
    check_answer("get_nodes", NODES("\"worker1\""), NO_NODE);
    sim_says_hello(m, g, "worker1");
    check_answer("get_nodes", NODES("null"), ITEMS(M ", " OTHER ", " W, "3"));
}

/* A worker asks its master in the same words. */
TEST(get_nodes_of_a_worker) {
    static struct sim_heard h;
    one_worker();
    uint32_t counter = guest_ask_text(g, "get_nodes", NODES("null"));
    CHECK(sim_hears(sim, g, &h, 1000));
    CHECK_INT(h.counter, counter);
    CHECK_STR(h.command, "ok");
    CHECK_STR((char *)h.bytes, ITEMS(M ", " W, "2"));
    guest_ask_text(g, "get_nodes", NODES("\"x\""));
    CHECK(sim_hears(sim, g, &h, 1000));
    CHECK_STR(h.command, "err");
    CHECK_STR((char *)h.bytes, NO_NODE);
}

/* ---- get_health ---- */

#define INFO(name, type, ip)                                                                                 \
    "\"info\": {\"name\": \"" name "\", \"type\": \"" type "\", \"version\": \"4.14.7\", \"ip\": \"" ip      \
    "\", \"n_active_agents\": 0}"
#define MASTER_HEALTH "\"master-node\": {" INFO("master-node", "master", "127.0.0.1") "}"
#define NO_GROUPS                                                                                            \
    "\"last_sync_agentgroup\": {\"date_start\": \"n/a\", \"date_end\": \"n/a\", \"n_synced_chunks\": 0}, "   \
    "\"last_sync_full_agentgroup\": {\"date_start\": \"n/a\", \"date_end\": \"n/a\", \"n_synced_chunks\": "  \
    "0}, "
#define STATUS(free, check, sync, groups, alive)                                                             \
    "\"status\": {\"sync_integrity_free\": " free ", \"last_check_integrity\": {" check                      \
    "}, \"last_sync_integrity\": {" sync "}, \"sync_agent_info_free\": true, \"last_sync_agentinfo\": "      \
    "{\"date_start_master\": \"n/a\", \"date_end_master\": \"n/a\", \"n_synced_chunks\": 0}, " groups        \
    "\"last_keep_alive\": \"" alive "\"}"
#define DATES(start, end) "\"date_start_master\": \"" start "\", \"date_end_master\": \"" end "\""
/* What the transcript has of worker1, but for agent groups, which this node does not serve. */
#define SYNCED                                                                                               \
    "\"worker1\": {" INFO("worker1", "worker", "127.0.0.1") ", " STATUS(                                     \
        "true", DATES("2026-11-20T10:31:47.543037Z", "2026-11-20T10:31:47.546878Z"),                         \
        DATES("2026-11-20T10:31:35.514795Z",                                                                 \
              "2026-11-20T10:31:35.521804Z") ", \"total_extra_valid\": 0, \"total_files\": {\"missing\": "   \
                                             "18, \"extra\": 0, \"shared\": 1}",                             \
        NO_GROUPS, "2026-11-20T10:31:44.508408Z") "}"
#define ALIVE "2026-11-20T10:31:44.508408Z"
/* A worker that was never checked: what a real master's handler begins with. */
#define NEW(name, ip)                                                                                        \
    "\"" name "\": {" INFO(name, "worker", ip) ", " STATUS(                                                  \
        "true", DATES("n/a", "n/a"),                                                                         \
        DATES("n/a", "n/a") ", \"total_extra_valid\": 0, \"total_files\": {\"missing\": 0, \"shared\": 0, "  \
                            "\"extra\": 0, \"extra_valid\": 0}",                                             \
        NO_GROUPS, ALIVE) "}"
#define HEALTH(n, nodes) "{\"n_connected_nodes\": " n ", \"nodes\": {" nodes "}}"

static int64_t at(int second, int micros) { /* of 2026-11-20, 10:31 */
    return (1795170660ll + second) * 1000000000 + micros * 1000ll;
}

static struct peer *alive_peer(const char *name) {
    struct peer *p = sim_peer(m, name);
    CHECK(p);
    p->last_keepalive_ns = at(44, 508408);
    return p;
}

static void synced_worker(void) {
    struct integrity_master *i = &alive_peer("worker1")->integrity;
    i->check_start_wall = at(47, 543037);
    i->check_end_wall = at(47, 546878);
    i->sync_start_wall = at(35, 514795);
    i->sync_end_wall = at(35, 521804);
    i->sent_missing = 18;
    i->sent_shared = 1;
}

TEST(get_health_of_the_transcripts) {
    one_worker();
    synced_worker();
    check_answer("get_health", "[\"master-node\", \"worker1\"]", HEALTH("1", SYNCED ", " MASTER_HEALTH));
    check_answer("get_health", "[\"worker1\"]", HEALTH("1", SYNCED));
}

TEST(get_health_of_a_new_worker) {
    one_worker();
    alive_peer("worker1");
    check_answer("get_health", "null", HEALTH("1", NEW("worker1", "127.0.0.1") ", " MASTER_HEALTH));
}

TEST(get_health_filters) {
    two_workers();
    alive_peer("worker1"), alive_peer("worker10");
#define A NEW("worker1", "127.0.0.1")
#define B NEW("worker10", "10.9.0.1")
    static const struct {
        const char *filter, *want;
    } cases[] = {
        {"null", HEALTH("2", A ", " B ", " MASTER_HEALTH)},
        {"", HEALTH("2", A ", " B ", " MASTER_HEALTH)},
        {"{}", HEALTH("2", A ", " B)}, /* `filter_node == {}` holds for workers only */
        {"[]", HEALTH("0", "")},
        {"[\"worker10\"]", HEALTH("1", B)},
        {"[\"worker1\"]", HEALTH("1", A)},
        {"[\"master-node\"]", HEALTH("0", MASTER_HEALTH)},
        {"[\"nosuch\", 7, null, \"worker1\"]", HEALTH("1", A)},
        {"{\"worker1\": 0, \"master-node\": null}", HEALTH("1", A ", " MASTER_HEALTH)},
        {"\"worker1\"", HEALTH("1", A)},
        {"\"worker10\"", HEALTH("2", A ", " B)}, /* `key in "worker10"` */
        {"\"worker1,master-node\"", HEALTH("1", A ", " MASTER_HEALTH)},
        {"\"\"", HEALTH("0", "")},
        {"7", INTERNAL("\"get_health: the argument names no nodes\"")},
        {"true", INTERNAL("\"get_health: the argument names no nodes\"")},
        {"[", INTERNAL("\"get_health: the argument is not JSON\"")},
        {"worker1", INTERNAL("\"get_health: the argument is not JSON\"")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_answer("get_health", cases[i].filter, cases[i].want);
}

/* sync_integrity_free is false from syn_i_w_m to the end of the task (master.py, setup_sync_integrity). */
TEST(get_health_of_a_worker_at_work) {
    static const bool free[] = {
        [IM_IDLE] = true, [IM_GRANTED] = true, [IM_CHECK] = false, [IM_QUEUED] = false,
        [IM_ASK] = false, [IM_SEND] = false,   [IM_END] = false};
    one_worker();
    struct peer *p = alive_peer("worker1");
    for (enum integrity_master_state s = IM_IDLE; s <= IM_END; s++) {
        p->integrity.state = s;
        const char *text = sim_asks(m, "get_health", "null", command);
        CHECK_STR(command, "ok");
        CHECK_INT(strstr(text, "\"sync_integrity_free\": true") != NULL, free[s]);
        CHECK_INT(strstr(text, "\"sync_integrity_free\": false") != NULL, !free[s]);
    }
    p->integrity.state = IM_IDLE;
}

/* Before 4.5 there is nothing of agent groups (reference, section 7). */
TEST(get_health_of_4_4) {
    a_master("4.4.0");
    g = sim_guest(sim, "127.0.0.1");
    sim_says_hello(m, g, "worker1");
    alive_peer("worker1");
    const char *text = sim_asks(m, "get_health", "[\"worker1\"]", command);
    CHECK(!strstr(text, "agentgroup"));
    CHECK(strstr(text, "\"n_synced_chunks\": 0}, \"last_keep_alive\": \"" ALIVE "\"}}}}"));
}

/* ---- get_config ---- */

#define CONFIG(name, type)                                                                                   \
    "{\"name\": \"wazuh\", \"node_name\": \"" name "\", \"node_type\": \"" type                              \
    "\", \"key\": \"****\", \"port\": 1516, \"bind_addr\": \"0.0.0.0\", \"nodes\": [\"127.0.0.1\"], "        \
    "\"hidden\": \"no\", \"disabled\": false}"

TEST(get_config) {
    a_master("4.14.7");
    check_answer("get_config", "", CONFIG("master-node", "master"));
    check_answer("get_config", "whatever", CONFIG("master-node", "master"));
    m->config.hidden =
        true; /* "yes" and "no" stay words, disabled becomes a bool (utils.py, read_cluster_config) */
    CHECK(strstr(sim_asks(m, "get_config", "", command), "\"hidden\": \"yes\", \"disabled\": false}"));
    m->config.hidden = false;
    struct sim_node *w = sim_add(sim, NODE_WORKER, "worker1");
    strcpy(w->config.nodes_json, "[\"127.0.0.1\"]");
    sim_start(w);
    CHECK_STR(sim_asks(w, "get_config", "", command), CONFIG("worker1", "worker"));
}

/* ---- get_status ---- */

/* The keys of a JSON text in their order, one blank between them. */
static const char *keys_of(const char *json) {
    char *out = test_keep(malloc(strlen(json) + 1));
    size_t n = 0;
    const char *start = NULL;
    for (const char *c = json; *c; c++) {
        if (*c != '"')
            continue;
        if (!start) {
            start = c + 1;
            continue;
        }
        if (c[1] == ':') {
            memcpy(out + n, start, (size_t)(c - start));
            n += (size_t)(c - start);
            out[n++] = ' ';
        }
        start = NULL;
    }
    out[n ? n - 1 : 0] = '\0';
    return out;
}

#define POOL_KEYS " name words used high count size refused"
/* ... and the keys of the memory, as many times those of a pool as there are pools. */
static const char *with_memory(const char *keys) {
    char *text = test_keep(malloc(8192));
    int n = snprintf(text, 8192, "%s memory used size pools", keys);
    for (int i = 0; i < POOL_COUNT; i++)
        n += snprintf(text + n, 8192 - (size_t)n, POOL_KEYS);
    snprintf(text + n, 8192 - (size_t)n, " spool used high limit refused");
    return text;
}
#define COUNT_KEYS " active disconnected pending never_connected"
#define TREE_KEYS " files tree last_change_s scan rounds files unreadable too_many took_ms unsynced"

static bool is_json(const char *text, size_t n) {
    struct json_token *tokens = test_keep(malloc(20000 * sizeof *tokens));
    struct json_doc d;
    return json_parse(&d, text, n, tokens, 20000, NULL) == E_OK;
}

/* The shape of role/answers.h. */
TEST(status_of_a_master) {
    one_worker();
    const char *text = sim_status(m);
    CHECK(is_json(text, strlen(text)));
    CHECK_STR(
        keys_of(text),
        with_memory(
            "node cluster type version picket up_s state strangers strangers_refused" TREE_KEYS
            " workers name version ip state missing shared extra last_keepalive_s agents store" COUNT_KEYS
            " nodes"));
    static const char first[] =
        "{\"node\": \"master-node\", \"cluster\": \"wazuh\", \"type\": \"master\", \"version\": "
        "\"4.14.7\", "
        "\"picket\": \"test\", \"up_s\": 0, \"state\": \"serving\", \"strangers\": 0, "
        "\"strangers_refused\": 0, \"files\": 1, \"tree\": \"";
    if (strncmp(text, first, sizeof first - 1) != 0)
        CHECK_STR(text, first);
    CHECK(strstr(text,
                 "\"workers\": [{\"name\": \"worker1\", \"version\": \"4.14.7\", \"ip\": \"127.0.0.1\", "
                 "\"state\": \"unknown\", \"missing\": 0, \"shared\": 0, \"extra\": 0, "
                 "\"last_keepalive_s\": 0}]"));
    CHECK(!strstr(text, SIM_KEY));
    unsynced_mark(&m->node->env.unsynced, "etc/rules/\"x\"", "why \xc3\xa9", m->node->loop.now_ms);
    m->node->env.unsynced.untold = 3;
    sim_run(sim, 12345);
    guest_ask_text(g, "echo-c", "keepalive");
    sim_run(sim, 3000);
    struct integrity_master *i = &sim_peer(m, "worker1")->integrity;
    i->checked = true;
    i->missing = 5;
    i->check_ms = sim_ms(sim) - 4999;
    i->sync_ms = sim_ms(sim) - 5000;
    text = sim_status(m);
    CHECK(strstr(text, "\"unsynced\": [{\"path\": \"etc/rules/\\\"x\\\"\", \"why\": \"why \\u00e9\"}], "
                       "\"unsynced_untold\": 3, "));
    CHECK(strstr(text, "\"up_s\": 15, "));
    CHECK(strstr(
        text, "\"state\": \"behind\", \"missing\": 5, \"shared\": 0, \"extra\": 0, \"last_keepalive_s\": 3, "
              "\"last_check_s\": 5, \"last_sync_s\": 5}"));
    m->node->env.unsynced.count = 0;
}

TEST(status_of_its_workers) {
    static const struct {
        enum integrity_master_state state;
        bool checked, in_sync;
        const char *words;
    } cases[] = {
        {IM_IDLE, false, false, "unknown"},  {IM_IDLE, true, true, "in sync"},
        {IM_IDLE, true, false, "behind"},    {IM_GRANTED, true, true, "in sync"},
        {IM_CHECK, false, false, "unknown"}, {IM_CHECK, true, true, "in sync"},
        {IM_QUEUED, true, false, "syncing"}, {IM_ASK, true, false, "syncing"},
        {IM_SEND, true, false, "syncing"},   {IM_END, true, false, "syncing"},
    };
    one_worker();
    struct integrity_master *i = &sim_peer(m, "worker1")->integrity;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char want[64];
        i->state = cases[c].state;
        i->checked = cases[c].checked;
        i->in_sync = cases[c].in_sync;
        snprintf(want, sizeof want, "\"ip\": \"127.0.0.1\", \"state\": \"%s\", ", cases[c].words);
        CHECK(strstr(sim_status(m), want));
    }
    i->state = IM_IDLE;
}

TEST(status_of_a_worker) {
    struct sim_pair p = sim_pair(1);
    sim_write(p.w, "etc/rules/own.xml", "x");
    sim_start(p.w); /* there is no master yet */
    sim_run(p.sim, 100);
    const char *text = sim_status(p.w);
    CHECK_STR(keys_of(text),
              with_memory("node cluster type version picket up_s state why master busy" TREE_KEYS
                          " agents store" COUNT_KEYS " nodes"));
    CHECK(strstr(text, "\"type\": \"worker\", \"version\": \"4.14.7\", \"picket\": \"test\", \"up_s\": 0, "
                       "\"state\": \"connecting\", \"why\": \"connecting to 10.0.0.1 port 1516: "));
    CHECK(strstr(text, "\"master\": \"10.0.0.1:1516\", \"busy\": false, "));
    sim_start(p.m);
    CHECK(sim_converges(p.sim, 60000));
    sim_run(p.sim, 61000); /* a keepalive */
    text = sim_status(p.w);
    CHECK(is_json(text, strlen(text)));
    CHECK_STR(
        keys_of(text),
        with_memory("node cluster type version picket up_s state master link_s last_keepalive_s in_sync "
                    "behind busy last_check_s last_sync_s" TREE_KEYS
                    " agents store groups groups_as_master last_info_s" COUNT_KEYS " nodes name" COUNT_KEYS));
    CHECK(strstr(text, "\"state\": \"connected\", \"master\": \"10.0.0.1:1516\", \"link_s\": "));
    CHECK(strstr(text, "\"in_sync\": true, \"behind\": 0, \"busy\": false, "));
    /* One tree, told by both in the same words. */
    const char *tree = strstr(text, "\"tree\": \"");
    CHECK(tree && strstr(sim_status(p.m), "\"state\": \"in sync\""));
    CHECK(strncmp(tree, strstr(sim_status(p.m), "\"tree\": \""), 74) == 0);
    p.w->node->integrity_worker.in_sync = false; /* what the last set had to bring */
    p.w->node->integrity_worker.create = 1;
    p.w->node->integrity_worker.update = 2;
    p.w->node->integrity_worker.remove = 4;
    CHECK(strstr(sim_status(p.w), "\"in_sync\": false, \"behind\": 7, "));
    p.w->node->integrity_worker.in_sync = true;
    sim_stop(p.m);
    sim_run(p.sim, 1000);
    text = sim_status(p.w);
    CHECK(strstr(text, "\"state\": \"connecting\", \"why\": \""));
    CHECK(strstr(text, "\"in_sync\": false, ")); /* nobody knows, without a link */
    strcpy(p.m->config.cluster_name, "another");
    sim_start(p.m);
    sim_run(p.sim, 15000);
    CHECK(strstr(sim_status(p.w), "\"state\": \"refused\", \"why\": \"Error 3030 - "));
}

/* ---- the longest there are ---- */

/* The whole answer to a question; guest_hear would cut it. */
static const char *long_answer(struct sim_node *n, const char *what, size_t *length) {
    enum { ROOM = 1 << 20 };
    uint8_t *all = test_keep(malloc(ROOM));
    size_t have = 0;
    struct sim_guest a;
    guest_init(&a, &sim->net, "127.0.0.2", SIM_KEY, 1);
    guest_connect_local(&a, n->local);
    sim_run(sim, 5);
    guest_ask_text(&a, what, "null");
    for (int i = 0; i < 1000 && (have < 20 || have < 20 + *length); i++) {
        sim_run(sim, 1);
        ptrdiff_t got = a.sys.recv(&a.sys, a.fd, all + have, ROOM - 1 - have);
        have += got > 0 ? (size_t)got : 0;
        *length = have < 20 ? 0 : be32_load(all + 4);
    }
    guest_fini(&a);
    sim_run(sim, 5);
    sim->net.host_count--;
    CHECK_INT(have, 20 + *length);
    CHECK_MEM(all + 8, "ok ---------", 12);
    all[have] = '\0';
    return (char *)all + 20;
}

static unsigned count(const char *text, const char *what) {
    unsigned n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static void guests_end(void *arg) {
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        guest_fini((struct sim_guest *)arg + i);
}

/* WORKERS_MAX workers with the longest names and addresses, everything that is counted large, and a table
 * full of long paths and reasons of characters that are escaped. */
static void full_house(const char *version, const char *letters) {
    static struct sim_guest guests[WORKERS_MAX];
    a_master(version);
    test_at_end(guests_end, guests);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        char name[NODE_NAME_BYTES], address[16];
        for (size_t c = 0; c < sizeof name - 1; c++)
            name[c] = letters[c % strlen(letters)];
        name[0] = (char)('A' + i / 26), name[1] = (char)('A' + i % 26);
        name[sizeof name - 1] = '\0';
        snprintf(address, sizeof address, "210.210.%u.%u", 100 + i, 100 + i);
        guest_init(&guests[i], &sim->net, address, SIM_KEY, i);
        sim_says_hello(m, &guests[i], name);
        struct peer *p = sim_peer(m, name);
        CHECK(p);
        struct integrity_master *x = &p->integrity;
        p->last_keepalive_ns = x->check_start_wall = x->check_end_wall = x->sync_start_wall =
            x->sync_end_wall = at(44, 508408);
        x->sent_missing = x->sent_shared = x->sent_extra = x->missing = x->shared = x->extra = UINT32_MAX;
        x->checked = true;
        x->check_ms = x->sync_ms = 1;
    }
}

static void mark_all(struct sim_node *n, const char *character) {
    char path[UNSYNCED_PATH_BYTES], why[UNSYNCED_WHY_BYTES];
    size_t width = strlen(character);
    for (unsigned i = 0; i < UNSYNCED_MAX; i++) {
        for (size_t c = 0; c < sizeof path; c++)
            path[c] = character[c % width];
        for (size_t c = 0; c < sizeof why; c++)
            why[c] = character[c % width];
        path[0] = (char)('0' + i), path[sizeof path - 1] = why[sizeof why - 1] = '\0';
        CHECK(unsynced_mark(&n->node->env.unsynced, path, why, n->node->loop.now_ms));
    }
}

static void check_long(struct sim_node *n, const char *what, const char *each, unsigned times) {
    size_t length;
    const char *text = long_answer(n, what, &length);
    CHECK_INT(strlen(text), length);
    CHECK(is_json(text, length));
    CHECK_INT(count(text, each), times);
}

TEST(the_longest_answers_of_a_master) {
    full_house("4.14.7", "n");
    mark_all(m, "\xc3\xa9"); /* a path of the manifest is UTF-8 */
    check_long(m, "get_nodes", "\"type\": \"worker\"", WORKERS_MAX);
    check_long(m, "get_health", "\"sync_integrity_free\": ", WORKERS_MAX);
    check_long(m, "get_status", "\"last_keepalive_s\": ", WORKERS_MAX);
    check_long(m, "get_status", "\"why\": \"\\u00e9", UNSYNCED_MAX);
}

/* Before 4.14.6 a name may have characters that JSON escapes. */
TEST(the_longest_answers_of_4_14_5) {
    full_house("4.14.5", "\"\\");
    mark_all(m, "\xf0\x9f\xa6\x8a");
    check_long(m, "get_nodes", "\"type\": \"worker\"", WORKERS_MAX);
    check_long(m, "get_health", "\"sync_integrity_free\": ", WORKERS_MAX);
    check_long(m, "get_status", "\"last_keepalive_s\": ", WORKERS_MAX);
}

/* Names in a master's package may be any bytes: those of no UTF-8 take six characters each. */
TEST(the_longest_answer_of_a_worker) {
    sim = sim_new(1);
    m = sim_add(sim, NODE_WORKER, "w1");
    sim_start(m);
    mark_all(m, "\xff");
    check_long(m, "get_status", "\"why\": \"\\udcff", UNSYNCED_MAX);
}
