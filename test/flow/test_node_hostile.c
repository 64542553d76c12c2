/* test_node_hostile.c - a peer that has the key and does not keep to the order of things: transfers that go
 * on when their task is over, answers that nobody asked for, packages that lie. A node takes no harm, and
 * goes on with the others. */
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static struct sim_heard h;

/* The reply to what was asked last; requests of the node that come in between are answered by "ok". */
static const char *reply(struct sim *sim, struct sim_guest *g) {
    uint32_t counter = g->counter - 1;
    do {
        if (!sim_hears(sim, g, &h, 30000))
            return "(silence)";
        CHECK(h.genuine);
        if (h.counter != counter)
            guest_say(g, h.counter, "ok", "", 0);
    } while (h.counter != counter);
    return (char *)h.bytes;
}

static const char *asks(struct sim *sim, struct sim_guest *g, const char *command, const char *text) {
    guest_ask_text(g, command, text);
    return reply(sim, g);
}

static void update(struct sim_guest *g, const char *path, const void *bytes, size_t n) {
    size_t p = strlen(path);
    uint8_t *all = malloc(p + 1 + n);
    CHECK(all);
    memcpy(all, path, p);
    all[p] = ' ';
    memcpy(all + p + 1, bytes, n);
    guest_ask(g, "file_upd", all, p + 1 + n);
    free(all);
}

static void finish(struct sim_guest *g, const char *path, const void *bytes, size_t n) {
    struct sha256 hash;
    uint8_t all[400];
    size_t p = strlen(path);
    memcpy(all, path, p);
    all[p] = ' ';
    sha256_init(&hash);
    sha256_push(&hash, bytes, n);
    sha256_out(&hash, all + p + 1);
    guest_ask(g, "file_end", all, p + 1 + SHA256_BYTES);
}

/* ---- against a master ---- */

#define FILE_A "/queue/cluster/evil/a.zip"
#define FILE_B "/queue/cluster/evil/b.zip"

struct attack {
    struct sim_pair p;
    struct sim_guest *g;
    char task[80];
};

/* A worker with the name evil that was given leave to send its manifest. */
static void asked(struct attack *a) {
    CHECK_STR(asks(a->p.sim, a->g, "syn_i_w_m_p", ""), "True");
    snprintf(a->task, sizeof a->task, "%.70s", asks(a->p.sim, a->g, "syn_i_w_m", ""));
    CHECK_INT(strlen(a->task), 36);
}

static struct attack attack(uint64_t seed) {
    struct attack a = {.p = sim_pair_synced(seed)};
    a.g = sim_guest(a.p.sim, "10.6.6.6");
    sim_says_hello(a.p.m, a.g, "evil");
    asked(&a);
    return a;
}

static void next_scan(struct attack *a) {
    uint64_t round = a->p.m->node->env.scanner.rounds;
    while (a->p.m->node->env.scanner.rounds == round)
        sim_run(a->p.sim, 100);
}

/* Nobody else noticed anything, and nothing stays behind. */
static void unharmed(struct attack *a) {
    sim_write(a->p.m, "etc/rules/after.xml", "still works");
    guest_close(a->g);
    CHECK(sim_converges(a->p.sim, 60000));
    CHECK_INT(a->p.m->node->master.peer_count, 1);
    CHECK_INT(sim_log_count(a->p.m, "[Worker w1] [Main] Error"), 0);
}

/* The task is over, its memory is given back: bytes of its file must go nowhere. */
TEST(a_file_goes_on_after_its_task_failed) {
    struct attack a = attack(1);
    char text[200];
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_A), "Ready to receive new file");
    snprintf(text, sizeof text, "%s {\"__object__\": 1}", a.task);
    CHECK_STR(asks(a.p.sim, a.g, "syn_i_w_m_r", text), "Error received");
    CHECK_INT(sim_pool_used(a.p.m, POOL_inflaters), 0);
    update(a.g, FILE_A, "files_metadata.json|//@@//|garbage", 30);
    reply(a.p.sim, a.g);
    finish(a.g, FILE_A, "files_metadata.json|//@@//|garbage", 30);
    reply(a.p.sim, a.g);
    CHECK_STR(h.command, "err");
    unharmed(&a);
}

