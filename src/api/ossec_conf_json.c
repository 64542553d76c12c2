/* ossec_conf_json.c - one option of ossec.conf, a small tree of elements, made the JSON values that
 * configuration.py of 4.14.7 makes of it (_read_option, _insert), each kept as a record. Where Python
 * stumbles over an option, so does the whole reading here, with its words: an answer that leaves a part of
 * the configuration out would be believed. */
#include "api/ossec_conf_parts.h"

#include "base/bytes.h"

#include <string.h>

/* ---- the sections ---- */

/* CONF_SECTIONS: name, kind, options that are lists. */
static const struct {
    char name[24];
    uint8_t kind;
    const char *lists;
} sections[] = {
    {"active-response", CONF_DUPLICATE, ""},
    {"command", CONF_DUPLICATE, ""},
    {"agentless", CONF_DUPLICATE, ""},
    {"localfile", CONF_DUPLICATE, "filter\0ignore\0"},
    {"remote", CONF_DUPLICATE, ""},
    {"syslog_output", CONF_DUPLICATE, ""},
    {"integration", CONF_DUPLICATE, ""},
    {"alerts", CONF_MERGE, ""},
    {"client", CONF_MERGE, ""},
    {"email_alerts", CONF_MERGE, "email_to\0"},
    {"reports", CONF_MERGE, "email_to\0"},
    {"global", CONF_MERGE, "white_list\0"},
    {"open-scap", CONF_MERGE, "content\0"},
    {"cis-cat", CONF_MERGE, "content\0"},
    {"syscollector", CONF_MERGE, ""},
    {"rootcheck", CONF_MERGE,
     "rootkit_files\0rootkit_trojans\0windows_audit\0system_audit\0windows_apps\0windows_malware\0"},
    {"ruleset", CONF_MERGE,
     "include\0rule\0rule_dir\0decoder\0decoder_dir\0list\0rule_exclude\0decoder_exclude\0"},
    {"syscheck", CONF_MERGE, "directories\0ignore\0nodiff\0"},
    {"auth", CONF_MERGE, ""},
    {"cluster", CONF_LAST, "nodes\0"},
    {"osquery", CONF_MERGE, "pack\0"},
    {"labels", CONF_DUPLICATE, "label\0"},
    {"sca", CONF_MERGE, "policies\0"},
    {"vulnerability-detection", CONF_LAST, ""},
    {"indexer", CONF_LAST, "hosts\0"},
    {"anti_tampering", CONF_LAST, ""},
};

uint8_t conf_section_find(const char *name) {
    for (uint8_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(sections[i].name, name) == 0)
            return i;
    return CONF_NO_SECTION;
}

const char *conf_section_name(uint8_t section) {
    return sections[section].name;
}

enum conf_kind conf_section_kind(uint8_t section) {
    return sections[section].kind;
}

bool conf_is_list(uint8_t section, const char *option) {
    return text_find(sections[section].lists, option) >= 0;
}

void conf_lower(char *name) {
    for (; *name; name++)
        if (*name >= 'A' && *name <= 'Z')
            *name = (char)(*name + 32);
}

/* ---- records ---- */

static const char *name_of(const struct conf_reader *r, uint16_t node) {
    return r->pool + r->nodes[node].name;
}

/* Where a name lies in names, added when it is new. */
static enum err keep_name(struct conf_reader *r, const char *name, uint16_t *at, struct error *e) {
    size_t n = strlen(name) + 1;
    for (uint32_t i = 0; i < r->names_n; i += (uint32_t)strlen(r->names + i) + 1)
        if (strcmp(r->names + i, name) == 0) {
            *at = (uint16_t)i;
            return E_OK;
        }
    if (n > sizeof r->names - r->names_n)
        return error_set(e, E_LIMIT, 0, "the names of all options take more than %u bytes", CONF_NAMES_BYTES);
    memcpy(r->names + r->names_n, name, n);
    *at = (uint16_t)r->names_n;
    r->names_n += (uint32_t)n;
    return E_OK;
}

/* FNV-1a: two values of one option that are alike in length and hash count as equal, which is what `distinct`
 * asks; the file is the administrator's own. */
static uint32_t hash_of(const char *bytes, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)bytes[i]) * 16777619u;
    return h;
}

enum err conf_record_add(struct conf_reader *r, const char *name, const char *json, size_t n,
                         struct error *e) {
    if (r->record_count == CONF_RECORDS)
        return error_set(e, E_LIMIT, 0, "more than %u sections and options", CONF_RECORDS);
    struct conf_record *to = &r->records[r->record_count];
    *to = (struct conf_record){.section = r->section, .option = CONF_BEGIN, .at = (uint32_t)r->values.size};
    if (json) {
        enum err err = keep_name(r, name, &to->option, e);
        if (err == E_OK)
            err = blob_append(&r->values, (const uint8_t *)json, n, e);
        if (err != E_OK)
            return err;
        to->n = (uint16_t)n;
        to->hash = hash_of(json, n);
    }
    r->record_count++;
    return E_OK;
}

