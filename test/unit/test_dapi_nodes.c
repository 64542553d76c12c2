/* test_dapi_nodes.c - a request that a master gives to several nodes: which ones, with which agents, what is
 * sent to each, and what becomes of their answers (dapi.py of 4.14.7, get_solver_node and forward_request).
 */
#include "test/unit/dapi_rig.h"

#define SELECT "TEXT global sql select "
#define COLUMNS "substr(node_name,1,64) b from agent"
#define AGENTS SELECT "id a," COLUMNS
#define DISTINCT SELECT "distinct " COLUMNS " order by b limit 128\n"

static struct far *w1, *w2;
static struct program *p;

static void begin(void) {
    open_rig(true);
    w1 = node("worker1");
    w2 = node("worker2");
    p = program();
}

static void ask(const char *function, const char *kwargs, const char *more) {
    program_says(p, CMD_DAPI, request_json(function, "distributed_master", kwargs, more));
    FORGET(p);
    run();
}

static void end(void) {
    check_baseline();
    close_rig();
}

static void reply(const char *text) {
    fake_store_answer(&rig->store, STORE_TEXT, FAKE(.reply = text));
    run();
}

/* What a node is sent when nothing but from_cluster and f_kwargs differs. */
static const char *sent(const char *function, const char *kwargs, const char *more) {
    char members[500], *out = test_keep(malloc(4000));
    snprintf(members, sizeof members, "%s, \"from_cluster\": true", more);
    snprintf(out, 4000, "dapi %s\n", request_json(function, "distributed_master", kwargs, members));
    return out;
}

#define FROM ", \"from_cluster\": false"

/* ---- nodes that are named ---- */

TEST(one_node) {
    begin();
    ask("wazuh.t.far", "{\"node_id\": \"worker1\", \"x\":  1}", FROM);
    HAS(w1, "\"f_kwargs\": { \"x\":  1}");
    HAS(w1, "\"from_cluster\": true");
    HEARD(w2, "");
    far_answers(w1, w1->last_id, "as it is");
    run();
    HEARD(p, "dapi_res: as it is\n");
    CHECK_INT(rig->merges, 0);
    end();
}

TEST(ourselves) {
    begin();
    ask("wazuh.t.now", "{\"node_id\": \"master\"}", "");
    HEARD(p, "dapi_res: " PLAIN("master") "\n");
    HEARD(w1, "");
    end();
}

TEST(several_nodes) {
    begin();
    ask("wazuh.t.step", "{\"node_list\": [\"worker2\", \"master\", \"worker1\"]}", FROM);
    HAS(w1, "dapi {");
    HAS(w2, "dapi {");
    STARTED("step\n");
    far_answers(w1, w1->last_id, "one");
    run();
    HEARD(p, "");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker2=two|master=" PLAIN("master") "|worker1=one\n");
    end();
}

TEST(a_node_that_is_not_there) {
    begin();
    ask("wazuh.t.far", "{\"node_id\": \"nobody\"}", "");
    HAS(p, "dapi_res: {\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\"");
    HAS(p, "\"affected_items\": []");
    HAS(p, "\"code\": 1730");
    HAS(p, "\"failed_items_values\": [[\"nobody\"]]");
    end();
}

TEST(a_node_named_twice_is_asked_once) {
    begin();
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker1\"]}", "");
    far_answers(w1, w1->last_id, "one");
    run();
    HEARD(p, "dapi_res: one\n");
    end();
}

/* ---- permissions ---- */

#define ONLY(node)                                                                                           \
    ", \"rbac_permissions\": {\"rbac_mode\": \"white\", \"cluster:read\": {\"node:id:" node "\": "           \
    "\"allow\"}}"

TEST(nodes_that_are_denied) {
    begin();
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", ONLY("worker2"));
    HEARD(w1, "");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker1!4000|worker2=two\n");
    /* left out, when they are not to be told */
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}",
        ONLY("worker2") ", \"broadcasting\": true");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: two\n");
    /* all of them */
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", ONLY("other"));
    HAS(p, "\"__class__\": \"WazuhPermissionError\"");
    HAS(p, "\"extra_message\": \"Resource type: node:id\"");
    HAS(p, "\"ids\": [\"worker1\", \"worker2\"]");
    HAS(p, "\"unknown-node\"");
    FORGET(p);
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\"]}", ONLY("other") ", \"broadcasting\": true");
    HAS(p, "\"affected_items\": []");
    HAS(p, "\"total_failed_items\": 0");
    end();
}

