/* test_request.c - requests of the distributed API as real nodes write them (reference, section 15), and what
 * attackers wrote instead. */
#include "api/request.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <stdio.h>

static struct api_request r;
static struct blob body, out;
static struct memory_spill spill;
static struct wazuh_error why;

static void close_rig(void *arg) {
    (void)arg;
    api_request_fini(&r);
    blob_reset(&body);
    blob_reset(&out);
    CHECK_INT(spill.open, 0);
}

/* The request stands behind an id and a blank, as on the wire. */
#define ID "worker1*42 "

static void open_rig(const char *json) {
    static struct pool *windows;
    struct error e;
    if (windows) {
        close_rig(NULL);
    } else {
        windows = test_pool("windows", 4096, 3);
        test_at_end(close_rig, NULL);
    }
    memory_spill_init(&spill, 64 << 20);
    blob_init(&body, NULL, 0, windows, &spill.spill, 64 << 20);
    blob_init(&out, NULL, 0, windows, &spill.spill, 64 << 20);
    CHECK_INT(blob_append(&body, (const uint8_t *)ID, sizeof ID - 1, &e), E_OK);
    CHECK_INT(blob_append(&body, (const uint8_t *)json, strlen(json), &e), E_OK);
    api_request_init(&r, &body, sizeof ID - 1, windows, &spill.spill, 64 << 20);
}

static bool read_request(const char *json, const char *actions) {
    enum step step;
    memset(&why, 0, sizeof why);
    open_rig(json);
    while ((step = api_request_find_function(&r, &why)) == STEP_AGAIN)
        ;
    if (step == STEP_DONE)
        while ((step = api_request_read(&r, actions, &why)) == STEP_AGAIN)
            ;
    return step == STEP_DONE;
}

#define F                                                                                                    \
    "\"f\": {\"__callable__\": {\"__name__\": \"get_status\", \"__module__\": \"wazuh.manager\", "           \
    "\"__qualname__\": \"get_status\", \"__type__\": \"function\"}}"
#define BODY(members) "{" F ", " members "}"
#define KWARGS(members) BODY("\"f_kwargs\": {" members "}")

static void check_refused(const char *json, int code, const char *words) {
    char said[1024];
    struct text t;
    CHECK(!read_request(json, ""));
    text_init(&t, said, sizeof said);
    wazuh_error_message(&t, &why, NULL);
    CHECK_INT(why.class, WAZUH_INTERNAL_ERROR);
    CHECK_STR(said, words);
    CHECK_INT(why.code, code);
}
#define REFUSED(json, words) check_refused(json, 1000, "Wazuh Internal Error: " words)

/* Valid until the next call. */
static const char *bytes_of(const struct blob *b, uint64_t from, uint64_t to) {
    static char bytes[400000];
    size_t n;
    CHECK(to >= from && to <= b->size && to - from < sizeof bytes);
    CHECK_INT(blob_read(b, from, (uint8_t *)bytes, (size_t)(to - from), &n, NULL), E_OK);
    bytes[n] = '\0';
    return bytes;
}

static const char *text_of(const struct blob *b) {
    return bytes_of(b, 0, b->size);
}

static const char *range(struct api_range at) {
    return bytes_of(&body, at.from, at.to);
}

/* ---- what real nodes send ---- */

/* Reference, section 15, byte for byte. */
TEST(request_of_the_reference) {
    CHECK(read_request(
        "{\"f\": {\"__callable__\": {\"__name__\": \"get_status\", \"__module__\": \"wazuh.manager\", "
        "\"__qualname__\": \"get_status\", \"__type__\": \"function\"}}, \"f_kwargs\": {}, \"request_type\": "
        "\"distributed_master\", \"wait_for_complete\": false, \"from_cluster\": true, \"is_async\": false, "
        "\"local_client_arg\": null, \"basic_services\": [\"wazuh-modulesd\", \"wazuh-analysisd\", "
        "\"wazuh-execd\", \"wazuh-db\", \"wazuh-remoted\"], \"rbac_permissions\": {\"rbac_mode\": "
        "\"black\"}, "
        "\"current_user\": \"wazuh\", \"broadcasting\": false, \"nodes\": [\"master-node\", \"worker1\"], "
        "\"api_timeout\": 10}",
        "cluster:read\0"));
    CHECK_STR(r.function, "wazuh.manager.get_status");
    CHECK_INT(r.type, API_DISTRIBUTED);
    CHECK(r.from_cluster && !r.wait_for_complete && !r.broadcasting && !r.remove_denied_nodes);
    CHECK_INT(r.timeout_s, 10);
    CHECK(r.has_services);
    CHECK_INT(r.services, 1u << 14 | 1u << 1 | 1u << 6 | 1u << 15 | 1u << 10);
    CHECK(!r.rbac_white && !r.sees_secrets);
    CHECK_STR(r.current_user, "wazuh");
    CHECK_STR(range(r.nodes), "[\"master-node\", \"worker1\"]");
    CHECK_STR(range(r.f_kwargs), "{}");
    CHECK(strncmp(range(r.f), "{\"__callable__\": {\"__name__\"", 28) == 0);
    CHECK_STR(r.kwargs.text, "{}");
    CHECK_STR(r.rbac.text, "{}");
    CHECK_STR(r.nodes_key, "");
    CHECK_INT(r.agents, API_AGENTS_NONE);
}

