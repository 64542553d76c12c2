/* api/agents_parts.h - what src/api/agents*.c and groups.c share: a question of the API about agents made one
 * SELECT over table agent that both stores understand, agents that are named one by one, and rows made items.
 *
 * Names of fields, their columns, operators and errors are those of WazuhDBQueryAgents (wazuh/core/agent.py
 * and WazuhDBQuery in wazuh/core/utils.py of 4.14.7). Nothing that was asked gets into a SELECT but numbers
 * and quoted literals; columns come from a constant table. Where real nodes let a caller out of the brackets
 * they put him in, this does not:
 *   - q is in brackets of its own, so that an "or" in it cannot undo filters or permissions; brackets of q
 *     must match, and what is no term is refused (1407) and not passed over;
 *   - search does not look into keys. */
#ifndef PICKET_API_AGENTS_PARTS_H
#define PICKET_API_AGENTS_PARTS_H

#include "api/call.h"

#define AGENT_FIELDS 25u        /* all but internal_key */
#define AGENTS_Q_BYTES 4096u    /* q, with its NUL */
#define AGENTS_VALUE_BYTES 512u /* one value of filters or search, with its NUL */
#define AGENTS_PAGE 128u        /* rows asked for at once */
#define AGENTS_AT_ONCE                                                                                       \
    1000u                 /* named agents that one SELECT may name: more with sort, distinct are refused     \
                           */
#define AGENTS_CHUNK 200u /* else so many at a time */
#define AGENTS_LIMIT_MOST 100000u /* MAXIMUM_DATABASE_LIMIT */

/* Bit of a field in a selection. */
enum agent_field {
    AGENT_ID = 0,
    AGENT_DATE_ADD = 8,
    AGENT_GROUP = 9,
    AGENT_OS_FIRST = 12, /* os.name */
    AGENT_OS_LAST = 20,
    AGENT_LAST_KEEPALIVE = 21,
    AGENT_DISCONNECTION_TIME = 22
};
/* The table: the API's name, and its column. Names of a row's members are 'a' + field. */
const char *agent_field_name(size_t field);
const char *agent_column(size_t field);
ptrdiff_t agent_field_find(const char *name, size_t n);
/* The field that a string of a request names, -1: none; name: the string, for words. */
#define AGENT_FIELD_BYTES 40
ptrdiff_t agent_field_read(const struct json_doc *d, size_t i, char name[AGENT_FIELD_BYTES]);
/* Fill in *why, and are E_VALUE: extra may be NULL; what Python would stumble over (1000); "<kind>: <field>".
 */
enum err agents_wrong(struct wazuh_error *why, enum wazuh_class class, int code, const char *extra);
enum err agents_wrong_shape(struct wazuh_error *why, const char *words);
enum err agents_wrong_field(struct wazuh_error *why, int code, const char *kind, const char *field);

/* ---- the question (agents_sql.c, agents_where.c, agents_q.c, agents_wish.c) ---- */

struct agents_wish {
    const struct api_request *request;
    const char *actions;    /* text_item list, see agents_sql_permitted */
    const char *group;      /* get_agents_in_group: only those that are in it; else NULL */
    uint64_t offset, limit; /* UINT64_MAX: all */
    uint32_t select;
    bool distinct, by_version, is_descending;
    bool has_order; /* by other fields than the id */
};
/* Reads limit, offset, select, sort and distinct; the arguments stay the request's. by_version: versions are
 * ordered by their numbers (get_agents). E_VALUE, E_LIMIT: *why is what real nodes answer (1400, 1401, 1403,
 * 1405 to 1409, 1411, 1412, 1724), or 1000 where they stumble. */
enum err agents_wish_read(struct agents_wish *w, const struct api_request *r, const char *actions,
                          const char *group, bool by_version, struct wazuh_error *why);
/* Each appends to t, which is cut when it does not fit. */
/* True of the agents that this user may do all the actions (a text_item list) to; "1" when there are none. */
enum err agents_sql_permitted(struct text *t, const struct api_request *r, const char *actions);
void agents_sql_columns(struct text *t, uint32_t select);
enum err agents_sql_where(struct text *t, const struct agents_wish *w, struct wazuh_error *why);
void agents_sql_order(struct text *t, const struct agents_wish *w);
/* "id in (1,2,...)" */
void agents_sql_ids(struct text *t, const uint32_t *ids, size_t n);
/* s as a literal: quotes are doubled; before and after stand within it (may be ""). */
void agents_sql_literal(struct text *t, const char *before, const char *s, size_t n, const char *after);

enum agents_op { AGENTS_EQUAL, AGENTS_UNEQUAL, AGENTS_LESS, AGENTS_GREATER, AGENTS_LIKE };
/* One condition: what filters and q consist of. value NULL: "is null". */
struct agents_term {
    size_t field;
    enum agents_op op;
    const char *value;
    size_t n;
    bool is_number; /* value is a number of JSON, and stands without quotes */
};
enum err agents_sql_term(struct text *t, const struct agents_term *m, struct wazuh_error *why);
/* The language of q: terms in brackets, joined by ';' (and) and ',' (or). Appends the condition. */
enum err agents_q(struct text *t, const char *q, struct wazuh_error *why);

