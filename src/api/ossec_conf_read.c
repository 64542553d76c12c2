/* ossec_conf_read.c - the elements of ossec.conf sorted into roots, sections and options. Options of Wazuh's
 * sections become small trees, handed on when they are whole (ossec_conf_json.c); everything else is passed
 * over. */
#include "api/ossec_conf_parts.h"

#include "base/bytes.h"

#include <string.h>

/* ---- the pool ---- */

static enum err full(struct error *e, const char *what) {
    return error_set(e, E_LIMIT, 0, "one option of ossec.conf holds too much: %s", what);
}

/* A C string of n bytes at the end of the pool. */
static enum err put(struct conf_reader *r, const char *bytes, size_t n, uint16_t *at, struct error *e) {
    if (n + 1 > sizeof r->pool - r->pool_n)
        return full(e, "text");
    memcpy(r->pool + r->pool_n, bytes, n);
    r->pool[r->pool_n + n] = 0;
    *at = (uint16_t)r->pool_n;
    r->pool_n += (uint32_t)n + 1;
    return E_OK;
}

/* ---- elements ---- */

static enum err start_node(struct conf_reader *r, const char *name, struct error *e) {
    uint16_t at = r->node_count;
    if (at == CONF_NODES)
        return full(e, "elements");
    struct conf_node *n = &r->nodes[at];
    memset(n, 0, sizeof *n);
    enum err err = put(r, name, strlen(name), &n->tag, e);
    if (err == E_OK)
        err = put(r, name, strlen(name), &n->name, e);
    if (err != E_OK)
        return err;
    conf_lower(r->pool + n->name);
    if (at) {
        struct conf_node *parent = &r->nodes[r->node];
        n->parent = r->node;
        if (parent->last)
            r->nodes[parent->last].next = at;
        else
            parent->first = at;
        parent->last = at;
    }
    r->node_count++;
    r->node = at;
    r->text = NULL;
    return E_OK;
}

/* pool[0] is an empty string: the text of elements that have none. */
static enum err start_option(struct conf_reader *r, const char *name, struct error *e) {
    r->pool[0] = 0;
    r->pool_n = 1;
    r->node_count = r->attribute_count = 0;
    return start_node(r, name, e);
}

static enum err started(void *arg, const char *name, struct error *e) {
    struct conf_reader *r = arg;
    char low[CONF_NAME_BYTES];
    uint32_t depth = r->depth++;
    memcpy(low, name, strlen(name) + 1);
    conf_lower(low);
    switch (depth) {
    case 0:
        r->in_root = strcmp(low, "ossec_config") == 0;
        return E_OK;
    case 1:
        r->is_wodle = r->in_root && strcmp(low, "wodle") == 0;
        r->named = false;
        r->section = r->in_root && !r->is_wodle ? conf_section_find(low) : CONF_NO_SECTION;
        return E_OK;
    default:
        if (r->section == CONF_NO_SECTION)
            return E_OK;
        return depth == 2 ? start_option(r, name, e) : start_node(r, name, e);
    }
}

static enum err attribute(void *arg, const char *name, const char *value, size_t n, struct error *e) {
    struct conf_reader *r = arg;
    if (r->depth == 2 && r->is_wodle && strcmp(name, "name") == 0) {
        char wodle[CONF_NAME_BYTES];
        r->named = true;
        r->section = text_copy(wodle, sizeof wodle, value, n) ? conf_section_find(wodle) : CONF_NO_SECTION;
        return E_OK;
    }
    if (r->depth < 3 || r->section == CONF_NO_SECTION)
        return E_OK;
    if (r->attribute_count == CONF_ATTRIBUTES)
        return full(e, "attributes");
    struct conf_attribute *a = &r->attributes[r->attribute_count];
    enum err err = put(r, name, strlen(name), &a->name, e);
    if (err == E_OK)
        err = put(r, value, n, &a->value, e);
    if (err != E_OK)
        return err;
    a->next = 0;
    uint16_t *link = &r->nodes[r->node].attributes;
    for (; *link; link = &r->attributes[*link - 1].next)
        if (strcmp(r->pool + r->attributes[*link - 1].name, name) == 0)
            return error_set(e, E_SYNTAX, 0, "duplicate attribute: line %u", r->xml.line);
    *link = ++r->attribute_count;
    return E_OK;
}

static enum err begun(void *arg, struct error *e) {
    struct conf_reader *r = arg;
    if (r->depth == 2 && r->is_wodle && !r->named)
        return error_set(e, E_VALUE, 0, "'name'");
    if (r->depth == 2 && r->section != CONF_NO_SECTION)
        return conf_record_add(r, NULL, NULL, 0, e);
    if (r->depth > 2 && r->section != CONF_NO_SECTION)
        r->text = &r->nodes[r->node].text;
    return E_OK;
}

/* Text of an element, or behind one within the option. It may come in several runs. */
static enum err texted(void *arg, const char *bytes, size_t n, struct error *e) {
    struct conf_reader *r = arg;
    if (r->depth < 3 || r->section == CONF_NO_SECTION || !r->text)
        return E_OK;
    if (!*r->text)
        return put(r, bytes, n, r->text, e);
    if (n > sizeof r->pool - r->pool_n)
        return full(e, "text");
    memcpy(r->pool + r->pool_n - 1, bytes, n);
    r->pool_n += (uint32_t)n;
    r->pool[r->pool_n - 1] = 0;
    return E_OK;
}

static enum err ended(void *arg, struct error *e) {
    struct conf_reader *r = arg;
    r->depth--;
    if (r->depth < 2 || r->section == CONF_NO_SECTION)
        return E_OK;
    if (r->depth > 2) {
        r->text = &r->nodes[r->node].tail;
        r->node = r->nodes[r->node].parent;
        return E_OK;
    }
    r->text = NULL;
    return conf_option_add(r, e);
}

static const struct conf_xml_events events = {started, attribute, begun, texted, ended};

void conf_reader_init(struct conf_reader *r, struct pool *windows, struct spill *spill, uint64_t limit) {
    conf_xml_init(&r->xml, &events, r);
    blob_init(&r->values, NULL, 0, windows, spill, limit);
    r->depth = 0;
    r->in_root = r->is_wodle = false;
    r->section = CONF_NO_SECTION;
    r->text = NULL;
    r->record_count = r->names_n = 0;
}

/* The key of the cluster may have been among it. */
void conf_reader_fini(struct conf_reader *r) {
    blob_reset(&r->values);
    bytes_wipe(r, sizeof *r);
}

enum err conf_reader_push(struct conf_reader *r, const char *bytes, size_t n, struct error *e) {
    return conf_xml_push(&r->xml, bytes, n, e);
}

enum err conf_reader_finish(struct conf_reader *r, struct error *e) {
    return conf_xml_finish(&r->xml, e);
}