/* `cluster_control -a`: most is left out. */
TEST(request_with_defaults) {
    CHECK(
        read_request("{\"f\": {\"__callable__\": {\"__name__\": \"get_agents_overview\", \"__module__\": "
                     "\"wazuh.core.agent\", \"__qualname__\": \"Agent.get_agents_overview\", \"__type__\": "
                     "\"function\"}}, \"f_kwargs\": {\"filters\": {\"status\": \"active\"}, \"limit\": null, "
                     "\"select\": [\"id\", \"ip\"]}, \"from_cluster\": false, \"wait_for_complete\": false}",
                     ""));
    CHECK_STR(r.function, "wazuh.core.agent.Agent.get_agents_overview");
    CHECK_INT(r.type, API_LOCAL_MASTER);
    CHECK(!r.has_services && !r.from_cluster && !r.rbac_white);
    CHECK_INT(r.services, 1u << 14 | 1u << 1 | 1u << 6 | 1u << 15 | 1u << 10);
    CHECK_INT(r.timeout_s, 0);
    CHECK_STR(r.kwargs.text,
              "{\"filters\": {\"status\": \"active\"}, \"limit\": null, \"select\": [\"id\", \"ip\"]}");
    CHECK_INT(api_argument(&r, "limit"), 0);
    CHECK(api_argument(&r, "select") != 0);
    CHECK(read_request("{" F "}", "cluster:read\0"));
    CHECK_STR(r.kwargs.text, "{}");
    CHECK(
        read_request(BODY("\"f_kwargs\": null, \"rbac_permissions\": null, \"basic_services\": [], "
                          "\"nodes\": null, \"current_user\": null, \"api_timeout\": null, \"debug\": true, "
                          "\"wait_for_complete\": null, \"request_type\": \"local_any\""),
                     ""));
    CHECK_INT(r.type, API_LOCAL_ANY);
    CHECK(r.f_kwargs.to == 0 && r.nodes.to == 0 && !r.has_services);
}

/* A method of a Wazuh object brings the object along: it is of no interest. */
TEST(request_of_a_bound_method) {
    CHECK(read_request("{\"f_kwargs\": {\"a\": 1}, \"f\": {\"__callable__\": {\"__name__\": \"get_info\", "
                       "\"__module__\": \"wazuh\", \"__qualname__\": \"Wazuh.get_info\", \"__wazuh__\": "
                       "{\"path\": \"/var/ossec\", \"version\": \"v4.14.7\"}, \"__type__\": \"method\"}}}",
                       ""));
    CHECK_STR(r.function, "wazuh.Wazuh.get_info");
    CHECK_STR(r.kwargs.text, "{\"a\": 1}");
}

TEST(request_agents) {
    char id[API_ID_BYTES];
    uint64_t at = 0;
    CHECK(read_request(KWARGS("\"agent_list\": [\"001\", \"x y\\u00e9\", 7, \"\"], \"q\": \"a\""), ""));
    CHECK_INT(r.agents, API_AGENTS_LISTED);
    CHECK_INT(r.agent_count, 4);
    CHECK_STR(api_request_next_id(&r, &at, id), "001");
    CHECK_STR(api_request_next_id(&r, &at, id), "x y\xc3\xa9");
    CHECK_STR(api_request_next_id(&r, &at, id), "7");
    CHECK_STR(api_request_next_id(&r, &at, id), "");
    CHECK(!api_request_next_id(&r, &at, id));
    CHECK_STR(r.kwargs.text, "{\"q\": \"a\"}");
    CHECK(read_request(KWARGS("\"agent_id\": \"013\""), ""));
    CHECK_INT(r.agents, API_AGENTS_LISTED);
    CHECK_INT(r.agent_count, 1);
    at = 0;
    CHECK_STR(api_request_next_id(&r, &at, id), "013");
    CHECK(!api_request_next_id(&r, &at, id));
    CHECK(read_request(KWARGS("\"agent_list\": []"), ""));
    CHECK_INT(r.agents, API_AGENTS_LISTED);
    CHECK_INT(r.agent_count, 0);
    CHECK(read_request(KWARGS("\"agent_list\": \"*\""), ""));
    CHECK_INT(r.agents, API_AGENTS_ALL);
    CHECK_STR(r.kwargs.text, "{}");
    CHECK(read_request(KWARGS("\"agent_list\": null"), ""));
    CHECK_INT(r.agents, API_AGENTS_ALL);
}

