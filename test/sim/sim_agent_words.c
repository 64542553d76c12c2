/* sim_agent_words.c - see sim_agent_words.h. */
#include "test/sim/sim_agent_words.h"

#include "base/json_write.h"

#include <string.h>

#define INNER_BYTES 60000

static unsigned pick(const struct agent_words *w, unsigned n) {
    return w->byte() % n;
}

static const char *one_of(const struct agent_words *w, const char *list, unsigned n) {
    return text_item(list, pick(w, n));
}
#define ONE_OF(w, list) one_of(w, list, (unsigned)text_count(list, sizeof list))

static size_t text_count(const char *list, size_t bytes) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < bytes; i++)
        n += list[i] == '\0';
    return n;
}

/* ---- values ---- */

static void id(const struct agent_words *w, struct text *t) {
    static const char odd[] =
        "0\0-1\0004\00070000\000999999999\0004294967297\00018446744073709551617\0\"1\"\0null\0"
        "1.5\0[1]\0";
    uint8_t b = w->byte();
    if (b & 7)
        text_format(t, "%u", b % 3 + 1u);
    else
        text_str(t, ONE_OF(w, odd));
}

static void word(const struct agent_words *w, struct text *t) {
    static const char words[] =
        "agent1\0agent2\0x\0\0a b\0x\\u0041\\n\0\\u0000\0\\ud800\0'; select 1 --\0\"\0default\0web\0"
        "../x\0a,b\0active\0disconnected\0synced\0Wazuh v4.14.7\0";
    uint8_t b = w->byte();
    text_char(t, '"');
    if (b >= 0xf0)
        for (unsigned i = 0; i < (b & 15u) * 300u; i++)
            text_char(t, 'y');
    else
        text_str(t, text_item(words, b % (unsigned)text_count(words, sizeof words)));
    text_char(t, '"');
}

static void odd_value(const struct agent_words *w, struct text *t) {
    static const char odd[] = "null\0true\0[]\0{}\0007\0-7\0001e400\0[[[[[[]]]]]]\0{\"a\":{\"a\":1}}\0";
    text_str(t, ONE_OF(w, odd));
}

static void key(struct text *t, const char *name) {
    if (t->len > 0 && t->buf[t->len - 1] != '{')
        text_char(t, ',');
    text_format(t, "\"%s\":", name);
}

/* ---- one agent ---- */

static void labels(const struct agent_words *w, struct text *t) {
    text_char(t, '[');
    for (unsigned n = pick(w, 5), i = 0; i < n; i++) {
        text_str(t, i ? ",{\"id\":1,\"key\":" : "{\"key\":");
        word(w, t);
        text_str(t, ",\"value\":");
        word(w, t);
        text_char(t, '}');
    }
    text_char(t, ']');
}

static void agent(const struct agent_words *w, struct text *t) {
    static const char texts[] = "name\0ip\0os_name\0os_uname\0version\0config_sum\0manager_host\0node_name\0";
    static const char states[] = "active\0disconnected\0pending\0never_connected\0dead\0";
    text_char(t, '{');
    key(t, "id");
    id(w, t);
    uint8_t which = w->byte(), how = w->byte();
    for (unsigned i = 0; i < 8; i++)
        if (which >> i & 1) {
            key(t, text_item(texts, i));
            how == i ? odd_value(w, t) : word(w, t);
        }
    if (how & 0x10) {
        key(t, "labels");
        how & 0x20 ? odd_value(w, t) : labels(w, t);
    }
    if (how != 0x80) {
        key(t, "connection_status");
        text_format(t, "\"%s\"", ONE_OF(w, states));
        key(t, "group_config_status");
        text_str(t, how == 0x81 ? "\"maybe\"" : "\"synced\"");
        key(t, "last_keepalive");
        text_format(t, "%u%s", w->byte(), how == 0x82 ? "00000000000000000" : "");
        key(t, "status_code");
        text_format(t, "%d", how == 0x83 ? -1 : 4);
    }
    text_char(t, '}');
}

static void some_agents(const struct agent_words *w, struct text *t) {
    text_char(t, '[');
    for (unsigned n = pick(w, 6), i = 0; i < n; i++) {
        text_str(t, i ? "," : "");
        agent(w, t);
    }
    text_char(t, ']');
}

static void grouped(const struct agent_words *w, struct text *t) {
    text_char(t, '{');
    key(t, "id");
    id(w, t);
    uint8_t how = w->byte();
    if (how & 1) {
        key(t, "name");
        word(w, t);
    }
    key(t, "groups");
    text_char(t, '[');
    for (unsigned n = how >> 1 & 7, i = 0; i < n; i++) {
        text_str(t, i ? "," : "");
        word(w, t);
    }
    text_str(t, how == 0xff ? "" : "]");
    text_char(t, '}');
}

/* ---- strings ---- */

static void head(const struct agent_words *w, struct text *t, bool info) {
    uint8_t how = w->byte();
    info ^= how == 1;
    text_format(t, "{\"set_data_command\": \"global %s\", \"payload\": ",
                how == 2 ? "sql delete from agent"
                : info   ? "sync-agent-info-set"
                         : "set-agent-groups");
    text_str(t, how == 3 ? "7" : info ? "{}" : "{\"mode\": \"override\", \"sync_status\": \"synced\"}");
    text_str(t, how == 4 ? ", \"chunks\": []" : "");
    text_str(t, ", \"chunks\": ");
}

