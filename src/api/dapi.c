/* api/dapi.c - the commands: who asks, what answers come from other nodes, who is gone (reference, sections
 * 4.3, 4.4 and 15; pitfalls 17 and 18).
 *
 * A request goes to the queue with no more read of it than the id before its JSON. An answer is the string
 * that dapi_res names; it goes to the part that waits for it, and is taken only from the node that was asked:
 * a worker that guesses ids must not be able to answer for another. */
#include "api/dapi.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define ALL_NODES "fw_all_nodes"
#define SCAN_BYTES (64u << 10) /* of a request that lies in memory */

static void refuse(struct session *s, uint32_t counter, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, code, extra);
    session_reply_error(s, counter, &w);
}

/* The printable word that ends with the first blank; *at is behind that. */
static bool first_word(const struct message *m, char *word, size_t cap, uint64_t *at) {
    uint8_t head[API_ASKER_ID_BYTES + NODE_NAME_BYTES];
    size_t n, i = 0;
    if (blob_read(&m->body, 0, head, min_size(cap, sizeof head), &n, NULL) != E_OK)
        return false;
    while (i < n && head[i] > ' ' && head[i] < 0x7f)
        i++;
    if (i == 0 || i == n || head[i] != ' ')
        return false;
    *at = i + 1;
    return text_copy(word, cap, (const char *)head, i);
}

/* Does the request say these words? One that does not lie in memory may. */
static bool may_say(const struct message *m, const char *words) {
    size_t n;
    const char *text = message_text(m, &n);
    return !text || n > SCAN_BYTES || text_has(text, n, words);
}

/* ---- requests of local programs ---- */

/* From now on the program waits for its answer. */
static void promise(struct api_slot *s, struct local_client *c, struct session *session, uint32_t counter,
                    const char *words) {
    local_promise(c);
    session_reply_text(session, counter, "ok", words);
    api_kick(s->api);
}

static struct api_slot *take_local(struct api *a, struct local_client *c, struct session *s,
                                   const struct message *m, uint64_t at) {
    struct error e;
    struct api_asker asker = {.kind = ASKER_LOCAL, .number = local_number(c)};
    bool waits = may_say(m, "\"wait_for_complete\": true");
    struct api_slot *slot = api_slot_take(a, &asker, m, at, &e);
    if (!slot)
        refuse(s, m->counter, 3000, e.what);
    else
        slot->long_wait = waits;
    return slot;
}

/* On a worker most requests are the master's affair, and go to it unread. One that may be for this node alone
 * is read before. */
static void local_dapi(struct api *a, struct local_client *c, struct session *s, const struct message *m) {
    bool may_be_ours = !a->env.worker || may_say(m, "local_any");
    struct api_slot *slot;
    if (!may_be_ours && !worker_session(a->env.worker)) {
        refuse(s, m->counter, 3023, NULL);
        return;
    }
    slot = take_local(a, c, s, m, 0);
    if (!slot)
        return;
    promise(slot, c, s, m->counter, "Added request to API requests queue");
    if (!may_be_ours)
        api_pass_to_master(slot);
}

static void pass_to_all(struct api_slot *slot) {
    const struct api *a = slot->api;
    for (struct peer *p = a->env.master->peers; p; p = p->next)
        if (!api_part_take(slot, p->name, p)) {
            api_answer_error(slot, WAZUH_CLUSTER_ERROR, 3000, "too many requests to other nodes: ask again");
            return;
        }
    api_parts_go(slot);
}

/* Only programs of a master say dapi_fwd: "<node> <json>". */
static void local_forward(struct api *a, struct local_client *c, struct session *s, const struct message *m) {
    char node[NODE_NAME_BYTES];
    uint64_t at;
    struct peer *peer = NULL;
    if (!a->env.master) {
        role_not_served(s, m->counter, "this worker does not serve this command");
        return;
    }
    bool has_name = first_word(m, node, sizeof node, &at);
    bool to_all = has_name && strcmp(node, ALL_NODES) == 0;
    if (!has_name || (to_all ? !a->env.master->peers : !api_node_find(a, node, &peer) || !peer)) {
        refuse(s, m->counter, 3022, has_name ? node : NULL);
        return;
    }
    struct api_slot *slot = take_local(a, c, s, m, at);
    if (!slot)
        return;
    slot->raw = true;
    promise(slot, c, s, m->counter, "Request forwarded to worker node");
    if (to_all)
        pass_to_all(slot);
    else if (api_part_take(slot, node, peer))
        api_parts_go(slot);
    else
        api_answer_error(slot, WAZUH_CLUSTER_ERROR, 3000, "too many requests to other nodes: ask again");
}

