/* api/request.c - the two readings of a request: first the name of its function, then all the rest.
 *
 * Bytes come from the request's blob in pieces and go through json_stream; nothing here calls, loads or looks
 * up anything by a name that a peer sent. What the members mean is in request_members.c. */
#include "api/request_parts.h"

#include <stdarg.h>
#include <string.h>

#define PIECE_BYTES 4096u
#define PIECES 16 /* of one step */

enum { FINDING, FOUND, READING };

void api_request_init(struct api_request *r, const struct blob *body, uint64_t at, struct pool *windows,
                      struct spill *spill, uint64_t limit) {
    memset(r, 0, offsetof(struct api_request, ids_small));
    r->body = body;
    r->at = at;
    r->phase = FINDING;
    blob_init(&r->ids, r->ids_small, sizeof r->ids_small, windows, spill, limit);
}

void api_request_fini(struct api_request *r) {
    blob_reset(&r->ids);
}

enum err request_refuse(struct api_request *r, const char *format, ...) {
    char said[WAZUH_EXTRA_BYTES];
    struct text t;
    va_list args;
    if (r->refused)
        return E_VALUE;
    r->refused = true;
    text_init(&t, said, sizeof said);
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    wazuh_error_set(r->why, WAZUH_INTERNAL_ERROR, 1000, said);
    return E_VALUE;
}

/* ---- pieces ---- */

static enum err push(struct api_request *r, const char *bytes, size_t n, struct error *e) {
    enum err err = n ? json_stream_push(&r->stream, bytes, n, e) : json_stream_finish(&r->stream, e);
    if (err == E_OK && r->phase == READING)
        err = n ? json_stream_push(&r->names, bytes, n, e) : json_stream_finish(&r->names, e);
    return err;
}

static enum step failed(struct api_request *r, enum err err, const struct error *e) {
    bool no_json = err == E_SYNTAX || err == E_TRUNCATED;
    if (!r->refused)
        wazuh_error_set(r->why, WAZUH_INTERNAL_ERROR, no_json ? 3036 : 1000, e->what);
    return STEP_FAILED;
}

/* STEP_DONE: the text is over, or (finding) the name is known. */
static enum step read_pieces(struct api_request *r) {
    uint8_t piece[PIECE_BYTES];
    struct error e = {0};
    size_t n = 1;
    for (int i = 0; i < PIECES && n; i++) {
        enum err err = blob_read(r->body, r->read_at, piece, sizeof piece, &n, &e);
        if (err == E_OK)
            err = push(r, (const char *)piece, n, &e);
        if (err != E_OK || r->refused)
            return failed(r, err, &e);
        r->read_at += n;
        if (r->phase == FOUND)
            return STEP_DONE;
    }
    return n ? STEP_AGAIN : STEP_DONE;
}

/* ---- the function ---- */

/* A path of names: "wazuh.core.agent". No part of it is empty. */
static bool is_path(const char *s) {
    return *s && s[strspn(s, TEXT_WORD_CHARS ".")] == '\0' && *s != '.' && s[strlen(s) - 1] != '.' &&
           !strstr(s, "..");
}

static bool copy_path(const struct json_doc *d, size_t callable, const char *key, char out[API_NAME_BYTES]) {
    size_t n, at = json_find(d, callable, key);
    return at && json_copy_str(d, at, out, API_NAME_BYTES, &n) == E_OK && is_path(out);
}

/* {"__callable__": {...}} and nothing else, with nothing else in it than real nodes put there. */
static size_t callable_of(const struct json_doc *d) {
    static const char members[] = "__name__\0__module__\0__qualname__\0__type__\0__wazuh__\0";
    char key[16];
    size_t n, callable = json_find(d, 0, "__callable__");
    if (!callable || d->tokens[0].size != 1 || d->tokens[callable].kind != JSON_OBJECT)
        return 0;
    for (size_t i = json_first(d, callable); i && i < d->tokens[callable].next; i = d->tokens[i].next)
        if (json_copy_str(d, i, key, sizeof key, &n) != E_OK || text_find(members, key) < 0)
            return 0;
    return callable;
}

