/* api/result.h - an answer being written, in the encoding of reference, section 15: AffectedItemsWazuhResult,
 * WazuhResult, or an exception. JSON goes through a small text into a blob, so an answer may be of any
 * length. */
#ifndef PICKET_API_RESULT_H
#define PICKET_API_RESULT_H

#include "base/blob.h"
#include "base/json_write.h"
#include "limits.h"
#include "wire/wazuh_error.h"

/* Different errors among the failed items of one answer; more are told as the last. */
#define RESULT_ERRORS 8u
#define RESULT_ITEM_ROOM 64u /* bytes of the text that an item leaves free */

/* Constant words of a function's answer, and how several nodes' answers are merged (results.py). */
struct result_kind {
    const char *all_msg, *some_msg, *none_msg;
    const char *sort_fields;  /* text_item list, NULL: null */
    const char *sort_casting; /* text_item list of "int", "str", "float", "bool"; NULL: ["int"] */
    bool descending;          /* in all of sort_fields */
};

struct api_result {
    struct blob *out;   /* the answer */
    struct blob failed; /* (error's number, id, NUL) of each failed item */
    const struct dialect *dialect;
    struct text text;
    struct json_write w;
    const struct result_kind *kind;
    uint64_t affected, failed_count;
    struct wazuh_error errors[RESULT_ERRORS];
    uint8_t error_count;
    enum err err; /* the first thing that went wrong: too long an item, no room */
    struct error why;
    uint8_t failed_small[256]; /* a few failed items take no window */
    char room[API_TEXT_BYTES];
};

/* out: empty, the owner's. windows, spill, limit: for failed items. */
void result_init(struct api_result *r, struct blob *out, const struct dialect *d, struct pool *windows,
                 struct spill *spill, uint64_t limit);
void result_fini(struct api_result *r);

/* ---- AffectedItemsWazuhResult ---- */
void result_open_items(struct api_result *r, const struct result_kind *kind);
/* Between these two one item is written with the writer returned: exactly one JSON value of at most
 * API_TEXT_BYTES - RESULT_ITEM_ROOM bytes. A longer one: result_flush now and then, between two members. */
struct json_write *result_item(struct api_result *r);
void result_item_end(struct api_result *r);
/* An item that is JSON already, of any length. */
void result_item_raw(struct api_result *r, const char *json, size_t n);
/* id failed for this reason. Equal reasons (class, code and words) are told together. Of an id that was named
 * twice the owner tells once: these are sets in Python. Ids of 1024 bytes and more: E_LIMIT. A permission
 * error's own "ids" are all ids that failed for it. */
void result_failed(struct api_result *r, const char *id, const struct wazuh_error *why);
/* total: total_affected_items, UINT64_MAX: as many as were written. dikt: "{}" in all but a few functions;
 * NULL: that. */
void result_close_items(struct api_result *r, uint64_t total, const char *dikt);

/* ---- WazuhResult ---- */
/* Between these two the value of "result" is written with the writer returned, one JSON object; long ones
 * call result_flush now and then, between two members at any depth. */
struct json_write *result_open_plain(struct api_result *r);
void result_flush(struct api_result *r);
void result_close_plain(struct api_result *r);

/* ---- an exception ---- */
/* Whatever was written before is dropped. node: whose dapi_errors it is, NULL: dapi_errors stays {}. Of the
 * internal ones the entry names the log file, as real nodes do ("WAZUH_HOME/logs/cluster.log"). extra_json:
 * an extra_message that is an object, as 1017 has it, and fills its words; NULL: why's own. ids: of the "ids"
 * member, a text_item list; NULL: []. */
void result_exception(struct api_result *r, const struct wazuh_error *why, const char *node,
                      const char *extra_json, const char *ids);

/* After one of the three ends. E_OK: the answer is whole, in out. Else out holds nothing of use; r->why says
 * why: answer an exception. */
enum err result_finish(struct api_result *r, struct error *e);

#endif
