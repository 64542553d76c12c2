/* wdb_global.c - wazuh-db's text commands on the embedded store: which there are, what every one of them has
 * in common. One command is one transaction. Replies and errors read as those of wazuh-db 4.14.7, whose
 * clients compare some of them. */
#include "src/store/wdb_global_parts.h"

#include <stdarg.h>
#include <string.h>

#define STATUS_BYTES 4 /* "due ": written last */

static const struct {
    char name[32];
    bool needs; /* arguments */
    wdb_command *run;
} commands[] = {
    {"sql", true, wdb_sql},                             /* a SELECT */
    {"insert-agent", true, wdb_insert_agent},           /* {"id", "name", "date_add", ["ip", ...]} */
    {"update-agent-name", true, wdb_update_agent_name}, /* {"id", "name"} */
    {"update-agent-data", true, wdb_update_agent_data}, /* {"id", ...} */
    {"update-keepalive", true, wdb_update_keepalive},   /* {"id", "connection_status", "sync_status"} */
    {"update-connection-status", true, wdb_update_connection_status}, /* the same, and "status_code" */
    {"update-status-code", true, wdb_update_status_code}, /* {"id", "status_code", "sync_status"} */
    {"delete-agent", true, wdb_delete_agent},             /* id */
    {"set-labels", true, wdb_set_labels},                 /* id key:value\nkey:value: up to 4.2 */
    {"get-labels", true, wdb_get_labels},                 /* id */
    {"select-agent-name", true, wdb_select_agent_name},   /* id */
    {"select-agent-group", true, wdb_select_agent_group}, /* id */
    {"find-agent", true, wdb_find_agent},                 /* {"name", "ip"} */
    {"get-agent-info", true, wdb_get_agent_info},         /* id */
    {"get-all-agents", true, wdb_get_all_agents},         /* last_id N | context */
    {"get-agents-by-connection-status", true,
     wdb_get_agents_by_connection_status},                          /* id status [node limit] */
    {"disconnect-agents", true, wdb_disconnect_agents},             /* last id, keepalive, sync_status */
    {"reset-agents-connection", true, wdb_reset_agents_connection}, /* sync_status */
    {"insert-agent-group", true, wdb_insert_agent_group},           /* name */
    {"delete-group", true, wdb_delete_group},                       /* name */
    {"find-group", true, wdb_find_group},                           /* name */
    {"select-groups", false, wdb_select_groups},
    {"select-group-belong", true, wdb_select_group_belong},   /* id */
    {"get-group-agents", true, wdb_get_group_agents},         /* name last_id N */
    {"set-agent-groups", true, wdb_set_agent_groups},         /* {"mode", ["sync_status",] "data": [...]} */
    {"get-groups-integrity", true, wdb_get_groups_integrity}, /* global hash */
    {"get-distinct-groups", false, wdb_get_distinct_groups},  /* [last hash] */
    {"recalculate-agent-group-hashes", false, wdb_recalculate},
    {"sync-agent-info-get", false, wdb_sync_agent_info_get},    /* [last_id N] */
    {"sync-agent-info-set", true, wdb_sync_agent_info_set},     /* [{agent}, ...] */
    {"sync-agent-groups-get", true, wdb_sync_agent_groups_get}, /* {[condition, last_id, ...]} */
};

/* What a real wazuh-db answers besides, and for whom. */
static const char other_commands[] = "backup\0vacuum\0get_fragmentation\0sleep\0";
static const char other_actors[] = "agent\0wazuhdb\0mitre\0task\0";

void wdb_global_init(struct wdb_global *w, struct agents *agents, struct store_texts *texts,
                     struct log *log) {
    *w = (struct wdb_global){.agents = agents, .texts = texts, .log = log};
}

/* ---- replies ---- */

static void restart(struct text *t) {
    text_init(t, t->buf, t->cap);
}

enum err wdb_refuse(struct wdb_call *c, const char *format, ...) {
    va_list args;
    restart(c->reply);
    text_str(c->reply, "err ");
    va_start(args, format);
    text_vformat(c->reply, format, args);
    va_end(args);
    return E_VALUE;
}

enum err wdb_ok(struct wdb_call *c) {
    restart(c->reply);
    text_str(c->reply, "ok");
    return E_OK;
}

void wdb_page_begin(struct wdb_call *c, struct page *p, const char *head, size_t tail) {
    restart(c->reply);
    text_str(c->reply, "due ");
    page_begin(p, c->reply, head, WDB_REPLY_MOST, tail);
}

enum err wdb_page_end(struct wdb_call *c, const char *tail, bool more) {
    struct text *t = c->reply;
    text_str(t, tail);
    if (!more) {
        memmove(t->buf + STATUS_BYTES - 1, t->buf + STATUS_BYTES, t->len - STATUS_BYTES + 1);
        memcpy(t->buf, "ok ", STATUS_BYTES - 1);
        t->len--;
    }
    return E_OK;
}

enum err wdb_rows(struct wdb_call *c, struct sqlite3_stmt *q) {
    bool row, first = true;
    enum err r;
    restart(c->reply);
    text_str(c->reply, "ok [");
    while ((r = db_step(c->agents->db, q, &row, &c->e)) == E_OK && row && !c->reply->cut) {
        text_str(c->reply, first ? "" : ",");
        compact_row(c->reply, q);
        first = false;
    }
    text_char(c->reply, ']');
    if (r != E_OK)
        restart(c->reply);
    return r;
}

