/* test_status.c - the screen, golden, from answers as nodes give them; and the client of the local socket.
 *
 * The three answers that Wazuh's own daemon gives are those recorded from 4.14.7 (reference, section 7). */
#include "app/ask.h"
#include "app/scratch.h"
#include "app/status.h"
#include "app/status_screen.h"
#include "base/bytes.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct status_view view;
static char screen[SCREEN_BYTES];

static void feed(void (*read)(struct status_view *v, const struct json_doc *d), const char *json) {
    struct json_doc d;
    struct error e;
    CHECK_INT(json_parse(&d, json, strlen(json), scratch()->tokens, SCRATCH_TOKENS, &e), E_OK);
    read(&view, &d);
}

static const char *show(void) {
    struct text t;
    text_init(&t, screen, sizeof screen);
    status_screen(&t, &view);
    unsigned lines = 0;
    for (const char *at = screen; *at; lines++) {
        size_t n = strcspn(at, "\n");
        CHECK(n <= SCREEN_COLUMNS && at[n] == '\n');
        for (size_t i = 0; i < n; i++)
            CHECK(at[i] >= 0x20 && at[i] < 0x7f);
        at += n + 1;
    }
    CHECK(lines > 0 && lines <= SCREEN_LINES);
    CHECK(!t.cut);
    return screen;
}

static const char worker_well[] =
    "{\"node\": \"edge-07\", \"cluster\": \"wazuh\", \"type\": \"worker\", \"version\": \"4.14.7\", "
    "\"picket\": "
    "\"0.1.0\", \"up_s\": 273600, \"state\": \"connected\", \"why\": \"\", \"master\": \"10.0.0.1:1516\", "
    "\"link_s\": 273540, \"last_keepalive_s\": 14, \"files\": 214, \"tree\": "
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\", \"in_sync\": true, \"behind\": 0, "
    "\"last_check_s\": 4, \"last_change_s\": 7260, \"scan\": {\"files\": 214, \"unreadable\": 0, "
    "\"too_many\": 0, "
    "\"took_ms\": 12}, \"unsynced\": [], \"workers\": [], \"memory\": {\"used\": 3250585, \"size\": 8388608, "
    "\"pools\": [{\"name\": \"A\", \"words\": \"sessions\", \"used\": 1, \"high\": 2, \"count\": 4, "
    "\"size\": 100, "
    "\"refused\": 0}, {\"name\": \"B\", \"words\": \"messages\", \"used\": 0, \"high\": 9, \"count\": 10, "
    "\"size\": "
    "100, \"refused\": 0}, {\"name\": \"C\", \"words\": \"timers\", \"used\": 3, \"high\": 3, \"count\": "
    "100, "
    "\"size\": 100, \"refused\": 0}, {\"name\": \"D\", \"words\": \"windows\", \"used\": 1, \"high\": 1, "
    "\"count\": "
    "8, \"size\": 100, \"refused\": 5}]}}";

static const char nodes_two[] = "{\"items\": [{\"name\": \"master-node\", \"type\": \"master\", \"version\": "
                                "\"4.14.7\", \"ip\": \"10.0.0.1\"}, "
                                "{\"name\": \"edge-07\", \"type\": \"worker\", \"version\": \"4.14.7\", "
                                "\"ip\": \"10.0.0.7\"}], \"totalItems\": 2}";