static void chunk(const struct agent_words *w, struct text *t, bool info) {
    static char inner[INNER_BYTES];
    struct text in;
    text_init(&in, inner, sizeof inner);
    if (info) {
        some_agents(w, &in);
    } else {
        uint8_t how = w->byte();
        text_str(&in, how == 1 ? "[" : "[{\"data\":[");
        for (unsigned n = how >> 4, i = 0; i < n; i++) {
            text_str(&in, i ? "," : "");
            grouped(w, &in);
        }
        text_char(&in, ']');
        if (how & 2)
            text_format(&in, ",\"hash\":%s",
                        how & 4 ? "null" : "\"23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262\"");
        text_str(&in, "}]");
    }
    json_escape(t, in.buf, in.len);
}

static void chunks(const struct agent_words *w, struct text *t, bool info) {
    text_char(t, '[');
    for (unsigned n = pick(w, 8), i = 0; i < n; i++) {
        text_str(t, i ? ", " : "");
        chunk(w, t, info);
    }
    text_char(t, ']');
}

void agent_words_info(const struct agent_words *w, struct text *out) {
    static const char lists[] = "syncreq\0syncreq_status\0syncreq_keepalive\0synced\0";
    head(w, out, true);
    if (!w->http) {
        chunks(w, out, true);
    } else {
        text_char(out, '{');
        for (unsigned which = w->byte(), i = 0; i < 4; i++)
            if (which >> i & 1) {
                key(out, text_item(lists, which & 0x80 ? 0 : i));
                some_agents(w, out);
            }
        text_char(out, '}');
    }
    text_char(out, '}');
}

void agent_words_groups(const struct agent_words *w, struct text *out) {
    head(w, out, false);
    chunks(w, out, false);
    text_char(out, '}');
}

void agent_words_result(const struct agent_words *w, struct text *out) {
    uint8_t how = w->byte();
    text_format(out, "{\"updated_chunks\": %u, \"error_messages\": [", how & 3u);
    for (unsigned i = 0; i < (how >> 2 & 3u); i++) {
        text_str(out, i ? ", " : "");
        word(w, out);
    }
    text_str(out, how & 0x80 ? "" : "], \"time_spent\": 0.1}");
}

/* ---- local programs ---- */

void agent_words_command(const struct agent_words *w, struct text *out) {
    static const char plain[] =
        "select-groups\0recalculate-agent-group-hashes\0get-distinct-groups\0sync-agent-info-get \0"
        "get-all-agents last_id 0\0get-all-agents context\0reset-agents-connection synced\0"
        "disconnect-agents 0 9999999999 syncreq\0delete-group web\0insert-agent-group web\0"
        "get-groups-integrity 23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262\0select-group-belong 1\0delete-agent "
        "2\0"
        "get-group-agents default last_id 0\0sync-agent-groups-get "
        "{\"condition\":\"all\",\"get_global_hash\":true}\0"
        "sql select * from agent, belongs\0get-labels 1\0get-agent-info 1\0find-agent "
        "{\"name\":\"agent1\",\"ip\":\"any\"}\0";
    static const char rows[] =
        "update-agent-data \0insert-agent \0update-keepalive \0update-connection-status \0"
        "update-agent-name \0update-status-code \0";
    static const char modes[] = "override\0append\0empty_only\0remove\0none\0";
    text_str(out, "global ");
    switch (pick(w, 4)) {
    case 0:
        text_str(out, ONE_OF(w, plain));
        break;
    case 1:
        text_str(out, "sync-agent-info-set ");
        some_agents(w, out);
        break;
    case 2:
        text_format(out, "set-agent-groups {\"mode\":\"%s\",\"sync_status\":\"%s\",\"data\":[",
                    ONE_OF(w, modes), w->byte() & 1 ? "synced" : "syncreq");
        grouped(w, out);
        text_char(out, ',');
        grouped(w, out);
        text_str(out, "]}");
        break;
    default:
        text_str(out, ONE_OF(w, rows));
        agent(w, out);
        if (out->buf[out->len - 1] == '}') { /* what those commands need besides */
            out->len--;
            text_str(out, ",\"sync_status\":\"syncreq\",\"date_add\":1}");
        }
        break;
    }
}

void agent_words_local(const struct agent_words *w, struct text *out) {
    static const char texts[] = "name\0ip\0node\0version\0group\0status\0mode\0key\0";
    uint8_t which = w->byte(), how = w->byte();
    text_char(out, '{');
    for (unsigned i = 0; i < 8; i++)
        if (which >> i & 1) {
            key(out, text_item(texts, i));
            how == i ? odd_value(w, out) : word(w, out);
        }
    if (how & 0x10) {
        key(out, "id");
        id(w, out);
    }
    if (how & 0x20) {
        key(out, how & 1 ? "ids" : "groups");
        text_char(out, '[');
        how & 1 ? id(w, out) : word(w, out);
        text_str(out, ",");
        how & 1 ? id(w, out) : word(w, out);
        text_char(out, ']');
    }
    if (how & 0x40) {
        key(out, how & 2 ? "limit" : "after");
        id(w, out);
    }
    text_char(out, '}');
}
