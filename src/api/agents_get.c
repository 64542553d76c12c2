/* agents_get.c - agents with everything that the store knows of them: get_agents, get_agents_in_group and
 * get_agents_overview.
 *
 * Agents named one by one are looked up first (agents_ids.c). Then they are counted, then told, page by page:
 * by id each page goes on behind the last one's id, in any other order, and of distinct values, each page
 * begins where the last one ended. By id, rows are looked through RANGE at a time. Up to AGENTS_AT_ONCE named
 * agents are named in one SELECT; more of them go in chunks, which only works by id. What the store cuts,
 * because a page is longer than its replies may be, is asked for again. */
#include "api/agents_parts.h"
#include "api/dapi_parts.h"

#include <string.h>

#define RANGE 4096u /* rows that one question looks through */

struct agents_get {
    struct agents_state base;
    struct agents_wish wish;
    bool is_listed, is_plain;
    bool is_ranged;          /* chunks are ranges of ids */
    int64_t from, low, high; /* the next range begins behind from; this one is low to high */
    bool has_edge;
    int64_t edge;            /* last id of the range that was counted */
    bool has_last, no_items; /* of is_plain: only the total is wanted */
    bool no_total;
    uint32_t chunk, page;
    uint64_t total, skip, left; /* counted so far; still to be left out, and to be told */
    uint64_t chunk_skip, chunk_left, chunk_told;
    int64_t last_id;
    uint32_t rows; /* of the page that was read last */
    char group[GROUP_NAME_BYTES];
};
_Static_assert(sizeof(struct agents_get) <= API_STATE_BYTES, "the state of a call");

static const struct result_kind told = {
    .all_msg = "All selected agents information was returned",
    .some_msg = "Some agents information was not returned",
    .none_msg = "No agent information was returned",
};

static void finish(struct api_call *c) {
    struct agents_get *g = api_state(c);
    if (!g->is_plain) {
        result_close_items(&c->result, g->total, NULL);
    } else {
        if (!g->no_items)
            json_close(&c->result.w, ']');
        json_key_uint(&c->result.w, "totalItems", g->no_total ? 0 : g->total);
        json_close(&c->result.w, '}');
        result_close_plain(&c->result);
    }
    api_call_end(c);
}

/* ---- pages ---- */

static void next_chunk(struct api_call *c);
static void ask_page(struct api_call *c);

static void begin_where(struct agents_get *g, struct text *t, const char *select, bool distinct) {
    agents_question(&g->base, t);
    text_format(t, "global sql select %s%s", distinct ? "distinct " : "", select);
}

/* The agents of this chunk, and what is asked for besides. */
static enum err add_where(struct agents_get *g, struct text *t, struct wazuh_error *why) {
    text_str(t, " from agent where ");
    if (g->is_listed) {
        agents_sql_ids(t, g->base.ids.id + g->base.ids.at, g->chunk);
        text_str(t, " and ");
    }
    if (g->is_ranged)
        text_format(t, "id between %lld and %lld and ", (long long)g->low, (long long)g->high);
    return agents_sql_where(t, &g->wish, why);
}

/* By id: behind the last page. */
static void add_page_by_id(const struct agents_get *g, struct text *t) {
    if (g->has_last)
        text_format(t, " and id %c %lld", g->wish.is_descending ? '<' : '>', (long long)g->last_id);
    agents_sql_order(t, &g->wish);
    text_format(t, " limit %u offset %llu", (unsigned)g->page,
                (unsigned long long)(g->has_last ? 0 : g->chunk_skip));
}

/* In another order: a sort of ids alone keeps little in the store's memory; the rows of the page are put in
 * the same order once more. */
static enum err add_page_by_order(struct agents_get *g, struct text *t, struct wazuh_error *why) {
    text_str(t, " from agent where id in (select id");
    enum err err = add_where(g, t, why);
    agents_sql_order(t, &g->wish);
    text_format(t, " limit %u offset %llu)", (unsigned)g->page,
                (unsigned long long)(g->chunk_skip + g->chunk_told));
    agents_sql_order(t, &g->wish);
    return err;
}

static enum err page_sql(struct agents_get *g, struct text *t, struct wazuh_error *why) {
    bool distinct = g->wish.distinct;
    enum err err;
    begin_where(g, t, "", distinct);
    agents_sql_columns(t, g->wish.select | (distinct ? 0 : 1u << AGENT_ID));
    if (g->wish.has_order && !distinct) {
        err = add_page_by_order(g, t, why);
    } else {
        err = add_where(g, t, why);
        if (!distinct) {
            add_page_by_id(g, t);
        } else {
            agents_sql_order(t, &g->wish);
            text_format(t, " limit %u offset %llu", (unsigned)g->page,
                        (unsigned long long)(g->chunk_skip + g->chunk_told));
        }
    }
    return err;
}

