/* test_dapi.c - requests from who asks to who answers and back: every route of a master and of a worker, byte
 * for byte (reference, sections 4.3, 4.4 and 15), and every way to lose somebody on the way. */
#include "test/unit/dapi_rig.h"

#define QUEUED "ok Added request to API requests queue\n"
#define FORWARDED "ok Request forwarded to worker node\n"

/* ---- a master ---- */

TEST(a_program_asks_its_master) {
    open_rig(true);
    struct program *p = program();
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    HEARD(p, QUEUED);
    CHECK_INT(p->promises, 1);
    run();
    HEARD(p, "dapi_res: " PLAIN("master") "\n");
    STARTED("now\n");
    check_baseline();
    close_rig();
}

TEST(an_answer_that_takes_steps_and_one_that_is_long) {
    open_rig(true);
    struct program *p = program(), *q = program();
    program_says(p, CMD_DAPI, request_json("wazuh.t.step", "local_master", "{}", ""));
    program_says(q, CMD_DAPI, request_json("wazuh.t.long", "local_any", "{}", ""));
    FORGET(p), FORGET(q);
    run();
    HEARD(p, "dapi_res: " PLAIN("master") "\n");
    HAS(q, "dapi_res: {\"__wazuh_result__\"");
    check_baseline();
    close_rig();
}

TEST(a_worker_asks_its_master) {
    open_rig(true);
    struct far *w = node("worker1");
    char text[2000];
    snprintf(text, sizeof text, "4711 %s", request_json("wazuh.t.now", "local_master", "{\"a\": 1}", ""));
    far_says_text(w, "dapi", text);
    run();
    HEARD(w, QUEUED "dapi_res 4711: " PLAIN("master") "\n");
    check_baseline();
    close_rig();
}

TEST(a_long_request_and_a_long_answer_of_a_worker) {
    open_rig(true);
    struct far *w = node("worker1");
    char *more = test_keep(malloc(300000)), *text = test_keep(malloc(400000));
    size_t n = (size_t)sprintf(more, ", \"nodes\": [\"master\"");
    for (int i = 0; i < 10000; i++)
        n += (size_t)sprintf(more + n, ", \"node%d\"", i);
    strcpy(more + n, "]");
    n = (size_t)sprintf(text, "1 %s", request_json("wazuh.t.long", "local_master", "{}", more));
    CHECK(n > 100000);
    far_says(w, "dapi", text, n);
    CHECK_INT(rig->windows.used, 0); /* what waits has no window */
    run();
    HAS(w, "dapi_res 1: {\"__wazuh_result__\"");
    CHECK(w->string_n > 15000);
    check_baseline();
    close_rig();
}

TEST(a_request_without_a_good_id) {
    static const char *const bad[] = {"x", "{\"f\": 1}", " {}", "a\tb {}",
                                      "0123456789012345678901234567890123456789012345678901234567890123 {}"};
    open_rig(true);
    struct far *w = node("worker1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (i == 1)
            continue; /* its first word is an id */
        far_says_text(w, "dapi", bad[i]);
        run();
        HAS(w, "err {\"__wazuh_exception__\"");
        FORGET(w);
    }
    far_says_text(w, "dapi", "012345678901234567890123456789012345678901234567890123456789012 {}");
    run();
    HAS(w, QUEUED "dapi_res 012345678901234567890123456789012345678901234567890123456789012: ");
    HAS(w, "'f'");
    check_baseline();
    close_rig();
}

/* Any length of the one that a function reads by itself, not of another. */
TEST(an_argument_that_is_long) {
    char kwargs[API_KEEP_BYTES + 64];
    open_rig(true);
    struct program *p = program();
    for (const char *key = "ba"; *key; key++) {
        snprintf(kwargs, sizeof kwargs, "{\"%c\": \"%0*d\"}", *key, (int)API_KEEP_BYTES, 0);
        program_says(p, CMD_DAPI, request_json("wazuh.t.body", "local_master", kwargs, ""));
        run();
        HAS(p, *key == 'b' ? "dapi_res: " : "body(): the argument 'a' is too long");
        FORGET(p);
    }
    STARTED("body\n");
    check_baseline();
    close_rig();
}

