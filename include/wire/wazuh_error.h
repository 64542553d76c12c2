/* wire/wazuh_error.h - Wazuh's errors as they cross the wire (reference, section 3). */
#ifndef PICKET_WIRE_WAZUH_ERROR_H
#define PICKET_WIRE_WAZUH_ERROR_H

#include "base/err.h"
#include "base/json_write.h"
#include "wire/dialect.h"

#include <stdbool.h>

enum wazuh_class {
    WAZUH_EXCEPTION,
    WAZUH_ERROR,
    WAZUH_INTERNAL_ERROR,
    WAZUH_CLUSTER_ERROR,
    WAZUH_RESOURCE_NOT_FOUND,
    WAZUH_PERMISSION_ERROR
};

#define WAZUH_EXTRA_BYTES 256
#define WAZUH_ERROR_JSON_BYTES 2048 /* room that any error's JSON fits, each byte of extra as \uXXXX */

struct wazuh_error {
    enum wazuh_class class;
    int code;
    bool has_extra;
    bool extra_is_json;            /* extra is a whole JSON object, as 1017 has it */
    bool cmd_error;                /* extra is the whole text: the code's own words are left out */
    char extra[WAZUH_EXTRA_BYTES]; /* extra_message: one line, cut between characters if too long */
    /* extra_remediation: constant text, or NULL, or extra where it is not told (has_extra false); not read
     * from the wire. */
    const char *remediation;
};

/* extra may be NULL; its control characters become '?'. */
void wazuh_error_set(struct wazuh_error *w, enum wazuh_class class, int code, const char *extra);
/* The JSON object of an err payload, exactly as a node of that dialect writes it. */
void wazuh_error_write(struct text *out, const struct wazuh_error *w, const struct dialect *d);
/* Reads an err payload (or the beginning of one that does not lie in memory): JSON of the known shape, else
 * code 3000 with the text (cut) as extra message, as real nodes do. Class names are keys of a constant table;
 * an unknown one counts as WAZUH_EXCEPTION. An extra message that is an object stays the JSON it is. */
void wazuh_error_read(struct wazuh_error *w, const char *payload, size_t n);
/* "Error 3028 - Worker node ID already exists: worker1": the line for a log. */
void wazuh_error_words(struct text *out, const struct wazuh_error *w);
/* The same without "Error 3028 - ": what real nodes call the message of an error. extra_json: the object that
 * 1017's words are filled from, of any length; NULL: the error's own extra. */
void wazuh_error_message(struct text *out, const struct wazuh_error *w, const char *extra_json);

/* ---- the parts of wazuh_error_write, for who has more to say in it (api/result.c) ---- */
/* "WazuhInternalError": the value of "__class__". */
const char *wazuh_error_class(const struct wazuh_error *w);
/* Opens the value of "__object__" and writes its members up to "cmd_error"; "dapi_errors" comes next, then
 * "ids" of those that have it, then the bracket. extra_json: an extra_message that is an object, as JSON;
 * NULL: the error's own. */
void wazuh_error_open(struct json_write *j, const struct wazuh_error *w, const char *extra_json);
bool wazuh_error_has_ids(const struct wazuh_error *w, const struct dialect *d);
/* Of the kinds that mean trouble in the node itself, for which dapi_errors names the log. */
bool wazuh_error_is_internal(const struct wazuh_error *w, const struct dialect *d);

#endif