static enum err row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct api_call *c = arg;
    struct agents_get *g = api_state(c);
    struct json_write *w;
    if (g->chunk_told == g->chunk_left)
        return E_OK; /* more than was asked for */
    if (g->is_plain) {
        w = &c->result.w;
        if (c->result.text.len > API_TEXT_BYTES / 2)
            result_flush(&c->result);
    } else {
        w = result_item(&c->result);
    }
    enum err err = agents_item(w, d, g->wish.select);
    if (!g->is_plain)
        result_item_end(&c->result);
    if (err != E_OK || c->result.err != E_OK || c->result.text.cut) {
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000,
                        c->result.err != E_OK ? c->result.why.what : "An agent's row is too long to be told");
        return E_LIMIT;
    }
    g->has_last = agents_row_number(d, 'a', &g->last_id) || g->has_last;
    g->chunk_told++;
    g->rows++;
    return E_OK;
}

static void page_read(struct api_call *c) {
    struct agents_get *g = api_state(c);
    bool cut = g->base.was_cut;
    if (cut && g->rows == 0) { /* not even one row fits a reply */
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 2009, NULL);
        return;
    }
    if (cut && g->rows > 1)
        g->page = g->rows; /* so many surely fit, mostly */
    if (!g->rows || g->chunk_told == g->chunk_left) {
        g->left -= g->left == UINT64_MAX ? 0 : g->chunk_told;
        g->skip -= g->chunk_skip;
        g->base.ids.at += g->chunk;
        next_chunk(c);
        return;
    }
    ask_page(c);
}

static void ask_page(struct api_call *c) {
    struct agents_get *g = api_state(c);
    struct wazuh_error why;
    struct text t;
    uint64_t rest = g->chunk_left - g->chunk_told;
    if (g->page > rest)
        g->page = (uint32_t)rest;
    g->rows = 0;
    if (page_sql(g, &t, &why) != E_OK)
        api_call_fail(c, &why);
    else
        agents_select(c, &t, row, page_read);
}

/* ---- counting ---- */

static enum err count_row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct agents_get *g = api_state(arg);
    int64_t n = 0;
    (void)why;
    agents_row_number(d, 'a', &n);
    g->chunk_left = (uint64_t)n;
    g->has_edge = agents_row_number(d, 'b', &g->edge);
    return E_OK;
}

/* The range that was counted, in the order of the items. false: there was none any more. */
static bool take_range(struct agents_get *g) {
    bool down = g->wish.is_descending;
    if (!g->has_edge)
        return false;
    g->low = down ? g->edge : g->from + 1;
    g->high = down ? g->from - 1 : g->edge;
    g->from = g->edge;
    return true;
}

static void counted(struct api_call *c) {
    struct agents_get *g = api_state(c);
    if (g->is_ranged && !take_range(g)) {
        finish(c);
        return;
    }
    g->total += g->chunk_left;
    g->chunk_skip = g->skip < g->chunk_left ? g->skip : g->chunk_left;
    g->chunk_left -= g->chunk_skip;
    if (g->chunk_left > g->left)
        g->chunk_left = g->left;
    g->chunk_told = 0;
    g->has_last = false;
    g->page = AGENTS_PAGE;
    if (g->chunk_left && !g->no_items) {
        ask_page(c);
        return;
    }
    g->skip -= g->chunk_skip;
    g->base.ids.at += g->chunk;
    next_chunk(c);
}

/* The last id of the next RANGE rows, and how many up to there fit: a question that has to look at every row
 * holds nobody up for longer than so many take. */
static enum err count_range_sql(struct agents_get *g, struct text *t, struct wazuh_error *why) {
    bool down = g->wish.is_descending;
    char way = down ? '<' : '>';
    agents_question(&g->base, t);
    text_format(t, "global sql select (select count(*) from agent where id %c %lld and id %c= edge and ", way,
                (long long)g->from, down ? '>' : '<');
    enum err err = agents_sql_where(t, &g->wish, why);
    text_format(
        t,
        ") a,edge b from (select %s(id) edge from (select id from agent where id %c %lld order by id%s"
        " limit %u))",
        down ? "min" : "max", way, (long long)g->from, down ? " desc" : "", RANGE);
    return err;
}

static enum err count_sql(struct agents_get *g, struct text *t, struct wazuh_error *why) {
    if (g->is_ranged)
        return count_range_sql(g, t, why);
    begin_where(g, t, "count(*) a", false);
    if (g->wish.distinct) {
        text_str(t, " from (select distinct ");
        agents_sql_columns(t, g->wish.select);
    }
    enum err err = add_where(g, t, why);
    if (g->wish.distinct)
        text_char(t, ')');
    return err;
}

