/* store/strings_reader.c - takes the strings of agent information and agent groups apart (reference, section
 * 6): an outer JSON text, whose chunks are JSON texts again or (lists) the agents themselves.
 *
 * Two streams, one within the other, and both pause at each event, so that the owner is told one thing at a
 * time and nothing is kept but one agent. Bytes come from the blob by small pieces. What the agents say is
 * not judged here. */
#include "store/agents.h"
#include "store/strings.h"

#include <string.h>

#define SLICE_BYTES (16u << 10) /* of the blob, in one call */
#define CHUNK_MOST (STORE_TEXT_BYTES - 256u)

enum {
    SEEN_COMMAND = 1,
    SEEN_PAYLOAD = 2,
    SEEN_CHUNKS = 4,
    SEEN_ALL = 7,
    SEEN_LIST = 8 /* << enum sync_status */
};

/* ---- what is wrong ---- */

/* With the outer text; reported when the push is over. */
static enum json_want wrong(struct strings_reader *r, const char *words) {
    if (!r->words) {
        r->words = words;
        r->words_at = r->outer.at;
    }
    return JSON_SKIP;
}

/* With the present chunk. */
static enum json_want bad_chunk(struct strings_reader *r, enum err code, const char *words) {
    if (!r->chunk_bad)
        error_set(&r->chunk_why, code, 0, "%s", words);
    r->chunk_bad = true;
    return JSON_SKIP;
}

/* False when the member was there before. A name that is given twice could mean one thing to a check and
 * another to whoever acts on it. */
static bool see(struct strings_reader *r, unsigned member) {
    if (r->seen & member) {
        wrong(r, "a member is given twice");
        return false;
    }
    r->seen |= (uint8_t)member;
    return true;
}

/* ---- events ---- */

static enum err tell(struct strings_reader *r, enum string_event event) {
    r->event = (uint8_t)event;
    return E_AGAIN;
}

static enum err tell_agent(struct strings_reader *r, const char *json, size_t n) {
    struct error why;
    if (json_parse(&r->doc, json, n, r->texts->tokens, STRING_TOKENS, &why) == E_OK)
        return tell(r, STRING_AGENT);
    bad_chunk(r, why.code, why.what); /* more parts than there are tokens: it was JSON before */
    return E_OK;
}

static void begin_chunk(struct strings_reader *r, enum sync_status list) {
    r->list = (uint8_t)list;
    r->chunk_bad = r->hash_seen = r->has_hash = r->data_seen = false;
    r->element = 0;
    r->hash[0] = '\0';
    r->text_n = 0;
}

static enum err end_chunk(struct strings_reader *r, enum string_event event) {
    r->chunk++;
    return tell(r, event);
}

/* ---- the text of a chunk: [{agent}, ...] or [{"data": [{agent}, ...], "hash": ...}] ---- */

static enum json_want agent_begins(struct strings_reader *r, enum json_kind kind) {
    return kind == JSON_OBJECT ? JSON_KEEP : bad_chunk(r, E_VALUE, "an agent is no object");
}

static enum json_want groups_member(struct strings_reader *r, enum json_kind kind, const char *key) {
    if (strcmp(key, "hash") == 0) {
        if (r->hash_seen)
            return bad_chunk(r, E_VALUE, "two hashes");
        r->hash_seen = true;
        return JSON_KEEP;
    }
    if (strcmp(key, "data") != 0)
        return JSON_SKIP;
    if (r->data_seen || kind != JSON_ARRAY)
        return bad_chunk(r, E_VALUE, "data is not one list");
    r->data_seen = true;
    return JSON_ENTER;
}

static enum json_want inner_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct strings_reader *r = arg;
    bool groups = r->kind == STRING_GROUPS;
    if (depth == 0)
        return kind == JSON_ARRAY ? JSON_ENTER : bad_chunk(r, E_VALUE, "a chunk is no list");
    if (groups && depth == 1 && r->element++ > 0)
        return JSON_SKIP; /* Wazuh looks at the first alone */
    if (groups && depth == 1)
        return kind == JSON_OBJECT ? JSON_ENTER : bad_chunk(r, E_VALUE, "groups are no object");
    return groups && depth == 2 ? groups_member(r, kind, key) : agent_begins(r, kind);
}

static enum err inner_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                           struct error *e) {
    struct strings_reader *r = arg;
    (void)depth, (void)e;
    if (!key)
        return tell_agent(r, json, n);
    if (n == sizeof r->hash + 1 && strspn(json + 1, "0123456789abcdef") == sizeof r->hash - 1) { /* "..." */
        r->has_hash = true;
        memcpy(r->hash, json + 1, sizeof r->hash - 1);
        r->hash[sizeof r->hash - 1] = '\0';
    } else if (strcmp(json, "null") != 0) {
        bad_chunk(r, E_VALUE, "the hash is not one of SHA-1");
    }
    return E_OK;
}

