/* test_call.c - how a call of a function ends, whatever its function does: with an answer, with an exception,
 * or with an exception in the place of an answer that has no room. */
#include "test/unit/dapi_rig.h"

static struct api_call *c;
static struct blob out;
static uint8_t small[64];
static unsigned ends;
static char answer[4000];

static void ended(struct api_call *call) {
    ends++;
    CHECK(!call->running);
    snprintf(answer, sizeof answer, "%s", fake_store_blob(call->result.out, NULL));
}

static void begin(void) {
    static const char json[] = "{}";
    static uint8_t bytes[4];
    static struct blob body;
    open_rig(true);
    c = pool_take(&rig->calls);
    memcpy(bytes, json, 2);
    blob_init(&body, bytes, 4, NULL, NULL, 4);
    body.size = 2;
    blob_init(&out, small, sizeof small, NULL, &rig->spill.spill, 1u << 20);
    api_call_init(c, &rig->api.env, &out, ended, rig);
    api_request_init(&c->request, &body, 0, NULL, &rig->spill.spill, 1u << 20);
    ends = 0;
}

static void end(void) {
    CHECK_INT(ends, 1);
    api_call_fini(c);
    CHECK_INT(out.size, 0);
    pool_give(&rig->calls, c);
    close_rig();
}

TEST(an_answer) {
    begin();
    end_plain(c);
    CHECK_STR(answer, PLAIN("master"));
    end();
}

TEST(an_exception) {
    begin();
    result_open_items(&c->result, &kind); /* what it had written is dropped */
    api_call_refuse(c, WAZUH_RESOURCE_NOT_FOUND, 1730, NULL);
    CHECK_STR(
        answer,
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhResourceNotFound\", \"__object__\": {\"type\": "
        "\"about:blank\", \"title\": \"Resource Not Found\", \"code\": 1730, \"extra_message\": null, "
        "\"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {\"master\": {\"error\": "
        "\"Node does not exist\"}}, \"ids\": []}}}");
    end();
}

TEST(an_answer_that_has_no_room) {
    static char much[API_TEXT_BYTES + 100];
    begin();
    memset(much, 'x', sizeof much - 1);
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    json_key_str(w, "x", much);
    json_close(w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
    CHECK(strstr(answer, "\"__class__\": \"WazuhInternalError\""));
    CHECK(strstr(answer, "\"code\": 1000"));
    end();
}

/* Once, and before anybody hears of the end; also when nobody waits for it. */
TEST(what_a_function_holds_goes_back_however_it_ends) {
    for (unsigned how = 0; how < 3; how++) {
        begin();
        strcpy(c->request.function, "wazuh.t.wait");
        c->function = api_function_find(c->request.function);
        c->running = true;
        c->function->start(c);
        CHECK_INT(rig->waiting_count, 1);
        if (how == 0)
            end_plain(c);
        else if (how == 1)
            api_call_refuse(c, WAZUH_ERROR, 1730, NULL);
        else
            ends++;
        CHECK_INT(rig->waiting_count, how == 2);
        end();
        CHECK_INT(rig->waiting_count, 0);
        CHECK_INT(rig->cancelled, 1);
    }
}

/* The queue finds nothing and says so itself. */
TEST(not_even_room_for_an_exception) {
    begin();
    rig->spill.fail_with = E_SPACE;
    api_call_refuse(c, WAZUH_ERROR, 1730, "a text that is longer than what lies in memory");
    CHECK_STR(answer, "");
    rig->spill.fail_with = E_OK;
    end();
}

static void steps(struct api_call *call) {
    static unsigned count;
    if (++count % 3)
        api_call_step(call, steps);
    else
        end_plain(call);
}

TEST(steps_are_turns) {
    begin();
    api_call_step(c, steps);
    CHECK_INT(ends, 0);
    loop_turn(&rig->loop, 0);
    loop_turn(&rig->loop, 0);
    CHECK_INT(ends, 0);
    loop_turn(&rig->loop, 0);
    CHECK_STR(answer, PLAIN("master"));
    end();
}

/* Nobody wants it any more: no step, no cancel of one that has ended, and one of one that has not. */
TEST(a_call_that_is_given_up) {
    begin();
    api_call_step(c, end_plain);
    api_call_fini(c);
    loop_turn(&rig->loop, 0);
    CHECK_INT(ends, 0);
    c->function = api_function_find("wazuh.t.wait");
    c->running = true;
    strcpy(c->request.function, "wazuh.t.wait");
    start_wait(c);
    api_call_fini(c);
    CHECK_INT(rig->cancelled, 1);
    api_call_fini(c);
    CHECK_INT(rig->cancelled, 1);
    end_plain(c);
    end();
}
