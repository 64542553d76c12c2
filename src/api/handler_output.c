/* api/handler_output.c - what a handler says, checked as it comes, in fixed memory. It will be read by
 * Wazuh's programs, which look names of classes, types and functions up that stand in it (reference, section
 * 15): so only those pass that are keys of the tables here (CVE-2026-44901), and none that names a function
 * or an unknown exception, at any depth (CVE-2025-24016). */
#include "api/handler.h"

#include <string.h>

enum form { UNKNOWN, RESULT, EXCEPTION, PLAIN };

static const char results[] = "AffectedItemsWazuhResult\0WazuhResult\0";
static const char exceptions[] = "WazuhException\0WazuhInternalError\0WazuhError\0WazuhPermissionError\0"
                                 "WazuhResourceNotFound\0WazuhClusterError\0WazuhHAPHelperError\0";
static const char castings[] = "int\0float\0str\0bool\0";
/* What as_wazuh_object of a real node would act upon. */
static const char forbidden[] = "__callable__\0__unhandled_exc__\0";
static const char wrapped[] = "__wazuh_result__\0__wazuh_exception__\0";

static bool is_in(const char *list, const char *word) {
    return *word && text_find(list, word) >= 0;
}

/* ---- the form ---- */

/* The first member, or the end of an object without any, decides. */
static void decide(struct handler_output *o, const char *key) {
    if (o->form != UNKNOWN)
        return;
    o->form = !strcmp(key, "__wazuh_result__")      ? RESULT
              : !strcmp(key, "__wazuh_exception__") ? EXCEPTION
                                                    : PLAIN;
    if (o->form == PLAIN) {
        json_raw(result_open_plain(o->result), "", 0); /* the value follows as it is */
        result_flush(o->result);
    }
}

static enum json_want wrong(struct handler_output *o, const char *words) {
    if (!o->wrong)
        o->wrong = words;
    return JSON_SKIP;
}

/* A member or element of a result or an exception. */
static enum json_want native_value(struct handler_output *o, unsigned depth, enum json_kind kind,
                                   const char *key) {
    if (depth == 1 &&
        (o->stream.scan.parts > 3 || kind != JSON_OBJECT)) /* the root, its first key and value */
        return wrong(o, "a result in Wazuh's encoding is the only member of its object");
    if (key && !strcmp(key, "__class__"))
        return kind == JSON_STRING ? JSON_KEEP : wrong(o, "a class without a name");
    if (depth == 3)
        o->casting = key && !strcmp(key, "sort_casting");
    if (depth == 3 && o->casting && kind != JSON_ARRAY)
        return wrong(o, "sort_casting is no list");
    if (depth == 4 && o->casting)
        return kind == JSON_STRING ? JSON_KEEP : wrong(o, "sort_casting is a list of names");
    return JSON_ENTER;
}

static enum json_want value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct handler_output *o = arg;
    if (depth == 0)
        return kind == JSON_OBJECT ? JSON_ENTER : wrong(o, "the output is no JSON object");
    if (key && is_in(forbidden, key))
        return wrong(o, "the output names a function or an unknown exception");
    if (depth == 1)
        decide(o, key);
    if (o->form != PLAIN)
        return native_value(o, depth, kind, key);
    return key && is_in(wrapped, key) ? wrong(o, "a result in Wazuh's encoding within an object")
                                      : JSON_ENTER;
}

/* Of classes the outermost is the answer's own; those within are of errors of failed items. */
static enum err kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                     struct error *e) {
    struct handler_output *o = arg;
    char name[sizeof o->keep];
    size_t len;
    (void)e;
    const char *list = !key ? castings : depth == 2 && o->form == RESULT ? results : exceptions;
    o->has_class |= key && depth == 2;
    if (json_unescape(json + 1, n - 2, name, sizeof name, &len) != E_OK || !is_in(list, name))
        wrong(o, key ? "the output has a class of an unknown name" : "an unknown type in sort_casting");
    return E_OK;
}

static enum err too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    (void)depth, (void)e;
    wrong(arg, key ? "the output has a class of an unknown name" : "an unknown type in sort_casting");
    return E_OK;
}

static enum err left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    (void)kind, (void)e;
    if (depth == 0)
        decide(arg, "");
    return E_OK;
}

static const struct json_stream_events events = {
    .value = value, .kept = kept, .left = left, .too_long = too_long};

/* ---- the bytes ---- */

void handler_output_init(struct handler_output *o, struct api_result *result, uint64_t limit) {
    *o = (struct handler_output){.result = result, .limit = limit};
    json_stream_init(&o->stream, &events, o, o->keep, sizeof o->keep);
}

static enum err append(struct handler_output *o, const char *bytes, size_t n, struct error *e) {
    return n ? blob_append(o->result->out, (const uint8_t *)bytes, n, e) : E_OK;
}

enum err handler_output_push(struct handler_output *o, const char *bytes, size_t n, struct error *e) {
    if (n > o->limit - o->bytes)
        return error_set(e, E_LIMIT, 0, "its output has more than %llu bytes", (unsigned long long)o->limit);
    o->bytes += n;
    enum err err = json_stream_push(&o->stream, bytes, n, e);
    if (o->wrong)
        return error_set(e, E_VALUE, 0, "%s", o->wrong);
    if (err != E_OK)
        return error_prefix(e, "its output is no JSON");
    if (o->form == UNKNOWN) { /* blanks and the first key */
        if (n > sizeof o->held - o->held_n)
            return error_set(e, E_LIMIT, 0, "its output begins with too many blanks");
        memcpy(o->held + o->held_n, bytes, n);
        o->held_n = (uint16_t)(o->held_n + n);
        return E_OK;
    }
    err = append(o, o->held, o->held_n, e);
    o->held_n = 0;
    return err == E_OK ? append(o, bytes, n, e) : err;
}

enum err handler_output_finish(struct handler_output *o, struct error *e) {
    if (o->bytes == 0)
        return error_set(e, E_TRUNCATED, 0, "it said nothing");
    enum err err = json_stream_finish(&o->stream, e);
    if (err != E_OK)
        return error_prefix(e, "its output is no JSON");
    if (o->form == PLAIN)
        result_close_plain(o->result);
    else if (!o->has_class)
        err = error_set(e, E_VALUE, 0, "the output has no class");
    return err;
}