/* The value in r->json is a record of the option in hand. */
static enum err keep_json(struct conf_reader *r, struct error *e) {
    if (r->json.cut)
        return error_set(e, E_LIMIT, 0, "the option %s is longer than %u bytes", name_of(r, 0),
                         (unsigned)sizeof r->json_room);
    return conf_record_add(r, name_of(r, 0), r->json.buf, r->json.len, e);
}

static void begin_json(struct conf_reader *r, struct json_write *w) {
    text_init(&r->json, r->json_room, sizeof r->json_room);
    json_write_init(w, &r->json);
}

/* ---- strings ---- */

/* &lt; and &gt; come out as they were written. The place for that is what the pool has left. */
static void put_text(struct conf_reader *r, struct json_write *w, const char *s, size_t n) {
    if (!memchr(s, CONF_LT, n) && !memchr(s, CONF_GT, n)) {
        json_str_n(w, s, n);
        return;
    }
    struct text t;
    text_init(&t, r->pool + r->pool_n, sizeof r->pool - r->pool_n);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == CONF_LT || s[i] == CONF_GT)
            text_str(&t, s[i] == CONF_LT ? "&lt;" : "&gt;");
        else
            text_char(&t, s[i]);
    }
    json_str_n(w, t.buf, t.len);
    w->out->cut = w->out->cut || t.cut;
}

static void put_str(struct conf_reader *r, struct json_write *w, uint16_t s) {
    if (r->pool[s])
        put_text(r, w, r->pool + s, strlen(r->pool + s));
    else
        json_null(w); /* an element without text has None */
}

/* All attributes but the one called except, as members. */
static void put_attributes(struct conf_reader *r, struct json_write *w, const struct conf_node *n,
                           const char *except) {
    for (uint16_t a = n->attributes; a; a = r->attributes[a - 1].next) {
        const struct conf_attribute *at = &r->attributes[a - 1];
        if (strcmp(r->pool + at->name, except) == 0)
            continue;
        json_key(w, r->pool + at->name);
        put_text(r, w, r->pool + at->value, strlen(r->pool + at->value));
    }
}

static bool has_attribute(const struct conf_reader *r, const struct conf_node *n, const char *name) {
    for (uint16_t a = n->attributes; a; a = r->attributes[a - 1].next)
        if (strcmp(r->pool + r->attributes[a - 1].name, name) == 0)
            return true;
    return false;
}

/* The next part between commas, blanks around it left out. false: no more. */
static bool next_part(const char **at, const char **part, size_t *n) {
    if (!*at)
        return false;
    const char *comma = strchr(*at, ',');
    const char *from = *at, *to = comma ? comma : from + strlen(from);
    *at = comma ? comma + 1 : NULL;
    while (from < to && strchr(" \t\n\r", *from))
        from++;
    while (to > from && strchr(" \t\n\r", to[-1]))
        to--;
    *part = from;
    *n = (size_t)(to - from);
    return true;
}

/* ---- values ---- */

static bool is_first_of_its_name(const struct conf_reader *r, uint16_t parent, uint16_t child) {
    for (uint16_t i = r->nodes[parent].first; i != child; i = r->nodes[i].next)
        if (strcmp(name_of(r, i), name_of(r, child)) == 0)
            return false;
    return true;
}

/* Text, or an object of attributes, children as lists, or the text as "item". Bounded: CONF_DEPTH. */
static enum err put_value(struct conf_reader *r, struct json_write *w, uint16_t node, struct error *e) {
    const struct conf_node *n = &r->nodes[node];
    enum err err = E_OK;
    if (!n->attributes && !n->first) {
        put_str(r, w, n->text);
        return E_OK;
    }
    json_open(w, '{');
    put_attributes(r, w, n, "");
    for (uint16_t child = n->first; child && err == E_OK; child = r->nodes[child].next) {
        if (!is_first_of_its_name(r, node, child))
            continue;
        if (has_attribute(r, n, name_of(r, child)))
            return error_set(e, E_VALUE, 0, "'str' object has no attribute 'append'");
        json_key_open(w, name_of(r, child), '[');
        for (uint16_t i = child; i && err == E_OK; i = r->nodes[i].next)
            if (strcmp(name_of(r, i), name_of(r, child)) == 0)
                err = put_value(r, w, i, e);
        json_close(w, ']');
    }
    if (!n->first) {
        json_key(w, "item");
        put_str(r, w, n->text);
    }
    json_close(w, '}');
    return err;
}

