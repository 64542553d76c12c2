/* ossec_conf_xml.c - the lines of ossec.conf to elements, attributes and text, read as Wazuh's own reader has
 * them: load_wazuh_xml mends the text with regular expressions before a strict XML parser sees it.
 *
 *   - a '<' is a tag only when a name of at least one letter and one more byte follow and a '>' comes later
 * in the same line, and a comment when "!--" follows; else it is text
 *   - comments may hold "--"
 *   - '&' that begins none of &amp; &lt; &gt; &apos; &quot; &backslash; is text; &lt; and &gt; stay as they
 * are written, a backslash is a backslash
 *
 * So a tag never goes over the end of a line, and lines can be read one at a time. What remains is held to
 * XML: balanced tags, quoted attributes, none twice, no control characters. */
#include "api/ossec_conf_parts.h"

#include "base/text.h"

#include <string.h>

static const char not_well_formed[] = "not well-formed (invalid token)";

static enum err wrong(const struct conf_xml *x, struct error *e, const char *words) {
    return error_set(e, E_SYNTAX, 0, "%s: line %u", words, x->line);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* \w of Python, as far as it can be told without tables: every byte of a longer character counts. */
static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_name(char c) {
    return is_word(c) || c == '-' || c == '.';
}

static bool is_name_start(char c) {
    return is_word(c) && !(c >= '0' && c <= '9');
}

/* Does the '<' at p begin a tag? <(?=/?\w+.+>) */
static bool is_tag(const struct conf_xml *x, const char *p) {
    const char *word = p + 1 + (p[1] == '/');
    return is_word(*word) && x->last_end && x->last_end >= word + 2;
}

/* ---- text ---- */

/* One entity, or the '&' that begins none: what it stands for, and how long it is. */
static size_t read_entity(const char *p, char *c) {
    static const struct {
        char name[12], c;
    } entities[] = {{"&lt;", CONF_LT}, {"&gt;", CONF_GT}, {"&amp;", '&'},
                    {"&quot;", '"'},   {"&apos;", '\''},  {"&backslash;", '\\'}};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t n = strlen(entities[i].name);
        if (strncmp(p, entities[i].name, n) == 0) {
            *c = entities[i].c;
            return n;
        }
    }
    *c = '&';
    return 1;
}

/* The text from p up to stop (a byte, 0: any) or the next tag or comment, unescaped, in x->value. */
static enum err read_run(struct conf_xml *x, const char **p, char stop, size_t *n, struct error *e) {
    const char *at = *p;
    size_t len = 0;
    while (*at && *at != stop) {
        char c = *at;
        if (c == '<' && (is_tag(x, at) || strncmp(at, "<!--", 4) == 0))
            break;
        if (((unsigned char)c < 0x20 && !is_blank(c)) || (!stop && strncmp(at, "]]>", 3) == 0))
            return wrong(x, e, not_well_formed);
        at += c == '&' ? read_entity(at, &c) : 1;
        if (c == '\r')
            c = '\n';
        x->value[len++] = stop && is_blank(c) ? ' ' : c;
    }
    *p = at;
    *n = len;
    return E_OK;
}

static enum err read_text(struct conf_xml *x, const char **p, struct error *e) {
    size_t n;
    enum err err = read_run(x, p, 0, &n, e);
    return err == E_OK && n ? x->events->text(x->arg, x->value, n, e) : err;
}

/* ---- comments ---- */

/* The comment ends with "-->"; pairs of dashes before that are mended, an odd one is not. */
static enum err read_comment(struct conf_xml *x, const char **p, struct error *e) {
    for (const char *at = *p; *at; at++) {
        if (*at == '>' && x->dashes >= 2) {
            bool odd = (x->dashes - 2) % 2;
            x->in_comment = false;
            *p = at + 1;
            return odd ? wrong(x, e, not_well_formed) : E_OK;
        }
        x->dashes = *at == '-' ? x->dashes + 1 : 0;
    }
    *p += strlen(*p);
    return E_OK;
}

/* ---- tags ---- */

/* A name at p to out. false: none, or too long. */
static bool read_name(const char **p, char out[CONF_NAME_BYTES]) {
    size_t n = 0;
    while (is_name((*p)[n]))
        n++;
    if (!n || !is_name_start(**p) || !text_copy(out, CONF_NAME_BYTES, *p, n))
        return false;
    *p += n;
    return true;
}

static void pass_blanks(const char **p) {
    while (is_blank(**p))
        ++*p;
}