TEST(request_many_agents) {
    static char json[400000];
    char id[API_ID_BYTES], want[16];
    struct text t;
    uint64_t at = 0;
    text_init(&t, json, sizeof json);
    text_str(&t, "{" F ", \"f_kwargs\": {\"agent_list\": [");
    for (int i = 1; i <= 20000; i++)
        text_format(&t, "%s\"%03d\"", i > 1 ? ", " : "", i);
    text_str(&t, "]}}");
    CHECK(!t.cut);
    CHECK(read_request(json, ""));
    CHECK_INT(r.agent_count, 20000);
    for (int i = 1; i <= 20000; i++) {
        snprintf(want, sizeof want, "%03d", i);
        CHECK_STR(api_request_next_id(&r, &at, id), want);
    }
    CHECK(!api_request_next_id(&r, &at, id));
}

TEST(request_nodes) {
    char name[NODE_NAME_BYTES];
    size_t at = 0;
    CHECK(read_request(KWARGS("\"a\": 1, \"node_list\": [\"w1\", \"w\\u0032\"]"), ""));
    CHECK_STR(r.nodes_key, "node_list");
    CHECK(!r.all_nodes);
    CHECK_STR(api_request_next_node(&r, &at, name), "w1");
    CHECK_STR(api_request_next_node(&r, &at, name), "w2");
    CHECK(!api_request_next_node(&r, &at, name));
    at = 0;
    CHECK(read_request(KWARGS("\"node_id\": \"w1\""), ""));
    CHECK_STR(r.nodes_key, "node_id");
    CHECK_STR(api_request_next_node(&r, &at, name), "w1");
    CHECK(!api_request_next_node(&r, &at, name));
    at = 0;
    CHECK(read_request(KWARGS("\"node_list\": \"*\""), ""));
    CHECK(r.all_nodes && !api_request_next_node(&r, &at, name));
    CHECK(read_request(KWARGS("\"node_list\": null"), ""));
    CHECK(r.all_nodes && !api_request_next_node(&r, &at, name));
    CHECK(read_request(KWARGS("\"node_list\": []"), ""));
    CHECK(!r.all_nodes && !api_request_next_node(&r, &at, name));
}

TEST(request_arguments) {
    char out_text[4];
    CHECK(read_request(
        KWARGS("\"t\": \"a\\\"b\", \"long\": \"abcd\", \"n\": 500, \"neg\": -1, \"z\": 0.0, "
               "\"f\": 0.9, \"yes\": true, \"no\": false, \"e\": \"\", \"l\": [], \"o\": {\"a\": "
               "1}, \"nil\": null, \"bad\": \"\\u0000\""),
        ""));
    CHECK_INT(api_argument_text(&r, "t", out_text, sizeof out_text, &why), E_OK);
    CHECK_STR(out_text, "a\"b");
    CHECK_INT(api_argument_text(&r, "gone", out_text, sizeof out_text, &why), E_GONE);
    CHECK_INT(api_argument_text(&r, "nil", out_text, sizeof out_text, &why), E_GONE);
    CHECK_INT(api_argument_text(&r, "long", out_text, sizeof out_text, &why), E_LIMIT);
    CHECK_STR(why.extra, "argument 'long' is too long");
    CHECK_INT(api_argument_text(&r, "n", out_text, sizeof out_text, &why), E_VALUE);
    CHECK_STR(why.extra, "argument 'n' is no text");
    CHECK_INT(why.code, 1000);
    CHECK_INT(api_argument_text(&r, "bad", out_text, sizeof out_text, &why), E_VALUE);
    static const char truth[] = "t1 n1 neg1 z0 f1 yes1 no0 e0 l0 o1 nil0 gone0 ";
    for (const char *s = truth; *s; s = strchr(s, ' ') + 1) {
        char key[8];
        size_t n = strcspn(s, " ") - 1;
        CHECK(text_copy(key, sizeof key, s, n));
        CHECK_INT(api_argument_is_true(&r, key), s[n] == '1');
    }
}

/* What is too long for the arguments that are read here is named, and can be passed on all the same. */
TEST(request_long_arguments) {
    static char json[3 * API_KWARGS_BYTES], value[API_KEEP_BYTES];
    struct text t;
    memset(value, 'v', sizeof value);
    for (size_t n = API_KEEP_BYTES - 3; n <= API_KEEP_BYTES - 2; n++) {
        text_init(&t, json, sizeof json);
        text_format(&t, BODY("\"f_kwargs\": {\"a\": 1, \"new_conf\": \"%.*s\", \"b\": 2}"), (int)n, value);
        CHECK(read_request(json, ""));
        CHECK_STR(r.long_argument, n == API_KEEP_BYTES - 3 ? "" : "new_conf");
        CHECK(api_argument(&r, "a") && api_argument(&r, "b"));
        CHECK_INT(api_argument(&r, "new_conf") == 0, n > API_KEEP_BYTES - 3);
    }
    text_init(&t, json, sizeof json);
    text_str(&t, "{" F ", \"f_kwargs\": {");
    for (int i = 0; i < 4; i++)
        text_format(&t, "\"a%d\": \"%.*s\", ", i, 3000, value);
    text_str(&t, "\"last\": 1}}");
    CHECK(read_request(json, ""));
    CHECK_STR(r.long_argument, "a2");
    CHECK(api_argument(&r, "a1") && api_argument(&r, "last") && !api_argument(&r, "a3"));
    text_init(&t, json, sizeof json);
    text_str(&t, "{" F ", \"f_kwargs\": {\"l\": [0");
    for (unsigned i = 0; i < API_TOKENS; i++)
        text_str(&t, ",1");
    text_str(&t, "]}}");
    CHECK(read_request(json, ""));
    CHECK_STR(r.long_argument, "f_kwargs");
    CHECK_STR(r.kwargs.text, "{}");
    text_init(&t, json, sizeof json); /* nodes are needed by everybody, and so is who an agent is */
    text_format(&t, KWARGS("\"node_list\": [\"%.*s\"]"), 4095, value);
    REFUSED(json, "a value in 'f_kwargs' is too long");
    text_init(&t, json, sizeof json);
    text_format(&t, KWARGS("\"agent_list\": [\"%.*s\"]"), 4095, value);
    REFUSED(json, "a value in 'f_kwargs' is too long");
    /* a name that is too long is nobody's */
    CHECK(
        read_request(KWARGS("\"0123456789012345678901234567890123456789012345678901234567890123\": 1"), ""));
    CHECK_STR(r.kwargs.text, "{\"\": 1}");
}

