/* store/wdb_http.h - the routes of wazuh-db's HTTP socket on the embedded store (reference, section 14.2):
 *   GET  /v1/agents/sync, POST /v1/agents/sync, POST /v1/agents/summary, GET /v1/agents/ids,
 *   GET  /v1/agents/ids/groups, GET /v1/agents/ids/groups/{name}, GET /v1/agents/{id}/groups,
 *   POST /v1/agents/restartinfo
 * Bodies, status codes and error texts as wazuh-db 4.14.7. Another route answers 404 and says so. */
#ifndef PICKET_STORE_WDB_HTTP_H
#define PICKET_STORE_WDB_HTTP_H

#include "base/blob.h"
#include "store/agents.h"
#include "store/strings.h"
#include "store/wdb_wire.h"

/* One request being answered (one at a time: a server has one of these); its body is whole in body, its
 * answer grows in out. */
struct wdb_http {
    struct agents *agents;
    struct store_texts *texts; /* within one step only */
    const struct blob *body;
    struct blob *out;
    uint16_t status;
    uint8_t route, phase;
    bool json; /* Content-Type: application/json */
    char param[256];
    struct agents_read read;
    struct json_stream stream;
    uint64_t at;
    int64_t last_id;
    uint32_t rows;
    char keep[STRING_AGENT_BYTES]; /* one agent of a POST that is being read; a longer one is 400 */
};

/* Decides on the route. false: answered already (status, out) without a step. */
bool wdb_http_begin(struct wdb_http *h, struct agents *agents, struct store_texts *texts,
                    const struct http *head, const struct blob *body, struct blob *out);
/* One slice of at most about 256 rows, in one transaction. STEP_DONE: status and out are the answer;
 * STEP_AGAIN. */
enum step wdb_http_step(struct wdb_http *h);

#endif
