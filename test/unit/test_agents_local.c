/* test_agents_local.c - agents listed and edited over the local socket: what reaches the store, what comes
 * back, and what is refused how. The rows of a list are as wazuh-db's `global sql` writes them (wdb.c,
 * wdb_exec_row_stmt: NULL columns are left out; wdb_parser.c: a reply is cut at 64 KB); the edits are done by
 * the real embedded store. */
#include "role/agents_local.h"

#include "test/harness/fake_store.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct peer_clock wall;
static struct peer *p;
static struct role_env env;
static struct agents_service service;
static struct fake_store fake;
static struct text lines;
static char line_buf[4096];
static unsigned answered;

static void write_line(struct log *l, enum log_level level, const char *tag, const char *subtag,
                       const char *text) {
    (void)l, (void)level, (void)tag, (void)subtag;
    text_format(&lines, "%s\n", text);
}

static struct log node_log = {.level = LOG_DEBUG2, .write = write_line};

static void on_answered(void *arg) {
    CHECK(arg == p);
    answered++;
}

static void on_request(void *owner, struct session *s, const struct message *m) {
    agents_local_request(&service, &env, s, m, on_answered, owner);
}

static void open_peer(void) {
    static const struct peer_opts opts = {.plain = true};
    peer_clock_init(&wall);
    p = peer_open(&wall, TO_LOCAL, &opts);
    p->events.request = on_request;
    env.log = &node_log;
    env.shared = p->shared;
    text_init(&lines, line_buf, sizeof line_buf);
}

static void open_fake(void) {
    open_peer();
    fake_store_init(&fake);
    service.store = &fake.store;
}

static uint32_t counter = 100;

static void say(const char *command, const char *json) {
    CHECK_INT(peer_say_text(p, ++counter, command, json), E_OK);
}

/* The next answer, as text. */
static const char *hear(const char *field) {
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_INT(seen.counter, counter);
    char *text = test_keep(malloc(seen.length + 1));
    memcpy(text, seen.body, seen.length);
    text[seen.length] = '\0';
    if (strncmp(seen.field, field, strlen(field)) != 0)
        test_fail(__FILE__, __LINE__, "%s instead of %s: %s", seen.field, field, text);
    return text;
}

static void refused_with(int code, const char *words) {
    char part[400];
    const char *text = hear("err ");
    size_t n = strlen(words); /* words that end in a blank are the beginning */
    snprintf(part, sizeof part, "\"code\": %d, \"extra_message\": \"%s%s", code, words,
             n && words[n - 1] == ' ' ? "" : "\"");
    if (!strstr(text, part))
        test_fail(__FILE__, __LINE__, "%s\nhas no %s", text, part);
}

static void refused(const char *command, const char *json, int code, const char *words) {
    say(command, json);
    refused_with(code, words);
}

/* ---- the question ---- */

#define SELECT(where, after, limit)                                                                          \
    "TEXT global sql select count(*) t,null i,null n,null p,null s,null v,null d,null g,null k from agent "  \
    "where " where " union all select * from (select null,id,substr(name,1,128),substr(coalesce(nullif(ip,"  \
    "''),register_ip),1,64),connection_status,substr(version,1,64),substr(node_name,1,128),substr(`group`,"  \
    "1,4096),last_keepalive from agent where " where " and id>" after " order by id limit " limit ")\n"

static void asks(const char *json, const char *want) {
    say("get_agents", json);
    FAKE_STORE_LOG(&fake, want);
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"t\":0}]"));
    CHECK_STR(hear("ok "), "{\"agents\": [], \"more\": false, \"total\": 0}");
}

TEST(questions) {
    open_fake();
    asks("", SELECT("id>0", "0", "101"));
    asks("{\"after\": \"042\", \"limit\": 7, \"status\": null}", SELECT("id>0", "42", "8"));
    asks("{\"status\": \"never_connected\"}",
         SELECT("id>0 and connection_status='never_connected'", "0", "101"));
    asks("{\"name\": \"web-*\"}", SELECT("id>0 and name glob 'web-*'", "0", "101"));
    asks("{\"ip\": \"10.0.*\", \"node\": \"w1\"}",
         SELECT("id>0 and coalesce(nullif(ip,''),register_ip) glob '10.0.*' and node_name glob 'w1'", "0",
                "101"));
    asks("{\"version\": \"4.14.*\"}", SELECT("id>0 and version glob 'Wazuh v4.14.*'", "0", "101"));
    asks("{\"group\": \"g-1\"}",
         SELECT("id>0 and id in (select id_agent from belongs where id_group in (select id "
                "from `group` where name='g-1'))",
                "0", "101"));
    asks("{\"ids\": [\"001\", 22, \"00000333\"]}", SELECT("id>0 and id in (1,22,333)", "0", "101"));
    asks("{\"ids\": []}", SELECT("id>0 and id in ()", "0", "101"));
}