TEST(request_permissions) {
    CHECK(read_request(
        BODY("\"rbac_permissions\": {\"agent:read\": {\"agent:id:*\": \"allow\"}, \"other:read\": "
             "{\"a\": 1}, \"rbac_mode\": \"white\", \"cluster:read\": {\"node:id:*\": \"deny\"}}"),
        "agent:read\0group:read\0"));
    CHECK(r.rbac_white && !r.sees_secrets);
    CHECK_STR(r.rbac.text,
              "{\"agent:read\": {\"agent:id:*\": \"allow\"}, \"cluster:read\": {\"node:id:*\": \"deny\"}}");
    CHECK(read_request(BODY("\"rbac_permissions\": {\"rbac_mode\": \"grey\", \"manager:update_config\": "
                            "{\"*:*:*\": \"deny\", \"x\": \"allow\"}}"),
                       ""));
    CHECK(r.rbac_white && r.sees_secrets); /* what is not black is white */
    CHECK_STR(r.rbac.text, "{}");
    CHECK(read_request(BODY("\"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:update_config\": "
                            "{\"*:*:*\": \"deny\"}, \"manager:update_config\": 1}"),
                       ""));
    CHECK(!r.sees_secrets);
    REFUSED(BODY("\"rbac_permissions\": {\"cluster:read\": {}}"), "'rbac_mode'");
    REFUSED(BODY("\"rbac_permissions\": {\"rbac_mode\": 1}"),
            "argument 'rbac_mode' has a value of the wrong kind");
    REFUSED(BODY("\"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:read\": []}"),
            "argument 'cluster:read' has a value of the wrong kind");
}

/* A denial that was dropped would be a permission. */
TEST(request_too_many_permissions) {
    static char json[2 * API_RBAC_BYTES + 1000];
    struct text t;
    for (unsigned rules = 120; rules < 140; rules++) { /* tokens */
        text_init(&t, json, sizeof json);
        text_str(&t, "{" F ", \"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:read\": {");
        for (unsigned i = 0; i < rules; i++)
            text_format(&t, "%s\"node:id:%u\":\"deny\"", i ? "," : "", i);
        text_str(&t, "}}}");
        if (rules <= 126)
            CHECK(read_request(json, ""));
        else
            REFUSED(json, "there are too many permissions");
    }
    for (int i = 0; i < 3; i++) { /* bytes: of one action, of another that nobody asks for, of two */
        text_init(&t, json, sizeof json);
        text_format(&t,
                    "{" F ", \"rbac_permissions\": {\"rbac_mode\": \"black\", \"%s\": {\"%0*d\": \"deny\"}",
                    i == 1 ? "some:action" : "cluster:read", i == 2 ? 2500 : 4500, 0);
        if (i == 2)
            text_format(&t, ", \"agent:read\": {\"%0*d\": \"deny\"}", 2500, 0);
        text_str(&t, "}}");
        CHECK_INT(read_request(json, "agent:read\0"), i == 1);
        if (i != 1)
            CHECK_STR(why.extra, i ? "there are too many permissions for 'agent:read'"
                                   : "there are too many permissions for 'cluster:read'");
    }
}

/* To the last byte of either room: `{"cluster:read": {...}}` and its NUL, `{"a": .., "b": ..}` and its. */
TEST(request_rooms_are_used_up) {
    static char json[3 * API_KWARGS_BYTES];
    struct text t;
    for (int n = 4040; n < 4080; n++) {
        text_init(&t, json, sizeof json);
        text_format(&t,
                    BODY("\"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:read\": {\"%0*d\": 1}}"),
                    n, 0);
        bool fits = sizeof "{\"cluster:read\": {\"\": 1}}" + (size_t)n <= API_RBAC_BYTES;
        CHECK_INT(read_request(json, ""), fits);
        CHECK(!fits || strlen(r.rbac.text) == sizeof "{\"cluster:read\": {\"\": 1}}" - 1 + (size_t)n);
    }
    for (int n = 4000; n < 4090; n++) {
        text_init(&t, json, sizeof json);
        text_format(&t, KWARGS("\"a\": \"%0*d\", \"b\": \"%0*d\""), 4090, 0, n, 0);
        bool fits = sizeof "{\"a\": \"\", \"b\": \"\"}" + 4090 + (size_t)n <= API_KWARGS_BYTES;
        CHECK(read_request(json, ""));
        CHECK_STR(r.long_argument, fits ? "" : "b");
        CHECK_INT(api_argument(&r, "b") != 0, fits);
    }
}

