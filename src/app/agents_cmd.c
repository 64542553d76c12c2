/* app/agents_cmd.c - the questions of `picket agents` and the lines made of the answers. The node does all
 * the work (role/agents_local.h); a list comes in pages, each printed before the next is asked for.
 *
 * What an answer says comes from agents and files: only plain ASCII reaches the terminal. */
#include "app/agents_cmd.h"

#include "app/console.h"
#include "app/visit.h"
#include "app/words.h"
#include "base/json_write.h"

#include <string.h>

#define PAGE 100u /* agents asked for at once */
#define QUESTION_BYTES 3072
#define LINE_BYTES 84 /* 80 columns, the line break, the NUL */

/* ---- asking ---- */

static enum err ask(struct visit *v, const char *command, const struct text *question, uint32_t wait_ms) {
    if (question->cut)
        return error_set(&v->e, E_LIMIT, 0, "%s: the question is too long", command);
    return visit_ask(v, command, question->buf, wait_ms);
}

static void question_begin(struct text *t, struct json_write *w, char buf[QUESTION_BYTES]) {
    text_init(t, buf, QUESTION_BYTES);
    json_write_init(w, t);
    json_open(w, '{');
}

/* ---- lines ---- */

static void agent_line(struct text *t, const struct json_doc *d, size_t agent) {
    char id[9], name[23], ip[16], status[16], version[24], node[14], line[LINE_BYTES];
    struct text l;
    cell_words(id, sizeof id - 1, d, agent, "id");
    size_t id_n = strlen(id) > 5 ? strlen(id) : 5,
           name_n = 5 + sizeof name - 1 - id_n; /* long ids are rare */
    cell_words(name, name_n, d, agent, "name");
    cell_words(ip, sizeof ip - 1, d, agent, "ip");
    cell_words(status, sizeof status - 1, d, agent, "status");
    cell_words(version, sizeof version - 1, d, agent, "version");
    cell_words(node, sizeof node - 1, d, agent, "node");
    text_init(&l, line, 81);
    text_format(&l, "%-5s %-*s %-15s %-12s %-8.8s %s", id, (int)name_n, name, ip,
                !strcmp(status, "never_connected") ? "never" : status,
                !strncmp(version, "Wazuh v", 7) ? version + 7 : version, node);
    while (l.len > 0 && line[l.len - 1] == ' ')
        l.len--;
    text_add(t, line, l.len);
    text_char(t, '\n');
}

static void heading(struct text *t, uint64_t total) {
    if (total)
        text_format(t, "%llu agent%s\n", (unsigned long long)total, total == 1 ? "" : "s");
    else
        text_str(t, "no agents\n");
    if (total)
        text_format(t, "%-5s %-22s %-15s %-12s %-8s %s\n", "ID", "NAME", "ADDRESS", "STATUS", "VERSION",
                    "NODE");
}

/* ---- the list ---- */

static void list_question(const struct options *o, struct text *t, char buf[QUESTION_BYTES],
                          const char *after, uint32_t limit) {
    struct json_write w;
    question_begin(t, &w, buf);
    for (size_t i = 0; i < AGENTS_OPTION_COUNT; i++)
        if (o->agents[i] && i != AGENTS_ID)
            json_key_str(&w, text_item(AGENTS_OPTIONS, i), o->agents[i]);
    if (o->agents[AGENTS_ID])
        json_key_list(&w, "ids", o->agents[AGENTS_ID]);
    if (after[0])
        json_key_str(&w, "after", after);
    json_key_uint(&w, "limit", limit);
    json_close(&w, '}');
}