static enum err read_end_tag(struct conf_xml *x, const char **p, struct error *e) {
    char name[CONF_NAME_BYTES];
    *p += 2;
    if (!read_name(p, name))
        return wrong(x, e, not_well_formed);
    pass_blanks(p);
    if (**p != '>')
        return wrong(x, e, not_well_formed);
    ++*p;
    if (!x->depth || strcmp(x->name[x->depth - 1], name) != 0)
        return wrong(x, e, "mismatched tag");
    x->depth--;
    return x->events->end(x->arg, e);
}

static enum err read_attribute(struct conf_xml *x, const char **p, struct error *e) {
    char name[CONF_NAME_BYTES];
    size_t n;
    if (!read_name(p, name))
        return wrong(x, e, not_well_formed);
    pass_blanks(p);
    if (*(*p)++ != '=')
        return wrong(x, e, not_well_formed);
    pass_blanks(p);
    char quote = *(*p)++;
    if (quote != '"' && quote != '\'')
        return wrong(x, e, not_well_formed);
    enum err err = read_run(x, p, quote, &n, e);
    if (err == E_OK && **p != quote)
        err = wrong(x, e, not_well_formed);
    if (err != E_OK)
        return err;
    ++*p;
    return x->events->attribute(x->arg, name, x->value, n, e);
}

static enum err read_start_tag(struct conf_xml *x, const char **p, struct error *e) {
    if (x->depth == CONF_DEPTH)
        return error_set(e, E_LIMIT, 0, "more than %u elements within each other: line %u", CONF_DEPTH,
                         x->line);
    char *name = x->name[x->depth];
    ++*p;
    if (!read_name(p, name))
        return wrong(x, e, not_well_formed);
    enum err err = x->events->start(x->arg, name, e);
    for (;;) {
        const char *before = *p;
        pass_blanks(p);
        if (err != E_OK || **p == '>' || **p == '/')
            break;
        err = before == *p || !**p ? wrong(x, e, not_well_formed) : read_attribute(x, p, e);
    }
    if (err == E_OK)
        err = x->events->begun(x->arg, e);
    if (err != E_OK)
        return err;
    x->depth++;
    if (*(*p)++ == '>')
        return E_OK;
    if (*(*p)++ != '>')
        return wrong(x, e, not_well_formed);
    x->depth--;
    return x->events->end(x->arg, e);
}

/* ---- lines ---- */

static enum err read_line(struct conf_xml *x, struct error *e) {
    const char *p = x->text;
    enum err err = E_OK;
    x->text[x->n] = 0;
    x->last_end = strrchr(x->text, '>');
    if (strlen(x->text) != x->n)
        return wrong(x, e, not_well_formed);
    while (*p && err == E_OK) {
        if (x->in_comment) {
            err = read_comment(x, &p, e);
        } else if (strncmp(p, "<!--", 4) == 0) {
            x->in_comment = true;
            x->dashes = 0;
            p += 4;
        } else if (*p == '<' && is_tag(x, p)) {
            err = p[1] == '/' ? read_end_tag(x, &p, e) : read_start_tag(x, &p, e);
        } else {
            err = read_text(x, &p, e);
        }
    }
    x->n = 0;
    return err;
}

void conf_xml_init(struct conf_xml *x, const struct conf_xml_events *events, void *arg) {
    x->events = events;
    x->arg = arg;
    x->line = 1;
    x->depth = x->dashes = x->n = 0;
    x->in_comment = false;
}

enum err conf_xml_push(struct conf_xml *x, const char *bytes, size_t n, struct error *e) {
    for (size_t i = 0; i < n; i++) {
        if (x->n == CONF_LINE_BYTES - 1)
            return error_set(e, E_LIMIT, 0, "line %u is longer than %u bytes", x->line, CONF_LINE_BYTES - 2);
        if (bytes[i] == '\n' && x->n && x->text[x->n - 1] == '\r')
            x->n--;
        x->text[x->n++] = bytes[i];
        if (bytes[i] != '\n')
            continue;
        enum err err = read_line(x, e);
        if (err != E_OK)
            return err;
        x->line++;
    }
    return E_OK;
}

enum err conf_xml_finish(struct conf_xml *x, struct error *e) {
    enum err err = read_line(x, e);
    if (err != E_OK)
        return err;
    if (x->in_comment)
        return wrong(x, e, "unclosed token");
    return x->depth ? wrong(x, e, "mismatched tag") : E_OK;
}