/* The longest of everything fits. */
TEST(the_longest_question) {
    char json[4000], word[128 + 1], group[255 + 1];
    struct text t;
    open_fake();
    memset(word, 'w', 128), word[128] = '\0';
    memset(group, 'g', 255), group[255] = '\0';
    text_init(&t, json, sizeof json);
    text_format(&t,
                "{\"status\": \"never_connected\", \"name\": \"%s\", \"ip\": \"%s\", \"node\": \"%s\", "
                "\"version\": \"%s\", \"group\": \"%s\", \"ids\": [99999999",
                word, word, word, word, group);
    for (int i = 1; i < 100; i++)
        text_str(&t, ",99999999");
    text_str(&t, "]}");
    say("get_agents", json);
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"t\":0}]"));
    hear("ok ");
}

/* None of these becomes part of a statement. */
TEST(hostile_questions) {
    static const char *const bad[] = {
        "{\"name\": \"a' or 1=1 --\"}",
        "{\"name\": \"a''b\"}",
        "{\"name\": \"a\\u0027b\"}",
        "{\"name\": \"[a-z]\"}",
        "{\"name\": \"a?b\"}",
        "{\"name\": \"a\\\\b\"}",
        "{\"name\": \"a;b\"}",
        "{\"name\": \"a%b\"}",
        "{\"name\": \"a\\u0000b\"}",
        "{\"name\": \"\"}",
        "{\"name\": 7}",
        "{\"name\": [\"a\"]}",
        "{\"ip\": \"1.1.1.1' union select key\"}",
        "{\"node\": \"a\\nb\"}",
        "{\"version\": \"4'\"}",
        "{\"group\": \"a'b\"}",
        "{\"group\": \"..\"}",
        "{\"group\": \"a,b\"}",
        "{\"group\": \"*\"}",
        "{\"status\": \"active' or '1\"}",
        "{\"status\": \"lost\"}",
        "{\"status\": true}",
        "{\"ids\": [\"1 or 1\"]}",
        "{\"ids\": [\"0\"]}",
        "{\"ids\": [0]}",
        "{\"ids\": [-1]}",
        "{\"ids\": [1.5]}",
        "{\"ids\": [\"100000000\"]}",
        "{\"ids\": [null]}",
        "{\"ids\": \"1\"}",
        "{\"limit\": 0}",
        "{\"limit\": 201}",
        "{\"limit\": \"5\"}",
        "{\"after\": -1}",
        "{\"after\": \"x\"}",
        "[]",
        "7",
        "{",
        "\"a\"",
    };
    open_fake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        say("get_agents", bad[i]);
        if (fake.count || !strstr(hear("err "), "\"code\": 1000, "))
            test_fail(__FILE__, __LINE__, "%s is asked", bad[i]);
    }
    FAKE_STORE_LOG(&fake, "");
    char json[4000];
    struct text t;
    text_init(&t, json, sizeof json);
    text_str(&t, "{\"ids\": [1");
    for (int i = 1; i < 101; i++)
        text_str(&t, ",1");
    text_str(&t, "]}");
    refused("get_agents", json, 1000, "get_agents: ids is a list of at most 100");
    refused("get_agents", "{\"status\": \"up\"}", 1000,
            "get_agents: status is active, disconnected, pending or never_connected");
}

/* ---- the answer ---- */

static const char *list(const char *json, const char *reply) {
    say("get_agents", json);
    EXPECT_NOTHING(p); /* it comes when the store has answered */
    unsigned before = answered;
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = reply));
    CHECK_INT(answered, before + 1);
    fake_store_log_clear(&fake);
    return hear("ok ");
}

