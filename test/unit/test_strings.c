/* test_strings.c - the strings of agent information and groups: what a real node sent (4.14.7), what Python
 * writes, and everything a peer may send instead. */
#include "base/json_write.h"
#include "store/agents.h"
#include "store/strings.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- as real nodes sent them ---- */

static const char real_lists[] =
    "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": {\"sy"
    "ncreq\": [{\"id\": 1, \"name\": \"agent1\", \"ip\": \"10.0.0.1\", \"os_name\": \"Ubuntu\", \"os_"
    "version\": \"22.04.4 LTS\", \"os_major\": \"22\", \"os_minor\": \"04\", \"os_codename\": \"Jam"
    "my Jellyfish\", \"os_platform\": \"ubuntu\", \"os_uname\": \"Linux |agent1 |5.15.0-105-g"
    "eneric |#115-Ubuntu SMP |x86_64\", \"os_arch\": \"x86_64\", \"version\": \"Wazuh v4.14.7"
    "\", \"config_sum\": \"ab73af41699f13fdd81903b5f23d8d00\", \"merged_sum\": \"4a8724b20dee"
    "0124ff9656783c490c4e\", \"manager_host\": \"w1\", \"node_name\": \"worker1\", \"last_keepa"
    "live\": 1763633000, \"connection_status\": \"active\", \"disconnection_time\": 0, \"grou"
    "p_config_status\": \"synced\", \"status_code\": 0, \"labels\": [{\"key\": \"site\", \"value\""
    ": \"lab\"}]}], \"syncreq_keepalive\": [{\"id\": 2, \"version\": \"Wazuh v4.14.7\"}], \"sync"
    "req_status\": [{\"id\": 3, \"version\": \"Wazuh v4.14.7\", \"connection_status\": \"discon"
    "nected\", \"disconnection_time\": 1763633111, \"status_code\": 0}]}}";
static const char real_groups[] =
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "
    "\"sync_status\": \"synced\"}, \"chunks\": [\"[{\\\"data\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"agent1\\\","
    "\\\"groups\\\":[\\\"default\\\"]},{\\\"id\\\":2,\\\"name\\\":\\\"agent2\\\",\\\"groups\\\":["
    "\\\"default\\\","
    "\\\"linux\\\"]},{\\\"id\\\":3,\\\"name\\\":\\\"agent3\\\",\\\"groups\\\":[\\\"windows\\\"]}],"
    "\\\"hash\\\":\\\""
    "6a8eb81c650381466a5e8d949606a705904b515b\\\"}]\"]}";
static const char real_groups_chunk[] =
    "[{\"data\":[{\"id\":1,\"name\":\"agent1\",\"groups\":[\"default\"]},{\"id\":2,\"name\":\"agent2\","
    "\"groups\":[\"default\",\"linux\"]},{\"id\":3,\"name\":\"agent3\",\"groups\":[\"windows\"]}],\"ha"
    "sh\":\"6a8eb81c650381466a5e8d949606a705904b515b\"}]";

/* ---- a blob and what a reader tells of it ---- */

#define SMALL 65536
static uint8_t small[SMALL];
static struct memory_spill spill;
static struct blob blob;
static struct store_texts texts;
static struct strings_reader reader;
static struct error error;
static char log_bytes[1u << 18];
static struct text events;

static void fresh_blob(size_t small_cap) {
    blob_reset(&blob);
    blob_init(&blob, small, small_cap, NULL, &spill.spill, 64u << 20);
}
static void at_end(void *arg) {
    (void)arg;
    blob_reset(&blob);
    CHECK_INT(spill.open, 0);
}
static void start(size_t small_cap) {
    memory_spill_init(&spill, 64u << 20);
    blob_init(&blob, small, small_cap, NULL, &spill.spill, 64u << 20);
    test_at_end(at_end, NULL);
}
static void add(const char *s) {
    CHECK_INT(blob_append(&blob, (const uint8_t *)s, strlen(s), NULL), E_OK);
}
static void blob_is(const char *want) {
    add("");
    const char *bytes = (const char *)blob_bytes(&blob);
    CHECK_INT(blob.size, strlen(want));
    CHECK_MEM(bytes, want, (size_t)blob.size);
}

/* One event as words: agents with their list, ends with their number, !code when bad, and the hash. */
static void note(enum string_event event) {
    switch (event) {
    case STRING_MORE:
        return;
    case STRING_CHUNK:
        CHECK_INT(strlen(reader.text), reader.text_n);
        text_format(&events, "c%u:%s|", (unsigned)reader.chunk, reader.text);
        return;
    case STRING_AGENT:
        CHECK_INT(reader.doc.tokens[0].kind, JSON_OBJECT);
        text_format(&events, "a%u:", (unsigned)reader.list);
        text_add(&events, reader.doc.text, reader.doc.len);
        text_char(&events, '|');
        return;
    case STRING_CHUNK_END:
        text_format(&events, "e%u", (unsigned)reader.chunk);
        if (reader.chunk_bad)
            text_format(&events, "!%s", err_words(reader.chunk_why.code));
        if (reader.hash_seen)
            text_format(&events, "#%s", reader.has_hash ? reader.hash : "null");
        text_char(&events, '|');
        return;
    case STRING_END:
        text_str(&events, ".");
        return;
    }
}

/* Reads the blob to its end or to an error. */
static enum err read_blob(enum string_kind kind, bool agents) {
    enum string_event event = STRING_MORE;
    enum err err = E_OK;
    text_init(&events, log_bytes, sizeof log_bytes);
    strings_reader_init(&reader, kind, agents, &blob, &texts);
    while (err == E_OK && event != STRING_END) {
        err = strings_reader_next(&reader, &event, &error);
        CHECK(err == E_OK || event == STRING_MORE);
        note(event);
    }
    if (err == E_OK) {
        CHECK_INT(strings_reader_next(&reader, &event, &error), E_OK);
        CHECK_INT(event, STRING_END);
    } else {
        CHECK_INT(strings_reader_next(&reader, &event, NULL), E_SYNTAX);
        CHECK_INT(event, STRING_MORE);
    }
    CHECK(!events.cut);
    return err;
}

static enum err read_text(enum string_kind kind, bool agents, const char *text) {
    fresh_blob(SMALL);
    add(text);
    return read_blob(kind, agents);
}

/* ---- building ---- */

TEST(strings_are_built_as_python_writes_them) {
    start(SMALL);
    CHECK_INT(string_begin(&blob, STRING_GROUPS, &error), E_OK);
    CHECK_INT(string_chunk(&blob, real_groups_chunk, strlen(real_groups_chunk), true, &error), E_OK);
    CHECK_INT(string_end(&blob, STRING_GROUPS, &error), E_OK);
    blob_is(real_groups);

    fresh_blob(SMALL);
    CHECK_INT(string_begin(&blob, STRING_INFO_LISTS, &error), E_OK);
    const char *lists = strstr(real_lists, "{\"syncreq\"");
    CHECK_INT(blob_append(&blob, (const uint8_t *)lists, strlen(lists) - 1, &error), E_OK);
    CHECK_INT(string_end(&blob, STRING_INFO_LISTS, &error), E_OK);
    blob_is(real_lists);

    /* json.dumps({"set_data_command": ..., "payload": {}, "chunks": ["[{\"id\":1}]", ""]}) */
    fresh_blob(SMALL);
    CHECK_INT(string_begin(&blob, STRING_INFO_TEXT, &error), E_OK);
    CHECK_INT(string_chunk(&blob, "[{\"id\":1}]", 10, true, &error), E_OK);
    CHECK_INT(string_chunk(&blob, "", 0, false, &error), E_OK);
    CHECK_INT(string_end(&blob, STRING_INFO_TEXT, &error), E_OK);
    blob_is("{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
            "[\"[{\\\"id\\\":1}]\", \"\"]}");

    /* json.dumps of a text with everything that has an escape */
    fresh_blob(SMALL);
    CHECK_INT(string_chunk(&blob,
                           "a\042b\134c/\010\014\012\015\011\001\177 \303\251\342\202\254\360\237\230\200",
                           23, true, &error),
              E_OK);
    blob_is("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u007f \\u00e9\\u20ac\\ud83d\\ude00\"");
}

/* Characters of every length at every place where a slice may end, and bytes that are no characters. */
TEST(strings_chunks_are_escaped_as_a_whole) {
    static const char *const units[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                        "\xa9",     "\xe2\x82",     "\xf0\x9f\x98",
                                        "\xff",     "\"",           "\xf0\x9f\x98\x80\x80"};
    static char text[2100], whole[6 * sizeof text + 3];
    start(SMALL);
    for (size_t unit = 0; unit < sizeof units / sizeof *units; unit++)
        for (size_t shift = 0; shift < 6; shift++) {
            struct text t, want;
            text_init(&t, text, sizeof text);
            text_add(&t, "xxxxx", shift);
            while (!t.cut && t.len < 2000)
                text_str(&t, units[unit]);
            text_init(&want, whole, sizeof whole);
            json_escape(&want, text, t.len);
            fresh_blob(SMALL);
            CHECK_INT(string_chunk(&blob, text, t.len, true, NULL), E_OK);
            CHECK(!want.cut);
            blob_is(whole);
        }
}

TEST(strings_that_do_not_fit_the_blob) {
    start(SMALL);
    blob_init(&blob, small, SMALL, NULL, NULL, 20);
    CHECK_INT(string_begin(&blob, STRING_GROUPS, &error), E_LIMIT);
    CHECK_INT(string_chunk(&blob, "0123456789", 10, true, &error), E_OK);
    CHECK_INT(string_chunk(&blob, "0123456789", 10, true, &error), E_LIMIT);
}

/* ---- taking apart ---- */

TEST(strings_real_lists) {
    start(SMALL);
    CHECK_INT(read_text(STRING_INFO_LISTS, true, real_lists), E_OK);
    char want[2048];
    const char *one = strstr(real_lists, "{\"id\": 1"), *end = strstr(real_lists, "], \"syncreq_keepalive");
    snprintf(
        want, sizeof want,
        "a%d:%.*s|e1|a%d:{\"id\": 2, \"version\": \"Wazuh v4.14.7\"}|e2|a%d:{\"id\": 3, \"version\": "
        "\"Wazuh v4.14.7\", \"connection_status\": \"disconnected\", \"disconnection_time\": 1763633111, "
        "\"status_code\": 0}|e3|.",
        SYNCREQ, (int)(end - one), one, SYNCREQ_KEEPALIVE, SYNCREQ_STATUS);
    CHECK_STR(log_bytes, want);
    CHECK_INT(reader.chunk, 3); /* "updated_chunks": 3, as the real master answered */
    CHECK_INT(reader.chunks_from, strstr(real_lists, "{\"syncreq\"") - real_lists);
    CHECK_INT(reader.chunks_to, strlen(real_lists) - 1);
    CHECK_INT(read_text(STRING_INFO_LISTS, false, real_lists), E_OK);
    CHECK_STR(log_bytes, ".");
    CHECK_INT(reader.chunk, 3);
    CHECK_INT(reader.chunks_to - reader.chunks_from, strlen(strstr(real_lists, "{\"syncreq\"")) - 1);
}

TEST(strings_real_groups) {
    start(SMALL);
    CHECK_INT(read_text(STRING_GROUPS, true, real_groups), E_OK);
    CHECK_STR(log_bytes, "a3:{\"id\":1,\"name\":\"agent1\",\"groups\":[\"default\"]}|"
                         "a3:{\"id\":2,\"name\":\"agent2\",\"groups\":[\"default\",\"linux\"]}|"
                         "a3:{\"id\":3,\"name\":\"agent3\",\"groups\":[\"windows\"]}|"
                         "e1#6a8eb81c650381466a5e8d949606a705904b515b|.");
    CHECK(reader.has_hash);
    CHECK_STR(reader.hash, "6a8eb81c650381466a5e8d949606a705904b515b");
    CHECK_INT(read_text(STRING_GROUPS, false, real_groups), E_OK);
    char want[1024];
    snprintf(want, sizeof want, "c1:%s|.", real_groups_chunk);
    CHECK_STR(log_bytes, want);
}

#define GROUPS(chunks)                                                                                       \
    "{\"set_data_command\": \"global set-agent-groups\", \"payload\": {\"mode\": \"override\", "             \
    "\"sync_status\": \"synced\"}, \"chunks\": " chunks "}"
#define INFO(chunks)                                                                                         \
    "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": " chunks "}"