static void local(void *arg, struct local_client *c, struct session *s, const struct message *m) {
    struct api *a = arg;
    if (m->cmd == CMD_DAPI)
        local_dapi(a, c, s, m);
    else if (m->cmd == CMD_DAPI_FWD)
        local_forward(a, c, s, m);
    else if (m->cmd == CMD_SENDSYNC || m->cmd == CMD_SENDASYNC)
        sendsync_from_local(&a->sendsyncs, c, s, m);
    else
        role_not_served(s, m->counter, "this node does not serve this command");
}

/* ---- requests of other nodes ---- */

/* A real node does not look at how its dapi is answered: what went wrong goes back as dapi_err, or whoever
 * waits there would wait for nothing. */
static void refuse_request(struct session *s, const struct message *m, const char *id, const char *words) {
    char text[API_ASKER_ID_BYTES + WAZUH_ERROR_JSON_BYTES];
    struct wazuh_error w;
    struct text t;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3000, words);
    text_init(&t, text, sizeof text);
    text_format(&t, "%s ", id);
    wazuh_error_write(&t, &w, s->shared->dialect);
    if (session_request(s, "dapi_err", t.buf, t.len, NULL, NULL, NULL) == E_OK)
        session_reply_text(s, m->counter, "ok", "Added request to API requests queue");
    else
        session_reply_error(s, m->counter, &w);
}

static void node_dapi(struct api *a, const struct api_asker *asker, struct session *s,
                      const struct message *m) {
    char id[API_ASKER_ID_BYTES];
    uint64_t at;
    struct error e;
    if (!first_word(m, id, sizeof id, &at)) {
        refuse(s, m->counter, 3000, "a request begins with its id, of at most 63 characters, and a blank");
        return;
    }
    struct api_slot *slot = api_slot_take(a, asker, m, at, &e);
    if (!slot) {
        refuse_request(s, m, id, e.what);
        return;
    }
    memcpy(slot->id, id, sizeof id);
    session_reply_text(s, m->counter, "ok", "Added request to API requests queue");
    api_kick(a);
}

/* ---- answers of other nodes ---- */

/* What we called a request that we passed on to peer (NULL: to our master). */
static struct api_part *asked(struct api *a, struct peer *peer, const char *id) {
    uint8_t bytes[8];
    uint64_t number;
    size_t n = strlen(id);
    if (!peer)
        return text_number(id, n, UINT32_MAX, &number) ? api_part_find(a, NULL, number) : NULL;
    return n == 16 && hex_decode(bytes, id, sizeof bytes) ? api_part_find(a, peer, be64_load(bytes)) : NULL;
}

/* "<id> <string id>" */
static void node_answer(struct api *a, struct peer *peer, struct session *s, const struct message *m) {
    char id[API_ASKER_ID_BYTES];
    uint64_t at;
    size_t n;
    const char *text = message_text(m, &n);
    if (!text || !first_word(m, id, sizeof id, &at)) {
        refuse(s, m->counter, 3000, "an answer is an id and the id of a string");
        return;
    }
    struct api_part *part = asked(a, peer, id);
    struct xfer_string *x = xfer_string_find(s, text + at, n - (size_t)at);
    if (!part) {
        if (x)
            xfer_string_drop(s, x);
        refuse(s, m->counter, 3032, id);
        return;
    }
    if (!x || !x->body.size) {
        refuse(s, m->counter, 3035, x ? "it is empty" : text + at);
        api_part_fail(part, WAZUH_CLUSTER_ERROR, 3035);
    } else {
        bool is_local = part->slot->raw;
        api_part_answer(part, &x->body);
        session_reply_text(s, m->counter, "ok",
                           is_local ? "Response forwarded to worker" : "Forwarded response");
    }
    if (x)
        xfer_string_drop(s, x);
}