/* ---- rows (agents_rows.c) ---- */

/* Calls row for every whole object of a reply "ok [{...},...]" of n bytes. A reply that was cut (wazuh-db
 * does so at 64 KB) gives its rows before the cut, and *cut. Anything else is refused with 2003 (what the
 * store said) or 2006. row's error ends it and is returned. */
#define AGENT_ROW_TOKENS 64u
enum err agents_rows(const char *reply, size_t n, bool *cut,
                     enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why), void *arg,
                     struct wazuh_error *why);
/* A whole number among a row's members; false: there is none. */
bool agents_row_number(const struct json_doc *d, char name, int64_t *out);
/* A row as the API's item: id of three digits at least, os nested, groups as a list, dates; what is NULL or
 * not selected is left out. E_LIMIT: a text is too long. */
enum err agents_item(struct json_write *w, const struct json_doc *d, uint32_t select);

/* ---- the store (agents_rows.c) ---- */

/* Submits t, a whole command of STORE_TEXT; done is called with c. Functions use agents_select. */
void agents_ask(struct api_call *c, struct store_job *j, const struct text *t,
                void (*done)(void *arg, struct store_job *j));
/* Did the job go well, and are its rows read (agents_rows)? Else *why: 2005 nobody is there, 2007 it failed.
 */
enum err agents_answered(struct api_call *c, const struct store_job *j, bool *cut,
                         enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why),
                         struct wazuh_error *why);

/* ---- agents named one by one (agents_ids.c) ---- */

#define AGENTS_IDS_SMALL 64u
#define AGENTS_ID_MARK 0x80000000u /* in what the caller keeps, his own; ids end below */
struct agents_ids {
    const char *actions; /* text_item list: what one must be permitted to be told of */
    uint32_t *id;        /* in order, each once; then, at the front, those that the caller keeps */
    uint32_t count;      /* of them */
    uint32_t at_end;     /* as many were named */
    uint32_t at, chunk_end, kept, denied;
    bool any_allowed; /* one at least may be told of, were it as unknown */
    bool quiet;       /* the caller's: unknown ones are not told as failed */
    uint64_t read_at;
    struct pool *windows;
    uint8_t *window; /* of more than AGENTS_IDS_SMALL; NULL: none */
    uint32_t small[AGENTS_IDS_SMALL];
};
/* How they are looked up, AGENTS_CHUNK at a time: "select id a,(permitted) b<more> from agent ...". */
struct agents_look {
    const char *more; /* columns besides: ",version c" */
    /* One that is there and permitted. It may be kept: ids->id[ids->kept++] = id. */
    void (*found)(struct api_call *c, const struct json_doc *d, uint32_t id);
    void (*done)(struct api_call *c); /* those that were kept are the list now */
};

/* What the state of every function about agents or groups begins with. */
#define AGENTS_TEXT_BYTES 3800u
struct agents_state {
    struct store_job job; /* the question under way, one at a time */
    enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why);
    void (*done)(struct api_call *c);
    bool may_be_cut; /* the function's: it asks again for what is not in a reply that was cut */
    bool was_cut;
    const struct agents_look *look;
    struct agents_ids ids;
    char text[AGENTS_TEXT_BYTES]; /* of the question */
};
/* Memory for a question: behind the ids in their window if there is more, else s->text. */
void agents_question(struct agents_state *s, struct text *t);
/* Asks the store the question in t. row, which gets c, is called for each row, and done after the last one.
 * Or the call fails: with row's error, 2009 (a reply was cut), 1000 (t was), 2005 to 2007 (the store). */
void agents_select(struct api_call *c, const struct text *t,
                   enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why),
                   void (*done)(struct api_call *c));
/* The cancel of a function that holds no more than this. */
void agents_cancel(struct api_call *c);

/* false: there are too many, or no window is free (*why). */
bool agents_ids_open(struct agents_ids *ids, const struct api_call *c, const char *actions,
                     struct wazuh_error *why);
/* Looks up those that the request names; what is no id, unknown (1701) or denied (4000) is told as failed.
 * When every one is denied and somebody is to be told, that is the answer, and the call ends. */
void agents_look_up(struct api_call *c, const struct agents_look *look);
/* id with at least three digits. */
const char *agents_id_words(char out[AGENT_ID_BYTES], uint32_t id);

/* ---- groups (groups.c) ---- */

/* The first of group_list: it must be there (1710) and permitted (4000). false: *why. */
bool group_argument(struct api_call *c, char name[GROUP_NAME_BYTES], struct wazuh_error *why);

/* ---- functions; see agents.c ---- */
void agents_get_start(struct api_call *c);
void agents_overview_start(struct api_call *c);
void agents_in_group_start(struct api_call *c);
void agents_summary_start(struct api_call *c);
void agents_reconnect_start(struct api_call *c);
void agents_restart_start(struct api_call *c);
void agents_restart_by_node_start(struct api_call *c);
void agents_restart_by_group_start(struct api_call *c);
void agents_command_cancel(struct api_call *c);
void groups_get_start(struct api_call *c);
void groups_get_cancel(struct api_call *c);

#endif