static const char health_one[] =
    "{\"n_connected_nodes\": 1, \"nodes\": {\"edge-07\": {\"info\": {\"name\": \"edge-07\", \"type\": "
    "\"worker\", "
    "\"version\": \"4.14.7\", \"ip\": \"10.0.0.7\", \"n_active_agents\": 0}, \"status\": "
    "{\"sync_integrity_free\": "
    "true, \"last_check_integrity\": {\"date_start_master\": \"2026-11-20T10:31:47.543037Z\", "
    "\"date_end_master\": "
    "\"2026-11-20T10:31:47.546878Z\"}, \"last_sync_integrity\": {\"date_start_master\": "
    "\"2026-11-20T10:31:35.514795Z\", \"date_end_master\": \"2026-11-20T10:31:35.521804Z\", "
    "\"total_extra_valid\": "
    "0, \"total_files\": {\"missing\": 18, \"extra\": 0, \"shared\": 1}}, \"last_keep_alive\": "
    "\"2026-11-20T10:31:44.508408Z\"}}, \"master-node\": {\"info\": {\"name\": \"master-node\", \"type\": "
    "\"master\", \"version\": \"4.14.7\", \"ip\": \"10.0.0.1\", \"n_active_agents\": 0}}}}";

static const char config_one[] =
    "{\"disabled\": false, \"node_type\": \"worker\", \"name\": \"wazuh\", \"node_name\": "
    "\"edge-07\", \"key\": \"not for a screen\", \"port\": 1516}";

TEST(status_worker_is_well) {
    status_view_init(&view);
    feed(status_view_status, worker_well);
    feed(status_view_config, config_one);
    feed(status_view_nodes, nodes_two);
    feed(status_view_health, health_one);
    CHECK(status_view_is_well(&view));
    CHECK_STR(show(), "OK: edge-07 is connected and in sync\n"
                      "cluster wazuh  node edge-07  worker  4.14.7  up 3d04h  picket 0.1.0\n"
                      "master  10.0.0.1:1516  CONNECTED 3d03h  last keepalive 14s ago\n"
                      "files   214  0 behind  last check 4s ago  last change 2h01m ago\n"
                      "scan    214 files in 12 ms, 0 unreadable, 0 too many  tree 0123456789abcdef\n"
                      "NODE             VERSION ADDRESS         STATE    LAST SYNC   AGENTS      ALIVE\n"
                      "master-node      4.14.7  10.0.0.1        master               0\n"
                      "edge-07          4.14.7  10.0.0.7        worker   +18 ~1 -0   0\n"
                      "memory  3.1 MB used of 8.0 MB, fixed at build time\n"
                      "  windows                                       1 now      1 high of      8 FULL\n"
                      "  messages                                      0 now      9 high of     10\n"
                      "  sessions                                      1 now      2 high of      4\n");
}

TEST(status_worker_refused) {
    status_view_init(&view);
    feed(status_view_status, "{\"node\": \"w1\", \"cluster\": \"wazuh\", \"type\": \"worker\", \"version\": "
                             "\"4.14.6\", \"state\": "
                             "\"refused\", \"why\": \"Error 3031 - the master runs another version than "
                             "4.14.6 (announced_version)\", "
                             "\"master\": \"10.0.0.1:1516\", \"in_sync\": false}");
    CHECK(!status_view_is_well(&view));
    CHECK_STR(show(), "NOT WELL: w1 is refused by its master\n"
                      "why: Error 3031 - the master runs another version than 4.14.6\n"
                      "     (announced_version)\n"
                      "cluster wazuh  node w1  worker  4.14.6\n"
                      "master  10.0.0.1:1516  REFUSED  last keepalive none yet\n");
}

