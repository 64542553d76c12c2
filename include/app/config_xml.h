/* app/config_xml.h - the <cluster> sections of ossec.conf, as a push machine: bytes in, options out.
 *
 * ossec.conf is nearly XML: several <ossec_config> roots, bare '<' and '&' in regular expressions, comments
 * with "--" inside. This reads it as Wazuh's own reader does (framework/wazuh/core/utils.py load_wazuh_xml,
 * configuration.py get_ossec_conf): a '<' that begins no tag is text; attributes are passed over; names of
 * roots and sections are compared without regard to case; &amp; &quot; &apos; and &backslash; are replaced,
 * while &lt; &gt; and numeric references stay as they are written, because that is what the real reader
 * hands on. Tags must be balanced in the whole file; what lies outside <cluster> is otherwise ignored. */
#ifndef PICKET_APP_CONFIG_XML_H
#define PICKET_APP_CONFIG_XML_H

#include "app/problems.h"

#include <stddef.h>

#define XML_DEPTH_MAX 12u    /* elements whose names are remembered; deeper ones are only counted */
#define XML_NAME_BYTES 48u   /* a name with its NUL; the rest of a longer one is not compared */
#define XML_VALUE_BYTES 512u /* the text of one option with its NUL */

struct config_xml;

struct xml_option {
    const char *path;  /* "port", "nodes/node", "haproxy_helper/frequency" */
    const char *value; /* its text, unescaped, blanks and all */
    uint32_t line;     /* of its opening tag */
    bool cut;          /* the text was longer than XML_VALUE_BYTES */
};

/* Called while bytes are pushed; the strings live until the call returns. */
struct xml_events {
    void (*section)(void *arg, uint32_t line); /* a <cluster> begins */
    void (*option)(void *arg, const struct xml_option *o);
    void *arg;
};

enum xml_state {
    XML_TEXT,
    XML_LESS,         /* after '<' */
    XML_BANG,         /* after "<!" */
    XML_BANG_DASH,    /* after "<!-" */
    XML_COMMENT,      /* in a comment */
    XML_COMMENT_DASH, /* in a comment, after one or more '-' */
    XML_OPEN,         /* in the name of an opening tag */
    XML_ATTRIBUTES,   /* after that name */
    XML_QUOTED,       /* in the value of an attribute */
    XML_SLASH,        /* after the '/' of "<name/" */
    XML_CLOSE,        /* in the name of a closing tag */
    XML_CLOSE_BLANK,  /* after that name */
    XML_ENTITY        /* after '&', in <cluster> */
};

struct config_xml {
    struct xml_events events;
    struct problems *problems;
    const char *file;
    enum xml_state state;
    uint32_t line;
    uint32_t mark; /* line on which the tag or comment being read began */
    uint32_t depth;
    struct {
        char name[XML_NAME_BYTES];
        uint32_t line;
    } open[XML_DEPTH_MAX];
    char name[XML_NAME_BYTES]; /* of the tag being read */
    uint32_t name_len;
    uint32_t dashes; /* in XML_COMMENT_DASH */
    char quote;
    bool parent; /* the element that was just closed is inside one that so holds elements, not text */
    bool bad;    /* a NUL byte was met: this is no text file, the rest is passed over */
    char value[XML_VALUE_BYTES];
    uint32_t value_len;
    bool value_cut;
    char entity[12];
    uint32_t entity_len;
};

/* file: for the problems, must outlive them. Syntax problems are added to p as errors, code 3006. */
void config_xml_init(struct config_xml *x, const char *file, struct problems *p,
                     const struct xml_events *events);
void config_xml_push(struct config_xml *x, const char *bytes, size_t n);
/* The file ends: reports what is still open. Wipes the machine, which may hold the key. */
void config_xml_finish(struct config_xml *x);

#endif
