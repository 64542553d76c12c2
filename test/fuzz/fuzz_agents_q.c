/* fuzz_agents_q.c - questions of the API about agents: the first byte says whether the rest is q alone or all
 * of f_kwargs. What becomes of it must be one SELECT that the embedded store takes, and whatever is asked, it
 * gives no agent but the one that may be read. */
#include "api/agents_parts.h"
#include "test/fuzz/wdb_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char json[8192];
static struct api_request request;

static const char *const rows[] = {
    "global insert-agent-group default",
    "global insert-agent-group web",
    "global insert-agent {\"id\":1,\"name\":\"a1\",\"ip\":\"any\",\"date_add\":1}",
    "global insert-agent "
    "{\"id\":2,\"name\":\"a2\",\"ip\":\"any\",\"register_ip\":\"10.0.0.1\",\"date_add\":1700000000}",
    "global insert-agent {\"id\":65538,\"name\":\"a3\",\"date_add\":1}",
    "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,"
    "\"groups\":[\"default\",\"web\"]},{\"id\":65538,\"groups\":[\"default\"]}]}",
    "global update-agent-data {\"id\":1,\"os_name\":\"x\",\"os_major\":\"9\",\"version\":\"Wazuh "
    "v4.14.7\","
    "\"sync_status\":\"syncreq\",\"connection_status\":\"active\",\"group_config_status\":\"synced\"}"};

/* The one agent that may be read. */
static void permit(void) {
    static const char rules[] = "{\"agent:read\": {\"agent:id:001\": \"allow\"}}";
    struct error e;
    must(json_parse(&request.rbac, rules, sizeof rules - 1, request.rbac_tokens, API_RBAC_TOKENS, &e) ==
         E_OK);
    request.rbac_white = true;
}

static enum err only_one(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    char room[API_TEXT_BYTES];
    struct text t;
    struct json_write w;
    int64_t id = 0;
    (void)why;
    must(agents_row_number(d, 'a', &id) && id == 1);
    text_init(&t, room, sizeof room);
    json_write_init(&w, &t);
    must(agents_item(&w, d, *(uint32_t *)arg) == E_OK && !t.cut);
    return E_OK;
}

/* Errors that say how much the store takes, and not that it does not understand. */
static bool is_too_much(const char *why) {
    return strstr(why, "too complex") || strstr(why, "too large") || strstr(why, "stack overflow") ||
           strstr(why, "too many");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct agents_wish wish;
    struct wazuh_error why;
    struct error e;
    struct text t;
    struct json_write w;
    bool cut;
    once(rows, sizeof rows / sizeof *rows);
    permit();
    if (size < 1)
        return 0;
    text_init(&t, json, sizeof json);
    if (*data & 1) {
        text_add(&t, (const char *)data + 1, size - 1);
    } else {
        json_write_init(&w, &t);
        json_open(&w, '{');
        json_key(&w, "q");
        json_str_n(&w, (const char *)data + 1, size - 1);
        json_close(&w, '}');
    }
    if (t.cut || json_parse(&request.kwargs, json, t.len, request.kwargs_tokens, API_TOKENS, &e) != E_OK ||
        request.kwargs.tokens[0].kind != JSON_OBJECT)
        return 0;
    if (agents_wish_read(&wish, &request, "agent:read\0", NULL, true, &why) != E_OK)
        return 0;
    wish.distinct = false; /* its rows have no id */
    text_init(&t, command, sizeof command);
    text_str(&t, "global sql select ");
    agents_sql_columns(&t, wish.select | 1u << AGENT_ID);
    text_str(&t, " from agent where id in (select id from agent where ");
    if (agents_sql_where(&t, &wish, &why) != E_OK)
        return 0;
    agents_sql_order(&t, &wish);
    text_str(&t, " limit 10 offset 0)");
    agents_sql_order(&t, &wish);
    must(!t.cut);
    run(command);
    if (strncmp(reply, "err ", 4) == 0)
        must(is_too_much(reply));
    else
        must(agents_rows(reply, strlen(reply), &cut, only_one, &wish.select, &why) == E_OK && !cut);
    return 0;
}
