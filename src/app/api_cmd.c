/* app/api_cmd.c - a request of the distributed API made of a command line, and its answer: as it came with
 * --json, else for people (app/api_view.h). How a function is asked for is looked up in the same tables that
 * the node serves it from; of others the command line says it, or it is local_master. */
#include "app/api_cmd.h"

#include "api/call.h"
#include "app/api_view.h"
#include "app/console.h"
#include "app/scratch.h"

#include <string.h>

#define BAD_USAGE 2
#define VALUE_TOKENS 1024u

static char question[ASK_QUESTION_BYTES]; /* static: one question, and too much for the stack */

/* ---- the list ---- */

static const struct api_table *const tables[] = {&api_manager_functions, &api_log_functions,
                                                 &api_stats_functions, &api_cluster_functions,
                                                 &api_agent_functions};
static const char types[] = "local_master\0local_any\0distributed_master\0"; /* as enum api_type */

static void list_row(const struct api_function *f, bool json, bool first) {
    char line[1024];
    struct text t;
    struct json_write w;
    text_init(&t, line, sizeof line);
    if (json) {
        json_write_init(&w, &t);
        json_open(&w, '{');
        json_key_str(&w, "function", f->name);
        json_key_str(&w, "type", text_item(types, f->type));
        json_key_open(&w, "arguments", '[');
        for (const char *a = f->arguments; *a; a += strlen(a) + 1)
            json_str(&w, a);
        json_close(&w, ']');
        json_close(&w, '}');
        print("%s%s", first ? "" : ",\n", line);
        return;
    }
    text_format(&t, "%s  (%s)", f->name, text_item(types, f->type));
    print("%s\n", line);
    text_init(&t, line, sizeof line);
    for (const char *a = f->arguments; *a; a += strlen(a) + 1) {
        if (t.len + strlen(a) > 74) {
            print("   %s\n", line);
            text_init(&t, line, sizeof line);
        }
        text_format(&t, " %s", a);
    }
    if (t.len)
        print("   %s\n", line);
}

static int list(bool json) {
    bool first = true;
    print("%s", json ? "[" : "");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (size_t k = 0; k < tables[i]->count; k++, first = false)
            list_row(&tables[i]->functions[k], json, first);
    print("%s", json ? "]\n" : "Any other function: an executable of that name in the handlers folder.\n");
    console_flush();
    return 0;
}

/* ---- the question ---- */

static void add_ids(struct json_write *w, const char *words) {
    if (!strcmp(words, "*") || !strcmp(words, "all"))
        json_key_str(w, "agent_list", "*");
    else
        json_key_list(w, "agent_list", words);
}

/* key=value: JSON if it is, else a string. */
static bool add_argument(struct json_write *w, const char *word) {
    static struct json_token tokens[VALUE_TOKENS];
    struct json_doc d;
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return false;
    const char *value = equals + 1;
    json_key_n(w, word, (size_t)(equals - word));
    if (json_parse(&d, value, strlen(value), tokens, VALUE_TOKENS, NULL) == E_OK)
        json_raw(w, value, strlen(value));
    else
        json_str(w, value);
    return true;
}

/* One node is node_id, several node_list; "*" or "all", and nobody named, are all nodes (dapi.py of 4.14.7).
 */
static void add_nodes(struct json_write *w, const struct options *o, bool everywhere) {
    if (everywhere) {
        json_key_str(w, "node_list", "*");
    } else if (o->nodes == 1) {
        json_key_str(w, "node_id", o->node[0]);
    } else if (o->nodes) {
        json_key_open(w, "node_list", '[');
        for (uint32_t i = 0; i < o->nodes; i++)
            json_str(w, o->node[i]);
        json_close(w, ']');
    }
}

/* The nodes there are: real masters judge permissions by them ("nodes", reference, section 15). */
static void add_known_nodes(struct json_write *w, const struct json_doc *d) {
    size_t items = json_find(d, 0, "items"), at = items ? json_first(d, items) : 0;
    json_key_open(w, "nodes", '[');
    for (uint32_t left = at ? d->tokens[items].size : 0; left > 0; left--, at = d->tokens[at].next) {
        size_t name = json_find(d, at, "name");
        if (name && d->tokens[name].kind == JSON_STRING)
            json_raw(w, d->text + d->tokens[name].start - 1, /* with its quotes */
                     d->tokens[name].end - d->tokens[name].start + 2);
    }
    json_close(w, ']');
}

/* Does the command line say which agents it is about? Their nodes are then found by the master. */
static bool names_agents(const struct options *o) {
    bool named = o->ids != NULL;
    for (uint8_t i = 1; i < o->words; i++)
        named |= !strncmp(o->word[i], "agent_list=", 11) || !strncmp(o->word[i], "agent_id=", 9);
    return named;
}