/* "<id> <text>" */
static void node_error(struct api *a, struct peer *peer, struct session *s, const struct message *m) {
    char id[API_ASKER_ID_BYTES];
    uint64_t at;
    size_t n;
    const char *text = message_text(m, &n);
    bool has_id = text && first_word(m, id, sizeof id, &at);
    struct api_part *part = has_id ? asked(a, peer, id) : NULL;
    if (!part) {
        refuse(s, m->counter, 3032, has_id ? id : NULL);
        return;
    }
    api_part_words(part, text + at, n - (size_t)at);
    session_reply_text(s, m->counter, "ok", "DAPI error forwarded to worker");
}

static void node_message(struct api *a, const struct api_asker *asker, struct session *s,
                         const struct message *m) {
    if (m->cmd == CMD_DAPI)
        node_dapi(a, asker, s, m);
    else if (m->cmd == CMD_DAPI_RES)
        node_answer(a, asker->peer, s, m);
    else if (m->cmd == CMD_DAPI_ERR)
        node_error(a, asker->peer, s, m);
    else
        role_not_served(s, m->counter, "this node does not serve this command");
}

static void from_peer(void *arg, struct peer *p, const struct message *m) {
    struct api *a = arg;
    if (m->cmd == CMD_SENDSYNC)
        sendsync_from_peer(&a->sendsyncs, p, m);
    else
        node_message(a, &(struct api_asker){.kind = ASKER_PEER, .peer = p}, &p->link.session, m);
}

static void from_master(void *arg, struct session *s, const struct message *m) {
    struct api *a = arg;
    if (m->cmd == CMD_SENDSYN_RES || m->cmd == CMD_SENDSYN_ERR)
        sendsync_from_master(&a->sendsyncs, s, m);
    else
        node_message(a, &(struct api_asker){.kind = ASKER_MASTER}, s, m);
}

/* ---- who is gone ---- */

static void drop_asker(struct api *a, const struct api_asker *asker) {
    for (struct api_slot *s = a->first, *next; s; s = next) {
        next = s->next;
        if (api_same_asker(&s->asker, asker))
            api_slot_drop(s);
    }
}

/* Of a node whose link has ended nothing more comes. */
static void fail_parts(struct api *a, const struct peer *peer, int code) {
    for (struct api_part *p = a->parts; p < a->parts + API_PARTS; p++)
        if (p->slot && p->peer == peer && (p->state == PART_SENT || p->state == PART_DUE))
            api_part_fail(p, WAZUH_CLUSTER_ERROR, code);
}

static void local_gone(void *arg, uint32_t number) {
    struct api *a = arg;
    drop_asker(a, &(struct api_asker){.kind = ASKER_LOCAL, .number = number});
    sendsync_local_gone(&a->sendsyncs, number);
}

static void peer_gone(void *arg, struct peer *p) {
    struct api *a = arg;
    drop_asker(a, &(struct api_asker){.kind = ASKER_PEER, .peer = p});
    fail_parts(a, p, 3032);
    sendsync_peer_gone(&a->sendsyncs, p);
}

static void master_gone(void *arg) {
    struct api *a = arg;
    drop_asker(a, &(struct api_asker){.kind = ASKER_MASTER});
    fail_parts(a, NULL, 3023);
    sendsync_master_gone(&a->sendsyncs);
}

/* What waits for room finds it with the next turn of the queue. */
static void peer_came(void *arg, struct peer *p) {
    (void)p;
    api_kick(arg);
}

static void master_came(void *arg, struct session *s) {
    (void)s;
    api_kick(arg);
}

/* ---- opening and closing ---- */

void api_open(struct api *a, const struct api_setup *setup) {
    memset(a, 0, sizeof *a);
    a->env = (struct api_env){.role = setup->role,
                              .master = setup->master,
                              .worker = setup->worker,
                              .local = setup->local,
                              .root_path = setup->root_path,
                              .root_name = setup->root_name};
    a->slot_pool = setup->slots;
    a->call_pool = setup->calls;
    a->requests = (struct requests){.arg = a,
                                    .local = local,
                                    .local_gone = local_gone,
                                    .peer = from_peer,
                                    .peer_came = peer_came,
                                    .peer_gone = peer_gone,
                                    .master = from_master,
                                    .master_came = master_came,
                                    .master_gone = master_gone};
    api_queue_open(a);
    sendsyncs_open(&a->sendsyncs, &a->env, setup->sendsyncs);
    setup->role->requests = &a->requests;
}

void api_close(struct api *a) {
    a->env.role->requests = NULL;
    while (a->first)
        api_slot_drop(a->first);
    sendsyncs_close(&a->sendsyncs);
    api_queue_close(a);
}