TEST(what_is_no_request) {
    open_rig(true);
    struct program *p = program();
    program_says(p, CMD_DAPI, "{\"f\": ");
    run();
    HAS(p, "\"code\": 3036");
    FORGET(p);
    program_says(p, CMD_DAPI, request_json("os.system", "local_master", "{}", ""));
    run();
    HAS(p, "Decoding callable from module 'os' is not allowed");
    FORGET(p);
    program_says(p, CMD_DAPI, request_json("wazuh.t.unknown", "local_master", "{}", ""));
    run();
    HAS(p, "\"code\": 1000");
    HAS(p, "this node does not serve wazuh.t.unknown");
    FORGET(p);
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{\"b\": 1}", ""));
    run();
    HAS(p, "now() got an unexpected keyword argument 'b'");
    FORGET(p);
    program_says(p, CMD_DAPI,
                 request_json("wazuh.t.step", "local_master", "{\"agent_list\": [\"001\"]}", ""));
    run();
    HAS(p, "step() got an unexpected keyword argument 'agent_list'");
    FORGET(p);
    program_says(p, CMD_DAPI, request_json("wazuh.t.refuse", "local_master", "{}", ""));
    run();
    HAS(p, "\"code\": 1730");
    HAS(p, "\"dapi_errors\": {\"master\": {");
    program_says(p, CMD_DAPI, request_json("wazuh.handler.open", "local_master", "{}", ""));
    run();
    HAS(p, "anybody may write to it");
    STARTED("refuse\n");
    check_baseline();
    close_rig();
}

/* ---- permissions ---- */

#define WHITE(actions) ", \"rbac_permissions\": {\"rbac_mode\": \"white\"" actions "}"

TEST(what_is_denied_as_a_whole) {
    static const struct {
        const char *function, *more, *part;
    } cases[] = {
        {"wazuh.t.node", WHITE(""), "\"code\": 4000"},
        {"wazuh.t.node", WHITE(""), "\"extra_message\": \"Resource type: node:id\""},
        {"wazuh.t.node", WHITE(""), "\"ids\": [\"master\"]"},
        {"wazuh.t.node", WHITE(""), "\"unknown-node\""},
        {"wazuh.t.node", WHITE(", \"x:read\": {\"node:id:*\": \"allow\"}"), "\"code\": 4000"},
        {"wazuh.t.node",
         WHITE(", \"x:read\": {\"node:id:*\": \"allow\"}, \"y:read\": {\"node:id:master\": \"allow\"}"),
         PLAIN("master")},
        {"wazuh.t.node", WHITE("") ", \"broadcasting\": true", "\"affected_items\": []"},
        {"wazuh.t.nothing", WHITE("") ", \"broadcasting\": true", "\"result\": {}"},
        {"wazuh.t.nothing", WHITE(", \"cluster:read\": {\"node:id:master\": \"allow\"}"),
         "\"master\": {\"error\""},
        {"wazuh.t.nothing", WHITE(", \"x:read\": {\"*:*:*\": \"allow\"}"), PLAIN("master")},
        {"wazuh.t.items", WHITE(""), PLAIN("master")}, /* it judges each itself */
    };
    open_rig(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program *p = program();
        program_says(p, CMD_DAPI, request_json(cases[i].function, "local_master", "{}", cases[i].more));
        run();
        HAS(p, cases[i].part);
    }
    check_baseline();
    close_rig();
}

/* ---- daemons ---- */

