/* app/control.c - cluster_control: what its options ask of the node, and the tables made of the answers.
 *
 * Cells are measured in characters and end in blanks up to the widest and two more, as Wazuh's are. Control
 * characters, which no table needs, become '?'. */
#include "app/control.h"

#include "app/api_ask.h"
#include "app/console.h"
#include "app/scratch.h"
#include "app/visit.h"

#include <string.h>

#define FAILED 1
#define USAGE 2
#define WAIT_MS 20000u         /* timeout_cluster_request */
#define WAIT_AGENTS_MS 200000u /* timeout_dapi_request */
#define COLUMNS 6u
#define NODES_MOST 512u

/* Static: one run, and a few KB. */
static struct control_options control;
static char question[ASK_QUESTION_BYTES];

static int say_error(const char *words) {
    complain("ERROR: %s\n", words);
    return FAILED;
}

static int fail(const struct visit *v, enum err err) {
    char words[600];
    struct text t;
    struct wazuh_error w;
    text_init(&t, words, sizeof words);
    if (err == E_PEER) {
        wazuh_error_read(&w, scratch()->text, strlen(scratch()->text));
        wazuh_error_words(&t, &w);
    } else if (err == E_TIME) {
        wazuh_error_set(&w, WAZUH_INTERNAL_ERROR, 3020, NULL);
        wazuh_error_words(&t, &w);
    } else {
        text_str(&t, v->e.what);
    }
    return say_error(words);
}

/* ---- tables ---- */

struct table {
    uint32_t columns;
    size_t width[COLUMNS]; /* characters of the widest cell */
    char *rows;            /* cells, each with a NUL */
    size_t cap, n;
    bool full;     /* rows has only the beginning; the widths are of all */
    bool printing; /* rows are printed as they come: the widths are known */
};

static void table_init(struct table *t, char *rows, size_t cap, const char *headers) {
    *t = (struct table){.rows = rows, .cap = cap};
    for (const char *h = headers; *h; h += strlen(h) + 1)
        t->width[t->columns++] = strlen(h);
}

static void print_cell(const struct table *t, uint32_t column, const char *s) {
    size_t shown = 0;
    for (size_t i = 0; s[i]; i++) {
        bool control_char = (unsigned char)s[i] < 0x20 || s[i] == 0x7f;
        print_bytes(control_char ? "?" : s + i, 1);
        shown += ((unsigned char)s[i] & 0xc0) != 0x80; /* not the rest of a character in UTF-8 */
    }
    for (; shown < t->width[column] + 2; shown++)
        print_bytes(" ", 1);
}

static void print_header(const struct table *t, const char *headers) {
    for (uint32_t c = 0; c < t->columns; c++, headers += strlen(headers) + 1)
        print_cell(t, c, headers);
    print_bytes("\n", 1);
}

static void add_cell(struct table *t, uint32_t column, const char *s) {
    size_t bytes = strlen(s) + 1, characters = 0;
    if (t->printing) {
        print_cell(t, column, s);
        if (column + 1 == t->columns)
            print_bytes("\n", 1);
        return;
    }
    for (size_t i = 0; s[i]; i++)
        characters += ((unsigned char)s[i] & 0xc0) != 0x80;
    if (characters > t->width[column])
        t->width[column] = characters;
    t->full |= bytes > t->cap - t->n;
    if (!t->full) {
        memcpy(t->rows + t->n, s, bytes);
        t->n += bytes;
    }
}

static void print_rows(const struct table *t) {
    uint32_t column = 0;
    for (size_t at = 0; at < t->n; at += strlen(t->rows + at) + 1) {
        print_cell(t, column, t->rows + at);
        column = (column + 1) % t->columns;
        if (!column)
            print_bytes("\n", 1);
    }
}

/* A value as Python's str() has it: strings as they are, the rest as JSON. */
static void value_text(const struct json_doc *d, size_t i, char *out, size_t cap) {
    size_t n = d->tokens[i].end - d->tokens[i].start;
    if (d->tokens[i].kind == JSON_STRING && !json_copy_str(d, i, out, cap, &n))
        return;
    if (!text_copy(out, cap, d->text + d->tokens[i].start, n < cap ? n : cap - 1))
        out[0] = '\0';
}

/* ---- the three lists ---- */