static enum err add_plain(struct conf_reader *r, struct error *e) {
    const struct conf_node *n = &r->nodes[0];
    struct json_write w;
    if (!n->attributes && !n->first && !r->pool[n->text])
        return E_OK; /* None is not inserted */
    begin_json(r, &w);
    enum err err = put_value(r, &w, 0, e);
    return err == E_OK ? keep_json(r, e) : err;
}

/* open-scap: attributes and, as profiles, the texts of the element and of all within it. */
static enum err add_scap(struct conf_reader *r, struct error *e) {
    struct json_write w;
    if (!r->nodes[0].attributes) {
        if (!r->pool[r->nodes[0].text])
            return E_OK;
        begin_json(r, &w);
        put_str(r, &w, r->nodes[0].text);
        return keep_json(r, e);
    }
    begin_json(r, &w);
    json_open(&w, '{');
    put_attributes(r, &w, &r->nodes[0], "profiles");
    json_key_open(&w, "profiles", '[');
    for (uint16_t i = 0; i < r->node_count; i++)
        put_str(r, &w, r->nodes[i].text);
    json_close(&w, ']');
    json_close(&w, '}');
    return keep_json(r, e);
}

/* syscheck's directories: one object for each, with all attributes. */
static enum err add_directories(struct conf_reader *r, struct error *e) {
    const char *at = r->pool + r->nodes[0].text, *part;
    enum err err = E_OK;
    struct json_write w;
    size_t n;
    if (!*at)
        return E_OK;
    while (err == E_OK && next_part(&at, &part, &n)) {
        begin_json(r, &w);
        json_open(&w, '{');
        put_attributes(r, &w, &r->nodes[0], "path");
        json_key(&w, "path");
        put_text(r, &w, part, n);
        json_close(&w, '}');
        err = keep_json(r, e);
    }
    return err;
}

/* A text is split at its commas, unless the first is at its beginning; blanks stay. */
static void put_split(struct conf_reader *r, struct json_write *w, uint16_t s) {
    const char *at = r->pool + s, *comma = strchr(at, ',');
    if (!comma || comma == at) {
        put_str(r, w, s);
        return;
    }
    json_open(w, '[');
    for (; comma; at = comma + 1, comma = strchr(at, ','))
        put_text(r, w, at, (size_t)(comma - at));
    put_text(r, w, at, strlen(at));
    json_close(w, ']');
}

/* synchronization and whodata of syscheck, haproxy_helper: an object of texts. */
static enum err add_object(struct conf_reader *r, struct error *e) {
    struct json_write w;
    if (!r->nodes[0].first)
        return E_OK;
    begin_json(r, &w);
    json_open(&w, '{');
    for (uint16_t child = r->nodes[0].first; child; child = r->nodes[child].next) {
        const struct conf_node *n = &r->nodes[child];
        uint16_t value = n->text;
        if (n->attributes || n->first)
            return error_set(e, E_VALUE, 0, "'dict' object has no attribute 'find'");
        if (!r->pool[n->text])
            return error_set(e, E_VALUE, 0, "'NoneType' object has no attribute 'find'");
        if (!is_first_of_its_name(r, 0, child))
            continue;
        for (uint16_t i = n->next; i;
             i = r->nodes[i].next) /* the last one's value at the first one's place */
            if (strcmp(name_of(r, i), name_of(r, child)) == 0)
                value = r->nodes[i].text;
        json_key(&w, name_of(r, child));
        put_split(r, &w, value);
    }
    json_close(&w, '}');
    return keep_json(r, e);
}

/* nodes, policies, hosts: the texts of the children. */
static enum err add_children(struct conf_reader *r, struct error *e) {
    struct json_write w;
    enum err err = E_OK;
    for (uint16_t child = r->nodes[0].first; child && err == E_OK; child = r->nodes[child].next) {
        if (!r->pool[r->nodes[child].text])
            continue;
        begin_json(r, &w);
        put_str(r, &w, r->nodes[child].text);
        err = keep_json(r, e);
    }
    return err;
}

static enum err add_label(struct conf_reader *r, struct error *e) {
    struct json_write w;
    begin_json(r, &w);
    json_open(&w, '{');
    json_key(&w, "value");
    uint16_t value = r->nodes[0].text;
    for (uint16_t a = r->nodes[0].attributes; a; a = r->attributes[a - 1].next)
        if (strcmp(r->pool + r->attributes[a - 1].name, "value") == 0)
            value = r->attributes[a - 1].value;
    put_str(r, &w, value);
    put_attributes(r, &w, &r->nodes[0], "value");
    json_close(&w, '}');
    return keep_json(r, e);
}