/* 1017 with the dict that check_wazuh_status makes; the core status is asked exactly then. */
TEST(daemons_that_are_not_ready) {
    open_rig(true);
    struct program *p = program();
    snprintf(rig->config.services, sizeof rig->config.services, "wazuh-db,wazuh-remoted");
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    run();
    HAS(p, "\"__class__\": \"WazuhInternalError\"");
    HAS(p, "\"code\": 1017, \"extra_message\": {\"node_name\": \"master\", \"not_ready_daemons\": "
           "\"wazuh-remoted->stopped, wazuh-db->stopped\"}");
    FORGET(p);
    program_says(p, CMD_DAPI,
                 request_json("wazuh.t.now", "local_master", "{}", ", \"basic_services\": [\"wazuh-db\"]"));
    run();
    HAS(p, "\"wazuh-db->stopped\"");
    FORGET(p);
    program_says(
        p, CMD_DAPI,
        request_json("wazuh.t.now", "local_master", "{}", ", \"basic_services\": [\"wazuh-execd\"]"));
    run();
    HAS(p, "dapi_res: " PLAIN("master"));
    FORGET(p);
    program_says(p, CMD_DAPI, request_json("wazuh.core.manager.status", "local_master", "{}", ""));
    run();
    HAS(p, "dapi_res: " PLAIN("master"));
    check_baseline();
    close_rig();
}

/* ---- a worker ---- */

TEST(a_worker_passes_on_what_it_is_asked_as_it_is) {
    open_rig(false);
    join();
    struct program *p = program();
    const char *json = request_json("wazuh.any.thing", "local_master", "{\"x\":  [1,2]}", "");
    char want[2000];
    rig->number = 800000;
    p = program();
    program_says(p, CMD_DAPI, json);
    HEARD(p, QUEUED);
    run();
    snprintf(want, sizeof want, "dapi %s\n", json);
    HEARD(rig->up, want);
    CHECK_STR(rig->up->last_id, "800001");
    CHECK_INT(rig->calls.high, 0); /* nobody here read it */
    far_answers(rig->up, "800001", "{\"any\": \"thing\"}");
    run();
    HEARD(p, "dapi_res: {\"any\": \"thing\"}\n");
    HEARD(rig->up, "ok Response forwarded to worker\n");
    check_baseline();
    close_rig();
}

TEST(an_error_of_the_master) {
    open_rig(false);
    join();
    struct program *p = program();
    program_says(p, CMD_DAPI, request_json("wazuh.any.thing", "local_master", "{}", ""));
    run();
    FORGET(rig->up), FORGET(p);
    far_says_text(rig->up, "dapi_err", "1 something went wrong there");
    run();
    HEARD(p, "dapi_err: something went wrong there\n");
    HEARD(rig->up, "ok DAPI error forwarded to worker\n");
    check_baseline();
    close_rig();
}

TEST(what_is_for_any_node_is_answered_here) {
    open_rig(false);
    struct program *p = program(); /* without a master, too */
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_any", "{}", ""));
    run();
    HEARD(p, QUEUED "dapi_res: " PLAIN("worker1") "\n");
    /* these words somewhere else in it */
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{\"a\": \"local_any\"}", ""));
    run();
    HAS(p, QUEUED "dapi_err: {\"__wazuh_exception__\"");
    HAS(p, "\"code\": 3023");
    FORGET(p);
    join();
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{\"a\": \"local_any\"}", ""));
    run();
    HAS(rig->up, "dapi {\"f\"");
    program_gone(p);
    check_baseline();
    close_rig();
}

TEST(a_worker_without_master_says_so_at_once) {
    open_rig(false);
    struct program *p = program();
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    HAS(p, "err {\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\"");
    HAS(p, "\"code\": 3023");
    CHECK_INT(p->promises, 0);
    program_says(p, CMD_DAPI_FWD, "worker2 {}");
    HAS(p, "this worker does not serve this command");
    check_baseline();
    close_rig();
}

TEST(the_master_asks_a_worker) {
    char text[2000];
    open_rig(false);
    join();
    snprintf(text, sizeof text, "abc-1 %s",
             request_json("wazuh.t.now", "distributed_master", "{}", ", \"from_cluster\": true"));
    far_says_text(rig->up, "dapi", text);
    run();
    HEARD(rig->up, QUEUED "dapi_res abc-1: " PLAIN("worker1") "\n");
    /* what would come back to it */
    snprintf(text, sizeof text, "abc-2 %s", request_json("wazuh.t.now", "local_master", "{}", ""));
    far_says_text(rig->up, "dapi", text);
    run();
    HAS(rig->up, "a worker does not pass on what its master asks");
    STARTED("now\n");
    check_baseline();
    close_rig();
}

