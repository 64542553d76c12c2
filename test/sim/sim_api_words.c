/* sim_api_words.c - see sim_api_words.h. */
#include "test/sim/sim_api_words.h"

#include <string.h>

/* Every function there is, and some there are not. */
static const char functions[] =
    "wazuh.agent.get_agents\0wazuh.core.agent.Agent.get_agents_overview\0wazuh.agent.get_agents_in_group\0"
    "wazuh.agent.get_agents_summary_status\0wazuh.agent.reconnect_agents\0wazuh.agent.restart_agents\0"
    "wazuh.agent.restart_agents_by_node\0wazuh.agent.get_agent_groups\0wazuh.cluster.get_nodes_info\0"
    "wazuh.cluster.get_health_nodes\0wazuh.cluster.get_status_json\0wazuh.cluster.get_node_wrapper\0"
    "wazuh.cluster.read_config_wrapper\0wazuh.cluster.get_ruleset_sync_status\0"
    "wazuh.core.cluster.control.get_node_ruleset_integrity\0picket.node.get_tree\0picket.node.get_manifest\0"
    "wazuh.manager.ossec_log\0wazuh.manager.ossec_log_summary\0wazuh.manager.get_status\0"
    "wazuh.core.manager.status\0wazuh.manager.get_basic_info\0wazuh.manager.read_ossec_conf\0"
    "wazuh.manager.get_api_config\0wazuh.manager.restart\0wazuh.manager.validation\0"
    "wazuh.analysis.reload_ruleset\0wazuh.stats.totals\0wazuh.stats.hourly\0wazuh.stats.weekly\0os.system\0"
    "wazuh.no.such\0";

static const char arguments[] =
    "\"limit\": 2\0\"offset\": 1\0\"agent_list\": [\"001\", \"002\", \"077\"]\0\"agent_list\": \"*\"\0"
    "\"agent_list\": []\0\"node_id\": \"master\"\0\"node_id\": \"peer\"\0\"node_id\": \"w1\"\0\"node_list\": "
    "\"*\"\0"
    "\"node_list\": [\"master\", \"peer\", \"nosuch\"]\0\"group_list\": [\"default\"]\0\"q\": "
    "\"id>1;name~a\"\0"
    "\"q\": \"((id=1,id=2)\"\0\"select\": [\"id\", \"name\"]\0\"sort_by\": [\"name\"]\0"
    "\"filters\": {\"status\": \"all\"}\0\"section\": \"cluster\"\0\"raw\": true\0\"filter_node\": "
    "[\"peer\"]\0"
    "\"search_text\": \"a\"\0\"distinct\": true\0\"date\": {\"__wazuh_datetime__\": "
    "\"2026-01-01T00:00:00Z\"}\0"
    "\"master_md5\": {\"etc/rules/a.xml\": \"x\"}\0\"level\": \"info\"\0\"x\": [1, {\"y\": null}]\0";

static const char members[] =
    "\"broadcasting\": true\0\"wait_for_complete\": true\0\"from_cluster\": true\0"
    "\"nodes\": [\"master\", \"w1\", \"peer\"]\0\"basic_services\": [\"wazuh-db\"]\0\"is_async\": true\0"
    "\"rbac_permissions\": {\"rbac_mode\": \"white\", \"agent:read\": {\"agent:id:001\": \"allow\"}}\0"
    "\"rbac_permissions\": {\"rbac_mode\": \"black\"}\0\"current_user\": \"u\"\0\"local_client_arg\": "
    "\"lc\"\0"
    "\"remove_denied_nodes\": true\0\"api_timeout\": 10\0";

static const char types[] = "local_any\0local_master\0distributed_master\0distributed_master\0x\0";

static const char *pick(uint8_t (*byte)(void), const char *list) {
    uint32_t count = 0;
    for (const char *at = list; *at; at += strlen(at) + 1)
        count++;
    return text_item(list, byte() % count);
}

/* Some bytes in it change, or it ends early. */
static void spoil(uint8_t (*byte)(void), struct text *out, size_t from) {
    uint8_t how = byte();
    size_t n = out->len - from;
    if (how >= 16 || !n)
        return;
    if (how & 1)
        out->buf[from + (size_t)byte() * 7 % n] ^= (char)(1 << how / 2);
    else
        out->len = from + (size_t)byte() * 7 % n;
}

