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
    struct store_job job;
    struct agents_ids ids;
    uint64_t by_state[STATES], by_sync[2], total;
    char text[4096];
};
_Static_assert(sizeof(struct agents_summary) <= API_STATE_BYTES, "the state of a call");

void agents_summary_cancel(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    store_cancel(c->env->role->agents_env.store, &s->job);
    agents_ids_close(&s->ids);
}

static void fail(struct api_call *c, enum wazuh_class class, int code, const char *words) {
    agents_ids_close(&((struct agents_summary *)api_state(c))->ids);
    api_call_refuse(c, class, code, words);
}

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
    agents_ids_close(&s->ids);
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

static void summed(void *arg, struct store_job *j) {
    struct api_call *c = arg;
    struct wazuh_error why;
    bool cut;
    if (agents_answered(c, j, &cut, sum_row, &why) != E_OK)
        api_call_fail(c, &why);
    else
        finish(c);
}

static void sum_all(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    struct text t;
    text_init(&t, s->text, sizeof s->text);
    text_str(&t, "global sql select count(*) a,connection_status c,group_config_status d from agent where ");
    enum err err = agents_sql_permitted(&t, &c->request, ACTIONS);
    text_str(&t, " and id != 0 group by connection_status,group_config_status");
    if (err != E_OK || t.cut)
        fail(c, WAZUH_INTERNAL_ERROR, 1000, "The permissions of this user are too many for one question");
    else
        agents_ask(c, &s->job, &t, summed);
}

/* ---- those named one by one ---- */

static void look_up(struct api_call *c);

static enum err known_row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct api_call *c = arg;
    struct agents_summary *s = api_state(c);
    uint32_t id;
    (void)why;
    if (agents_ids_row(&s->ids, c, ACTIONS, d, &id) && id != 0)
        add(s, d, 1);
    return E_OK;
}

static void looked_up(void *arg, struct store_job *j) {
    struct api_call *c = arg;
    struct agents_summary *s = api_state(c);
    struct wazuh_error why;
    bool cut;
    if (agents_answered(c, j, &cut, known_row, &why) != E_OK)
        fail(c, why.class, why.code, why.extra);
    else if (cut)
        fail(c, WAZUH_INTERNAL_ERROR, 2009, NULL);
    else if (!agents_ids_chunk_end(&s->ids, c, ACTIONS))
        look_up(c);
    else if (agents_ids_all_denied(&s->ids, c)) {
        agents_ids_close(&s->ids);
        api_call_end(c);
    } else {
        finish(c);
    }
}

static void look_up(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    struct text t;
    text_init(&t, s->text, sizeof s->text);
    if (s->ids.at == s->ids.count)
        looked_up(c, &(struct store_job){.reply = "ok []", .reply_n = 5});
    else if (agents_ids_sql(&s->ids, c, ACTIONS, ",connection_status c,group_config_status d", &t) != E_OK)
        fail(c, WAZUH_INTERNAL_ERROR, 1000, "The permissions of this user are too many for one question");
    else
        agents_ask(c, &s->job, &t, looked_up);
}

static void read_ids(struct api_call *c) {
    if (agents_ids_read(&((struct agents_summary *)api_state(c))->ids, c, ACTIONS))
        look_up(c);
    else
        api_call_step(c, read_ids);
}

void agents_summary_start(struct api_call *c) {
    struct agents_summary *s = api_state(c);
    struct wazuh_error why;
    memset(s, 0, offsetof(struct agents_summary, text));
    if (c->request.agents != API_AGENTS_LISTED)
        sum_all(c);
    else if (agents_ids_open(&s->ids, c, &why))
        api_call_step(c, read_ids);
    else
        api_call_fail(c, &why);
}
