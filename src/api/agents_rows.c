/* agents_rows.c - rows of table agent, as the stores answer them, made the API's items: ids of three digits,
 * dates, groups as a list, os as an object of its own (format_fields and plain_dict_to_nested_dict
 * of 4.14.7). A row is read where it lies in the store's reply. */
#include "api/agents_parts.h"
#include "base/json_scan.h"

#include <string.h>

#define TEXT_BYTES 4096u         /* one text of a row; groups are taken name by name */
#define LAST_SECOND 253402300799 /* of the year 9999 */

/* ---- rows of a reply ---- */

static void show(struct wazuh_error *why, int code, const char *text, size_t n) {
    char words[WAZUH_EXTRA_BYTES];
    text_copy(words, sizeof words, text, n < sizeof words ? n : sizeof words - 1);
    wazuh_error_set(why, WAZUH_ERROR, code, words);
}

enum err agents_rows(const char *reply, size_t n, bool *cut,
                     enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why), void *arg,
                     struct wazuh_error *why) {
    struct json_token tokens[AGENT_ROW_TOKENS];
    struct json_doc d;
    struct json_scan s;
    enum json_part part;
    const char *begin = NULL;
    enum err err = E_OK;
    *cut = false;
    if (n < 4 || memcmp(reply, "ok [", 4) != 0) {
        bool said = n > 4 && memcmp(reply, "err ", 4) == 0;
        show(why, said ? 2003 : 2006, reply + (said ? 4 : 0), n - (said ? 4 : 0));
        return E_PEER;
    }
    json_scan_init(&s, 1);
    json_scan_piece(&s, reply + 3, n - 3);
    while (err == E_OK && (part = json_scan_next(&s)) != JSON_PART_NONE && part != JSON_PART_WRONG) {
        if (part == JSON_PART_BEGIN && s.depth == 2)
            begin = s.at - 1;
        if (part != JSON_PART_END || s.depth != 1 || !begin)
            continue;
        if (json_parse(&d, begin, (size_t)(s.at - begin), tokens, AGENT_ROW_TOKENS, NULL) != E_OK) {
            show(why, 2006, begin, (size_t)(s.at - begin));
            return E_PEER;
        }
        err = row(arg, &d, why);
        begin = NULL;
    }
    if (err != E_OK)
        return err;
    const char *wrong = s.wrong;
    *cut = json_scan_finish(&s) != NULL;
    if (wrong && n < (64u << 10) - 1) { /* what is cut at 64 KB may end within a character */
        show(why, 2006, wrong, strlen(wrong));
        return E_PEER;
    }
    return E_OK;
}

void agents_ask(struct api_call *c, struct store_job *j, const struct text *t,
                void (*done)(void *arg, struct store_job *j)) {
    j->work = STORE_TEXT;
    j->blob = NULL;
    j->text = t->buf;
    j->text_n = t->len;
    j->done = done;
    j->arg = c;
    store_submit(c->env->role->agents_env.store, j);
}

enum err agents_answered(struct api_call *c, const struct store_job *j, bool *cut,
                         enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why),
                         struct wazuh_error *why) {
    if (j->err == E_OK)
        return agents_rows(j->reply, j->reply_n, cut, row, c, why);
    wazuh_error_set(why, WAZUH_INTERNAL_ERROR, c->env->role->agents_env.store->down ? 2005 : 2007,
                    j->why.what);
    return j->err;
}

static void answered(void *arg, struct store_job *j) {
    struct api_call *c = arg;
    struct agents_state *s = api_state(c);
    struct wazuh_error why;
    if (agents_answered(c, j, &s->was_cut, s->row, &why) != E_OK)
        api_call_fail(c, &why);
    else if (s->was_cut && !s->may_be_cut)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 2009, NULL);
    else
        s->done(c);
}

void agents_select(struct api_call *c, const struct text *t,
                   enum err (*row)(void *arg, const struct json_doc *d, struct wazuh_error *why),
                   void (*done)(struct api_call *c)) {
    struct agents_state *s = api_state(c);
    s->row = row;
    s->done = done;
    if (t->cut)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "The question is too long for the agent store");
    else
        agents_ask(c, &s->job, t, answered);
}

static size_t member(const struct json_doc *d, char name) {
    const char key[] = {name, '\0'};
    return json_find(d, 0, key);
}

bool agents_row_number(const struct json_doc *d, char name, int64_t *out) {
    size_t i = member(d, name);
    uint64_t v;
    bool good = i && json_get_uint(d, i, INT64_MAX, &v);
    if (good)
        *out = (int64_t)v;
    return good;
}

/* ---- items ---- */

const char *agents_id_words(char out[AGENT_ID_BYTES], uint32_t id) {
    struct text t;
    text_init(&t, out, AGENT_ID_BYTES);
    text_format(&t, "%03u", (unsigned)id);
    return out;
}

/* Seconds since 1970 as {"__wazuh_datetime__": "2026-11-20T10:31:47+00:00"}. Days to a date: years that
 * begin in March have their leap day at the end, and 400 of them always the same number of days. */
