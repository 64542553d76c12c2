/* store/strings.c - builds the strings of agent information and agent groups, spelled as Python's json.dumps
 * spells them (reference, section 6). */
#include "store/strings.h"

#include "base/json_write.h"

#include <string.h>

#define SLICE_BYTES 512 /* of a chunk's text, escaped at a time: each becomes at most six */

static enum err append(struct blob *out, const char *text, size_t n, struct error *e) {
    return blob_append(out, (const uint8_t *)text, n, e);
}

#define INFO_BEGIN "{\"set_data_command\": \"global sync-agent-info-set\", \"payload\": {}, \"chunks\": "
#define GROUPS_BEGIN                                                                                         \
    "{\"set_data_command\": \"global set-agent-groups\", "                                                   \
    "\"payload\": {\"mode\": \"override\", \"sync_status\": \"synced\"}, \"chunks\": "

enum err string_begin(struct blob *out, enum string_kind kind, struct error *e) {
    const char *text = kind == STRING_GROUPS      ? GROUPS_BEGIN "["
                       : kind == STRING_INFO_TEXT ? INFO_BEGIN "["
                                                  : INFO_BEGIN;
    return append(out, text, strlen(text), e);
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* How much of the text to escape now: a slice that does not end within a character of UTF-8. */
static size_t slice_of(const char *text, size_t n) {
    if (n <= SLICE_BYTES)
        return n;
    for (size_t cut = SLICE_BYTES; cut > SLICE_BYTES - 4; cut--)
        if (!is_continuation(text[cut]))
            return cut;
    return SLICE_BYTES; /* four in a row: no character */
}

enum err string_chunk(struct blob *out, const char *text, size_t n, bool first, struct error *e) {
    char escaped[6 * SLICE_BYTES + 3]; /* with quotes and NUL */
    enum err err = append(out, first ? "\"" : ", \"", first ? 1 : 3, e);
    for (size_t at = 0, take; at < n && err == E_OK; at += take) {
        struct text t;
        take = slice_of(text + at, n - at);
        text_init(&t, escaped, sizeof escaped);
        json_escape(&t, text + at, take);
        err = append(out, escaped + 1, t.len - 2, e); /* without its quotes */
    }
    return err == E_OK ? append(out, "\"", 1, e) : err;
}

enum err string_end(struct blob *out, enum string_kind kind, struct error *e) {
    return kind == STRING_INFO_LISTS ? append(out, "}", 1, e) : append(out, "]}", 2, e);
}
