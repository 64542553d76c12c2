/* agents_sql.c - the pieces that a question of the API about agents is made of: the table of fields and their
 * columns, literals, one condition. Conditions, their quirks included, are those that WazuhDBQueryAgents
 * builds (wazuh/core/agent.py and utils.py of 4.14.7), but for what api/agents_parts.h says. */
#include "api/agents_parts.h"
#include "api/rbac.h"

#include <string.h>

/* Name, column: pairs, in the order of items. What enum agent_field names stays where it is. */
static const char fields[] = "id\0id\0"
                             "name\0name\0"
                             "ip\0coalesce(ip,register_ip)\0"
                             "status\0connection_status\0"
                             "node_name\0node_name\0"
                             "version\0version\0"
                             "manager\0manager_host\0"
                             "registerIP\0register_ip\0"
                             "dateAdd\0date_add\0"
                             "group\0`group`\0"
                             "mergedSum\0merged_sum\0"
                             "configSum\0config_sum\0"
                             "os.name\0os_name\0"
                             "os.version\0os_version\0"
                             "os.platform\0os_platform\0"
                             "os.codename\0os_codename\0"
                             "os.major\0os_major\0"
                             "os.minor\0os_minor\0"
                             "os.uname\0os_uname\0"
                             "os.arch\0os_arch\0"
                             "os.build\0os_build\0"
                             "lastKeepAlive\0last_keepalive\0"
                             "disconnection_time\0disconnection_time\0"
                             "group_config_status\0group_config_status\0"
                             "status_code\0status_code\0";

const char *agent_field_name(size_t field) {
    return text_item(fields, 2 * field);
}

const char *agent_column(size_t field) {
    return text_item(fields, 2 * field + 1);
}

/* A field named by a string of the request; name: the string, for words. */
ptrdiff_t agent_field_read(const struct json_doc *d, size_t i, char name[AGENT_FIELD_BYTES]) {
    size_t n;
    if (json_copy_str(d, i, name, AGENT_FIELD_BYTES, &n) == E_OK)
        return agent_field_find(name, n);
    text_copy(name, AGENT_FIELD_BYTES, "?", 1);
    return -1;
}

ptrdiff_t agent_field_find(const char *name, size_t n) {
    for (size_t i = 0; i < AGENT_FIELDS; i++) {
        const char *s = agent_field_name(i);
        if (strlen(s) == n && memcmp(s, name, n) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

enum err agents_wrong(struct wazuh_error *why, enum wazuh_class class, int code, const char *extra) {
    wazuh_error_set(why, class, code, extra);
    return E_VALUE;
}

/* What Python would stumble over. */
enum err agents_wrong_shape(struct wazuh_error *why, const char *words) {
    return agents_wrong(why, WAZUH_INTERNAL_ERROR, 1000, words);
}

enum err agents_wrong_field(struct wazuh_error *why, int code, const char *kind, const char *field) {
    char words[WAZUH_EXTRA_BYTES];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, "%s: %s", kind, field);
    return agents_wrong(why, WAZUH_ERROR, code, words);
}

void agents_sql_literal(struct text *t, const char *before, const char *s, size_t n, const char *after) {
    text_char(t, '\'');
    text_str(t, before);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\'')
            text_char(t, '\'');
        text_char(t, s[i]);
    }
    text_str(t, after);
    text_char(t, '\'');
}

/* ---- one condition ---- */

/* "7d", "1h30m", "90": seconds. false: none (1411). */
static bool read_timeframe(const char *s, size_t n, uint64_t *seconds) {
    static const char units[] = "dhms";
    static const uint32_t unit_s[] = {86400, 3600, 60, 1};
    const char *end = s + n;
    if (text_number(s, n, INT32_MAX, seconds))
        return true;
    for (*seconds = 0; s < end;) {
        size_t digits = 0;
        uint64_t count;
        while (s + digits < end && s[digits] >= '0' && s[digits] <= '9')
            digits++;
        if (!digits || s + digits == end) { /* passed over, as a search for pairs does */
            s += digits + 1;
            continue;
        }
        const char *unit = strchr(units, s[digits]);
        if (!unit || !*unit || !text_number(s, digits, INT32_MAX, &count))
            return false;
        *seconds += count * unit_s[unit - units];
        s += digits + 1;
    }
    return true;
}

/* Digits, then a unit; or digits alone. */
static bool is_timeframe(const char *s, size_t n) {
    size_t digits = 0;
    while (digits < n && s[digits] >= '0' && s[digits] <= '9')
        digits++;
    return digits && (digits == n || strchr("dhms", s[digits]));
}

static bool is_date(const char *s, size_t n) {
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (i >= n || (shape[i] == '-' ? s[i] != '-' : s[i] < '0' || s[i] > '9'))
            return false;
    return true;
}

static const char *op_words(enum agents_op op) {
    return text_item("=\0!=\0<\0>\0like\0", op);
}