static enum err inner_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    (void)depth, (void)e;
    bad_chunk(arg, E_LIMIT, key ? "the hash is too long" : "an agent is too long");
    return E_OK;
}

static const struct json_stream_events inner_events = {
    .value = inner_value, .kept = inner_kept, .too_long = inner_too_long};

/* The bytes that outer has passed: up to an event, or to their end. */
static void push_inner(struct strings_reader *r) {
    struct error why;
    uint64_t before = r->inner.at;
    enum err err = json_stream_push(&r->inner, r->passed, r->passed_n, &why);
    size_t taken = (size_t)(r->inner.at - before);
    r->passed += taken;
    r->passed_n -= taken;
    if (err == E_OK || err == E_AGAIN)
        return;
    bad_chunk(r, err, why.what);
    r->inner_open = false;
    r->passed_n = 0;
}

static enum err end_chunk_text(struct strings_reader *r) {
    struct error why;
    if (!r->agents) {
        r->texts->request[r->text_n] = '\0';
        return end_chunk(r, STRING_CHUNK);
    }
    enum err err = r->inner_open ? json_stream_finish(&r->inner, &why) : E_OK;
    r->inner_open = false;
    if (err != E_OK)
        bad_chunk(r, err, why.what);
    else if (r->kind == STRING_GROUPS && !r->data_seen)
        bad_chunk(r, E_VALUE, "no data");
    return end_chunk(r, STRING_CHUNK_END);
}

/* ---- the string ---- */

static bool string_is(const struct json_doc *d, size_t i, const char *want) {
    char text[40];
    size_t n;
    return json_copy_str(d, i, text, sizeof text, &n) == E_OK && n == strlen(want) &&
           memcmp(text, want, n) == 0;
}

static void check_command(struct strings_reader *r, const struct json_doc *d) {
    if (!string_is(d, 0, r->kind == STRING_GROUPS ? "global set-agent-groups" : "global sync-agent-info-set"))
        wrong(r, "another command than belongs there");
}

static void check_payload(struct strings_reader *r, const struct json_doc *d) {
    size_t mode = json_find(d, 0, "mode"), status = json_find(d, 0, "sync_status");
    if (d->tokens[0].kind != JSON_OBJECT)
        wrong(r, "the payload is no object");
    else if (r->kind == STRING_GROUPS &&
             (!mode || !string_is(d, mode, "override") || (status && !string_is(d, status, "synced"))))
        wrong(r, "another payload than belongs there");
}

/* A member of the outer object. */
static enum json_want outer_member(struct strings_reader *r, enum json_kind kind, const char *key) {
    if (strcmp(key, "set_data_command") == 0)
        return see(r, SEEN_COMMAND) ? JSON_KEEP : JSON_SKIP;
    if (strcmp(key, "payload") == 0)
        return see(r, SEEN_PAYLOAD) ? JSON_KEEP : JSON_SKIP;
    if (strcmp(key, "chunks") != 0 || !see(r, SEEN_CHUNKS))
        return JSON_SKIP;
    r->chunks_from = r->outer.at - 1;
    if (kind != (r->kind == STRING_INFO_LISTS ? JSON_OBJECT : JSON_ARRAY))
        return wrong(r, "the chunks have another shape than belongs there");
    return JSON_ENTER;
}

static enum json_want list_begins(struct strings_reader *r, enum json_kind kind, const char *key) {
    enum sync_status list = strcmp(key, "syncreq") == 0             ? SYNCREQ
                            : strcmp(key, "syncreq_status") == 0    ? SYNCREQ_STATUS
                            : strcmp(key, "syncreq_keepalive") == 0 ? SYNCREQ_KEEPALIVE
                                                                    : SYNCED;
    if (list == SYNCED) { /* none that is known */
        r->chunk++;
        return JSON_SKIP;
    }
    if (!see(r, (unsigned)SEEN_LIST << list))
        return JSON_SKIP;
    if (kind != JSON_ARRAY)
        return wrong(r, "a list of agents is no list");
    begin_chunk(r, list);
    if (r->agents)
        return JSON_ENTER;
    r->chunk++;
    return JSON_SKIP;
}

static enum json_want chunk_begins(struct strings_reader *r, enum json_kind kind) {
    if (kind != JSON_STRING)
        return wrong(r, "a chunk is no text");
    begin_chunk(r, SYNCREQ);
    r->inner_open = r->agents;
    if (r->agents)
        json_stream_init(&r->inner, &inner_events, r, r->texts->keep, sizeof r->texts->keep);
    return JSON_PASS;
}