TEST(the_master_is_lost) {
    char text[2000];
    open_rig(false);
    join();
    struct program *p = program();
    program_says(p, CMD_DAPI, request_json("wazuh.any.thing", "local_master", "{}", ""));
    snprintf(text, sizeof text, "1 %s",
             request_json("wazuh.t.wait", "distributed_master", "{}", ", \"from_cluster\": true"));
    far_says_text(rig->up, "dapi", text);
    run();
    CHECK_INT(rig->waiting_count, 1);
    FORGET(p);
    leave();
    CHECK_INT(rig->cancelled, 1);
    run();
    HAS(p, "dapi_err: ");
    HAS(p, "\"code\": 3023");
    check_baseline();
    close_rig();
}

/* The master says ok and then nothing (timeout_dapi_request), or not even that (request_ms). */
TEST(a_master_that_does_not_answer) {
    open_rig(false);
    join();
    struct program *p = program(), *q = program(), *r = program();
    program_says(p, CMD_DAPI, request_json("wazuh.any.thing", "local_master", "{}", ""));
    program_says(q, CMD_DAPI,
                 request_json("wazuh.any.thing", "local_master", "{}", ", \"wait_for_complete\": true"));
    run();
    rig->up->deaf = true;
    program_says(r, CMD_DAPI, request_json("wazuh.any.thing", "local_master", "{}", ""));
    run();
    FORGET(p), FORGET(q), FORGET(r);
    pass(20000);
    HAS(r, "\"code\": 3020");
    HEARD(p, "");
    pass(179999);
    HEARD(p, "");
    pass(2);
    HAS(p, "\"code\": 3021");
    HEARD(q, "");
    pass(400000);
    HAS(q, "\"code\": 3021");
    check_baseline();
    close_rig();
}

TEST(a_master_that_refuses) {
    open_rig(false);
    join();
    struct program *p = program();
    rig->up->refuse = "dapi";
    program_says(p, CMD_DAPI, request_json("wazuh.any.thing", "local_master", "{}", ""));
    run();
    HAS(p, "dapi_err: {\"__wazuh_exception__\"");
    HAS(p, "\"extra_message\": \"no\"");
    check_baseline();
    close_rig();
}

/* ---- dapi_fwd ---- */

TEST(a_program_names_a_node) {
    open_rig(true);
    struct far *w = node("worker1"), *other = node("worker2");
    struct program *p = program();
    program_says(p, CMD_DAPI_FWD, "worker1 {\"as\":  \"it is\"}");
    HEARD(p, FORWARDED);
    run();
    HEARD(w, "dapi {\"as\":  \"it is\"}\n");
    HEARD(other, "");
    CHECK_INT(strlen(w->last_id), 16);
    far_answers(w, w->last_id, "an answer");
    run();
    HEARD(p, "dapi_res: an answer\n");
    HEARD(w, "ok Response forwarded to worker\n");
    check_baseline();
    close_rig();
}

TEST(a_node_that_is_not_there) {
    static const char *const names[] = {"worker2", "master", "", "fw_all_nodes"};
    open_rig(true);
    struct program *p = program();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s {}", names[i]);
        program_says(p, CMD_DAPI_FWD, text);
        HAS(p, "err {\"__wazuh_exception__\"");
        HAS(p, "\"code\": 3022");
        FORGET(p);
    }
    CHECK_INT(p->promises, 0);
    check_baseline();
    close_rig();
}

TEST(a_program_asks_all_nodes) {
    open_rig(true);
    struct far *a = node("worker1"), *b = node("worker2");
    struct program *p = program();
    program_says(p, CMD_DAPI_FWD, "fw_all_nodes {\"q\": 1}");
    run();
    HEARD(a, "dapi {\"q\": 1}\n");
    HEARD(b, "dapi {\"q\": 1}\n");
    CHECK(strcmp(a->last_id, b->last_id) != 0);
    far_answers(b, b->last_id, "B");
    run();
    HEARD(p, FORWARDED);
    far_answers(a, a->last_id, "A");
    run();
    HEARD(p, "dapi_res: merged|worker1=A|worker2=B\n");
    check_baseline();
    close_rig();
}

