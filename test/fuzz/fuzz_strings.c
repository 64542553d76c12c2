/* fuzz_strings.c - any bytes as a string of agent information (both forms) or agent groups: wanted as agents
 * and as whole chunks the verdicts must agree, with each other and with json_parse, chunk by chunk. The first
 * byte says which kind. */
#include "store/strings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_BYTES 16384u
#define CHUNKS 1024
#define TOKENS 8192

static void must(int holds) {
    if (!holds)
        abort();
}

static struct store_texts texts;
static struct strings_reader reader;
static struct json_token tokens[TOKENS];

/* What a reading came to. */
struct verdict {
    enum err err;
    uint32_t chunks;
    uint64_t told; /* a digest of the agents, or of the texts */
    struct {
        enum err why;  /* (agents) of a bad chunk; E_OK: good */
        enum err json; /* (chunks) what json_parse says of its text */
    } each[CHUNKS];
};

static void digest(struct verdict *v, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        v->told = (v->told ^ (uint8_t)bytes[i]) * 1099511628211u;
}

static void take_event(struct verdict *v, enum string_event event) {
    struct json_doc d;
    uint32_t i = reader.chunk - 1;
    if (event == STRING_AGENT) {
        must(reader.agents && reader.doc.count && reader.doc.tokens[0].kind == JSON_OBJECT);
        must(reader.doc.len < STRING_AGENT_BYTES && reader.list > 0 && reader.list < 4);
        digest(v, reader.doc.text, reader.doc.len);
    } else if (event == STRING_CHUNK) {
        must(!reader.agents && reader.text[reader.text_n] == '\0' && i < CHUNKS);
        digest(v, reader.text, reader.text_n);
        v->each[i].json = json_parse(&d, reader.text, reader.text_n, tokens, TOKENS, NULL);
    } else if (event == STRING_CHUNK_END) {
        must(reader.agents);
        must(strlen(reader.hash) == (reader.has_hash ? 40 : 0) && (!reader.has_hash || reader.hash_seen));
        if (i < CHUNKS)
            v->each[i].why = reader.chunk_bad ? reader.chunk_why.code : E_OK;
    }
}

/* blanks: bytes before the string, so that the reader's pieces end elsewhere. */
static void read_string(struct verdict *v, enum string_kind kind, bool agents, const uint8_t *text, size_t n,
                        size_t blanks) {
    static uint8_t small[TEXT_BYTES + 4096], blank[4096];
    struct blob blob;
    struct error e;
    enum string_event event = STRING_MORE;
    memset(v, 0, sizeof *v);
    memset(blank, ' ', sizeof blank);
    blob_init(&blob, small, sizeof small, NULL, NULL, sizeof small);
    must(blob_append(&blob, blank, blanks, &e) == E_OK && blob_append(&blob, text, n, &e) == E_OK);
    strings_reader_init(&reader, kind, agents, &blob, &texts);
    while (v->err == E_OK && event != STRING_END) {
        v->err = strings_reader_next(&reader, &event, &e);
        must(v->err == E_OK || (v->err == e.code && event == STRING_MORE));
        take_event(v, event);
    }
    v->chunks = reader.chunk;
    if (v->err == E_OK)
        must(reader.chunks_from > blanks && reader.chunks_to > reader.chunks_from &&
             reader.chunks_to < blob.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct verdict agents, again, chunks;
    struct json_doc d;
    if (size == 0 || size > TEXT_BYTES)
        return 0;
    enum string_kind kind = data[0] % 3;
    read_string(&agents, kind, true, data + 1, size - 1, 0);
    read_string(&again, kind, true, data + 1, size - 1, size < 2047 ? 2047 - size / 2 : 1);
    read_string(&chunks, kind, false, data + 1, size - 1, 0);
    must(again.err == agents.err && chunks.err == agents.err);
    if (json_parse(&d, (const char *)data + 1, size - 1, tokens, TOKENS, NULL) == E_SYNTAX)
        must(agents.err != E_OK);
    else
        must(agents.err != E_SYNTAX && agents.err != E_TRUNCATED);
    if (agents.err != E_OK)
        return 0;
    must(again.told == agents.told && again.chunks == agents.chunks && chunks.chunks == agents.chunks);
    for (uint32_t i = 0; i < agents.chunks && i < CHUNKS; i++) {
        must(again.each[i].why == agents.each[i].why);
        bool bad_json = agents.each[i].why == E_SYNTAX || agents.each[i].why == E_TRUNCATED;
        if (bad_json)
            must(chunks.each[i].json == E_SYNTAX);
        if (chunks.each[i].json == E_SYNTAX)
            must(agents.each[i].why != E_OK);
    }
    return 0;
}
