/* api/result.c - an answer in the encoding of real nodes, as WazuhJSONEncoder and encode_json of 4.14.7 spell
 * it: the order of the members is theirs, byte for byte.
 *
 * JSON is written into a small text, which is emptied into the answer's blob whenever the next piece might
 * not fit. The blob may lie in a spill file; nothing here reads it back. Failed items are kept aside until
 * the end, because their place is after the items that went well. */
#include "api/result.h"

#include <string.h>

#define ID_BYTES 1024u /* of a failed item, NUL included */
#define MESSAGE_BYTES 1024
#define RECORD_BYTES 2048 /* failed items that are read back at once; at least one whole */

_Static_assert(RECORD_BYTES > ID_BYTES, "a failed item must fit the buffer it is read into");

void result_init(struct api_result *r, struct blob *out, const struct dialect *d, struct pool *windows,
                 struct spill *spill, uint64_t limit) {
    memset(r, 0, offsetof(struct api_result, room));
    r->out = out;
    r->dialect = d;
    blob_init(&r->failed, r->failed_small, sizeof r->failed_small, windows, spill, limit);
    text_init(&r->text, r->room, sizeof r->room);
    json_write_init(&r->w, &r->text);
}

void result_fini(struct api_result *r) {
    blob_reset(&r->failed);
}

/* The first error stays; everything after it is written for nothing. */
static void append(struct api_result *r, struct blob *to, const void *bytes, size_t n) {
    if (r->err == E_OK)
        r->err = blob_append(to, bytes, n, &r->why);
}

void result_flush(struct api_result *r) {
    if (r->err == E_OK && r->text.cut)
        r->err =
            error_set(&r->why, E_LIMIT, 0, "a part of an answer is longer than %u bytes", API_TEXT_BYTES);
    append(r, r->out, r->room, r->text.len);
    text_init(&r->text, r->room, sizeof r->room);
}

/* ---- both kinds of results ---- */

static void open_result(struct api_result *r, const char *class) {
    json_open(&r->w, '{');
    json_key_open(&r->w, "__wazuh_result__", '{');
    json_key_str(&r->w, "__class__", class);
    json_key_open(&r->w, "__object__", '{');
}

/* Three brackets, and whatever is in the text still. */
static void close_all(struct api_result *r) {
    for (int i = 0; i < 3; i++)
        json_close(&r->w, '}');
    result_flush(r);
}

/* ---- AffectedItemsWazuhResult ---- */

void result_open_items(struct api_result *r, const struct result_kind *kind) {
    r->kind = kind;
    open_result(r, "AffectedItemsWazuhResult");
    json_key_open(&r->w, "affected_items", '[');
}

/* Room for an item of the longest kind; what is short may stay and go with it. */
static void make_room(struct api_result *r) {
    if (r->text.len > RESULT_ITEM_ROOM - 4) /* a comma, the bracket after the last item, the NUL */
        result_flush(r);
}

struct json_write *result_item(struct api_result *r) {
    make_room(r);
    return &r->w;
}

void result_item_end(struct api_result *r) {
    r->affected++;
}

void result_item_raw(struct api_result *r, const char *json, size_t n) {
    make_room(r);
    json_raw(&r->w, "", 0); /* the comma */
    result_flush(r);
    append(r, r->out, json, n);
    r->affected++;
}

static bool same_error(const struct wazuh_error *a, const struct wazuh_error *b) {
    return a->class == b->class && a->code == b->code && a->cmd_error == b->cmd_error &&
           a->has_extra == b->has_extra && strcmp(a->extra, b->extra) == 0;
}

static uint8_t error_number(struct api_result *r, const struct wazuh_error *why) {
    for (uint8_t i = 0; i < r->error_count; i++)
        if (same_error(&r->errors[i], why))
            return i;
    if (r->error_count == RESULT_ERRORS)
        return RESULT_ERRORS - 1;
    r->errors[r->error_count] = *why;
    return r->error_count++;
}

void result_failed(struct api_result *r, const char *id, const struct wazuh_error *why) {
    uint8_t number = error_number(r, why);
    size_t n = strlen(id) + 1;
    if (r->err == E_OK && n > ID_BYTES)
        r->err = error_set(&r->why, E_LIMIT, 0, "the name of a failed item has %zu bytes", n - 1);
    append(r, &r->failed, &number, 1);
    append(r, &r->failed, id, n);
    r->failed_count++;
}

/* The ids that failed for one reason, without the brackets. */
static void write_failed(struct api_result *r, uint8_t number) {
    char records[RECORD_BYTES];
    size_t n = 0;
    for (uint64_t at = 0; r->err == E_OK && at < r->failed.size;) {
        r->err = blob_read(&r->failed, at, (uint8_t *)records, sizeof records, &n, &r->why);
        const char *record = records, *end;
        while (r->err == E_OK && record < records + n &&
               (end = memchr(record + 1, '\0', (size_t)(records + n - record - 1)))) {
            make_room(r);
            if ((uint8_t)*record == number)
                json_str_n(&r->w, record + 1, (size_t)(end - record - 1));
            record = end + 1;
        }
        at += (uint64_t)(record - records);
    }
}

/* As encode_json has it: the object, then the class. The ids of a permission denied are those that were
 * denied (list_handler of rbac/decorators.py). */