/* A worker must not be able to answer for another one, nor twice, nor without being asked. */
TEST(answers_that_nobody_waits_for) {
    char text[100];
    open_rig(true);
    struct far *a = node("worker1"), *b = node("worker2");
    struct program *p = program();
    program_says(p, CMD_DAPI_FWD, "worker1 {}");
    run();
    FORGET(p), FORGET(a), FORGET(b);
    far_answers(b, a->last_id, "stolen");
    run();
    HAS(b, "\"code\": 3032");
    HAS(b, a->last_id);
    CHECK_INT(rig->strings.used, 0); /* its string is dropped */
    snprintf(text, sizeof text, "%s stolen", a->last_id);
    far_says_text(b, "dapi_err", text);
    far_says_text(a, "dapi_err", "0123456789abcdef x");
    far_says_text(a, "dapi_res", "0123456789abcde 1");
    far_says_text(a, "dapi_res", "1 1");
    far_says_text(a, "dapi_res", "nothing");
    run();
    HEARD(p, "");
    FORGET(a);
    far_answers(a, a->last_id, "mine");
    run();
    HEARD(p, "dapi_res: mine\n");
    FORGET(a);
    far_answers(a, a->last_id, "again");
    run();
    HAS(a, "\"code\": 3032");
    HEARD(p, "");
    check_baseline();
    close_rig();
}

TEST(an_answer_whose_string_is_missing) {
    char text[100];
    open_rig(true);
    struct far *a = node("worker1");
    struct program *p = program();
    program_says(p, CMD_DAPI_FWD, "worker1 {}");
    run();
    FORGET(p), FORGET(a);
    snprintf(text, sizeof text, "%s 12345", a->last_id);
    far_says_text(a, "dapi_res", text);
    run();
    HAS(a, "\"code\": 3035");
    HAS(p, "dapi_err: ");
    HAS(p, "\"code\": 3035");
    check_baseline();
    close_rig();
}

TEST(long_things_pass_through) {
    open_rig(true);
    struct far *a = node("worker1");
    struct program *p = program();
    char *text = test_keep(malloc(200001));
    strcpy(text, "worker1 ");
    memset(text + 8, 'x', 180000);
    text[180008] = '\0';
    program_says(p, CMD_DAPI_FWD, text);
    run();
    HAS(a, "dapi xxxxxxxx");
    memset(text, 'y', 150000);
    text[150000] = '\0';
    far_answers(a, a->last_id, text);
    CHECK_INT(rig->windows.used, 0);
    FORGET(p);
    run();
    HAS(p, "dapi_res: yyyyyyyyyy");
    check_baseline();
    close_rig();
}

/* ---- who is gone ---- */

TEST(a_program_goes_at_every_point) {
    for (int point = 0; point < 6; point++) {
        open_rig(true);
        struct far *w = node("worker1");
        struct program *p = program();
        if (point < 2)
            program_says(p, CMD_DAPI, request_json("wazuh.t.wait", "local_master", "{}", ""));
        else if (point == 2)
            program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
        else
            program_says(p, CMD_DAPI_FWD, "worker1 {}");
        rig->programs_are_slow = true;
        if (point != 0 && point != 3)
            run();
        if (point == 5) {
            far_answers(w, w->last_id, "late");
            run();
        }
        CHECK_INT(rig->slots.used, 1);
        program_gone(p);
        CHECK_INT(rig->slots.used, 0);
        run();
        if (point == 4) { /* its answer comes all the same */
            FORGET(w);
            far_answers(w, w->last_id, "late");
            run();
            HAS(w, "\"code\": 3032");
        }
        check_baseline();
        close_rig();
    }
}

TEST(a_worker_that_asked_goes_at_every_point) {
    for (int point = 0; point < 4; point++) {
        char text[1000];
        open_rig(true);
        struct far *w = node("worker1");
        snprintf(text, sizeof text, "1 %s",
                 request_json(point < 2 ? "wazuh.t.wait" : "wazuh.t.long", "local_master", "{}", ""));
        far_says_text(w, "dapi", text);
        w->deaf = true;
        if (point)
            for (int i = 0; i < 4; i++)
                turn();
        if (point == 3)
            run();
        CHECK_INT(rig->slots.used, 1);
        node_gone(w);
        run();
        check_baseline();
        close_rig();
    }
}

