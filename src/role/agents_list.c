/* agents_list.c - get_agents: the question becomes one SELECT that both stores understand, its rows become
 * the answer.
 *
 * The SELECT is text. Nothing of the asker's gets into it but numbers, and words of a closed set of
 * characters as quoted literals, so no word can end its literal. */
#include "base/json_stream.h"
#include "role/agents_local.h"
#include "role/answers.h"

#include <string.h>

#define WHERE_BYTES 2560 /* 100 ids of 8 digits, a group of 255 characters, four patterns of 128 */
#define PATTERN_BYTES 129
#define ROW_TOKENS 24u
#define TAIL_BYTES 64u    /* what follows the rows in the answer */
#define GROUPS_SHOWN 4096 /* characters of an agent's groups */

static const char states[] = "active\0disconnected\0pending\0never_connected\0";

/* ---- the question ---- */

static void add_literal(struct text *t, const char *s) {
    text_char(t, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            text_char(t, '\'');
        text_char(t, *s);
    }
    text_char(t, '\'');
}

/* No quote, no bracket and no '?' of GLOB are among these. */
static bool is_pattern(const char *s) {
    return *s && strspn(s, TEXT_WORD_CHARS "-.:/* ") == strlen(s);
}

/* A string member; E_GONE when there is none. */
static enum err read_text(const struct agents_arguments *g, const char *key, char *out, size_t cap,
                          struct error *e) {
    size_t i = agents_argument(g, key), len;
    if (!i)
        return E_GONE;
    if (json_copy_str(&g->doc, i, out, cap, &len) != E_OK)
        return error_set(e, E_VALUE, 0, "get_agents: %s is a string of at most %zu characters", key, cap - 1);
    return E_OK;
}

static enum err add_pattern(struct text *t, const struct agents_arguments *g, const char *key,
                            const char *column, const char *before, struct error *e) {
    char s[PATTERN_BYTES];
    enum err err = read_text(g, key, s, sizeof s, e);
    if (err == E_GONE)
        return E_OK;
    if (err == E_OK && !is_pattern(s))
        err = error_set(e, E_VALUE, 0, "get_agents: %s is of A-Z a-z 0-9 _ - . : / blanks and *", key);
    if (err != E_OK)
        return err;
    text_format(t, " and %s glob ", column);
    char whole[PATTERN_BYTES + 8];
    struct text w;
    text_init(&w, whole, sizeof whole);
    text_format(&w, "%s%s", before, s);
    add_literal(t, whole);
    return E_OK;
}

static enum err add_status(struct text *t, const struct agents_arguments *g, struct error *e) {
    char s[24];
    enum err err = read_text(g, "status", s, sizeof s, e);
    if (err == E_GONE)
        return E_OK;
    if (err != E_OK || text_find(states, s) < 0)
        return error_set(e, E_VALUE, 0,
                         "get_agents: status is active, disconnected, pending or never_connected");
    text_str(t, " and connection_status=");
    add_literal(t, s);
    return E_OK;
}

static enum err add_group(struct text *t, const struct agents_arguments *g, struct error *e) {
    char s[GROUP_NAME_BYTES];
    enum err err = read_text(g, "group", s, sizeof s, e);
    if (err == E_GONE)
        return E_OK;
    if (err == E_OK && !group_name_is_valid(s))
        err = error_set(e, E_VALUE, 0, "get_agents: '%.64s' is no name for a group", s);
    if (err != E_OK)
        return err;
    text_str(
        t, " and id in (select id_agent from belongs where id_group in (select id from `group` where name=");
    add_literal(t, s);
    text_str(t, "))");
    return E_OK;
}

static enum err add_ids(struct text *t, const struct agents_arguments *g, struct error *e) {
    size_t i = agents_argument(g, "ids");
    if (!i)
        return E_OK;
    const struct json_token *list = &g->doc.tokens[i];
    if (list->kind != JSON_ARRAY || list->size > AGENT_IDS_MOST)
        return error_set(e, E_VALUE, 0, "get_agents: ids is a list of at most %u", AGENT_IDS_MOST);
    text_str(t, " and id in (");
    size_t at = json_first(&g->doc, i);
    for (uint32_t k = 0; k < list->size; k++, at = g->doc.tokens[at].next) {
        int64_t id;
        if (!agents_read_id(&g->doc, at, &id))
            return error_set(e, E_VALUE, 0, "get_agents: an id is 1 to %d", AGENT_ID_MAX);
        text_format(t, "%s%lld", k ? "," : "", (long long)id);
    }
    text_char(t, ')');
    return E_OK;
}