/* ---- what is refused ---- */

TEST(request_that_is_no_json) {
    static const char *const bad[] = {
        "", "{", "{\"f\"", "get_status", "{" F ",}", "{" F "} x", "{" F ", \"nodes\": [}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!read_request(bad[i], ""));
        CHECK_INT(why.class, WAZUH_INTERNAL_ERROR);
        CHECK_INT(why.code, 3036);
    }
}

TEST(request_of_other_shapes) {
    REFUSED("[]", "a request is a JSON object");
    REFUSED("[1, {" F "}]", "a request is a JSON object");
    REFUSED("\"f\"", "a request is a JSON object");
    REFUSED("{}", "DistributedAPI.__init__() missing 1 required positional argument: 'f'");
    REFUSED("{\"f_kwargs\": {\"f\": 1}}",
            "DistributedAPI.__init__() missing 1 required positional argument: 'f'");
    REFUSED(BODY("\"x\": 1"), "DistributedAPI.__init__() got an unexpected keyword argument 'x'");
    REFUSED(BODY("\"logger\": 1"), "DistributedAPI.__init__() got an unexpected keyword argument 'logger'");
    REFUSED(BODY("\"f_kwargs\": {}, \"f_kwargs\": {}"),
            "DistributedAPI.__init__() got multiple values for argument 'f_kwargs'");
    /* of two functions the first would be judged and the second called */
    REFUSED(BODY(F), "DistributedAPI.__init__() got multiple values for argument 'f'");
    REFUSED(BODY("\"f_kwargs\": []"), "argument 'f_kwargs' has a value of the wrong kind");
    REFUSED(BODY("\"from_cluster\": 1"), "argument 'from_cluster' has a value of the wrong kind");
    REFUSED(BODY("\"request_type\": \"x\""), "argument 'request_type' is none of those there are");
    REFUSED(BODY("\"request_type\": null"), "argument 'request_type' has a value of the wrong kind");
    REFUSED(BODY("\"basic_services\": \"wazuh-db\""),
            "argument 'basic_services' has a value of the wrong kind");
    REFUSED(BODY("\"basic_services\": [1]"), "argument 'basic_services' has a value of the wrong kind");
    REFUSED(BODY("\"basic_services\": [\"sh\"]"), "basic_services names a daemon that there is not");
    REFUSED(BODY("\"nodes\": [[]]"), "argument 'nodes' has a value of the wrong kind");
    REFUSED(BODY("\"api_timeout\": -1"), "argument 'api_timeout' is no number of seconds");
    REFUSED(BODY("\"api_timeout\": 4294967296"), "argument 'api_timeout' is no number of seconds");
    REFUSED(BODY("\"current_user\": \"\\u0000\""), "argument 'current_user' is too long, or no text");
    REFUSED(KWARGS("\"agent_list\": {}"), "argument 'agent_list' has a value of the wrong kind");
    REFUSED(KWARGS("\"agent_list\": [null]"), "argument 'agent_list' has a value of the wrong kind");
    REFUSED(KWARGS("\"agent_list\": [[\"001\"]]"), "argument 'agent_list' has a value of the wrong kind");
    REFUSED(KWARGS("\"agent_list\": [], \"agent_id\": \"001\""),
            "agent_list and agent_id are given together, or twice");
    REFUSED(KWARGS("\"node_id\": null"), "argument 'node_id' has a value of the wrong kind");
    REFUSED(KWARGS("\"node_id\": \"a\", \"node_list\": [\"b\"]"),
            "node_list and node_id are given together, or twice");
    REFUSED(KWARGS("\"node_list\": [1]"), "'node_list' holds what is no node's name");
    REFUSED(KWARGS("\"node_id\": \"12345678901234567890123456789012345678901234567890123456789012345\""),
            "'node_id' holds what is no node's name");
    CHECK(read_request(
        KWARGS("\"node_id\": \"1234567890123456789012345678901234567890123456789012345678901234\""), ""));
}

TEST(request_ids_have_a_length) {
    char json[1024];
    for (int n = 79; n <= 80; n++) {
        snprintf(json, sizeof json, KWARGS("\"agent_list\": [\"%0*d\"]"), n, 0);
        CHECK_INT(read_request(json, ""), n == 79);
    }
    CHECK_STR(why.extra, "an agent's id is longer than 79 bytes, or no text");
    REFUSED(KWARGS("\"agent_list\": [\"a\\u0000b\"]"), "an agent's id is longer than 79 bytes, or no text");
}