static void add_date(struct json_write *w, int64_t seconds) {
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    int64_t day = seconds / 86400 + 719468, era = day / 146097, of_era = day % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1, second = seconds % 86400;
    char words[40];
    struct text t;
    text_init(&t, words, sizeof words);
    text_format(&t, "%04d-%02d-%02dT%02d:%02d:%02d+00:00", (int)(year + era * 400 + (month >= 10)),
                (int)(month < 10 ? month + 3 : month - 9), (int)of_month, (int)(second / 3600),
                (int)(second / 60 % 60), (int)(second % 60));
    json_open(w, '{');
    json_key_str(w, "__wazuh_datetime__", words);
    json_close(w, '}');
}

/* "a,b" as ["a", "b"], from the text as it stands in the row. */
static enum err add_groups(struct json_write *w, const struct json_doc *d, size_t i) {
    const char *s = d->text + d->tokens[i].start, *end = d->text + d->tokens[i].end;
    char name[GROUP_NAME_BYTES];
    size_t n;
    json_open(w, '[');
    for (;;) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        if (json_unescape(s, (size_t)((comma ? comma : end) - s), name, sizeof name, &n) != E_OK)
            return E_LIMIT;
        json_str_n(w, name, n);
        if (!comma)
            break;
        s = comma + 1;
    }
    json_close(w, ']');
    return E_OK;
}

static enum err add_value(struct json_write *w, const struct json_doc *d, size_t i, size_t field) {
    const struct json_token *token = &d->tokens[i];
    char value[TEXT_BYTES]; /* the only long one on this stack */
    uint64_t number = 0;
    size_t n;
    bool is_number = token->kind == JSON_NUMBER && json_get_uint(d, i, INT64_MAX, &number);
    if (field == AGENT_ID && is_number) {
        json_str(w, agents_id_words(value, (uint32_t)number));
    } else if (field == AGENT_GROUP && token->kind == JSON_STRING) {
        return add_groups(w, d, i);
    } else if (is_number && (field == AGENT_DATE_ADD || field == AGENT_LAST_KEEPALIVE ||
                             field == AGENT_DISCONNECTION_TIME)) {
        add_date(w, (int64_t)number);
    } else if (token->kind == JSON_STRING) {
        if (json_copy_str(d, i, value, sizeof value, &n) != E_OK)
            return E_LIMIT;
        json_str_n(w, value, n);
    } else {
        json_raw(w, d->text + token->start, token->end - token->start);
    }
    return E_OK;
}

/* Is it told? What is NULL is not in the row; "(null)" is how some stores spell that; 0 is no time. */
static bool is_told(const struct json_doc *d, size_t i, size_t field) {
    const char *s = d->text + d->tokens[i].start;
    size_t n = d->tokens[i].end - d->tokens[i].start;
    if (n == 6 && memcmp(s, "(null)", 6) == 0)
        return false;
    return field != AGENT_DISCONNECTION_TIME || n != 1 || *s != '0';
}

/* at[field]: the value's token, 0 when it is not told. The members are looked through once, not once for each
 * field: an answer may have 20,000 rows. Who wrote them names them with one letter, unescaped. */
static void find_values(const struct json_doc *d, uint32_t select, size_t at[AGENT_FIELDS]) {
    memset(at, 0, AGENT_FIELDS * sizeof *at);
    size_t end = d->tokens[0].kind == JSON_OBJECT ? d->tokens[0].next : 0;
    for (size_t i = 1; i < end; i = d->tokens[i].next) {
        size_t field = (size_t)(unsigned char)d->text[d->tokens[i].start] - 'a';
        if (d->tokens[i].end - d->tokens[i].start == 1 && field < AGENT_FIELDS && select & 1u << field)
            at[field] = is_told(d, i + 1, field) ? i + 1 : 0;
    }
}

static enum err add_fields(struct json_write *w, const struct json_doc *d, const size_t at[AGENT_FIELDS],
                           size_t first, size_t end, size_t prefix) {
    const char *name = agent_field_name(first);
    enum err err = E_OK;
    for (size_t f = first; f < end && err == E_OK; f++, name = text_item(name, 2)) /* over its column, too */
        if (at[f]) {
            json_key(w, name + prefix);
            err = add_value(w, d, at[f], f);
        }
    return err;
}

enum err agents_item(struct json_write *w, const struct json_doc *d, uint32_t select) {
    size_t at[AGENT_FIELDS];
    bool has_os = false;
    enum err err = E_OK;
    find_values(d, select, at);
    for (size_t f = AGENT_OS_FIRST; f <= AGENT_OS_LAST; f++)
        has_os = has_os || at[f];
    json_open(w, '{');
    if (has_os) {
        json_key_open(w, "os", '{');
        err = add_fields(w, d, at, AGENT_OS_FIRST, AGENT_OS_LAST + 1, sizeof "os." - 1);
        json_close(w, '}');
    }
    if (err == E_OK)
        err = add_fields(w, d, at, 0, AGENT_OS_FIRST, 0);
    if (err == E_OK)
        err = add_fields(w, d, at, AGENT_OS_LAST + 1, AGENT_FIELDS, 0);
    json_close(w, '}');
    return err;
}