TEST(a_broadcast) {
    begin();
    ask("wazuh.t.step", "{\"node_list\": \"*\"}", ", \"broadcasting\": true");
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|master=" PLAIN("master") "|worker1=one|worker2=two\n");
    ask("wazuh.t.step", "{}", ", \"broadcasting\": true" ONLY("worker1"));
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HAS(p, "|worker1=one|worker2=two\n"); /* without names nobody asks who may see them */
    end();
}

/* ---- agents ---- */

TEST(agents_go_to_their_nodes) {
    begin();
    ask("wazuh.t.now", "{\"agent_list\": [\"001\", \"002\", \"003\", \"004\", \"005\", \"999\", \"x\"]}",
        FROM);
    FAKE_STORE_LOG(&rig->store, AGENTS " where id in (1,2,3,4,5,999)\n");
    reply("ok [{\"a\":1,\"b\":\"worker1\"},{\"a\":2,\"b\":\"worker2\"},{\"a\":3,\"b\":\"worker1\"},"
          "{\"a\":4,\"b\":\"unknown\"},{\"a\":5}]");
    HAS(w1, "\"f_kwargs\": {\"agent_list\": [\"001\", \"003\"]}");
    HAS(w2, "\"f_kwargs\": {\"agent_list\": [\"002\"]}");
    STARTED("now x 004 005 999\n"); /* of no node, and not existing */
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|master=" PLAIN("master") "|worker1=one|worker2=two\n");
    end();
}

TEST(one_agent_goes_to_its_node) {
    begin();
    ask("wazuh.t.far", "{\"agent_id\": \"007\"}", FROM);
    FAKE_STORE_LOG(&rig->store, AGENTS " where id in (7)\n");
    reply("ok [{\"a\":7,\"b\":\"worker2\"}]");
    HAS(w2, "[\"007\"]");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: two\n");
    end();
}

TEST(many_agents_are_asked_for_in_pages) {
    char *kwargs = test_keep(malloc(20000)), *rows = test_keep(malloc(20000)),
         *want = test_keep(malloc(20000));
    size_t n = 0, rows_n, want_n = 0;
    begin();
    n += (size_t)sprintf(kwargs, "{\"agent_list\": [");
    for (int i = 1; i <= 300; i++)
        n += (size_t)sprintf(kwargs + n, "%s\"%03d\"", i > 1 ? ", " : "", i);
    sprintf(kwargs + n, "]}");
    ask("wazuh.t.far", kwargs, FROM);
    for (int page = 0; page < 3; page++) {
        rows_n = (size_t)sprintf(rows, "ok [");
        for (int i = page * 128 + 1; i <= 300 && i <= page * 128 + 128; i++) {
            rows_n += (size_t)sprintf(rows + rows_n, "%s{\"a\":%d,\"b\":\"worker%d\"}", rows_n > 4 ? "," : "",
                                      i, i % 2 + 1);
            if (i % 2 == 0)
                want_n += (size_t)sprintf(want + want_n, "%s\"%03d\"", want_n ? ", " : "", i);
        }
        strcpy(rows + rows_n, "]");
        reply(rows);
    }
    HAS(w1, want);
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker2=two|worker1=one\n");
    end();
}

TEST(all_agents_of_a_node) {
    begin();
    ask("wazuh.t.far", "{\"node_id\": \"worker2\", \"agent_list\": \"*\"}", FROM);
    FAKE_STORE_LOG(&rig->store, AGENTS " where id>=0 and node_name='worker2' order by id limit 128\n");
    reply("ok [{\"a\":3,\"b\":\"worker2\"},{\"a\":15,\"b\":\"worker2\"}]");
    FAKE_STORE_LOG(&rig->store, AGENTS " where id>=16 and node_name='worker2' order by id limit 128\n");
    reply("ok []");
    HAS(w2, "\"f_kwargs\": { \"agent_list\": [\"003\", \"015\"]}");
    HEARD(w1, "");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: two\n");
    end();
}

TEST(all_agents) {
    begin();
    ask("wazuh.t.far", "{\"agent_list\": \"*\"}", FROM);
    reply("ok [{\"a\":3,\"b\":\"worker2\"},{\"a\":15,\"b\":\"worker1\"}]");
    reply("ok []");
    HAS(w1, "\"agent_list\": [\"015\"]");
    HAS(w2, "\"agent_list\": [\"003\"]");
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker2=two|worker1=one\n");
    end();
}