TEST(answers) {
    open_fake();
    CHECK_STR(
        list("", "ok [{\"t\":3},{\"i\":1,\"n\":\"web\",\"p\":\"10.0.0.1\",\"s\":\"active\",\"v\":\"Wazuh "
                 "v4.14.7\",\"d\":\"w1\",\"g\":\"default,web\",\"k\":1795171574},"
                 "{\"i\":12,\"n\":\"x\",\"s\":\"never_connected\"},{\"i\":99999999,\"g\":\"\"}]"),
        "{\"agents\": [{\"id\": \"001\", \"name\": \"web\", \"ip\": \"10.0.0.1\", \"status\": \"active\", "
        "\"version\": \"Wazuh v4.14.7\", \"node\": \"w1\", \"groups\": [\"default\", \"web\"], "
        "\"last_keepalive\": 1795171574}, "
        "{\"id\": \"012\", \"name\": \"x\", \"ip\": \"\", \"status\": \"never_connected\", \"version\": "
        "\"\", "
        "\"node\": \"\", \"groups\": [], \"last_keepalive\": 0}, "
        "{\"id\": \"99999999\", \"name\": \"\", \"ip\": \"\", \"status\": \"\", \"version\": \"\", "
        "\"node\": \"\", \"groups\": [], \"last_keepalive\": 0}], \"more\": false, \"total\": 3}");
}

static unsigned count_of(const char *text, const char *part) {
    unsigned n = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

TEST(pages) {
    open_fake();
    const char *text = list("{\"limit\": 2}", "ok [{\"t\":5},{\"i\":1},{\"i\":2},{\"i\":3}]");
    CHECK_INT(count_of(text, "\"id\""), 2);
    CHECK(strstr(text, "\"more\": true, \"total\": 5}"));
    text = list("{\"limit\": 2, \"after\": 3}", "ok [{\"t\":5},{\"i\":4},{\"i\":5}]");
    CHECK(strstr(text, "\"more\": false, \"total\": 5}"));
}

/* A wazuh-db cuts a reply at 64 KB, wherever that is. */
TEST(a_reply_that_was_cut) {
    static const char whole[] = "ok [{\"t\":2},{\"i\":1,\"n\":\"one\"},{\"i\":2,\"n\":\"two\"}]";
    static char cut[sizeof whole];
    open_fake();
    size_t first = (size_t)(strstr(whole, ",{\"i\":2") - whole), second = strlen(whole) - 1;
    for (size_t n = 3; n < sizeof whole; n++) {
        memcpy(cut, whole, n);
        cut[n] = '\0';
        if (n < first) { /* not even one agent */
            say("get_agents", "");
            fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = cut));
            refused_with(1000, "the agent store's answer: ");
            continue;
        }
        const char *text = list("", cut);
        CHECK_INT(count_of(text, "\"id\""), n < second ? 1 : 2);
        CHECK_INT(strstr(text, "\"more\": true") != NULL, n < strlen(whole));
    }
}

/* More rows than the answer holds: the rest is the next page. */
TEST(a_full_answer) {
    static char reply[STORE_TEXT_BYTES];
    static char groups[4096 + 1];
    struct text t;
    open_fake();
    memset(groups, 'g', sizeof groups - 1);
    for (size_t i = 1; i < 4096; i += 2)
        groups[i] = ','; /* "g,g,...": each costs five bytes in the answer */
    text_init(&t, reply, sizeof reply);
    text_str(&t, "ok [{\"t\":15}");
    for (int i = 1; i <= 15; i++)
        text_format(&t, ",{\"i\":%d,\"g\":\"%s\"}", i, groups);
    text_char(&t, ']');
    CHECK(!t.cut);
    const char *text = list("", reply);
    unsigned n = count_of(text, "\"id\"");
    CHECK(n > 3 && n < 15);
    CHECK(strlen(text) < ANSWER_BYTES);
    CHECK(strstr(text, "\"more\": true, \"total\": 15}"));
    CHECK_INT(count_of(text, "\"g\""), n * 2048); /* none is told in part */
}

/* Larger than a row may be: left out, and counted. */
TEST(a_row_too_large) {
    static char reply[20000];
    struct text t;
    open_fake();
    text_init(&t, reply, sizeof reply);
    text_format(&t, "ok [{\"t\":2},{\"i\":1,\"g\":\"%09000d\"},{\"i\":2}]", 0);
    const char *text = list("", reply);
    CHECK_INT(count_of(text, "\"id\""), 1);
    CHECK(strstr(text, "\"total\": 2}"));
}