#define CALL(name, module, path)                                                                             \
    "{\"f\": {\"__callable__\": {\"__name__\": \"" name "\", \"__module__\": \"" module                      \
    "\", \"__qualname__\": \"" path "\", \"__type__\": \"function\"}}}"

/* CVE-2026-25769: f names any function of any module. It is a name; and the words are those of 4.14.7. */
TEST(request_cve_2026_25769_foreign_functions) {
    check_refused(CALL("system", "os", "system"), 1000, "Decoding callable from module 'os' is not allowed");
    check_refused(CALL("eval", "builtins", "eval"), 1000,
                  "Decoding callable from module 'builtins' is not allowed");
    check_refused(CALL("Popen", "wazuhx.subprocess", "Popen"), 1000,
                  "Decoding callable from module 'wazuhx.subprocess' is not allowed");
    /* a module of Wazuh: to be looked up in a table by its whole name, and not found there */
    CHECK(read_request(CALL("execute", "wazuh.core.utils", "execute"), ""));
    CHECK_STR(r.function, "wazuh.core.utils.execute");
    CHECK(read_request(CALL("y", "api.x", "Z.y"), ""));
    CHECK_STR(r.function, "api.x.Z.y");
}

#define NO_OBJECT(f)                                                                                         \
    do {                                                                                                     \
        CHECK(!read_request("{\"f\": " f "}", ""));                                                          \
        CHECK_INT(why.code, 1000);                                                                           \
        CHECK(why.cmd_error);                                                                                \
        CHECK(strncmp(why.extra, "Wazuh object cannot be decoded from JSON", 40) == 0);                      \
    } while (0)
#define CALLABLE(members) "{\"__callable__\": {" members "}}"

/* What is judged must be what is called: real nodes put a function together from all three names. */
TEST(request_function_of_other_shapes) {
    static const char head[] = "{\"f\": {\"__callable__\": {\"__wazuh__\": {\"x\": \"";
    static char json[API_KEEP_BYTES + 200];
    NO_OBJECT("null");
    NO_OBJECT("\"wazuh.manager.get_status\"");
    NO_OBJECT("{}");
    NO_OBJECT("{\"__callable__\": \"get_status\"}");
    NO_OBJECT("{\"__unhandled_exc__\": {\"__class__\": \"exec\", \"__args__\": [\"1\"]}}");
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"b\", \"__module__\": \"wazuh\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": \"wazuh\", \"x\": 1"));
    NO_OBJECT(CALLABLE("\"__name__\": \"c\", \"__qualname__\": \"a.b.c\", \"__module__\": \"wazuh\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"c\", \"__qualname__\": \"a.<locals>.c\", \"__module__\": \"wazuh\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a.b\", \"__qualname__\": \"a.b\", \"__module__\": \"wazuh\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"\", \"__qualname__\": \"\", \"__module__\": \"wazuh\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": \"wazuh..os\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": \"wazuh/../x\""));
    NO_OBJECT(CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": \".os\""));
    NO_OBJECT(CALLABLE("\"__name__\": [\"a\"], \"__qualname__\": \"a\", \"__module__\": \"wazuh\""));
    NO_OBJECT("{\"__callable__\": {\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": \"wazuh\"}, "
              "\"__unhandled_exc__\": 1}");
    NO_OBJECT(
        CALLABLE("\"__name__\": \"a\", \"__qualname__\": \"a\", \"__module__\": "
                 "\"wazuh.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""));
    memset(json, 'x', sizeof json);
    memcpy(json, head, sizeof head - 1);
    strcpy(json + sizeof json - 20, "\"}}}}");
    CHECK(!read_request(json, ""));
    CHECK_STR(why.extra, "Wazuh object cannot be decoded from JSON: it is too long");
}

/* CVE-2025-24016: any object in the arguments becomes what it says it is, on a node of Wazuh before 4.9.1. We
 * do no such thing, and do not pass it on either. */
TEST(request_cve_2025_24016_forged_objects) {
    static const char *const forged[] = {
        KWARGS("\"auth_context\": {\"__unhandled_exc__\": {\"__class__\": \"exec\", \"__args__\": [\"1\"]}}"),
        KWARGS("\"a\": [[{\"b\": {\"__unhandled_exc__\": {\"__class__\": \"NotARealClass\", \"__args__\": "
               "[]}}}]]"),
        KWARGS("\"__unhandled_exc__\": {\"__class__\": \"exec\", \"__args__\": []}"),
        KWARGS(
            "\"f\": {\"__callable__\": {\"__name__\": \"system\", \"__module__\": \"os\", \"__qualname__\": "
            "\"system\"}}"),
        KWARGS("\"x\": {\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {}}}"),
        KWARGS("\"x\": {\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {}}}"),
        KWARGS("\"x\": {\"__call\\u0061ble__\": {}}"),
        KWARGS("\"agent_list\": [{\"__unhandled_exc__\": 1}]"),
        BODY("\"rbac_permissions\": {\"rbac_mode\": \"black\", \"x\": {\"__unhandled_exc__\": 1}}"),
        BODY("\"rbac_permissions\": {\"rbac_mode\": \"black\", \"__callable__\": {}}"),
        BODY("\"__unhandled_exc__\": {\"__class__\": \"exec\", \"__args__\": []}"),
        "{\"f\": {\"__callable__\": {\"__name__\": \"a\", \"__module__\": \"wazuh\", \"__qualname__\": "
        "\"W.a\", "
        "\"__wazuh__\": {\"__unhandled_exc__\": {\"__class__\": \"exec\", \"__args__\": []}}}}}",
    };
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        CHECK(!read_request(forged[i], ""));
        CHECK_INT(why.class, WAZUH_INTERNAL_ERROR);
        CHECK_INT(why.code, 1000);
    }
    CHECK(read_request(KWARGS("\"date\": {\"__wazuh_datetime__\": \"2026-11-20\"}"), ""));
    CHECK_STR(r.kwargs.text, "{\"date\": {\"__wazuh_datetime__\": \"2026-11-20\"}}");
    CHECK(read_request(KWARGS("\"q\": \"__callable__\""), ""));
}

