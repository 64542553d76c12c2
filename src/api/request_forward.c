/* api/request_forward.c - a request as it is passed on to another node: copied from its body but for three
 * places, which the reading has marked. Nothing is understood here, nothing else is changed. */
#include "api/request_parts.h"

#include <string.h>

#define BLANKS " \t\r\n"
#define NEAR_BYTES 512u /* of blanks and a key around node_id: more than anybody writes */
#define COPY_BYTES 2048u

uint64_t request_cut_begin(const struct api_request *r, uint64_t value) {
    char near[NEAR_BYTES];
    uint64_t from = value > r->at + NEAR_BYTES ? value - NEAR_BYTES : r->at;
    size_t n, key = 0;
    int quotes = 0; /* of the key, the last one first */
    if (blob_read(r->body, from, (uint8_t *)near, (size_t)(value - from), &n, NULL) != E_OK)
        return 0;
    while (n--) {
        if (quotes < 2 && near[n] == '"' && ++quotes == 2)
            key = n;
        else if (quotes == 2 && !strchr(BLANKS, near[n]))
            return from + (near[n] == ',' ? n : key);
    }
    return 0;
}

uint64_t request_cut_end(const struct api_request *r, uint64_t from, uint64_t to) {
    char near[NEAR_BYTES];
    size_t n, i = 0;
    if (blob_read(r->body, from, (uint8_t *)near, 1, &n, NULL) != E_OK)
        return 0;
    if (near[0] == ',')
        return to;
    if (blob_read(r->body, to, (uint8_t *)near, sizeof near, &n, NULL) != E_OK)
        return 0;
    while (i < n && strchr(BLANKS, near[i]))
        i++;
    return i == n ? 0 : near[i] == ',' ? to + i + 1 : to;
}

/* ---- writing ---- */

enum change { SET_FROM_CLUSTER, SET_AGENTS, CUT_NODES };

struct forward {
    const struct api_request *r;
    const struct blob *ids;
    struct blob *out;
    uint64_t at; /* of the body: copied, or replaced, so far */
};

static enum err copy_to(struct forward *f, uint64_t to, struct error *e) {
    uint8_t bytes[COPY_BYTES];
    size_t n;
    for (; f->at < to; f->at += n) {
        size_t want = to - f->at < sizeof bytes ? (size_t)(to - f->at) : sizeof bytes;
        enum err err = blob_read(f->r->body, f->at, bytes, want, &n, e);
        if (err == E_OK && n == 0)
            err = error_set(e, E_TRUNCATED, 0, "the request has become shorter");
        if (err == E_OK)
            err = blob_append(f->out, bytes, n, e);
        if (err != E_OK)
            return err;
    }
    return E_OK;
}

static enum err append(struct forward *f, const char *bytes, size_t n, struct error *e) {
    return blob_append(f->out, (const uint8_t *)bytes, n, e);
}

/* ["001", "002"] */
static enum err append_ids(struct forward *f, struct error *e) {
    char id[API_ID_BYTES], room[COPY_BYTES];
    struct text t;
    uint64_t at = 0;
    enum err err = E_OK;
    text_init(&t, room, sizeof room);
    text_char(&t, '[');
    while (err == E_OK && request_id(f->ids, &at, id)) {
        json_escape(&t, id, strlen(id));
        if (at < f->ids->size)
            text_str(&t, ", ");
        if (t.len > sizeof room - API_ID_BYTES * 6 - 8) {
            err = append(f, t.buf, t.len, e);
            text_init(&t, room, sizeof room);
        }
    }
    text_char(&t, ']');
    if (err == E_OK && at < f->ids->size)
        err = error_set(e, E_LIMIT, 0, "an agent's id of more than %u bytes", API_ID_BYTES - 1);
    return err == E_OK ? append(f, t.buf, t.len, e) : err;
}

static enum err make_change(struct forward *f, enum change change, struct error *e) {
    static const char added[] = ", \"from_cluster\": true";
    bool is_there = f->r->from_cluster_at.to != 0;
    switch (change) {
    case SET_FROM_CLUSTER:
        return append(f, is_there ? "true" : added, is_there ? 4 : sizeof added - 1, e);
    case SET_AGENTS:
        return append_ids(f, e);
    default:
        return E_OK;
    }
}

enum err api_request_forward(const struct api_request *r, const struct blob *ids, struct blob *out,
                             struct error *e) {
    struct forward f = {.r = r, .ids = ids, .out = out, .at = r->at};
    const struct api_range end = {r->root_end, r->root_end};
    const struct api_range places[] = {
        [SET_FROM_CLUSTER] = r->from_cluster_at.to ? r->from_cluster_at : end,
        [SET_AGENTS] = ids ? r->agents_at : (struct api_range){0, 0},
        [CUT_NODES] = r->nodes_at,
    };
    enum err err = E_OK;
    unsigned done = 0;
    while (err == E_OK) {
        int next = -1; /* in the order in which they stand; they are apart from each other */
        for (int i = 0; i <= CUT_NODES; i++)
            if (places[i].to && !(done >> i & 1) && (next < 0 || places[i].from < places[next].from))
                next = i;
        if (next < 0)
            return copy_to(&f, r->body->size, e);
        err = copy_to(&f, places[next].from, e);
        if (err == E_OK)
            err = make_change(&f, (enum change)next, e);
        f.at = places[next].to;
        done |= 1u << next;
    }
    return err;
}