/* Agents: in all, by node (a node that is no more has no row), and the checksum of their groups. */
TEST(status_agents) {
    status_view_init(&view);
    feed(
        status_view_status,
        "{\"node\": \"m\", \"cluster\": \"wazuh\", \"type\": \"master\", \"version\": \"4.14.7\", \"state\": "
        "\"serving\", \"workers\": [{\"name\": \"w1\", \"version\": \"4.14.7\", \"ip\": \"10.0.0.7\", "
        "\"state\": "
        "\"in sync\"}], \"agents\": {\"store\": \"embedded\", \"groups\": "
        "\"23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262\", \"active\": 1200, \"disconnected\": 3, \"pending\": "
        "1, "
        "\"never_connected\": 12, \"nodes\": [{\"name\": \"w1\", \"active\": 1200, \"disconnected\": 3, "
        "\"pending\": 0, \"never_connected\": 11}, {\"name\": \"unknown\", \"active\": 0, \"disconnected\": "
        "0, "
        "\"pending\": 1, \"never_connected\": 1}, {\"name\": \"m\", \"active\": 0, \"disconnected\": 0, "
        "\"pending\": 0, \"never_connected\": 0}]}}");
    CHECK(status_view_is_well(&view));
    CHECK_STR(show(), "OK: m serves 1 worker, none behind\n"
                      "cluster wazuh  node m  master  4.14.7\n"
                      "master  this node  SERVING\n"
                      "agents  1200 active  3 disconnected  1 pending  12 never connected  (embedded)\n"
                      "groups  23bb1d54\n"
                      "NODE             VERSION ADDRESS         STATE    LAST SYNC   AGENTS      ALIVE\n"
                      "m                                        master               0/0/0\n"
                      "w1               4.14.7  10.0.0.7        in sync              1200/3/11\n");
}

TEST(status_agents_unwell) {
    static const char head[] =
        "{\"node\": \"w1\", \"cluster\": \"wazuh\", \"type\": \"worker\", \"version\": "
        "\"4.14.7\", \"state\": \"connected\", \"master\": \"m:1516\", \"in_sync\": true, ";
    char json[1024];
    snprintf(
        json, sizeof json,
        "%s\"agents\": {\"store\": \"embedded\", \"groups\": \"23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262\", "
        "\"groups_as_master\": true, \"last_info_s\": 7}}",
        head);
    status_view_init(&view);
    feed(status_view_status, json);
    CHECK(status_view_is_well(&view));
    CHECK(strstr(show(), "\ngroups  23bb1d54  as the master's  agents told 7s ago\n"));
    snprintf(
        json, sizeof json,
        "%s\"agents\": {\"store\": \"embedded\", \"groups\": \"23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262\", "
        "\"groups_as_master\": false, \"groups_why\": \"the full list did not help\"}}",
        head);
    status_view_init(&view);
    feed(status_view_status, json);
    CHECK(!status_view_is_well(&view));
    CHECK(strstr(show(), "NOT WELL: w1 has other agent groups than its master\n"));
    CHECK(strstr(screen, "\ngroups  23bb1d54  the full list did not help\n"));
    snprintf(json, sizeof json, "%s\"agents\": {\"store\": \"wazuh-db\", \"why\": \"nobody listens\"}}",
             head);
    status_view_init(&view);
    feed(status_view_status, json);
    CHECK(!status_view_is_well(&view));
    CHECK(strstr(show(), "NOT WELL: w1 has no agent store\n"));
    CHECK(strstr(screen, "\nagents  not known, wazuh-db: nobody listens\n"));
}