/* Without a list everything is one chunk, or a range is. */
static void next_chunk(struct api_call *c) {
    struct agents_get *g = api_state(c);
    struct wazuh_error why;
    struct text t;
    bool more = g->chunk == 0 || g->is_ranged;
    if (g->is_listed) {
        uint32_t rest = g->base.ids.count - g->base.ids.at;
        g->chunk = g->base.ids.count <= AGENTS_AT_ONCE ? rest : rest < AGENTS_CHUNK ? rest : AGENTS_CHUNK;
        more = rest > 0;
    } else {
        g->chunk = 1;
    }
    g->chunk_left = 0;
    g->has_edge = false;
    if (!more)
        finish(c);
    else if (count_sql(g, &t, &why) != E_OK)
        api_call_fail(c, &why);
    else
        agents_select(c, &t, count_row, counted);
}

/* ---- agents named one by one ---- */

static void found(struct api_call *c, const struct json_doc *d, uint32_t id) {
    struct agents_ids *ids = &((struct agents_get *)api_state(c))->base.ids;
    (void)d;
    ids->id[ids->kept++] = id;
}

static void found_all(struct api_call *c) {
    const struct agents_get *g = api_state(c);
    if (g->base.ids.count > AGENTS_AT_ONCE && (g->wish.has_order || g->wish.distinct))
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "This node sorts at most 1000 agents that are named one by one");
    else
        next_chunk(c);
}

static const struct agents_look named = {.more = "", .found = found, .done = found_all};

/* ---- the functions ---- */

/* Is every agent asked for? Then counting them is looking at an index. */
static bool is_everyone(struct agents_get *g) {
    struct wazuh_error why;
    struct text t;
    agents_question(&g->base, &t);
    return agents_sql_where(&t, &g->wish, &why) == E_OK &&
           (strcmp(t.buf, "1") == 0 || strcmp(t.buf, "1 and (1)") == 0);
}

static void start(struct api_call *c, const char *actions, const char *group, bool by_version) {
    struct agents_get *g = api_state(c);
    struct wazuh_error why;
    if (agents_wish_read(&g->wish, &c->request, actions, group, by_version, &why) != E_OK ||
        (g->is_listed && !agents_ids_open(&g->base.ids, c, actions, &why))) {
        api_call_fail(c, &why);
        return;
    }
    g->skip = g->wish.offset;
    g->left = g->wish.limit;
    g->is_ranged = !g->is_listed && !g->wish.has_order && !g->wish.distinct && !is_everyone(g);
    g->from = g->wish.is_descending ? (int64_t)AGENT_ID_MAX + 1 : -1;
    if (g->is_listed) {
        result_open_items(&c->result, &told);
        agents_look_up(c, &named);
        return;
    }
    if (g->is_plain) {
        struct json_write *w = result_open_plain(&c->result);
        json_open(w, '{');
        if (!g->no_items)
            json_key_open(w, "items", '[');
    } else {
        result_open_items(&c->result, &told);
    }
    next_chunk(c);
}

static struct agents_get *begin(struct api_call *c) {
    struct agents_get *g = api_state(c);
    *g = (struct agents_get){.base.may_be_cut = true};
    return g;
}

void agents_get_start(struct api_call *c) {
    struct agents_get *g = begin(c);
    g->is_listed = c->request.agents == API_AGENTS_LISTED;
    start(c, "agent:read\0", NULL, true);
}

void agents_in_group_start(struct api_call *c) {
    struct agents_get *g = begin(c);
    char ids[GROUP_NAME_BYTES + 1];
    struct wazuh_error why;
    if (group_argument(c, g->group, &why)) {
        start(c, "agent:read\0", g->group, true);
    } else if (why.code != 4000) {
        api_call_fail(c, &why);
    } else {
        text_copy(ids, GROUP_NAME_BYTES, g->group, strlen(g->group));
        ids[strlen(ids) + 1] = '\0';
        result_exception(&c->result, &why, api_node_name(c), NULL, ids);
        api_call_end(c);
    }
}

/* Real nodes ask no permission for it. */
void agents_overview_start(struct api_call *c) {
    struct agents_get *g = begin(c);
    size_t count = api_argument(&c->request, "count"), data = api_argument(&c->request, "get_data");
    g->is_plain = true;
    g->no_total = count && !api_argument_is_true(&c->request, "count");
    g->no_items = data && !g->no_total && !api_argument_is_true(&c->request, "get_data");
    start(c, "", NULL, false);
}
