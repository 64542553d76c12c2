/* test_agents_cmd.c - `picket agents`: what it asks the node, what it prints of the answers, how it ends. The
 * node is a script on a real socket; the shapes are those of role/agents_local.h. */
#include "app/agents_cmd.h"
#include "app/help.h"
#include "app/scratch.h"
#include "base/bytes.h"
#include "base/text.h"
#include "test/harness/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OK "ok ---------"
#define ERR "err --------"

/* One question and its answer; a question that is another one is told in an err. */
struct turn {
    const char *command, *question, *field, *answer;
};

static bool read_all(int fd, void *buf, size_t n) {
    for (size_t have = 0; have < n;) {
        ssize_t r = read(fd, (char *)buf + have, n - have);
        if (r <= 0)
            return false;
        have += (size_t)r;
    }
    return true;
}

static void serve(int fd, const struct turn *turns, size_t count) {
    static char body[8192], reply[200000];
    uint8_t head[20];
    for (size_t i = 0; i < count && read_all(fd, head, 20); i++) {
        uint32_t n = be32_load(head + 4);
        if (n >= sizeof body || !read_all(fd, body, n))
            _exit(1);
        body[n] = '\0';
        if (!memcmp(head + 8, "echo ", 5) && turns[0].command) { /* first: is anybody there? */
            memcpy(head + 8, OK, 12);
            if (write(fd, head, 20) != 20 || write(fd, body, n) != (ssize_t)n)
                _exit(1);
            i--;
            continue;
        }
        if (!turns[i].field)
            pause();
        bool right = !strcmp(body, turns[i].question) && (char)head[8 + strlen(turns[i].command)] == ' ' &&
                     !memcmp(head + 8, turns[i].command, strlen(turns[i].command));
        if (right)
            snprintf(reply, sizeof reply, "%s", turns[i].answer);
        else
            snprintf(reply, sizeof reply, "asked %.10s %s, want %s", head + 8, body, turns[i].question);
        be32_store(head + 4, (uint32_t)strlen(reply));
        memcpy(head + 8, right ? turns[i].field : "err --------", 12);
        if (write(fd, head, 20) != 20 || write(fd, reply, strlen(reply)) != (ssize_t)strlen(reply))
            _exit(1);
    }
    _exit(0);
}

static void start(const struct turn *turns, size_t count) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    test_write_file("queue/cluster/x", "", 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s/queue/cluster/c-internal.sock", test_dir());
    unlink(to.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(!bind(fd, (struct sockaddr *)&to, sizeof to) && !listen(fd, 1));
    if (fork() == 0)
        serve(accept(fd, NULL, NULL), turns, count);
    close(fd);
}

static char *out, *err;

static int redirect(int fd, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    int old = dup(fd), to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(old >= 0 && to >= 0 && dup2(to, fd) == fd);
    close(to);
    return old;
}

static void restore(int fd, int old) {
    dup2(old, fd);
    close(old);
}

/* Runs a command line; what it printed is in out and err. */
static int run(const char *line) {
    static char copy[6000], root[512];
    static char *argv[40];
    struct sys sys;
    struct options o;
    struct error e;
    int argc = 0;
    snprintf(copy, sizeof copy, "picket agents %s", line);
    snprintf(root, sizeof root, "--root=%s", test_dir());
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc++] = root;
    if (options_parse(&o, argc, argv, &e))
        test_fail(__FILE__, __LINE__, "%s: %s", line, e.what);
    sys_linux_init(&sys);
    fflush(NULL);
    int old_out = redirect(1, "out"), old_err = redirect(2, "err");
    int code = agents_command(&sys, &o);
    restore(1, old_out);
    restore(2, old_err);
    out = test_read_file("out", NULL);
    err = test_read_file("err", NULL);
    for (const char *s = out; *s; s++)
        CHECK((*s >= 0x20 && *s < 0x7f) || *s == '\n');
    return code;
}

#define AGENT(id, name, ip, status, version, node)                                                           \
    "{\"id\": \"" id "\", \"name\": \"" name "\", \"ip\": \"" ip "\", \"status\": \"" status                 \
    "\", \"version\": \"" version "\", \"node\": \"" node "\", \"groups\": [], \"last_keepalive\": 0}"
#define LIST(agents, more, total) "{\"agents\": [" agents "], \"more\": " more ", \"total\": " total "}"

