/* app/api_ask.c - see the header. Of an answer only the shape of section 15 is known: which members there are
 * in items is their reader's affair. */
#include "app/api_ask.h"

#include "app/scratch.h"

#include <string.h>

enum place { OUTSIDE, ITEMS, ERRORS, IDS, PLAIN, PLAIN_ARRAY };

static char keep[ANSWER_ITEM_BYTES];

/* ---- the question ---- */

/* "wazuh.core.agent.Agent.get_x": the module ends before the first word with a capital, else before the last
 * word (Python's names). */
static const char *module_end(const char *function) {
    const char *end = strrchr(function, '.');
    for (const char *at = function; at && *at; at = strchr(at, '.'), at += at != NULL)
        if (*at >= 'A' && *at <= 'Z')
            return at == function ? NULL : at - 1;
    return end;
}

void api_question_open(struct json_write *w, const struct api_question *q) {
    const char *end = module_end(q->function), *name = strrchr(q->function, '.');
    json_open(w, '{');
    json_key_open(w, "f", '{');
    json_key_open(w, "__callable__", '{');
    json_key_str(w, "__name__", name ? name + 1 : q->function);
    json_key(w, "__module__");
    json_str_n(w, q->function, end ? (size_t)(end - q->function) : 0);
    json_key_str(w, "__qualname__", end ? end + 1 : q->function);
    json_key_str(w, "__type__", "function");
    json_close(w, '}');
    json_close(w, '}');
    if (q->type)
        json_key_str(w, "request_type", q->type);
    if (q->is_async)
        json_key_bool(w, "is_async", true);
    if (q->local_client_arg)
        json_key_str(w, "local_client_arg", q->local_client_arg);
    if (q->broadcasting)
        json_key_bool(w, "broadcasting", true);
    json_key_bool(w, "from_cluster", false);
    json_key_bool(w, "wait_for_complete", q->wait_for_complete);
    json_key_open(w, "f_kwargs", '{');
}

void api_question_close(struct json_write *w) {
    json_close(w, '}');
    json_close(w, '}');
}

/* ---- the answer ---- */

void answer_read_error(struct wazuh_error *w, const char *json, size_t n) {
    static char wrapped[ANSWER_ITEM_BYTES + 32];
    struct text t;
    text_init(&t, wrapped, sizeof wrapped);
    text_str(&t, "{\"__wazuh_exception__\": ");
    text_add(&t, json, n);
    text_char(&t, '}');
    wazuh_error_read(w, t.buf, t.len);
}

static bool is(const char *key, const char *want) {
    return key && !strcmp(key, want);
}

static enum json_want object_member(struct answer *a, enum json_kind kind, const char *key) {
    static const char kept[] = "total_affected_items\0total_failed_items\0all_msg\0some_msg\0none_msg\0";
    if (is(key, "affected_items"))
        a->place = ITEMS, a->kind = ANSWER_ITEMS;
    else if (is(key, "failed_items_keys"))
        a->place = ERRORS;
    else if (is(key, "failed_items_values"))
        a->place = IDS;
    else if (is(key, "result") && kind == JSON_OBJECT)
        a->place = PLAIN, a->kind = ANSWER_PLAIN;
    else
        return key && key[0] && text_find(kept, key) >= 0 ? JSON_KEEP : JSON_SKIP;
    return JSON_ENTER;
}

/* Depths: 0 {"__wazuh_result__": 1 {"__class__", "__object__": 2 {member: 3 [...]}}}. */
static enum json_want on_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct answer *a = arg;
    switch (depth) {
    case 0:
        return kind == JSON_OBJECT ? JSON_ENTER : JSON_SKIP;
    case 1:
        if (is(key, "__wazuh_exception__"))
            return JSON_KEEP;
        return is(key, "__wazuh_result__") ? JSON_ENTER : JSON_SKIP;
    case 2:
        return is(key, "__object__") ? JSON_ENTER : JSON_SKIP;
    case 3:
        return object_member(a, kind, key);
    case 4:
        if (a->place == PLAIN && kind == JSON_ARRAY) {
            a->place = PLAIN_ARRAY;
            return JSON_ENTER;
        }
        return JSON_KEEP;
    default:
        return JSON_KEEP;
    }
}