TEST(a_file_goes_on_after_it_was_called_complete) {
    struct attack a = attack(2);
    char text[200];
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_A), "Ready to receive new file");
    snprintf(text, sizeof text, "%s %s", a.task, FILE_A);
    asks(a.p.sim, a.g, "syn_i_w_m_e", text);
    CHECK_INT(sim_pool_used(a.p.m, POOL_inflaters), 0);
    update(a.g, FILE_A, "files_metadata.json|//@@//|garbage", 30);
    reply(a.p.sim, a.g);
    unharmed(&a);
}

TEST(a_file_comes_too_late) {
    struct attack a = attack(3);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_A), "Ready to receive new file");
    for (int i = 0; i < 13; i++) {
        sim_run(a.p.sim, 10000);
        asks(a.p.sim, a.g, "echo-c", "keepalive");
    }
    CHECK(sim_log_has(a.p.m, "check cancelled"));
    update(a.g, FILE_A, "files_metadata.json|//@@//|garbage", 30);
    reply(a.p.sim, a.g);
    unharmed(&a);
}

/* The rest of a file of an earlier task does not become part of the next one's. */
TEST(an_old_file_in_a_new_task) {
    struct attack a = attack(4);
    char text[200];
    uint8_t *package = NULL;
    size_t n = 0;
    guest_member(&package, &n, "files_metadata.json", "{}", 2);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_A), "Ready to receive new file");
    snprintf(text, sizeof text, "%s {}", a.task);
    asks(a.p.sim, a.g, "syn_i_w_m_r", text);
    next_scan(&a);
    asked(&a);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_B), "Ready to receive new file");
    update(a.g, FILE_B, package, n / 2);
    update(a.g, FILE_A, "|@@//@@|etc/x|//@@//|", 20);
    update(a.g, FILE_B, package + n / 2, n - n / 2);
    finish(a.g, FILE_B, package, n);
    CHECK_STR(reply(a.p.sim, a.g), "File received correctly");
    snprintf(text, sizeof text, "%s %s", a.task, FILE_B);
    CHECK_STR(asks(a.p.sim, a.g, "syn_i_w_m_e", text), "File correctly received");
    CHECK(sim_hears(a.p.sim, a.g, &h, 1000));
    CHECK_STR(h.command, "syn_m_c"); /* it was read as it was meant: a worker without files */
    free(package);
    unharmed(&a);
}

/* The digest at the end is not that of the bytes. */
TEST(a_file_with_another_digest) {
    struct attack a = attack(14);
    char text[200];
    uint8_t *package = NULL;
    size_t n = 0;
    guest_member(&package, &n, "files_metadata.json", "{}", 2);
    asks(a.p.sim, a.g, "new_file", FILE_A);
    update(a.g, FILE_A, package, n);
    finish(a.g, FILE_A, package, n - 1);
    CHECK_STR(reply(a.p.sim, a.g), "File wasn't correctly received. Checksums aren't equal.");
    snprintf(text, sizeof text, "%s %s", a.task, FILE_A);
    asks(a.p.sim, a.g, "syn_i_w_m_e", text);
    CHECK(!sim_hears(a.p.sim, a.g, &h, 3000)); /* no verdict: nothing of it counts */
    CHECK(sim_log_has(a.p.m, "was not received whole"));
    free(package);
    unharmed(&a);
}

/* It asks and asks and takes no answer: the node stops reading it, with what it has; and when the connection
 * breaks then, that is noticed although nothing is being read. */
TEST(a_peer_that_does_not_listen) {
    struct attack a = attack(15);
    static char long_text[4000];
    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < 2000 && guest_say(a.g, 5000u + (unsigned)i, "echo", long_text, 3999); i++)
        sim_run(a.p.sim, 2);
    uint64_t taken = a.p.m->host->received;
    sim_run(a.p.sim, 5000);
    CHECK_INT(a.p.m->host->received - taken < 20000, 1); /* w1's keepalives and checks, nothing more of it */
    CHECK(a.p.m->node->pools[POOL_windows].high <= 2);
    CHECK(sim_joined(a.p.w));
    sim_net_cut(&a.p.sim->net, a.g->host, SIM_CUT_BOTH);
    sim_run(a.p.sim, 100);
    CHECK_INT(a.p.m->node->master.peer_count, 1);
    unharmed(&a);
}