/* A master with more workers and unsynchronised files than lines: those in trouble come first. */
TEST(status_master_with_many) {
    static char json[32768];
    size_t n = (size_t)snprintf(
        json, sizeof json,
        "{\"node\": \"m\", \"cluster\": \"wazuh\", \"type\": \"master\", \"version\": \"4.14.7\","
        " \"picket\": \"0.1.0\", \"up_s\": 59, \"state\": \"serving\", \"files\": 10000, "
        "\"last_check_s\": 0, \"last_change_s\": 60, \"scan\": {\"files\": 10000, "
        "\"unreadable\": 0, \"too_many\": 0, \"took_ms\": 130}, \"unsynced\": [");
    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "%s{\"path\": \"etc/rules/%02d.xml\", \"why\": \"larger than max_zip_size\"}",
                              i ? ", " : "", i);
    n += (size_t)snprintf(json + n, sizeof json - n, "], \"workers\": [");
    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(
            json + n, sizeof json - n,
            "%s{\"name\": \"w%02d\", \"version\": \"4.14.7\", \"ip\": \"10.0.1.%d\", \"state\": "
            "\"%s\", \"missing\": 0, \"shared\": 1, \"extra\": 2, \"last_keepalive_s\": %d}",
            i ? ", " : "", i, i,
            i == 17  ? "behind"
            : i == 3 ? "syncing"
                     : "in sync",
            i * 50);
    snprintf(json + n, sizeof json - n,
             "], \"memory\": {\"used\": 1048576, \"size\": 16777216, \"pools\": []}}");
    status_view_init(&view);
    feed(status_view_status, json);
    feed(status_view_nodes,
         "{\"items\": [{\"name\": \"m\", \"type\": \"master\", \"version\": \"4.14.7\", \"ip\": "
         "\"10.0.0.1\"}], \"totalItems\": 21}");
    CHECK(!status_view_is_well(&view));
    CHECK_STR(show(), "NOT WELL: m has workers that are not in sync\n"
                      "cluster wazuh  node m  master  4.14.7  up 59s  picket 0.1.0\n"
                      "master  this node  SERVING\n"
                      "files   10000  last check 0s ago  last change 1m00s ago\n"
                      "scan    10000 files in 130 ms, 0 unreadable, 0 too many\n"
                      "NODE             VERSION ADDRESS         STATE    LAST SYNC   AGENTS      ALIVE\n"
                      "w17              4.14.7  10.0.1.17       behind   +0 ~1 -2                14m10s\n"
                      "m                4.14.7  10.0.0.1        master\n"
                      "w00              4.14.7  10.0.1.0        in sync  +0 ~1 -2                0s\n"
                      "w01              4.14.7  10.0.1.1        in sync  +0 ~1 -2                50s\n"
                      "w02              4.14.7  10.0.1.2        in sync  +0 ~1 -2                1m40s\n"
                      "w03              4.14.7  10.0.1.3        syncing  +0 ~1 -2                2m30s\n"
                      "w04              4.14.7  10.0.1.4        in sync  +0 ~1 -2                3m20s\n"
                      "... and 14 more nodes (picket status -j has all)\n"
                      "NOT IN SYNC\n"
                      "  etc/rules/00.xml: larger than max_zip_size\n"
                      "  etc/rules/01.xml: larger than max_zip_size\n"
                      "  etc/rules/02.xml: larger than max_zip_size\n"
                      "  ... and 27 more files\n"
                      "memory  1.0 MB used of 16.0 MB, fixed at build time\n");
}

/* Wazuh's own daemon knows no get_status; the three others still make a screen. */
TEST(status_of_wazuhs_own) {
    status_view_init(&view);
    feed(status_view_config, config_one);
    feed(status_view_nodes, nodes_two);
    feed(status_view_health, health_one);
    CHECK(!strstr(show(), "not for a screen"));
    CHECK_STR(screen, "RUNNING: edge-07, Wazuh's own daemon, answers\n"
                      "cluster wazuh  node edge-07  worker  4.14.7\n"
                      "NODE             VERSION ADDRESS         STATE    LAST SYNC   AGENTS      ALIVE\n"
                      "master-node      4.14.7  10.0.0.1        master               0\n"
                      "edge-07          4.14.7  10.0.0.7        worker   +18 ~1 -0   0\n");
}

/* Answers with nothing, or with everything of the wrong kind, in them. */
TEST(status_strange_answers) {
    static const char *const answers[] = {
        "{}",
        "[]",
        "1",
        "\"x\"",
        "null",
        "{\"node\": 1, \"type\": [], \"state\": {}, \"up_s\": -1, \"files\": \"x\", \"workers\": {}, "
        "\"unsynced\": 7, "
        "\"scan\": [], \"memory\": [1]}",
        "{\"workers\": [1, null, {}, {\"name\": 5}, {\"name\": \"\"}], \"unsynced\": [1, {}], \"memory\": "
        "{\"pools\": "
        "[{}, 1, {\"used\": 1, \"high\": 5, \"count\": 0}, {\"used\": 1, \"high\": 9, \"count\": 3}]}}",
        "{\"items\": 1, \"nodes\": []}",
        "{\"items\": [[]], \"nodes\": {\"a\": 1, \"b\": {}}}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        status_view_init(&view);
        feed(status_view_status, answers[i]);
        feed(status_view_config, answers[i]);
        feed(status_view_nodes, answers[i]);
        feed(status_view_health, answers[i]);
        CHECK(!status_view_is_well(&view));
        show();
    }
}