/* ---- arguments ---- */

enum err wdb_json(struct wdb_call *c) {
    struct store_texts *t = c->w->texts;
    if (json_parse(&c->doc, c->args, c->args_n, t->tokens, STRING_TOKENS, &c->e) != E_OK)
        return wdb_refuse(c, "Invalid JSON syntax, near '%s'", c->near);
    return E_OK;
}

enum err wdb_bad_data(struct wdb_call *c) {
    return wdb_refuse(c, "Invalid JSON %s, near '%s'", c->bad ? "syntax" : "data", c->near);
}

/* Texts stay where they are, a NUL in the place of their quote; those with escapes go to where the reply will
 * be, which is as long as the command at least. */
const char *wdb_str(struct wdb_call *c, const char *key) {
    size_t i = json_find(&c->doc, 0, key), n;
    if (i == 0 || c->doc.tokens[i].kind != JSON_STRING)
        return NULL;
    char *s = c->args + c->doc.tokens[i].start, *to = c->reply->buf + c->used;
    n = c->doc.tokens[i].end - c->doc.tokens[i].start;
    if (!memchr(s, '\\', n)) {
        s[n] = '\0';
        return s;
    }
    if (json_copy_str(&c->doc, i, to, c->reply->cap - c->used, &n) != E_OK) {
        c->bad = true;
        return NULL;
    }
    c->used += n + 1;
    return to;
}

int64_t wdb_number(const char *s) {
    int64_t v = 0;
    bool minus = *s == '-';
    for (s += minus || *s == '+'; *s >= '0' && *s <= '9'; s++)
        if (v <= INT32_MAX)
            v = v * 10 + (*s - '0');
    v = minus ? -v : v;
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
}

bool wdb_int(struct wdb_call *c, const char *key, int64_t *out) {
    size_t i = json_find(&c->doc, 0, key);
    if (i == 0 || c->doc.tokens[i].kind != JSON_NUMBER)
        return false;
    *out = wdb_number(c->doc.text + c->doc.tokens[i].start); /* ends at what is no digit */
    return true;
}

char *wdb_word(struct wdb_call *c) {
    char *word = c->args + strspn(c->args, " ");
    if (!*word)
        return NULL;
    c->args = word + strcspn(word, " ");
    if (*c->args)
        *c->args++ = '\0';
    return word;
}

/* ---- one command ---- */

/* SQLite's words, without the file they were said of. */
static const char *reason(const struct error *e) {
    static const char file[] = DB_PATH ": ";
    return strncmp(e->what, file, sizeof file - 1) ? e->what : e->what + sizeof file - 1;
}

static void run(struct wdb_call *c, wdb_command *command) {
    bool own;
    c->reply->buf[0] = '\0';
    c->reply->len = 0;
    enum err r = agents_begin(c->agents, &own, &c->e);
    if (r == E_OK)
        r = command(c);
    bool said = r != E_OK && c->reply->len > 0;
    if (agents_end(c->agents, own, r, &c->e) != E_OK && !said)
        wdb_refuse(c, "Cannot execute Global database query; %s", reason(&c->e));
}

static void find_command(struct wdb_call *c, const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (commands[i].needs && !c->args)
            break;
        run(c, commands[i].run);
        return;
    }
    if (text_find(other_commands, name) >= 0)
        wdb_refuse(c, "'%s' is not served by this node", name);
    else
        wdb_refuse(c, "Invalid DB query syntax, near '%.32s'", name);
}

/* Ends the word at s; what follows it, or NULL. */
static char *cut_word(char *s) {
    char *blank = strchr(s, ' ');
    if (blank)
        *blank++ = '\0';
    return blank;
}

static void answer(struct wdb_call *c, char *command) {
    command += strspn(command, " \n");
    char *name = cut_word(command);
    if (!name) {
        wdb_refuse(c, "Invalid DB query syntax, near '%.32s'", command);
    } else if (strcmp(command, "global") == 0) {
        c->args = cut_word(name);
        c->args_n = c->args ? strlen(c->args) : 0;
        text_copy(c->near, sizeof c->near, c->args ? c->args : "", c->args_n < 32 ? c->args_n : 32);
        find_command(c, name);
    } else if (text_find(other_actors, command) >= 0) {
        wdb_refuse(c, "Databases of '%s' are not served by this node", command);
    } else {
        wdb_refuse(c, "Invalid DB query actor: '%.32s'", command);
    }
}

void wdb_global(struct wdb_global *w, char *command, size_t n, struct text *reply) {
    struct wdb_call c = {.w = w, .agents = w->agents, .reply = reply};
    text_init(reply, reply->buf, reply->cap);
    command[n] = '\0';
    answer(&c, command);
    bool refused = strncmp(reply->buf, "err", 3) == 0;
    w->locked = refused && c.e.code == E_AGAIN;
    w->refused += refused;
    w->served += !refused;
    if (refused)
        log_line(w->log, LOG_DEBUG2, "Database", "Commands", "%.200s", reply->buf);
}