/* Prints one page; *after becomes the last id. The number of its agents. */
static uint32_t print_page(const struct visit *v, char after[16], bool first) {
    static char lines[(PAGE + 2) * LINE_BYTES]; /* one page is printed at a time */
    const struct json_doc *d = &v->doc;
    size_t list = json_find(d, 0, "agents"), total = json_find(d, 0, "total");
    size_t at = list ? json_first(d, list) : 0;
    uint32_t count = at ? d->tokens[list].size : 0;
    uint64_t all = 0;
    struct text t;
    text_init(&t, lines, sizeof lines);
    if (total)
        json_get_uint(d, total, UINT32_MAX, &all);
    if (first && !v->o->json)
        heading(&t, all);
    for (uint32_t k = 0; k < count; k++, at = d->tokens[at].next) {
        cell_words(after, 15, d, at, "id");
        if (!v->o->json) {
            agent_line(&t, d, at);
            continue;
        }
        print_bytes(first && !k ? "" : ",\n", first && !k ? 0 : 2);
        print_bytes(d->text + d->tokens[at].start, d->tokens[at].end - d->tokens[at].start);
    }
    print_bytes(t.buf, t.len);
    return count;
}

/* An answer whose agents have more groups than there are tokens for is asked for again in smaller pages. */
static int list(struct visit *v) {
    char buf[QUESTION_BYTES], after[16] = "";
    uint32_t limit = PAGE;
    bool first = true, more = true;
    struct text t;
    while (more) {
        list_question(v->o, &t, buf, after, limit);
        enum err err = ask(v, "get_agents", &t, AGENTS_LIST_MS);
        if (err == E_SPACE && limit > 1) {
            limit = limit > 4 ? limit / 4 : 1;
            continue;
        }
        if (err)
            return visit_fail(v, err);
        size_t i = json_find(&v->doc, 0, "more");
        if (first && v->o->json)
            print_bytes("[", 1);
        more = print_page(v, after, first) > 0 && i && json_is_true(&v->doc, i);
        first = false;
    }
    if (v->o->json)
        print_bytes("]\n", 2);
    return STATUS_OK;
}

/* ---- edits ---- */

static int say_done(const struct visit *v) {
    const struct json_doc *d = &v->doc;
    char id[16], name[129], ip[64], key[129];
    if (v->o->json) {
        print("%.*s\n", (int)d->len, d->text);
        return STATUS_OK;
    }
    cell_words(id, sizeof id - 1, d, 0, "id");
    cell_words(name, sizeof name - 1, d, 0, "name");
    cell_words(ip, sizeof ip - 1, d, 0, "ip");
    cell_words(key, sizeof key - 1, d, 0, "key");
    switch (v->o->action) {
    case AGENTS_ADD:
        print("agent %s %s was added\n", id, name);
        if (key[0])
            print("%s %s %s %s\n", id, name, ip, key);
        break;
    case AGENTS_REMOVE:
        print("agent %s %s was removed\n", id, name);
        break;
    default:
        print("agent %s %s has its groups\n", id, name);
        break;
    }
    return STATUS_OK;
}

static int edit(struct visit *v) {
    static const char commands[][11] = {"", "add_agent", "del_agent", "set_groups"};
    const struct options *o = v->o;
    char buf[QUESTION_BYTES];
    struct json_write w;
    struct text t;
    question_begin(&t, &w, buf);
    if (o->action == AGENTS_ADD) {
        json_key_str(&w, "name", o->word[0]);
        if (o->agents[AGENTS_IP])
            json_key_str(&w, "ip", o->agents[AGENTS_IP]);
        if (o->agents[AGENTS_ID])
            json_key_str(&w, "id", o->agents[AGENTS_ID]);
        json_key_bool(&w, "key", o->key);
    } else {
        json_key_str(&w, "id", o->word[0]);
    }
    if (o->action == AGENTS_GROUP) {
        json_key_list(&w, "groups", o->word[1]);
        json_key_str(&w, "mode", o->group_add ? "append" : o->group_remove ? "remove" : "override");
    }
    json_close(&w, '}');
    enum err err = ask(v, commands[o->action], &t, AGENTS_EDIT_MS);
    return err ? visit_fail(v, err) : say_done(v);
}

int agents_command(struct sys *sys, const struct options *o) {
    struct visit v;
    int code = visit_begin(&v, sys, o);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code; /* 1 is a refusal */
    code = o->action == AGENTS_LIST ? list(&v) : edit(&v);
    visit_close(&v);
    console_flush();
    return code;
}
