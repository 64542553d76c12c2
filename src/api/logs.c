/* logs.c - wazuh.manager.ossec_log and ossec_log_summary: what the daemons of this node wrote into
 * logs/ossec.log, or logs/ossec.json where there is no ossec.log. A real node asks wazuh-execd which of the
 * two is written; here the file that is there decides, so that logs can be read when execd is down.
 *
 * The last lines are found from the end of the file (logs_tail.c), go through base/listing.c, and out as
 * items. Everything is in one window of the pool; each step of the loop does a bounded part. */
#include "api/logs_parts.h"
#include "api/manager_parts.h"
#include "api/wish.h"

#include "base/bytes.h"

#include <string.h>

#define SUMMARY_TAGS (LOG_LINES * 9u / 20u)
#define TAG_BYTES_MOST 64u
#define ITEMS_STEP 200u /* items written in one step */
#define LOG_ITEMS_BYTES (LOG_LINES * LISTING_ITEM_BYTES)

static const struct result_kind told_logs = {
    .all_msg = "Logs were successfully read in specified node",
    .some_msg = "Could not read logs in some nodes",
    .none_msg = "Could not read logs in specified node",
};
static const struct result_kind told_summary = {
    .all_msg = "Log was successfully summarized in specified node",
    .some_msg = "Could not summarize the log in some nodes",
    .none_msg = "Could not summarize the log in specified node",
};

static const char levels[] = "info\0error\0critical\0warning\0debug\0";
#define LEVELS 5u

struct tag_count {
    char tag[TAG_BYTES_MOST];
    uint32_t all, level[LEVELS];
};

/* In a window while a call runs. */
struct logs_work {
    struct log_tail tail;
    bool is_json;
    char room[LOG_LINE_BYTES];
    union {
        struct {
            struct listing_wish wish;
            struct listing listing;
            struct blob items;
            char item[LISTING_ITEM_BYTES]; /* being made */
            struct listing_place places[LOG_LINES];
        } list;
        struct {
            uint32_t count;
            uint16_t order[SUMMARY_TAGS]; /* by tag */
            struct tag_count tags[SUMMARY_TAGS];
        } sum;
    };
};
_Static_assert(sizeof(struct logs_work) <= BODY_WINDOW_BYTES, "a window holds the reading of a log");

struct logs_call {
    struct logs_work *work;
    bool lists; /* ossec_log, and items must be given back */
};
_Static_assert(sizeof(struct logs_call) <= API_STATE_BYTES, "the state of a call");

static void close_logs(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct role_env *env = c->env->role;
    if (!s->work)
        return;
    if (s->work->tail.fd >= 0)
        env->sys->close(env->sys, s->work->tail.fd);
    if (s->lists)
        blob_reset(&s->work->list.items);
    pool_give(env->shared.windows, s->work);
    s->work = NULL;
}

/* Opens the log that is there. false: the call has ended. */
static bool open_log(struct api_call *c) {
    static const char paths[] = "logs/ossec.log\0logs/ossec.json\0";
    struct logs_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    struct sys_stat st;
    struct error e;
    int fd = -ENOENT;
    for (size_t i = 0; i < 2 && fd == -ENOENT; i++) {
        fd = sys->openat(sys, c->env->role->root, text_item(paths, i), O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
        s->work->is_json = i == 1;
    }
    if (fd == -ENOENT) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1020, NULL);
        return false;
    }
    s->work->tail.fd = fd;
    int r = fd < 0 ? fd : sys->fstat(sys, fd, &st);
    if (r >= 0 && !sys_is_file(&st))
        r = -EISDIR;
    if (r < 0) {
        error_os(&e, r, "%s", text_item(paths, s->work->is_json));
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return false;
    }
    log_tail_init(&s->work->tail, sys, fd, st.size);
    return true;
}

static bool begin(struct api_call *c, bool lists) {
    struct logs_call *s = api_state(c);
    struct session_shared *shared = &c->env->role->shared;
    s->work = pool_take(shared->windows);
    s->lists = lists;
    if (!s->work) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "this node has no room for reading a log at present");
        return false;
    }
    s->work->tail.fd = -1;
    if (lists)
        blob_init(&s->work->list.items, NULL, 0, shared->windows, shared->spill, LOG_ITEMS_BYTES);
    return true;
}

/* ---- ossec_log ---- */

/* Too long a description is cut, so that the entry is there at least. */
static enum err add_entry(void *arg, char *text, size_t n, struct error *e) {
    struct logs_work *k = arg;
    struct log_entry entry;
    struct text t;
    struct json_write w;
    if (!log_line_read(text, n, k->is_json, k->room, &entry))
        return E_OK;
    for (;; entry.description_n /= 2) {
        text_init(&t, k->list.item, sizeof k->list.item);
        json_write_init(&w, &t);
        json_open(&w, '{');
        json_key_str(&w, "timestamp", entry.timestamp);
        json_key(&w, "tag");
        json_str_n(&w, entry.tag, min_size(entry.tag_n, TAG_BYTES_MOST * 4));
        json_key_str(&w, "level", entry.level);
        json_key(&w, "description");
        json_str_n(&w, entry.description, entry.description_n);
        json_close(&w, '}');
        if (!t.cut || !entry.description_n)
            return listing_add(&k->list.listing, k->list.item, t.len, e);
    }
}

static void write_page(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct listing *l = &s->work->list.listing;
    struct error e = {.code = E_OK};
    const char *json;
    size_t n;
    for (uint32_t k = 0; k < ITEMS_STEP; k++) {
        if (!listing_next(l, &json, &n, &e)) {
            if (e.code != E_OK) {
                api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
                return;
            }
            result_close_items(&c->result, l->total, NULL);
            api_call_end(c);
            return;
        }
        result_item_raw(&c->result, json, n);
    }
    api_call_step(c, write_page);
}

