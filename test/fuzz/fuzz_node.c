/* fuzz_node.c - a whole node on a simulated network; the input is what its peer says.
 *
 * First byte: bit 0 the node is a worker (else a master), bit 1 the rest are raw bytes. Raw: a length, so
 * many bytes, and again; a length of 0 lets a second pass. Bit 3: all are of 4.9.2 (else 4.14.7). Else, after
 * a proper hello: words of a peer that has the key, see act(); and of local programs. Afterwards the node
 * closes, and nothing of it may be left; nobody was let at the manager's own row, and no worker made an
 * agent. */
#include "app/config_items.h"
#include "app/config_picket.h"
#include "app/node.h"
#include "base/bytes.h"
#include "test/sim/sim_agent_words.h"
#include "test/sim/sim_api_words.h"
#include "test/sim/sim_guest.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define TURNS_MAX 20000u /* without time moving: a circle */
#define STEPS_MAX 200u   /* of one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, byte by byte; zeros behind its end. */
struct input {
    const uint8_t *at, *end;
};

struct fuzz {
    struct sim_net net;
    struct sys sys;
    struct sim_host *host;
    struct sim_guest guest, local, asker; /* the peer, a program that comes and goes, one that waits */
    struct node *node;
    struct cluster_config config;
    struct input in;
    char root[64], local_path[128];
    int root_fd;
    struct sim_heard heard;
    uint32_t asked[8]; /* counters of the node's requests without reply, the oldest first */
    char asked_for[8][13];
    unsigned asked_count;
    char task[64];     /* the node's last task id */
    char asked_by[65]; /* ... and what it called its last dapi or sendsync */
    char string[16];   /* ... and of a string of ours */
    const char *version;
    bool edited; /* a local program was let in, which may do more */
};
static struct fuzz f;

static void need(bool holds) {
    if (!holds)
        __builtin_trap();
}

static uint8_t byte(void) {
    return f.in.at < f.in.end ? *f.in.at++ : 0;
}

static const uint8_t *bytes(size_t *n) {
    const uint8_t *from = f.in.at;
    *n = min_size(*n, (size_t)(f.in.end - f.in.at));
    f.in.at += *n;
    return from;
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type;
    return at->level ? remove(path) : 0;
}