/* Everything a worker may say, in the wrong state. */
TEST(words_out_of_order) {
    struct attack a = attack(5);
    static const char *const words[] = {
        "syn_i_w_m_e", "syn_i_w_m_r", "syn_i_w_m", "syn_i_w_m_p", "hello",       "new_file",    "file_upd",
        "file_end",    "new_str",     "str_upd",   "err_str",     "cancel_task", "syn_a_w_m_p", "syn_w_g_c",
        "get_nodes",   "get_health",  "ok",        "err",         "syn_m_c",     "nonsense"};
    static const char *const texts[] = {"",
                                        " ",
                                        "x",
                                        "x y",
                                        "None {}",
                                        "9999999999999999999",
                                        "/queue/cluster/x/../../../etc/x",
                                        "a b c d",
                                        "{\"filter_node\": [\"x\"]}"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            guest_ask_text(a.g, words[i], texts[k]);
    for (int i = 0; i < 170; i++)
        if (!sim_hears(a.p.sim, a.g, &h, 2000))
            break;
    CHECK(!a.g->closed);
    CHECK_STR(asks(a.p.sim, a.g, "echo-c", "still here"), "still here");
    unharmed(&a);
}

/* Names whose files a master would never have. */
TEST(a_manifest_that_lies) {
    struct attack a = attack(6);
    static const char json[] =
        "{\"../../etc/passwd\": {\"mod_time\": 1.0, \"cluster_item_key\": \"etc/\", \"merged\": false, "
        "\"hash\": \"00\"},"
        " \"etc/rules/x.xml\": {\"mod_time\": 1.0, \"cluster_item_key\": \"etc/rules/\", \"merged\": false, "
        "\"hash\": \"00\"},"
        " \"/etc/shadow\": {\"mod_time\": 1.0, \"cluster_item_key\": \"etc/\", \"merged\": false}}";
    char text[200];
    uint8_t *package = NULL;
    size_t n = 0;
    guest_member(&package, &n, "../../evil", "evil", 4);
    guest_member(&package, &n, "files_metadata.json", json, strlen(json));
    asks(a.p.sim, a.g, "new_file", FILE_A);
    update(a.g, FILE_A, package, n);
    finish(a.g, FILE_A, package, n);
    reply(a.p.sim, a.g);
    snprintf(text, sizeof text, "%s %s", a.task, FILE_A);
    asks(a.p.sim, a.g, "syn_i_w_m_e", text);
    sim_run(a.p.sim, 1000);
    free(package);
    unharmed(&a);
}

/* ---- against a worker ---- */

/* A master that answers everything of a check, up to the worker's "that was all". */
static struct attack false_master(uint64_t seed) {
    struct attack a;
    a.p.sim = sim_new(seed);
    a.p.m = sim_add(a.p.sim, NODE_MASTER, "master"); /* does not run: its address is the guest's */
    a.p.w = sim_add(a.p.sim, NODE_WORKER, "w1");
    strcpy(a.p.m->host->address, "10.0.0.2");
    a.g = sim_guest(a.p.sim, "10.0.0.1");
    guest_listen(a.g, 1516);
    sim_write(a.p.w, "etc/rules/own.xml", "old");
    sim_write(a.p.w, "etc/precious", "untouched");
    sim_start(a.p.w);
    sim_run(a.p.sim, 100);
    CHECK(guest_accept(a.g));
    return a;
}

static void answer_check(struct attack *a) {
    for (bool ended = false; !ended;) {
        CHECK(sim_hears(a->p.sim, a->g, &h, 30000));
        bool task = strcmp(h.command, "syn_i_w_m") == 0;
        ended = strcmp(h.command, "syn_i_w_m_e") == 0;
        const char *answer = strcmp(h.command, "syn_i_w_m_p") == 0 ? "True" : task ? "task-of-mine" : "fine";
        guest_say(a->g, h.counter, "ok", answer, strlen(answer));
    }
}

static void begin_sync(struct attack *a) {
    answer_check(a);
    snprintf(a->task, sizeof a->task, "%.70s", asks(a->p.sim, a->g, "syn_m_c", ""));
    CHECK_INT(strlen(a->task), 36);
}

static void worker_unharmed(struct attack *a) {
    asks(a->p.sim, a->g, "echo-m", "are you there");
    CHECK_STR((char *)h.bytes, "are you there");
    sim_run(a->p.sim, 9500);
    answer_check(a); /* and goes on */
    CHECK_STR(sim_read(a->p.w, "etc/precious"), "untouched");
    sim_stop(a->p.w);
    CHECK(!sim_leftover(a->p.w));
}

#define FILE_M "/queue/cluster/w1/m.zip"

TEST(a_package_goes_on_after_its_task_failed) {
    struct attack a = false_master(7);
    char text[200];
    begin_sync(&a);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_M), "Ready to receive new file");
    snprintf(text, sizeof text, "%s {}", a.task);
    CHECK_STR(asks(a.p.sim, a.g, "syn_m_c_r", text), "Error received");
    CHECK_INT(sim_pool_used(a.p.w, POOL_inflaters), 0);
    update(a.g, FILE_M, "etc/rules/new.xml|//@@//|x", 26);
    reply(a.p.sim, a.g);
    finish(a.g, FILE_M, "etc/rules/new.xml|//@@//|x", 26);
    reply(a.p.sim, a.g);
    CHECK_STR(h.command, "err");
    worker_unharmed(&a);
}

