/* fuzz_handler.c - any output of a handler, in pieces whose length the first byte says: what passes is one
 * JSON object with one member, a result or an exception, and names nothing that a node would look up but
 * known classes. */
#include "api/handler.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MOST (1u << 16)

static uint8_t room[2 * INPUT_MOST];

static void must(int holds) {
    if (!holds)
        abort();
}

/* Who reads the answer sees these only. */
static enum json_want look(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    unsigned *members = arg;
    must(depth > 0 || kind == JSON_OBJECT);
    if (depth == 1) {
        must(!strcmp(key, "__wazuh_result__") || !strcmp(key, "__wazuh_exception__"));
        must(kind == JSON_OBJECT && ++*members == 1);
    }
    must(!key || (strcmp(key, "__callable__") != 0 && strcmp(key, "__unhandled_exc__") != 0));
    return key && !strcmp(key, "__class__") && *members == 1 && depth == 2 ? JSON_KEEP : JSON_ENTER;
}

static enum err known(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                      struct error *e) {
    static const char *const names[] = {"WazuhResult", "AffectedItemsWazuhResult", "Wazuh"};
    bool good = false;
    char name[64];
    size_t len;
    (void)arg, (void)depth, (void)key, (void)e;
    must(json_unescape(json + 1, n - 2, name, sizeof name, &len) == E_OK);
    for (size_t i = 0; i < 3; i++)
        good |= strncmp(name, names[i], strlen(names[i])) == 0;
    must(good);
    return E_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct json_stream_events events = {.value = look, .kept = known};
    static struct api_result result;
    struct handler_output o;
    struct json_stream s;
    struct blob out;
    struct error e;
    char keep[64];
    unsigned members = 0;
    enum err err = E_OK;
    if (size < 2 || size > INPUT_MOST)
        return 0;
    blob_init(&out, room, sizeof room, NULL, NULL, sizeof room);
    result_init(&result, &out, dialect_find("4.14.7"), NULL, NULL, sizeof room);
    handler_output_init(&o, &result, INPUT_MOST);
    for (size_t at = 1, n; at < size && err == E_OK; at += n) {
        n = data[0] ? data[0] : 4096;
        n = n < size - at ? n : size - at;
        err = handler_output_push(&o, (const char *)data + at, n, &e);
    }
    if (err == E_OK)
        err = handler_output_finish(&o, &e);
    if (err == E_OK) {
        must(result_finish(&result, &e) == E_OK);
        json_stream_init(&s, &events, &members, keep, sizeof keep);
        must(json_stream_push(&s, (const char *)room, (size_t)out.size, &e) == E_OK);
        must(json_stream_finish(&s, &e) == E_OK && members == 1);
    }
    result_fini(&result);
    blob_reset(&out);
    return 0;
}
