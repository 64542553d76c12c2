/* test_api_agents_sql.c - what a question of the API about agents becomes in SQL. Conditions are those that
 * WazuhDBQueryAgents of 4.14.7 makes of the same arguments; nothing that was asked leaves its quotes. */
#include "test/unit/api_agents_rig.h"

static struct fake_store fake;

static void open_fake(void) {
    fake_store_init(&fake);
    rig_open(&fake.store);
}

/* The condition that f_kwargs comes to, without permissions. */
static const char *where(const char *kwargs) {
    static char buf[65536];
    char rest[4600];
    struct agents_wish w;
    struct wazuh_error why;
    struct text t;
    snprintf(rest, sizeof rest, "\"f_kwargs\": {%s}", kwargs);
    rig_read("wazuh.agent.get_agents", rest);
    text_init(&t, buf, sizeof buf);
    if (agents_wish_read(&w, &rig_call.request, "", NULL, true, &why) != E_OK ||
        agents_sql_where(&t, &w, &why) != E_OK) {
        text_init(&t, buf, sizeof buf);
        text_format(&t, "%d %s", why.code, why.extra);
    }
    rig_drop();
    blob_reset(&rig_out);
    return buf;
}

TEST(conditions) {
    static const struct {
        const char *q, *sql;
    } cases[] = {
        {"name=x", "((name = 'x' collate nocase))"},
        {"name!=x;ip~10.",
         "((name != 'x' collate nocase) and (coalesce(ip,register_ip) like '%10.%' collate nocase))"},
        {"(id<5,id>7);os.name=null",
         "(((id < '5' collate nocase) or (id > '7' collate nocase)) and (os_name is null))"},
        {"group=web", "(((',' || `group` || ',') like '%,web,%'))"},
        {"group!=web", "((not (',' || `group` || ',') like '%,web,%'))"},
        {"group~web", "((`group` like '%web%'))"},
        {"group=null", "((`group` is null))"},
        {"name=o'x\\\"", "((name like 'o_x_' collate nocase))"},
        {"name~o'x", "((name like '%o_x%' collate nocase))"},
        {"version=wazuhv4", "((version = 'wazuh v4' collate nocase))"},
        {"lastKeepAlive<1d1h",
         "((last_keepalive is not null and last_keepalive > strftime('%s','now') - 90000 and id != 0))"},
        {"lastKeepAlive>90",
         "((last_keepalive is not null and last_keepalive < strftime('%s','now') - 90 and id != 0))"},
        {"dateAdd=2026-11-20 10:00:00",
         "((date_add is not null and date_add = strftime('%s','2026-11-20 10:00:00') and id != 0))"},
        {"name=a(b)[c,d]e", "((name = 'a(b)[c,d]e' collate nocase))"},
        {"(name=(a)b)", "(((name = '(a)b' collate nocase)))"},
        {"name=a b=c", "((name = 'a b=c' collate nocase))"},
        {"status=all;id=1", "((1) and (id = '1' collate nocase))"},
        {"name=-- /* 1", "1407 name=-- /* 1"},
        {"name=x) or (1=1", "1407 name=x) or (1=1"},
        {"name=x;", "1407 name=x;"},
        {"a b=c", "1407 a b=c"},
        {"name=", "1407 name="},
    };
    char kwargs[300], want[400];
    open_fake();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(kwargs, sizeof kwargs, "\"q\": \"%s\"", cases[i].q);
        snprintf(want, sizeof want, "%s%s", cases[i].sql[0] == '(' ? "1 and " : "", cases[i].sql);
        CHECK_STR(where(kwargs), want);
    }
}