static void sort_logs(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct error e;
    switch (listing_sort(&s->work->list.listing, &e)) {
    case STEP_DONE:
        result_open_items(&c->result, &told_logs);
        api_call_step(c, write_page);
        return;
    case STEP_FAILED:
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    default:
        api_call_step(c, sort_logs);
    }
}

static void read_logs(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct error e;
    switch (log_tail_step(&s->work->tail, add_entry, s->work, &e)) {
    case STEP_DONE:
        api_call_step(c, sort_logs);
        return;
    case STEP_FAILED:
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    default:
        api_call_step(c, read_logs);
    }
}

/* level and tag are terms of the query, before that of the request (4.14.7, manager.py). */
static bool read_terms(struct api_call *c, struct text *t, struct wazuh_error *why) {
    static const char keys[] = "level\0tag\0";
    char value[256];
    for (size_t i = 0; i < 2; i++) {
        const char *key = text_item(keys, i);
        enum err err = api_argument_text(&c->request, key, value, sizeof value, why);
        if (err != E_OK && err != E_GONE)
            return false;
        if (err == E_OK && value[0])
            text_format(t, "%s%s=%s", t->len ? ";" : "", key, value);
    }
    return true;
}

static void ossec_log(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct wazuh_error why;
    struct error e;
    struct text t;
    char before[600];
    int code;
    text_init(&t, before, sizeof before);
    if (!begin(c, true))
        return;
    struct logs_work *k = s->work;
    if (!read_terms(c, &t, &why) || wish_read(&c->request, before, &k->list.wish, &why) != E_OK) {
        api_call_fail(c, &why);
        return;
    }
    if (listing_begin(&k->list.listing, &k->list.wish, &k->list.items, k->list.places, LOG_LINES,
                      "timestamp\0tag\0level\0description\0", &code, &e) != E_OK) {
        wish_refused(&why, code, &e);
        api_call_fail(c, &why);
        return;
    }
    if (open_log(c))
        read_logs(c);
}

/* ---- ossec_log_summary ---- */

/* The place of a tag in the order, or where it belongs. */
static uint32_t place_of(const struct logs_work *k, const char *tag, bool *found) {
    uint32_t low = 0, high = k->sum.count;
    *found = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int r = strcmp(k->sum.tags[k->sum.order[middle]].tag, tag);
        if (r == 0) {
            *found = true;
            return middle;
        }
        if (r < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum err count_entry(void *arg, char *text, size_t n, struct error *e) {
    struct logs_work *k = arg;
    struct log_entry entry;
    char tag[TAG_BYTES_MOST];
    bool found;
    (void)e;
    if (!log_line_read(text, n, k->is_json, k->room, &entry) ||
        !text_copy(tag, sizeof tag, entry.tag, min_size(entry.tag_n, sizeof tag - 1)))
        return E_OK;
    ptrdiff_t level = text_find(levels, entry.level);
    uint32_t place = place_of(k, tag, &found);
    if (!found) {
        if (k->sum.count == SUMMARY_TAGS)
            return E_OK;
        memmove(&k->sum.order[place + 1], &k->sum.order[place],
                (k->sum.count - place) * sizeof k->sum.order[0]);
        struct tag_count *fresh = &k->sum.tags[k->sum.count];
        *fresh = (struct tag_count){0};
        memcpy(fresh->tag, tag, sizeof tag);
        k->sum.order[place] = (uint16_t)k->sum.count++;
    }
    struct tag_count *t = &k->sum.tags[k->sum.order[place]];
    t->all++;
    if (level >= 0)
        t->level[level]++;
    return E_OK;
}

static void tell_summary(struct api_call *c) {
    struct logs_call *s = api_state(c);
    result_open_items(&c->result, &told_summary);
    for (uint32_t i = 0; i < s->work->sum.count; i++) {
        const struct tag_count *t = &s->work->sum.tags[s->work->sum.order[i]];
        struct json_write *w = result_item(&c->result);
        json_open(w, '{');
        json_key_open(w, t->tag, '{');
        json_key_uint(w, "all", t->all);
        for (size_t k = 0; k < LEVELS; k++)
            json_key_uint(w, text_item(levels, k), t->level[k]);
        json_close(w, '}');
        json_close(w, '}');
        result_item_end(&c->result);
    }
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static void read_summary(struct api_call *c) {
    struct logs_call *s = api_state(c);
    struct error e;
    switch (log_tail_step(&s->work->tail, count_entry, s->work, &e)) {
    case STEP_DONE:
        tell_summary(c);
        return;
    case STEP_FAILED:
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    default:
        api_call_step(c, read_summary);
    }
}

static void ossec_log_summary(struct api_call *c) {
    struct logs_call *s = api_state(c);
    if (!begin(c, false))
        return;
    s->work->sum.count = 0;
    if (open_log(c))
        read_summary(c);
}

/* ---- the table ---- */

static const struct api_function functions[] = {
    {.name = "wazuh.manager.ossec_log",
     .arguments = "level\0tag\0offset\0limit\0sort_by\0sort_ascending\0search_text\0complementary_search\0"
                  "search_in_fields\0q\0select\0distinct\0",
     .actions = "cluster:read\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_logs,
     .start = ossec_log,
     .cancel = close_logs},
    {.name = "wazuh.manager.ossec_log_summary",
     .arguments = "",
     .actions = "cluster:read\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_summary,
     .start = ossec_log_summary,
     .cancel = close_logs},
};
const struct api_table api_log_functions = {functions, sizeof functions / sizeof *functions};