static enum err where(struct text *t, const struct agents_arguments *g, struct error *e) {
    text_str(t, "id>0");
    enum err err = add_status(t, g, e);
    if (err == E_OK)
        err = add_pattern(t, g, "name", "name", "", e);
    if (err == E_OK)
        err = add_pattern(t, g, "ip", "coalesce(nullif(ip,''),register_ip)", "", e);
    if (err == E_OK)
        err = add_pattern(t, g, "node", "node_name", "", e);
    if (err == E_OK)
        err = add_pattern(t, g, "version", "version", "Wazuh v", e);
    if (err == E_OK)
        err = add_group(t, g, e);
    return err == E_OK ? add_ids(t, g, e) : err;
}

/* The first row is the count. One agent more than is wanted tells whether there are more. */
static enum err question(struct agents_query *q, const struct agents_arguments *g, struct error *e) {
    char filter[WHERE_BYTES];
    struct text w, t;
    uint64_t limit = 100, after = 0;
    size_t i;
    text_init(&w, filter, sizeof filter);
    enum err err = where(&w, g, e);
    if (err != E_OK)
        return err;
    if ((i = agents_argument(g, "limit")) != 0 &&
        (!json_get_uint(&g->doc, i, AGENTS_PER_PAGE, &limit) || limit == 0))
        return error_set(e, E_VALUE, 0, "get_agents: limit is 1 to %u", AGENTS_PER_PAGE);
    int64_t id = 0;
    if ((i = agents_argument(g, "after")) != 0 && !json_get_uint(&g->doc, i, AGENT_ID_MAX, &after)) {
        if (!agents_read_id(&g->doc, i, &id))
            return error_set(e, E_VALUE, 0, "get_agents: after is an id");
        after = (uint64_t)id;
    }
    q->limit = (uint32_t)limit;
    text_init(&t, q->text, sizeof q->text);
    text_format(&t,
                "global sql select count(*) t,null i,null n,null p,null s,null v,null d,null g,null k"
                " from agent where %s union all select * from (select null,id,substr(name,1,128),"
                "substr(coalesce(nullif(ip,''),register_ip),1,64),connection_status,substr(version,1,64),"
                "substr(node_name,1,128),substr(`group`,1,%d),last_keepalive"
                " from agent where %s and id>%llu order by id limit %u)",
                filter, GROUPS_SHOWN, filter, (unsigned long long)after, q->limit + 1);
    q->job.text_n = t.len;
    return t.cut || w.cut ? error_set(e, E_LIMIT, 0, "get_agents: the question is too long") : E_OK;
}

/* ---- the answer ---- */

struct page {
    const struct agents_query *q;
    struct text *out;
    struct json_write w;
    uint64_t total;
    uint32_t rows;
    bool more;
};

/* "" for a column that is NULL, or that no C string holds. */
static void copy_text(const struct json_doc *d, const char *key, char *out, size_t cap) {
    size_t i = json_find(d, 0, key), len;
    out[0] = '\0';
    if (i && json_copy_str(d, i, out, cap, &len) != E_OK)
        out[0] = '\0';
}

static void add_text(struct page *p, const struct json_doc *d, const char *key, const char *column, char *buf,
                     size_t cap) {
    copy_text(d, column, buf, cap);
    json_key_str(&p->w, key, buf);
}

static void add_groups(struct page *p, const struct json_doc *d, char *buf, size_t cap) {
    copy_text(d, "g", buf, cap);
    json_key_list(&p->w, "groups", buf);
}

static void add_agent(struct page *p, const struct json_doc *d, uint64_t id) {
    char buf[GROUPS_SHOWN + 1]; /* the only long one on this stack */
    uint64_t keepalive = 0;
    struct text t;
    size_t k = json_find(d, 0, "k");
    json_open(&p->w, '{');
    text_init(&t, buf, sizeof buf);
    text_format(&t, "%03llu", (unsigned long long)id);
    json_key_str(&p->w, "id", buf);
    add_text(p, d, "name", "n", buf, sizeof buf);
    add_text(p, d, "ip", "p", buf, sizeof buf);
    add_text(p, d, "status", "s", buf, sizeof buf);
    add_text(p, d, "version", "v", buf, sizeof buf);
    add_text(p, d, "node", "d", buf, sizeof buf);
    add_groups(p, d, buf, sizeof buf);
    if (k)
        json_get_uint(d, k, INT64_MAX, &keepalive);
    json_key_uint(&p->w, "last_keepalive", keepalive);
    json_close(&p->w, '}');
}