TEST(a_worker_that_was_asked_goes) {
    for (int point = 0; point < 3; point++) {
        open_rig(true);
        struct far *w = node("worker1");
        struct program *p = program();
        program_says(p, CMD_DAPI_FWD, "worker1 {}");
        FORGET(p);
        w->deaf = point == 1; /* its reply is still due */
        if (point)
            run();
        node_gone(w);
        run();
        HAS(p, "dapi_err: ");
        HAS(p, "\"code\": 3032");
        check_baseline();
        close_rig();
    }
}

TEST(everything_ends_in_the_middle) {
    char text[1000];
    open_rig(true);
    struct far *w = node("worker1"), *v = node("worker2");
    struct program *p = program(), *q = program(), *r = program();
    program_says(p, CMD_DAPI, request_json("wazuh.t.wait", "local_master", "{}", ""));
    program_says(q, CMD_DAPI_FWD, "worker1 {}");
    program_says(r, CMD_DAPI_FWD, "fw_all_nodes {}");
    snprintf(text, sizeof text, "1 %s", request_json("wazuh.t.long", "local_master", "{}", ""));
    w->deaf = true;
    far_says_text(w, "dapi", text);
    run();
    far_answers(v, v->last_id, "one of two");
    run();
    CHECK_INT(rig->slots.used, 4);
    close_rig();
    CHECK_INT(rig->cancelled, 1);
}

/* ---- no room, no time ---- */

/* One worker may not take every place from others; alone it may. */
TEST(the_pool_is_shared) {
    char text[1000];
    const char *json = request_json("wazuh.t.wait", "local_master", "{}", "");
    open_rig(true);
    struct far *w = node("worker1");
    struct program *p[API_REQUESTS_MAX];
    p[0] = program();
    program_says(p[0], CMD_DAPI, json);
    for (uint32_t i = 0; i < API_REQUESTS_MAX; i++) {
        snprintf(text, sizeof text, "%u %s", i, json);
        far_says_text(w, "dapi", text);
        run();
        CHECK_INT(rig->slots.used, 1 + (i < API_REQUESTS_MAX / 2 ? i + 1 : API_REQUESTS_MAX / 2));
    }
    snprintf(text, sizeof text, "dapi_err %u {\"__wazuh_exception__\"", API_REQUESTS_MAX / 2);
    HAS(w, text); /* never silence */
    for (uint32_t i = 1; i < API_REQUESTS_MAX / 2; i++) {
        p[i] = program();
        program_says(p[i], CMD_DAPI, json);
        HEARD(p[i], QUEUED);
    }
    CHECK_INT(rig->slots.used, API_REQUESTS_MAX);
    struct program *q = program();
    program_says(q, CMD_DAPI, json);
    HAS(q, "err {\"__wazuh_exception__\"");
    HAS(q, "\"code\": 3000");
    run();
    close_rig();
}

/* Alone it may have more, but not all: its requests may be for a node that never answers. */
TEST(alone_a_worker_may_have_most) {
    const uint32_t most = API_REQUESTS_MAX - API_REQUESTS_MAX / 4;
    char text[1000];
    open_rig(true);
    struct far *w = node("worker1");
    for (uint32_t i = 0; i < API_REQUESTS_MAX + 1; i++) {
        snprintf(text, sizeof text, "%u %s", i, request_json("wazuh.t.wait", "local_master", "{}", ""));
        far_says_text(w, "dapi", text);
        run();
    }
    CHECK_INT(rig->slots.used, most);
    CHECK_INT(rig->waiting_count, API_CALLS - 1); /* one call stays for others */
    struct program *p = program();
    snprintf(text, sizeof text, "dapi_err %u ", most);
    HAS(w, text);
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    run();
    HAS(p, "dapi_res: ");
    for (uint32_t i = 0; i < most; i++) {
        release();
        run();
    }
    check_baseline();
    close_rig();
}