static void read_scalar(struct answer *a, const char *key, const char *json, size_t n) {
    static const char messages[] = "all_msg\0some_msg\0none_msg\0";
    ptrdiff_t i = text_find(messages, key);
    size_t len;
    if (i >= 0 && n >= 2 && json[0] == '"')
        json_unescape(json + 1, n - 2, a->message[i], sizeof a->message[i], &len);
    else if (!strcmp(key, "total_affected_items"))
        text_number(json, n, UINT64_MAX, &a->total);
    else if (!strcmp(key, "total_failed_items"))
        text_number(json, n, UINT64_MAX, &a->failed);
}

static enum err on_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                        struct error *e) {
    struct answer *a = arg;
    if (depth == 1) {
        a->kind = ANSWER_EXCEPTION;
        answer_read_error(&a->error, json, n);
        if (a->events->exception)
            a->events->exception(a->arg, json, n);
        return E_OK;
    }
    if (depth == 3) {
        read_scalar(a, key, json, n);
        return E_OK;
    }
    switch (a->place) {
    case ITEMS:
    case PLAIN_ARRAY:
        return a->events->item(a->arg, json, n, e);
    case PLAIN:
        return a->events->member ? a->events->member(a->arg, key, json, n, e) : E_OK;
    case ERRORS:
        if (a->errors < ANSWER_ERRORS)
            answer_read_error(&a->reason[a->errors++], json, n);
        return E_OK;
    case IDS:
        if (a->events->failed && a->ids < a->errors)
            return a->events->failed(a->arg, &a->reason[a->ids++], json, n, e);
        return E_OK;
    default:
        return E_OK;
    }
}

static enum err on_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct answer *a = arg;
    (void)kind, (void)e;
    if (depth == 3)
        a->place = OUTSIDE;
    else if (depth == 4 && a->place == PLAIN_ARRAY)
        a->place = PLAIN;
    return E_OK;
}

static enum err on_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct answer *a = arg;
    (void)depth, (void)key, (void)e;
    a->left_out++;
    return E_OK;
}

void answer_init(struct answer *a, const struct answer_events *events, void *arg) {
    static const struct json_stream_events stream = {
        .value = on_value, .kept = on_kept, .left = on_left, .too_long = on_too_long};
    memset(a, 0, sizeof *a);
    a->events = events;
    a->arg = arg;
    json_stream_init(&a->stream, &stream, a, keep, sizeof keep);
}

enum err answer_take(void *arg, const char *bytes, size_t n, struct error *e) {
    struct answer *a = arg;
    return json_stream_push(&a->stream, bytes, n, e);
}

enum err answer_finish(struct answer *a, struct error *e) {
    enum err err = json_stream_finish(&a->stream, e);
    if (!err && a->kind == ANSWER_NONE)
        a->kind = ANSWER_OTHER;
    return err;
}

/* The scratch memory may be its reader's meanwhile: only a refusal goes there, where visit_words looks. */
enum err api_ask(struct visit *v, const char *question, uint32_t wait_ms, struct answer *a) {
    char words[2048];
    struct ask_sink sink = {.take = answer_take, .arg = a};
    v->ask.deadline_ms = sys_mono_ms(v->ask.sys) + wait_ms;
    enum err err = ask_string(&v->ask, "dapi", question, &sink, words, sizeof words, &v->e);
    if (err == E_PEER)
        memcpy(scratch()->text, words, sizeof words);
    return err ? err : answer_finish(a, &v->e);
}

const char *answer_message(const struct answer *a) {
    return a->message[!a->failed ? 0 : a->total ? 1 : 2];
}
