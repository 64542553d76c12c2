/* agents_parts.h - what the files of the agents' rows, and the wazuh-db commands over them, share. Not part
 * of the contract in store/agents.h. */
#ifndef PICKET_STORE_AGENTS_PARTS_H
#define PICKET_STORE_AGENTS_PARTS_H

#include "store/agents.h"

/* ---- transactions (agents.c) ---- */

/* Opens a transaction unless the caller has one: *own. */
enum err agents_begin(struct agents *a, bool *own, struct error *e);
/* Ends one's own: committed when r is good, else rolled back. Returns r, or why it could not be committed. */
enum err agents_end(struct agents *a, bool own, enum err r, struct error *e);
/* Steps a statement that gives no row. */
enum err agents_run(struct agents *a, struct sqlite3_stmt *q, struct error *e);

/* ---- marks (agents_marks.c) ---- */

/* Every writer tells what it wrote to row id, right after the statement that did. */
enum {
    WROTE_INFO = 1,           /* something that is told to the master */
    WROTE_INFO_PENDING = 2,   /* ... and the row may not be 'synced' */
    WROTE_GROUPS = 4,         /* the agent's groups */
    WROTE_GROUPS_PENDING = 8, /* ... and they may be 'syncreq' */
    WROTE_HASH = 16           /* the global hash may be another */
};
void agents_wrote(struct agents *a, int64_t id, unsigned what);
/* Rows became more (1) or fewer (-1), in the present transaction. */
void agents_counted(struct agents *a, int change);
/* Looks at the rows for everything that struct agents remembers of them. */
enum err agents_look(struct agents *a, struct error *e);
/* After a transaction that was rolled back in the middle of its commit: the rows are counted anew. */
enum err agents_settle(struct agents *a, struct error *e);

/* The next id after `after` that has a mark; 0: none. *e as db_step. */
enum err marks_next(struct agents *a, const struct agent_marks *m, int64_t after, int64_t *id,
                    struct error *e);
/* The row with this id is not pending: the mark goes, unless it stands for another that is. */
enum err marks_drop(struct agents *a, struct agent_marks *m, int64_t id, struct error *e);
bool marks_has(const uint8_t *bits, int64_t id);
void marks_set(uint8_t *bits, int64_t id);

/* ---- texts ---- */

/* n bytes of text, anybody's. */
struct slice {
    const char *s;
    size_t n;
};
int64_t agents_now(struct agents *a); /* seconds of the wall clock */
bool agent_name_is_valid(const char *name, size_t n);
bool slice_is_group(struct slice name);
/* The text of a JSON string: where it stands, or unescaped into a->scratch from *used on. E_VALUE: it is no
 * string, or holds what a C string cannot; E_LIMIT: no room. */
enum err agents_text(struct agents *a, const struct json_doc *d, size_t i, size_t *used, struct slice *out,
                     struct error *e);
/* A JSON number that is whole and fits 32 bits without sign. */
bool agents_number(const struct json_doc *d, size_t i, int64_t *out);

/* As text of the schema, and back: -1 for another text. */
const char *sync_status_text(enum sync_status s);
int sync_status_of(const char *text);

/* ---- rows (agents.c) ---- */

/* agents_insert, with the column `group` (may be NULL). */
enum err agents_insert_row(struct agents *a, int64_t id, const char *name, const char *ip,
                           const char *register_ip, const char *internal_key, const char *group,
                           int64_t date_add, struct error *e);

/* ---- state (agents_state.c) ---- */

/* What remoted reports of an agent (update-agent-data); texts may be NULL. */
enum { AGENT_DATA_FIELDS = 16 };
struct agent_data {
    const char *field[AGENT_DATA_FIELDS]; /* in the order of agent_data_names */
    const char *ip;                       /* NULL: stays as it is */
    const char *labels;                   /* "key:value\nkey:value"; those that are there go */
    const char *sync_status;
};
extern const char agent_data_names[]; /* a list (base/text.h) */
/* Each: a row that is not there is E_OK, as Wazuh has it. sync_status: what is asked for; a stronger one that
 * is pending stays (reference, section 14.4). E_VALUE: a status the schema does not know, or one is missing.
 */
enum err agents_put_data(struct agents *a, int64_t id, const struct agent_data *data, struct error *e);
enum err agents_put_labels(struct agents *a, int64_t id, const char *labels, struct error *e);
enum err agents_put_keepalive(struct agents *a, int64_t id, const char *connection_status,
                              const char *sync_status, struct error *e);
/* disconnection_time is now when the agent is 'disconnected', else 0. */
enum err agents_put_connection(struct agents *a, int64_t id, const char *connection_status,
                               const char *sync_status, int64_t status_code, struct error *e);
enum err agents_put_status_code(struct agents *a, int64_t id, int64_t status_code, const char *version,
                                const char *sync_status, struct error *e);
/* The next agent after `after` that is active or pending; of those, if lost_before is not NULL, with a
 * keepalive before that time. *id 0 at the end. */
enum err agents_next_connected(struct agents *a, int64_t after, const int64_t *lost_before, int64_t *id,
                               struct error *e);

/* ---- groups (agents_groups.c) ---- */

/* *id 0: no such group. */
enum err group_find(struct agents *a, struct slice name, int64_t *id, struct error *e);
/* sync_status NULL: group_sync_status stays as it is. */
enum err agents_rehash(struct agents *a, int64_t id, const char *sync_status, struct error *e);

/* ---- what is told (compact.c, agents_read.c) ---- */

/* Compact JSON as cJSON prints it, in good UTF-8 whatever the row holds. */
void compact_str(struct text *out, const char *s, size_t n);
/* One row of a statement as an object: numbers and texts by their kind, NULL left out. */
void compact_row(struct text *out, struct sqlite3_stmt *q);
/* A list with a bound, as wazuh-db pages: an element goes in as long as it leaves a byte of `most` free. */
struct page {
    struct text *out;
    size_t most;        /* bytes, with the brackets */
    size_t tail;        /* of them, what comes after the last element */
    size_t start, from; /* where in out the list began, and the element being written */
    size_t rows;
};
void page_begin(struct page *p, struct text *out, const char *head, size_t most, size_t tail);
void page_element(struct page *p); /* the comma before it, if any */
/* The element is written. false: it does not fit and is taken out again. */
bool page_fits(struct page *p);

/* The forms in which a row is told: all of it (dialect E), as its list has it (dialect F), as a command
 * of 4.13 and later has it. */
enum info_form { FORM_TEXT, FORM_LISTS, FORM_COMMAND };
/* The next pending row after r->last_id into the page, of the given list (SYNCED: of any). *told false: there
 * is none, or *full: it did not fit, and r is as before. own: the transaction is the call's own. */
enum err info_tell_next(struct agents *a, struct agents_read *r, enum info_form form, enum sync_status list,
                        bool own, struct page *p, bool *told, bool *full, struct error *e);
/* The next 256 rows at most, or as many as out has room for, of the three lists of dialect F; see
 * agents_read_lists. confirm: they count as synchronised from here on. */
enum err info_tell_lists(struct agents *a, struct agents_read *r, bool own, bool confirm, struct text *out,
                         bool *done, struct error *e);

#endif
