/* app/config_xml.c - the near-XML of ossec.conf, byte by byte.
 *
 * Holds the names of the open elements and the text of one option, nothing else, so the file may be of any
 * length. It judges tags only; what an option may say is config_cluster.c's affair. */
#include "app/config_xml.h"

#include "base/bytes.h"

#include <string.h>
#include <strings.h>

void config_xml_init(struct config_xml *x, const char *file, struct problems *p,
                     const struct xml_events *events) {
    memset(x, 0, sizeof *x);
    x->events = *events;
    x->problems = p;
    x->file = file;
    x->line = 1;
}

#define SYNTAX(x, at, ...)                                                                                   \
    problems_add((x)->problems, PROBLEM_ERROR, WAZUH_NO_CONFIG, (x)->file, at, __VA_ARGS__)

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c) {
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Inside <ossec_config><cluster>. */
static bool in_cluster(const struct config_xml *x) {
    return x->depth >= 2 && !strcasecmp(x->open[0].name, "ossec_config") &&
           !strcasecmp(x->open[1].name, "cluster");
}

static void value_add(struct config_xml *x, char c) {
    if (x->value_len + 1 < sizeof x->value)
        x->value[x->value_len++] = c;
    else
        x->value_cut = true;
}

static void value_reset(struct config_xml *x) {
    x->value_len = 0;
    x->value_cut = false;
}

/* ---- elements ---- */

static void element_open(struct config_xml *x) {
    x->name[x->name_len] = '\0';
    if (x->depth < XML_DEPTH_MAX) {
        memcpy(x->open[x->depth].name, x->name, x->name_len + 1);
        x->open[x->depth].line = x->mark;
    }
    x->depth++;
    x->parent = false;
    value_reset(x);
    if (x->depth == 2 && in_cluster(x))
        x->events.section(x->events.arg, x->mark);
}

/* An element of <cluster> ends: an option when it is a leaf, or the empty container of options. */
static void option_close(struct config_xml *x) {
    if (x->depth > 4) {
        SYNTAX(x, x->open[4].line, "<%s> is nested too deeply in <cluster>", x->open[4].name);
        return;
    }
    if (x->depth < 3 || x->parent)
        return;
    char path[2 * XML_NAME_BYTES + 2];
    struct text t;
    text_init(&t, path, sizeof path);
    text_str(&t, x->open[2].name);
    if (x->depth == 4)
        text_format(&t, "/%s", x->open[3].name);
    x->value[x->value_len] = '\0';
    struct xml_option o = {
        .path = path, .value = x->value, .line = x->open[x->depth - 1].line, .cut = x->value_cut};
    x->events.option(x->events.arg, &o);
}

static void element_close(struct config_xml *x) {
    if (in_cluster(x))
        option_close(x);
    x->depth--;
    x->parent = true;
    value_reset(x);
}

/* </name>: closes the innermost element, which must have that name. When an outer one has it, those between
 * were never closed; when none has it, the tag is passed over. Either way reading goes on, so that one slip
 * does not hide the next. */
static void close_tag(struct config_xml *x) {
    x->name[x->name_len] = '\0';
    if (x->depth > XML_DEPTH_MAX) { /* too deep to know its name: trusted */
        x->depth--;
        return;
    }
    uint32_t at = x->depth;
    while (at > 0 && strcmp(x->open[at - 1].name, x->name))
        at--;
    if (at == 0) {
        SYNTAX(x, x->mark, "</%s> closes nothing", x->name);
        return;
    }
    for (; x->depth > at; element_close(x))
        SYNTAX(x, x->open[x->depth - 1].line, "<%s> is not closed before </%s> on line %u",
               x->open[x->depth - 1].name, x->name, x->mark);
    element_close(x);
}

/* ---- bytes ---- */

static void name_begin(struct config_xml *x, enum xml_state state) {
    x->state = state;
    x->name_len = 0;
}

static void name_add(struct config_xml *x, char c) {
    if (x->name_len + 1 < sizeof x->name)
        x->name[x->name_len++] = c;
}

/* '<' in a tag: the tag was never ended. Reading starts anew with this one. */
static void tag_torn(struct config_xml *x) {
    SYNTAX(x, x->mark, "a tag that is not ended with '>'");
    x->state = XML_LESS;
    x->mark = x->line;
}

static void entity_end(struct config_xml *x, char c) {
    static const struct {
        char name[10], value;
    } known[] = {{"amp", '&'}, {"quot", '"'}, {"apos", '\''}, {"backslash", '\\'}};
    x->entity[x->entity_len] = '\0';
    x->state = XML_TEXT;
    for (size_t i = 0; c == ';' && i < sizeof known / sizeof *known; i++)
        if (!strcmp(x->entity, known[i].name)) {
            value_add(x, known[i].value);
            return;
        }
    value_add(x, '&'); /* any other stays as it is written */
    for (uint32_t i = 0; i < x->entity_len; i++)
        value_add(x, x->entity[i]);
    if (c == ';')
        value_add(x, c);
}

/* Text; false when c ends an entity and is itself still to be read. */
static void text_byte(struct config_xml *x, char c) {
    if (c == '<') {
        x->state = XML_LESS;
        x->mark = x->line;
    } else if (in_cluster(x)) {
        if (c == '&') {
            x->state = XML_ENTITY;
            x->entity_len = 0;
        } else {
            value_add(x, c);
        }
    }
}

/* Text that looked like markup: it is put back as text, as load_wazuh_xml escapes it. */
static void text_again(struct config_xml *x, const char *seen, char c) {
    x->state = XML_TEXT;
    if (in_cluster(x))
        for (; *seen; seen++)
            value_add(x, *seen);
    text_byte(x, c);
}

static void less_byte(struct config_xml *x, char c) {
    if (c == '/') {
        name_begin(x, XML_CLOSE);
    } else if (c == '!') {
        x->state = XML_BANG;
    } else if (is_name_start(c)) {
        name_begin(x, XML_OPEN);
        name_add(x, c);
    } else {
        text_again(x, "<", c);
    }
}

static void bang_byte(struct config_xml *x, char c) {
    if (c == '-') {
        x->state = XML_BANG_DASH;
        return;
    }
    if (in_cluster(x))
        SYNTAX(x, x->mark, "CDATA and declarations mean nothing in <cluster>: Wazuh reads them as text");
    text_again(x, "<!", c);
}

static void comment_byte(struct config_xml *x, char c) {
    if (c == '-') {
        x->dashes = x->state == XML_COMMENT_DASH ? x->dashes + 1 : 1;
        x->state = XML_COMMENT_DASH;
    } else {
        x->state = c == '>' && x->state == XML_COMMENT_DASH && x->dashes >= 2 ? XML_TEXT : XML_COMMENT;
    }
}

/* In an opening tag, after its name or an attribute. */
static void attributes_byte(struct config_xml *x, char c) {
    if (c == '>') {
        x->state = XML_TEXT;
        element_open(x);
    } else if (c == '/') {
        x->state = XML_SLASH;
    } else if (c == '"' || c == '\'') {
        x->state = XML_QUOTED;
        x->quote = c;
    } else if (c == '<') {
        tag_torn(x);
    } else {
        x->state = XML_ATTRIBUTES;
    }
}

static void open_byte(struct config_xml *x, char c) {
    if (is_name(c))
        name_add(x, c);
    else
        attributes_byte(x, c);
}

static void slash_byte(struct config_xml *x, char c) {
    if (c != '>') { /* a '/' among the attributes */
        attributes_byte(x, c);
        return;
    }
    x->state = XML_TEXT;
    element_open(x);
    if (x->depth > XML_DEPTH_MAX)
        x->depth--;
    else
        element_close(x);
}

static void close_byte(struct config_xml *x, char c) {
    if (c == '>') {
        x->state = XML_TEXT;
        close_tag(x);
    } else if (x->state == XML_CLOSE && is_name(c)) {
        name_add(x, c);
    } else if (is_blank(c)) {
        x->state = XML_CLOSE_BLANK;
    } else {
        tag_torn(x);
        text_again(x, "", c);
    }
}

static void entity_byte(struct config_xml *x, char c) {
    bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '#';
    if (part && x->entity_len + 1 < sizeof x->entity) {
        x->entity[x->entity_len++] = c;
        return;
    }
    entity_end(x, c);
    if (c != ';')
        text_byte(x, c);
}

static void byte(struct config_xml *x, char c) {
    switch (x->state) {
    case XML_TEXT:
        text_byte(x, c);
        break;
    case XML_LESS:
        less_byte(x, c);
        break;
    case XML_BANG:
        bang_byte(x, c);
        break;
    case XML_BANG_DASH:
        if (c == '-')
            x->state = XML_COMMENT;
        else
            text_again(x, "<!-", c);
        break;
    case XML_COMMENT:
    case XML_COMMENT_DASH:
        comment_byte(x, c);
        break;
    case XML_OPEN:
        open_byte(x, c);
        break;
    case XML_ATTRIBUTES:
        attributes_byte(x, c);
        break;
    case XML_QUOTED:
        if (c == x->quote)
            x->state = XML_ATTRIBUTES;
        break;
    case XML_SLASH:
        slash_byte(x, c);
        break;
    case XML_CLOSE:
    case XML_CLOSE_BLANK:
        close_byte(x, c);
        break;
    case XML_ENTITY:
        entity_byte(x, c);
        break;
    }
}

void config_xml_push(struct config_xml *x, const char *bytes, size_t n) {
    for (size_t i = 0; i < n && !x->bad; i++) {
        if (bytes[i] == '\0') {
            SYNTAX(x, x->line, "a NUL byte: this is no text file");
            x->bad = true;
            return;
        }
        byte(x, bytes[i]);
        if (bytes[i] == '\n')
            x->line++;
    }
}

void config_xml_finish(struct config_xml *x) {
    bool in_text = x->state == XML_TEXT || x->state == XML_ENTITY;
    if (x->bad)
        x->depth = 0;
    else if (x->state == XML_COMMENT || x->state == XML_COMMENT_DASH)
        SYNTAX(x, x->mark, "a comment that is not ended with \"-->\"");
    else if (!in_text)
        SYNTAX(x, x->mark, "the file ends inside a tag");
    for (uint32_t i = 0; i < x->depth && i < XML_DEPTH_MAX; i++)
        SYNTAX(x, x->open[i].line, "<%s> is not closed", x->open[i].name);
    bytes_wipe(x, sizeof *x);
}
