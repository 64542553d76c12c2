/* api/dapi_merge.c - the answers of several nodes, which lie one after the other in one scratch file, become
 * one (merge.h). Each is shown to the merging as a blob of its own, which has no bytes but those of the file.
 */
#include "api/dapi_parts.h"

#include "base/bytes.h"

#include <string.h>

/* In a window, while it is needed. */
struct api_merging {
    struct spill spill; /* first: reads a range of answers; a handle is the order of a part */
    const struct api_slot *slot;
    uint64_t from[API_PARTS_MAX];
    struct merge_input inputs[API_PARTS_MAX];
    struct blob views[API_PARTS_MAX];
};
_Static_assert(sizeof(struct api_merging) <= BODY_WINDOW_BYTES,
               "answers of API_PARTS_MAX nodes are merged in one window");

static enum err view_read(struct spill *spill, int handle, uint64_t offset, uint8_t *buf, size_t n,
                          struct error *e) {
    const struct api_merging *m = (const struct api_merging *)spill;
    size_t got;
    enum err err = blob_read(&m->slot->answers, m->from[handle] + offset, buf, n, &got, e);
    return !err && got < n ? error_set(e, E_TRUNCATED, 0, "an answer ends too early") : err;
}

/* A node that failed is told with its reason: ours, or its own words. One that went away or is too slow is an
 * item that failed among the others' answers: what those have done by then must not be hidden. (Real nodes do
 * so with 3022 alone, else the error is the whole answer.) */
static void set_error(struct merge_input *input, const struct api_slot *s, const struct api_part *p) {
    char words[1024];
    size_t n = 0;
    if (p->to > p->from)
        blob_read(&s->answers, p->from, (uint8_t *)words, min_size(sizeof words, (size_t)(p->to - p->from)),
                  &n, NULL);
    if (n)
        wazuh_error_read(&input->error, words, n);
    else
        wazuh_error_set(&input->error,
                        p->class == WAZUH_CLUSTER_ERROR ? WAZUH_ERROR : (enum wazuh_class)p->class, p->code,
                        p->class == WAZUH_PERMISSION_ERROR ? "Resource type: node:id" : NULL);
}

static void set_inputs(struct api_merging *m, const struct api_slot *s) {
    m->spill = (struct spill){.read_at = view_read};
    m->slot = s;
    for (uint32_t i = 0; i < s->part_count; i++) {
        const struct api_part *p = api_part_of(s, i);
        m->inputs[i].node = p->node;
        m->inputs[i].answer = NULL;
        if (p->state != PART_DONE) {
            set_error(&m->inputs[i], s, p);
            continue;
        }
        m->from[i] = p->from;
        blob_init(&m->views[i], NULL, 0, NULL, &m->spill, p->to - p->from);
        m->views[i].handle = (int)i;
        m->views[i].size = p->to - p->from;
        m->inputs[i].answer = &m->views[i];
    }
}

static enum err begin(struct api_slot *s, struct error *e) {
    const struct session_shared *shared = &s->api->env.role->shared;
    s->merging = pool_take(shared->windows);
    if (!s->merging)
        return error_set(e, E_POOL, 0, "no window");
    set_inputs(s->merging, s);
    blob_reset(&s->body);
    struct merge_setup setup = {.inputs = s->merging->inputs,
                                .count = s->part_count,
                                .out = &s->body,
                                .dialect = shared->dialect,
                                .windows = shared->windows,
                                .spill = shared->spill,
                                .limit_bytes = shared->message_bytes};
    return merge_begin(&s->merge, &setup, e);
}

bool api_merge_go(struct api_slot *s) {
    struct error e;
    enum err err = s->merge ? E_OK : begin(s, &e);
    if (err == E_POOL) { /* windows are for messages first */
        api_merge_end(s);
        s->retry_ms = s->api->env.role->loop->now_ms + API_RETRY_MS;
        return false;
    }
    enum step step = err ? STEP_FAILED : merge_step(s->merge, &e);
    if (step == STEP_AGAIN)
        return true;
    if (step != STEP_DONE) {
        error_prefix(&e, "the answers of several nodes");
        api_answer_error(s, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return true;
    }
    api_merge_end(s);
    api_parts_drop(s);
    blob_reset(&s->answers);
    api_answer(s);
    return true;
}

void api_merge_end(struct api_slot *s) {
    merge_end(s->merge);
    s->merge = NULL;
    if (s->merging)
        pool_give(s->api->env.role->shared.windows, s->merging);
    s->merging = NULL;
}