static void names_json(struct json_write *w, bool given, const char *const *names, uint32_t n) {
    if (!given) {
        json_null(w);
        return;
    }
    json_open(w, '[');
    for (uint32_t i = 0; i < n; i++)
        json_str(w, names[i]);
    json_close(w, ']');
}

static enum err ask_nodes(struct visit *v) {
    struct text t;
    struct json_write w;
    text_init(&t, question, sizeof question);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key(&w, "filter_node");
    names_json(&w, control.has_nodes, control.node, control.nodes);
    json_key_uint(&w, "offset", 0);
    json_key_uint(&w, "limit", 500);
    json_key_str(&w, "sort", NULL);
    json_key_str(&w, "search", NULL);
    json_key_str(&w, "select", NULL);
    json_key_str(&w, "filter_type", "all");
    json_close(&w, '}'); /* "distinct", which a master before 4.6 refuses, is false of itself */
    return t.cut ? error_set(&v->e, E_LIMIT, 0, "too many names")
                 : visit_ask(v, "get_nodes", question, WAIT_MS);
}

static int list_nodes(struct visit *v) {
    static const char headers[] = "NAME\0TYPE\0VERSION\0ADDRESS\0";
    static char rows[32768]; /* the answer itself lies in the scratch memory */
    struct table t;
    enum err err = ask_nodes(v);
    if (err)
        return fail(v, err);
    const struct json_doc *d = &v->doc;
    size_t items = json_find(d, 0, "items"), at = items ? json_first(d, items) : 0;
    table_init(&t, rows, sizeof rows, headers);
    for (uint32_t left = at ? d->tokens[items].size : 0; left > 0; left--, at = d->tokens[at].next) {
        size_t key = json_first(d, at);
        for (uint32_t c = 0; c < t.columns; c++) { /* all values, in their own order */
            char text[256] = "";
            if (c < d->tokens[at].size) {
                value_text(d, key + 1, text, sizeof text);
                key = d->tokens[key].next;
            }
            add_cell(&t, c, text);
        }
    }
    print_header(&t, headers);
    print_rows(&t);
    return t.full ? say_error("more nodes than can be listed") : 0;
}

static enum err take_agent(void *arg, const char *json, size_t n, struct error *e) {
    static const char keys[] = "id\0name\0ip\0status\0version\0node_name\0";
    struct table *t = arg;
    struct json_token tokens[64];
    struct json_doc d;
    enum err err = json_parse(&d, json, n, tokens, 64, e);
    for (uint32_t c = 0; !err && c < COLUMNS; c++) {
        char text[512] = "unknown"; /* what an agent has not */
        size_t i = json_find(&d, 0, text_item(keys, c));
        if (i)
            value_text(&d, i, text, sizeof text);
        add_cell(t, c, text);
    }
    return err;
}

static void words_joined(struct text *t, const char *const *words, uint32_t n) {
    if (!n)
        text_str(t, "all");
    for (uint32_t i = 0; i < n; i++)
        text_format(t, "%s%s", i ? "," : "", words[i]);
}

static bool agents_question(void) {
    static const char select[] = "id\0ip\0name\0status\0node_name\0version\0";
    static char joined[4096];
    const struct api_question q = {.function = "wazuh.core.agent.Agent.get_agents_overview"};
    struct text t, j;
    struct json_write w;
    text_init(&t, question, sizeof question);
    json_write_init(&w, &t);
    api_question_open(&w, &q);
    json_key_open(&w, "filters", '{');
    text_init(&j, joined, sizeof joined);
    words_joined(&j, control.status, control.statuses);
    json_key_str(&w, "status", joined);
    bool cut = j.cut;
    text_init(&j, joined, sizeof joined);
    words_joined(&j, control.node, control.nodes);
    json_key_str(&w, "node_name", joined);
    json_close(&w, '}');
    json_key_str(&w, "limit", NULL);
    json_key_open(&w, "select", '[');
    for (size_t i = 0; i < COLUMNS; i++)
        json_str(&w, text_item(select, i));
    json_close(&w, ']');
    api_question_close(&w);
    return !t.cut && !cut && !j.cut;
}