TEST(a_list) {
    static const struct turn turns[] = {
        {"get_agents", "{\"limit\": 100}", OK,
         LIST(AGENT("001", "web", "10.0.0.1", "active", "Wazuh v4.14.7",
                    "w1") ", " AGENT("99999999", "a-name-of-more-than-twenty-two", "2001:db8:1234:5678::1",
                                     "never_connected", "", "a-long-node-name-too"),
              "true", "3")},
        {"get_agents", "{\"after\": \"99999999\", \"limit\": 100}", OK,
         LIST(AGENT("100", "\\u001b[2J\\u00e4", "any", "disconnected", "4.4", ""), "false", "3")}};
    start(turns, 2);
    CHECK_INT(run(""), 0);
    CHECK_STR(err, "");
    CHECK_STR(out, "3 agents\n"
                   "ID    NAME                   ADDRESS         STATUS       VERSION  NODE\n"
                   "001   web                    10.0.0.1        active       4.14.7   w1\n"
                   "99999999 a-name-of-more-tha~ 2001:db8:1234:~ never                 a-long-node-~\n"
                   "100   ?[2J??                 any             disconnected 4.4\n");
}

TEST(filters) {
    static const struct turn turns[] = {{"get_agents",
                                         "{\"status\": \"active\", \"name\": \"w*\", \"ip\": \"10.*\", "
                                         "\"group\": \"g\", \"node\": \"n\", \"version\": "
                                         "\"4.14.*\", \"ids\": [\"1\", \"002\"], \"limit\": 100}",
                                         OK, LIST("", "false", "0")}};
    start(turns, 1);
    CHECK_INT(run("list --id 1,,002 --version 4.14.* --node=n --group g --ip 10.* --name w* --status active"),
              0);
    CHECK_STR(out, "no agents\n");
}

TEST(one_agent) {
    static const struct turn turns[] = {{"get_agents", "{\"limit\": 100}", OK,
                                         LIST(AGENT("001", "web", "any", "pending", "", ""), "false", "1")}};
    start(turns, 1);
    CHECK_INT(run(""), 0);
    CHECK(!strncmp(out, "1 agent\n", 8));
}

/* One list, whatever the pages. */
TEST(as_json) {
    static const struct turn turns[] = {
        {"get_agents", "{\"limit\": 100}", OK, LIST("{\"id\": \"001\"}, {\"id\": \"002\"}", "true", "3")},
        {"get_agents", "{\"after\": \"002\", \"limit\": 100}", OK, LIST("{\"id\": \"003\"}", "false", "3")}};
    start(turns, 2);
    CHECK_INT(run("--json"), 0);
    CHECK_STR(out, "[{\"id\": \"001\"},\n{\"id\": \"002\"},\n{\"id\": \"003\"}]\n");
    static const struct turn none[] = {{"get_agents", "{\"limit\": 100}", OK, LIST("", "false", "0")}};
    start(none, 1);
    CHECK_INT(run("-j"), 0);
    CHECK_STR(out, "[]\n");
}

/* More groups than there are tokens for: smaller pages are asked for. */
TEST(agents_of_many_groups) {
    static char many[100000];
    static struct turn turns[] = {
        {"get_agents", "{\"limit\": 100}", OK, many},
        {"get_agents", "{\"limit\": 25}", OK, many},
        {"get_agents", "{\"limit\": 6}", OK, LIST("{\"id\": \"001\"}", "false", "1")}};
    struct text t;
    text_init(&t, many, sizeof many);
    text_str(&t, "{\"agents\": [{\"id\": \"001\", \"groups\": [\"g\"");
    for (int i = 0; i < (int)SCRATCH_TOKENS; i++)
        text_str(&t, ", \"g\"");
    text_str(&t, "]}], \"more\": false, \"total\": 1}");
    start(turns, 3);
    CHECK_INT(run("-j"), 0);
    CHECK_STR(out, "[{\"id\": \"001\"}]\n");
}