static void write_error(struct api_result *r, uint8_t number) {
    const struct wazuh_error *w = &r->errors[number];
    result_flush(r);
    json_open(&r->w, '{');
    json_key(&r->w, "__object__");
    wazuh_error_open(&r->w, w, NULL);
    json_key_open(&r->w, "dapi_errors", '{');
    json_close(&r->w, '}');
    if (wazuh_error_has_ids(w, r->dialect)) {
        json_key_open(&r->w, "ids", '[');
        if (w->class == WAZUH_PERMISSION_ERROR)
            write_failed(r, number);
        json_close(&r->w, ']');
    }
    json_close(&r->w, '}');
    json_key_str(&r->w, "__class__", wazuh_error_class(w));
    json_close(&r->w, '}');
}

static void write_list(struct api_result *r, const char *key, const char *items) {
    json_key_open(&r->w, key, '[');
    for (; *items; items += strlen(items) + 1)
        json_str(&r->w, items);
    json_close(&r->w, ']');
}

/* How a master merges this answer with those of other nodes. */
static void write_sorting(struct api_result *r) {
    const struct result_kind *kind = r->kind;
    const char *field = kind->sort_fields;
    if (field) {
        write_list(r, "sort_fields", field);
    } else {
        json_key(&r->w, "sort_fields");
        json_null(&r->w);
    }
    write_list(r, "sort_casting", kind->sort_casting ? kind->sort_casting : "int\0");
    json_key_open(&r->w, "sort_ascending", '[');
    do {
        json_bool(&r->w, !kind->descending);
        field = field && *field ? field + strlen(field) + 1 : NULL;
    } while (field && *field);
    json_close(&r->w, ']');
}

void result_close_items(struct api_result *r, uint64_t total, const char *dikt) {
    json_close(&r->w, ']');
    result_flush(r);
    write_sorting(r);
    json_key_uint(&r->w, "total_affected_items", total == UINT64_MAX ? r->affected : total);
    json_key_uint(&r->w, "total_failed_items", r->failed_count);
    dikt = dikt ? dikt : "{}";
    json_key(&r->w, "dikt");
    json_raw(&r->w, dikt, strlen(dikt));
    json_key_str(&r->w, "all_msg", r->kind->all_msg ? r->kind->all_msg : "");
    json_key_str(&r->w, "some_msg", r->kind->some_msg ? r->kind->some_msg : "");
    json_key_str(&r->w, "none_msg", r->kind->none_msg ? r->kind->none_msg : "");
    json_key_open(&r->w, "failed_items_keys", '[');
    for (uint8_t i = 0; i < r->error_count; i++)
        write_error(r, i);
    json_close(&r->w, ']');
    json_key_open(&r->w, "failed_items_values", '[');
    for (uint8_t i = 0; i < r->error_count; i++) {
        json_open(&r->w, '[');
        write_failed(r, i);
        json_close(&r->w, ']');
    }
    json_close(&r->w, ']');
    close_all(r);
}

/* ---- WazuhResult ---- */

struct json_write *result_open_plain(struct api_result *r) {
    open_result(r, "WazuhResult");
    json_key(&r->w, "str_priority");
    json_null(&r->w);
    json_key(&r->w, "result");
    return &r->w;
}

void result_close_plain(struct api_result *r) {
    close_all(r);
}

/* ---- an exception ---- */

/* get_error_info of dapi.py: what went wrong, by the node it went wrong on. */
static void write_dapi_errors(struct api_result *r, const struct wazuh_error *why, const char *node,
                              const char *extra_json) {
    char said[MESSAGE_BYTES];
    struct text message;
    json_key_open(&r->w, "dapi_errors", '{');
    if (node) {
        text_init(&message, said, sizeof said);
        wazuh_error_message(&message, why, extra_json);
        json_key_open(&r->w, node, '{');
        json_key_str(&r->w, "error", said);
        if (wazuh_error_is_internal(why, r->dialect))
            json_key_str(&r->w, "logfile", "WAZUH_HOME/logs/cluster.log");
        json_close(&r->w, '}');
    }
    json_close(&r->w, '}');
}

/* Back to the state after result_init. */
static void drop_all(struct api_result *r) {
    blob_reset(r->out);
    blob_reset(&r->failed);
    r->err = E_OK;
    r->affected = r->failed_count = 0;
    r->error_count = 0;
    text_init(&r->text, r->room, sizeof r->room);
    json_write_init(&r->w, &r->text);
}

void result_exception(struct api_result *r, const struct wazuh_error *why, const char *node,
                      const char *extra_json, const char *ids) {
    drop_all(r);
    json_open(&r->w, '{');
    json_key_open(&r->w, "__wazuh_exception__", '{');
    json_key_str(&r->w, "__class__", wazuh_error_class(why));
    json_key(&r->w, "__object__");
    wazuh_error_open(&r->w, why, extra_json);
    write_dapi_errors(r, why, node, extra_json);
    if (wazuh_error_has_ids(why, r->dialect))
        write_list(r, "ids", ids ? ids : "");
    close_all(r);
}

enum err result_finish(struct api_result *r, struct error *e) {
    result_flush(r);
    if (r->err && e)
        *e = r->why;
    return r->err;
}
