/* api/ossec_conf_parts.h - etc/ossec.conf made JSON as get_ossec_conf of 4.14.7 makes it (core/utils.py,
 * load_wazuh_xml; core/configuration.py): what src/api/ossec_conf*.c share.
 *
 *   bytes -> lines -> elements and text (ossec_conf_xml.c) -> an option as a small tree -> JSON values, one
 *   record each (ossec_conf_json.c) -> sections and options put together and written (ossec_conf.c)
 *
 * The file may have any length; what one option may hold, and how many options there may be, is fixed. */
#ifndef PICKET_API_OSSEC_CONF_PARTS_H
#define PICKET_API_OSSEC_CONF_PARTS_H

#include "base/blob.h"
#include "base/json_write.h"
#include "limits.h"

#include <stdbool.h>

#if BODY_WINDOW_BYTES >= (128u << 10)
#define CONF_LINE_BYTES 8192u  /* of one line of the file */
#define CONF_POOL_BYTES 12288u /* texts of one option */
#define CONF_RECORDS 4000u     /* values of all options */
#define CONF_NAMES_BYTES 8192u /* names of all options */
#else
#define CONF_LINE_BYTES 4096u
#define CONF_POOL_BYTES 6144u
#define CONF_RECORDS 700u
#define CONF_NAMES_BYTES 3072u
#endif
#define CONF_DEPTH 14u       /* elements within each other */
#define CONF_NAME_BYTES 64u  /* a name of an element, with its NUL */
#define CONF_NODES 192u      /* elements of one option */
#define CONF_ATTRIBUTES 128u /* of one option */

/* ---- the XML that Wazuh reads ---- */

struct conf_xml_events {
    enum err (*start)(void *arg, const char *name, struct error *e);
    enum err (*attribute)(void *arg, const char *name, const char *value, size_t n, struct error *e);
    enum err (*begun)(void *arg, struct error *e); /* all attributes were told */
    /* &lt; and &gt; as they are written are told as CONF_LT and CONF_GT; they come out as written. */
    enum err (*text)(void *arg, const char *bytes, size_t n, struct error *e);
    enum err (*end)(void *arg, struct error *e);
};
#define CONF_LT '\1'
#define CONF_GT '\2'

struct conf_xml {
    const struct conf_xml_events *events;
    void *arg;
    uint32_t line; /* number of the line in hand */
    uint32_t depth;
    uint32_t dashes; /* that the comment ends with so far */
    bool in_comment;
    const char *last_end; /* the last '>' of the line, or NULL */
    uint32_t n;
    char name[CONF_DEPTH][CONF_NAME_BYTES];
    char value[CONF_LINE_BYTES];    /* of an attribute, or a run of text */
    char text[CONF_LINE_BYTES + 1]; /* the line */
};
void conf_xml_init(struct conf_xml *x, const struct conf_xml_events *events, void *arg);
/* E_SYNTAX, E_LIMIT with the number of the line in words, or what an event said. */
enum err conf_xml_push(struct conf_xml *x, const char *bytes, size_t n, struct error *e);
enum err conf_xml_finish(struct conf_xml *x, struct error *e);

/* ---- options ---- */

/* How sections of one name go together. */
enum conf_kind { CONF_DUPLICATE, CONF_MERGE, CONF_LAST };
#define CONF_NO_SECTION 0xffu
/* Number of a section of Wazuh's, or CONF_NO_SECTION. */
uint8_t conf_section_find(const char *name);
const char *conf_section_name(uint8_t section);
enum conf_kind conf_section_kind(uint8_t section);
/* Is the option a list in this section? */
bool conf_is_list(uint8_t section, const char *option);

/* A value of an option, or (option CONF_BEGIN) the beginning of a section. */
struct conf_record {
    uint32_t at, hash; /* of its JSON in the values */
    uint16_t n;
    uint16_t option; /* where its name begins in names */
    uint8_t section;
};
#define CONF_BEGIN 0xffffu

/* Indexes and offsets; 0 is none, but for node[0], the option itself. */
struct conf_node {
    uint16_t tag, name, text, tail; /* C strings in pool; name: the tag in small letters */
    uint16_t parent, next, first, last;
    uint16_t attributes; /* the first, + 1 */
};
struct conf_attribute {
    uint16_t name, value; /* C strings in pool */
    uint16_t next;        /* + 1 */
};

/* The whole reading: in a window. */
struct conf_reader {
    struct conf_xml xml;
    struct blob values;
    /* where in the file */
    uint32_t depth; /* 1: in a root, 2: in a section, 3: in an option */
    bool in_root, is_wodle;
    bool named;      /* the name of the wodle came */
    uint8_t section; /* the one that is open */
    /* the option in hand */
    uint16_t node, node_count, attribute_count;
    uint16_t *text; /* where text goes: text or tail of a node, or NULL */
    uint32_t pool_n;
    struct conf_node nodes[CONF_NODES];
    struct conf_attribute attributes[CONF_ATTRIBUTES];
    char pool[CONF_POOL_BYTES];
    /* what was read */
    uint32_t record_count, names_n;
    struct conf_record records[CONF_RECORDS];
    char names[CONF_NAMES_BYTES];
    struct text json;
    char json_room[API_TEXT_BYTES - 256]; /* of one value, so that it fits an answer with its key */
};
void conf_reader_init(struct conf_reader *r, struct pool *windows, struct spill *spill, uint64_t limit);
void conf_reader_fini(struct conf_reader *r);
/* The bytes of the file. E_SYNTAX, E_LIMIT, E_VALUE: words for the asker. */
enum err conf_reader_push(struct conf_reader *r, const char *bytes, size_t n, struct error *e);
enum err conf_reader_finish(struct conf_reader *r, struct error *e);

/* ossec_conf_json.c: the option in hand is whole: its records. */
enum err conf_option_add(struct conf_reader *r, struct error *e);
/* One more record; name is kept. json NULL: the beginning of a section. */
enum err conf_record_add(struct conf_reader *r, const char *name, const char *json, size_t n,
                         struct error *e);
void conf_lower(char *name);

/* ---- masking of the raw text ---- */

/* Replaces what <cluster>...<key>[^<]*</key> and <authd>...<pass>[^<]*</pass> hold, as _mask_xml_by_path of
 * 4.14.7 does with regular expressions. */
struct conf_mask {
    const char *outer, *inner, *end; /* "<cluster>", "<key>", "</key>" */
    uint8_t state;
    uint8_t at;      /* bytes of what is looked for that came */
    uint32_t held_n; /* of the value that may have to be masked */
    char held[512];
};
void conf_mask_init(struct conf_mask *m, const char *outer, const char *inner, const char *end);
/* One byte in; out gets what is certain. */
void conf_mask_push(struct conf_mask *m, char c, struct text *out);
void conf_mask_finish(struct conf_mask *m, struct text *out);

/* Replaces the words themselves wherever they stand: a comment, a blank in a tag or a second <key> lead the
 * expressions above astray, on real nodes as well. */
struct conf_words {
    const char *words; /* the caller's; "": none */
    uint8_t held;      /* bytes of them that came */
};
/* One byte in; out gets what is certain, at most as many bytes as there are of words, and one. */
void conf_words_push(struct conf_words *m, char c, struct text *out);

#endif