TEST(a_package_goes_on_after_it_was_called_complete) {
    struct attack a = false_master(8);
    char text[200];
    begin_sync(&a);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_M), "Ready to receive new file");
    snprintf(text, sizeof text, "%s %s", a.task, FILE_M);
    asks(a.p.sim, a.g, "syn_m_c_e", text);
    CHECK_INT(sim_pool_used(a.p.w, POOL_inflaters), 0);
    update(a.g, FILE_M, "etc/rules/new.xml|//@@//|x", 26);
    reply(a.p.sim, a.g);
    worker_unharmed(&a);
}

TEST(a_package_comes_too_late) {
    struct attack a = false_master(9);
    begin_sync(&a);
    CHECK_STR(asks(a.p.sim, a.g, "new_file", FILE_M), "Ready to receive new file");
    for (int i = 0; i < 13; i++) {
        sim_run(a.p.sim, 9000);
        asks(a.p.sim, a.g, "echo-m", "x");
    }
    sim_run(a.p.sim, 4000);
    CHECK(sim_log_has(a.p.w, "The master did not send its files within 120 s: cancelled."));
    update(a.g, FILE_M, "etc/rules/new.xml|//@@//|x", 26);
    reply(a.p.sim, a.g);
    worker_unharmed(&a);
}

/* Sends files and metadata as a master would; what the worker says of the end. */
static void send_package(struct attack *a, const uint8_t *package, size_t n) {
    char text[200];
    asks(a->p.sim, a->g, "new_file", FILE_M);
    update(a->g, FILE_M, package, n);
    reply(a->p.sim, a->g);
    finish(a->g, FILE_M, package, n);
    reply(a->p.sim, a->g);
    snprintf(text, sizeof text, "%s %s", a->task, FILE_M);
    asks(a->p.sim, a->g, "syn_m_c_e", text);
    sim_run(a->p.sim, 1000);
}