/* ---- in pieces ---- */

/* White space of any length moves everything to other pieces. */
TEST(request_in_pieces) {
    static char json[200000];
    static const char rest[] =
        F ", \"f_kwargs\": {\"agent_list\": [\"001\", \"002\"], \"node_id\": \"w1\", \"a\": "
          "\"\\u00e9\"}, \"nodes\": [\"m\"], \"from_cluster\": false}";
    for (size_t blanks = 4000; blanks < 4100 + sizeof rest; blanks++) {
        memset(json, ' ', blanks);
        json[0] = '{';
        strcpy(json + blanks, rest);
        CHECK(read_request(json, ""));
        CHECK_STR(r.function, "wazuh.manager.get_status");
        CHECK_INT(r.agent_count, 2);
        CHECK_STR(r.kwargs.text, "{\"node_id\": \"w1\", \"a\": \"\\u00e9\"}");
        CHECK_STR(range(r.nodes), "[\"m\"]");
        CHECK_INT(api_request_forward(&r, NULL, &out, NULL), E_OK);
        CHECK(strstr(text_of(&out), "\"f_kwargs\": {\"agent_list\": [\"001\", \"002\"], \"a\": \"\\u00e9\"}, "
                                    "\"nodes\": [\"m\"], \"from_cluster\": true}"));
    }
    memset(json, ' ', sizeof json); /* more than a step */
    json[0] = '{';
    strcpy(json + sizeof json - sizeof rest, rest);
    open_rig(json);
    CHECK_INT(api_request_find_function(&r, &why), STEP_AGAIN);
    while (api_request_find_function(&r, &why) == STEP_AGAIN)
        ;
    CHECK_INT(api_request_read(&r, "", &why), STEP_AGAIN);
}

/* A spill file that fails is an error in words, at whatever place. */
TEST(request_that_cannot_be_read) {
    static char json[20000];
    memset(json, ' ', sizeof json);
    memcpy(json, "{" F, sizeof F);
    strcpy(json + sizeof json - 2, "}");
    open_rig(json);
    spill.fail_with = E_SYS;
    CHECK_INT(api_request_find_function(&r, &why), STEP_FAILED);
    CHECK_INT(why.code, 1000);
    spill.fail_with = E_OK;
    CHECK_INT(read_request(json, ""), true);
    spill.fail_with = E_SYS;
    CHECK_INT(api_request_forward(&r, NULL, &out, NULL), E_SYS);
    spill.fail_with = E_OK;
}

/* ---- passing on ---- */

static const char *forward(const char *json, const char *ids, size_t n) {
    static uint8_t small[256];
    struct blob list;
    struct error e;
    if (!read_request(json, ""))
        test_fail(__FILE__, __LINE__, "%s: %s", json, why.extra);
    blob_init(&list, small, sizeof small, NULL, NULL, sizeof small);
    if (n)
        CHECK_INT(blob_append(&list, (const uint8_t *)ids, n, &e), E_OK);
    CHECK_INT(api_request_forward(&r, ids ? &list : NULL, &out, &e), E_OK);
    return text_of(&out);
}
#define FORWARD(json, want) CHECK_STR(forward(json, NULL, 0), want)
#define FORWARD_TO(ids, json, want) CHECK_STR(forward(json, ids, sizeof ids - 1), want)
#define TRUE ", \"from_cluster\": true"

TEST(request_forward_from_cluster) {
    FORWARD("{" F "}", "{" F TRUE "}");
    FORWARD(" {" F " } \n", " {" F " " TRUE "} \n");
    FORWARD("{\"from_cluster\":false," F "}", "{\"from_cluster\":true," F "}");
    FORWARD("{" F TRUE "}", "{" F TRUE "}");
    FORWARD("{" F ", \"from_cluster\": null , \"nodes\": []}", "{" F TRUE " , \"nodes\": []}");
    FORWARD("{" F ", \"from_\\u0063luster\": false}", "{" F ", \"from_\\u0063luster\": true}");
}

