/* store/strings.h - the strings of agent information and agent groups (reference, section 6), built and taken
 * apart without ever lying in memory whole:
 *
 *   {"set_data_command": "global ...", "payload": {...}, "chunks": ["<text of a chunk>", ...]}      groups,
 * and E
 *   {"set_data_command": "global ...", "payload": {}, "chunks": {"syncreq": [...], ...}}            F
 *
 * The command a peer names is compared with the one that belongs there and never executed: what is done with
 * a string is this program's choice. */
#ifndef PICKET_STORE_STRINGS_H
#define PICKET_STORE_STRINGS_H

#include "base/blob.h"
#include "base/json_read.h"
#include "base/json_stream.h"

#define STORE_TEXT_BYTES 65792u   /* the longest chunk or command, with room for what stands around it */
#define STRING_AGENT_BYTES 16384u /* JSON of one agent, with its labels and groups */
#define STRING_TOKENS 1024u

/* Long buffers that one thing at a time uses, within one call or while its job runs. */
struct store_texts {
    char request[STORE_TEXT_BYTES];
    char reply[STORE_TEXT_BYTES];
    char keep[STRING_AGENT_BYTES];           /* of the string being read, from slice to slice */
    char command_keep[STRING_AGENT_BYTES];   /* of one wazuh-db command, within its call */
    struct json_token tokens[STRING_TOKENS]; /* within one call */
};

enum string_kind {
    STRING_INFO_TEXT,  /* chunks are texts "[{agent}, ...]" */
    STRING_INFO_LISTS, /* chunks is an object of three lists */
    STRING_GROUPS      /* chunks are texts "[{"data":[{agent}, ...], "hash": ...}]" */
};

/* ---- building ---- */
/* The part before the chunks, one chunk (escaped; first: no comma before it), the part after them. For lists
 * the owner appends the object himself between begin and end. Errors are blob_append's; the string is then of
 * no use. */
enum err string_begin(struct blob *out, enum string_kind kind, struct error *e);
enum err string_chunk(struct blob *out, const char *text, size_t n, bool first, struct error *e);
enum err string_end(struct blob *out, enum string_kind kind, struct error *e);

/* ---- taking apart ---- */
enum string_event {
    STRING_MORE,      /* nothing yet: call again */
    STRING_CHUNK,     /* (wanting chunks) a whole chunk text: reader->text, text_n */
    STRING_AGENT,     /* (wanting agents) one agent object: reader->doc; its list in reader->list */
    STRING_CHUNK_END, /* (wanting agents) a chunk, or a list, is over; was it bad: reader->chunk_bad */
    STRING_END        /* everything was well-formed and is over */
};

/* The outer text must be well-formed, with exactly one command, payload and chunks, each of the shape that
 * belongs to the kind; other members are passed over. What is wrong within one chunk is that chunk's affair,
 * as in Wazuh, and the reading goes on behind it: a text that is no JSON, another shape, an agent that is no
 * object, is longer than STRING_AGENT_BYTES or has more than STRING_TOKENS parts (the other agents of the
 * chunk are told). Nobody should act on a string before one reading of it has come to STRING_END. */
struct strings_reader {
    enum string_kind kind;
    bool agents; /* want agents, not whole chunk texts */
    const struct blob *blob;
    struct store_texts *texts;
    /* what an event leaves, until the next call */
    const char *text; /* with a NUL after it */
    size_t text_n;
    struct json_doc doc;
    uint8_t list;   /* enum sync_status of the agent's list (F); SYNCREQ for texts */
    uint32_t chunk; /* chunks, or members of the object of lists, that are over: 1 at the first of the
                     * events CHUNK or CHUNK_END. At END as many as the real master counts, which is all
                     * members of the object, a list or not. */
    bool chunk_bad; /* (at CHUNK_END) not all of it could be told: chunk_why, the first reason. What was told
                     * of it stands or falls as the owner decides. */
    struct error chunk_why;
    bool has_hash;  /* (wanting agents) the last chunk of groups named a hash, not null */
    bool hash_seen; /* ... or at least the member */
    char hash[41];
    uint64_t chunks_from, chunks_to; /* where in the blob the value of "chunks" lies, once it is over */
    /* the reader's own */
    struct json_stream outer, inner; /* the string; the text of one chunk */
    const char *words;               /* what is wrong with the outer text, though it is JSON */
    uint64_t words_at;               /* ... and where */
    const char *passed;              /* of a chunk's text, not given to inner yet */
    size_t passed_n;
    uint64_t at; /* bytes of the blob that were read */
    size_t piece_at, piece_n;
    uint8_t piece[2048];
    uint8_t event; /* enum string_event */
    uint8_t seen;  /* members of the outer object and lists, bits in strings_reader.c */
    bool failed, inner_open, data_seen;
    uint32_t element; /* of a chunk of groups */
};

/* texts->request receives chunk texts, texts->keep and tokens the agents; both are the reader's until
 * STRING_END or an error. agents false: chunks are told whole, at most STORE_TEXT_BYTES - 256 bytes each
 * (E_LIMIT); lists are only counted. */
void strings_reader_init(struct strings_reader *r, enum string_kind kind, bool agents,
                         const struct blob *blob, struct store_texts *texts);
/* Goes on to the next event, or over at most about 16 KB of the blob (STRING_MORE). E_SYNTAX,
 * E_TRUNCATED, E_VALUE (another command or another shape than belongs there), E_LIMIT: the string is bad;
 * nothing after it is told. Or what the blob says. */
enum err strings_reader_next(struct strings_reader *r, enum string_event *event, struct error *e);

#endif