/* Who has the key may come as any number of workers. */
TEST(workers_leave_places_to_programs) {
    char text[1000], name[16];
    struct program *p[API_REQUESTS_MAX / 8];
    open_rig(true);
    for (uint32_t k = 1; k <= 4; k++) {
        snprintf(name, sizeof name, "worker%u", k);
        struct far *w = node(name);
        for (uint32_t i = 0; i < API_REQUESTS_MAX; i++) {
            snprintf(text, sizeof text, "%u %s", i, request_json("wazuh.t.wait", "local_master", "{}", ""));
            far_says_text(w, "dapi", text);
            run();
        }
    }
    CHECK_INT(rig->slots.used, API_REQUESTS_MAX - API_REQUESTS_MAX / 8);
    for (uint32_t i = 0; i < API_REQUESTS_MAX / 8; i++) {
        p[i] = program();
        program_says(p[i], CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
        HEARD(p[i], QUEUED);
    }
    close_rig();
}

/* A control call does not wait behind ten slow requests of somebody else. */
TEST(askers_take_turns) {
    char text[1000];
    open_rig(true);
    struct far *w = node("worker1");
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%u %s", i, request_json("wazuh.t.wait", "local_master", "{}", ""));
        far_says_text(w, "dapi", text);
    }
    run();
    struct program *p = program();
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    run();
    HAS(p, "dapi_res: ");
    CHECK_INT(rig->waiting_count, API_CALLS - 1);
    close_rig();
}

TEST(slow_programs_are_two_at_most) {
    open_rig(true);
    struct program *p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = program();
        program_says(
            p[i], CMD_DAPI,
            request_json(i < 3 ? "wazuh.handler.slow" : "wazuh.t.now", "local_master", "{\"x\": 1}", ""));
    }
    run();
    CHECK_INT(rig->waiting_count, HANDLERS_MAX);
    HAS(p[3], "dapi_res: ");
    release();
    run();
    CHECK_INT(rig->waiting_count, HANDLERS_MAX);
    release();
    release();
    run();
    for (int i = 0; i < 3; i++)
        HAS(p[i], "dapi_res: ");
    check_baseline();
    close_rig();
}

/* request_timeout of the API: 10 s, or api_timeout if that is more; wait_for_complete: much longer. */
TEST(a_function_that_takes_too_long) {
    static const struct {
        const char *more;
        uint64_t ms;
    } cases[] = {{"", 10000},
                 {", \"api_timeout\": 3", 10000},
                 {", \"api_timeout\": 25", 25000},
                 {", \"wait_for_complete\": true", 600000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_rig(true);
        struct program *p = program();
        program_says(p, CMD_DAPI, request_json("wazuh.t.wait", "local_master", "{}", cases[i].more));
        run();
        FORGET(p);
        pass(cases[i].ms - 1);
        HEARD(p, "");
        pass(1);
        HAS(p, "dapi_res: {\"__wazuh_exception__\": {\"__class__\": \"WazuhInternalError\"");
        HAS(p, "\"code\": 3021");
        HAS(p, "\"dapi_errors\": {\"master\"");
        CHECK_INT(rig->cancelled, 1);
        check_baseline();
        close_rig();
    }
}

TEST(who_never_has_his_turn_is_told) {
    open_rig(true);
    struct program *p[API_CALLS + 1];
    for (uint32_t i = 0; i <= API_CALLS; i++) {
        p[i] = program();
        program_says(p[i], CMD_DAPI,
                     request_json("wazuh.t.wait", "local_master", "{}", ", \"wait_for_complete\": true"));
    }
    run();
    CHECK_INT(rig->waiting_count, API_CALLS);
    pass(200000);
    HAS(p[API_CALLS], "dapi_err: ");
    HAS(p[API_CALLS], "\"code\": 3021");
    close_rig();
}

TEST(an_answer_that_nobody_takes) {
    open_rig(true);
    struct program *p = program();
    rig->programs_are_slow = true;
    program_says(p, CMD_DAPI, request_json("wazuh.t.now", "local_master", "{}", ""));
    run();
    CHECK_INT(rig->slots.used, 1);
    pass(60000);
    check_baseline();
    close_rig();
}

TEST(a_worker_that_refuses_its_answer_hears_why) {
    char text[1000];
    open_rig(true);
    struct far *w = node("worker1");
    w->refuse = "new_str";
    snprintf(text, sizeof text, "33 %s", request_json("wazuh.t.now", "local_master", "{}", ""));
    far_says_text(w, "dapi", text);
    run();
    HEARD(w, QUEUED); /* it may have no room at the moment */
    for (int i = 0; i < 20; i++)
        pass(100);
    HAS(w, "dapi_err 33 {\"__wazuh_exception__\"");
    check_baseline();
    close_rig();
}

/* A node like us takes four strings at once; it is never brought more than two of ours. */
TEST(many_answers_for_one_node) {
    char text[1000];
    open_rig(true);
    struct far *w = node("worker1");
    w->deaf = true;
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%u %s", i, request_json("wazuh.t.now", "local_master", "{}", ""));
        far_says_text(w, "dapi", text);
    }
    run();
    uint32_t sending = 0;
    for (const struct api_slot *s = rig->api.first; s; s = s->next)
        sending += s->sending;
    CHECK_INT(sending, 2);
    CHECK_INT(rig->slots.used, 10);
    w->deaf = false;
    pass(20000); /* the two that it never answered are given up */
    for (uint32_t i = 2; i < 10; i++) {
        snprintf(text, sizeof text, "dapi_res %u: ", i);
        HAS(w, text);
    }
    check_baseline();
    close_rig();
}