static enum err add_protocol(struct conf_reader *r, struct error *e) {
    const char *at = r->pool + r->nodes[0].text, *part;
    struct json_write w;
    size_t n;
    if (!*at)
        return error_set(e, E_VALUE, 0, "'NoneType' object has no attribute 'split'");
    begin_json(r, &w);
    json_open(&w, '[');
    while (next_part(&at, &part, &n))
        put_text(r, &w, part, n);
    json_close(&w, ']');
    return keep_json(r, e);
}

/* ---- localfile's query: XML again ---- */

/* As ElementTree's tostring escapes text. */
static void xml_text(struct text *t, const char *s, bool in_quotes) {
    for (; *s; s++) {
        switch (*s) {
        case '&':
            text_str(t, "&amp;");
            break;
        case '<':
            text_str(t, "&lt;");
            break;
        case '>':
            text_str(t, "&gt;");
            break;
        case '"':
            text_str(t, in_quotes ? "&quot;" : "\"");
            break;
        default:
            text_char(t, *s);
        }
    }
}

/* A backslash before a bracket of a tag is dropped: "\<QueryList>" is how the file protects it. */
static void xml_bracket(struct text *t, const char *bracket) {
    if (t->len && t->buf[t->len - 1] == '\\' && !t->cut)
        t->len--;
    text_str(t, bracket);
}

static void xml_element(struct conf_reader *r, struct text *t, uint16_t node) {
    const struct conf_node *n = &r->nodes[node];
    xml_bracket(t, "<");
    text_str(t, r->pool + n->tag);
    for (uint16_t a = n->attributes; a; a = r->attributes[a - 1].next) {
        text_format(t, " %s=\"", r->pool + r->attributes[a - 1].name);
        xml_text(t, r->pool + r->attributes[a - 1].value, true);
        text_char(t, '"');
    }
    if (!n->first && !r->pool[n->text]) {
        text_str(t, " />");
    } else {
        xml_bracket(t, ">");
        xml_text(t, r->pool + n->text, false);
        for (uint16_t child = n->first; child; child = r->nodes[child].next)
            xml_element(r, t, child);
        xml_bracket(t, "</");
        text_format(t, "%s>", r->pool + n->tag);
    }
    xml_text(t, r->pool + n->tail, false);
}

static enum err add_query(struct conf_reader *r, struct error *e) {
    const struct conf_node *n = &r->nodes[0];
    struct text t;
    struct json_write w;
    size_t len = 0;
    text_init(&t, r->pool + r->pool_n, sizeof r->pool - r->pool_n);
    xml_text(&t, r->pool + n->text, false);
    for (uint16_t child = n->first; child; child = r->nodes[child].next)
        xml_element(r, &t, child);
    if (t.len && t.buf[t.len - 1] == '\\') /* it stands before the bracket of </query> */
        t.len--;
    for (size_t i = 0; i < t.len; i++) { /* the end of a line and the blanks after it are left out */
        if (t.buf[i] == '\n' && i + 1 < t.len && t.buf[i + 1] == ' ')
            while (i + 1 < t.len && t.buf[i + 1] == ' ')
                i++;
        else
            t.buf[len++] = t.buf[i];
    }
    if (t.cut)
        return error_set(e, E_LIMIT, 0, "the option query is longer than %u bytes", CONF_POOL_BYTES);
    if (n->attributes || (!n->first && !r->pool[n->text]) || strcmp(r->pool + n->tag, name_of(r, 0)) != 0 ||
        memchr(t.buf, '\n', len))
        return error_set(e, E_VALUE, 0, "'NoneType' object has no attribute 'group'");
    if (!len)
        return E_OK;
    r->pool_n += (uint32_t)len;
    begin_json(r, &w);
    put_text(r, &w, t.buf, len);
    return keep_json(r, e);
}

/* ---- which is which ---- */

enum err conf_option_add(struct conf_reader *r, struct error *e) {
    static const struct {
        char section[12], option[16]; /* "": any */
        enum err (*add)(struct conf_reader *r, struct error *e);
    } special[] = {
        {"open-scap", "", add_scap},
        {"syscheck", "directories", add_directories},
        {"syscheck", "synchronization", add_object},
        {"syscheck", "whodata", add_object},
        {"cluster", "haproxy_helper", add_object},
        {"cluster", "nodes", add_children},
        {"sca", "policies", add_children},
        {"indexer", "hosts", add_children},
        {"labels", "label", add_label},
        {"localfile", "query", add_query},
        {"remote", "protocol", add_protocol},
    };
    const char *section = conf_section_name(r->section), *option = name_of(r, 0);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(section, special[i].section) == 0 &&
            (!special[i].option[0] || strcmp(option, special[i].option) == 0))
            return special[i].add(r, e);
    return add_plain(r, e);
}