/* Nobody named means this node: what one forgets to say must not restart a whole cluster. */
static const char *type_of(const struct options *o, const struct api_function *f) {
    enum api_type type = f ? f->type : o->nodes ? API_DISTRIBUTED : API_LOCAL_MASTER;
    if (o->type)
        return o->type;
    return text_item(types, type == API_DISTRIBUTED && !o->nodes && !names_agents(o) ? API_LOCAL_ANY : type);
}

/* nodes: get_nodes' answer, or NULL. */
static int make_question(const struct options *o, const struct json_doc *nodes) {
    const struct api_function *f = api_function_find(o->word[0]);
    struct api_question q = {.function = o->word[0], .type = type_of(o, f)};
    q.is_async = f && f->is_async;
    q.local_client_arg = f ? f->local_client_arg : NULL;
    if (text_find(types, q.type) < 0) {
        complain("picket: api: there is no type '%s': local_any, local_master, distributed_master\n", q.type);
        return BAD_USAGE;
    }
    bool all = o->nodes == 1 && (!strcmp(o->node[0], "*") || !strcmp(o->node[0], "all"));
    bool distributed = !strcmp(q.type, "distributed_master");
    q.broadcasting = all || (distributed && !o->nodes && !names_agents(o));
    struct text t;
    struct json_write w;
    text_init(&t, question, sizeof question);
    json_write_init(&w, &t);
    api_question_open(&w, &q);
    for (uint8_t i = 1; i < o->words; i++)
        if (!add_argument(&w, o->word[i])) {
            complain("picket: api: '%s' is not KEY=VALUE\n", o->word[i]);
            return BAD_USAGE;
        }
    if (o->ids)
        add_ids(&w, o->ids);
    add_nodes(&w, o, q.broadcasting);
    json_close(&w, '}');
    if (nodes)
        add_known_nodes(&w, nodes);
    json_close(&w, '}');
    if (t.cut) {
        complain("picket: api: a request of more than %u bytes\n", ASK_QUESTION_BYTES);
        return BAD_USAGE;
    }
    return 0;
}

/* ---- the answer ---- */

struct raw {
    struct answer *answer;
};

/* Passed on as it comes; read all the same, for the exit code. */
static enum err take_raw(void *arg, const char *bytes, size_t n, struct error *e) {
    struct raw *r = arg;
    print_bytes(bytes, n);
    return answer_take(r->answer, bytes, n, e);
}

static enum err ignore_item(void *arg, const char *json, size_t n, struct error *e) {
    (void)arg, (void)json, (void)n, (void)e;
    return E_OK;
}

static int answer_json(struct visit *v, uint32_t wait_ms, struct answer *a) {
    static const struct answer_events nothing = {.item = ignore_item};
    struct raw raw = {a};
    struct ask_sink sink = {.take = take_raw, .arg = &raw};
    struct scratch *s = scratch();
    answer_init(a, &nothing, NULL);
    v->ask.deadline_ms = sys_mono_ms(v->ask.sys) + wait_ms;
    enum err err = ask_string(&v->ask, "dapi", question, &sink, s->text, sizeof s->text, &v->e);
    if (!err)
        err = answer_finish(a, &v->e);
    if (err)
        return visit_fail(v, err);
    print("\n");
    return a->failed || a->kind == ANSWER_EXCEPTION || a->kind == ANSWER_OTHER;
}

static int answer_view(struct visit *v, uint32_t wait_ms, struct answer *a) {
    static struct api_view view;
    api_view_init(&view);
    answer_init(a, &api_view_events, &view);
    enum err err = api_ask(v, question, wait_ms, a);
    return err ? visit_fail(v, err) : api_view_finish(&view, a);
}

int api_command(struct sys *sys, const struct options *o) {
    static struct answer answer;
    struct visit v;
    if (o->list)
        return list(o->json);
    int code = make_question(o, NULL); /* a bad command line is told before anybody is asked */
    if (!code)
        code = visit_begin(&v, sys, o);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code;
    static const char all_nodes[] = "{\"filter_node\": null, \"offset\": 0, \"limit\": 500, \"sort\": null, "
                                    "\"search\": null, \"select\": null, \"filter_type\": \"all\"}";
    if (!visit_ask(&v, "get_nodes", all_nodes, VISIT_LIST_MS) && make_question(o, &v.doc))
        return BAD_USAGE;
    uint32_t wait_ms = o->timeout_s ? o->timeout_s * 1000 : API_WAIT_MS;
    code = (o->json ? answer_json : answer_view)(&v, wait_ms, &answer);
    visit_close(&v);
    console_flush();
    return code;
}