/* Agents of a node that is not connected: WazuhError 3022 with its name. */
TEST(agents_of_a_node_that_is_away) {
    begin();
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", "");
    reply("ok [{\"a\":1,\"b\":\"worker9\"}]");
    HAS(p, "dapi_res: {\"__wazuh_exception__\": {\"__class__\": \"WazuhError\"");
    HAS(p, "\"code\": 3022");
    HAS(p, "\"ids\": [\"worker9\"]");
    FORGET(p);
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", ONLY("other"));
    reply("ok [{\"a\":1,\"b\":\"worker9\"}]");
    HAS(p, "\"code\": 4000");
    FORGET(p);
    ask("wazuh.t.far", "{\"agent_list\": [\"001\", \"002\"]}", "");
    reply("ok [{\"a\":1,\"b\":\"worker9\"},{\"a\":2,\"b\":\"worker1\"}]");
    far_answers(w1, w1->last_id, "one");
    run();
    HEARD(p, "dapi_res: merged|worker9!3022|worker1=one\n");
    end();
}

TEST(nobody_is_named) {
    begin();
    ask("wazuh.t.step", "{}", "");
    FAKE_STORE_LOG(&rig->store, DISTINCT);
    reply("ok [{\"b\":null},{\"b\":\"unknown\"},{\"b\":\"worker2\"}]");
    HEARD(w1, "");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|master=" PLAIN("master") "|worker2=two\n");
    end();
}

TEST(no_agent_at_all) {
    begin();
    ask("wazuh.t.now", "{\"agent_list\": []}", "");
    HEARD(p, "dapi_res: " PLAIN("master") "\n");
    STARTED("now\n");
    end();
}

TEST(a_store_that_fails) {
    begin();
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", "");
    fake_store_answer(&rig->store, STORE_TEXT, FAKE(.err = E_SYS));
    run();
    HAS(p, "\"code\": 2007");
    FORGET(p);
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", "");
    reply("err no such table");
    HAS(p, "\"code\": 2003");
    FORGET(p);
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", "");
    program_gone(p);
    CHECK_INT(rig->store.cancelled, 1);
    end();
}

TEST(a_store_that_never_answers) {
    begin();
    ask("wazuh.t.far", "{\"agent_list\": [\"001\"]}", "");
    pass(200000);
    HAS(p, "\"code\": 3021");
    CHECK_INT(rig->store.cancelled, 1);
    end();
}

/* ---- losses ---- */

TEST(a_node_is_lost_in_the_middle) {
    for (int point = 0; point < 4; point++) {
        begin();
        if (point == 0) {
            ask("wazuh.t.far", "{\"agent_list\": [\"001\", \"002\"]}", "");
            node_gone(w1);
            reply("ok [{\"a\":1,\"b\":\"worker1\"},{\"a\":2,\"b\":\"worker2\"}]");
        } else {
            ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
            if (point == 1)
                node_gone(w1);
        }
        far_answers(w2, w2->last_id, "two");
        run();
        if (point > 1) {
            HEARD(p, "");
            if (point == 2)
                node_gone(w1);
            else
                pass(200000);
            run();
        }
        HEARD(p, point == 0   ? "dapi_res: merged|worker1!3022|worker2=two\n"
                 : point == 3 ? "dapi_res: merged|worker1!3021|worker2=two\n"
                              : "dapi_res: merged|worker1!3032|worker2=two\n");
        end();
    }
}

TEST(both_are_lost) {
    begin();
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    node_gone(w1);
    node_gone(w2);
    run();
    HAS(p, "dapi_err: ");
    HAS(p, "\"code\": 3032");
    end();
}

TEST(a_node_answers_with_an_error) {
    char text[400];
    begin();
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    snprintf(text, sizeof text, "%s it went wrong", w1->last_id);
    far_says_text(w1, "dapi_err", text);
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker1!3000|worker2=two\n");
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\"]}", "");
    snprintf(text, sizeof text, "%s it went wrong", w1->last_id);
    far_says_text(w1, "dapi_err", text);
    run();
    HEARD(p, "dapi_err: it went wrong\n");
    w1->refuse = "dapi";
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "dapi_res: merged|worker1!3000|worker2=two\n");
    end();
}

TEST(our_own_part_takes_too_long) {
    begin();
    ask("wazuh.t.wait", "{\"node_list\": [\"master\", \"worker1\"]}", "");
    far_answers(w1, w1->last_id, "one");
    run();
    CHECK_INT(rig->waiting_count, 1);
    pass(10000);
    CHECK_INT(rig->cancelled, 1);
    HAS(p, "|master={\"__wazuh_exception__\"");
    HAS(p, "\"code\": 3021");
    HAS(p, "|worker1=one");
    end();
}