TEST(edits) {
    static const struct {
        const char *line;
        struct turn turn;
        const char *out;
    } cases[] = {
        {"add web",
         {"add_agent", "{\"name\": \"web\", \"key\": false}", OK,
          "{\"id\": \"004\", \"name\": \"web\", \"ip\": \"any\"}"},
         "agent 004 web was added\n"},
        {"add web --ip 10.0.0.1 --id 7 --key",
         {"add_agent", "{\"name\": \"web\", \"ip\": \"10.0.0.1\", \"id\": \"7\", \"key\": true}", OK,
          "{\"id\": \"007\", \"name\": \"web\", \"ip\": \"10.0.0.1\", \"key\": \"0123abcd\"}"},
         "agent 007 web was added\n007 web 10.0.0.1 0123abcd\n"},
        {"remove 007 -j",
         {"del_agent", "{\"id\": \"007\"}", OK, "{\"id\": \"007\", \"name\": \"web\"}"},
         "{\"id\": \"007\", \"name\": \"web\"}\n"},
        {"remove 007",
         {"del_agent", "{\"id\": \"007\"}", OK, "{\"id\": \"007\", \"name\": \"web\"}"},
         "agent 007 web was removed\n"},
        {"group 7 web,db",
         {"set_groups", "{\"id\": \"7\", \"groups\": [\"web\", \"db\"], \"mode\": \"override\"}", OK,
          "{\"id\": \"007\", \"name\": \"web\"}"},
         "agent 007 web has its groups\n"},
        {"group 7 --remove web",
         {"set_groups", "{\"id\": \"7\", \"groups\": [\"web\"], \"mode\": \"remove\"}", OK,
          "{\"id\": \"007\"}"},
         "agent 007  has its groups\n"},
        {"group 7 web --add",
         {"set_groups", "{\"id\": \"7\", \"groups\": [\"web\"], \"mode\": \"append\"}", OK,
          "{\"id\": \"007\", \"name\": \"x\"}"},
         "agent 007 x has its groups\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&cases[i].turn, 1);
        if (run(cases[i].line) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].line, err);
        CHECK_STR(out, cases[i].out);
        CHECK_STR(err, "");
    }
}

TEST(refusals) {
    static const struct turn wazuh_error[] = {
        {"del_agent", "{\"id\": \"9\"}", ERR,
         "{\"__wazuh_exception__\": {\"__class__\": \"WazuhResourceNotFound\", \"__object__\": {\"type\": "
         "\"about:blank\", \"title\": \"Resource Not Found\", \"code\": 1701, \"extra_message\": \"there is "
         "no agent "
         "009\", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}, \"ids\": []}}}"}};
    start(wazuh_error, 1);
    CHECK_INT(run("remove 9"), 1);
    CHECK_STR(out, "");
    CHECK_STR(err, "picket: there is no agent 009\n");
    static const struct turn other_daemon[] = {
        {"get_agents", "{\"limit\": 100}", ERR, "unknown command 'b'get_agents''"}};
    start(other_daemon, 1);
    CHECK_INT(run(""), 1);
    CHECK_STR(err, "picket: unknown command 'b'get_agents''\n");
    static const struct turn no_json[] = {{"get_agents", "{\"limit\": 100}", OK, "{"}};
    start(no_json, 1);
    CHECK_INT(run(""), 4);
}

TEST(no_node) {
    char want[600];
    CHECK_INT(run(""), 3);
    snprintf(want, sizeof want, "NOT RUNNING: no node in %s (start it: picket run)\n", test_dir());
    CHECK_STR(err, want);
    CHECK_INT(run("add x"), 3);
}

/* A question longer than may be asked, and one that is not answered. */
TEST(limits) {
    static char line[5000];
    static const struct turn silent[] = {{NULL, "", NULL, ""}}, alive[] = {{"set_groups", "", NULL, ""}};
    struct text t;
    text_init(&t, line, sizeof line);
    text_str(&t, "group 1 a");
    for (int i = 0; i < 1500; i++)
        text_str(&t, ",a");
    start(alive, 1);
    CHECK_INT(run(line), 1);
    CHECK_STR(err, "picket: set_groups: the question is too long\n");
    start(silent, 1);
    CHECK_INT(run(""), 4);
    CHECK(strstr(err, "UNKNOWN: the node does not answer: "));
}

/* The help fits a terminal. */
TEST(help) {
    static char words[HELP_BYTES];
    static const char *const topics[] = {NULL,    "agents",    "run",  "status", "nodes",     "health",
                                         "check", "files",     "hash", "api",    "send-file", "log",
                                         "json",  "wait-sync", "exit", "config"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct text t;
        unsigned lines = 0;
        text_init(&t, words, sizeof words);
        CHECK(help_words(&t, topics[i]));
        for (const char *at = words; *at; lines++) {
            size_t n = strcspn(at, "\n");
            CHECK(n <= 80);
            at += n + 1;
        }
        CHECK(lines <= 23 || (topics[i] && !strcmp(topics[i], "config")));
    }
}