/* The widest cells are known at the end. What does not fit the memory until then is asked for again. */
static int list_agents(struct visit *v) {
    static const char headers[] = "ID\0NAME\0IP\0STATUS\0VERSION\0NODE NAME\0";
    static const struct answer_events events = {.item = take_agent};
    static struct answer answer;
    struct table t;
    table_init(&t, scratch()->rows, sizeof scratch()->rows, headers);
    if (!agents_question())
        return say_error("too many filters");
    for (;;) {
        answer_init(&answer, &events, &t);
        enum err err = api_ask(v, question, WAIT_AGENTS_MS, &answer);
        if (err)
            return fail(v, err);
        if (answer.kind == ANSWER_EXCEPTION) {
            char words[600];
            struct text w;
            text_init(&w, words, sizeof words);
            wazuh_error_words(&w, &answer.error);
            return say_error(words);
        }
        if (t.printing)
            return 0;
        print_header(&t, headers);
        if (!t.full) {
            print_rows(&t);
            return 0;
        }
        t.printing = true;
    }
}

/* ---- health ---- */

/* Indexes of the names in the object nodes, by name. */
static uint32_t sort_nodes(const struct json_doc *d, size_t nodes, uint16_t *order) {
    uint32_t count = 0;
    size_t at = json_first(d, nodes);
    for (uint32_t left = d->tokens[nodes].size; left > 0 && count < NODES_MOST;
         left--, at = d->tokens[at].next) {
        char mine[256], other[256];
        uint32_t to = count++;
        value_text(d, at, mine, sizeof mine);
        for (; to > 0; to--) {
            value_text(d, order[to - 1], other, sizeof other);
            if (strcmp(other, mine) <= 0)
                break;
            order[to] = order[to - 1];
        }
        order[to] = (uint16_t)at;
    }
    return count;
}

/* Without -fn: of all nodes, by name, because that is what Wazuh's program asks. */
static bool health_question(const struct visit *v) {
    struct text t;
    struct json_write w;
    text_init(&t, question, sizeof question);
    json_write_init(&w, &t);
    if (control.has_nodes) {
        names_json(&w, true, control.node, control.nodes);
        return !t.cut;
    }
    const struct json_doc *d = &v->doc;
    size_t items = json_find(d, 0, "items"), at = items ? json_first(d, items) : 0;
    json_open(&w, '[');
    for (uint32_t left = at ? d->tokens[items].size : 0; left > 0; left--, at = d->tokens[at].next) {
        size_t name = json_find(d, at, "name");
        if (name)
            json_raw(&w, d->text + d->tokens[name].start - 1, /* with its quotes */
                     d->tokens[name].end - d->tokens[name].start + 2);
    }
    json_close(&w, ']');
    return !t.cut;
}

static int show_health(struct visit *v) {
    static uint16_t order[NODES_MOST];
    static char text[4096]; /* of one node */
    char cluster[256] = "", count[24] = "0";
    bool more = control.health && strlen(control.health) == 4 && (control.health[0] | 32) == 'm' &&
                (control.health[1] | 32) == 'o' && (control.health[2] | 32) == 'r' &&
                (control.health[3] | 32) == 'e';
    enum err err = visit_ask(v, "get_config", "", WAIT_MS);
    if (err)
        return fail(v, err);
    size_t i = json_find(&v->doc, 0, "name");
    if (i)
        value_text(&v->doc, i, cluster, sizeof cluster);
    if (!control.has_nodes)
        err = ask_nodes(v);
    if (!err && !health_question(v))
        err = error_set(&v->e, E_LIMIT, 0, "too many names");
    if (!err)
        err = visit_ask(v, "get_health", question, WAIT_MS);
    if (err)
        return fail(v, err);
    const struct json_doc *d = &v->doc;
    size_t nodes = json_find(d, 0, "nodes"), n = json_find(d, 0, "n_connected_nodes");
    uint32_t known = nodes ? sort_nodes(d, nodes, order) : 0;
    if (n)
        value_text(d, n, count, sizeof count);
    print("Cluster name: %s\n\n", cluster);
    print(more ? "Connected nodes (%s):\n" : "Last completed synchronization for connected nodes (%s):\n",
          count);
    for (uint32_t k = 0; k < known; k++) {
        struct text t;
        text_init(&t, text, sizeof text);
        (more ? control_health_more : control_health_brief)(&t, d, order[k], order[k] + 1u);
        print_bytes(t.buf, t.len);
    }
    print("\n");
    return 0;
}

/* ---- the program ---- */

static void usage_line(struct text *t) {
    text_str(t, "usage: cluster_control.py [-h] [-d] [-fn [FILTER_NODE ...]]\n"
                "                          [-fs [FILTER_STATUS ...]] [-a | -l | -i [HEALTH] |\n"
                "                          -u]\n");
}