/* A peer's name cannot move the cursor or break a line. */
TEST(status_hostile_names) {
    status_view_init(&view);
    feed(status_view_status,
         "{\"node\": \"a\\u001b[2J\\n\", \"type\": \"worker\", \"state\": \"connected\", \"why\": "
         "\"\\r\\u0007\\u00e4\", "
         "\"unsynced\": [{\"path\": \"etc/\\u001b]0;x\", \"why\": \"\\n\\n\"}], \"workers\": [{\"name\": "
         "\"%s%n\\u0000\", \"state\": \"\\udc80\"}, {\"name\": "
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xx\"}]}");
    show(); /* checks each byte */
}

TEST(status_more_nodes_than_room) {
    status_view_init(&view);
    for (unsigned i = 0; i < VIEW_NODES + 5; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"items\": [{\"name\": \"n%u\", \"type\": \"worker\"}]}", i);
        feed(status_view_nodes, json);
    }
    char want[64];
    snprintf(want, sizeof want, "... and %u more nodes", VIEW_NODES + 5 - 7);
    CHECK(strstr(show(), want));
}

/* ---- the client ---- */

static struct sys sys;
static char path[108];

/* A node that takes one connection and answers each question (whose counter it repeats) with the next of some
 * frames, in pieces of step bytes. */
struct answer {
    const char *command; /* 12 bytes as on the wire; NULL: none, silence */
    const char *payload;
    uint32_t own_counter; /* not a reply but a question of the node's, with this counter */
    bool more;            /* another frame follows before the next question */
};

static void full_read(int fd, void *buf, size_t n) {
    for (size_t have = 0; have < n;) {
        ssize_t r = read(fd, (char *)buf + have, n - have);
        if (r <= 0)
            _exit(0);
        have += (size_t)r;
    }
}

static void serve(int fd, const struct answer *a, size_t count, size_t step) {
    uint8_t head[20], frame[256];
    static char body[1024];
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !a[i - 1].more) {
            full_read(fd, head, 20);
            full_read(fd, body, be32_load(head + 4));
        }
        if (!a[i].command) {
            usleep(10 * 1000 * 1000);
            _exit(0);
        }
        size_t n = strlen(a[i].payload);
        be32_store(frame, a[i].own_counter ? a[i].own_counter : be32_load(head));
        be32_store(frame + 4, (uint32_t)n);
        memcpy(frame + 8, a[i].command, 12);
        memcpy(frame + 20, a[i].payload, n);
        for (size_t at = 0; at < n + 20; at += step)
            if (write(fd, frame + at, n + 20 - at < step ? n + 20 - at : step) < 0)
                _exit(0);
        if (a[i].own_counter && !a[i].more) { /* it is answered */
            full_read(fd, head, 20);
            full_read(fd, body, be32_load(head + 4));
            if (be32_load(head) != a[i].own_counter || memcmp(head + 8, "ok ---------", 12))
                _exit(0);
        }
    }
    full_read(fd, head, 1);
}