TEST(request_forward_without_nodes) {
    FORWARD(KWARGS("\"node_id\": \"w1\""), BODY("\"f_kwargs\": {}" TRUE));
    FORWARD(KWARGS(" \"node_list\" : [ \"w1\",\"w2\" ] "), BODY("\"f_kwargs\": {  }" TRUE));
    FORWARD(KWARGS("\"node_list\": [], \"a\": 1"), BODY("\"f_kwargs\": { \"a\": 1}" TRUE));
    FORWARD(KWARGS("\"a\": 1, \"node_list\": \"*\", \"b\": 2"),
            BODY("\"f_kwargs\": {\"a\": 1, \"b\": 2}" TRUE));
    FORWARD(KWARGS("\"a\": 1 , \"node_list\": null"), BODY("\"f_kwargs\": {\"a\": 1 }" TRUE));
    FORWARD(KWARGS("\"a\":[],\"node\\u005fid\":\"}\\\"{\""), BODY("\"f_kwargs\": {\"a\":[]}" TRUE));
    FORWARD(KWARGS("\"a\": {\"node_id\": \"x\"}"), BODY("\"f_kwargs\": {\"a\": {\"node_id\": \"x\"}}" TRUE));
    FORWARD(BODY("\"f_kwargs\": null"), BODY("\"f_kwargs\": null" TRUE));
}

TEST(request_forward_to_some_agents) {
    FORWARD_TO("001\0a\"\0", KWARGS("\"agent_list\": [\"001\", \"002\"], \"a\": 1"),
               BODY("\"f_kwargs\": {\"agent_list\": [\"001\", \"a\\\"\"], \"a\": 1}" TRUE));
    FORWARD_TO("", KWARGS("\"agent_list\": \"*\""), BODY("\"f_kwargs\": {\"agent_list\": []}" TRUE));
    FORWARD_TO("001\0", KWARGS("\"agent_id\":7"), BODY("\"f_kwargs\": {\"agent_id\":[\"001\"]}" TRUE));
    FORWARD_TO("001\0", KWARGS("\"a\": null"), BODY("\"f_kwargs\": {\"a\": null}" TRUE));
    /* every order of what changes */
    FORWARD_TO("001\0",
               "{\"from_cluster\": false, " F ", \"f_kwargs\": {\"node_id\": \"w\", \"agent_list\": null}}",
               "{\"from_cluster\": true, " F ", \"f_kwargs\": { \"agent_list\": [\"001\"]}}");
    FORWARD_TO("001\0",
               "{" F
               ", \"f_kwargs\": {\"agent_list\": [],\"node_id\": \"w\",\"a\":1}, \"from_cluster\": false}",
               "{" F ", \"f_kwargs\": {\"agent_list\": [\"001\"],\"a\":1}, \"from_cluster\": true}");
    FORWARD("{\"f_kwargs\": {\"agent_list\": [],\"node_id\": \"w\"}, " F "}",
            "{\"f_kwargs\": {\"agent_list\": []}, " F TRUE "}");
}

TEST(request_forward_many_agents) {
    static char json[1000], ids[20000 * 8];
    struct blob list;
    struct error e;
    struct text t;
    text_init(&t, ids, sizeof ids);
    for (int i = 1; i <= 20000; i++) {
        text_format(&t, "%03d", i);
        text_add(&t, "", 1);
    }
    CHECK(!t.cut);
    strcpy(json, KWARGS("\"agent_list\": \"*\""));
    CHECK(read_request(json, ""));
    blob_init(&list, (uint8_t *)ids, sizeof ids, NULL, NULL, sizeof ids);
    list.size = t.len;
    CHECK_INT(api_request_forward(&r, &list, &out, &e), E_OK);
    const char *got = text_of(&out);
    CHECK(strstr(got, "{\"agent_list\": [\"001\", \"002\", \"003\", "));
    CHECK(strstr(got, "\"19999\", \"20000\"]}" TRUE "}"));
    CHECK_INT(out.size, sizeof BODY("\"f_kwargs\": {\"agent_list\": []}" TRUE) - 1 + 999 * 7 + 9000 * 8 +
                            10001 * 9 - 2);
    memset(ids, 'x', 200); /* an id that is too long does not end the list in silence */
    CHECK_INT(api_request_forward(&r, &list, &out, &e), E_LIMIT);
}

/* Blanks around node_id that nobody writes are refused, so that cutting it out needs no search. */
TEST(request_white_space_around_nodes) {
    char json[4096];
    for (int blanks = 0; blanks < 1200; blanks += 7) {
        for (int place = 0; place < 4; place++) {
            int n[4] = {0};
            n[place] = blanks;
            snprintf(json, sizeof json, KWARGS("%*s\"node_id\"%*s: %*s\"w\"%*s, \"a\": 1"), n[0], "", n[1],
                     "", n[2], "", n[3], "");
            bool read = read_request(json, "");
            CHECK(read || blanks > 400);
            CHECK(!read || blanks < 600);
            if (!read)
                CHECK_STR(why.extra, "there is too much white space around 'node_id'");
            else
                CHECK(!strstr(forward(json, NULL, 0), "node_id"));
        }
    }
}