/* The call is needed until all are sent, and not longer: the next request gets it while nodes answer. */
TEST(who_waits_for_nodes_keeps_no_call) {
    begin();
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    CHECK_INT(rig->calls.used, 0);
    program_gone(p);
    end();
}

/* A node whose session takes nothing: its part fails after a while, the others go on. */
TEST(a_session_that_is_stuck) {
    begin();
    w1->deaf = true;
    for (unsigned i = 0; i < REQUESTS_PER_SESSION; i++)
        CHECK_INT(session_request(w1->s, "echo-m", "", 0, NULL, NULL, NULL), E_OK);
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    far_answers(w2, w2->last_id, "two");
    for (int i = 0; i < 100; i++) {
        HEARD(p, "");
        pass(100);
    }
    HEARD(p, "dapi_res: merged|worker1!3020|worker2=two\n");
    end();
}

TEST(windows_are_for_messages_first) {
    begin();
    rig->no_window_for_merges = true;
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    run();
    HEARD(p, "");
    CHECK_INT(rig->windows.used, 0);
    rig->no_window_for_merges = false;
    pass(100);
    HEARD(p, "dapi_res: merged|worker1=one|worker2=two\n");
    ask("wazuh.t.far", "{\"node_list\": [\"worker1\", \"worker2\"]}", "");
    far_answers(w1, w1->last_id, "one");
    far_answers(w2, w2->last_id, "two");
    rig->no_window_for_merges = true;
    run();
    program_gone(p);
    end();
}

/* As many nodes as there can be: that is all one asker may have, its other request waits for its parts. */
TEST(all_the_workers_there_can_be) {
    struct far *w[WORKERS_MAX];
    char name[16];
    open_rig(true);
    p = program();
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        snprintf(name, sizeof name, "w%u", i);
        w[i] = node(name);
    }
    for (int i = 0; i < 2; i++)
        program_says(p, CMD_DAPI,
                     request_json("wazuh.t.step", "distributed_master", "{}", ", \"broadcasting\": true"));
    FORGET(p);
    run();
    CHECK(rig->spill.open < 8); /* not one for each node */
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        far_answers(w[i], w[i]->last_id, "A");
    run();
    HAS(p, "dapi_res: merged|master=");
    HAS(p, "|w0=A|w1=A|");
    HAS(p, "|w63=A\n");
    FORGET(p);
    pass(100);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        far_answers(w[i], w[i]->last_id, "B");
    run();
    HAS(p, "|w63=B\n");
    end();
}

TEST(too_many_nodes) {
    char *kwargs = test_keep(malloc(4000));
    size_t n = (size_t)sprintf(kwargs, "{\"node_list\": [");
    begin();
    for (uint32_t i = 0; i <= API_PARTS_MAX; i++)
        n += (size_t)sprintf(kwargs + n, "%s\"n%u\"", i ? ", " : "", i);
    strcpy(kwargs + n, "]}");
    ask("wazuh.t.far", kwargs, "");
    HAS(p, "too many nodes for one request");
    end();
}

/* ---- from a worker ---- */

/* A worker's request for several nodes may come back to it. */
TEST(a_worker_asks_for_itself) {
    char text[2000];
    begin();
    snprintf(text, sizeof text, "9 %s",
             request_json("wazuh.t.far", "distributed_master", "{\"node_id\": \"worker1\"}", FROM));
    far_says_text(w1, "dapi", text);
    run();
    HAS(w1, "dapi {");
    far_answers(w1, w1->last_id, "mine");
    run();
    HAS(w1, "dapi_res 9: mine\n");
    end();
}

/* from_cluster: it is for this node, whatever it names. */
TEST(what_was_sent_already_is_not_sent_again) {
    begin();
    ask("wazuh.t.now", "{\"agent_list\": [\"001\", \"002\"]}", ", \"from_cluster\": true");
    HEARD(p, "dapi_res: " PLAIN("master") "\n");
    STARTED("now 001 002\n");
    end();
}

TEST(the_body_that_is_sent) {
    begin();
    ask("wazuh.t.far", "{\"node_id\": \"worker1\"}", FROM);
    const char *want = sent("wazuh.t.far", "{}", "");
    HEARD(w1, want);
    program_gone(p);
    end();
}
