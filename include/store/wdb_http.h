/* store/wdb_http.h - the routes of wazuh-db's HTTP socket on the embedded store (reference, section 14.2):
 *   GET  /v1/agents/sync               rows to be told to the master, which count as told from then on
 *   POST /v1/agents/sync               such rows of a worker; 200 without a body
 *   POST /v1/agents/summary            how many agents per state, group and platform: the five largest of
 *                                      each, or all of the agents whose ids the body names
 *   GET  /v1/agents/ids                [1,2,...]
 *   GET  /v1/agents/ids/groups         {"data":{"1":["default",...],...}}
 *   GET  /v1/agents/ids/groups/{name}  [1,2,...]
 *   GET  /v1/agents/{id}/groups        ["default",...]
 *   POST /v1/agents/restartinfo        {"items":[{"id":1,"version":"..."},...]}: the active ones of, or with
 *                                      "negate" but, those in the body's "ids"
 * Bodies and status codes as wazuh-db 4.14.7, whose serializer leaves out what is empty; where that answers
 * an error without a word, the body here says what it was. Another route is 404.
 *
 * Each step does at most about HTTP_ROWS rows, writes in one transaction, and leaves no statement open: what
 * else is done to the store between two steps is seen by the next. */
#ifndef PICKET_STORE_WDB_HTTP_H
#define PICKET_STORE_WDB_HTTP_H

#include "base/blob.h"
#include "store/agents.h"
#include "store/strings.h"
#include "store/wdb_wire.h"

#define HTTP_ROWS 256u
#define HTTP_IDS_BYTES (1u << 20) /* a longer body of ids is 413 */
#define HTTP_TALLY_NAMES 8192u    /* platforms, packed; what does not fit is not counted */
#define HTTP_TALLY_GROUPS 1024u   /* by id; GROUPS_MAX of them are in use at the most */

/* How often what was met, for the summary. */
struct http_tally {
    struct http_group_count {
        uint32_t id, count; /* count 0: the place is free */
    } groups[HTTP_TALLY_GROUPS];
    char names[HTTP_TALLY_NAMES]; /* of each: uint32_t count, uint8_t length, the name */
};

/* One request being answered (one at a time: a server has one of these); its body is whole in body, its
 * answer grows in out. */
struct wdb_http {
    struct agents *agents;
    struct store_texts *texts; /* within one step only: reply and tokens */
    const struct blob *body;
    struct blob *out;
    uint16_t status;
    const char *type; /* Content-Type of out; NULL: there is none */
    uint8_t route, phase;
    bool first;       /* nothing stands in the list, or object, yet */
    bool in_map;      /* (summary) one of the three objects was begun */
    char param[1024]; /* of the path; (summary) the last group that was written */
    struct text text; /* of this step, not in out yet */
    struct agents_read read;
    struct json_stream stream;
    uint8_t list; /* enum sync_status of the rows that are being read */
    int64_t last_id;
    uint32_t rows; /* in this step */
    /* which agents a body of ids means */
    bool filtered, negate, bad_ids;
    uint64_t ids_from, ids_to; /* where in the body they stand */
    uint32_t states[4];        /* (summary) agents per connection_status */
    uint32_t names_n;          /* bytes of tally.names */
    union {
        char keep[STRING_AGENT_BYTES]; /* one agent of a POST that is being read; a longer one is 400 */
        struct http_tally tally;
    };
};

/* Decides on the route. false: answered already (status, type, out) without a step. head need not stay; body
 * and out must until the answer is there. out: empty. */
bool wdb_http_begin(struct wdb_http *h, struct agents *agents, struct store_texts *texts,
                    const struct http *head, const struct blob *body, struct blob *out);
/* STEP_DONE: status, type and out are the answer; STEP_AGAIN. Whoever loses interest need not go on. */
enum step wdb_http_step(struct wdb_http *h);

#endif