TEST(senders_that_are_busy_mean_later) {
    char text[1000];
    void *taken[3];
    open_rig(true);
    struct far *w = node("worker1");
    for (int i = 0; i < 3; i++)
        taken[i] = pool_take(&rig->senders);
    snprintf(text, sizeof text, "1 %s", request_json("wazuh.t.long", "local_master", "{}", ""));
    far_says_text(w, "dapi", text);
    run();
    HEARD(w, QUEUED);
    for (int i = 0; i < 3; i++)
        pool_give(&rig->senders, taken[i]);
    pass(100);
    HAS(w, "dapi_res 1: ");
    check_baseline();
    close_rig();
}

/* The spool is full: refused in words, or answered with an error. */
TEST(a_spool_that_is_full) {
    char *text = test_keep(malloc(3000));
    open_rig(true);
    struct far *w = node("worker1");
    struct program *p = program(), *q = program();
    rig->spill.fail_with = E_SPACE;
    memset(text, ' ', 3000);
    memcpy(text, "worker1 {", 9);
    strcpy(text + 2990, "}");
    program_says(p, CMD_DAPI_FWD, text);
    HAS(p, "err {\"__wazuh_exception__\"");
    program_says(q, CMD_DAPI, request_json("wazuh.t.long", "local_master", "{}", ""));
    run();
    rig->spill.fail_with = E_OK;
    run();
    rig->spill.fail_with = E_SPACE;
    HAS(q, "dapi_res: {\"__wazuh_exception__\""); /* this one has room */
    HEARD(w, "");
    FORGET(p);
    program_says(p, CMD_DAPI_FWD, "worker1 {}"); /* nothing can be put together for w either */
    run();
    rig->spill.fail_with = E_OK;
    run();
    HAS(p, "dapi_err: ");
    check_baseline();
    close_rig();
}

/* What belongs to sendsync goes there. */
TEST(sendsync_is_handed_on) {
    open_rig(true);
    struct far *w = node("worker1");
    struct program *p = program();
    far_says_text(w, "sendsync", "1 {}");
    run();
    HEARD(w, "ok sendsync of a worker\n");
    program_says(p, CMD_SENDASYNC, "{}");
    HEARD(p, "ok sendsync of a program\n");
    close_rig();
    open_rig(false);
    join();
    far_says_text(rig->up, "sendsyn_res", "1 2");
    run();
    HEARD(rig->up, "ok sendsync of the master\n");
    close_rig();
}