static void tells(enum string_kind kind, const char *text, const char *want) {
    enum err err = read_text(kind, true, text);
    if (err != E_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", error.what, text);
    CHECK_STR(log_bytes, want);
}

TEST(strings_chunks_of_texts) {
    start(SMALL);
    tells(STRING_INFO_TEXT, INFO("[]"), ".");
    tells(STRING_INFO_TEXT, INFO("[\"[]\"]"), "e1|.");
    tells(STRING_INFO_TEXT,
          INFO("[\"[{\\\"id\\\":1},{\\\"id\\\":2}]\", \"[{\\\"n\\\": \\\"\\u00e9\\\\n\\\"}]\"]"),
          "a3:{\"id\":1}|a3:{\"id\":2}|e1|a3:{\"n\": \"\xc3\xa9\\n\"}|e2|.");
    tells(STRING_GROUPS,
          GROUPS("[\"[{\\\"data\\\":[{\\\"id\\\":1}]}]\",\"[{\\\"hash\\\":null,\\\"data\\\":[]}]\"]"),
          "a3:{\"id\":1}|e1|e2#null|.");
    CHECK(reader.hash_seen && !reader.has_hash);
    /* Wazuh looks at the first element; other members and other elements are not its affair */
    tells(STRING_GROUPS,
          GROUPS("[\"[{\\\"x\\\":[{}],\\\"data\\\":[{\\\"data\\\":[{}]}]},{\\\"data\\\":[{}],\\\"hash\\\":1},"
                 "7]\"]"),
          "a3:{\"data\":[{}]}|e1|.");
    /* members in another order, others between them, blanks */
    tells(STRING_GROUPS,
          " {\"chunks\":[\"[{\\\"data\\\":[]}]\"],\"x\":{\"chunks\":1},\"payload\":{\"mode\":\"override\"},"
          "\"set_data_command\":\"global set\\u002dagent-groups\"} ",
          "e1|.");
}

TEST(strings_lists) {
    start(SMALL);
    tells(STRING_INFO_LISTS, INFO("{}"), ".");
    CHECK_INT(reader.chunk, 0);
    CHECK_INT(reader.chunks_to - reader.chunks_from, 2);
    tells(STRING_INFO_LISTS, INFO("{\"syncreq_status\":[{\"id\":1},{}],\"syncreq\":[]}"),
          "a2:{\"id\":1}|a2:{}|e1|e2|.");
    /* the real master answers with len(data["chunks"]): members it does not know count */
    tells(STRING_INFO_LISTS, INFO("{\"a\":[{}],\"syncreq_keepalive\":[{}],\"b\":1}"), "a1:{}|e2|.");
    CHECK_INT(reader.chunk, 3);
}

/* What is wrong within a chunk is told at its end, and the next one is read. */
TEST(strings_bad_chunks_of_texts) {
    static const struct {
        const char *first;         /* chunk, as it stands in the outer text */
        const char *info, *groups; /* what is told of it */
    } cases[] = {
        {"", "e1!short", "e1!short"},
        {"x", "e1!syntax", "e1!syntax"},
        {"{}", "e1!value", "e1!value"},
        {"7", "e1!value", "e1!value"},
        {"[", "e1!short", "e1!short"},
        {"[]", "e1", "e1!value"},
        {"[{}", "a3:{}|e1!short", "e1!short"},
        {"[{}]]", "a3:{}|e1!syntax", "e1!syntax"},
        {"[{},1,{}]", "a3:{}|a3:{}|e1!value", "e1!value"},
        {"[[]]", "e1!value", "e1!value"},
        {"[{\\\"data\\\":{}}]", "a3:{\"data\":{}}|e1", "e1!value"},
        {"[{\\\"data\\\":[[]]}]", "a3:{\"data\":[[]]}|e1", "e1!value"},
        {"[{\\\"data\\\":[{}],\\\"data\\\":[{}]}]", "a3:{\"data\":[{}],\"data\":[{}]}|e1", "a3:{}|e1!value"},
        {"[{\\\"data\\\":[],\\\"hash\\\":1}]", "a3:{\"data\":[],\"hash\":1}|e1", "e1!value#null"},
        {"[{\\\"data\\\":[{}], \\u0000}]", NULL, NULL},
    };
    char text[512], want[256];
    start(SMALL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int groups = 0; groups < 2; groups++) {
            const char *told = groups ? cases[i].groups : cases[i].info;
            snprintf(text, sizeof text,
                     groups ? GROUPS("[\"%s\",\"[{\\\"data\\\":[]}]\"]") : INFO("[\"%s\",\"[{}]\"]"),
                     cases[i].first);
            enum err err = read_text(groups ? STRING_GROUPS : STRING_INFO_TEXT, true, text);
            if (!told) { /* U+0000 is in no string */
                CHECK_INT(err, E_VALUE);
                continue;
            }
            CHECK_INT(err, E_OK);
            const char *bad = strchr(told, '!');
            int n = bad ? (int)(bad - told) : (int)strlen(told);
            const char *why = !bad                             ? ""
                              : bad[1] == 'v'                  ? err_words(E_VALUE)
                              : bad[1] == 's' && bad[2] == 'y' ? err_words(E_SYNTAX)
                                                               : err_words(E_TRUNCATED);
            snprintf(want, sizeof want, "%.*s%s%s%s|%s.", n, told, bad ? "!" : "", why,
                     bad && strchr(bad, '#') ? "#null" : "", groups ? "e2|" : "a3:{}|e2|");
            CHECK_STR(log_bytes, want);
        }
}

TEST(strings_bad_hashes) {
    char text[512];
    static const char *const bad[] = {"\\\"\\\"",
                                      "\\\"6a8eb81c650381466a5e8d949606a705904b515\\\"",
                                      "\\\"6a8eb81c650381466a5e8d949606a705904b515bb\\\"",
                                      "\\\"6a8eb81c650381466a5e8d949606a705904b515G\\\"",
                                      "[11111111111111111111111111111111111111111]",
                                      "true"};
    start(SMALL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, GROUPS("[\"[{\\\"data\\\":[],\\\"hash\\\":%s}]\"]"), bad[i]);
        CHECK_INT(read_text(STRING_GROUPS, true, text), E_OK);
        CHECK(reader.chunk_bad && !reader.has_hash);
    }
}

