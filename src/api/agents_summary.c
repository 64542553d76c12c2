/* agents_summary.c - get_agents_summary_status: how many agents are in which state, and how many have the
 * configuration of their groups. One question counts them all; agents named one by one are counted as they
 * are looked up. The manager, agent 000, does not count. */
#include "api/agents_parts.h"

#include <string.h>

static const char states[] = "active\0disconnected\0never_connected\0pending\0";
static const char synced[] = "synced\0not synced\0";
#define STATES 4u
#define ACTIONS "agent:read\0"

struct agents_summary {
    struct agents_state base;
    uint64_t by_state[STATES], by_sync[2], total;
};
_Static_assert(sizeof(struct agents_summary) <= API_STATE_BYTES, "the state of a call");

/* Which word of the list a member says; -1: another. */
static ptrdiff_t word(const struct json_doc *d, const char *key, const char *list) {
    char s[32];
    size_t i = json_find(d, 0, key), n;
    return i && json_copy_str(d, i, s, sizeof s, &n) == E_OK ? text_find(list, s) : -1;
}

static void add(struct agents_summary *s, const struct json_doc *d, uint64_t n) {
    ptrdiff_t state = word(d, "c", states), sync = word(d, "d", synced);
    s->total += n;
    if (state >= 0)
        s->by_state[state] += n;
    if (sync >= 0)
        s->by_sync[sync] += n;
}

static void finish(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    json_key_open(w, "data", '{');
    json_key_open(w, "connection", '{');
    for (size_t i = 0; i < STATES; i++)
        json_key_uint(w, text_item(states, i), s->by_state[i]);
    json_key_uint(w, "total", s->total);
    json_close(w, '}');
    json_key_open(w, "configuration", '{');
    json_key_uint(w, "synced", s->by_sync[0]);
    json_key_uint(w, "not_synced", s->by_sync[1]);
    json_key_uint(w, "total", s->total);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
}

/* ---- all of them ---- */

static enum err sum_row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    int64_t n = 0;
    (void)why;
    agents_row_number(d, 'a', &n);
    add(api_state(arg), d, (uint64_t)n);
    return E_OK;
}

static void sum_all(struct api_call *c) {
    struct text t;
    agents_question(api_state(c), &t);
    text_str(&t, "global sql select count(*) a,connection_status c,group_config_status d from agent where ");
    agents_sql_permitted(&t, &c->request, ACTIONS);
    text_str(&t, " and id != 0 group by connection_status,group_config_status");
    agents_select(c, &t, sum_row, finish);
}

/* ---- those named one by one ---- */

static void found(struct api_call *c, const struct json_doc *d, uint32_t id) {
    if (id != 0)
        add(api_state(c), d, 1);
}

static const struct agents_look named = {
    .more = ",connection_status c,group_config_status d",
    .found = found,
    .done = finish,
};

void agents_summary_start(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    struct wazuh_error why;
    *s = (struct agents_summary){0};
    if (c->request.agents != API_AGENTS_LISTED)
        sum_all(c);
    else if (agents_ids_open(&s->base.ids, c, ACTIONS, &why))
        agents_look_up(c, &named);
    else
        api_call_fail(c, &why);
}