static enum json_want outer_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct strings_reader *r = arg;
    if (r->words)
        return JSON_SKIP;
    if (depth == 0)
        return kind == JSON_OBJECT ? JSON_ENTER : wrong(r, "the string is no object");
    if (depth == 1)
        return outer_member(r, kind, key);
    if (depth == 2)
        return r->kind == STRING_INFO_LISTS ? list_begins(r, kind, key) : chunk_begins(r, kind);
    return agent_begins(r, kind);
}

static enum err outer_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                           struct error *e) {
    struct strings_reader *r = arg;
    struct json_doc d;
    if (depth > 1)
        return tell_agent(r, json, n);
    enum err err = json_parse(&d, json, n, r->texts->tokens, STRING_TOKENS, e);
    if (err != E_OK)
        return err;
    if (strcmp(key, "payload") == 0)
        check_payload(r, &d);
    else
        check_command(r, &d);
    return E_OK;
}

static enum err outer_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    if (depth == 1)
        return error_set(e, E_LIMIT, 0, "%s is too long", key);
    bad_chunk(arg, E_LIMIT, "an agent is too long");
    return E_OK;
}

/* Bytes of a chunk's text. */
static enum err outer_passed(void *arg, const char *bytes, size_t n, struct error *e) {
    struct strings_reader *r = arg;
    if (r->agents && !r->inner_open)
        return E_OK;
    if (r->agents) {
        r->passed = bytes;
        r->passed_n = n;
        return E_AGAIN;
    }
    if (n > CHUNK_MOST - r->text_n)
        return error_set(e, E_LIMIT, 0, "a chunk of more than %u bytes", CHUNK_MOST);
    memcpy(r->texts->request + r->text_n, bytes, n);
    r->text_n += n;
    return E_OK;
}

static enum err outer_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct strings_reader *r = arg;
    (void)e;
    if (depth == 2)
        return kind == JSON_STRING ? end_chunk_text(r) : end_chunk(r, STRING_CHUNK_END);
    if (depth == 1)
        r->chunks_to = r->outer.at;
    else if ((r->seen & SEEN_ALL) != SEEN_ALL)
        wrong(r, "a member is missing");
    return E_OK;
}

static const struct json_stream_events outer_events = {.value = outer_value,
                                                       .kept = outer_kept,
                                                       .passed = outer_passed,
                                                       .left = outer_left,
                                                       .too_long = outer_too_long};

/* ---- the reading ---- */

void strings_reader_init(struct strings_reader *r, enum string_kind kind, bool agents,
                         const struct blob *blob, struct store_texts *texts) {
    memset(r, 0, sizeof *r);
    r->kind = kind;
    r->agents = agents;
    r->blob = blob;
    r->texts = texts;
    r->text = texts->request;
    json_stream_init(&r->outer, &outer_events, r, texts->keep, sizeof texts->keep);
}

/* The bytes of the piece: up to an event, or to their end. */
static enum err push_outer(struct strings_reader *r, struct error *e) {
    uint64_t before = r->outer.at;
    enum err err = json_stream_push(&r->outer, (const char *)r->piece + r->piece_at, r->piece_n, e);
    size_t taken = (size_t)(r->outer.at - before);
    r->piece_at += taken;
    r->piece_n -= taken;
    if (r->words)
        return error_set(e, E_VALUE, 0, "byte %llu: %s", (unsigned long long)r->words_at, r->words);
    return err == E_AGAIN ? E_OK : err;
}

static enum err finish(struct strings_reader *r, struct error *e) {
    enum err err = json_stream_finish(&r->outer, e);
    if (err == E_OK)
        r->event = STRING_END;
    return err == E_AGAIN ? E_OK : err;
}

/* One step nearer to the next event. *taken: bytes of the blob that it went over. */
static enum err step(struct strings_reader *r, size_t *taken, struct error *e) {
    if (r->passed_n) {
        push_inner(r);
        return E_OK;
    }
    if (r->piece_n)
        return push_outer(r, e);
    if (r->at == r->blob->size)
        return finish(r, e);
    r->piece_at = 0;
    enum err err = blob_read(r->blob, r->at, r->piece, sizeof r->piece, &r->piece_n, e);
    r->at += r->piece_n;
    *taken += r->piece_n;
    return err;
}

enum err strings_reader_next(struct strings_reader *r, enum string_event *event, struct error *e) {
    enum err err = E_OK;
    size_t taken = 0;
    *event = STRING_MORE;
    if (r->failed)
        return error_set(e, E_SYNTAX, 0, "more after an error");
    if (r->event != STRING_END)
        r->event = STRING_MORE;
    while (err == E_OK && r->event == STRING_MORE && taken < SLICE_BYTES)
        err = step(r, &taken, e);
    r->failed = err != E_OK;
    if (err == E_OK)
        *event = r->event;
    return err;
}