TEST(strings_bad_outer_texts) {
    static const struct {
        enum string_kind kind;
        enum err err;
        const char *text;
    } cases[] = {
        {STRING_GROUPS, E_TRUNCATED, ""},
        {STRING_GROUPS, E_SYNTAX, "x"},
        {STRING_GROUPS, E_VALUE, "[]"},
        {STRING_GROUPS, E_VALUE, "{}"},
        {STRING_GROUPS, E_VALUE, "1"},
        {STRING_GROUPS, E_SYNTAX, GROUPS("[]") "x"},
        {STRING_GROUPS, E_TRUNCATED, GROUPS("[\"")},
        {STRING_GROUPS, E_SYNTAX, GROUPS("[\"[]\"")},
        {STRING_GROUPS, E_VALUE, GROUPS("{}")},
        {STRING_GROUPS, E_VALUE, GROUPS("\"\"")},
        {STRING_GROUPS, E_VALUE, GROUPS("null")},
        {STRING_GROUPS, E_VALUE, GROUPS("[[]]")},
        {STRING_GROUPS, E_VALUE, GROUPS("[{}]")},
        {STRING_GROUPS, E_VALUE, GROUPS("[1]")},
        {STRING_GROUPS, E_VALUE, INFO("[]")},
        {STRING_INFO_TEXT, E_VALUE, GROUPS("[]")},
        {STRING_INFO_TEXT, E_VALUE, INFO("{}")},
        {STRING_INFO_LISTS, E_VALUE, INFO("[]")},
        {STRING_INFO_LISTS, E_VALUE, INFO("{\"syncreq\":{}}")},
        {STRING_INFO_LISTS, E_VALUE, INFO("{\"syncreq\":null}")},
        {STRING_INFO_LISTS, E_VALUE, INFO("{\"syncreq\":[],\"syncreq\":[]}")},
        {STRING_GROUPS, E_VALUE, "{\"payload\":{\"mode\":\"override\"},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE, "{\"set_data_command\":\"global set-agent-groups\",\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global set-agent-groups\",\"payload\":{\"mode\":\"override\"}}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global sql delete from agent\",\"payload\":{},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global set-agent-groups "
         "\",\"payload\":{\"mode\":\"override\"},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":null,\"payload\":{\"mode\":\"override\"},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global set-agent-groups\",\"payload\":{},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global set-agent-groups\",\"payload\":[],\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global "
         "set-agent-groups\",\"payload\":{\"mode\":\"remove\"},\"chunks\":[]}"},
        {STRING_GROUPS, E_VALUE,
         "{\"set_data_command\":\"global set-agent-groups\",\"payload\":{\"mode\":\"override\","
         "\"sync_status\":\"syncreq\"},\"chunks\":[]}"},
        {STRING_INFO_TEXT, E_VALUE,
         "{\"set_data_command\":\"global sync-agent-info-set\",\"payload\":\"\",\"chunks\":[]}"},
        /* twice: which would count? */
        {STRING_INFO_TEXT, E_VALUE,
         "{\"set_data_command\":\"global sync-agent-info-set\",\"payload\":{},\"chunks\":[],\"chunks\":[]}"},
        {STRING_INFO_TEXT, E_VALUE,
         "{\"set_data_command\":\"global sync-agent-info-set\",\"payload\":{},\"payload\":{},\"chunks\":[]}"},
        {STRING_INFO_TEXT, E_VALUE,
         "{\"set_data_command\":\"global sync-agent-info-set\",\"set_data_command\":\"global "
         "sync-agent-info-set\","
         "\"payload\":{},\"chunks\":[]}"},
    };
    start(SMALL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int agents = 0; agents < 2; agents++) {
            enum err err = read_text(cases[i].kind, agents, cases[i].text);
            if (err != cases[i].err)
                test_fail(__FILE__, __LINE__, "%s, not %s: %s", err_words(err), err_words(cases[i].err),
                          cases[i].text);
        }
    CHECK_INT(read_text(STRING_INFO_LISTS, true, INFO("{\"syncreq\":7}")), E_VALUE);
    CHECK_STR(error.what, "byte 88: a list of agents is no list");
}

/* ---- limits ---- */

static void add_agent(size_t bytes, size_t tokens, bool escaped) {
    const char *quote = escaped ? "\\\"" : "\"";
    size_t n = 0;
    add("{");
    add(quote), add("a"), add(quote), add(":[0"); /* 7 bytes with the bracket, and 4 tokens */
    n = 7;
    for (size_t i = 4; i < tokens; i++, n += 2)
        add(",0");
    for (; n + 2 < bytes; n++)
        add(" ");
    add("]}");
}

static void long_agents(enum string_kind kind, size_t bytes, size_t tokens, const char *want_end) {
    bool text = kind == STRING_INFO_TEXT;
    fresh_blob(SMALL);
    add(text ? "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": [\"["
             : "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
               "{\"syncreq\":[");
    add("{},");
    add_agent(bytes, tokens, text);
    add(text ? ",{}]\",\"[{}]\"]}" : ",{}],\"syncreq_status\":[{}]}}");
    CHECK_INT(read_blob(kind, true), E_OK);
    size_t n = strlen(want_end);
    CHECK(events.len >= n);
    CHECK_STR(log_bytes + events.len - n, want_end);
}

TEST(strings_agents_have_limits) {
    start(SMALL);
    char ok[128], bad[2][128];
    static const char *const tail[2] = {"a3:{}|e2|.", "a2:{}|e2|."};
    static const enum string_kind kinds[] = {STRING_INFO_TEXT, STRING_INFO_LISTS};
    for (int i = 0; i < 2; i++) {
        snprintf(ok, sizeof ok, "]}|a3:{}|e1|%s", tail[i]);
        snprintf(bad[0], sizeof *bad, "a3:{}|a3:{}|e1!%s|%s", err_words(E_LIMIT), tail[i]);
        snprintf(bad[1], sizeof *bad, "a3:{}|a3:{}|e1!%s|%s", err_words(E_SPACE), tail[i]);
        long_agents(kinds[i], STRING_AGENT_BYTES - 1, STRING_TOKENS, ok);
        long_agents(kinds[i], STRING_AGENT_BYTES, 4, bad[0]);
        long_agents(kinds[i], STRING_AGENT_BYTES - 1, STRING_TOKENS + 1, bad[1]);
    }
}

TEST(strings_other_limits) {
    start(SMALL);
    fresh_blob(100);
    add("{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {\"x\":\"");
    for (size_t i = 0; i < STRING_AGENT_BYTES; i++)
        add("x");
    add("\"}, \"chunks\": []}");
    CHECK_INT(read_blob(STRING_INFO_TEXT, true), E_LIMIT);
    CHECK_STR(error.what, "payload is too long");
    for (int more = 0; more < 2; more++) {
        fresh_blob(100);
        CHECK_INT(string_begin(&blob, STRING_INFO_TEXT, NULL), E_OK);
        add("\"");
        for (size_t i = 0; i < STORE_TEXT_BYTES - 256 + more; i++)
            add("x");
        add("\"]}");
        CHECK_INT(read_blob(STRING_INFO_TEXT, false), more ? E_LIMIT : E_OK);
    }
    CHECK_STR(error.what, "a chunk of more than 65536 bytes");
}

/* ---- pieces ---- */

/* The reader's own pieces end wherever the string is shifted to. */
TEST(strings_at_every_offset) {
    static const struct {
        enum string_kind kind;
        bool agents;
        const char *text;
    } cases[] = {
        {STRING_INFO_LISTS, true, real_lists},
        {STRING_GROUPS, true, real_groups},
        {STRING_GROUPS, false, real_groups},
        {STRING_INFO_TEXT, true,
         INFO("[\"[{\\\"n\\\": \\\"\\u00e9\\ud83d\\ude00\\\\n\\\"}]\",\"[{}\",\"[{}]\"]")},
    };
    static char first[4096], blanks[4096];
    start(SMALL);
    memset(blanks, ' ', sizeof blanks);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(read_text(cases[i].kind, cases[i].agents, cases[i].text), E_OK);
        memcpy(first, log_bytes, events.len + 1);
        for (size_t shift = sizeof reader.piece - strlen(cases[i].text); shift <= sizeof reader.piece;
             shift++) {
            fresh_blob(i % 2 ? 16 : SMALL);
            CHECK_INT(blob_append(&blob, (const uint8_t *)blanks, shift, NULL), E_OK);
            add(cases[i].text);
            CHECK_INT(read_blob(cases[i].kind, cases[i].agents), E_OK);
            CHECK_STR(log_bytes, first);
        }
    }
}

TEST(strings_cut_short) {
    start(SMALL);
    for (size_t n = 0; n < strlen(real_groups); n++) {
        fresh_blob(SMALL);
        CHECK_INT(blob_append(&blob, (const uint8_t *)real_groups, n, NULL), E_OK);
        CHECK_INT(read_blob(STRING_GROUPS, true), E_TRUNCATED);
        fresh_blob(SMALL);
        CHECK_INT(blob_append(&blob, (const uint8_t *)real_groups, n, NULL), E_OK);
        CHECK_INT(read_blob(STRING_GROUPS, false), E_TRUNCATED);
    }
}

/* A call goes over no more than about 16 KB, and a string of any length needs no more calls than that. */
TEST(strings_in_slices) {
    start(SMALL);
    fresh_blob(100);
    CHECK_INT(string_begin(&blob, STRING_INFO_LISTS, NULL), E_OK);
    add("{\"x\":\"");
    static char much[1u << 20];
    memset(much, 'x', sizeof much);
    CHECK_INT(blob_append(&blob, (const uint8_t *)much, sizeof much, NULL), E_OK);
    add("\"}}");
    strings_reader_init(&reader, STRING_INFO_LISTS, true, &blob, &texts);
    enum string_event event;
    unsigned calls = 0;
    do {
        uint64_t before = reader.at;
        CHECK_INT(strings_reader_next(&reader, &event, NULL), E_OK);
        CHECK(reader.at - before <= 16384);
        calls++;
    } while (event == STRING_MORE);
    CHECK_INT(event, STRING_END);
    CHECK(calls >= 64 && calls <= 66);
}

TEST(strings_blob_that_fails) {
    start(SMALL);
    fresh_blob(100);
    add(real_groups);
    spill.fail_with = E_SYS;
    CHECK_INT(read_blob(STRING_GROUPS, true), E_SYS);
    spill.fail_with = E_OK;
}

/* What the builders write the reader takes apart again. */
TEST(strings_there_and_back) {
    static const char *const chunks[] = {"[{\"id\":1,\"name\":\"\xc3\xa9\xf0\x9f\x98\x80\\\"\xff\"}]", "[{}]",
                                         "[\x01]"};
    start(SMALL);
    CHECK_INT(string_begin(&blob, STRING_INFO_TEXT, NULL), E_OK);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(string_chunk(&blob, chunks[i], strlen(chunks[i]), i == 0, NULL), E_OK);
    CHECK_INT(string_end(&blob, STRING_INFO_TEXT, NULL), E_OK);
    char want[256];
    CHECK_INT(read_blob(STRING_INFO_TEXT, false), E_OK);
    snprintf(want, sizeof want, "c1:%s|c2:%s|c3:%s|.", chunks[0], chunks[1], chunks[2]);
    CHECK_STR(log_bytes, want);
    CHECK_INT(read_blob(STRING_INFO_TEXT, true), E_OK);
    snprintf(want, sizeof want, "a3:%.*s|e1|a3:{}|e2|e3!%s|.", (int)strlen(chunks[0]) - 2, chunks[0] + 1,
             err_words(E_SYNTAX));
    CHECK_STR(log_bytes, want);
}