static void put(const char *path, const char *text) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", f.root, path);
    for (char *p = full + strlen(f.root) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        mkdir(full, 0755);
    }
    FILE *file = fopen(full, "wb");
    need(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void folder_make(void) {
    nftw(f.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    put("etc/rules/a.xml", "<a/>\n");
    put("etc/shared/default/agent.conf", "<agent_config/>\n");
    put("etc/precious", "untouched");
    put("etc/client.keys",
        "001 agent1 any " KEY KEY "\n002 agent2 10.0.0.9 " KEY KEY "\n003 agent3 any " KEY KEY "\n");
}

static void folder_check(void) {
    char path[256], text[16] = "";
    snprintf(path, sizeof path, "%s/etc/precious", f.root);
    FILE *file = fopen(path, "rb");
    need(file && fgets(text, sizeof text, file) && strcmp(text, "untouched") == 0);
    fclose(file);
}

static void once(void) {
    static _Alignas(16) unsigned char arena[16u << 20]; /* SQLite's */
    struct error e;
    need(db_library_open(arena, sizeof arena, &e) == E_OK);
    snprintf(f.root, sizeof f.root, "%s/picket-fuzz-%ld", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
             (long)getpid());
    mkdir(f.root, 0755);
    f.root_fd = open(f.root, O_RDONLY | O_DIRECTORY);
    need(f.root_fd >= 0);
    snprintf(f.local_path, sizeof f.local_path, "%s/" LOCAL_SOCKET, f.root);
    f.node = calloc(1, sizeof *f.node);
    need(f.node);
}

static void at_exit(void) {
    nftw(f.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(f.root);
}

/* ---- time ---- */

/* Runs until ms have passed, or nothing more happens before that. */
static void run(uint64_t ms) {
    uint64_t until = f.net.now_ns + ms * 1000000u;
    for (unsigned turns = 0; f.net.now_ns < until;) {
        bool busy = sim_net_deliver(&f.net);
        if (sim_loop_has_work(&f.net, &f.node->loop)) {
            loop_turn(&f.node->loop, 0);
            busy = true;
        }
        need(++turns < TURNS_MAX);
        uint64_t next = sim_loop_next(&f.node->loop), packet = sim_net_next(&f.net);
        next = packet < next ? packet : next;
        if (busy || next <= f.net.now_ns)
            next = f.net.now_ns + 20000;
        f.net.now_ns = next < until ? next : until;
    }
}

/* Takes what the node says; its requests wait for answers. */
static void listen_to_node(void) {
    while (guest_hear(&f.guest, &f.heard)) {
        need(f.heard.genuine);
        if (f.heard.n == 36 && strcmp(f.heard.command, "ok") == 0)
            memcpy(f.task, f.heard.bytes, 37);
        if (f.heard.n > 0 && f.heard.n <= 10 && strcmp(f.heard.command, "ok") == 0)
            memcpy(f.string, f.heard.bytes, f.heard.n + 1);
        if (f.heard.counter >= 1000 && f.heard.counter < f.guest.counter)
            continue; /* a reply to us */
        if (strcmp(f.heard.command, "dapi") == 0 || strcmp(f.heard.command, "sendsync") == 0)
            snprintf(f.asked_by, sizeof f.asked_by, "%.*s", (int)strcspn((char *)f.heard.bytes, " "),
                     (char *)f.heard.bytes);
        if (f.asked_count == 8) {
            memmove(f.asked, f.asked + 1, sizeof f.asked - sizeof *f.asked);
            memmove(f.asked_for, f.asked_for + 1, sizeof f.asked_for - sizeof *f.asked_for);
            f.asked_count--;
        }
        f.asked[f.asked_count] = f.heard.counter;
        memcpy(f.asked_for[f.asked_count++], f.heard.command, 13);
    }
}

static void pass(uint64_t ms) {
    run(ms);
    if (f.guest.fd >= 0)
        listen_to_node();
}

/* ---- what the peer does ---- */

static void answer(const char *command, const void *payload, size_t n) {
    if (!f.asked_count)
        return;
    guest_say(&f.guest, f.asked[0], command, payload, n);
    memmove(f.asked, f.asked + 1, sizeof f.asked - sizeof *f.asked);
    memmove(f.asked_for, f.asked_for + 1, sizeof f.asked_for - sizeof *f.asked_for);
    f.asked_count--;
}

static void answer_well(void) {
    if (!f.asked_count)
        return;
    const char *what = f.asked_for[0];
    const char *text = strcmp(what, "syn_i_w_m_p") == 0                                 ? "True"
                       : strcmp(what, "syn_i_w_m") == 0 || strcmp(what, "syn_m_c") == 0 ? "task-of-the-peer"
                                                                                        : "fine";
    answer("ok", text, strlen(text));
}

static const char *const words[] = {
    "echo",        "echo-c",      "echo-m",      "new_file",   "file_upd",    "file_end",    "new_str",
    "str_upd",     "err_str",     "cancel_task", "hello",      "syn_i_w_m_p", "syn_i_w_m",   "syn_i_w_m_e",
    "syn_i_w_m_r", "syn_m_c_ok",  "syn_m_c",     "syn_m_c_e",  "syn_m_c_r",   "syn_a_w_m_p", "syn_w_g_c",
    "get_nodes",   "get_health",  "get_config",  "get_status", "ok",          "err",         "nonsense",
    "syn_a_w_m",   "syn_m_a_e",   "syn_m_a_err", "syn_g_m_w",  "syn_g_m_w_c", "syn_w_g_e",   "syn_w_g_err",
    "syn_wgc_e",   "syn_wgc_err", "get_agents",  "add_agent",  "del_agent",   "set_groups"};
#define WORDS (sizeof words / sizeof *words)

#define PATH "/queue/cluster/x/p.zip"

static void with_path(const char *command, const void *payload, size_t n) {
    uint8_t all[70000];
    size_t p = sizeof PATH - 1;
    n = min_size(n, sizeof all - p - 1);
    memcpy(all, PATH " ", p + 1);
    if (n)
        memcpy(all + p + 1, payload, n);
    guest_ask(&f.guest, command, all, p + 1 + n);
}

static void file_end(const void *payload, size_t n) {
    struct sha256 hash;
    uint8_t digest[SHA256_BYTES];
    sha256_init(&hash);
    sha256_push(&hash, payload, n);
    sha256_out(&hash, digest);
    with_path("file_end", digest, sizeof digest);
}

static void add_hash(char *out, const void *content, size_t n) {
    struct blake2b b;
    uint8_t hash[BLAKE2B_BYTES];
    blake2b_init(&b, sizeof hash);
    blake2b_push(&b, content, n);
    blake2b_finish(&b, hash);
    hex_encode(out, hash, sizeof hash);
}

/* A package of a few files with their metadata: right, but for what the input says. */
static void package(void) {
    static const char *const paths[] = {
        "etc/rules/a.xml", "etc/rules/new/b.xml", "etc/shared/default/agent.conf", "../outside",
        "etc/precious",    "etc/rules/.picket/0", "var/multigroups/1/merged.mg"};
    static const char *const sections[] = {"missing", "shared", "extra"};
    char meta[4096] = "{", hex[2 * BLAKE2B_BYTES + 1];
    uint8_t *out = NULL;
    size_t n = 0, at = 1;
    for (unsigned s = 0; s < 3; s++) {
        at += (size_t)snprintf(meta + at, sizeof meta - at, "%s\"%s\": {", s ? ", " : "", sections[s]);
        for (unsigned k = byte() % 4, i = 0; i < k; i++) {
            const char *path = paths[byte() % 7];
            size_t len = byte() % 32;
            const uint8_t *content = bytes(&len);
            uint8_t lie = byte();
            if (s < 2 && lie % 8 != 1)
                guest_member(&out, &n, path, content, len);
            add_hash(hex, content, len - (lie % 8 == 2 && len));
            at += (size_t)snprintf(
                meta + at, sizeof meta - at,
                "%s\"%s\": {\"mod_time\": 1.5, \"cluster_item_key\": \"%s\", \"merged\": %s, "
                "\"hash\": \"%s\"}",
                i ? ", " : "", path, strstr(path, "rules") ? "etc/rules/" : "etc/shared/",
                lie % 8 == 3 ? "true" : "false", hex);
        }
        at += (size_t)snprintf(meta + at, sizeof meta - at, "}");
    }
    at += (size_t)snprintf(meta + at, sizeof meta - at, "}");
    guest_member(&out, &n, "files_metadata.json", meta, min_size(at, sizeof meta - 1));
    uint8_t spoil = byte();
    if (spoil & 1)
        out[(size_t)spoil * 7 % n] ^= 0x20;
    if (spoil & 2)
        n -= min_size(n, spoil);
    guest_ask(&f.guest, "new_file", PATH, sizeof PATH - 1);
    size_t half = spoil & 4 ? n / 2 : n;
    with_path("file_upd", out, half);
    if (spoil & 4)
        with_path("file_upd", out + half, n - half);
    if (!(spoil & 8))
        file_end(out, n);
    free(out);
}

static void task_word(const char *command, const char *rest) {
    char text[400];
    snprintf(text, sizeof text, "%s %s", f.task, rest);
    guest_ask(&f.guest, command, text, strlen(text));
}

static void raw_frame(bool divided) {
    uint8_t frame[800];
    size_t n = byte();
    const uint8_t *payload = bytes(&n);
    guest_send(&f.guest, frame,
               guest_frame(frame, &f.guest.key, 7, words[byte() % WORDS], divided, payload, n));
}

static void local_word(void) {
    char payload[256];
    size_t n = byte();
    const uint8_t *from = bytes(&n);
    if (n)
        memcpy(payload, from, n);
    guest_connect_local(&f.local, f.local_path);
    run(5);
    guest_ask(&f.local, words[byte() % WORDS], payload, n);
    run(20);
    while (guest_hear(&f.local, &f.heard)) {
    }
}

/* ---- agents ---- */

/* A string, in two pieces, spoiled where the input says. */
static void send_string(struct text *t, bool whole) {
    char part[70000];
    uint8_t spoil = byte();
    if (spoil == 1 && t->len)
        t->buf[byte() * 13u % t->len] ^= 4;
    f.string[0] = '\0';
    int n = snprintf(part, sizeof part, "%zu", t->len);
    guest_ask(&f.guest, "new_str", part, (size_t)n);
    pass(3);
    for (size_t at = 0, take, end = t->len - (!whole && t->len > 0); at < end; at += take) {
        take = min_size(end - at, spoil == 2 && at < 50000 ? 200 + at : 60000);
        n = snprintf(part, sizeof part, "%s ", f.string);
        memcpy(part + n, t->buf + at, take);
        guest_ask(&f.guest, "str_upd", part, (size_t)n + take);
    }
    pass(3);
}

static void say_of_agents(bool of_worker, uint8_t op) {
    static char buf[600000];
    struct text t;
    struct agent_words w = {byte, f.version[2] == '1'};
    text_init(&t, buf, sizeof buf);
    if (op & 1)
        agent_words_info(&w, &t);
    else
        agent_words_groups(&w, &t);
    send_string(&t, byte() != 7);
    guest_ask_text(&f.guest, !of_worker ? "syn_a_w_m" : op & 2 ? "syn_g_m_w" : "syn_g_m_w_c", f.string);
    pass(3);
}

/* On queue/db/wdb; what it answers is not looked at. */
static void command_to_wdb(void) {
    static char buf[600000];
    char path[128];
    struct text t;
    struct agent_words w = {byte, true};
    text_init(&t, buf + 4, sizeof buf - 4);
    agent_words_command(&w, &t);
    uint32_t n = (uint32_t)t.len;
    memcpy(buf, &n, sizeof n);
    snprintf(path, sizeof path, "%s/" WDB_TEXT_SOCKET, f.root);
    guest_connect_local(&f.local, path);
    run(5);
    guest_send(&f.local, buf, n + sizeof n);
    run(20);
    guest_close(&f.local);
    f.edited = true;
}

static void local_about_agents(void) {
    static const char *const about[] = {"get_agents", "get_agents", "add_agent", "del_agent", "set_groups"};
    static char buf[70000];
    struct text t;
    struct agent_words w = {byte, true};
    text_init(&t, buf, sizeof buf);
    agent_words_local(&w, &t);
    guest_connect_local(&f.local, f.local_path);
    run(5);
    guest_ask(&f.local, about[byte() % 5], t.buf, t.len);
    run(20);
    while (guest_hear(&f.local, &f.heard)) {
    }
    f.edited = true;
}

static void verdict(bool of_worker, uint8_t op) {
    static const char *const by_worker[] = {"syn_w_g_e", "syn_wgc_e", "syn_w_g_err", "syn_wgc_err"};
    char buf[20000];
    struct text t;
    struct agent_words w = {byte, true};
    text_init(&t, buf, sizeof buf);
    agent_words_result(&w, &t);
    guest_ask(&f.guest, !of_worker ? by_worker[op % 4] : op & 2 ? "syn_m_a_err" : "syn_m_a_e", t.buf, t.len);
}

static void act_of_agents(bool of_worker, uint8_t op) {
    switch (op & 7) {
    case 0:
    case 1:
        say_of_agents(of_worker, op);
        break;
    case 2:
        verdict(of_worker, (uint8_t)(op >> 3));
        break;
    case 3:
        command_to_wdb();
        break;
    case 4:
        local_about_agents();
        break;
    case 5: /* twice, or one that is not complete */
        guest_ask_text(&f.guest, of_worker ? "syn_g_m_w" : "syn_a_w_m", f.string);
        break;
    case 6:
        guest_ask_text(&f.guest, of_worker ? "syn_g_m_w_c" : op & 8 ? "syn_w_g_c" : "syn_a_w_m_p", "");
        break;
    default: /* what a master says to "may I?", and the id of a string */
        answer("ok", op & 8 ? "True" : "7", op & 8 ? 4 : 1);
        break;
    }
}

/* ---- the API ---- */

/* In the name of the last request; or of another. */
static void with_id(const char *command, struct text *t, bool lie) {
    static char all[70000];
    int n =
        snprintf(all, sizeof all, "%s %.*s", lie ? "1234" : f.asked_by, (int)min_size(t->len, 60000), t->buf);
    guest_ask(&f.guest, command, all, (size_t)n);
}

static void peer_about_api(bool of_worker, uint8_t op) {
    static char buf[70000];
    struct text t;
    text_init(&t, buf, sizeof buf);
    switch (op & 3) {
    case 0:
        text_format(&t, "%u ", byte() % 4);
        api_words_request(byte, &t);
        guest_ask(&f.guest, "dapi", t.buf, t.len);
        break;
    case 1:
        api_words_answer(byte, &t);
        send_string(&t, byte() != 7);
        text_init(&t, buf, sizeof buf);
        text_str(&t, f.string);
        with_id(op & 4 && of_worker ? "sendsyn_res" : "dapi_res", &t, byte() == 7);
        break;
    case 2:
        api_words_answer(byte, &t);
        with_id(op & 4 && of_worker ? "sendsyn_err" : "dapi_err", &t, byte() == 7);
        break;
    default: /* who says it a master does not look at */
        text_format(&t, "%u ", byte() % 4);
        api_words_sendsync(byte, &t);
        guest_ask(&f.guest, "sendsync", t.buf, t.len);
        f.edited = true;
    }
}

/* It asks, and waits for what comes. */
static void program_about_api(uint8_t op) {
    static const char *const nodes[] = {"fw_all_nodes ", "peer ", "nosuch ", ""};
    static char buf[70000];
    struct text t;
    text_init(&t, buf, sizeof buf);
    if (f.asker.fd < 0 || f.asker.closed || byte() % 8 == 0) {
        guest_connect_local(&f.asker, f.local_path);
        run(5);
    }
    switch (op & 7) {
    case 0:
    case 1:
    case 2:
        api_words_request(byte, &t);
        guest_ask(&f.asker, "dapi", t.buf, t.len);
        break;
    case 3:
        text_str(&t, nodes[byte() % 4]);
        api_words_request(byte, &t);
        guest_ask(&f.asker, "dapi_fwd", t.buf, t.len);
        break;
    case 4:
    case 5:
        api_words_sendsync(byte, &t);
        guest_ask(&f.asker, op & 8 ? "sendasync" : "sendsync", t.buf, t.len);
        break;
    case 6:
        text_format(&t, "%s %s", byte() & 1 ? "etc/rules/a.xml" : "etc/precious", nodes[byte() % 4]);
        guest_ask(&f.asker, "send_file", t.buf, t.len);
        break;
    default:
        guest_ask_text(&f.asker, "get_hash", "");
    }
    run(5);
}

/* What came is taken as real programs do, or not. */
static void program_hears(bool well) {
    while (f.asker.fd >= 0 && guest_hear(&f.asker, &f.heard)) {
        if (strcmp(f.heard.command, "ok") == 0 || strcmp(f.heard.command, "err") == 0)
            continue;
        const char *text = strcmp(f.heard.command, "new_str") == 0 ? "77" : "fine";
        guest_say(&f.asker, f.heard.counter, well ? "ok" : "err", text, strlen(text));
        run(5);
    }
}

static void act_of_api(bool of_worker, uint8_t op) {
    if (op < 0xb0)
        peer_about_api(of_worker, op);
    else if (op < 0xba)
        program_about_api(op);
    else if (op < 0xbf)
        program_hears(op < 0xbe);
    else
        guest_close(&f.asker);
}

/* What must hold whatever was said. */
static void agents_check(bool is_worker) {
    struct agent_store *a = &f.node->agent_store;
    char name[AGENT_NAME_BYTES], ip[AGENT_IP_BYTES];
    struct error e;
    int64_t id = 0;
    unsigned count = 0;
    if (!a->embedded_is_open)
        return;
    need(!db_in_transaction(&a->embedded.db));
    if (agents_find(&a->embedded.agents, 0, name, NULL, &e) == E_OK && !f.edited)
        need(strcmp(name, "localhost") == 0);
    while (agents_next(&a->embedded.agents, id, &id, name, ip, &e) == E_OK && id > 0) {
        need(is_worker || f.edited || id <= 3);
        count++;
    }
    need(count == a->embedded.agents.count);
}

/* ---- beginning ---- */

static void become_peer(bool of_worker) {
    f.asked_count = 0;
    if (!of_worker) {
        guest_connect(&f.guest, "10.0.0.1", 1516);
        run(5);
        char hello[64];
        snprintf(hello, sizeof hello, "peer wazuh worker %s", f.version);
        guest_ask_text(&f.guest, "hello", hello);
        pass(5);
        return;
    }
    for (unsigned i = 0; i < 30 && !guest_accept(&f.guest); i++)
        run(500);
    if (f.guest.fd < 0)
        return;
    pass(5);
    answer("ok", "Client added", 12);
    pass(5);
}

static void act(bool of_worker) {
    uint8_t op = byte();
    size_t n;
    const uint8_t *payload;
    if (op >= 0xc0) {
        act_of_agents(of_worker, op);
        pass(3);
        return;
    }
    if (op >= 0xa0) {
        act_of_api(of_worker, op);
        pass(3);
        return;
    }
    switch (op % 16) {
    case 0:
        n = byte();
        payload = bytes(&n);
        guest_ask(&f.guest, words[byte() % WORDS], payload, n);
        break;
    case 1:
        n = byte();
        payload = bytes(&n);
        answer(op & 16 ? "err" : "ok", payload, n);
        break;
    case 2:
        answer_well();
        break;
    case 3:
        pass(100u * byte());
        break;
    case 4:
        package();
        break;
    case 5:
        n = byte();
        payload = bytes(&n);
        with_path("file_upd", payload, n);
        break;
    case 6:
        raw_frame(op & 16);
        break;
    case 7:
        guest_ask(&f.guest, of_worker ? "syn_m_c" : op & 16 ? "syn_i_w_m" : "syn_i_w_m_p", "", 0);
        break;
    case 8:
        task_word(of_worker ? "syn_m_c_e" : "syn_i_w_m_e", PATH);
        break;
    case 9:
        task_word(of_worker ? "syn_m_c_r" : "syn_i_w_m_r", "{}");
        break;
    case 10:
        n = byte();
        payload = bytes(&n);
        guest_send(&f.guest, payload, n);
        break;
    case 11:
        guest_close(&f.guest);
        pass(100);
        become_peer(of_worker);
        break;
    case 12:
        local_word();
        break;
    case 13:
        task_word("cancel_task", "{}");
        break;
    case 14:
        sim_net_cut(&f.net, of_worker ? f.host : f.guest.host, (enum sim_cut)(byte() % 3));
        break;
    default:
        for (unsigned i = 0; i < 6; i++) {
            answer_well();
            pass(10);
        }
        break;
    }
    pass(3);
}

static void raw(bool of_worker) {
    if (!of_worker) {
        guest_connect(&f.guest, "10.0.0.1", 1516);
        run(5);
    } else {
        for (unsigned i = 0; i < 30 && !guest_accept(&f.guest); i++)
            run(500);
    }
    for (unsigned steps = 0; f.in.at < f.in.end && steps < STEPS_MAX; steps++) {
        size_t n = byte();
        if (!n)
            run(1000);
        const uint8_t *some = bytes(&n);
        guest_send(&f.guest, some, n);
        pass(2);
    }
}

static void open_node(bool is_worker) {
    struct error e;
    struct cluster_config *c = &f.config;
    memset(c, 0, sizeof *c);
    config_picket_defaults(c);
    items_defaults(&c->items);
    intervals_defaults(&c->intervals);
    c->type = is_worker ? NODE_WORKER : NODE_MASTER;
    strcpy(c->cluster_name, "wazuh");
    strcpy(c->node_name, is_worker ? "w1" : "master");
    strcpy(c->key, KEY);
    strcpy(c->bind_addr, "0.0.0.0");
    strcpy(c->master, "10.0.0.1");
    strcpy(c->nodes_json, "[]");
    c->port = 1516;
    strcpy(c->services, "none");
    strcpy(c->announced_version, f.version);
    struct node_setup setup = {&f.sys, NULL, c, f.root_fd, f.root, f.root, UINT32_MAX, UINT32_MAX, "fuzz"};
    need(node_open(f.node, &setup, &e) == E_OK);
    run(20);
}

static void close_node(void) {
    node_close(f.node);
    for (int i = 0; i < POOL_COUNT; i++)
        need(f.node->pools[i].used == 0);
    need(f.node->loop.io_count == 0 && f.node->loop.timer_count == 0 && !f.node->loop.work);
    need(f.host->real_count == 0 && f.host->sock_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!f.node) {
        once();
        atexit(at_exit);
    }
    f.in = (struct input){data, data + size};
    uint8_t how = byte();
    bool is_worker = how & 1;
    folder_make();
    f.task[0] = f.string[0] = f.asked_by[0] = '\0';
    f.version = how & 8 ? "4.9.2" : "4.14.7";
    f.edited = false;
    sim_net_init(&f.net, 1800000000000000000);
    f.host = sim_host_add(&f.net, is_worker ? "10.0.0.2" : "10.0.0.1", 1, &f.sys);
    guest_init(&f.guest, &f.net, is_worker ? "10.0.0.1" : "10.0.0.2", KEY, 2);
    guest_init(&f.local, &f.net, "127.0.0.1", KEY, 3);
    guest_init(&f.asker, &f.net, "127.0.0.1", KEY, 4);
    if (is_worker)
        guest_listen(&f.guest, 1516);
    open_node(is_worker);
    if (how & 2) {
        raw(is_worker);
    } else {
        become_peer(is_worker);
        for (unsigned steps = 0; f.in.at < f.in.end && steps < STEPS_MAX && f.guest.fd >= 0; steps++)
            act(is_worker);
    }
    guest_close(&f.asker);
    guest_close(&f.local);
    guest_close(&f.guest);
    run(how & 4 ? 10000 : 10);
    agents_check(is_worker);
    close_node();
    folder_check();
    guest_fini(&f.asker);
    guest_fini(&f.local);
    guest_fini(&f.guest);
    sim_net_fini(&f.net);
    return 0;
}
