/* api/rbac.c - judges one resource, or all agents at once, by the permissions that came with a request.
 *
 * The rules of an action stand in the order in which they are judged, and the last one that fits decides:
 * that is what adding to and taking from a set of allowed resources, rule by rule, comes to
 * (_single_processor of rbac/decorators.py). Rules about a combination of resources
 * ("agent:id:001&group:id:x") say nothing of a single one. A rule that cannot be read is an exception in
 * Python, so nothing is allowed. */
#include "api/rbac.h"
#include "store/agents.h"

#include <string.h>

#define RULE_BYTES 512u /* "agent:group:" and the longest name of a group are 267 */
#define RULES_MAX (API_RBAC_TOKENS / 2u)

/* "agent:id:001": "allow" */
struct rule {
    const char *kind, *value; /* "agent:id", "001"; in text */
    bool allow;
    char text[RULE_BYTES];
};

enum rule_kind { RULE_GOOD, RULE_COMBINATION, RULE_BAD };

/* key: token of the resource, the effect is after it. Anything but "allow" denies. */
static enum rule_kind rule_read(struct rule *rule, const struct json_doc *d, size_t key) {
    char effect[8];
    size_t n;
    if (json_copy_str(d, key, rule->text, sizeof rule->text, &n) != E_OK)
        return RULE_BAD;
    if (strchr(rule->text, '&'))
        return RULE_COMBINATION;
    char *first = strchr(rule->text, ':');
    char *second = first ? strchr(first + 1, ':') : NULL;
    if (!second || strchr(second + 1, ':'))
        return RULE_BAD;
    *second = '\0';
    rule->kind = rule->text;
    rule->value = second + 1;
    rule->allow =
        json_copy_str(d, key + 1, effect, sizeof effect, &n) == E_OK && strcmp(effect, "allow") == 0;
    return RULE_GOOD;
}

static bool is_all(const struct rule *rule) {
    return strcmp(rule->value, "*") == 0;
}

static bool in_groups(const char *groups, const char *name) {
    size_t n = strlen(name);
    while (*groups) {
        size_t len = strcspn(groups, ",");
        if (len == n && memcmp(groups, name, n) == 0)
            return true;
        groups += len + (groups[len] == ',');
    }
    return false;
}

/* Who does not know an agent's groups must not slip past a denial of one. */
static bool rule_fits(const struct rule *rule, const char *kind, const char *value, const char *groups) {
    if (strcmp(rule->kind, kind) == 0)
        return is_all(rule) || strcmp(rule->value, value) == 0;
    if (strcmp(rule->kind, "agent:group") == 0 && strcmp(kind, "agent:id") == 0)
        return is_all(rule) || (groups ? in_groups(groups, rule->value) : !rule->allow);
    return false;
}

bool rbac_allows(const struct api_request *r, const char *action, const char *kind, const char *value,
                 const char *groups) {
    const struct json_doc *d = &r->rbac;
    struct rule rule;
    bool allowed = !r->rbac_white;
    size_t rules = json_find(d, 0, action);
    for (size_t i = rules ? json_first(d, rules) : 0; i && i < d->tokens[rules].next; i = d->tokens[i].next) {
        enum rule_kind is = rule_read(&rule, d, i);
        if (is == RULE_BAD)
            return false;
        if (is == RULE_GOOD && rule_fits(&rule, kind, value, groups))
            allowed = rule.allow;
    }
    return allowed;
}

/* ---- all agents at once ---- */

enum matter { NO_AGENTS, ALL_AGENTS, ONE_AGENT, ONE_GROUP };

/* What of the agents a rule is about. Ids are compared as text in Python: "1" is no agent. */
static enum matter matter_of(const struct rule *rule, uint64_t *id) {
    char same[24];
    struct text t;
    bool by_id = strcmp(rule->kind, "agent:id") == 0;
    if (!by_id && strcmp(rule->kind, "agent:group") != 0)
        return NO_AGENTS;
    if (is_all(rule))
        return ALL_AGENTS;
    if (!by_id)
        return group_name_is_valid(rule->value) ? ONE_GROUP : NO_AGENTS;
    if (!text_number(rule->value, strlen(rule->value), INT32_MAX, id))
        return NO_AGENTS;
    text_init(&t, same, sizeof same);
    text_format(&t, "%03llu", (unsigned long long)*id);
    return strcmp(same, rule->value) == 0 ? ONE_AGENT : NO_AGENTS;
}

/* The tokens of the rules that can be about a single resource. false: one cannot be read. */
static bool collect(const struct json_doc *d, size_t rules, uint16_t list[RULES_MAX], size_t *count) {
    struct rule rule;
    *count = 0;
    for (size_t i = rules ? json_first(d, rules) : 0; i && i < d->tokens[rules].next; i = d->tokens[i].next) {
        enum rule_kind is = rule_read(&rule, d, i);
        if (is == RULE_BAD || *count == RULES_MAX)
            return false;
        if (is == RULE_GOOD)
            list[(*count)++] = (uint16_t)i;
    }
    return true;
}

/* A condition under construction: neighbours that say the same of the same kind share one WHEN. */
struct condition {
    struct text *t;
    enum matter matter; /* of the WHEN that is open; NO_AGENTS: none is */
    bool allow;
    bool any; /* there was one */
};

static void end_when(struct condition *c) {
    if (c->matter == ONE_GROUP)
        text_str(c->t, "))");
    if (c->matter != NO_AGENTS)
        text_str(c->t, c->allow ? ") THEN 1" : ") THEN 0");
    c->matter = NO_AGENTS;
}

static void add_when(struct condition *c, const struct rule *rule, enum matter matter, uint64_t id) {
    if (c->matter == matter && c->allow == rule->allow) {
        text_char(c->t, ',');
    } else {
        end_when(c);
        text_str(c->t, c->any ? " WHEN id IN (" : "CASE WHEN id IN (");
        if (matter == ONE_GROUP)
            text_str(
                c->t,
                "SELECT id_agent FROM belongs WHERE id_group IN (SELECT id FROM `group` WHERE name IN (");
    }
    c->any = true;
    c->matter = matter;
    c->allow = rule->allow;
    if (matter == ONE_GROUP)
        text_format(c->t, "'%s'", rule->value); /* of a closed set of characters, without quotes */
    else
        text_format(c->t, "%llu", (unsigned long long)id);
}

/* From the last rule to the first: what fits first decides, and behind a rule about all nothing matters. */
enum err rbac_agents_sql(const struct api_request *r, const char *action, struct text *t) {
    uint16_t list[RULES_MAX];
    size_t count;
    uint64_t id = 0;
    struct rule rule;
    struct condition c = {.t = t};
    bool rest = !r->rbac_white;
    if (!collect(&r->rbac, json_find(&r->rbac, 0, action), list, &count))
        count = 0, rest = false;
    while (count--) {
        rule_read(&rule, &r->rbac, list[count]);
        enum matter matter = matter_of(&rule, &id);
        if (matter == ALL_AGENTS) {
            rest = rule.allow;
            break;
        }
        if (matter != NO_AGENTS)
            add_when(&c, &rule, matter, id);
    }
    end_when(&c);
    text_format(t, c.any ? " ELSE %d END" : "%d", rest);
    return t->cut ? E_LIMIT : E_OK;
}

void rbac_denied(struct wazuh_error *w, const char *kind) {
    char said[64];
    struct text t;
    text_init(&t, said, sizeof said);
    text_format(&t, "Resource type: %s", kind);
    wazuh_error_set(w, WAZUH_PERMISSION_ERROR, 4000, said);
}