static int help(void) {
    char words[1200];
    struct text t;
    text_init(&t, words, sizeof words);
    usage_line(&t);
    text_str(&t, "\noptions:\n"
                 "  -h, --help            show this help message and exit\n"
                 "  -d, --debug           Enable debug mode\n"
                 "  -fn [FILTER_NODE ...], --filter-node [FILTER_NODE ...]\n"
                 "                        Filter by node name\n"
                 "  -fs [FILTER_STATUS ...], --filter-agent-status [FILTER_STATUS ...]\n"
                 "                        Filter by agent status\n"
                 "  -a, --list-agents     List agents\n"
                 "  -l, --list-nodes      List nodes\n"
                 "  -i [HEALTH], --health [HEALTH]\n"
                 "                        Show cluster health\n"
                 "  -u, --usage           Show usage\n");
    print_bytes(t.buf, t.len);
    return 0;
}

static int usage(int code) {
    static const char words[] =
        "\n    cluster_control.py [-h] [-d] [-fn [FILTER_NODE ...]] [-fs [FILTER_STATUS ...]][-a | -l | -i "
        "[HEALTH]]\n"
        "    Usage:\n"
        "    \t-l                                    # List all nodes present in a cluster\n"
        "    \t-l -fn <node_name>                    # List certain nodes that belong to the cluster\n"
        "    \t-a                                    # List all agents connected to the cluster\n"
        "    \t-a -fn <node_name>                    # Check which agents are reporting to certain nodes\n"
        "    \t-a -fs <agent_status>                 # List agents with certain status\n"
        "    \t-a -fn <node_name> <agent_status>     # List agents reporting to certain node and with "
        "certain status\n"
        "    \t-i                                    # Check cluster health\n"
        "    \t-i -fn <node_name>                    # Check certain node's health\n"
        "\n\n"
        "    Params:\n"
        "    \t-l, --list\n"
        "    \t-d, --debug\n"
        "    \t-h, --help\n"
        "    \t-fn, --filter-node\n"
        "    \t-fs, --filter-agent-status\n"
        "    \t-a, --list-agents\n"
        "    \t-i, --health\n"
        "\n    \n";
    print_bytes(words, sizeof words - 1);
    return code;
}

static int run(struct visit *v) {
    if (control.statuses && control.action != CONTROL_AGENTS) {
        say_error("Wrong arguments.");
        return usage(FAILED);
    }
    switch (control.action) {
    case CONTROL_AGENTS:
        return list_agents(v);
    case CONTROL_NODES:
        return list_nodes(v);
    case CONTROL_HEALTH:
        if (!control.health || control.health[0]) /* -i '' asks for nothing, in Python */
            return show_health(v);
        return help();
    case CONTROL_USAGE:
        return usage(0);
    default:
        return help();
    }
}

/* "/var/ossec/bin/cluster_control" lies in its installation, as Wazuh's does. */
static const char *own_root(const char *program) {
    static char root[512];
    static const char tail[] = "/bin/cluster_control";
    size_t n = strlen(program), t = sizeof tail - 1;
    bool inside = program[0] == '/' && n > t && !strcmp(program + n - t, tail);
    return inside && text_copy(root, sizeof root, program, n - t) ? root : ROOT_DEFAULT;
}

int control_command(struct sys *sys, const struct options *o) {
    struct options at = *o;
    struct error e;
    struct visit v;
    if (control_parse(&control, o->argc, o->argv, &e)) {
        char words[400];
        struct text t;
        text_init(&t, words, sizeof words);
        usage_line(&t);
        text_format(&t, "cluster_control.py: error: %s\n", e.what);
        complain("%s", words);
        return USAGE;
    }
    int code = 0;
    if (control.action == CONTROL_HELP) {
        code = help();
        console_flush();
        return code;
    }
    at.root = control.root ? control.root : own_root(o->argv[0]);
    enum status_code there = visit_open(&v, sys, &at);
    if (there == STATUS_STOPPED || there == STATUS_DIED)
        return say_error("Cluster is not running.");
    if (there) {
        const char *colon = strstr(v.why, ": ");
        return say_error(colon ? colon + 2 : v.why);
    }
    if (control.debug)
        complain("DEBUG: asking the node in %s\n", at.root);
    code = run(&v);
    visit_close(&v);
    return console_flush() ? code : FAILED;
}