static void to_hex(char *out, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* One member of the metadata, with the right hash of content. */
static void add_meta(char *out, size_t cap, const char *path, const char *item, const char *content) {
    uint8_t hash[BLAKE2B_BYTES];
    char hex[2 * BLAKE2B_BYTES + 1];
    struct blake2b b;
    blake2b_init(&b, sizeof hash);
    blake2b_push(&b, content, strlen(content));
    blake2b_finish(&b, hash);
    to_hex(hex, hash, sizeof hash);
    size_t at = strlen(out);
    snprintf(out + at, cap - at,
             "%s\"%s\": {\"mod_time\": 1.5, \"cluster_item_key\": \"%s\", \"merged\": false, "
             "\"hash\": \"%s\"}",
             out[at - 1] == '{' ? "" : ", ", path, item, hex);
}

TEST(a_package_that_reaches_out) {
    static const char *const paths[] = {
        "../outside",        "/tmp/picket-outside",    "etc/../../outside",   "etc/precious",
        "etc/ossec.conf",    "queue/cluster/.journal", "etc/rules/.picket/0", "etc/rules/x.picket-new",
        "etc/rules//double", "etc/rules/./dot"};
    struct attack a = false_master(10);
    char meta[8192] = "{\"missing\": {";
    uint8_t *package = NULL;
    size_t n = 0;
    begin_sync(&a);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        guest_member(&package, &n, paths[i], "evil", 4);
        add_meta(meta, sizeof meta, paths[i], i < 4 ? "etc/" : "etc/rules/", "evil");
    }
    guest_member(&package, &n, "etc/rules/good.xml", "good", 4);
    add_meta(meta, sizeof meta, "etc/rules/good.xml", "etc/rules/", "good");
    strcat(meta, "}, \"extra\": {");
    add_meta(meta, sizeof meta, "etc/precious", "etc/", "");
    add_meta(meta, sizeof meta, "../n1/etc/precious", "etc/", "");
    strcat(meta, "}, \"shared\": {}}");
    guest_member(&package, &n, "files_metadata.json", meta, strlen(meta));
    send_package(&a, package, n);
    free(package);
    CHECK_STR(sim_read(a.p.w, "etc/rules/good.xml"), "good");
    CHECK(!test_read_file("outside", NULL) && !sim_exists(a.p.w, "etc/ossec.conf"));
    CHECK(strstr(sim_status(a.p.w), "etc/precious")); /* named, with the reason */
    worker_unharmed(&a);
}

/* The content is not what the metadata says, or is missing: the old one stays, and the status says why. */
TEST(a_package_that_lies) {
    struct attack a = false_master(11);
    char meta[4096] = "{\"missing\": {";
    uint8_t *package = NULL;
    size_t n = 0;
    begin_sync(&a);
    guest_member(&package, &n, "etc/rules/own.xml", "tampered", 8);
    add_meta(meta, sizeof meta, "etc/rules/absent.xml", "etc/rules/", "not in the package");
    strcat(meta, "}, \"extra\": {}, \"shared\": {");
    add_meta(meta, sizeof meta, "etc/rules/own.xml", "etc/rules/", "what it should be");
    strcat(meta, "}}");
    guest_member(&package, &n, "files_metadata.json", meta, strlen(meta));
    send_package(&a, package, n);
    free(package);
    CHECK_STR(sim_read(a.p.w, "etc/rules/own.xml"), "old");
    CHECK(strstr(sim_status(a.p.w), "etc/rules/own.xml") &&
          strstr(sim_status(a.p.w), "etc/rules/absent.xml"));
    worker_unharmed(&a);
}

TEST(a_package_that_is_garbage) {
    struct attack a = false_master(12);
    uint64_t seed = 1;
    begin_sync(&a);
    uint8_t noise[5000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&seed);
    send_package(&a, noise, sizeof noise);
    CHECK(sim_log_has(a.p.w, "Error synchronizing files"));
    CHECK_STR(sim_read(a.p.w, "etc/rules/own.xml"), "old");
    worker_unharmed(&a);
}

/* Answers that are no answers, one after the other. */
TEST(a_master_that_answers_nonsense) {
    struct attack a = false_master(13);
    static const char *const answers[] = {
        "",      " ",
        "True ", "two words",
        "Maybe", "a-task-id-that-is-much-longer-than-any-task-id-has-ever-been-and-will-be-refused"};
    for (size_t i = 0; i < 24; i++) {
        const char *answer = answers[i % 6];
        if (!sim_hears(a.p.sim, a.g, &h, 40000))
            break;
        if (strcmp(h.command, "hello") == 0 || (i & 1 && strcmp(h.command, "syn_i_w_m_p") == 0))
            guest_say(a.g, h.counter, "ok", "True", 4);
        else
            guest_say(a.g, h.counter, i % 5 == 4 ? "err" : "ok", answer, strlen(answer));
    }
    CHECK(!a.g->closed);
    worker_unharmed(&a);
}