/* Times: how long ago, or since when. The manager, whose last keepalive is the end of time, is left out. */
static enum err add_date(struct text *t, const struct agents_term *m, enum agents_op op, const char *value,
                         struct wazuh_error *why) {
    const char *name = agent_column(m->field);
    uint64_t seconds;
    if (value && is_timeframe(value, m->n)) {
        if (!read_timeframe(value, m->n, &seconds))
            return agents_wrong_field(why, 1411, "Time", value);
        text_format(t, "%s is not null and %s %s strftime('%%s','now') - %llu", name, name,
                    op == AGENTS_LESS || op == AGENTS_EQUAL ? ">" : "<", (unsigned long long)seconds);
    } else if (value && is_date(value, m->n)) {
        text_format(t, "%s is not null and %s %s strftime('%%s',", name, name, op_words(op));
        agents_sql_literal(t, "", value, m->n, "");
        text_char(t, ')');
    } else {
        char words[40];
        text_copy(words, sizeof words, value ? value : "null", !value ? 4 : m->n < 39 ? m->n : 39);
        return agents_wrong(why, WAZUH_ERROR, 1412, words);
    }
    text_str(t, " and id != 0");
    return E_OK;
}

/* A group among those of a list. */
static enum err add_group(struct text *t, enum agents_op op, const char *value, size_t n,
                          struct wazuh_error *why) {
    if (op == AGENTS_LESS || op == AGENTS_GREATER)
        return agents_wrong(why, WAZUH_ERROR, 1409,
                            op == AGENTS_LESS
                                ? "Valid operators for 'group' field: =, !=, ~. Used operator: <"
                                : "Valid operators for 'group' field: =, !=, ~. Used operator: >");
    if (op == AGENTS_LIKE) {
        text_str(t, "`group` like ");
        agents_sql_literal(t, "%", value, n, "%");
    } else {
        text_format(t, "%s(',' || `group` || ',') like ", op == AGENTS_UNEQUAL ? "not " : "");
        agents_sql_literal(t, "%,", value, n, ",%");
    }
    return E_OK;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Quotes become '_' and the operator like, as real nodes have it; versions get the blank that their names
 * have ("wazuhv4" is "wazuh v4"). n bytes at most AGENTS_VALUE_BYTES / 2. */
static size_t clean(const struct agents_term *m, char *out, bool *quotes) {
    bool is_version = strcmp(agent_field_name(m->field), "version") == 0;
    size_t n = 0;
    *quotes = false;
    for (size_t i = 0; i < m->n; i++) {
        char c = m->value[i];
        if (c == '\'' || c == '"') {
            *quotes = true;
            c = '_';
        }
        if (is_version && c == 'v' && i && is_letter(m->value[i - 1]))
            out[n++] = ' ';
        out[n++] = c;
    }
    return n;
}

enum err agents_sql_term(struct text *t, const struct agents_term *m, struct wazuh_error *why) {
    char value[AGENTS_VALUE_BYTES];
    struct agents_term x = *m;
    bool quotes = false, is_date_field = m->field == AGENT_DATE_ADD || m->field == AGENT_LAST_KEEPALIVE;
    if (m->value && m->n >= sizeof value / 2)
        return agents_wrong_shape(why, "A value of filters or q is too long");
    if (m->value && !m->is_number) {
        x.n = clean(m, value, &quotes);
        value[x.n] = '\0';
        x.value = value;
        if (quotes)
            x.op = AGENTS_LIKE;
    }
    if (is_date_field && !m->is_number)
        return add_date(t, &x, x.op, x.value, why);
    if (!x.value) {
        text_format(t, "%s is null", agent_column(m->field));
        return E_OK;
    }
    if (m->field == AGENT_GROUP)
        return add_group(t, x.op, x.value, x.n, why);
    text_format(t, "%s %s ", agent_column(m->field), op_words(x.op));
    const char *wild = x.op == AGENTS_LIKE && m->op == AGENTS_LIKE ? "%" : "";
    if (m->is_number)
        text_add(t, x.value, x.n);
    else
        agents_sql_literal(t, wild, x.value, x.n, wild);
    text_str(t, " collate nocase");
    return E_OK;
}

/* ---- lists ---- */

void agents_sql_columns(struct text *t, uint32_t select) {
    const char *comma = "";
    for (size_t f = 0; f < AGENT_FIELDS; f++)
        if (select & 1u << f) {
            text_format(t, "%s%s %c", comma, agent_column(f), (char)('a' + f));
            comma = ",";
        }
}

void agents_sql_ids(struct text *t, const uint32_t *ids, size_t n) {
    text_str(t, "id in (");
    for (size_t i = 0; i < n; i++)
        text_format(t, "%s%u", i ? "," : "", (unsigned)ids[i]);
    text_char(t, ')');
}

enum err agents_sql_permitted(struct text *t, const struct api_request *r, const char *actions) {
    enum err err = E_OK;
    text_char(t, '1');
    for (; *actions && err == E_OK; actions += strlen(actions) + 1) {
        text_str(t, " and (");
        err = rbac_agents_sql(r, actions, t);
        text_char(t, ')');
    }
    return err;
}