TEST(filters) {
    open_fake();
    CHECK_STR(
        where("\"filters\": {\"status\": [\"active\", \"pending\"], \"name\": \"o'x\", \"node_name\": "
              "\"all\"}"),
        "1 and ((connection_status = 'active' collate nocase) or (connection_status = 'pending' collate "
        "nocase)) and ((name like 'o_x' collate nocase))");
    CHECK_STR(where("\"filters\": {\"version\": \"v4.14.7\", \"status_code\": 2, \"os.arch\": \"null\"}"),
              "1 and ((version = 'wazuh v4.14.7' collate nocase)) and ((status_code = 2 collate nocase)) and "
              "((os_arch is null))");
    CHECK_STR(
        where("\"filters\": {\"older_than\": \"1h\"}"),
        "1 and ((last_keepalive is not null and last_keepalive < strftime('%s','now') - 3600 and id != 0 and "
        "connection_status != 'never_connected') or (date_add is not null and date_add < "
        "strftime('%s','now') "
        "- 3600 and id != 0 and connection_status = 'never_connected'))");
    CHECK_STR(where("\"filters\": {\"older_than\": \"0s\", \"status\": [\"all\"]}, \"q\": \"\""), "1");
    CHECK_STR(where("\"filters\": {\"id); drop table agent; --\": \"1\"}"),
              "1408 Field: id); drop table agent; --");
    CHECK_STR(where("\"filters\": {\"name\": \"\\\\'; drop table agent; --\"}"),
              "1 and ((name like '\\_; drop table agent; --' collate nocase))");
    CHECK_STR(where("\"filters\": [1]"), "1000 filters is an object");
    CHECK_STR(where("\"filters\": {\"name\": [[1]]}"),
              "1000 A value of filters is a text, a number or a list of them");
}

/* Each is in brackets of its own. */
TEST(all_must_hold) {
    open_fake();
    const char *sql =
        where("\"filters\": {\"name\": \"a\"}, \"q\": \"id=1,id=2\", \"search\": {\"value\": \"7\", "
              "\"negation\": true}, \"distinct\": true, \"select\": [\"ip\"]");
    CHECK(strncmp(sql,
                  "1 and ((name = 'a' collate nocase)) and ((id = '1' collate nocase) or (id = '2' collate "
                  "nocase)) "
                  "and not (ifnull(name,'') like '%7%' or ifnull(coalesce(ip,register_ip),'') like '%7%' or ",
                  180) == 0);
    CHECK(strstr(
        sql, " or id like 7) and coalesce(ip,register_ip) is not null and coalesce(ip,register_ip) != ''"));
    CHECK(!strstr(sql, "internal_key"));
}

TEST(too_long) {
    char kwargs[4500];
    open_fake();
    memset(kwargs, 'a', sizeof kwargs);
    memcpy(kwargs, "\"filters\": {\"name\": \"", 21);
    memcpy(kwargs + 21 + 300, "\"}", 3);
    CHECK_STR(where(kwargs), "1000 A value of filters or q is too long");
    memset(kwargs, 'a', sizeof kwargs);
    memcpy(kwargs, "\"q\": \"name=", 11);
    memcpy(kwargs + 11 + 1000, "\"", 2);
    CHECK_STR(where(kwargs), "1000 A value of filters or q is too long");
    /* a question of many terms is refused where it is put together, and not cut */
    struct text t;
    text_init(&t, kwargs, sizeof kwargs);
    text_str(&t, "\"f_kwargs\": {\"q\": \"id=1");
    for (int i = 0; i < 600; i++)
        text_str(&t, ",id=1");
    text_str(&t, "\"}");
    CHECK(strstr(rig_ask("wazuh.agent.get_agents", kwargs), "The question is too long for the agent store"));
    CHECK_INT(fake.count, 0);
}

TEST(order_and_columns) {
    char buf[1024];
    struct agents_wish w;
    struct wazuh_error why;
    struct text t;
    open_fake();
    rig_read("wazuh.agent.get_agents",
             "\"f_kwargs\": {\"select\": [\"ip\", \"os.name\"], \"sort\": {\"fields\": "
             "[\"os.version\", \"name\"], \"order\": \"desc\"}}");
    CHECK_INT(agents_wish_read(&w, &rig_call.request, "", NULL, false, &why), E_OK);
    text_init(&t, buf, sizeof buf);
    agents_sql_columns(&t, w.select);
    agents_sql_order(&t, &w);
    CHECK_STR(
        buf,
        "id a,coalesce(ip,register_ip) c,os_name m order by cast(os_major as integer) desc,cast(os_minor as "
        "integer) desc,name desc,id");
    rig_drop();
    blob_reset(&rig_out);
}