/* The three names must say the same: real nodes take the last part from __name__ and the rest from the other
 * two, so that what is judged here would not be what is called there. */
static bool read_function(struct api_request *r, const struct json_doc *d, char module[API_NAME_BYTES]) {
    char name[API_NAME_BYTES], path[API_NAME_BYTES];
    struct text t;
    size_t callable = callable_of(d);
    if (!callable || !copy_path(d, callable, "__name__", name) ||
        !copy_path(d, callable, "__module__", module) || !copy_path(d, callable, "__qualname__", path))
        return false;
    const char *dot = strchr(path, '.'); /* of a class, or none */
    if (strcmp(dot ? dot + 1 : path, name) != 0 || strchr(name, '.'))
        return false;
    text_init(&t, r->function, sizeof r->function);
    text_format(&t, "%s.%s", module, path);
    return !t.cut;
}

static bool is_in_package(const char *module, const char *package) {
    size_t n = strlen(package);
    return strncmp(module, package, n) == 0 && (module[n] == '.' || module[n] == '\0');
}

static enum err function_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                              struct error *e) {
    struct api_request *r = arg;
    struct json_doc d;
    char module[API_NAME_BYTES];
    enum err err = E_OK;
    (void)depth, (void)key, (void)e;
    if (json_parse(&d, json, n, r->kwargs_tokens, API_TOKENS, NULL) != E_OK || !read_function(r, &d, module))
        err = request_refuse(r, "Wazuh object cannot be decoded from JSON %s", json);
    else if (!is_in_package(module, "wazuh") && !is_in_package(module, "api") &&
             !is_in_package(module, "picket")) /* ours, which real nodes do not have */
        err = request_refuse(r, "Decoding callable from module '%s' is not allowed", module);
    if (err != E_OK)
        r->why->cmd_error = true; /* the words are all of it, as 4.14.7 has it */
    r->phase = FOUND;
    return err;
}

static enum json_want function_begins(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct api_request *r = arg;
    if (depth == 0 && kind == JSON_OBJECT)
        return JSON_ENTER;
    if (depth == 0) {
        request_refuse(r, "a request is a JSON object");
        return JSON_SKIP;
    }
    return r->phase == FINDING && strcmp(key, "f") == 0 ? JSON_KEEP : JSON_SKIP;
}

static enum err function_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    (void)depth, (void)key, (void)e;
    return request_refuse(arg, "Wazuh object cannot be decoded from JSON: it is too long");
}

static const struct json_stream_events function_events = {
    .value = function_begins, .kept = function_kept, .too_long = function_too_long};

enum step api_request_find_function(struct api_request *r, struct wazuh_error *why) {
    r->why = why;
    if (r->read_at == 0) {
        r->read_at = r->at;
        json_stream_init(&r->stream, &function_events, r, r->keep, sizeof r->keep);
    }
    enum step step = read_pieces(r);
    if (step != STEP_DONE || r->phase == FOUND)
        return step;
    request_refuse(r, "DistributedAPI.__init__() missing 1 required positional argument: 'f'");
    return STEP_FAILED;
}

/* ---- everything else ---- */

enum step api_request_read(struct api_request *r, const char *actions, struct wazuh_error *why) {
    r->why = why;
    if (r->phase == FOUND) {
        r->phase = READING;
        r->read_at = r->at;
        r->actions = actions;
        json_stream_init(&r->stream, &request_members, r, r->keep, sizeof r->keep);
        json_stream_init(&r->names, &request_names, r, NULL, 0);
        request_members_begin(r);
    }
    enum step step = read_pieces(r);
    if (step == STEP_DONE && request_members_end(r) != E_OK)
        step = STEP_FAILED;
    return step;
}