static void start(const struct answer *a, size_t count, size_t step) {
    sys_linux_init(&sys);
    snprintf(path, sizeof path, "%s/s", test_dir());
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strcpy(to.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(!bind(fd, (struct sockaddr *)&to, sizeof to) && !listen(fd, 1));
    if (fork() == 0) {
        serve(accept(fd, NULL, NULL), a, count, step);
        _exit(0);
    }
    close(fd);
}

TEST(ask_answer_in_pieces) {
    static const struct answer answers[] = {{"ok ---------", "{\"a\": 1}", 0, false},
                                            {"err --------", "unknown command 'b'get_status''", 0, false},
                                            {"ok ---------", "", 0, false}};
    for (size_t step = 1; step < 40; step += 6) {
        struct ask a;
        struct error e;
        char out[64];
        size_t n;
        start(answers, 3, step);
        CHECK(!ask_open(&a, &sys, path, 2000, &e));
        CHECK(!ask_question(&a, "get_config", "", out, sizeof out, &n, &e));
        CHECK_STR(out, "{\"a\": 1}");
        CHECK_INT(ask_question(&a, "get_status", "", out, sizeof out, &n, &e), E_PEER);
        CHECK_STR(out, "unknown command 'b'get_status''");
        CHECK(!ask_question(&a, "get_health", "null", out, sizeof out, &n, &e));
        CHECK_INT(n, 0);
        ask_close(&a);
    }
}

/* Recorded from a worker: first that the question was sent on, then control_res, which is itself answered. */
TEST(ask_a_worker) {
    static const struct answer answers[] = {{"ok ---------", "Sent request to master node", 0, true},
                                            {"control_res ", "{\"items\": []}", 2630246643u, false},
                                            {"ok ---------", "{}", 0, false}};
    struct ask a;
    struct error e;
    char out[64];
    size_t n;
    start(answers, 3, 1000);
    CHECK(!ask_open(&a, &sys, path, 2000, &e));
    CHECK(!ask_question(&a, "get_nodes", "{}", out, sizeof out, &n, &e));
    CHECK_STR(out, "{\"items\": []}");
    CHECK(!ask_question(&a, "get_config", "", out, sizeof out, &n, &e)); /* only if the answer was right */
    CHECK_STR(out, "{}");
    ask_close(&a);
}

TEST(ask_bounds) {
    static const struct answer answers[] = {
        {"ok ---------", "0123456789", 0, false}, {"ok ---------", "x", 0, false}, {NULL, NULL, 0, false}};
    struct ask a;
    struct error e;
    char out[8];
    size_t n;
    start(answers, 3, 1000);
    CHECK(!ask_open(&a, &sys, path, 500, &e));
    CHECK_INT(ask_question(&a, "get_config", "", out, sizeof out, &n, &e), E_LIMIT);
    CHECK(!ask_question(&a, "get_config", "", out, sizeof out, &n, &e)); /* and goes on */
    CHECK_STR(out, "x");
    CHECK_INT(ask_question(&a, "get_config", "", out, sizeof out, &n, &e), E_TIME);
    ask_close(&a);
}

TEST(ask_nobody) {
    struct ask a;
    struct error e;
    sys_linux_init(&sys);
    snprintf(path, sizeof path, "%s/none", test_dir());
    CHECK_INT(ask_open(&a, &sys, path, 500, &e), E_GONE);
    struct sockaddr_un to = {.sun_family = AF_UNIX}; /* a socket left behind */
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(!bind(fd, (struct sockaddr *)&to, sizeof to));
    close(fd);
    CHECK_INT(ask_open(&a, &sys, path, 500, &e), E_GONE);
}

/* Exit codes of a node that does not run. */
TEST(status_not_running) {
    struct options o = {.root = test_dir()};
    sys_linux_init(&sys);
    close(2);
    CHECK_INT(status_command(&sys, &o), STATUS_STOPPED);
    test_write_file("var/run/wazuh-clusterd-12.pid", "12\n", 3);
    CHECK_INT(status_command(&sys, &o), STATUS_DIED);
    o.root = "/nonexistent/root";
    CHECK_INT(status_command(&sys, &o), STATUS_UNKNOWN);
}