TEST(bad_replies) {
    static const char *const bad[] = {
        "ok {", "ok [{\"i\":\"1\"}]", "ok [{}]", "ok [{\"i\":-1}]", "ok [{\"i\":1}", "ok []x",
        "ok ",  "ok [{\"i\":1,}]"};
    open_fake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        say("get_agents", "");
        fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = bad[i]));
        if (i == 4)
            hear("ok "); /* cut after a row */
        else
            refused_with(1000, "the agent store's answer: ");
    }
    say("get_agents", "");
    fake_store_answer(&fake, STORE_TEXT,
                      FAKE(.reply = "err Cannot execute Global database query; no such table"));
    refused_with(1000, "the agent store answers: err Cannot execute Global database query; no such table");
    say("get_agents", "");
    fake_store_answer(&fake, STORE_TEXT, FAKE(.err = E_CLOSED, .why = "wazuh-db does not answer"));
    refused_with(1000, "wazuh-db does not answer");
}

/* ---- askers ---- */

TEST(who_goes_away_is_not_answered) {
    open_fake();
    say("get_agents", "");
    say("get_agents", "");
    CHECK_INT(fake.count, 2);
    agents_local_forget(&service, &p->s);
    CHECK_INT(fake.cancelled, 2);
    CHECK_INT(answered, 0);
    say("get_agents", ""); /* the places are free again */
    fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"t\":0}]"));
    hear("ok ");
    agents_local_forget(&service, &p->s);
    agents_local_forget(NULL, &p->s);
    CHECK_INT(fake.cancelled, 2);
    peer_close(p);
}

TEST(too_many_lists) {
    struct peer *first, *others[AGENT_QUERIES];
    static const struct peer_opts opts = {.plain = true};
    open_fake();
    first = p;
    for (unsigned i = 0; i < AGENT_QUERIES; i++) {
        others[i] = peer_open(&wall, TO_LOCAL, &opts);
        others[i]->events.request = on_request;
        CHECK_INT(peer_say_text(others[i], 1, "get_agents", ""), E_OK);
    }
    refused("get_agents", "", 3000, "too many lists at once: ask again");
    for (unsigned i = 0; i < AGENT_QUERIES; i++) {
        p = others[i];
        counter = 1;
        fake_store_answer(&fake, STORE_TEXT, FAKE(.reply = "ok [{\"t\":0}]"));
        hear("ok ");
    }
    p = first;
}

static void on_request_without(void *owner, struct session *s, const struct message *m) {
    agents_local_request(NULL, &env, s, m, on_answered, owner);
}

TEST(a_node_without_agents) {
    open_fake();
    p->events.request = on_request_without;
    refused("get_agents", "", 3000, "this node keeps no agents");
    refused("add_agent", "{}", 3000, "this node keeps no agents");
}

TEST(edits_that_are_not_served) {
    open_fake();
    static const char *const edits[] = {"add_agent", "del_agent", "set_groups"};
    for (int i = 0; i < 3; i++) {
        refused(edits[i], "{\"id\": 1}", 3000, "agents are edited on the master: run this there");
    }
    service.is_master = true; /* and a wazuh-db keeps the agents */
    for (int i = 0; i < 3; i++) {
        refused(edits[i], "{\"id\": 1}", 3000,
                "this node's agents are kept by wazuh-db: use manage_agents, agent_groups or the Wazuh API");
    }
}

/* ---- the embedded store ---- */

static _Alignas(16) unsigned char arena[2u << 20];
static struct faults faults;
static struct embedded embedded;
static struct client_keys keys;
static struct store_texts texts;
static int root;

static void wake(void *arg) {
    (void)arg;
}

static void close_store(void *arg) {
    (void)arg;
    client_keys_fini(&keys);
    embedded_close(&embedded);
    db_library_close();
    close(root);
}