void api_words_request(uint8_t (*byte)(void), struct text *out) {
    size_t from = out->len;
    const char *function = pick(byte, functions), *dot = strrchr(function, '.'), *type = pick(byte, types);
    const char *name = strstr(function, ".Agent.") ? dot - 6 : dot;
    text_format(out,
                "{\"f\": {\"__callable__\": {\"__name__\": \"%s\", \"__module__\": \"%.*s\", "
                "\"__qualname__\": \"%s\", \"__type__\": \"function\"}}, \"f_kwargs\": {",
                dot + 1, (int)(name - function), function, name + 1);
    for (unsigned n = byte() % 4, i = 0; i < n; i++)
        text_format(out, "%s%s", i ? ", " : "", pick(byte, arguments));
    text_format(out, "}, \"request_type\": \"%s\"", type);
    for (unsigned n = byte() % 4; n; n--)
        text_format(out, ", %s", pick(byte, members));
    text_str(out, "}");
    spoil(byte, out, from);
}

void api_words_answer(uint8_t (*byte)(void), struct text *out) {
    static const char answers[] =
        "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": null, "
        "\"result\": {\"a\": 1}}}}\0"
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"type\": "
        "\"about:blank\", "
        "\"title\": \"Bad Request\", \"code\": 1701, \"extra_message\": null, \"extra_remediation\": null, "
        "\"cmd_error\": false, \"dapi_errors\": {}, \"ids\": [\"001\"]}}}\0"
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhInternalError\", \"__object__\": {\"code\": "
        "1000}}}\0"
        "{}\0[]\0\"text\"\0";
    size_t from = out->len;
    if (byte() % 3) {
        text_str(out, pick(byte, answers));
    } else {
        unsigned n = byte() % 8;
        text_str(out, "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
                      "{\"affected_items\": [");
        for (unsigned i = 0; i < n; i++)
            text_format(out, "%s{\"id\": \"%03u\", \"n\": %d}", i ? ", " : "", byte(), byte() - 128);
        text_format(out,
                    "], \"sort_fields\": [\"%s\"], \"sort_casting\": [\"%s\"], \"sort_ascending\": [%s], "
                    "\"total_affected_items\": %u, \"total_failed_items\": 1, \"dikt\": {}, \"all_msg\": "
                    "\"all\", \"some_msg\": \"some\", \"none_msg\": \"none\", \"failed_items_keys\": "
                    "[{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": "
                    "1701}}}], \"failed_items_values\": [[\"009\"]]}}}",
                    byte() & 1 ? "id" : "n", byte() & 1 ? "int" : "str", byte() & 1 ? "true" : "false", n);
    }
    spoil(byte, out, from);
}

void api_words_sendsync(uint8_t (*byte)(void), struct text *out) {
    static const char daemons[] = "authd\0authd\0authd\0task-manager\0wazuh-db\0remoted\0nosuch\0";
    static const char messages[] =
        "{\"arguments\": {\"name\": \"new\", \"ip\": \"any\"}, \"function\": \"add\"}\0"
        "{\"arguments\": {\"name\": \"agent1\", \"ip\": \"any\", \"force\": {\"enabled\": true, "
        "\"disconnected_time\": {\"enabled\": false, \"value\": \"0s\"}, \"key_mismatch\": false, "
        "\"after_registration_time\": \"0s\"}}, \"function\": \"add\"}\0"
        "{\"arguments\": {\"id\": \"002\", \"purge\": true}, \"function\": \"remove\"}\0"
        "{\"arguments\": {\"id\": \"003\"}, \"function\": \"get\"}\0{\"function\": \"add\"}\0"
        "\"global select-groups\"\0\"\\u0041\\ud83d\\ude00\"\0{}\0"
        "7\0";
    size_t from = out->len;
    text_format(out, "{\"daemon_name\": \"%s\", \"message\": %s}", pick(byte, daemons), pick(byte, messages));
    spoil(byte, out, from);
}