/* An agent that does not fit any more is taken back: it begins the next page. */
static enum err row(void *arg, unsigned depth, const char *key, const char *json, size_t n, struct error *e) {
    struct page *p = arg;
    struct json_token tokens[ROW_TOKENS];
    struct json_doc d;
    uint64_t id;
    size_t i;
    (void)depth;
    (void)key;
    enum err err = json_parse(&d, json, n, tokens, ROW_TOKENS, e);
    if (err != E_OK)
        return err;
    if ((i = json_find(&d, 0, "t")) != 0 && json_get_uint(&d, i, INT64_MAX, &p->total))
        return E_OK;
    if ((i = json_find(&d, 0, "i")) == 0 || !json_get_uint(&d, i, AGENT_ID_MAX, &id))
        return error_set(e, E_VALUE, 0, "a row without an id");
    p->more |= p->rows >= p->q->limit;
    if (p->more)
        return E_OK;
    struct json_write before = p->w;
    size_t len = p->out->len;
    add_agent(p, &d, id);
    p->rows++;
    if (p->out->cut) {
        p->w = before;
        p->out->len = len;
        p->out->buf[len] = '\0';
        p->out->cut = false;
        p->more = true;
    }
    return E_OK;
}

static enum json_want want(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    (void)arg;
    (void)key;
    return depth == 0 && kind == JSON_ARRAY    ? JSON_ENTER
           : depth == 1 && kind == JSON_OBJECT ? JSON_KEEP
                                               : JSON_SKIP;
}

static enum err too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    (void)arg;
    (void)depth;
    (void)key;
    (void)e;
    return E_OK;
}

/* wazuh-db cuts what is longer than 64 KB (wdb_parser.c, global sql): the rows before the cut are good. */
static enum err read_rows(struct page *p, struct agents_service *a, const char *text, size_t n,
                          struct error *e) {
    static const struct json_stream_events events = {.value = want, .kept = row, .too_long = too_long};
    struct json_stream s;
    json_stream_init(&s, &events, p, a->row, sizeof a->row);
    enum err err = json_stream_push(&s, text, n, e);
    if (err == E_OK)
        err = json_stream_finish(&s, e);
    if (err == E_TRUNCATED && p->rows > 0) {
        p->more = true;
        err = E_OK;
    }
    return err;
}

static void send_page(struct agents_query *q, const char *text, size_t n) {
    struct role_env *env = q->env;
    struct text t;
    struct error e;
    struct page p = {.q = q, .out = &t};
    text_init(&t, env->answer, sizeof env->answer - TAIL_BYTES);
    json_write_init(&p.w, &t);
    json_open(&p.w, '{');
    json_key_open(&p.w, "agents", '[');
    if (read_rows(&p, q->service, text, n, &e) != E_OK) {
        error_prefix(&e, "the agent store's answer");
        agents_refuse(q->session, q->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    t.cap += TAIL_BYTES;
    json_close(&p.w, ']');
    json_key_bool(&p.w, "more", p.more);
    json_key_uint(&p.w, "total", p.total);
    json_close(&p.w, '}');
    answer_send(env, q->session, q->counter, &t);
}

static void answer(void *arg, struct store_job *j) {
    struct agents_query *q = arg;
    struct error e;
    if (j->err != E_OK) {
        agents_refuse(q->session, q->counter, WAZUH_INTERNAL_ERROR, 1000, j->why.what);
    } else if (j->reply_n < 3 || memcmp(j->reply, "ok ", 3) != 0) {
        error_set(&e, E_PEER, 0, "the agent store answers: %.*s", (int)(j->reply_n < 150 ? j->reply_n : 150),
                  j->reply);
        agents_refuse(q->session, q->counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
    } else {
        send_page(q, j->reply + 3, j->reply_n - 3);
    }
    q->session = NULL;
    if (q->answered)
        q->answered(q->arg);
}

void agents_list(struct agents_service *a, struct role_env *env, struct session *s,
                 const struct agents_arguments *g, uint32_t counter, void (*answered)(void *arg), void *arg) {
    struct agents_query *q = a->query;
    struct error e;
    while (q < a->query + AGENT_QUERIES && q->session)
        q++;
    if (q == a->query + AGENT_QUERIES) {
        agents_refuse(s, counter, WAZUH_CLUSTER_ERROR, 3000, "too many lists at once: ask again");
        return;
    }
    if (question(q, g, &e) != E_OK) {
        agents_refuse(s, counter, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    q->session = s;
    q->service = a;
    q->env = env;
    q->counter = counter;
    q->answered = answered;
    q->arg = arg;
    q->job.work = STORE_TEXT;
    q->job.blob = NULL;
    q->job.text = q->text;
    q->job.done = answer;
    q->job.arg = q;
    store_submit(a->store, &q->job);
}