static void open_store(void) {
    struct error e;
    struct embedded_setup setup = {.sys = &faults.sys,
                                   .log = &node_log,
                                   .uid = UINT32_MAX,
                                   .gid = UINT32_MAX,
                                   .info_http = true,
                                   .groups_named = true,
                                   .texts = &texts,
                                   .wake = wake};
    open_peer();
    faults_init(&faults);
    test_write_file("etc/client.keys", "", 0);
    root = setup.root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK_INT(db_library_open(arena, sizeof arena, &e), E_OK);
    if (embedded_open(&embedded, &setup, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "embedded_open: %s", e.what);
    client_keys_init(&keys, &embedded.agents, &faults.sys, &node_log, root, true);
    test_at_end(close_store, NULL);
    service = (struct agents_service){
        .store = &embedded.store, .embedded = &embedded, .keys = &keys, .is_master = true};
    text_init(&lines, line_buf, sizeof line_buf);
}

static void does(const char *command, const char *json, const char *want) {
    say(command, json);
    CHECK_STR(hear("ok "), want);
}

static const char *listed(const char *json) {
    say("get_agents", json);
    while (embedded_step(&embedded) == STEP_AGAIN)
        ;
    return hear("ok ");
}

#define AGENT(id, name, ip, groups)                                                                          \
    "{\"id\": \"" id "\", \"name\": \"" name "\", \"ip\": \"" ip "\", \"status\": \"never_connected\", "     \
    "\"version\": \"\", \"node\": \"unknown\", \"groups\": [" groups "], \"last_keepalive\": 0}"
#define LIST(agents, total) "{\"agents\": [" agents "], \"more\": false, \"total\": " total "}"

TEST(agents_come_and_go) {
    open_store();
    does("add_agent", "{\"name\": \"web\"}", "{\"id\": \"001\", \"name\": \"web\", \"ip\": \"any\"}");
    does("add_agent", "{\"name\": \"db\", \"ip\": \"10.0.0.2\", \"id\": \"010\", \"key\": false}",
         "{\"id\": \"010\", \"name\": \"db\", \"ip\": \"10.0.0.2\"}");
    CHECK_STR(line_buf, "Agent 001 (web) was added\nAgent 010 (db) was added\n");
    CHECK_STR(listed(""), LIST(AGENT("001", "web", "any", "\"default\"") ", " AGENT("010", "db", "10.0.0.2",
                                                                                    "\"default\""),
                               "2"));
    CHECK_STR(listed("{\"name\": \"w*\"}"), LIST(AGENT("001", "web", "any", "\"default\""), "1"));
    CHECK_STR(listed("{\"ip\": \"10.*\"}"), LIST(AGENT("010", "db", "10.0.0.2", "\"default\""), "1"));
    CHECK_STR(listed("{\"group\": \"default\", \"ids\": [10]}"),
              LIST(AGENT("010", "db", "10.0.0.2", "\"default\""), "1"));
    CHECK_STR(listed("{\"status\": \"active\"}"), LIST("", "0"));
    CHECK_STR(listed("{\"ids\": []}"), LIST("", "0"));
    CHECK_STR(listed("{\"limit\": 1}"),
              "{\"agents\": [" AGENT("001", "web", "any", "\"default\"") "], \"more\": true, \"total\": 2}");
    CHECK_STR(listed("{\"after\": \"001\"}"), LIST(AGENT("010", "db", "10.0.0.2", "\"default\""), "2"));
    does("del_agent", "{\"id\": 1}", "{\"id\": \"001\", \"name\": \"web\"}");
    CHECK_STR(listed(""), LIST(AGENT("010", "db", "10.0.0.2", "\"default\""), "1"));
    char *file = test_read_file("etc/client.keys", NULL);
    CHECK(!strncmp(file, "010 db 10.0.0.2 ", 16) && strlen(file) == 16 + 64 + 1);
}

/* A key is told to who asks for it, and not kept. */
TEST(the_key_on_request) {
    open_store();
    say("add_agent", "{\"name\": \"web\", \"key\": true}");
    const char *text = hear("ok ");
    char *file = test_read_file("etc/client.keys", NULL);
    static const char begins[] = "{\"id\": \"001\", \"name\": \"web\", \"ip\": \"any\", \"key\": \"";
    CHECK(!strncmp(text, begins, sizeof begins - 1));
    CHECK(!strncmp(text + sizeof begins - 1, file + strlen("001 web any "), 64));
    for (size_t i = 0; i < 200; i++)
        CHECK_INT(env.answer[i], 0);
}

TEST(groups) {
    struct error e;
    open_store();
    CHECK_INT(groups_insert(&embedded.agents, "web", &e), E_OK);
    CHECK_INT(groups_insert(&embedded.agents, "eu", &e), E_OK);
    does("add_agent", "{\"name\": \"one\"}", "{\"id\": \"001\", \"name\": \"one\", \"ip\": \"any\"}");
    static const struct {
        const char *json, *groups;
    } steps[] = {{"{\"id\": 1, \"groups\": [\"web\", \"eu\", \"web\"]}", "\"web\", \"eu\""},
                 {"{\"id\": \"001\", \"groups\": [\"default\"], \"mode\": \"append\"}",
                  "\"web\", \"eu\", \"default\""},
                 {"{\"id\": 1, \"groups\": [\"web\", \"default\"], \"mode\": \"remove\"}", "\"eu\""},
                 {"{\"id\": 1, \"groups\": [\"eu\"], \"mode\": \"remove\"}", "\"default\""}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char want[400];
        does("set_groups", steps[i].json, "{\"id\": \"001\", \"name\": \"one\"}");
        snprintf(want, sizeof want, LIST("%s%s%s", "1"),
                 "{\"id\": \"001\", \"name\": \"one\", \"ip\": \"any\", \"status\": \"never_connected\", "
                 "\"version\": \"\", \"node\": \"unknown\", \"groups\": [",
                 steps[i].groups, "], \"last_keepalive\": 0}");
        CHECK_STR(listed(""), want);
    }
    CHECK(embedded.agents.groups_pending); /* the workers are to be told */
}

TEST(refusals) {
    char json[5000];
    struct text t;
    open_store();
    does("add_agent", "{\"name\": \"web\", \"ip\": \"10.0.0.1\"}",
         "{\"id\": \"001\", \"name\": \"web\", \"ip\": \"10.0.0.1\"}");
    refused("add_agent", "{}", 1725,
            "the name of an agent is 2 to 128 of A-Z a-z 0-9 - _ . and begins with no dot");
    refused("add_agent", "{\"name\": \"a b\"}", 1725,
            "the name of an agent is 2 to 128 of A-Z a-z 0-9 - _ . and begins with no dot");
    refused("add_agent", "{\"name\": 7}", 1725,
            "the name of an agent is 2 to 128 of A-Z a-z 0-9 - _ . and begins with no dot");
    refused("add_agent", "{\"name\": \"ok\", \"ip\": \"x\"}", 1725,
            "the address of an agent is any, an IPv4 or IPv6 address, or one with /bits");
    refused("add_agent", "{\"name\": \"ok\", \"id\": 0}", 1000,
            "the id of an agent is needed, 1 to 99999999");
    refused("add_agent", "{\"name\": \"web\"}", 1725,
            "the name web is taken, by agent 001: take another, or remove that one");
    refused("del_agent", "{}", 1000, "the id of an agent is needed, 1 to 99999999");
    refused("del_agent", "{\"id\": 2}", 1701, "there is no agent 002");
    refused("set_groups", "{\"id\": 2, \"groups\": [\"default\"]}", 1701, "there is no agent 002");
    refused("set_groups", "{\"id\": 1, \"groups\": [\"nosuch\"]}", 1710,
            "there is no group nosuch: make the folder etc/shared/nosuch");
    refused("set_groups", "{\"id\": 1, \"groups\": [\"../x\"]}", 1751,
            "'../x' is no name for a group: 1 to 255 of A-Z a-z 0-9 _ - .");
    refused("set_groups", "{\"id\": 1, \"groups\": []}", 1000, "groups is a list of 1 to 128 names");
    refused("set_groups", "{\"id\": 1}", 1000, "groups is a list of 1 to 128 names");
    refused("set_groups", "{\"id\": 1, \"groups\": \"default\"}", 1000, "groups is a list of 1 to 128 names");
    refused("set_groups", "{\"id\": 1, \"groups\": [1]}", 1000,
            "groups is a list of names of 1 to 255 characters, 16 KB at the most");
    refused("set_groups", "{\"id\": 1, \"groups\": [\"default\"], \"mode\": \"empty_only\"}", 1000,
            "mode is override, append or remove");
    text_init(&t, json, sizeof json);
    text_str(&t, "{\"id\": 1, \"groups\": [\"default\"");
    for (int i = 1; i < 129; i++)
        text_str(&t, ",\"default\"");
    text_str(&t, "]}");
    refused("set_groups", json, 1000, "groups is a list of 1 to 128 names");
    CHECK_STR(listed(""), LIST(AGENT("001", "web", "10.0.0.1", "\"default\""), "1"));
}
